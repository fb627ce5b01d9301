//! A venue's quotes and books by hand, the bounds of a book, and that broken ones are found out.

use markets::book::{
    Arrivals, Book, Change, Fees, Instruction, Kind, MAX_LOTS, MAX_TICKS, Order, OrderId, Refusal,
    SelfTrade, Side, Venue,
};
use serde_json::{Value, json};

const FREE: Fees = Fees { maker_pips: 0, taker_pips: 0 };

fn quote(slot: u16, side: Side, tick: u32, lots: u64) -> Instruction {
    Instruction::Quote { slot, side, tick, lots }
}

/// A venue with two participants without latency, two slots each.
fn venue() -> (Venue, u32, u32) {
    let mut venue = Venue::new(1_000, FREE, 8);
    let (a, b) = (venue.enrol(0, 2), venue.enrol(0, 2));
    (venue, a, b)
}

/// Lets an instruction arrive at once.
fn act(venue: &mut Venue, owner: u32, instruction: Instruction) {
    venue.send(0, owner, instruction);
    venue.run(0, &mut Vec::new());
    venue.check().expect("a sound venue");
}

fn traded(venue: &Venue, owner: u32) -> (i64, i128) {
    let account = &venue.accounts()[owner as usize];
    (account.base_lots, account.cash)
}

#[test]
fn a_quote_made_smaller_keeps_its_place_and_one_that_changes_sides_moves() {
    let (mut venue, a, b) = venue();
    act(&mut venue, a, quote(0, Side::Sell, 100, 10));
    act(&mut venue, b, quote(0, Side::Sell, 100, 10));
    act(&mut venue, a, quote(0, Side::Sell, 100, 4));
    venue.take(1, Venue::OUTSIDE, Side::Buy, 5, None);
    assert_eq!((traded(&venue, a), traded(&venue, b)), ((-4, 400), (-1, 100)));
    assert_eq!((venue.last_tick(), venue.volume()), (100, 500));
    // What b has left goes to the other side, and nothing of it stays.
    act(&mut venue, b, quote(0, Side::Buy, 90, 7));
    assert_eq!(venue.quoted(b, 0), Some((Side::Buy, 90, 7)));
    assert_eq!((venue.book().best_ask(), venue.book().len()), (None, 1));
    // No lots: no quote.
    act(&mut venue, b, quote(0, Side::Buy, 90, 0));
    assert_eq!((venue.quoted(b, 0), venue.book().is_empty()), (None, true));
}

#[test]
fn a_quote_that_crosses_trades_on_arrival() {
    let (mut venue, a, b) = venue();
    act(&mut venue, a, quote(0, Side::Sell, 100, 10));
    act(&mut venue, b, quote(1, Side::Buy, 105, 14));
    assert_eq!((traded(&venue, a), traded(&venue, b)), ((-10, 1_000), (10, -1_000)));
    assert_eq!(venue.quoted(b, 1), Some((Side::Buy, 105, 4)));
    // The other way round, so that a trade booked late would be booked for the wrong side.
    act(&mut venue, a, quote(1, Side::Sell, 105, 3));
    assert_eq!((traded(&venue, a), traded(&venue, b)), ((-13, 1_315), (13, -1_315)));
    assert_eq!((venue.last_tick(), venue.volume()), (105, 1_315));
}

#[test]
fn a_participant_s_older_quote_gives_way_to_its_newer_order() {
    let (mut venue, a, b) = venue();
    act(&mut venue, a, quote(0, Side::Sell, 100, 10));
    act(&mut venue, b, quote(0, Side::Sell, 101, 10));
    let report = venue.take(0, a, Side::Buy, 4, Some(101));
    assert_eq!((report.placed.filled, report.placed.notional), (4, 404));
    assert_eq!(venue.quoted(a, 0), None);
    act(&mut venue, b, quote(1, Side::Buy, 101, 2));
    assert_eq!((venue.quoted(b, 0), venue.quoted(b, 1)), (None, Some((Side::Buy, 101, 2))));
    assert_eq!(traded(&venue, b), (-4, 404));
}

