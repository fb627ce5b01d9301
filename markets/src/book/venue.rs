//! A venue: a book, the messages on their way to it, and what every participant has traded there.
//!
//! Participants name their quotes by slots of their own, as mass-quote interfaces do: a quote into a slot
//! replaces the one that rests there. Cash is in quote units and may be negative: a venue keeps accounts,
//! who pays is settled elsewhere.

use super::matching::{Book, Change};
use super::{Arrivals, Event, Fees, Kind, MAX_LOTS, Order, OrderId, Placed, SelfTrade, Side};
use serde::{Deserialize, Serialize};

/// What a participant asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instruction {
    /// Trades at once, up to a price or at any.
    Take {
        /// Which side.
        side: Side,
        /// How much, in lots.
        lots: u64,
        /// Worst price accepted, in ticks; `None` for any.
        limit: Option<u32>,
    },
    /// Quotes in a slot, in place of what rests there; may trade on arrival.
    Quote {
        /// The participant's slot.
        slot: u16,
        /// Which side. A slot that changes sides loses its place in the queue.
        side: Side,
        /// The price, in ticks.
        tick: u32,
        /// How much, in lots; none pulls the quote.
        lots: u64,
    },
    /// Pulls every quote of the participant.
    PullAll,
}

/// What became of an order that took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it arrived, in microseconds.
    pub at_us: u64,
    /// Whose.
    pub owner: u32,
    /// Which side.
    pub side: Side,
    /// Sum of the best bid and the best ask before it, in ticks: twice the mid; 0 where one side was empty.
    pub bid_and_ask: u32,
    /// What became of it.
    pub placed: Placed,
}

/// A participant's account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Bought less sold, in lots.
    pub base_lots: i64,
    /// Received less paid, fees included, in quote units.
    pub cash: i128,
    /// Time from sending to arrival, in microseconds.
    pub latency_us: u64,
    /// What happens where the participant meets itself.
    pub self_trade: SelfTrade,
    /// The order in each slot; one that is gone names nothing.
    slots: Vec<Option<OrderId>>,
    /// When the last message sent arrives: none overtakes another of its sender's.
    last_due_us: u64,
}

/// A book with its participants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Venue {
    book: Book,
    inbox: Arrivals<(u32, Instruction)>,
    accounts: Vec<Account>,
    /// Fees received less rebates paid, in quote units.
    fees: i128,
    /// Traded since the beginning, in quote units.
    volume: u128,
    /// Price of the last trade, in ticks; 0 before the first.
    last_tick: u32,
    events: Vec<Event>,
}

impl Venue {
    /// A venue without participants but the outside world, which may trade with itself.
    #[must_use]
    pub fn new(most_ticks: u32, fees: Fees, orders: usize) -> Self {
        let outside = Account { self_trade: SelfTrade::Allow, ..Account::default() };
        Self {
            book: Book::new(most_ticks, fees, orders),
            inbox: Arrivals::with_capacity(orders),
            accounts: vec![outside],
            fees: 0,
            volume: 0,
            last_tick: 0,
            events: Vec::with_capacity(orders),
        }
    }

    /// The owner of whoever has no account here.
    pub const OUTSIDE: u32 = 0;

    /// A new participant with so many slots; returns its number.
    pub fn enrol(&mut self, latency_us: u64, slots: u16) -> u32 {
        let slots = vec![None; usize::from(slots)];
        let self_trade = SelfTrade::CancelMaker;
        self.accounts.push(Account { latency_us, self_trade, slots, ..Account::default() });
        (self.accounts.len() - 1) as u32
    }

