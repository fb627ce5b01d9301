//! Rules of the other mechanisms at their bounds, as `bounds` has them for pooled lending: a chain is brought
//! to where a rule just holds, and beyond it.

use super::bites::world::{E18, World, exact, header};
use super::bites::{base, flow, isolated, mint, pair, perpetual, pooled, stable, token, v3, vault};
use super::bounds::id;
use super::{Family, Step, clock, compound, concentrated, isolated as blue, ledger};
use super::{oracle, pair as v2, perpetual as futures, stable_swap, vault as maker};
use crate::chain::call::{AmountExpr, Call, IsolatedCall, Log, Outcome, Transaction, VaultCall};
use crate::chain::{Chain, Feed, Pool};
use markets::amm::concentrated::Position;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::share_vault::ShareVault;
use markets::oracle::composed::ComposedFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::units::{AccountId, Amount, AssetId, Flow, MarketId, RAY, Ray, U256, Wad};
use protocols::isolated::Seize;
use protocols::perpetual::{MOST, PerpetualOffer};

type Case = (&'static str, Family, fn(&mut Chain, &World), Option<&'static str>);

/// A position of so much liquidity whose lower tick knows it.
fn position(chain: &mut Chain, w: &World, upper: impl FnOnce(i32) -> i32) {
    let pool = v3(chain, w);
    let tick = &mut pool.ticks[0];
    (tick.gross, tick.net) = (tick.gross + 7, tick.net + 7);
    let (lower, owner) = (tick.tick, w.users[0]);
    let upper = upper(lower);
    pool.positions.push(Position { owner, lower, upper, liquidity: 7, ..pool.positions[0] });
}

