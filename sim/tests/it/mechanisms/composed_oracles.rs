//! Oracles made of oracles, as the feeds of a pooled market, moved by transactions.

use super::support::*;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::OracleError;
use markets::oracle::anchored::AnchoredFeed;
use markets::oracle::breaker::BreakerFeed;
use markets::oracle::capped::{CappedFeed, Snapshot};
use markets::oracle::composed::ComposedFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::oracle::fallback::FallbackFeed;
use markets::oracle::median::MedianFeed;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price, Wad};
use protocols::interest::RateStrategy;
use protocols::lending::{LendingError, Pooled};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{AmountExpr, Call, OracleCall, Outcome, Revert};
use sim::chain::{Chain, Feed, Market, Pool};

const USD: AssetId = AssetId(1);
const TOK: AssetId = AssetId(2);
const LP: AssetId = AssetId(3);
const MARKET: MarketId = MarketId(0);
const POOL: PoolId = PoolId(0);
const POOLED: AccountId = AccountId(2);
const TREASURY: AccountId = AccountId(3);
const MANAGER: AccountId = AccountId(4);
const PAIR: AccountId = AccountId(5);
const LENDER: AccountId = AccountId(6);
const ALICE: AccountId = AccountId(7);
const KEEPER: AccountId = AccountId(8);
const REPORTERS: [AccountId; 3] = [AccountId(9), AccountId(10), AccountId(11)];
const USD_FEED: FeedId = FeedId(0);
/// Three that say 2,000, each its own reporter's, each for an hour.
const SOURCES: [FeedId; 3] = [FeedId(1), FeedId(2), FeedId(3)];
/// The pool as it is now.
const SPOT: FeedId = FeedId(4);
/// What the market believes.
const COMPOSED: FeedId = FeedId(5);

fn reserve(asset: AssetId, first: u16, feed: FeedId, decimals: u8) -> Reserve {
    let config = ReserveConfig {
        ltv: Bps(7_900),
        liquidation_threshold: Bps(8_000),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    };
    Reserve::new(asset, AssetId(first), AssetId(first + 1), feed, decimals, config, GENESIS)
}

/// A pooled market of USD and a token at 2,000 by this feed, and a thin pool of both.
fn world(feed: ComposedFeed) -> Chain {
    let mut chain = Chain::new("ETH", GENESIS, 0);
    for (symbol, decimals) in [
        ("USD", 6),
        ("TOK", 18),
        ("LP", 18),
        ("aUSD", 6),
        ("vdUSD", 6),
        ("aTOK", 18),
        ("vdTOK", 18),
    ] {
        chain.add_asset(symbol, decimals);
    }
    for name in
        ["pooled", "treasury", "manager", "pair", "lender", "alice", "keeper", "r0", "r1", "r2"]
    {
        chain.add_account(name);
    }
    for who in [LENDER, ALICE, KEEPER] {
        chain.genesis_mint(who, USD, units(10_000_000 * E6)).unwrap();
        chain.genesis_mint(who, TOK, units(10_000 * E18)).unwrap();
    }
    chain.add_feed(push(MANAGER, usd(1)));
    for reporter in REPORTERS {
        chain.add_feed(Feed::Push(PushFeed {
            reporter,
            price: usd(2_000),
            updated_at: GENESIS,
            heartbeat_secs: 0,
            deviation_bps: 0,
            max_age_secs: HOUR,
        }));
    }
    chain.add_feed(Feed::Spot(SpotFeed { pool: POOL, asset: TOK, quote: Some(USD_FEED) }));
    chain.add_feed(Feed::Composed(feed));
    chain.add_pool(Pool::ConstantProduct(ConstantProduct::new(USD, TOK, LP, PAIR, Pips(3_000))));
    let mut pooled = Pooled::new(POOLED, TREASURY, MANAGER, RiskRegime::guardian());
    pooled.add_reserve(reserve(USD, 4, USD_FEED, 6));
    pooled.add_reserve(reserve(TOK, 6, COMPOSED, 18));
    chain.add_market(Market::Pooled(pooled));
    let seed = [
        Call::AddLiquidity { pool: POOL, max0: units(2_000_000 * E6), max1: units(1_000 * E18) },
        Call::Supply { market: MARKET, asset: USD, amount: exact(5_000_000 * E6) },
    ];
    done(&mut chain, LENDER, &seed);
    chain
}

