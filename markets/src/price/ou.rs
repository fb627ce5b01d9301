//! Mean reversion: the exact step of an Ornstein–Uhlenbeck process.
//!
//! dx = −κ·x·dt + σ·dW, κ = ln 2 / half-life, stepped exactly:
//! x ← x·e^(−κΔ) + σ·√((1 − e^(−2κΔ)) / 2κ)·Z. σ per √year, half-life in seconds, Δ in years.
//! In the long run x is normal of deviation σ/√(2κ) and its autocorrelation halves every half-life.
//! Sources: G. E. Uhlenbeck and L. S. Ornstein, "On the theory of the Brownian motion", Physical Review 36
//! (1930); O. Vasicek, Journal of Financial Economics 5 (1977).

use super::{SpecError, gbm::years, require};
use serde::{Deserialize, Serialize};

const LN_2: f64 = std::f64::consts::LN_2;

/// A deviation that reverts to zero, its step worked out for a block length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reversion {
    /// e^(−κΔ).
    decay: f64,
    /// Deviation of a step's shock.
    deviation: f64,
}

impl Reversion {
    /// Of a half-life in seconds and a volatility per √year, for steps of `block_secs`.
    ///
    /// # Errors
    /// [`SpecError`]: a half-life that is not positive, a negative volatility.
    pub fn new(
        half_life_secs: f64,
        vol_per_sqrt_year: f64,
        block_secs: u32,
    ) -> Result<Self, SpecError> {
        require(half_life_secs > 0.0, "half_life_secs", half_life_secs, "positive")?;
        require(vol_per_sqrt_year >= 0.0, "vol_per_sqrt_year", vol_per_sqrt_year, "at least 0")?;
        let secs = f64::from(block_secs);
        let decay = libm::exp(-LN_2 * secs / half_life_secs);
        let kappa_per_year = LN_2 / half_life_secs * (secs / years(block_secs));
        let deviation = vol_per_sqrt_year * ((1.0 - decay * decay) / (2.0 * kappa_per_year)).sqrt();
        Ok(Self { decay, deviation })
    }

    /// The deviation after one more block, from its normal.
    #[must_use]
    #[inline]
    pub fn step(&self, x: f64, z: f64) -> f64 {
        x * self.decay + self.deviation * z
    }
}

/// The volatility per √year with which a deviation of this half-life has the standard deviation `sd` in the
/// long run: σ = sd·√(2κ).
#[must_use]
pub fn vol_per_sqrt_year(sd: f64, half_life_secs: f64) -> f64 {
    let kappa_per_year = LN_2 / half_life_secs * crate::units::SECONDS_PER_YEAR as f64;
    sd * (2.0 * kappa_per_year).sqrt()
}
