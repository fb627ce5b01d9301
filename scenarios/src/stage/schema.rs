//! The stage file, schema 1: a chain as it stood at a moment, with any mechanism that there is, and what
//! happened on it.
//!
//! A scenario file describes a crowd around one pooled market; a stage describes deployed contracts by
//! name, exact amounts, and transactions. Amounts are decimal numbers in quotation marks, in whole tokens,
//! and are placed to the last digit.

use crate::schema::RatesSpec;
use serde::{Deserialize, Serialize};

/// The schema that this build reads.
pub const SCHEMA: u32 = 1;

/// A decimal number of whole tokens, or of anything that a contract counts in 18 decimals: `"5637.623762"`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Decimal(pub String);

/// A chain at a moment, and what happens on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The first block's time, UTC.
    pub start_utc: String,
    /// Seconds between blocks.
    pub block_secs: u32,
    /// Assets. What pays for gas exists besides, and nobody pays here.
    pub assets: Vec<StageAsset>,
    /// People, and what they hold at first.
    #[serde(default)]
    pub accounts: Vec<Holder>,
    /// Price feeds.
    #[serde(default)]
    pub feeds: Vec<FeedSpec>,
    /// Pools.
    #[serde(default)]
    pub pools: Vec<StagePool>,
    /// Markets.
    #[serde(default)]
    pub markets: Vec<StageMarket>,
    /// What was done before: deposits, loans.
    #[serde(default)]
    pub setup: Vec<Step>,
    /// Who the attack is by; `ballast attack` looks for bundles on this account.
    #[serde(default)]
    pub attacker: Option<String>,
    /// What happened, in order of time.
    #[serde(default)]
    pub timeline: Vec<Moment>,
}

/// An asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageAsset {
    /// Symbol.
    pub symbol: String,
    /// Decimals of its smallest unit.
    pub decimals: u8,
    /// Fair price, in USD: what gains and losses are counted at.
    pub usd: f64,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Name.
    pub name: String,
    /// What they hold.
    #[serde(default)]
    pub holds: Vec<Holding>,
}

/// So much of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// The asset.
    pub asset: String,
    /// How much, in whole tokens.
    pub tokens: Decimal,
}

/// A price feed; each answers in USD per whole token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a feed's sentence names its fields")]
pub enum FeedSpec {
    /// Says what was last pushed, at first `usd`.
    Push { name: String, usd: f64 },
    /// A pool's price of `asset` this instant; `quote` prices the pool's other asset, USD where absent.
    Spot { name: String, asset: String, pool: String, quote: Option<String> },
    /// A pair's average since its last checkpoint but one, over at least `window_secs`.
    Twap { name: String, asset: String, pool: String, quote: Option<String>, window_secs: u32 },
    /// A pair's average over a sliding window of checkpoints, one every `every_secs`.
    Window {
        name: String,
        asset: String,
        pool: String,
        quote: Option<String>,
        window_secs: u32,
        every_secs: u32,
    },
    /// A pool's share at its reserves' value this instant; `coins` price the pool's coins, in its order.
    LpNaive { name: String, pool: String, coins: Vec<String> },
    /// A pool's share at a value that a swap does not move.
    LpFair { name: String, pool: String, coins: Vec<String> },
    /// The lower of two feeds.
    Lowest { name: String, feeds: (String, String) },
    /// The median of up to eleven feeds, of which `quorum` must answer.
    Median { name: String, sources: Vec<String>, quorum: u8 },
    /// What another feed said at least `hop_secs` ago (Maker's OSM).
    Delayed { name: String, source: String, hop_secs: u32 },
    /// The first feed, or the second where it has no price.
    Fallback { name: String, primary: String, secondary: String },
    /// A pair's price of `asset` by the balances that it holds this instant, flash swaps in progress
    /// included; `quote` as in `Spot`.
    Balances { name: String, asset: String, pool: String, quote: Option<String> },
    /// A share of a `ShareVault` at what the vault has this instant; `quote` prices what is deposited, USD
    /// where absent.
    Share { name: String, vault: String, quote: Option<String> },
    /// A `Concentrated` pool's average tick over `window_secs`, from its own observations.
    ConcentratedTwap {
        name: String,
        asset: String,
        pool: String,
        quote: Option<String>,
        window_secs: u32,
    },
    /// `base` times a ratio that counts up to a snapshot of so many days ago and so much growth a year since
    /// (Aave's CAPO).
    Capped {
        name: String,
        base: String,
        ratio: String,
        snapshot_ratio: Decimal,
        snapshot_age_days: u32,
        growth_bps: u32,
    },
    /// What `reporter` said when it was last touched and `anchor` was within so many percent of it (Compound's
    /// open price feed).
    Anchored { name: String, reporter: String, anchor: String, tolerance_percent: Decimal },
    /// A feed that has no price once it moved too far in a period, until `trip_secs` have passed (0: for good).
    Breaker { name: String, source: String, max_move_bps: u32, period_secs: u64, trip_secs: u64 },
}

