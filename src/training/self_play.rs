//! Regularised self-play in a scenario: a policy and an attacker, a liquidator or both learn at the same time, by one
//! update of proximal policy optimisation each in turn, among each other as they stand. Gradients alone would circle; the
//! entropy bonus damps that, and so does a reference, where the settings have one (magnetic mirror descent: Sokota et
//! al., 2023, arXiv:2206.05825). All have the same settings, but for what is about the policy's own actions and the
//! liquidator's discount.
//!
//! Attacker and liquidator draw what they do where another learns. The policy does what is most likely, as it will once it
//! is handed out, unless it is asked to draw ([`PolicyPlays`]): its noise shuts by chance what would then stand open.
//!
//! Before an update the learner's worlds have the others as they are by then, in the middle of their episodes: who plays
//! there is always who has learned last, so a checkpoint needs the runs and nothing of who met whom.
//!
//! At every checkpoint all are kept as they are. At the end all policies that were kept play among the others of every
//! checkpoint, and where nobody is who learned here, each doing what is most likely; the policy is chosen whose worst
//! case costs least.

use super::liquidator::settings;
use super::meetings::{Meetings, keep, maker, safest, worst};
use super::pursue::{TURNS, without_the_policys_own};
use super::seed::{
    Log, Shared, Trained, blocks_per_update, broken_in_training, checkpoint_path, config, events,
    show, teacher, tell,
};
use crate::output::Failure;
use agents::attack::{Assailant, AttackLane, StoredAttacker};
use agents::frozen::{FrozenPolicy, Stochastic};
use agents::learn::checkpoint::{Checkpoint, Group, Saved};
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::update;
use agents::learn::{PpoConfig, network};
use agents::policy::RiskPolicy;
use agents::scripted::liquidator::lane::LiquidationLane;
use agents::scripted::liquidator::mind::Mind;
use scenarios::arena::PathChoice;
use scenarios::assemble::Worlds;
use scenarios::exploit::{self, Prey, seat};
use scenarios::liquidation::{self, Floor, Pace};
use scenarios::manifest::RunError;
use scenarios::reproduction::BrokenWorld;
use scenarios::schema::{PolicyPlays, SelfPlaySpec};
use scenarios::stats::mean;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sim::environment::Environment;
use sim::lane::Lane;
use sim::lanes::Lanes;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// What the policy is called while it learns.
const LEARNER: &str = "learner";

/// Who learns of a seed.
struct SelfPlay<'a> {
    meetings: Meetings<'a>,
    rules: SelfPlaySpec,
    policy: Ppo<Lane>,
    attacker: Option<Ppo<AttackLane>>,
    liquidator: Option<Ppo<LiquidationLane>>,
    /// Blocks in which it was found how often a liquidator is asked.
    tried_blocks: u64,
    checkpoint: PathBuf,
    note: Note,
}

/// The caller's bytes in the checkpoint.
#[derive(Default, Serialize, Deserialize)]
struct Note {
    kept: Vec<Kept>,
    /// The policy's.
    log: Vec<Log>,
}

/// All of them as they were at a checkpoint; what they had learned is in files.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Kept {
    update: u64,
    /// The policy's.
    decisions: u64,
}

/// Trains all who learn of one seed, and returns the safest policy.
pub(super) fn raise(
    shared: &Shared<'_>,
    rules: &SelfPlaySpec,
    seed: u64,
) -> Result<Trained, Failure> {
    let SelfPlaySpec { head_start_hours, paths, .. } = *rules;
    let meetings = Meetings::begin(shared, seed, "self_play", head_start_hours, paths)?;
    let raised = SelfPlay::begin(meetings, *rules).and_then(|mut play| {
        play.learn()?;
        play.choose()
    });
    if matches!(raised, Err(Failure::Stopped(_))) {
        // No seed goes on beside a broken world.
        shared.stop.store(true, Ordering::Relaxed);
    }
    raised
}

