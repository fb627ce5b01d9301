//! Cost of a trade with a StableSwap pool, a reserve and a depot, as a transaction with the journal on.
#![allow(missing_docs, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::stable_swap::{FEE_DENOMINATOR, StableSwap};
use markets::units::{Amount, AssetId, PoolId, U256, Wad};
use sim::chain::call::{AmountExpr, Call, Outcome, StableSwapCall, Transaction, TxHeader};
use sim::chain::{Chain, Pool};
use std::hint::black_box;
use std::time::Duration;

const E18: u128 = 1_000_000_000_000_000_000;

struct World {
    chain: Chain,
    header: TxHeader,
    eth: AssetId,
    dai: AssetId,
    usd: AssetId,
    two: PoolId,
    three: PoolId,
    reserve: PoolId,
    depot: PoolId,
}

fn world() -> World {
    let mut chain = Chain::new("GAS", 1_600_000_000, 10);
    let [eth, dai, usd, usdt] = ["ETH", "DAI", "USD", "USDT"].map(|s| chain.add_asset(s, 18));
    let shares = ["2CRV", "3CRV"].map(|symbol| chain.add_asset(symbol, 18));
    let [trader, maker, a, b] =
        ["trader", "maker", "two", "three"].map(|name| chain.add_account(name));
    let stable = |coins: &[(AssetId, u8)], share, account| {
        let half = FEE_DENOMINATOR / 2;
        Pool::StableSwap(StableSwap::new(coins, share, account, maker, 200, 4_000_000, half))
    };
    let two = chain.add_pool(stable(&[(dai, 18), (usd, 18)], shares[0], a));
    let three = chain.add_pool(stable(&[(dai, 18), (usd, 18), (usdt, 18)], shares[1], b));
    let reserve = chain.add_pool(Pool::Exponential(Exponential {
        base: usd,
        quote: eth,
        base_decimals: 18,
        quote_decimals: 18,
        account: maker,
        liquidity_rate: Wad::new(2_520_000_000_000_000),
        min_price: Wad::new(3_700_000_000_000_000),
        max_price: Wad::new(14_800_000_000_000_000),
    }));
    let depot = chain.add_pool(Pool::FixedPrice(FixedPrice {
        base: usd,
        quote: eth,
        base_decimals: 18,
        account: maker,
        price: Amount::new(3_727_190_000_000_000),
    }));
    let plenty = Amount(U256::from(1) << 200);
    let minted = [
        (trader, chain.gas_asset(), plenty),
        (trader, eth, plenty),
        (trader, dai, plenty),
        // As much as the pools are seeded with: `All` then sells what was bought.
        (trader, usd, Amount::new(2_000_000 * E18)),
        (trader, usdt, Amount::new(1_000_000 * E18)),
        (maker, eth, Amount::new(100 * E18)),
        (maker, usd, plenty),
    ];
    for (account, asset, amount) in minted {
        assert!(chain.genesis_mint(account, asset, amount).is_ok());
    }
    let header = TxHeader {
        sender: trader,
        actor: 0,
        sequence: 0,
        gas_limit: 30_000_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        system: false,
    };
    let add = |pool, amounts: [u128; 3]| {
        let amounts = amounts.map(|dollars| Amount::new(dollars * E18));
        let min_shares = Amount::ZERO;
        Call::StableSwap(StableSwapCall::AddLiquidity { pool, amounts, min_shares })
    };
    let million = 1_000_000;
    let calls = [add(two, [million, million, 0]), add(three, [million; 3])];
    let receipt = chain.execute(Transaction { header: &header, calls: &calls });
    assert_eq!(receipt.outcome, Outcome::Success);
    World { chain, header, eth, dai, usd, two, three, reserve, depot }
}

fn sell(pool: PoolId, asset_in: AssetId, amount: AmountExpr) -> Call {
    Call::Swap { pool, asset_in, amount, min_out: Amount::ZERO }
}

/// A transaction again and again; it ends where it began, but for fees and roundings, or never runs dry.
fn again(c: &mut Criterion, name: &str, calls: impl Fn(&World) -> Vec<Call>) {
    let mut w = world();
    let calls = calls(&w);
    let mut run = || w.chain.execute(Transaction { header: &w.header, calls: &calls });
    assert_eq!(run().outcome, Outcome::Success);
    c.bench_function(name, |b| b.iter(|| black_box(run())));
    assert_eq!(run().outcome, Outcome::Success);
}

fn venues(c: &mut Criterion) {
    let thousand = AmountExpr::Exact(Amount::new(1_000 * E18));
    let one = AmountExpr::Exact(Amount::new(E18));
    again(c, "StableSwap of two, there and back, one transaction", |w| {
        vec![sell(w.two, w.dai, thousand), sell(w.two, w.usd, AmountExpr::All)]
    });
    again(c, "StableSwap of three, there and back, one transaction", |w| {
        let exchange = |asset_in, asset_out, amount| {
            let (pool, min_out) = (w.three, Amount::ZERO);
            Call::StableSwap(StableSwapCall::Exchange {
                pool,
                asset_in,
                asset_out,
                amount,
                min_out,
            })
        };
        vec![exchange(w.dai, w.usd, thousand), exchange(w.usd, w.dai, AmountExpr::All)]
    });
    again(c, "exponential reserve, there and back, one transaction", |w| {
        vec![sell(w.reserve, w.eth, one), sell(w.reserve, w.usd, AmountExpr::All)]
    });
    again(c, "fixed-price depot", |w| vec![sell(w.depot, w.eth, one)]);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = venues
}
criterion_main!(benches);
