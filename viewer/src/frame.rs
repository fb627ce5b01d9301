//! What the window shows: one immutable value, made by the worker, shared with the UI.

use crate::format;
use crate::series::{History, Series};

/// Everything there is to see at one block. Cloning shares the history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// Name of the scenario.
    pub scenario: String,
    /// Who manages the risk parameters.
    pub policy: String,
    /// Where the data comes from.
    pub origin: Origin,
    /// The episode shown.
    pub episode: u64,
    /// Blocks since the episode began: the index of the newest element of every series.
    pub block: u64,
    /// The last block of the episode, where it is known.
    pub last_block: Option<u64>,
    /// Unix time of the block, in seconds.
    pub timestamp: u64,
    /// Seconds between blocks.
    pub block_secs: u32,
    /// What a block stands for.
    pub axis: Axis,
    /// Prices by asset, in USD.
    pub assets: Vec<AssetHistory>,
    /// Utilisation, rates and risk parameters by reserve.
    pub reserves: Vec<ReserveHistory>,
    /// The market's close factor over time, as a ratio.
    pub close_factor: Series,
    /// Debt and borrowers by health factor, now.
    pub health: HealthHistogram,
    /// What happened, oldest first.
    pub events: History<Event>,
    /// Sums over the market.
    pub totals: Totals,
    /// What the attacker of a stage has and owes.
    pub holdings: Vec<Holding>,
    /// The account under inspection.
    pub inspected: Option<AccountView>,
    /// Whether it runs, how fast, and what went wrong.
    pub play: PlayState,
}

impl Frame {
    /// Seconds since the episode began.
    #[must_use]
    pub fn elapsed_secs(&self) -> u64 {
        self.block * u64::from(self.block_secs)
    }

    /// A moment in a word: the time since the start, or the step.
    #[must_use]
    pub fn moment(&self, block: u64) -> String {
        match self.axis {
            Axis::Blocks => format::clock(block * u64::from(self.block_secs)),
            Axis::Steps => format!("step {}", format::integer(block)),
        }
    }
}

/// What the blocks of a frame stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// Blocks, a fixed time apart.
    #[default]
    Blocks,
    /// Steps of an attack on a stage, most of them calls of one transaction.
    Steps,
}

impl Axis {
    /// What one of them is called.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Blocks => "block",
            Self::Steps => "step",
        }
    }
}

/// One thing that the attacker of a stage has or owes, over its steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holding {
    /// The asset and what it is to the attacker.
    pub name: String,
    /// In whole tokens; below zero where it is owed.
    pub tokens: Series,
    /// In USD at fair prices.
    pub usd: Series,
}

/// Where the data of a frame comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nothing is loaded yet.
    #[default]
    Nothing,
    /// A world that is simulated now.
    Live,
    /// A tape, re-executed without agents.
    Recording,
    /// A fixed frame, for tests and documentation.
    Fixed,
}

/// Prices of one asset over time, in USD per token.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AssetHistory {
    /// Symbol.
    pub symbol: String,
    /// What the price process says. A recording without prices has none.
    pub fair: Series,
    /// What the pool that trades it says.
    pub pool: Series,
    /// What the market's oracle says.
    pub oracle: Series,
}

/// One reserve over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReserveHistory {
    /// Symbol of the underlying asset.
    pub symbol: String,
    /// Borrowed over supplied, as a ratio.
    pub utilisation: Series,
    /// What borrowers pay, as a ratio per year.
    pub borrow_rate: Series,
    /// What lenders earn, as a ratio per year.
    pub supply_rate: Series,
    /// Largest loan to value, as a ratio.
    pub ltv: Series,
    /// Liquidation threshold, as a ratio.
    pub threshold: Series,
    /// Liquidation bonus, as a ratio above 1.
    pub bonus: Series,
    /// Supply cap, in whole tokens (0: none).
    pub supply_cap: Series,
    /// Borrow cap, in whole tokens (0: none).
    pub borrow_cap: Series,
    /// 1 while frozen, else 0.
    pub frozen: Series,
}

/// Debt and borrowers by health factor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HealthHistogram {
    /// Upper edges of the buckets; the last bucket is open.
    pub edges: Vec<f64>,
    /// Debt in each bucket, in USD; `edges.len() + 1` values.
    pub debt_usd: Vec<f64>,
    /// Borrowers in each bucket.
    pub borrowers: Vec<u32>,
}

impl HealthHistogram {
    /// Empty buckets between the given edges.
    #[must_use]
    pub fn new(edges: &[f64]) -> Self {
        let n = edges.len() + 1;
        Self { edges: edges.to_vec(), debt_usd: vec![0.0; n], borrowers: vec![0; n] }
    }

    /// Counts a borrower. A value on an edge belongs to the bucket above it.
    pub fn add(&mut self, health_factor: f64, debt_usd: f64) {
        let bucket = self.edges.partition_point(|edge| *edge <= health_factor);
        self.debt_usd[bucket] += debt_usd;
        self.borrowers[bucket] += 1;
    }
}

