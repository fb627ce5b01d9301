//! A learner that is shown what to do at first.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::games::{self, IDENTITY_DECISIONS, Identity};
use agents::learn::kickstart::Teacher;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::{Kickstart, LearnError, PpoConfig, Saved};
use sim::lanes::Lanes;
use tch::Device;

const STATES: u32 = 4;

/// Shows the number that comes `beyond` the right one.
fn shifted(beyond: usize) -> Teacher {
    Box::new(move |obs: &[f32], _: &[f32], action: &mut [f32]| {
        let shown = obs.iter().position(|o| *o == 1.0).unwrap();
        action.fill(((shown + beyond) % STATES as usize) as f32);
    })
}

fn config(updates: u64, weight: f64, share: f64) -> PpoConfig {
    PpoConfig {
        updates,
        rollout_steps: 25,
        minibatch: 40,
        hidden: vec![16, 16],
        learning_rate: 1e-2,
        normalise_observations: false,
        entropy_weight: 0.05,
        kickstart: Some(Kickstart { weight, share }),
        ..PpoConfig::default()
    }
}

fn identities(masked: bool) -> Lanes<Identity> {
    Lanes::new((0..8).map(|lane| Identity::new(STATES, 1, masked, 5, lane, 8)).collect(), false)
}

fn taught(config: PpoConfig, beyond: usize) -> (Ppo<Identity>, Vec<UpdateLog>) {
    let mut run = Ppo::new(config, identities(false), Device::Cpu).unwrap();
    run.learn_from(shifted(beyond));
    let logs = (0..run.config().updates).map(|_| run.update().unwrap()).collect();
    (run, logs)
}

/// Share of an unseen episode that is answered right.
fn score(run: &Ppo<Identity>) -> f64 {
    let mut policy = run.policy("test").unwrap();
    let mut world = Identity::new(STATES, 1, false, 99, 0, 1);
    let right = games::play(&mut world, 0, |obs, mask, action| policy.act(obs, mask, action));
    right / f64::from(IDENTITY_DECISIONS)
}

#[test]
fn a_wrong_teacher_is_followed_while_it_teaches_and_rewards_win_after_it() {
    let (run, logs) = taught(config(12, 10.0, 1.0), 2);
    assert!(score(&run) == 0.0, "{}", score(&run));
    let losses: Vec<f64> = logs.iter().map(|l| l.teacher_loss).collect();
    // Four choices: ln 4 nats where nothing is known.
    assert!(losses[0] > 0.5 && losses[11] < 0.1, "{losses:?}");
    let (run, logs) = taught(config(60, 1.0, 0.1), 2);
    assert!(score(&run) >= 0.9, "{}", score(&run));
    assert!(logs[5].teacher_weight > 0.0 && logs[5].teacher_loss.is_finite());
    assert!(logs[6].teacher_weight == 0.0 && logs[6].teacher_loss.is_nan());
}

#[test]
fn a_right_teacher_is_worth_more_than_as_many_rewards() {
    let (with, _) = taught(config(1, 1.0, 1.0), 0);
    let plain = PpoConfig { kickstart: None, ..config(1, 1.0, 1.0) };
    let mut without = Ppo::new(plain, identities(false), Device::Cpu).unwrap();
    assert!(without.update().unwrap().teacher_loss.is_nan());
    let (with, without) = (score(&with), score(&without));
    assert!(with >= 0.95 && without < 0.8, "{with} {without}");
}

#[test]
fn a_resumed_lesson_ends_with_the_bytes_of_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ckpt");
    let config = config(6, 1.0, 0.8);
    let (straight, _) = taught(config.clone(), 0);
    let mut killed = Ppo::new(config.clone(), identities(false), Device::Cpu).unwrap();
    killed.learn_from(shifted(0));
    for _ in 0..3 {
        killed.update().unwrap();
    }
    killed.save_checkpoint(&path).unwrap();
    let mut resumed = Ppo::resume(config, identities(false), Device::Cpu, &path).unwrap();
    resumed.learn_from(shifted(0));
    for _ in 0..3 {
        resumed.update().unwrap();
    }
    assert!(straight.checkpoint().to_bytes() == resumed.checkpoint().to_bytes());
}

#[test]
fn a_lesson_without_a_teacher_and_an_illegal_answer_are_refused() {
    let mut alone = Ppo::new(config(6, 1.0, 0.5), identities(false), Device::Cpu).unwrap();
    let refused = alone.update().unwrap_err().to_string();
    assert!(refused.contains("`kickstart` must be none where nobody teaches"), "{refused}");
    // The neighbour of the right number is masked.
    let mut run = Ppo::new(config(6, 1.0, 0.5), identities(true), Device::Cpu).unwrap();
    run.learn_from(shifted(1));
    let refused = run.update().unwrap_err();
    assert!(
        matches!(refused, LearnError::IllegalAnswer { update: 1, step: 0, lane: 0, head: 0, .. }),
        "{refused}"
    );
}
