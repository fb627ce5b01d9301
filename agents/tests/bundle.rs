//! A policy bundle holds what it says, and says when it does not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use agents::export::bundle::{
    self, ActionHead, BundleError, GoldenCases, ObservationField, PolicyCard,
};
use agents::export::tables::{action_heads, observation_fields};
use agents::frozen::{Dense, FrozenError, FrozenPolicy, Memory, Normaliser};
use agents::policy::RiskPolicy;
use protocols::risk_params::{AtOnce, RiskParam, RiskRegime, Rule, Step};
use sim::action::Heads;
use sim::observe::Visibility;

fn policy() -> FrozenPolicy {
    made(0)
}

/// A policy that remembers so many values.
fn made(width: usize) -> FrozenPolicy {
    let mut state = 1u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut numbers = |n: usize| -> Vec<f32> { (0..n).map(|_| next()).collect() };
    let memory = (width > 0).then(|| Memory {
        inputs: 3,
        width,
        input_weight: numbers(3 * width * 3),
        state_weight: numbers(3 * width * width),
        input_bias: numbers(3 * width),
        state_bias: numbers(3 * width),
    });
    let mut dense = |inputs, outputs| Dense {
        inputs,
        outputs,
        weight: numbers(inputs * outputs),
        bias: numbers(outputs),
    };
    let layers = vec![dense(if width > 0 { width } else { 3 }, 16), dense(16, 16), dense(16, 5)];
    let normaliser = Normaliser {
        mean: vec![0.5, -1.0, 100.0],
        var: vec![4.0, 0.01, 900.0],
        epsilon: 1e-4,
        clip: 10.0,
    };
    FrozenPolicy::with_memory("test policy", vec![3, 2], normaliser, memory, layers).unwrap()
}

fn card() -> PolicyCard {
    let field = |name: &str| ObservationField {
        name: name.into(),
        unit: "1".into(),
        scale: 1.0,
        visibility: "public".into(),
    };
    let head = |name: &str, choices: &[&str]| ActionHead {
        name: name.into(),
        unit: "bps".into(),
        choices: choices.iter().map(|c| (*c).into()).collect(),
        rule: Rule {
            enabled: true,
            floor: 1,
            ceil: 10_000,
            max_raise: Step::Absolute(50),
            max_cut: Step::RelativeBps(10_000),
            policy_step: Step::RelativeBps(10_000),
            at_once: AtOnce::Floor,
            min_interval_secs: 259_200,
            delay_secs: 0,
        },
    };
    PolicyCard {
        name: "test policy".into(),
        regime: "steward".into(),
        observations: vec![field("a"), field("b"), field("c")],
        actions: vec![head("ltv", &["down", "hold", "up"]), head("frozen", &["hold", "flip"])],
        ..PolicyCard::default()
    }
}

fn written(dir: &Path) -> bundle::VerifyReport {
    let observed = vec![(vec![1.0, 2.0, 3.0], vec![1.0, 1.0, 0.0, 1.0, 1.0]); 3];
    bundle::write(dir, &mut policy(), card(), &observed).unwrap()
}

#[test]
fn a_policy_with_memory_comes_back_and_remembers_alike() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("policy");
    let mut policy = made(4);
    let observed = vec![(vec![1.0, 2.0, 3.0], vec![1.0; 5]); 3];
    bundle::write(&dir, &mut policy, card(), &observed).unwrap();
    let (mut back, _, report) = bundle::load(&dir).unwrap();
    assert_eq!((report.max_logit_error, back.memory()), (0.0, policy.memory()));
    assert_eq!(back.remembered(), [0.0; 4], "nothing is left of the questions");
    let (obs, mask, mut action) = ([0.3, -0.9, 120.0], [1.0; 5], [0.0; 2]);
    let first = back.logits(&obs, &mask).to_vec();
    assert_eq!(policy.logits(&obs, &mask), first);
    let remembered = back.remembered().to_vec();
    back.foresee(&obs, &mask, &mut action);
    assert_eq!(back.remembered(), remembered, "who is asked beforehand remembers nothing of it");
    let second = back.logits(&obs, &mask).to_vec();
    assert_ne!(first, second, "the same, seen twice");
    assert_eq!(policy.logits(&obs, &mask), second);
    // Golden cases are an episode: each begins with what the one before it left.
    let golden: GoldenCases =
        serde_json::from_slice(&fs::read(dir.join("golden.json")).unwrap()).unwrap();
    for pair in golden.cases.windows(2) {
        assert_eq!(pair[0].next_memory, pair[1].memory);
    }
    assert_eq!(golden.cases[0].memory, [0.0; 4]);
    let nothing = FrozenPolicy::with_memory(
        "nothing",
        vec![3, 2],
        Normaliser::identity(3, 10.0),
        Some(Memory {
            inputs: 3,
            width: 0,
            input_weight: vec![],
            state_weight: vec![],
            input_bias: vec![],
            state_bias: vec![],
        }),
        vec![Dense { inputs: 0, outputs: 5, weight: vec![], bias: vec![0.0; 5] }],
    );
    assert_eq!(nothing.err(), Some(FrozenError::Empty { what: "memory" }));
}

