//! Market makers: Avellaneda and Stoikov, "High-frequency trading in a limit order book", Quantitative
//! Finance 8 (2008), on a ladder of several levels.
//!
//! With inventory q, risk aversion γ, variance σ² and a horizon τ, a maker centres its quotes on the
//! reservation price s·(1 − q·γ·σ²·τ) and quotes half a spread of γ·σ²·τ/2 + ln(1 + γ/k)/γ around it,
//! prices as ratios of the reference s, q in units of one quote. The paper's session end is a horizon that
//! stays ahead, as it must where trading does not end. k, the decay of arrivals with distance, is given by
//! the half spread that the listing has without risk: ln(1 + γ/k)/γ = `half_spread`.
//!
//! Further levels stand at equal distances behind the first, of equal size. Size follows the market's
//! stress (the book's depth factor), and what was taken from a side comes back with the same half-life.
//! Inventory is laid off elsewhere, at the reference price, with a half-life of its own.

use super::micros;
use bevy_ecs::prelude::Component;
use markets::book::{Instruction, Side};
use serde::{Deserialize, Serialize};
use sim::exchange::BookVenue;

/// Market makers of a book. Together they give it the depth that its listing states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketMakerConfig {
    /// How many.
    pub count: u32,
    /// Quotes on each side.
    pub levels: u16,
    /// Distance of the last level from the first, in percent of the price.
    pub reach_percent: f64,
    /// γ: aversion to the variance of one quote's value over the horizon.
    pub risk_aversion: f64,
    /// τ, in seconds.
    pub horizon_secs: f64,
    /// Time from a new price to the first maker's new quotes, in milliseconds.
    pub latency_ms: f64,
    /// How much later each further maker's arrive, in milliseconds.
    pub latency_step_ms: f64,
    /// Half-life of an inventory, which is laid off elsewhere, in seconds.
    pub inventory_half_life_secs: f64,
    /// Largest inventory, in quotes: at it a maker quotes on the other side only.
    pub max_inventory_quotes: f64,
}

impl Default for MarketMakerConfig {
    /// Judgement: at 8 % per ten minutes, as on 12 March 2020, the risk adds one percent to each half spread.
    fn default() -> Self {
        Self {
            count: 2,
            levels: 8,
            reach_percent: 2.0,
            risk_aversion: 3.0,
            horizon_secs: 600.0,
            latency_ms: 20.0,
            latency_step_ms: 5.0,
            inventory_half_life_secs: 900.0,
            max_inventory_quotes: 24.0,
        }
    }
}

/// Largest distance that risk alone puts between a quote and the reference price.
const MOST_RISK: f64 = 0.1;
/// Least price of a quote, as a ratio of the reference.
const LEAST: f64 = 0.05;
/// Time between the quotes that a maker moves away from the market and those that it moves after it, in
/// seconds: nobody trades with a colleague who is on the way.
const AFTER_SECS: f64 = 0.2e-3;

/// A market maker of one book.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MarketMaker {
    /// The book's place among the exchange's.
    pub(super) place: usize,
    owner: u32,
    levels: u16,
    /// Distance between levels, as a ratio of the price.
    step: f64,
    /// Size of a quote without stress, in USD.
    quote_usd: f64,
    half_spread: f64,
    risk_aversion: f64,
    horizon_secs: f64,
    /// Share of an inventory that is kept through a block.
    kept: f64,
    max_inventory_quotes: f64,
    /// Share of what was taken that is back after a block.
    refill: f64,
    /// What is left of each side's depth after what was taken: bids, asks.
    left: [f64; 2],
    /// Lots asked for on each side in the last block.
    asked: [u64; 2],
    /// The last centre of the quotes, in USD.
    centre_usd: f64,
}

/// Where a maker's first quotes stand, as ratios of the reference price.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stance {
    /// Centre of the quotes less the reference.
    shift: f64,
    /// Distance of the best quotes from the centre.
    half_spread: f64,
}

/// Avellaneda and Stoikov's reservation price and spread; `variance` is σ²τ.
fn stance(inventory: f64, risk_aversion: f64, variance: f64, half_spread: f64) -> Stance {
    let risk = risk_aversion * variance;
    Stance {
        shift: (-inventory * risk).clamp(-MOST_RISK, MOST_RISK),
        half_spread: half_spread + (0.5 * risk).min(MOST_RISK),
    }
}

/// The slot of a level: bids in even ones, asks in odd ones.
const fn slot(side: usize, level: u16) -> u16 {
    2 * level + side as u16
}

