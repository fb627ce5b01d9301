//! Many worlds stepped together into the trainer's own buffers.

use crate::environment::{Environment, Spec, StepOut};
use rayon::prelude::*;

/// One set of rows per lane; row `i` of each is lane `i`'s.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepBuffers {
    /// `[lanes, obs_dim]`: the next observation.
    pub obs: Vec<f32>,
    /// `[lanes, logits]`: legal choices of the next action.
    pub action_mask: Vec<f32>,
    /// `[lanes, obs_dim]`: the last observation of the episode that ended; stale elsewhere.
    pub final_obs: Vec<f32>,
    /// `[lanes]`: reward since the last decision.
    pub reward: Vec<f32>,
    /// `[lanes]`: the episode ended by its own rules.
    pub terminated: Vec<bool>,
    /// `[lanes]`: the episode was cut.
    pub truncated: Vec<bool>,
    /// `[lanes]`: blocks since the last decision.
    pub elapsed_blocks: Vec<u32>,
}

impl StepBuffers {
    /// Zeroed buffers.
    #[must_use]
    pub fn new(lanes: usize, spec: &Spec) -> Self {
        Self {
            obs: vec![0.0; lanes * spec.obs_dim],
            action_mask: vec![0.0; lanes * spec.action.logits()],
            final_obs: vec![0.0; lanes * spec.obs_dim],
            reward: vec![0.0; lanes],
            terminated: vec![false; lanes],
            truncated: vec![false; lanes],
            elapsed_blocks: vec![0; lanes],
        }
    }
}

/// Lanes of one kind. Results are in lane order whatever the number of threads.
#[derive(Debug)]
pub struct Lanes<E: Environment> {
    lanes: Vec<E>,
    spec: Spec,
    buffers: StepBuffers,
    parallel: bool,
}

impl<E: Environment> Lanes<E> {
    /// Takes the lanes. `parallel` steps them on the current rayon pool (run inside
    /// `ThreadPool::install` to choose it); else they step one after the other on this thread.
    ///
    /// # Panics
    /// Where there is no lane, or their shapes differ.
    #[must_use]
    pub fn new(lanes: Vec<E>, parallel: bool) -> Self {
        let spec = lanes.first().expect("there is at least one lane").spec().clone();
        assert!(lanes.iter().all(|l| *l.spec() == spec), "Invariant: lanes have one shape");
        let buffers = StepBuffers::new(lanes.len(), &spec);
        Self { lanes, spec, buffers, parallel }
    }

    /// Shapes of every lane.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }
    /// Number of lanes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lanes.len()
    }
    /// Never: there is at least one lane.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }
    /// What the last step or reset wrote.
    #[must_use]
    pub const fn buffers(&self) -> &StepBuffers {
        &self.buffers
    }
    /// Overwrites the buffers: resuming from a checkpoint.
    pub const fn buffers_mut(&mut self) -> &mut StepBuffers {
        &mut self.buffers
    }
    /// The lanes, in order.
    #[must_use]
    pub fn lanes(&self) -> &[E] {
        &self.lanes
    }
    /// Whether a step goes over the lanes on the rayon pool.
    #[must_use]
    pub const fn is_parallel(&self) -> bool {
        self.parallel
    }
    /// The lanes, in order, without their buffers.
    #[must_use]
    pub fn into_lanes(self) -> Vec<E> {
        self.lanes
    }
    /// The lanes, in order, to be looked at or loaded.
    pub fn lanes_mut(&mut self) -> &mut [E] {
        &mut self.lanes
    }

    /// Begins episode `episodes(i)` in lane `i` and writes the first rows.
    pub fn reset(&mut self, episodes: impl Fn(usize) -> u64 + Sync) {
        let (obs, mask) = (self.spec.obs_dim, self.spec.action.logits());
        let rows = self.buffers.obs.chunks_exact_mut(obs);
        let rows = rows.zip(self.buffers.action_mask.chunks_exact_mut(mask));
        for (i, (lane, (obs, mask))) in self.lanes.iter_mut().zip(rows).enumerate() {
            lane.reset(episodes(i), obs, mask);
        }
        self.buffers.terminated.fill(false);
        self.buffers.truncated.fill(false);
        self.buffers.reward.fill(0.0);
        self.buffers.elapsed_blocks.fill(0);
    }

    /// Takes one action per lane, `[lanes, dim]`, and runs each lane until its learner is due.
    ///
    /// # Panics
    /// Where `actions` has another length.
    pub fn step(&mut self, actions: &[f32]) {
        let (dim, obs, mask) =
            (self.spec.action.dim(), self.spec.obs_dim, self.spec.action.logits());
        assert_eq!(actions.len(), self.lanes.len() * dim, "Invariant: one action per lane");
        let StepBuffers {
            obs: obs_rows,
            action_mask,
            final_obs,
            reward,
            terminated,
            truncated,
            elapsed_blocks,
        } = &mut self.buffers;
        if self.parallel {
            self.lanes
                .par_iter_mut()
                .zip(actions.par_chunks_exact(dim))
                .zip(obs_rows.par_chunks_exact_mut(obs))
                .zip(action_mask.par_chunks_exact_mut(mask))
                .zip(final_obs.par_chunks_exact_mut(obs))
                .zip(reward.par_iter_mut())
                .zip(terminated.par_iter_mut())
                .zip(truncated.par_iter_mut())
                .zip(elapsed_blocks.par_iter_mut())
                .for_each(|((((((((lane, action), o), m), f), r), te), tr), el)| {
                    let out = StepOut {
                        obs: o,
                        action_mask: m,
                        final_obs: f,
                        reward: r,
                        terminated: te,
                        truncated: tr,
                        elapsed_blocks: el,
                    };
                    lane.step(action, out);
                });
            return;
        }
        for (i, lane) in self.lanes.iter_mut().enumerate() {
            let out = StepOut {
                obs: &mut obs_rows[i * obs..(i + 1) * obs],
                action_mask: &mut action_mask[i * mask..(i + 1) * mask],
                final_obs: &mut final_obs[i * obs..(i + 1) * obs],
                reward: &mut reward[i],
                terminated: &mut terminated[i],
                truncated: &mut truncated[i],
                elapsed_blocks: &mut elapsed_blocks[i],
            };
            lane.step(&actions[i * dim..(i + 1) * dim], out);
        }
    }
}
