//! Other scenarios whose worlds are drawn among a scenario's own: one policy is trained, chosen and judged in all of
//! them.

use crate::assemble::Worlds;
use crate::card::{Training, card, observations, view};
use crate::check::Checker;
use crate::evaluate::{FRESH, overlap};
use crate::genesis::{AssembleError, same_moves};
use crate::held_out::first_seen;
use crate::load::{Loaded, load_alone};
use crate::manifest::Build;
use crate::problem::{Problem, Source};
use crate::report::{Entry, GroupResult};
use crate::schema::Scenario;
use crate::totals::Totals;
use crate::tree::Node;
use protocols::reserve::Reserve;
use protocols::risk_params::RiskParam;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Another scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Among {
    /// Its file, from where this scenario lies.
    pub scenario: PathBuf,
    /// Overrides of it, as `--set` takes them; those of this scenario are not its.
    #[serde(default)]
    pub set: Vec<String>,
}

/// Which of a scenario and `among` others an episode is of on a drawn path, the scenario being 0: one after the other,
/// over instances and their episodes.
pub(crate) const fn turn(instance: u64, episode: u64, among: usize) -> usize {
    (instance.wrapping_add(episode) % (among as u64 + 1)) as usize
}

/// Of a result on drawn worlds, instance after instance from the first on, the worlds of each scenario; nothing where
/// there is but one, or for another group.
#[must_use]
pub fn by_scenario(loaded: &Loaded, fresh: &GroupResult) -> Vec<GroupResult> {
    if loaded.among.is_empty() || fresh.group != FRESH {
        return Vec::new();
    }
    let scenarios = std::iter::once(loaded).chain(loaded.among.iter());
    let names: Vec<&str> = scenarios.map(|there| there.scenario.name.as_str()).collect();
    let of = |(position, name): (usize, &&str)| {
        let before = names[..position].iter().filter(|n| *n == name).count();
        let again = if before > 0 { format!(" ({})", before + 1) } else { String::new() };
        GroupResult {
            group: format!("{} in {name}{again}", fresh.group),
            about: format!("those of {}'s worlds that are {name}'s", fresh.group),
            entries: fresh
                .entries
                .iter()
                .map(|entry| of_turn(entry, position, names.len()))
                .collect(),
        }
    };
    let is_played =
        |group: &GroupResult| group.entries.iter().all(|e| !e.totals.concat().is_empty());
    names.iter().enumerate().map(of).filter(is_played).collect()
}

/// The worlds of one of so many scenarios.
fn of_turn(entry: &Entry, position: usize, scenarios: usize) -> Entry {
    let own = |row: &Vec<Totals>| row.iter().skip(position).step_by(scenarios).copied().collect();
    Entry { policy: entry.policy.clone(), totals: entry.totals.iter().map(own).collect() }
}

/// Of a result on a scenario's own worlds those that are drawn worlds, too, where others are drawn among them.
#[must_use]
pub fn own_turns(loaded: &Loaded, all: &GroupResult) -> GroupResult {
    if loaded.among.is_empty() {
        return all.clone();
    }
    let own = |entry| of_turn(entry, 0, loaded.among.len() + 1);
    let group = format!("{} in {}", all.group, loaded.scenario.name);
    GroupResult { group, entries: all.entries.iter().map(own).collect(), ..all.clone() }
}

/// Reads the scenarios that one names; they lie relative to `base`.
///
/// # Errors
/// What cannot be, at its place: no scenario, one in which a policy would see or do something else or decide at other
/// times, one that draws on what is kept for the test.
pub(crate) fn read(
    loaded: &Loaded,
    base: &Path,
    source: &Source,
    root: Option<&Node>,
) -> Result<Vec<Loaded>, Vec<Problem>> {
    let mut checker = Checker::new(source, root);
    let all: Vec<&Among> = loaded.scenario.train.iter().flat_map(|train| &train.among).collect();
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let own = Worlds::new(loaded);
    let mut ready = Vec::new();
    for (i, among) in all.into_iter().enumerate() {
        match one(loaded, &own, base, among) {
            Ok(there) => ready.push(there),
            Err((message, help)) => {
                checker.refuse(&format!("train.among.{i}.scenario"), message, help);
            }
        }
    }
    checker.finish().map(|()| ready)
}

