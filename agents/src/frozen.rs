//! A trained policy in plain Rust: normalise, network, then mask and argmax, or each number squashed into its
//! bounds. No libtorch, no allocation per decision, and the same bits on every machine (sums run in index order, `tanh` is libm's).
//!
//! Evaluation, replay and exploitability use this, never the learner's own network.

use serde::{Deserialize, Serialize};
use sim::action::{CHOICES, write_number_mask};
use sim::environment::ActionSpace;
use thiserror::Error;

mod check;
mod rows;
mod stochastic;
mod view;

use crate::bounds::{Bounds, space};
use crate::set::SetEncoder;
use check::{check, outputs};
pub use stochastic::Stochastic;
pub use view::View;

/// The logit of an illegal choice: far below any real one, yet finite, so that nothing becomes NaN.
pub const MASKED_LOGIT: f32 = -1e9;
/// A mask entry above this is legal.
pub const LEGAL_ABOVE: f32 = 0.5;

/// Why a network cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrozenError {
    /// A tensor does not have the size that its neighbours imply.
    #[error("{tensor}: {got} values where {expected} are needed")]
    Shape {
        /// Which tensor.
        tensor: String,
        /// Values needed.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// A weight is NaN or infinite.
    #[error("{tensor}[{index}] is not a finite number")]
    NotFinite {
        /// Which tensor.
        tensor: String,
        /// Flat index in it.
        index: usize,
    },
    /// A view of a row that is too short for it.
    #[error("column {column} of a row of {width} values")]
    Column {
        /// Which column.
        column: usize,
        /// Values in the row.
        width: usize,
    },
    /// Numbers without bounds, or without room between them.
    #[error("{0}")]
    Bounds(String),
    /// A policy needs at least one layer, one head, and one choice per head.
    #[error("the network has no {what}")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
}

/// Observation statistics, fixed at export: `clamp((x − mean) / sqrt(var + epsilon), ±clip)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normaliser {
    /// Mean of each field, `[obs_dim]`.
    pub mean: Vec<f32>,
    /// Variance of each field, `[obs_dim]`.
    pub var: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
    /// Largest magnitude that reaches the network.
    pub clip: f32,
}

impl Normaliser {
    /// One that changes nothing but values beyond ±`clip`.
    #[must_use]
    pub fn identity(obs_dim: usize, clip: f32) -> Self {
        Self { mean: vec![0.0; obs_dim], var: vec![1.0; obs_dim], epsilon: 0.0, clip }
    }

    /// What each centred field is multiplied by, `[obs_dim]`.
    #[must_use]
    pub fn inverse_std(&self) -> Vec<f32> {
        self.var.iter().map(|v| 1.0 / (v + self.epsilon).sqrt()).collect()
    }
}

/// The function between layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Activation {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// max(x, 0).
    Relu,
}

impl Activation {
    /// Its name in a bundle.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tanh => "tanh",
            Self::Relu => "relu",
        }
    }
    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tanh, Self::Relu].into_iter().find(|a| a.name() == name)
    }
    fn of(self, x: f32) -> f32 {
        match self {
            Self::Tanh => libm::tanhf(x),
            Self::Relu => x.max(0.0),
        }
    }
}

/// One fully connected layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dense {
    /// Values in.
    pub inputs: usize,
    /// Values out.
    pub outputs: usize,
    /// `[outputs, inputs]`, row-major.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// A gated recurrent unit (Cho et al., 2014, arXiv:1406.1078, with the reset gate after the product, as
/// libtorch and ONNX's `linear_before_reset` have it). Gates are in the order reset, update, new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Values in.
    pub inputs: usize,
    /// Values remembered, and out.
    pub width: usize,
    /// `[3·width, inputs]`, row-major.
    pub input_weight: Vec<f32>,
    /// `[3·width, width]`, row-major.
    pub state_weight: Vec<f32>,
    /// `[3·width]`.
    pub input_bias: Vec<f32>,
    /// `[3·width]`.
    pub state_bias: Vec<f32>,
}

