//! Soft actor-critic (Haarnoja et al., 2018, arXiv:1812.05905; second version: two critics, a temperature
//! that is learned), for actions that are bounded numbers. In reading order: state → collect → update.
//!
//! Where a world does not read a number, as its mask says, the number is drawn but counts for nothing: to the critics it
//! lies in its middle, and to the soft return it has the entropy that is asked for, so that nothing is earned by making a
//! number unreadable, or lost.
//!
//! Shapes: `N` lanes, `M` transitions in a minibatch, `D` observation values, `A` numbers of an action,
//! `W` width of a hidden layer.
//!
//! Bit-identical on a CPU: one torch thread, addressed noise, our own optimiser.

use std::path::PathBuf;

use sim::environment::{ActionSpace, Environment, Spec};
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::Best;
use super::error::LearnError;
use super::log::{Episodes, Stopwatch, UpdateLog, check_finite};
use super::loss::BEYOND;
use super::noise::{Draw, Noise, normals, uniform};
use super::normalise::Normalise;
use super::parameters::{AdamStep, Parameters, copy_to, to_vec};
use super::replay::{Replay, Transition};
use super::run::Learner;
use super::sac_config::SacConfig;
use super::squashed::ln_slope;
use super::stats::RunningStats;
use crate::bounds::Bounds;
use crate::frozen::Normaliser;

// ---------------------------------------------------------------------------------------- state

/// What a normalised observation is clipped to, and what is added to its variance, as PPO has it.
const CLIP: f32 = 10.0;
const EPSILON: f32 = 1e-4;
/// What one is clipped to that is not normalised.
const FAR: f32 = 1e6;

/// Bounds of the logarithm of a deviation: the usual ones of the authors' code.
const LOG_STD: [f64; 2] = [-20.0, 2.0];

