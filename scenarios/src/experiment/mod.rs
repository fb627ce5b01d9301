//! Experiments: one file that says what is asked, on which scenario, what is trained and how it is judged.

pub mod front;
pub mod front_plot;
pub mod report;
pub mod step;

use crate::check::Checker;
use crate::load::{read, typed};
use crate::problem::Rejected;
use crate::report::LEARNED;
use crate::tree;
use front::Front;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The schema that this build reads.
pub const SCHEMA: u32 = 1;

/// An experiment file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Version of this schema; [`SCHEMA`].
    pub schema: u32,
    /// Letters, digits and `_`; names the run folder.
    pub name: String,
    /// What it asks.
    pub question: String,
    /// What is expected, said before anything is played.
    pub expect: Expectation,
    /// Least difference of the objective that matters, in USD per episode: a smaller one is none.
    #[serde(default)]
    pub least_usd: f64,
    /// Scenario file, relative to this one.
    pub scenario: PathBuf,
    /// Overrides of the scenario, as `--set` takes them, for everything here: training, baselines, judging.
    #[serde(default)]
    pub set: Vec<String>,
    /// Simulated blocks of each static search; by default all that training simulates, all seeds together.
    #[serde(default)]
    pub search_blocks: Option<u64>,
    /// Policies that are trained differently and judged on the same worlds.
    #[serde(default)]
    pub ablations: Vec<WayToTrain>,
    /// Worlds other than those trained in, over which a win must hold its sign.
    #[serde(default)]
    pub grid: Option<Grid>,
    /// Attackers made against each policy.
    #[serde(default)]
    pub exploit: Option<Exploiting>,
    /// Budgets for the tail of bad debt, each with a policy and static parameters of its own.
    #[serde(default)]
    pub front: Option<Front>,
}

/// What is expected of learned against best static, before anything is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expectation {
    /// The learned policy is better.
    Learned,
    /// The parameters that do not move are as good or better.
    Static,
    /// Nobody knows.
    Open,
}

/// How a policy is trained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WayToTrain {
    /// Name in the report.
    pub name: String,
    /// Scenario file that it is trained in, relative to the experiment's; by default the experiment's scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<PathBuf>,
    /// Overrides of the scenario, after those of the experiment.
    #[serde(default)]
    pub set: Vec<String>,
}

/// A name and overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Name in the report.
    pub name: String,
    /// Overrides of the scenario, after those of the experiment.
    #[serde(default)]
    pub set: Vec<String>,
}

/// Every combination of one value of each axis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Worlds of each cell: unseen draws of the training mixture.
    pub paths: u32,
    /// What is varied.
    pub axes: Vec<Axis>,
}

/// One thing that is varied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What.
    pub name: String,
    /// Its values.
    pub values: Vec<Variant>,
}

/// Attackers that are made against each policy, as `ballast exploit` does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exploiting {
    /// Attackers of each kind, by seed.
    pub attackers: u64,
    /// Simulated blocks that each may be made with.
    pub budget_blocks: u64,
    /// Unseen worlds of each group on which they are judged.
    pub worlds: u64,
    /// Hours of each episode that the policy has to itself.
    pub head_start_hours: f64,
}

/// A combination of values of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The value of each axis, by name.
    pub values: Vec<String>,
    /// All their overrides.
    pub set: Vec<String>,
}

impl WayToTrain {
    /// The scenario file that it is trained in, of an experiment that lies in `folder` and has the scenario `own`.
    #[must_use]
    pub fn file(&self, folder: &Path, own: &Path) -> PathBuf {
        self.scenario.as_ref().map_or_else(|| own.to_owned(), |there| folder.join(there))
    }

    /// What a report says of it: its name, and how it differs from the policy that is judged.
    #[must_use]
    pub fn fact(&self) -> (String, String) {
        let there = self.scenario.iter().map(|there| format!("in {}", there.display()));
        let differs: Vec<String> = there.chain(self.set.iter().cloned()).collect();
        (format!("trained as {}", self.name), differs.join("; "))
    }
}