impl Memory {
    /// The state after seeing `input` `[inputs]`; `gates` `[6·width]` is scratch.
    fn step(&self, input: &[f32], state: &mut [f32], gates: &mut [f32]) {
        let width = self.width;
        let (from_input, from_state) = gates.split_at_mut(3 * width);
        let product = |weight: &[f32], bias: &[f32], x: &[f32], out: &mut [f32]| {
            for ((y, row), b) in out.iter_mut().zip(weight.chunks_exact(x.len())).zip(bias) {
                *y = row.iter().zip(x).fold(*b, |sum, (w, x)| sum + w * x);
            }
        };
        product(&self.input_weight, &self.input_bias, input, from_input);
        product(&self.state_weight, &self.state_bias, state, from_state);
        let sigmoid = |x: f32| 1.0 / (1.0 + libm::expf(-x));
        for (i, h) in state.iter_mut().enumerate() {
            let gate = |g: usize| (from_input[g * width + i], from_state[g * width + i]);
            let ((rx, rh), (zx, zh), (nx, nh)) = (gate(0), gate(1), gate(2));
            let (reset, update) = (sigmoid(rx + rh), sigmoid(zx + zh));
            let new = libm::tanhf(nx + reset * nh);
            *h = (1.0 - update) * new + update * *h;
        }
    }
}

/// A policy that no longer learns. An activation between layers, none after the last.
#[derive(Clone, Debug)]
pub struct FrozenPolicy {
    name: String,
    /// Choices per head; empty where actions are numbers.
    heads: Vec<u32>,
    bounds: Option<Bounds>,
    normaliser: Normaliser,
    set: Option<SetEncoder>,
    memory: Option<Memory>,
    layers: Vec<Dense>,
    activation: Activation,
    /// What is remembered of the episode, `[memory.width]`, and scratch for it.
    state: Vec<f32>,
    kept: Vec<f32>,
    gates: Vec<f32>,
    /// Which values of its rows it sees, where they have more; no part of what is stored.
    view: Option<View>,
    /// Derived: `1 / sqrt(var + epsilon)`.
    inverse_std: Vec<f32>,
    /// Derived: `[inputs, outputs]` of each layer, so that the inner loop runs over outputs.
    transposed: Vec<Vec<f32>>,
    /// Scratch: the values entering and leaving a layer.
    front: Vec<f32>,
    back: Vec<f32>,
    /// Scratch: what each row of a set came to, and a row within its layers.
    each: Vec<f32>,
    scratch: Vec<f32>,
}

impl FrozenPolicy {
    /// A policy over `heads` (choices per head) from its parts.
    ///
    /// # Errors
    /// Shapes that do not fit each other, or a weight that is not finite.
    pub fn new(
        name: impl Into<String>,
        heads: Vec<u32>,
        normaliser: Normaliser,
        layers: Vec<Dense>,
    ) -> Result<Self, FrozenError> {
        Self::with_memory(name, heads, normaliser, None, layers)
    }

    /// A policy whose first layer sees what `memory` makes of the observations of an episode.
    ///
    /// # Errors
    /// As [`FrozenPolicy::new`].
    pub fn with_memory(
        name: impl Into<String>,
        heads: Vec<u32>,
        normaliser: Normaliser,
        memory: Option<Memory>,
        layers: Vec<Dense>,
    ) -> Result<Self, FrozenError> {
        let action = ActionSpace::MultiDiscrete { heads };
        Self::of(name, action, normaliser, (None, memory), layers)
    }

