//! The undo journal: a flat list of old values; a checkpoint is a length.

pub(crate) mod compound;
pub(crate) mod concentrated;
pub(crate) mod desk;
pub(crate) mod isolated;
pub(crate) mod oracle;
pub(crate) mod perpetual;
pub(crate) mod stable_swap;
pub(crate) mod vault;

use super::Feed;
use compound::{CompoundStacks, CompoundUndo};
use concentrated::{ConcentratedStacks, ConcentratedUndo};
use desk::DeskUndo;
use isolated::IsolatedUndo;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::stable_swap::StableSwap;
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PoolId};
use oracle::OracleUndo;
use perpetual::{PerpetualStacks, PerpetualUndo};
use protocols::lending::MarketState;
use protocols::margin_desk::{DeskBooks, DeskPosition};
use protocols::position::Position;
use protocols::reserve::Reserve;
use stable_swap::StableSwapUndo;
use vault::{VaultStacks, VaultUndo};

/// One write that can be undone. At most 64 bytes; larger old values lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// *Action*: a balance was written. *Revert*: write the old one.
    Balance { index: u32, old: Amount },
    /// *Action*: shares were minted. *Revert*: restore the column's total.
    Minted { asset: AssetId, old: Amount },
    /// *Action*: shares were burned. *Revert*: restore the column's total.
    Burned { asset: AssetId, old: Amount },
    /// *Action*: a constant-product pool changed. *Revert*: pop the old one from the pairs' stack.
    ConstantProduct { pool: PoolId },
    /// *Action*: a reserve changed. *Revert*: pop the old one from the reserves' stack.
    Reserve { market: MarketId, reserve: u16 },
    /// *Action*: a user's flags changed. *Revert*: write the old ones.
    Position { market: MarketId, account: AccountId, old: Position },
    /// *Action*: a market's own state changed. *Revert*: pop the old one from the states' stack.
    State { market: MarketId },
    /// *Action*: a feed changed. *Revert*: pop the old one from the feeds' stack.
    Feed { feed: FeedId },
    /// *Action* and *Revert*: as the entry says.
    Concentrated(ConcentratedUndo),
    /// *Action* and *Revert*: as the entry says.
    StableSwap(StableSwapUndo),
    /// *Action* and *Revert*: as the entry says.
    Compound(CompoundUndo),
    /// *Action* and *Revert*: as the entry says.
    Isolated(IsolatedUndo),
    /// *Action* and *Revert*: as the entry says.
    Vault(VaultUndo),
    /// *Action* and *Revert*: as the entry says.
    Oracle(OracleUndo),
    /// *Action* and *Revert*: as the entry says.
    Desk(DeskUndo),
    /// *Action* and *Revert*: as the entry says.
    Perpetual(PerpetualUndo),
}

/// The journal and its side stacks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(super) entries: Vec<Undo>,
    pub(super) pairs: Vec<ConstantProduct>,
    pub(super) reserves: Vec<Reserve>,
    pub(super) states: Vec<MarketState>,
    pub(super) feeds: Vec<Feed>,
    pub(super) concentrated: ConcentratedStacks,
    pub(super) compound: CompoundStacks,
    pub(super) stable_swaps: Vec<StableSwap>,
    pub(super) desk_books: Vec<DeskBooks>,
    pub(super) desk_positions: Vec<(AccountId, Option<DeskPosition>)>,
    pub(super) isolated: Vec<protocols::isolated::State>,
    pub(super) vaults: VaultStacks,
    pub(super) perpetuals: PerpetualStacks,
}

impl Journal {
    #[inline]
    pub(super) fn push(&mut self, undo: Undo) {
        self.entries.push(undo);
    }
    /// Forgets everything: what was done is final. Whatever lies on a side stack has its entry.
    #[inline]
    pub(super) fn clear(&mut self) {
        if !self.entries.is_empty() {
            self.forget();
        }
    }
    #[inline(never)]
    fn forget(&mut self) {
        let Self {
            entries,
            pairs,
            reserves,
            states,
            feeds,
            concentrated,
            compound,
            stable_swaps,
            desk_books,
            desk_positions,
            isolated,
            vaults,
            perpetuals,
        } = self;
        entries.clear();
        pairs.clear();
        reserves.clear();
        states.clear();
        feeds.clear();
        concentrated.clear();
        compound.clear();
        stable_swaps.clear();
        desk_books.clear();
        desk_positions.clear();
        isolated.clear();
        vaults.clear();
        perpetuals.clear();
    }
}

/// A point to return to.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    pub(super) entries: usize,
    pub(super) logs: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undo_entry_fits_a_cache_line() {
        assert!(size_of::<Undo>() <= 64, "{}", size_of::<Undo>());
    }
}