fn oracle(call: OracleCall) -> Call {
    Call::Oracle(call)
}
fn poke() -> Call {
    oracle(OracleCall::Poke { feed: COMPOSED })
}
fn supply(tokens: u128) -> Call {
    Call::Supply { market: MARKET, asset: TOK, amount: exact(tokens * E18) }
}
fn borrow(whole: u128) -> Call {
    Call::Borrow { market: MARKET, asset: USD, amount: exact(whole * E6) }
}
/// All of the token that is Alice's collateral, for as much of her debt as may be.
fn liquidate() -> Call {
    Call::Liquidate {
        market: MARKET,
        borrower: ALICE,
        collateral: TOK,
        debt: USD,
        amount: AmountExpr::All,
    }
}
/// What a market that has no price for the collateral says.
fn blind(reason: OracleError) -> Revert {
    LendingError::Oracle(reason).into()
}
/// What the market believes the token is worth.
fn price(chain: &Chain) -> Result<Price, OracleError> {
    chain.price(COMPOSED)
}

fn median(quorum: u8) -> ComposedFeed {
    ComposedFeed::Median(MedianFeed::new(&SOURCES, quorum).unwrap())
}

#[test]
fn one_liar_does_not_move_a_median_and_two_silent_ones_stop_it() {
    let mut chain = world(median(2));
    done(&mut chain, ALICE, &[supply(10)]);
    let say = |whole| oracle(OracleCall::Report { feed: COMPOSED, price: usd(whole) });
    done(&mut chain, REPORTERS[0], &[say(1_000_000)]);
    assert_eq!(price(&chain), Ok(usd(2_000)));
    refused(&mut chain, ALICE, borrow(15_801), LendingError::CollateralCannotCoverNewBorrow);
    done(&mut chain, REPORTERS[1], &[say(1_990)]);
    assert_eq!(price(&chain), Ok(usd(2_000)));
    done(&mut chain, REPORTERS[2], &[say(1_980)]);
    assert_eq!(price(&chain), Ok(usd(1_990)), "the middle of 1,980, 1,990 and a million");
    refused(&mut chain, ALICE, say(1), Revert::NotAuthorised);
    // An hour without a word and a report is none: of two, the mean of both.
    wait(&mut chain, HOUR);
    done(&mut chain, REPORTERS[0], &[say(2_020)]);
    wait(&mut chain, 1);
    done(&mut chain, REPORTERS[1], &[say(2_000)]);
    assert_eq!(price(&chain), Ok(usd(2_010)));
    wait(&mut chain, HOUR);
    assert_eq!(price(&chain), Err(OracleError::NoQuorum));
    refused(&mut chain, ALICE, borrow(1), blind(OracleError::NoQuorum));
    done(&mut chain, REPORTERS[2], &[say(2_000)]);
    assert_eq!(price(&chain), Ok(usd(2_000)));
    done(&mut chain, ALICE, &[borrow(15_800)]);
}

/// The base at 2,000, a ratio of 1.15 a year ago, and the growth that staked ether is allowed as deployed.
fn capped() -> ComposedFeed {
    ComposedFeed::Capped(CappedFeed {
        base: USD_FEED,
        ratio: SOURCES[0],
        ratio_decimals: 18,
        snapshot_ratio: 115 * E18 / 100,
        snapshot_at: GENESIS - YEAR,
        max_yearly_growth_bps: 968,
        manager: MANAGER,
        min_snapshot_age_secs: 7 * DAY,
        max_change_bps: 300,
        update_delay_secs: 3 * DAY,
        updated_at: GENESIS - YEAR,
    })
}

#[test]
fn a_donation_raises_a_capped_price_to_its_cap_and_no_further() {
    let mut chain = world(capped());
    report(&mut chain, MANAGER, USD_FEED, usd(2_000));
    report(&mut chain, REPORTERS[0], SOURCES[0], Price(123 * E18 / 100));
    assert_eq!(price(&chain), Ok(usd(2_460)));
    // 1.15 and 9.68 % of it in a year, floored to 3,529,934,043 a second.
    report(&mut chain, REPORTERS[0], SOURCES[0], Price(2 * E18));
    let most = 115 * E18 / 100 + 3_529_934_043 * u128::from(YEAR);
    assert_eq!(price(&chain), Ok(Price(most / 5_000_000)));
    wait(&mut chain, HOUR);
    let most = most + 3_529_934_043 * u128::from(HOUR);
    assert_eq!(price(&chain), Ok(Price(most / 5_000_000)));
}

