//! The whole of `ballast liquidate`: from a scenario to a folder with liquidators and what they are worth.

use super::liquidator::{Made, School};
use super::{load, open_folder};
use crate::commands::eval::{admit, head_start_blocks};
use crate::commands::exploit::DEPLOYED;
use crate::commands::liquidate::Args;
use crate::commands::{FEATURES, reproducible};
use crate::output::{Failure, Output, Verdict, progress_bar};
use agents::attack::{Assailant, Goal, Pursuit};
use agents::frozen::FrozenPolicy;
use agents::learn::network;
use agents::policy::Hold;
use scenarios::arena::MakePolicy;
use scenarios::assemble::Worlds;
use scenarios::evaluate::{Group, groups};
use scenarios::exploit::on_trial;
use scenarios::folder::Folder;
use scenarios::liquidation::{Floor, LiquidationError, Report, stand};
use scenarios::load::Loaded;
use scenarios::manifest::{Build, Manifest, RunError, RunKind};
use scenarios::schema::TrainSpec;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// Trains, compares, stores what was learned.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let learning = &args.learning;
    let loaded = load(learning, &args.scenario)?;
    let Some(spec) = loaded.scenario.train.clone() else {
        return Err(Failure::Message(format!(
            "{}: no `train` section, which says how long a liquidator learns and on what; add one",
            args.scenario.display()
        )));
    };
    let threads = learning.play.start_threads()?;
    // Only an attacker that has learned chooses among templates.
    let worlds = match (&spec.attacker, args.attacker_after) {
        (None, None) => learning.audit.own_worlds(&loaded)?,
        _ => learning.audit.seated(&loaded)?.0,
    };
    let pursuit = args.attacker_after.map(|hours| pursuit(hours, &loaded, &worlds, &spec));
    let pursuit = pursuit.transpose()?;
    let worlds = loaded.to_learn_in(&worlds).map_err(Failure::Message)?;
    let (name, policy): (String, MakePolicy<'_>) = if args.policy == Path::new(DEPLOYED) {
        (DEPLOYED.to_owned(), Box::new(|| Box::new(Hold)))
    } else {
        let policy = admit(&loaded, &args.policy)?;
        if policy.memory().is_some() {
            return Err(Failure::Message(format!(
                "{}: a policy with memory: what it remembers is in no checkpoint of a liquidator; name one without, or \
                 `{DEPLOYED}`",
                args.policy.display()
            )));
        }
        (policy.name().to_owned(), Box::new(move || Box::new(policy.clone())))
    };
    let floor = Floor { worlds: &worlds, name, policy };
    network::device(&learning.device).map_err(Failure::from_error)?;
    let folder = open_folder(learning, "liquidate", &loaded)?;
    let target = folder.target().to_owned();
    let (run, report) = through(args, &loaded, &floor, (&spec, pursuit), threads, folder, output)
        .map_err(|failure| reproducible(failure, &worlds, &loaded, &target))?;
    output.result(&json!({"run": run, "report": report}), || {
        format!("{}\n{}", run.display(), report.to_markdown())
    });
    Ok(Verdict::Yes)
}

/// What an attacker is after that learns at the same time, if it can.
fn pursuit(
    hours: f64,
    loaded: &Loaded,
    worlds: &Worlds,
    spec: &TrainSpec,
) -> Result<Pursuit, Failure> {
    if spec.attacker.is_some() {
        let both = "--attacker-after: an attacker learns, and `train.attacker` names one that no longer does; leave out one";
        return Err(Failure::Message(both.to_owned()));
    }
    let idle_blocks = head_start_blocks("--attacker-after", hours, loaded)?;
    on_trial(worlds, idle_blocks)
        .map_err(|error| Failure::Message(format!("--attacker-after: {error}")))?;
    Ok(Pursuit { goal: Goal::Profit, idle_blocks, sees_through: false })
}

