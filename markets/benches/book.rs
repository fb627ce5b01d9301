//! Messages a second through the order book, on one core.
//!
//! The mix is that of a busy equity feed (order-by-order feeds are nearly all additions and deletions, with
//! few trades): 46 % new orders, 43 % cancels, 7 % replacements, 4 % orders that take. Prices are near a
//! mid that wanders, nearer ones likelier. About 4,000 orders rest. Messages are drawn beforehand;
//! which of the resting orders a cancel means is looked up while the clock runs.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use markets::book::{
    Book, Change, Event, Fees, Instruction, Kind, Order, OrderId, Report, SelfTrade, Side, Venue,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::hint::black_box;

const MESSAGES: usize = 1 << 18;
const RESTING: usize = 4_000;
const FEES: Fees = Fees { maker_pips: -50, taker_pips: 400 };
const MID: u32 = 500_000;

#[derive(Clone, Copy)]
enum Message {
    Submit(Order),
    Cancel { which: u32 },
    Replace { which: u32, tick: u32, lots: u64 },
}

/// A distance from the mid in ticks, at least one: of two draws the nearer, within 200.
fn distance(rng: &mut impl Rng) -> u32 {
    let draw = |rng: &mut dyn Rng| rng.next_u32() % 200 + 1;
    let (a, b, c) = (draw(rng), draw(rng), draw(rng));
    a.min(b).min(c)
}

fn price(rng: &mut impl Rng, mid: u32, side: Side) -> u32 {
    match side {
        Side::Buy => mid - distance(rng),
        Side::Sell => mid + distance(rng),
    }
}

fn side(rng: &mut impl Rng) -> Side {
    if rng.next_u32() & 1 == 0 { Side::Buy } else { Side::Sell }
}

fn order(rng: &mut impl Rng, mid: u32, takes: bool) -> Order {
    let side = side(rng);
    let lots = u64::from(rng.next_u32() % 100 + 1);
    let kind = match rng.next_u32() % 10 {
        _ if takes && rng.next_u32() & 1 == 0 => Kind::Market,
        _ if takes => Kind::Immediate { tick: price(rng, mid, side.opposite()) },
        0 => Kind::PostOnly { tick: price(rng, mid, side) },
        _ => Kind::Limit { tick: price(rng, mid, side) },
    };
    let owner = rng.next_u32() % 64;
    // Takers trade some tens of orders' worth.
    let lots = if takes { lots * 4 } else { lots };
    Order { owner, side, lots, kind, self_trade: SelfTrade::CancelTaker }
}

fn messages() -> Vec<Message> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut mid = MID;
    let mut message = |i: usize| {
        if i.is_multiple_of(16) {
            mid = if rng.next_u32() & 1 == 0 { mid + 1 } else { mid - 1 };
        }
        match rng.next_u32() % 100 {
            0..46 => Message::Submit(order(&mut rng, mid, false)),
            46..89 => Message::Cancel { which: rng.next_u32() },
            89..96 => Message::Replace {
                which: rng.next_u32(),
                tick: mid - 40 + rng.next_u32() % 80,
                lots: u64::from(rng.next_u32() % 100 + 1),
            },
            _ => Message::Submit(order(&mut rng, mid, true)),
        }
    };
    (0..MESSAGES).map(&mut message).collect()
}

/// A book and whoever remembers the ids of what rests in it.
struct Bench {
    book: Book,
    resting: Vec<(u32, OrderId)>,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        let book = Book::new(2 * MID, FEES, 2 * RESTING);
        let mut bench = Self { book, resting: Vec::new(), events: Vec::with_capacity(1_024) };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        while bench.resting.len() < RESTING {
            bench.play(&Message::Submit(order(&mut rng, MID, false)));
        }
        bench
    }

    fn play(&mut self, message: &Message) {
        self.events.clear();
        match *message {
            Message::Submit(order) => {
                let Ok(placed) = self.book.submit(&order, &mut self.events) else { return };
                if let Some(id) = placed.id {
                    self.resting.push((order.owner, id));
                }
            }
            Message::Cancel { which } => {
                if self.resting.is_empty() {
                    return;
                }
                let (owner, id) = self.resting.swap_remove(which as usize % self.resting.len());
                black_box(self.book.cancel(owner, id)).ok();
            }
            Message::Replace { which, tick, lots } => {
                if self.resting.is_empty() {
                    return;
                }
                let (owner, id) = self.resting[which as usize % self.resting.len()];
                let self_trade = SelfTrade::CancelTaker;
                let change = Change { tick, lots, post_only: true, self_trade };
                black_box(self.book.replace(owner, id, &change, &mut self.events)).ok();
            }
        }
        black_box(&self.events);
    }
}

fn book(c: &mut Criterion) {
    let messages = messages();
    let mut group = c.benchmark_group("book");
    group.throughput(Throughput::Elements(MESSAGES as u64));
    group.bench_function("message mix", |b| {
        let mut bench = Bench::new();
        b.iter(|| {
            for message in &messages {
                bench.play(message);
            }
            bench.book.len()
        });
        bench.book.check().expect("a sound book");
    });
    // Four makers move ladders of ten quotes a side after a mid that wanders; noise takes in between.
    group.throughput(Throughput::Elements(4 * 20 + 8));
    group.bench_function("venue: a block of requotes", |b| {
        let mut venue = Venue::new(2 * MID, FEES, 128);
        let makers: Vec<u32> = (0..4).map(|i| venue.enrol(50_000 + i, 20)).collect();
        let noise = venue.enrol(0, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let (mut now, mut mid) = (0, MID);
        let mut reports: Vec<Report> = Vec::with_capacity(64);
        b.iter(|| {
            mid = mid + rng.next_u32() % 11 - 5;
            reports.clear();
            for level in 0..10_u16 {
                for maker in &makers {
                    let away = 2 + 5 * u32::from(level);
                    let mut quote = |slot, side, tick| {
                        let quote = Instruction::Quote { slot, side, tick, lots: 1_000 };
                        venue.send(now, *maker, quote);
                    };
                    quote(2 * level, Side::Sell, mid + away);
                    quote(2 * level + 1, Side::Buy, mid - away);
                }
            }
            for i in 0..8 {
                let take = Instruction::Take { side: side(&mut rng), lots: 300, limit: None };
                venue.send(now + i * 1_000_000, noise, take);
            }
            now += 12_000_000;
            venue.run(now, &mut reports);
            reports.len()
        });
        venue.check().expect("a sound venue");
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(3));
    targets = book
}
criterion_main!(benches);
