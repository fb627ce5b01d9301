//! Oracles: what each kind believes, and when.

use markets::amm::constant_product::ConstantProduct;
use markets::amm::stable_swap::StableSwap;
use markets::oracle::{
    OracleError, breaker::BreakerFeed, delayed::DelayedFeed, push::PushFeed, spot::SpotFeed,
    twap::TwapFeed, window::WindowFeed,
};
use markets::units::{AccountId, Amount, AssetId, FeedId, Pips, PoolId, Price, U256};

const WETH: AssetId = AssetId(0);
const USDC: AssetId = AssetId(1);
const ETH: u128 = 10_u128.pow(18);

fn pool_at(reserve0: u128, reserve1: u128, now: u64) -> ConstantProduct {
    let mut pool = ConstantProduct::new(WETH, USDC, AssetId(2), AccountId(0), Pips(3_000));
    pool.update(Amount::new(reserve0), Amount::new(reserve1), now).unwrap();
    pool
}

fn spot(asset: AssetId) -> SpotFeed {
    SpotFeed { pool: PoolId(0), asset, quote: Some(FeedId(0)) }
}

#[test]
fn spot_is_the_reserve_ratio_in_usd_floored() {
    // 10 WETH against 20,000 USDC at 0.99 USD: 1,980 USD.
    let pool = pool_at(10 * ETH, 20_000_000_000, 0);
    let usdc = Price::from_usd(0.99);
    assert_eq!(spot(WETH).price(&pool, 18, 6, usdc), Ok(Price::from_usd(1_980.0)));
    let weth = Price::from_usd(2_000.0);
    assert_eq!(spot(USDC).price(&pool, 6, 18, weth), Ok(Price::ONE));
    // 10/3: 3.33333333|3… is cut off, not rounded.
    let thirds = pool_at(3 * ETH, 10_000_000, 0);
    assert_eq!(spot(WETH).price(&thirds, 18, 6, Price::ONE), Ok(Price(333_333_333)));
    let two_thirds = pool_at(3 * ETH, 20_000_000, 0);
    assert_eq!(spot(WETH).price(&two_thirds, 18, 6, Price::ONE), Ok(Price(666_666_666)));
}

#[test]
fn spot_moves_within_the_transaction() {
    let mut pool = pool_at(10 * ETH, 20_000_000_000, 100);
    let quote = pool.quote_exact_in(USDC, Amount::new(20_000_000_000)).unwrap();
    let (b0, b1) = (Amount::new(quote.new_reserve0), Amount::new(quote.new_reserve1));
    pool.update(b0, b1, 100).unwrap();
    assert!(spot(WETH).price(&pool, 18, 6, Price::ONE).unwrap() > Price::from_usd(7_900.0));
}

#[test]
fn a_price_that_does_not_exist_is_an_error() {
    let read = |pool: &ConstantProduct| spot(WETH).price(pool, 18, 6, Price::ONE);
    assert_eq!(read(&pool_at(0, 0, 0)), Err(OracleError::NoLiquidity));
    assert_eq!(read(&pool_at(1 << 111, 1, 0)), Err(OracleError::ZeroPrice));
    let pool = pool_at(1, 1 << 111, 0);
    assert_eq!(spot(WETH).price(&pool, 18, 0, Price::ONE), Err(OracleError::Overflow));
    let stranger = spot(AssetId(7)).price(&pool, 18, 6, Price::ONE);
    assert_eq!(stranger, Err(OracleError::UnknownAsset));
}

fn twap(pool: &ConstantProduct, now: u64) -> TwapFeed {
    TwapFeed::new(PoolId(0), WETH, None, 600).seeded(pool, now).unwrap()
}

fn read(feed: &TwapFeed, pool: &ConstantProduct, now: u64) -> Result<Price, OracleError> {
    feed.price(pool, now, 18, 6, Price::ONE)
}

/// 2,000 USD floored twice: 2·10⁻⁹ in UQ112x112, which is binary, then to 10⁻⁸ USD.
const JUST_BELOW_2000: Price = Price(199_999_999_999);

