//! What the world believes about markets and positions: f64 projections, refreshed every block.
//!
//! Value is owed in integers on the chain; these are beliefs that let a block cost nanoseconds per
//! idle borrower.

mod positions;

pub use positions::{Belief, PositionViews};

use crate::chain::Chain;
use crate::prices::{FairPrices, unit};
use bevy_ecs::prelude::Resource;
use markets::units::{Amount, AssetId, FeedId, MarketId, PoolId, SECONDS_PER_YEAR};
use protocols::lending::LiquidationDesign;
use serde::{Deserialize, Serialize};

/// A reserve as anybody sees it, its interest projected to now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReserveView {
    /// The token.
    pub asset: AssetId,
    /// The market's oracle for it.
    pub feed: FeedId,
    /// The first pool that trades it, if any.
    pub pool: Option<PoolId>,
    /// One smallest unit in whole tokens.
    pub unit: f64,
    /// The oracle's price, in USD; the last usable one where there is none now.
    pub oracle_usd: f64,
    /// Whether the oracle has a usable price now.
    pub oracle_usable: bool,
    /// The exchange's mid, in USD.
    pub mid_usd: f64,
    /// The pool's marginal price, in USD by the exchange's mid of its other asset; the exchange's own
    /// where there is no pool.
    pub pool_usd: f64,
    /// Value of the pool's other side at the exchange's mid, in USD; 0 where there is no pool.
    pub pool_depth_usd: f64,
    /// Underlying per supply share.
    pub liquidity_index: f64,
    /// Debt per debt share.
    pub borrow_index: f64,
    /// Supplied, in whole tokens.
    pub supplied: f64,
    /// Borrowed, in whole tokens.
    pub borrowed: f64,
    /// At hand, in whole tokens.
    pub available: f64,
    /// Borrowed over borrowed and at hand.
    pub utilisation: f64,
    /// What borrowers pay, per year.
    pub borrow_rate: f64,
    /// What suppliers earn, per year.
    pub supply_rate: f64,
    /// Loan to value.
    pub ltv: f64,
    /// Liquidation threshold.
    pub threshold: f64,
    /// Liquidation bonus beyond par.
    pub bonus: f64,
    /// Supply cap in whole tokens; 0 for none.
    pub supply_cap: f64,
    /// Borrow cap in whole tokens; 0 for none.
    pub borrow_cap: f64,
    /// Whether new supply and borrowing are off.
    pub frozen: bool,
    /// Bad debt written off and not covered, in whole tokens.
    pub deficit: f64,
    /// The second oracle, where there is one.
    pub other_oracle: Option<OtherOracleView>,
}

/// The oracle of a reserve with two that is not read now.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OtherOracleView {
    /// Its price in USD; the last one where it has none now.
    pub usd: f64,
    /// Whether it has one.
    pub usable: bool,
    /// Whether the market reads the second of the two.
    pub second_is_read: bool,
}

/// Moving figures of one reserve's exchange mid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceTrack {
    /// Mid of the last block, in USD.
    pub last_usd: f64,
    /// Exponential average over an hour, in USD.
    pub mean_1h_usd: f64,
    /// Exponential average over a day, in USD.
    pub mean_24h_usd: f64,
    /// Variance of returns per block, exponential over an hour.
    pub variance_1h: f64,
    /// Variance of returns per block, exponential over a day.
    pub variance_24h: f64,
    /// Highest mid, forgotten with a half-life of about a day, in USD.
    pub high_usd: f64,
}

/// A lending market as anybody sees it.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketViews {
    /// Which market.
    pub market: MarketId,
    /// Its reserves, by index.
    pub reserves: Vec<ReserveView>,
    /// Moving figures, by reserve.
    pub tracks: Vec<PriceTrack>,
    /// The close factor.
    pub close_factor: f64,
    /// Risk changes that wait.
    pub pending_changes: u32,
    /// Liquidated, exponential sum over a day, in USD.
    pub liquidated_24h_usd: f64,
    /// What liquidations are like where they are not Aave v3's.
    pub design: Option<LiquidationDesign>,
    weight_1h: f64,
    weight_24h: f64,
}

