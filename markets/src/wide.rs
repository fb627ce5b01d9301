//! Products and quotients of 128-bit integers through 256 bits: the fast path of money.
//!
//! The generic 256-bit division spends most of a quote's time; reserves have at most 112 bits, so two
//! rounds of Knuth's algorithm D (The Art of Computer Programming 2, §4.3.1) on 64-bit digits do. A digit
//! is found by a reciprocal of the divisor (Möller and Granlund, Improved division by invariant integers,
//! 2011): one hardware division a quotient. Sums and products wrap where an algorithm means it or they
//! cannot overflow.

use crate::reciprocal::Divisor;

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

/// ⌊n · 2¹¹² / d⌋ as (high, low) halves. `d` is not zero; both are below 2¹¹².
#[must_use]
#[inline]
pub(crate) fn shl_112_div(n: u128, d: u128) -> (u128, u128) {
    let (high, low) = (n >> 16, n << 112);
    if let Ok(d) = u64::try_from(d) {
        let shift = d.leading_zeros() & 63;
        let d = d << shift;
        let reciprocal = reciprocal(d);
        let (n3, n2, n1) = ((n >> 80) as u64, high as u64, (n << 48) as u64);
        let (q3, rest) = digit(shifted(0, n3, shift), shifted(n3, n2, shift), d, reciprocal);
        let (q2, rest) = digit(rest, shifted(n2, n1, shift), d, reciprocal);
        let (q1, rest) = digit(rest, n1 << shift, d, reciprocal);
        let (q0, _) = digit(rest, 0, d, reciprocal);
        return (both(q3, q2), both(q1, q0));
    }
    if high < d {
        return (0, div(high, low, d).0);
    }
    let whole = high / d;
    (whole, div(high.wrapping_sub(whole.wrapping_mul(d)), low, d).0)
}

/// The 256-bit product as (high, low).
#[must_use]
#[inline]
pub(crate) const fn mul(a: u128, b: u128) -> (u128, u128) {
    let (a1, a0) = ((a >> 64) as u64, a as u64);
    let (b1, b0) = ((b >> 64) as u64, b as u64);
    // A product of digits leaves room for two more digits below 2¹²⁸.
    let low = product(a0, b0);
    let cross = product(a1, b0).wrapping_add(low >> 64);
    let middle = product(a0, b1).wrapping_add(cross & LOW);
    let high = product(a1, b1).wrapping_add(cross >> 64).wrapping_add(middle >> 64);
    (high, (middle << 64) | (low & LOW))
}

/// The 192-bit product as (high, low).
#[must_use]
#[inline]
pub(crate) const fn mul_digit(a: u128, b: u64) -> (u64, u128) {
    let low = product(a as u64, b);
    let high = product((a >> 64) as u64, b).wrapping_add(low >> 64);
    ((high >> 64) as u64, both(high as u64, low as u64))
}

/// Quotient and remainder of a 256-bit integer by `d`, where `high < d`.
#[must_use]
#[inline]
pub(crate) fn div(high: u128, low: u128, d: u128) -> (u128, u128) {
    debug_assert!(high < d);
    let (n3, n2) = ((high >> 64) as u64, high as u64);
    let (n1, n0) = ((low >> 64) as u64, low as u64);
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    if d1 == 0 {
        return div_by_digit(n2, n1, n0, d0);
    }
    let shift = d1.leading_zeros() & 63;
    let d = both(shifted(d1, d0, shift), d0 << shift);
    let reciprocal = reciprocal2(d);
    let head = both(shifted(n3, n2, shift), shifted(n2, n1, shift));
    let next = shifted(n1, n0, shift);
    // A quotient often has one digit.
    let first = both(head as u64, next);
    let (q1, rest) =
        if head >> 64 == 0 && first < d { (0, first) } else { digit2(head, next, d, reciprocal) };
    let (q0, rest) = digit2(rest, n0 << shift, d, reciprocal);
    (both(q1, q0), rest >> shift)
}

/// [`div`] by one digit, of three.
#[inline]
fn div_by_digit(n2: u64, n1: u64, n0: u64, d: u64) -> (u128, u128) {
    if n2 == 0 && n1 == 0 {
        return (u128::from(n0 / d), u128::from(n0 % d));
    }
    let (quotient, rest) = Divisor::new(d).two_digits(n2, both(n1, n0));
    (quotient, u128::from(rest))
}

/// The upper digit of two after a shift to the left by less than a digit.
#[must_use]
#[inline(always)]
pub(crate) const fn shifted(upper: u64, lower: u64, shift: u32) -> u64 {
    (upper << shift) | (lower >> 1 >> (63 - shift))
}

/// Two digits as one integer.
#[must_use]
#[inline(always)]
pub(crate) const fn both(upper: u64, lower: u64) -> u128 {
    (upper as u128) << 64 | lower as u128
}

