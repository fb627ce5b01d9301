//! Vaults and their liquidation auctions in Maker's shape.

use super::support::*;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::composed::ComposedFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::units::{
    AccountId, Amount, AssetId, FeedId, MarketId, Pips, PoolId, RAY, Ray, U256, Wad,
};
use protocols::auction::AuctionError;
use protocols::auction::curve::Curve;
use protocols::auction::dutch::Dutch;
use protocols::auction::english::English;
use protocols::vault::{House, Ilk, Int, Lot, Param, State, Vault, VaultError};
use sim::chain::call::{AmountExpr, Call, Log, OracleCall, Outcome, Revert, VaultCall, VaultLog};
use sim::chain::{Chain, Feed, Market, Pool};

pub(crate) const DAI: AssetId = AssetId(1);
pub(crate) const INTERNAL: AssetId = AssetId(2);
const SIN: AssetId = AssetId(3);
const LP: AssetId = AssetId(4);
/// Dutch, of 18 decimals.
pub(crate) const WETH: AssetId = AssetId(5);
const WETH_GEM: AssetId = AssetId(6);
const WETH_INK: AssetId = AssetId(7);
const WETH_ART: AssetId = AssetId(8);
/// English, of 8 decimals.
pub(crate) const BTC: AssetId = AssetId(9);
const BTC_GEM: AssetId = AssetId(10);
const BTC_INK: AssetId = AssetId(11);
pub(crate) const ETH_A: u16 = 0;
pub(crate) const BTC_A: u16 = 1;
pub(crate) const MARKET: MarketId = MarketId(0);
const POOL: PoolId = PoolId(0);
pub(crate) const ETH_FEED: FeedId = FeedId(0);
pub(crate) const BTC_FEED: FeedId = FeedId(1);
const JOIN: AccountId = AccountId(2);
const HOUSE: AccountId = AccountId(3);
const VOW: AccountId = AccountId(4);
pub(crate) const OWNER: AccountId = AccountId(5);
pub(crate) const ALICE: AccountId = AccountId(6);
pub(crate) const BOB: AccountId = AccountId(7);
pub(crate) const KEEPER: AccountId = AccountId(8);
pub(crate) const REPORTER: AccountId = AccountId(9);
const PAIR: AccountId = AccountId(10);

fn percent(percent: u64) -> Ray {
    Ray(U256::from(percent) * RAY / U256::from(100))
}
fn milli(milli: u128) -> Wad {
    Wad::new(milli * E18 / 1_000)
}
pub(crate) fn rad(dai: u64) -> Amount {
    Amount(U256::from(dai) * U256::from(E18) * RAY)
}
pub(crate) fn wad(whole: u128) -> Amount {
    units(whole * E18)
}
/// Whole units of collateral more, or less.
pub(crate) fn int(whole: i64) -> Int {
    let amount = wad(whole.unsigned_abs().into());
    if whole < 0 { Int::minus(amount).unwrap() } else { Int::plus(amount).unwrap() }
}
fn ilk(first: AssetId, decimals: u8, feed: FeedId, house: House) -> Ilk {
    let column = |i| AssetId(first.0 + i);
    Ilk {
        token: first,
        decimals,
        gem: column(1),
        ink: column(2),
        art: column(3),
        feed,
        mat: percent(150),
        line: rad(10_000_000),
        dust: rad(100),
        duty: Ray::ONE,
        chop: milli(1_130),
        hole: rad(50_000),
        house,
        rate: Ray::ONE,
        rho: GENESIS,
        spot: Ray::ZERO,
        dirt: Amount::ZERO,
    }
}

/// ETH at 300, auctioned downwards in steps of 1 % every 90 seconds from 20 % above the oracle (the
/// parameters that ETH-A started Liquidation 2.0 with); BTC at 30,000, auctioned upwards by 3 %.
pub(crate) fn world() -> Chain {
    let mut chain = Chain::new("GAS", GENESIS, 0);
    for (symbol, decimals) in [
        ("DAI", 18),
        ("internal", 45),
        ("sin", 45),
        ("LP", 18),
        ("WETH", 18),
        ("WETH gem", 18),
        ("WETH ink", 18),
        ("WETH art", 18),
        ("BTC", 8),
        ("BTC gem", 18),
        ("BTC ink", 18),
        ("BTC art", 18),
    ] {
        chain.add_asset(symbol, decimals);
    }
    for name in ["join", "house", "vow", "owner", "alice", "bob", "keeper", "reporter", "pair"] {
        chain.add_account(name);
    }
    for who in [ALICE, BOB] {
        chain.genesis_mint(who, WETH, wad(10_000)).unwrap();
        chain.genesis_mint(who, BTC, units(1_000 * 10_u128.pow(8))).unwrap();
    }
    chain.add_feed(push(REPORTER, usd(300)));
    chain.add_feed(push(REPORTER, usd(30_000)));
    chain.add_pool(Pool::ConstantProduct(ConstantProduct::new(DAI, WETH, LP, PAIR, Pips(3_000))));
    let dutch = Dutch {
        buf: percent(120),
        tail_secs: 8_400,
        cusp: percent(40),
        chip: milli(1),
        tip: rad(300),
        curve: Curve::Stairstep { cut: percent(99), step_secs: 90 },
        chost: Amount::ZERO,
    };
    let english = English { beg: milli(1_030), ttl_secs: 600, tau_secs: 6 * HOUR };
    let state = State {
        line: rad(20_000_000),
        base: Ray::ZERO,
        box_limit: rad(10_000_000),
        litter: Amount::ZERO,
        hole: rad(1_000_000),
        dirt: Amount::ZERO,
        kicks: 0,
    };
    chain.add_market(Market::Vault(Vault {
        account: JOIN,
        house: HOUSE,
        vow: VOW,
        owner: OWNER,
        dai: DAI,
        internal: INTERNAL,
        sin: SIN,
        state,
        ilks: vec![
            ilk(WETH, 18, ETH_FEED, House::Dutch(dutch)),
            ilk(BTC, 8, BTC_FEED, House::English(english)),
        ],
        auctions: Vec::new(),
    }));
    let upchost = VaultCall::Upchost { market: MARKET, ilk: ETH_A };
    done(&mut chain, KEEPER, &[poke(ETH_A), poke(BTC_A), vault(upchost)]);
    chain
}

