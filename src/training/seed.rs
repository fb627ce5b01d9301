//! One policy per training seed, all at once: the learners share the worker threads that play.

use super::league;
use super::population::raise;
use super::self_play;
use crate::output::{Failure, Output, progress_bar};
use agents::export::tensorboard::EventWriter;
use agents::frozen::FrozenPolicy;
use agents::learn::kickstart::Teacher;
use agents::learn::levels::Curriculum;
use agents::learn::ppo::{Ppo, UpdateLog};
use agents::learn::run::{Learner, Next, train};
use agents::learn::sac::Sac;
use agents::learn::twin::Twinned;
use agents::learn::{LearnError, PpoConfig, SacConfig, network};
use indicatif::ProgressBar;
use scenarios::arena::{self, Arena, PathChoice, compete};
use scenarios::assemble::Worlds;
use scenarios::evaluate::{Statics, baseline, learned};
use scenarios::levels::{Course, LevelLane, Syllabus};
use scenarios::load::Loaded;
use scenarios::reproduction::BrokenWorld;
use scenarios::schema::{Baseline, LeagueSpec, TeacherPolicy, TeacherSpec, TrainSpec};
use serde::{Deserialize, Serialize};
use sim::action::{CHOICES, HOLD};
use sim::environment::Environment;
use sim::lane::Lane;
use sim::lanes::Lanes;
use sim::reproduce::Broken;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Instances of validation worlds: training counts from zero, the search from 2⁴⁰.
pub(crate) const VALIDATION_INSTANCES: u64 = 1 << 41;

/// What training with one seed came to.
#[derive(Clone, Debug)]
pub(crate) struct Trained {
    pub(crate) seed: u64,
    /// The policy that validated best.
    pub(crate) policy: FrozenPolicy,
    /// Its score in USD per episode: on validation worlds their mean objective, if it keeps its budget; of a population or
    /// self-play the mean objective in the worst of its meetings.
    pub(crate) score: f64,
    pub(crate) best_update: u64,
    pub(crate) best_decisions: u64,
    pub(crate) updates: u64,
    /// Blocks simulated, validation included.
    pub(crate) blocks: u64,
    pub(crate) log: Vec<Log>,
}

/// The tag of what a policy came to on the worlds that choose.
const VALIDATION: &str = "validation/objective_usd";

/// What is kept of an update: nothing that depends on the clock, so that checkpoints that carry it
/// are the same bytes twice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Log {
    pub(crate) update: u64,
    pub(crate) decisions: u64,
    /// Numbers by their tags, as bits: JSON's decimals do not come back to the last one.
    numbers: BTreeMap<String, u64>,
}

impl Log {
    /// What TensorBoard is told, but for what the clock says.
    pub(super) fn of(log: &UpdateLog) -> Self {
        let mut row = Self { update: log.update, decisions: log.decisions, ..Self::default() };
        let told = log.scalars().into_iter().filter(|(tag, _)| !tag.starts_with("speed/"));
        told.for_each(|(tag, value)| row.add(tag, value));
        row
    }
    fn add(&mut self, tag: String, value: f64) {
        self.numbers.insert(tag, value.to_bits());
    }
    /// A number, where it was known.
    pub(crate) fn number(&self, tag: &str) -> Option<f64> {
        self.numbers.get(tag).map(|bits| f64::from_bits(*bits))
    }
    pub(crate) fn tags(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }
}

/// The caller's bytes in a checkpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Note {
    validation_blocks: u64,
    training_blocks: u64,
    log: Vec<Log>,
    /// The curriculum's bytes, where there is one.
    #[serde(default)]
    levels: Vec<u8>,
}

/// Everything that the seeds have in common.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    pub(super) worlds: &'a Worlds,
    pub(super) loaded: &'a Loaded,
    pub(super) spec: &'a TrainSpec,
    pub(super) folder: &'a Path,
    pub(super) device: &'a str,
    /// The checkpoint whose network a new run begins with; none for one drawn anew.
    pub(super) from: Option<&'a Path>,
    pub(super) resume: bool,
    pub(super) output: Output,
    pub(super) bar: &'a ProgressBar,
    /// Whether a seed has stopped at a broken invariant.
    pub(super) stop: &'a AtomicBool,
}

