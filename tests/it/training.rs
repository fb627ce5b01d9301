//! Training is bit-identical on a CPU, through an interruption too.

use crate::support::{ballast, json, library};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Settings small enough for a test.
const SMALL: [&str; 9] = [
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

fn args(scenario: &str, out: &str, resume: bool, further: &[&str]) -> Vec<String> {
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

fn train(dir: &Path, out: &str, resume: bool, further: &[&str]) {
    let siege = library("siege");
    let args = args(siege.to_str().expect("UTF-8"), out, resume, further);
    let out = ballast(dir, &args.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// Overrides that are refused before anything is trained, and a part of what is said.
fn refuses(dir: &Path, cases: &[(&[&str], &str)]) {
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

/// Levels that are replayed and edited, the curriculum's state in the checkpoint.
#[test]
fn training_on_a_curriculum_ends_with_the_same_bytes_twice_and_after_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let curriculum = "train.curriculum=(method: Accel, buffer: 8, parameters: [
        (path: \"exchange.listings.TAIL.depth_usd\", low: 5e4, high: 2e6, scale: Logarithmic),
        (path: \"exchange.impact_half_life_secs\", low: 60.0, high: 7200.0),
    ])";
    ends_alike(dir.path(), &[curriculum]);
    train(dir.path(), "plain", false, &[]);
    let weights = |run: &str| fs::read(dir.path().join(run).join("policy/weights.bin"));
    assert_ne!(weights("one").ok(), weights("plain").ok(), "it learns elsewhere");
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

/// Whose turn it is, and what all have learned so far, is on disk between turns, and within one in its checkpoint.
#[test]
fn training_against_a_population_ends_with_the_same_bytes_twice_and_after_kills() {
    let turns = "rounds: 2, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2";
    let league =
        "league: (stake_usd: 20e6, main_exploiters: 1, league_exploiters: 1, patience_rounds: 2)";
    for kind in ["solver: Nash", "solver: Nash, anytime: true", league] {
        let dir = tempfile::tempdir().expect("a folder");
        let further = format!("train.population=({turns}, {kind})");
        ends_alike_at(
            dir.path(),
            "population/seed-1/round-1/checkpoints/seed-1/latest.ckpt",
            &[&further],
        );
    }
}

fn ends_alike(dir: &Path, further: &[&str]) {
    ends_alike_at(dir, "checkpoints/seed-1/latest.ckpt", further);
}

/// Trains three times, once through kills, the first as soon as there is a first checkpoint.
fn ends_alike_at(dir: &Path, checkpoint: &str, further: &[&str]) {
    train(dir, "one", false, further);
    train(dir, "two", false, further);
    let siege = library("siege");
    let partial = dir.join("three.partial").join(checkpoint);
    // Twice more wherever it then is.
    for kill in 0..3 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .args(args(siege.to_str().expect("UTF-8"), "three", kill > 0, further))
            .current_dir(dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let started = Instant::now();
        while !partial.exists() && started.elapsed() < Duration::from_secs(120) {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(400 * kill));
        child.kill().expect("kills");
        child.wait().expect("ends");
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

/// Policies and attackers in turn; what comes out is attacked again, and judged under what attacked it.
#[test]
fn a_population_is_raised_alike_on_any_threads_and_its_policy_exploited() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let population = "train.population=(rounds: 2, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2, anytime: true)";
    for (out, threads) in [("one", "1"), ("two", "2")] {
        let mut args = args(siege, out, false, &[]);
        args.extend(["--set", population, "--threads", threads].map(str::to_owned));
        json(dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let read = |run: &str, file: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
    for file in [
        "policy/weights.bin",
        "training.parquet",
        "population/seed-1/payoffs-1.json",
        "population/seed-1/payoffs-2.json",
        "population/seed-1/attacker-2.bin",
    ] {
        assert_eq!(read("one", file), read("two", file), "{file}");
    }
    let payoffs: Value =
        serde_json::from_slice(&read("one", "population/seed-1/payoffs-2.json")).expect("a matrix");
    let rows = payoffs["objective_usd"].as_array().expect("rows");
    assert!(rows.len() == 3 && rows.iter().all(|r| r.as_array().is_some_and(|r| r.len() == 3)));
    let chances = |side: &str| -> f64 {
        payoffs[side].as_array().expect("chances").iter().filter_map(Value::as_f64).sum()
    };
    assert!((chances("policy_chances") - 1.0).abs() < 1e-9);
    assert!((chances("attacker_chances") - 1.0).abs() < 1e-9);
    // The mixture that the second attacker learned against followed it, and is written down on average.
    let before: Value =
        serde_json::from_slice(&read("one", "population/seed-1/payoffs-1.json")).expect("a matrix");
    let row = |of: &Value| -> Vec<f64> {
        of.as_array().expect("a row").iter().filter_map(Value::as_f64).collect()
    };
    let parts = before["parts"].as_array().expect("parts");
    let played: Vec<Vec<f64>> = parts.iter().map(|part| row(&part["policy_chances"])).collect();
    assert_eq!(played.len(), 4);
    for (policy, chance) in row(&before["policy_chances"]).into_iter().enumerate() {
        let mean = played.iter().map(|chances| chances[policy]).sum::<f64>() / 4.0;
        assert!((chance - mean).abs() < 1e-9, "{before}");
    }
    for (part, next) in parts.iter().zip(&played[1..]) {
        let (earned, chances) = (row(&part["objective_usd"]), row(&part["policy_chances"]));
        let better = usize::from(earned[1] > earned[0]);
        assert!(earned[0] == earned[1] || next[better] > chances[better], "{before}");
    }

    let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
    let hours = ["--set", "episode_hours=1"];
    let mut exploit = vec!["exploit", "one/policy", "--out", "exploited", "--budget", "8000"];
    exploit.extend(["--scenario", siege]);
    exploit.extend(hours);
    exploit.extend(["--attackers", "1", "--worlds", "1", "--head-start", "0.1"]);
    exploit.extend(short);
    let report = json(dir.path(), &exploit);
    let rows = report["report"]["rows"].as_array().expect("rows");
    // Three that are not made, and two ways of making one for either goal.
    assert_eq!(rows.len(), 7);
    assert!(rows[0]["profit_usd"]["mean"] == 0.0, "nobody earns nothing");
    assert_eq!(report["report"]["controls"].as_array().map(Vec::len), Some(2));
    assert_eq!(json(dir.path(), &["replay", "exploited"])["matches"], true);

    let mut eval = vec!["eval", siege, "--policy", "one/policy", "--head-start", "0.1"];
    eval.extend(["--attacker", "exploited/attackers/loss-1.bin"]);
    eval.extend(["--attacker", "one/population/seed-1/attacker-1.bin"]);
    eval.extend(short);
    eval.extend(hours);
    assert!(json(dir.path(), &eval)["report"]["rows"].is_array());
    eval.extend(["--attacker", siege]);
    let refused = ballast(dir.path(), &eval);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("siege.ron: not a policy"));
}

/// Both runs, and who plays in the running episodes, are in one checkpoint; both sides learn, and from each other.
#[test]
fn self_play_ends_with_the_same_bytes_on_any_threads_and_after_kills() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let further = [
        "train.self_play=(head_start_hours: 0.1, paths: 2)",
        "train.checkpoint_every_updates=5",
        "train.ppo.entropy_weight=0.02",
        "train.ppo.reference=(weight: 0.05, refresh_updates: 4)",
    ];
    ends_alike(dir.path(), &further);
    let mut threads = args(siege, "threads", false, &further);
    threads.extend(["--threads", "2"].map(str::to_owned));
    json(dir.path(), &threads.iter().map(String::as_str).collect::<Vec<_>>());
    let read = |run: &str, file: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
    for file in ["payoffs.json", "policy-20.bin", "attacker-20.bin"] {
        let file = format!("self_play/seed-1/{file}");
        assert_eq!(read("one", &file), read("three", &file), "{file}: after a kill");
        assert_eq!(read("one", &file), read("threads", &file), "{file}: on two threads");
    }
    let side =
        |side: &str, update: u32| read("one", &format!("self_play/seed-1/{side}-{update}.bin"));
    for who in ["policy", "attacker"] {
        assert_ne!(side(who, 5), side(who, 10), "the {who} learns");
    }
    // What an attacker does to whom decides who is kept.
    let payoffs: Value =
        serde_json::from_slice(&read("one", "self_play/seed-1/payoffs.json")).expect("a matrix");
    let rows: Vec<Vec<f64>> =
        serde_json::from_value(payoffs["objective_usd"].clone()).expect("rows");
    assert_eq!(payoffs["attackers"][0], "as in the scenario");
    assert!(rows.len() == 4 && rows.iter().all(|row| row.len() == 5), "{payoffs}");
    let worst = |row: &Vec<f64>| row.iter().copied().fold(f64::INFINITY, f64::min);
    let safest = (0..4).rev().max_by(|a, b| worst(&rows[*a]).total_cmp(&worst(&rows[*b])));
    assert_eq!(payoffs["kept"], payoffs["policies"][safest.expect("four")]);
    assert_eq!(json(dir.path(), &["verify", "one/policy"])["verified"], true);

    // Its attackers are anybody's, and its report says how it was trained.
    let mut eval = vec!["eval", siege, "--policy", "one/policy", "--head-start", "0.1"];
    eval.extend(["--attacker", "one/self_play/seed-1/attacker-20.bin"]);
    for set in ["episode_hours=1", "evaluate.fresh_paths=1", "evaluate.paths_per_window=1"] {
        eval.extend(["--set", set]);
    }
    assert!(json(dir.path(), &eval)["report"]["rows"].is_array());

    // The attacker learns something else from a policy that draws, and the policy from an attacker that comes later.
    let drawn = "train.self_play=(head_start_hours: 0.1, paths: 2, policy_plays: Drawn)";
    train(dir.path(), "drawn", false, &[&[drawn], &further[1..]].concat());
    let attacker = "self_play/seed-1/attacker-5.bin";
    assert_ne!(read("one", attacker), read("drawn", attacker));
    let later = "train.self_play=(head_start_hours: 0.6, paths: 2)";
    train(dir.path(), "later", false, &[&[later], &further[1..]].concat());
    let policy = "self_play/seed-1/policy-10.bin";
    assert_ne!(read("one", policy), read("later", policy));
    let teacher = "train.teacher=(policy: Greedy)";
    train(dir.path(), "taught", false, &[&[teacher], &further[..]].concat());
    assert_eq!(json(dir.path(), &["verify", "taught/policy"])["verified"], true);
    train(dir.path(), "numbers", false, &[&further[..3], &["train.numbers=true"]].concat());

    let play = further[0];
    let damped = further[2];
    let levels = "train.curriculum=(method: DomainRandomisation, parameters: [
        (path: \"exchange.impact_half_life_secs\", low: 60.0, high: 7200.0)])";
    let sac = "train.sac=(warm_up_steps: 20)";
    let among = "train.among=[(scenario: \"calm.ron\", set: [\"episode_hours=1\"])]";
    let tail = "train.ppo.tail=Budget(cost: \"bad_debt_usd\", level: 0.95, budget: 6000.0)";
    let far = "train.ppo.rollout_steps=1000000000000000000";
    let refused: [(&[&str], &str); 14] = [
        (&[drawn, damped, "train.numbers=true"], "frozen without its deviation"),
        (&[play], "self-play circles where nothing damps it"),
        (&[play, damped, "train.ppo.anneal_entropy=true"], "self-play circles"),
        (&[play, damped, tail], "would raise something else"),
        (&[play, damped, far], "rollout_steps"),
        (&[play, damped, "train.population=()"], "in rounds or at the same time"),
        (&[play, damped, levels], "leave out `curriculum` or `self_play`"),
        (&[play, damped, "train.twin=true"], "have no twins yet"),
        (&[play, damped, sac], "both sides make updates of PPO in turn"),
        (&[play, damped, among], "self-play plays one scenario"),
        (&[play, damped, "train.ppo.memory=4"], "leave out `ppo.memory` or `self_play`"),
        (&["train.self_play=(head_start_hours: 1.0)", damped], "`head_start_hours` is 1"),
        (&[play, damped, "train.budget_blocks=400000"], "write at least 4"),
        (&[play, damped, "agents.attackers=[]"], "add one under `agents.attackers`"),
    ];
    refuses(dir.path(), &refused);
}

/// A policy and exploiters under the rules of a league, whoever is ready kept every round.
#[test]
fn a_league_is_played_alike_on_any_threads_and_says_who_met_whom() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let league = "train.population=(rounds: 2, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2, \
                  league: (stake_usd: 1000000.0, patience_rounds: 1))";
    for (out, threads) in [("one", "1"), ("two", "2")] {
        let mut args = args(siege, out, false, &[]);
        args.extend(["--set", league, "--threads", threads].map(str::to_owned));
        json(dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let read = |run: &str, file: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
    for file in [
        "policy/weights.bin",
        "training.parquet",
        "population/seed-1/league-2.json",
        "population/seed-1/main-exploiter-1-round-2.bin",
    ] {
        assert_eq!(read("one", file), read("two", file), "{file}");
    }
    let last: Value =
        serde_json::from_slice(&read("one", "population/seed-1/league-2.json")).expect("a league");
    let count = |list: &str| last[list].as_array().map_or(0, Vec::len);
    // What both sides began with, three players, and a snapshot of each after either round.
    assert_eq!(count("members"), 2 + 3 + 6);
    assert_eq!(count("policies"), 1 + 1 + 2);
    let all = |of: &Value| -> Vec<f64> {
        let rows = of.as_array().expect("rows").iter();
        rows.flat_map(|row| row.as_array().expect("a row")).filter_map(Value::as_f64).collect()
    };
    // Every policy met every attacker that has learned.
    assert_eq!(all(&last["score"]).len(), count("policies") * count("attackers"));
    assert!(all(&last["score"]).iter().all(|score| (0.0..=1.0).contains(score)));
    for player in last["learned"].as_array().expect("players") {
        let met = player["met"].as_array().expect("opponents");
        let sum: f64 = met.iter().filter_map(|m| m["chance"].as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{player}");
    }
    // What cannot be is said by name.
    let mut args = args(siege, "three", false, &[]);
    let refused = "train.population=(solver: Uniform, anytime: true, league: (stake_usd: 0.0, \
                   main_exploiters: 0, league_exploiters: 0))";
    args.extend(["--set", refused].map(str::to_owned));
    let out = ballast(dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>());
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2));
    let words =
        ["stake_usd", "without attackers that learn", "leave out `solver`", "leave out `anytime`"];
    for words in words {
        assert!(said.contains(words), "{said}");
    }
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

    let stored = dir.path().join("one/liquidators/seed-1.bin");
    let named = format!("train.liquidator={:?}", stored.display().to_string());
    let mut run = vec!["run", crash, "--set", "episode_hours=1", "--out", "with", "--set", &named];
    assert!(json(dir.path(), &run)["digest"].is_string());
    assert_eq!(json(dir.path(), &["replay", "with"])["matches"], true);
    run.extend(["--set", "agents.liquidators=[]"]);
    assert_eq!(ballast(dir.path(), &run).status.code(), Some(2));
}

/// The whole of a small experiment, gone on with, and refused where it is another.
#[test]
fn an_experiment_answers_and_keeps_what_it_has_finished() {
    let dir = tempfile::tempdir().expect("a folder");
    let (siege, listed) = (library("siege"), library("listed"));
    let set: Vec<String> = SMALL.iter().map(|s| format!("\"{s}\"")).collect();
    let text = format!(
        r##"(
            schema: 1, name: "small", question: "Which?", expect: Open, scenario: {siege:?},
            set: [
                // The recorded windows are four times as long as everything else here.
                "windows=[]", "fitted_on=[]",
                "paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 1.0)])",
                {}, r#"evaluate=(seed: 5, fresh_paths: 2, bootstrap_resamples: 100,
                baselines: [Deployed, BestStatic], search: (candidates: 2, refinements: 1, paths: 1), held_out: [
                    (name: "book", kind: Venue, about: "a book", set: ["exchange.listings.TAIL.book=()"]),
                    (name: "push", kind: Oracle, about: "a node", set: [
                        "oracles.TAIL=Push(asset: \"TAIL\", heartbeat_secs: 86400, deviation_bps: 100)",
                    ]),
                ])"#,
            ],
            search_blocks: 1000,
            ablations: [
                (name: "alone", set: ["agents.attackers=[]"]),
                // Five reserves in training, four in judging.
                (name: "elsewhere", scenario: {listed:?}, set: ["train.ppo.set_width=4"]),
            ],
            grid: (paths: 1, axes: [(name: "recovery", values: [
                (name: "fast", set: ["exchange.impact_half_life_secs=60.0"]),
                (name: "slow", set: ["exchange.impact_half_life_secs=7200.0"]),
            ])]),
            exploit: (attackers: 1, budget_blocks: 4000, worlds: 1, head_start_hours: 0.1),
            front: (budgets_usd: [1000, 2000000], set: ["objective.bad_debt_price=0.0"]),
        )"##,
        set.join(", ")
    );
    fs::write(dir.path().join("e.ron"), &text).expect("writes");
    let first = json(dir.path(), &["experiment", "e.ron", "--threads", "1"]);
    let outcome = &first["outcome"];
    let named = |list: &Value, key: &str| -> Vec<String> {
        let rows = list.as_array().expect("a list").iter();
        rows.filter_map(|r| Some(r[key].as_str()?.to_owned())).collect()
    };
    let policies = named(&outcome["report"]["rows"], "policy");
    let expected =
        ["learned", "learned, the kept seed", "alone", "elsewhere", "deployed", "best static"];
    assert_eq!(policies[..6], expected);
    // Worlds that training never sees are further groups, and the twin is a row of the fresh ones.
    assert_eq!(policies[6], "deployed, on push");
    let rows = &outcome["report"]["rows"];
    assert_eq!(policies[7..13], expected, "at the book");
    assert_eq!((&rows[7]["group"], &rows[13]["group"]), (&"book".into(), &"push".into()));
    assert_eq!(rows[6]["cells"], rows[17]["cells"], "the same episodes");
    assert_eq!(outcome["report"]["shifts"].as_array().map(Vec::len), Some(12));
    let elsewhere: Value = serde_json::from_slice(
        &fs::read(dir.path().join("runs/small/arms/elsewhere/policy/metadata.json"))
            .expect("reads"),
    )
    .expect("JSON");
    assert_eq!(elsewhere["network"]["rows"]["room"], 5);
    let bundle: Value = serde_json::from_slice(
        &fs::read(dir.path().join("runs/small/arms/learned/policy/metadata.json")).expect("reads"),
    )
    .expect("JSON");
    let provenance = &bundle["policy"]["provenance"];
    assert_eq!(named(&provenance["held_out"], "name"), ["book", "push"]);
    assert_eq!(provenance["held_out"][0]["new"][0], "book TAIL");
    let manifest = dir.path().join("runs/small/arms/learned/manifest.ron");
    assert!(fs::read_to_string(manifest).expect("reads").contains("kind: Venue"));
    // A policy and static parameters for each budget.
    let points = outcome["front"].as_array().expect("points");
    let budgets: Vec<Option<u64>> = points.iter().map(|p| p["budget_usd"].as_u64()).collect();
    assert_eq!(budgets, [Some(1_000), Some(2_000_000)]);
    for point in points {
        for policy in ["learned", "fixed"] {
            let tail = point[policy]["tail_usd"]["mean"].as_f64().expect("a figure");
            let kept = tail <= point["budget_usd"].as_f64().expect("a budget");
            assert_eq!(point[policy]["kept"] != "No", kept, "{point}");
        }
    }
    assert_eq!(outcome["grid"].as_array().map(Vec::len), Some(2));
    let attacked = outcome["exploited"].as_array().expect("reports");
    let attacked: Vec<&str> = attacked.iter().filter_map(|r| r[0].as_str()).collect();
    assert_eq!(attacked, ["deployed", "learned", "alone", "elsewhere"]);
    let read = |file: &str| fs::read(dir.path().join("runs/small").join(file)).expect("reads");
    let answer = read("experiment.md");
    let said = String::from_utf8_lossy(&answer).into_owned();
    for words in ["places of the grid", "## What training never saw", "## The front over budgets"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let picture = read("front.svg");
    assert!(picture.starts_with(b"<svg"));

    // What is there stays: nothing is trained again, and the answer is the same to the byte.
    let weights = "arms/learned/policy/weights.bin";
    let made = fs::metadata(dir.path().join("runs/small").join(weights)).expect("is there");
    let steps = fs::read_dir(dir.path().join("runs/small")).expect("lists");
    let grid =
        steps.filter_map(Result::ok).find(|e| e.file_name().to_string_lossy().starts_with("grid-"));
    fs::remove_file(grid.expect("a step of its own").path()).expect("removes");
    assert_eq!(json(dir.path(), &["experiment", "e.ron", "--threads", "2"]), first);
    assert_eq!(read("experiment.md"), answer);
    assert_eq!(read("front.svg"), picture);
    let now = fs::metadata(dir.path().join("runs/small").join(weights)).expect("is there");
    assert_eq!(now.modified().ok(), made.modified().ok());

    let refused = |args: &[&str], words: &str| {
        let out = ballast(dir.path(), args);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(2) && said.contains(words), "{args:?}: {said}");
    };
    refused(&["experiment", "e.ron", "--set", "episode_hours=2"], "has changed since");
    fs::write(dir.path().join("e.ron"), text.replace("Which?", "Who?")).expect("writes");
    refused(&["experiment", "e.ron"], "another experiment is here");
    refused(&["experiment", "none.ron"], "cannot read");
    // What is wrong with a place of the grid is said at once.
    fs::write(dir.path().join("e.ron"), text.replace("=60.0", "=-60.0")).expect("writes");
    refused(&["experiment", "e.ron", "--out", "other"], "impact_half_life_secs");
    // So is a way to train whose policies could not be judged here,
    fs::write(dir.path().join("e.ron"), text.replace("set_width=4", "set_width=0"))
        .expect("writes");
    refused(
        &["experiment", "e.ron", "--out", "other"],
        "`elsewhere`: policy \"listed\" was made for",
    );
    // that nobody could attack, and that one scenario alone could be gridded.
    let quiet = ["experiment", "e.ron", "--out", "other", "--set", "agents.attackers=[]"];
    fs::write(dir.path().join("e.ron"), &text).expect("writes");
    refused(&quiet, "`exploit`: no attacker of this scenario has");
    let late = text.replace("head_start_hours: 0.1", "head_start_hours: 0.9");
    fs::write(dir.path().join("e.ron"), late).expect("writes");
    refused(
        &["experiment", "e.ron", "--out", "other"],
        "`exploit`: the attacker would begin after",
    );
    let several = "train.among=[(scenario: \"siege.ron\", set: [\"windows=[]\", \"fitted_on=[]\", \
                   \"paths=(train: [Gbm(weight: 1.0, vol_percent_per_sqrt_hour: 1.0)])\"])]";
    let paths = "evaluate.search.paths=2";
    refused(
        &["experiment", "e.ron", "--out", "other", "--set", several, "--set", paths],
        "`grid` plays one scenario",
    );
    assert!(!dir.path().join("other").exists());
}
