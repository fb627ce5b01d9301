//! Markets whose liquidations have a design and whose reserves have two oracles: what a policy sees of them, what it
//! moves, and what comes of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agents::policy::{Hold, RiskPolicy};
use markets::units::Wad;
use protocols::risk_params::{RiskChange, RiskParam};
use scenarios::arena::{Arena, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::load::{Loaded, load};
use scenarios::manifest::Build;
use scenarios::statics::StaticParams;
use sim::action::{CHOICES, Heads, Side, UP, hold};
use sim::lane::Lane;
use sim::reward::EpisodeTotals;
use sim::views::MarketViews;
use std::path::Path;

fn try_load(name: &str, set: &[&str]) -> Result<Loaded, String> {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name);
    let set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
    load(&library, &set).map_err(|rejected| {
        rejected.problems.iter().map(|p| format!("{p} ({:?})", p.place())).collect()
    })
}

const SECOND: &str = "market.other_oracles=[Push(asset: \"TAIL\", heartbeat_secs: 3600, deviation_bps: 100, lag_secs: 12)]";
const DESIGN: &str = "market.design=(bonus_at_line_bps: 2000)";

/// Chooses `UP` for one head wherever that is legal, and holds the others.
struct Raises(usize);

impl RiskPolicy for Raises {
    fn name(&self) -> &str {
        "raises one head"
    }
    fn reset(&mut self) {}
    fn act(&mut self, _obs: &[f32], mask: &[f32], action: &mut [f32]) {
        hold(action);
        if mask[self.0 * CHOICES + UP] > 0.5 {
            action[self.0] = UP as f32;
        }
    }
}

fn play(loaded: &Loaded, policy: &mut dyn RiskPolicy, instance: u64) -> EpisodeTotals {
    let worlds = Worlds::new(loaded).unwrap();
    let world = WorldAddress { seed: 5, instance, path: PathChoice::Drawn };
    let mut lane = worlds.lane(world, StaticParams::default(), true);
    lane.run(u64::MAX, Some(&mut |obs, mask, action| policy.act(obs, mask, action)));
    assert!(lane.broken().is_none(), "{:?}", lane.broken());
    *lane.totals()
}

#[test]
fn heads_and_columns_are_there_for_what_the_market_has() {
    let names = |set: &[&str]| {
        let loaded = try_load("siege.ron", set).unwrap();
        let card = card(
            &loaded,
            "p",
            Training { seeds: vec![1], updates: 1, decisions: 1 },
            &Build::this(&[]),
        );
        let worlds = Worlds::new(&loaded).unwrap();
        assert_eq!(worlds.spec().obs_dim, card.observations.len());
        assert_eq!(worlds.spec().action.dim(), card.actions.len());
        let columns: Vec<String> = card.observations.iter().map(|o| o.name.clone()).collect();
        let heads: Vec<String> = card.actions.iter().map(|a| a.name.clone()).collect();
        (columns, heads)
    };
    let plain = names(&[]);
    let both = names(&[SECOND, DESIGN]);
    let (columns, heads) = (plain.0.len(), plain.1.len());
    assert_eq!(both.0[..columns], plain.0);
    assert_eq!(both.1[..heads], plain.1);
    assert_eq!(both.1[heads..], ["toxic_stop", "bonus_at_line", "full_bonus_at", "TAIL_oracle"]);
    let more = [
        "toxic_stop",
        "bonus_at_line",
        "full_bonus_at",
        "TAIL_oracle",
        "TAIL_other_oracle_gap",
        "TAIL_other_oracle_usable",
    ];
    assert_eq!(both.0[columns..], more);
}

