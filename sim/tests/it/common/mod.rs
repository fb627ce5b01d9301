//! A small world for tests and benches: WETH, USDC and a thin token, their market, one pool, an
//! exchange, and a crowd of borrowers, one trader, one oracle node, one liquidator.
#![allow(dead_code, missing_docs, reason = "shared by several test crates, each using a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

pub(crate) mod compound;

use bevy_ecs::prelude::*;
use markets::amm::constant_product::ConstantProduct;
use markets::oracle::push::PushFeed;
use markets::oracle::spot::SpotFeed;
use markets::price::{Beta, Gbm, JointPrices, PriceSpec, Stable};
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, MarketId, Pips, PoolId, Price};
use protocols::interest::RateStrategy;
use protocols::lending::Pooled;
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::RiskRegime;
use rand::{Rng, RngExt};
use sim::actor::{Actor, Cadence, ExchangeOrder, GasBid, Outbox, Wallet};
use sim::builder::{Builder, RandomOrder};
use sim::chain::call::{AmountExpr, Call, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Feed, Market, Pool};
use sim::config::{AttackerAccounts, Config, Episode, RiskSeat};
use sim::exchange::{Exchange, Listing};
use sim::lane::{EpisodePlan, Lane, LaneSetup};
use sim::prices::{FairPrices, PriceSource};
use sim::reward::Objective;
use sim::rng::{Purpose, Streams, actor_key};
use sim::schedule::{CloseSystems, OpenSystems};
use sim::snapshot::SnapshotRegistry;
use sim::views::PositionViews;
use std::sync::Arc;

pub(crate) const E18: u128 = 1_000_000_000_000_000_000;
pub(crate) const E6: u128 = 1_000_000;
pub(crate) const WETH: AssetId = AssetId(0);
pub(crate) const USDC: AssetId = AssetId(1);
pub(crate) const TAIL: AssetId = AssetId(2);
pub(crate) const MARKET: MarketId = MarketId(0);
pub(crate) const POOL: PoolId = PoolId(0);
const GENESIS: u64 = 1_600_000_000;
const GAS: GasBid = GasBid {
    limit: 1_000_000,
    max_fee_per_gas: 1_000_000_000_000,
    max_priority_fee_per_gas: 1_000_000_000,
};

/// What varies between tests.
#[derive(Clone, Debug)]
pub(crate) struct Small {
    pub(crate) borrowers: usize,
    pub(crate) traffic: bool,
    pub(crate) silent: usize,
    pub(crate) impact: bool,
    pub(crate) random_order: bool,
    pub(crate) episode_blocks: u64,
    pub(crate) vol_per_sqrt_year: f64,
    pub(crate) record_metrics: bool,
}

impl Default for Small {
    fn default() -> Self {
        Self {
            borrowers: 24,
            traffic: true,
            silent: 0,
            impact: true,
            random_order: false,
            episode_blocks: 120,
            vol_per_sqrt_year: 30.0,
            record_metrics: false,
        }
    }
}

impl Small {
    pub(crate) fn lane(&self, run_seed: u64, instance: u64, episode: u64) -> Lane {
        Lane::new(Arc::new(self.clone()), EpisodePlan { run_seed, instance, episode })
    }
}

#[derive(Component)]
pub(crate) struct Trader;
#[derive(Component)]
pub(crate) struct Seller;
#[derive(Component)]
pub(crate) struct Node {
    feed: FeedId,
}
#[derive(Component)]
pub(crate) struct Keeper;
#[derive(Component)]
pub(crate) struct Silent;
#[derive(Component, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Mood(pub u64);

fn reserve_config(ltv: u32, threshold: u32) -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(ltv),
        liquidation_threshold: Bps(threshold),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1_000),
        reserve_factor: Bps(1_000),
        supply_cap: 10_000_000_000,
        borrow_cap: 10_000_000_000,
        rates: RateStrategy {
            optimal_usage_bps: Bps(8_000),
            base_bps: Bps(0),
            slope1_bps: Bps(400),
            slope2_bps: Bps(6_000),
        },
        ..ReserveConfig::OPEN
    }
}

pub(crate) fn exact(amount: u128) -> AmountExpr {
    AmountExpr::Exact(Amount::new(amount))
}

fn genesis(chain: &mut Chain, sender: AccountId, calls: &[Call]) {
    let header = TxHeader::free(sender);
    let receipt = chain.execute(Transaction { header: &header, calls });
    assert_eq!(receipt.outcome, Outcome::Success);
}

/// Accounts beyond the chain's own two, in order.
pub(crate) const NAMES: [&str; 9] =
    ["pool", "market", "treasury", "manager", "reporter", "whale", "trader", "keeper", "seller"];
pub(crate) fn account(name: &str) -> AccountId {
    AccountId(NAMES.iter().position(|n| *n == name).unwrap() as u32 + 2)
}

