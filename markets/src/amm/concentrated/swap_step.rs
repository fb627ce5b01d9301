//! One step of a swap: within one range of constant liquidity.
//!
//! Source: Uniswap v3 Core §6.2.3; `SwapMath.computeSwapStep`.

use super::error::ConcentratedError;
use super::sqrt_price::{
    amount0_delta, amount0_delta_up_near, amount1_delta, covers_amount0,
    next_sqrt_price_from_input, next_sqrt_price_from_output,
};
use crate::math::{Rounding, mul_div};
use crate::units::{Pips, U256};

/// What a step did, in the tokens' smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// √price afterwards, Q64.96.
    pub sqrt_price: U256,
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
    use Rounding::{Ceil, Floor};
    let zero_for_one = current >= target;
    let input = |to: U256| {
        if zero_for_one {
            amount0_delta(to, current, liquidity, Ceil)
        } else {
            amount1_delta(current, to, liquidity, Ceil)
        }
    };
    let output = |to: U256| {
        if zero_for_one {
            amount1_delta(to, current, liquidity, Floor)
        } else {
            amount0_delta(current, to, liquidity, Floor)
        }
    };
    if exact_in {
        let kept = parts(remaining, PIPS - fee.0, PIPS, Floor)?;
        let known =
            if zero_for_one { covers_amount0(kept, target, current, liquidity) } else { None };
        let reached = match known {
            Some(false) => None,
            Some(true) => Some(input(target)?),
            None => Some(input(target)?).filter(|needed| kept >= *needed),
        };
        let sqrt_price = match reached {
            Some(_) => target,
            None => next_sqrt_price_from_input(current, liquidity, kept, zero_for_one)?,
        };
        let amount_in = match reached {
            Some(amount_in) => amount_in,
            None if zero_for_one => amount0_delta_up_near(sqrt_price, current, liquidity, kept)?,
            None => input(sqrt_price)?,
        };
        let amount_out = output(sqrt_price)?;
        let fee = if sqrt_price == target {
            parts(amount_in, fee.0, PIPS - fee.0, Ceil)?
        } else {
            // What did not move the price stays as a fee.
            remaining.wrapping_sub(amount_in)
        };
        Ok(Step { sqrt_price, amount_in, amount_out, fee })
    } else {
        let available = output(target)?;
        let (sqrt_price, amount_out) = if remaining >= available {
            (target, available)
        } else {
            let next = next_sqrt_price_from_output(current, liquidity, remaining, zero_for_one)?;
            (next, output(next)?.min(remaining))
        };
        let amount_in = input(sqrt_price)?;
        let fee = parts(amount_in, fee.0, PIPS - fee.0, Ceil)?;
        Ok(Step { sqrt_price, amount_in, amount_out, fee })
    }
}

/// The whole, in pips.
const PIPS: u32 = 1_000_000;

/// `amount · numerator / denominator`, both at most 10⁶.
#[inline(always)]
fn parts(
    amount: U256,
    numerator: u32,
    denominator: u32,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    let limbs = amount.as_limbs();
    if (limbs[2] | limbs[3] | (limbs[1] >> 44)) == 0 {
        // Below 2¹⁰⁸, so the product is below 2¹²⁸.
        let amount = u128::from(limbs[0]) | (u128::from(limbs[1]) << 64);
        let (product, denominator) = (amount * u128::from(numerator), u128::from(denominator));
        if denominator == 0 {
            return Err(ConcentratedError::Overflow);
        }
        let quotient = match (u64::try_from(product), denominator as u64) {
            (Ok(product), denominator) => u128::from(product / denominator),
            (Err(_), _) => product / denominator,
        };
        let up = rounding == Rounding::Ceil && quotient * denominator != product;
        return Ok(U256::from(quotient + u128::from(up)));
    }
    mul_div(amount, U256::from(numerator), U256::from(denominator), rounding)
        .ok_or(ConcentratedError::Overflow)
}