#[test]
fn whoever_reads_the_other_oracle_ends_the_siege() {
    let siege = |more: &[&str]| {
        let mut set = vec!["episode_hours=4", "agents.attackers.0.discovery_hours=0.0", SECOND];
        set.extend(more);
        try_load("siege.ron", &set).unwrap()
    };
    let loaded = siege(&[]);
    let held = play(&loaded, &mut Hold, 1);
    let oracle = Worlds::new(&loaded).unwrap().spec().action.dim() - 1;
    let switched = play(&loaded, &mut Raises(oracle), 1);
    assert_eq!(switched.changes, 1);
    // It looks every ten minutes: what is taken before is taken.
    let (most, left) = (held.attacker_profit_usd, switched.attacker_profit_usd);
    assert!(left > 0.0 && left < 0.5 * most, "{held:?}\n{switched:?}");
    // From the first block on there is nothing to take.
    let other = Worlds::new(&loaded).unwrap();
    let change = RiskChange { reserve: Some(3), param: RiskParam::Oracle, value: 1 };
    let statics = StaticParams(vec![change]);
    let world = WorldAddress { seed: 5, instance: 1, path: PathChoice::Drawn };
    let mut lane = other.lane(world, statics, true);
    lane.run(u64::MAX, None);
    assert_eq!(lane.totals().attacker_profit_usd, 0.0);
    assert!(lane.broken().is_none());
}

#[test]
fn a_bonus_that_grows_takes_less_from_borrowers() {
    let (mut flat, mut curve) = (0.0, 0.0);
    let (mut liquidated_flat, mut liquidated_curve) = (0.0, 0.0);
    for instance in 0..3 {
        let of = |set: &[&str]| {
            let loaded = try_load("crash.ron", set).unwrap();
            play(&loaded, &mut Hold, instance)
        };
        let (a, b) = (of(&[]), of(&[DESIGN]));
        flat += a.borrower_losses_usd;
        curve += b.borrower_losses_usd;
        liquidated_flat += a.liquidated_usd;
        liquidated_curve += b.liquidated_usd;
    }
    assert!(liquidated_flat > 0.0 && liquidated_curve > 0.0);
    let (flat, curve) = (flat / liquidated_flat, curve / liquidated_curve);
    assert!(curve < 0.8 * flat, "of what is liquidated: {curve}, flat {flat}");
}

#[test]
fn the_search_tries_designs_and_oracles_and_leaves_other_markets_as_they_were() {
    let params = |set: &[&str], side: Side| {
        let worlds = Worlds::new(&try_load("siege.ron", set).unwrap()).unwrap();
        let drawn = (1..200).flat_map(|i| StaticParams::random(worlds.deployed(), side, 3, i).0);
        let mut params: Vec<RiskParam> = drawn.map(|change| change.param).collect();
        params.sort();
        params.dedup();
        params
    };
    let further =
        [RiskParam::Oracle, RiskParam::ToxicStop, RiskParam::BonusAtLine, RiskParam::FullBonusAt];
    let all = params(&[SECOND, DESIGN], Side::Both);
    assert!(further.iter().all(|param| all.contains(param)), "{all:?}");
    let mine = params(&[SECOND, DESIGN], Side::Collateral);
    assert_eq!(further.map(|param| mine.contains(&param)), [true, false, false, false]);
    assert!(params(&[], Side::Both).iter().all(|param| !further.contains(param)));
    // A static design stands from before the first block.
    let worlds = Worlds::new(&try_load("siege.ron", &[SECOND, DESIGN]).unwrap()).unwrap();
    let drawn = |i| StaticParams::random(worlds.deployed(), Side::Both, 3, i);
    let with = (1..200).map(drawn).find(|s| s.0.iter().any(|c| c.param == RiskParam::ToxicStop));
    let mut market = worlds.deployed().clone();
    with.unwrap().apply(&mut market);
    assert!(market.state.design.unwrap().stops_when_toxic);
    assert_eq!(Heads::of(&market), Heads::of(worlds.deployed()));
}

