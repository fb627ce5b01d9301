//! The learner's worlds move as Gymnasium's do: trajectories recorded by `scripts/record_gymnasium.py`.
#![expect(clippy::unwrap_used, reason = "tests")]

use agents::learn::games::{
    CART_POLE_STEPS, CartPole, MOUNTAIN_CAR_STEPS, MountainCar, PENDULUM_STEPS, Pendulum,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Recording {
    gymnasium: String,
    trajectories: Vec<Trajectory>,
}

#[derive(Deserialize)]
struct Trajectory {
    world: String,
    start: Vec<f64>,
    /// Action, state after it, reward, ended, cut.
    steps: Vec<(f64, Vec<f64>, f64, bool, bool)>,
}

fn close(what: &str, got: &[f64], expected: &[f64]) {
    for (g, e) in got.iter().zip(expected) {
        assert!((g - e).abs() < 1e-6, "{what}: {got:?}, recorded {expected:?}");
    }
}

#[test]
fn worlds_move_as_recorded() {
    let recording: Recording = serde_json::from_str(include_str!("data/gymnasium.json")).unwrap();
    assert_eq!((recording.gymnasium.as_str(), recording.trajectories.len()), ("1.4.0", 7));
    let mut ends = 0;
    let mut cuts = 0;
    for Trajectory { world, start, steps } in recording.trajectories {
        let mut moving = [0.0; 4];
        moving[..start.len()].copy_from_slice(&start);
        for (i, (action, state, reward, ended, cut)) in steps.iter().enumerate() {
            let what = format!("{world}, step {i}");
            let (over, paid, limit) = match world.as_str() {
                "CartPole-v1" => {
                    (!CartPole::advance(&mut moving, *action == 1.0), 1.0, CART_POLE_STEPS)
                }
                "MountainCar-v0" => {
                    let motion = moving.first_chunk_mut().unwrap();
                    (!MountainCar::advance(motion, *action as usize), -1.0, MOUNTAIN_CAR_STEPS)
                }
                "Pendulum-v1" => {
                    let motion = moving.first_chunk_mut().unwrap();
                    (false, Pendulum::advance(motion, *action as f32), PENDULUM_STEPS)
                }
                other => panic!("no such world: {other}"),
            };
            close(&what, &moving[..state.len()], state);
            close(&what, &[paid], &[*reward]);
            assert_eq!(over, *ended, "{what}");
            assert_eq!(!over && i + 1 == limit as usize, *cut, "{what}");
            ends += u32::from(*ended);
            cuts += u32::from(*cut);
        }
    }
    assert_eq!((ends, cuts), (4, 2), "both kinds of end were recorded");
}
