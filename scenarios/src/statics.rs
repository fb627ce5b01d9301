//! Constant parameters: a policy that is set once, before the first block, and never moved.
//!
//! The search may set what a risk policy of the same regime may ever reach, no more: the bounds are
//! the regime's own.

mod coordinates;

pub use coordinates::Coordinates;

use crate::stats::Draw;
use markets::units::Bps;
use protocols::lending::{MarketState, Pooled};
use protocols::reserve::Reserve;
use protocols::risk_params::{RiskChange, RiskParam};
use serde::{Deserialize, Serialize};
use sim::action::Side;

/// Constant parameters, as changes of the deployed ones; empty for "as deployed".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticParams(pub Vec<RiskChange>);

impl StaticParams {
    /// Sets them in a market that has not begun.
    pub fn apply(&self, market: &mut Pooled) {
        for change in &self.0 {
            match change.reserve {
                None => set_of_market(&mut market.state, change.param, change.value),
                Some(i) => {
                    if let Some(reserve) = market.reserves.get_mut(usize::from(i)) {
                        set(reserve, change.param, change.value);
                    }
                }
            }
        }
    }

    /// A line for reports: what differs from the deployed parameters, `symbols` being those of the
    /// reserves.
    #[must_use]
    pub fn describe(&self, symbols: &[&str]) -> String {
        if self.0.is_empty() {
            return "as deployed".to_owned();
        }
        let parts: Vec<String> = self
            .0
            .iter()
            .map(|change| {
                let symbol = change.reserve.and_then(|i| symbols.get(usize::from(i)));
                let whose = symbol.copied().unwrap_or("market");
                format!("{whose} {:?} = {}", change.param, change.value)
            })
            .collect();
        parts.join(", ")
    }

    /// Candidate number `index` of a search: each parameter keeps its deployed value or takes a random
    /// one within the regime's bounds; parameters of another side than `side` keep theirs. Candidate 0 is the deployed parameters themselves.
    #[must_use]
    pub fn random(deployed: &Pooled, side: Side, seed: u64, index: u64) -> Self {
        if index == 0 {
            return Self::default();
        }
        let mut draw = Draw::at(seed, index);
        // Few changes and many changes are both worth trying.
        let rate = 0.1 + 0.6 * draw.unit();
        Self::default().perturbed(deployed, side, &mut draw, (rate, 1.0))
    }

    /// A neighbour: each parameter is redrawn with probability 0.15, near its value here.
    #[must_use]
    pub fn neighbour(&self, deployed: &Pooled, side: Side, seed: u64, index: u64) -> Self {
        let mut draw = Draw::at(seed, index);
        self.perturbed(deployed, side, &mut draw, (0.15, 0.3))
    }

    fn perturbed(
        &self,
        deployed: &Pooled,
        side: Side,
        draw: &mut Draw,
        (rate, reach): (f64, f64),
    ) -> Self {
        let mut market = deployed.clone();
        self.apply(&mut market);
        let regime = &deployed.regime;
        let is_free = |param: RiskParam| regime.rule(param).enabled && side.holds(param);
        if draw.unit() < rate && is_free(RiskParam::CloseFactor) {
            let rule = regime.close_factor;
            let now = u64::from(market.state.close_factor.0);
            market.state.close_factor = Bps(moved(draw, now, rule.floor, rule.ceil, reach) as u32);
        }
        if market.state.design.is_some() {
            for param in [RiskParam::ToxicStop, RiskParam::BonusAtLine, RiskParam::FullBonusAt] {
                let rule = regime.rule(param);
                let chosen = draw.unit() < rate;
                let now = get_of_market(&market.state, param);
                let value = match param {
                    RiskParam::ToxicStop => u64::from(draw.unit() < 0.5),
                    _ => moved(draw, now, rule.floor, rule.ceil, reach),
                };
                if chosen && is_free(param) {
                    set_of_market(&mut market.state, param, value);
                }
            }
        }
        for reserve in &mut market.reserves {
            for param in params_of(reserve) {
                let rule = regime.rule(param);
                // Both draws are made whatever comes of them, so that candidates stay comparable.
                let chosen = draw.unit() < rate;
                let now = get(reserve, param);
                let value = match param {
                    RiskParam::Frozen => u64::from(draw.unit() < 0.3),
                    RiskParam::Oracle => u64::from(draw.unit() < 0.5),
                    RiskParam::SupplyCap | RiskParam::BorrowCap => {
                        scaled(draw, now, rule.floor, rule.ceil, reach)
                    }
                    _ => moved(draw, now, rule.floor, rule.ceil, reach),
                };
                if chosen && is_free(param) {
                    set(reserve, param, value);
                }
            }
            make_coherent(reserve, side);
        }
        Self::difference(deployed, &market)
    }

    fn difference(deployed: &Pooled, market: &Pooled) -> Self {
        let mut changes = Vec::new();
        for param in RiskParam::ALL.into_iter().filter(|p| p.is_market_wide()) {
            let value = get_of_market(&market.state, param);
            if get_of_market(&deployed.state, param) != value {
                changes.push(RiskChange { reserve: None, param, value });
            }
        }
        for (i, (before, after)) in deployed.reserves.iter().zip(&market.reserves).enumerate() {
            for param in params_of(after) {
                let value = get(after, param);
                if get(before, param) != value {
                    changes.push(RiskChange { reserve: Some(i as u16), param, value });
                }
            }
        }
        Self(changes)
    }
}

