//! Price processes: what the outside world thinks assets are worth, one value per block.
//!
//! Prices are beliefs (`f64`, USD per whole token). Each process has a file that opens with its
//! equation, its parameters with units, and its source; [`JointPrices`] drives several together.
//!
//! Every step takes the same number of draws from the generator, whatever they turn out to be: one
//! word that the assets share (common events: which hour is resampled, how violent the hour is) and
//! one normal for each asset, correlated by a [`Cholesky`] factor.

pub mod beta;
pub mod bootstrap;
mod bridge;
mod correlation;
pub mod draw;
pub mod facts;
pub mod garch;
pub mod gbm;
mod joint;
pub mod jump_diffusion;
pub mod ou;
pub mod pegged;
pub mod regime;
pub mod replay;
pub mod stable;

pub use beta::Beta;
pub use bootstrap::Bootstrap;
pub use correlation::Cholesky;
pub use garch::Garch;
pub use gbm::Gbm;
pub use joint::JointPrices;
pub use jump_diffusion::JumpDiffusion;
pub use ou::Reversion;
pub use pegged::Pegged;
pub use regime::{Regime, RegimeSwitching};
pub use replay::Replay;
pub use stable::{Depeg, Stable};

use serde::{Deserialize, Serialize};

/// Seconds in an hour, the period that hourly processes are fitted to.
pub const HOUR_SECS: u32 = 3_600;

/// One recorded candle, in USD (or any other unit: a [`Replay`] scales it).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bar {
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
}

impl Bar {
    /// Whether it is finite, positive and ordered: low ≤ open, close ≤ high.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.low > 0.0
            && self.high.is_finite()
            && self.low <= self.open.min(self.close)
            && self.high >= self.open.max(self.close)
    }
    /// Every price times `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            open: self.open * factor,
            high: self.high * factor,
            low: self.low * factor,
            close: self.close * factor,
        }
    }
}

/// How one asset's price moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PriceSpec {
    /// Geometric Brownian motion.
    Gbm(Gbm),
    /// Hourly GARCH(1,1) with Student-t hours, spread over the blocks of the hour.
    Garch(Garch),
    /// A recorded path, bridged within its bars.
    Replay(Replay),
    /// A multiple of another asset's return plus a residual.
    Beta(Beta),
    /// A stablecoin: mean reversion to one USD, with rare depegs.
    Stable(Stable),
    /// Recorded hours resampled in blocks.
    Bootstrap(Bootstrap),
    /// Geometric Brownian motion with jumps.
    JumpDiffusion(JumpDiffusion),
    /// Calm and turbulent times as a Markov chain.
    RegimeSwitching(RegimeSwitching),
    /// Mean reversion to another asset's price, with rare depegs.
    Pegged(Pegged),
}

impl PriceSpec {
    /// Index of the asset whose return this one's is made from.
    #[must_use]
    pub const fn follows(&self) -> Option<usize> {
        match self {
            Self::Beta(Beta { on, .. }) | Self::Pegged(Pegged { on, .. }) => Some(*on),
            Self::Gbm(_)
            | Self::Garch(_)
            | Self::Replay(_)
            | Self::Stable(_)
            | Self::Bootstrap(_)
            | Self::JumpDiffusion(_)
            | Self::RegimeSwitching(_) => None,
        }
    }
}

