//! Interest-rate models of isolated markets, per second in WAD.
//!
//! Sources: Morpho's public description of its adaptive-curve model (`AdaptiveCurveIrm`, `ExpLib`) and
//! of its fixed-rate one. All signed quotients truncate toward zero, as the contract's do.

use super::{IsolatedError, State, shares::wad_mul_down};
use markets::math::{Rounding, mul_div};
use markets::units::{Amount, SECONDS_PER_YEAR, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// 10¹⁸, signed.
const ONE: i128 = 1_000_000_000_000_000_000;
/// Seconds in 365 days, signed.
const YEAR: i128 = SECONDS_PER_YEAR as i128;
/// How many times the rate at target is the rate at full utilisation; at none it is its inverse.
pub const CURVE_STEEPNESS: i128 = 4 * ONE;
/// How fast the rate at target moves at full error, per second in WAD: 50 a year.
pub const ADJUSTMENT_SPEED: i128 = 50 * ONE / YEAR;
/// Utilisation at which the rate at target rests: 90 %.
pub const TARGET_UTILIZATION: i128 = 9 * ONE / 10;
/// The rate at target of a market at first: 4 % a year.
pub const INITIAL_RATE_AT_TARGET: i128 = 4 * ONE / 100 / YEAR;
/// Its least: 0.1 % a year.
pub const MIN_RATE_AT_TARGET: i128 = ONE / 1_000 / YEAR;
/// Its most: 200 % a year.
pub const MAX_RATE_AT_TARGET: i128 = 2 * ONE / YEAR;

/// An interest-rate model; rates are per second, in WAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Irm {
    /// The same rate always.
    Fixed {
        /// Per second.
        rate: Wad,
    },
    /// A straight line in utilisation.
    Linear {
        /// Per second where nothing is lent.
        base: Wad,
        /// What full utilisation adds, per second.
        slope: Wad,
    },
    /// Morpho's adaptive curve: the curve is fixed in shape, and its height moves with time spent away
    /// from the target utilisation.
    AdaptiveCurve,
}

impl Irm {
    /// The mean rate since the last accrual, and the rate at target now (adaptive curve only; else as
    /// it was).
    ///
    /// # Errors
    /// Arithmetic overflowed.
    pub fn borrow_rate(&self, state: &State, now: u64) -> Result<(U256, u64), IsolatedError> {
        match *self {
            Self::Fixed { rate } => Ok((rate.0, state.rate_at_target)),
            Self::Linear { base, slope } => {
                let grown = wad_mul_down(slope.0, utilization(state)?)?;
                let rate = base.0.checked_add(grown).ok_or(IsolatedError::Arithmetic)?;
                Ok((rate, state.rate_at_target))
            }
            Self::AdaptiveCurve => adaptive_curve(state, now),
        }
    }
}

/// Lent over supplied, in WAD, floored; zero where nothing is supplied.
///
/// # Errors
/// Arithmetic overflowed.
pub fn utilization(state: &State) -> Result<U256, IsolatedError> {
    if state.total_supply_assets.is_zero() {
        return Ok(U256::ZERO);
    }
    let Amount(supplied) = state.total_supply_assets;
    mul_div(state.total_borrow_assets.0, WAD, supplied, Rounding::Floor)
        .ok_or(IsolatedError::Arithmetic)
}

/// `AdaptiveCurveIrm._borrowRate`: the mean of the curve over the time since the last accrual, by the
/// trapezoidal rule with one point in the middle.
fn adaptive_curve(state: &State, now: u64) -> Result<(U256, u64), IsolatedError> {
    let overflow = IsolatedError::Arithmetic;
    let utilization = i128::try_from(utilization(state)?).ok().ok_or(overflow)?;
    let room = if utilization > TARGET_UTILIZATION {
        ONE - TARGET_UTILIZATION
    } else {
        TARGET_UTILIZATION
    };
    let error = wad_div(utilization.checked_sub(TARGET_UTILIZATION).ok_or(overflow)?, room)?;
    let start = i128::from(state.rate_at_target);
    let (mean, end) = if start == 0 {
        (INITIAL_RATE_AT_TARGET, INITIAL_RATE_AT_TARGET)
    } else {
        let speed = wad_mul(ADJUSTMENT_SPEED, error)?;
        let elapsed = i128::from(now.saturating_sub(state.last_update));
        let adaptation = speed.checked_mul(elapsed).ok_or(overflow)?;
        if adaptation == 0 {
            (start, start)
        } else {
            let end = rate_at_target(start, adaptation)?;
            let middle = rate_at_target(start, adaptation / 2)?;
            ((start + end + 2 * middle) / 4, end)
        }
    };
    let rate = curve(mean, error)?;
    let rate = u128::try_from(rate).ok().ok_or(overflow)?;
    let end = u64::try_from(end).ok().ok_or(overflow)?;
    Ok((U256::from(rate), end))
}

