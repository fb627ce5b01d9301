//! Oracles made of oracles: each rule by hand, and what holds of any input.

use arrayvec::ArrayVec;
use markets::oracle::OracleError;
use markets::oracle::anchored::AnchoredFeed;
use markets::oracle::breaker::BreakerFeed;
use markets::oracle::capped::{CappedFeed, Snapshot};
use markets::oracle::delayed::DelayedFeed;
use markets::oracle::fallback::FallbackFeed;
use markets::oracle::median::{MAX_SOURCES, MedianFeed};
use markets::units::{AccountId, FeedId, Price, U256, Wad};
use proptest::prelude::*;

const MANAGER: AccountId = AccountId(7);
const DAY: u64 = 86_400;
const YEAR: u64 = 365 * DAY;
const E18: u128 = 10_u128.pow(18);

fn usd(units: u128) -> Price {
    Price(units * 100_000_000)
}

fn median(quorum: u8, answers: &[u128]) -> Result<Price, OracleError> {
    let sources: Vec<_> = (0..answers.len().max(usize::from(quorum)) as u16).map(FeedId).collect();
    let feed = MedianFeed::new(&sources, quorum).unwrap();
    feed.price(answers.iter().map(|a| usd(*a)).collect())
}

#[test]
fn a_median_needs_its_quorum_and_ignores_the_loudest() {
    assert_eq!(median(3, &[100, 1_000_000, 101]), Ok(usd(101)));
    assert_eq!(median(2, &[100, 103]), Ok(Price(10_150_000_000)), "the mean of the middle two");
    assert_eq!(median(3, &[100, 103]), Err(OracleError::NoQuorum));
    assert_eq!(median(1, &[]), Err(OracleError::NoQuorum));
    assert_eq!(MedianFeed::new(&[], 0), None);
    assert_eq!(MedianFeed::new(&[FeedId(0)], 0), None);
    assert_eq!(MedianFeed::new(&[FeedId(0)], 2), None);
    assert_eq!(MedianFeed::new(&[FeedId(0); MAX_SOURCES + 1], 1), None);
}

/// A ratio of 1.15 with 18 decimals, that may grow by 9.68 % a year.
fn capped() -> CappedFeed {
    CappedFeed {
        base: FeedId(0),
        ratio: FeedId(1),
        ratio_decimals: 18,
        snapshot_ratio: 115 * E18 / 100,
        snapshot_at: 1_000 * DAY,
        max_yearly_growth_bps: 968,
        manager: MANAGER,
        min_snapshot_age_secs: 7 * DAY,
        max_change_bps: 300,
        update_delay_secs: 3 * DAY,
        updated_at: 1_007 * DAY,
    }
}

#[test]
fn a_ratio_counts_up_to_its_cap() {
    let feed = capped();
    let now = feed.snapshot_at + YEAR;
    // 1.15 · 9.68 % = 0.11132 a year, floored to 3,529,934,043 a second.
    let most = 1_150_000_000_000_000_000_u128 + 3_529_934_043 * u128::from(YEAR);
    assert_eq!(feed.max_ratio(now), Some(U256::from(most)));
    assert!(!feed.is_capped(Price(most), now) && feed.is_capped(Price(most + 1), now));
    assert_eq!(feed.price(usd(2_000), Price(12 * E18 / 10), now), Ok(usd(2_400)));
    // Donated up to 2: still 1.26131999…
    let capped = feed.price(usd(2_000), Price(2 * E18), now).unwrap();
    assert_eq!(capped, Price(most / 5_000_000), "2,000 · 10⁸ / 10¹⁸");
    assert_eq!(feed.price(usd(2_000), Price(2 * E18), feed.snapshot_at), Ok(usd(2_300)));
    assert_eq!(feed.price(usd(2_000), Price(0), now), Err(OracleError::ZeroPrice));
}

