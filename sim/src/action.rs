//! The action table: what a risk policy may ask for, and how a vector becomes calls.
//!
//! A MultiDiscrete space with three choices per head, [`HOLD`] in the middle: per reserve a head for each
//! of five parameters, one for the freeze and one for the emergency brake, then the market's close
//! factor. How far a move goes is the regime's rule, not the policy's ([`RiskRegime::step`],
//! [`RiskRegime::brake`]). Masks, decoding and execution ask the same [`RiskRegime::legal`].

use crate::chain::call::Call;
use crate::environment::ActionSpace;
use markets::units::MarketId;
use protocols::lending::{MarketState, Pooled};
use protocols::reserve::Reserve;
use protocols::risk_params::{Direction, RiskChange, RiskParam, RiskRegime, Rule};

/// Choices per head.
pub const CHOICES: usize = 3;
/// Move down by a step; unfreeze; LTV to its floor at once.
pub const DOWN: usize = 0;
/// Leave as it is.
pub const HOLD: usize = 1;
/// Move up by a step; freeze; both caps to their floors at once.
pub const UP: usize = 2;

/// A kind of head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionField {
    /// Name, without the reserve's symbol.
    pub name: &'static str,
    /// Unit of the parameter.
    pub unit: &'static str,
    /// What it moves; for the brake, what its first choice does.
    pub param: RiskParam,
    /// What its choices are called.
    pub choices: [&'static str; CHOICES],
    /// Whether it is the brake, which reaches a rule's bound at once, rather than a step.
    pub is_brake: bool,
}

/// A head that moves a parameter by steps.
const fn steps(name: &'static str, unit: &'static str, param: RiskParam) -> ActionField {
    ActionField { name, unit, param, choices: ["down", "hold", "up"], is_brake: false }
}

/// Heads of each reserve, in order.
pub const RESERVE_ACTIONS: [ActionField; 7] = [
    steps("ltv", "bps", RiskParam::Ltv),
    steps("threshold", "bps", RiskParam::LiquidationThreshold),
    steps("bonus", "bps", RiskParam::LiquidationBonus),
    steps("supply_cap", "tokens", RiskParam::SupplyCap),
    steps("borrow_cap", "tokens", RiskParam::BorrowCap),
    ActionField {
        choices: ["unfreeze", "hold", "freeze"],
        ..steps("frozen", "0 or 1", RiskParam::Frozen)
    },
    ActionField {
        choices: ["LTV to its floor", "hold", "caps to their floors"],
        is_brake: true,
        ..steps("brake", "at once", RiskParam::Ltv)
    },
];
/// Heads of the market, after the reserves'.
pub const MARKET_ACTIONS: [ActionField; 1] = [steps("close_factor", "bps", RiskParam::CloseFactor)];

/// Heads of a market with this many reserves.
#[must_use]
pub const fn heads(reserves: usize) -> usize {
    reserves * RESERVE_ACTIONS.len() + MARKET_ACTIONS.len()
}

/// The action space of a market with this many reserves.
#[must_use]
pub fn space(reserves: usize) -> ActionSpace {
    ActionSpace::MultiDiscrete { heads: vec![CHOICES as u32; heads(reserves)] }
}

/// The action that changes nothing.
pub fn hold(action: &mut [f32]) {
    action.fill(HOLD as f32);
}

/// Names of the heads, `symbols` being those of the reserves.
#[must_use]
pub fn names(symbols: &[&str]) -> Vec<String> {
    let mut names = Vec::with_capacity(heads(symbols.len()));
    for symbol in symbols {
        names.extend(RESERVE_ACTIONS.iter().map(|f| format!("{symbol}_{}", f.name)));
    }
    names.extend(MARKET_ACTIONS.iter().map(|f| f.name.to_owned()));
    names
}

/// The reserve and kind of a head.
fn target_of(head: usize, reserves: usize) -> (Option<u16>, &'static ActionField) {
    let per_reserve = RESERVE_ACTIONS.len();
    if head < reserves * per_reserve {
        (Some((head / per_reserve) as u16), &RESERVE_ACTIONS[head % per_reserve])
    } else {
        (None, &MARKET_ACTIONS[head - reserves * per_reserve])
    }
}

/// The value one policy step away by a rule ([`Rule::step_value`]): what down and up mean.
#[must_use]
pub fn stepped(rule: &Rule, current: u64, direction: Direction) -> u64 {
    rule.step_value(current, direction)
}

/// A market as it is, or as it would be after some changes.
#[derive(Clone, Copy)]
struct Standing<'a> {
    regime: &'a RiskRegime,
    reserves: &'a [Reserve],
    state: &'a MarketState,
    now: u64,
}

