//! The search for an attack: proposals are grown, the promising ones get their amounts optimised, the best
//! are varied move by move, and the last word is the optimiser's.
//!
//! After FlashSyn (Chen, Beillahi, Long, FlashSyn: Flash Loan Attack Synthesis via Counter Example Driven
//! Approximation, ICSE 2024), but for its approximations: here the world itself is fast enough to be asked.

mod kinds;
mod rivals;

use super::moves::{Move, catalogue};
use super::optimise::{Peak, climb, evolve};
use super::play::{Ground, Played, Player, Record, Step};
use super::skeleton::{Proposal, grow};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sim::rng::{Purpose, Streams};

use kinds::Kinds;
pub use kinds::several;
pub use rivals::{Rivals, random_search, rivals};

/// ln of the range of shares that are tried: from all of it to a ten-thousandth.
const RANGE: f64 = 9.210_340_371_976_184;
/// Most moves that variation lets a bundle have.
const MOST_STEPS: usize = 9;
/// Proposals whose amounts are optimised at first: those that earn most, and those that might.
const PROMISING: [usize; 2] = [24, 16];
/// Simulations that a child's amounts get.
const BREEDING_SIMULATIONS: u64 = 160;
/// A move that adds less than this share of the profit is not needed.
const NEEDLESS: f64 = 1e-7;
/// Proposals that are bred.
const POOL: usize = 12;

/// How a search is run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Candidates that may be simulated.
    pub simulations: u64,
    /// Names the draws.
    pub seed: u64,
    /// Harm below this is none, in USD.
    pub least_loss_usd: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self { simulations: 200_000, seed: 1, least_loss_usd: 1_000.0 }
    }
}

/// The best so far, and when it was found.
#[derive(Clone, Debug)]
pub struct Tracker {
    /// Simulations, and the best profit after them in USD, at every improvement.
    pub curve: Vec<(u64, f64)>,
    best: Option<(f64, Vec<Step>)>,
    harm: Option<(f64, Vec<Step>)>,
    /// The best of every kind, where that is asked for.
    kinds: Option<Kinds>,
    least_loss_usd: f64,
    /// The least that counts as spent, in USD: gas, or a dollar.
    floor_usd: f64,
}

impl Tracker {
    fn new(options: &Options) -> Self {
        Self {
            curve: Vec::new(),
            best: None,
            harm: None,
            kinds: None,
            least_loss_usd: options.least_loss_usd,
            floor_usd: 1.0,
        }
    }
    /// Hears of a candidate.
    pub(super) fn note(&mut self, steps: &[Step], played: &Played, simulations: u64) {
        if !played.is_feasible() {
            return;
        }
        if self.best.as_ref().is_none_or(|(best, _)| played.profit_usd > *best) {
            self.best = Some((played.profit_usd, steps.to_vec()));
            self.curve.push((simulations, played.profit_usd));
        }
        if let Some(kinds) = &mut self.kinds {
            kinds.note(steps, played.profit_usd);
        }
        let harm = self.harm_of(played);
        if harm > 0.0 && self.harm.as_ref().is_none_or(|(most, _)| harm > *most) {
            self.harm = Some((harm, steps.to_vec()));
        }
    }
    /// The best profit so far, in USD; 0 where nothing went through.
    pub(super) fn most(&self) -> f64 {
        self.best.as_ref().map_or(0.0, |(profit, _)| *profit)
    }
    /// Protocol loss per dollar spent; 0 where the loss is none.
    fn harm_of(&self, played: &Played) -> f64 {
        if played.loss_usd < self.least_loss_usd {
            return 0.0;
        }
        played.loss_usd / played.spent_usd().max(self.floor_usd)
    }
}

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    Profit,
    Harm,
}

impl Aim {
    fn value(self, played: &Played, tracker: &Tracker) -> f64 {
        if !played.is_feasible() {
            // Below everything feasible, and the better the further it got.
            return -1e30 + played.progress * 1e24;
        }
        match self {
            Self::Profit => played.profit_usd,
            // Below the least loss, towards it.
            Self::Harm => match tracker.harm_of(played) {
                0.0 => played.loss_usd - played.spent_usd() - 1e15,
                harm => harm,
            },
        }
    }
}

/// A bundle that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Attack {
    /// Its moves.
    pub steps: Vec<Step>,
    /// Its transactions and measures.
    pub record: Record,
}

