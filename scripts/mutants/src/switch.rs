//! Which fault is switched on: that named by `MUTANT`. With `MUTANT_COVER`, none is, and the numbers of
//! those that the process came by are appended to the file of that name.
#![feature(core_intrinsics, const_eval_select)]
#![allow(internal_features)]

use std::io::Write;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// More faults than there are.
const MOST: usize = 16_384;
const UNKNOWN: u32 = u32::MAX;
const COVERING: u32 = u32::MAX - 1;
static ACTIVE: AtomicU32 = AtomicU32::new(UNKNOWN);
static SEEN: [AtomicU8; MOST] = [const { AtomicU8::new(0) }; MOST];

/// Whether fault `id` is on; none is where constants are evaluated.
#[inline(always)]
pub const fn on(id: u32) -> bool {
    core::intrinsics::const_eval_select((id,), never, at_run)
}

const fn never(_: u32) -> bool {
    false
}

#[inline]
fn at_run(id: u32) -> bool {
    let active = ACTIVE.load(Relaxed);
    if active < COVERING { active == id } else { slow(id, active) }
}

#[cold]
#[inline(never)]
fn slow(id: u32, active: u32) -> bool {
    if active == COVERING && SEEN[id as usize].load(Relaxed) == 1 {
        return false;
    }
    let cover = std::env::var_os("MUTANT_COVER");
    let Some(path) = cover else {
        let chosen = std::env::var("MUTANT").ok().and_then(|v| v.parse().ok());
        ACTIVE.store(chosen.unwrap_or(MOST as u32), Relaxed);
        return chosen == Some(id);
    };
    ACTIVE.store(COVERING, Relaxed);
    if SEEN[id as usize].swap(1, Relaxed) == 0 {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut f| writeln!(f, "{id}")).expect("the cover file can be written");
    }
    false
}