/// What a state is looked at for where everything is audited.
const WHOLES: &[Case] = &[
    (
        "an observation that was never written",
        concentrated::FAMILY,
        |c, w| {
            let at = usize::from(v3(c, w).state.observation_index);
            v3(c, w).observations[at].initialized = false;
        },
        Some("concentrated-observations"),
    ),
    (
        "an observation to come",
        concentrated::FAMILY,
        |c, w| {
            let (at, now) = (usize::from(v3(c, w).state.observation_index), c.clock.timestamp);
            v3(c, w).observations[at].timestamp = now as u32 + 1;
        },
        Some("concentrated-observations"),
    ),
    (
        "the slot after the ring",
        concentrated::FAMILY,
        |c, w| {
            let pool = v3(c, w);
            let (from, to) = (pool.state.observation_index, pool.state.observation_cardinality);
            pool.observations[usize::from(to)] = pool.observations[usize::from(from)];
            pool.state.observation_index = to;
        },
        Some("concentrated-observations"),
    ),
    (
        "a ring of all slots",
        concentrated::FAMILY,
        |c, w| {
            let slots = v3(c, w).observations.len() as u16;
            v3(c, w).state.observation_cardinality = slots;
        },
        None,
    ),
    (
        "a ring of more",
        concentrated::FAMILY,
        |c, w| {
            let slots = v3(c, w).observations.len() as u16;
            v3(c, w).state.observation_cardinality = slots + 1;
        },
        Some("concentrated-observations"),
    ),
    (
        "a tick twice",
        concentrated::FAMILY,
        |c, w| v3(c, w).ticks[1].tick = v3(c, w).ticks[0].tick,
        Some("concentrated-ticks-ordered"),
    ),
    (
        "a tick without liquidity",
        concentrated::FAMILY,
        |c, w| v3(c, w).ticks[0].gross = 0,
        Some("concentrated-ticks-ordered"),
    ),
    (
        "a position that ends at no tick",
        concentrated::FAMILY,
        |c, w| position(c, w, |lower| lower + 1),
        Some("concentrated-ticks-sum"),
    ),
    (
        "a position without liquidity that ends at no tick",
        concentrated::FAMILY,
        |c, w| {
            let lower = v3(c, w).ticks[0].tick;
            let owner = w.users[0];
            let empty =
                Position { owner, lower, upper: lower + 1, liquidity: 0, ..v3(c, w).positions[0] };
            v3(c, w).positions.push(empty);
        },
        None,
    ),
    (
        "a pair with shares and nothing of the second asset",
        v2::FAMILY,
        |c, w| pair(c, w).reserve1 = 0,
        Some("pair-shares-are-backed"),
    ),
    (
        "an asset that is listed twice",
        compound::FAMILY,
        |c, w| token(c, w, 1).underlying = token(c, w, 0).underlying,
        Some("compound-markets-distinct"),
    ),
    (
        "a share that is listed twice",
        compound::FAMILY,
        |c, w| token(c, w, 1).c_token = token(c, w, 0).c_token,
        Some("compound-markets-distinct"),
    ),
    (
        "a deposit of all that was given",
        futures::FAMILY,
        |c, w| deposited(c, w, |given, unit| given / unit),
        None,
    ),
    (
        "a deposit of a unit more",
        futures::FAMILY,
        |c, w| deposited(c, w, |given, unit| given / unit + 1),
        Some("perpetual-holds-deposits"),
    ),
    (
        "all that was paid in gone, and more",
        futures::FAMILY,
        |c, w| {
            let contract = &mut perpetual(c, w).contract;
            contract.accounts[w.provider.index()].collateral -= contract.deposits + 1;
            contract.deposits = -1;
        },
        Some("perpetual-holds-deposits"),
    ),
    (
        "the largest offer at the highest price",
        futures::FAMILY,
        |c, w| offered(c, w, -(MOST as i64), MOST),
        None,
    ),
    (
        "a larger one",
        futures::FAMILY,
        |c, w| offered(c, w, -(MOST as i64) - 1, MOST),
        Some("perpetual-offers-ordered"),
    ),
    (
        "a higher one",
        futures::FAMILY,
        |c, w| offered(c, w, 1, MOST + 1),
        Some("perpetual-offers-ordered"),
    ),
    (
        "an offer of nothing",
        futures::FAMILY,
        |c, w| offered(c, w, 0, 1),
        Some("perpetual-offers-ordered"),
    ),
    (
        "two offers of one account",
        futures::FAMILY,
        |c, w| {
            let offers = &mut perpetual(c, w).offers;
            offers[1] = offers[0];
        },
        Some("perpetual-offers-ordered"),
    ),
];

/// An account has so much more of what was given to the market, as it says of that and of its unit.
fn deposited(chain: &mut Chain, w: &World, more: impl FnOnce(i128, i128) -> i128) {
    let market = perpetual(chain, w).clone();
    let held = chain.balance(market.account, market.quote);
    let given = held.0 - market.amount(market.contract.deposits).0;
    let more = more(given.to::<u64>().into(), market.quote_unit.into());
    let contract = &mut perpetual(chain, w).contract;
    contract.accounts[w.provider.index()].collateral += more;
    contract.deposits += more;
}
fn offered(chain: &mut Chain, w: &World, lots: i64, tick: u64) {
    perpetual(chain, w).offers[0].1 = PerpetualOffer { lots, tick };
}

fn fee_to(chain: &mut Chain, w: &World, to: Option<AccountId>) {
    pair(chain, w).fee_to = to;
}
/// A tenth more shares for nothing.
fn dilute(chain: &mut Chain, w: &World) {
    let share = pair(chain, w).share;
    let all = chain.ledger.total_supply(share).0.to::<u128>();
    mint(chain, w.users[0], share, all / 10);
}
/// An update a second later, with prices that did not stand.
fn wrong_accumulators(chain: &mut Chain, w: &World, blocks: u64) {
    chain.clock.block += blocks;
    let pair: &mut ConstantProduct = pair(chain, w);
    pair.timestamp_last += 1;
    pair.price0_cumulative += U256::from(1);
}
fn delayed<'a>(chain: &'a mut Chain, w: &World) -> &'a mut DelayedFeed {
    match &mut chain.feeds[w.composed[1].index()] {
        Feed::Composed(ComposedFeed::Delayed(feed)) => feed,
        _ => unreachable!("a delayed feed"),
    }
}

