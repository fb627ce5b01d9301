//! Products of money: one function, and its rounding is never implied.

use crate::narrow::{self, narrow, widen};
use crate::units::{BPS, RAY, U256, WAD};
use ruint::aliases::U512;

/// Which way a quotient is rounded. Say at each call in whose favour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Toward zero.
    Floor,
    /// Away from zero.
    Ceil,
    /// To the nearest, halves up: only where a deployed version rounds so.
    HalfUp,
}

/// `a · b / d` with a 512-bit intermediate.
///
/// `None` where `d` is zero or the quotient exceeds 256 bits. Operands below 2¹²⁸, which nearly all
/// are, take a path of hardware products and quotients.
#[must_use]
#[inline]
pub fn mul_div(a: U256, b: U256, d: U256, rounding: Rounding) -> Option<U256> {
    if let (Some(a), Some(b), Some(d)) = (narrow(a), narrow(b), narrow(d))
        && let Some(quotient) = narrow::mul_div(a, b, d, rounding)
    {
        return Some(widen(quotient));
    }
    mul_div_schoolbook(a, b, d, rounding)
}

/// The general case of [`mul_div`].
#[inline(never)]
pub(crate) fn mul_div_schoolbook(a: U256, b: U256, d: U256, rounding: Rounding) -> Option<U256> {
    if d.is_zero() {
        return None;
    }
    if let Some(product) = a.checked_mul(b) {
        let (quotient, remainder) = product.div_rem(d);
        return round(quotient, remainder, d, rounding);
    }
    let product: U512 = a.widening_mul(b);
    let (quotient, remainder) = product.div_rem(U512::from_limbs_slice(d.as_limbs()));
    let quotient = U256::checked_from_limbs_slice(quotient.as_limbs())?;
    let remainder = U256::checked_from_limbs_slice(remainder.as_limbs())?;
    round(quotient, remainder, d, rounding)
}

#[inline]
fn round(quotient: U256, remainder: U256, d: U256, rounding: Rounding) -> Option<U256> {
    let up = match rounding {
        Rounding::Floor => false,
        Rounding::Ceil => !remainder.is_zero(),
        // remainder ≥ d − remainder, without overflow.
        Rounding::HalfUp => !remainder.is_zero() && remainder >= d - remainder,
    };
    if up { quotient.checked_add(U256::from(1)) } else { Some(quotient) }
}

/// `a · b / 10²⁷` (Aave `WadRayMath.rayMul`, with the rounding made explicit as in v3.4 and later).
#[must_use]
#[inline]
pub fn ray_mul(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    if let (Some(a), Some(b)) = (narrow(a), narrow(b))
        && let Some(quotient) = narrow::ray_mul(a, b, rounding)
    {
        return Some(widen(quotient));
    }
    mul_div_schoolbook(a, b, RAY, rounding)
}
/// `a · 10²⁷ / b` (Aave `WadRayMath.rayDiv`).
#[must_use]
#[inline]
pub fn ray_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    mul_div(a, RAY, b, rounding)
}
/// `a · 10¹⁸ / b` (Aave `WadRayMath.wadDiv`).
#[must_use]
#[inline]
pub fn wad_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    mul_div(a, WAD, b, rounding)
}
/// `a · bps / 10⁴` (Aave `PercentageMath.percentMul`).
#[must_use]
#[inline]
pub fn percent_mul(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    mul_div(a, U256::from(bps), BPS, rounding)
}
/// `a · 10⁴ / bps` (Aave `PercentageMath.percentDiv`).
#[must_use]
#[inline]
pub fn percent_div(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    mul_div(a, BPS, U256::from(bps), rounding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quotients_of_rays_and_percents_by_hand() {
        let u = U256::from::<u64>;
        // A third of a ray; 5 without 4 %.
        let third = |rounding| ray_div(u(1), u(3), rounding);
        let floor = RAY / u(3);
        assert_eq!(third(Rounding::Floor), Some(floor));
        assert_eq!(third(Rounding::Ceil), Some(floor + u(1)));
        assert_eq!(ray_div(u(1), u(0), Rounding::Floor), None);
        let without = |rounding| percent_div(u(500), 10_400, rounding);
        assert_eq!(without(Rounding::Floor), Some(u(480)));
        assert_eq!(without(Rounding::Ceil), Some(u(481)));
        assert_eq!(percent_div(u(1), 0, Rounding::Floor), None);
    }

    /// Integers of every magnitude around the path boundaries.
    fn any_size() -> impl Strategy<Value = U256> {
        (any::<[u64; 4]>(), 0_usize..256, any::<bool>()).prop_map(|(limbs, shift, ones)| {
            let x = if ones { U256::MAX } else { U256::from_limbs(limbs) };
            x >> shift
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_fast_path_equals_the_schoolbook(a in any_size(), b in any_size(), d in any_size()) {
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfUp] {
                let expected = mul_div_schoolbook(a, b, d, rounding);
                prop_assert_eq!(mul_div(a, b, d, rounding), expected);
                let expected = mul_div_schoolbook(a, b, RAY, rounding);
                prop_assert_eq!(ray_mul(a, b, rounding), expected);
            }
        }
    }

    #[test]
    fn each_rounding_by_hand() {
        let (two, three, u) = (U256::from(2), U256::from(3), U256::from);
        for (a, d, floor, ceil, half_up) in
            [(7_u64, 4_u64, 3, 4, 4), (5, 4, 2, 3, 3), (3, 4, 1, 2, 2)]
        {
            assert_eq!(mul_div(u(a), two, u(d), Rounding::Floor), Some(u(floor)));
            assert_eq!(mul_div(u(a), two, u(d), Rounding::Ceil), Some(u(ceil)));
            assert_eq!(mul_div(u(a), two, u(d), Rounding::HalfUp), Some(u(half_up)));
        }
        assert_eq!(mul_div(u(5), two, three, Rounding::HalfUp), Some(three));
        assert_eq!(mul_div(u(5), two, U256::ZERO, Rounding::Floor), None);
        assert_eq!(mul_div(U256::MAX, two, u(1), Rounding::Floor), None);
    }
}
