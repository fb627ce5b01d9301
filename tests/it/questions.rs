//! `ballast impact`, `ballast crowd` and `ballast attack` from outside.

use crate::support::{ballast, json, library};
use std::fs;

fn siege() -> String {
    library("siege").to_str().expect("UTF-8").to_owned()
}

#[test]
fn impact_says_who_is_hit_and_draws_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let book = "account,asset,collateral,debt\nA,WETH,1,\nA,USDC,,1470\nB,WETH,5,\nB,USDC,,2000\n";
    fs::write(dir.path().join("book.csv"), book).expect("writes");
    let ordinary =
        "paths.train=[Garch(weight: 1, omega_percent2: 0.01, alpha: 0.05, beta: 0.9, nu: 4)]";
    let siege = siege();
    let args = [
        "impact",
        &siege,
        "--assume",
        ordinary,
        "--positions",
        "book.csv",
        "--shock",
        "WETH=-10%",
        "--svg",
        "hit.svg",
    ];
    let value = json(dir.path(), &args);
    let impact = &value["impact"];
    // A owes 1,470 USD at 1,800 USD a WETH: above LTV, and below the line at 1,620.
    assert_eq!(impact["borrowers"]["before"]["accounts"], 2);
    assert_eq!(impact["liquidatable"]["before"]["accounts"], 0);
    assert_eq!(impact["newly"]["debt_usd"], 1_470.0);
    let picture = fs::read_to_string(dir.path().join("hit.svg")).expect("drawn");
    assert!(picture.starts_with("<svg"));
    let of_crowd = json(
        dir.path(),
        &["impact", &siege, "--set", "market.reserves.WETH.threshold_bps=8100", "--blocks", "5"],
    );
    assert!(of_crowd["impact"]["borrowers"]["before"]["accounts"].as_u64().expect("a count") > 200);
    assert!(of_crowd["impact"]["block"].as_u64().expect("a block") >= 5);
}

#[test]
fn impact_refuses_what_it_cannot_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = siege();
    let refused = |args: &[&str], words: &str| {
        let mut all = vec!["impact", siege.as_str()];
        all.extend(args);
        let out = ballast(dir.path(), &all);
        assert_eq!(out.status.code(), Some(2), "{args:?}");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains(words), "{args:?}: {said}");
    };
    refused(&[], "nothing changes");
    refused(&["--shock", "WETH=-10"], "written ASSET=-10%");
    refused(&["--shock", "DOGE=-10%"], "does not list it");
    refused(&["--set", "agents.lenders=[]"], "more than the market's parameters");
    refused(&["--shock", "WETH=-1%", "--positions", "none.csv"], "cannot read the positions");
    fs::write(dir.path().join("bad.csv"), "account,asset,collateral,debt\nA,WETH,-1,0\n")
        .expect("writes");
    refused(&["--shock", "WETH=-1%", "--positions", "bad.csv"], "must not be negative");
}

#[test]
fn the_crowd_stands_beside_its_records() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = siege();
    let still = json(dir.path(), &["crowd", &siege]);
    assert_eq!(still["episode"], serde_json::Value::Null);
    assert_eq!(still["records"].as_array().map(Vec::len), Some(5));
    assert_eq!(still["records"][0]["verdict"], "Within");
    let played = json(dir.path(), &["crowd", &siege, "--window", "april_2024", "--blocks", "20"]);
    assert_eq!(played["episode"]["blocks"], 20);
    assert!(played["records"].as_array().is_some_and(|r| r.len() > 12));
}

#[test]
fn an_attack_found_on_an_incident_s_stage_is_taped_and_replays() {
    let dir = tempfile::tempdir().expect("a folder");
    let incident = library("incidents/polter_2024_11_16").to_str().expect("UTF-8").to_owned();
    let args = ["attack", &incident, "--budget", "20000", "--out", "found"];
    let value = json(dir.path(), &args);
    assert_eq!((&value["found"], &value["succeeded"]), (&true.into(), &true.into()));
    let profit = value["best"]["profit_usd"].as_f64().expect("a figure");
    assert!(profit > 8_600_000.0, "{profit}");
    assert_eq!(json(dir.path(), &["replay", "found"])["matches"], true);
    let shown = ballast(dir.path(), &["view", "found", "--screenshot", "found.png"]);
    assert_eq!(shown.status.success(), cfg!(feature = "viewer"), "{shown:?}");
    assert_eq!(dir.path().join("found.png").exists(), cfg!(feature = "viewer"));
    let again = ballast(dir.path(), &args);
    assert!(String::from_utf8_lossy(&again.stderr).contains("exists already"));
    // What does not pay is not taped; what cannot attack is said before anything is searched.
    let said = |args: &[&str]| -> String {
        let stderr = ballast(dir.path(), args).stderr;
        let words = String::from_utf8_lossy(&stderr);
        words.split_whitespace().filter(|word| *word != "│").collect::<Vec<_>>().join(" ")
    };
    let dear = ["attack", &incident, "--budget", "100", "--least", "1e12", "--out", "nothing"];
    assert_eq!(ballast(dir.path(), &dear).status.code(), Some(1));
    let venus = library("incidents/venus_xvs_2021_05_18").to_str().expect("UTF-8").to_owned();
    let endless = "stage.timeline.0.at_secs=18446744073709551615";
    let siege = library("siege").to_str().expect("UTF-8").to_owned();
    let cases: [(&[&str], &str); 6] = [
        (&["replay", "nothing"], "found no attack that pays"),
        (
            &["attack", &incident, "--set", "stage.attacker=\"nobody\""],
            "unknown account \"nobody\"",
        ),
        (&["attack", &incident, "--set", "stage.attacker=\"world\""], "unknown account \"world\""),
        (&["attack", &siege, "--blocks", "3600"], "an episode has 3600 blocks"),
        (&["attack", &venus], "names nobody who attacks"),
        (&["incidents", &incident, "--set", endless], "later than a stage plays"),
    ];
    for (args, words) in cases {
        let said = said(args);
        assert!(said.contains(words), "{args:?}: {said}");
    }
}