/// A pool, filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a pool's sentence names its fields")]
pub enum StagePool {
    /// Uniswap v2's pair (or v1's exchange), with `tokens` of its two assets; `fee_pips` in millionths.
    ConstantProduct {
        name: String,
        assets: (String, String),
        tokens: (Decimal, Decimal),
        fee_pips: u32,
    },
    /// Curve's StableSwap of two or three coins; `fee_percent` of what comes out.
    StableSwap {
        name: String,
        assets: Vec<String>,
        tokens: Vec<Decimal>,
        amplification: u64,
        fee_percent: f64,
    },
    /// Kyber's exponential reserve: it sells `base` for `quote` at minP · e^(lr · quote held).
    Exponential {
        name: String,
        base: String,
        quote: String,
        base_tokens: Decimal,
        quote_tokens: Decimal,
        liquidity_rate: Decimal,
        min_price: Decimal,
        max_price: Decimal,
    },
    /// Sells `base` for `quote` at one price, in `quote` per whole `base`, until it has none.
    FixedPrice { name: String, base: String, quote: String, base_tokens: Decimal, price: Decimal },
    /// Uniswap v3's pool at `tick`, with liquidity in `ranges` of (lower tick, upper tick, liquidity) and room
    /// for so many `observations`; ticks and liquidity as the contract counts them.
    Concentrated {
        name: String,
        assets: (String, String),
        fee_pips: u32,
        tick_spacing: i32,
        tick: i32,
        #[serde(default)]
        observations: u16,
        ranges: Vec<(i32, i32, Decimal)>,
    },
    /// A vault of one asset (EIP-4626): `shares` exist, it has `tokens` at hand, and as many shares of a
    /// StableSwap pool as `invested` says, which count at what they would be paid in the asset. A swap of the
    /// asset deposits, one of the share redeems. The share is an asset by the vault's name.
    ShareVault {
        name: String,
        asset: String,
        tokens: Decimal,
        shares: Decimal,
        #[serde(default)]
        invested: Option<(String, Decimal)>,
    },
}

/// A market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a market's sentence names its fields")]
pub enum StageMarket {
    /// Aave v3's pool. A lender of flash loans alone is one whose reserves are no collateral.
    Pooled {
        name: String,
        flash_premium_bps: u32,
        #[serde(default = "half")]
        close_factor_bps: u32,
        reserves: Vec<StageReserve>,
    },
    /// Compound v2's comptroller with its cTokens. Factors in percent.
    Compound {
        name: String,
        close_factor_percent: Decimal,
        incentive_percent: Decimal,
        tokens: Vec<StageToken>,
    },
    /// Morpho Blue's market of one loan asset and one collateral, at no interest.
    Isolated {
        name: String,
        loan: String,
        collateral: String,
        collateral_feed: String,
        loan_feed: Option<String>,
        lltv_percent: Decimal,
    },
    /// Maker's vaults with English auctions (Liquidation 1.2), at no stability fee; `dai` is an asset of 18
    /// decimals that the vaults mint.
    Vaults { name: String, dai: String, ilks: Vec<StageIlk> },
    /// bZx's margin desk: buys `position` with `loan` through a pair.
    Desk {
        name: String,
        loan: String,
        position: String,
        pool: String,
        leverage_bps: u32,
        over_collateral_bps: u32,
        max_slippage: Option<DeskCheck>,
    },
    /// A perpetual future on `underlying`, margined in `quote`: sizes are whole multiples of `lot`, in tokens of
    /// the underlying, prices of `tick`, in quote tokens for one of the underlying; the mark is what `feed` says.
    /// `profit_backs_withdrawals` where unrealised profit is paid out of what others deposited (Mango v3).
    /// Funding is 0.01 % in eight hours, with the usual clamp and cap, where `funding` is absent.
    Perpetual {
        name: String,
        quote: String,
        underlying: String,
        feed: String,
        lot: Decimal,
        tick: Decimal,
        initial_margin_bps: u32,
        maintenance_margin_bps: u32,
        liquidation_fee_bps: u32,
        #[serde(default)]
        profit_backs_withdrawals: bool,
        #[serde(default)]
        funding: Option<StageFunding>,
    },
}