pub(crate) fn vault(call: VaultCall) -> Call {
    Call::Vault(call)
}
pub(crate) fn poke(ilk: u16) -> Call {
    vault(VaultCall::Poke { market: MARKET, ilk })
}
pub(crate) fn state(chain: &Chain) -> &Vault {
    chain.markets()[MARKET.index()].vault().unwrap()
}
/// Locks collateral and draws dai, in whole units; the dai is taken out.
fn open(chain: &mut Chain, who: AccountId, ilk: u16, collateral: u128, dai: u128) {
    let decimals = if ilk == ETH_A { 18 } else { 8 };
    let (market, amount) = (MARKET, exact(collateral * 10_u128.pow(decimals)));
    let calls = [
        VaultCall::Join { market, ilk, amount },
        VaultCall::Frob { market, ilk, dink: int(collateral as i64), dart: int(dai as i64) },
        VaultCall::ExitDai { market, amount: exact(dai * E18) },
    ];
    done(chain, who, &calls.map(vault));
}
/// The oracle says so, and the system knows.
fn reprice(chain: &mut Chain, ilk: u16, whole: u128) {
    report(chain, REPORTER, state(chain).ilks[usize::from(ilk)].feed, usd(whole));
    done(chain, KEEPER, &[poke(ilk)]);
}
fn bark(urn: AccountId) -> Call {
    vault(VaultCall::Bark { market: MARKET, ilk: ETH_A, urn })
}
fn bite(urn: AccountId) -> Call {
    vault(VaultCall::Bite { market: MARKET, ilk: BTC_A, urn })
}
fn take(auction: u64, most: Amount, max: Ray, body: u16) -> Call {
    vault(VaultCall::Take { market: MARKET, auction, most, max, body })
}
fn tend(auction: u64, lot: Amount, bid: Amount) -> Call {
    vault(VaultCall::Tend { market: MARKET, auction, lot, bid })
}
fn dent(auction: u64, lot: Amount, bid: Amount) -> Call {
    vault(VaultCall::Dent { market: MARKET, auction, lot, bid })
}
fn deal(auction: u64) -> Call {
    vault(VaultCall::Deal { market: MARKET, auction })
}
fn join_dai(amount: AmountExpr) -> Call {
    vault(VaultCall::JoinDai { market: MARKET, amount })
}
fn file(ilk: u16, param: Param, value: Amount) -> Call {
    vault(VaultCall::File { market: MARKET, ilk, param, value })
}
fn auctioned(reason: AuctionError) -> VaultError {
    VaultError::Auction(reason)
}

#[test]
fn the_common_verbs_open_and_close_a_vault() {
    let mut chain = world();
    let before = balances(&chain);
    let supply = Call::Supply { market: MARKET, asset: WETH, amount: exact(10 * E18) };
    let borrow = Call::Borrow { market: MARKET, asset: DAI, amount: AmountExpr::MaxBorrow };
    done(&mut chain, ALICE, &[supply, borrow]);
    // Ten at 300 carry two thirds of 3,000.
    assert_eq!(chain.balance(ALICE, DAI), wad(2_000));
    assert_eq!(chain.balance(ALICE, WETH_INK), wad(10));
    assert_eq!(chain.balance(ALICE, WETH_ART), wad(2_000));
    assert_eq!(chain.balance(JOIN, INTERNAL), rad(2_000), "what dai tokens stand for");
    let repay = |amount| Call::Repay { market: MARKET, asset: DAI, amount };
    done(&mut chain, ALICE, &[repay(exact(500 * E18))]);
    assert_eq!(chain.balance(ALICE, WETH_ART), wad(1_500));
    let withdraw = Call::Withdraw { market: MARKET, asset: WETH, amount: AmountExpr::All };
    done(&mut chain, ALICE, &[repay(AmountExpr::All), withdraw]);
    assert_eq!(balances(&chain), before);
    // A debt is found where it is, not where the first collateral lies.
    open(&mut chain, BOB, BTC_A, 1, 10_000);
    let supply = Call::Supply { market: MARKET, asset: WETH, amount: exact(E18) };
    done(&mut chain, BOB, &[supply, repay(AmountExpr::All)]);
    assert!(chain.balance(BOB, DAI).is_zero());
}

