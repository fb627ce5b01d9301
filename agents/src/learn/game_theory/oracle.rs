//! Policy-space response oracles (Lanctot et al., 2017, arXiv:1711.00832) with exact best responses: with
//! the Nash meta-solver, double oracle (McMahan et al., 2003).

use super::matrix::{MetaSolver, Mixed, Payoffs};
use super::{Game, Tabular, best_response, expected_value, nash_conv};

/// Both players' policies so far.
#[derive(Clone, Debug)]
pub struct Oracle<G> {
    solver: MetaSolver,
    policies: [Vec<Tabular>; 2],
    payoffs: Payoffs,
    mixed: Mixed,
    game: std::marker::PhantomData<G>,
}

impl<G: Game> Oracle<G> {
    /// Each player has the uniform policy.
    ///
    /// # Errors
    /// Those of the meta-solver.
    pub fn new(solver: MetaSolver) -> Result<Self, String> {
        let uniform = Tabular::default();
        let value = expected_value::<G>([&uniform, &uniform]);
        let payoffs = Payoffs { rows: vec![vec![value]] };
        Ok(Self {
            solver,
            policies: [vec![uniform.clone()], vec![uniform]],
            mixed: payoffs.solve(solver)?,
            payoffs,
            game: std::marker::PhantomData,
        })
    }

    /// Policies of each player.
    #[must_use]
    pub fn policies(&self) -> &[Vec<Tabular>; 2] {
        &self.policies
    }
    /// What player 0's policies (rows) get from player 1's.
    #[must_use]
    pub fn payoffs(&self) -> &Payoffs {
        &self.payoffs
    }

    /// Each player's mixture as one policy.
    #[must_use]
    pub fn mixture(&self) -> [Tabular; 2] {
        let [first, second] = &self.policies;
        [mixture::<G>(first, &self.mixed.rows), mixture::<G>(second, &self.mixed.columns)]
    }

    /// What both mixtures leave to best responses.
    #[must_use]
    pub fn nash_conv(&self) -> f64 {
        let [first, second] = self.mixture();
        nash_conv::<G>([&first, &second])
    }

    /// Adds each player's best response to the other's mixture and mixes anew. `false` once neither
    /// gains: the mixtures are an equilibrium.
    ///
    /// # Errors
    /// Those of the meta-solver.
    pub fn expand(&mut self) -> Result<bool, String> {
        let mixture = self.mixture();
        let value = expected_value::<G>([&mixture[0], &mixture[1]]);
        let (first, row) = best_response::<G>(0, &mixture[1]);
        let (second, column) = best_response::<G>(1, &mixture[0]);
        if first - value < 1e-9 && second + value < 1e-9 {
            return Ok(false);
        }
        self.policies[0].push(row);
        self.policies[1].push(column);
        let [rows, columns] = &self.policies;
        self.payoffs.rows = rows
            .iter()
            .map(|row| columns.iter().map(|c| expected_value::<G>([row, c])).collect())
            .collect();
        self.mixed = self.payoffs.solve(self.solver)?;
        Ok(true)
    }
}

/// A player's policies as one, by their chances.
pub(super) fn mixture<G: Game>(policies: &[Tabular], chances: &[f64]) -> Tabular {
    let weighted: Vec<(f64, &Tabular)> = chances.iter().copied().zip(policies).collect();
    Tabular::mixture::<G>(&weighted)
}
