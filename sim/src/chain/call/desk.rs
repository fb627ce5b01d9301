//! What only a margin-trading desk in bZx's shape understands.

use super::AmountExpr;
use markets::units::MarketId;
use serde::{Deserialize, Serialize};

/// What only a margin-trading desk in bZx's shape understands. Supplying its lending pool and withdrawing
/// from it are the common verbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum DeskCall {
    /// Posts a margin; the desk lends the rest of margin · leverage / over-collateral ratio and sells all
    /// of it to its pool.
    Open { market: MarketId, margin: AmountExpr },
    /// Sells the sender's whole position back, repays the debt as far as that goes, and returns the rest.
    Close { market: MarketId },
}

impl DeskCall {
    /// Gas, its body not included: an estimate, a swap and two lending calls.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Open { .. } => 350_000,
            Self::Close { .. } => 300_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Open { .. } => "desk_open",
            Self::Close { .. } => "desk_close",
        }
    }
}
