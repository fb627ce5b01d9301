//! Tries every fault that cargo-mutants knows, in minutes: a copy of the tree with all of them in it, each
//! behind a switch, is built once; what each test comes by is recorded; and each fault then meets only the
//! tests that come by it, the fastest first, its own crate's before those of `sim` and `agents`.
//!
//!     mutants [--seconds N] [--jobs N] [--again] [--without PACKAGE] [AREA[:FILE]…]
//!
//! AREA is markets, protocols or chain (`sim::chain`); all three where none is named. Seconds are those of the
//! processor, so that a busy machine lets nothing pass for slow. `--seconds` bounds what each fault is given of
//! tests (60; the fastest test is always run); a test has four times its usual time and three seconds. The
//! tests of `--without` are not run.
//! Everything lies below target/mutants. `results.jsonl` goes on where it stopped: a fault keeps its result as
//! long as its file is the same and the test that noticed is there, and `--again` tries anew what survived. A
//! survivor that docs/mutants-argued.txt does not name is an error.
//!
//! Run it in the folder of the tree. Called by cargo as RUSTC_WORKSPACE_WRAPPER, it is a compiler's wrapper.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

mod instrument;
mod report;
mod tree;
mod trial;

/// A fault as `cargo mutants --list --json` has it.
#[derive(Clone, Debug, Deserialize)]
struct Fault {
    name: String,
    file: String,
    genre: String,
    replacement: String,
    span: FaultSpan,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct FaultSpan {
    start: Place,
    end: Place,
}

#[derive(Clone, Copy, Debug, Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

/// Areas, the packages they are of, and their folders.
const AREAS: [(&str, &str, &str); 3] = [
    ("markets", "markets", "markets/src"),
    ("protocols", "protocols", "protocols/src"),
    ("chain", "sim", "sim/src/chain"),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if std::env::var_os("MUTANTS_WRAPPER").is_some() {
        return wrap(&args);
    }
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("mutants: {error:#}");
            ExitCode::from(70)
        }
    }
}

/// A compiler that lets faults pass: their arithmetic may overflow where it is constant.
fn wrap(args: &[String]) -> ExitCode {
    let mut command = Command::new(&args[0]);
    command.args(&args[1..]).args(["-Aarithmetic_overflow", "-Aunconditional_panic"]);
    command.args(["-Aunconditional_recursion", "-Awarnings"]);
    if args.windows(2).any(|w| w == ["--crate-name", "switch"]) {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = command.status().expect("the compiler runs");
    ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1))
}

struct Job {
    out: PathBuf,
    tree: PathBuf,
    seconds: f64,
    jobs: usize,
    /// Whether survivors of an earlier run are tried again.
    again: bool,
    /// The package whose tests are not run.
    without: Option<String>,
    /// All of them: those that are not asked for are in the copy too, which is so built once.
    faults: Vec<Fault>,
    /// What is asked for: a folder, and the end of a file's name.
    chosen: Vec<(&'static str, String)>,
    /// Faults that do not compile, or have no place in such a copy, by name.
    excluded: BTreeSet<String>,
    /// Of this run: ids that are not in the copy.
    absent: BTreeSet<u32>,
}

fn run(args: &[String]) -> Result<ExitCode> {
    let mut chosen = Vec::new();
    let (mut seconds, mut jobs, mut again, mut without) = (60.0, 2, false, None);
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let mut value = || rest.next().with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--seconds" => seconds = value()?.parse().context("--seconds")?,
            "--again" => again = true,
            "--without" => without = Some(value()?.clone()),
            "--jobs" => jobs = value()?.parse().context("--jobs")?,
            other => {
                let (area, file) = other.split_once(':').unwrap_or((other, ""));
                let Some((_, _, folder)) = AREAS.iter().find(|(name, ..)| *name == area) else {
                    bail!("no area {other} (markets, protocols, chain; one file: markets:FILE)")
                };
                chosen.push((*folder, file.to_owned()));
            }
        }
    }
    ensure!(jobs > 0, "--jobs must be at least 1");
    if chosen.is_empty() {
        chosen = AREAS.map(|(_, _, folder)| (folder, String::new())).to_vec();
    }
    fs::create_dir_all("target/mutants")?;
    let out = fs::canonicalize("target/mutants")?;
    let mut job = Job {
        tree: out.join("tree"),
        faults: list()?,
        chosen,
        excluded: lines(&out.join("excluded.txt")).collect(),
        absent: BTreeSet::new(),
        out,
        seconds,
        jobs,
        again,
        without,
    };
    let asked = job.faults.iter().filter(|f| job.asked(f)).count();
    ensure!(asked > 0, "no fault lies in what is asked for");
    println!("{asked} faults of {}", job.faults.len());
    job.copy()?;
    job.check()?;
    let binaries = job.build()?;
    let covered = job.cover(&binaries)?;
    let tried = job.try_all(&covered)?;
    job.report(&tried)
}

impl Job {
    /// Whether a fault lies in what is asked for.
    fn asked(&self, fault: &Fault) -> bool {
        let within = |(folder, file): &(&str, String)| {
            fault.file.starts_with(folder) && fault.file.ends_with(file)
        };
        self.chosen.iter().any(within)
    }
}

fn lines(path: &Path) -> impl Iterator<Item = String> + use<> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn list() -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for (_, package, folder) in AREAS {
        let output = Command::new("cargo")
            .args(["mutants", "--list", "--json", "--package", package])
            .args(["--file", &format!("{folder}/**")])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "cargo mutants --list failed");
        let some: Vec<Fault> = serde_json::from_slice(&output.stdout)?;
        // cargo-mutants lists deleted fields whatever it is asked for.
        faults.extend(some.into_iter().filter(|f| f.file.starts_with(folder)));
    }
    Ok(faults)
}
