//! Bytes are a tape: it is read, or refused with an offset.
//!
//! The first byte says how the rest is meant. A mutated tape rarely has right checksums, so they are put
//! right, and what lies behind them is reached: records of every kind with any content, transactions that
//! nobody would write on a state that somebody did.
#![no_main]

#[path = "../../sim/tests/it/fuzzed/sequences/mod.rs"]
mod sequences;

use serde::Serialize;
use sim::chain::Chain;
use sim::record::BlockHeader;
use sim::tape::{BlockRecord, TapeError, TapeHeader, TapeReader};
use std::sync::LazyLock;

/// Most blocks that are played.
const MOST_BLOCKS: usize = 16;
const PREAMBLE: usize = 6;
const FRAME: usize = 5;
const CHECKSUM: usize = 8;
const HEADER: u8 = 0;
const SNAPSHOT: u8 = 1;
const BLOCK: u8 = 2;
const END: u8 = 3;

static CHAIN: LazyLock<Chain> = LazyLock::new(sequences::genesis);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    match mode % 4 {
        // As it is.
        0 => read(rest.to_vec(), true),
        // Checksums put right, but for states: those are played as they were written, or refused.
        1 => read(mended(rest, false), true),
        // All checksums put right: a state that nobody wrote is decoded, and not played.
        2 => read(mended(rest, true), false),
        // Any transactions on a genuine state.
        _ => read(with_block(rest), true),
    }
});

fn read(bytes: Vec<u8>, play: bool) {
    let Ok(tape) = TapeReader::open(bytes) else { return };
    let (first, last) = (tape.first_block(), tape.last_block());
    let mut player = match tape.play() {
        Ok(player) => player,
        Err(TapeError::Corrupt { .. }) => return,
        Err(error) => panic!("{error}"),
    };
    if !play {
        return;
    }
    for _ in 0..MOST_BLOCKS {
        match player.step() {
            Ok(true) => {}
            Ok(false) => break,
            Err(TapeError::Corrupt { .. } | TapeError::Diverged { .. }) => break,
            Err(error) => panic!("{error}"),
        }
    }
    drop(tape.seek(last.min(first.saturating_add(MOST_BLOCKS as u64))));
    drop(tape.cut(first.saturating_add(1)));
}

/// The same records with right checksums, as far as they are records.
fn mended(bytes: &[u8], states_too: bool) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut offset = PREAMBLE;
    while let Some(head) = out.get(offset..offset + FRAME) {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = head[4];
        let end = offset + FRAME + length;
        if out.len() < end.saturating_add(CHECKSUM) {
            break;
        }
        if kind != SNAPSHOT || states_too {
            let checksum = blake3::hash(&out[offset..end]);
            out[end..end + CHECKSUM].copy_from_slice(&checksum.as_bytes()[..CHECKSUM]);
        }
        offset = end + CHECKSUM;
    }
    out
}

/// A genuine state and one block more, of transactions with these bytes.
fn with_block(transactions: &[u8]) -> Vec<u8> {
    let chain = &*CHAIN;
    let clock = chain.clock();
    let mut out = b"BLST\x01\x00".to_vec();
    let (digest, prices) = ([0_u8; 32], Vec::<f64>::new());
    record(&mut out, HEADER, encoded(&TapeHeader::default()));
    record(&mut out, SNAPSHOT, encoded(&(clock.block, digest, &prices, chain)));
    let header = BlockHeader {
        block: clock.block + 1,
        timestamp: clock.timestamp + 12,
        ..BlockHeader::of(clock, 0)
    };
    let mut block = encoded(&BlockRecord { header, digest, prices });
    block.extend_from_slice(transactions);
    record(&mut out, BLOCK, block);
    record(&mut out, END, encoded(&(header.block, digest)));
    out
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("plain values serialise")
}

fn record(out: &mut Vec<u8>, kind: u8, payload: Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.push(kind);
    out.extend_from_slice(&payload);
    let checksum = blake3::hash(&out[at..]);
    out.extend_from_slice(&checksum.as_bytes()[..CHECKSUM]);
}
