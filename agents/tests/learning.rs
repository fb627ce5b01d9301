//! The learner against cases with known answers.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::path::Path;

use agents::learn::gae::{GaeInput, advantages};
use agents::learn::games::{
    self, CART_POLE_STEPS, CartPole, Forever, IDENTITY_DECISIONS, Identity, Partial,
};
use agents::learn::heads::{Heads, Illegal, Pull, Softmax};
use agents::learn::network::{Network, Seen, bare_pass};
use agents::learn::noise::Noise;
use agents::learn::parameters::to_vec;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::{Next, train};
use agents::learn::shape::NetworkShape;
use agents::learn::towers::Inference;
use agents::learn::{Checkpoint, Discount, LearnError, PpoConfig, Saved};
use sim::environment::{ActionSpace, Environment, Rows, StepOut};
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor};

fn gae(terminated: [bool; 3], truncated: [bool; 3], final_values: [f32; 3]) -> Vec<f32> {
    advantages(&GaeInput {
        rewards: &[1.0; 3],
        values: &[0.5, 0.4, 0.3],
        final_values: &final_values,
        last_values: &[0.2],
        terminated: &terminated,
        truncated: &truncated,
        discounts: &[0.99; 3],
        lambda: 0.95,
    })
    .0
}

fn assert_close(got: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (g, e) in got.iter().zip(expected) {
        assert!((f64::from(*g) - e).abs() < tolerance, "{got:?} {expected:?}");
    }
}

#[test]
fn advantages_match_the_figures_worked_by_hand() {
    let (no, at_1) = ([false; 3], [false, true, false]);
    assert_close(&gae(no, no, [0.0; 3]), &[2.533946, 1.741569, 0.898], 1e-6);
    assert_close(&gae(at_1, no, [9.0; 3]), &[1.460300, 0.600000, 0.898], 1e-6);
    let cut = gae(no, at_1, [9.0, 0.7, 9.0]);
    assert_close(&cut, &[2.112066, 1.293000, 0.898], 1e-6);
}

#[test]
fn advantages_of_lanes_side_by_side_do_not_mix() {
    let one = gae([false; 3], [false; 3], [0.0; 3]);
    let two = gae([false, true, false], [false; 3], [0.0; 3]);
    let both = advantages(&GaeInput {
        rewards: &[1.0; 6],
        values: &[0.5, 0.5, 0.4, 0.4, 0.3, 0.3],
        final_values: &[0.0; 6],
        last_values: &[0.2, 0.2],
        terminated: &[false, false, false, true, false, false],
        truncated: &[false; 6],
        discounts: &[0.99; 6],
        lambda: 0.95,
    })
    .0;
    let lane = |i: usize| -> Vec<f32> { both.iter().skip(i).step_by(2).copied().collect() };
    assert_eq!((lane(0), lane(1)), (one, two));
}

#[test]
fn a_masked_choice_has_probability_zero_and_no_slope() {
    let heads = Heads::new(&[3, 2]);
    let logits = [1.0, 50.0, -1.0, 3.0, 2.0, 0.0, 1.0, 2.0, 80.0, 3.0];
    let mask = [1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0];
    let (drawn, rows) = ([0.0, 1.0, 1.0, 1.0], [0, 1]);
    let mut softmax = Softmax::default();
    heads.softmax(&logits, &Illegal::new(&mask, 5), &rows, &mut softmax);
    let (first, second) = (1.0 / (1.0 + (-2.0f64).exp()), 1.0 / (1.0 + 1f64.exp()));
    let expected = [first, 0.0, 1.0 - first, 1.0 - second, second, 0.0, 1.0, 0.0, 0.0, 1.0];
    assert_close(&softmax.probabilities, &expected, 1e-6);
    let log_probs: Vec<f32> = heads.log_probs(&softmax, &drawn, &rows).collect();
    assert_close(&log_probs, &[first.ln() + second.ln(), 0.0], 1e-6);
    let nats = |p: f64| -p * p.ln() - (1.0 - p) * (1.0 - p).ln();
    assert_close(&softmax.entropies, &[nats(first), nats(second), 0.0, 0.0], 1e-6);
    let pull = Pull { along_log_probs: &[1.0; 2], entropy: 1.0, teacher: None, reference: None };
    let mut along_logits = vec![0.0; softmax.all.len()];
    heads.slopes(&softmax, &drawn, &rows, pull, &mut along_logits);
    for masked in [1, 5, 7, 8] {
        assert_eq!((softmax.probabilities[masked], along_logits[masked]), (0.0, 0.0));
    }
}

