//! The best constant parameters by CMA-ES, beside the random search: whether that one is limited by how it searches.

use super::{Candidate, ELITES, FINAL_FACTOR, Found, SearchWorlds, choose, evaluate, rank, worlds};
use crate::arena::Arena;
use crate::reproduction::BrokenWorld;
use crate::schema::SearchSpec;
use crate::statics::Coordinates;
use crate::stats::Draw;
use agents::evolution::Evolution;
use markets::price::draw::normal;

/// Standard deviation of the first generation, in parts of each range: the tutorial's 0.3 of where the optimum may
/// lie.
const FIRST_STEP: f64 = 0.3;
/// Tells this search's draws from those of the random one.
const DRAWS: u64 = 0x0c3a_e500;

/// Searches from the deployed parameters until both the rounds of `spec` and `budget_blocks` are spent. A round is a
/// generation, of `spec`'s candidates or of the tutorial's number, whichever is larger; it plays the same worlds as
/// the random search's round of the same number. The last mean and the best of the last generation are chosen among
/// as the random search's elites are, and under the same budget for the tail.
///
/// # Errors
/// An invariant broke in some world.
pub fn search(
    arena: &impl Arena,
    which: &SearchWorlds,
    spec: &SearchSpec,
    budget_blocks: u64,
    seed: u64,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Found, Box<BrokenWorld>> {
    let coordinates = Coordinates::of(arena.deployed(), arena.side());
    let (n, aim) = (coordinates.len(), arena.aim());
    let population = (spec.candidates as usize).max(Evolution::default_population(n));
    let mut evolution = Evolution::new(coordinates.deployed(), FIRST_STEP, population);
    let mut best = Vec::new();
    let (mut blocks, mut candidates, mut worlds_used) = (0, 0, 0);
    let mut round = 0;
    // Where nothing may be moved there is nothing to search.
    while n > 0 && (round <= u64::from(spec.refinements) || blocks < budget_blocks) {
        let mut draw = Draw::at(seed ^ DRAWS, round);
        let points = evolution.ask(|| normal(draw.next_u64()));
        let mut pool: Vec<Candidate> =
            points.iter().map(|x| Candidate::new(coordinates.statics(x))).collect();
        let fresh = worlds(which, seed, worlds_used, spec.paths as usize);
        worlds_used += spec.paths as usize;
        blocks += evaluate(arena, &mut pool, &fresh, progress)?;
        candidates += pool.len() as u64;
        let values: Vec<f64> = pool.iter().map(|c| aim.score(&c.totals)).collect();
        evolution.tell(&values);
        evolution.confine(0.0, 1.0);
        rank(&mut pool, aim);
        pool.truncate(ELITES - 1);
        best = pool;
        round += 1;
    }
    best.insert(0, Candidate::new(coordinates.statics(evolution.mean())));
    let last = worlds(which, seed, worlds_used, spec.paths as usize * FINAL_FACTOR);
    let (chosen, spent) = choose(arena, best, &last, progress)?;
    Ok(Found {
        objective_usd: chosen.objective_usd(),
        statics: chosen.statics,
        blocks: blocks + spent,
        candidates,
    })
}
