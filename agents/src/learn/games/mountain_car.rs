//! A car in a valley.

use sim::environment::Spec;

use super::episodic::{Episodic, Luck, Rules};
use super::{spec, uniform};

/// MountainCar-v0 with Gymnasium's dynamics (Moore, 1990): an engine too weak for the slope, reward −1 a step
/// until the flag, cut at 200 steps. Whoever does not stumble on the flag learns nothing.
pub type MountainCar = Episodic<MountainCarRules>;

/// The rules of [`MountainCar`]; its state is position and velocity.
#[derive(Clone, Copy, Debug)]
pub struct MountainCarRules;

/// Steps after which an episode of [`MountainCar`] is cut.
pub const MOUNTAIN_CAR_STEPS: u32 = 200;

impl MountainCar {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(MountainCarRules, seed, lane, lanes)
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
}

impl Rules for MountainCarRules {
    type State = [f64; 2];
    const FIGURE: &'static str = "steps";

    fn spec(&self) -> Spec {
        spec(2, &[3])
    }
    fn limit(&self) -> u32 {
        MOUNTAIN_CAR_STEPS
    }
    fn begin(&self, luck: Luck) -> [f64; 2] {
        [uniform(&mut luck.at(0)) * 0.2 - 0.6, 0.0]
    }
    fn act(&self, motion: &mut [f64; 2], _: u32, action: &[f32], _: Luck) -> (f64, bool) {
        (-1.0, !MountainCar::advance(motion, action[0] as usize))
    }
    fn observe(&self, motion: &[f64; 2], _: u32, obs: &mut [f32]) {
        obs.copy_from_slice(&motion.map(|m| m as f32));
    }
    fn figure(&self, decisions: u32, _: f64) -> f64 {
        f64::from(decisions)
    }
}