#[test]
fn who_pulls_all_has_no_quote_left_and_others_theirs() {
    let (mut venue, a, b) = venue();
    act(&mut venue, a, quote(0, Side::Sell, 100, 10));
    act(&mut venue, a, quote(1, Side::Buy, 90, 10));
    act(&mut venue, b, quote(0, Side::Sell, 101, 10));
    venue.send(5, a, Instruction::PullAll);
    assert_eq!(venue.in_flight(), 1);
    venue.run(5, &mut Vec::new());
    assert_eq!((venue.in_flight(), venue.book().len()), (0, 1));
    assert_eq!([venue.quoted(a, 0), venue.quoted(a, 1)], [None, None]);
    assert_eq!(venue.quoted(b, 0), Some((Side::Sell, 101, 10)));
}

#[test]
fn what_is_traded_elsewhere_the_outside_world_has_on_its_other_side() {
    let (mut venue, a, _) = venue();
    venue.trade_elsewhere(a, 5, 70);
    assert_eq!((traded(&venue, a), traded(&venue, Venue::OUTSIDE)), ((5, -350), (-5, 350)));
    venue.trade_elsewhere(a, -2, 80);
    assert_eq!((traded(&venue, a), traded(&venue, Venue::OUTSIDE)), ((3, -190), (-3, 190)));
    assert_eq!((venue.volume(), venue.last_tick()), (0, 0), "not a trade of the venue's");
    venue.check().expect("a sound venue");
}

#[test]
fn a_venue_whose_accounts_do_not_balance_is_found_out() {
    let (mut venue, a, _) = venue();
    venue.trade_elsewhere(a, 5, 70);
    let saved = serde_json::to_value(&venue).expect("it can be saved");
    for (field, off) in [("base_lots", 4), ("cash", -349)] {
        let mut broken = saved.clone();
        broken["accounts"][a as usize][field] = json!(off);
        let broken: Venue = serde_json::from_value(broken).expect("it is read as it is");
        assert!(broken.check().is_err(), "{field}");
        assert!(broken != venue, "{field}");
    }
}

fn order(side: Side, tick: u32, lots: u64) -> Order {
    Order { owner: 1, side, lots, kind: Kind::Limit { tick }, self_trade: SelfTrade::Allow }
}

fn submit(book: &mut Book, side: Side, tick: u32, lots: u64) -> Result<Option<OrderId>, Refusal> {
    book.submit(&order(side, tick, lots), &mut Vec::new()).map(|placed| placed.id)
}

#[test]
fn an_order_has_at_most_the_most_lots() {
    assert_eq!((MAX_LOTS, MAX_TICKS), (1_099_511_627_776, 1_048_576));
    let mut book = Book::new(MAX_TICKS, FREE, 4);
    assert_eq!(book.most_ticks(), MAX_TICKS);
    let size = |lots| Err(Refusal::Size { lots });
    for lots in [0, MAX_LOTS + 1, u64::MAX] {
        assert_eq!(submit(&mut book, Side::Sell, MAX_TICKS, lots), size(lots));
    }
    assert!(book.is_empty());
    let id = submit(&mut book, Side::Sell, MAX_TICKS, MAX_LOTS).expect("the most").expect("rests");
    assert!(!book.is_empty() && book.len() == 1);
    let mut change = |lots| {
        let change =
            Change { tick: MAX_TICKS, lots, post_only: false, self_trade: SelfTrade::Allow };
        book.replace(1, id, &change, &mut Vec::new()).map(|placed| Some(placed.resting).map(|_| id))
    };
    for lots in [0, MAX_LOTS + 1, u64::MAX] {
        assert_eq!(change(lots), size(lots));
    }
    assert_eq!(change(MAX_LOTS), Ok(Some(id)));
    let taken = book.submit(&order(Side::Buy, MAX_TICKS, MAX_LOTS), &mut Vec::new());
    assert_eq!(taken.expect("the most").notional, MAX_LOTS * u64::from(MAX_TICKS));
    assert_eq!(book.len(), 0);
}

