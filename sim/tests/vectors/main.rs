//! Replays what the real contracts' bytecode did, through `Chain::execute`, to the wei.
//!
//! Files come from `tests/vectors/` (compact copies; provenance in its README), Compound's from
//! `shared/data/vectors` in a folder above the checkout, or, where `BALLAST_VECTORS` names a folder, all
//! of them from there. A file belongs to the family that its header names; further files of a known
//! family replay without a change here. Every family prints how many cases and steps were equal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and nobody imports it"
)]

mod compound;
mod support;
mod uniswap_v2;
mod uniswap_v3;

use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use support::{Failed, Mismatch};

/// How a family is replayed: the header and a case; how many steps were equal, or the first that was
/// not.
type Replay = fn(header: &Value, case: &Value) -> Result<usize, Failed>;

/// Every family: its name, where its files live, and how it is replayed. Each becomes a row of `FAMILIES`
/// and a test of its name.
macro_rules! families {
    ($($name:ident: $home:ident, $replay:path;)*) => {
        const FAMILIES: &[(&str, Home, Replay)] =
            &[$((stringify!($name), Home::$home, $replay)),*];
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*
    };
}

families! {
    compound_v2: Shared, compound::replay;
    compound_v2_rates: Shared, compound::replay_rates;
    uniswap_v2_pair: Project, uniswap_v2::pair;
    uniswap_v2_quotes: Project, uniswap_v2::quote;
    uniswap_v3_math: Project, uniswap_v3::math;
    uniswap_v3_pool: Project, uniswap_v3::pool;
}

/// Where the vectors of a family are when `BALLAST_VECTORS` is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// `tests/vectors/` of the project.
    Project,
    /// Only `shared/data/vectors` above the checkout: not ours to copy.
    Shared,
}

/// The project's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the project")
}

/// The folder that a person named.
fn named_folder() -> Option<PathBuf> {
    std::env::var_os("BALLAST_VECTORS").map(PathBuf::from)
}

/// Where a family's files are looked for; none where there is no such folder.
fn folder(home: Home) -> Option<PathBuf> {
    if let Some(folder) = named_folder() {
        assert!(folder.is_dir(), "BALLAST_VECTORS={}: no such folder", folder.display());
        return Some(folder);
    }
    match home {
        Home::Project => Some(root().join("tests/vectors")),
        Home::Shared => {
            root().ancestors().map(|up| up.join("shared/data/vectors")).find(|f| f.is_dir())
        }
    }
}

/// The vector files of a folder that mention `word`, in order of name.
fn files(folder: &Path, word: &str) -> Vec<(PathBuf, Value)> {
    let listed = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a folder lists its files").path());
    let mut paths: Vec<_> = listed.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    paths.sort();
    paths
        .into_iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mentioned = text.contains(word);
            let file: Value = mentioned.then(|| {
                serde_json::from_str(&text)
                    .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            })?;
            Some((path, file))
        })
        .filter(|(_, file)| file["format"] == "ballast-evm-vectors/1")
        .collect()
}

/// Prints past the test runner's capture: these figures are what the test is run for.
fn say(line: &str) {
    writeln!(std::io::stderr().lock(), "{line}").expect("standard error takes a line");
}

/// Replays every file of a family.
fn replay(family: &str) {
    let (name, home, replay) =
        FAMILIES.iter().find(|(name, ..)| *name == family).expect("a family of the table");
    let Some(folder) = folder(*home) else {
        say(&format!(
            "SKIPPED {name}: its vectors are not part of the project, and no folder above it holds \
             shared/data/vectors; name one with BALLAST_VECTORS"
        ));
        return;
    };
    let (mut cases, mut equal_cases, mut steps) = (0, 0, 0);
    for (path, file) in files(&folder, name) {
        if file["family"] != *name {
            continue;
        }
        for (index, case) in file["cases"].as_array().expect("cases are a list").iter().enumerate()
        {
            cases += 1;
            match replay(&file, case) {
                Ok(equal) => {
                    steps += equal;
                    equal_cases += 1;
                }
                Err(Failed { step, mismatch: Mismatch { field, expected, got } }) => {
                    steps += step;
                    let id = case["id"].as_str().map_or_else(|| index.to_string(), str::to_owned);
                    let op = &case["steps"][step]["op"];
                    say(&format!(
                        "MISMATCH {} {name} case {id} step {step} {op} field {field}: expected \
                         {expected}, got {got}",
                        path.display()
                    ));
                }
            }
        }
    }
    if cases == 0 && named_folder().is_some() {
        say(&format!("{name}: no file of this family in {}", folder.display()));
        return;
    }
    say(&format!("{name}: {equal_cases} of {cases} cases equal, {steps} steps"));
    assert!(cases > 0, "no vectors of {name} in {}", folder.display());
    assert_eq!(equal_cases, cases, "{name}: see the mismatches above");
}

/// A file that no family would replay is an error, not a file that passed.
#[test]
fn every_file_belongs_to_a_family() {
    let project = [Home::Project, Home::Shared].into_iter().filter_map(folder);
    for (path, file) in project.flat_map(|folder| files(&folder, "ballast-evm-vectors")) {
        let known = FAMILIES.iter().any(|(name, ..)| file["family"] == *name);
        assert!(known, "{}: unknown family {}", path.display(), file["family"]);
    }
}
