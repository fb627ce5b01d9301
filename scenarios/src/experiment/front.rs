//! The front over budgets: for each budget of the tail of bad debt, what learned and the best static parameters make of
//! borrow usage and revenue, less what that costs borrowers and in changes.

use super::{Experiment, WayToTrain};
use crate::check::Checker;
use crate::report::{BEST_STATIC, Entry, LEARNED, estimate};
use crate::stats::{Estimate, crossed_bootstrap, cvar, mean};
use crate::totals::Totals;
use serde::{Deserialize, Serialize};
use sim::reward::Objective;

/// Confidence level of the tail.
pub const LEVEL: f64 = 0.95;
/// Most budgets.
const MOST_BUDGETS: usize = 64;

/// Budgets, each with a policy trained and static parameters searched under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// CVaR95 of bad debt per episode that is allowed, in whole USD, ascending.
    pub budgets_usd: Vec<u64>,
    /// Overrides of the scenario for every budget, after those of the experiment.
    #[serde(default)]
    pub set: Vec<String>,
}

impl Front {
    /// How a policy is trained under a budget.
    fn arm(&self, budget_usd: u64) -> WayToTrain {
        let tail = format!(
            "train.ppo.tail=Budget(cost: \"bad_debt_usd\", level: {LEVEL:?}, budget: {budget_usd}.0)"
        );
        let set = [self.set.as_slice(), &[tail]].concat();
        WayToTrain { name: format!("budget_{budget_usd}"), set, ..WayToTrain::default() }
    }

    /// Refuses budgets that make no front.
    pub(super) fn check(&self, experiment: &Experiment, checker: &mut Checker<'_>) {
        let (at, budgets) = ("front.budgets_usd", &self.budgets_usd);
        if budgets.is_empty() || budgets.len() > MOST_BUDGETS {
            let message =
                format!("{} budgets, and 1 to {MOST_BUDGETS} can be asked for", budgets.len());
            checker.refuse(at, message, "for example [1000, 10000, 100000]");
        }
        let ascend = budgets.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascend || budgets.first() == Some(&0) {
            let message = "budgets are above 0, and ascend";
            checker.refuse(at, message, "write each once, the smallest first");
        }
        for (i, arm) in experiment.ablations.iter().enumerate() {
            if budgets.iter().any(|budget| self.arm(*budget).name == arm.name) {
                let message = format!("`{}` is another policy's name", arm.name);
                let help = "give every policy a name of its own";
                checker.refuse(&format!("ablations.{i}.name"), message, help);
            }
        }
    }
}

impl Experiment {
    /// What is trained for the front: each budget, and its policy with its name and its overrides.
    #[must_use]
    pub fn front_arms(&self) -> Vec<(u64, WayToTrain)> {
        let Some(front) = &self.front else { return Vec::new() };
        let with = |budget: &u64| {
            let arm = front.arm(*budget);
            (*budget, WayToTrain { set: [self.set.as_slice(), &arm.set].concat(), ..arm })
        };
        front.budgets_usd.iter().map(with).collect()
    }
}

/// Whether a tail keeps a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// The whole interval lies within the budget.
    Yes,
    /// The estimate does, its interval does not.
    OnTheseWorlds,
    /// The estimate does not.
    No,
}

impl Kept {
    /// Of a tail and a budget in USD.
    #[must_use]
    pub fn of(tail_usd: &Estimate, budget_usd: u64) -> Self {
        let budget = budget_usd as f64;
        if tail_usd.mean > budget {
            Self::No
        } else if tail_usd.high > budget {
            Self::OnTheseWorlds
        } else {
            Self::Yes
        }
    }
    const fn word(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::OnTheseWorlds => "on these worlds",
            Self::No => "no",
        }
    }
}

/// What a policy came to under a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Debt outstanding times time, USD · years per episode.
    pub usage_usd_years: Estimate,
    /// What the protocol earned, USD per episode.
    pub revenue_usd: Estimate,
    /// The objective but for bad debt: both as it weighs them, less what borrowers' losses and changes cost, USD per
    /// episode.
    pub value_usd: Estimate,
    /// CVaR95 of bad debt, USD per episode.
    pub tail_usd: Estimate,
    /// Whether that keeps the budget.
    pub kept: Kept,
}

/// A point of the front.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The budget, in USD.
    pub budget_usd: u64,
    /// All training seeds.
    pub learned: Standing,
    /// The best static parameters found under the budget.
    pub fixed: Standing,
    /// What these are, in words.
    pub parameters: String,
    /// Value of learned less that of static, path by path, USD per episode.
    pub difference_usd: Estimate,
}

/// How intervals are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Resampling {
    /// Resamples.
    pub resamples: u32,
    /// Their seed.
    pub seed: u64,
}

impl Point {
    /// Of what learned and static parameters came to on the same worlds.
    #[must_use]
    pub fn new(
        budget_usd: u64,
        [learned, fixed]: [&Entry; 2],
        parameters: String,
        objective: &Objective,
        by: Resampling,
    ) -> Self {
        let value = |t: &Totals| {
            objective.usage_value_per_year * t.borrow_usage_usd_years
                + objective.revenue_weight * t.revenue_usd
                - objective.borrower_loss_price * t.borrower_loss_usd
                - objective.churn_price_usd * t.changes
        };
        let paired = |(row, path): (usize, usize)| {
            // Static parameters have one row, which every seed is held against.
            value(&learned.totals[row][path]) - value(&fixed.totals[0][path])
        };
        let differences: Vec<Vec<f64>> = (0..learned.totals.len())
            .map(|row| (0..learned.totals[row].len()).map(|path| paired((row, path))).collect())
            .collect();
        Self {
            budget_usd,
            learned: standing(budget_usd, learned, value, by),
            fixed: standing(budget_usd, fixed, value, by),
            parameters,
            difference_usd: crossed_bootstrap(&differences, by.resamples, by.seed, mean),
        }
    }

