//! The transactions of the replays, noted as they are executed, to be executed again all mixed.

use super::support::Failed;
use markets::units::AccountId;
use sim::chain::Chain;
use sim::chain::call::{Call, Receipt, Transaction, TxHeader};
use std::cell::RefCell;

/// What the replay of one case executed, on a chain of its own.
pub struct Case {
    pub family: &'static str,
    pub start: Chain,
    pub transactions: Vec<Noted>,
    pub end: Chain,
}

/// A transaction as it was executed.
pub struct Noted {
    /// The block, and its time, in seconds.
    pub block: u64,
    pub timestamp: u64,
    pub sender: AccountId,
    pub calls: Vec<Call>,
}

thread_local! {
    /// What is being recorded: nothing while `None`.
    static RECORDING: RefCell<Option<Vec<Case>>> = const { RefCell::new(None) };
}

/// Runs a replay and returns what it executed; nothing where it executed nothing.
///
/// # Panics
/// Where the replay does not equal the vectors, or changed the chain beside its transactions.
pub fn record(family: &'static str, replay: impl FnOnce() -> Result<usize, Failed>) -> Vec<Case> {
    RECORDING.set(Some(Vec::new()));
    let equal = replay();
    let mut cases = RECORDING.take().unwrap_or_default();
    assert!(equal.is_ok(), "{family}: the replay does not equal its vectors");
    for case in &mut cases {
        case.family = family;
    }
    cases
}

/// Executes calls as one transaction that pays no gas.
pub fn send(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> Receipt {
    RECORDING.with_borrow_mut(|cases| {
        if let Some(cases) = cases {
            note(cases, chain, sender, calls);
        }
    });
    let receipt = chain.execute(Transaction { header: &header(sender), calls });
    RECORDING.with_borrow_mut(|cases| {
        if let Some(case) = cases.as_mut().and_then(|cases| cases.last_mut()) {
            case.end.clone_from(chain);
        }
    });
    receipt
}

/// Notes a transaction: of the chain that was noted last, moved on in time only, or of a new one.
fn note(cases: &mut Vec<Case>, chain: &Chain, sender: AccountId, calls: &[Call]) {
    let clock = chain.clock();
    let goes_on = cases.last_mut().is_some_and(|case| {
        let ended = case.end.clock();
        move_to(&mut case.end, clock.block, clock.timestamp);
        let same = case.end == *chain;
        if !same {
            move_to(&mut case.end, ended.block, ended.timestamp);
        }
        same
    });
    if !goes_on {
        assert!(cases.last().is_none_or(|case| case.start == *chain), "a chain changed by itself");
        let (start, end) = (chain.clone(), chain.clone());
        cases.push(Case { family: "", start, transactions: Vec::new(), end });
    }
    if let Some(case) = cases.last_mut() {
        let (block, timestamp, calls) = (clock.block, clock.timestamp, calls.to_vec());
        case.transactions.push(Noted { block, timestamp, sender, calls });
    }
}

/// Begins the block, where the chain is not in it yet.
fn move_to(chain: &mut Chain, block: u64, timestamp: u64) {
    if (chain.clock().block, chain.clock().timestamp) != (block, timestamp) {
        chain.begin_block_at(block, timestamp, 0);
    }
}

fn header(sender: AccountId) -> TxHeader {
    TxHeader {
        sender,
        actor: 0,
        sequence: 0,
        gas_limit: u64::MAX,
        max_fee_per_gas: 0,
        max_priority_fee_per_gas: 0,
        system: true,
    }
}

/// All transactions, as (case, index), in order of time; a case's own in its own order.
pub fn by_time(cases: &[Case]) -> Vec<(usize, usize)> {
    let mut order: Vec<_> = (0..cases.len())
        .flat_map(|case| (0..cases[case].transactions.len()).map(move |index| (case, index)))
        .collect();
    order.sort_by_key(|&(case, index)| (cases[case].transactions[index].timestamp, index, case));
    order
}

/// The chains before the first transaction.
pub fn starts(cases: &[Case]) -> Vec<Chain> {
    cases.iter().map(|case| case.start.clone()).collect()
}

/// Executes the trace.
pub fn run(cases: &[Case], order: &[(usize, usize)], chains: &mut [Chain]) {
    for &(case, index) in order {
        let Noted { block, timestamp, sender, calls } = &cases[case].transactions[index];
        let chain = &mut chains[case];
        move_to(chain, *block, *timestamp);
        chain.execute(Transaction { header: &header(*sender), calls });
    }
}