#[test]
fn twap_needs_a_window_of_history() {
    let pool = pool_at(10 * ETH, 20_000_000_000, 1_000);
    let mut feed = TwapFeed::new(PoolId(0), WETH, None, 600);
    assert_eq!(read(&feed, &pool, 1_000), Err(OracleError::WindowTooShort));
    assert_eq!(feed.checkpoint(&pool, 1_000), Ok(true));
    assert_eq!(read(&feed, &pool, 1_599), Err(OracleError::WindowTooShort));
    assert_eq!(read(&feed, &pool, 1_600), Ok(JUST_BELOW_2000));
    assert_eq!(read(&twap(&pool, 1_000), &pool, 1_000), Ok(JUST_BELOW_2000));
}

#[test]
fn twap_ignores_a_price_of_this_instant_and_weighs_one_that_stands() {
    let mut pool = pool_at(10 * ETH, 20_000_000_000, 1_000);
    let feed = twap(&pool, 1_000);
    pool.update(Amount::new(5 * ETH), Amount::new(40_000_000_000), 1_000).unwrap();
    assert_eq!(read(&feed, &pool, 1_000), Ok(JUST_BELOW_2000));
    // 600 s at 2,000 and 12 s at 8,000: 2,117.647…; UQ112x112 loses less than the last digit kept.
    let mixed = read(&feed, &pool, 1_012).unwrap().usd();
    assert!((mixed - (600.0 * 2_000.0 + 12.0 * 8_000.0) / 612.0).abs() < 1e-7);
}

#[test]
fn twap_checkpoints_once_a_window_and_averages_over_one_to_two() {
    let mut pool = pool_at(10 * ETH, 20_000_000_000, 1_000);
    let mut feed = twap(&pool, 1_000);
    assert_eq!(feed.checkpoint(&pool, 1_000), Ok(true));
    assert_eq!(feed.checkpoint(&pool, 1_599), Ok(false));
    pool.update(Amount::new(10 * ETH), Amount::new(40_000_000_000), 1_300).unwrap();
    // Since the older checkpoint (at 400): 900 s of 2,000 and 200 s of 4,000.
    let usd = read(&feed, &pool, 1_500).unwrap().usd();
    assert!((usd - (900.0 * 2_000.0 + 200.0 * 4_000.0) / 1_100.0).abs() < 1e-7);
    // At 1,600 the newer one is old enough: 300 s of each.
    let usd = read(&feed, &pool, 1_600).unwrap().usd();
    assert!((usd - 3_000.0).abs() < 1e-7);
}

#[test]
fn twap_survives_the_clock_wrap() {
    let wrap = 1_u64 << 32;
    let mut pool = pool_at(10 * ETH, 20_000_000_000, wrap - 700);
    let mut feed = TwapFeed::new(PoolId(0), WETH, None, 600);
    feed.checkpoint(&pool, wrap - 300).unwrap();
    pool.update(Amount::new(10 * ETH), Amount::new(40_000_000_000), wrap).unwrap();
    let usd = read(&feed, &pool, wrap + 300).unwrap().usd();
    assert!((usd - 3_000.0).abs() < 1e-7);
}

#[test]
fn push_reports_at_the_heartbeat_or_the_deviation_and_goes_stale() {
    let mut feed = PushFeed {
        reporter: AccountId(1),
        price: Price::from_usd(2_000.0),
        updated_at: 1_000,
        heartbeat_secs: 3_600,
        deviation_bps: 50,
        max_age_secs: 7_200,
    };
    assert!(!feed.should_push(2_009.9, 1_012) && !feed.should_push(1_990.1, 1_012));
    assert!(feed.should_push(2_010.0, 1_012) && feed.should_push(1_990.0, 1_012));
    assert!(!feed.should_push(2_000.0, 4_599) && feed.should_push(2_000.0, 4_600));
    assert_eq!(feed.price(8_200), Ok(Price::from_usd(2_000.0)));
    assert_eq!(feed.price(8_201), Err(OracleError::Stale));
    feed.push(Price(0), 8_201);
    assert_eq!(feed.price(8_201), Err(OracleError::ZeroPrice));
    (feed.heartbeat_secs, feed.max_age_secs, feed.price) = (0, 0, Price::ONE);
    assert!(!feed.should_push(1.0, u64::MAX) && feed.price(u64::MAX).is_ok());
}

