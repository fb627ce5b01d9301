//! Live worlds and recordings of a bundled scenario, as the window shows them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use agents::attack::synthesis::{Options, search};
use scenarios::arena::{PathChoice, WorldAddress};
use scenarios::assemble::Worlds;
use scenarios::hunt::steps::Steps;
use scenarios::hunt::{Setting, Staged};
use scenarios::load;
use scenarios::manifest::Build;
use scenarios::statics::StaticParams;
use sim::lane::Lane;
use sim::tape::{TapeHeader, TapeReader};
use std::fmt::Debug;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use viewer::frame::{Axis, Origin};
use viewer::{Frame, LiveSource, Selection, Source, StageSource, TapeSource, TapeWorld};

const BLOCKS: u64 = 400;

fn scenario() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/library/siege.ron")
}

fn lane() -> Lane {
    let loaded = load::load(&scenario(), &[]).expect("a bundled scenario is sound");
    let worlds = Worlds::new(&loaded).expect("a bundled scenario builds");
    let address = WorldAddress { seed: 7, instance: 0, path: PathChoice::Window(0) };
    worlds.lane(address, StaticParams::default(), false)
}

fn go(source: &mut dyn Source, block: u64) -> Frame {
    source.rewind(block).unwrap();
    while source.block() < block {
        assert!(source.step().unwrap());
    }
    source.frame()
}

/// Equal to the last digit; prices that are missing (NaN) are equal to each other.
fn same(what: &str, a: &impl Debug, b: &impl Debug) {
    let (a, b) = (format!("{a:?}"), format!("{b:?}"));
    let at = a.bytes().zip(b.bytes()).position(|(a, b)| a != b);
    let near =
        |text: &str, at: usize| text[at.saturating_sub(80)..].chars().take(160).collect::<String>();
    if let Some(at) = at {
        panic!("{what} differ: {} / {}", near(&a, at), near(&b, at));
    }
}

#[test]
fn seeking_back_and_forth_shows_what_playing_through_shows() {
    let mut source = LiveSource::new(lane(), "siege", None);
    let frame = go(&mut source, BLOCKS);
    assert_eq!((frame.block, frame.origin), (BLOCKS, Origin::Live));
    assert_eq!(frame.assets[0].oracle.len() as u64, BLOCKS + 1);
    assert!(frame.health.borrowers.iter().sum::<u32>() > 0);
    let early = go(&mut source, 130);
    assert_eq!(early.block, 130);
    assert_eq!(early.totals.supplied_usd.len(), 131);
    assert!(early.events.iter().all(|event| event.block <= 130));
    let again = go(&mut source, BLOCKS);
    same("assets", &frame.assets, &again.assets);
    same("reserves", &frame.reserves, &again.reserves);
    same("events", &frame.events, &again.events);
    same("totals", &frame.totals, &again.totals);
    same("health", &frame.health, &again.health);
    same("frame", &frame, &again);
}

/// Bytes written through a box that the tape keeps.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_recording_shows_what_the_live_run_showed() {
    let mut lane = lane();
    let world = TapeWorld::of(&lane);
    let bytes = Shared::default();
    let header = TapeHeader { scenario: "siege".to_owned(), ..TapeHeader::default() };
    lane.record_to(Box::new(bytes.clone()), header, 150).unwrap();
    lane.run(BLOCKS, None);
    lane.finish_tape().unwrap();
    let tape = TapeReader::open(bytes.0.lock().unwrap().clone()).unwrap();
    let mut recording = TapeSource::new(tape, world, "nobody").unwrap();
    let played = go(&mut recording, BLOCKS);
    assert!(!recording.step().unwrap(), "the tape ends where the recording did");
    assert_eq!((played.origin, played.last_block), (Origin::Recording, Some(BLOCKS)));

    let mut live = LiveSource::new(self::lane(), "siege", None);
    let watched = go(&mut live, BLOCKS);
    same("assets", &watched.assets, &played.assets);
    same("reserves", &watched.reserves, &played.reserves);
    same("health", &watched.health, &played.health);
    assert_eq!(watched.totals.liquidations, played.totals.liquidations);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * a.abs().max(b.abs()).max(1.0);
    for (what, a, b) in [
        ("bad debt", &watched.totals.bad_debt_usd, &played.totals.bad_debt_usd),
        (
            "attacker profit",
            &watched.totals.attacker_profit_usd,
            &played.totals.attacker_profit_usd,
        ),
        ("liquidated", &watched.totals.liquidated_usd, &played.totals.liquidated_usd),
        ("objective", &watched.totals.objective_usd, &played.totals.objective_usd),
    ] {
        let (a, b) = (a.last_value().unwrap(), b.last_value().unwrap());
        assert!(near(a, b), "{what}: {a} {b}");
    }

    let early = go(&mut recording, 180);
    assert_eq!(early.block, 180);
    same("frame", &go(&mut recording, BLOCKS), &played);
}

