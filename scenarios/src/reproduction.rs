//! Reproduction bundles: what a broken invariant leaves, for `ballast replay` to open at the block.
//!
//! A bundle is a run folder with one tape, cut after the block and with the states before and after it,
//! and [`BROKEN_FILE`]: which invariant, where, and all it takes to play the lane again with its
//! participants. It is written under another name and renamed when complete, as every run is.

use crate::arena::{PathChoice, WorldAddress};
use crate::assemble::Worlds;
use crate::episode::{hex, tape_header};
use crate::folder::Folder;
use crate::load::{Loaded, ron_options};
use crate::manifest::{Build, Manifest, RunError, RunKind};
use crate::statics::StaticParams;
use ron::ser::PrettyConfig;
use serde::{Deserialize, Serialize};
use sim::audit::Depth;
use sim::chain::Violation;
use sim::lane::Lane;
use sim::reproduce::{Broken, Decisions};
use sim::tape::TapeReader;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// The file that says what broke.
pub const BROKEN_FILE: &str = "broken.ron";
/// The tape of a bundle.
pub const BROKEN_TAPE: &str = "tape.bin";
/// Blocks between two snapshots of a bundle's tape, besides those around the block.
const SNAPSHOT_EVERY_BLOCKS: u64 = 600;

/// A world that stopped at a broken invariant: a fault of the simulator.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{broken}")]
pub struct BrokenWorld {
    /// Which path it played.
    pub path: PathChoice,
    /// Parameters set before its first block.
    pub statics: StaticParams,
    /// Who managed the risk.
    pub policy: String,
    /// What broke, and the decisions that led there.
    pub broken: Broken,
    /// Overrides of the scenario that made the world, where it was a level of a curriculum.
    pub set: Vec<String>,
}

impl BrokenWorld {
    /// A world of the scenario as it is written, with the parameters as deployed.
    #[must_use]
    pub fn of(broken: Broken, path: PathChoice, policy: String) -> Self {
        Self { path, statics: StaticParams::default(), policy, broken, set: Vec::new() }
    }

    /// The world's address.
    #[must_use]
    pub const fn address(&self) -> WorldAddress {
        let Broken { run_seed, instance, .. } = self.broken;
        WorldAddress { seed: run_seed, instance, path: self.path }
    }
}

/// What a bundle says about the fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reproduction {
    /// Which invariant, in which sentence, with what figures.
    pub violation: Violation,
    /// The block after which it was found, as the chain and the tape number it.
    pub block: u64,
    /// The block of the episode, from 1; 0 is the state before the first.
    pub episode_block: u64,
    /// The lane: the world's instance.
    pub lane: u64,
    /// The run's seed.
    pub seed: u64,
    /// The episode.
    pub episode: u64,
    /// Digest of the history up to the block, hexadecimal.
    pub digest: String,
    /// How much was looked at after every block.
    pub audit: Depth,
    /// What it takes to play the lane again with its participants; only a lane has that, not a tape.
    pub lane_again: Option<LaneAgain>,
    /// Whether the block was reached again, and the invariant broke again, when the bundle was written.
    pub reproduced: bool,
}

/// What it takes to play a lane again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneAgain {
    /// Which path it played.
    pub path: PathChoice,
    /// Parameters set before its first block.
    pub statics: StaticParams,
    /// Who managed the risk.
    pub policy: String,
    /// What was decided.
    pub decisions: Decisions,
}

impl Reproduction {
    /// Reads it from a bundle.
    ///
    /// # Errors
    /// The file is missing, damaged, or does not parse.
    pub fn read(bundle: &Path, manifest: &Manifest) -> Result<Self, RunError> {
        let bytes = manifest.read_file(bundle, BROKEN_FILE)?;
        let text = String::from_utf8_lossy(&bytes);
        ron_options().from_str(&text).map_err(|error| RunError::BadManifest {
            path: bundle.join(BROKEN_FILE),
            line: error.span.start.line,
            column: error.span.start.col,
            reason: error.code.to_string(),
        })
    }

    /// Plays the lane again with its participants, up to the block; `None` where the bundle came from
    /// a tape. What broke is the lane's [`Lane::broken`].
    #[must_use]
    pub fn play_lane(&self, worlds: &Worlds) -> Option<Lane> {
        let LaneAgain { path, statics, policy: _, decisions } = self.lane_again.as_ref()?;
        let address = WorldAddress { seed: self.seed, instance: self.lane, path: *path };
        let mut lane = worlds.lane(address, statics.clone(), false);
        lane.begin(self.episode);
        lane.set_audit(self.audit);
        lane.rerun(decisions, self.episode_block);
        Some(lane)
    }
}

