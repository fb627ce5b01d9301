//! Several assets' processes, stepped together once a block.

use super::beta::BetaProcess;
use super::bootstrap::BootstrapProcess;
use super::garch::GarchProcess;
use super::gbm::GbmProcess;
use super::jump_diffusion::JumpDiffusionProcess;
use super::pegged::PeggedProcess;
use super::regime::RegimeProcess;
use super::replay::ReplayProcess;
use super::stable::StableProcess;
use super::{Cholesky, PriceError, PriceSpec, SpecError, draw};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// One asset's process with its state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Process {
    Gbm(GbmProcess),
    Garch(GarchProcess),
    Replay(ReplayProcess),
    Beta { on: usize, process: BetaProcess },
    Stable(StableProcess),
    Bootstrap(BootstrapProcess),
    JumpDiffusion(JumpDiffusionProcess),
    Regime(RegimeProcess),
    Pegged { on: usize, process: PeggedProcess },
}

impl Process {
    fn new(spec: PriceSpec, start: f64, block_secs: u32, asset: usize) -> Result<Self, SpecError> {
        Ok(match spec {
            PriceSpec::Gbm(spec) => Self::Gbm(GbmProcess::new(spec, block_secs)?),
            PriceSpec::Garch(spec) => Self::Garch(GarchProcess::new(spec, block_secs)?),
            PriceSpec::Replay(spec) => Self::Replay(ReplayProcess::new(spec, block_secs)?),
            PriceSpec::Beta(spec) => {
                Self::Beta { on: spec.on, process: BetaProcess::new(spec, block_secs, asset)? }
            }
            PriceSpec::Stable(spec) => Self::Stable(StableProcess::new(spec, start, block_secs)?),
            PriceSpec::Bootstrap(spec) => Self::Bootstrap(BootstrapProcess::new(spec, block_secs)?),
            PriceSpec::JumpDiffusion(spec) => {
                Self::JumpDiffusion(JumpDiffusionProcess::new(spec, block_secs, asset)?)
            }
            PriceSpec::RegimeSwitching(spec) => {
                Self::Regime(RegimeProcess::new(&spec, block_secs)?)
            }
            PriceSpec::Pegged(spec) => {
                Self::Pegged { on: spec.on, process: PeggedProcess::new(spec, block_secs)? }
            }
        })
    }

    fn restart(&mut self, start: f64) {
        match self {
            Self::Gbm(_) | Self::JumpDiffusion(_) => {}
            Self::Garch(process) => process.restart(),
            Self::Replay(process) => process.restart(),
            Self::Beta { on: _, process } => process.restart(),
            Self::Stable(process) => process.restart(start),
            Self::Bootstrap(process) => process.restart(),
            Self::Regime(process) => process.restart(),
            Self::Pegged { on: _, process } => process.restart(),
        }
    }
}

/// The joint process: everything that its next step depends on besides the generator, so that a
/// serialised copy continues identically.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JointPrices {
    starts: Vec<f64>,
    correlation: Option<Cholesky>,
    block_secs: u32,
    /// An asset comes after the one it follows.
    order: Vec<usize>,
    /// Whether another asset follows this one, so that its return is needed.
    followed: Vec<bool>,
    processes: Vec<Process>,
    prices: Vec<f64>,
    /// Log returns of the last step, for followed assets.
    returns: Vec<f64>,
    /// Scratch: the step's normals.
    normals: Vec<f64>,
    blocks: u64,
}

impl JointPrices {
    /// A joint process of one spec and one start price (USD) for each asset.
    ///
    /// A [`PriceSpec::Replay`] starts at its first open instead. `correlation` is that of the normals
    /// that drive the assets, in their order (`None`: independent); a beta's normal is its residual's, a
    /// peg's its deviation's, a replay's or bootstrap's the noise of its bridge. Blocks of `block_secs` divide the hour and the
    /// bars.
    ///
    /// # Errors
    /// [`PriceError`]: lengths differ, a start price is not positive, a process is wrong.
    pub fn new(
        specs: Vec<PriceSpec>,
        start_prices: Vec<f64>,
        correlation: Option<Cholesky>,
        block_secs: u32,
    ) -> Result<Self, PriceError> {
        let expected = specs.len();
        let same_length = |what, found| {
            if found == expected {
                Ok(())
            } else {
                Err(PriceError::Length { what, found, expected })
            }
        };
        same_length("start prices", start_prices.len())?;
        if let Some(correlation) = &correlation {
            same_length("order of the correlation matrix", correlation.order())?;
        }
        let order = dependence_order(&specs)?;
        let mut followed = vec![false; expected];
        for spec in &specs {
            if let Some(on) = spec.follows() {
                followed[on] = true;
            }
        }
        let mut starts = start_prices;
        let mut processes = Vec::with_capacity(expected);
        for (asset, spec) in specs.into_iter().enumerate() {
            let at = |reason| PriceError::Asset { asset, reason };
            let process = {
                let start = starts[asset];
                if !matches!(spec, PriceSpec::Replay(_)) {
                    super::require(start > 0.0, "start price", start, "positive").map_err(at)?;
                }
                Process::new(spec, start, block_secs, asset).map_err(at)?
            };
            if let Process::Replay(process) = &process {
                starts[asset] = process.start();
            }
            processes.push(process);
        }
        Ok(Self {
            prices: starts.clone(),
            returns: vec![0.0; expected],
            normals: vec![0.0; expected],
            starts,
            correlation,
            block_secs,
            order,
            followed,
            processes,
            blocks: 0,
        })
    }