#[test]
fn a_snapshot_moves_three_percent_in_three_days() {
    let feed = capped();
    let now = 1_010 * DAY;
    let set = |percent: u128, at, growth, now| {
        let ratio = feed.snapshot_ratio * percent / 100;
        feed.with_snapshot(Snapshot { ratio, at, max_yearly_growth_bps: growth }, now)
    };
    let at = 1_003 * DAY;
    assert_eq!(set(103, at, 968, now - 1), Err(OracleError::TooEarly));
    assert_eq!(set(104, at, 968, now), Err(OracleError::OutOfRange));
    assert_eq!(set(96, at, 968, now), Err(OracleError::OutOfRange));
    assert_eq!(set(103, at + 1, 968, now), Err(OracleError::OutOfRange), "not settled");
    assert_eq!(set(103, feed.snapshot_at, 968, now), Err(OracleError::OutOfRange), "not younger");
    assert_eq!(set(103, at, 1_000, now), Err(OracleError::OutOfRange));
    assert_eq!(set(0, at, 968, now), Err(OracleError::ZeroPrice));
    let moved = set(103, at, 997, now).unwrap();
    let expected = CappedFeed {
        snapshot_ratio: 1_184_500_000_000_000_000,
        snapshot_at: at,
        max_yearly_growth_bps: 997,
        updated_at: now,
        ..feed
    };
    assert_eq!(moved, expected);
}

#[test]
fn a_delayed_price_takes_effect_at_the_second_poke() {
    let hour = 3_600;
    let feed = DelayedFeed::new(FeedId(0), hour, MANAGER);
    assert_eq!(feed.price(), Err(OracleError::NotReady));
    let one = feed.poked(Ok(usd(100)), 10 * hour + 59).unwrap();
    assert_eq!((one.price(), one.next), (Err(OracleError::NotReady), Some(usd(100))));
    assert_eq!(one.poked_at, 10 * hour, "hops start on the hour");
    assert_eq!(one.poked(Ok(usd(1)), 11 * hour - 1), Err(OracleError::TooEarly));
    let two = one.poked(Ok(usd(50)), 11 * hour).unwrap();
    assert_eq!((two.price(), two.next), (Ok(usd(100)), Some(usd(50))));
    assert_eq!(two.poked(Err(OracleError::Stale), 12 * hour), Ok(two), "no price, no change");
    let stopped = two.halted();
    assert_eq!(stopped.price(), Err(OracleError::NotReady));
    assert_eq!(stopped.poked(Ok(usd(1)), 20 * hour), Err(OracleError::Halted));
    assert!(stopped.reset().poked(Ok(usd(1)), 20 * hour).is_ok());
}

fn anchored(stored: u128) -> AnchoredFeed {
    AnchoredFeed {
        reporter: FeedId(0),
        anchor: FeedId(1),
        tolerance: Wad::new(E18 / 5),
        stored: usd(stored),
        failover: false,
        manager: MANAGER,
    }
}

#[test]
fn a_report_passes_within_twenty_percent_of_its_anchor() {
    let feed = anchored(90);
    assert_eq!(anchored(0).price(), Err(OracleError::NotReady));
    // anchor / report between 0.8 and 1.2.
    for (anchor, passes) in [(79, false), (80, true), (100, true), (120, true), (121, false)] {
        assert_eq!(feed.is_within(usd(100), usd(anchor)), passes, "{anchor}");
        let after = feed.poked(Ok(usd(100)), Ok(usd(anchor))).unwrap();
        assert_eq!(after.price(), Ok(if passes { usd(100) } else { usd(90) }));
    }
    assert!(!feed.is_within(Price(0), usd(1)));
    let blind = feed.poked(Ok(usd(100)), Err(OracleError::NoLiquidity));
    assert_eq!(blind, Err(OracleError::NoLiquidity));
    let failing = AnchoredFeed { failover: true, ..feed };
    let after = failing.poked(Err(OracleError::Stale), Ok(usd(500))).unwrap();
    assert_eq!(after.price(), Ok(usd(500)));
}

#[test]
fn the_second_source_speaks_where_the_first_is_silent() {
    let feed = FallbackFeed { primary: FeedId(0), secondary: FeedId(1) };
    let read = |first: Result<Price, OracleError>, second| {
        feed.price(|id| if id == FeedId(0) { first } else { second })
    };
    assert_eq!(read(Ok(usd(1)), Ok(usd(2))), Ok(usd(1)));
    assert_eq!(read(Err(OracleError::Stale), Ok(usd(2))), Ok(usd(2)));
    let silent = read(Err(OracleError::Stale), Err(OracleError::NotReady));
    assert_eq!(silent, Err(OracleError::NotReady));
}

