//! Policies and attackers trained in turn: policy-space response oracles (Lanctot et al., 2017,
//! arXiv:1711.00832) whose responses are learned, each against a mixture of all of the other side's so far.
//!
//! Payoffs are the scenario's objective, which the policies raise and the attackers lower: a game with one
//! winner. The policy that is kept is the one whose worst attacker of the population costs least.
//!
//! With `anytime` the mixture of policies is not the solver's but follows the attacker that learns against it, so
//! that on average it is hard to exploit for attackers that the population does not have yet (anytime PSRO:
//! McAleer et al., 2022, arXiv:2201.07700).

use super::meetings::{maker, safest, worst};
use super::rounds::{CHECKS, Rounds};
use super::seed::{Shared, Trained};
use crate::output::Failure;
use agents::attack::Assailant;
use agents::frozen::FrozenPolicy;
use agents::learn::game_theory::hedge::Hedge;
use agents::learn::game_theory::matrix::{Mixed, Payoffs};
use scenarios::manifest::RunError;
use scenarios::schema::PopulationSpec;
use scenarios::stats::mean;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Parts that an attacker learns in, where the mixture follows it: each ends where its best is chosen anew.
const PARTS: u32 = CHECKS;
/// Share of the solver's mixture that is spread evenly before it follows an attacker: no policy is out of reach.
const SPREAD: f64 = 0.1;

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

/// A part of an attacker's learning.
struct Part {
    /// Chances of the policies that it learned against.
    chances: Vec<f64>,
    /// What each policy earns under the attacker at the end of it, in USD.
    earned_usd: Vec<f64>,
    attacker: Assailant,
}

impl Part {
    /// What the policies earn under its attacker by these chances, in USD.
    fn earned_by(&self, chances: &[f64]) -> f64 {
        self.earned_usd.iter().zip(chances).map(|(earned, chance)| earned * chance).sum()
    }
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
        let mut mix = population.meet(&rounds)?;
        let (attacker, parts) = if spec.anytime {
            population.follow(&rounds, &mut mix, round)?
        } else {
            (population.attack(&rounds, &mix.rows, [round, 0], 1, [None, None])?, Vec::new())
        };
        write(&rounds.meetings.folder, round - 1, &population, &mix, &parts)?;
        let mixture: Vec<(f64, Assailant)> =
            mix.columns.iter().copied().zip(population.attackers.iter().cloned()).collect();
        let policy = rounds.defend(round, mixture)?;
        rounds.meetings.store(&attacker, &format!("attacker-{round}"))?;
        population.policies.push(Some(policy.policy.clone().named(format!("round {round}"))));
        population.attackers.push(attacker);
        trained.push(policy);
        shared.output.note(&format!("seed {seed}: round {round} of {}", spec.rounds));
    }
    let mix = population.meet(&rounds)?;
    write(&rounds.meetings.folder, spec.rounds, &population, &mix, &[])?;
    // The deployed parameters, in the first row, are no policy.
    let safest = 1 + safest(&population.payoffs.rows[1..]);
    let worst = worst(&population.payoffs.rows[safest]);
    let log = trained.iter().flat_map(|t| t.log.clone()).collect();
    let blocks = population.blocks + trained.iter().map(|t| t.blocks).sum::<u64>();
    let chosen = trained.swap_remove(safest - 1);
    Ok(Trained { score: worst, blocks, log, ..chosen })
}

impl Population {
    /// Fills in the matrix where members are new, and mixes both sides.
    fn meet(&mut self, rounds: &Rounds<'_>) -> Result<Mixed, Failure> {
        for (column, attacker) in self.attackers.iter().enumerate() {
            let known =
                |row: usize| self.payoffs.rows.get(row).is_some_and(|row| row.len() > column);
            let rows: Vec<usize> = (0..self.policies.len()).filter(|row| !known(*row)).collect();
            let (earned, blocks) = self.earned(rounds, &rows, attacker)?;
            self.blocks += blocks;
            for (row, earned) in rows.into_iter().zip(earned) {
                if self.payoffs.rows.len() <= row {
                    self.payoffs.rows.resize(row + 1, Vec::new());
                }
                self.payoffs.rows[row].push(earned);
            }
        }
        self.payoffs.solve(rounds.spec.solver).map_err(Failure::Message)
    }

    /// What policies earn under an attacker on average, in USD, and the blocks played.
    fn earned(
        &self,
        rounds: &Rounds<'_>,
        rows: &[usize],
        attacker: &Assailant,
    ) -> Result<(Vec<f64>, u64), Failure> {
        let policies: Vec<_> =
            rows.iter().map(|row| (self.name(*row), self.policies[*row].as_ref())).collect();
        let (earned, blocks) =
            rounds.meetings.earned(&policies, &rounds.meetings.under(attacker.clone()))?;
        Ok((earned.iter().map(|earned| mean(earned)).collect(), blocks))
    }

    fn name(&self, row: usize) -> String {
        self.policies[row].as_ref().map_or("deployed", |policy| policy.name()).to_owned()
    }

    /// An attacker after one of so many `parts` of its learning, against the policies by their chances.
    fn attack(
        &mut self,
        rounds: &Rounds<'_>,
        chances: &[f64],
        [round, part]: [u32; 2],
        parts: u32,
        checkpoints: [Option<&Path>; 2],
    ) -> Result<Assailant, Failure> {
        // Every part of every attacker of a seed has a seed of its own.
        let seed = rounds.meetings.seed ^ (u64::from(round) << 32) ^ (u64::from(part) << 48);
        let mixed = chances.iter().zip(&self.policies);
        let policies = mixed.map(|(chance, policy)| (*chance, maker(policy.as_ref()))).collect();
        let made = rounds.attack("the population", policies, seed, parts, checkpoints)?;
        self.blocks += made.curve.last().map_or(0, |(blocks, _)| *blocks);
        Ok(made.best)
    }

