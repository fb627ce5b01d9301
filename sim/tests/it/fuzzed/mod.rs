//! Random sequences of transactions: the whole catalogue holds after each, and what fails leaves no trace.
//! The fuzz target `transactions` plays the same with bytes that it learns.

mod sequences;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sequences::{Played, play};

/// Plays sequences of so many bytes from seeds.
fn sequences(seeds: std::ops::Range<u64>, bytes: usize) -> Played {
    let mut all = Played::default();
    let mut buffer = vec![0; bytes];
    for seed in seeds {
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut buffer);
        let played = play(&buffer);
        all.transactions += played.transactions;
        all.succeeded += played.succeeded;
        all.reverts_forced += played.reverts_forced;
    }
    all
}

#[test]
fn what_random_bytes_name_holds_every_invariant() {
    let played = sequences(0..400, 1_024);
    let Played { transactions, succeeded, reverts_forced } = played;
    // Not all in vain: some succeed, and most forced reverts really undo something.
    assert!(transactions > 5_000 && succeeded * 50 > transactions, "{played:?}");
    assert!(reverts_forced * 2 > transactions, "{played:?}");
}
