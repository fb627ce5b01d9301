//! Attackers that learn to choose among templates of attack.

use crate::support::{ballast, json, library};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A world in which the written strike never pays: it has no flash loan where USDC is no loot.
const SET: [&str; 9] = [
    "episode_hours=1",
    "agents.attackers.0.loot=[\"WBTC\"]",
    "agents.templates=(simulations: 50000, most: 2)",
    "train.ppo.rollout_steps=10",
    "train.ppo.minibatch=20",
    "train.ppo.hidden=[16, 16]",
    "evaluate.fresh_paths=2",
    "evaluate.paths_per_window=1",
    "evaluate.baselines=[Deployed]",
];

fn play(dir: &Path, command: &[&str], set: &[&str]) -> Value {
    let set = set.iter().flat_map(|set| ["--set", set]);
    json(dir, &command.iter().copied().chain(set).collect::<Vec<_>>())
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn an_attacker_learns_to_choose_a_template_alike_on_any_threads() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let exploit = |out: &str, threads: &str, set: &[&str]| {
        let options = ["--budget", "8000", "--attackers", "1", "--worlds", "2"];
        let named =
            ["exploit", "deployed", "--scenario", siege, "--out", out, "--threads", threads];
        let head_start = ["--head-start", "0.1"];
        play(dir.path(), &[&named[..], &options, &head_start].concat(), set)
    };
    let (one, two) = (exploit("one", "1", &SET), exploit("two", "2", &SET));
    assert_eq!(one["report"], two["report"]);
    let read = |run: &str| fs::read(dir.path().join(run).join("attackers/profit-1.bin"));
    assert_eq!(read("one").expect("learned"), read("two").expect("learned"));
    let rows = one["report"]["rows"].as_array().expect("rows");
    let earned = |name: &str| -> f64 {
        let of = rows.iter().filter(|row| row["assailant"] == name && row["goal"] != "Loss");
        of.filter_map(|row| row["profit_usd"]["mean"].as_f64()).next().expect(name)
    };
    assert_eq!(earned("strikes at every turn"), 0.0);
    assert!(earned("the best template at every turn") > 100_000.0, "{rows:?}");
    assert!(earned("learned (PPO)") > 100_000.0, "{rows:?}");
    // Who has no templates earns nothing there.
    let bare: Vec<&str> = SET.into_iter().filter(|set| !set.contains("templates")).collect();
    let without = exploit("bare", "2", &bare);
    let rows = without["report"]["rows"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["profit_usd"]["mean"].as_f64() < Some(1_000.0)), "{rows:?}");
    assert!(without["report"].get("templates").is_none());
    // What there was to choose from is on record.
    let templates = one["report"]["templates"].as_array().expect("templates");
    assert!(!templates.is_empty());
    let step = templates[0]["steps"][0].as_str().expect("words");
    assert!(step.starts_with("flash loan"), "{step}");
    for file in ["manifest.ron", "exploit.md"] {
        assert!(text(&dir.path().join("one").join(file)).contains(step), "{file}");
    }
    assert_eq!(json(dir.path(), &["replay", "one"])["matches"], true);

    let eval = ["eval", siege, "--attacker", "one/attackers/profit-1.bin", "--head-start", "0.1"];
    let report = play(dir.path(), &eval, &SET);
    let cells = report["report"]["rows"][0]["cells"].as_array().expect("cells");
    let profit = cells.iter().find(|cell| cell["column"] == "attacker_profit_usd");
    let profit = profit.and_then(|cell| cell["estimate"]["mean"].as_f64()).expect("a profit");
    assert!(profit > 0.0, "{report}");
    let bare = bare.iter().flat_map(|set| ["--set", set]);
    let refused = ballast(dir.path(), &eval.into_iter().chain(bare).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("profit-1.bin") && said.contains("agents.templates"), "{said}");
    let refused =
        ballast(dir.path(), &["check", siege, "--set", "agents.templates=(most: 0, blocks: 9000)"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    for words in ["`most` is 0", "`blocks` is 9000"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_league_with_templates_is_the_same_on_any_threads_and_after_it_was_stopped() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let league = "train.population=(rounds: 1, attacker_blocks: 4000, head_start_hours: 0.1, paths: 2, \
                  league: (stake_usd: 1000000.0, patience_rounds: 1))";
    let small = ["train.seeds=[1]", "train.lanes=4", "train.budget_blocks=20000", league];
    let set: Vec<&str> = SET.into_iter().chain(small).collect();
    let train = |out: &str, further: &[&str]| {
        let command = ["train", siege, "--train-only", "--out", out];
        play(dir.path(), &[&command[..], further].concat(), &set)
    };
    train("one", &["--threads", "1"]);
    train("two", &["--threads", "2"]);
    fs::create_dir(dir.path().join("three.partial")).expect("a folder");
    for file in ["scenario.ron", "scenario.hash"] {
        fs::copy(dir.path().join("two").join(file), dir.path().join("three.partial").join(file))
            .expect("copies");
    }
    train("three", &["--resume"]);
    for file in [
        "policy/weights.bin",
        "population/seed-1/league-1.json",
        "population/seed-1/main-exploiter-1-round-1.bin",
    ] {
        let read = |run: &str| fs::read(dir.path().join(run).join(file)).expect("reads");
        assert_eq!(read("one"), read("two"), "{file}");
        assert_eq!(read("one"), read("three"), "{file}");
    }
    let attacker = fs::read(dir.path().join("one/population/seed-1/main-exploiter-1-round-1.bin"));
    assert!(attacker.expect("reads").starts_with(b"ballast attacker with templates"));
    assert!(text(&dir.path().join("one/manifest.ron")).contains("flash loan"));
}