/// Against libtorch, which differentiates the loss itself.
#[test]
fn slopes_along_logits_are_those_that_libtorch_finds() {
    const CHOICES: [u32; 3] = [3, 2, 4];
    const L: usize = 9;
    let heads = Heads::new(&CHOICES);
    let number =
        |seed: f64, i: usize| ((seed + i as f64 * 0.754_877_666).fract() * 6.0 - 3.0) as f32;
    let numbers = |seed: f64, n: usize| -> Vec<f32> { (0..n).map(|i| number(seed, i)).collect() };
    // Four decisions, of which a minibatch has three, in another order.
    let rows = [2i64, 0, 3];
    let mut mask = vec![1.0; 4 * L];
    for illegal in [1, 4, 5, L + 2, 2 * L + 7, 2 * L + 8, 3 * L] {
        mask[illegal] = 0.0;
    }
    let drawn = [2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0]; // [4, 3]
    let taught = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 2.0];
    let off = Illegal::new(&mask, L);
    let (outputs, along_log_probs) = (numbers(0.1, 3 * L), numbers(0.7, 3));
    let mut theirs = Softmax::default();
    heads.softmax(&numbers(0.4, 4 * L), &off, &[0, 1, 2, 3], &mut theirs);
    let pull = Pull {
        along_log_probs: &along_log_probs,
        entropy: 0.3,
        teacher: Some((0.8, &taught)),
        reference: Some((0.6, &theirs.all)),
    };
    let (mut softmax, mut along_logits) = (Softmax::default(), vec![0.0; outputs.len()]);
    heads.softmax(&outputs, &off, &rows, &mut softmax);
    let (cross_entropy, divergence) =
        heads.slopes(&softmax, &drawn, &rows, pull, &mut along_logits);

    let logits = Tensor::from_slice(&outputs).view([3, L as i64]).set_requires_grad(true);
    let pick = |of: &[f32], width: usize| -> Vec<f32> {
        rows.iter().flat_map(|row| of[*row as usize * width..][..width].to_vec()).collect()
    };
    let tensor = |of: &[f32]| Tensor::from_slice(of).view([3, -1]);
    let illegal = tensor(&pick(&mask, L)).le(0.5);
    let (reference, drawn, taught) =
        (tensor(&pick(&theirs.all, L)), tensor(&pick(&drawn, 3)), tensor(&pick(&taught, 3)));
    let (mut start, mut loss) = (0, Tensor::from(0.0f32));
    let (mut expected_cross, mut expected_divergence) = (0.0, 0.0);
    for (head, n) in CHOICES.iter().map(|n| i64::from(*n)).enumerate() {
        let part = |of: &Tensor| of.narrow(1, start, n);
        let masked = part(&logits).masked_fill(&part(&illegal), -1e9);
        let all = masked.log_softmax(-1, Kind::Float);
        let at = |of: &Tensor| {
            let choice = of.narrow(1, head as i64, 1).to_kind(Kind::Int64);
            all.gather(-1, &choice, false).squeeze_dim(-1)
        };
        let entropy = -(all.exp() * &all).sum(Kind::Float) / 3.0;
        let cross = -at(&taught).mean(Kind::Float);
        let apart = (all.exp() * (&all - part(&reference))).sum(Kind::Float) / 3.0;
        expected_cross += cross.double_value(&[]);
        expected_divergence += apart.double_value(&[]);
        loss += at(&drawn).dot(&Tensor::from_slice(&along_log_probs));
        loss += cross * 0.8 + apart * 0.6 - entropy * 0.3;
        start += n;
    }
    loss.backward();
    let expected: Vec<f64> = to_vec(&logits.grad()).iter().map(|g| f64::from(*g)).collect();
    assert_close(&along_logits, &expected, 1e-6);
    assert!((cross_entropy - expected_cross).abs() < 1e-5, "{cross_entropy} {expected_cross}");
    assert!((divergence - expected_divergence).abs() < 1e-5, "{divergence} {expected_divergence}");
}

