//! The action table: what a risk policy may ask for, and how a vector becomes calls.
//!
//! A MultiDiscrete space with three choices per head, [`HOLD`] in the middle: per reserve a head for each
//! of five parameters, one for the freeze and one for the emergency brake, then the market's close
//! factor. Between the choices lie parts of a step, for policies that answer with numbers ([`Heads::numbers`]): what
//! is within [`HOLDS_WITHIN`] of the middle holds, from there on the step grows evenly to the whole at either end. A market with a liquidation design has heads for it after these, and a reserve with two oracles one for
//! which of them is read ([`Heads`]). How far a move goes is the regime's rule, not the policy's ([`RiskRegime::step`],
//! [`RiskRegime::brake`]). Masks, decoding and execution ask the same [`RiskRegime::legal`].

use crate::chain::call::Call;
use crate::environment::ActionSpace;
use bevy_ecs::prelude::Resource;
use markets::units::MarketId;
use protocols::lending::{MarketState, Pooled};
use protocols::position::MAX_RESERVES;
use protocols::reserve::Reserve;
use protocols::risk_params::{Direction, Move, Part, RiskChange, RiskParam, RiskRegime, Rule};
use serde::{Deserialize, Serialize};

/// Choices per head.
pub const CHOICES: usize = 3;
/// Move down by a step; unfreeze; LTV to its floor at once.
pub const DOWN: usize = 0;
/// Leave as it is.
pub const HOLD: usize = 1;
/// Move up by a step; freeze; both caps to their floors at once.
pub const UP: usize = 2;

/// How far from [`HOLD`] a number still holds: a governor of numbers must be able to leave a parameter alone, whose
/// every change costs and starts its interval.
pub const HOLDS_WITHIN: f32 = 1.0 / 3.0;

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
/// Heads of a market whose liquidations have a design, after these.
pub const DESIGN_ACTIONS: [ActionField; 3] = [
    ActionField {
        choices: ["go on", "hold", "stop"],
        ..steps("toxic_stop", "0 or 1", RiskParam::ToxicStop)
    },
    steps("bonus_at_line", "bps", RiskParam::BonusAtLine),
    steps("full_bonus_at", "bps", RiskParam::FullBonusAt),
];
/// Head of each reserve that has two oracles, last.
pub const ORACLE_ACTION: ActionField = ActionField {
    choices: ["the first", "hold", "the other"],
    ..steps("oracle", "0 or 1", RiskParam::Oracle)
};

/// The kind of head that steps a parameter.
#[must_use]
pub const fn field_of(param: RiskParam) -> &'static ActionField {
    match param {
        RiskParam::Ltv => &RESERVE_ACTIONS[0],
        RiskParam::LiquidationThreshold => &RESERVE_ACTIONS[1],
        RiskParam::LiquidationBonus => &RESERVE_ACTIONS[2],
        RiskParam::SupplyCap => &RESERVE_ACTIONS[3],
        RiskParam::BorrowCap => &RESERVE_ACTIONS[4],
        RiskParam::Frozen => &RESERVE_ACTIONS[5],
        RiskParam::CloseFactor => &MARKET_ACTIONS[0],
        RiskParam::ToxicStop => &DESIGN_ACTIONS[0],
        RiskParam::BonusAtLine => &DESIGN_ACTIONS[1],
        RiskParam::FullBonusAt => &DESIGN_ACTIONS[2],
        RiskParam::Oracle => &ORACLE_ACTION,
    }
}

/// Which heads a market has: what there is to move, whether or not its regime lets a policy move it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heads {
    reserves: usize,
    has_design: bool,
    /// A bit for each reserve with two oracles.
    two_oracles: u128,
}

const _: () = assert!(MAX_RESERVES <= u128::BITS as usize, "a bit for each reserve");

