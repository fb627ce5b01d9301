//! From a stage file to a chain: names become ids, decimals become integers, contracts are placed and
//! filled by transactions.

use super::act::{On, translate};
use super::schema::{
    Decimal, DeskCheck, FeedSpec, Stage, StageMarket, StagePool, StageReserve, StageToken, Step,
};
use crate::check::Checker;
use crate::dates::Utc;
use crate::genesis::rates;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::stable_swap::{FEE_DENOMINATOR, MAX_A, MAX_COINS, MAX_FEE, StableSwap};
use markets::oracle::composed::ComposedFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::oracle::fallback::FallbackFeed;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::LpFeed;
use markets::oracle::median::{MAX_SOURCES, MedianFeed};
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::oracle::window::WindowFeed;
use markets::units::{
    AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price, U256, Wad,
};
use protocols::compound::{Book, CToken, Compound, Policy, RateModel, TokenConfig};
use protocols::interest::RateStrategy;
use protocols::isolated::{Irm, Isolated};
use protocols::lending::Pooled;
use protocols::margin_desk::{MarginDesk, PriceCheck};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{Call, Outcome, StableSwapCall, Transaction, TxHeader, VaultCall};
use sim::chain::{Chain, Feed, Market, Pool};

/// A chain with everything placed, and the names of it all.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The chain, after the setup.
    pub chain: Chain,
    /// Who is who.
    pub names: Names,
    /// Fair prices in USD, by asset; zero for what has none of its own (shares).
    pub fair: Vec<f64>,
}

/// What the names of a file stand for; a feed's, pool's or market's place in its list is its id.
#[derive(Clone, Debug)]
pub struct Names {
    assets: Vec<String>,
    ids: Vec<AssetId>,
    decimals: Vec<u8>,
    accounts: Vec<(String, AccountId)>,
    feeds: Vec<String>,
    pools: Vec<String>,
    markets: Vec<String>,
    /// Sends everything that nobody else does.
    pub(super) world: AccountId,
}

/// Why a name or a number of a file cannot be used: what, and how to mend it.
pub(crate) type Refusal = (String, String);

