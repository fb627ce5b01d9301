//! Price paths by episode: drawn from the training mixture, or a recorded window as it was.

use crate::arena::PathChoice;
use crate::load::Loaded;
use crate::process;
use crate::schema::{PathKind, PriceSource, Role, Scenario};
use crate::windows::Window;
use markets::price::{
    Bar, Bootstrap, Cholesky, Gbm, HOUR_SECS, JointPrices, PriceError, PriceSpec, Replay,
};
use rand::Rng;
use sim::rng::{Purpose, Streams};
use std::ops::Range;
use std::sync::Arc;

/// Unix time of an episode on generated prices: 1 January 2023.
const GENERATED_START: u64 = 1_672_531_200;
/// Names the draw of a path among the draws of an episode's setup.
const PATH_KEY: u64 = 0x7061_7468;

/// The paths that a scenario can play; windows are kept ready.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    kinds: Vec<PathKind>,
    windows: Vec<Window>,
    train: Vec<usize>,
    /// Hourly training windows, for resampling.
    hourly: Arc<[Vec<Bar>]>,
    symbols: Vec<String>,
    sources: Vec<PriceSource>,
    on: Vec<usize>,
    starts: Vec<f64>,
    /// Of the normals that drive the assets; `None` where the scenario gives none.
    correlation: Option<Vec<Vec<f64>>>,
    block_secs: u32,
    episode_secs: u64,
}

/// An episode's prices.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// The joint process at its start.
    pub(crate) joint: JointPrices,
    /// Unix time of the genesis block.
    pub(crate) start: u64,
    /// Length of the episode.
    pub(crate) blocks: u64,
}

/// A path of the asset that has records, and what other assets do meanwhile.
struct Drawn {
    spec: PriceSpec,
    /// Unix time at which it begins.
    start: u64,
    /// Its length.
    secs: u64,
    /// Records of other assets, by symbol.
    others: Vec<(String, PriceSpec)>,
}

impl Drawn {
    fn generated(spec: PriceSpec, secs: u64) -> Self {
        Self { spec, start: GENERATED_START, secs, others: Vec::new() }
    }
    /// Some bars of a window, every log return times a scale; all of it where none is given.
    fn of_window(window: &Window, bars: Range<usize>, scale: Option<f64>) -> Self {
        let bar_secs = u64::from(window.bar_secs);
        let record = |all: &Arc<[Bar]>| {
            let chosen = match scale {
                Some(scale) => scaled(&all[bars.clone()], scale).into(),
                None => Arc::clone(all),
            };
            PriceSpec::Replay(Replay { bars: chosen, bar_secs: window.bar_secs, scale: 1.0 })
        };
        Self {
            spec: record(&window.bars),
            start: window.start.0 + bars.start as u64 * bar_secs,
            secs: bars.len() as u64 * bar_secs,
            others: window.others.iter().map(|o| (o.asset.clone(), record(&o.bars))).collect(),
        }
    }
}

impl Paths {
    pub(crate) fn new(loaded: &Loaded) -> Self {
        let Scenario { assets, paths, block_secs, episode_hours, .. } = &loaded.scenario;
        let windows = loaded.windows.clone();
        let train: Vec<usize> =
            (0..windows.len()).filter(|i| windows[*i].role == Role::Train).collect();
        let hourly = train
            .iter()
            .filter(|i| windows[**i].bar_secs == HOUR_SECS)
            .map(|i| windows[*i].bars.to_vec())
            .collect();
        let position = |symbol: &str| assets.iter().position(|a| a.symbol == symbol).unwrap_or(0);
        Self {
            kinds: paths.train.clone(),
            train,
            hourly,
            on: assets
                .iter()
                .map(|a| match &a.price {
                    PriceSource::Beta { on, .. } => position(on),
                    PriceSource::Pegged { to: Some(to), .. } => position(to),
                    _ => 0,
                })
                .collect(),
            symbols: assets.iter().map(|a| a.symbol.clone()).collect(),
            sources: assets.iter().map(|a| a.price.clone()).collect(),
            starts: assets.iter().map(|a| a.start_price_usd).collect(),
            correlation: correlation_matrix(&loaded.scenario),
            block_secs: *block_secs,
            episode_secs: u64::from(*episode_hours) * u64::from(HOUR_SECS),
            windows,
        }
    }

    /// Prices that stand still at the scenario's own.
    pub(crate) fn opening(&self) -> Result<Path, PriceError> {
        let still = PriceSpec::Gbm(Gbm { drift_per_year: 0.0, vol_per_sqrt_year: 0.0 });
        let specs = vec![still; self.starts.len()];
        let joint = JointPrices::new(specs, self.starts.clone(), None, self.block_secs)?;
        Ok(Path { joint, start: GENERATED_START, blocks: 1 })
    }

