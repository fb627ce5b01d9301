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
    /// By at most this share of the current value, in bps (10,000 may double it).
    RelativeBps(u32),
}

/// The rule of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whether the policy may move it at all.
    pub enabled: bool,
    /// Smallest value, in the parameter's unit.
    pub floor: u64,
    /// Largest value, in the parameter's unit.
    pub ceil: u64,
    /// Furthest that one change may raise it.
    pub max_raise: Step,
    /// Furthest that one change may cut it.
    pub max_cut: Step,
    /// Whether a cut all the way to the floor is allowed at once, steps and intervals aside.
    pub floor_at_once: bool,
    /// Seconds between two changes of the same parameter.
    pub min_interval_secs: u64,
    /// Seconds between proposal and effect; zero: at once.
    pub delay_secs: u64,
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

impl RiskRegime {
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
        let _ = (reserves, state, change, now);
        Err(RiskError::NotAllowed)
    }
}
