//! Training is bit-identical on a CPU, through an interruption too.

use crate::support::{ballast, json, library};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Settings small enough for a test.
pub(crate) const SMALL: [&str; 9] = [
    "episode_hours=1",
    "train.seeds=[1]",
    "train.lanes=4",
    "train.budget_blocks=40000",
    "train.checkpoint_every_updates=1",
    "train.ppo.rollout_steps=10",
    "train.ppo.minibatch=20",
    "train.ppo.hidden=[16, 16]",
    "train.hold_bias=1.0",
];

pub(crate) fn args(scenario: &str, out: &str, resume: bool, further: &[&str]) -> Vec<String> {
    let mut args: Vec<String> =
        ["train", scenario, "--train-only", "--out", out].map(str::to_owned).into();
    for set in SMALL.iter().chain(further) {
        args.extend(["--set".to_owned(), (*set).to_owned()]);
    }
    if resume {
        args.push("--resume".to_owned());
    }
    args
}

pub(crate) fn train(dir: &Path, out: &str, resume: bool, further: &[&str]) {
    let siege = library("siege");
    let args = args(siege.to_str().expect("UTF-8"), out, resume, further);
    let out = ballast(dir, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Overrides that are refused before anything is trained, and a part of what is said.
pub(crate) fn refuses(dir: &Path, cases: &[(&[&str], &str)]) {
    let siege = library("siege");
    for (further, words) in cases {
        let args = args(siege.to_str().expect("UTF-8"), "refused", false, further);
        let out = ballast(dir, &args.iter().map(String::as_str).collect::<Vec<_>>());
        let said =
            String::from_utf8_lossy(&out.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.status.code() == Some(2) && said.contains(words), "{further:?}: {said}");
    }
}

#[test]
fn training_ends_with_the_same_bytes_twice_and_after_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    ends_alike(dir.path(), &[]);
    // A run that was killed before it began is begun by whoever goes on with it.
    let partial = dir.path().join("four.partial");
    fs::create_dir(&partial).expect("a folder");
    fs::write(partial.join("scenario.ron"), "(").expect("writes");
    train(dir.path(), "four", true, &[]);
    let weights =
        |run: &str| fs::read(dir.path().join(run).join("policy/weights.bin")).expect("reads");
    assert_eq!(weights("one"), weights("four"));
    let siege = library("siege");
    export_and_judge(dir.path(), siege.to_str().expect("UTF-8"));
}

/// Levels that are drawn, replayed, and edited, the curriculum's state in the checkpoint.
#[test]
fn training_on_a_curriculum_ends_with_the_same_bytes_twice_and_after_a_kill() {
    let folders: [_; 4] = std::array::from_fn(|_| tempfile::tempdir().expect("a folder"));
    let [plain, levels @ ..] = &folders;
    train(plain.path(), "one", false, &[]);
    for (method, dir) in ["DomainRandomisation", "Plr", "Accel"].into_iter().zip(levels) {
        // As many as there are lanes: from the second episodes on there is something to replay.
        let curriculum = format!(
            "train.curriculum=(method: {method}, buffer: 4, parameters: [
                (path: \"exchange.listings.TAIL.depth_usd\", low: 5e4, high: 2e6, scale: Logarithmic),
                (path: \"exchange.impact_half_life_secs\", low: 60.0, high: 7200.0),
            ])"
        );
        ends_alike(dir.path(), &[&curriculum]);
    }
    // What was learned from, update by update: the policy that is kept may be an early one.
    let log = |dir: &TempDir| fs::read(dir.path().join("one/training.parquet")).expect("reads");
    let all: BTreeSet<Vec<u8>> = folders.iter().map(log).collect();
    assert_eq!(all.len(), 4, "each learns elsewhere");
}

/// What a baseline does is learned from it, by name, and who cannot teach is refused by name.
#[test]
fn a_policy_does_what_its_teacher_does() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let teacher = "train.teacher=(policy: FreezeAll, weight: 20.0, share: 1.0)";
    let quick = "train.ppo.learning_rate=0.01";
    train(dir.path(), "one", false, &[teacher, quick]);
    // Two scenarios, and the same bundle once more by a name.
    let twap = library("siege_twap");
    let mut eval = vec!["eval", siege, twap.to_str().expect("UTF-8")];
    for policy in ["one/policy", "again=one/policy", "deployed", "freeze-all"] {
        eval.extend(["--policy", policy]);
    }
    let fresh = ["episode_hours=1", "windows=[]", "fitted_on=[]", "evaluate.fresh_paths=1"];
    let paths = "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 1.0)])";
    let set = fresh.into_iter().chain([paths]);
    eval.extend(set.flat_map(|set| ["--set", set]));
    let reports = json(dir.path(), &eval);
    let [report, elsewhere] = reports["scenarios"].as_array().expect("two").as_slice() else {
        panic!("two scenarios: {reports}");
    };
    assert_eq!(elsewhere["report"]["scenario"], "siege_twap");
    let changes = |policy: &str| {
        let rows = report["report"]["rows"].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| row["policy"] == policy).expect("its row");
        let mut cells = row["cells"].as_array().expect("cells").iter();
        cells.find(|c| c["column"] == "changes").expect("a cell")["estimate"]["mean"].as_f64()
    };
    assert!(changes("deployed") == Some(0.0) && changes("freeze all") > Some(0.0), "{report}");
    assert_eq!(changes("learned"), changes("freeze all"), "{report}");
    assert_eq!(changes("learned"), changes("again"), "{report}");

    let cap = "train.ppo.tail=ReturnCap(share: 0.2, step: 0.2, floor: 0.0)";
    let curriculum = "train.curriculum=(method: Plr, buffer: 4, parameters: [(path: \"oracles.0.lag_secs\", low: 0.0, high: 9.0)])";
    let refused: [(&[&str], &str); 8] = [
        (&["train.teacher=(policy: Delist)"], "Delist"),
        (&["train.teacher=(policy: Greedy, share: 0.0)"], "`share` is 0"),
        (&["train.ppo.kickstart=(weight: 1.0, share: 0.5)"], "write `train.teacher`"),
        (&["train.twin=true", cap], "would cap the difference"),
        (&["train.twin=true", curriculum], "have no twins yet"),
        (&["train.teacher=(policy: Greedy)", curriculum], "may deploy another"),
        (&["train.teacher=(policy: Greedy)", "train.population=()"], "would come back with it"),
        (&["train.teacher=(policy: FreezeAll)", "train.side=Liquidation"], "moves no head"),
    ];
    refuses(dir.path(), &refused);
}

