//! Training, from a scenario to a finished run folder: policies, searches, report, bundles, tape.

pub(crate) mod experiment;
mod league;
pub(crate) mod liquidate;
mod liquidator;
mod meetings;
mod population;
pub(crate) mod pursue;
mod rounds;
mod seed;
mod self_play;

use crate::commands::eval::compare;
use crate::commands::run::tape_name;
use crate::commands::train::Args;
use crate::commands::{FEATURES, Learning, out_folder, reproducible};
use crate::output::{Failure, Output, Verdict, progress_bar};
use agents::export::bundle;
use agents::frozen::FrozenPolicy;
use agents::learn::network;
use scenarios::arena::{Arena, PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::card::{Training, card};
use scenarios::episode::{Recorded, hex, record, write_tables};
use scenarios::evaluate::{Recording, Searches, Statics, search_statics};
use scenarios::folder::{Folder, OutFile};
use scenarios::load::Loaded;
use scenarios::manifest::{Build, DateSplit, Manifest, RunError, RunKind};
use scenarios::report::{LEARNED, Report};
use scenarios::schema::{Role, TrainSpec};
use scenarios::statics::StaticParams;
use scenarios::table::{Table, Values};
use scenarios::templates::Description;
use scenarios::totals::COLUMNS;
use seed::{Trained, train_seeds};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The scenario's text inside a training folder: what `--resume` is held against.
const SCENARIO_FILE: &str = "scenario.ron";
/// Beside it what names the text and all its files.
const HASH_FILE: &str = "scenario.hash";
/// Observations kept as golden vectors.
const GOLDEN_ROWS: usize = 32;

/// The whole of `ballast train`.
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    let loaded = load(&args.learning, &args.scenario)?;
    let threads = args.learning.play.start_threads()?;
    let (value, text) = train(args, &loaded, threads, output)?;
    output.result(&value, || text);
    Ok(Verdict::Yes)
}

/// Trains on a loaded scenario; what there is to say of the finished run, as JSON and as text.
fn train(
    args: &Args,
    loaded: &Loaded,
    threads: usize,
    output: Output,
) -> Result<(Value, String), Failure> {
    let Some(spec) = loaded.scenario.train.clone() else {
        return Err(Failure::Message(format!(
            "{}: no `train` section; add one, or train on scenarios/library/siege.ron",
            args.scenario.display()
        )));
    };
    let audit = args.learning.audit;
    // Only attackers that learn choose among templates.
    let (worlds, templates) = if spec.meets_learned_attackers() {
        audit.seated(loaded)?
    } else {
        (audit.worlds(loaded)?, Vec::new())
    };
    let to_learn_in = loaded.to_learn_in(&worlds).map_err(Failure::Message)?;
    network::device(&args.learning.device).map_err(Failure::from_error)?;
    let folder = open_folder(&args.learning, "train", loaded)?;
    let target = folder.target().to_owned();
    let grounds = Grounds { worlds: &worlds, to_learn_in: &to_learn_in, templates: &templates };
    through(args, loaded, grounds, &spec, threads, folder, output)
        .map_err(|failure| reproducible(failure, &worlds, loaded, &target))
}

/// Where policies of a scenario play.
struct Grounds<'a> {
    /// The scenario's worlds: policies are judged there.
    worlds: &'a Worlds,
    /// Those in which they learn.
    to_learn_in: &'a Worlds,
    /// The templates of both.
    templates: &'a [Description],
}

