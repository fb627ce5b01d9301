//! Gas: what each call costs, and the base fee of the next block.
//!
//! Figures are typical mainnet costs: Uniswap v2 swaps and Aave calls as measured on the deployed
//! bytecode (supply 162,690, borrow 201,726, liquidation 352,011, pair swap 89,398 gas a
//! transaction, less the 21,000 of the transaction itself); flash loans as published (Aave ≈ 204,000
//! for the whole transaction).

use super::call::Call;

/// Gas of a transaction before its first call.
pub const TRANSACTION: u64 = 21_000;
/// Gas that a block may use (EIP-1559: twice the target).
pub const BLOCK_LIMIT: u64 = 30_000_000;
/// Inverse of the largest change of the base fee per block (EIP-1559
/// `BASE_FEE_MAX_CHANGE_DENOMINATOR`).
const BASE_FEE_MAX_CHANGE_DENOMINATOR: u64 = 8;
/// Smallest base fee, in wei: the update below cannot leave zero.
pub const MIN_BASE_FEE: u64 = 7;

/// Gas of one call, its body not included.
#[must_use]
#[inline]
pub const fn of(call: &Call) -> u64 {
    match call {
        Call::Transfer { .. } => 30_000,
        Call::Swap { .. } | Call::SwapExactOut { .. } => 68_000,
        Call::AddLiquidity { .. } => 110_000,
        Call::RemoveLiquidity { .. } => 100_000,
        Call::Supply { .. } => 142_000,
        Call::Withdraw { .. } => 142_000,
        Call::Borrow { .. } => 181_000,
        Call::Repay { .. } => 140_000,
        Call::SetCollateral { .. } => 60_000,
        Call::Liquidate { .. } => 331_000,
        Call::FlashLoan { .. } => 90_000,
        Call::Mark { .. } | Call::RequireGain { .. } => 3_000,
        Call::PushPrice { .. } => 60_000,
        Call::Checkpoint { .. } => 40_000,
        Call::ProposeRisk { .. } => 70_000,
        Call::ExecuteRisk { .. } => 70_000,
        Call::Settle { .. } => 0,
        Call::MintToTreasury { .. } => 100_000,
        Call::CoverDeficit { .. } => 150_000,
        Call::Pair(call) => call.gas(),
        Call::Concentrated(call) => call.gas(),
        Call::StableSwap(call) => call.gas(),
        Call::Pooled(call) => call.gas(),
        Call::Compound(call) => call.gas(),
        Call::Isolated(call) => call.gas(),
        Call::Vault(call) => call.gas(),
        Call::Oracle(call) => call.gas(),
        Call::Desk(call) => call.gas(),
        Call::Perpetual(call) => call.gas(),
        // An estimate: a call of a cold account (EIP-2929: 2,600), its dispatch, and an argument a call.
        Call::By { .. } => 6_000,
    }
}

/// The next block's base fee, in wei (EIP-1559).
#[must_use]
pub fn next_base_fee(base_fee: u64, gas_used: u64, gas_limit: u64) -> u64 {
    let target = (gas_limit / 2).max(1);
    let part = |gas: u64| match base_fee.checked_mul(gas) {
        Some(product) => u128::from(product / target / BASE_FEE_MAX_CHANGE_DENOMINATOR),
        None => {
            let product = u128::from(base_fee) * u128::from(gas);
            product / u128::from(target) / u128::from(BASE_FEE_MAX_CHANGE_DENOMINATOR)
        }
    };
    let fee = u128::from(base_fee);
    let next = if gas_used > target {
        fee + part(gas_used - target).max(1)
    } else {
        fee - part(target - gas_used)
    };
    u64::try_from(next).unwrap_or(u64::MAX).max(MIN_BASE_FEE)
}

#[cfg(test)]
mod tests {
    use super::super::call::pooled::MAX_FLASH_ASSETS;
    use super::super::call::{
        AmountExpr, CompoundCall, ConcentratedCall, DeskCall, IsolatedCall, OracleCall, PairCall,
        PerpetualCall, PooledCall, StableSwapCall, VaultCall,
    };
    use super::*;
    use markets::units::{AssetId, FeedId, MarketId, PoolId};

    #[test]
    fn base_fee_moves_an_eighth_at_the_extremes() {
        let fee = 1_000_000_000;
        assert_eq!(next_base_fee(fee, 30_000_000, 30_000_000), 1_125_000_000);
        assert_eq!(next_base_fee(fee, 15_000_000, 30_000_000), fee);
        assert_eq!(next_base_fee(fee, 0, 30_000_000), 875_000_000);
        assert_eq!(next_base_fee(7, 15_000_001, 30_000_000), 8);
    }

    /// Where a product exceeds 64 bits, and where it does not.
    #[test]
    fn base_fee_is_the_same_by_wide_products() {
        for fee in [7, 1_000_000_007, 1 << 40, (1 << 40) + 1, u64::MAX / 3, u64::MAX - 1] {
            for used in [0, 1, 14_999_999, 15_000_000, 15_000_001, 30_000_000, u64::MAX / 5] {
                let target = 15_000_000_i128;
                let (wide, off) = (i128::from(fee), i128::from(used) - target);
                let part = wide * off.abs() / target / 8;
                let next = if off > 0 { wide + part.max(1) } else { wide - part };
                let next = u64::try_from(next).unwrap_or(u64::MAX).max(MIN_BASE_FEE);
                assert_eq!(next_base_fee(fee, used, 30_000_000), next, "{fee} {used}");
            }
        }
    }

    /// One of each mechanism: its name in receipts, its gas, and what it costs for each of its parts.
    #[test]
    fn a_call_costs_what_its_mechanism_says() {
        let (market, pool, feed, asset) = (MarketId(0), PoolId(0), FeedId(0), AssetId(0));
        let margin = AmountExpr::All;
        let grow = |cardinality| {
            Call::Concentrated(ConcentratedCall::IncreaseCardinality { pool, cardinality })
        };
        let lend = |loans| {
            let (assets, amounts) = ([asset; MAX_FLASH_ASSETS], [1; MAX_FLASH_ASSETS]);
            Call::Pooled(PooledCall::FlashLoan { market, loans, assets, amounts, keep: 0, body: 0 })
        };
        let calls = [
            (Call::Borrow { market, asset, amount: margin }, "borrow", 181_000),
            (Call::Pair(PairCall::Sync { pool }), "pair_sync", 25_000),
            (grow(0), "increase_cardinality", 10_000),
            (grow(3), "increase_cardinality", 76_300),
            (Call::StableSwap(StableSwapCall::StopRampA { pool }), "stable_stop_ramp_a", 40_000),
            (lend(1), "flash_loan", 90_000),
            (lend(3), "flash_loan", 270_000),
            (Call::Compound(CompoundCall::Accrue { market, asset }), "accrue", 60_000),
            (Call::Isolated(IsolatedCall::Accrue { market }), "isolated_accrue", 50_000),
            (Call::Vault(VaultCall::Drip { market, ilk: 0 }), "vault_drip", 60_000),
            (Call::Oracle(OracleCall::Poke { feed }), "oracle_poke", 60_000),
            (Call::Desk(DeskCall::Open { market, margin }), "desk_open", 350_000),
            (Call::Perpetual(PerpetualCall::Touch { market }), "perpetual_touch", 40_000),
        ];
        for (call, kind, gas) in calls {
            assert_eq!((call.kind(), of(&call)), (kind, gas), "{call:?}");
        }
    }
}
