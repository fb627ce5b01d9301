//! What a cascade is made of, as incident files say it.

use agents::scripted::SizeLaw;
use agents::scripted::borrower::BorrowerConfig;
use serde::{Deserialize, Serialize};

/// A fall of prices and who lives through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cascade {
    /// Its length, in hours.
    pub hours: f64,
    /// Seconds between two looks of everybody.
    pub step_secs: u32,
    /// How fair prices move; assets that are not named stay where they are.
    pub prices: Vec<PricePath>,
    /// Push feeds that follow fair prices; others stay where they are.
    pub reports: Vec<Report>,
    /// Borrowers, drawn.
    #[serde(default)]
    pub books: Vec<Book>,
    /// Who liquidates.
    pub keepers: Vec<Keepers>,
    /// Where all of them sell what they seize; what one sells, the next finds sold.
    #[serde(default)]
    pub outlets: Vec<Outlet>,
    /// What a transaction must pay to be included: hours after the start, and gwei. Nothing where absent.
    #[serde(default)]
    pub gas_gwei: Vec<(f64, f64)>,
    /// How thin books become and how fast they refill: what is not known, and is swept.
    #[serde(default)]
    pub friction: FrictionSpec,
}

/// What is not known of a cascade. The first of each list is what figures are simulated with; every combination of
/// the others (of the first, where a list has no others) is swept, and two more seeds of the book with the first ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FrictionSpec {
    /// Depth that is left where prices fall by a tenth within an hour, as shares of quiet times'.
    pub depth_left: Vec<f64>,
    /// Half-lives of a displacement and of lost depth, in seconds.
    pub half_life_secs: Vec<f64>,
}

impl Default for FrictionSpec {
    /// Recorded are 0.007 (Curve's 3pool of USDC and USDT in March 2023), 0.02 (a synthetic dollar's book, 2025) and
    /// 0.09 (3pool of USDC and DAI; docs/calibration.md, liquidity). The middle, 0.3, and a book that does not thin are
    /// judgement: the records are of the assets that lost their peg. So are the half-lives, from ten minutes to two
    /// hours.
    fn default() -> Self {
        Self {
            depth_left: vec![0.3, 0.007, 0.09, 1.0],
            half_life_secs: vec![1_800.0, 600.0, 7_200.0],
        }
    }
}

impl FrictionSpec {
    /// What figures are simulated with first, then everything that is swept.
    #[must_use]
    pub fn sweep(&self) -> Vec<Friction> {
        let first = |list: &[f64]| list.first().copied().unwrap_or(1.0);
        let middle = Friction {
            depth_left: first(&self.depth_left),
            half_life_secs: first(&self.half_life_secs),
            seed: 1,
            on: true,
        };
        let mut all = vec![middle];
        // A list of one is known: it is combined with the other list's others.
        let others = |list: &'_ [f64]| list[usize::from(list.len() > 1)..].to_vec();
        for depth_left in others(&self.depth_left) {
            for half_life_secs in others(&self.half_life_secs) {
                all.push(Friction { depth_left, half_life_secs, ..middle });
            }
        }
        all.extend([2, 3].map(|seed| Friction { seed, ..middle }));
        all
    }
}

/// The fair price of an asset over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PricePath {
    /// The asset.
    pub asset: String,
    /// What its price is.
    pub path: PathSpec,
}

/// A recorded path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PathSpec {
    /// Hours after the cascade's start, and USD; between two points the logarithm is linear.
    Points(Vec<(f64, f64)>),
    /// A price file, relative to the incident's: `open_time_utc,open_usd,high_usd,low_usd,close_usd`. Within
    /// a bar the price goes from open over the nearer of high and low to the other one and to close.
    Csv(String),
    /// Another asset's path times a ratio, which itself has a path.
    Per {
        /// The other asset; its path stands before this one.
        of: String,
        /// Hours after the start, and the ratio; between two points the logarithm is linear.
        ratio: Vec<(f64, f64)>,
    },
}