#[test]
fn logits_that_are_not_finite_are_noticed_where_they_are_legal() {
    let heads = Heads::new(&[3]);
    let mut softmax = Softmax::default();
    for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for at in 0..3 {
            let mut logits = [0.5, -0.5, 0.1];
            logits[at] = wrong;
            heads.softmax(&logits, &Illegal::new(&[1.0; 3], 3), &[0], &mut softmax);
            assert!(!softmax.entropies[0].is_finite(), "{wrong} at {at}: {softmax:?}");
            let mut mask = [1.0; 3];
            mask[at] = 0.0;
            heads.softmax(&logits, &Illegal::new(&mask, 3), &[0], &mut softmax);
            assert!(softmax.entropies[0].is_finite(), "{wrong} at {at}: {softmax:?}");
            assert_eq!(softmax.probabilities[at], 0.0);
        }
    }
}

#[test]
fn a_pass_whose_tensors_are_made_once_is_the_networks() {
    let choices = ActionSpace::MultiDiscrete { heads: vec![3, 2] };
    let numbers = ActionSpace::Continuous { low: vec![-1.0; 5], high: vec![1.0; 5] };
    let rows = Rows { start: 0, room: 2, width: 2, present: None, heads: 0 };
    for (set, memory, depth, action) in [
        (None, 0, 1, &choices),
        (None, 0, 3, &numbers),
        (None, 5, 2, &choices),
        (Some((rows, 3)), 0, 2, &choices),
        (Some((Rows { heads: 2, ..rows }, 3)), 5, 2, &numbers),
    ] {
        let action = action.clone();
        let shape = NetworkShape { obs_dim: 4, set, memory, width: 8, depth, action };
        let weights = shape.initial(&Noise::new(2), &[], 0.0);
        let mut network = Network::new(shape, &weights, Device::Cpu);
        let mut inference = Inference::new(&network, 3);
        for pass in 0..3 {
            let obs: Vec<f32> = (0..12).map(|i| ((pass * 12 + i) as f32).sin()).collect();
            let mut state = vec![0.25; 3 * memory];
            let before = state.clone();
            let (mut logits, mut values) = ([0.0; 15], [0.0; 3]);
            inference.pass(&network, &obs, &mut state, &mut logits, &mut values);
            let obs = Tensor::from_slice(&obs).view([3, 4]);
            let Seen { mut context, rows } = network.see(&obs);
            if memory > 0 {
                context = network.remember(&context, &Tensor::from_slice(&before).view([3, -1]));
                assert_eq!(state, to_vec(&context));
            }
            let (all, value) = network.forward(&context, rows.as_ref());
            assert_eq!((logits.to_vec(), values.to_vec()), (to_vec(&all), to_vec(&value)));
            if network.log_std().is_none() {
                bare_pass(&mut network, &obs); // The weights move.
            }
        }
    }
}

#[test]
fn sampled_choices_follow_the_masked_softmax() {
    let heads = Heads::new(&[3, 2]);
    let logits = [0.0, 1.0, 99.0, -1.0, 0.5];
    let mask = [1.0, 1.0, 0.0, 1.0, 1.0];
    let e = 1f64.exp();
    let a = 1.5f64.exp();
    let expected = [1.0 / (1.0 + e), e / (1.0 + e), 0.0, 1.0 / (1.0 + a), a / (1.0 + a)];
    let mut counts = [0.0; 5];
    let mut action = [0.0; 2];
    let n = 20_000;
    for i in 0..n {
        // A low-discrepancy pair stands in for noise.
        let at = [f64::from(i) * 0.754_877_666, f64::from(i) * 0.569_840_29].map(|x| x.fract());
        let mut next = at.into_iter();
        let log_prob = heads.sample(&logits, &mask, &mut action, || next.next().unwrap());
        counts[action[0] as usize] += 1.0 / f64::from(n);
        counts[3 + action[1] as usize] += 1.0 / f64::from(n);
        let chosen = [action[0] as usize, 3 + action[1] as usize].map(|i| expected[i]);
        let log_prob = f64::from(log_prob.unwrap());
        assert!((log_prob - (chosen[0] * chosen[1]).ln()).abs() < 1e-6);
    }
    for (got, want) in counts.iter().zip(expected) {
        assert!((got - want).abs() < 2e-3, "{counts:?} {expected:?}");
    }
    assert_eq!(heads.sample(&logits, &[1.0, 1.0, 1.0, 0.0, 0.0], &mut action, || 0.5), Err(1));
}

