//! What the periphery contracts compute from a pool: liquidity from amounts, amounts from liquidity, quotes
//! and averages at a tick.
//!
//! Source: `LiquidityAmounts` and `OracleLibrary` of Uniswap v3 Periphery 1.4.4.

use super::position::low_128;
use super::sqrt_price::{Q96, Q128};
use super::tick_math::sqrt_ratio_at_tick;
use super::{Concentrated, ConcentratedError};
use crate::math::{Rounding, mul_div};
use crate::units::U256;
use ConcentratedError::Overflow;

fn sorted(a: U256, b: U256) -> (U256, U256) {
    if a > b { (b, a) } else { (a, b) }
}
fn floor(a: U256, b: U256, d: U256) -> Result<U256, ConcentratedError> {
    mul_div(a, b, d, Rounding::Floor).ok_or(Overflow)
}
fn narrow(liquidity: U256) -> Result<u128, ConcentratedError> {
    u128::try_from(liquidity).map_err(|_above| Overflow)
}

/// Liquidity that `amount0` of `token0` gives between two √prices, floored (`getLiquidityForAmount0`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 128 bits, or where the prices are equal.
pub fn liquidity_for_amount0(a: U256, b: U256, amount0: U256) -> Result<u128, ConcentratedError> {
    let (a, b) = sorted(a, b);
    narrow(floor(amount0, floor(a, b, Q96)?, b - a)?)
}

/// Liquidity that `amount1` of `token1` gives between two √prices, floored (`getLiquidityForAmount1`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 128 bits, or where the prices are equal.
pub fn liquidity_for_amount1(a: U256, b: U256, amount1: U256) -> Result<u128, ConcentratedError> {
    let (a, b) = sorted(a, b);
    narrow(floor(amount1, Q96, b - a)?)
}

/// The most liquidity that the two amounts give between two √prices at a √price, floored
/// (`getLiquidityForAmounts`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 128 bits, or where the prices are equal.
pub fn liquidity_for_amounts(
    sqrt_price: U256,
    a: U256,
    b: U256,
    amount0: U256,
    amount1: U256,
) -> Result<u128, ConcentratedError> {
    let (a, b) = sorted(a, b);
    if sqrt_price <= a {
        liquidity_for_amount0(a, b, amount0)
    } else if sqrt_price < b {
        let of_0 = liquidity_for_amount0(sqrt_price, b, amount0)?;
        let of_1 = liquidity_for_amount1(a, sqrt_price, amount1)?;
        Ok(of_0.min(of_1))
    } else {
        liquidity_for_amount1(a, b, amount1)
    }
}

/// What liquidity between two √prices is worth at a √price, as (`token0`, `token1`), floored
/// (`getAmountsForLiquidity`).
///
/// # Errors
/// [`ConcentratedError::Overflow`] where the lower price is zero.
pub fn amounts_for_liquidity(
    sqrt_price: U256,
    a: U256,
    b: U256,
    liquidity: u128,
) -> Result<(U256, U256), ConcentratedError> {
    let (a, b) = sorted(a, b);
    let of_0 = |a: U256, b: U256| {
        let scaled: U256 = U256::from(liquidity) << 96;
        floor(scaled, b - a, b)?.checked_div(a).ok_or(Overflow)
    };
    let of_1 = |a: U256, b: U256| floor(U256::from(liquidity), b - a, Q96);
    if sqrt_price <= a {
        Ok((of_0(a, b)?, U256::ZERO))
    } else if sqrt_price < b {
        Ok((of_0(sqrt_price, b)?, of_1(a, sqrt_price)?))
    } else {
        Ok((U256::ZERO, of_1(a, b)?))
    }
}

/// What `base_amount` of one token is worth in the other at a tick, floored; `base_is_token0` where the
/// base token's address is the lower (`getQuoteAtTick`).
///
/// # Errors
/// [`ConcentratedError`]: `T`, or above 256 bits.
pub fn quote_at_tick(
    tick: i32,
    base_amount: u128,
    base_is_token0: bool,
) -> Result<U256, ConcentratedError> {
    quote_at_sqrt_price(sqrt_ratio_at_tick(tick)?, base_amount, base_is_token0)
}

/// [`quote_at_tick`] at any √price.
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 256 bits, or where the price is zero.
pub fn quote_at_sqrt_price(
    sqrt: U256,
    base_amount: u128,
    base_is_token0: bool,
) -> Result<U256, ConcentratedError> {
    let base = U256::from(base_amount);
    // The square of a √price above 2¹²⁸ would not fit 256 bits: keep 64 bits less.
    let (ratio, one) = if sqrt < Q128 {
        (sqrt * sqrt, U256::from(1) << 192)
    } else {
        (floor(sqrt, sqrt, U256::from(1) << 64)?, Q128)
    };
    if base_is_token0 { floor(ratio, base, one) } else { floor(one, base, ratio) }
}

/// A pool's averages over the last seconds (`consult`): the arithmetic mean of the tick, rounded toward
/// minus infinity, and the harmonic mean of the liquidity in range.
///
/// # Errors
/// [`ConcentratedError`]: `BP`, `OLD`, `I`.
pub fn consult(
    pool: &Concentrated,
    now: u64,
    seconds_ago: u32,
) -> Result<(i32, u128), ConcentratedError> {
    if seconds_ago == 0 {
        return Err(ConcentratedError::ZeroPeriod);
    }
    let (tick_then, liquidity_then) = pool.observe(now, seconds_ago)?;
    let (tick_now, liquidity_now) = pool.observe(now, 0)?;
    let gathered = super::observation::int56(tick_now.wrapping_sub(tick_then));
    let mean_tick = gathered.div_euclid(i64::from(seconds_ago)) as i32;
    let gathered = super::observation::modulo_160(liquidity_now.wrapping_sub(liquidity_then));
    let most: U256 = (U256::from(1) << 160) - U256::from(1);
    let scaled: U256 = U256::from(seconds_ago) * most;
    let gathered: U256 = gathered << 32;
    Ok((mean_tick, low_128(scaled.checked_div(gathered).ok_or(Overflow)?)))
}
