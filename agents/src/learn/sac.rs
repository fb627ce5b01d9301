//! Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905; second version: two critics, a temperature
//! that is learned), for actions that are bounded numbers. In reading order: settings → state → collect →
//! update → log.
//!
//! Shapes: `N` lanes, `M` transitions in a minibatch, `D` observation values, `A` numbers of an action,
//! `W` width of a hidden layer.
//!
//! Bit-identical on a CPU: one torch thread, addressed noise, our own optimiser.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sim::environment::{ActionSpace, Environment, Spec};
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::{Saved, SavedParameters, same_settings};
use super::error::LearnError;
use super::log::{Episodes, Stopwatch, UpdateLog, check_finite};
use super::noise::{Draw, Noise, normals, uniform};
use super::parameters::{AdamStep, Parameters, copy_to, to_vec};
use super::replay::Replay;
use super::squashed::ln_slope;
use crate::bounds::Bounds;

/// Settings of [`Sac`]. The defaults are the paper's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SacConfig {
    /// Names all noise of the learner.
    pub seed: u64,
    /// Decisions of each lane in one [`Sac::update`].
    pub rollout_steps: usize,
    /// Gradient steps per decision of a lane.
    pub gradient_steps: usize,
    /// Decisions of each lane that are drawn uniformly before anything is learned.
    pub warm_up_steps: u64,
    /// Transitions remembered.
    pub memory: usize,
    /// Transitions per gradient step.
    pub minibatch: usize,
    /// Width of each of the two hidden layers (ReLU).
    pub width: usize,
    /// Adam's step, of actor, critics and temperature.
    pub learning_rate: f64,
    /// Discount per decision.
    pub gamma: f64,
    /// Share of the way that the slow critics go to the fast ones at a gradient step.
    pub tau: f64,
    /// Entropy to hold, nats per number of an action; the paper's is −1.
    pub target_entropy: f64,
    /// First temperature.
    pub temperature: f64,
    /// Gradients are scaled down to this norm.
    pub max_grad_norm: f64,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            rollout_steps: 100,
            gradient_steps: 1,
            warm_up_steps: 100,
            memory: 1_000_000,
            minibatch: 256,
            width: 256,
            learning_rate: 3e-4,
            gamma: 0.99,
            tau: 0.005,
            target_entropy: -1.0,
            temperature: 1.0,
            max_grad_norm: 1e9,
        }
    }
}

impl SacConfig {
    /// Refuses settings that cannot train.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let unit = |v: f64| (0.0..=1.0).contains(&v);
        let rules: [(&'static str, bool, &'static str); 11] = [
            ("rollout_steps", (1..1 << 24).contains(&self.rollout_steps), "between 1 and 2^24"),
            ("gradient_steps", (1..1 << 12).contains(&self.gradient_steps), "between 1 and 4095"),
            ("memory", self.memory >= self.minibatch, "at least `minibatch`"),
            ("minibatch", self.minibatch > 0, "at least 1"),
            ("width", self.width > 0, "at least 1"),
            ("learning_rate", positive(self.learning_rate), "above 0"),
            ("gamma", unit(self.gamma), "between 0 and 1"),
            ("tau", unit(self.tau) && self.tau > 0.0, "above 0, at most 1"),
            ("target_entropy", self.target_entropy.is_finite(), "a number"),
            ("temperature", positive(self.temperature), "above 0"),
            ("max_grad_norm", positive(self.max_grad_norm), "above 0"),
        ];
        LearnError::refuse(rules)
    }
}

// ---------------------------------------------------------------------------------------- state

/// Bounds of the logarithm of a deviation: the usual ones of the authors' code.
const LOG_STD: [f64; 2] = [-20.0, 2.0];

/// A training run: the worlds, the networks, and all that a checkpoint holds.
pub struct Sac<E: Environment> {
    config: SacConfig,
    spec: Spec,
    noise: Noise,
    lanes: Lanes<E>,
    bounds: Bounds,
    actor: Parameters,
    critics: Parameters,
    /// The slow critics, which give targets.
    targets: Parameters,
    /// The temperature's logarithm.
    temperature: Parameters,
    replay: Replay,
    obs: Vec<f32>,
    episode_returns: Vec<f64>,
    episode_decisions: Vec<u64>,
    update: u64,
    /// Decisions of each lane so far.
    steps: u64,
    /// Gradient steps so far.
    gradient_steps: u64,
}