#[test]
fn a_fee_of_five_percent_a_year_compounds_by_the_second() {
    let mut chain = world();
    // The published rate of 5 % a year.
    let duty = Amount(U256::from(1_000_000_001_547_125_957_863_212_448_u128));
    done(&mut chain, OWNER, &[file(ETH_A, Param::Duty, duty)]);
    open(&mut chain, ALICE, ETH_A, 100, 10_000);
    wait(&mut chain, YEAR);
    let drip = vault(VaultCall::Drip { market: MARKET, ilk: ETH_A });
    refused(&mut chain, OWNER, file(ETH_A, Param::Duty, duty), VaultError::RhoNotUpdated);
    done(&mut chain, KEEPER, &[drip]);
    let rate = state(&chain).ilks[0].rate;
    let off = rate.0.abs_diff(percent(105).0);
    assert!(off < RAY / U256::from(10_u128.pow(15)), "{rate} is not 1.05 to fifteen places");
    // The vow earned what the debt grew by: dai inside, not yet a token.
    assert_eq!(chain.balance(VOW, INTERNAL).0, wad(10_000).0 * (rate.0 - RAY));
    open(&mut chain, BOB, ETH_A, 100, 1_000);
    done(&mut chain, BOB, &[Call::Transfer { to: ALICE, asset: DAI, amount: AmountExpr::All }]);
    let all = Call::Repay { market: MARKET, asset: DAI, amount: AmountExpr::All };
    done(&mut chain, ALICE, &[all]);
    assert!(chain.balance(ALICE, WETH_ART).is_zero());
    // Ceiled to a whole unit of the token; the part of a unit stays inside, hers.
    assert!(chain.balance(ALICE, INTERNAL).0 < RAY);
}

/// The vow's dai and its bad debt, in whole dai.
fn vow(chain: &Chain) -> (U256, U256) {
    let whole = U256::from(E18) * RAY;
    (chain.balance(VOW, INTERNAL).0 / whole, chain.balance(VOW, SIN).0 / whole)
}

/// 12 March 2020, in small: the price goes through an oracle that is an hour late, falls by more than half
/// at once, vaults are bitten in lots of 50,000, and only one bids: next to nothing.
#[test]
fn on_black_thursday_zero_bids_take_every_lot() {
    let mut chain = world();
    // The oracle security module before BTC's feed.
    let delayed = chain
        .add_feed(Feed::Composed(ComposedFeed::Delayed(DelayedFeed::new(BTC_FEED, HOUR, OWNER))));
    let Market::Vault(mut vaults) = chain.markets()[0].clone() else { unreachable!() };
    vaults.ilks[1].feed = delayed;
    let market = chain.add_market(Market::Vault(vaults));
    assert_eq!(market, MarketId(1));
    let (osm, ilk) = (Call::Oracle(OracleCall::Poke { feed: delayed }), BTC_A);
    let poke = vault(VaultCall::Poke { market, ilk });
    done(&mut chain, KEEPER, &[osm]);
    wait(&mut chain, HOUR);
    done(&mut chain, KEEPER, &[osm, poke]);
    for (who, btc) in [(ALICE, 10), (BOB, 5)] {
        let calls = [
            Call::Supply { market, asset: BTC, amount: exact(btc * 10_u128.pow(8)) },
            Call::Borrow { market, asset: DAI, amount: exact(btc * 20_000 * E18) },
        ];
        done(&mut chain, who, &calls);
    }
    // Bob pays a little to the keeper: the money that will be bid.
    done(&mut chain, BOB, &[Call::Transfer { to: KEEPER, asset: DAI, amount: exact(100 * E18) }]);
    done(&mut chain, KEEPER, &[vault(VaultCall::JoinDai { market, amount: AmountExpr::All })]);
    // The fall: nobody can be bitten until the second poke, an hour and more late.
    wait(&mut chain, 600);
    report(&mut chain, REPORTER, BTC_FEED, usd(14_000));
    let bite = |urn| vault(VaultCall::Bite { market, ilk, urn });
    refused(&mut chain, KEEPER, osm, markets::oracle::OracleError::TooEarly);
    wait(&mut chain, HOUR);
    done(&mut chain, KEEPER, &[osm, poke]);
    refused(&mut chain, KEEPER, bite(ALICE), VaultError::NotUnsafe);
    wait(&mut chain, HOUR);
    done(&mut chain, KEEPER, &[osm, poke]);
    // Everything at once: 200,000 and 100,000 of debt in lots that raise 50,000, penalty included.
    let mut bites = 0;
    for urn in [ALICE, BOB] {
        while !chain.balance(urn, BTC_INK).is_zero() {
            // The last of each is what flooring left: as small as a vault may be.
            if run(&mut chain, KEEPER, &[bite(urn)]) != Outcome::Success {
                break;
            }
            bites += 1;
        }
    }
    // 200,000 · 1.13 / 50,000 = 4.52 and 2.26: five and three.
    assert_eq!(bites, 8);
    let auctions = chain.markets()[1].vault().unwrap().auctions.clone();
    let (mut lots, mut tabs) = (U256::ZERO, U256::ZERO);
    for auction in &auctions {
        let Lot::English(bid) = auction.lot else { unreachable!() };
        lots += bid.lot.0;
        tabs += bid.tab.0;
        let tend = VaultCall::Tend { market, auction: auction.id, lot: bid.lot, bid: units(1) };
        let nothing = VaultCall::Tend { market, auction: auction.id, lot: bid.lot, bid: units(0) };
        refused(&mut chain, KEEPER, vault(nothing), auctioned(AuctionError::BidNotHigher));
        done(&mut chain, KEEPER, &[vault(tend)]);
        let deal = vault(VaultCall::Deal { market, auction: auction.id });
        refused(&mut chain, KEEPER, deal, auctioned(AuctionError::NotFinished));
    }
    let sin = chain.balance(VOW, SIN);
    // 300,000 in bad debt, 339,000 to be raised.
    assert_eq!(vow(&chain), (U256::ZERO, U256::from(300_000)));
    assert_eq!(tabs / (U256::from(E18) * RAY), U256::from(339_000));
    assert_eq!(lots, wad(15).0, "all of the collateral");
    wait(&mut chain, 601);
    for auction in &auctions {
        done(&mut chain, KEEPER, &[vault(VaultCall::Deal { market, auction: auction.id })]);
    }
    // Fifteen bitcoin for eight rad; the owners get nothing, the system is short of all it was owed.
    done(&mut chain, KEEPER, &[vault(VaultCall::Exit { market, ilk, amount: AmountExpr::All })]);
    assert_eq!(chain.balance(KEEPER, BTC), units(15 * 10_u128.pow(8)));
    assert_eq!(chain.balance(KEEPER, INTERNAL).0, rad(100).0 - U256::from(8));
    assert!(chain.balance(ALICE, BTC_GEM).is_zero() && chain.balance(BOB, BTC_GEM).is_zero());
    let vaults = chain.markets()[1].vault().unwrap();
    assert_eq!(vaults.shortfall(&chain).unwrap().0, sin.0 - U256::from(8));
    assert!(vaults.auctions.is_empty() && vaults.state.litter.is_zero());
    let heal = |rad| vault(VaultCall::Heal { market, rad });
    refused(&mut chain, KEEPER, heal(units(9)), VaultError::InsufficientSurplus);
    done(&mut chain, KEEPER, &[heal(units(8))]);
    assert_eq!(chain.balance(VOW, SIN).0, sin.0 - U256::from(8));
}

