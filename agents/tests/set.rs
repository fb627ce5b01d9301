//! Rows of entities, read as a set by PPO: beside the flat network on a game whose answer does not depend on their
//! order.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::export::bundle::{self, ActionHead, BundleError, ObservationField, PolicyCard};
use agents::frozen::{FrozenPolicy, Normaliser};
use agents::learn::games::{ABOVE_DECISIONS, Above, CartPole, LARGEST_DECISIONS, Largest, play};
use agents::learn::network::Seen;
use agents::learn::noise::Noise;
use agents::learn::parameters::to_vec;
use agents::learn::ppo::Ppo;
use agents::learn::shape::NetworkShape;
use agents::learn::{LearnError, PpoConfig, Saved};
use protocols::risk_params::RiskRegime;
use sim::environment::{ActionSpace, Environment};
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

/// Games of so many rows that are asked about each.
fn of_rows(rows: usize, lanes: u64) -> Lanes<Above> {
    Lanes::new((0..lanes).map(|lane| Above::new(rows, 5, lane, lanes)).collect(), false)
}

fn trained<E: Environment>(config: PpoConfig, lanes: Lanes<E>) -> Ppo<E> {
    let updates = config.updates;
    let mut run = Ppo::new(config, lanes, Device::Cpu).unwrap();
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
    let score =
        |set_width| right(&mut trained(config(1, set_width), games(16)).policy("set").unwrap());
    let (set, flat) = (score(16), score(0));
    assert!(set > 0.9, "as a set: {set}; flat: {flat}");
    assert!(flat < set - 0.1, "as a set: {set}; flat: {flat}");
}