/// From the first update to the finished folder.
fn through(
    args: &Args,
    loaded: &Loaded,
    grounds: Grounds<'_>,
    spec: &TrainSpec,
    threads: usize,
    folder: Folder,
    output: Output,
) -> Result<(Value, String), Failure> {
    let Learning { device, resume, .. } = &args.learning;
    let Grounds { worlds, to_learn_in, templates } = grounds;
    let trained = train_seeds(to_learn_in, loaded, spec, folder.path(), device, *resume, output)?;
    let learner_blocks: u64 = trained.iter().map(|t| t.blocks).sum();
    let chosen = best(&trained);
    export(loaded, worlds, &trained, chosen, folder.path())?;
    write_log(&trained, folder.path())?;
    let statics = if args.train_only {
        Statics::default()
    } else {
        let baselines = &loaded.scenario.evaluate.baselines;
        let searches = Searches::of(loaded, baselines).count();
        let bar = progress_bar("search", learner_blocks * searches);
        let found =
            search_statics(worlds, loaded, baselines, &[], learner_blocks, &|n| bar.inc(n))?;
        bar.finish_and_clear();
        found
    };
    let report = (!args.train_only)
        .then(|| judge((worlds, templates), loaded, spec, &trained, &statics, folder.path()))
        .transpose()?;
    let recorded = play_chosen(worlds, loaded, &trained[chosen].policy, folder.path())?;
    let mut manifest = manifest(args, loaded, spec, threads, learner_blocks, &recorded);
    manifest.templates = templates.iter().map(|t| t.steps.clone()).collect();
    let target = folder.finish(manifest)?;
    let value = json!({
        "run": target,
        "scenario_hash": loaded.hash,
        "seeds": spec.seeds,
        "training_blocks": learner_blocks,
        "search_blocks": statics.best.as_ref().map(|f| f.blocks),
        "chosen_seed": trained[chosen].seed,
        "better_than_static": report.as_ref().and_then(Report::better_than_static),
        "policy": target.join("policy"),
        "report": report,
    });
    let text = match &report {
        Some(report) => format!("{}\n{}", target.display(), report.to_markdown()),
        None => target.display().to_string(),
    };
    Ok((value, text))
}

/// The scenario; `--seed` replaces its training seeds by as many from there on.
fn load(learning: &Learning, scenario: &Path) -> Result<Loaded, Failure> {
    let mut play = learning.play.clone();
    let loaded = play.load(scenario)?;
    let (Some(first), Some(train)) = (play.seed, &loaded.scenario.train) else { return Ok(loaded) };
    let seeds = (0..train.seeds.len() as u64).map(|i| first.checked_add(i));
    let seeds: Vec<u64> = seeds.collect::<Option<_>>().ok_or_else(|| {
        Failure::Message(format!(
            "--seed {first}: {} training seeds from there on are not all 64-bit numbers; choose a \
             smaller one",
            train.seeds.len()
        ))
    })?;
    play.set.push(format!("train.seeds={seeds:?}"));
    play.load(scenario)
}

/// A new folder, or the one that an interrupted run of the same scenario left; `what` is the run's kind.
fn open_folder(learning: &Learning, what: &str, loaded: &Loaded) -> Result<Folder, Failure> {
    let resume = learning.resume;
    let stem = format!("{}-{what}-{}", loaded.scenario.name, &loaded.hash[..8]);
    let target = out_folder(learning.out.as_ref(), &stem);
    let partial = Folder::partial(&target);
    let (text, hash) = (partial.join(SCENARIO_FILE), partial.join(HASH_FILE));
    if partial.exists() && !resume {
        return Err(Failure::Message(format!(
            "{}: an interrupted run is here; go on with --resume, or remove it",
            partial.display()
        )));
    }
    let is = |file: &Path, what: &str| fs::read_to_string(file).is_ok_and(|there| there == what);
    // The hash comes last and at once: where it is not, the run was killed before it began.
    let begun = hash.exists();
    let own = || is(&text, &loaded.text) && is(&hash, &loaded.hash);
    if resume && (!partial.exists() || (begun && !own())) {
        return Err(Failure::Message(format!(
            "{}: nothing to resume here, or another scenario's; give the same scenario, with the same files, \
             overrides and --out as the interrupted run had",
            partial.display()
        )));
    }
    let folder = Folder::resume(&target)?;
    if !begun {
        fs::write(&text, loaded.text.as_bytes()).map_err(RunError::io(&text))?;
        OutFile::create(&hash)?.finish(loaded.hash.as_bytes())?;
    }
    Ok(folder)
}

