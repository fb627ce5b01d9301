//! The learner's network on libtorch: one flat leaf's worth of storage, its views as parameters, and
//! Adam (Kingma and Ba, 2015) over explicit moment tensors.

use tch::{Device, Kind, Tensor, no_grad};

use super::error::LearnError;
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

/// Adam's settings for one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Step size.
    pub learning_rate: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Gradients are scaled down to this norm.
    pub max_grad_norm: f64,
}

const BETA_MEAN: f64 = 0.9;
const BETA_SQUARE: f64 = 0.999;

/// An actor-critic and its optimiser.
#[derive(Debug)]
pub struct Network {
    shape: NetworkShape,
    device: Device,
    /// All parameters, `[P]`. Those below are views of it.
    flat: Tensor,
    parameters: Vec<Tensor>,
    adam_mean: Tensor,
    adam_square: Tensor,
    adam_steps: u64,
}

impl Network {
    /// A network with these weights, moments at 0.
    #[must_use]
    pub fn new(shape: NetworkShape, weights: &[f32], device: Device) -> Self {
        assert_eq!(weights.len(), shape.parameters(), "Invariant: weights");
        let flat = Tensor::from_slice(weights).to_device(device);
        let mut offset = 0;
        let parameters = shape
            .tensors()
            .iter()
            .map(|size| {
                let length = size.iter().product();
                let view = flat.narrow(0, offset, length).view(size.as_slice());
                offset += length;
                view.detach().set_requires_grad(true)
            })
            .collect();
        Self {
            adam_mean: flat.zeros_like(),
            adam_square: flat.zeros_like(),
            adam_steps: 0,
            shape,
            device,
            flat,
            parameters,
        }
    }

    /// Puts back the optimiser's state.
    pub fn set_adam(&mut self, mean: &[f32], square: &[f32], steps: u64) {
        self.adam_mean = Tensor::from_slice(mean).to_device(self.device);
        self.adam_square = Tensor::from_slice(square).to_device(self.device);
        self.adam_steps = steps;
    }

    /// Sizes.
    #[must_use]
    pub fn shape(&self) -> &NetworkShape {
        &self.shape
    }
    /// Where the tensors live.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }
    /// The flat weights.
    #[must_use]
    pub fn weights(&self) -> Vec<f32> {
        to_vec(&self.flat)
    }
    /// Adam's moments and steps.
    #[must_use]
    pub fn adam(&self) -> (Vec<f32>, Vec<f32>, u64) {
        (to_vec(&self.adam_mean), to_vec(&self.adam_square), self.adam_steps)
    }
    /// No weight is NaN or infinite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.flat.isfinite().all().int64_value(&[]) != 0
    }

    /// Logits `[B, logits]`, not yet masked, and values `[B]` of normalised observations
    /// `[B, obs_dim]`.
    pub fn forward(&self, obs: &Tensor) -> (Tensor, Tensor) {
        let p = &self.parameters;
        let width = self.shape.width as i64;
        let fused = p[1].addmm(obs, &p[0]).tanh(); // [B, 2·width]
        let mut towers = fused.view([-1, 2, width]).transpose(0, 1); // [2, B, width]
        for layer in p[2..p.len() - 4].as_chunks::<2>().0 {
            towers = layer[1].baddbmm(&towers, &layer[0], 1.0, 1.0).tanh(); // [2, B, width]
        }
        let [.., actor_weight, actor_bias, critic_weight, critic_bias] = p.as_slice() else {
            unreachable!("Invariant: four parameters of the outputs");
        };
        let logits = actor_bias.addmm(&towers.get(0), actor_weight); // [B, logits]
        let values = critic_bias.addmm(&towers.get(1), critic_weight); // [B, 1]
        (logits, values.squeeze_dim(-1))
    }

    /// The gradient of `loss` over the flat vector, `[P]`.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let parts: Vec<Tensor> = Tensor::run_backward(&[loss], &self.parameters, false, false)
            .iter()
            .map(|g| g.reshape([-1]))
            .collect();
        Tensor::cat(&parts, 0)
    }

    /// One step of Adam along `gradient` `[P]`; returns the norm before clipping. A norm that is
    /// not finite leaves everything unchanged.
    pub fn step(&mut self, mut gradient: Tensor, adam: AdamStep) -> f64 {
        no_grad(|| {
            let norm = gradient.norm().double_value(&[]);
            if !norm.is_finite() {
                return norm;
            }
            if norm > adam.max_grad_norm {
                gradient *= adam.max_grad_norm / (norm + 1e-6);
            }
            self.adam_steps += 1;
            let steps = self.adam_steps as f64;
            self.adam_mean *= BETA_MEAN;
            self.adam_mean += &gradient * (1.0 - BETA_MEAN);
            self.adam_square *= BETA_SQUARE;
            self.adam_square += gradient.square() * (1.0 - BETA_SQUARE);
            let mean_bias = 1.0 - libm::pow(BETA_MEAN, steps);
            let square_bias = 1.0 - libm::pow(BETA_SQUARE, steps);
            let mut denominator = (&self.adam_square / square_bias).sqrt();
            denominator += adam.epsilon;
            self.flat -= (&self.adam_mean / &denominator) * (adam.learning_rate / mean_bias);
            norm
        })
    }
}

/// A tensor's values in row-major order, on the host.
#[must_use]
pub fn to_vec(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    copy_to(tensor, &mut values);
    values
}

/// A tensor's values in row-major order, into `out`.
pub fn copy_to(tensor: &Tensor, out: &mut [f32]) {
    let host = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    let n = host.numel();
    host.copy_data(out, n);
}
