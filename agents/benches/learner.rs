//! The learner beside bare libtorch: 64 observation values, 64 choices, two towers of 64 × 64.
//!
//! `cargo bench -p agents --features tch --bench learner`

use std::hint::black_box;
use std::time::Duration;

use agents::frozen::{FrozenPolicy, Normaliser};
use agents::learn::PpoConfig;
use agents::learn::games::Identity;
use agents::learn::network::{Network, bare_pass};
use agents::learn::noise::Noise;
use agents::learn::ppo::Ppo;
use agents::learn::shape::NetworkShape;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim::environment::ActionSpace;
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor};

const WIDTH: usize = 64;

fn shape() -> NetworkShape {
    let action = ActionSpace::MultiDiscrete { heads: vec![WIDTH as u32] };
    NetworkShape { obs_dim: WIDTH, set: None, memory: 0, width: WIDTH, depth: 2, action }
}

fn frozen(c: &mut Criterion) {
    let flat = shape().initial(&Noise::new(1), &[], 0.0);
    let mut policy: FrozenPolicy = shape()
        .freeze("bench", &flat, Normaliser::identity(WIDTH, 10.0))
        .expect("initial weights are finite");
    let obs: Vec<f32> = (0..WIDTH).map(|i| i as f32 / 32.0 - 1.0).collect();
    let mask = vec![1.0; WIDTH];
    let mut action = [0.0];
    c.bench_function("frozen policy, one decision", |b| {
        b.iter(|| {
            policy.act(black_box(&obs), &mask, &mut action);
            action[0]
        });
    });
}

/// Forward, backward and Adam on a loss of no consequence, which libtorch differentiates.
fn bare(c: &mut Criterion) {
    tch::set_num_threads(1);
    let mut group = c.benchmark_group("bare forward, backward and Adam");
    for batch in [512i64, 4096] {
        let flat = shape().initial(&Noise::new(1), &[], 0.0);
        let mut network = Network::new(shape(), &flat, Device::Cpu);
        let obs = Tensor::ones([batch, WIDTH as i64], (Kind::Float, Device::Cpu));
        group.throughput(Throughput::Elements(batch as u64));
        group.bench_function(format!("batch {batch}"), |b| {
            b.iter(|| bare_pass(&mut network, &obs));
        });
    }
    group.finish();
}

/// A whole update of one epoch on a world that costs nothing: collection, advantages, passes.
fn update(c: &mut Criterion) {
    let mut group = c.benchmark_group("PPO update, 64 lanes × 128, per decision and epoch");
    for (minibatch, epochs) in [(512, 1), (512, 4), (4096, 4)] {
        let config = PpoConfig {
            updates: 1 << 20,
            rollout_steps: 128,
            minibatch,
            epochs,
            ..PpoConfig::default()
        };
        let lanes = (0..64).map(|lane| Identity::new(WIDTH as u32, 1, true, 1, lane, 64)).collect();
        let mut run =
            Ppo::new(config, Lanes::new(lanes, false), Device::Cpu).expect("settings hold");
        group.throughput(Throughput::Elements(64 * 128 * epochs as u64));
        group.bench_function(format!("minibatch {minibatch}, epochs {epochs}"), |b| {
            b.iter(|| run.update().expect("nothing diverges"));
        });
        let log = run.update().expect("nothing diverges");
        eprintln!(
            "  world {:.1} ms, forward {:.1} ms, train {:.1} ms",
            1e3 * log.environment_secs,
            1e3 * log.forward_secs,
            1e3 * log.train_secs
        );
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3));
    targets = frozen, bare, update
}
criterion_main!(benches);
