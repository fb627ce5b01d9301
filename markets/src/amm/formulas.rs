//! The arithmetic of Uniswap v2: library quotes for any fee, fixed-point prices, integer roots.
//!
//! Source: `UniswapV2Library`, `UQ112x112`, `Math`. Every rounding favours the pool.

use super::PoolError;
use super::constant_product::MAX_RESERVE;
use crate::units::{Amount, Pips, U256};
use crate::wide;

/// `UniswapV2Library.getAmountOut` for any fee: floored, in the pool's favour.
///
/// # Errors
/// [`PoolError::InsufficientInput`], [`PoolError::InsufficientLiquidity`], [`PoolError::MulOverflow`],
/// [`PoolError::AddOverflow`].
pub fn amount_out(
    amount_in: U256,
    reserve_in: U256,
    reserve_out: U256,
    fee: Pips,
) -> Result<U256, PoolError> {
    if amount_in.is_zero() {
        return Err(PoolError::InsufficientInput);
    }
    if reserve_in.is_zero() || reserve_out.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    let paid = mul(amount_in, U256::from(keep))?;
    let numerator = mul(paid, reserve_out)?;
    Ok(numerator / add(mul(reserve_in, U256::from(one))?, paid)?)
}

/// `UniswapV2Library.getAmountIn` for any fee: floored plus one, in the pool's favour.
///
/// # Errors
/// [`PoolError::InsufficientOutput`], [`PoolError::InsufficientLiquidity`] where a reserve is empty,
/// [`PoolError::SubUnderflow`] where more is asked for than there is, [`PoolError::DivisionByZero`]
/// where all of it is, [`PoolError::MulOverflow`], [`PoolError::AddOverflow`].
pub fn amount_in(
    amount_out: U256,
    reserve_in: U256,
    reserve_out: U256,
    fee: Pips,
) -> Result<U256, PoolError> {
    if amount_out.is_zero() {
        return Err(PoolError::InsufficientOutput);
    }
    if reserve_in.is_zero() || reserve_out.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    let numerator = mul(mul(reserve_in, amount_out)?, U256::from(one))?;
    let left = reserve_out.checked_sub(amount_out).ok_or(PoolError::SubUnderflow)?;
    let denominator = mul(left, U256::from(keep))?;
    let paid = numerator.checked_div(denominator).ok_or(PoolError::DivisionByZero)?;
    add(paid, U256::from(1))
}

/// `UniswapV2Library.quote`: the counter-amount at the reserves' ratio, floored.
///
/// # Errors
/// [`PoolError::InsufficientAmount`], [`PoolError::InsufficientLiquidity`],
/// [`PoolError::MulOverflow`].
pub fn counter_amount(amount: U256, reserve: U256, reserve_other: U256) -> Result<U256, PoolError> {
    if amount.is_zero() {
        return Err(PoolError::InsufficientAmount);
    }
    if reserve.is_zero() || reserve_other.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    Ok(mul(amount, reserve_other)? / reserve)
}

/// A product as the contracts' safe arithmetic takes it.
#[inline]
pub(super) fn mul(a: U256, b: U256) -> Result<U256, PoolError> {
    a.checked_mul(b).ok_or(PoolError::MulOverflow)
}

/// A sum as the contracts' safe arithmetic takes it.
#[inline]
pub(super) fn add(a: U256, b: U256) -> Result<U256, PoolError> {
    a.checked_add(b).ok_or(PoolError::AddOverflow)
}

