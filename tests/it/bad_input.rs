//! Every bad input is answered with a place and a fix, exit code 2, and nothing left behind.

use crate::support::{ballast, changed, json, library, with_data};
use std::fs;
use std::path::Path;

/// Runs a broken scenario and checks the answer.
fn refused(name: &str, text: &str, line_of: Option<&str>, words: &[&str]) {
    let dir = tempfile::tempdir().expect("a folder");
    with_data(dir.path());
    let file = dir.path().join("broken.ron");
    fs::write(&file, text).expect("writes");
    for args in [vec!["check", "broken.ron"], vec!["run", "broken.ron", "--out", "out"]] {
        let out = ballast(dir.path(), &args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{name}: {said}");
        assert!(said.contains("broken.ron"), "{name}: the file is named\n{said}");
        for word in words {
            assert!(said.contains(word), "{name}: `{word}` is said\n{said}");
        }
        assert!(said.contains("help:"), "{name}: a fix is offered\n{said}");
    }
    nothing_left(dir.path(), "out");
    let out = ballast(dir.path(), &["--json", "check", "broken.ron"]);
    let value: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let problems = value["problems"].as_array().expect("problems");
    assert!(!problems.is_empty());
    if let Some(needle) = line_of {
        let at = text.find(needle).expect("the needle is there");
        let line = text[..at].matches('\n').count() as u64 + 1;
        assert!(
            problems.iter().any(|p| p["line"] == line),
            "{name}: line {line} is named: {problems:?}"
        );
    }
}

fn nothing_left(dir: &Path, stem: &str) {
    for name in [stem.to_owned(), format!("{stem}.partial")] {
        assert!(!dir.join(&name).exists(), "{name} was left behind");
    }
}

#[test]
fn broken_scenarios_are_refused_with_file_line_and_fix() {
    let good = fs::read_to_string(library("siege")).expect("reads");
    let case = |from: &str, to: &str| changed(&good, from, to);
    refused("typo", &case("block_secs:", "blok_secs:"), Some("blok_secs"), &["block_secs"]);
    refused(
        "wrong unit",
        &case("heartbeat_secs: 3600", "heartbeat_hours: 1"),
        Some("heartbeat_hours"),
        &["heartbeat_secs"],
    );
    refused(
        "unknown asset",
        &case("(asset: \"TAIL\", half", "(asset: \"TALE\", half"),
        Some("\"TALE\""),
        &["TALE", "TAIL"],
    );
    refused(
        "threshold below LTV",
        &case("threshold_bps: 8300", "threshold_bps: 7000"),
        Some("threshold_bps: 7000"),
        &["8050", "7000", "liquidation threshold"],
    );
    refused(
        "negative amount",
        &case("quote_reserve_tokens: ", "quote_reserve_tokens: -"),
        Some("quote_reserve_tokens: -"),
        &["must not be negative"],
    );
    refused(
        "negative integer",
        &case("supply_cap_tokens: 43000", "supply_cap_tokens: -43000"),
        Some("supply_cap_tokens: -43000"),
        &[],
    );
    refused("empty", "", None, &["empty"]);
    refused("cut off", &good[..good.len() / 2], None, &[]);
    refused(
        "missing price file",
        &case("data/crash_2021_05_19.csv", "data/nowhere.csv"),
        Some("data/nowhere.csv"),
        &["nowhere.csv"],
    );
    refused(
        "test window seen in training",
        &case(
            "csv: \"data/maker_black_thursday_2020_03_12.csv\"",
            "csv: \"data/crash_2021_05_19.csv\"",
        ),
        None,
        &["embargo"],
    );
}

#[test]
fn all_problems_are_reported_at_once() {
    let good = fs::read_to_string(library("siege")).expect("reads");
    let text = changed(&good, "threshold_bps: 8300", "threshold_bps: 7000");
    let text = changed(&text, "flash_premium_bps: 5", "flash_premium_bps: 50000");
    refused("two", &text, Some("flash_premium_bps"), &["8050", "50000"]);
}

#[test]
fn an_override_that_leads_nowhere_lists_the_fields() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let out = ballast(dir.path(), &["check", siege, "--set", "market.flash_bps=1"]);
    assert_eq!(out.status.code(), Some(2));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("flash_premium_bps"), "{said}");
    let out = ballast(dir.path(), &["check", siege, "--set", "markt.flash=1"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("market"));
}