#[test]
fn a_sliding_window_reads_the_newest_checkpoint_that_is_old_enough() {
    let mut feed = WindowFeed::new(PoolId(0), WETH, None, 600, 60);
    let start = (1_u64 << 32) - 700;
    let mut pool = pool_at(10 * ETH, 20_000_000_000, start);
    assert_eq!(feed.capacity(), 11);
    let mut written = Vec::new();
    for second in (0..1_500).step_by(20) {
        let now = start + second;
        let calm = 20_000_000_000 + u128::from(second) * 7_000_001;
        pool.update(Amount::new(10 * ETH), Amount::new(calm), now).unwrap();
        let checkpoint = feed.quote_checkpoint(&pool, now).unwrap();
        assert_eq!(checkpoint.is_some(), second % 60 == 0, "{second}");
        if let Some(new) = checkpoint {
            let before = feed.clone();
            let replaced = feed.record(new);
            assert_eq!(replaced.is_some(), written.len() >= 11);
            let after = feed.clone();
            feed.forget(replaced);
            assert_eq!(feed, before);
            feed = after;
            written.push((second, pool.cumulatives(now).0));
        }
        // By hand: the last in the list of all that is 600 s old.
        let old_enough = written.iter().rev().find(|(at, _)| second - at >= 600);
        let read = feed.price(&pool, now, 18, 6, Price::ONE);
        let Some((at, cumulative)) = old_enough else {
            assert_eq!(read, Err(OracleError::WindowTooShort));
            continue;
        };
        let average = (pool.cumulatives(now).0 - cumulative) / U256::from(second - at);
        let usd = average * U256::from(10_u128.pow(20));
        assert_eq!(read.map(|price| U256::from(price.0)), Ok(usd >> 112_usize));
    }
}

#[test]
fn one_empty_side_is_no_liquidity() {
    let empty = Err(OracleError::NoLiquidity);
    for (reserve0, reserve1) in [(0, 5), (5, 0), (0, 0)] {
        let mut pool = ConstantProduct::new(WETH, USDC, AssetId(2), AccountId(0), Pips(3_000));
        (pool.reserve0, pool.reserve1) = (reserve0, reserve1);
        let feed = spot(WETH);
        assert_eq!(feed.price(&pool, 18, 6, Price::ONE), empty, "{reserve0} {reserve1}");
        let (balance, other) = (Amount::new(reserve0), Amount::new(reserve1));
        assert_eq!(feed.price_of_balances(balance, other, 18, 6, Price::ONE), empty);
        let seeded = TwapFeed::new(PoolId(0), WETH, None, 600).seeded(&pool, 0);
        assert_eq!(seeded.map(|_| ()), Err(OracleError::NoLiquidity));
    }
}

#[test]
fn a_stable_pool_prices_its_own_coins_alone() {
    let coins = [(WETH, 18), (USDC, 18)];
    let (share, account, owner) = (AssetId(9), AccountId(0), AccountId(1));
    let mut pool = StableSwap::new(&coins, share, account, owner, 100, 0, 0);
    assert_eq!(spot(WETH).price_on_stable(&pool, 0, Price::ONE), Err(OracleError::NoLiquidity));
    for balance in &mut pool.balances[..2] {
        *balance = Amount::new(ETH);
    }
    let stranger = spot(AssetId(7)).price_on_stable(&pool, 0, Price::ONE);
    assert_eq!(stranger, Err(OracleError::UnknownAsset));
    // At equal balances coins are at par, floored twice.
    let Price(at_par) = spot(WETH).price_on_stable(&pool, 0, Price::ONE).unwrap();
    assert!((99_999_998..=100_000_000).contains(&at_par), "{at_par}");
}