impl Attack {
    /// Protocol loss per dollar of own money that was spent for good; where the attack pays for itself,
    /// per dollar.
    #[must_use]
    pub fn harm_per_usd(&self) -> f64 {
        let played = &self.record.played;
        played.loss_usd / played.spent_usd().max(1.0)
    }
}

/// What a search found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The bundle that earns most. It may earn nothing: then nothing does, as far as was seen.
    pub best: Option<Attack>,
    /// The bundle that costs the protocols most per dollar spent, where any costs them something.
    pub harm: Option<Attack>,
    /// Candidates simulated.
    pub simulations: u64,
    /// Simulations, and the best profit after them in USD, at every improvement.
    pub curve: Vec<(u64, f64)>,
}

/// Searches a ground for the most profitable bundle and the most harmful one.
#[must_use]
pub fn search(ground: &Ground, options: &Options) -> Report {
    let Search { mut player, tracker, .. } = searched(ground, options, None);
    let simulations = player.simulations;
    let mut attack = |found: Option<(f64, Vec<Step>)>| {
        let (_, steps) = found?;
        let record = player.record(&steps)?;
        Some(Attack { steps, record })
    };
    Report {
        best: attack(tracker.best),
        harm: attack(tracker.harm),
        simulations,
        curve: tracker.curve,
    }
}

/// The whole search, and where it has got.
fn searched<'a>(ground: &'a Ground, options: &Options, kinds: Option<Kinds>) -> Search<'a> {
    let streams = Streams::new(options.seed, 0);
    let mut rng = streams.at(Purpose::Search, 0, 0, 0);
    let moves = moves_of(ground);
    let mut search = Search {
        player: Player::new(ground),
        tracker: Tracker { kinds, ..Tracker::new(options) },
        moves,
        end: options.simulations,
    };
    let budget = options.simulations;
    let grown =
        grow(&mut search.player, &search.moves, budget * 3 / 10, &mut rng, &mut search.tracker);
    let harm = search.most_harmful(&grown);
    // The most promising get a little of the optimiser; the best of these are bred and varied.
    let mut pool = promising(grown);
    let each = budget / 5 / pool.len().max(1) as u64;
    for proposal in &mut pool {
        search.tune(proposal, Aim::Profit, each, &mut rng);
    }
    sort_by_promise(&mut pool);
    pool.truncate(POOL);
    if let Some(mut harm) = harm {
        search.tune(&mut harm, Aim::Harm, budget / 20, &mut rng);
    }
    search.breed(&mut pool, budget * 3 / 10, &mut rng);
    pool.truncate(2);
    search.vary(&mut pool, budget / 10, &mut rng);
    if let Some((_, steps)) = search.tracker.best.clone() {
        let mut best = Proposal { played: search.player.play(&steps), steps };
        let left = search.left();
        search.tune(&mut best, Aim::Profit, left, &mut rng);
    }
    if let Some((profit, steps)) = search.tracker.best.take() {
        search.tracker.best = Some(search.simplify(profit, steps, NEEDLESS));
    }
    search
}

/// Sizes one list of moves, without a search for another; `None` where no size goes through.
#[must_use]
pub fn size(ground: &Ground, moves: &[Move], options: &Options) -> Option<Attack> {
    let mut rng = Streams::new(options.seed, 0).at(Purpose::Search, 4, 0, 0);
    let mut search = Search {
        player: Player::new(ground),
        tracker: Tracker::new(options),
        moves: Vec::new(),
        end: options.simulations,
    };
    // The best of some draws, three times over; the best of these has half of the budget.
    for _ in 0..3 {
        let mut best: Option<Proposal> = None;
        for _ in 0..(options.simulations / 40).max(1) {
            let steps: Vec<Step> =
                moves.iter().map(|action| Step::of(*action, draw_share(&mut rng))).collect();
            let played = search.player.play(&steps);
            search.tracker.note(&steps, &played, search.player.simulations);
            let value = Aim::Profit.value(&played, &search.tracker);
            let better = |old: &Proposal| value > Aim::Profit.value(&old.played, &search.tracker);
            if best.as_ref().is_none_or(better) {
                best = Some(Proposal { steps, played });
            }
        }
        if let Some(mut best) = best {
            search.tune(&mut best, Aim::Profit, options.simulations / 8, &mut rng);
        }
    }
    if let Some((_, steps)) = search.tracker.best.clone() {
        let mut best = Proposal { played: search.player.play(&steps), steps };
        let half = search.left() / 2;
        for _ in 0..2 {
            search.tune(&mut best, Aim::Profit, half, &mut rng);
        }
    }
    let (_, steps) = search.tracker.best?;
    let record = search.player.record(&steps)?;
    Some(Attack { steps, record })
}

