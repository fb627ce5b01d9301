//! What lived, and whether it is argued.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::trial::Tried;
use crate::{Job, lines};

const ARGUED: &str = "docs/mutants-argued.txt";

impl Job {
    pub(crate) fn report(&self, tried: &[Tried]) -> Result<ExitCode> {
        let argued: BTreeSet<String> = lines(Path::new(ARGUED))
            .filter(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()))
            .collect();
        let mut unargued = 0;
        let mut survivors = String::new();
        println!(
            "\n| | faults | not compiled or not switchable | noticed | out of time | survived | of them argued |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (area, folder) in
            [("markets", "markets/"), ("protocols", "protocols/"), ("sim::chain", "sim/")]
        {
            let all: Vec<usize> = (0..self.faults.len())
                .filter(|i| {
                    self.faults[*i].file.starts_with(folder) && self.asked(&self.faults[*i])
                })
                .collect();
            if all.is_empty() {
                continue;
            }
            let absent = all.iter().filter(|i| self.absent.contains(&(**i as u32))).count();
            let here = || tried.iter().filter(|t| t.name.starts_with(folder));
            let ends = |end: &str| here().filter(|t| t.end == end).count();
            let mut known = 0;
            for t in here().filter(|t| t.end == "survived" || t.end == "unreached") {
                if argued.contains(&placeless(&t.name)) {
                    known += 1;
                } else {
                    unargued += 1;
                }
                let cut =
                    if t.left > 0 { format!(" ({} tests left)", t.left) } else { String::new() };
                survivors += &format!(
                    "{}{}{cut}\n",
                    t.name,
                    if t.end == "unreached" { " (unreached)" } else { "" }
                );
            }
            println!(
                "| `{area}` | {} | {absent} | {} | {} | {} | {known} |",
                all.len(),
                ends("noticed"),
                ends("timeout"),
                ends("survived") + ends("unreached"),
            );
        }
        fs::write(self.out.join("survivors.txt"), &survivors)?;
        println!("\ntarget/mutants/survivors.txt names those that lived");
        if unargued > 0 {
            eprintln!("mutants: {unargued} survivors that {ARGUED} does not name");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A fault's name without line and column, which move.
fn placeless(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(fault)) => format!("{file}:{fault}"),
        _ => name.to_owned(),
    }
}