#[test]
fn with_two_bidders_the_tab_is_raised_and_the_rest_goes_home() {
    let mut chain = world();
    open(&mut chain, ALICE, BTC_A, 1, 20_000);
    open(&mut chain, BOB, ETH_A, 1_000, 60_000);
    let give = Call::Transfer { to: KEEPER, asset: DAI, amount: exact(30_000 * E18) };
    done(&mut chain, BOB, &[give, join_dai(AmountExpr::All)]);
    done(&mut chain, KEEPER, &[join_dai(AmountExpr::All)]);
    reprice(&mut chain, BTC_A, 29_000);
    done(&mut chain, KEEPER, &[bite(ALICE)]);
    let (lot, tab) = (wad(1), rad(22_600));
    done(&mut chain, KEEPER, &[tend(1, lot, rad(10_000))]);
    // Three percent more, or the tab.
    let low = tend(1, lot, Amount(rad(10_300).0 - U256::from(1)));
    refused(&mut chain, BOB, low, auctioned(AuctionError::InsufficientIncrease));
    refused(&mut chain, BOB, tend(1, lot, rad(22_601)), auctioned(AuctionError::HigherThanTab));
    refused(&mut chain, BOB, tend(1, wad(2), tab), auctioned(AuctionError::LotNotMatching));
    refused(&mut chain, BOB, dent(1, lot, rad(10_000)), auctioned(AuctionError::TendNotFinished));
    done(&mut chain, BOB, &[tend(1, lot, rad(10_300))]);
    assert_eq!(chain.balance(KEEPER, INTERNAL), rad(30_000), "refunded by who overbid");
    assert_eq!(chain.balance(VOW, INTERNAL), rad(10_300));
    done(&mut chain, KEEPER, &[tend(1, lot, tab)]);
    assert_eq!(chain.balance(BOB, INTERNAL), rad(30_000));
    // Now the lot falls, by three percent and more: 1 / 1.03 is 0.97087….
    let less = |ppm: u128| units(ppm * E18 / 1_000_000);
    refused(&mut chain, BOB, tend(1, lot, tab), auctioned(AuctionError::BidNotHigher));
    refused(&mut chain, BOB, dent(1, lot, tab), auctioned(AuctionError::LotNotLower));
    let small = dent(1, less(970_874), tab);
    refused(&mut chain, BOB, small, auctioned(AuctionError::InsufficientDecrease));
    done(&mut chain, BOB, &[dent(1, less(970_873), tab)]);
    assert_eq!(chain.balance(ALICE, BTC_GEM), less(29_127), "at once");
    done(&mut chain, KEEPER, &[dent(1, less(800_000), tab)]);
    wait(&mut chain, 601);
    refused(&mut chain, BOB, dent(1, less(1), tab), auctioned(AuctionError::AlreadyFinishedTic));
    done(&mut chain, ALICE, &[deal(1)]);
    assert!(matches!(chain.logs().last(), Some(Log::Vault(VaultLog::Dealt { auction: 1, .. }))));
    assert_eq!(chain.balance(KEEPER, BTC_GEM), less(800_000));
    assert_eq!(chain.balance(ALICE, BTC_GEM), less(200_000));
    assert_eq!(chain.balance(KEEPER, INTERNAL), rad(30_000 - 22_600));
    // The debt is paid and the penalty is the system's.
    done(&mut chain, ALICE, &[vault(VaultCall::Heal { market: MARKET, rad: rad(20_000) })]);
    assert_eq!(vow(&chain), (U256::from(2_600), U256::ZERO));
    let exit = VaultCall::Exit { market: MARKET, ilk: BTC_A, amount: AmountExpr::All };
    done(&mut chain, ALICE, &[vault(exit)]);
    refused(&mut chain, ALICE, deal(1), VaultError::NoSuchAuction);
}

