//! A tape up to a block, with the states before and after it: what a broken invariant leaves behind.

use super::{
    BlockRecord, CHECKSUM, END, EndRecord, FRAME, HEADER, Indexed, MAGIC, SNAPSHOT, SnapshotRecord,
    TapeError, TapeReader, VERSION, append_frame,
};
use crate::chain::Digest;
use crate::record::encode;

impl TapeReader {
    /// The bytes of a tape that ends with `block`, and has a snapshot of the state before it and of the
    /// state after it. Where this program cannot play the block, a snapshot is left out: the records
    /// themselves are copied as they are.
    ///
    /// # Errors
    /// The block is not on the tape.
    pub fn cut(&self, block: u64) -> Result<Vec<u8>, TapeError> {
        let (first, last) = (self.first_block(), self.last_block());
        if !(first..=last).contains(&block) {
            return Err(TapeError::NoSuchBlock { block, first, last });
        }
        let mut out = Vec::with_capacity(self.bytes.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        let mut payload = Vec::new();
        encode(&self.header, &mut payload);
        drop(append_frame(&mut out, HEADER, &payload));
        let mut end = self.first_digest();
        self.copy(self.snapshots[0], &mut out);
        for at in self.blocks.iter().take_while(|at| at.block <= block) {
            self.copy(*at, &mut out);
            let taken = self.snapshots.iter().find(|s| s.block == at.block);
            if let Some(snapshot) = taken {
                self.copy(*snapshot, &mut out);
            } else if at.block + 1 >= block
                && let Ok(player) = self.seek(at.block)
            {
                payload.clear();
                let (block, digest) = (at.block, player.digest());
                let (chain, prices) = (player.chain(), player.record().prices.clone());
                encode(&SnapshotRecord { block, digest, prices, chain }, &mut payload);
                drop(append_frame(&mut out, SNAPSHOT, &payload));
            }
            if at.block == block {
                end = self.block_digest(*at).unwrap_or(end);
            }
        }
        payload.clear();
        encode(&EndRecord { block, digest: end }, &mut payload);
        drop(append_frame(&mut out, END, &payload));
        Ok(out)
    }

    /// Copies a record, frame and all.
    fn copy(&self, at: Indexed, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[at.offset - FRAME..at.offset + at.length + CHECKSUM]);
    }

    fn block_digest(&self, at: Indexed) -> Option<Digest> {
        let payload = &self.bytes[at.offset..at.offset + at.length];
        let (record, _) = postcard::take_from_bytes::<BlockRecord>(payload).ok()?;
        Some(record.digest)
    }

    /// The digest before the first block.
    #[must_use]
    pub fn first_digest(&self) -> Digest {
        let at = self.snapshots[0];
        let payload = &self.bytes[at.offset..at.offset + at.length];
        let head = postcard::take_from_bytes::<(u64, Digest)>(payload);
        head.map_or([0; 32], |(head, _)| head.1)
    }
}
