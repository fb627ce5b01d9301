//! Balances: who holds how much of what, and nothing else.
//!
//! Every balance in the world is here, mechanisms' own accounts included; shares (aTokens, debt, LP)
//! are columns like any other, in their own scaled units. The sum of a column is what was minted
//! less what was burned: an equality of integers, audited after every block.

use super::call::Revert;
use super::undo::{Journal, Undo};
use markets::units::{AccountId, Amount, AssetId, Flow, U256};
use serde::{Deserialize, Serialize};

/// The ledger: `balances[account * assets + asset]`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ledger {
    n_assets: u32,
    balances: Vec<Amount>,
    minted: Vec<Amount>,
    burned: Vec<Amount>,
    /// Columns written since the last audit, a bit each.
    #[serde(skip)]
    touched: u64,
}

impl Clone for Ledger {
    fn clone(&self) -> Self {
        Self {
            n_assets: self.n_assets,
            balances: self.balances.clone(),
            minted: self.minted.clone(),
            burned: self.burned.clone(),
            touched: self.touched,
        }
    }
    fn clone_from(&mut self, source: &Self) {
        let Self { n_assets, balances, minted, burned, touched } = source;
        self.n_assets = *n_assets;
        self.balances.clone_from(balances);
        self.minted.clone_from(minted);
        self.burned.clone_from(burned);
        self.touched = *touched;
    }
}

impl Ledger {
    /// Number of columns.
    #[must_use]
    pub const fn assets(&self) -> usize {
        self.n_assets as usize
    }
    /// Number of rows.
    #[must_use]
    pub fn accounts(&self) -> usize {
        if self.n_assets == 0 { 0 } else { self.balances.len() / self.n_assets as usize }
    }
    /// A new column, before the first account exists.
    pub(super) fn add_asset(&mut self, accounts: usize) -> AssetId {
        let old = self.n_assets as usize;
        let mut wider = Vec::with_capacity((old + 1) * accounts);
        for account in 0..accounts {
            wider.extend_from_slice(&self.balances[account * old..(account + 1) * old]);
            wider.push(Amount::ZERO);
        }
        self.balances = wider;
        self.n_assets += 1;
        self.minted.push(Amount::ZERO);
        self.burned.push(Amount::ZERO);
        AssetId(old as u16)
    }
    /// A new row of zeros.
    pub(super) fn add_account(&mut self) {
        self.balances.resize(self.balances.len() + self.n_assets as usize, Amount::ZERO);
    }

    #[inline]
    fn at(&self, account: AccountId, asset: AssetId) -> Result<usize, Revert> {
        let index = account.index() * self.n_assets as usize + asset.index();
        if asset.index() < self.n_assets as usize && index < self.balances.len() {
            Ok(index)
        } else {
            Err(Revert::UnknownId)
        }
    }
    /// The balance; zero where the account or asset does not exist.
    #[inline]
    #[must_use]
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        self.at(account, asset).map_or(Amount::ZERO, |i| self.balances[i])
    }
    /// Minted less burned.
    #[inline]
    #[must_use]
    pub fn total_supply(&self, asset: AssetId) -> Amount {
        let i = asset.index();
        if i < self.minted.len() {
            self.minted[i].saturating_sub(self.burned[i])
        } else {
            Amount::ZERO
        }
    }
    /// Whether two ledgers hold the same, whatever has been audited.
    pub(super) fn same_state(&self, other: &Self) -> bool {
        let Self { n_assets, balances, minted, burned, touched: _ } = self;
        *n_assets == other.n_assets
            && *balances == other.balances
            && *minted == other.minted
            && *burned == other.burned
    }
    /// Everything ever minted of an asset.
    #[must_use]
    pub fn minted(&self, asset: AssetId) -> Amount {
        self.minted[asset.index()]
    }
    /// Everything ever burned of an asset.
    #[must_use]
    pub fn burned(&self, asset: AssetId) -> Amount {
        self.burned[asset.index()]
    }

    #[inline]
    fn write(&mut self, index: usize, asset: AssetId, value: Amount, journal: &mut Journal) {
        journal.push(Undo::Balance { index: index as u32, old: self.balances[index] });
        self.balances[index] = value;
        self.touched |= 1 << (asset.0 & 63);
    }

    #[inline]
    fn credit(
        &mut self,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
        journal: &mut Journal,
    ) -> Result<(), Revert> {
        let i = self.at(to, asset)?;
        let value = self.balances[i].checked_add(amount).ok_or(Revert::Overflow)?;
        self.write(i, asset, value, journal);
        Ok(())
    }

    #[inline]
    fn debit(
        &mut self,
        from: AccountId,
        asset: AssetId,
        amount: Amount,
        journal: &mut Journal,
    ) -> Result<(), Revert> {
        let i = self.at(from, asset)?;
        let value = self.balances[i].checked_sub(amount).ok_or(Revert::InsufficientBalance)?;
        self.write(i, asset, value, journal);
        Ok(())
    }

    /// Performs a flow: the only way that value moves.
    ///
    /// # Errors
    /// The debited account has too little, or an id does not exist.
    #[inline]
    pub(super) fn perform(&mut self, flow: &Flow, journal: &mut Journal) -> Result<(), Revert> {
        match *flow {
            Flow::Move { from, to, asset, amount } => {
                if amount.is_zero() {
                    return Ok(());
                }
                self.debit(from, asset, amount, journal)?;
                self.credit(to, asset, amount, journal)
            }
            Flow::Mint { to, asset, amount } => {
                if amount.is_zero() {
                    return Ok(());
                }
                self.credit(to, asset, amount, journal)?;
                let minted = &mut self.minted[asset.index()];
                let value = minted.checked_add(amount).ok_or(Revert::Overflow)?;
                journal.push(Undo::Minted { asset, old: *minted });
                *minted = value;
                Ok(())
            }
            Flow::Burn { from, asset, amount } => {
                if amount.is_zero() {
                    return Ok(());
                }
                self.debit(from, asset, amount, journal)?;
                let burned = &mut self.burned[asset.index()];
                let value = burned.checked_add(amount).ok_or(Revert::Overflow)?;
                journal.push(Undo::Burned { asset, old: *burned });
                *burned = value;
                Ok(())
            }
        }
    }

    pub(super) fn restore_balance(&mut self, index: u32, old: Amount) {
        self.balances[index as usize] = old;
    }
    pub(super) fn restore_minted(&mut self, asset: AssetId, old: Amount) {
        self.minted[asset.index()] = old;
    }
    pub(super) fn restore_burned(&mut self, asset: AssetId, old: Amount) {
        self.burned[asset.index()] = old;
    }

    /// The first column whose sum is not minted less burned, with the sum; columns untouched since
    /// the last call hold by induction and are passed over unless `all`.
    pub(super) fn broken_column(&mut self, all: bool) -> Option<(AssetId, U256)> {
        let touched = std::mem::take(&mut self.touched);
        let n = self.n_assets as usize;
        for asset in 0..n {
            if !all && touched & (1 << (asset & 63)) == 0 {
                continue;
            }
            let mut sum = U256::ZERO;
            for balance in self.balances[asset..].iter().step_by(n) {
                sum = sum.wrapping_add(balance.0);
            }
            if self.minted[asset].0.wrapping_sub(self.burned[asset].0) != sum {
                return Some((AssetId(asset as u16), sum));
            }
        }
        None
    }
}
