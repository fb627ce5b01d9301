//! Several attacks in place of the best one: the best of each kind, where a kind is the places that an attack
//! needs, whatever it does there.

use super::super::play::{Ground, Step};
use super::super::skeleton::Proposal;
use super::super::venue::Venue;
use super::{Aim, Attack, Options, searched};
use sim::rng::{Purpose, Streams};
use std::collections::BTreeMap;

/// A kind's amounts get this part of the search's simulations once more.
const TUNING: u64 = 20;
/// A move that adds less than this share of the profit is left out: elsewhere it may not be possible.
const NEEDLESS: f64 = 0.01;
/// Kinds that are looked at again for each that is wanted: without what they do not need, some are one.
const SPARE: usize = 3;

/// The best of every kind so far, of those that earn enough.
#[derive(Clone, Debug)]
pub(super) struct Kinds {
    least_usd: f64,
    best: BTreeMap<Vec<Venue>, (f64, Vec<Step>)>,
}

impl Kinds {
    const fn new(least_usd: f64) -> Self {
        Self { least_usd, best: BTreeMap::new() }
    }

    /// Hears of a candidate that went through.
    pub(super) fn note(&mut self, steps: &[Step], profit_usd: f64) {
        if profit_usd < self.least_usd {
            return;
        }
        let kind = Venue::all(steps.iter().map(|step| step.action));
        if self.best.get(&kind).is_none_or(|(most, _)| profit_usd > *most) {
            self.best.insert(kind, (profit_usd, steps.to_vec()));
        }
    }

    /// Those that earn most, best first.
    fn most(self, count: usize) -> Vec<(f64, Vec<Step>)> {
        let mut all: Vec<_> = self.best.into_values().collect();
        // Stable: of equal ones in the order of their places.
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        all.truncate(count);
        all
    }
}

/// Searches a ground for the attacks that earn most, at most one of each kind and so many in all, best first;
/// none that earns less than `least_usd`. After the search each kind gets a twentieth of its simulations more.
#[must_use]
pub fn several(ground: &Ground, options: &Options, most: usize, least_usd: f64) -> Vec<Attack> {
    let mut search = searched(ground, options, Some(Kinds::new(least_usd)));
    let mut rng = Streams::new(options.seed, 0).at(Purpose::Search, 5, 0, 0);
    let found = search.tracker.kinds.take().map_or_else(Vec::new, |kinds| kinds.most(most * SPARE));
    let mut needed = Kinds::new(least_usd);
    for (mut profit, mut steps) in found {
        // What a later move needs is not needed once that is gone.
        loop {
            let before = steps.len();
            (profit, steps) = search.simplify(profit, steps, NEEDLESS);
            if steps.len() == before {
                break;
            }
        }
        needed.note(&steps, profit);
    }
    let mut attacks: Vec<Attack> = Vec::new();
    for (_, steps) in needed.most(most) {
        search.end = search.player.simulations + options.simulations / TUNING;
        let mut proposal = Proposal { played: search.player.play(&steps), steps };
        search.tune(&mut proposal, Aim::Profit, search.left(), &mut rng);
        let steps = proposal.steps;
        attacks.extend(search.player.record(&steps).map(|record| Attack { steps, record }));
    }
    attacks.sort_by(|a, b| b.record.played.profit_usd.total_cmp(&a.record.played.profit_usd));
    attacks
}