fn find(what: &str, list: &[String], name: &str) -> Result<usize, Refusal> {
    list.iter().position(|known| known == name).ok_or_else(|| {
        let near = crate::problem::nearest(name, list.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
        (format!("unknown {what} \"{name}\""), format!("{near}known: {}", list.join(", ")))
    })
}

impl Names {
    /// An asset.
    pub fn asset(&self, name: &str) -> Result<AssetId, Refusal> {
        find("asset", &self.assets, name).map(|i| self.ids[i])
    }
    /// A feed.
    pub fn feed(&self, name: &str) -> Result<FeedId, Refusal> {
        find("feed", &self.feeds, name).map(|i| FeedId(i as u16))
    }
    /// A pool.
    pub fn pool(&self, name: &str) -> Result<PoolId, Refusal> {
        find("pool", &self.pools, name).map(|i| PoolId(i as u16))
    }
    /// A market.
    pub fn market(&self, name: &str) -> Result<MarketId, Refusal> {
        find("market", &self.markets, name).map(|i| MarketId(i as u16))
    }
    /// An account: a person, or `pool:NAME`, `market:NAME`.
    pub fn account(&self, name: &str) -> Result<AccountId, Refusal> {
        let found = self.accounts.iter().find(|(known, _)| known == name);
        found.map(|(_, id)| *id).ok_or_else(|| {
            let known: Vec<&str> = self.accounts.iter().map(|(known, _)| known.as_str()).collect();
            (format!("unknown account \"{name}\""), format!("known: {}", known.join(", ")))
        })
    }
    /// Who sends what nobody else does.
    #[must_use]
    pub const fn world(&self) -> AccountId {
        self.world
    }
    /// The people that the file names.
    pub(crate) fn people(&self) -> Vec<AccountId> {
        let people = self.accounts.iter().filter(|(name, _)| !name.contains(':'));
        people.map(|(_, id)| *id).collect()
    }
    /// Smallest units of an asset, exactly.
    pub(super) fn units(&self, asset: &str, tokens: &Decimal) -> Result<Amount, Refusal> {
        let at = find("asset", &self.assets, asset)?;
        tokens.units(self.decimals[at]).map(Amount)
    }
    /// Decimals of an asset; 18 where the file does not place it.
    #[must_use]
    pub fn decimals(&self, asset: AssetId) -> u8 {
        let at = self.ids.iter().position(|id| *id == asset);
        at.map_or(18, |at| self.decimals[at])
    }
}

impl Decimal {
    /// The number times ten to the power of `decimals`, where that is whole.
    pub(super) fn units(&self, decimals: u8) -> Result<U256, Refusal> {
        let text = self.0.replace('_', "");
        let refuse = |why: &str| {
            let fix = "write a decimal number in quotation marks, \"5637.623762\"";
            (format!("\"{}\" {why}", self.0), fix.to_owned())
        };
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        if whole.is_empty() || !whole.bytes().chain(part.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(refuse("is no decimal number"));
        }
        let part = part.trim_end_matches('0');
        let Some(zeros) = usize::from(decimals).checked_sub(part.len()) else {
            return Err(refuse(&format!("has more than the asset's {decimals} decimals")));
        };
        let digits = format!("{whole}{part}{}", "0".repeat(zeros));
        U256::from_str_radix(&digits, 10).map_err(|_too_large| refuse("exceeds 256 bits"))
    }
    /// The number in 18 decimals.
    fn wad(&self) -> Result<Wad, Refusal> {
        self.units(18).map(Wad)
    }
    /// A percentage in 18 decimals: 75 is 0.75.
    pub(super) fn percent(&self) -> Result<Wad, Refusal> {
        self.units(16).map(Wad)
    }
}

/// Places a stage; problems go to the checker, each at its place.
pub(crate) fn place(stage: &Stage, at: &str, checker: &mut Checker<'_>) -> Option<Placed> {
    let before = checker.count();
    let Some(start) = Utc::parse(&stage.start_utc).filter(|t| t.0 > u64::from(stage.block_secs))
    else {
        let message = format!("\"{}\" is no moment", stage.start_utc);
        checker.refuse(&format!("{at}start_utc"), message, "write it as 2020-02-15T01:38:57Z");
        return None;
    };
    checker.within(&format!("{at}block_secs"), f64::from(stage.block_secs), 1.0, 86_400.0);
    let mut builder = Builder::new(stage, start.0 - u64::from(stage.block_secs));
    let mut each = |path: String, done: Result<(), Refusal>| {
        if let Err((message, help)) = done {
            checker.refuse(&path, message, help);
        }
    };
    for (i, holder) in stage.accounts.iter().enumerate() {
        for (k, holding) in holder.holds.iter().enumerate() {
            let minted = builder.mint(&holder.name, &holding.asset, &holding.tokens);
            each(format!("{at}accounts.{i}.holds.{k}"), minted);
        }
    }
    for (i, spec) in stage.feeds.iter().enumerate() {
        each(format!("{at}feeds.{i}"), builder.feed(spec, start.0));
    }
    for (i, spec) in stage.pools.iter().enumerate() {
        each(format!("{at}pools.{i}"), builder.pool(spec));
    }
    for (i, spec) in stage.markets.iter().enumerate() {
        each(format!("{at}markets.{i}"), builder.market(spec, start.0));
    }
    if checker.count() > before {
        return None;
    }
    builder.chain.begin_block(start.0, 0);
    let mut each = |path: String, done: Result<(), Refusal>| {
        if let Err((message, help)) = done {
            checker.refuse(&path, message, help);
        }
    };
    for (i, spec) in stage.pools.iter().enumerate() {
        each(format!("{at}pools.{i}"), builder.fill(i, spec));
    }
    each(format!("{at}markets"), builder.poke());
    for (i, step) in stage.setup.iter().enumerate() {
        each(format!("{at}setup.{i}"), builder.step(step));
    }
    if checker.count() > before {
        return None;
    }
    let mut fair = vec![0.0; builder.chain.assets().len()];
    for (asset, id) in stage.assets.iter().zip(&builder.names.ids) {
        fair[id.index()] = asset.usd;
    }
    Some(Placed { chain: builder.chain, names: builder.names, fair })
}

/// A stage being placed.
pub(super) struct Builder {
    pub(super) chain: Chain,
    pub(super) names: Names,
}

impl FeedSpec {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Push { name, .. }
            | Self::Spot { name, .. }
            | Self::Twap { name, .. }
            | Self::Window { name, .. }
            | Self::LpNaive { name, .. }
            | Self::LpFair { name, .. }
            | Self::Lowest { name, .. }
            | Self::Median { name, .. }
            | Self::Delayed { name, .. }
            | Self::Fallback { name, .. } => name,
        }
    }
}
impl StagePool {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ConstantProduct { name, .. }
            | Self::StableSwap { name, .. }
            | Self::Exponential { name, .. }
            | Self::FixedPrice { name, .. } => name,
        }
    }
}
impl StageMarket {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pooled { name, .. }
            | Self::Compound { name, .. }
            | Self::Isolated { name, .. }
            | Self::Vaults { name, .. }
            | Self::Desk { name, .. } => name,
        }
    }
}

