//! Risk policies: from an observation and a mask to an action, one choice per head.
//!
//! The rows are those of [`sim::observe`] and [`sim::action`]. A policy sees nothing else, whether it
//! was learned or written down, so that all of them have the same rights.

use crate::baselines::{choose, steer_ltv};
use protocols::risk_params::{RiskParam, Rule};
use rand::Rng;
use sim::action::{CHOICES, RESERVE_ACTIONS, UP};
use sim::lane::Lane;
use sim::observe::{GLOBAL_FIELDS, RESERVE_FIELDS, Visibility};
use sim::rng::{Purpose, Streams, actor_key};

/// Decides for a market's risk.
pub trait RiskPolicy: Send {
    /// Name, for reports.
    fn name(&self) -> &str;
    /// Forgets the last episode.
    fn reset(&mut self);
    /// Chooses: `obs` is `[obs_dim]`, `mask` is `[logits]` with 1 for legal, `action` is `[heads]` and
    /// gets one choice per head.
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]);
    /// The same by chance, where a policy draws its choices: `rng` is the decision's own. By default nothing is drawn.
    fn decide(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32], _rng: &mut dyn Rng) {
        self.act(obs, mask, action);
    }
    /// What [`RiskPolicy::act`] would choose now, of which nothing is remembered: the same, where a policy remembers
    /// nothing anyway.
    fn foresee(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.act(obs, mask, action);
    }
}

/// Closes a block, in which a policy decides if that is due: by the block's own luck, where it draws.
pub(crate) fn close_block(lane: &mut Lane, policy: &mut dyn RiskPolicy) {
    lane.guard(|lane| {
        let (streams, episode) = (lane.world().resource::<Streams>(), lane.episode_state());
        let (number, block) = (episode.number, episode.block);
        let mut rng = streams.at(Purpose::Learner, actor_key("policy", 0), number, block);
        lane.run_decided(Some(&mut |obs, mask, action| {
            policy.decide(obs, mask, action, &mut rng);
        }));
    });
}

/// Moves nothing: the deployed parameters, or whatever static ones the world began with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hold;

impl RiskPolicy for Hold {
    fn name(&self) -> &str {
        "hold"
    }
    fn reset(&mut self) {}
    fn act(&mut self, _obs: &[f32], _mask: &[f32], action: &mut [f32]) {
        sim::action::hold(action);
    }
}

/// Freezes every reserve as soon as it may, and for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreezeAll {
    reserves: usize,
}

impl FreezeAll {
    /// For a market of this many reserves.
    #[must_use]
    pub const fn new(reserves: usize) -> Self {
        Self { reserves }
    }
}

impl RiskPolicy for FreezeAll {
    fn name(&self) -> &str {
        "freeze everything"
    }
    fn reset(&mut self) {}
    fn act(&mut self, _obs: &[f32], mask: &[f32], action: &mut [f32]) {
        sim::action::hold(action);
        let Some(freeze) = offset_of(RiskParam::Frozen) else { return };
        for reserve in 0..self.reserves {
            choose(mask, action, reserve * RESERVE_ACTIONS.len() + freeze, UP);
        }
    }
}

/// Every seventh decision, moves each collateral's LTV toward 0.75 − 0.08 σ.
///
/// The published baseline sets a collateral factor directly. Here it moves by the regime's step, and
/// only where the step lands nearer to the goal than the present value is; σ is the volatility over 24
/// hours, per √year, as observed. Reserves that were no collateral when the episode began stay so.
#[derive(Clone, Debug, PartialEq)]
pub struct VolatilityRule {
    ltv_rule: Rule,
    reserves: usize,
    decisions: u32,
    is_collateral: Vec<bool>,
}

/// Decisions between two moves of the rule.
const RULE_EVERY: u32 = 7;
/// Goal of the rule without volatility.
const RULE_LTV: f64 = 0.75;
/// Fall of the goal per unit of volatility.
const RULE_SLOPE: f64 = 0.08;

impl VolatilityRule {
    /// The rule for a market of this many reserves, whose regime has this rule for LTV.
    #[must_use]
    pub fn new(reserves: usize, ltv_rule: Rule) -> Self {
        Self { ltv_rule, reserves, decisions: 0, is_collateral: vec![false; reserves] }
    }
}

impl RiskPolicy for VolatilityRule {
    fn name(&self) -> &str {
        "volatility rule"
    }
    fn reset(&mut self) {
        self.decisions = 0;
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        sim::action::hold(action);
        let first = self.decisions == 0;
        let moves = self.decisions.is_multiple_of(RULE_EVERY);
        self.decisions += 1;
        for reserve in 0..self.reserves {
            let (Some(ltv), Some(sigma)) =
                (seen(obs, reserve, "ltv"), seen(obs, reserve, "volatility_24h"))
            else {
                return;
            };
            if first {
                self.is_collateral[reserve] = ltv > 0.0;
            }
            if moves && self.is_collateral[reserve] {
                let goal = (RULE_LTV - RULE_SLOPE * sigma).max(0.0);
                steer_ltv(&self.ltv_rule, reserve, goal, (obs, mask), action);
            }
        }
    }
}

