//! Results depend on the scenario, the overrides and the seed, and on nothing else.

use crate::support::{ballast, json, library};
use serde_json::Value;
use std::path::Path;

fn run(dir: &Path, out: &str, more: &[&str]) -> Value {
    run_of("siege", dir, out, more)
}

fn run_of(scenario: &str, dir: &Path, out: &str, more: &[&str]) -> Value {
    let file = library(scenario);
    let file = file.to_str().expect("UTF-8");
    let mut args = vec!["run", file, "--out", out, "--set", "episode_hours=2"];
    args.extend(more);
    json(dir, &args)
}

#[test]
fn threads_do_not_change_a_run_and_seeds_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let one = run(dir.path(), "one", &["--threads", "1", "--lanes", "3"]);
    let two = run(dir.path(), "two", &["--threads", "2", "--lanes", "3"]);
    assert_eq!(one["digest"], two["digest"]);
    assert_eq!(one["scenario_hash"], two["scenario_hash"]);
    assert_eq!(one["blocks"], 3 * 600);
    let other = run(dir.path(), "other", &["--seed", "2", "--lanes", "3"]);
    assert_ne!(one["digest"], other["digest"]);
    assert_eq!(other["seed"], 2);
    // Every file of the two folders but the manifests is the same, byte for byte.
    for name in ["metrics.parquet", "receipts.parquet", "tape.bin", "tape-1.bin"] {
        let read = |run: &str| std::fs::read(dir.path().join(run).join(name)).expect("reads");
        assert_eq!(read("one"), read("two"), "{name}");
    }
}

#[test]
fn a_world_with_a_perpetual_is_the_same_on_any_number_of_threads_and_replays() {
    let dir = tempfile::tempdir().expect("a folder");
    let of = |out: &str, threads: &str| {
        run_of("perpetual", dir.path(), out, &["--threads", threads, "--lanes", "3"])
    };
    let (one, two) = (of("one", "1"), of("two", "2"));
    assert_eq!(one["perpetuals"], two["perpetuals"]);
    assert!(one["perpetuals"][0]["liquidations"].as_u64() > Some(0), "{one}");
    for name in ["metrics.parquet", "receipts.parquet", "tape.bin", "tape-2.bin"] {
        let read = |run: &str| std::fs::read(dir.path().join(run).join(name)).expect("reads");
        assert_eq!(read("one"), read("two"), "{name}");
    }
    assert_eq!(json(dir.path(), &["replay", "one"])["matches"], true);
}

#[test]
fn a_replay_reproduces_the_digest_without_agents() {
    let dir = tempfile::tempdir().expect("a folder");
    let ran = run(dir.path(), "run", &[]);
    let replayed = json(dir.path(), &["replay", "run"]);
    assert_eq!(ran["digest"], replayed["digest"]);
    assert_eq!(replayed["matches"], true);
    let part = json(dir.path(), &["replay", "run", "--to", "250"]);
    assert_eq!(part["block"], 250);
    assert_ne!(part["digest"], replayed["digest"]);
    let again = json(dir.path(), &["replay", "run", "--to", "250"]);
    assert_eq!(part, again);
    let beyond = ballast(dir.path(), &["replay", "run", "--to", "100000"]);
    assert_eq!(beyond.status.code(), Some(2));
}

#[test]
fn a_run_says_what_it_did() {
    let dir = tempfile::tempdir().expect("a folder");
    let ran = run(dir.path(), "run", &[]);
    for key in [
        "scenario_hash",
        "seed",
        "blocks",
        "digest",
        "transactions",
        "reverted",
        "liquidations",
        "bad_debt_usd",
        "blocks_per_second",
    ] {
        assert!(!ran[key].is_null(), "{key} is printed: {ran}");
    }
    assert!(ran["transactions"].as_u64() > Some(600), "{ran}");
}
