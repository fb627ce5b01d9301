//! A lane of a bundled scenario goes on from its bytes exactly as it would have gone on.

use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::load::load;
use scenarios::statics::StaticParams;
use sim::action::HOLD;
use sim::environment::{Environment, StepOut};
use sim::lane::Lane;
use std::path::Path;

/// One step that holds; everything that it wrote.
fn step(lane: &mut Lane, rows: &mut [Vec<f32>; 3]) -> (f32, bool, bool, u32) {
    let action = vec![HOLD as f32; lane.spec().action.dim()];
    let [obs, mask, last] = rows;
    let (mut reward, mut terminated, mut truncated, mut elapsed) = (0.0, false, false, 0);
    lane.step(
        &action,
        StepOut {
            obs,
            action_mask: mask,
            final_obs: last,
            reward: &mut reward,
            terminated: &mut terminated,
            truncated: &mut truncated,
            elapsed_blocks: &mut elapsed,
        },
    );
    (reward, terminated, truncated, elapsed)
}

#[test]
fn a_lane_resumes_bit_for_bit_at_every_decision() {
    for name in ["siege", "crash"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let file = root.join("library").join(format!("{name}.ron"));
        let hours = ["episode_hours=3".to_owned(), "decision_every_blocks=90".to_owned()];
        let loaded = load(&file, &hours).expect("sound");
        let worlds = Worlds::new(&loaded).expect("builds");
        let world = WorldAddress { seed: 5, instance: 3, path: PathChoice::Drawn };
        let lane = || worlds.lane(world, StaticParams::default(), false);
        let (mut straight, mut resumed) = (lane(), lane());
        let obs = vec![0.0; straight.spec().obs_dim];
        let mask = vec![0.0; straight.spec().action.logits()];
        let mut rows = [obs.clone(), mask.clone(), obs.clone()];
        let mut again = rows.clone();
        let [first, legal, _] = &mut rows;
        straight.reset(0, first, legal);
        for decision in 0..25 {
            // Whatever the twin has been through, its next step starts from these bytes.
            resumed.load(&straight.save()).expect("loads");
            assert_eq!(resumed.save(), straight.save(), "{name}: saved again, decision {decision}");
            let one = step(&mut straight, &mut rows);
            let two = step(&mut resumed, &mut again);
            assert_eq!(one, two, "{name}: decision {decision}");
            assert_eq!(straight.digest(), resumed.digest(), "{name}: decision {decision}");
            assert_eq!(rows[..2], again[..2], "{name}: decision {decision}");
            assert_eq!(resumed.save(), straight.save(), "{name}: state after {decision}");
        }
    }
}