impl Heads {
    /// Of a market with this many reserves, one oracle each, and no design of liquidations.
    #[must_use]
    pub const fn plain(reserves: usize) -> Self {
        Self { reserves, has_design: false, two_oracles: 0 }
    }
    /// Of a market whose reserves have two oracles where `two_oracles` says so.
    #[must_use]
    pub fn new(two_oracles: impl Iterator<Item = bool>, has_design: bool) -> Self {
        let mut heads = Self { has_design, ..Self::plain(0) };
        for two in two_oracles {
            heads.two_oracles |= u128::from(two) << heads.reserves;
            heads.reserves += 1;
        }
        heads
    }
    /// Of a market.
    #[must_use]
    pub fn of(pooled: &Pooled) -> Self {
        let two = pooled.reserves.iter().map(|reserve| reserve.other_oracle.is_some());
        Self::new(two, pooled.state.design.is_some())
    }
    /// How many reserves.
    #[must_use]
    pub const fn reserves(&self) -> usize {
        self.reserves
    }
    /// Whether liquidations have a design.
    #[must_use]
    pub const fn has_design(&self) -> bool {
        self.has_design
    }
    /// How many heads.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.first_oracle() + self.two_oracles.count_ones() as usize
    }
    /// Width of the mask: choices of all heads.
    #[must_use]
    pub const fn choices(&self) -> usize {
        self.count() * CHOICES
    }
    /// The action space.
    #[must_use]
    pub fn space(&self) -> ActionSpace {
        ActionSpace::MultiDiscrete { heads: vec![CHOICES as u32; self.count()] }
    }
    /// The action space of a policy that says how far: a number per head, from the first choice to the last.
    #[must_use]
    pub fn numbers(&self) -> ActionSpace {
        let bound = |choice: usize| vec![choice as f32; self.count()];
        ActionSpace::Continuous { low: bound(DOWN), high: bound(UP) }
    }
    /// The reserve and kind of a head; no reserve for one of the market.
    #[must_use]
    pub fn target(&self, head: usize) -> (Option<u16>, &'static ActionField) {
        let (plain, per_reserve) = (heads(self.reserves), RESERVE_ACTIONS.len());
        if head < self.reserves * per_reserve {
            (Some((head / per_reserve) as u16), &RESERVE_ACTIONS[head % per_reserve])
        } else if head < plain {
            (None, &MARKET_ACTIONS[head - self.reserves * per_reserve])
        } else if head < self.first_oracle() {
            (None, &DESIGN_ACTIONS[head - plain])
        } else {
            let reserve = self.with_two_oracles().nth(head - self.first_oracle());
            (reserve.map(|reserve| reserve as u16), &ORACLE_ACTION)
        }
    }
    /// All heads in order: reserve and kind.
    pub fn targets(self) -> impl Iterator<Item = (Option<u16>, &'static ActionField)> {
        (0..self.count()).map(move |head| self.target(head))
    }
    /// Names of the heads, `symbols` being those of the reserves.
    #[must_use]
    pub fn names(self, symbols: &[&str]) -> Vec<String> {
        let name = |(reserve, field): (Option<u16>, &ActionField)| match reserve
            .and_then(|r| symbols.get(usize::from(r)))
        {
            Some(symbol) => format!("{symbol}_{}", field.name),
            None => field.name.to_owned(),
        };
        self.targets().map(name).collect()
    }
    /// Position of the first head of an oracle.
    const fn first_oracle(&self) -> usize {
        heads(self.reserves) + if self.has_design { DESIGN_ACTIONS.len() } else { 0 }
    }
    /// The reserves with two oracles, in order.
    pub fn with_two_oracles(self) -> impl Iterator<Item = usize> {
        (0..self.reserves).filter(move |reserve| self.two_oracles >> reserve & 1 == 1)
    }
}

/// Heads of a plain market with this many reserves ([`Heads::plain`]): those that every market has, in front.
#[must_use]
pub const fn heads(reserves: usize) -> usize {
    reserves * RESERVE_ACTIONS.len() + MARKET_ACTIONS.len()
}

/// The action that changes nothing.
pub fn hold(action: &mut [f32]) {
    action.fill(HOLD as f32);
}

/// Which heads whoever decides holds: all, or one of the two sides that they fall into. As a resource it is the
/// world's; a world without it lets all heads be held.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// All heads.
    #[default]
    Both,
    /// The risk manager's: LTV, threshold, caps, freeze, brake and oracle.
    Collateral,
    /// The liquidation designer's: bonus and its curve, close factor, toxic stop.
    Liquidation,
}