    /// The book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }
    /// The participants, by number; the first is the outside world.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }
    /// Fees received less rebates paid, in quote units.
    #[must_use]
    pub const fn fees(&self) -> i128 {
        self.fees
    }
    /// Traded since the beginning, in quote units.
    #[must_use]
    pub const fn volume(&self) -> u128 {
        self.volume
    }
    /// Price of the last trade, in ticks; 0 before the first.
    #[must_use]
    pub const fn last_tick(&self) -> u32 {
        self.last_tick
    }
    /// Messages on their way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.inbox.len()
    }

    /// Sends an instruction at a time; it arrives the sender's latency later, never before one that the
    /// sender sent earlier. One of a participant that does not exist is lost.
    #[inline]
    pub fn send(&mut self, now_us: u64, owner: u32, instruction: Instruction) {
        let Some(account) = self.accounts.get_mut(owner as usize) else { return };
        let due_us = (now_us + account.latency_us).max(account.last_due_us);
        account.last_due_us = due_us;
        self.inbox.send(due_us, (owner, instruction));
    }

    /// Lets everything arrive that is due by a time. Orders that took are appended to `reports`.
    pub fn run(&mut self, until_us: u64, reports: &mut Vec<Report>) {
        while let Some((at_us, (owner, instruction))) = self.inbox.next_by(until_us) {
            match instruction {
                Instruction::Take { side, lots, limit } => {
                    let report = self.take(at_us, owner, side, lots, limit);
                    if report.placed.filled > 0 {
                        reports.push(report);
                    }
                }
                Instruction::Quote { slot, side, tick, lots } => {
                    self.quote(owner, slot, side, tick, lots);
                }
                Instruction::PullAll => self.pull_all(owner),
            }
        }
    }

    /// Trades at once, without latency. A size beyond an order's is cut to it.
    pub fn take(
        &mut self,
        at_us: u64,
        owner: u32,
        side: Side,
        lots: u64,
        limit: Option<u32>,
    ) -> Report {
        let book = &self.book;
        let both = book.best_bid().zip(book.best_ask());
        let bid_and_ask = both.map_or(0, |(bid, ask)| bid + ask);
        let kind = limit.map_or(Kind::Market, |tick| Kind::Immediate { tick });
        let self_trade = self.self_trade(owner);
        let order = Order { owner, side, lots: lots.min(MAX_LOTS), kind, self_trade };
        // A refused order has no effect, and none to report.
        let placed = self.book.submit(&order, &mut self.events).unwrap_or_default();
        self.settle(owner, side, &placed);
        Report { at_us, owner, side, bid_and_ask, placed }
    }

    /// What an account trades elsewhere at a price: the outside world takes the other side.
    pub fn trade_elsewhere(&mut self, owner: u32, lots: i64, tick: u32) {
        let cash = i128::from(lots) * i128::from(tick);
        for (who, sign) in [(owner, 1), (Self::OUTSIDE, -1)] {
            if let Some(account) = self.accounts.get_mut(who as usize) {
                account.base_lots += sign * lots;
                account.cash -= i128::from(sign) * cash;
            }
        }
    }

    /// A participant's quote in a slot, as it rests: its price in ticks and its lots.
    #[must_use]
    pub fn quoted(&self, owner: u32, slot: u16) -> Option<(Side, u32, u64)> {
        let id = (*self.accounts.get(owner as usize)?.slots.get(usize::from(slot))?)?;
        self.book.resting(id).map(|(_, side, tick, lots)| (side, tick, lots))
    }

    fn self_trade(&self, owner: u32) -> SelfTrade {
        self.accounts.get(owner as usize).map_or(SelfTrade::default(), |a| a.self_trade)
    }

    #[inline]
    fn quote(&mut self, owner: u32, slot: u16, side: Side, tick: u32, lots: u64) {
        let Some(account) = self.accounts.get_mut(owner as usize) else { return };
        let self_trade = account.self_trade;
        let Some(entry) = account.slots.get_mut(usize::from(slot)) else { return };
        let old = entry.take();
        let outcome = match old.and_then(|id| self.book.resting(id).map(|found| (id, found))) {
            Some((id, (_, had, _, _))) if had == side && lots > 0 => {
                let change = Change { tick, lots, post_only: false, self_trade };
                let outcome = self.book.replace(owner, id, &change, &mut self.events);
                outcome.inspect_err(|_| self.cancel(owner, id))
            }
            found => {
                if let Some((id, _)) = found {
                    self.cancel(owner, id);
                }
                let order = Order { owner, side, lots, kind: Kind::Limit { tick }, self_trade };
                self.book.submit(&order, &mut self.events)
            }
        };
        // A refused quote, one of no lots or of an impossible price, leaves the slot empty.
        let placed = outcome.unwrap_or_default();
        self.accounts[owner as usize].slots[usize::from(slot)] = placed.id;
        // Whatever was filled is told of.
        if !self.events.is_empty() {
            self.settle(owner, side, &placed);
        }
    }

    fn pull_all(&mut self, owner: u32) {
        let Some(account) = self.accounts.get_mut(owner as usize) else { return };
        // One that has traded in the meantime is as good as cancelled.
        for slot in &mut account.slots {
            if let Some(id) = slot.take() {
                self.book.cancel(owner, id).unwrap_or_default();
            }
        }
    }

    /// Cancels an order; one that has traded in the meantime is as good as cancelled.
    fn cancel(&mut self, owner: u32, id: OrderId) {
        self.book.cancel(owner, id).unwrap_or_default();
    }

    /// Books what an order traded.
    #[inline]
    fn settle(&mut self, taker: u32, side: Side, placed: &Placed) {
        for event in self.events.drain(..) {
            let Event::Trade { maker_owner, tick, lots, maker_fee, .. } = event else { continue };
            let notional = i128::from(lots) * i128::from(tick);
            let sign = side.opposite().sign();
            if let Some(maker) = self.accounts.get_mut(maker_owner as usize) {
                maker.base_lots += sign * lots as i64;
                maker.cash -= i128::from(sign) * notional + i128::from(maker_fee);
            }
            self.fees += i128::from(maker_fee);
            self.last_tick = tick;
        }
        if let Some(account) = self.accounts.get_mut(taker as usize) {
            let notional = i128::from(side.sign()) * i128::from(placed.notional);
            account.base_lots += side.sign() * placed.filled as i64;
            account.cash -= notional + i128::from(placed.fee);
        }
        self.fees += i128::from(placed.fee);
        self.volume += u128::from(placed.notional);
    }

    /// Whether everything that must hold of a venue holds: the book's own rules, and that what some
    /// bought others sold, what some paid others received.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        self.book.check()?;
        let base: i128 = self.accounts.iter().map(|a| i128::from(a.base_lots)).sum();
        let cash: i128 = self.accounts.iter().map(|a| a.cash).sum::<i128>() + self.fees;
        if base == 0 && cash == 0 {
            Ok(())
        } else {
            Err(format!("{base} lots and {cash} quote units were made of nothing"))
        }
    }
}