#[test]
fn an_attack_on_a_stage_is_shown_call_by_call() {
    let incident = scenario().with_file_name("incidents/bzx2_2020_02_18.ron");
    let staged = Staged::load(&incident, &[], 1, 0, false).expect("a bundled incident is sound");
    let report = search(&staged.ground, &Options { simulations: 20_000, ..Options::default() });
    let record = report.best.expect("something is found").record;
    let tape = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stage.tape");
    let struck = staged.strike(&record.parts, &tape).unwrap();
    let tape = TapeReader::open(std::fs::read(&tape).unwrap()).unwrap();
    let manifest = staged.manifest(1, Some(&struck), Build::this(&[]));
    let setting = Setting::recorded(&manifest).unwrap();
    let steps = Steps::of(&tape, &setting).unwrap();
    let (first, last) = (steps.seen.first().unwrap(), steps.seen.last().unwrap());
    let gained = record.played.profit_usd;
    assert!(gained > 0.0 && (last.gain_usd - gained).abs() < 1e-6 * gained, "{last:?}");
    assert_eq!((first.gain_usd, first.bad_debt_usd), (0.0, 0.0));
    assert!((last.bad_debt_usd - record.played.loss_usd).abs() < 1e-6 * gained, "{last:?}");
    // One step for the block, one for each call, one where each loan is given back.
    let calls = record.parts.iter().flat_map(|part| &part.calls);
    let expected: usize = calls.map(|call| 1 + usize::from(call.body().is_some())).sum();
    assert_eq!(steps.seen.len(), 2 + expected);

    let mut source = StageSource::new("bzx2", &steps);
    let whole = go(&mut source, expected as u64 + 1);
    assert!(!source.step().unwrap(), "the attack ends with its last call");
    assert_eq!((whole.axis, whole.block), (Axis::Steps, whole.last_block.unwrap()));
    assert_eq!(whole.totals.attacker_profit_usd.last_value(), Some(last.gain_usd));
    assert!(whole.assets.iter().any(|asset| asset.symbol.contains("oracle")), "no oracle moved");
    let flash = whole.holdings.iter().find(|item| item.name.contains("flash-borrowed")).unwrap();
    assert_eq!(flash.tokens.last_value(), Some(0.0));
    let early = go(&mut source, 2);
    assert_eq!((early.events.len(), early.moment(2)), (2, "step 2".to_owned()));
    assert_eq!(early.holdings[0].usd.len(), 3);
    same("frame", &go(&mut source, whole.block), &whole);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let selection = Selection { window: Some("no such".to_owned()), ..Selection::default() };
    let error = viewer::open(&scenario().to_string_lossy(), &selection).err().unwrap();
    assert!(error.contains("no window `no such`"), "{error}");
    let error = viewer::open("no/such/file.ron", &Selection::default()).err().unwrap();
    assert!(error.contains("no/such/file.ron"), "{error}");
    let folder = env!("CARGO_MANIFEST_DIR");
    let error = viewer::open(folder, &Selection::default()).err().unwrap();
    assert!(error.contains("manifest"), "{error}");
}