impl Standing<'_> {
    /// The changes that a choice of a head asks for; none for holding, for what would change nothing,
    /// and for what is not legal now.
    fn changes(self, head: usize, choice: usize) -> [Option<RiskChange>; 2] {
        let Self { regime, reserves, state, now } = self;
        let (reserve, field) = target_of(head, reserves.len());
        let brake = |param| regime.brake(reserves, state, reserve, param, now).ok();
        let step =
            |direction| regime.step(reserves, state, reserve, field.param, direction, now).ok();
        match (choice, field.is_brake) {
            (DOWN, false) => [step(Direction::Down), None],
            (UP, false) => [step(Direction::Up), None],
            (DOWN, true) => [brake(RiskParam::Ltv), None],
            (UP, true) => [brake(RiskParam::SupplyCap), brake(RiskParam::BorrowCap)],
            _ => [None, None],
        }
    }
}

/// Writes which choices are legal now, `[heads · 3]`, head after head; holding always is.
pub fn write_mask(pooled: &Pooled, now: u64, mask: &mut [f32]) {
    let Pooled { regime, reserves, state, .. } = pooled;
    let market = Standing { regime, reserves, state, now };
    for (head, choices) in mask.chunks_exact_mut(CHOICES).enumerate() {
        for (choice, slot) in choices.iter_mut().enumerate() {
            let legal = choice == HOLD || market.changes(head, choice).iter().any(Option::is_some);
            *slot = if legal { 1.0 } else { 0.0 };
        }
    }
}

/// Passes over the reserves' heads, by position in [`RESERVE_ACTIONS`], in an order in which coupled
/// moves stay legal: the brake first, then cuts of LTV and bonus make room for thresholds, and
/// thresholds make room for raises. [`HOLD`] stands for both directions.
const PASSES: [(usize, usize); 10] = [
    (6, HOLD),
    (0, DOWN),
    (2, DOWN),
    (1, DOWN),
    (1, UP),
    (0, UP),
    (2, UP),
    (3, HOLD),
    (4, HOLD),
    (5, HOLD),
];

/// Scratch for decoding: the market as it would be after the calls so far.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    reserves: Vec<Reserve>,
    state: MarketState,
    calls: Vec<Call>,
}

impl Decoder {
    /// The calls of an action vector, at most one proposal per parameter. Total: every vector, whatever
    /// its length and values, gives calls that are legal one after the other, or none. Where a brake is
    /// pulled, the head that steps the same parameter is not asked.
    pub fn decode(
        &mut self,
        action: &[f32],
        market: MarketId,
        pooled: &Pooled,
        now: u64,
    ) -> &[Call] {
        let regime = &pooled.regime;
        self.calls.clear();
        self.reserves.clone_from(&pooled.reserves);
        self.state.clone_from(&pooled.state);
        let n = self.reserves.len();
        let by_pass = PASSES.iter().flat_map(|(offset, only)| {
            (0..n).map(move |reserve| (reserve * RESERVE_ACTIONS.len() + offset, *only))
        });
        let of_market = (n * RESERVE_ACTIONS.len()..heads(n)).map(|head| (head, HOLD));
        for (head, only) in by_pass.chain(of_market) {
            let choice = action.get(head).map_or(HOLD, |a| choice_of(*a));
            if only == HOLD || only == choice {
                self.take(regime, market, head, choice, now);
            }
        }
        &self.calls
    }

    /// Proposes what a choice asks for, as the market stands after the calls so far.
    fn take(
        &mut self,
        regime: &RiskRegime,
        market: MarketId,
        head: usize,
        choice: usize,
        now: u64,
    ) {
        let Self { reserves, state, calls } = self;
        let asked = Standing { regime, reserves, state, now }.changes(head, choice);
        for change in asked.into_iter().flatten() {
            let is_same = |call: &Call| {
                matches!(call, Call::ProposeRisk { change: other, .. }
                    if other.reserve == change.reserve && other.param == change.param)
            };
            if !calls.iter().any(is_same) && regime.enact(reserves, state, &change, now).is_ok() {
                calls.push(Call::ProposeRisk { market, change });
            }
        }
    }
}

/// A head's choice: the nearest of the three; anything that is not one holds.
fn choice_of(value: f32) -> usize {
    let rounded = value.round();
    if (0.0..CHOICES as f32).contains(&rounded) { rounded as usize } else { HOLD }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_of_a_reserve_has_its_passes() {
        let passes = |offset, choice| {
            PASSES.iter().filter(|(o, only)| *o == offset && [choice, HOLD].contains(only)).count()
        };
        for (offset, field) in RESERVE_ACTIONS.iter().enumerate() {
            assert_eq!((passes(offset, DOWN), passes(offset, UP)), (1, 1), "{}", field.name);
        }
        let order = PASSES.map(|(offset, only)| (RESERVE_ACTIONS[offset].name, only));
        assert_eq!(order[..3], [("brake", HOLD), ("ltv", DOWN), ("bonus", DOWN)]);
        assert_eq!(
            order[3..7].iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            ["threshold", "threshold", "ltv", "bonus"]
        );
    }
}
