//! Replays what the real contracts' bytecode did, through `Chain::execute`, to the wei.
//!
//! Files come from `tests/vectors/` (compact copies; provenance in its README), Compound's from
//! `shared/data/vectors` in a folder above the checkout, or, where `BALLAST_VECTORS` names a folder, all
//! of them from there. A file belongs to the family that its header names; further files of a known
//! family replay without a change here. Every family prints how many cases and steps were equal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and nobody imports it"
)]

mod aave;
mod attack;
mod compound;
mod families;
mod support;
mod trace;
mod uniswap_v2;
mod uniswap_v3;

use families::{FAMILIES, Home, files, folder};
use support::say;

/// A file that no family would replay is an error, not a file that passed.
#[test]
fn every_file_belongs_to_a_family() {
    let project = [Home::Project, Home::Shared].into_iter().filter_map(folder);
    for (path, file) in project.flat_map(|folder| files(&folder, "ballast-evm-vectors")) {
        let known = FAMILIES.iter().any(|family| file["family"] == *family.name);
        assert!(known, "{}: unknown family {}", path.display(), file["family"]);
    }
}

/// The vectors' transactions once more, all cases mixed in order of time: every chain ends where its own
/// replay, compared with the contracts at every step, ended.
#[test]
fn the_mixed_trace_ends_in_the_same_state() {
    let cases = families::recorded();
    let order = trace::by_time(&cases);
    let mut chains = trace::starts(&cases);
    trace::run(&cases, &order, &mut chains);
    for (case, chain) in cases.iter().zip(&chains) {
        assert!(case.end == *chain, "a chain of {} ends elsewhere", case.family);
    }
    say(&format!("mixed trace: {} transactions of {} cases", order.len(), cases.len()));
    let all_there = folder(Home::Shared).is_some() && families::named_folder().is_none();
    assert!(!all_there || order.len() >= 10_000, "a trace of {} is too short", order.len());
}
