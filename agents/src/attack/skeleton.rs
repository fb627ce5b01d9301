//! Proposals: lists of moves, grown one move at a time from nothing.
//!
//! A beam search. Every kept list is extended by every move at a few sizes; what fails at once is dropped,
//! as is what leads to a state that was reached before (supplying and withdrawing again, two independent
//! moves in the other order). Of the rest a list ranks by what it earns with its open ends closed, or with
//! the best of the largest loans that it could still take (tried, each a simulation), or by what one market
//! would lend at fair prices if that is more: an attack that is half done has cost money, and these say what
//! for. Every second of three places goes to whatever moved the oracles
//! farthest, since that costs money first too, and every third is drawn by lot. Lists of the same moves
//! share a few places, so that one idea does not crowd out the others.

use super::moves::Move;
use super::play::{Played, Player, Step};
use super::synthesis::Tracker;
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Places that lists of the same moves share in a level.
const PLACES_PER_KIND: usize = 3;
/// Most moves of a list.
pub(super) const MOST_MOVES: usize = 5;

/// A proposal and what it came to as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) steps: Vec<Step>,
    pub(super) played: Played,
}

impl Proposal {
    /// Its moves, in order.
    pub(super) fn actions(&self) -> Vec<Move> {
        self.steps.iter().map(|step| step.action).collect()
    }
    /// Its moves, in no order.
    pub(super) fn kind(&self) -> Vec<Move> {
        let mut kind = self.actions();
        kind.sort_unstable();
        kind
    }
    fn rank(&self) -> f64 {
        self.played.profit_usd.max(self.played.potential_usd)
    }
}

/// Whether a move may follow these.
fn may_follow(steps: &[Step], next: Move) -> bool {
    let Some(last) = steps.last() else { return !next.ends_transaction() || is_wait_free(next) };
    // Loans come first, and a transaction is not ended twice.
    let opening =
        |step: &Step| matches!(step.action, Move::Flash(_)) || step.action.ends_transaction();
    match next {
        Move::Flash(_) => opening(last) && !steps.iter().any(|step| step.action == next),
        _ => {
            let twice = next.ends_transaction() && last.action.ends_transaction();
            !(twice || next.undoes(last.action))
        }
    }
}

/// An attack may begin behind a pending transaction, but not by doing nothing.
const fn is_wait_free(next: Move) -> bool {
    matches!(next, Move::LetPass { .. })
}

/// Grows proposals within a budget; the best amounts of every list of moves.
pub(super) fn grow(
    player: &mut Player<'_>,
    moves: &[Move],
    budget: u64,
    rng: &mut impl Rng,
    tracker: &mut Tracker,
) -> Vec<Proposal> {
    let end = player.simulations + budget;
    let mut found: BTreeMap<Vec<Move>, Proposal> = BTreeMap::new();
    let mut seen: BTreeSet<u64> = BTreeSet::new();
    let root = Proposal { steps: Vec::new(), played: player.play(&[]) };
    seen.insert(root.played.state);
    let mut level = vec![root];
    for depth in 0..MOST_MOVES {
        // Later levels are broader: each gets an equal part of what is left, the last ones included.
        let levels_left = (MOST_MOVES - depth) as u64;
        let until = player.simulations + end.saturating_sub(player.simulations) / levels_left;
        let mut next: Vec<Proposal> = Vec::new();
        for parent in &level {
            if player.simulations >= until {
                break;
            }
            let steps = &parent.steps;
            let mut children = moves
                .iter()
                .filter(|action| may_follow(steps, **action))
                .flat_map(|action| action.grid().iter().map(|share| Step::of(*action, *share)));
            let mut grown: Vec<(Step, Played)> = Vec::new();
            player.expand(steps, &mut children, &mut |child, played| grown.push((child, played)));
            for (child, played) in grown {
                // Failed at once.
                if played.potential_usd == f64::NEG_INFINITY {
                    continue;
                }
                let mut whole = steps.clone();
                whole.push(child);
                if !seen.insert(played.state ^ hidden(&whole, moves)) {
                    continue;
                }
                let proposal = Proposal { steps: whole, played };
                tracker.note(&proposal.steps, &proposal.played, player.simulations);
                if played.ahead[0].is_some() && played.potential_usd > tracker.most() {
                    // It is worth having at once, and after the last level there is no other time.
                    let mut steps = proposal.steps.clone();
                    steps.extend(played.ahead.into_iter().flatten().map(|b| Step::of(b, 1.0)));
                    let played = player.play(&steps);
                    tracker.note(&steps, &played, player.simulations);
                    keep(&mut found, &Proposal { steps, played });
                }
                keep(&mut found, &proposal);
                next.push(proposal);
            }
        }
        level = select(next, rng);
    }
    found.into_values().collect()
}

/// Keeps a proposal where it is the best of its list.
fn keep(found: &mut BTreeMap<Vec<Move>, Proposal>, proposal: &Proposal) {
    let actions = proposal.actions();
    let better = found.get(&actions).is_none_or(|old| {
        let key = |p: &Proposal| (p.played.profit_usd, p.played.potential_usd);
        key(proposal) > key(old)
    });
    if better {
        found.insert(actions, proposal.clone());
    }
}

/// A name of what a list has done that is not seen in balances (an oracle's memory, a parameter, a block gone
/// by); zero where that is nothing.
fn hidden(steps: &[Step], moves: &[Move]) -> u64 {
    let unseen = steps.iter().filter(|step| step.action.is_hidden());
    unseen.fold(0, |name, step| {
        let number = moves.iter().position(|action| *action == step.action).unwrap_or(0);
        sim::rng::mix(name ^ (number as u64 + 1))
    })
}

/// The next level, in the order in which it is to be extended.
fn select(mut proposals: Vec<Proposal>, rng: &mut impl Rng) -> Vec<Proposal> {
    proposals.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
    let mut places: BTreeMap<Vec<Move>, usize> = BTreeMap::new();
    proposals.retain(|proposal| {
        let taken = places.entry(proposal.kind()).or_default();
        *taken += 1;
        *taken <= PLACES_PER_KIND
    });
    let mut order = Vec::with_capacity(proposals.len());
    while !proposals.is_empty() {
        let next = match order.len() % 3 {
            0 => 0,
            1 => farthest(&proposals),
            _ => (rng.next_u64() % proposals.len() as u64) as usize,
        };
        order.push(proposals.remove(next));
    }
    order
}

/// The one that moved oracles most.
fn farthest(proposals: &[Proposal]) -> usize {
    let moved = |i: &usize| proposals[*i].played.distortion;
    let better = |a: &usize, b: &usize| moved(a).total_cmp(&moved(b)).then(b.cmp(a));
    (0..proposals.len()).max_by(better).unwrap_or(0)
}
