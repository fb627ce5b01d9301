//! A policy held near a reference.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use agents::learn::games::{self, IDENTITY_DECISIONS, Identity};
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::{PpoConfig, Reference, Saved};
use sim::lanes::Lanes;
use tch::Device;

fn config(reference: Option<Reference>) -> PpoConfig {
    PpoConfig {
        updates: 12,
        rollout_steps: 25,
        minibatch: 40,
        hidden: vec![16, 16],
        learning_rate: 1e-2,
        reference,
        ..PpoConfig::default()
    }
}

fn identities() -> Lanes<Identity> {
    Lanes::new((0..8).map(|lane| Identity::new(4, 2, true, 5, lane, 8)).collect(), false)
}

fn trained(weight: f64, refresh_updates: u64) -> (Ppo<Identity>, Vec<UpdateLog>) {
    let config = config(Some(Reference { weight, refresh_updates }));
    let mut run = Ppo::new(config, identities(), Device::Cpu).unwrap();
    let logs = (0..12).map(|_| run.update().unwrap()).collect();
    (run, logs)
}

fn score(run: &Ppo<Identity>) -> f64 {
    let mut policy = run.policy("test").unwrap();
    let mut world = Identity::new(4, 2, true, 99, 0, 1);
    let right = games::play(&mut world, 0, |obs, mask, action| policy.act(obs, mask, action));
    right / f64::from(IDENTITY_DECISIONS)
}

#[test]
fn a_reference_that_stands_holds_and_one_that_follows_lets_learn() {
    let (_, free) = trained(1e-9, 1);
    let (_, held) = trained(50.0, 1_000);
    // It stays where it began, nearly uniform: three legal choices in each of two heads.
    let uniform = 2.0 * 3f64.ln();
    assert!(held[11].entropy > 0.98 * uniform, "{} of {uniform}", held[11].entropy);
    assert!(free[11].entropy < 0.5 * uniform, "{}", free[11].entropy);
    assert!(held[11].reference_kl < 0.01 && held[11].reference_kl >= 0.0);
    let (following, logs) = trained(0.2, 2);
    assert!(score(&following) >= 0.9, "{}", score(&following));
    assert!(logs.iter().all(|log| log.reference_kl > 0.0 && log.reference_kl.is_finite()));
}

#[test]
fn the_reference_is_in_the_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ckpt");
    let (straight, _) = trained(0.5, 5);
    let settings = config(Some(Reference { weight: 0.5, refresh_updates: 5 }));
    let mut killed = Ppo::new(settings.clone(), identities(), Device::Cpu).unwrap();
    for _ in 0..8 {
        killed.update().unwrap();
    }
    killed.save_checkpoint(&path).unwrap();
    let mut resumed = Ppo::resume(settings, identities(), Device::Cpu, &path).unwrap();
    for _ in 0..4 {
        resumed.update().unwrap();
    }
    assert!(straight.checkpoint().to_bytes() == resumed.checkpoint().to_bytes());
}

#[test]
fn a_reference_is_refused_where_it_cannot_be() {
    let reference = |weight, refresh_updates| Some(Reference { weight, refresh_updates });
    let refused =
        |config: PpoConfig| Ppo::new(config, identities(), Device::Cpu).err().unwrap().to_string();
    assert!(refused(config(reference(0.0, 1))).contains("`reference.weight` must be above 0"));
    assert!(refused(config(reference(1.0, 0))).contains("`reference.refresh_updates`"));
    let memory = PpoConfig { memory: 8, ..config(reference(1.0, 1)) };
    assert!(refused(memory).contains("or the policy has memory"));
}
