//! The book against a naive one, and what must hold of any book.

use markets::book::{
    Book, Change, Event, Fees, Instruction, Kind, Order, OrderId, Placed, Refusal, Report,
    SelfTrade, Side, Venue,
};
use proptest::prelude::*;

const MOST: u32 = 200;
const FEES: Fees = Fees { maker_pips: -100, taker_pips: 500 };

/// An order of the naive book.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Naive {
    id: u64,
    owner: u32,
    side: Side,
    tick: u32,
    lots: u64,
    time: u64,
}

/// The rules once more, with a list that is searched: no levels, no links, no ids of slots.
#[derive(Clone, Debug, Default)]
struct Reference {
    orders: Vec<Naive>,
    time: u64,
}

/// A trade as both books tell it: maker, its owner, price, lots; of a self-trade, price 0.
type Told = (u64, u32, u32, u64);

impl Reference {
    fn best(&self, side: Side) -> Option<usize> {
        let key = |o: &Naive| match side {
            Side::Buy => (u32::MAX - o.tick, o.time),
            Side::Sell => (o.tick, o.time),
        };
        let of_side = self.orders.iter().enumerate().filter(|(_, o)| o.side == side);
        of_side.min_by_key(|(_, o)| key(o)).map(|(i, _)| i)
    }

    fn crosses(&self, side: Side, tick: u32) -> bool {
        self.best(side.opposite()).is_some_and(|i| match side {
            Side::Buy => self.orders[i].tick <= tick,
            Side::Sell => self.orders[i].tick >= tick,
        })
    }

    /// What is left of an order that trades up to `tick`, and how much was cancelled.
    fn trade(&mut self, order: Naive, stp: SelfTrade, told: &mut Vec<Told>) -> (u64, u64, u64) {
        let (mut left, mut filled, mut cancelled) = (order.lots, 0, 0);
        while left > 0 && self.crosses(order.side, order.tick) {
            let i = self.best(order.side.opposite()).expect("it crosses something");
            let maker = self.orders[i];
            let same = maker.lots.min(left);
            let own = maker.owner == order.owner && stp != SelfTrade::Allow;
            let (of_maker, of_taker) = match stp {
                _ if !own => (same, same),
                SelfTrade::CancelTaker => (0, left),
                SelfTrade::CancelMaker => (maker.lots, 0),
                SelfTrade::CancelBoth => (maker.lots, left),
                SelfTrade::Decrement | SelfTrade::Allow => (same, same),
            };
            left -= of_taker;
            if own {
                cancelled += of_taker;
            } else {
                filled += of_taker;
            }
            if of_maker > 0 {
                told.push((maker.id, maker.owner, if own { 0 } else { maker.tick }, of_maker));
            }
            self.orders[i].lots -= of_maker;
            if self.orders[i].lots == 0 {
                self.orders.remove(i);
            }
        }
        (left, filled, cancelled)
    }

    fn rest(&mut self, order: Naive, lots: u64) {
        self.time += 1;
        self.orders.push(Naive { lots, time: self.time, ..order });
    }

    fn side(&self, side: Side) -> Vec<(u64, u32, u32, u64)> {
        let mut copy = self.clone();
        let mut list = Vec::new();
        while let Some(i) = copy.best(side) {
            let o = copy.orders.remove(i);
            list.push((o.id, o.owner, o.tick, o.lots));
        }
        list
    }
}

#[derive(Clone, Debug)]
enum Action {
    Submit { owner: u32, side: Side, lots: u64, kind: Kind, stp: SelfTrade },
    Cancel { owner: u32, which: usize },
    Replace { owner: u32, which: usize, tick: u32, lots: u64, post_only: bool, stp: SelfTrade },
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

fn self_trade() -> impl Strategy<Value = SelfTrade> {
    prop_oneof![
        Just(SelfTrade::CancelTaker),
        Just(SelfTrade::CancelMaker),
        Just(SelfTrade::CancelBoth),
        Just(SelfTrade::Decrement),
        Just(SelfTrade::Allow),
    ]
}

/// Mostly near the touch, so that prices meet; sometimes far, sometimes impossible.
fn tick() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 95_u32..106, 3 => 1..=MOST, 1 => Just(0), 1 => Just(MOST + 1)]
}