    /// A policy of either kind of actions, which may read a set before it remembers. One of numbers answers with the middle of what it drew in training:
    /// each mean, squashed.
    ///
    /// # Errors
    /// As [`FrozenPolicy::new`], or bounds without room.
    pub fn of(
        name: impl Into<String>,
        action: ActionSpace,
        normaliser: Normaliser,
        (set, memory): (Option<SetEncoder>, Option<Memory>),
        layers: Vec<Dense>,
    ) -> Result<Self, FrozenError> {
        let (heads, bounds) = match action {
            ActionSpace::MultiDiscrete { heads } => (heads, None),
            ActionSpace::Continuous { low, high } => {
                (Vec::new(), Some(Bounds::new(&low, &high).map_err(FrozenError::Bounds)?))
            }
        };
        let read = (set.as_ref(), memory.as_ref());
        check(&heads, bounds.as_ref(), &normaliser, read, &layers)?;
        let remembered = memory.as_ref().map_or(0, |m| m.width);
        let widest = layers.iter().map(|l| l.outputs.max(l.inputs)).max().unwrap_or(0);
        let transposed = layers
            .iter()
            .map(|l| {
                (0..l.inputs)
                    .flat_map(|i| (0..l.outputs).map(move |o| l.weight[o * l.inputs + i]))
                    .collect()
            })
            .collect();
        Ok(Self {
            name: name.into(),
            view: None,
            inverse_std: normaliser.inverse_std(),
            heads,
            bounds,
            normaliser,
            set,
            memory,
            layers,
            activation: Activation::default(),
            state: vec![0.0; remembered],
            kept: vec![0.0; remembered],
            gates: vec![0.0; 6 * remembered],
            transposed,
            front: Vec::with_capacity(widest),
            back: Vec::with_capacity(widest),
            each: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// The same policy with another function between its layers; [`FrozenPolicy::of`] puts tanh there.
    #[must_use]
    pub const fn with_activation(mut self, activation: Activation) -> Self {
        self.activation = activation;
        self
    }

    /// What the policy is called in tables and manifests.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The same policy under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
    /// Values per observation.
    #[must_use]
    pub fn obs_dim(&self) -> usize {
        self.normaliser.mean.len()
    }
    /// Choices per head; empty where actions are numbers.
    #[must_use]
    pub fn heads(&self) -> &[u32] {
        &self.heads
    }
    /// Where the numbers of its actions lie; none where actions are choices.
    #[must_use]
    pub fn bounds(&self) -> Option<&Bounds> {
        self.bounds.as_ref()
    }
    /// Values in a mask: all choices of all heads, or the numbers.
    #[must_use]
    pub fn logits_dim(&self) -> usize {
        outputs(&self.heads, self.bounds.as_ref())
    }
    /// Values in an action: one per head, or the numbers.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.bounds.as_ref().map_or(self.heads.len(), Bounds::len)
    }
    /// The observation statistics.
    #[must_use]
    pub fn normaliser(&self) -> &Normaliser {
        &self.normaliser
    }
    /// What it reads a set with, if anything.
    #[must_use]
    pub fn set(&self) -> Option<&SetEncoder> {
        self.set.as_ref()
    }
    /// What it remembers with, if anything.
    #[must_use]
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }
    /// Forgets the episode.
    pub fn forget(&mut self) {
        self.state.fill(0.0);
    }
    /// What it remembers of the episode, `[memory.width]`; empty without memory.
    #[must_use]
    pub fn remembered(&self) -> &[f32] {
        &self.state
    }
    /// Remembers this `[memory.width]` in place of what it does.
    pub fn recall(&mut self, state: &[f32]) {
        self.state.copy_from_slice(state);
    }
    /// The layers, input first.
    #[must_use]
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The function between its layers.
    #[must_use]
    pub const fn activation(&self) -> Activation {
        self.activation
    }

    /// The blake3 of its bytes, hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        blake3::hash(&self.to_bytes()).to_hex().to_string()
    }