pub(crate) fn chain(borrowers: usize) -> Chain {
    let mut chain = Chain::new("WETH", GENESIS, 10_000_000_000);
    let (usdc, tail) = (chain.add_asset("USDC", 6), chain.add_asset("TAIL", 18));
    let lp = chain.add_asset("LP", 18);
    let mut shares = Vec::new();
    for (symbol, decimals) in [("WETH", 18), ("USDC", 6), ("TAIL", 18)] {
        let a = chain.add_asset(&format!("a{symbol}"), decimals);
        let d = chain.add_asset(&format!("vd{symbol}"), decimals);
        shares.push((a, d));
    }
    for name in NAMES {
        chain.add_account(name);
    }
    for i in 0..borrowers {
        chain.add_account(&format!("borrower {i}"));
    }
    let outside = chain.outside();
    for account in
        [outside, account("whale"), account("trader"), account("keeper"), account("seller")]
    {
        chain.genesis_mint(account, WETH, Amount::new(100_000 * E18)).unwrap();
        chain.genesis_mint(account, usdc, Amount::new(1_000_000_000 * E6)).unwrap();
        chain.genesis_mint(account, tail, Amount::new(100_000_000 * E18)).unwrap();
    }
    for account in [account("manager"), account("reporter")] {
        chain.genesis_mint(account, WETH, Amount::new(100 * E18)).unwrap();
    }
    chain.add_pool(Pool::ConstantProduct(ConstantProduct::new(
        usdc,
        tail,
        lp,
        account("pool"),
        Pips(3_000),
    )));
    let push = |usd| {
        Feed::Push(PushFeed {
            reporter: account("reporter"),
            price: Price::from_usd(usd),
            updated_at: GENESIS,
            heartbeat_secs: 3_600,
            deviation_bps: 50,
            max_age_secs: 0,
        })
    };
    let weth_feed = chain.add_feed(push(2_000.0));
    let usdc_feed = chain.add_feed(push(1.0));
    let tail_feed =
        chain.add_feed(Feed::Spot(SpotFeed { pool: POOL, asset: tail, quote: Some(usdc_feed) }));
    let mut market = Pooled::new(
        account("market"),
        account("treasury"),
        account("manager"),
        RiskRegime::guardian(),
    );
    let listed = [
        (WETH, weth_feed, 18, 8_000, 8_300),
        (usdc, usdc_feed, 6, 7_500, 8_000),
        (tail, tail_feed, 18, 5_000, 6_000),
    ];
    for ((underlying, feed, decimals, ltv, threshold), (a, d)) in listed.into_iter().zip(shares) {
        let config = reserve_config(ltv, threshold);
        market.add_reserve(Reserve::new(underlying, a, d, feed, decimals, config, GENESIS));
    }
    chain.add_market(Market::Pooled(market));
    let add = Call::AddLiquidity {
        pool: POOL,
        max0: Amount::new(2_000_000 * E6),
        max1: Amount::new(1_000_000 * E18),
    };
    let supply = Call::Supply { market: MARKET, asset: usdc, amount: exact(50_000_000 * E6) };
    genesis(&mut chain, account("whale"), &[add, supply]);
    for i in 0..borrowers {
        let who = AccountId(2 + NAMES.len() as u32 + i as u32);
        chain.genesis_mint(who, WETH, Amount::new(10 * E18)).unwrap();
        // Health factors from 1.04 up.
        let debt = 16_000 - 6_000 * i as u128 / borrowers as u128;
        genesis(
            &mut chain,
            who,
            &[
                Call::Supply { market: MARKET, asset: WETH, amount: exact(10 * E18) },
                Call::Borrow { market: MARKET, asset: usdc, amount: exact(debt * E6) },
            ],
        );
    }
    chain
}

impl LaneSetup for Small {
    fn build(&self, plan: &EpisodePlan, world: &mut World) {
        let mut chain = chain(self.borrowers);
        for i in 0..self.silent {
            chain.add_account(&format!("silent {i}"));
        }
        let joint = JointPrices::new(
            vec![
                PriceSpec::Gbm(Gbm {
                    drift_per_year: 0.0,
                    vol_per_sqrt_year: self.vol_per_sqrt_year,
                }),
                PriceSpec::Stable(Stable {
                    half_life_secs: 3_600.0,
                    vol_per_sqrt_year: 0.01,
                    depeg: None,
                }),
                PriceSpec::Beta(Beta {
                    on: 0,
                    beta: 1.2,
                    residual_vol_per_sqrt_year: 1.0,
                    residual_t_nu: Some(4.0),
                }),
            ],
            vec![2_000.0, 1.0, 2.0],
            None,
            12,
        )
        .unwrap();
        let listing = |asset, depth_usd| Listing {
            asset,
            half_spread_bps: 2.0,
            taker_fee_bps: 5.0,
            depth_usd,
        };
        let listings = [listing(WETH, 2e7), listing(USDC, f64::INFINITY), listing(TAIL, 2e5)];
        world.insert_resource(Exchange::new(
            &listings,
            chain.assets().len(),
            600.0,
            12,
            self.impact,
        ));
        world.insert_resource(PriceSource { joint, assets: vec![WETH, USDC, TAIL] });
        world.insert_resource(Config {
            block_secs: 12,
            episode_blocks: self.episode_blocks,
            decision_every_blocks: 25,
            background_gas: 15_000_000,
            market: MARKET,
            objective: OBJECTIVE,
            record_metrics: self.record_metrics,
            metrics_every_blocks: 1,
        });
        world.insert_resource(chain);
        world.insert_resource(AttackerAccounts(vec![account("trader")]));
        if self.random_order {
            world.insert_resource(Builder(Box::new(RandomOrder)));
        }
        let mut id = 0;
        let mut actor = |cohort: &str| {
            id += 1;
            Actor { id: id - 1, key: actor_key(cohort, 0) }
        };
        let manager = actor("manager");
        world.insert_resource(RiskSeat {
            actor: manager,
            wallet: Wallet(account("manager")),
            gas: GAS,
        });
        if self.traffic {
            let daily = Cadence { every_blocks: 1, phase: 0 };
            world.spawn((
                actor("trader"),
                Wallet(account("trader")),
                daily,
                Trader,
                Mood(plan.episode),
            ));
            world.spawn((actor("node"), Wallet(account("reporter")), Node { feed: FeedId(0) }));
            world.spawn((actor("keeper"), Wallet(account("keeper")), Keeper));
            let often = Cadence { every_blocks: 5, phase: 0 };
            world.spawn((actor("seller"), Wallet(account("seller")), often, Seller));
        }
        for i in 0..self.silent {
            world.spawn((
                Actor { id: 1_000 + i as u32, key: actor_key("silent", i as u64) },
                Silent,
            ));
        }
    }