#[test]
fn parts_that_nothing_can_pass_through_are_refused() {
    let dense = |inputs: usize, outputs: usize| Dense {
        inputs,
        outputs,
        weight: vec![0.5; inputs * outputs],
        bias: vec![0.0; outputs],
    };
    let blind = Memory {
        inputs: 0,
        width: 2,
        input_weight: vec![],
        state_weight: vec![0.1; 12],
        input_bias: vec![0.0; 6],
        state_bias: vec![0.0; 6],
    };
    let huge = Memory { width: usize::MAX / 2, inputs: 3, ..blind.clone() };
    let seen = |n| Normaliser::identity(n, 10.0);
    let unseen = Normaliser { clip: -1.0, ..seen(3) };
    for (normaliser, memory, layers, word) in [
        (seen(0), Some(blind), vec![dense(2, 3)], "observation"),
        (seen(3), Some(huge), vec![dense(3, 3)], "memory.input_weight"),
        (seen(3), None, vec![dense(3, 0), dense(0, 3)], "output of one of its layers"),
        (unseen, None, vec![dense(3, 3)], "clip below 0"),
    ] {
        let refused = FrozenPolicy::with_memory("x", vec![3], normaliser, memory, layers);
        let said = refused.expect_err("it does not pass").to_string();
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_bundle_comes_back_as_the_policy_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("policy");
    let report = written(&dir);
    assert_eq!((report.cases, report.max_logit_error), (35, 0.0));
    assert_eq!(report, bundle::verify(&dir).unwrap());
    let (mut back, metadata, _) = bundle::load(&dir).unwrap();
    assert_eq!(metadata.policy, card());
    assert_eq!(back.layers(), policy().layers());
    let (obs, mask) = ([3.0, -1.0, 40.0], [1.0; 5]);
    assert_eq!(back.logits(&obs, &mask), policy().logits(&obs, &mask));
    assert!(!folder.path().join("policy.partial").exists());
}

#[test]
fn equal_policies_give_equal_bytes_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    assert_eq!(written(&one), written(&two));
    let again = bundle::write(&one, &mut policy(), card(), &[]);
    assert!(matches!(again, Err(BundleError::Exists { .. })));
}

#[test]
fn a_flipped_byte_anywhere_is_found_and_its_file_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("policy");
    written(&dir);
    for file in ["policy.onnx", "weights.bin", "metadata.json", "golden.json", "manifest.json"] {
        let path = dir.join(file);
        let good = fs::read(&path).unwrap();
        for at in [0, good.len() / 3, good.len() / 2, good.len() - 2] {
            let mut bad = good.clone();
            bad[at] ^= 0x04;
            fs::write(&path, &bad).unwrap();
            let error = bundle::verify(&dir).unwrap_err().to_string();
            // A flip in the manifest may look like one in the file whose hash it holds.
            assert!(error.contains(file) || file == "manifest.json", "{file} at {at}: {error}");
            assert!(error.contains("anew"), "{file} at {at}: {error}");
        }
        fs::write(&path, &good).unwrap();
        bundle::verify(&dir).unwrap();
    }
    fs::remove_file(dir.join("weights.bin")).unwrap();
    let error = bundle::verify(&dir).unwrap_err().to_string();
    assert!(error.contains("weights.bin"), "{error}");
}

#[test]
fn a_card_that_does_not_fit_the_policy_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("policy");
    let mut short = card();
    short.observations.pop();
    let error = bundle::write(&dir, &mut policy(), short, &[]).unwrap_err();
    assert!(error.to_string().contains("observation table: expected 3, got 2"), "{error}");
    assert!(!dir.exists());
    let mut wide = card();
    wide.actions[1].choices.push("more".into());
    let error = bundle::write(&dir, &mut policy(), wide, &[]).unwrap_err();
    assert!(error.to_string().contains("choices of frozen: expected 2, got 3"), "{error}");
}

#[test]
fn the_exported_tables_are_those_of_the_simulation() {
    let symbols = ["WETH", "USDC"];
    let regime = RiskRegime::steward();
    let fields = observation_fields(&symbols);
    let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, sim::observe::names(&symbols, Visibility::Public));
    let table = Heads::plain(symbols.len());
    let heads = action_heads(table, &symbols, &regime);
    let names: Vec<&str> = heads.iter().map(|h| h.name.as_str()).collect();
    assert_eq!(names, table.names(&symbols));
    assert!(heads.iter().all(|h| h.choices[sim::action::HOLD] == "hold"));
    assert_eq!(heads[0].rule, *regime.rule(RiskParam::Ltv));
}
