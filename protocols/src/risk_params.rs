//! What a risk policy may move: parameters, bounds, rate limits and delays.
//!
//! One function, [`RiskRegime::legal`], says whether a change is allowed now; action masks, the
//! decoding of learned actions and execution all ask it, so they cannot disagree.

use crate::lending::MarketState;
use crate::reserve::Reserve;
use serde::{Deserialize, Serialize};

/// A parameter that a risk policy may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RiskParam {
    /// Loan-to-value of a reserve, in bps.
    Ltv,
    /// Liquidation threshold of a reserve, in bps.
    LiquidationThreshold,
    /// Liquidation bonus of a reserve beyond par, in bps.
    LiquidationBonus,
    /// Supply cap of a reserve, in whole tokens.
    SupplyCap,
    /// Borrow cap of a reserve, in whole tokens.
    BorrowCap,
    /// The market's close factor, in bps.
    CloseFactor,
    /// Whether a reserve is frozen: 0 or 1.
    Frozen,
}

impl RiskParam {
    /// How many there are.
    pub const COUNT: usize = 7;
    /// All, in the order of [`RiskParam::index`].
    pub const ALL: [Self; Self::COUNT] = [
        Self::Ltv,
        Self::LiquidationThreshold,
        Self::LiquidationBonus,
        Self::SupplyCap,
        Self::BorrowCap,
        Self::CloseFactor,
        Self::Frozen,
    ];
    /// Position in [`RiskParam::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
    /// Whether it belongs to the market rather than to one reserve.
    #[must_use]
    pub const fn is_market_wide(self) -> bool {
        matches!(self, Self::CloseFactor)
    }
}

/// A wish to set one parameter to one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RiskChange {
    /// Which reserve; `None` for a parameter of the whole market.
    pub reserve: Option<u16>,
    /// Which parameter.
    pub param: RiskParam,
    /// The value after, in the parameter's unit.
    pub value: u64,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Toward larger values.
    Up,
    /// Toward smaller values.
    Down,
}

/// How far one change may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// By at most this much, in the parameter's unit.
    Absolute(u64),
    /// By at most this share of the current value, in bps: 10,000 may double it, or cut it to the
    /// floor. At least one unit, so that small values are not stuck; nothing from zero.
    RelativeBps(u32),
}

impl Step {
    /// The furthest move from `current`, in the parameter's unit.
    #[must_use]
    pub fn size(self, current: u64) -> u64 {
        match self {
            Self::Absolute(size) => size,
            Self::RelativeBps(bps) if current == 0 || bps == 0 => 0,
            Self::RelativeBps(bps) => {
                let size = u128::from(current) * u128::from(bps) / 10_000;
                u64::try_from(size).unwrap_or(u64::MAX).max(1)
            }
        }
    }
}

/// A bound that may be reached in one change at any time, steps and intervals aside: the emergency
/// brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtOnce {
    /// Neither bound.
    Never,
    /// The floor (LTV to zero).
    Floor,
    /// The ceiling (freeze).
    Ceil,
}

/// The rule of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whether the policy may move it at all.
    pub enabled: bool,
    /// Smallest value, in the parameter's unit. A value outside the bounds may move toward them.
    pub floor: u64,
    /// Largest value, in the parameter's unit.
    pub ceil: u64,
    /// Furthest that one change may raise it.
    pub max_raise: Step,
    /// Furthest that one change may cut it.
    pub max_cut: Step,
    /// The bound that may be reached at any time.
    pub at_once: AtOnce,
    /// Seconds between two changes of the same parameter.
    pub min_interval_secs: u64,
    /// Seconds between proposal and effect; zero: at once.
    pub delay_secs: u64,
}

impl Rule {
    /// The value after one full step, clamped to the bounds; `current` itself where the bounds leave
    /// no room that way.
    #[must_use]
    pub fn step_value(&self, current: u64, direction: Direction) -> u64 {
        match direction {
            Direction::Up => {
                current.saturating_add(self.max_raise.size(current)).min(self.ceil).max(current)
            }
            Direction::Down => {
                current.saturating_sub(self.max_cut.size(current)).max(self.floor).min(current)
            }
        }
    }
    /// Whether going from `current`, last changed at `last` (zero: never), to `value` keeps the rule.
    ///
    /// # Errors
    /// What it breaks.
    pub fn allows(&self, current: u64, value: u64, last: u64, now: u64) -> Result<(), RiskError> {
        if !self.enabled {
            return Err(RiskError::NotAllowed);
        }
        if value == current {
            return Err(RiskError::NoChange);
        }
        let (floor, ceil) = (self.floor.min(current), self.ceil.max(current));
        if value < floor || value > ceil {
            return Err(RiskError::OutOfBounds { value, floor, ceil });
        }
        let braking = match self.at_once {
            AtOnce::Never => false,
            AtOnce::Floor => value == self.floor && value < current,
            AtOnce::Ceil => value == self.ceil && value > current,
        };
        if braking {
            return Ok(());
        }
        let step = if value > current { self.max_raise } else { self.max_cut };
        if value.abs_diff(current) > step.size(current) {
            return Err(RiskError::TooFast { value, current });
        }
        let from = last.saturating_add(self.min_interval_secs);
        if last != 0 && now < from {
            return Err(RiskError::TooEarly { from });
        }
        Ok(())
    }
}

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
}

