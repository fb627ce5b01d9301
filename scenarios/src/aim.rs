//! What is aimed for wherever one is chosen among several, policies and static parameters alike: what the policies of a
//! scenario learn for.

use crate::schema::Scenario;
use crate::stats::{cvar, mean};
use crate::totals::Totals;
use agents::learn::Tail;

/// What a unit of the tail beyond a budget costs, in USD of the objective: an exact penalty (Han and Mangasarian,
/// 1979), far above what a dollar more of bad debt can earn in usage and revenue, so that the best that keeps the
/// budget comes before all that do not, and of those the nearest to it.
const EXCESS_PRICE: f64 = 1_000.0;

/// An aim.
#[derive(Clone, Copy, Debug)]
pub enum Aim {
    /// The mean objective.
    Mean,
    /// The mean objective, where the mean of the worst `1 − level` of episodes' costs (CVaR) is at most a budget.
    Budget {
        /// Confidence level, below 1.
        level: f64,
        /// Most cost per episode in the tail, in its unit.
        most: f64,
        /// An episode's cost.
        cost: fn(&Totals) -> f64,
    },
    /// The mean of the worst share of episodes' objectives.
    Worst {
        /// Above 0, below 1.
        share: f64,
    },
}

impl Aim {
    /// What the policies of a scenario learn for.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let tail = scenario.train.as_ref().and_then(|train| train.ppo.tail.as_ref());
        match tail {
            None => Self::Mean,
            Some(Tail::ReturnCap { share, .. }) => Self::Worst { share: *share },
            Some(Tail::Budget { cost, level, budget, .. }) => match figure(cost) {
                Some(cost) => Self::Budget { level: *level, most: *budget, cost },
                None => Self::Mean,
            },
        }
    }

    /// What some episodes count, in USD per episode: the more the better.
    #[must_use]
    pub fn score(self, totals: &[Totals]) -> f64 {
        let each = |of: fn(&Totals) -> f64| totals.iter().map(of).collect::<Vec<_>>();
        match self {
            Self::Mean => mean(&each(|t| t.objective_usd)),
            Self::Worst { share } => -cvar(&each(|t| -t.objective_usd), 1.0 - share),
            Self::Budget { level, most, cost } => {
                let excess = (cvar(&each(cost), level) - most).max(0.0);
                Self::Mean.score(totals) - EXCESS_PRICE * excess
            }
        }
    }
}

/// What an episode's summary calls so ([`sim::reward::EpisodeTotals::SUMMARY`]), where evaluations keep it.
fn figure(name: &str) -> Option<fn(&Totals) -> f64> {
    Some(match name {
        "bad_debt_usd" => |t| t.bad_debt_usd,
        "attacker_profit_usd" => |t| t.attacker_profit_usd,
        "largest_protocol_loss_usd" => |t| t.largest_loss_usd,
        "liquidated_usd" => |t| t.liquidated_usd,
        "borrower_losses_usd" => |t| t.borrower_loss_usd,
        "changes" => |t| t.changes,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::reward::EpisodeTotals;

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
        let cost = figure("bad_debt_usd").expect("evaluations keep it");
        let budget = Aim::Budget { level: 0.95, most: 100.0, cost };
        let kept = budget.score(&episodes(100.0, 10.0));
        assert_eq!(kept, 10.0);
        let (near, far) =
            (budget.score(&episodes(110.0, 500.0)), budget.score(&episodes(900.0, 900.0)));
        assert!(kept > near && near > far, "{kept} {near} {far}");
        assert_eq!(Aim::Mean.score(&episodes(900.0, 900.0)), 900.0);
    }

    #[test]
    fn where_the_worst_returns_are_learned_for_they_are_chosen_by() {
        let earning = |all: &[f64]| -> Vec<Totals> {
            let one = |usd: &f64| Totals { objective_usd: *usd, ..Totals::default() };
            all.iter().map(one).collect()
        };
        let (bold, careful) = (earning(&[90.0, 90.0, 90.0, -30.0]), earning(&[10.0; 4]));
        let worst = Aim::Worst { share: 0.25 };
        assert_eq!((worst.score(&bold), worst.score(&careful)), (-30.0, 10.0));
        assert!(Aim::Mean.score(&bold) > Aim::Mean.score(&careful));
        // The boundary counts in part: a third of four is one and a third.
        let third = Aim::Worst { share: 1.0 / 3.0 }.score(&bold);
        assert!((third - (-30.0 + 90.0 / 3.0) / (4.0 / 3.0)).abs() < 1e-9, "{third}");
    }

    #[test]
    fn most_figures_of_a_summary_can_be_budgeted() {
        let known: Vec<&str> =
            EpisodeTotals::SUMMARY.into_iter().filter(|name| figure(name).is_some()).collect();
        assert_eq!(known.len(), 6, "{known:?}");
    }
}
