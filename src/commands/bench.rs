//! `ballast bench`: the simulator's speed on this machine, on one core.

mod book;
#[cfg(feature = "learn")]
mod learner;

use crate::output::{Failure, Output, Verdict};
use agents::attack::control::Control;
use agents::attack::synthesis::Options;
use markets::amm::constant_product::ConstantProduct;
use markets::units::{AccountId, Amount, AssetId, Pips};
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::episode::totals;
use scenarios::load::load;
use scenarios::statics::StaticParams;
use serde_json::{Value, json};
use sim::chain::call::{AmountExpr, Call, Transaction, TxHeader};
use sim::chain::{Chain, Pool};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario of the training world.
    #[arg(default_value = "scenarios/library/siege.ron")]
    scenario: PathBuf,
    /// Scenario of the full market: 1,024 borrowers, 8 reserves, 6 pools, 2 books, 20 liquidators and 10
    /// arbitrageurs in the bundled one. It is measured as it is, and with dealers in place of books.
    #[arg(long, value_name = "FILE", default_value = "scenarios/library/calibrated.ron")]
    full: PathBuf,
    /// Seconds per measurement.
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
    /// Override a value of the scenario.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// A time that ends and is long enough to measure.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.01..=3_600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("write from 0.01 to 3600 seconds".to_owned())
    }
}

/// Measures and prints.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let training = world(&args.scenario, &args.set, args.seconds)?;
    let full = world(&args.full, &[], args.seconds)?;
    let dealers = world(&args.full, &dealers(&args.full)?, args.seconds)?;
    let swap_ns = swap(args.seconds.min(1.0))?;
    let mut idle = Vec::new();
    for borrowers in [64, 256, 1024] {
        idle.push((borrowers, idle_borrowers(args, borrowers)?));
    }
    let quiet = idle_borrowers(args, 0)?;
    let idle: Vec<Value> = idle
        .into_iter()
        .map(|(n, ns)| {
            json!({
                "borrowers": n,
                "ns_per_block": ns,
                "ns_per_borrower_and_block": (ns - quiet) / f64::from(n),
            })
        })
        .collect();
    #[cfg(feature = "learn")]
    let learner = learner::rates(&load(&args.scenario, &args.set)?, args.seconds)?;
    #[cfg(not(feature = "learn"))]
    let learner = Value::Null;
    let value = json!({
        "training_world": training,
        "learner": learner,
        "full_market": full,
        "calibrated_market": dealers,
        "swap_ns": swap_ns,
        "book": book::rates(args.seconds.min(1.0)),
        "attack_search": attack_search(args.seconds),
        "quiet_block_ns": quiet,
        "idle": idle,
    });
    output.result(&value, || text(&value));
    Ok(Verdict::Yes)
}

fn text(value: &Value) -> String {
    let mut text = String::new();
    for (world, title) in [
        ("training_world", "training world, one core"),
        ("full_market", "full market, one core"),
        ("calibrated_market", "the same with dealers in place of books"),
        ("learner", "learning there, 64 lanes, all threads"),
    ] {
        text += &format!("{title}\n");
        for (key, value) in value[world].as_object().into_iter().flatten() {
            text += &format!("  {key:<28} {:.2}\n", number(value));
        }
    }
    let searched = number(&value["attack_search"]["simulations_per_second"]);
    text += &format!("attack search, simulations     {:.0} k/s\n", searched / 1e3);
    text += &format!("swap transaction               {:.0} ns\n", number(&value["swap_ns"]));
    for (row, key) in [
        ("order book, mixed messages", "messages_per_second"),
        ("order book, makers' requotes", "requotes_per_second"),
    ] {
        let millions = number(&value["book"][key]) / 1e6;
        text += &format!("{row:<30} {millions:.1} M/s\n");
    }
    text += &format!("block of an empty market       {:.0} ns\n", number(&value["quiet_block_ns"]));
    for row in value["idle"].as_array().into_iter().flatten() {
        text += &format!(
            "{:>5} idle borrowers           {:.0} ns a block, {:.2} ns each\n",
            row["borrowers"],
            number(&row["ns_per_block"]),
            number(&row["ns_per_borrower_and_block"])
        );
    }
    text
}

/// A number; zero of anything else.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}

/// Overrides that put a dealer in the place of each book of a scenario.
fn dealers(scenario: &Path) -> Result<Vec<String>, Failure> {
    let listings = load(scenario, &[])?.scenario.exchange.listings;
    let booked = listings.iter().filter(|l| l.book.is_some());
    Ok(booked.map(|l| format!("exchange.listings.{}.book=None", l.asset)).collect())
}

