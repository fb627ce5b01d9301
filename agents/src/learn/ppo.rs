//! Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347), for masked choices over
//! several heads. In reading order: state → storage → collect → advantages → update → log.
//!
//! Shapes: `T` decisions per rollout, `N` lanes, `B = T·N`, `M` decisions in a minibatch, `D`
//! observation values, `K` heads, `C` choices of the widest head, `L` choices of all heads.
//!
//! Bit-identical on a CPU: one torch thread, always the full batch in lane order, addressed noise,
//! our own optimiser, and sums over lanes in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sim::environment::{Environment, Spec};
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::{Best, Checkpoint};
use super::config::{Discount, PpoConfig};
use super::error::LearnError;
use super::network::{AdamStep, Network, copy_to};
use super::noise::{Draw, Noise, shuffled, uniform};
use super::shape::NetworkShape;
use super::stats::RunningStats;
use crate::frozen::{FrozenPolicy, LEGAL_ABOVE, MASKED_LOGIT, Normaliser};

// ---------------------------------------------------------------------------------------- state

/// A training run: the world, the network, and all that a checkpoint holds.
pub struct Ppo<E: Environment> {
    config: PpoConfig,
    spec: Spec,
    noise: Noise,
    lanes: Lanes<E>,
    network: Network,
    heads: Heads,
    storage: Storage,
    /// Observation to decide on next, raw, `[N, D]`, and its mask, `[N, L]`.
    obs: Vec<f32>,
    mask: Vec<f32>,
    obs_stats: RunningStats,
    return_stats: RunningStats,
    /// Discounted return so far, `[N]`.
    returns: Vec<f64>,
    episode_returns: Vec<f64>,
    episode_decisions: Vec<u64>,
    update: u64,
    decisions: u64,
    best: Option<Best>,
    note: Vec<u8>,
    last_checkpoint: Option<PathBuf>,
}