fn identities(lanes: u64, heads: usize, masked: bool, seed: u64) -> Lanes<Identity> {
    Lanes::new(
        (0..lanes).map(|lane| Identity::new(4, heads, masked, seed, lane, lanes)).collect(),
        false,
    )
}

fn small(seed: u64) -> PpoConfig {
    PpoConfig {
        seed,
        updates: 6,
        rollout_steps: 25,
        minibatch: 40,
        hidden: vec![16, 16],
        learning_rate: 1e-2,
        ..PpoConfig::default()
    }
}

fn run<E: Environment>(config: PpoConfig, lanes: Lanes<E>) -> (Ppo<E>, Vec<UpdateLog>) {
    let mut run = Ppo::new(config, lanes, Device::Cpu).unwrap();
    let mut logs = Vec::new();
    train(&mut run, &mut |log: &UpdateLog, _: &mut Ppo<E>| {
        logs.push(log.clone());
        Ok(Next::Continue)
    })
    .unwrap();
    (run, logs)
}

/// Score of the frozen policy over an episode.
fn play<E: Environment>(run: &Ppo<E>, mut world: E, episode: u64) -> f64 {
    let mut policy = run.policy("test").unwrap();
    games::play(&mut world, episode, |obs, mask, action| policy.act(obs, mask, action))
}

#[test]
fn identity_is_learned_within_1200_decisions() {
    for (heads, masked) in [(1, false), (2, true)] {
        // 8 lanes × 25 × 6 = 1,200.
        let (run, logs) = run(small(1), identities(8, heads, masked, 5));
        assert_eq!(run.decisions(), 1200);
        assert_eq!(logs.iter().map(|l| l.episodes).sum::<u64>(), 8);
        let score = play(&run, Identity::new(4, heads, masked, 99, 0, 1), 0);
        assert!(score >= 0.9 * f64::from(IDENTITY_DECISIONS), "{heads} heads: {score}");
    }
}

#[test]
fn the_first_minibatch_sees_the_policy_that_collected() {
    let (_, logs) = run(small(2), identities(8, 2, true, 5));
    for log in &logs {
        assert!(log.first_ratio_error < 2e-6, "{}", log.first_ratio_error);
        assert_eq!(log.first_clip_fraction, 0.0);
        assert!(log.entropy > 0.0 && log.approx_kl > -1e-6 && log.grad_norm > 0.0);
    }
}

#[test]
fn training_twice_gives_the_same_bytes_and_another_seed_others() {
    let bytes = |seed| run(small(seed), identities(4, 1, false, 5)).0.checkpoint().to_bytes();
    let once = bytes(1);
    assert!(once == bytes(1));
    assert!(once != bytes(2));
}

