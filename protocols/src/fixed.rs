//! Fixed-point arithmetic as the contracts do it: products that must fit 256 bits.
//!
//! [`markets::math::mul_div`] has 512-bit intermediates; a contract that multiplies in 256 bits reverts
//! where the product does not fit. Here such a product is `None`.

use markets::math::{Rounding, mul_div};
use markets::units::{RAY, U256, WAD};

/// `a · b / d` where the product fits 256 bits (with what rounding up adds to it).
pub(crate) fn mul_div_256(a: U256, b: U256, d: U256, rounding: Rounding) -> Option<U256> {
    let product = a.checked_mul(b)?;
    if rounding == Rounding::Ceil {
        product.checked_add(d.checked_sub(U256::from(1))?)?;
    }
    mul_div(a, b, d, rounding)
}
/// `a · b / 10¹⁸`, floored (`wmul`).
pub(crate) fn wmul(a: U256, b: U256) -> Option<U256> {
    mul_div_256(a, b, WAD, Rounding::Floor)
}
/// `a · b / 10²⁷`, floored (`rmul`).
pub(crate) fn rmul(a: U256, b: U256) -> Option<U256> {
    mul_div_256(a, b, RAY, Rounding::Floor)
}
/// `a · 10²⁷ / b`, floored (`rdiv`).
pub(crate) fn rdiv(a: U256, b: U256) -> Option<U256> {
    mul_div_256(a, RAY, b, Rounding::Floor)
}

/// `xⁿ` of a number scaled by `one`, each product rounded half up (`rpow`, by repeated squaring).
pub(crate) fn rpow(x: U256, n: u64, one: U256) -> Option<U256> {
    if x.is_zero() {
        return Some(if n == 0 { one } else { U256::ZERO });
    }
    let half = one >> 1_usize;
    let times = |a: U256, b: U256| a.checked_mul(b)?.checked_add(half)?.checked_div(one);
    let (mut square, mut rest) = (x, n >> 1);
    let mut power = if n & 1 == 1 { x } else { one };
    while rest > 0 {
        square = times(square, square)?;
        if rest & 1 == 1 {
            power = times(power, square)?;
        }
        rest >>= 1;
    }
    Some(power)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn only_rounding_up_needs_room_above_the_product() {
        let two = U256::from(2);
        let half = |rounding| mul_div_256(U256::MAX, U256::from(1), two, rounding);
        assert_eq!(half(Rounding::Floor), Some(U256::MAX / two));
        assert_eq!(half(Rounding::Ceil), None);
        assert_eq!(mul_div_256(U256::MAX, two, two, Rounding::Floor), None);
    }

    #[test]
    fn powers_by_hand() {
        let two = RAY * U256::from(2);
        assert_eq!(rpow(two, 10, RAY).unwrap(), RAY * U256::from(1_024));
        assert_eq!(rpow(RAY / U256::from(2), 3, RAY).unwrap(), RAY / U256::from(8));
        assert_eq!(rpow(two, 0, RAY).unwrap(), RAY);
        assert_eq!(rpow(U256::ZERO, 0, RAY).unwrap(), RAY);
        assert_eq!(rpow(U256::ZERO, 5, RAY).unwrap(), U256::ZERO);
        assert_eq!(rpow(U256::from(1) << 128_usize, 2, RAY), None);
        // Half up: 1.5 · 1.5 in units of 1 is 2.25, rounded to 2; (3/2)·(3/2) of scale 2 is 4.5 → 5.
        assert_eq!(rpow(U256::from(3), 2, U256::from(2)).unwrap(), U256::from(5));
    }

    #[test]
    fn five_percent_a_year_by_the_second() {
        // Published: 1.000000001547125957863212448 a second is 5 % a year.
        let duty = U256::from(1_000_000_001_547_125_957_863_212_448_u128);
        let year = rpow(duty, 365 * 86_400, RAY).unwrap();
        let expected = RAY * U256::from(105) / U256::from(100);
        assert!(year.abs_diff(expected) < U256::from(10_u64.pow(19)), "{year}");
    }
}
