//! Regularised self-play in a scenario: a policy and an attacker learn at the same time, by one update of proximal
//! policy optimisation each in turn, against each other as they stand. Gradients alone would circle; the entropy bonus
//! damps that, and so does a reference, where the settings have one (magnetic mirror descent: Sokota et al., 2023,
//! arXiv:2206.05825). Both sides have the same settings, but for what is about the policy's own actions.
//!
//! The attacker draws what it does where the policy learns. Where the attacker learns, the policy does what is most
//! likely, as it will once it is handed out, unless it is asked to draw ([`PolicyPlays`]): its noise shuts by chance what
//! would then stand open.
//!
//! After an update the other side's worlds have the new opponent at once, in the middle of their episodes: who plays
//! there is always who has learned last, so a checkpoint needs both runs and nothing of who met whom.
//!
//! At every checkpoint both sides are kept as they are. At the end all policies that were kept meet all attackers that
//! were, and the scenario's own, each doing what is most likely; the policy is chosen whose worst attacker costs least.

use super::meetings::{Meetings, keep, maker, safest, worst};
use super::pursue::{TURNS, without_the_policys_own};
use super::seed::{
    Log, Shared, Trained, blocks_per_update, broken_in_training, checkpoint_path, config, events,
    show, teacher, tell,
};
use crate::output::Failure;
use agents::attack::{Assailant, AttackLane};
use agents::frozen::{FrozenPolicy, Stochastic};
use agents::learn::checkpoint::{Pair, Saved};
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::update;
use agents::learn::{LearnError, PpoConfig, network};
use agents::policy::RiskPolicy;
use scenarios::arena::PathChoice;
use scenarios::exploit::{Prey, held};
use scenarios::manifest::RunError;
use scenarios::reproduction::BrokenWorld;
use scenarios::schema::{PolicyPlays, SelfPlaySpec};
use scenarios::stats::mean;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sim::lane::Lane;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// Both sides of a seed as they learn.
struct SelfPlay<'a> {
    meetings: Meetings<'a>,
    policy_plays: PolicyPlays,
    policy: Ppo<Lane>,
    attacker: Ppo<AttackLane>,
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

/// Both sides as they were at a checkpoint; what they had learned is in files.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Kept {
    update: u64,
    /// The policy's.
    decisions: u64,
}

/// Trains both sides of one seed, and returns the safest policy.
pub(super) fn raise(
    shared: &Shared<'_>,
    rules: &SelfPlaySpec,
    seed: u64,
) -> Result<Trained, Failure> {
    let SelfPlaySpec { head_start_hours, paths, policy_plays } = *rules;
    let meetings = Meetings::begin(shared, seed, "self_play", head_start_hours, paths)?;
    let mut play = SelfPlay::begin(meetings, policy_plays)?;
    play.learn()?;
    play.choose()
}

/// The attacker's settings, by the policy's: a rollout spans the same blocks.
fn attacker_config(policy: &PpoConfig) -> PpoConfig {
    PpoConfig {
        seed: policy.seed ^ (1 << 32),
        rollout_steps: TURNS * policy.rollout_steps,
        ..without_the_policys_own(policy)
    }
}

