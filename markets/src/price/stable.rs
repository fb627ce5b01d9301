//! A stablecoin: mean reversion to one USD, with rare depegs.
//!
//! ln S = x + y. Ordinary noise: dx = −κ·x·dt + σ·dW, κ = ln 2 / half-life, stepped exactly (Ornstein and
//! Uhlenbeck; see [`super::ou`]).
//! Depegs: y falls by an exponential amount at the arrivals of a Poisson process and recovers with its
//! own half-life: shot noise (Campbell, 1909) of mean −λ·f/κ_y and variance λ·f²/κ_y in the long run, λ the
//! arrivals and f the mean fall. σ per √year, half-lives in seconds, arrivals per year.

use super::ou::Reversion;
use super::{SpecError, draw, gbm::years, require};
use serde::{Deserialize, Serialize};

const LN_2: f64 = std::f64::consts::LN_2;

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stable {
    /// Time in which half of a deviation is gone, in seconds.
    pub half_life_secs: f64,
    /// σ: volatility of the noise, per √year.
    pub vol_per_sqrt_year: f64,
    /// Rare losses of the peg; `None` for none.
    pub depeg: Option<Depeg>,
}

/// Rare losses of the peg.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Depeg {
    /// Expected number a year.
    pub per_year: f64,
    /// Mean fall of the log price (0.05 is about 5 %); exponentially distributed.
    pub mean_log_fall: f64,
    /// Time in which half of it is recovered, in seconds.
    pub half_life_secs: f64,
}

/// The process: its step worked out for a block length, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StableProcess {
    reversion: Reversion,
    depeg_probability: f64,
    depeg_mean: f64,
    depeg_decay: f64,
    /// x.
    noise: f64,
    /// y, at most zero.
    gap: f64,
}

impl StableProcess {
    pub(super) fn new(spec: Stable, start: f64, block_secs: u32) -> Result<Self, SpecError> {
        let Stable { half_life_secs, vol_per_sqrt_year, depeg } = spec;
        let reversion = Reversion::new(half_life_secs, vol_per_sqrt_year, block_secs)?;
        let secs = f64::from(block_secs);
        let (mut depeg_probability, mut depeg_mean, mut depeg_decay) = (0.0, 0.0, 0.0);
        if let Some(Depeg { per_year, mean_log_fall, half_life_secs }) = depeg {
            require(per_year >= 0.0, "depeg.per_year", per_year, "at least 0")?;
            require(mean_log_fall >= 0.0, "depeg.mean_log_fall", mean_log_fall, "at least 0")?;
            require(half_life_secs > 0.0, "depeg.half_life_secs", half_life_secs, "positive")?;
            depeg_probability = 1.0 - libm::exp(-per_year * years(block_secs));
            depeg_mean = mean_log_fall;
            depeg_decay = libm::exp(-LN_2 * secs / half_life_secs);
        }
        Ok(Self {
            reversion,
            depeg_probability,
            depeg_mean,
            depeg_decay,
            noise: libm::log(start),
            gap: 0.0,
        })
    }

    pub(super) fn restart(&mut self, start: f64) {
        self.noise = libm::log(start);
        self.gap = 0.0;
    }

    /// The new log price. `word` decides on a depeg; `salt` keeps different stablecoins' apart.
    #[inline]
    pub(super) fn step(&mut self, z: f64, word: u64, salt: u64) -> f64 {
        self.noise = self.reversion.step(self.noise, z);
        if self.depeg_probability > 0.0 {
            self.gap *= self.depeg_decay;
            if draw::uniform(draw::derived(word, salt)) < self.depeg_probability {
                self.gap -= self.depeg_mean * draw::exponential(draw::derived(word, !salt));
            }
        }
        self.noise + self.gap
    }
}
