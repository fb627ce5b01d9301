//! Policies and attackers that learn against each other: populations, self-play, leagues.

use crate::support::{ballast, json, library};
use crate::training::{SMALL, args, ends_alike, ends_alike_at, kill_after, refuses, train};
use ballast::agents::learn::game_theory::matrix::{MetaSolver, Payoffs};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::Duration;

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

/// Both sides are mixed by the solver that the scenario names, from the payoffs of the round.
#[test]
fn a_population_is_mixed_by_the_solver_that_is_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let replicator = MetaSolver::ProjectedReplicator { exploration: 0.05, step: 0.1, steps: 200 };
    let solvers = [
        ("Uniform", MetaSolver::Uniform),
        ("Nash", MetaSolver::Nash),
        ("ProjectedReplicator(exploration: 0.05, step: 0.1, steps: 200)", replicator),
    ];
    let mut all = Vec::new();
    for (i, (name, solver)) in solvers.into_iter().enumerate() {
        let population = format!(
            "train.population=(rounds: 2, attacker_blocks: 8000, head_start_hours: 0.1, paths: 2, solver: {name})"
        );
        let out = i.to_string();
        train(dir.path(), &out, false, &[&population]);
        let folder = dir.path().join(&out).join("population/seed-1");
        for round in 0..=2 {
            let file = folder.join(format!("payoffs-{round}.json"));
            let at: Value = serde_json::from_slice(&fs::read(file).expect("reads")).expect("JSON");
            let rows = serde_json::from_value(at["objective_usd"].clone()).expect("a matrix");
            let mixed = Payoffs { rows }.solve(solver).expect("a mixture");
            let written = |side: &str| -> Vec<f64> {
                serde_json::from_value(at[side].clone()).expect("chances")
            };
            let near = |a: &[f64], b: &[f64]| {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9)
            };
            assert!(near(&written("policy_chances"), &mixed.rows), "{name}: {at}");
            assert!(near(&written("attacker_chances"), &mixed.columns), "{name}: {at}");
            if round == 2 {
                all.push(written("attacker_chances"));
            }
        }
    }
    assert!(all[0] != all[1] && all[0] != all[2] && all[1] != all[2], "{all:?}");
}

/// All runs, and who plays in the running episodes, are in one checkpoint; all learn, and from each other.
#[test]
fn self_play_ends_with_the_same_bytes_on_any_threads_and_after_kills() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let further = [
        "train.self_play=(liquidator: true, head_start_hours: 0.1, paths: 2)",
        "train.checkpoint_every_updates=5",
        "train.ppo.entropy_weight=0.02",
        "train.ppo.reference=(weight: 0.05, refresh_updates: 4)",
    ];
    ends_alike(dir.path(), &further);
    let mut threads = args(siege, "threads", false, &further);
    threads.extend(["--threads", "2"].map(str::to_owned));
    json(dir.path(), &threads.iter().map(String::as_str).collect::<Vec<_>>());
    let read = |run: &str, file: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
    for file in ["payoffs.json", "policy-20.bin", "attacker-20.bin", "liquidator-20.bin"] {
        let file = format!("self_play/seed-1/{file}");
        assert_eq!(read("one", &file), read("three", &file), "{file}: after a kill");
        assert_eq!(read("one", &file), read("threads", &file), "{file}: on two threads");
    }
    let side =
        |side: &str, update: u32| read("one", &format!("self_play/seed-1/{side}-{update}.bin"));
    for who in ["policy", "attacker", "liquidator"] {
        assert_ne!(side(who, 5), side(who, 10), "the {who} learns");
    }
    // What others do to whom decides who is kept.
    let payoffs: Value =
        serde_json::from_slice(&read("one", "self_play/seed-1/payoffs.json")).expect("a matrix");
    let rows: Vec<Vec<f64>> =
        serde_json::from_value(payoffs["objective_usd"].clone()).expect("rows");
    assert_eq!(payoffs["others"][0], "nobody who learned here");
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
    let two = "train.self_play=(head_start_hours: 0.1, paths: 2)";
    train(dir.path(), "both", false, &[&[two], &further[1..]].concat());
    let drawn = "train.self_play=(head_start_hours: 0.1, paths: 2, policy_plays: Drawn)";
    train(dir.path(), "drawn", false, &[&[drawn], &further[1..]].concat());
    let attacker = "self_play/seed-1/attacker-5.bin";
    assert_ne!(read("both", attacker), read("drawn", attacker));
    assert!(!dir.path().join("both/self_play/seed-1/liquidator-5.bin").exists());
    let later = "train.self_play=(head_start_hours: 0.6, paths: 2)";
    train(dir.path(), "later", false, &[&[later], &further[1..]].concat());
    let policy = "self_play/seed-1/policy-10.bin";
    assert_ne!(read("both", policy), read("later", policy));
    let teacher = "train.teacher=(policy: Greedy)";
    train(dir.path(), "taught", false, &[&[teacher], &further[..]].concat());
    assert_eq!(json(dir.path(), &["verify", "taught/policy"])["verified"], true);
    train(dir.path(), "numbers", false, &[&further[..3], &["train.numbers=true"]].concat());

    let play = two;
    let damped = further[2];
    let levels = "train.curriculum=(method: DomainRandomisation, parameters: [
        (path: \"exchange.impact_half_life_secs\", low: 60.0, high: 7200.0)])";
    let sac = "train.sac=(warm_up_steps: 20)";
    let among = "train.among=[(scenario: \"calm.ron\", set: [\"episode_hours=1\"])]";
    let tail = "train.ppo.tail=Budget(cost: \"bad_debt_usd\", level: 0.95, budget: 6000.0)";
    let far = "train.ppo.rollout_steps=1000000000000000000";
    let nobody = "train.self_play=(attacker: false)";
    let three = further[0];
    let refused: [(&[&str], &str); 16] = [
        (&[nobody, damped], "nobody would learn beside the policy"),
        (&[three, damped, "agents.liquidators=[]"], "no scripted liquidator whose place"),
        (&[drawn, damped, "train.numbers=true"], "frozen without its deviation"),
        (&[play], "self-play circles where nothing damps it"),
        (&[play, damped, "train.ppo.anneal_entropy=true"], "self-play circles"),
        (&[play, damped, tail], "would raise something else"),
        (&[play, damped, far], "rollout_steps"),
        (&[play, damped, "train.population=()"], "in rounds or at the same time"),
        (&[play, damped, levels], "leave out `curriculum` or `self_play`"),
        (&[play, damped, "train.twin=true"], "have no twins yet"),
        (&[play, damped, sac], "all make updates of PPO in turn"),
        (&[play, damped, among], "self-play plays one scenario"),
        (&[play, damped, "train.ppo.memory=4"], "leave out `ppo.memory` or `self_play`"),
        (&["train.self_play=(head_start_hours: 1.0)", damped], "`head_start_hours` is 1"),
        (&[play, damped, "train.budget_blocks=400000"], "write at least 4"),
        (&[play, damped, "agents.attackers=[]"], "add one under `agents.attackers`"),
    ];
    refuses(dir.path(), &refused);
}

