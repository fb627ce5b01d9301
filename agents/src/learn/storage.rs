//! A rollout as it is collected, and as tensors.

use sim::environment::{ActionSpace, Spec};
use tch::{Device, Kind, Tensor};

use super::parameters::{copy_from, floats_mut};
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

    /// Decisions `rows` `[M]` as tensors. Gathered here, row by row: a copy of all in another order would not stay in
    /// the caches.
    /// `obs` holds the observations: a batch is to be done with before the next.
    pub(super) fn batch(&self, rows: &[i64], obs: &mut Held, device: Device) -> Batch {
        let b = self.decisions();
        let gathered = |held: &mut Held, all: &[f32]| {
            let width = all.len() / b;
            let room = held.room(rows.len() * width, device);
            for (row, room) in rows.iter().zip(room.chunks_exact_mut(width.max(1))) {
                room.copy_from_slice(&all[*row as usize * width..][..width]);
            }
            held.tensor(device).view([rows.len() as i64, width as i64])
        };
        Batch {
            obs: gathered(obs, &self.obs), // [M, D]
            rows: None,
            numbers: self.numbers.then(|| Numbers {
                drawn: gathered(&mut Held::default(), &self.drawn), // [M, A]
                unread: self
                    .mask
                    .iter()
                    .any(|m| *m <= LEGAL_ABOVE)
                    .then(|| gathered(&mut Held::default(), &self.mask).le(f64::from(LEGAL_ABOVE))), // [M, A], bool
            }),
            goes_on: (!self.first_state.is_empty()).then(|| {
                let goes_on = rows.iter().map(|row| {
                    let row = *row as usize;
                    f32::from(u8::from(!self.terminated[row] && !self.truncated[row]))
                });
                Tensor::from_slice(&goes_on.collect::<Vec<_>>()).to_device(device)
            }),
        }
    }
}

/// Numbers, and a tensor that has them: made once, and again where there are more or fewer of them. On a processor they
/// are written where the tensor has them.
#[derive(Default)]
pub(super) struct Held {
    /// The numbers where the tensor lies elsewhere.
    host: Vec<f32>,
    tensor: Option<Tensor>,
}

impl Held {
    /// Room for so many numbers, whatever is in it.
    pub(super) fn room(&mut self, len: usize, device: Device) -> &mut [f32] {
        if self.tensor.as_ref().is_none_or(|tensor| tensor.numel() != len) {
            self.tensor = Some(Tensor::zeros([len as i64], (Kind::Float, device)));
        }
        match &mut self.tensor {
            Some(tensor) if device == Device::Cpu => floats_mut(tensor),
            _ => {
                self.host.resize(len, 0.0);
                &mut self.host
            }
        }
    }

    /// The numbers as they are now, `[·]`. Whoever has the tensor of before sees them too.
    pub(super) fn tensor(&mut self, device: Device) -> Tensor {
        match &mut self.tensor {
            Some(tensor) if device != Device::Cpu => copy_from(&self.host, tensor),
            Some(_) => {}
            none => *none = Some(Tensor::zeros([0], (Kind::Float, device))),
        }
        let Some(tensor) = &self.tensor else {
            unreachable!("Invariant: made if it was not there")
        };
        tensor.shallow_clone()
    }
}

/// Decisions as tensors: what is differentiated. Choices are not.
pub(super) struct Batch {
    pub(super) obs: Tensor,
    /// What rows with heads came to, once a minibatch is seen, `[M, R, S]`.
    pub(super) rows: Option<Tensor>,
    /// Where actions are numbers.
    pub(super) numbers: Option<Numbers>,
    /// With memory: 0 where the episode ended after the decision, 1 elsewhere, `[M]`.
    pub(super) goes_on: Option<Tensor>,
}

/// Numbers that were drawn.
pub(super) struct Numbers {
    /// Before they are squashed.
    pub(super) drawn: Tensor,
    /// Where one is not read; none where all are.
    pub(super) unread: Option<Tensor>,
}
