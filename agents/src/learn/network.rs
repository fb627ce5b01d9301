//! The learner's network on libtorch.

use tch::{Device, Kind, Tensor};

use super::error::LearnError;
use super::log::Stopwatch;
use super::noise::Noise;
use super::parameters::{AdamStep, Parameters};
use super::shape::NetworkShape;

/// `cpu`, `cuda` or `cuda:<n>`.
///
/// # Errors
/// libtorch sees no such device.
pub fn device(name: &str) -> Result<Device, LearnError> {
    let found = tch::Cuda::device_count();
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    match index {
        Some(index) if tch::Cuda::is_available() && (index as i64) < found => {
            Ok(Device::Cuda(index))
        }
        _ => Err(LearnError::Device { name: name.into(), found }),
    }
}

/// Decisions that pass a second through a network of this shape, a minibatch at a time, forward, backward and with Adam,
/// on a loss of no consequence, which libtorch differentiates: what it does by itself for a learner that does nothing else.
/// Measured for so many seconds.
#[must_use]
pub fn bare_decisions_per_second(
    shape: &NetworkShape,
    minibatch: usize,
    device: Device,
    seconds: f64,
) -> f64 {
    let weights = shape.initial(&Noise::new(1), &[], 0.0);
    let mut network = Network::new(shape.clone(), &weights, device);
    let obs = Tensor::ones([minibatch as i64, shape.obs_dim as i64], (Kind::Float, device));
    let (mut passes, watch) = (0, Stopwatch::start());
    while watch.seconds() < seconds || passes == 0 {
        bare_pass(&mut network, &obs);
        passes += 1;
    }
    (passes * minibatch) as f64 / watch.seconds()
}

/// One such pass over `obs` `[M, obs_dim]`; the gradient's norm.
pub fn bare_pass(network: &mut Network, obs: &Tensor) -> f64 {
    let adam = AdamStep { learning_rate: 1e-4, epsilon: 1e-5, max_grad_norm: 0.5 };
    let Seen { mut context, rows } = network.see(obs);
    if network.shape.memory > 0 {
        let nothing = [obs.size()[0], network.shape.memory as i64];
        context = network.remember(&context, &Tensor::zeros(nothing, (Kind::Float, obs.device())));
    }
    let (logits, values) = network.forward(&context, rows.as_ref());
    let loss = logits.square().mean(Kind::Float) + values.mean(Kind::Float);
    let gradient = network.parameters.gradient(&loss);
    network.parameters.step(gradient, adam)
}

/// What a network makes of observations before its towers.
#[derive(Debug)]
pub struct Seen {
    /// What the towers see, or what is to be remembered of it, `[B, seen]`.
    pub context: Tensor,
    /// What each row came to, `[B, R, S]`, where rows have heads of their own.
    pub rows: Option<Tensor>,
}

/// An actor-critic and its optimiser.
#[derive(Debug)]
pub struct Network {
    shape: NetworkShape,
    /// Its weights, as [`NetworkShape::tensors`] lays them out.
    pub parameters: Parameters,
}

impl Network {
    /// A network with these weights, moments at 0.
    #[must_use]
    pub fn new(shape: NetworkShape, weights: &[f32], device: Device) -> Self {
        Self { parameters: Parameters::new(&shape.tensors(), weights, device), shape }
    }

