//! Why a risk change is refused.

use serde::{Deserialize, Serialize};

/// Why a risk change is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RiskError {
    /// The sender is not the market's risk manager.
    #[error("the sender is not the market's risk manager")]
    NotRiskManager,
    /// No such reserve, or a reserve named for a market-wide parameter.
    #[error("no such reserve for this parameter")]
    NoSuchReserve,
    /// The reserve has one feed only.
    #[error("the reserve has no other oracle to read")]
    NoOtherOracle,
    /// The market's liquidations have no design that could be moved.
    #[error("the market has no liquidation design")]
    NoDesign,
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
