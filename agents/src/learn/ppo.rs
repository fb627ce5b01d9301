//! Proximal policy optimisation (Schulman et al., 2017, arXiv:1707.06347), for masked choices over
//! several heads, or for bounded numbers. In reading order: state → storage → collect → advantages → update → log.
//!
//! Shapes: `T` decisions per rollout, `N` lanes, `B = T·N`, `M` decisions in a minibatch, `D`
//! observation values, `S` of them after a set is read, `K` heads or numbers, `L` choices of all heads or numbers, `H`
//! values remembered.
//!
//! Bit-identical on a CPU: one torch thread, always the full batch in lane order, addressed noise,
//! our own optimiser, and sums over lanes in order.

use std::path::PathBuf;

use sim::environment::{Environment, Spec};
use sim::lanes::Lanes;
use tch::{Device, Kind, Tensor, no_grad};

use super::actor::Actor;
use super::checkpoint::Best;
use super::config::{Discount, PpoConfig};
use super::error::LearnError;
use super::gae::{GaeInput, advantages, explained_variance};
use super::heads::{Illegal, Pull, Softmax};
use super::kickstart::Teacher;
pub use super::log::UpdateLog;
use super::log::{Episodes, Stopwatch, check_finite};
use super::loss::{LossInput, Losses, slopes};
use super::network::{Network, Seen};
use super::noise::{Draw, Noise, shuffled};
use super::normalise::Normalise;
use super::parameters::{AdamStep, copy_to, to_vec};
use super::resume::same;
use super::shape::NetworkShape;
use super::stats::RunningStats;
use super::storage::{Batch, Held, Storage};
use super::tail::TailState;
use super::towers::{Inference, Slopes};

// ---------------------------------------------------------------------------------------- state

/// A training run: the world, the network, and all that a checkpoint holds.
pub struct Ppo<E: Environment> {
    pub(super) config: PpoConfig,
    pub(super) spec: Spec,
    pub(super) noise: Noise,
    pub(super) lanes: Lanes<E>,
    pub(super) network: Network,
    pub(super) inference: Inference,
    pub(super) actor: Actor,
    pub(super) storage: Storage,
    /// Observation to decide on next, raw, `[N, D]`, and its mask, `[N, L]`.
    pub(super) obs: Vec<f32>,
    pub(super) mask: Vec<f32>,
    /// What is remembered of the running episodes, `[N, H]`; empty without memory.
    pub(super) state: Vec<f32>,
    pub(super) obs_stats: RunningStats,
    pub(super) return_stats: RunningStats,
    /// Discounted return so far, `[N]`.
    pub(super) returns: Vec<f64>,
    pub(super) tail: TailState,
    /// Who says what it would do; given from outside, after [`Ppo::new`] or [`Ppo::resume`].
    teacher: Option<Teacher>,
    /// Weights of the reference, where the settings have one.
    pub(super) reference: Option<Vec<f32>>,
    /// Of the last rollout, `[T, N]`; empty before the first.
    advantages: Vec<f32>,
    scratch: Scratch,
    pub(super) episode_returns: Vec<f64>,
    pub(super) episode_decisions: Vec<u64>,
    pub(super) update: u64,
    pub(super) decisions: u64,
    pub(super) best: Option<Best>,
    pub(super) note: Vec<u8>,
    pub(super) last_checkpoint: Option<PathBuf>,
}

