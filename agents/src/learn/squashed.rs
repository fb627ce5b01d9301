//! Bounded numbers: a Gaussian squashed into each number's bounds, `a = middle + half·tanh u` with
//! `u ~ N(mean, deviation²)`, on tensors; draws in plain Rust. What is stored and compared is `u`: nothing is lost
//! where tanh rounds to ±1.
//!
//! The deviation does not depend on what is observed: one learned logarithm per number, as in TRPO and PPO
//! (Schulman et al., 2015, arXiv:1502.05477, appendix D; Huang et al., 2022, "The 37 implementation details of
//! PPO", continuous action domains, 2). The change of variables is that of Haarnoja et al., 2018
//! (arXiv:1801.01290, appendix C).

use std::f64::consts::{LN_2, PI};

use rand::Rng;
use tch::{Device, Kind, Tensor};

use super::noise::normals;
use crate::bounds::Bounds;
use crate::frozen::LEGAL_ABOVE;

/// Nodes of the trapezoidal rule for the entropy, and the distance between them, in deviations.
const NODES: i32 = 21;
const NODE_STEP: f64 = 0.5;

/// The numbers of a policy, on tensors.
#[derive(Debug)]
pub struct Squashed {
    pub(super) bounds: Bounds,
    /// ln of half the distance between the bounds, `[A]`.
    ln_half: Tensor,
    /// The rule's nodes, `[Q]`, and its weights, `[Q]`, which sum to 1.
    nodes: Tensor,
    weights: Tensor,
}

impl Squashed {
    /// Numbers within these bounds.
    #[must_use]
    pub fn new(bounds: Bounds, device: Device) -> Self {
        let tensor = |v: &[f64]| Tensor::from_slice(v).to_kind(Kind::Float).to_device(device);
        let ln_half: Vec<f64> =
            (0..bounds.len()).map(|i| libm::log(f64::from(bounds.half(i)))).collect();
        let nodes: Vec<f64> = (0..NODES).map(|k| NODE_STEP * f64::from(k - NODES / 2)).collect();
        let heights: Vec<f64> = nodes.iter().map(|x| libm::exp(-0.5 * x * x)).collect();
        let sum: f64 = heights.iter().sum();
        let weights: Vec<f64> = heights.iter().map(|h| h / sum).collect();
        Self { ln_half: tensor(&ln_half), nodes: tensor(&nodes), weights: tensor(&weights), bounds }
    }

    /// Log-density of the actions behind `raw` `[M, A]`, per the environment's units, and differential
    /// entropy, each summed over the numbers that are read, `[M]`; of `means` `[M, A]` and `log_std` `[A]`, with
    /// `unread` `[M, A]`, if any is.
    ///
    /// The entropy is the Gaussian's plus the mean of ln |da/du|, a number at a time: no closed form is known,
    /// so the mean is the trapezoidal rule's over ±5 deviations. Nothing is drawn, and gradients are those of
    /// the rule. It is off by less than 1e-5 nats for deviations up to 1, by 0.01 at 3.
    pub fn log_probs_and_entropy(
        &self,
        means: &Tensor,
        log_std: &Tensor,
        unread: Option<&Tensor>,
        raw: &Tensor,
    ) -> (Tensor, Tensor) {
        let half_ln_tau = 0.5 * libm::log(2.0 * PI);
        let normal = (raw - means) * (-log_std).exp(); // [M, A]
        let slope = ln_slope(raw) + &self.ln_half; // [M, A]
        let density = normal.square() * -0.5 - log_std - half_ln_tau - slope; // [M, A]
        let nodes = means.unsqueeze(-1) + log_std.exp().unsqueeze(-1) * &self.nodes; // [M, A, Q]
        let expected = ln_slope(&nodes).matmul(&self.weights) + &self.ln_half; // [M, A]
        let entropy = expected + log_std + (0.5 + half_ln_tau); // [M, A]
        let sum = |each: Tensor| {
            let read = unread.map_or(each.shallow_clone(), |unread| each.masked_fill(unread, 0.0));
            read.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
        };
        (sum(density), sum(entropy)) // [M], [M]
    }

    /// Draws an action `[A]` from `means` `[A]` and `log_std` `[A]`, and what it was before it was squashed into
    /// `raw` `[A]`; a number that is not read (`read` 0) is left in its middle. Returns the log-density.
    pub fn sample(
        &self,
        means: &[f32],
        log_std: &[f32],
        read: &[f32],
        raw: &mut [f32],
        action: &mut [f32],
        rng: &mut impl Rng,
    ) -> f32 {
        let mut log_prob = 0.0;
        let mut spare = None;
        for i in 0..self.bounds.len() {
            // Drawn even where it is not read: a number's noise does not depend on the others' masks.
            let normal = spare.take().unwrap_or_else(|| {
                let [first, second] = normals(rng);
                spare = Some(second);
                first
            });
            if read[i] <= LEGAL_ABOVE {
                (raw[i], action[i]) = (0.0, self.bounds.place(i, 0.0));
                continue;
            }
            let (mean, log_std) = (f64::from(means[i]), f64::from(log_std[i]));
            raw[i] = (mean + libm::exp(log_std) * normal) as f32;
            action[i] = self.bounds.place(i, libm::tanhf(raw[i]));
            // The density of what is stored, not of what was drawn before rounding.
            let u = f64::from(raw[i]);
            let z = (u - mean) * libm::exp(-log_std);
            let slope = 2.0 * (LN_2 - u.abs() - libm::log1p(libm::exp(-2.0 * u.abs())));
            let ln_half = libm::log(f64::from(self.bounds.half(i)));
            log_prob += -0.5 * z * z - log_std - 0.5 * libm::log(2.0 * PI) - slope - ln_half;
        }
        log_prob as f32
    }
}

/// ln(1 − tanh²u) without cancellation: 2·(ln 2 − u − softplus(−2u)).
pub(super) fn ln_slope(u: &Tensor) -> Tensor {
    (u * -1.0 - (u * -2.0).softplus() + LN_2) * 2.0
}