/// What is looked at from one state to the next; the state before may be changed as well.
type StepCase = (
    &'static str,
    Family,
    fn(&mut Chain, &mut Chain, &World) -> Option<Vec<Log>>,
    Option<&'static str>,
);

fn loss(chain: &mut Chain, w: &World) {
    isolated(chain, w, 0).state.total_supply_assets.0 -= U256::from(1);
}
fn written_off(market: MarketId, w: &World) -> Log {
    let (borrower, asset) = (w.users[0], w.tokens[0]);
    Log::BadDebt { market, borrower, asset, amount: Amount::new(1) }
}
fn liquidated(market: MarketId, w: &World, bad_debt: u128) -> Log {
    Log::Liquidation {
        market,
        by: w.users[1],
        borrower: w.users[0],
        collateral: w.tokens[3],
        debt: w.tokens[0],
        seized: Amount::new(1),
        repaid: Amount::new(1),
        bad_debt: Amount::new(bad_debt),
    }
}

const STEPS: &[StepCase] = &[
    (
        "fees that fall by two",
        concentrated::FAMILY,
        |_, c, w| {
            let fees = &mut v3(c, w).state.fee_growth0;
            *fees = fees.wrapping_sub(U256::from(2));
            Some(vec![])
        },
        Some("concentrated-fees-rise"),
    ),
    (
        "prices that did not stand, in the next block",
        v2::FAMILY,
        |_, c, w| {
            wrong_accumulators(c, w, 1);
            Some(vec![])
        },
        Some("pair-accumulators"),
    ),
    (
        "prices of which a block was not seen",
        v2::FAMILY,
        |_, c, w| {
            wrong_accumulators(c, w, 2);
            Some(vec![])
        },
        None,
    ),
    (
        "prices of which calls were not seen",
        v2::FAMILY,
        |_, c, w| {
            wrong_accumulators(c, w, 0);
            None
        },
        None,
    ),
    (
        "shares for nothing",
        v2::FAMILY,
        |_, c, w| {
            dilute(c, w);
            Some(vec![])
        },
        Some("pair-product-per-share"),
    ),
    (
        "the protocol's shares, where it begins to take them",
        v2::FAMILY,
        |_, c, w| {
            dilute(c, w);
            fee_to(c, w, Some(w.admin));
            Some(vec![])
        },
        None,
    ),
    (
        "the protocol's shares, where it ends",
        v2::FAMILY,
        |before, c, w| {
            dilute(c, w);
            fee_to(before, w, Some(w.admin));
            Some(vec![])
        },
        None,
    ),
    (
        "a share that loses",
        blue::FAMILY,
        |_, c, w| {
            loss(c, w);
            Some(vec![])
        },
        Some("isolated-share-price-rises"),
    ),
    (
        "a share that loses by bad debt",
        blue::FAMILY,
        |_, c, w| {
            loss(c, w);
            Some(vec![written_off(w.isolated[0], w)])
        },
        None,
    ),
    (
        "a share that loses by another market's bad debt",
        blue::FAMILY,
        |_, c, w| {
            loss(c, w);
            Some(vec![written_off(w.isolated[1], w), liquidated(w.isolated[1], w, 1)])
        },
        Some("isolated-share-price-rises"),
    ),
    (
        "a share that loses by a liquidation that wrote debt off",
        blue::FAMILY,
        |_, c, w| {
            loss(c, w);
            Some(vec![liquidated(w.isolated[0], w, 1)])
        },
        None,
    ),
    (
        "a share that loses by a liquidation that wrote nothing off",
        blue::FAMILY,
        |_, c, w| {
            loss(c, w);
            Some(vec![liquidated(w.isolated[0], w, 0)])
        },
        Some("isolated-share-price-rises"),
    ),
    (
        "less that was ever minted",
        ledger::FAMILY,
        |_, c, w| {
            let share = pair(c, w).share;
            let less = c.ledger.minted(share).saturating_sub(Amount::new(1));
            c.ledger.restore_minted(share, less);
            Some(vec![])
        },
        Some("ledger-totals-rise"),
    ),
    (
        "less that was ever burned",
        ledger::FAMILY,
        |_, c, w| {
            let share = pair(c, w).share;
            let less = c.ledger.burned(share).saturating_sub(Amount::new(1));
            c.ledger.restore_burned(share, less);
            Some(vec![])
        },
        Some("ledger-totals-rise"),
    ),
    (
        "more burned than two blocks' gas costs",
        clock::FAMILY,
        |_, c, w| {
            c.clock.block += 1;
            let amount = Amount::new(100_000 * E18);
            flow(c, Flow::Burn { from: w.users[0], asset: c.gas_asset, amount });
            Some(vec![])
        },
        Some("clock-gas-burned-bounded"),
    ),
    (
        "the same, of which a block was not seen",
        clock::FAMILY,
        |_, c, w| {
            c.clock.block += 2;
            let amount = Amount::new(100_000 * E18);
            flow(c, Flow::Burn { from: w.users[0], asset: c.gas_asset, amount });
            Some(vec![])
        },
        None,
    ),
    (
        "a rate that falls where the fee was set below one",
        maker::FAMILY,
        |_, c, w| {
            let ilk = &mut vault(c, w).ilks[0];
            (ilk.duty, ilk.rate) = (Ray(RAY - U256::from(1)), Ray(ilk.rate.0 - U256::from(1)));
            Some(vec![])
        },
        None,
    ),
    (
        "a rate that falls where the fee had been below one",
        maker::FAMILY,
        |before, c, w| {
            vault(before, w).ilks[0].duty = Ray(RAY - U256::from(1));
            vault(c, w).ilks[0].rate.0 -= U256::from(1);
            Some(vec![])
        },
        None,
    ),
    (
        "a hop back",
        oracle::FAMILY,
        |before, c, w| {
            let hop = delayed(before, w).hop_secs;
            c.clock.timestamp = delayed(before, w).poked_at + hop;
            delayed(c, w).poked_at -= 1;
            Some(vec![])
        },
        Some("oracle-delayed-by-a-hop"),
    ),
    (
        "a hop too early",
        oracle::FAMILY,
        |before, c, w| {
            let hop = delayed(before, w).hop_secs;
            c.clock.timestamp = delayed(before, w).poked_at + hop - 1;
            delayed(c, w).poked_at += 1;
            Some(vec![])
        },
        Some("oracle-delayed-by-a-hop"),
    ),
    (
        "a hop in time",
        oracle::FAMILY,
        |before, c, w| {
            let hop = delayed(before, w).hop_secs;
            c.clock.timestamp = delayed(before, w).poked_at + hop;
            delayed(c, w).poked_at += hop;
            Some(vec![])
        },
        None,
    ),
];

