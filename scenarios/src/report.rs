//! The comparison: every policy on the same worlds, with intervals that cover training seeds and
//! paths, and one plain sentence about learned against static.

use crate::stats::{Estimate, crossed_bootstrap, mean};
use crate::totals::{COLUMNS, Totals};
use serde::{Deserialize, Serialize};

/// What a policy did on a group of worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The policy.
    pub policy: String,
    /// Its totals, `[training seed][path]`; one row where nothing was trained.
    pub totals: Vec<Vec<Totals>>,
}

/// All policies on one group of worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupResult {
    /// The group: `fresh`, or a test window's name.
    pub group: String,
    /// What the group is, in a sentence.
    pub about: String,
    /// One per policy; the learned one first where there is one.
    pub entries: Vec<Entry>,
}

/// A policy's figure in a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Column's key.
    pub column: String,
    /// Figure and 95 % interval.
    pub estimate: Estimate,
}

/// A row of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The group.
    pub group: String,
    /// The policy.
    pub policy: String,
    /// Training seeds.
    pub seeds: usize,
    /// Paths.
    pub paths: usize,
    /// One per column.
    pub cells: Vec<Cell>,
}

/// Learned less another policy, world by world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The group.
    pub group: String,
    /// The policy judged.
    pub policy: String,
    /// The policy it is held against.
    pub against: String,
    /// Difference of the objective, in USD per episode, with its 95 % interval.
    pub difference_usd: Estimate,
    /// Whether the whole interval lies above zero.
    pub better: bool,
    /// The plain sentence.
    pub sentence: String,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// Its hash.
    pub scenario_hash: String,
    /// Facts that belong beside the table: budgets, seeds, date ranges.
    pub facts: Vec<(String, String)>,
    /// One per group and policy.
    pub rows: Vec<Row>,
    /// Learned against the others.
    pub comparisons: Vec<Comparison>,
}

/// Names the policy whose differences are reported.
pub const LEARNED: &str = "learned";
/// Names the best constant parameters found on training paths.
pub const BEST_STATIC: &str = "best static";

impl Report {
    /// Sums up groups; `resamples` and `seed` address the bootstrap.
    #[must_use]
    pub fn build(
        scenario: &str,
        scenario_hash: &str,
        facts: Vec<(String, String)>,
        groups: &[GroupResult],
        resamples: u32,
        seed: u64,
    ) -> Self {
        let mut rows = Vec::new();
        let mut comparisons = Vec::new();
        for group in groups {
            for entry in &group.entries {
                let cells = COLUMNS.iter().map(|column| {
                    let values: Vec<Vec<f64>> = entry
                        .totals
                        .iter()
                        .map(|row| row.iter().map(column.value).collect())
                        .collect();
                    let of = |v: &[f64]| column.statistic.of(v);
                    let estimate = crossed_bootstrap(&values, resamples, seed, of);
                    Cell { column: column.key.to_owned(), estimate }
                });
                rows.push(Row {
                    group: group.group.clone(),
                    policy: entry.policy.clone(),
                    seeds: entry.totals.len(),
                    paths: entry.totals.first().map_or(0, Vec::len),
                    cells: cells.collect(),
                });
            }
            let Some(judged) = group.entries.iter().find(|e| e.policy == LEARNED) else { continue };
            for other in group.entries.iter().filter(|e| e.policy != LEARNED) {
                comparisons.push(compare(&group.group, judged, other, resamples, seed));
            }
        }
        Self {
            scenario: scenario.to_owned(),
            scenario_hash: scenario_hash.to_owned(),
            facts,
            rows,
            comparisons,
        }
    }

    /// Whether the learned policy beats the best static one in every group; `None` where the two were
    /// not compared.
    #[must_use]
    pub fn better_than_static(&self) -> Option<bool> {
        let mut held = self.comparisons.iter().filter(|c| c.against == BEST_STATIC).peekable();
        held.peek()?;
        Some(held.all(|c| c.better))
    }

