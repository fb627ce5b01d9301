//! The StableSwap invariant in integers: solving it for D, and for one balance.
//!
//! Source: Egorov, StableSwap (2019): A·nⁿ·Σx + D = A·nⁿ·D + Dⁿ⁺¹ / (nⁿ·Πx). Names, the order of the
//! divisions and the two stopping rules are those of Curve's base pool template (`SwapTemplateBase`,
//! `A_PRECISION = 100`), so each result is the contract's to the last unit. `Ann` stands for the contract's
//! `amp · N_COINS`: the paper's A·nⁿ scaled by [`A_PRECISION`].

use super::stable_swap::{MAX_COINS, StableSwapError};
use crate::math::{Rounding, mul_div};
use crate::units::U256;

/// Scale of the amplification coefficient (`A_PRECISION`).
pub const A_PRECISION: u64 = 100;
/// Newton steps before a solution is given up.
const MAX_STEPS: usize = 255;

/// Balances in 18 decimals (`xp`), unused places zero.
pub(super) type Scaled = [U256; MAX_COINS];

/// ⌊a · b / d⌋ where the contract's product fits 256 bits, as it must there.
#[inline]
pub(super) fn floor_div(a: U256, b: U256, d: U256) -> Result<U256, StableSwapError> {
    if d.is_zero() {
        return Err(StableSwapError::NoLiquidity);
    }
    if a.bit_len() + b.bit_len() > 256 && a.checked_mul(b).is_none() {
        return Err(StableSwapError::Overflow);
    }
    mul_div(a, b, d, Rounding::Floor).ok_or(StableSwapError::Overflow)
}

#[inline]
pub(super) fn product(a: U256, b: U256) -> Result<U256, StableSwapError> {
    a.checked_mul(b).ok_or(StableSwapError::Overflow)
}
#[inline]
pub(super) fn sum(a: U256, b: U256) -> Result<U256, StableSwapError> {
    a.checked_add(b).ok_or(StableSwapError::Overflow)
}
#[inline]
pub(super) fn difference(a: U256, b: U256) -> Result<U256, StableSwapError> {
    a.checked_sub(b).ok_or(StableSwapError::Overflow)
}

/// D of the balances (`get_D`): Newton from D = Σx, each division floored, until two steps differ by at
/// most one; zero for an empty pool.
///
/// # Errors
/// [`StableSwapError::NoLiquidity`] where one balance is zero and another is not,
/// [`StableSwapError::NotConverged`], [`StableSwapError::Overflow`].
pub fn invariant(xp: &[U256], ann: U256) -> Result<U256, StableSwapError> {
    let n = U256::from(xp.len());
    let mut total = U256::ZERO;
    for x in xp {
        total = sum(total, *x)?;
    }
    if total.is_zero() {
        return Ok(U256::ZERO);
    }
    let precision = U256::from(A_PRECISION);
    let scaled_total = product(ann, total)? / precision;
    let mut d = total;
    for _ in 0..MAX_STEPS {
        let mut d_p = d;
        for x in xp {
            d_p = floor_div(d_p, d, product(*x, n)?)?;
        }
        let before = d;
        // The contract's ⌊(Ann − 100)·D / 100⌋ is ⌊Ann·D / 100⌋ − D, which also holds below A = 1/n.
        let numerator = sum(scaled_total, product(d_p, n)?)?;
        let denominator = sum(product(ann, d)? / precision, product(d_p, n + U256::from(1))?)?;
        d = floor_div(numerator, d, difference(denominator, d)?)?;
        if d.abs_diff(before) <= U256::from(1) {
            return Ok(d);
        }
    }
    Err(StableSwapError::NotConverged)
}

/// The balance `j` at which the invariant is `d`, the other balances as given (`get_y_D`; `get_y` with the
/// sold coin's balance already raised): Newton from y = D until two steps differ by at most one.
///
/// # Errors
/// [`StableSwapError::NoLiquidity`] where another balance or `ann` is zero,
/// [`StableSwapError::NotConverged`], [`StableSwapError::Overflow`].
pub fn balance_at(xp: &[U256], j: usize, d: U256, ann: U256) -> Result<U256, StableSwapError> {
    let n = U256::from(xp.len());
    let precision = U256::from(A_PRECISION);
    let (mut c, mut others) = (d, U256::ZERO);
    for (_, x) in xp.iter().enumerate().filter(|(i, _)| *i != j) {
        others = sum(others, *x)?;
        c = floor_div(c, d, product(*x, n)?)?;
    }
    c = floor_div(product(c, d)?, precision, product(ann, n)?)?;
    let b = sum(others, floor_div(d, precision, ann)?)?;
    let mut y = d;
    for _ in 0..MAX_STEPS {
        let before = y;
        let numerator = sum(product(y, y)?, c)?;
        y = numerator
            .checked_div(difference(sum(y << 1, b)?, d)?)
            .ok_or(StableSwapError::NoLiquidity)?;
        if y.abs_diff(before) <= U256::from(1) {
            return Ok(y);
        }
    }
    Err(StableSwapError::NotConverged)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_above_256_bits_is_refused_though_its_quotient_fits() {
        let (one, most) = (U256::from(1), U256::MAX);
        assert_eq!(floor_div(most, most, most), Err(StableSwapError::Overflow));
        assert_eq!(floor_div(one << 128, one << 128, one << 4), Err(StableSwapError::Overflow));
        assert_eq!(floor_div(one << 255, one, one), Ok(one << 255));
        assert_eq!(floor_div(most, one, U256::from(3)), Ok(most / U256::from(3)));
        assert_eq!(floor_div(one, one, U256::ZERO), Err(StableSwapError::NoLiquidity));
    }
}
