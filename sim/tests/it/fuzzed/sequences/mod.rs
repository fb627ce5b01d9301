//! Random sequences of transactions over a chain that holds every family: what the property tests and the
//! fuzz target `transactions` share.
#![allow(dead_code, reason = "shared by several crates, each using a part")]
#![allow(clippy::unwrap_used, reason = "tests")]

mod draw;
#[path = "../../sequences/world.rs"]
mod world;

use draw::Draw;
use markets::units::{AccountId, Amount, AssetId};
use sim::chain::call::{Call, Outcome, Transaction, TxHeader};
use sim::chain::{Chain, Fork};
use std::sync::LazyLock;
use world::World;

/// Most transactions of a sequence.
const MOST_TRANSACTIONS: u64 = 200;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

/// The chain that sequences begin on.
pub(crate) fn genesis() -> Chain {
    WORLD.chain.clone()
}

/// What a sequence came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Played {
    pub(crate) transactions: u64,
    pub(crate) succeeded: u64,
    pub(crate) reverts_forced: u64,
}

/// Plays the sequence that the bytes name: blocks begin, transactions are sent. After every transaction
/// the whole catalogue holds; before it, the same calls with a failing one behind some of them leave no
/// trace.
///
/// # Panics
/// Where an invariant breaks, a reverted transaction leaves a trace, or a mechanism panics.
pub(crate) fn play(bytes: &[u8]) -> Played {
    let mut chain = genesis();
    let mut fork = Fork(genesis());
    let mut draw = Draw::new(bytes, &chain);
    let mut played = Played::default();
    let mut calls = Vec::new();
    held(&mut chain, &calls);
    while !draw.is_spent() && played.transactions < MOST_TRANSACTIONS {
        let kind = draw.byte();
        if kind < 24 {
            let secs = 1 + (u64::from(draw.byte()) << (kind % 16));
            let now = chain.clock().timestamp + secs;
            chain.begin_block(now, u64::from(kind) * 1_000_000);
            draw.now(now);
            calls.clear();
        } else {
            let sender = sender(&chain, usize::from(kind));
            // Every further call is one more that may fail.
            let (count, cut) = (1 + (draw.byte() % 12).saturating_sub(6), draw.byte());
            calls.clear();
            calls.extend((0..count).filter_map(|_| draw.call()));
            played.reverts_forced += u64::from(undone(&mut fork, &chain, sender, &calls, cut));
            // A builder never fills a block beyond its limit.
            let left = chain.clock().gas_limit.saturating_sub(chain.clock().gas_used);
            let header = TxHeader { gas_limit: left, ..header(sender, kind >= 200) };
            let receipt = chain.execute(Transaction { header: &header, calls: &calls });
            played.transactions += 1;
            played.succeeded += u64::from(receipt.outcome == Outcome::Success);
        }
        held(&mut chain, &calls);
    }
    played
}

/// Users, whoever owns, governs and reports, and the outside world's operator.
fn sender(chain: &Chain, kind: usize) -> AccountId {
    let users = &WORLD.users;
    match kind % (users.len() + 2) {
        0 => chain.outside(),
        1 => WORLD.admin,
        n => users[n - 2],
    }
}

/// A header of a sender who pays for gas, or of the system, which does not.
fn header(sender: AccountId, system: bool) -> TxHeader {
    let (max_fee_per_gas, max_priority_fee_per_gas) = (1_000_000_000_000, 1_000);
    TxHeader {
        gas_limit: 30_000_000,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        system,
        ..world::header(sender)
    }
}

fn held(chain: &mut Chain, calls: &[Call]) {
    if let Err(violation) = chain.audit_all() {
        panic!("{violation}\nafter {calls:#?}");
    }
}

/// Runs some of the calls on a fork and fails; whether they were undone (a code refuses without undoing).
fn undone(fork: &mut Fork, chain: &Chain, sender: AccountId, calls: &[Call], cut: u8) -> bool {
    let cut = usize::from(cut) % (calls.len() + 1);
    let mut failing = calls[..cut].to_vec();
    failing.push(Call::RequireGain { mark: 3, asset: AssetId(0), min_gain: Amount::MAX });
    fork.sync(chain);
    let header = header(sender, true);
    let receipt = fork.0.execute(Transaction { header: &header, calls: &failing });
    if !matches!(receipt.outcome, Outcome::Reverted { .. }) {
        return false;
    }
    assert!(fork.0 == *chain, "a reverted transaction left a trace: {failing:#?}");
    assert!(fork.0.logs().is_empty(), "a reverted transaction left a log: {failing:#?}");
    true
}
