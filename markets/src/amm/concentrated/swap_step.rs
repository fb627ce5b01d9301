//! One step of a swap: within one range of constant liquidity.
//!
//! Source: Uniswap v3 Core §6.2.3; `SwapMath.computeSwapStep`.

use super::error::ConcentratedError;
use super::sqrt_price::{
    amount0_between, amount0_delta_up_near, amount1_between, next_sqrt_price_from_input,
    next_sqrt_price_from_output,
};
use crate::math::{Rounding, mul_div};
use crate::narrow::{self, narrow, widen};
use crate::reciprocal::Divisor;
use crate::units::{Pips, U256};

/// What a step did, in the tokens' smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// √price afterwards, Q64.96.
    pub sqrt_price: U256,
    /// Whether that is the target.
    pub reached: bool,
    /// Paid into the curve, fee excluded; rounded up.
    pub amount_in: U256,
    /// Taken out of the curve; rounded down.
    pub amount_out: U256,
    /// Paid as a fee, in the input token; rounded up.
    pub fee: U256,
}

/// Moves from `current` toward `target`, as far as `remaining` (of the input where `exact_in`, else of the
/// output) goes. The direction is that of the target.
///
/// # Errors
/// [`ConcentratedError::Overflow`].
#[inline]
pub fn compute_swap_step(
    current: U256,
    target: U256,
    liquidity: u128,
    remaining: U256,
    exact_in: bool,
    fee: Pips,
) -> Result<Step, ConcentratedError> {
    let (fee, l) = (Fee::new(fee), liquidity);
    match (current >= target, exact_in) {
        (true, true) => swap_step::<true, true>(current, target, l, remaining, &fee),
        (true, false) => swap_step::<true, false>(current, target, l, remaining, &fee),
        (false, true) => swap_step::<false, true>(current, target, l, remaining, &fee),
        (false, false) => swap_step::<false, false>(current, target, l, remaining, &fee),
    }
}

/// [`compute_swap_step`] as a swap takes it many times: where `ZERO_FOR_ONE`, the target is at the current
/// price or below it.
#[inline(always)]
pub(super) fn swap_step<const ZERO_FOR_ONE: bool, const EXACT_IN: bool>(
    current: U256,
    target: U256,
    liquidity: u128,
    remaining: U256,
    fee: &Fee,
) -> Result<Step, ConcentratedError> {
    use Rounding::{Ceil, Floor};
    let zero_for_one = ZERO_FOR_ONE;
    let input = |to: U256| {
        if zero_for_one {
            amount0_between(to, current, liquidity, Ceil)
        } else {
            amount1_between(current, to, liquidity, Ceil)
        }
    };
    let output = |to: U256| {
        if zero_for_one {
            amount1_between(to, current, liquidity, Floor)
        } else {
            amount0_between(current, to, liquidity, Floor)
        }
    };
    if EXACT_IN {
        let covered = covers::<ZERO_FOR_ONE>(remaining, fee.pips, current, target, liquidity);
        let (sqrt_price, amount_in, reached) = match covered {
            Some(true) => (target, input(target)?, true),
            known => {
                let kept = parts(remaining, PIPS - fee.pips, Some(&WHOLE), Floor)?;
                let reached = match known {
                    None => Some(input(target)?).filter(|needed| kept >= *needed),
                    Some(_) => None,
                };
                match reached {
                    Some(amount_in) => (target, amount_in, true),
                    None => {
                        let next =
                            next_sqrt_price_from_input(current, liquidity, kept, zero_for_one)?;
                        let amount_in = if zero_for_one {
                            amount0_delta_up_near(next, current, liquidity, kept)?
                        } else {
                            input(next)?
                        };
                        (next, amount_in, next == target)
                    }
                }
            }
        };
        let amount_out = output(sqrt_price)?;
        let fee = if reached {
            parts(amount_in, fee.pips, fee.kept.as_ref(), Ceil)?
        } else {
            // What did not move the price stays as a fee.
            remaining.wrapping_sub(amount_in)
        };
        Ok(Step { sqrt_price, reached, amount_in, amount_out, fee })
    } else {
        let available = output(target)?;
        let (sqrt_price, amount_out) = if remaining >= available {
            (target, available)
        } else {
            let next = next_sqrt_price_from_output(current, liquidity, remaining, zero_for_one)?;
            (next, output(next)?.min(remaining))
        };
        let amount_in = input(sqrt_price)?;
        let fee = parts(amount_in, fee.pips, fee.kept.as_ref(), Ceil)?;
        Ok(Step { sqrt_price, reached: sqrt_price == target, amount_in, amount_out, fee })
    }
}

/// Whether `remaining`, less the fee, pays for the whole way to the target; `None` where it is too close
/// for floating-point numbers to say.
///
/// Each of the ten operations errs by at most 2⁻⁵³ of its result, and the integers that are compared are
/// rounded by less than one: far within the margin.
#[inline(always)]
fn covers<const ZERO_FOR_ONE: bool>(
    remaining: U256,
    fee: u32,
    current: U256,
    target: U256,
    liquidity: u128,
) -> Option<bool> {
    const MARGIN: f64 = 1.0 + 1e-9;
    const TWO_96: f64 = 79_228_162_514_264_337_593_543_950_336.0;
    let kept = near(remaining) * (f64::from(PIPS.saturating_sub(fee)) / f64::from(PIPS));
    let liquidity = near(U256::from(liquidity));
    let needed = if ZERO_FOR_ONE {
        let area = near(current) * near(target);
        near(current - target) * liquidity / area * TWO_96
    } else {
        near(target - current) * liquidity / TWO_96
    };
    if kept > needed * MARGIN + 4.0 {
        Some(true)
    } else if needed > kept * MARGIN + 4.0 && needed.is_finite() {
        Some(false)
    } else {
        None
    }
}