impl<'a> SelfPlay<'a> {
    /// Both sides at their beginning, or as an interrupted run left them.
    fn begin(meetings: Meetings<'a>, policy_plays: PolicyPlays) -> Result<Self, Failure> {
        let Meetings { shared, seed, pursuit, .. } = meetings;
        let Shared { worlds, spec, .. } = *shared;
        let device = network::device(shared.device).map_err(Failure::from_error)?;
        let checkpoint = checkpoint_path(shared.folder, seed)?;
        let settings = config(worlds, spec, seed);
        let attacks = attacker_config(&settings);
        // Somebody who takes orders sits in the seat, and the parameters hold, until the sides know each other.
        let seated = worlds.clone().against(vec![(1.0, Assailant::Nobody)], pursuit.idle_blocks);
        let lanes = seated.training_lanes(seed, spec.lanes);
        let prey = Prey { worlds, name: String::new(), policies: vec![(1.0, maker(None))] };
        let sides = prey.lanes(seed, spec.lanes, pursuit).map_err(Failure::from_error)?;
        let (policy, attacker, note) = if shared.resume && checkpoint.exists() {
            let Pair { first, second } = Pair::load(&checkpoint).map_err(Failure::from_error)?;
            let note = serde_json::from_slice(&first.note).map_err(|error| {
                Failure::Message(format!("{}: {error}; start anew", checkpoint.display()))
            })?;
            let policy = Ppo::restore(settings, lanes, device, first, &checkpoint);
            (policy, Ppo::restore(attacks, sides, device, second, &checkpoint), note)
        } else {
            let policy = Ppo::new(settings, lanes, device);
            (policy, Ppo::new(attacks, sides, device), Note::default())
        };
        let policy = policy.map_err(Failure::from_error)?;
        let attacker = attacker.map_err(Failure::from_error)?;
        let mut play = Self { meetings, policy_plays, policy, attacker, checkpoint, note };
        if let Some(spec) = &spec.teacher {
            play.policy.learn_from(teacher(spec, shared));
        }
        play.show_policy().map_err(Failure::from_error)?;
        play.show_attacker().map_err(Failure::from_error)?;
        Ok(play)
    }

    /// Lets the attacker's worlds have the policy of this moment.
    fn show_policy(&mut self) -> Result<(), LearnError> {
        let policy = self.policy.policy("learning")?;
        for side in self.attacker.lanes_mut().lanes_mut() {
            let policy = policy.clone();
            let defender: Box<dyn RiskPolicy> = match self.policy_plays {
                PolicyPlays::Likeliest => Box::new(policy),
                PolicyPlays::Drawn => Box::new(Stochastic(policy)),
            };
            side.set_defenders(vec![(1.0, defender)]);
        }
        Ok(())
    }

    /// Lets the policy's worlds have the attacker of this moment.
    fn show_attacker(&mut self) -> Result<(), LearnError> {
        let attacker = Assailant::Stochastic(Box::new(self.attacker.policy("attacker")?));
        let Meetings { shared, pursuit, .. } = self.meetings;
        let against = vec![(1.0, attacker)];
        let worlds = shared.worlds.clone().against(against, pursuit.idle_blocks);
        worlds.relieve(self.policy.lanes_mut().lanes_mut());
        Ok(())
    }

    /// Both sides to the end of their updates: events, checkpoints.
    fn learn(&mut self) -> Result<(), Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        let Shared { worlds, spec, bar, .. } = *shared;
        let mut seen = [
            events(shared, &format!("seed-{seed}"))?,
            events(shared, &format!("seed-{seed}-attacker"))?,
        ];
        let per_update = TURNS as u64 * blocks_per_update(worlds, spec);
        bar.inc(self.policy.updates_done() * per_update);
        while self.policy.updates_done() < self.policy.config().updates {
            let logs = self.update()?;
            let [log, _] = &logs;
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

    /// One update of each side: the policy's, then the attacker's against what the policy has become.
    fn update(&mut self) -> Result<[UpdateLog; 2], Failure> {
        let log = update(&mut self.policy).map_err(Failure::from_error)?;
        let broken = self.policy.lanes().lanes().iter().find_map(Lane::broken);
        self.go_on(broken.map(|broken| Box::new(broken_in_training(&broken, Vec::new()))))?;
        self.show_policy().map_err(Failure::from_error)?;
        let other = update(&mut self.attacker).map_err(Failure::from_error)?;
        let mut sides = self.attacker.lanes().lanes().iter();
        self.go_on(sides.find_map(|side| held(side, PathChoice::Drawn, "learner").err()))?;
        self.show_attacker().map_err(Failure::from_error)?;
        Ok([log, other])
    }

    /// Nothing that was learned in a broken world is kept, and no seed goes on beside one.
    fn go_on(&self, broken: Option<Box<BrokenWorld>>) -> Result<(), Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        if let Some(world) = broken {
            shared.stop.store(true, Ordering::Relaxed);
            return Err(world.into());
        }
        if shared.stop.load(Ordering::Relaxed) {
            return Err(Failure::Message(format!("seed {seed}: stopped beside a broken world")));
        }
        Ok(())
    }

