//! What the documentation says of the tree is so: paths exist, quoted lines are there, every recorded family
//! has its place.

use std::fs;
use std::path::{Path, PathBuf};

/// Pages whose paths are checked.
const PAGES: [&str; 3] =
    ["docs/adding-a-mechanism.md", "docs/fidelity.md", "docs/learner-evidence.md"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {}", path.display()))
}

/// What stands between backticks on one line and looks like a path of the tree.
fn paths_in(text: &str) -> Vec<&str> {
    let quoted = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |word: &&str| word.contains('/') && !word.contains([' ', '=', ':', '@']);
    quoted.filter(is_path).collect()
}

/// Whether a path names a file or a folder; a module without its ending may be either.
fn exists(path: &str) -> bool {
    root().join(path).exists() || root().join(format!("{path}.rs")).exists()
}

/// The files that a page quotes, each with its lines: a line that is nothing but a path, and the block of Rust
/// below it.
fn quotations(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut found = Vec::new();
    let mut lines = page.lines().filter(|line| !line.is_empty());
    let mut above = "";
    while let Some(line) = lines.next() {
        if line == "```rust" {
            found.push((
                above.trim_matches('`'),
                lines.by_ref().take_while(|l| *l != "```").collect(),
            ));
        }
        above = line;
    }
    found
}

/// The first of `lines` that `text` does not hold, in this order and each as a whole line.
fn missing<'a>(text: &str, lines: &[&'a str]) -> Option<&'a str> {
    let mut rest = text.lines();
    lines.iter().find(|wanted| !rest.by_ref().any(|line| line == **wanted)).copied()
}

#[test]
fn every_path_that_a_page_names_exists() {
    for page in PAGES {
        let text = read(page);
        let paths = paths_in(&text);
        assert!(paths.len() > 10, "{page}: only {} paths found", paths.len());
        for path in paths {
            assert!(exists(path), "{page} names `{path}`, which does not exist");
        }
    }
}

#[test]
fn the_worked_example_is_in_the_tree() {
    let page = read("docs/adding-a-mechanism.md");
    let quotations = quotations(&page);
    assert!(quotations.len() >= 8, "only {} quotations found", quotations.len());
    for (file, lines) in &quotations {
        let gone = missing(&read(file), lines);
        assert_eq!(gone, None, "docs/adding-a-mechanism.md quotes a line that is not in {file}");
    }
    assert!(page.lines().count() < 150, "the page is no longer one page");
}

#[test]
fn a_quotation_that_is_not_there_is_found() {
    let page = "Text.\n\n`a/b.rs`\n\n```rust\n    one\n    two\n```\n";
    assert_eq!(quotations(page), [("a/b.rs", vec!["    one", "    two"])]);
    assert_eq!(paths_in(page), ["a/b.rs"]);
    assert_eq!(missing("    one\n    other\n    two\n", &["    one", "    two"]), None);
    assert_eq!(missing("    two\n    one\n", &["    one", "    two"]), Some("    two"));
    assert_eq!(missing("    one more\n", &["    one"]), Some("    one"));
}

#[test]
fn every_recorded_family_is_in_the_record() {
    let harness = read("sim/tests/it/vectors/families.rs");
    let table = harness.split("\nfamilies! {").nth(1).and_then(|rest| rest.split('}').next());
    let table = table.expect("the harness lists its families in `families! { … }`");
    let families: Vec<&str> =
        table.lines().filter_map(|line| line.trim().split_once(':')).map(|f| f.0).collect();
    assert!(families.len() >= 6, "{families:?}");
    let record = read("docs/fidelity.md");
    for family in families {
        assert!(record.contains(&format!("`{family}`")), "docs/fidelity.md lacks `{family}`");
    }
}
