//! Policies and attackers trained in turn: policy-space response oracles (Lanctot et al., 2017,
//! arXiv:1711.00832) whose responses are learned, each against a mixture of all of the other side's so far.
//!
//! Payoffs are the scenario's objective, which the policies raise and the attackers lower: a game with one
//! winner. The policy that is kept is the one whose worst attacker of the population costs least.

use super::pursue::{Lesson, respond};
use super::seed::{Shared, Trained, checkpoint_path, train_seed};
use crate::output::Failure;
use agents::attack::{Assailant, Goal, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::learn::game_theory::matrix::{Mixed, Payoffs};
use agents::policy::{Hold, RiskPolicy};
use scenarios::arena::{Contestant, MakePolicy, PathChoice, WorldAddress, compete};
use scenarios::exploit::{Budget, Prey};
use scenarios::manifest::RunError;
use scenarios::schema::{PopulationSpec, TrainSpec};
use scenarios::statics::StaticParams;
use scenarios::stats::mean;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Instances of the worlds in which policies meet attackers for the matrix.
const MATRIX_INSTANCES: u64 = 1 << 43;

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
    let folder = shared.folder.join("population").join(format!("seed-{seed}"));
    fs::create_dir_all(&folder).map_err(RunError::io(&folder))?;
    let block_secs = f64::from(shared.loaded.scenario.block_secs);
    let idle_blocks = (spec.head_start_hours * 3_600.0 / block_secs) as u64;
    let pursuit = Pursuit { goal: Goal::Ruin, idle_blocks, sees_through: false };
    let mut population = Population {
        policies: vec![None],
        attackers: vec![Assailant::AsWritten],
        payoffs: Payoffs::default(),
        blocks: 0,
    };
    let mut trained: Vec<Trained> = Vec::new();
    let each = TrainSpec {
        budget_blocks: shared.spec.budget_blocks.div_ceil(u64::from(spec.rounds)),
        population: None,
        ..shared.spec.clone()
    };
    for round in 1..=spec.rounds {
        let mix = population.meet(shared, spec, seed, idle_blocks)?;
        write(&folder, round - 1, &population, &mix)?;
        let attacker = population.attack(shared, spec, &mix, pursuit, seed, round)?;
        let mixture: Vec<(f64, Assailant)> =
            mix.columns.iter().copied().zip(population.attackers.iter().cloned()).collect();
        let worlds = shared.worlds.clone().against(mixture, idle_blocks);
        let checkpoints = folder.join(format!("round-{round}"));
        // Each goes on from what the last had learned: a share of the budget is too little to begin anew.
        let last = folder.join(format!("round-{}", round - 1));
        let from = (round > 1).then(|| checkpoint_path(&last, seed)).transpose()?;
        let response = Shared {
            worlds: &worlds,
            spec: &each,
            folder: &checkpoints,
            from: from.as_deref(),
            ..*shared
        };
        let policy = train_seed(&response, seed)?;
        let path = folder.join(format!("attacker-{round}.bin"));
        if let Assailant::Learned(learned) = &attacker {
            fs::write(&path, learned.to_bytes()).map_err(RunError::io(&path))?;
        }
        population.policies.push(Some(policy.policy.clone().named(format!("round {round}"))));
        population.attackers.push(attacker);
        trained.push(policy);
        shared.output.note(&format!("seed {seed}: round {round} of {}", spec.rounds));
    }
    let mix = population.meet(shared, spec, seed, idle_blocks)?;
    write(&folder, spec.rounds, &population, &mix)?;
    let safest = safest(&population.payoffs);
    let worst = worst(&population.payoffs.rows[safest]);
    let log = trained.iter().flat_map(|t| t.log.clone()).collect();
    let blocks = population.blocks + trained.iter().map(|t| t.blocks).sum::<u64>();
    let chosen = trained.swap_remove(safest - 1);
    Ok(Trained { score: worst, blocks, log, ..chosen })
}

/// The worlds in which a seed's policies meet attackers.
pub(super) fn matrix_worlds(seed: u64, paths: u32) -> Vec<WorldAddress> {
    (0..u64::from(paths))
        .map(|i| MATRIX_INSTANCES + i)
        .map(|instance| WorldAddress { seed, instance, path: PathChoice::Drawn })
        .collect()
}

/// The least of a policy's payoffs.
pub(super) fn worst(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::INFINITY, f64::min)
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
    fn meet(
        &mut self,
        shared: &Shared<'_>,
        spec: &PopulationSpec,
        seed: u64,
        idle_blocks: u64,
    ) -> Result<Mixed, Failure> {
        let worlds = matrix_worlds(seed, spec.paths);
        for (column, attacker) in self.attackers.iter().enumerate() {
            let against = vec![(1.0, attacker.clone())];
            let arena = shared.worlds.clone().against(against, idle_blocks);
            let known =
                |row: usize| self.payoffs.rows.get(row).is_some_and(|row| row.len() > column);
            let rows: Vec<usize> = (0..self.policies.len()).filter(|row| !known(*row)).collect();
            let entries = {
                let contestants: Vec<Contestant<'_>> =
                    rows.iter().map(|row| self.contestant(*row)).collect();
                compete(&arena, &contestants, &worlds, &|_| ())?
            };
            for (row, entry) in rows.into_iter().zip(entries) {
                let totals = &entry.totals[0];
                self.blocks += totals.iter().map(|t| t.blocks).sum::<u64>();
                let objectives: Vec<f64> = totals.iter().map(|t| t.objective_usd).collect();
                if self.payoffs.rows.len() <= row {
                    self.payoffs.rows.resize(row + 1, Vec::new());
                }
                self.payoffs.rows[row].push(mean(&objectives));
            }
        }
        self.payoffs.solve(spec.solver).map_err(Failure::Message)
    }

    fn maker(&self, row: usize) -> MakePolicy<'_> {
        match &self.policies[row] {
            None => Box::new(|| Box::new(Hold)),
            Some(policy) => Box::new(move || Box::new(policy.clone()) as Box<dyn RiskPolicy>),
        }
    }

    fn contestant(&self, row: usize) -> Contestant<'_> {
        let policies = vec![self.maker(row)];
        Contestant { name: self.name(row), statics: StaticParams::default(), policies }
    }

    fn name(&self, row: usize) -> String {
        self.policies[row].as_ref().map_or("deployed", |policy| policy.name()).to_owned()
    }

    /// A new attacker, against the policies as mixed.
    fn attack(
        &mut self,
        shared: &Shared<'_>,
        spec: &PopulationSpec,
        mix: &Mixed,
        pursuit: Pursuit,
        seed: u64,
        round: u32,
    ) -> Result<Assailant, Failure> {
        let budget = Budget { blocks: spec.attacker_blocks, checks: 4 };
        // Every attacker of a seed has a seed of its own.
        let seed = seed ^ (u64::from(round) << 32);
        let every = u64::from(shared.worlds.decision_every_blocks().max(1));
        let made = {
            let mixed = mix.rows.iter().enumerate();
            let policies = mixed.map(|(row, chance)| (*chance, self.maker(row))).collect();
            let prey = Prey { worlds: shared.worlds, name: "the population".to_owned(), policies };
            let lesson = Lesson { budget, seed, from: None, to: None };
            respond(&prey, &shared.spec.ppo, every, pursuit, lesson, &|blocks| {
                shared.bar.inc(blocks);
            })?
        };
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