/// A training run: the worlds, the networks, and all that a checkpoint holds.
pub struct Sac<E: Environment> {
    pub(super) config: SacConfig,
    pub(super) spec: Spec,
    pub(super) noise: Noise,
    pub(super) lanes: Lanes<E>,
    pub(super) bounds: Bounds,
    pub(super) actor: Parameters,
    pub(super) critics: Parameters,
    /// The slow critics, which give targets.
    pub(super) targets: Parameters,
    /// The temperature's logarithm.
    pub(super) temperature: Parameters,
    pub(super) replay: Replay,
    /// Observation to decide on next, raw, `[N, D]`, and which numbers are read, `[N, A]`.
    pub(super) obs: Vec<f32>,
    pub(super) read: Vec<f32>,
    pub(super) obs_stats: RunningStats,
    pub(super) return_stats: RunningStats,
    /// Discounted return so far, `[N]`.
    pub(super) returns: Vec<f64>,
    pub(super) episode_returns: Vec<f64>,
    pub(super) episode_decisions: Vec<u64>,
    pub(super) update: u64,
    /// Decisions of each lane so far.
    pub(super) steps: u64,
    /// Gradient steps so far.
    pub(super) gradient_steps: u64,
    pub(super) best: Option<Best>,
    pub(super) note: Vec<u8>,
    pub(super) last_checkpoint: Option<PathBuf>,
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
        let logarithm = [libm::log(config.temperature) as f32];
        let episodes: Vec<u64> = lanes.lanes().iter().map(E::episode).collect();
        lanes.reset(|lane| episodes[lane]);
        let n = lanes.len();
        Ok(Self {
            bounds,
            actor: Parameters::new(&actor_shapes(d, a, w), &actor, device),
            critics: Parameters::new(&critic_shapes(d, a, w), &critics, device),
            targets: Parameters::new(&critic_shapes(d, a, w), &critics, device),
            temperature: Parameters::new(&TEMPERATURE.map(|s| s.to_vec()), &logarithm, device),
            replay: Replay::new(config.memory, d, a),
            obs: lanes.buffers().obs.clone(),
            read: lanes.buffers().action_mask.clone(),
            obs_stats: RunningStats::new(d),
            return_stats: RunningStats::new(1),
            returns: vec![0.0; n],
            episode_returns: vec![0.0; n],
            episode_decisions: vec![0; n],
            update: 0,
            steps: 0,
            gradient_steps: 0,
            best: None,
            note: Vec::new(),
            last_checkpoint: None,
            config,
            spec,
            noise,
            lanes,
        })
    }

    /// Plays `rollout_steps` decisions in each lane and learns after each.
    ///
    /// # Errors
    /// An environment's value or a network is no longer finite, or the critics have left every measure.
    pub fn update(&mut self) -> Result<UpdateLog, LearnError> {
        let clock = Stopwatch::start();
        self.update += 1;
        let mut log = UpdateLog {
            update: self.update,
            updates: self.config.updates,
            learning_rate: self.config.learning_rate,
            // What this algorithm does not have.
            tail_mean: f64::NAN,
            tail_at_risk: f64::NAN,
            tail_multiplier: f64::NAN,
            deviation: f64::NAN,
            approx_kl: f64::NAN,
            clip_fraction: f64::NAN,
            first_ratio_error: f64::NAN,
            first_clip_fraction: f64::NAN,
            explained_variance: f64::NAN,
            teacher_loss: f64::NAN,
            teacher_weight: f64::NAN,
            reference_kl: f64::NAN,
            clip: f64::NAN,
            ..UpdateLog::default()
        };
        let mut episodes = Episodes::default();
        let mut sums = Losses::default();
        for step in 0..self.config.rollout_steps {
            self.collect(step, &mut episodes, &mut log)?;
            log.reward_scale = self.reward_scale();
            if self.steps <= self.config.warm_up_steps || self.replay.len() < self.config.minibatch
            {
                continue;
            }
            let train = Stopwatch::start();
            // Beyond what rewards like these add up to by any measure.
            let most = f64::from(self.replay.largest_reward()) * self.reward_scale();
            let horizon = 1.0 / (1.0 - self.config.gamma);
            let lost = BEYOND * (most * most).max(1.0) * horizon * horizon;
            for _ in 0..self.config.gradient_steps * self.lanes.len() {
                self.gradient_step(lost, &mut sums)?;
            }
            log.train_secs += train.seconds();
        }
        // Nothing was learned in the warm-up: no number says 0 that was not measured.
        let count = if sums.count > 0.0 { sums.count } else { f64::NAN };
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
        if self.config.normalise_observations {
            self.obs_stats.update(&self.obs);
        }
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
                let obs = self.seen(&self.obs);
                let sample = self.act(&obs, &self.tensor(&normal, a), &self.tensor(&self.read, a));
                copy_to(&sample.action, &mut squashed);
            });
        }
        for (value, read) in squashed.iter_mut().zip(&self.read) {
            *value *= read;
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
            let numbers = lane * a..(lane + 1) * a;
            // What could be moved after an episode's end is not known: as before it, then.
            let mask = if over { &self.read } else { &out.action_mask };
            // A cut episode goes on beyond the cut; a dead one does not.
            self.replay.push(&Transition {
                obs: &self.obs[row],
                read: &self.read[numbers.clone()],
                action: &squashed[numbers.clone()],
                reward: out.reward[lane],
                next_obs: next,
                next_read: &mask[numbers],
                goes_on: !out.terminated[lane],
            });
            let running = &mut self.returns[lane];
            *running = *running * self.config.gamma + f64::from(out.reward[lane]);
            if self.config.normalise_returns {
                self.return_stats.update(&[*running as f32]);
            }
            if over {
                *running = 0.0;
            }
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
        self.read.copy_from_slice(&self.lanes.buffers().action_mask);
        Ok(())
    }

    /// What rewards are multiplied by when they are learned from.
    fn reward_scale(&self) -> f64 {
        if self.config.normalise_returns && self.return_stats.count() > 1.0 {
            1.0 / (self.return_stats.var(0) + 1e-8).sqrt()
        } else {
            1.0
        }
    }

    /// The observation normaliser of this moment.
    pub(super) fn normaliser(&self) -> Normaliser {
        if self.config.normalise_observations {
            self.obs_stats.normaliser(EPSILON, CLIP)
        } else {
            Normaliser::identity(self.spec.obs_dim, FAR)
        }
    }

    /// Raw observations `[M, D]` as the networks see them.
    fn seen(&self, raw: &[f32]) -> Tensor {
        let mut seen = vec![0.0; raw.len()];
        Normalise::new(self.normaliser()).rows(raw, &mut seen);
        self.tensor(&seen, self.spec.obs_dim)
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
    /// variables of appendix C, of the numbers that are read `[M, A]`; the others are 0.
    fn act(&self, obs: &Tensor, normal: &Tensor, read: &Tensor) -> Drawn {
        let out = tower(self.actor.views(), &obs.unsqueeze(0)).squeeze_dim(0); // [M, 2A]
        let halves = out.chunk(2, -1);
        let (mean, log_std) = (&halves[0], halves[1].clamp(LOG_STD[0], LOG_STD[1])); // [M, A]
        let raw = mean + log_std.exp() * normal; // [M, A]
        let half_ln_tau = 0.5 * libm::log(2.0 * std::f64::consts::PI);
        let density = normal.square() * -0.5 - &log_std - half_ln_tau; // [M, A]
        let each = (density - ln_slope(&raw)) * read;
        let log_prob = each.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        Drawn { action: raw.tanh() * read, log_prob } // [M, A], [M]
    }

    /// Log-density of the numbers that are not read, as if they had the entropy that is asked for, `[M]`.
    fn of_unread(&self, read: &Tensor) -> Tensor {
        let unread = (-read + 1.0).sum_dim_intlist([-1i64].as_slice(), false, Kind::Float);
        unread * -self.config.target_entropy
    }

    /// Both critics' values, `[2, M]`.
    fn values(critics: &Parameters, obs: &Tensor, action: &Tensor) -> Tensor {
        let input = Tensor::cat(&[obs, action], -1).unsqueeze(0).expand([2, -1, -1], false);
        tower(critics.views(), &input).squeeze_dim(-1)
    }

    /// Stops where a loss is not finite, or the critics' above what nobody comes back from.
    fn gradient_step(&mut self, lost: f64, sums: &mut Losses) -> Result<(), LearnError> {
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
        let obs = self.seen(&mini.obs); // [M, D]
        let read = self.tensor(&mini.read, a); // [M, A]
        let actions = self.tensor(&mini.actions, a); // [M, A]
        let rewards = self.tensor(&mini.rewards, 1).squeeze_dim(-1) * self.reward_scale(); // [M]
        let goes_on = self.tensor(&mini.goes_on, 1).squeeze_dim(-1); // [M]
        let temperature = self.temperature.views()[0].detach().exp(); // [1]
        let adam = AdamStep {
            learning_rate: self.config.learning_rate,
            epsilon: 1e-8,
            max_grad_norm: self.config.max_grad_norm,
        };

        let target = no_grad(|| {
            let next = self.seen(&mini.next_obs);
            let next_read = self.tensor(&mini.next_read, a);
            let drawn = self.act(&next, &self.tensor(later, a), &next_read);
            let log_prob = drawn.log_prob + self.of_unread(&next_read);
            let least =
                Self::values(&self.targets, &next, &drawn.action).amin([0i64].as_slice(), false);
            rewards + goes_on * self.config.gamma * (least - &temperature * log_prob) // [M]
        });
        let errors = Self::values(&self.critics, &obs, &actions) - target.unsqueeze(0); // [2, M]
        let value_loss = errors.square().mean(Kind::Float) * 2.0 * 0.5;
        let gradient = self.critics.gradient(&value_loss);
        let value_norm = self.critics.step(gradient, adam);

        let drawn = self.act(&obs, &self.tensor(now, a), &read);
        let least = Self::values(&self.critics, &obs, &drawn.action).amin([0i64].as_slice(), false); // [M]
        let policy_loss = (&temperature * &drawn.log_prob - least).mean(Kind::Float);
        let gradient = self.actor.gradient(&policy_loss);
        let norm = self.actor.step(gradient, adam);

        let log_prob = drawn.log_prob.detach(); // [M]
        let completed = &log_prob + self.of_unread(&read); // [M]
        let gap = (completed + self.config.target_entropy * a as f64).mean(Kind::Float);
        let loss = -(&self.temperature.views()[0] * gap).sum(Kind::Float);
        let gradient = self.temperature.gradient(&loss);
        self.temperature.step(gradient, adam);
        self.targets.follow(&self.critics, self.config.tau);

        let mut parts = [0.0; 3];
        let all = [&value_loss, &policy_loss, &log_prob.mean(Kind::Float)];
        copy_to(&Tensor::stack(&all, 0), &mut parts);
        for (what, value, most) in [
            ("the critics' loss", f64::from(parts[0]), lost),
            ("the actor's loss", f64::from(parts[1]), f64::MAX),
            ("the critics' gradient", value_norm, f64::MAX),
            ("the actor's gradient", norm, f64::MAX),
        ] {
            if !value.is_finite() || value > most {
                let (update, checkpoint) = (self.update, self.last_checkpoint.clone());
                return Err(LearnError::Diverged { update, what, value, checkpoint });
            }
        }
        sums.count += 1.0;
        sums.value += f64::from(parts[0]);
        sums.policy += f64::from(parts[1]);
        sums.entropy -= f64::from(parts[2]);
        sums.grad_norm += norm;
        Ok(())
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

/// Shape of the temperature.
pub(super) const TEMPERATURE: [[i64; 1]; 1] = [[1]];

/// Shapes of the actor: a mean and a deviation's logarithm per number.
pub(super) fn actor_shapes(d: usize, a: usize, width: usize) -> Vec<Vec<i64>> {
    shapes(1, d, width, 2 * a)
}

/// Shapes of both critics.
pub(super) fn critic_shapes(d: usize, a: usize, width: usize) -> Vec<Vec<i64>> {
    shapes(2, d + a, width, 1)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::games::Pendulum;

    #[test]
    fn numbers_that_are_not_read_are_worth_what_read_ones_are_at_the_entropy_asked_for() {
        let lanes = Lanes::new(vec![Pendulum::new(1, 0, 1)], false);
        let config = SacConfig { target_entropy: -1.5, width: 4, ..SacConfig::default() };
        let run = Sac::new(config, lanes, Device::Cpu).expect("starts");
        let read = Tensor::from_slice(&[1.0f32, 1.0, 1.0, 0.0, 0.0, 0.0]).view([3, 2]);
        // A number at an entropy of −1.5 has a log-density of 1.5 on average.
        assert_eq!(to_vec(&run.of_unread(&read)), [0.0, 1.5, 3.0]);
    }
}
