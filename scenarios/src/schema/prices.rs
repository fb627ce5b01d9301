//! How prices move: sources of single assets, recorded windows, kinds of path, correlation.

use serde::{Deserialize, Serialize};

/// How an asset's fair price moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PriceSource {
    /// By the scenario's `paths`: recorded, resampled or generated. One asset has this.
    Paths,
    /// By another asset's return times `beta`, and a residual of its own.
    Beta {
        /// The other asset; it must stand before this one.
        on: String,
        /// Sensitivity.
        beta: f64,
        /// Standard deviation of the residual, in percent per square root of an hour.
        residual_percent_per_sqrt_hour: f64,
        /// Degrees of freedom of the residual's Student-t, above 2.
        residual_nu: f64,
    },
    /// Around one dollar.
    Stable {
        /// Half-life of a deviation, in hours.
        half_life_hours: f64,
        /// Standard deviation of shocks, in percent per square root of an hour.
        shock_percent_per_sqrt_hour: f64,
    },
    /// Around a dollar or around another asset's price, with rare losses of the peg.
    Pegged {
        /// The other asset, which must stand before this one; a dollar where it is left out. The ratio of
        /// the two start prices is the peg.
        #[serde(default)]
        to: Option<String>,
        /// What the peg grows by, in percent per year: what staked ether earns, say.
        #[serde(default)]
        growth_percent_per_year: f64,
        /// Half-life of a deviation, in hours.
        half_life_hours: f64,
        /// Standard deviation of shocks, in percent per square root of an hour.
        shock_percent_per_sqrt_hour: f64,
        /// Rare losses of the peg.
        #[serde(default)]
        depeg: Option<DepegSpec>,
    },
    /// Geometric Brownian motion.
    Gbm {
        /// Expected growth, in percent per year.
        #[serde(default)]
        drift_percent_per_year: f64,
        /// Volatility, in percent per square root of an hour.
        vol_percent_per_sqrt_hour: f64,
    },
    /// GARCH(1,1) with Student-t innovations on hourly percent returns.
    Garch {
        /// Constant of the variance, in squared percent per hour.
        omega_percent2: f64,
        /// Weight of the last squared return.
        alpha: f64,
        /// Weight of the last variance.
        beta: f64,
        /// Degrees of freedom of the innovations, above 2.
        nu: f64,
    },
    /// Geometric Brownian motion with jumps of normal log size.
    JumpDiffusion {
        /// Expected growth, jumps included, in percent per year.
        #[serde(default)]
        drift_percent_per_year: f64,
        /// Volatility between jumps, in percent per square root of an hour.
        vol_percent_per_sqrt_hour: f64,
        /// Expected number of jumps a year.
        jumps_per_year: f64,
        /// Mean of a jump's log return, in percent.
        jump_mean_percent: f64,
        /// Standard deviation of a jump's log return, in percent.
        jump_sd_percent: f64,
        /// Whether it jumps together with the other assets of which this is said.
        #[serde(default = "yes")]
        common_jumps: bool,
    },
    /// Calm and turbulent times as a Markov chain.
    RegimeSwitching {
        /// The regimes.
        regimes: Vec<RegimeSpec>,
        /// Probability of each regime in the next hour, a row for each regime now.
        hourly_transition: Vec<Vec<f64>>,
        /// Position of the first regime, from 0; drawn by their shares of time where it is left out.
        #[serde(default)]
        start: Option<u32>,
    },
}

const fn yes() -> bool {
    true
}

/// Rare losses of a peg.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepegSpec {
    /// Expected number a year.
    pub per_year: f64,
    /// Mean fall of the log price, in percent; falls are exponentially distributed.
    pub mean_fall_percent: f64,
    /// Time in which half of a fall is recovered, in hours.
    pub half_life_hours: f64,
}

/// What prices do in one regime.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeSpec {
    /// Mean of the log return, in percent per year.
    #[serde(default)]
    pub drift_percent_per_year: f64,
    /// Volatility, in percent per square root of an hour.
    pub vol_percent_per_sqrt_hour: f64,
}

/// Correlation of the normals that drive two assets; of pairs that are not listed it is 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationSpec {
    /// One asset.
    pub first: String,
    /// The other.
    pub second: String,
    /// Their correlation, -1 to 1.
    pub ratio: f64,
}

