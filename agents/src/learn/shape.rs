//! The learner's network as numbers: one flat vector, its layout, its first values, and how it
//! becomes a [`FrozenPolicy`]. Actor and critic are two towers of equal width, fused: each layer of
//! both is one tensor, so a pass is one product per layer.

use sim::environment::{ActionSpace, Rows, Spec};

use super::config::PpoConfig;
use super::error::LearnError;
use super::noise::{Draw, Noise, normals};
use crate::frozen::{Dense, FrozenError, FrozenPolicy, Memory, Normaliser};
use crate::set::{SetEncoder, joined};

/// Sizes of an actor-critic.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkShape {
    /// Values per observation.
    pub obs_dim: usize,
    /// The rows that are read as a set, and the values that come out of each; none where they are seen as they
    /// lie.
    pub set: Option<(Rows, usize)>,
    /// Values that a gated recurrent unit keeps between decisions and hands to the towers; 0 where the
    /// towers see the observation itself.
    pub memory: usize,
    /// Width of each hidden layer of each tower.
    pub width: usize,
    /// Hidden layers, at least 1.
    pub depth: usize,
    /// What the actor's outputs stand for: choices, or numbers within bounds.
    pub action: ActionSpace,
}

impl NetworkShape {
    /// The network for an environment, as far as `config` sets it.
    ///
    /// # Errors
    /// A set is to be read where there is none, its rows do not lie in the observation, or their heads are not alike.
    pub fn new(spec: &Spec, config: &PpoConfig) -> Result<Self, LearnError> {
        let set = match (config.set_width, spec.rows) {
            (0, _) => None,
            (_, None) => {
                let must = "0 where observations have no rows of entities";
                return Err(LearnError::Setting { field: "set_width", must });
            }
            (width, Some(rows)) => {
                let fits = rows.room > 0
                    && rows.width > 0
                    && rows.cells().end <= spec.obs_dim
                    && rows.present.is_none_or(|flag| flag < rows.width);
                if !fits {
                    let (what, expected) = ("end of the observation's rows".into(), spec.obs_dim);
                    return Err(LearnError::Shape { what, expected, got: rows.cells().end });
                }
                if !rows.heads_are_alike(&spec.action) {
                    let (what, expected) =
                        ("heads alike in all rows".into(), rows.room * rows.heads);
                    return Err(LearnError::Shape { what, expected, got: spec.action.dim() });
                }
                Some((rows, width))
            }
        };
        Ok(Self {
            obs_dim: spec.obs_dim,
            set,
            memory: config.memory,
            width: config.hidden.first().copied().unwrap_or(1),
            depth: config.hidden.len().max(1),
            action: spec.action.clone(),
        })
    }

    /// Outputs of the actor: choices of all heads, or a mean per number.
    #[must_use]
    pub fn logits(&self) -> usize {
        self.action.logits()
    }

    /// Outputs for each row of a set that has heads of its own, and those for the whole.
    #[must_use]
    pub fn each_and_whole(&self) -> (usize, usize) {
        let each = self.set.map_or(0, |(rows, _)| rows.outputs(&self.action));
        (each, self.logits() - self.set.map_or(0, |(rows, _)| rows.room) * each)
    }

    /// Deviations that are learned: one per number, none for choices.
    #[must_use]
    pub fn deviations(&self) -> usize {
        match &self.action {
            ActionSpace::MultiDiscrete { .. } => 0,
            ActionSpace::Continuous { low, .. } => low.len(),
        }
    }

