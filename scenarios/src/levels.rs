//! Levels of a curriculum as worlds: lanes that play the scenario with other parameters in every episode.
//!
//! A level's scenario is the file's text with the level's values in it, parsed anew; its recorded windows, series
//! and positions are the scenario's own, read once. Levels are picked outside, between updates of the learner
//! ([`agents::learn::levels::Curriculum`]), and handed to lanes ahead of time.

use crate::assemble::Worlds;
use crate::card::observations;
use crate::check::Checker;
use crate::genesis::same_moves;
use crate::load::{Loaded, from_text, typed};
use crate::problem::{Problem, Source};
use crate::schema::{CurriculumSpec, ParameterSpec, Role, Scenario};
use crate::statics::StaticParams;
use crate::tree::Node;
use crate::{arena::PathChoice, arena::WorldAddress};
use agents::learn::levels::{Curriculum, Level, Pick, Tally};
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};
use sim::lane::{EpisodePlan, Lane, LaneSetup};
use sim::lanes::Lanes;
use sim::reproduce::Broken;
use std::collections::VecDeque;
use std::sync::Arc;

/// The worlds of a curriculum, for one training seed.
#[derive(Debug)]
pub struct Course {
    base: Worlds,
    loaded: Loaded,
    parameters: Vec<ParameterSpec>,
    seed: u64,
}

impl Course {
    /// The levels of a scenario; `worlds` says who attacks in them and how much is looked at.
    #[must_use]
    pub fn new(worlds: &Worlds, loaded: &Loaded, spec: &CurriculumSpec, seed: u64) -> Self {
        let parameters = spec.parameters.clone();
        Self { base: worlds.clone(), loaded: loaded.clone(), parameters, seed }
    }

    /// Blocks of the shortest episode that a level can have.
    #[must_use]
    pub fn shortest_blocks(&self) -> u64 {
        let s = &self.loaded.scenario;
        let windows = self.loaded.windows.iter().filter(|w| w.role == Role::Train);
        let recorded = windows.map(|w| w.bars.len() as u64 * u64::from(w.bar_secs));
        let secs = recorded.fold(u64::from(s.episode_hours) * 3_600, u64::min);
        (secs / u64::from(s.block_secs)).max(1)
    }

    /// What makes a level of the scenario, as `--set` takes it.
    #[must_use]
    pub fn overrides(&self, level: &Level) -> Vec<String> {
        self.parameters.iter().zip(&level.values).map(|(p, value)| p.set(*value)).collect()
    }

    /// The worlds of a level.
    fn worlds(&self, level: &Level) -> Worlds {
        let set = self.overrides(level);
        let parsed = typed::<Scenario>("a level", &self.loaded.text, &set);
        let (_, scenario) = parsed.unwrap_or_else(|error| {
            panic!("Invariant: what lies within ranges that were checked parses: {error}")
        });
        self.base.varied(&Loaded { scenario, ..self.loaded.clone() })
    }

    fn address(&self, level: &Level) -> WorldAddress {
        WorldAddress { seed: self.seed, instance: level.luck, path: PathChoice::Drawn }
    }

    fn lane(&self, level: &Level) -> Lane {
        let worlds = self.worlds(level);
        worlds.taught(worlds.lane(self.address(level), StaticParams::default(), false))
    }

    fn setup(&self, level: &Level) -> (Arc<dyn LaneSetup>, EpisodePlan) {
        let setup = self.worlds(level).setup(PathChoice::Drawn, StaticParams::default(), false);
        (setup, EpisodePlan { run_seed: self.seed, instance: level.luck, episode: 0 })
    }
}

/// What a lane plays, and in which order.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Programme {
    now: Pick,
    /// What follows; the same again where nothing was picked in time.
    next: Pick,
    queue: VecDeque<Pick>,
    /// Played to their end since they were last taken.
    ended: VecDeque<Pick>,
}

/// A lane that plays a level in each episode.
#[derive(Debug)]
pub struct LevelLane {
    course: Arc<Course>,
    lane: Lane,
    programme: Programme,
    /// The first level that broke.
    broken_in: Option<Level>,
}