    /// The whole policy as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let parts = (&self.name, &self.heads, &self.normaliser, &self.memory, &self.layers);
        let to_vec = "plain vectors and numbers always serialise";
        let mut bytes = postcard::to_stdvec(&parts).expect(to_vec);
        // Policies of choices that read no set, with tanh, do without this part.
        if self.bounds.is_some() || self.set.is_some() || self.activation != Activation::default() {
            let further = (&self.bounds, &self.set, self.activation);
            bytes.extend(postcard::to_stdvec(&further).expect(to_vec));
        }
        bytes
    }

    /// The inverse of [`FrozenPolicy::to_bytes`].
    ///
    /// # Errors
    /// A sentence: not a policy, or shapes that do not fit each other.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        type Parts = (String, Vec<u32>, Normaliser, Option<Memory>, Vec<Dense>);
        let no_policy = |error| format!("not a policy: {error}");
        let ((name, heads, normaliser, memory, layers), rest): (Parts, &[u8]) =
            postcard::take_from_bytes(bytes).map_err(no_policy)?;
        type Further = (Option<Bounds>, Option<SetEncoder>, Activation);
        let (bounds, set, activation): Further = if rest.is_empty() {
            Further::default()
        } else {
            postcard::from_bytes(rest).map_err(no_policy)?
        };
        let action = space(heads, bounds.as_ref());
        let policy = Self::of(name, action, normaliser, (set, memory), layers);
        Ok(policy.map_err(|e| e.to_string())?.with_activation(activation))
    }

    /// The masked logits of one observation: `obs` `[row_dim]`, `mask` `[logits_dim]` (1 = legal).
    /// An illegal choice has exactly [`MASKED_LOGIT`]; of numbers, the means before they are squashed, whatever the
    /// mask. With memory, the observation is remembered.
    pub fn logits(&mut self, obs: &[f32], mask: &[f32]) -> &[f32] {
        self.pass(obs);
        if self.bounds.is_none() {
            assert_eq!(mask.len(), self.logits_dim(), "Invariant: mask width");
            for (logit, legal) in self.front.iter_mut().zip(mask) {
                if *legal <= LEGAL_ABOVE {
                    *logit = MASKED_LOGIT;
                }
            }
        }
        &self.front
    }

    /// The last layer's values, into `front`.
    fn pass(&mut self, obs: &[f32]) {
        assert_eq!(obs.len(), self.row_dim(), "Invariant: observation width");
        let clip = self.normaliser.clip;
        let statistics = self.normaliser.mean.iter().zip(&self.inverse_std);
        let normal =
            |(x, (mean, inverse)): (f32, (&f32, &f32))| ((x - mean) * inverse).clamp(-clip, clip);
        self.front.clear();
        match &self.view {
            None => self.front.extend(obs.iter().copied().zip(statistics).map(normal)),
            Some(view) => self.front.extend(view.of(obs).zip(statistics).map(normal)),
        }
        if let Some(set) = &self.set {
            set.read(&self.front, &mut self.back, &mut self.each, &mut self.scratch);
            std::mem::swap(&mut self.front, &mut self.back);
        }
        if let Some(memory) = &self.memory {
            memory.step(&self.front, &mut self.state, &mut self.gates);
            self.front.clear();
            self.front.extend_from_slice(&self.state);
        }
        let last = self.layers.len() - 1;
        for (i, (layer, weight)) in self.layers.iter().zip(&self.transposed).enumerate() {
            self.back.clear();
            let mut before = 0;
            if let Some(set) = self.set.as_ref().filter(|_| i == last) {
                set.answer(&self.each, &self.front, &mut self.back, &mut self.scratch);
                before = self.back.len();
            }
            self.back.extend_from_slice(&layer.bias);
            for (x, column) in self.front.iter().zip(weight.chunks_exact(layer.outputs.max(1))) {
                for (sum, w) in self.back[before..].iter_mut().zip(column) {
                    *sum += w * x;
                }
            }
            if i < last {
                for y in &mut self.back {
                    *y = self.activation.of(*y);
                }
            }
            std::mem::swap(&mut self.front, &mut self.back);
        }
    }

    /// The most likely legal choice of each head, the lowest of equals, or each number, into `action`
    /// `[action_dim]`. Numbers take a mask of theirs, `[action_dim]`, or of the choices that they lie between
    /// ([`sim::action`]), three for each; one that is not read lies in its middle.
    pub fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        assert_eq!(action.len(), self.action_dim(), "Invariant: action width");
        self.logits(obs, mask);
        if let Some(bounds) = &self.bounds {
            numbers_read(mask, action);
            for (i, (number, mean)) in action.iter_mut().zip(&self.front).enumerate() {
                let squashed = if *number > LEGAL_ABOVE { libm::tanhf(*mean) } else { 0.0 };
                *number = bounds.place(i, squashed);
            }
            return;
        }
        let mut start = 0;
        for (choice, n) in action.iter_mut().zip(&self.heads) {
            let head = &self.front[start..start + *n as usize];
            *choice = argmax(head) as f32;
            start += head.len();
        }
    }
}

