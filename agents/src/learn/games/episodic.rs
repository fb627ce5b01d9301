//! What the small worlds have in common: episodes, noise by address, bytes of their state.

use std::fmt::Debug;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sim::environment::{Environment, Spec, StepOut};

/// The rules of a small world; [`Episodic`] makes an environment of them.
pub trait Rules: Clone + Debug + Send {
    /// What changes within an episode.
    type State: Clone + Debug + Send + Serialize + DeserializeOwned;
    /// Name of the figure that an episode is summed up by.
    const FIGURE: &'static str;

    /// Shapes.
    fn spec(&self) -> Spec;
    /// Decisions after which an episode is cut.
    fn limit(&self) -> u32;
    /// The first state of an episode.
    fn begin(&self, luck: Luck) -> Self::State;
    /// Takes an action, the `decision`-th of its episode from 0: the reward, and whether the episode ended
    /// by its own rules.
    fn act(
        &self,
        state: &mut Self::State,
        decision: u32,
        action: &[f32],
        luck: Luck,
    ) -> (f64, bool);
    /// Writes what is seen before the `decision`-th action.
    fn observe(&self, state: &Self::State, decision: u32, obs: &mut [f32]);
    /// Writes what is legal; all of it, unless the world says otherwise.
    fn mask(&self, _: &Self::State, mask: &mut [f32]) {
        mask.fill(1.0);
    }
    /// The figure of an episode of so many decisions and such a return: the return, unless the world says
    /// otherwise.
    fn figure(&self, _decisions: u32, earned: f64) -> f64 {
        earned
    }
    /// Refuses a saved state that these rules cannot have.
    ///
    /// # Errors
    /// A sentence.
    fn check(&self, _: &Self::State, _decision: u32) -> Result<(), String> {
        Ok(())
    }
}

/// The noise of an episode, by address.
#[derive(Clone, Copy, Debug)]
pub struct Luck {
    seed: u64,
    episode: u64,
}

impl Luck {
    /// The stream at a decision; two draws of 64 bits are its own.
    #[must_use]
    pub fn at(self, decision: u32) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.episode);
        rng.set_word_pos(u128::from(decision) * 4);
        rng
    }
}

/// A world by its rules: lane `lane` of `lanes` plays every `lanes`-th episode.
#[derive(Clone, Debug)]
pub struct Episodic<R: Rules> {
    pub(super) rules: R,
    spec: Spec,
    summary: [(&'static str, f64); 1],
    pub(super) at: Place<R::State>,
}

/// Where a world stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place<S> {
    seed: u64,
    lanes: u64,
    episode: u64,
    pub(super) decision: u32,
    earned: f64,
    pub(super) state: S,
}

impl<R: Rules> Episodic<R> {
    pub(super) fn from_rules(rules: R, seed: u64, lane: u64, lanes: u64) -> Self {
        let state = rules.begin(Luck { seed, episode: lane });
        Self {
            spec: rules.spec(),
            summary: [(R::FIGURE, 0.0)],
            at: Place { seed, lanes, episode: lane, decision: 0, earned: 0.0, state },
            rules,
        }
    }

    fn luck(&self) -> Luck {
        Luck { seed: self.at.seed, episode: self.at.episode }
    }
}

impl<R: Rules> Environment for Episodic<R> {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.at.episode = episode;
        self.at.decision = 0;
        self.at.earned = 0.0;
        self.at.state = self.rules.begin(self.luck());
        self.rules.observe(&self.at.state, 0, obs);
        self.rules.mask(&self.at.state, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let luck = self.luck();
        let at = &mut self.at;
        let (reward, over) = self.rules.act(&mut at.state, at.decision, action, luck);
        at.decision += 1;
        at.earned += reward;
        *out.reward = reward as f32;
        *out.elapsed_blocks = 1;
        *out.terminated = over;
        *out.truncated = !over && at.decision == self.rules.limit();
        if *out.terminated || *out.truncated {
            self.summary[0].1 = self.rules.figure(at.decision, at.earned);
            self.rules.observe(&at.state, at.decision, out.final_obs);
            self.reset(self.at.episode + self.at.lanes, out.obs, out.action_mask);
        } else {
            self.rules.observe(&at.state, at.decision, out.obs);
            self.rules.mask(&at.state, out.action_mask);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&self.at).expect("plain numbers always serialise")
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let at: Place<R::State> = super::restore(bytes)?;
        self.rules.check(&at.state, at.decision)?;
        self.at = at;
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.at.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}

/// Plays one episode of any world, from its beginning to its end: `act` writes an action, given an observation
/// and its mask. Returns the sum of rewards.
pub fn play<E: Environment>(
    world: &mut E,
    episode: u64,
    mut act: impl FnMut(&[f32], &[f32], &mut [f32]),
) -> f64 {
    let spec = world.spec().clone();
    let (mut obs, mut final_obs) = (vec![0.0; spec.obs_dim], vec![0.0; spec.obs_dim]);
    let mut mask = vec![0.0; spec.action.logits()];
    let mut action = vec![0.0; spec.action.dim()];
    world.reset(episode, &mut obs, &mut mask);
    let mut total = 0.0;
    loop {
        act(&obs, &mask, &mut action);
        let (mut reward, mut terminated, mut truncated, mut elapsed_blocks) =
            (0.0, false, false, 0);
        world.step(
            &action,
            StepOut {
                obs: &mut obs,
                action_mask: &mut mask,
                final_obs: &mut final_obs,
                reward: &mut reward,
                terminated: &mut terminated,
                truncated: &mut truncated,
                elapsed_blocks: &mut elapsed_blocks,
            },
        );
        total += f64::from(reward);
        if terminated || truncated {
            return total;
        }
    }
}
