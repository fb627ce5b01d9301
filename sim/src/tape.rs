//! The tape: what it takes to play a history again without its participants.
//!
//! A header, a snapshot of the chain every so many blocks, and per block its header, fair prices,
//! ordered transactions and digest; an end mark closes it. Each record is framed:
//!
//! ```text
//! "BLST" version:u16le | record*      record = length:u32le kind:u8 payload checksum:[u8; 8]
//! ```
//!
//! The checksum is the head of blake3 over length, kind and payload. This module writes to any
//! [`Write`] and reads from bytes: opening files is the caller's business.

mod cut;

use crate::chain::call::{Receipt, TxBuffer};
use crate::chain::{Chain, Digest, Violation};
use crate::prices::FairPrices;
use crate::record::{BlockDigest, BlockHeader, decode_transactions, encode};
use bevy_ecs::prelude::Resource;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io::{self, Write};

const MAGIC: &[u8; 4] = b"BLST";
/// Version of the format.
pub const VERSION: u16 = 3;
const PREAMBLE: usize = 6;
const FRAME: usize = 5;
const CHECKSUM: usize = 8;

const HEADER: u8 = 0;
const SNAPSHOT: u8 = 1;
const BLOCK: u8 = 2;
const END: u8 = 3;

/// What a tape says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TapeHeader {
    /// The scenario's name.
    pub scenario: String,
    /// Names the scenario: a hash over its text and its price files, in hexadecimal.
    pub scenario_hash: String,
    /// The run's seed.
    pub run_seed: u64,
    /// The world that was played.
    pub instance: u64,
    /// The episode.
    pub episode: u64,
    /// Seconds between blocks.
    pub block_secs: u32,
    /// Anything else worth knowing, by name.
    pub notes: Vec<(String, String)>,
}

/// A state of the chain on a tape.
#[derive(Serialize, Deserialize)]
struct SnapshotRecord<C> {
    block: u64,
    digest: Digest,
    prices: Vec<f64>,
    chain: C,
}

/// The head of a block's record; its transactions follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockRecord {
    /// How the block began.
    pub header: BlockHeader,
    /// The digest after it.
    pub digest: Digest,
    /// Fair prices in USD, by asset.
    pub prices: Vec<f64>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct EndRecord {
    block: u64,
    digest: Digest,
}

/// Where a lane writes its tape; writes nothing until it is given a sink.
#[derive(Resource, Default)]
pub struct Tape {
    sink: Option<Box<dyn Write + Send + Sync>>,
    snapshot_every: u64,
    since_snapshot: u64,
    last: Option<EndRecord>,
    prices: Vec<f64>,
    payload: Vec<u8>,
    frame: Vec<u8>,
    error: Option<io::Error>,
}

impl std::fmt::Debug for Tape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tape").field("recording", &self.sink.is_some()).finish_non_exhaustive()
    }
}

impl Tape {
    /// Begins a tape with a header and a snapshot.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn begin(
        sink: Box<dyn Write + Send + Sync>,
        header: &TapeHeader,
        snapshot_every_blocks: u64,
        chain: &Chain,
        prices: &FairPrices,
        digest: Digest,
    ) -> io::Result<Self> {
        let mut tape = Self {
            sink: Some(sink),
            snapshot_every: snapshot_every_blocks.max(1),
            ..Self::default()
        };
        tape.last = Some(EndRecord { block: chain.clock().block, digest });
        if let Some(sink) = &mut tape.sink {
            sink.write_all(MAGIC)?;
            sink.write_all(&VERSION.to_le_bytes())?;
        }
        encode(header, &mut tape.payload);
        tape.write(HEADER)?;
        tape.snapshot(chain, prices, digest)?;
        Ok(tape)
    }

    /// Whether it records.
    #[must_use]
    pub const fn is_recording(&self) -> bool {
        self.sink.is_some()
    }

    /// Appends the block that just closed; a failing sink is remembered and ends the recording.
    pub fn block(&mut self, chain: &Chain, prices: &FairPrices, digest: &BlockDigest) {
        if self.sink.is_none() {
            return;
        }
        if let Err(error) = self.try_block(chain, prices, digest) {
            self.sink = None;
            self.error = Some(error);
        }
    }

    fn try_block(
        &mut self,
        chain: &Chain,
        prices: &FairPrices,
        digest: &BlockDigest,
    ) -> io::Result<()> {
        self.prices.clone_from(&prices.fair);
        let record = BlockRecord {
            header: digest.header,
            digest: digest.digest,
            prices: std::mem::take(&mut self.prices),
        };
        self.payload.clear();
        encode(&record, &mut self.payload);
        self.prices = record.prices;
        self.payload.extend_from_slice(&digest.transactions);
        self.write(BLOCK)?;
        self.last = Some(EndRecord { block: record.header.block, digest: record.digest });
        self.since_snapshot += 1;
        if self.since_snapshot >= self.snapshot_every {
            self.snapshot(chain, prices, digest.digest)?;
        }
        Ok(())
    }

    fn snapshot(&mut self, chain: &Chain, prices: &FairPrices, digest: Digest) -> io::Result<()> {
        self.since_snapshot = 0;
        self.payload.clear();
        let block = chain.clock().block;
        let record = SnapshotRecord { block, digest, prices: prices.fair.clone(), chain };
        encode(&record, &mut self.payload);
        self.write(SNAPSHOT)
    }

    /// Frames and writes the payload.
    fn write(&mut self, kind: u8) -> io::Result<()> {
        let Some(sink) = &mut self.sink else { return Ok(()) };
        self.frame.clear();
        append_frame(&mut self.frame, kind, &self.payload)?;
        sink.write_all(&self.frame)
    }

    /// Writes the end mark and flushes; a tape without it counts as truncated.
    ///
    /// # Errors
    /// Those of the sink, earlier ones included.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if let Some(end) = self.last.take() {
            self.payload.clear();
            encode(&end, &mut self.payload);
            self.write(END)?;
        }
        match self.sink.take() {
            Some(mut sink) => sink.flush(),
            None => Ok(()),
        }
    }
}

