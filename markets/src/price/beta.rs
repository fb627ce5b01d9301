//! A long-tail asset: a multiple of another asset's return plus its own residual.
//!
//! r = β·r_on + σ·√(w·Δ)·Z, log returns, σ per √year, Δ in years; w = 1, or with `t_nu` an hourly
//! (ν − 2)/χ²_ν of its own, so that the residual's hours are Student-t. The single-index model of
//! Sharpe (1963). It also stands in for an asset without a record beside one that has (WBTC in 2020).

use super::{HOUR_SECS, SpecError, blocks_in, draw, gbm::years, require};
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beta {
    /// Index of the asset it follows.
    pub on: usize,
    /// β: its log return per log return of the other.
    pub beta: f64,
    /// σ: volatility of the residual, per √year.
    pub residual_vol_per_sqrt_year: f64,
    /// ν of the residual's hours, above 2; `None` for normal ones.
    pub residual_t_nu: Option<f64>,
}

/// The process: parameters and state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BetaProcess {
    beta: f64,
    nu: Option<f64>,
    /// Deviation of a block's residual before mixing.
    deviation: f64,
    /// √w of the running hour.
    mixing: f64,
    blocks: u32,
    block: u32,
    /// Keeps its violent hours apart from other assets'.
    salt: u64,
}

impl BetaProcess {
    pub(super) fn new(spec: Beta, block_secs: u32, index: usize) -> Result<Self, SpecError> {
        let Beta { on: _, beta, residual_vol_per_sqrt_year, residual_t_nu } = spec;
        require(true, "beta", beta, "finite")?;
        let vol = residual_vol_per_sqrt_year;
        require(vol >= 0.0, "residual_vol_per_sqrt_year", vol, "at least 0")?;
        if let Some(nu) = residual_t_nu {
            require(nu > 2.0, "residual_t_nu", nu, "above 2, for the variance to be finite")?;
        }
        Ok(Self {
            beta,
            nu: residual_t_nu,
            deviation: vol * years(block_secs).sqrt(),
            mixing: 1.0,
            blocks: blocks_in(HOUR_SECS, block_secs)?,
            block: 0,
            salt: SALT + index as u64,
        })
    }

    pub(super) fn restart(&mut self) {
        self.block = 0;
        self.mixing = 1.0;
    }

    /// The block's log return, given the other asset's.
    #[inline]
    pub(super) fn step(&mut self, z: f64, word: u64, on_return: f64) -> f64 {
        if let (0, Some(nu)) = (self.block, self.nu) {
            let mut rng = draw::stream(word, self.salt);
            self.mixing = draw::student_variance(&mut rng, nu).sqrt();
        }
        self.block += 1;
        if self.block == self.blocks {
            self.block = 0;
        }
        self.beta * on_return + self.deviation * self.mixing * z
    }
}

/// Above the salts of the other processes.
pub(super) const SALT: u64 = 1 << 32;
