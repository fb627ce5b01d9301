//! Actions that are bounded numbers, by PPO: the squashed Gaussian against its own integrals, and the learner on
//! worlds with known answers.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use agents::bounds::Bounds;
use agents::export::bundle::{self, ActionHead, ObservationField, PolicyCard};
use agents::frozen::{Activation, FrozenPolicy};
use agents::learn::games::{AIM_DECISIONS, Aim, CartPole, Pendulum, play};
use agents::learn::noise::{Draw, Noise};
use agents::learn::parameters::to_vec;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::squashed::Squashed;
use agents::learn::{LearnError, PpoConfig, Saved};
use protocols::risk_params::RiskRegime;
use sim::environment::Environment;
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor};

fn numbers(low: &[f32], high: &[f32]) -> Squashed {
    Squashed::new(Bounds::new(low, high).unwrap(), Device::Cpu)
}

fn rows(values: &[f32], width: i64) -> Tensor {
    Tensor::from_slice(values).view([-1, width])
}

#[test]
fn densities_match_the_figures_worked_by_hand() {
    let two = numbers(&[-2.0, 0.0], &[3.0, 1.0]);
    let (means, log_std) = (rows(&[0.3, 0.1, 0.3, 0.1], 2), Tensor::from_slice(&[-0.5f32, 0.25]));
    let raw = rows(&[0.7, -1.2, 0.7, -1.2], 2);
    // −z²/2 − ln s − ln √2π − ln(1 − tanh²u) − ln half: of the first −1.098151, of the second 0.199068.
    let unread = Tensor::from_slice(&[false, false, false, true]).view([2, 2]);
    let (log_probs, _) = two.log_probs_and_entropy(&means, &log_std, Some(&unread), &raw);
    let log_probs = to_vec(&log_probs);
    assert!((log_probs[0] - FIRST - SECOND).abs() < 1e-5, "{log_probs:?}");
    assert!((log_probs[1] - FIRST).abs() < 1e-5, "{log_probs:?}");
}
const FIRST: f32 = -1.098_151;
const SECOND: f32 = 0.199_068;

#[test]
fn the_density_integrates_to_one_and_its_entropy_to_what_is_said() {
    let one = numbers(&[-2.0], &[3.0]);
    let said_and_integrated = |mean: f64, deviation: f64| {
        let cells = 4_000;
        let width = 16.0 * deviation / f64::from(cells);
        let raw: Vec<f32> =
            (0..=cells).map(|i| (mean - 8.0 * deviation + width * f64::from(i)) as f32).collect();
        let tensor = rows(&raw, 1);
        let means = tensor.full_like(mean);
        let log_std = Tensor::from_slice(&[deviation.ln() as f32]);
        let (log_probs, entropy) = one.log_probs_and_entropy(&means, &log_std, None, &tensor);
        let (mut mass, mut integral) = (0.0, 0.0);
        for (u, log_prob) in raw.iter().zip(to_vec(&log_probs)) {
            // The action's own width: da = half·du/cosh²u.
            let p = f64::from(log_prob).exp() * width * 2.5 / f64::from(*u).cosh().powi(2);
            mass += p;
            integral -= p * f64::from(log_prob);
        }
        assert!((mass - 1.0).abs() < 1e-4, "{mean} {deviation}: {mass}");
        (f64::from(to_vec(&entropy)[0]), integral)
    };
    for mean in [0.0, 0.8, -1.5, 6.0] {
        for (deviation, tolerance) in
            [(0.1, 1e-4), (0.5, 1e-4), (1.0, 1e-4), (2.0, 2e-3), (3.0, 1e-2)]
        {
            let (said, integral) = said_and_integrated(mean, deviation);
            assert!((said - integral).abs() < tolerance, "{mean} {deviation}: {said} {integral}");
        }
    }
}

#[test]
fn draws_stay_inside_their_bounds_and_have_the_density_that_is_learned_from() {
    let two = numbers(&[-2.0, 10.0], &[3.0, 10.5]);
    let (means, log_std) = ([0.4f32, 30.0], [0.7f32, 1.5]);
    let (mut raw, mut action) = ([0.0; 2], [0.0; 2]);
    let (mut below, n) = (0, 20_000);
    for i in 0..n {
        let mut rng = Noise::new(3).at(Draw::Action, 1, 0, i);
        let log_prob = two.sample(&means, &log_std, &[1.0; 2], &mut raw, &mut action, &mut rng);
        assert!((-2.0..=3.0).contains(&action[0]) && (10.0..=10.5).contains(&action[1]));
        below += u32::from(raw[0] < 0.4 + 0.7f32.exp());
        if i < 500 {
            let raw = rows(&raw, 2);
            let (learned, _) = two.log_probs_and_entropy(
                &rows(&means, 2),
                &Tensor::from_slice(&log_std),
                None,
                &raw,
            );
            let learned = to_vec(&learned)[0];
            assert!(
                (learned - log_prob).abs() <= 1e-6 * learned.abs().max(10.0),
                "{learned} {log_prob}"
            );
        }
    }
    // One deviation above the mean lie 84.13 % of the draws.
    assert!((f64::from(below) / n as f64 - 0.8413).abs() < 0.01, "{below}");
}