#[test]
fn a_damaged_tape_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let episode = ["--set", "episode_hours=1"];
    let mut args = vec!["run", siege, "--out", "run"];
    args.extend(episode);
    json(dir.path(), &args);
    let tape = dir.path().join("run/tape.bin");
    let bytes = fs::read(&tape).expect("a tape");
    for (how, damaged) in [
        ("truncated", bytes[..bytes.len() / 2].to_vec()),
        ("flipped", {
            let mut copy = bytes.clone();
            copy[bytes.len() / 3] ^= 1;
            copy
        }),
        ("empty", Vec::new()),
    ] {
        fs::write(&tape, damaged).expect("writes");
        let out = ballast(dir.path(), &["replay", "run"]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{how}: {said}");
        assert!(said.contains("tape.bin") && said.contains("run again"), "{how}: {said}");
    }
    let out = ballast(dir.path(), &["replay", "nowhere"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("manifest.ron"));
}

#[test]
fn an_existing_folder_is_not_overwritten() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("taken")).expect("creates");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let args = ["run", siege, "--out", "taken", "--set", "episode_hours=1"];
    let out = ballast(dir.path(), &args);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("exists already"));
}

#[test]
fn a_scenario_that_is_no_text_is_refused_with_its_line() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("latin.ron"), b"(\n    schema: 1, // d\xe9j\xe0 vu\n)")
        .expect("writes");
    fs::create_dir(dir.path().join("folder.ron")).expect("creates");
    for (file, words) in [
        ("latin.ron", ["latin.ron:2", "UTF-8"]),
        ("folder.ron", ["folder.ron", "name a scenario file"]),
        ("nowhere.ron", ["nowhere.ron", "check the path"]),
    ] {
        for args in [vec!["check", file], vec!["run", file, "--out", "out"], vec!["eval", file]] {
            let out = ballast(dir.path(), &args);
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(2), "{said}");
            for word in words.into_iter().chain(["help:"]) {
                assert!(said.contains(word), "`{word}` is said\n{said}");
            }
        }
        nothing_left(dir.path(), "out");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_refused_before_the_work() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    fs::write(dir.path().join("taken.md"), "mine").expect("writes");
    fs::create_dir(dir.path().join("folder")).expect("creates");
    for (out, words) in [
        ("nowhere/report.md", ["nowhere/report.md", "check the path"]),
        ("taken.md/report.md", ["taken.md/report.md", "check the path"]),
        ("taken.md", ["taken.md", "exists already"]),
        ("folder", ["folder", "exists already"]),
        (".", ["names nothing", "--out"]),
        ("", ["a value is required", "--out"]),
    ] {
        // So much work that a test which waits for it does not end.
        let many = ["--set", "evaluate.fresh_paths=1000000"];
        let mut args = vec!["eval", siege, "--policy", "deployed", "--out", out];
        args.extend(many);
        let ran = ballast(dir.path(), &args);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{out}: {said}");
        assert!(ran.stdout.is_empty(), "{out}: no result");
        for word in words {
            assert!(said.contains(word), "{out}: `{word}` is said\n{said}");
        }
    }
    let mut left: Vec<_> =
        fs::read_dir(dir.path()).expect("reads").flatten().map(|e| e.file_name()).collect();
    left.sort();
    assert_eq!(left, ["folder", "taken.md"]);
    assert_eq!(fs::read_to_string(dir.path().join("taken.md")).expect("reads"), "mine");
}
