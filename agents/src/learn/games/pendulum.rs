//! A pendulum to be swung up.

use std::f64::consts::PI;

use sim::environment::{ActionSpace, Spec};

use super::episodic::{Episodic, Luck, Rules};
use super::uniform;

/// Pendulum-v1 with Gymnasium's dynamics: a torque of at most 2 N·m in steps of 50 ms, less reward the
/// further from upright, the faster and the harder; cut at 200 steps, never over.
pub type Pendulum = Episodic<PendulumRules>;

/// The rules of [`Pendulum`]; its state is the angle from upright, rad, not wrapped, and its velocity, rad/s.
#[derive(Clone, Copy, Debug)]
pub struct PendulumRules;

/// Steps after which an episode of [`Pendulum`] is cut.
pub const PENDULUM_STEPS: u32 = 200;
const MOST_TORQUE: f32 = 2.0;
const MOST_SPEED: f64 = 8.0;

impl Pendulum {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(PendulumRules, seed, lane, lanes)
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
}

impl Rules for PendulumRules {
    type State = [f64; 2];
    const FIGURE: &'static str = "return";

    fn spec(&self) -> Spec {
        let action = ActionSpace::Continuous { low: vec![-MOST_TORQUE], high: vec![MOST_TORQUE] };
        Spec::new(3, action)
    }
    fn limit(&self) -> u32 {
        PENDULUM_STEPS
    }
    fn begin(&self, luck: Luck) -> [f64; 2] {
        let mut rng = luck.at(0);
        [PI, 1.0].map(|bound| bound * (2.0 * uniform(&mut rng) - 1.0))
    }
    fn act(&self, motion: &mut [f64; 2], _: u32, action: &[f32], _: Luck) -> (f64, bool) {
        (Pendulum::advance(motion, action[0]), false)
    }
    fn observe(&self, [angle, speed]: &[f64; 2], _: u32, obs: &mut [f32]) {
        obs.copy_from_slice(&[libm::cos(*angle), libm::sin(*angle), *speed].map(|x| x as f32));
    }
}
