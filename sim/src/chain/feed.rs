//! Every kind of price feed, as one closed enum, and what it says now.

use super::{Chain, Pool};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::stable_swap::MAX_COINS;
use markets::oracle::OracleError;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::{self, LpFeed};
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::units::{Amount, AssetId, FeedId, Price};
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
    /// A pool's share at its reserves' value, this instant.
    LpNaive(LpFeed),
    /// A pool's share at a value that a swap does not move.
    LpFair(LpFeed),
    /// The lowest of two feeds.
    Lowest(LowestFeed),
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
                Feed::LpNaive(feed) => return self.lp_price(feed, false, depth),
                Feed::LpFair(feed) => return self.lp_price(feed, true, depth),
                Feed::Lowest(lowest) => {
                    let [a, b] = lowest.feeds.map(|feed| self.price_below(Some(feed), depth));
                    return Ok(a?.min(b?));
                }
                Feed::Spot(spot) => (spot.pool, spot.asset, spot.quote),
                Feed::Twap(twap) => (twap.pool, twap.asset, twap.quote),
            };
        let quote_price = self.price_below(quote, depth)?;
        if let (Feed::Spot(spot), Some(Pool::Exponential(reserve))) =
            (&self.feeds[feed.index()], self.pools.get(pool.index()))
        {
            let inventory = self.ledger.balance(reserve.account, reserve.quote);
            return spot.price_on_curve(reserve, inventory, quote_price);
        }
        let pool = pair_of(self.pools.get(pool.index()))?;
        let asset_decimals = self.decimals[asset.index()];
        let quote_decimals = self.decimals[pool.other(asset)?.index()];
        match &self.feeds[feed.index()] {
            Feed::Push(_) | Feed::LpNaive(_) | Feed::LpFair(_) | Feed::Lowest(_) => {
                Err(OracleError::BrokenReference)
            }
            Feed::Spot(spot) => spot.price(pool, asset_decimals, quote_decimals, quote_price),
            Feed::Twap(twap) => twap.price(pool, now, asset_decimals, quote_decimals, quote_price),
        }
    }

    /// The price of a feed that another refers to; [`Price::ONE`] where it refers to none.
    fn price_below(&self, feed: Option<FeedId>, depth: u8) -> Result<Price, OracleError> {
        match (feed, depth) {
            (None, _) => Ok(Price::ONE),
            (Some(_), 0) => Err(OracleError::BrokenReference),
            (Some(feed), _) => self.price_through(feed, depth - 1),
        }
    }

    /// What a pool's share is worth, from its coins' feeds and its reserves as they are now.
    fn lp_price(&self, feed: &LpFeed, fair: bool, depth: u8) -> Result<Price, OracleError> {
        let mut prices = [Price::ONE; MAX_COINS];
        let decimals = |share: AssetId| self.decimals[share.index()];
        match self.pools.get(feed.pool.index()).ok_or(OracleError::BrokenReference)? {
            Pool::ConstantProduct(pool) => {
                for (price, coin) in prices.iter_mut().zip(&feed.coins[..2]) {
                    *price = self.price_below(*coin, depth)?;
                }
                let (supply, share) = (self.ledger.total_supply(pool.share), decimals(pool.share));
                let places = [decimals(pool.token0), decimals(pool.token1)];
                if fair {
                    return lp::fair(pool, places, [prices[0], prices[1]], supply, share);
                }
                let reserves = [Amount::new(pool.reserve0), Amount::new(pool.reserve1)];
                lp::naive(&reserves, &places, &prices[..2], supply, share)
            }
            Pool::StableSwap(pool) => {
                let n = pool.n();
                for (price, coin) in prices.iter_mut().zip(&feed.coins[..n]) {
                    *price = self.price_below(*coin, depth)?;
                }
                let (supply, share) = (self.ledger.total_supply(pool.share), decimals(pool.share));
                if fair {
                    return lp::fair_stable(pool, &prices[..n], supply, self.clock.timestamp);
                }
                lp::naive(&pool.balances[..n], &pool.decimals[..n], &prices[..n], supply, share)
            }
            Pool::Exponential(_) | Pool::FixedPrice(_) => Err(OracleError::BrokenReference),
        }
    }
}
