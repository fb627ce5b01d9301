//! Running the binary.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A bundled scenario.
pub(crate) fn library(name: &str) -> PathBuf {
    root().join("scenarios/library").join(format!("{name}.ron"))
}

/// Names of all bundled scenarios, sorted.
pub(crate) fn bundled() -> Vec<String> {
    let entries = fs::read_dir(root().join("scenarios/library")).expect("the library is there");
    let mut names: Vec<String> = entries
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "ron"))
        .filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Runs `ballast` in a folder.
pub(crate) fn ballast(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(args)
        .current_dir(dir)
        .output()
        .expect("the binary starts")
}

/// Runs `ballast --json` and expects success.
pub(crate) fn json(dir: &Path, args: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(args);
    let out = ballast(dir, &all);
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        out.status.success(),
        "{args:?}: {:?}\n{text}\n{}",
        out.status,
        String::from_utf8_lossy(&out.stderr)
    );
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}: {text}"))
}

/// A text with one thing changed; fails where there is nothing to change.
pub(crate) fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "nothing to change: {from}");
    text.replacen(from, to, 1)
}

/// Copies a bundled scenario's price files beside a scenario in `dir`.
pub(crate) fn with_data(dir: &Path) {
    let data = dir.join("data");
    fs::create_dir_all(&data).expect("creates");
    for entry in fs::read_dir(root().join("scenarios/library/data")).expect("data is there") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, data.join(path.file_name().expect("a name"))).expect("copies");
    }
}