/// What views say of a lane's bonuses, at all health factors, is what its market pays.
fn believed_is_paid(lane: &Lane) {
    let views = lane.world().resource::<MarketViews>();
    let pooled = lane.chain().pooled(lane.config().market);
    let design = pooled.state.design.unwrap();
    for (i, reserve) in pooled.reserves.iter().enumerate() {
        let whole = reserve.config.liquidation_bonus;
        for percent in [20, 90, 94, 95, 96, 97, 98, 99] {
            let paid = design.bonus(whole, Wad::new(percent * 10_u128.pow(16))).ratio();
            let believed = views.bonus(i, percent as f64 / 100.0);
            // Floored to a basis point, twice.
            assert!(
                (0.0..2e-4).contains(&(believed - paid + 1e-9)),
                "{percent}: {believed} and {paid}"
            );
        }
    }
}

#[test]
fn what_is_believed_of_a_bonus_is_what_is_paid() {
    let worlds = Worlds::new(&try_load("siege.ron", &[DESIGN]).unwrap()).unwrap();
    let world = WorldAddress { seed: 5, instance: 1, path: PathChoice::Drawn };
    // As deployed; where the bonus grows over half of all health; at once; always whole.
    for at in [9_500, 5_000, 9_900, 10_000] {
        let change = RiskChange { reserve: None, param: RiskParam::FullBonusAt, value: at };
        believed_is_paid(&worlds.lane(world, StaticParams(vec![change]), false));
    }
    let lane = worlds.lane(world, StaticParams::default(), false);
    let views = lane.world().resource::<MarketViews>();
    // Debt of 100 on collateral of 105 at 5 % is at the frontier; the design here does not stop there.
    assert!(!views.refuses(100.0, 105.0, 0.05));
    let stops = "market.design=(toxic_stop: true)";
    let worlds = Worlds::new(&try_load("siege.ron", &[stops]).unwrap()).unwrap();
    let lane = worlds.lane(world, StaticParams::default(), false);
    let views = lane.world().resource::<MarketViews>();
    assert!(views.refuses(100.0, 105.0, 0.05) && !views.refuses(100.0, 105.1, 0.05));
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let refused = |set: &[&str]| try_load("siege.ron", set).unwrap_err();
    let push = |asset: &str| {
        format!(
            "market.other_oracles=[Push(asset: {asset:?}, heartbeat_secs: 3600, deviation_bps: 100)]"
        )
    };
    let same = refused(&["market.other_oracles=[Spot(asset: \"TAIL\", pool: \"TAIL/USDC\")]"]);
    assert!(same.contains("TAIL's second oracle is its first"), "{same}");
    let unknown = refused(&[&push("NOPE")]);
    assert!(unknown.contains("NOPE"), "{unknown}");
    let share = refused(&["market.design=(bonus_at_line_bps: 10001)"]);
    assert!(share.contains("bonus_at_line_bps"), "{share}");
    let health = refused(&["market.design=(full_bonus_at_bps: 10000)"]);
    assert!(health.contains("full_bonus_at_bps"), "{health}");
    let rule = "(enabled: true, floor: 5000, ceil: 10000, max_raise: Absolute(500), max_cut: Absolute(500), policy_step: Absolute(500), at_once: Never, min_interval_secs: 3600, delay_secs: 0)";
    let ceil = refused(&[&format!("market.rules=[(param: FullBonusAt, rule: {rule})]")]);
    assert!(ceil.contains("`ceil` is 10000: it must lie between 0 and 9999"), "{ceil}");
    let reserve = r#"(asset: "TAIL", ltv_bps: 0, threshold_bps: 0, bonus_bps: 0, protocol_fee_bps: 0, reserve_factor_bps: 0, supply_cap_tokens: 0, borrow_cap_tokens: 0, borrowing: false, rates: (base_bps: 0, slope1_bps: 0, slope2_bps: 0, optimal_bps: 8000))"#;
    let many = refused(&[&format!("market.reserves=[{}]", [reserve; 200].join(", "))]);
    assert!(many.contains("200 reserves"), "{many}");
    let field = refused(&["market.design=(pause: true)"]);
    assert!(field.contains("pause"), "{field}");
}