impl Side {
    /// Whether a parameter is this side's to move.
    #[must_use]
    pub const fn holds(self, param: RiskParam) -> bool {
        let of_liquidation = matches!(
            param,
            RiskParam::LiquidationBonus
                | RiskParam::CloseFactor
                | RiskParam::ToxicStop
                | RiskParam::BonusAtLine
                | RiskParam::FullBonusAt
        );
        match self {
            Self::Both => true,
            Self::Collateral => !of_liquidation,
            Self::Liquidation => of_liquidation,
        }
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
    pub fn keep(self, heads: Heads, action: &mut [f32]) {
        for ((_, field), choice) in heads.targets().zip(action) {
            if !self.holds(field.param) {
                *choice = HOLD as f32;
            }
        }
    }
    /// Leaves a mask's other heads, `[heads · 3]`, nothing but to hold.
    pub fn mask(self, heads: Heads, mask: &mut [f32]) {
        for ((_, field), choices) in heads.targets().zip(mask.chunks_exact_mut(CHOICES)) {
            if !self.holds(field.param) {
                choices.fill(0.0);
                choices[HOLD] = 1.0;
            }
        }
    }
    /// Puts this side's heads of one action in the place of another's.
    pub fn take_over(self, heads: Heads, from: &[f32], action: &mut [f32]) {
        for (((_, field), slot), choice) in heads.targets().zip(action).zip(from) {
            if self.holds(field.param) {
                *slot = *choice;
            }
        }
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
    heads: Heads,
    regime: &'a RiskRegime,
    reserves: &'a [Reserve],
    state: &'a MarketState,
    now: u64,
}

impl Standing<'_> {
    /// The changes that a move of a head asks for; none for what would change nothing, and for what is not
    /// legal now. Half a brake is none.
    fn changes(self, head: usize, how: Move) -> [Option<RiskChange>; 2] {
        let Self { heads, regime, reserves, state, now } = self;
        let (reserve, field) = heads.target(head);
        let brake = |param| regime.brake(reserves, state, reserve, param, now).ok();
        match (field.is_brake, how.direction) {
            (false, _) => [regime.step(reserves, state, reserve, field.param, how, now).ok(), None],
            (true, _) if how.part.of(1) == 0 => [None, None],
            (true, Direction::Down) => [brake(RiskParam::Ltv), None],
            (true, Direction::Up) => [brake(RiskParam::SupplyCap), brake(RiskParam::BorrowCap)],
        }
    }
}

/// Writes which choices are legal now, `[heads · 3]`, head after head; holding always is.
pub fn write_mask(pooled: &Pooled, now: u64, mask: &mut [f32]) {
    let Pooled { regime, reserves, state, .. } = pooled;
    let market = Standing { heads: Heads::of(pooled), regime, reserves, state, now };
    for (head, choices) in mask.chunks_exact_mut(CHOICES).enumerate() {
        for (choice, slot) in choices.iter_mut().enumerate() {
            let changes = |how| market.changes(head, how).iter().any(Option::is_some);
            let legal = asked(choice as f32).is_none_or(changes);
            *slot = if legal { 1.0 } else { 0.0 };
        }
    }
}

/// Of a mask of choices, `[heads · 3]`, which heads a policy of numbers can move, `[heads]`.
pub fn write_number_mask(mask: &[f32], numbers: &mut [f32]) {
    for (choices, number) in mask.chunks_exact(CHOICES).zip(numbers) {
        *number = choices[DOWN].max(choices[UP]);
    }
}

/// Passes over the reserves' heads, by position in [`RESERVE_ACTIONS`], in an order in which coupled
/// moves stay legal: the brake first, then cuts of LTV and bonus make room for thresholds, and
/// thresholds make room for raises. One without a direction is for both.
const PASSES: [(usize, Option<Direction>); 10] = [
    (6, None),
    (0, Some(Direction::Down)),
    (2, Some(Direction::Down)),
    (1, Some(Direction::Down)),
    (1, Some(Direction::Up)),
    (0, Some(Direction::Up)),
    (2, Some(Direction::Up)),
    (3, None),
    (4, None),
    (5, None),
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
        let (regime, heads) = (&pooled.regime, Heads::of(pooled));
        self.calls.clear();
        self.reserves.clone_from(&pooled.reserves);
        self.state.clone_from(&pooled.state);
        let n = self.reserves.len();
        let by_pass = PASSES.iter().flat_map(|(offset, only)| {
            (0..n).map(move |reserve| (reserve * RESERVE_ACTIONS.len() + offset, *only))
        });
        let others = (n * RESERVE_ACTIONS.len()..heads.count()).map(|head| (head, None));
        for (head, only) in by_pass.chain(others) {
            let Some(how) = action.get(head).and_then(|value| asked(*value)) else { continue };
            if only.is_none_or(|only| only == how.direction) {
                self.take(regime, market, (heads, head), how, now);
            }
        }
        &self.calls
    }