/// Why a risk change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RiskError {
    /// The sender is not the market's risk manager.
    #[error("the sender is not the market's risk manager")]
    NotRiskManager,
    /// No such reserve, or a reserve named for a market-wide parameter.
    #[error("no such reserve for this parameter")]
    NoSuchReserve,
    /// The regime does not let the policy move this parameter.
    #[error("the regime does not allow this parameter to be moved")]
    NotAllowed,
    /// The value is the current one.
    #[error("the value is the current one")]
    NoChange,
    /// Outside the rule's bounds.
    #[error("value {value} outside [{floor}, {ceil}]")]
    OutOfBounds {
        /// The value asked for.
        value: u64,
        /// The rule's floor.
        floor: u64,
        /// The rule's ceiling.
        ceil: u64,
    },
    /// Further than one step.
    #[error("value {value} is further than one step from {current}")]
    TooFast {
        /// The value asked for.
        value: u64,
        /// The value now.
        current: u64,
    },
    /// Sooner than the rule's interval allows.
    #[error("too early: allowed from time {from}")]
    TooEarly {
        /// Unix time from which it is allowed, in seconds.
        from: u64,
    },
    /// LTV would exceed the liquidation threshold.
    #[error("LTV above the liquidation threshold")]
    LtvAboveThreshold,
    /// Threshold times (1 + bonus) would exceed 100 %: a liquidation at the line would leave bad debt.
    #[error("liquidation threshold times (1 + bonus) above 100 %")]
    BonusTooLarge,
    /// Every slot of the queue is taken.
    #[error("the queue of pending changes is full")]
    QueueFull,
    /// A change of the same parameter is already queued.
    #[error("a change of this parameter is already queued")]
    AlreadyQueued,
    /// No queued change is due.
    #[error("no queued change is due")]
    NothingDue,
}

/// A queued change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingChange {
    /// What will change.
    pub change: RiskChange,
    /// Unix time from which anyone may apply it, in seconds.
    pub ready_at: u64,
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

const fn absolute(size: u64) -> Step {
    Step::Absolute(size)
}

/// A rule by its figures: no brake, no delay.
const fn rule(floor: u64, ceil: u64, raise: Step, cut: Step, min_interval_secs: u64) -> Rule {
    Rule {
        enabled: true,
        floor,
        ceil,
        max_raise: raise,
        max_cut: cut,
        at_once: AtOnce::Never,
        min_interval_secs,
        delay_secs: 0,
    }
}

