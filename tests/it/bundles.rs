//! Bundles: what was exported is what is judged, and only on dates that it has not seen.

use crate::support::{ballast, json, library};
use ballast::agents::export::bundle::{self, PolicyCard};
use ballast::agents::frozen::{Dense, FrozenPolicy, Normaliser};
use ballast::scenarios::card::{Training, card};
use ballast::scenarios::load::load;
use ballast::scenarios::manifest::Build;
use ballast::sim::{action, observe};
use std::fs;
use std::path::Path;

/// A bundle of a policy that always holds, as if trained on the windows of `siege`, its card edited.
fn write(dir: &Path, edit: impl FnOnce(&mut PolicyCard)) {
    let loaded = load(&library("siege"), &[]).expect("siege is sound");
    let reserves = loaded.scenario.market.reserves.len();
    let obs = observe::dim(reserves, observe::Visibility::Public);
    let heads = vec![action::CHOICES as u32; action::heads(reserves)];
    let logits = heads.len() * action::CHOICES;
    let layer = Dense {
        inputs: obs,
        outputs: logits,
        weight: vec![0.01; obs * logits],
        bias: (0..logits).map(|i| f32::from(i % action::CHOICES == action::HOLD)).collect(),
    };
    let normaliser = Normaliser::identity(obs, 10.0);
    let mut policy = FrozenPolicy::new("holds", heads, normaliser, vec![layer]).expect("fits");
    let training = Training { seeds: vec![1], updates: 1, decisions: 1 };
    let mut card = card(&loaded, "holds", training, &Build::this(&[]));
    edit(&mut card);
    bundle::write(dir, &mut policy, card, &[]).expect("writes");
}

#[test]
fn a_bundle_with_a_flipped_byte_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("policy");
    write(&path, |_card| ());
    assert_eq!(json(dir.path(), &["verify", "policy"])["verified"], true);
    let files: Vec<_> = fs::read_dir(&path).expect("reads").flatten().map(|e| e.path()).collect();
    assert!(files.len() >= 5);
    for file in files {
        let good = fs::read(&file).expect("reads");
        let mut bad = good.clone();
        bad[good.len() / 2] ^= 0x04;
        fs::write(&file, &bad).expect("writes");
        let out = ballast(dir.path(), &["verify", "policy"]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{}: {said}", file.display());
        assert!(
            said.contains("policy") && said.contains("again") || said.contains("anew"),
            "{said}"
        );
        fs::write(&file, &good).expect("writes");
    }
    assert_eq!(json(dir.path(), &["verify", "policy"])["verified"], true);
    let weights = fs::read(path.join("weights.bin")).expect("reads");
    fs::remove_file(path.join("weights.bin")).expect("removes");
    for (bundle, words) in [
        ("policy", ["weights.bin", "again"]),
        ("nowhere", ["not a policy bundle", "ballast export"]),
        ("policy/golden.json", ["not a policy bundle", "ballast export"]),
    ] {
        let out = ballast(dir.path(), &["verify", bundle]);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{bundle}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{bundle}: {said}");
    }
    fs::write(path.join("weights.bin"), weights).expect("writes");
}

#[test]
fn a_policy_is_not_judged_on_dates_that_it_was_trained_on() {
    let dir = tempfile::tempdir().expect("a folder");
    write(&dir.path().join("seen"), |card| {
        card.provenance.train_windows = vec!["2020-03-05T12:00:00Z/2020-03-06T00:00:00Z".into()];
    });
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
    let mut args = vec!["eval", siege, "--policy", "seen"];
    args.extend(short);
    let out = ballast(dir.path(), &args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("black_thursday_2020") && said.contains("embargo"), "{said}");
    write(&dir.path().join("unseen"), |_card| ());
    let mut args = vec!["eval", siege, "--policy", "unseen", "--policy", "deployed"];
    args.extend(short);
    let report = json(dir.path(), &args);
    let comparisons = report["report"]["comparisons"].as_array().expect("comparisons").clone();
    assert!(comparisons.iter().any(|c| c["group"] == "black_thursday_2020"));
    // It holds, so it does exactly what the deployed parameters do.
    assert!(comparisons.iter().all(|c| c["difference_usd"]["mean"] == 0.0 && c["better"] == false));
}

#[test]
fn a_policy_is_not_judged_with_other_rights_than_it_was_trained_with() {
    let dir = tempfile::tempdir().expect("a folder");
    write(&dir.path().join("policy"), |_card| ());
    write(&dir.path().join("foreign"), |card| card.actions[0].name = "GOLD_ltv".to_owned());
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let rule = "market.rules=[(param: Ltv, rule: (enabled: true, floor: 0, ceil: 9000, \
                max_raise: Absolute(25), max_cut: Absolute(25), policy_step: Absolute(25), \
                at_once: Never, min_interval_secs: 60, delay_secs: 0))]";
    let steward = "market.regime=Steward";
    for (policy, set, words) in [
        ("policy", steward, ["Guardian", "Steward", "--set market.regime=Guardian"]),
        ("policy", rule, ["WETH_ltv", "in the bundle", "market.rules"]),
        ("foreign", "embargo_days=7", ["another market", "WBTC", "train one"]),
    ] {
        let args = ["eval", siege, "--policy", policy, "--set", set, "--out", "report.md"];
        let out = ballast(dir.path(), &args);
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{set}: {said}");
        assert!(out.stdout.is_empty(), "{set}: no report");
        assert!(!dir.path().join("report.md").exists(), "{set}: no report");
        for word in words {
            assert!(said.contains(word), "{set}: `{word}` is said\n{said}");
        }
    }
}
