//! The comparison: every policy on the same worlds, with intervals that cover training seeds and
//! paths, and one plain sentence about learned against static.

use crate::shift::{self, Shift};
use crate::stats::{
    Estimate, crossed_bootstrap, detectable, holm, interquartile_mean, interval, mean,
    mean_difference, p_value, resampled_differences,
};
use crate::totals::{COLUMNS, Column, TAILS, Totals};
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
    /// How bad the bad paths are: one per column of the tails that has enough paths.
    pub tails: Vec<Cell>,
    /// Mean objective of each training seed, in USD per episode.
    pub by_seed_usd: Vec<f64>,
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
    /// The one comparison that was named before anything was played: on the scenario's first group, against
    /// the best static parameters. All others are explorative.
    pub primary: bool,
    /// Chance of a difference as far from zero; of those that are not primary adjusted by Holm (1979).
    pub p_value: f64,
    /// The least true difference that would be told from zero at 5 % four times in five, in USD.
    pub detectable_usd: f64,
    /// The plain sentence.
    pub sentence: String,
}

impl Comparison {
    /// Whether this is learned, all seeds of it, against the best static parameters.
    fn judges_learning(&self) -> bool {
        self.policy == LEARNED && self.against == BEST_STATIC
    }
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
    /// Every policy in worlds that training never sees, against fresh ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
}

/// Names the policy whose differences are reported.
pub const LEARNED: &str = "learned";
/// Names the one of the learned policies that training kept.
pub const KEPT: &str = "learned, the kept seed";
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
        let objective =
            |row: &[Totals]| mean(&row.iter().map(|t| t.objective_usd).collect::<Vec<_>>());
        let mut rows = Vec::new();
        let mut comparisons = Vec::new();
        for group in groups {
            for entry in &group.entries {
                let cell = |column: &Column| {
                    let values: Vec<Vec<f64>> = entry
                        .totals
                        .iter()
                        .map(|row| row.iter().map(column.value).collect())
                        .collect();
                    let of = |v: &[f64]| column.statistic.of(v);
                    let estimate = crossed_bootstrap(&values, resamples, seed, of);
                    Cell { column: column.key.to_owned(), estimate }
                };
                let paths: usize = entry.totals.iter().map(Vec::len).sum();
                let enough = |column: &&Column| paths >= column.statistic.least_paths();
                rows.push(Row {
                    group: group.group.clone(),
                    policy: entry.policy.clone(),
                    seeds: entry.totals.len(),
                    paths: entry.totals.first().map_or(0, Vec::len),
                    cells: COLUMNS.iter().map(cell).collect(),
                    tails: TAILS.iter().filter(enough).map(cell).collect(),
                    by_seed_usd: entry.totals.iter().map(|row| objective(row)).collect(),
                });
            }
            let Some(judged) = group.entries.iter().find(|e| e.policy == LEARNED) else { continue };
            let of = |name: &'static str| group.entries.iter().filter(move |e| e.policy == name);
            for other in group.entries.iter().filter(|e| e.policy != LEARNED) {
                comparisons.push(compare(&group.group, judged, other, resamples, seed));
            }
            for (kept, fixed) in of(KEPT).zip(of(BEST_STATIC)) {
                comparisons.push(compare(&group.group, kept, fixed, resamples, seed));
            }
        }
        if let Some(first) = groups.first() {
            let first = first.group.as_str();
            for comparison in &mut comparisons {
                comparison.primary = comparison.group == first && comparison.judges_learning();
            }
        }
        let others = || comparisons.iter().filter(|c| !c.primary).map(|c| c.p_value);
        let adjusted = holm(&others().collect::<Vec<_>>());
        for (comparison, p) in comparisons.iter_mut().filter(|c| !c.primary).zip(adjusted) {
            comparison.p_value = p;
        }
        Self {
            scenario: scenario.to_owned(),
            scenario_hash: scenario_hash.to_owned(),
            facts,
            rows,
            comparisons,
            shifts: Vec::new(),
        }
    }

    /// Whether the learned policy beats the best static one in every group; `None` where the two were
    /// not compared.
    #[must_use]
    pub fn better_than_static(&self) -> Option<bool> {
        let mut held = self.comparisons.iter().filter(|c| c.judges_learning()).peekable();
        held.peek()?;
        Some(held.all(|c| c.better))
    }

    /// All figures of every group's policies, how bad the bad paths are, and what each training seed came to.
    #[must_use]
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        let mut line = |t: String| {
            text += &t;
            text.push('\n');
        };
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
            let rows = || self.rows.iter().filter(|r| r.group == group);
            let shown = |column: &&Column| {
                rows().any(|row| row.tails.iter().any(|cell| cell.column == column.key))
            };
            let columns: Vec<&Column> = TAILS.iter().filter(shown).collect();
            let titles: Vec<&str> = columns.iter().map(|c| c.title).collect();
            line(format!("| the worst paths | {} |", titles.join(" | ")));
            line(format!("|---|{}", "---|".repeat(columns.len())));
            for row in rows() {
                let text = |column: &&Column| {
                    let found = row.tails.iter().find(|cell| cell.column == column.key);
                    found.map_or_else(String::new, cell)
                };
                let cells: Vec<String> = columns.iter().map(text).collect();
                line(format!("| {} | {} |", row.policy, cells.join(" | ")));
            }
            line(String::new());
            for row in rows() {
                row.by_seed().into_iter().for_each(&mut line);
            }
        }
        text
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
        line(self.tables().trim_end().to_owned() + "\n");
        line("## Differences of the objective\n".to_owned());
        for comparison in &self.comparisons {
            line(format!("- {}", comparison.sentence));
        }
        if !self.comparisons.is_empty() {
            line(
                "\nThe primary endpoint, named before anything was played, is the objective on the \
                 first group against the best static parameters; p-values of the others are adjusted \
                 by Holm. Detectable: the least true difference that as many paths would tell from \
                 zero at 5 % four times in five.\n"
                    .to_owned(),
            );
            line("| group | against | | p | detectable USD per episode |".to_owned());
            line("|---|---|---|---|---|".to_owned());
            for c in &self.comparisons {
                let role = if c.primary { "primary" } else { "" };
                let detectable = short(c.detectable_usd);
                let p =
                    if c.p_value < 0.001 { "< 0.001".into() } else { format!("{:.3}", c.p_value) };
                line(format!("| {} | {} | {role} | {p} | {detectable} |", c.group, c.against));
            }
        }
        line(format!("\n{}## Facts\n", shift::to_markdown(&self.shifts)));
        for (name, value) in &self.facts {
            line(format!("- {name}: {value}"));
        }
        line(format!("- scenario hash: {}", self.scenario_hash));
        text
    }
}

