//! The spot oracle: a pool's reserve ratio, this instant.
//!
//! The deployed pattern behind the oracle-manipulation incidents since bZx (February 2020): cheap,
//! always fresh, and movable within one transaction by anyone who can borrow enough.

use super::{OracleError, nonzero, price_from_reserves};
use crate::amm::constant_product::ConstantProduct;
use crate::amm::exponential::Exponential;
use crate::amm::stable_swap::{StableSwap, StableSwapError};
use crate::math::{Rounding, mul_div};
use crate::units::{Amount, AssetId, FeedId, PoolId, Price, U256, WAD};
use serde::{Deserialize, Serialize};

/// Reads a pool's reserves as they stand, mid-transaction included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotFeed {
    /// The pool read.
    pub pool: PoolId,
    /// The asset priced.
    pub asset: AssetId,
    /// The feed that prices the pool's other asset in USD; `None` where that asset is taken for USD.
    pub quote: Option<FeedId>,
}

impl SpotFeed {
    /// USD per whole asset: reserve ratio times `quote_price` ([`Price::ONE`] where `quote` is `None`),
    /// floored.
    ///
    /// # Errors
    /// [`OracleError`]: empty pool, wrong pool, a price that is zero or exceeds 128 bits.
    #[inline]
    pub fn price(
        &self,
        pool: &ConstantProduct,
        asset_decimals: u8,
        quote_decimals: u8,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        let (reserve, other) = pool.reserves_from(self.asset)?;
        if reserve == 0 || other == 0 {
            return Err(OracleError::NoLiquidity);
        }
        price_from_reserves(other, reserve, asset_decimals, quote_decimals, quote_price)
    }

    /// The same of a pair's balances instead of its reserves, which a flash swap in progress has not
    /// changed: what lenders read that asked the token for the pair's balance (Polter, November 2024).
    ///
    /// # Errors
    /// [`OracleError`]: nothing there, a price that is zero or exceeds 128 bits.
    pub fn price_of_balances(
        &self,
        balance: Amount,
        other: Amount,
        asset_decimals: u8,
        quote_decimals: u8,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        if balance.is_zero() || other.is_zero() {
            return Err(OracleError::NoLiquidity);
        }
        super::price_from_ratio(other.0, balance.0, asset_decimals, quote_decimals, quote_price)
    }

    /// The same of a StableSwap pool's marginal price, floored twice.
    ///
    /// # Errors
    /// [`OracleError`]: another asset, an empty pool, a price that is zero or exceeds 128 bits.
    pub fn price_on_stable(
        &self,
        pool: &StableSwap,
        now: u64,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        let ratio = pool.price_of(self.asset, now).map_err(|error| match error {
            StableSwapError::UnknownCoin | StableSwapError::SameCoin => OracleError::UnknownAsset,
            StableSwapError::Overflow => OracleError::Overflow,
            _ => OracleError::NoLiquidity,
        })?;
        let price = mul_div(ratio, U256::from(quote_price.0), WAD, Rounding::Floor);
        nonzero(price.and_then(|price| u128::try_from(price).ok()))
    }

    /// The same of an exponential-curve reserve's base token, at the reserve's `inventory` of its quote
    /// asset, floored twice.
    ///
    /// # Errors
    /// [`OracleError`]: another asset, a price that is zero or exceeds 128 bits.
    pub fn price_on_curve(
        &self,
        reserve: &Exponential,
        inventory: Amount,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        if self.asset != reserve.base {
            return Err(OracleError::UnknownAsset);
        }
        let ratio = reserve.price_at(inventory).map_err(|_overflow| OracleError::Overflow)?;
        let price = mul_div(ratio.0, U256::from(quote_price.0), WAD, Rounding::Floor);
        nonzero(price.and_then(|price| u128::try_from(price).ok()))
    }
}
