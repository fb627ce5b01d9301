//! Small games of two players with hidden cards whose best answers are computed exactly: what learners of
//! adversarial play are held against.
//!
//! Values are in antes, returns of the two players add up to 0.

pub mod anytime;
pub mod cfr;
pub mod hedge;
pub mod kuhn;
pub mod leduc;
pub mod matrix;
pub mod oracle;
pub mod response;
pub mod seat;

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use kuhn::Kuhn;
pub use leduc::Leduc;
pub use response::{best_response, expected_value, nash_conv};
pub use seat::{Opponents, Seat};

/// Whose move it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// Chance draws one of these moves, with these probabilities.
    Chance(Vec<(usize, f64)>),
    /// A player, 0 or 1.
    Player(usize),
    /// The game is over: what each player gets.
    Over([f64; 2]),
}

/// A position of a game of perfect recall: nobody forgets what he saw or did.
pub trait Game: Clone + Debug + Default + Send + Sync + Serialize + DeserializeOwned {
    /// Moves that a player may have, legal or not.
    const ACTIONS: usize;
    /// Length of [`Game::features`].
    const FEATURES: usize;

    /// Whose move it is.
    fn turn(&self) -> Turn;
    /// Legal moves of the player whose move it is, ascending.
    fn legal(&self) -> Vec<usize>;
    /// Makes a move, of chance or of the player whose move it is.
    fn play(&mut self, action: usize);
    /// All that the player whose move it is knows, as a number: equal knowledge, equal number.
    fn information(&self) -> u64;
    /// The same as values between 0 and 1, `[FEATURES]`.
    fn features(&self, out: &mut [f32]);
}

/// A policy by information: probabilities of the moves, `[ACTIONS]`. Uniform over what is legal where
/// nothing is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tabular {
    /// By [`Game::information`].
    pub table: BTreeMap<u64, Vec<f64>>,
}

impl Tabular {
    /// The chance of each move at a position, `[ACTIONS]`.
    #[must_use]
    pub fn probabilities<G: Game>(&self, game: &G) -> Vec<f64> {
        self.table.get(&game.information()).cloned().unwrap_or_else(|| {
            let legal = game.legal();
            let mut uniform = vec![0.0; G::ACTIONS];
            for action in &legal {
                uniform[*action] = 1.0 / legal.len() as f64;
            }
            uniform
        })
    }

    /// Reads any policy at every position that can be reached: `policy` gives the chance of each move,
    /// `[ACTIONS]`.
    #[must_use]
    pub fn read<G: Game>(mut policy: impl FnMut(&G) -> Vec<f64>) -> Self {
        let mut read = Self::default();
        visit(&G::default(), &mut |game: &G| {
            read.table.entry(game.information()).or_insert_with(|| policy(game));
        });
        read
    }

    /// One policy that plays as if each of `policies` were drawn, with its weight, before each game:
    /// moves are weighted by how likely their policy comes there.
    #[must_use]
    pub fn mixture<G: Game>(policies: &[(f64, &Self)]) -> Self {
        let mut sums: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        let weights: Vec<f64> = policies.iter().map(|(weight, _)| *weight).collect();
        for player in 0..2 {
            mix(&G::default(), player, policies, &weights, &mut sums);
        }
        for sum in sums.values_mut() {
            let total: f64 = sum.iter().sum();
            if total > 0.0 {
                sum.iter_mut().for_each(|p| *p /= total);
            }
        }
        sums.retain(|_, sum| sum.iter().sum::<f64>() > 0.0);
        Self { table: sums }
    }
}

/// Every position where a player moves.
fn visit<G: Game>(game: &G, seen: &mut impl FnMut(&G)) {
    let moves: Vec<usize> = match game.turn() {
        Turn::Over(_) => return,
        Turn::Chance(moves) => moves.into_iter().map(|(action, _)| action).collect(),
        Turn::Player(_) => {
            seen(game);
            game.legal()
        }
    };
    for action in moves {
        visit(&after(game, action), seen);
    }
}

fn mix<G: Game>(
    game: &G,
    player: usize,
    policies: &[(f64, &Tabular)],
    reach: &[f64],
    sums: &mut BTreeMap<u64, Vec<f64>>,
) {
    match game.turn() {
        Turn::Over(_) => {}
        Turn::Chance(moves) => {
            for (action, _) in moves {
                mix(&after(game, action), player, policies, reach, sums);
            }
        }
        Turn::Player(mover) if mover != player => {
            for action in game.legal() {
                mix(&after(game, action), player, policies, reach, sums);
            }
        }
        Turn::Player(_) => {
            let chances: Vec<Vec<f64>> =
                policies.iter().map(|(_, policy)| policy.probabilities(game)).collect();
            // Equal at every position of equal information: counted once or often, the shares are the same.
            let sum = sums.entry(game.information()).or_insert_with(|| vec![0.0; G::ACTIONS]);
            for (chance, reach) in chances.iter().zip(reach) {
                for (sum, p) in sum.iter_mut().zip(chance) {
                    *sum += reach * p;
                }
            }
            for action in game.legal() {
                let further: Vec<f64> =
                    reach.iter().zip(&chances).map(|(r, c)| r * c[action]).collect();
                mix(&after(game, action), player, policies, &further, sums);
            }
        }
    }
}

fn after<G: Game>(game: &G, action: usize) -> G {
    let mut next = game.clone();
    next.play(action);
    next
}
