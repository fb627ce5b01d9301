//! The bytes of a block, and the digest that chains them.
//!
//! A block's digest is blake3 over the previous digest, the block's header, its transactions in order
//! and their receipts, all in postcard's encoding: equal digests mean equal histories.

use crate::chain::call::{Call, Receipt, Transaction, TxBuffer, TxHeader};
use crate::chain::{Clock, Digest};
use bevy_ecs::prelude::Resource;
use postcard::ser_flavors::Flavor;
use serde::{Deserialize, Serialize};

/// What a block began with: enough to begin it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockHeader {
    /// Block number.
    pub block: u64,
    /// Unix time, in seconds.
    pub timestamp: u64,
    /// Base fee, in wei per gas.
    pub base_fee: u64,
    /// Gas that the rest of the world used in it.
    pub background_gas: u64,
}

impl BlockHeader {
    /// The header of the block that a clock stands in.
    #[must_use]
    pub const fn of(clock: Clock, background_gas: u64) -> Self {
        Self {
            block: clock.block,
            timestamp: clock.timestamp,
            base_fee: clock.base_fee,
            background_gas,
        }
    }
}

/// Appends postcard bytes to a vector without another allocation.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();
    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(data);
        Ok(())
    }
    #[inline]
    fn try_push(&mut self, data: u8) -> postcard::Result<()> {
        self.0.push(data);
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Appends a value's postcard encoding.
///
/// # Panics
/// Never for this crate's values: they are plain data of known length.
pub fn encode(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    postcard::serialize_with_flavor(value, Append(out)).expect("plain values serialise");
}

/// Appends a transaction: header, number of calls, calls.
pub fn encode_transaction(tx: &Transaction<'_>, out: &mut Vec<u8>) {
    encode(tx.header, out);
    encode(tx.calls, out);
}

/// Reads transactions that [`encode_transaction`] wrote, all there are in `bytes`.
///
/// # Errors
/// The bytes are not transactions.
pub fn decode_transactions(
    mut bytes: &[u8],
    calls: &mut Vec<Call>,
    out: &mut TxBuffer,
) -> Result<(), postcard::Error> {
    out.clear();
    while !bytes.is_empty() {
        let (header, rest) = postcard::take_from_bytes::<TxHeader>(bytes)?;
        let (list, rest) = postcard::take_from_bytes::<Vec<Call>>(rest)?;
        calls.clone_from(&list);
        out.push(header, calls);
        bytes = rest;
    }
    Ok(())
}

/// The rolling digest of a history, with the bytes of its last block.
#[derive(Resource, Clone, Debug, Default, Serialize, Deserialize)]
pub struct BlockDigest {
    /// The digest after the last block.
    pub digest: Digest,
    /// Header of the last block.
    pub header: BlockHeader,
    /// Transactions of the last block, encoded.
    pub transactions: Vec<u8>,
    #[serde(skip)]
    scratch: Vec<u8>,
}

impl BlockDigest {
    /// The digest of a history that has only a genesis.
    #[must_use]
    pub fn starting_at(digest: Digest) -> Self {
        Self { digest, ..Self::default() }
    }

    /// Extends the history by a block.
    pub fn advance<'a>(
        &mut self,
        header: BlockHeader,
        included: impl Iterator<Item = (Transaction<'a>, &'a Receipt)>,
    ) {
        let Self { digest, header: last, transactions, scratch } = self;
        *last = header;
        transactions.clear();
        scratch.clear();
        scratch.extend_from_slice(digest);
        encode(&header, scratch);
        let receipts_at = scratch.len();
        for (tx, receipt) in included {
            encode_transaction(&tx, transactions);
            encode(receipt, scratch);
        }
        let receipts = (scratch.len() - receipts_at) as u64;
        scratch.extend_from_slice(&receipts.to_le_bytes());
        scratch.extend_from_slice(transactions);
        *digest = *blake3::hash(scratch).as_bytes();
    }
}