/// The twins' state is in the checkpoint, and a teacher comes back.
#[test]
fn training_beside_twins_ends_with_the_same_bytes_twice_and_after_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    ends_alike(dir.path(), &["train.twin=true", "train.teacher=(policy: Greedy)"]);
}

/// Two scenarios' worlds in turn: the same bytes twice and after kills, and a report that says so.
#[test]
fn training_among_other_scenarios_ends_with_the_same_bytes_and_is_judged_there() {
    let dir = tempfile::tempdir().expect("a folder");
    let among = "train.among=[(scenario: \"calm.ron\", set: [\"episode_hours=1\"])]";
    ends_alike(dir.path(), &[among]);
    train(dir.path(), "plain", false, &[]);
    let weights = |run: &str| fs::read(dir.path().join(run).join("policy/weights.bin"));
    assert_ne!(weights("one").ok(), weights("plain").ok(), "it learns elsewhere");
    assert_eq!(json(dir.path(), &["replay", "one"])["matches"], true);

    let siege = library("siege");
    let mut eval = vec!["eval", siege.to_str().expect("UTF-8"), "--policy", "one/policy"];
    for set in [among, "episode_hours=1", "evaluate.fresh_paths=4", "evaluate.paths_per_window=1"] {
        eval.extend(["--set", set]);
    }
    let report = json(dir.path(), &eval);
    let rows = report["report"]["rows"].as_array().expect("rows");
    let of = |group: &str| {
        let row = rows.iter().find(|row| row["group"] == group).expect("its row");
        (row["paths"].as_u64(), row["by_seed_usd"][0].as_f64().expect("a mean"))
    };
    let [all, own, other] = ["fresh", "fresh in siege", "fresh in calm"].map(of);
    assert_eq!([all.0, own.0, other.0], [Some(4), Some(2), Some(2)]);
    assert!((2.0 * all.1 - own.1 - other.1).abs() < 1e-6 * all.1.abs(), "{rows:?}");
    // What plays one scenario does not play another under its name.
    let mut run = vec!["run", siege.to_str().expect("UTF-8")];
    run.extend(["--set", among]);
    let refused = ballast(dir.path(), &run);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("train.among=[]"));
}

