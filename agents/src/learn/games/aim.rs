//! "Aim where you look": the identity of worlds whose actions are numbers.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{ActionSpace, Environment, Spec, StepOut};

use super::{restore, uniform};

/// Shown a number in [−1, 1]; the action, in [−2, 3], should be one and a half times it. Reward is minus
/// the squared distance; cut after 20 decisions.
#[derive(Clone, Debug)]
pub struct Aim {
    spec: Spec,
    summary: [(&'static str, f64); 1],
    state: AimState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct AimState {
    seed: u64,
    lanes: u64,
    episode: u64,
    decision: u32,
    shown: f32,
    squares: f64,
}

/// Decisions per episode of [`Aim`].
pub const AIM_DECISIONS: u32 = 20;

impl Aim {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        let action = ActionSpace::Continuous { low: vec![-2.0], high: vec![3.0] };
        Self {
            spec: Spec { obs_dim: 1, action },
            summary: [("squares", 0.0)],
            state: AimState { seed, lanes, episode: lane, decision: 0, shown: 0.0, squares: 0.0 },
        }
    }

    fn show(&mut self, obs: &mut [f32], mask: &mut [f32]) {
        let s = &mut self.state;
        let mut rng = ChaCha8Rng::seed_from_u64(s.seed);
        rng.set_stream(s.episode);
        rng.set_word_pos(u128::from(s.decision) * 4);
        s.shown = (2.0 * uniform(&mut rng) - 1.0) as f32;
        obs[0] = s.shown;
        mask[0] = 1.0;
    }
}

impl Environment for Aim {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.state.episode = episode;
        self.state.decision = 0;
        self.state.squares = 0.0;
        self.show(obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let off = action[0] - 1.5 * self.state.shown;
        *out.reward = -off * off;
        *out.elapsed_blocks = 1;
        *out.terminated = false;
        self.state.squares += f64::from(off * off);
        self.state.decision += 1;
        *out.truncated = self.state.decision == AIM_DECISIONS;
        self.show(out.obs, out.action_mask);
        if *out.truncated {
            self.summary[0].1 = self.state.squares;
            out.final_obs.copy_from_slice(out.obs);
            self.reset(self.state.episode + self.state.lanes, out.obs, out.action_mask);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.state).expect("plain numbers always serialise")
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.state = restore(bytes)?;
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.state.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}