/// Position, among a reserve's heads, of the one that steps a parameter.
pub(crate) fn offset_of(param: RiskParam) -> Option<usize> {
    RESERVE_ACTIONS.iter().position(|field| field.param == param && !field.is_brake)
}

/// Whether the mask allows a choice.
pub(crate) fn is_legal(mask: &[f32], head: usize, choice: usize) -> bool {
    mask.get(head * CHOICES + choice).is_some_and(|m| *m > crate::frozen::LEGAL_ABOVE)
}

/// A field of the market in a public row, in its own unit.
pub(crate) fn seen_of_market(obs: &[f32], name: &str) -> Option<f64> {
    let mut fields = GLOBAL_FIELDS.iter().filter(|f| f.visibility <= Visibility::Public);
    let (position, field) = fields.by_ref().enumerate().find(|(_, f)| f.name == name)?;
    obs.get(position).map(|value| f64::from(*value) * field.scale)
}

/// A reserve's field of a public row, in its own unit.
pub(crate) fn seen(obs: &[f32], reserve: usize, name: &str) -> Option<f64> {
    let globals = GLOBAL_FIELDS.iter().filter(|f| f.visibility <= Visibility::Public).count();
    let mut fields = RESERVE_FIELDS.iter().filter(|f| f.visibility <= Visibility::Public);
    let each = fields.clone().count();
    let (position, field) = fields.by_ref().enumerate().find(|(_, f)| f.name == name)?;
    obs.get(globals + reserve * each + position).map(|value| f64::from(*value) * field.scale)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use protocols::risk_params::{AtOnce, Step};
    use sim::action::{DOWN, HOLD, heads};
    use sim::observe::{dim, names};

    const RULE: Rule = Rule {
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

    fn row(ltv: f32, sigma: f32) -> Vec<f32> {
        let mut row = vec![0.0; dim(1, Visibility::Public)];
        let names = names(&["A"], Visibility::Public);
        let at = |name: &str| names.iter().position(|n| n == name).unwrap();
        row[at("A_ltv")] = ltv;
        row[at("A_volatility_24h")] = sigma;
        row
    }

    #[test]
    fn the_volatility_rule_moves_toward_its_goal_every_seventh_decision() {
        let mask = vec![1.0; heads(1) * CHOICES];
        let mut action = vec![0.0; heads(1)];
        let mut rule = VolatilityRule::new(1, RULE);
        // 0.75 − 0.08 · 1 = 0.67 < 0.80.
        rule.act(&row(0.80, 1.0), &mask, &mut action);
        assert_eq!(action[0], DOWN as f32);
        assert!(action[1..].iter().all(|a| *a == HOLD as f32));
        for _ in 1..7 {
            rule.act(&row(0.795, 1.0), &mask, &mut action);
            assert_eq!(action[0], HOLD as f32);
        }
        rule.act(&row(0.60, 1.0), &mask, &mut action);
        assert_eq!(action[0], UP as f32);
        // A step of 0.30 would land farther from the goal than staying.
        let far = Step::Absolute(3_000);
        let mut coarse = VolatilityRule::new(1, Rule { max_cut: far, policy_step: far, ..RULE });
        coarse.act(&row(0.80, 1.0), &mask, &mut action);
        assert_eq!(action[0], HOLD as f32);
    }

    #[test]
    fn what_is_no_collateral_stays_so() {
        let mask = vec![1.0; heads(1) * CHOICES];
        let mut action = vec![0.0; heads(1)];
        VolatilityRule::new(1, RULE).act(&row(0.0, 0.5), &mask, &mut action);
        assert!(action.iter().all(|a| *a == HOLD as f32));
    }

    #[test]
    fn freezing_all_freezes_what_may_be_frozen() {
        let mut mask = vec![1.0; heads(2) * CHOICES];
        let freeze = offset_of(RiskParam::Frozen).unwrap();
        let second = RESERVE_ACTIONS.len() + freeze;
        mask[second * CHOICES + UP] = 0.0;
        let mut action = vec![0.0; heads(2)];
        FreezeAll::new(2).act(&[], &mask, &mut action);
        for (head, choice) in action.iter().enumerate() {
            let expected = if head == freeze { UP } else { HOLD };
            assert_eq!(*choice, expected as f32, "head {head}");
        }
    }
}