impl<E: Environment> Ppo<E> {
    /// A run at its beginning. Sets libtorch to one thread, for the whole process.
    ///
    /// # Errors
    /// A setting out of range, or a bias that does not fit the heads.
    pub fn new(config: PpoConfig, mut lanes: Lanes<E>, device: Device) -> Result<Self, LearnError> {
        config.check()?;
        tch::set_num_threads(1);
        let spec = lanes.spec().clone();
        let n = lanes.len();
        let shape = NetworkShape::new(&spec, &config.hidden);
        let bias = &config.initial_logit_bias;
        if !bias.is_empty() {
            same("initial_logit_bias", shape.logits(), bias.len())?;
        }
        let noise = Noise::new(config.seed);
        let weights = shape.initial(&noise, bias);
        lanes.reset();
        Ok(Self {
            obs: lanes.buffers().obs.clone(),
            mask: lanes.buffers().action_mask.clone(),
            heads: Heads::new(&shape.heads, device),
            storage: Storage::new(config.rollout_steps, n, &spec),
            network: Network::new(shape, &weights, device),
            obs_stats: RunningStats::new(spec.obs_dim),
            return_stats: RunningStats::new(1),
            returns: vec![0.0; n],
            episode_returns: vec![0.0; n],
            episode_decisions: vec![0; n],
            update: 0,
            decisions: 0,
            best: None,
            note: Vec::new(),
            last_checkpoint: None,
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
        config: PpoConfig,
        lanes: Lanes<E>,
        device: Device,
        path: &Path,
    ) -> Result<Self, LearnError> {
        let saved = Checkpoint::load(path)?;
        let refuse = |reason| LearnError::Checkpoint { reason, path: path.into() };
        saved.check_config(&config).map_err(refuse)?;
        let mut run = Self::new(config, lanes, device)?;
        if saved.spec != run.spec {
            let (then, now) = (&saved.spec, &run.spec);
            return Err(refuse(format!(
                "checkpoint is of another world: shapes {then:?}, now {now:?}"
            )));
        }
        same("lanes of the checkpoint", run.lanes.len(), saved.lanes.len())?;
        same("weights of the checkpoint", run.network.shape().parameters(), saved.weights.len())?;
        for (lane, (world, bytes)) in
            run.lanes.environments_mut().iter_mut().zip(&saved.lanes).enumerate()
        {
            world.load(bytes).map_err(|reason| LearnError::Lane { lane, reason })?;
        }
        run.network = Network::new(run.network.shape().clone(), &saved.weights, device);
        run.network.set_adam(&saved.adam_mean, &saved.adam_square, saved.adam_steps);
        run.obs = saved.obs;
        run.mask = saved.mask;
        run.obs_stats = saved.obs_stats;
        run.return_stats = saved.return_stats;
        run.returns = saved.returns;
        run.episode_returns = saved.episode_returns;
        run.episode_decisions = saved.episode_decisions;
        run.update = saved.update;
        run.decisions = saved.decisions;
        run.best = saved.best;
        run.note = saved.note;
        run.last_checkpoint = Some(path.into());
        Ok(run)
    }

    /// Everything that the rest of the run depends on.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let (adam_mean, adam_square, adam_steps) = self.network.adam();
        Checkpoint {
            config: self.config.clone(),
            spec: self.spec.clone(),
            update: self.update,
            decisions: self.decisions,
            weights: self.network.weights(),
            adam_mean,
            adam_square,
            adam_steps,
            obs_stats: self.obs_stats.clone(),
            return_stats: self.return_stats.clone(),
            returns: self.returns.clone(),
            episode_returns: self.episode_returns.clone(),
            episode_decisions: self.episode_decisions.clone(),
            obs: self.obs.clone(),
            mask: self.mask.clone(),
            lanes: self.lanes.environments().iter().map(E::save).collect(),
            best: self.best.clone(),
            note: self.note.clone(),
        }
    }

    /// Writes a checkpoint, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    pub fn save_checkpoint(&mut self, path: &Path) -> Result<(), LearnError> {
        self.checkpoint().save(path)?;
        self.last_checkpoint = Some(path.into());
        Ok(())
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &PpoConfig {
        &self.config
    }
    /// Updates done.
    #[must_use]
    pub fn updates_done(&self) -> u64 {
        self.update
    }
    /// Decisions taken, all lanes.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.decisions
    }
    /// The lanes.
    #[must_use]
    pub fn lanes(&self) -> &Lanes<E> {
        &self.lanes
    }
    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }
    /// The caller's own bytes in the checkpoint.
    #[must_use]
    pub fn note(&self) -> &[u8] {
        &self.note
    }
    /// Keeps bytes of the caller's in every later checkpoint.
    pub fn set_note(&mut self, note: Vec<u8>) {
        self.note = note;
    }

    /// The observation normaliser of this moment.
    #[must_use]
    pub fn normaliser(&self) -> Normaliser {
        let clip = self.config.observation_clip;
        if self.config.normalise_observations {
            self.obs_stats.normaliser(self.config.observation_epsilon, clip)
        } else {
            Normaliser::identity(self.spec.obs_dim, clip)
        }
    }

    /// The policy of this moment, in plain Rust.
    ///
    /// # Errors
    /// The network is no longer finite.
    pub fn policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        let weights = self.network.weights();
        let shape = self.network.shape();
        Ok(shape.freeze(name, &weights, self.normaliser())?)
    }

    /// Keeps the policy of this moment if `score` beats all before; says whether it did.
    pub fn consider_best(&mut self, score: f64) -> bool {
        let better = score.is_finite() && self.best.as_ref().is_none_or(|b| score > b.score);
        if better {
            self.best = Some(Best {
                score,
                update: self.update,
                decisions: self.decisions,
                weights: self.network.weights(),
                normaliser: self.normaliser(),
            });
        }
        better
    }

    /// The best policy considered so far, if any.
    #[must_use]
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// The best policy considered so far in plain Rust, or the present one if none was.
    ///
    /// # Errors
    /// The network is no longer finite.
    pub fn best_policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        let Some(best) = &self.best else {
            return self.policy(name);
        };
        let shape = self.network.shape();
        Ok(shape.freeze(name, &best.weights, best.normaliser.clone())?)
    }

    /// One rollout and the passes over it.
    ///
    /// # Errors
    /// An environment's value or the network is no longer finite, or a head has no legal choice.
    pub fn update(&mut self) -> Result<UpdateLog, LearnError> {
        let start = Instant::now();
        self.update += 1;
        let mut log =
            UpdateLog { update: self.update, updates: self.config.updates, ..UpdateLog::default() };
        self.collect(&mut log)?;
        let (advantages, returns) = self.advantages(&mut log);
        self.learn(&advantages, &returns, &mut log)?;
        log.decisions = self.decisions;
        log.seconds = start.elapsed().as_secs_f64();
        log.decisions_per_second = self.storage.decisions() as f64 / log.seconds;
        Ok(log)
    }

    // ---------------------------------------------------------------------------------- collect

    fn collect(&mut self, log: &mut UpdateLog) -> Result<(), LearnError> {
        let (n, d) = (self.lanes.len(), self.spec.obs_dim);
        let (l, k) = (self.spec.action.logits(), self.spec.action.dim());
        let mut logits = vec![0.0; n * l];
        let mut values = vec![0.0; n];
        let mut final_obs = vec![0.0; n * d];
        let mut actions = vec![0.0; n * k];
        let mut episodes = Episodes::default();
        for t in 0..self.config.rollout_steps {
            let forward = Instant::now();
            if self.config.normalise_observations {
                self.obs_stats.update(&self.obs);
            }
            let normalise = Normalise::new(self.normaliser());
            let row = self.storage.row(t);
            normalise.rows(&self.obs, row.obs);
            row.mask.copy_from_slice(&self.mask);
            infer(&self.network, row.obs, n, &mut logits, &mut values);
            row.values.copy_from_slice(&values);
            for lane in 0..n {
                let mut rng = self.noise.at(Draw::Action, self.update, t as u64, lane as u64);
                let choices = &mut actions[lane * k..(lane + 1) * k];
                row.log_probs[lane] = sample(
                    &self.heads.choices,
                    &logits[lane * l..(lane + 1) * l],
                    &self.mask[lane * l..(lane + 1) * l],
                    choices,
                    || uniform(&mut rng),
                )
                .map_err(|head| LearnError::NothingLegal {
                    update: self.update,
                    step: t,
                    lane,
                    head,
                })?;
                for (stored, choice) in row.actions[lane * k..].iter_mut().zip(&*choices) {
                    *stored = *choice as i64;
                }
            }
            log.forward_secs += forward.elapsed().as_secs_f64();

            let environment = Instant::now();
            self.lanes.step(&actions);
            log.environment_secs += environment.elapsed().as_secs_f64();

            let bookkeeping = Instant::now();
            let out = self.lanes.buffers();
            check_finite(self.update, t, &out.obs, d, "observation")?;
            check_finite(self.update, t, &out.reward, 1, "reward")?;
            self.obs.copy_from_slice(&out.obs);
            self.mask.copy_from_slice(&out.action_mask);
            let mut any_cut = false;
            for lane in 0..n {
                let (terminated, truncated) = (out.terminated[lane], out.truncated[lane]);
                let span = match self.config.discount {
                    Discount::PerDecision => 1.0,
                    Discount::PerBlock => f64::from(out.elapsed_blocks[lane]),
                };
                row.rewards[lane] = f64::from(out.reward[lane]);
                row.discounts[lane] = libm::pow(self.config.gamma, span);
                row.terminated[lane] = terminated;
                row.truncated[lane] = truncated && !terminated;
                any_cut |= row.truncated[lane];
                self.episode_returns[lane] += row.rewards[lane];
                self.episode_decisions[lane] += 1;
                if terminated || truncated {
                    let summary = self.lanes.environments()[lane].episode_summary();
                    episodes.add(
                        std::mem::take(&mut self.episode_returns[lane]),
                        std::mem::take(&mut self.episode_decisions[lane]),
                        summary,
                    );
                }
            }
            // V(final observation) of episodes that were cut: the full batch, zeros where not.
            row.final_values.fill(0.0);
            if any_cut {
                final_obs.fill(0.0);
                for lane in (0..n).filter(|lane| row.truncated[*lane]) {
                    let cells = lane * d..(lane + 1) * d;
                    check_finite(
                        self.update,
                        t,
                        &out.final_obs[cells.clone()],
                        d,
                        "final observation",
                    )?;
                    normalise.rows(&out.final_obs[cells.clone()], &mut final_obs[cells]);
                }
                infer(&self.network, &final_obs, n, &mut logits, row.final_values);
            }
            log.forward_secs += bookkeeping.elapsed().as_secs_f64();
        }
        let forward = Instant::now();
        // V of the observation after the last decision, seen with the last normaliser.
        Normalise::new(self.normaliser()).rows(&self.obs, &mut final_obs);
        infer(&self.network, &final_obs, n, &mut logits, &mut self.storage.last_values);
        log.forward_secs += forward.elapsed().as_secs_f64();
        self.decisions += self.storage.decisions() as u64;
        episodes.report(log);
        Ok(())
    }

    // ------------------------------------------------------------------------------- advantages

    /// Scales rewards by the deviation of the discounted return, this rollout's included, so that
    /// one crash cannot meet a scale that has never seen one; then GAE.
    fn advantages(&mut self, log: &mut UpdateLog) -> (Vec<f32>, Vec<f32>) {
        let n = self.lanes.len();
        let storage = &mut self.storage;
        if self.config.normalise_returns {
            let mut seen = Vec::with_capacity(storage.rewards.len()); // [T, N]
            for (i, reward) in storage.rewards.iter().enumerate() {
                let running = &mut self.returns[i % n];
                *running = *running * storage.discounts[i] + reward;
                seen.push(*running as f32);
                if storage.terminated[i] || storage.truncated[i] {
                    *running = 0.0;
                }
            }
            self.return_stats.update(&seen);
            let scale = 1.0 / (self.return_stats.var(0) + 1e-8).sqrt();
            for reward in &mut storage.rewards {
                *reward *= scale;
            }
            log.reward_scale = scale;
        } else {
            log.reward_scale = 1.0;
        }
        if let Some(clip) = self.config.reward_clip {
            for reward in &mut storage.rewards {
                *reward = reward.clamp(-clip, clip);
            }
        }
        let (advantages, returns) = advantages(&GaeInput {
            rewards: &storage.rewards,
            values: &storage.values,
            final_values: &storage.final_values,
            last_values: &storage.last_values,
            terminated: &storage.terminated,
            truncated: &storage.truncated,
            discounts: &storage.discounts,
            lambda: self.config.gae_lambda,
        });
        log.explained_variance = explained_variance(&storage.values, &returns);
        (advantages, returns)
    }

    // ----------------------------------------------------------------------------------- update

    fn learn(
        &mut self,
        advantages: &[f32],
        returns: &[f32],
        log: &mut UpdateLog,
    ) -> Result<(), LearnError> {
        let start = Instant::now();
        let config = &self.config;
        let left = 1.0 - (self.update - 1) as f64 / config.updates as f64;
        let annealed = |value: f64, falls: bool| if falls { value * left } else { value };
        log.learning_rate = annealed(config.learning_rate, config.anneal_learning_rate);
        log.clip = annealed(config.clip, config.anneal_clip);
        log.entropy_weight = annealed(config.entropy_weight, config.anneal_entropy);
        let adam = AdamStep {
            learning_rate: log.learning_rate,
            epsilon: config.adam_epsilon,
            max_grad_norm: config.max_grad_norm,
        };
        let batch = self.storage.batch(advantages, returns, self.network.device());
        let total = self.storage.decisions(); // B
        let parts = (total / config.minibatch).max(1);
        let diverged = |what, value, checkpoint: &Option<PathBuf>| LearnError::Diverged {
            update: log.update,
            what,
            value,
            checkpoint: checkpoint.clone(),
        };
        let mut sums = Losses::default();
        let mut minibatches = 0;
        for epoch in 0..config.epochs {
            let mut rng = self.noise.at(Draw::Shuffle, self.update, 0, epoch as u64);
            let order = Tensor::from_slice(&shuffled(&mut rng, total)); // [B]
            let order = order.to_device(self.network.device());
            let mut epoch_kl = 0.0;
            for part in 0..parts {
                let (from, to) = (part * total / parts, (part + 1) * total / parts);
                let rows = order.narrow(0, from as i64, (to - from) as i64); // [M]
                let mini = batch.select(&rows);
                let (loss, losses) = self.losses(&mini, log.clip, log.entropy_weight);
                if !losses.is_finite() {
                    return Err(diverged("the loss", losses.total, &self.last_checkpoint));
                }
                let gradient = self.network.gradient(&loss); // [P]
                let norm = self.network.step(gradient, adam);
                if !norm.is_finite() {
                    return Err(diverged("the gradient's norm", norm, &self.last_checkpoint));
                }
                if minibatches == 0 {
                    log.first_ratio_error = losses.ratio_error;
                    log.first_clip_fraction = losses.clip_fraction;
                }
                minibatches += 1;
                epoch_kl += losses.approx_kl / parts as f64;
                log.grad_norm += norm;
                sums.add(&losses);
            }
            log.epochs = epoch + 1;
            if config.target_kl.is_some_and(|target| epoch_kl > target) {
                break;
            }
        }
        if !self.network.is_finite() {
            return Err(diverged("a weight", f64::NAN, &self.last_checkpoint));
        }
        let count = f64::from(minibatches);
        log.policy_loss = sums.policy / count;
        log.value_loss = sums.value / count;
        log.entropy = sums.entropy / count;
        log.approx_kl = sums.approx_kl / count;
        log.clip_fraction = sums.clip_fraction / count;
        log.grad_norm /= count;
        log.train_secs = start.elapsed().as_secs_f64();
        Ok(())
    }

    /// The loss to descend, and its parts.
    fn losses(&self, mini: &Batch, clip: f64, entropy_weight: f64) -> (Tensor, Losses) {
        let (logits, values) = self.network.forward(&mini.obs); // [M, L], [M]
        let (log_probs, entropy) =
            self.heads.log_probs_and_entropy(&logits, &mini.illegal, &mini.actions); // [M], [M]
        let mut advantages = mini.advantages.shallow_clone(); // [M]
        if self.config.normalise_advantages {
            let centred = &advantages - advantages.mean(Kind::Float);
            let std = centred.square().mean(Kind::Float).sqrt();
            advantages = centred / (std + 1e-8);
        }
        let log_ratio = log_probs - &mini.log_probs; // [M]
        let ratio = log_ratio.exp(); // [M]
        let unclipped = &advantages * &ratio;
        let clipped = &advantages * ratio.clamp(1.0 - clip, 1.0 + clip);
        let policy_loss = -unclipped.minimum(&clipped).mean(Kind::Float);
        let value_loss = (values - &mini.returns).square().mean(Kind::Float) * 0.5;
        let entropy = entropy.mean(Kind::Float);
        let loss =
            &policy_loss + &value_loss * self.config.value_weight - &entropy * entropy_weight;
        let parts = no_grad(|| {
            let distance = (&ratio - 1.0).abs();
            // k3 of Schulman's note on approximating KL: unbiased and never negative.
            let kl = ((&ratio - 1.0) - &log_ratio).mean(Kind::Float);
            let clipped = distance.gt(clip).to_kind(Kind::Float).mean(Kind::Float);
            let ratio_error = distance.max();
            let all = [&loss, &policy_loss, &value_loss, &entropy, &kl, &clipped, &ratio_error];
            let mut host = [0.0; 7];
            copy_to(&Tensor::stack(&all, 0), &mut host);
            host.map(f64::from)
        });
        let [total, policy, value, entropy, approx_kl, clip_fraction, ratio_error] = parts;
        let losses =
            Losses { total, policy, value, entropy, approx_kl, clip_fraction, ratio_error };
        (loss, losses)
    }
}

