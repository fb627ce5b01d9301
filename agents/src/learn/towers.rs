//! The towers and outputs of a [`Network`] over always as many inputs: their tensors are made once, and libtorch keeps no
//! graph. What it would differentiate is a chain of products and hyperbolic tangents, whose slopes are worked out here by
//! its own kernels: on a processor, with one thread, to the bit what [`Network::forward`] and its gradient have, in less
//! time (docs/speed.md).
//!
//! Shapes: `B` inputs, `W` the width of a tower, `L` the actor's outputs, `P` all weights.

use tch::{Device, Kind, Tensor, no_grad};

use super::network::Network;
use super::parameters::{copy_from, copy_to, split};
use super::shape::NetworkShape;

/// Passes of one network, `B` inputs at a time.
#[derive(Debug)]
pub(super) struct Towers {
    fused: Tensor, // [B, 2·W]
    /// What the first layer gives, tower by tower: a view of `fused`, `[2, B, W]`.
    first: Tensor,
    layers: Vec<Tensor>, // [2, B, W] each
    /// The last layer's actor and critic, `[B, W]`: views.
    last: [Tensor; 2],
    pub(super) logits: Tensor, // [B, L]
    pub(super) values: Tensor, // [B, 1]
}

impl Towers {
    pub(super) fn new(shape: &NetworkShape, rows: usize, device: Device) -> Self {
        let (b, width) = (rows as i64, shape.width as i64);
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, device));
        let fused = zeros(&[b, 2 * width]);
        let first = fused.view([-1, 2, width]).transpose(0, 1);
        let layers: Vec<Tensor> = (1..shape.depth).map(|_| zeros(&[2, b, width])).collect();
        let last = layers.last().unwrap_or(&first);
        Self {
            last: [last.get(0), last.get(1)],
            logits: zeros(&[b, shape.logits() as i64]),
            values: zeros(&[b, 1]),
            fused,
            first,
            layers,
        }
    }

    /// The actor's last layer, `[B, W]`.
    pub(super) fn actor(&self) -> &Tensor {
        &self.last[0]
    }

    /// Up to the last layer of both towers, and values.
    pub(super) fn climb(&mut self, network: &Network, inputs: &Tensor) {
        no_grad(|| {
            let p = network.towers();
            drop(p[1].addmm_out(&self.fused, inputs, &p[0]));
            drop(self.fused.tanh_());
            let mut towers = &self.first;
            for (layer, out) in p[2..].as_chunks::<2>().0.iter().zip(&mut self.layers) {
                drop(layer[1].baddbmm_out(out, towers, &layer[0]));
                drop(out.tanh_());
                towers = out;
            }
            let [.., critic_weight, critic_bias] = p else {
                unreachable!("Invariant: four parameters of the outputs");
            };
            drop(critic_bias.addmm_out(&self.values, &self.last[1], critic_weight));
        });
    }

    /// All of it: logits, where no rows have heads of their own, and values.
    pub(super) fn forward(&mut self, network: &Network, inputs: &Tensor) {
        self.climb(network, inputs);
        let [.., weight, bias, _, _] = network.towers() else {
            unreachable!("Invariant: four parameters of the outputs");
        };
        no_grad(|| drop(bias.addmm_out(&self.logits, &self.last[0], weight)));
    }
}

/// Passes that are learned from: of a network that is towers and outputs alone, with choices.
#[derive(Debug)]
pub(super) struct Slopes {
    towers: Towers,
    /// The gradient over all weights, `[P]`, and its parts as the weights': views.
    gradient: Tensor,
    parts: Vec<Tensor>,
    /// Slopes along what the layers give, and along what their tangents are taken of, `[2, B, W]`.
    along: Tensor,
    before: Tensor,
    /// Slopes along what the first layer's tangent is taken of, `[B, 2·W]`.
    before_first: Tensor,
}