/// A push feed and what it follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The feed.
    pub feed: String,
    /// Whose fair price it reports.
    pub asset: String,
    /// Smallest move that is reported, in basis points.
    pub deviation_bps: f64,
    /// Longest time between reports, in seconds.
    pub heartbeat_secs: u64,
    /// Age of the price that is reported, in seconds.
    #[serde(default)]
    pub lag_secs: u64,
    /// The lowest price that the feed can say, in USD (an aggregator's `minAnswer`).
    #[serde(default)]
    pub floor_usd: f64,
    /// Whether it sees what keepers' sales did to the price. A recorded path has had its sales already.
    #[serde(default)]
    pub sees_sales: bool,
    /// Hours between which it is silent.
    #[serde(default)]
    pub silent_hours: Vec<(f64, f64)>,
}

/// Borrowers of one debt against one collateral, drawn. Sizes, defence and habits have the defaults of the
/// borrowers that scenarios have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// Name: the address of their luck.
    pub cohort: String,
    /// The market.
    pub market: String,
    /// What they supplied.
    pub collateral: String,
    /// What they borrowed.
    pub debt: String,
    /// How many.
    pub accounts: u32,
    /// What they owe together, in USD.
    pub total_debt_usd: f64,
    /// Smallest health factor at the start.
    #[serde(default = "health_min")]
    pub health_min: f64,
    /// Largest; the logarithm is uniform in between.
    #[serde(default = "health_max")]
    pub health_max: f64,
    /// Sizes before they are scaled to the total.
    #[serde(default = "sizes")]
    pub sizes: SizeLaw,
    /// Share of them who never react.
    #[serde(default = "never_react")]
    pub never_react_share: f64,
    /// Savings of those who react, as a share of their debt.
    #[serde(default = "savings")]
    pub savings_ratio: f64,
}

/// Somewhat above one: closer positions have been liquidated already.
const fn health_min() -> f64 {
    1.05
}
fn health_max() -> f64 {
    BorrowerConfig::default().health_target_max
}
fn sizes() -> SizeLaw {
    BorrowerConfig::default().debt_size
}
fn never_react() -> f64 {
    BorrowerConfig::default().never_react_share
}
fn savings() -> f64 {
    BorrowerConfig::default().savings_ratio
}

/// Liquidators of a market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keepers {
    /// The market.
    pub market: String,
    /// Least that must be left of the bonus, in basis points of the debt repaid; of a lot's worth, in
    /// auctions.
    #[serde(default)]
    pub min_margin_bps: f64,
    /// Who bids, where the market sells by auction.
    #[serde(default)]
    pub bidders: Option<Bidders>,
}

/// Bidders in auctions. Each pays no more for gas than its own cap, whatever a block costs: its bids are in
/// the mempool until blocks are cheap enough again. Besides them somebody bids next to nothing wherever
/// nobody has bid, at any price of gas.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bidders {
    /// How many.
    pub count: u32,
    /// Median of their caps, in gwei.
    pub gas_cap_gwei: f64,
    /// Standard deviation of the caps' logarithm.
    pub gas_cap_log_sd: f64,
    /// Standard deviation of the logarithm of what inclusion costs around the path, drawn each step.
    pub gas_log_sd: f64,
}

/// A market for a collateral, as deep as it is in quiet times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlet {
    /// The collateral.
    pub asset: String,
    /// What must be sold to move its price by one percent, in USD.
    pub depth_usd: f64,
}

/// What is not known of a cascade and is swept: how thin books become, how fast they refill, whose luck.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Friction {
    /// Depth that is left where prices fall by a tenth within an hour, as a share of quiet times'.
    pub depth_left: f64,
    /// Half-life of a displacement and of lost depth, in seconds.
    pub half_life_secs: f64,
    /// Seed of the book.
    pub seed: u64,
    /// Whether there is any friction: without, everything sells at the recorded price, at once.
    pub on: bool,
}

impl Friction {
    /// The null model: mechanical liquidation at the recorded price.
    pub const NONE: Self = Self { depth_left: 1.0, half_life_secs: 1.0, seed: 1, on: false };
}