impl Row {
    /// The objective of each training seed from the worst to the best, where there are several, and its
    /// interquartile mean over seeds: one bad seed in ten moves the mean and not this.
    fn by_seed(&self) -> Option<String> {
        let mut sorted = self.by_seed_usd.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let list: Vec<String> = sorted.iter().map(|usd| short(*usd)).collect();
        let middle = short(interquartile_mean(&sorted));
        (list.len() > 1).then(|| {
            format!(
                "Objective of {} by training seed: {}; interquartile mean {middle}.\n",
                self.policy,
                list.join(", ")
            )
        })
    }
}

fn cell(cell: &Cell) -> String {
    estimate(&cell.estimate)
}

/// A figure and its interval: `12.3k [11.0k, 13.4k]`.
pub(crate) fn estimate(estimate: &Estimate) -> String {
    let Estimate { mean, low, high } = estimate;
    format!("{} [{}, {}]", short(*mean), short(*low), short(*high))
}

/// Three digits or so: `-166.8M`, `12.3k`, `512`, `0.4`.
pub(crate) fn short(value: f64) -> String {
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
    let objectives = |entry: &Entry| -> Vec<Vec<f64>> {
        let row = |totals: &Vec<Totals>| totals.iter().map(|t| t.objective_usd).collect();
        entry.totals.iter().map(row).collect()
    };
    let (ours, theirs) = (objectives(judged), objectives(other));
    let paths = theirs.first().map_or(0, Vec::len);
    let outcomes = resampled_differences(&ours, &theirs, resamples, seed);
    let difference = interval(mean_difference(&ours.concat(), &theirs.concat(), paths), &outcomes);
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
        primary: false,
        p_value: p_value(&outcomes),
        detectable_usd: detectable(&outcomes),
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
        let kept = GroupResult {
            group: "fresh".into(),
            about: String::new(),
            entries: vec![entry(LEARNED, 3, -5.0), entry(KEPT, 1, 5.0), entry(BEST_STATIC, 1, 0.0)],
        };
        let with_kept = Report::build("t", "h", Vec::new(), &[kept], 500, 1);
        let held: Vec<(&str, &str, bool, bool)> = with_kept
            .comparisons
            .iter()
            .map(|c| (c.policy.as_str(), c.against.as_str(), c.better, c.primary))
            .collect();
        let expected = [
            (LEARNED, KEPT, false, false),
            (LEARNED, BEST_STATIC, false, true),
            (KEPT, BEST_STATIC, true, false),
        ];
        assert_eq!(held, expected);
        // It is the learned policies as a whole that are judged.
        assert_eq!(with_kept.better_than_static(), Some(false));
        let [primary, same] = report.comparisons.as_slice() else {
            panic!("two comparisons");
        };
        assert!(primary.primary && primary.p_value < 0.01 && !same.primary && same.p_value > 0.9);
        assert!(report.to_markdown().contains("| fresh | best static | primary | "));
        assert_eq!(report.rows[0].by_seed_usd, [555.0; 3]);
        let text = "Objective of learned by training seed: 555, 555, 555; interquartile mean 555.";
        assert!(report.to_markdown().contains(text) && report.rows[1].by_seed().is_none());
        // Ten thousand paths are needed for the worst hundredth.
        assert!(report.rows[0].tails.iter().all(|cell| cell.column != "bad_debt_cvar99_usd"));
        assert!(
            report.to_markdown().contains("| the worst paths | P(bad debt) | bad debt VaR95 |")
        );
    }
}
