//! What an episode came to: the columns of every comparison, said once.

use crate::stats::{cvar, mean, quantile};
use serde::{Deserialize, Serialize};

/// The sums of one episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// The scenario's objective, in USD.
    pub objective_usd: f64,
    /// Debt that no collateral covers at the end, written off or not, in USD.
    pub bad_debt_usd: f64,
    /// What attackers gained, in USD.
    pub attacker_profit_usd: f64,
    /// The deepest fall of the protocol's equity from an earlier high, in USD.
    pub largest_loss_usd: f64,
    /// Debt repaid by liquidators, in USD.
    pub liquidated_usd: f64,
    /// Collateral seized beyond the debt repaid, in USD.
    pub borrower_loss_usd: f64,
    /// Debt outstanding times time, in USD · years.
    pub borrow_usage_usd_years: f64,
    /// What the protocol earned, in USD.
    pub revenue_usd: f64,
    /// Risk parameters moved.
    pub changes: f64,
    /// Blocks simulated.
    pub blocks: u64,
    /// Transactions included.
    pub transactions: u64,
    /// Of these, reverted.
    pub reverted: u64,
    /// Liquidations.
    pub liquidations: u64,
    /// Bundles that attackers simulated on a fork of the chain.
    pub simulations: u64,
}

/// How a column is summed up over paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The mean of the worst 5 %.
    Cvar95,
    /// The mean of the worst 1 %.
    Cvar99,
    /// The value that one path in twenty exceeds: value at risk, or liquidations at risk.
    Quantile95,
    /// The share of paths above zero.
    Share,
    /// The largest.
    Max,
}

impl Statistic {
    /// Its value.
    #[must_use]
    pub fn of(self, values: &[f64]) -> f64 {
        match self {
            Self::Mean => mean(values),
            Self::Cvar95 => cvar(values, 0.95),
            Self::Cvar99 => cvar(values, 0.99),
            Self::Quantile95 => quantile(values, 0.95),
            Self::Share => {
                mean(&values.iter().map(|v| f64::from(u8::from(*v > 0.0))).collect::<Vec<_>>())
            }
            Self::Max => values.iter().copied().fold(0.0, f64::max),
        }
    }

    /// Paths, over all seeds, without which it says nothing.
    #[must_use]
    pub const fn least_paths(self) -> usize {
        match self {
            // A hundred of them in the tail.
            Self::Cvar99 => 10_000,
            _ => 0,
        }
    }
}

/// A column of the comparison.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Name for machines, unit included.
    pub key: &'static str,
    /// Heading for people.
    pub title: &'static str,
    /// How it is summed up.
    pub statistic: Statistic,
    /// Its value on a path.
    pub value: fn(&Totals) -> f64,
}

/// All columns, in the order of the report.
pub const COLUMNS: &[Column] = &[
    Column {
        key: "objective_usd",
        title: "objective",
        statistic: Statistic::Mean,
        value: |t| t.objective_usd,
    },
    Column {
        key: "bad_debt_usd",
        title: "bad debt",
        statistic: Statistic::Mean,
        value: |t| t.bad_debt_usd,
    },
    Column {
        key: "bad_debt_cvar95_usd",
        title: "bad debt CVaR95",
        statistic: Statistic::Cvar95,
        value: |t| t.bad_debt_usd,
    },
    Column {
        key: "attacker_profit_usd",
        title: "attacker profit",
        statistic: Statistic::Mean,
        value: |t| t.attacker_profit_usd,
    },
    Column {
        key: "largest_loss_usd",
        title: "largest loss",
        statistic: Statistic::Max,
        value: |t| t.largest_loss_usd,
    },
    Column {
        key: "liquidated_usd",
        title: "liquidated",
        statistic: Statistic::Mean,
        value: |t| t.liquidated_usd,
    },
    Column {
        key: "borrower_loss_usd",
        title: "borrower losses",
        statistic: Statistic::Mean,
        value: |t| t.borrower_loss_usd,
    },
    Column {
        key: "borrow_usage_usd_years",
        title: "borrow usage ($·yr)",
        statistic: Statistic::Mean,
        value: |t| t.borrow_usage_usd_years,
    },
    Column {
        key: "revenue_usd",
        title: "revenue",
        statistic: Statistic::Mean,
        value: |t| t.revenue_usd,
    },
    Column { key: "changes", title: "changes", statistic: Statistic::Mean, value: |t| t.changes },
];

/// How bad the bad paths are: the columns of the report's second table.
pub const TAILS: &[Column] = &[
    Column {
        key: "bad_debt_share",
        title: "P(bad debt)",
        statistic: Statistic::Share,
        value: |t| t.bad_debt_usd,
    },
    Column {
        key: "bad_debt_var95_usd",
        title: "bad debt VaR95",
        statistic: Statistic::Quantile95,
        value: |t| t.bad_debt_usd,
    },
    Column {
        key: "bad_debt_cvar99_usd",
        title: "bad debt CVaR99",
        statistic: Statistic::Cvar99,
        value: |t| t.bad_debt_usd,
    },
    Column {
        key: "liquidations_at_risk95_usd",
        title: "liquidations at risk 95",
        statistic: Statistic::Quantile95,
        value: |t| t.liquidated_usd,
    },
    Column {
        key: "largest_loss_var95_usd",
        title: "largest loss VaR95",
        statistic: Statistic::Quantile95,
        value: |t| t.largest_loss_usd,
    },
];