impl LevelLane {
    /// A lane at the start of a level.
    #[must_use]
    pub fn new(course: Arc<Course>, now: Pick, next: Pick) -> Self {
        let lane = course.lane(&now.level);
        let (queue, ended) = (VecDeque::new(), VecDeque::new());
        let programme = Programme { now, next, queue, ended };
        let mut lane = Self { course, lane, programme, broken_in: None };
        lane.arm();
        lane
    }

    /// So many lanes of a course; `pick` says what each plays first and next, lane after lane.
    #[must_use]
    pub fn lanes(course: &Arc<Course>, lanes: u32, pick: &mut impl FnMut() -> Pick) -> Lanes<Self> {
        let lane = |_| Self::new(Arc::clone(course), pick(), pick());
        Lanes::new((0..lanes).map(lane).collect(), true)
    }

    /// Tells the world what its next episode is.
    fn arm(&mut self) {
        let (setup, plan) = self.course.setup(&self.programme.next.level);
        self.lane.set_next(setup, plan);
    }

    /// Levels that wait to be played.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.programme.queue.len()
    }
    /// Adds a level at the end.
    pub fn enqueue(&mut self, pick: Pick) {
        self.programme.queue.push_back(pick);
    }
    /// The level that was first played to its end, of those that were not taken yet.
    pub fn take_ended(&mut self) -> Option<Pick> {
        self.programme.ended.pop_front()
    }

    /// What broke, in this episode or before, and the overrides that made the level.
    #[must_use]
    pub fn broken(&self) -> Option<(Box<Broken>, Vec<String>)> {
        let broken = self.lane.broken()?;
        let level = self.broken_in.as_ref().unwrap_or(&self.programme.now.level);
        Some((broken, self.course.overrides(level)))
    }
}

impl Environment for LevelLane {
    fn spec(&self) -> &Spec {
        self.lane.spec()
    }

    /// Begins the present level anew: episodes are levels, not numbers.
    fn reset(&mut self, _episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.lane.reset(self.lane.plan().episode, obs, action_mask);
    }

    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        self.lane.step(action, out.lend());
        if *out.terminated || *out.truncated {
            if self.broken_in.is_none() && self.lane.broken().is_some() {
                self.broken_in = Some(self.programme.now.level.clone());
            }
            let Programme { now, next, queue, ended } = &mut self.programme;
            ended.push_back(std::mem::replace(now, next.clone()));
            *next = queue.pop_front().unwrap_or_else(|| now.clone());
            self.arm();
        }
    }

    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&(self.lane.save(), &self.programme)).expect("plain data")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (lane, programme): (Vec<u8>, Programme) =
            postcard::from_bytes(bytes).map_err(|e| format!("not a level's state: {e}"))?;
        if programme.now.level.values.len() != self.course.parameters.len() {
            return Err("it played levels of other parameters".to_owned());
        }
        self.lane = self.course.lane(&programme.now.level);
        self.lane.load(&lane)?;
        self.programme = programme;
        self.arm();
        Ok(())
    }

    fn episode(&self) -> u64 {
        self.lane.episode()
    }

    fn learns(&self) -> bool {
        self.programme.now.learns
    }

    fn episode_summary(&self) -> &[(&'static str, f64)] {
        self.lane.episode_summary()
    }
}

/// A curriculum in the middle of its episodes: what a checkpoint needs beside its lanes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Syllabus {
    curriculum: Curriculum,
    /// Of each lane's present episode.
    tallies: Vec<Tally>,
    /// Levels that wait in each lane after an update, beside the next.
    ahead: usize,
}

impl Syllabus {
    /// A curriculum from which every lane has picked its first two levels; in a rollout no lane ends more than
    /// `ahead` episodes.
    #[must_use]
    pub fn new(curriculum: Curriculum, lanes: u32, ahead: usize) -> Self {
        Self { curriculum, tallies: vec![Tally::default(); lanes as usize], ahead }
    }

