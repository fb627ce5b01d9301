//! Who acts: cohorts as a scenario lists them, their checks, and their entry into a world.

use crate::check::Checker;
use crate::schema::{OracleSpec, Scenario};
use agents::attack::AttackerConfig;
use agents::scripted::SpawnError;
use agents::scripted::arbitrageur::ArbitrageurConfig;
use agents::scripted::borrower::BorrowerConfig;
use agents::scripted::lender::LenderConfig;
use agents::scripted::liquidator::LiquidatorConfig;
use agents::scripted::oracle_node::OracleNodeConfig;
use agents::scripted::risk_manager::RiskManagerConfig;
use agents::scripted::{arbitrageur, borrower, lender, liquidator, oracle_node, risk_manager};
use bevy_ecs::prelude::World;
use markets::units::{FeedId, MarketId, PoolId};
use serde::{Deserialize, Serialize};
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
    /// The nodes of all push feeds.
    pub oracle_nodes: OracleNodeConfig,
    /// The risk manager's seat.
    pub risk_manager: RiskManagerConfig,
    /// Attackers.
    pub attackers: Vec<AttackerConfig>,
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
}

/// Puts all participants into a world, in an order that never changes: ids break ties.
pub(crate) fn spawn(
    s: &Scenario,
    handles: &Handles<'_>,
    world: &mut World,
) -> Result<(), SpawnError> {
    let market = handles.market;
    let agents = &s.agents;
    risk_manager::spawn(world, market, &agents.risk_manager)?;
    for (spec, feed) in s.oracles.iter().zip(handles.feeds) {
        if let OracleSpec::Push { asset, lag_secs, .. } = spec {
            let symbol = world.resource::<Chain>().asset_by_symbol(asset);
            let asset = symbol.ok_or_else(|| SpawnError::UnknownAsset(asset.clone()))?;
            let lag_blocks = lag_secs.div_ceil(u64::from(s.block_secs)) as u32;
            let config = OracleNodeConfig { lag_blocks, ..agents.oracle_nodes.clone() };
            oracle_node::spawn(world, *feed, asset, &config)?;
        }
    }
    for cohort in &agents.lenders {
        lender::spawn(world, market, cohort)?;
    }
    for cohort in &agents.borrowers {
        borrower::spawn(world, market, cohort)?;
    }
    for PoolCohort { pool, cohort } in &agents.arbitrageurs {
        let position = s.pools.iter().position(|p| p.name == *pool).unwrap_or(0);
        arbitrageur::spawn(world, handles.pools[position], cohort)?;
    }
    for cohort in &agents.liquidators {
        liquidator::spawn(world, market, cohort)?;
    }
    for cohort in &agents.attackers {
        agents::attack::spawn(world, market, cohort)?;
    }
    Ok(())
}

/// Checks what the cohorts refer to, and that nothing is negative.
pub(crate) fn check(s: &Scenario, checker: &mut Checker<'_>) {
    let listed: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let pools: Vec<&str> = s.pools.iter().map(|p| p.name.as_str()).collect();
    let c = &s.agents;
    for (i, lender) in c.lenders.iter().enumerate() {
        let at = format!("agents.lenders.{i}");
        checker.known(&format!("{at}.asset"), "reserve", &lender.asset, &listed);
        checker.within(&format!("{at}.total_usd"), lender.total_usd, 0.0, 1e13);
    }
    for (i, borrower) in c.borrowers.iter().enumerate() {
        let at = format!("agents.borrowers.{i}");
        checker.known(&format!("{at}.collateral"), "reserve", &borrower.collateral, &listed);
        checker.known(&format!("{at}.debt"), "reserve", &borrower.debt, &listed);
        let size = borrower.debt_size;
        checker.within(&format!("{at}.debt_size.median_usd"), size.median_usd, 1e-6, 1e12);
        checker.within(&format!("{at}.debt_size.tail_exponent"), size.tail_exponent, 0.1, 100.0);
        let (min, max) = (borrower.health_target_min, borrower.health_target_max);
        checker.within(&format!("{at}.health_target_min"), min, 1.0, 100.0);
        checker.within(&format!("{at}.health_target_max"), max, min, 100.0);
    }
    for (i, arbitrageur) in c.arbitrageurs.iter().enumerate() {
        let at = format!("agents.arbitrageurs.{i}");
        checker.known(&format!("{at}.pool"), "pool", &arbitrageur.pool, &pools);
        let capital = arbitrageur.cohort.capital_usd;
        checker.within(&format!("{at}.cohort.capital_usd"), capital, 0.0, 1e13);
    }
    for (i, liquidator) in c.liquidators.iter().enumerate() {
        let at = format!("agents.liquidators.{i}");
        checker.known(&format!("{at}.cash"), "reserve", &liquidator.cash, &listed);
        for (k, symbol) in liquidator.inventory.iter().enumerate() {
            checker.known(&format!("{at}.inventory.{k}"), "reserve", symbol, &listed);
        }
        checker.within(&format!("{at}.capital_usd"), liquidator.capital_usd, 0.0, 1e13);
        checker.within(&format!("{at}.attention"), liquidator.attention, 0.0, 1.0);
    }
    for (i, attacker) in c.attackers.iter().enumerate() {
        let at = format!("agents.attackers.{i}");
        checker.known(&format!("{at}.collateral"), "reserve", &attacker.collateral, &listed);
        for (k, symbol) in attacker.loot.iter().enumerate() {
            checker.known(&format!("{at}.loot.{k}"), "reserve", symbol, &listed);
        }
        checker.within(&format!("{at}.capital_tokens"), attacker.capital_tokens, 0.0, 1e15);
    }
    let mut names: Vec<&str> = Vec::new();
    let cohorts = (c.lenders.iter().map(|x| ("lenders", &x.cohort)))
        .chain(c.borrowers.iter().map(|x| ("borrowers", &x.cohort)))
        .chain(c.arbitrageurs.iter().map(|x| ("arbitrageurs", &x.cohort.cohort)))
        .chain(c.liquidators.iter().map(|x| ("liquidators", &x.cohort)))
        .chain(c.attackers.iter().map(|x| ("attackers", &x.cohort)));
    for (kind, name) in cohorts {
        if names.contains(&name.as_str()) {
            checker.refuse(
                &format!("agents.{kind}"),
                format!("cohort \"{name}\" appears twice: its members would share their luck"),
                "give one of the two another `cohort`",
            );
        }
        names.push(name);
    }
}
