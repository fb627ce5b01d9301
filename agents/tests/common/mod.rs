//! A small world with a crowd, for tests.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "no test uses all of it")]

#[path = "../../src/test_world.rs"]
pub(crate) mod test_world;

use agents::attack::{self, AttackerConfig};
use agents::scripted::arbitrageur::{self, ArbitrageurConfig};
use agents::scripted::book::{self, BookCrowd};
use agents::scripted::borrower::{self, BorrowerConfig};
use agents::scripted::lender::{self, LenderConfig};
use agents::scripted::liquidator::{self, LiquidatorConfig};
use agents::scripted::oracle_node::{self, OracleNodeConfig};
use agents::scripted::risk_manager::{self, RiskManagerConfig};
use bevy_ecs::prelude::*;
use markets::book::Fees;
use markets::units::FeedId;
use sim::config::{Config, Episode};
use sim::exchange::{BookTerms, Exchange};
use sim::lane::{EpisodePlan, Lane, LaneSetup};
use sim::prices::FairPrices;
use sim::reward::Objective;
use sim::snapshot::SnapshotRegistry;
use std::sync::Arc;
use test_world::{MARKET, POOL, TAIL, Terms, USDC, WETH};

/// A small world in some terms, with whoever `spawn` puts into it.
struct Setup {
    terms: Terms,
    spawn: fn(&mut World),
}

impl LaneSetup for Setup {
    fn build(&self, plan: &EpisodePlan, world: &mut World) {
        let chain = test_world::chain(&self.terms);
        let source = test_world::source(&self.terms);
        world.insert_resource(Config {
            block_secs: 12,
            episode_blocks: 1_000_000,
            decision_every_blocks: 100,
            // Just below the target: what the crowd adds keeps the base fee about level.
            background_gas: 14_500_000,
            market: MARKET,
            objective: Objective {
                usage_value_per_year: 0.01,
                revenue_weight: 1.0,
                bad_debt_price: 2.0,
                borrower_loss_price: 0.5,
                churn_price_usd: 100.0,
                cvar_weight: 0.5,
                cvar_alpha: 0.95,
                cvar_budget_usd: 1_000.0,
                reward_scale_usd: 1_000.0,
            },
            record_metrics: false,
            metrics_every_blocks: 1,
        });
        world.insert_resource(Episode { number: plan.episode, genesis_block: 0, block: 0 });
        world.insert_resource(test_world::exchange(&chain));
        world.insert_resource(FairPrices::new(&source, chain.assets()));
        world.insert_resource(source);
        world.insert_resource(chain);
        (self.spawn)(world);
    }
    fn install(&self, open: &mut Schedule, close: &mut Schedule) {
        agents::install(open, close);
    }
    fn register(&self, registry: &mut SnapshotRegistry) {
        agents::register(registry);
    }
}

pub(crate) fn lane(terms: Terms, seed: u64, spawn: fn(&mut World)) -> Lane {
    let plan = EpisodePlan { run_seed: seed, instance: 0, episode: 0 };
    Lane::new(Arc::new(Setup { terms, spawn }), plan)
}

pub(crate) fn spawn_nodes(world: &mut World) {
    let config = OracleNodeConfig::default();
    oracle_node::spawn(world, FeedId(0), WETH, &config).unwrap();
    oracle_node::spawn(world, FeedId(1), USDC, &config).unwrap();
}

pub(crate) fn spawn_lenders(world: &mut World) {
    for (asset, total_usd) in [("USDC", 20e6), ("WETH", 10e6)] {
        let cohort = format!("lenders of {asset}");
        let config =
            LenderConfig { cohort, asset: asset.to_owned(), total_usd, ..LenderConfig::default() };
        lender::spawn(world, MARKET, &config).unwrap();
    }
}

pub(crate) fn spawn_borrowers(world: &mut World) {
    let weth = BorrowerConfig { count: 192, ..BorrowerConfig::default() };
    let tail = BorrowerConfig {
        cohort: "tail holders".to_owned(),
        collateral: "TAIL".to_owned(),
        count: 64,
        ..BorrowerConfig::default()
    };
    borrower::spawn(world, MARKET, &weth).unwrap();
    borrower::spawn(world, MARKET, &tail).unwrap();
}

pub(crate) fn spawn_crowd(world: &mut World) {
    risk_manager::spawn(world, MARKET, &RiskManagerConfig::default()).unwrap();
    spawn_nodes(world);
    spawn_lenders(world);
    spawn_borrowers(world);
    arbitrageur::spawn(world, POOL, &ArbitrageurConfig::default()).unwrap();
    let liquidators = LiquidatorConfig { count: 3, ..LiquidatorConfig::default() };
    liquidator::spawn(world, MARKET, &liquidators).unwrap();
}

pub(crate) fn spawn_all(world: &mut World) {
    spawn_crowd(world);
    spawn_attacker(world);
}

/// Everybody, WETH and TAIL trading at books.
pub(crate) fn spawn_all_with_books(world: &mut World) {
    spawn_all(world);
    for (place, (asset, symbol)) in [(WETH, "WETH"), (TAIL, "TAIL")].into_iter().enumerate() {
        let usd = test_world::PRICES[asset.index()];
        let mut exchange = world.resource_mut::<Exchange>();
        let depth_usd = exchange.depth_usd(asset);
        let terms = BookTerms {
            asset,
            tick_usd: usd * 1e-4,
            lot: test_world::amount(asset, 1e-3),
            lot_tokens: 1e-3,
            fees: Fees { maker_pips: 0, taker_pips: 500 },
            latency_us: 200_000,
            depth_usd,
            depth_shrink: 0.05,
            recovery_half_life_secs: 1_800.0,
            stress_move: 0.04,
            stress_window_secs: 600.0,
        };
        exchange.list_book(terms, 12, usd);
        book::spawn(world, place, symbol, 1e-3, &BookCrowd::default());
    }
}

pub(crate) fn spawn_attacker(world: &mut World) {
    let loot = vec!["USDC".to_owned(), "WETH".to_owned()];
    attack::spawn(world, MARKET, &AttackerConfig { loot, ..AttackerConfig::default() }).unwrap();
}

pub(crate) fn run(lane: &mut Lane, blocks: u64) {
    let ran = lane.run(blocks, None);
    assert!(lane.violation().is_none(), "{:?} at block {ran}", lane.violation());
    assert_eq!(ran, blocks);
}
