//! A liquidator's seat in the worlds of a scenario: what it earns, and that its worlds are the same ones.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/step.rs"]
mod step;

use agents::frozen::{Dense, FrozenPolicy, Normaliser};
use agents::policy::Hold;
use agents::scripted::liquidator::lane::LiquidationLane;
use agents::scripted::liquidator::mind::Mind;
use agents::scripted::liquidator::seat::{
    BIDS, FIELDS, HEADS, LOGITS, OBS_DIM, RANKS, SIZES, space,
};
use scenarios::arena::{MakePolicy, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::liquidation::{Bidder, Floor, LiquidationError, profit};
use scenarios::load::{Loaded, load};
use scenarios::statics::StaticParams;
use sim::environment::{ActionSpace, Environment};
use sim::lane::Lane;
use std::path::Path;
use step::step;

/// A recorded crash: there is somebody to liquidate.
const WORLD: WorldAddress = WorldAddress { seed: 11, instance: 2, path: PathChoice::Window(1) };

fn try_crash(set: &[&str]) -> Result<Loaded, String> {
    let mut all = vec!["episode_hours=4".to_owned()];
    all.extend(set.iter().map(|s| (*s).to_owned()));
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("library/crash.ron"), &all)
        .map_err(|rejected| rejected.problems.iter().map(ToString::to_string).collect())
}

fn crash(set: &[&str]) -> Worlds {
    Worlds::new(&try_crash(set).unwrap()).unwrap()
}

fn floor(worlds: &Worlds) -> Floor<'_> {
    let policy: MakePolicy<'_> = Box::new(|| Box::new(Hold));
    Floor { worlds, name: "deployed".to_owned(), policy }
}

fn side(worlds: &Worlds, taken: bool) -> LiquidationLane {
    let lane = worlds.lane(WORLD, StaticParams::default(), false);
    LiquidationLane::new(lane, Box::new(Hold), taken).unwrap()
}

/// A policy that always answers the same: an offer and a size for every chance.
fn always(offer: usize, size: usize) -> FrozenPolicy {
    let ActionSpace::MultiDiscrete { heads } = space() else { panic!("choices") };
    let mut bias = Vec::new();
    for (head, choices) in heads.iter().enumerate() {
        let wanted = if head.is_multiple_of(HEADS.len()) { offer } else { size };
        bias.extend((0..*choices as usize).map(|c| f32::from(u8::from(c == wanted))));
    }
    let layer =
        Dense { inputs: OBS_DIM, outputs: LOGITS, weight: vec![0.0; OBS_DIM * LOGITS], bias };
    FrozenPolicy::new("always", heads, Normaliser::identity(OBS_DIM, 10.0), vec![layer]).unwrap()
}

#[test]
fn a_file_with_the_seats_heads_in_another_order_is_refused() {
    let stored = always(1, 2);
    assert!(Mind::learned(&stored.to_bytes()).is_ok());
    // All offers, then all sizes: as many choices.
    let heads = HEADS.iter().flat_map(|choices| [*choices; RANKS]).collect();
    let bias = vec![0.0; LOGITS];
    let layer =
        Dense { inputs: OBS_DIM, outputs: LOGITS, weight: vec![0.0; OBS_DIM * LOGITS], bias };
    let other = FrozenPolicy::new("other", heads, Normaliser::identity(OBS_DIM, 10.0), vec![layer]);
    let refused = Mind::learned(&other.unwrap().to_bytes()).unwrap_err();
    assert!(refused.contains("no liquidator of this build"), "{refused}");
}

#[test]
fn a_liquidators_world_goes_on_from_its_bytes_and_its_rewards_add_up() {
    let worlds = crash(&[]);
    let (mut straight, mut resumed) = (side(&worlds, true), side(&worlds, true));
    let (mut obs, mut mask) = (vec![0.0; OBS_DIM], vec![0.0; LOGITS]);
    straight.reset(0, &mut obs, &mut mask);
    // Of a chance that is not there only "leave" and "all" can be said.
    let [offers, sizes] = HEADS.map(|choices| choices as usize);
    let mut nothing = vec![0.0; offers + sizes];
    (nothing[0], nothing[offers + sizes - 1]) = (1.0, 1.0);
    assert_eq!(mask, nothing.repeat(RANKS));
    let scale = straight.lane().config().objective.reward_scale_usd;
    let (mut sum, mut episodes, mut chances) = (0.0, 0, 0);
    for turn in 0_usize..10_000 {
        let offer = (turn % (BIDS.len() + 1)) as f32;
        let action = [offer, (turn % SIZES.len()) as f32].repeat(RANKS);
        if turn % 16 == 0 {
            resumed.load(&straight.save()).unwrap();
        }
        let one = step(&mut straight, &action);
        assert_eq!(one, step(&mut resumed, &action), "turn {turn}");
        sum += f64::from(one.reward);
        chances += usize::from(one.obs[FIELDS.len()] > 0.5);
        if one.ends.0 {
            episodes += 1;
            let summary = straight.episode_summary();
            assert_eq!(summary[0].0, "liquidator_profit_usd");
            assert!((sum * scale - summary[0].1).abs() < 1.0, "{sum} and {summary:?}");
            sum = 0.0;
        }
        if episodes == 2 {
            break;
        }
    }
    assert_eq!(episodes, 2);
    assert!(chances > 10, "{chances}");
}

