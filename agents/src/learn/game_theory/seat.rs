//! One seat of a game as a world for a learner; somebody else has the other.

use std::sync::Arc;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sim::environment::{ActionSpace, Environment, Spec, StepOut};

use super::{Game, Tabular, Turn};
use crate::frozen::{FrozenPolicy, LEGAL_ABOVE};
use crate::learn::noise::uniform;

/// Who has the other seat: policies, one of which is drawn before each game by its weight. Weights add up
/// to 1.
pub type Opponents = Arc<Vec<(f64, Tabular)>>;

/// A game between a learner, who takes the seats in turn from episode to episode, and [`Opponents`].
/// Observation: [`Game::features`]; an episode is a game; the reward is its return.
#[derive(Clone, Debug)]
pub struct Seat<G> {
    spec: Spec,
    seed: u64,
    lanes: u64,
    episode: u64,
    seat: usize,
    /// Draws of this episode so far.
    draws: u64,
    game: G,
    opponents: Opponents,
    /// Which of them has the other seat in this episode.
    present: usize,
    summary: [(&'static str, f64); 1],
}

/// Draws of an episode's game; the opponent is drawn beyond them.
const DRAWS: u64 = 1 << 16;

impl<G: Game> Seat<G> {
    /// Lane `lane` of `lanes`: it plays every `lanes`-th episode.
    #[must_use]
    pub fn new(seed: u64, lane: u64, lanes: u64, opponents: Opponents) -> Self {
        let action = ActionSpace::MultiDiscrete { heads: vec![G::ACTIONS as u32] };
        Self {
            spec: Spec::new(G::FEATURES, action),
            seed,
            lanes,
            episode: lane,
            seat: 0,
            draws: 0,
            game: G::default(),
            present: 0,
            opponents,
            summary: [("return", 0.0)],
        }
    }

    /// Who may have the other seat from now on, in the running game too.
    pub fn set_opponents(&mut self, opponents: Opponents) {
        self.opponents = opponents;
        self.pick();
    }

    /// Draws who has the other seat in this episode.
    fn pick(&mut self) {
        let opponents = self.opponents.clone();
        let weights = opponents.iter().map(|(weight, _)| *weight);
        self.present = self.choose(DRAWS, weights.enumerate());
    }

    /// One of `chances` (move, chance), by draw `draw` of this episode.
    fn choose(&self, draw: u64, chances: impl Iterator<Item = (usize, f64)>) -> usize {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(self.episode);
        rng.set_word_pos(u128::from(draw) * 4);
        let mut left = uniform(&mut rng);
        let mut chosen = 0;
        for (action, chance) in chances.filter(|(_, chance)| *chance > 0.0) {
            chosen = action;
            left -= chance;
            if left < 0.0 {
                break;
            }
        }
        chosen
    }

    /// Lets chance and the opponent move until the learner is due or the game is over.
    fn advance(&mut self) -> Option<f64> {
        loop {
            let action = match self.game.turn() {
                Turn::Over(returns) => return Some(returns[self.seat]),
                Turn::Chance(moves) => self.choose(self.draws, moves.into_iter()),
                Turn::Player(player) if player == self.seat => return None,
                Turn::Player(_) => {
                    let (_, policy) = &self.opponents[self.present];
                    let chances = policy.probabilities(&self.game);
                    self.choose(self.draws, chances.into_iter().enumerate())
                }
            };
            self.draws += 1;
            self.game.play(action);
        }
    }

    fn begin(&mut self, episode: u64) {
        self.episode = episode;
        self.draws = 0;
        // Neighbouring lanes sit on either side; so does each lane, one episode after the other.
        self.seat = ((episode / self.lanes + episode) % 2) as usize;
        self.game = G::default();
        self.pick();
    }

    fn write(&self, obs: &mut [f32], mask: &mut [f32]) {
        self.game.features(obs);
        mask.fill(0.0);
        for action in self.game.legal() {
            mask[action] = 1.0;
        }
    }
}

impl<G: Game> Environment for Seat<G> {
    fn spec(&self) -> &Spec {
        &self.spec
    }
    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.begin(episode);
        // A game that is over before the learner moves teaches nothing: the next deal of the same episode.
        while self.advance().is_some() {
            self.game = G::default();
        }
        self.write(obs, action_mask);
    }
    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        self.game.play(action[0] as usize);
        let over = self.advance();
        *out.reward = over.unwrap_or(0.0) as f32;
        *out.elapsed_blocks = 1;
        *out.truncated = false;
        *out.terminated = over.is_some();
        if over.is_some() {
            self.summary[0].1 = over.unwrap_or(0.0);
            out.final_obs.fill(0.0);
            self.reset(self.episode + self.lanes, out.obs, out.action_mask);
        } else {
            self.write(out.obs, out.action_mask);
        }
    }
    fn save(&self) -> Vec<u8> {
        postcard::to_stdvec(&(self.episode, self.seat, self.draws, &self.game))
            .expect("plain numbers always serialise")
    }
    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        (self.episode, self.seat, self.draws, self.game) =
            postcard::from_bytes(bytes).map_err(|e| e.to_string())?;
        self.pick();
        Ok(())
    }
    fn episode(&self) -> u64 {
        self.episode
    }
    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}

/// The chance that `policy` makes each move, `[ACTIONS]`: the masked softmax of its logits.
#[must_use]
pub fn probabilities<G: Game>(policy: &mut FrozenPolicy, game: &G) -> Vec<f64> {
    let mut features = vec![0.0; G::FEATURES];
    game.features(&mut features);
    let mut mask = vec![0.0; G::ACTIONS];
    for action in game.legal() {
        mask[action] = 1.0;
    }
    let logits = policy.logits(&features, &mask);
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights: Vec<f64> = logits
        .iter()
        .zip(&mask)
        .map(|(x, m)| if *m > LEGAL_ABOVE { libm::exp(f64::from(x - highest)) } else { 0.0 })
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}
