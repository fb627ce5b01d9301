//! Price levels: pages of 64 ticks, and bits that say which ticks, pages and groups of pages hold orders.
//!
//! Bids and asks share the pages: a book is never crossed, so a level belongs to one side. The best price
//! beyond an emptied one is found with a few bit scans, whatever the gap.

use super::orders::NONE;

/// A price level: the orders at one price, in the order of their arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level {
    /// All lots at this price.
    pub(super) lots: u64,
    /// First in time.
    pub(super) head: u32,
    /// Last in time.
    pub(super) tail: u32,
    /// How many orders.
    pub(super) orders: u32,
}

const EMPTY: Level = Level { lots: 0, head: NONE, tail: NONE, orders: 0 };

#[derive(Clone, Debug)]
struct Page {
    /// Bit `t`: tick `t` of the page holds orders.
    occupied: u64,
    levels: [Level; 64],
}

const BLANK: Page = Page { occupied: 0, levels: [EMPTY; 64] };

/// All price levels of a book.
#[derive(Clone, Debug)]
pub(super) struct Ladder {
    /// Place of each page among `pages`; [`NONE`] where nothing rests there.
    table: Vec<u32>,
    pages: Vec<Page>,
    /// Pages that are blank, to be used again.
    spare: Vec<u32>,
    /// Bit `p % 64` of word `p / 64`: page `p` holds orders.
    summary: Vec<u64>,
    /// Bit `w % 64` of word `w / 64`: word `w` of the summary is not zero.
    top: Vec<u64>,
}

/// The place and the bit of a tick, page or word.
#[inline]
const fn split(index: u32) -> (usize, u32) {
    ((index >> 6) as usize, index & 63)
}

/// Bits above bit `bit`.
#[inline]
const fn above_mask(bit: u32) -> u64 {
    (!0_u64 << bit) << 1
}

/// Bits below bit `bit`.
#[inline]
const fn below_mask(bit: u32) -> u64 {
    (1_u64 << bit) - 1
}

/// The lowest bit that is set.
#[inline]
fn lowest(word: u64) -> Option<u32> {
    (word != 0).then(|| word.trailing_zeros())
}

/// The highest bit that is set.
#[inline]
fn highest(word: u64) -> Option<u32> {
    (word != 0).then(|| 63 - word.leading_zeros())
}

impl Ladder {
    /// Levels for ticks up to `most_ticks`, with memory for orders on so many pages.
    pub(super) fn new(most_ticks: u32, pages: usize) -> Self {
        let table = (most_ticks as usize >> 6) + 1;
        let summary = table.div_ceil(64);
        Self {
            table: vec![NONE; table],
            pages: Vec::with_capacity(pages),
            spare: Vec::with_capacity(pages),
            summary: vec![0; summary],
            top: vec![0; summary.div_ceil(64)],
        }
    }

    /// The level at a price.
    #[inline]
    pub(super) fn at(&self, tick: u32) -> &Level {
        let (page, bit) = split(tick);
        match self.table[page] {
            NONE => &EMPTY,
            place => &self.pages[place as usize].levels[bit as usize],
        }
    }

    /// The level at a price that holds orders.
    #[inline]
    pub(super) fn held(&mut self, tick: u32) -> &mut Level {
        let (page, bit) = split(tick);
        &mut self.pages[self.table[page] as usize].levels[bit as usize]
    }

    /// The level at a price, where an order is about to rest.
    #[inline]
    pub(super) fn enter(&mut self, tick: u32) -> &mut Level {
        let (page, bit) = split(tick);
        if self.table[page] == NONE {
            self.open(page as u32);
        }
        let page = &mut self.pages[self.table[page] as usize];
        page.occupied |= 1 << bit;
        &mut page.levels[bit as usize]
    }

    #[cold]
    fn open(&mut self, page: u32) {
        let place = self.spare.pop().unwrap_or_else(|| {
            self.pages.push(BLANK);
            // Room for every page to be spare: giving one back never allocates.
            self.spare.reserve(self.pages.len());
            (self.pages.len() - 1) as u32
        });
        self.table[page as usize] = place;
        let (word, bit) = split(page);
        self.summary[word] |= 1 << bit;
        let (top, bit) = split(word as u32);
        self.top[top] |= 1 << bit;
    }

