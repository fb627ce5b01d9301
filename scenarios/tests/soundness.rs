//! `check` refuses what parses and cannot be meant, with the line and a fix.

use scenarios::fit::refuse_elsewhere;
use scenarios::load::load;
use std::path::{Path, PathBuf};

/// A sound scenario with an attacker, a pool and test windows.
fn siege() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/siege.ron")
}

/// The line on which `siege` has this text, from 1.
fn line_of(needle: &str) -> usize {
    let text = std::fs::read_to_string(siege()).expect("reads");
    let at = text.find(needle).unwrap_or_else(|| panic!("siege has `{needle}`"));
    text[..at].matches('\n').count() + 1
}

/// Loads `siege` with one value changed; it must be refused at a line, in these words, with a fix.
fn refused(set: &str, line: usize, words: &[&str]) {
    let rejected = load(&siege(), &[set.to_owned()]).expect_err(set);
    let places = rejected.places();
    assert_eq!(places.len(), 1, "{set}: one problem: {places:?}");
    assert_eq!(places[0].line, line, "{set}: {places:?}");
    assert!(places[0].file.ends_with("siege.ron"), "{places:?}");
    let fix = places[0].help.as_deref().unwrap_or_default();
    assert!(!fix.is_empty(), "{set}: a fix is offered");
    for word in words {
        assert!(places[0].message.contains(word) || fix.contains(word), "{set}: {places:?}");
    }
}

fn sound(set: &str) {
    if let Err(rejected) = load(&siege(), &[set.to_owned()]) {
        panic!("{set}: {:?}", rejected.places());
    }
}

#[test]
fn an_attacker_has_something_to_borrow_and_lists_it_once() {
    let attackers = line_of("attackers:");
    let loot = |list: &str| format!("agents.attackers=[(cohort: \"thief\", loot: {list})]");
    sound(&loot("[\"USDC\", \"WETH\"]"));
    refused(&loot("[]"), attackers, &["nothing to borrow", "USDC"]);
    refused(&loot("[\"TAIL\"]"), attackers, &["nothing to borrow"]);
    refused(&loot("[\"USDC\", \"WETH\", \"USDC\"]"), attackers, &["\"USDC\" appears twice"]);
}

#[test]
fn a_liquidator_lists_its_inventory_once() {
    let line = line_of("inventory: [\"WETH\"]");
    refused("agents.liquidators.0.inventory=[\"WETH\", \"WETH\"]", line, &["appears twice"]);
}

#[test]
fn a_comparison_has_fresh_paths_and_something_to_compare_with() {
    refused("evaluate.fresh_paths=0", line_of("fresh_paths:"), &["`fresh_paths` is 0", "from 1"]);
    let baselines = line_of("baselines:");
    refused("evaluate.baselines=[]", baselines, &["no baseline", "Deployed"]);
    refused("evaluate.baselines=[Deployed, Deployed]", baselines, &["\"Deployed\" appears twice"]);
    let search = line_of("search: (candidates");
    refused("evaluate.search.refinements=4000000000", search, &["refinements"]);
}

#[test]
fn a_cap_fits_the_contract() {
    let line = line_of("supply_cap_tokens: 43000");
    sound("market.reserves.WBTC.supply_cap_tokens=68719476735");
    let too_much = "market.reserves.WBTC.supply_cap_tokens=68719476736";
    refused(too_much, line, &["36 bits", "whole tokens"]);
    let smallest_units = "market.reserves.WBTC.borrow_cap_tokens=2000000000000000000";
    refused(smallest_units, line_of("borrow_cap_tokens: 20,"), &["smallest units"]);
}

#[test]
fn a_pool_is_worth_what_can_exist() {
    let line = line_of("quote_reserve_tokens:");
    sound("pools.0.quote_reserve_tokens=1000.0");
    refused("pools.0.quote_reserve_tokens=1e12", line, &["1e12 USD", "1e11"]);
    refused("pools.0.quote_reserve_tokens=0.01", line, &["1e-2 USD"]);
    let rejected = load(
        &siege(),
        &["assets.TAIL.decimals=24".to_owned(), "pools.0.quote_reserve_tokens=1e11".to_owned()],
    );
    let places = rejected.expect_err("more than 112 bits").places();
    assert!(places.iter().any(|p| p.line == line && p.message.contains("2¹¹²")), "{places:?}");
}

