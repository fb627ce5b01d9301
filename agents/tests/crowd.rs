//! Participants together in a small world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../src/test_world.rs"]
mod test_world;

use agents::attack::{self, Attacker, AttackerConfig};
use agents::scripted::arbitrageur::{self, ArbitrageurConfig};
use agents::scripted::borrower::{self, Borrower, BorrowerConfig};
use agents::scripted::lender::{self, LenderConfig};
use agents::scripted::liquidator::{self, LiquidatorConfig};
use agents::scripted::oracle_node::{self, OracleNodeConfig};
use agents::scripted::risk_manager::{self, RiskManagerConfig};
use bevy_ecs::prelude::*;
use markets::units::FeedId;
use sim::actor::Actor;
use sim::chain::call::Log;
use sim::chain::{Chain, Digest};
use sim::config::{Config, Episode};
use sim::lane::{EpisodePlan, Lane, LaneSetup};
use sim::prices::FairPrices;
use sim::reward::Objective;
use sim::snapshot::SnapshotRegistry;
use std::sync::Arc;
use test_world::{MARKET, POOL, TAIL, Terms, USDC, WETH};

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

fn lane(terms: Terms, seed: u64, spawn: fn(&mut World)) -> Lane {
    let plan = EpisodePlan { run_seed: seed, instance: 0, episode: 0 };
    Lane::new(Arc::new(Setup { terms, spawn }), plan)
}

fn spawn_nodes(world: &mut World) {
    let config = OracleNodeConfig::default();
    oracle_node::spawn(world, FeedId(0), WETH, &config).unwrap();
    oracle_node::spawn(world, FeedId(1), USDC, &config).unwrap();
}

fn spawn_lenders(world: &mut World) {
    for (asset, total_usd) in [("USDC", 20e6), ("WETH", 10e6)] {
        let cohort = format!("lenders of {asset}");
        let config =
            LenderConfig { cohort, asset: asset.to_owned(), total_usd, ..LenderConfig::default() };
        lender::spawn(world, MARKET, &config).unwrap();
    }
}