/// A perpetual future's funding; rates per interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageFunding {
    /// Interest, in percent.
    pub interest_percent: Decimal,
    /// How far the rate may lie from the premium towards interest, in percent.
    pub clamp_percent: Decimal,
    /// Largest rate either way, in percent.
    pub cap_percent: Decimal,
    /// Seconds between two payments.
    pub interval_secs: u64,
}

const fn half() -> u32 {
    5_000
}

/// A collateral type of vaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageIlk {
    /// The collateral.
    pub collateral: String,
    /// Prices it in dai.
    pub feed: String,
    /// Least ratio of collateral to debt, in percent.
    pub ratio_percent: Decimal,
    /// What a liquidation multiplies the debt by to get what is to be raised, in percent.
    pub penalty_percent: Decimal,
    /// Least debt of a vault that has any.
    pub dust_dai: Decimal,
    /// Most that one auction raises.
    pub lot_dai: Decimal,
    /// A bid is at least the last one times this, in percent.
    pub beg_percent: Decimal,
    /// Seconds that a bid must stand to win.
    pub ttl_secs: u64,
    /// Seconds that an auction lasts at most.
    pub tau_secs: u64,
}

/// A desk's check of its pool's price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeskCheck {
    /// Prices the lent asset.
    pub loan_feed: String,
    /// Prices what is bought.
    pub position_feed: String,
    /// Most that the value bought may lie below the value sold, in basis points.
    pub bps: u32,
}

/// A reserve of a pooled market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageReserve {
    /// The asset.
    pub asset: String,
    /// Prices it.
    pub feed: String,
    /// Loan to value, in basis points; 0 where it is no collateral.
    #[serde(default)]
    pub ltv_bps: u32,
    /// Liquidation threshold, in basis points.
    #[serde(default)]
    pub threshold_bps: u32,
    /// Liquidation bonus, in basis points (500 is 5 %).
    #[serde(default)]
    pub bonus_bps: u32,
    /// The protocol's share of the bonus, in basis points.
    #[serde(default)]
    pub protocol_fee_bps: u32,
    /// Share of interest that goes to the treasury, in basis points.
    #[serde(default)]
    pub reserve_factor_bps: u32,
    /// Most that may be supplied, in whole tokens; 0 for no cap.
    #[serde(default)]
    pub supply_cap_tokens: u64,
    /// Most that may be borrowed, in whole tokens; 0 for no cap.
    #[serde(default)]
    pub borrow_cap_tokens: u64,
    /// Interest; none where absent.
    #[serde(default)]
    pub rates: Option<RatesSpec>,
}

/// A cToken of a Compound market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageToken {
    /// The underlying.
    pub asset: String,
    /// Prices it.
    pub feed: String,
    /// What may be owed against it, in percent of its value.
    pub collateral_factor_percent: Decimal,
    /// Rate at rest and what full utilisation adds, in percent a year; none where absent.
    #[serde(default)]
    pub rates_percent: Option<(Decimal, Decimal)>,
    /// Most that may be borrowed, in whole tokens; no cap where absent.
    #[serde(default)]
    pub borrow_cap_tokens: Option<Decimal>,
}

/// A transaction of the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Whose.
    pub by: String,
    /// What.
    pub calls: Vec<Act>,
}

