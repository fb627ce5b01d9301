//! The block, in order: read this file to know what happens when.
//!
//! Two schedules cut the block where the policy sits: [`OpenBlock`] ends with one observation row per
//! due learner, one batched forward pass serves all lanes, and [`CloseBlock`] begins with the actions.
//! Both run single-threaded (parallelism is across lanes) with ambiguity as an error.

use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor};

/// From the tick to the observations.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct OpenBlock;

/// From the actions to the record.
#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
pub struct CloseBlock;

/// The steps of [`OpenBlock`], in order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenSystems {
    /// Advance block and time, clear scratch.
    Tick,
    /// Step the joint price process.
    Prices,
    /// Exchanges quote around fair value and fill last block's orders; what was bought and paid is
    /// submitted as transactions of the world, which come first in this block.
    Exchanges,
    /// Oracle nodes decide to push; an update is a transaction in the mempool.
    Oracles,
    /// Project utilisation, rates and health (f64 prefilter, exact where near the line).
    Views,
    /// One row per due learner.
    Observe,
}

/// The steps of [`CloseBlock`], in order.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseSystems {
    /// Scripted strategies and decoded learned actions write to the outbox.
    Act,
    /// Base-fee check, priority order, gas limit: a total order.
    Order,
    /// Each transaction atomically; receipts.
    Execute,
    /// The world's keepers: checkpoints that are due and queued risk changes, each as a taped call; the
    /// accounts that the block touched are read again.
    Settle,
    /// Conservation and invariants by id.
    Audit,
    /// Reward terms, terminated, truncated.
    Reward,
    /// Metrics, receipts, tape.
    Record,
}

fn configured(label: impl ScheduleLabel) -> Schedule {
    let mut schedule = Schedule::new(label);
    schedule.set_executor(SingleThreadedExecutor::new());
    schedule.set_build_settings(ScheduleBuildSettings {
        ambiguity_detection: LogLevel::Error,
        ..Default::default()
    });
    schedule
}

/// The empty schedule of the block's first half, its sets in order.
#[must_use]
pub fn open_block() -> Schedule {
    use OpenSystems::{Exchanges, Observe, Oracles, Prices, Tick, Views};
    let mut schedule = configured(OpenBlock);
    schedule.configure_sets((Tick, Prices, Exchanges, Oracles, Views, Observe).chain());
    schedule
}

/// The empty schedule of the block's second half, its sets in order.
#[must_use]
pub fn close_block() -> Schedule {
    use CloseSystems::{Act, Audit, Execute, Order, Record, Reward, Settle};
    let mut schedule = configured(CloseBlock);
    schedule.configure_sets((Act, Order, Execute, Settle, Audit, Reward, Record).chain());
    schedule
}
