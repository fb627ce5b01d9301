//! Calls of a lending market as transactions, each in a block of its own, with the journal on, beside what
//! the EVM does of the same calls in a second of processor time: liquidation 4,500, borrow and repay 8,800,
//! supply and withdraw 13,500, account data 20,500.
#![allow(missing_docs, unreachable_pub, dead_code, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../tests/it/pooled/world.rs"]
mod world;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use markets::units::AccountId;
use protocols::lending::Version;
use sim::chain::call::{Call, Outcome, Transaction};
use std::hint::black_box;
use std::time::Duration;
use world::{World, header};

/// Two transactions in turn, a block each.
fn in_turn(c: &mut Criterion, name: &str, w: &mut World, sender: AccountId, calls: [Call; 2]) {
    let header = header(sender);
    let mut time = w.chain.clock().timestamp;
    let mut flip = false;
    let mut group = c.benchmark_group("pooled");
    group.throughput(Throughput::Elements(1));
    group.bench_function(name, |b| {
        b.iter(|| {
            flip = !flip;
            time += 12;
            w.chain.begin_block(time, 0);
            let calls = &calls[usize::from(flip)..][..1];
            let receipt = w.chain.execute(Transaction { header: &header, calls });
            assert_eq!(receipt.outcome, Outcome::Success);
            black_box(receipt)
        });
    });
    group.finish();
}

fn pooled(c: &mut Criterion) {
    for (version, name) in [(Version::V3_0_2, "3.0.2"), (Version::V3_6, "3.6")] {
        let mut w = World::new(version);
        let (user, other) = (w.user, w.liquidator);
        w.ok(other, &[w.supply(1, 1_000 * w.dollar(1))]);
        let calls = [w.withdraw(1, w.dollar(1)), w.supply(1, w.dollar(1))];
        in_turn(c, &format!("{name} supply and withdraw, without debt"), &mut w, other, calls);
        w.ok(other, &[w.borrow(0, 100 * w.dollar(0))]);
        let calls = [w.repay(0, w.dollar(0)), w.borrow(0, w.dollar(0))];
        in_turn(c, &format!("{name} borrow and repay, a collateral"), &mut w, other, calls);
        let calls = [w.withdraw(1, w.dollar(1)), w.supply(1, w.dollar(1))];
        let name4 = format!("{name} supply and withdraw, 4 collaterals and a debt");
        in_turn(c, &name4, &mut w, user, calls);
        let calls = [w.repay(0, w.dollar(0)), w.borrow(0, w.dollar(0))];
        in_turn(c, &format!("{name} borrow and repay, 4 collaterals"), &mut w, user, calls);
        let mut group = c.benchmark_group("pooled");
        group.throughput(Throughput::Elements(1));
        for (who, account) in [("a collateral", other), ("4 collaterals", user)] {
            group.bench_function(format!("{name} account data, {who} and a debt"), |b| {
                b.iter(|| w.chain.health(black_box(w.market), black_box(account)).unwrap());
            });
        }
        group.finish();
        for (collaterals, percent) in [(1, 72), (4, 72)] {
            let mut w = World::new(version);
            let user = w.user;
            // A position so large that it is liquidated a dollar at a time for ever.
            for i in 1..=collaterals {
                w.ok(user, &[w.supply(i, 4_000_000_000 * w.dollar(i) / collaterals as u128)]);
            }
            w.ok(w.lender, &[w.supply(0, 100_000_000_000 * w.dollar(0))]);
            w.ok(user, &[w.borrow(0, 2_900_000_000 * w.dollar(0))]);
            if collaterals == 1 {
                for i in 2..5 {
                    let (market, asset) = (w.market, w.assets[i]);
                    w.ok(user, &[Call::SetCollateral { market, asset, enabled: false }]);
                }
            }
            for i in 1..5 {
                w.set_price(i, percent);
            }
            let call = w.liquidate(1, 0, w.dollar(0), false);
            let by = w.liquidator;
            let name = format!("{name} liquidation, {collaterals} collaterals");
            in_turn(c, &name, &mut w, by, [call, call]);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500));
    targets = pooled
}
criterion_main!(benches);
