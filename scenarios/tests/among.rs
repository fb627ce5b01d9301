//! Other scenarios' worlds drawn among a scenario's own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use scenarios::arena::{Arena, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::load::{Loaded, load};
use scenarios::manifest::{Build, DateSplit};
use scenarios::statics::StaticParams;
use sim::builder::Builder;
use sim::chain::Digest;
use sim::config::AttackerAccounts;
use sim::lane::Lane;
use std::path::Path;

const CALM: &str = r#"(scenario: "calm.ron", set: ["episode_hours=1"])"#;
const CRASH: &str = r#"(scenario: "crash.ron", set: ["windows=[]", "fitted_on=[]", "episode_hours=2",
    "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 1.0)])"])"#;

fn read(name: &str, set: &[&str]) -> Result<Loaded, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("library").join(name);
    let set: Vec<String> = set.iter().map(|one| (*one).to_owned()).collect();
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    load(&path, &set).map_err(|rejected| {
        rejected.places().into_iter().map(|p| words(p.message) + "\n").collect()
    })
}

/// As many worlds of each of up to three scenarios; the attacker knows the hole from the start.
const SHORT: [&str; 5] = [
    "episode_hours=1",
    "agents.attackers.0.discovery_hours=0.0",
    "train.validation_paths=6",
    "evaluate.fresh_paths=6",
    "evaluate.search.paths=6",
];

fn siege(among: &str) -> Result<Loaded, String> {
    read("siege.ron", &[&SHORT[..], &[&format!("train.among=[{among}]")]].concat())
}

/// The digest that an hour leaves, nobody deciding.
fn after_an_hour(lane: &mut Lane) -> (u64, Digest) {
    lane.run(300, None);
    (lane.config().episode_blocks, lane.digest())
}

fn drawn(worlds: &Worlds, instance: u64) -> (u64, Digest) {
    let address = WorldAddress { seed: 11, instance, path: PathChoice::Drawn };
    after_an_hour(&mut worlds.lane(address, StaticParams::default(), false))
}

#[test]
fn drawn_worlds_are_each_scenarios_own_in_turn_and_windows_are_not_mixed() {
    let mixed = Worlds::new(&siege(&format!("{CALM}, {CRASH}")).unwrap()).unwrap();
    let alone = Worlds::new(&siege("").unwrap()).unwrap();
    let calm = Worlds::new(&read("calm.ron", &["episode_hours=1"]).unwrap()).unwrap();
    let own = [drawn(&alone, 0), drawn(&calm, 1)];
    assert_eq!([drawn(&mixed, 0), drawn(&mixed, 1)], own);
    assert_eq!(drawn(&mixed, 2).0, 600, "crash's two hours");
    assert_eq!(drawn(&mixed, 3), drawn(&alone, 3));
    assert_eq!(drawn(&mixed.varied(&siege("").unwrap()), 1), drawn(&alone, 1));
    // The next episode of a lane is the next scenario's.
    let mut lane = mixed.training_lanes(11, 1).into_lanes().remove(0);
    lane.begin(1);
    let mut there = calm.training_lanes(11, 1).into_lanes().remove(0);
    there.begin(1);
    assert_eq!(after_an_hour(&mut lane), after_an_hour(&mut there));
    let window = |worlds: &Worlds, instance| {
        let address = WorldAddress { seed: 11, instance, path: PathChoice::Window(0) };
        after_an_hour(&mut worlds.lane(address, StaticParams::default(), false))
    };
    assert_eq!(window(&mixed, 1), window(&alone, 1));
    // One market as deployed, one objective.
    assert_eq!(mixed.deployed().state, alone.deployed().state);
}

