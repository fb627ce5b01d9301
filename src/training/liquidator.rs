//! A liquidator that learns, by proximal policy optimisation from its own side of the worlds: one policy per training
//! seed, checkpoints, and the choice among them on worlds that training does not play. An attacker may learn at the same
//! time, one update each in turn, each among what the other has become; then nothing is chosen, since every score would be
//! among another attacker, and both are kept as they end.

use super::pursue::{TURNS, attackers, without_the_policys_own};
use super::seed::checkpoint_path;
use super::self_play::Beginning;
use crate::output::{Failure, Output};
use agents::attack::{Assailant, AttackLane, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::learn::checkpoint::Group;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::update;
use agents::learn::{Discount, PpoConfig, Saved};
use agents::scripted::liquidator::lane::LiquidationLane;
use agents::scripted::liquidator::mind::Mind;
use indicatif::ProgressBar;
use scenarios::arena::PathChoice;
use scenarios::assemble::Worlds;
use scenarios::exploit::{self, Prey};
use scenarios::liquidation::{Bidder, Floor, Pace, held, profit, validation_worlds};
use scenarios::schema::TrainSpec;
use sim::environment::Environment;
use std::path::{Path, PathBuf};

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
    /// Beside whom it learns, in words: who goes on with a checkpoint goes on beside the same.
    pub(crate) beside: &'a str,
    /// Where checkpoints go.
    pub(crate) folder: &'a Path,
    pub(crate) device: &'a str,
    pub(crate) resume: bool,
    pub(crate) output: Output,
    pub(crate) bar: &'a ProgressBar,
}

impl School<'_> {
    /// The liquidator's settings for a seed, where there is a turn so often, and the blocks of one update: they and the
    /// budget say how many updates there are.
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
            ..attackers(&self.spec.ppo)
        }
    }

    /// The worlds with this attacker, from when on it may attack.
    fn under(&self, attacker: Assailant, pursuit: Pursuit) -> Worlds {
        self.floor.worlds.clone().against(vec![(1.0, attacker)], pursuit.idle_blocks)
    }

    /// Trains with one seed.
    pub(crate) fn teach(&self, seed: u64) -> Result<Made, Failure> {
        let (mut lesson, per_update) = Lesson::begin(self, seed)?;
        let each = if lesson.attacker.is_some() { 2 * per_update } else { per_update };
        self.bar.inc(lesson.liquidator.updates_done() * each);
        while lesson.liquidator.updates_done() < lesson.liquidator.config().updates {
            let log = lesson.update_liquidator()?;
            lesson.update_attacker()?;
            self.bar.inc(each);
            self.bar.set_message(format!("seed {seed}: {}", log.pace()));
            let every = self.spec.checkpoint_every_updates;
            if log.update.is_multiple_of(every) || log.update == log.updates {
                let score = lesson.keep()?;
                let (at, pace) = (format!("{}/{}", log.update, log.updates), log.pace());
                self.output.note(&format!(
                    "seed {seed}: update {at}, {pace}, profit {score:.0} USD on worlds that choose"
                ));
            }
        }
        lesson.end()
    }
}

/// Who learns of a seed.
struct Lesson<'a> {
    school: &'a School<'a>,
    seed: u64,
    liquidator: Ppo<LiquidationLane>,
    attacker: Option<(Pursuit, Ppo<AttackLane>)>,
    checkpoint: PathBuf,
}

impl<'a> Lesson<'a> {
    /// At the beginning, or as an interrupted run left it; and the blocks of an update.
    fn begin(school: &'a School<'a>, seed: u64) -> Result<(Self, u64), Failure> {
        let School { floor, spec, device, .. } = *school;
        // Somebody who takes orders sits in a learner's seat, until they know each other.
        let nobody = school.attacker.map(|pursuit| school.under(Assailant::Nobody, pursuit));
        let seated = floor.moved_to(nobody.as_ref().unwrap_or(floor.worlds));
        let pace = seated.pace(seed, spec.validation_paths)?;
        let (config, per_update) = school.config(seed, pace);
        let checkpoint = checkpoint_path(school.folder, seed)?;
        let mut runs = None;
        if school.resume && checkpoint.exists() {
            let saved = Group::load(&checkpoint).map_err(Failure::from_error)?.runs;
            let beside = saved.first().map_or(&[][..], |run| &run.note);
            if beside != school.beside.as_bytes() {
                return Err(Failure::Message(format!(
                    "{}: made beside {}, and now asked for beside {}; resume beside the first, or start anew",
                    checkpoint.display(),
                    String::from_utf8_lossy(beside),
                    school.beside
                )));
            }
            runs = Some(saved.into_iter());
        }
        let mut beginning = Beginning { runs, checkpoint: &checkpoint, device };
        let lanes = seated.lanes(seed, spec.lanes).map_err(Failure::from_error)?;
        let mut liquidator = beginning.next(config.clone(), lanes)?;
        liquidator.set_note(school.beside.as_bytes().to_vec());
        let attacker = match school.attacker {
            None => None,
            Some(pursuit) => {
                let policies = vec![(1.0, floor.moved_to(floor.worlds).policy)];
                let prey = Prey { worlds: floor.worlds, name: floor.name.clone(), policies };
                let lanes = prey.lanes(seed, spec.lanes, pursuit).map_err(Failure::from_error)?;
                Some((pursuit, beginning.next(school.attackers_config(&config, pace), lanes)?))
            }
        };
        Ok((Self { school, seed, liquidator, attacker, checkpoint }, per_update))
    }

