//! Worlds whose exchange has books: what must hold, and what stress does to them.

#[path = "common/saved.rs"]
mod saved;

use agents::attack::hunter::Hunter;
use agents::attack::outcome::Owner;
use markets::units::{AccountId, Amount, AssetId};
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::books::symbols;
use scenarios::load::{Loaded, load};
use scenarios::statics::StaticParams;
use sim::actor::{ExchangeOrder, Outbox, Wallet};
use sim::chain::Chain;
use sim::environment::Environment;
use sim::exchange::{BookVenue, Exchange};
use sim::lane::Lane;
use sim::observe::{Observations, Visibility, book_dim, book_names, dim};
use sim::prices::FairPrices;
use sim::worth::Fair;
use std::path::Path;

const WETH: AssetId = AssetId(0);
const USDC: AssetId = AssetId(2);

fn thin_book(set: &[&str]) -> Loaded {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/thin_book.ron");
    let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
    load(&file, &set).unwrap_or_else(|rejected| panic!("{:?}", rejected.places()))
}

/// A lane on a recorded window, or on a drawn path.
fn lane(set: &[&str], window: Option<&str>, seed: u64) -> Lane {
    let worlds = Worlds::new(&thin_book(set)).expect("a checked scenario builds");
    let window = window.map(|name| worlds.window(name).expect("a window of the scenario"));
    let path = window.map_or(PathChoice::Drawn, PathChoice::Window);
    worlds.lane(WorldAddress { seed, instance: 0, path }, StaticParams::default(), false)
}

fn book(lane: &Lane) -> &BookVenue {
    lane.world().resource::<Exchange>().book(WETH).expect("WETH has a book")
}

/// What bids within two percent hold at full stress, in USD and in the mean, and the depth factor there.
fn thinnest(set: &[&str]) -> (f64, f64) {
    let mut lane = lane(set, Some("black_thursday_2020"), 1);
    let (mut bids, mut blocks, mut factor) = (0.0, 0.0, 1.0_f64);
    while !lane.is_over() {
        lane.run_block();
        let book = book(&lane);
        let now = book.stress().depth_factor;
        if now < factor * (1.0 - 1e-9) {
            (bids, blocks, factor) = (0.0, 0.0, now);
        }
        if now <= factor * (1.0 + 1e-9) {
            bids += book.telemetry().bids_usd[2];
            blocks += 1.0;
        }
    }
    (bids / blocks, factor)
}

#[test]
fn books_stay_sound_through_a_crash_and_nothing_comes_of_nothing() {
    let mut lane = lane(&[], Some("black_thursday_2020"), 1);
    let (mut traded, mut factors) = (0, Vec::new());
    while !lane.is_over() {
        lane.run_block();
        assert_eq!(lane.violation(), None);
        let exchange = lane.world().resource::<Exchange>();
        let prices = lane.world().resource::<FairPrices>();
        for book in exchange.books() {
            book.venue().check().expect("a sound venue");
            let asset = book.terms().asset;
            let gap = prices.usd(asset) / book.mid_usd() - 1.0;
            assert!(gap.abs() < 1e-9, "the mid is the fair price");
        }
        traded += u32::from(book(&lane).telemetry().velocity_usd_per_min > 0.0);
        factors.push(book(&lane).stress().depth_factor);
    }
    assert!(traded > 10_000, "{traded}");
    // ETH fell by a half: depth went to its floor and came back.
    let least = factors.iter().copied().fold(1.0, f64::min);
    assert!((least - 0.05).abs() < 1e-9, "{least}");
    assert!(factors[100] > 0.8, "{}", factors[100]);
}

#[test]
fn depth_shrinks_by_the_stated_factor_and_recovers_with_the_stated_half_life() {
    let (deep, factor) = thinnest(&["exchange.listings.WETH.book.depth_shrink=0.5"]);
    assert!((factor - 0.5).abs() < 1e-9, "{factor}");
    let (thin, factor) = thinnest(&["exchange.listings.WETH.book.depth_shrink=0.01"]);
    assert!((factor - 0.01).abs() < 1e-9, "{factor}");
    // Fifty times less, about: spread and inventory differ too.
    assert!(deep > 1e6 && thin < 0.05 * deep, "{thin} {deep}");
    let mean = |half_life: u32| {
        let half_life = format!("exchange.listings.WETH.book.recovery_half_life_secs={half_life}");
        let mut lane = lane(&[&half_life], Some("black_thursday_2020"), 1);
        let (mut sum, mut blocks) = (0.0, 0.0);
        while !lane.is_over() {
            lane.run_block();
            sum += book(&lane).stress().depth_factor;
            blocks += 1.0;
        }
        sum / blocks
    };
    let (fast, slow) = (mean(60), mean(7_200));
    assert!(fast > slow + 0.1, "{fast} {slow}");
}

