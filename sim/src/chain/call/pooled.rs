//! What only a pooled market in Aave v3's shape understands.

use super::AmountExpr;
use markets::units::{AccountId, AssetId, MarketId};
use serde::{Deserialize, Serialize};

/// Most assets of one flash loan.
pub const MAX_FLASH_ASSETS: usize = 3;

/// What only a pooled market in Aave v3's shape understands. Assets are underlying, amounts in their
/// smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum PooledCall {
    /// Repays a borrower's debt, with the underlying or with the sender's supply of it
    /// (`repayWithATokens`). `All` is the whole debt, or all that the supply pays; the sender's own only.
    Repay {
        market: MarketId,
        borrower: AccountId,
        asset: AssetId,
        amount: AmountExpr,
        with_shares: bool,
    },
    /// `Call::Liquidate` that may take the collateral as supply shares, which needs no liquidity.
    Liquidate {
        market: MarketId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
        amount: AmountExpr,
        receive_shares: bool,
    },
    /// Moves supply worth `amount` (`All`: all of it) to another account.
    TransferShares { market: MarketId, to: AccountId, asset: AssetId, amount: AmountExpr },
    /// Enters an e-mode; zero leaves it.
    SetEMode { market: MarketId, category: u8 },
    /// Moves one reserve's accrued fees to the treasury (anyone).
    MintToTreasury { market: MarketId, asset: AssetId },
    /// Lends the first `loans` assets at once for the next `body` calls. Those whose bit is set in
    /// `keep` stay as debt of the sender, without premium; the others are pulled with their premium.
    FlashLoan {
        market: MarketId,
        loans: u8,
        assets: [AssetId; MAX_FLASH_ASSETS],
        amounts: [u128; MAX_FLASH_ASSETS],
        keep: u8,
        body: u16,
    },
}

impl PooledCall {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match self {
            Self::FlashLoan { body, .. } => Some(*body as usize),
            _ => None,
        }
    }
    /// Gas, its body not included.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Repay { .. } => 140_000,
            Self::Liquidate { .. } => 331_000,
            Self::TransferShares { .. } => 90_000,
            Self::SetEMode { .. } => 60_000,
            Self::MintToTreasury { .. } => 60_000,
            Self::FlashLoan { loans, .. } => 90_000 * (*loans as u64),
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Repay { .. } => "repay",
            Self::Liquidate { .. } => "liquidate",
            Self::TransferShares { .. } => "transfer_shares",
            Self::SetEMode { .. } => "set_e_mode",
            Self::MintToTreasury { .. } => "mint_to_treasury",
            Self::FlashLoan { .. } => "flash_loan",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::Repay { borrower, .. } | Self::Liquidate { borrower, .. } => Some(*borrower),
            Self::TransferShares { to, .. } => Some(*to),
            Self::SetEMode { .. } | Self::MintToTreasury { .. } | Self::FlashLoan { .. } => None,
        }
    }
}