    /// The path of an episode.
    pub(crate) fn path(
        &self,
        choice: PathChoice,
        streams: &Streams,
        episode: u64,
    ) -> Result<Path, PriceError> {
        let mut rng = streams.at(Purpose::Setup, PATH_KEY, episode, 0);
        let Drawn { spec, start, secs, others } = match choice {
            PathChoice::Window(i) => {
                let window = &self.windows[i];
                Drawn::of_window(window, 0..window.bars.len(), None)
            }
            PathChoice::Drawn => self.draw(&mut rng),
        };
        let sources = self.sources.iter().zip(&self.on);
        let mut specs: Vec<PriceSpec> =
            sources.map(|(source, on)| process::source_spec(source, *on, &spec)).collect();
        for (symbol, record) in others {
            if let Some(at) = self.symbols.iter().position(|s| *s == symbol) {
                specs[at] = record;
            }
        }
        let factor = self.correlation.as_deref().map(Cholesky::new).transpose()?;
        let joint = JointPrices::new(specs, self.starts.clone(), factor, self.block_secs)?;
        Ok(Path { joint, start, blocks: secs / u64::from(self.block_secs) })
    }

    /// One kind by weight, and its own draws.
    fn draw(&self, rng: &mut impl Rng) -> Drawn {
        let total: f64 = self.kinds.iter().map(PathKind::weight).sum();
        let mut left = unit(rng) * total;
        let mut kind = &self.kinds[self.kinds.len() - 1];
        for candidate in &self.kinds {
            left -= candidate.weight();
            if left < 0.0 {
                kind = candidate;
                break;
            }
        }
        match kind {
            PathKind::Window { scale_min, scale_max, weight: _ } => {
                let window = &self.windows[self.train[below(rng, self.train.len())]];
                let scale = scale_min + unit(rng) * (scale_max - scale_min);
                // At most an episode of it, from anywhere.
                let bar_secs = u64::from(window.bar_secs);
                let length = window.bars.len().min((self.episode_secs / bar_secs).max(1) as usize);
                let first = below(rng, window.bars.len() - length + 1);
                Drawn::of_window(window, first..first + length, Some(scale))
            }
            PathKind::Bootstrap { block_bars, scale_min, scale_max, weight: _ } => {
                let spec = PriceSpec::Bootstrap(Bootstrap {
                    windows: Arc::clone(&self.hourly),
                    bar_secs: HOUR_SECS,
                    block_bars: *block_bars,
                    min_magnitude: *scale_min,
                    max_magnitude: *scale_max,
                });
                Drawn::generated(spec, self.episode_secs)
            }
            PathKind::Garch { .. }
            | PathKind::Gbm { .. }
            | PathKind::JumpDiffusion { .. }
            | PathKind::RegimeSwitching { .. } => {
                let process = process::of_path(kind).expect("only records are no process");
                Drawn::generated(process.spec(), self.episode_secs)
            }
        }
    }

    /// Position of a window.
    pub(crate) fn window(&self, name: &str) -> Option<usize> {
        self.windows.iter().position(|w| w.name == name)
    }
}

/// The correlations of a scenario as a matrix over its assets; `None` where it gives none. Pairs that name
/// no asset are left to the checks.
pub(crate) fn correlation_matrix(scenario: &Scenario) -> Option<Vec<Vec<f64>>> {
    let Scenario { assets, correlation, .. } = scenario;
    let position = |symbol: &str| assets.iter().position(|a| a.symbol == symbol);
    let unit = |row| (0..assets.len()).map(|column| f64::from(u8::from(row == column))).collect();
    let mut matrix: Vec<Vec<f64>> = (0..assets.len()).map(unit).collect();
    for pair in correlation {
        if let Some((a, b)) = position(&pair.first).zip(position(&pair.second)) {
            (matrix[a][b], matrix[b][a]) = (pair.ratio, pair.ratio);
        }
    }
    (!correlation.is_empty()).then_some(matrix)
}

/// Log moves within and between bars times `scale`, from the first open on.
fn scaled(bars: &[Bar], scale: f64) -> Vec<Bar> {
    let Some(first) = bars.first() else { return Vec::new() };
    let moved = |price: f64| first.open * libm::pow(price / first.open, scale);
    bars.iter()
        .map(|bar| Bar {
            open: moved(bar.open),
            high: moved(bar.high),
            low: moved(bar.low),
            close: moved(bar.close),
        })
        .collect()
}

fn unit(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}