    /// Says that no order is left at a price.
    #[inline]
    pub(super) fn leave(&mut self, tick: u32) {
        let (page, bit) = split(tick);
        let place = self.table[page] as usize;
        let entry = &mut self.pages[place];
        entry.levels[bit as usize] = EMPTY;
        entry.occupied &= !(1 << bit);
        if entry.occupied == 0 {
            self.close(page as u32);
        }
    }

    #[cold]
    fn close(&mut self, page: u32) {
        self.spare.push(self.table[page as usize]);
        self.table[page as usize] = NONE;
        let (word, bit) = split(page);
        self.summary[word] &= !(1 << bit);
        if self.summary[word] == 0 {
            let (top, bit) = split(word as u32);
            self.top[top] &= !(1 << bit);
        }
    }

    fn occupied(&self, page: usize) -> u64 {
        match self.table[page] {
            NONE => 0,
            place => self.pages[place as usize].occupied,
        }
    }

    /// The next price above that holds orders.
    #[inline]
    pub(super) fn above(&self, tick: u32) -> Option<u32> {
        let (page, bit) = split(tick);
        if let Some(bit) = lowest(self.occupied(page) & above_mask(bit)) {
            return Some((page as u32) << 6 | bit);
        }
        let page = self.page_above(page as u32)?;
        Some(page << 6 | self.occupied(page as usize).trailing_zeros())
    }

    fn page_above(&self, page: u32) -> Option<u32> {
        let (word, bit) = split(page);
        if let Some(bit) = lowest(self.summary[word] & above_mask(bit)) {
            return Some((word as u32) << 6 | bit);
        }
        let (mut top, bit) = split(word as u32);
        let mut words = self.top[top] & above_mask(bit);
        while words == 0 {
            top += 1;
            words = *self.top.get(top)?;
        }
        let word = (top as u32) << 6 | words.trailing_zeros();
        Some(word << 6 | self.summary[word as usize].trailing_zeros())
    }

    /// The next price below that holds orders.
    #[inline]
    pub(super) fn below(&self, tick: u32) -> Option<u32> {
        let (page, bit) = split(tick);
        if let Some(bit) = highest(self.occupied(page) & below_mask(bit)) {
            return Some((page as u32) << 6 | bit);
        }
        let page = self.page_below(page as u32)?;
        Some(page << 6 | highest(self.occupied(page as usize))?)
    }

    fn page_below(&self, page: u32) -> Option<u32> {
        let (word, bit) = split(page);
        if let Some(bit) = highest(self.summary[word] & below_mask(bit)) {
            return Some((word as u32) << 6 | bit);
        }
        let (mut top, bit) = split(word as u32);
        let mut words = self.top[top] & below_mask(bit);
        while words == 0 {
            top = top.checked_sub(1)?;
            words = self.top[top];
        }
        let word = (top as u32) << 6 | highest(words)?;
        Some(word << 6 | highest(self.summary[word as usize])?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_TICKS;
    use super::*;
    use std::collections::BTreeSet;

    /// A generator that needs no crate: a multiplicative one of Lehmer's.
    fn random(state: &mut u64) -> u32 {
        *state = *state * 48_271 % 0x7fff_ffff;
        *state as u32
    }

    #[test]
    fn neighbours_are_those_of_a_sorted_set() {
        let mut state = 7;
        for most in [1, 63, 64, 5_000, MAX_TICKS] {
            let mut ladder = Ladder::new(most, 4);
            let mut set = BTreeSet::new();
            for step in 0..4_000 {
                // Clustered and far ticks alike.
                let tick = match step % 3 {
                    0 => random(&mut state) % most + 1,
                    1 => random(&mut state) % most.min(200) + 1,
                    _ => most - random(&mut state) % most.min(200),
                };
                if set.remove(&tick) {
                    ladder.leave(tick);
                } else {
                    ladder.enter(tick).lots = 1;
                    set.insert(tick);
                }
                let probe = random(&mut state) % most + 1;
                assert_eq!(ladder.above(probe), set.range(probe + 1..).next().copied());
                assert_eq!(ladder.below(probe), set.range(..probe).next_back().copied());
                assert_eq!(ladder.at(probe).lots > 0, set.contains(&probe));
            }
        }
    }

    #[test]
    fn pages_are_used_again() {
        let mut ladder = Ladder::new(MAX_TICKS, 2);
        for page in 0..1_000 {
            ladder.enter(page * 64 + 3);
            ladder.leave(page * 64 + 3);
        }
        assert_eq!(ladder.pages.len(), 1);
        assert!(ladder.summary.iter().chain(&ladder.top).all(|word| *word == 0));
    }
}