impl MarketViews {
    /// The views of a market.
    #[must_use]
    pub fn new(chain: &Chain, market: MarketId, prices: &FairPrices, block_secs: u32) -> Self {
        let pooled = chain.pooled(market);
        let reserves = pooled.reserves.iter().map(|r| {
            let mid = prices.usd(r.underlying);
            let holds = |p: &crate::chain::Pool| {
                p.constant_product().is_some_and(|pair| pair.other(r.underlying).is_ok())
            };
            ReserveView {
                asset: r.underlying,
                feed: r.feed,
                pool: chain.pools().iter().position(holds).map(|i| PoolId(i as u16)),
                unit: unit(r.decimals),
                oracle_usd: mid,
                oracle_usable: false,
                mid_usd: mid,
                pool_usd: mid,
                pool_depth_usd: 0.0,
                liquidity_index: 1.0,
                borrow_index: 1.0,
                supplied: 0.0,
                borrowed: 0.0,
                available: 0.0,
                utilisation: 0.0,
                borrow_rate: 0.0,
                supply_rate: 0.0,
                ltv: 0.0,
                threshold: 0.0,
                bonus: 0.0,
                supply_cap: 0.0,
                borrow_cap: 0.0,
                frozen: false,
                deficit: 0.0,
                other_oracle: r.other_oracle.map(|other| OtherOracleView {
                    usd: mid,
                    usable: false,
                    second_is_read: other.is_read,
                }),
            }
        });
        let reserves: Vec<_> = reserves.collect();
        let track = |r: &ReserveView| PriceTrack {
            last_usd: r.mid_usd,
            mean_1h_usd: r.mid_usd,
            mean_24h_usd: r.mid_usd,
            variance_1h: 0.0,
            variance_24h: 0.0,
            high_usd: r.mid_usd,
        };
        let tracks = reserves.iter().map(track).collect();
        let weight = |secs: f64| 1.0 - libm::exp(-f64::from(block_secs) / secs);
        let mut views = Self {
            market,
            reserves,
            tracks,
            close_factor: 0.0,
            pending_changes: 0,
            liquidated_24h_usd: 0.0,
            design: None,
            weight_1h: weight(3_600.0),
            weight_24h: weight(86_400.0),
        };
        views.project(chain, prices);
        views
    }

    /// Reads the chain and the exchange, interest projected to now.
    pub fn project(&mut self, chain: &Chain, prices: &FairPrices) {
        let pooled = chain.pooled(self.market);
        let now = chain.clock().timestamp;
        self.close_factor = pooled.state.close_factor.ratio();
        self.pending_changes = pooled.state.pending.len() as u32;
        self.design = pooled.state.design;
        for (view, reserve) in self.reserves.iter_mut().zip(&pooled.reserves) {
            view.feed = reserve.feed;
            read_oracle(chain, view.feed, &mut view.oracle_usd, &mut view.oracle_usable);
            if let (Some(other), Some(seen)) = (reserve.other_oracle, &mut view.other_oracle) {
                seen.second_is_read = other.is_read;
                read_oracle(chain, other.feed, &mut seen.usd, &mut seen.usable);
            }
            view.mid_usd = prices.usd(view.asset);
            let years = now.saturating_sub(reserve.last_update) as f64 / SECONDS_PER_YEAR as f64;
            view.supply_rate = reserve.rates.liquidity.ratio();
            view.borrow_rate = reserve.rates.borrow.ratio();
            view.liquidity_index =
                reserve.liquidity_index.ratio() * (1.0 + view.supply_rate * years);
            let x = view.borrow_rate * years;
            // Aave's three-term compounding.
            view.borrow_index =
                reserve.borrow_index.ratio() * (1.0 + x * (1.0 + x * (0.5 + x / 6.0)));
            let ledger = chain.ledger();
            view.supplied =
                ledger.total_supply(reserve.a_token).to_f64() * view.unit * view.liquidity_index;
            view.borrowed =
                ledger.total_supply(reserve.debt_token).to_f64() * view.unit * view.borrow_index;
            view.available = pooled.available(chain, reserve).to_f64() * view.unit;
            let base = view.available + view.borrowed;
            view.utilisation = if base > 0.0 { view.borrowed / base } else { 0.0 };
            view.deficit = reserve.deficit.to_f64() * view.unit;
            let config = &reserve.config;
            view.ltv = config.ltv.ratio();
            view.threshold = config.liquidation_threshold.ratio();
            view.bonus = config.liquidation_bonus.ratio();
            view.supply_cap = config.supply_cap as f64;
            view.borrow_cap = config.borrow_cap as f64;
            view.frozen = config.frozen;
            project_pool(view, chain, prices);
        }
    }