/// The parts of a minibatch's loss.
#[derive(Clone, Copy, Debug, Default)]
struct Losses {
    total: f64,
    policy: f64,
    value: f64,
    entropy: f64,
    approx_kl: f64,
    clip_fraction: f64,
    ratio_error: f64,
}

impl Losses {
    fn is_finite(&self) -> bool {
        self.total.is_finite() && self.approx_kl.is_finite()
    }
    fn add(&mut self, other: &Self) {
        self.policy += other.policy;
        self.value += other.value;
        self.entropy += other.entropy;
        self.approx_kl += other.approx_kl;
        self.clip_fraction += other.clip_fraction;
    }
}

// -------------------------------------------------------------------------------------- storage

/// A rollout, decision after decision, lane after lane.
struct Storage {
    steps: usize,
    lanes: usize,
    obs: Vec<f32>,          // [T, N, D], normalised
    mask: Vec<f32>,         // [T, N, L]
    actions: Vec<i64>,      // [T, N, K]
    log_probs: Vec<f32>,    // [T, N]
    values: Vec<f32>,       // [T, N]
    rewards: Vec<f64>,      // [T, N]
    discounts: Vec<f64>,    // [T, N]
    terminated: Vec<bool>,  // [T, N]
    truncated: Vec<bool>,   // [T, N], and not terminated
    final_values: Vec<f32>, // [T, N], where truncated
    last_values: Vec<f32>,  // [N]
}

