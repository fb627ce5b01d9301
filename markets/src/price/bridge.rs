//! A path inside a bar: from open to close, touching high and low, never outside them.
//!
//! A record says where the price began, ended and how far it went, not when. The bridge draws the order
//! of the extremes, the times it touches them, and a Brownian bridge between these four points,
//! reflected at high and low. Noise per block follows the bar's range (Parkinson, 1980: σ² of a bar is
//! (high − low)² / 4 ln 2). The order follows the reflection principle: a route of length ℓ through both
//! extremes has weight e^(−ℓ²/2σ²), so a bar that closes above its open more likely saw its low first.
//! A stretch's share of the time is in proportion to its length times a positive random factor: long
//! ways seldom take one block.

use super::{Bar, draw};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// A plan for the running bar, and where in it the path is. Values in the bar's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bridge {
    /// Blocks in a bar, at least four.
    blocks: u32,
    /// Values given so far: 0 before the first step of a bar.
    block: u32,
    low: f64,
    high: f64,
    /// Deviation of a block's noise.
    deviation: f64,
    /// The three points ahead at the bar's start: (block, value), the last at `blocks − 1`.
    points: [(u32, f64); 3],
    /// The point the path is heading for.
    heading: u8,
}

impl Bridge {
    /// A bridge for bars of `blocks` blocks (at least four), before its first bar.
    pub(super) const fn new(blocks: u32) -> Self {
        Self {
            blocks,
            block: 0,
            low: 0.0,
            high: 0.0,
            deviation: 0.0,
            points: [(0, 0.0); 3],
            heading: 0,
        }
    }

    pub(super) fn restart(&mut self) {
        self.block = 0;
    }

    /// Whether the next step begins a bar, so that [`Self::plan`] is due.
    #[inline]
    pub(super) const fn is_at_start(&self) -> bool {
        self.block == 0
    }

    /// Plans the path through `bar`, from a shared word.
    pub(super) fn plan(&mut self, bar: &Bar, word: u64) {
        let Bar { open, high, low, close } = *bar;
        let mut rng = draw::stream(word, SALT);
        let variance = (high - low) * (high - low) / (4.0 * std::f64::consts::LN_2);
        let low_first = {
            let across = high - low;
            let by_low = (open - low) + across + (high - close);
            let by_high = (high - open) + across + (close - low);
            let weight = (by_low * by_low - by_high * by_high) / (2.0 * variance.max(1e-300));
            draw::uniform(rng.next_u64()) < 1.0 / (1.0 + libm::exp(weight))
        };
        let (first, second) = if low_first { (low, high) } else { (high, low) };
        let floor = 0.05 * (high - low) + f64::MIN_POSITIVE;
        let mut share = |from: f64, to: f64| {
            ((to - from).abs() + floor) * (0.25 + draw::exponential(rng.next_u64()))
        };
        let shares = [share(open, first), share(first, second), share(second, close)];
        let total: f64 = shares.iter().sum();
        // One block for each stretch; what is left is shared out.
        let spare = f64::from(self.blocks - 4);
        let touch1 = 1 + (spare * (shares[0] / total)) as u32;
        let touch2 = touch1 + 1 + (spare * (shares[1] / total)) as u32;
        self.points = [(touch1, first), (touch2, second), (self.blocks - 1, close)];
        self.heading = 0;
        (self.low, self.high) = (low, high);
        self.deviation = (variance / f64::from(self.blocks)).sqrt();
    }

    /// The next value after `price`, or `None` where the bar is complete and the next one opens.
    #[inline]
    pub(super) fn step(&mut self, price: f64, z: f64) -> Option<f64> {
        self.block += 1;
        if self.block == self.blocks {
            self.block = 0;
            return None;
        }
        let (at, target) = self.points[usize::from(self.heading)];
        if self.block == at {
            self.heading = (self.heading + 1).min(2);
            return Some(target);
        }
        let left = f64::from(at - self.block);
        let drift = (target - price) / (left + 1.0);
        let moved = price + drift + self.deviation * (left / (left + 1.0)).sqrt() * z;
        Some(self.reflect(moved))
    }

    /// Folds a value back at the bounds, once; what is still outside stops at them.
    #[inline]
    fn reflect(&self, value: f64) -> f64 {
        let folded = if value > self.high {
            2.0 * self.high - value
        } else if value < self.low {
            2.0 * self.low - value
        } else {
            value
        };
        folded.clamp(self.low, self.high)
    }
}

/// Keeps bridges apart from other uses of the shared word. One for all assets: extremes of like bars
/// fall together, as they do in a crash.
pub(super) const SALT: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bars_plan_is_this() {
        let mut bridge = Bridge::new(20);
        let mut plans = Vec::new();
        for (bar, word) in [
            (Bar { open: 100.0, high: 110.0, low: 95.0, close: 104.0 }, 1),
            (Bar { open: 100.0, high: 101.0, low: 80.0, close: 82.0 }, 2),
            (Bar { open: 100.0, high: 100.0, low: 100.0, close: 100.0 }, 3),
        ] {
            bridge.plan(&bar, word);
            plans.push(format!("{:?} {:.9}", bridge.points, bridge.deviation));
        }
        let known = [
            "[(12, 95.0), (16, 110.0), (19, 104.0)] 2.014343517",
            "[(2, 101.0), (14, 80.0), (19, 82.0)] 2.820080923",
            "[(2, 100.0), (4, 100.0), (19, 100.0)] 0.000000000",
        ];
        assert_eq!(plans, known);
    }

    /// The low comes first the more often, the nearer the open is to it.
    #[test]
    fn the_nearer_extreme_is_likely_the_first() {
        let mut bridge = Bridge::new(20);
        let mut low_first = |open: f64, close: f64| {
            let bar = Bar { open, high: 110.0, low: 90.0, close };
            let mut first = |word| {
                bridge.plan(&bar, word);
                bridge.points[0].1 == 90.0
            };
            (0..2_000).filter(|word| first(*word)).count()
        };
        // By the reflection principle: 1 / (1 + exp((32² − 48²) · 4 ln 2 / (2 · 20²))).
        let nearly = low_first(92.0, 100.0);
        assert!((1_964..1_988).contains(&nearly), "{nearly}");
        let even = low_first(100.0, 100.0);
        assert!((900..1_100).contains(&even), "{even}");
        // By symmetry what is likely from below is unlikely from above, in open and in close.
        for (open, close) in [(92.0, 100.0), (100.0, 108.0), (92.0, 108.0)] {
            let (below, above) = (low_first(open, close), low_first(200.0 - open, 200.0 - close));
            assert!(below > 1_100 && above < 900, "{open} to {close}: {below} and {above}");
        }
    }
}