/// Loans at their limit and prices that fall: there is somebody to liquidate.
const FALLS: [&str; 4] = [
    "agents.borrowers.*.health_target_min=1.02",
    "agents.borrowers.*.health_target_max=1.05",
    "agents.borrowers.*.never_react_share=1.0",
    "paths.train=[Window(weight: 1.0, scale_min: 3.0, scale_max: 5.0)]",
];

/// What lets a liquidator learn in such a siege.
fn floor_args(out: &str, further: &[&str], options: &[&str]) -> Vec<String> {
    let siege = library("siege");
    let short = ["evaluate.fresh_paths=1", "evaluate.paths_per_window=1"];
    let mut args = vec!["liquidate", siege.to_str().expect("UTF-8"), "--out", out];
    for set in SMALL.iter().chain(&FALLS).chain(&short).chain(further) {
        args.extend(["--set", set]);
    }
    args.extend(options);
    args.into_iter().map(str::to_owned).collect()
}

/// Lets it learn; the report, and the liquidator.
fn floor(dir: &Path, out: &str, further: &[&str], options: &[&str]) -> (Value, Vec<u8>) {
    let args = floor_args(out, further, options);
    let run = json(dir, &args.iter().map(String::as_str).collect::<Vec<_>>());
    let liquidator = fs::read(dir.join(out).join("liquidators/seed-1.bin")).expect("reads");
    (run["report"].clone(), liquidator)
}