/// The integer as a floating-point number.
#[inline(always)]
fn near(x: U256) -> f64 {
    const TWO_64: f64 = 18_446_744_073_709_551_616.0;
    let l = x.as_limbs();
    let low = l[1] as f64 * TWO_64 + l[0] as f64;
    if (l[2] | l[3]) == 0 {
        low
    } else {
        (l[3] as f64 * TWO_64 + l[2] as f64) * (TWO_64 * TWO_64) + low
    }
}

/// The whole, in pips.
const PIPS: u32 = 1_000_000;

/// A fee and what it takes to reckon with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fee {
    pips: u32,
    /// The whole less the fee; nothing where the fee is all.
    kept: Option<Divisor>,
}

impl Fee {
    #[inline]
    pub(super) const fn new(fee: Pips) -> Self {
        let kept = PIPS - fee.0;
        Self { pips: fee.0, kept: if kept == 0 { None } else { Some(Divisor::new(kept as u64)) } }
    }
}

const WHOLE: Divisor = Divisor::new(PIPS as u64);

/// `amount · numerator / by`, both at most 10⁶; by nothing it overflows.
#[inline(always)]
fn parts(
    amount: U256,
    numerator: u32,
    by: Option<&Divisor>,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    let by = by.ok_or(ConcentratedError::Overflow)?;
    if let Some(amount) = narrow(amount)
        && let Some(part) = narrow::mul_div_by(amount, u64::from(numerator), *by, rounding)
    {
        return Ok(widen(part));
    }
    mul_div(amount, U256::from(numerator), U256::from(by.get()), rounding)
        .ok_or(ConcentratedError::Overflow)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    /// Integers of every magnitude up to so many bits.
    fn up_to(bits: usize) -> impl Strategy<Value = U256> {
        (any::<[u64; 4]>(), 0..bits, any::<bool>()).prop_map(move |(limbs, shift, ones)| {
            let x = if ones { U256::MAX } else { U256::from_limbs(limbs) };
            x >> (256 - bits + shift)
        })
    }

    #[test]
    fn an_integer_is_near_its_number_whichever_limbs_hold_it() {
        for limbs in
            [[5, 0, 0, 0], [0, 3, 0, 0], [1, 0, 1, 1], [0, 0, 7, 0], [0, 0, 0, 9], [1, 2, 3, 3]]
        {
            let exact: f64 = (0..4).map(|i| limbs[i] as f64 * libm::exp2(64.0 * i as f64)).sum();
            let ratio = near(U256::from_limbs(limbs)) / exact;
            assert!((ratio - 1.0).abs() < 1e-15, "{limbs:?}");
        }
    }

    /// A unit kept but for its fee is none; a tenth of a unit needed is one.
    #[test]
    fn small_amounts_are_left_to_the_integers() {
        let current = super::super::sqrt_price::Q96;
        let covered = |remaining: u64, liquidity| {
            covers::<false>(
                U256::from(remaining),
                3_000,
                current,
                current + U256::from(6),
                liquidity,
            )
        };
        for remaining in 0..5 {
            assert_eq!(covered(remaining, 1 << 90), None, "{remaining}");
        }
        assert_eq!(covered(6, 1 << 90), Some(true));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn parts_equal_the_general_ones(amount in up_to(130), pips in 0_u32..=PIPS, up in any::<bool>()) {
            let rounding = if up { Rounding::Ceil } else { Rounding::Floor };
            for (numerator, denominator) in [(PIPS - pips, PIPS), (pips, PIPS - pips)] {
                let by = (denominator != 0).then(|| Divisor::new(denominator.into()));
                let (n, d) = (U256::from(numerator), U256::from(denominator));
                let expected = mul_div(amount, n, d, rounding).ok_or(ConcentratedError::Overflow);
                prop_assert_eq!(parts(amount, numerator, by.as_ref(), rounding), expected);
            }
        }

        /// What is far from enough and what is plenty, and amounts beside the very one that is needed.
        #[test]
        fn what_floating_point_numbers_say_the_integers_say_too(
            a in up_to(160), b in up_to(160), liquidity in up_to(128), other in up_to(200),
            pips in 0_u32..PIPS, off in 0_u64..20
        ) {
            let (a, b, one) = (a + U256::from(1), b + U256::from(1), U256::from(1));
            prop_assume!(a >> 160 == U256::ZERO && b >> 160 == U256::ZERO);
            let liquidity = u128::try_from(liquidity).unwrap();
            let needed = if a >= b {
                amount0_between(b, a, liquidity, Rounding::Ceil)
            } else {
                amount1_between(a, b, liquidity, Rounding::Ceil)
            };
            let needed = needed.unwrap();
            let just = mul_div(needed, U256::from(PIPS), U256::from(PIPS - pips), Rounding::Ceil);
            let just = just.unwrap_or(needed);
            let near = just.saturating_add(U256::from(off)).saturating_sub(U256::from(10));
            for remaining in [other, near, just - (just >> 28), just + (just >> 28), one] {
                let kept = parts(remaining, PIPS - pips, Some(&WHOLE), Rounding::Floor).unwrap();
                let covered = if a >= b {
                    covers::<true>(remaining, pips, a, b, liquidity)
                } else {
                    covers::<false>(remaining, pips, a, b, liquidity)
                };
                if let Some(covered) = covered {
                    prop_assert_eq!(covered, kept >= needed);
                }
            }
        }
    }
}
