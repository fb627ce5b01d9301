//! Worlds with a perpetual future: what leverage there does to the price that a lending market liquidates by.

#[path = "common/saved.rs"]
mod saved;

use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::observations;
use scenarios::episode::{PerpetualRecord, perpetuals};
use scenarios::load::{Loaded, load};
use scenarios::statics::StaticParams;
use sim::audit::Depth;
use sim::chain::call::{Log, PerpetualLog};
use sim::environment::Environment;
use sim::lane::Lane;
use sim::observe::{Observations, Visibility, dim, perpetual_dim, perpetual_names};
use sim::perpetuals::Perpetuals;
use sim::prices::FairPrices;
use sim::views::MarketViews;
use std::path::{Path, PathBuf};

/// Nobody but makers and the keeper is at the contract.
const NOBODY: [&str; 2] = ["perpetuals.WETH.traders=[]", "perpetuals.WETH.basis=[]"];

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/perpetual.ron")
}

fn scenario(set: &[&str]) -> Loaded {
    let set: Vec<String> = set.iter().map(|&s| s.to_owned()).collect();
    load(&file(), &set).unwrap_or_else(|rejected| panic!("{:?}", rejected.places()))
}

/// A lane on a recorded window, or on a drawn path.
fn lane(set: &[&str], window: Option<&str>, seed: u64) -> Lane {
    let worlds = Worlds::new(&scenario(set)).expect("a checked scenario builds");
    let window = window.map(|name| worlds.window(name).expect("a window of the scenario"));
    let path = window.map_or(PathChoice::Drawn, PathChoice::Window);
    worlds.lane(WorldAddress { seed, instance: 0, path }, StaticParams::default(), false)
}

/// What a crash came to.
#[derive(Debug)]
struct Crash {
    /// The lowest fair price over the price elsewhere.
    least_ratio: f64,
    /// The lowest fair price, in USD.
    least_usd: f64,
    /// Liquidated in the lending market, in USD.
    liquidated_usd: f64,
    record: PerpetualRecord,
}

/// Plays the crash of August 2024.
fn crash(set: &[&str], seed: u64) -> Crash {
    let loaded = scenario(set);
    let mut lane = lane(set, Some("august_2024"), seed);
    let weth = lane.world().resource::<MarketViews>().reserves[0].asset;
    let (mut least_ratio, mut least_usd) = (1.0_f64, f64::INFINITY);
    while !lane.is_over() {
        lane.run_block();
        assert_eq!(lane.violation(), None);
        let prices = lane.world().resource::<FairPrices>();
        least_ratio = least_ratio.min(prices.usd(weth) / prices.usd_elsewhere(weth));
        least_usd = least_usd.min(prices.usd(weth));
    }
    let liquidated_usd = lane.totals().liquidated_usd;
    let record = perpetuals(&lane, &loaded.scenario).remove(0);
    Crash { least_ratio, least_usd, liquidated_usd, record }
}

#[test]
fn leverage_at_the_contract_deepens_a_fall_and_costs_borrowers() {
    for seed in 1..4 {
        let (with, without) = (crash(&[], seed), crash(&NOBODY, seed));
        assert!(with.record.liquidations > 50 && without.record.liquidations == 0, "{with:?}");
        assert!(with.least_ratio < 0.98 && without.least_ratio > 0.998, "{with:?} {without:?}");
        assert!(with.least_usd < 0.995 * without.least_usd, "{with:?} {without:?}");
        assert!(with.liquidated_usd > 1.1 * without.liquidated_usd, "{with:?} {without:?}");
    }
    // Makers who do not lay off what they take on leave the price alone.
    let unhedged = crash(&["perpetuals.WETH.makers=(hedge_ratio: 0.0)", NOBODY[1]], 1);
    assert!(unhedged.record.liquidations > 50 && unhedged.least_ratio > 0.995, "{unhedged:?}");
}

