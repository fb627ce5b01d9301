//! The same policy in two groups of the same seeds and paths: what the difference between the worlds is worth to it.

use crate::report::{GroupResult, estimate as figure};
use crate::stats::{Estimate, crossed_bootstrap, mean};
use crate::totals::Totals;
use serde::{Deserialize, Serialize};

/// What a policy comes to in a group less what it comes to in another, path by path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The policy.
    pub policy: String,
    /// The group.
    pub group: String,
    /// The group that it is held against.
    pub against: String,
    /// Difference of the objective, in USD per episode, with its 95 % interval.
    pub objective_usd: Estimate,
    /// Difference of the bad debt, in USD per episode, likewise.
    pub bad_debt_usd: Estimate,
}

/// The shifts of all policies of a group against another on the same seeds and paths.
#[must_use]
pub fn shifts(there: &GroupResult, here: &GroupResult, resamples: u32, seed: u64) -> Vec<Shift> {
    let mut shifts = Vec::new();
    for entry in &there.entries {
        let Some(same) = here.entries.iter().find(|e| e.policy == entry.policy) else { continue };
        let shift = |value: fn(&Totals) -> f64| {
            let pairs = entry.totals.iter().zip(&same.totals);
            let differences: Vec<Vec<f64>> = pairs
                .map(|(a, b)| a.iter().zip(b).map(|(a, b)| value(a) - value(b)).collect())
                .collect();
            crossed_bootstrap(&differences, resamples, seed, mean)
        };
        shifts.push(Shift {
            policy: entry.policy.clone(),
            group: there.group.clone(),
            against: here.group.clone(),
            objective_usd: shift(|t| t.objective_usd),
            bad_debt_usd: shift(|t| t.bad_debt_usd),
        });
    }
    shifts
}

/// The shifts as a table; nothing of none.
#[must_use]
pub fn to_markdown(shifts: &[Shift]) -> String {
    let Some(first) = shifts.first() else { return String::new() };
    let mut text = format!(
        "## What training never saw\n\nThe same policy there less in {}, path by path (the same seeds and prices), USD \
         per episode.\n\n| worlds | policy | objective | bad debt |\n|---|---|---|---|\n",
        first.against
    );
    for shift in shifts {
        let Shift { policy, group, against: _, objective_usd, bad_debt_usd } = shift;
        let (objective, bad_debt) = (figure(objective_usd), figure(bad_debt_usd));
        text += &format!("| {group} | {policy} | {objective} | {bad_debt} |\n");
    }
    text.push('\n');
    text
}