/// The attacker's settings, by the policy's: a rollout spans the same blocks.
fn attacker_config(policy: &PpoConfig) -> PpoConfig {
    PpoConfig {
        seed: policy.seed ^ (1 << 32),
        rollout_steps: TURNS * policy.rollout_steps,
        ..without_the_policys_own(policy)
    }
}

/// The liquidator's, where the policy decides every so many blocks: a rollout spans the same blocks, at the pace of the
/// beginning.
fn liquidator_config(policy: &PpoConfig, every: u32, pace: Pace) -> PpoConfig {
    let blocks = policy.rollout_steps as f64 * f64::from(every);
    PpoConfig {
        seed: policy.seed ^ (2 << 32),
        rollout_steps: (blocks / pace.blocks_per_turn()).round().max(1.0) as usize,
        ..settings(policy)
    }
}

/// Runs as they begin, or as an interrupted one left them, in the order in which they make their updates.
pub(super) struct Beginning<'a> {
    pub(super) runs: Option<std::vec::IntoIter<Checkpoint>>,
    pub(super) checkpoint: &'a Path,
    pub(super) device: &'a str,
}

impl Beginning<'_> {
    pub(super) fn next<E: Environment>(
        &mut self,
        config: PpoConfig,
        lanes: Lanes<E>,
    ) -> Result<Ppo<E>, Failure> {
        let device = network::device(self.device).map_err(Failure::from_error)?;
        let run = match &mut self.runs {
            None => Ppo::new(config, lanes, device),
            Some(runs) => {
                let path = self.checkpoint;
                let saved = runs.next().ok_or_else(|| {
                    Failure::Message(format!("{}: fewer learned there; start anew", path.display()))
                })?;
                Ppo::restore(config, lanes, device, saved, path)
            }
        };
        run.map_err(Failure::from_error)
    }
}

impl<'a> SelfPlay<'a> {
    /// All at their beginning, or as an interrupted run left them.
    fn begin(meetings: Meetings<'a>, rules: SelfPlaySpec) -> Result<Self, Failure> {
        let Meetings { shared, seed, pursuit, .. } = meetings;
        let Shared { worlds, spec, .. } = *shared;
        let checkpoint = checkpoint_path(shared.folder, seed)?;
        let (mut runs, mut note) = (None, Note::default());
        if shared.resume && checkpoint.exists() {
            let saved = Group::load(&checkpoint).map_err(Failure::from_error)?.runs;
            let bytes = saved.first().map_or(&[][..], |policy| &policy.note);
            note = serde_json::from_slice(bytes).map_err(|error| {
                Failure::Message(format!("{}: {error}; start anew", checkpoint.display()))
            })?;
            runs = Some(saved.into_iter());
        }
        let mut beginning = Beginning { runs, checkpoint: &checkpoint, device: shared.device };
        // Somebody who takes orders sits in a learner's seat, and the parameters hold, until they know each other.
        let seated =
            if rules.attacker { meetings.under(Assailant::Nobody) } else { worlds.clone() };
        let settings = config(worlds, spec, seed);
        let mut policy =
            beginning.next(settings.clone(), seated.training_lanes(seed, spec.lanes))?;
        if let Some(spec) = &spec.teacher {
            policy.learn_from(teacher(spec, shared));
        }
        let attacker = if rules.attacker {
            let prey = Prey { worlds, name: String::new(), policies: vec![(1.0, maker(None))] };
            let lanes = prey.lanes(seed, spec.lanes, pursuit).map_err(Failure::from_error)?;
            Some(beginning.next(attacker_config(&settings), lanes)?)
        } else {
            None
        };
        let mut tried_blocks = 0;
        let liquidator = if rules.liquidator {
            let floor = Floor { worlds: &seated, name: LEARNER.to_owned(), policy: maker(None) };
            let pace = floor.pace(seed, spec.validation_paths)?;
            tried_blocks = pace.blocks;
            let config = liquidator_config(&settings, worlds.decision_every_blocks(), pace);
            let lanes = floor.lanes(config.seed, spec.lanes).map_err(Failure::from_error)?;
            Some(beginning.next(config, lanes)?)
        } else {
            None
        };
        Ok(Self { meetings, rules, policy, attacker, liquidator, tried_blocks, checkpoint, note })
    }

