//! Random sequences of transactions over a chain that holds every family of mechanisms: every property of
//! the catalogue holds after every block, and a transaction that is made to fail at any of its calls
//! leaves no trace.
//!
//! A failure is shrunk and written to a file, a step a line; `BALLAST_SEQUENCE=FILE` plays it again.
//! `BALLAST_SEED` is the first episode's seed, `BALLAST_TRANSACTIONS` how many transactions there are;
//! `BALLAST_ALL=1` goes on after a failure, to one of each kind.

#![expect(
    clippy::disallowed_methods,
    reason = "a test harness has a stopwatch, and options from outside"
)]

mod generate;
mod run;
mod world;

use run::{Counts, EPISODE, episode, read, replay, shrink, write};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use world::World;

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a whole number"))
}

/// Past the harness's capture: a long test says how far it is.
fn say(began: Instant, counts: &Counts) {
    let line = format!("{:.1} s: {counts:?}", began.elapsed().as_secs_f64());
    writeln!(std::io::stderr(), "{line}").expect("there is a standard error");
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
                                say(began, &totals.0);
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
    say(began, &counts);
    counts
}

/// Calls that must have succeeded at least once, by name: whatever can be asked of the chain.
const KINDS: &str = "transfer swap swap_exact_out add_liquidity remove_liquidity supply withdraw borrow repay
    set_collateral liquidate flash_loan mark require_gain push_price checkpoint propose_risk execute_risk settle
    mint_to_treasury cover_deficit pair_mint pair_burn pair_swap pair_sync pair_skim mint burn collect
    concentrated_swap flash set_fee_protocol collect_protocol increase_cardinality stable_exchange
    stable_add_liquidity stable_remove_liquidity stable_remove_liquidity_one_coin
    stable_remove_liquidity_imbalance stable_ramp_a stable_stop_ramp_a stable_withdraw_admin_fees
    transfer_shares set_e_mode redeem repay_behalf transfer_c_token accrue add_reserves reduce_reserves govern
    post_price isolated_supply isolated_withdraw isolated_borrow isolated_repay isolated_supply_collateral
    isolated_withdraw_collateral isolated_liquidate isolated_accrue isolated_set_fee
    isolated_set_fee_recipient oracle_poke oracle_halt oracle_lift oracle_set_failover vault_join vault_exit
    vault_join_dai vault_exit_dai vault_move vault_flux vault_frob vault_drip vault_poke vault_heal vault_bite
    vault_bark auction_tend auction_dent auction_tick auction_deal auction_take auction_redo auction_upchost
    vault_file desk_open desk_close perpetual_offer perpetual_take perpetual_liquidate perpetual_deleverage
    perpetual_touch by";

/// A run that fails everywhere, or does nothing of interest, proves nothing.
fn assert_lively(counts: &Counts) {
    let Counts { transactions, succeeded, reverted, blocks, forced_reverts, .. } = *counts;
    assert!(succeeded * 4 > transactions && reverted * 20 > transactions, "{counts:?}");
    assert!(blocks * 100 > transactions && forced_reverts * 100 > transactions, "{counts:?}");
    let done: BTreeSet<_> = counts.kinds.keys().copied().collect();
    let never: Vec<_> = KINDS.split_whitespace().filter(|kind| !done.contains(kind)).collect();
    assert!(never.is_empty(), "never done: {never:?} of {counts:?}");
    assert!(counts.liquidations > 0 && counts.flash_loans > 0 && counts.invalid > 0, "{counts:?}");
}

#[test]
fn a_million_random_transactions_break_nothing() {
    let transactions = variable("BALLAST_TRANSACTIONS", 1_000_000);
    let counts = play(transactions, 100, variable("BALLAST_SEED", 1));
    assert!(counts.transactions >= transactions);
    if transactions >= 1_000_000 {
        assert_lively(&counts);
    }
}

/// What an audit costs beside a transaction: run it with `--nocapture`.
#[test]
#[ignore = "a measurement"]
fn an_audit_costs() {
    let mut chain = World::new().chain;
    let began = Instant::now();
    for _ in 0..10_000 {
        chain.audit_all().expect("the world is sound");
    }
    let all = began.elapsed() / 10_000;
    let began = Instant::now();
    for _ in 0..10_000 {
        chain.audit().expect("the world is sound");
    }
    let books = began.elapsed() / 10_000;
    let line = format!("an audit of everything: {all:?}; of the books, nothing written: {books:?}");
    writeln!(std::io::stderr(), "{line}").expect("there is a standard error");
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
    assert_eq!(a, b);
    assert_ne!(a, play(8));
}

#[test]
fn a_failure_is_made_small_and_reads_back() {
    use sim::chain::call::Call;
    let world = World::new();
    let mut generator = generate::Generator::new(&world, generate::Rng::new(3));
    let steps: Vec<_> = (0..400).map(|_| generator.step(&world.chain)).collect();
    let count = |steps: &[generate::Step], is: fn(&Call) -> bool| {
        let calls = steps.iter().filter_map(|step| match step {
            generate::Step::Send { calls, .. } => Some(calls),
            generate::Step::Block { .. } => None,
        });
        calls.flatten().filter(|call| is(call)).count()
    };
    // What it takes: a flash loan, and three swaps.
    let fails = |steps: &[generate::Step]| {
        count(steps, |call| matches!(call, Call::FlashLoan { .. })) >= 1
            && count(steps, |call| matches!(call, Call::Swap { .. })) >= 3
    };
    let small = run::smallest(&steps, fails);
    assert!(fails(&small) && small.len() <= 4 && count(&small, |_| true) == 4, "{small:?}");
    assert_eq!(read(&write(&small, 0)), small);
}

#[test]
fn a_recorded_sequence_plays_again() {
    let Some(path) = std::env::var_os("BALLAST_SEQUENCE") else { return };
    let steps = read(std::path::Path::new(&path));
    replay(&World::new(), &steps, 1).expect("nothing breaks");
}