/// Blocks a second of a scenario's own world with every agent live, resets included.
fn world(scenario: &Path, set: &[String], seconds: f64) -> Result<Value, Failure> {
    let loaded = load(scenario, set)?;
    let worlds = Worlds::new(&loaded).map_err(Failure::from_error)?;
    let address = |instance| WorldAddress { seed: 1, instance, path: PathChoice::Drawn };
    let mut lane = worlds.lane(address(0), StaticParams::default(), false);
    let borrowers: u32 = loaded.scenario.agents.borrowers.iter().map(|b| b.count).sum();
    let (mut blocks, mut transactions, mut liquidations, mut simulations) = (0, 0, 0, 0);
    let (mut episodes, mut reset_secs) = (0_u64, 0.0);
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < seconds * 2.0 || episodes == 0 {
        let reset = Instant::now();
        lane.begin_instance(episodes, 0);
        reset_secs += reset.elapsed().as_secs_f64();
        lane.run(u64::MAX, None);
        let totals = totals(&lane);
        blocks += totals.blocks;
        transactions += totals.transactions;
        liquidations += totals.liquidations;
        simulations += totals.simulations;
        episodes += 1;
    }
    let secs = started.elapsed().as_secs_f64();
    let per_block = |n: u64| n as f64 / blocks as f64;
    Ok(json!({
        "borrowers": borrowers,
        "blocks_per_second": blocks as f64 / secs,
        "microseconds_per_block": secs * 1e6 / blocks as f64,
        "transactions_per_block": per_block(transactions),
        "liquidations_per_block": per_block(liquidations),
        "simulations_per_block": per_block(simulations),
        "reset_microseconds": reset_secs * 1e6 / episodes as f64,
    }))
}

/// Nanoseconds of a swap transaction, journal included.
fn swap(seconds: f64) -> Result<f64, Failure> {
    let mut chain = Chain::new("WETH", 0, 7);
    let usdc = chain.add_asset("USDC", 6);
    let share = chain.add_asset("LP", 18);
    let gas = chain.gas_asset();
    let account = chain.add_account("pool");
    let trader = chain.add_account("trader");
    let wealth = Amount::new(10_u128.pow(30));
    for (to, asset) in [(trader, gas), (trader, usdc)] {
        chain.genesis_mint(to, asset, wealth).map_err(Failure::from_error)?;
    }
    let pool = ConstantProduct::new(gas, usdc, share, account, Pips(3000));
    let pool = chain.add_pool(Pool::ConstantProduct(pool));
    let header = |sender: AccountId, system: bool| TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: 200_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        system,
    };
    let reserve = Amount::new(10_u128.pow(24));
    let open = [Call::AddLiquidity { pool, max0: reserve, max1: reserve }];
    chain.execute(Transaction { header: &header(trader, true), calls: &open });
    let tx = header(trader, false);
    let sell = |asset_in: AssetId| Call::Swap {
        pool,
        asset_in,
        amount: AmountExpr::Exact(Amount::new(10_u128.pow(18))),
        min_out: Amount::ZERO,
    };
    let sides = [[sell(gas)], [sell(usdc)]];
    let (mut swaps, mut time) = (0_u64, 0);
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < seconds {
        time += 12;
        chain.begin_block(time, 0);
        for i in 0..100 {
            let calls = &sides[i % 2];
            black_box(chain.execute(Transaction { header: &tx, calls }));
        }
        swaps += 100;
    }
    Ok(started.elapsed().as_secs_f64() * 1e9 / swaps as f64)
}

/// Bundles that the attack search simulates in a second, its own work included: in the market with the
/// planted hole, 20,000 at a time.
fn attack_search(seconds: f64) -> Value {
    let mut simulations = 0;
    let mut seed = 0;
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < seconds {
        seed += 1;
        let options = Options { simulations: 20_000, seed, ..Options::default() };
        simulations += black_box(Control::run(&options)).simulations;
    }
    json!({"simulations_per_second": simulations as f64 / started.elapsed().as_secs_f64()})
}

/// Nanoseconds of a block in which borrowers exist and do nothing: no other participant acts and
/// nobody looks.
fn idle_borrowers(args: &Args, borrowers: u32) -> Result<f64, Failure> {
    let mut set = args.set.clone();
    set.extend([
        "agents.arbitrageurs=[]".to_owned(),
        "agents.liquidators=[]".to_owned(),
        "agents.attackers=[]".to_owned(),
        "episode_hours=24".to_owned(),
        "paths=(train: [Garch(weight: 1.0, omega_percent2: 0.0001, alpha: 0.05, beta: 0.9, nu: 5.0)])"
            .to_owned(),
        format!(
            "agents.borrowers=[(cohort: \"idle\", count: {borrowers}, every_blocks: 4000000000, \
             health_target_min: 2.5, holding_days: 100000.0)]"
        ),
    ]);
    let loaded = load(&args.scenario, &set)?;
    let worlds = Worlds::new(&loaded).map_err(Failure::from_error)?;
    let world = WorldAddress { seed: 1, instance: 0, path: PathChoice::Drawn };
    let mut lane = worlds.lane(world, StaticParams::default(), false);
    let mut best = f64::INFINITY;
    let started = Instant::now();
    let mut episode = 0;
    while started.elapsed().as_secs_f64() < args.seconds {
        lane.begin_instance(0, episode);
        let played = Instant::now();
        let blocks = lane.run(u64::MAX, None);
        // The best of several: other work on the machine only ever adds.
        best = best.min(played.elapsed().as_secs_f64() * 1e9 / blocks as f64);
        episode += 1;
    }
    Ok(best)
}