/// Nobody trades at WETH's book but its makers and the chain's traders.
const QUIET: [&str; 3] = [
    "exchange.listings.WETH.book.noise=(poisson_per_hour: 0.0, hawkes_per_hour: 0.0)",
    "exchange.listings.WETH.book.trend=(count: 0)",
    "exchange.listings.WETH.book.whales=(per_day: 0.0)",
];

/// A trader sells `tokens` of WETH; returns the tokens paid, the USDC received and that expected.
fn sell(lane: &mut Lane, trader: &str, tokens: f64) -> (f64, f64, f64) {
    let chain = lane.chain();
    let account = chain.accounts().iter().position(|name| name == trader).expect("it exists");
    let account = AccountId(account as u32);
    let holds = |lane: &Lane| {
        let held = |asset| lane.chain().balance(account, asset).to_f64();
        (held(WETH) / 1e18, held(USDC) / 1e6)
    };
    let before = holds(lane);
    let amount = Amount::from_f64_floor(tokens * 1e18);
    let order = ExchangeOrder { trader: account, actor: u32::MAX, sell: WETH, buy: USDC, amount };
    lane.world_mut().resource_mut::<Outbox>().order(order);
    let exchange = lane.world().resource::<Exchange>();
    let prices = lane.world().resource::<FairPrices>();
    let expected = exchange.expected_tokens(prices, WETH, USDC, tokens).expect("both are listed");
    lane.run_block();
    let after = holds(lane);
    (before.0 - after.0, after.1 - before.1, expected)
}

#[test]
fn a_trader_of_the_chain_sells_into_the_book_and_is_settled_on_chain() {
    let mut lane = lane(&QUIET, None, 1);
    lane.run(50, None);
    let volume = book(&lane).venue().volume();
    let (paid, received, expected) = sell(&mut lane, "liquidators:0", 100.00005);
    // Whole lots of a ten-thousandth of a token; gas is paid in WETH by nobody who sends nothing.
    assert!((paid - 100.0).abs() < 1e-9, "{paid}");
    // The price has moved a block, by some basis points.
    assert!((received / expected - 1.0).abs() < 0.005, "{received} {expected}");
    assert!(book(&lane).venue().volume() > volume);
    assert!(book(&lane).telemetry().slippage > 0.0);
}

#[test]
fn a_saved_world_goes_on_as_if_it_had_not_been_saved() {
    let [whole, again, other] = saved::goes_on(|seed| lane(&[], None, seed));
    let exchange = |lane: &Lane| lane.world().resource::<Exchange>().clone();
    assert!(exchange(&whole) == exchange(&again));
    assert!(exchange(&whole) != exchange(&other), "another seed is another world");
}

#[test]
fn a_policy_sees_the_books_after_its_reserves() {
    let loaded = thin_book(&[]);
    let mut lane = lane(&[], None, 1);
    lane.run(200, None);
    lane.open_block();
    let row = &lane.world().resource::<Observations>().row;
    let public = Visibility::Public;
    let books = symbols(&loaded.scenario);
    assert_eq!(books, ["WETH", "TAIL"]);
    assert_eq!(row.len(), dim(4, public) + book_dim(2, public));
    assert_eq!(lane.spec().obs_dim, row.len());
    let fields = scenarios::card::observations(&loaded.scenario);
    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names[dim(4, public)..], book_names(&books, public));
    let seen = |name: &str| {
        let i = names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no {name}"));
        f64::from(row[i]) * fields[i].scale
    };
    // Two sides of 15 million dollars within one percent, less what stress and trades took.
    let depth = seen("WETH_book_depth_1") + 5.0;
    assert!((7.0..7.6).contains(&depth), "{depth}");
    assert!(seen("TAIL_book_depth_1") + 5.0 < 5.9);
    assert!(seen("WETH_book_spread") > 1e-4 && seen("WETH_book_spread") < 0.02);
    assert!(seen("WETH_book_slippage") > 0.0 && seen("WETH_book_velocity") + 4.0 > 3.0);
    assert!(seen("WETH_book_imbalance").abs() < 1.0);
}

