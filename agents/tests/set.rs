//! Rows of entities, read as a set by PPO: beside the flat network on a game whose answer does not depend on their
//! order.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::export::bundle::{self, BundleError, PolicyCard};
use agents::frozen::FrozenPolicy;
use agents::learn::games::{CartPole, LARGEST_DECISIONS, Largest, play};
use agents::learn::parameters::to_vec;
use agents::learn::ppo::Ppo;
use agents::learn::{LearnError, PpoConfig, Saved};
use sim::environment::Environment;
use sim::lanes::Lanes;
use tch::{Device, Tensor};

fn games(lanes: u64) -> Lanes<Largest> {
    Lanes::new((0..lanes).map(|lane| Largest::new(5, lane, lanes)).collect(), false)
}

fn config(seed: u64, set_width: usize) -> PpoConfig {
    PpoConfig {
        seed,
        updates: 40,
        rollout_steps: 32,
        epochs: 8,
        minibatch: 128,
        hidden: vec![32, 32],
        set_width,
        learning_rate: 5e-3,
        gamma: 0.0,
        ..PpoConfig::default()
    }
}

fn trained(config: PpoConfig, lanes: u64) -> Ppo<Largest> {
    let updates = config.updates;
    let mut run = Ppo::new(config, games(lanes), Device::Cpu).unwrap();
    for _ in 0..updates {
        let log = run.update().unwrap();
        assert!(log.first_ratio_error < 1e-5, "{}", log.first_ratio_error);
        assert_eq!(log.first_clip_fraction, 0.0);
    }
    run
}

/// Share of right answers over 20 games that training never played.
fn right(policy: &mut FrozenPolicy) -> f64 {
    let mut world = Largest::new(99, 0, 1);
    let one =
        |episode| play(&mut world, episode, |obs, mask, action| policy.act(obs, mask, action));
    (0..20).map(one).sum::<f64>() / (20.0 * f64::from(LARGEST_DECISIONS))
}

#[test]
fn what_depends_on_a_set_is_learned_sooner_when_it_is_read_as_one() {
    // 16 lanes × 32 × 40 = 20,480 decisions.
    let score = |set_width| right(&mut trained(config(1, set_width), 16).policy("set").unwrap());
    let (set, flat) = (score(16), score(0));
    assert!(set > 0.9, "as a set: {set}; flat: {flat}");
    assert!(flat < set - 0.1, "as a set: {set}; flat: {flat}");
}

#[test]
fn the_order_of_rows_changes_no_answer_and_the_frozen_policy_answers_as_libtorch_does() {
    for memory in [0, 5] {
        let run = trained(PpoConfig { updates: 4, memory, ..config(2, 8) }, 8);
        let mut frozen = run.policy("set").unwrap();
        let mut back = FrozenPolicy::from_bytes(&frozen.to_bytes()).unwrap();
        assert_eq!(back.set(), frozen.set());
        let normaliser = frozen.normaliser().clone();
        let inverse = normaliser.inverse_std();
        let network = run.network();
        for case in 0..20u32 {
            let mut obs = vec![0.0f32; 17];
            obs[0] = (case % 2) as f32;
            // Between none and four numbers, in places that move with the case.
            for i in 0..case % 5 {
                let row = 1 + 2 * ((i * 3 + case) % 8) as usize;
                (obs[row], obs[row + 1]) = (1.0, (case * 7 + i * 5) as f32 % 11.0 / 11.0);
            }
            let mut moved = obs.clone();
            moved[1..].rotate_right(6);
            let seen: Vec<f32> = (0..17)
                .map(|i| ((obs[i] - normaliser.mean[i]) * inverse[i]).clamp(-10.0, 10.0))
                .collect();
            let mut inputs = network.see(&Tensor::from_slice(&seen).view([1, -1]));
            if memory > 0 {
                inputs =
                    network.remember(&inputs, &Tensor::zeros([1, 5], (inputs.kind(), Device::Cpu)));
            }
            let expected = to_vec(&network.forward(&inputs).0);
            let answer = |policy: &mut FrozenPolicy, obs: &[f32]| {
                policy.forget();
                policy.logits(obs, &[1.0; 4]).to_vec()
            };
            let got = answer(&mut frozen, &obs);
            assert!(
                got.iter().zip(&expected).all(|(g, e)| (g - e).abs() < 1e-5),
                "{got:?} {expected:?}"
            );
            assert_eq!(got, answer(&mut back, &obs));
            let other = answer(&mut frozen, &moved);
            assert!(got.iter().zip(&other).all(|(g, e)| (g - e).abs() < 1e-5), "{got:?} {other:?}");
        }
    }
}

#[test]
fn a_resumed_run_with_a_set_ends_with_the_bytes_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    for memory in [0, 5] {
        let config = PpoConfig { memory, ..config(3, 8) };
        let mut straight = Ppo::new(config.clone(), games(4), Device::Cpu).unwrap();
        straight.update().unwrap();
        straight.save_checkpoint(&path).unwrap();
        straight.update().unwrap();
        let mut resumed = Ppo::resume(config, games(4), Device::Cpu, &path).unwrap();
        resumed.update().unwrap();
        assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());
    }
}

#[test]
fn a_set_is_refused_where_there_is_none_and_where_it_cannot_go() {
    let lanes = Lanes::new(vec![CartPole::new(1, 0, 1)], false);
    let error = Ppo::new(config(1, 8), lanes, Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Setting { field: "set_width", .. }), "{error}");
    let run = Ppo::new(config(1, 8), games(1), Device::Cpu).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut policy = run.policy("set").unwrap();
    let refused =
        bundle::write(&dir.path().join("policy"), &mut policy, PolicyCard::default(), &[]);
    assert!(matches!(refused, Err(BundleError::Set)));
}

#[test]
fn a_game_shows_its_largest_number() {
    let mut world = Largest::new(3, 0, 1);
    let rows = world.spec().rows.unwrap();
    let mut counts = [0; 9];
    let told = play(&mut world, 0, |obs, _, action| {
        let there: Vec<&[f32]> = obs[rows.cells()].chunks_exact(2).filter(|r| r[0] > 0.0).collect();
        counts[there.len()] += 1;
        let largest = there.iter().map(|row| row[1]).fold(0.0, f32::max);
        let quarter = (largest * 4.0).floor().min(3.0);
        action[0] = if obs[0] > 0.0 { 3.0 - quarter } else { quarter };
    });
    assert_eq!(told, f64::from(LARGEST_DECISIONS), "the answer is in what is shown");
    assert!(counts[0] == 0 && counts.iter().filter(|n| **n > 0).count() > 4, "{counts:?}");
}
