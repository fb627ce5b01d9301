//! A broken invariant, and all that it takes to break it again.
//!
//! An episode is its plan and the risk policy's decisions: everything else follows. A lane remembers
//! its decisions, so a lane built alike that takes them again ([`crate::lane::Lane::rerun`]) stops at
//! the same block, whoever decided the first time.

use crate::audit::Depth;
use crate::chain::{Digest, Violation};
use crate::lane::EpisodePlan;
use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// What the risk policy decided in an episode so far.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// Blocks of the episode in which it decided, in order.
    pub blocks: Vec<u64>,
    /// Its actions, `[decisions, dim]`.
    pub values: Vec<f32>,
}

impl Decisions {
    /// None, with room for so many of so many values.
    pub fn begin(&mut self, decisions: usize, dim: usize) {
        self.blocks.clear();
        self.values.clear();
        self.blocks.reserve(decisions);
        self.values.reserve(decisions * dim);
    }

    /// Adds one.
    pub fn push(&mut self, block: u64, action: &[f32]) {
        self.blocks.push(block);
        self.values.extend_from_slice(action);
    }

    /// The action of a block; `None` where nothing was decided.
    #[must_use]
    pub fn at(&self, block: u64) -> Option<&[f32]> {
        let index = self.blocks.binary_search(&block).ok()?;
        let dim = self.values.len() / self.blocks.len();
        self.values.get(index * dim..(index + 1) * dim)
    }
}

/// A lane that stopped at a broken invariant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("invariant {} broken at block {block}: {} ({})", violation.id, violation.sentence, violation.detail)]
pub struct Broken {
    /// Which invariant, and the figures.
    pub violation: Violation,
    /// The chain's block number after which it was found.
    pub block: u64,
    /// The same as a block of the episode, which counts from 1; 0 is the state before the first.
    pub episode_block: u64,
    /// Digest of the history up to and including that block.
    pub digest: Digest,
    /// Which episode of which world.
    pub run_seed: u64,
    /// The world.
    pub instance: u64,
    /// The episode.
    pub episode: u64,
    /// How much was looked at after every block.
    pub depth: Depth,
    /// What the risk policy had decided.
    pub decisions: Decisions,
}

impl Broken {
    /// Which episode of which world.
    #[must_use]
    pub const fn plan(&self) -> EpisodePlan {
        let Self { run_seed, instance, episode, .. } = *self;
        EpisodePlan { run_seed, instance, episode }
    }
}
