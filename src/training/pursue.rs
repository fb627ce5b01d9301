//! Attackers by gradient: proximal policy optimisation from the attacker's side of a policy's worlds.

use crate::output::Failure;
use agents::attack::{Assailant, AttackLane, Pursuit};
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::{Next, train};
use agents::learn::{LearnError, PpoConfig, network};
use indicatif::ProgressBar;
use scenarios::arena::PathChoice;
use scenarios::exploit::{Budget, ExploitError, Made, Prey, held};
use scenarios::load::Loaded;
use std::path::Path;

/// Worlds that an attacker learns in at once.
const LANES: u32 = 16;
/// Weight of the entropy bonus: an attack takes several orders in a row, of which none pays alone.
const ENTROPY: f64 = 0.01;

/// Turns of an attacker for each of the policy's decisions.
pub(super) const TURNS: usize = 2;

/// A policy's settings for who learns beside it, without what is about its own actions and its own aim.
pub(super) fn without_the_policys_own(policy: &PpoConfig) -> PpoConfig {
    PpoConfig {
        tail: None,
        kickstart: None,
        memory: 0,
        set_width: 0,
        initial_logit_bias: Vec::new(),
        initial_log_std: 0.0,
        ..policy.clone()
    }
}

/// The same for an attacker: what makes a policy settle does not make an attacker try.
pub(super) fn attackers(policy: &PpoConfig) -> PpoConfig {
    let anneal_entropy = false;
    PpoConfig { entropy_weight: ENTROPY, anneal_entropy, ..without_the_policys_own(policy) }
}

/// How an attacker is made.
#[derive(Clone, Copy)]
pub(super) struct Lesson<'a> {
    /// What may be spent.
    pub(super) budget: Budget,
    /// Names the attacker's luck and its worlds.
    pub(super) seed: u64,
    /// The checkpoint whose network it begins with; none for one drawn anew.
    pub(super) from: Option<&'a Path>,
    /// Where a checkpoint of what it learned is left, if it is wanted.
    pub(super) to: Option<&'a Path>,
}

/// Makes an attacker of a seed; the bar hears the blocks.
pub(crate) fn learned(
    prey: &Prey<'_>,
    loaded: &Loaded,
    pursuit: Pursuit,
    budget: Budget,
    seed: u64,
    bar: &ProgressBar,
) -> Result<Made, Failure> {
    let every = u64::from(loaded.scenario.decision_every_blocks.max(1));
    let own = loaded.scenario.train.as_ref().map(|train| train.ppo.clone()).unwrap_or_default();
    let lesson = Lesson { budget, seed, from: None, to: None };
    respond(prey, &own, every, pursuit, lesson, bar)
}

/// The same with the settings of `base`, where the policy decides every so many blocks.
pub(super) fn respond(
    prey: &Prey<'_>,
    base: &PpoConfig,
    every: u64,
    pursuit: Pursuit,
    lesson: Lesson<'_>,
    bar: &ProgressBar,
) -> Result<Made, Failure> {
    let Lesson { budget, seed, from, to } = lesson;
    let lanes = prey.lanes(seed, LANES, pursuit).map_err(ExploitError::from)?;
    let base = PpoConfig { seed, ..attackers(base) };
    let per_update = base.rollout_steps as u64 * u64::from(LANES) * every / TURNS as u64;
    let updates = budget.blocks.div_ceil(per_update.max(1)).max(1);
    let config = PpoConfig { updates, ..base };
    let device = network::device("cpu").map_err(Failure::from_error)?;
    let mut run = Ppo::new(config, lanes, device).map_err(Failure::from_error)?;
    if let Some(from) = from {
        run.begin_with(from).map_err(Failure::from_error)?;
    }
    let mut made = Made::begin(seed);
    let mut stopped: Option<Failure> = None;
    let mut checked = 0;
    let mut on_update = |log: &UpdateLog, run: &mut Ppo<AttackLane>| -> Result<Next, LearnError> {
        bar.inc(per_update);
        bar.set_message(format!("attacker {seed}: {}", log.pace()));
        let due = log.update * budget.checks / updates;
        if due == checked && log.update != updates {
            return Ok(Next::Continue);
        }
        checked = due;
        let candidate = Assailant::Learned(Box::new(run.policy("attacker")?));
        let mut lanes = run.lanes().lanes().iter();
        let result = lanes
            .try_for_each(|side| held(side, PathChoice::Drawn, &prey.name))
            .map_err(ExploitError::from)
            .and_then(|()| made.consider(candidate, prey, pursuit, log.update * per_update));
        match result {
            Ok(()) => Ok(Next::Continue),
            Err(error) => {
                stopped = Some(error.into());
                Ok(Next::Stop)
            }
        }
    };
    train(&mut run, &mut on_update).map_err(Failure::from_error)?;
    // Who comes next may be no learner.
    bar.set_message("");
    if let Some(to) = to {
        run.save_checkpoint(to).map_err(Failure::from_error)?;
    }
    stopped.map_or(Ok(made), Err)
}
