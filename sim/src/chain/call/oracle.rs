//! What only composed oracles understand.

use markets::oracle::capped::Snapshot;
use markets::units::{FeedId, Price};
use serde::{Deserialize, Serialize};

/// What only composed oracles understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum OracleCall {
    /// Reports to a median: to whichever of its push feeds is the sender's.
    Report { feed: FeedId, price: Price },
    /// Lets a delayed feed move on, an anchored one look at its reporter, a breaker at its source (anyone).
    Poke { feed: FeedId },
    /// Empties and stops a delayed feed, or trips a breaker (its manager only).
    Halt { feed: FeedId },
    /// Lets a delayed feed take pokes again, or lifts a breaker's trip (its manager only).
    Lift { feed: FeedId },
    /// Makes an anchored feed store its anchor's price, or its reporter's again (its manager only).
    SetFailover { feed: FeedId, on: bool },
    /// Moves a capped feed's snapshot (its manager only, within its limits).
    SetSnapshot { feed: FeedId, snapshot: Snapshot },
}

impl OracleCall {
    /// Gas, its body not included.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Report { .. } => 60_000,
            Self::Poke { .. } => 60_000,
            Self::Halt { .. } | Self::Lift { .. } | Self::SetFailover { .. } => 30_000,
            Self::SetSnapshot { .. } => 40_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Report { .. } => "oracle_report",
            Self::Poke { .. } => "oracle_poke",
            Self::Halt { .. } => "oracle_halt",
            Self::Lift { .. } => "oracle_lift",
            Self::SetFailover { .. } => "oracle_set_failover",
            Self::SetSnapshot { .. } => "oracle_set_snapshot",
        }
    }
}