    /// Takes note of a rollout, `[T, N]` advantages and whether the episode ended with the decision, and picks
    /// what the lanes play next.
    pub fn follow(&mut self, lanes: &mut [LevelLane], judged: impl Iterator<Item = (f32, bool)>) {
        let n = lanes.len();
        for (i, (advantage, ended)) in judged.enumerate() {
            let tally = &mut self.tallies[i % n];
            tally.add(f64::from(advantage));
            if ended && let Some(pick) = lanes[i % n].take_ended() {
                self.curriculum.ended(&pick, tally.take());
            }
        }
        for lane in lanes {
            while lane.waiting() < self.ahead {
                lane.enqueue(self.curriculum.pick());
            }
        }
    }

    /// Levels that may be replayed.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.curriculum.kept()
    }

    /// All of it as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data")
    }

    /// The inverse of [`Syllabus::to_bytes`].
    ///
    /// # Errors
    /// A sentence: these are the bytes of something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        postcard::from_bytes(bytes).map_err(|e| format!("not a curriculum: {e}"))
    }
}

/// What no level may change: how long an episode and a decision are, what counts, and what is no world.
const FIXED: [&str; 11] = [
    "schema",
    "block_secs",
    "episode_hours",
    "decision_every_blocks",
    "objective",
    "train",
    "evaluate",
    "windows",
    "embargo_days",
    "fitted_on",
    "name",
];

/// Whether a level may set what is at a path.
pub(crate) fn is_fixed(path: &str) -> bool {
    FIXED.contains(&path.split('.').next().unwrap_or(path))
}

/// Levels at the ends of the ranges that cannot be, as problems of the scenario: of each parameter by itself, and
/// of all together. What lies between is not tried.
pub(crate) fn refused(loaded: &Loaded, source: &Source, root: Option<&Node>) -> Vec<Problem> {
    let curriculum = loaded.scenario.train.as_ref().and_then(|train| train.curriculum.as_ref());
    let Some(spec) = curriculum else { return Vec::new() };
    let mut checker = Checker::new(source, root);
    let mut check = |at: &str, set: Vec<String>| {
        if let Err(reason) = possible(loaded, &set) {
            let help = "narrow the range, or leave the parameter out";
            checker.refuse(at, format!("no level can have {}: {reason}", set.join(", ")), help);
            return false;
        }
        true
    };
    let mut sound = true;
    for (i, parameter) in spec.parameters.iter().enumerate() {
        for (end, value) in [("low", parameter.low), ("high", parameter.high)] {
            let at = format!("train.curriculum.parameters.{i}.{end}");
            sound &= check(&at, vec![parameter.set(value)]);
        }
    }
    if sound && spec.parameters.len() > 1 {
        let all = |of: fn(&ParameterSpec) -> f64| -> Vec<String> {
            spec.parameters.iter().map(|p| p.set(of(p))).collect()
        };
        for set in [all(|p| p.low), all(|p| p.high)] {
            check("train.curriculum.parameters", set);
        }
    }
    checker.finish().err().unwrap_or_default()
}

/// Whether the scenario can be played with overrides, and looks the same to a policy.
fn possible(loaded: &Loaded, set: &[String]) -> Result<(), String> {
    let mut all = [set, &["train.curriculum=None".to_owned()]].concat();
    if !loaded.scenario.evaluate.held_out.is_empty() {
        all.push("evaluate.held_out=[]".to_owned());
    }
    let there = from_text(&loaded.path, &loaded.text, &all).map_err(|rejected| {
        let first = rejected.problems.first().map(ToString::to_string);
        first.unwrap_or_else(|| "it is refused".to_owned())
    })?;
    Worlds::new(&there).map_err(|error| error.to_string())?;
    let (here, there) = (&loaded.scenario, &there.scenario);
    let same = observations(here) == observations(there) && same_moves(&here.market, &there.market);
    if same { Ok(()) } else { Err("a policy would see or do something else there".to_owned()) }
}
