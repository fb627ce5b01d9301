//! `ballast incidents`: incidents of the past, simulated beside what was recorded.

use crate::output::{Failure, Output, Verdict};
use rayon::prelude::*;
use scenarios::incident::{Measured, Replayed, replay};
use scenarios::problem::Rejected;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Options of `incidents`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Incident files; all of `--dir` where none is named.
    files: Vec<PathBuf>,
    /// Folder of incident files.
    #[arg(long, default_value = "scenarios/library/incidents")]
    dir: PathBuf,
    /// Print tables in Markdown, as `docs/incidents.md` has them.
    #[arg(long)]
    markdown: bool,
    /// Override a value of every file: `--set stage.block_secs=13`. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Plays all files before failing, and prints them in the order of their dates.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let files = if args.files.is_empty() { list(&args.dir)? } else { args.files.clone() };
    let played: Vec<Result<Replayed, Rejected>> =
        files.par_iter().map(|path| replay(path, &args.set)).collect();
    let (mut sound, mut rejected) = (Vec::new(), Vec::new());
    for one in played {
        match one {
            Ok(one) => sound.push(one),
            Err(error) => rejected.push(error),
        }
    }
    if !rejected.is_empty() {
        return Err(Failure::Rejected(rejected));
    }
    sound.sort_by(|a, b| {
        let key = |x: &Replayed| (x.incident.stage.start_utc.clone(), x.incident.id.clone());
        key(a).cmp(&key(b))
    });
    let value: Vec<_> = sound.iter().map(facts).collect();
    output.result(&json!({"incidents": value}), || {
        let show = if args.markdown { markdown } else { text };
        sound.iter().map(show).collect()
    });
    // A model may miss; a reproduction that is off is a mechanism that is wrong.
    let off = sound.iter().flat_map(|played| &played.figures).any(|f| f.reproduced == Some(false));
    Ok(if off { Verdict::No } else { Verdict::Yes })
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(dir).map_err(|error| {
        Failure::Message(format!("{}: {error}; name a folder with --dir", dir.display()))
    })?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "ron"))
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(Failure::Message(format!("{}: no incident file (*.ron)", dir.display())));
    }
    Ok(files)
}

fn facts(played: &Replayed) -> serde_json::Value {
    json!({
        "id": played.incident.id,
        "name": played.incident.name,
        "file": played.path,
        "hash": played.hash,
        "book": played.book,
        "start_utc": played.incident.stage.start_utc,
        "sources": played.incident.sources,
        "figures": played.figures,
    })
}

fn text(played: &Replayed) -> String {
    let incident = &played.incident;
    let mut text = format!(
        "{}  {}  ({}, file {}, book {})\n",
        &incident.stage.start_utc[..10.min(incident.stage.start_utc.len())],
        incident.name,
        incident.id,
        &played.hash[..12],
        &played.book[..12]
    );
    text += &format!(
        "  {:<34} {:>16} {:>16} {:>8}  {:<14} confidence\n",
        "figure", "recorded", "simulated", "ratio", "tests"
    );
    for one in &played.figures {
        let figure = &one.figure;
        let tests = verdict(one);
        text += &format!(
            "  {:<34} {:>16} {:>16} {:>8}  {:<14} {:.2}\n",
            format!("{} ({})", figure.name, figure.unit),
            figure.recorded.map_or_else(|| "-".to_owned(), number),
            number(one.simulated),
            one.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.4}")),
            tests,
            figure.confidence,
        );
        let swept =
            one.swept.map(|(low, high)| format!("swept {} to {}", number(low), number(high)));
        let null = one.null.map(|null| format!("null {}{}", number(null), against_null(one)));
        let beside: Vec<String> = swept.into_iter().chain(null).collect();
        if !beside.is_empty() {
            text += &format!("    {}\n", beside.join("; "));
        }
        if !figure.note.is_empty() {
            text += &format!("    {}\n", figure.note);
        }
    }
    text + "\n"
}

/// What a figure tests, and whether a reproduction is as near as it must be.
const fn verdict(one: &Measured) -> &'static str {
    match one.reproduced {
        Some(true) => "mechanisms",
        Some(false) => "mechanisms: OFF",
        None => "a model",
    }
}

/// Whether a scored figure is nearer to the record than the null; the null may be nothing at all.
fn against_null(one: &Measured) -> &'static str {
    match (one.beats_null(), one.null) {
        (Some(true), Some(0.0)) => "; nearer than the null, which has nothing",
        (Some(true), _) => "; nearer than the null",
        (Some(false), _) => "; no nearer than the null",
        (None, _) => "",
    }
}

/// An incident as a section of a Markdown page.
fn markdown(played: &Replayed) -> String {
    let incident = &played.incident;
    let date = &incident.stage.start_utc[..10.min(incident.stage.start_utc.len())];
    let mut text = format!("### {date} `{}`: {}\n\n", incident.id, incident.name);
    text += "| figure | recorded | confidence | simulated | ratio | tests | swept; null |\n";
    text += "|---|---|---|---|---|---|---|\n";
    for one in &played.figures {
        let figure = &one.figure;
        let ratio = one.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.4}"));
        let tests = verdict(one);
        let swept = one.swept.map(|(low, high)| format!("{} to {}", number(low), number(high)));
        let null = one.null.map(|null| format!("{}{}", number(null), against_null(one)));
        let beside = swept.into_iter().chain(null).collect::<Vec<_>>().join("; ");
        text += &format!(
            "| {} ({}) | {} | {:.2} | {} | {ratio} | {tests} | {beside} |\n",
            figure.name,
            figure.unit,
            figure.recorded.map_or_else(|| "-".to_owned(), number),
            figure.confidence,
            number(one.simulated),
        );
    }
    for one in played.figures.iter().filter(|one| !one.figure.note.is_empty()) {
        text += &format!("\n*{}*: {}.", one.figure.name, one.figure.note);
    }
    text.trim_end().to_owned() + "\n\n"
}

/// A number with as many digits as people compare.
fn number(x: f64) -> String {
    if x.abs() >= 1e7 { format!("{x:.0}") } else { format!("{x:.6}") }
}