    /// The policy of this moment, as it plays where another learns.
    fn defender(&self) -> Result<impl Fn() -> Box<dyn RiskPolicy> + use<>, Failure> {
        let policy = self.policy.policy("learning").map_err(Failure::from_error)?;
        let plays = self.rules.policy_plays;
        Ok(move || -> Box<dyn RiskPolicy> {
            match plays {
                PolicyPlays::Likeliest => Box::new(policy.clone()),
                PolicyPlays::Drawn => Box::new(Stochastic(policy.clone())),
            }
        })
    }

    /// These worlds with the attacker of this moment, if one learns.
    fn attacked(&self, worlds: Worlds) -> Result<Worlds, Failure> {
        let Some(attacker) = &self.attacker else { return Ok(worlds) };
        let policy = attacker.policy("attacker").map_err(Failure::from_error)?;
        let against = vec![(1.0, Assailant::Stochastic(Box::new(policy)))];
        Ok(worlds.against(against, self.meetings.pursuit.idle_blocks))
    }

    /// These worlds with the liquidator of this moment, if one learns.
    fn liquidated(&self, worlds: Worlds) -> Result<Worlds, Failure> {
        let Some(liquidator) = &self.liquidator else { return Ok(worlds) };
        let policy = liquidator.policy("liquidator").map_err(Failure::from_error)?;
        let mind = Mind::new(policy).map_err(Failure::Message)?;
        Ok(worlds.liquidated_by(mind.drawing()))
    }