#[test]
fn a_resumed_run_ends_with_the_bytes_of_an_uninterrupted_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let config = PpoConfig { anneal_clip: true, anneal_entropy: true, ..small(3) };
    let watch = |path: &Path, stop: u64| {
        let path = path.to_owned();
        move |log: &UpdateLog, run: &mut Ppo<CartPole>| {
            run.consider_best(log.episode_return);
            run.set_note(vec![log.update as u8]);
            run.save_checkpoint(&path)?;
            Ok(if log.update == stop { Next::Stop } else { Next::Continue })
        }
    };
    let lanes = || Lanes::new((0..4).map(|lane| CartPole::new(9, lane, 4)).collect(), true);

    let mut straight = Ppo::new(config.clone(), lanes(), Device::Cpu).unwrap();
    train(&mut straight, &mut watch(&path, 99)).unwrap();
    let expected = std::fs::read(&path).unwrap();

    let mut killed = Ppo::new(config.clone(), lanes(), Device::Cpu).unwrap();
    train(&mut killed, &mut watch(&path, 3)).unwrap();
    // Work after the checkpoint is lost, as under kill -9.
    killed.update().unwrap();
    drop(killed);
    assert!(std::fs::read(&path).unwrap() != expected);
    let mut resumed = Ppo::resume(config.clone(), lanes(), Device::Cpu, &path).unwrap();
    assert_eq!((resumed.updates_done(), resumed.note()), (3, [3u8].as_slice()));
    train(&mut resumed, &mut watch(&path, 99)).unwrap();
    assert!(std::fs::read(&path).unwrap() == expected);

    // Another run may begin with what this one had learned, at its own beginning and with its own worlds.
    let mut next = Ppo::new(PpoConfig { seed: 8, ..config.clone() }, lanes(), Device::Cpu).unwrap();
    next.begin_with(&path).unwrap();
    assert_eq!((next.updates_done(), next.note()), (0, [].as_slice()));
    let (learned, begun) = (resumed.checkpoint(), next.checkpoint());
    assert_eq!(begun.network, learned.network);
    assert_eq!((begun.obs_stats, begun.return_stats), (learned.obs_stats, learned.return_stats));
    let wide = PpoConfig { hidden: vec![9], ..config.clone() };
    let refused = Ppo::new(wide, lanes(), Device::Cpu).unwrap().begin_with(&path).unwrap_err();
    assert!(refused.to_string().contains("weights of the checkpoint"), "{refused}");

    let other = PpoConfig { gamma: 0.5, ..config };
    let refused = Ppo::resume(other, lanes(), Device::Cpu, &path).err().unwrap();
    assert!(refused.to_string().contains("gamma was 0.99, is 0.5"), "{refused}");
    let mut bytes = expected;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert!(Checkpoint::from_bytes(&bytes).unwrap_err().contains("damaged"));
    bytes.truncate(middle);
    assert!(Checkpoint::from_bytes(&bytes).unwrap_err().contains("cut short"));
}

#[test]
fn a_cut_episode_is_worth_what_would_have_followed_and_a_dead_one_is_not() {
    let value = |deadly, discount, blocks| {
        let config = PpoConfig {
            updates: 60,
            rollout_steps: 32,
            minibatch: 128,
            epochs: 10,
            gamma: 0.9,
            discount,
            learning_rate: 1e-2,
            normalise_observations: false,
            normalise_returns: false,
            ..small(1)
        };
        let lanes = Lanes::new((0..4).map(|_| Forever::new(8, deadly, blocks)).collect(), false);
        let run = run(config, lanes).0;
        let (_, value) = run.network().forward(&Tensor::from_slice(&[1.0f32]).view([1, 1]), None);
        f64::from(to_vec(&value)[0])
    };
    let cut = value(false, Discount::PerDecision, 7);
    assert!((cut - 10.0).abs() < 0.5, "1/(1 − 0.9) = 10, got {cut}");
    // One value for all 8 decisions: between the mean of what is left, 3.59, and the fixed point of
    // V = 1 + 0.9·V·7/8, 4.71.
    let dead = value(true, Discount::PerDecision, 7);
    assert!((3.5..4.8).contains(&dead), "{dead}");
    let blocks = value(false, Discount::PerBlock, 7);
    let expected = 1.0 / (1.0 - 0.9f64.powi(7));
    assert!((blocks - expected).abs() < 0.2, "{expected}, got {blocks}");
}

#[test]
fn the_frozen_policy_answers_as_libtorch_does() {
    let (run, _) = run(small(4), identities(8, 2, true, 5));
    let mut frozen = run.policy("test").unwrap();
    let normaliser = frozen.normaliser().clone();
    let inverse = normaliser.inverse_std();
    for case in 0..50 {
        let obs: Vec<f32> = (0..4).map(|i| ((case * 7 + i * 3) % 11) as f32 / 2.0 - 2.0).collect();
        let seen: Vec<f32> = (0..4)
            .map(|i| ((obs[i] - normaliser.mean[i]) * inverse[i]).clamp(-10.0, 10.0))
            .collect();
        let (logits, _) = run.network().forward(&Tensor::from_slice(&seen).view([1, 4]), None);
        let expected: Vec<f64> = to_vec(&logits).iter().map(|x| f64::from(*x)).collect();
        assert_close(frozen.logits(&obs, &[1.0; 8]), &expected, 1e-5);
    }
}

