//! Who acts: cohorts as a scenario lists them, their checks, and their entry into a world.

use crate::check::Checker;
use crate::genesis::{AssembleError, Further};
use crate::schema::{BuilderSpec, OracleSpec, PerpetualSpec, Scenario, Tending};
use crate::templates::TemplatesSpec;
use agents::attack::hunter::{self, HunterConfig};
use agents::attack::seat::MOST_TEMPLATES;
use agents::attack::{AttackerConfig, MAX_LOOT};
use agents::scripted::SpawnError;
use agents::scripted::arbitrageur::ArbitrageurConfig;
use agents::scripted::borrower::BorrowerConfig;
use agents::scripted::farmer::{FarmerConfig, MAX_PLACES};
use agents::scripted::lender::LenderConfig;
use agents::scripted::liquidator::{LiquidatorConfig, TipRule};
use agents::scripted::looper::LooperConfig;
use agents::scripted::next_actor_id;
use agents::scripted::oracle_node::OracleNodeConfig;
use agents::scripted::risk_manager::RiskManagerConfig;
use agents::scripted::{
    arbitrageur, borrower, farmer, lender, liquidator, looper, oracle_node, risk_manager,
};
use bevy_ecs::prelude::World;
use markets::units::{FeedId, MarketId, PoolId};
use serde::{Deserialize, Serialize};
use sim::builder::{BlockBuilder, Builder, FirstCome, Insiders, PriorityFee, RandomOrder};
use sim::chain::Chain;

/// The participants of a scenario; fields that a cohort leaves out have the defaults of its
/// configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cohorts {
    /// Lenders; they supply before borrowers borrow.
    pub lenders: Vec<LenderConfig>,
    /// Borrowers.
    pub borrowers: Vec<BorrowerConfig>,
    /// Arbitrageurs, each cohort at a pool.
    pub arbitrageurs: Vec<PoolCohort>,
    /// Liquidators.
    pub liquidators: Vec<LiquidatorConfig>,
    /// Leveraged loops.
    pub loopers: Vec<LooperConfig>,
    /// Yield farmers, of all markets.
    pub farmers: Vec<FarmerConfig>,
    /// The nodes of all push feeds.
    pub oracle_nodes: OracleNodeConfig,
    /// The risk manager's seat.
    pub risk_manager: RiskManagerConfig,
    /// Attackers.
    pub attackers: Vec<AttackerConfig>,
    /// Liquidation hunters.
    pub hunters: Vec<HunterConfig>,
    /// Search for attacks that whoever learns in the attackers' seat may choose among; without it, it has the
    /// written one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<TemplatesSpec>,
}

/// The participants of a further lending market.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FurtherCohorts {
    /// Lenders.
    pub lenders: Vec<LenderConfig>,
    /// Borrowers.
    pub borrowers: Vec<BorrowerConfig>,
    /// Liquidators.
    pub liquidators: Vec<LiquidatorConfig>,
    /// Leveraged loops.
    pub loopers: Vec<LooperConfig>,
}

/// Arbitrageurs and the pool that they keep in line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolCohort {
    /// The pool's name.
    pub pool: String,
    /// The cohort.
    pub cohort: ArbitrageurConfig,
}

/// Ids that a genesis gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handles<'a> {
    pub(crate) market: MarketId,
    pub(crate) pools: &'a [PoolId],
    pub(crate) feeds: &'a [FeedId],
    pub(crate) other_feeds: &'a [FeedId],
    pub(crate) further: &'a [Further],
}

/// Puts liquidators into a world; those that the builder favours join `insiders`.
fn spawn_liquidators(
    world: &mut World,
    market: MarketId,
    cohorts: &[LiquidatorConfig],
    insiders: &mut Vec<u32>,
) -> Result<(), AssembleError> {
    for cohort in cohorts {
        let first = next_actor_id(world);
        liquidator::spawn(world, market, cohort)?;
        if cohort.conduct.inside {
            insiders.extend(first..next_actor_id(world));
        }
    }
    Ok(())
}

