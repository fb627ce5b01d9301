//! Every kind of price feed, as one closed enum, and what it says now.

use super::{Chain, Pool};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::share_vault::{Holdings, ShareVault};
use markets::amm::stable_swap::{MAX_COINS, StableSwapError};
use markets::oracle::OracleError;
use markets::oracle::composed::ComposedFeed;
use markets::oracle::concentrated::{self, ConcentratedTwapFeed};
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::{self, LpFeed};
use markets::oracle::mantissa::MantissaFeed;
use markets::oracle::push::PushFeed;
use markets::oracle::share::ShareFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::oracle::window::WindowFeed;
use markets::units::{Amount, AssetId, FeedId, Price, PriceMantissa};
use serde::{Deserialize, Serialize};

/// Most feeds that a price is looked up through: a feed that refers to itself is an error, not a
/// stack overflow.
const MAX_FEED_DEPTH: u8 = 4;

/// An oracle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feed {
    /// Reads a pool as it is now.
    Spot(SpotFeed),
    /// Reads a pool's time-weighted average.
    Twap(TwapFeed),
    /// Reads a pool's average over a sliding window of many checkpoints.
    Window(Box<WindowFeed>),
    /// Says what its reporter last pushed.
    Push(PushFeed),
    /// Reads a concentrated-liquidity pool's time-weighted average tick.
    ConcentratedTwap(ConcentratedTwapFeed),
    /// Says what its reporter last posted, in Compound's price type.
    Mantissa(MantissaFeed),
    /// A pool's share at its reserves' value, this instant.
    LpNaive(LpFeed),
    /// A pool's share at a value that a swap does not move.
    LpFair(LpFeed),
    /// The lowest of two feeds.
    Lowest(LowestFeed),
    /// Reads other feeds, and adds a rule.
    Composed(ComposedFeed),
    /// Reads a pair's balances, which are its reserves but for donations and flash swaps in progress.
    Balances(SpotFeed),
    /// A vault's share at what the vault has, this instant.
    Share(ShareFeed),
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
    pub(super) fn price_through(&self, feed: FeedId, depth: u8) -> Result<Price, OracleError> {
        let now = self.clock.timestamp;
        match self.feeds.get(feed.index()).ok_or(OracleError::BrokenReference)? {
            Feed::Push(push) => push.price(now),
            Feed::Mantissa(posted) => posted.price(),
            Feed::LpNaive(feed) => self.lp_price(feed, false, depth),
            Feed::LpFair(feed) => self.lp_price(feed, true, depth),
            Feed::Lowest(lowest) => {
                let [a, b] = lowest.feeds.map(|feed| self.price_below(Some(feed), depth));
                Ok(a?.min(b?))
            }
            Feed::Composed(composed) => self.composed_price(composed, depth),
            Feed::Spot(spot) => self.spot_price(spot, depth),
            Feed::Balances(spot) => {
                let pool = pair_of(self.pools.get(spot.pool.index()))?;
                let other = pool.other(spot.asset)?;
                let [mine, theirs] =
                    [spot.asset, other].map(|asset| self.ledger.balance(pool.account, asset));
                let (asset, other) = self.places(spot.asset, other);
                let quote_price = self.price_below(spot.quote, depth)?;
                spot.price_of_balances(mine, theirs, asset, other, quote_price)
            }
            Feed::Share(share) => {
                let Some(Pool::ShareVault(vault)) = self.pools.get(share.pool.index()) else {
                    return Err(OracleError::BrokenReference);
                };
                let quote_price = self.price_below(share.quote, depth)?;
                let holdings =
                    self.holdings(vault).map_err(|_no_value| OracleError::NoLiquidity)?;
                let (own, asset) = self.places(vault.share, vault.asset);
                share.price(holdings, own, asset, quote_price)
            }
            Feed::Twap(twap) => {
                let pool = pair_of(self.pools.get(twap.pool.index()))?;
                let (asset, other) = self.places(twap.asset, pool.other(twap.asset)?);
                let quote_price = self.price_below(twap.quote, depth)?;
                twap.price(pool, now, asset, other, quote_price)
            }
            Feed::Window(window) => {
                let pool = pair_of(self.pools.get(window.pool.index()))?;
                let (asset, other) = self.places(window.asset, pool.other(window.asset)?);
                let quote_price = self.price_below(window.quote, depth)?;
                window.price(pool, now, asset, other, quote_price)
            }
            Feed::ConcentratedTwap(twap) => {
                let pool = self.pools.get(twap.pool.index()).and_then(Pool::concentrated);
                let pool = pool.ok_or(OracleError::BrokenReference)?;
                let other = pool.other(twap.asset).ok_or(OracleError::UnknownAsset)?;
                let (asset, other) = self.places(twap.asset, other);
                let quote_price = self.price_below(twap.quote, depth)?;
                twap.price(pool, now, asset, other, quote_price)
            }
        }
    }

    /// A pool's price as it is now.
    fn spot_price(&self, spot: &SpotFeed, depth: u8) -> Result<Price, OracleError> {
        let quote_price = self.price_below(spot.quote, depth)?;
        match self.pools.get(spot.pool.index()).ok_or(OracleError::BrokenReference)? {
            Pool::ConstantProduct(pool) => {
                let (asset, other) = self.places(spot.asset, pool.other(spot.asset)?);
                spot.price(pool, asset, other, quote_price)
            }
            Pool::Concentrated(pool) => {
                let other = pool.other(spot.asset).ok_or(OracleError::UnknownAsset)?;
                let (asset, other) = self.places(spot.asset, other);
                concentrated::spot_price(spot.asset, pool, asset, other, quote_price)
            }
            Pool::Exponential(reserve) => {
                let inventory = self.ledger.balance(reserve.account, reserve.quote);
                spot.price_on_curve(reserve, inventory, quote_price)
            }
            Pool::StableSwap(pool) => spot.price_on_stable(pool, self.clock.timestamp, quote_price),
            Pool::FixedPrice(_) | Pool::ShareVault(_) => Err(OracleError::BrokenReference),
        }
    }

    /// What a vault has and owes now.
    ///
    /// # Errors
    /// What it is invested in has no value now: an empty pool, or one that is no StableSwap pool.
    pub fn holdings(&self, vault: &ShareVault) -> Result<Holdings, StableSwapError> {
        let at_hand = self.ledger.balance(vault.account, vault.asset);
        let supply = self.ledger.total_supply(vault.share);
        let mut total = at_hand;
        if let Some(id) = vault.invested {
            let pool = self.pools.get(id.index()).and_then(Pool::stable_swap);
            let pool = pool.ok_or(StableSwapError::NoLiquidity)?;
            let shares = self.ledger.balance(vault.account, pool.share);
            if !shares.is_zero() {
                let all = self.ledger.total_supply(pool.share);
                let at = pool.index_of(vault.asset)?;
                let now = self.clock.timestamp;
                let paid = pool.quote_remove_one_coin(shares, vault.asset, all, now)?.received[at];
                total = total.checked_add(paid).ok_or(StableSwapError::Overflow)?;
            }
        }
        Ok(Holdings { total, at_hand, supply })
    }

    /// The price of a feed that another refers to; [`Price::ONE`] where it refers to none.
    fn price_below(&self, feed: Option<FeedId>, depth: u8) -> Result<Price, OracleError> {
        match (feed, depth) {
            (None, _) => Ok(Price::ONE),
            (Some(_), 0) => Err(OracleError::BrokenReference),
            (Some(feed), _) => self.price_through(feed, depth - 1),
        }
    }

    /// The decimals of an asset and of what it is priced in.
    fn places(&self, asset: AssetId, other: AssetId) -> (u8, u8) {
        (self.decimals[asset.index()], self.decimals[other.index()])
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
            Pool::Concentrated(_)
            | Pool::Exponential(_)
            | Pool::FixedPrice(_)
            | Pool::ShareVault(_) => Err(OracleError::BrokenReference),
        }
    }
}