impl Builder {
    /// Gives every name its id: a feed may name a pool that the file places later.
    fn new(stage: &Stage, timestamp: u64) -> Self {
        let mut chain = Chain::new("GAS", timestamp, 0);
        let world = chain.add_account("world");
        let names = Names {
            assets: Vec::new(),
            ids: Vec::new(),
            decimals: Vec::new(),
            accounts: Vec::new(),
            feeds: stage.feeds.iter().map(|f| f.name().to_owned()).collect(),
            pools: stage.pools.iter().map(|p| p.name().to_owned()).collect(),
            markets: stage.markets.iter().map(|m| m.name().to_owned()).collect(),
            world,
        };
        let mut builder = Self { chain, names };
        builder.enrol(stage);
        builder
    }
    fn enrol(&mut self, stage: &Stage) {
        for asset in &stage.assets {
            self.asset(&asset.symbol, asset.decimals);
        }
        for holder in &stage.accounts {
            self.account(&holder.name);
        }
        // Shares are assets that files can name: a pool's by its name, a cToken's by `c` and its symbol.
        for pool in &stage.pools {
            if let StagePool::ConstantProduct { name, .. } | StagePool::StableSwap { name, .. } =
                pool
            {
                self.asset(name, 18);
            }
            self.account(&format!("pool:{}", pool.name()));
        }
        for market in &stage.markets {
            self.account(&format!("market:{}", market.name()));
        }
    }
    fn asset(&mut self, symbol: &str, decimals: u8) -> AssetId {
        self.names.assets.push(symbol.to_owned());
        self.names.decimals.push(decimals);
        let id = self.chain.add_asset(symbol, decimals);
        self.names.ids.push(id);
        id
    }
    fn account(&mut self, name: &str) -> AccountId {
        let id = self.chain.add_account(name);
        self.names.accounts.push((name.to_owned(), id));
        id
    }
    fn mint(&mut self, to: &str, asset: &str, tokens: &Decimal) -> Result<(), Refusal> {
        let to = self.names.account(to)?;
        self.give(to, asset, tokens).map(drop)
    }

