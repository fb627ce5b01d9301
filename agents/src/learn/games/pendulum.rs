//! A pendulum to be swung up.

use std::f64::consts::PI;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{ActionSpace, Environment, Spec, StepOut};

use super::{restore, uniform};

/// Pendulum-v1 with Gymnasium's dynamics: a torque of at most 2 N·m in steps of 50 ms, less reward the
/// further from upright, the faster and the harder; cut at 200 steps, never over.
#[derive(Clone, Debug)]
pub struct Pendulum {
    spec: Spec,
    summary: [(&'static str, f64); 1],
    state: PendulumState,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PendulumState {
    seed: u64,
    lanes: u64,
    episode: u64,
    steps: u32,
    earned: f64,
    /// Angle from upright, rad, not wrapped, and its velocity, rad/s.
    motion: [f64; 2],
}

/// Steps after which an episode of [`Pendulum`] is cut.
pub const PENDULUM_STEPS: u32 = 200;
const MOST_TORQUE: f32 = 2.0;
const MOST_SPEED: f64 = 8.0;

impl Pendulum {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        let action = ActionSpace::Continuous { low: vec![-MOST_TORQUE], high: vec![MOST_TORQUE] };
        Self {
            spec: Spec { obs_dim: 3, action },
            summary: [("return", 0.0)],
            state: PendulumState {
                seed,
                lanes,
                episode: lane,
                steps: 0,
                earned: 0.0,
                motion: [0.0; 2],
            },
        }
    }

    /// One step under a torque; the reward.
    #[must_use]
    pub fn advance(motion: &mut [f64; 2], torque: f32) -> f64 {
        const GRAVITY: f64 = 10.0;
        const STEP_SECS: f64 = 0.05;
        let [angle, speed] = *motion;
        let torque = torque.clamp(-MOST_TORQUE, MOST_TORQUE);
        let off = (angle + PI).rem_euclid(2.0 * PI) - PI;
        let cost = off * off + 0.1 * speed * speed + 0.001 * f64::from(torque * torque);
        let turned = 1.5 * GRAVITY * libm::sin(angle) + 3.0 * f64::from(torque);
        let speed = (speed + turned * STEP_SECS).clamp(-MOST_SPEED, MOST_SPEED);
        *motion = [angle + speed * STEP_SECS, speed];
        -cost
    }

    fn write(&self, obs: &mut [f32]) {
        let [angle, speed] = self.state.motion;
        obs.copy_from_slice(&[libm::cos(angle), libm::sin(angle), speed].map(|x| x as f32));
    }
}

impl Environment for Pendulum {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.state.seed);
        rng.set_stream(episode);
        self.state.episode = episode;
        self.state.steps = 0;
        self.state.earned = 0.0;
        self.state.motion = [PI, 1.0].map(|bound| bound * (2.0 * uniform(&mut rng) - 1.0));
        self.write(obs);
        action_mask.fill(1.0);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let reward = Self::advance(&mut self.state.motion, action[0]);
        self.state.steps += 1;
        self.state.earned += reward;
        *out.reward = reward as f32;
        *out.elapsed_blocks = 1;
        *out.terminated = false;
        *out.truncated = self.state.steps == PENDULUM_STEPS;
        if *out.truncated {
            self.summary[0].1 = self.state.earned;
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
