//! The matching engine.

use super::ladder::Ladder;
use super::orders::{NONE, Orders, Resting};
use super::{
    Event, Fees, Kind, MAX_LOTS, MAX_TICKS, Order, OrderId, Placed, Refusal, SelfTrade, Side,
};

/// What an order becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its price, in ticks.
    pub tick: u32,
    /// What is to be left of it, in lots.
    pub lots: u64,
    /// Whether it is refused where it would trade.
    pub post_only: bool,
    /// What happens where it meets its owner's.
    pub self_trade: SelfTrade,
}

/// A limit order book; see the [module](super).
#[derive(Clone, Debug)]
pub struct Book {
    pub(super) orders: Orders,
    pub(super) ladder: Ladder,
    /// Best bid, in ticks; 0 where there is none.
    pub(super) bid: u32,
    /// Best ask, in ticks; [`NONE`] where there is none.
    pub(super) ask: u32,
    pub(super) most_ticks: u32,
    fees: Fees,
}

impl Book {
    /// An empty book of prices from one tick to `most_ticks`, with memory for so many orders.
    ///
    /// # Panics
    /// Where `most_ticks` is 0 or more than [`MAX_TICKS`].
    #[must_use]
    pub fn new(most_ticks: u32, fees: Fees, orders: usize) -> Self {
        assert!((1..=MAX_TICKS).contains(&most_ticks), "Invariant: a book of {most_ticks} ticks");
        Self {
            orders: Orders::with_capacity(orders),
            ladder: Ladder::new(most_ticks, orders / 8 + 1),
            bid: 0,
            ask: NONE,
            most_ticks,
            fees,
        }
    }