#[test]
fn a_policy_says_what_all_of_its_training_had() {
    let (alone, mixed) = (siege("").unwrap(), siege(CALM).unwrap());
    assert_ne!(alone.hash, mixed.hash);
    assert_ne!(
        mixed.hash,
        siege(r#"(scenario: "calm.ron", set: ["episode_hours=2"])"#).unwrap().hash
    );
    let card = |loaded: &Loaded| {
        let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
        card(loaded, "a", training, &Build::this(&[])).provenance
    };
    let (own, all) = (card(&alone).seen.unwrap(), card(&mixed).seen.unwrap());
    let push = "Push on TAIL".to_owned();
    assert!(!own.oracles.contains(&push) && all.oracles.contains(&push), "{all:?}");
    // What the others were recorded on counts as seen, what this one keeps for the test stays.
    let calm = |among: &str| read("calm.ron", &[among]).unwrap();
    let fitted = r#"train.among=[(scenario: "crash.ron", set: ["fitted_on=[(figures: \"all\", start_utc: \"2023-01-01T00:00:00Z\", end_utc: \"2023-02-01T00:00:00Z\")]"])]"#;
    let (alone, mixed) = (calm("train.among=[]"), calm(fitted));
    let (own, all) = (DateSplit::of(&alone), DateSplit::of(&mixed));
    assert_eq!((own.train.len(), all.train.len()), (0, 4));
    assert_eq!(all.fitted.len(), own.fitted.len() + 1);
    assert_eq!(all.test, own.test);
    let windows = card(&mixed).train_windows;
    let range = format!("{}/{}", all.train[1].start, all.train[1].end);
    assert!(windows.contains(&range) && !card(&alone).train_windows.contains(&range));
}

#[test]
fn nothing_of_an_episode_is_left_in_the_next_scenarios() {
    let among = format!("train.among=[{CALM}]");
    let set = [&SHORT[..], &["builder=Random", &among]].concat();
    let worlds = Worlds::new(&read("siege.ron", &set).unwrap()).unwrap();
    let mut lane = worlds.training_lanes(3, 1).into_lanes().remove(0);
    let who = |lane: &Lane| {
        let attackers = lane.world().resource::<AttackerAccounts>().0.len();
        (attackers, format!("{:?}", lane.world().resource::<Builder>()))
    };
    assert_eq!(who(&lane), (4, "Builder(RandomOrder)".to_owned()));
    lane.begin(1);
    assert_eq!(who(&lane), (0, "Builder(PriorityFee)".to_owned()));
    lane.begin(2);
    assert_eq!(who(&lane).0, 4);
}

#[test]
fn what_is_held_out_is_not_mixed_and_no_other_may_have_it() {
    let push = r#"evaluate.held_out=[(name: "push", kind: Oracle, about: "a node reports TAIL",
        set: ["oracles.TAIL=Push(asset: \"TAIL\", heartbeat_secs: 86400, deviation_bps: 100, lag_secs: 12)"])]"#;
    let with = |among: &str| {
        read("siege.ron", &[&SHORT[..], &[push, &format!("train.among=[{among}]")]].concat())
    };
    let (alone, mixed) = (with("").unwrap(), with(CRASH_ON_A_POOL).unwrap());
    let unseen =
        |loaded: &Loaded| drawn(&loaded.unseen[0].worlds(&Worlds::new(loaded).unwrap()), 1);
    assert_eq!(unseen(&alone), unseen(&mixed));
    let said = with(CALM).unwrap_err();
    assert!(said.contains("it has Push on TAIL, which this scenario holds out as"), "{said}");
}

const CRASH_ON_A_POOL: &str = r#"(scenario: "crash.ron", set: ["windows=[]", "fitted_on=[]",
    "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 1.0)])",
    "oracles.TAIL=Spot(asset: \"TAIL\", pool: \"TAIL/USDC\")"])"#;

#[test]
fn scenarios_that_cannot_be_mixed_are_refused_by_name() {
    for (among, words) in [
        (r#"(scenario: "nowhere.ron")"#, "nowhere.ron: cannot read the scenario"),
        (r#"(scenario: "steward.ron")"#, "its `block_secs` is 900, and 12 here"),
        (r#"(scenario: "calm.ron", set: ["episode_hours=-1"])"#, "calm.ron"),
        (r#"(scenario: "calm.ron", set: ["market.regime=Steward"])"#, "moves would be others"),
        (
            r#"(scenario: "squeeze.ron")"#,
            "it deploys another market (TAIL, SupplyCap Some(4000000) and Some(2000000) here)",
        ),
        (
            r#"(scenario: "calm.ron"), (scenario: "calm.ron"), (scenario: "calm.ron")"#,
            "6 worlds are not as many of each of 4",
        ),
        (r#"(scenario: "calm.ron", set: ["exchange.listings.TAIL.book=()"])"#, "other values"),
        (
            r#"(scenario: "calm.ron", set: ["windows=[]", "fitted_on=[(figures: \"x\", start_utc: \"2020-03-10T00:00:00Z\", end_utc: \"2020-03-14T00:00:00Z\")]"])"#,
            "overlaps test window",
        ),
    ] {
        let said = siege(among).unwrap_err();
        assert!(said.contains(words), "{among}: {said}");
    }
    let curriculum = "train.curriculum=(method: Plr, buffer: 4, parameters: [(path: \"oracles.0.lag_secs\", low: 0.0, high: 9.0)])";
    let said = read("siege.ron", &[curriculum, &format!("train.among=[{CALM}]")]).unwrap_err();
    assert!(said.contains("a curriculum plays one scenario"), "{said}");
}
