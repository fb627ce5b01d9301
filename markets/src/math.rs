//! Products of money: one function, and its rounding is never implied.

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
/// `None` where `d` is zero or the quotient exceeds 256 bits.
#[must_use]
#[inline]
pub fn mul_div(a: U256, b: U256, d: U256, rounding: Rounding) -> Option<U256> {
    if d.is_zero() {
        return None;
    }
    if let Some(product) = a.checked_mul(b) {
        let (quotient, remainder) = div_rem(product, d);
        return round(quotient, remainder, d, rounding);
    }
    let product: U512 = a.widening_mul(b);
    let (quotient, remainder) = product.div_rem(U512::from_limbs_slice(d.as_limbs()));
    let quotient = U256::checked_from_limbs_slice(quotient.as_limbs())?;
    let remainder = U256::checked_from_limbs_slice(remainder.as_limbs())?;
    round(quotient, remainder, d, rounding)
}

/// Division that takes the hardware's 128-bit path where both operands fit.
#[inline]
fn div_rem(n: U256, d: U256) -> (U256, U256) {
    let (nl, dl) = (n.as_limbs(), d.as_limbs());
    if (nl[2] | nl[3] | dl[2] | dl[3]) == 0 {
        let n = u128::from(nl[0]) | (u128::from(nl[1]) << 64);
        let d = u128::from(dl[0]) | (u128::from(dl[1]) << 64);
        let (q, r) = (n / d, n % d);
        return (
            U256::from_limbs([q as u64, (q >> 64) as u64, 0, 0]),
            U256::from_limbs([r as u64, (r >> 64) as u64, 0, 0]),
        );
    }
    n.div_rem(d)
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
    mul_div(a, b, RAY, rounding)
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
