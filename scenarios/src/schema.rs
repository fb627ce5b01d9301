//! The scenario file, schema 1: every field carries its unit in its name, every choice is an enum
//! variant, and a field that does not exist is an error.

mod prices;
mod train;

use protocols::risk_params::{RiskParam, Rule};
use serde::{Deserialize, Serialize};
use sim::action::Side;
use sim::reward::Objective;

pub use crate::books::BookSpec;
pub use crate::cohorts::{Cohorts, FurtherCohorts};
pub use crate::factors::{FactorSpec, StreamSpec};
pub use crate::held_out::{HeldOut, HeldOutKind};
pub use crate::perpetuals::{ContractSpec, PerpetualSpec};
pub use crate::positions::{AboveLtv, PositionsSpec, Tending};
pub use crate::templates::TemplatesSpec;
pub use prices::*;
pub use train::*;

/// The schema that this build reads.
pub const SCHEMA: u32 = 1;

/// A scenario: what exists, how prices move, who acts, what counts, how to train and to judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Version of this schema; [`SCHEMA`].
    pub schema: u32,
    /// Short name, used in file names and reports.
    pub name: String,
    /// One paragraph: what happens here and why it is worth running.
    pub summary: String,
    /// Seconds between blocks.
    pub block_secs: u32,
    /// Length of an episode on generated prices, in hours. On a recorded window an episode is as long
    /// as the window.
    pub episode_hours: u32,
    /// Blocks between two decisions of the risk policy.
    pub decision_every_blocks: u32,
    /// What gas costs.
    pub gas: Gas,
    /// Assets, in order; the first is also what pays for gas.
    pub assets: Vec<AssetSpec>,
    /// Recorded price windows.
    #[serde(default)]
    pub windows: Vec<WindowSpec>,
    /// Days that must lie between a training and a test window.
    #[serde(default)]
    pub embargo_days: u32,
    /// Dates whose prices the fitted figures have seen; none may touch a test window.
    #[serde(default)]
    pub fitted_on: Vec<FitSpec>,
    /// How the paths of the asset that has records are drawn.
    pub paths: Paths,
    /// Correlations of the normals that drive the assets' prices.
    #[serde(default)]
    pub correlation: Vec<CorrelationSpec>,
    /// Exogenous streams that agents can see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<FactorSpec>,
    /// The exchange that everybody can trade at.
    pub exchange: ExchangeSpec,
    /// Constant-product pools.
    #[serde(default)]
    pub pools: Vec<PoolSpec>,
    /// Price feeds, one per asset.
    pub oracles: Vec<OracleSpec>,
    /// The lending market that is watched, managed and scored.
    pub market: MarketSpec,
    /// Further lending markets on the same assets, pools and exchange.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub markets: Vec<FurtherMarketSpec>,
    /// Perpetual futures on the scenario's assets, marked by its oracles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perpetuals: Vec<PerpetualSpec>,
    /// Snapshots of positions that exist before the first block.
    #[serde(default)]
    pub positions: Vec<PositionsSpec>,
    /// Who orders blocks, and how.
    #[serde(default)]
    pub builder: BuilderSpec,
    /// Who acts.
    pub agents: Cohorts,
    /// What counts.
    pub objective: Objective,
    /// How the risk policy is trained.
    #[serde(default)]
    pub train: Option<TrainSpec>,
    /// How policies are compared.
    #[serde(default)]
    pub evaluate: EvaluateSpec,
}

/// What gas costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gas {
    /// Base fee of the first block, in gwei.
    pub base_fee_gwei: f64,
    /// Gas that the rest of the world uses per block, as a percentage of the block's limit; 50 keeps
    /// the base fee where it is (EIP-1559's target).
    pub background_percent: f64,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssetSpec {
    /// Symbol.
    pub symbol: String,
    /// Decimals of its smallest unit.
    pub decimals: u8,
    /// Fair price at the start of an episode, in USD. A recorded path brings its own.
    pub start_price_usd: f64,
    /// How its fair price moves.
    pub price: PriceSource,
}

/// The exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeSpec {
    /// Whether trades displace the price, transiently, around the replayed one.
    pub impact_enabled: bool,
    /// Half-life of a displacement, in seconds.
    pub impact_half_life_secs: f64,
    /// One per asset; USDC-like quote assets included.
    pub listings: Vec<Listing>,
}

/// An asset at the exchange.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// The asset.
    pub asset: String,
    /// Half the spread, in basis points.
    pub half_spread_bps: f64,
    /// Taker fee, in basis points.
    pub taker_fee_bps: f64,
    /// What must be traded to move the price by one percent, in USD; of a book, what its makers quote
    /// within one percent on each side without stress.
    pub depth_usd: f64,
    /// A limit order book in place of the dealer.
    #[serde(default)]
    pub book: Option<BookSpec>,
}

