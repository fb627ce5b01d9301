//! The chain before its first block: assets, pools, feeds and the market, from a scenario and the
//! fair prices that an episode opens with.

use crate::paths::Path;
use crate::perpetuals::Site;
use crate::schema::{
    DesignSpec, MarketSpec, OracleSpec, PoolSpec, RatesSpec, Regime, ReserveSpec, RuleOverride,
    Scenario,
};
use crate::statics::StaticParams;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::OracleError;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::price::PriceError;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::{LiquidationDesign, Pooled};
use protocols::perpetual::PerpetualError;
use protocols::reserve::{OtherOracle, Reserve, ReserveConfig};
use protocols::risk_params::{RiskParam, RiskRegime};
use sim::action::Heads;
use sim::chain::call::{Call, Outcome, Revert, Transaction, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};

/// Why a checked scenario still does not make a world.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// Prices.
    #[error("prices: {0}")]
    Prices(#[from] PriceError),
    /// A genesis balance.
    #[error("genesis balances: {0}")]
    Balance(#[from] Revert),
    /// An oracle that cannot be seeded.
    #[error("oracle of {asset}: {reason}")]
    Oracle {
        /// The asset priced.
        asset: String,
        /// Why.
        reason: OracleError,
    },
    /// A pool that cannot be filled.
    #[error("pool {pool}: {outcome:?}")]
    Pool {
        /// Which.
        pool: String,
        /// What became of its first deposit.
        outcome: Outcome,
    },
    /// Positions that a market does not take where an episode opens at other prices.
    #[error("positions of {file}, line {line}: {reason}")]
    Positions {
        /// The file.
        file: String,
        /// The line.
        line: usize,
        /// Why.
        reason: Revert,
    },
    /// A perpetual future whose terms no contract can have.
    #[error("perpetual on {asset}: {reason}")]
    Perpetual {
        /// What it is on.
        asset: String,
        /// Why.
        reason: PerpetualError,
    },
    /// Participants.
    #[error("agents: {0}")]
    Agents(#[from] agents::scripted::SpawnError),
}

/// A chain and the handles that the rest of the world needs.
pub(crate) struct Genesis {
    pub(crate) chain: Chain,
    pub(crate) market: MarketId,
    /// Underlying assets, in the scenario's order.
    pub(crate) assets: Vec<AssetId>,
    /// Pools, in the scenario's order.
    pub(crate) pools: Vec<PoolId>,
    /// Feeds, in the scenario's order.
    pub(crate) feeds: Vec<FeedId>,
    /// Second feeds of the market's reserves, in the scenario's order.
    pub(crate) other_feeds: Vec<FeedId>,
    /// Further lending markets, in the scenario's order.
    pub(crate) further: Vec<Further>,
    /// Perpetual futures, in the scenario's order.
    pub(crate) perpetuals: Vec<MarketId>,
}

/// A further lending market.
#[derive(Clone, Debug)]
pub(crate) struct Further {
    pub(crate) market: MarketId,
    /// Its own feeds, in their order.
    pub(crate) feeds: Vec<FeedId>,
}

/// What a market's regime stands for, the scenario's own rules in place.
pub(crate) fn regime(market: &MarketSpec) -> RiskRegime {
    let mut regime = match market.regime {
        Regime::Steward => RiskRegime::steward(),
        Regime::Guardian => RiskRegime::guardian(),
    };
    for RuleOverride { param, rule } in &market.rules {
        *match param {
            RiskParam::Ltv => &mut regime.ltv,
            RiskParam::LiquidationThreshold => &mut regime.liquidation_threshold,
            RiskParam::LiquidationBonus => &mut regime.liquidation_bonus,
            RiskParam::SupplyCap => &mut regime.supply_cap,
            RiskParam::BorrowCap => &mut regime.borrow_cap,
            RiskParam::CloseFactor => &mut regime.close_factor,
            RiskParam::Frozen => &mut regime.frozen,
            RiskParam::Oracle => &mut regime.oracle,
            RiskParam::ToxicStop => &mut regime.toxic_stop,
            RiskParam::BonusAtLine => &mut regime.bonus_at_line,
            RiskParam::FullBonusAt => &mut regime.full_bonus_at,
        } = *rule;
    }
    regime
}

/// The heads of a market's action table.
pub(crate) fn heads(market: &MarketSpec) -> Heads {
    let has_two = |r: &ReserveSpec| market.other_oracles.iter().any(|o| o.asset() == r.asset);
    Heads::new(market.reserves.iter().map(has_two), market.design.is_some())
}

/// Whether the same choices are the same moves in two markets: reserves, heads and rules alike.
pub(crate) fn same_moves(here: &MarketSpec, there: &MarketSpec) -> bool {
    let assets = here.reserves.iter().map(|reserve| &reserve.asset);
    let same_heads = heads(here) == heads(there)
        && assets.eq(there.reserves.iter().map(|reserve| &reserve.asset));
    same_heads && regime(here) == regime(there)
}

/// A liquidation design from its figures.
fn design(spec: DesignSpec) -> LiquidationDesign {
    LiquidationDesign {
        stops_when_toxic: spec.toxic_stop,
        bonus_at_line: Bps(spec.bonus_at_line_bps),
        ..LiquidationDesign::flat(Bps(spec.full_bonus_at_bps))
    }
}

/// Builds the chain.
pub(crate) fn genesis(
    s: &Scenario,
    path: &Path,
    statics: &StaticParams,
) -> Result<Genesis, AssembleError> {
    let prices = path.joint.start_prices();
    let base_fee = (s.gas.base_fee_gwei * 1e9) as u64;
    let mut chain = Chain::new(&s.assets[0].symbol, path.start, base_fee);
    let mut assets = vec![chain.gas_asset()];
    for asset in &s.assets[1..] {
        assets.push(chain.add_asset(&asset.symbol, asset.decimals));
    }
    let shares = add_shares(&mut chain, s, &s.market, "");
    let lp: Vec<AssetId> =
        s.pools.iter().map(|p| chain.add_asset(&format!("LP:{}", p.name), 18)).collect();
    let at = |symbol: &str| {
        let i = s.assets.iter().position(|a| a.symbol == symbol).unwrap_or(0);
        (assets[i], s.assets[i].decimals, prices[i])
    };
    let mut pools = Vec::new();
    for (spec, share) in s.pools.iter().zip(lp) {
        pools.push(fill_pool(&mut chain, spec, share, at(&spec.base), at(&spec.quote))?);
    }
    let ground = Ground { s, assets: &assets, prices, pools: &pools, start: path.start };
    let feeds = add_feeds(&mut chain, &ground, &s.oracles, None, "")?;
    let priced = Priced { specs: &s.oracles, feeds: &feeds, rest: None };
    let others = &s.market.other_oracles;
    let other_feeds = add_feeds(&mut chain, &ground, others, Some(&priced), "other ")?;
    let managed = Managed { statics, other_feeds: &other_feeds };
    let market = add_market(&mut chain, &ground, &s.market, &priced, shares, "", Some(managed));
    let mut further = Vec::new();
    for spec in &s.markets {
        let prefix = format!("{} ", spec.name);
        let shares = add_shares(&mut chain, s, &spec.market, &prefix);
        let feeds = add_feeds(&mut chain, &ground, &spec.oracles, Some(&priced), &prefix)?;
        let own = Priced { specs: &spec.oracles, feeds: &feeds, rest: Some(&priced) };
        let market = add_market(&mut chain, &ground, &spec.market, &own, shares, &prefix, None);
        further.push(Further { market, feeds });
    }
    let mut perpetuals = Vec::new();
    for spec in &s.perpetuals {
        let (quote, quote_decimals, _) = ground.at(&spec.quote);
        let site = Site {
            underlying: ground.at(&spec.asset),
            quote: (quote, quote_decimals),
            feed: priced.feed(&spec.asset).unwrap_or(FeedId(0)),
            now: path.start,
        };
        perpetuals.push(crate::perpetuals::add(&mut chain, spec, &site)?);
    }
    Ok(Genesis { chain, market, assets, pools, feeds, other_feeds, further, perpetuals })
}

/// What feeds and markets are built on.
struct Ground<'a> {
    s: &'a Scenario,
    assets: &'a [AssetId],
    /// Fair prices at the start, in the scenario's order of assets.
    prices: &'a [f64],
    pools: &'a [PoolId],
    start: u64,
}

impl Ground<'_> {
    /// An asset by symbol: id, decimals, fair price.
    fn at(&self, symbol: &str) -> (AssetId, u8, f64) {
        let i = self.s.assets.iter().position(|a| a.symbol == symbol).unwrap_or(0);
        (self.assets[i], self.s.assets[i].decimals, self.prices[i])
    }
}

