//! What a [`Ppo`] run gives out and takes back: checkpoints, policies, the best so far.

use std::path::Path;

use sim::environment::Environment;
use sim::lanes::Lanes;
use tch::Device;

use super::checkpoint::{Best, Checkpoint, Saved};
use super::config::PpoConfig;
use super::error::LearnError;
use super::log::UpdateLog;
use super::network::Network;
use super::parameters::Parameters;
use super::ppo::Ppo;
use super::run::Learner;
use super::tail::TailState;
use crate::frozen::{FrozenPolicy, Normaliser};
use crate::set::tie;

impl<E: Environment> Ppo<E> {
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
        Self::restore(config, lanes, device, Checkpoint::load(path)?, path)
    }

    /// The same with a checkpoint that was read from `path`, by itself or in a
    /// [`Group`](super::checkpoint::Group).
    ///
    /// # Errors
    /// Other settings, other shapes, or a lane that refuses its bytes.
    pub fn restore(
        config: PpoConfig,
        lanes: Lanes<E>,
        device: Device,
        saved: Checkpoint,
        path: &Path,
    ) -> Result<Self, LearnError> {
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
        same(
            "weights of the checkpoint",
            run.network.shape().parameters(),
            saved.network.weights.len(),
        )?;
        for (lane, (world, bytes)) in run.lanes.lanes_mut().iter_mut().zip(&saved.lanes).enumerate()
        {
            world.load(bytes).map_err(|reason| LearnError::Lane { lane, reason })?;
        }
        let tensors = run.network.shape().tensors();
        run.network.parameters = Parameters::restore(&tensors, &saved.network, device);
        run.tail = saved.tail;
        run.obs = saved.obs;
        run.mask = saved.mask;
        run.state = saved.state;
        run.obs_stats = saved.obs_stats;
        run.return_stats = saved.return_stats;
        run.returns = saved.returns;
        run.episode_returns = saved.episode_returns;
        run.episode_decisions = saved.episode_decisions;
        run.update = saved.update;
        run.decisions = saved.decisions;
        run.reference = saved.reference;
        run.best = saved.best;
        run.note = saved.note;
        run.kept_at(path);
        Ok(run)
    }

    /// Begins with what another run of the same shape had learned at its checkpoint: its network with the
    /// optimiser's moments, and its normalisers. Worlds, randomness and settings stay this run's own.
    ///
    /// # Errors
    /// The checkpoint cannot be read, or its shapes are others.
    pub fn begin_with(&mut self, path: &Path) -> Result<(), LearnError> {
        let saved = Checkpoint::load(path)?;
        let shape = self.network.shape();
        same("weights of the checkpoint", shape.parameters(), saved.network.weights.len())?;
        same("observations of the checkpoint", self.spec.obs_dim, saved.spec.obs_dim)?;
        let (tensors, device) = (shape.tensors(), self.network.parameters.device());
        self.network.parameters = Parameters::restore(&tensors, &saved.network, device);
        self.obs_stats = saved.obs_stats;
        self.return_stats = saved.return_stats;
        Ok(())
    }

    /// Everything that the rest of the run depends on.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            config: self.config.clone(),
            spec: self.spec.clone(),
            update: self.update,
            decisions: self.decisions,
            network: self.network.parameters.save(),
            obs_stats: self.obs_stats.clone(),
            return_stats: self.return_stats.clone(),
            returns: self.returns.clone(),
            episode_returns: self.episode_returns.clone(),
            episode_decisions: self.episode_decisions.clone(),
            tail: self.tail.clone(),
            obs: self.obs.clone(),
            mask: self.mask.clone(),
            state: self.state.clone(),
            lanes: self.lanes.lanes().iter().map(E::save).collect(),
            reference: self.reference.clone(),
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
        self.kept_at(path);
        Ok(())
    }

    /// Takes note that what the run has come to is kept in this file.
    pub fn kept_at(&mut self, path: &Path) {
        self.last_checkpoint = Some(path.into());
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
    /// The network.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }
    /// The worst episodes, as known so far; nothing where the settings have no `tail`.
    #[must_use]
    pub fn tail(&self) -> &TailState {
        &self.tail
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
            let mut normaliser = self.obs_stats.normaliser(self.config.observation_epsilon, clip);
            if let Some((rows, _)) = &self.network.shape().set {
                tie(&mut normaliser, rows);
            }
            normaliser
        } else {
            Normaliser::identity(self.spec.obs_dim, clip)
        }
    }

    /// The policy of this moment, in plain Rust.
    ///
    /// # Errors
    /// The network is no longer finite.
    pub fn policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        let weights = self.network.parameters.weights();
        let shape = self.network.shape();
        Ok(shape.freeze(name, &weights, self.normaliser())?)
    }

    /// Keeps the policy of this moment if `score` beats all before; says whether it did.
    pub fn consider_best(&mut self, score: f64) -> bool {
        let mut best = self.best.take();
        let better = Best::consider(&mut best, score, || Best {
            score,
            update: self.update,
            decisions: self.decisions,
            weights: self.network.parameters.weights(),
            normaliser: self.normaliser(),
        });
        self.best = best;
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
}

impl<E: Environment> Learner for Ppo<E> {
    type World = E;

    fn update(&mut self) -> Result<UpdateLog, LearnError> {
        Self::update(self)
    }
    fn updates(&self) -> u64 {
        self.config.updates
    }
    fn updates_done(&self) -> u64 {
        Self::updates_done(self)
    }
    fn decisions(&self) -> u64 {
        Self::decisions(self)
    }
    fn lanes(&self) -> &Lanes<E> {
        Self::lanes(self)
    }
    fn policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        Self::policy(self, name)
    }
    fn consider_best(&mut self, score: f64) -> bool {
        Self::consider_best(self, score)
    }
    fn best(&self) -> Option<&Best> {
        Self::best(self)
    }
    fn best_policy(&self, name: &str) -> Result<FrozenPolicy, LearnError> {
        Self::best_policy(self, name)
    }
    fn note(&self) -> &[u8] {
        Self::note(self)
    }
    fn set_note(&mut self, note: Vec<u8>) {
        Self::set_note(self, note);
    }
    fn save_checkpoint(&mut self, path: &Path) -> Result<(), LearnError> {
        Self::save_checkpoint(self, path)
    }
    fn last_checkpoint(&self) -> Option<&Path> {
        self.last_checkpoint.as_deref()
    }
}

pub(super) fn same(what: &str, expected: usize, got: usize) -> Result<(), LearnError> {
    if expected == got {
        return Ok(());
    }
    Err(LearnError::Shape { what: what.into(), expected, got })
}
