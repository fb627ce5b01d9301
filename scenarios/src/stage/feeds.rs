//! From a feed's line in a file to a feed.

use super::names::{Names, Refusal, price, refuse};
use super::place::Builder;
use super::schema::FeedSpec;
use markets::amm::stable_swap::MAX_COINS;
use markets::oracle::anchored::AnchoredFeed;
use markets::oracle::breaker::BreakerFeed;
use markets::oracle::capped::CappedFeed;
use markets::oracle::composed::ComposedFeed;
use markets::oracle::concentrated::ConcentratedTwapFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::oracle::fallback::FallbackFeed;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::LpFeed;
use markets::oracle::median::{MAX_SOURCES, MedianFeed};
use markets::oracle::push::PushFeed;
use markets::oracle::share::ShareFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::oracle::window::WindowFeed;
use markets::units::Price;
use sim::chain::Feed;

/// Decimals of a feed's price.
const PRICE_DECIMALS: u8 = 8;

impl Builder {
    pub(super) fn feed(&mut self, spec: &FeedSpec, now: u64) -> Result<(), Refusal> {
        let names = &self.names;
        let quote = |quote: &Option<String>| quote.as_ref().map(|q| names.feed(q)).transpose();
        let feed = match spec {
            FeedSpec::Push { usd, .. } => Feed::Push(PushFeed {
                reporter: names.world,
                price: price(*usd)?,
                updated_at: now,
                heartbeat_secs: 0,
                deviation_bps: 0,
                max_age_secs: 0,
            }),
            FeedSpec::Spot { asset, pool, quote: q, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                Feed::Spot(SpotFeed { pool, asset, quote: quote(q)? })
            }
            FeedSpec::Twap { asset, pool, quote: q, window_secs, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                Feed::Twap(TwapFeed::new(pool, asset, quote(q)?, *window_secs))
            }
            FeedSpec::Window { asset, pool, quote: q, window_secs, every_secs, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                if *every_secs == 0 || window_secs / every_secs.max(&1) > 4_096 {
                    return refuse("a window of no or too many checkpoints", "raise every_secs");
                }
                let window = WindowFeed::new(pool, asset, quote(q)?, *window_secs, *every_secs);
                Feed::Window(Box::new(window))
            }
            FeedSpec::LpNaive { pool, coins, .. } => Feed::LpNaive(lp(names, pool, coins)?),
            FeedSpec::LpFair { pool, coins, .. } => Feed::LpFair(lp(names, pool, coins)?),
            FeedSpec::Lowest { feeds: (a, b), .. } => {
                Feed::Lowest(LowestFeed { feeds: [names.feed(a)?, names.feed(b)?] })
            }
            FeedSpec::Median { sources, quorum, .. } => {
                let ids: Result<Vec<_>, _> = sources.iter().map(|s| names.feed(s)).collect();
                let Some(median) = MedianFeed::new(&ids?, *quorum) else {
                    let help = format!("give 1 to {MAX_SOURCES} sources, and a quorum among them");
                    return refuse("a median that cannot be", help);
                };
                Feed::Composed(ComposedFeed::Median(median))
            }
            FeedSpec::Delayed { source, hop_secs, .. } => {
                let source = names.feed(source)?;
                let mut delayed = DelayedFeed::new(source, u64::from(*hop_secs), names.world);
                // It has been poked for hours at what its source says.
                if let Some(Feed::Push(push)) = self.chain.feeds().get(source.index()) {
                    (delayed.current, delayed.next) = (Some(push.price), Some(push.price));
                    delayed.poked_at = now - now.checked_rem(delayed.hop_secs).unwrap_or(0);
                }
                Feed::Composed(ComposedFeed::Delayed(delayed))
            }
            FeedSpec::Fallback { primary, secondary, .. } => {
                let (primary, secondary) = (names.feed(primary)?, names.feed(secondary)?);
                Feed::Composed(ComposedFeed::Fallback(FallbackFeed { primary, secondary }))
            }
            FeedSpec::Balances { asset, pool, quote: q, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                Feed::Balances(SpotFeed { pool, asset, quote: quote(q)? })
            }
            FeedSpec::Share { vault, quote: q, .. } => {
                Feed::Share(ShareFeed { pool: names.pool(vault)?, quote: quote(q)? })
            }
            FeedSpec::ConcentratedTwap { asset, pool, quote: q, window_secs, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                let (quote, window_secs) = (quote(q)?, *window_secs);
                if window_secs == 0 {
                    return refuse("an average over no time", "raise window_secs");
                }
                Feed::ConcentratedTwap(ConcentratedTwapFeed { pool, asset, quote, window_secs })
            }
            FeedSpec::Capped {
                base, ratio, snapshot_ratio, snapshot_age_days, growth_bps, ..
            } => {
                let Ok(snapshot_ratio) = u128::try_from(snapshot_ratio.units(PRICE_DECIMALS)?)
                else {
                    return refuse("a ratio above 128 bits", "write it as 1.0475");
                };
                Feed::Composed(ComposedFeed::Capped(CappedFeed {
                    base: names.feed(base)?,
                    ratio: names.feed(ratio)?,
                    ratio_decimals: PRICE_DECIMALS,
                    snapshot_ratio,
                    snapshot_at: now.saturating_sub(u64::from(*snapshot_age_days) * 86_400),
                    max_yearly_growth_bps: *growth_bps,
                    manager: names.world,
                    min_snapshot_age_secs: 0,
                    max_change_bps: 0,
                    update_delay_secs: 0,
                    updated_at: 0,
                }))
            }
            FeedSpec::Anchored { reporter, anchor, tolerance_percent, .. } => {
                Feed::Composed(ComposedFeed::Anchored(AnchoredFeed {
                    reporter: names.feed(reporter)?,
                    anchor: names.feed(anchor)?,
                    tolerance: tolerance_percent.percent()?,
                    stored: Price(0),
                    failover: false,
                    manager: names.world,
                }))
            }
            FeedSpec::Breaker { source, max_move_bps, period_secs, trip_secs, .. } => {
                if *period_secs == 0 {
                    return refuse("a breaker without a period", "raise period_secs");
                }
                Feed::Composed(ComposedFeed::Breaker(BreakerFeed {
                    source: names.feed(source)?,
                    max_move_bps: *max_move_bps,
                    period_secs: *period_secs,
                    trip_secs: *trip_secs,
                    reference: Price(0),
                    referenced_at: 0,
                    tripped_at: None,
                    manager: names.world,
                }))
            }
        };
        self.chain.add_feed(feed);
        Ok(())
    }
}

fn lp(names: &Names, pool: &str, coins: &[String]) -> Result<LpFeed, Refusal> {
    let mut ids = [None; MAX_COINS];
    if coins.len() > MAX_COINS {
        return refuse("more coins than a pool has", "name a feed for each of the pool's coins");
    }
    for (slot, coin) in ids.iter_mut().zip(coins) {
        *slot = Some(names.feed(coin)?);
    }
    Ok(LpFeed { pool: names.pool(pool)?, coins: ids })
}
