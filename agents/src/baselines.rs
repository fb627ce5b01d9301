//! Risk policies that are written down: what a learned one is held against, with the same eyes and hands.

mod gauntlet_caps;
mod greedy;
mod sight;

pub use gauntlet_caps::GauntletCaps;
pub use greedy::Greedy;

use crate::policy::{RiskPolicy, is_legal, offset_of, seen};
use libm::{exp, sqrt};
use protocols::risk_params::{Direction, RiskParam, Rule};
use sight::{dollars, market_usd};
use sim::action::{DOWN, HOLD, RESERVE_ACTIONS, UP, stepped};

/// Position, among a reserve's heads, of the brake.
fn brake() -> Option<usize> {
    RESERVE_ACTIONS.iter().position(|field| field.is_brake)
}

/// A reserve's head.
const fn head_of(reserve: usize, offset: usize) -> usize {
    reserve * RESERVE_ACTIONS.len() + offset
}

/// Takes a choice where it is legal.
pub(crate) fn choose(mask: &[f32], action: &mut [f32], head: usize, choice: usize) {
    if is_legal(mask, head, choice)
        && let Some(slot) = action.get_mut(head)
    {
        *slot = choice as f32;
    }
}

/// Steps a reserve's LTV where that lands nearer to `goal` (a ratio) than it is.
pub(crate) fn steer_ltv(
    rule: &Rule,
    reserve: usize,
    goal: f64,
    (obs, mask): (&[f32], &[f32]),
    action: &mut [f32],
) {
    let Some(offset) = offset_of(RiskParam::Ltv) else { return };
    let Some(ltv) = seen(obs, reserve, "ltv") else { return };
    let (choice, direction) =
        if goal < ltv { (DOWN, Direction::Down) } else { (UP, Direction::Up) };
    let now_bps = (ltv * 1e4).round() as u64;
    let landing = stepped(rule, now_bps, direction) as f64 / 1e4;
    if (landing - goal).abs() < (ltv - goal).abs() {
        choose(mask, action, head_of(reserve, offset), choice);
    }
}

/// Takes the LTV of the thinnest collateral, by depth at the exchange, to its floor at once, for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delist {
    reserves: usize,
    /// What was the thinnest at the first decision.
    thinnest: Option<usize>,
}

impl Delist {
    /// For a market of this many reserves.
    #[must_use]
    pub const fn new(reserves: usize) -> Self {
        Self { reserves, thinnest: None }
    }
}

impl RiskPolicy for Delist {
    fn name(&self) -> &str {
        "delist the thinnest"
    }
    fn reset(&mut self) {
        self.thinnest = None;
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        let depth = |reserve: usize| seen(obs, reserve, "exchange_depth").unwrap_or(f64::INFINITY);
        let lends = |reserve: &usize| seen(obs, *reserve, "ltv").is_some_and(|ltv| ltv > 0.0);
        if self.thinnest.is_none() {
            let collateral = (0..self.reserves).filter(lends);
            self.thinnest = collateral.min_by(|a, b| depth(*a).total_cmp(&depth(*b)));
        }
        if let (Some(reserve), Some(brake)) = (self.thinnest, brake()) {
            choose(mask, action, head_of(reserve, brake), DOWN);
        }
    }
}

/// Distance of the oracle or of the pool from the exchange, as a logarithm, from which on a reserve is
/// frozen: several times a push feed's usual deviation.
const FREEZE_GAP: f64 = 0.03;
/// Fall within an hour, as a logarithm, from which on it is.
const FREEZE_FALL: f64 = -0.10;
/// Quiet decisions until it is thawed.
const THAW_AFTER: u32 = 36;

/// Keeps the parameters as they are, and freezes a reserve while something is wrong with its price: the oracle
/// or the pool away from the exchange, or a crash. What it did not freeze it does not thaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreezeRule {
    /// Decisions since the last alarm of each reserve that it froze.
    quiet: Vec<Option<u32>>,
}

impl FreezeRule {
    /// For a market of this many reserves.
    #[must_use]
    pub fn new(reserves: usize) -> Self {
        Self { quiet: vec![None; reserves] }
    }
}

impl RiskPolicy for FreezeRule {
    fn name(&self) -> &str {
        "freeze rule"
    }
    fn reset(&mut self) {
        self.quiet.fill(None);
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        let Some(freeze) = offset_of(RiskParam::Frozen) else { return };
        for (reserve, quiet) in self.quiet.iter_mut().enumerate() {
            let of = |name: &str| seen(obs, reserve, name).unwrap_or(0.0);
            let alarm = of("oracle_gap").abs() >= FREEZE_GAP
                || of("pool_gap").abs() >= FREEZE_GAP
                || of("return_1h") <= FREEZE_FALL;
            let head = head_of(reserve, freeze);
            let is_frozen = of("frozen") > 0.5;
            *quiet = quiet.map(|decisions| if alarm { 0 } else { decisions.saturating_add(1) });
            if alarm && !is_frozen && is_legal(mask, head, UP) {
                choose(mask, action, head, UP);
                *quiet = Some(0);
            } else if is_frozen && *quiet >= Some(THAW_AFTER) {
                choose(mask, action, head, DOWN);
            }
        }
    }
}

