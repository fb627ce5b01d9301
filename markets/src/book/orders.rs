//! The resting orders: a slab whose free slots are a list, each live order linked into its price level.

use super::{OrderId, Side};
use serde::{Deserialize, Serialize};

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A resting order; of no lots where the slot is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resting {
    pub(super) lots: u64,
    pub(super) tick: u32,
    /// The order before it at its price, in time.
    pub(super) prev: u32,
    /// The order after it at its price; the next free slot where this one is free.
    pub(super) next: u32,
    pub(super) owner: u32,
    /// Counts the orders that have had this slot.
    pub(super) generation: u32,
    pub(super) side: Side,
}

/// All resting orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) slots: Vec<Resting>,
    free: u32,
    pub(super) live: u32,
}

impl Orders {
    pub(super) fn with_capacity(orders: usize) -> Self {
        Self { slots: Vec::with_capacity(orders), free: NONE, live: 0 }
    }

    /// A slot for an order that is linked nowhere; `None` where there are no more names.
    #[inline]
    pub(super) fn take(&mut self, owner: u32, side: Side, tick: u32, lots: u64) -> Option<u32> {
        let slot = self.free;
        if slot != NONE {
            let resting = &mut self.slots[slot as usize];
            self.free = resting.next;
            let generation = resting.generation;
            *resting = Resting { lots, tick, prev: NONE, next: NONE, owner, generation, side };
            self.live += 1;
            return Some(slot);
        }
        let slot = u32::try_from(self.slots.len()).ok().filter(|slot| *slot != NONE)?;
        let (prev, next, generation) = (NONE, NONE, 0);
        self.slots.push(Resting { lots, tick, prev, next, owner, generation, side });
        self.live += 1;
        Some(slot)
    }

    /// Frees a slot that is linked nowhere any more: its id names nothing from now on.
    #[inline]
    pub(super) fn release(&mut self, slot: u32) {
        let resting = &mut self.slots[slot as usize];
        resting.lots = 0;
        resting.generation = resting.generation.wrapping_add(1);
        resting.next = self.free;
        self.free = slot;
        self.live -= 1;
    }

    #[inline]
    pub(super) fn at(&self, slot: u32) -> &Resting {
        &self.slots[slot as usize]
    }
    #[inline]
    pub(super) fn at_mut(&mut self, slot: u32) -> &mut Resting {
        &mut self.slots[slot as usize]
    }
    #[inline]
    pub(super) fn id(&self, slot: u32) -> OrderId {
        OrderId { slot, generation: self.at(slot).generation }
    }
    /// The order of an id, if it still rests.
    #[inline]
    pub(super) fn find(&self, id: OrderId) -> Option<&Resting> {
        let resting = self.slots.get(id.slot as usize)?;
        (resting.generation == id.generation && resting.lots > 0).then_some(resting)
    }

    /// Whether the list of free slots has every free slot, and no other.
    pub(super) fn check_free(&self) -> Result<(), String> {
        let free = self.slots.len() - self.live as usize;
        let mut slot = self.free;
        for found in 0..free {
            match self.slots.get(slot as usize) {
                Some(resting) if resting.lots == 0 => slot = resting.next,
                _ => return Err(format!("the list of {free} free slots breaks after {found}")),
            }
        }
        if slot == NONE { Ok(()) } else { Err("the list of free slots goes on".to_owned()) }
    }
}
