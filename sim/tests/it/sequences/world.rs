//! A chain that holds every kind of pool, market and oracle, with people who use them.

#[path = "../common/compound.rs"]
mod compound;

use markets::amm::concentrated::Concentrated;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::stable_swap::{FEE_DENOMINATOR, StableSwap};
use markets::oracle::anchored::AnchoredFeed;
use markets::oracle::breaker::BreakerFeed;
use markets::oracle::capped::CappedFeed;
use markets::oracle::composed::ComposedFeed;
use markets::oracle::concentrated::ConcentratedTwapFeed;
use markets::oracle::delayed::DelayedFeed;
use markets::oracle::fallback::FallbackFeed;
use markets::oracle::lowest::LowestFeed;
use markets::oracle::lp::LpFeed;
use markets::oracle::mantissa::MantissaFeed;
use markets::oracle::median::MedianFeed;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::oracle::twap::TwapFeed;
use markets::oracle::window::WindowFeed;
use markets::units::{
    AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price, PriceMantissa, RAY,
    Ray, U256, Wad,
};
use protocols::auction::curve::Curve;
use protocols::auction::dutch::Dutch;
use protocols::auction::english::English;
use protocols::interest::RateStrategy;
use protocols::isolated::{Irm, Isolated};
use protocols::lending::{EModeCategory, LiquidationDesign, Pooled, Version};
use protocols::margin_desk::MarginDesk;
use protocols::perpetual::{FundingTerms, Perpetual, PerpetualMarket, PerpetualTerms};
use protocols::reserve::{OtherOracle, Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use protocols::vault::{House, Ilk, Int, State, Vault};
use sim::chain::call::{
    AmountExpr, Call, ConcentratedCall, OracleCall, Outcome, PerpetualCall, StableSwapCall,
    Transaction, TxHeader, VaultCall,
};
use sim::chain::{Chain, Feed, Market, Pool};

pub(crate) const E18: u128 = 1_000_000_000_000_000_000;
pub(crate) const E8: u128 = 100_000_000;
pub(crate) const NOW: u64 = 1_700_000_000;
/// USD per whole token at first, in the order of [`World::tokens`].
pub(crate) const USD: [u128; 5] = [1, 1, 1, 2_000, 40_000];
/// Their decimals.
pub(crate) const DECIMALS: [u8; 5] = [6, 18, 6, 18, 8];

/// Who is who, and what is where.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) chain: Chain,
    /// USD, DAI, USDT, WETH, BTC.
    pub(crate) tokens: [AssetId; 5],
    /// People who do things.
    pub(crate) users: Vec<AccountId>,
    /// Owns, governs and reports.
    pub(crate) admin: AccountId,
    /// Supplies, and owes nobody.
    pub(crate) provider: AccountId,
    pub(crate) pairs: Vec<PoolId>,
    pub(crate) concentrated: PoolId,
    pub(crate) stables: Vec<PoolId>,
    pub(crate) reserves: Vec<PoolId>,
    pub(crate) pooled: Vec<MarketId>,
    pub(crate) compound: MarketId,
    pub(crate) isolated: Vec<MarketId>,
    pub(crate) vault: MarketId,
    pub(crate) desk: MarketId,
    /// On WETH by a push feed, collateral alone paid out; by a pair's spot, with cross margin.
    pub(crate) perpetuals: [MarketId; 2],
    /// Push feeds of USD, WETH, BTC, and a second one of WETH.
    pub(crate) pushes: [FeedId; 4],
    /// WETH in Compound's price type.
    pub(crate) mantissa: FeedId,
    pub(crate) averages: Vec<FeedId>,
    pub(crate) composed: Vec<FeedId>,
    /// First calls that failed.
    failed: Vec<String>,
}

pub(crate) fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 1_000_000_000,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    }
}

pub(crate) fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}
pub(crate) fn unit(token: usize) -> u128 {
    10_u128.pow(u32::from(DECIMALS[token]))
}
/// So many dollars' worth of a token, at first.
pub(crate) fn worth(token: usize, usd: u128) -> u128 {
    usd * unit(token) / USD[token]
}

fn push(chain: &mut Chain, reporter: AccountId, price: u128) -> FeedId {
    chain.add_feed(Feed::Push(PushFeed {
        reporter,
        price: Price(price),
        updated_at: NOW,
        heartbeat_secs: 0,
        deviation_bps: 0,
        max_age_secs: 0,
    }))
}