#[test]
fn a_number_that_is_not_read_counts_for_nothing_and_extremes_stay_finite() {
    let two = numbers(&[-2.0, 0.0], &[3.0, 1.0]);
    let means = rows(&[0.3, 0.1, 60.0, -60.0], 2).set_requires_grad(true);
    let log_std = Tensor::from_slice(&[-0.5f32, 4.0]).set_requires_grad(true);
    let raw = rows(&[0.7, -1.2, -70.0, 80.0], 2);
    let unread = Tensor::from_slice(&[true, false, false, false]).view([2, 2]);
    let (log_probs, entropy) = two.log_probs_and_entropy(&means, &log_std, Some(&unread), &raw);
    (log_probs.sum(Kind::Float) + entropy.sum(Kind::Float)).backward();
    let gradient = [to_vec(&means.grad()), to_vec(&log_std.grad())].concat();
    assert!(gradient.iter().all(|g| g.is_finite()), "{gradient:?}");
    assert_eq!(gradient[0], 0.0);
    assert!(gradient[1] != 0.0);

    let (mut drawn, mut action) = ([9.0; 2], [9.0; 2]);
    let rng = || Noise::new(3).at(Draw::Action, 1, 0, 0);
    let log_std = [-0.5, 0.0];
    two.sample(&[0.3, 0.1], &log_std, &[0.0, 1.0], &mut drawn, &mut action, &mut rng());
    assert_eq!((drawn[0], action[0]), (0.0, 0.5), "its middle");
    let second = action[1];
    two.sample(&[0.3, 0.1], &log_std, &[1.0, 1.0], &mut drawn, &mut action, &mut rng());
    assert_eq!(second, action[1], "noise does not depend on the mask");
}

fn aims(lanes: u64) -> Lanes<Aim> {
    Lanes::new((0..lanes).map(|lane| Aim::new(5, lane, lanes)).collect(), false)
}

fn small(seed: u64) -> PpoConfig {
    PpoConfig {
        seed,
        updates: 40,
        rollout_steps: 25,
        minibatch: 40,
        hidden: vec![16, 16],
        learning_rate: 1e-2,
        gamma: 0.0,
        ..PpoConfig::default()
    }
}

fn run<E: Environment>(config: PpoConfig, lanes: Lanes<E>) -> (Ppo<E>, Vec<UpdateLog>) {
    let updates = config.updates;
    let mut run = Ppo::new(config, lanes, Device::Cpu).unwrap();
    let logs = (0..updates).map(|_| run.update().unwrap()).collect();
    (run, logs)
}

#[test]
fn numbers_are_aimed_within_8000_decisions() {
    let (run, logs) = run(small(1), aims(8));
    assert_eq!(run.decisions(), 8_000);
    for log in &logs {
        assert!(log.first_ratio_error < 1e-5, "{}", log.first_ratio_error);
        assert_eq!(log.first_clip_fraction, 0.0);
        assert!(log.approx_kl > -1e-6 && log.grad_norm > 0.0);
    }
    let (first, last) = (&logs[0], &logs[39]);
    assert!(first.deviation == 1.0 && last.deviation < 0.3, "{}", last.deviation);
    assert!(last.entropy < first.entropy - 1.0, "{} {}", first.entropy, last.entropy);
    let mut policy = run.policy("aim").unwrap();
    let mut world = Aim::new(99, 0, 1);
    let squares = -play(&mut world, 0, |obs, mask, action| policy.act(obs, mask, action));
    let off = (squares / f64::from(AIM_DECISIONS)).sqrt();
    assert!(off < 0.1, "of a width of 5: {off}");
    let mut untrained = Ppo::new(small(1), aims(8), Device::Cpu).unwrap().policy("new").unwrap();
    let squares = -play(&mut world, 0, |obs, mask, action| untrained.act(obs, mask, action));
    assert!((squares / f64::from(AIM_DECISIONS)).sqrt() > 0.5, "nothing is known at first");
}

