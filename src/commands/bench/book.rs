//! Messages through the order book, and blocks of a book with makers: `markets/benches/book.rs` in short.

use markets::book::{
    Book, Change, Fees, Instruction, Kind, Order, OrderId, SelfTrade, Side, Venue,
};
use serde_json::{Value, json};
use sim::rng::mix;
use std::hint::black_box;
use std::time::Instant;

const MID: u32 = 500_000;
const FEES: Fees = Fees { maker_pips: -50, taker_pips: 400 };
/// Orders that rest, about.
const RESTING: usize = 4_000;

/// Messages a second through a book, and through a venue with its queue.
pub(super) fn rates(seconds: f64) -> Value {
    json!({
        "messages_per_second": messages(seconds),
        "requotes_per_second": requotes(seconds),
    })
}

fn side(word: u64) -> Side {
    if word & 1 == 0 { Side::Buy } else { Side::Sell }
}

/// A new order, nearer to the mid likelier than farther.
fn order(word: u64, takes: bool) -> Order {
    let side = side(word);
    let away = ((word >> 1) % 200).min((word >> 17) % 200) as u32 + 1;
    let tick = if side == Side::Buy { MID - away } else { MID + away };
    let lots = (word >> 33) % 100 + 1;
    let (kind, lots) = if takes { (Kind::Market, 4 * lots) } else { (Kind::Limit { tick }, lots) };
    let owner = (word >> 48) as u32 % 64;
    Order { owner, side, lots, kind, self_trade: SelfTrade::CancelTaker }
}

/// Additions, cancels, replacements and orders that take, 46 : 43 : 7 : 4.
fn messages(seconds: f64) -> f64 {
    let mut book = Book::new(2 * MID, FEES, 2 * RESTING);
    let mut resting: Vec<(u32, OrderId)> = Vec::with_capacity(4 * RESTING);
    let mut events = Vec::with_capacity(1_024);
    let mut sent = 0_u64;
    let started = Instant::now();
    while sent < 1 << 16 || started.elapsed().as_secs_f64() < seconds {
        for i in sent..sent + 4_096 {
            let word = mix(i);
            events.clear();
            let pick = (!resting.is_empty()).then(|| word as usize % resting.len().max(1));
            match (word >> 40) % 100 {
                46..89 if resting.len() > RESTING => {
                    let Some(pick) = pick else { continue };
                    let (owner, id) = resting.swap_remove(pick);
                    black_box(book.cancel(owner, id)).ok();
                }
                89..96 if resting.len() > RESTING => {
                    let Some(pick) = pick else { continue };
                    let (owner, id) = resting[pick];
                    let tick = MID - 40 + (word >> 8) as u32 % 80;
                    let (lots, self_trade) = ((word >> 20) % 100 + 1, SelfTrade::CancelTaker);
                    let change = Change { tick, lots, post_only: true, self_trade };
                    black_box(book.replace(owner, id, &change, &mut events)).ok();
                }
                roll => {
                    let order = order(mix(word), roll >= 96);
                    let placed = book.submit(&order, &mut events).unwrap_or_default();
                    resting.extend(placed.id.map(|id| (order.owner, id)));
                }
            }
        }
        sent += 4_096;
    }
    sent as f64 / started.elapsed().as_secs_f64()
}

/// Two makers move ladders of eight quotes a side after a mid that wanders; four orders take in between.
fn requotes(seconds: f64) -> f64 {
    let mut venue = Venue::new(2 * MID, FEES, 128);
    let makers = [venue.enrol(20_000, 16), venue.enrol(25_000, 16)];
    let noise = venue.enrol(0, 0);
    let mut reports = Vec::with_capacity(64);
    let (mut now, mut mid, mut sent) = (0, MID, 0_u64);
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < seconds {
        let word = mix(now);
        mid = mid + (word % 11) as u32 - 5;
        reports.clear();
        for maker in makers {
            for level in 0..8_u16 {
                let away = 2 + 5 * u32::from(level);
                for (slot, side, tick) in
                    [(2 * level, Side::Sell, mid + away), (2 * level + 1, Side::Buy, mid - away)]
                {
                    let quote = Instruction::Quote { slot, side, tick, lots: 1_000 };
                    venue.send(now, maker, quote);
                }
            }
        }
        for i in 0..4 {
            let take = Instruction::Take { side: side(word >> i), lots: 300, limit: None };
            venue.send(now + i * 2_000_000, noise, take);
        }
        now += 12_000_000;
        venue.run(now, &mut reports);
        sent += 36;
    }
    black_box(reports.len());
    sent as f64 / started.elapsed().as_secs_f64()
}
