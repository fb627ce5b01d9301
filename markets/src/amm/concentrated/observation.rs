//! The pool's memory of prices: a ring of accumulator readings.
//!
//! Source: Uniswap v3 Core §5.1–5.3; the library `Oracle`. Times are seconds modulo 2³², tick cumulatives
//! wrap as 56-bit signed integers and seconds per liquidity as 160-bit ones, as in the contract:
//! differences survive the wrap.

use super::error::ConcentratedError;
use crate::units::{U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// A reading of the accumulators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When, in seconds modulo 2³²; one where the slot is reserved and never written.
    pub timestamp: u32,
    /// Whether the slot was ever written.
    pub initialized: bool,
    /// Σ tick · seconds, wrapping at 56 bits.
    pub tick_cumulative: i64,
    /// Σ seconds / liquidity in range, Q128.128, modulo 2¹⁶⁰ (liquidity zero counts as one).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub seconds_per_liquidity: U256,
}

/// What stands where a pool grew its ring: a reserved slot.
pub const RESERVED: Observation = Observation {
    timestamp: 1,
    initialized: false,
    tick_cumulative: 0,
    seconds_per_liquidity: U256::ZERO,
};

/// What the accumulators are extended with: the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// Now, in seconds modulo 2³².
    pub time: u32,
    /// The tick that stood since the last observation.
    pub tick: i32,
    /// The liquidity in range that stood since then.
    pub liquidity: u128,
    /// The slot last written.
    pub index: u16,
    /// How many slots are in use.
    pub cardinality: u16,
}

impl Observation {
    /// The reading at `time`, the tick and the liquidity having stood since this one.
    #[must_use]
    #[inline]
    pub fn extended(&self, time: u32, tick: i32, liquidity: u128) -> Self {
        let elapsed = time.wrapping_sub(self.timestamp);
        Self {
            timestamp: time,
            initialized: true,
            tick_cumulative: int56(
                self.tick_cumulative.wrapping_add(i64::from(tick) * i64::from(elapsed)),
            ),
            seconds_per_liquidity: modulo_160(
                self.seconds_per_liquidity.wrapping_add(seconds_per_liquidity(elapsed, liquidity)),
            ),
        }
    }
}

/// `elapsed` · 2¹²⁸ / max(liquidity, 1).
#[inline]
fn seconds_per_liquidity(elapsed: u32, liquidity: u128) -> U256 {
    let elapsed = u128::from(elapsed);
    let liquidity = liquidity.max(1);
    // (elapsed · 2¹²⁸) / liquidity = whole · 2¹²⁸ + part.
    let (whole, rest) =
        if elapsed < liquidity { (0, elapsed) } else { (elapsed / liquidity, elapsed % liquidity) };
    let part = if rest == 0 { 0 } else { crate::wide::div(rest, 0, liquidity).0 };
    U256::from_limbs([part as u64, (part >> 64) as u64, whole as u64, 0])
}

/// Wraps at 56 bits, signed.
#[inline]
#[must_use]
pub const fn int56(x: i64) -> i64 {
    (x << 8) >> 8
}

/// Wraps at 160 bits.
#[inline]
#[must_use]
pub const fn modulo_160(x: U256) -> U256 {
    let l = x.as_limbs();
    U256::from_limbs([l[0], l[1], l[2] & 0xffff_ffff, 0])
}

/// The slot and the reading that a write now leaves, and how many slots are in use after it; `None` where
/// this second was written already (`Oracle.write`).
#[must_use]
#[inline]
pub fn next_write(
    ring: &[Observation],
    present: &Present,
    cardinality_next: u16,
) -> Option<(u16, u16, Observation)> {
    let last = &ring[usize::from(present.index)];
    if last.timestamp == present.time {
        return None;
    }
    let Present { time, tick, liquidity, index, cardinality } = *present;
    let grows = cardinality_next > cardinality && index == cardinality - 1;
    let cardinality = if grows { cardinality_next } else { cardinality };
    let index = if index + 1 == cardinality { 0 } else { index + 1 };
    Some((index, cardinality, last.extended(time, tick, liquidity)))
}

