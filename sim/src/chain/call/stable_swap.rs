//! What only a StableSwap pool understands.

use super::AmountExpr;
use markets::amm::stable_swap::Coins;
use markets::units::{Amount, AssetId, PoolId};
use serde::{Deserialize, Serialize};

/// What only a StableSwap pool understands. Amounts by coin are in the pool's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum StableSwapCall {
    /// Sells one coin for another, named, as three coins need it (`exchange`).
    Exchange {
        pool: PoolId,
        asset_in: AssetId,
        asset_out: AssetId,
        amount: AmountExpr,
        min_out: Amount,
    },
    /// Deposits exactly these amounts for at least `min_shares` (`add_liquidity`).
    AddLiquidity { pool: PoolId, amounts: Coins, min_shares: Amount },
    /// Burns shares for every coin in proportion, each at least its minimum (`remove_liquidity`).
    RemoveLiquidity { pool: PoolId, shares: AmountExpr, min_amounts: Coins },
    /// Burns shares for one coin (`remove_liquidity_one_coin`).
    RemoveLiquidityOneCoin { pool: PoolId, shares: AmountExpr, asset_out: AssetId, min_out: Amount },
    /// Takes exactly these amounts for at most `max_shares` (`remove_liquidity_imbalance`).
    RemoveLiquidityImbalance { pool: PoolId, amounts: Coins, max_shares: Amount },
    /// Begins to move A to `future_a` (unscaled) by `future_time`, Unix seconds (`ramp_A`; owner only).
    RampA { pool: PoolId, future_a: u64, future_time: u64 },
    /// Leaves A where it is (`stop_ramp_A`; owner only).
    StopRampA { pool: PoolId },
    /// Pays the owner what the pool holds beyond its balances (`withdraw_admin_fees`; owner only).
    WithdrawAdminFees { pool: PoolId },
}

impl StableSwapCall {
    /// Gas, its body not included: typical mainnet costs of pools of two and three coins, rounded.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match self {
            Self::Exchange { .. } => 100_000,
            Self::AddLiquidity { .. } => 180_000,
            Self::RemoveLiquidity { .. } => 120_000,
            Self::RemoveLiquidityOneCoin { .. } => 160_000,
            Self::RemoveLiquidityImbalance { .. } => 190_000,
            Self::RampA { .. } => 60_000,
            Self::StopRampA { .. } => 40_000,
            Self::WithdrawAdminFees { .. } => 90_000,
        }
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Exchange { .. } => "stable_exchange",
            Self::AddLiquidity { .. } => "stable_add_liquidity",
            Self::RemoveLiquidity { .. } => "stable_remove_liquidity",
            Self::RemoveLiquidityOneCoin { .. } => "stable_remove_liquidity_one_coin",
            Self::RemoveLiquidityImbalance { .. } => "stable_remove_liquidity_imbalance",
            Self::RampA { .. } => "stable_ramp_a",
            Self::StopRampA { .. } => "stable_stop_ramp_a",
            Self::WithdrawAdminFees { .. } => "stable_withdraw_admin_fees",
        }
    }
}
