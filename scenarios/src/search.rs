//! The best constant parameters: random search, then refinement around the best, with at least the
//! learner's budget of simulated blocks, on the learner's own distribution of worlds.

pub mod cma_es;

use crate::aim::Aim;
use crate::arena::{Arena, PathChoice, WorldAddress};
use crate::reproduction::BrokenWorld;
use crate::schema::SearchSpec;
use crate::statics::StaticParams;
use crate::stats::mean;
use crate::totals::Totals;
use agents::policy::Hold;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Candidates that survive a round.
const ELITES: usize = 4;
/// How many times more worlds the final choice among the elites is made on.
const FINAL_FACTOR: usize = 4;

/// Which worlds the search may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchWorlds {
    /// Training's own distribution, fresh worlds each round.
    Training,
    /// These windows: hindsight.
    Hindsight(Vec<usize>),
}

/// What the search found and what it spent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The best parameters.
    pub statics: StaticParams,
    /// Their mean objective on the worlds of the final choice, in USD per episode.
    pub objective_usd: f64,
    /// Blocks simulated.
    pub blocks: u64,
    /// Candidates tried.
    pub candidates: u64,
}

struct Candidate {
    statics: StaticParams,
    /// What it came to on this round's worlds, in world order.
    totals: Vec<Totals>,
}

impl Candidate {
    const fn new(statics: StaticParams) -> Self {
        Self { statics, totals: Vec::new() }
    }
    fn objective_usd(&self) -> f64 {
        mean(&self.totals.iter().map(|t| t.objective_usd).collect::<Vec<_>>())
    }
}

/// The best first.
fn rank(candidates: &mut [Candidate], aim: Aim) {
    candidates.sort_by(|a, b| aim.score(&b.totals).total_cmp(&aim.score(&a.totals)));
}

/// Searches until both the rounds of `spec` and `budget_blocks` are spent. `starts` compete from the
/// first round on, and candidates are drawn around them. What is found is
/// what policies learn for here.
///
/// # Errors
/// An invariant broke in some world.
pub fn search(
    arena: &impl Arena,
    which: &SearchWorlds,
    starts: &[StaticParams],
    spec: &SearchSpec,
    budget_blocks: u64,
    seed: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Found, Box<BrokenWorld>> {
    let (deployed, side) = (arena.deployed(), arena.side());
    let mut blocks = 0;
    let mut tried: u64 = 0;
    let mut worlds_used = 0;
    let aim = arena.aim();
    let mut elites: Vec<Candidate> = starts.iter().cloned().map(Candidate::new).collect();
    let mut round = 0;
    while round <= u64::from(spec.refinements) || blocks < budget_blocks {
        let mut pool: Vec<Candidate> = Vec::with_capacity(spec.candidates as usize + ELITES);
        for k in 0..u64::from(spec.candidates) {
            let index = tried + k;
            let statics = match elites.get(k as usize % ELITES.max(1)) {
                // One in four goes on searching at random.
                Some(elite) if k % 4 != 3 => elite.statics.neighbour(deployed, side, seed, index),
                _ => StaticParams::random(deployed, side, seed, index),
            };
            pool.push(Candidate::new(statics));
        }
        tried += u64::from(spec.candidates);
        let fresh = worlds(which, seed, worlds_used, spec.paths as usize);
        worlds_used += spec.paths as usize;
        // Newcomers and elites meet on the same fresh worlds.
        elites.iter_mut().for_each(|elite| elite.totals.clear());
        pool.append(&mut elites);
        blocks += evaluate(arena, &mut pool, &fresh, progress)?;
        rank(&mut pool, aim);
        pool.dedup_by(|a, b| a.statics == b.statics);
        pool.truncate(ELITES);
        elites = pool;
        round += 1;
    }
    let last = worlds(which, seed, worlds_used, spec.paths as usize * FINAL_FACTOR);
    let (best, spent) = choose(arena, elites, &last, progress)?;
    Ok(Found {
        objective_usd: best.objective_usd(),
        statics: best.statics,
        blocks: blocks + spent,
        candidates: tried,
    })
}

/// The best of many is lucky: chooses among the elites and the deployed parameters on worlds that none has seen.
/// Returns the choice and the blocks spent.
fn choose(
    arena: &impl Arena,
    mut elites: Vec<Candidate>,
    last: &[WorldAddress],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Candidate, u64), Box<BrokenWorld>> {
    for elite in &mut elites {
        elite.totals.clear();
    }
    if !elites.iter().any(|e| e.statics.0.is_empty()) {
        elites.push(Candidate::new(StaticParams::default()));
    }
    let blocks = evaluate(arena, &mut elites, last, progress)?;
    rank(&mut elites, arena.aim());
    Ok((elites.swap_remove(0), blocks))
}

/// Plays all candidates on the same worlds; returns the blocks spent.
fn evaluate(
    arena: &impl Arena,
    pool: &mut [Candidate],
    worlds: &[WorldAddress],
    progress: &(dyn Fn(u64) + Sync),
) -> Result<u64, Box<BrokenWorld>> {
    let jobs: Vec<(usize, WorldAddress)> =
        (0..pool.len()).flat_map(|c| worlds.iter().map(move |w| (c, *w))).collect();
    let totals: Vec<Totals> = jobs
        .par_iter()
        .map(|(c, world)| {
            let totals = arena.play(*world, &pool[*c].statics, &mut Hold)?;
            progress(totals.blocks);
            Ok(totals)
        })
        .collect::<Result<_, Box<BrokenWorld>>>()?;
    for ((c, _), t) in jobs.iter().zip(&totals) {
        pool[*c].totals.push(*t);
    }
    Ok(totals.iter().map(|t| t.blocks).sum())
}

/// Instances that evaluation never plays: evaluation counts from zero.
const SEARCH_INSTANCES: u64 = 1 << 40;

fn worlds(which: &SearchWorlds, seed: u64, from: usize, n: usize) -> Vec<WorldAddress> {
    (from..from + n)
        .map(|i| {
            let path = match which {
                SearchWorlds::Training => PathChoice::Drawn,
                SearchWorlds::Hindsight(windows) => PathChoice::Window(windows[i % windows.len()]),
            };
            WorldAddress { seed, instance: SEARCH_INSTANCES + i as u64, path }
        })
        .collect()
}