/// Names all that was judged: the scenario, by its `hash`, and those that ways to train have for themselves, by theirs.
#[must_use]
pub fn judged(hash: &str, elsewhere: &[String]) -> String {
    if elsewhere.is_empty() {
        return hash.to_owned();
    }
    blake3::hash(format!("{hash}{}", elsewhere.concat()).as_bytes()).to_hex().to_string()
}

impl Grid {
    /// All combinations, the last axis fastest.
    fn places(&self) -> Vec<Place> {
        let mut places = vec![Place { values: Vec::new(), set: Vec::new() }];
        for axis in &self.axes {
            let with = |place: &Place, value: &Variant| Place {
                values: [place.values.as_slice(), std::slice::from_ref(&value.name)].concat(),
                set: [place.set.as_slice(), &value.set].concat(),
            };
            let next = places.iter().flat_map(|p| axis.values.iter().map(move |v| with(p, v)));
            places = next.collect();
        }
        places
    }
}

impl Experiment {
    /// What is trained: the policy that is judged, then the ablations, each with its name and its overrides.
    #[must_use]
    pub fn arms(&self) -> Vec<WayToTrain> {
        let learned = WayToTrain { name: LEARNED.to_owned(), ..WayToTrain::default() };
        let with =
            |arm: WayToTrain| WayToTrain { set: [self.set.as_slice(), &arm.set].concat(), ..arm };
        std::iter::once(learned).chain(self.ablations.iter().cloned()).map(with).collect()
    }
    /// The grid's places; their overrides come after those of the experiment.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let with =
            |place: Place| Place { set: [self.set.as_slice(), &place.set].concat(), ..place };
        self.grid.iter().flat_map(Grid::places).map(with).collect()
    }
}

/// Most worlds of a cell, and most attackers.
const MOST: f64 = 10_000.0;
/// Most combinations of a grid.
const MOST_PLACES: usize = 1_000;
/// Most blocks of a search, and that an attacker is made with.
const MOST_BLOCKS: f64 = 1e12;

/// Reads and checks an experiment; also its text. The scenario is not read.
///
/// # Errors
/// Everything that is wrong with the file, each with its place and a fix.
pub fn load(path: &Path) -> Result<(Experiment, String), Rejected> {
    let file = path.display().to_string();
    let (source, experiment) = typed::<Experiment>(&file, &read(path)?, &[])?;
    let root = tree::parse(&source.text).ok();
    let mut checker = Checker::new(&source, root.as_ref());
    check(&experiment, &mut checker);
    checker.finish().map_err(|problems| Rejected { file, problems })?;
    Ok((experiment, source.text.as_str().to_owned()))
}

