//! Worlds beside which a twin is played: the same luck, and the learner does nothing. The reward is the difference of the
//! two.
//!
//! What a world does by itself (prices, who comes, who attacks) is most of the spread of its rewards, and no action is to
//! blame for it. The twin's rewards depend on the luck alone, so taking them away leaves the gradient of the expected
//! return as it is and takes that spread out of its estimate: an input-dependent baseline (Mao et al., 2019,
//! arXiv:1807.02264), with the inputs played again in place of learned. Holding is then worth exactly 0, in every world.

use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};
use sim::lanes::Lanes;

/// An environment and its twin. All but the reward is the environment's own.
#[derive(Debug)]
pub struct Twinned<E: Environment> {
    own: E,
    /// One lane, with what it returns.
    twin: Lanes<E>,
    /// What the twin does at every decision, `[dim]`.
    hold: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    own: Vec<u8>,
    twin: Vec<u8>,
}

impl<E: Environment> Twinned<E> {
    /// Pairs lanes with `twins` that are built alike; `hold` is the action `[dim]` that moves nothing.
    ///
    /// # Panics
    /// Where they are not as many.
    #[must_use]
    pub fn lanes(own: Lanes<E>, twins: Lanes<E>, hold: &[f32]) -> Lanes<Self> {
        assert_eq!(own.len(), twins.len(), "Invariant: each lane has a twin");
        let pair = |(own, twin)| {
            let twin = Lanes::new(vec![twin], false);
            Self { own, twin, hold: hold.to_vec() }
        };
        let parallel = own.is_parallel();
        Lanes::new(
            own.into_lanes().into_iter().zip(twins.into_lanes()).map(pair).collect(),
            parallel,
        )
    }

    /// The environment and its twin.
    pub fn both(&self) -> [&E; 2] {
        [&self.own, &self.twin.lanes()[0]]
    }
}

impl<E: Environment> Environment for Twinned<E> {
    fn spec(&self) -> &Spec {
        self.own.spec()
    }

    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.twin.reset(|_| episode);
        self.own.reset(episode, obs, action_mask);
    }

    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        self.own.step(action, out.lend());
        self.twin.step(&self.hold);
        *out.reward -= self.twin.buffers().reward[0];
    }

    fn save(&self) -> Vec<u8> {
        let [own, twin] = self.both().map(E::save);
        let saved = Saved { own, twin };
        postcard::to_stdvec(&saved).expect("bytes always serialise")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(bytes)
            .map_err(|e| format!("not the state of an environment and its twin: {e}"))?;
        self.own.load(&saved.own)?;
        self.twin.lanes_mut()[0].load(&saved.twin)
    }

    fn episode(&self) -> u64 {
        self.own.episode()
    }

    fn learns(&self) -> bool {
        self.own.learns()
    }

    fn episode_summary(&self) -> &[(&'static str, f64)] {
        self.own.episode_summary()
    }
}