/// [`amount_out`] for arguments of at most 112 bits, where nothing can overflow.
#[inline]
pub(super) fn amount_out_112(
    amount_in: u128,
    reserve_in: u128,
    reserve_out: u128,
    fee: Pips,
) -> Result<u128, PoolError> {
    if amount_in == 0 {
        return Err(PoolError::InsufficientInput);
    }
    if reserve_in == 0 || reserve_out == 0 {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    // 10⁶ < 2²⁰: the sum could need 2¹¹² · 2²⁰, so the widest arguments take the long way.
    if (amount_in | reserve_in) >> 106 == 0 {
        let paid = amount_in * u128::from(keep);
        let denominator = reserve_in * u128::from(one) + paid;
        return wide::mul_div_floor(paid, reserve_out, denominator).ok_or(PoolError::Overflow);
    }
    amount_out(U256::from(amount_in), U256::from(reserve_in), U256::from(reserve_out), fee)
        .map(low_128)
}

/// [`amount_in`] for arguments of at most 112 bits. What it costs may exceed 112 bits.
#[inline]
pub(super) fn amount_in_112(
    amount_out: u128,
    reserve_in: u128,
    reserve_out: u128,
    fee: Pips,
) -> Result<u128, PoolError> {
    if amount_out == 0 {
        return Err(PoolError::InsufficientOutput);
    }
    if reserve_in == 0 || reserve_out == 0 {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    if (reserve_in | reserve_out | amount_out) >> 106 == 0 {
        let wanted = amount_out * u128::from(one);
        let left = reserve_out.checked_sub(amount_out).ok_or(PoolError::SubUnderflow)?;
        let denominator = left * u128::from(keep);
        if denominator == 0 {
            return Err(PoolError::DivisionByZero);
        }
        let paid = wide::mul_div_floor(reserve_in, wanted, denominator);
        return paid.and_then(|paid| paid.checked_add(1)).ok_or(PoolError::Overflow);
    }
    let (reserve_in, reserve_out) = (U256::from(reserve_in), U256::from(reserve_out));
    let paid = amount_in(U256::from(amount_out), reserve_in, reserve_out, fee)?;
    u128::try_from(paid).map_err(|_above_128_bits| PoolError::Overflow)
}

/// Of each unit of input what counts, and the unit: 997/1000 for v2's fee, in its own terms.
#[inline]
pub(super) const fn fee_fraction(fee: Pips) -> (u64, u64) {
    if fee.0.is_multiple_of(1_000) {
        (1_000_u64.saturating_sub(fee.0 as u64 / 1_000), 1_000)
    } else {
        (1_000_000_u64.saturating_sub(fee.0 as u64), 1_000_000)
    }
}

/// The amounts of at most these maxima at the reserves' ratio, the counter-amount floored
/// (`_addLiquidity`).
pub(super) fn proportional(
    max0: U256,
    max1: U256,
    reserve0: U256,
    reserve1: U256,
) -> Result<(U256, U256), PoolError> {
    let optimal1 = counter_amount(max0, reserve0, reserve1)?;
    if optimal1 <= max1 {
        return Ok((max0, optimal1));
    }
    Ok((counter_amount(max1, reserve1, reserve0)?, max1))
}

/// An accumulator after `elapsed` more seconds at the price `numerator / denominator`, modulo 2²⁵⁶; as
/// it is where a reserve is empty.
#[inline]
pub(super) fn extended(cumulative: U256, numerator: u128, denominator: u128, elapsed: u32) -> U256 {
    if elapsed == 0 || numerator == 0 || denominator == 0 {
        return cumulative;
    }
    // Floored, as UQ112x112.uqdiv; overflow of the sum is meant. 224 bits · 32 bits fit.
    let mut price = uq112(numerator, denominator).into_limbs();
    let mut carry = 0;
    for limb in &mut price {
        (*limb, carry) = limb.carrying_mul(elapsed.into(), carry);
    }
    cumulative.wrapping_add(U256::from_limbs(price))
}

/// `numerator / denominator` as UQ112x112, floored. Arguments of at most 112 bits.
#[inline]
pub(crate) fn uq112(numerator: u128, denominator: u128) -> U256 {
    let (high, low) = wide::shl_112_div(numerator, denominator);
    U256::from_limbs([low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64])
}

#[inline]
pub(super) fn to_reserve(amount: Amount) -> Result<u128, PoolError> {
    let limbs = amount.0.as_limbs();
    let value = u128::from(limbs[0]) | (u128::from(limbs[1]) << 64);
    if (limbs[2] | limbs[3]) != 0 || value > MAX_RESERVE {
        return Err(PoolError::Overflow);
    }
    Ok(value)
}

#[inline]
fn low_128(value: U256) -> u128 {
    let limbs = value.as_limbs();
    u128::from(limbs[0]) | (u128::from(limbs[1]) << 64)
}

/// ⌊√n⌋ by Newton's method from above, integers only (`Math.sqrt`).
pub(super) fn sqrt_floor(n: U256) -> U256 {
    if n.is_zero() {
        return n;
    }
    // 2^⌈bits/2⌉ ≥ √n; each step stays at or above the root until it stops falling.
    let mut root = U256::from(1) << n.bit_len().div_ceil(2);
    loop {
        let next: U256 = (root + n / root) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reserves of 111 bits, alike, so that no bit of one tells it from the other.
    #[test]
    fn the_widest_arguments_take_the_long_way() {
        let (wide, fee) = (1_u128 << 111, Pips(3_000));
        let long = |x: u128| U256::from(x);
        let out = amount_out(long(wide), long(wide), long(wide), fee).map(low_128);
        assert_eq!(amount_out_112(wide, wide, wide, fee), out);
        let bought = 1 << 105;
        let paid = amount_in(long(bought), long(wide), long(wide), fee).map(low_128);
        assert_eq!(amount_in_112(bought, wide, wide, fee), paid);
    }

    /// With a fee in millionths the shorter way would need 132 bits.
    #[test]
    fn the_widest_arguments_of_a_fine_fee_take_the_long_way() {
        let (wide, fee) = (1_u128 << 111, Pips(3_001));
        let long = |x: u128| U256::from(x);
        let out = amount_out(long(wide), long(wide), long(wide), fee).map(low_128);
        assert_eq!(amount_out_112(wide, wide, wide, fee), out);
        let more = wide + (1 << 105);
        for (bought, reserve) in
            [(wide - 1, wide), (wide >> 1, wide), (1 << 103, wide), (wide, more)]
        {
            let paid = amount_in(long(bought), long(reserve), long(reserve), fee);
            let paid = paid.and_then(|x| u128::try_from(x).map_err(|_wide| PoolError::Overflow));
            assert_eq!(amount_in_112(bought, reserve, reserve, fee), paid, "{bought}");
        }
    }

    #[test]
    fn one_empty_reserve_is_no_liquidity() {
        let fee = Pips(3_000);
        for [a, b] in [[0, 5_u128], [5, 0], [0, 0]] {
            let none = Err(PoolError::InsufficientLiquidity);
            assert_eq!(amount_out_112(1, a, b, fee), none);
            assert_eq!(amount_in_112(1, a, b, fee), none);
            let none = Err(PoolError::InsufficientLiquidity);
            let (one, a, b) = (U256::from(1), U256::from(a), U256::from(b));
            assert_eq!(amount_out(one, a, b, fee), none);
            assert_eq!(amount_in(one, a, b, fee), none);
            assert_eq!(counter_amount(one, a, b), none);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn an_accumulator_gathers_price_by_seconds(
            cumulative in any::<[u64; 4]>(), reserves in any::<[u128; 2]>(),
            down in 16_u32..128, down_other in 16_u32..128, elapsed in any::<u32>()
        ) {
            let [numerator, denominator] = [reserves[0] >> down, reserves[1] >> down_other];
            let cumulative = U256::from_limbs(cumulative);
            let expected = if denominator == 0 {
                cumulative
            } else {
                let scaled: U256 = U256::from(numerator) << 112;
                let price = scaled / U256::from(denominator);
                cumulative.wrapping_add(price.wrapping_mul(U256::from(elapsed)))
            };
            prop_assert_eq!(extended(cumulative, numerator, denominator, elapsed), expected);
        }
    }
}
