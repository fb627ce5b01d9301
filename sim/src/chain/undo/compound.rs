//! What only a Compound v2 market understands: what its writes leave behind to be undone.

use markets::units::{AccountId, MarketId};
use protocols::compound::{Book, Loan, Policy, TokenConfig};

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CompoundUndo {
    /// *Action*: a cToken's book changed. *Revert*: pop the old one from the books' stack.
    Book { market: MarketId, token: u16 },
    /// *Action*: a debt changed. *Revert*: pop the old one from the loans' stack.
    Loan { market: MarketId, account: AccountId, token: u16 },
    /// *Action*: an account entered or left a cToken's market. *Revert*: write the old bits.
    Membership { market: MarketId, account: AccountId, old: u32 },
    /// *Action*: a cToken's configuration changed. *Revert*: pop the old one from the
    /// configurations' stack.
    Config { market: MarketId, token: u16 },
    /// *Action*: the comptroller's policy changed. *Revert*: pop the old one from the policies' stack.
    Policy { market: MarketId },
}

/// The side stacks.
#[derive(Clone, Debug, Default)]
pub(crate) struct CompoundStacks {
    pub(crate) books: Vec<Book>,
    pub(crate) loans: Vec<Loan>,
    pub(crate) configs: Vec<TokenConfig>,
    pub(crate) policies: Vec<Policy>,
}

impl CompoundStacks {
    /// Forgets all, keeps the memory.
    pub(crate) fn clear(&mut self) {
        let Self { books, loans, configs, policies } = self;
        books.clear();
        loans.clear();
        configs.clear();
        policies.clear();
    }
}
