//! Exogenous streams that agents can see: sentiment, a policy rate, whatever a scenario names.
//!
//! A factor moves by itself: nothing that happens in the world changes it. It is a number without effect on
//! prices; what it does, it does through those who look at it.

use bevy_ecs::prelude::Resource;
use markets::price::{Reversion, draw};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How a factor moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FactorSource {
    /// Around a mean: an Ornstein–Uhlenbeck process ([`Reversion`]).
    Reverting {
        /// The mean.
        mean: f64,
        /// Distance from it now.
        deviation: f64,
        /// The step of a block.
        step: Reversion,
    },
    /// A list of values, each from its time on; before the first, the first.
    Steps {
        /// Unix time and value, in order of time; never empty.
        steps: Vec<(u64, f64)>,
        /// The present one.
        at: usize,
    },
}

/// An exogenous stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Factor {
    /// Name, unique in the world.
    pub name: String,
    /// What its value is divided by in observations; positive.
    pub scale: f64,
    /// How it moves.
    pub source: FactorSource,
}

impl Factor {
    /// The present value.
    #[must_use]
    pub fn value(&self) -> f64 {
        match &self.source {
            FactorSource::Reverting { mean, deviation, .. } => mean + deviation,
            FactorSource::Steps { steps, at } => steps.get(*at).map_or(0.0, |(_, value)| *value),
        }
    }
}

/// The exogenous streams of a world, in the scenario's order; none by default.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Factors(pub Vec<Factor>);

impl Factors {
    /// The position of a factor.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<u16> {
        self.0.iter().position(|f| f.name == name).and_then(|i| u16::try_from(i).ok())
    }

    /// The value of the factor at a position; zero where there is none.
    #[must_use]
    pub fn value(&self, position: u16) -> f64 {
        self.0.get(usize::from(position)).map_or(0.0, Factor::value)
    }

    /// Moves all of them to a block that begins at `now`: a word of the stream for each that is random.
    pub fn step(&mut self, now: u64, rng: &mut impl Rng) {
        for factor in &mut self.0 {
            match &mut factor.source {
                FactorSource::Reverting { deviation, step, .. } => {
                    *deviation = step.step(*deviation, draw::normal(rng.next_u64()));
                }
                FactorSource::Steps { steps, at } => {
                    while steps.get(*at + 1).is_some_and(|(from, _)| *from <= now) {
                        *at += 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Streams};

    fn factor(source: FactorSource) -> Factors {
        Factors(vec![Factor { name: "mood".to_owned(), scale: 1.0, source }])
    }

    #[test]
    fn a_step_holds_from_its_time_until_the_next() {
        let mut factors =
            factor(FactorSource::Steps { steps: vec![(100, 1.0), (200, -2.0)], at: 0 });
        let mut rng = Streams::new(1, 1).at(Purpose::Test, 0, 0, 0);
        let mut at = |now| {
            factors.step(now, &mut rng);
            factors.value(0)
        };
        assert_eq!([at(50), at(199), at(200), at(900)], [1.0, 1.0, -2.0, -2.0]);
    }

    #[test]
    fn a_reverting_factor_has_the_stated_mean_and_deviation() {
        let half_life = 3_600.0;
        let vol = markets::price::ou::vol_per_sqrt_year(0.5, half_life);
        let step = Reversion::new(half_life, vol, 600).expect("sound");
        let mut factors = factor(FactorSource::Reverting { mean: 2.0, deviation: 0.0, step });
        let mut rng = Streams::new(1, 1).at(Purpose::Test, 0, 0, 0);
        let n = 60_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            factors.step(0, &mut rng);
            let x = factors.value(0) - 2.0;
            (sum, squares) = (sum + x, squares + x * x);
        }
        // Neighbours' correlation is 2^(−1/6): about 1/17 of the draws are independent.
        assert!((sum / f64::from(n)).abs() < 0.04, "{sum}");
        assert!(((squares / f64::from(n)).sqrt() / 0.5 - 1.0).abs() < 0.06, "{squares}");
    }
}
