//! Leduc hold'em (Southey et al., 2005, "Bayes' bluff"): two suits of three ranks, an ante of 1, a card each,
//! a round of betting by 2, a card on the table, a round by 4; at most two raises a round. A pair with the
//! table wins, then the higher rank.

use serde::{Deserialize, Serialize};

use super::{Game, Turn};

/// Give up; legal only against a raise.
pub const FOLD: usize = 0;
/// Put in what the other has, or check.
pub const CALL: usize = 1;
/// Call and raise.
pub const RAISE: usize = 2;

const RANKS: usize = 3;
const RAISES: usize = 2;
/// Moves of a round at most: check, raise, raise, call.
const MOVES: usize = 4;

/// A position of Leduc hold'em.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leduc {
    /// Ranks of the players' cards; none before the deal.
    cards: Option<[usize; 2]>,
    /// Rank of the card on the table.
    table: Option<usize>,
    /// Moves of each round.
    rounds: [Vec<usize>; 2],
    paid: [f64; 2],
    folded: Option<usize>,
}

impl Default for Leduc {
    fn default() -> Self {
        Self {
            cards: None,
            table: None,
            rounds: [Vec::new(), Vec::new()],
            paid: [1.0; 2],
            folded: None,
        }
    }
}

impl Leduc {
    fn round(&self) -> usize {
        usize::from(self.table.is_some())
    }
    fn moves(&self) -> &[usize] {
        &self.rounds[self.round()]
    }
    /// A round ends with a call that is not its first move.
    fn round_over(&self) -> bool {
        let moves = self.moves();
        moves.len() > 1 && moves.last() == Some(&CALL)
    }
    /// Cards left of a rank, the players' being `held`.
    fn left(rank: usize, held: &[usize]) -> f64 {
        2.0 - held.iter().filter(|r| **r == rank).count() as f64
    }
}

impl Game for Leduc {
    const ACTIONS: usize = 3;
    /// Own card, the table's, and three values per move of either round.
    const FEATURES: usize = 2 * RANKS + 2 * MOVES * 3;

    fn turn(&self) -> Turn {
        let Some(cards) = self.cards else {
            let deals = (0..RANKS * RANKS).map(|deal| {
                let (first, second) = (deal / RANKS, deal % RANKS);
                (deal, 2.0 / 6.0 * Self::left(second, &[first]) / 5.0)
            });
            return Turn::Chance(deals.collect());
        };
        if let Some(folded) = self.folded {
            let lost = self.paid[folded];
            return Turn::Over(if folded == 0 { [-lost, lost] } else { [lost, -lost] });
        }
        if !self.round_over() {
            return Turn::Player(self.moves().len() % 2);
        }
        let Some(table) = self.table else {
            let ranks = (0..RANKS).map(|rank| (rank, Self::left(rank, &cards) / 4.0));
            return Turn::Chance(ranks.filter(|(_, chance)| *chance > 0.0).collect());
        };
        let strength = |card: usize| if card == table { RANKS + card } else { card };
        let gain = match strength(cards[0]).cmp(&strength(cards[1])) {
            std::cmp::Ordering::Less => -self.paid[0],
            std::cmp::Ordering::Equal => 0.0,
            std::cmp::Ordering::Greater => self.paid[1],
        };
        Turn::Over([gain, -gain])
    }
    fn legal(&self) -> Vec<usize> {
        let player = self.moves().len() % 2;
        let raises = self.moves().iter().filter(|action| **action == RAISE).count();
        let mut legal = Vec::with_capacity(3);
        if self.paid[player] < self.paid[1 - player] {
            legal.push(FOLD);
        }
        legal.push(CALL);
        if raises < RAISES {
            legal.push(RAISE);
        }
        legal
    }
    fn play(&mut self, action: usize) {
        if self.cards.is_none() {
            self.cards = Some([action / RANKS, action % RANKS]);
        } else if self.round_over() {
            self.table = Some(action);
        } else {
            let player = self.moves().len() % 2;
            let raise = [2.0, 4.0][self.round()];
            match action {
                FOLD => self.folded = Some(player),
                CALL => self.paid[player] = self.paid[1 - player],
                _ => self.paid[player] = self.paid[1 - player] + raise,
            }
            let round = self.round();
            self.rounds[round].push(action);
        }
    }
    fn information(&self) -> u64 {
        let player = self.moves().len() % 2;
        let own = self.cards.map_or(0, |cards| cards[player]) as u64;
        let table = self.table.map_or(0, |rank| rank as u64 + 1);
        let mut key = 1 + own * 4 + table;
        for round in &self.rounds {
            key = round.iter().fold(key * 4, |key, action| key * 4 + *action as u64 + 1);
        }
        key
    }
    fn features(&self, out: &mut [f32]) {
        out.fill(0.0);
        let player = self.moves().len() % 2;
        if let Some(cards) = self.cards {
            out[cards[player]] = 1.0;
        }
        if let Some(rank) = self.table {
            out[RANKS + rank] = 1.0;
        }
        for (round, moves) in self.rounds.iter().enumerate() {
            for (i, action) in moves.iter().enumerate().take(MOVES) {
                out[2 * RANKS + (round * MOVES + i) * 3 + action] = 1.0;
            }
        }
    }
}
