//! Lanes that play a level in each episode.

use agents::learn::levels::{Curriculum, Level, Origin, Pick};
use scenarios::assemble::Worlds;
use scenarios::levels::{Course, LevelLane, Syllabus};
use scenarios::load::{Loaded, load};
use sim::action::HOLD;
use sim::environment::Environment;
use sim::lanes::Lanes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn siege() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron")
}

fn with(curriculum: &str) -> Result<Loaded, String> {
    let set = [
        "episode_hours=1".to_owned(),
        "train.budget_blocks=40000".to_owned(),
        format!("train.curriculum={curriculum}"),
    ];
    load(&siege(), &set)
        .map_err(|rejected| rejected.problems.iter().map(|p| format!("{p}\n")).collect::<String>())
}

const ACCEL: &str = "(method: Accel, buffer: 4, parameters: [
    (path: \"exchange.listings.TAIL.depth_usd\", low: 1e5, high: 1e6, scale: Logarithmic),
    (path: \"oracles.0.lag_secs\", low: 0.0, high: 60.0, scale: Whole),
])";

fn course(loaded: &Loaded) -> (Arc<Course>, Curriculum) {
    let worlds = Worlds::new(loaded).expect("builds");
    let spec = loaded.scenario.train.as_ref().and_then(|t| t.curriculum.as_ref()).expect("levels");
    let course = Course::new(&worlds, loaded, spec, 7);
    (Arc::new(course), Curriculum::new(spec.settings(), 7))
}

fn hold(lanes: &Lanes<LevelLane>) -> Vec<f32> {
    vec![HOLD as f32; lanes.len() * lanes.spec().action.dim()]
}

#[test]
fn a_lane_plays_its_levels_one_after_the_other() {
    let loaded = with(ACCEL).expect("sound");
    let (course, _) = course(&loaded);
    let pick = |number: u64, depth: f64, learns| Pick {
        level: Level { number, luck: number, values: vec![depth, 30.0] },
        origin: Origin::Drawn,
        learns,
    };
    let (first, second) = (pick(0, 1e5, false), pick(1, 1e6, true));
    assert_eq!(
        course.overrides(&first.level),
        ["exchange.listings.TAIL.depth_usd=100000.0", "oracles.0.lag_secs=30"]
    );
    let mut all = [first.clone(), second.clone()].into_iter();
    let mut lanes = LevelLane::lanes(&course, 1, &mut || all.next().expect("two"));
    lanes.reset(|_| 0);
    let action = hold(&lanes);
    let play = |lanes: &mut Lanes<LevelLane>| -> Vec<f32> {
        let mut seen = Vec::new();
        loop {
            seen.extend_from_slice(&lanes.buffers().obs);
            lanes.step(&action);
            seen.push(lanes.buffers().reward[0]);
            if lanes.buffers().truncated[0] {
                return seen;
            }
        }
    };
    let one = play(&mut lanes);
    let two = play(&mut lanes);
    // Nothing was picked in time: the same again, to the bit.
    let three = play(&mut lanes);
    assert!(one != two && two == three);
    let ended: Vec<Pick> = std::iter::from_fn(|| lanes.lanes_mut()[0].take_ended()).collect();
    assert_eq!(ended, [first, second.clone(), second]);
    // The world of a level is what the scenario with its overrides is.
    let set = ["episode_hours=1", "exchange.listings.TAIL.depth_usd=1e6", "oracles.0.lag_secs=30"];
    let alone = load(&siege(), &set.map(str::to_owned)).expect("sound");
    let world = Worlds::new(&alone).expect("builds");
    let address = scenarios::arena::WorldAddress {
        seed: 7,
        instance: 1,
        path: scenarios::arena::PathChoice::Drawn,
    };
    let lane = world.lane(address, scenarios::statics::StaticParams::default(), false);
    let mut lanes = Lanes::new(vec![lane], false);
    lanes.reset(|_| 0);
    let first_of_two = lanes.buffers().obs.clone();
    assert_eq!(two[..first_of_two.len()], first_of_two);
}

#[test]
fn a_syllabus_and_its_lanes_go_on_from_their_bytes() {
    let loaded = with(ACCEL).expect("sound");
    let (course, mut curriculum) = course(&loaded);
    let mut lanes = LevelLane::lanes(&course, 2, &mut || curriculum.pick());
    let mut syllabus = Syllabus::new(curriculum, 2, 1);
    lanes.reset(|_| 0);
    let action = hold(&lanes);
    // A rollout of seven decisions, whose rewards pass for advantages.
    let rollout = |lanes: &mut Lanes<LevelLane>, syllabus: &mut Syllabus| {
        let mut judged = Vec::new();
        for _ in 0..7 {
            lanes.step(&action);
            let out = lanes.buffers();
            judged.extend(out.reward.iter().copied().zip(out.truncated.iter().copied()));
        }
        syllabus.follow(lanes.lanes_mut(), judged.into_iter());
        lanes.buffers().clone()
    };
    for _ in 0..8 {
        rollout(&mut lanes, &mut syllabus);
    }
    assert!(syllabus.kept() >= 2);
    let mut resumed = Syllabus::from_bytes(&syllabus.to_bytes()).expect("the same");
    let (_, mut other) = self::course(&loaded);
    let mut again = LevelLane::lanes(&course, 2, &mut || other.pick());
    for (lane, saved) in again.lanes_mut().iter_mut().zip(lanes.lanes()) {
        lane.load(&saved.save()).expect("loads");
    }
    for _ in 0..8 {
        let (one, two) = (rollout(&mut lanes, &mut syllabus), rollout(&mut again, &mut resumed));
        assert_eq!((one.obs, one.reward), (two.obs, two.reward));
        assert_eq!(syllabus, resumed);
    }
    assert!(again.lanes_mut()[0].load(&[1, 2, 3]).is_err());
    assert!(Syllabus::from_bytes(&[0xff; 4]).is_err());
}

#[test]
fn what_cannot_be_a_level_is_refused_at_its_place() {
    let plr = |rest: &str| format!("(method: Plr, buffer: 4, {rest})");
    let one = |path: &str, low: &str, high: &str, scale: &str| {
        plr(&format!("parameters: [(path: \"{path}\", low: {low}, high: {high}, scale: {scale})]"))
    };
    for (curriculum, words) in [
        (plr("parameters: []"), "`parameters` is 0"),
        (one("train.lanes", "1.0", "2.0", "Whole"), "cannot differ from level to level"),
        (one("episode_hours", "1.0", "2.0", "Whole"), "cannot differ from level to level"),
        (one("exchange.depth", "1.0", "2.0", "Linear"), "no level can have exchange.depth=1.0"),
        (one("exchange.impact_half_life_secs", "2.0", "1.0", "Linear"), "less than `high`"),
        (one("exchange.impact_half_life_secs", "0.0", "1.0", "Logarithmic"), "begins above 0"),
        (one("exchange.impact_half_life_secs", "0.5", "2.0", "Whole"), "an end that is none"),
        (one("exchange.impact_half_life_secs", "-9.0", "2.0", "Linear"), "must not be negative"),
        (one("oracles.0.lag_secs", "0.0", "2.0", "Linear"), "no level can have oracles.0.lag_secs"),
        (
            "(method: Plr, parameters: [(path: \"exchange.impact_half_life_secs\", low: 1.0, high: 2.0)])"
                .to_owned(),
            "the budget is 133 episodes",
        ),
    ] {
        let said = with(&curriculum).expect_err("refused");
        assert!(said.contains(words), "{curriculum}: {said}");
    }
}