    fn feed(&mut self, spec: &FeedSpec, now: u64) -> Result<(), Refusal> {
        let names = &self.names;
        let quote = |quote: &Option<String>| quote.as_ref().map(|q| names.feed(q)).transpose();
        let feed = match spec {
            FeedSpec::Push { usd, .. } => Feed::Push(PushFeed {
                reporter: names.world,
                price: price(*usd)?,
                updated_at: now,
                heartbeat_secs: 0,
                deviation_bps: 0,
                max_age_secs: 0,
            }),
            FeedSpec::Spot { asset, pool, quote: q, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                Feed::Spot(SpotFeed { pool, asset, quote: quote(q)? })
            }
            FeedSpec::Twap { asset, pool, quote: q, window_secs, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                Feed::Twap(TwapFeed::new(pool, asset, quote(q)?, *window_secs))
            }
            FeedSpec::Window { asset, pool, quote: q, window_secs, every_secs, .. } => {
                let (asset, pool) = (names.asset(asset)?, names.pool(pool)?);
                if *every_secs == 0 || window_secs / every_secs.max(&1) > 4_096 {
                    return refuse("a window of no or too many checkpoints", "raise every_secs");
                }
                let window = WindowFeed::new(pool, asset, quote(q)?, *window_secs, *every_secs);
                Feed::Window(Box::new(window))
            }
            FeedSpec::LpNaive { pool, coins, .. } => Feed::LpNaive(lp(names, pool, coins)?),
            FeedSpec::LpFair { pool, coins, .. } => Feed::LpFair(lp(names, pool, coins)?),
            FeedSpec::Lowest { feeds: (a, b), .. } => {
                Feed::Lowest(LowestFeed { feeds: [names.feed(a)?, names.feed(b)?] })
            }
            FeedSpec::Median { sources, quorum, .. } => {
                let ids: Result<Vec<_>, _> = sources.iter().map(|s| names.feed(s)).collect();
                let Some(median) = MedianFeed::new(&ids?, *quorum) else {
                    let help = format!("give 1 to {MAX_SOURCES} sources, and a quorum among them");
                    return refuse("a median that cannot be", help);
                };
                Feed::Composed(ComposedFeed::Median(median))
            }
            FeedSpec::Delayed { source, hop_secs, .. } => {
                let source = names.feed(source)?;
                let mut delayed = DelayedFeed::new(source, u64::from(*hop_secs), names.world);
                // It has been poked for hours at what its source says.
                if let Some(Feed::Push(push)) = self.chain.feeds().get(source.index()) {
                    (delayed.current, delayed.next) = (Some(push.price), Some(push.price));
                    delayed.poked_at = now - now.checked_rem(delayed.hop_secs).unwrap_or(0);
                }
                Feed::Composed(ComposedFeed::Delayed(delayed))
            }
            FeedSpec::Fallback { primary, secondary, .. } => {
                let (primary, secondary) = (names.feed(primary)?, names.feed(secondary)?);
                Feed::Composed(ComposedFeed::Fallback(FallbackFeed { primary, secondary }))
            }
        };
        self.chain.add_feed(feed);
        Ok(())
    }

    fn pool(&mut self, spec: &StagePool) -> Result<(), Refusal> {
        let names = &self.names;
        let account = names.account(&format!("pool:{}", spec.name()))?;
        let pool = match spec {
            StagePool::ConstantProduct { name, assets: (a, b), fee_pips, .. } => {
                let share = names.asset(name)?;
                if *fee_pips >= 1_000_000 || a == b {
                    return refuse(
                        "a pair that cannot be",
                        "name two assets and a fee below 100 %",
                    );
                }
                let (a, b) = (names.asset(a)?, names.asset(b)?);
                Pool::ConstantProduct(ConstantProduct::new(a, b, share, account, Pips(*fee_pips)))
            }
            StagePool::StableSwap { name, assets, tokens, amplification, fee_percent } => {
                let fee = (fee_percent / 100.0 * FEE_DENOMINATOR as f64 + 0.5) as u64;
                let sound = (2..=MAX_COINS).contains(&assets.len())
                    && assets.len() == tokens.len()
                    && (1..MAX_A).contains(amplification)
                    && fee <= MAX_FEE;
                if !sound {
                    let help = format!(
                        "two or three assets with as many amounts, an amplification below {MAX_A}, a fee of \
                         at most {} %",
                        MAX_FEE * 100 / FEE_DENOMINATOR
                    );
                    return refuse("a StableSwap pool that cannot be", help);
                }
                let mut coins = Vec::new();
                for symbol in assets {
                    let at = find("asset", &names.assets, symbol)?;
                    if names.decimals[at] > 18 {
                        return refuse("a coin of more than 18 decimals", "Curve has none");
                    }
                    coins.push((names.asset(symbol)?, names.decimals[at]));
                }
                let (share, owner) = (names.asset(name)?, names.world);
                let half = FEE_DENOMINATOR / 2;
                let pool =
                    StableSwap::new(&coins, share, account, owner, *amplification, fee, half);
                Pool::StableSwap(pool)
            }
            StagePool::Exponential {
                base, quote, liquidity_rate, min_price, max_price, ..
            } => Pool::Exponential(Exponential {
                base_decimals: names.decimals(names.asset(base)?),
                quote_decimals: names.decimals(names.asset(quote)?),
                base: names.asset(base)?,
                quote: names.asset(quote)?,
                account,
                liquidity_rate: liquidity_rate.wad()?,
                min_price: min_price.wad()?,
                max_price: max_price.wad()?,
            }),
            StagePool::FixedPrice { base, quote, price, .. } => Pool::FixedPrice(FixedPrice {
                base_decimals: names.decimals(names.asset(base)?),
                base: names.asset(base)?,
                price: names.units(quote, price)?,
                quote: names.asset(quote)?,
                account,
            }),
        };
        self.chain.add_pool(pool);
        Ok(())
    }

