//! Positions that exist before the first block: a snapshot of accounts, read from CSV and entered by
//! real transactions.
//!
//! [`Snapshot::read`] reads the file and reports everything that is wrong with it, each with its line.
//! `place` supplies and borrows for every account through `Chain::execute`; what the market refuses is
//! reported with the line that asked for it.

mod place;
mod tokens;

pub(crate) use place::{Placing, place};
pub use tokens::Tokens;

use crate::problem::{Problem, Source, nearest};
use agents::scripted::borrower::BorrowerConfig;
use serde::{Deserialize, Serialize};
use sim::chain::CONTRACT;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A snapshot of positions in a scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionsSpec {
    /// Name: begins the names of its accounts.
    pub name: String,
    /// The file, relative to the scenario: columns `account,asset,collateral,debt` in any order.
    pub csv: String,
    /// What becomes of an account that owes more than LTV lets it borrow at the scenario's prices.
    #[serde(default)]
    pub above_ltv: AboveLtv,
    /// Who tends the accounts.
    #[serde(default)]
    pub behaviour: Tending,
}

/// What becomes of an account that owes more than LTV lets it borrow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AboveLtv {
    /// The file is refused, with the line.
    #[default]
    Refuse,
    /// It enters as it stands, under water too, as long as its collateral is worth more than its debt:
    /// its loan was made at other prices. The market's parameters hold from the first block on.
    Keep,
}

/// Who tends the accounts of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Tending {
    /// Nobody: they stand until they are liquidated.
    #[default]
    Passive,
    /// Accounts with one collateral and one debt go on as borrowers of this cohort; the others are
    /// passive. `collateral`, `debt` and `count` of the cohort do not count: the file has them.
    Borrowers(Box<BorrowerConfig>),
}

/// What one account has in one reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in the file, from 1.
    pub line: usize,
    /// The account.
    pub account: String,
    /// The reserve's asset.
    pub asset: String,
    /// Supplied.
    pub collateral: Tokens,
    /// Borrowed.
    pub debt: Tokens,
    at: (usize, usize),
}

/// A file of positions.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its rows, in the order of the file.
    pub rows: Vec<Row>,
    /// Hash of the file, in hexadecimal.
    pub file_hash: String,
    source: Source,
}

/// The columns of a file, in the order in which they are kept.
const COLUMNS: [&str; 4] = ["account", "asset", "collateral", "debt"];
/// A file is bigger than this by mistake.
const MOST_BYTES: u64 = 256 << 20;
/// More problems than this are not listed one by one.
const MOST_PROBLEMS: usize = 50;

impl Snapshot {
    /// Reads a file; `listed` are the assets of the market. Lines that begin with `#` are comments.
    ///
    /// # Errors
    /// Everything that is wrong with it, or one sentence where it cannot be read at all.
    pub fn read(path: &Path, listed: &[&str]) -> Result<Self, Vec<Problem>> {
        let name = path.display().to_string();
        let whole = |message: String, help: &str| {
            let source = Source { name: name.clone(), text: Arc::default() };
            vec![source.problem(None, format!("{name}: {message}"), Some(help.to_owned()))]
        };
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        if size > MOST_BYTES {
            return Err(whole(
                format!("{size} bytes: a snapshot has at most {MOST_BYTES}"),
                "keep the accounts with debt",
            ));
        }
        let bytes = std::fs::read(path).map_err(|error| {
            whole(
                format!("cannot read the positions: {error}"),
                "files of positions are named relative to the scenario file",
            )
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|error| whole(error.to_string(), "save the file as UTF-8"))?;
        Self::parse(&name, text, listed)
    }

    /// As [`Snapshot::read`], for a text; `name` is the file's.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(name: &str, text: String, listed: &[&str]) -> Result<Self, Vec<Problem>> {
        let source = Source { name: name.to_owned(), text: Arc::new(text) };
        let file_hash = blake3::hash(source.text.as_bytes()).to_hex().to_string();
        let mut reading = Reading { source: &source, listed, problems: Vec::new() };
        let rows = reading.rows();
        let mut problems = reading.problems;
        if problems.is_empty() {
            Ok(Self { rows, file_hash, source })
        } else {
            let more = problems.len().saturating_sub(MOST_PROBLEMS);
            problems.truncate(MOST_PROBLEMS);
            if more > 0 {
                let message = format!("{name}: {more} more problems of this kind");
                problems.push(source.problem(None, message, None));
            }
            Err(problems)
        }
    }

