//! Block builders: who orders the transactions of a block, and how.
//!
//! Ordering is a treatment variable, so it is a trait. The world's own transactions (settlements) come
//! first whatever the builder does; the base fee and the gas limit are not its choice either.

use crate::chain::Chain;
use crate::chain::call::{Call, TxBuffer, TxHeader};
use crate::rng::{Purpose, Streams, mix};
use bevy_ecs::prelude::Resource;
use rand::Rng;
use std::fmt::Debug;

/// What a builder may look at.
#[derive(Debug)]
pub struct OrderContext<'a> {
    /// The chain, before the block's first transaction.
    pub chain: &'a Chain,
    /// The pending transactions.
    pub transactions: &'a TxBuffer,
    /// Randomness.
    pub streams: &'a Streams,
    /// The episode, for addresses of randomness.
    pub episode: u64,
}

impl OrderContext<'_> {
    /// The header of a pending transaction.
    #[must_use]
    pub fn header(&self, index: u32) -> &TxHeader {
        self.transactions.get(index as usize).header
    }
    /// What the builder earns per gas, in wei (EIP-1559).
    #[must_use]
    pub fn tip(&self, header: &TxHeader) -> u64 {
        let base = self.chain.clock().base_fee;
        header.max_fee_per_gas.saturating_sub(base).min(header.max_priority_fee_per_gas)
    }
}

/// Puts a block's transactions in order. The order must be total: a function of the transactions and
/// the context alone.
pub trait BlockBuilder: Send + Sync + Debug {
    /// Name, for reports.
    fn name(&self) -> &'static str;
    /// Permutes `order`, indices into the pending transactions.
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]);
}

/// The world's block builder.
#[derive(Resource, Debug)]
pub struct Builder(pub Box<dyn BlockBuilder>);

impl Default for Builder {
    fn default() -> Self {
        Self(Box::new(PriorityFee))
    }
}

/// Highest effective priority fee first, ties by (actor, sequence).
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityFee;

impl BlockBuilder for PriorityFee {
    fn name(&self) -> &'static str {
        "priority fee"
    }
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]) {
        order.sort_unstable_by_key(|i| {
            let header = context.header(*i);
            (std::cmp::Reverse(context.tip(header)), header.actor, header.sequence)
        });
    }
}

/// A builder that searches for itself: the transactions of its own searchers come first, whatever they
/// tip, right after the reports of oracles that they live on. What they would have had to bid stays with
/// it; whoever competes with them reverts and pays. Among the others the highest tip is first.
///
/// Builders are integrated with searchers, and in backrun auctions they end up with most of the bonus
/// (Aave's SVR proposal and UMA's Oval, qualitative).
#[derive(Clone, Debug, Default)]
pub struct Insiders {
    /// Its own searchers, by actor id, ascending.
    pub actors: Vec<u32>,
}

impl BlockBuilder for Insiders {
    fn name(&self) -> &'static str {
        "insiders"
    }
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]) {
        order.sort_unstable_by_key(|i| {
            let tx = context.transactions.get(*i as usize);
            let reports = tx.calls.iter().any(|call| matches!(call, Call::PushPrice { .. }));
            let class = match (reports, self.actors.binary_search(&tx.header.actor)) {
                (true, _) => 0_u8,
                (false, Ok(_)) => 1,
                (false, Err(_)) => 2,
            };
            let tip = std::cmp::Reverse(context.tip(tx.header));
            (class, tip, tx.header.actor, tx.header.sequence)
        });
    }
}

/// In the order of submission: oracle nodes before participants, participants as scheduled.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstCome;

impl BlockBuilder for FirstCome {
    fn name(&self) -> &'static str {
        "first come"
    }
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]) {
        order.sort_unstable_by_key(|i| context.header(*i).sequence);
    }
}

/// In an order drawn anew each block. A transaction's draw depends on its actor and its position among
/// that actor's transactions, so one more participant does not reshuffle the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomOrder;

impl BlockBuilder for RandomOrder {
    fn name(&self) -> &'static str {
        "random"
    }
    fn order(&self, context: &OrderContext<'_>, order: &mut [u32]) {
        let block = context.chain.clock().block;
        let salt = context.streams.at(Purpose::Ordering, 0, context.episode, block).next_u64();
        order.sort_unstable_by_key(|i| {
            let header = context.header(*i);
            let rank = context
                .transactions
                .iter()
                .filter(|t| t.header.actor == header.actor && t.header.sequence < header.sequence)
                .count() as u64;
            (mix(salt ^ mix((u64::from(header.actor) << 32) | rank)), header.actor, header.sequence)
        });
    }
}
