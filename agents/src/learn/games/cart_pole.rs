//! A pole on a cart.

use sim::environment::Spec;

use super::episodic::{Episodic, Luck, Rules};
use super::{spec, uniform};
use crate::learn::PpoConfig;

/// CartPole-v1 with Gymnasium's dynamics: Barto, Sutton and Anderson (1983), Euler steps of 20 ms,
/// ±10 N, over at |x| > 2.4 m or |θ| > 12°, cut at 500 steps, reward 1 a step.
pub type CartPole = Episodic<CartPoleRules>;

/// The rules of [`CartPole`]; its state is x, ẋ, θ, θ̇.
#[derive(Clone, Copy, Debug)]
pub struct CartPoleRules;

/// Steps after which an episode of [`CartPole`] is cut.
pub const CART_POLE_STEPS: u32 = 500;

impl CartPole {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(CartPoleRules, seed, lane, lanes)
    }

    /// rl-zoo's settings of PPO for CartPole-v1, for eight lanes. Its value loss, half the squared error, is not
    /// halved again as CleanRL's is.
    #[must_use]
    pub fn rl_zoo(seed: u64) -> PpoConfig {
        PpoConfig {
            seed,
            updates: 391,
            rollout_steps: 32,
            epochs: 20,
            minibatch: 256,
            learning_rate: 1e-3,
            gae_lambda: 0.8,
            gamma: 0.98,
            anneal_clip: true,
            entropy_weight: 0.0,
            value_weight: 1.0,
            normalise_observations: false,
            normalise_returns: false,
            ..PpoConfig::default()
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
}

impl Rules for CartPoleRules {
    type State = [f64; 4];
    const FIGURE: &'static str = "steps";

    fn spec(&self) -> Spec {
        spec(4, &[2])
    }
    fn limit(&self) -> u32 {
        CART_POLE_STEPS
    }
    fn begin(&self, luck: Luck) -> [f64; 4] {
        let mut rng = luck.at(0);
        [(); 4].map(|()| uniform(&mut rng) * 0.1 - 0.05)
    }
    fn act(&self, motion: &mut [f64; 4], _: u32, action: &[f32], _: Luck) -> (f64, bool) {
        (1.0, !CartPole::advance(motion, action[0] == 1.0))
    }
    fn observe(&self, motion: &[f64; 4], _: u32, obs: &mut [f32]) {
        obs.copy_from_slice(&motion.map(|m| m as f32));
    }
}
