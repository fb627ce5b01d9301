//! Soft actor-critic against cases with known answers.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::games::{Aim, CartPole};
use agents::learn::sac::{Sac, SacConfig};
use agents::learn::{LearnError, Saved};
use sim::lanes::Lanes;
use tch::Device;

fn aims(lanes: u64) -> Lanes<Aim> {
    Lanes::new((0..lanes).map(|lane| Aim::new(5, lane, lanes)).collect(), false)
}

fn small(seed: u64) -> SacConfig {
    SacConfig {
        seed,
        rollout_steps: 50,
        warm_up_steps: 50,
        memory: 600,
        minibatch: 64,
        width: 32,
        learning_rate: 3e-3,
        gamma: 0.0,
        tau: 0.02,
        temperature: 0.2,
        ..SacConfig::default()
    }
}

#[test]
fn numbers_are_aimed_and_noise_is_as_wide_as_asked() {
    let mut run =
        Sac::new(SacConfig { target_entropy: -2.0, ..small(1) }, aims(4), Device::Cpu).unwrap();
    let mut last = None;
    for _ in 0..10 {
        last = Some(run.update().unwrap());
    }
    let shown: Vec<f32> = (0..21).map(|i| i as f32 / 10.0 - 1.0).collect();
    let aimed = run.greedy(&shown);
    let worst = shown.iter().zip(&aimed).map(|(x, a)| (a - 1.5 * x).abs()).fold(0.0, f32::max);
    assert!(worst < 0.3, "{worst}: {aimed:?}");
    // The temperature brings the policy's entropy to the target.
    let log = last.unwrap();
    assert!((log.entropy + 2.0).abs() < 0.4, "{log:?}");
    assert_eq!(run.decisions(), 4 * 50 * 10);
}

#[test]
fn a_resumed_run_ends_with_the_bytes_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let mut straight = Sac::new(small(2), aims(3), Device::Cpu).unwrap();
    for _ in 0..2 {
        straight.update().unwrap();
    }
    straight.checkpoint().save(&path).unwrap();
    for _ in 0..3 {
        straight.update().unwrap();
    }
    let mut resumed = Sac::resume(small(2), aims(3), Device::Cpu, &path).unwrap();
    for _ in 0..3 {
        resumed.update().unwrap();
    }
    assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());
    let refused = Sac::resume(small(3), aims(3), Device::Cpu, &path).err().unwrap();
    assert!(refused.to_string().contains("seed was 2, is 3"), "{refused}");
}

#[test]
fn choices_are_refused() {
    let lanes = Lanes::new(vec![CartPole::new(1, 0, 1)], false);
    let error = Sac::new(small(1), lanes, Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Actions { .. }), "{error}");
}