#[test]
fn an_auction_that_nobody_bids_in_starts_over() {
    let mut chain = world();
    open(&mut chain, ALICE, BTC_A, 1, 20_000);
    reprice(&mut chain, BTC_A, 29_000);
    done(&mut chain, KEEPER, &[bite(ALICE)]);
    let tick = vault(VaultCall::Tick { market: MARKET, auction: 1 });
    refused(&mut chain, KEEPER, tick, auctioned(AuctionError::NotFinished));
    wait(&mut chain, 6 * HOUR + 1);
    let late = tend(1, wad(1), units(1));
    refused(&mut chain, KEEPER, late, auctioned(AuctionError::AlreadyFinishedEnd));
    done(
        &mut chain,
        KEEPER,
        &[tick, vault(VaultCall::JoinDai { market: MARKET, amount: exact(0) })],
    );
    refused(&mut chain, KEEPER, late, Revert::InsufficientBalance);
    refused(&mut chain, KEEPER, deal(1), auctioned(AuctionError::NotFinished));
}

#[test]
fn a_dutch_auction_falls_in_steps_and_pays_its_keeper() {
    let mut chain = world();
    open(&mut chain, ALICE, ETH_A, 10, 2_000);
    open(&mut chain, BOB, ETH_A, 1_000, 50_000);
    done(&mut chain, BOB, &[join_dai(AmountExpr::All)]);
    refused(&mut chain, KEEPER, bark(ALICE), VaultError::NotUnsafe);
    reprice(&mut chain, ETH_A, 250);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    // 300 + 0.1 % of the tab of 2,260, which the vow owes with the debt.
    let pay = Amount(rad(302).0 + rad(260).0 / U256::from(1_000));
    assert_eq!(chain.balance(KEEPER, INTERNAL), pay);
    assert_eq!(chain.balance(VOW, SIN).0, rad(2_000).0 + pay.0);
    assert_eq!(chain.balance(HOUSE, WETH_GEM), wad(10));
    assert_eq!(state(&chain).state.dirt, rad(2_260));
    // 20 % above 250, and 1 % less every 90 seconds.
    let price = |chain: &Chain| state(chain).status(1, chain.clock().timestamp).unwrap();
    assert_eq!(price(&chain), (false, percent(30_000)));
    wait(&mut chain, 89);
    assert_eq!(price(&chain), (false, percent(30_000)));
    wait(&mut chain, 1);
    assert_eq!(price(&chain), (false, percent(29_700)));
    wait(&mut chain, 90);
    assert_eq!(price(&chain), (false, Ray(percent(29_403).0)));
    wait(&mut chain, 18 * 90);
    // 300 · 0.99²⁰ = 245.37….
    let (_, now) = price(&chain);
    assert!((now.ratio() - 245.372_08).abs() < 1e-4, "{now}");
    let low = Ray(now.0 - U256::from(1));
    let cheap = take(1, wad(1), low, 0);
    refused(&mut chain, BOB, cheap, auctioned(AuctionError::TooExpensive));
    // Part of it: what stays to be raised is not dust (113).
    done(&mut chain, BOB, &[take(1, wad(4), now, 0)]);
    assert_eq!(chain.balance(BOB, WETH_GEM), wad(4));
    let paid = wad(4).0 * now.0;
    assert_eq!(chain.balance(BOB, INTERNAL).0, rad(50_000).0 - paid);
    assert_eq!(state(&chain).state.dirt.0, rad(2_260).0 - paid);
    // Nine tenths of the rest would leave dust: less is sold, so that just 113 is left.
    done(&mut chain, BOB, &[take(1, wad(5), Ray::MAX, 0)]);
    assert_eq!(state(&chain).state.dirt, rad(113));
    let some = take(1, units(E18 / 10), Ray::MAX, 0);
    refused(&mut chain, BOB, some, auctioned(AuctionError::NoPartialPurchase));
    // All of it: the tab is met, the rest goes home.
    let bought = chain.balance(BOB, WETH_GEM);
    done(&mut chain, BOB, &[take(1, wad(10), Ray::MAX, 0)]);
    let slice = rad(113).0 / now.0;
    assert_eq!(chain.balance(BOB, WETH_GEM).0, bought.0 + slice);
    assert_eq!(chain.balance(ALICE, WETH_GEM).0, wad(10).0 - chain.balance(BOB, WETH_GEM).0);
    assert!(state(&chain).auctions.is_empty() && state(&chain).state.dirt.is_zero());
    // The penalty paid the keeper, and the rest of it is the system's.
    let due = chain.balance(VOW, SIN);
    assert_eq!(chain.balance(VOW, INTERNAL), rad(2_260));
    done(&mut chain, KEEPER, &[vault(VaultCall::Heal { market: MARKET, rad: rad(2_260) })]);
    assert_eq!(chain.balance(VOW, SIN).0, due.0 - rad(2_260).0);
    refused(&mut chain, BOB, take(1, wad(1), Ray::MAX, 0), VaultError::NoSuchAuction);
}

