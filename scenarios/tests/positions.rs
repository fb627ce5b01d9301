//! Snapshots of positions: entered by real transactions, refused with the line.

use agents::scripted::borrower::Borrower;
use markets::units::{AccountId, Amount, MarketId, Wad};
use protocols::risk_params::{RiskChange, RiskParam};
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::load::{Loaded, load};
use scenarios::problem::Rejected;
use scenarios::statics::StaticParams;
use sim::chain::Chain;
use sim::chain::call::Log;
use sim::lane::Lane;
use std::fs;
use std::path::Path;

const MARKET: MarketId = MarketId(0);

/// The bundled scenario with these positions and further overrides.
fn loaded(csv: &str, spec: &str, set: &[&str]) -> Result<Loaded, Rejected> {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("book.csv");
    fs::write(&file, csv).expect("writes");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/crash.ron");
    let positions =
        format!("positions=[(name: \"book\", csv: {:?}{spec})]", file.display().to_string());
    let mut set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    set.push(positions);
    load(&scenario, &set)
}

fn lane(loaded: &Loaded, path: PathChoice) -> Lane {
    let worlds = Worlds::new(loaded).expect("builds");
    worlds.lane(WorldAddress { seed: 3, instance: 0, path }, StaticParams::default(), false)
}

fn account(chain: &Chain, name: &str) -> AccountId {
    let at = chain.accounts().iter().position(|a| a == name).expect("the account exists");
    AccountId(at as u32)
}

fn refusals(rejected: &Rejected) -> Vec<(usize, String)> {
    rejected.places().into_iter().map(|p| (p.line, p.message)).collect()
}

/// At 1,800 USD: a health factor of 1.2 · 1,800 · 0.83 / 1,500 = 1.1952, and a supplier.
const BOOK: &str = "account,asset,collateral,debt\n\
                    0xab,WETH,1.2,\n0xab,USDC,0,1500.000001\n0xcd,USDC,250000.5,0\n";

#[test]
fn what_the_file_says_stands_in_the_market_to_the_unit() {
    let loaded = loaded(
        BOOK,
        "",
        &["paths.train=[Garch(weight: 1, omega_percent2: 0.01, alpha: 0.05, beta: 0.9, nu: 4)]"],
    )
    .expect("sound");
    let lane = lane(&loaded, PathChoice::Drawn);
    let chain = lane.chain();
    let pooled = chain.pooled(MARKET);
    let (ab, cd) = (account(chain, "book:0xab"), account(chain, "book:0xcd"));
    assert_eq!(pooled.supplied(chain, ab, 0), Amount::new(1_200_000_000_000_000_000));
    assert_eq!(pooled.debt(chain, ab, 2), Amount::new(1_500_000_001));
    assert_eq!(pooled.supplied(chain, cd, 2), Amount::new(250_000_500_000));
    assert_eq!(chain.balance(ab, chain.asset_by_symbol("USDC").expect("listed")), Amount::ZERO);
    let health = chain.health(MARKET, ab).expect("priced").health_factor;
    // 1,792.8 / 1,500.000001, and not a unit off: collateral 2,160 USD, debt 1,500.000001.
    assert_eq!(health, Wad::new(2_160 * 83 * 10_000_000_000_000_000_000_000 / 1_500_000_001));
}

#[test]
fn passive_accounts_are_nobody_and_stand_until_they_are_liquidated() {
    let alone = ["agents.borrowers=[]", "episode_hours=24"];
    let loaded = loaded(BOOK, "", &alone).expect("sound");
    let april = loaded.scenario.windows.iter().position(|w| w.name == "black_thursday_2020");
    let mut lane = lane(&loaded, PathChoice::Window(april.expect("it is there")));
    assert_eq!(lane.world_mut().query::<&Borrower>().iter(lane.world()).count(), 0);
    let ab = account(lane.chain(), "book:0xab");
    let mut liquidated = 0;
    while !lane.is_over() {
        lane.run_block();
        let of_ab =
            |log: &&Log| matches!(log, Log::Liquidation { borrower, .. } if *borrower == ab);
        liquidated += lane.chain().logs().iter().filter(of_ab).count();
    }
    assert!(lane.violation().is_none(), "{:?}", lane.violation());
    assert!(liquidated > 0, "ETH fell by half");
}

#[test]
fn an_episode_that_opens_at_other_prices_has_the_same_health() {
    let loaded = loaded(BOOK, "", &[]).expect("sound");
    let lane = lane(&loaded, PathChoice::Window(0));
    let chain = lane.chain();
    let ab = account(chain, "book:0xab");
    let opened = chain.pooled(MARKET).supplied(chain, ab, 0);
    assert_ne!(opened, Amount::new(1_200_000_000_000_000_000));
    let health = chain.health(MARKET, ab).expect("priced").health_factor.ratio();
    assert!((health / 1.1952 - 1.0).abs() < 1e-6, "{health}");
}

#[test]
fn parameters_of_a_search_do_not_keep_a_file_out() {
    let loaded = loaded(BOOK, "", &[]).expect("sound");
    let worlds = Worlds::new(&loaded).expect("builds");
    let change = |param, value| RiskChange { reserve: Some(0), param, value };
    let statics = StaticParams(vec![
        change(RiskParam::Ltv, 0),
        change(RiskParam::LiquidationThreshold, 5_000),
        change(RiskParam::Frozen, 1),
    ]);
    let world = WorldAddress { seed: 3, instance: 0, path: PathChoice::Window(0) };
    let lane = worlds.lane(world, statics, false);
    let health = lane.chain().health(MARKET, account(lane.chain(), "book:0xab")).expect("priced");
    assert!((health.health_factor.ratio() / (1.1952 * 50.0 / 83.0) - 1.0).abs() < 1e-6);
    assert!(lane.chain().pooled(MARKET).reserves[0].config.frozen);
}