/// Asks of 10 and 5 at 100, a bid of 7 at 90, and a slot that is free.
fn book() -> Book {
    let mut book = Book::new(200, FREE, 4);
    for (side, tick, lots) in [(Side::Sell, 100, 10), (Side::Sell, 100, 5), (Side::Buy, 90, 7)] {
        submit(&mut book, side, tick, lots).expect("a possible order");
    }
    let gone = submit(&mut book, Side::Buy, 80, 1).expect("a possible order").expect("it rests");
    assert_eq!(book.depth(Side::Buy, 80).lots, 8);
    assert_eq!(book.depth(Side::Buy, 81).lots, 7);
    assert_eq!((book.depth(Side::Sell, 99).lots, book.depth(Side::Sell, 100).lots), (0, 15));
    book.cancel(1, gone).expect("it rests");
    book
}

#[test]
fn a_budget_stops_where_it_ends_and_not_before() {
    let mut book = Book::new(200, FREE, 4);
    for (tick, lots) in [(100, 5), (1, 1_000)] {
        submit(&mut book, Side::Buy, tick, lots).expect("a possible order");
    }
    let raised = |notional| {
        let sweep = book.sweep_notional(Side::Sell, notional);
        (sweep.lots, sweep.notional, sweep.last_tick)
    };
    // Of 250 two at 100: a third would raise more, and what is cheaper lies behind it.
    assert_eq!(raised(250), (2, 200, 100));
    assert_eq!(raised(99), (0, 0, 0));
    // Five at 100, and then 50 at 1.
    assert_eq!(raised(550), (55, 550, 1));
    assert_eq!(raised(5_000), (1_005, 1_500, 1));
}

#[test]
fn a_saved_book_is_read_as_it_was_and_a_broken_one_refused() {
    let sound = book();
    let saved = serde_json::to_value(&sound).expect("it can be saved");
    let read = |value: &Value| serde_json::from_value::<Book>(value.clone());
    assert!(read(&saved).expect("a sound book") == sound);
    let none = json!(u32::MAX);
    let faults: [(&str, Vec<(&str, Value)>); 9] = [
        ("no price", vec![("/orders/slots/0/tick", json!(0))]),
        ("a price beyond the book", vec![("/orders/slots/2/tick", json!(201))]),
        ("crossed", vec![("/orders/slots/2/tick", json!(100))]),
        ("another side", vec![("/orders/slots/1/side", json!("Buy"))]),
        ("a queue that does not lead back", vec![("/orders/slots/1/prev", json!(1))]),
        ("two heads", vec![("/orders/slots/1/prev", none.clone())]),
        ("an order too many", vec![("/orders/live", json!(4)), ("/orders/free", none.clone())]),
        ("free slots that nobody finds", vec![("/orders/free", none)]),
        ("an order among the free slots", vec![("/orders/free", json!(2))]),
    ];
    for (fault, changes) in faults {
        let mut broken = saved.clone();
        for (at, value) in changes {
            *broken.pointer_mut(at).expect("a field of a saved book") = value;
        }
        assert!(read(&broken).is_err(), "{fault}");
    }
}

#[test]
fn books_are_equal_in_ticks_fees_and_orders() {
    let empty = || Book::new(200, FREE, 4);
    assert!(empty() == empty());
    assert!(empty() != Book::new(201, FREE, 4));
    assert!(empty() != Book::new(200, Fees { maker_pips: 1, taker_pips: 0 }, 4));
    assert!(empty() != book());
}

#[test]
fn queues_of_messages_are_equal_in_times_messages_and_what_was_sent() {
    let of = |messages: &[(u64, u8)]| {
        let mut arrivals = Arrivals::with_capacity(4);
        messages.iter().for_each(|(due, message)| arrivals.send(*due, *message));
        arrivals
    };
    let one = of(&[(5, 1), (3, 2)]);
    assert!(one == of(&[(5, 1), (3, 2)]));
    for other in [&[(5, 1), (4, 2)][..], &[(5, 1), (3, 3)], &[(5, 1)]] {
        assert!(one != of(other), "{other:?}");
    }
    let mut later = of(&[(1, 9), (5, 1), (3, 2)]);
    assert_eq!((later.len(), later.is_empty()), (3, false));
    assert_eq!(later.next_by(0), None);
    assert_eq!(later.next_by(1), Some((1, 9)));
    assert!(one != later, "one more was sent");
    assert_eq!(
        [later.next_by(9), later.next_by(9), later.next_by(9)],
        [Some((3, 2)), Some((5, 1)), None]
    );
    assert_eq!((later.len(), later.is_empty()), (0, true));
}
