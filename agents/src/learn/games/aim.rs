//! "Aim where you look": the identity of worlds whose actions are numbers.

use serde::{Deserialize, Serialize};
use sim::environment::{ActionSpace, Spec};

use super::episodic::{Episodic, Luck, Rules};
use super::uniform;

/// Shown a number in [−1, 1]; the action, in [−2, 3], should be one and a half times it. Reward is minus
/// the squared distance; cut after 20 decisions.
pub type Aim = Episodic<AimRules>;

/// The rules of [`Aim`].
#[derive(Clone, Copy, Debug)]
pub struct AimRules;

/// The number shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target(f32);

/// Decisions per episode of [`Aim`].
pub const AIM_DECISIONS: u32 = 20;

impl Aim {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(AimRules, seed, lane, lanes)
    }
}

fn show(decision: u32, luck: Luck) -> Target {
    Target((2.0 * uniform(&mut luck.at(decision)) - 1.0) as f32)
}

impl Rules for AimRules {
    type State = Target;
    const FIGURE: &'static str = "squares";

    fn spec(&self) -> Spec {
        let action = ActionSpace::Continuous { low: vec![-2.0], high: vec![3.0] };
        Spec::new(1, action)
    }
    fn limit(&self) -> u32 {
        AIM_DECISIONS
    }
    fn begin(&self, luck: Luck) -> Target {
        show(0, luck)
    }
    fn act(&self, state: &mut Target, decision: u32, action: &[f32], luck: Luck) -> (f64, bool) {
        let off = action[0] - 1.5 * state.0;
        *state = show(decision + 1, luck);
        (f64::from(-off * off), false)
    }
    fn observe(&self, state: &Target, _: u32, obs: &mut [f32]) {
        obs[0] = state.0;
    }
    fn figure(&self, _: u32, earned: f64) -> f64 {
        -earned
    }
}