/// The part of a [`Storage`] that one decision of all lanes fills.
struct StorageRow<'a> {
    obs: &'a mut [f32],
    mask: &'a mut [f32],
    actions: &'a mut [i64],
    log_probs: &'a mut [f32],
    values: &'a mut [f32],
    rewards: &'a mut [f64],
    discounts: &'a mut [f64],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
    final_values: &'a mut [f32],
}

impl Storage {
    fn new(steps: usize, lanes: usize, spec: &Spec) -> Self {
        let b = steps * lanes;
        Self {
            steps,
            lanes,
            obs: vec![0.0; b * spec.obs_dim],
            mask: vec![0.0; b * spec.action.logits()],
            actions: vec![0; b * spec.action.dim()],
            log_probs: vec![0.0; b],
            values: vec![0.0; b],
            rewards: vec![0.0; b],
            discounts: vec![0.0; b],
            terminated: vec![false; b],
            truncated: vec![false; b],
            final_values: vec![0.0; b],
            last_values: vec![0.0; lanes],
        }
    }

    fn decisions(&self) -> usize {
        self.steps * self.lanes
    }

    fn row(&mut self, t: usize) -> StorageRow<'_> {
        let steps = self.steps;
        fn part<T>(values: &mut [T], steps: usize, t: usize) -> &mut [T] {
            let width = values.len() / steps;
            &mut values[t * width..(t + 1) * width]
        }
        StorageRow {
            obs: part(&mut self.obs, steps, t),
            mask: part(&mut self.mask, steps, t),
            actions: part(&mut self.actions, steps, t),
            log_probs: part(&mut self.log_probs, steps, t),
            values: part(&mut self.values, steps, t),
            rewards: part(&mut self.rewards, steps, t),
            discounts: part(&mut self.discounts, steps, t),
            terminated: part(&mut self.terminated, steps, t),
            truncated: part(&mut self.truncated, steps, t),
            final_values: part(&mut self.final_values, steps, t),
        }
    }

    fn batch(&self, advantages: &[f32], returns: &[f32], device: Device) -> Batch {
        let b = self.decisions() as i64;
        let matrix = |v: &[f32]| Tensor::from_slice(v).view([b, -1]).to_device(device);
        let vector = |v: &[f32]| Tensor::from_slice(v).to_device(device);
        Batch {
            obs: matrix(&self.obs),                                 // [B, D]
            illegal: matrix(&self.mask).le(f64::from(LEGAL_ABOVE)), // [B, L], bool
            actions: Tensor::from_slice(&self.actions).view([b, -1]).to_device(device), // [B, K]
            log_probs: vector(&self.log_probs),                     // [B]
            advantages: vector(advantages),                         // [B]
            returns: vector(returns),                               // [B]
        }
    }
}

