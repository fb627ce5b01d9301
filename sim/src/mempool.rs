//! The mempool: what was submitted, in which order it will run, and what became of it.

use crate::actor::Outbox;
use crate::builder::{BlockBuilder, OrderContext};
use crate::chain::Chain;
use crate::chain::call::{Call, Outcome, Receipt, Transaction, TxBuffer, TxHeader};
use crate::rng::Streams;
use bevy_ecs::prelude::Resource;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};

/// A transaction of the block, executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executed {
    /// Index into the pending transactions.
    pub index: u32,
    /// What became of it.
    pub receipt: Receipt,
}

/// The block in the making.
#[derive(Resource, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Mempool {
    /// Everything submitted for this block, in submission order; the world's keepers append.
    pub pending: TxBuffer,
    /// Indices into `pending`, in the order of execution.
    pub order: Vec<u32>,
    /// What was included, in order, with receipts.
    pub executed: Vec<Executed>,
    /// Transactions of this block that were not included.
    pub dropped: u32,
}

impl Mempool {
    /// Forgets the last block, keeps the memory.
    pub fn clear(&mut self) {
        let Self { pending, order, executed, dropped } = self;
        pending.clear();
        order.clear();
        executed.clear();
        *dropped = 0;
    }

    /// Takes the outbox's transactions and puts them in order: the world's first, by sequence, then
    /// the builder's order of those that offer at least the base fee.
    pub fn collect(
        &mut self,
        outbox: &mut Outbox,
        builder: &dyn BlockBuilder,
        chain: &Chain,
        streams: &Streams,
        episode: u64,
    ) {
        self.clear();
        std::mem::swap(&mut self.pending, &mut outbox.transactions);
        outbox.clear_transactions();
        let Self { pending, order, dropped, executed: _ } = self;
        order.extend((0..pending.len() as u32).filter(|i| pending.get(*i as usize).header.system));
        let first = order.len();
        let base_fee = chain.clock().base_fee;
        for (i, tx) in pending.iter().enumerate() {
            if tx.header.system {
                continue;
            }
            if tx.header.max_fee_per_gas >= base_fee {
                order.push(i as u32);
            } else {
                *dropped += 1;
            }
        }
        let context = OrderContext { chain, transactions: pending, streams, episode };
        builder.order(&context, &mut order[first..]);
    }

    /// Executes the ordered transactions; those whose gas limit does not fit the block any more, or
    /// that the chain refuses to include, are dropped.
    pub fn execute(&mut self, chain: &mut Chain, mut touched: impl FnMut(AccountId)) {
        let Self { pending, order, executed, dropped } = self;
        for index in order.iter() {
            let tx = pending.get(*index as usize);
            let clock = chain.clock();
            let fits = clock.gas_used.saturating_add(tx.header.gas_limit) <= clock.gas_limit;
            if !tx.header.system && !fits {
                *dropped += 1;
                continue;
            }
            let receipt = chain.execute(tx);
            if receipt.outcome == Outcome::Invalid {
                *dropped += 1;
                continue;
            }
            touch(&tx, &mut touched);
            executed.push(Executed { index: *index, receipt });
        }
    }

    /// Appends a transaction of the world's own keepers and executes it.
    pub fn execute_system(
        &mut self,
        chain: &mut Chain,
        sender: AccountId,
        calls: &[Call],
        mut touched: impl FnMut(AccountId),
    ) {
        let index = self.pending.len() as u32;
        let header = TxHeader {
            sender,
            actor: u32::MAX,
            sequence: index,
            gas_limit: u64::MAX,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            system: true,
        };
        self.pending.push(header, calls);
        let tx = self.pending.get(index as usize);
        let receipt = chain.execute(tx);
        touch(&tx, &mut touched);
        self.order.push(index);
        self.executed.push(Executed { index, receipt });
    }

    /// What the block included, in order.
    pub fn included(&self) -> impl ExactSizeIterator<Item = (Transaction<'_>, &Receipt)> {
        self.executed.iter().map(|e| (self.pending.get(e.index as usize), &e.receipt))
    }
}

/// Names the accounts whose position a transaction may have changed.
fn touch(tx: &Transaction<'_>, touched: &mut impl FnMut(AccountId)) {
    touched(tx.header.sender);
    for call in tx.calls {
        if let Some(account) = call.touches() {
            touched(account);
        }
    }
}