/// Whether at so few decisions is luck of the seed: of seeds 1 to 8 six come to 500, and 1 and 4 to 240 and 170.
#[test]
fn cart_pole_is_learned_by_two_seeds_of_three() {
    // Over fewer decisions than rl-zoo has.
    let mean = |seed| {
        let config = PpoConfig { updates: 120, ..CartPole::rl_zoo(seed) };
        let lanes = Lanes::new((0..8).map(|lane| CartPole::new(3, lane, 8)).collect(), false);
        let (run, logs) = run(config, lanes);
        assert!(logs[0].episode_return < 40.0, "{:?}", logs[0]);
        (0..10).map(|e| play(&run, CartPole::new(77, 0, 1), e)).sum::<f64>() / 10.0
    };
    let means = [1, 2, 3].map(mean);
    let learned = means.iter().filter(|mean| **mean > 0.9 * f64::from(CART_POLE_STEPS)).count();
    assert!(learned >= 2, "{means:?}");
}

/// "Say the number you were last shown": what to do now was seen a decision ago.
#[derive(Clone)]
struct Recall {
    spec: sim::environment::Spec,
    lane: u64,
    state: (u64, u32, u32, u32),
}

impl Recall {
    const STATES: u32 = 3;
    const DECISIONS: u32 = 10;
    fn new(lane: u64) -> Self {
        let spec = Identity::new(Self::STATES, 1, false, 1, 0, 1).spec().clone();
        Self { spec, lane, state: (0, 0, 0, 0) }
    }
    fn show(&mut self, obs: &mut [f32], mask: &mut [f32]) {
        let (episode, decision, now, _) = self.state;
        let address = (self.lane * 7_919 + episode) * 31 + u64::from(decision);
        let next = (address.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32 % Self::STATES;
        self.state.3 = now;
        self.state.2 = next;
        obs.fill(0.0);
        obs[next as usize] = 1.0;
        mask.fill(1.0);
    }
}

impl Environment for Recall {
    fn spec(&self) -> &sim::environment::Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.state = (episode, 0, 0, 0);
        self.show(obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        // The first decision of an episode has nothing to recall: 0 is right then.
        *out.reward = f32::from(u8::from(action[0] as u32 == self.state.3));
        *out.elapsed_blocks = 1;
        self.state.1 += 1;
        *out.terminated = self.state.1 == Self::DECISIONS;
        *out.truncated = false;
        if *out.terminated {
            out.final_obs.fill(0.0);
            self.reset(self.state.0 + 1, out.obs, out.action_mask);
        } else {
            self.show(out.obs, out.action_mask);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).unwrap()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.state = postcard::from_bytes(bytes).map_err(|e| e.to_string())?;
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.state.0
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &[]
    }
}

fn recalls(lanes: u64) -> Lanes<Recall> {
    Lanes::new((0..lanes).map(Recall::new).collect(), false)
}

#[test]
fn what_is_no_longer_seen_is_remembered_and_without_memory_it_is_not() {
    let learn = |memory| {
        let config =
            PpoConfig { updates: 60, rollout_steps: 20, minibatch: 80, memory, ..small(1) };
        let (run, logs) = run(config, recalls(16));
        for log in &logs {
            assert!(log.first_ratio_error < 1e-5, "{}", log.first_ratio_error);
            assert_eq!(log.first_clip_fraction, 0.0);
        }
        (0..20).map(|e| play(&run, Recall::new(99), e)).sum::<f64>() / 20.0
    };
    let (with, without) = (learn(16), learn(0));
    assert!(with > 9.5, "of 10: {with}");
    assert!(without < 7.0, "of 10: {without}");
}

#[test]
fn a_policy_with_memory_resumes_and_freezes_as_it_is() {
    let config = PpoConfig { memory: 6, minibatch: 30, ..small(7) };
    let mut straight = Ppo::new(config.clone(), recalls(4), Device::Cpu).unwrap();
    straight.update().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    straight.save_checkpoint(&path).unwrap();
    straight.update().unwrap();
    let mut resumed = Ppo::resume(config, recalls(4), Device::Cpu, &path).unwrap();
    resumed.update().unwrap();
    assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());

