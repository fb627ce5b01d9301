//! Bundles: what was exported is what is judged, and only on dates that it has not seen.

use crate::support::{ballast, json, library};
use ballast::agents::export::bundle;
use ballast::agents::frozen::{Dense, FrozenPolicy, Normaliser};
use ballast::scenarios::card::{Training, card};
use ballast::scenarios::load::load;
use ballast::scenarios::manifest::Build;
use ballast::sim::{action, observe};
use std::fs;
use std::path::Path;

/// A bundle of a policy that always holds, as if trained on the windows of `siege`.
fn write(dir: &Path, train_windows: Option<Vec<String>>) {
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
    if let Some(windows) = train_windows {
        card.provenance.train_windows = windows;
    }
    bundle::write(dir, &mut policy, card, &[]).expect("writes");
}

#[test]
fn a_bundle_with_a_flipped_byte_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("policy");
    write(&path, None);
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
    assert_eq!(ballast(dir.path(), &["verify", "nowhere"]).status.code(), Some(2));
}

#[test]
fn a_policy_is_not_judged_on_dates_that_it_was_trained_on() {
    let dir = tempfile::tempdir().expect("a folder");
    write(&dir.path().join("seen"), Some(vec!["2020-03-05T12:00:00Z/2020-03-06T00:00:00Z".into()]));
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let short = ["--set", "evaluate.fresh_paths=1", "--set", "evaluate.paths_per_window=1"];
    let mut args = vec!["eval", siege, "--policy", "seen"];
    args.extend(short);
    let out = ballast(dir.path(), &args);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("black_thursday_2020") && said.contains("embargo"), "{said}");
    write(&dir.path().join("unseen"), None);
    let mut args = vec!["eval", siege, "--policy", "unseen", "--policy", "deployed"];
    args.extend(short);
    let report = json(dir.path(), &args);
    let comparisons = report["report"]["comparisons"].as_array().expect("comparisons").clone();
    assert!(comparisons.iter().any(|c| c["group"] == "black_thursday_2020"));
    // It holds, so it does exactly what the deployed parameters do.
    assert!(comparisons.iter().all(|c| c["difference_usd"]["mean"] == 0.0 && c["better"] == false));
}
