//! Loopers, and what liquidators do beyond the ordinary, in a small world.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use agents::scripted::SizeLaw;
use agents::scripted::borrower::{self, BorrowerConfig};
use agents::scripted::lender::{self, LenderConfig};
use agents::scripted::liquidator::{self, Conduct, LiquidatorConfig};
use agents::scripted::looper::{self, LooperConfig};
use agents::scripted::next_actor_id;
use bevy_ecs::prelude::*;
use common::test_world::{MARKET, Terms};
use common::{lane, run, spawn_borrowers, spawn_lenders, spawn_nodes};
use markets::units::AccountId;
use sim::builder::{Builder, Insiders};
use sim::chain::call::{Call, Log, Outcome};
use sim::lane::Lane;
use sim::views::PositionViews;

const CRASH: Terms = Terms {
    pool_usdc: 400_000.0,
    pool_skew: 1.0,
    tail_ltv_bps: 6_500,
    tail_cap: 2_000_000,
    vol: 0.6,
    drift: -150.0,
};

fn loopers(collateral: &str) -> LooperConfig {
    let equity = SizeLaw {
        median_usd: 4_000.0,
        log_sd: 0.0,
        tail_share: 0.0,
        tail_from_usd: 1e6,
        tail_exponent: 1.0,
        cap_usd: 1e6,
    };
    LooperConfig {
        collateral: collateral.to_owned(),
        count: 3,
        equity,
        health_target_min: 1.3,
        health_target_max: 1.5,
        yield_percent: 5.0,
        every_blocks: 5,
        most_slippage_bps: 300.0,
        ..LooperConfig::default()
    }
}

/// Debt and health factor of every looper.
fn loops(lane: &Lane) -> Vec<(f64, f64)> {
    let chain = lane.chain();
    let names = chain.accounts().iter().enumerate().filter(|(_, n)| n.starts_with("loopers:"));
    let of = |(i, _): (usize, &String)| {
        let health = chain.health(MARKET, AccountId(i as u32)).unwrap();
        (markets::units::Amount(health.debt_base).to_f64() / 1e8, health.health_factor.ratio())
    };
    names.map(of).collect()
}

fn spawn_early(world: &mut World, collateral: &str) {
    spawn_nodes(world);
    // There is nothing to borrow yet: they begin with their own money.
    looper::spawn(world, MARKET, &loopers(collateral)).unwrap();
    spawn_lenders(world);
}

fn levers_up(spawn: fn(&mut World), within: f64) {
    let mut lane = lane(Terms { vol: 0.0, ..Terms::default() }, 1, spawn);
    assert!(loops(&lane).iter().all(|(debt, _)| *debt == 0.0), "{:?}", loops(&lane));
    run(&mut lane, 300);
    let found = loops(&lane);
    assert_eq!(found.len(), 3);
    for (debt, health) in found {
        assert!(debt > 3_000.0, "{debt}");
        assert!(health > 1.3 * (1.0 - within) && health < 1.5 * (1.0 + within), "{health}");
    }
}

#[test]
fn loops_are_closed_by_flash_loan_where_a_pool_trades_the_pair() {
    levers_up(|world| spawn_early(world, "TAIL"), 0.06);
}

#[test]
fn loops_are_closed_by_rounds_of_the_exchange_where_none_does() {
    levers_up(|world| spawn_early(world, "WETH"), 0.06);
}

fn spawn_squeezed(world: &mut World, collateral: &str) {
    spawn_nodes(world);
    // Lenders who do not come for the rate.
    let lenders = LenderConfig { rate_elasticity: 0.0, ..LenderConfig::default() };
    lender::spawn(world, MARKET, &lenders).unwrap();
    looper::spawn(world, MARKET, &loopers(collateral)).unwrap();
    // Whoever comes then borrows 19 of 20 millions: the rate passes the kink, to a third a year.
    let size = BorrowerConfig::default().debt_size;
    let debt_size = SizeLaw { median_usd: 1e6, log_sd: 0.0, tail_share: 0.0, ..size };
    let config = BorrowerConfig {
        debt_size,
        count: 19,
        health_target_min: 2.0,
        rate_semi_elasticity_per_percent: 0.0,
        ..BorrowerConfig::default()
    };
    borrower::spawn(world, MARKET, &config).unwrap();
}

fn unwinds(spawn: fn(&mut World)) {
    let mut lane = lane(Terms { vol: 0.0, ..Terms::default() }, 1, spawn);
    assert!(loops(&lane).iter().all(|(debt, _)| *debt > 3_000.0), "{:?}", loops(&lane));
    run(&mut lane, 400);
    let found = loops(&lane);
    assert!(found.iter().all(|(debt, _)| *debt < 150.0), "{found:?}");
}

#[test]
fn loops_unwind_by_flash_loan_when_the_rate_eats_the_carry() {
    unwinds(|world| spawn_squeezed(world, "TAIL"));
}

#[test]
fn loops_unwind_by_rounds_when_the_rate_eats_the_carry() {
    unwinds(|world| spawn_squeezed(world, "WETH"));
}

/// The crowd of a crash, with these liquidators.
fn spawn_with(world: &mut World, conduct: Conduct) {
    spawn_nodes(world);
    spawn_lenders(world);
    spawn_borrowers(world);
    let config = LiquidatorConfig { count: 3, conduct, ..LiquidatorConfig::default() };
    liquidator::spawn(world, MARKET, &config).unwrap();
}