/// Trains a policy per seed, each on a thread of its own; the lanes share the worker threads.
pub(crate) fn train_seeds(
    worlds: &Worlds,
    loaded: &Loaded,
    spec: &TrainSpec,
    folder: &Path,
    device: &str,
    resume: bool,
    output: Output,
) -> Result<Vec<Trained>, Failure> {
    let attackers = spec.population.as_ref().map_or(0, |p| {
        let each_round = p.league.as_ref().map_or(1, LeagueSpec::exploiters);
        p.attacker_blocks * u64::from(p.rounds) * u64::from(each_round)
    });
    // Who learns beside the policy plays as much as it does.
    let beside = spec.self_play.map_or(0, |rules| rules.others() * spec.budget_blocks);
    let budget = spec.budget_blocks + attackers + beside;
    let bar = progress_bar("train", budget * spec.seeds.len() as u64);
    let stop = AtomicBool::new(false);
    let (bar, stop) = (&bar, &stop);
    let shared =
        Shared { worlds, loaded, spec, folder, device, from: None, resume, output, bar, stop };
    let one = &|seed: u64| match (&spec.self_play, &spec.population) {
        (Some(rules), _) => self_play::raise(&shared, rules, seed),
        (None, Some(population)) => match &population.league {
            Some(league) => league::raise(&shared, population, league, seed),
            None => raise(&shared, population, seed),
        },
        (None, None) => train_seed(&shared, seed),
    };
    let results: Vec<Result<Trained, Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            spec.seeds.iter().map(|seed| scope.spawn(move || one(*seed))).collect();
        let join = |t: std::thread::ScopedJoinHandle<'_, _>| {
            t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    bar.finish_and_clear();
    // A seed that stopped beside a broken one has nothing to say.
    let broken = |r: &Result<Trained, Failure>| matches!(r, Err(Failure::Stopped(_)));
    let (mut first, rest): (Vec<_>, Vec<_>) = results.into_iter().partition(broken);
    first.extend(rest);
    first.into_iter().collect()
}

pub(super) fn train_seed(shared: &Shared<'_>, seed: u64) -> Result<Trained, Failure> {
    let Shared { worlds, loaded, spec, .. } = shared;
    let Some(curriculum) = &spec.curriculum else {
        let lanes = || worlds.training_lanes(seed, spec.lanes);
        if !spec.twin {
            return teach(shared, seed, lanes(), None);
        }
        let own = lanes();
        let mut hold = vec![0.0; own.spec().action.dim()];
        sim::action::hold(&mut hold);
        return teach(shared, seed, Twinned::lanes(own, lanes(), &hold), None);
    };
    let course = Arc::new(Course::new(worlds, loaded, curriculum, seed));
    let mut curriculum = Curriculum::new(curriculum.settings(), seed);
    let lanes = LevelLane::lanes(&course, spec.lanes, &mut || curriculum.pick());
    let each = spec.rollout_steps() as u64 * u64::from(worlds.decision_every_blocks());
    let ahead = each.div_ceil(course.shortest_blocks()) as usize;
    teach(shared, seed, lanes, Some(Syllabus::new(curriculum, spec.lanes, ahead)))
}

/// A world that a policy learns in.
trait School: Environment + Sized {
    /// What broke in it.
    fn broken_world(&self) -> Option<BrokenWorld>;
    /// After an update: takes note of what was played, and says what is played next.
    fn follow(run: &mut Ppo<Self>, syllabus: &mut Syllabus);
}

/// A broken world of training.
pub(super) fn broken_in_training(broken: &Broken, set: Vec<String>) -> BrokenWorld {
    let world = BrokenWorld::of(broken.clone(), PathChoice::Drawn, "learner".to_owned());
    BrokenWorld { set, ..world }
}

impl School for Lane {
    fn broken_world(&self) -> Option<BrokenWorld> {
        self.broken().map(|broken| broken_in_training(&broken, Vec::new()))
    }
    /// Every episode is the scenario as it is written.
    fn follow(_: &mut Ppo<Self>, _: &mut Syllabus) {}
}

impl School for Twinned<Lane> {
    fn broken_world(&self) -> Option<BrokenWorld> {
        let [own, twin] = self.both().map(School::broken_world);
        own.or(twin.map(|broken| BrokenWorld { policy: "hold".to_owned(), ..broken }))
    }
    fn follow(_: &mut Ppo<Self>, _: &mut Syllabus) {}
}

impl School for LevelLane {
    fn broken_world(&self) -> Option<BrokenWorld> {
        self.broken().map(|(broken, set)| broken_in_training(&broken, set))
    }
    fn follow(run: &mut Ppo<Self>, syllabus: &mut Syllabus) {
        let judged: Vec<(f32, bool)> = run.judged().collect();
        syllabus.follow(run.lanes_mut().lanes_mut(), judged.into_iter());
    }
}

