//! Receipts as a table: one row per included transaction, sorted by (lane, episode, block, index).

use crate::table::{Table, Values};
use sim::chain::Chain;
use sim::chain::call::{Call, Outcome, Receipt};
use sim::mempool::Mempool;

/// How a transaction ended, in a word, and why.
#[must_use]
pub fn outcome(receipt: &Receipt) -> (&'static str, String) {
    match receipt.outcome {
        Outcome::Success => ("success", String::new()),
        Outcome::Refused(reason) => ("refused", reason.to_string()),
        Outcome::Reverted { reason, call } => ("reverted", format!("call {call}: {reason}")),
        Outcome::Invalid => ("invalid", String::new()),
    }
}

/// Receipts collected block by block.
#[derive(Clone, Debug, Default)]
pub struct Receipts {
    lane: Vec<i64>,
    episode: Vec<i64>,
    block: Vec<i64>,
    index: Vec<i64>,
    sender: Vec<String>,
    calls: Vec<String>,
    outcome: Vec<String>,
    reason: Vec<String>,
    gas_used: Vec<i64>,
    gas_paid_wei: Vec<f64>,
}

impl Receipts {
    /// Adds the block that has just closed.
    pub fn collect(&mut self, lane: u64, episode: u64, chain: &Chain, mempool: &Mempool) {
        let block = chain.clock().block as i64;
        for (index, (tx, receipt)) in mempool.included().enumerate() {
            self.lane.push(lane as i64);
            self.episode.push(episode as i64);
            self.block.push(block);
            self.index.push(index as i64);
            let name = chain.accounts().get(tx.header.sender.index());
            self.sender.push(name.cloned().unwrap_or_default());
            let kinds: Vec<&str> = tx.calls.iter().map(Call::kind).collect();
            self.calls.push(kinds.join(" "));
            let (outcome, reason) = outcome(receipt);
            self.outcome.push(outcome.to_owned());
            self.reason.push(reason);
            self.gas_used.push(receipt.gas_used as i64);
            self.gas_paid_wei.push(receipt.gas_paid.to_f64());
        }
    }

    /// Appends another lane's receipts.
    pub fn append(&mut self, mut other: Self) {
        let Self {
            lane,
            episode,
            block,
            index,
            sender,
            calls,
            outcome,
            reason,
            gas_used,
            gas_paid_wei,
        } = self;
        lane.append(&mut other.lane);
        episode.append(&mut other.episode);
        block.append(&mut other.block);
        index.append(&mut other.index);
        sender.append(&mut other.sender);
        calls.append(&mut other.calls);
        outcome.append(&mut other.outcome);
        reason.append(&mut other.reason);
        gas_used.append(&mut other.gas_used);
        gas_paid_wei.append(&mut other.gas_paid_wei);
    }

    /// The table.
    #[must_use]
    pub fn into_table(self) -> Table {
        Table::default()
            .with("lane", Values::Integers(self.lane))
            .with("episode", Values::Integers(self.episode))
            .with("block", Values::Integers(self.block))
            .with("index", Values::Integers(self.index))
            .with("sender", Values::Words(self.sender))
            .with("calls", Values::Words(self.calls))
            .with("outcome", Values::Words(self.outcome))
            .with("reason", Values::Words(self.reason))
            .with("gas_used", Values::Integers(self.gas_used))
            .with("gas_paid_wei", Values::Numbers(self.gas_paid_wei))
    }
}