fn action() -> impl Strategy<Value = Action> {
    let kind = (0..6, tick()).prop_map(|(kind, tick)| match kind {
        0..=2 => Kind::Limit { tick },
        3 => Kind::PostOnly { tick },
        4 => Kind::Immediate { tick },
        _ => Kind::Market,
    });
    let submit = (0..3_u32, side(), 0..40_u64, kind, self_trade())
        .prop_map(|(owner, side, lots, kind, stp)| Action::Submit { owner, side, lots, kind, stp });
    let cancel =
        (0..3_u32, any::<usize>()).prop_map(|(owner, which)| Action::Cancel { owner, which });
    let replace = (0..3_u32, any::<usize>(), tick(), 0..40_u64, any::<bool>(), self_trade())
        .prop_map(|(owner, which, tick, lots, post_only, stp)| Action::Replace {
            owner,
            which,
            tick,
            lots,
            post_only,
            stp,
        });
    prop_oneof![5 => submit, 1 => cancel, 2 => replace]
}

/// Both books, and the names that they have for the same orders: the place in `ids` is the naive id.
struct Pair {
    book: Book,
    naive: Reference,
    ids: Vec<OrderId>,
    events: Vec<Event>,
}

impl Pair {
    fn name(&self, id: OrderId) -> u64 {
        self.ids.iter().rposition(|known| *known == id).expect("an id that was given") as u64
    }

    fn told(&self) -> Vec<Told> {
        let tell = |event: &Event| match *event {
            Event::Trade { maker, maker_owner, tick, lots, .. } => {
                (self.name(maker), maker_owner, tick, lots)
            }
            Event::SelfTrade { maker, owner, lots } => (self.name(maker), owner, 0, lots),
        };
        self.events.iter().map(tell).collect()
    }

    /// Does the same in both; returns what the book said.
    fn play(&mut self, action: &Action) -> Result<Option<Placed>, Refusal> {
        self.events.clear();
        let mut told = Vec::new();
        match *action {
            Action::Submit { owner, side, lots, kind, stp } => {
                let order = Order { owner, side, lots, kind, self_trade: stp };
                let outcome = self.book.submit(&order, &mut self.events);
                let (tick, rests) = match kind {
                    Kind::Limit { tick } | Kind::PostOnly { tick } => (tick, true),
                    Kind::Immediate { tick } => (tick, false),
                    Kind::Market => (if side == Side::Buy { MOST } else { 1 }, false),
                };
                let possible = lots > 0 && (1..=MOST).contains(&tick);
                let trades = possible && self.naive.crosses(side, tick);
                if !possible || (trades && matches!(kind, Kind::PostOnly { .. })) {
                    assert!(outcome.is_err(), "{action:?}: {outcome:?}");
                    return outcome.map(Some);
                }
                let id = self.ids.len() as u64;
                let naive = Naive { id, owner, side, tick, lots, time: 0 };
                let (left, filled, cancelled) = self.naive.trade(naive, stp, &mut told);
                let placed = outcome.expect("an order that is possible");
                let resting = if rests { left } else { 0 };
                assert_eq!(placed.filled, filled);
                assert_eq!(placed.resting, resting);
                assert_eq!(placed.cancelled, cancelled + left - resting);
                assert_eq!(placed.id.is_some(), resting > 0);
                if resting > 0 {
                    self.naive.rest(naive, resting);
                }
                let told_by_book = self.told();
                self.ids.extend(placed.id);
                assert_eq!(told_by_book, told);
                Ok(Some(placed))
            }
            Action::Cancel { owner, which } => {
                let Some(id) = self.pick(which) else { return Ok(None) };
                let name = self.name(id);
                let found = self.naive.orders.iter().position(|o| o.id == name);
                match (self.book.cancel(owner, id), found) {
                    (Ok(lots), Some(i)) => {
                        let order = self.naive.orders.remove(i);
                        assert_eq!((order.owner, order.lots), (owner, lots));
                        Ok(None)
                    }
                    (Err(Refusal::NotYours { owner: of }), Some(i)) => {
                        assert_eq!(self.naive.orders[i].owner, of);
                        assert_ne!(owner, of);
                        Err(Refusal::NotYours { owner: of })
                    }
                    (Err(Refusal::Unknown), None) => Err(Refusal::Unknown),
                    (other, found) => panic!("{other:?}, and the naive book has {found:?}"),
                }
            }
            Action::Replace { owner, which, tick, lots, post_only, stp } => {
                let Some(id) = self.pick(which) else { return Ok(None) };
                let name = self.name(id);
                let change = Change { tick, lots, post_only, self_trade: stp };
                let outcome = self.book.replace(owner, id, &change, &mut self.events);
                let found = self.naive.orders.iter().position(|o| o.id == name);
                let Some(i) = found else {
                    assert_eq!(outcome, Err(Refusal::Unknown));
                    return outcome.map(Some);
                };
                let old = self.naive.orders[i];
                let refused = old.owner != owner
                    || lots == 0
                    || !(1..=MOST).contains(&tick)
                    || (post_only && self.naive.crosses(old.side, tick));
                if refused {
                    assert!(outcome.is_err(), "{action:?}: {outcome:?}");
                    return outcome.map(Some);
                }
                let placed = outcome.expect("a change that is possible");
                if tick == old.tick && lots <= old.lots {
                    self.naive.orders[i].lots = lots;
                } else {
                    self.naive.orders.remove(i);
                    let order = Naive { tick, lots, ..old };
                    let (left, filled, cancelled) = self.naive.trade(order, stp, &mut told);
                    assert_eq!((placed.filled, placed.cancelled), (filled, cancelled));
                    assert_eq!(placed.resting, left);
                    if left > 0 {
                        self.naive.rest(order, left);
                    }
                }
                assert_eq!(placed.id, (placed.resting > 0).then_some(id));
                assert_eq!(self.told(), told);
                Ok(Some(placed))
            }
        }
    }