    /// The best bid, in ticks.
    #[inline]
    #[must_use]
    pub const fn best_bid(&self) -> Option<u32> {
        if self.bid == 0 { None } else { Some(self.bid) }
    }
    /// The best ask, in ticks.
    #[inline]
    #[must_use]
    pub const fn best_ask(&self) -> Option<u32> {
        if self.ask == NONE { None } else { Some(self.ask) }
    }
    /// The highest price, in ticks.
    #[must_use]
    pub const fn most_ticks(&self) -> u32 {
        self.most_ticks
    }
    /// What trading costs.
    #[must_use]
    pub const fn fees(&self) -> Fees {
        self.fees
    }
    /// How many orders rest.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.orders.live as usize
    }
    /// Whether no order rests.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.orders.live == 0
    }

    /// An order arrives. What happens to resting orders is appended to `events`.
    ///
    /// # Errors
    /// [`Refusal`]; the book is then as it was.
    #[inline]
    pub fn submit(&mut self, order: &Order, events: &mut Vec<Event>) -> Result<Placed, Refusal> {
        let Order { owner, side, lots, kind, self_trade } = *order;
        if lots == 0 || lots > MAX_LOTS {
            return Err(Refusal::Size { lots });
        }
        let (limit, rests) = match kind {
            Kind::Limit { tick } => (self.checked(tick)?, true),
            Kind::PostOnly { tick } => {
                self.refuse_trade(side, self.checked(tick)?)?;
                (tick, true)
            }
            Kind::Immediate { tick } => (self.checked(tick)?, false),
            Kind::Market => (if side == Side::Buy { self.most_ticks } else { 1 }, false),
        };
        let mut placed = self.trade(owner, side, lots, limit, self_trade, events);
        if rests && placed.resting > 0 {
            let slot = self.orders.take(owner, side, limit, placed.resting);
            // Whoever traded and has something left has freed a place: then nothing has happened yet.
            let slot = slot.ok_or(Refusal::Full)?;
            self.link(slot);
            placed.id = Some(self.orders.id(slot));
        } else {
            placed.cancelled += std::mem::take(&mut placed.resting);
        }
        Ok(placed)
    }

    /// Takes an order out of the book; returns what it still had, in lots.
    ///
    /// # Errors
    /// [`Refusal::Unknown`], [`Refusal::NotYours`].
    #[inline]
    pub fn cancel(&mut self, owner: u32, id: OrderId) -> Result<u64, Refusal> {
        let lots = self.own(owner, id)?.lots;
        self.remove(id.slot);
        Ok(lots)
    }

    /// Gives an order another price or size. It keeps its place in the queue where the price is the same
    /// and the size is not larger; otherwise it arrives anew, and may trade. Its id stays while it rests.
    ///
    /// # Errors
    /// [`Refusal`]; the order is then as it was.
    #[inline]
    pub fn replace(
        &mut self,
        owner: u32,
        id: OrderId,
        change: &Change,
        events: &mut Vec<Event>,
    ) -> Result<Placed, Refusal> {
        let Change { tick, lots, post_only, self_trade } = *change;
        let Resting { side, tick: old_tick, lots: old_lots, .. } = *self.own(owner, id)?;
        if lots == 0 || lots > MAX_LOTS {
            return Err(Refusal::Size { lots });
        }
        self.checked(tick)?;
        if post_only {
            self.refuse_trade(side, tick)?;
        }
        if tick == old_tick && lots <= old_lots {
            self.orders.at_mut(id.slot).lots = lots;
            self.ladder.held(tick).lots -= old_lots - lots;
            return Ok(Placed { id: Some(id), resting: lots, ..Placed::default() });
        }
        self.unlink(id.slot);
        let mut placed = self.trade(owner, side, lots, tick, self_trade, events);
        if placed.resting > 0 {
            let resting = self.orders.at_mut(id.slot);
            (resting.tick, resting.lots) = (tick, placed.resting);
            self.link(id.slot);
            placed.id = Some(id);
        } else {
            self.orders.release(id.slot);
        }
        Ok(placed)
    }

    /// A resting order's owner, side, price in ticks and lots.
    #[must_use]
    pub fn resting(&self, id: OrderId) -> Option<(u32, Side, u32, u64)> {
        self.orders.find(id).map(|o| (o.owner, o.side, o.tick, o.lots))
    }

    #[inline]
    fn own(&self, owner: u32, id: OrderId) -> Result<&Resting, Refusal> {
        let resting = self.orders.find(id).ok_or(Refusal::Unknown)?;
        if resting.owner == owner {
            Ok(resting)
        } else {
            Err(Refusal::NotYours { owner: resting.owner })
        }
    }

    #[inline]
    const fn checked(&self, tick: u32) -> Result<u32, Refusal> {
        if tick == 0 || tick > self.most_ticks {
            return Err(Refusal::Price { tick, most: self.most_ticks });
        }
        Ok(tick)
    }

    /// Refuses a price that would trade.
    #[inline]
    const fn refuse_trade(&self, side: Side, tick: u32) -> Result<(), Refusal> {
        let (crosses, best) = match side {
            Side::Buy => (tick >= self.ask, self.ask),
            Side::Sell => (tick <= self.bid, self.bid),
        };
        if crosses { Err(Refusal::WouldTrade { tick, best }) } else { Ok(()) }
    }

    /// Trades an arriving order as far as its price goes, best price first, then first in time. What may
    /// rest is in `resting`.
    #[inline]
    fn trade(
        &mut self,
        owner: u32,
        side: Side,
        lots: u64,
        limit: u32,
        self_trade: SelfTrade,
        events: &mut Vec<Event>,
    ) -> Placed {
        let mut placed = Placed { resting: lots, ..Placed::default() };
        while placed.resting > 0 {
            let tick = match side {
                Side::Buy if self.ask <= limit => self.ask,
                // No bid is 0, below every limit.
                Side::Sell if self.bid >= limit => self.bid,
                Side::Buy | Side::Sell => break,
            };
            let slot = self.ladder.at(tick).head;
            let maker = *self.orders.at(slot);
            if maker.owner == owner && self_trade != SelfTrade::Allow {
                if !self.meet_own(slot, &maker, self_trade, &mut placed, events) {
                    break;
                }
                continue;
            }
            let traded = maker.lots.min(placed.resting);
            let notional = traded * u64::from(tick);
            events.push(Event::Trade {
                maker: OrderId { slot, generation: maker.generation },
                maker_owner: maker.owner,
                taker_owner: owner,
                side,
                tick,
                lots: traded,
                maker_fee: self.fees.maker(notional),
            });
            placed.filled += traded;
            placed.notional += notional;
            placed.resting -= traded;
            self.reduce(slot, &maker, traded);
        }
        if placed.notional > 0 {
            placed.fee = self.fees.taker(placed.notional);
        }
        placed
    }

    /// An arriving order meets one of its owner; returns whether it goes on.
    #[cold]
    fn meet_own(
        &mut self,
        slot: u32,
        maker: &Resting,
        self_trade: SelfTrade,
        placed: &mut Placed,
        events: &mut Vec<Event>,
    ) -> bool {
        let (of_maker, of_taker) = match self_trade {
            SelfTrade::CancelTaker => (0, placed.resting),
            SelfTrade::CancelMaker => (maker.lots, 0),
            SelfTrade::CancelBoth => (maker.lots, placed.resting),
            SelfTrade::Decrement => {
                let lots = maker.lots.min(placed.resting);
                (lots, lots)
            }
            // Trades like any other: the caller does not ask.
            SelfTrade::Allow => (0, 0),
        };
        if of_maker > 0 {
            let id = OrderId { slot, generation: maker.generation };
            events.push(Event::SelfTrade { maker: id, owner: maker.owner, lots: of_maker });
            self.reduce(slot, maker, of_maker);
        }
        placed.cancelled += of_taker;
        placed.resting -= of_taker;
        placed.resting > 0
    }

    /// Takes lots from a resting order; without any it is gone.
    #[inline]
    fn reduce(&mut self, slot: u32, resting: &Resting, lots: u64) {
        if lots == resting.lots {
            self.remove(slot);
        } else {
            self.orders.at_mut(slot).lots -= lots;
            self.ladder.held(resting.tick).lots -= lots;
        }
    }

    #[inline]
    fn remove(&mut self, slot: u32) {
        self.unlink(slot);
        self.orders.release(slot);
    }

    /// Puts an order at the end of the queue at its price.
    #[inline]
    fn link(&mut self, slot: u32) {
        let Resting { tick, lots, side, .. } = *self.orders.at(slot);
        let level = self.ladder.enter(tick);
        let tail = level.tail;
        level.tail = slot;
        level.lots += lots;
        level.orders += 1;
        if tail == NONE {
            level.head = slot;
        } else {
            self.orders.at_mut(tail).next = slot;
        }
        let resting = self.orders.at_mut(slot);
        (resting.prev, resting.next) = (tail, NONE);
        match side {
            Side::Buy => self.bid = self.bid.max(tick),
            Side::Sell => self.ask = self.ask.min(tick),
        }
    }

    /// Takes an order out of the queue at its price; its slot stays.
    #[inline]
    fn unlink(&mut self, slot: u32) {
        let Resting { tick, lots, prev, next, side, .. } = *self.orders.at(slot);
        let level = self.ladder.held(tick);
        level.orders -= 1;
        level.lots -= lots;
        if level.orders == 0 {
            self.ladder.leave(tick);
            match side {
                Side::Buy if tick == self.bid => self.bid = self.ladder.below(tick).unwrap_or(0),
                Side::Sell if tick == self.ask => {
                    self.ask = self.ladder.above(tick).unwrap_or(NONE);
                }
                Side::Buy | Side::Sell => {}
            }
            return;
        }
        if prev == NONE {
            level.head = next;
        } else {
            self.orders.at_mut(prev).next = next;
        }
        if next == NONE {
            self.ladder.held(tick).tail = prev;
        } else {
            self.orders.at_mut(next).prev = prev;
        }
    }
}