impl crate::policy::RiskPolicy for FrozenPolicy {
    fn name(&self) -> &str {
        &self.name
    }
    fn reset(&mut self) {
        self.forget();
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        Self::act(self, obs, mask, action);
    }
    fn foresee(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.kept.copy_from_slice(&self.state);
        Self::act(self, obs, mask, action);
        self.state.copy_from_slice(&self.kept);
    }
}

/// Which numbers are read, by a mask of theirs or of the choices that they lie between, three for each.
pub(crate) fn numbers_read(mask: &[f32], read: &mut [f32]) {
    if mask.len() == read.len() * CHOICES {
        write_number_mask(mask, read);
    } else {
        assert_eq!(mask.len(), read.len(), "Invariant: mask width");
        read.copy_from_slice(mask);
    }
}

/// The index of the largest value, the lowest of equals.
fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_heads() -> FrozenPolicy {
        // One layer: logits = W·x + b with x = clamp((obs − 1)/2, ±3).
        let normaliser = Normaliser { mean: vec![1.0], var: vec![4.0], epsilon: 0.0, clip: 3.0 };
        let layer = Dense {
            inputs: 1,
            outputs: 5,
            weight: vec![1.0, -1.0, 0.0, 2.0, 0.5],
            bias: vec![0.0, 0.0, 0.5, 0.0, 0.0],
        };
        FrozenPolicy::new("t", vec![3, 2], normaliser, vec![layer]).expect("shapes fit")
    }

    #[test]
    fn logits_are_normalised_clipped_and_masked() {
        let mut policy = two_heads();
        let all = [1.0; 5];
        assert_eq!(policy.logits(&[3.0], &all), &[1.0, -1.0, 0.5, 2.0, 0.5]);
        assert_eq!(policy.logits(&[1e9], &all), &[3.0, -3.0, 0.5, 6.0, 1.5]);
        let mut action = [9.0; 2];
        policy.act(&[3.0], &[0.0, 1.0, 1.0, 0.0, 1.0], &mut action);
        assert_eq!(action, [2.0, 1.0]);
        policy.act(&[1.0], &[1.0, 1.0, 0.0, 1.0, 1.0], &mut action);
        assert_eq!(action, [0.0, 0.0], "the lowest of equals");
    }

    #[test]
    fn a_misfit_is_named() {
        let policy = two_heads();
        let mut layer = policy.layers()[0].clone();
        layer.weight.pop();
        let refused = FrozenPolicy::new("t", vec![3, 2], policy.normaliser().clone(), vec![layer]);
        assert_eq!(
            refused.map(|p| p.obs_dim()),
            Err(FrozenError::Shape { tensor: "layers.0.weight".into(), expected: 5, got: 4 })
        );
        let mut layer = policy.layers()[0].clone();
        layer.bias[2] = f32::NAN;
        let refused = FrozenPolicy::new("t", vec![3, 2], policy.normaliser().clone(), vec![layer]);
        assert!(refused.expect_err("NaN").to_string().contains("layers.0.bias[2]"));
    }
}
