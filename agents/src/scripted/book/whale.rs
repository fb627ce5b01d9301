//! Whales: now and then somebody large buys or sells, over a number of blocks.

use super::micros;
use bevy_ecs::prelude::Component;
use markets::book::{Instruction, Side};
use markets::point_process::{Excitement, PointProcess};
use markets::price::draw;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::exchange::BookVenue;

/// Whales of a book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhalesConfig {
    /// How many begin to trade per day, in the mean; while one trades no other begins.
    pub per_day: f64,
    /// Smallest size, in USD.
    pub min_usd: f64,
    /// Exponent of the sizes: P(size > x) ∝ x^−exponent.
    pub exponent: f64,
    /// Largest size, in USD.
    pub cap_usd: f64,
    /// Blocks over which one trades, in equal parts.
    pub slices: u32,
    /// Time from the block's price to a part's arrival, in milliseconds.
    pub latency_ms: f64,
}

impl Default for WhalesConfig {
    /// Judgement; the exponent is that of large trades (Gabaix et al., Nature 423, 2003).
    fn default() -> Self {
        Self {
            per_day: 2.0,
            min_usd: 500_000.0,
            exponent: 1.5,
            cap_usd: 20_000_000.0,
            slices: 25,
            latency_ms: 250.0,
        }
    }
}

/// The whales of one book.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Whales {
    /// The book's place among the exchange's.
    pub(super) place: usize,
    owner: u32,
    process: PointProcess,
    min_usd: f64,
    exponent: f64,
    cap_usd: f64,
    slices: u32,
    /// Who trades now.
    side: Side,
    slice_usd: f64,
    slices_left: u32,
}

impl Whales {
    /// Opens an account at a book.
    pub(super) fn enrol(book: &mut BookVenue, place: usize, config: &WhalesConfig) -> Self {
        Self {
            place,
            owner: book.enrol(micros(config.latency_ms), 0),
            // Two kinds, buyers and sellers.
            process: PointProcess::poisson(config.per_day / 86_400.0 / 2.0),
            min_usd: config.min_usd,
            exponent: config.exponent,
            cap_usd: config.cap_usd,
            slices: config.slices,
            side: Side::Buy,
            slice_usd: 0.0,
            slices_left: 0,
        }
    }

    /// Begins where one arrives, and sends the next part of what is under way.
    pub(super) fn trade(&mut self, book: &mut BookVenue, usd: f64, rng: &mut impl Rng) {
        let mut arrived = None;
        let secs = book.block_secs();
        self.process.run(&mut Excitement::default(), secs, rng, |_, kind| {
            arrived.get_or_insert(kind);
        });
        if let Some(kind) = arrived.filter(|_| self.slices_left == 0) {
            let size =
                self.min_usd * libm::pow(draw::uniform(rng.next_u64()), -1.0 / self.exponent);
            self.side = if kind == 0 { Side::Buy } else { Side::Sell };
            self.slice_usd = size.min(self.cap_usd) / f64::from(self.slices);
            self.slices_left = self.slices;
        }
        if self.slices_left > 0 {
            self.slices_left -= 1;
            let lots = book.lots(self.slice_usd, usd);
            let part = Instruction::Take { side: self.side, lots, limit: None };
            book.send(self.owner, 0.0, part);
        }
    }
}