    /// The report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n\n", self.scenario);
        let mut line = |t: String| {
            text += &t;
            text.push('\n');
        };
        for comparison in self.comparisons.iter().filter(|c| c.against == BEST_STATIC) {
            line(format!("**{}**\n", comparison.sentence));
        }
        line(
            "USD per episode; 95 % intervals over training seeds and paths \
              in brackets; every policy plays the same worlds.\n"
                .to_owned(),
        );
        let mut groups: Vec<&str> = self.rows.iter().map(|r| r.group.as_str()).collect();
        groups.dedup();
        for group in groups {
            line(format!("## {group}\n"));
            let titles: Vec<&str> = COLUMNS.iter().map(|c| c.title).collect();
            line(format!("| policy | n | {} |", titles.join(" | ")));
            line(format!("|---|---|{}", "---|".repeat(COLUMNS.len())));
            for row in self.rows.iter().filter(|r| r.group == group) {
                let cells: Vec<String> = row.cells.iter().map(cell).collect();
                let n = format!("{}×{}", row.seeds, row.paths);
                line(format!("| {} | {n} | {} |", row.policy, cells.join(" | ")));
            }
            line(String::new());
        }
        line("## Differences of the objective\n".to_owned());
        for comparison in &self.comparisons {
            line(format!("- {}", comparison.sentence));
        }
        line("\n## Facts\n".to_owned());
        for (name, value) in &self.facts {
            line(format!("- {name}: {value}"));
        }
        line(format!("- scenario hash: {}", self.scenario_hash));
        text
    }
}

fn cell(cell: &Cell) -> String {
    let Estimate { mean, low, high } = cell.estimate;
    format!("{} [{}, {}]", short(mean), short(low), short(high))
}

/// Three digits or so: `-166.8M`, `12.3k`, `512`, `0.4`.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1e6 {
        format!("{:.1}M", value / 1e6)
    } else if size >= 1e4 {
        format!("{:.1}k", value / 1e3)
    } else if !(0.05..10.0).contains(&size) {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn compare(group: &str, judged: &Entry, other: &Entry, resamples: u32, seed: u64) -> Comparison {
    let objective = |t: &Totals| t.objective_usd;
    // The other policy may have training seeds too: its mean over them, path by path.
    let paths = other.totals.first().map_or(0, Vec::len);
    let reference: Vec<f64> = (0..paths)
        .map(|p| mean(&other.totals.iter().map(|row| objective(&row[p])).collect::<Vec<_>>()))
        .collect();
    let differences: Vec<Vec<f64>> = judged
        .totals
        .iter()
        .map(|row| row.iter().zip(&reference).map(|(t, r)| objective(t) - r).collect())
        .collect();
    let difference = crossed_bootstrap(&differences, resamples, seed, mean);
    let better = difference.low > 0.0;
    let verdict = if better {
        "better than"
    } else if difference.high < 0.0 {
        "worse than"
    } else {
        "no better than"
    };
    let sentence = format!(
        "On {group}, {} is {verdict} {}: {:+.0} USD per episode, 95 % interval {:+.0} to {:+.0} \
         ({} training seeds, {paths} paths).",
        judged.policy,
        other.policy,
        difference.mean,
        difference.low,
        difference.high,
        judged.totals.len(),
    );
    Comparison {
        group: group.to_owned(),
        policy: judged.policy.clone(),
        against: other.policy.clone(),
        difference_usd: difference,
        better,
        sentence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(policy: &str, seeds: usize, shift: f64) -> Entry {
        let totals = (0..seeds)
            .map(|_| {
                (0..12)
                    .map(|p| Totals {
                        objective_usd: f64::from(p) * 100.0 + shift,
                        ..Totals::default()
                    })
                    .collect()
            })
            .collect();
        Entry { policy: policy.to_owned(), totals }
    }

    #[test]
    fn a_paired_difference_sees_through_the_spread_between_worlds() {
        let group = GroupResult {
            group: "fresh".into(),
            about: String::new(),
            entries: vec![
                entry(LEARNED, 3, 5.0),
                entry(BEST_STATIC, 1, 0.0),
                entry("same", 1, 5.0),
            ],
        };
        let report = Report::build("t", "h", Vec::new(), &[group], 500, 1);
        assert_eq!(report.better_than_static(), Some(true));
        assert!(report.comparisons[0].sentence.contains("is better than best static: +5"));
        assert!(report.comparisons[1].sentence.contains("no better than same"));
        assert!(report.to_markdown().contains("| learned | 3×12 |"));
    }
}
