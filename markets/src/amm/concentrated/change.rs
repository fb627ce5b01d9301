//! What a call would do to a pool: new values, to be stored once the money has moved.

use super::observation::RESERVED;
use super::tick::{Outside, Tick};
use super::{Concentrated, Observation, Position, State};
use crate::units::U256;
use arrayvec::ArrayVec;

/// A write to the sorted list of ticks. Places are those at the time of the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickWrite {
    /// Becomes initialised.
    Insert(u32, Tick),
    /// Changes.
    Set(u32, Tick),
    /// Ceases to be initialised.
    Remove(u32),
}

/// A write to the sorted list of positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PositionWrite {
    /// Opens.
    Insert(u32, Position),
    /// Changes.
    Set(u32, Position),
}

/// Quotes of all calls, in one reusable value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The state afterwards.
    pub state: State,
    /// The observation written, and where.
    pub observation: Option<(u16, Observation)>,
    /// How many observation slots there are afterwards, reserved ones included; never fewer.
    pub slots: u16,
    /// Ticks crossed: place, other side afterwards.
    pub crossed: Vec<(u32, Outside)>,
    /// Ticks that a position's ends changed.
    pub ticks: ArrayVec<TickWrite, 2>,
    /// The position that changed.
    pub position: Option<PositionWrite>,
    /// `token0` that moves, smallest units; the call says in which direction.
    pub amount0: U256,
    /// `token1` that moves.
    pub amount1: U256,
}

impl Change {
    /// Forgets the last quote and begins from a state.
    #[inline]
    pub(super) fn begin(&mut self, state: State) {
        let Self { state: old, observation, slots, crossed, ticks, position, amount0, amount1 } =
            self;
        *old = state;
        *observation = None;
        *slots = 0;
        crossed.clear();
        ticks.clear();
        *position = None;
        *amount0 = U256::ZERO;
        *amount1 = U256::ZERO;
    }
}

impl Concentrated {
    /// Stores a quote's new values.
    pub fn apply(&mut self, change: &Change) {
        self.state = change.state;
        self.reserve_slots(change.slots);
        if let Some((index, observation)) = change.observation {
            self.observations[usize::from(index)] = observation;
        }
        for (at, outside) in &change.crossed {
            self.ticks[*at as usize].outside = *outside;
        }
        for write in &change.ticks {
            self.write_tick(write);
        }
        if let Some(write) = &change.position {
            self.write_position(write);
        }
    }

    /// Reserves observation slots up to this many.
    pub fn reserve_slots(&mut self, slots: u16) {
        if usize::from(slots) > self.observations.len() {
            self.observations.resize(slots.into(), RESERVED);
        }
    }

    /// Writes to the list of ticks.
    pub fn write_tick(&mut self, write: &TickWrite) {
        match *write {
            TickWrite::Insert(at, tick) => self.ticks.insert(at as usize, tick),
            TickWrite::Set(at, tick) => self.ticks[at as usize] = tick,
            TickWrite::Remove(at) => {
                self.ticks.remove(at as usize);
            }
        }
    }

    /// Writes to the list of positions.
    pub fn write_position(&mut self, write: &PositionWrite) {
        match *write {
            PositionWrite::Insert(at, position) => self.positions.insert(at as usize, position),
            PositionWrite::Set(at, position) => self.positions[at as usize] = position,
        }
    }
}
