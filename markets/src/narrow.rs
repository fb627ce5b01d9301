//! Products of money in 128 bits, where nearly all fit: what [`crate::math`] gives, or `None` where
//! 128 bits do not hold it.

use crate::math::Rounding;
use crate::reciprocal::Divisor;
use crate::units::U256;
use crate::wide;

/// The integer in 128 bits, where it fits.
#[must_use]
#[inline]
pub const fn narrow(x: U256) -> Option<u128> {
    let l = x.as_limbs();
    if (l[2] | l[3]) == 0 { Some(l[0] as u128 | ((l[1] as u128) << 64)) } else { None }
}

/// The integer in 256 bits.
#[must_use]
#[inline]
pub const fn widen(x: u128) -> U256 {
    U256::from_limbs([x as u64, (x >> 64) as u64, 0, 0])
}

/// `a · b / d`; `None` where `d` is zero too.
#[must_use]
#[inline]
pub fn mul_div(a: u128, b: u128, d: u128, rounding: Rounding) -> Option<u128> {
    let (high, low) = wide::mul(a, b);
    if high >= d {
        return None;
    }
    let (quotient, rest) = wide::div(high, low, d);
    // Without overflow: 2 · rest ≥ d.
    round(quotient, rest != 0, rest >= d - rest, rounding)
}

/// `a · b / d` by a known divisor.
#[must_use]
#[inline(always)]
pub fn mul_div_by(a: u128, b: u64, d: Divisor, rounding: Rounding) -> Option<u128> {
    let (high, low) = wide::mul_digit(a, b);
    let (quotient, rest) = d.div_wide(high, low)?;
    round(quotient, rest != 0, rest >= d.get() - rest, rounding)
}

/// `a · b / 10²⁷`.
#[must_use]
#[inline]
pub fn ray_mul(a: u128, b: u128, rounding: Rounding) -> Option<u128> {
    let (high, low) = wide::mul(a, b);
    if high >= RAY {
        return None;
    }
    let (quotient, rest) = wide::div_ray(high, low);
    round(quotient, rest != 0, rest >= RAY / 2, rounding)
}

/// `a · 10²⁷ / b`; `None` where `b` is zero too.
#[must_use]
#[inline]
pub fn ray_div(a: u128, b: u128, rounding: Rounding) -> Option<u128> {
    mul_div(a, RAY, b, rounding)
}

/// 10²⁷.
pub const RAY: u128 = 10_u128.pow(27);

/// A quotient with a rest, at least half of the divisor or less.
#[inline]
fn round(quotient: u128, is_rest: bool, is_half: bool, rounding: Rounding) -> Option<u128> {
    let up = match rounding {
        Rounding::Floor => return Some(quotient),
        Rounding::Ceil => is_rest,
        Rounding::HalfUp => is_rest & is_half,
    };
    quotient.checked_add(u128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;
    use crate::wide::tests::any_size;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn equals_the_schoolbook_where_it_fits(a in any_size(), b in any_size(), d in any_size()) {
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfUp] {
                let slow = |d: u128| {
                    math::mul_div_schoolbook(widen(a), widen(b), widen(d), rounding).and_then(narrow)
                };
                prop_assert_eq!(mul_div(a, b, d, rounding), slow(d));
                prop_assert_eq!(ray_mul(a, b, rounding), slow(RAY));
                let digit = (d as u64).max(1);
                let by = Divisor::new(digit);
                let small = b as u64;
                let slow = math::mul_div_schoolbook(
                    widen(a), U256::from(small), U256::from(digit), rounding);
                let slow = slow.and_then(narrow);
                prop_assert_eq!(mul_div_by(a, small, by, rounding), slow);
            }
        }
    }
}
