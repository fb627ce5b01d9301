//! Products as Aave's libraries take them: like those of [`markets::math`], but a product that 256
//! bits do not hold is refused although its quotient might fit, because the contracts refuse it.
//!
//! Source: `WadRayMath` and `PercentageMath` of 3.0.2 (half up only) and of 3.6 (floor and ceil too).

use crate::number::either;
use markets::math::Rounding;
use markets::narrow;
use markets::reciprocal::Divisor;
use markets::units::{BPS, RAY, U256, WAD};

/// 10⁴: a share in bps.
pub(crate) const BY_BPS: Divisor = Divisor::new(10_000);
/// 10¹⁸: a wad.
pub(crate) const BY_WAD: Divisor = Divisor::new(ONE_WAD as u64);
const ONE_WAD: u128 = 10_u128.pow(18);
const WAD_RAY_RATIO: U256 = U256::from_limbs([1_000_000_000, 0, 0, 0]);

/// The general case: `a · b / d` with a 256-bit intermediate, the half of `d` included where halves go up.
#[cold]
#[inline(never)]
fn checked(a: U256, b: U256, d: U256, rounding: Rounding) -> Option<U256> {
    let product = a.checked_mul(b)?;
    if d.is_zero() {
        return None;
    }
    match rounding {
        Rounding::Floor => Some(product / d),
        Rounding::Ceil => {
            let (quotient, rest) = product.div_rem(d);
            quotient.checked_add(U256::from(u8::from(!rest.is_zero())))
        }
        Rounding::HalfUp => Some(product.checked_add(d >> 1)? / d),
    }
}

/// `a · b / 10²⁷` (`rayMul`).
#[must_use]
#[inline]
pub fn ray_mul(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    either([a, b], |[a, b]| narrow::ray_mul(a, b, rounding), |[a, b]| checked(a, b, RAY, rounding))
}
/// `a · 10²⁷ / b` (`rayDiv`).
#[must_use]
#[inline]
pub fn ray_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    either([a, b], |[a, b]| narrow::ray_div(a, b, rounding), |[a, b]| checked(a, RAY, b, rounding))
}
/// `a · b / 10¹⁸` (`wadMul`).
#[must_use]
#[inline]
pub fn wad_mul(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    either(
        [a, b],
        |[a, b]| narrow::mul_div(a, b, ONE_WAD, rounding),
        |[a, b]| checked(a, b, WAD, rounding),
    )
}
/// `a · 10¹⁸ / b` (`wadDiv`).
#[must_use]
#[inline]
pub fn wad_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    either(
        [a, b],
        |[a, b]| narrow::mul_div(a, ONE_WAD, b, rounding),
        |[a, b]| checked(a, WAD, b, rounding),
    )
}
/// `a · bps / 10⁴` (`percentMul`).
#[must_use]
#[inline]
pub fn percent_mul(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    either(
        [a],
        |[a]| narrow::mul_div_by(a, u64::from(bps), BY_BPS, rounding),
        |[a]| checked(a, U256::from(bps), BPS, rounding),
    )
}
/// `a · 10⁴ / bps` (`percentDiv`).
#[must_use]
#[inline]
pub fn percent_div(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    either(
        [a],
        |[a]| narrow::mul_div(a, 10_000, u128::from(bps), rounding),
        |[a]| checked(a, BPS, U256::from(bps), rounding),
    )
}
/// A ray as a wad, half up (`rayToWad`).
#[must_use]
pub fn wad_from_ray(ray: U256) -> U256 {
    let (quotient, rest) = ray.div_rem(WAD_RAY_RATIO);
    quotient + U256::from(u8::from(rest >= WAD_RAY_RATIO >> 1))
}
/// A wad as a ray (`wadToRay`).
#[must_use]
#[inline]
pub fn ray_from_wad(wad: U256) -> Option<U256> {
    wad.checked_mul(WAD_RAY_RATIO)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_product_beyond_256_bits_is_refused_though_its_quotient_would_fit() {
        let big = U256::MAX / RAY;
        assert!(ray_mul(big, RAY, Rounding::Floor).is_some());
        assert_eq!(ray_mul(big + U256::from(1), RAY, Rounding::Floor), None);
        // Half a ray more does not fit, so halves cannot go up.
        assert_eq!(ray_mul(U256::MAX, U256::from(1), Rounding::HalfUp), None);
        assert_eq!(ray_mul(U256::MAX, U256::from(1), Rounding::Floor).unwrap(), U256::MAX / RAY);
    }

    #[test]
    fn halves_go_up_between_wads_and_rays() {
        assert_eq!(wad_from_ray(U256::from(1_499_999_999_u64)), U256::from(1));
        assert_eq!(wad_from_ray(U256::from(1_500_000_000_u64)), U256::from(2));
        assert_eq!(ray_from_wad(U256::MAX), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_fast_path_equals_the_general_case(
            [a, b] in prop::array::uniform2(any::<[u64; 4]>()),
            [a_shift, b_shift] in prop::array::uniform2(0_usize..256),
            bps in any::<u32>(),
        ) {
            let (a, b) = (U256::from_limbs(a) >> a_shift, U256::from_limbs(b) >> b_shift);
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfUp] {
                prop_assert_eq!(ray_mul(a, b, rounding), checked(a, b, RAY, rounding));
                prop_assert_eq!(ray_div(a, b, rounding), checked(a, RAY, b, rounding));
                prop_assert_eq!(wad_mul(a, b, rounding), checked(a, b, WAD, rounding));
                prop_assert_eq!(wad_div(a, b, rounding), checked(a, WAD, b, rounding));
                for bps in [bps, bps % 10_001, 0] {
                    let wide = U256::from(bps);
                    prop_assert_eq!(
                        percent_mul(a, bps, rounding), checked(a, wide, BPS, rounding));
                    prop_assert_eq!(
                        percent_div(a, bps, rounding), checked(a, BPS, wide, rounding));
                }
            }
        }
    }
}
