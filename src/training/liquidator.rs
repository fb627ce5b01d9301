//! A liquidator that learns, by proximal policy optimisation from its own side of the worlds: one policy per training
//! seed, checkpoints, and the choice among them on worlds that training does not play. An attacker may learn at the same
//! time, one update each in turn, each among what the other has become; then nothing is chosen, since every score would be
//! among another attacker, and both are kept as they end.

use super::pursue::{TURNS, without_the_policys_own};
use super::seed::checkpoint_path;
use super::self_play::Beginning;
use crate::output::{Failure, Output};
use agents::attack::{Assailant, AttackLane, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::learn::checkpoint::Group;
use agents::learn::ppo::Ppo;
use agents::learn::run::update;
use agents::learn::{Discount, PpoConfig, Saved};
use agents::scripted::liquidator::lane::LiquidationLane;
use agents::scripted::liquidator::mind::Mind;
use indicatif::ProgressBar;
use scenarios::arena::{MakePolicy, PathChoice};
use scenarios::assemble::Worlds;
use scenarios::exploit::{self, Prey};
use scenarios::liquidation::{Bidder, Floor, Pace, held, profit, validation_worlds};
use scenarios::schema::TrainSpec;
use sim::environment::Environment;
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
    /// The policy that earned most on the worlds that choose; the last one, if an attacker learned beside it.
    pub(crate) policy: FrozenPolicy,
    /// What it earned there, in USD per episode.
    pub(crate) score_usd: f64,
    pub(crate) best_update: u64,
    pub(crate) updates: u64,
    /// Turns taken.
    pub(crate) decisions: u64,
    /// Who learned beside it.
    pub(crate) attacker: Option<Assailant>,
}

/// What all seeds have in common.
#[derive(Clone, Copy)]
pub(crate) struct School<'a> {
    pub(crate) floor: &'a Floor<'a>,
    pub(crate) spec: &'a TrainSpec,
    /// What an attacker is after that learns at the same time, if one does.
    pub(crate) attacker: Option<Pursuit>,
    /// Where checkpoints go.
    pub(crate) folder: &'a Path,
    pub(crate) device: &'a str,
    pub(crate) resume: bool,
    pub(crate) output: Output,
    pub(crate) bar: &'a ProgressBar,
}