/// The seed whose policy scored best; the first of equals.
fn best(trained: &[Trained]) -> usize {
    let mut best = 0;
    for (i, t) in trained.iter().enumerate() {
        if t.score > trained[best].score {
            best = i;
        }
    }
    best
}

/// Bundles: one per seed, and the chosen one once more as `policy`.
fn export(
    loaded: &Loaded,
    worlds: &Worlds,
    trained: &[Trained],
    chosen: usize,
    folder: &Path,
) -> Result<(), Failure> {
    let build = Build::this(FEATURES);
    let write = |t: &Trained, dir: &Path| -> Result<(), Failure> {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(RunError::io(dir))?;
        }
        let seeds = std::iter::once(t.seed)
            .chain(trained.iter().map(|o| o.seed).filter(|s| *s != t.seed))
            .collect();
        let training = Training { seeds, updates: t.best_update, decisions: t.best_decisions };
        let card = card(loaded, t.policy.name(), training, &build);
        let mut policy = t.policy.clone();
        let observed = observe(worlds, &policy, t.seed)?;
        bundle::write(dir, &mut policy, card, &observed).map_err(Failure::from_error)?;
        Ok(())
    };
    let all = folder.join("policies");
    fs::create_dir_all(&all).map_err(RunError::io(&all))?;
    for t in trained {
        write(t, &all.join(format!("seed-{}", t.seed)))?;
    }
    write(&trained[chosen], &folder.join("policy"))
}

/// An observation and its mask.
type Row = (Vec<f32>, Vec<f32>);

/// Observations and masks of a drawn world, spread over its episode.
fn observe(worlds: &Worlds, policy: &FrozenPolicy, seed: u64) -> Result<Vec<Row>, Failure> {
    let inner = policy.clone();
    let mut recording =
        Recording { inner, rows: Vec::new(), limit: GOLDEN_ROWS, every: 2, asked: 0 };
    let world =
        WorldAddress { seed, instance: seed::VALIDATION_INSTANCES, path: PathChoice::Drawn };
    worlds.play(world, &StaticParams::default(), &mut recording)?;
    Ok(recording.rows)
}

/// Evaluation, and its files.
fn judge(
    (worlds, templates): (&Worlds, &[Description]),
    loaded: &Loaded,
    spec: &TrainSpec,
    trained: &[Trained],
    statics: &Statics,
    folder: &Path,
) -> Result<Report, Failure> {
    let policies: Vec<FrozenPolicy> = trained.iter().map(|t| t.policy.clone()).collect();
    let arms = [(LEARNED.to_owned(), policies)];
    let baselines = &loaded.scenario.evaluate.baselines;
    let (mut report, results) = compare(worlds, loaded, &arms, baselines, statics)?;
    let mut fact = |name: &str, value: String| report.facts.push((name.to_owned(), value));
    for (name, value) in spec.facts() {
        fact(&name, value);
    }
    let scored = if spec.population.is_some() || spec.self_play.is_some() {
        "objective in the worst of its meetings"
    } else {
        "validation objective"
    };
    for t in trained {
        fact(
            &format!("seed {}", t.seed),
            format!(
                "best of {} updates: {} ({scored} {:.0} USD), {} blocks",
                t.updates, t.best_update, t.score, t.blocks
            ),
        );
    }
    for (number, template) in templates.iter().enumerate() {
        fact("template of attack", template.sentence(number));
    }
    let dates = DateSplit::of(loaded);
    for (name, ranges) in [("training dates", &dates.train), ("test dates", &dates.test)] {
        let list: Vec<String> = ranges.iter().map(|r| format!("{}/{}", r.start, r.end)).collect();
        fact(name, list.join(", "));
    }
    fact("embargo", format!("{} days", dates.embargo_days));
    let files = [
        ("report.md", report.to_markdown()),
        ("report.json", pretty(&json!({"report": report, "statics": statics}))),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(RunError::io(&path))?;
    }
    let mut table = [Vec::new(), Vec::new()];
    let (mut seeds, mut paths) = (Vec::new(), Vec::new());
    let mut columns = vec![Vec::new(); COLUMNS.len()];
    for result in &results {
        for entry in &result.entries {
            for (s, row) in entry.totals.iter().enumerate() {
                for (p, totals) in row.iter().enumerate() {
                    table[0].push(result.group.clone());
                    table[1].push(entry.policy.clone());
                    seeds.push(s as i64);
                    paths.push(p as i64);
                    for (column, values) in COLUMNS.iter().zip(&mut columns) {
                        values.push((column.value)(totals));
                    }
                }
            }
        }
    }
    let [groups, policies] = table;
    let mut table = Table::default()
        .with("group", Values::Words(groups))
        .with("policy", Values::Words(policies))
        .with("seed_index", Values::Integers(seeds))
        .with("path", Values::Integers(paths));
    for (column, values) in COLUMNS.iter().zip(columns) {
        table = table.with(column.key, Values::Numbers(values));
    }
    write_table(&table, &folder.join("evaluation.parquet"))?;
    Ok(report)
}

