//! Worlds that are played beside a twin in which nothing is moved.

use agents::learn::twin::Twinned;
use scenarios::assemble::Worlds;
use scenarios::load::load;
use sim::action::{CHOICES, HOLD};
use sim::environment::Environment;
use sim::lane::Lane;
use sim::lanes::Lanes;
use std::path::Path;

fn worlds() -> Worlds {
    let siege = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron");
    let loaded = load(&siege, &["episode_hours=2".to_owned()]).expect("sound");
    Worlds::new(&loaded).expect("builds")
}

fn plain(worlds: &Worlds) -> Lanes<Lane> {
    let mut lanes = worlds.training_lanes(7, 2);
    lanes.reset(|_| 0);
    lanes
}

fn twinned(worlds: &Worlds) -> Lanes<Twinned<Lane>> {
    let lanes = || worlds.training_lanes(7, 2);
    let hold = vec![HOLD as f32; lanes().spec().action.dim()];
    let mut lanes = Twinned::lanes(lanes(), lanes(), &hold);
    lanes.reset(|_| 0);
    lanes
}

/// A legal choice of every head that moves something; where none is, holding.
fn restless<E: Environment>(lanes: &Lanes<E>) -> Vec<f32> {
    let legal = |head: &[f32]| (0..CHOICES).find(|c| *c != HOLD && head[*c] > 0.5).unwrap_or(HOLD);
    lanes.buffers().action_mask.chunks_exact(CHOICES).map(|head| legal(head) as f32).collect()
}

#[test]
fn holding_is_worth_nothing_and_moving_the_difference() {
    let worlds = worlds();
    let (mut own, mut twins) = (plain(&worlds), plain(&worlds));
    let mut lanes = twinned(&worlds);
    let hold = vec![HOLD as f32; 2 * lanes.spec().action.dim()];
    let (mut moved, mut over) = (false, false);
    while !over {
        let action = restless(&lanes);
        assert_eq!(restless(&own), action, "it sees its own world");
        lanes.step(&action);
        own.step(&action);
        twins.step(&hold);
        let (pair, own, twins) = (lanes.buffers(), own.buffers(), twins.buffers());
        assert_eq!((&pair.obs, &pair.truncated), (&own.obs, &own.truncated));
        for lane in 0..2 {
            assert_eq!(pair.reward[lane], own.reward[lane] - twins.reward[lane]);
            moved |= pair.reward[lane] != 0.0;
        }
        over = pair.truncated[0];
    }
    assert!(moved);
    // The next episode, in which it holds.
    for _ in 0..6 {
        lanes.step(&hold);
        assert_eq!(lanes.buffers().reward, [0.0, 0.0]);
    }
}

#[test]
fn both_are_saved_and_go_on_alike() {
    let worlds = worlds();
    let mut lanes = twinned(&worlds);
    for _ in 0..3 {
        lanes.step(&restless(&lanes));
    }
    let mut again = twinned(&worlds);
    for (lane, saved) in again.lanes_mut().iter_mut().zip(lanes.lanes()) {
        lane.load(&saved.save()).expect("loads");
    }
    *again.buffers_mut() = lanes.buffers().clone();
    for _ in 0..12 {
        let action = restless(&lanes);
        lanes.step(&action);
        again.step(&action);
        assert_eq!(lanes.buffers(), again.buffers());
    }
    assert!(again.lanes_mut()[0].load(&[1, 2, 3]).is_err());
}
