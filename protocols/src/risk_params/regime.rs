//! Named rights: a rule per parameter, and what is legal under them.

use super::{
    AtOnce, Direction, Move, PendingChange, RiskChange, RiskError, RiskParam, Rule, Standing, Step,
    apply, standing,
};
use crate::lending::MarketState;
use crate::reserve::Reserve;
use serde::{Deserialize, Serialize};

/// Which rights a regime stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RegimeName {
    /// Small moves, days apart, as production allows.
    Steward,
    /// Freeze, LTV to zero, caps, at once.
    Guardian,
}

/// The rights of a risk policy: a rule per parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskRegime {
    /// Which rights it stands for.
    pub name: RegimeName,
    /// Rule of [`RiskParam::Ltv`].
    pub ltv: Rule,
    /// Rule of [`RiskParam::LiquidationThreshold`].
    pub liquidation_threshold: Rule,
    /// Rule of [`RiskParam::LiquidationBonus`].
    pub liquidation_bonus: Rule,
    /// Rule of [`RiskParam::SupplyCap`].
    pub supply_cap: Rule,
    /// Rule of [`RiskParam::BorrowCap`].
    pub borrow_cap: Rule,
    /// Rule of [`RiskParam::CloseFactor`].
    pub close_factor: Rule,
    /// Rule of [`RiskParam::Frozen`].
    pub frozen: Rule,
    /// Rule of [`RiskParam::Oracle`], where a reserve has two.
    pub oracle: Rule,
    /// Rule of [`RiskParam::ToxicStop`], where the market has a liquidation design.
    pub toxic_stop: Rule,
    /// Rule of [`RiskParam::BonusAtLine`], likewise.
    pub bonus_at_line: Rule,
    /// Rule of [`RiskParam::FullBonusAt`], likewise.
    pub full_bonus_at: Rule,
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

const fn absolute(size: u64) -> Step {
    Step::Absolute(size)
}

/// A rule by its figures: no brake, no delay, a policy's step as far as a raise may go.
const fn rule(floor: u64, ceil: u64, raise: Step, cut: Step, min_interval_secs: u64) -> Rule {
    Rule {
        enabled: true,
        floor,
        ceil,
        max_raise: raise,
        max_cut: cut,
        policy_step: raise,
        at_once: AtOnce::Never,
        min_interval_secs,
        delay_secs: 0,
    }
}