    /// An attacker that learns in parts, each going on from the last. After each, exponential weights move the
    /// mixture to the policies that do best against the attacker as it stands; what it was on average becomes the
    /// policies' side of `mix`. Returned is the attacker of the part that this costs most.
    fn follow(
        &mut self,
        rounds: &Rounds<'_>,
        mix: &mut Mixed,
        round: u32,
    ) -> Result<(Assailant, Vec<Part>), Failure> {
        let even = SPREAD / mix.rows.len() as f64;
        let prior = mix.rows.iter().map(|chance| (1.0 - SPREAD).mul_add(*chance, even)).collect();
        let mut hedge = Hedge::new(prior, PARTS);
        let checkpoint = rounds.meetings.folder.join(format!("attacker-{round}.ckpt"));
        let path = Some(checkpoint.as_path());
        let mut parts: Vec<Part> = Vec::new();
        for part in 0..PARTS {
            let chances = hedge.chances().to_vec();
            let checkpoints = [path.filter(|_| part > 0), path];
            let attacker = self.attack(rounds, &chances, [round, part], PARTS, checkpoints)?;
            let all: Vec<usize> = (0..self.policies.len()).collect();
            let (earned_usd, blocks) = self.earned(rounds, &all, &attacker)?;
            self.blocks += blocks;
            parts.push(Part { chances, earned_usd, attacker });
            hedge.observe(&self.gains(&parts));
        }
        fs::remove_file(&checkpoint).map_err(RunError::io(&checkpoint))?;
        mix.rows = hedge.average();
        mix.value = self.payoffs.mean(&mix.rows, &mix.columns);
        Ok((costliest(&parts, &mix.rows), parts))
    }

    /// What the policies earn under the last part's attacker, as shares of the range of all payoffs so far.
    fn gains(&self, parts: &[Part]) -> Vec<f64> {
        let payoffs = || {
            let earned = parts.iter().flat_map(|part| &part.earned_usd);
            self.payoffs.rows.iter().flatten().chain(earned).copied()
        };
        let low = payoffs().fold(f64::INFINITY, f64::min);
        let range = payoffs().fold(f64::NEG_INFINITY, f64::max) - low;
        let last = parts.last().map_or(&[][..], |part| &part.earned_usd);
        last.iter().map(|earned| if range > 0.0 { earned / range } else { 0.0 }).collect()
    }
}

/// The attacker of the part that costs these policies most; the first of equals.
fn costliest(parts: &[Part], chances: &[f64]) -> Assailant {
    let by = |a: &&Part, b: &&Part| a.earned_by(chances).total_cmp(&b.earned_by(chances));
    parts.iter().min_by(by).map_or(Assailant::Nobody, |part| part.attacker.clone())
}

/// Writes the matrix and the mixtures as of a round, and the parts in which the next attacker learned.
fn write(
    folder: &Path,
    round: u32,
    population: &Population,
    mix: &Mixed,
    parts: &[Part],
) -> Result<(), Failure> {
    let names = |n: usize, first: &str, what: &str| -> Vec<String> {
        (0..n).map(|i| if i == 0 { first.to_owned() } else { format!("{what} {i}") }).collect()
    };
    let part =
        |part: &Part| json!({ "policy_chances": part.chances, "objective_usd": part.earned_usd });
    let mut value = json!({
        "round": round,
        "policies": names(population.policies.len(), "deployed", "policy of round"),
        "attackers": names(population.attackers.len(), "as in the scenario", "attacker of round"),
        "objective_usd": population.payoffs.rows,
        "policy_chances": mix.rows,
        "attacker_chances": mix.columns,
        "value_usd": mix.value,
    });
    if !parts.is_empty() {
        value["parts"] = parts.iter().map(part).collect();
    }
    let path: PathBuf = folder.join(format!("payoffs-{round}.json"));
    fs::write(&path, format!("{value:#}\n")).map_err(RunError::io(&path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(chances: [f64; 2], earned_usd: [f64; 2]) -> Part {
        let (chances, earned_usd) = (chances.into(), earned_usd.into());
        Part { chances, earned_usd, attacker: Assailant::Nobody }
    }

    #[test]
    fn gains_are_shares_of_the_range_of_all_payoffs() {
        let payoffs = Payoffs { rows: vec![vec![6.0], vec![2.0]] };
        let (policies, attackers) = (Vec::new(), Vec::new());
        let population = Population { policies, attackers, payoffs, blocks: 0 };
        // The second policy earns 8 more under it, which is all of the range from -2 to 6.
        let parts = [part([0.5, 0.5], [4.0, 4.0]), part([0.5, 0.5], [-2.0, 6.0])];
        let gains = population.gains(&parts);
        assert_eq!(gains[1] - gains[0], 1.0);
        let same = [part([0.5, 0.5], [0.0, 0.0])];
        let nothing = Population { payoffs: Payoffs::default(), ..population };
        assert_eq!(nothing.gains(&same), [0.0, 0.0]);
    }

    #[test]
    fn the_attacker_of_a_round_is_the_one_that_costs_the_average_mixture_most() {
        let mut parts = [part([1.0, 0.0], [-9.0, 5.0]), part([0.0, 1.0], [0.0, -4.0])];
        parts[1].attacker = Assailant::AsWritten;
        // 1.5 against -3, and -5.5 against -1.
        assert!(matches!(costliest(&parts, &[0.25, 0.75]), Assailant::AsWritten));
        assert!(matches!(costliest(&parts, &[0.75, 0.25]), Assailant::Nobody));
    }
}
