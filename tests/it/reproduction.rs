//! A broken invariant leaves a bundle, and `ballast replay` opens it at the block.
//!
//! What breaks is real: a rate was set before the first block that no scenario and no call can set, and the
//! first accrual credits suppliers with interest that no borrower owes.

use crate::support::{ballast, json, library};
use markets::units::Ray;
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::folder::Folder;
use scenarios::load::{Loaded, load};
use scenarios::manifest::{Build, Manifest, RunKind};
use scenarios::reproduction::{BROKEN_TAPE, BrokenWorld, Reproduction, manifest, write_lane};
use scenarios::statics::StaticParams;
use serde_json::Value;
use sim::audit::Stopped;
use sim::chain::Chain;
use sim::lane::Lane;
use sim::tape::TapeHeader;
use std::fs::File;
use std::path::Path;

fn siege() -> (Loaded, Worlds) {
    let loaded = load(&library("siege"), &["episode_hours=1".to_owned()]).expect("sound");
    let worlds = Worlds::new(&loaded).expect("builds");
    (loaded, worlds)
}

/// A lane in which the first accrual breaks the books.
fn doomed(worlds: &Worlds) -> Lane {
    let world = WorldAddress { seed: 4, instance: 0, path: PathChoice::Drawn };
    let mut lane = worlds.lane(world, StaticParams::default(), false);
    let market = lane.config().market;
    let mut chain = lane.world_mut().resource_mut::<Chain>();
    let pooled = chain.genesis_market(market).expect("a pooled market");
    for reserve in &mut pooled.reserves {
        reserve.rates.liquidity = Ray::from_bps(50_000_000);
    }
    lane
}

/// Plays it until it stops.
fn broken(loaded: &Loaded, worlds: &Worlds) -> (BrokenWorld, Manifest) {
    let mut lane = doomed(worlds);
    lane.run(u64::MAX, None);
    let broken = *lane.broken().expect("it breaks");
    let (path, statics) = (PathChoice::Drawn, StaticParams::default());
    let world = BrokenWorld { path, statics, policy: "hold".to_owned(), broken, set: Vec::new() };
    let manifest = manifest(loaded, &world, Build::this(&[]), 1);
    (world, manifest)
}

#[test]
fn a_bundle_opens_at_the_block_and_shows_the_broken_invariant_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (loaded, worlds) = siege();
    let (world, manifest) = broken(&loaded, &worlds);
    assert!(world.broken.block > 0, "{world}");
    let target = dir.path().join("bundle");
    write_lane(&target, doomed(&worlds), &world, manifest).expect("writes");
    let manifest = Manifest::read(&target).expect("a finished folder");
    assert_eq!(manifest.kind, RunKind::Broken);
    let fault = Reproduction::read(&target, &manifest).expect("what broke");
    assert!(fault.reproduced, "{fault:?}");
    assert_eq!(fault.violation, world.broken.violation);

    let opened = json(dir.path(), &["replay", "bundle"]);
    assert_eq!(opened["again"], true, "{opened}");
    assert_eq!(opened["block"], world.broken.block);
    assert_eq!(opened["before"]["block"], world.broken.block - 1);
    assert_eq!(opened["found"]["id"], world.broken.violation.id);
    assert_eq!(opened["found"]["detail"], world.broken.violation.detail);
    let transactions = opened["transactions"].as_array().expect("the block's transactions");
    assert!(transactions.iter().any(|tx| tx["outcome"] == "success"), "{opened}");
    let out = ballast(dir.path(), &["replay", "bundle"]);
    let said = String::from_utf8_lossy(&out.stdout);
    for words in [&world.broken.violation.sentence, "before: block", "after:", "broken again"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // It is a run too: any block of it can be had.
    let part = json(dir.path(), &["replay", "bundle", "--to", "1"]);
    assert_eq!(part["block"], 1);
}