#[test]
fn a_rule_holds_to_its_bound() {
    let w = World::new();
    let sound = base(&w);
    let mut wrong = Vec::new();
    for (name, family, change, expected) in WHOLES {
        let mut chain = sound.clone();
        change(&mut chain, &w);
        let found = (family.whole)(&chain);
        if id(&found) != *expected {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    for (name, family, change, expected) in STEPS {
        let (mut before, mut after) = (sound.clone(), sound.clone());
        let logs = change(&mut before, &mut after, &w);
        let found = (family.step)(&Step { before: &before, after: &after, logs: logs.as_deref() });
        if id(&found) != *expected {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_virtual_price_may_fall_by_one() {
    let w = World::new();
    let before = base(&w);
    let supply = before.ledger.total_supply(stable(&mut before.clone(), &w).share);
    let price = |chain: &mut Chain| {
        let now = chain.clock.timestamp;
        stable(chain, &w).virtual_price(supply, now).expect("there are shares")
    };
    let was = price(&mut before.clone());
    let mut seen = [false; 2];
    for cut in 1..200_u64 {
        let mut after = before.clone();
        stable(&mut after, &w).balances[0].0 -= U256::from(cut * 100_000);
        let fell = was - price(&mut after);
        let found =
            (stable_swap::FAMILY.step)(&Step { before: &before, after: &after, logs: None });
        let expected = (fell > U256::from(1)).then_some("stable-virtual-price-rises");
        assert_eq!(id(&found), expected, "{fell}");
        seen[0] |= fell == U256::from(1);
        seen[1] |= fell == U256::from(2);
    }
    assert_eq!(seen, [true; 2]);
}

#[test]
fn books_may_differ_from_the_debts_by_their_rounding() {
    let w = World::new();
    let sound = base(&w);
    let market = sound.markets[w.compound.index()].compound().expect("a Compound market");
    let book = &market.tokens[0].book;
    let debts = (0..market.members.len() as u32)
        .map(|account| market.loan(AccountId(account), 0).balance(book.borrow_index))
        .map(|balance| balance.expect("it fits").0);
    let sum = debts.fold(U256::ZERO, |sum, debt| sum + debt);
    let existing = sound.ledger.total_supply(w.tokens[0]).0;
    let tenth = |n: u32| U256::from(10).pow(U256::from(n));
    // A unit each of ten thousand writes, a billionth of the books, a trillionth of all that exists.
    let slack = |total: U256| tenth(4) + total / tenth(9) + existing / tenth(12);
    let mut total = sum;
    while total + U256::from(1) - sum <= slack(total + U256::from(1)) {
        total += U256::from(1);
    }
    assert!(total / tenth(9) > U256::ZERO && existing / tenth(12) > U256::ZERO);
    for (total, expected) in [(total, None), (total + U256::from(1), Some("compound-borrows-sum"))]
    {
        let mut chain = sound.clone();
        token(&mut chain, &w, 0).book.total_borrows = Amount(total);
        assert_eq!(id(&(compound::FAMILY.whole)(&chain)), expected);
    }
}

#[test]
fn a_trip_stands_for_its_time() {
    let w = World::new();
    let mut chain = base(&w);
    let breaker = w.composed[4];
    let price = chain.price(breaker).expect("it has a price");
    let now = chain.clock.timestamp;
    let mut says = |ago: u64| {
        let Feed::Composed(ComposedFeed::Breaker(feed)) = &mut chain.feeds[breaker.index()] else {
            unreachable!("a breaker")
        };
        feed.tripped_at = Some(now - feed.trip_secs + ago);
        let feed = chain.feed(breaker).clone();
        id(&oracle::check_feed(&chain, breaker.index(), &feed, Some(price))).map(str::to_owned)
    };
    assert_eq!(says(0), None);
    assert_eq!(says(1).as_deref(), Some("oracle-breaker-halts"));
}

#[test]
fn a_vaults_shares_are_issued() {
    let w = World::new();
    let mut chain = base(&w);
    let [asset, other, ..] = w.tokens;
    let share = AssetId(chain.assets.len() as u16);
    let unissued = |chain: &Chain| [asset, other].map(|asset| chain.is_issued(asset));
    assert_eq!(unissued(&chain), [false; 2]);
    let account = w.admin;
    chain.pools.push(Pool::ShareVault(ShareVault { asset, share, account, invested: None }));
    assert!(chain.is_issued(share));
    assert_eq!(unissued(&chain), [false; 2]);
}

#[test]
fn whom_a_call_would_liquidate_is_known() {
    let w = World::new();
    let mut chain = base(&w);
    let (market, ilk, urn) = (w.vault, 0, w.users[0]);
    let seize = Seize::Collateral(Amount::new(1));
    for call in [
        Call::Isolated(IsolatedCall::Liquidate { market: w.isolated[0], borrower: urn, seize }),
        Call::Vault(VaultCall::Bark { market, ilk, urn }),
        Call::Vault(VaultCall::Bite { market, ilk, urn }),
    ] {
        let target = chain.target_of(&call).expect("the account is there");
        assert_eq!(target.covered, Some(true), "{call:?}");
    }
    // Compound's accounts are looked at once nothing is left to accrue, and no market is being wound up.
    let [usd, _, _, weth, _] = w.tokens;
    let covered = |chain: &Chain| chain.covered(w.compound, urn, weth, usd);
    let block = chain.clock.block;
    for at in [0, 1] {
        token(&mut chain, &w, at).book.accrual_block = block;
    }
    assert_eq!(covered(&chain), Some(true));
    let mut stale = chain.clone();
    token(&mut stale, &w, 0).book.accrual_block = block - 1;
    assert_eq!(covered(&stale), None);
    let config = &mut token(&mut chain, &w, 0).config;
    (config.collateral_factor, config.borrow_paused) = (Wad::ZERO, true);
    config.reserve_factor = Wad::ONE;
    assert_eq!(covered(&chain), None);
}

#[test]
fn collateral_in_an_isolated_market_counts() {
    let w = World::new();
    let chain = base(&w);
    assert!(chain.has_collateral(w.isolated[0], w.users[0]));
    assert!(!chain.has_collateral(w.isolated[0], w.provider));
}

/// (seized − 2) · 2,000 · 10⁶ · 10⁴ = (repaid + 2) · 10¹⁸ · 10,500: so much WETH for so many units of USD.
#[test]
fn a_liquidation_may_take_its_bonus_and_two_units() {
    let w = World::new();
    let mut chain = base(&w);
    pooled(&mut chain, &w).e_modes.clear();
    let [debt, _, _, collateral, _] = w.tokens;
    let (market, borrower, amount) = (w.pooled[0], w.users[0], AmountExpr::All);
    let call = Call::Liquidate { market, borrower, collateral, debt, amount };
    let target = chain.target_of(&call).expect("the market exists");
    let exceeds = |seized: u128| chain.exceeds(&target, Amount::new(seized), Amount::new(998));
    assert!(!exceeds(525_000_000_002));
    assert!(exceeds(525_000_000_003));
}

#[test]
fn a_watch_knows_what_it_has_not_seen() {
    let mut w = World::new();
    let [from, to, ..] = w.users[..] else { unreachable!("five users") };
    let pay = Call::Transfer { to, asset: w.tokens[0], amount: exact(1) };
    let run = |chain: &mut Chain| {
        let tx = Transaction { header: &header(from), calls: &[pay] };
        assert_eq!(chain.execute(tx).outcome, Outcome::Success);
    };
    let mut fresh = w.chain.clone();
    assert!(!fresh.watch.is_on());
    fresh.audit_all().expect("the world is sound");
    assert!(fresh.watch.is_on());
    let chain = &mut w.chain;
    chain.audit_all().expect("the world is sound");
    assert!(!chain.watch.unseen());
    chain.what_if(run);
    assert!(!chain.watch.unseen(), "it did not happen");
    run(chain);
    assert!(chain.watch.unseen());
    chain.what_if(run);
    assert!(chain.watch.unseen());
    chain.audit_all().expect("the world is sound");
    assert!(!chain.watch.unseen());
    // Logs that went by while nobody looked are not compared, however many blocks later.
    let logs_known = |chain: &Chain| chain.watch.step(chain).expect("it is on").logs.is_some();
    let next = |chain: &mut Chain| chain.begin_block(chain.clock.timestamp + 12, 0);
    next(chain);
    assert!(logs_known(chain));
    run(chain);
    next(chain);
    assert!(!logs_known(chain));
    next(chain);
    assert!(!logs_known(chain));
    chain.audit_all().expect("the world is sound");
    next(chain);
    assert!(logs_known(chain));
}