/// Who orders a block's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BuilderSpec {
    /// Highest tip first.
    #[default]
    PriorityFee,
    /// As they were sent.
    FirstCome,
    /// Drawn anew each block.
    Random,
    /// Its own searchers first, after the reports of oracles: liquidators whose `conduct` says `inside`.
    Insiders,
}

/// A constant-product pool. Its first reserve gives the depth; the second follows from the fair
/// prices at the start of the episode, so that no episode opens with an arbitrage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolSpec {
    /// Name.
    pub name: String,
    /// First asset.
    pub base: String,
    /// Second asset.
    pub quote: String,
    /// Reserve of the second asset, in whole tokens.
    pub quote_reserve_tokens: f64,
    /// Swap fee, in millionths (3000 is Uniswap v2's 0.3 %).
    pub fee_pips: u32,
}

/// A price feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum OracleSpec {
    /// A pool's price this instant.
    Spot {
        /// The asset priced.
        asset: String,
        /// The pool read.
        pool: String,
    },
    /// A pool's time-weighted average.
    Twap {
        /// The asset priced.
        asset: String,
        /// The pool read.
        pool: String,
        /// Shortest time averaged over, in seconds.
        window_secs: u32,
    },
    /// Pushed by a node.
    Push {
        /// The asset priced.
        asset: String,
        /// Longest time between reports, in seconds.
        heartbeat_secs: u64,
        /// Smallest relative move that is reported, in basis points.
        deviation_bps: u32,
        /// Age of the price that the node sees, in seconds.
        #[serde(default)]
        lag_secs: u64,
        /// Oldest report that still counts, in seconds; 0 where reports never go stale.
        #[serde(default)]
        max_age_secs: u64,
    },
}

impl OracleSpec {
    /// The asset priced.
    #[must_use]
    pub fn asset(&self) -> &str {
        match self {
            Self::Spot { asset, .. } | Self::Twap { asset, .. } | Self::Push { asset, .. } => asset,
        }
    }
    /// The pool read, if any.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        match self {
            Self::Spot { pool, .. } | Self::Twap { pool, .. } => Some(pool),
            Self::Push { .. } => None,
        }
    }
}

/// What a risk policy may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Regime {
    /// Small moves, days apart, as production's risk stewards may.
    Steward,
    /// Freeze, LTV 0 and caps, at once.
    Guardian,
}

/// A rule of the regime, replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleOverride {
    /// The parameter.
    pub param: RiskParam,
    /// Its rule here.
    pub rule: Rule,
}

/// The lending market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketSpec {
    /// Premium of a flash loan, in basis points.
    pub flash_premium_bps: u32,
    /// Largest share of a debt that one liquidation may repay, in basis points.
    pub close_factor_bps: u32,
    /// What the risk policy may do.
    pub regime: Regime,
    /// Rules of the regime that this scenario replaces.
    #[serde(default)]
    pub rules: Vec<RuleOverride>,
    /// What liquidations are like where they are not Aave v3's; the risk policy may move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub design: Option<DesignSpec>,
    /// Second feeds, at most one per reserve, that the risk policy may have it read in place of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_oracles: Vec<OracleSpec>,
    /// Reserves, in order.
    pub reserves: Vec<ReserveSpec>,
}

/// A liquidation design ([`LiquidationDesign`](protocols::lending::LiquidationDesign)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DesignSpec {
    /// Whether liquidations past the toxic frontier are refused.
    pub toxic_stop: bool,
    /// Share of the bonus that is paid at a health factor of one, in basis points: 10,000 for a flat bonus.
    pub bonus_at_line_bps: u32,
    /// Health factor at and below which the whole bonus is paid, in basis points.
    pub full_bonus_at_bps: u32,
}

impl Default for DesignSpec {
    /// Aave v3's flat bonus; where a share is moved, the whole is paid from 0.95 on, where Aave v3 lets the whole debt
    /// be repaid.
    fn default() -> Self {
        Self { toxic_stop: false, bonus_at_line_bps: 10_000, full_bonus_at_bps: 9_500 }
    }
}

/// A lending market beside the first: nobody manages its risk, no learner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherMarketSpec {
    /// Name, unique among the markets.
    pub name: String,
    /// What it is like.
    pub market: MarketSpec,
    /// Feeds of its own; what these do not price is priced by the scenario's `oracles`.
    #[serde(default)]
    pub oracles: Vec<OracleSpec>,
    /// Who acts in it.
    pub agents: FurtherCohorts,
}

