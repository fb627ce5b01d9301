//! Counterfactual regret minimisation (Zinkevich et al., 2007), players taking turns.

use std::collections::BTreeMap;

use super::{Game, Tabular, Turn, after};

/// Regrets and average policies so far.
#[derive(Clone, Debug)]
pub struct Cfr<G> {
    start: G,
    nodes: BTreeMap<u64, Node>,
}

#[derive(Clone, Debug)]
struct Node {
    regrets: Vec<f64>,
    /// Sum of policies, weighted by how likely the player comes there.
    policies: Vec<f64>,
    /// This iteration's policy.
    present: Vec<f64>,
}

impl<G: Game> Cfr<G> {
    /// Nothing regretted yet.
    #[must_use]
    pub fn new() -> Self {
        Self { start: G::default(), nodes: BTreeMap::new() }
    }

    /// One iteration: first player 0 learns, then player 1.
    pub fn iterate(&mut self) {
        for player in 0..2 {
            let start = self.start.clone();
            self.walk(&start, player, [1.0; 3]);
            for node in self.nodes.values_mut() {
                node.match_regrets();
            }
        }
    }

    /// The average policy, which approaches an equilibrium.
    #[must_use]
    pub fn average(&self) -> Tabular {
        let mut average = Tabular::default();
        for (information, node) in &self.nodes {
            let sum: f64 = node.policies.iter().sum();
            if sum > 0.0 {
                let shares = node.policies.iter().map(|p| p / sum).collect();
                average.table.insert(*information, shares);
            }
        }
        average
    }

    /// What `player` gets from here. `reach`: the chance of either player, and of chance, to come here.
    fn walk(&mut self, game: &G, player: usize, reach: [f64; 3]) -> f64 {
        let mover = match game.turn() {
            Turn::Over(returns) => return returns[player],
            Turn::Chance(moves) => {
                return moves
                    .iter()
                    .map(|(a, p)| {
                        let reach = [reach[0], reach[1], reach[2] * p];
                        p * self.walk(&after(game, *a), player, reach)
                    })
                    .sum();
            }
            Turn::Player(mover) => mover,
        };
        let information = game.information();
        let legal = game.legal();
        let node = self.nodes.entry(information).or_insert_with(|| Node::new::<G>(&legal));
        let present = node.present.clone();
        let mut values = vec![0.0; G::ACTIONS];
        let mut value = 0.0;
        for action in &legal {
            let mut further = reach;
            further[mover] *= present[*action];
            values[*action] = self.walk(&after(game, *action), player, further);
            value += present[*action] * values[*action];
        }
        if mover == player
            && let Some(node) = self.nodes.get_mut(&information)
        {
            let others = reach[1 - player] * reach[2];
            for action in legal {
                node.regrets[action] += others * (values[action] - value);
                node.policies[action] += reach[player] * present[action];
            }
        }
        value
    }
}

impl<G: Game> Default for Cfr<G> {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    fn new<G: Game>(legal: &[usize]) -> Self {
        let mut present = vec![0.0; G::ACTIONS];
        for action in legal {
            present[*action] = 1.0 / legal.len() as f64;
        }
        let regrets = present.iter().map(|p| if *p > 0.0 { 0.0 } else { f64::NEG_INFINITY });
        Self { regrets: regrets.collect(), policies: vec![0.0; G::ACTIONS], present }
    }

    fn match_regrets(&mut self) {
        let sum: f64 = self.regrets.iter().map(|r| r.max(0.0)).sum();
        let legal = self.regrets.iter().filter(|r| r.is_finite()).count() as f64;
        for (p, r) in self.present.iter_mut().zip(&self.regrets) {
            *p = match (r.is_finite(), sum > 0.0) {
                (false, _) => 0.0,
                (true, true) => r.max(0.0) / sum,
                (true, false) => 1.0 / legal,
            };
        }
    }
}
