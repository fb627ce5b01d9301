//! Random sequences of transactions over a chain that holds every family of mechanisms: every property of
//! the catalogue holds after every block, and a transaction that is made to fail at any of its calls
//! leaves no trace.
//!
//! A failure is shrunk and written to a file, a step a line; `BALLAST_SEQUENCE=FILE` plays it again.
//! `BALLAST_SEED` is the first episode's seed, `BALLAST_TRANSACTIONS` how many transactions there are;
//! `BALLAST_ALL=1` goes on after a failure, to one of each kind.

#![expect(clippy::print_stderr, reason = "a long test says how far it is")]

mod generate;
mod run;
mod world;

use run::{Counts, EPISODE, episode, read, replay, shrink, write};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::World;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a whole number"))
}

/// Plays so many transactions, in episodes over all cores.
fn play(transactions: u64, undo_every: u64, first_seed: u64) -> Counts {
    let world = World::new();
    let episodes = transactions.div_ceil(EPISODE);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let totals = Mutex::new((Counts::default(), Instant::now()));
    let began = Instant::now();
    // One failure of each kind; the first stops the others, unless all are asked for.
    let failed = Mutex::new(BTreeMap::new());
    let go_on = variable("BALLAST_ALL", 0) == 1;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= episodes {
                        break;
                    }
                    let seed = first_seed + at;
                    match episode(&world, seed, undo_every) {
                        Ok(counts) => {
                            let mut totals = totals.lock().expect("no thread panics here");
                            totals.0.add(&counts);
                            if totals.1.elapsed() > Duration::from_secs(30) {
                                totals.1 = Instant::now();
                                eprintln!("{:.0} s: {:?}", began.elapsed().as_secs_f64(), totals.0);
                            }
                        }
                        Err(story) => {
                            stop.store(!go_on, Ordering::Relaxed);
                            let mut failed = failed.lock().expect("no thread panics here");
                            let kind = run::kind(&story.why).to_owned();
                            failed.entry(kind).or_insert((seed, story));
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread panics here");
    let report: Vec<String> = failed
        .into_values()
        .map(|(seed, story): (u64, Box<run::Failed>)| {
            let steps = shrink(&world, &story);
            let (few, all) = (steps.len(), story.steps.len());
            let path = write(&steps, seed);
            format!("episode {seed}: {}\n{few} of {all} steps: {}", story.why, path.display())
        })
        .collect();
    assert!(report.is_empty(), "{}", report.join("\n"));
    let (counts, _) = totals.into_inner().expect("no thread panics here");
    eprintln!("{:.1} s on {threads} threads: {counts:?}", began.elapsed().as_secs_f64());
    counts
}

/// A run that fails everywhere, or does nothing of interest, proves nothing.
fn assert_lively(counts: &Counts) {
    let Counts { transactions, succeeded, reverted, blocks, forced_reverts, .. } = *counts;
    assert!(succeeded * 4 > transactions && reverted * 20 > transactions, "{counts:?}");
    assert!(blocks * 100 > transactions && forced_reverts * 100 > transactions, "{counts:?}");
    assert!(counts.liquidations > 0 && counts.flash_loans > 0 && counts.invalid > 0, "{counts:?}");
}

#[test]
fn a_million_random_transactions_break_nothing() {
    let transactions = variable("BALLAST_TRANSACTIONS", 1_000_000);
    let counts = play(transactions, 100, variable("BALLAST_SEED", 1));
    assert!(counts.transactions >= transactions);
    assert_lively(&counts);
}

#[test]
#[ignore = "a hundred million transactions: make test-long"]
fn a_hundred_million_random_transactions_break_nothing() {
    let transactions = variable("BALLAST_TRANSACTIONS", 100_000_000);
    let counts = play(transactions, 1_000, variable("BALLAST_SEED", 1_000_000));
    assert!(counts.transactions >= transactions);
}

#[test]
fn an_episode_is_its_seed() {
    let world = World::new();
    let play = |seed| episode(&world, seed, 50).expect("nothing breaks");
    let (a, b) = (play(7), play(7));
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    assert_ne!(format!("{a:?}"), format!("{:?}", play(8)));
}

#[test]
fn a_recorded_sequence_plays_again() {
    let Some(path) = std::env::var_os("BALLAST_SEQUENCE") else { return };
    let steps = read(std::path::Path::new(&path));
    for step in &steps {
        eprintln!("{step:?}");
    }
    replay(&World::new(), &steps, 1).expect("nothing breaks");
}
