//! The manifest: what a run was, complete enough to do it again.

use crate::load::{Loaded, ron_options};
use crate::schema::{FitSpec, HeldOut, Role};
use crate::windows::Window;
use ron::ser::PrettyConfig;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Version of the manifest's own layout.
pub const MANIFEST_SCHEMA: u32 = 1;
/// The manifest's file name; it is written last, so a folder without it is no run.
pub const MANIFEST_FILE: &str = "manifest.ron";

/// What kind of run left a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunKind {
    /// `ballast run`: one episode, taped.
    Run,
    /// `ballast train`: policies, baselines, a report.
    Train,
    /// A reproduction bundle: a tape that ends at a broken invariant ([`crate::reproduction`]).
    Broken,
    /// `ballast attack`: an episode without its scripted attackers, and the attack that was found in it.
    Attack,
    /// `ballast attack` on an incident's stage: the attack that was found, taped if it pays.
    StagedAttack,
    /// `ballast exploit`: a policy under attackers made for it, and the worst episode found.
    Exploit,
    /// `ballast liquidate`: liquidators that learned, and what they earn beside the scripted one.
    Liquidate,
}

/// What built the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Ballast's version.
    pub version: String,
    /// Commit it was built from.
    pub commit: String,
    /// Whether the checkout had changes.
    pub dirty: bool,
    /// Compiler.
    pub toolchain: String,
    /// Target triple.
    pub target: String,
    /// Cargo profile.
    pub profile: String,
    /// Cargo features of the binary.
    pub features: Vec<String>,
}

impl Build {
    /// This build, with the features that the binary names.
    #[must_use]
    pub fn this(features: &[&str]) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: env!("BALLAST_COMMIT").to_owned(),
            dirty: env!("BALLAST_DIRTY") == "true",
            toolchain: env!("BALLAST_TOOLCHAIN").to_owned(),
            target: env!("BALLAST_TARGET").to_owned(),
            profile: env!("BALLAST_PROFILE").to_owned(),
            features: features.iter().map(|f| (*f).to_owned()).collect(),
        }
    }
}

/// A range of dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateRange {
    /// Window's name.
    pub name: String,
    /// When it opens, UTC.
    pub start: String,
    /// When it closes, UTC.
    pub end: String,
    /// Hash of the price file.
    pub file_hash: String,
}

/// The dates that training saw and the dates kept for testing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DateSplit {
    /// Windows seen by bootstraps, training, searches and checkpoint selection.
    pub train: Vec<DateRange>,
    /// Dates that the scenario's fitted figures have seen.
    #[serde(default)]
    pub fitted: Vec<FitSpec>,
    /// Seen by the final evaluation only.
    pub test: Vec<DateRange>,
    /// Days between them.
    pub embargo_days: u32,
}

impl DateSplit {
    /// The split of a scenario.
    #[must_use]
    pub fn of(loaded: &Loaded) -> Self {
        let range = |w: &Window| DateRange {
            name: w.name.clone(),
            start: w.start.to_string(),
            end: w.end.to_string(),
            file_hash: w.file_hash.clone(),
        };
        let of = |loaded: &Loaded, role: Role| -> Vec<DateRange> {
            loaded.windows.iter().filter(|w| w.role == role).map(range).collect()
        };
        // Training has what every scenario that it plays has; what is kept for the test is this one's.
        let (mut train, mut fitted) = (of(loaded, Role::Train), loaded.scenario.fitted_on.clone());
        for there in loaded.among.iter() {
            let new = of(there, Role::Train).into_iter().filter(|range| !train.contains(range));
            let new: Vec<DateRange> = new.collect();
            train.extend(new);
            let others = there.scenario.fitted_on.iter().filter(|range| !fitted.contains(range));
            let others: Vec<_> = others.cloned().collect();
            fitted.extend(others);
        }
        Self {
            train,
            fitted,
            test: of(loaded, Role::Test),
            embargo_days: loaded.scenario.embargo_days,
        }
    }
}

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: u32,
    /// What kind of run.
    pub kind: RunKind,
    /// The scenario's name.
    pub scenario: String,
    /// Hash of its text and price files.
    pub scenario_hash: String,
    /// Its text, overrides applied.
    pub scenario_text: String,
    /// Where its price files are relative to.
    pub scenario_path: PathBuf,
    /// The overrides, as given.
    pub overrides: Vec<String>,
    /// The run's seed.
    pub seed: u64,
    /// The test or training window that was played, if one was named.
    pub window: Option<String>,
    /// The episode's number.
    pub episode: u64,
    /// Threads used; results do not depend on it.
    pub threads: u32,
    /// What built the program.
    pub build: Build,
    /// Dates seen and kept.
    pub dates: DateSplit,
    /// Worlds that training, validation and searches never play.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<HeldOut>,
    /// Templates of attack that the attackers' seat had: the calls of each, in words, where it was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Vec<String>>,
    /// Digest of the first state, hexadecimal.
    pub start_digest: String,
    /// Digest of the history at the end, hexadecimal.
    pub end_digest: String,
    /// Blocks simulated.
    pub blocks: u64,
    /// Every file of the folder but this one, with its hash.
    pub files: Vec<(String, String)>,
}

