//! From a file to a checked scenario: overrides, typed parse, semantic checks.

use crate::among;
use crate::assemble;
use crate::check::{self, Files};
use crate::factors::Series;
use crate::held_out::{self, Unseen};
use crate::levels;
use crate::other::{self, Other};
use crate::positions::Snapshot;
use crate::problem::{Problem, Rejected, Source, nearest};
use crate::schema::Scenario;
use crate::tree::{self, Kind, Node};
use crate::windows::Window;
use agents::attack::StoredAttacker;
use agents::scripted::liquidator::mind::Mind;
use ron::error::{Error as RonError, SpannedError};
use ron::extensions::Extensions;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A scenario that passed all checks, with the text and the records that it came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario.
    pub scenario: Scenario,
    /// Its text, overrides applied.
    pub text: Arc<String>,
    /// Where it was read from.
    pub path: PathBuf,
    /// The overrides, as given.
    pub overrides: Vec<String>,
    /// Its recorded windows, in the scenario's order.
    pub windows: Vec<Window>,
    /// Its snapshots of positions, in the scenario's order.
    pub snapshots: Vec<Snapshot>,
    /// Files of its exogenous streams, in the scenario's order; empty for streams without one.
    pub series: Vec<Series>,
    /// Worlds that its training never plays, in the scenario's order.
    pub unseen: Arc<[Unseen]>,
    /// Scenarios whose worlds are drawn among its own, in the scenario's order.
    pub among: Arc<[Self]>,
    /// Who holds the heads that its policy leaves.
    pub other: Option<Other>,
    /// The frozen liquidator that it names.
    pub liquidator: Option<Mind>,
    /// The frozen attacker that it names.
    pub attacker: Option<StoredAttacker>,
    /// Names the scenario: a hash over the text, the price files, the files of positions, that bundle, that liquidator, that attacker and those
    /// scenarios.
    pub hash: String,
}

/// The RON dialect of scenario files: `implicit_some`, so an optional value is written bare.
#[must_use]
pub fn ron_options() -> ron::Options {
    ron::Options::default().with_default_extension(Extensions::IMPLICIT_SOME)
}

/// Reads, overrides, parses and checks a scenario.
///
/// # Errors
/// Everything that is wrong with the file, each with its place and a fix.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Rejected> {
    from_text(path, &read(path)?, overrides)
}

/// As [`load`], without the scenarios that this one names as others among its own: it is one of them.
pub(crate) fn load_alone(path: &Path, overrides: &[String]) -> Result<Loaded, Rejected> {
    of_text(path, &read(path)?, overrides, false)
}

/// The text of a scenario or incident file.
pub(crate) fn read(path: &Path) -> Result<String, Rejected> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let help = match error.kind() {
            ErrorKind::IsADirectory => "name a scenario file, not its folder",
            ErrorKind::NotFound => "check the path; scenarios/library has scenarios to start from",
            _ => "check the path and its permissions",
        };
        return Err(Rejected::whole(path, format!("cannot read the scenario: {error}"), help));
    }
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("more than {MOST_BYTES} bytes: this is no scenario");
        return Err(Rejected::whole(path, message, "name a scenario file, RON in UTF-8"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let sound = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..sound].iter().filter(|b| **b == b'\n').count() + 1;
        let help = "a scenario is RON in UTF-8: save the file in that encoding";
        Rejected::at_line(path, line, "this is no UTF-8 text", help)
    })
}

/// No scenario is longer.
const MOST_BYTES: u64 = 16 << 20;

/// Whether a file is an incident's: it sets a stage. One that cannot be read is not.
#[must_use]
pub fn is_incident(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| sets_stage(&text))
}

fn sets_stage(text: &str) -> bool {
    tree::parse(text).is_ok_and(|root| root.child(text, "stage").is_some())
}

/// What is said of an incident where a scenario is wanted.
fn incident(path: &Path) -> Rejected {
    let file = path.display();
    let message = "this is an incident, not a scenario: it sets a stage and has recorded figures";
    let help = format!(
        "play it with `ballast incidents {file}`, or search it with `ballast attack {file}`"
    );
    Rejected::whole(path, message, help)
}

/// As [`load`], for a text; `path` names it and anchors relative price files.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn from_text(path: &Path, text: &str, overrides: &[String]) -> Result<Loaded, Rejected> {
    of_text(path, text, overrides, true)
}

