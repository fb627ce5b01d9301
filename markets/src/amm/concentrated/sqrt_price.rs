//! What a move of the √price is worth in each token, and where an amount moves it.
//!
//! Source: Uniswap v3 Core §6.2.1–6.2.3; `SqrtPriceMath` for the directions of rounding: amounts paid to
//! the pool round up, amounts paid by it round down, and the price moves so that the pool never gives
//! more or takes less than the curve says.

use super::error::ConcentratedError;
use super::limbs::{product, quotient, shl_96, three, two};
use crate::math::{Rounding, mul_div};
use crate::narrow::narrow;
use crate::units::U256;
use crate::wide;

/// 2⁹⁶.
pub const Q96: U256 = U256::from_limbs([0, 1 << 32, 0, 0]);
/// 2¹²⁸.
pub const Q128: U256 = U256::from_limbs([0, 0, 1, 0]);

use ConcentratedError::Overflow;

/// Token 0 between two √prices: L · 2⁹⁶ · (b − a) / (a · b), in `token0`'s smallest units
/// (`getAmount0Delta`).
///
/// The contract divides by `b` and then by `a`, each in the same direction; a nested floor is the floor
/// of the whole, and so is a ceiling, hence one division here.
///
/// # Errors
/// [`ConcentratedError::Overflow`] where a √price is zero or above 160 bits.
#[inline]
pub fn amount0_delta(
    sqrt_a: U256,
    sqrt_b: U256,
    liquidity: u128,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    let (a, b) = if sqrt_a > sqrt_b { (sqrt_b, sqrt_a) } else { (sqrt_a, sqrt_b) };
    amount0_between(a, b, liquidity, rounding)
}

/// [`amount0_delta`] from `a` up to `b`.
#[inline]
pub(super) fn amount0_between(
    a: U256,
    b: U256,
    liquidity: u128,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    if a.is_zero() {
        return Err(Overflow);
    }
    // Fits: the difference is below b, so the quotient is below L · 2⁹⁶ / a.
    if let (Some(a), Some(b)) = (narrow(a), narrow(b)) {
        let [n0, n1, n2, n3]: [u64; 4] = product(two(liquidity), two(b.wrapping_sub(a)));
        let [d0, d1, d2, d3]: [u64; 4] = product(two(a), two(b));
        let numerator = shl_96([n0, n1, n2, n3, 0]);
        return quotient(numerator, [d0, d1, d2, d3, 0, 0], rounding).ok_or(Overflow);
    }
    let numerator = shl_96(product(two(liquidity), three(b - a)?));
    quotient(numerator, product(three(a)?, three(b)?), rounding).ok_or(Overflow)
}

/// [`amount0_delta`] rounded up, where `guess` most likely is it: two products instead of a quotient.
#[inline]
pub(super) fn amount0_delta_up_near(
    sqrt_a: U256,
    sqrt_b: U256,
    liquidity: u128,
    guess: U256,
) -> Result<U256, ConcentratedError> {
    let (a, b) = if sqrt_a > sqrt_b { (sqrt_b, sqrt_a) } else { (sqrt_a, sqrt_b) };
    let (narrow_a, narrow_b, narrow) = (a.as_limbs(), b.as_limbs(), guess.as_limbs());
    let fits = (narrow_a[2] | narrow_b[2] | narrow_b[3] | narrow[2] | narrow[3]) == 0;
    if fits && (narrow[0] | narrow[1]) != 0 {
        let numerator = shl_96(product(two(liquidity), three(b - a)?));
        let area: [u64; 4] = product([narrow_a[0], narrow_a[1]], [narrow_b[0], narrow_b[1]]);
        let most: [u64; 6] = product([narrow[0], narrow[1]], area);
        // (guess − 1) · a · b < numerator ≤ guess · a · b.
        if !less(most, numerator) && less(minus(most, area), numerator) {
            return Ok(guess);
        }
    }
    amount0_between(a, b, liquidity, Rounding::Ceil)
}

#[inline(always)]
fn less(a: [u64; 6], b: [u64; 6]) -> bool {
    let mut borrow = false;
    for i in 0..6 {
        let (difference, under) = a[i].overflowing_sub(b[i]);
        borrow = under | (difference < u64::from(borrow));
    }
    borrow
}

#[inline(always)]
fn minus(a: [u64; 6], b: [u64; 4]) -> [u64; 6] {
    let (mut out, mut borrow) = ([0; 6], false);
    for i in 0..6 {
        let (difference, under) = a[i].overflowing_sub(if i < 4 { b[i] } else { 0 });
        let (difference, again) = difference.overflowing_sub(u64::from(borrow));
        out[i] = difference;
        borrow = under | again;
    }
    out
}

/// Token 1 between two √prices: L · (b − a) / 2⁹⁶, in `token1`'s smallest units (`getAmount1Delta`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] where a √price is above 160 bits.
#[inline]
pub fn amount1_delta(
    sqrt_a: U256,
    sqrt_b: U256,
    liquidity: u128,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    let (a, b) = if sqrt_a > sqrt_b { (sqrt_b, sqrt_a) } else { (sqrt_a, sqrt_b) };
    amount1_between(a, b, liquidity, rounding)
}