/// Risk level r of [`SmartLtv`]: with it ETH, at a daily volatility of 3 % and as much liquidity as debt, has
/// an LTV of 0.81 at a bonus of 5 %.
const SMART_RISK: f64 = 0.2;

/// Steers each collateral's LTV to RiskDAO's *SmartLTV*: `exp(−(1/r) · σ / √(l/d)) − β`, with σ the daily
/// volatility, β the liquidation bonus, l what there is to sell to (the depths of exchange and pool, in USD) and
/// d the debt that the collateral can carry (its supply at the present LTV, in USD).
///
/// Every decision, by the regime's step, and only where the step lands nearer. What was no collateral when the
/// episode began stays so.
#[derive(Clone, Debug, PartialEq)]
pub struct SmartLtv {
    rule: Rule,
    is_collateral: Vec<Option<bool>>,
}

impl SmartLtv {
    /// For a market of this many reserves, whose regime has this rule for LTV.
    #[must_use]
    pub fn new(reserves: usize, rule: Rule) -> Self {
        Self { rule, is_collateral: vec![None; reserves] }
    }

    /// The formula, between 0 and 1; zero where there is nothing to sell to.
    #[must_use]
    pub fn ltv(daily_volatility: f64, liquidity_usd: f64, debt_usd: f64, bonus: f64) -> f64 {
        if liquidity_usd <= 0.0 {
            return 0.0;
        }
        let cover = liquidity_usd / debt_usd.max(1.0);
        (exp(-daily_volatility / sqrt(cover) / SMART_RISK) - bonus).clamp(0.0, 1.0)
    }
}