/// A rollout, or a minibatch of it, as tensors.
struct Batch {
    obs: Tensor,
    illegal: Tensor,
    actions: Tensor,
    log_probs: Tensor,
    advantages: Tensor,
    returns: Tensor,
}

impl Batch {
    /// Rows `[M]` of `[B, …]`.
    fn select(&self, rows: &Tensor) -> Self {
        Self {
            obs: self.obs.index_select(0, rows),
            illegal: self.illegal.index_select(0, rows),
            actions: self.actions.index_select(0, rows),
            log_probs: self.log_probs.index_select(0, rows),
            advantages: self.advantages.index_select(0, rows),
            returns: self.returns.index_select(0, rows),
        }
    }
}

// ------------------------------------------------------------------------------- building blocks

/// The heads of a policy, on tensors.
#[derive(Debug)]
pub struct Heads {
    choices: Vec<u32>,
    widest: i64,
    /// Where each of the `K·C` padded cells finds its logit among `L` and one more that is masked;
    /// none where all heads are equally wide.
    padding: Option<Tensor>,
}

impl Heads {
    /// Heads of so many choices each.
    #[must_use]
    pub fn new(choices: &[u32], device: Device) -> Self {
        let widest = choices.iter().copied().max().unwrap_or(0);
        let total: u32 = choices.iter().sum();
        let mut cells = Vec::new();
        let mut start = 0;
        for n in choices {
            cells.extend((0..widest).map(|c| i64::from(if c < *n { start + c } else { total })));
            start += n;
        }
        let uneven = choices.iter().any(|n| *n != widest);
        Self {
            choices: choices.to_vec(),
            widest: i64::from(widest),
            padding: uneven.then(|| Tensor::from_slice(&cells).to_device(device)),
        }
    }

