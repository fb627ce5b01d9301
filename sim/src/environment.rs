//! What a learner sees of any world: Ballast's lanes and the learner's own test games alike.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// The actions an environment takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ActionSpace {
    /// One choice per head; `heads[i]` is the number of choices. The mask has `heads.sum()` entries,
    /// head after head; 1 is legal.
    MultiDiscrete {
        /// Choices per head.
        heads: Vec<u32>,
    },
    /// One number per bound, `low[i] ≤ action[i] ≤ high[i]`, in the environment's units. The mask has
    /// an entry per number; 0 says that the environment does not read it now.
    Continuous {
        /// Least values.
        low: Vec<f32>,
        /// Greatest values, above the least.
        high: Vec<f32>,
    },
}

impl ActionSpace {
    /// Number of values in an action: one per head, or one per bound.
    #[must_use]
    pub fn dim(&self) -> usize {
        match self {
            Self::MultiDiscrete { heads } => heads.len(),
            Self::Continuous { low, .. } => low.len(),
        }
    }
    /// Number of entries in a mask, and of a policy's logits (or of its means, where actions are numbers).
    #[must_use]
    pub fn logits(&self) -> usize {
        match self {
            Self::MultiDiscrete { heads } => heads.iter().map(|n| *n as usize).sum(),
            Self::Continuous { low, .. } => low.len(),
        }
    }
}

/// Rows of one kind of entity in an observation, reserves or positions: alike, one after the other, in an order
/// that says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Where the first one begins.
    pub start: usize,
    /// How many there is room for.
    pub room: usize,
    /// Values of each.
    pub width: usize,
    /// Which of them says that the row is there, by 1; by 0 that it is not, and then the row is all zeros. `None`
    /// where all always are.
    pub present: Option<usize>,
    /// Heads of an action, or its numbers, that are each row's own: the first ones of the action, row after row, alike in
    /// all rows. 0 where an action is about all of them.
    pub heads: usize,
}

impl Rows {
    /// The values of all rows.
    #[must_use]
    pub const fn cells(&self) -> Range<usize> {
        self.start..self.start + self.room * self.width
    }

    /// Entries of a mask that are one row's: the choices of its heads, or its numbers.
    #[must_use]
    pub fn outputs(&self, action: &ActionSpace) -> usize {
        match action {
            ActionSpace::MultiDiscrete { heads } => {
                heads.iter().take(self.heads).map(|n| *n as usize).sum()
            }
            ActionSpace::Continuous { .. } => self.heads,
        }
    }

    /// Whether an action has as many heads as all rows have, and those of every row are like the first's.
    #[must_use]
    pub fn heads_are_alike(&self, action: &ActionSpace) -> bool {
        let alike = |of: usize, same: &dyn Fn(usize, usize) -> bool| {
            self.room.checked_mul(self.heads).is_some_and(|all| {
                all <= of && (self.heads..all).all(|head| same(head, head - self.heads))
            })
        };
        match action {
            ActionSpace::MultiDiscrete { heads } => {
                alike(heads.len(), &|a, b| heads[a] == heads[b])
            }
            ActionSpace::Continuous { low, high } => {
                alike(low.len(), &|a, b| low[a] == low[b] && high[a] == high[b])
            }
        }
    }
}

/// The shapes of an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// Values per observation.
    pub obs_dim: usize,
    /// Which of them are rows of entities, if any.
    pub rows: Option<Rows>,
    /// What it takes.
    pub action: ActionSpace,
}

impl Spec {
    /// Observations without rows.
    #[must_use]
    pub const fn new(obs_dim: usize, action: ActionSpace) -> Self {
        Self { obs_dim, rows: None, action }
    }
    /// The same with rows of entities in its observations.
    #[must_use]
    pub fn with_rows(self, rows: Rows) -> Self {
        Self { rows: Some(rows), ..self }
    }
}

/// Where one lane writes the result of a step: rows of the trainer's own buffers.
#[derive(Debug)]
pub struct StepOut<'a> {
    /// The next observation, `[obs_dim]`; after a reset, the first of the new episode.
    pub obs: &'a mut [f32],
    /// Legal choices, or numbers that are read, for the next action, `[logits]`.
    pub action_mask: &'a mut [f32],
    /// The last observation of the episode that ended, `[obs_dim]`; written only when `done`.
    pub final_obs: &'a mut [f32],
    /// Reward accumulated since this learner's last decision.
    pub reward: &'a mut f32,
    /// The episode ended by its own rules: nothing follows.
    pub terminated: &'a mut bool,
    /// The episode was cut: something would have followed, bootstrap from `final_obs`.
    pub truncated: &'a mut bool,
    /// Blocks since this learner's last decision.
    pub elapsed_blocks: &'a mut u32,
}

impl StepOut<'_> {
    /// The same rows, lent to an environment inside this one.
    pub const fn lend(&mut self) -> StepOut<'_> {
        StepOut {
            obs: self.obs,
            action_mask: self.action_mask,
            final_obs: self.final_obs,
            reward: self.reward,
            terminated: self.terminated,
            truncated: self.truncated,
            elapsed_blocks: self.elapsed_blocks,
        }
    }
}

/// A world that a learner can play. Same-step autoreset: when an episode ends, `final_obs` has its
/// last observation, and `obs` and `action_mask` the first of the next.
pub trait Environment: Send {
    /// Shapes, constant over the environment's life.
    fn spec(&self) -> &Spec;
    /// Begins an episode, by number; equal numbers give equal episodes. Writes the first row.
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]);
    /// Takes an action (`[dim]`, one choice per head or numbers) and runs until the learner is due again.
    fn step(&mut self, action: &[f32], out: StepOut<'_>);
    /// The whole state as bytes, for bit-identical resume.
    fn save(&self) -> Vec<u8>;
    /// The inverse of [`Environment::save`] on an environment built alike.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    fn load(&mut self, bytes: &[u8]) -> Result<(), String>;
    /// The episode that `step` is in.
    fn episode(&self) -> u64;
    /// Whether what is decided in the present episode is to be learned from; it may only be looked at.
    fn learns(&self) -> bool {
        true
    }
    /// Figures of the episode that last ended (objective, bad debt, …), for the learner's log.
    fn episode_summary(&self) -> &[(&'static str, f64)];
}
