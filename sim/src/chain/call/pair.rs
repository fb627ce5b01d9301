//! What only a Uniswap v2 pair understands: its own functions, which act on what the pair holds.
//!
//! A router's user sends first ([`super::Call::Transfer`] to the pool's account) and then asks the pair
//! to mint, burn or swap; the common verbs do both in one call. Whatever lies at the pair belongs to
//! whoever asks first, as deployed.

use markets::units::{AccountId, Amount, PoolId};
use serde::{Deserialize, Serialize};

/// What only a Uniswap v2 pair understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum PairCall {
    /// Mints shares for what was sent to the pair since its last update (`mint`).
    Mint { pool: PoolId, to: AccountId },
    /// Burns the shares that were sent to the pair and pays both assets out (`burn`).
    Burn { pool: PoolId, to: AccountId },
    /// Pays `out0` and `out1` to `to` at once, runs the next `body` calls, and then looks whether what
    /// the pair holds keeps its product, fee included (`swap`). Without a body it is a plain swap of
    /// what was sent before, with one a flash swap.
    Swap { pool: PoolId, out0: Amount, out1: Amount, to: AccountId, body: u16 },
    /// Takes what the pair holds for its reserves (`sync`).
    Sync { pool: PoolId },
    /// Pays out what the pair holds beyond its reserves (`skim`).
    Skim { pool: PoolId, to: AccountId },
}

impl PairCall {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match *self {
            Self::Swap { body, .. } if body > 0 => Some(body as usize),
            _ => None,
        }
    }
    /// Gas, its body not included.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match *self {
            Self::Mint { .. } => 80_000,
            Self::Burn { .. } => 75_000,
            // With the transfer before it, the 68,000 of a swap through the common verb.
            Self::Swap { .. } => 38_000,
            Self::Sync { .. } => 25_000,
            Self::Skim { .. } => 45_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match *self {
            Self::Mint { .. } => "pair_mint",
            Self::Burn { .. } => "pair_burn",
            Self::Swap { .. } => "pair_swap",
            Self::Sync { .. } => "pair_sync",
            Self::Skim { .. } => "pair_skim",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match *self {
            Self::Mint { to, .. }
            | Self::Burn { to, .. }
            | Self::Swap { to, .. }
            | Self::Skim { to, .. } => Some(to),
            Self::Sync { .. } => None,
        }
    }
}
