//! Worlds that training never plays: the scenario with a venue, a family of attacks or oracles that it does not have,
//! on the seeds and paths of fresh worlds.

use crate::arena::{Contestant, compete};
use crate::assemble::Worlds;
use crate::card::{self, observations};
use crate::check::Checker;
use crate::evaluate::{DEPLOYED, FRESH, fresh};
use crate::genesis::same_moves;
use crate::levels::is_fixed;
use crate::load::{Loaded, from_text};
use crate::problem::{Problem, Source};
use crate::report::{Entry, GroupResult};
use crate::reproduction::BrokenWorld;
use crate::schema::{OracleSpec, Scenario, TrainSpec};
use crate::tree::Node;
use agents::export::bundle::{HeldOutWorlds, PolicyCard, Seen};
use agents::frozen::{FrozenPolicy, View};
use serde::{Deserialize, Serialize};

/// What of the worlds is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeldOutKind {
    /// A place to trade or borrow at.
    Venue,
    /// A family of attacks.
    Attack,
    /// A kind of oracle: with a sound one, the scenario's twin.
    Oracle,
}

/// Worlds that no training, validation or static search plays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOut {
    /// Name in the report: letters, digits and `_`.
    pub name: String,
    /// What of them is new.
    pub kind: HeldOutKind,
    /// What they are, in a sentence.
    pub about: String,
    /// How they differ from the scenario, as `--set` takes it.
    pub set: Vec<String>,
}

/// Such worlds, ready to be played.
#[derive(Clone, Debug)]
pub struct Unseen {
    /// As the scenario says it.
    pub held_out: HeldOut,
    /// The scenario with the overrides.
    pub loaded: Loaded,
    /// What of the kind is there and not in the scenario, by name.
    pub new: Vec<String>,
    /// Where the scenario's rows lie in the rows there; none where they are the same.
    view: Option<View>,
}

impl HeldOut {
    /// All that makes these worlds of the scenario, as `--set` takes it.
    #[must_use]
    fn overrides(&self, scenario: &Scenario) -> Vec<String> {
        // What is held out holds nothing out itself, and nothing else is drawn among it.
        let mixed = scenario.train.as_ref().is_some_and(|train| !train.among.is_empty());
        let alone = mixed.then(|| "train.among=[]".to_owned());
        let nothing = std::iter::once("evaluate.held_out=[]".to_owned()).chain(alone);
        self.set.iter().cloned().chain(nothing).collect()
    }
}

impl Unseen {
    /// The worlds, with the attackers and the looks of the scenario's own.
    #[must_use]
    pub fn worlds(&self, base: &Worlds) -> Worlds {
        base.varied(&self.loaded)
    }

    /// Whether a row there is longer than in the scenario.
    #[must_use]
    pub const fn is_wider(&self) -> bool {
        self.view.is_some()
    }

    /// A policy of the scenario, as it sees these worlds.
    ///
    /// # Panics
    /// Never for a policy that sees the scenario's rows.
    #[must_use]
    pub fn seen_by(&self, policy: &FrozenPolicy) -> FrozenPolicy {
        let policy = policy.clone();
        let Some(view) = &self.view else { return policy };
        policy.seeing(view.clone()).expect("the view is of the scenario's rows")
    }