/// The learner's log as a table: one row per update and seed, TensorBoard's tags as columns.
fn write_log(trained: &[Trained], folder: &Path) -> Result<(), Failure> {
    let rows = || trained.iter().flat_map(|t| t.log.iter().map(move |log| (t.seed, log)));
    let mut table = Table::default()
        .with("seed", Values::Integers(rows().map(|(seed, _)| seed as i64).collect()));
    let updates = rows().map(|(_, log)| log.update as i64).collect();
    let decisions = rows().map(|(_, log)| log.decisions as i64).collect();
    table = table
        .with("update", Values::Integers(updates))
        .with("decisions", Values::Integers(decisions));
    let tags: BTreeSet<&str> = rows().flat_map(|(_, log)| log.tags()).collect();
    for tag in tags {
        let values = rows().map(|(_, log)| log.number(tag).unwrap_or(f64::NAN)).collect();
        table = table.with(tag, Values::Numbers(values));
    }
    write_table(&table, &folder.join("training.parquet"))
}

/// Records the chosen policy on the first test window, or on a drawn path where there is none.
fn play_chosen(
    worlds: &Worlds,
    loaded: &Loaded,
    policy: &FrozenPolicy,
    folder: &Path,
) -> Result<Recorded, Failure> {
    let test = loaded.windows.iter().position(|w| w.role == Role::Test);
    let path = test.map_or(PathChoice::Drawn, PathChoice::Window);
    let world = WorldAddress { seed: loaded.scenario.evaluate.seed, instance: 0, path };
    let bar = progress_bar("record", loaded.scenario.blocks());
    let tape = folder.join(tape_name(0));
    let recorded = record(worlds, loaded, world, &mut policy.clone(), &tape, &|n| bar.inc(n))?;
    bar.finish_and_clear();
    write_tables(folder, std::slice::from_ref(&recorded))?;
    Ok(recorded)
}

fn manifest(
    args: &Args,
    loaded: &Loaded,
    spec: &TrainSpec,
    threads: usize,
    blocks: u64,
    recorded: &Recorded,
) -> Manifest {
    let test = loaded.windows.iter().find(|w| w.role == Role::Test);
    let begun = Manifest::begin(
        RunKind::Train,
        loaded,
        spec.seeds[0],
        threads as u32,
        Build::this(FEATURES),
    );
    Manifest {
        scenario_path: args.scenario.clone(),
        window: test.map(|w| w.name.clone()),
        start_digest: hex(&recorded.start),
        end_digest: hex(&recorded.end),
        blocks,
        ..begun
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn write_table(table: &Table, path: &Path) -> Result<(), Failure> {
    let at = path.to_owned();
    table.write(path).map_err(|source| RunError::Table { path: at, source }.into())
}
