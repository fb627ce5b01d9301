//! Where each number of an action may lie.

use serde::{Deserialize, Serialize};
use sim::environment::ActionSpace;

/// Bounds of an action's numbers, in the environment's units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Bounds {
    /// Bounds from `low` to `high`, `[A]` each.
    ///
    /// # Errors
    /// A sentence: none at all, unequally many, or a pair that is not finite or leaves no room.
    pub fn new(low: &[f32], high: &[f32]) -> Result<Self, String> {
        if low.is_empty() || low.len() != high.len() {
            return Err(format!("{} lower and {} upper bounds of actions", low.len(), high.len()));
        }
        for (i, (l, h)) in low.iter().zip(high).enumerate() {
            // Infinity and NaN make the width so, too.
            if !((h - l).is_finite() && l < h) {
                return Err(format!("number {i} of an action is bounded by {l} and {h}"));
            }
        }
        Ok(Self { low: low.to_vec(), high: high.to_vec() })
    }

    /// The space of actions within them.
    #[must_use]
    pub fn space(&self) -> ActionSpace {
        ActionSpace::Continuous { low: self.low.clone(), high: self.high.clone() }
    }
    /// Numbers in an action.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.low.len()
    }
    /// Never: an action has a number.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.low.is_empty()
    }
    /// Least values, `[A]`.
    #[must_use]
    pub fn low(&self) -> &[f32] {
        &self.low
    }
    /// Greatest values, `[A]`.
    #[must_use]
    pub fn high(&self) -> &[f32] {
        &self.high
    }
    /// Half the distance between the bounds of number `i`.
    #[must_use]
    pub fn half(&self, i: usize) -> f32 {
        (self.high[i] - self.low[i]) / 2.0
    }

    /// Number `i` from a squashed one in [−1, 1]; never beyond the bounds, whatever is rounded.
    #[must_use]
    pub fn place(&self, i: usize, squashed: f32) -> f32 {
        let (low, high) = (self.low[i], self.high[i]);
        (f32::midpoint(low, high) + self.half(i) * squashed).clamp(low, high)
    }
}

/// The space of a policy's actions: numbers within bounds, or choices per head where there are none.
pub(crate) fn space(heads: Vec<u32>, bounds: Option<&Bounds>) -> ActionSpace {
    bounds.map_or(ActionSpace::MultiDiscrete { heads }, Bounds::space)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept_whatever_is_rounded() {
        let bounds = Bounds::new(&[-2.0, 0.1, 1e8], &[3.0, 0.3, 1e8 + 8.0]).expect("room");
        assert_eq!([-1.0, 0.0, 1.0].map(|x| bounds.place(0, x)), [-2.0, 0.5, 3.0]);
        for i in 0..3 {
            for x in [-1.0, -0.999_999_9, -0.3, 0.3, 0.999_999_9, 1.0] {
                let placed = bounds.place(i, x);
                assert!((bounds.low()[i]..=bounds.high()[i]).contains(&placed));
            }
        }
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NEG_INFINITY, 1.0), (f32::NAN, 1.0)] {
            let refused = Bounds::new(&[0.0, low], &[1.0, high]).expect_err("no room");
            assert!(refused.contains("number 1 of an action"), "{refused}");
        }
        assert!(Bounds::new(&[], &[]).is_err());
    }
}