    /// Log-probability of `actions` `[M, K]` and entropy, each summed over heads, `[M]`; of `logits`
    /// `[M, L]` with `illegal` `[M, L]`. An illegal choice has probability exactly 0 and gradient 0.
    #[must_use]
    pub fn log_probs_and_entropy(
        &self,
        logits: &Tensor,
        illegal: &Tensor,
        actions: &Tensor,
    ) -> (Tensor, Tensor) {
        let all = self.log_probs(logits, illegal); // [M, K, C]
        let chosen = all.gather(-1, &actions.unsqueeze(-1), false); // [M, K, 1]
        let log_probs = chosen.sum_dim_intlist([-1i64, -2].as_slice(), false, Kind::Float); // [M]
        // A masked cell contributes exp(−1e9)·(−1e9) = 0·(−1e9) = −0, never NaN.
        let entropy =
            (all.exp() * &all).sum_dim_intlist([-1i64, -2].as_slice(), false, Kind::Float);
        (log_probs, -entropy) // [M], [M]
    }

    /// Log-probabilities of all choices, `[M, K, C]`, heads padded to the widest with masked ones.
    #[must_use]
    pub fn log_probs(&self, logits: &Tensor, illegal: &Tensor) -> Tensor {
        let m = logits.size()[0];
        let masked = logits.masked_fill(illegal, f64::from(MASKED_LOGIT)); // [M, L]
        let cells = match &self.padding {
            None => masked,
            Some(padding) => {
                let extra =
                    Tensor::full([m, 1], f64::from(MASKED_LOGIT), (Kind::Float, logits.device()));
                Tensor::cat(&[masked, extra], 1).index_select(1, padding) // [M, K·C]
            }
        };
        cells.view([m, self.choices.len() as i64, self.widest]).log_softmax(-1, Kind::Float)
    }
}

/// Draws one choice per head from masked `logits` `[L]` into `action` `[K]`; returns the sum of the
/// heads' log-probabilities.
///
/// # Errors
/// The first head without a legal choice.
pub fn sample(
    heads: &[u32],
    logits: &[f32],
    mask: &[f32],
    action: &mut [f32],
    mut uniform: impl FnMut() -> f64,
) -> Result<f32, usize> {
    let mut log_prob = 0.0;
    let mut start = 0;
    for (head, n) in heads.iter().enumerate() {
        let end = start + *n as usize;
        let legal =
            || (start..end).filter(|i| mask[*i] > LEGAL_ABOVE).map(|i| (i, f64::from(logits[i])));
        let highest = legal().map(|(_, x)| x).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = legal().map(|(_, x)| libm::exp(x - highest)).sum();
        let mut left = uniform() * sum;
        let mut chosen = None;
        for (i, x) in legal() {
            chosen = Some((i, x));
            left -= libm::exp(x - highest);
            if left < 0.0 {
                break;
            }
        }
        // Rounding may leave a rest: then the last legal choice stands.
        let (index, logit) = chosen.ok_or(head)?;
        action[head] = (index - start) as f32;
        log_prob += logit - highest - libm::log(sum);
        start = end;
    }
    Ok(log_prob as f32)
}

