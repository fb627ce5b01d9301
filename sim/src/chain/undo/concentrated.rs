//! What only a Uniswap v3 pool understands: what its writes leave behind to be undone.

use markets::amm::concentrated::{Change, Observation, Outside, Position, State, Tick};
use markets::units::PoolId;

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConcentratedUndo {
    /// *Action*: price, liquidity or growths changed. *Revert*: pop the old state.
    State { pool: PoolId },
    /// *Action*: an observation was written. *Revert*: pop the old one.
    Observation { pool: PoolId, index: u16 },
    /// *Action*: observation slots were reserved. *Revert*: give up those beyond the old number.
    Slots { pool: PoolId, old: u16 },
    /// *Action*: a tick was crossed. *Revert*: pop its old other side.
    Crossed { pool: PoolId, tick: u32 },
    /// *Action*: a tick changed. *Revert*: pop the old one.
    Tick { pool: PoolId, tick: u32 },
    /// *Action*: a tick became initialised. *Revert*: remove it.
    TickInserted { pool: PoolId, tick: u32 },
    /// *Action*: a tick ceased to be initialised. *Revert*: pop it, and insert it.
    TickRemoved { pool: PoolId, tick: u32 },
    /// *Action*: a position changed. *Revert*: pop the old one.
    Position { pool: PoolId, position: u32 },
    /// *Action*: a position was opened. *Revert*: remove it.
    PositionInserted { pool: PoolId, position: u32 },
}

/// Old values, and the memory of the quote under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConcentratedStacks {
    pub(in crate::chain) states: Vec<State>,
    pub(in crate::chain) observations: Vec<Observation>,
    pub(in crate::chain) outsides: Vec<Outside>,
    pub(in crate::chain) ticks: Vec<Tick>,
    pub(in crate::chain) positions: Vec<Position>,
    pub(in crate::chain) change: Option<Box<Change>>,
}

impl ConcentratedStacks {
    #[inline]
    pub(super) fn clear(&mut self) {
        let Self { states, observations, outsides, ticks, positions, change: _ } = self;
        states.clear();
        observations.clear();
        outsides.clear();
        ticks.clear();
        positions.clear();
    }
}