    /// All to the end of their updates: events, checkpoints.
    fn learn(&mut self) -> Result<(), Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        let Shared { worlds, spec, bar, .. } = *shared;
        let learn = [
            ("", true),
            ("-attacker", self.rules.attacker),
            ("-liquidator", self.rules.liquidator),
        ];
        let names = learn.iter().filter(|(_, learns)| *learns).map(|(name, _)| name);
        let mut seen = names
            .map(|name| events(shared, &format!("seed-{seed}{name}")))
            .collect::<Result<Vec<_>, _>>()?;
        let per_update = (1 + self.rules.others()) * blocks_per_update(worlds, spec);
        bar.inc(self.policy.updates_done() * per_update);
        while self.policy.updates_done() < self.policy.config().updates {
            let logs = self.update()?;
            let log = &logs[0];
            let row = Log::of(log);
            self.note.log.push(row.clone());
            if log.update.is_multiple_of(spec.checkpoint_every_updates) || log.update == log.updates
            {
                self.keep()?;
            }
            for (events, log) in seen.iter_mut().zip(&logs) {
                show(events, log.decisions, log.scalars()).map_err(RunError::io(shared.folder))?;
            }
            tell(shared, seed, log, &row, per_update);
        }
        Ok(())
    }

    /// One update of each, among what the others have become: the policy's, the attacker's, the liquidator's.
    fn update(&mut self) -> Result<Vec<UpdateLog>, Failure> {
        let policy = self.update_policy()?;
        let others = [self.update_attacker()?, self.update_liquidator()?];
        Ok(std::iter::once(policy).chain(others.into_iter().flatten()).collect())
    }

    fn update_policy(&mut self) -> Result<UpdateLog, Failure> {
        let around = self.liquidated(self.attacked(self.meetings.shared.worlds.clone())?)?;
        around.relieve(self.policy.lanes_mut().lanes_mut().iter_mut());
        let log = update(&mut self.policy).map_err(Failure::from_error)?;
        let broken = self.policy.lanes().lanes().iter().find_map(Lane::broken);
        self.go_on(broken.map(|broken| Box::new(broken_in_training(&broken, Vec::new()))))?;
        Ok(log)
    }

    fn update_attacker(&mut self) -> Result<Option<UpdateLog>, Failure> {
        if self.attacker.is_none() {
            return Ok(None);
        }
        let around = self.liquidated(self.meetings.shared.worlds.clone())?;
        let defender = self.defender()?;
        let Some(attacker) = &mut self.attacker else { return Ok(None) };
        around.relieve(attacker.lanes_mut().lanes_mut().iter_mut().map(AttackLane::lane_mut));
        for side in attacker.lanes_mut().lanes_mut() {
            side.set_defenders(vec![(1.0, defender())]);
        }
        let log = update(attacker).map_err(Failure::from_error)?;
        let mut sides = attacker.lanes().lanes().iter();
        let broken = sides.find_map(|side| exploit::held(side, PathChoice::Drawn, LEARNER).err());
        self.go_on(broken)?;
        Ok(Some(log))
    }

    fn update_liquidator(&mut self) -> Result<Option<UpdateLog>, Failure> {
        if self.liquidator.is_none() {
            return Ok(None);
        }
        let around = self.attacked(self.meetings.shared.worlds.clone())?;
        let defender = self.defender()?;
        let Some(liquidator) = &mut self.liquidator else { return Ok(None) };
        around
            .relieve(liquidator.lanes_mut().lanes_mut().iter_mut().map(LiquidationLane::lane_mut));
        for side in liquidator.lanes_mut().lanes_mut() {
            side.set_policy(defender());
        }
        let log = update(liquidator).map_err(Failure::from_error)?;
        let mut sides = liquidator.lanes().lanes().iter();
        let broken =
            sides.find_map(|side| liquidation::held(side, PathChoice::Drawn, LEARNER).err());
        self.go_on(broken)?;
        Ok(Some(log))
    }

    /// Nothing that was learned in a broken world is kept, and no seed goes on beside one.
    fn go_on(&self, broken: Option<Box<BrokenWorld>>) -> Result<(), Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        if let Some(world) = broken {
            return Err(world.into());
        }
        if shared.stop.load(Ordering::Relaxed) {
            return Err(Failure::Message(format!("seed {seed}: stopped beside a broken world")));
        }
        Ok(())
    }

    /// Keeps all as they are, and writes the checkpoint.
    fn keep(&mut self) -> Result<(), Failure> {
        let kept = Kept { update: self.policy.updates_done(), decisions: self.policy.decisions() };
        let name = format!("seed-{}", self.meetings.seed);
        let policy = self.policy.policy(&name).map_err(Failure::from_error)?;
        keep(&self.file("policy", kept), &policy.to_bytes())?;
        if let Some(attacker) = &self.attacker {
            let attacker = attacker.policy("attacker").map_err(Failure::from_error)?;
            let attacker = Assailant::Learned(Box::new(attacker));
            self.meetings.store(&attacker, &format!("attacker-{}", kept.update))?;
        }
        if let Some(liquidator) = &self.liquidator {
            let liquidator = liquidator.policy("liquidator").map_err(Failure::from_error)?;
            keep(&self.file("liquidator", kept), &liquidator.to_bytes())?;
        }
        self.note.kept.push(kept);
        self.policy.set_note(serde_json::to_vec(&self.note).map_err(Failure::from_error)?);
        let others = [
            self.attacker.as_ref().map(Ppo::checkpoint),
            self.liquidator.as_ref().map(Ppo::checkpoint),
        ];
        let others = others.into_iter().flatten();
        let runs = std::iter::once(self.policy.checkpoint()).chain(others).collect();
        Group { runs }.save(&self.checkpoint).map_err(Failure::from_error)?;
        self.policy.kept_at(&self.checkpoint);
        if let Some(attacker) = &mut self.attacker {
            attacker.kept_at(&self.checkpoint);
        }
        if let Some(liquidator) = &mut self.liquidator {
            liquidator.kept_at(&self.checkpoint);
        }
        Ok(())
    }

    /// Where somebody is kept.
    fn file(&self, who: &str, kept: Kept) -> PathBuf {
        self.meetings.folder.join(format!("{who}-{}.bin", kept.update))
    }

    /// The scenario's worlds with the others who were kept at a checkpoint.
    fn among(&self, kept: Kept) -> Result<Worlds, Failure> {
        let mut worlds = self.meetings.shared.worlds.clone();
        if self.rules.attacker {
            let bytes = read(&self.file("attacker", kept))?;
            let attacker = StoredAttacker::read(&bytes)
                .and_then(|stored| seat(&stored, &worlds, self.meetings.pursuit.idle_blocks));
            worlds = self.meetings.under(attacker.map_err(Failure::Message)?);
        }
        if self.rules.liquidator {
            let bytes = read(&self.file("liquidator", kept))?;
            worlds = worlds.liquidated_by(Mind::learned(&bytes).map_err(Failure::Message)?);
        }
        Ok(worlds)
    }

    /// Lets all policies that were kept play among all others who were, and chooses the safest.
    fn choose(self) -> Result<Trained, Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        let kept = &self.note.kept;
        let mut policies = Vec::new();
        for kept in kept {
            let bytes = read(&self.file("policy", *kept))?;
            policies.push(FrozenPolicy::from_bytes(&bytes).map_err(Failure::Message)?);
        }
        let updates = || kept.iter().map(|kept| kept.update);
        let names: Vec<String> = updates().map(|u| format!("policy of update {u}")).collect();
        let players: Vec<_> = names.iter().cloned().zip(policies.iter().map(Some)).collect();
        let mut objective_usd = vec![Vec::new(); policies.len()];
        let mut blocks = self.blocks();
        let as_written = std::iter::once(Ok(shared.worlds.clone()));
        for worlds in as_written.chain(kept.iter().map(|kept| self.among(*kept))) {
            let (earned, played) = self.meetings.earned(&players, &worlds?)?;
            blocks += played;
            for (row, earned) in objective_usd.iter_mut().zip(earned) {
                row.push(mean(&earned));
            }
        }
        let safest = safest(&objective_usd);
        let faced = updates().map(|u| format!("others of update {u}"));
        let first = std::iter::once("nobody who learned here".to_owned());
        let value = json!({
            "policies": names,
            "others": first.chain(faced).collect::<Vec<String>>(),
            "objective_usd": objective_usd,
            "kept": names[safest],
        });
        let path = self.meetings.folder.join("payoffs.json");
        fs::write(&path, format!("{value:#}\n")).map_err(RunError::io(&path))?;
        let Kept { update, decisions } = kept[safest];
        Ok(Trained {
            seed,
            policy: policies.swap_remove(safest),
            score: worst(&objective_usd[safest]),
            best_update: update,
            best_decisions: decisions,
            updates: self.policy.updates_done(),
            blocks,
            log: self.note.log,
        })
    }

    /// Blocks that were played while they learned: of the attacker, the hours in which it waits come on top of the
    /// policy's.
    fn blocks(&self) -> u64 {
        let Shared { worlds, spec, loaded, .. } = *self.meetings.shared;
        let policy = self.policy.updates_done() * blocks_per_update(worlds, spec);
        let mut blocks = policy + self.tried_blocks;
        if self.attacker.is_some() {
            let episode = loaded.scenario.blocks();
            let active = episode - self.meetings.pursuit.idle_blocks;
            blocks += (u128::from(policy) * u128::from(episode) / u128::from(active)) as u64;
        }
        if let Some(liquidator) = &self.liquidator {
            let sides = liquidator.lanes().lanes().iter();
            blocks += sides.map(LiquidationLane::blocks_played).sum::<u64>();
        }
        blocks
    }
}

/// What was kept.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(path).map_err(RunError::io(path))?)
}
