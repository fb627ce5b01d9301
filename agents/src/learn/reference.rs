//! A policy held near another: the loss has the reverse KL divergence to a reference, a copy of the policy itself that is
//! refreshed from time to time (magnetic mirror descent with a moving magnet: Sokota et al., 2023, arXiv:2206.05825). In
//! self-play it damps the circling that gradients alone end in, as an entropy bonus does, whose reference is uniform.

use serde::{Deserialize, Serialize};

use super::error::LearnError;

/// How near, and to what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Weight of the divergence, in nats per decision, summed over heads.
    pub weight: f64,
    /// Updates after which the policy of the moment becomes the reference; the first one is the policy at the start.
    pub refresh_updates: u64,
}

impl Reference {
    /// Refuses settings that mean nothing.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        LearnError::refuse([
            ("reference.weight", self.weight.is_finite() && self.weight > 0.0, "above 0"),
            ("reference.refresh_updates", self.refresh_updates > 0, "at least 1"),
        ])
    }

    /// Whether an update, from 1, begins with a fresh reference.
    #[must_use]
    pub const fn refreshes(&self, update: u64) -> bool {
        (update - 1).is_multiple_of(self.refresh_updates)
    }
}