    /// Fills a pool: its first deposit is the world's.
    fn fill(&mut self, at: usize, spec: &StagePool) -> Result<(), Refusal> {
        let pool = PoolId(at as u16);
        let (world, account) = (self.names.world, self.chain.pools()[at].account());
        let call = match spec {
            StagePool::ConstantProduct { assets: (a, b), tokens: (x, y), .. } => {
                let (max0, max1) = (self.give(world, a, x)?, self.give(world, b, y)?);
                Call::AddLiquidity { pool, max0, max1 }
            }
            StagePool::StableSwap { assets, tokens, .. } => {
                let mut amounts = [Amount::ZERO; MAX_COINS];
                for ((slot, asset), tokens) in amounts.iter_mut().zip(assets).zip(tokens) {
                    *slot = self.give(world, asset, tokens)?;
                }
                let min_shares = Amount::ZERO;
                Call::StableSwap(StableSwapCall::AddLiquidity { pool, amounts, min_shares })
            }
            StagePool::Exponential { base, quote, base_tokens, quote_tokens, .. } => {
                self.give(account, base, base_tokens)?;
                self.give(account, quote, quote_tokens)?;
                return Ok(());
            }
            StagePool::FixedPrice { base, base_tokens, .. } => {
                self.give(account, base, base_tokens)?;
                return Ok(());
            }
        };
        self.run(world, &[call])
    }

    /// Mints to an account; how much it was.
    fn give(&mut self, to: AccountId, asset: &str, tokens: &Decimal) -> Result<Amount, Refusal> {
        let amount = self.names.units(asset, tokens)?;
        let asset = self.names.asset(asset)?;
        self.chain.genesis_mint(to, asset, amount).map_err(refused)?;
        Ok(amount)
    }

    fn market(&mut self, spec: &StageMarket, now: u64) -> Result<(), Refusal> {
        let account = self.names.account(&format!("market:{}", spec.name()))?;
        let market = match spec {
            StageMarket::Pooled { name, flash_premium_bps, close_factor_bps, reserves } => {
                let treasury = self.chain.add_account(&format!("treasury:{name}"));
                let guardian = RiskRegime::guardian();
                let mut pooled = Pooled::new(account, treasury, self.names.world, guardian);
                pooled.flash_premium = Bps(*flash_premium_bps);
                pooled.state.close_factor = Bps(*close_factor_bps);
                for spec in reserves {
                    let reserve = self.reserve(name, spec, now)?;
                    pooled.add_reserve(reserve);
                }
                Market::Pooled(pooled)
            }
            StageMarket::Compound { close_factor_percent, incentive_percent, tokens, .. } => {
                let policy = Policy {
                    close_factor: close_factor_percent.percent()?,
                    liquidation_incentive: incentive_percent.percent()?,
                    transfer_paused: false,
                    seize_paused: false,
                };
                let mut market = Compound::new(self.names.world, policy);
                for spec in tokens {
                    let token = self.c_token(spec)?;
                    market.add_token(token);
                }
                Market::Compound(market)
            }
            StageMarket::Isolated { name, .. } => self.isolated(name, spec, account, now)?,
            StageMarket::Vaults { name, dai, ilks } => {
                self.vaults(name, dai, ilks, account, now)?
            }
            StageMarket::Desk { .. } => self.desk(spec, account, now)?,
        };
        self.chain.add_market(market);
        Ok(())
    }

