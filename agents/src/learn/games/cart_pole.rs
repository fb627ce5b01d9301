//! A pole on a cart.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};

use super::{restore, spec, uniform};

/// CartPole-v1 with Gymnasium's dynamics: Barto, Sutton and Anderson (1983), Euler steps of 20 ms,
/// ±10 N, over at |x| > 2.4 m or |θ| > 12°, cut at 500 steps, reward 1 a step.
#[derive(Clone, Debug)]
pub struct CartPole {
    spec: Spec,
    summary: [(&'static str, f64); 1],
    state: CartPoleState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CartPoleState {
    seed: u64,
    lanes: u64,
    episode: u64,
    steps: u32,
    /// x, ẋ, θ, θ̇.
    motion: [f64; 4],
}

/// Steps after which an episode of [`CartPole`] is cut.
pub const CART_POLE_STEPS: u32 = 500;

impl CartPole {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self {
            spec: spec(4, &[2]),
            summary: [("steps", 0.0)],
            state: CartPoleState { seed, lanes, episode: lane, steps: 0, motion: [0.0; 4] },
        }
    }

    /// One Euler step under a force to the right or left; whether the pole is still up.
    #[must_use]
    pub fn advance(motion: &mut [f64; 4], right: bool) -> bool {
        const GRAVITY: f64 = 9.8;
        const POLE_MASS: f64 = 0.1;
        const TOTAL_MASS: f64 = 1.1;
        const HALF_LENGTH: f64 = 0.5;
        const FORCE: f64 = 10.0;
        const STEP_SECS: f64 = 0.02;
        const TILT_LIMIT: f64 = 12.0 * 2.0 * std::f64::consts::PI / 360.0;
        let [x, speed, tilt, turn] = *motion;
        let force = if right { FORCE } else { -FORCE };
        let (sin, cos) = (libm::sin(tilt), libm::cos(tilt));
        let push = (force + POLE_MASS * HALF_LENGTH * turn * turn * sin) / TOTAL_MASS;
        let turn_rate = (GRAVITY * sin - cos * push)
            / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * cos * cos / TOTAL_MASS));
        let speed_rate = push - POLE_MASS * HALF_LENGTH * turn_rate * cos / TOTAL_MASS;
        *motion = [
            x + STEP_SECS * speed,
            speed + STEP_SECS * speed_rate,
            tilt + STEP_SECS * turn,
            turn + STEP_SECS * turn_rate,
        ];
        motion[0].abs() <= 2.4 && motion[2].abs() <= TILT_LIMIT
    }

    fn write(&self, obs: &mut [f32]) {
        for (o, m) in obs.iter_mut().zip(&self.state.motion) {
            *o = *m as f32;
        }
    }
}

impl Environment for CartPole {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.state.seed);
        rng.set_stream(episode);
        self.state.episode = episode;
        self.state.steps = 0;
        self.state.motion = [(); 4].map(|()| uniform(&mut rng) * 0.1 - 0.05);
        self.write(obs);
        action_mask.fill(1.0);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let up = Self::advance(&mut self.state.motion, action[0] == 1.0);
        self.state.steps += 1;
        *out.reward = 1.0;
        *out.elapsed_blocks = 1;
        *out.terminated = !up;
        *out.truncated = up && self.state.steps == CART_POLE_STEPS;
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