impl RiskRegime {
    /// What Aave's Risk Stewards allow a policy in production: LTV, threshold and bonus by ±0.50 %
    /// (absolute), caps by ±100 % of their value, never to zero, three days between two changes of a
    /// parameter, in force at once. Freezing and the close factor are not theirs to move. Bounds
    /// beyond "never to zero": LTV and threshold to 95 %, bonus to 25 %.
    #[must_use]
    pub const fn steward() -> Self {
        let half_percent = Step::Absolute(50);
        let double = Step::RelativeBps(10_000);
        let never = Rule { enabled: false, ..rule(0, 1, Step::Absolute(0), Step::Absolute(0), 0) };
        Self {
            name: RegimeName::Steward,
            ltv: rule(1, 9_500, half_percent, half_percent, 3 * DAY),
            liquidation_threshold: rule(1, 9_500, half_percent, half_percent, 3 * DAY),
            liquidation_bonus: rule(1, 2_500, half_percent, half_percent, 3 * DAY),
            supply_cap: rule(1, u64::MAX, double, double, 3 * DAY),
            borrow_cap: rule(1, u64::MAX, double, double, 3 * DAY),
            close_factor: never,
            frozen: never,
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
    ///
    /// A threshold falls slowly because its fall liquidates people: 1 % an hour gives a borrower time
    /// to top up. Every figure can be overridden in a scenario.
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
        }
    }
    /// The value after one full legal step of a parameter that stands at `current`, clamped to the
    /// bounds: what a learned action's "up" or "down" means.
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
    /// The change that moves a parameter by one full legal step, if it is allowed at `now`. A step
    /// that would put LTV above the threshold, or the threshold above what the bonus allows, stops
    /// where they meet.
    ///
    /// # Errors
    /// Why it is not allowed.
    pub fn step(
        &self,
        reserves: &[Reserve],
        state: &MarketState,
        reserve: Option<u16>,
        param: RiskParam,
        direction: Direction,
        now: u64,
    ) -> Result<RiskChange, RiskError> {
        let current = standing(reserves, state, reserve, param)?.value;
        let mut value = self.step_value(param, current, direction);
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
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its value, in its unit.
    pub value: u64,
    /// Unix time of its last change, in seconds; zero: never.
    pub last: u64,
}

/// Where a parameter stands in a market.
///
/// # Errors
/// No such reserve, or a reserve named for a parameter of the whole market (or the reverse).
pub fn standing(
    reserves: &[Reserve],
    state: &MarketState,
    reserve: Option<u16>,
    param: RiskParam,
) -> Result<Standing, RiskError> {
    let Some(index) = reserve else {
        return match param {
            RiskParam::CloseFactor => Ok(Standing {
                value: u64::from(state.close_factor.0),
                last: state.close_factor_changed_at,
            }),
            _ => Err(RiskError::NoSuchReserve),
        };
    };
    let reserve = reserves.get(usize::from(index)).ok_or(RiskError::NoSuchReserve)?;
    let config = &reserve.config;
    let value = match param {
        RiskParam::Ltv => u64::from(config.ltv.0),
        RiskParam::LiquidationThreshold => u64::from(config.liquidation_threshold.0),
        RiskParam::LiquidationBonus => u64::from(config.liquidation_bonus.0),
        RiskParam::SupplyCap => config.supply_cap,
        RiskParam::BorrowCap => config.borrow_cap,
        RiskParam::Frozen => u64::from(config.frozen),
        RiskParam::CloseFactor => return Err(RiskError::NoSuchReserve),
    };
    Ok(Standing { value, last: reserve.last_changed_at[param.index()] })
}

/// Writing a change into the state it concerns, with the checks that no regime can waive.
pub(crate) mod apply {
    use super::{RiskChange, RiskError, RiskParam};
    use crate::lending::MarketState;
    use crate::reserve::{Reserve, threshold_covers_bonus};
    use markets::units::Bps;

    /// Into a reserve (Aave `PoolConfigurator.configureReserveAsCollateral`: LTV at most the
    /// threshold, threshold times (1 + bonus) at most 100 %).
    pub(crate) fn to_reserve(
        reserve: &mut Reserve,
        change: &RiskChange,
        now: u64,
    ) -> Result<(), RiskError> {
        let bps = Bps(u32::try_from(change.value).unwrap_or(u32::MAX));
        let config = &mut reserve.config;
        match change.param {
            RiskParam::Ltv => config.ltv = bps,
            RiskParam::LiquidationThreshold => config.liquidation_threshold = bps,
            RiskParam::LiquidationBonus => config.liquidation_bonus = bps,
            RiskParam::SupplyCap => config.supply_cap = change.value,
            RiskParam::BorrowCap => config.borrow_cap = change.value,
            RiskParam::Frozen => config.frozen = change.value != 0,
            RiskParam::CloseFactor => return Err(RiskError::NoSuchReserve),
        }
        if config.ltv > config.liquidation_threshold {
            return Err(RiskError::LtvAboveThreshold);
        }
        if !threshold_covers_bonus(config.liquidation_threshold, config.liquidation_bonus) {
            return Err(RiskError::BonusTooLarge);
        }
        reserve.last_changed_at[change.param.index()] = now;
        Ok(())
    }

    /// Into the market.
    pub(crate) fn to_market(
        state: &mut MarketState,
        change: &RiskChange,
        now: u64,
    ) -> Result<(), RiskError> {
        if change.param != RiskParam::CloseFactor {
            return Err(RiskError::NoSuchReserve);
        }
        let bps = u32::try_from(change.value).unwrap_or(u32::MAX);
        state.close_factor = Bps(bps.min(Bps::ONE.0));
        state.close_factor_changed_at = now;
        Ok(())
    }
}