#[test]
fn an_auction_too_old_or_too_cheap_is_reset_at_the_oracles_price() {
    let mut chain = world();
    open(&mut chain, ALICE, ETH_A, 10, 2_000);
    reprice(&mut chain, ETH_A, 250);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    // After 8,400 seconds the price is at 0.99⁹³ = 0.3927… of the top: with a cusp of 0.3, only too old.
    let cusp = |of_hundred| file(ETH_A, Param::Cusp, Amount(percent(of_hundred).0));
    done(&mut chain, OWNER, &[cusp(30)]);
    let redo = vault(VaultCall::Redo { market: MARKET, auction: 1 });
    refused(&mut chain, KEEPER, redo, auctioned(AuctionError::CannotReset));
    wait(&mut chain, 8_400);
    refused(&mut chain, KEEPER, redo, auctioned(AuctionError::CannotReset));
    wait(&mut chain, 1);
    let late = take(1, wad(1), Ray::MAX, 0);
    refused(&mut chain, BOB, late, auctioned(AuctionError::NeedsReset));
    reprice(&mut chain, ETH_A, 200);
    let before = chain.balance(KEEPER, INTERNAL).0;
    done(&mut chain, KEEPER, &[redo]);
    assert_eq!(
        chain.balance(KEEPER, INTERNAL).0 - before,
        rad(302).0 + rad(260).0 / U256::from(1_000)
    );
    let now = chain.clock().timestamp;
    assert_eq!(state(&chain).status(1, now).unwrap(), (false, percent(24_000)));
    done(&mut chain, OWNER, &[cusp(40)]);
    // Too cheap: 0.99⁹² is below the cusp of 0.4, at 0.99⁹¹ it is not.
    wait(&mut chain, 91 * 90);
    refused(&mut chain, KEEPER, redo, auctioned(AuctionError::CannotReset));
    wait(&mut chain, 90);
    // Without a price nothing starts.
    report(&mut chain, REPORTER, ETH_FEED, usd(0));
    let blind = VaultError::Oracle(markets::oracle::OracleError::ZeroPrice);
    refused(&mut chain, KEEPER, redo, blind);
    report(&mut chain, REPORTER, ETH_FEED, usd(100));
    done(&mut chain, KEEPER, &[redo]);
}

/// Collateral first, money last: sold in the pool, and what is owed brought in.
fn flash_take(auction: u64) -> [Call; 6] {
    let (market, ilk, amount) = (MARKET, ETH_A, AmountExpr::All);
    [
        Call::Mark { mark: 0, asset: DAI },
        take(auction, wad(1_000), Ray::MAX, 3),
        vault(VaultCall::Exit { market, ilk, amount }),
        Call::Swap { pool: POOL, asset_in: WETH, amount, min_out: Amount::ZERO },
        join_dai(AmountExpr::FlashDebt),
        Call::RequireGain { mark: 0, asset: DAI, min_gain: units(1) },
    ]
}

#[test]
fn a_keeper_without_money_buys_from_an_auction_and_the_house_is_locked_meanwhile() {
    let mut chain = world();
    open(&mut chain, ALICE, ETH_A, 10, 2_000);
    open(&mut chain, BOB, ETH_A, 5_000, 500_000);
    let (max0, max1) = (wad(500_000), wad(2_000));
    done(&mut chain, BOB, &[Call::AddLiquidity { pool: POOL, max0, max1 }]);
    reprice(&mut chain, ETH_A, 250);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    let early = run(&mut chain, REPORTER, &flash_take(1));
    assert_eq!(early, Outcome::Reverted { call: 4, reason: Revert::InsufficientBalance });
    wait(&mut chain, 25 * 90);
    assert_undone_at_every_call(&chain, REPORTER, &flash_take(1));
    done(&mut chain, REPORTER, &flash_take(1));
    assert!(!chain.balance(REPORTER, DAI).is_zero());
    assert!(chain.balance(REPORTER, INTERNAL).0 < RAY, "what is owed was ceiled to a token's unit");
    // While it buys, no other purchase, no start and no reset: of this house.
    reprice(&mut chain, ETH_A, 140);
    done(&mut chain, KEEPER, &[bark(BOB)]);
    let locked = Revert::Vault(VaultError::SystemLocked);
    let redo = vault(VaultCall::Redo { market: MARKET, auction: 2 });
    let by_verb = Call::Liquidate {
        market: MARKET,
        borrower: BOB,
        collateral: WETH,
        debt: DAI,
        amount: AmountExpr::All,
    };
    for inner in [take(2, wad(1), Ray::MAX, 0), redo, bark(BOB), by_verb] {
        let before = chain.clone();
        let outcome = run(&mut chain, KEEPER, &[take(2, wad(1), Ray::MAX, 1), inner]);
        assert_eq!(outcome, Outcome::Reverted { call: 1, reason: locked }, "{inner:?}");
        assert!(chain == before);
    }
    // And who does not pay, gets nothing.
    let outcome = run(&mut chain, REPORTER, &[take(2, wad(10), Ray::MAX, 0)]);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason: Revert::InsufficientBalance });
}

