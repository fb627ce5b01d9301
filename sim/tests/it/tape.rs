//! A tape's promises: replay without agents gives the same history; damage is found and located.

use crate::common::Small;
use sim::tape::{TapeError, TapeHeader, TapeReader, replay};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn recorded() -> (Vec<u8>, [u8; 32], Vec<[u8; 32]>) {
    let mut lane = Small::default().lane(1, 2, 3);
    let sink = Shared::default();
    let header = TapeHeader { scenario: "small".to_owned(), ..TapeHeader::default() };
    lane.record_to(Box::new(sink.clone()), header, 16).unwrap();
    let mut digests = vec![lane.digest()];
    for _ in 0..50 {
        lane.run_block();
        digests.push(lane.digest());
    }
    lane.finish_tape().unwrap();
    let state = lane.chain().state_hash();
    let bytes = sink.0.lock().unwrap().clone();
    (bytes, state, digests)
}

#[test]
fn replay_reproduces_the_history() {
    let (bytes, state, digests) = recorded();
    let tape = TapeReader::open(bytes).unwrap();
    assert_eq!(tape.header().scenario, "small");
    assert_eq!((tape.header().run_seed, tape.header().episode), (1, 3));
    let player = replay(&tape, None).unwrap();
    assert_eq!(player.digest(), digests[50]);
    assert_eq!(player.digest(), tape.digest());
    assert_eq!(player.chain().state_hash(), state);
    assert_eq!(replay(&tape, Some(20)).unwrap().digest(), digests[20]);
    for block in [0, 1, 15, 16, 17, 33, 50] {
        let sought = tape.seek(block).unwrap();
        assert_eq!((sought.block(), sought.digest()), (block, digests[block as usize]));
    }
    assert!(matches!(tape.seek(51), Err(TapeError::NoSuchBlock { .. })));
}

#[test]
fn a_truncated_tape_says_where() {
    let (bytes, _, _) = recorded();
    for cut in [bytes.len() - 1, bytes.len() / 2, 40, 7] {
        match TapeReader::open(bytes[..cut].to_vec()) {
            Err(TapeError::Truncated { offset, .. }) => assert!(offset <= cut),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    assert_eq!(TapeReader::open(Vec::new()).unwrap_err(), TapeError::NotATape);
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(TapeReader::open(longer), Err(TapeError::Trailing { .. })));
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let (bytes, _, _) = recorded();
    for at in (0..bytes.len()).step_by(bytes.len() / 97) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(TapeReader::open(damaged).is_err(), "byte {at}");
    }
}

#[test]
fn a_tape_is_cut_after_a_block_with_the_states_around_it() {
    let (bytes, _, digests) = recorded();
    let whole = TapeReader::open(bytes).unwrap();
    for block in [0, 1, 15, 16, 17, 33, 50] {
        let cut = TapeReader::open(whole.cut(block).unwrap()).unwrap();
        assert_eq!((cut.first_block(), cut.last_block()), (0, block));
        assert_eq!(cut.header(), whole.header());
        let end = replay(&cut, None).unwrap();
        assert_eq!((end.digest(), cut.digest()), (digests[block as usize], end.digest()));
        let snapshots: Vec<u64> = cut.snapshot_blocks().collect();
        assert!(snapshots.contains(&block) && snapshots.contains(&block.saturating_sub(1)));
        let mut around = cut.seek(block.saturating_sub(1)).unwrap();
        while around.step().unwrap() {}
        assert_eq!(around.chain(), end.chain());
    }
    assert!(matches!(whole.cut(51), Err(TapeError::NoSuchBlock { .. })));
}
