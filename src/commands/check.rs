//! `ballast check`: is this scenario sound?

use crate::output::{Failure, Output, Verdict};
use scenarios::assemble::Worlds;
use scenarios::load::{Loaded, load};
use scenarios::problem::Rejected;
use serde_json::json;
use std::path::PathBuf;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario files.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Override a value of the scenario: `--set train.lanes=16`. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Checks all files before failing.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let mut sound = Vec::new();
    let mut rejected = Vec::new();
    for path in &args.scenarios {
        match load(path, &args.set) {
            Ok(loaded) => match Worlds::new(&loaded) {
                Ok(_) => sound.push(loaded),
                Err(error) => rejected.push(Rejected::whole(
                    path,
                    format!("no world can be built: {error}"),
                    "change what the message names; docs/scenarios.md has every field",
                )),
            },
            Err(error) => rejected.push(error),
        }
    }
    if !rejected.is_empty() {
        return Err(Failure::Rejected(rejected));
    }
    let facts: Vec<_> = sound.iter().map(facts).collect();
    output.result(&json!({"scenarios": facts}), || {
        sound.iter().map(|l| format!("{}: sound ({})\n", l.path.display(), &l.hash[..16])).collect()
    });
    Ok(Verdict::Yes)
}

fn facts(loaded: &Loaded) -> serde_json::Value {
    json!({
        "file": loaded.path,
        "name": loaded.scenario.name,
        "hash": loaded.hash,
        "windows": loaded.windows.len(),
    })
}
