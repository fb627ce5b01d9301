//! Meetings: policies play among others on the same worlds, and what each earns there chooses among them.

use super::seed::Shared;
use crate::output::Failure;
use agents::attack::{Assailant, Goal, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::policy::{Hold, RiskPolicy};
use scenarios::arena::{Contestant, MakePolicy, PathChoice, WorldAddress, compete, worlds};
use scenarios::assemble::Worlds;
use scenarios::manifest::RunError;
use scenarios::statics::StaticParams;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Instances of the worlds in which policies meet others to be scored.
const MEETING_INSTANCES: u64 = 1 << 43;

/// Where those meet who learn of a seed.
pub(super) struct Meetings<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) seed: u64,
    /// Where those who train them leave what they made.
    pub(super) folder: PathBuf,
    pub(super) pursuit: Pursuit,
    worlds: Vec<WorldAddress>,
}

impl<'a> Meetings<'a> {
    /// Meetings on so many worlds, after so many hours that a policy has to itself; `kind` names their folder.
    pub(super) fn begin(
        shared: &'a Shared<'a>,
        seed: u64,
        kind: &str,
        head_start_hours: f64,
        paths: u32,
    ) -> Result<Self, Failure> {
        let folder = shared.folder.join(kind).join(format!("seed-{seed}"));
        fs::create_dir_all(&folder).map_err(RunError::io(&folder))?;
        let idle_blocks = shared.loaded.scenario.blocks_of(head_start_hours);
        let pursuit = Pursuit { goal: Goal::Ruin, idle_blocks, sees_through: false };
        let worlds = worlds(seed, MEETING_INSTANCES, paths, PathChoice::Drawn);
        Ok(Self { shared, seed, folder, pursuit, worlds })
    }

    /// The scenario's worlds under an attacker.
    pub(super) fn under(&self, attacker: Assailant) -> Worlds {
        self.shared.worlds.clone().against(vec![(1.0, attacker)], self.pursuit.idle_blocks)
    }

    /// What policies earn in each world among others, in USD, `[policies, worlds]`, and the blocks played.
    pub(super) fn earned(
        &self,
        policies: &[(String, Option<&FrozenPolicy>)],
        arena: &Worlds,
    ) -> Result<(Vec<Vec<f64>>, u64), Failure> {
        let contestants: Vec<Contestant<'_>> = policies
            .iter()
            .map(|(name, policy)| Contestant {
                name: name.clone(),
                statics: StaticParams::default(),
                policies: vec![maker(*policy)],
            })
            .collect();
        let entries = compete(arena, &contestants, &self.worlds, &|_| ())?;
        let totals = || entries.iter().map(|entry| &entry.totals[0]);
        let blocks = totals().flatten().map(|t| t.blocks).sum();
        let earned = totals().map(|totals| totals.iter().map(|t| t.objective_usd).collect());
        Ok((earned.collect(), blocks))
    }

    /// Keeps an attacker that has learned, by a name.
    pub(super) fn store(&self, attacker: &Assailant, name: &str) -> Result<(), Failure> {
        let Some(bytes) = attacker.stored(self.shared.worlds.templates()) else { return Ok(()) };
        keep(&self.folder.join(format!("{name}.bin")), &bytes)
    }
}

/// Writes a file that a checkpoint will count on: it is on disk before that is.
pub(super) fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    Ok(write().map_err(RunError::io(path))?)
}

/// Makes a policy; the parameters as deployed where there is none.
pub(super) fn maker(policy: Option<&FrozenPolicy>) -> MakePolicy<'_> {
    match policy {
        None => Box::new(|| Box::new(Hold)),
        Some(policy) => Box::new(move || Box::new(policy.clone()) as Box<dyn RiskPolicy>),
    }
}

/// The least of a policy's payoffs.
pub(super) fn worst(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The policy, a row of payoffs each, whose worst meeting costs least; the first of equals.
pub(super) fn safest(rows: &[Vec<f64>]) -> usize {
    let mut best = 0;
    for row in 1..rows.len() {
        if worst(&rows[row]) > worst(&rows[best]) {
            best = row;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safest_policy_is_the_one_whose_worst_meeting_costs_least() {
        let rows = [vec![5.0, -3.0], vec![2.0, 1.0], vec![1.0, 1.0]];
        assert_eq!(safest(&rows), 1);
    }
}
