//! A recorded path, bridged within its bars.
//!
//! S at the k-th block of a bar is the bridge's k-th value: the first is the bar's open, the last its
//! close, high and low are touched, and none is outside them (see the bridge). A gap between a close and
//! the next open is one block's move. After the last bar the price stands at its close.

use super::{Bar, SpecError, blocks_in, bridge::Bridge, require, shared_slice};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// The record, in order.
    #[serde(with = "shared_slice")]
    pub bars: Arc<[Bar]>,
    /// Seconds in a bar; blocks divide it, at least four to a bar.
    pub bar_secs: u32,
    /// USD per unit of the record.
    pub scale: f64,
}

/// The process: the record and where in it we are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ReplayProcess {
    spec: Replay,
    bridge: Bridge,
    bar: usize,
}

impl ReplayProcess {
    pub(super) fn new(spec: Replay, block_secs: u32) -> Result<Self, SpecError> {
        require(spec.scale > 0.0, "scale", spec.scale, "positive")?;
        check_bars(&spec.bars)?;
        let bridge = Bridge::new(blocks_in_bar(spec.bar_secs, block_secs)?);
        Ok(Self { spec, bridge, bar: 0 })
    }

    pub(super) fn restart(&mut self) {
        self.bridge.restart();
        self.bar = 0;
    }

    /// The first open.
    pub(super) fn start(&self) -> f64 {
        self.spec.bars.first().map_or(f64::NAN, |bar| bar.open * self.spec.scale)
    }

    /// Whether the record has been played to its end.
    pub(super) fn is_over(&self) -> bool {
        self.bar >= self.spec.bars.len()
    }

    /// The new price.
    #[inline]
    pub(super) fn step(&mut self, price: f64, z: f64, word: u64) -> f64 {
        let Some(bar) = self.spec.bars.get(self.bar) else { return price };
        if self.bridge.is_at_start() {
            self.bridge.plan(&bar.scaled(self.spec.scale), word);
        }
        self.bridge.step(price, z).unwrap_or_else(|| {
            self.bar += 1;
            self.spec.bars.get(self.bar).map_or(price, |next| next.open * self.spec.scale)
        })
    }
}

/// Blocks in a bar: they tile it, and open, close, high and low need one each.
pub(super) fn blocks_in_bar(bar_secs: u32, block_secs: u32) -> Result<u32, SpecError> {
    match blocks_in(bar_secs, block_secs)? {
        0..4 => Err(SpecError::BlocksDoNotTile { block_secs, period_secs: bar_secs }),
        blocks => Ok(blocks),
    }
}

/// Fails at the first bar that is not ordered, or where there is none.
pub(super) fn check_bars(bars: &[Bar]) -> Result<(), SpecError> {
    if bars.is_empty() {
        return Err(SpecError::NoBars);
    }
    match bars.iter().position(|bar| !bar.is_valid()) {
        Some(index) => Err(SpecError::BadBar { index }),
        None => Ok(()),
    }
}