/// What [`advantages`] reads: `[T, N]`, but `last_values` `[N]`.
#[derive(Clone, Copy, Debug)]
pub struct GaeInput<'a> {
    /// Rewards.
    pub rewards: &'a [f64],
    /// Value of the observation decided on.
    pub values: &'a [f32],
    /// Value of the last observation of an episode, where truncated.
    pub final_values: &'a [f32],
    /// Value of the observation after the last decision.
    pub last_values: &'a [f32],
    /// The episode ended here: nothing follows.
    pub terminated: &'a [bool],
    /// The episode was cut here: `final_values` follows.
    pub truncated: &'a [bool],
    /// Discount over the decision, γ^elapsed.
    pub discounts: &'a [f64],
    /// λ.
    pub lambda: f64,
}

/// Generalised advantage estimation (Schulman et al., 2016, arXiv:1506.02438): advantages and
/// returns (their targets for the value), `[T, N]`.
#[must_use]
pub fn advantages(input: &GaeInput<'_>) -> (Vec<f32>, Vec<f32>) {
    let n = input.last_values.len();
    let total = input.rewards.len();
    let mut advantages = vec![0.0; total];
    let mut returns = vec![0.0; total];
    let mut ahead = vec![0.0f64; n];
    for i in (0..total).rev() {
        let lane = i % n;
        let (terminated, truncated) = (input.terminated[i], input.truncated[i]);
        let next = match (terminated, truncated) {
            (true, _) => 0.0,
            (false, true) => input.final_values[i],
            (false, false) if i + n < total => input.values[i + n],
            (false, false) => input.last_values[lane],
        };
        let value = f64::from(input.values[i]);
        let delta = input.rewards[i] + input.discounts[i] * f64::from(next) - value;
        let later = if terminated || truncated { 0.0 } else { ahead[lane] };
        ahead[lane] = delta + input.discounts[i] * input.lambda * later;
        advantages[i] = ahead[lane] as f32;
        returns[i] = (ahead[lane] + value) as f32;
    }
    (advantages, returns)
}

/// 1 − Var(returns − values) / Var(returns); NaN where returns do not vary.
fn explained_variance(values: &[f32], returns: &[f32]) -> f64 {
    let variance = |of: &dyn Fn(usize) -> f64| {
        let n = values.len() as f64;
        let mean = (0..values.len()).map(of).sum::<f64>() / n;
        (0..values.len()).map(|i| (of(i) - mean) * (of(i) - mean)).sum::<f64>() / n
    };
    let all = variance(&|i| f64::from(returns[i]));
    let rest = variance(&|i| f64::from(returns[i]) - f64::from(values[i]));
    1.0 - rest / all
}

/// A [`Normaliser`] made ready for rows.
struct Normalise {
    normaliser: Normaliser,
    inverse_std: Vec<f32>,
}

impl Normalise {
    fn new(normaliser: Normaliser) -> Self {
        Self { inverse_std: normaliser.inverse_std(), normaliser }
    }
    /// As [`FrozenPolicy::logits`] does it.
    fn rows(&self, raw: &[f32], out: &mut [f32]) {
        let d = self.inverse_std.len();
        let clip = self.normaliser.clip;
        for (raw, out) in raw.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            for (((y, x), mean), inverse) in
                out.iter_mut().zip(raw).zip(&self.normaliser.mean).zip(&self.inverse_std)
            {
                *y = ((x - mean) * inverse).clamp(-clip, clip);
            }
        }
    }
}

/// One pass without gradients: `obs` `[N, D]` to `logits` `[N, L]` and `values` `[N]`.
fn infer(network: &Network, obs: &[f32], n: usize, logits: &mut [f32], values: &mut [f32]) {
    no_grad(|| {
        let obs = Tensor::from_slice(obs).view([n as i64, -1]).to_device(network.device());
        let (l, v) = network.forward(&obs);
        copy_to(&l, logits);
        copy_to(&v, values);
    });
}

fn check_finite(
    update: u64,
    step: usize,
    values: &[f32],
    width: usize,
    what: &str,
) -> Result<(), LearnError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(i) => Err(LearnError::NotFinite {
            update,
            step,
            lane: i / width,
            what: format!("{what}[{}]", i % width),
            value: f64::from(values[i]),
        }),
    }
}

fn same(what: &str, expected: usize, got: usize) -> Result<(), LearnError> {
    if expected == got {
        return Ok(());
    }
    Err(LearnError::Shape { what: what.into(), expected, got })
}

// ------------------------------------------------------------------------------------------ log

