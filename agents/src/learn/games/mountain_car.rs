//! A car in a valley.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};

use super::{restore, spec, uniform};

/// MountainCar-v0 with Gymnasium's dynamics (Moore, 1990): an engine too weak for the slope, reward −1 a step
/// until the flag, cut at 200 steps. Whoever does not stumble on the flag learns nothing.
#[derive(Clone, Debug)]
pub struct MountainCar {
    spec: Spec,
    summary: [(&'static str, f64); 1],
    state: MountainCarState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct MountainCarState {
    seed: u64,
    lanes: u64,
    episode: u64,
    steps: u32,
    /// Position and velocity.
    motion: [f64; 2],
}

/// Steps after which an episode of [`MountainCar`] is cut.
pub const MOUNTAIN_CAR_STEPS: u32 = 200;

impl MountainCar {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self {
            spec: spec(2, &[3]),
            summary: [("steps", 0.0)],
            state: MountainCarState { seed, lanes, episode: lane, steps: 0, motion: [0.0; 2] },
        }
    }

    /// One step under `push` 0 (left), 1 (none) or 2 (right); whether the flag is still ahead.
    #[must_use]
    pub fn advance(motion: &mut [f64; 2], push: usize) -> bool {
        let [position, velocity] = *motion;
        let pull = -0.0025 * libm::cos(3.0 * position);
        let velocity = (velocity + ((push as f64 - 1.0) * 0.001 + pull)).clamp(-0.07, 0.07);
        let position = (position + velocity).clamp(-1.2, 0.6);
        let stopped = position == -1.2 && velocity < 0.0;
        *motion = [position, if stopped { 0.0 } else { velocity }];
        !(position >= 0.5 && motion[1] >= 0.0)
    }

    fn write(&self, obs: &mut [f32]) {
        for (o, m) in obs.iter_mut().zip(&self.state.motion) {
            *o = *m as f32;
        }
    }
}

impl Environment for MountainCar {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.state.seed);
        rng.set_stream(episode);
        self.state.episode = episode;
        self.state.steps = 0;
        self.state.motion = [uniform(&mut rng) * 0.2 - 0.6, 0.0];
        self.write(obs);
        action_mask.fill(1.0);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let ahead = Self::advance(&mut self.state.motion, action[0] as usize);
        self.state.steps += 1;
        *out.reward = -1.0;
        *out.elapsed_blocks = 1;
        *out.terminated = !ahead;
        *out.truncated = ahead && self.state.steps == MOUNTAIN_CAR_STEPS;
        if *out.terminated || *out.truncated {
            self.summary[0].1 = f64::from(self.state.steps);
            self.write(out.final_obs);
            self.reset(self.state.episode + self.state.lanes, out.obs, out.action_mask);
        } else {
            self.write(out.obs);
            out.action_mask.fill(1.0);
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
