//! `ballast crowd`: the generated population and its liquidations beside the record.

use crate::output::{Failure, Output, Verdict, progress_bar};
use scenarios::arena::WorldAddress;
use scenarios::assemble::Worlds;
use scenarios::crowd::{play, population, records, stated_top_percent_share, text};
use scenarios::load::load;
use scenarios::statics::StaticParams;
use serde_json::json;
use std::path::PathBuf;

/// Options of `crowd`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file.
    scenario: PathBuf,
    /// Override a value of the scenario. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Seed of the population and its luck.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Play this recorded window, `april_2024` say, and count its liquidations. Without it the
    /// population is read and nothing is played.
    #[arg(long)]
    window: Option<String>,
    /// Play so many blocks at most; without a window, of a drawn path.
    #[arg(long)]
    blocks: Option<u64>,
}

/// Reads, plays, compares.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let loaded = load(&args.scenario, &args.set)?;
    let worlds = Worlds::new(&loaded).map_err(Failure::from_error)?;
    let path = super::run::path_choice(&worlds, &loaded, args.window.as_deref())?;
    let address = WorldAddress { seed: args.seed, instance: 0, path };
    let mut lane = worlds.lane(address, StaticParams::default(), false);
    let crowd = population(lane.chain(), lane.config().market);
    let is_played = args.window.is_some() || args.blocks.is_some();
    let episode = is_played.then(|| {
        let bar = progress_bar("crowd", lane.config().episode_blocks);
        let episode = play(&mut lane, args.blocks.unwrap_or(u64::MAX), &|n| bar.inc(n));
        bar.finish_and_clear();
        episode
    });
    if let Some(violation) = lane.violation() {
        return Err(Failure::Message(format!(
            "invariant {} broke: {}; `ballast run` with the same seed and window records it",
            violation.id, violation.detail
        )));
    }
    let beside = records(&crowd, episode.as_ref());
    let stated = stated_top_percent_share(&loaded.scenario.agents.borrowers);
    let value = json!({
        "scenario": loaded.scenario.name,
        "scenario_hash": loaded.hash,
        "seed": args.seed,
        "window": args.window,
        "population": crowd,
        "stated_top_percent_share": stated,
        "episode": episode,
        "records": beside,
    });
    output.result(&value, || {
        let table = text(&crowd, episode.as_ref(), &beside);
        format!(
            "{table}\nof the sizes as stated the largest hundredth would owe {:.1} %: the rest of the \
             difference is the sample's and the market's (caps, money at hand)\n",
            stated * 100.0
        )
    });
    Ok(Verdict::Yes)
}