/// Puts all participants into a world, in an order that never changes: ids break ties. `place` enters the
/// positions of snapshots, once there is something to borrow.
pub(crate) fn spawn(
    s: &Scenario,
    handles: &Handles<'_>,
    world: &mut World,
    place: impl FnOnce(&mut World, MarketId) -> Result<(), AssembleError>,
) -> Result<(), AssembleError> {
    let market = handles.market;
    let agents = &s.agents;
    risk_manager::spawn(world, market, &agents.risk_manager)?;
    spawn_nodes(s, &s.oracles, handles.feeds, world)?;
    spawn_nodes(s, &s.market.other_oracles, handles.other_feeds, world)?;
    for cohort in &agents.lenders {
        lender::spawn(world, market, cohort)?;
    }
    place(world, market)?;
    for cohort in &agents.borrowers {
        borrower::spawn(world, market, cohort)?;
    }
    for PoolCohort { pool, cohort } in &agents.arbitrageurs {
        let position = s.pools.iter().position(|p| p.name == *pool).unwrap_or(0);
        arbitrageur::spawn(world, handles.pools[position], cohort)?;
    }
    let mut insiders = Vec::new();
    spawn_liquidators(world, market, &agents.liquidators, &mut insiders)?;
    for (spec, further) in s.markets.iter().zip(handles.further) {
        let (market, agents) = (further.market, &spec.agents);
        spawn_nodes(s, &spec.oracles, &further.feeds, world)?;
        for cohort in &agents.lenders {
            lender::spawn(world, market, cohort)?;
        }
        for cohort in &agents.borrowers {
            borrower::spawn(world, market, cohort)?;
        }
        spawn_liquidators(world, market, &agents.liquidators, &mut insiders)?;
        for cohort in &agents.loopers {
            looper::spawn(world, market, cohort)?;
        }
    }
    let market_of = |name: Option<&str>| match name {
        None => Some(market),
        Some(name) => {
            let at = s.markets.iter().position(|m| m.name == name)?;
            handles.further.get(at).map(|further| further.market)
        }
    };
    for cohort in &agents.farmers {
        farmer::spawn(world, market_of, cohort)?;
    }
    let builder: Box<dyn BlockBuilder> = match s.builder {
        BuilderSpec::PriorityFee => Box::new(PriorityFee),
        BuilderSpec::FirstCome => Box::new(FirstCome),
        BuilderSpec::Random => Box::new(RandomOrder),
        BuilderSpec::Insiders => Box::new(Insiders { actors: insiders }),
    };
    world.insert_resource(Builder(builder));
    for cohort in &agents.loopers {
        looper::spawn(world, market, cohort)?;
    }
    for cohort in &agents.attackers {
        agents::attack::spawn(world, market, cohort)?;
    }
    for cohort in &agents.hunters {
        hunter::spawn(world, market, cohort)?;
    }
    Ok(())
}

/// Puts the nodes of push feeds into a world.
fn spawn_nodes(
    s: &Scenario,
    oracles: &[OracleSpec],
    feeds: &[FeedId],
    world: &mut World,
) -> Result<(), AssembleError> {
    for (spec, feed) in oracles.iter().zip(feeds) {
        if let OracleSpec::Push { asset, lag_secs, .. } = spec {
            let symbol = world.resource::<Chain>().asset_by_symbol(asset);
            let asset = symbol.ok_or_else(|| SpawnError::UnknownAsset(asset.clone()))?;
            let lag_blocks = lag_secs.div_ceil(u64::from(s.block_secs)) as u32;
            let config = OracleNodeConfig { lag_blocks, ..s.agents.oracle_nodes.clone() };
            oracle_node::spawn(world, *feed, asset, &config)?;
        }
    }
    Ok(())
}

/// Most members of a cohort.
const MOST: f64 = 1e6;
/// Most gas money of a participant, in whole tokens, and most gwei per gas.
const MOST_GAS: f64 = 1e9;
/// Most capital, in USD.
const MOST_USD: f64 = 1e13;

