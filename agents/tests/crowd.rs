//! Participants together in a small world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use agents::attack::{self, Attacker, AttackerConfig};
use agents::scripted::SpawnError;
use agents::scripted::borrower::{self, Borrower, BorrowerConfig};
use agents::scripted::lender::{self, LenderConfig};
use agents::scripted::liquidator::{self, LiquidatorConfig};
use bevy_ecs::prelude::*;
use common::test_world::{MARKET, TAIL, Terms, USDC};
use common::{lane, run, spawn_all, spawn_borrowers, spawn_crowd, spawn_lenders, spawn_nodes};
use sim::actor::Actor;
use sim::chain::call::Log;
use sim::chain::{Chain, Digest};
use sim::lane::Lane;

fn borrowed_usd(lane: &Lane) -> f64 {
    lane.world().resource::<sim::views::MarketViews>().borrowed_usd()
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
    assert_eq!((attacker.attacks, attacker.simulations), (0, 0));
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

#[test]
fn more_loot_than_a_bundle_takes_is_refused() {
    fn spawn(world: &mut World) {
        let loot = ["USDC", "WETH"].map(str::to_owned);
        let enough = AttackerConfig { loot: loot.clone().into(), ..AttackerConfig::default() };
        attack::spawn(world, MARKET, &enough).unwrap();
        let loot = loot.iter().cycle().take(5).cloned().collect();
        let refused = attack::spawn(world, MARKET, &AttackerConfig { loot, ..enough });
        assert_eq!(refused, Err(SpawnError::TooMuchLoot { most: 4, asked: 5 }));
    }
    lane(Terms::default(), 1, spawn);
}
