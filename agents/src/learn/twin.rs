//! Worlds beside which a twin is played: the same luck, and the learner does nothing. The reward is the difference of the
//! two.
//!
//! What a world does by itself (prices, who comes, who attacks) is most of the spread of its rewards, and no action is to
//! blame for it. The twin's rewards depend on the luck alone, so taking them away leaves the gradient of the expected
//! return as it is and takes that spread out of its estimate: an input-dependent baseline (Mao et al., 2019,
//! arXiv:1807.02264), with the inputs played again in place of learned. Holding is then worth exactly 0, in every world.

use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};
use sim::lanes::{Lanes, StepBuffers};

/// An environment and its twin. All but the reward is the environment's own.
#[derive(Debug)]
pub struct Twinned<E: Environment> {
    own: E,
    twin: E,
    /// What the twin does at every decision, `[dim]`.
    hold: Vec<f32>,
    /// What it returns.
    out: StepBuffers,
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
        let out = StepBuffers::new(1, own.spec());
        let pair = |(own, twin)| Self { own, twin, hold: hold.to_vec(), out: out.clone() };
        let parallel = own.is_parallel();
        Lanes::new(
            own.into_lanes().into_iter().zip(twins.into_lanes()).map(pair).collect(),
            parallel,
        )
    }

    /// The environment and its twin.
    pub const fn both(&self) -> [&E; 2] {
        [&self.own, &self.twin]
    }
}

impl<E: Environment> Environment for Twinned<E> {
    fn spec(&self) -> &Spec {
        self.own.spec()
    }

    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.twin.reset(episode, &mut self.out.obs, &mut self.out.action_mask);
        self.own.reset(episode, obs, action_mask);
    }

    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let StepOut { obs, action_mask, final_obs, reward, terminated, truncated, elapsed_blocks } =
            out;
        let mine = StepOut {
            obs,
            action_mask,
            final_obs,
            reward: &mut *reward,
            terminated,
            truncated,
            elapsed_blocks,
        };
        self.own.step(action, mine);
        let twins = &mut self.out;
        let its = StepOut {
            obs: &mut twins.obs,
            action_mask: &mut twins.action_mask,
            final_obs: &mut twins.final_obs,
            reward: &mut twins.reward[0],
            terminated: &mut twins.terminated[0],
            truncated: &mut twins.truncated[0],
            elapsed_blocks: &mut twins.elapsed_blocks[0],
        };
        self.twin.step(&self.hold, its);
        *reward -= self.out.reward[0];
    }

    fn save(&self) -> Vec<u8> {
        let saved = Saved { own: self.own.save(), twin: self.twin.save() };
        postcard::to_stdvec(&saved).expect("bytes always serialise")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let saved: Saved = postcard::from_bytes(bytes)
            .map_err(|e| format!("not the state of an environment and its twin: {e}"))?;
        self.own.load(&saved.own)?;
        self.twin.load(&saved.twin)
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