impl RiskPolicy for SmartLtv {
    fn name(&self) -> &str {
        "SmartLTV"
    }
    fn reset(&mut self) {
        self.is_collateral.fill(None);
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        let supplied_usd = market_usd(obs, "supplied");
        for reserve in 0..self.is_collateral.len() {
            let of = |name: &str| seen(obs, reserve, name).unwrap_or(0.0);
            let was = *self.is_collateral[reserve].get_or_insert(of("ltv") > 0.0);
            if !was {
                continue;
            }
            // The depths are log10(1 + USD) − 5.
            let liquidity = dollars(of("exchange_depth"), 5.0) + dollars(of("pool_depth"), 5.0);
            let debt = supplied_usd * of("supplied") * of("ltv");
            let daily = of("volatility_24h") / sqrt(365.0);
            let goal = Self::ltv(daily, liquidity, debt, of("bonus"));
            steer_ltv(&self.rule, reserve, goal, (obs, mask), action);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::{AccountId, AssetId, Bps, FeedId};
    use protocols::interest::RateStrategy;
    use protocols::lending::Pooled;
    use protocols::reserve::{Reserve, ReserveConfig};
    use protocols::risk_params::{AtOnce, RiskRegime, Step};
    use sim::action::{CHOICES, heads};
    use sim::observe::{GLOBAL_FIELDS, RESERVE_FIELDS, Visibility, dim, names};

    pub(super) const RULE: Rule = Rule {
        enabled: true,
        floor: 0,
        ceil: 9_000,
        max_raise: Step::Absolute(50),
        max_cut: Step::Absolute(50),
        policy_step: Step::Absolute(50),
        at_once: AtOnce::Never,
        min_interval_secs: 0,
        delay_secs: 0,
    };

    /// A row of two reserves, A and B, from values in their own units.
    pub(super) fn row(values: &[(&str, f64)]) -> Vec<f32> {
        let mut row = vec![0.0; dim(2, Visibility::Public)];
        let names = names(&["A", "B"], Visibility::Public);
        for (name, value) in values {
            let at = names.iter().position(|n| n == name).expect("a field");
            let scale = match name.strip_prefix("A_").or(name.strip_prefix("B_")) {
                Some(bare) => RESERVE_FIELDS.iter().find(|f| f.name == bare).map(|f| f.scale),
                None => GLOBAL_FIELDS.iter().find(|f| f.name == *name).map(|f| f.scale),
            };
            row[at] = (value / scale.expect("a scale")) as f32;
        }
        row
    }

    /// Two reserves under the guardian's regime, a million tokens as cap of each kind.
    pub(super) fn market() -> Pooled {
        let regime = RiskRegime::guardian();
        let mut market = Pooled::new(AccountId(0), AccountId(1), AccountId(2), regime);
        let config = ReserveConfig {
            supply_cap: 1_000_000,
            borrow_cap: 1_000_000,
            rates: RateStrategy {
                optimal_usage_bps: Bps(9_000),
                base_bps: Bps(0),
                slope1_bps: Bps(400),
                slope2_bps: Bps(6_000),
            },
            ..ReserveConfig::OPEN
        };
        for i in 0..2 {
            let token = |kind: u16| AssetId(3 * i + kind);
            let feed = FeedId(i);
            market.add_reserve(Reserve::new(token(0), token(1), token(2), feed, 18, config, 0));
        }
        market
    }

    /// The heads that a policy moves, everything being legal, and their choices.
    pub(super) fn asked(
        policy: &mut dyn RiskPolicy,
        values: &[(&str, f64)],
    ) -> Vec<(usize, usize)> {
        let mask = vec![1.0; heads(2) * CHOICES];
        let mut action = vec![9.0; heads(2)];
        policy.act(&row(values), &mask, &mut action);
        let moved = action.iter().enumerate().filter(|(_, a)| **a != HOLD as f32);
        moved.map(|(head, choice)| (head, *choice as usize)).collect()
    }

    #[test]
    fn the_thinnest_collateral_is_delisted_and_stays_so() {
        let mut policy = Delist::new(2);
        let brake = brake().expect("a head");
        let thin_b =
            [("A_ltv", 0.8), ("B_ltv", 0.5), ("A_exchange_depth", 2.0), ("B_exchange_depth", 1.0)];
        assert_eq!(asked(&mut policy, &thin_b), [(head_of(1, brake), DOWN)]);
        // It goes on with the same one, whatever becomes of the depths.
        let thin_a = [("A_ltv", 0.8), ("A_exchange_depth", 0.5), ("B_exchange_depth", 1.0)];
        assert_eq!(asked(&mut policy, &thin_a), [(head_of(1, brake), DOWN)]);
        policy.reset();
        assert_eq!(asked(&mut policy, &thin_a), [(head_of(0, brake), DOWN)]);
        policy.reset();
        assert_eq!(asked(&mut policy, &[]), [], "nothing is collateral");
    }

    #[test]
    fn a_reserve_is_frozen_at_an_alarm_and_thawed_after_a_while() {
        let mut policy = FreezeRule::new(2);
        let freeze = offset_of(RiskParam::Frozen).expect("a head");
        let head = head_of(1, freeze);
        assert_eq!(asked(&mut policy, &[("B_oracle_gap", 0.029)]), []);
        for alarm in [("B_oracle_gap", 0.031), ("B_pool_gap", -0.031), ("B_return_1h", -0.101)] {
            assert_eq!(asked(&mut policy, &[alarm]), [(head, UP)], "{alarm:?}");
            assert_eq!(asked(&mut policy, &[alarm, ("B_frozen", 1.0)]), [], "it is frozen already");
        }
        for _ in 1..THAW_AFTER {
            assert_eq!(asked(&mut policy, &[("B_frozen", 1.0)]), []);
        }
        assert_eq!(asked(&mut policy, &[("B_frozen", 1.0)]), [(head, DOWN)]);
        // Whoever else froze it had a reason.
        policy.reset();
        for _ in 0..=2 * THAW_AFTER {
            assert_eq!(asked(&mut policy, &[("B_frozen", 1.0)]), []);
        }
    }

    #[test]
    fn smart_ltv_by_hand() {
        // exp(−0.03 / 0.2) − 0.05.
        assert!((SmartLtv::ltv(0.03, 1e6, 1e6, 0.05) - 0.810_708).abs() < 1e-6);
        // A quarter of the liquidity is twice the volatility.
        let thin = SmartLtv::ltv(0.03, 0.25e6, 1e6, 0.05);
        assert!((thin - SmartLtv::ltv(0.06, 1e6, 1e6, 0.05)).abs() < 1e-12);
        assert_eq!(SmartLtv::ltv(0.03, 0.0, 1e6, 0.05), 0.0);
        let head = head_of(0, offset_of(RiskParam::Ltv).expect("a head"));
        // 10 M USD supplied, all of it A; 10 M and nothing to speak of to sell to; LTV 0.5.
        let calm = [
            ("supplied", 1.0),
            ("A_supplied", 1.0),
            ("A_ltv", 0.5),
            ("A_exchange_depth", 2.0),
            ("A_pool_depth", -5.0),
            ("A_volatility_24h", 0.5),
            ("A_bonus", 0.05),
        ];
        let mut policy = SmartLtv::new(2, RULE);
        assert_eq!(asked(&mut policy, &calm), [(head, UP)]);
        let mut wild = calm;
        wild[5].1 = 6.0;
        assert_eq!(asked(&mut policy, &wild), [(head, DOWN)]);
        // B was no collateral at the first decision.
        let mut late = calm.to_vec();
        late.extend([("B_ltv", 0.5), ("B_exchange_depth", 2.0)]);
        assert_eq!(asked(&mut policy, &late), [(head, UP)]);
    }
}
