//! The chain of a small world for tests: WETH, USDC and TAIL, whose feed reads its pool; no files, no
//! scenario.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use markets::amm::constant_product::ConstantProduct;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::price::{Gbm, JointPrices, PriceSpec};
use markets::units::{Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use sim::chain::call::{Call, Outcome, Receipt, Transaction, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::exchange::{Exchange, Listing};
use sim::prices::PriceSource;

pub(crate) const MARKET: MarketId = MarketId(0);
pub(crate) const POOL: PoolId = PoolId(0);
pub(crate) const WETH: AssetId = AssetId(0);
pub(crate) const USDC: AssetId = AssetId(1);
pub(crate) const TAIL: AssetId = AssetId(2);
pub(crate) const PRICES: [f64; 3] = [2_000.0, 1.0, 2.0];
const DECIMALS: [i32; 3] = [18, 6, 18];

/// What differs between test worlds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// USDC in the pool.
    pub(crate) pool_usdc: f64,
    /// Value of the TAIL in the pool over its USDC.
    pub(crate) pool_skew: f64,
    pub(crate) tail_ltv_bps: u32,
    pub(crate) tail_cap: u64,
    /// Volatility per √year of WETH and TAIL.
    pub(crate) vol: f64,
    /// Drift per year of WETH and TAIL.
    pub(crate) drift: f64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            pool_usdc: 400_000.0,
            pool_skew: 1.0,
            tail_ltv_bps: 6_500,
            tail_cap: 2_000_000,
            vol: 0.8,
            drift: 0.0,
        }
    }
}

pub(crate) fn amount(asset: AssetId, tokens: f64) -> Amount {
    Amount::from_f64_floor(tokens * libm::pow(10.0, f64::from(DECIMALS[asset.index()])))
}

pub(crate) fn system(
    chain: &mut Chain,
    sender: markets::units::AccountId,
    calls: &[Call],
) -> Receipt {
    let header = TxHeader::free(sender);
    chain.execute(Transaction { header: &header, calls })
}

fn config(ltv: u32, threshold: u32, bonus: u32, cap: u64) -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(ltv),
        liquidation_threshold: Bps(threshold),
        liquidation_bonus: Bps(bonus),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: cap,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    }
}

/// The chain before its first block: pool filled, market empty.
pub(crate) fn chain(terms: &Terms) -> Chain {
    let start = 1_700_000_000;
    let mut chain = Chain::new("WETH", start, 30_000_000_000);
    assert_eq!(chain.add_asset("USDC", 6), USDC);
    assert_eq!(chain.add_asset("TAIL", 18), TAIL);
    let shares: Vec<(AssetId, AssetId)> = ["WETH", "USDC", "TAIL"]
        .iter()
        .zip(DECIMALS)
        .map(|(s, d)| {
            let mut add = |prefix: &str| chain.add_asset(&format!("{prefix}{s}"), d as u8);
            (add("a"), add("vd"))
        })
        .collect();
    let lp = chain.add_asset("LP", 18);
    let (pool_account, provider) = (chain.add_account("pool"), chain.add_account("provider"));
    let fee = Pips(3_000);
    let pool = ConstantProduct::new(TAIL, USDC, lp, pool_account, fee);
    assert_eq!(chain.add_pool(Pool::ConstantProduct(pool)), POOL);
    let max0 = amount(TAIL, terms.pool_usdc * terms.pool_skew / PRICES[2]);
    let max1 = amount(USDC, terms.pool_usdc);
    chain.genesis_mint(provider, TAIL, max0).unwrap();
    chain.genesis_mint(provider, USDC, max1).unwrap();
    let fill = Call::AddLiquidity { pool: POOL, max0, max1 };
    assert_eq!(system(&mut chain, provider, &[fill]).outcome, Outcome::Success);
    for (name, price) in [("node:WETH", PRICES[0]), ("node:USDC", PRICES[1])] {
        let reporter = chain.add_account(name);
        chain.add_feed(Feed::Push(PushFeed {
            reporter,
            price: Price::from_usd(price),
            updated_at: start,
            heartbeat_secs: 3_600,
            deviation_bps: 50,
            max_age_secs: 0,
        }));
    }
    chain.add_feed(Feed::Spot(SpotFeed { pool: POOL, asset: TAIL, quote: Some(FeedId(1)) }));
    let market = chain.add_account("market");
    let (treasury, manager) = (chain.add_account("treasury"), chain.add_account("risk manager"));
    let mut pooled = Pooled::new(market, treasury, manager, RiskRegime::guardian());
    let configs = [
        config(8_050, 8_300, 500, 0),
        config(7_700, 8_000, 450, 0),
        config(terms.tail_ltv_bps, 7_700.max(terms.tail_ltv_bps), 1_000, terms.tail_cap),
    ];
    for (i, ((a, d), config)) in shares.into_iter().zip(configs).enumerate() {
        let (asset, feed) = (AssetId(i as u16), FeedId(i as u16));
        pooled.add_reserve(Reserve::new(asset, a, d, feed, DECIMALS[i] as u8, config, start));
    }
    assert_eq!(chain.add_market(Market::Pooled(pooled)), MARKET);
    chain
}

pub(crate) fn exchange(chain: &Chain) -> Exchange {
    let listing = |asset, half_spread_bps, taker_fee_bps, depth_usd| Listing {
        asset,
        half_spread_bps,
        taker_fee_bps,
        depth_usd,
    };
    let listings = [
        listing(WETH, 1.0, 5.0, 15e6),
        listing(USDC, 0.5, 1.0, 50e6),
        listing(TAIL, 15.0, 10.0, 250_000.0),
    ];
    Exchange::new(&listings, chain.assets().len(), 1_800.0, 12, true)
}

pub(crate) fn source(terms: &Terms) -> PriceSource {
    let moving = |vol| PriceSpec::Gbm(Gbm { drift_per_year: terms.drift, vol_per_sqrt_year: vol });
    let still = PriceSpec::Gbm(Gbm { drift_per_year: 0.0, vol_per_sqrt_year: 0.0 });
    let specs = vec![moving(terms.vol), still, moving(1.5 * terms.vol)];
    let joint = JointPrices::new(specs, PRICES.to_vec(), None, 12).unwrap();
    PriceSource { joint, assets: vec![WETH, USDC, TAIL] }
}
