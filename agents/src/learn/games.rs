//! Small known worlds that a learner must solve, or fail, in a known way.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::environment::{ActionSpace, Environment, Spec, StepOut};

use super::noise::uniform;

mod aim;
mod partial;
pub use aim::{AIM_DECISIONS, Aim};
pub use partial::Partial;

fn spec(obs_dim: usize, heads: &[u32]) -> Spec {
    Spec { obs_dim, action: ActionSpace::MultiDiscrete { heads: heads.to_vec() } }
}

/// Loads what postcard saved.
fn restore<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, String> {
    postcard::from_bytes(bytes).map_err(|e| e.to_string())
}

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
