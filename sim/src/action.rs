//! The action table: what a risk policy may ask for, and how a vector becomes calls.
//!
//! A MultiDiscrete space with three choices per head, [`HOLD`] in the middle: per reserve the five
//! parameters and the freeze, then the market's close factor. How far a move goes is the regime's rule,
//! not the policy's ([`RiskRegime::step`]). Masks, decoding and execution ask the same
//! [`RiskRegime::legal`].

use crate::chain::call::Call;
use crate::environment::ActionSpace;
use markets::units::MarketId;
use protocols::lending::{MarketState, Pooled};
use protocols::reserve::Reserve;
use protocols::risk_params::{Direction, RiskChange, RiskParam, RiskRegime, Rule};

/// Choices per head.
pub const CHOICES: usize = 3;
/// Move down by a step; unfreeze.
pub const DOWN: usize = 0;
/// Leave as it is.
pub const HOLD: usize = 1;
/// Move up by a step; freeze.
pub const UP: usize = 2;

/// A kind of head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionField {
    /// Name, without the reserve's symbol.
    pub name: &'static str,
    /// Unit of the parameter.
    pub unit: &'static str,
    /// What it moves.
    pub param: RiskParam,
}

/// Heads of each reserve, in order.
pub const RESERVE_ACTIONS: [ActionField; 6] = [
    ActionField { name: "ltv", unit: "bps", param: RiskParam::Ltv },
    ActionField { name: "threshold", unit: "bps", param: RiskParam::LiquidationThreshold },
    ActionField { name: "bonus", unit: "bps", param: RiskParam::LiquidationBonus },
    ActionField { name: "supply_cap", unit: "tokens", param: RiskParam::SupplyCap },
    ActionField { name: "borrow_cap", unit: "tokens", param: RiskParam::BorrowCap },
    ActionField { name: "frozen", unit: "0 or 1", param: RiskParam::Frozen },
];
/// Heads of the market, after the reserves'.
pub const MARKET_ACTIONS: [ActionField; 1] =
    [ActionField { name: "close_factor", unit: "bps", param: RiskParam::CloseFactor }];

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

/// The reserve and parameter of a head.
fn target_of(head: usize, reserves: usize) -> (Option<u16>, RiskParam) {
    let per_reserve = RESERVE_ACTIONS.len();
    if head < reserves * per_reserve {
        (Some((head / per_reserve) as u16), RESERVE_ACTIONS[head % per_reserve].param)
    } else {
        (None, MARKET_ACTIONS[head - reserves * per_reserve].param)
    }
}

/// The value one full step away by a rule ([`Rule::step_value`]): what down and up mean.
#[must_use]
pub fn stepped(rule: &Rule, current: u64, direction: Direction) -> u64 {
    rule.step_value(current, direction)
}

/// The change that a choice of a head asks for; `None` for holding, for what would change nothing, and
/// for what is not legal now.
fn change(
    regime: &RiskRegime,
    reserves: &[Reserve],
    state: &MarketState,
    now: u64,
    head: usize,
    choice: usize,
) -> Option<RiskChange> {
    let direction = match choice {
        DOWN => Direction::Down,
        UP => Direction::Up,
        _ => return None,
    };
    let (reserve, param) = target_of(head, reserves.len());
    regime.step(reserves, state, reserve, param, direction, now).ok()
}

/// Writes which choices are legal now, `[heads · 3]`, head after head; holding always is.
pub fn write_mask(pooled: &Pooled, now: u64, mask: &mut [f32]) {
    for (head, choices) in mask.chunks_exact_mut(CHOICES).enumerate() {
        for (choice, slot) in choices.iter_mut().enumerate() {
            let legal = choice == HOLD
                || change(&pooled.regime, &pooled.reserves, &pooled.state, now, head, choice)
                    .is_some();
            *slot = if legal { 1.0 } else { 0.0 };
        }
    }
}

/// Passes over the heads in an order in which coupled moves stay legal: cuts of LTV and bonus make room
/// for thresholds, thresholds make room for raises.
const PASSES: [(RiskParam, usize); 9] = [
    (RiskParam::Ltv, DOWN),
    (RiskParam::LiquidationBonus, DOWN),
    (RiskParam::LiquidationThreshold, DOWN),
    (RiskParam::LiquidationThreshold, UP),
    (RiskParam::Ltv, UP),
    (RiskParam::LiquidationBonus, UP),
    (RiskParam::SupplyCap, HOLD),
    (RiskParam::BorrowCap, HOLD),
    (RiskParam::Frozen, HOLD),
];

/// Scratch for decoding: the market as it would be after the calls so far.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    reserves: Vec<Reserve>,
    calls: Vec<Call>,
}

impl Decoder {
    /// The calls of an action vector, one proposal per parameter that moves. Total: every vector,
    /// whatever its length and values, gives calls that are legal one after the other, or none.
    pub fn decode(
        &mut self,
        action: &[f32],
        market: MarketId,
        pooled: &Pooled,
        now: u64,
    ) -> &[Call] {
        let Self { reserves, calls } = self;
        calls.clear();
        reserves.clone_from(&pooled.reserves);
        let n = reserves.len();
        let choice = |head: usize| action.get(head).map_or(HOLD, |a| choice_of(*a));
        for (param, only) in PASSES {
            let Some(offset) = RESERVE_ACTIONS.iter().position(|f| f.param == param) else {
                continue;
            };
            for reserve in 0..n {
                let head = reserve * RESERVE_ACTIONS.len() + offset;
                let choice = choice(head);
                if only != HOLD && only != choice {
                    continue;
                }
                let regime = &pooled.regime;
                if let Some(change) = change(regime, reserves, &pooled.state, now, head, choice) {
                    if regime.rule(param).delay_secs == 0 {
                        apply(&mut reserves[reserve], change, now);
                    }
                    calls.push(Call::ProposeRisk { market, change });
                }
            }
        }
        let head = n * RESERVE_ACTIONS.len();
        if let Some(change) =
            change(&pooled.regime, reserves, &pooled.state, now, head, choice(head))
        {
            calls.push(Call::ProposeRisk { market, change });
        }
        calls
    }
}

/// A head's choice: the nearest of the three; anything that is not one holds.
fn choice_of(value: f32) -> usize {
    let rounded = value.round();
    if (0.0..CHOICES as f32).contains(&rounded) { rounded as usize } else { HOLD }
}

/// What a change does to a reserve's configuration.
fn apply(reserve: &mut Reserve, change: RiskChange, now: u64) {
    reserve.last_changed_at[change.param.index()] = now;
    let config = &mut reserve.config;
    let bps = || markets::units::Bps(u32::try_from(change.value).unwrap_or(u32::MAX));
    match change.param {
        RiskParam::Ltv => config.ltv = bps(),
        RiskParam::LiquidationThreshold => config.liquidation_threshold = bps(),
        RiskParam::LiquidationBonus => config.liquidation_bonus = bps(),
        RiskParam::SupplyCap => config.supply_cap = change.value,
        RiskParam::BorrowCap => config.borrow_cap = change.value,
        RiskParam::Frozen => config.frozen = change.value != 0,
        RiskParam::CloseFactor => {}
    }
}