fn spawn_borrowers(world: &mut World) {
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

fn spawn_crowd(world: &mut World) {
    risk_manager::spawn(world, MARKET, &RiskManagerConfig::default()).unwrap();
    spawn_nodes(world);
    spawn_lenders(world);
    spawn_borrowers(world);
    arbitrageur::spawn(world, POOL, &ArbitrageurConfig::default()).unwrap();
    let liquidators = LiquidatorConfig { count: 3, ..LiquidatorConfig::default() };
    liquidator::spawn(world, MARKET, &liquidators).unwrap();
}

fn spawn_all(world: &mut World) {
    spawn_crowd(world);
    spawn_attacker(world);
}

fn spawn_attacker(world: &mut World) {
    let loot = vec!["USDC".to_owned(), "WETH".to_owned()];
    attack::spawn(world, MARKET, &AttackerConfig { loot, ..AttackerConfig::default() }).unwrap();
}

fn borrowed_usd(lane: &Lane) -> f64 {
    lane.world().resource::<sim::views::MarketViews>().borrowed_usd()
}

fn run(lane: &mut Lane, blocks: u64) {
    let ran = lane.run(blocks, None);
    assert!(lane.violation().is_none(), "{:?} at block {ran}", lane.violation());
    assert_eq!(ran, blocks);
}

#[test]
fn a_crowd_lives_through_a_day_in_ordinary_times() {
    let mut lane = lane(Terms::default(), 1, spawn_crowd);
    let at_start = borrowed_usd(&lane);
    assert!(at_start > 1e6, "{at_start}");
    run(&mut lane, 7_200);
    let totals = lane.totals();
    assert!(totals.transactions > 2 * 7_200, "{totals:?}");
    // What reverts are lost races, a small part.
    assert!(totals.reverted * 5 < totals.transactions, "{totals:?}");
    assert!(totals.bad_debt_usd() < 1e-3 * at_start, "{totals:?}");
    let at_end = borrowed_usd(&lane);
    assert!((0.5..2.0).contains(&(at_end / at_start)), "{at_start} → {at_end}");
    // The pool follows the exchange.
    let views = lane.world().resource::<sim::views::MarketViews>();
    let tail = &views.reserves[usize::from(TAIL.0)];
    assert!((tail.pool_usd / tail.mid_usd - 1.0).abs() < 0.02, "{tail:?}");
    // Oracles follow the exchange.
    let weth = &views.reserves[0];
    assert!((weth.oracle_usd / weth.mid_usd - 1.0).abs() < 0.02, "{weth:?}");
}

#[test]
fn a_crash_is_liquidated_at_a_profit_to_liquidators() {
    let terms = Terms { vol: 0.6, drift: -150.0, ..Terms::default() };
    let mut lane = lane(terms, 2, spawn_crowd);
    let at_start = borrowed_usd(&lane);
    run(&mut lane, 7_200);
    let totals = *lane.totals();
    assert!(totals.liquidations > 20, "{totals:?}");
    assert!(totals.borrower_losses_usd > 0.0);
    assert!(totals.bad_debt_usd() < 0.05 * at_start, "{totals:?} of {at_start}");
}

#[test]
fn an_attacker_drains_what_a_spot_oracle_offers() {
    let mut lane = lane(Terms::default(), 3, spawn_all);
    run(&mut lane, 50);
    let totals = *lane.totals();
    let mut attackers = lane.world_mut().query::<&Attacker>();
    let attacker = attackers.single(lane.world()).unwrap();
    assert!(attacker.attacks >= 1);
    assert!(totals.attacker_profit_usd > 100_000.0, "{totals:?}");
    assert!(totals.bad_debt_usd() > 100_000.0, "{totals:?}");
}

#[test]
fn an_attacker_stays_out_of_a_market_that_lends_nothing_on_the_tail() {
    let mut lane = lane(Terms { tail_ltv_bps: 0, ..Terms::default() }, 3, spawn_all);
    run(&mut lane, 50);
    let mut attackers = lane.world_mut().query::<&Attacker>();
    let attacker = attackers.single(lane.world()).unwrap();
    assert_eq!((attacker.attacks, attacker.searches), (0, 0));
}

fn digest_after(seed: u64, blocks: u64, spawn: fn(&mut World)) -> Digest {
    let mut lane = lane(Terms::default(), seed, spawn);
    run(&mut lane, blocks);
    lane.digest()
}

#[test]
fn same_seed_same_digest_different_seed_different() {
    let first = digest_after(5, 200, spawn_all);
    assert_eq!(first, digest_after(5, 200, spawn_all));
    assert_ne!(first, digest_after(6, 200, spawn_all));
}

#[test]
fn a_snapshot_continues_as_the_original_does() {
    let mut original = lane(Terms::default(), 7, spawn_all);
    run(&mut original, 120);
    let snapshot = original.snapshot();
    let mut copy = lane(Terms::default(), 7, spawn_all);
    copy.restore(&snapshot).unwrap();
    run(&mut original, 150);
    run(&mut copy, 150);
    assert_eq!(original.digest(), copy.digest());
}

/// What the borrowers' draws decide, whoever else exists.
fn opening_debts(spawn: fn(&mut World)) -> Vec<(u64, String)> {
    let mut lane = lane(Terms::default(), 9, spawn);
    let mut query = lane.world_mut().query::<(&Actor, &Borrower)>();
    query.iter(lane.world()).map(|(actor, b)| (actor.key, format!("{b:?}"))).collect()
}

#[test]
fn adding_participants_changes_nobody_elses_draws() {
    fn alone(world: &mut World) {
        spawn_lenders(world);
        spawn_borrowers(world);
    }
    fn in_company(world: &mut World) {
        spawn_nodes(world);
        liquidator::spawn(world, MARKET, &LiquidatorConfig::default()).unwrap();
        alone(world);
    }
    assert_eq!(opening_debts(alone), opening_debts(in_company));
}

#[test]
fn lenders_run_from_a_market_that_is_lent_out_and_come_back() {
    fn spawn(world: &mut World) {
        spawn_nodes(world);
        let lenders = LenderConfig { total_usd: 2e6, every_blocks: 10, ..LenderConfig::default() };
        lender::spawn(world, MARKET, &lenders).unwrap();
        // Everything that is supplied is borrowed at once.
        let size = BorrowerConfig::default().debt_size;
        let size =
            agents::scripted::SizeLaw { median_usd: 5e4, log_sd: 0.0, tail_share: 0.0, ..size };
        let borrowers = BorrowerConfig {
            debt_size: size,
            count: 64,
            holding_days: 0.02,
            absence_days: 10.0,
            health_target_min: 1.5,
            rate_semi_elasticity_per_percent: 0.0,
            ..BorrowerConfig::default()
        };
        borrower::spawn(world, MARKET, &borrowers).unwrap();
    }
    let mut lane = lane(Terms::default(), 4, spawn);
    let utilisation =
        |lane: &Lane| lane.world().resource::<sim::views::MarketViews>().reserves[1].utilisation;
    assert!(utilisation(&lane) > 0.97, "{}", utilisation(&lane));
    let mut withdrawn = 0;
    for _ in 0..400 {
        lane.run_block();
        let logs = lane.world().resource::<Chain>().logs();
        withdrawn += logs
            .iter()
            .filter(|l| matches!(l, Log::Withdraw { asset, .. } if *asset == USDC))
            .count();
    }
    assert!(withdrawn > 0);
    run(&mut lane, 2_000);
    let views = lane.world().resource::<sim::views::MarketViews>();
    assert!(views.reserves[1].supplied > 1e6, "{}", views.reserves[1].supplied);
}
