//! An experiment, step by step; every step that is finished stays, so that an interrupted one goes on.

mod front;

use super::train;
use crate::commands::eval::{Arm, admit, compare, head_start_blocks, training_budget};
use crate::commands::experiment::Args;
use crate::commands::exploit::{self, DEPLOYED, exploit};
use crate::commands::{Audit, FEATURES, Learning, Play, reproducible, train as train_command};
use crate::output::{Failure, Output, Verdict, progress_bar};
use agents::frozen::FrozenPolicy;
use scenarios::arena::{self, Arena, Contestant, PathChoice};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::evaluate::{Group, Searches, Statics, baseline, evaluate, learned, search_statics};
use scenarios::experiment::report::{Outcome, Spot};
use scenarios::experiment::{Experiment, Exploiting, Grid, WayToTrain, judged, load, step};
use scenarios::exploit::on_trial;
use scenarios::fit::{moved, refuse_elsewhere, refuse_misfit};
use scenarios::folder::{Folder, OutFile};
use scenarios::load::{Loaded, load as load_scenario};
use scenarios::manifest::{Build, Manifest, RunError};
use scenarios::report::{Comparison, KEPT, LEARNED, Report};
use scenarios::schema::{Baseline, TrainSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// The experiment's text in its folder: what a later call is held against.
const EXPERIMENT_FILE: &str = "experiment.ron";

/// Everything that the steps have in common.
struct Workbench<'a> {
    args: &'a Args,
    experiment: Experiment,
    /// The scenario file, and the folder that those of ablations lie relative to.
    scenario: PathBuf,
    beside: PathBuf,
    /// Where everything goes.
    folder: PathBuf,
    threads: usize,
    output: Output,
}

/// The whole of `ballast experiment`.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let (mut experiment, text) = load(&args.experiment)?;
    experiment.set.extend(args.set.iter().cloned());
    let beside = args.experiment.parent().unwrap_or(Path::new(""));
    let scenario = beside.join(&experiment.scenario);
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(&experiment.name));
    let threads = Play { seed: None, threads: args.threads, set: Vec::new() }.start_threads()?;
    // What is wrong with any place of the experiment is said before hours are spent on it.
    let loaded = load_scenario(&scenario, &experiment.set)?;
    refuse_among(&experiment, &loaded)?;
    let front = experiment.front_arms().into_iter().map(|(_, arm)| arm);
    for arm in experiment.arms() {
        let there = load_scenario(&arm.file(beside, &scenario), &arm.set)?;
        let named = |misfit: String| Failure::Message(format!("`{}`: {misfit}", arm.name));
        refuse_elsewhere(&loaded, &there).map_err(named)?;
        if there.attacker.is_some() {
            there.to_learn_in(&args.audit.seated(&there)?.0).map_err(named)?;
        }
    }
    for arm in front {
        load_scenario(&scenario, &arm.set)?;
    }
    refuse_exploit(&experiment, &loaded, args.audit)?;
    refuse_grid(&experiment, &scenario, &loaded)?;
    open(&folder, &text)?;
    let beside = beside.to_owned();
    let workbench = Workbench { args, experiment, scenario, beside, folder, threads, output };
    let worlds = args.audit.worlds(&loaded)?;
    let outcome = workbench.through(&loaded, &worlds).map_err(|failure| {
        reproducible(failure, &worlds, &loaded, &workbench.folder.join("eval"))
    })?;
    let answer = outcome.to_markdown();
    workbench.write("experiment.md", &answer)?;
    workbench.write("experiment.json", &format!("{:#}\n", json!(outcome)))?;
    let run = workbench.folder.display().to_string();
    let value = json!({"run": run, "win_counts": outcome.win_counts(), "outcome": outcome});
    output.result(&value, || format!("{run}\n{answer}"));
    Ok(Verdict::Yes)
}