/// Feeds of a market: its own, and behind them those of the scenario.
struct Priced<'a> {
    specs: &'a [OracleSpec],
    feeds: &'a [FeedId],
    rest: Option<&'a Priced<'a>>,
}

impl Priced<'_> {
    /// The feed of an asset.
    fn feed(&self, symbol: &str) -> Option<FeedId> {
        let own = self.specs.iter().position(|o| o.asset() == symbol).map(|i| self.feeds[i]);
        own.or_else(|| self.rest?.feed(symbol))
    }
    /// The push feed of an asset.
    fn push(&self, symbol: &str) -> Option<FeedId> {
        let is_push = |o: &OracleSpec| o.asset() == symbol && matches!(o, OracleSpec::Push { .. });
        let own = self.specs.iter().position(is_push).map(|i| self.feeds[i]);
        own.or_else(|| self.rest?.push(symbol))
    }
}

/// Share tokens of a market's reserves: supply, debt and decimals each.
fn add_shares(
    chain: &mut Chain,
    s: &Scenario,
    market: &MarketSpec,
    prefix: &str,
) -> Vec<(AssetId, AssetId, u8)> {
    let of = |reserve: &ReserveSpec| {
        let decimals =
            s.assets.iter().find(|a| a.symbol == reserve.asset).map_or(18, |a| a.decimals);
        let a_token = chain.add_asset(&format!("{prefix}a{}", reserve.asset), decimals);
        let debt_token = chain.add_asset(&format!("{prefix}vd{}", reserve.asset), decimals);
        (a_token, debt_token, decimals)
    };
    market.reserves.iter().map(of).collect()
}

