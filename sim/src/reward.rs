//! What counts: one objective, shared by the static search, the learner and the report.
//!
//! ```text
//! J = usage_value_per_year · ∫ debt dt + revenue_weight · revenue
//!   − bad_debt_price · B − borrower_loss_price · L − churn_price_usd · changes
//!   − cvar_weight / (1 − cvar_alpha) · (B − cvar_budget_usd)⁺
//! ```
//!
//! All in USD at fair prices. `B` is bad debt, written off and latent ([`EpisodeTotals::bad_debt_usd`]);
//! `L` what borrowers lost to liquidations. The expectation of the last term over episodes is
//! Rockafellar and Uryasev's bound: CVaR(B) ≤ budget + E[(B − budget)⁺] / (1 − alpha), so it prices the
//! part of CVaR beyond the budget (*Optimization of conditional value-at-risk*, 2000, theorem 1).
//! Every term is a function of running totals, so rewards, its increments, add up to it exactly.

use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};

/// The objective of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What a dollar of debt outstanding for a year is worth, in USD.
    pub usage_value_per_year: f64,
    /// What a dollar of protocol revenue is worth, in USD.
    pub revenue_weight: f64,
    /// What a dollar of bad debt costs, in USD.
    pub bad_debt_price: f64,
    /// What a dollar lost by borrowers to liquidations costs, in USD.
    pub borrower_loss_price: f64,
    /// What a change of a risk parameter costs, in USD.
    pub churn_price_usd: f64,
    /// Weight of the tail beyond the budget.
    pub cvar_weight: f64,
    /// Confidence level of the tail, below 1.
    pub cvar_alpha: f64,
    /// Bad debt per episode that the tail term lets pass, in USD.
    pub cvar_budget_usd: f64,
    /// USD that are one unit of reward.
    pub reward_scale_usd: f64,
}

/// The objective, term by term, in USD; costs are negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveTerms {
    /// Of debt outstanding.
    pub usage: f64,
    /// Of protocol revenue.
    pub revenue: f64,
    /// Of bad debt.
    pub bad_debt: f64,
    /// Of borrowers' losses.
    pub borrower_losses: f64,
    /// Of changes.
    pub churn: f64,
    /// Of bad debt beyond the budget.
    pub tail: f64,
}

impl ObjectiveTerms {
    /// The objective: the sum of its terms.
    #[must_use]
    pub fn sum(&self) -> f64 {
        let Self { usage, revenue, bad_debt, borrower_losses, churn, tail } = self;
        usage + revenue + bad_debt + borrower_losses + churn + tail
    }
}

/// What an episode has come to so far. Every USD figure is at the fair price of its block.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpisodeTotals {
    /// Blocks closed.
    pub blocks: u64,
    /// Transactions included, the world's own too.
    pub transactions: u64,
    /// Those that reverted.
    pub reverted: u64,
    /// Transactions that paid too little for gas or found no room.
    pub dropped: u64,
    /// Liquidation calls that succeeded.
    pub liquidations: u64,
    /// Risk parameters that moved.
    pub changes: u64,
    /// ∫ debt dt over the market's reserves, in USD·years.
    pub usage_usd_years: f64,
    /// What accrued to the treasury: its share of interest, of bonuses, of flash premiums.
    pub revenue_usd: f64,
    /// Debt written off.
    pub written_off_usd: f64,
    /// What positions owe beyond their collateral now, less what they did at the start.
    pub latent_bad_debt_usd: f64,
    /// Collateral seized less debt repaid, where positive, over liquidations.
    pub borrower_losses_usd: f64,
    /// Debt repaid by liquidators.
    pub liquidated_usd: f64,
    /// What attackers' transactions earned: the change of their wealth over each block in which their
    /// accounts moved, old and new holdings at that block's fair prices, so that price moves of what
    /// they merely hold do not count. A lending position is worth its collateral less its debt, or
    /// nothing: nobody pays to leave it.
    pub attacker_profit_usd: f64,
    /// The deepest fall of the protocol's equity from an earlier high, where equity is what it earned
    /// less its bad debt: `max over s < t of (E_s − E_t)`, `E = revenue − B`.
    pub largest_protocol_loss_usd: f64,
    /// High-water mark of the protocol's equity.
    pub equity_peak_usd: f64,
}

impl EpisodeTotals {
    /// Bad debt: written off, and latent (what underwater positions owe beyond their collateral, at
    /// fair prices, whether or not anybody has liquidated them).
    #[must_use]
    pub fn bad_debt_usd(&self) -> f64 {
        self.written_off_usd + self.latent_bad_debt_usd
    }
    /// What the protocol has gained since the episode began.
    #[must_use]
    pub fn protocol_equity_usd(&self) -> f64 {
        self.revenue_usd - self.bad_debt_usd()
    }
    /// Updates the drawdown after the block's revenue and bad debt are in.
    pub fn mark_equity(&mut self) {
        let equity = self.protocol_equity_usd();
        self.equity_peak_usd = self.equity_peak_usd.max(equity);
        self.largest_protocol_loss_usd =
            self.largest_protocol_loss_usd.max(self.equity_peak_usd - equity);
    }

    /// Names of [`EpisodeTotals::summary`], in order.
    pub const SUMMARY: [&'static str; 15] = [
        "objective_usd",
        "bad_debt_usd",
        "attacker_profit_usd",
        "largest_protocol_loss_usd",
        "liquidated_usd",
        "borrower_losses_usd",
        "usage_usd_years",
        "usage_value_usd",
        "revenue_usd",
        "changes",
        "liquidations",
        "transactions",
        "reverted",
        "dropped",
        "blocks",
    ];

