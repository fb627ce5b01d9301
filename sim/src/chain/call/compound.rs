//! What only a Compound v2 market understands.

use super::AmountExpr;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PriceMantissa};
use protocols::compound::Governance;
use serde::{Deserialize, Serialize};

/// What only a Compound v2 market understands. `asset` is the underlying, which names the cToken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum CompoundCall {
    /// Burns cTokens for the underlying (`redeem`); `All` is the sender's balance of them.
    Redeem { market: MarketId, asset: AssetId, tokens: AmountExpr },
    /// Repays another's debt (`repayBorrowBehalf`); `All` is the whole debt.
    RepayBehalf { market: MarketId, asset: AssetId, borrower: AccountId, amount: AmountExpr },
    /// Moves cTokens (`transfer`); `All` is the sender's balance of them.
    Transfer { market: MarketId, asset: AssetId, to: AccountId, tokens: AmountExpr },
    /// Books interest up to this block (`accrueInterest`).
    Accrue { market: MarketId, asset: AssetId },
    /// Gives to the reserves (`_addReserves`).
    AddReserves { market: MarketId, asset: AssetId, amount: AmountExpr },
    /// Pays reserves out to the admin (`_reduceReserves`; admin only).
    ReduceReserves { market: MarketId, asset: AssetId, amount: Amount },
    /// Sets something (admin and guardians only).
    Govern { market: MarketId, governance: Governance },
    /// Posts a price to a mantissa feed (its reporter only).
    PostPrice { feed: FeedId, mantissa: PriceMantissa },
}

impl CompoundCall {
    /// Gas, its body not included: estimates beside the common verbs' figures.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Redeem { .. } => 142_000,
            Self::RepayBehalf { .. } => 140_000,
            Self::Transfer { .. } => 90_000,
            Self::Accrue { .. } => 60_000,
            Self::AddReserves { .. } | Self::ReduceReserves { .. } => 90_000,
            Self::Govern { .. } => 70_000,
            Self::PostPrice { .. } => 40_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Redeem { .. } => "redeem",
            Self::RepayBehalf { .. } => "repay_behalf",
            Self::Transfer { .. } => "transfer_c_token",
            Self::Accrue { .. } => "accrue",
            Self::AddReserves { .. } => "add_reserves",
            Self::ReduceReserves { .. } => "reduce_reserves",
            Self::Govern { .. } => "govern",
            Self::PostPrice { .. } => "post_price",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::RepayBehalf { borrower, .. } => Some(*borrower),
            Self::Transfer { to, .. } => Some(*to),
            _ => None,
        }
    }
}
