//! A risk policy with a back door, to see whether attackers who are trained against it find it: it keeps one
//! reserve frozen, and thaws it while the reserve's pool stands away from the exchange. Whoever moves the
//! pool in the block before the policy looks has the reserve open in the block after.

use crate::baselines::choose;
use crate::policy::{RiskPolicy, offset_of, seen};
use protocols::risk_params::RiskParam;
use sim::action::{DOWN, HOLD, RESERVE_ACTIONS, UP};

/// Freezes a reserve unless it is told not to, through its own eyes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BackDoor {
    /// The reserve.
    pub reserve: usize,
    /// Distance of the pool's price from the exchange's, as a logarithm, from which on it thaws.
    pub gap: f64,
}

impl RiskPolicy for BackDoor {
    fn name(&self) -> &str {
        "back door"
    }
    fn reset(&mut self) {}
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        action.fill(HOLD as f32);
        let Some(freeze) = offset_of(RiskParam::Frozen) else { return };
        let head = self.reserve * RESERVE_ACTIONS.len() + freeze;
        let gap = seen(obs, self.reserve, "pool_gap").unwrap_or(0.0);
        let choice = if gap.abs() >= self.gap { DOWN } else { UP };
        choose(mask, action, head, choice);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::action::{CHOICES, heads};
    use sim::observe::{Visibility, dim, names};

    #[test]
    fn it_freezes_until_the_pool_is_moved() {
        let names = names(&["A", "B"], Visibility::Public);
        let at = names.iter().position(|n| n == "B_pool_gap").expect("a field");
        let mut row = vec![0.0; dim(2, Visibility::Public)];
        let mask = vec![1.0; heads(2) * CHOICES];
        let mut action = vec![0.0; heads(2)];
        let mut door = BackDoor { reserve: 1, gap: 0.03 };
        let head = RESERVE_ACTIONS.len() + offset_of(RiskParam::Frozen).expect("a head");
        // The field's scale is 0.02.
        for (scaled, choice) in [(0.0, UP), (1.4, UP), (1.6, DOWN), (-1.6, DOWN)] {
            row[at] = scaled;
            door.act(&row, &mask, &mut action);
            assert_eq!(action[head], choice as f32, "{scaled}");
            let others = action.iter().enumerate().filter(|(h, _)| *h != head);
            assert!(others.into_iter().all(|(_, a)| *a == HOLD as f32));
        }
    }
}