#[test]
fn a_resumed_run_of_numbers_ends_with_the_bytes_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let lanes = || Lanes::new((0..4).map(|lane| Pendulum::new(9, lane, 4)).collect(), true);
    for memory in [0, 6] {
        let config = PpoConfig { memory, gamma: 0.9, initial_log_std: -0.5, ..small(3) };
        let mut straight = Ppo::new(config.clone(), lanes(), Device::Cpu).unwrap();
        for _ in 0..3 {
            let log = straight.update().unwrap();
            assert!(log.first_ratio_error < 1e-5, "{}", log.first_ratio_error);
            assert_eq!(log.first_clip_fraction, 0.0);
        }
        straight.save_checkpoint(&path).unwrap();
        for _ in 0..9 {
            straight.update().unwrap();
        }
        let mut resumed = Ppo::resume(config.clone(), lanes(), Device::Cpu, &path).unwrap();
        for _ in 0..9 {
            resumed.update().unwrap();
        }
        assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());
        let mut other = Ppo::new(PpoConfig { seed: 4, ..config }, lanes(), Device::Cpu).unwrap();
        for _ in 0..12 {
            other.update().unwrap();
        }
        assert!(other.network().parameters.weights() != straight.network().parameters.weights());
    }
}

#[test]
fn the_frozen_policy_answers_with_the_squashed_mean_and_comes_back_from_bytes() {
    let (run, _) = run(PpoConfig { updates: 5, ..small(4) }, aims(4));
    let mut frozen = run.policy("aim").unwrap();
    let normaliser = frozen.normaliser().clone();
    let mut back = FrozenPolicy::from_bytes(&frozen.to_bytes()).unwrap();
    assert_eq!((back.action_dim(), back.logits_dim(), back.heads()), (1, 1, [].as_slice()));
    assert_eq!(back.bounds(), frozen.bounds());
    for case in 0..20 {
        let obs = case as f32 / 10.0 - 1.0;
        let seen = (obs - normaliser.mean[0]) * normaliser.inverse_std()[0];
        let (mean, _) = run.network().forward(&rows(&[seen], 1), None);
        let expected = 0.5 + 2.5 * to_vec(&mean)[0].tanh();
        let (mut action, mut again) = ([0.0], [0.0]);
        frozen.act(&[obs], &[1.0], &mut action);
        back.act(&[obs], &[1.0], &mut again);
        assert!((action[0] - expected).abs() < 1e-5 && action == again, "{action:?} {expected}");
    }
}

#[test]
fn numbers_are_exported_and_come_back_with_either_function_between_layers() {
    let (run, _) = run(PpoConfig { updates: 2, ..small(4) }, aims(4));
    let dir = tempfile::tempdir().unwrap();
    for activation in [Activation::Tanh, Activation::Relu] {
        let mut frozen = run.policy("aim").unwrap().with_activation(activation);
        let observations = vec![ObservationField {
            name: "target".into(),
            unit: String::new(),
            scale: 1.0,
            visibility: "public".into(),
        }];
        let choices = ["down", "hold", "up"].map(str::to_owned).to_vec();
        let rule = RiskRegime::steward().ltv;
        let (name, unit) = ("ltv".to_owned(), "bps".to_owned());
        let actions = vec![ActionHead { name, unit, choices, rule }];
        let card =
            PolicyCard { name: "aim".into(), observations, actions, ..PolicyCard::default() };
        let path = dir.path().join(activation.name());
        let observed = [(vec![0.25], vec![1.0])];
        let report = bundle::write(&path, &mut frozen, card, &observed).unwrap();
        assert_eq!((report.numbers, report.heads.len(), report.cases), (1, 0, 33));
        let (mut back, _, _) = bundle::load(&path).unwrap();
        assert_eq!(back.to_bytes(), frozen.to_bytes());
        let (mut action, mut again) = ([0.0], [0.0]);
        frozen.act(&[0.7], &[1.0], &mut action);
        back.act(&[0.7], &[0.0, 1.0, 1.0], &mut again);
        assert_eq!(action, again);
        frozen.act(&[0.7], &[0.0], &mut action);
        back.act(&[0.7], &[0.0, 1.0, 0.0], &mut again);
        assert_eq!((action, again), ([0.5], [0.5]), "what is not read lies in its middle");
    }
    let answers = ["tanh", "relu"].map(|name| {
        let (mut policy, _, _) = bundle::load(&dir.path().join(name)).unwrap();
        let mut action = [0.0];
        policy.act(&[0.7], &[1.0], &mut action);
        action[0]
    });
    assert!((answers[0] - answers[1]).abs() > 1e-4, "the functions differ: {answers:?}");
}

#[test]
fn a_deviation_is_refused_where_actions_are_choices() {
    let lanes = Lanes::new(vec![CartPole::new(1, 0, 1)], false);
    let config = PpoConfig { initial_log_std: -1.0, ..small(1) };
    let error = Ppo::new(config, lanes, Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Setting { field: "initial_log_std", .. }), "{error}");
}