/// All moves of a ground.
#[must_use]
pub fn moves_of(ground: &Ground) -> Vec<Move> {
    catalogue(&ground.chain, ground.attacker, ground.pending.len() as u32, ground.wait_blocks)
}

/// Those that earn most first; among those that cannot be closed, those with the most to gain.
fn sort_by_promise(proposals: &mut [Proposal]) {
    proposals.sort_by(|a, b| {
        b.played
            .profit_usd
            .total_cmp(&a.played.profit_usd)
            .then(b.played.potential_usd.total_cmp(&a.played.potential_usd))
    });
}

/// Those that earn most, and then those that might earn most, whatever they earn now.
fn promising(mut proposals: Vec<Proposal>) -> Vec<Proposal> {
    sort_by_promise(&mut proposals);
    let [earning, hoping] = PROMISING;
    let mut rest = proposals.split_off(earning.min(proposals.len()));
    rest.sort_by(|a, b| b.played.potential_usd.total_cmp(&a.played.potential_usd));
    rest.truncate(hoping);
    proposals.append(&mut rest);
    proposals
}

struct Search<'a> {
    player: Player<'a>,
    tracker: Tracker,
    moves: Vec<Move>,
    end: u64,
}

impl Search<'_> {
    /// Simulations left.
    fn left(&self) -> u64 {
        self.end.saturating_sub(self.player.simulations)
    }

    /// The proposal that does most harm per dollar; else the one that does most at all.
    fn most_harmful(&self, grown: &[Proposal]) -> Option<Proposal> {
        let feasible = grown.iter().filter(|p| p.played.is_feasible() && p.played.loss_usd > 0.0);
        feasible
            .max_by(|a, b| {
                let value = |p: &Proposal| Aim::Harm.value(&p.played, &self.tracker);
                value(a).total_cmp(&value(b))
            })
            .cloned()
    }

    /// Optimises a proposal's amounts within so many simulations.
    fn tune(&mut self, proposal: &mut Proposal, aim: Aim, budget: u64, rng: &mut ChaCha8Rng) {
        let budget = budget.min(self.left());
        if budget < 8 {
            return;
        }
        // Amounts of their own scale do not depend on one another.
        if let Some(record) = self.player.record(&proposal.steps) {
            for (step, size) in proposal.steps.iter_mut().zip(&record.sizes) {
                if size.peak > 0.0 && step.action.spends().is_some() {
                    step.scale = Some(size.peak);
                    step.share = if step.share >= 1.0 { 1.0 } else { size.used / size.peak };
                }
            }
        }
        let free: Vec<usize> =
            (0..proposal.steps.len()).filter(|i| proposal.steps[*i].action.is_sized()).collect();
        let mut steps = proposal.steps.clone();
        let at = free.iter().map(|i| coordinate(steps[*i].share)).collect();
        let Self { player, tracker, .. } = self;
        let played = player.play(&steps);
        let start = Peak { at, value: aim.value(&played, tracker) };
        let mut ask = |x: &[f64]| {
            for (i, u) in free.iter().zip(x) {
                steps[*i].share = share(*u);
            }
            let played = player.play(&steps);
            tracker.note(&steps, &played, player.simulations);
            aim.value(&played, tracker)
        };
        let evolving = budget * 3 / 5;
        let found = evolve(&start, 0.08, 1e-5, evolving, rng, &mut ask);
        let found = {
            let left = budget - evolving.min(budget);
            climb(&found, 0.02, 1e-9, left.saturating_sub(2), rng, &mut ask)
        };
        for (i, u) in free.iter().zip(&found.at) {
            proposal.steps[*i].share = share(*u);
        }
        proposal.played = player.play(&proposal.steps);
        tracker.note(&proposal.steps, &proposal.played, player.simulations);
    }

    /// Inserts, replaces and removes moves of the best; where that earns more, its amounts are optimised
    /// and it is varied again.
    fn vary(&mut self, pool: &mut [Proposal], budget: u64, rng: &mut ChaCha8Rng) {
        let until = (self.player.simulations + budget).min(self.end);
        let mut next = 0;
        while next < pool.len() && self.player.simulations < until {
            let parent = pool[next].clone();
            let gain = 1e-6 * parent.played.profit_usd.abs();
            let mut better: Vec<Proposal> = Vec::new();
            for steps in self.variations(&parent.steps) {
                if self.player.simulations >= until {
                    break;
                }
                let played = self.player.play(&steps);
                self.tracker.note(&steps, &played, self.player.simulations);
                // Another lender may earn nothing until the amounts have followed.
                let lender = steps.len() == parent.steps.len()
                    && steps.iter().zip(&parent.steps).any(|(new, old)| {
                        new.action != old.action && matches!(new.action, Move::Flash(_))
                    });
                let least = parent.played.profit_usd + if lender { -gain } else { gain };
                if played.is_feasible() && played.profit_usd > least {
                    better.push(Proposal { steps, played });
                }
            }
            sort_by_promise(&mut better);
            better.dedup_by_key(|proposal| proposal.actions());
            better.truncate(3);
            for proposal in &mut better {
                let left = until.saturating_sub(self.player.simulations);
                self.tune(proposal, Aim::Profit, (budget / 12).min(left), rng);
            }
            sort_by_promise(&mut better);
            match better.into_iter().next() {
                Some(best) if best.played.profit_usd > parent.played.profit_usd + gain => {
                    pool[next] = best;
                }
                _ => next += 1,
            }
        }
        sort_by_promise(pool);
    }

    /// Breeds proposals: random changes, one or more at a time; a child that goes through gets a little of
    /// the optimiser and takes the place of a worse one of its kind, or of the worst.
    fn breed(&mut self, pool: &mut Vec<Proposal>, budget: u64, rng: &mut ChaCha8Rng) {
        let until = (self.player.simulations + budget).min(self.end);
        while !pool.is_empty() && self.player.simulations < until {
            // The better of two.
            let lots = [rng.next_u64(), rng.next_u64()].map(|lot| lot as usize % pool.len());
            let parent = &pool[lots[0].min(lots[1])];
            let mut steps = parent.steps.clone();
            loop {
                self.mutate(&mut steps, rng);
                if rng.next_u64().is_multiple_of(2) {
                    break;
                }
            }
            let played = self.player.play(&steps);
            self.tracker.note(&steps, &played, self.player.simulations);
            if !played.is_feasible() || played.state == parent.played.state {
                continue;
            }
            let worst = pool.last().map_or(f64::NEG_INFINITY, |p| p.played.profit_usd);
            let (low, high) = (worst.min(0.0), pool[0].played.profit_usd.max(0.0));
            if played.profit_usd < low - 0.5 * (high - low) {
                continue;
            }
            let mut child = Proposal { steps, played };
            self.tune(&mut child, Aim::Profit, BREEDING_SIMULATIONS, rng);
            let kind = child.kind();
            let rival = pool.iter().position(|other| other.kind() == kind);
            let place = rival.unwrap_or(pool.len());
            if place == pool.len() {
                pool.push(child);
            } else if child.played.profit_usd > pool[place].played.profit_usd {
                pool[place] = child;
            }
            sort_by_promise(pool);
            pool.truncate(POOL);
        }
    }

    /// One random change.
    fn mutate(&self, steps: &mut Vec<Step>, rng: &mut ChaCha8Rng) {
        let mut below = |n: usize| (rng.next_u64() % n.max(1) as u64) as usize;
        let (kind, at, other) = (below(7), below(steps.len()), below(self.moves.len()));
        let Some(drawn) = self.moves.get(other).copied() else { return };
        let place = below(steps.len() + 1);
        match kind {
            0 | 1 if steps.len() < MOST_STEPS => {
                steps.insert(place, Step::of(drawn, draw_share(rng)));
            }
            2 if steps.len() > 1 => {
                steps.remove(at);
            }
            3 if steps.len() > 1 => {
                let next = (at + 1) % steps.len();
                steps.swap(at, next);
            }
            4 => {
                if let Some(step) = steps.get_mut(at) {
                    *step = Step { share: draw_share(rng), ..*step };
                }
            }
            5 => {
                // Another lender of the same asset.
                let flash = steps.iter_mut().find_map(|step| match step.action {
                    Move::Flash(lender) => Some((step, lender.asset())),
                    _ => None,
                });
                let Some((step, lent)) = flash else { return };
                let lends =
                    |action: &Move| matches!(action, Move::Flash(lender) if lender.asset() == lent);
                let count = self.moves.iter().filter(|action| lends(action)).count();
                let chosen =
                    self.moves.iter().filter(|action| lends(action)).nth(other % count.max(1));
                if let Some(action) = chosen {
                    *step = Step::of(*action, 1.0);
                }
            }
            _ => {
                if let Some(step) = steps.get_mut(at) {
                    *step = Step::of(drawn, draw_share(rng));
                }
            }
        }
    }

    /// Leaves out of a bundle that earns `profit` what it does not need: each move that brings less than this
    /// share of it.
    fn simplify(
        &mut self,
        mut profit: f64,
        mut steps: Vec<Step>,
        needless: f64,
    ) -> (f64, Vec<Step>) {
        let mut at = 0;
        while at < steps.len() && steps.len() > 1 {
            let mut fewer = steps.clone();
            fewer.remove(at);
            let played = self.player.play(&fewer);
            if played.is_feasible() && played.profit_usd >= profit - needless * profit.abs() {
                profit = played.profit_usd;
                steps = fewer;
                continue;
            }
            // Twice the same thing is once the sum.
            let twin = (0..at).find(|i| {
                steps[*i].action == steps[at].action && steps[*i].scale == steps[at].scale
            });
            if let Some(twin) = twin {
                fewer[twin].share = steps[twin].share + steps[at].share;
                let played = self.player.play(&fewer);
                if played.is_feasible() && played.profit_usd >= profit - 1e-6 * profit.abs() {
                    profit = played.profit_usd;
                    steps = fewer;
                    continue;
                }
            }
            at += 1;
        }
        (profit, steps)
    }

    /// Every list that is one move away.
    fn variations(&self, steps: &[Step]) -> Vec<Vec<Step>> {
        let mut all = Vec::new();
        for at in 0..steps.len() {
            let mut fewer = steps.to_vec();
            fewer.remove(at);
            all.push(fewer);
        }
        if steps.len() < MOST_STEPS {
            for at in 0..=steps.len() {
                for action in &self.moves {
                    for share in action.grid() {
                        let mut more = steps.to_vec();
                        more.insert(at, Step::of(*action, *share));
                        all.push(more);
                    }
                    // What the amounts before were tuned to carry is full: another loan needs more of them.
                    if matches!(action, Move::Borrow { .. }) {
                        let mut more = steps.to_vec();
                        for step in &mut more[..at] {
                            if step.action.spends().is_some() {
                                step.share = (2.0 * step.share).min(1.0);
                            }
                        }
                        more.insert(at, Step::of(*action, 1.0));
                        all.push(more);
                    }
                }
            }
        }
        for at in 0..steps.len() {
            for action in self.moves.iter().filter(|action| **action != steps[at].action) {
                for share in action.grid() {
                    let mut other = steps.to_vec();
                    other[at] = Step::of(*action, *share);
                    all.push(other);
                }
                if action.spends().is_some() && action.spends() == steps[at].action.spends() {
                    let mut other = steps.to_vec();
                    other[at].action = *action;
                    all.push(other);
                }
            }
        }
        all
    }
}

/// From a share to a coordinate: 1 is all, 0 a ten-thousandth.
fn coordinate(share: f64) -> f64 {
    if share >= 1.0 { 1.0 } else { 1.0 + libm::log(share.max(1e-4)) / RANGE }
}
/// And back.
fn share(coordinate: f64) -> f64 {
    if coordinate >= 1.0 { 1.0 } else { libm::exp(RANGE * (coordinate.max(0.0) - 1.0)) }
}

/// All of it in one of three, else even in the logarithm.
fn draw_share(rng: &mut impl Rng) -> f64 {
    let all = rng.next_u64().is_multiple_of(3);
    let u = markets::price::draw::uniform(rng.next_u64());
    if all { 1.0 } else { share(u) }
}