/// Quotient and remainder of a 256-bit integer by 10²⁷ = 2²⁷ · 5²⁷, where `high` is below it: no
/// hardware division, which costs more than all the rest of a product. 5²⁷ fits a digit, so two digits
/// by a reciprocal do.
#[must_use]
#[inline]
pub(crate) fn div_ray(high: u128, low: u128) -> (u128, u128) {
    // 5²⁷ shifted to the top bit; the integer is shifted by 26 to match.
    const DIVISOR: u64 = 5_u64.pow(27) << 1;
    const RECIPROCAL: u64 = reciprocal(DIVISOR);
    debug_assert!(high < 10_u128.pow(27));
    let shifted = (high << 102) | (low >> 26);
    let (q1, rest) = digit((high >> 26) as u64, (shifted >> 64) as u64, DIVISOR, RECIPROCAL);
    let (q0, rest) = digit(rest, shifted as u64, DIVISOR, RECIPROCAL);
    (both(q1, q0), (u128::from(rest) << 26) | (low & ((1 << 26) - 1)))
}

/// ⌊(2¹²⁸ − 1) / d⌋ − 2⁶⁴, where d has its top bit set.
#[must_use]
#[inline(always)]
pub(crate) const fn reciprocal(d: u64) -> u64 {
    (both(!d, u64::MAX) / d as u128) as u64
}

/// One digit of the quotient, and the remainder: (head · 2⁶⁴ + next) / d, where head < d and d has its
/// top bit set (algorithm 4).
#[must_use]
#[inline(always)]
pub(crate) const fn digit(head: u64, next: u64, d: u64, reciprocal: u64) -> (u64, u64) {
    let guess = product(reciprocal, head).wrapping_add(both(head, next));
    let mut q = ((guess >> 64) as u64).wrapping_add(1);
    let mut rest = next.wrapping_sub(q.wrapping_mul(d));
    if rest > guess as u64 {
        q = q.wrapping_sub(1);
        rest = rest.wrapping_add(d);
    }
    if rest >= d {
        q = q.wrapping_add(1);
        rest = rest.wrapping_sub(d);
    }
    (q, rest)
}

/// ⌊(2¹⁹² − 1) / d⌋ − 2⁶⁴, where d has its top bit set (algorithm 6).
#[must_use]
#[inline(always)]
pub(crate) const fn reciprocal2(d: u128) -> u64 {
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    let mut v = reciprocal(d1);
    let mut p = d1.wrapping_mul(v).wrapping_add(d0);
    if p < d0 {
        v = v.wrapping_sub(1);
        if p >= d1 {
            v = v.wrapping_sub(1);
            p = p.wrapping_sub(d1);
        }
        p = p.wrapping_sub(d1);
    }
    let t = product(v, d0);
    let (sum, over) = p.overflowing_add((t >> 64) as u64);
    if over {
        v = v.wrapping_sub(1);
        if both(sum, t as u64) >= d {
            v = v.wrapping_sub(1);
        }
    }
    v
}

/// One digit of the quotient, and the remainder: (head · 2⁶⁴ + next) / d, where head < d and d has its
/// top bit set (algorithm 5).
#[must_use]
#[inline(always)]
pub(crate) const fn digit2(head: u128, next: u64, d: u128, reciprocal2: u64) -> (u64, u128) {
    let (head1, head0) = ((head >> 64) as u64, head as u64);
    let (d1, d0) = ((d >> 64) as u64, d as u64);
    let guess = product(reciprocal2, head1).wrapping_add(head);
    let mut q = (guess >> 64) as u64;
    let top = head0.wrapping_sub(q.wrapping_mul(d1));
    let mut rest = both(top, next).wrapping_sub(product(d0, q)).wrapping_sub(d);
    q = q.wrapping_add(1);
    if (rest >> 64) as u64 >= guess as u64 {
        q = q.wrapping_sub(1);
        rest = rest.wrapping_add(d);
    }
    if rest >= d {
        q = q.wrapping_add(1);
        rest = rest.wrapping_sub(d);
    }
    (q, rest)
}

#[inline(always)]
const fn product(a: u64, b: u64) -> u128 {
    (a as u128) * (b as u128)
}

const LOW: u128 = u64::MAX as u128;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use ruint::aliases::U256;

    /// Integers of every magnitude, with runs of ones and zeros.
    pub(crate) fn any_size() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..128, any::<bool>())
            .prop_map(|(x, shift, ones)| if ones { u128::MAX >> shift } else { x >> shift })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn quotient_and_remainder_equal_the_schoolbook_ones(
            high in any_size(), low in any_size(), d in any_size()
        ) {
            let d = d.max(1);
            for (high, low) in [(high % d, low), (d - 1, low), (high % d, u128::MAX), (d - 1, d)] {
                let n: U256 = (U256::from(high) << 128) | U256::from(low);
                let (quotient, rest) = div(high, low, d);
                prop_assert_eq!(U256::from(quotient), n / U256::from(d));
                prop_assert_eq!(U256::from(rest), n % U256::from(d));
            }
        }
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
