//! What came of an experiment: the answer first, and what it depends on.

use super::front::{self, Point};
use super::{Expectation, Experiment};
use crate::evaluate::Statics;
use crate::exploit;
use crate::report::{Comparison, Report, estimate, short};
use crate::shift;
use crate::stats::Estimate;
use agents::attack::Goal;
use serde::{Deserialize, Serialize};

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The experiment, as it was written.
    pub experiment: Experiment,
    /// The scenario's hash, overrides applied.
    pub scenario_hash: String,
    /// The static searches.
    pub statics: Statics,
    /// All policies on all groups of worlds.
    pub report: Report,
    /// Learned against best static in every place of the grid.
    pub grid: Vec<Spot>,
    /// What attackers reached against each policy, by its name.
    pub exploited: Vec<(String, exploit::report::Report)>,
    /// Learned and static under each budget.
    #[serde(default)]
    pub front: Vec<Point>,
}

/// A place of the grid.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spot {
    /// The value of each axis.
    pub values: Vec<String>,
    /// Learned less best static there; neither was adapted to it.
    pub against_static: Comparison,
}

impl Spot {
    const fn difference(&self) -> &Estimate {
        &self.against_static.difference_usd
    }
}

/// Learned against best static, on one set of worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The whole interval lies above zero, and the difference matters.
    Wins,
    /// Zero lies within the interval, or the difference does not matter.
    Ties,
    /// The whole interval lies below zero, and the difference matters.
    Loses,
}

impl Verdict {
    /// Of a difference of the objective, of which `least_usd` matters.
    #[must_use]
    pub fn of(difference: &Estimate, least_usd: f64) -> Self {
        if difference.low > 0.0 && difference.mean >= least_usd {
            Self::Wins
        } else if difference.high < 0.0 && -difference.mean >= least_usd {
            Self::Loses
        } else {
            Self::Ties
        }
    }
    const fn word(self) -> &'static str {
        match self {
            Self::Wins => "wins",
            Self::Ties => "is not told apart",
            Self::Loses => "loses",
        }
    }
}

impl Outcome {
    /// The comparison that was named beforehand; `None` where best static is no baseline.
    #[must_use]
    pub fn primary(&self) -> Option<&Comparison> {
        self.report.comparisons.iter().find(|c| c.primary)
    }

    fn verdict(&self, difference: &Estimate) -> Verdict {
        Verdict::of(difference, self.experiment.least_usd)
    }

    /// In how many places of the grid the mean difference matters and has the sign of the primary comparison.
    #[must_use]
    pub fn same_sign(&self) -> Option<usize> {
        let sign = self.primary()?.difference_usd.mean.signum();
        let same = |mean: f64| mean * sign > 0.0 && mean.abs() >= self.experiment.least_usd;
        Some(self.grid.iter().filter(|spot| same(spot.difference().mean)).count())
    }

    /// Whether learned wins on the primary endpoint, and nowhere on the grid has the other sign.
    #[must_use]
    pub fn win_counts(&self) -> bool {
        self.primary().is_some_and(|c| self.verdict(&c.difference_usd) == Verdict::Wins)
            && self.same_sign() == Some(self.grid.len())
    }

