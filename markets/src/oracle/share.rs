//! A vault's share at what the vault has this instant.
//!
//! The pattern of the lending markets that took `pricePerShare` for a price (Cream, October 2021): whoever
//! gives the vault something moves it.

use super::{OracleError, price_from_ratio};
use crate::amm::share_vault::Holdings;
use crate::units::{FeedId, PoolId, Price};
use serde::{Deserialize, Serialize};

/// Reads what a share of a vault is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareFeed {
    /// The vault.
    pub pool: PoolId,
    /// Prices the vault's asset in USD; `None` where that asset is taken for USD.
    pub quote: Option<FeedId>,
}

impl ShareFeed {
    /// USD per whole share: total assets · price / shares, floored once.
    ///
    /// # Errors
    /// [`OracleError::NoLiquidity`] where there are no shares, [`OracleError::ZeroPrice`],
    /// [`OracleError::Overflow`].
    pub fn price(
        &self,
        holdings: Holdings,
        share_decimals: u8,
        asset_decimals: u8,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        let Holdings { total, supply, .. } = holdings;
        if supply.is_zero() {
            return Err(OracleError::NoLiquidity);
        }
        price_from_ratio(total.0, supply.0, share_decimals, asset_decimals, quote_price)
    }
}