/// The accumulators as they stood `seconds_ago`: (tick cumulative, seconds per liquidity), interpolated
/// between observations (`Oracle.observeSingle`).
///
/// # Errors
/// [`ConcentratedError::TooOld`] before the oldest observation, [`ConcentratedError::NotInitialized`].
pub fn observe(
    ring: &[Observation],
    present: &Present,
    seconds_ago: u32,
) -> Result<(i64, U256), ConcentratedError> {
    let Present { time, tick, liquidity, index, cardinality } = *present;
    if cardinality == 0 {
        return Err(ConcentratedError::NotInitialized);
    }
    let last = ring[usize::from(index)];
    let reading = |o: &Observation| (o.tick_cumulative, o.seconds_per_liquidity);
    if seconds_ago == 0 {
        let now = if last.timestamp == time { last } else { last.extended(time, tick, liquidity) };
        return Ok(reading(&now));
    }
    let target = time.wrapping_sub(seconds_ago);
    if at_or_before(time, last.timestamp, target) {
        let at =
            if last.timestamp == target { last } else { last.extended(target, tick, liquidity) };
        return Ok(reading(&at));
    }
    let slots = usize::from(cardinality);
    let after_newest = (usize::from(index) + 1) % slots;
    let oldest = if ring[after_newest].initialized { ring[after_newest] } else { ring[0] };
    if !at_or_before(time, oldest.timestamp, target) {
        return Err(ConcentratedError::TooOld);
    }
    let (before, after) = surrounding(ring, time, target, after_newest, slots);
    if target == before.timestamp {
        return Ok(reading(&before));
    }
    if target == after.timestamp {
        return Ok(reading(&after));
    }
    let between = after.timestamp.wrapping_sub(before.timestamp);
    let since = target.wrapping_sub(before.timestamp);
    // The slope is truncated before it is multiplied, as in the contract.
    let slope =
        int56(after.tick_cumulative.wrapping_sub(before.tick_cumulative)) / i64::from(between);
    let tick_cumulative = before.tick_cumulative.wrapping_add(slope.wrapping_mul(since.into()));
    let gathered =
        modulo_160(after.seconds_per_liquidity.wrapping_sub(before.seconds_per_liquidity));
    let part = gathered * U256::from(since) / U256::from(between);
    Ok((int56(tick_cumulative), modulo_160(before.seconds_per_liquidity.wrapping_add(part))))
}

/// The neighbours of `target` in time, the oldest slot being `oldest` (`Oracle.binarySearch`). The target
/// is between the oldest and the newest.
fn surrounding(
    ring: &[Observation],
    time: u32,
    target: u32,
    oldest: usize,
    slots: usize,
) -> (Observation, Observation) {
    let (mut low, mut high) = (oldest, oldest + slots - 1);
    loop {
        let middle = usize::midpoint(low, high);
        let before = ring[middle % slots];
        if !before.initialized {
            low = middle + 1;
            continue;
        }
        let after = ring[(middle + 1) % slots];
        let reached = at_or_before(time, before.timestamp, target);
        if reached && at_or_before(time, target, after.timestamp) {
            return (before, after);
        }
        if reached {
            low = middle + 1;
        } else {
            high = middle - 1;
        }
    }
}

/// Whether `a` is no later than `b`, both no later than `time`, across one wrap of 2³² (`Oracle.lte`).
const fn at_or_before(time: u32, a: u32, b: u32) -> bool {
    if (a <= time) == (b <= time) { a <= b } else { a > time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_ordered_across_the_wrap() {
        assert!(at_or_before(100, 90, 95) && !at_or_before(100, 95, 90));
        assert!(at_or_before(5, u32::MAX, 2) && !at_or_before(5, 2, u32::MAX));
        assert!(at_or_before(5, u32::MAX - 1, u32::MAX) && at_or_before(5, 3, 3));
        // Now itself is after what was before the wrap.
        assert!(!at_or_before(5, 5, u32::MAX) && at_or_before(5, u32::MAX, 5));
    }

    /// Every ring of up to nine slots, wherever its oldest is, and every time within it.
    #[test]
    fn the_neighbours_of_any_time_are_found() {
        for slots in 2..10_usize {
            for oldest in 0..slots {
                let mut ring =
                    vec![Observation { initialized: false, ..Observation::default() }; slots];
                for age in 0..slots {
                    ring[(oldest + age) % slots] = Observation {
                        timestamp: 10 * age as u32,
                        initialized: true,
                        ..Observation::default()
                    };
                }
                let newest = 10 * (slots as u32 - 1);
                for target in 0..=newest {
                    let (before, after) = surrounding(&ring, newest, target, oldest, slots);
                    assert!(before.timestamp <= target && target <= after.timestamp);
                    assert_eq!(after.timestamp - before.timestamp, 10, "{slots} {oldest} {target}");
                }
            }
        }
    }

    #[test]
    fn a_cumulative_wraps_at_56_bits() {
        assert_eq!(int56((1 << 55) - 1), (1 << 55) - 1);
        assert_eq!(int56(1 << 55), -(1 << 55));
        assert_eq!(int56(-(1 << 55) - 1), (1 << 55) - 1);
    }

    #[test]
    fn seconds_per_liquidity_equals_the_schoolbook_quotient() {
        for (elapsed, liquidity) in [
            (0, 0),
            (7, 0),
            (7, 1),
            (7, 3),
            (u32::MAX, u128::MAX),
            (1, 1 << 127),
            (9, 10_u128.pow(30)),
        ] {
            let numerator: U256 = U256::from(elapsed) << 128;
            let expected = numerator / U256::from(liquidity.max(1));
            assert_eq!(seconds_per_liquidity(elapsed, liquidity), expected);
        }
    }
}
