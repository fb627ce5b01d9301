//! Regularised self-play: the learner plays a game against itself as it was an update ago, and an entropy
//! bonus that is not annealed keeps the chase from circling (policy-gradient self-play with a high entropy
//! bonus; Sokota et al., 2023, arXiv:2206.05825, for the magnetic view of it). The policy itself, not an
//! average over time, approaches an equilibrium whose distance the bonus sets.

use std::sync::Arc;

use tch::Device;

use super::config::PpoConfig;
use super::error::LearnError;
use super::game_theory::seat::{Seat, probabilities};
use super::game_theory::{Game, Tabular};
use super::ppo::{Ppo, UpdateLog};
use sim::lanes::Lanes;

/// A learner and its own shadow.
pub struct SelfPlay<G: Game> {
    run: Ppo<Seat<G>>,
    policy: Tabular,
}

impl<G: Game> SelfPlay<G> {
    /// A learner that plays both seats of `lanes` games at once.
    ///
    /// # Errors
    /// Those of [`Ppo::new`].
    pub fn new(config: PpoConfig, lanes: u64, device: Device) -> Result<Self, LearnError> {
        let seed = config.seed;
        let uniform = Arc::new(vec![(1.0, Tabular::default())]);
        let seats = (0..lanes).map(|lane| Seat::new(seed, lane, lanes, uniform.clone())).collect();
        let mut play = Self {
            run: Ppo::new(config, Lanes::new(seats, false), device)?,
            policy: Tabular::default(),
        };
        play.face_itself()?;
        Ok(play)
    }

    /// One update, then the shadow catches up.
    ///
    /// # Errors
    /// Those of [`Ppo::update`].
    pub fn update(&mut self) -> Result<UpdateLog, LearnError> {
        let log = self.run.update()?;
        self.face_itself()?;
        Ok(log)
    }

    /// The policy of this moment, in either seat.
    #[must_use]
    pub fn policy(&self) -> &Tabular {
        &self.policy
    }
    /// Decisions taken, all lanes.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.run.decisions()
    }

    fn face_itself(&mut self) -> Result<(), LearnError> {
        let mut frozen = self.run.policy("self")?;
        self.policy = Tabular::read(|game: &G| probabilities(&mut frozen, game));
        let opponents = Arc::new(vec![(1.0, self.policy.clone())]);
        for seat in self.run.lanes_mut().lanes_mut() {
            seat.set_opponents(opponents.clone());
        }
        Ok(())
    }
}