    fn pick(&self, which: usize) -> Option<OrderId> {
        (!self.ids.is_empty()).then(|| self.ids[which % self.ids.len()])
    }

    fn compare(&self) {
        self.book.check().expect("a sound book");
        for side in [Side::Buy, Side::Sell] {
            let orders = self.book.orders(side);
            let list: Vec<_> = orders.map(|o| (self.name(o.id), o.owner, o.tick, o.lots)).collect();
            assert_eq!(list, self.naive.side(side));
            // The L2 view is the L3 view added up.
            let mut added: Vec<(u32, u64, u32)> = Vec::new();
            for (_, _, tick, lots) in list {
                match added.last_mut() {
                    Some((at, sum, orders)) if *at == tick => {
                        *sum += lots;
                        *orders += 1;
                    }
                    _ => added.push((tick, lots, 1)),
                }
            }
            let levels: Vec<_> =
                self.book.levels(side).map(|l| (l.tick, l.lots, l.orders)).collect();
            assert_eq!(levels, added);
        }
        if let (Some(bid), Some(ask)) = (self.book.best_bid(), self.book.best_ask()) {
            assert!(bid < ask, "crossed: {bid} {ask}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_book_does_what_the_naive_book_does(actions in prop::collection::vec(action(), 1..160)) {
        let book = Book::new(MOST, FEES, 8);
        let mut pair =
            Pair { book, naive: Reference::default(), ids: Vec::new(), events: Vec::new() };
        for action in &actions {
            let before = pair.book.clone();
            if pair.play(action).is_err() {
                prop_assert!(pair.book == before, "a refused message changed the book");
            }
            pair.compare();
        }
        let saved = postcard::to_stdvec(&pair.book).expect("plain data");
        let mut again: Book = postcard::from_bytes(&saved).expect("what was saved");
        prop_assert!(again == pair.book);
        // What comes back goes on alike: same ids, same trades.
        let order = Order {
            owner: 9,
            side: Side::Sell,
            lots: 500,
            kind: Kind::Limit { tick: 97 },
            self_trade: SelfTrade::Allow,
        };
        let (mut here, mut there) = (Vec::new(), Vec::new());
        prop_assert_eq!(pair.book.submit(&order, &mut here), again.submit(&order, &mut there));
        prop_assert_eq!(here, there);
        prop_assert!(again == pair.book);
    }

    #[test]
    fn lots_and_money_are_conserved_at_a_venue(
        messages in prop::collection::vec(
            (0..5_u32, 0..4_u16, side(), 90_u32..111, 0..30_u64, 0..4_u8, 0..50_u64),
            1..200,
        ),
    ) {
        let mut venue = Venue::new(MOST, FEES, 8);
        for i in 0..4 {
            venue.enrol(i * 7, 4);
        }
        let (mut now, mut reports): (u64, Vec<Report>) = (0, Vec::new());
        let mut volume = 0_u128;
        for (owner, slot, side, tick, lots, what, wait) in messages {
            let instruction = match what {
                0 => Instruction::Take { side, lots, limit: None },
                1 => Instruction::Take { side, lots, limit: Some(tick) },
                2 if slot == 0 => Instruction::PullAll,
                _ => Instruction::Quote { slot, side, tick, lots },
            };
            venue.send(now, owner, instruction);
            now += wait;
            venue.run(now, &mut reports);
            venue.check().map_err(TestCaseError::fail)?;
            prop_assert!(venue.volume() >= volume, "volume fell");
            volume = venue.volume();
        }
        venue.run(u64::MAX, &mut reports);
        venue.check().map_err(TestCaseError::fail)?;
        prop_assert_eq!(venue.in_flight(), 0);
        for report in &reports {
            prop_assert!(report.placed.filled > 0);
            prop_assert_eq!(report.placed.fee, FEES.taker(report.placed.notional));
        }
    }

    #[test]
    fn a_sweep_says_what_a_market_order_then_does(
        asks in prop::collection::vec((100_u32..140, 1..50_u64), 0..20),
        lots in 1..600_u64,
        budget in 0..60_000_u64,
    ) {
        let mut book = Book::new(MOST, FEES, 8);
        let mut events = Vec::new();
        for (tick, lots) in asks {
            let kind = Kind::Limit { tick };
            let (side, self_trade) = (Side::Sell, SelfTrade::Allow);
            let order = Order { owner: 1, side, lots, kind, self_trade };
            book.submit(&order, &mut events).expect("a possible order");
        }
        let buy = |lots| Order {
            owner: 2,
            side: Side::Buy,
            lots,
            kind: Kind::Market,
            self_trade: SelfTrade::Allow,
        };
        let sweep = book.sweep(Side::Buy, lots);
        let placed = book.clone().submit(&buy(lots), &mut events).expect("a possible order");
        prop_assert_eq!((placed.filled, placed.notional), (sweep.lots, sweep.notional));
        let bought = book.sweep_notional(Side::Buy, budget);
        prop_assert!(bought.notional <= budget);
        // One lot more would exceed the budget, or is not there.
        let more = book.sweep(Side::Buy, bought.lots + 1);
        prop_assert!(more.lots == bought.lots || more.notional > budget);
        let depth = book.depth(Side::Sell, bought.last_tick.max(1));
        prop_assert!(depth.lots >= bought.lots);
    }
}

fn limit(owner: u32, side: Side, tick: u32, lots: u64) -> Order {
    Order { owner, side, lots, kind: Kind::Limit { tick }, self_trade: SelfTrade::CancelTaker }
}

#[test]
fn a_smaller_order_keeps_its_place_and_a_larger_one_loses_it() {
    let mut book = Book::new(MOST, Fees::default(), 8);
    let mut events = Vec::new();
    let rest = |book: &mut Book, owner, lots| {
        let placed = book.submit(&limit(owner, Side::Sell, 100, lots), &mut Vec::new());
        placed.expect("a possible order").id.expect("it rests")
    };
    let (first, second) = (rest(&mut book, 1, 10), rest(&mut book, 2, 10));
    let change =
        |lots, tick| Change { tick, lots, post_only: false, self_trade: SelfTrade::CancelTaker };
    let owners = |book: &Book| -> Vec<u32> { book.orders(Side::Sell).map(|o| o.owner).collect() };
    book.replace(1, first, &change(4, 100), &mut events).expect("smaller");
    assert_eq!(owners(&book), [1, 2]);
    book.replace(1, first, &change(5, 100), &mut events).expect("larger");
    assert_eq!(owners(&book), [2, 1]);
    book.replace(2, second, &change(1, 101), &mut events).expect("elsewhere");
    book.replace(2, second, &change(1, 100), &mut events).expect("back again");
    assert_eq!(owners(&book), [1, 2]);
    assert!(events.is_empty());
}

#[test]
fn an_id_of_a_gone_order_never_names_the_one_in_its_place() {
    let mut book = Book::new(MOST, Fees::default(), 1);
    let rest = |book: &mut Book| {
        let placed = book.submit(&limit(1, Side::Buy, 50, 1), &mut Vec::new());
        placed.expect("a possible order").id.expect("it rests")
    };
    let old = rest(&mut book);
    book.cancel(1, old).expect("it rests");
    let new = rest(&mut book);
    assert_ne!(old, new);
    assert_eq!(book.cancel(1, old), Err(Refusal::Unknown));
    assert_eq!(book.len(), 1);
}

#[test]
fn fees_go_from_taker_to_maker_and_venue() {
    let mut venue = Venue::new(1_000, Fees { maker_pips: -100, taker_pips: 500 }, 8);
    let (maker, taker) = (venue.enrol(0, 1), venue.enrol(0, 1));
    let quote = Instruction::Quote { slot: 0, side: Side::Sell, tick: 1_000, lots: 100 };
    venue.send(0, maker, quote);
    venue.send(1, taker, Instruction::Take { side: Side::Buy, lots: 40, limit: None });
    venue.run(1, &mut Vec::new());
    // 40,000 units change hands: the taker pays 20 in fees, the maker gets 4 of them.
    let account = |owner: u32| {
        let account = &venue.accounts()[owner as usize];
        (account.base_lots, account.cash)
    };
    assert_eq!(account(taker), (40, -40_020));
    assert_eq!(account(maker), (-40, 40_004));
    assert_eq!((venue.fees(), venue.volume()), (16, 40_000));
    assert_eq!(venue.quoted(maker, 0), Some((Side::Sell, 1_000, 60)));
}

#[test]
fn the_faster_participant_gets_the_stale_quote() {
    let mut venue = Venue::new(1_000, Fees::default(), 8);
    let (slow, fast) = (venue.enrol(50, 1), venue.enrol(20, 1));
    let quote = |tick| Instruction::Quote { slot: 0, side: Side::Sell, tick, lots: 10 };
    venue.send(0, slow, quote(100));
    venue.run(100, &mut Vec::new());
    // Both learn at 100 that the price has risen; the maker's new quote comes too late.
    venue.send(100, slow, quote(110));
    venue.send(100, fast, Instruction::Take { side: Side::Buy, lots: 4, limit: Some(105) });
    let mut reports = Vec::new();
    venue.run(119, &mut reports);
    assert!(reports.is_empty(), "nothing has arrived yet");
    venue.run(200, &mut reports);
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].at_us, reports[0].placed.notional), (120, 400));
    assert_eq!(venue.quoted(slow, 0), Some((Side::Sell, 110, 10)));
}

