//! The mark price: the median of the index with funding to come, the index with the basis of the last
//! minutes, and the last trade (Binance, "Mark price"). One venue's price alone liquidates nobody.

use super::E8;
use serde::{Deserialize, Serialize};

/// The mean distance of the contract's mid from its index, exponential by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// In 2⁻²⁰ ticks, so that small steps are not lost.
    scaled: i128,
}

const SCALE: i128 = 1 << 20;

impl Basis {
    /// Moves by `secs` of `window_secs` towards the present distance; all of it beyond the window.
    pub fn note(&mut self, mid: u64, index: u64, secs: u64, window_secs: u64) {
        let now = (i128::from(mid) - i128::from(index)) * SCALE;
        let (secs, window) = (i128::from(secs.min(window_secs)), i128::from(window_secs.max(1)));
        self.scaled += (now - self.scaled) * secs / window;
    }
    /// The mean, in ticks, rounded down.
    #[must_use]
    pub const fn ticks(&self) -> i128 {
        self.scaled.div_euclid(SCALE)
    }
}

/// The mark price in ticks, at least one. `rate_e8` is the last funding rate, of which the share
/// `left_secs / interval_secs` is still to come.
#[must_use]
pub fn mark_tick(
    index: u64,
    basis: &Basis,
    last: u64,
    rate_e8: i64,
    (left_secs, interval_secs): (u64, u64),
) -> u64 {
    let i = i128::from(index);
    let left = i128::from(left_secs.min(interval_secs));
    let per = i128::from(E8) * i128::from(interval_secs.max(1));
    let funded = i + (i * i128::from(rate_e8) * left).div_euclid(per);
    let mut prices = [funded, i + basis.ticks(), i128::from(last)];
    prices.sort_unstable();
    prices[1].clamp(1, i128::from(super::MOST)) as u64
}