/// Something that happens at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// Seconds after the start; it falls in the first block that is not earlier.
    pub at_secs: u64,
    /// What happens.
    pub event: Event,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "an event's sentence names its fields")]
pub enum Event {
    /// A transaction of `by`, atomic; `label` names it in figures. It must succeed.
    Transaction { label: String, by: String, calls: Vec<Act> },
    /// A push feed moves.
    Push { feed: String, usd: f64 },
    /// An asset's fair price moves.
    Fair { asset: String, usd: f64 },
}

/// How much of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Much {
    /// This many whole tokens.
    Tokens(Decimal),
    /// All that the sender has (`Repay`: owes; `Withdraw`: has supplied).
    All,
    /// The most that the market lends (`Borrow`).
    MaxBorrow,
}

/// Which way an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// It buys.
    Buy,
    /// It sells.
    Sell,
}

/// A call, by the names of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum Act {
    /// Lends `tokens` of an asset for the calls in `body`, and takes them back with the premium.
    FlashLoan { market: String, asset: String, tokens: Decimal, body: Vec<Act> },
    /// A pair pays `tokens` of an asset, runs `body`, and must hold its product after, fee included.
    FlashSwap { pool: String, asset: String, tokens: Decimal, body: Vec<Act> },
    /// Sells an asset to a pool; `out` names what is bought where there is a choice.
    Swap { pool: String, give: String, much: Much, out: Option<String> },
    /// Buys exactly so much of an asset from a pair.
    Buy { pool: String, take: String, tokens: Decimal },
    /// Deposits in a pool at most so much of each of its assets, in its order, for its shares.
    AddLiquidity { pool: String, tokens: Vec<Decimal> },
    /// Burns shares of a pool for its assets.
    RemoveLiquidity { pool: String, shares: Much },
    /// Supplies an asset; a vault system locks it.
    Supply { market: String, asset: String, much: Much },
    /// Withdraws a supplied asset.
    Withdraw { market: String, asset: String, much: Much },
    /// Redeems so many cTokens of an asset, counted in whole ones of eight decimals (`Withdraw` counts in what
    /// they are worth).
    Redeem { market: String, asset: String, shares: Decimal },
    /// Borrows an asset.
    Borrow { market: String, asset: String, much: Much },
    /// Repays the sender's debt.
    Repay { market: String, asset: String, much: Much },
    /// Repays somebody's debt and seizes collateral.
    Liquidate { market: String, borrower: String, collateral: String, debt: String, much: Much },
    /// Lets a supplied asset count as collateral.
    EnterMarket { market: String, asset: String },
    /// Gives an asset away; mechanisms are named `pool:…` or `market:…`, a cToken's account by its symbol.
    Transfer { to: String, asset: String, much: Much },
    /// Makes a pair take what it holds for its reserves.
    Sync { pool: String },
    /// Opens a desk's position with a margin.
    OpenPosition { market: String, margin: Decimal },
    /// Closes it.
    ClosePosition { market: String },
    /// Offers to buy or sell so much at a perpetual market, at a price in quote tokens for one of the underlying;
    /// in place of the sender's offer before, and none with a size of 0.
    Offer { market: String, side: Side, size: Decimal, price: Decimal },
    /// Trades so much against somebody's offer there.
    Take { market: String, maker: String, size: Decimal },
    /// Takes over so much of a position there that does not cover its maintenance margin, at the mark.
    TakeOver { market: String, account: String, size: Decimal },
    /// Closes a bankrupt position there against the other side.
    Deleverage { market: String, account: String },
    /// Lets a perpetual market read its feed, and pay funding where it is due.
    Mark { market: String },
    /// Writes a checkpoint of an averaging feed, or lets a delayed, anchored or breaking one move on.
    Touch { feed: String },
    /// Lets a vault system take the price of a collateral.
    Poke { market: String, collateral: String },
    /// Bids so much dai for an English auction's lot; once the tab is met, for so much of it as `lot` says.
    /// Auctions are numbered from 1 in the order of their start.
    Bid { market: String, auction: u64, dai: Decimal, lot: Option<Decimal> },
    /// Hands the lot of a finished English auction to its winner.
    Deal { market: String, auction: u64 },
}