#[test]
fn funding_has_the_sign_of_the_premium() {
    let paid = |long_share: &str| {
        let traders = format!(
            "perpetuals.WETH.traders=[(cohort: \"traders\", count: 150, long_share: {long_share}, \
             trend_per_percent: 0.0)]"
        );
        let mut lane = lane(&[&traders, NOBODY[1]], None, 1);
        let (mut rates, mut premiums) = (Vec::new(), 0.0);
        while !lane.is_over() {
            lane.run_block();
            premiums += lane.world().resource::<Perpetuals>().views()[0].premium;
            for log in lane.chain().logs() {
                if let Log::Perpetual(PerpetualLog::Funding { rate_e8, .. }) = log {
                    rates.push(*rate_e8);
                }
            }
        }
        let record = perpetuals(&lane, &scenario(&[]).scenario).remove(0);
        (rates, premiums, record.funding_usd)
    };
    let (longs, premium, usd) = paid("1.0");
    // Interest is 10,000; a premium within the clamp leaves it at that.
    let beyond = |rates: &[i64], is: fn(i64) -> bool| rates.iter().any(|rate| is(*rate));
    assert!(beyond(&longs, |r| r > 10_000) && !beyond(&longs, |r| r < 10_000), "{longs:?}");
    assert!(premium > 0.0 && usd > 0.0, "{premium} {usd}");
    let (shorts, premium, usd) = paid("0.0");
    assert!(beyond(&shorts, |r| r < 0) && !beyond(&shorts, |r| r > 10_000), "{shorts:?}");
    assert!(premium < 0.0 && usd < 0.0, "{premium} {usd}");
}

#[test]
fn every_block_of_a_crash_bears_an_audit_of_everything() {
    let worlds = Worlds::new(&scenario(&[])).expect("a checked scenario builds");
    let path = PathChoice::Window(worlds.window("may_2021").expect("a window of the scenario"));
    let worlds = worlds.with_audit(Depth::Everything);
    let address = WorldAddress { seed: 2, instance: 0, path };
    let mut lane = worlds.lane(address, StaticParams::default(), false);
    lane.run(3_000, None);
    assert_eq!(lane.violation(), None);
    assert!(lane.world().resource::<Perpetuals>().totals()[0].traded_usd > 1e6);
}

#[test]
fn a_saved_world_goes_on_as_if_it_had_not_been_saved() {
    saved::goes_on(|seed| lane(&[], None, seed));
}

#[test]
fn a_policy_sees_the_contract_after_its_reserves() {
    let loaded = scenario(&[]);
    let mut lane = lane(&[], None, 1);
    lane.run(200, None);
    lane.open_block();
    let row = &lane.world().resource::<Observations>().row;
    let public = Visibility::Public;
    assert_eq!(row.len(), dim(2, public) + perpetual_dim(1, public));
    assert_eq!(lane.spec().obs_dim, row.len());
    let fields = observations(&loaded.scenario);
    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names[dim(2, public)..], perpetual_names(&["WETH"], public));
    let seen = |name: &str| {
        let i = names.iter().position(|n| *n == name).unwrap_or_else(|| panic!("no {name}"));
        f64::from(row[i]) * fields[i].scale
    };
    let view = lane.world().resource::<Perpetuals>().views()[0];
    assert!(view.open_interest_usd > 1e6 && seen("WETH_perp_open_interest") > 0.0);
    assert!((seen("WETH_perp_imbalance") - view.imbalance()).abs() < 1e-3);
    // Longs prevail, so makers are short and quote above the index.
    assert!(seen("WETH_perp_imbalance") > 0.0 && view.premium > 0.0);
    assert!(seen("WETH_perp_long_leverage") > 2.0 && seen("WETH_perp_insurance") > 0.0);
    let near = seen("WETH_perp_near_longs");
    assert!(near > 0.0 && near < 1.0, "{near}");
}

#[test]
fn an_impossible_contract_is_refused() {
    for (set, words) in [
        ("perpetuals.WETH.asset=\"WBTC\"", "unknown asset \"WBTC\""),
        ("perpetuals.WETH.quote=\"WETH\"", "margined in"),
        ("perpetuals.WETH.contract=(initial_margin_bps: 200)", "maintenance_margin_bps"),
        ("perpetuals.WETH.makers=(margin_ratio: 0.05)", "margin_ratio"),
        ("perpetuals.WETH.traders=[(leverage_min: 5.0, leverage_max: 2.0)]", "leverage_max"),
        ("perpetuals.WETH.basis=[(cohort: \"lenders\"), (cohort: \"lenders\")]", "appears twice"),
        ("perpetuals.WETH.fee_bps=1", "fee_bps"),
    ] {
        let rejected = load(&file(), &[set.to_owned()]).expect_err(set);
        let places = rejected.places();
        assert!(places.iter().any(|p| p.message.contains(words)), "{set}: {places:?}");
    }
}
