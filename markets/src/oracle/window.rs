//! The time-weighted average over a sliding window: many checkpoints, the newest old enough counts.
//!
//! Source: Uniswap v2 Core §2.2; the ring of observations is that of `ExampleSlidingWindowOracle` in
//! v2-periphery and of Uniswap v3's pools. [`super::twap::TwapFeed`] keeps two checkpoints, which costs
//! less and averages over up to two windows; here a keeper who comes often keeps the average close to
//! one window.

use super::OracleError;
use super::twap::{Observation, age, averaged};
use crate::amm::constant_product::ConstantProduct;
use crate::units::{AssetId, FeedId, PoolId, Price};
use serde::{Deserialize, Serialize};

/// Averages a pool's price over at least `window_secs`, up to this instant, from the newest of many
/// checkpoints that is old enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowFeed {
    /// The pool read.
    pub pool: PoolId,
    /// The asset priced.
    pub asset: AssetId,
    /// The feed that prices the pool's other asset in USD; `None` where that asset is taken for USD.
    pub quote: Option<FeedId>,
    /// Shortest time averaged over, in seconds; below 2³¹.
    pub window_secs: u32,
    /// Shortest time between two checkpoints, in seconds.
    pub every_secs: u32,
    /// The checkpoints; once there are as many as a window needs, each new one replaces the oldest.
    ring: Vec<Observation>,
    /// Where in the ring the oldest is, once it is full.
    oldest: u32,
}

impl WindowFeed {
    /// A feed without history: it has no price until a window has passed since its first checkpoint.
    #[must_use]
    pub const fn new(
        pool: PoolId,
        asset: AssetId,
        quote: Option<FeedId>,
        window_secs: u32,
        every_secs: u32,
    ) -> Self {
        let ring = Vec::new();
        Self { pool, asset, quote, window_secs, every_secs, ring, oldest: 0 }
    }

    /// How many checkpoints are kept: a window's, and one that is always a window old.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        let every = if self.every_secs == 0 { 1 } else { self.every_secs };
        self.window_secs.div_ceil(every) as usize + 1
    }

    /// The checkpoint that a keeper would write now, or `None` where the last is too young.
    ///
    /// # Errors
    /// [`OracleError::UnknownAsset`] where the pool does not hold the asset.
    pub fn quote_checkpoint(
        &self,
        pool: &ConstantProduct,
        now: u64,
    ) -> Result<Option<Observation>, OracleError> {
        let due = self.newest(0).is_none_or(|last| age(last, now) >= self.every_secs.max(1));
        if !due {
            return Ok(None);
        }
        let cumulative = pool.cumulative_of(self.asset, now)?;
        Ok(Some(Observation { timestamp: now as u32, cumulative }))
    }

    /// Writes a checkpoint. Returns the one that it replaced, if any.
    pub fn record(&mut self, new: Observation) -> Option<Observation> {
        if self.ring.len() < self.capacity() {
            self.ring.push(new);
            return None;
        }
        let slot = self.oldest as usize;
        self.oldest = if slot + 1 == self.ring.len() { 0 } else { self.oldest + 1 };
        Some(std::mem::replace(&mut self.ring[slot], new))
    }

    /// Undoes the last [`Self::record`], given what it returned.
    pub fn forget(&mut self, replaced: Option<Observation>) {
        match replaced {
            None => {
                self.ring.pop();
            }
            Some(old) => {
                let last = self.ring.len() as u32 - 1;
                self.oldest = if self.oldest == 0 { last } else { self.oldest - 1 };
                self.ring[self.oldest as usize] = old;
            }
        }
    }

    /// The `back`-th newest checkpoint; zero is the last.
    #[must_use]
    pub fn newest(&self, back: usize) -> Option<Observation> {
        let n = self.ring.len();
        let from_oldest = n.checked_sub(back + 1)?;
        self.ring.get((self.oldest as usize + from_oldest) % n).copied()
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
        let window = self.window_secs.max(1);
        // The first that is old enough lies between `young`, which are not, and `young + count`.
        let (mut young, mut count) = (0, self.ring.len());
        while count > 0 {
            let half = count / 2;
            if self.newest(young + half).is_some_and(|last| age(last, now) < window) {
                young += half + 1;
                count -= half + 1;
            } else {
                count = half;
            }
        }
        let since = self.newest(young).ok_or(OracleError::WindowTooShort)?;
        averaged(pool, self.asset, since, now, asset_decimals, quote_decimals, quote_price)
    }
}
