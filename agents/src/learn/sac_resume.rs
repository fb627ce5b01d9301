//! What a [`Sac`] run gives out and takes back: checkpoints, policies, the best so far.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec};
use sim::lanes::Lanes;
use tch::Device;

use super::checkpoint::{Best, Saved, SavedParameters, same_settings};
use super::error::LearnError;
use super::log::UpdateLog;
use super::parameters::Parameters;
use super::replay::Replay;
use super::resume::same;
use super::run::Learner;
use super::sac::{Sac, TEMPERATURE, actor_shapes, critic_shapes};
use super::sac_config::SacConfig;
use super::shape::dense;
use super::stats::RunningStats;
use crate::frozen::{Activation, FrozenPolicy, Normaliser};

/// Everything that the rest of a SAC run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SacCheckpoint {
    config: SacConfig,
    spec: Spec,
    /// Actor, critics, slow critics, temperature.
    networks: [SavedParameters; 4],
    replay: Replay,
    obs: Vec<f32>,
    read: Vec<f32>,
    obs_stats: RunningStats,
    return_stats: RunningStats,
    returns: Vec<f64>,
    episode_returns: Vec<f64>,
    episode_decisions: Vec<u64>,
    lanes: Vec<Vec<u8>>,
    /// Updates, decisions of a lane, gradient steps.
    counts: [u64; 3],
    best: Option<Best>,
    note: Vec<u8>,
}

impl Saved for SacCheckpoint {
    const MAGIC: &[u8; 16] = b"ballast-sac--05\n";
}

impl<E: Environment> Sac<E> {
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
        for (mine, its) in [&run.actor, &run.critics, &run.targets, &run.temperature]
            .into_iter()
            .zip(&saved.networks)
        {
            same("weights of the checkpoint", mine.weights().len(), its.weights.len())?;
        }
        let shape = TEMPERATURE.map(|s| s.to_vec());
        run.actor = Parameters::restore(&actor_shapes(d, a, w), actor, device);
        run.critics = Parameters::restore(&critic_shapes(d, a, w), critics, device);
        run.targets = Parameters::restore(&critic_shapes(d, a, w), targets, device);
        run.temperature = Parameters::restore(&shape, temperature, device);
        run.replay = saved.replay;
        run.obs = saved.obs;
        run.read = saved.read;
        run.obs_stats = saved.obs_stats;
        run.return_stats = saved.return_stats;
        run.returns = saved.returns;
        run.episode_returns = saved.episode_returns;
        run.episode_decisions = saved.episode_decisions;
        [run.update, run.steps, run.gradient_steps] = saved.counts;
        run.best = saved.best;
        run.note = saved.note;
        run.last_checkpoint = Some(path.into());
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
            read: self.read.clone(),
            obs_stats: self.obs_stats.clone(),
            return_stats: self.return_stats.clone(),
            returns: self.returns.clone(),
            episode_returns: self.episode_returns.clone(),
            episode_decisions: self.episode_decisions.clone(),
            lanes: self.lanes.lanes().iter().map(E::save).collect(),
            counts: [self.update, self.steps, self.gradient_steps],
            best: self.best.clone(),
            note: self.note.clone(),
        }
    }

    /// The actor of these weights in plain Rust: the middle of its draws.
    fn freeze(
        &self,
        name: &str,
        weights: &[f32],
        normaliser: Normaliser,
    ) -> Result<FrozenPolicy, LearnError> {
        let (d, a, w) = (self.spec.obs_dim, self.bounds.len(), self.config.width);
        let mut rest = weights;
        // The last layer's columns are the means, then the deviations' logarithms.
        let layers = [(d, w, w), (w, w, w), (w, a, 2 * a)].map(|(inputs, outputs, stride)| {
            let (weight, after) = rest.split_at(inputs * stride);
            let (bias, after) = after.split_at(stride);
            rest = after;
            dense(inputs, outputs, stride, weight, bias)
        });
        let space = self.bounds.space();
        let policy = FrozenPolicy::of(name, space, normaliser, (None, None), layers.to_vec())?;
        Ok(policy.with_activation(Activation::Relu))
    }
}

impl<E: Environment> Learner for Sac<E> {
    type World = E;

    fn update(&mut self) -> Result<UpdateLog, LearnError> {
        Self::update(self)
    }
    fn updates(&self) -> u64 {
        self.config.updates
    }
    fn updates_done(&self) -> u64 {
        self.update
    }
    fn decisions(&self) -> u64 {
        self.steps * self.lanes.len() as u64
    }
    fn lanes(&self) -> &Lanes<E> {
        &self.lanes
    }
    fn policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        self.freeze(name, &self.actor.weights(), self.normaliser())
    }
    fn consider_best(&mut self, score: f64) -> bool {
        let mut best = self.best.take();
        let better = Best::consider(&mut best, score, || Best {
            score,
            update: self.update,
            decisions: self.decisions(),
            weights: self.actor.weights(),
            normaliser: self.normaliser(),
        });
        self.best = best;
        better
    }
    fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }
    fn best_policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        match &self.best {
            Some(best) => self.freeze(name, &best.weights, best.normaliser.clone()),
            None => self.policy(name),
        }
    }
    fn note(&self) -> &[u8] {
        &self.note
    }
    fn set_note(&mut self, note: Vec<u8>) {
        self.note = note;
    }
    fn save_checkpoint(&mut self, path: &Path) -> Result<(), LearnError> {
        self.checkpoint().save(path)?;
        self.last_checkpoint = Some(path.into());
        Ok(())
    }
    fn last_checkpoint(&self) -> Option<&Path> {
        self.last_checkpoint.as_deref()
    }
}
