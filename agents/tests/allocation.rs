//! A block in steady state asks the allocator for nothing.

#![expect(unsafe_code, reason = "counting allocations takes a global allocator")]

mod common;

use bevy_ecs::prelude::World;
use common::test_world::Terms;
use common::{lane, spawn_all, spawn_all_with_books};
use sim::action::{DOWN, UP};
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

/// How often `f` asks for memory.
fn asked_by(f: impl FnOnce()) -> u64 {
    let before = ASKED.get();
    f();
    ASKED.get() - before
}

/// Blocks until every buffer has its size.
const WARM_UP: u64 = 3_000;
/// Blocks that are watched.
const WATCHED: u64 = 2_000;

#[test]
fn a_block_in_steady_state_allocates_nothing() {
    assert!(asked_by(|| drop(std::hint::black_box(vec![0_u8; 64]))) > 0, "the counter counts");
    // Caps of the attacked asset: nothing to gain, a small attack, a market drained.
    // The last at an exchange of books.
    for (tail_cap, spawn) in [
        (1_000, spawn_all as fn(&mut World)),
        (20_000, spawn_all),
        (2_000_000, spawn_all),
        (1_000, spawn_all_with_books),
    ] {
        let mut lane = lane(Terms { tail_cap, vol: 1.5, ..Terms::default() }, 1, spawn);
        // Every decision asks for the first reserve's LTV to be moved one way or the other.
        let mut seesaw = |_: &[f32], mask: &[f32], action: &mut [f32]| {
            action[0] = if mask[UP] == 1.0 { UP as f32 } else { DOWN as f32 };
        };
        assert_eq!(lane.run(WARM_UP, Some(&mut seesaw)), WARM_UP, "{:?}", lane.violation());
        let before = *lane.totals();
        let mut guilty = Vec::with_capacity(WATCHED as usize);
        for block in 0..WATCHED {
            let asked = asked_by(|| lane.run_decided(Some(&mut seesaw)));
            if asked > 0 {
                guilty.push((block, asked));
            }
        }
        assert_eq!(lane.violation(), None);
        let after = lane.totals();
        assert!(after.transactions > before.transactions + 300 && after.changes > before.changes);
        assert!(guilty.is_empty(), "cap {tail_cap}: (block, requests) {guilty:?}");
    }
}