    /// A line for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        let HeldOut { name: _, kind, about, set } = &self.held_out;
        format!("{kind:?} ({}): {about}; {}", self.new.join(", "), set.join("; "))
    }

    /// Plays all contestants in these worlds, which are the fresh ones' but for the overrides.
    ///
    /// # Errors
    /// An invariant broke in some world.
    pub fn play(
        &self,
        base: &Worlds,
        contestants: &[Contestant<'_>],
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<GroupResult, Box<BrokenWorld>> {
        let worlds = fresh(&self.loaded.scenario.evaluate);
        let entries = compete(&self.worlds(base), contestants, &worlds, progress);
        let entries = entries.map_err(|mut broken| {
            broken.set.clone_from(&self.loaded.overrides);
            broken
        })?;
        let HeldOut { name: group, about, .. } = &self.held_out;
        Ok(GroupResult { group: group.clone(), about: about.clone(), entries })
    }
}

/// Adds to the fresh worlds what the deployed parameters come to with other oracles, as a contestant of its own: the
/// worlds are the same but for the oracles, so that it is compared path by path.
pub fn add_twins(unseen: &[Unseen], results: &mut [GroupResult]) {
    let mut twins = Vec::new();
    for held_out in unseen.iter().map(|u| &u.held_out).filter(|h| h.kind == HeldOutKind::Oracle) {
        let there = results.iter().find(|r| r.group == held_out.name);
        let entry = there.and_then(|r| r.entries.iter().find(|e| e.policy == DEPLOYED));
        twins.extend(entry.map(|entry| Entry {
            policy: format!("{DEPLOYED}, on {}", held_out.name),
            totals: entry.totals.clone(),
        }));
    }
    if let Some(fresh) = results.iter_mut().find(|r| r.group == FRESH) {
        fresh.entries.extend(twins);
    }
}

/// What there is in all worlds that a scenario's training plays, by name.
#[must_use]
pub fn seen_in_training(loaded: &Loaded) -> Seen {
    let mut all = seen(&loaded.scenario);
    for there in loaded.among.iter() {
        let further = seen(&there.scenario);
        for (known, names) in [
            (&mut all.venues, further.venues),
            (&mut all.attacks, further.attacks),
            (&mut all.oracles, further.oracles),
        ] {
            let new: Vec<String> = names.into_iter().filter(|n| !known.contains(n)).collect();
            known.extend(new);
        }
    }
    all
}

/// What there is in a scenario's worlds, by name.
#[must_use]
pub fn seen(s: &Scenario) -> Seen {
    let listed = s.exchange.listings.iter().map(|l| {
        let kind = if l.book.is_some() { "book" } else { "dealer" };
        format!("{kind} {}", l.asset)
    });
    let pools = s.pools.iter().map(|p| format!("pool {}", p.name));
    let perpetuals = s.perpetuals.iter().map(|p| format!("perpetual {}", p.asset));
    let markets = s.markets.iter().map(|m| format!("market {}", m.name));
    let learned = s.train.as_ref().is_some_and(TrainSpec::meets_learned_attackers);
    let attacks = [
        ("flash-loan attackers", s.agents.attackers.iter().any(|a| a.accounts > 0)),
        ("liquidation hunters", s.agents.hunters.iter().any(|h| h.count > 0)),
        ("learned attackers", learned),
    ];
    let oracle = |o: &OracleSpec| {
        let kind = match o {
            OracleSpec::Spot { .. } => "Spot",
            OracleSpec::Twap { .. } => "Twap",
            OracleSpec::Push { .. } => "Push",
        };
        format!("{kind} on {}", o.asset())
    };
    let further = s.markets.iter().flat_map(|m| &m.oracles);
    let feeds = s.oracles.iter().chain(&s.market.other_oracles).chain(further);
    Seen {
        venues: listed.chain(pools).chain(perpetuals).chain(markets).collect(),
        attacks: attacks.iter().filter(|(_, met)| *met).map(|(n, _)| (*n).to_owned()).collect(),
        oracles: feeds.map(oracle).collect(),
    }
}

/// What of a kind there is.
fn of(seen: &Seen, kind: HeldOutKind) -> &[String] {
    match kind {
        HeldOutKind::Venue => &seen.venues,
        HeldOutKind::Attack => &seen.attacks,
        HeldOutKind::Oracle => &seen.oracles,
    }
}

/// What a bundle says of the worlds that a scenario holds out.
#[must_use]
pub fn worlds_of_card(loaded: &Loaded) -> Vec<HeldOutWorlds> {
    let world = |u: &Unseen| HeldOutWorlds {
        name: u.held_out.name.clone(),
        kind: format!("{:?}", u.held_out.kind),
        new: u.new.clone(),
        set: u.held_out.set.clone(),
    };
    loaded.unseen.iter().map(world).collect()
}

/// Refuses a policy whose training had what a scenario holds out, or that does not say what it had.
///
/// # Errors
/// The sentence that says which.
pub fn refuse_seen(loaded: &Loaded, policy: &PolicyCard) -> Result<(), String> {
    let name = &policy.name;
    let Some(first) = loaded.unseen.first() else { return Ok(()) };
    let without = "judge it without them (--set evaluate.held_out=[])";
    let Some(seen) = &policy.provenance.seen else {
        return Err(format!(
            "policy \"{name}\" does not say what its training had, so nobody can tell whether \"{}\" is new to \
             it; train it again, or {without}",
            first.held_out.name
        ));
    };
    let Some((known, worlds)) = first_seen(loaded, seen) else { return Ok(()) };
    Err(format!(
        "policy \"{name}\" was trained with {known}, which this scenario holds out as \"{worlds}\"; {without}, or \
         train one without it"
    ))
}

/// The first that is held out of what somebody has, and in which worlds.
pub(crate) fn first_seen(loaded: &Loaded, seen: &Seen) -> Option<(String, String)> {
    loaded.unseen.iter().find_map(|Unseen { held_out, new, .. }| {
        let known = new.iter().find(|n| of(seen, held_out.kind).contains(n))?;
        Some((known.clone(), held_out.name.clone()))
    })
}

/// What no held-out world may change: the prices that it shares with fresh worlds, and what no level may.
fn is_shared(path: &str) -> bool {
    let first = path.split('.').next().unwrap_or(path);
    is_fixed(path) || ["assets", "paths", "correlation", "factors"].contains(&first)
}

/// Reads what a scenario holds out.
///
/// # Errors
/// What cannot be, at its place.
pub(crate) fn read(
    loaded: &Loaded,
    source: &Source,
    root: Option<&Node>,
) -> Result<Vec<Unseen>, Vec<Problem>> {
    let mut checker = Checker::new(source, root);
    let all = &loaded.scenario.evaluate.held_out;
    checker.once(|i| format!("evaluate.held_out.{i}.name"), all.iter().map(|h| h.name.as_str()));
    let mut unseen = Vec::new();
    for (i, held_out) in all.iter().enumerate() {
        let at = |field: &str| format!("evaluate.held_out.{i}.{field}");
        if let Some(message) = no_name(loaded, &held_out.name) {
            let help = "letters, digits and `_`, and no other group's name";
            checker.refuse(&at("name"), message, help);
        }
        match ready(loaded, held_out) {
            Ok(ready) => unseen.push(ready),
            Err((message, help)) => checker.refuse(&at("set"), message, help),
        }
    }
    checker.finish().map(|()| unseen)
}

/// Why a name is none.
fn no_name(loaded: &Loaded, name: &str) -> Option<String> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let taken = name == FRESH || loaded.windows.iter().any(|w| w.name == name);
    if !plain {
        Some(format!("`{name}` is no name"))
    } else if taken {
        Some(format!("\"{name}\" is another group of worlds"))
    } else {
        None
    }
}