    /// Proposes what a move asks for, as the market stands after the calls so far.
    fn take(
        &mut self,
        regime: &RiskRegime,
        market: MarketId,
        (heads, head): (Heads, usize),
        how: Move,
        now: u64,
    ) {
        let Self { reserves, state, calls } = self;
        let changes = Standing { heads, regime, reserves, state, now }.changes(head, how);
        for change in changes.into_iter().flatten() {
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

/// How much of a step a head's value asks for: from −1, down, to 1, up; 0 where it holds, and for anything beyond the
/// choices.
#[must_use]
pub fn share(value: f32) -> f32 {
    let off = value - HOLD as f32;
    let size = (off.abs() - HOLDS_WITHIN) / (1.0 - HOLDS_WITHIN);
    if size > 0.0 && off.abs() <= 1.0 { size.copysign(off) } else { 0.0 }
}

/// What a head's value asks for; none where it holds.
fn asked(value: f32) -> Option<Move> {
    let share = share(value);
    let direction = if share < 0.0 { Direction::Down } else { Direction::Up };
    (share != 0.0).then(|| Move { direction, part: Part::of_share(share.abs()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A market of two reserves, the second with two oracles, with a design.
    fn all_heads() -> Heads {
        Heads::new([false, true].into_iter(), true)
    }

    #[test]
    fn two_sides_share_all_heads_between_them() {
        let heads = all_heads();
        let up = vec![UP as f32; heads.count()];
        let kept = |side: Side| {
            let mut action = up.clone();
            side.keep(heads, &mut action);
            action
        };
        assert_eq!(kept(Side::Both), up);
        let (mine, theirs) = (kept(Side::Collateral), kept(Side::Liquidation));
        for (head, name) in heads.names(&["A", "B"]).iter().enumerate() {
            let of_market = ["close_factor", "toxic_stop", "bonus_at_line", "full_bonus_at"]
                .contains(&name.as_str());
            let is_theirs = of_market || name.ends_with("_bonus");
            assert_eq!(theirs[head] == UP as f32, is_theirs, "{name}");
            assert_eq!(mine[head] == UP as f32, !is_theirs, "{name}");
        }
        let mut whole = mine;
        Side::Liquidation.take_over(heads, &up, &mut whole);
        assert_eq!(whole, up);
        let mut mask = vec![1.0; heads.choices()];
        Side::Liquidation.mask(heads, &mut mask);
        assert_eq!(mask[..CHOICES], [0.0, 1.0, 0.0], "LTV");
        assert_eq!(mask[2 * CHOICES..3 * CHOICES], [1.0; CHOICES], "bonus");
        assert_eq!(mask[14 * CHOICES..18 * CHOICES], [1.0; 4 * CHOICES], "the market's");
        assert_eq!(mask[18 * CHOICES..], [0.0, 1.0, 0.0], "oracle");
    }

    #[test]
    fn a_market_has_heads_for_what_it_has() {
        let names = |heads: Heads| heads.names(&["A", "B"]);
        let plain = names(Heads::plain(2));
        assert_eq!((plain.len(), plain[14].as_str()), (heads(2), "close_factor"));
        assert_eq!(plain[..8], names(all_heads())[..8]);
        assert_eq!(
            names(all_heads())[15..],
            ["toxic_stop", "bonus_at_line", "full_bonus_at", "B_oracle"]
        );
        assert_eq!(all_heads().target(18), (Some(1), &ORACLE_ACTION));
        let design = Heads::new([true, true].into_iter(), false);
        assert_eq!(names(design)[15..], ["A_oracle", "B_oracle"]);
        assert_eq!(design.space().dim(), design.count());
        for param in RiskParam::ALL {
            assert!(field_of(param).param == param && !field_of(param).is_brake);
        }
    }

    #[test]
    fn every_head_of_a_reserve_has_its_passes() {
        let passes = |offset, direction| {
            let takes = |only: &Option<Direction>| only.is_none_or(|only| only == direction);
            PASSES.iter().filter(|(o, only)| *o == offset && takes(only)).count()
        };
        for (offset, field) in RESERVE_ACTIONS.iter().enumerate() {
            let both = [Direction::Down, Direction::Up].map(|direction| passes(offset, direction));
            assert_eq!(both, [1, 1], "{}", field.name);
        }
        let (down, up) = (Some(Direction::Down), Some(Direction::Up));
        let order = PASSES.map(|(offset, only)| (RESERVE_ACTIONS[offset].name, only));
        assert_eq!(order[..3], [("brake", None), ("ltv", down), ("bonus", down)]);
        let raises = [("threshold", down), ("threshold", up), ("ltv", up), ("bonus", up)];
        assert_eq!(order[3..7], raises);
    }

    #[test]
    fn a_number_holds_near_the_middle_and_goes_the_whole_step_at_the_ends() {
        let whole = |direction| Some(Move::from(direction));
        assert_eq!([0.0, -0.0].map(asked), [whole(Direction::Down); 2]);
        assert_eq!(asked(2.0), whole(Direction::Up));
        for held in [1.0, 0.7, 1.3, -0.1, 2.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(asked(held), None, "{held}");
        }
        // A third of the way is held, so half of a step lies at two thirds.
        let part = |value: f32| asked(value).map(|how| (how.direction, how.part.of(1_000)));
        assert_eq!(part(1.0 + 2.0 / 3.0), Some((Direction::Up, 500)));
        assert_eq!(part(0.5), Some((Direction::Down, 250)));
        let mut numbers = [0.0; 3];
        write_number_mask(&[1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0], &mut numbers);
        assert_eq!(numbers, [1.0, 0.0, 1.0]);
        let ActionSpace::Continuous { low, high } = all_heads().numbers() else {
            panic!("choices")
        };
        assert_eq!((low, high), (vec![0.0; 19], vec![2.0; 19]));
    }
}
