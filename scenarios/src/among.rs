//! Other scenarios whose worlds are drawn among a scenario's own: one policy is trained, chosen and judged in all of
//! them.

use crate::assemble::Worlds;
use crate::card::{Training, card, observations, view};
use crate::check::Checker;
use crate::evaluate::{FRESH, refuse_other_market, refuse_overlap};
use crate::held_out::refuse_seen;
use crate::load::{Loaded, load_alone};
use crate::manifest::Build;
use crate::problem::{Problem, Source};
use crate::report::{Entry, GroupResult};
use crate::totals::Totals;
use crate::tree::Node;
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
    let own = |entry| of_turn(entry, 0, loaded.among.len() + 1);
    GroupResult { entries: all.entries.iter().map(own).collect(), ..all.clone() }
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
    let all = loaded.scenario.train.iter().flat_map(|train| &train.among);
    let mut ready = Vec::new();
    for (i, among) in all.enumerate() {
        match one(loaded, base, among) {
            Ok(there) => ready.push(there),
            Err((message, help)) => {
                checker.refuse(&format!("train.among.{i}.scenario"), message, help);
            }
        }
    }
    checker.finish().map(|()| ready)
}

/// One scenario, or why it cannot be, and a fix.
fn one(loaded: &Loaded, base: &Path, among: &Among) -> Result<Loaded, (String, String)> {
    let named = among.scenario.display();
    let refuse = |message: String, help: &str| (format!("{named}: {message}"), help.to_owned());
    let mut there = load_alone(&base.join(&among.scenario), &among.set).map_err(|rejected| {
        let first = rejected.places().into_iter().next();
        let message = first.map_or_else(|| "it is refused".to_owned(), |p| p.message);
        refuse(message, "name a scenario file, from where this one lies; `ballast check` says all that is wrong with it")
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
    if view(&observations(here), &observations(other)) != Ok(None) {
        let message = "a policy would see other values there".to_owned();
        let help =
            "give it the same reserves, books, perpetual futures and streams, in the same order";
        return Err(refuse(message, help));
    }
    let untrained = Training { seeds: Vec::new(), updates: 0, decisions: 0 };
    let build = Build::this(&[]);
    let own = card(loaded, &here.name, untrained.clone(), &build);
    let alike = "give it the same regime, rules and heads, by the entry's `set`";
    refuse_other_market(other, &own, here.side()).map_err(|reason| refuse(reason, alike))?;
    let its = card(&there, &other.name, untrained, &build);
    let kept = "leave it out, or what this scenario keeps for the test";
    refuse_overlap(loaded, &its).map_err(|reason| refuse(reason, kept))?;
    refuse_seen(loaded, &its).map_err(|reason| refuse(reason, kept))?;
    // What is learned, and by whom, is this scenario's to say.
    there.scenario.train.clone_from(&here.train);
    there.scenario.objective = here.objective;
    there.other.clone_from(&loaded.other);
    there.liquidator.clone_from(&loaded.liquidator);
    Worlds::new(&there).map_err(|error| refuse(error.to_string(), "change the entry's `set`"))?;
    Ok(there)
}
