//! The learner in a training world, end to end, beside what libtorch does by itself: more than that where the learner
//! needs no graph.

use crate::output::Failure;
use agents::learn::PpoConfig;
use agents::learn::network::{bare_decisions_per_second, device};
use agents::learn::ppo::Ppo;
use scenarios::assemble::Worlds;
use scenarios::load::Loaded;
use serde_json::{Value, json};
use std::time::Instant;

/// Worlds played at once.
const LANES: u32 = 64;
const MINIBATCH: usize = 512;

/// Updates of a scenario's own length on its own worlds for about so many seconds, two at least, the first not
/// counted; and passes of a network of the same shape over a minibatch of the same size, before and after.
pub(super) fn rates(loaded: &Loaded, seconds: f64) -> Result<Value, Failure> {
    let worlds = Worlds::new(loaded).map_err(Failure::from_error)?;
    let settings = loaded.scenario.train.as_ref().map(|t| t.ppo.clone()).unwrap_or_default();
    let config = PpoConfig { updates: 1 << 20, minibatch: MINIBATCH, ..settings };
    let (epochs, rollout_steps) = (config.epochs as f64, config.rollout_steps as f64);
    let cpu = device("cpu").map_err(Failure::from_error)?;
    let mut run =
        Ppo::new(config, worlds.training_lanes(1, LANES), cpu).map_err(Failure::from_error)?;
    let bare = |run: &Ppo<_>| {
        bare_decisions_per_second(run.network().shape(), MINIBATCH, cpu, seconds.min(1.0))
    };
    run.update().map_err(Failure::from_error)?;
    let before = bare(&run);
    let (mut decisions, mut secs) = (0.0, [0.0; 4]);
    let started = Instant::now();
    while started.elapsed().as_secs_f64() < seconds || decisions == 0.0 {
        let log = run.update().map_err(Failure::from_error)?;
        decisions += f64::from(LANES) * rollout_steps;
        let parts = [log.seconds, log.environment_secs, log.forward_secs, log.train_secs];
        secs.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
    }
    let [all, environment, forward, train] = secs;
    let (trained, bare) = (decisions * epochs / train, 0.5 * (before + bare(&run)));
    Ok(json!({
        "lanes": LANES,
        "minibatch": MINIBATCH,
        "decisions_per_second": decisions / all,
        "worlds_percent": 100.0 * environment / all,
        "forward_percent": 100.0 * forward / all,
        "train_percent": 100.0 * train / all,
        "passes_per_second": trained,
        "bare_passes_per_second": bare,
        "kept_percent": 100.0 * trained / bare,
    }))
}
