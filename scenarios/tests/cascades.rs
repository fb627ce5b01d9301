//! Cascades: what is on paper comes out, what decides decides, and a careless lender takes a careful one along.

use scenarios::incident::{Measured, replay};
use std::path::{Path, PathBuf};

fn library(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(file)
}

/// The figures of a file with these overrides.
fn figures(file: &str, set: &[&str]) -> Vec<Measured> {
    let set: Vec<String> = set.iter().map(|one| (*one).to_owned()).collect();
    let played = replay(&library(file), &set);
    played.unwrap_or_else(|e| panic!("{file}: {:?}", e.places())).figures
}

fn named<'a>(figures: &'a [Measured], name: &str) -> &'a Measured {
    figures.iter().find(|one| one.figure.name == name).expect("a figure of that name")
}

/// One borrower of a million dollars at a health factor of 1.1, and a fall of a fifth within an hour.
const ONE: [&str; 7] = [
    "cascade.hours=1.5",
    "cascade.step_secs=12",
    "cascade.prices.WETH.path=Points([(0.0, 3520.0), (1.0, 2816.0)])",
    "cascade.books.0.accounts=1",
    "cascade.books.0.total_debt_usd=1000000.0",
    "cascade.books.0.health_min=1.1",
    "cascade.books.0.health_max=1.1",
];

#[test]
fn one_borrower_is_liquidated_as_on_paper() {
    let figures = figures("incidents/aave_2024_04_13.ron", &ONE);
    // Without friction: half of the debt at 1 / 1.1 of the price. Of a collateral of 1 / 0.83 dollars a dollar
    // owed the bonus takes 0.525, so that the health factor is (1.2048 − 0.525) · 0.83 / 0.5 = 1.1285; half of
    // the rest goes at 1 / (1.1 · 1.1285) = 0.8056 of the price, which a fall of a fifth passes.
    let events = named(&figures, "liquidations");
    assert_eq!(events.null, Some(2.0));
    let seized = named(&figures, "liquidated in 48 hours");
    // Collateral worth 1.05 times the 750,000 repaid, at the prices of either moment: a step is 0.07 % of the
    // price, and a report waits for none here.
    let null = seized.null.expect("a cascade has a null");
    assert!((null / 787_500.0 - 1.0).abs() < 0.002, "{null}");
    // With reports half a percent apart it is late, and a depth of 40 million dollars takes it all the same.
    assert!(seized.simulated <= null * 1.01, "{seized:?}");
}

#[test]
fn what_is_not_known_is_the_files_to_say() {
    let file = "incidents/aave_2024_04_13.ron";
    let seized = |friction: &str| {
        let figures = figures(file, &["cascade.books.0.accounts=200", friction]);
        let seized = named(&figures, "liquidated in 48 hours");
        (seized.simulated, seized.swept.expect("a sweep"))
    };
    let (here, _) = seized("cascade.friction=()");
    let (thin, _) = seized("cascade.friction=(depth_left: [0.007])");
    assert!(thin < here, "{thin} and {here}");
    // What is written is what is swept: the book's luck is always.
    let known = "cascade.friction=(depth_left: [0.3], half_life_secs: [1800.0])";
    let (one, (low, high)) = seized(known);
    assert_eq!(one, here);
    let (_, (lower, _)) =
        seized("cascade.friction=(depth_left: [0.3, 0.007], half_life_secs: [1800.0])");
    assert!(lower < low && low <= high, "{lower} and {low}");
}

