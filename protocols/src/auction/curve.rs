//! How a Dutch auction's price falls (`abaci`).

use crate::fixed::{rmul, rpow};
use markets::units::{RAY, Ray, U256};
use serde::{Deserialize, Serialize};

/// A price curve: from the top, by seconds since the start. All products are floored, powers rounded
/// half up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Curve {
    /// `top · (τ − t) / τ`, zero from τ on (`LinearDecrease`).
    Linear {
        /// Seconds until the price is zero.
        tau_secs: u64,
    },
    /// `top · cut^⌊t / step⌋` (`StairstepExponentialDecrease`).
    Stairstep {
        /// What a step leaves of the price.
        cut: Ray,
        /// Seconds between two steps; not zero.
        step_secs: u64,
    },
    /// `top · cutᵗ` (`ExponentialDecrease`).
    Exponential {
        /// What a second leaves of the price.
        cut: Ray,
    },
}

impl Curve {
    /// The price after `elapsed_secs`, in the top price's unit; `None` where arithmetic overflows.
    #[must_use]
    pub fn price(&self, top: Ray, elapsed_secs: u64) -> Option<Ray> {
        let factor = match *self {
            Self::Linear { tau_secs } => {
                let left = tau_secs.saturating_sub(elapsed_secs);
                if left == 0 {
                    return Some(Ray::ZERO);
                }
                // Floor: `(τ − t)·RAY / τ`, then floored again by the product.
                U256::from(left) * RAY / U256::from(tau_secs)
            }
            Self::Stairstep { cut, step_secs } => {
                rpow(cut.0, elapsed_secs.checked_div(step_secs)?, RAY)?
            }
            Self::Exponential { cut } => rpow(cut.0, elapsed_secs, RAY)?,
        };
        rmul(top.0, factor).map(Ray)
    }
}