impl Slopes {
    /// For passes of `network` over `rows` inputs; none where its shape has more to it than towers.
    fn new(network: &Network, rows: usize) -> Option<Self> {
        let (shape, device) = (network.shape(), network.parameters.device());
        if shape.set.is_some() || shape.memory > 0 || shape.deviations() > 0 {
            return None;
        }
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, device));
        let (b, width) = (rows as i64, shape.width as i64);
        let shapes = shape.tensors();
        let gradient = zeros(&[shapes.iter().map(|size| size.iter().product::<i64>()).sum()]);
        Some(Self {
            towers: Towers::new(shape, rows, device),
            parts: split(&gradient, &shapes),
            along: zeros(&[2, b, width]),
            before: zeros(&[2, b, width]),
            before_first: zeros(&[b, 2 * width]),
            gradient,
        })
    }

    /// Of those that were `made`, the passes over `rows` inputs; made now where there are none. A rollout is cut in parts
    /// of two sizes at most.
    pub(super) fn of<'a>(
        made: &'a mut Vec<Self>,
        network: &Network,
        rows: usize,
    ) -> Option<&'a mut Self> {
        let at = made.iter().position(|slopes| slopes.towers.values.numel() == rows);
        let at = match at {
            Some(at) => at,
            None => {
                let new = Self::new(network, rows)?;
                if made.len() == 2 {
                    drop(made.remove(0));
                }
                made.push(new);
                made.len() - 1
            }
        };
        made.get_mut(at)
    }

    /// `inputs` `[B, ·]` to logits `[B, L]` and values `[B]`, which hold until the next ones.
    pub(super) fn forward(&mut self, network: &Network, inputs: &Tensor) -> (Tensor, Tensor) {
        self.towers.forward(network, inputs);
        (self.towers.logits.shallow_clone(), self.towers.values.view([-1]))
    }

    /// The gradient over all weights, `[P]`, of what has these slopes along the logits `[B, L]` and the values `[B]`
    /// that the last `inputs` gave. It holds until the next one.
    pub(super) fn backward(
        &mut self,
        network: &Network,
        inputs: &Tensor,
        along_logits: &Tensor,
        along_values: &Tensor,
    ) -> Tensor {
        let Self { towers, parts, along, before, before_first, gradient } = self;
        let float = Kind::Float;
        no_grad(|| {
            let weights = network.towers();
            let (
                [.., actor_weight, _, critic_weight, _],
                [.., of_actor, of_actor_bias, of_critic, of_critic_bias],
            ) = (weights, &parts[..])
            else {
                unreachable!("Invariant: four parameters of the outputs");
            };
            let along_values = along_values.view([-1, 1]);
            let outputs = [
                (along_logits, actor_weight, of_actor, of_actor_bias),
                (&along_values, critic_weight, of_critic, of_critic_bias),
            ];
            for (tower, (slopes, weight, of_weight, of_bias)) in outputs.into_iter().enumerate() {
                drop(towers.last[tower].tr().mm_out(of_weight, slopes));
                drop(slopes.sum_intlist_out(of_bias, [0i64].as_slice(), false, float));
                drop(slopes.mm_out(&along.get(tower as i64), &weight.tr()));
            }
            for layer in (0..towers.layers.len()).rev() {
                let below = if layer == 0 { &towers.first } else { &towers.layers[layer - 1] };
                let (weight, bias) = (2 + 2 * layer, 3 + 2 * layer);
                drop(Tensor::tanh_backward_grad_input(before, along, &towers.layers[layer]));
                drop(below.transpose(1, 2).bmm_out(&parts[weight], before));
                drop(before.sum_intlist_out(&parts[bias], [1i64].as_slice(), true, float));
                drop(before.bmm_out(along, &weights[weight].transpose(1, 2)));
            }
            let side_by_side = |of: &Tensor| of.view([along_values.size()[0], 2, -1]);
            drop(Tensor::tanh_backward_grad_input(
                &side_by_side(before_first),
                &along.transpose(0, 1),
                &side_by_side(&towers.fused),
            ));
            drop(inputs.tr().mm_out(&parts[0], before_first));
            drop(before_first.sum_intlist_out(&parts[1], [0i64].as_slice(), false, float));
        });
        gradient.shallow_clone()
    }
}

/// Passes that are not learned from, over always as many observations. (A set's reader and a memory make their tensors
/// anew.)
#[derive(Debug)]
pub struct Inference {
    obs: Tensor,   // [N, obs_dim]
    state: Tensor, // [N, memory]
    towers: Towers,
}

impl Inference {
    /// Tensors for passes of `network` over `rows` observations.
    #[must_use]
    pub fn new(network: &Network, rows: usize) -> Self {
        let (shape, device) = (network.shape(), network.parameters.device());
        let zeros = |size: &[i64]| Tensor::zeros(size, (Kind::Float, device));
        Self {
            obs: zeros(&[rows as i64, shape.obs_dim as i64]),
            state: zeros(&[rows as i64, shape.memory as i64]),
            towers: Towers::new(shape, rows, device),
        }
    }

