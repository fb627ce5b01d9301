//! Rounds in which a policy and attackers learn in turn: what a population and a league have in common.

use super::meetings::Meetings;
use super::pursue::{Lesson, respond};
use super::seed::{Shared, Trained, checkpoint_path, train_seed};
use crate::output::Failure;
use agents::attack::Assailant;
use scenarios::arena::MakePolicy;
use scenarios::exploit::{Budget, Made, Prey};
use scenarios::schema::{PopulationSpec, TrainSpec};
use std::path::Path;

/// Times that an attacker's best is chosen anew in a round.
pub(super) const CHECKS: u32 = 4;

/// The rounds of a seed.
pub(super) struct Rounds<'a> {
    pub(super) meetings: Meetings<'a>,
    pub(super) spec: &'a PopulationSpec,
}

impl<'a> Rounds<'a> {
    pub(super) fn begin(
        shared: &'a Shared<'a>,
        spec: &'a PopulationSpec,
        seed: u64,
    ) -> Result<Self, Failure> {
        let PopulationSpec { head_start_hours, paths, .. } = *spec;
        let meetings = Meetings::begin(shared, seed, "population", head_start_hours, paths)?;
        Ok(Self { meetings, spec })
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
        let Meetings { shared, pursuit, .. } = self.meetings;
        let Shared { worlds, spec, bar, .. } = *shared;
        let blocks = self.spec.attacker_blocks.div_ceil(u64::from(parts));
        let budget = Budget { blocks, checks: u64::from(CHECKS / parts) };
        let every = u64::from(worlds.decision_every_blocks().max(1));
        let prey = Prey { worlds, name: name.to_owned(), policies };
        let lesson = Lesson { budget, seed, from, to };
        respond(&prey, &spec.ppo, every, pursuit, lesson, bar)
    }

    /// Lets the policy learn against attackers by their chances: its share of the budget.
    pub(super) fn defend(
        &self,
        round: u32,
        mixture: Vec<(f64, Assailant)>,
    ) -> Result<Trained, Failure> {
        let Meetings { shared, seed, ref folder, pursuit, .. } = self.meetings;
        let worlds = shared.worlds.clone().against(mixture, pursuit.idle_blocks);
        let of_round = |round: u32| folder.join(format!("round-{round}"));
        // Each goes on from what the last had learned: a share of the budget is too little to begin anew.
        let last = || checkpoint_path(&of_round(round - 1), seed);
        let from = (round > 1).then(last).transpose()?;
        let each = TrainSpec {
            budget_blocks: shared.spec.budget_blocks.div_ceil(u64::from(self.spec.rounds)),
            population: None,
            ..shared.spec.clone()
        };
        let response = Shared {
            worlds: &worlds,
            spec: &each,
            folder: &of_round(round),
            from: from.as_deref(),
            ..*shared
        };
        train_seed(&response, seed)
    }
}
