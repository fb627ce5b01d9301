//! What a quote, an oracle read and a price step cost.

use criterion::{Criterion, criterion_group, criterion_main};
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::{spot::SpotFeed, twap::TwapFeed};
use markets::price::{
    Bar, Beta, Bootstrap, Cholesky, Garch, Gbm, JointPrices, PriceSpec, Replay, Stable,
};
use markets::units::{AccountId, Amount, AssetId, Pips, PoolId, Price};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const WETH: AssetId = AssetId(0);
const USDC: AssetId = AssetId(1);

/// 10,000 WETH against 20 million USDC.
fn pool() -> ConstantProduct {
    let mut pool = ConstantProduct::new(WETH, USDC, AssetId(2), AccountId(7), Pips(3_000));
    let reserves = (Amount::new(10_000 * 10_u128.pow(18)), Amount::new(20_000_000_000_000));
    pool.update(reserves.0, reserves.1, 1_700_000_000).expect("the reserves fit");
    pool
}

fn amm(c: &mut Criterion) {
    let pool = pool();
    let weth = Amount::new(3 * 10_u128.pow(18) + 12_345);
    let usdc = Amount::new(6_000_000_000);
    c.bench_function("quote_exact_in WETH->USDC", |b| {
        b.iter(|| black_box(&pool).quote_exact_in(black_box(WETH), black_box(weth)))
    });
    c.bench_function("quote_exact_in USDC->WETH", |b| {
        b.iter(|| black_box(&pool).quote_exact_in(black_box(USDC), black_box(usdc)))
    });
    let mut even = ConstantProduct::new(WETH, USDC, AssetId(2), AccountId(7), Pips(3_000));
    let deep = Amount::new(10_000 * 10_u128.pow(18));
    even.update(deep, deep, 1_700_000_000).expect("the reserves fit");
    c.bench_function("quote_exact_in 18 decimals both", |b| {
        b.iter(|| black_box(&even).quote_exact_in(black_box(USDC), black_box(weth)))
    });
    c.bench_function("quote_exact_out 18 decimals both", |b| {
        b.iter(|| black_box(&even).quote_exact_out(black_box(USDC), black_box(weth)))
    });
    c.bench_function("quote_exact_out WETH->USDC", |b| {
        b.iter(|| black_box(&pool).quote_exact_out(black_box(WETH), black_box(usdc)))
    });
    c.bench_function("optimal_in", |b| {
        b.iter(|| black_box(&pool).optimal_in(black_box(WETH), black_box(1.9e-9)))
    });
    c.bench_function("update same block", |b| {
        b.iter(|| {
            let mut pool = black_box(pool);
            pool.update(weth, usdc, 1_700_000_000).map(|()| pool)
        })
    });
    c.bench_function("update next block", |b| {
        b.iter(|| {
            let mut pool = black_box(pool);
            pool.update(weth, usdc, 1_700_000_012).map(|()| pool)
        })
    });
}

fn oracles(c: &mut Criterion) {
    let pool = pool();
    let spot = SpotFeed { pool: PoolId(0), asset: WETH, quote: None };
    c.bench_function("spot price", |b| {
        b.iter(|| black_box(&spot).price(black_box(&pool), 18, 6, Price::ONE))
    });
    let twap = TwapFeed::new(PoolId(0), WETH, None, 1_800)
        .seeded(&pool, 1_700_000_000)
        .expect("the pool has reserves");
    c.bench_function("twap price", |b| {
        b.iter(|| black_box(&twap).price(black_box(&pool), 1_700_000_012, 18, 6, Price::ONE))
    });
}

fn bars() -> Vec<Bar> {
    let bar = |i: u32| {
        let open = 2_000.0 + f64::from(i % 7) * 3.0;
        Bar { open, high: open + 20.0, low: open - 15.0, close: open + 3.0 }
    };
    (0..100).map(bar).collect()
}

fn steps(c: &mut Criterion) {
    let correlation = vec![
        vec![1.0, 0.8, 0.5, 0.0],
        vec![0.8, 1.0, 0.5, 0.0],
        vec![0.5, 0.5, 1.0, 0.0],
        vec![0.0, 0.0, 0.0, 1.0],
    ];
    let stable = Stable { half_life_secs: 3_600.0, vol_per_sqrt_year: 0.02, depeg: None };
    let tail = Beta { on: 0, beta: 1.2, residual_vol_per_sqrt_year: 0.8, residual_t_nu: Some(3.5) };
    let gbm = Gbm { drift_per_year: 0.0, vol_per_sqrt_year: 0.8 };
    let replay = Replay { bars: bars().into(), bar_secs: 3_600, scale: 1.0 };
    let bootstrap = Bootstrap {
        windows: vec![bars(), bars()].into(),
        bar_secs: 3_600,
        block_bars: 12,
        min_magnitude: 0.8,
        max_magnitude: 1.5,
    };
    let garch = PriceSpec::Garch(Garch::targeting(0.979, 0.081, 0.909, 3.39));
    let rest = |first: PriceSpec| {
        let others = [garch.clone(), PriceSpec::Beta(tail), PriceSpec::Stable(stable)];
        [vec![first], others.to_vec()].concat()
    };
    let cases = [
        ("4 assets: gbm garch beta stable", rest(PriceSpec::Gbm(gbm))),
        ("4 assets: replay garch beta stable", rest(PriceSpec::Replay(replay))),
        ("4 assets: bootstrap garch beta stable", rest(PriceSpec::Bootstrap(bootstrap))),
    ];
    for (name, specs) in cases {
        let factor = Cholesky::new(&correlation).expect("a correlation matrix");
        let starts = vec![2_000.0, 40_000.0, 10.0, 1.0];
        let mut joint =
            JointPrices::new(specs, starts, Some(factor), 12).expect("a valid joint process");
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        c.bench_function(name, |b| {
            b.iter(|| {
                // Replays hold still at the end: start over before it.
                if joint.blocks() == 29_000 {
                    joint.reset();
                }
                joint.step(&mut rng);
                black_box(joint.prices()[0])
            })
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = amm, oracles, steps
}
criterion_main!(benches);