fn check(experiment: &Experiment, checker: &mut Checker<'_>) {
    if experiment.schema != SCHEMA {
        let message = format!("schema {}: this build reads {SCHEMA}", experiment.schema);
        checker.refuse("schema", message, format!("write `schema: {SCHEMA}`"));
    }
    let plain = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !plain(&experiment.name) {
        let help = "letters, digits and `_`: it names a folder";
        checker.refuse("name", format!("`{}` is no name", experiment.name), help);
    }
    for (i, arm) in experiment.ablations.iter().enumerate() {
        let at = format!("ablations.{i}.name");
        let twice = experiment.ablations[..i].iter().any(|a| a.name == arm.name);
        if !plain(&arm.name) {
            let help = "letters, digits and `_`: it names a folder";
            checker.refuse(&at, format!("`{}` is no name", arm.name), help);
        } else if arm.name == LEARNED || twice {
            let message = format!("`{}` is another policy's name", arm.name);
            checker.refuse(&at, message, "give every policy a name of its own");
        }
    }
    if let Some(grid) = &experiment.grid {
        checker.within("grid.paths", f64::from(grid.paths), 1.0, MOST);
        let places: usize = grid.axes.iter().map(|a| a.values.len()).product();
        if places == 0 || places > MOST_PLACES {
            let message = format!("{places} combinations, and 1 to {MOST_PLACES} can be played");
            checker.refuse("grid.axes", message, "give every axis values, and not too many");
        }
    }
    checker.within("least_usd", experiment.least_usd, 0.0, 1e12);
    if let Some(blocks) = experiment.search_blocks {
        checker.within("search_blocks", blocks as f64, 1.0, MOST_BLOCKS);
    }
    if let Some(front) = &experiment.front {
        front.check(experiment, checker);
    }
    if let Some(exploit) = &experiment.exploit {
        checker.within("exploit.attackers", exploit.attackers as f64, 1.0, 100.0);
        checker.within("exploit.budget_blocks", exploit.budget_blocks as f64, 1.0, MOST_BLOCKS);
        checker.within("exploit.worlds", exploit.worlds as f64, 1.0, MOST);
        checker.within("exploit.head_start_hours", exploit.head_start_hours, 0.0, 1e6);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(
        schema: 1, name: "a", question: "?", expect: Open, scenario: "s.ron", set: ["x=1"],
        ablations: [(name: "blind", set: ["y=2"]), (name: "moved", scenario: "t.ron")],
        grid: (paths: 2, axes: [
            (name: "p", values: [(name: "low", set: ["p=1"]), (name: "high", set: ["p=2"])]),
            (name: "q", values: [(name: "off"), (name: "on", set: ["q=1", "r=1"])]),
        ]),
        exploit: (attackers: 1, budget_blocks: 10, worlds: 1, head_start_hours: 1.0),
        front: (budgets_usd: [500, 6000], set: ["f=3"]),
    )"#;

    fn read(text: &str) -> Result<Experiment, Rejected> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("e.ron");
        std::fs::write(&path, text).expect("writes");
        load(&path).map(|(experiment, _)| experiment)
    }

    #[test]
    fn arms_and_places_carry_their_overrides_in_order() {
        let experiment = read(TEXT).expect("sound");
        let arms = experiment.arms();
        let learned = WayToTrain { name: LEARNED.to_owned(), ..WayToTrain::default() };
        assert_eq!(arms[0], WayToTrain { set: vec!["x=1".to_owned()], ..learned });
        assert_eq!(
            (arms[1].set.as_slice(), &arms[1].scenario),
            (["x=1", "y=2"].map(String::from).as_slice(), &None)
        );
        assert_eq!((arms[2].set.len(), &arms[2].scenario), (1, &Some(PathBuf::from("t.ron"))));
        let places = experiment.places();
        let values: Vec<String> = places.iter().map(|p| p.values.join(" ")).collect();
        assert_eq!(values, ["low off", "low on", "high off", "high on"]);
        assert_eq!(places[3].set, ["x=1", "p=2", "q=1", "r=1"]);
        let front = experiment.front_arms();
        assert_eq!((front.len(), front[1].0, front[1].1.name.as_str()), (2, 6_000, "budget_6000"));
        let tail = r#"train.ppo.tail=Budget(cost: "bad_debt_usd", level: 0.95, budget: 6000.0)"#;
        assert_eq!(front[1].1.set, ["x=1", "f=3", tail]);
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        for (from, to, words) in [
            ("schema: 1", "schema: 9", "schema 9"),
            (r#"name: "a""#, r#"name: "a/b""#, "`a/b` is no name"),
            (r#"name: "blind""#, r#"name: "learned""#, "another policy's name"),
            (r#"name: "blind""#, r#"name: "..""#, "`..` is no name"),
            ("paths: 2", "paths: 0", "paths"),
            (r#"(name: "off"), (name: "on", set: ["q=1", "r=1"])"#, "", "0 combinations"),
            ("attackers: 1", "attackers: 0", "attackers"),
            ("budget_blocks: 10", "budget_blocks: 0", "budget_blocks"),
            ("worlds: 1", "worlds: 0", "worlds"),
            ("hours: 1.0", "hours: -1.0", "head_start_hours"),
            ("[500, 6000]", "[]", "0 budgets"),
            ("[500, 6000]", "[6000, 500]", "ascend"),
            ("[500, 6000]", "[0, 500]", "above 0"),
            (r#"name: "blind""#, r#"name: "budget_500""#, "another policy's name"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let rejected = read(&TEXT.replacen(from, to, 1)).expect_err(to);
            let said: Vec<String> = rejected.places().into_iter().map(|p| p.message).collect();
            assert!(said.iter().any(|m| m.contains(words)), "{to}: {said:?}");
            assert!(rejected.places().iter().all(|p| p.line > 0), "{to}");
        }
    }
}