    /// The figures of a report, named by [`EpisodeTotals::SUMMARY`].
    #[must_use]
    pub fn summary(&self, objective: &Objective) -> [(&'static str, f64); 15] {
        let values = [
            objective.value(self),
            self.bad_debt_usd(),
            self.attacker_profit_usd,
            self.largest_protocol_loss_usd,
            self.liquidated_usd,
            self.borrower_losses_usd,
            self.usage_usd_years,
            objective.terms(self).usage,
            self.revenue_usd,
            self.changes as f64,
            self.liquidations as f64,
            self.transactions as f64,
            self.reverted as f64,
            self.dropped as f64,
            self.blocks as f64,
        ];
        std::array::from_fn(|i| (Self::SUMMARY[i], values[i]))
    }
}

impl Objective {
    /// The objective of an episode, term by term.
    #[must_use]
    pub fn terms(&self, totals: &EpisodeTotals) -> ObjectiveTerms {
        let bad_debt = totals.bad_debt_usd();
        let excess = (bad_debt - self.cvar_budget_usd).max(0.0);
        ObjectiveTerms {
            usage: self.usage_value_per_year * totals.usage_usd_years,
            revenue: self.revenue_weight * totals.revenue_usd,
            bad_debt: -self.bad_debt_price * bad_debt,
            borrower_losses: -self.borrower_loss_price * totals.borrower_losses_usd,
            churn: -self.churn_price_usd * totals.changes as f64,
            tail: -self.cvar_weight / (1.0 - self.cvar_alpha) * excess,
        }
    }
    /// The objective of an episode, in USD.
    #[must_use]
    pub fn value(&self, totals: &EpisodeTotals) -> f64 {
        self.terms(totals).sum()
    }
}

/// The learner's account: what the objective was at its last decision.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardState {
    /// The objective now, in USD.
    pub objective_usd: f64,
    /// The objective when the learner last decided, in USD.
    pub at_decision_usd: f64,
    /// Blocks closed since then.
    pub elapsed_blocks: u32,
}

impl RewardState {
    /// Hands out the reward since the last decision, in units of `reward_scale_usd`, with the blocks it
    /// took, and begins anew.
    pub fn collect(&mut self, objective: &Objective) -> (f32, u32) {
        let reward = (self.objective_usd - self.at_decision_usd) / objective.reward_scale_usd;
        let elapsed = self.elapsed_blocks;
        self.at_decision_usd = self.objective_usd;
        self.elapsed_blocks = 0;
        (reward as f32, elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTIVE: Objective = Objective {
        usage_value_per_year: 0.01,
        revenue_weight: 1.0,
        bad_debt_price: 2.0,
        borrower_loss_price: 0.5,
        churn_price_usd: 100.0,
        cvar_weight: 0.5,
        cvar_alpha: 0.95,
        cvar_budget_usd: 1_000.0,
        reward_scale_usd: 1_000.0,
    };

    #[test]
    fn terms_by_hand() {
        let totals = EpisodeTotals {
            usage_usd_years: 1e6,
            revenue_usd: 500.0,
            written_off_usd: 1_500.0,
            latent_bad_debt_usd: 500.0,
            borrower_losses_usd: 200.0,
            changes: 3,
            ..EpisodeTotals::default()
        };
        let terms = OBJECTIVE.terms(&totals);
        assert_eq!(terms.usage, 10_000.0);
        assert_eq!(terms.revenue, 500.0);
        assert_eq!(terms.bad_debt, -4_000.0);
        assert_eq!(terms.borrower_losses, -100.0);
        assert_eq!(terms.churn, -300.0);
        // 0.5 / 0.05 · (2,000 − 1,000).
        assert!((terms.tail + 10_000.0).abs() < 1e-9);
        assert_eq!(OBJECTIVE.value(&totals), terms.sum());
    }

    #[test]
    fn rewards_add_up_to_the_objective() {
        let mut state = RewardState::default();
        let mut totals = EpisodeTotals::default();
        let mut sum = 0.0;
        for step in 0..50_u32 {
            totals.usage_usd_years += f64::from(step) * 100.0;
            totals.written_off_usd += f64::from(step % 7) * 50.0;
            state.objective_usd = OBJECTIVE.value(&totals);
            state.elapsed_blocks += 1;
            if step % 5 == 4 {
                let (reward, elapsed) = state.collect(&OBJECTIVE);
                assert_eq!(elapsed, 5);
                sum += f64::from(reward);
            }
        }
        let objective = OBJECTIVE.value(&totals) / OBJECTIVE.reward_scale_usd;
        assert!((sum - objective).abs() < 1e-4 * objective.abs(), "{sum} {objective}");
    }

    #[test]
    fn drawdown_is_measured_from_the_peak() {
        let mut totals = EpisodeTotals::default();
        for (revenue, bad) in [(10.0, 0.0), (20.0, 5.0), (30.0, 40.0), (90.0, 40.0)] {
            totals.revenue_usd = revenue;
            totals.written_off_usd = bad;
            totals.mark_equity();
        }
        // Peak 15 before the fall to −10.
        assert_eq!(totals.largest_protocol_loss_usd, 25.0);
    }
}
