//! Products as Aave's libraries take them: like those of [`markets::math`], but a product that 256
//! bits do not hold is refused although its quotient might fit, because the contracts refuse it.
//!
//! Source: `WadRayMath` and `PercentageMath` of 3.0.2 (half up only) and of 3.6 (floor and ceil too).

use markets::math::{self, Rounding};
use markets::units::{BPS, RAY, U256, WAD};

const WAD_RAY_RATIO: U256 = U256::from_limbs([1_000_000_000, 0, 0, 0]);

/// Whether every operand fits 128 bits: then no product here can overflow.
#[inline]
fn narrow(a: U256, b: U256) -> bool {
    let (a, b) = (a.as_limbs(), b.as_limbs());
    (a[2] | a[3] | b[2] | b[3]) == 0
}

/// `a · b / d` with a 256-bit intermediate, the half of `d` included where halves go up.
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
    if narrow(a, b) { math::ray_mul(a, b, rounding) } else { checked(a, b, RAY, rounding) }
}
/// `a · 10²⁷ / b` (`rayDiv`).
#[must_use]
#[inline]
pub fn ray_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    if narrow(a, b) { math::ray_div(a, b, rounding) } else { checked(a, RAY, b, rounding) }
}
/// `a · b / 10¹⁸` (`wadMul`).
#[must_use]
#[inline]
pub fn wad_mul(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    if narrow(a, b) { math::mul_div(a, b, WAD, rounding) } else { checked(a, b, WAD, rounding) }
}
/// `a · 10¹⁸ / b` (`wadDiv`).
#[must_use]
#[inline]
pub fn wad_div(a: U256, b: U256, rounding: Rounding) -> Option<U256> {
    if narrow(a, b) { math::wad_div(a, b, rounding) } else { checked(a, WAD, b, rounding) }
}
/// `a · bps / 10⁴` (`percentMul`).
#[must_use]
#[inline]
pub fn percent_mul(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    let bps = U256::from(bps);
    if narrow(a, bps) {
        math::mul_div(a, bps, BPS, rounding)
    } else {
        checked(a, bps, BPS, rounding)
    }
}
/// `a · 10⁴ / bps` (`percentDiv`).
#[must_use]
#[inline]
pub fn percent_div(a: U256, bps: u32, rounding: Rounding) -> Option<U256> {
    let bps = U256::from(bps);
    if narrow(a, bps) {
        math::mul_div(a, BPS, bps, rounding)
    } else {
        checked(a, BPS, bps, rounding)
    }
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
}
