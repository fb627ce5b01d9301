//! Vaults with shares, and the feeds that read what a contract holds this instant.

use super::{E18, NOW, assert_every_cut_is_undone, exact, execute};
use markets::amm::constant_product::ConstantProduct;
use markets::amm::reserve::ReserveError;
use markets::amm::share_vault::ShareVault;
use markets::amm::stable_swap::{MAX_COINS, StableSwap};
use markets::oracle::share::ShareFeed;
use markets::oracle::spot::SpotFeed;
use markets::units::{AccountId, Amount, AssetId, FeedId, Pips, PoolId, Price};
use sim::chain::call::{AmountExpr, Call, Outcome, PairCall, Revert, StableSwapCall};
use sim::chain::{Chain, Feed, Pool};

struct World {
    chain: Chain,
    usd: AssetId,
    other: AssetId,
    share: AssetId,
    invested_share: AssetId,
    trader: AccountId,
    pair: PoolId,
    stable: PoolId,
    vault: PoolId,
    invested: PoolId,
    /// Of the vault, of the invested vault, the pair's spot and balances, the stable pool's spot.
    feeds: [FeedId; 5],
}

/// A pair and a StableSwap pool of a million each, a vault of its own, and one with a quarter of the stable pool.
fn world() -> World {
    let mut chain = Chain::new("GAS", NOW - 12, 0);
    let [usd, other, lp, stable_lp, share, invested_share] =
        ["USD", "OTH", "LP", "SLP", "vUSD", "iUSD"].map(|symbol| chain.add_asset(symbol, 18));
    let [trader, a, b, c, d] =
        ["trader", "pair", "stable", "vault", "invested"].map(|name| chain.add_account(name));
    let pair = ConstantProduct::new(usd, other, lp, a, Pips(0));
    let pair = chain.add_pool(Pool::ConstantProduct(pair));
    let coins = [(usd, 18), (other, 18)];
    let stable = StableSwap::new(&coins, stable_lp, b, trader, 100, 0, 0);
    let stable = chain.add_pool(Pool::StableSwap(stable));
    let vault = ShareVault { asset: usd, share, account: c, invested: None };
    let vault = chain.add_pool(Pool::ShareVault(vault));
    let invested =
        ShareVault { asset: usd, share: invested_share, account: d, invested: Some(stable) };
    let invested = chain.add_pool(Pool::ShareVault(invested));
    let feeds = [
        Feed::Share(ShareFeed { pool: vault, quote: None }),
        Feed::Share(ShareFeed { pool: invested, quote: None }),
        Feed::Spot(SpotFeed { pool: pair, asset: other, quote: None }),
        Feed::Balances(SpotFeed { pool: pair, asset: other, quote: None }),
        Feed::Spot(SpotFeed { pool: stable, asset: other, quote: None }),
    ]
    .map(|feed| chain.add_feed(feed));
    for asset in [usd, other] {
        chain.genesis_mint(trader, asset, Amount::new(10_000_000 * E18)).unwrap();
    }
    chain.begin_block(NOW, 0);
    let million = Amount::new(1_000_000 * E18);
    let mut amounts = [Amount::ZERO; MAX_COINS];
    amounts[..2].fill(million);
    let calls = [
        Call::AddLiquidity { pool: pair, max0: million, max1: million },
        Call::StableSwap(StableSwapCall::AddLiquidity {
            pool: stable,
            amounts,
            min_shares: Amount::ZERO,
        }),
        // A deposit into the second vault first, while it has nothing else.
        swap(invested, usd, 500_000 * E18),
        Call::Transfer { to: d, asset: stable_lp, amount: exact(500_000 * E18) },
    ];
    assert_eq!(execute(&mut chain, trader, &calls), Outcome::Success);
    World { chain, usd, other, share, invested_share, trader, pair, stable, vault, invested, feeds }
}

fn swap(pool: PoolId, asset_in: AssetId, amount: u128) -> Call {
    Call::Swap { pool, asset_in, amount: exact(amount), min_out: Amount::ZERO }
}

impl World {
    fn price(&self, i: usize) -> f64 {
        self.chain.price(self.feeds[i]).unwrap().usd()
    }
    fn donate(&self, pool: PoolId, asset: AssetId, amount: u128) -> Call {
        let to = self.chain.pool(pool).account();
        Call::Transfer { to, asset, amount: exact(amount) }
    }
}