#[test]
fn a_sale_beyond_the_book_fills_as_far_as_the_book_goes() {
    let thin = [&QUIET[..], &["exchange.listings.WETH.depth_usd=100000"]].concat();
    let mut lane = lane(&thin, None, 1);
    lane.run(50, None);
    // Bids reach two percent down: twice the stated depth and no more, of 400,000 dollars' worth.
    let tokens = 400_000.0 / lane.world().resource::<FairPrices>().usd(WETH);
    let (paid, received, expected) = sell(&mut lane, "liquidators:0", tokens);
    assert!(received > 100_000.0 && received < 210_000.0, "{received}");
    assert!((received / expected - 1.0).abs() < 0.01, "{received} {expected}");
    assert!(paid < 0.55 * tokens, "what does not fill is not paid: {paid} of {tokens}");
    book(&lane).venue().check().expect("a sound venue");
    let gap = |lane: &Lane| {
        let prices = lane.world().resource::<FairPrices>();
        prices.usd(WETH) / prices.usd_elsewhere(WETH) - 1.0
    };
    assert!(gap(&lane) < -0.01, "the sale moved the price by {}", gap(&lane));
    // Two hours on, makers have laid off what they bought and are back around the price elsewhere.
    lane.run(600, None);
    assert!(gap(&lane).abs() < 0.002, "{}", gap(&lane));
}

#[test]
fn an_impossible_book_is_refused() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/thin_book.ron");
    for (set, words) in [
        ("exchange.listings.WETH.book.depth_shrink=0", "`depth_shrink` is 0"),
        ("exchange.listings.WETH.book.noise=(self_ratio: 0.8, cross_ratio: 0.3)", "cross_ratio"),
        ("exchange.listings.WETH.book.makers=(count: 0)", "`count` is 0"),
        ("exchange.listings.WETH.book.maker_fee_bps=-6.0", "maker_fee_bps"),
        ("exchange.listings.WETH.book.depth=1.0", "depth"),
    ] {
        let rejected = load(&file, &[set.to_owned()]).expect_err(set);
        let places = rejected.places();
        assert!(places[0].message.contains(words), "{set}: {places:?}");
    }
    let rejected =
        load(&file, &["exchange.impact_enabled=false".to_owned()]).expect_err("no impact");
    assert_eq!(rejected.places().len(), 2, "each book: {:?}", rejected.places());
}

/// Twelve hours of thin books with a hunter of TAIL: hunts begun, and what it is worth at the end, in USD.
fn hunted(set: &[&str], min_profit_usd: &str) -> (u32, f64) {
    let hunters = format!(
        "agents.hunters=[(count: 1, prey: \"TAIL\", inventory_usd: 300000.0, min_profit_usd: {min_profit_usd})]"
    );
    let set: Vec<&str> = set.iter().copied().chain([hunters.as_str()]).collect();
    let mut lane = lane(&set, Some("black_thursday_2020"), 1);
    while !lane.is_over() {
        lane.run_block();
    }
    let world = lane.world_mut();
    let hunters: Vec<(u32, AccountId)> =
        world.query::<(&Hunter, &Wallet)>().iter(world).map(|(h, w)| (h.hunts, w.0)).collect();
    let fair = Fair::new(world.resource::<Chain>(), &world.resource::<FairPrices>().fair);
    let chain = world.resource::<Chain>();
    let usd = hunters
        .iter()
        .map(|(_, account)| Owner::of(chain, *account, &fair).books(chain, &fair).wealth_usd)
        .sum();
    (hunters.iter().map(|(hunts, _)| hunts).sum(), usd)
}

#[test]
fn a_hunter_sells_into_thin_books_and_leaves_deep_ones_alone() {
    let (hunts, usd) = hunted(&[], "500.0");
    let (none, resting_usd) = hunted(&[], "1e9");
    let (in_deep_books, _) = hunted(&["exchange.listings.TAIL.depth_usd=100000000.0"], "500.0");
    assert!(hunts > 0 && none == 0 && in_deep_books == 0, "{hunts}, {none}, {in_deep_books}");
    // Its gains are the hunts': it liquidates either way.
    assert!(usd > resting_usd + 5_000.0, "{usd} against {resting_usd}");
}