    fn reserve(&mut self, market: &str, spec: &StageReserve, now: u64) -> Result<Reserve, Refusal> {
        let (asset, feed) = (self.names.asset(&spec.asset)?, self.names.feed(&spec.feed)?);
        let decimals = self.names.decimals(asset);
        let [a_token, debt_token] = ["a", "d"]
            .map(|kind| self.chain.add_asset(&format!("{kind}{}:{market}", spec.asset), decimals));
        let none = RateStrategy {
            optimal_usage_bps: Bps(8_000),
            base_bps: Bps(0),
            slope1_bps: Bps(0),
            slope2_bps: Bps(0),
        };
        let config = ReserveConfig {
            ltv: Bps(spec.ltv_bps),
            liquidation_threshold: Bps(spec.threshold_bps.max(spec.ltv_bps)),
            liquidation_bonus: Bps(spec.bonus_bps),
            liquidation_protocol_fee: Bps(spec.protocol_fee_bps),
            reserve_factor: Bps(spec.reserve_factor_bps),
            supply_cap: spec.supply_cap_tokens,
            borrow_cap: spec.borrow_cap_tokens,
            rates: spec.rates.as_ref().map_or(none, rates),
            active: true,
            frozen: false,
            paused: false,
            borrowing_enabled: true,
            flash_loan_enabled: true,
            debt_ceiling: 0,
            borrowable_in_isolation: false,
            siloed_borrowing: false,
        };
        Ok(Reserve::new(asset, a_token, debt_token, feed, decimals, config, now))
    }

    /// A cToken of eight decimals, fifty of which are minted for a token at first, as deployed.
    fn c_token(&mut self, spec: &StageToken) -> Result<CToken, Refusal> {
        let (underlying, feed) = (self.names.asset(&spec.asset)?, self.names.feed(&spec.feed)?);
        let decimals = self.names.decimals(underlying);
        let zero = Decimal("0".to_owned());
        let (base, slope) = spec.rates_percent.clone().unwrap_or_else(|| (zero.clone(), zero));
        let symbol = format!("c{}", spec.asset);
        let c_token = self.asset(&symbol, 8);
        let scale = U256::from(10).pow(U256::from(8 + u32::from(decimals)));
        Ok(CToken {
            underlying,
            c_token,
            account: self.account(&symbol),
            feed,
            decimals,
            initial_exchange_rate: Wad(U256::from(2) * scale),
            config: TokenConfig {
                rate_model: RateModel::white_paper(base.percent()?, slope.percent()?),
                reserve_factor: Wad::default(),
                collateral_factor: spec.collateral_factor_percent.percent()?,
                borrow_cap: Amount::ZERO,
                mint_paused: false,
                borrow_paused: false,
            },
            book: Book::new(self.chain.clock().block),
        })
    }

    fn isolated(
        &mut self,
        name: &str,
        spec: &StageMarket,
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let StageMarket::Isolated {
            loan,
            collateral,
            collateral_feed,
            loan_feed,
            lltv_percent,
            ..
        } = spec
        else {
            return refuse("no isolated market", "this is a fault of the program");
        };
        let names = &self.names;
        let (loan, collateral) = (names.asset(loan)?, names.asset(collateral)?);
        let collateral_feed = names.feed(collateral_feed)?;
        let loan_feed = loan_feed.as_ref().map(|feed| names.feed(feed)).transpose()?;
        let (owner, lltv) = (names.world, lltv_percent.percent()?);
        let places = [names.decimals(loan), names.decimals(collateral)];
        let [supply_share, debt_share, collateral_share] =
            ["s", "d", "c"].map(|kind| self.chain.add_asset(&format!("{name}-{kind}"), 18));
        let irm = Irm::Fixed { rate: Wad::default() };
        Ok(Market::Isolated(Isolated {
            account,
            owner,
            loan,
            collateral,
            supply_share,
            debt_share,
            collateral_share,
            loan_decimals: places[0],
            collateral_decimals: places[1],
            collateral_feed,
            loan_feed,
            lltv,
            state: Isolated::created(now, owner, &irm),
            irm,
        }))
    }

