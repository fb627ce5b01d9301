//! An attack on an incident's stage, one call at a time.

use super::recorder::cut_after_block;
use crate::frame::{AssetHistory, Axis, Event, EventKind, Frame, Holding, Origin};
use crate::series::Series;
use crate::worker::Source;
use scenarios::hunt::steps::{Seen, Steps};
use std::collections::BTreeMap;

/// An attack on a stage: what is shown as a block is a step of it.
#[derive(Debug)]
pub struct StageSource {
    /// The frame after the last step.
    whole: Frame,
    timestamps: Vec<u64>,
    step: u64,
}

impl StageSource {
    /// Shows the steps of an attack on the stage of a scenario.
    #[must_use]
    pub fn new(scenario: &str, steps: &Steps) -> Self {
        let Steps { feeds, pools, seen } = steps;
        let prices = |of: fn(&Seen) -> &[f64], at: usize| -> Series {
            seen.iter().map(|seen| of(seen).get(at).copied().unwrap_or(f64::NAN)).collect()
        };
        let feeds = feeds.iter().enumerate().map(|(i, name)| AssetHistory {
            symbol: format!("{name} (oracle)"),
            oracle: prices(|seen| &seen.feeds_usd, i),
            ..AssetHistory::default()
        });
        let pools = pools.iter().enumerate().map(|(i, name)| AssetHistory {
            symbol: format!("{name} (pool)"),
            pool: prices(|seen| &seen.pools_usd, i),
            ..AssetHistory::default()
        });
        // What an attack moved says something; where nothing moved, everything is shown.
        let (moved, still): (Vec<_>, Vec<_>) = feeds.chain(pools).partition(has_moved);
        let assets = if moved.is_empty() { still } else { moved };
        let mut whole = Frame {
            scenario: scenario.to_owned(),
            policy: "nobody".to_owned(),
            origin: Origin::Recording,
            axis: Axis::Steps,
            last_block: Some(seen.len().saturating_sub(1) as u64),
            assets,
            holdings: holdings(seen),
            ..Frame::default()
        };
        whole.totals.attacker_profit_usd = seen.iter().map(|seen| seen.gain_usd).collect();
        whole.totals.bad_debt_usd = seen.iter().map(|seen| seen.bad_debt_usd).collect();
        for (block, seen) in (0..).zip(seen).skip(1) {
            let kind = if seen.failed { EventKind::RevertedAttack } else { EventKind::Call };
            let text = seen.text.clone();
            whole.events.push(Event { block, kind, text, usd: 0.0, account: None });
        }
        let timestamps = seen.iter().map(|seen| seen.timestamp).collect();
        Self { whole, timestamps, step: 0 }
    }
}

impl StageSource {
    fn last(&self) -> u64 {
        self.timestamps.len().saturating_sub(1) as u64
    }
}

/// Whether a price differs from what it was at first.
fn has_moved(asset: &AssetHistory) -> bool {
    let differs = |series: &Series| {
        let first = series.first_value();
        series.iter().any(|value| first.is_some_and(|first| (value / first - 1.0).abs() > 1e-9))
    };
    differs(&asset.oracle) || differs(&asset.pool)
}

/// Everything that was in the attacker's purse at one step or another.
fn holdings(seen: &[Seen]) -> Vec<Holding> {
    let mut items: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for (step, seen) in seen.iter().enumerate() {
        for item in &seen.purse {
            let (tokens, usd) = items.entry(&item.name).or_default();
            tokens.resize(step, 0.0);
            tokens.push(item.tokens);
            usd.resize(step, 0.0);
            usd.push(item.usd);
        }
    }
    let whole = |mut values: Vec<f64>| -> Series {
        values.resize(seen.len(), 0.0);
        values.into_iter().collect()
    };
    let item = |(name, (tokens, usd)): (&str, _)| Holding {
        name: name.to_owned(),
        tokens: whole(tokens),
        usd: whole(usd),
    };
    items.into_iter().map(item).collect()
}

impl Source for StageSource {
    fn step(&mut self) -> Result<bool, String> {
        let more = self.step < self.last();
        self.step += u64::from(more);
        Ok(more)
    }

    fn rewind(&mut self, block: u64) -> Result<(), String> {
        self.step = block.min(self.last());
        Ok(())
    }

    fn block(&self) -> u64 {
        self.step
    }

    /// There is nobody to look at but the attacker, whose purse is shown anyway.
    fn inspect(&mut self, _account: Option<u32>) {}

    fn frame(&mut self) -> Frame {
        let mut frame = self.whole.clone();
        frame.block = self.step;
        frame.timestamp = self.timestamps.get(self.step as usize).copied().unwrap_or_default();
        cut_after_block(&mut frame);
        frame
    }
}
