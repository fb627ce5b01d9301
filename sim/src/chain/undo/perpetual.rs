//! What the writes of perpetual markets leave behind to be undone.

use markets::units::{AccountId, MarketId};
use protocols::perpetual::{PerpetualAccount, PerpetualBooks, PerpetualOffer};

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PerpetualUndo {
    /// *Action*: mark, clock, fund or deposits changed. *Revert*: pop the old ones from the books' stack.
    Books { market: MarketId },
    /// *Action*: an account's position changed. *Revert*: pop the old one from the accounts' stack.
    Account { market: MarketId, account: AccountId },
    /// *Action*: an offer was placed, taken from or withdrawn. *Revert*: write the old one, or its absence.
    Offer { market: MarketId, account: AccountId, old: Option<PerpetualOffer> },
}

/// Old values too large for an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct PerpetualStacks {
    pub(in crate::chain) books: Vec<PerpetualBooks>,
    pub(in crate::chain) accounts: Vec<PerpetualAccount>,
}

impl PerpetualStacks {
    pub(super) fn clear(&mut self) {
        let Self { books, accounts } = self;
        books.clear();
        accounts.clear();
    }
}