#[test]
fn a_halted_delayed_feed_forgets_both_prices_and_a_reset_breaker_starts_anew() {
    let (source, manager) = (FeedId(3), AccountId(4));
    let old = Some(Price(7));
    let feed = DelayedFeed {
        source,
        hop_secs: 3_600,
        current: old,
        next: old,
        poked_at: 3_600,
        manager,
        stopped: false,
    };
    let halted = feed.halted();
    assert_eq!((halted.current, halted.next, halted.stopped), (None, None, true));
    assert_eq!(halted.poked(Ok(Price(8)), 99_999), Err(OracleError::Halted));

    let breaker = BreakerFeed {
        source,
        max_move_bps: 1_000,
        period_secs: 600,
        trip_secs: 0,
        reference: Price(100),
        referenced_at: 10,
        tripped_at: Some(20),
        manager,
    };
    let reset =
        BreakerFeed { reference: Price(300), referenced_at: 30, tripped_at: None, ..breaker };
    assert_eq!(breaker.reset(Ok(Price(300)), 30), Ok(reset));
}

#[test]
fn a_window_begins_at_the_youngest_checkpoint_that_is_old_enough() {
    let pool = pool_at(10 * ETH, 20_000_000_000, 0);
    for every in [60, 90, 250] {
        let mut feed = WindowFeed::new(PoolId(0), WETH, None, 600, every);
        let mut moving = pool;
        for step in 0..40_u64 {
            let now = 1_000 + step * u64::from(every);
            // Another price each time.
            let held = Amount::new(20_000_000_000 + u128::from(step) * 1_000_000_000);
            moving.update(Amount::new(10 * ETH), held, now).unwrap();
            let new = feed.quote_checkpoint(&moving, now).unwrap().expect("it is due");
            feed.record(new);
            for later in [0, 1, u64::from(every) / 2, u64::from(every)] {
                let now = now + later;
                let price = feed.price(&moving, now, 18, 6, Price::ONE);
                let ages = (0..feed.capacity()).map_while(|back| feed.newest(back));
                let first = ages.into_iter().find(|o| now as u32 - o.timestamp >= 600);
                let expected = first.map(|o| {
                    let gathered = moving.cumulative_of(WETH, now).unwrap() - o.cumulative;
                    let mean = gathered / U256::from(now as u32 - o.timestamp);
                    let scale = U256::from(10).pow(U256::from(18 - 6 + 8));
                    Price(u128::try_from((mean * scale) >> 112_usize).unwrap())
                });
                assert_eq!(price.ok(), expected, "{every}: {step} and {later}");
            }
        }
    }
}

#[test]
fn a_breaker_takes_a_new_reference_when_it_is_due() {
    let breaker = BreakerFeed {
        source: FeedId(0),
        max_move_bps: 1_000,
        period_secs: 60,
        trip_secs: 100,
        reference: Price(1_000),
        referenced_at: 1_000,
        tripped_at: None,
        manager: AccountId(0),
    };
    let taken = |breaker: &BreakerFeed, now| {
        let after = breaker.poked(Ok(Price(1_010)), now).unwrap();
        (after.reference, after.referenced_at, after.tripped_at)
    };
    let kept = (Price(1_000), 1_000, None);
    let new = |now| (Price(1_010), now, None);
    assert_eq!((taken(&breaker, 1_000), taken(&breaker, 1_059)), (kept, kept));
    assert_eq!(taken(&breaker, 1_060), new(1_060));
    let without = BreakerFeed { reference: Price(0), ..breaker };
    assert_eq!(taken(&without, 1_001), new(1_001));
    let lifted = BreakerFeed { tripped_at: Some(900), ..breaker };
    assert_eq!(taken(&lifted, 1_001), new(1_001));
    assert_eq!(lifted.poked(Ok(Price(1_010)), 999), Err(OracleError::Halted));
}

#[test]
fn a_stable_pool_beyond_256_bits_has_no_price() {
    let coins = [(WETH, 18), (USDC, 18)];
    let mut pool =
        StableSwap::new(&coins, AssetId(5), AccountId(0), AccountId(1), 100, 4_000_000, 0);
    pool.balances = [Amount(U256::MAX), Amount(U256::MAX), Amount::ZERO];
    let price = spot(WETH).price_on_stable(&pool, 0, Price::ONE);
    assert_eq!(price, Err(OracleError::Overflow));
    let stranger = spot(AssetId(9)).price_on_stable(&pool, 0, Price::ONE);
    assert_eq!(stranger, Err(OracleError::UnknownAsset));
}
