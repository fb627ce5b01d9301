//! What a search has to beat: chance, and one optimiser alone.

use super::super::moves::Move;
use super::super::optimise::{Peak, evolve};
use super::super::play::{Ground, Player, Step};
use super::super::skeleton::MOST_MOVES;
use super::{Aim, Options, Tracker, coordinate, draw_share, moves_of, share};
use rand::Rng;
use sim::rng::{Purpose, Streams};

/// Random search over the same moves, sizes and closing rules: what a search has to beat.
#[must_use]
pub fn random_search(ground: &Ground, options: &Options) -> Vec<(u64, f64)> {
    let mut rng = Streams::new(options.seed, 0).at(Purpose::Search, 1, 0, 0);
    let moves = moves_of(ground);
    let (loans, others): (Vec<Move>, Vec<Move>) =
        moves.iter().partition(|action| matches!(action, Move::Flash(_)));
    let (mut player, mut tracker) = (Player::new(ground), Tracker::new(options));
    let mut steps = Vec::new();
    while player.simulations < options.simulations && !others.is_empty() {
        steps.clear();
        // A loan in three of four.
        if !loans.is_empty() && !rng.next_u64().is_multiple_of(4) {
            steps.push(draw_step(&loans, &mut rng));
        }
        for _ in 0..=rng.next_u64() % MOST_MOVES as u64 {
            steps.push(draw_step(&others, &mut rng));
        }
        let played = player.play(&steps);
        tracker.note(&steps, &played, player.simulations);
    }
    tracker.curve
}

fn draw_step(moves: &[Move], rng: &mut impl Rng) -> Step {
    let action = moves[(rng.next_u64() % moves.len() as u64) as usize];
    Step::of(action, draw_share(rng))
}

/// The amounts of one list of moves, by other means: what the optimiser has to beat.
#[derive(Clone, Debug, PartialEq)]
pub struct Rivals {
    /// Random amounts: simulations, and the best profit after them in USD.
    pub random: Vec<(u64, f64)>,
    /// CMA-ES from random amounts, begun again where it has converged.
    pub evolution: Vec<(u64, f64)>,
}

/// Lets random amounts and CMA-ES alone try a list of moves, with the same number of simulations each.
#[must_use]
pub fn rivals(ground: &Ground, steps: &[Step], options: &Options) -> Rivals {
    let plain: Vec<Step> = steps.iter().map(|step| Step { scale: None, ..*step }).collect();
    let free: Vec<usize> = (0..plain.len()).filter(|i| plain[*i].action.is_sized()).collect();
    let streams = Streams::new(options.seed, 0);
    let random = {
        let mut rng = streams.at(Purpose::Search, 2, 0, 0);
        let (mut player, mut tracker) = (Player::new(ground), Tracker::new(options));
        let mut steps = plain.clone();
        while player.simulations < options.simulations {
            for i in &free {
                steps[*i].share = draw_share(&mut rng);
            }
            let played = player.play(&steps);
            tracker.note(&steps, &played, player.simulations);
        }
        tracker.curve
    };
    let mut rng = streams.at(Purpose::Search, 3, 0, 0);
    let (mut player, mut tracker) = (Player::new(ground), Tracker::new(options));
    let mut steps = plain;
    while player.simulations < options.simulations {
        let at: Vec<f64> = free.iter().map(|_| coordinate(draw_share(&mut rng))).collect();
        // One of them is for the start itself.
        let left = options.simulations - player.simulations - 1;
        let mut ask = |x: &[f64]| {
            for (i, u) in free.iter().zip(x) {
                steps[*i].share = share(*u);
            }
            let played = player.play(&steps);
            tracker.note(&steps, &played, player.simulations);
            Aim::Profit.value(&played, &tracker)
        };
        let start = Peak { value: ask(&at), at };
        if left < 8 {
            break;
        }
        evolve(&start, 0.3, 1e-6, left, &mut rng, &mut ask);
    }
    Rivals { random, evolution: tracker.curve }
}
