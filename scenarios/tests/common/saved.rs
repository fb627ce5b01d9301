//! Worlds that were saved in the middle of a block.

use sim::lane::Lane;

/// A world that went on, one that went on from its bytes, and one of another seed, all after 801 blocks; the first
/// two are the same.
pub(crate) fn goes_on(lane: impl Fn(u64) -> Lane) -> [Lane; 3] {
    let mut whole = lane(3);
    whole.run(400, None);
    // In the middle of a block, messages and all.
    whole.open_block();
    let saved = whole.snapshot();
    let mut again = lane(3);
    again.restore(&saved).expect("the same world");
    for lane in [&mut whole, &mut again] {
        lane.run(400, None);
    }
    assert_eq!(whole.digest(), again.digest());
    assert_eq!(whole.snapshot(), again.snapshot());
    let mut other = lane(4);
    other.run(801, None);
    assert_ne!(whole.digest(), other.digest(), "another seed is another world");
    [whole, again, other]
}