fn of_text(
    path: &Path,
    text: &str,
    overrides: &[String],
    with_others: bool,
) -> Result<Loaded, Rejected> {
    let file = path.display().to_string();
    if text.trim().is_empty() {
        return Err(Rejected::whole(
            path,
            "the file is empty",
            "a scenario begins `(schema: 1, name: …)`; start from one under scenarios/library",
        ));
    }
    let read = typed::<Scenario>(&file, text, overrides);
    let (source, scenario) =
        read.map_err(|rejected| if sets_stage(text) { incident(path) } else { rejected })?;
    let root = tree::parse(&source.text).ok();
    let base = path.parent().unwrap_or_else(|| Path::new(""));
    let Files { windows, snapshots, series } =
        check::check(&scenario, &source, root.as_ref(), base)
            .map_err(|problems| Rejected { file: file.clone(), problems })?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(source.text.as_bytes());
    for window in &windows {
        hasher.update(window.file_hash.as_bytes());
        for other in &window.others {
            hasher.update(other.file_hash.as_bytes());
        }
    }
    for snapshot in &snapshots {
        hasher.update(snapshot.file_hash.as_bytes());
    }
    for series in &series {
        hasher.update(series.file_hash.as_bytes());
    }
    let mut loaded = Loaded {
        scenario,
        text: Arc::clone(&source.text),
        path: path.to_owned(),
        overrides: overrides.to_vec(),
        windows,
        snapshots,
        series,
        unseen: Arc::new([]),
        among: Arc::new([]),
        other: None,
        liquidator: None,
        attacker: None,
        hash: hasher.finalize().to_hex().to_string(),
    };
    let refused = |path: &str, (message, help): (String, String)| {
        let problems = check::refused(&source, root.as_ref(), path, message, help);
        Rejected { file: file.clone(), problems }
    };
    let unseen = held_out::read(&loaded, &source, root.as_ref());
    loaded.unseen = unseen.map_err(|problems| Rejected { file: file.clone(), problems })?.into();
    for unseen in loaded.unseen.iter() {
        hasher.update(unseen.loaded.hash.as_bytes());
    }
    if let Some(other) =
        other::read(&loaded, base).map_err(|reason| refused("train.other", reason))?
    {
        hasher.update(other.hash.as_bytes());
        loaded.other = Some(other);
    }
    let liquidator = other::liquidator(&loaded, base);
    if let Some((mind, hash)) = liquidator.map_err(|reason| refused("train.liquidator", reason))? {
        hasher.update(hash.as_bytes());
        loaded.liquidator = Some(mind);
    }
    let attacker = other::attacker(&loaded, base);
    if let Some((stored, hash)) = attacker.map_err(|reason| refused("train.attacker", reason))? {
        hasher.update(hash.as_bytes());
        loaded.attacker = Some(stored);
    }
    if with_others {
        let among = among::read(&loaded, base, &source, root.as_ref());
        loaded.among = among.map_err(|problems| Rejected { file: file.clone(), problems })?.into();
        for there in loaded.among.iter() {
            hasher.update(there.hash.as_bytes());
        }
    }
    loaded.hash = hasher.finalize().to_hex().to_string();
    let mut problems = assemble::refused_positions(&loaded);
    problems.extend(levels::refused(&loaded, &source, root.as_ref()));
    if problems.is_empty() { Ok(loaded) } else { Err(Rejected { file, problems }) }
}

/// A text with overrides applied, and what it says.
pub(crate) fn typed<T: DeserializeOwned>(
    file: &str,
    text: &str,
    overrides: &[String],
) -> Result<(Source, T), Rejected> {
    let refuse =
        |problem: Box<Problem>| Rejected { file: file.to_owned(), problems: vec![*problem] };
    let mut text = text.to_owned();
    for one in overrides {
        for one in each_item(&text, one) {
            text = apply::<T>(file, &text, &one).map_err(refuse)?;
        }
    }
    let source = Source { name: file.to_owned(), text: Arc::new(text) };
    let value = parse(&source).map_err(refuse)?;
    Ok((source, value))
}

fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Box<Problem>> {
    ron_options().from_str(&source.text).map_err(|error| Box::new(explain(source, &error)))
}

