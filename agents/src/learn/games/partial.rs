//! A world of which only a part is seen.

use sim::environment::{Environment, Spec, StepOut};

/// Another world with some values of its observation left out: CartPole without its velocities, say.
#[derive(Clone, Debug)]
pub struct Partial<E> {
    inner: E,
    spec: Spec,
    /// Which of the inner world's values are seen.
    seen: Vec<usize>,
    whole: Vec<f32>,
    whole_final: Vec<f32>,
}

impl<E: Environment> Partial<E> {
    /// `inner`, of whose observation only the values at `seen` are left, in that order.
    ///
    /// # Panics
    /// Where `seen` names a value that is not there.
    #[must_use]
    pub fn new(inner: E, seen: &[usize]) -> Self {
        let whole = inner.spec();
        assert!(seen.iter().all(|i| *i < whole.obs_dim), "Invariant: values that are there");
        Self {
            spec: Spec::new(seen.len(), whole.action.clone()),
            seen: seen.to_vec(),
            whole: vec![0.0; whole.obs_dim],
            whole_final: vec![0.0; whole.obs_dim],
            inner,
        }
    }
}

fn pick(seen: &[usize], whole: &[f32], out: &mut [f32]) {
    for (value, i) in out.iter_mut().zip(seen) {
        *value = whole[*i];
    }
}

impl<E: Environment> Environment for Partial<E> {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.inner.reset(episode, &mut self.whole, action_mask);
        pick(&self.seen, &self.whole, obs);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let StepOut { obs, final_obs, action_mask, reward, terminated, truncated, elapsed_blocks } =
            out;
        self.inner.step(
            action,
            StepOut {
                obs: &mut self.whole,
                final_obs: &mut self.whole_final,
                action_mask,
                reward,
                terminated: &mut *terminated,
                truncated: &mut *truncated,
                elapsed_blocks,
            },
        );
        pick(&self.seen, &self.whole, obs);
        if *terminated || *truncated {
            pick(&self.seen, &self.whole_final, final_obs);
        }
    }
    fn save(&self) -> Vec<u8> {
        self.inner.save()
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.inner.load(bytes)
    }
    fn episode(&self) -> u64 {
        self.inner.episode()
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        self.inner.episode_summary()
    }
}