    /// For people.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!("# {}\n\n{}\n\n", self.experiment.name, self.experiment.question);
        text += match self.experiment.expect {
            Expectation::Learned => "Expected beforehand: learning wins.\n\n",
            Expectation::Static => {
                "Expected beforehand: parameters that do not move are as good or better.\n\n"
            }
            Expectation::Open => "Nothing was expected beforehand.\n\n",
        };
        text += &self.answer();
        text += &self.report.tables();
        text += &self.differences();
        text += &shift::to_markdown(&self.report.shifts);
        text += &self.grid_table();
        text += &self.exploit_table();
        text += &front::to_markdown(&self.front);
        text += "## Facts\n\n";
        for (name, value) in &self.report.facts {
            text += &format!("- {name}: {value}\n");
        }
        text += &format!("- scenario hash: {}\n", self.scenario_hash);
        text
    }

    /// The answer, in two sentences.
    fn answer(&self) -> String {
        let Some(primary) = self.primary() else {
            return "Best static is no baseline here: there is no answer.\n\n".to_owned();
        };
        let verdict = self.verdict(&primary.difference_usd);
        let mut text = format!("**Learned {}.** {}\n\n", verdict.word(), primary.sentence);
        if self.grid.is_empty() {
            return text;
        }
        let (same, all) = (self.same_sign().unwrap_or(0), self.grid.len());
        text += &format!("The difference has this sign in {same} of {all} places of the grid");
        text += match (verdict, same == all) {
            (Verdict::Wins, true) => ": the win counts.\n\n",
            (Verdict::Wins, false) => ": the win does not count; what it depends on is below.\n\n",
            _ => ".\n\n",
        };
        text
    }

    fn differences(&self) -> String {
        let mut text =
            "## Learned less the others\n\n| worlds | policy | less | USD per episode | p | \
                        detectable |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for c in &self.report.comparisons {
            let primary = if c.primary { " (primary)" } else { "" };
            text += &format!(
                "| {} | {} | {}{primary} | {} | {:.3} | {} |\n",
                c.group,
                c.policy,
                c.against,
                estimate(&c.difference_usd),
                c.p_value,
                short(c.detectable_usd)
            );
        }
        text + "\n95 % intervals over training seeds and paths; p-values but the primary one's are \
                adjusted by Holm.\n\n"
    }

    fn grid_table(&self) -> String {
        let Some(grid) = &self.experiment.grid else { return String::new() };
        let names: Vec<&str> = grid.axes.iter().map(|a| a.name.as_str()).collect();
        let mut text = format!(
            "## Grid\n\nLearned less best static, USD per episode, {} unseen worlds in each place; \
             neither was adapted to it.\n\n| {} | difference | learned |\n|{}---|---|\n",
            grid.paths,
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for spot in &self.grid {
            text += &format!(
                "| {} | {} | {} |\n",
                spot.values.join(" | "),
                estimate(spot.difference()),
                self.verdict(spot.difference()).word()
            );
        }
        text += "\n| | | difference above zero | mean |\n|---|---|---|---|\n";
        for (i, axis) in grid.axes.iter().enumerate() {
            for value in &axis.values {
                let means: Vec<f64> = self
                    .grid
                    .iter()
                    .filter(|s| s.values[i] == value.name)
                    .map(|s| s.difference().mean)
                    .collect();
                let above = means.iter().filter(|m| **m > 0.0).count();
                let mean = short(crate::stats::mean(&means));
                let (axis, value, all) = (&axis.name, &value.name, means.len());
                text += &format!("| {axis} | {value} | {above} of {all} | {mean} |\n");
            }
        }
        text.push('\n');
        text
    }

    fn exploit_table(&self) -> String {
        let Some((_, first)) = self.exploited.first() else { return String::new() };
        let mut text = "## Attackers made for the kept seed of each\n\nThe protocol's largest loss, USD \
                        per episode; of each kind the attackers of all seeds together. A lower bound.\n\n| policy |"
            .to_owned();
        for row in &first.rows {
            text += &format!(" {}{} |", row.assailant, made_for(row.goal));
        }
        text += &format!(" control found |\n|---|{}---|\n", "---|".repeat(first.rows.len()));
        for (name, report) in &self.exploited {
            text += &format!("| {name} |");
            for row in &report.rows {
                text += &format!(" {} |", estimate(&row.loss_usd));
            }
            let shares = report.controls.iter().filter_map(exploit::report::Control::share);
            let most = shares.reduce(f64::max);
            let most = most.map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
            text += &format!(" {most} |\n");
        }
        text += &format!(
            "\nWhat the {} blocks of each attacker bought: how far the best of a kind had got by then, on the worlds \
             that choose among its own, and whether the second half added less than a twentieth for every one of \
             them; and its profit on the unseen worlds.\n\n| policy | attacker | after a quarter | half | all | \
             settled | profit, USD per episode |\n|---|---|---|---|---|---|---|\n",
            first.budget.blocks
        );
        for (name, report) in &self.exploited {
            for row in report.rows.iter().filter(|row| !row.curves.is_empty()) {
                let by = |share| row.reached_usd(share).map_or("–".to_owned(), short);
                text += &format!(
                    "| {name} | {}{} × {} | {} | {} | {} | {} | {} |\n",
                    row.assailant,
                    made_for(row.goal),
                    row.seeds,
                    by(0.25),
                    by(0.5),
                    by(1.0),
                    if row.plateau == Some(true) { "yes" } else { "no" },
                    estimate(&row.profit_usd)
                );
            }
        }
        text.push('\n');
        text
    }
}