    let mut frozen = straight.policy("test").unwrap();
    let (normaliser, network) = (frozen.normaliser().clone(), straight.network());
    let inverse = normaliser.inverse_std();
    let mut state = Tensor::zeros([1, 6], (Kind::Float, Device::Cpu));
    for case in 0..30 {
        let obs: Vec<f32> = (0..3).map(|i| ((case * 5 + i * 3) % 7) as f32 / 3.0 - 1.0).collect();
        let seen: Vec<f32> = (0..3)
            .map(|i| ((obs[i] - normaliser.mean[i]) * inverse[i]).clamp(-10.0, 10.0))
            .collect();
        state = network.remember(&Tensor::from_slice(&seen).view([1, 3]), &state);
        let (logits, _) = network.forward(&state, None);
        let expected: Vec<f64> = to_vec(&logits).iter().map(|x| f64::from(*x)).collect();
        assert_close(frozen.logits(&obs, &[1.0; 3]), &expected, 1e-5);
    }
    let before = frozen.logits(&[1.0, 0.0, 0.0], &[1.0; 3]).to_vec();
    frozen.forget();
    assert!(frozen.logits(&[1.0, 0.0, 0.0], &[1.0; 3]) != before.as_slice());
}

#[test]
fn a_partial_world_leaves_out_what_it_should() {
    let mut whole = CartPole::new(3, 0, 1);
    let mut partial = Partial::new(CartPole::new(3, 0, 1), &[0, 2]);
    let (mut a, mut b, mut mask) = ([0.0; 4], [0.0; 2], [0.0; 2]);
    whole.reset(5, &mut a, &mut mask);
    partial.reset(5, &mut b, &mut mask);
    assert_eq!(b, [a[0], a[2]]);
    assert_eq!((partial.spec().obs_dim, partial.save()), (2, whole.save()));
}

#[test]
fn divergence_names_the_last_good_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("good.ckpt");
    let config = PpoConfig { learning_rate: 1e30, anneal_learning_rate: false, ..small(1) };
    let mut run = Ppo::new(config, identities(8, 1, false, 5), Device::Cpu).unwrap();
    run.save_checkpoint(&path).unwrap();
    let error = (0..6).find_map(|_| run.update().err()).unwrap();
    assert!(matches!(error, LearnError::Diverged { .. }), "{error}");
    assert!(error.to_string().contains("good.ckpt"), "{error}");
    // Before anything is infinite.
    let config = PpoConfig { learning_rate: 1e3, anneal_learning_rate: false, ..small(1) };
    let mut run = Ppo::new(config, identities(8, 1, false, 5), Device::Cpu).unwrap();
    let error = (0..6).find_map(|_| run.update().err()).unwrap();
    assert!(matches!(error, LearnError::Diverged { value, .. } if value.is_finite()), "{error}");
}

#[test]
fn an_update_ends_with_the_epoch_that_went_too_far() {
    let epochs = |target_kl| {
        let config = PpoConfig { epochs: 7, target_kl, learning_rate: 0.01, ..small(1) };
        let mut run = Ppo::new(config, identities(8, 1, false, 5), Device::Cpu).unwrap();
        run.update().unwrap().epochs
    };
    assert_eq!((epochs(None), epochs(Some(1e9)), epochs(Some(1e-9))), (7, 7, 1));
    let some = epochs(Some(0.01));
    assert!((1..7).contains(&some), "{some}");
}

/// An [`Identity`] whose reward becomes NaN.
struct Broken(Identity, u32);

impl Environment for Broken {
    fn spec(&self) -> &sim::environment::Spec {
        self.0.spec()
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.0.reset(episode, obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        self.1 += 1;
        let broken = self.1 == 3;
        let reward = out.reward;
        let mut given = 0.0;
        self.0.step(action, StepOut { reward: &mut given, ..out });
        *reward = if broken { f32::NAN } else { given };
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
fn a_world_that_returns_nan_is_named() {
    let lanes = Lanes::new(vec![Broken(Identity::new(4, 1, false, 1, 0, 1), 0)], false);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("latest.ckpt");
    let mut run = Ppo::new(small(1), lanes, Device::Cpu).unwrap();
    run.save_checkpoint(&path).unwrap();
    let go_on = |_: &UpdateLog, _: &mut Ppo<Broken>| Ok(Next::Continue);
    let error = train(&mut run, &mut { go_on }).unwrap_err();
    let place = "update 1, decision 2, lane 0: reward[0] is NaN";
    assert_eq!(error.to_string(), format!("{place}; last good checkpoint: {}", path.display()));
    let refused = PpoConfig { gamma: 1.5, ..small(1) }.check().unwrap_err();
    assert!(refused.to_string().contains("`gamma` must be between 0 and 1"));
}