/// Why a process cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A parameter is not where it makes sense.
    #[error("`{parameter}` is {value}, needs to be {needs}")]
    OutOfRange {
        /// Which.
        parameter: &'static str,
        /// Its value.
        value: f64,
        /// What it needs to be.
        needs: &'static str,
    },
    /// A bar is not finite, positive and ordered.
    #[error("bar {index} is not ordered low ≤ open, close ≤ high with positive finite prices")]
    BadBar {
        /// Position in its window.
        index: usize,
    },
    /// There is no bar, or no window.
    #[error("there is no recorded bar")]
    NoBars,
    /// A window of recorded hours is shorter than a resampled block.
    #[error("training window {window} has {bars} bars, fewer than a block of {needs}")]
    WindowTooShort {
        /// Which window.
        window: usize,
        /// Its length.
        bars: usize,
        /// The block's length.
        needs: u32,
    },
    /// Blocks do not tile the period, or fewer than four fit in a bar.
    #[error("blocks of {block_secs} s must divide {period_secs} s, at least four to a bar")]
    BlocksDoNotTile {
        /// Seconds in a block.
        block_secs: u32,
        /// Seconds in the hour or bar.
        period_secs: u32,
    },
    /// A transition matrix does not have a row and a column for each regime.
    #[error(
        "a transition matrix of {regimes} regimes needs rows and columns for each, not {found}"
    )]
    TransitionShape {
        /// Rows, or entries of a row, found.
        found: usize,
        /// Regimes.
        regimes: usize,
    },
    /// A row of a transition matrix is no distribution.
    #[error("row {row} of the transition matrix sums to {sum}: it needs probabilities of sum 1")]
    TransitionRow {
        /// Which.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// A chain without a stationary distribution.
    #[error("regime {regime} cannot be left for those before it: give `start`, or a way out")]
    TrappingRegime {
        /// Which.
        regime: usize,
    },
    /// A beta or a peg refers to itself, in a circle, or to no asset.
    #[error("its return depends on itself, or on an asset that does not exist (`on: {on}`)")]
    BadDependence {
        /// The index referred to.
        on: usize,
    },
}

/// Why a joint process cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum PriceError {
    /// One asset's process is wrong.
    #[error("asset {asset}: {reason}")]
    Asset {
        /// Which.
        asset: usize,
        /// Why.
        reason: SpecError,
    },
    /// Lengths differ.
    #[error("{what}: {found}, expected {expected}")]
    Length {
        /// Of what.
        what: &'static str,
        /// Found.
        found: usize,
        /// Expected.
        expected: usize,
    },
    /// The matrix is not a correlation matrix: unit diagonal, symmetric, within [−1, 1].
    #[error(
        "correlation[{row}][{column}] is {value}: not symmetric within [−1, 1] with unit diagonal"
    )]
    NotCorrelation {
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// The entry.
        value: f64,
    },
    /// The matrix is not positive semi-definite.
    #[error(
        "the correlation matrix is not positive semi-definite: row {row} (from 0) contradicts those \
         above it; no prices can be correlated so. Move its entries towards 0"
    )]
    NotPositiveSemiDefinite {
        /// The row at which the factorisation fails.
        row: usize,
    },
}

/// Fails unless `ok`.
fn require(
    ok: bool,
    parameter: &'static str,
    value: f64,
    needs: &'static str,
) -> Result<(), SpecError> {
    if ok && value.is_finite() {
        Ok(())
    } else {
        Err(SpecError::OutOfRange { parameter, value, needs })
    }
}

/// Blocks in a period, where they tile it.
fn blocks_in(period_secs: u32, block_secs: u32) -> Result<u32, SpecError> {
    if block_secs == 0 || period_secs == 0 || !period_secs.is_multiple_of(block_secs) {
        return Err(SpecError::BlocksDoNotTile { block_secs, period_secs });
    }
    Ok(period_secs / block_secs)
}

/// Serde for shared slices: written as sequences, read back as new allocations.
mod shared_slice {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer, T: Serialize>(
        slice: &Arc<[T]>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        slice.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
        deserializer: D,
    ) -> Result<Arc<[T]>, D::Error> {
        Vec::<T>::deserialize(deserializer).map(Arc::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn salts_keep_processes_apart() {
        let salts = [beta::SALT, bridge::SALT, garch::SALT, jump_diffusion::SALT, regime::SALT];
        assert_eq!(salts, [1 << 32, 2, 1, 1 << 33, 1 << 35]);
    }

    #[test]
    fn blocks_tile_a_period_or_are_refused() {
        assert_eq!(blocks_in(3_600, 12), Ok(300));
        for (period_secs, block_secs) in [(0, 12), (3_600, 0), (0, 0), (3_600, 7)] {
            let refused = SpecError::BlocksDoNotTile { block_secs, period_secs };
            assert_eq!(blocks_in(period_secs, block_secs), Err(refused));
        }
    }
}
