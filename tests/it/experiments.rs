//! `ballast experiment`: one file, from training to an answer.

use crate::support::{ballast, json, library};
use crate::training::SMALL;
use serde_json::Value;
use std::fs;

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
    let parts = ["places of the grid", "## What training never saw", "## The front over budgets"];
    for words in [&parts[..], &["| the worst paths | P(bad debt) |", "largest loss"]].concat() {
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