/// A parse error with its place, what was expected and the nearest alternative.
fn explain(source: &Source, error: &SpannedError) -> Problem {
    let start = source.byte(error.span.start.line, error.span.start.col);
    let end = source.byte(error.span.end.line, error.span.end.col).max(start);
    let mut at = start..end.min(source.text.len());
    let unknown = |found: &str, expected: &[&str]| {
        let list = expected.join(", ");
        match nearest(found, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? Here one of these fits: {list}"),
            None => format!("here one of these fits: {list}"),
        }
    };
    let help = match &error.code {
        RonError::NoSuchStructField { expected, found, .. }
        | RonError::NoSuchEnumVariant { expected, found, .. } => {
            if let Some(exact) = word_near(&source.text, &at, found) {
                at = exact;
            }
            Some(unknown(found, expected))
        }
        RonError::MissingStructField { field, .. } => Some(format!("add `{field}: …` here")),
        RonError::DuplicateStructField { field, .. } => {
            Some(format!("keep one of the two `{field}`"))
        }
        RonError::Eof | RonError::ExpectedStructLikeEnd | RonError::ExpectedArrayEnd => {
            Some("a bracket is not closed; look above this place".to_owned())
        }
        RonError::ExpectedComma if source.text[start..].starts_with('.') => {
            Some("a whole number is needed here".to_owned())
        }
        RonError::ExpectedComma => Some("put a comma between values".to_owned()),
        RonError::IntegerOutOfBounds | RonError::InvalidIntegerDigit { .. } => Some(
            "an integer is needed here, of the size and sign that the field's unit allows; \
             amounts are not negative"
                .to_owned(),
        ),
        RonError::ExpectedInteger => Some("a whole, non-negative number is needed here".to_owned()),
        _ => Some("docs/scenarios.md has every field; names stand before values: `(asset: \"WETH\", beta: 0.7)`".to_owned()),
    };
    source.problem(Some(at), error.code.to_string(), help)
}

/// The bytes of a name on the line where the parser stopped, or shortly before it.
fn word_near(text: &str, at: &Range<usize>, word: &str) -> Option<Range<usize>> {
    let until = (at.end + word.len()).min(text.len());
    let until = (until..=text.len()).find(|i| text.is_char_boundary(*i))?;
    let start = text[..until].rfind(word)?;
    Some(start..start + word.len())
}

/// An override whose path has a step `*`, once for every item of the list there; any other as it is.
fn each_item(text: &str, one: &str) -> Vec<String> {
    let as_it_is = || vec![one.to_owned()];
    let Some((path, value)) = one.split_once('=') else { return as_it_is() };
    let steps: Vec<&str> = path.trim().split('.').collect();
    let Some(star) = steps.iter().position(|step| *step == "*") else { return as_it_is() };
    let Ok(root) = tree::parse(text) else { return as_it_is() };
    let items = match root.descend(text, &steps[..star]) {
        (Node { kind: Kind::Items(items), .. }, found) if found == star && !items.is_empty() => {
            items.len()
        }
        // It leads nowhere, and is refused there.
        _ => return as_it_is(),
    };
    let item = |i: usize| {
        let mut steps: Vec<String> = steps.iter().map(|step| (*step).to_owned()).collect();
        steps[star] = i.to_string();
        format!("{}={value}", steps.join("."))
    };
    (0..items).flat_map(|i| each_item(text, &item(i))).collect()
}

