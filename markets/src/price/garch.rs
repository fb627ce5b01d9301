//! Hourly GARCH(1,1) with Student-t hours, spread over the blocks of the hour.
//!
//! r = m + √h·ε, ε Student-t of ν degrees of freedom and unit variance;
//! h' = ω + α·(r − m)² + β·h, once an hour, from the completed hour's return.
//! r in percent log return of the hour, h in percent², so ω is in percent² an hour; α, β and ν are pure.
//! Source: Bollerslev (1986, 1987).
//!
//! Within the hour the n blocks are normal of variance h·w/n, with w = (ν − 2)/χ²_ν drawn once an hour:
//! a scale mixture, so the hour's return is exactly t (the sum of n small independent t's would be
//! nearly normal). Assets of one ν share w: their hours are jointly multivariate t, so they crash
//! together and keep their correlation.
//!
//! A fit with α + β near one has an unconditional variance far from the sample's; use
//! [`Garch::targeting`] to fix the variance and keep the persistence.

use super::{HOUR_SECS, SpecError, blocks_in, draw, require};
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Garch {
    /// m: mean log return, percent an hour.
    pub mean_percent_per_hour: f64,
    /// ω: percent² an hour.
    pub omega: f64,
    /// α: weight of the last hour's squared surprise.
    pub alpha: f64,
    /// β: weight of the last hour's variance.
    pub beta: f64,
    /// ν: degrees of freedom of the hours, above 2.
    pub t_nu: f64,
    /// h at the start, percent²; `None` for the unconditional ω / (1 − α − β).
    pub start_variance: Option<f64>,
    /// Largest h, percent²: with infinite kurtosis the recursion has rare explosions no market showed.
    pub max_variance: f64,
}

impl Garch {
    /// Of a given unconditional standard deviation, in percent an hour: ω = sd²·(1 − α − β). The
    /// conditional variance is capped at 100 times the unconditional one.
    #[must_use]
    pub fn targeting(sd_percent_per_hour: f64, alpha: f64, beta: f64, t_nu: f64) -> Self {
        let variance = sd_percent_per_hour * sd_percent_per_hour;
        Self {
            mean_percent_per_hour: 0.0,
            omega: variance * (1.0 - alpha - beta),
            alpha,
            beta,
            t_nu,
            start_variance: None,
            max_variance: 100.0 * variance,
        }
    }

    /// ω / (1 − α − β), percent² an hour.
    #[must_use]
    pub fn unconditional_variance(&self) -> f64 {
        self.omega / (1.0 - self.alpha - self.beta)
    }

    fn first_variance(&self) -> f64 {
        self.start_variance.unwrap_or_else(|| self.unconditional_variance())
    }
}

/// The process: parameters and state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GarchProcess {
    spec: Garch,
    /// Blocks in an hour.
    blocks: u32,
    /// Block within the hour.
    block: u32,
    /// h, percent².
    variance: f64,
    /// The hour's surprise so far, percent.
    surprise: f64,
    /// Deviation of a block's return, percent.
    deviation: f64,
}

impl GarchProcess {
    pub(super) fn new(spec: Garch, block_secs: u32) -> Result<Self, SpecError> {
        let Garch {
            mean_percent_per_hour,
            omega,
            alpha,
            beta,
            t_nu,
            start_variance: _,
            max_variance,
        } = spec;
        require(true, "mean_percent_per_hour", mean_percent_per_hour, "finite")?;
        require(omega > 0.0, "omega", omega, "positive")?;
        require(alpha >= 0.0, "alpha", alpha, "at least 0")?;
        require(beta >= 0.0, "beta", beta, "at least 0")?;
        require(alpha + beta < 1.0, "alpha + beta", alpha + beta, "below 1")?;
        require(t_nu > 2.0, "t_nu", t_nu, "above 2, for the variance to be finite")?;
        let variance = spec.first_variance();
        require(variance > 0.0, "start_variance", variance, "positive")?;
        require(max_variance >= variance, "max_variance", max_variance, "at least the variance")?;
        let blocks = blocks_in(HOUR_SECS, block_secs)?;
        Ok(Self { spec, blocks, block: 0, variance, surprise: 0.0, deviation: 0.0 })
    }

    pub(super) fn restart(&mut self) {
        self.block = 0;
        self.surprise = 0.0;
        self.variance = self.spec.first_variance();
    }

    /// The block's log return. `word` is the block's shared word; it counts at the hour's first block.
    #[inline]
    pub(super) fn step(&mut self, z: f64, word: u64) -> f64 {
        if self.block == 0 {
            let mixed = self.variance
                * draw::student_variance(&mut draw::stream(word, SALT), self.spec.t_nu);
            self.deviation = (mixed / f64::from(self.blocks)).sqrt();
        }
        let surprise = self.deviation * z;
        self.surprise += surprise;
        self.block += 1;
        if self.block == self.blocks {
            self.close_hour();
        }
        (self.spec.mean_percent_per_hour / f64::from(self.blocks) + surprise) / 100.0
    }

    fn close_hour(&mut self) {
        let Garch { omega, alpha, beta, max_variance, .. } = self.spec;
        let next = omega + alpha * self.surprise * self.surprise + beta * self.variance;
        self.variance = next.min(max_variance);
        self.surprise = 0.0;
        self.block = 0;
    }
}

/// Keeps the hour's violence apart from other uses of the shared word.
pub(super) const SALT: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variance_is_targeted_and_capped() {
        let spec = Garch::targeting(2.0, 0.1, 0.8, 4.0);
        assert_eq!(spec.max_variance, 400.0);
        assert!((spec.unconditional_variance() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn an_hours_mean_is_spread_over_its_blocks() {
        let spec = Garch { mean_percent_per_hour: 3.0, ..Garch::targeting(2.0, 0.1, 0.8, 4.0) };
        let mut process = GarchProcess::new(spec, 12).expect("300 blocks an hour");
        for word in 0..300 {
            assert_eq!(process.step(0.0, word), 3.0 / 300.0 / 100.0);
        }
    }
}
