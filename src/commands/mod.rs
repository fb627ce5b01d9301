//! One file per subcommand, and the options they share.

pub(crate) mod attack;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod check;
pub(crate) mod crowd;
pub(crate) mod eval;
pub(crate) mod experiment;
pub(crate) mod exploit;
pub(crate) mod export;
pub(crate) mod impact;
pub(crate) mod incidents;
pub(crate) mod liquidate;
pub(crate) mod replay;
mod reproduce;
pub(crate) mod run;
pub(crate) mod train;
pub(crate) mod verify;
pub(crate) mod view;

use crate::output::Failure;
use scenarios::assemble::Worlds;
use scenarios::folder::free_name;
use scenarios::load::{Loaded, load};
use scenarios::manifest::{Build, RunError};
use scenarios::reproduction::{manifest, write_lane};
use scenarios::templates::{self, Description, TemplatesError};
use serde_json::json;
use sim::audit::Depth;
use sim::chain::Violation;
use std::path::{Path, PathBuf};

/// Cargo features of this binary, for manifests.
pub(crate) const FEATURES: &[&str] = &[
    #[cfg(feature = "learn")]
    "learn",
    #[cfg(feature = "viewer")]
    "viewer",
];

/// More worker threads than this are a typing error.
const MOST_THREADS: usize = 1024;

/// Options of every command that plays a scenario.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Play {
    /// Seed of the run; default 1, or the scenario's where it has its own.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Worker threads; 0 for one per core. Results do not depend on it.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Override a value of the scenario: `--set train.lanes=16`. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

/// How much is looked at after every block.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Audit {
    /// Check every invariant of the catalogue after every block, on all state; without it, the books.
    #[arg(long)]
    pub(crate) audit: bool,
}

impl Audit {
    /// The worlds of a scenario, looked at as much as was asked for.
    pub(crate) fn worlds(self, loaded: &Loaded) -> Result<Worlds, Failure> {
        let depth = if self.audit { Depth::Everything } else { Depth::Books };
        Ok(Worlds::new(loaded).map_err(Failure::from_error)?.with_audit(depth))
    }

    /// The same for what plays one scenario, and would otherwise play others under its name.
    pub(crate) fn own_worlds(self, loaded: &Loaded) -> Result<Worlds, Failure> {
        if loaded.among.is_empty() {
            return self.worlds(loaded);
        }
        Err(Failure::Message(format!(
            "{}: it draws other scenarios' worlds among its own, and here one scenario is played; add --set \
             train.among=[]",
            loaded.path.display()
        )))
    }

    /// The same for those who learn in the attackers' seat: with the templates of attack that the scenario asks
    /// for, and what there is to say of each; templates are one scenario's, so only its worlds are played.
    pub(crate) fn seated(self, loaded: &Loaded) -> Result<(Worlds, Vec<Description>), Failure> {
        let found = templates::find(loaded).map_err(|error| match error {
            TemplatesError::Rejected(rejected) => rejected.into(),
            TemplatesError::Assemble(error) => Failure::from_error(error),
        })?;
        let (templates, descriptions): (Vec<_>, Vec<_>) =
            found.into_iter().map(|found| (found.template, found.description)).unzip();
        Ok((self.own_worlds(loaded)?.with_templates(templates), descriptions))
    }
}

/// Options of every command that trains and can be gone on with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Learning {
    #[command(flatten)]
    pub(crate) play: Play,
    #[command(flatten)]
    pub(crate) audit: Audit,
    /// Folder to write; it must not exist. Default: the next free name under `runs/`.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Go on with what an interrupted run left in `<out>.partial`.
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Where the learner computes: cpu, cuda or cuda:<n>.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
}

impl Play {
    /// Loads a scenario with the overrides.
    pub(crate) fn load(&self, path: &Path) -> Result<Loaded, Failure> {
        Ok(load(path, &self.set)?)
    }

    /// Starts the worker threads; returns how many.
    pub(crate) fn start_threads(&self) -> Result<usize, Failure> {
        if self.threads > MOST_THREADS {
            return Err(Failure::Message(format!(
                "--threads {}: at most {MOST_THREADS}; 0 is one per core",
                self.threads
            )));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build_global()
            .map_err(Failure::from_error)?;
        Ok(rayon::current_num_threads())
    }
}

/// The folder to write: as asked for, or the next free name under `runs/`.
pub(crate) fn out_folder(out: Option<&PathBuf>, stem: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| scenarios::folder::free_name(Path::new("runs"), stem))
}

/// What a command that needs the learner says where there is none.
#[cfg(not(feature = "learn"))]
fn no_learner(file: &Path) -> Failure {
    Failure::Message(format!(
        "{}: this build has no learner; run `make libtorch` once, then build with `cargo build \
         --release --features learn`",
        file.display()
    ))
}