#[test]
fn limits_hold_and_leave_no_dust() {
    let mut chain = world();
    open(&mut chain, ALICE, ETH_A, 500, 100_000);
    reprice(&mut chain, ETH_A, 250);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    // 50,000 / 1.13, floored.
    let art = 44_247_787_610_619_469_026_548_u128;
    assert_eq!(chain.balance(ALICE, WETH_ART).0, wad(100_000).0 - U256::from(art));
    assert_eq!(chain.balance(HOUSE, WETH_GEM).0, wad(500).0 * U256::from(art) / wad(100_000).0);
    let dusty = VaultError::DustyAuctionFromPartialLiquidation;
    refused(&mut chain, KEEPER, bark(ALICE), dusty);
    let full = state(&chain).ilks[0].dirt;
    done(&mut chain, OWNER, &[file(ETH_A, Param::Hole, full)]);
    refused(&mut chain, KEEPER, bark(ALICE), VaultError::LiquidationLimitHit);
    let hole = Amount(full.0 * U256::from(4));
    done(&mut chain, OWNER, &[file(ETH_A, Param::Hole, hole)]);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    assert!(chain.balance(ALICE, WETH_ART).is_zero());
}

#[test]
fn every_rule_has_its_reason() {
    let mut chain = world();
    let (market, ilk) = (MARKET, ETH_A);
    let frob =
        |dink, dart| vault(VaultCall::Frob { market, ilk, dink: int(dink), dart: int(dart) });
    open(&mut chain, ALICE, ETH_A, 10, 1_000);
    refused(&mut chain, ALICE, frob(0, 1_001), VaultError::NotSafe);
    refused(&mut chain, ALICE, frob(-6, 0), VaultError::NotSafe);
    refused(&mut chain, ALICE, frob(-11, 0), VaultError::Arithmetic);
    refused(&mut chain, ALICE, frob(1, 0), VaultError::Arithmetic);
    refused(&mut chain, BOB, frob(0, 1), VaultError::NotSafe);
    let wipe = [join_dai(AmountExpr::All), frob(0, -901)];
    let outcome = run(&mut chain, ALICE, &wipe);
    assert_eq!(outcome, Outcome::Reverted { call: 1, reason: VaultError::Dust.into() });
    done(&mut chain, OWNER, &[file(ETH_A, Param::Line, rad(1_000))]);
    refused(&mut chain, ALICE, frob(0, 1), VaultError::CeilingExceeded);
    refused(&mut chain, ALICE, file(ETH_A, Param::Line, rad(1)), VaultError::NotAuthorised);
    refused(&mut chain, OWNER, file(ETH_A, Param::Beg, rad(1)), VaultError::UnrecognizedParam);
    refused(
        &mut chain,
        OWNER,
        file(ETH_A, Param::Mat, Amount::ZERO),
        VaultError::UnrecognizedParam,
    );
    refused(&mut chain, KEEPER, poke(7), VaultError::IlkNotInit);
    refused(&mut chain, KEEPER, bite(ALICE), VaultError::NotUnsafe);
    let wrong = vault(VaultCall::Bite { market, ilk, urn: ALICE });
    refused(&mut chain, KEEPER, wrong, VaultError::WrongAuctionKind);
    let upchost = vault(VaultCall::Upchost { market, ilk: BTC_A });
    refused(&mut chain, KEEPER, upchost, VaultError::WrongAuctionKind);
    let heal = vault(VaultCall::Heal { market, rad: units(1) });
    refused(&mut chain, KEEPER, heal, VaultError::InsufficientSurplus);
    let exit = vault(VaultCall::Exit { market, ilk, amount: exact(1) });
    refused(&mut chain, BOB, exit, VaultError::Arithmetic);
    let exit_dai = vault(VaultCall::ExitDai { market, amount: exact(1) });
    refused(&mut chain, BOB, exit_dai, VaultError::Arithmetic);
    let give = vault(VaultCall::Move { market, to: BOB, rad: rad(1_001) });
    refused(&mut chain, ALICE, give, Revert::InsufficientBalance);
    let flux = vault(VaultCall::Flux { market, ilk, to: BOB, wad: units(1) });
    refused(&mut chain, ALICE, flux, Revert::InsufficientBalance);
    for asset in [INTERNAL, SIN, WETH_GEM, WETH_INK, WETH_ART] {
        let give = Call::Transfer { to: BOB, asset, amount: exact(1) };
        refused(&mut chain, ALICE, give, Revert::NotTransferable);
    }
    let switch = Call::SetCollateral { market, asset: WETH, enabled: true };
    refused(&mut chain, ALICE, switch, Revert::Unsupported);
    let nowhere = vault(VaultCall::Drip { market: MarketId(9), ilk });
    refused(&mut chain, ALICE, nowhere, Revert::UnknownId);
    // Without a price nothing is drawn and nothing is liquidated.
    reprice(&mut chain, ETH_A, 0);
    refused(&mut chain, ALICE, frob(-1, 0), VaultError::NotSafe);
    refused(&mut chain, KEEPER, bark(ALICE), VaultError::NotUnsafe);
}

