//! A liquidator that learns, by proximal policy optimisation from its own side of the worlds: one policy per training
//! seed, checkpoints, and the choice among them on worlds that training does not play.

use super::pursue::without_the_policys_own;
use super::seed::checkpoint_path;
use crate::output::{Failure, Output};
use agents::frozen::FrozenPolicy;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::{Next, train};
use agents::learn::{Discount, LearnError, PpoConfig, network};
use agents::scripted::liquidator::lane::LiquidationLane;
use indicatif::ProgressBar;
use scenarios::arena::PathChoice;
use scenarios::liquidation::{Bidder, Floor, LiquidationError, held, profit, validation_worlds};
use scenarios::schema::TrainSpec;
use std::path::Path;

/// Weight of the entropy bonus: what a rival bids is found out by bidding.
const ENTROPY: f64 = 0.01;
/// Discount per turn: what was bid is known a few turns later, sold and all.
const GAMMA: f64 = 0.9;

/// A scenario's settings for a liquidator that learns in it.
pub(super) fn settings(policy: &PpoConfig) -> PpoConfig {
    PpoConfig {
        gamma: GAMMA,
        discount: Discount::PerDecision,
        set_width: policy.set_width,
        ..without_the_policys_own(policy)
    }
}

/// What training with one seed came to.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) seed: u64,
    /// The policy that earned most on the worlds that choose.
    pub(crate) policy: FrozenPolicy,
    /// What it earned there, in USD per episode.
    pub(crate) score_usd: f64,
    pub(crate) best_update: u64,
    pub(crate) updates: u64,
    /// Turns taken.
    pub(crate) decisions: u64,
}

/// What all seeds have in common.
#[derive(Clone, Copy)]
pub(crate) struct School<'a> {
    pub(crate) floor: &'a Floor<'a>,
    pub(crate) spec: &'a TrainSpec,
    /// Where checkpoints go.
    pub(crate) folder: &'a Path,
    pub(crate) device: &'a str,
    pub(crate) resume: bool,
    pub(crate) output: Output,
    pub(crate) bar: &'a ProgressBar,
}

impl School<'_> {
    /// The learner's settings for a seed: the updates follow from the budget of blocks and from how often there is
    /// a turn.
    fn config(&self, seed: u64) -> Result<(PpoConfig, u64), Failure> {
        let base = &self.spec.ppo;
        let turns = base.rollout_steps as f64 * f64::from(self.spec.lanes);
        let pace = self.floor.pace(seed, self.spec.validation_paths)?;
        let per_update = (turns * pace.blocks_per_turn()).max(1.0) as u64;
        let updates = self.spec.budget_blocks.div_ceil(per_update).max(1);
        let config = PpoConfig { seed, updates, entropy_weight: ENTROPY, ..settings(base) };
        Ok((config, per_update))
    }

    /// Trains with one seed.
    pub(crate) fn teach(&self, seed: u64) -> Result<Made, Failure> {
        let (config, per_update) = self.config(seed)?;
        let lanes = self.floor.lanes(seed, self.spec.lanes).map_err(Failure::from_error)?;
        let device = network::device(self.device).map_err(Failure::from_error)?;
        let checkpoint = checkpoint_path(self.folder, seed)?;
        let mut run = if self.resume && checkpoint.exists() {
            Ppo::resume(config, lanes, device, &checkpoint)
        } else {
            Ppo::new(config, lanes, device)
        }
        .map_err(Failure::from_error)?;
        self.bar.inc(run.updates_done() * per_update);
        let worlds = validation_worlds(seed, self.spec.validation_paths);
        let every = self.spec.checkpoint_every_updates;
        let mut stopped: Option<LiquidationError> = None;
        let mut on_update = |log: &UpdateLog,
                             run: &mut Ppo<LiquidationLane>|
         -> Result<Next, LearnError> {
            self.bar.inc(per_update);
            self.bar.set_message(format!("seed {seed}: {}", log.pace()));
            let mut sides = run.lanes().lanes().iter();
            let held = sides.try_for_each(|side| held(side, PathChoice::Drawn, &self.floor.name));
            let is_due = log.update.is_multiple_of(every) || log.update == log.updates;
            let candidate = is_due.then(|| run.policy("candidate")).transpose()?;
            let scored = held.map_err(LiquidationError::from).and_then(|()| {
                let bidder = candidate.map(|policy| Bidder::Learned(Box::new(policy)));
                let score = |bidder| Ok(profit(&self.floor.play_all(&bidder, &worlds)?));
                bidder.map(score).transpose()
            });
            let score = match scored {
                Ok(score) => score,
                Err(error) => {
                    stopped = Some(error);
                    return Ok(Next::Stop);
                }
            };
            if let Some(score) = score {
                run.consider_best(score);
                run.save_checkpoint(&checkpoint)?;
                let (at, pace) = (format!("{}/{}", log.update, log.updates), log.pace());
                self.output.note(&format!(
                    "seed {seed}: update {at}, {pace}, profit {score:.0} USD on worlds that \
                         choose"
                ));
            }
            Ok(Next::Continue)
        };
        train(&mut run, &mut on_update).map_err(Failure::from_error)?;
        if let Some(error) = stopped {
            return Err(error.into());
        }
        let best = run.best().cloned();
        Ok(Made {
            seed,
            policy: run.best_policy(&format!("liquidator-{seed}")).map_err(Failure::from_error)?,
            score_usd: best.as_ref().map_or(f64::NAN, |b| b.score),
            best_update: best.as_ref().map_or(run.updates_done(), |b| b.update),
            updates: run.updates_done(),
            decisions: run.decisions(),
        })
    }
}
