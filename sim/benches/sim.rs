//! Cost of a block: a swap, an idle block by number of borrowers, a block with traffic.
#![allow(missing_docs, reason = "a benchmark")]

#[path = "../tests/it/common/mod.rs"]
mod common;

use common::{MARKET, POOL, Small, TAIL, USDC, WETH, account, exact};
use criterion::{Criterion, criterion_group, criterion_main};
use markets::units::Amount;
use sim::chain::call::{Call, Outcome, PairCall, Transaction, TxHeader};
use sim::views::{MarketViews, PositionViews};
use std::hint::black_box;
use std::time::Duration;

fn swap(c: &mut Criterion) {
    let mut chain = common::chain(64);
    let header = TxHeader {
        sender: account("trader"),
        actor: 0,
        sequence: 0,
        gas_limit: 1_000_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        system: false,
    };
    let swap = |asset_in, amount| {
        [Call::Swap { pool: POOL, asset_in, amount: exact(amount), min_out: Amount::ZERO }]
    };
    let (buy, sell) = (swap(USDC, 1_000 * common::E6), swap(TAIL, 500 * common::E18));
    let mut flip = false;
    c.bench_function("execute a swap transaction", |b| {
        b.iter(|| {
            flip = !flip;
            let calls = if flip { &buy } else { &sell };
            black_box(chain.execute(Transaction { header: &header, calls }))
        });
    });
}

/// What the EVM does 39,800 times a second of processor time: a transfer to the pair and its `swap`, one
/// transaction, in a block of its own. What is paid is so chosen that the pool's price stays where it is; what the
/// trader loses to the pool and for gas would come to an end, so that the world begins anew from time to time.
fn pair_swap(c: &mut Criterion) {
    let mut chain = common::chain(64);
    let header = TxHeader {
        sender: account("trader"),
        actor: 0,
        sequence: 0,
        gas_limit: 1_000_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        system: false,
    };
    let calls = |asset, paid, out0, out1| {
        let to = account("pool");
        let (out0, out1, to_trader) = (Amount::new(out0), Amount::new(out1), account("trader"));
        let swap = PairCall::Swap { pool: POOL, out0, out1, to: to_trader, body: 0 };
        [Call::Transfer { to, asset, amount: exact(paid) }, Call::Pair(swap)]
    };
    let buy = calls(USDC, 1_000 * common::E6, 0, 480 * common::E18);
    let sell = calls(TAIL, 510 * common::E18, 940 * common::E6, 0);
    let fresh = chain.clone();
    let mut done = 0_u64;
    let mut time = chain.clock().timestamp;
    c.bench_function("execute a transfer and the pair's swap, one transaction", |b| {
        b.iter(|| {
            if done.is_multiple_of(65_536) {
                chain.clone_from(&fresh);
                time = chain.clock().timestamp;
            }
            time += 12;
            chain.begin_block(time, 0);
            let calls = if done.is_multiple_of(2) { &buy } else { &sell };
            let receipt = chain.execute(Transaction { header: &header, calls });
            done += 1;
            assert_eq!(receipt.outcome, Outcome::Success);
            black_box(receipt)
        });
    });
}

fn blocks(c: &mut Criterion) {
    for borrowers in [64, 256, 1_024] {
        let small = Small {
            borrowers,
            traffic: false,
            vol_per_sqrt_year: 0.1,
            episode_blocks: u64::MAX,
            ..Small::default()
        };
        let mut lane = small.lane(1, 1, 0);
        c.bench_function(&format!("idle block, {borrowers} borrowers"), |b| {
            b.iter(|| lane.run_block())
        });
        let mut positions = PositionViews::default();
        positions.rebuild(lane.chain(), MARKET);
        let views = lane.world().resource::<MarketViews>().clone();
        c.bench_function(&format!("sweep, {borrowers} borrowers"), |b| {
            b.iter(|| positions.sweep(black_box(&views)));
        });
        // The worst case: prices that jump to and fro, so that nobody can be passed over.
        let mut fallen = views.clone();
        for reserve in fallen.reserves.iter_mut().filter(|r| r.asset == WETH) {
            reserve.oracle_usd *= 1e-3;
            reserve.mid_usd *= 1e-3;
        }
        let mut flip = false;
        c.bench_function(&format!("sweep of jumping prices, {borrowers} borrowers"), |b| {
            b.iter(|| {
                flip = !flip;
                positions.sweep(black_box(if flip { &fallen } else { &views }));
            });
        });
    }
    let small = Small {
        borrowers: 256,
        vol_per_sqrt_year: 0.1,
        episode_blocks: u64::MAX,
        ..Small::default()
    };
    let mut lane = small.lane(1, 1, 0);
    c.bench_function("block with traffic, 256 borrowers", |b| b.iter(|| lane.run_block()));
    let totals = lane.totals();
    let per_block = totals.transactions as f64 / totals.blocks as f64;
    assert_eq!(lane.violation(), None);
    eprintln!("{per_block:.2} transactions a block, {} reverted", totals.reverted);
    let mut episode = 0;
    c.bench_function("begin an episode, 256 borrowers (its genesis transactions included)", |b| {
        b.iter(|| {
            episode += 1;
            lane.begin(episode);
        });
    });
    let mut built = common::chain(256);
    c.bench_function("audit an untouched block, 256 borrowers", |b| {
        b.iter(|| built.audit().is_ok());
    });
    c.bench_function("audit everything, 256 borrowers", |b| {
        b.iter(|| built.audit_all().is_ok());
    });
    c.bench_function("name a state, 256 borrowers", |b| b.iter(|| built.state_hash()));
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_000));
    targets = swap, pair_swap, blocks
}
criterion_main!(benches);
