//! Participants: what an entity is made of, and how it speaks to the chain.

use crate::chain::call::{Call, TxBuffer, TxHeader};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, Amount, AssetId};
use serde::{Deserialize, Serialize};

/// A participant.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Dense id in spawn order: orders ties, names log lines.
    pub id: u32,
    /// Hash of (cohort name, index): the address of this participant's randomness, independent of
    /// who else exists.
    pub key: u64,
}

/// The ledger account that a participant sends from.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet(pub AccountId);

/// How often a participant looks.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cadence {
    /// Acts in blocks where `block % every_blocks == phase`.
    pub every_blocks: u32,
    /// Offset, below `every_blocks`.
    pub phase: u32,
}

impl Cadence {
    /// Whether the participant looks in this block.
    #[must_use]
    pub const fn due(self, block: u64) -> bool {
        block % self.every_blocks as u64 == self.phase as u64
    }
}

/// What a sender offers for gas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GasBid {
    /// Gas limit, in gas.
    pub limit: u64,
    /// `maxFeePerGas`, in wei.
    pub max_fee_per_gas: u64,
    /// `maxPriorityFeePerGas`, in wei.
    pub max_priority_fee_per_gas: u64,
}

/// A market order at an exchange, filled at the next block's quotes (latency: one block).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeOrder {
    /// Who trades; their ledger account settles.
    pub trader: AccountId,
    /// The participant.
    pub actor: u32,
    /// Sold to the exchange.
    pub sell: AssetId,
    /// Bought from the exchange.
    pub buy: AssetId,
    /// How much is sold; clamped to the trader's balance at settlement.
    pub amount: Amount,
}

/// Everything that participants ask for in a block; merged by (actor, sequence), so that the order
/// in which systems ran never matters.
#[derive(Resource, Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outbox {
    /// Transactions for this block.
    pub transactions: TxBuffer,
    /// Orders for the next block's exchange.
    pub orders: Vec<ExchangeOrder>,
    sequence: u32,
}

impl Outbox {
    /// Submits a transaction.
    pub fn submit(&mut self, actor: &Actor, wallet: Wallet, gas: GasBid, calls: &[Call]) {
        let header = TxHeader {
            sender: wallet.0,
            actor: actor.id,
            sequence: self.sequence,
            gas_limit: gas.limit,
            max_fee_per_gas: gas.max_fee_per_gas,
            max_priority_fee_per_gas: gas.max_priority_fee_per_gas,
            system: false,
        };
        self.sequence += 1;
        self.transactions.push(header, calls);
    }

    /// Submits a transaction of the world itself: no gas, first in the block.
    pub fn submit_system(&mut self, sender: AccountId, calls: &[Call]) {
        let header = TxHeader {
            sender,
            actor: u32::MAX,
            sequence: self.sequence,
            gas_limit: u64::MAX,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            system: true,
        };
        self.sequence += 1;
        self.transactions.push(header, calls);
    }

    /// Sends a market order to the exchange.
    pub fn order(&mut self, order: ExchangeOrder) {
        self.orders.push(order);
    }

    /// Forgets the transactions (the orders wait for the next block), keeps the memory.
    pub fn clear_transactions(&mut self) {
        self.transactions.clear();
        self.sequence = 0;
    }
}