/// Liquidations, tried and done, and those done without anybody at risk as the block opened.
fn liquidations(spawn: fn(&mut World), blocks: u64) -> (u64, u64, u64) {
    let mut lane = lane(CRASH, 2, spawn);
    let (mut tried, mut done, mut guessed) = (0, 0, 0);
    for _ in 0..blocks {
        lane.open_block();
        let at_risk = lane.world().resource::<PositionViews>().at_risk.clone();
        lane.close_block(None);
        for (tx, receipt) in lane.block().included() {
            let of = tx.calls.iter().find_map(|call| match call {
                Call::Liquidate { borrower, .. } => Some(*borrower),
                _ => None,
            });
            let Some(borrower) = of else { continue };
            tried += 1;
            if receipt.outcome == Outcome::Success {
                done += 1;
                guessed += u64::from(!at_risk.contains(&borrower));
            }
        }
    }
    assert!(lane.violation().is_none(), "{:?}", lane.violation());
    (tried, done, guessed)
}

const BLOCKS: u64 = 7_200;

#[test]
fn an_outage_of_all_and_failures_of_all_leave_nobody_liquidated() {
    let (_, ordinary, guessed) =
        liquidations(|world| spawn_with(world, Conduct::default()), BLOCKS);
    assert!(ordinary > 10 && guessed == 0, "{ordinary} {guessed}");
    fn out(world: &mut World) {
        let always = Conduct {
            outages_per_day: 48.0,
            outage_minutes: 30.0,
            outage_share: 1.0,
            ..Conduct::default()
        };
        spawn_with(world, always);
    }
    assert_eq!(liquidations(out, BLOCKS), (0, 0, 0));
    fn failing(world: &mut World) {
        spawn_with(world, Conduct { failure_probability: 1.0, ..Conduct::default() });
    }
    assert_eq!(liquidations(failing, BLOCKS), (0, 0, 0));
}

#[test]
fn speculators_are_there_before_the_report_and_pay_for_being_early() {
    fn spawn(world: &mut World) {
        spawn_with(world, Conduct { speculation: 0.5, ..Conduct::default() });
    }
    let (tried, done, guessed) = liquidations(spawn, BLOCKS);
    assert!(guessed > 0, "{tried} {done} {guessed}");
    assert!(tried > done, "{tried} {done}");
}

/// Debt repaid by cohort: of those inside, and of the others.
fn repaid(spawn: fn(&mut World)) -> (f64, f64) {
    let mut lane = lane(CRASH, 2, spawn);
    let (mut inside, mut others) = (0.0, 0.0);
    for _ in 0..BLOCKS {
        lane.run_block();
        for log in lane.chain().logs() {
            if let Log::Liquidation { by, repaid, .. } = log {
                let name = &lane.chain().accounts()[by.index()];
                let sum = if name.starts_with("inside:") { &mut inside } else { &mut others };
                *sum += repaid.to_f64();
            }
        }
    }
    (inside, others)
}

fn spawn_rivals(world: &mut World) {
    spawn_with(world, Conduct::default());
    let inside = LiquidatorConfig {
        cohort: "inside".to_owned(),
        count: 1,
        attention: 1.0,
        conduct: Conduct { inside: true, ..Conduct::default() },
        ..LiquidatorConfig::default()
    };
    liquidator::spawn(world, MARKET, &inside).unwrap();
}

#[test]
fn a_builder_with_a_searcher_of_its_own_takes_the_bonus_that_others_bid_for() {
    fn integrated(world: &mut World) {
        spawn_rivals(world);
        let last = next_actor_id(world) - 1;
        world.insert_resource(Builder(Box::new(Insiders { actors: vec![last] })));
    }
    let (inside, others) = repaid(integrated);
    let share = inside / (inside + others);
    // By tips it comes last: it offers none.
    let (without, rest) = repaid(spawn_rivals);
    let fair = without / (without + rest);
    assert!(share > 0.6 && share > fair + 0.2, "{share} against {fair}");
}

/// Blocks between two liquidations of one liquidator, the shortest that is not none.
fn shortest_pause(spawn: fn(&mut World)) -> u64 {
    let mut lane = lane(Terms { drift: -1_500.0, ..CRASH }, 2, spawn);
    let mut last = std::collections::BTreeMap::new();
    let mut shortest = u64::MAX;
    for block in 0..1_500 {
        lane.run_block();
        for log in lane.chain().logs() {
            if let Log::Liquidation { by, .. } = log
                && let Some(before) = last.insert(*by, block)
                && before < block
            {
                shortest = shortest.min(block - before);
            }
        }
    }
    shortest
}

#[test]
fn whoever_is_full_waits_until_it_has_sold() {
    fn full(world: &mut World) {
        spawn_with(world, Conduct { inventory_limit_usd: 1.0, ..Conduct::default() });
    }
    fn free(world: &mut World) {
        spawn_with(world, Conduct::default());
    }
    // What was taken in a block is ordered away in the next and gone in the one after.
    let (full, free) = (shortest_pause(full), shortest_pause(free));
    assert!((3..u64::MAX).contains(&full), "{full}");
    assert!(free < 3, "{free}");
}
