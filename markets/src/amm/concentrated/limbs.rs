//! Products of 64-bit limbs and quotients through 384 bits, wide enough for liquidity · √price · 2⁹⁶.

use super::error::ConcentratedError;
use crate::math::Rounding;
use crate::units::U256;
use ruint::Uint;

/// 384 bits.
pub(super) type U384 = Uint<384, 6>;

/// The product; `N` is at least `A + B`, or the product is known to fit it.
#[inline(always)]
pub(super) fn product<const A: usize, const B: usize, const N: usize>(
    a: [u64; A],
    b: [u64; B],
) -> [u64; N] {
    let mut out = [0_u64; N];
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0_u64;
        for (j, &y) in b.iter().enumerate() {
            if i + j < N {
                let sum =
                    u128::from(x) * u128::from(y) + u128::from(out[i + j]) + u128::from(carry);
                out[i + j] = sum as u64;
                carry = (sum >> 64) as u64;
            }
        }
        if i + B < N {
            out[i + B] = carry;
        }
    }
    out
}

/// The limbs of a 128-bit integer.
#[inline(always)]
pub(super) const fn two(x: u128) -> [u64; 2] {
    [x as u64, (x >> 64) as u64]
}

/// The limbs of a √price.
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 160 bits.
#[inline(always)]
pub(super) fn three(price: U256) -> Result<[u64; 3], ConcentratedError> {
    let l = price.as_limbs();
    if (l[3] | (l[2] >> 32)) == 0 {
        Ok([l[0], l[1], l[2]])
    } else {
        Err(ConcentratedError::Overflow)
    }
}

/// `x · 2⁹⁶`, for an `x` of 288 bits.
#[inline(always)]
pub(super) const fn shl_96(x: [u64; 5]) -> [u64; 6] {
    [
        0,
        x[0] << 32,
        (x[1] << 32) | (x[0] >> 32),
        (x[2] << 32) | (x[1] >> 32),
        (x[3] << 32) | (x[2] >> 32),
        (x[4] << 32) | (x[3] >> 32),
    ]
}

/// The quotient, `None` where it exceeds 256 bits. The denominator is not zero.
#[inline(always)]
pub(super) fn quotient(
    numerator: [u64; 6],
    denominator: [u64; 6],
    rounding: Rounding,
) -> Option<U256> {
    let (quotient, rest) = U384::from_limbs(numerator).div_rem(U384::from_limbs(denominator));
    let q = quotient.as_limbs();
    if (q[4] | q[5]) != 0 {
        return None;
    }
    let floor = U256::from_limbs([q[0], q[1], q[2], q[3]]);
    if rounding == Rounding::Floor || rest.is_zero() {
        Some(floor)
    } else {
        floor.checked_add(U256::from(1))
    }
}
