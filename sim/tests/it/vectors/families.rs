//! The families of vectors: where their files are, how each is replayed, what a replay executed.

use super::support::{Failed, Mismatch, say};
use super::trace::{self, Case};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How a family is replayed: the header and a case; how many steps were equal, or the first that was
/// not.
type Replay = fn(header: &Value, case: &Value) -> Result<usize, Failed>;

/// A family of vectors.
pub struct Family {
    pub name: &'static str,
    pub home: Home,
    replay: Replay,
}

/// Where the vectors of a family are when `BALLAST_VECTORS` is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// `tests/vectors/` of the project.
    Project,
    /// Only `shared/data/vectors` above the checkout: not ours to copy.
    Shared,
}

/// Every family: its name, where its files live, and how it is replayed. Each becomes a row of `FAMILIES`
/// and a test of its name.
macro_rules! families {
    ($($name:ident: $home:ident, $replay:path;)*) => {
        /// Every family.
        pub const FAMILIES: &[Family] = &[$(Family {
            name: stringify!($name),
            home: Home::$home,
            replay: $replay,
        }),*];
        $(#[test]
        fn $name() {
            replays_equal(stringify!($name));
        })*
    };
}

families! {
    aave_v36_liquidation: Project, super::aave::market_v36;
    aave_v36_pool: Project, super::aave::market_v36;
    aave_v3_liquidation: Project, super::aave::market_v302;
    aave_v3_math: Project, super::aave::math;
    aave_v3_pool: Project, super::aave::market_v302;
    aave_v3_rates: Project, super::aave::rates;
    attack_spot_oracle: Project, super::attack::replay;
    attack_twap_oracle: Project, super::attack::replay;
    compound_v2: Shared, super::compound::replay;
    compound_v2_rates: Shared, super::compound::replay_rates;
    uniswap_v2_pair: Project, super::uniswap_v2::pair;
    uniswap_v2_quotes: Project, super::uniswap_v2::quote;
    uniswap_v3_math: Project, super::uniswap_v3::math;
    uniswap_v3_pool: Project, super::uniswap_v3::pool;
}

/// The project's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the project")
}

/// The folder that a person named.
#[allow(clippy::disallowed_methods, reason = "a test is told by its environment where to look")]
pub fn named_folder() -> Option<PathBuf> {
    std::env::var_os("BALLAST_VECTORS").map(PathBuf::from)
}

/// Where a family's files are looked for; none where there is no such folder.
pub fn folder(home: Home) -> Option<PathBuf> {
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
pub fn files(folder: &Path, word: &str) -> Vec<(PathBuf, Value)> {
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

/// Replays every file of a family, and says how many cases and steps were equal.
fn replays_equal(family: &str) {
    let family = FAMILIES.iter().find(|known| known.name == family).expect("a family of the table");
    let name = family.name;
    let Some(folder) = folder(family.home) else {
        say(&format!(
            "SKIPPED {name}: its vectors are not part of the project, and no folder above it holds \
             shared/data/vectors; name one with BALLAST_VECTORS"
        ));
        return;
    };
    let (mut cases, mut equal_cases, mut steps) = (0, 0, 0);
    for (path, file) in files(&folder, name) {
        for (index, case) in family.cases(&file).enumerate() {
            cases += 1;
            match (family.replay)(&file, case) {
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

impl Family {
    /// The cases of a file, none where it is another family's.
    fn cases<'a>(&self, file: &'a Value) -> impl Iterator<Item = &'a Value> {
        let own = file["family"] == *self.name;
        let cases = file["cases"].as_array().expect("cases are a list");
        cases.iter().filter(move |_| own)
    }
}

/// What the replays of a folder's every file executed, case by case, in order of file and case. The richest
/// folder there is: the one that a person named, `shared/data/vectors`, or the project's own copies.
pub fn recorded() -> Vec<Case> {
    let folder =
        folder(Home::Shared).or_else(|| folder(Home::Project)).expect("a folder of vectors");
    let mut cases = Vec::new();
    for (_, file) in files(&folder, "ballast-evm-vectors") {
        for family in FAMILIES {
            for case in family.cases(&file) {
                cases.extend(trace::record(family.name, || (family.replay)(&file, case)));
            }
        }
    }
    cases
}
