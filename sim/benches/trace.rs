//! The vectors' transactions, all cases mixed in order of time, as the contracts' EVM executed them.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    reason = "a benchmark"
)]

#[path = "../tests/it/vectors/aave.rs"]
mod aave;
#[path = "../tests/it/vectors/attack.rs"]
mod attack;
#[path = "../tests/it/vectors/compound.rs"]
mod compound;
#[path = "../tests/it/vectors/families.rs"]
mod families;
#[path = "../tests/it/vectors/support.rs"]
mod support;
#[path = "../tests/it/vectors/trace.rs"]
mod trace;
#[path = "../tests/it/vectors/uniswap_v2.rs"]
mod uniswap_v2;
#[path = "../tests/it/vectors/uniswap_v3.rs"]
mod uniswap_v3;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

fn mixed(c: &mut Criterion) {
    let cases = families::recorded();
    let order = trace::by_time(&cases);
    let mut chains = trace::starts(&cases);
    trace::run(&cases, &order, &mut chains);
    assert!(cases.iter().zip(&chains).all(|(case, chain)| case.end == *chain), "equal end states");
    let mut group = c.benchmark_group("trace");
    group.throughput(Throughput::Elements(order.len() as u64));
    group.bench_function("mixed", |b| {
        b.iter_batched_ref(
            || trace::starts(&cases),
            |chains| trace::run(&cases, &order, chains),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, mixed);
criterion_main!(benches);
