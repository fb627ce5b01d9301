//! The rule of one parameter: bounds, furthest moves, brake, interval and delay.

use super::{Direction, RiskError};
use serde::{Deserialize, Serialize};

/// How far one change may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// By at most this much, in the parameter's unit.
    Absolute(u64),
    /// By at most this share of the current value, in bps: 10,000 may double it, or cut it to the
    /// floor. At least one unit, so that small values are not stuck; nothing from zero.
    RelativeBps(u32),
}

impl Step {
    /// The furthest move from `current`, in the parameter's unit.
    #[must_use]
    pub fn size(self, current: u64) -> u64 {
        match self {
            Self::Absolute(size) => size,
            Self::RelativeBps(bps) if current == 0 || bps == 0 => 0,
            Self::RelativeBps(bps) => {
                let size = u128::from(current) * u128::from(bps) / 10_000;
                u64::try_from(size).unwrap_or(u64::MAX).max(1)
            }
        }
    }
}

/// A bound that may be reached in one change at any time, steps and intervals aside: the emergency
/// brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AtOnce {
    /// Neither bound.
    Never,
    /// The floor (LTV to zero).
    Floor,
    /// The ceiling (freeze).
    Ceil,
}

/// The rule of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Whether the policy may move it at all.
    pub enabled: bool,
    /// Smallest value, in the parameter's unit. A value outside the bounds may move toward them.
    pub floor: u64,
    /// Largest value, in the parameter's unit.
    pub ceil: u64,
    /// Furthest that one change may raise it.
    pub max_raise: Step,
    /// Furthest that one change may cut it.
    pub max_cut: Step,
    /// How far one move of a policy's action table goes, where the limits above let it: a policy that
    /// may double a cap or cut it to nothing still wants to move it by a quarter.
    pub policy_step: Step,
    /// The bound that may be reached at any time.
    pub at_once: AtOnce,
    /// Seconds between two changes of the same parameter.
    pub min_interval_secs: u64,
    /// Seconds between proposal and effect; zero: at once.
    pub delay_secs: u64,
}

impl Rule {
    /// The value one policy step away, within limits and bounds; `current` itself where they leave no
    /// room that way.
    #[must_use]
    pub fn step_value(&self, current: u64, direction: Direction) -> u64 {
        let step = self.policy_step.size(current);
        match direction {
            Direction::Up => {
                let raise = step.min(self.max_raise.size(current));
                current.saturating_add(raise).min(self.ceil).max(current)
            }
            Direction::Down => {
                let cut = step.min(self.max_cut.size(current));
                current.saturating_sub(cut).max(self.floor).min(current)
            }
        }
    }
    /// The bound that may be reached at any time, if one may.
    #[must_use]
    pub const fn brake_value(&self) -> Option<u64> {
        match self.at_once {
            AtOnce::Never => None,
            AtOnce::Floor => Some(self.floor),
            AtOnce::Ceil => Some(self.ceil),
        }
    }
    /// Whether going from `current`, last changed at `last` (zero: never), to `value` keeps the rule.
    ///
    /// # Errors
    /// What it breaks.
    pub fn allows(&self, current: u64, value: u64, last: u64, now: u64) -> Result<(), RiskError> {
        if !self.enabled {
            return Err(RiskError::NotAllowed);
        }
        if value == current {
            return Err(RiskError::NoChange);
        }
        let (floor, ceil) = (self.floor.min(current), self.ceil.max(current));
        if value < floor || value > ceil {
            return Err(RiskError::OutOfBounds { value, floor, ceil });
        }
        let braking = match self.at_once {
            AtOnce::Never => false,
            AtOnce::Floor => value == self.floor && value < current,
            AtOnce::Ceil => value == self.ceil && value > current,
        };
        if braking {
            return Ok(());
        }
        let step = if value > current { self.max_raise } else { self.max_cut };
        if value.abs_diff(current) > step.size(current) {
            return Err(RiskError::TooFast { value, current });
        }
        let from = last.saturating_add(self.min_interval_secs);
        if last != 0 && now < from {
            return Err(RiskError::TooEarly { from });
        }
        Ok(())
    }
}
