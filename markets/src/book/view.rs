//! What others see of a book: price levels (L2), single orders (L3), depth, the cost of a size.

use super::matching::Book;
use super::orders::NONE;
use super::{OrderId, Side};

/// A price level of the L2 view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// The price, in ticks.
    pub tick: u32,
    /// All lots there.
    pub lots: u64,
    /// How many orders.
    pub orders: u32,
}

/// An order of the L3 view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderView {
    /// Its id.
    pub id: OrderId,
    /// Whose.
    pub owner: u32,
    /// The price, in ticks.
    pub tick: u32,
    /// What is left of it, in lots.
    pub lots: u64,
}

/// What trading a size at once would come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Traded, in lots.
    pub lots: u64,
    /// Worth, in quote units, before fees.
    pub notional: u64,
    /// The worst price, in ticks; 0 where nothing trades.
    pub last_tick: u32,
}

/// Price levels of a side, best first.
#[derive(Clone, Debug)]
pub struct Levels<'a> {
    book: &'a Book,
    side: Side,
    next: Option<u32>,
}

impl Iterator for Levels<'_> {
    type Item = Level;
    #[inline]
    fn next(&mut self) -> Option<Level> {
        let tick = self.next?;
        let level = self.book.ladder.at(tick);
        self.next = match self.side {
            Side::Buy => self.book.ladder.below(tick),
            Side::Sell => self.book.ladder.above(tick),
        };
        Some(Level { tick, lots: level.lots, orders: level.orders })
    }
}

/// Orders of a side, best price first, then first in time.
#[derive(Clone, Debug)]
pub struct OrderViews<'a> {
    levels: Levels<'a>,
    slot: u32,
}

impl Iterator for OrderViews<'_> {
    type Item = OrderView;
    fn next(&mut self) -> Option<OrderView> {
        let book = self.levels.book;
        if self.slot == NONE {
            self.slot = book.ladder.at(self.levels.next()?.tick).head;
        }
        let order = book.orders.at(self.slot);
        let id = book.orders.id(self.slot);
        self.slot = order.next;
        Some(OrderView { id, owner: order.owner, tick: order.tick, lots: order.lots })
    }
}

impl Book {
    /// The L2 view of a side, best price first.
    #[inline]
    #[must_use]
    pub const fn levels(&self, side: Side) -> Levels<'_> {
        let next = match side {
            Side::Buy => self.best_bid(),
            Side::Sell => self.best_ask(),
        };
        Levels { book: self, side, next }
    }

    /// The L3 view of a side, best price first, then first in time.
    #[must_use]
    pub const fn orders(&self, side: Side) -> OrderViews<'_> {
        OrderViews { levels: self.levels(side), slot: NONE }
    }

    /// What rests on a side at `tick` or better.
    #[must_use]
    pub fn depth(&self, side: Side, tick: u32) -> Sweep {
        let within = |level: &Level| match side {
            Side::Buy => level.tick >= tick,
            Side::Sell => level.tick <= tick,
        };
        let mut sweep = Sweep::default();
        for level in self.levels(side).take_while(within) {
            sweep.take(level.tick, level.lots);
        }
        sweep
    }

    /// What an order of `side` for `lots` would trade now, whoever rests there.
    #[must_use]
    pub fn sweep(&self, side: Side, lots: u64) -> Sweep {
        let mut sweep = Sweep::default();
        for level in self.levels(side.opposite()) {
            let left = lots - sweep.lots;
            if left == 0 {
                break;
            }
            sweep.take(level.tick, level.lots.min(left));
        }
        sweep
    }

    /// What an order of `side` would trade now for at most `notional` quote units, in whole lots: what a
    /// budget buys, or how much need be sold to raise it.
    #[must_use]
    pub fn sweep_notional(&self, side: Side, notional: u64) -> Sweep {
        let mut sweep = Sweep::default();
        for level in self.levels(side.opposite()) {
            let affordable = (notional - sweep.notional) / u64::from(level.tick);
            sweep.take(level.tick, level.lots.min(affordable));
            if affordable < level.lots {
                break;
            }
        }
        sweep
    }

    /// Whether everything that must hold of a book holds.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        if self.bid >= self.ask {
            return Err(format!("crossed: bid {} and ask {}", self.bid, self.ask));
        }
        let mut live = 0;
        for side in [Side::Buy, Side::Sell] {
            for level in self.levels(side) {
                live += self.check_level(side, &level)?;
            }
        }
        let slots = self.orders.slots.iter().filter(|order| order.lots > 0).count();
        if live != self.orders.live || slots != live as usize {
            let counted = self.orders.live;
            return Err(format!(
                "{live} orders are in queues, {slots} rest, {counted} are counted"
            ));
        }
        self.orders.check_free()
    }

    /// Checks a level's queue; returns how many orders it has.
    fn check_level(&self, side: Side, level: &Level) -> Result<u32, String> {
        let (mut slot, mut prev) = (self.ladder.at(level.tick).head, NONE);
        let (mut orders, mut lots) = (0, 0_u64);
        while slot != NONE && orders <= level.orders {
            let order = self.orders.slots.get(slot as usize).ok_or("a queue leaves the slab")?;
            if order.side != side
                || order.tick != level.tick
                || order.prev != prev
                || order.lots == 0
            {
                return Err(format!("order {slot} does not belong to tick {}", level.tick));
            }
            orders += 1;
            lots = lots.checked_add(order.lots).ok_or("a level's lots exceed 64 bits")?;
            (prev, slot) = (slot, order.next);
        }
        if prev != self.ladder.at(level.tick).tail || (orders, lots) != (level.orders, level.lots) {
            let Level { tick, orders: said, lots: of } = level;
            return Err(format!("tick {tick}: {orders} orders of {lots} lots, not {said} of {of}"));
        }
        Ok(orders)
    }
}

impl Sweep {
    #[inline]
    fn take(&mut self, tick: u32, lots: u64) {
        if lots > 0 {
            self.lots += lots;
            self.notional += lots * u64::from(tick);
            self.last_tick = tick;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Fees, Kind, Order, SelfTrade};
    use super::*;

    type Fault = fn(&mut Book);

    #[test]
    fn a_queue_that_tells_another_story_is_found_out() {
        let mut sound = Book::new(200, Fees { maker_pips: 0, taker_pips: 0 }, 8);
        for lots in [3, 4] {
            let (owner, self_trade) = (0, SelfTrade::CancelMaker);
            let kind = Kind::Limit { tick: 100 };
            let order = Order { owner, side: Side::Buy, lots, kind, self_trade };
            sound.submit(&order, &mut Vec::new()).expect("there is room");
        }
        sound.check().expect("a sound book");
        let faults: [Fault; 7] = [
            |b| b.orders.slots[0].side = Side::Sell,
            |b| b.orders.slots[0].tick = 101,
            |b| b.orders.slots[1].prev = 1,
            |b| b.orders.slots[0].lots = 0,
            |b| b.orders.slots[0].lots = 5,
            |b| b.ladder.enter(100).tail = 0,
            |b| b.ladder.enter(100).orders = 3,
        ];
        for (i, fault) in faults.into_iter().enumerate() {
            let mut broken = sound.clone();
            fault(&mut broken);
            let level = broken.levels(Side::Buy).next().expect("it is there");
            assert!(broken.check_level(Side::Buy, &level).is_err(), "fault {i}");
        }
    }
}
