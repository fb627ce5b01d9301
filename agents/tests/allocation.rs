//! A block in steady state asks the allocator for nothing.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator")]

mod common;

use common::test_world::Terms;
use common::{lane, spawn_all};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting what this thread asks it for.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// Counts one request. `try_with`: a thread that ends has nothing left to count with.
fn count() {
    ASKED.try_with(|asked| asked.set(asked.get() + 1)).unwrap_or_default();
}

// SAFETY: every method passes its arguments to the system's allocator, whose contract is this one's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `layout`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise that `pointer` came from here with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise about `pointer`, `layout` and `size`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Blocks until every buffer has its size.
const WARM_UP: u64 = 4_000;
/// Blocks that are watched.
const WATCHED: u64 = 2_000;

#[test]
fn a_block_in_steady_state_allocates_nothing() {
    let mut lane = lane(Terms::default(), 11, spawn_all);
    assert_eq!(lane.run(WARM_UP, None), WARM_UP, "{:?}", lane.violation());
    let transactions = lane.totals().transactions;
    let mut asked = Vec::with_capacity(WATCHED as usize);
    for _ in 0..WATCHED {
        let before = ASKED.get();
        lane.run_block();
        asked.push(ASKED.get() - before);
    }
    assert_eq!(lane.violation(), None);
    let transactions = lane.totals().transactions - transactions;
    assert!(transactions > WATCHED / 2, "{transactions} transactions");
    let blocks: Vec<(usize, u64)> =
        asked.iter().copied().enumerate().filter(|(_, asked)| *asked > 0).collect();
    assert!(blocks.is_empty(), "{} blocks, such as {:?}", blocks.len(), &blocks[..blocks.len().min(9)]);
}
