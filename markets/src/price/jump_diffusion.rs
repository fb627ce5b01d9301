//! Jump diffusion: geometric Brownian motion with jumps of normal log size.
//!
//! dS/S = (μ − λ·k)·dt + σ·dW + (e^J − 1)·dN, N Poisson of intensity λ, J normal of mean m and deviation s,
//! k = e^(m + s²/2) − 1, so that the price grows by μ on average, jumps included. Stepped exactly:
//! ln S moves by (μ − σ²/2 − λ·k)·Δ + σ·√Δ·Z + n·m + √n·s·Z_J, n Poisson of mean λ·Δ.
//! μ and λ per year, σ per √year, m and s pure logs, Δ in years of 365 days.
//! Source: R. C. Merton, "Option pricing when underlying stock returns are discontinuous", Journal of
//! Financial Economics 3 (1976).
//!
//! Jumps of assets with `common_jumps` come from one draw: where their intensities are equal they jump in
//! the same blocks, and their sizes are one normal, each scaled by its own m and s.

use super::{SpecError, draw, gbm::years, require};
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpDiffusion {
    /// μ: expected growth of the price, jumps included, per year (0.05 is 5 %).
    pub drift_per_year: f64,
    /// σ: volatility of the log price between jumps, per √year.
    pub vol_per_sqrt_year: f64,
    /// λ: expected number of jumps a year.
    pub jumps_per_year: f64,
    /// m: mean of a jump of the log price (−0.05 is a fall of about 5 %).
    pub mean_log_jump: f64,
    /// s: standard deviation of a jump of the log price.
    pub log_jump_sd: f64,
    /// Whether it jumps together with the other assets that say so.
    pub common_jumps: bool,
}

impl JumpDiffusion {
    /// Variance of the log return, per year: σ² + λ·(m² + s²).
    #[must_use]
    pub fn variance_per_year(&self) -> f64 {
        let Self { vol_per_sqrt_year: vol, mean_log_jump: m, log_jump_sd: s, .. } = *self;
        vol * vol + self.jumps_per_year * (m * m + s * s)
    }

    /// Mean of the log return, per year: μ − σ²/2 − λ·k + λ·m.
    #[must_use]
    pub fn log_drift_per_year(&self) -> f64 {
        self.drift_between_jumps() + self.jumps_per_year * self.mean_log_jump
    }

    /// μ − σ²/2 − λ·k, per year.
    fn drift_between_jumps(&self) -> f64 {
        let Self { vol_per_sqrt_year: vol, mean_log_jump: m, log_jump_sd: s, .. } = *self;
        let compensator = self.jumps_per_year * libm::expm1(m + 0.5 * s * s);
        self.drift_per_year - 0.5 * vol * vol - compensator
    }
}

/// The process, its step worked out for a block length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JumpDiffusionProcess {
    mean: f64,
    deviation: f64,
    /// λ·Δ.
    jumps_per_block: f64,
    /// e^(−λ·Δ).
    no_jump: f64,
    mean_jump: f64,
    jump_deviation: f64,
    salt: u64,
}

impl JumpDiffusionProcess {
    pub(super) fn new(
        spec: JumpDiffusion,
        block_secs: u32,
        asset: usize,
    ) -> Result<Self, SpecError> {
        let JumpDiffusion {
            drift_per_year,
            vol_per_sqrt_year,
            jumps_per_year,
            mean_log_jump,
            log_jump_sd,
            common_jumps,
        } = spec;
        require(true, "drift_per_year", drift_per_year, "finite")?;
        require(vol_per_sqrt_year >= 0.0, "vol_per_sqrt_year", vol_per_sqrt_year, "at least 0")?;
        require(jumps_per_year >= 0.0, "jumps_per_year", jumps_per_year, "at least 0")?;
        require(mean_log_jump.abs() <= MOST_LOG, "mean_log_jump", mean_log_jump, "from -10 to 10")?;
        let sd_ok = (0.0..=MOST_LOG).contains(&log_jump_sd);
        require(sd_ok, "log_jump_sd", log_jump_sd, "from 0 to 10")?;
        let years = years(block_secs);
        let jumps_per_block = jumps_per_year * years;
        require(
            jumps_per_block <= MOST_JUMPS_PER_BLOCK,
            "jumps_per_year",
            jumps_per_year,
            "at most 50 in a block on average",
        )?;
        Ok(Self {
            mean: spec.drift_between_jumps() * years,
            deviation: vol_per_sqrt_year * years.sqrt(),
            jumps_per_block,
            no_jump: libm::exp(-jumps_per_block),
            mean_jump: mean_log_jump,
            jump_deviation: log_jump_sd,
            salt: SALT + if common_jumps { 0 } else { 1 + asset as u64 },
        })
    }

    /// The block's log return, from its normal; `word` decides on jumps.
    #[inline]
    pub(super) fn step(&self, z: f64, word: u64) -> f64 {
        let diffusion = self.mean + self.deviation * z;
        let u = draw::uniform(draw::derived(word, self.salt));
        if u < self.no_jump { diffusion } else { diffusion + self.jumps(u, word) }
    }

    /// The sum of the block's jumps: their number is the inverse of the Poisson distribution at `u`.
    #[cold]
    fn jumps(&self, u: f64, word: u64) -> f64 {
        let (mut count, mut term, mut sum) = (0.0, self.no_jump, self.no_jump);
        while sum <= u && count < 1_000.0 {
            count += 1.0;
            term *= self.jumps_per_block / count;
            sum += term;
        }
        let z = draw::normal(draw::derived(word, !self.salt));
        count * self.mean_jump + count.sqrt() * self.jump_deviation * z
    }
}

/// A jump of more than e¹⁰ is a typing error.
const MOST_LOG: f64 = 10.0;
/// Beyond this the number of jumps is no longer rare, and its inverse needs another method.
const MOST_JUMPS_PER_BLOCK: f64 = 50.0;
/// Keeps jumps apart from other uses of the shared word; an asset's own jumps have the next salts.
pub(super) const SALT: u64 = 1 << 33;
