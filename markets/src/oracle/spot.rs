//! The spot oracle: a pool's reserve ratio, this instant.
//!
//! The deployed pattern behind the oracle-manipulation incidents since bZx (February 2020): cheap,
//! always fresh, and movable within one transaction by anyone who can borrow enough.

use super::{OracleError, price_from_reserves};
use crate::amm::constant_product::ConstantProduct;
use crate::units::{AssetId, FeedId, PoolId, Price};
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
}
