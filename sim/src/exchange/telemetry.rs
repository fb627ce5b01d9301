//! What anybody can read off a book and its trades.

use super::book::BookTerms;
use markets::book::{Report, Side, Venue};
use serde::{Deserialize, Serialize};

/// Distances from the mid at which depth is measured, as ratios.
pub const DEPTH_BANDS: [f64; 3] = [0.005, 0.01, 0.02];
/// Time over which trades are averaged, in seconds.
const MEMORY_SECS: f64 = 300.0;

/// Figures of a book, as of the end of the last block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Telemetry {
    /// Bids within each of [`DEPTH_BANDS`] below the mid, in USD.
    pub bids_usd: [f64; DEPTH_BANDS.len()],
    /// Asks within each above it, in USD.
    pub asks_usd: [f64; DEPTH_BANDS.len()],
    /// Best ask less best bid, as a ratio of the mid; the widest band twice where a side is empty.
    pub spread: f64,
    /// Traded per minute, exponential over five minutes, in USD.
    pub velocity_usd_per_min: f64,
    /// What takers paid beyond the mid, fees apart, as a ratio, weighted by value over five minutes.
    pub slippage: f64,
    /// Weighted sums behind `slippage`, in USD.
    cost_usd: f64,
    value_usd: f64,
}

impl Telemetry {
    /// Depth within a band on both sides, in USD.
    #[must_use]
    pub fn depth_usd(&self, band: usize) -> f64 {
        self.bids_usd[band] + self.asks_usd[band]
    }
    /// Bids less asks over both within one percent: from −1, only asks, to 1, only bids; 0 without any.
    #[must_use]
    pub fn imbalance(&self) -> f64 {
        let (bids, asks) = (self.bids_usd[1], self.asks_usd[1]);
        if bids + asks > 0.0 { (bids - asks) / (bids + asks) } else { 0.0 }
    }

    /// Reads the book, and the orders that took in a block of `secs`.
    pub(super) fn update(
        &mut self,
        terms: &BookTerms,
        venue: &Venue,
        mid_usd: f64,
        reports: &[Report],
        secs: f64,
    ) {
        let quote_usd = terms.tick_usd * terms.lot_tokens;
        let mid = mid_usd / terms.tick_usd;
        for (side, depths) in [(Side::Buy, &mut self.bids_usd), (Side::Sell, &mut self.asks_usd)] {
            let (mut band, mut notional) = (0, 0.0);
            for level in venue.book().levels(side) {
                let away = (f64::from(level.tick) / mid - 1.0).abs();
                while band < DEPTH_BANDS.len() && away > DEPTH_BANDS[band] {
                    depths[band] = notional;
                    band += 1;
                }
                if band == DEPTH_BANDS.len() {
                    break;
                }
                notional += level.lots as f64 * f64::from(level.tick) * quote_usd;
            }
            depths[band..].fill(notional);
        }
        let book = venue.book();
        self.spread = match book.best_bid().zip(book.best_ask()) {
            Some((bid, ask)) => f64::from(ask - bid) / mid,
            None => 2.0 * DEPTH_BANDS[DEPTH_BANDS.len() - 1],
        };
        let (mut traded, mut cost, mut value) = (0.0, 0.0, 0.0);
        for report in reports {
            let usd = report.placed.notional as f64 * quote_usd;
            traded += usd;
            if report.bid_and_ask > 0 {
                // At the mid it would have come to this; buyers pay more, sellers get less.
                let half = 0.5 * f64::from(report.bid_and_ask);
                let fair = report.placed.filled as f64 * half * quote_usd;
                cost += report.side.sign() as f64 * (usd - fair);
                value += fair;
            }
        }
        let weight = 1.0 - libm::exp(-secs / MEMORY_SECS);
        self.velocity_usd_per_min += weight * (traded * 60.0 / secs - self.velocity_usd_per_min);
        self.cost_usd += weight * (cost - self.cost_usd);
        self.value_usd += weight * (value - self.value_usd);
        // Below a cent a block nothing has traded for hours.
        self.slippage = if self.value_usd > 0.01 { self.cost_usd / self.value_usd } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::book::{Fees, Instruction};
    use markets::units::{Amount, AssetId};

    #[test]
    fn figures_are_those_of_a_book_made_by_hand() {
        let terms = BookTerms {
            asset: AssetId(0),
            tick_usd: 1.0,
            lot: Amount::new(1),
            lot_tokens: 1.0,
            fees: Fees::default(),
            latency_us: 0,
            depth_usd: 1e6,
            depth_shrink: 0.1,
            recovery_half_life_secs: 600.0,
            stress_move: 0.05,
            stress_window_secs: 600.0,
        };
        let mut venue = Venue::new(10_000, Fees::default(), 16);
        let maker = venue.enrol(0, 8);
        let quotes = [
            (Side::Buy, 999, 3),
            (Side::Buy, 992, 5),
            (Side::Buy, 985, 7),
            (Side::Buy, 900, 100),
            (Side::Sell, 1_001, 10),
            (Side::Sell, 1_020, 20),
        ];
        for (slot, (side, tick, lots)) in quotes.into_iter().enumerate() {
            venue.send(0, maker, Instruction::Quote { slot: slot as u16, side, tick, lots });
        }
        let mut reports = Vec::new();
        venue.run(0, &mut reports);
        let report = venue.take(1, Venue::OUTSIDE, Side::Sell, 4, None);
        let mut telemetry = Telemetry::default();
        // Sold three at 999 and one at 992: nine dollars and one less than the mid of 1,000 twice over.
        assert_eq!(report.placed.notional, 3 * 999 + 992);
        telemetry.update(&terms, &venue, 996.5, &[report], 60.0);
        assert_eq!(telemetry.bids_usd, [4.0 * 992.0, 4.0 * 992.0, 4.0 * 992.0 + 7.0 * 985.0]);
        assert_eq!(telemetry.asks_usd, [10.0 * 1_001.0, 10.0 * 1_001.0, 10.0 * 1_001.0]);
        assert!((telemetry.spread - 9.0 / 996.5).abs() < 1e-12);
        assert!((telemetry.imbalance() - (3_968.0 - 10_010.0) / 13_978.0).abs() < 1e-12);
        assert!((telemetry.slippage - 11.0 / 4_000.0).abs() < 1e-12, "{telemetry:?}");
        let weight = 1.0 - libm::exp(-0.2);
        assert!((telemetry.velocity_usd_per_min - weight * 3_989.0).abs() < 1e-9);
    }
}
