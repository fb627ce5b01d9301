//! Draws profit against size of the recorded attacks, spot beside TWAP: the pictures and the table of
//! `docs/attacks.md`. Every point is the attack executed as transactions on a fresh chain.
//!
//! `make plots`, which is `cargo run -p sim --example attack_plots`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    dead_code,
    missing_docs,
    reason = "nobody imports an example, and it shares its market with the tests"
)]

mod curves;
mod market;
mod picture;

use curves::Plotted;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands around the table in the page.
const MARKS: [&str; 2] = ["<!-- table: made by `make plots` -->\n", "<!-- end of table -->\n"];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// Every file and its text.
fn generated() -> Vec<(PathBuf, String)> {
    let markets = curves::all();
    let page = docs().join("attacks.md");
    let text = fs::read_to_string(&page).expect("docs/attacks.md");
    let picture = |market: &Plotted| {
        let file = docs().join(format!("images/attacks/{}.svg", market.id));
        (file, picture::svg(market).expect("a text takes a picture"))
    };
    let table: String = markets.iter().map(picture::row).collect();
    let mut files: Vec<_> = markets.iter().map(picture).collect();
    files.push((page, with_table(&text, &format!("{}{table}", picture::HEAD))));
    files
}

/// The page with another table.
fn with_table(page: &str, table: &str) -> String {
    let [open, close] = MARKS;
    let (before, rest) = page.split_once(open).expect("the page has a place for the table");
    let (_, after) = rest.split_once(close).expect("the table's place ends");
    format!("{before}{open}{table}{close}{after}")
}

fn main() {
    fs::create_dir_all(docs().join("images/attacks")).expect("a folder for the pictures");
    for (file, text) in generated() {
        fs::write(&file, text).expect("the docs can be written");
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_docs_show_what_the_chain_does() {
        for (file, text) in super::generated() {
            let stored = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(stored == text, "{} is old: `make plots`", file.display());
        }
    }
}
