//! An environment: anything with observations, masks and rewards can be stepped by the learner's lanes.

use ballast::sim::environment::{ActionSpace, Environment, Spec, StepOut};

/// A corridor: step left or right; the right end pays one and ends the episode.
#[derive(Debug)]
pub(crate) struct Corridor {
    spec: Spec,
    length: u32,
    at: u32,
    episode: u64,
}

impl Corridor {
    /// A corridor of this many places.
    pub(crate) fn new(length: u32) -> Self {
        let action = ActionSpace::MultiDiscrete { heads: vec![2] };
        Self { spec: Spec::new(1, action), length, at: 0, episode: 0 }
    }
    fn write(&self, obs: &mut [f32], mask: &mut [f32]) {
        obs[0] = self.at as f32 / self.length as f32;
        mask[0] = if self.at > 0 { 1.0 } else { 0.0 };
        mask[1] = 1.0;
    }
}

impl Environment for Corridor {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.episode = episode;
        self.at = 0;
        self.write(obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        self.at = if action[0] > 0.5 { self.at + 1 } else { self.at.saturating_sub(1) };
        let end = self.at == self.length;
        *out.reward = if end { 1.0 } else { 0.0 };
        *out.terminated = end;
        *out.truncated = false;
        *out.elapsed_blocks = 1;
        if end {
            out.final_obs[0] = 1.0;
            self.at = 0;
            self.episode += 1;
        }
        self.write(out.obs, out.action_mask);
    }
    fn save(&self) -> Vec<u8> {
        [u64::from(self.at), self.episode].iter().flat_map(|v| v.to_le_bytes()).collect()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (words, rest) = bytes.as_chunks::<8>();
        let ([at, episode], []) = (words, rest) else { return Err("not a corridor".to_owned()) };
        self.at = u64::from_le_bytes(*at) as u32;
        self.episode = u64::from_le_bytes(*episode);
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &[]
    }
}
