//! Policies and attackers trained in turn: policy-space response oracles (Lanctot et al., 2017,
//! arXiv:1711.00832) whose responses are learned, each against a mixture of all of the other side's so far.
//!
//! Payoffs are the scenario's objective, which the policies raise and the attackers lower: a game with one
//! winner. The policy that is kept is the one whose worst attacker of the population costs least.

use super::rounds::{Rounds, maker, worst};
use super::seed::{Shared, Trained};
use crate::output::Failure;
use agents::attack::Assailant;
use agents::frozen::FrozenPolicy;
use agents::learn::game_theory::matrix::{Mixed, Payoffs};
use scenarios::manifest::RunError;
use scenarios::schema::PopulationSpec;
use scenarios::stats::mean;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Both sides so far.
struct Population {
    /// The parameters as deployed, then what was trained.
    policies: Vec<Option<FrozenPolicy>>,
    /// The scenario's own, then what was trained.
    attackers: Vec<Assailant>,
    /// The objective in USD: policies in rows, attackers in columns.
    payoffs: Payoffs,
    blocks: u64,
}

/// Trains a population of one seed, and returns its safest policy.
pub(super) fn raise(
    shared: &Shared<'_>,
    spec: &PopulationSpec,
    seed: u64,
) -> Result<Trained, Failure> {
    let rounds = Rounds::begin(shared, spec, seed)?;
    let mut population = Population {
        policies: vec![None],
        attackers: vec![Assailant::AsWritten],
        payoffs: Payoffs::default(),
        blocks: 0,
    };
    let mut trained: Vec<Trained> = Vec::new();
    for round in 1..=spec.rounds {
        let mix = population.meet(&rounds)?;
        write(&rounds.folder, round - 1, &population, &mix)?;
        let attacker = population.attack(&rounds, &mix, round)?;
        let mixture: Vec<(f64, Assailant)> =
            mix.columns.iter().copied().zip(population.attackers.iter().cloned()).collect();
        let policy = rounds.defend(round, mixture)?;
        rounds.store(&attacker, &format!("attacker-{round}"))?;
        population.policies.push(Some(policy.policy.clone().named(format!("round {round}"))));
        population.attackers.push(attacker);
        trained.push(policy);
        shared.output.note(&format!("seed {seed}: round {round} of {}", spec.rounds));
    }
    let mix = population.meet(&rounds)?;
    write(&rounds.folder, spec.rounds, &population, &mix)?;
    let safest = safest(&population.payoffs);
    let worst = worst(&population.payoffs.rows[safest]);
    let log = trained.iter().flat_map(|t| t.log.clone()).collect();
    let blocks = population.blocks + trained.iter().map(|t| t.blocks).sum::<u64>();
    let chosen = trained.swap_remove(safest - 1);
    Ok(Trained { score: worst, blocks, log, ..chosen })
}

/// The trained policy whose worst attacker costs least; the first of equals.
fn safest(payoffs: &Payoffs) -> usize {
    let mut best = 1;
    for row in 2..payoffs.rows.len() {
        if worst(&payoffs.rows[row]) > worst(&payoffs.rows[best]) {
            best = row;
        }
    }
    best
}

impl Population {
    /// Fills in the matrix where members are new, and mixes both sides.
    fn meet(&mut self, rounds: &Rounds<'_>) -> Result<Mixed, Failure> {
        for (column, attacker) in self.attackers.iter().enumerate() {
            let known =
                |row: usize| self.payoffs.rows.get(row).is_some_and(|row| row.len() > column);
            let rows: Vec<usize> = (0..self.policies.len()).filter(|row| !known(*row)).collect();
            let policies: Vec<_> =
                rows.iter().map(|row| (self.name(*row), self.policies[*row].as_ref())).collect();
            let (earned, blocks) = rounds.earned(&policies, attacker)?;
            self.blocks += blocks;
            for (row, earned) in rows.into_iter().zip(earned) {
                if self.payoffs.rows.len() <= row {
                    self.payoffs.rows.resize(row + 1, Vec::new());
                }
                self.payoffs.rows[row].push(mean(&earned));
            }
        }
        self.payoffs.solve(rounds.spec.solver).map_err(Failure::Message)
    }

    fn name(&self, row: usize) -> String {
        self.policies[row].as_ref().map_or("deployed", |policy| policy.name()).to_owned()
    }

    /// A new attacker, against the policies as mixed.
    fn attack(
        &mut self,
        rounds: &Rounds<'_>,
        mix: &Mixed,
        round: u32,
    ) -> Result<Assailant, Failure> {
        // Every attacker of a seed has a seed of its own.
        let seed = rounds.seed ^ (u64::from(round) << 32);
        let mixed = mix.rows.iter().zip(&self.policies);
        let policies = mixed.map(|(chance, policy)| (*chance, maker(policy.as_ref()))).collect();
        let made = rounds.attack("the population", policies, seed, [None, None])?;
        self.blocks += made.curve.last().map_or(0, |(blocks, _)| *blocks);
        Ok(made.best)
    }
}

/// Writes the matrix and the mixtures as of a round.
fn write(folder: &Path, round: u32, population: &Population, mix: &Mixed) -> Result<(), Failure> {
    let names = |n: usize, first: &str, what: &str| -> Vec<String> {
        (0..n).map(|i| if i == 0 { first.to_owned() } else { format!("{what} {i}") }).collect()
    };
    let value = json!({
        "round": round,
        "policies": names(population.policies.len(), "deployed", "policy of round"),
        "attackers": names(population.attackers.len(), "as in the scenario", "attacker of round"),
        "objective_usd": population.payoffs.rows,
        "policy_chances": mix.rows,
        "attacker_chances": mix.columns,
        "value_usd": mix.value,
    });
    let path: PathBuf = folder.join(format!("payoffs-{round}.json"));
    fs::write(&path, format!("{value:#}\n")).map_err(RunError::io(&path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_policy_is_the_one_whose_worst_attacker_costs_least() {
        let rows = vec![vec![9.0, 9.0], vec![5.0, -3.0], vec![2.0, 1.0], vec![1.0, 1.0]];
        // The deployed parameters, in the first row, are no policy.
        assert_eq!(safest(&Payoffs { rows }), 2);
    }
}
