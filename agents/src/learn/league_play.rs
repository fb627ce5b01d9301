//! A league of learners on a game whose best answers are known: one main agent, exploiters of both kinds, all by
//! proximal policy optimisation ([`super::league`] says who meets whom).

use std::sync::Arc;

use tch::Device;

use super::config::PpoConfig;
use super::error::LearnError;
use super::game_theory::matrix::{MetaSolver, Payoffs};
use super::game_theory::seat::{Opponents, Seat, probabilities};
use super::game_theory::{Game, Tabular, expected_value};
use super::league::{League, Role, Sides};
use super::noise::{Draw, Noise, uniform};
use super::ppo::Ppo;
use sim::lanes::Lanes;

/// How long everybody learns, and what a score is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeagueRules {
    /// Main exploiters.
    pub main_exploiters: u32,
    /// League exploiters.
    pub league_exploiters: u32,
    /// Updates of every player between two looks at who is kept.
    pub updates_per_turn: u64,
    /// Turns after which a player is kept at the latest.
    pub patience: u32,
    /// Advantage per game, in the game's own unit, that is worth a score of 1/(1 + 1/e) = 0.73: scores are
    /// logistic in advantages, as Elo's are in ratings.
    pub edge: f64,
}

/// A player that learns.
struct Player<G: Game> {
    id: usize,
    run: Ppo<Seat<G>>,
    /// Times that it began anew.
    resets: u64,
}

/// A league at play.
pub struct LeaguePlay<G: Game> {
    config: PpoConfig,
    lanes: u64,
    device: Device,
    rules: LeagueRules,
    noise: Noise,
    league: League,
    players: Vec<Player<G>>,
    /// Of every member, by number.
    policies: Vec<Tabular>,
    turns: u64,
    decisions: u64,
}

impl<G: Game> LeaguePlay<G> {
    /// A league at its beginning, every player with weights of its own. Each plays both seats of `lanes` games
    /// at once.
    ///
    /// # Errors
    /// Those of [`Ppo::new`].
    pub fn new(
        config: PpoConfig,
        lanes: u64,
        rules: LeagueRules,
        device: Device,
    ) -> Result<Self, LearnError> {
        let mut play = Self {
            noise: Noise::new(config.seed),
            league: League::new(Sides::Same, rules.patience),
            config,
            lanes,
            device,
            rules,
            players: Vec::new(),
            policies: Vec::new(),
            turns: 0,
            decisions: 0,
        };
        let exploiters = (0..rules.main_exploiters).map(|_| Role::MainExploiter);
        let searchers = (0..rules.league_exploiters).map(|_| Role::LeagueExploiter);
        for role in std::iter::once(Role::Main).chain(exploiters).chain(searchers) {
            let id = play.league.enter(role);
            let mut run = play.begin(id, 0)?;
            play.policies.push(read(&mut run)?);
            play.players.push(Player { id, run, resets: 0 });
        }
        play.score();
        // What the main agent began as is what there is to play at first.
        play.keep(0)?;
        Ok(play)
    }

    /// A player's run from the beginning.
    fn begin(&self, id: usize, resets: u64) -> Result<Ppo<Seat<G>>, LearnError> {
        let seed = self.config.seed ^ ((id as u64 + 1) << 32) ^ (resets << 48);
        let uniform = Arc::new(vec![(1.0, Tabular::default())]);
        let lanes = 0..self.lanes;
        let seats = lanes.map(|lane| Seat::new(seed, lane, self.lanes, uniform.clone())).collect();
        let config = PpoConfig { seed, ..self.config.clone() };
        Ppo::new(config, Lanes::new(seats, false), self.device)
    }

    /// A turn: everybody learns against whom the league says, learners as they are from update to update; then
    /// all are scored, and whoever is ready is kept.
    ///
    /// # Errors
    /// Those of [`Ppo::update`].
    pub fn turn(&mut self) -> Result<(), LearnError> {
        let matches: Vec<Vec<(f64, usize)>> =
            self.players.iter().map(|player| self.league.matches(player.id)).collect();
        for _ in 0..self.rules.updates_per_turn {
            for (player, matches) in self.players.iter_mut().zip(&matches) {
                let met = matches.iter().map(|(chance, id)| (*chance, self.policies[*id].clone()));
                let opponents: Opponents = Arc::new(met.collect());
                for seat in player.run.lanes_mut().lanes_mut() {
                    seat.set_opponents(opponents.clone());
                }
                let before = player.run.decisions();
                player.run.update()?;
                self.decisions += player.run.decisions() - before;
            }
            for player in &mut self.players {
                self.policies[player.id] = read(&mut player.run)?;
            }
        }
        for player in &self.players {
            self.league.learned(player.id);
        }
        self.score();
        for index in 0..self.players.len() {
            if self.league.is_ready(self.players[index].id) {
                self.keep(index)?;
            }
        }
        self.turns += 1;
        Ok(())
    }

    /// Keeps a player as it is, and lets it begin anew where the league says so.
    fn keep(&mut self, index: usize) -> Result<(), LearnError> {
        let (id, resets) = (self.players[index].id, self.players[index].resets + 1);
        let mut rng = self.noise.at(Draw::League, self.turns, 0, id as u64);
        let kept = self.league.keep(id, uniform(&mut rng));
        self.policies.push(self.policies[id].clone());
        if kept.resets {
            let mut run = self.begin(id, resets)?;
            self.policies[id] = read(&mut run)?;
            self.players[index] = Player { id, run, resets };
            self.score_of(id);
        }
        Ok(())
    }

    /// Scores all who learn against all.
    fn score(&mut self) {
        for index in 0..self.players.len() {
            self.score_of(self.players[index].id);
        }
    }

    fn score_of(&mut self, id: usize) {
        for other in (0..self.policies.len()).filter(|other| *other != id) {
            let advantage = self.advantage(id, other);
            let score = 1.0 / (1.0 + libm::exp(-advantage / self.rules.edge));
            self.league.set_score(id, other, score);
        }
    }

    /// What a member gains on another per game, seats taken in turn.
    fn advantage(&self, id: usize, other: usize) -> f64 {
        let (own, other) = (&self.policies[id], &self.policies[other]);
        (expected_value::<G>([own, other]) - expected_value::<G>([other, own])) / 2.0
    }

    /// Who is there, and what they score.
    #[must_use]
    pub const fn league(&self) -> &League {
        &self.league
    }
    /// The main agent's policy of this moment, in either seat.
    #[must_use]
    pub fn main(&self) -> &Tabular {
        &self.policies[self.players[0].id]
    }
    /// Decisions taken, by all players in all lanes.
    #[must_use]
    pub const fn decisions(&self) -> u64 {
        self.decisions
    }

    /// All members mixed as an equilibrium of their payoffs, as one policy for either seat.
    ///
    /// # Errors
    /// A sentence of the solver.
    pub fn mixture(&self) -> Result<Tabular, String> {
        let all = 0..self.policies.len();
        let row = |id: usize| all.clone().map(|other| self.advantage(id, other)).collect();
        let mixed = Payoffs { rows: all.clone().map(row).collect() }.solve(MetaSolver::Nash)?;
        let weighted: Vec<(f64, &Tabular)> = mixed.rows.into_iter().zip(&self.policies).collect();
        Ok(Tabular::mixture::<G>(&weighted))
    }
}

/// A learner's policy as a table.
fn read<G: Game>(run: &mut Ppo<Seat<G>>) -> Result<Tabular, LearnError> {
    let mut frozen = run.policy("player")?;
    Ok(Tabular::read(|game: &G| probabilities(&mut frozen, game)))
}
