//! Randomness by address: a draw is named by (run seed, instance, purpose, actor, episode, block).
//!
//! Nothing is consumed, so adding an agent, a thread or a lane changes nobody else's luck. The key of
//! a ChaCha8 generator comes from (run seed, instance), its stream number from (purpose, actor), and
//! its position from (episode, block) in fixed bit fields of the 64-bit block counter:
//!
//! ```text
//! counter = episode (28 bits) | block (24 bits) | draws (12 bits: 65,536 words of 32 bits)
//! ```

use bevy_ecs::prelude::Resource;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Bits of the episode in an address.
pub const EPISODE_BITS: u32 = 28;
/// Bits of the block in an address: at 12 seconds a block, six years.
pub const BLOCK_BITS: u32 = 24;
/// Words of 32 bits that one address holds.
pub const WORDS_PER_ADDRESS: u64 = 1 << 16;
/// Words of a ChaCha block.
const CHACHA_WORDS: u128 = 16;
/// ChaCha blocks of an address.
const DRAW_BITS: u32 = 64 - EPISODE_BITS - BLOCK_BITS;

/// What a draw is for. Append only: the position is part of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Purpose {
    /// Drawing an episode: path, cohorts, opening positions.
    Setup,
    /// The joint price process.
    Prices,
    /// The exchange.
    Exchange,
    /// Oracle nodes: observation noise and delays.
    Oracle,
    /// What a participant decides.
    Behaviour,
    /// Searching for attacks and other what-if.
    Search,
    /// The block builder.
    Ordering,
    /// The rest of the world's demand for gas.
    Gas,
    /// A learner's exploration.
    Learner,
    /// Tests and tools.
    Test,
    /// Exogenous streams.
    Factors,
}

/// The streams of one world.
#[derive(Resource, Clone, Debug)]
pub struct Streams {
    run_seed: u64,
    instance: u64,
    opened: ChaCha8Rng,
}

impl Streams {
    /// The streams of the world `instance` in the run `run_seed`. The instance names the world that
    /// is played, not the lane that plays it: policies are compared on common random numbers.
    #[must_use]
    pub fn new(run_seed: u64, instance: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("ballast streams v1");
        hasher.update(&run_seed.to_le_bytes());
        hasher.update(&instance.to_le_bytes());
        let opened = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
        Self { run_seed, instance, opened }
    }

    /// Opens the stream of an address.
    ///
    /// `actor_key` is the actor's [`key`](crate::actor::Actor::key), 0 for the world itself.
    ///
    /// # Panics
    /// Where the episode or the block does not fit its field: two addresses would share their draws.
    #[must_use]
    pub fn at(&self, purpose: Purpose, actor_key: u64, episode: u64, block: u64) -> ChaCha8Rng {
        assert!(
            episode >> EPISODE_BITS == 0,
            "Invariant: episode {episode} exceeds its address field"
        );
        assert!(block >> BLOCK_BITS == 0, "Invariant: block {block} exceeds its address field");
        let counter = (episode << (BLOCK_BITS + DRAW_BITS)) | (block << DRAW_BITS);
        let mut rng = self.opened.clone();
        rng.set_stream(mix(mix(purpose as u64 + 1) ^ actor_key));
        rng.set_word_pos(u128::from(counter) * CHACHA_WORDS);
        rng
    }

    /// The run's seed.
    #[must_use]
    pub const fn run_seed(&self) -> u64 {
        self.run_seed
    }
    /// The world's number.
    #[must_use]
    pub const fn instance(&self) -> u64 {
        self.instance
    }
}

/// A bijection of 64 bits that spreads every input bit (`splitmix64`'s finaliser).
#[must_use]
pub const fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of a participant: a hash of its cohort's name and its index there, never of spawn order.
#[must_use]
pub fn actor_key(cohort: &str, index: u64) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("ballast actor v1");
    hasher.update(cohort.as_bytes());
    hasher.update(&index.to_le_bytes());
    let mut key = [0; 8];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    fn first(streams: &Streams, purpose: Purpose, actor: u64, episode: u64, block: u64) -> u64 {
        streams.at(purpose, actor, episode, block).next_u64()
    }

    #[test]
    fn every_part_of_an_address_changes_the_draw() {
        let s = Streams::new(1, 2);
        let base = first(&s, Purpose::Prices, 3, 4, 5);
        assert_eq!(base, first(&Streams::new(1, 2), Purpose::Prices, 3, 4, 5));
        for other in [
            first(&Streams::new(2, 2), Purpose::Prices, 3, 4, 5),
            first(&Streams::new(1, 3), Purpose::Prices, 3, 4, 5),
            first(&s, Purpose::Oracle, 3, 4, 5),
            first(&s, Purpose::Prices, 4, 4, 5),
            first(&s, Purpose::Prices, 3, 5, 5),
            first(&s, Purpose::Prices, 3, 4, 6),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn an_address_ends_where_the_next_block_begins() {
        let s = Streams::new(1, 2);
        let mut rng = s.at(Purpose::Test, 0, 0, 7);
        for _ in 0..WORDS_PER_ADDRESS {
            rng.next_u32();
        }
        assert_eq!(rng.next_u32(), s.at(Purpose::Test, 0, 0, 8).next_u32());
    }

    #[test]
    #[should_panic(expected = "Invariant: block")]
    fn a_block_beyond_its_field_panics() {
        drop(Streams::new(1, 2).at(Purpose::Test, 0, 0, 1 << BLOCK_BITS));
    }
}