impl<E: Environment> Ppo<E> {
    /// A run at its beginning: each lane starts the episode that it stands in. Sets libtorch to one thread, for the whole process.
    ///
    /// # Errors
    /// A setting out of range or for another kind of actions, bounds without room, or a bias that does not fit
    /// the heads.
    pub fn new(config: PpoConfig, mut lanes: Lanes<E>, device: Device) -> Result<Self, LearnError> {
        config.check()?;
        tch::set_num_threads(1);
        let spec = lanes.spec().clone();
        let n = lanes.len();
        let actor = Actor::new(&spec.action, device)?;
        let shape = NetworkShape::new(&spec, &config)?;
        if shape.deviations() == 0 && config.initial_log_std != 0.0 {
            let must = "0 where actions are choices";
            return Err(LearnError::Setting { field: "initial_log_std", must });
        }
        if shape.deviations() > 0 && config.kickstart.is_some() {
            let must = "none where actions are numbers";
            return Err(LearnError::Setting { field: "kickstart", must });
        }
        if (shape.deviations() > 0 || shape.memory > 0) && config.reference.is_some() {
            let must = "none where actions are numbers or the policy has memory";
            return Err(LearnError::Setting { field: "reference", must });
        }
        let bias = &config.initial_logit_bias;
        if !bias.is_empty() {
            same("initial_logit_bias", shape.logits(), bias.len())?;
            let (each, whole) = shape.each_and_whole();
            let rows = &bias[..bias.len() - whole];
            if rows.iter().enumerate().any(|(i, b)| *b != rows[i % each]) {
                let must = "the same for each row, where rows are read as a set";
                return Err(LearnError::Setting { field: "initial_logit_bias", must });
            }
        }
        let noise = Noise::new(config.seed);
        let weights = shape.initial(&noise, bias, config.initial_log_std);
        let episodes: Vec<u64> = lanes.lanes().iter().map(E::episode).collect();
        lanes.reset(|lane| episodes[lane]);
        let network = Network::new(shape, &weights, device);
        Ok(Self {
            inference: Inference::new(&network, n),
            obs: lanes.buffers().obs.clone(),
            mask: lanes.buffers().action_mask.clone(),
            state: vec![0.0; n * network.shape().memory],
            actor,
            storage: Storage::new(config.rollout_steps, n, network.shape().memory, &spec),
            network,
            obs_stats: RunningStats::new(spec.obs_dim),
            return_stats: RunningStats::new(1),
            returns: vec![0.0; n],
            tail: TailState::default(),
            teacher: None,
            reference: None,
            advantages: Vec::new(),
            scratch: Scratch::default(),
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

    /// The worlds that are played.
    #[must_use]
    pub const fn lanes(&self) -> &Lanes<E> {
        &self.lanes
    }

    /// The same, to set what is given from outside: opponents, say.
    pub const fn lanes_mut(&mut self) -> &mut Lanes<E> {
        &mut self.lanes
    }

    /// Gives the run its teacher, whom `kickstart` asks for.
    pub fn learn_from(&mut self, teacher: Teacher) {
        self.teacher = Some(teacher);
    }

    /// The last rollout's decisions, time after time and lane after lane, `[T, N]`: the advantage of each, and
    /// whether its episode ended with it. Empty before the first update.
    pub fn judged(&self) -> impl Iterator<Item = (f32, bool)> + '_ {
        let ends = self.storage.terminated.iter().zip(&self.storage.truncated);
        self.advantages.iter().zip(ends).map(|(advantage, (dead, cut))| (*advantage, *dead || *cut))
    }

    /// One rollout and the passes over it. Where no decision is to be learned from, nothing is.
    ///
    /// # Errors
    /// An environment's value or the network is no longer finite, or a head has no legal choice.
    pub fn update(&mut self) -> Result<UpdateLog, LearnError> {
        let start = Stopwatch::start();
        self.update += 1;
        let mut log =
            UpdateLog { update: self.update, updates: self.config.updates, ..UpdateLog::default() };
        let kickstart = self.config.kickstart.as_ref();
        log.teacher_weight = kickstart.map_or(0.0, |k| k.weight_at(log.update, log.updates));
        self.collect(&mut log)?;
        let (advantages, returns) = self.advantages(&mut log);
        self.learn(&advantages, &returns, &mut log)?;
        self.advantages = advantages;
        log.decisions = self.decisions;
        log.seconds = start.seconds();
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
        let log_std = self.network.log_std().map(to_vec).unwrap_or_default(); // [A]
        let deviations = log_std.iter().map(|l| libm::exp(f64::from(*l)));
        log.deviation = deviations.sum::<f64>() / log_std.len() as f64;
        let h = self.network.shape().memory;
        let mut beyond = vec![0.0; n * h]; // state after an observation that is not decided on
        self.storage.first_state.copy_from_slice(&self.state);
        let teaches = log.teacher_weight > 0.0;
        if teaches && self.teacher.is_none() {
            let must = "none where nobody teaches";
            return Err(LearnError::Setting { field: "kickstart", must });
        }
        let taught = if teaches { self.storage.drawn.len() } else { 0 };
        self.storage.taught.resize(taught, 0.0);
        let mut episodes = Episodes::default();
        for t in 0..self.config.rollout_steps {
            let forward = Stopwatch::start();
            if self.config.normalise_observations {
                self.obs_stats.update(&self.obs);
            }
            let normalise = Normalise::new(self.normaliser());
            let row = self.storage.row(t);
            normalise.rows(&self.obs, row.obs);
            row.mask.copy_from_slice(&self.mask);
            self.inference.pass(&self.network, row.obs, &mut self.state, &mut logits, &mut values);
            row.values.copy_from_slice(&values);
            if let Some(teacher) = self.teacher.as_mut().filter(|_| teaches) {
                for lane in 0..n {
                    let mask = &self.mask[lane * l..(lane + 1) * l];
                    let answer = &mut row.taught[lane * k..(lane + 1) * k];
                    teacher(&self.obs[lane * d..(lane + 1) * d], mask, answer);
                    if let Some(head) = self.actor.illegal(mask, answer) {
                        let (update, step, answer) = (self.update, t, answer[head]);
                        return Err(LearnError::IllegalAnswer { update, step, lane, head, answer });
                    }
                }
            }
            for (learned, lane) in row.learned.iter_mut().zip(self.lanes.lanes()) {
                *learned = lane.learns();
            }
            for lane in 0..n {
                let mut rng = self.noise.at(Draw::Action, self.update, t as u64, lane as u64);
                let (outputs, action) = (lane * l..(lane + 1) * l, lane * k..(lane + 1) * k);
                let sampled = self.actor.sample(
                    &logits[outputs.clone()],
                    &log_std,
                    &self.mask[outputs],
                    &mut row.drawn[action.clone()],
                    &mut actions[action],
                    &mut rng,
                );
                row.log_probs[lane] = sampled.map_err(|head| LearnError::NothingLegal {
                    update: self.update,
                    step: t,
                    lane,
                    head,
                })?;
            }
            log.forward_secs += forward.seconds();

            let environment = Stopwatch::start();
            self.lanes.step(&actions);
            log.environment_secs += environment.seconds();

            let bookkeeping = Stopwatch::start();
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
                let reward = f64::from(out.reward[lane]);
                let before = self.episode_returns[lane];
                row.rewards[lane] = match &self.config.tail {
                    Some(tail) => self.tail.paid(tail, before, reward),
                    None => reward,
                };
                row.discounts[lane] = libm::pow(self.config.gamma, span);
                row.terminated[lane] = terminated;
                row.truncated[lane] = truncated && !terminated;
                any_cut |= row.truncated[lane];
                self.episode_returns[lane] += reward;
                self.episode_decisions[lane] += 1;
                if terminated || truncated {
                    let summary = self.lanes.lanes()[lane].episode_summary();
                    let earned = std::mem::take(&mut self.episode_returns[lane]);
                    // An episode that nothing is learned from says nothing of the tail of those that are.
                    if let Some(tail) = self.config.tail.as_ref().filter(|_| row.learned[lane]) {
                        row.rewards[lane] += self.tail.ended(tail, earned, summary)?;
                    }
                    episodes.add(
                        earned,
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
                beyond.copy_from_slice(&self.state);
                self.inference.pass(
                    &self.network,
                    &final_obs,
                    &mut beyond,
                    &mut logits,
                    row.final_values,
                );
            }
            for lane in (0..n).filter(|lane| out.terminated[*lane] || out.truncated[*lane]) {
                self.state[lane * h..(lane + 1) * h].fill(0.0);
            }
            log.forward_secs += bookkeeping.seconds();
        }
        let forward = Stopwatch::start();
        // V of the observation after the last decision, seen with the last normaliser.
        Normalise::new(self.normaliser()).rows(&self.obs, &mut final_obs);
        beyond.copy_from_slice(&self.state);
        let last_values = &mut self.storage.last_values;
        self.inference.pass(&self.network, &final_obs, &mut beyond, &mut logits, last_values);
        log.forward_secs += forward.seconds();
        self.decisions += self.storage.decisions() as u64;
        episodes.report(log);
        if let Some(tail) = &self.config.tail {
            self.tail.update(tail);
            log.tail_mean = self.tail.mean();
            log.tail_at_risk = self.tail.at_risk().unwrap_or(f64::NAN);
            log.tail_multiplier = self.tail.multiplier();
        } else {
            (log.tail_mean, log.tail_at_risk, log.tail_multiplier) = (f64::NAN, f64::NAN, f64::NAN);
        }
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
        let start = Stopwatch::start();
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
        if config.reference.as_ref().is_some_and(|reference| reference.refreshes(self.update)) {
            self.reference = Some(self.network.parameters.weights());
        }
        let total = self.storage.decisions(); // B
        // With memory, whole lanes are shuffled and cut; without, decisions are.
        let lanes = self.lanes.len();
        let recurrent = config.memory > 0;
        let learned = self.storage.learned.iter().filter(|learned| **learned).count();
        if recurrent && learned < total {
            let must = "0 where there are episodes that nothing is learned from";
            return Err(LearnError::Setting { field: "memory", must });
        }
        if learned == 0 {
            for figure in [
                &mut log.policy_loss,
                &mut log.value_loss,
                &mut log.entropy,
                &mut log.teacher_loss,
                &mut log.reference_kl,
                &mut log.approx_kl,
                &mut log.clip_fraction,
                &mut log.grad_norm,
            ] {
                *figure = f64::NAN;
            }
            log.train_secs = start.seconds();
            return Ok(());
        }
        let illegal = match &self.actor {
            Actor::Choices(_) => Illegal::new(&self.storage.mask, self.spec.action.logits()),
            Actor::Numbers(_) => Illegal::default(),
        };
        let reference = self.reference.as_ref();
        let referred = reference.map(|weights| self.referred(weights, &illegal));
        let device = self.network.parameters.device();
        let mut scratch = std::mem::take(&mut self.scratch);
        let count = if recurrent { lanes } else { total };
        let parts = (learned / config.minibatch).clamp(1, if recurrent { lanes } else { learned });
        let diverged = |what, value, checkpoint: &Option<PathBuf>| LearnError::Diverged {
            update: log.update,
            what,
            value,
            checkpoint: checkpoint.clone(),
        };
        let square =
            returns.iter().map(|r| f64::from(*r) * f64::from(*r)).sum::<f64>() / total as f64;
        let mut sums = Losses::default();
        let mut minibatches = 0;
        for epoch in 0..config.epochs {
            let mut rng = self.noise.at(Draw::Shuffle, self.update, 0, epoch as u64);
            let mut order = shuffled(&mut rng, count);
            if learned < total {
                order.retain(|row| self.storage.learned[*row as usize]);
            }
            let mut epoch_kl = 0.0;
            for part in 0..parts {
                let (from, to) = (part * order.len() / parts, (part + 1) * order.len() / parts);
                let chosen = &order[from..to];
                let (rows, mini) = if recurrent {
                    let rows = self.rows_of_lanes(chosen);
                    let mini = self.recall(chosen, &rows, &mut scratch.obs);
                    (rows, mini)
                } else {
                    let mut mini = self.storage.batch(chosen, &mut scratch.obs, device);
                    let seen = self.network.see(&mini.obs); // [M, D] to [M, S]
                    (mini.obs, mini.rows) = (seen.context, seen.rows);
                    (chosen.to_vec(), mini)
                };
                let targets = Targets {
                    advantages,
                    returns,
                    illegal: &illegal,
                    referred: referred.as_deref(),
                };
                let (gradient, losses) = self.gradient(&mini, &rows, &targets, log, &mut scratch); // [P]
                if let Some((part, value)) = losses.diverged(square) {
                    return Err(diverged(part, value, &self.last_checkpoint));
                }
                let norm = self.network.parameters.step(gradient, adam);
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
        if !self.network.parameters.is_finite() {
            return Err(diverged("a weight", f64::NAN, &self.last_checkpoint));
        }
        let count = f64::from(minibatches);
        log.policy_loss = sums.policy / count;
        log.value_loss = sums.value / count;
        log.entropy = sums.entropy / count;
        let or_none = |any: bool, sum: f64| if any { sum / count } else { f64::NAN };
        log.reference_kl = or_none(referred.is_some(), sums.reference_kl);
        log.teacher_loss = or_none(!self.storage.taught.is_empty(), sums.teacher);
        log.approx_kl = sums.approx_kl / count;
        log.clip_fraction = sums.clip_fraction / count;
        log.grad_norm /= count;
        self.scratch = scratch;
        log.train_secs = start.seconds();
        Ok(())
    }

    /// Log-probabilities of all choices of a whole rollout under other `weights`: `[B, L]`.
    fn referred(&self, weights: &[f32], illegal: &Illegal) -> Vec<f32> {
        let device = self.network.parameters.device();
        let reference = Network::new(self.network.shape().clone(), weights, device);
        let all: Vec<i64> = (0..self.storage.decisions() as i64).collect();
        let logits = no_grad(|| {
            let Seen { context, rows } =
                reference.see(&self.storage.batch(&all, &mut Held::default(), device).obs);
            to_vec(&reference.forward(&context, rows.as_ref()).0)
        });
        let Actor::Choices(heads) = &self.actor else {
            unreachable!("Invariant: a reference is for choices");
        };
        let mut softmax = Softmax::default();
        heads.softmax(&logits, illegal, &all, &mut softmax);
        softmax.all
    }

    /// All decisions of some lanes, decision after decision, `[T·m]`.
    fn rows_of_lanes(&self, lanes: &[i64]) -> Vec<i64> {
        let (t, n) = (self.storage.steps as i64, self.lanes.len() as i64);
        (0..t).flat_map(|step| lanes.iter().map(move |lane| step * n + lane)).collect()
    }

    /// All decisions `rows` `[T·m]` of some `lanes` `[m]`, with what is remembered at each in place of the
    /// observation.
    fn recall(&self, lanes: &[i64], rows: &[i64], obs: &mut Held) -> Batch {
        let (t, n, m) = (self.storage.steps as i64, self.lanes.len() as i64, lanes.len() as i64);
        let device = self.network.parameters.device();
        let mut mini = self.storage.batch(rows, obs, device);
        let first = Tensor::from_slice(&self.storage.first_state).view([n, -1]); // [N, H]
        let mut state = first.index_select(0, &Tensor::from_slice(lanes)).to_device(device); // [m, H]
        let goes_on = mini.goes_on.as_ref().map(|g| g.view([t, m, 1]));
        let Seen { context, rows } = self.network.see(&mini.obs);
        let obs = context.view([t, m, -1]); // [T, m, S]
        let mut remembered = Vec::with_capacity(t as usize);
        for step in 0..t {
            let after = self.network.remember(&obs.get(step), &state); // [m, H]
            state = match &goes_on {
                Some(goes_on) => &after * goes_on.get(step),
                None => after.shallow_clone(),
            };
            remembered.push(after);
        }
        (mini.obs, mini.rows) = (Tensor::cat(&remembered, 0), rows); // [T·m, H]
        mini
    }

    /// The gradient of the loss over the decisions `rows` `[M]`, `[P]`, and the loss's parts.
    fn gradient(
        &self,
        mini: &Batch,
        rows: &[i64],
        targets: &Targets<'_>,
        log: &UpdateLog,
        scratch: &mut Scratch,
    ) -> (Tensor, Losses) {
        let (config, storage, m) = (&self.config, &self.storage, rows.len());
        let device = self.network.parameters.device();
        let Scratch {
            softmax,
            outputs,
            host,
            along_log_probs,
            along_values,
            along_logits,
            passes,
            ..
        } = scratch;
        let mut passes = Slopes::of(passes, &self.network, m);
        let (logits, values) = match &mut passes {
            Some(passes) => passes.forward(&self.network, &mini.obs),
            None => self.network.forward(&mini.obs, mini.rows.as_ref()),
        }; // [M, L], [M]
        host.resize(3 * m, 0.0); // [3, M]: log-probabilities of what was drawn, values, entropies
        let (host_log_probs, rest) = host.split_at_mut(m);
        let (host_values, host_entropies) = rest.split_at_mut(m);
        copy_to(&values, host_values);
        let numbers = match &self.actor {
            Actor::Choices(heads) => {
                outputs.resize(logits.numel(), 0.0);
                copy_to(&logits, outputs);
                heads.softmax(outputs, targets.illegal, rows, softmax);
                let drawn = heads.log_probs(softmax, &storage.drawn, rows);
                host_log_probs.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
                let each = softmax.entropies.chunks_exact(self.spec.action.dim());
                host_entropies.iter_mut().zip(each).for_each(|(to, from)| *to = from.iter().sum());
                None
            }
            Actor::Numbers(numbers) => {
                let Some((drawn, log_std)) = mini.numbers.as_ref().zip(self.network.log_std())
                else {
                    unreachable!("Invariant: numbers are drawn, and have a deviation");
                };
                let unread = drawn.unread.as_ref();
                let (log_probs, entropy) =
                    numbers.log_probs_and_entropy(&logits, log_std, unread, &drawn.drawn); // [M], [M]
                copy_to(&log_probs, host_log_probs);
                copy_to(&entropy, host_entropies);
                Some((log_probs, entropy))
            }
        };
        let chosen =
            |of: &[f32]| -> Vec<f32> { rows.iter().map(|row| of[*row as usize]).collect() };
        let mut losses = slopes(
            &LossInput {
                log_probs: host_log_probs,
                old_log_probs: &chosen(&storage.log_probs),
                values: host_values,
                old_values: &chosen(&storage.values),
                advantages: &chosen(targets.advantages),
                returns: &chosen(targets.returns),
                clip: log.clip,
                value_clip: config.clip_value.then_some(log.clip),
                value_weight: config.value_weight,
                normalise_advantages: config.normalise_advantages,
            },
            along_log_probs.room(m, device),
            along_values.room(m, device),
        );
        losses.entropy = host_entropies.iter().map(|e| f64::from(*e)).sum::<f64>() / m as f64;
        if let Actor::Choices(heads) = &self.actor {
            let taught = (!storage.taught.is_empty()).then_some(storage.taught.as_slice());
            let pull = Pull {
                along_log_probs: along_log_probs.room(m, device),
                entropy: log.entropy_weight,
                teacher: taught.map(|taught| (log.teacher_weight, taught)),
                reference: config.reference.as_ref().map(|r| r.weight).zip(targets.referred),
            };
            let room = along_logits.room(outputs.len(), device);
            (losses.teacher, losses.reference_kl) =
                heads.slopes(softmax, &storage.drawn, rows, pull, room);
        }
        let along_values = along_values.tensor(device);
        if let Some(passes) = passes {
            let along_logits = along_logits.tensor(device).view_as(&logits);
            let network = &self.network;
            return (passes.backward(network, &mini.obs, &along_logits, &along_values), losses);
        }
        // What to descend: the gradient is the loss's, the value is not.
        let mut loss = values.dot(&along_values);
        match numbers {
            None => loss += logits.view([-1]).dot(&along_logits.tensor(device)),
            Some((log_probs, entropy)) => {
                loss += log_probs.dot(&along_log_probs.tensor(device));
                if log.entropy_weight != 0.0 {
                    loss -= entropy.mean(Kind::Float) * log.entropy_weight;
                }
            }
        }
        (self.network.parameters.gradient(&loss), losses)
    }
}

/// What a rollout's decisions are held against.
struct Targets<'a> {
    advantages: &'a [f32], // [B]
    returns: &'a [f32],    // [B]
    /// What could not be chosen.
    illegal: &'a Illegal,
    /// Log-probabilities of all choices under the reference, `[B, L]`.
    referred: Option<&'a [f32]>,
}

/// Room for what a minibatch needs.
#[derive(Default)]
struct Scratch {
    softmax: Softmax,
    outputs: Vec<f32>, // [M, L]
    host: Vec<f32>,    // [3, M]
    obs: Held,         // [M, D]
    along_log_probs: Held,
    along_values: Held,
    along_logits: Held, // [M, L]
    /// Passes without a graph, where the network allows.
    passes: Vec<Slopes>,
}
