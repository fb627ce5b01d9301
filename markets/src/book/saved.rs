//! How a book is saved: its orders, their queues among them. Price levels follow from these.

use super::ladder::Ladder;
use super::matching::Book;
use super::orders::{NONE, Orders};
use super::{Fees, MAX_LOTS, MAX_TICKS, Side};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    most_ticks: u32,
    fees: Fees,
    orders: std::borrow::Cow<'a, Orders>,
}

impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let orders = std::borrow::Cow::Borrowed(&self.orders);
        Saved { most_ticks: self.most_ticks, fees: self.fees(), orders }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Book {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Saved { most_ticks, fees, orders } = Saved::deserialize(deserializer)?;
        if !(1..=MAX_TICKS).contains(&most_ticks) {
            return Err(de::Error::custom(format!("a book of {most_ticks} ticks")));
        }
        let orders = orders.into_owned();
        let mut book = Self::new(most_ticks, fees, orders.slots.len());
        let mut ladder = Ladder::new(most_ticks, 1);
        for (slot, order) in orders.slots.iter().enumerate().filter(|(_, o)| o.lots > 0) {
            if order.tick == 0 || order.tick > most_ticks {
                return Err(de::Error::custom(format!("an order at {} ticks", order.tick)));
            }
            let slot = slot as u32;
            let level = ladder.enter(order.tick);
            let lots = level.lots.checked_add(order.lots).filter(|_| order.lots <= MAX_LOTS);
            level.lots = lots.ok_or_else(|| de::Error::custom("an order of too many lots"))?;
            level.orders += 1;
            if order.prev == NONE {
                level.head = slot;
            }
            if order.next == NONE {
                level.tail = slot;
            }
            match order.side {
                Side::Buy => book.bid = book.bid.max(order.tick),
                Side::Sell => book.ask = book.ask.min(order.tick),
            }
        }
        book.orders = orders;
        book.ladder = ladder;
        book.check().map_err(de::Error::custom)?;
        Ok(book)
    }
}

/// Equal books have equal orders in equal slots: what follows from these is not compared.
impl PartialEq for Book {
    fn eq(&self, other: &Self) -> bool {
        self.most_ticks == other.most_ticks
            && self.fees() == other.fees()
            && self.orders == other.orders
    }
}