/// Refuses what plays one scenario where others' worlds are drawn among its own: overrides of a place reach it alone.
fn refuse_among(experiment: &Experiment, loaded: &Loaded) -> Result<(), Failure> {
    let one = [("grid", experiment.grid.is_some()), ("exploit", experiment.exploit.is_some())];
    match one.into_iter().find(|(_, is_there)| *is_there && !loaded.among.is_empty()) {
        None => Ok(()),
        Some((field, _)) => Err(Failure::Message(format!(
            "{}: `{field}` plays one scenario, and `train.among` draws others' worlds among its own; leave one of \
             them out",
            experiment.name
        ))),
    }
}

/// Refuses attackers where nobody could attack, or not for long enough: they are made last.
fn refuse_exploit(experiment: &Experiment, loaded: &Loaded, audit: Audit) -> Result<(), Failure> {
    let Some(spec) = experiment.exploit else { return Ok(()) };
    let idle_blocks =
        head_start_blocks("`exploit.head_start_hours`", spec.head_start_hours, loaded)?;
    on_trial(&audit.own_worlds(loaded)?, idle_blocks)
        .map(drop)
        .map_err(|error| Failure::Message(format!("{}: `exploit`: {error}", experiment.name)))
}

/// Refuses a grid that cannot be judged: without best static parameters, or with a place that cannot be or in
/// which policies would see or do something else.
fn refuse_grid(experiment: &Experiment, scenario: &Path, loaded: &Loaded) -> Result<(), Failure> {
    if experiment.grid.is_none() {
        return Ok(());
    }
    if !loaded.scenario.evaluate.baselines.contains(&Baseline::BestStatic) {
        return Err(Failure::Message(format!(
            "{}: a grid needs BestStatic among the scenario's `evaluate.baselines`",
            experiment.name
        )));
    }
    let untrained = Training { seeds: Vec::new(), updates: 0, decisions: 0 };
    let card = card(loaded, LEARNED, untrained, &Build::this(FEATURES));
    for place in experiment.places() {
        let there = load_scenario(scenario, &place.set)?;
        refuse_misfit(&there, &card).map_err(|misfit| {
            Failure::Message(format!("grid, {}: {misfit}", place.values.join(", ")))
        })?;
    }
    Ok(())
}

/// A folder for the experiment: a new one, or its own.
fn open(folder: &Path, text: &str) -> Result<(), Failure> {
    let file = folder.join(EXPERIMENT_FILE);
    match fs::read_to_string(&file) {
        Ok(there) if there == text => return Ok(()),
        Ok(_) => {
            return Err(Failure::Message(format!(
                "{}: another experiment is here, or this one before it was edited; choose another \
                 --out, or remove it",
                folder.display()
            )));
        }
        Err(_) if folder.exists() => {
            return Err(RunError::Exists { path: folder.to_owned() }.into());
        }
        Err(_) => {}
    }
    fs::create_dir_all(folder).map_err(RunError::io(folder))?;
    // At once: a part of it would be another experiment's to whoever goes on.
    Ok(OutFile::create(&file)?.finish(text.as_bytes())?)
}

