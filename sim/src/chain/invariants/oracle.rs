//! Oracles: what each kind of feed may say.

use super::{Checked, Family, Invariant, Step, nothing};
use crate::chain::{Chain, Feed};
use markets::oracle::composed::ComposedFeed;
use markets::units::{FeedId, Price, U256};

const POSITIVE: Invariant =
    Invariant::new("oracle-never-zero", "no feed ever says a price of zero");
const PAST: Invariant =
    Invariant::new("oracle-report-in-past", "no report or checkpoint is of a time to come");
const WINDOW: Invariant = Invariant::new(
    "oracle-checkpoints-ordered",
    "an average's checkpoints are in the order of their times, no closer than they may be",
);
const LOWEST: Invariant = Invariant::new(
    "oracle-lowest",
    "the lowest of two feeds is neither above the one nor the other",
);
const MEDIAN: Invariant = Invariant::new(
    "oracle-median-between",
    "a median lies between the lowest and the highest of its sources, of which enough answer",
);
const CAPPED: Invariant = Invariant::new(
    "oracle-capped-growth",
    "a capped feed never says more than its base at the most that the ratio may have grown to",
);
const BREAKER: Invariant = Invariant::new(
    "oracle-breaker-halts",
    "a breaker says nothing while it is tripped, nor a price too far from its reference",
);
const DELAYED: Invariant = Invariant::new(
    "oracle-delayed-by-a-hop",
    "a delayed feed says nothing new before a hop has passed since it last took a price",
);
pub(super) const FAMILY: Family = Family {
    name: "oracles",
    catalogue: &[&[POSITIVE, PAST, WINDOW, LOWEST, MEDIAN, CAPPED, BREAKER, DELAYED]],
    state: nothing,
    whole,
    step,
};

fn whole(chain: &Chain) -> Checked {
    chain.feeds.iter().enumerate().try_for_each(|(i, feed)| {
        let price = chain.price(FeedId(i as u16)).ok();
        check_feed(chain, i, feed, price)
    })
}

/// A feed, and what it says if it says anything.
pub(super) fn check_feed(chain: &Chain, i: usize, feed: &Feed, price: Option<Price>) -> Checked {
    let now = chain.clock.timestamp;
    POSITIVE.require(price != Some(Price(0)), || format!("feed {i}: {feed:?}"))?;
    match feed {
        Feed::Push(push) => {
            PAST.require(push.updated_at <= now, || format!("feed {i}: {push:?}, now {now}"))
        }
        Feed::Twap(twap) => {
            let times = [twap.newer, twap.older].map(|o| o.map(|o| o.timestamp));
            check_times(i, now, times.into_iter().flatten(), twap.window_secs)
        }
        Feed::Window(window) => {
            let times = (0..window.capacity()).map_while(|back| window.newest(back));
            check_times(i, now, times.map(|o| o.timestamp), window.every_secs)
        }
        Feed::Lowest(lowest) => {
            let below = lowest.feeds.iter().all(|feed| chain.price(*feed).ok() >= price);
            LOWEST.require(price.is_none() || below, || format!("feed {i}: {price:?}"))
        }
        Feed::Composed(composed) => check_composed(chain, i, composed, price),
        Feed::Spot(_)
        | Feed::Balances(_)
        | Feed::Share(_)
        | Feed::ConcentratedTwap(_)
        | Feed::Mantissa(_)
        | Feed::LpNaive(_)
        | Feed::LpFair(_) => Ok(()),
    }
}

/// Times, the newest first, are past and at least so far apart.
fn check_times(i: usize, now: u64, times: impl Iterator<Item = u32>, apart: u32) -> Checked {
    let mut later: Option<u32> = None;
    for time in times {
        // Modulo 2³².
        let age = (now as u32).wrapping_sub(time);
        PAST.require(age <= u32::MAX / 2, || format!("feed {i}: at {time}, now {now}"))?;
        if let Some(later) = later {
            let gap = later.wrapping_sub(time);
            WINDOW.require(gap >= apart && gap <= u32::MAX / 2, || {
                format!("feed {i}: {time}, then {later}, at least {apart} apart")
            })?;
        }
        later = Some(time);
    }
    Ok(())
}

fn check_composed(chain: &Chain, i: usize, feed: &ComposedFeed, price: Option<Price>) -> Checked {
    let now = chain.clock.timestamp;
    let Some(price) = price else { return Ok(()) };
    match feed {
        ComposedFeed::Median(median) => {
            let answers = || median.sources().iter().filter_map(|source| chain.price(*source).ok());
            let between = answers().min() <= Some(price) && Some(price) <= answers().max();
            let enough = answers().count() >= usize::from(median.quorum);
            MEDIAN.require(between && enough, || format!("feed {i}: {price:?}"))
        }
        ComposedFeed::Capped(capped) => {
            let Ok(base) = chain.price(capped.base) else { return Ok(()) };
            let scale = U256::from(10).saturating_pow(U256::from(capped.ratio_decimals));
            let most = capped
                .max_ratio(now)
                .and_then(|ratio| U256::from(base.0).checked_mul(ratio))
                .map(|product| product / scale);
            CAPPED.require(most.is_none_or(|most| U256::from(price.0) <= most), || {
                format!("feed {i}: {price:?}, at most {most:?}")
            })
        }
        ComposedFeed::Breaker(breaker) => {
            let tripped = breaker.tripped_at.is_some_and(|at| {
                breaker.trip_secs == 0 || now < at.saturating_add(breaker.trip_secs)
            });
            let far = breaker.is_too_far(price, now);
            BREAKER.require(!tripped && !far, || format!("feed {i}: {price:?} by {breaker:?}"))
        }
        ComposedFeed::Delayed(_) | ComposedFeed::Anchored(_) | ComposedFeed::Fallback(_) => Ok(()),
    }
}

fn step(Step { before, after, .. }: &Step<'_>) -> Checked {
    for (i, feeds) in before.feeds.iter().zip(&after.feeds).enumerate() {
        let (Feed::Composed(was), Feed::Composed(now)) = feeds else { continue };
        let (ComposedFeed::Delayed(was), ComposedFeed::Delayed(now)) = (was, now) else { continue };
        let poked = now.poked_at != was.poked_at;
        let halted = now.current.is_none();
        let hop = now.poked_at >= was.poked_at
            && (!poked || after.clock.timestamp >= was.poked_at.saturating_add(now.hop_secs));
        DELAYED.require((now.current == was.current || poked || halted) && hop, || {
            format!("feed {i}: {was:?}, then {now:?}")
        })?;
    }
    Ok(())
}