/// Applies one `path=value` to a text.
fn apply<T: DeserializeOwned>(file: &str, text: &str, one: &str) -> Result<String, Box<Problem>> {
    let given = Source { name: format!("--set {one}"), text: Arc::new(one.to_owned()) };
    let refuse = |at: Range<usize>, message: String, help: String| {
        Box::new(given.problem(Some(at), message, Some(help)))
    };
    let parts = one.split_once('=').filter(|(path, _)| !path.trim().is_empty());
    let Some((path, value)) = parts else {
        return Err(refuse(
            0..one.len(),
            "an override is written path=value".to_owned(),
            "for example --set train.lanes=16".to_owned(),
        ));
    };
    let (path, value) = (path.trim(), value.trim());
    let value_at = one.len() - value.len()..one.len();
    if tree::parse(value).is_err() {
        return Err(refuse(
            value_at,
            format!("`{value}` is not a RON value"),
            "write numbers bare, names in quotes (\"WETH\"), variants bare (Guardian)".to_owned(),
        ));
    }
    let root = match tree::parse(text) {
        Ok(root) => root,
        Err(tree::NotRon(byte)) => {
            let source = Source { name: file.to_owned(), text: Arc::new(text.to_owned()) };
            return Err(Box::new(match parse::<T>(&source) {
                Err(problem) => *problem,
                Ok(_) => source.problem(
                    Some(byte..byte),
                    "overrides need plain RON here",
                    Some("edit the file instead".to_owned()),
                ),
            }));
        }
    };
    let steps: Vec<&str> = path.split('.').collect();
    let (node, found) = root.descend(text, &steps);
    let range = if found == steps.len() {
        node.span.clone()
    } else if let (Kind::Fields { end, .. }, 1) = (&node.kind, steps.len() - found) {
        return Ok(insert(text, node, *end, steps[found], value));
    } else {
        let valid = node.steps(text);
        let start: usize = steps[..found].iter().map(|s| s.len() + 1).sum();
        let near = nearest(steps[found], valid.iter().map(String::as_str));
        let mut help = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        if valid.is_empty() {
            help += "the path ends here: this is a plain value";
        } else {
            help += &format!("here one of these fits: {}", valid.join(", "));
        }
        let message = format!("`{}` leads nowhere in {file}", steps[..=found].join("."));
        return Err(refuse(start..start + steps[found].len(), message, help));
    };
    Ok(format!("{}{value}{}", &text[..range.start], &text[range.end..]))
}

/// Adds a field that the text leaves at its default; the typed parse refuses an unknown one.
fn insert(text: &str, node: &Node, end: usize, key: &str, value: &str) -> String {
    let Kind::Fields { fields, .. } = &node.kind else { return text.to_owned() };
    match fields.last() {
        Some(last) => {
            let at = last.node.span.end;
            format!("{}, {key}: {value}{}", &text[..at], &text[at..])
        }
        None => format!("{}{key}: {value}{}", &text[..end], &text[end..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "(schema: 1, train: (lanes: 8, // lanes\n seeds: [1, 2]), assets: [(symbol: \"WETH\", decimals: 18)])";

    #[test]
    fn an_override_replaces_a_value_and_keeps_the_rest() {
        let out = apply::<Scenario>("x", TEXT, "train.lanes=16").expect("applies");
        assert_eq!(out, TEXT.replace("lanes: 8", "lanes: 16"));
        let out = apply::<Scenario>("x", TEXT, "assets.WETH.decimals = 6").expect("applies");
        assert_eq!(out, TEXT.replace("18", "6"));
        let out = apply::<Scenario>("x", TEXT, "train.budget_blocks=5").expect("applies");
        assert!(out.contains("seeds: [1, 2], budget_blocks: 5)"), "{out}");
    }

    #[test]
    fn a_star_is_every_item_of_a_list() {
        let set = |one: &str| {
            each_item(TEXT, one)
                .iter()
                .try_fold(TEXT.to_owned(), |text, one| apply::<Scenario>("x", &text, one))
        };
        assert_eq!(set("train.seeds.*=7").expect("applies"), TEXT.replace("[1, 2]", "[7, 7]"));
        assert_eq!(set("assets.*.decimals = 6").expect("applies"), TEXT.replace("18", "6"));
        for one in ["train.*.a=1", "schema.*=1", "pools.*.fee=1"] {
            assert!(set(one).is_err(), "{one}");
        }
    }

    #[test]
    fn an_override_that_leads_nowhere_lists_what_fits() {
        let problem = apply::<Scenario>("x", TEXT, "train.lanez.a=1").expect_err("refused");
        let help = problem.place().help.clone().unwrap_or_default();
        assert!(help.contains("did you mean `lanes`") && help.contains("seeds"), "{help}");
        let problem = apply::<Scenario>("x", TEXT, "assets.WBTC.decimals=1").expect_err("refused");
        assert!(problem.place().help.clone().unwrap_or_default().contains("WETH"));
        assert!(apply::<Scenario>("x", TEXT, "train.lanes=(1").is_err());
        assert!(apply::<Scenario>("x", TEXT, "train").is_err());
    }
}
