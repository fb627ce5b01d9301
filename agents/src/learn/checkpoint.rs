//! All of a training run in one file: resuming from it continues as if nothing had happened.
//!
//! The kind of learner (`ballast-learn-6\n` for PPO, `ballast-group-6\n` for runs of it that learn among each other, or one that might), the blake3 of the rest,
//! the rest (postcard). Written beside its place,
//! synced and renamed: a killed run leaves the old checkpoint or the new one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sim::environment::Spec;

use super::config::PpoConfig;
use super::error::LearnError;
use super::stats::RunningStats;
use super::tail::TailState;
use crate::frozen::Normaliser;

/// What a learner keeps in a file of its own kind.
pub trait Saved: Serialize + DeserializeOwned {
    /// The file's first bytes: kind and version.
    const MAGIC: &[u8; 16];

    /// The file's bytes.
    #[must_use]
    fn to_bytes(&self) -> Vec<u8> {
        let payload =
            postcard::to_stdvec(self).expect("plain vectors and numbers always serialise");
        let mut bytes = Self::MAGIC.to_vec();
        bytes.extend_from_slice(blake3::hash(&payload).as_bytes());
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    fn save(&self, path: &Path) -> Result<(), LearnError> {
        let io = |source| LearnError::Io { source, path: path.into() };
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut file = fs::File::create(&partial).map_err(io)?;
        file.write_all(&self.to_bytes()).map_err(io)?;
        file.sync_all().map_err(io)?;
        fs::rename(&partial, path).map_err(io)?;
        match path.parent().filter(|p| !p.as_os_str().is_empty()) {
            // The rename itself must survive a power cut.
            Some(dir) => fs::File::open(dir).and_then(|d| d.sync_all()).map_err(io),
            None => Ok(()),
        }
    }

    /// Reads a file back.
    ///
    /// # Errors
    /// It cannot be read, is not a checkpoint, is cut short or was changed.
    fn load(path: &Path) -> Result<Self, LearnError> {
        let bytes =
            fs::read(path).map_err(|source| LearnError::Io { source, path: path.into() })?;
        Self::from_bytes(&bytes)
            .map_err(|reason| LearnError::Checkpoint { reason, path: path.into() })
    }

    /// The inverse of [`Saved::to_bytes`].
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let Some((magic, rest)) = bytes.split_first_chunk::<16>() else {
            return Err("not a checkpoint: too short".into());
        };
        if magic != Self::MAGIC {
            return Err("not a checkpoint of this version".into());
        }
        let Some((expected, payload)) = rest.split_first_chunk::<32>() else {
            return Err("checkpoint is cut short; use an earlier one".into());
        };
        let got = blake3::hash(payload);
        let expected = blake3::Hash::from_bytes(*expected);
        if got != expected {
            return Err(format!(
                "checkpoint is cut short or damaged (blake3 expected {expected}, got {got}); use \
                 an earlier one"
            ));
        }
        postcard::from_bytes(payload).map_err(|e| format!("not a checkpoint of this version: {e}"))
    }
}

/// A policy kept because it scored best so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// The caller's score, higher is better.
    pub score: f64,
    /// Updates until then.
    pub update: u64,
    /// Decisions until then.
    pub decisions: u64,
    /// Flat weights.
    pub weights: Vec<f32>,
    /// Observation normaliser of that moment.
    pub normaliser: Normaliser,
}

impl Best {
    /// Puts what `make` gives in the place of the one kept if `score` beats it; says whether it did.
    pub(super) fn consider(
        kept: &mut Option<Self>,
        score: f64,
        make: impl FnOnce() -> Self,
    ) -> bool {
        let better = score.is_finite() && kept.as_ref().is_none_or(|best| score > best.score);
        if better {
            *kept = Some(make());
        }
        better
    }
}

/// Weights and their optimiser as plain numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedParameters {
    /// Flat weights, `[P]`.
    pub weights: Vec<f32>,
    /// Adam's first moments, `[P]`.
    pub adam_mean: Vec<f32>,
    /// Adam's second moments, `[P]`.
    pub adam_square: Vec<f32>,
    /// Adam's steps.
    pub adam_steps: u64,
}

/// Everything that the rest of a PPO run depends on. The learner's noise is addressed by (seed, update,
/// decision, lane), so its state is the update number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Settings, the seed among them.
    pub config: PpoConfig,
    /// Shapes of the environment.
    pub spec: Spec,
    /// Updates done.
    pub update: u64,
    /// Decisions taken, all lanes.
    pub decisions: u64,
    /// The network and its optimiser.
    pub network: SavedParameters,
    /// Observation statistics.
    pub obs_stats: RunningStats,
    /// Statistics of the discounted return.
    pub return_stats: RunningStats,
    /// Discounted return so far, per lane.
    pub returns: Vec<f64>,
    /// Undiscounted return of the running episode, per lane.
    pub episode_returns: Vec<f64>,
    /// Decisions in the running episode, per lane.
    pub episode_decisions: Vec<u64>,
    /// The worst episodes, as known so far.
    pub tail: TailState,
    /// Observation to decide on next, `[lanes, obs_dim]`.
    pub obs: Vec<f32>,
    /// Its mask, `[lanes, logits]`.
    pub mask: Vec<f32>,
    /// What is remembered of the running episode, `[lanes, memory]`.
    pub state: Vec<f32>,
    /// Each lane's world.
    pub lanes: Vec<Vec<u8>>,
    /// Weights of the reference, where the settings have one.
    pub reference: Option<Vec<f32>>,
    /// The best policy so far.
    pub best: Option<Best>,
    /// The caller's own bytes.
    pub note: Vec<u8>,
}

impl Saved for Checkpoint {
    const MAGIC: &[u8; 16] = b"ballast-learn-6\n";
}

impl Checkpoint {
    /// Refuses to resume with other settings, naming those that differ.
    ///
    /// # Errors
    /// A sentence.
    pub fn check_config(&self, config: &PpoConfig) -> Result<(), String> {
        same_settings(&self.config, config)
    }
}

/// Runs that learn among each other, as of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Each, in the order in which they make their updates.
    pub runs: Vec<Checkpoint>,
}

impl Saved for Group {
    const MAGIC: &[u8; 16] = b"ballast-group-6\n";
}

/// Refuses other settings than those of the checkpoint, naming those that differ.
///
/// # Errors
/// A sentence.
pub fn same_settings<C: Serialize + PartialEq>(then: &C, now: &C) -> Result<(), String> {
    if then == now {
        return Ok(());
    }
    let fields = |c: &C| match serde_json::to_value(c) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (then, now) = (fields(then), fields(now));
    let differences: Vec<String> = then
        .iter()
        .filter(|(name, value)| now.get(*name) != Some(value))
        .map(|(name, value)| {
            let now = now.get(name).unwrap_or(&serde_json::Value::Null);
            format!("{name} was {value}, is {now}")
        })
        .collect();
    Err(format!(
        "checkpoint was made with other training settings ({}); resume with those, or start anew",
        differences.join("; ")
    ))
}