fn reserve_config() -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(7_500),
        liquidation_threshold: Bps(8_000),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 0,
        borrow_cap: 3_000_000,
        rates: RateStrategy {
            optimal_usage_bps: Bps(9_000),
            base_bps: Bps(50),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    }
}

/// With another feed for WETH liquidations have a design too.
fn pooled(
    chain: &mut Chain,
    version: Version,
    admin: AccountId,
    listed: [(AssetId, u8, FeedId); 3],
    other_weth: Option<FeedId>,
) -> MarketId {
    let name = format!("{version:?}");
    let mut regime = RiskRegime::guardian();
    regime.ltv.delay_secs = 3_600;
    let [account, treasury] =
        ["", "-treasury"].map(|part| chain.add_account(&format!("{name}{part}")));
    let mut market = Pooled::of_version(version, account, treasury, admin, regime);
    market.e_modes.push(EModeCategory {
        ltv: Bps(9_000),
        liquidation_threshold: Bps(9_300),
        liquidation_bonus: Bps(100),
        price_feed: None,
        collateral: 0b111,
        borrowable: 0b111,
        ltv_zero: 0,
    });
    for (token, decimals, feed) in listed {
        let symbol = chain.asset(token).symbol.clone();
        let [supply, debt] =
            ["a", "d"].map(|kind| chain.add_asset(&format!("{name}-{kind}{symbol}"), decimals));
        let config = reserve_config();
        let new = Reserve::of_version(version, token, supply, debt, feed, decimals, config, NOW);
        market.add_reserve(new);
    }
    if let Some(feed) = other_weth {
        market.reserves[1].other_oracle = Some(OtherOracle { feed, is_read: false });
        market.state.design = Some(LiquidationDesign::flat(Bps(9_000)));
    }
    chain.add_market(Market::Pooled(market))
}

/// Its collateral's feed answers in the loan asset.
fn isolated(
    chain: &mut Chain,
    blue: AccountId,
    owner: AccountId,
    (loan, loan_decimals, loan_feed): (AssetId, u8, Option<FeedId>),
    (collateral, collateral_decimals, collateral_feed): (AssetId, u8, FeedId),
    irm: Irm,
) -> MarketId {
    let at = chain.markets().len();
    let [supply_share, debt_share, collateral_share] =
        ["s", "d", "c"].map(|kind| chain.add_asset(&format!("isolated{at}-{kind}"), 18));
    let mut state = Isolated::created(NOW, owner, &irm);
    state.fee = Wad::new(E18 / 10);
    chain.add_market(Market::Isolated(Isolated {
        account: blue,
        owner,
        loan,
        collateral,
        supply_share,
        debt_share,
        collateral_share,
        loan_decimals,
        collateral_decimals,
        collateral_feed,
        loan_feed,
        lltv: Wad::new(E18 * 86 / 100),
        irm,
        state,
    }))
}

fn rad(dai: u128) -> Amount {
    Amount(U256::from(dai) * U256::from(E18) * RAY)
}

fn vault(
    chain: &mut Chain,
    owner: AccountId,
    dai: AssetId,
    listed: [(AssetId, u8, FeedId); 2],
) -> MarketId {
    let percent = |x: u64| Ray(U256::from(x) * RAY / U256::from(100));
    let milli = |x: u128| Wad::new(x * E18 / 1_000);
    let [account, house, vow] = ["join", "house", "vow"].map(|name| chain.add_account(name));
    let [internal, sin] = ["internal", "sin"].map(|symbol| chain.add_asset(symbol, 45));
    let houses = [
        House::Dutch(Dutch {
            buf: percent(120),
            tail_secs: 8_400,
            cusp: percent(40),
            chip: milli(1),
            tip: rad(100),
            curve: Curve::Stairstep { cut: percent(99), step_secs: 90 },
            chost: Amount::ZERO,
        }),
        House::English(English { beg: milli(1_030), ttl_secs: 600, tau_secs: 21_600 }),
    ];
    let ilks = listed.into_iter().zip(houses).map(|((token, decimals, feed), house)| {
        let symbol = chain.asset(token).symbol.clone();
        let [gem, ink, art] =
            ["gem", "ink", "art"].map(|kind| chain.add_asset(&format!("{symbol}-{kind}"), 18));
        Ilk {
            token,
            decimals,
            gem,
            ink,
            art,
            feed,
            mat: percent(150),
            line: rad(100_000_000),
            dust: rad(100),
            // About 5 % a year.
            duty: Ray(RAY + U256::from(1_547_125_957_863_212_448_u64)),
            chop: milli(1_130),
            hole: rad(500_000),
            house,
            rate: Ray::ONE,
            rho: NOW,
            spot: Ray::ZERO,
            dirt: Amount::ZERO,
        }
    });
    let ilks = ilks.collect();
    chain.add_market(Market::Vault(Vault {
        account,
        house,
        vow,
        owner,
        dai,
        internal,
        sin,
        state: State {
            line: rad(200_000_000),
            base: Ray::ZERO,
            box_limit: rad(10_000_000),
            litter: Amount::ZERO,
            hole: rad(10_000_000),
            dirt: Amount::ZERO,
            kicks: 0,
        },
        ilks,
        auctions: Vec::new(),
    }))
}