/// A reserve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveSpec {
    /// The asset.
    pub asset: String,
    /// Loan to value, in basis points; 0 where it is no collateral.
    pub ltv_bps: u32,
    /// Liquidation threshold, in basis points.
    pub threshold_bps: u32,
    /// Liquidation bonus, in basis points (500 is 5 %).
    pub bonus_bps: u32,
    /// The protocol's share of the bonus, in basis points.
    pub protocol_fee_bps: u32,
    /// Share of interest that goes to the treasury, in basis points.
    pub reserve_factor_bps: u32,
    /// Most that may be supplied, in whole tokens; 0 for no cap.
    pub supply_cap_tokens: u64,
    /// Most that may be borrowed, in whole tokens; 0 for no cap.
    pub borrow_cap_tokens: u64,
    /// Whether it can be borrowed.
    pub borrowing: bool,
    /// Interest.
    pub rates: RatesSpec,
}

/// A kinked interest-rate curve, annual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatesSpec {
    /// Rate at no utilisation, in basis points per year.
    pub base_bps: u32,
    /// Added from none to the kink, in basis points per year.
    pub slope1_bps: u32,
    /// Added from the kink to full, in basis points per year.
    pub slope2_bps: u32,
    /// Utilisation at the kink, in basis points.
    pub optimal_bps: u32,
}

impl Scenario {
    /// Blocks of an episode, but for a recorded window that ends sooner.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        u64::from(self.episode_hours) * 3_600 / u64::from(self.block_secs.max(1))
    }
    /// Whether there is a scripted liquidator, whose place another could take.
    #[must_use]
    pub fn has_liquidators(&self) -> bool {
        self.agents.liquidators.iter().any(|cohort| cohort.count > 0)
    }
    /// Whole blocks in so many hours.
    #[must_use]
    pub fn blocks_of(&self, hours: f64) -> u64 {
        (hours * 3_600.0 / f64::from(self.block_secs)) as u64
    }
    /// Which heads policies of this scenario hold.
    #[must_use]
    pub fn side(&self) -> Side {
        self.train.as_ref().map_or(Side::Both, |train| train.side)
    }
}

/// How policies are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateSpec {
    /// Seed of the evaluation worlds; no training seed.
    pub seed: u64,
    /// Unseen paths drawn like training's.
    pub fresh_paths: u32,
    /// Worlds (agents' luck, the other assets' residuals) per test window.
    pub paths_per_window: u32,
    /// Baselines.
    pub baselines: Vec<Baseline>,
    /// Search for the best static parameters, with at least the learner's budget.
    pub search: SearchSpec,
    /// Resamples of the bootstrap.
    pub bootstrap_resamples: u32,
    /// Worlds that training never plays, each a further group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<HeldOut>,
}

impl Default for EvaluateSpec {
    fn default() -> Self {
        Self {
            seed: 9_001,
            fresh_paths: 16,
            paths_per_window: 8,
            baselines: vec![
                Baseline::Deployed,
                Baseline::BestStatic,
                Baseline::BestStaticInHindsight,
                Baseline::VolatilityRule,
                Baseline::FreezeAll,
            ],
            search: SearchSpec::default(),
            bootstrap_resamples: 2_000,
            held_out: Vec::new(),
        }
    }
}

/// A policy to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Baseline {
    /// The parameters as deployed, never moved.
    Deployed,
    /// The best constant parameters found by search on training paths.
    BestStatic,
    /// The same search on the test windows: what hindsight would have chosen.
    BestStaticInHindsight,
    /// Moves LTVs with realised volatility.
    VolatilityRule,
    /// Freezes every reserve at once and for ever.
    FreezeAll,
    /// Freezes a reserve while its prices disagree or crash ([`agents::baselines::FreezeRule`]).
    FreezeRule,
    /// Takes the thinnest collateral's LTV to its floor ([`agents::baselines::Delist`]).
    Delist,
    /// Steers LTVs to RiskDAO's formula ([`agents::baselines::SmartLtv`]).
    SmartLtv,
    /// The best constant parameters, and the freeze rule on top.
    StaticFreezeRule,
    /// Steers caps to what liquidations could sell ([`agents::baselines::GauntletCaps`]).
    GauntletCaps,
    /// The best constant parameters found by CMA-ES on training paths, as large a search as the other.
    CmaEs,
    /// The best single step by a formula, at every decision ([`agents::baselines::Greedy`]).
    Greedy,
}

/// The search for the best static parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSpec {
    /// Random candidates in the first round.
    pub candidates: u32,
    /// Rounds of refinement around the best.
    pub refinements: u32,
    /// Paths per candidate; rounds continue until the learner's budget of blocks is spent too.
    pub paths: u32,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self { candidates: 24, refinements: 3, paths: 8 }
    }
}
