//! Games as payoff matrices, and how to mix what is in them: the meta-solvers of a population.

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome};
use serde::{Deserialize, Serialize};

/// What the row player gets, `[rows, columns]`; the column player gets the opposite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Payoffs {
    /// Row after row, all of one length.
    pub rows: Vec<Vec<f64>>,
}

/// How a population is mixed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum MetaSolver {
    /// All alike: fictitious play over policies.
    Uniform,
    /// An equilibrium of the matrix, by linear programming: double oracle (McMahan et al., 2003).
    Nash,
    /// Projected replicator dynamics (Lanctot et al., 2017, arXiv:1711.00832, algorithm 3): no policy is
    /// played less than `exploration / number of policies`.
    ProjectedReplicator {
        /// γ of the paper.
        exploration: f64,
        /// Length of a step.
        step: f64,
        /// Steps.
        steps: u32,
    },
}

/// A mixed strategy for either player, and what the row player gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixed {
    /// Chances of the rows.
    pub rows: Vec<f64>,
    /// Chances of the columns.
    pub columns: Vec<f64>,
    /// The row player's mean payoff.
    pub value: f64,
}

impl Payoffs {
    /// Policies of the column player.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// Mixes the policies of both players.
    ///
    /// # Errors
    /// A sentence: nothing to mix, rows of unequal length, a payoff that is not finite.
    pub fn solve(&self, solver: MetaSolver) -> Result<Mixed, String> {
        let (rows, columns) = (self.rows.len(), self.columns());
        if rows == 0 || columns == 0 {
            return Err("a payoff matrix needs a row and a column".into());
        }
        if self.rows.iter().any(|row| row.len() != columns) {
            return Err("rows of a payoff matrix must be equally long".into());
        }
        if self.rows.iter().flatten().any(|payoff| !payoff.is_finite()) {
            return Err("a payoff is not a finite number".into());
        }
        let uniform = |n: usize| vec![1.0 / n as f64; n];
        let (rows, columns) = match solver {
            MetaSolver::Uniform => (uniform(rows), uniform(columns)),
            MetaSolver::Nash => {
                let turned: Vec<Vec<f64>> =
                    (0..columns).map(|c| self.rows.iter().map(|row| -row[c]).collect()).collect();
                (safest(&self.rows)?, safest(&turned)?)
            }
            MetaSolver::ProjectedReplicator { exploration, step, steps } => {
                self.replicate(exploration, step, steps)
            }
        };
        let value = self.mean(&rows, &columns);
        Ok(Mixed { rows, columns, value })
    }

    /// The row player's mean payoff.
    #[must_use]
    pub fn mean(&self, rows: &[f64], columns: &[f64]) -> f64 {
        let row_mean = |row: &Vec<f64>| row.iter().zip(columns).map(|(x, q)| x * q).sum::<f64>();
        self.rows.iter().zip(rows).map(|(row, p)| p * row_mean(row)).sum()
    }

    fn replicate(&self, exploration: f64, step: f64, steps: u32) -> (Vec<f64>, Vec<f64>) {
        let (n, m) = (self.rows.len(), self.columns());
        let (mut p, mut q) = (vec![1.0 / n as f64; n], vec![1.0 / m as f64; m]);
        let (mut p_sum, mut q_sum) = (vec![0.0; n], vec![0.0; m]);
        for _ in 0..steps {
            let row_gains: Vec<f64> =
                self.rows.iter().map(|row| row.iter().zip(&q).map(|(x, q)| x * q).sum()).collect();
            let column_gains: Vec<f64> = (0..m)
                .map(|c| -self.rows.iter().zip(&p).map(|(row, p)| row[c] * p).sum::<f64>())
                .collect();
            for (chances, gains) in [(&mut p, row_gains), (&mut q, column_gains)] {
                let mean: f64 = chances.iter().zip(&gains).map(|(x, g)| x * g).sum();
                for (x, gain) in chances.iter_mut().zip(gains) {
                    *x += step * *x * (gain - mean);
                }
                let floor = exploration / chances.len() as f64;
                project(chances, floor);
            }
            p_sum.iter_mut().zip(&p).for_each(|(sum, x)| *sum += x);
            q_sum.iter_mut().zip(&q).for_each(|(sum, x)| *sum += x);
        }
        let mean = |sum: Vec<f64>| sum.into_iter().map(|x| x / f64::from(steps.max(1))).collect();
        (mean(p_sum), mean(q_sum))
    }
}

/// The nearest point of the simplex whose values are all at least `floor` (Duchi et al., 2008).
fn project(x: &mut [f64], floor: f64) {
    let mass = 1.0 - floor * x.len() as f64;
    let mut sorted: Vec<f64> = x.iter().map(|v| v - floor).collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let mut shift = 0.0;
    for (i, v) in sorted.iter().enumerate() {
        sum += v;
        let candidate = (sum - mass) / (i + 1) as f64;
        if v - candidate > 0.0 {
            shift = candidate;
        }
    }
    for v in x {
        *v = (*v - floor - shift).max(0.0) + floor;
    }
}

/// The mix of rows whose worst column is best: maximise v with `Σ pᵢ·xᵢⱼ ≥ v` for every column j.
fn safest(rows: &[Vec<f64>]) -> Result<Vec<f64>, String> {
    let mut problem = Problem::new(OptimizationDirection::Maximize);
    let value = problem.add_var(1.0, (f64::NEG_INFINITY, f64::INFINITY));
    let chances: Vec<_> = rows.iter().map(|_| problem.add_var(0.0, (0.0, 1.0))).collect();
    let all: Vec<_> = chances.iter().map(|p| (*p, 1.0)).collect();
    problem.add_constraint(&all, ComparisonOp::Eq, 1.0);
    for column in 0..rows[0].len() {
        let mut terms: Vec<_> =
            chances.iter().zip(rows).map(|(p, row)| (*p, row[column])).collect();
        terms.push((value, -1.0));
        problem.add_constraint(&terms, ComparisonOp::Ge, 0.0);
    }
    let outcome = problem.solve().map_err(|e| format!("the payoff matrix has no solution: {e}"))?;
    let SolveOutcome::Solution(solution) = outcome else {
        return Err("the payoff matrix was not solved".into());
    };
    let mut mix: Vec<f64> = chances.iter().map(|p| solution[*p].max(0.0)).collect();
    let sum: f64 = mix.iter().sum();
    mix.iter_mut().for_each(|p| *p /= sum);
    Ok(mix)
}
