//! The constant-product pool, `x · y = k`, as Uniswap v2 deploys it.
//!
//! Source: Uniswap v2 Core (Adams, Zinsmeister, Robinson 2020); `UniswapV2Pair`, `UniswapV2Library` and
//! `UniswapV2OracleLibrary`. Quotes equal the contracts' to the wei; the fee is generalised from 0.3 %
//! to any number of pips, and 3,000 pips is exactly v2's 997/1000. Every rounding favours the pool,
//! that is, those who stay in it.

pub use super::formulas::{amount_in, amount_out, counter_amount};
use super::formulas::{amount_in_112, amount_out_112, extended, to_reserve};
use super::{PoolError, SwapQuote};
use crate::units::{AccountId, Amount, AssetId, Pips, U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// Shares that the first deposit leaves locked for ever (`MINIMUM_LIQUIDITY`), so that one share can
/// never be made expensive cheaply.
pub const MINIMUM_LIQUIDITY: u128 = 1_000;
/// The largest reserve: 2¹¹² − 1, so that a price fits UQ112x112.
pub const MAX_RESERVE: u128 = (1 << 112) - 1;

/// A constant-product pool: handles, fee, reserves and the oracle accumulators.
///
/// Reserves are what the pool last *saw*; its balances are the ledger's. They differ after a plain
/// transfer to the pool until the next [`ConstantProduct::update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstantProduct {
    /// The first asset.
    pub token0: AssetId,
    /// The second asset.
    pub token1: AssetId,
    /// The pool's own share, a ledger asset.
    pub share: AssetId,
    /// The ledger account that holds the reserves.
    pub account: AccountId,
    /// Who receives a sixth of the fees as shares (v2's `feeTo`); usually nobody.
    pub fee_to: Option<AccountId>,
    /// Swap fee on the input, in millionths.
    pub fee: Pips,
    /// Reserve of `token0`, smallest units, at most [`MAX_RESERVE`].
    pub reserve0: u128,
    /// Reserve of `token1`, smallest units, at most [`MAX_RESERVE`].
    pub reserve1: u128,
    /// Timestamp of the last update, in seconds modulo 2³².
    pub timestamp_last: u32,
    /// Σ price of `token0` in `token1` · seconds, UQ112x112, modulo 2²⁵⁶ (`price0CumulativeLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub price0_cumulative: U256,
    /// Σ price of `token1` in `token0` · seconds, UQ112x112, modulo 2²⁵⁶ (`price1CumulativeLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub price1_cumulative: U256,
    /// Product of the reserves after the last mint or burn, where `fee_to` is set (`kLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub k_last: U256,
}

impl ConstantProduct {
    /// An empty pool.
    #[must_use]
    pub const fn new(
        token0: AssetId,
        token1: AssetId,
        share: AssetId,
        account: AccountId,
        fee: Pips,
    ) -> Self {
        Self {
            token0,
            token1,
            share,
            account,
            fee_to: None,
            fee,
            reserve0: 0,
            reserve1: 0,
            timestamp_last: 0,
            price0_cumulative: U256::ZERO,
            price1_cumulative: U256::ZERO,
            k_last: U256::ZERO,
        }
    }

    /// The pool's other asset.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`] where `asset` is neither.
    #[inline]
    pub fn other(&self, asset: AssetId) -> Result<AssetId, PoolError> {
        if asset == self.token0 {
            Ok(self.token1)
        } else if asset == self.token1 {
            Ok(self.token0)
        } else {
            Err(PoolError::UnknownAsset)
        }
    }

    /// Reserves as (of `asset`, of the other), smallest units.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`].
    #[inline]
    pub fn reserves_from(&self, asset: AssetId) -> Result<(u128, u128), PoolError> {
        if asset == self.token0 {
            Ok((self.reserve0, self.reserve1))
        } else if asset == self.token1 {
            Ok((self.reserve1, self.reserve0))
        } else {
            Err(PoolError::UnknownAsset)
        }
    }

    /// What selling exactly `amount_in` of `asset_in` would give (`getAmountOut`).
    ///
    /// The output is floored, in the pool's favour.
    ///
    /// # Errors
    /// [`PoolError`]: unknown asset, zero input or output, empty reserves, reserve above 112 bits.
    #[inline]
    pub fn quote_exact_in(
        &self,
        asset_in: AssetId,
        amount_in: Amount,
    ) -> Result<SwapQuote, PoolError> {
        let (reserve_in, reserve_out) = self.reserves_from(asset_in)?;
        let Ok(paid) = to_reserve(amount_in) else {
            amount_out(amount_in.0, U256::from(reserve_in), U256::from(reserve_out), self.fee)?;
            return Err(PoolError::Overflow);
        };
        let got = amount_out_112(paid, reserve_in, reserve_out, self.fee)?;
        if got == 0 {
            return Err(PoolError::InsufficientOutput);
        }
        self.swapped(asset_in, paid, got)
    }