/// A snapshot whose time moves on further than its ratio may: within every limit, and the cap falls below
/// the true ratio. The healthy are liquidated.
#[test]
fn a_snapshot_moved_within_its_limits_can_liquidate_the_healthy() {
    let mut chain = world(capped());
    report(&mut chain, REPORTERS[0], SOURCES[0], Price(123 * E18 / 100));
    // At a base of one: 10,000 tokens are worth 12,300, and carry 9,840.
    done(&mut chain, ALICE, &[supply(10_000), borrow(9_650)]);
    let healthy = LendingError::HealthFactorNotBelowThreshold;
    refused(&mut chain, KEEPER, liquidate(), healthy);
    let set = |ratio, at, max_yearly_growth_bps| {
        let snapshot = Snapshot { ratio, at, max_yearly_growth_bps };
        oracle(OracleCall::SetSnapshot { feed: COMPOSED, snapshot })
    };
    let (ratio, at) = (115 * E18 / 100 * 103 / 100, GENESIS - 7 * DAY);
    refused(&mut chain, KEEPER, set(ratio, at, 968), Revert::NotAuthorised);
    refused(&mut chain, MANAGER, set(ratio + 1, at, 968), OracleError::OutOfRange);
    refused(&mut chain, MANAGER, set(ratio, at + 1, 968), OracleError::OutOfRange);
    refused(&mut chain, MANAGER, set(ratio, at, 1_000), OracleError::OutOfRange);
    done(&mut chain, MANAGER, &[set(ratio, at, 968)]);
    refused(&mut chain, MANAGER, set(ratio, at, 968), OracleError::TooEarly);
    // 1.1845 and seven days of growth: 1.1866…, where the ratio is 1.23.
    let believed = price(&chain).unwrap().usd();
    assert!((believed - 1.1845 * (1.0 + 0.0968 * 7.0 / 365.0)).abs() < 1e-6, "{believed}");
    done(&mut chain, KEEPER, &[liquidate()]);
    assert!(chain.balance(KEEPER, TOK) > units(10_000 * E18));
}

#[test]
fn a_delayed_price_reaches_the_market_an_hour_late_and_can_be_stopped() {
    let mut chain = world(ComposedFeed::Delayed(DelayedFeed::new(SPOT, HOUR, MANAGER)));
    let hour = GENESIS.next_multiple_of(HOUR) - GENESIS;
    wait(&mut chain, hour);
    refused(
        &mut chain,
        ALICE,
        Call::PushPrice { feed: COMPOSED, price: usd(1) },
        Revert::UnknownId,
    );
    done(&mut chain, ALICE, &[supply(10), poke()]);
    assert_eq!(price(&chain), Err(OracleError::NotReady));
    refused(&mut chain, ALICE, borrow(1), blind(OracleError::NotReady));
    wait(&mut chain, HOUR);
    done(&mut chain, KEEPER, &[poke()]);
    refused(&mut chain, KEEPER, poke(), OracleError::TooEarly);
    let before = price(&chain).unwrap();
    assert!((before.usd() - 2_000.0).abs() < 1e-6);
    // A pump in the same transaction, or the same hour, is not seen; held for an hour, it is.
    let (asset_in, min_out) = (USD, Amount::ZERO);
    let pump = Call::Swap { pool: POOL, asset_in, amount: exact(2_000_000 * E6), min_out };
    wait(&mut chain, HOUR);
    done(&mut chain, KEEPER, &[pump, poke()]);
    assert!(chain.price(SPOT).unwrap().usd() > 7_900.0);
    assert_eq!(price(&chain), Ok(before));
    refused(&mut chain, ALICE, borrow(15_801), LendingError::CollateralCannotCoverNewBorrow);
    // The hour is there to stop it.
    let (halt, lift) = (OracleCall::Halt { feed: COMPOSED }, OracleCall::Lift { feed: COMPOSED });
    let mut stopped = chain.clone();
    refused(&mut stopped, KEEPER, oracle(halt), Revert::NotAuthorised);
    done(&mut stopped, MANAGER, &[oracle(halt)]);
    wait(&mut stopped, HOUR);
    refused(&mut stopped, KEEPER, poke(), OracleError::Halted);
    refused(&mut stopped, ALICE, borrow(1), blind(OracleError::NotReady));
    done(&mut stopped, MANAGER, &[oracle(lift), poke()]);
    // Nobody did.
    wait(&mut chain, HOUR);
    done(&mut chain, ALICE, &[poke(), borrow(60_000)]);
}