#[test]
fn the_order_of_rows_changes_no_answer_and_the_frozen_policy_answers_as_libtorch_does() {
    for memory in [0, 5] {
        let run = trained(PpoConfig { updates: 4, memory, ..config(2, 8) }, games(8));
        let mut frozen = run.policy("set").unwrap();
        let mut back = FrozenPolicy::from_bytes(&frozen.to_bytes()).unwrap();
        assert_eq!(back.set(), frozen.set());
        let normaliser = frozen.normaliser().clone();
        let inverse = normaliser.inverse_std();
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
            let expected = by_libtorch(&run, &seen);
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

/// A run's outputs for a normalised observation, from libtorch; of nothing remembered.
fn by_libtorch<E: Environment>(run: &Ppo<E>, seen: &[f32]) -> Vec<f32> {
    let network = run.network();
    let Seen { mut context, rows } = network.see(&Tensor::from_slice(seen).view([1, -1]));
    let memory = network.shape().memory as i64;
    if memory > 0 {
        let nothing = Tensor::zeros([1, memory], (context.kind(), Device::Cpu));
        context = network.remember(&context, &nothing);
    }
    to_vec(&network.forward(&context, rows.as_ref()).0)
}

/// Share of right answers over 20 games of so many rows that training never played.
fn right_of_rows(policy: &mut FrozenPolicy, rows: usize) -> f64 {
    let mut world = Above::new(rows, 99, 0, 1);
    let mut one = |episode| {
        policy.forget();
        play(&mut world, episode, |obs, mask, action| policy.act(obs, mask, action))
    };
    (0..20).map(&mut one).sum::<f64>() / (20.0 * f64::from(ABOVE_DECISIONS))
}

#[test]
fn what_is_learned_of_four_rows_answers_for_nine() {
    for memory in [0, 8] {
        let config = PpoConfig { memory, updates: 60, ..config(1, 16) };
        let policy = trained(config, of_rows(4, 16)).policy("rows").unwrap();
        let own = right_of_rows(&mut policy.clone(), 4);
        let many = right_of_rows(&mut policy.with_rows(9).unwrap(), 9);
        assert!(own > 0.85 && many > 0.85, "memory {memory}: four rows {own}, nine {many}");
    }
}

#[test]
fn every_row_is_asked_by_the_same_heads() {
    for memory in [0, 5] {
        let run = trained(PpoConfig { updates: 3, memory, ..config(2, 8) }, of_rows(4, 8));
        let mut frozen = run.policy("rows").unwrap();
        let mut back = FrozenPolicy::from_bytes(&frozen.to_bytes()).unwrap();
        let normaliser = frozen.normaliser().clone();
        let inverse = normaliser.inverse_std();
        let logits = |policy: &mut FrozenPolicy, obs: &[f32]| {
            policy.forget();
            policy.logits(obs, &vec![1.0; policy.logits_dim()]).to_vec()
        };
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        for case in 0..10u32 {
            let obs: Vec<f32> = (0..5).map(|i| ((case * 7 + i * 3) % 11) as f32 / 11.0).collect();
            let seen: Vec<f32> =
                (0..5).map(|i| (obs[i] - normaliser.mean[i]) * inverse[i]).collect();
            let got = logits(&mut frozen, &obs);
            assert_eq!(got.len(), 10);
            assert!(near(&got, &by_libtorch(&run, &seen)), "{got:?}");
            assert_eq!(got, logits(&mut back, &obs));
            // Rows change places, and so do their answers; that of the whole stays.
            let moved: Vec<f32> = [0, 3, 4, 1, 2].iter().map(|i| obs[*i]).collect();
            let turned = logits(&mut frozen, &moved);
            assert!(near(&got[..4], &turned[4..8]) && near(&got[4..8], &turned[..4]));
            assert!(near(&got[8..], &turned[8..]));
            // The same rows twice over are the same set: means and maxima stay.
            let twice: Vec<f32> = obs.iter().chain(&obs[1..]).copied().collect();
            let wide = logits(&mut frozen.clone().with_rows(8).unwrap(), &twice);
            assert!(near(&wide[..8], &got[..8]) && near(&wide[8..16], &got[..8]));
            assert!(near(&wide[16..], &got[8..]));
        }
    }
}

/// A policy that has learned nothing and answers with a number for each row, and one for the whole.
fn of_numbers(rows: usize) -> FrozenPolicy {
    let set = Above::new(rows, 1, 0, 1).spec().rows.map(|rows| (rows, 6));
    let action = ActionSpace::Continuous { low: vec![0.0; rows + 1], high: vec![2.0; rows + 1] };
    let shape = NetworkShape { obs_dim: 1 + rows, set, memory: 0, width: 8, depth: 2, action };
    let weights = shape.initial(&Noise::new(4), &[], 0.0);
    shape.freeze("numbers", &weights, Normaliser::identity(1 + rows, 10.0)).unwrap()
}

#[test]
fn numbers_of_rows_are_given_by_the_same_heads() {
    let numbers = |policy: &mut FrozenPolicy, obs: &[f32]| {
        let mut action = vec![0.0; policy.action_dim()];
        policy.act(obs, &vec![1.0; policy.action_dim()], &mut action);
        action
    };
    let obs = [1.0, 0.2, -0.7, 1.5];
    let own = numbers(&mut of_numbers(3), &obs);
    assert!(own[0] != own[1] && own[1] != own[2], "{own:?}");
    let twice: Vec<f32> = obs.iter().chain(&obs[1..]).copied().collect();
    let wide = numbers(&mut of_numbers(3).with_rows(6).unwrap(), &twice);
    let expected = [&own[..3], &own[..3], &own[3..]].concat();
    assert!(wide.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{wide:?} {own:?}");
}

#[test]
fn rows_that_are_not_alike_make_no_policy() {
    let policy = of_numbers(3);
    let made = |normaliser: Normaliser, high: f32| {
        let low = vec![0.0; 4];
        let action = ActionSpace::Continuous { low, high: vec![2.0, 2.0, high, 2.0] };
        let parts = (policy.set().cloned(), None);
        FrozenPolicy::of("made", action, normaliser, parts, policy.layers().to_vec())
    };
    let tied = policy.normaliser().clone();
    assert!(made(tied.clone(), 2.0).is_ok());
    let error = made(tied.clone(), 3.0).unwrap_err();
    assert!(error.to_string().contains("alike in all rows"), "{error}");
    let mut untied = tied;
    untied.mean[2] = 0.5;
    let error = made(untied, 2.0).unwrap_err();
    assert!(error.to_string().contains("the same statistics"), "{error}");
}

#[test]
fn a_policy_of_rows_comes_back_from_its_bundle() {
    let dir = tempfile::tempdir().unwrap();
    let field = |i: usize| ObservationField {
        name: format!("value {i}"),
        unit: "1".into(),
        scale: 1.0,
        visibility: "Public".into(),
    };
    let head = |i: usize, choices: u32| ActionHead {
        name: format!("head {i}"),
        unit: "1".into(),
        choices: (0..choices).map(|choice| choice.to_string()).collect(),
        rule: RiskRegime::guardian().ltv,
    };
    for memory in [0, 5] {
        let updates = PpoConfig { updates: 2, memory, ..config(2, 8) };
        let policies = [
            trained(updates.clone(), of_rows(4, 8)).policy("each row").unwrap(),
            trained(updates, games(8)).policy("some rows").unwrap(),
            of_numbers(3 + memory),
        ];
        for mut policy in policies {
            let card = PolicyCard {
                name: policy.name().into(),
                observations: (0..policy.obs_dim()).map(field).collect(),
                actions: (0..policy.action_dim())
                    .map(|i| head(i, policy.heads().get(i).copied().unwrap_or(3)))
                    .collect(),
                ..PolicyCard::default()
            };
            let path = dir.path().join(format!("{} {memory}", policy.name()));
            bundle::write(&path, &mut policy, card, &[]).unwrap();
            let (back, metadata, _) = bundle::load(&path).unwrap();
            assert_eq!(back.set(), policy.set());
            assert_eq!(metadata.network.rows, policy.set().map(|set| set.rows));
            // Rows that reach beyond the observation are refused, not read.
            let file = path.join("metadata.json");
            let text = std::fs::read_to_string(&file).unwrap();
            let beyond = text.replace("\"room\": ", "\"room\": 1");
            assert!(beyond != text);
            std::fs::write(&file, &beyond).unwrap();
            let manifest = path.join("manifest.json");
            let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
            let listed = std::fs::read_to_string(&manifest).unwrap();
            std::fs::write(&manifest, listed.replace(&hash(&text), &hash(&beyond))).unwrap();
            assert!(matches!(bundle::load(&path), Err(BundleError::Network(_))));
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
fn a_set_is_refused_where_there_is_none_and_rows_that_are_not_alike() {
    let lanes = Lanes::new(vec![CartPole::new(1, 0, 1)], false);
    let error = Ppo::new(config(1, 8), lanes, Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Setting { field: "set_width", .. }), "{error}");
    // The whole is not asked as the rows are.
    let bias = PpoConfig { initial_logit_bias: vec![0.0, 1.0, 0.0, 2.0, 0.0, 0.0], ..config(1, 8) };
    let error = Ppo::new(bias, of_rows(2, 1), Device::Cpu).err().unwrap();
    assert!(matches!(error, LearnError::Setting { field: "initial_logit_bias", .. }), "{error}");
    let run = Ppo::new(config(1, 8), games(1), Device::Cpu).unwrap();
    let error = run.policy("set").unwrap().with_rows(3).unwrap_err();
    assert!(error.to_string().contains("heads of its rows"), "{error}");
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
