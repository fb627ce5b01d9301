//! An asset pegged to another one (staked ether to ether, a bridged token to its original): mean reversion
//! to the other's price, with rare depegs and recovery.
//!
//! ln S = ln S_on + g·t + c + x + y, c from the start prices; x reverts by Ornstein and Uhlenbeck (see
//! [`super::ou`]), y falls at the arrivals of a Poisson process and recovers, as a stablecoin's (see
//! [`super::stable`], which is this with one USD in place of another asset). g per year is what the asset
//! earns: 0.03 for staked ether that accrues 3 % a year.

use super::stable::{Stable, StableProcess};
use super::{Depeg, SpecError, gbm::years, require};
use serde::{Deserialize, Serialize};

/// Parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pegged {
    /// Index of the asset it is pegged to.
    pub on: usize,
    /// g: growth of the log of the peg, per year.
    pub growth_per_year: f64,
    /// Time in which half of a deviation is gone, in seconds.
    pub half_life_secs: f64,
    /// σ: volatility of the deviation, per √year.
    pub vol_per_sqrt_year: f64,
    /// Rare losses of the peg; `None` for none.
    pub depeg: Option<Depeg>,
}

/// The process: parameters and state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PeggedProcess {
    deviation: StableProcess,
    /// x + y after the last block.
    last: f64,
    /// Growth of the log of the peg in a block.
    growth: f64,
}

impl PeggedProcess {
    pub(super) fn new(spec: Pegged, block_secs: u32) -> Result<Self, SpecError> {
        let Pegged { on: _, growth_per_year, half_life_secs, vol_per_sqrt_year, depeg } = spec;
        require(true, "growth_per_year", growth_per_year, "finite")?;
        let stable = Stable { half_life_secs, vol_per_sqrt_year, depeg };
        let deviation = StableProcess::new(stable, AT_PEG, block_secs)?;
        Ok(Self { deviation, last: 0.0, growth: growth_per_year * years(block_secs) })
    }

    pub(super) fn restart(&mut self) {
        self.deviation.restart(AT_PEG);
        self.last = 0.0;
    }

    /// The block's log return, given the other asset's.
    #[inline]
    pub(super) fn step(&mut self, z: f64, word: u64, salt: u64, on_return: f64) -> f64 {
        let deviation = self.deviation.step(z, word, salt);
        let moved = deviation - self.last;
        self.last = deviation;
        on_return + self.growth + moved
    }
}

/// The start: no deviation.
const AT_PEG: f64 = 1.0;