#[test]
fn a_report_far_from_its_anchor_changes_nothing() {
    let mut chain = world(ComposedFeed::Anchored(AnchoredFeed {
        reporter: SOURCES[0],
        anchor: SPOT,
        tolerance: Wad::new(E18 / 5),
        stored: Price(0),
        failover: false,
        manager: MANAGER,
    }));
    refused(&mut chain, ALICE, Call::Checkpoint { feed: COMPOSED }, Revert::UnknownId);
    done(&mut chain, ALICE, &[supply(10)]);
    refused(&mut chain, ALICE, borrow(1), blind(OracleError::NotReady));
    // 2,000 by the pool: 1,666.67 to 2,500 pass.
    for (said, believed) in
        [(2_000, 2_000), (2_501, 2_000), (1_666, 2_000), (2_499, 2_499), (1_667, 1_667)]
    {
        report(&mut chain, REPORTERS[0], SOURCES[0], usd(said));
        done(&mut chain, KEEPER, &[poke()]);
        assert_eq!(price(&chain), Ok(usd(believed)), "{said}");
    }
    // A pumped anchor holds a true report up, too: the last price stays.
    report(&mut chain, REPORTERS[0], SOURCES[0], usd(1_800));
    let pump = Call::Swap {
        pool: POOL,
        asset_in: USD,
        amount: exact(500_000 * E6),
        min_out: Amount::ZERO,
    };
    done(&mut chain, ALICE, &[pump, poke()]);
    assert_eq!(price(&chain), Ok(usd(1_667)));
    // Failing over to the anchor is the manager's to say: then the pool's price is stored.
    let over = |on| oracle(OracleCall::SetFailover { feed: COMPOSED, on });
    refused(&mut chain, KEEPER, over(true), Revert::NotAuthorised);
    done(&mut chain, MANAGER, &[over(true)]);
    assert_eq!(price(&chain), Ok(usd(1_667)), "until the next poke");
    done(&mut chain, KEEPER, &[poke()]);
    assert_eq!(price(&chain), chain.price(SPOT));
    done(&mut chain, MANAGER, &[over(false)]);
    wait(&mut chain, HOUR + 1);
    refused(&mut chain, KEEPER, poke(), OracleError::Stale);
}

#[test]
fn the_second_source_speaks_where_the_first_is_silent() {
    let fallback = FallbackFeed { primary: SOURCES[0], secondary: SPOT };
    let mut chain = world(ComposedFeed::Fallback(fallback));
    report(&mut chain, REPORTERS[0], SOURCES[0], usd(1_900));
    assert_eq!(price(&chain), Ok(usd(1_900)));
    wait(&mut chain, HOUR + 1);
    assert_eq!(price(&chain), chain.price(SPOT));
    // And then what it says can be pumped in flight: the fallback is as weak as its second source.
    let pump = Call::Swap {
        pool: POOL,
        asset_in: USD,
        amount: exact(2_000_000 * E6),
        min_out: Amount::ZERO,
    };
    done(&mut chain, ALICE, &[supply(10)]);
    let poor = LendingError::HealthFactorLowerThanLiquidationThreshold;
    refused(&mut chain, ALICE, borrow(60_000), poor);
    done(&mut chain, ALICE, &[pump, borrow(60_000)]);
    refused(&mut chain, KEEPER, poke(), Revert::UnknownId);
    refused(&mut chain, MANAGER, oracle(OracleCall::Halt { feed: COMPOSED }), Revert::UnknownId);
}

fn breaker() -> ComposedFeed {
    ComposedFeed::Breaker(BreakerFeed {
        source: SPOT,
        max_move_bps: 1_000,
        period_secs: HOUR,
        trip_secs: DAY,
        reference: Price(0),
        referenced_at: 0,
        tripped_at: None,
        manager: MANAGER,
    })
}