/// The manifest of a bundle of a scenario, but for what the tape says.
#[must_use]
pub fn manifest(loaded: &Loaded, world: &BrokenWorld, build: Build, threads: u32) -> Manifest {
    let window = match world.path {
        PathChoice::Drawn => None,
        PathChoice::Window(i) => Some(loaded.windows[i].name.clone()),
    };
    Manifest {
        scenario_path: anywhere(&loaded.path),
        window,
        episode: world.broken.episode,
        ..Manifest::begin(RunKind::Broken, loaded, world.broken.run_seed, threads, build)
    }
}

/// A path that means the same from elsewhere: a bundle may be opened there.
fn anywhere(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_e| path.to_owned())
}

/// Writes the bundle of a lane that broke: `lane` is another at the start of the same world, and is
/// played again to the block, taped.
///
/// # Errors
/// `target` exists, or the file system refuses.
pub fn write_lane(
    target: &Path,
    mut lane: Lane,
    world: &BrokenWorld,
    manifest: Manifest,
) -> Result<PathBuf, RunError> {
    let BrokenWorld { path, statics, policy, broken, set: _ } = world;
    let folder = Folder::create(target)?;
    let tape = folder.path().join(BROKEN_TAPE);
    let io = || RunError::io(&tape);
    if lane.plan() != broken.plan() {
        lane.begin_instance(broken.instance, broken.episode);
    }
    lane.set_audit(broken.depth);
    let window = manifest.window.as_deref();
    let header = tape_header(&manifest.scenario, &manifest.scenario_hash, window, policy);
    let sink = BufWriter::new(File::create(&tape).map_err(io())?);
    lane.record_to(Box::new(sink), header, SNAPSHOT_EVERY_BLOCKS).map_err(io())?;
    lane.rerun(&broken.decisions, broken.episode_block);
    lane.finish_tape().map_err(io())?;
    let bytes = fs::read(&tape).map_err(io())?;
    let again = lane.broken();
    let lane_again = LaneAgain {
        path: *path,
        statics: statics.clone(),
        policy: policy.clone(),
        decisions: broken.decisions.clone(),
    };
    finish(
        folder,
        bytes,
        manifest,
        Reproduction {
            violation: broken.violation.clone(),
            block: broken.block,
            episode_block: broken.episode_block,
            lane: broken.instance,
            seed: broken.run_seed,
            episode: broken.episode,
            digest: hex(&broken.digest),
            audit: broken.depth,
            lane_again: Some(lane_again),
            reproduced: again.is_some_and(|again| *again == *broken),
        },
    )
}

/// Writes the bundle of a tape whose replay broke an invariant after `block`; `manifest` is the run's.
///
/// # Errors
/// `target` exists, or the file system refuses.
pub fn write_tape(
    target: &Path,
    tape: &TapeReader,
    block: u64,
    violation: &Violation,
    manifest: Manifest,
) -> Result<PathBuf, RunError> {
    let header = tape.header();
    let folder = Folder::create(target)?;
    let bytes = tape.cut(block).map_err(|error| RunError::Damaged {
        path: target.to_owned(),
        reason: error.to_string(),
    })?;
    let reproduction = Reproduction {
        violation: violation.clone(),
        block,
        episode_block: block - tape.first_block(),
        lane: header.instance,
        seed: header.run_seed,
        episode: header.episode,
        digest: String::new(),
        audit: Depth::Everything,
        lane_again: None,
        reproduced: true,
    };
    let scenario_path = anywhere(&manifest.scenario_path);
    let manifest = Manifest { kind: RunKind::Broken, scenario_path, ..manifest };
    finish(folder, bytes, manifest, reproduction)
}

/// Cuts the tape, writes what broke, and gives the folder its name.
fn finish(
    folder: Folder,
    tape: Vec<u8>,
    manifest: Manifest,
    mut reproduction: Reproduction,
) -> Result<PathBuf, RunError> {
    let path = folder.path().join(BROKEN_TAPE);
    let damaged = |reason: String| RunError::Damaged { path: path.clone(), reason };
    let whole = TapeReader::open(tape).map_err(|error| damaged(error.to_string()))?;
    let block = reproduction.block.min(whole.last_block());
    let bytes = whole.cut(block).map_err(|error| damaged(error.to_string()))?;
    fs::write(&path, &bytes).map_err(RunError::io(&path))?;
    let cut = TapeReader::open(bytes).map_err(|error| damaged(error.to_string()))?;
    if reproduction.digest.is_empty() {
        reproduction.digest = hex(&cut.digest());
    }
    let pretty = PrettyConfig::new().struct_names(false).depth_limit(3);
    let text = ron_options()
        .to_string_pretty(&reproduction, pretty)
        .map_err(|error| damaged(error.to_string()))?;
    let path = folder.path().join(BROKEN_FILE);
    fs::write(&path, text + "\n").map_err(RunError::io(&path))?;
    folder.finish(Manifest {
        start_digest: hex(&cut.first_digest()),
        end_digest: hex(&cut.digest()),
        blocks: cut.last_block() - cut.first_block(),
        ..manifest
    })
}