/// Trains a policy in some worlds, by the curriculum if there is one.
fn teach<S: School>(
    shared: &Shared<'_>,
    seed: u64,
    lanes: Lanes<S>,
    syllabus: Option<Syllabus>,
) -> Result<Trained, Failure> {
    let Shared { worlds, spec, .. } = shared;
    let device = network::device(shared.device).map_err(Failure::from_error)?;
    let checkpoint = checkpoint_path(shared.folder, seed)?;
    let goes_on = shared.resume && checkpoint.exists();
    if let Some(sac) = &spec.sac {
        let config = SacConfig { seed, updates: updates(worlds, spec), ..sac.clone() };
        let run = if goes_on {
            Sac::resume(config, lanes, device, &checkpoint)
        } else {
            Sac::new(config, lanes, device)
        };
        // Nothing follows: a curriculum is refused.
        return watch(shared, seed, run.map_err(Failure::from_error)?, syllabus, |_, _| {});
    }
    let config = config(worlds, spec, seed);
    let mut run = if goes_on {
        Ppo::resume(config, lanes, device, &checkpoint)
    } else {
        Ppo::new(config, lanes, device)
    }
    .map_err(Failure::from_error)?;
    if let Some(from) = shared.from.filter(|_| run.updates_done() == 0) {
        run.begin_with(from).map_err(Failure::from_error)?;
    }
    if let Some(spec) = &spec.teacher {
        run.learn_from(teacher(spec, shared));
    }
    watch(shared, seed, run, syllabus, S::follow)
}

/// A run from where it stands to its end: events, checkpoints, scores; `follow` keeps the curriculum, if there is one.
fn watch<S: School, L: Learner<World = S>>(
    shared: &Shared<'_>,
    seed: u64,
    mut run: L,
    mut syllabus: Option<Syllabus>,
    follow: fn(&mut L, &mut Syllabus),
) -> Result<Trained, Failure> {
    let Shared { worlds, spec, .. } = shared;
    let checkpoint = checkpoint_path(shared.folder, seed)?;
    let mut note: Note = serde_json::from_slice(run.note()).unwrap_or_default();
    if let Some(syllabus) = syllabus.as_mut().filter(|_| !note.levels.is_empty()) {
        *syllabus = Syllabus::from_bytes(&note.levels).map_err(|reason| {
            Failure::Message(format!("{}: {reason}; start anew", checkpoint.display()))
        })?;
    }
    let mut events = events(shared, &format!("seed-{seed}"))?;
    let every = spec.checkpoint_every_updates;
    let per_update = blocks_per_update(worlds, spec);
    shared.bar.inc(run.updates_done() * per_update);
    let mut broken = None;
    let mut on_update = |log: &UpdateLog, run: &mut L| -> Result<Next, LearnError> {
        // Nothing that was learned in a broken world is kept, and no seed goes on beside one.
        broken = run.lanes().lanes().iter().find_map(S::broken_world);
        if broken.is_some() || shared.stop.load(Ordering::Relaxed) {
            shared.stop.store(true, Ordering::Relaxed);
            return Ok(Next::Stop);
        }
        if let Some(syllabus) = &mut syllabus {
            follow(run, syllabus);
        }
        let mut row = Log::of(log);
        note.training_blocks += per_update;
        if log.update.is_multiple_of(every) || log.update == log.updates {
            let (score, blocks) = match validate(shared, &run.policy("candidate")?, seed) {
                Ok(validated) => validated,
                Err(world) => {
                    broken = Some(*world);
                    shared.stop.store(true, Ordering::Relaxed);
                    return Ok(Next::Stop);
                }
            };
            note.validation_blocks += blocks;
            row.add(VALIDATION.to_owned(), score);
            run.consider_best(score);
            note.log.push(row.clone());
            note.levels = syllabus.as_ref().map(Syllabus::to_bytes).unwrap_or_default();
            run.set_note(serde_json::to_vec(&note).unwrap_or_default());
            run.save_checkpoint(&checkpoint)?;
        } else {
            note.log.push(row.clone());
        }
        let mut scalars = log.scalars();
        scalars.extend(row.number(VALIDATION).map(|score| (VALIDATION.to_owned(), score)));
        let kept = syllabus.as_ref().map(|s| ("levels/kept".to_owned(), s.kept() as f64));
        scalars.extend(kept);
        show(&mut events, log.decisions, scalars)
            .map_err(|source| LearnError::Io { source, path: checkpoint.clone() })?;
        tell(shared, seed, log, &row, per_update);
        Ok(Next::Continue)
    };
    train(&mut run, &mut on_update).map_err(Failure::from_error)?;
    if let Some(world) = broken {
        return Err(Box::new(world).into());
    }
    let best = run.best().cloned();
    let policy = run.best_policy(&format!("seed-{seed}")).map_err(Failure::from_error)?;
    Ok(Trained {
        seed,
        policy,
        score: best.as_ref().map_or(f64::NAN, |b| b.score),
        best_update: best.as_ref().map_or(run.updates_done(), |b| b.update),
        best_decisions: best.as_ref().map_or(run.decisions(), |b| b.decisions),
        updates: run.updates_done(),
        blocks: note.training_blocks + note.validation_blocks,
        log: note.log,
    })
}