/// What one update did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateLog {
    /// Update, from 1.
    pub update: u64,
    /// Updates in the whole run.
    pub updates: u64,
    /// Decisions so far, all lanes.
    pub decisions: u64,
    /// Episodes that ended in this rollout.
    pub episodes: u64,
    /// Their mean undiscounted return, unscaled; NaN if none ended.
    pub episode_return: f64,
    /// Their mean length in decisions; NaN if none ended.
    pub episode_decisions: f64,
    /// Means of their summaries, by name.
    pub summary: Vec<(&'static str, f64)>,
    /// What rewards were multiplied by.
    pub reward_scale: f64,
    /// Mean policy loss.
    pub policy_loss: f64,
    /// Mean value loss (half the squared error).
    pub value_loss: f64,
    /// Mean entropy, summed over heads, in nats.
    pub entropy: f64,
    /// Mean KL divergence from the collecting policy, estimated.
    pub approx_kl: f64,
    /// Share of ratios beyond the clip.
    pub clip_fraction: f64,
    /// Share of the returns' variance that values explain.
    pub explained_variance: f64,
    /// Mean norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Passes made before the KL target stopped them.
    pub epochs: usize,
    /// Learning rate used.
    pub learning_rate: f64,
    /// Clip used.
    pub clip: f64,
    /// Entropy weight used.
    pub entropy_weight: f64,
    /// Largest |ratio − 1| of the first minibatch: rounding only, or collection and update disagree.
    pub first_ratio_error: f64,
    /// Clip fraction of the first minibatch: 0.
    pub first_clip_fraction: f64,
    /// Decisions per second, all included.
    pub decisions_per_second: f64,
    /// Time of the update.
    pub seconds: f64,
    /// Its part in environments.
    pub environment_secs: f64,
    /// Its part in choosing actions.
    pub forward_secs: f64,
    /// Its part in passes over the rollout.
    pub train_secs: f64,
}

impl UpdateLog {
    /// Every number under its TensorBoard tag; those that are not finite are left out.
    #[must_use]
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let mut all: Vec<(String, f64)> = [
            ("episode/return", self.episode_return),
            ("episode/decisions", self.episode_decisions),
            ("losses/policy", self.policy_loss),
            ("losses/value", self.value_loss),
            ("losses/entropy", self.entropy),
            ("losses/approx_kl", self.approx_kl),
            ("losses/clip_fraction", self.clip_fraction),
            ("losses/explained_variance", self.explained_variance),
            ("losses/grad_norm", self.grad_norm),
            ("schedule/epochs", self.epochs as f64),
            ("schedule/learning_rate", self.learning_rate),
            ("schedule/clip", self.clip),
            ("schedule/entropy_weight", self.entropy_weight),
            ("schedule/reward_scale", self.reward_scale),
            ("speed/decisions_per_second", self.decisions_per_second),
            ("speed/environment_secs", self.environment_secs),
            ("speed/forward_secs", self.forward_secs),
            ("speed/train_secs", self.train_secs),
        ]
        .map(|(tag, value)| (tag.to_owned(), value))
        .to_vec();
        all.extend(self.summary.iter().map(|(name, value)| (format!("episode/{name}"), *value)));
        all.retain(|(_, value)| value.is_finite());
        all
    }
}

/// Episodes that ended in a rollout.
#[derive(Default)]
struct Episodes {
    count: u64,
    returns: f64,
    decisions: u64,
    summary: BTreeMap<&'static str, (f64, u64)>,
}

impl Episodes {
    fn add(&mut self, reward: f64, decisions: u64, summary: &[(&'static str, f64)]) {
        self.count += 1;
        self.returns += reward;
        self.decisions += decisions;
        for (name, value) in summary {
            let (sum, count) = self.summary.entry(name).or_default();
            *sum += value;
            *count += 1;
        }
    }
    fn report(&self, log: &mut UpdateLog) {
        let count = self.count as f64;
        log.episodes = self.count;
        log.episode_return = self.returns / count;
        log.episode_decisions = self.decisions as f64 / count;
        log.summary =
            self.summary.iter().map(|(name, (sum, count))| (*name, sum / *count as f64)).collect();
    }
}

// ---------------------------------------------------------------------------------------- train

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make the next update.
    Continue,
    /// Stop here, in good order.
    Stop,
}

/// Watches a run: draws the bar, writes events, saves checkpoints, evaluates.
pub trait Observer<E: Environment> {
    /// After every update. May save, freeze and score; the run's course depends on none of it.
    ///
    /// # Errors
    /// Ends the run.
    fn on_update(&mut self, log: &UpdateLog, run: &mut Ppo<E>) -> Result<Next, LearnError>;
}

impl<E: Environment, F> Observer<E> for F
where
    F: FnMut(&UpdateLog, &mut Ppo<E>) -> Result<Next, LearnError>,
{
    fn on_update(&mut self, log: &UpdateLog, run: &mut Ppo<E>) -> Result<Next, LearnError> {
        self(log, run)
    }
}

/// Updates until the configured number is done or the observer stops.
///
/// # Errors
/// Those of [`Ppo::update`] and of the observer.
pub fn train<E: Environment>(
    run: &mut Ppo<E>,
    observer: &mut impl Observer<E>,
) -> Result<(), LearnError> {
    while run.updates_done() < run.config().updates {
        let log = run.update()?;
        if observer.on_update(&log, run)? == Next::Stop {
            break;
        }
    }
    Ok(())
}
