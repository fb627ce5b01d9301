//! From a path to something to look at: a scenario file is simulated, a run folder is played back.

use crate::source::{LiveSource, StageSource, TapeSource, TapeWorld};
use crate::worker::{Opener, Source};
use agents::policy::{Hold, RiskPolicy};
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::hunt::Setting;
use scenarios::hunt::steps::Steps;
use scenarios::load::{self, Loaded};
use scenarios::manifest::{Manifest, RunKind};
use scenarios::problem::render;
use scenarios::statics::StaticParams;
use sim::tape::TapeReader;
use std::path::Path;

/// The note in a tape's header that names its path, and what it says of paths that were drawn.
const PATH_NOTE: (&str, &str) = ("path", "drawn");

/// Which world of a scenario is simulated, and who manages its risk. A recording has settled both.
pub struct Selection {
    /// The run's seed.
    pub seed: u64,
    /// The recorded window to play, by name; a path drawn from the training mixture where there is
    /// none.
    pub window: Option<String>,
    /// Overrides `path=value` of the scenario.
    pub overrides: Vec<String>,
    /// Makes the risk policy.
    pub policy: Box<dyn Fn() -> Box<dyn RiskPolicy> + Send>,
}

impl Default for Selection {
    fn default() -> Self {
        let policy = Box::new(|| Box::new(Hold) as Box<dyn RiskPolicy>);
        Self { seed: 0, window: None, overrides: Vec::new(), policy }
    }
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection")
            .field("seed", &self.seed)
            .field("window", &self.window)
            .field("overrides", &self.overrides)
            .finish_non_exhaustive()
    }
}

/// Opens scenario files and run folders by path.
#[must_use]
pub fn opener(selection: Selection) -> Opener {
    Box::new(move |target| open(target, &selection))
}

/// Opens a scenario file or a run folder.
///
/// # Errors
/// What is wrong with the file or the folder, as a text for people.
pub fn open(target: &str, selection: &Selection) -> Result<Box<dyn Source>, String> {
    let path = Path::new(target);
    if path.is_dir() { recording(path) } else { live(path, selection) }
}

fn live(path: &Path, selection: &Selection) -> Result<Box<dyn Source>, String> {
    let loaded =
        load::load(path, &selection.overrides).map_err(|rejected| render(&rejected, false))?;
    let worlds = Worlds::new(&loaded).map_err(|error| error.to_string())?;
    let address = WorldAddress {
        seed: selection.seed,
        instance: 0,
        path: choice(&worlds, &loaded, selection.window.as_deref())?,
    };
    let lane = worlds.lane(address, StaticParams::default(), false);
    let policy = (selection.policy)();
    Ok(Box::new(LiveSource::new(lane, &loaded.scenario.name, Some(policy))))
}

fn recording(run: &Path) -> Result<Box<dyn Source>, String> {
    let manifest = Manifest::read(run).map_err(|error| error.to_string())?;
    let is_tape = |name: &str| Path::new(name).file_stem().is_some_and(|stem| stem == "tape");
    let Some((name, _)) = manifest.files.iter().find(|(name, _)| is_tape(name)) else {
        return Err(format!("{}: the run has no tape to play", run.display()));
    };
    let bytes = manifest.read_file(run, name).map_err(|error| error.to_string())?;
    let tape = TapeReader::open(bytes)
        .map_err(|error| format!("{}: {error}", run.join(name).display()))?;
    if manifest.kind == RunKind::StagedAttack {
        let setting = Setting::recorded(&manifest).map_err(|rejected| render(&rejected, false))?;
        let steps =
            Steps::of(&tape, &setting).map_err(|error| format!("{}: {error}", run.display()))?;
        return Ok(Box::new(StageSource::new(&manifest.scenario, &steps)));
    }
    let loaded = load::from_text(&manifest.scenario_path, &manifest.scenario_text, &[])
        .map_err(|rejected| render(&rejected, false))?;
    let worlds = Worlds::new(&loaded).map_err(|error| error.to_string())?;
    let header = tape.header();
    let note = |key: &str| {
        let found = header.notes.iter().find(|(name, _)| name == key);
        found.map_or("", |(_, value)| value.as_str())
    };
    let (key, drawn) = PATH_NOTE;
    let window = Some(note(key)).filter(|name| !name.is_empty() && *name != drawn);
    let address = WorldAddress {
        seed: header.run_seed,
        instance: header.instance,
        path: choice(&worlds, &loaded, window)?,
    };
    let mut lane = worlds.lane(address, StaticParams::default(), false);
    lane.begin(header.episode);
    let policy = note("policy").to_owned();
    Ok(Box::new(TapeSource::new(tape, TapeWorld::of(&lane), &policy)?))
}

fn choice(worlds: &Worlds, loaded: &Loaded, window: Option<&str>) -> Result<PathChoice, String> {
    let Some(name) = window else { return Ok(PathChoice::Drawn) };
    worlds.window(name).map(PathChoice::Window).ok_or_else(|| {
        let names: Vec<&str> = loaded.windows.iter().map(|w| w.name.as_str()).collect();
        format!("no window `{name}` in this scenario; there are: {}", names.join(", "))
    })
}