#[test]
fn a_forced_revert_at_every_call_index_changes_nothing() {
    let mut chain = world();
    let duty = Amount(U256::from(1_000_000_001_547_125_957_863_212_448_u128));
    done(&mut chain, OWNER, &[file(ETH_A, Param::Duty, duty), file(BTC_A, Param::Duty, duty)]);
    open(&mut chain, ALICE, ETH_A, 100, 20_000);
    open(&mut chain, ALICE, BTC_A, 10, 200_000);
    open(&mut chain, BOB, ETH_A, 100, 20_000);
    open(&mut chain, BOB, BTC_A, 1, 20_000);
    for who in [ALICE, BOB] {
        done(&mut chain, who, &[Call::Transfer { to: OWNER, asset: DAI, amount: AmountExpr::All }]);
    }
    chain.genesis_mint(OWNER, WETH, wad(1_000)).unwrap();
    done(&mut chain, OWNER, &[join_dai(exact(100_000 * E18))]);
    let (market, all) = (MARKET, AmountExpr::All);
    let drip = |ilk| vault(VaultCall::Drip { market, ilk });
    done(&mut chain, OWNER, &[drip(ETH_A), drip(BTC_A)]);
    reprice(&mut chain, ETH_A, 290);
    reprice(&mut chain, BTC_A, 28_000);
    // One to redo, one to take; one to deal, one to tick, one to bid in.
    done(&mut chain, KEEPER, &[bark(ALICE), bite(ALICE), bite(ALICE)]);
    let lot = |chain: &Chain, id| match state(chain).auction(id).unwrap().lot {
        Lot::English(bid) => (bid.lot, bid.tab),
        Lot::Dutch(sale) => (sale.lot, sale.tab),
    };
    wait(&mut chain, 6 * HOUR - 601);
    let (whole, _) = lot(&chain, 2);
    done(&mut chain, OWNER, &[tend(2, whole, units(1))]);
    wait(&mut chain, 602);
    done(&mut chain, KEEPER, &[bark(BOB), bite(ALICE)]);
    wait(&mut chain, 90);
    let (lot5, tab5) = lot(&chain, 5);
    let less = Amount(lot5.0 / U256::from(2));
    let calls = [
        drip(ETH_A),
        drip(BTC_A),
        poke(ETH_A),
        file(ETH_A, Param::Tip, rad(1)),
        file(ETH_A, Param::GlobalHole, rad(2_000_000)),
        vault(VaultCall::Upchost { market, ilk: ETH_A }),
        vault(VaultCall::Redo { market, auction: 1 }),
        deal(2),
        vault(VaultCall::Tick { market, auction: 3 }),
        take(4, wad(10), Ray::MAX, 4),
        vault(VaultCall::Exit { market, ilk: ETH_A, amount: all }),
        vault(VaultCall::Join { market, ilk: ETH_A, amount: exact(100 * E18) }),
        vault(VaultCall::Frob { market, ilk: ETH_A, dink: int(100), dart: int(1_000) }),
        bite(BOB),
        tend(5, lot5, units(7)),
        tend(5, lot5, tab5),
        dent(5, less, tab5),
        take(1, wad(1_000), Ray::MAX, 0),
        vault(VaultCall::Flux { market, ilk: BTC_A, to: BOB, wad: units(1) }),
        vault(VaultCall::Move { market, to: BOB, rad: rad(1) }),
        vault(VaultCall::ExitDai { market, amount: exact(E18) }),
        vault(VaultCall::Heal { market, rad: rad(100) }),
        Call::Supply { market, asset: WETH, amount: exact(E18) },
        Call::Borrow { market, asset: DAI, amount: exact(100 * E18) },
        Call::Repay { market, asset: DAI, amount: all },
        Call::Withdraw { market, asset: WETH, amount: all },
        Call::Liquidate { market, borrower: ALICE, collateral: BTC, debt: DAI, amount: all },
    ];
    assert_undone_at_every_call(&chain, OWNER, &calls);
}

/// The worked example of the published specification: an oracle price of 1,000 and a `buf` of 1.2 start
/// at 1,200.
#[test]
fn the_published_starting_price() {
    let mut chain = world();
    reprice(&mut chain, ETH_A, 3_000);
    open(&mut chain, ALICE, ETH_A, 10, 20_000);
    reprice(&mut chain, ETH_A, 1_000);
    done(&mut chain, KEEPER, &[bark(ALICE)]);
    let now = chain.clock().timestamp;
    assert_eq!(state(&chain).status(1, now).unwrap().1, percent(120_000));
}