/// What is wrong with a tape, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// It is not a tape, or of another version.
    #[error("byte 0: not a tape of version {VERSION}")]
    NotATape,
    /// It ends too early.
    #[error("byte {offset}: truncated: {what}")]
    Truncated {
        /// Where the incomplete record begins.
        offset: usize,
        /// What is missing.
        what: &'static str,
    },
    /// A record's bytes are not those written.
    #[error("byte {offset}: corrupt record: {what}")]
    Corrupt {
        /// Where the record begins.
        offset: usize,
        /// What does not fit.
        what: &'static str,
    },
    /// Something follows the end mark.
    #[error("byte {offset}: bytes after the end mark")]
    Trailing {
        /// Where it begins.
        offset: usize,
    },
    /// Playing the block gave another digest: the program differs from the one that recorded.
    #[error("block {block}: the replayed digest differs from the recorded one")]
    Diverged {
        /// The first block that differs.
        block: u64,
    },
    /// The block is not on the tape.
    #[error("block {block} is not on the tape, which has {first} to {last}")]
    NoSuchBlock {
        /// The block asked for.
        block: u64,
        /// The state before the first recorded block.
        first: u64,
        /// The last recorded block.
        last: u64,
    },
}

#[derive(Clone, Copy, Debug)]
struct Indexed {
    block: u64,
    offset: usize,
    length: usize,
}

/// A tape in memory, checked and indexed.
#[derive(Clone, Debug)]
pub struct TapeReader {
    bytes: Vec<u8>,
    header: TapeHeader,
    snapshots: Vec<Indexed>,
    blocks: Vec<Indexed>,
    end: (u64, Digest),
}

impl TapeReader {
    /// Checks every record's checksum and the order of blocks.
    ///
    /// # Errors
    /// The first thing that is wrong, with its byte offset.
    pub fn open(bytes: Vec<u8>) -> Result<Self, TapeError> {
        if bytes.len() < PREAMBLE || bytes[..4] != *MAGIC || bytes[4..6] != VERSION.to_le_bytes() {
            return Err(TapeError::NotATape);
        }
        let (mut header, mut end) = (None, None);
        let (mut snapshots, mut blocks) = (Vec::new(), Vec::<Indexed>::new());
        let mut offset = PREAMBLE;
        while offset < bytes.len() {
            if end.is_some() {
                return Err(TapeError::Trailing { offset });
            }
            let (kind, payload) = frame(&bytes, offset)?;
            let corrupt = |what| TapeError::Corrupt { offset, what };
            let indexed = |block| Indexed { block, offset: offset + FRAME, length: payload.len() };
            match kind {
                HEADER => header = Some(parse::<TapeHeader>(payload).ok_or(corrupt("header"))?),
                SNAPSHOT => {
                    let (block, _) = postcard::take_from_bytes::<u64>(payload)
                        .map_err(|_e| corrupt("snapshot"))?;
                    snapshots.push(indexed(block));
                }
                BLOCK => {
                    let (head, _) = postcard::take_from_bytes::<BlockHeader>(payload)
                        .map_err(|_e| corrupt("block"))?;
                    let before = blocks.last().or(snapshots.first()).map(|b| b.block);
                    if before.is_none_or(|b| b + 1 != head.block) {
                        return Err(corrupt("block out of order"));
                    }
                    blocks.push(indexed(head.block));
                }
                END => end = Some(parse::<EndRecord>(payload).ok_or(corrupt("end mark"))?),
                _ => return Err(corrupt("unknown kind")),
            }
            offset += FRAME + payload.len() + CHECKSUM;
        }
        let truncated = |what| TapeError::Truncated { offset, what };
        let header = header.ok_or(truncated("no header"))?;
        if snapshots.is_empty() {
            return Err(truncated("no snapshot"));
        }
        let end = end.ok_or(truncated("no end mark"))?;
        Ok(Self { bytes, header, snapshots, blocks, end: (end.block, end.digest) })
    }