    /// Moves every price by one block, with `assets + 1` words of the generator.
    pub fn step(&mut self, rng: &mut impl Rng) {
        let Self { order, processes, prices, returns, normals, followed, .. } = self;
        let word = rng.next_u64();
        for normal in normals.iter_mut() {
            *normal = draw::normal(rng.next_u64());
        }
        if let Some(correlation) = &self.correlation {
            correlation.correlate(normals);
        }
        for &asset in order.iter() {
            let (price, z) = (prices[asset], normals[asset]);
            // A process gives either its log return or its price.
            let log_return = match &mut processes[asset] {
                Process::Gbm(process) => Ok(process.step(z)),
                Process::Garch(process) => Ok(process.step(z, word)),
                Process::Beta { on, process } => Ok(process.step(z, word, returns[*on])),
                Process::Stable(process) => Err(libm::exp(process.step(z, word, asset as u64))),
                Process::Replay(process) => Err(process.step(price, z, word)),
                Process::Bootstrap(process) => Err(process.step(price, z, word)),
                Process::JumpDiffusion(process) => Ok(process.step(z, word)),
                Process::Regime(process) => Ok(process.step(z, word)),
                Process::Pegged { on, process } => {
                    Ok(process.step(z, word, asset as u64, returns[*on]))
                }
            };
            match log_return {
                Ok(log_return) => {
                    prices[asset] = price * libm::exp(log_return);
                    returns[asset] = log_return;
                }
                Err(new_price) => {
                    prices[asset] = new_price;
                    if followed[asset] {
                        returns[asset] = libm::log(new_price / price);
                    }
                }
            }
        }
        self.blocks += 1;
    }

    /// Prices now, USD per whole token, in the assets' order.
    #[must_use]
    #[inline]
    pub fn prices(&self) -> &[f64] {
        &self.prices
    }

    /// Prices at the start.
    #[must_use]
    pub fn start_prices(&self) -> &[f64] {
        &self.starts
    }

    /// Blocks stepped since the start.
    #[must_use]
    pub const fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Seconds stepped since the start.
    #[must_use]
    pub fn elapsed_secs(&self) -> u64 {
        self.blocks * u64::from(self.block_secs)
    }

    /// Whether a replayed asset's record has ended, so that its price stands still.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.processes
            .iter()
            .any(|process| matches!(process, Process::Replay(replay) if replay.is_over()))
    }

    /// Back to the start, as after [`Self::new`]; keeps its memory.
    pub fn reset(&mut self) {
        self.prices.copy_from_slice(&self.starts);
        self.returns.fill(0.0);
        self.blocks = 0;
        for (process, start) in self.processes.iter_mut().zip(&self.starts) {
            process.restart(*start);
        }
    }
}

/// Assets so that each comes after the one it follows; otherwise in their order.
fn dependence_order(specs: &[PriceSpec]) -> Result<Vec<usize>, PriceError> {
    let mut order = Vec::with_capacity(specs.len());
    let mut placed = vec![false; specs.len()];
    while order.len() < specs.len() {
        let before = order.len();
        for (asset, spec) in specs.iter().enumerate() {
            let is_placed = |on: usize| placed.get(on).copied().unwrap_or(false);
            let ready = spec.follows().is_none_or(is_placed);
            if ready && !placed[asset] {
                placed[asset] = true;
                order.push(asset);
            }
        }
        if order.len() == before {
            let mut waiting = specs.iter().enumerate().filter(|(asset, _)| !placed[*asset]);
            let stuck = waiting.find_map(|(asset, spec)| Some((asset, spec.follows()?)));
            let (asset, on) = stuck.expect("only those that follow wait for others");
            return Err(PriceError::Asset { asset, reason: SpecError::BadDependence { on } });
        }
    }
    Ok(order)
}
