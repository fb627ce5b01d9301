//! Rounds in which a policy and attackers learn in turn: what a population and a league have in common.

use super::pursue::{Lesson, respond};
use super::seed::{Shared, Trained, checkpoint_path, train_seed};
use crate::output::Failure;
use agents::attack::{Assailant, Goal, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::policy::{Hold, RiskPolicy};
use scenarios::arena::{Contestant, MakePolicy, PathChoice, WorldAddress, compete, worlds};
use scenarios::exploit::{Budget, Made, Prey};
use scenarios::manifest::RunError;
use scenarios::schema::{PopulationSpec, TrainSpec};
use scenarios::statics::StaticParams;
use std::fs;
use std::path::{Path, PathBuf};

/// Instances of the worlds in which policies meet attackers to be scored.
const MEETING_INSTANCES: u64 = 1 << 43;
/// Times that an attacker's best is chosen anew in a round.
pub(super) const CHECKS: u32 = 4;

/// The rounds of a seed.
pub(super) struct Rounds<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) spec: &'a PopulationSpec,
    pub(super) seed: u64,
    /// Where they leave what they made.
    pub(super) folder: PathBuf,
    pursuit: Pursuit,
    worlds: Vec<WorldAddress>,
}

impl<'a> Rounds<'a> {
    pub(super) fn begin(
        shared: &'a Shared<'a>,
        spec: &'a PopulationSpec,
        seed: u64,
    ) -> Result<Self, Failure> {
        let folder = shared.folder.join("population").join(format!("seed-{seed}"));
        fs::create_dir_all(&folder).map_err(RunError::io(&folder))?;
        let block_secs = f64::from(shared.loaded.scenario.block_secs);
        let idle_blocks = (spec.head_start_hours * 3_600.0 / block_secs) as u64;
        let pursuit = Pursuit { goal: Goal::Ruin, idle_blocks, sees_through: false };
        let worlds = worlds(seed, MEETING_INSTANCES, spec.paths, PathChoice::Drawn);
        Ok(Self { shared, spec, seed, folder, pursuit, worlds })
    }

    /// What policies earn in each world under an attacker, in USD, `[policies, worlds]`, and the blocks played.
    pub(super) fn earned(
        &self,
        policies: &[(String, Option<&FrozenPolicy>)],
        attacker: &Assailant,
    ) -> Result<(Vec<Vec<f64>>, u64), Failure> {
        let against = vec![(1.0, attacker.clone())];
        let arena = self.shared.worlds.clone().against(against, self.pursuit.idle_blocks);
        let contestants: Vec<Contestant<'_>> = policies
            .iter()
            .map(|(name, policy)| Contestant {
                name: name.clone(),
                statics: StaticParams::default(),
                policies: vec![maker(*policy)],
            })
            .collect();
        let entries = compete(&arena, &contestants, &self.worlds, &|_| ())?;
        let totals = || entries.iter().map(|entry| &entry.totals[0]);
        let blocks = totals().flatten().map(|t| t.blocks).sum();
        let earned = totals().map(|totals| totals.iter().map(|t| t.objective_usd).collect());
        Ok((earned.collect(), blocks))
    }

    /// Lets an attacker learn against policies by their chances, for one of so many `parts` of its budget. It begins
    /// with the checkpoint `from`, if there is one, and leaves one at `to`.
    pub(super) fn attack(
        &self,
        name: &str,
        policies: Vec<(f64, MakePolicy<'_>)>,
        seed: u64,
        parts: u32,
        [from, to]: [Option<&Path>; 2],
    ) -> Result<Made, Failure> {
        let Shared { worlds, spec, bar, .. } = *self.shared;
        let blocks = self.spec.attacker_blocks.div_ceil(u64::from(parts));
        let budget = Budget { blocks, checks: u64::from(CHECKS / parts) };
        let every = u64::from(worlds.decision_every_blocks().max(1));
        let prey = Prey { worlds, name: name.to_owned(), policies };
        let lesson = Lesson { budget, seed, from, to };
        respond(&prey, &spec.ppo, every, self.pursuit, lesson, &|blocks| bar.inc(blocks))
    }

    /// Lets the policy learn against attackers by their chances: its share of the budget.
    pub(super) fn defend(
        &self,
        round: u32,
        mixture: Vec<(f64, Assailant)>,
    ) -> Result<Trained, Failure> {
        let worlds = self.shared.worlds.clone().against(mixture, self.pursuit.idle_blocks);
        let of_round = |round: u32| self.folder.join(format!("round-{round}"));
        // Each goes on from what the last had learned: a share of the budget is too little to begin anew.
        let last = || checkpoint_path(&of_round(round - 1), self.seed);
        let from = (round > 1).then(last).transpose()?;
        let each = TrainSpec {
            budget_blocks: self.shared.spec.budget_blocks.div_ceil(u64::from(self.spec.rounds)),
            population: None,
            ..self.shared.spec.clone()
        };
        let response = Shared {
            worlds: &worlds,
            spec: &each,
            folder: &of_round(round),
            from: from.as_deref(),
            ..*self.shared
        };
        train_seed(&response, self.seed)
    }

    /// Keeps an attacker that has learned, by a name.
    pub(super) fn store(&self, attacker: &Assailant, name: &str) -> Result<(), Failure> {
        let Some(bytes) = attacker.stored(self.shared.worlds.templates()) else { return Ok(()) };
        let path = self.folder.join(format!("{name}.bin"));
        fs::write(&path, bytes).map_err(RunError::io(&path))?;
        Ok(())
    }
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
