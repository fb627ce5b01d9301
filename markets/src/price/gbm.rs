//! Geometric Brownian motion.
//!
//! dS = μ·S·dt + σ·S·dW, stepped exactly: ln S moves by (μ − σ²/2)·Δ + σ·√Δ·Z.
//! μ per year, σ per √year, Δ in years of 365 days. Source: Samuelson (1965).

use super::{SpecError, require};
use crate::units::SECONDS_PER_YEAR;
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gbm {
    /// μ: expected growth of the price, per year (0.05 is 5 %).
    pub drift_per_year: f64,
    /// σ: volatility of the log price, per √year (0.8 is 80 %).
    pub vol_per_sqrt_year: f64,
}

/// The process, its step worked out for a block length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GbmProcess {
    mean: f64,
    deviation: f64,
}

impl GbmProcess {
    pub(super) fn new(spec: Gbm, block_secs: u32) -> Result<Self, SpecError> {
        let Gbm { drift_per_year, vol_per_sqrt_year } = spec;
        require(true, "drift_per_year", drift_per_year, "finite")?;
        require(vol_per_sqrt_year >= 0.0, "vol_per_sqrt_year", vol_per_sqrt_year, "at least 0")?;
        let years = years(block_secs);
        Ok(Self {
            mean: (drift_per_year - 0.5 * vol_per_sqrt_year * vol_per_sqrt_year) * years,
            deviation: vol_per_sqrt_year * years.sqrt(),
        })
    }

    /// The block's log return, from its normal.
    #[inline]
    pub(super) fn step(&self, z: f64) -> f64 {
        self.mean + self.deviation * z
    }
}

/// Seconds in years of 365 days.
pub(super) fn years(secs: u32) -> f64 {
    f64::from(secs) / SECONDS_PER_YEAR as f64
}