    /// What buying exactly `amount_out` of the other asset costs in `asset_in` (`getAmountIn`).
    ///
    /// The input is floored and one is added, in the pool's favour.
    ///
    /// # Errors
    /// As [`Self::quote_exact_in`]; [`PoolError::DivisionByZero`] where all of the reserve is asked for,
    /// [`PoolError::SubUnderflow`] where more is.
    #[inline]
    pub fn quote_exact_out(
        &self,
        asset_in: AssetId,
        amount_out: Amount,
    ) -> Result<SwapQuote, PoolError> {
        let (reserve_in, reserve_out) = self.reserves_from(asset_in)?;
        let Ok(got) = to_reserve(amount_out) else {
            amount_in(amount_out.0, U256::from(reserve_in), U256::from(reserve_out), self.fee)?;
            return Err(PoolError::Overflow);
        };
        let paid = amount_in_112(got, reserve_in, reserve_out, self.fee)?;
        self.swapped(asset_in, paid, got)
    }

    fn swapped(&self, asset_in: AssetId, paid: u128, got: u128) -> Result<SwapQuote, PoolError> {
        let (new_reserve0, new_reserve1) = if asset_in == self.token0 {
            (self.reserve0.saturating_add(paid), self.reserve1 - got)
        } else {
            (self.reserve0 - got, self.reserve1.saturating_add(paid))
        };
        if new_reserve0 > MAX_RESERVE || new_reserve1 > MAX_RESERVE {
            return Err(PoolError::Overflow);
        }
        Ok(SwapQuote {
            amount_in: Amount::new(paid),
            amount_out: Amount::new(got),
            new_reserve0,
            new_reserve1,
        })
    }

    /// Takes the pool's balances for its reserves and, where time has passed, lets the accumulators
    /// gather the price that stood until now (`_update`). `now` is in seconds; only its low 32 bits
    /// count, and the wrap is harmless because differences are taken modulo 2³².
    ///
    /// # Errors
    /// [`PoolError::Overflow`] where a balance exceeds [`MAX_RESERVE`]; nothing is changed then.
    #[inline]
    pub fn update(
        &mut self,
        balance0: Amount,
        balance1: Amount,
        now: u64,
    ) -> Result<(), PoolError> {
        let (balance0, balance1) = (to_reserve(balance0)?, to_reserve(balance1)?);
        let timestamp = now as u32;
        if timestamp != self.timestamp_last {
            (self.price0_cumulative, self.price1_cumulative) = self.cumulatives(now);
            self.timestamp_last = timestamp;
        }
        (self.reserve0, self.reserve1) = (balance0, balance1);
        Ok(())
    }

    /// Both accumulators as an update at `now` would leave them (`currentCumulativePrices`).
    #[must_use]
    #[inline]
    pub fn cumulatives(&self, now: u64) -> (U256, U256) {
        let elapsed = (now as u32).wrapping_sub(self.timestamp_last);
        (
            extended(self.price0_cumulative, self.reserve1, self.reserve0, elapsed),
            extended(self.price1_cumulative, self.reserve0, self.reserve1, elapsed),
        )
    }

    /// The accumulator of `asset`'s price in the other asset, extended to `now`.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`].
    pub fn cumulative_of(&self, asset: AssetId, now: u64) -> Result<U256, PoolError> {
        let (reserve, other) = self.reserves_from(asset)?;
        let elapsed = (now as u32).wrapping_sub(self.timestamp_last);
        let first = asset == self.token0;
        let cumulative = if first { self.price0_cumulative } else { self.price1_cumulative };
        Ok(extended(cumulative, other, reserve, elapsed))
    }

    /// Marginal price of `asset` in the other asset, in smallest units of it per smallest unit,
    /// before the fee: a belief. NaN where the pool is empty or does not hold the asset.
    #[must_use]
    #[inline]
    pub fn spot_price(&self, asset: AssetId) -> f64 {
        match self.reserves_from(asset) {
            Ok((reserve, other)) => other as f64 / reserve as f64,
            Err(_) => f64::NAN,
        }
    }

    /// How much of `asset_in` an arbitrageur should sell here when a unit of it costs `price` units of
    /// the other asset elsewhere (both smallest units): the size at which the marginal output per
    /// input, fee included, has fallen to `price`. Zero where the first unit already loses.
    ///
    /// With γ = 1 − fee it solves γ·R_in·R_out / (R_in + γx)² = `price` for x. A belief: round it down
    /// and quote it.
    #[must_use]
    #[inline]
    pub fn optimal_in(&self, asset_in: AssetId, price: f64) -> f64 {
        let Ok((reserve_in, reserve_out)) = self.reserves_from(asset_in) else { return 0.0 };
        let keep = 1.0 - f64::from(self.fee.0) / 1e6;
        let (reserve_in, reserve_out) = (reserve_in as f64, reserve_out as f64);
        // Grouped so that no product of reserves overflows or loses range.
        let size =
            (reserve_in * (keep * (reserve_out / reserve_in) / price).sqrt() - reserve_in) / keep;
        if size.is_finite() && size > 0.0 { size } else { 0.0 }
    }
}