/// One scenario, or why it cannot be, and a fix.
fn one(
    loaded: &Loaded,
    own: &Result<Worlds, AssembleError>,
    base: &Path,
    among: &Among,
) -> Result<Loaded, (String, String)> {
    let named = among.scenario.display();
    let refuse = |message: String, help: &str| (format!("{named}: {message}"), help.to_owned());
    let mut there = load_alone(&base.join(&among.scenario), &among.set).map_err(|rejected| {
        let first = rejected.places().into_iter().next();
        let (message, help) = first.map_or_else(Default::default, |p| (p.message, p.help));
        let help = help.unwrap_or_else(|| "mend that file, or the entry's `set`".to_owned());
        refuse(message, &help)
    })?;
    let (here, other) = (&loaded.scenario, &there.scenario);
    for (field, own, its) in [
        ("block_secs", here.block_secs, other.block_secs),
        ("decision_every_blocks", here.decision_every_blocks, other.decision_every_blocks),
    ] {
        if own != its {
            let message =
                format!("its `{field}` is {its}, and {own} here: decisions would be of two kinds");
            return Err(refuse(message, "set it alike in both, by the entry's `set`"));
        }
    }
    let assets = |s: &Scenario| -> Vec<(String, u8)> {
        s.assets.iter().map(|a| (a.symbol.clone(), a.decimals)).collect()
    };
    if assets(here) != assets(other) {
        let message = "it has other assets, or has them in another order".to_owned();
        return Err(refuse(message, "give it the assets of this scenario"));
    }
    if view(&observations(here), &observations(other)) != Ok(None) {
        let message = "a policy would see other values there".to_owned();
        let help =
            "give it the same reserves, books, perpetual futures and streams, in the same order";
        return Err(refuse(message, help));
    }
    if !same_moves(&here.market, &other.market) {
        let message = "a policy's moves would be others there".to_owned();
        let help = "give it the same regime, rules, second oracles and design of liquidations";
        return Err(refuse(message, help));
    }
    let untrained = Training { seeds: Vec::new(), updates: 0, decisions: 0 };
    let its = card(&there, &other.name, untrained, &Build::this(&[])).provenance;
    let kept = "leave it out, or what this scenario keeps for the test";
    if let Some(overlap) = overlap(loaded, &its.train_windows) {
        return Err(refuse(format!("its prices of {overlap}"), kept));
    }
    if let Some((known, name)) = its.seen.and_then(|seen| first_seen(loaded, &seen)) {
        let message = format!("it has {known}, which this scenario holds out as \"{name}\"");
        return Err(refuse(message, kept));
    }
    if loaded.liquidator.is_some() && !other.has_liquidators() {
        let message = "there is no scripted liquidator whose place `train.liquidator` could take";
        return Err(refuse(message.to_owned(), "give it one, or leave `liquidator` out"));
    }
    // What is learned, and by whom, is this scenario's to say.
    there.scenario.train.clone_from(&here.train);
    there.scenario.objective = here.objective;
    there.other.clone_from(&loaded.other);
    let unbuilt = |error: &AssembleError| refuse(error.to_string(), "change the entry's `set`");
    let own = own.as_ref().map_err(unbuilt)?;
    let its = Worlds::new(&there).map_err(|error| unbuilt(&error))?;
    if let Some(difference) = otherwise_deployed(own, &its, here) {
        let message = format!(
            "it deploys another market ({difference}): parameters that do not move would not be one set for all"
        );
        return Err(refuse(
            message,
            "set it alike in both, by overrides here and by the entry's `set`",
        ));
    }
    Ok(there)
}

/// What of the market as deployed differs, if anything does: searches and formulas know one market.
fn otherwise_deployed(here: &Worlds, there: &Worlds, s: &Scenario) -> Option<String> {
    let (own, its) = (here.deployed_market(), there.deployed_market());
    for (reserve, (own, its)) in
        s.market.reserves.iter().zip(own.reserves.iter().zip(&its.reserves))
    {
        if own.config != its.config {
            let moved = RiskParam::ALL.into_iter().filter_map(|param| {
                let [own, its] = [own, its].map(|r| value(r, param));
                (own != its).then(|| format!("{param:?} {its:?} and {own:?} here"))
            });
            let first = moved.take(1).next().unwrap_or_else(|| "its configuration".to_owned());
            return Some(format!("{}, {first}", reserve.asset));
        }
    }
    let alike = own.version == its.version
        && (own.state.close_factor, &own.state.design)
            == (its.state.close_factor, &its.state.design);
    (!alike).then(|| "its rules of liquidation".to_owned())
}

/// A reserve's parameter, in the parameter's unit; none for what governance alone moves here.
fn value(reserve: &Reserve, param: RiskParam) -> Option<u64> {
    let config = &reserve.config;
    match param {
        RiskParam::Ltv => Some(config.ltv.0.into()),
        RiskParam::LiquidationThreshold => Some(config.liquidation_threshold.0.into()),
        RiskParam::LiquidationBonus => Some(config.liquidation_bonus.0.into()),
        RiskParam::SupplyCap => Some(config.supply_cap),
        RiskParam::BorrowCap => Some(config.borrow_cap),
        _ => None,
    }
}
