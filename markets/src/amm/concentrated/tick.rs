//! Ticks: the liquidity that enters and leaves at them, and what lay on their other side.
//!
//! Source: Uniswap v3 Core §6.3; the libraries `Tick` and `TickBitmap`. The contract finds ticks through a
//! bitmap of 256 ticks a word and looks no further than a word at once; a sorted list gives the same
//! answers, word by word.

use super::error::ConcentratedError;
use super::tick_math::{MAX_TICK, MIN_TICK, sqrt_ratio_at_tick};
use crate::units::{U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// What was gathered on the side of a tick where the price is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Fees of `token0` per unit of liquidity, Q128.128, modulo 2²⁵⁶.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth0: U256,
    /// Fees of `token1` per unit of liquidity, Q128.128, modulo 2²⁵⁶.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth1: U256,
    /// Seconds per unit of liquidity, Q128.128, modulo 2¹⁶⁰.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub seconds_per_liquidity: U256,
    /// Σ tick · seconds, wrapping at 56 bits.
    pub tick_cumulative: i64,
    /// Seconds, modulo 2³².
    pub seconds: u32,
}

/// The pool's accumulators at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Globals {
    /// Fees of `token0` per unit of liquidity, Q128.128.
    pub fee_growth0: U256,
    /// Fees of `token1` per unit of liquidity, Q128.128.
    pub fee_growth1: U256,
    /// Seconds per unit of liquidity, Q128.128.
    pub seconds_per_liquidity: U256,
    /// Σ tick · seconds.
    pub tick_cumulative: i64,
    /// Now, in seconds modulo 2³².
    pub time: u32,
}

impl Outside {
    /// The other side of the tick: what a crossing makes of this (`Tick.cross`).
    #[must_use]
    #[inline]
    pub fn crossed(&self, now: &Globals) -> Self {
        Self {
            fee_growth0: now.fee_growth0.wrapping_sub(self.fee_growth0),
            fee_growth1: now.fee_growth1.wrapping_sub(self.fee_growth1),
            seconds_per_liquidity: super::observation::modulo_160(
                now.seconds_per_liquidity.wrapping_sub(self.seconds_per_liquidity),
            ),
            tick_cumulative: super::observation::int56(
                now.tick_cumulative.wrapping_sub(self.tick_cumulative),
            ),
            seconds: now.time.wrapping_sub(self.seconds),
        }
    }
}

/// An initialised tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// Which.
    pub tick: i32,
    /// Its √price, Q64.96.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub sqrt_price: U256,
    /// Liquidity of all positions that end here.
    pub gross: u128,
    /// Liquidity that enters when the price rises through it.
    pub net: i128,
    /// What was gathered on its other side.
    pub outside: Outside,
}

impl Tick {
    /// The tick with `delta` more liquidity referring to it, as its position's upper end or lower one; the
    /// first to refer to a tick at or below the price takes everything gathered so far to lie below it
    /// (`Tick.update`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LS`, `LA`, `LO`, or the net liquidity exceeds 128 bits.
    pub fn updated(
        &self,
        delta: i128,
        upper: bool,
        current: i32,
        now: &Globals,
        max_liquidity: u128,
    ) -> Result<Self, ConcentratedError> {
        let mut new = *self;
        new.gross = add_delta(self.gross, delta)?;
        if new.gross > max_liquidity {
            return Err(ConcentratedError::LiquidityOverflow);
        }
        if self.gross == 0 && self.tick <= current {
            new.outside = Outside {
                fee_growth0: now.fee_growth0,
                fee_growth1: now.fee_growth1,
                seconds_per_liquidity: now.seconds_per_liquidity,
                tick_cumulative: now.tick_cumulative,
                seconds: now.time,
            };
        }
        let net = if upper { self.net.checked_sub(delta) } else { self.net.checked_add(delta) };
        new.net = net.ok_or(ConcentratedError::Overflow)?;
        Ok(new)
    }
}

/// Liquidity plus a signed change (`LiquidityMath.addDelta`).
///
/// # Errors
/// [`ConcentratedError`]: `LS` below zero, `LA` above 128 bits.
#[inline]
pub(super) fn add_delta(liquidity: u128, delta: i128) -> Result<u128, ConcentratedError> {
    liquidity.checked_add_signed(delta).ok_or(if delta < 0 {
        ConcentratedError::LiquiditySubtract
    } else {
        ConcentratedError::LiquidityAdd
    })
}

/// Fees per unit of liquidity gathered between two ticks, of (`token0`, `token1`), modulo 2²⁵⁶
/// (`Tick.getFeeGrowthInside`).
#[must_use]
pub(super) fn fee_growth_inside(
    lower: &Tick,
    upper: &Tick,
    current: i32,
    now: &Globals,
) -> (U256, U256) {
    let inside = |global: U256, lower_outside: U256, upper_outside: U256| {
        let below =
            if current >= lower.tick { lower_outside } else { global.wrapping_sub(lower_outside) };
        let above =
            if current < upper.tick { upper_outside } else { global.wrapping_sub(upper_outside) };
        global.wrapping_sub(below).wrapping_sub(above)
    };
    (
        inside(now.fee_growth0, lower.outside.fee_growth0, upper.outside.fee_growth0),
        inside(now.fee_growth1, lower.outside.fee_growth1, upper.outside.fee_growth1),
    )
}

/// Where a step of a swap is heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The tick.
    pub(super) tick: i32,
    /// Its √price.
    pub(super) sqrt_price: U256,
    /// Its place in the list, where it is initialised.
    pub(super) initialized: Option<usize>,
}

/// The next initialised tick in the same word of the contract's bitmap, or else the word's end
/// (`TickBitmap.nextInitializedTickWithinOneWord`). `below` is how many ticks of the sorted list are at or
/// below `tick`.
#[inline]
pub(super) fn next_within_one_word(
    ticks: &[Tick],
    below: usize,
    tick: i32,
    spacing: i32,
    zero_for_one: bool,
) -> Result<Target, ConcentratedError> {
    let compressed = tick.div_euclid(spacing);
    let (end, candidate) = if zero_for_one {
        (((compressed >> 8) << 8) * spacing, below.checked_sub(1))
    } else {
        // From the tick above, which may lie in the next word.
        (((((compressed + 1) >> 8) << 8) + 255) * spacing, Some(below))
    };
    if let Some((at, next)) = candidate.and_then(|at| Some((at, ticks.get(at)?)))
        && (if zero_for_one { next.tick >= end } else { next.tick <= end })
    {
        return Ok(Target { tick: next.tick, sqrt_price: next.sqrt_price, initialized: Some(at) });
    }
    let tick = end.clamp(MIN_TICK, MAX_TICK);
    Ok(Target { tick, sqrt_price: sqrt_ratio_at_tick(tick)?, initialized: None })
}
