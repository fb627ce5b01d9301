//! Trend followers: hold what a fast average of the book's price says against a slow one.

use super::micros;
use bevy_ecs::prelude::Component;
use markets::book::{Instruction, Side};
use serde::{Deserialize, Serialize};
use sim::exchange::BookVenue;

/// Trend followers of a book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrendFollowersConfig {
    /// How many.
    pub count: u32,
    /// Largest position of each, either way, in USD.
    pub max_usd: f64,
    /// Time constant of the fast average, in seconds; each further follower's is half as long again.
    pub fast_secs: f64,
    /// Time constant of the slow average, likewise.
    pub slow_secs: f64,
    /// Gap of the averages at which the position is largest, in percent.
    pub full_at_percent: f64,
    /// Smallest change of position, as a share of the largest.
    pub band: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Time from a look to the order's arrival, in milliseconds.
    pub latency_ms: f64,
}

impl Default for TrendFollowersConfig {
    /// Judgement: two followers who see a trend of a few percent in an hour.
    fn default() -> Self {
        Self {
            count: 2,
            max_usd: 250_000.0,
            fast_secs: 600.0,
            slow_secs: 3_600.0,
            full_at_percent: 2.0,
            band: 0.1,
            every_blocks: 5,
            latency_ms: 150.0,
        }
    }
}

/// A trend follower of one book.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendFollower {
    /// The book's place among the exchange's.
    pub(super) place: usize,
    owner: u32,
    max_usd: f64,
    /// Weight of a block in the fast and in the slow average.
    weights: [f64; 2],
    /// Averages of the price, in USD; 0 before the first look.
    means_usd: [f64; 2],
    full_at: f64,
    band: f64,
    every_blocks: u64,
    phase: u64,
}

/// Position wanted, as a share of the largest.
fn wanted(fast_usd: f64, slow_usd: f64, full_at: f64) -> f64 {
    (libm::log(fast_usd / slow_usd) / full_at).clamp(-1.0, 1.0)
}

impl TrendFollower {
    /// Opens an account at a book.
    pub(super) fn enrol(
        book: &mut BookVenue,
        place: usize,
        config: &TrendFollowersConfig,
        index: u32,
    ) -> Self {
        let owner = book.enrol(micros(config.latency_ms), 0);
        let slower = libm::pow(1.5, f64::from(index));
        let secs = book.block_secs();
        let weight = |time_secs: f64| 1.0 - libm::exp(-secs / (time_secs * slower));
        Self {
            place,
            owner,
            max_usd: config.max_usd,
            weights: [weight(config.fast_secs), weight(config.slow_secs)],
            means_usd: [0.0; 2],
            full_at: config.full_at_percent / 100.0,
            band: config.band,
            every_blocks: u64::from(config.every_blocks),
            phase: u64::from(index % config.every_blocks),
        }
    }

    /// Follows the book's mid; trades where the position is off by the band.
    pub(super) fn trade(&mut self, book: &mut BookVenue, block: u64) {
        let mid = book.mid_usd();
        for (mean, weight) in self.means_usd.iter_mut().zip(self.weights) {
            *mean = if *mean == 0.0 { mid } else { *mean + weight * (mid - *mean) };
        }
        if block % self.every_blocks != self.phase {
            return;
        }
        let [fast, slow] = self.means_usd;
        let held_usd = book.inventory_lots(self.owner) as f64 * book.terms().lot_tokens * mid;
        let gap_usd = wanted(fast, slow, self.full_at) * self.max_usd - held_usd;
        if gap_usd.abs() < self.band * self.max_usd {
            return;
        }
        let side = if gap_usd > 0.0 { Side::Buy } else { Side::Sell };
        let lots = book.lots(gap_usd.abs(), mid);
        book.send(self.owner, 0.0, Instruction::Take { side, lots, limit: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_follow_the_trend_up_to_their_limit() {
        assert!(wanted(101.0, 100.0, 0.02) > 0.49);
        assert_eq!(wanted(110.0, 100.0, 0.02), 1.0);
        assert_eq!(wanted(90.0, 100.0, 0.02), -1.0);
        assert_eq!(wanted(100.0, 100.0, 0.02), 0.0);
    }
}