/// A debt of a few cents, of which a smallest unit of WBTC is a percent, and a price that takes it below the line.
#[test]
fn positions_of_a_few_units_are_no_disagreement() {
    let book = "account,asset,collateral,debt\n0xab,WETH,0.00002334,\n0xab,WBTC,,0.00000101\n";
    let loaded = loaded(book, ", above_ltv: Keep", &[]).expect("sound");
    let mut lane = lane(&loaded, PathChoice::Window(0));
    let account = account(lane.chain(), "book:0xab");
    let mut fallen = 0;
    for _ in 0..2_000 {
        lane.run_block();
        let health = lane.chain().health(MARKET, account).expect("it owes");
        fallen += u32::from(health.health_factor < Wad::ONE);
    }
    assert!(fallen > 0, "nobody looks at it exactly");
    assert!(lane.violation().is_none(), "{:?}", lane.violation());
}

#[test]
fn what_the_market_refuses_is_reported_with_its_line_and_a_fix() {
    let csv = "account,asset,collateral,debt\nA,WETH,1,0\nA,USDC,0,1500\nB,USDC,0,10\n\
               C,WETH,2000000,0\nC,USDC,0,5\nD,WETH,100000,0\nD,USDC,0,40000000\n";
    let rejected =
        loaded(csv, "", &["market.reserves.USDC.borrow_cap_tokens=0"]).expect_err("refused");
    let found = refusals(&rejected);
    let expected = [
        (5, "account \"C\" cannot supply this WETH: lending: supply cap exceeded"),
        (3, "account \"A\" cannot borrow this USDC: lending: "),
        (4, "account \"B\" cannot borrow this USDC: lending: "),
        (8, "account \"D\" cannot borrow this USDC: lending: "),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, message), (at, begins)) in found.iter().zip(expected) {
        assert!(*line == at && message.starts_with(begins), "{found:#?}");
    }
    let helps: Vec<_> = rejected.places().into_iter().filter_map(|p| p.help).collect();
    assert!(
        helps[0].contains("supply_cap_tokens") && helps[2].contains("no collateral"),
        "{helps:#?}"
    );
    assert!(helps[3].contains("total_usd"), "{helps:#?}");
    let help = rejected.places()[1].help.clone().unwrap_or_default();
    assert!(help.contains("above_ltv: Keep"), "{help}");
    let unread = loaded("account,asset\n", "", &[]).expect_err("refused");
    assert_eq!(unread.places().len(), 2, "{:#?}", unread.places());
}

#[test]
fn an_account_above_ltv_is_kept_where_that_is_asked_for() {
    // 1 WETH carries 1,449 USD at its LTV and 1,494 at its threshold; A is between, B under water, C insolvent.
    let csv =
        "account,asset,collateral,debt\nA,WETH,1,0\nA,USDC,0,1480\nB,WETH,1,0\nB,USDC,0,1600\n";
    let set =
        ["paths.train=[Garch(weight: 1, omega_percent2: 0.01, alpha: 0.05, beta: 0.9, nu: 4)]"];
    assert_eq!(refusals(&loaded(csv, "", &set).expect_err("refused")).len(), 2);
    let loaded_ = loaded(csv, ", above_ltv: Keep", &set).expect("kept");
    let lane = lane(&loaded_, PathChoice::Drawn);
    let chain = lane.chain();
    let health = |name| chain.health(MARKET, account(chain, name)).expect("priced");
    assert!(!health("book:A").is_liquidatable() && health("book:B").is_liquidatable());
    // The parameters are the scenario's again.
    let config = &chain.pooled(MARKET).reserves[0].config;
    assert_eq!((config.ltv.0, config.liquidation_threshold.0), (8_050, 8_300));
    let insolvent = format!("{csv}C,WETH,1,0\nC,USDC,0,1801\n");
    let rejected = loaded(&insolvent, ", above_ltv: Keep", &set).expect_err("refused");
    assert_eq!(refusals(&rejected).iter().map(|r| r.0).collect::<Vec<_>>(), [7]);
}

#[test]
fn accounts_with_one_collateral_and_one_debt_can_be_tended() {
    let csv = format!("{BOOK}E,WETH,1,0\nE,WBTC,0.1,0\nE,USDC,0,100\nF,WBTC,1,0\nF,WETH,0,5\n");
    let spec = ", behaviour: Borrowers((cohort: \"found\", never_react_share: 0))";
    let loaded_ = loaded(&csv, spec, &["agents.borrowers=[]"]).expect("sound");
    let mut lane = lane(&loaded_, PathChoice::Drawn);
    let borrowers = lane.world_mut().query::<&Borrower>().iter(lane.world()).count();
    assert_eq!(borrowers, 2, "0xab and F; E has two collaterals, 0xcd no debt");
    lane.run(300, None);
    assert!(lane.violation().is_none(), "{:?}", lane.violation());
    let clash = spec.replace("found", "usdc lenders");
    assert!(
        refusals(&loaded(&csv, &clash, &[]).expect_err("refused"))[0].1.contains("appears twice")
    );
}
