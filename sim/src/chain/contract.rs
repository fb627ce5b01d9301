//! Contracts of accounts: second accounts, which their owners act by ([`super::call::Call::By`]).
//!
//! A market sees two accounts; whoever owns both has two positions that need not know of each other. Like an address
//! that follows from its deployer's, a contract's name follows from its owner's, so that nothing else has to be kept.

use super::Chain;
use markets::units::AccountId;

/// How the name of an account's contract ends, behind the account's own.
pub const CONTRACT: &str = "/contract";

impl Chain {
    /// Adds the contract of an account. An account has one at most; where it has it already, that.
    ///
    /// # Panics
    /// Where there is no such account.
    pub fn add_contract(&mut self, owner: AccountId) -> AccountId {
        self.contract_of(owner).unwrap_or_else(|| {
            let name = format!("{}{CONTRACT}", self.accounts[owner.index()]);
            self.add_account(&name)
        })
    }

    /// The contract of an account, where it has one.
    #[must_use]
    pub fn contract_of(&self, owner: AccountId) -> Option<AccountId> {
        let mut ids = (0..self.accounts.len()).map(|i| AccountId(i as u32));
        ids.find(|account| self.is_contract_of(*account, owner))
    }

    /// Whether an account is another's contract.
    pub(super) fn is_contract_of(&self, account: AccountId, owner: AccountId) -> bool {
        let name = |id: AccountId| self.accounts.get(id.index()).map(String::as_str);
        let of = name(account).and_then(|name| name.strip_suffix(CONTRACT));
        of.is_some() && of == name(owner)
    }
}
