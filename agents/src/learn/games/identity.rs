//! The identity of worlds whose actions are choices.

use serde::{Deserialize, Serialize};
use sim::environment::Spec;

use super::episodic::{Episodic, Luck, Rules};
use super::{spec, uniform};

/// "Say the number you see": one-hot observation of `n` states, reward 1 for the right choice; cut
/// after 100 decisions (after stable-baselines3's `IdentityEnv`). A second head, if asked for, wants
/// the same number, and may have the wrong neighbours masked.
pub type Identity = Episodic<IdentityRules>;

/// The rules of [`Identity`].
#[derive(Clone, Debug)]
pub struct IdentityRules {
    states: u32,
    heads: usize,
    masked: bool,
}

/// The number shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shown(u32);

/// Decisions per episode of [`Identity`].
pub const IDENTITY_DECISIONS: u32 = 100;

impl Identity {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(states: u32, heads: usize, masked: bool, seed: u64, lane: u64, lanes: u64) -> Self {
        Self::from_rules(IdentityRules { states, heads, masked }, seed, lane, lanes)
    }
}

impl IdentityRules {
    fn show(&self, decision: u32, luck: Luck) -> Shown {
        Shown((uniform(&mut luck.at(decision)) * f64::from(self.states)) as u32)
    }
    fn wrong(&self, shown: u32) -> u32 {
        (shown + 1) % self.states
    }
}

impl Rules for IdentityRules {
    type State = Shown;
    const FIGURE: &'static str = "right";

    fn spec(&self) -> Spec {
        spec(self.states as usize, &vec![self.states; self.heads])
    }
    fn limit(&self) -> u32 {
        IDENTITY_DECISIONS
    }
    fn begin(&self, luck: Luck) -> Shown {
        self.show(0, luck)
    }
    fn act(&self, state: &mut Shown, decision: u32, action: &[f32], luck: Luck) -> (f64, bool) {
        let Shown(shown) = *state;
        assert!(
            !self.masked || action.iter().all(|a| *a as u32 != self.wrong(shown)),
            "Invariant: a masked choice is never taken"
        );
        let right = action.iter().all(|a| *a as u32 == shown);
        *state = self.show(decision + 1, luck);
        (f64::from(u8::from(right)), false)
    }
    fn observe(&self, state: &Shown, _: u32, obs: &mut [f32]) {
        obs.fill(0.0);
        obs[state.0 as usize] = 1.0;
    }
    fn mask(&self, state: &Shown, mask: &mut [f32]) {
        mask.fill(1.0);
        if self.masked {
            for head in mask.chunks_exact_mut(self.states as usize) {
                head[self.wrong(state.0) as usize] = 0.0;
            }
        }
    }
    fn check(&self, state: &Shown, _: u32) -> Result<(), String> {
        if state.0 < self.states { Ok(()) } else { Err("no such number is shown".into()) }
    }
}