    /// Values of an observation after its set is read, or of the observation itself.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.set.map_or(self.obs_dim, |(rows, width)| joined(self.obs_dim, &rows, width))
    }

    /// Values that the towers see.
    #[must_use]
    pub fn inputs(&self) -> usize {
        if self.memory > 0 { self.memory } else { self.seen() }
    }

    /// Shapes of the parameter tensors, in the order of the flat vector. With a set, first those of its reader:
    /// `[row, set]`, `[set]`, `[set, set]`, `[set]`; where its rows have heads, then those of these: `[set + width, width]`,
    /// `[width]`, `[width, each]`, `[each]`. With memory, then those of
    /// the recurrent unit (reset, update, new): `[3·memory, seen]`, `[3·memory, memory]`,
    /// `[3·memory]` twice. The towers' weights are `[inputs, outputs]`; actor before critic:
    /// `[inputs, 2·width]`, `[2·width]`, then per further layer `[2, width, width]`, `[2, 1, width]`,
    /// then `[width, whole]`, `[whole]`, `[width, 1]`, `[1]`, `whole` being the logits but those of rows; for numbers
    /// last the logarithms of their deviations, `[logits]`.
    #[must_use]
    pub fn tensors(&self) -> Vec<Vec<i64>> {
        let (seen, memory) = (self.seen() as i64, self.memory as i64);
        let (inputs, width) = (self.inputs() as i64, self.width as i64);
        let (each, whole) = self.each_and_whole();
        let (each, whole) = (each as i64, whole as i64);
        let mut shapes = Vec::new();
        if let Some((rows, set)) = &self.set {
            let (row, set) = (rows.width as i64, *set as i64);
            shapes.extend([vec![row, set], vec![set], vec![set, set], vec![set]]);
            if each > 0 {
                shapes.extend([vec![set + width, width], vec![width]]);
                shapes.extend([vec![width, each], vec![each]]);
            }
        }
        if memory > 0 {
            shapes.extend([vec![3 * memory, seen], vec![3 * memory, memory]]);
            shapes.extend([vec![3 * memory], vec![3 * memory]]);
        }
        shapes.extend([vec![inputs, 2 * width], vec![2 * width]]);
        for _ in 1..self.depth {
            shapes.push(vec![2, width, width]);
            shapes.push(vec![2, 1, width]);
        }
        shapes.extend([vec![width, whole], vec![whole], vec![width, 1], vec![1]]);
        if self.deviations() > 0 {
            shapes.push(vec![self.deviations() as i64]);
        }
        shapes
    }

    /// Length of the flat vector.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|s| s.iter().product::<i64>() as usize).sum()
    }

    /// First values: orthogonal weights (Saxe et al., 2014) of gain √2, 1 in the recurrent unit and
    /// before the value, 0.01 before the logits or means; biases 0, but `logit_bias` (`[logits]` or empty, of rows the
    /// first one's) on those; `log_std` for the deviations.
    #[must_use]
    pub fn initial(&self, noise: &Noise, logit_bias: &[f32], log_std: f32) -> Vec<f32> {
        let mut tensor = 0;
        let mut orthogonal = |inputs, outputs, gain| {
            tensor += 1;
            orthogonal(noise, tensor, inputs, outputs, gain)
        };
        let (inputs, width) = (self.inputs(), self.width);
        let (each, whole) = self.each_and_whole();
        let hidden_gain = std::f64::consts::SQRT_2;
        let biased = |flat: &mut Vec<f32>, bias: &[f32], outputs: usize| {
            flat.extend_from_slice(bias);
            flat.resize(flat.len() + outputs - bias.len(), 0.0);
        };
        let (of_each, of_whole) = if logit_bias.is_empty() {
            (logit_bias, logit_bias)
        } else {
            (&logit_bias[..each], &logit_bias[self.logits() - whole..])
        };
        let mut flat = Vec::with_capacity(self.parameters());
        if let Some((rows, set)) = &self.set {
            for inputs in [rows.width, *set] {
                flat.extend(orthogonal(inputs, *set, hidden_gain));
                flat.resize(flat.len() + set, 0.0);
            }
            if each > 0 {
                flat.extend(orthogonal(set + width, width, hidden_gain));
                flat.resize(flat.len() + width, 0.0);
                flat.extend(orthogonal(width, each, 0.01));
                biased(&mut flat, of_each, each);
            }
        }
        if self.memory > 0 {
            for columns in [self.seen(), self.memory] {
                for _gate in 0..3 {
                    flat.extend(orthogonal(self.memory, columns, 1.0));
                }
            }
            flat.resize(flat.len() + 6 * self.memory, 0.0);
        }
        let actor = orthogonal(inputs, width, hidden_gain);
        let critic = orthogonal(inputs, width, hidden_gain);
        for (a, c) in actor.chunks_exact(width).zip(critic.chunks_exact(width)) {
            flat.extend_from_slice(a);
            flat.extend_from_slice(c);
        }
        flat.resize(flat.len() + 2 * width, 0.0);
        for _ in 1..self.depth {
            flat.extend(orthogonal(width, width, hidden_gain));
            flat.extend(orthogonal(width, width, hidden_gain));
            flat.resize(flat.len() + 2 * width, 0.0);
        }
        flat.extend(orthogonal(width, whole, 0.01));
        biased(&mut flat, of_whole, whole);
        flat.extend(orthogonal(width, 1, 1.0));
        flat.push(0.0);
        flat.resize(flat.len() + self.deviations(), log_std);
        flat
    }

    /// The actor of the flat vector, in plain Rust.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn freeze(
        &self,
        name: &str,
        flat: &[f32],
        normaliser: Normaliser,
    ) -> Result<FrozenPolicy, FrozenError> {
        let width = self.width;
        let (each, whole) = self.each_and_whole();
        let mut rest = flat;
        let mut take = |n: usize| {
            let (head, tail) = rest.split_at(n);
            rest = tail;
            head
        };
        let set = self.set.map(|(rows, set)| {
            let mut layer = |inputs, outputs| {
                let (weight, bias) = (take(inputs * outputs), take(outputs));
                dense(inputs, outputs, outputs, weight, bias)
            };
            let layers = [layer(rows.width, set), layer(set, set)];
            let heads = (each > 0).then(|| [layer(set + width, width), layer(width, each)]);
            SetEncoder { rows, layers, heads }
        });
        let memory = (self.memory > 0).then(|| Memory {
            inputs: self.seen(),
            width: self.memory,
            input_weight: take(3 * self.memory * self.seen()).to_vec(),
            state_weight: take(3 * self.memory * self.memory).to_vec(),
            input_bias: take(3 * self.memory).to_vec(),
            state_bias: take(3 * self.memory).to_vec(),
        });
        let mut layers = Vec::new();
        // The actor's columns of the fused first layer.
        let weight = take(self.inputs() * 2 * width);
        let bias = take(2 * width);
        layers.push(dense(self.inputs(), width, 2 * width, weight, bias));
        for _ in 1..self.depth {
            let weight = take(2 * width * width);
            let bias = take(2 * width);
            layers.push(dense(width, width, width, weight, bias));
        }
        let weight = take(width * whole);
        let bias = take(whole);
        layers.push(dense(width, whole, whole, weight, bias));
        FrozenPolicy::of(name, self.action.clone(), normaliser, (set, memory), layers)
    }
}