/// Lots of a thousandth of a WETH at ticks of a cent for a WETH, margins of a tenth and a twentieth.
fn perpetual(
    chain: &mut Chain,
    quote: AssetId,
    underlying: AssetId,
    feed: FeedId,
    profit_backs_withdrawals: bool,
) -> MarketId {
    let terms = PerpetualTerms {
        initial_margin_bps: 1_000,
        maintenance_margin_bps: 500,
        liquidation_fee_bps: 50,
        funding: FundingTerms::default(),
        profit_backs_withdrawals,
    };
    let contract = Perpetual::new(terms, 0, PERPETUAL_TICKS, NOW).expect("possible terms");
    let account = chain.add_account(&format!("perpetual{}", chain.markets().len()));
    chain.add_market(Market::Perpetual(PerpetualMarket {
        account,
        quote,
        quote_unit: 10,
        underlying,
        lot_units: Amount::new(E18 / 1_000),
        feed,
        contract,
        offers: Vec::new(),
    }))
}

/// What a WETH costs at first, in the perpetual contracts' ticks.
pub(crate) const PERPETUAL_TICKS: u64 = 200_000;

/// Ticks where a USDC's smallest unit costs so much WETH's: token0 is USD (6 decimals), token1 WETH (18), so
/// 2,000 USD for a WETH is 10¹⁸ / (2,000 · 10⁶) = 5 · 10⁸ of the one for one of the other.
pub(crate) const TICK_OF_2000: i32 = 200_310;

