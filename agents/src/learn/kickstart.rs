//! Learning from a teacher at first (kickstarting: Schmitt et al., 2018, arXiv:1803.03835): the learner plays, a
//! teacher says what it would have done in its place, and the loss has the cross-entropy to that, with a weight that
//! falls to nothing. What is left to learn from are rewards.

use serde::{Deserialize, Serialize};

use super::error::LearnError;

/// How strongly the teacher draws, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kickstart {
    /// Weight of the cross-entropy, in nats per decision, summed over heads, in the first update.
    pub weight: f64,
    /// Share of the updates over which it falls linearly to 0.
    pub share: f64,
}

impl Kickstart {
    /// Refuses settings that mean nothing.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        LearnError::refuse([
            ("kickstart.weight", self.weight.is_finite() && self.weight > 0.0, "above 0"),
            ("kickstart.share", self.share > 0.0 && self.share <= 1.0, "above 0, at most 1"),
        ])
    }

    /// The weight in an update, from 1, of so many.
    #[must_use]
    pub fn weight_at(&self, update: u64, updates: u64) -> f64 {
        let done = (update - 1) as f64 / updates as f64;
        self.weight * (1.0 - done / self.share).max(0.0)
    }
}

/// Says what it would do: from an observation as the environment gives it `[D]` and a mask `[L]` to legal choices
/// `[K]`. It remembers nothing from one to the next.
pub type Teacher = Box<dyn FnMut(&[f32], &[f32], &mut [f32]) + Send>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_falls_to_nothing_and_stays_there() {
        let kickstart = Kickstart { weight: 2.0, share: 0.5 };
        let weights: Vec<f64> = (1..=8).map(|update| kickstart.weight_at(update, 8)).collect();
        assert_eq!(weights, [2.0, 1.5, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0]);
        for (weight, share, field) in
            [(0.0, 0.5, "weight"), (1.0, 0.0, "share"), (1.0, 1.1, "share")]
        {
            let refused = Kickstart { weight, share }.check().expect_err("refused").to_string();
            assert!(refused.contains(&format!("kickstart.{field}")), "{refused}");
        }
    }
}
