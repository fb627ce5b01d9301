//! Weights on libtorch: one flat vector, its views as parameters, and Adam (Kingma and Ba, 2015) over
//! explicit moment tensors, so that a checkpoint can hold all of it.

use tch::{Device, Kind, Tensor, no_grad};

use super::checkpoint::SavedParameters;

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

/// Weights and their optimiser.
#[derive(Debug)]
pub struct Parameters {
    device: Device,
    /// All weights, `[P]`. Those below are views of it.
    flat: Tensor,
    views: Vec<Tensor>,
    adam_mean: Tensor,
    adam_square: Tensor,
    adam_steps: u64,
}

impl Parameters {
    /// Tensors of these shapes, one after the other in `weights`; moments at 0.
    #[must_use]
    pub fn new(shapes: &[Vec<i64>], weights: &[f32], device: Device) -> Self {
        let length: i64 = shapes.iter().map(|size| size.iter().product::<i64>()).sum();
        assert_eq!(weights.len() as i64, length, "Invariant: weights fill their tensors");
        let flat = Tensor::from_slice(weights).to_device(device);
        let views = split(&flat, shapes);
        let views = views.iter().map(|view| view.detach().set_requires_grad(true)).collect();
        Self {
            adam_mean: flat.zeros_like(),
            adam_square: flat.zeros_like(),
            adam_steps: 0,
            device,
            flat,
            views,
        }
    }

    /// As they were saved.
    #[must_use]
    pub fn restore(shapes: &[Vec<i64>], saved: &SavedParameters, device: Device) -> Self {
        let mut parameters = Self::new(shapes, &saved.weights, device);
        parameters.adam_mean = Tensor::from_slice(&saved.adam_mean).to_device(device);
        parameters.adam_square = Tensor::from_slice(&saved.adam_square).to_device(device);
        parameters.adam_steps = saved.adam_steps;
        parameters
    }

    /// As plain numbers.
    #[must_use]
    pub fn save(&self) -> SavedParameters {
        SavedParameters {
            weights: self.weights(),
            adam_mean: to_vec(&self.adam_mean),
            adam_square: to_vec(&self.adam_square),
            adam_steps: self.adam_steps,
        }
    }

    /// Where the tensors live.
    #[must_use]
    pub fn device(&self) -> Device {
        self.device
    }
    /// The tensors, in the order of their shapes.
    pub fn views(&self) -> &[Tensor] {
        &self.views
    }
    /// The flat weights.
    #[must_use]
    pub fn weights(&self) -> Vec<f32> {
        to_vec(&self.flat)
    }
    /// No weight is NaN or infinite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        self.flat.isfinite().all().int64_value(&[]) != 0
    }

    /// Moves a share `tau` of the way to `other`'s weights (Polyak averaging).
    pub fn follow(&mut self, other: &Self, tau: f64) {
        no_grad(|| {
            self.flat *= 1.0 - tau;
            self.flat += &other.flat * tau;
        });
    }

    /// The gradient of `loss` over the flat vector, `[P]`.
    pub fn gradient(&self, loss: &Tensor) -> Tensor {
        let parts: Vec<Tensor> = Tensor::run_backward(&[loss], &self.views, false, false)
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
            // In as few passes over the weights as libtorch's operations allow.
            drop(self.adam_mean.lerp_(&gradient, 1.0 - BETA_MEAN));
            gradient *= (1.0 - BETA_SQUARE).sqrt();
            self.adam_square *= BETA_SQUARE;
            drop(self.adam_square.addcmul_(&gradient, &gradient));
            let mean_bias = 1.0 - libm::pow(BETA_MEAN, steps);
            let square_bias = 1.0 - libm::pow(BETA_SQUARE, steps);
            let mut denominator = self.adam_square.sqrt();
            denominator *= 1.0 / square_bias.sqrt();
            denominator += adam.epsilon;
            let step = &self.adam_mean * (-adam.learning_rate / mean_bias);
            drop(self.flat.addcdiv_(&step, &denominator));
            norm
        })
    }
}

/// Views of a flat tensor, of these shapes, one after the other.
pub(super) fn split(flat: &Tensor, shapes: &[Vec<i64>]) -> Vec<Tensor> {
    let mut offset = 0;
    let view = |size: &Vec<i64>| {
        let length = size.iter().product();
        offset += length;
        flat.narrow(0, offset - length, length).view(size.as_slice())
    };
    shapes.iter().map(view).collect()
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
    let n = tensor.numel();
    if tensor.device() == Device::Cpu && tensor.kind() == Kind::Float && tensor.is_contiguous() {
        return tensor.copy_data(out, n);
    }
    let host = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Float).contiguous();
    host.copy_data(out, n);
}

/// `values` into a contiguous tensor of as many floats, where it lies. Not for what is differentiated: libtorch does
/// not notice.
///
/// # Panics
/// The tensor is none such.
pub(super) fn copy_from(values: &[f32], tensor: &mut Tensor) {
    if tensor.device() != Device::Cpu {
        return tensor.copy_(&Tensor::from_slice(values).view(tensor.size().as_slice()));
    }
    floats_mut(tensor).copy_from_slice(values);
}

/// The floats of a contiguous tensor of the host's, where they lie. Not for what is differentiated: libtorch does not
/// notice.
///
/// # Panics
/// The tensor is none such.
pub(super) fn floats_mut(tensor: &mut Tensor) -> &mut [f32] {
    let fits = tensor.device() == Device::Cpu && tensor.kind() == Kind::Float;
    assert!(fits && tensor.is_contiguous(), "Invariant: a contiguous tensor of the host's floats");
    let n = tensor.numel();
    if n == 0 {
        return &mut [];
    }
    #[expect(unsafe_code, reason = "tch writes to a tensor of the host only by making another")]
    // SAFETY: the tensor has so many floats in the host's memory, one after the other, that have been written, and
    // lives as long as the slice. Nobody else reads or writes them meanwhile: `&mut` says so of this handle, libtorch
    // computes only when it is called, and another handle to the same memory is Rust's to use, on this thread, later.
    unsafe {
        std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), n)
    }
}
