//! Cost of a swap in a concentrated-liquidity pool, as a transaction with the journal on.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use criterion::{Criterion, criterion_group, criterion_main};
use markets::amm::concentrated::Concentrated;
use markets::amm::concentrated::tick_math::sqrt_ratio_at_tick;
use markets::units::{AccountId, Amount, Pips, PoolId, U256};
use sim::chain::call::{AmountExpr, Call, ConcentratedCall, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Pool};
use std::hint::black_box;
use std::time::Duration;

const E18: u128 = 1_000_000_000_000_000_000;

/// A pool of the 0.3 % tier at a price of one, with a position in each of 24 neighbouring spaces and a wide
/// one; a trader.
fn chain() -> (Chain, PoolId, TxHeader) {
    let mut chain = Chain::new("ETH", 1_600_000_000, 10);
    let tokens = ["TOK", "USD"].map(|symbol| chain.add_asset(symbol, 18));
    let [account, trader] = ["pool", "trader"].map(|name| chain.add_account(name));
    for asset in tokens.into_iter().chain([chain.gas_asset()]) {
        chain.genesis_mint(trader, asset, Amount(U256::from(1) << 200)).unwrap();
    }
    let concentrated = Concentrated::new(tokens[0], tokens[1], account, None, Pips(3_000), 60);
    let pool = chain.add_pool(Pool::Concentrated(concentrated));
    let header = header(trader);
    let sqrt_price = sqrt_ratio_at_tick(0).unwrap();
    let mut calls = vec![
        Call::Concentrated(ConcentratedCall::Initialize { pool, sqrt_price }),
        Call::Concentrated(ConcentratedCall::IncreaseCardinality { pool, cardinality: 32 }),
    ];
    let mint = |lower, upper, liquidity| {
        Call::Concentrated(ConcentratedCall::Mint {
            pool,
            owner: trader,
            lower,
            upper,
            liquidity,
            body: None,
        })
    };
    calls.push(mint(-60_000, 60_000, 10_000 * E18));
    calls.extend(
        (-12..12).map(|i| mint(i * 60, (i + 1) * 60, 5_000 * E18 + u128::from(i.unsigned_abs()))),
    );
    let receipt = chain.execute(Transaction { header: &header, calls: &calls });
    assert_eq!(receipt.outcome, Outcome::Success);
    chain.begin_block(1_600_000_012, 0);
    (chain, pool, header)
}

fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 30_000_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        system: false,
    }
}

/// Swaps to and fro, a block each.
fn to_and_fro(c: &mut Criterion, name: &str, calls: impl Fn(PoolId) -> [[Call; 1]; 2]) {
    let (mut chain, pool, header) = chain();
    let calls = calls(pool);
    let mut flip = false;
    let mut time = chain.clock().timestamp;
    c.bench_function(name, |b| {
        b.iter(|| {
            flip = !flip;
            time += 12;
            chain.begin_block(time, 0);
            let calls = &calls[usize::from(flip)];
            black_box(chain.execute(Transaction { header: &header, calls }))
        });
    });
    for calls in &calls {
        let receipt = chain.execute(Transaction { header: &header, calls });
        assert_eq!(receipt.outcome, Outcome::Success);
    }
}

fn swaps(c: &mut Criterion) {
    to_and_fro(c, "swap within a tick", |pool| {
        [true, false].map(|zero_for_one| {
            let tick = if zero_for_one { 5 } else { 55 };
            [Call::Concentrated(ConcentratedCall::Swap {
                pool,
                zero_for_one,
                exact_out: false,
                amount: AmountExpr::Exact(Amount::new(10 * E18)),
                sqrt_price_limit: sqrt_ratio_at_tick(tick).unwrap(),
                body: None,
            })]
        })
    });
    to_and_fro(c, "swap across ten ticks", |pool| {
        [true, false].map(|zero_for_one| {
            let tick = if zero_for_one { -330 } else { 270 };
            [Call::Concentrated(ConcentratedCall::Swap {
                pool,
                zero_for_one,
                exact_out: false,
                amount: AmountExpr::Exact(Amount::new(1_000_000 * E18)),
                sqrt_price_limit: sqrt_ratio_at_tick(tick).unwrap(),
                body: None,
            })]
        })
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000));
    targets = swaps
}
criterion_main!(benches);