/// What is remembered is in the checkpoint, and in the bundle and its answers; whoever asks the policy beforehand what
/// it will do leaves no trace in it.
#[test]
fn a_policy_with_memory_ends_with_the_same_bytes_and_is_exported() {
    let dir = tempfile::tempdir().expect("a folder");
    ends_alike(dir.path(), &["train.ppo.memory=6"]);
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    export_and_judge(dir.path(), siege);
    let golden = fs::read(dir.path().join("bundle/golden.json")).expect("reads");
    let golden: Value = serde_json::from_slice(&golden).expect("JSON");
    assert_eq!(golden["cases"][1]["memory"].as_array().map(Vec::len), Some(6));
    let exploit =
        ["exploit", "bundle", "--scenario", siege, "--budget", "8000", "--attackers", "1"];
    let small = ["--worlds", "1", "--head-start", "0.1", "--set", "episode_hours=1"];
    let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
    let report = json(dir.path(), &[&exploit[..], &small, &short].concat());
    assert_eq!(report["report"]["rows"].as_array().map(Vec::len), Some(7));

    let out =
        ballast(dir.path(), &["liquidate", siege, "--policy", "bundle", "--out", "liquidator"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(2) && said.contains("a policy with memory"), "{said}");

    let population = "train.population=(rounds: 2, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2, solver: Nash)";
    let words = "a policy with memory learns from every episode";
    refuses(dir.path(), &[(&["train.ppo.memory=6", population], words)]);
}

/// A governor of numbers, by either learner: memory and normalisers are in the checkpoint, the bundle says which function
/// lies between its layers, and attackers that see through it find numbers.
#[test]
fn governors_of_numbers_end_with_the_same_bytes_and_are_exported() {
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let sac =
        "train.sac=(rollout_steps: 10, warm_up_steps: 20, memory: 3000, minibatch: 16, width: 16)";
    let raw = "train.sac=(rollout_steps: 10, warm_up_steps: 20, memory: 3000, minibatch: 16, width: 16, \
               normalise_observations: false, normalise_returns: false)";
    let settings = [
        (["train.numbers=true", "train.ppo.initial_log_std=-0.5"].as_slice(), "tanh"),
        (&["train.numbers=true", "train.ppo.memory=4"], "tanh"),
        (&[sac, "train.twin=true"], "relu"),
        (&[raw], "relu"),
    ];
    for (further, activation) in settings {
        let dir = tempfile::tempdir().expect("a folder");
        ends_alike(dir.path(), further);
        export_and_judge(dir.path(), siege);
        let read = |file: &str| -> Value {
            let bytes = fs::read(dir.path().join("bundle").join(file)).expect("reads");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let network = &read("metadata.json")["network"];
        assert_eq!(network["activation"], activation);
        assert_eq!(network["bounds"]["high"][0], 2.0);
        let answers = read("golden.json");
        let answers = answers["cases"][0]["action"].as_array().expect("numbers").iter();
        let numbers: Vec<f64> = answers.filter_map(Value::as_f64).collect();
        assert!(numbers.iter().all(|n| (0.0..=2.0).contains(n)), "{numbers:?}");
        assert!(numbers.iter().any(|n| n.fract() != 0.0), "{numbers:?}");
        let exploit =
            ["exploit", "bundle", "--scenario", siege, "--budget", "8000", "--attackers", "1"];
        let small = ["--worlds", "1", "--head-start", "0.1", "--set", "episode_hours=1"];
        let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
        let report = json(dir.path(), &[&exploit[..], &small, &short].concat());
        assert_eq!(report["report"]["rows"].as_array().map(Vec::len), Some(7));
    }
    let dir = tempfile::tempdir().expect("a folder");
    let population = "train.population=(rounds: 1, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2, solver: Nash)";
    train(dir.path(), "met", false, &["train.numbers=true", population]);
    let levels = "train.curriculum=(method: Accel, buffer: 8, parameters: [
        (path: \"exchange.impact_half_life_secs\", low: 60.0, high: 7200.0)])";
    for (out, further) in [("levels", levels), ("side", "train.side=Collateral")] {
        train(dir.path(), out, false, &["train.numbers=true", further]);
        assert_eq!(json(dir.path(), &["verify", &format!("{out}/policy")])["verified"], true);
    }

    let tail = "train.ppo.tail=Budget(cost: \"bad_debt_usd\", level: 0.95, budget: 1e5)";
    let refused: [(&[&str], &str); 9] = [
        (
            &["train.numbers=true", "train.teacher=(policy: Greedy)"],
            "it is for policies of choices",
        ),
        (&["train.ppo.initial_log_std=-1.0"], "choices have no deviation"),
        (&[sac, "train.ppo.initial_log_std=-1.0"], "learns its own"),
        (&["train.sac=(warm_up_steps: 1000)"], "nothing would be learned in the 200 decisions"),
        (&[sac, population], "a population's rounds"),
        (&[sac, tail], "holds no tail"),
        (&[sac, "train.ppo.memory=4"], "without memory"),
        (&["train.sac=(minibatch: 0)"], "`minibatch` must be at least 1"),
        (&["train.sac=(gama: 0.9)"], "did you mean `gamma`"),
    ];
    refuses(dir.path(), &refused);
}

pub(crate) fn ends_alike(dir: &Path, further: &[&str]) {
    ends_alike_at(dir, "checkpoints/seed-1/latest.ckpt", further);
}

/// Trains three times, once through kills, the first as soon as there is a first checkpoint.
pub(crate) fn ends_alike_at(dir: &Path, checkpoint: &str, further: &[&str]) {
    train(dir, "one", false, further);
    train(dir, "two", false, further);
    let siege = library("siege");
    let partial = dir.join("three.partial").join(checkpoint);
    // Twice more wherever it then is.
    for kill in 0..3 {
        let args = args(siege.to_str().expect("UTF-8"), "three", kill > 0, further);
        kill_after(dir, &args, &partial, Duration::from_millis(400 * kill));
        if dir.join("three").exists() {
            assert!(kill > 0, "a partial result is not a result");
            break;
        }
    }
    if dir.join("three").exists() {
        return alike(dir, checkpoint);
    }
    // Without --resume the interrupted run is not touched.
    let again = args(siege.to_str().expect("UTF-8"), "three", false, further);
    let refused = ballast(dir, &again.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(2));
    train(dir, "three", true, further);
    alike(dir, checkpoint);
}

/// Starts a command, and kills it so long after a file is there.
pub(crate) fn kill_after(dir: &Path, args: &[String], file: &Path, wait: Duration) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(args)
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let started = Instant::now();
    while !file.exists() && started.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(wait);
    child.kill().expect("kills");
    child.wait().expect("ends");
}

/// Three runs that must not differ.
fn alike(dir: &Path, checkpoint: &str) {
    for file in [checkpoint, "policy/weights.bin", "policy/golden.json", "training.parquet"] {
        let read = |run: &str| fs::read(dir.join(run).join(file)).expect("reads");
        assert_eq!(read("one"), read("two"), "{file}: twice");
        assert_eq!(read("one"), read("three"), "{file}: after a kill");
    }
}

/// The bundle of a run, outside of it.
fn export_and_judge(dir: &Path, siege: &str) {
    json(dir, &["export", "one", "--out", "bundle"]);
    assert_eq!(json(dir, &["verify", "bundle"])["verified"], true);
    assert_eq!(ballast(dir, &["export", "one", "--out", "bundle"]).status.code(), Some(2));
    let none = ballast(dir, &["export", "one", "--out", "other", "--train-seed", "7"]);
    assert_eq!(none.status.code(), Some(2));
    let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
    let mut args = vec!["eval", siege, "--policy", "bundle"];
    args.extend(short);
    let report = json(dir, &args);
    assert!(report["report"]["rows"].as_array().is_some_and(|rows| rows.len() == 3));
    let replayed = json(dir, &["replay", "one"]);
    assert_eq!(replayed["matches"], true);
}

/// A liquidator learns from its own side, goes on after it was stopped, and takes its place in other runs.
#[test]
fn a_liquidator_is_trained_alike_on_any_threads_and_takes_its_place() {
    let dir = tempfile::tempdir().expect("a folder");
    let crash = library("crash");
    let crash = crash.to_str().expect("UTF-8");
    let more =
        ["train.validation_paths=2", "evaluate.fresh_paths=2", "evaluate.paths_per_window=1"];
    let set: Vec<&str> = SMALL.into_iter().chain(more).flat_map(|set| ["--set", set]).collect();
    let mut reports = Vec::new();
    for (out, threads) in [("one", "1"), ("two", "2")] {
        let mut args = vec!["liquidate", crash, "--out", out, "--threads", threads];
        args.extend(&set);
        reports.push(json(dir.path(), &args)["report"].clone());
    }
    assert_eq!(reports[0], reports[1]);
    let standings = reports[0]["standings"].as_array().expect("groups");
    let names = |row: &Value| row["bidder"].as_str().unwrap_or_default().to_owned();
    for standing in standings {
        let rows: Vec<String> =
            standing["rows"].as_array().expect("rows").iter().map(names).collect();
        assert_eq!((rows.len(), rows[0].as_str()), (3, "scripted"), "{rows:?}");
    }
    for file in ["liquidators/seed-1.bin", "checkpoints/seed-1/latest.ckpt", "report.md"] {
        let read = |run: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
        assert_eq!(read("one"), read("two"), "{file}");
    }
    // What was stopped after its last checkpoint has nothing left to learn, and judges the same.
    fs::rename(dir.path().join("two"), dir.path().join("three.partial")).expect("moves");
    fs::remove_file(dir.path().join("three.partial/manifest.ron")).expect("removes");
    let mut resume = vec!["liquidate", crash, "--out", "three", "--resume"];
    resume.extend(&set);
    assert_eq!(json(dir.path(), &resume)["report"], reports[0]);
    // Its chances can be read as a set of positions.
    let mut sets = vec!["liquidate", crash, "--out", "sets", "--set", "train.ppo.set_width=8"];
    sets.extend(&set);
    assert_ne!(json(dir.path(), &sets)["report"]["standings"], reports[0]["standings"]);

    let named = |trained: &str| {
        let stored = dir.path().join(trained).join("liquidators/seed-1.bin");
        format!("train.liquidator={:?}", stored.display().to_string())
    };
    let [named, named_set] = ["one", "sets"].map(named);
    let mut run = vec!["run", crash, "--set", "episode_hours=1", "--out", "with", "--set", &named];
    assert!(json(dir.path(), &run)["digest"].is_string());
    assert_eq!(json(dir.path(), &["replay", "with"])["matches"], true);
    let with_set =
        ["run", crash, "--set", "episode_hours=1", "--out", "with_set", "--set", &named_set];
    assert!(json(dir.path(), &with_set)["digest"].is_string());
    run.extend(["--set", "agents.liquidators=[]"]);
    assert_eq!(ballast(dir.path(), &run).status.code(), Some(2));
}