    /// A problem with one of the rows.
    pub(crate) fn problem(&self, row: usize, message: String, help: String) -> Problem {
        let Some(row) = self.rows.get(row) else {
            return self.source.problem(None, message, Some(help));
        };
        self.source.problem(Some(row.at.0..row.at.1), message, Some(help))
    }
}

/// A file being read.
struct Reading<'a> {
    source: &'a Source,
    listed: &'a [&'a str],
    problems: Vec<Problem>,
}

impl Reading<'_> {
    fn refuse(&mut self, at: Range<usize>, message: String, help: impl Into<String>) {
        self.problems.push(self.source.problem(Some(at), message, Some(help.into())));
    }

    fn rows(&mut self) -> Vec<Row> {
        let text = Arc::clone(&self.source.text);
        let mut columns: Option<[usize; 4]> = None;
        let mut rows: Vec<Row> = Vec::new();
        let mut seen = std::collections::BTreeMap::new();
        let mut start = 0;
        for (i, whole) in text.split_inclusive('\n').enumerate() {
            let written = whole.trim_start_matches('\u{feff}').trim();
            let from = start + whole.find(written).unwrap_or(0);
            let at = from..from + written.len();
            start += whole.len();
            if written.is_empty() || written.starts_with('#') {
                continue;
            }
            let cells: Vec<&str> = written.split(',').map(bare).collect();
            let Some(columns) = columns else {
                match self.header(&cells, at) {
                    Some(found) => columns = Some(found),
                    None => return rows,
                }
                continue;
            };
            if let Some(row) = self.row(&cells, columns, i + 1, at) {
                let key = (row.account.clone(), row.asset.clone());
                if let Some(first) = seen.insert(key, row.line) {
                    let message = format!(
                        "account \"{}\" has {} on line {first} already",
                        row.account, row.asset
                    );
                    self.refuse(row.at.0..row.at.1, message, "add the two up in one row");
                }
                rows.push(row);
            }
        }
        let header = "write `account,asset,collateral,debt` and a row for each account and asset";
        if columns.is_none() {
            self.refuse(0..0, "the file is empty".to_owned(), header);
        } else if rows.is_empty() && self.problems.is_empty() {
            self.refuse(0..0, "no position".to_owned(), header);
        }
        rows
    }

    /// Where the columns are.
    fn header(&mut self, cells: &[&str], at: Range<usize>) -> Option<[usize; 4]> {
        let cells: Vec<String> = cells.iter().map(|cell| cell.to_ascii_lowercase()).collect();
        let mut columns = [0; 4];
        let before = self.problems.len();
        for (column, name) in columns.iter_mut().zip(COLUMNS) {
            let mut found = cells.iter().enumerate().filter(|(_, cell)| *cell == name);
            match (found.next(), found.next()) {
                (Some((i, _)), None) => *column = i,
                (Some(_), Some(_)) => {
                    let message = format!("column `{name}` appears twice");
                    self.refuse(at.clone(), message, "keep one of the two");
                }
                (None, _) => {
                    let near = nearest(name, cells.iter().map(String::as_str));
                    let near = near.map_or_else(String::new, |n| format!(" (`{n}` is near)"));
                    self.refuse(
                        at.clone(),
                        format!("no column `{name}`{near}"),
                        "the first line names the columns: account, asset, collateral, debt, in any \
                         order; further columns are left alone",
                    );
                }
            }
        }
        (self.problems.len() == before).then_some(columns)
    }

    fn row(
        &mut self,
        cells: &[&str],
        [account, asset, collateral, debt]: [usize; 4],
        line: usize,
        at: Range<usize>,
    ) -> Option<Row> {
        let before = self.problems.len();
        let cell = |i: usize| cells.get(i).copied().unwrap_or("");
        let most = [account, asset, collateral, debt].into_iter().max().unwrap_or(0);
        if cells.len() <= most {
            let message = format!("{} cells; the header names more", cells.len());
            self.refuse(at, message, "write a cell for every column, empty for none");
            return None;
        }
        if cell(account).ends_with(CONTRACT) {
            let message = format!("\"{}\" would be another account's contract", cell(account));
            self.refuse(at.clone(), message, "choose a name that does not end so");
        }
        if cell(account).is_empty() {
            self.refuse(at.clone(), "no account".to_owned(), "name the account, any name will do");
        }
        if !self.listed.contains(&cell(asset)) {
            let mut help = nearest(cell(asset), self.listed.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean \"{near}\"? "));
            help += &format!("the market lists {}", self.listed.join(", "));
            self.refuse(at.clone(), format!("unknown asset \"{}\"", cell(asset)), help);
        }
        let mut amount = |name: &str, text: &str| match Tokens::parse(text) {
            Ok(tokens) => tokens,
            Err(reason) => {
                let help = "write whole tokens as a number, 12.5 or 1.25e1; leave empty for none";
                self.refuse(at.clone(), format!("`{name}` {reason}"), help);
                Tokens::ZERO
            }
        };
        let collateral = amount("collateral", cell(collateral));
        let debt = amount("debt", cell(debt));
        if self.problems.len() == before && collateral.is_zero() && debt.is_zero() {
            self.refuse(at.clone(), "neither collateral nor debt".to_owned(), "drop the row");
        }
        (self.problems.len() == before).then(|| Row {
            line,
            account: cell(account).to_owned(),
            asset: cell(asset).to_owned(),
            collateral,
            debt,
            at: (at.start, at.end),
        })
    }
}

