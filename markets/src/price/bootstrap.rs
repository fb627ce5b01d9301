//! Recorded hours resampled in blocks: many crashes that never happened, made of hours that did.
//!
//! A moving-block bootstrap (Künsch, 1989): `block_bars` consecutive bars from a window, the window and
//! the start uniform over all places where a whole block fits; then another block, for ever. Each bar is
//! re-based to the running price: with m the block's magnitude,
//! open' = S, high' = S·(high/open)^m, low' = S·(low/open)^m, close' = S·(close/open)^m:
//! log moves times m, signs kept. The path inside a bar is the bridge's.
//!
//! Give it *training* windows only: what it makes is as secret as what it is made of. Assets whose
//! windows have the same lengths draw the same places and magnitudes, so recorded joint moves stay
//! joint where the windows record the same hours.

use super::{Bar, SpecError, bridge::Bridge, draw, replay, require, shared_slice};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Training windows, each of consecutive bars. A block never crosses from one into another.
    #[serde(with = "shared_slice")]
    pub windows: Arc<[Vec<Bar>]>,
    /// Seconds in a bar; blocks divide it, at least four to a bar.
    pub bar_secs: u32,
    /// Consecutive bars resampled together.
    pub block_bars: u32,
    /// Smallest magnitude m of a block; 1 for as recorded.
    pub min_magnitude: f64,
    /// Largest magnitude; m is uniform between the two.
    pub max_magnitude: f64,
}

/// The process: the windows and where in them we are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BootstrapProcess {
    spec: Bootstrap,
    bridge: Bridge,
    /// Places where a block can start, over all windows.
    places: u64,
    window: usize,
    bar: usize,
    /// Bars of the block still to come, the running one included; 0 where a block is to be drawn.
    bars_left: u32,
    magnitude: f64,
}

impl BootstrapProcess {
    pub(super) fn new(spec: Bootstrap, block_secs: u32) -> Result<Self, SpecError> {
        let (low, high, block_bars) = (spec.min_magnitude, spec.max_magnitude, spec.block_bars);
        require(low >= 0.0, "min_magnitude", low, "at least 0")?;
        require(high >= low, "max_magnitude", high, "at least min_magnitude")?;
        require(block_bars > 0, "block_bars", f64::from(block_bars), "at least 1")?;
        let mut places = 0;
        for (window, bars) in spec.windows.iter().enumerate() {
            replay::check_bars(bars)?;
            if bars.len() < block_bars as usize {
                let bars = bars.len();
                return Err(SpecError::WindowTooShort { window, bars, needs: block_bars });
            }
            places += (bars.len() - block_bars as usize + 1) as u64;
        }
        if places == 0 {
            return Err(SpecError::NoBars);
        }
        let bridge = Bridge::new(replay::blocks_in_bar(spec.bar_secs, block_secs)?);
        Ok(Self { spec, bridge, places, window: 0, bar: 0, bars_left: 0, magnitude: 1.0 })
    }

    pub(super) fn restart(&mut self) {
        self.bridge.restart();
        self.bars_left = 0;
    }

    /// The new price.
    #[inline]
    pub(super) fn step(&mut self, price: f64, z: f64, word: u64) -> f64 {
        if self.bridge.is_at_start() {
            self.begin_bar(price, word);
        }
        // A complete bar's next value is the next bar's open, which is this close.
        self.bridge.step(price, z).unwrap_or(price)
    }

    fn begin_bar(&mut self, price: f64, word: u64) {
        if self.bars_left == 0 {
            self.draw_block(word);
        } else {
            self.bar += 1;
        }
        self.bars_left -= 1;
        let bar = self.spec.windows[self.window][self.bar];
        self.bridge.plan(&rebased(&bar, price, self.magnitude), word);
    }

    fn draw_block(&mut self, word: u64) {
        let mut rng = draw::stream(word, SALT);
        // Multiply-shift: the bias is below places / 2⁶⁴.
        let mut place = ((u128::from(rng.next_u64()) * u128::from(self.places)) >> 64) as u64;
        let Bootstrap { block_bars, min_magnitude, max_magnitude, .. } = self.spec;
        for (window, bars) in self.spec.windows.iter().enumerate() {
            let here = (bars.len() - block_bars as usize + 1) as u64;
            if place < here {
                (self.window, self.bar) = (window, place as usize);
                break;
            }
            place -= here;
        }
        self.bars_left = block_bars;
        self.magnitude =
            min_magnitude + (max_magnitude - min_magnitude) * draw::uniform(rng.next_u64());
    }
}

/// The bar with its open at `price` and its log moves times `magnitude`.
fn rebased(bar: &Bar, price: f64, magnitude: f64) -> Bar {
    let moved = |to: f64| price * libm::exp(magnitude * libm::log(to / bar.open));
    let (high, low, close) = (moved(bar.high), moved(bar.low), moved(bar.close));
    // Rounding of the exponentials may not disorder the bar.
    Bar { open: price, high: high.max(price).max(close), low: low.min(price).min(close), close }
}

/// Keeps the choice of a block apart from other uses of the shared word.
const SALT: u64 = 3;