/// Whether training may see a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Fits, bootstraps, searches and checkpoint selection may see it.
    Train,
    /// Only the final evaluation may see it.
    Test,
}

/// A recorded price window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowSpec {
    /// Name, used in reports and by `--window`.
    pub name: String,
    /// Price file, relative to the scenario: candles in CSV or Parquet, as exchanges give them.
    pub csv: String,
    /// Whether training may see it.
    pub role: Role,
    /// Records of other assets over the same bars: while this window is played they move as recorded too,
    /// otherwise by their own `price`.
    #[serde(default)]
    pub others: Vec<OtherRecord>,
}

/// What another asset did in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherRecord {
    /// The asset.
    pub asset: String,
    /// Its price file, as that of the window; it has every bar of the window, and may have more.
    pub csv: String,
}

/// A range of dates that figures of the scenario were fitted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSpec {
    /// Which figures.
    pub figures: String,
    /// First moment seen, UTC: `2020-03-12T00:00:00Z`.
    pub start_utc: String,
    /// First moment after it that was not seen.
    pub end_utc: String,
}

/// How the paths of the asset that has records are drawn in an episode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// One of these is drawn per episode, by weight.
    pub train: Vec<PathKind>,
}

/// A kind of path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PathKind {
    /// Ordinary times: GARCH(1,1) with Student-t innovations on hourly percent returns.
    Garch {
        /// Relative weight of this kind.
        weight: f64,
        /// Constant of the variance, in squared percent per hour.
        omega_percent2: f64,
        /// Weight of the last squared return.
        alpha: f64,
        /// Weight of the last variance.
        beta: f64,
        /// Degrees of freedom of the innovations, above 2.
        nu: f64,
    },
    /// A training window as recorded, its log returns scaled.
    Window {
        /// Relative weight of this kind.
        weight: f64,
        /// Smallest scale of the log returns; 1 is as recorded.
        scale_min: f64,
        /// Largest scale.
        scale_max: f64,
    },
    /// Hours of the training windows, resampled in blocks.
    Bootstrap {
        /// Relative weight of this kind.
        weight: f64,
        /// Bars per block.
        block_bars: u32,
        /// Smallest scale of the log returns.
        scale_min: f64,
        /// Largest scale.
        scale_max: f64,
    },
    /// Geometric Brownian motion.
    Gbm {
        /// Relative weight of this kind.
        weight: f64,
        /// Expected growth, in percent per year.
        #[serde(default)]
        drift_percent_per_year: f64,
        /// Volatility, in percent per square root of an hour.
        vol_percent_per_sqrt_hour: f64,
    },
    /// Geometric Brownian motion with jumps of normal log size.
    JumpDiffusion {
        /// Relative weight of this kind.
        weight: f64,
        /// Expected growth, jumps included, in percent per year.
        #[serde(default)]
        drift_percent_per_year: f64,
        /// Volatility between jumps, in percent per square root of an hour.
        vol_percent_per_sqrt_hour: f64,
        /// Expected number of jumps a year.
        jumps_per_year: f64,
        /// Mean of a jump's log return, in percent.
        jump_mean_percent: f64,
        /// Standard deviation of a jump's log return, in percent.
        jump_sd_percent: f64,
        /// Whether it jumps together with the other assets of which this is said.
        #[serde(default = "yes")]
        common_jumps: bool,
    },
    /// Calm and turbulent times as a Markov chain.
    RegimeSwitching {
        /// Relative weight of this kind.
        weight: f64,
        /// The regimes.
        regimes: Vec<RegimeSpec>,
        /// Probability of each regime in the next hour, a row for each regime now.
        hourly_transition: Vec<Vec<f64>>,
        /// Position of the first regime, from 0; drawn by their shares of time where it is left out.
        #[serde(default)]
        start: Option<u32>,
    },
}

impl PathKind {
    /// Relative weight.
    #[must_use]
    pub const fn weight(&self) -> f64 {
        match self {
            Self::Garch { weight, .. }
            | Self::Window { weight, .. }
            | Self::Bootstrap { weight, .. }
            | Self::Gbm { weight, .. }
            | Self::JumpDiffusion { weight, .. }
            | Self::RegimeSwitching { weight, .. } => *weight,
        }
    }
}
