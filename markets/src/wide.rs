//! Products and quotients of 128-bit integers through 256 bits: the fast path of money.
//!
//! The generic 256-bit division spends most of a quote's time; reserves have at most 112 bits, so two
//! rounds of Knuth's algorithm D (The Art of Computer Programming 2, §4.3.1) on 64-bit digits do.

use crate::reciprocal;

/// ⌊a · b / d⌋, or `None` where d is zero or the quotient exceeds 128 bits.
#[must_use]
#[inline]
pub(crate) fn mul_div_floor(a: u128, b: u128, d: u128) -> Option<u128> {
    if let Some(product) = a.checked_mul(b) {
        return product.checked_div(d);
    }
    let (high, low) = mul(a, b);
    if high >= d {
        return None;
    }
    Some(div(high, low, d).0)
}

/// ⌊n · 2¹¹² / d⌋ as (high, low) halves. `d` is not zero.
#[must_use]
#[inline]
pub(crate) fn shl_112_div(n: u128, d: u128) -> (u128, u128) {
    let (high, low) = (n >> 16, n << 112);
    if high < d {
        return (0, div(high, low, d).0);
    }
    (high / d, div(high % d, low, d).0)
}

/// The 256-bit product as (high, low).
#[must_use]
#[inline]
pub(crate) fn mul(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0, b1, b0) = (head(a), a as u64, head(b), b as u64);
    let (low, carry) = a0.carrying_mul(b0, 0);
    let (middle, high) = a1.carrying_mul(b0, carry);
    let (middle, carry) = a0.carrying_mul_add(b1, middle, 0);
    let (high, top) = a1.carrying_mul_add(b1, high, carry);
    (join(top, high), join(middle, low))
}

/// The 192-bit product as (high, low).
#[must_use]
#[inline]
pub(crate) fn mul_digit(a: u128, b: u64) -> (u64, u128) {
    let (low, carry) = (a as u64).carrying_mul(b, 0);
    let (middle, high) = head(a).carrying_mul(b, carry);
    (high, join(middle, low))
}

/// Quotient and remainder of a 256-bit integer by `d`, where `high < d`.
#[must_use]
#[inline]
pub(crate) fn div(high: u128, low: u128, d: u128) -> (u128, u128) {
    debug_assert!(high < d);
    if head(d) == 0 {
        let (q, rest) = div_by_digit(high as u64, low, d as u64);
        return (q, u128::from(rest));
    }
    let shift = d.leading_zeros();
    let d = d << shift;
    // Shifting out of `low` by 128 is undefined, hence in two steps.
    let high = (high << shift) | (low >> 1 >> (127 - shift));
    let low = low << shift;
    let first = (high << 64) | (low >> 64);
    // A quotient often has one digit.
    let (q1, rest) =
        if head(high) == 0 && first < d { (0, first) } else { digit(high, head(low), d) };
    let (q0, rest) = digit(rest, low as u64, d);
    (join(q1, q0), rest >> shift)
}

/// The same by one digit.
#[inline]
fn div_by_digit(high: u64, low: u128, d: u64) -> (u128, u64) {
    let (low1, low0) = (head(low), low as u64);
    let (q1, rest) = if high == 0 { (low1 / d, low1 % d) } else { divided(high, low1, d) };
    let (q0, rest) = if rest == 0 { (low0 / d, low0 % d) } else { divided(rest, low0, d) };
    (join(q1, q0), rest)
}

/// Quotient and rest of `head · 2⁶⁴ + next`, where head < d.
#[inline]
fn divided(head: u64, next: u64, d: u64) -> (u64, u64) {
    let q = (join(head, next) / u128::from(d)) as u64;
    (q, next.wrapping_sub(q.wrapping_mul(d)))
}

/// Quotient and remainder of a 256-bit integer by 10²⁷ = 2²⁷ · 5²⁷, where `high` is below it: 5²⁷ fits a
/// digit.
#[must_use]
#[inline]
pub(crate) fn div_ray(high: u128, low: u128) -> (u128, u128) {
    // 5²⁷ shifted to the top bit; the integer is shifted by 26 to match.
    const DIVISOR: u64 = 5_u64.pow(27) << 1;
    const RECIPROCAL: u64 = reciprocal::reciprocal(DIVISOR);
    debug_assert!(high < 10_u128.pow(27));
    let shifted = (high << 102) | (low >> 26);
    let (head, next) = ((high >> 26) as u64, (shifted >> 64) as u64);
    let (q1, rest) = reciprocal::digit(head, next, DIVISOR, RECIPROCAL);
    let (q0, rest) = reciprocal::digit(rest, shifted as u64, DIVISOR, RECIPROCAL);
    let quotient = (u128::from(q1) << 64) | u128::from(q0);
    (quotient, (u128::from(rest) << 26) | (low & ((1 << 26) - 1)))
}

/// One digit of the quotient: (head · 2⁶⁴ + next) / d, where head < d and d has its top bit set.
#[inline]
fn digit(first: u128, next: u64, d: u128) -> (u64, u128) {
    let (d1, d0) = (head(d), d as u64);
    // Too large by at most two; the loop runs as often as it is.
    let (mut q, mut rest) = if head(first) >= d1 {
        (u64::MAX, first - u128::from(u64::MAX) * u128::from(d1))
    } else {
        let (q, rest) = divided(head(first), first as u64, d1);
        (q, u128::from(rest))
    };
    while head(rest) == 0 && u128::from(q) * u128::from(d0) > join(rest as u64, next) {
        q -= 1;
        rest += u128::from(d1);
    }
    // The true remainder is below d, so what wraps off the top cancels.
    let product = u128::from(q) * u128::from(d0);
    (q, join(rest as u64, next).wrapping_sub(product))
}

/// The upper digit.
#[inline]
const fn head(x: u128) -> u64 {
    (x >> 64) as u64
}
#[inline]
const fn join(high: u64, low: u64) -> u128 {
    ((high as u128) << 64) | low as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ruint::aliases::U256;

    /// Integers of every magnitude, with runs of ones and zeros.
    fn any_size() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..128, any::<bool>())
            .prop_map(|(x, shift, ones)| if ones { u128::MAX >> shift } else { x >> shift })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn equals_the_schoolbook_division(a in any_size(), b in any_size(), d in any_size()) {
            let expected = (d != 0).then(|| U256::from(a) * U256::from(b) / U256::from(d));
            let expected = expected.and_then(|q| u128::try_from(q).ok());
            prop_assert_eq!(mul_div_floor(a, b, d), expected);
        }
        #[test]
        fn fixed_point_quotient_equals_the_schoolbook_one(n in any_size(), d in any_size()) {
            let (n, d) = (n >> 16, (d >> 16).max(1));
            let numerator: U256 = U256::from(n) << 112;
            let (high, low) = shl_112_div(n, d);
            let got: U256 = (U256::from(high) << 128) | U256::from(low);
            prop_assert_eq!(got, numerator / U256::from(d));
        }
    }
}