    /// What the tape says about itself.
    #[must_use]
    pub const fn header(&self) -> &TapeHeader {
        &self.header
    }
    /// The block before the first recorded one: the genesis.
    #[must_use]
    pub fn first_block(&self) -> u64 {
        self.snapshots[0].block
    }
    /// The last recorded block.
    #[must_use]
    pub const fn last_block(&self) -> u64 {
        self.end.0
    }
    /// The digest after the last block.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.end.1
    }
    /// The blocks after which the tape has a snapshot, oldest first.
    pub fn snapshot_blocks(&self) -> impl Iterator<Item = u64> {
        self.snapshots.iter().map(|snapshot| snapshot.block)
    }

    /// Begins to play at the genesis.
    ///
    /// # Errors
    /// The snapshot does not decode.
    pub fn play(&self) -> Result<Player<'_>, TapeError> {
        self.player(self.snapshots[0])
    }

    /// Begins to play at the genesis, and keeps the tape itself.
    ///
    /// # Errors
    /// The snapshot does not decode.
    pub fn into_player(self) -> Result<Player<'static>, TapeError> {
        let Player { tape: _, chain, digest, record, transactions, receipts, calls, next } =
            self.play()?;
        let tape = Cow::Owned(self);
        Ok(Player { tape, chain, digest, record, transactions, receipts, calls, next })
    }

    /// The state after `block`: the nearest snapshot before it, played forward.
    ///
    /// # Errors
    /// The block is not on the tape, or playing it diverges.
    pub fn seek(&self, block: u64) -> Result<Player<'_>, TapeError> {
        let (first, last) = (self.first_block(), self.last_block());
        if !(first..=last).contains(&block) {
            return Err(TapeError::NoSuchBlock { block, first, last });
        }
        let nearest = self.snapshots.partition_point(|s| s.block <= block) - 1;
        let mut player = self.player(self.snapshots[nearest])?;
        while player.block() < block {
            player.step()?;
        }
        Ok(player)
    }

    fn player(&self, at: Indexed) -> Result<Player<'_>, TapeError> {
        let payload = &self.bytes[at.offset..at.offset + at.length];
        let corrupt = TapeError::Corrupt { offset: at.offset, what: "snapshot" };
        let snapshot = parse::<SnapshotRecord<Chain>>(payload).ok_or(corrupt)?;
        Ok(Player {
            tape: Cow::Borrowed(self),
            chain: snapshot.chain,
            digest: BlockDigest::starting_at(snapshot.digest),
            record: BlockRecord {
                digest: snapshot.digest,
                prices: snapshot.prices,
                header: BlockHeader { block: snapshot.block, ..BlockHeader::default() },
            },
            transactions: TxBuffer::default(),
            receipts: Vec::new(),
            calls: Vec::new(),
            next: (at.block - self.first_block()) as usize,
        })
    }
}

/// Appends a record.
fn append_frame(out: &mut Vec<u8>, kind: u8, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
    let start = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(payload);
    let checksum = blake3::hash(&out[start..]);
    out.extend_from_slice(&checksum.as_bytes()[..CHECKSUM]);
    Ok(())
}