/// A policy learns beside a liquidator alone, and against an attacker that no longer learns; so does a liquidator.
#[test]
fn any_of_them_learn_while_the_others_are_written_or_frozen() {
    let dir = tempfile::tempdir().expect("a folder");
    let learn = |out: &str, set: &[&str]| train(dir.path(), out, false, &[&FALLS, set].concat());
    let damped = "train.ppo.entropy_weight=0.02";
    let play = "train.self_play=(liquidator: true, head_start_hours: 0.1, paths: 2)";
    learn("all", &[play, damped]);
    let stored = |who: &str| {
        let path = dir.path().join(format!("all/self_play/seed-1/{who}-20.bin"));
        path.display().to_string()
    };
    let attacker =
        format!("train.attacker=(file: {:?}, head_start_hours: 0.1)", stored("attacker"));
    let liquidator = format!("train.liquidator={:?}", stored("liquidator"));
    let alone = "train.self_play=(attacker: false, liquidator: true, paths: 2)";
    let both = "train.self_play=(head_start_hours: 0.1, paths: 2)";
    let ways: [(&str, &[&str]); 4] = [
        ("beside", &[alone]),
        ("against", &[&attacker, alone]),
        ("frozen", &[&liquidator, both]),
        ("both", &[both]),
    ];
    // The same settings, seed and moment: who else is there makes the difference.
    let kept = |name: &str| {
        fs::read(dir.path().join(name).join("self_play/seed-1/policy-20.bin")).expect("reads")
    };
    let mut policies = vec![kept("all")];
    for (name, set) in ways {
        learn(name, &[set, &[damped]].concat());
        policies.push(kept(name));
    }
    policies.sort();
    policies.dedup();
    assert_eq!(policies.len(), 5, "each learned something else");
    let weights = |name: &str, set: &[&str]| {
        learn(name, set);
        fs::read(dir.path().join(name).join("policy/weights.bin")).expect("reads")
    };
    let among = weights("among", &[&attacker, &liquidator]);
    assert_ne!(among, weights("attacked", &[&attacker]));
    assert_ne!(among, weights("liquidated", &[&liquidator]));

    // From the liquidator's side, too.
    let floor = |out: &str, further: &[&str]| floor(dir.path(), out, further, &[]).1;
    assert_ne!(floor("alone", &[]), floor("attacked_floor", &[&attacker]));

    let missing = "train.attacker=(file: \"nowhere.bin\", head_start_hours: 0.1)";
    let junk = format!("train.attacker=(file: {:?}, head_start_hours: 0.1)", stored("policy"));
    let late = format!("train.attacker=(file: {:?}, head_start_hours: 1.0)", stored("attacker"));
    let refused: [(&[&str], &str); 7] = [
        (&[missing], "name a file that `ballast exploit`"),
        (&[&junk], "an attacker of another world"),
        (&[&late], "`head_start_hours` is 1"),
        (&[&attacker, "train.population=()"], "leave out `population` or `attacker`"),
        (&[&attacker, play, damped], "write `attacker: false` in `self_play`"),
        (&[&attacker, "agents.attackers=[]"], "add one under `agents.attackers`"),
        (&[&liquidator, play, damped], "leave out `liquidator` here or in `self_play`"),
    ];
    refuses(dir.path(), &refused);
}

/// An attacker and a liquidator learn at once beside parameters that nobody moves, and go on beside the same after a kill.
#[test]
fn an_attacker_and_a_liquidator_learn_at_once_alike_after_a_kill() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    let both = ["--attacker-after", "0.1"];
    let (report, liquidator) = floor(dir, "one", &[], &[both, ["--threads", "1"]].concat());
    let groups = report["standings"].as_array().expect("standings");
    let attacked =
        |group: &&Value| group["group"].as_str().is_some_and(|name| name.ends_with(", attacked"));
    assert_eq!(2 * groups.iter().filter(attacked).count(), groups.len());

    // On other threads, killed at the first checkpoint and gone on with; not as another run.
    let checkpoint = dir.join("two.partial/checkpoints/seed-1/latest.ckpt");
    kill_after(dir, &floor_args("two", &[], &both), &checkpoint, Duration::ZERO);
    let refuses = |out: &str, further: &[&str], options: &[&str], words: &str| {
        let args = floor_args(out, further, options);
        let out = ballast(dir, &args.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&out.stderr);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(out.status.code() == Some(2) && said.contains(words), "{options:?}: {said}");
    };
    let later = ["--resume", "--attacker-after", "0.2"];
    for options in [&["--resume"][..], &later] {
        refuses("two", &[], options, "resume beside the first, or start anew");
    }
    let again = floor(dir, "two", &[], &[&both[..], &["--threads", "2", "--resume"]].concat());
    assert_eq!(again, (report.clone(), liquidator.clone()));
    let attacker = |out: &str| fs::read(dir.join(out).join("attackers/seed-1.bin")).expect("reads");
    assert_eq!(attacker("one"), attacker("two"));

    // What was stopped after its last checkpoint has nothing left to learn, and judges the same.
    fs::rename(dir.join("two"), dir.join("three.partial")).expect("moves");
    fs::remove_file(dir.join("three.partial/manifest.ron")).expect("removes");
    let judged = floor(dir, "three", &[], &[&both[..], &["--resume"]].concat());
    assert_eq!(judged.0, report);

    let stored = dir.join("one/attackers/seed-1.bin").display().to_string();
    let frozen = format!("train.attacker=(file: {stored:?}, head_start_hours: 0.1)");
    assert_ne!(floor(dir, "after", &[&frozen], &[]).1, liquidator);
    let nobody = ["agents.attackers=[]"];
    for (further, hours, words) in [
        (&[frozen.as_str()][..], "0.1", "leave out one"),
        (&[], "nan", "a number of hours, 0 or more"),
        (&[], "9", "an episode has 300"),
        (&nobody, "0.1", "add one under `agents.attackers`"),
    ] {
        refuses("refused", further, &["--attacker-after", hours], words);
    }
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
