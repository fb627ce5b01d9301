//! A Compound market says no by a code: what a transaction did before it stays, and what follows does not run.

use super::support::{E18, GENESIS, exact, run, units};
use crate::common::compound as listing;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::mantissa::MantissaFeed;
use markets::units::{AccountId, Amount, AssetId, MarketId, Pips, PoolId, PriceMantissa};
use protocols::compound::{ComptrollerCode, Refusal};
use sim::chain::call::{AmountExpr, Call, Outcome, PairCall, Revert};
use sim::chain::{Chain, Feed, Pool};

struct World {
    chain: Chain,
    user: AccountId,
    friend: AccountId,
    eth: AssetId,
    gold: AssetId,
    market: MarketId,
    pool: PoolId,
}

/// Two tokens of 18 decimals at one price; the user supplied 100 ETH and entered, somebody 100 gold.
fn world() -> World {
    let mut chain = Chain::new("GAS", GENESIS - 12, 0);
    let [eth, gold] = ["ETH", "GOLD"].map(|symbol| chain.add_asset(symbol, 18));
    let lp = chain.add_asset("LP", 18);
    let [admin, user, friend, pair_account] =
        ["admin", "user", "friend", "pair"].map(|name| chain.add_account(name));
    let listed = [eth, gold].map(|underlying| {
        let feed = Feed::Mantissa(MantissaFeed {
            reporter: admin,
            decimals: 18,
            mantissa: PriceMantissa::new(E18),
        });
        (underlying, 18, chain.add_feed(feed))
    });
    let market = listing::market(&mut chain, admin, listed);
    let pair = ConstantProduct::new(eth, gold, lp, pair_account, Pips(3_000));
    let pool = chain.add_pool(Pool::ConstantProduct(pair));
    for (who, asset) in [(user, eth), (friend, gold), (friend, eth)] {
        chain.genesis_mint(who, asset, units(1_000 * E18)).unwrap();
    }
    chain.begin_block(GENESIS, 0);
    let hundred = units(100 * E18);
    for (who, calls) in [
        (
            friend,
            vec![
                Call::Supply { market, asset: gold, amount: exact(100 * E18) },
                Call::AddLiquidity { pool, max0: hundred, max1: hundred },
            ],
        ),
        (
            user,
            vec![
                Call::Supply { market, asset: eth, amount: exact(100 * E18) },
                Call::SetCollateral { market, asset: eth, enabled: true },
            ],
        ),
    ] {
        assert_eq!(run(&mut chain, who, &calls), Outcome::Success);
    }
    World { chain, user, friend, eth, gold, market, pool }
}

const TOO_MUCH: Revert =
    Revert::CompoundCode(Refusal::Rejected(ComptrollerCode::InsufficientLiquidity));

#[test]
fn a_code_keeps_what_came_before_and_stops_what_follows() {
    let World { mut chain, user, friend, eth, gold, market, .. } = world();
    let give = |amount| Call::Transfer { to: friend, asset: eth, amount: exact(amount) };
    let borrow = |amount| Call::Borrow { market, asset: gold, amount: exact(amount) };
    let (had, theirs) = (chain.balance(user, eth), chain.balance(friend, eth));
    let calls = [give(7), borrow(75 * E18 + 1), give(11)];
    assert_eq!(run(&mut chain, user, &calls), Outcome::Refused(TOO_MUCH));
    assert_eq!(chain.balance(user, eth), had.saturating_sub(units(7)));
    assert_eq!(chain.balance(friend, eth), theirs.checked_add(units(7)).unwrap());
    assert_eq!(chain.balance(user, gold), Amount::ZERO);
    // The collateral factor's last unit is still there to borrow.
    assert_eq!(run(&mut chain, user, &[borrow(75 * E18)]), Outcome::Success);
    assert_eq!(chain.balance(user, gold), units(75 * E18));
}

#[test]
fn a_code_inside_a_body_undoes_everything() {
    let World { mut chain, user, friend, eth, gold, market, pool } = world();
    let calls = [
        Call::Transfer { to: friend, asset: eth, amount: exact(7) },
        Call::Pair(PairCall::Swap {
            pool,
            out0: Amount::ZERO,
            out1: units(E18),
            to: user,
            body: 2,
        }),
        Call::Borrow { market, asset: gold, amount: exact(75 * E18 + 1) },
        Call::Transfer { to: friend, asset: gold, amount: AmountExpr::All },
    ];
    let before = chain.clone();
    let outcome = run(&mut chain, user, &calls);
    assert_eq!(outcome, Outcome::Reverted { call: 2, reason: TOO_MUCH });
    assert!(chain == before, "an unsettled loan cannot stay");
}