/// Checks a frame and returns its kind and payload.
fn frame(bytes: &[u8], offset: usize) -> Result<(u8, &[u8]), TapeError> {
    let truncated = TapeError::Truncated { offset, what: "incomplete record" };
    let rest = &bytes[offset..];
    let Some(head) = rest.first_chunk::<FRAME>() else { return Err(truncated) };
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let Some(checksum) = rest.get(FRAME + length..FRAME + length + CHECKSUM) else {
        return Err(truncated);
    };
    if blake3::hash(&rest[..FRAME + length]).as_bytes()[..CHECKSUM] != *checksum {
        return Err(TapeError::Corrupt { offset, what: "checksum" });
    }
    Ok((head[4], &rest[FRAME..FRAME + length]))
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

/// Plays a tape: a chain, and the blocks that happened to it.
#[derive(Debug)]
pub struct Player<'a> {
    tape: Cow<'a, TapeReader>,
    chain: Chain,
    digest: BlockDigest,
    record: BlockRecord,
    transactions: TxBuffer,
    receipts: Vec<Receipt>,
    calls: Vec<crate::chain::call::Call>,
    next: usize,
}

impl Player<'_> {
    /// What is played.
    #[must_use]
    pub fn tape(&self) -> &TapeReader {
        &self.tape
    }
    /// Goes to the latest snapshot at or before `block`; no block has been played then.
    ///
    /// # Errors
    /// The block is not on the tape, or the snapshot does not decode.
    pub fn rewind(&mut self, block: u64) -> Result<(), TapeError> {
        let (first, last) = (self.tape.first_block(), self.tape.last_block());
        if !(first..=last).contains(&block) {
            return Err(TapeError::NoSuchBlock { block, first, last });
        }
        let nearest = self.tape.snapshots.partition_point(|s| s.block <= block) - 1;
        let Player { tape: _, chain, digest, record, transactions, receipts, calls, next } =
            self.tape.player(self.tape.snapshots[nearest])?;
        self.chain = chain;
        self.digest = digest;
        self.record = record;
        self.transactions = transactions;
        self.receipts = receipts;
        self.calls = calls;
        self.next = next;
        Ok(())
    }
    /// The chain after the last block played; its logs are that block's.
    #[must_use]
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }
    /// The last block played.
    #[must_use]
    pub const fn block(&self) -> u64 {
        self.record.header.block
    }
    /// The digest after it.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest.digest
    }
    /// Header, prices and digest of the last block played.
    #[must_use]
    pub const fn record(&self) -> &BlockRecord {
        &self.record
    }
    /// Checks every invariant of the chain, on the step from the state that was last so checked too.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn audit(&mut self) -> Result<(), Violation> {
        self.chain.audit_all()
    }
    /// Its transactions, in order.
    #[must_use]
    pub const fn transactions(&self) -> &TxBuffer {
        &self.transactions
    }
    /// Their receipts.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// Plays the next block; `false` at the end of the tape.
    ///
    /// # Errors
    /// The record does not decode, or the digest differs from the recorded one.
    pub fn step(&mut self) -> Result<bool, TapeError> {
        let Some(at) = self.tape.blocks.get(self.next) else { return Ok(false) };
        let corrupt = |_e| TapeError::Corrupt { offset: at.offset, what: "block" };
        let payload = &self.tape.bytes[at.offset..at.offset + at.length];
        let (record, rest) = postcard::take_from_bytes::<BlockRecord>(payload).map_err(corrupt)?;
        decode_transactions(rest, &mut self.calls, &mut self.transactions).map_err(corrupt)?;
        let header = record.header;
        self.chain.begin_block(header.timestamp, header.background_gas);
        self.receipts.clear();
        for tx in self.transactions.iter() {
            self.receipts.push(self.chain.execute(tx));
        }
        let replayed = BlockHeader::of(self.chain.clock(), header.background_gas);
        self.digest.advance(replayed, self.transactions.iter().zip(&self.receipts));
        self.record = record;
        self.next += 1;
        if self.digest.digest != self.record.digest || replayed != header {
            return Err(TapeError::Diverged { block: header.block });
        }
        Ok(true)
    }
}

/// Plays a tape from its genesis, without agents, up to and including `to_block` (its end by
/// default), checking every block's digest.
///
/// # Errors
/// The block is not on the tape, or the replay diverges.
pub fn replay(tape: &TapeReader, to_block: Option<u64>) -> Result<Player<'_>, TapeError> {
    let (first, last) = (tape.first_block(), tape.last_block());
    let block = to_block.unwrap_or(last);
    if !(first..=last).contains(&block) {
        return Err(TapeError::NoSuchBlock { block, first, last });
    }
    let mut player = tape.play()?;
    while player.block() < block {
        if !player.step()? {
            return Err(TapeError::NoSuchBlock { block, first, last: player.block() });
        }
    }
    Ok(player)
}
