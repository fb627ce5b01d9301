//! Fixed-point arithmetic with the contracts' truncations (Compound `CarefulMath`, `Exponential`,
//! `ExponentialNoError`).
//!
//! A mantissa is a [`Wad`]. Products are formed in 256 bits and then truncated, so that an overflow
//! is where the contract has one. The careful functions give `None`, which the cToken turns into a
//! code or a revert; those of [`checked`] revert, as the comptroller's do.

use markets::math::{Rounding, mul_div};
use markets::units::{U256, WAD, Wad};

/// 10³⁶, the scale of a mantissa over a mantissa.
const DOUBLE: U256 = U256::from_limbs([0xb34b_9f10_0000_0000, 0x00c0_97ce_7bc9_0715, 0, 0]);

/// Whether a product fits 256 bits.
#[inline]
fn fits(a: U256, b: U256) -> bool {
    let (x, y) = (a.as_limbs(), b.as_limbs());
    (x[2] | x[3] | y[2] | y[3]) == 0 || a.checked_mul(b).is_some()
}

/// `a · b / 10¹⁸`, floored, where the product fits 256 bits.
#[inline]
pub(crate) fn product(a: U256, b: U256) -> Option<U256> {
    if fits(a, b) { mul_div(a, b, WAD, Rounding::Floor) } else { None }
}

/// `exp · scalar`, truncated to an integer (`mulScalarTruncate`).
#[inline]
pub(crate) fn mul_scalar_truncate(exp: Wad, scalar: U256) -> Option<U256> {
    product(exp.0, scalar)
}

/// `exp · scalar + addend`, the product truncated (`mulScalarTruncateAddUInt`).
#[inline]
pub(crate) fn mul_scalar_truncate_add(exp: Wad, scalar: U256, addend: U256) -> Option<U256> {
    product(exp.0, scalar)?.checked_add(addend)
}

/// `scalar / divisor`, truncated to an integer (`divScalarByExpTruncate`). The contract scales the
/// scalar by 10³⁶ before it divides, and fails where that overflows.
#[inline]
pub(crate) fn div_scalar_by_exp_truncate(scalar: U256, divisor: Wad) -> Option<U256> {
    if fits(scalar, DOUBLE) { mul_div(scalar, WAD, divisor.0, Rounding::Floor) } else { None }
}

/// The ratio of two integers, truncated to a mantissa (`getExp`).
#[inline]
pub(crate) fn get_exp(numerator: U256, denominator: U256) -> Option<Wad> {
    if fits(numerator, WAD) {
        mul_div(numerator, WAD, denominator, Rounding::Floor).map(Wad)
    } else {
        None
    }
}

/// The comptroller's arithmetic: the same truncations, and an overflow reverts.
pub(crate) mod checked {
    use super::{Wad, get_exp, product};
    use crate::compound::CompoundError;
    use markets::units::U256;