/// A cell without blanks and quotes around it.
fn bare(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('"').and_then(|c| c.strip_suffix('"')).unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Snapshot, Vec<Problem>> {
        Snapshot::parse("p.csv", text.to_owned(), &["WETH", "USDC"])
    }

    #[test]
    fn columns_may_stand_in_any_order_and_an_account_on_several_lines() {
        let text = "\u{feff}# from a snapshot\nDebt, extra,account,collateral,asset\n\
                    ,x,0xab,2.5,WETH\n\n1500.000001,y,0xab,,USDC\n0, z ,\"0xcd\",1e3,USDC\n";
        let snapshot = parse(text).expect("sound");
        let rows: Vec<_> =
            snapshot.rows.iter().map(|r| (r.line, r.account.as_str(), r.asset.as_str())).collect();
        assert_eq!(rows, [(3, "0xab", "WETH"), (5, "0xab", "USDC"), (6, "0xcd", "USDC")]);
        let amounts: Vec<_> = snapshot
            .rows
            .iter()
            .map(|r| [r.collateral, r.debt].map(|t| t.amount(6).expect("fits").to_f64()))
            .collect();
        assert_eq!(amounts, [[2.5e6, 0.0], [0.0, 1_500_000_001.0], [1e9, 0.0]]);
    }

    #[test]
    fn every_problem_is_reported_with_its_line() {
        let text = "account,asset,collateral,debt\nA,WETHH,1,0\nB,WETH,-1,0\n,WETH,1,0\nC,WETH,1\n\
                    D,WETH,x,0\nE,WETH,0,0\nF,WETH,1,0\nF,WETH,2,0\nG/contract,WETH,1,0\n";
        let problems = parse(text).expect_err("refused");
        let found: Vec<_> =
            problems.iter().map(|p| (p.place().line, p.place().message.as_str())).collect();
        assert_eq!(
            found,
            [
                (2, "unknown asset \"WETHH\""),
                (3, "`collateral` is -1: it must not be negative"),
                (4, "no account"),
                (5, "3 cells; the header names more"),
                (6, "`collateral` is `x`, no number"),
                (7, "neither collateral nor debt"),
                (9, "account \"F\" has WETH on line 8 already"),
                (10, "\"G/contract\" would be another account's contract"),
            ]
        );
        let help = problems[0].place().help.clone().unwrap_or_default();
        assert!(help.contains("did you mean \"WETH\"") && help.contains("USDC"), "{help}");
    }

    #[test]
    fn a_header_that_lacks_a_column_and_an_empty_file_are_refused() {
        let problems = parse("account,asset,colateral,debt\n").expect_err("refused");
        assert_eq!(problems[0].place().line, 1);
        assert!(
            problems[0].place().message.contains("no column `collateral` (`colateral` is near)")
        );
        for text in ["", "# nothing\n", "account,asset,collateral,debt\n"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