#[test]
fn a_damaged_bundle_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let (loaded, worlds) = siege();
    let (world, manifest) = broken(&loaded, &worlds);
    write_lane(&dir.path().join("bundle"), doomed(&worlds), &world, manifest).expect("writes");
    for name in [BROKEN_TAPE, "broken.ron"] {
        let path = dir.path().join("bundle").join(name);
        let whole = std::fs::read(&path).expect("reads");
        std::fs::write(&path, &whole[..whole.len() - 1]).expect("writes");
        let out = ballast(dir.path(), &["replay", "bundle"]);
        assert_eq!(out.status.code(), Some(2), "{name}");
        assert!(String::from_utf8_lossy(&out.stderr).contains(name), "{name}");
        std::fs::write(&path, &whole).expect("writes");
    }
}

/// A finished run of a doomed lane in which nobody looked.
fn unaudited_run(dir: &Path, name: &str) {
    let (loaded, worlds) = siege();
    let (_, manifest) = broken(&loaded, &worlds);
    let folder = Folder::create(&dir.join(name)).expect("creates");
    let mut lane = doomed(&worlds);
    let tape = File::create(folder.path().join("tape.bin")).expect("creates");
    lane.record_to(Box::new(tape), TapeHeader::default(), 50).expect("writes");
    for _ in 0..200 {
        lane.run_block();
        lane.world_mut().resource_mut::<Stopped>().0 = None;
    }
    lane.finish_tape().expect("writes");
    let end_digest = scenarios::episode::hex(&lane.digest());
    folder.finish(Manifest { kind: RunKind::Run, end_digest, ..manifest }).expect("writes");
}

#[test]
fn an_audited_replay_stops_where_an_invariant_breaks_and_leaves_a_bundle() {
    let dir = tempfile::tempdir().expect("a folder");
    unaudited_run(dir.path(), "run");
    // Nobody looks: the tape plays as recorded.
    assert_eq!(json(dir.path(), &["replay", "run"])["matches"], true);
    let out = ballast(dir.path(), &["--json", "replay", "run", "--audit"]);
    assert_eq!(out.status.code(), Some(2));
    let value: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("ballast replay run-broken"), "{said}");
    assert_eq!(value["bundle"], "run-broken");
    let opened = json(dir.path(), &["replay", "run-broken"]);
    assert_eq!(opened["again"], true, "{opened}");
    assert_eq!((&opened["block"], &opened["found"]["id"]), (&value["block"], &value["id"]));
}

#[test]
fn an_audited_run_is_the_same_run() {
    let dir = tempfile::tempdir().expect("a folder");
    let siege = library("siege");
    let siege = siege.to_str().expect("UTF-8");
    let run = |out: &str, more: &[&str]| {
        let args = ["run", siege, "--out", out, "--set", "episode_hours=1", "--lanes", "2"];
        json(dir.path(), &[&args, more].concat())
    };
    assert_eq!(run("plain", &[])["digest"], run("audited", &["--audit"])["digest"]);
    let replayed = json(dir.path(), &["replay", "audited", "--audit"]);
    assert_eq!(replayed["matches"], true);
}

#[test]
fn a_panic_leaves_a_bundle_that_ends_before_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let (loaded, worlds) = siege();
    let address = WorldAddress { seed: 4, instance: 0, path: PathChoice::Drawn };
    let lane = || worlds.lane(address, StaticParams::default(), false);
    let mut falling = lane();
    falling.guard(|lane| {
        lane.run(9, None);
        lane.open_block();
        panic!("Invariant: here");
    });
    let broken = *falling.broken().expect("it is told");
    assert_eq!((broken.block, broken.violation.id.as_str()), (10, "PANIC-01"));
    let (path, statics) = (PathChoice::Drawn, StaticParams::default());
    let world = BrokenWorld { path, statics, policy: "hold".to_owned(), broken, set: Vec::new() };
    let manifest = manifest(&loaded, &world, Build::this(&[]), 1);
    write_lane(&dir.path().join("bundle"), lane(), &world, manifest).expect("writes");
    // The program that opens it does not panic there, nor did the one that wrote it.
    let out = ballast(dir.path(), &["replay", "bundle"]);
    assert_eq!(out.status.code(), Some(1));
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("PANIC-01") && said.contains("UNKNOWN"), "{said}");
}
