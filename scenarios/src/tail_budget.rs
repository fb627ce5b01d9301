//! A budget for the tail of bad debt, as it is held in every choice: among static parameters, and among checkpoints.

use crate::schema::Scenario;
use crate::stats::{cvar, mean};
use crate::totals::Totals;
use agents::learn::Tail;

/// What a dollar of the tail beyond the budget costs, in USD of the objective: an exact penalty (Han and Mangasarian,
/// 1979), far above what a dollar more of bad debt can earn in usage and revenue, so that the best that keeps the
/// budget comes before all that do not, and of those the nearest to it.
const EXCESS_PRICE: f64 = 1_000.0;

/// The mean of the worst `1 − level` of episodes' bad debt (CVaR) may be at most so much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TailBudget {
    /// Confidence level, below 1.
    pub level: f64,
    /// Most bad debt per episode in the tail, in USD.
    pub usd: f64,
}

impl TailBudget {
    /// The budget that a scenario's policies learn under, if it is one of bad debt.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Option<Self> {
        match scenario.train.as_ref()?.ppo.tail.as_ref()? {
            Tail::Budget { cost, level, budget, .. } if cost == "bad_debt_usd" => {
                Some(Self { level: *level, usd: *budget })
            }
            Tail::Budget { .. } | Tail::ReturnCap { .. } => None,
        }
    }

    /// The tail of some episodes beyond the budget, in USD; zero where the budget is kept.
    #[must_use]
    pub fn excess_usd(&self, totals: &[Totals]) -> f64 {
        let bad_debt: Vec<f64> = totals.iter().map(|t| t.bad_debt_usd).collect();
        (cvar(&bad_debt, self.level) - self.usd).max(0.0)
    }
}

/// What some episodes count where one policy or set of parameters is chosen among several, in USD per episode: the
/// mean objective, less the price of what the tail has beyond a budget.
#[must_use]
pub fn score(budget: Option<TailBudget>, totals: &[Totals]) -> f64 {
    let objective = mean(&totals.iter().map(|t| t.objective_usd).collect::<Vec<_>>());
    budget.map_or(objective, |budget| objective - EXCESS_PRICE * budget.excess_usd(totals))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episodes(bad_debt: f64, objective_usd: f64) -> Vec<Totals> {
        let one = |i: u32| Totals {
            // One episode in twenty has it.
            bad_debt_usd: if i == 7 { bad_debt } else { 0.0 },
            objective_usd,
            ..Totals::default()
        };
        (0..20).map(one).collect()
    }

    #[test]
    fn what_keeps_the_budget_comes_before_what_does_not() {
        let budget = Some(TailBudget { level: 0.95, usd: 100.0 });
        let kept = score(budget, &episodes(100.0, 10.0));
        assert_eq!(kept, 10.0);
        let (near, far) =
            (score(budget, &episodes(110.0, 500.0)), score(budget, &episodes(900.0, 900.0)));
        assert!(kept > near && near > far, "{kept} {near} {far}");
        assert_eq!(score(None, &episodes(900.0, 900.0)), 900.0);
    }
}
