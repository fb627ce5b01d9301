//! Products and quotients of 128-bit integers through 256 bits: the fast path of money.
//!
//! The generic 256-bit division spends most of a quote's time; reserves have at most 112 bits, so two
//! rounds of Knuth's algorithm D (The Art of Computer Programming 2, §4.3.1) on 64-bit digits do.

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
    let (a1, a0) = (a >> 64, a & LOW);
    let (b1, b0) = (b >> 64, b & LOW);
    let (low, cross1, cross2) = (a0 * b0, a1 * b0, a0 * b1);
    // Each term is below 2⁶⁴, so three of them do not overflow.
    let middle = (low >> 64) + (cross1 & LOW) + (cross2 & LOW);
    let high = a1 * b1 + (cross1 >> 64) + (cross2 >> 64) + (middle >> 64);
    (high, (middle << 64) | (low & LOW))
}

/// Quotient and remainder of a 256-bit integer by `d`, where `high < d`.
#[must_use]
#[inline]
pub(crate) fn div(high: u128, low: u128, d: u128) -> (u128, u128) {
    debug_assert!(high < d);
    let shift = d.leading_zeros();
    let d = d << shift;
    // Shifting out of `low` by 128 is undefined, hence in two steps.
    let high = (high << shift) | (low >> 1 >> (127 - shift));
    let low = low << shift;
    let (q1, rest) = digit(high, low >> 64, d);
    let (q0, rest) = digit(rest, low & LOW, d);
    ((q1 << 64) | q0, rest >> shift)
}

/// Quotient and remainder of a 256-bit integer by 10²⁷ = 2²⁷ · 5²⁷, where `high` is below it: no
/// hardware division, which costs more than all the rest of a product. 5²⁷ fits a digit, so two digits
/// by a reciprocal do (Möller and Granlund, Improved division by invariant integers, 2011, algorithm 4).
#[must_use]
#[inline]
pub(crate) fn div_ray(high: u128, low: u128) -> (u128, u128) {
    // 5²⁷ shifted to the top bit; the integer is shifted by 26 to match.
    const DIVISOR: u64 = 5_u64.pow(27) << 1;
    const RECIPROCAL: u64 = (u128::MAX / DIVISOR as u128 - (1 << 64)) as u64;
    #[inline]
    fn digit(head: u64, next: u64) -> (u64, u64) {
        let guess = u128::from(RECIPROCAL) * u128::from(head)
            + ((u128::from(head) << 64) | u128::from(next));
        let mut q = ((guess >> 64) as u64).wrapping_add(1);
        let mut rest = next.wrapping_sub(q.wrapping_mul(DIVISOR));
        if rest > guess as u64 {
            q = q.wrapping_sub(1);
            rest = rest.wrapping_add(DIVISOR);
        }
        if rest >= DIVISOR {
            q = q.wrapping_add(1);
            rest -= DIVISOR;
        }
        (q, rest)
    }
    debug_assert!(high < 10_u128.pow(27));
    let shifted = (high << 102) | (low >> 26);
    let (q1, rest) = digit((high >> 26) as u64, (shifted >> 64) as u64);
    let (q0, rest) = digit(rest, shifted as u64);
    let quotient = (u128::from(q1) << 64) | u128::from(q0);
    (quotient, (u128::from(rest) << 26) | (low & ((1 << 26) - 1)))
}

/// One digit of the quotient: (head · 2⁶⁴ + next) / d, where head < d and d has its top bit set.
#[inline]
fn digit(head: u128, next: u128, d: u128) -> (u128, u128) {
    let (d1, d0) = (d >> 64, d & LOW);
    // Too large by at most two; the loop runs as often as it is.
    let (mut q, mut rest) = match head >> 64 {
        top if top >= d1 => (LOW, head - LOW * d1),
        _ => {
            let divisor = d1 as u64;
            (head / u128::from(divisor), head % u128::from(divisor))
        }
    };
    while rest <= LOW && q * d0 > ((rest << 64) | next) {
        q -= 1;
        rest += d1;
    }
    // The true remainder is below d, so what wraps off the top cancels.
    (q, (rest << 64 | next).wrapping_sub(q * d0))
}

const LOW: u128 = u64::MAX as u128;

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
