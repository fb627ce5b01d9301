//! The learner's network on libtorch.

use tch::{Device, Tensor};

use super::error::LearnError;
use super::parameters::Parameters;
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

    /// What is remembered after normalised observations `[B, obs_dim]` on top of `state`
    /// `[B, memory]`: the towers' inputs.
    ///
    /// # Panics
    /// Where the network has no memory.
    pub fn remember(&self, obs: &Tensor, state: &Tensor) -> Tensor {
        assert!(self.shape.memory > 0, "Invariant: a network with memory");
        let [input_weight, state_weight, input_bias, state_bias, ..] = self.parameters.views()
        else {
            unreachable!("Invariant: four tensors of the recurrent unit");
        };
        obs.gru_cell(state, input_weight, state_weight, Some(input_bias), Some(state_bias))
    }

    /// Logarithms of the deviations of an action's numbers, `[A]`; none where actions are choices.
    #[must_use]
    pub fn log_std(&self) -> Option<&Tensor> {
        if self.shape.deviations() > 0 { self.parameters.views().last() } else { None }
    }

    /// Logits `[B, logits]`, not yet masked, or means of numbers, and values `[B]` of the towers' inputs,
    /// `[B, inputs]`: normalised observations, or what is remembered of them.
    pub fn forward(&self, obs: &Tensor) -> (Tensor, Tensor) {
        let p = self.parameters.views();
        let p = if self.shape.memory > 0 { &p[4..] } else { p };
        let p = &p[..p.len() - usize::from(self.shape.deviations() > 0)];
        let width = self.shape.width as i64;
        let fused = p[1].addmm(obs, &p[0]).tanh(); // [B, 2·width]
        let mut towers = fused.view([-1, 2, width]).transpose(0, 1); // [2, B, width]
        for layer in p[2..p.len() - 4].as_chunks::<2>().0 {
            towers = layer[1].baddbmm(&towers, &layer[0], 1.0, 1.0).tanh(); // [2, B, width]
        }
        let [.., actor_weight, actor_bias, critic_weight, critic_bias] = p else {
            unreachable!("Invariant: four parameters of the outputs");
        };
        let [actor, critic] = &towers.unbind(0)[..] else {
            unreachable!("Invariant: two towers");
        };
        let logits = actor_bias.addmm(actor, actor_weight); // [B, logits]
        let values = critic_bias.addmm(critic, critic_weight); // [B, 1]
        (logits, values.squeeze_dim(-1))
    }
}