impl Workbench<'_> {
    /// All steps.
    fn through(&self, loaded: &Loaded, worlds: &Worlds) -> Result<Outcome, Failure> {
        let mut arms: Vec<Arm> = Vec::new();
        for arm in self.experiment.arms() {
            arms.push((arm.name.clone(), self.raise(&arm, loaded)?));
            if arm.name == LEARNED {
                let kept = admit(loaded, &self.arm(LEARNED).join("policy"))?;
                arms.push((KEPT.to_owned(), vec![kept]));
            }
        }
        let baselines = &loaded.scenario.evaluate.baselines;
        let statics = self.kept("statics", &loaded.hash, || {
            let all = training_budget(loaded);
            let budget = self.experiment.search_blocks.unwrap_or(all);
            let bar = progress_bar("search", budget * Searches::of(loaded, baselines).count());
            let found = search_statics(worlds, loaded, baselines, &[], budget, &|n| bar.inc(n))?;
            bar.finish_and_clear();
            Ok(found)
        })?;
        let mut elsewhere = Vec::new();
        for arm in self.experiment.arms() {
            elsewhere.extend(self.elsewhere(&arm)?);
        }
        let report: Report = self.kept("report", &judged(&loaded.hash, &elsewhere), || {
            let (mut report, _) = compare(worlds, loaded, &arms, baselines, &statics)?;
            report.facts.extend(loaded.scenario.train.iter().flat_map(TrainSpec::facts));
            report.facts.extend(self.experiment.ablations.iter().map(WayToTrain::fact));
            Ok(report)
        })?;
        let grid = match &self.experiment.grid {
            Some(grid) => {
                self.kept("grid", &loaded.hash, || self.grid(loaded, grid, &arms, &statics))?
            }
            None => Vec::new(),
        };
        let exploited = match self.experiment.exploit {
            Some(spec) => self.exploit(spec, loaded)?,
            None => Vec::new(),
        };
        let front = self.front()?;
        Ok(Outcome {
            experiment: self.experiment.clone(),
            scenario_hash: loaded.hash.clone(),
            statics,
            report,
            grid,
            exploited,
            front,
        })
    }

    /// The policies of an arm, trained if they are not there.
    fn raise(&self, arm: &WayToTrain, judged: &Loaded) -> Result<Vec<FrozenPolicy>, Failure> {
        let scenario = arm.file(&self.beside, &self.scenario);
        let loaded = load_scenario(&scenario, &arm.set)?;
        let out = self.arm(&arm.name);
        if !out.exists() {
            self.output.note(&format!("training {}", arm.name));
            let arms = out.parent().unwrap_or(&self.folder);
            fs::create_dir_all(arms).map_err(RunError::io(arms))?;
            let args = train_command::Args {
                scenario,
                learning: Learning {
                    play: self.play(arm.set.clone()),
                    audit: self.args.audit,
                    resume: Folder::partial(&out).exists(),
                    out: Some(out.clone()),
                    device: self.args.device.clone(),
                },
                train_only: true,
            };
            train(&args, &loaded, self.threads, self.output)?;
        }
        self.own(&out, &loaded)?;
        let seeds = loaded.scenario.train.iter().flat_map(|t| &t.seeds);
        seeds.map(|s| admit(judged, &out.join("policies").join(format!("seed-{s}")))).collect()
    }

    /// Names the scenario of a way to train that has one of its own.
    fn elsewhere(&self, arm: &WayToTrain) -> Result<Option<String>, Failure> {
        if arm.scenario.is_none() {
            return Ok(None);
        }
        let there = arm.file(&self.beside, &self.scenario);
        Ok(Some(load_scenario(&there, &arm.set)?.hash))
    }

    /// Refuses a finished run of another scenario.
    fn own(&self, run: &Path, loaded: &Loaded) -> Result<(), Failure> {
        if Manifest::read(run)?.scenario_hash == loaded.hash {
            return Ok(());
        }
        Err(Failure::Message(format!(
            "{}: the scenario, a file of it or an override has changed since this was made; remove it, or \
             choose another --out",
            run.display()
        )))
    }

    fn arm(&self, name: &str) -> PathBuf {
        self.folder.join("arms").join(name)
    }

    fn play(&self, set: Vec<String>) -> Play {
        Play { seed: None, threads: self.threads, set }
    }

    /// Learned against best static in every place of the grid.
    fn grid(
        &self,
        here: &Loaded,
        grid: &Grid,
        arms: &[Arm],
        statics: &Statics,
    ) -> Result<Vec<Spot>, Failure> {
        let mut spots = Vec::new();
        for place in self.experiment.places() {
            let loaded = load_scenario(&self.scenario, &place.set)?;
            let worlds = self.args.audit.worlds(&loaded)?;
            let at = place.values.join(", ");
            let mut seen: Vec<Arm> = Vec::new();
            for (name, policies) in arms.iter().take(1) {
                let moved = moved(policies, &here.scenario, &loaded.scenario);
                let moved = moved.map_err(|e| Failure::Message(format!("grid, {at}: {e}")))?;
                seen.push((name.clone(), moved));
            }
            let against_static = against_static(&worlds, &loaded, grid.paths, &seen, statics, &at)
                .map_err(|failure| {
                    reproducible(failure, &worlds, &loaded, &self.folder.join("grid"))
                })?;
            spots.push(Spot { values: place.values, against_static });
        }
        Ok(spots)
    }

    /// Attackers against the parameters as deployed and against each arm's best policy.
    fn exploit(
        &self,
        spec: Exploiting,
        loaded: &Loaded,
    ) -> Result<Vec<(String, scenarios::exploit::report::Report)>, Failure> {
        let mut all = vec![(DEPLOYED.to_owned(), DEPLOYED.to_owned(), PathBuf::from(DEPLOYED))];
        for arm in self.experiment.arms() {
            let there = self.elsewhere(&arm)?;
            let folder = there.map(|hash| format!("{}-{}", arm.name, &hash[..8]));
            let bundle = self.arm(&arm.name).join("policy");
            all.push((folder.unwrap_or_else(|| arm.name.clone()), arm.name, bundle));
        }
        let mut reports: Vec<(String, scenarios::exploit::report::Report)> = Vec::new();
        for (folder, name, bundle) in all {
            let out = self.folder.join("exploit").join(folder);
            if !out.exists() {
                self.output.note(&format!("attacking {name}"));
                let parent = self.folder.join("exploit");
                fs::create_dir_all(&parent).map_err(RunError::io(&parent))?;
                let args = exploit::Args {
                    bundle,
                    scenario: self.scenario.clone(),
                    play: self.play(self.experiment.set.clone()),
                    audit: self.args.audit,
                    budget: spec.budget_blocks,
                    attackers: spec.attackers,
                    head_start: spec.head_start_hours,
                    worlds: spec.worlds,
                    out: Some(out.clone()),
                };
                let known = reports.first().map(|(_, report)| report.controls.clone());
                exploit(&args, loaded, self.threads, known)?;
            }
            self.own(&out, loaded)?;
            let path = out.join("exploit.json");
            let bytes = fs::read(&path).map_err(RunError::io(&path))?;
            let report = serde_json::from_slice(&bytes).map_err(|error| {
                Failure::Message(format!("{}: {error}; remove {}", path.display(), out.display()))
            })?;
            reports.push((name, report));
        }
        Ok(reports)
    }

    /// What a step came to: made, or as an earlier call left it for the same scenario.
    fn kept<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        hash: &str,
        make: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let path = self.folder.join(format!("{name}-{}.ron", &hash[..8]));
        if let Some(made) = step::kept(&path)? {
            return Ok(made);
        }
        self.output.note(name);
        let made = make()?;
        step::keep(&path, &made)?;
        Ok(made)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), Failure> {
        let path = self.folder.join(name);
        Ok(fs::write(&path, text).map_err(RunError::io(&path))?)
    }
}

/// Learned less best static on unseen draws of a place.
fn against_static(
    worlds: &Worlds,
    loaded: &Loaded,
    paths: u32,
    arms: &[Arm],
    statics: &Statics,
    at: &str,
) -> Result<Comparison, Failure> {
    let e = &loaded.scenario.evaluate;
    let group = Group {
        name: at.to_owned(),
        about: String::new(),
        worlds: arena::worlds(e.seed, 0, paths, PathChoice::Drawn),
    };
    let judged = arms.iter().map(|(name, policies)| learned(name, policies));
    let fixed = baseline(Baseline::BestStatic, &loaded.scenario, worlds.deployed(), statics);
    let contestants: Vec<Contestant<'_>> = judged.chain(fixed).collect();
    let results = evaluate(worlds, &[group], &contestants, &|_| ())?;
    let report = Report::build("", "", Vec::new(), &results, e.bootstrap_resamples, e.seed);
    report.comparisons.into_iter().next().ok_or_else(|| {
        Failure::Message(format!("grid, {at}: no best static parameters were found"))
    })
}
