//! What only an isolated market in Morpho's shape understands.
//!
//! The common verbs work too: `Supply` and `Withdraw` of the loan asset or of the collateral, `Borrow`,
//! `Repay`, `Liquidate` (by debt to repay), and a `FlashLoan` free of charge. Here are the verbs with
//! shares, on behalf of others, and the owner's.

use super::AmountExpr;
use markets::units::{AccountId, MarketId, Wad};
use protocols::isolated::{Quantity, Seize};
use serde::{Deserialize, Serialize};

/// What only an isolated market in Morpho's shape understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum IsolatedCall {
    /// Supplies the loan asset for an account, by assets or shares.
    Supply { market: MarketId, on_behalf: AccountId, quantity: Quantity },
    /// Withdraws the loan asset, by assets or shares.
    Withdraw { market: MarketId, quantity: Quantity },
    /// Borrows, by assets or shares.
    Borrow { market: MarketId, quantity: Quantity },
    /// Repays an account's debt, by assets or shares.
    Repay { market: MarketId, borrower: AccountId, quantity: Quantity },
    /// Deposits collateral for an account.
    SupplyCollateral { market: MarketId, on_behalf: AccountId, amount: AmountExpr },
    /// Withdraws collateral; `All` is all of it.
    WithdrawCollateral { market: MarketId, amount: AmountExpr },
    /// Liquidates, by collateral to seize or debt shares to repay.
    Liquidate { market: MarketId, borrower: AccountId, seize: Seize },
    /// Accrues interest (anyone).
    Accrue { market: MarketId },
    /// Sets the fee's share of the interest (owner only).
    SetFee { market: MarketId, fee: Wad },
    /// Sets who receives the fee (owner only).
    SetFeeRecipient { market: MarketId, recipient: AccountId },
}

impl IsolatedCall {
    /// Gas, its body not included: typical mainnet costs, less the transaction's own.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Supply { .. } => 75_000,
            Self::Withdraw { .. } => 75_000,
            Self::Borrow { .. } => 130_000,
            Self::Repay { .. } => 70_000,
            Self::SupplyCollateral { .. } => 50_000,
            Self::WithdrawCollateral { .. } => 90_000,
            Self::Liquidate { .. } => 150_000,
            Self::Accrue { .. } => 50_000,
            Self::SetFee { .. } | Self::SetFeeRecipient { .. } => 60_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Supply { .. } => "isolated_supply",
            Self::Withdraw { .. } => "isolated_withdraw",
            Self::Borrow { .. } => "isolated_borrow",
            Self::Repay { .. } => "isolated_repay",
            Self::SupplyCollateral { .. } => "isolated_supply_collateral",
            Self::WithdrawCollateral { .. } => "isolated_withdraw_collateral",
            Self::Liquidate { .. } => "isolated_liquidate",
            Self::Accrue { .. } => "isolated_accrue",
            Self::SetFee { .. } => "isolated_set_fee",
            Self::SetFeeRecipient { .. } => "isolated_set_fee_recipient",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match self {
            Self::Supply { on_behalf, .. } | Self::SupplyCollateral { on_behalf, .. } => {
                Some(*on_behalf)
            }
            Self::Repay { borrower, .. } | Self::Liquidate { borrower, .. } => Some(*borrower),
            _ => None,
        }
    }
}