    /// `obs` `[N, D]` to `logits` `[N, L]` and `values` `[N]`, on top of `state` `[N, H]`, which becomes that after
    /// `obs`. As [`Network::forward`] has it, to the bit.
    ///
    /// # Panics
    /// A slice has another length.
    pub fn pass(
        &mut self,
        network: &Network,
        obs: &[f32],
        state: &mut [f32],
        logits: &mut [f32],
        values: &mut [f32],
    ) {
        no_grad(|| {
            copy_from(obs, &mut self.obs);
            let seen = network.shape().set.is_some().then(|| network.see(&self.obs));
            let mut inputs = seen.as_ref().map_or(&self.obs, |seen| &seen.context); // [N, S]
            let remembered; // [N, H]
            if !state.is_empty() {
                copy_from(state, &mut self.state);
                remembered = network.remember(inputs, &self.state);
                copy_to(&remembered, state);
                inputs = &remembered;
            }
            match seen.as_ref().and_then(|seen| seen.rows.as_ref()) {
                None => {
                    self.towers.forward(network, inputs);
                    copy_to(&self.towers.logits, logits);
                }
                Some(rows) => {
                    self.towers.climb(network, inputs);
                    copy_to(&network.heads(self.towers.actor(), Some(rows)), logits);
                }
            }
            copy_to(&self.towers.values, values);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::noise::Noise;
    use crate::learn::parameters::{AdamStep, to_vec};
    use sim::environment::{ActionSpace, Rows};

    #[test]
    fn slopes_are_to_the_bit_those_that_libtorch_finds() {
        // As wherever something learns.
        tch::set_num_threads(1);
        let wave = |size: &[i64], by: f32| {
            let n = size.iter().product::<i64>();
            let values: Vec<f32> = (0..n).map(|i| libm::sinf(i as f32 * by)).collect();
            Tensor::from_slice(&values).view(size)
        };
        let bits = |of: &Tensor| to_vec(of).iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        let adam = AdamStep { learning_rate: 1e-2, epsilon: 1e-5, max_grad_norm: 0.5 };
        let mut made = Vec::new();
        for (depth, width, heads) in [(1, 8, 2), (2, 64, 29), (3, 5, 1)] {
            let action = ActionSpace::MultiDiscrete { heads: vec![3; heads] };
            let shape = NetworkShape { obs_dim: 70, set: None, memory: 0, width, depth, action };
            let weights = shape.initial(&Noise::new(2), &[], 0.0);
            let mut network = Network::new(shape, &weights, Device::Cpu);
            made.clear();
            for rows in [1, 130, 131, 130, 512] {
                let inputs = wave(&[rows, 70], 0.37);
                let along_logits = wave(&[rows, 3 * heads as i64], 1.1) / rows;
                let along_values = wave(&[rows], 0.7) / rows;
                let (logits, values) = network.forward(&inputs, None);
                let loss =
                    values.dot(&along_values) + logits.view([-1]).dot(&along_logits.view([-1]));
                let known = network.parameters.gradient(&loss);
                let slopes = Slopes::of(&mut made, &network, rows as usize)
                    .expect("towers and choices alone");
                let found = slopes.forward(&network, &inputs);
                assert_eq!((bits(&found.0), bits(&found.1)), (bits(&logits), bits(&values)));
                let gradient = slopes.backward(&network, &inputs, &along_logits, &along_values);
                for (at, part) in slopes.parts.iter().enumerate() {
                    let offset: i64 =
                        slopes.parts[..at].iter().map(|part| part.numel() as i64).sum();
                    let known = known.narrow(0, offset, part.numel() as i64);
                    assert_eq!(
                        bits(part),
                        bits(&known),
                        "{depth} layers, {rows} rows, tensor {at}"
                    );
                }
                assert!(network.parameters.step(gradient, adam) > 0.0);
            }
            assert_eq!(made.len(), 2);
        }
        // Where there is more to it than towers, libtorch differentiates.
        let (low, high) = (vec![-1.0], vec![1.0]);
        let action = ActionSpace::Continuous { low, high };
        let rows = Rows { start: 0, room: 2, width: 2, present: None, heads: 0 };
        let plain = NetworkShape { obs_dim: 4, set: None, memory: 0, width: 4, depth: 1, action };
        let choices = ActionSpace::MultiDiscrete { heads: vec![2] };
        let others = [
            plain.clone(),
            NetworkShape { memory: 3, action: choices.clone(), ..plain.clone() },
            NetworkShape { set: Some((rows, 3)), action: choices, ..plain },
        ];
        for shape in others {
            let weights = shape.initial(&Noise::new(2), &[], 0.0);
            let network = Network::new(shape, &weights, Device::Cpu);
            assert!(Slopes::of(&mut Vec::new(), &network, 3).is_none());
        }
    }
}