impl World {
    pub(crate) fn new() -> Self {
        let mut chain = Chain::new("GAS", NOW - 12, 1_000_000_000);
        let symbols = ["USD", "DAI", "USDT", "WETH", "BTC"];
        let mut at = 0;
        let tokens = symbols.map(|symbol| {
            at += 1;
            chain.add_asset(symbol, DECIMALS[at - 1])
        });
        let [usd, dai, usdt, weth, btc] = tokens;
        let admin = chain.add_account("admin");
        let provider = chain.add_account("provider");
        let treasury = chain.add_account("treasury");
        let mut users: Vec<_> = (0..5).map(|i| chain.add_account(&format!("user{i}"))).collect();
        // The last one is the first one's contract, which can also be called on to act in its transactions.
        users.push(chain.add_contract(users[0]));

        // Pools.
        let lp =
            |chain: &mut Chain, name: &str| (chain.add_asset(name, 18), chain.add_account(name));
        let (share, account) = lp(&mut chain, "USD-WETH");
        let first = ConstantProduct::new(usd, weth, share, account, Pips(3_000));
        let (share, account) = lp(&mut chain, "WETH-BTC");
        let mut second = ConstantProduct::new(weth, btc, share, account, Pips(3_000));
        second.fee_to = Some(treasury);
        let pairs = [first, second].map(|pair| chain.add_pool(Pool::ConstantProduct(pair)));
        let account = chain.add_account("v3");
        let pool = Concentrated::new(usd, weth, account, Some(admin), Pips(3_000), 60);
        let concentrated = chain.add_pool(Pool::Concentrated(pool));
        let half = FEE_DENOMINATOR / 2;
        let (share, account) = lp(&mut chain, "2CRV");
        let two = [(dai, 18), (usd, 6)];
        let two = StableSwap::new(&two, share, account, admin, 200, 4_000_000, half);
        let (share, account) = lp(&mut chain, "3CRV");
        let three = [(dai, 18), (usd, 6), (usdt, 6)];
        let three = StableSwap::new(&three, share, account, admin, 100, 4_000_000, half);
        let stables = [two, three].map(|pool| chain.add_pool(Pool::StableSwap(pool)));
        let curve_account = chain.add_account("curve");
        let curve = chain.add_pool(Pool::Exponential(Exponential {
            base: btc,
            quote: weth,
            base_decimals: 8,
            quote_decimals: 18,
            account: curve_account,
            liquidity_rate: Wad::new(E18 / 1_000),
            min_price: Wad::new(10 * E18),
            max_price: Wad::new(40 * E18),
        }));
        let depot_account = chain.add_account("depot");
        let depot = chain.add_pool(Pool::FixedPrice(FixedPrice {
            base: btc,
            quote: weth,
            base_decimals: 8,
            account: depot_account,
            price: Amount::new(20 * E18),
        }));

        // Oracles.
        let pushes =
            [E8, 2_000 * E8, 40_000 * E8, 2_000 * E8].map(|price| push(&mut chain, admin, price));
        let [usd_feed, weth_feed, btc_feed, other_weth] = pushes;
        let quote = Some(usd_feed);
        let (pool, asset) = (pairs[0], weth);
        let spot = chain.add_feed(Feed::Spot(SpotFeed { pool, asset, quote }));
        let twap = chain.add_feed(Feed::Twap(TwapFeed::new(pool, asset, quote, 600)));
        let window =
            chain.add_feed(Feed::Window(Box::new(WindowFeed::new(pool, asset, quote, 1_200, 60))));
        let v3 = ConcentratedTwapFeed { pool: concentrated, asset, quote, window_secs: 60 };
        chain.add_feed(Feed::ConcentratedTwap(v3));
        let mantissa = chain.add_feed(Feed::Mantissa(MantissaFeed {
            reporter: admin,
            decimals: 18,
            mantissa: PriceMantissa::new(2_000 * E18),
        }));
        let of_pair = LpFeed { pool, coins: [Some(usd_feed), Some(weth_feed), None] };
        chain.add_feed(Feed::LpNaive(of_pair));
        chain.add_feed(Feed::LpFair(of_pair));
        let of_stable = LpFeed { pool: stables[1], coins: [Some(usd_feed), None, None] };
        chain.add_feed(Feed::LpFair(of_stable));
        let lowest = chain.add_feed(Feed::Lowest(LowestFeed { feeds: [weth_feed, other_weth] }));
        let mut composed = |feed| chain.add_feed(Feed::Composed(feed));
        let median = MedianFeed::new(&[weth_feed, other_weth, spot], 2).expect("three sources");
        let median = composed(ComposedFeed::Median(median));
        let delayed = DelayedFeed::new(weth_feed, 3_600, admin);
        let delayed = composed(ComposedFeed::Delayed(delayed));
        let capped = composed(ComposedFeed::Capped(CappedFeed {
            base: usd_feed,
            ratio: other_weth,
            ratio_decimals: 8,
            snapshot_ratio: 2_000 * E8,
            snapshot_at: NOW - 86_400,
            max_yearly_growth_bps: 1_000,
            manager: admin,
            min_snapshot_age_secs: 3_600,
            max_change_bps: 5_000,
            update_delay_secs: 86_400,
            updated_at: 0,
        }));
        let anchored = composed(ComposedFeed::Anchored(AnchoredFeed {
            reporter: weth_feed,
            anchor: other_weth,
            tolerance: Wad::new(E18 / 5),
            stored: Price(2_000 * E8),
            failover: false,
            manager: admin,
        }));
        let breaker = composed(ComposedFeed::Breaker(BreakerFeed {
            source: weth_feed,
            max_move_bps: 2_000,
            period_secs: 3_600,
            trip_secs: 7_200,
            reference: Price(2_000 * E8),
            referenced_at: NOW,
            tripped_at: None,
            manager: admin,
        }));
        let fallback = FallbackFeed { primary: breaker, secondary: median };
        let fallback = composed(ComposedFeed::Fallback(fallback));

        // Lending.
        let listed = |weth_feed| [(usd, 6, usd_feed), (weth, 18, weth_feed), (btc, 8, btc_feed)];
        let pooled = vec![
            pooled(&mut chain, Version::V3_6, admin, listed(weth_feed), Some(other_weth)),
            pooled(&mut chain, Version::V3_0_2, admin, listed(lowest), None),
        ];
        let compound = compound::market(&mut chain, admin, listed(mantissa));
        let blue = chain.add_account("blue");
        let slope = Irm::Linear {
            base: Wad::new(E18 / 100 / 31_536_000),
            slope: Wad::new(E18 / 2 / 31_536_000),
        };
        let adaptive = Irm::AdaptiveCurve;
        let loan = (usd, 6, Some(usd_feed));
        let isolated = vec![
            isolated(&mut chain, blue, admin, loan, (weth, 18, fallback), adaptive),
            isolated(
                &mut chain,
                blue,
                admin,
                (weth, 18, Some(weth_feed)),
                (btc, 8, btc_feed),
                slope,
            ),
        ];
        // Its dai is a token of its own, which nobody has at first.
        let vault_dai = chain.add_asset("VDAI", 18);
        let vault = vault(&mut chain, admin, vault_dai, [(weth, 18, delayed), (btc, 8, btc_feed)]);
        let (share, account) = lp(&mut chain, "iWETH");
        let mut desk =
            MarginDesk::new(account, share, (weth, btc), pairs[1], Bps(40_000), Bps(12_000), NOW);
        desk.rate_per_year = Bps(800);
        let desk = chain.add_market(Market::MarginDesk(desk));
        let perpetuals = [(weth_feed, false), (spot, true)]
            .map(|(feed, lends)| perpetual(&mut chain, usd, weth, feed, lends));

        // Money.
        let gas = chain.gas_asset();
        for who in users.iter().chain([&provider]) {
            chain.genesis_mint(*who, gas, Amount::new(1_000_000 * E18)).expect("fits");
            for (token, asset) in tokens.iter().enumerate() {
                let amount = Amount::new(worth(token, 50_000_000));
                chain.genesis_mint(*who, *asset, amount).expect("fits");
            }
        }
        for account in [curve_account, depot_account] {
            chain.genesis_mint(account, btc, Amount::new(worth(4, 20_000_000))).expect("fits");
        }
        chain.genesis_mint(curve_account, weth, Amount::new(100 * E18)).expect("fits");
        chain.begin_block(NOW, 0);
        let mut world = Self {
            chain,
            tokens,
            users,
            admin,
            provider,
            pairs: pairs.to_vec(),
            concentrated,
            stables: stables.to_vec(),
            reserves: vec![curve, depot],
            pooled,
            compound,
            isolated,
            vault,
            desk,
            perpetuals,
            pushes,
            mantissa,
            averages: vec![twap, window],
            composed: vec![median, delayed, capped, anchored, breaker, fallback],
            failed: Vec::new(),
        };
        world.fill(provider);
        world
    }