impl RiskRegime {
    /// What Aave's Risk Stewards allow a policy in production: LTV, threshold and bonus by ±0.50 %
    /// (absolute), caps by ±100 % of their value, never to zero, three days between two changes of a
    /// parameter, in force at once. Freezing, the close factor, oracles and the design of liquidations are
    /// not theirs to move. Bounds beyond "never to zero": LTV and threshold to 95 %, bonus to 25 %. A
    /// policy's step is the whole half percent, and a quarter of a cap.
    #[must_use]
    pub const fn steward() -> Self {
        let half_percent = Step::Absolute(50);
        let double = Step::RelativeBps(10_000);
        let cap = Rule {
            policy_step: Step::RelativeBps(2_500),
            ..rule(1, u64::MAX, double, double, 3 * DAY)
        };
        let never = Rule { enabled: false, ..rule(0, 1, Step::Absolute(0), Step::Absolute(0), 0) };
        Self {
            name: RegimeName::Steward,
            ltv: rule(1, 9_500, half_percent, half_percent, 3 * DAY),
            liquidation_threshold: rule(1, 9_500, half_percent, half_percent, 3 * DAY),
            liquidation_bonus: rule(1, 2_500, half_percent, half_percent, 3 * DAY),
            supply_cap: cap,
            borrow_cap: cap,
            close_factor: never,
            frozen: never,
            oracle: never,
            toxic_stop: never,
            bonus_at_line: never,
            full_bonus_at: never,
        }
    }
    /// An emergency guardian's rights, all without delay:
    ///
    /// | parameter | bounds | up, down per change | between changes | at once |
    /// |---|---|---|---|---|
    /// | LTV | 0 – 85 % | 5 %, 5 % | 1 h | to 0 |
    /// | liquidation threshold | 10 – 92 % | 2 %, **1 %** | 1 h up and down | – |
    /// | liquidation bonus | 1 – 20 % | 1 %, 1 % | 1 h | – |
    /// | caps | 1 token – none | ×2, ÷2 | 1 h | to 1 token |
    /// | close factor | 25 – 100 % | 25 %, 25 % | 1 h | – |
    /// | frozen | 0 – 1 | | 1 h to unfreeze | freeze |
    /// | oracle | 0 – 1 | | 1 h to go back | to the other |
    /// | toxic stop | 0 – 1 | | 1 h | – |
    /// | bonus at the line | 0 – 100 % | 25 %, 25 % | 1 h | – |
    /// | health of the whole bonus | 50 – 99 % | 5 %, 5 % | 1 h | – |
    ///
    /// A threshold falls slowly because its fall liquidates people: 1 % an hour gives a borrower time
    /// to top up. A policy's step is the full move.
    #[must_use]
    pub const fn guardian() -> Self {
        let cap = Rule {
            at_once: AtOnce::Floor,
            ..rule(1, u64::MAX, Step::RelativeBps(10_000), Step::RelativeBps(5_000), HOUR)
        };
        Self {
            name: RegimeName::Guardian,
            ltv: Rule {
                at_once: AtOnce::Floor,
                ..rule(0, 8_500, absolute(500), absolute(500), HOUR)
            },
            liquidation_threshold: rule(1_000, 9_200, absolute(200), absolute(100), HOUR),
            liquidation_bonus: rule(100, 2_000, absolute(100), absolute(100), HOUR),
            supply_cap: cap,
            borrow_cap: cap,
            close_factor: rule(2_500, 10_000, absolute(2_500), absolute(2_500), HOUR),
            frozen: Rule { at_once: AtOnce::Ceil, ..rule(0, 1, absolute(1), absolute(1), HOUR) },
            oracle: Rule { at_once: AtOnce::Ceil, ..rule(0, 1, absolute(1), absolute(1), HOUR) },
            toxic_stop: rule(0, 1, absolute(1), absolute(1), HOUR),
            bonus_at_line: rule(0, 10_000, absolute(2_500), absolute(2_500), HOUR),
            full_bonus_at: rule(5_000, 9_900, absolute(500), absolute(500), HOUR),
        }
    }
    /// The rule of a parameter.
    #[must_use]
    pub const fn rule(&self, param: RiskParam) -> &Rule {
        match param {
            RiskParam::Ltv => &self.ltv,
            RiskParam::LiquidationThreshold => &self.liquidation_threshold,
            RiskParam::LiquidationBonus => &self.liquidation_bonus,
            RiskParam::SupplyCap => &self.supply_cap,
            RiskParam::BorrowCap => &self.borrow_cap,
            RiskParam::CloseFactor => &self.close_factor,
            RiskParam::Frozen => &self.frozen,
            RiskParam::Oracle => &self.oracle,
            RiskParam::ToxicStop => &self.toxic_stop,
            RiskParam::BonusAtLine => &self.bonus_at_line,
            RiskParam::FullBonusAt => &self.full_bonus_at,
        }
    }
    /// The value one policy step from `current` ([`Rule::step_value`]): what a learned action's "up" or
    /// "down" means.
    #[must_use]
    pub fn step_value(&self, param: RiskParam, current: u64, direction: Direction) -> u64 {
        self.rule(param).step_value(current, direction)
    }
    /// Whether a change is allowed at `now`.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn legal(
        &self,
        reserves: &[Reserve],
        state: &MarketState,
        change: &RiskChange,
        now: u64,
    ) -> Result<(), RiskError> {
        let Standing { value, last } = standing(reserves, state, change.reserve, change.param)?;
        let rule = self.rule(change.param);
        rule.allows(value, change.value, last, now)?;
        if let Some(index) = change.reserve {
            let mut after = reserves[usize::from(index)];
            apply::to_reserve(&mut after, change, now)?;
        }
        let same = |p: &PendingChange| {
            p.change.reserve == change.reserve && p.change.param == change.param
        };
        if state.pending.iter().any(same) {
            return Err(RiskError::AlreadyQueued);
        }
        if rule.delay_secs != 0 && state.pending.is_full() {
            return Err(RiskError::QueueFull);
        }
        Ok(())
    }
    /// The change that moves a parameter by one policy step, or a part of one, if it is allowed at `now`. A
    /// step that would put LTV above the threshold, or the threshold above what the bonus allows, stops where they meet.
    ///
    /// # Errors
    /// Why it is not allowed.
    pub fn step(
        &self,
        reserves: &[Reserve],
        state: &MarketState,
        reserve: Option<u16>,
        param: RiskParam,
        how: impl Into<Move>,
        now: u64,
    ) -> Result<RiskChange, RiskError> {
        let Move { direction, part } = how.into();
        let current = standing(reserves, state, reserve, param)?.value;
        let whole = self.step_value(param, current, direction);
        let distance = part.of(whole.abs_diff(current));
        let mut value = match direction {
            Direction::Up => current + distance,
            Direction::Down => current - distance,
        };
        if let Some(index) = reserve {
            let config = &reserves[usize::from(index)].config;
            let (ltv, threshold) =
                (u64::from(config.ltv.0), u64::from(config.liquidation_threshold.0));
            let bonus = u64::from(config.liquidation_bonus.0);
            match (param, direction) {
                (RiskParam::Ltv, Direction::Up) => value = value.min(threshold).max(current),
                (RiskParam::LiquidationThreshold, Direction::Down) => {
                    value = value.max(ltv).min(current);
                }
                (RiskParam::LiquidationThreshold, Direction::Up) => {
                    value = value.min(100_000_000 / (10_000 + bonus)).max(current);
                }
                (RiskParam::LiquidationBonus, Direction::Up) => {
                    let most = (100_000_000 / threshold.max(1)).saturating_sub(10_000);
                    value = value.min(most).max(current);
                }
                _ => {}
            }
        }
        let change = RiskChange { reserve, param, value };
        self.legal(reserves, state, &change, now)?;
        Ok(change)
    }
    /// The change that takes a parameter to the bound that its rule lets it reach at any time, if it is
    /// allowed at `now`: the emergency brake.
    ///
    /// # Errors
    /// Why it is not allowed.
    pub fn brake(
        &self,
        reserves: &[Reserve],
        state: &MarketState,
        reserve: Option<u16>,
        param: RiskParam,
        now: u64,
    ) -> Result<RiskChange, RiskError> {
        let value = self.rule(param).brake_value().ok_or(RiskError::NotAllowed)?;
        let change = RiskChange { reserve, param, value };
        self.legal(reserves, state, &change, now)?;
        Ok(change)
    }
    /// Does to a copy of a market what proposing a legal change does to the market: changes it, or
    /// queues the change where its rule has a delay. For planning several changes in a row.
    ///
    /// # Errors
    /// No such reserve, a full queue, or figures that would not fit together.
    pub fn enact(
        &self,
        reserves: &mut [Reserve],
        state: &mut MarketState,
        change: &RiskChange,
        now: u64,
    ) -> Result<(), RiskError> {
        let delay = self.rule(change.param).delay_secs;
        if delay != 0 {
            let waiting = PendingChange { change: *change, ready_at: now.saturating_add(delay) };
            return state.pending.try_push(waiting).map_err(|_full| RiskError::QueueFull);
        }
        match change.reserve {
            Some(index) => {
                let slot = reserves.get_mut(usize::from(index)).ok_or(RiskError::NoSuchReserve)?;
                apply::to_reserve(slot, change, now)
            }
            None => apply::to_market(state, change, now),
        }
    }
}