/// [`amount1_delta`] from `a` up to `b`.
#[inline]
pub(super) fn amount1_between(
    a: U256,
    b: U256,
    liquidity: u128,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    let difference = b - a;
    let p: [u64; 5] = product(two(liquidity), three(difference)?);
    let floor = U256::from_limbs([
        (p[1] >> 32) | (p[2] << 32),
        (p[2] >> 32) | (p[3] << 32),
        (p[3] >> 32) | (p[4] << 32),
        p[4] >> 32,
    ]);
    let rest = p[0] | (p[1] & 0xffff_ffff);
    Ok(if rounding == Rounding::Floor || rest == 0 { floor } else { floor + U256::from(1) })
}

/// The √price after `amount` of the input token was paid (`getNextSqrtPriceFromInput`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] where the price or the liquidity is zero, or the result above 160 bits.
#[inline]
pub fn next_sqrt_price_from_input(
    sqrt_price: U256,
    liquidity: u128,
    amount: U256,
    zero_for_one: bool,
) -> Result<U256, ConcentratedError> {
    if sqrt_price.is_zero() || liquidity == 0 {
        return Err(Overflow);
    }
    if zero_for_one {
        after_amount0(sqrt_price, liquidity, amount, true)
    } else {
        after_amount1(sqrt_price, liquidity, amount, true)
    }
}

/// The √price after `amount` of the output token was taken (`getNextSqrtPriceFromOutput`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] where the price or the liquidity is zero, the pool has less, or the
/// result is above 160 bits.
#[inline]
pub fn next_sqrt_price_from_output(
    sqrt_price: U256,
    liquidity: u128,
    amount: U256,
    zero_for_one: bool,
) -> Result<U256, ConcentratedError> {
    if sqrt_price.is_zero() || liquidity == 0 {
        return Err(Overflow);
    }
    if zero_for_one {
        after_amount1(sqrt_price, liquidity, amount, false)
    } else {
        after_amount0(sqrt_price, liquidity, amount, false)
    }
}

/// √P · L / (L ± Δ · √P), rounded up (`getNextSqrtPriceFromAmount0RoundingUp`).
#[inline]
fn after_amount0(
    sqrt_price: U256,
    liquidity: u128,
    amount: U256,
    add: bool,
) -> Result<U256, ConcentratedError> {
    if amount.is_zero() {
        return Ok(sqrt_price);
    }
    let price = three(sqrt_price)?;
    let l = two(liquidity);
    let scaled = [0, l[0] << 32, (l[1] << 32) | (l[0] >> 32), l[1] >> 32];
    let scaled_liquidity = U256::from_limbs(scaled);
    let moved = amount.checked_mul(sqrt_price);
    let denominator = if add {
        match moved.and_then(|moved| scaled_liquidity.checked_add(moved)) {
            Some(denominator) => denominator,
            // √P · L / (L + Δ·√P) with both divided by √P: less exact, and it cannot overflow.
            None => {
                let denominator =
                    (scaled_liquidity / sqrt_price).checked_add(amount).ok_or(Overflow)?;
                return price_of(scaled_liquidity.div_ceil(denominator));
            }
        }
    } else {
        // More than the reserve would leave a price of infinity or beyond.
        let moved = moved.filter(|moved| *moved < scaled_liquidity).ok_or(Overflow)?;
        scaled_liquidity - moved
    };
    let d = denominator.as_limbs();
    let numerator: [u64; 6] = product(shl_4_96(l), price);
    price_of(quotient(numerator, [d[0], d[1], d[2], d[3], 0, 0], Rounding::Ceil).ok_or(Overflow)?)
}

/// L · 2⁹⁶ in four limbs, for a product that is known to fit 384 bits (L · 2⁹⁶ has 224, √P 160).
#[inline(always)]
const fn shl_4_96(l: [u64; 2]) -> [u64; 4] {
    [0, l[0] << 32, (l[1] << 32) | (l[0] >> 32), l[1] >> 32]
}

/// √P ± Δ / L, rounded down (`getNextSqrtPriceFromAmount1RoundingDown`).
#[inline]
fn after_amount1(
    sqrt_price: U256,
    liquidity: u128,
    amount: U256,
    add: bool,
) -> Result<U256, ConcentratedError> {
    let rounding = if add { Rounding::Floor } else { Rounding::Ceil };
    let moved = shl_96_div(amount, liquidity, rounding)?;
    if add {
        price_of(sqrt_price.checked_add(moved).ok_or(Overflow)?)
    } else if sqrt_price > moved {
        price_of(sqrt_price - moved)
    } else {
        Err(Overflow)
    }
}

/// `amount · 2⁹⁶ / liquidity`.
#[inline]
fn shl_96_div(
    amount: U256,
    liquidity: u128,
    rounding: Rounding,
) -> Result<U256, ConcentratedError> {
    if let Some(amount) = narrow(amount) {
        let (high, low) = (amount >> 32, amount << 96);
        if high < liquidity {
            let (quotient, rest) = wide::div(high, low, liquidity);
            let up = rounding != Rounding::Floor && rest != 0;
            return Ok(U256::from(quotient) + U256::from(up));
        }
    }
    mul_div(amount, Q96, U256::from(liquidity), rounding).ok_or(Overflow)
}