impl MarketMaker {
    /// Opens an account at a book.
    pub(super) fn enrol(
        book: &mut BookVenue,
        place: usize,
        half_spread: f64,
        config: &MarketMakerConfig,
        index: u32,
    ) -> Self {
        let latency = micros(config.latency_ms + f64::from(index) * config.latency_step_ms);
        let owner = book.enrol(latency, 2 * config.levels);
        let reach = config.reach_percent / 100.0;
        let step = reach / f64::from(config.levels);
        let terms = book.terms();
        let half_lives = |half_life_secs: f64| libm::exp2(-book.block_secs() / half_life_secs);
        Self {
            place,
            owner,
            levels: config.levels,
            step,
            // The stated depth is that of one percent.
            quote_usd: terms.depth_usd * (step / 0.01) / f64::from(config.count),
            half_spread,
            risk_aversion: config.risk_aversion,
            horizon_secs: config.horizon_secs,
            kept: half_lives(config.inventory_half_life_secs),
            max_inventory_quotes: config.max_inventory_quotes,
            refill: 1.0 - half_lives(terms.recovery_half_life_secs),
            left: [1.0; 2],
            asked: [0; 2],
            centre_usd: 0.0,
        }
    }

    /// Lays off some inventory and moves every quote to where it should be, the price elsewhere being
    /// `usd`.
    pub(super) fn quote(&mut self, book: &mut BookVenue, usd: f64) {
        let held = book.inventory_lots(self.owner);
        let laid_off = (held as f64 * (1.0 - self.kept)) as i64;
        if laid_off != 0 {
            book.trade_elsewhere(self.owner, -laid_off, usd);
        }
        self.count_taken(book);
        let inventory = (held - laid_off) as f64 * book.terms().lot_tokens * usd / self.quote_usd;
        let stress = *book.stress();
        let variance = stress.variance_per_sec * self.horizon_secs;
        let Stance { shift, half_spread } =
            stance(inventory, self.risk_aversion, variance, self.half_spread);
        let centre = 1.0 + shift;
        let falls = centre * usd < self.centre_usd;
        self.centre_usd = centre * usd;
        // First the side that moves away from the market, then the one that moves after it.
        for (turn, side) in (if falls { [0, 1] } else { [1, 0] }).into_iter().enumerate() {
            let full = if side == 0 {
                inventory >= self.max_inventory_quotes
            } else {
                inventory <= -self.max_inventory_quotes
            };
            let size_usd = self.quote_usd * stress.depth_factor * self.left[side];
            let lots = if full { 0 } else { book.lots(size_usd, usd) };
            self.asked[side] = lots * u64::from(self.levels);
            for level in 0..self.levels {
                let away = half_spread + f64::from(level) * self.step;
                let (kind, ratio) = if side == 0 {
                    (Side::Buy, centre - away)
                } else {
                    (Side::Sell, centre + away)
                };
                let tick = book.tick(usd * ratio.max(LEAST));
                let quote = Instruction::Quote { slot: slot(side, level), side: kind, tick, lots };
                book.send(self.owner, turn as f64 * AFTER_SECS, quote);
            }
        }
    }

    /// Notes how much was taken from each side in the last block.
    fn count_taken(&mut self, book: &BookVenue) {
        for side in 0..2 {
            let quoted = |level| book.venue().quoted(self.owner, slot(side, level));
            let resting: u64 = (0..self.levels).filter_map(quoted).map(|(_, _, lots)| lots).sum();
            let left = &mut self.left[side];
            if self.asked[side] > 0 {
                *left *= (resting as f64 / self.asked[side] as f64).min(1.0);
            }
            *left += self.refill * (1.0 - *left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_those_of_the_paper() {
        // The paper's example: s = 100, σ = 2, γ = 0.1, k = 1.5, T = 1, q = 10; prices as ratios of s scale
        // γ and k by s, and σ by 1/s.
        let (s, sigma, gamma, k, q) = (100.0, 2.0, 0.1, 1.5, 10.0);
        let base = libm::log1p(gamma / k) / gamma / s;
        let quotes = stance(q, gamma * s, sigma * sigma / (s * s), base);
        // r = s − qγσ²(T − t) = 96, δ = γσ²(T − t) + (2/γ)·ln(1 + γ/k) = 0.4 + 1.2908.
        assert!((s * quotes.shift + 4.0).abs() < 1e-12, "{quotes:?}");
        assert!((2.0 * s * quotes.half_spread - 1.690_77).abs() < 1e-5, "{quotes:?}");
    }

    #[test]
    fn risk_widens_the_spread_and_inventory_leans_against_itself() {
        let calm = stance(2.0, 10.0, 1e-5, 1e-4);
        let wild = stance(2.0, 10.0, 1e-3, 1e-4);
        assert!(wild.half_spread > 10.0 * calm.half_spread);
        assert!(wild.shift < calm.shift && calm.shift < 0.0);
        assert!(stance(-2.0, 10.0, 1e-5, 1e-4).shift > 0.0);
        assert!(stance(1e9, 10.0, 1.0, 1e-4).shift >= -MOST_RISK);
    }
}
