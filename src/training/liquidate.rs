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
use scenarios::templates::Description;
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
    // Only an attacker that learns or has learned chooses among templates.
    let (worlds, templates) = match (&spec.attacker, args.attacker_after) {
        (None, None) => (learning.audit.own_worlds(&loaded)?, Vec::new()),
        _ => learning.audit.seated(&loaded)?,
    };
    let pursuit = args.attacker_after.map(|hours| pursuit(hours, &loaded, &worlds, &spec));
    let pursuit = pursuit.transpose()?;
    let worlds = loaded.to_learn_in(&worlds).map_err(Failure::Message)?;
    let mut beside = "the deployed parameters".to_owned();
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
        beside = format!("policy {}", policy.hash());
        (policy.name().to_owned(), Box::new(move || Box::new(policy.clone())))
    };
    if let Some(Pursuit { idle_blocks, .. }) = pursuit {
        beside += &format!(" and an attacker who learns, after {idle_blocks} blocks");
    }
    let floor = Floor { worlds: &worlds, name, policy };
    network::device(&learning.device).map_err(Failure::from_error)?;
    let folder = open_folder(learning, "liquidate", &loaded)?;
    let target = folder.target().to_owned();
    let beside = Beside { floor: &floor, attacker: pursuit, templates, words: beside };
    let (run, report) = through(args, &loaded, &beside, &spec, threads, folder, output)
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

/// Beside whom a liquidator learns.
struct Beside<'a> {
    floor: &'a Floor<'a>,
    /// What an attacker is after that learns at the same time, if one does.
    attacker: Option<Pursuit>,
    /// Those that an attacker chooses among.
    templates: Vec<Description>,
    words: String,
}

/// From the first update to the finished folder.
fn through(
    args: &Args,
    loaded: &Loaded,
    beside: &Beside<'_>,
    spec: &TrainSpec,
    threads: usize,
    folder: Folder,
    output: Output,
) -> Result<(PathBuf, Report), Failure> {
    let Beside { floor, attacker, ref templates, ref words } = *beside;
    let learners = 1 + u64::from(attacker.is_some());
    let bar = progress_bar("liquidator", learners * spec.budget_blocks * spec.seeds.len() as u64);
    let (resume, device) = (args.learning.resume, args.learning.device.as_str());
    let school = School {
        floor,
        spec,
        attacker,
        beside: words,
        folder: folder.path(),
        device,
        resume,
        output,
        bar: &bar,
    };
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
    let report = judge(loaded, beside, spec, &made)?;
    let files =
        [("report.md", report.to_markdown()), ("report.json", format!("{:#}\n", json!(report)))];
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::write(&path, text).map_err(RunError::io(&path))?;
    }
    let build = Build::this(FEATURES);
    let begun = Manifest::begin(RunKind::Liquidate, loaded, spec.seeds[0], threads as u32, build);
    let templates = templates.iter().map(|template| template.steps.clone()).collect();
    let scenario_path = args.scenario.clone();
    Ok((folder.finish(Manifest { scenario_path, templates, ..begun })?, report))
}

/// Holds what was learned against the scripted liquidator and the best constant one, on worlds that nobody has seen; if
/// attackers learned, among them, too.
fn judge(
    loaded: &Loaded,
    beside: &Beside<'_>,
    spec: &TrainSpec,
    made: &[Made],
) -> Result<Report, Failure> {
    let Beside { floor, attacker, ref templates, .. } = *beside;
    let e = &loaded.scenario.evaluate;
    let learned: Vec<FrozenPolicy> = made.iter().map(|m| m.policy.clone()).collect();
    let boot = (e.bootstrap_resamples, e.seed);
    let (mut standings, mut searched) = (Vec::new(), 0);
    let mut play = |floor: &Floor<'_>, groups: &[Group]| -> Result<(), LiquidationError> {
        let (constant, blocks) = floor.best_constant(spec.seeds[0], spec.validation_paths)?;
        searched += blocks;
        for group in groups {
            standings.push(stand(floor, group, &constant, &learned, boot)?);
        }
        Ok(())
    };
    let mut groups = groups(loaded);
    play(floor, &groups)?;
    if let Some(Pursuit { idle_blocks, .. }) = attacker {
        let attackers: Vec<Assailant> = made.iter().filter_map(|m| m.attacker.clone()).collect();
        let chance = 1.0 / attackers.len() as f64;
        let mixture = attackers.into_iter().map(|attacker| (chance, attacker)).collect();
        let worlds = floor.worlds.clone().against(mixture, idle_blocks);
        for group in &mut groups {
            group.name += ", attacked";
            group.about += ", under an attacker who learned beside one of the liquidators";
        }
        play(&floor.moved_to(&worlds), &groups)?;
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
        let text = format!(
            "learned at the same time, for its profit, on as many blocks besides those in which it waits, {idle_blocks} of \
             each episode; not judged here (`ballast eval --attacker`)"
        );
        facts.push(("attacker".to_owned(), text));
    }
    for (number, template) in templates.iter().enumerate() {
        facts.push(("template of attack".to_owned(), template.sentence(number)));
    }
    for m in made {
        let kept = match m.attacker {
            None => {
                let Made { updates, best_update, score_usd, .. } = m;
                format!(
                    "best of {updates} updates: {best_update} ({score_usd:.0} USD on worlds that choose)"
                )
            }
            Some(_) => format!(
                "last of {} updates ({:.0} USD on validation worlds, under the attacker who learned beside it)",
                m.updates, m.score_usd
            ),
        };
        facts.push((format!("seed {}", m.seed), format!("{kept}, {} turns", m.decisions)));
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
