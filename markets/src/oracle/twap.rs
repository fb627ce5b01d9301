//! The time-weighted average price of a pool, from its accumulators.
//!
//! Source: Uniswap v2 Core §2.2 and the two-observation window of Compound's `UniswapAnchoredView`
//! (`pokeWindowValues`): the average runs from the younger of two checkpoints that is at least a window
//! old, so it covers between one and two windows where a keeper checkpoints once a window.

use super::{OracleError, price_from_ratio, price_from_reserves};
use crate::amm::constant_product::ConstantProduct;
use crate::amm::uq112;
use crate::units::{AssetId, FeedId, PoolId, Price, U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// An accumulator reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When, in seconds modulo 2³².
    pub timestamp: u32,
    /// Σ price · seconds, UQ112x112, modulo 2²⁵⁶.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub cumulative: U256,
}

/// Averages a pool's price over at least `window_secs`, up to this instant.
///
/// A price that stands within the running block has stood for zero seconds and weighs nothing, so one
/// transaction cannot move it; the next block's first second can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TwapFeed {
    /// The pool read.
    pub pool: PoolId,
    /// The asset priced.
    pub asset: AssetId,
    /// The feed that prices the pool's other asset in USD; `None` where that asset is taken for USD.
    pub quote: Option<FeedId>,
    /// Shortest time averaged over, in seconds; below 2³¹.
    pub window_secs: u32,
    /// The last checkpoint but one.
    pub older: Option<Observation>,
    /// The last checkpoint.
    pub newer: Option<Observation>,
}

impl TwapFeed {
    /// A feed without history: it has no price until a window has passed since its first checkpoint.
    #[must_use]
    pub const fn new(
        pool: PoolId,
        asset: AssetId,
        quote: Option<FeedId>,
        window_secs: u32,
    ) -> Self {
        Self { pool, asset, quote, window_secs, older: None, newer: None }
    }

    /// The same feed as though the pool's present price had stood for a window: a genesis state.
    ///
    /// # Errors
    /// [`OracleError`]: empty or wrong pool.
    pub fn seeded(mut self, pool: &ConstantProduct, now: u64) -> Result<Self, OracleError> {
        let (reserve, other) = pool.reserves_from(self.asset)?;
        if reserve == 0 || other == 0 {
            return Err(OracleError::NoLiquidity);
        }
        let gathered = uq112(other, reserve).wrapping_mul(U256::from(self.window_secs));
        self.older = None;
        self.newer = Some(Observation {
            timestamp: (now as u32).wrapping_sub(self.window_secs),
            cumulative: pool.cumulative_of(self.asset, now)?.wrapping_sub(gathered),
        });
        Ok(self)
    }

    /// Whether a checkpoint now would be taken: there is none yet, or the last is a window old.
    #[must_use]
    pub fn is_due(&self, now: u64) -> bool {
        self.newer.is_none_or(|newer| age(newer, now) >= self.window_secs)
    }

    /// Remembers the accumulator, where one is due; else changes nothing. Returns whether it did.
    ///
    /// # Errors
    /// [`OracleError::UnknownAsset`] where the pool does not hold the asset.
    pub fn checkpoint(&mut self, pool: &ConstantProduct, now: u64) -> Result<bool, OracleError> {
        if !self.is_due(now) {
            return Ok(false);
        }
        let cumulative = pool.cumulative_of(self.asset, now)?;
        self.older = self.newer;
        self.newer = Some(Observation { timestamp: now as u32, cumulative });
        Ok(true)
    }

    /// USD per whole asset averaged up to `now`, the accumulator extended counterfactually; floored.
    ///
    /// # Errors
    /// [`OracleError`]: no checkpoint old enough, wrong pool, a price of zero or above 128 bits.
    pub fn price(
        &self,
        pool: &ConstantProduct,
        now: u64,
        asset_decimals: u8,
        quote_decimals: u8,
        quote_price: Price,
    ) -> Result<Price, OracleError> {
        let since = [self.newer, self.older]
            .into_iter()
            .flatten()
            .find(|observation| age(*observation, now) >= self.window_secs.max(1))
            .ok_or(OracleError::WindowTooShort)?;
        averaged(pool, self.asset, since, now, asset_decimals, quote_decimals, quote_price)
    }
}

/// USD per whole asset averaged from an observation, not of this second, up to `now`; floored.
///
/// # Errors
/// [`OracleError`]: wrong pool, a price of zero or above 128 bits.
pub(super) fn averaged(
    pool: &ConstantProduct,
    asset: AssetId,
    since: Observation,
    now: u64,
    asset_decimals: u8,
    quote_decimals: u8,
    quote_price: Price,
) -> Result<Price, OracleError> {
    let gathered = pool.cumulative_of(asset, now)?.wrapping_sub(since.cumulative);
    let average = gathered / U256::from(age(since, now));
    if let Ok(average) = u128::try_from(average) {
        let one = 1_u128 << 112;
        return price_from_reserves(average, one, asset_decimals, quote_decimals, quote_price);
    }
    let one: U256 = U256::from(1) << 112;
    price_from_ratio(average, one, asset_decimals, quote_decimals, quote_price)
}

/// Seconds since an observation, modulo 2³².
pub(super) fn age(observation: Observation, now: u64) -> u32 {
    (now as u32).wrapping_sub(observation.timestamp)
}