    /// The first liquidity and the first loans.
    fn fill(&mut self, provider: AccountId) {
        let [usd, _, _, weth, btc] = self.tokens;
        let amount = |token: usize, dollars: u128| Amount::new(worth(token, dollars));
        let mut calls: Vec<(AccountId, Call)> = Vec::new();
        let by = |call| (provider, call);
        let two = |pool, a: usize, b: usize| Call::AddLiquidity {
            pool,
            max0: amount(a, 4_000_000),
            max1: amount(b, 4_000_000),
        };
        calls.push(by(two(self.pairs[0], 0, 3)));
        calls.push(by(two(self.pairs[1], 3, 4)));
        let pool = self.concentrated;
        let sqrt_price = markets::amm::concentrated::tick_math::sqrt_ratio_at_tick(TICK_OF_2000)
            .expect("within bounds");
        calls.push(by(Call::Concentrated(ConcentratedCall::Initialize { pool, sqrt_price })));
        let grow = ConcentratedCall::IncreaseCardinality { pool, cardinality: 32 };
        calls.push(by(Call::Concentrated(grow)));
        for width in [600, 6_000, 60_000] {
            let middle = TICK_OF_2000.div_euclid(60) * 60;
            let (lower, upper) = (middle - width, middle + width);
            let mint = ConcentratedCall::Mint {
                pool,
                owner: provider,
                lower,
                upper,
                liquidity: 100_000_000_000_000_000,
                body: None,
            };
            calls.push(by(Call::Concentrated(mint)));
        }
        for pool in &self.stables {
            let amounts = [amount(1, 2_000_000), amount(0, 2_000_000), amount(2, 2_000_000)];
            let three = *pool == self.stables[1];
            let amounts = if three { amounts } else { [amounts[0], amounts[1], Amount::ZERO] };
            let add =
                StableSwapCall::AddLiquidity { pool: *pool, amounts, min_shares: Amount::ZERO };
            calls.push(by(Call::StableSwap(add)));
        }
        let supply = |market, asset, token: usize, dollars| Call::Supply {
            market,
            asset,
            amount: AmountExpr::Exact(amount(token, dollars)),
        };
        let lenders = self.pooled.iter().chain([&self.compound]);
        for market in lenders {
            for (asset, token) in [(usd, 0), (weth, 3), (btc, 4)] {
                calls.push(by(supply(*market, asset, token, 1_000_000)));
            }
        }
        calls.push(by(supply(self.isolated[0], usd, 0, 1_000_000)));
        calls.push(by(supply(self.isolated[1], weth, 3, 1_000_000)));
        calls.push(by(supply(self.desk, weth, 3, 1_000_000)));
        for feed in &self.composed[1..2] {
            calls.push(by(Call::Oracle(OracleCall::Poke { feed: *feed })));
        }
        for (sender, call) in &calls {
            self.must(*sender, *call);
        }
        for _ in 0..2 {
            // Two hops of the delayed feed.
            let now = self.chain.clock().timestamp;
            self.chain.begin_block(now + 3_600, 0);
            let feed = self.composed[1];
            self.must(provider, Call::Oracle(OracleCall::Poke { feed }));
        }
        let market = self.vault;
        for ilk in [0, 1] {
            self.must(provider, Call::Vault(VaultCall::Poke { market, ilk }));
        }
        // Everybody owes a little everywhere.
        for (i, user) in self.users.clone().into_iter().enumerate() {
            let some = 40_000 + 20_000 * i as u128;
            for market in self.pooled.clone().into_iter().chain([self.compound]) {
                let collateral = if i % 2 == 0 { (weth, 3) } else { (btc, 4) };
                self.must(user, supply(market, collateral.0, collateral.1, some));
                if market == self.compound {
                    let asset = collateral.0;
                    self.must(user, Call::SetCollateral { market, asset, enabled: true });
                }
                let amount = AmountExpr::Exact(amount(0, some / 2));
                self.must(user, Call::Borrow { market, asset: usd, amount });
            }
            let market = self.isolated[0];
            self.must(user, supply(market, weth, 3, some));
            let loan = AmountExpr::Exact(amount(0, some / 2));
            self.must(user, Call::Borrow { market, asset: usd, amount: loan });
            let market = self.isolated[1];
            self.must(user, supply(market, btc, 4, some));
            let loan = AmountExpr::Exact(amount(3, some / 2));
            self.must(user, Call::Borrow { market, asset: weth, amount: loan });
            for market in self.perpetuals {
                self.must(user, supply(market, usd, 0, some));
                let lots = [1, -1][i % 2] * 10_000;
                let offer = PerpetualCall::Offer { market, lots, tick: PERPETUAL_TICKS };
                self.must(user, Call::Perpetual(offer));
                if let Some(before) = i.checked_sub(1) {
                    let maker = self.users[before];
                    let take = PerpetualCall::Take { market, maker, lots: 5_000 };
                    self.must(user, Call::Perpetual(take));
                }
            }
            let market = self.vault;
            for (asset, token) in [(weth, 3), (btc, 4)] {
                self.must(user, supply(market, asset, token, some));
            }
            let draw = exact((some / 2) * E18);
            self.must(user, Call::Borrow { market, asset: self.vault_dai(), amount: draw });
            let ilk = 1;
            let dart = Int::plus(Amount::new(some / 3 * E18)).expect("small");
            let frob = VaultCall::Frob { market, ilk, dink: Int::ZERO, dart };
            self.must(user, Call::Vault(frob));
        }
        assert!(self.failed.is_empty(), "{}", self.failed.join("\n"));
        self.chain.audit_all().expect("the world is sound at first");
    }

    pub(crate) fn vault_dai(&self) -> AssetId {
        let Market::Vault(vault) = &self.chain.markets()[self.vault.index()] else {
            unreachable!()
        };
        vault.dai
    }

    fn must(&mut self, sender: AccountId, call: Call) {
        let tx = Transaction { header: &header(sender), calls: &[call] };
        let outcome = self.chain.execute(tx).outcome;
        if outcome != Outcome::Success {
            self.failed.push(format!("{outcome:?} of {call:?}"));
        }
    }
}
