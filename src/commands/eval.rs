//! `ballast eval`: policies and baselines on the same unseen worlds.

use super::{Audit, Play, reproducible};
use crate::output::{Failure, Output, Verdict, progress_bar};
use agents::attack::StoredAttacker;
use agents::export::bundle;
use agents::frozen::FrozenPolicy;
use scenarios::among::{by_scenario, own_turns};
use scenarios::arena::{Arena, Contestant};
use scenarios::assemble::Worlds;
use scenarios::evaluate::{
    Searches, Statics, baseline, evaluate, groups, learned, refuse_overlap, search_statics,
};
use scenarios::exploit::seat;
use scenarios::fit::fitted;
use scenarios::folder::OutFile;
use scenarios::held_out::{add_twins, refuse_seen};
use scenarios::load::Loaded;
use scenarios::report::{GroupResult, LEARNED, Report};
use scenarios::reproduction::BrokenWorld;
use scenarios::schema::{Baseline, EvaluateSpec};
use scenarios::shift::shifts;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Options of `eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario files; each has its own searches and its own report.
    #[arg(required = true)]
    scenario: Vec<PathBuf>,
    /// A policy bundle (a folder), or a baseline: deployed, best-static, best-static-in-hindsight,
    /// volatility-rule, freeze-all, freeze-rule, delist, smart-ltv, static-freeze-rule, gauntlet-caps, cma-es,
    /// greedy. May be given repeatedly; bundles count as training seeds of one learned policy, which is held against
    /// all others, and bundles with a name (`NAME=FOLDER`) of the one that the name has. Default: the scenario's
    /// baselines.
    #[arg(long, value_name = "[NAME=]POLICY")]
    policy: Vec<String>,
    #[command(flatten)]
    play: Play,
    #[command(flatten)]
    audit: Audit,
    /// Simulated blocks of each static search; default: the scenario's training budget.
    #[arg(long)]
    search_blocks: Option<u64>,
    /// An attacker that `ballast exploit`, `ballast liquidate`, self-play or population training stored; it takes the seat of
    /// the scenario's own. May be given repeatedly: one is drawn for each episode, the same for all policies.
    #[arg(long)]
    attacker: Vec<PathBuf>,
    /// Hours of each episode that the policy has to itself before such an attacker begins.
    #[arg(long, default_value_t = 1.0)]
    head_start: f64,
    /// Write the report here (Markdown) as well.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Compares and prints the report.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    // What is wrong with any scenario or policy is said before minutes are spent on the first.
    let mut benches = Vec::new();
    for scenario in &args.scenario {
        let loaded = load(args, scenario)?;
        let worlds = against(args, &loaded)?;
        let (arms, baselines) = chosen(args, &loaded)?;
        benches.push((loaded, worlds, arms, baselines));
    }
    args.play.start_threads()?;
    // That the report can be written is known before, too.
    let out = args.out.as_deref().map(OutFile::create).transpose()?;
    let mut reports = Vec::new();
    for (loaded, worlds, arms, baselines) in &benches {
        reports.push(judge(args, loaded, worlds, arms, baselines)?);
    }
    let texts: Vec<String> = reports.iter().map(|(report, _)| report.to_markdown()).collect();
    let text = texts.join("\n");
    if let Some(out) = out {
        out.finish(text.as_bytes())?;
    }
    let mut values: Vec<Value> = reports
        .iter()
        .map(|(report, statics)| json!({"report": report, "statics": statics}))
        .collect();
    // One scenario's report stands by itself.
    let value = if values.len() == 1 { values.remove(0) } else { json!({"scenarios": values}) };
    output.result(&value, || text);
    Ok(Verdict::Yes)
}

/// Searches what needs a search, and compares on a scenario's worlds.
fn judge(
    args: &Args,
    loaded: &Loaded,
    worlds: &Worlds,
    arms: &[Arm],
    baselines: &[Baseline],
) -> Result<(Report, Statics), Failure> {
    let budget = args.search_blocks.unwrap_or_else(|| training_budget(loaded));
    let bar = progress_bar("search", budget * Searches::of(loaded, baselines).count());
    let beside = Path::new("runs").join(format!("{}-eval", loaded.scenario.name));
    let stopped = |world: Box<BrokenWorld>| reproducible(world.into(), worlds, loaded, &beside);
    let statics =
        search_statics(worlds, loaded, baselines, &[], budget, &|n| bar.inc(n)).map_err(stopped)?;
    bar.finish_and_clear();
    let (report, _) = compare(worlds, loaded, arms, baselines, &statics).map_err(stopped)?;
    Ok((report, statics))
}

/// The scenario; `--seed` replaces the seed of its evaluation.
fn load(args: &Args, scenario: &Path) -> Result<Loaded, Failure> {
    let loaded = args.play.load(scenario)?;
    let Some(seed) = args.play.seed else { return Ok(loaded) };
    let mut play = args.play.clone();
    // A section that the file leaves out has no seed to replace.
    let default = loaded.scenario.evaluate == EvaluateSpec::default();
    play.set.push(if default {
        format!("evaluate=(seed: {seed})")
    } else {
        format!("evaluate.seed={seed}")
    });
    play.load(scenario)
}

/// The worlds, with the attackers that were named.
fn against(args: &Args, loaded: &Loaded) -> Result<Worlds, Failure> {
    if args.attacker.is_empty() {
        return args.audit.worlds(loaded);
    }
    if let Some(wider) = loaded.unseen.iter().find(|unseen| unseen.is_wider()) {
        return Err(Failure::Message(format!(
            "--attacker: attackers see what the policy sees, and in the held-out worlds \"{}\" that is more than \
             they were made with; judge without them (--set evaluate.held_out=[])",
            wider.held_out.name
        )));
    }
    let (worlds, _) = args.audit.seated(loaded)?;
    let idle_blocks = head_start_blocks("--head-start", args.head_start, loaded)?;
    let mut mixture = Vec::new();
    for path in &args.attacker {
        let named = |reason: String| Failure::Message(format!("{}: {reason}", path.display()));
        let bytes = std::fs::read(path).map_err(|error| named(error.to_string()))?;
        let stored = StoredAttacker::read(&bytes).map_err(named)?;
        let attacker = seat(&stored, &worlds, idle_blocks).map_err(named)?;
        mixture.push((1.0 / args.attacker.len() as f64, attacker));
    }
    Ok(worlds.against(mixture, idle_blocks))
}

/// Hours as blocks; `option` is where they were said.
pub(crate) fn head_start_blocks(option: &str, hours: f64, loaded: &Loaded) -> Result<u64, Failure> {
    let blocks = loaded.scenario.blocks_of(hours);
    if hours >= 0.0 && blocks < 1_000_000_000 {
        return Ok(blocks);
    }
    Err(Failure::Message(format!("{option} {hours}: a number of hours, 0 or more")))
}

/// Policies of one kind, one per training seed, and what they are called.
pub(crate) type Arm = (String, Vec<FrozenPolicy>);

/// Plays all groups and sums up; a broken invariant stops it.
pub(crate) fn compare(
    worlds: &Worlds,
    loaded: &Loaded,
    arms: &[Arm],
    baselines: &[Baseline],
    statics: &Statics,
) -> Result<(Report, Vec<GroupResult>), Box<BrokenWorld>> {
    let contestants = |seen_by: &dyn Fn(&FrozenPolicy) -> FrozenPolicy| -> Vec<Contestant<'_>> {
        let judged = arms.iter().map(|(name, policies)| {
            learned(name, &policies.iter().map(seen_by).collect::<Vec<_>>())
        });
        let made = |b: &Baseline| baseline(*b, &loaded.scenario, worlds.deployed(), statics);
        judged.chain(baselines.iter().filter_map(made)).collect()
    };
    let here = contestants(&FrozenPolicy::clone);
    let bar = progress_bar("evaluate", blocks_to_play(loaded, &here));
    let progress = |n| bar.inc(n);
    let mut results = evaluate(worlds, &groups(loaded), &here, &progress)?;
    let e = &loaded.scenario.evaluate;
    let mut shifted = Vec::new();
    for unseen in loaded.unseen.iter() {
        let there = contestants(&|policy| unseen.seen_by(policy));
        let there = unseen.play(worlds, &there, &progress)?;
        // The first group is the fresh worlds, which these are but for the overrides, and for those of other scenarios.
        let both = results.first().map(|here| [&there, here].map(|r| own_turns(loaded, r)));
        shifted
            .extend(both.map(|[there, here]| shifts(&there, &here, e.bootstrap_resamples, e.seed)));
        results.push(there);
    }
    if loaded.among.is_empty() {
        add_twins(&loaded.unseen, &mut results);
    }
    bar.finish_and_clear();
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut fact = |name: &str, value: String| facts.push((name.to_owned(), value));
    for group in groups(loaded) {
        fact(&group.name, format!("{} ({} paths)", group.about, group.worlds.len()));
    }
    for unseen in loaded.unseen.iter() {
        fact(&format!("held out: {}", unseen.held_out.name), unseen.describe());
    }
    let symbols: Vec<&str> =
        loaded.scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    let searches = [
        ("best static", &statics.best),
        ("in hindsight", &statics.hindsight),
        ("by CMA-ES", &statics.cma_es),
    ];
    for (name, found) in searches {
        if let Some(found) = found {
            let what = found.statics.describe(&symbols);
            fact(
                name,
                format!("{what} ({} candidates, {} blocks)", found.candidates, found.blocks),
            );
        }
    }
    if searches.iter().any(|(_, found)| found.is_some()) {
        fact(
            "static parameters",
            "stand from before the first block, so that borrowers open under them; every other \
             policy begins with the deployed ones"
                .to_owned(),
        );
    }
    let s = &loaded.scenario;
    let mut judged = results.clone();
    if let Some(fresh) = results.first() {
        judged.splice(1..1, by_scenario(loaded, fresh));
    }
    let built = Report::build(&s.name, &loaded.hash, facts, &judged, e.bootstrap_resamples, e.seed);
    Ok((Report { shifts: shifted.concat(), ..built }, results))
}

/// All blocks that training simulates; zero without a training section.
pub(crate) fn training_budget(loaded: &Loaded) -> u64 {
    let train = loaded.scenario.train.as_ref();
    train.map_or(0, |t| t.budget_blocks * t.seeds.len() as u64)
}

/// Blocks that a comparison plays, worlds elsewhere included.
fn blocks_to_play(loaded: &Loaded, contestants: &[Contestant<'_>]) -> u64 {
    let scenario = &loaded.scenario;
    let groups: usize = groups(loaded).iter().map(|group| group.worlds.len()).sum();
    let elsewhere = loaded.unseen.iter().count() * scenario.evaluate.fresh_paths as usize;
    let policies: usize = contestants.iter().map(|c| c.policies.len()).sum();
    ((groups + elsewhere) * policies) as u64 * scenario.blocks()
}

/// Learned policies, by name, and baselines that were asked for.
fn chosen(args: &Args, loaded: &Loaded) -> Result<(Vec<Arm>, Vec<Baseline>), Failure> {
    if args.policy.is_empty() {
        return Ok((Vec::new(), loaded.scenario.evaluate.baselines.clone()));
    }
    let (mut arms, mut baselines): (Vec<Arm>, _) = (Vec::new(), Vec::new());
    let mut add = |name: &str, path: &str| -> Result<(), Failure> {
        let policy = admit(loaded, Path::new(path))?;
        match arms.iter_mut().find(|(known, _)| known == name) {
            Some((_, policies)) => policies.push(policy),
            None => arms.push((name.to_owned(), vec![policy])),
        }
        Ok(())
    };
    for name in &args.policy {
        let named = name.split_once('=').filter(|(arm, path)| !arm.is_empty() && is_folder(path));
        match name.as_str() {
            "deployed" => baselines.push(Baseline::Deployed),
            "best-static" => baselines.push(Baseline::BestStatic),
            "best-static-in-hindsight" => baselines.push(Baseline::BestStaticInHindsight),
            "volatility-rule" => baselines.push(Baseline::VolatilityRule),
            "freeze-all" => baselines.push(Baseline::FreezeAll),
            "freeze-rule" => baselines.push(Baseline::FreezeRule),
            "delist" => baselines.push(Baseline::Delist),
            "smart-ltv" => baselines.push(Baseline::SmartLtv),
            "static-freeze-rule" => baselines.push(Baseline::StaticFreezeRule),
            "gauntlet-caps" => baselines.push(Baseline::GauntletCaps),
            "cma-es" => baselines.push(Baseline::CmaEs),
            "greedy" => baselines.push(Baseline::Greedy),
            path if is_folder(path) => add(LEARNED, path)?,
            _ => {
                let (arm, path) = named.ok_or_else(|| {
                    Failure::Message(format!(
                        "--policy {name}: neither a bundle nor a baseline; baselines are deployed, \
                         best-static, best-static-in-hindsight, volatility-rule, freeze-all, freeze-rule, \
                         delist, smart-ltv, static-freeze-rule, gauntlet-caps, cma-es, greedy"
                    ))
                })?;
                add(arm, path)?;
            }
        }
    }
    Ok((arms, baselines))
}

fn is_folder(path: &str) -> bool {
    Path::new(path).is_dir()
}

/// A bundle's policy, if it may be judged on this scenario.
pub(crate) fn admit(loaded: &Loaded, path: &Path) -> Result<FrozenPolicy, Failure> {
    let named = |reason: String| Failure::Message(format!("{}: {reason}", path.display()));
    let (policy, metadata, _) = bundle::load(path).map_err(|e| named(e.to_string()))?;
    refuse_overlap(loaded, &metadata.policy).map_err(named)?;
    refuse_seen(loaded, &metadata.policy).map_err(named)?;
    fitted(loaded, policy, &metadata.policy).map_err(named)
}