/// Where a broken invariant stopped a command: writes what reproduces it beside `beside`, and says how to
/// open it.
pub(crate) fn reproducible(
    failure: Failure,
    worlds: &Worlds,
    loaded: &Loaded,
    beside: &Path,
) -> Failure {
    let Failure::Stopped(world) = failure else { return failure };
    let threads = rayon::current_num_threads() as u32;
    // A level of a curriculum is a scenario of its own.
    let level = (!world.set.is_empty()).then(|| {
        let set: Vec<String> = loaded.overrides.iter().chain(&world.set).cloned().collect();
        let loaded = load(&loaded.path, &set).ok()?;
        let worlds = worlds.varied(&loaded).with_audit(world.broken.depth);
        Some((loaded, worlds))
    });
    let (loaded, worlds) = match &level {
        None => (loaded, worlds),
        Some(Some((loaded, worlds))) => (loaded, worlds),
        Some(None) => return Failure::Stopped(world),
    };
    let lane = worlds.lane(world.address(), world.statics.clone(), false);
    let manifest = manifest(loaded, &world, Build::this(FEATURES), threads);
    let broken = &world.broken;
    let written = write_lane(&bundle_name(beside), lane, &world, manifest);
    explain_broken(broken.block, broken.instance, &broken.violation, written)
}

/// A free name for a bundle beside a run.
pub(crate) fn bundle_name(beside: &Path) -> PathBuf {
    let mut stem = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    stem.push_str("-broken");
    free_name(beside.parent().unwrap_or(Path::new("")), &stem)
}

/// What broke, where what reproduces it is, and the command that opens it.
pub(crate) fn explain_broken(
    block: u64,
    lane: u64,
    violation: &Violation,
    written: Result<PathBuf, RunError>,
) -> Failure {
    let Violation { id, sentence, detail } = violation;
    let mut text = format!(
        "invariant {id} broken at block {block} of lane {lane}: {sentence}\n  {detail}\n\
         This is a fault of the simulator, not of the scenario."
    );
    let mut value = json!({
        "error": "broken invariant",
        "id": id,
        "sentence": sentence,
        "detail": detail,
        "block": block,
        "lane": lane,
    });
    match written {
        Ok(bundle) => {
            let command = format!("ballast replay {}", bundle.display());
            text += &format!(" What reproduces it is in {}.", bundle.display());
            text += &format!("\nOpen it at the block:\n  {command}");
            value["bundle"] = json!(bundle);
            value["replay"] = json!(command);
        }
        Err(error) => text += &format!(" Its bundle could not be written: {error}"),
    }
    Failure::Broken { text, value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scenarios::arena::PathChoice;
    use scenarios::manifest::{Manifest, RunKind};
    use scenarios::reproduction::{BrokenWorld, Reproduction};
    use scenarios::statics::StaticParams;
    use sim::reproduce::{Broken, Decisions};

    #[test]
    fn a_command_that_stops_leaves_a_bundle_and_says_how_to_open_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let siege = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library/siege.ron");
        let loaded = load(&siege, &["episode_hours=1".to_owned()]).expect("sound");
        let worlds = Worlds::new(&loaded).expect("builds");
        let violation = Violation {
            id: "TEST-01".to_owned(),
            sentence: "nothing of the kind".to_owned(),
            detail: "7 of 9".to_owned(),
        };
        let world = BrokenWorld {
            path: PathChoice::Drawn,
            statics: StaticParams::default(),
            policy: "hold".to_owned(),
            broken: Broken {
                violation,
                block: 5,
                episode_block: 5,
                digest: [0; 32],
                run_seed: 3,
                instance: 2,
                episode: 1,
                depth: Depth::Books,
                decisions: Decisions::default(),
            },
            set: Vec::new(),
        };
        let beside = dir.path().join("run");
        for name in ["run-broken", "run-broken-2"] {
            let stopped = Failure::Stopped(Box::new(world.clone()));
            let Failure::Broken { text, value } = reproducible(stopped, &worlds, &loaded, &beside)
            else {
                panic!("a message with a bundle");
            };
            let bundle = dir.path().join(name);
            let command = format!("ballast replay {}", bundle.display());
            for words in ["TEST-01", "block 5", "lane 2", "nothing of the kind", &command] {
                assert!(text.contains(words), "{words}: {text}");
            }
            assert_eq!(value["replay"], command);
            let manifest = Manifest::read(&bundle).expect("a finished folder");
            assert_eq!((manifest.kind, manifest.blocks), (RunKind::Broken, 5));
            let fault = Reproduction::read(&bundle, &manifest).expect("what broke");
            // An invented fault does not come back, and the bundle says so.
            assert!(!fault.reproduced && fault.violation == world.broken.violation);
        }
    }
}