/// One group of worlds, or why it cannot be, and a fix.
fn ready(loaded: &Loaded, held_out: &HeldOut) -> Result<Unseen, (String, String)> {
    let refuse = |message: String, help: &str| Err((message, help.to_owned()));
    let path = |one: &String| one.split('=').next().unwrap_or(one).trim().to_owned();
    if let Some(shared) = held_out.set.iter().map(path).find(|path| is_shared(path)) {
        return refuse(
            format!("`{shared}` is the same in held-out worlds as in fresh ones"),
            "change the exchange, pools, oracles, further markets, perpetual futures or agents",
        );
    }
    let overrides = held_out.overrides(&loaded.scenario);
    let there = from_text(&loaded.path, &loaded.text, &overrides).map_err(|no| {
        let first = no.places().into_iter().next();
        let message = first.map_or_else(|| "it is refused".to_owned(), |p| p.message);
        (format!("no such world can be: {message}"), "change the overrides".to_owned())
    })?;
    let new = new(loaded, &there.scenario, held_out.kind)?;
    let here = &loaded.scenario;
    if !same_moves(&here.market, &there.scenario.market) {
        return refuse(
            "a policy would hold other heads there".to_owned(),
            "leave the reserves, their second oracles, the design of liquidations, the regime and its rules as they are",
        );
    }
    let view =
        card::view(&observations(here), &observations(&there.scenario)).map_err(|column| {
            let message = format!("a policy sees `{column}`, which there is not there");
            (message, "keep the books, perpetual futures and streams that training has".to_owned())
        })?;
    if let Err(error) = Worlds::new(&there) {
        return refuse(format!("no such world can be built: {error}"), "change the overrides");
    }
    Ok(Unseen { held_out: held_out.clone(), loaded: there, new, view })
}

/// What of a kind is there and not in the scenario; refused where that is nothing.
fn new(
    loaded: &Loaded,
    there: &Scenario,
    kind: HeldOutKind,
) -> Result<Vec<String>, (String, String)> {
    let mut same = there.clone();
    same.evaluate.held_out.clone_from(&loaded.scenario.evaluate.held_out);
    same.train.clone_from(&loaded.scenario.train);
    if same == loaded.scenario {
        let message = "the overrides change nothing: training plays these worlds".to_owned();
        return Err((message, "say how these worlds differ".to_owned()));
    }
    let (known, all) = (seen(&loaded.scenario), seen(there));
    let (known, all) = (of(&known, kind), of(&all, kind));
    let new: Vec<String> = all.iter().filter(|name| !known.contains(name)).cloned().collect();
    if !new.is_empty() {
        return Ok(new);
    }
    let (what, help) = match kind {
        HeldOutKind::Venue => (
            "venue",
            "add a book, pool, perpetual future or market under a name that training lacks",
        ),
        HeldOutKind::Attack => {
            ("family of attacks", "add attackers or hunters, of which training has none")
        }
        HeldOutKind::Oracle => ("oracle", "give an asset another kind of oracle"),
    };
    let listed = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Err((format!("training has every {what} of these worlds: {listed}"), help.to_owned()))
}