/// Everything that the rest of a SAC run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SacCheckpoint {
    config: SacConfig,
    spec: Spec,
    networks: [SavedParameters; 4],
    replay: Replay,
    obs: Vec<f32>,
    episode_returns: Vec<f64>,
    episode_decisions: Vec<u64>,
    lanes: Vec<Vec<u8>>,
    counts: [u64; 3],
}

impl Saved for SacCheckpoint {
    const MAGIC: &[u8; 16] = b"ballast-sac--02\n";
}

impl<E: Environment> Sac<E> {
    /// A run at its beginning: each lane starts the episode that it stands in. Sets libtorch to one
    /// thread, for the whole process.
    ///
    /// # Errors
    /// A setting out of range, or actions that are choices.
    pub fn new(config: SacConfig, mut lanes: Lanes<E>, device: Device) -> Result<Self, LearnError> {
        config.check()?;
        tch::set_num_threads(1);
        let spec = lanes.spec().clone();
        let ActionSpace::Continuous { low, high } = &spec.action else {
            return Err(LearnError::Actions { learner: "SAC", takes: "numbers" });
        };
        let bounds = Bounds::new(low, high).map_err(LearnError::Bounds)?;
        let noise = Noise::new(config.seed);
        let (d, a, w) = (spec.obs_dim, bounds.len(), config.width);
        let mut tensor = 0;
        let mut layer = |towers: usize, inputs: usize, outputs: usize| {
            tensor += 1;
            uniform_layer(&noise, tensor, towers, inputs, outputs)
        };
        let actor = [layer(1, d, w), layer(1, w, w), layer(1, w, 2 * a)].concat();
        let critics = [layer(2, d + a, w), layer(2, w, w), layer(2, w, 1)].concat();
        let critic_shapes = shapes(2, d + a, w, 1);
        let logarithm = [libm::log(config.temperature) as f32];
        let episodes: Vec<u64> = lanes.lanes().iter().map(E::episode).collect();
        lanes.reset(|lane| episodes[lane]);
        let n = lanes.len();
        Ok(Self {
            bounds,
            actor: Parameters::new(&shapes(1, d, w, 2 * a), &actor, device),
            critics: Parameters::new(&critic_shapes, &critics, device),
            targets: Parameters::new(&critic_shapes, &critics, device),
            temperature: Parameters::new(&[vec![1]], &logarithm, device),
            replay: Replay::new(config.memory, d, a),
            obs: lanes.buffers().obs.clone(),
            episode_returns: vec![0.0; n],
            episode_decisions: vec![0; n],
            update: 0,
            steps: 0,
            gradient_steps: 0,
            config,
            spec,
            noise,
            lanes,
        })
    }

    /// Continues a run from its checkpoint, on lanes built alike.
    ///
    /// # Errors
    /// Other settings, other shapes, or a lane that refuses its bytes.
    pub fn resume(
        config: SacConfig,
        lanes: Lanes<E>,
        device: Device,
        path: &Path,
    ) -> Result<Self, LearnError> {
        let saved = SacCheckpoint::load(path)?;
        let refuse = |reason| LearnError::Checkpoint { reason, path: path.into() };
        same_settings(&saved.config, &config).map_err(refuse)?;
        let mut run = Self::new(config, lanes, device)?;
        if saved.spec != run.spec || saved.lanes.len() != run.lanes.len() {
            return Err(refuse("checkpoint is of another world, or of other lanes".into()));
        }
        for (lane, (world, bytes)) in run.lanes.lanes_mut().iter_mut().zip(&saved.lanes).enumerate()
        {
            world.load(bytes).map_err(|reason| LearnError::Lane { lane, reason })?;
        }
        let (d, a, w) = (run.spec.obs_dim, run.bounds.len(), run.config.width);
        let [actor, critics, targets, temperature] = &saved.networks;
        run.actor = Parameters::restore(&shapes(1, d, w, 2 * a), actor, device);
        run.critics = Parameters::restore(&shapes(2, d + a, w, 1), critics, device);
        run.targets = Parameters::restore(&shapes(2, d + a, w, 1), targets, device);
        run.temperature = Parameters::restore(&[vec![1]], temperature, device);
        run.replay = saved.replay;
        run.obs = saved.obs;
        run.episode_returns = saved.episode_returns;
        run.episode_decisions = saved.episode_decisions;
        [run.update, run.steps, run.gradient_steps] = saved.counts;
        Ok(run)
    }

