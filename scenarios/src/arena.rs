//! Where policies are compared: worlds by address, played to the end of an episode.

use crate::aim::Aim;
use crate::report::Entry;
use crate::reproduction::BrokenWorld;
use crate::statics::StaticParams;
use crate::totals::Totals;
use agents::policy::RiskPolicy;
use protocols::lending::Pooled;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sim::action::Side;

/// Which path of the recorded asset a world plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathChoice {
    /// Drawn from the scenario's training mixture.
    Drawn,
    /// A recorded window as it was, by its position in the scenario.
    Window(usize),
}

/// The address of a world: equal addresses give equal worlds, whoever plays in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldAddress {
    /// Run seed.
    pub seed: u64,
    /// Instance: names the world's luck.
    pub instance: u64,
    /// The recorded asset's path.
    pub path: PathChoice,
}

/// So many worlds of a seed on a choice of paths, from an instance on.
#[must_use]
pub fn worlds(seed: u64, first: u64, count: u32, path: PathChoice) -> Vec<WorldAddress> {
    let instances = first..first + u64::from(count);
    instances.map(|instance| WorldAddress { seed, instance, path }).collect()
}

/// Something that plays worlds.
pub trait Arena: Sync {
    /// Plays one episode from its first block to its last: the world's parameters are `statics`, and
    /// `policy` decides. The same arguments give the same totals, on any thread.
    ///
    /// # Errors
    /// An invariant broke: a fault of the simulator.
    fn play(
        &self,
        world: WorldAddress,
        statics: &StaticParams,
        policy: &mut dyn RiskPolicy,
    ) -> Result<Totals, Box<BrokenWorld>>;
    /// The market as deployed, before its first block.
    fn deployed(&self) -> &Pooled;
    /// Which heads policies hold here: a search moves no other parameters.
    fn side(&self) -> Side;
    /// What policies learn for here: a search aims for the same.
    fn aim(&self) -> Aim;
}

/// Makes a policy; called once per world, so that no state passes from one to another.
pub type MakePolicy<'a> = Box<dyn Fn() -> Box<dyn RiskPolicy> + Sync + 'a>;

/// A policy that takes part in a comparison.
pub struct Contestant<'a> {
    /// Name in the report.
    pub name: String,
    /// Parameters set before the first block.
    pub statics: StaticParams,
    /// One per training seed; a single one where nothing was trained.
    pub policies: Vec<MakePolicy<'a>>,
}

/// Plays every contestant on every world; `progress` hears the blocks of each finished episode.
///
/// # Errors
/// An invariant broke in some world.
pub fn compete(
    arena: &impl Arena,
    contestants: &[Contestant<'_>],
    worlds: &[WorldAddress],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<Entry>, Box<BrokenWorld>> {
    let mut jobs = Vec::new();
    for (c, contestant) in contestants.iter().enumerate() {
        for p in 0..contestant.policies.len() {
            jobs.extend((0..worlds.len()).map(|w| (c, p, w)));
        }
    }
    // Collected in job order: the result does not depend on which thread did what.
    let totals: Vec<Totals> = jobs
        .par_iter()
        .map(|&(c, p, w)| {
            let contestant = &contestants[c];
            let mut policy = contestant.policies[p]();
            let totals = arena.play(worlds[w], &contestant.statics, policy.as_mut())?;
            progress(totals.blocks);
            Ok(totals)
        })
        .collect::<Result<_, Box<BrokenWorld>>>()?;
    let mut rows = totals.chunks(worlds.len().max(1)).map(<[Totals]>::to_vec);
    let entry = |contestant: &Contestant<'_>| Entry {
        policy: contestant.name.clone(),
        totals: rows.by_ref().take(contestant.policies.len()).collect(),
    };
    Ok(contestants.iter().map(entry).collect())
}
