//! Prices from a concentrated-liquidity pool: its time-weighted average tick, or its price this instant.
//!
//! Source: `OracleLibrary.consult` and `getQuoteAtTick` of Uniswap v3 Periphery, the pattern of the lending
//! markets that took v3 pools for oracles (Euler v1): a geometric mean, from the pool's own observations, so
//! nobody has to write checkpoints, but the ring must reach back as far as the window.

use super::{OracleError, price_from_ratio};
use crate::amm::concentrated::{Concentrated, ConcentratedError, periphery};
use crate::units::{AssetId, FeedId, PoolId, Price, U256};
use serde::{Deserialize, Serialize};

/// Averages a pool's tick over the last `window_secs`, up to this instant.
///
/// A price that stands within the running block has stood for zero seconds and weighs nothing, so one
/// transaction cannot move it; the next block's first second can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConcentratedTwapFeed {
    /// The pool read.
    pub pool: PoolId,
    /// The asset priced.
    pub asset: AssetId,
    /// The feed that prices the pool's other asset in USD; `None` where that asset is taken for USD.
    pub quote: Option<FeedId>,
    /// Time averaged over, in seconds; above zero.
    pub window_secs: u32,
}

impl From<ConcentratedError> for OracleError {
    fn from(error: ConcentratedError) -> Self {
        match error {
            ConcentratedError::TooOld | ConcentratedError::ZeroPeriod => Self::WindowTooShort,
            ConcentratedError::Overflow => Self::Overflow,
            _ => Self::NoLiquidity,
        }
    }
}

impl ConcentratedTwapFeed {
    /// USD per whole asset at the mean tick: what one whole asset is quoted at in the other asset's
    /// smallest units (`getQuoteAtTick`), floored, times `quote_price`, floored.
    ///
    /// # Errors
    /// [`OracleError`]: no observation as old as the window, wrong pool, a price of zero or above 128 bits.
    pub fn price(
        &self,
        pool: &Concentrated,
        now: u64,
        asset_decimals: u8,
        quote_decimals: u8,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        pool.other(self.asset).ok_or(OracleError::UnknownAsset)?;
        let (tick, _) = periphery::consult(pool, now, self.window_secs)?;
        let unit = super::power_of_ten(asset_decimals)?;
        let quoted = periphery::quote_at_tick(tick, unit, self.asset == pool.token0)?;
        price_from_ratio(quoted, U256::from(unit), asset_decimals, quote_decimals, quote_price)
    }
}

/// USD per whole asset at the pool's √price as it stands (`slot0`), mid-transaction included; floored
/// as [`ConcentratedTwapFeed::price`] is.
///
/// # Errors
/// [`OracleError`]: no price, wrong pool, a price of zero or above 128 bits.
pub fn spot_price(
    asset: AssetId,
    pool: &Concentrated,
    asset_decimals: u8,
    quote_decimals: u8,
    quote_price: Price,
) -> Result<Price, OracleError> {
    pool.other(asset).ok_or(OracleError::UnknownAsset)?;
    let sqrt = pool.state.sqrt_price;
    if sqrt.is_zero() {
        return Err(OracleError::NoLiquidity);
    }
    let unit = super::power_of_ten(asset_decimals)?;
    let quoted = periphery::quote_at_sqrt_price(sqrt, unit, asset == pool.token0)?;
    price_from_ratio(quoted, U256::from(unit), asset_decimals, quote_decimals, quote_price)
}
