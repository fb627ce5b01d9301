//! Noise traders: market orders for reasons of their own, some independent of each other (Poisson), some
//! following one another (Hawkes).

use super::super::SizeLaw;
use super::micros;
use bevy_ecs::prelude::Component;
use markets::book::{Instruction, Side};
use markets::point_process::{Excitement, PointProcess};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::exchange::BookVenue;

/// Noise traders of a book.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoiseTradersConfig {
    /// Orders of those who heed nobody, per hour.
    pub poisson_per_hour: f64,
    /// Orders of those who follow others, per hour, in the long run.
    pub hawkes_per_hour: f64,
    /// Mean number of orders of the same side that one of the latter causes directly.
    pub self_ratio: f64,
    /// Mean number of orders of the other side that it causes directly.
    pub cross_ratio: f64,
    /// Time in which its influence falls to 1/e, in seconds.
    pub decay_secs: f64,
    /// Sizes of orders, in USD.
    pub size: SizeLaw,
    /// Time from a decision to the order's arrival, in milliseconds.
    pub latency_ms: f64,
}

impl Default for NoiseTradersConfig {
    /// Judgement. Branching of a half to nearly one is what fits of order flow report (Bacry, Mastromatteo
    /// and Muzy, "Hawkes processes in finance", 2015).
    fn default() -> Self {
        Self {
            poisson_per_hour: 120.0,
            hawkes_per_hour: 180.0,
            self_ratio: 0.5,
            cross_ratio: 0.2,
            decay_secs: 30.0,
            size: SizeLaw {
                median_usd: 2_000.0,
                log_sd: 1.2,
                tail_share: 0.05,
                tail_from_usd: 20_000.0,
                tail_exponent: 1.5,
                cap_usd: 1_000_000.0,
            },
            latency_ms: 100.0,
        }
    }
}

/// All noise traders of one book.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NoiseTraders {
    /// The book's place among the exchange's.
    pub(super) place: usize,
    owner: u32,
    processes: [PointProcess; 2],
    excitement: [Excitement; 2],
    size: SizeLaw,
    /// Times in seconds and sides of the orders of a block; scratch.
    arrivals: Vec<(f64, Side)>,
}

impl NoiseTraders {
    /// Opens an account at a book.
    pub(super) fn enrol(book: &mut BookVenue, place: usize, config: &NoiseTradersConfig) -> Self {
        let owner = book.enrol(micros(config.latency_ms), 0);
        // Half of the orders are buys.
        let per_sec = |per_hour: f64| per_hour / 3_600.0 / 2.0;
        let following = PointProcess {
            base_per_sec: per_sec(config.hawkes_per_hour)
                * (1.0 - config.self_ratio - config.cross_ratio),
            self_ratio: config.self_ratio,
            cross_ratio: config.cross_ratio,
            decay_per_sec: 1.0 / config.decay_secs,
        };
        let independent = PointProcess::poisson(per_sec(config.poisson_per_hour));
        Self {
            place,
            owner,
            processes: [independent, following],
            excitement: [Excitement::default(); 2],
            size: config.size,
            arrivals: Vec::with_capacity(32),
        }
    }

    /// Sends the orders of a block.
    pub(super) fn trade(&mut self, book: &mut BookVenue, usd: f64, rng: &mut impl Rng) {
        let secs = book.block_secs();
        for (process, excitement) in self.processes.iter().zip(&mut self.excitement) {
            let arrivals = &mut self.arrivals;
            arrivals.clear();
            process.run(excitement, secs, rng, |time, kind| {
                arrivals.push((time, if kind == 0 { Side::Buy } else { Side::Sell }));
            });
            for (time, side) in self.arrivals.iter().copied() {
                let lots = book.lots(self.size.sample(rng), usd);
                let order = Instruction::Take { side, lots, limit: None };
                book.send(self.owner, time, order);
            }
        }
    }
}
