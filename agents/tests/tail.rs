//! Tails of costs and returns, against bandits whose best answers are known in closed form.
#![cfg(feature = "tch")]
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::ppo::Ppo;
use agents::learn::{PpoConfig, Saved, Tail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim::environment::{ActionSpace, Environment, Spec, StepOut};
use sim::lanes::Lanes;
use tch::{Device, Tensor, no_grad};

/// One decision: 0 earns `safe`, 1 earns `good` but, with the given chance, `bad`; `loss` is what is missing
/// to `good`.
struct Gamble {
    spec: Spec,
    pays: [f32; 3],
    chance: f64,
    learns: bool,
    lane: u64,
    episode: u64,
    summary: [(&'static str, f64); 1],
}

impl Gamble {
    fn lanes(pays: [f32; 3], chance: f64) -> Lanes<Self> {
        let spec = Spec::new(1, ActionSpace::MultiDiscrete { heads: vec![2] });
        let world = |lane| Self {
            spec: spec.clone(),
            pays,
            chance,
            learns: true,
            lane,
            episode: 0,
            summary: [("loss", 0.0)],
        };
        Lanes::new((0..32).map(world).collect(), false)
    }
}

impl Environment for Gamble {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.episode = episode;
        obs.fill(1.0);
        action_mask.fill(1.0);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let [safe, good, bad] = self.pays;
        let mut rng = ChaCha8Rng::seed_from_u64(self.lane << 32 | self.episode);
        let unlucky = agents::learn::noise::uniform(&mut rng) < self.chance;
        let (reward, loss) = match (action[0] == 1.0, unlucky) {
            (false, _) => (safe, 0.0),
            (true, false) => (good, 0.0),
            (true, true) => (bad, good - bad),
        };
        *out.reward = reward;
        self.summary[0].1 = f64::from(loss);
        *out.elapsed_blocks = 1;
        *out.terminated = true;
        *out.truncated = false;
        out.final_obs.fill(1.0);
        self.reset(self.episode + 1, out.obs, out.action_mask);
    }
    fn save(&self) -> Vec<u8> {
        self.episode.to_le_bytes().to_vec()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let bytes = bytes.try_into().map_err(|e| format!("eight bytes: {e}"))?;
        self.episode = u64::from_le_bytes(bytes);
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.episode
    }
    fn learns(&self) -> bool {
        self.learns
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}

fn config(tail: Option<Tail>) -> PpoConfig {
    PpoConfig {
        updates: 200,
        rollout_steps: 16,
        minibatch: 512,
        hidden: vec![8],
        learning_rate: 1e-2,
        anneal_learning_rate: false,
        normalise_observations: false,
        normalise_returns: false,
        entropy_weight: 0.0,
        tail,
        ..PpoConfig::default()
    }
}

/// The chance that the gamble is taken, mean of the last `last` updates.
fn taken(run: &mut Ppo<Gamble>, updates: u64, last: u64) -> f64 {
    let mut sum = 0.0;
    for update in 0..updates {
        run.update().unwrap();
        if update >= updates - last {
            let logits = no_grad(|| {
                run.network().forward(&Tensor::from_slice(&[1.0f32]).view([1, 1]), None).0
            });
            sum += logits.softmax(-1, tch::Kind::Double).double_value(&[0, 1]) / last as f64;
        }
    }
    sum
}

#[test]
fn a_budget_for_the_tail_is_spent_and_not_overdrawn() {
    // A lost gamble costs 1, one time in ten. The worst fifth of episodes costs 0.1·p / 0.2 on average if
    // the gamble is taken with chance p: a budget of 0.25 allows p = 0.5.
    let budget = |budget| {
        let tail = Tail::Budget {
            cost: "loss".into(),
            level: 0.8,
            budget,
            proportional: 0.1,
            integral: 0.01,
            derivative: 0.01,
            window: 2_048,
        };
        // Slow steps and some entropy: a policy that is sure of itself swings about the budget.
        let config = PpoConfig {
            updates: 400,
            learning_rate: 2e-3,
            entropy_weight: 0.02,
            normalise_advantages: false,
            ..config(Some(tail))
        };
        let mut run = Ppo::new(config, Gamble::lanes([0.5, 1.0, 0.0], 0.1), Device::Cpu).unwrap();
        let share = taken(&mut run, 400, 200);
        (share, run)
    };
    let (share, run) = budget(0.25);
    assert!((share - 0.5).abs() < 0.15, "{share} {:?}", run.tail().mean());
    let (share, _) = budget(1.0);
    assert!(share > 0.95, "a budget that cannot be overdrawn binds nobody: {share}");
}

#[test]
fn capped_returns_prefer_the_better_tail_and_uncapped_ones_the_better_mean() {
    // Safe: 0.6. Gamble: 2 or 0, mean 1; its worst fifth is 0.
    let lanes = || Gamble::lanes([0.6, 2.0, 0.0], 0.5);
    let mut neutral = Ppo::new(config(None), lanes(), Device::Cpu).unwrap();
    assert!(taken(&mut neutral, 100, 10) > 0.95);
    let tail = Tail::ReturnCap { share: 0.2, step: 0.2, floor: 0.1, window: 512 };
    let mut averse = Ppo::new(config(Some(tail)), lanes(), Device::Cpu).unwrap();
    assert!(taken(&mut averse, 150, 10) < 0.05);
    assert!((averse.tail().mean() - 0.6).abs() < 0.05, "{}", averse.tail().mean());
}

#[test]
fn the_tail_is_part_of_a_checkpoint() {
    let tail = Tail::ReturnCap { share: 0.2, step: 0.2, floor: 0.1, window: 100 };
    let config = config(Some(tail));
    let lanes = || Gamble::lanes([0.6, 2.0, 0.0], 0.5);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let mut straight = Ppo::new(config.clone(), lanes(), Device::Cpu).unwrap();
    straight.update().unwrap();
    straight.save_checkpoint(&path).unwrap();
    straight.update().unwrap();
    let mut resumed = Ppo::resume(config, lanes(), Device::Cpu, &path).unwrap();
    resumed.update().unwrap();
    assert!(resumed.checkpoint().to_bytes() == straight.checkpoint().to_bytes());
}

#[test]
fn episodes_that_nothing_is_learned_from_say_nothing_of_the_tail() {
    let tail = Tail::Budget {
        cost: "loss".into(),
        level: 0.8,
        budget: 0.25,
        proportional: 0.1,
        integral: 0.01,
        derivative: 0.0,
        window: 512,
    };
    // Who gambles loses for certain where nothing is learned, and never elsewhere.
    let mut lanes = Gamble::lanes([0.5, 1.0, 0.0], 0.0);
    for world in lanes.lanes_mut().iter_mut().step_by(2) {
        (world.learns, world.chance) = (false, 1.0);
    }
    let mut run = Ppo::new(config(Some(tail)), lanes, Device::Cpu).unwrap();
    assert!(taken(&mut run, 20, 1) > 0.6, "it is free where it is learned");
    assert_eq!((run.tail().mean(), run.tail().at_risk()), (0.0, Some(0.0)));
}

#[test]
fn a_figure_that_is_not_reported_is_named() {
    let tail = Tail::Budget {
        cost: "bad_debt".into(),
        level: 0.9,
        budget: 1.0,
        proportional: 0.1,
        integral: 0.0,
        derivative: 0.0,
        window: 10,
    };
    let mut run =
        Ppo::new(config(Some(tail)), Gamble::lanes([0.5, 1.0, 0.0], 0.1), Device::Cpu).unwrap();
    let error = run.update().unwrap_err().to_string();
    assert!(error.contains("bad_debt") && error.contains("loss"), "{error}");
}