/// The price, where 160 bits hold it.
#[inline(always)]
fn price_of(price: U256) -> Result<U256, ConcentratedError> {
    three(price).map(|_| price)
}

#[cfg(test)]
mod tests {
    use super::super::limbs::U384;
    use super::*;
    use proptest::prelude::*;

    /// Limbs of every length, some of them alike.
    fn up_to(bits: usize) -> impl Strategy<Value = U256> {
        (any::<[u64; 3]>(), 0..bits, any::<bool>()).prop_map(move |(limbs, shift, ones)| {
            let limbs = if ones {
                [u64::MAX, u64::MAX, u64::MAX, 0]
            } else {
                [limbs[0], limbs[1], limbs[2], 0]
            };
            (U256::from_limbs(limbs) >> (192 - bits)) >> shift
        })
    }

    #[test]
    fn digits_are_compared_and_taken_away_with_their_borrows() {
        let top = U384::from(1) << 320;
        let numbers = [0_u64, 1, 2, u64::MAX].map(U384::from);
        let numbers: Vec<U384> = (0..5_usize)
            .flat_map(|limb| numbers.map(|n| n << (64 * limb)))
            .chain([top, top + U384::from(1), U384::MAX])
            .collect();
        for a in &numbers {
            for b in &numbers {
                assert_eq!(less(a.into_limbs(), b.into_limbs()), a < b, "{a} < {b}");
                let by = b.into_limbs();
                if by[4] == 0 && by[5] == 0 && a >= b {
                    let by = [by[0], by[1], by[2], by[3]];
                    assert_eq!(minus(a.into_limbs(), by), (a - b).into_limbs(), "{a} − {b}");
                }
            }
        }
    }

    /// Guesses that would be right if digits above 128 bits did not count, in prices and in themselves.
    #[test]
    fn a_guess_that_is_right_for_the_lower_digits_alone_is_not_taken() {
        let one = U256::from(1);
        let (low_a, low_b) = (U256::from(5_u128 << 100), U256::from((7_u128 << 100) + 12_345));
        let up = |x: U256, liquidity: u128, over: U384| {
            let numerator: U384 = (U384::from(liquidity) * U384::from(x)) << 96;
            U256::from(numerator.div_ceil(over) & U384::from(u128::MAX))
        };
        for (digit_a, digit_b) in [(0_u64, 0_u64), (0, 1), (1, 1), (1, 2), (3, 3)] {
            let a = low_a + (U256::from(digit_a) << 128);
            let b = low_b + (U256::from(digit_b) << 128);
            for liquidity in [1 << 40, 1 << 90, u128::MAX] {
                let right = amount0_delta(a, b, liquidity, Rounding::Ceil);
                let lower = up(b - a, liquidity, U384::from(low_a) * U384::from(low_b));
                for high in [
                    U256::ZERO,
                    one << 128,
                    one << 192,
                    (one << 128) | (one << 192),
                    U256::from(3) << 128,
                ] {
                    let guess = lower | high;
                    let got = amount0_delta_up_near(a, b, liquidity, guess);
                    assert_eq!(got, right, "{digit_a} {digit_b} {liquidity} {high}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a_guess_is_taken_where_it_is_right_only(
            a in up_to(160), b in up_to(160), liquidity in any::<u128>(), down in 0_u32..128,
            off in -2_i64..=2, other in up_to(192)
        ) {
            let (a, b, liquidity) = (a + U256::from(1), b + U256::from(1), liquidity >> down);
            prop_assume!(a >> 160 == U256::ZERO && b >> 160 == U256::ZERO);
            let right = amount0_delta(a, b, liquidity, Rounding::Ceil);
            let near = right.map_or(other, |right| right.wrapping_add(U256::from(off.unsigned_abs())));
            let below = right.map_or(other, |right| right.saturating_sub(U256::from(off.unsigned_abs())));
            // With a digit beyond 128 bits besides.
            let high = right.map_or(other, |right| right | (U256::from(1) << 190));
            let higher = right.map_or(other, |right| right | (U256::from(1) << 200));
            for guess in [near, below, other, high, higher] {
                prop_assert_eq!(amount0_delta_up_near(a, b, liquidity, guess), right);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn an_amount_by_liquidity_equals_the_general_quotient(
            amount in any::<[u64; 3]>(), liquidity in any::<u128>(),
            shift in 0_usize..192, down in 0_u32..128, up in any::<bool>()
        ) {
            let amount = U256::from_limbs([amount[0], amount[1], amount[2], 0]) >> shift;
            let liquidity = (liquidity >> down).max(1);
            let rounding = if up { Rounding::Ceil } else { Rounding::Floor };
            let expected = mul_div(amount, Q96, U256::from(liquidity), rounding).ok_or(Overflow);
            prop_assert_eq!(shl_96_div(amount, liquidity, rounding), expected);
        }
    }
}