/// 10 % an hour; a trip lasts a day.
fn breaker() -> BreakerFeed {
    BreakerFeed {
        source: FeedId(0),
        max_move_bps: 1_000,
        period_secs: 3_600,
        trip_secs: DAY,
        reference: Price(0),
        referenced_at: 0,
        tripped_at: None,
        manager: MANAGER,
    }
}

#[test]
fn a_breaker_refuses_a_price_that_moved_too_far() {
    let now = 1_000_000;
    let see = |p: u128| Ok(usd(p));
    let fresh = breaker();
    assert_eq!(fresh.price(see(5), now), Ok(usd(5)), "without a reference nothing is too far");
    let feed = fresh.poked(see(100), now).unwrap();
    assert_eq!(feed.poked(see(105), now + 3_599).unwrap(), feed, "one reference a period");
    assert_eq!(feed.price(see(110), now), Ok(usd(110)));
    assert_eq!(feed.price(see(111), now), Err(OracleError::Halted));
    assert_eq!(feed.price(see(89), now), Err(OracleError::Halted));
    assert_eq!(
        feed.price(see(111), now + 3_600),
        Ok(usd(111)),
        "two periods begun, twice the move"
    );
    // Read only, it recovers with the price; poked, it trips and stays.
    assert_eq!(feed.price(see(100), now + 1), Ok(usd(100)));
    let tripped = feed.poked(see(111), now + 1).unwrap();
    assert_eq!(tripped.price(see(100), now + 2), Err(OracleError::Halted));
    assert_eq!(tripped.poked(see(100), now + 2), Err(OracleError::Halted));
    // Time lifts it, and the next poke takes a new reference.
    assert_eq!(tripped.price(see(150), now + 1 + DAY), Ok(usd(150)));
    let again = tripped.poked(see(150), now + 1 + DAY).unwrap();
    assert_eq!((again.reference, again.tripped_at), (usd(150), None));
    // Where only the manager lifts, time does not.
    let strict = BreakerFeed { trip_secs: 0, ..tripped };
    assert_eq!(strict.price(see(100), now + 1_000 * DAY), Err(OracleError::Halted));
    let lifted = strict.reset(see(150), now + 5).unwrap();
    assert_eq!(lifted.price(see(150), now + 5), Ok(usd(150)));
    assert_eq!(feed.halted(now).price(see(100), now), Err(OracleError::Halted));
}

proptest! {
    #[test]
    fn a_minority_cannot_move_a_median_out_of_the_honest_range(
        honest in prop::collection::vec(1_u128..1_000_000, 3..8),
        liars in prop::collection::vec(1_u128..u128::MAX / 2, 0..7),
    ) {
        let liars = &liars[..liars.len().min(honest.len() - 1)];
        let all: ArrayVec<Price, MAX_SOURCES> =
            honest.iter().chain(liars).map(|p| Price(*p)).collect();
        let sources: Vec<_> = (0..all.len() as u16).map(FeedId).collect();
        let price = MedianFeed::new(&sources, 1).unwrap().price(all).unwrap().0;
        let (low, high) = (honest.iter().min().unwrap(), honest.iter().max().unwrap());
        prop_assert!(price >= *low && price <= *high);
    }

    #[test]
    fn a_capped_price_rises_neither_with_the_ratio_nor_faster_than_its_cap(
        ratio in 1_u128..100 * E18, more in 0_u128..100 * E18, after in 0_u64..10 * YEAR,
    ) {
        let feed = capped();
        let now = feed.snapshot_at + after;
        let price = |ratio| feed.price(usd(2_000), Price(ratio), now).unwrap_or(Price(0));
        prop_assert!(price(ratio) <= price(ratio + more));
        let yearly = 2_300.0 * (1.0 + 0.0968 * after as f64 / YEAR as f64);
        prop_assert!(price(ratio).usd() <= yearly + 1e-6);
    }

    #[test]
    fn a_breaker_never_lets_a_jump_through(
        reference in 1_u128..10_u128.pow(20), seen in 1_u128..10_u128.pow(20), wait in 0_u64..3_600,
    ) {
        let feed = breaker().poked(Ok(Price(reference)), 1_000_000).unwrap();
        if let Ok(price) = feed.price(Ok(Price(seen)), 1_000_000 + wait) {
            prop_assert!(price.0.abs_diff(reference) * 10 <= reference);
        }
    }
}
