//! A transcript per bundled scenario: the short run's figures and digest. `BALLAST_BLESS=1` rewrites
//! them; a commit that does so says what changed and why.

use crate::support::{bundled, json, library, root};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden").join(format!("{name}.json"))
}

fn transcript(name: &str) -> Value {
    let dir = tempfile::tempdir().expect("a folder");
    let file = library(name);
    let args = ["run", file.to_str().expect("UTF-8"), "--out", "run", "--set", "episode_hours=2"];
    let mut value = json(dir.path(), &args);
    let map = value.as_object_mut().expect("an object");
    // What depends on the machine, or on the text of the scenario's comments.
    for key in ["blocks_per_second", "run", "scenario_hash", "threads"] {
        map.remove(key);
    }
    value
}

#[test]
fn every_bundled_scenario_plays_as_recorded() {
    let bless = std::env::var_os("BALLAST_BLESS").is_some();
    for name in bundled() {
        let now = transcript(&name);
        let path = golden(&name);
        if bless {
            fs::create_dir_all(path.parent().expect("a folder")).expect("creates");
            let text = serde_json::to_string_pretty(&now).expect("JSON") + "\n";
            fs::write(&path, text).expect("writes");
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let recorded: Value = serde_json::from_str(&text).unwrap_or_default();
        assert_eq!(now, recorded, "{name}: not as in {}", path.display());
    }
}

#[test]
fn every_bundled_scenario_has_a_transcript_and_every_transcript_a_scenario() {
    if std::env::var_os("BALLAST_BLESS").is_some() {
        return; // The other test is writing them.
    }
    let mut recorded: Vec<String> = fs::read_dir(root().join("tests/golden"))
        .expect("the goldens are there")
        .filter_map(|e| Some(e.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    recorded.sort();
    assert_eq!(recorded, bundled());
}
