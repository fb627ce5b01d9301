//! Every kind of price feed, as one closed enum, and what it says now.

use super::{Chain, Pool};
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::OracleError;
use markets::oracle::mantissa::MantissaFeed;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::units::{FeedId, Price, PriceMantissa};
use serde::{Deserialize, Serialize};

/// Most feeds that a price is looked up through: a feed that refers to itself is an error, not a
/// stack overflow.
const MAX_FEED_DEPTH: u8 = 4;

/// An oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feed {
    /// Reads a pool as it is now.
    Spot(SpotFeed),
    /// Reads a pool's time-weighted average.
    Twap(TwapFeed),
    /// Says what its reporter last pushed.
    Push(PushFeed),
    /// Says what its reporter last posted, in Compound's price type.
    Mantissa(MantissaFeed),
}

/// The constant-product pool that a feed refers to.
fn pair_of(pool: Option<&Pool>) -> Result<&ConstantProduct, OracleError> {
    pool.and_then(Pool::constant_product).ok_or(OracleError::BrokenReference)
}

impl Chain {
    /// What a feed says now, mid-transaction state included.
    ///
    /// # Errors
    /// No such feed, an empty pool, or a stale report.
    #[inline]
    pub fn price(&self, feed: FeedId) -> Result<Price, OracleError> {
        self.price_through(feed, MAX_FEED_DEPTH)
    }
    /// A feed's price, through at most `depth` feeds that price one another's quote assets.
    fn price_through(&self, feed: FeedId, depth: u8) -> Result<Price, OracleError> {
        let now = self.clock.timestamp;
        let (pool, asset, quote) =
            match self.feeds.get(feed.index()).ok_or(OracleError::BrokenReference)? {
                Feed::Push(push) => return push.price(now),
                Feed::Mantissa(posted) => return posted.price(),
                Feed::Spot(spot) => (spot.pool, spot.asset, spot.quote),
                Feed::Twap(twap) => (twap.pool, twap.asset, twap.quote),
            };
        let quote_price = match (quote, depth) {
            (None, _) => Price::ONE,
            (Some(_), 0) => return Err(OracleError::BrokenReference),
            (Some(feed), _) => self.price_through(feed, depth - 1)?,
        };
        let pool = pair_of(self.pools.get(pool.index()))?;
        let asset_decimals = self.decimals[asset.index()];
        let quote_decimals = self.decimals[pool.other(asset)?.index()];
        match &self.feeds[feed.index()] {
            Feed::Push(push) => push.price(now),
            Feed::Mantissa(posted) => posted.price(),
            Feed::Spot(spot) => spot.price(pool, asset_decimals, quote_decimals, quote_price),
            Feed::Twap(twap) => twap.price(pool, now, asset_decimals, quote_decimals, quote_price),
        }
    }
    /// What a feed says now in Compound's price type, for a token of so many decimals; zero where it
    /// has no usable price.
    #[inline]
    pub(super) fn mantissa_of(&self, feed: FeedId, decimals: u8) -> PriceMantissa {
        match self.feeds.get(feed.index()) {
            Some(Feed::Mantissa(posted)) => posted.mantissa,
            _ => self
                .price(feed)
                .ok()
                .and_then(|price| PriceMantissa::from_price(price, decimals))
                .unwrap_or_default(),
        }
    }
}
