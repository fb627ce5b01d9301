//! Soft actor-critic against cases with known answers.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::games::{Aim, CartPole};
use agents::learn::run::Learner;
use agents::learn::sac::Sac;
use agents::learn::{LearnError, SacConfig, Saved};
use sim::environment::{ActionSpace, Environment, Spec, StepOut};
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
    let mut policy = run.policy("aim").unwrap();
    let mut answer = |x: &f32| {
        let mut action = [0.0];
        policy.act(&[*x], &[1.0], &mut action);
        action[0]
    };
    let aimed: Vec<f32> = shown.iter().map(&mut answer).collect();
    let worst = shown.iter().zip(&aimed).map(|(x, a)| (a - 1.5 * x).abs()).fold(0.0, f32::max);
    assert!(worst < 0.3, "{worst}: {aimed:?}");
    // The temperature brings the policy's entropy to the target.
    let log = last.unwrap();
    assert!((log.entropy + 2.0).abs() < 0.4, "{log:?}");
    assert_eq!(run.decisions(), 4 * 50 * 10);
}

#[test]
fn critics_that_leave_every_measure_stop_a_run_before_anything_is_infinite() {
    let config = SacConfig { learning_rate: 1e3, ..small(1) };
    let mut run = Sac::new(config, aims(4), Device::Cpu).unwrap();
    let error = (0..6).find_map(|_| run.update().err()).unwrap();
    assert!(matches!(error, LearnError::Diverged { value, .. } if value.is_finite()), "{error}");
}

#[test]
fn a_resumed_run_ends_with_the_bytes_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let mut straight = Sac::new(small(2), aims(3), Device::Cpu).unwrap();
    for _ in 0..2 {
        straight.update().unwrap();
    }
    assert!(straight.consider_best(1.0) && !straight.consider_best(0.5));
    straight.set_note(b"mine".to_vec());
    straight.save_checkpoint(&path).unwrap();
    for _ in 0..3 {
        straight.update().unwrap();
    }
    let mut resumed = Sac::resume(small(2), aims(3), Device::Cpu, &path).unwrap();
    for _ in 0..3 {
        resumed.update().unwrap();
    }
    assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());
    assert_eq!((resumed.note(), resumed.best().unwrap().update), (b"mine".as_slice(), 2));
    let policies = [resumed.best_policy("best"), resumed.policy("last")];
    let [best, last] = policies.map(|policy| policy.unwrap().to_bytes());
    assert!(best != last, "it went on learning");
    let refused = Sac::resume(small(3), aims(3), Device::Cpu, &path).err().unwrap();
    assert!(refused.to_string().contains("seed was 2, is 3"), "{refused}");
}

/// A world of two numbers: what is wanted of the first is shown, the second is never read.
struct HalfRead {
    aim: Aim,
    spec: Spec,
}

impl HalfRead {
    fn new(lane: u64) -> Self {
        let aim = Aim::new(5, lane, 4);
        let ActionSpace::Continuous { low, high } = &aim.spec().action else { panic!("choices") };
        let twice = |bound: &[f32]| [bound, bound].concat();
        let action = ActionSpace::Continuous { low: twice(low), high: twice(high) };
        Self { spec: Spec::new(1, action), aim }
    }
}

impl Environment for HalfRead {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], mask: &mut [f32]) {
        self.aim.reset(episode, obs, &mut mask[..1]);
        mask[1] = 0.0;
    }
    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        assert_eq!(action[1], 0.5, "a number that is not read lies in its middle");
        let mut read = [0.0];
        self.aim.step(&action[..1], StepOut { action_mask: &mut read, ..out.lend() });
        out.action_mask.copy_from_slice(&[read[0], 0.0]);
    }
    fn save(&self) -> Vec<u8> {
        self.aim.save()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.aim.load(bytes)
    }
    fn episode(&self) -> u64 {
        self.aim.episode()
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        self.aim.episode_summary()
    }
}

#[test]
fn a_number_that_is_not_read_takes_no_part_in_the_entropy() {
    let lanes = Lanes::new((0..4).map(HalfRead::new).collect(), false);
    let config = SacConfig { target_entropy: -2.0, ..small(1) };
    let mut run = Sac::new(config, lanes, Device::Cpu).unwrap();
    let logs: Vec<_> = (0..10).map(|_| run.update().unwrap()).collect();
    let entropy = logs.last().unwrap().entropy;
    assert!((entropy + 2.0).abs() < 0.4, "of one number, not of two: {entropy}");
}

#[test]
fn rewards_and_observations_of_any_size_are_learned_from() {
    let far = |normalise| {
        let config = SacConfig {
            normalise_observations: normalise,
            normalise_returns: normalise,
            target_entropy: -2.0,
            ..small(1)
        };
        let lanes = (0..4).map(|lane| Magnified(Aim::new(5, lane, 4))).collect();
        let mut run = Sac::new(config, Lanes::new(lanes, false), Device::Cpu).unwrap();
        for _ in 0..10 {
            run.update().unwrap();
        }
        let mut policy = run.policy("aim").unwrap();
        let off = |i: i32| {
            let (x, mut action) = (f64::from(i) / 10.0 - 1.0, [0.0]);
            policy.act(&[(x * 1e4) as f32], &[1.0], &mut action);
            (f64::from(action[0]) - 1.5 * x).abs()
        };
        (0..21).map(off).fold(0.0, f64::max)
    };
    let [raw, normalised] = [false, true].map(far);
    assert!(normalised < 0.4 && raw > 1.0, "{normalised} {raw}");
}

/// [`Aim`] in another unit: what is seen is ten thousand times as large, what is earned a million.
struct Magnified(Aim);

impl Environment for Magnified {
    fn spec(&self) -> &Spec {
        self.0.spec()
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], mask: &mut [f32]) {
        self.0.reset(episode, obs, mask);
        obs[0] *= 1e4;
    }
    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        self.0.step(action, out.lend());
        out.obs[0] *= 1e4;
        out.final_obs[0] *= 1e4;
        *out.reward *= 1e6;
    }
    fn save(&self) -> Vec<u8> {
        self.0.save()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.0.load(bytes)
    }
    fn episode(&self) -> u64 {
        self.0.episode()
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        self.0.episode_summary()
    }
}

#[test]
fn choices_are_refused() {
    let lanes = Lanes::new(vec![CartPole::new(1, 0, 1)], false);
    let error = Sac::new(small(1), lanes, Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Actions { .. }), "{error}");
}
