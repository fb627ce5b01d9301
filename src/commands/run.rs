//! `ballast run`: one episode per lane, its parameters as deployed, taped.

use super::{Audit, FEATURES, Play, out_folder, reproducible};
use crate::output::{Failure, Output, Verdict, progress_bar};
use agents::policy::Hold;
use rayon::prelude::*;
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::episode::{
    EpisodeError, FurtherTotals, PerpetualRecord, Recorded, hex, joint_digest, record, write_tables,
};
use scenarios::folder::Folder;
use scenarios::load::Loaded;
use scenarios::manifest::{Build, Manifest, RunKind};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Options of `run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file.
    scenario: PathBuf,
    #[command(flatten)]
    play: Play,
    #[command(flatten)]
    audit: Audit,
    /// Folder to write; it must not exist. Default: the next free name under `runs/`.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Worlds to play, each with luck of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=4096))]
    lanes: u64,
    /// Play this recorded window instead of a drawn path.
    #[arg(long)]
    window: Option<String>,
}

/// Plays and records.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let loaded = args.play.load(&args.scenario)?;
    let worlds = args.audit.own_worlds(&loaded)?;
    let path = path_choice(&worlds, &loaded, args.window.as_deref())?;
    let threads = args.play.start_threads()?;
    let seed = args.play.seed.unwrap_or(1);
    let stem = format!("{}-s{seed}-{}", loaded.scenario.name, &loaded.hash[..8]);
    let folder = Folder::create(&out_folder(args.out.as_ref(), &stem))?;
    let address = |instance| WorldAddress { seed, instance, path };
    let bar = progress_bar("run", args.lanes * loaded.scenario.blocks());
    let started = Instant::now();
    let lanes: Vec<Recorded> = (0..args.lanes)
        .into_par_iter()
        .map(|lane| {
            let tape = folder.path().join(tape_name(lane));
            record(&worlds, &loaded, address(lane), &mut Hold, &tape, &|n| bar.inc(n))
        })
        .collect::<Result<_, _>>()
        .map_err(|error: EpisodeError| {
            reproducible(error.into(), &worlds, &loaded, folder.target())
        })?;
    let secs = started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    write_tables(folder.path(), &lanes)?;
    let end = joint_digest(&lanes.iter().map(|l| l.end).collect::<Vec<_>>());
    let start = joint_digest(&lanes.iter().map(|l| l.start).collect::<Vec<_>>());
    let sum = |value: fn(&Recorded) -> u64| lanes.iter().map(value).sum::<u64>();
    let total = |value: fn(&Recorded) -> f64| lanes.iter().map(value).sum::<f64>();
    let blocks = sum(|l| l.totals.blocks);
    let build = Build::this(FEATURES);
    let target = folder.finish(Manifest {
        window: args.window.clone(),
        start_digest: hex(&start),
        end_digest: hex(&end),
        blocks,
        ..Manifest::begin(RunKind::Run, &loaded, seed, threads as u32, build)
    })?;
    let mut value = json!({
        "run": target,
        "scenario": loaded.scenario.name,
        "scenario_hash": loaded.hash,
        "seed": seed,
        "threads": threads,
        "lanes": args.lanes,
        "blocks": blocks,
        "digest": hex(&end),
        "transactions": sum(|l| l.totals.transactions),
        "reverted": sum(|l| l.totals.reverted),
        "liquidations": sum(|l| l.totals.liquidations),
        "liquidated_usd": total(|l| l.totals.liquidated_usd),
        "bad_debt_usd": total(|l| l.totals.bad_debt_usd),
        "attacker_profit_usd": total(|l| l.totals.attacker_profit_usd),
        "objective_usd": total(|l| l.totals.objective_usd),
        "blocks_per_second": blocks as f64 / secs,
    });
    let further = further(&lanes);
    if !further.is_empty() {
        value["markets"] = json!(further);
    }
    let perpetuals = perpetuals(&lanes);
    if !perpetuals.is_empty() {
        value["perpetuals"] = json!(perpetuals);
    }
    output.result(&value, || text(&target, &value));
    Ok(Verdict::Yes)
}

/// What happened in the markets beside the first, all lanes together.
fn further(lanes: &[Recorded]) -> Vec<FurtherTotals> {
    let Some((first, rest)) = lanes.split_first() else { return Vec::new() };
    let mut sums = first.further.clone();
    for lane in rest {
        for (sum, more) in sums.iter_mut().zip(&lane.further) {
            sum.liquidations += more.liquidations;
            sum.liquidated_usd += more.liquidated_usd;
            sum.bad_debt_usd += more.bad_debt_usd;
        }
    }
    sums
}

/// What happened at the perpetual futures, all lanes together; of open interest the largest.
fn perpetuals(lanes: &[Recorded]) -> Vec<PerpetualRecord> {
    let Some((first, rest)) = lanes.split_first() else { return Vec::new() };
    let mut sums = first.perpetuals.clone();
    for lane in rest {
        for (sum, more) in sums.iter_mut().zip(&lane.perpetuals) {
            sum.traded_usd += more.traded_usd;
            sum.peak_open_interest_usd =
                sum.peak_open_interest_usd.max(more.peak_open_interest_usd);
            sum.liquidations += more.liquidations;
            sum.liquidated_usd += more.liquidated_usd;
            sum.deleveraged += more.deleveraged;
            sum.deficit_usd += more.deficit_usd;
            sum.funding_usd += more.funding_usd;
            sum.insurance_usd += more.insurance_usd;
        }
    }
    sums
}

fn text(target: &Path, value: &serde_json::Value) -> String {
    let mut text = format!("{}\n", target.display());
    for (key, value) in value.as_object().into_iter().flatten() {
        if key != "run" {
            text += &format!("  {key}: {value}\n");
        }
    }
    text
}

/// The tape of a lane.
pub(crate) fn tape_name(lane: u64) -> String {
    if lane == 0 { "tape.bin".to_owned() } else { format!("tape-{lane}.bin") }
}

/// A window by name, or a drawn path.
pub(crate) fn path_choice(
    worlds: &Worlds,
    loaded: &Loaded,
    window: Option<&str>,
) -> Result<PathChoice, Failure> {
    let Some(name) = window else { return Ok(PathChoice::Drawn) };
    worlds.window(name).map(PathChoice::Window).ok_or_else(|| {
        let names: Vec<&str> = loaded.windows.iter().map(|w| w.name.as_str()).collect();
        Failure::Message(format!(
            "{}: no window \"{name}\"; there are {}",
            loaded.path.display(),
            names.join(", ")
        ))
    })
}
