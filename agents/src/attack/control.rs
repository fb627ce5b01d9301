//! The positive control: a market that is safe but for one planted hole of known worth.
//!
//! A report that says "nothing was found" is worth as much as the searcher is able to find something. The
//! control is a world of the same kind, in which TOKEN's feed is stale: it says twice what the pair trades
//! at. With the pair's reserves `T` tokens and `U` dollars, `φ` what its fee leaves of a dollar, and `a` =
//! LTV · price of the feed, taking tokens out of the pair in a flash swap that `x` dollars pay for, supplying all
//! of them and borrowing dollars to the limit earns
//!
//! ```text
//! a·T·φx/(U + φx) − x,   largest at   φx = √(a·T·φ·U) − U.
//! ```
//!
//! Dollars borrowed in flash to buy the tokens with would cost the market's premium besides.

use super::play::Ground;
use super::synthesis::{Attack, Options, search};
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::push::PushFeed;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, Pips, PoolId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{AmountExpr, Call, Outcome, Transaction, TxBuffer, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::worth::Fair;

/// Reserves of the pair: a million tokens at a dollar.
const POOL_TOKENS: f64 = 1e6;
/// Part of an input that the pair's fee of 0.3 % leaves.
const KEPT: f64 = 0.997;
/// The market's LTV for every asset, in basis points.
const LTV_BPS: u32 = 7_500;
/// Aave v3's flash premium, in basis points.
const PREMIUM_BPS: u32 = 5;
/// What the stale feed says, in USD.
const STALE_USD: f64 = 2.0;
const START: u64 = 1_700_000_000;
const BASE_FEE: u64 = 10_000_000_000;

/// How the control went.
#[derive(Clone, Debug)]
pub struct Control {
    /// What the planted hole is worth before gas, in USD.
    pub known_usd: f64,
    /// What was found, in USD; 0 where nothing was.
    pub found_usd: f64,
    /// Candidates simulated.
    pub simulations: u64,
    /// The bundle.
    pub attack: Option<Attack>,
}

impl Control {
    /// Searches the control with these options.
    #[must_use]
    pub fn run(options: &Options) -> Self {
        let report = search(&world(STALE_USD), options);
        Self {
            known_usd: worth_usd(STALE_USD),
            // Gas is no part of the formula.
            found_usd: report.best.as_ref().map_or(0.0, |attack| {
                (attack.record.played.profit_usd + attack.record.gas_usd).max(0.0)
            }),
            simulations: report.simulations,
            attack: report.best,
        }
    }
    /// What was found over what there is to find.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.found_usd / self.known_usd
    }
}

/// What the hole is worth where the feed says `feed_usd`; see the head of this file.
#[must_use]
pub fn worth_usd(feed_usd: f64) -> f64 {
    let (tokens, dollars) = (POOL_TOKENS, POOL_TOKENS);
    let a = f64::from(LTV_BPS) / 1e4 * feed_usd;
    let kept = libm::sqrt(a * tokens * KEPT * dollars) - dollars;
    if kept <= 0.0 {
        return 0.0;
    }
    a * tokens * kept / (dollars + kept) - kept / KEPT
}

/// The world, TOKEN's feed saying `feed_usd`. At a dollar it is safe.
///
/// # Panics
/// Never: the figures are constants that fit.
#[must_use]
pub fn world(feed_usd: f64) -> Ground {
    let mut chain = Chain::new("WETH", START - 12, BASE_FEE);
    let weth = chain.gas_asset();
    let usdc = chain.add_asset("USDC", 6);
    let token = chain.add_asset("TOKEN", 18);
    let listed = [(weth, 18, 2_000.0), (usdc, 6, 1.0), (token, 18, feed_usd)];
    let lp = chain.add_asset("LP", 18);
    let [attacker, provider, pair, market, treasury, manager] =
        ["attacker", "provider", "pair", "market", "treasury", "manager"]
            .map(|name| chain.add_account(name));
    let mut pooled = Pooled::new(market, treasury, manager, RiskRegime::guardian());
    pooled.flash_premium = Bps(PREMIUM_BPS);
    for (asset, decimals, usd) in listed {
        let feed = chain.add_feed(Feed::Push(PushFeed {
            reporter: provider,
            price: Price::from_usd(usd),
            updated_at: START,
            heartbeat_secs: 0,
            deviation_bps: 0,
            max_age_secs: 0,
        }));
        pooled.add_reserve(reserve(&mut chain, asset, feed, decimals));
    }
    let pool = ConstantProduct::new(token, usdc, lp, pair, Pips(3_000));
    let pool = chain.add_pool(Pool::ConstantProduct(pool));
    let id = chain.add_market(Market::Pooled(pooled));
    let amount = |asset: AssetId, tokens: f64| {
        let decimals = if asset == usdc { 6.0 } else { 18.0 };
        Amount::from_f64_floor(tokens * libm::pow(10.0, decimals))
    };
    for (account, asset, tokens) in [
        (provider, weth, 5_000.0),
        (provider, usdc, 11e6),
        (provider, token, 1e6),
        // Gas money, and nothing else.
        (attacker, weth, 1.0),
    ] {
        chain.genesis_mint(account, asset, amount(asset, tokens)).expect("constants fit");
    }
    chain.begin_block(START, 0);
    let exact = |asset, tokens| AmountExpr::Exact(amount(asset, tokens));
    let supply = |asset, tokens| Call::Supply { market: id, asset, amount: exact(asset, tokens) };
    fill(
        &mut chain,
        provider,
        pool,
        (amount(token, POOL_TOKENS), amount(usdc, POOL_TOKENS)),
        &[supply(weth, 4_000.0), supply(usdc, 10e6)],
    );
    let fair = Fair::new(&chain, &[2_000.0, 1.0, 1.0]);
    Ground { chain, attacker, fair, pending: TxBuffer::default(), block_secs: 12, wait_blocks: 0 }
}

fn fill(
    chain: &mut Chain,
    provider: AccountId,
    pool: PoolId,
    (max0, max1): (Amount, Amount),
    supplies: &[Call],
) {
    let mut calls = vec![Call::AddLiquidity { pool, max0, max1 }];
    calls.extend_from_slice(supplies);
    let receipt = chain.execute(Transaction { header: &TxHeader::free(provider), calls: &calls });
    assert_eq!(receipt.outcome, Outcome::Success, "Invariant: the control's constants fit");
}

fn reserve(chain: &mut Chain, asset: AssetId, feed: FeedId, decimals: u8) -> Reserve {
    let symbol = chain.asset(asset).symbol.clone();
    let [share, debt] =
        ["a", "vd"].map(|prefix| chain.add_asset(&format!("{prefix}{symbol}"), decimals));
    let config = ReserveConfig {
        ltv: Bps(LTV_BPS),
        // No higher than the LTV: else whoever supplies in flash, borrows, and withdraws again down to the
        // threshold gets more than the formula says. (The search found that before we did.)
        liquidation_threshold: Bps(LTV_BPS),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    };
    Reserve::new(asset, share, debt, feed, decimals, config, START)
}