    fn desk(
        &mut self,
        spec: &StageMarket,
        account: AccountId,
        now: u64,
    ) -> Result<Market, Refusal> {
        let StageMarket::Desk {
            name,
            loan,
            position,
            pool,
            leverage_bps,
            over_collateral_bps,
            max_slippage,
        } = spec
        else {
            return refuse("no desk", "this is a fault of the program");
        };
        let names = &self.names;
        let assets = (names.asset(loan)?, names.asset(position)?);
        let pool = names.pool(pool)?;
        if *over_collateral_bps == 0 || leverage_bps < over_collateral_bps {
            return refuse(
                "a desk that lends nothing",
                "raise leverage_bps above over_collateral_bps",
            );
        }
        let check = |check: &DeskCheck| -> Result<PriceCheck, Refusal> {
            let loan_feed = names.feed(&check.loan_feed)?;
            let position_feed = names.feed(&check.position_feed)?;
            Ok(PriceCheck { loan_feed, position_feed, max_slippage: Bps(check.bps) })
        };
        let price_check = max_slippage.as_ref().map(check).transpose()?;
        let share = self.asset(&format!("i{name}"), 18);
        let (leverage, ocr) = (Bps(*leverage_bps), Bps(*over_collateral_bps));
        let mut desk = MarginDesk::new(account, share, assets, pool, leverage, ocr, now);
        desk.price_check = price_check;
        Ok(Market::MarginDesk(desk))
    }

    /// Lets every kind of vault take its feed's price.
    fn poke(&mut self) -> Result<(), Refusal> {
        let mut calls = Vec::new();
        for (i, market) in self.chain.markets().iter().enumerate() {
            let kinds = market.vault().map_or(0, |vault| vault.ilks.len());
            calls.extend((0..kinds).map(|ilk| {
                Call::Vault(VaultCall::Poke { market: MarketId(i as u16), ilk: ilk as u16 })
            }));
        }
        self.run(self.names.world, &calls)
    }

    fn step(&mut self, step: &Step) -> Result<(), Refusal> {
        let by = self.names.account(&step.by)?;
        let mut calls = Vec::new();
        let on = On { chain: &self.chain, names: &self.names, by };
        translate(on, &step.calls, &mut calls)?;
        self.run(by, &calls)
    }

    fn run(&mut self, by: AccountId, calls: &[Call]) -> Result<(), Refusal> {
        let outcome = self.chain.execute(Transaction { header: &header(by), calls }).outcome;
        succeeded(outcome, calls)
    }
}

/// A transaction that must succeed.
pub(crate) fn execute(placed: &mut Placed, by: AccountId, calls: &[Call]) -> Result<(), Refusal> {
    let outcome = placed.chain.execute(Transaction { header: &header(by), calls }).outcome;
    succeeded(outcome, calls)
}

/// The header of a transaction that pays no gas.
pub(crate) const fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: u32::MAX,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    }
}

/// An outcome that the file promised to be a success.
pub(super) fn succeeded(outcome: Outcome, calls: &[Call]) -> Result<(), Refusal> {
    let (call, reason) = match outcome {
        Outcome::Success => return Ok(()),
        Outcome::Reverted { call, reason } => (Some(call), reason.to_string()),
        Outcome::Refused(code) => (None, code.to_string()),
        Outcome::Invalid => (None, "never included".to_owned()),
    };
    let kind = call.and_then(|call| calls.get(usize::from(call))).map_or("transaction", Call::kind);
    let place =
        call.map_or_else(String::new, |call| format!(" (call {}, bodies counted)", call + 1));
    refuse(
        format!("this does not succeed: {kind}{place}: {reason}"),
        "the chain refuses it as it stands then: look at balances, prices and what came before",
    )
}

pub(super) fn refuse<T>(message: impl Into<String>, help: impl Into<String>) -> Result<T, Refusal> {
    Err((message.into(), help.into()))
}
fn refused(error: sim::chain::call::Revert) -> Refusal {
    (error.to_string(), "hold less of it: balances have 256 bits".to_owned())
}
/// A price as a feed holds it.
pub(crate) fn price(usd: f64) -> Result<Price, Refusal> {
    if usd.is_finite() && (0.0..=1e24).contains(&usd) {
        Ok(Price::from_usd(usd))
    } else {
        refuse(format!("{usd} USD is no price"), "write a number from 0 to 1e24")
    }
}
fn lp(names: &Names, pool: &str, coins: &[String]) -> Result<LpFeed, Refusal> {
    let mut ids = [None; MAX_COINS];
    if coins.len() > MAX_COINS {
        return refuse("more coins than a pool has", "name a feed for each of the pool's coins");
    }
    for (slot, coin) in ids.iter_mut().zip(coins) {
        *slot = Some(names.feed(coin)?);
    }
    Ok(LpFeed { pool: names.pool(pool)?, coins: ids })
}
