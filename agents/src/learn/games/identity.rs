//! The identity of worlds whose actions are choices.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};

use super::{restore, spec, uniform};

/// "Say the number you see": one-hot observation of `n` states, reward 1 for the right choice; cut
/// after 100 decisions (after stable-baselines3's `IdentityEnv`). A second head, if asked for, wants
/// the same number, and may have the wrong neighbours masked.
#[derive(Clone, Debug)]
pub struct Identity {
    spec: Spec,
    states: u32,
    masked: bool,
    summary: [(&'static str, f64); 1],
    state: IdentityState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct IdentityState {
    seed: u64,
    lanes: u64,
    episode: u64,
    decision: u32,
    shown: u32,
    right: u32,
}

/// Decisions per episode of [`Identity`].
pub const IDENTITY_DECISIONS: u32 = 100;

impl Identity {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(states: u32, heads: usize, masked: bool, seed: u64, lane: u64, lanes: u64) -> Self {
        Self {
            spec: spec(states as usize, &vec![states; heads]),
            states,
            masked,
            summary: [("right", 0.0)],
            state: IdentityState { seed, lanes, episode: lane, decision: 0, shown: 0, right: 0 },
        }
    }

    fn show(&mut self, obs: &mut [f32], mask: &mut [f32]) {
        let s = &mut self.state;
        let mut rng = ChaCha8Rng::seed_from_u64(s.seed);
        rng.set_stream(s.episode);
        rng.set_word_pos(u128::from(s.decision) * 4);
        s.shown = (uniform(&mut rng) * f64::from(self.states)) as u32;
        obs.fill(0.0);
        obs[s.shown as usize] = 1.0;
        mask.fill(1.0);
        if self.masked {
            let wrong = (s.shown + 1) % self.states;
            for head in mask.chunks_exact_mut(self.states as usize) {
                head[wrong as usize] = 0.0;
            }
        }
    }
}

impl Environment for Identity {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.state.episode = episode;
        self.state.decision = 0;
        self.state.right = 0;
        self.show(obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let shown = self.state.shown;
        assert!(
            !self.masked || action.iter().all(|a| *a as u32 != (shown + 1) % self.states),
            "Invariant: a masked choice is never taken"
        );
        let right = action.iter().all(|a| *a as u32 == shown);
        *out.reward = f32::from(u8::from(right));
        *out.elapsed_blocks = 1;
        *out.terminated = false;
        self.state.right += u32::from(right);
        self.state.decision += 1;
        *out.truncated = self.state.decision == IDENTITY_DECISIONS;
        self.show(out.obs, out.action_mask);
        if *out.truncated {
            self.summary[0].1 = f64::from(self.state.right);
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
