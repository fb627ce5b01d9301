//! A rollout as it is collected, and as tensors.

use sim::environment::{ActionSpace, Spec};
use tch::{Device, Tensor};

use crate::frozen::LEGAL_ABOVE;

/// A rollout, decision after decision, lane after lane.
pub(super) struct Storage {
    pub(super) steps: usize,
    pub(super) lanes: usize,
    pub(super) obs: Vec<f32>,          // [T, N, D], normalised
    pub(super) mask: Vec<f32>,         // [T, N, L]
    pub(super) drawn: Vec<f32>,        // [T, N, K]: choices, or numbers before they are squashed
    pub(super) taught: Vec<f32>,       // [T, N, K], what a teacher would choose; empty without one
    pub(super) log_probs: Vec<f32>,    // [T, N]
    pub(super) values: Vec<f32>,       // [T, N]
    pub(super) rewards: Vec<f64>,      // [T, N]
    pub(super) discounts: Vec<f64>,    // [T, N]
    pub(super) terminated: Vec<bool>,  // [T, N]
    pub(super) truncated: Vec<bool>,   // [T, N], and not terminated
    pub(super) learned: Vec<bool>,     // [T, N], whether it is learned from
    pub(super) final_values: Vec<f32>, // [T, N], where truncated
    pub(super) last_values: Vec<f32>,  // [N]
    pub(super) first_state: Vec<f32>,  // [N, H], remembered before the first decision
    /// Actions are numbers, not choices.
    numbers: bool,
}

/// The part of a [`Storage`] that one decision of all lanes fills.
pub(super) struct StorageRow<'a> {
    pub(super) obs: &'a mut [f32],
    pub(super) mask: &'a mut [f32],
    pub(super) drawn: &'a mut [f32],
    pub(super) taught: &'a mut [f32],
    pub(super) log_probs: &'a mut [f32],
    pub(super) values: &'a mut [f32],
    pub(super) rewards: &'a mut [f64],
    pub(super) discounts: &'a mut [f64],
    pub(super) terminated: &'a mut [bool],
    pub(super) truncated: &'a mut [bool],
    pub(super) learned: &'a mut [bool],
    pub(super) final_values: &'a mut [f32],
}

impl Storage {
    pub(super) fn new(steps: usize, lanes: usize, memory: usize, spec: &Spec) -> Self {
        let b = steps * lanes;
        Self {
            steps,
            lanes,
            obs: vec![0.0; b * spec.obs_dim],
            mask: vec![0.0; b * spec.action.logits()],
            drawn: vec![0.0; b * spec.action.dim()],
            taught: Vec::new(),
            log_probs: vec![0.0; b],
            values: vec![0.0; b],
            rewards: vec![0.0; b],
            discounts: vec![0.0; b],
            terminated: vec![false; b],
            truncated: vec![false; b],
            learned: vec![true; b],
            final_values: vec![0.0; b],
            last_values: vec![0.0; lanes],
            first_state: vec![0.0; lanes * memory],
            numbers: matches!(spec.action, ActionSpace::Continuous { .. }),
        }
    }

    pub(super) fn decisions(&self) -> usize {
        self.steps * self.lanes
    }

    pub(super) fn row(&mut self, t: usize) -> StorageRow<'_> {
        let steps = self.steps;
        fn part<T>(values: &mut [T], steps: usize, t: usize) -> &mut [T] {
            let width = values.len() / steps;
            &mut values[t * width..(t + 1) * width]
        }
        StorageRow {
            obs: part(&mut self.obs, steps, t),
            mask: part(&mut self.mask, steps, t),
            drawn: part(&mut self.drawn, steps, t),
            taught: part(&mut self.taught, steps, t),
            log_probs: part(&mut self.log_probs, steps, t),
            values: part(&mut self.values, steps, t),
            rewards: part(&mut self.rewards, steps, t),
            discounts: part(&mut self.discounts, steps, t),
            terminated: part(&mut self.terminated, steps, t),
            truncated: part(&mut self.truncated, steps, t),
            learned: part(&mut self.learned, steps, t),
            final_values: part(&mut self.final_values, steps, t),
        }
    }

    pub(super) fn batch(&self, device: Device) -> Batch {
        let b = self.decisions() as i64;
        let matrix = |v: &[f32]| Tensor::from_slice(v).view([b, -1]).to_device(device);
        let unread = |m: &f32| *m <= LEGAL_ABOVE;
        Batch {
            obs: matrix(&self.obs), // [B, D]
            rows: None,
            numbers: self.numbers.then(|| Numbers {
                drawn: matrix(&self.drawn), // [B, A]
                unread: self
                    .mask
                    .iter()
                    .any(unread)
                    .then(|| matrix(&self.mask).le(f64::from(LEGAL_ABOVE))), // [B, A], bool
            }),
            goes_on: (!self.first_state.is_empty()).then(|| {
                let ends = self.terminated.iter().zip(&self.truncated);
                let goes_on: Vec<f32> =
                    ends.map(|(dead, cut)| f32::from(u8::from(!dead && !cut))).collect();
                Tensor::from_slice(&goes_on).to_device(device)
            }),
        }
    }
}

/// A rollout, or a minibatch of it, as tensors: what is differentiated. Choices are not.
pub(super) struct Batch {
    pub(super) obs: Tensor,
    /// What rows with heads came to, once a minibatch is seen, `[M, R, S]`.
    pub(super) rows: Option<Tensor>,
    /// Where actions are numbers.
    pub(super) numbers: Option<Numbers>,
    /// With memory: 0 where the episode ended after the decision, 1 elsewhere, `[B]`.
    pub(super) goes_on: Option<Tensor>,
}

/// Numbers that were drawn.
pub(super) struct Numbers {
    /// Before they are squashed.
    pub(super) drawn: Tensor,
    /// Where one is not read; none where all are.
    pub(super) unread: Option<Tensor>,
}

impl Batch {
    /// Rows `[M]` of `[B, …]`.
    pub(super) fn select(&self, rows: &Tensor) -> Self {
        self.part(|tensor| tensor.index_select(0, rows))
    }

    /// `length` rows from `start` on, as views.
    pub(super) fn narrow(&self, start: usize, length: usize) -> Self {
        self.part(|tensor| tensor.narrow(0, start as i64, length as i64))
    }

    fn part(&self, part: impl Fn(&Tensor) -> Tensor) -> Self {
        Self {
            obs: part(&self.obs),
            rows: self.rows.as_ref().map(&part),
            numbers: self.numbers.as_ref().map(|numbers| Numbers {
                drawn: part(&numbers.drawn),
                unread: numbers.unread.as_ref().map(&part),
            }),
            goes_on: self.goes_on.as_ref().map(&part),
        }
    }
}
