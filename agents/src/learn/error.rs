//! Why training stops.

use std::path::PathBuf;

use thiserror::Error;

/// A setting, whether it holds, and what it must be.
pub(super) type Rule = (&'static str, bool, &'static str);

/// Why training cannot start or go on.
#[derive(Debug, Error)]
pub enum LearnError {
    /// A setting is out of range.
    #[error("training setting `{field}` must be {must}")]
    Setting {
        /// Which.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// `tail.cost` names a figure that no episode reports.
    #[error("`tail.cost`: episodes report no `{name}`; they report: {known}")]
    NoFigure {
        /// As asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The environment's actions are of the other kind.
    #[error("{learner} learns {takes}; this environment's actions are of the other kind")]
    Actions {
        /// Which algorithm.
        learner: &'static str,
        /// What it learns.
        takes: &'static str,
    },
    /// Numbers that have no bounds, or no room between them.
    #[error("the environment's actions: {0}")]
    Bounds(String),
    /// Two sizes that must agree do not.
    #[error("{what}: expected {expected}, got {got}")]
    Shape {
        /// What.
        what: String,
        /// Size needed.
        expected: usize,
        /// Size found.
        got: usize,
    },
    /// An environment returned NaN or infinity.
    #[error(
        "update {update}, decision {step}, lane {lane}: {what} is {value}{}",
        checkpoint.as_ref().map_or(String::new(), |p| format!("; last good checkpoint: {}", p.display()))
    )]
    NotFinite {
        /// Update, from 1.
        update: u64,
        /// Decision in the rollout, from 0.
        step: usize,
        /// Lane, from 0.
        lane: usize,
        /// Which value.
        what: String,
        /// The value.
        value: f64,
        /// The last checkpoint written before; none where nobody knows of one.
        checkpoint: Option<PathBuf>,
    },
    /// A mask forbids all choices of a head.
    #[error("update {update}, decision {step}, lane {lane}: head {head} has no legal choice")]
    NothingLegal {
        /// Update, from 1.
        update: u64,
        /// Decision in the rollout, from 0.
        step: usize,
        /// Lane, from 0.
        lane: usize,
        /// Head, from 0.
        head: usize,
    },
    /// A teacher's answer is not a legal choice.
    #[error(
        "update {update}, decision {step}, lane {lane}: the teacher's choice for head {head} is {answer}, which is not legal"
    )]
    IllegalAnswer {
        /// Update, from 1.
        update: u64,
        /// Decision in the rollout, from 0.
        step: usize,
        /// Lane, from 0.
        lane: usize,
        /// Head, from 0.
        head: usize,
        /// What it chose.
        answer: f32,
    },
    /// A part of a loss, a gradient or a weight is NaN, infinite, or beyond what a learner comes back from.
    #[error(
        "update {update}: {what} is {value}: training diverged; lower `learning_rate` or, for PPO, set \
         `target_kl`; last good checkpoint: {}",
        checkpoint.as_ref().map_or("none".into(), |p| p.display().to_string())
    )]
    Diverged {
        /// Update, from 1.
        update: u64,
        /// Which value.
        what: &'static str,
        /// The value.
        value: f64,
        /// The last checkpoint written before.
        checkpoint: Option<PathBuf>,
    },
    /// libtorch found no memory.
    #[error(
        "out of memory ({said}): set fewer `lanes`, a smaller `minibatch` or narrower `hidden` layers; last good \
         checkpoint: {}",
        checkpoint.as_ref().map_or("none".into(), |p| p.display().to_string())
    )]
    OutOfMemory {
        /// What libtorch said.
        said: String,
        /// The last checkpoint written before.
        checkpoint: Option<PathBuf>,
    },
    /// A checkpoint cannot be used.
    #[error("{reason}: {}", path.display())]
    Checkpoint {
        /// Why, and what to do.
        reason: String,
        /// Which file.
        path: PathBuf,
    },
    /// The file system's own reason.
    #[error("{source}: {}", path.display())]
    Io {
        /// Why.
        source: std::io::Error,
        /// Where.
        path: PathBuf,
    },
    /// A checkpoint's world does not fit the environment.
    #[error("lane {lane} cannot resume: {reason}")]
    Lane {
        /// Lane, from 0.
        lane: usize,
        /// The environment's sentence.
        reason: String,
    },
    /// `--device` names nothing that is here.
    #[error("no such device `{name}`: cpu, cuda or cuda:<n>; CUDA devices here: {found}")]
    Device {
        /// As given.
        name: String,
        /// CUDA devices that libtorch sees.
        found: i64,
    },
    /// The trained network cannot be frozen.
    #[error("frozen policy: {0}")]
    Frozen(#[from] crate::frozen::FrozenError),
}

impl LearnError {
    /// The same, where it ended a run whose last checkpoint is this.
    #[cfg(feature = "tch")]
    pub(super) fn after(mut self, last: Option<PathBuf>) -> Self {
        if let Self::NotFinite { checkpoint, .. } | Self::OutOfMemory { checkpoint, .. } = &mut self
        {
            *checkpoint = last;
        }
        self
    }

    /// Refuses settings by the first rule that does not hold.
    pub(super) fn refuse(rules: impl IntoIterator<Item = Rule>) -> Result<(), Self> {
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, must)) => Err(Self::Setting { field, must }),
            None => Ok(()),
        }
    }
}
