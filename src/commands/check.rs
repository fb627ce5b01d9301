//! `ballast check`: is this scenario, or an incident's stage, sound?

use crate::output::{Failure, Output, Verdict};
use scenarios::assemble::Worlds;
use scenarios::incident;
use scenarios::load::{Loaded, is_incident, load};
use scenarios::problem::Rejected;
use serde_json::json;
use std::path::PathBuf;

/// Options of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario files, or incident files: of these the stage is set and nothing played.
    #[arg(required = true)]
    scenarios: Vec<PathBuf>,
    /// Override a value of the scenario: `--set train.lanes=16`. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

/// Checks all files before failing.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let (mut sound, mut staged, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
    for path in &args.scenarios {
        if is_incident(path) {
            match incident::stage(path, &args.set) {
                Ok((incident, _, _)) => staged.push((path, incident.id)),
                Err(error) => rejected.push(error),
            }
            continue;
        }
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
    let stages: Vec<_> = staged.iter().map(|(path, id)| json!({"file": path, "id": id})).collect();
    output.result(&json!({"scenarios": facts, "stages": stages}), || {
        let stage = |(path, id): &(&PathBuf, String)| {
            format!(
                "{}: the stage of {id} is sound; `ballast incidents` plays it\n",
                path.display()
            )
        };
        sound.iter().map(sentences).chain(staged.iter().map(stage)).collect()
    });
    Ok(Verdict::Yes)
}

/// What there is to say of a sound scenario: its hash, and what it keeps out of training.
fn sentences(loaded: &Loaded) -> String {
    let held_out = loaded.unseen.iter().map(|unseen| {
        format!("  held out of training: {}, {}\n", unseen.held_out.name, unseen.describe())
    });
    let sound = format!("{}: sound ({})\n", loaded.path.display(), &loaded.hash[..16]);
    std::iter::once(sound).chain(held_out).collect()
}

fn facts(loaded: &Loaded) -> serde_json::Value {
    json!({
        "file": loaded.path,
        "name": loaded.scenario.name,
        "hash": loaded.hash,
        "windows": loaded.windows.len(),
        "held_out": scenarios::held_out::worlds_of_card(loaded),
    })
}