#[test]
fn a_liquidator_that_waits_earns_nothing_and_one_that_bids_earns() {
    let worlds = crash(&[]);
    let floor = floor(&worlds);
    let unseen = [11, 12, 13].map(|seed| WorldAddress { seed, ..WORLD });
    let earned = |bidder: &Bidder| profit(&floor.play_all(bidder, &unseen).unwrap());
    assert_eq!(earned(&Bidder::Constant { offer: 0, size: 0 }), 0.0);
    let scripted = earned(&Bidder::AsWritten);
    let constant = earned(&Bidder::Constant { offer: 5, size: 2 });
    assert!(scripted > 0.0 && constant > 0.0, "{scripted} and {constant}");
    // The scripted one is not told anything: its world is the one that everybody plays.
    let mut alone = worlds.lane(WORLD, StaticParams::default(), false);
    alone.run(u64::MAX, Some(&mut |_, _, action| action.fill(sim::action::HOLD as f32)));
    let mut measured = side(&worlds, false);
    measured.play(&mut |_, _, _| unreachable!("nobody is asked"));
    assert_eq!(alone.digest(), measured.lane().digest());
}

#[test]
fn a_frozen_liquidator_does_in_everybodys_worlds_what_it_did_in_its_own() {
    let worlds = crash(&[]);
    let folder = tempfile::tempdir().unwrap();
    let digest_of = |lane: &mut Lane| {
        lane.run(u64::MAX, Some(&mut |_, _, action| action.fill(sim::action::HOLD as f32)));
        lane.digest()
    };
    let scripted = digest_of(&mut worlds.lane(WORLD, StaticParams::default(), false));
    let mut policy = always(6, 2);
    let path = folder.path().join("liquidator.bin");
    std::fs::write(&path, policy.to_bytes()).unwrap();
    let mut own = side(&worlds, true);
    own.play(&mut |row, mask, action| policy.act(row, mask, action));
    let named = format!("train.liquidator={:?}", path.display().to_string());
    let loaded = try_crash(&[&named]).unwrap();
    assert_ne!(loaded.hash, try_crash(&[]).unwrap().hash);
    let among = Worlds::new(&loaded).unwrap();
    let digest = digest_of(&mut among.lane(WORLD, StaticParams::default(), false));
    assert_eq!(digest, own.lane().digest());
    assert_ne!(digest, scripted);
    // A seat that learns, or is measured, is not the frozen one's.
    let mut measured = side(&among, false);
    measured.play(&mut |_, _, _| unreachable!("nobody is asked"));
    assert_eq!(measured.lane().digest(), scripted);

    std::fs::write(&path, b"nothing of the kind").unwrap();
    assert!(try_crash(&[&named]).unwrap_err().contains("not a policy"));
    let nobody = try_crash(&[&named, "agents.liquidators=[]"]).unwrap_err();
    assert!(nobody.contains("no scripted liquidator"), "{nobody}");
}

#[test]
fn a_liquidator_that_takes_over_in_an_episode_bids_in_it_and_in_those_that_follow() {
    let worlds = crash(&[
        "agents.borrowers.*.health_target_min=1.02",
        "agents.borrowers.*.health_target_max=1.05",
        "agents.borrowers.*.never_react_share=1.0",
        "paths.train=[Window(weight: 1.0, scale_min: 3.0, scale_max: 5.0)]",
    ]);
    let by = |offer| worlds.clone().liquidated_by(Mind::new(always(offer, 2)).unwrap());
    let world = WorldAddress { path: PathChoice::Drawn, ..WORLD };
    let play = |lane: &mut Lane, episode: u64| {
        if episode > 0 {
            lane.begin(episode);
        }
        lane.run(u64::MAX, None);
        assert!(lane.totals().liquidated_usd > 0.0, "somebody to liquidate");
        lane.digest()
    };
    let mut left = by(0).lane(world, StaticParams::default(), false);
    let mut taken = by(0).lane(world, StaticParams::default(), false);
    taken.run(10, None);
    by(6).relieve(std::iter::once(&mut taken));
    assert_ne!(play(&mut left, 0), play(&mut taken, 0));
    // In the second episode nothing is left of who was there before.
    let mut bids = by(6).lane(world, StaticParams::default(), false);
    let second = play(&mut bids, 1);
    assert_eq!(play(&mut taken, 1), second);
    assert_ne!(play(&mut left, 1), second);
}

#[test]
fn a_market_without_liquidators_has_no_seat() {
    let worlds = crash(&["agents.liquidators=[]"]);
    let found = floor(&worlds).play(&Bidder::AsWritten, WORLD);
    assert!(matches!(found, Err(LiquidationError::Nobody(_))), "{found:?}");
}
