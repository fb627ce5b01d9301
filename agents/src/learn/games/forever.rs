//! A world in which cut and death differ.

use sim::environment::{Environment, Spec, StepOut};

use super::{restore, spec};

/// Reward 1 for ever, shown nothing, ended every few decisions. Cut, its value is 1/(1 − γ); dead,
/// only what the episode holds. A learner that confuses the two is caught here.
#[derive(Clone, Debug)]
pub struct Forever {
    spec: Spec,
    /// Decisions per episode.
    every: u32,
    /// The end is death, not a cut.
    deadly: bool,
    /// Blocks per decision.
    blocks: u32,
    episode: u64,
    decision: u32,
}

impl Forever {
    /// Episodes of `every` decisions of `blocks` blocks each.
    #[must_use]
    pub fn new(every: u32, deadly: bool, blocks: u32) -> Self {
        Self { spec: spec(1, &[2]), every, deadly, blocks, episode: 0, decision: 0 }
    }
}

impl Environment for Forever {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.episode = episode;
        self.decision = 0;
        obs.fill(1.0);
        action_mask.fill(1.0);
    }
    fn step(&mut self, _: &[f32], out: StepOut<'_>) {
        self.decision += 1;
        let over = self.decision == self.every;
        *out.reward = 1.0;
        *out.elapsed_blocks = self.blocks;
        *out.terminated = over && self.deadly;
        *out.truncated = over && !self.deadly;
        out.final_obs.fill(1.0);
        if over {
            self.reset(self.episode + 1, out.obs, out.action_mask);
        } else {
            out.obs.fill(1.0);
            out.action_mask.fill(1.0);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&(self.episode, self.decision)).expect("numbers always serialise")
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        (self.episode, self.decision) = restore(bytes)?;
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &[]
    }
}