    /// Everything that the rest of the run depends on.
    #[must_use]
    pub fn checkpoint(&self) -> SacCheckpoint {
        SacCheckpoint {
            config: self.config.clone(),
            spec: self.spec.clone(),
            networks: [&self.actor, &self.critics, &self.targets, &self.temperature]
                .map(Parameters::save),
            replay: self.replay.clone(),
            obs: self.obs.clone(),
            episode_returns: self.episode_returns.clone(),
            episode_decisions: self.episode_decisions.clone(),
            lanes: self.lanes.lanes().iter().map(E::save).collect(),
            counts: [self.update, self.steps, self.gradient_steps],
        }
    }

    /// Decisions taken, all lanes.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.steps * self.lanes.len() as u64
    }

    /// Plays `rollout_steps` decisions in each lane and learns after each.
    ///
    /// # Errors
    /// An environment's value or a network is no longer finite.
    pub fn update(&mut self) -> Result<UpdateLog, LearnError> {
        let clock = Stopwatch::start();
        self.update += 1;
        let mut log = UpdateLog {
            update: self.update,
            learning_rate: self.config.learning_rate,
            reward_scale: 1.0,
            ..UpdateLog::default()
        };
        let mut episodes = Episodes::default();
        let mut sums = Losses::default();
        for step in 0..self.config.rollout_steps {
            self.collect(step, &mut episodes, &mut log)?;
            if self.steps <= self.config.warm_up_steps || self.replay.len() < self.config.minibatch
            {
                continue;
            }
            let train = Stopwatch::start();
            for _ in 0..self.config.gradient_steps * self.lanes.len() {
                self.gradient_step(&mut sums)?;
            }
            log.train_secs += train.seconds();
        }
        let count = sums.count.max(1.0);
        log.policy_loss = sums.policy / count;
        log.value_loss = sums.value / count;
        log.entropy = sums.entropy / count;
        log.grad_norm = sums.grad_norm / count;
        log.entropy_weight = f64::from(to_vec(&self.temperature.views()[0].exp())[0]);
        log.decisions = self.decisions();
        log.seconds = clock.seconds();
        log.decisions_per_second =
            (self.config.rollout_steps * self.lanes.len()) as f64 / log.seconds;
        episodes.report(&mut log);
        Ok(log)
    }

    // ---------------------------------------------------------------------------------- collect

    fn collect(
        &mut self,
        step: usize,
        episodes: &mut Episodes,
        log: &mut UpdateLog,
    ) -> Result<(), LearnError> {
        let (n, d, a) = (self.lanes.len(), self.spec.obs_dim, self.bounds.len());
        let forward = Stopwatch::start();
        // Between −1 and 1, `[N, A]`.
        let mut squashed = vec![0.0; n * a];
        if self.steps < self.config.warm_up_steps {
            for (lane, row) in squashed.chunks_exact_mut(a).enumerate() {
                let mut rng = self.noise.at(Draw::Action, self.steps, 0, lane as u64);
                row.fill_with(|| (2.0 * uniform(&mut rng) - 1.0) as f32);
            }
        } else {
            let mut normal = vec![0.0; n * a];
            for (lane, row) in normal.chunks_exact_mut(a).enumerate() {
                fill_normal(&mut self.noise.at(Draw::Action, self.steps, 0, lane as u64), row);
            }
            no_grad(|| {
                let obs = self.tensor(&self.obs, d);
                let sample = self.act(&obs, &self.tensor(&normal, a));
                copy_to(&sample.action, &mut squashed);
            });
        }
        let actions = self.unsquash(&squashed);
        log.forward_secs += forward.seconds();
        let environment = Stopwatch::start();
        self.lanes.step(&actions);
        log.environment_secs += environment.seconds();
        self.steps += 1;
        let out = self.lanes.buffers();
        check_finite(self.update, step, &out.obs, d, "observation")?;
        check_finite(self.update, step, &out.reward, 1, "reward")?;
        for lane in 0..n {
            let over = out.terminated[lane] || out.truncated[lane];
            let row = lane * d..(lane + 1) * d;
            let next = if over { &out.final_obs[row.clone()] } else { &out.obs[row.clone()] };
            check_finite(self.update, step, next, d, "final observation")?;
            // A cut episode goes on beyond the cut; a dead one does not.
            self.replay.push(
                &self.obs[row],
                &squashed[lane * a..(lane + 1) * a],
                out.reward[lane],
                next,
                out.terminated[lane],
            );
            self.episode_returns[lane] += f64::from(out.reward[lane]);
            self.episode_decisions[lane] += 1;
            if over {
                episodes.add(
                    std::mem::take(&mut self.episode_returns[lane]),
                    std::mem::take(&mut self.episode_decisions[lane]),
                    self.lanes.lanes()[lane].episode_summary(),
                );
            }
        }
        self.obs.copy_from_slice(&self.lanes.buffers().obs);
        Ok(())
    }

    fn unsquash(&self, squashed: &[f32]) -> Vec<f32> {
        let a = self.bounds.len();
        let scale = |(i, x): (usize, &f32)| self.bounds.place(i % a, *x);
        squashed.iter().enumerate().map(scale).collect()
    }

    fn tensor(&self, values: &[f32], width: usize) -> Tensor {
        Tensor::from_slice(values).view([-1, width as i64]).to_device(self.actor.device())
    }

    // ----------------------------------------------------------------------------------- update

    /// A draw of the policy: `tanh(mean + deviation·normal)` and its log-density, with the change of
    /// variables of appendix C.
    fn act(&self, obs: &Tensor, normal: &Tensor) -> Drawn {
        let out = tower(self.actor.views(), &obs.unsqueeze(0)).squeeze_dim(0); // [M, 2A]
        let halves = out.chunk(2, -1);
        let (mean, log_std) = (&halves[0], halves[1].clamp(LOG_STD[0], LOG_STD[1])); // [M, A]
        let raw = mean + log_std.exp() * normal; // [M, A]
        let half_ln_tau = 0.5 * libm::log(2.0 * std::f64::consts::PI);
        let density = normal.square() * -0.5 - &log_std - half_ln_tau; // [M, A]
        let log_prob =
            (density - ln_slope(&raw)).sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        Drawn { action: raw.tanh(), log_prob } // [M, A], [M]
    }

    /// Both critics' values, `[2, M]`.
    fn values(critics: &Parameters, obs: &Tensor, action: &Tensor) -> Tensor {
        let input = Tensor::cat(&[obs, action], -1).unsqueeze(0).expand([2, -1, -1], false);
        tower(critics.views(), &input).squeeze_dim(-1)
    }

    fn gradient_step(&mut self, sums: &mut Losses) -> Result<(), LearnError> {
        let (m, a) = (self.config.minibatch, self.bounds.len());
        self.gradient_steps += 1;
        let mut rng = self.noise.at(Draw::Minibatch, self.gradient_steps, 0, 0);
        let mini = self.replay.sample(&mut rng, m);
        let mut normal = vec![0.0; 2 * m * a];
        fill_normal(
            &mut self.noise.at(Draw::Reparameterise, self.gradient_steps, 0, 0),
            &mut normal,
        );
        let (now, later) = normal.split_at(m * a);
        let d = self.spec.obs_dim;
        let obs = self.tensor(&mini.obs, d); // [M, D]
        let actions = self.tensor(&mini.actions, a); // [M, A]
        let rewards = self.tensor(&mini.rewards, 1).squeeze_dim(-1); // [M]
        let goes_on = self.tensor(&mini.goes_on, 1).squeeze_dim(-1); // [M]
        let temperature = self.temperature.views()[0].detach().exp(); // [1]
        let adam = AdamStep {
            learning_rate: self.config.learning_rate,
            epsilon: 1e-8,
            max_grad_norm: self.config.max_grad_norm,
        };

        let target = no_grad(|| {
            let next = self.tensor(&mini.next_obs, d);
            let drawn = self.act(&next, &self.tensor(later, a));
            let least =
                Self::values(&self.targets, &next, &drawn.action).amin([0i64].as_slice(), false);
            rewards + goes_on * self.config.gamma * (least - &temperature * drawn.log_prob) // [M]
        });
        let errors = Self::values(&self.critics, &obs, &actions) - target.unsqueeze(0); // [2, M]
        let value_loss = errors.square().mean(Kind::Float) * 2.0 * 0.5;
        let gradient = self.critics.gradient(&value_loss);
        let value_norm = self.critics.step(gradient, adam);

        let drawn = self.act(&obs, &self.tensor(now, a));
        let least = Self::values(&self.critics, &obs, &drawn.action).amin([0i64].as_slice(), false); // [M]
        let policy_loss = (&temperature * &drawn.log_prob - least).mean(Kind::Float);
        let gradient = self.actor.gradient(&policy_loss);
        let norm = self.actor.step(gradient, adam);

        let log_prob = drawn.log_prob.detach(); // [M]
        let gap = (&log_prob + self.config.target_entropy * a as f64).mean(Kind::Float);
        let loss = -(&self.temperature.views()[0] * gap).sum(Kind::Float);
        let gradient = self.temperature.gradient(&loss);
        self.temperature.step(gradient, adam);
        self.targets.follow(&self.critics, self.config.tau);

        let mut parts = [0.0; 3];
        let all = [&value_loss, &policy_loss, &log_prob.mean(Kind::Float)];
        copy_to(&Tensor::stack(&all, 0), &mut parts);
        for (what, value) in [
            ("the critics' loss", f64::from(parts[0])),
            ("the actor's loss", f64::from(parts[1])),
            ("the critics' gradient", value_norm),
            ("the actor's gradient", norm),
        ] {
            if !value.is_finite() {
                let update = self.update;
                return Err(LearnError::Diverged { update, what, value, checkpoint: None });
            }
        }
        sums.count += 1.0;
        sums.value += f64::from(parts[0]);
        sums.policy += f64::from(parts[1]);
        sums.entropy -= f64::from(parts[2]);
        sums.grad_norm += norm;
        Ok(())
    }

    /// The policy without noise: the middle of its draws, in the environment's units, `[lanes, A]` for
    /// `obs` `[lanes, D]`.
    #[must_use]
    pub fn greedy(&self, obs: &[f32]) -> Vec<f32> {
        let squashed = no_grad(|| {
            let obs = self.tensor(obs, self.spec.obs_dim);
            let out = tower(self.actor.views(), &obs.unsqueeze(0)).squeeze_dim(0);
            to_vec(&out.chunk(2, -1)[0].tanh())
        });
        self.unsquash(&squashed)
    }
}