    /// An update of the liquidator, under what the attacker has become.
    fn update_liquidator(&mut self) -> Result<UpdateLog, Failure> {
        if let Some((pursuit, attacker)) = &self.attacker {
            let drawing = Assailant::Stochastic(Box::new(frozen(attacker, "attacker")?));
            let sides = self.liquidator.lanes_mut().lanes_mut().iter_mut();
            self.school.under(drawing, *pursuit).relieve(sides.map(LiquidationLane::lane_mut));
        }
        let log = update(&mut self.liquidator).map_err(Failure::from_error)?;
        let name = &self.school.floor.name;
        let mut sides = self.liquidator.lanes().lanes().iter();
        sides.try_for_each(|side| held(side, PathChoice::Drawn, name))?;
        Ok(log)
    }

    /// An update of the attacker, if one learns, beside what the liquidator has become.
    fn update_attacker(&mut self) -> Result<(), Failure> {
        let Some((_, attacker)) = &mut self.attacker else { return Ok(()) };
        let floor = self.school.floor;
        let liquidator = frozen(&self.liquidator, "liquidator")?;
        let mind = Mind::new(liquidator).map_err(Failure::Message)?;
        let among = floor.worlds.clone().liquidated_by(mind.drawing());
        among.relieve(attacker.lanes_mut().lanes_mut().iter_mut().map(AttackLane::lane_mut));
        update(attacker).map_err(Failure::from_error)?;
        let mut sides = attacker.lanes().lanes().iter();
        Ok(sides.try_for_each(|side| exploit::held(side, PathChoice::Drawn, &floor.name))?)
    }

    /// What the liquidator earns by now on worlds that training does not play, in USD; under the attacker as it is by now.
    fn score(&self) -> Result<f64, Failure> {
        let School { floor, spec, .. } = *self.school;
        let worlds = match &self.attacker {
            None => floor.worlds.clone(),
            Some((pursuit, attacker)) => self.school.under(learned(attacker)?, *pursuit),
        };
        let bidder = Bidder::Learned(Box::new(frozen(&self.liquidator, "candidate")?));
        let chosen_by = validation_worlds(self.seed, spec.validation_paths);
        Ok(profit(&floor.moved_to(&worlds).play_all(&bidder, &chosen_by)?))
    }

    /// Scores what was learned, and writes the checkpoint.
    fn keep(&mut self) -> Result<f64, Failure> {
        let score = self.score()?;
        if self.attacker.is_none() {
            self.liquidator.consider_best(score);
        }
        let attacker = self.attacker.as_ref().map(|(_, run)| run.checkpoint());
        let runs = std::iter::once(self.liquidator.checkpoint()).chain(attacker).collect();
        Group { runs }.save(&self.checkpoint).map_err(Failure::from_error)?;
        self.liquidator.kept_at(&self.checkpoint);
        if let Some((_, attacker)) = &mut self.attacker {
            attacker.kept_at(&self.checkpoint);
        }
        Ok(score)
    }

    /// What it has come to.
    fn end(self) -> Result<Made, Failure> {
        let Self { seed, ref liquidator, ref attacker, .. } = self;
        let name = format!("liquidator-{seed}");
        let (score_usd, best_update) = match liquidator.best() {
            Some(best) => (best.score, best.update),
            None => (self.score()?, liquidator.updates_done()),
        };
        Ok(Made {
            seed,
            policy: liquidator.best_policy(&name).map_err(Failure::from_error)?,
            score_usd,
            best_update,
            updates: liquidator.updates_done(),
            decisions: liquidator.decisions(),
            attacker: attacker.as_ref().map(|(_, run)| learned(run)).transpose()?,
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