/// A value within `reach` of the way to the bounds; zero (LTV 0) in one case of six.
fn moved(draw: &mut Draw, now: u64, floor: u64, ceil: u64, reach: f64) -> u64 {
    let (u, zero) = (draw.unit(), draw.unit() < 1.0 / 6.0);
    if zero && reach >= 1.0 {
        return floor;
    }
    let now = now.clamp(floor, ceil) as f64;
    let low = now - (now - floor as f64) * reach;
    let high = now + (ceil as f64 - now) * reach;
    ((low + u * (high - low)) as u64).clamp(floor, ceil)
}

/// A cap scaled by up to two orders of magnitude down, one up; none stays none.
fn scaled(draw: &mut Draw, now: u64, floor: u64, ceil: u64, reach: f64) -> u64 {
    let exponent = (draw.unit() * 3.0 - 2.0) * reach;
    if now == 0 {
        return 0; // No cap.
    }
    ((now as f64 * libm::pow(10.0, exponent)) as u64).clamp(floor.max(1), ceil)
}

/// Keeps LTV below the threshold and the threshold below 1 / (1 + bonus); the bonus gives way where the threshold
/// is another side's.
fn make_coherent(reserve: &mut Reserve, side: Side) {
    let config = &mut reserve.config;
    if !side.holds(RiskParam::LiquidationThreshold) {
        let most = 100_000_000 / config.liquidation_threshold.0.max(1);
        config.liquidation_bonus = config.liquidation_bonus.min(Bps(most.saturating_sub(10_000)));
        return;
    }
    if config.liquidation_threshold.0 == 0 {
        config.ltv = Bps(0);
        return;
    }
    let most = 100_000_000 / (10_000 + config.liquidation_bonus.0);
    config.liquidation_threshold = config.liquidation_threshold.min(Bps(most));
    config.ltv = config.ltv.min(config.liquidation_threshold);
}

/// The parameters that a reserve has, in the order of [`RiskParam::ALL`].
fn params_of(reserve: &Reserve) -> impl Iterator<Item = RiskParam> + use<> {
    let has_two = reserve.other_oracle.is_some();
    let own = RiskParam::ALL.into_iter().filter(|p| !p.is_market_wide());
    own.filter(move |param| has_two || *param != RiskParam::Oracle)
}

fn get_of_market(state: &MarketState, param: RiskParam) -> u64 {
    let design = state.design.as_ref();
    match param {
        RiskParam::CloseFactor => state.close_factor.0.into(),
        RiskParam::ToxicStop => design.map_or(0, |d| d.stops_when_toxic.into()),
        RiskParam::BonusAtLine => design.map_or(0, |d| d.bonus_at_line.0.into()),
        RiskParam::FullBonusAt => design.map_or(0, |d| d.full_bonus_at.0.into()),
        _ => 0,
    }
}

fn set_of_market(state: &mut MarketState, param: RiskParam, value: u64) {
    match (param, &mut state.design) {
        (RiskParam::CloseFactor, _) => state.close_factor = Bps(value as u32),
        (RiskParam::ToxicStop, Some(design)) => design.stops_when_toxic = value != 0,
        (RiskParam::BonusAtLine, Some(design)) => design.bonus_at_line = Bps(value as u32),
        (RiskParam::FullBonusAt, Some(design)) => design.full_bonus_at = Bps(value as u32),
        _ => {}
    }
}

fn get(reserve: &Reserve, param: RiskParam) -> u64 {
    let config = &reserve.config;
    match param {
        RiskParam::Ltv => config.ltv.0.into(),
        RiskParam::LiquidationThreshold => config.liquidation_threshold.0.into(),
        RiskParam::LiquidationBonus => config.liquidation_bonus.0.into(),
        RiskParam::SupplyCap => config.supply_cap,
        RiskParam::BorrowCap => config.borrow_cap,
        RiskParam::Frozen => config.frozen.into(),
        RiskParam::Oracle => reserve.other_oracle.is_some_and(|other| other.is_read).into(),
        RiskParam::CloseFactor
        | RiskParam::ToxicStop
        | RiskParam::BonusAtLine
        | RiskParam::FullBonusAt => 0,
    }
}

fn set(reserve: &mut Reserve, param: RiskParam, value: u64) {
    let config = &mut reserve.config;
    match param {
        RiskParam::Ltv => config.ltv = Bps(value as u32),
        RiskParam::LiquidationThreshold => config.liquidation_threshold = Bps(value as u32),
        RiskParam::LiquidationBonus => config.liquidation_bonus = Bps(value as u32),
        RiskParam::SupplyCap => config.supply_cap = value,
        RiskParam::BorrowCap => config.borrow_cap = value,
        RiskParam::Frozen => config.frozen = value != 0,
        RiskParam::Oracle => reserve.read_other_oracle(value != 0),
        RiskParam::CloseFactor
        | RiskParam::ToxicStop
        | RiskParam::BonusAtLine
        | RiskParam::FullBonusAt => {}
    }
}