#[test]
fn a_breaker_stops_a_pump_in_flight() {
    let mut chain = world(breaker());
    done(&mut chain, KEEPER, &[poke()]);
    done(&mut chain, ALICE, &[supply(100)]);
    let swap = |asset_in, amount| Call::Swap {
        pool: POOL,
        asset_in,
        amount: exact(amount),
        min_out: Amount::ZERO,
    };
    let attack = [
        Call::FlashLoan { market: MARKET, asset: USD, amount: units(2_000_000 * E6), body: 3 },
        swap(USD, 2_000_000 * E6),
        borrow(300_000),
        swap(TOK, 499 * E18),
    ];
    let outcome = run(&mut chain, ALICE, &attack);
    assert_eq!(outcome, Outcome::Reverted { call: 2, reason: blind(OracleError::Halted) });
    assert!(
        (price(&chain).unwrap().usd() - 2_000.0).abs() < 1e-6,
        "and it is as if it had not been"
    );
    done(&mut chain, ALICE, &[borrow(100_000)]);
    // A crash that stays trips it: nobody is liquidated at a price that nobody checked.
    done(&mut chain, KEEPER, &[swap(TOK, 1_000 * E18)]);
    refused(&mut chain, KEEPER, liquidate(), blind(OracleError::Halted));
    done(&mut chain, KEEPER, &[poke()]);
    refused(&mut chain, KEEPER, poke(), OracleError::Halted);
    let lift = oracle(OracleCall::Lift { feed: COMPOSED });
    refused(&mut chain, KEEPER, lift, Revert::NotAuthorised);
    let mut waited = chain.clone();
    done(&mut chain, MANAGER, &[lift]);
    done(&mut chain, KEEPER, &[liquidate()]);
    // Or time lifts it.
    wait(&mut waited, DAY - 1);
    refused(&mut waited, KEEPER, liquidate(), blind(OracleError::Halted));
    wait(&mut waited, 1);
    done(&mut waited, KEEPER, &[poke(), liquidate()]);
    // The manager may trip it too.
    done(&mut waited, MANAGER, &[oracle(OracleCall::Halt { feed: COMPOSED })]);
    assert_eq!(price(&waited), Err(OracleError::Halted));
}

#[test]
fn feeds_that_read_themselves_have_no_price() {
    let to = |primary, secondary| ComposedFeed::Fallback(FallbackFeed { primary, secondary });
    let chain = world(to(COMPOSED, COMPOSED));
    assert_eq!(price(&chain), Err(OracleError::BrokenReference));
    // Three deep is fine, in a chain of any length it ends.
    let mut chain = world(to(FeedId(99), SOURCES[0]));
    for below in 5..9 {
        chain.add_feed(Feed::Composed(to(FeedId(below), FeedId(below))));
    }
    assert_eq!(chain.price(FeedId(7)), Ok(usd(2_000)));
    assert_eq!(chain.price(FeedId(9)), Err(OracleError::BrokenReference));
}

#[test]
fn a_forced_revert_at_every_call_index_changes_nothing() {
    // All of one manager's, reading one another: a median, delayed, broken, anchored, capped.
    let mut chain = world(median(1));
    let anchored = AnchoredFeed {
        reporter: COMPOSED,
        anchor: COMPOSED,
        tolerance: Wad::new(E18 / 5),
        stored: Price(0),
        failover: false,
        manager: REPORTERS[0],
    };
    let ComposedFeed::Breaker(breaker) = breaker() else { unreachable!() };
    let breaker = BreakerFeed { source: COMPOSED, manager: REPORTERS[0], ..breaker };
    let ComposedFeed::Capped(capped) = capped() else { unreachable!() };
    let capped = CappedFeed { manager: REPORTERS[0], ..capped };
    let delayed = DelayedFeed::new(COMPOSED, HOUR, REPORTERS[0]);
    let all = [
        ComposedFeed::Delayed(delayed),
        ComposedFeed::Breaker(breaker),
        ComposedFeed::Anchored(anchored),
        ComposedFeed::Capped(capped),
    ];
    let [osm, broken, near, cap] = all.map(|feed| chain.add_feed(Feed::Composed(feed)));
    let snapshot =
        Snapshot { ratio: 116 * E18 / 100, at: GENESIS - 10 * DAY, max_yearly_growth_bps: 970 };
    let calls = [
        OracleCall::Report { feed: COMPOSED, price: usd(2_100) },
        OracleCall::Poke { feed: osm },
        OracleCall::Poke { feed: broken },
        OracleCall::Poke { feed: near },
        OracleCall::Report { feed: COMPOSED, price: usd(1_000) },
        OracleCall::SetFailover { feed: near, on: true },
        OracleCall::Poke { feed: near },
        OracleCall::Halt { feed: broken },
        OracleCall::Lift { feed: broken },
        OracleCall::Halt { feed: osm },
        OracleCall::Lift { feed: osm },
        OracleCall::SetSnapshot { feed: cap, snapshot },
    ];
    let mut calls: Vec<Call> = calls.map(oracle).to_vec();
    calls.insert(1, Call::PushPrice { feed: SOURCES[0], price: usd(1_950) });
    assert_undone_at_every_call(&chain, REPORTERS[0], &calls);
}
