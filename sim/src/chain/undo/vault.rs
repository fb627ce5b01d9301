//! What the writes of vaults and auctions leave behind to be undone.

use markets::units::MarketId;
use protocols::vault::{Auction, Ilk, State};

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum VaultUndo {
    /// *Action*: limits or counters changed. *Revert*: pop the old ones from the states' stack.
    State { market: MarketId },
    /// *Action*: a collateral type changed. *Revert*: pop the old one from the types' stack.
    Ilk { market: MarketId, ilk: u16 },
    /// *Action*: an auction was opened, as the youngest. *Revert*: drop it.
    Opened { market: MarketId },
    /// *Action*: an auction changed. *Revert*: pop the old one from the auctions' stack.
    Replaced { market: MarketId, at: u32 },
    /// *Action*: an auction ended. *Revert*: pop it from the auctions' stack, and put it back.
    Removed { market: MarketId, at: u32 },
}

/// Old values too large for an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct VaultStacks {
    pub(in crate::chain) states: Vec<State>,
    pub(in crate::chain) ilks: Vec<Ilk>,
    pub(in crate::chain) auctions: Vec<Auction>,
}

impl VaultStacks {
    pub(super) fn clear(&mut self) {
        let Self { states, ilks, auctions } = self;
        states.clear();
        ilks.clear();
        auctions.clear();
    }
}