impl School<'_> {
    /// The learner's settings for a seed, where there is a turn so often: the updates follow from that and from the budget
    /// of blocks, of which each takes the second.
    fn config(&self, seed: u64, pace: Pace) -> (PpoConfig, u64) {
        let base = &self.spec.ppo;
        let turns = base.rollout_steps as f64 * f64::from(self.spec.lanes);
        let per_update = (turns * pace.blocks_per_turn()).max(1.0) as u64;
        let updates = self.spec.budget_blocks.div_ceil(per_update).max(1);
        let config = PpoConfig { seed, updates, entropy_weight: ENTROPY, ..settings(base) };
        (config, per_update)
    }

    /// The attacker's: a rollout spans the same blocks.
    fn attackers_config(&self, liquidator: &PpoConfig, pace: Pace) -> PpoConfig {
        let blocks = liquidator.rollout_steps as f64 * pace.blocks_per_turn();
        let every = f64::from(self.floor.worlds.decision_every_blocks().max(1));
        PpoConfig {
            seed: liquidator.seed ^ (1 << 32),
            updates: liquidator.updates,
            rollout_steps: (blocks * TURNS as f64 / every).round().max(1.0) as usize,
            entropy_weight: ENTROPY,
            // What makes a policy settle does not make an attacker try.
            anneal_entropy: false,
            ..without_the_policys_own(&self.spec.ppo)
        }
    }

    /// The worlds with this attacker, from when on it may attack.
    fn under(&self, attacker: Assailant, pursuit: Pursuit) -> Worlds {
        self.floor.worlds.clone().against(vec![(1.0, attacker)], pursuit.idle_blocks)
    }

    /// Trains with one seed.
    pub(crate) fn teach(&self, seed: u64) -> Result<Made, Failure> {
        let name = &self.floor.name;
        // Somebody who takes orders sits in a learner's seat, until they know each other.
        let seated = self.attacker.map(|pursuit| self.under(Assailant::Nobody, pursuit));
        let floor = Floor {
            worlds: seated.as_ref().unwrap_or(self.floor.worlds),
            name: name.clone(),
            policy: Box::new(|| (self.floor.policy)()),
        };
        let pace = floor.pace(seed, self.spec.validation_paths)?;
        let (config, per_update) = self.config(seed, pace);
        let checkpoint = checkpoint_path(self.folder, seed)?;
        let saved = (self.resume && checkpoint.exists()).then(|| Group::load(&checkpoint));
        let runs =
            saved.transpose().map_err(Failure::from_error)?.map(|group| group.runs.into_iter());
        let mut beginning = Beginning { runs, checkpoint: &checkpoint, device: self.device };
        let lanes = floor.lanes(seed, self.spec.lanes).map_err(Failure::from_error)?;
        let mut run = beginning.next(config.clone(), lanes)?;
        let mut attacker = match self.attacker {
            None => None,
            Some(pursuit) => {
                let policies = vec![(1.0, Box::new(|| (self.floor.policy)()) as MakePolicy<'_>)];
                let prey = Prey { worlds: self.floor.worlds, name: name.clone(), policies };
                let lanes =
                    prey.lanes(seed, self.spec.lanes, pursuit).map_err(Failure::from_error)?;
                let run = beginning.next(self.attackers_config(&config, pace), lanes)?;
                Some((pursuit, run))
            }
        };
        beginning.end()?;
        let each = if attacker.is_some() { 2 * per_update } else { per_update };
        self.bar.inc(run.updates_done() * each);
        let mut score_usd = f64::NAN;
        while run.updates_done() < config.updates {
            if let Some((pursuit, attacker)) = &attacker {
                let drawing = Assailant::Stochastic(Box::new(frozen(attacker, "attacker")?));
                let lanes = run.lanes_mut().lanes_mut().iter_mut().map(LiquidationLane::lane_mut);
                self.under(drawing, *pursuit).relieve(lanes);
            }
            let log = update(&mut run).map_err(Failure::from_error)?;
            run.lanes().lanes().iter().try_for_each(|side| held(side, PathChoice::Drawn, name))?;
            if let Some((_, attacker)) = &mut attacker {
                let mind = Mind::new(frozen(&run, "liquidator")?).map_err(Failure::Message)?;
                let among = self.floor.worlds.clone().liquidated_by(mind.drawing());
                among
                    .relieve(attacker.lanes_mut().lanes_mut().iter_mut().map(AttackLane::lane_mut));
                update(attacker).map_err(Failure::from_error)?;
                let mut sides = attacker.lanes().lanes().iter();
                sides.try_for_each(|side| exploit::held(side, PathChoice::Drawn, name))?;
            }
            self.bar.inc(each);
            self.bar.set_message(format!("seed {seed}: {}", log.pace()));
            let every = self.spec.checkpoint_every_updates;
            if !log.update.is_multiple_of(every) && log.update != log.updates {
                continue;
            }
            let candidate = Bidder::Learned(Box::new(frozen(&run, "candidate")?));
            let worlds = match &attacker {
                None => self.floor.worlds.clone(),
                Some((pursuit, run)) => self.under(learned(run)?, *pursuit),
            };
            let choosing = Floor {
                worlds: &worlds,
                name: name.clone(),
                policy: Box::new(|| (self.floor.policy)()),
            };
            let worlds = validation_worlds(seed, self.spec.validation_paths);
            score_usd = profit(&choosing.play_all(&candidate, &worlds)?);
            if attacker.is_none() {
                run.consider_best(score_usd);
            }
            let others = attacker.as_ref().map(|(_, run)| run.checkpoint());
            let runs = std::iter::once(run.checkpoint()).chain(others).collect();
            Group { runs }.save(&checkpoint).map_err(Failure::from_error)?;
            run.kept_at(&checkpoint);
            if let Some((_, attacker)) = &mut attacker {
                attacker.kept_at(&checkpoint);
            }
            let (at, pace) = (format!("{}/{}", log.update, log.updates), log.pace());
            self.output.note(&format!(
                "seed {seed}: update {at}, {pace}, profit {score_usd:.0} USD on worlds that choose"
            ));
        }
        let best = run.best().cloned();
        Ok(Made {
            seed,
            policy: run.best_policy(&format!("liquidator-{seed}")).map_err(Failure::from_error)?,
            score_usd: best.as_ref().map_or(score_usd, |best| best.score),
            best_update: best.as_ref().map_or(run.updates_done(), |best| best.update),
            updates: run.updates_done(),
            decisions: run.decisions(),
            attacker: attacker.map(|(_, run)| learned(&run)).transpose()?,
        })
    }
}

/// What a run has come to by now.
fn frozen<E: Environment>(run: &Ppo<E>, name: &str) -> Result<FrozenPolicy, Failure> {
    run.policy(name).map_err(Failure::from_error)
}

/// An attacker as it is by now, doing what is most likely.
fn learned(run: &Ppo<AttackLane>) -> Result<Assailant, Failure> {
    Ok(Assailant::Learned(Box::new(frozen(run, "attacker")?)))
}