struct Drawn {
    action: Tensor,
    log_prob: Tensor,
}

#[derive(Default)]
struct Losses {
    count: f64,
    policy: f64,
    value: f64,
    entropy: f64,
    grad_norm: f64,
}

/// Shapes of `towers` networks of two hidden layers, side by side.
fn shapes(towers: usize, inputs: usize, width: usize, outputs: usize) -> Vec<Vec<i64>> {
    [(inputs, width), (width, width), (width, outputs)]
        .into_iter()
        .flat_map(|(i, o)| {
            [vec![towers as i64, i as i64, o as i64], vec![towers as i64, 1, o as i64]]
        })
        .collect()
}

/// `[towers, M, inputs]` to `[towers, M, outputs]`.
fn tower(views: &[Tensor], input: &Tensor) -> Tensor {
    let [w1, b1, w2, b2, w3, b3] = views else {
        unreachable!("Invariant: three layers");
    };
    let hidden = b1.baddbmm(input, w1, 1.0, 1.0).relu();
    let hidden = b2.baddbmm(&hidden, w2, 1.0, 1.0).relu();
    b3.baddbmm(&hidden, w3, 1.0, 1.0)
}

/// Weights and biases of a layer, uniform within ±1/√inputs: libtorch's own choice.
fn uniform_layer(
    noise: &Noise,
    tensor: u64,
    towers: usize,
    inputs: usize,
    outputs: usize,
) -> Vec<f32> {
    let mut rng = noise.at(Draw::Weights, 0, 0, tensor);
    let bound = 1.0 / (inputs as f64).sqrt();
    let count = towers * (inputs + 1) * outputs;
    (0..count).map(|_| (bound * (2.0 * uniform(&mut rng) - 1.0)) as f32).collect()
}

fn fill_normal(rng: &mut impl rand::Rng, out: &mut [f32]) {
    for pair in out.chunks_mut(2) {
        for (value, normal) in pair.iter_mut().zip(normals(rng)) {
            *value = normal as f32;
        }
    }
}