/// From the first update to the finished folder.
fn through(
    args: &Args,
    loaded: &Loaded,
    floor: &Floor<'_>,
    (spec, attacker): (&TrainSpec, Option<Pursuit>),
    threads: usize,
    folder: Folder,
    output: Output,
) -> Result<(PathBuf, Report), Failure> {
    let learners = 1 + u64::from(attacker.is_some());
    let bar = progress_bar("liquidator", learners * spec.budget_blocks * spec.seeds.len() as u64);
    let (resume, device) = (args.learning.resume, args.learning.device.as_str());
    let path = folder.path();
    let school = School { floor, spec, attacker, folder: path, device, resume, output, bar: &bar };
    let made: Vec<Made> =
        spec.seeds.iter().map(|seed| school.teach(*seed)).collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    for one in &made {
        let attacker = one.attacker.as_ref().and_then(|a| a.stored(floor.worlds.templates()));
        let kept = [("liquidators", Some(one.policy.to_bytes())), ("attackers", attacker)];
        for (kind, bytes) in kept {
            let Some(bytes) = bytes else { continue };
            let policies = folder.path().join(kind);
            fs::create_dir_all(&policies).map_err(RunError::io(&policies))?;
            let path = policies.join(format!("seed-{}.bin", one.seed));
            fs::write(&path, bytes).map_err(RunError::io(&path))?;
        }
    }
    let report = judge(loaded, floor, (spec, attacker), &made)?;
    let files =
        [("report.md", report.to_markdown()), ("report.json", format!("{:#}\n", json!(report)))];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(RunError::io(&path))?;
    }
    let build = Build::this(FEATURES);
    let begun = Manifest::begin(RunKind::Liquidate, loaded, spec.seeds[0], threads as u32, build);
    Ok((folder.finish(Manifest { scenario_path: args.scenario.clone(), ..begun })?, report))
}

/// Holds what was learned against the scripted liquidator and the best constant one, on worlds that nobody has seen; if
/// attackers learned, among them, too.
fn judge(
    loaded: &Loaded,
    floor: &Floor<'_>,
    (spec, attacker): (&TrainSpec, Option<Pursuit>),
    made: &[Made],
) -> Result<Report, Failure> {
    let e = &loaded.scenario.evaluate;
    let learned: Vec<FrozenPolicy> = made.iter().map(|m| m.policy.clone()).collect();
    let (constant, searched) = floor.best_constant(spec.seeds[0], spec.validation_paths)?;
    let boot = (e.bootstrap_resamples, e.seed);
    let stand = |floor: &Floor<'_>, group: &Group| stand(floor, group, &constant, &learned, boot);
    let mut standings =
        groups(loaded).iter().map(|group| stand(floor, group)).collect::<Result<Vec<_>, _>>()?;
    if let Some(Pursuit { idle_blocks, .. }) = attacker {
        let attackers: Vec<Assailant> = made.iter().filter_map(|m| m.attacker.clone()).collect();
        let chance = 1.0 / attackers.len() as f64;
        let mixture = attackers.into_iter().map(|attacker| (chance, attacker)).collect();
        let worlds = &floor.worlds.clone().against(mixture, idle_blocks);
        let policy: MakePolicy<'_> = Box::new(|| (floor.policy)());
        let attacked = Floor { worlds, name: floor.name.clone(), policy };
        for mut group in groups(loaded) {
            group.name += ", attacked";
            group.about += ", under an attacker who learned beside one of the liquidators";
            standings.push(stand(&attacked, &group)?);
        }
    }
    let mut facts = vec![
        ("training seeds".to_owned(), format!("{:?}", spec.seeds)),
        ("budget".to_owned(), format!("{} blocks each", spec.budget_blocks)),
        ("search for the best constant".to_owned(), format!("{searched} blocks")),
    ];
    if spec.ppo.set_width > 0 {
        let text = "read as a set, each asked by the same heads";
        facts.push(("chances".to_owned(), text.to_owned()));
    }
    if let Some(attacker) = &spec.attacker {
        facts.push(attacker.fact());
    }
    if let Some(Pursuit { idle_blocks, .. }) = attacker {
        let text = format!("learned at the same time, for its profit, after {idle_blocks} blocks");
        facts.push(("attacker".to_owned(), text));
    }
    for m in made {
        let kept = match m.attacker {
            None => format!("best of {} updates: {}", m.updates, m.best_update),
            Some(_) => format!("last of {} updates", m.updates),
        };
        facts.push((
            format!("seed {}", m.seed),
            format!("{kept} ({:.0} USD on worlds that choose), {} turns", m.score_usd, m.decisions),
        ));
    }
    Ok(Report {
        scenario: loaded.scenario.name.clone(),
        scenario_hash: loaded.hash.clone(),
        policy: floor.name.clone(),
        facts,
        standings,
    })
}

impl From<LiquidationError> for Failure {
    fn from(error: LiquidationError) -> Self {
        match error {
            LiquidationError::Nobody(error) => Self::from_error(error),
            LiquidationError::Broken(world) => world.into(),
        }
    }
}