/// The baseline that says what it would do.
pub(super) fn teacher(spec: &TeacherSpec, shared: &Shared<'_>) -> Teacher {
    let (scenario, deployed) = (&shared.loaded.scenario, shared.worlds.deployed());
    let which = match spec.policy {
        TeacherPolicy::Greedy => Baseline::Greedy,
        TeacherPolicy::GauntletCaps => Baseline::GauntletCaps,
        TeacherPolicy::FreezeAll => Baseline::FreezeAll,
    };
    let contestant = baseline(which, scenario, deployed, &Statics::default());
    let mut policy = contestant.expect("Invariant: it needs no search").policies[0]();
    Box::new(move |obs, mask, action| policy.act(obs, mask, action))
}

/// The learner's settings for a seed: updates from the budget of blocks, a bias toward holding, a teacher's weight.
pub(super) fn config(worlds: &Worlds, spec: &TrainSpec, seed: u64) -> PpoConfig {
    let updates = updates(worlds, spec);
    // The middle of a number holds already.
    let logits = if spec.by_numbers() { 0 } else { worlds.spec().action.logits() };
    let bias =
        (0..logits).map(|i| if i % CHOICES == HOLD { spec.hold_bias } else { 0.0 }).collect();
    let kickstart = spec.teacher.as_ref().map(TeacherSpec::kickstart);
    PpoConfig { seed, updates, initial_logit_bias: bias, kickstart, ..spec.ppo.clone() }
}

/// Updates that the budget of blocks lets a seed make.
fn updates(worlds: &Worlds, spec: &TrainSpec) -> u64 {
    spec.budget_blocks.div_ceil(blocks_per_update(worlds, spec)).max(1)
}

pub(super) fn blocks_per_update(worlds: &Worlds, spec: &TrainSpec) -> u64 {
    let decisions = spec.rollout_steps() as u64 * u64::from(spec.lanes);
    let worlds_each = if spec.twin { 2 } else { 1 };
    decisions * u64::from(worlds.decision_every_blocks()) * worlds_each
}

pub(super) fn checkpoint_path(folder: &Path, seed: u64) -> Result<PathBuf, Failure> {
    let dir = folder.join("checkpoints").join(format!("seed-{seed}"));
    fs::create_dir_all(&dir).map_err(scenarios::manifest::RunError::io(&dir))?;
    Ok(dir.join("latest.ckpt"))
}

/// What a policy counts on worlds drawn like training's that training does not play ([`score`]: the mean objective,
/// less what its tail has beyond the budget that it learns under), and the blocks spent.
fn validate(
    shared: &Shared<'_>,
    policy: &FrozenPolicy,
    seed: u64,
) -> Result<(f64, u64), Box<BrokenWorld>> {
    let paths = shared.spec.validation_paths;
    let worlds = arena::worlds(seed, VALIDATION_INSTANCES, paths, PathChoice::Drawn);
    let contestant = learned(policy.name(), std::slice::from_ref(policy));
    let entries = compete(shared.worlds, &[contestant], &worlds, &|_| ())?;
    let totals = &entries[0].totals[0];
    Ok((shared.worlds.aim().score(totals), totals.iter().map(|t| t.blocks).sum()))
}

/// Moves the bar; where there is no terminal, a line every tenth of the way.
pub(super) fn tell(shared: &Shared<'_>, seed: u64, log: &UpdateLog, row: &Log, blocks: u64) {
    let number = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:.0}"));
    let figures = format!(
        "seed {seed}: {}, objective {}, bad debt {}",
        log.pace(),
        number(row.number("episode/objective_usd")),
        number(row.number("episode/bad_debt_usd"))
    );
    shared.bar.inc(blocks);
    let tenth = log.updates.div_ceil(10);
    if !std::io::stderr().is_terminal()
        && (log.update.is_multiple_of(tenth) || log.update == log.updates)
    {
        shared.output.note(&format!("update {}/{}, {figures}", log.update, log.updates));
    }
    shared.bar.set_message(figures);
}

/// Where TensorBoard finds a learner.
pub(super) fn events(shared: &Shared<'_>, learner: &str) -> Result<EventWriter, Failure> {
    let folder = shared.folder.join("tensorboard").join(learner);
    EventWriter::create(&folder, now()).map_err(Failure::from_error)
}

/// Shows TensorBoard the figures of an update.
pub(super) fn show(
    events: &mut EventWriter,
    decisions: u64,
    scalars: Vec<(String, f64)>,
) -> io::Result<()> {
    for (tag, value) in scalars {
        events.scalar(now(), decisions, &tag, value)?;
    }
    events.flush()
}

/// Seconds since 1970, for TensorBoard's time axis; no result depends on it.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