/// Adds feeds in the order of `specs`, push feeds first: pool feeds quote in them, or in those of `rest`.
fn add_feeds(
    chain: &mut Chain,
    ground: &Ground<'_>,
    specs: &[OracleSpec],
    rest: Option<&Priced<'_>>,
    prefix: &str,
) -> Result<Vec<FeedId>, AssembleError> {
    let mut feeds = vec![FeedId(0); specs.len()];
    for (spec, feed) in specs.iter().zip(&mut feeds) {
        if let OracleSpec::Push {
            asset,
            heartbeat_secs,
            deviation_bps,
            max_age_secs,
            lag_secs: _,
        } = spec
        {
            let reporter = chain.add_account(&format!("{prefix}node:{asset}"));
            *feed = chain.add_feed(Feed::Push(PushFeed {
                reporter,
                price: Price::from_usd(ground.at(asset).2),
                updated_at: ground.start,
                heartbeat_secs: *heartbeat_secs,
                deviation_bps: *deviation_bps,
                max_age_secs: *max_age_secs,
            }));
        }
    }
    for i in 0..specs.len() {
        let spec = &specs[i];
        let Some(name) = spec.pool() else { continue };
        let spec_pools = &ground.s.pools;
        let p = spec_pools.iter().position(|p| p.name == name).unwrap_or(0);
        let other = if spec_pools[p].base == spec.asset() {
            &spec_pools[p].quote
        } else {
            &spec_pools[p].base
        };
        let quote = Priced { specs, feeds: &feeds, rest }.push(other);
        let (asset, pool) = (ground.at(spec.asset()).0, ground.pools[p]);
        let feed = match spec {
            OracleSpec::Twap { window_secs, .. } => {
                let twap = TwapFeed::new(pool, asset, quote, *window_secs);
                let seeded = twap.seeded(chain.pair(pool), ground.start).map_err(|reason| {
                    AssembleError::Oracle { asset: spec.asset().to_owned(), reason }
                })?;
                Feed::Twap(seeded)
            }
            OracleSpec::Spot { .. } | OracleSpec::Push { .. } => {
                Feed::Spot(SpotFeed { pool, asset, quote })
            }
        };
        feeds[i] = chain.add_feed(feed);
    }
    Ok(feeds)
}

/// What the market that is managed has besides.
#[derive(Clone, Copy)]
struct Managed<'a> {
    statics: &'a StaticParams,
    /// Second feeds, in the order of its specs.
    other_feeds: &'a [FeedId],
}