    /// `a · b` of two mantissas, truncated (`mul_(Exp, Exp)`).
    #[inline]
    pub(crate) fn mul(a: Wad, b: Wad) -> Result<Wad, CompoundError> {
        product(a.0, b.0).map(Wad).ok_or(CompoundError::MultiplicationOverflow)
    }
    /// `exp · scalar`, truncated (`mul_ScalarTruncate`, and `mul_(uint, Exp)`).
    #[inline]
    pub(crate) fn mul_scalar_truncate(exp: Wad, scalar: U256) -> Result<U256, CompoundError> {
        product(exp.0, scalar).ok_or(CompoundError::MultiplicationOverflow)
    }
    /// `exp · scalar + addend`, the product truncated (`mul_ScalarTruncateAddUInt`).
    #[inline]
    pub(crate) fn mul_scalar_truncate_add(
        exp: Wad,
        scalar: U256,
        addend: U256,
    ) -> Result<U256, CompoundError> {
        add(mul_scalar_truncate(exp, scalar)?, addend)
    }
    /// `a / b` of two mantissas, truncated (`div_(Exp, Exp)`).
    pub(crate) fn div(a: Wad, b: Wad) -> Result<Wad, CompoundError> {
        if a.0.checked_mul(markets::units::WAD).is_none() {
            return Err(CompoundError::MultiplicationOverflow);
        }
        get_exp(a.0, b.0).ok_or(CompoundError::DivideByZero)
    }
    /// Sum (`add_`).
    #[inline]
    pub(crate) fn add(a: U256, b: U256) -> Result<U256, CompoundError> {
        a.checked_add(b).ok_or(CompoundError::AdditionOverflow)
    }
    /// Difference (`sub_`).
    #[inline]
    pub(crate) fn sub(a: U256, b: U256) -> Result<U256, CompoundError> {
        a.checked_sub(b).ok_or(CompoundError::SubtractionUnderflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compound::CompoundError;

    #[test]
    fn a_product_fits_or_does_not_wherever_its_digits_are() {
        let digits = |d: [u64; 4]| U256::from_limbs(d);
        for (a, b) in [
            ([0, 0, 1, 1], [0, 1, 0, 0]),
            ([0, 0, 1, 0], [0, 0, 1, 0]),
            ([0, 0, 1, 0], [0, 0, 0, 1]),
            ([0, 0, 0, 1], [0, 0, 1, 0]),
            ([0, 0, 0, 1], [0, 0, 0, 1]),
            ([0, 1, 0, 0], [0, 0, 1, 1]),
        ] {
            assert!(!fits(digits(a), digits(b)), "{a:?} · {b:?}");
        }
        assert!(
            fits(digits([0, 0, 1, 1]), u(1))
                && fits(digits([0, u64::MAX, 0, 0]), digits([0, 1, 0, 0]))
        );
    }

    fn u(x: u128) -> U256 {
        U256::from(x)
    }

    #[test]
    fn ten_to_the_36_is_wad_squared() {
        assert_eq!(DOUBLE, WAD * WAD);
    }

    #[test]
    fn every_operation_truncates() {
        // 0.5 · 3 = 1.5
        let half = Wad::new(500_000_000_000_000_000);
        assert_eq!(mul_scalar_truncate(half, u(3)), Some(u(1)));
        assert_eq!(mul_scalar_truncate_add(half, u(3), u(10)), Some(u(11)));
        // 5 / 3 = 1.67
        assert_eq!(div_scalar_by_exp_truncate(u(5), Wad(u(3) * WAD)), Some(u(1)));
        assert_eq!(get_exp(u(2), u(3)), Some(Wad::new(666_666_666_666_666_666)));
        // 10⁻¹⁸ · 0.5 vanishes.
        assert_eq!(checked::mul(Wad::new(1), half), Ok(Wad::ZERO));
        assert_eq!(checked::div(Wad(u(2)), Wad(u(3))), Ok(Wad::new(666_666_666_666_666_666)));
    }

    /// Whatever upper limb it is that makes a product too large; its quotient would fit.
    #[test]
    fn a_product_beyond_256_bits_is_none() {
        for large in [u(1) << 191, u(1) << 192] {
            assert_eq!(product(large, u(1 << 65)), None);
            assert_eq!(product(u(1 << 65), large), None);
        }
        assert_eq!(product(u(1) << 190, u(1 << 65)), Some((u(1) << 255) / WAD));
    }

    #[test]
    fn an_overflow_is_where_the_contract_has_one() {
        let limit = U256::MAX / DOUBLE;
        assert!(div_scalar_by_exp_truncate(limit, Wad(DOUBLE)).is_some());
        assert_eq!(div_scalar_by_exp_truncate(limit + u(1), Wad(DOUBLE)), None);
        assert_eq!(mul_scalar_truncate(Wad(U256::MAX), u(2)), None);
        assert_eq!(mul_scalar_truncate(Wad(U256::MAX), u(1)), Some(U256::MAX / WAD));
        assert_eq!(get_exp(u(1), U256::ZERO), None);
        assert_eq!(
            checked::mul_scalar_truncate(Wad(U256::MAX), u(2)),
            Err(CompoundError::MultiplicationOverflow)
        );
        assert_eq!(checked::div(Wad::ONE, Wad::ZERO), Err(CompoundError::DivideByZero));
        assert_eq!(checked::div(Wad::MAX, Wad::ONE), Err(CompoundError::MultiplicationOverflow));
        assert_eq!(checked::sub(u(1), u(2)), Err(CompoundError::SubtractionUnderflow));
        assert_eq!(checked::add(U256::MAX, u(1)), Err(CompoundError::AdditionOverflow));
    }
}
