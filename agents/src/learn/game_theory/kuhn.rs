//! Kuhn poker (Kuhn, 1950): three cards, an ante of 1, one bet of 1. Value −1/18 for who moves first.

use serde::{Deserialize, Serialize};

use super::{Game, Turn};

/// Pass, or fold when the other has bet.
pub const PASS: usize = 0;
/// Bet, or call.
pub const BET: usize = 1;

/// A position of Kuhn poker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kuhn {
    /// Each player's card, 0 to 2; none before the deal.
    cards: Option<[u8; 2]>,
    moves: Vec<usize>,
}

impl Game for Kuhn {
    const ACTIONS: usize = 2;
    const FEATURES: usize = 3 + 4;

    fn turn(&self) -> Turn {
        let Some([first, second]) = self.cards else {
            return Turn::Chance((0..6).map(|deal| (deal, 1.0 / 6.0)).collect());
        };
        let showdown = |pot: f64| {
            let gain = if first > second { pot } else { -pot };
            Turn::Over([gain, -gain])
        };
        match self.moves.as_slice() {
            [PASS, PASS] => showdown(1.0),
            [BET, BET] | [PASS, BET, BET] => showdown(2.0),
            [BET, PASS] => Turn::Over([1.0, -1.0]),
            [PASS, BET, PASS] => Turn::Over([-1.0, 1.0]),
            moves => Turn::Player(moves.len() % 2),
        }
    }
    fn legal(&self) -> Vec<usize> {
        vec![PASS, BET]
    }
    fn play(&mut self, action: usize) {
        if self.cards.is_none() {
            let (first, rest) = (action as u8 / 2, action as u8 % 2);
            self.cards = Some([first, (first + 1 + rest) % 3]);
        } else {
            self.moves.push(action);
        }
    }
    fn information(&self) -> u64 {
        let card = self.cards.map_or(0, |cards| cards[self.moves.len() % 2]);
        self.moves.iter().fold(1 + u64::from(card), |key, action| key * 4 + *action as u64 + 1)
    }
    fn features(&self, out: &mut [f32]) {
        out.fill(0.0);
        if let Some(cards) = self.cards {
            out[usize::from(cards[self.moves.len() % 2])] = 1.0;
        }
        for (i, action) in self.moves.iter().enumerate().take(2) {
            out[3 + 2 * i + action] = 1.0;
        }
    }
}