#[test]
fn a_saved_book_with_an_order_off_its_ticks_is_refused() {
    let mut book = Book::new(MOST, FEES, 2);
    let order = |owner| Order {
        owner,
        side: Side::Buy,
        lots: 3,
        kind: Kind::Limit { tick: 10 },
        self_trade: SelfTrade::CancelTaker,
    };
    book.submit(&order(1), &mut Vec::new()).expect("there is room");
    let saved = serde_json::to_value(&book).expect("plain data");
    let read = |tick: u64| {
        let mut saved = saved.clone();
        saved["orders"]["slots"][0]["tick"] = tick.into();
        serde_json::from_value::<Book>(saved).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(read(10), Ok(()));
    assert_eq!(read(u64::from(MOST)), Ok(()), "the highest tick is one");
    for tick in [0, u64::from(MOST) + 1] {
        assert_eq!(read(tick), Err(format!("an order at {tick} ticks")));
    }
}

#[test]
fn what_a_trade_leaves_rests_in_the_place_that_it_freed() {
    let mut book = Book::new(MOST, FEES, 1);
    let mut submit = |side, lots| {
        let kind = Kind::Limit { tick: 10 };
        let order = Order { owner: 1, side, lots, kind, self_trade: SelfTrade::Allow };
        book.submit(&order, &mut Vec::new()).expect("there is room")
    };
    let first = submit(Side::Buy, 3).id.expect("it rests");
    let placed = submit(Side::Sell, 5);
    assert_eq!((placed.filled, placed.resting, placed.cancelled), (3, 2, 0));
    let second = placed.id.expect("it rests");
    assert_ne!(first, second, "a new order has a new id");
}
