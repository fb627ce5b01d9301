//! Several lending markets in one world, the money that moves between them, and the streams that agents see.

use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::observations;
use scenarios::episode::{FurtherTotals, further};
use scenarios::load::load;
use scenarios::statics::StaticParams;
use sim::audit::Depth;
use sim::factors::Factors;
use sim::further::FurtherMarkets;
use sim::lane::Lane;
use sim::observe::Observations;
use sim::prices::unit;
use sim::views::MarketViews;
use std::path::Path;

fn set(overrides: &[&str]) -> Vec<String> {
    overrides.iter().map(|s| (*s).to_owned()).collect()
}

fn worlds(name: &str, overrides: &[&str]) -> (Worlds, scenarios::load::Loaded) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name);
    let loaded = load(&file, &set(overrides)).unwrap_or_else(|e| panic!("sound: {e}"));
    (Worlds::new(&loaded).expect("a checked scenario builds"), loaded)
}

fn begin(worlds: &Worlds, seed: u64, path: PathChoice) -> Lane {
    worlds.lane(WorldAddress { seed, instance: 0, path }, StaticParams::default(), false)
}

/// What happens in the further markets of a window, and to how many transactions in all.
fn played(overrides: &[&str], seed: u64) -> (Vec<FurtherTotals>, u64) {
    let (worlds, loaded) = worlds("two_markets.ron", overrides);
    let window = worlds.window("april_2024").expect("it is there");
    let mut lane = begin(&worlds, seed, PathChoice::Window(window));
    lane.run(u64::MAX, None);
    assert!(lane.violation().is_none(), "{:?}", lane.violation());
    (further(&lane, &loaded.scenario), lane.totals().liquidations)
}

/// The same prices, exchange, pool and fork; the first market is there, and in the second run nobody has
/// borrowed in it. What its liquidators sell into the pool is what the fork's oracle reads.
#[test]
fn liquidations_in_one_market_reach_another_through_the_pool_that_they_share() {
    let alone = ["agents.borrowers=[]", "agents.liquidators=[]"];
    let (mut with, mut without) = (0.0, 0.0);
    for seed in 1..=3 {
        let (fork, first) = played(&[], seed);
        assert!(first > 0, "nobody was liquidated in the first market");
        let (quiet, none) = played(&alone, seed);
        assert_eq!(none, 0);
        with += fork[0].liquidated_usd;
        without += quiet[0].liquidated_usd;
    }
    assert!(with > 1.2 * without, "with the first market {with}, without {without}");
}

/// Every invariant over both markets, block by block, and a snapshot that goes on as the lane does.
#[test]
fn a_world_of_two_markets_is_audited_and_resumes_to_the_same_digest() {
    let (worlds, _) = worlds("two_markets.ron", &["episode_hours=2"]);
    let worlds = worlds.with_audit(Depth::Everything);
    let mut lane = begin(&worlds, 2, PathChoice::Drawn);
    lane.run(200, None);
    let snapshot = lane.snapshot();
    let mut other = begin(&worlds, 2, PathChoice::Drawn);
    other.restore(&snapshot).expect("fits");
    for lane in [&mut lane, &mut other] {
        lane.run(200, None);
        assert!(lane.violation().is_none(), "{:?}", lane.violation());
    }
    assert_eq!(lane.digest(), other.digest());
    let of = |lane: &Lane| lane.world().resource::<FurtherMarkets>().totals().to_vec();
    assert_eq!(of(&lane), of(&other));
}

/// Where the fork pays much more for USDC than the first market, farmers bring theirs.
#[test]
fn farmers_take_their_money_to_the_market_that_pays_more() {
    let usdc = |overrides: &[&str]| {
        let (worlds, _) = worlds("two_markets.ron", overrides);
        let mut lane = begin(&worlds, 1, PathChoice::Drawn);
        let farmed = |lane: &Lane| {
            let chain = lane.chain();
            let market = lane.world().resource::<FurtherMarkets>().ids()[0];
            let reserve = chain.pooled(market).reserves[0];
            let mine = (0..chain.accounts().len() as u32).map(markets::units::AccountId);
            let mine = mine.filter(|a| chain.accounts()[a.index()].starts_with("usdc farmers"));
            let shares = |a| chain.balance(a, reserve.a_token).to_f64() * unit(reserve.decimals);
            mine.map(shares).sum::<f64>()
        };
        assert_eq!(farmed(&lane), 0.0);
        lane.run(400, None);
        farmed(&lane)
    };
    let rates = [
        "markets.fork.market.reserves.USDC.rates.base_bps=3000",
        "markets.fork.agents.lenders.0.total_usd=600000.0",
    ];
    let paying = usdc(&rates);
    assert!(paying > 100_000.0, "{paying}");
    // A cost that no rate pays for keeps them at home.
    let dear = usdc(&[rates[0], rates[1], "agents.farmers.0.switching_cost_bps=10000"]);
    assert_eq!(dear, 0.0);
}

