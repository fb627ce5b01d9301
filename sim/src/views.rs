//! What the world believes about positions and markets: f64 projections, refreshed every block.
//!
//! Value is owed in integers on the chain; these are beliefs that let a block cost nanoseconds per
//! idle borrower. [`PositionViews`] keeps each account's scaled shares as floats and re-reads an account
//! only when a transaction touched it; every block the whole is re-weighted by the projected indexes and
//! prices. Whoever may be liquidatable by these beliefs is then asked for exactly.

use crate::chain::Chain;
use crate::prices::{FairPrices, unit};
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId, SECONDS_PER_YEAR, Wad};
use serde::{Deserialize, Serialize};

/// Accounts that are swept together.
const LANES: usize = 4;
type Row = [f64; LANES];

/// Beliefs below this health factor are checked exactly. Beliefs agree with the chain to about 10⁻⁹.
const EXACT_BELOW: f64 = 1.000_001;

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
        for (view, reserve) in self.reserves.iter_mut().zip(&pooled.reserves) {
            match chain.price(view.feed) {
                Ok(price) => {
                    view.oracle_usd = price.usd();
                    view.oracle_usable = true;
                }
                Err(_) => view.oracle_usable = false,
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

/// Everybody's position in one market, as beliefs, by account id.
#[derive(Resource, Clone, Debug, Default)]
pub struct PositionViews {
    /// Health factor at the oracles' prices; infinite without debt.
    pub health_factor: Vec<f64>,
    /// Collateral at its liquidation thresholds and the oracles' prices, in USD.
    pub threshold_usd: Vec<f64>,
    /// Debt at the oracles' prices, in USD.
    pub debt_usd: Vec<f64>,
    /// Debt beyond collateral at fair prices, in USD.
    pub shortfall_usd: Vec<f64>,
    /// Accounts whose exact health factor is below one now, by id.
    pub at_risk: Vec<AccountId>,
    /// Accounts that the block's transactions have touched so far; empty from the tick to execution.
    pub touched: Vec<AccountId>,
    /// Exact health factors that differ from the belief by more than a millionth, since the start.
    pub disagreements: u64,
    /// Sum of `shortfall_usd`.
    pub shortfall_total_usd: f64,
    market: Option<MarketId>,
    reserves: usize,
    accounts: usize,
    is_touched: Vec<bool>,
    /// `[group][reserve][lane]`: supply shares that are collateral, in whole tokens.
    collateral: Vec<Row>,
    /// The same of debt shares.
    debt: Vec<Row>,
    suspects: Vec<u32>,
}

/// What a reserve's shares weigh.
#[derive(Clone, Copy)]
struct Weight {
    threshold: f64,
    debt: f64,
    fair_collateral: f64,
    fair_debt: f64,
}

fn weight(view: &ReserveView) -> Weight {
    let collateral = view.liquidity_index * view.oracle_usd;
    Weight {
        threshold: collateral * view.threshold,
        debt: view.borrow_index * view.oracle_usd,
        fair_collateral: view.liquidity_index * view.mid_usd,
        fair_debt: view.borrow_index * view.mid_usd,
    }
}

/// Sums over reserves of one group of accounts.
#[derive(Clone, Copy, Default)]
struct Sums {
    threshold: Row,
    debt: Row,
    fair_collateral: Row,
    fair_debt: Row,
}

#[inline(always)]
fn sum(collateral: &[Row], debt: &[Row], weights: &[Weight]) -> Sums {
    let mut s = Sums::default();
    for ((c, d), w) in collateral.iter().zip(debt).zip(weights) {
        for l in 0..LANES {
            s.threshold[l] += c[l] * w.threshold;
            s.debt[l] += d[l] * w.debt;
            s.fair_collateral[l] += c[l] * w.fair_collateral;
            s.fair_debt[l] += d[l] * w.fair_debt;
        }
    }
    s
}

/// Most reserves whose weights fit on the stack.
const MAX_RESERVES: usize = protocols::position::MAX_RESERVES;

fn weights(views: &MarketViews) -> ([Weight; MAX_RESERVES], usize) {
    const NONE: Weight = Weight { threshold: 0.0, debt: 0.0, fair_collateral: 0.0, fair_debt: 0.0 };
    let mut out = [NONE; MAX_RESERVES];
    for (slot, view) in out.iter_mut().zip(&views.reserves) {
        *slot = weight(view);
    }
    (out, views.reserves.len())
}

impl PositionViews {
    /// Reads every account of the chain anew.
    pub fn rebuild(&mut self, chain: &Chain, market: MarketId) {
        self.market = Some(market);
        self.reserves = chain.pooled(market).reserves.len();
        self.accounts = chain.accounts().len();
        let groups = self.accounts.div_ceil(LANES);
        let padded = groups * LANES;
        for (column, value) in [
            (&mut self.health_factor, f64::INFINITY),
            (&mut self.threshold_usd, 0.0),
            (&mut self.debt_usd, 0.0),
            (&mut self.shortfall_usd, 0.0),
        ] {
            column.clear();
            column.resize(padded, value);
        }
        self.is_touched.clear();
        self.is_touched.resize(padded, false);
        for rows in [&mut self.collateral, &mut self.debt] {
            rows.clear();
            rows.resize(groups * self.reserves, [0.0; LANES]);
        }
        self.at_risk.clear();
        self.at_risk.reserve(self.accounts);
        self.touched.clear();
        self.touched.reserve(self.accounts);
        self.suspects.clear();
        self.suspects.reserve(padded);
        self.shortfall_total_usd = 0.0;
        for account in 0..self.accounts {
            self.reload(chain, AccountId(account as u32));
        }
    }

    /// Notes that a transaction may have changed an account.
    #[inline]
    pub fn touch(&mut self, account: AccountId) {
        if let Some(flag) = self.is_touched.get_mut(account.index())
            && !*flag
        {
            *flag = true;
            self.touched.push(account);
        }
    }

    /// Forgets which accounts were touched.
    pub fn clear_touched(&mut self) {
        for account in self.touched.drain(..) {
            self.is_touched[account.index()] = false;
        }
    }

    /// Re-reads the touched accounts after the block's transactions and corrects the shortfall, so that
    /// bad debt written off is no longer latent.
    pub fn settle(&mut self, chain: &Chain, views: &MarketViews) {
        let (weights, n) = weights(views);
        for i in 0..self.touched.len() {
            let account = self.touched[i];
            self.reload(chain, account);
            let (group, lane) = (account.index() / LANES, account.index() % LANES);
            let rows = group * n..(group + 1) * n;
            let s = sum(&self.collateral[rows.clone()], &self.debt[rows], &weights[..n]);
            let shortfall = (s.fair_debt[lane] - s.fair_collateral[lane]).max(0.0);
            let old = std::mem::replace(&mut self.shortfall_usd[account.index()], shortfall);
            self.shortfall_total_usd += shortfall - old;
        }
    }

    /// Reads one account's shares.
    fn reload(&mut self, chain: &Chain, account: AccountId) {
        let Some(market) = self.market else { return };
        let pooled = chain.pooled(market);
        let position = pooled.position(account);
        let (group, lane) = (account.index() / LANES, account.index() % LANES);
        for (r, reserve) in pooled.reserves.iter().enumerate() {
            let at = group * self.reserves + r;
            let shares = |used: bool, token: AssetId| {
                if used {
                    chain.balance(account, token).to_f64() * unit(reserve.decimals)
                } else {
                    0.0
                }
            };
            let r = r as u16;
            self.collateral[at][lane] = shares(position.uses_as_collateral(r), reserve.a_token);
            self.debt[at][lane] = shares(position.borrows(r), reserve.debt_token);
        }
    }

    /// Re-weights every position at the present indexes and prices.
    pub fn sweep(&mut self, views: &MarketViews) {
        let (weights, n) = weights(views);
        let weights = &weights[..n];
        self.suspects.clear();
        let mut total = [0.0; LANES];
        let rows = self.collateral.chunks_exact(n.max(1)).zip(self.debt.chunks_exact(n.max(1)));
        let outputs = self
            .health_factor
            .chunks_exact_mut(LANES)
            .zip(self.threshold_usd.chunks_exact_mut(LANES))
            .zip(self.debt_usd.chunks_exact_mut(LANES))
            .zip(self.shortfall_usd.chunks_exact_mut(LANES));
        for (group, ((collateral, debt), (((health, threshold), owed), shortfall))) in
            rows.zip(outputs).enumerate()
        {
            let s = sum(collateral, debt, weights);
            let mut near = false;
            for l in 0..LANES {
                let ratio = s.threshold[l] / s.debt[l];
                let short = s.fair_debt[l] - s.fair_collateral[l];
                let short = if short > 0.0 { short } else { 0.0 };
                health[l] = if s.debt[l] > 0.0 { ratio } else { f64::INFINITY };
                threshold[l] = s.threshold[l];
                owed[l] = s.debt[l];
                shortfall[l] = short;
                total[l] += short;
                near |= s.threshold[l] < s.debt[l] * EXACT_BELOW;
            }
            if near {
                self.suspects.push(group as u32);
            }
        }
        self.shortfall_total_usd = (total[0] + total[1]) + (total[2] + total[3]);
    }

    /// Asks the chain for the health of whoever may be liquidatable.
    pub fn find_at_risk(&mut self, chain: &Chain) {
        self.at_risk.clear();
        let Some(market) = self.market else { return };
        for group in &self.suspects {
            for lane in 0..LANES {
                let index = *group as usize * LANES + lane;
                let belief = self.health_factor[index];
                if belief >= EXACT_BELOW {
                    continue;
                }
                let account = AccountId(index as u32);
                let Ok(health) = chain.health(market, account) else { continue };
                let exact = health.health_factor.ratio();
                // Debt of a few smallest units has no digits to compare.
                if (exact - belief).abs() > 1e-6 * exact.max(1.0) && self.debt_usd[index] > 0.01 {
                    self.disagreements += 1;
                }
                if health.health_factor < Wad::ONE {
                    self.at_risk.push(account);
                }
            }
        }
    }

    /// Number of accounts.
    #[must_use]
    pub const fn accounts(&self) -> usize {
        self.accounts
    }
    /// An account's collateral in a reserve, in whole tokens.
    #[must_use]
    pub fn collateral_tokens(
        &self,
        views: &MarketViews,
        account: AccountId,
        reserve: usize,
    ) -> f64 {
        self.shares(&self.collateral, account, reserve) * views.reserves[reserve].liquidity_index
    }
    /// An account's debt in a reserve, in whole tokens.
    #[must_use]
    pub fn debt_tokens(&self, views: &MarketViews, account: AccountId, reserve: usize) -> f64 {
        self.shares(&self.debt, account, reserve) * views.reserves[reserve].borrow_index
    }
    fn shares(&self, rows: &[Row], account: AccountId, reserve: usize) -> f64 {
        let (group, lane) = (account.index() / LANES, account.index() % LANES);
        rows.get(group * self.reserves + reserve).map_or(0.0, |row| row[lane])
    }
    /// Collateral of everybody in a reserve, in shares as whole tokens. Sums all accounts: not for
    /// every block.
    #[must_use]
    pub fn collateral_shares(&self, reserve: usize) -> f64 {
        self.collateral.iter().skip(reserve).step_by(self.reserves.max(1)).flatten().sum()
    }
}