const fn made_for(goal: Option<Goal>) -> &'static str {
    match goal {
        None => "",
        Some(Goal::Profit) => ", for profit",
        Some(Goal::Loss) => ", for loss",
        Some(Goal::Ruin) => ", for ruin",
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Grid, Variant};
    use super::*;
    use crate::report::{BEST_STATIC, LEARNED};

    fn comparison(primary: bool, mean: f64) -> Comparison {
        Comparison {
            group: "fresh".to_owned(),
            policy: LEARNED.to_owned(),
            against: BEST_STATIC.to_owned(),
            difference_usd: Estimate { mean, low: mean - 1.0, high: mean + 1.0 },
            better: mean > 1.0,
            primary,
            p_value: 0.5,
            detectable_usd: 1.0,
            sentence: format!("{mean}"),
        }
    }

    fn outcome(primary: f64, grid: [f64; 2]) -> Outcome {
        let value = |name: &str| Variant { name: name.to_owned(), set: Vec::new() };
        let axes = vec![Axis { name: "depth".into(), values: vec![value("low"), value("high")] }];
        let spot = |(name, mean): (&str, f64)| Spot {
            values: vec![name.to_owned()],
            against_static: comparison(false, mean),
        };
        Outcome {
            experiment: Experiment {
                schema: 1,
                name: "e".into(),
                question: "Which?".into(),
                expect: Expectation::Static,
                least_usd: 0.4,
                scenario: "s.ron".into(),
                set: Vec::new(),
                search_blocks: None,
                ablations: Vec::new(),
                grid: Some(Grid { paths: 1, axes }),
                exploit: None,
                front: None,
            },
            scenario_hash: String::new(),
            statics: Statics::default(),
            report: Report {
                scenario: String::new(),
                scenario_hash: String::new(),
                facts: Vec::new(),
                rows: Vec::new(),
                comparisons: vec![comparison(true, primary)],
                shifts: Vec::new(),
            },
            grid: ["low", "high"].into_iter().zip(grid).map(spot).collect(),
            exploited: Vec::new(),
            front: Vec::new(),
        }
    }

    #[test]
    fn a_win_counts_only_where_its_sign_holds_everywhere() {
        let counts = outcome(5.0, [0.5, 9.0]);
        assert!(
            counts.win_counts()
                && counts.to_markdown().contains("2 of 2 places of the grid: the win counts")
        );
        let depends = outcome(5.0, [-0.5, 9.0]);
        assert!(!depends.win_counts());
        let text = depends.to_markdown();
        assert!(text.contains("1 of 2 places of the grid: the win does not count"), "{text}");
        assert!(
            text.contains("| depth | low | 0 of 1 |") && text.contains("| depth | high | 1 of 1 |")
        );
        let trifle = outcome(5.0, [0.3, 9.0]);
        assert_eq!((trifle.same_sign(), trifle.win_counts()), (Some(1), false));
        let tie = outcome(0.5, [3.0, 3.0]);
        assert!(!tie.win_counts() && tie.to_markdown().contains("Learned is not told apart"));
        let loss = outcome(-5.0, [-3.0, 3.0]);
        assert!(!loss.win_counts() && loss.to_markdown().contains("Learned loses"));
        assert_eq!(loss.same_sign(), Some(1));
    }
}
