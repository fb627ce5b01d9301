//! Ballast from outside: nothing here is known to the simulator.
//!
//! - [`whale`]: an agent of one's own, that sells into a pool now and then.
//! - [`fair_lane`]: a mechanism of one's own, a block builder with another idea of order.
//! - [`cautious`]: a risk policy of one's own.
//! - [`corridor`]: an environment of one's own, for the learner to play.
//!
//! Run it from the repository's root: `cargo run --release -p own-agent`.

mod cautious;
mod corridor;
mod fair_lane;
mod whale;

use ballast::scenarios::arena::{PathChoice, WorldAddress};
use ballast::scenarios::{assemble::Worlds, load::load, statics::StaticParams};
use ballast::sim::environment::Environment;
use ballast::sim::lane::{EpisodePlan, Lane};
use ballast::sim::lanes::Lanes;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

/// A bundled scenario's world, with a whale, under another builder, managed by an own policy.
fn own_world(scenario: &Path, hours: u32) -> Result<Lane, Box<dyn Error>> {
    let loaded = load(scenario, &[format!("episode_hours={hours}")])
        .map_err(|rejected| ballast::scenarios::problem::render(&rejected, false))?;
    let worlds = Worlds::new(&loaded)?;
    let bundled = worlds.setup(PathChoice::Drawn, StaticParams::default(), false);
    let setup = Arc::new(whale::WithWhale { bundled, sells_tokens: 5_000.0, every_blocks: 50 });
    let world = WorldAddress { seed: 7, instance: 0, path: PathChoice::Drawn };
    let plan = EpisodePlan { run_seed: world.seed, instance: world.instance, episode: 0 };
    Ok(Lane::new(setup, plan))
}

fn play(scenario: &Path, hours: u32) -> Result<String, Box<dyn Error>> {
    let mut lane = own_world(scenario, hours)?;
    let mut policy = cautious::Cautious;
    lane.run(u64::MAX, Some(&mut |obs, mask, action| policy.choose(obs, mask, action)));
    let totals = lane.totals();
    Ok(format!(
        "{} blocks, {} transactions, {} sales by the whale, {:.0} USD of bad debt",
        totals.blocks,
        totals.transactions,
        whale::sales(&lane),
        totals.bad_debt_usd()
    ))
}

/// Steps the environment of one's own as the learner would.
fn walk(steps: usize) -> f32 {
    let mut lanes = Lanes::new((0..4).map(|_| corridor::Corridor::new(8)).collect(), false);
    lanes.reset(|lane| lane as u64);
    let to_the_right = vec![1.0; lanes.len() * lanes.spec().action.dim()];
    let mut sum = 0.0;
    for _ in 0..steps {
        lanes.step(&to_the_right);
        sum += lanes.buffers().reward.iter().sum::<f32>();
    }
    sum / lanes.lanes().iter().map(Environment::episode).count() as f32
}

#[expect(clippy::print_stdout, reason = "an example talks")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("{}", play(Path::new("scenarios/library/siege.ron"), 6)?);
    println!("corridor: {:.1} reward a lane", walk(70));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_outside_takes_part() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let siege = root.join("scenarios/library/siege.ron");
        let said = play(&siege, 1).expect("plays");
        assert!(said.starts_with("300 blocks") && !said.contains(" 0 sales"), "{said}");
        assert_eq!(play(&siege, 1).expect("plays"), said, "twice the same");
        assert!(walk(70) > 0.0);
    }
}