#[test]
fn a_rule_is_replaced_once_and_keeps_to_its_unit() {
    let rule = "(param: Ltv, rule: (enabled: true, floor: 0, ceil: 9000, max_raise: Absolute(25), \
                max_cut: Absolute(25), policy_step: Absolute(25), at_once: Never, \
                min_interval_secs: 60, delay_secs: 0))";
    sound(&format!("market.rules=[{rule}]"));
    let twice = format!("market.rules=[{rule}, {rule}]");
    let rejected = load(&siege(), &[twice]).expect_err("twice");
    assert!(rejected.places()[0].message.contains("\"Ltv\" appears twice"));
    let above_all = format!("market.rules=[{}]", rule.replace("9000", "90000"));
    let rejected = load(&siege(), &[above_all]).expect_err("above 100 %");
    assert!(rejected.places()[0].message.contains("`ceil` is 90000"));
}

#[test]
fn a_builder_with_insiders_needs_some_and_conduct_is_within_its_ranges() {
    sound("builder=Random");
    let at = |text: &str| line_of(text);
    let inside = "agents.liquidators=[(cohort: \"own\", conduct: (inside: true))]";
    sound(inside);
    // `builder` is added at the end of the file's last field.
    let rejected = load(&siege(), &["builder=Insiders".to_owned()]).expect_err("nobody is inside");
    assert!(rejected.places()[0].message.contains("nobody is inside"), "{:?}", rejected.places());
    let both = ["builder=Insiders".to_owned(), inside.to_owned()];
    assert!(load(&siege(), &both).is_ok());
    let liquidators = at("liquidators: [");
    let with = |conduct: &str| format!("agents.liquidators=[(conduct: ({conduct}))]");
    refused(&with("outage_share: 1.5"), liquidators, &["`outage_share` is 1.5"]);
    refused(&with("failure_probability: -1"), liquidators, &["must not be negative"]);
    refused(&with("outages_per_day: 100"), liquidators, &["outages would fill"]);
}

#[test]
fn a_loop_is_of_two_assets_and_its_exit_lies_below_its_entry() {
    let with = |fields: &str| format!("agents.loopers=[({fields})]");
    sound(&with("collateral: \"WETH\", debt: \"USDC\""));
    for (fields, word) in [
        ("collateral: \"USDC\", debt: \"USDC\"", "earns nothing"),
        ("health_target_min: 0.9", "`health_target_min` is 0.9"),
        ("carry_exit_percent: 3, carry_entry_percent: 1", "`carry_entry_percent` is 1"),
        ("debt: \"DAI\"", "unknown reserve"),
    ] {
        let rejected = load(&siege(), &[with(fields)]).expect_err(fields);
        assert_eq!(rejected.places().len(), 1, "{:?}", rejected.places());
        assert!(rejected.places()[0].message.contains(word), "{:?}", rejected.places());
    }
}

/// Every experiment of the project, each policy that it trains and each place of its grid.
#[test]
fn experiments_are_sound() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).expect("lists") {
        let path = entry.expect("an entry").path();
        let (experiment, _) = scenarios::experiment::load(&path).expect("sound");
        assert_eq!(path.file_stem().and_then(|s| s.to_str()), Some(experiment.name.as_str()));
        let scenario = folder.join(&experiment.scenario);
        let read = |scenario: &Path, set: &[String]| match load(scenario, set) {
            Ok(loaded) => loaded,
            Err(rejected) => panic!("{}: {set:?}: {:?}", path.display(), rejected.places()),
        };
        let judged = read(&scenario, &experiment.set);
        for arm in experiment.arms() {
            let there = read(&arm.file(&folder, &scenario), &arm.set);
            refuse_elsewhere(&judged, &there).expect("its policies can be judged");
        }
        for place in experiment.places() {
            read(&scenario, &place.set);
        }
        seen += 1;
    }
    assert!(seen >= 4, "four families");
}