/// A layer from `[inputs, stride]` weights, of which the first `outputs` columns count.
pub(super) fn dense(
    inputs: usize,
    outputs: usize,
    stride: usize,
    weight: &[f32],
    bias: &[f32],
) -> Dense {
    Dense {
        inputs,
        outputs,
        weight: (0..outputs)
            .flat_map(|o| (0..inputs).map(move |i| weight[i * stride + o]))
            .collect(),
        bias: bias[..outputs].to_vec(),
    }
}

/// `[inputs, outputs]` with orthonormal rows or columns, whichever are fewer, times `gain`:
/// Gram–Schmidt on normals, in f64.
fn orthogonal(noise: &Noise, tensor: u64, inputs: usize, outputs: usize, gain: f64) -> Vec<f32> {
    let (count, length) = (inputs.min(outputs), inputs.max(outputs));
    let mut rng = noise.at(Draw::Weights, 0, 0, tensor);
    let mut vectors: Vec<Vec<f64>> = Vec::with_capacity(count);
    while vectors.len() < count {
        let mut v: Vec<f64> = (0..length.div_ceil(2)).flat_map(|_| normals(&mut rng)).collect();
        v.truncate(length);
        for u in &vectors {
            let along: f64 = u.iter().zip(&v).map(|(a, b)| a * b).sum();
            for (x, a) in v.iter_mut().zip(u) {
                *x -= along * a;
            }
        }
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // A draw that lies in the span so far is drawn again.
        if norm > 1e-6 {
            v.iter_mut().for_each(|x| *x /= norm);
            vectors.push(v);
        }
    }
    let at = |i: usize, o: usize| if inputs <= outputs { vectors[i][o] } else { vectors[o][i] };
    let cells = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o)));
    cells.map(|(i, o)| (gain * at(i, o)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flat_vector_has_the_length_of_its_tensors_and_orthonormal_weights() {
        let action = ActionSpace::MultiDiscrete { heads: vec![3, 2] };
        let shape = NetworkShape { obs_dim: 5, set: None, memory: 0, width: 8, depth: 2, action };
        let bias = [0.0, 2.0, 0.0, 0.0, 0.0];
        let flat = shape.initial(&Noise::new(3), &bias, 0.0);
        assert_eq!(flat.len(), shape.parameters());
        let rows = |m: &[f32], n: usize| -> Vec<Vec<f32>> {
            m.chunks_exact(n).map(<[f32]>::to_vec).collect()
        };
        let second = 5 * 16 + 16;
        let square = rows(&flat[second..second + 64], 8);
        for (i, a) in square.iter().enumerate() {
            for (j, b) in square.iter().enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                let expected = if i == j { 2.0 } else { 0.0 };
                assert!((dot - expected).abs() < 1e-5);
            }
        }
        let mut policy =
            shape.freeze("start", &flat, Normaliser::identity(5, 10.0)).expect("finite");
        let mut action = [0.0; 2];
        policy.act(&[0.3, -1.0, 2.0, 0.0, 5.0], &[1.0; 5], &mut action);
        assert_eq!(action[0], 1.0, "the biased choice");
    }
}