impl Manifest {
    /// Of a run of a scenario, before anything has been played: without digests, blocks and files.
    #[must_use]
    pub fn begin(kind: RunKind, loaded: &Loaded, seed: u64, threads: u32, build: Build) -> Self {
        Self {
            schema: MANIFEST_SCHEMA,
            kind,
            scenario: loaded.scenario.name.clone(),
            scenario_hash: loaded.hash.clone(),
            scenario_text: loaded.text.as_str().to_owned(),
            scenario_path: loaded.path.clone(),
            overrides: loaded.overrides.clone(),
            seed,
            window: None,
            episode: 0,
            threads,
            build,
            dates: DateSplit::of(loaded),
            held_out: loaded.scenario.evaluate.held_out.clone(),
            templates: Vec::new(),
            start_digest: String::new(),
            end_digest: String::new(),
            blocks: 0,
            files: Vec::new(),
        }
    }
}

/// Why a run folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no manifest.
    #[error(
        "{path}: no {MANIFEST_FILE}, so this is not a finished run; name a folder that `ballast \
         run` or `ballast train` has finished"
    )]
    NotARun {
        /// Which folder.
        path: PathBuf,
    },
    /// The manifest does not parse.
    #[error("{path}:{line}:{column}: {reason}; the file was edited or cut off, run again")]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's reason.
        reason: String,
    },
    /// The folder exists already.
    #[error("{path} exists already; choose another --out, or remove it")]
    Exists {
        /// Which folder.
        path: PathBuf,
    },
    /// What was asked for is no name.
    #[error(
        "{path:?} names nothing that can be written; give --out a name, for example runs/first"
    )]
    NoName {
        /// What was asked for.
        path: PathBuf,
    },
    /// A file is not what the manifest says it is.
    #[error("{path}: {reason}; the run is damaged, run again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// In what way.
        reason: String,
    },
    /// The file system refused.
    #[error("{path}: {source}; check the path, its permissions and the space left")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A table could not be written.
    #[error("{path}: {source}; check the space left")]
    Table {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
}

impl RunError {
    /// Attaches a path to a file-system error.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Whether there is no such file, nor could be.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

impl Manifest {
    /// Reads a run's manifest.
    ///
    /// # Errors
    /// No manifest, or one that does not parse.
    pub fn read(run: &Path) -> Result<Self, RunError> {
        let path = run.join(MANIFEST_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => {
                return Err(RunError::NotARun { path: run.to_owned() });
            }
            Err(error) => return Err(RunError::io(&path)(error)),
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                return Err(RunError::BadManifest {
                    path,
                    line: sound.iter().filter(|b| **b == b'\n').count() + 1,
                    column: sound.iter().rev().take_while(|b| **b != b'\n').count() + 1,
                    reason: "this is no text".to_owned(),
                });
            }
        };
        ron_options().from_str(&text).map_err(|error| RunError::BadManifest {
            path,
            line: error.span.start.line,
            column: error.span.start.col,
            reason: error.code.to_string(),
        })
    }

    /// The text of the manifest.
    ///
    /// # Panics
    /// Never: a manifest is plain values.
    #[must_use]
    pub fn to_ron(&self) -> String {
        let pretty = PrettyConfig::new().struct_names(false);
        ron_options().to_string_pretty(self, pretty).expect("plain values serialise") + "\n"
    }

    /// Reads a file of the run and holds it against its recorded hash.
    ///
    /// # Errors
    /// The file is missing, or its bytes are not those that were recorded.
    pub fn read_file(&self, run: &Path, name: &str) -> Result<Vec<u8>, RunError> {
        let path = run.join(name);
        let bytes = fs::read(&path).map_err(RunError::io(&path))?;
        let found = blake3::hash(&bytes).to_hex().to_string();
        match self.files.iter().find(|(file, _)| file == name) {
            Some((_, hash)) if *hash == found => Ok(bytes),
            Some(_) => Err(RunError::Damaged {
                path,
                reason: format!("its {} bytes are not those the manifest names", bytes.len()),
            }),
            None => {
                Err(RunError::Damaged { path, reason: "the manifest does not name it".to_owned() })
            }
        }
    }
}