/// Adds a lending market.
fn add_market(
    chain: &mut Chain,
    ground: &Ground<'_>,
    spec: &MarketSpec,
    priced: &Priced<'_>,
    shares: Vec<(AssetId, AssetId, u8)>,
    prefix: &str,
    managed: Option<Managed<'_>>,
) -> MarketId {
    let account = chain.add_account(&format!("{prefix}market"));
    let treasury = chain.add_account(&format!("{prefix}treasury"));
    let risk_manager = chain.add_account(&format!("{prefix}risk manager"));
    let mut pooled = Pooled::new(account, treasury, risk_manager, regime(spec));
    pooled.flash_premium = Bps(spec.flash_premium_bps);
    pooled.state.close_factor = Bps(spec.close_factor_bps);
    pooled.state.design = spec.design.map(design);
    for (reserve, (a_token, debt_token, decimals)) in spec.reserves.iter().zip(shares) {
        let feed = priced.feed(&reserve.asset).unwrap_or(FeedId(0));
        let underlying = ground.at(&reserve.asset).0;
        let (config, start) = (config(reserve), ground.start);
        pooled.add_reserve(Reserve::new(
            underlying, a_token, debt_token, feed, decimals, config, start,
        ));
    }
    if let Some(Managed { statics, other_feeds }) = managed {
        for (other, feed) in spec.other_oracles.iter().zip(other_feeds) {
            let reserve = spec.reserves.iter().position(|r| r.asset == other.asset());
            if let Some(reserve) = reserve {
                let second = OtherOracle { feed: *feed, is_read: false };
                pooled.reserves[reserve].other_oracle = Some(second);
            }
        }
        statics.apply(&mut pooled);
    }
    chain.add_market(Market::Pooled(pooled))
}

/// A pool whose first deposit comes from a provider of its own, at the fair ratio.
fn fill_pool(
    chain: &mut Chain,
    spec: &PoolSpec,
    share: AssetId,
    (base, base_decimals, base_usd): (AssetId, u8, f64),
    (quote, quote_decimals, quote_usd): (AssetId, u8, f64),
) -> Result<PoolId, AssembleError> {
    let account = chain.add_account(&format!("pool:{}", spec.name));
    let provider = chain.add_account(&format!("provider:{}", spec.name));
    let pool = ConstantProduct::new(base, quote, share, account, Pips(spec.fee_pips));
    let pool = chain.add_pool(Pool::ConstantProduct(pool));
    let units = |tokens: f64, decimals: u8| {
        Amount::from_f64_floor(tokens * libm::pow(10.0, f64::from(decimals)))
    };
    let max1 = units(spec.quote_reserve_tokens, quote_decimals);
    let max0 = units(spec.quote_reserve_tokens * quote_usd / base_usd, base_decimals);
    chain.genesis_mint(provider, base, max0)?;
    chain.genesis_mint(provider, quote, max1)?;
    let outcome = before_first_block(chain, provider, &[Call::AddLiquidity { pool, max0, max1 }]);
    if outcome == Outcome::Success {
        Ok(pool)
    } else {
        Err(AssembleError::Pool { pool: spec.name.clone(), outcome })
    }
}

/// Executes a transaction of the world's making before the first block: no gas.
pub(crate) fn before_first_block(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Outcome {
    let header = TxHeader::free(sender);
    chain.execute(Transaction { header: &header, calls }).outcome
}

/// A reserve's configuration.
pub(crate) fn config(spec: &ReserveSpec) -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(spec.ltv_bps),
        liquidation_threshold: Bps(spec.threshold_bps),
        liquidation_bonus: Bps(spec.bonus_bps),
        liquidation_protocol_fee: Bps(spec.protocol_fee_bps),
        reserve_factor: Bps(spec.reserve_factor_bps),
        supply_cap: spec.supply_cap_tokens,
        borrow_cap: spec.borrow_cap_tokens,
        rates: rates(&spec.rates),
        active: true,
        frozen: false,
        paused: false,
        borrowing_enabled: spec.borrowing,
        flash_loan_enabled: true,
        debt_ceiling: 0,
        borrowable_in_isolation: false,
        siloed_borrowing: false,
    }
}

/// The curve of a reserve.
pub(crate) const fn rates(spec: &RatesSpec) -> RateStrategy {
    RateStrategy {
        optimal_usage_bps: Bps(spec.optimal_bps),
        base_bps: Bps(spec.base_bps),
        slope1_bps: Bps(spec.slope1_bps),
        slope2_bps: Bps(spec.slope2_bps),
    }
}