/// The curve: `((1 − 1/C)·err + 1)·r` below the target, `((C − 1)·err + 1)·r` above.
fn curve(rate_at_target: i128, error: i128) -> Result<i128, IsolatedError> {
    let slope =
        if error < 0 { ONE - wad_div(ONE, CURVE_STEEPNESS)? } else { CURVE_STEEPNESS - ONE };
    let height = wad_mul(slope, error)?.checked_add(ONE).ok_or(IsolatedError::Arithmetic)?;
    wad_mul(height, rate_at_target)
}

/// The rate at target after an adaptation, within its bounds.
fn rate_at_target(start: i128, adaptation: i128) -> Result<i128, IsolatedError> {
    let start = U256::from(start.unsigned_abs());
    let moved = wad_mul_down(start, exp(adaptation))?;
    let moved = i128::try_from(moved).unwrap_or(i128::MAX);
    Ok(moved.clamp(MIN_RATE_AT_TARGET, MAX_RATE_AT_TARGET))
}

/// ln 2 in WAD.
const LN_2: i128 = 693_147_180_559_945_309;
/// ln 10⁻¹⁸ in WAD: below it the exponential rounds to zero.
const LN_WEI: i128 = -41_446_531_673_892_822_312;
/// Above it the exponential is held (`WEXP_UPPER_BOUND`).
const EXP_UPPER_BOUND: i128 = 93_859_467_695_000_404_319;
/// What it is held at (`WEXP_UPPER_VALUE`).
fn exp_upper_value() -> U256 {
    U256::from(57_716_089_161_558_943_949_701_069_502_944_508_345_u128)
        * U256::from(1_000_000_000_000_000_000_000_u128)
        + U256::from(128_422_502_756_744_429_568_u128)
}

/// `eˣ` in WAD: `x = q·ln 2 + r` with `|r| ≤ ln 2 / 2`, and `eʳ` to the second order (`ExpLib.wExp`).
#[must_use]
pub fn exp(x: i128) -> U256 {
    if x < LN_WEI {
        return U256::ZERO;
    }
    if x >= EXP_UPPER_BOUND {
        return exp_upper_value();
    }
    let half = if x < 0 { -(LN_2 / 2) } else { LN_2 / 2 };
    let q = (x + half) / LN_2;
    let r = x - q * LN_2;
    let exp_r = (ONE + r + r * r / ONE / 2).unsigned_abs();
    if q >= 0 {
        U256::from(exp_r) << (q as usize)
    } else {
        U256::from(exp_r) >> (q.unsigned_abs() as usize)
    }
}

fn wad_mul(a: i128, b: i128) -> Result<i128, IsolatedError> {
    a.checked_mul(b).map(|product| product / ONE).ok_or(IsolatedError::Arithmetic)
}
fn wad_div(a: i128, b: i128) -> Result<i128, IsolatedError> {
    a.checked_mul(ONE).and_then(|a| a.checked_div(b)).ok_or(IsolatedError::Arithmetic)
}

/// `e^(x·n) − 1` to the third order, in WAD, floored term by term (`MathLib.wTaylorCompounded`).
///
/// # Errors
/// Arithmetic overflowed.
pub fn taylor_compounded(rate: U256, seconds: u64) -> Result<U256, IsolatedError> {
    let overflow = IsolatedError::Arithmetic;
    let (two, three) = (U256::from(2) * WAD, U256::from(3) * WAD);
    let first = rate.checked_mul(U256::from(seconds)).ok_or(overflow)?;
    let second = super::shares::product(first, first, two, Rounding::Floor)?;
    let third = super::shares::product(second, first, three, Rounding::Floor)?;
    first.checked_add(second).and_then(|sum| sum.checked_add(third)).ok_or(overflow)
}