    fn install(&self, open: &mut Schedule, close: &mut Schedule) {
        open.add_systems(push_prices.in_set(OpenSystems::Oracles));
        close.add_systems((trade, sell, keep, stay_silent).chain().in_set(CloseSystems::Act));
    }

    fn register(&self, registry: &mut SnapshotRegistry) {
        registry.component::<Mood>("mood");
    }
}

pub(crate) const OBJECTIVE: Objective = Objective {
    usage_value_per_year: 0.02,
    revenue_weight: 1.0,
    bad_debt_price: 1.0,
    borrower_loss_price: 0.25,
    churn_price_usd: 10.0,
    cvar_weight: 0.1,
    cvar_alpha: 0.95,
    cvar_budget_usd: 1_000.0,
    reward_scale_usd: 1_000.0,
};

fn push_prices(
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    nodes: Query<(&Actor, &Wallet, &Node)>,
    mut outbox: ResMut<Outbox>,
) {
    for (actor, wallet, node) in &nodes {
        let Feed::Push(feed) = chain.feed(node.feed) else { continue };
        let usd = prices.usd(WETH);
        if feed.should_push(usd, chain.clock().timestamp) {
            let push = Call::PushPrice { feed: node.feed, price: Price::from_usd(usd) };
            outbox.submit(actor, *wallet, GAS, &[push]);
        }
    }
}

fn trade(
    chain: Res<Chain>,
    streams: Res<Streams>,
    episode: Res<Episode>,
    mut traders: Query<(&Actor, &Wallet, &Cadence, &mut Mood), With<Trader>>,
    mut outbox: ResMut<Outbox>,
) {
    for (actor, wallet, cadence, mut mood) in &mut traders {
        if !cadence.due(chain.clock().block) {
            continue;
        }
        let mut rng = streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        let size = rng.random::<f64>() * 20_000.0;
        mood.0 = mood.0.wrapping_mul(3).wrapping_add(rng.next_u64() >> 60);
        let buys = mood.0.is_multiple_of(2);
        let (asset_in, amount) =
            if buys { (USDC, size as u128 * E6) } else { (TAIL, (size / 2.0) as u128 * E18) };
        let swap =
            Call::Swap { pool: POOL, asset_in, amount: exact(amount + 1), min_out: Amount::ZERO };
        outbox.submit(actor, *wallet, GAS, &[swap]);
    }
}

fn sell(
    chain: Res<Chain>,
    sellers: Query<(&Actor, &Wallet, &Cadence), With<Seller>>,
    mut outbox: ResMut<Outbox>,
) {
    for (actor, wallet, cadence) in &sellers {
        if cadence.due(chain.clock().block) {
            outbox.order(ExchangeOrder {
                trader: wallet.0,
                actor: actor.id,
                sell: WETH,
                buy: USDC,
                amount: Amount::new(50 * E18),
            });
        }
    }
}

fn keep(
    positions: Res<PositionViews>,
    keepers: Query<(&Actor, &Wallet), With<Keeper>>,
    mut outbox: ResMut<Outbox>,
) {
    for (actor, wallet) in &keepers {
        for borrower in positions.at_risk.iter().take(4) {
            let liquidate = Call::Liquidate {
                market: MARKET,
                borrower: *borrower,
                collateral: WETH,
                debt: USDC,
                amount: AmountExpr::All,
            };
            outbox.submit(actor, *wallet, GAS, &[liquidate]);
        }
    }
}

fn stay_silent(streams: Res<Streams>, episode: Res<Episode>, silent: Query<&Actor, With<Silent>>) {
    for actor in &silent {
        let mut rng = streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        std::hint::black_box(rng.next_u64());
    }
}
