//! A limit order book with price-time priority, in integers: prices are ticks, quantities are lots.
//!
//! - [`Book`]: limit, market, immediate-or-cancel and post-only orders, cancel, replace, self-trade
//!   prevention, maker and taker fees. Every message costs constant time but for the orders it trades with.
//! - [`view`]: what others see: price levels (L2), single orders (L3), the cost of a size.
//! - [`Arrivals`]: messages in flight, each delayed by its sender's latency.
//! - [`Venue`]: a book, what is in flight, and what each participant has traded.
//!
//! One quote unit is one lot at one tick. What a tick and a lot are worth is the caller's: `tick_usd` and
//! `lot_tokens` in the simulator.
//!
//! Orders are a slab of linked lists, price levels are pages of 64 ticks found by their number, and three
//! levels of bits say which ticks hold orders. Memory of what is gone is used again, so that a book of
//! steady size allocates nothing.
//!
//! Priority and the order types are those of the large venues' public rules (CME Globex "FIFO", Nasdaq OUCH
//! 5.0: a replacement keeps its place only where it reduces the size at the same price).

mod arrivals;
mod fees;
mod ladder;
mod matching;
mod orders;
mod saved;
mod venue;
pub mod view;

pub use arrivals::Arrivals;
pub use fees::Fees;
pub use matching::{Book, Change};
pub use venue::{Account, Instruction, Report, Venue};

use serde::{Deserialize, Serialize};

/// Most ticks of a book: a price is from one tick to this many.
pub const MAX_TICKS: u32 = 1 << 20;
/// Most lots of an order. A trade's notional then fits 64 bits: 2⁴⁰ lots at 2²⁰ ticks.
pub const MAX_LOTS: u64 = 1 << 40;

/// Which side an order is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// A bid.
    Buy,
    /// An ask.
    Sell,
}

impl Side {
    /// The side that it trades with.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
    /// 1 for a buyer, −1 for a seller.
    #[must_use]
    pub const fn sign(self) -> i64 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// Names a resting order for as long as it rests; never again afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderId {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// How an order trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Trades up to its price; what is left rests.
    Limit {
        /// Worst price accepted, in ticks.
        tick: u32,
    },
    /// Rests at its price, or is refused where it would trade.
    PostOnly {
        /// The price, in ticks.
        tick: u32,
    },
    /// Trades up to its price at once; what is left is cancelled.
    Immediate {
        /// Worst price accepted, in ticks.
        tick: u32,
    },
    /// Trades at any price at once; what is left is cancelled.
    Market,
}

/// What happens where an order would trade with one of the same owner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelfTrade {
    /// What is left of the arriving order is cancelled.
    #[default]
    CancelTaker,
    /// The resting order is cancelled, the arriving one goes on.
    CancelMaker,
    /// Both.
    CancelBoth,
    /// Both lose the smaller one's size without a trade.
    Decrement,
    /// They trade: an owner that stands for many.
    Allow,
}

/// An order as it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose.
    pub owner: u32,
    /// Which side.
    pub side: Side,
    /// How much, in lots, from 1 to [`MAX_LOTS`].
    pub lots: u64,
    /// How it trades.
    pub kind: Kind,
    /// What happens where it meets its owner's.
    pub self_trade: SelfTrade,
}

/// What became of an order. `filled + resting + cancelled` is its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// The order that rests, if any.
    pub id: Option<OrderId>,
    /// Traded, in lots.
    pub filled: u64,
    /// What was traded is worth, in quote units.
    pub notional: u64,
    /// The taker's fee, in quote units, rounded up.
    pub fee: u64,
    /// Rests, in lots.
    pub resting: u64,
    /// Neither, in lots.
    pub cancelled: u64,
}

/// What happens to orders that rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A resting order traded, at its own price.
    Trade {
        /// The resting order; gone if this was the rest of it.
        maker: OrderId,
        /// Whose it is.
        maker_owner: u32,
        /// Whose the arriving order is.
        taker_owner: u32,
        /// The arriving order's side.
        side: Side,
        /// The price, in ticks.
        tick: u32,
        /// How much, in lots.
        lots: u64,
        /// What the maker pays, in quote units; negative for a rebate. Rounded against the maker.
        maker_fee: i64,
    },
    /// A resting order lost size to its owner's own arriving order.
    SelfTrade {
        /// The resting order.
        maker: OrderId,
        /// Whose.
        owner: u32,
        /// How much it lost, in lots.
        lots: u64,
    },
}

/// Why a message has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The price is not one of the book's.
    #[error("price of {tick} ticks: the book has 1 to {most}")]
    Price {
        /// The price, in ticks.
        tick: u32,
        /// The highest.
        most: u32,
    },
    /// The size is none, or more than an order may have.
    #[error("size of {lots} lots: an order has 1 to {MAX_LOTS}")]
    Size {
        /// The size, in lots.
        lots: u64,
    },
    /// A post-only order would have traded.
    #[error("post-only at {tick} ticks would trade at {best}")]
    WouldTrade {
        /// Its price, in ticks.
        tick: u32,
        /// The best price of the other side, in ticks.
        best: u32,
    },
    /// No order of this id rests: it has traded or been cancelled.
    #[error("no such order rests")]
    Unknown,
    /// The order is another's.
    #[error("the order is of owner {owner}")]
    NotYours {
        /// Whose it is.
        owner: u32,
    },
    /// The book has as many orders as it has names for.
    #[error("the book is full")]
    Full,
}