    /// The bonus that liquidating a position of this health pays in a reserve, beyond par, as a ratio
    /// ([`LiquidationDesign::bonus`]).
    #[must_use]
    pub fn bonus(&self, reserve: usize, health_factor: f64) -> f64 {
        let whole = self.reserves[reserve].bonus;
        let Some(design) = &self.design else { return whole };
        let least = design.bonus_at_line.ratio();
        let range = (1.0 - design.full_bonus_at.ratio()).max(f64::MIN_POSITIVE);
        let grown = (1.0 - health_factor) / range;
        whole * (least + (1.0 - least) * grown.clamp(0.0, 1.0))
    }

    /// Whether the market refuses to liquidate a position of these values at a bonus
    /// ([`LiquidationDesign::refuses`]).
    #[must_use]
    pub fn refuses(&self, debt_usd: f64, collateral_usd: f64, bonus: f64) -> bool {
        let stops = self.design.is_some_and(|design| design.stops_when_toxic);
        stops && debt_usd * (1.0 + bonus) >= collateral_usd
    }

    /// Everything supplied, at the exchange's mid, in USD.
    #[must_use]
    pub fn supplied_usd(&self) -> f64 {
        self.reserves.iter().map(|r| r.supplied * r.mid_usd).sum()
    }
    /// Everything borrowed, at the exchange's mid, in USD.
    #[must_use]
    pub fn borrowed_usd(&self) -> f64 {
        self.reserves.iter().map(|r| r.borrowed * r.mid_usd).sum()
    }

    /// Moves the moving figures on by a block.
    pub fn track(&mut self) {
        let (hour, day) = (self.weight_1h, self.weight_24h);
        for (track, view) in self.tracks.iter_mut().zip(&self.reserves) {
            let mid = view.mid_usd;
            let simple = mid / track.last_usd - 1.0;
            let squared = simple * simple;
            track.variance_1h += hour * (squared - track.variance_1h);
            track.variance_24h += day * (squared - track.variance_24h);
            track.mean_1h_usd += hour * (mid - track.mean_1h_usd);
            track.mean_24h_usd += day * (mid - track.mean_24h_usd);
            track.high_usd = (track.high_usd + day * (mid - track.high_usd)).max(mid);
            track.last_usd = mid;
        }
        self.liquidated_24h_usd -= day * self.liquidated_24h_usd;
    }
}

/// Reads a feed's price; where it has none, the last one stays.
fn read_oracle(chain: &Chain, feed: FeedId, usd: &mut f64, usable: &mut bool) {
    match chain.price(feed) {
        Ok(price) => {
            *usd = price.usd();
            *usable = true;
        }
        Err(_) => *usable = false,
    }
}

fn project_pool(view: &mut ReserveView, chain: &Chain, prices: &FairPrices) {
    view.pool_usd = view.mid_usd;
    let Some(pool) = view.pool else { return };
    let pool = chain.pair(pool);
    let Ok(other) = pool.other(view.asset) else { return };
    let Ok((_, reserve)) = pool.reserves_from(view.asset) else { return };
    let depth = prices.value_usd(other, Amount::new(reserve));
    view.pool_depth_usd = depth;
    let Ok((held, _)) = pool.reserves_from(view.asset) else { return };
    let tokens = held as f64 * view.unit;
    if tokens > 0.0 {
        view.pool_usd = depth / tokens;
    }
}
