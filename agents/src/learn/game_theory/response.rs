//! Exact values and best responses, by walking the whole game.

use std::collections::BTreeMap;

use super::{Game, Tabular, Turn, after};

/// What player 0 gets on average when `policies[i]` plays seat `i`.
#[must_use]
pub fn expected_value<G: Game>(policies: [&Tabular; 2]) -> f64 {
    value(&G::default(), policies)
}

fn value<G: Game>(game: &G, policies: [&Tabular; 2]) -> f64 {
    match game.turn() {
        Turn::Over(returns) => returns[0],
        Turn::Chance(moves) => {
            moves.iter().map(|(a, p)| p * value(&after(game, *a), policies)).sum()
        }
        Turn::Player(player) => {
            let chances = policies[player].probabilities(game);
            let legal = game.legal().into_iter().filter(|a| chances[*a] > 0.0);
            legal.map(|a| chances[a] * value(&after(game, a), policies)).sum()
        }
    }
}

/// The best that `player` can do against `other` in the other seat: its value to him, and the moves, the
/// lowest of equals.
#[must_use]
pub fn best_response<G: Game>(player: usize, other: &Tabular) -> (f64, Tabular) {
    let mut search = Search { player, other, positions: BTreeMap::new(), best: BTreeMap::new() };
    search.gather(&G::default(), 1.0);
    let value = search.value(&G::default());
    // Information that his own best moves never lead to has a best move all the same.
    let all: Vec<u64> = search.positions.keys().copied().collect();
    for information in all {
        search.best(information);
    }
    let table = search
        .best
        .into_iter()
        .map(|(information, action)| {
            let mut chances = vec![0.0; G::ACTIONS];
            chances[action] = 1.0;
            (information, chances)
        })
        .collect();
    (value, Tabular { table })
}

struct Search<'a, G> {
    player: usize,
    other: &'a Tabular,
    /// Positions by what the player knows there, with the chance that chance and the other lead there.
    positions: BTreeMap<u64, Vec<(G, f64)>>,
    best: BTreeMap<u64, usize>,
}

impl<G: Game> Search<'_, G> {
    fn gather(&mut self, game: &G, reach: f64) {
        match game.turn() {
            Turn::Over(_) => {}
            Turn::Chance(moves) => {
                for (action, chance) in moves {
                    self.gather(&after(game, action), reach * chance);
                }
            }
            Turn::Player(mover) if mover == self.player => {
                let here = self.positions.entry(game.information()).or_default();
                here.push((game.clone(), reach));
                for action in game.legal() {
                    self.gather(&after(game, action), reach);
                }
            }
            Turn::Player(_) => {
                let chances = self.other.probabilities(game);
                for action in game.legal() {
                    self.gather(&after(game, action), reach * chances[action]);
                }
            }
        }
    }

    fn value(&mut self, game: &G) -> f64 {
        match game.turn() {
            Turn::Over(returns) => returns[self.player],
            Turn::Chance(moves) => {
                moves.iter().map(|(a, p)| p * self.value(&after(game, *a))).sum()
            }
            Turn::Player(mover) if mover == self.player => {
                let action = self.best(game.information());
                self.value(&after(game, action))
            }
            Turn::Player(_) => {
                let chances = self.other.probabilities(game);
                let legal = game.legal().into_iter().filter(|a| chances[*a] > 0.0);
                legal.map(|a| chances[a] * self.value(&after(game, a))).sum()
            }
        }
    }

    fn best(&mut self, information: u64) -> usize {
        if let Some(action) = self.best.get(&information) {
            return *action;
        }
        let positions = self.positions.get(&information).cloned().unwrap_or_default();
        let legal = positions.first().map(|(game, _)| game.legal()).unwrap_or_default();
        let mut best = (legal.first().copied().unwrap_or(0), f64::NEG_INFINITY);
        for action in legal {
            let gain: f64 = positions
                .iter()
                .map(|(game, reach)| reach * self.value(&after(game, action)))
                .sum();
            // Rounding must not choose between equals.
            if gain > best.1 + 1e-12 {
                best = (action, gain);
            }
        }
        self.best.insert(information, best.0);
        best.0
    }
}

/// What both players together could gain by best responses: 0 at an equilibrium. `policies[i]` plays
/// seat `i`. Exploitability is half of it.
#[must_use]
pub fn nash_conv<G: Game>(policies: [&Tabular; 2]) -> f64 {
    best_response::<G>(0, policies[1]).0 + best_response::<G>(1, policies[0]).0
}