const MOOD: &str = "factors=[(name: \"mood\", scale: 2.0, source: Steps(hours_and_values: [(0.0, 0.0), \
                    (0.5, VALUE)]))]";

/// A step of a stream is in the table at its time, and borrowers who follow it owe more where it is high.
#[test]
fn borrowers_follow_a_stream_that_the_table_shows() {
    let borrowed = |value: &str, follows: bool| {
        let stream = MOOD.replace("VALUE", value);
        let appetite = "agents.borrowers.0.appetite=(factor: \"mood\", leverage_per_unit: 0.5)";
        let mut overrides = vec!["episode_hours=4", "agents.lenders.0.total_usd=60000000.0"];
        overrides.push("market.reserves.USDC.borrow_cap_tokens=0");
        overrides.push(&stream);
        if follows {
            overrides.push(appetite);
        }
        let (worlds, loaded) = worlds("calm.ron", &overrides);
        let mut lane = begin(&worlds, 1, PathChoice::Drawn);
        lane.run(200, None);
        let names = observations(&loaded.scenario);
        assert_eq!(names.last().map(|f| f.name.as_str()), Some("factor_mood"));
        let row = &lane.world().resource::<Observations>().row;
        let seen = row.last().copied();
        assert_eq!(row.len(), names.len());
        assert_eq!(
            f64::from(seen.expect("a column")),
            value.parse::<f64>().expect("a number") / 2.0
        );
        lane.run(400, None);
        assert!(lane.violation().is_none(), "{:?}", lane.violation());
        let views = lane.world().resource::<MarketViews>();
        views.borrowed_usd()
    };
    let (keen, afraid) = (borrowed("1.0", true), borrowed("-1.0", true));
    assert!(keen > 1.05 * afraid, "keen {keen}, afraid {afraid}");
    // Nobody who does not look is moved.
    assert_eq!(borrowed("1.0", false), borrowed("-1.0", false));
}

/// A reverting stream is one world's luck: the same again, another in another instance.
#[test]
fn a_reverting_stream_is_addressed_like_all_luck() {
    let stream =
        "factors=[(name: \"mood\", source: Reverting(mean: 1.0, sd: 0.5, half_life_hours: 2.0))]";
    let (worlds, _) = worlds("calm.ron", &["episode_hours=2", stream]);
    let value = |seed| {
        let mut lane = begin(&worlds, seed, PathChoice::Drawn);
        lane.run(100, None);
        lane.world().resource::<Factors>().value(0)
    };
    assert_eq!(value(1), value(1));
    assert_ne!(value(1), value(2));
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/two_markets.ron");
    for (wrong, says) in [
        (
            "agents.farmers.0.places=[(asset: \"USDC\"), (market: \"fork2\", asset: \"USDC\")]",
            "fork2",
        ),
        ("agents.farmers.0.places=[(asset: \"USDC\")]", "2 to 8"),
        ("markets.fork.oracles=[Spot(asset: \"TAIL\", pool: \"TALE/USDC\")]", "TALE/USDC"),
        ("markets.fork.market.reserves.TAIL.ltv_bps=7800", "below the LTV"),
        ("markets.fork.agents.borrowers.0.cohort=\"eth longs\"", "appears twice"),
        ("agents.borrowers.0.appetite=(factor: \"mood\", leverage_per_unit: 1.0)", "mood"),
        ("factors=[(name: \"mood\", source: Steps(hours_and_values: []))]", "hours"),
        ("factors=[(name: \"mood\", source: File(csv: \"none.csv\"))]", "none.csv"),
    ] {
        let refused = format!("{:?}", load(&file, &set(&[wrong])).expect_err(wrong).problems);
        assert!(refused.contains(says), "{wrong}: {refused}");
    }
}