/// Checks what the cohorts refer to, and that every number is one that can be.
pub(crate) fn check(s: &Scenario, checker: &mut Checker<'_>) {
    let listed: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let factors: Vec<&str> = s.factors.iter().map(|f| f.name.as_str()).collect();
    let c = &s.agents;
    for (i, lender) in c.lenders.iter().enumerate() {
        check_lender(&format!("agents.lenders.{i}"), lender, &listed, checker);
    }
    for (i, borrower) in c.borrowers.iter().enumerate() {
        check_borrower(&format!("agents.borrowers.{i}"), borrower, &listed, &factors, checker);
    }
    let pools: Vec<&str> = s.pools.iter().map(|p| p.name.as_str()).collect();
    for (i, arbitrageur) in c.arbitrageurs.iter().enumerate() {
        let at = format!("agents.arbitrageurs.{i}");
        checker.known(&format!("{at}.pool"), "pool", &arbitrageur.pool, &pools);
        let a = &arbitrageur.cohort;
        let ranges = [
            ("count", f64::from(a.count), 0.0, MOST),
            ("capital_usd", a.capital_usd, 0.0, MOST_USD),
            ("min_profit_usd", a.min_profit_usd, 0.0, MOST_USD),
            ("bid_share", a.bid_share, 0.0, 1.0),
            ("inventory_band", a.inventory_band, 0.0, 1e3),
            ("gas_purse_tokens", a.gas_purse_tokens, 0.0, MOST_GAS),
        ];
        checker.ranges(&format!("{at}.cohort"), &ranges);
    }
    for (i, liquidator) in c.liquidators.iter().enumerate() {
        check_liquidator(&format!("agents.liquidators.{i}"), liquidator, &listed, checker);
    }
    let in_further = s.markets.iter().flat_map(|m| &m.agents.liquidators);
    let insiders = c.liquidators.iter().chain(in_further).any(|l| l.conduct.inside);
    if s.builder == BuilderSpec::Insiders && !insiders {
        checker.refuse(
            "builder",
            "a builder with insiders, and nobody is inside",
            "write `conduct: (inside: true)` in a cohort of liquidators, or another builder",
        );
    }
    for (i, looper) in c.loopers.iter().enumerate() {
        check_looper(&format!("agents.loopers.{i}"), looper, &listed, checker);
    }
    for (i, farmer) in c.farmers.iter().enumerate() {
        check_farmer(&format!("agents.farmers.{i}"), farmer, s, checker);
    }
    for (k, further) in s.markets.iter().enumerate() {
        let listed: Vec<&str> = further.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        let (c, at) = (&further.agents, format!("markets.{k}.agents"));
        for (i, lender) in c.lenders.iter().enumerate() {
            check_lender(&format!("{at}.lenders.{i}"), lender, &listed, checker);
        }
        for (i, borrower) in c.borrowers.iter().enumerate() {
            check_borrower(&format!("{at}.borrowers.{i}"), borrower, &listed, &factors, checker);
        }
        for (i, liquidator) in c.liquidators.iter().enumerate() {
            check_liquidator(&format!("{at}.liquidators.{i}"), liquidator, &listed, checker);
        }
        for (i, looper) in c.loopers.iter().enumerate() {
            check_looper(&format!("{at}.loopers.{i}"), looper, &listed, checker);
        }
    }
    for (i, attacker) in c.attackers.iter().enumerate() {
        check_attacker(&format!("agents.attackers.{i}"), attacker, &listed, checker);
    }
    if let Some(t) = &c.templates {
        let last = f64::from(s.episode_hours) * 3_600.0 / f64::from(s.block_secs) - 1.0;
        let ranges = [
            ("simulations", t.simulations as f64, 100.0, 1e8),
            ("most", f64::from(t.most), 1.0, MOST_TEMPLATES as f64),
            ("blocks", t.blocks as f64, 0.0, last.max(0.0)),
        ];
        checker.ranges("agents.templates", &ranges);
        if c.attackers.is_empty() {
            let message = "templates of attack, and no attacker whose seat they are for";
            checker.refuse("agents.templates", message, "add one under `agents.attackers`");
        }
    }
    for (i, hunter) in c.hunters.iter().enumerate() {
        check_hunter(&format!("agents.hunters.{i}"), hunter, s, checker);
    }
    let nodes = [
        ("gas_purse_tokens", c.oracle_nodes.gas_purse_tokens, 0.0, MOST_GAS),
        ("priority_fee_gwei", c.oracle_nodes.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges("agents.oracle_nodes", &nodes);
    let seat = [
        ("gas_purse_tokens", c.risk_manager.gas_purse_tokens, 0.0, MOST_GAS),
        ("max_fee_gwei", c.risk_manager.max_fee_gwei, 0.0, MOST_GAS),
        ("priority_fee_gwei", c.risk_manager.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges("agents.risk_manager", &seat);
    for (i, spec) in s.positions.iter().enumerate() {
        if let Tending::Borrowers(config) = &spec.behaviour {
            let at = format!("positions.{i}.behaviour.0");
            check_borrower(&at, config, &listed, &factors, checker);
        }
    }
    names(s, checker);
}

fn check_lender(at: &str, l: &LenderConfig, listed: &[&str], checker: &mut Checker<'_>) {
    checker.known(&format!("{at}.asset"), "reserve", &l.asset, listed);
    let ranges = [
        ("count", f64::from(l.count), 0.0, MOST),
        ("total_usd", l.total_usd, 0.0, MOST_USD),
        ("size_log_sd", l.size_log_sd, 0.0, 10.0),
        ("rate_reference_percent", l.rate_reference_percent, 1e-6, 1e6),
        ("rate_elasticity", l.rate_elasticity, 0.0, 100.0),
        ("desired_min_ratio", l.desired_min_ratio, 0.0, 1e3),
        ("desired_max_ratio", l.desired_max_ratio, l.desired_min_ratio, 1e3),
        ("band", l.band, 0.0, 1e3),
        ("speed", l.speed, 0.0, 1.0),
        ("trap_utilisation_percent", l.trap_utilisation_percent, 0.0, 100.0),
        ("calm_utilisation_percent", l.calm_utilisation_percent, 0.0, l.trap_utilisation_percent),
        ("rest_hours", l.rest_hours, 0.0, 1e6),
        ("every_blocks", f64::from(l.every_blocks), 1.0, f64::from(u32::MAX)),
        ("gas_purse_tokens", l.gas_purse_tokens, 0.0, MOST_GAS),
        ("priority_fee_gwei", l.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

fn check_borrower(
    at: &str,
    b: &BorrowerConfig,
    listed: &[&str],
    factors: &[&str],
    checker: &mut Checker<'_>,
) {
    if let Some(appetite) = &b.appetite {
        checker.known(&format!("{at}.appetite.factor"), "factor", &appetite.factor, factors);
        let per_unit = appetite.leverage_per_unit;
        checker.within(&format!("{at}.appetite.leverage_per_unit"), per_unit, -100.0, 100.0);
    }
    checker.known(&format!("{at}.collateral"), "reserve", &b.collateral, listed);
    checker.known(&format!("{at}.debt"), "reserve", &b.debt, listed);
    checker.size(&format!("{at}.debt_size"), &b.debt_size);
    let ranges = [
        ("count", f64::from(b.count), 0.0, MOST),
        ("health_target_min", b.health_target_min, 1.0, 100.0),
        ("health_target_max", b.health_target_max, b.health_target_min, 100.0),
        ("never_react_share", b.never_react_share, 0.0, 1.0),
        ("top_up_share", b.top_up_share, 0.0, 1.0),
        ("trigger_min", b.trigger_min, 0.0, 1.0),
        ("trigger_max", b.trigger_max, b.trigger_min, 1.0),
        ("savings_ratio", b.savings_ratio, 0.0, 1e3),
        ("releverage_band", b.releverage_band, 0.0, 1e3),
        ("errand_probability", b.errand_probability, 0.0, 1.0),
        ("errand_max_ratio", b.errand_max_ratio, 0.0, 1.0),
        ("rate_reference_percent", b.rate_reference_percent, 0.0, 1e6),
        ("rate_semi_elasticity_per_percent", b.rate_semi_elasticity_per_percent, 0.0, 100.0),
        ("holding_days", b.holding_days, 1e-6, 1e9),
        ("absence_days", b.absence_days, 0.0, 1e9),
        ("every_blocks", f64::from(b.every_blocks), 1.0, f64::from(u32::MAX)),
        ("gas_purse_tokens", b.gas_purse_tokens, 0.0, MOST_GAS),
        ("priority_fee_gwei", b.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

fn check_liquidator(at: &str, l: &LiquidatorConfig, listed: &[&str], checker: &mut Checker<'_>) {
    checker.known(&format!("{at}.cash"), "reserve", &l.cash, listed);
    for (k, symbol) in l.inventory.iter().enumerate() {
        checker.known(&format!("{at}.inventory.{k}"), "reserve", symbol, listed);
    }
    checker.once(|k| format!("{at}.inventory.{k}"), l.inventory.iter().map(String::as_str));
    let ranges = [
        ("count", f64::from(l.count), 0.0, MOST),
        ("capital_usd", l.capital_usd, 0.0, MOST_USD),
        ("inventory_usd", l.inventory_usd, 0.0, MOST_USD),
        ("min_profit_usd", l.min_profit_usd, 0.0, MOST_USD),
        ("bid_share_min", l.bid_share_min, 0.0, 1.0),
        ("bid_share_max", l.bid_share_max, l.bid_share_min, 1.0),
        ("attention", l.attention, 0.0, 1.0),
        ("gas_purse_tokens", l.gas_purse_tokens, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
    let c = &l.conduct;
    let ranges = [
        ("outages_per_day", c.outages_per_day, 0.0, 1_440.0),
        ("outage_minutes", c.outage_minutes, 0.2, 1_440.0),
        ("outage_share", c.outage_share, 0.0, 1.0),
        ("failure_probability", c.failure_probability, 0.0, 1.0),
        ("speculation", c.speculation, 0.0, 1.0),
        ("speculative_tip_gwei", c.speculative_tip_gwei, 0.0, MOST_GAS),
        ("inventory_limit_usd", c.inventory_limit_usd, 0.0, MOST_USD),
    ];
    checker.ranges(&format!("{at}.conduct"), &ranges);
    if let TipRule::Fixed { gwei } = c.tip {
        checker.within(&format!("{at}.conduct.tip.gwei"), gwei, 0.0, MOST_GAS);
    }
    let days = c.outages_per_day * c.outage_minutes / 1_440.0;
    if days > 1.0 {
        checker.refuse(
            &format!("{at}.conduct"),
            format!("outages would fill {days:.2} days of each day"),
            "write fewer or shorter ones",
        );
    }
}

fn check_looper(at: &str, l: &LooperConfig, listed: &[&str], checker: &mut Checker<'_>) {
    checker.known(&format!("{at}.collateral"), "reserve", &l.collateral, listed);
    checker.known(&format!("{at}.debt"), "reserve", &l.debt, listed);
    if l.collateral == l.debt {
        checker.refuse(
            &format!("{at}.debt"),
            format!("a loop of {} in itself earns nothing", l.debt),
            "borrow another asset",
        );
    }
    let size = l.equity;
    let ranges = [
        ("count", f64::from(l.count), 0.0, MOST),
        ("equity.median_usd", size.median_usd, 1e-6, 1e12),
        ("equity.log_sd", size.log_sd, 0.0, 10.0),
        ("equity.tail_share", size.tail_share, 0.0, 1.0),
        ("equity.tail_from_usd", size.tail_from_usd, 1e-6, 1e12),
        ("equity.tail_exponent", size.tail_exponent, 0.1, 100.0),
        ("equity.cap_usd", size.cap_usd, 1e-6, 1e12),
        ("health_target_min", l.health_target_min, 1.001, 100.0),
        ("health_target_max", l.health_target_max, l.health_target_min, 100.0),
        ("trigger", l.trigger, 0.0, 1.0),
        ("yield_percent", l.yield_percent, 0.0, 1e3),
        ("carry_exit_percent", l.carry_exit_percent, -1e6, 1e6),
        ("carry_entry_percent", l.carry_entry_percent, l.carry_exit_percent, 1e6),
        ("band", l.band, 1e-3, 10.0),
        ("most_slippage_bps", l.most_slippage_bps, 0.0, 1e4),
        ("every_blocks", f64::from(l.every_blocks), 1.0, f64::from(u32::MAX)),
        ("gas_purse_tokens", l.gas_purse_tokens, 0.0, MOST_GAS),
        ("priority_fee_gwei", l.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

fn check_farmer(at: &str, f: &FarmerConfig, s: &Scenario, checker: &mut Checker<'_>) {
    let names: Vec<&str> = s.markets.iter().map(|m| m.name.as_str()).collect();
    for (i, place) in f.places.iter().enumerate() {
        let reserves = match &place.market {
            None => Some(&s.market.reserves),
            Some(name) => {
                checker.known(&format!("{at}.places.{i}.market"), "market", name, &names);
                s.markets.iter().find(|m| m.name == *name).map(|m| &m.market.reserves)
            }
        };
        if let Some(reserves) = reserves {
            let listed: Vec<&str> = reserves.iter().map(|r| r.asset.as_str()).collect();
            checker.known(&format!("{at}.places.{i}.asset"), "reserve", &place.asset, &listed);
        }
    }
    if !(2..=MAX_PLACES).contains(&f.places.len()) {
        checker.refuse(
            &format!("{at}.places"),
            format!("{} places: a farmer chooses among 2 to {MAX_PLACES}", f.places.len()),
            "for example [(asset: \"USDC\"), (market: \"fork\", asset: \"USDC\")]",
        );
    }
    let ranges = [
        ("count", f64::from(f.count), 0.0, MOST),
        ("total_usd", f.total_usd, 0.0, MOST_USD),
        ("size_log_sd", f.size_log_sd, 0.0, 10.0),
        ("margin_percent", f.margin_percent, 0.0, 1e6),
        ("switching_cost_bps", f.switching_cost_bps, 0.0, 1e4),
        ("horizon_days", f.horizon_days, 1e-3, 1e6),
        ("rest_hours", f.rest_hours, 0.0, 1e6),
        ("every_blocks", f64::from(f.every_blocks), 1.0, f64::from(u32::MAX)),
        ("gas_purse_tokens", f.gas_purse_tokens, 0.0, MOST_GAS),
        ("priority_fee_gwei", f.priority_fee_gwei, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

fn check_attacker(at: &str, a: &AttackerConfig, listed: &[&str], checker: &mut Checker<'_>) {
    checker.known(&format!("{at}.collateral"), "reserve", &a.collateral, listed);
    for (k, symbol) in a.loot.iter().enumerate() {
        checker.known(&format!("{at}.loot.{k}"), "reserve", symbol, listed);
    }
    checker.once(|k| format!("{at}.loot.{k}"), a.loot.iter().map(String::as_str));
    if a.loot.iter().all(|symbol| *symbol == a.collateral) {
        checker.refuse(
            &format!("{at}.loot"),
            "nothing to borrow against the collateral: this attacker could never attack",
            "list reserves to borrow, for example [\"USDC\"], or drop the attacker",
        );
    }
    if a.loot.len() > MAX_LOOT {
        checker.refuse(
            &format!("{at}.loot"),
            format!("{} reserves of loot; an attack borrows at most {MAX_LOOT}", a.loot.len()),
            "keep the most liquid ones",
        );
    }
    let ranges = [
        ("accounts", f64::from(a.accounts), 1.0, 1e3),
        ("capital_tokens", a.capital_tokens, 0.0, 1e15),
        ("seed_tokens", a.seed_tokens, 0.0, 1e15),
        ("min_profit_usd", a.min_profit_usd, 0.0, MOST_USD),
        ("bid_share", a.bid_share, 0.0, 1.0),
        ("discovery_hours", a.discovery_hours, 0.0, 1e6),
        ("gas_purse_tokens", a.gas_purse_tokens, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

fn check_hunter(at: &str, h: &HunterConfig, s: &Scenario, checker: &mut Checker<'_>) {
    let listed: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    checker.known(&format!("{at}.prey"), "reserve", &h.prey, &listed);
    checker.known(&format!("{at}.cash"), "reserve", &h.cash, &listed);
    if h.prey == h.cash {
        checker.refuse(
            &format!("{at}.cash"),
            "the collateral is sold for itself: this hunter could never hunt",
            "name another reserve, for example \"USDC\"",
        );
    }
    let reported =
        s.oracles.iter().any(|o| matches!(o, OracleSpec::Push { asset, .. } if *asset == h.prey));
    if !reported || !s.exchange.impact_enabled {
        checker.refuse(
            &format!("{at}.prey"),
            "nothing that is sold moves what its oracle says: this hunter could never hunt",
            "hunt a collateral with a `Push` oracle, at an exchange with `impact_enabled`",
        );
    }
    let ranges = [
        ("count", f64::from(h.count), 0.0, MOST),
        ("capital_usd", h.capital_usd, 0.0, MOST_USD),
        ("inventory_usd", h.inventory_usd, 0.0, MOST_USD),
        ("min_profit_usd", h.min_profit_usd, 0.0, MOST_USD),
        ("won_share", h.won_share, 0.0, 1.0),
        ("patience_blocks", h.patience_blocks as f64, 1.0, 1e9),
        ("rest_blocks", h.rest_blocks as f64, 0.0, 1e9),
        ("every_blocks", h.every_blocks as f64, 1.0, 1e9),
        ("gas_purse_tokens", h.gas_purse_tokens, 0.0, MOST_GAS),
    ];
    checker.ranges(at, &ranges);
}

/// Kinds and names of a further market's cohorts.
fn in_market(c: &FurtherCohorts) -> impl Iterator<Item = (&'static str, &String)> {
    (c.lenders.iter().map(|x| ("lenders", &x.cohort)))
        .chain(c.borrowers.iter().map(|x| ("borrowers", &x.cohort)))
        .chain(c.liquidators.iter().map(|x| ("liquidators", &x.cohort)))
        .chain(c.loopers.iter().map(|x| ("loopers", &x.cohort)))
}

/// Kinds and names of a perpetual future's cohorts.
fn at_perpetual(p: &PerpetualSpec) -> impl Iterator<Item = (&'static str, &String)> {
    (p.traders.iter().map(|x| ("perpetuals", &x.cohort)))
        .chain(p.basis.iter().map(|x| ("perpetuals", &x.cohort)))
}

/// No two cohorts may share a name: it is the address of their luck.
fn names(s: &Scenario, checker: &mut Checker<'_>) {
    let c = &s.agents;
    let tended = s.positions.iter().filter_map(|p| match &p.behaviour {
        Tending::Passive => None,
        Tending::Borrowers(config) => Some(("borrowers", &config.cohort)),
    });
    let mut names: Vec<&str> = Vec::new();
    let cohorts = (c.lenders.iter().map(|x| ("lenders", &x.cohort)))
        .chain(c.borrowers.iter().map(|x| ("borrowers", &x.cohort)))
        .chain(c.arbitrageurs.iter().map(|x| ("arbitrageurs", &x.cohort.cohort)))
        .chain(c.liquidators.iter().map(|x| ("liquidators", &x.cohort)))
        .chain(c.loopers.iter().map(|x| ("loopers", &x.cohort)))
        .chain(c.farmers.iter().map(|x| ("farmers", &x.cohort)))
        .chain(c.attackers.iter().map(|x| ("attackers", &x.cohort)))
        .chain(c.hunters.iter().map(|x| ("hunters", &x.cohort)))
        .chain(tended)
        .chain(s.markets.iter().flat_map(|m| in_market(&m.agents)))
        .chain(s.perpetuals.iter().flat_map(at_perpetual));
    for (kind, name) in cohorts {
        if names.contains(&name.as_str()) {
            let of_contract = kind == "perpetuals";
            checker.refuse(
                &if of_contract { kind.to_owned() } else { format!("agents.{kind}") },
                format!("cohort \"{name}\" appears twice: its members would share their luck"),
                "give one of the two another `cohort`",
            );
        }
        names.push(name);
    }
}