    /// Sizes.
    #[must_use]
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }

    /// Normalised observations `[B, obs_dim]` with their rows read as a set, `[B, seen]`: what is no row, then mean
    /// and maximum over the rows that are there, as [`crate::set::SetEncoder`] has it. Without a set, as they are.
    pub fn see(&self, obs: &Tensor) -> Seen {
        let Some((rows, set)) = &self.shape.set else {
            return Seen { context: obs.shallow_clone(), rows: None };
        };
        let [first_weight, first_bias, second_weight, second_bias, ..] = self.parameters.views()
        else {
            unreachable!("Invariant: four tensors of the set's reader");
        };
        let (batch, room, set) = (obs.size()[0], rows.room as i64, *set as i64);
        let (start, end) = (rows.cells().start as i64, rows.cells().end as i64);
        let each = obs.narrow(1, start, end - start).reshape([-1, rows.width as i64]); // [B·R, W]
        let hidden = first_bias.addmm(&each, first_weight).tanh(); // [B·R, S]
        let hidden = second_bias.addmm(&hidden, second_weight).tanh().view([batch, room, set]);
        let over = [1i64].as_slice();
        let (mean, most) = match rows.present {
            None => (hidden.mean_dim(over, false, Kind::Float), hidden.amax(over, false)), // [B, S]
            Some(flag) => {
                let there = each.narrow(1, flag as i64, 1).gt(0.0).view([batch, room, 1]);
                let weight = there.to_kind(Kind::Float); // [B, R, 1]
                let count = weight.sum_dim_intlist(over, false, Kind::Float).clamp_min(1.0); // [B, 1]
                let sum = (&hidden * weight).sum_dim_intlist(over, false, Kind::Float); // [B, S]
                let masked = hidden.masked_fill(&there.logical_not(), -1.0); // [B, R, S]
                (sum / count, masked.amax(over, false))
            }
        };
        let (before, after) =
            (obs.narrow(1, 0, start), obs.narrow(1, end, self.shape.obs_dim as i64 - end));
        let context = Tensor::cat(&[before, after, mean, most], 1);
        Seen { context, rows: (rows.heads > 0).then_some(hidden) }
    }

    /// What is remembered after what is seen, `[B, seen]`, on top of `state` `[B, memory]`: the towers' inputs.
    ///
    /// # Panics
    /// Where the network has no memory.
    pub fn remember(&self, obs: &Tensor, state: &Tensor) -> Tensor {
        assert!(self.shape.memory > 0, "Invariant: a network with memory");
        let [input_weight, state_weight, input_bias, state_bias, ..] =
            &self.parameters.views()[self.set_tensors()..]
        else {
            unreachable!("Invariant: four tensors of the recurrent unit");
        };
        obs.gru_cell(state, input_weight, state_weight, Some(input_bias), Some(state_bias))
    }

    /// Tensors of the set's reader, and of the heads of its rows, which come first.
    fn set_tensors(&self) -> usize {
        match &self.shape.set {
            None => 0,
            Some((rows, _)) if rows.heads == 0 => 4,
            Some(_) => 8,
        }
    }

    /// Logarithms of the deviations of an action's numbers, `[A]`; none where actions are choices.
    #[must_use]
    pub fn log_std(&self) -> Option<&Tensor> {
        if self.shape.deviations() > 0 { self.parameters.views().last() } else { None }
    }

    /// Tensors of the towers and the outputs, a weight and a bias after the other.
    pub(super) fn towers(&self) -> &[Tensor] {
        let p = &self.parameters.views()[self.set_tensors()..];
        let p = if self.shape.memory > 0 { &p[4..] } else { p };
        &p[..p.len() - usize::from(self.shape.deviations() > 0)]
    }

    /// The heads of `rows` `[B, R, S]`, each asked with what the actor's tower says of the whole, `[B, width]`:
    /// `[B, R·C]`.
    fn of_each(&self, rows: &Tensor, actor: &Tensor) -> Tensor {
        let [_, _, _, _, joint, joint_bias, out, out_bias, ..] = self.parameters.views() else {
            unreachable!("Invariant: four tensors of the rows' heads");
        };
        let (set, width) = (rows.size()[2], self.shape.width as i64);
        let whole = joint_bias.addmm(actor, &joint.narrow(0, set, width)).unsqueeze(1); // [B, 1, width]
        let hidden = (rows.matmul(&joint.narrow(0, 0, set)) + whole).tanh(); // [B, R, width]
        let flat = hidden.view([-1, width]);
        out_bias.addmm(&flat, out).view([actor.size()[0], -1])
    }

    /// Logits `[B, logits]`, not yet masked, or means of numbers, and values `[B]` of the towers' inputs,
    /// `[B, inputs]`: what is seen of normalised observations, or remembered of that, beside what each row came to.
    pub fn forward(&self, context: &Tensor, rows: Option<&Tensor>) -> (Tensor, Tensor) {
        let p = self.towers();
        let width = self.shape.width as i64;
        let fused = p[1].addmm(context, &p[0]).tanh(); // [B, 2·width]
        let mut towers = fused.view([-1, 2, width]).transpose(0, 1); // [2, B, width]
        for layer in p[2..p.len() - 4].as_chunks::<2>().0 {
            towers = layer[1].baddbmm(&towers, &layer[0], 1.0, 1.0).tanh(); // [2, B, width]
        }
        let [.., critic_weight, critic_bias] = p else {
            unreachable!("Invariant: four parameters of the outputs");
        };
        let [actor, critic] = &towers.unbind(0)[..] else {
            unreachable!("Invariant: two towers");
        };
        let values = critic_bias.addmm(critic, critic_weight); // [B, 1]
        (self.heads(actor, rows), values.squeeze_dim(-1))
    }

    /// Logits `[B, logits]` of what the actor's tower gives, `[B, width]`, beside what each row came to.
    pub(super) fn heads(&self, actor: &Tensor, rows: Option<&Tensor>) -> Tensor {
        let [.., weight, bias, _, _] = self.towers() else {
            unreachable!("Invariant: four parameters of the outputs");
        };
        let whole = bias.addmm(actor, weight); // [B, whole]
        match rows {
            None => whole,
            Some(rows) => Tensor::cat(&[self.of_each(rows, actor), whole], 1),
        }
    }
}