    /// Keeps both sides as they are, and writes the checkpoint.
    fn keep(&mut self) -> Result<(), Failure> {
        let kept = Kept { update: self.policy.updates_done(), decisions: self.policy.decisions() };
        let name = format!("seed-{}", self.meetings.seed);
        let policy = self.policy.policy(&name).map_err(Failure::from_error)?;
        let path = self.file("policy", kept);
        keep(&path, &policy.to_bytes())?;
        let attacker = self.attacker.policy("attacker").map_err(Failure::from_error)?;
        let attacker = Assailant::Learned(Box::new(attacker));
        self.meetings.store(&attacker, &format!("attacker-{}", kept.update))?;
        self.note.kept.push(kept);
        self.policy.set_note(serde_json::to_vec(&self.note).map_err(Failure::from_error)?);
        let saved = self.policy.save_with(&mut self.attacker, &self.checkpoint);
        saved.map_err(Failure::from_error)
    }

    /// Where a side is kept.
    fn file(&self, side: &str, kept: Kept) -> PathBuf {
        self.meetings.folder.join(format!("{side}-{}.bin", kept.update))
    }

    /// Lets all who were kept meet, and chooses the safest policy.
    fn choose(self) -> Result<Trained, Failure> {
        let Meetings { shared, seed, .. } = self.meetings;
        let Shared { worlds, spec, .. } = *shared;
        let world = worlds.spec();
        let read = |path: &Path| fs::read(path).map_err(RunError::io(path));
        let (mut policies, mut attackers) = (Vec::new(), vec![Assailant::AsWritten]);
        for kept in &self.note.kept {
            let path = self.file("policy", *kept);
            policies.push(FrozenPolicy::from_bytes(&read(&path)?).map_err(Failure::Message)?);
            let bytes = read(&self.file("attacker", *kept))?;
            let (obs_dim, heads) = (world.obs_dim, world.action.dim());
            let attacker = Assailant::learned(&bytes, obs_dim, heads, worlds.templates());
            attackers.push(attacker.map_err(Failure::Message)?);
        }
        let updates = || self.note.kept.iter().map(|kept| kept.update);
        let names: Vec<String> = updates().map(|u| format!("policy of update {u}")).collect();
        let players: Vec<_> = names.iter().cloned().zip(policies.iter().map(Some)).collect();
        let mut objective_usd = vec![Vec::new(); policies.len()];
        let mut blocks = self.policy.updates_done() * blocks_per_update(worlds, spec);
        blocks += self.attacker_blocks(blocks);
        for attacker in &attackers {
            let (earned, played) = self.meetings.earned(&players, attacker)?;
            blocks += played;
            for (row, earned) in objective_usd.iter_mut().zip(earned) {
                row.push(mean(&earned));
            }
        }
        let safest = safest(&objective_usd);
        let faced = updates().map(|u| format!("attacker of update {u}"));
        let first = std::iter::once(Assailant::AsWritten.name().to_owned());
        let value = json!({
            "policies": names,
            "attackers": first.chain(faced).collect::<Vec<String>>(),
            "objective_usd": objective_usd,
            "kept": names[safest],
        });
        let path = self.meetings.folder.join("payoffs.json");
        fs::write(&path, format!("{value:#}\n")).map_err(RunError::io(&path))?;
        let Kept { update, decisions } = self.note.kept[safest];
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

    /// Blocks that the attacker played while the policy played so many: the hours in which it waits come on top.
    fn attacker_blocks(&self, policy: u64) -> u64 {
        let scenario = &self.meetings.shared.loaded.scenario;
        let episode = scenario.blocks();
        let idle = self.meetings.pursuit.idle_blocks;
        (u128::from(policy) * u128::from(episode) / u128::from(episode - idle)) as u64
    }
}