    /// The standings with their policies' names.
    #[must_use]
    pub const fn standings(&self) -> [(&'static str, &Standing); 2] {
        [(LEARNED, &self.learned), (BEST_STATIC, &self.fixed)]
    }
}

fn standing(
    budget_usd: u64,
    entry: &Entry,
    value: impl Fn(&Totals) -> f64,
    by: Resampling,
) -> Standing {
    let of = |figure: &dyn Fn(&Totals) -> f64, statistic: fn(&[f64]) -> f64| {
        let rows: Vec<Vec<f64>> =
            entry.totals.iter().map(|row| row.iter().map(figure).collect()).collect();
        crossed_bootstrap(&rows, by.resamples, by.seed, statistic)
    };
    let tail_usd = of(&|t| t.bad_debt_usd, |values| cvar(values, LEVEL));
    Standing {
        usage_usd_years: of(&|t| t.borrow_usage_usd_years, mean),
        revenue_usd: of(&|t| t.revenue_usd, mean),
        value_usd: of(&value, mean),
        kept: Kept::of(&tail_usd, budget_usd),
        tail_usd,
    }
}

/// The front as a table under a picture; nothing of none.
#[must_use]
pub fn to_markdown(points: &[Point]) -> String {
    if points.is_empty() {
        return String::new();
    }
    let mut text = "## The front over budgets\n\nFor each budget a policy is trained and the best static parameters are \
                    searched under CVaR95 of bad debt ≤ budget; both are judged on the same unseen worlds. Value: \
                    borrow usage and revenue as the objective weighs them, less what borrowers' losses and changes \
                    cost, USD per episode. Kept: *yes* where the whole interval lies within the budget.\n\n![value against the tail](front.svg)\n\n| budget | policy | \
                    borrow usage ($·yr) | revenue | value | bad debt CVaR95 | budget kept |\n|---|---|---|---|---|---|---|\n"
        .to_owned();
    for point in points {
        for (policy, s) in point.standings() {
            let figures = [&s.usage_usd_years, &s.revenue_usd, &s.value_usd, &s.tail_usd];
            let cells: Vec<String> = figures.into_iter().map(estimate).collect();
            let (budget, kept) = (point.budget_usd, s.kept.word());
            text += &format!("| {budget} | {policy} | {} | {kept} |\n", cells.join(" | "));
        }
    }
    text += "\n| budget | value, learned less best static | best static |\n|---|---|---|\n";
    for Point { budget_usd, difference_usd, parameters, .. } in points {
        text += &format!("| {budget_usd} | {} | {parameters} |\n", estimate(difference_usd));
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective {
        usage_value_per_year: 0.5,
        revenue_weight: 2.0,
        bad_debt_price: 0.0,
        borrower_loss_price: 0.25,
        churn_price_usd: 2.0,
        cvar_weight: 0.0,
        cvar_alpha: 0.95,
        cvar_budget_usd: 0.0,
        reward_scale_usd: 1.0,
    };

    fn entry(policy: &str, seeds: usize, usage: f64, worst: f64) -> Entry {
        let one = |path: u32| Totals {
            borrow_usage_usd_years: usage + f64::from(path),
            revenue_usd: 3.0,
            borrower_loss_usd: 8.0,
            changes: 1.5,
            bad_debt_usd: if path == 0 { worst } else { 0.0 },
            ..Totals::default()
        };
        let row = (0..20).map(one).collect::<Vec<_>>();
        Entry { policy: policy.to_owned(), totals: vec![row; seeds] }
    }

    #[test]
    fn a_point_says_what_was_gained_and_whether_the_budget_was_kept() {
        let (learned, fixed) = (entry(LEARNED, 3, 100.0, 800.0), entry(BEST_STATIC, 1, 90.0, 50.0));
        let by = Resampling { resamples: 300, seed: 1 };
        let point = Point::new(500, [&learned, &fixed], "as deployed".to_owned(), &OBJECTIVE, by);
        assert_eq!(point.learned.value_usd.mean, 0.5 * 109.5 + 6.0 - 2.0 - 3.0);
        assert!((point.learned.tail_usd.mean - 800.0).abs() < 1e-9);
        assert_eq!((point.learned.kept, point.fixed.kept), (Kept::No, Kept::Yes));
        // Path by path the difference has no spread.
        assert_eq!(point.difference_usd, Estimate { mean: 5.0, low: 5.0, high: 5.0 });
        let lucky = Estimate { mean: 400.0, low: 0.0, high: 900.0 };
        assert_eq!(Kept::of(&lucky, 500), Kept::OnTheseWorlds);
        let text = to_markdown(&[point]);
        assert!(text.contains("| 500 | best static | ") && text.contains("(front.svg)"), "{text}");
        assert!(to_markdown(&[]).is_empty());
    }
}