#[test]
fn what_a_path_fixes_is_reproduced() {
    let mut seen = 0;
    for entry in std::fs::read_dir(library("incidents")).expect("the library is there") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("reads");
        if !(text.contains("\n    cascade: (") && text.contains("kind: Reproduction")) {
            continue;
        }
        let few = "cascade.books.*.accounts=20".to_owned();
        let played = replay(&path, &[few]);
        let played = played.unwrap_or_else(|e| panic!("{}: {:?}", path.display(), e.places()));
        for one in played.figures.iter().filter(|one| one.reproduced.is_some()) {
            assert_eq!(one.reproduced, Some(true), "{}: {one:?}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 2, "{seen}");
}

#[test]
fn an_incidents_hash_covers_its_prices_and_its_book_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for part in ["incidents", "data"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    let file = |part: &str| folder.path().join(part);
    let (incident, prices) = ("incidents/steth_2022_06.ron", "data/steth_2022_06.csv");
    for part in [incident, prices] {
        std::fs::copy(library(part), file(part)).expect("copies");
    }
    let play = |set: &str| {
        let set = ["cascade.hours=2.0".to_owned(), set.to_owned()];
        replay(&file(incident), &set).unwrap_or_else(|e| panic!("{:?}", e.places()))
    };
    let few = "cascade.books.0.accounts=20";
    let before = play(few);
    let text = std::fs::read_to_string(file(prices)).expect("reads");
    assert!(text.contains("1745.01"));
    std::fs::write(file(prices), text.replace("1745.01", "1645.01")).expect("writes");
    let after = play(few);
    assert_ne!(before.hash, after.hash);
    assert_eq!(before.book, after.book);
    assert_ne!(after.book, play("cascade.books.0.accounts=21").book);
}

#[test]
fn the_same_file_comes_to_the_same_figures() {
    let small = ["cascade.books.0.accounts=200"];
    let once = figures("incidents/aave_2024_04_13.ron", &small);
    let twice = figures("incidents/aave_2024_04_13.ron", &small);
    assert_eq!(once, twice);
    let seized = named(&once, "liquidated in 48 hours");
    let (low, high) = seized.swept.expect("a cascade is swept");
    assert!(low <= seized.simulated && seized.simulated <= high);
    assert!(low < high, "what is not known matters");
}

#[test]
fn who_cannot_pay_for_gas_leaves_the_lots_to_whoever_can() {
    let file = "incidents/maker_black_thursday_2020_03_12.ron";
    let small = ["cascade.books.0.accounts=300", "cascade.step_secs=120"];
    let rich = [small[0], small[1], "cascade.keepers.0.bidders.gas_cap_gwei=1000000.0"];
    let poor = [small[0], small[1], "cascade.keepers.0.bidders.gas_cap_gwei=0.01"];
    let (rich, poor) = (figures(file, &rich), figures(file, &poor));
    assert_eq!(named(&rich, "won for nothing").simulated, 0.0);
    assert_eq!(named(&poor, "won for nothing").simulated, 1.0);
    // With bidders the collateral pays, but for those a fall of a fifth within an hour left under water.
    let (rich, poor) = (named(&rich, "bad debt").simulated, named(&poor, "bad debt").simulated);
    assert!(rich * 20.0 < poor, "{rich} against {poor}");
}

#[test]
fn a_careless_lender_takes_a_careful_one_along() {
    let together = figures("stages/contagion.ron", &[]);
    let hit = named(&together, "the careful lender's liquidations");
    assert!(hit.simulated > 100_000.0, "{hit:?}");
    // Without sales that the oracle sees, the fall alone leaves the careful lender's borrowers above one.
    assert!(hit.null.expect("a null").abs() < 1.0, "{hit:?}");
    let blind = figures("stages/contagion.ron", &["cascade.reports.0.sees_sales=false"]);
    let spared = named(&blind, "the careful lender's liquidations");
    assert!(spared.simulated.abs() < 1.0, "{spared:?}");
}

#[test]
fn what_cannot_be_is_refused_where_it_stands() {
    let file = library("incidents/aave_2024_04_13.ron");
    for (set, words) in [
        ("cascade.books.0.accounts=0", "a book that cannot be"),
        ("cascade.books.0.health_min=0.9", "a book that cannot be"),
        ("cascade.books.0.market=\"Aavve\"", "is no collateral of"),
        ("cascade.hours=0.0", "no or too many steps"),
        ("cascade.step_secs=0", "no or too many steps"),
        ("cascade.prices.WETH.path=Points([])", "a path that cannot be"),
        ("cascade.prices.WETH.path=Points([(0.0, 1.0), (0.0, 2.0)])", "a path that cannot be"),
        ("cascade.prices.WETH.path=Csv(\"nowhere.csv\")", "cannot read the price file"),
        ("cascade.reports.0.asset=\"USDC\"", "no path for"),
        ("cascade.reports.0.feed=\"ETH\"", "unknown feed"),
        ("cascade.keepers.0.market=\"Aavve\"", "unknown market"),
        ("cascade.outlets.0.depth_usd=0.0", "a depth of 0 USD"),
        ("cascade.friction=(depth_left: [])", "nothing to simulate with"),
        ("cascade.friction=(half_life_secs: [0.0])", "must lie between 1"),
        ("cascade.reports.0.deviation_bps=-50.0", "must not be negative"),
        ("cascade.keepers=[]", "needs somebody who liquidates"),
    ] {
        let refused = replay(&file, &[set.to_owned()]).expect_err(set);
        let places = refused.places();
        assert!(places.iter().any(|p| p.message.contains(words)), "{set}: {places:?}");
        assert!(places.iter().all(|p| p.line > 0 && p.help.is_some()), "{set}: {places:?}");
    }
}