/// Edges of the health-factor buckets: fine where it matters. 1 is an edge.
pub const HEALTH_EDGES: [f64; 11] = [0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0, 5.0];

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// A position was liquidated.
    Liquidation,
    /// A protocol wrote off debt.
    BadDebt,
    /// An attacker's bundle went through.
    Attack,
    /// An attacker's bundle reverted.
    RevertedAttack,
    /// A risk parameter moved.
    RiskChange,
    /// A call of an attack on a stage.
    Call,
}

impl EventKind {
    /// All kinds, in the order of the filter buttons.
    pub const ALL: [Self; 6] = [
        Self::Liquidation,
        Self::BadDebt,
        Self::Attack,
        Self::RevertedAttack,
        Self::RiskChange,
        Self::Call,
    ];

    /// Whether it can happen along an axis.
    #[must_use]
    pub fn is_on(self, axis: Axis) -> bool {
        match self {
            Self::RevertedAttack => true,
            Self::Call => axis == Axis::Steps,
            _ => axis == Axis::Blocks,
        }
    }

    /// Its name in the window.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Liquidation => "Liquidation",
            Self::BadDebt => "Bad debt",
            Self::Attack => "Attack",
            Self::RevertedAttack => "Failed attack",
            Self::RiskChange => "Risk change",
            Self::Call => "Call",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Blocks since the episode began.
    pub block: u64,
    /// What kind.
    pub kind: EventKind,
    /// One line.
    pub text: String,
    /// Its size in USD; 0 where it has none.
    pub usd: f64,
    /// The account to inspect, where there is one.
    pub account: Option<u32>,
}

/// Sums over the market, with their past.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// Supplied, in USD.
    pub supplied_usd: Series,
    /// Borrowed, in USD.
    pub borrowed_usd: Series,
    /// Written off since the episode began, in USD.
    pub bad_debt_usd: Series,
    /// Debt repaid by liquidators since the episode began, in USD.
    pub liquidated_usd: Series,
    /// What attackers have earned since the episode began, in USD.
    pub attacker_profit_usd: Series,
    /// The scenario's objective since the episode began, in USD.
    pub objective_usd: Series,
    /// Transactions since the episode began.
    pub transactions: u64,
    /// Those that reverted.
    pub reverted: u64,
    /// Liquidations since the episode began.
    pub liquidations: u64,
}

/// One account, looked at closely.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountView {
    /// Its id.
    pub account: u32,
    /// Its name.
    pub name: String,
    /// Its health factor; infinite without debt, NaN where the oracle has no price.
    pub health_factor: f64,
    /// By reserve: symbol, supplied and borrowed, in whole tokens.
    pub reserves: Vec<(String, f64, f64)>,
    /// Collateral in USD.
    pub collateral_usd: f64,
    /// Debt in USD.
    pub debt_usd: f64,
}

/// Whether the worker runs, how fast, and what went wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayState {
    /// Blocks follow each other by themselves.
    pub playing: bool,
    /// How fast they are asked to.
    pub speed: Speed,
    /// How fast they do.
    pub blocks_per_sec: f64,
    /// The block that a seek is on its way to.
    pub seeking_to: Option<u64>,
    /// There is no block after this one.
    pub at_end: bool,
    /// A scenario or recording is being opened.
    pub loading: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How fast to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// This many blocks a second, or fewer where the machine is slower.
    BlocksPerSec(u32),
    /// As fast as the machine can.
    Unlimited,
}

impl Default for Speed {
    fn default() -> Self {
        Self::BlocksPerSec(60)
    }
}

impl Speed {
    /// The choices offered.
    pub const CHOICES: [Self; 6] = [
        Self::BlocksPerSec(1),
        Self::BlocksPerSec(10),
        Self::BlocksPerSec(60),
        Self::BlocksPerSec(300),
        Self::BlocksPerSec(3000),
        Self::Unlimited,
    ];

    /// Its name in the window.
    #[must_use]
    pub fn label(self) -> String {
        match self {
            Self::BlocksPerSec(1) => "1 block/s".to_owned(),
            Self::BlocksPerSec(n) => format!("{} blocks/s", crate::format::integer(u64::from(n))),
            Self::Unlimited => "as fast as possible".to_owned(),
        }
    }
}

/// What the UI asks of the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Let blocks follow each other.
    Play,
    /// Stop after this block.
    Pause,
    /// One block, then stop.
    StepBlock,
    /// Go to a block, forwards or backwards.
    Seek(u64),
    /// Play this fast.
    SetSpeed(Speed),
    /// Open another scenario or run, by name or path.
    LoadScenario(String),
    /// Look closely at an account, or at none.
    Inspect(Option<u32>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_factor_of_one_is_on_the_safe_side() {
        let mut histogram = HealthHistogram::new(&HEALTH_EDGES);
        histogram.add(1.0, 5.0);
        histogram.add(0.999, 7.0);
        histogram.add(f64::INFINITY, 1.0);
        assert_eq!(histogram.debt_usd[3], 5.0);
        assert_eq!(histogram.debt_usd[2], 7.0);
        assert_eq!(histogram.borrowers.last(), Some(&1));
    }
}