#[test]
fn a_donation_moves_a_share_within_a_transaction_and_comes_back_to_its_holders() {
    let mut w = world();
    assert!(w.chain.price(w.feeds[0]).is_err(), "there are no shares yet");
    let deposit = swap(w.vault, w.usd, 8 * E18);
    assert_eq!(execute(&mut w.chain, w.trader, &[deposit]), Outcome::Success);
    assert_eq!(w.price(0), 1.0);
    let donation = w.donate(w.vault, w.usd, 8 * E18);
    let redeem = Call::Swap {
        pool: w.vault,
        asset_in: w.share,
        amount: AmountExpr::All,
        min_out: Amount::ZERO,
    };
    assert_every_cut_is_undone(&w.chain, w.trader, &[donation, deposit, redeem]);
    assert_eq!(execute(&mut w.chain, w.trader, &[donation]), Outcome::Success);
    assert_eq!(w.price(0), 2.0);
    // A deposit at the new price gets half as many; all of it comes back, but for the floor.
    assert_eq!(execute(&mut w.chain, w.trader, &[deposit]), Outcome::Success);
    assert_eq!(w.chain.balance(w.trader, w.share), Amount::new(12 * E18));
    let before = w.chain.balance(w.trader, w.usd);
    assert_eq!(execute(&mut w.chain, w.trader, &[redeem]), Outcome::Success);
    let paid = w.chain.balance(w.trader, w.usd).saturating_sub(before);
    assert_eq!(paid, Amount::new(24 * E18));
}

#[test]
fn an_invested_vault_is_worth_what_its_pool_would_pay_now_and_pays_what_it_has() {
    let mut w = world();
    // Half a million at hand and a quarter of the pool's shares, for half a million shares: somewhat below two
    // dollars, as one coin pays less than both.
    let before = w.price(1);
    assert!(before > 1.9 && before < 2.0, "{before}");
    // A trade that takes dollars out of the pool makes the shares cheaper, the way back makes them dear.
    let take = Call::StableSwap(StableSwapCall::Exchange {
        pool: w.stable,
        asset_in: w.other,
        asset_out: w.usd,
        amount: exact(600_000 * E18),
        min_out: Amount::ZERO,
    });
    assert_eq!(execute(&mut w.chain, w.trader, &[take]), Outcome::Success);
    assert!(w.price(1) < before - 0.01, "{} {before}", w.price(1));
    // Everything is worth more than there is at hand.
    let redeem = swap(w.invested, w.invested_share, 500_000 * E18);
    let short = Revert::Reserve(ReserveError::InsufficientInventory);
    let outcome = execute(&mut w.chain, w.trader, &[redeem]);
    assert_eq!(outcome, Outcome::Reverted { call: 0, reason: short });
    let part = swap(w.invested, w.invested_share, 100_000 * E18);
    assert_every_cut_is_undone(&w.chain, w.trader, &[part]);
    let price = w.price(1);
    assert_eq!(execute(&mut w.chain, w.trader, &[part]), Outcome::Success);
    assert!((w.price(1) - price).abs() < 1e-7, "who leaves takes no more than their part");
}

#[test]
fn balances_move_with_a_donation_and_reserves_once_they_are_synced() {
    let mut w = world();
    let give = w.donate(w.pair, w.usd, 1_000_000 * E18);
    assert_eq!(execute(&mut w.chain, w.trader, &[give]), Outcome::Success);
    assert_eq!((w.price(2), w.price(3)), (1.0, 2.0));
    let sync = Call::Pair(PairCall::Sync { pool: w.pair });
    assert_eq!(execute(&mut w.chain, w.trader, &[sync]), Outcome::Success);
    assert_eq!((w.price(2), w.price(3)), (2.0, 2.0));
}

#[test]
fn a_stable_pools_price_is_what_the_next_unit_costs() {
    let mut w = world();
    assert_eq!(w.price(4), 1.0);
    for _ in 0..4 {
        let exchange = Call::StableSwap(StableSwapCall::Exchange {
            pool: w.stable,
            asset_in: w.other,
            asset_out: w.usd,
            amount: exact(230_000 * E18),
            min_out: Amount::ZERO,
        });
        assert_eq!(execute(&mut w.chain, w.trader, &[exchange]), Outcome::Success);
        let pool = w.chain.pool(w.stable).stable_swap().unwrap();
        // One dollar's worth, without a fee, in a pool of a million: the price moves by less than a millionth,
        // far from the pool's end.
        let out = pool.quote_exchange(w.other, w.usd, Amount::new(E18), NOW).unwrap();
        let marginal = out.received[0].to_f64() / E18 as f64;
        let said = w.price(4);
        assert!((said / marginal - 1.0).abs() < 2e-5, "{said} {marginal}");
        // The other way round it is the inverse, but for two floors.
        let back = pool.price_of(w.usd, NOW).unwrap();
        let back = Amount(back).to_f64() / 1e18;
        assert!((back * said - 1.0).abs() < 1e-7, "{back} {said}");
        assert_eq!(pool.priced_in(w.usd), Ok(w.other));
    }
    assert!(w.price(4) < 0.97, "{}", w.price(4));
    assert_eq!(w.chain.price(w.feeds[4]).unwrap(), Price::from_usd(w.price(4)));
}
