//! The action table: what a risk policy may ask for, and how a vector becomes calls.
//!
//! A MultiDiscrete space with three choices per head, [`HOLD`] in the middle: per reserve a head for each
//! of five parameters, one for the freeze and one for the emergency brake, then the market's close
//! factor. How far a move goes is the regime's rule, not the policy's ([`RiskRegime::step`],
//! [`RiskRegime::brake`]). Masks, decoding and execution ask the same [`RiskRegime::legal`].

use crate::chain::call::Call;
use crate::environment::ActionSpace;
use bevy_ecs::prelude::Resource;
use markets::units::MarketId;
use protocols::lending::{MarketState, Pooled};
use protocols::reserve::Reserve;
use protocols::risk_params::{Direction, RiskChange, RiskParam, RiskRegime, Rule};
use serde::{Deserialize, Serialize};

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

/// Which heads whoever decides holds: all, or one of the two sides that they fall into. As a resource it is the
/// world's; a world without it lets all heads be held.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// All heads.
    #[default]
    Both,
    /// The risk manager's: LTV, threshold, caps, freeze and brake.
    Collateral,
    /// The liquidation designer's: bonus and close factor.
    Liquidation,
}

impl Side {
    /// Whether a parameter is this side's to move.
    #[must_use]
    pub const fn holds(self, param: RiskParam) -> bool {
        let of_liquidation = matches!(param, RiskParam::LiquidationBonus | RiskParam::CloseFactor);
        match self {
            Self::Both => true,
            Self::Collateral => !of_liquidation,
            Self::Liquidation => of_liquidation,
        }
    }
    /// Whether one of so many heads is this side's.
    #[must_use]
    pub fn holds_head(self, head: usize, heads: usize) -> bool {
        self.holds(target_of(head, reserves_of(heads)).1.param)
    }
    /// Whether it is the whole table.
    #[must_use]
    pub const fn is_both(&self) -> bool {
        matches!(self, Self::Both)
    }
    /// The side that holds the other heads; none where there are none.
    #[must_use]
    pub const fn other(self) -> Option<Self> {
        match self {
            Self::Both => None,
            Self::Collateral => Some(Self::Liquidation),
            Self::Liquidation => Some(Self::Collateral),
        }
    }
    /// Lets an action's other heads hold.
    pub fn keep(self, action: &mut [f32]) {
        self.each_other(action, 1, |choice| choice.fill(HOLD as f32));
    }
    /// Leaves a mask's other heads, `[heads · 3]`, nothing but to hold.
    pub fn mask(self, mask: &mut [f32]) {
        self.each_other(mask, CHOICES, |choices| {
            choices.fill(0.0);
            choices[HOLD] = 1.0;
        });
    }
    /// Puts this side's heads of one action in the place of another's.
    pub fn take_over(self, from: &[f32], action: &mut [f32]) {
        let heads = action.len();
        for (head, (slot, choice)) in action.iter_mut().zip(from).enumerate() {
            if self.holds_head(head, heads) {
                *slot = *choice;
            }
        }
    }
    /// Does something to the values of every head that is not this side's, `width` each.
    fn each_other(self, values: &mut [f32], width: usize, does: impl Fn(&mut [f32])) {
        let heads = values.len() / width;
        for (head, own) in values.chunks_exact_mut(width).enumerate() {
            if !self.holds_head(head, heads) {
                does(own);
            }
        }
    }
}

/// How many reserves a market with so many heads has.
const fn reserves_of(heads: usize) -> usize {
    heads.saturating_sub(MARKET_ACTIONS.len()) / RESERVE_ACTIONS.len()
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
    fn two_sides_share_all_heads_between_them() {
        let (reserves, up) = (2, vec![UP as f32; heads(2)]);
        let kept = |side: Side| {
            let mut action = up.clone();
            side.keep(&mut action);
            action
        };
        assert_eq!(kept(Side::Both), up);
        let (mine, theirs) = (kept(Side::Collateral), kept(Side::Liquidation));
        for (head, name) in names(&["A", "B"]).iter().enumerate() {
            let is_theirs = name.ends_with("bonus") || name == "close_factor";
            assert_eq!(theirs[head] == UP as f32, is_theirs, "{name}");
            assert_eq!(mine[head] == UP as f32, !is_theirs, "{name}");
        }
        let mut whole = mine;
        Side::Liquidation.take_over(&up, &mut whole);
        assert_eq!(whole, up);
        let mut mask = vec![1.0; heads(reserves) * CHOICES];
        Side::Liquidation.mask(&mut mask);
        assert_eq!(mask[..CHOICES], [0.0, 1.0, 0.0], "LTV");
        assert_eq!(mask[2 * CHOICES..3 * CHOICES], [1.0; CHOICES], "bonus");
        assert_eq!(mask[mask.len() - CHOICES..], [1.0; CHOICES], "close factor");
    }

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
