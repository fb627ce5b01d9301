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
    #[serde(skip)]
    audited: Audited,
}

/// What the last audit saw and what has been written since. Empty: nothing was audited yet, and nothing
/// is remembered, so that a fork that nobody audits costs nothing.
#[derive(Debug, Default)]
struct Audited {
    balances: Vec<Amount>,
    /// Minted less burned, by column.
    supply: Vec<U256>,
    /// Where balances were written since; one may come twice.
    written: Vec<u32>,
    /// Scratch: a sum by column.
    sums: Vec<U256>,
    /// Audits of written balances since the last of all.
    rounds: u32,
}

/// Audits of written balances between two that look at every balance.
const FULL_AUDIT_EVERY: u32 = 1_024;

impl Audited {
    /// Makes the next audit look at every balance.
    fn forget(&mut self) {
        self.balances.clear();
        self.written.clear();
    }
    #[inline]
    fn note(&mut self, index: usize) {
        if self.written.len() < self.balances.len() {
            self.written.push(index as u32);
        } else {
            self.forget();
        }
    }
}

impl Clone for Ledger {
    fn clone(&self) -> Self {
        Self {
            n_assets: self.n_assets,
            balances: self.balances.clone(),
            minted: self.minted.clone(),
            burned: self.burned.clone(),
            audited: Audited::default(),
        }
    }
    fn clone_from(&mut self, source: &Self) {
        let Self { n_assets, balances, minted, burned, audited: _ } = source;
        self.n_assets = *n_assets;
        self.balances.clone_from(balances);
        self.minted.clone_from(minted);
        self.burned.clone_from(burned);
        self.audited.forget();
    }
}

impl Ledger {
    /// A new column, before the first account exists.
    pub(super) fn add_asset(&mut self, accounts: usize) -> AssetId {
        let old = self.n_assets as usize;
        let mut wider = Vec::with_capacity((old + 1) * accounts);
        for account in 0..accounts {
            wider.extend_from_slice(&self.balances[account * old..(account + 1) * old]);
            wider.push(Amount::ZERO);
        }
        self.balances = wider;
        self.audited.forget();
        self.n_assets += 1;
        self.minted.push(Amount::ZERO);
        self.burned.push(Amount::ZERO);
        AssetId(old as u16)
    }
    /// A new row of zeros.
    pub(super) fn add_account(&mut self) {
        self.audited.forget();
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
        let Self { n_assets, balances, minted, burned, audited: _ } = self;
        *n_assets == other.n_assets
            && *balances == other.balances
            && *minted == other.minted
            && *burned == other.burned
    }
    /// Everybody's balance of an asset, by account.
    pub fn column(&self, asset: AssetId) -> impl Iterator<Item = (AccountId, Amount)> {
        let column =
            self.balances.iter().skip(asset.index()).step_by(self.n_assets.max(1) as usize);
        column.enumerate().map(|(account, balance)| (AccountId(account as u32), *balance))
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

    /// Writes what `change` makes of a balance.
    #[inline(always)]
    fn write(
        &mut self,
        index: usize,
        journal: &mut Journal,
        change: impl FnOnce(Amount) -> Result<Amount, Revert>,
    ) -> Result<(), Revert> {
        let old = *self.balances.get(index).ok_or(Revert::UnknownId)?;
        self.store(index, old, change(old)?, journal);
        Ok(())
    }

    #[inline(always)]
    fn credit(
        &mut self,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
        journal: &mut Journal,
    ) -> Result<(), Revert> {
        let i = self.at(to, asset)?;
        self.write(i, journal, |held| held.checked_add(amount).ok_or(Revert::Overflow))
    }

    #[inline(always)]
    fn debit(
        &mut self,
        from: AccountId,
        asset: AssetId,
        amount: Amount,
        journal: &mut Journal,
    ) -> Result<(), Revert> {
        let i = self.at(from, asset)?;
        self.write(i, journal, |held| held.checked_sub(amount).ok_or(Revert::InsufficientBalance))
    }

    /// Moves an asset: [`Flow::Move`].
    ///
    /// # Errors
    /// The debited account has too little, or an id does not exist.
    #[inline]
    pub(super) fn transfer(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        amount: Amount,
        journal: &mut Journal,
    ) -> Result<(), Revert> {
        if amount.is_zero() {
            return Ok(());
        }
        self.debit(from, asset, amount, journal)?;
        self.credit(to, asset, amount, journal)
    }

    /// Burns `burned` and moves `tip`, with one write of the payer's balance: all, or nothing and
    /// `false`.
    #[inline]
    pub(super) fn pay_gas(
        &mut self,
        from: AccountId,
        to: AccountId,
        asset: AssetId,
        [burned, tip]: [Amount; 2],
        journal: &mut Journal,
    ) -> bool {
        let (Ok(from), Ok(to)) = (self.at(from, asset), self.at(to, asset)) else { return false };
        let was = self.burned[asset.index()];
        let (Some(paid), Some(total)) = (burned.checked_add(tip), was.checked_add(burned)) else {
            return false;
        };
        let (held, had) = (self.balances[from], self.balances[to]);
        let (Some(left), Some(has)) = (held.checked_sub(paid), had.checked_add(tip)) else {
            return false;
        };
        if from == to {
            return false;
        }
        if !paid.is_zero() {
            self.store(from, held, left, journal);
        }
        if !burned.is_zero() {
            journal.push(Undo::Burned { asset, old: was });
            self.burned[asset.index()] = total;
        }
        if !tip.is_zero() {
            self.store(to, had, has, journal);
        }
        true
    }

    /// Writes a balance that was `old`.
    #[inline(always)]
    fn store(&mut self, index: usize, old: Amount, new: Amount, journal: &mut Journal) {
        journal.push(Undo::Balance { index: index as u32, old });
        self.balances[index] = new;
        self.audited.note(index);
    }

    /// Performs a flow: the only way that value moves.
    ///
    /// # Errors
    /// The debited account has too little, or an id does not exist.
    #[inline]
    pub(super) fn perform(&mut self, flow: &Flow, journal: &mut Journal) -> Result<(), Revert> {
        match *flow {
            Flow::Move { from, to, asset, amount } => {
                self.transfer(from, to, asset, amount, journal)
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
        self.audited.note(index as usize);
    }
    pub(super) fn restore_minted(&mut self, asset: AssetId, old: Amount) {
        self.minted[asset.index()] = old;
    }
    pub(super) fn restore_burned(&mut self, asset: AssetId, old: Amount) {
        self.burned[asset.index()] = old;
    }

    /// The first column whose sum is not minted less burned, with the sum. Unless `all`, only balances
    /// written since the last audit are looked at: what they changed by must be what was minted less
    /// burned since, and the rest holds by induction.
    pub(super) fn broken_column(&mut self, all: bool) -> Option<(AssetId, U256)> {
        let Self { n_assets, balances, minted, burned, audited } = self;
        let n = *n_assets as usize;
        let Audited { balances: seen, supply, written, sums, rounds } = audited;
        sums.clear();
        if all || seen.len() != balances.len() || *rounds >= FULL_AUDIT_EVERY {
            *rounds = 0;
            sums.resize(n, U256::ZERO);
            for row in balances.chunks_exact(n.max(1)) {
                for (sum, balance) in sums.iter_mut().zip(row) {
                    *sum = sum.wrapping_add(balance.0);
                }
            }
            seen.clone_from(balances);
            written.clear();
        } else {
            *rounds += 1;
            sums.extend_from_slice(supply);
            for index in written.drain(..) {
                let (now, then) = (balances[index as usize].0, &mut seen[index as usize].0);
                let sum = &mut sums[index as usize % n];
                *sum = sum.wrapping_add(now).wrapping_sub(*then);
                *then = now;
            }
        }
        supply.clear();
        supply.extend(minted.iter().zip(&*burned).map(|(m, b)| m.0.wrapping_sub(b.0)));
        let broken = sums.iter().zip(&*supply).position(|(sum, supply)| sum != supply)?;
        let sum = sums[broken];
        audited.forget();
        Some((AssetId(broken as u16), sum))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// Three accounts with two assets, audited.
    fn ledger() -> (Ledger, Journal) {
        let (mut ledger, mut journal) = (Ledger::default(), Journal::default());
        for _ in 0..2 {
            ledger.add_asset(0);
        }
        for account in 0..3 {
            ledger.add_account();
            for asset in 0..2 {
                let (to, asset) = (AccountId(account), AssetId(asset));
                let mint = Flow::Mint { to, asset, amount: Amount::new(100) };
                ledger.perform(&mint, &mut journal).unwrap();
            }
        }
        assert_eq!(ledger.broken_column(false), None);
        (ledger, journal)
    }

    #[test]
    fn an_audit_of_what_was_written_follows_flows_and_their_undoing() {
        let (mut ledger, mut journal) = ledger();
        let (from, to, asset) = (AccountId(0), AccountId(1), AssetId(1));
        let amount = Amount::new(40);
        for flow in [
            Flow::Move { from, to, asset, amount },
            Flow::Burn { from: to, asset, amount },
            Flow::Mint { to, asset, amount },
            Flow::Move { from: to, to, asset, amount },
        ] {
            ledger.perform(&flow, &mut journal).unwrap();
            assert_eq!(ledger.broken_column(false), None);
            assert_eq!(ledger.broken_column(true), None);
        }
        let at = journal.entries.len();
        ledger.perform(&Flow::Move { from, to, asset, amount }, &mut journal).unwrap();
        assert_eq!(ledger.broken_column(false), None);
        for entry in journal.entries.drain(at..).rev() {
            let Undo::Balance { index, old } = entry else { panic!("{entry:?}") };
            ledger.restore_balance(index, old);
        }
        assert_eq!(ledger.broken_column(false), None);
    }

    #[test]
    fn gas_is_burned_and_tipped_as_by_two_flows() {
        let (a, b, asset) = (AccountId(0), AccountId(1), AssetId(1));
        for (from, to) in [(a, b), (a, a), (a, AccountId(9)), (AccountId(9), a)] {
            for amounts in [[0, 0], [40, 0], [0, 40], [40, 60], [40, 61], [101, 0]] {
                let [burned, tip] = amounts.map(Amount::new);
                let ((mut ledger, mut journal), (mut plain, _)) = (self::ledger(), self::ledger());
                let done = ledger.pay_gas(from, to, asset, [burned, tip], &mut journal);
                let flows = [
                    Flow::Burn { from, asset, amount: burned },
                    Flow::Move { from, to, asset, amount: tip },
                ];
                let performed =
                    flows.iter().all(|flow| plain.perform(flow, &mut Journal::default()).is_ok());
                assert!(performed || !done);
                // Who tips himself goes the long way.
                assert_eq!(done, from == a && to == b && burned.0 + tip.0 <= Amount::new(100).0);
                let expected = if done { plain } else { self::ledger().0 };
                assert!(ledger.same_state(&expected), "{amounts:?}");
                assert_eq!(ledger.broken_column(false), None);
            }
        }
    }

    #[test]
    fn a_difference_in_any_part_is_a_difference() {
        let (ledger, _) = ledger();
        let changes: [&dyn Fn(&mut Ledger); 4] = [
            &|ledger| ledger.n_assets += 1,
            &|ledger| ledger.balances[3] = Amount::new(7),
            &|ledger| ledger.minted[1] = Amount::new(7),
            &|ledger| ledger.burned[1] = Amount::new(7),
        ];
        assert!(ledger.same_state(&ledger.clone()));
        for (part, change) in changes.iter().enumerate() {
            let mut changed = ledger.clone();
            change(&mut changed);
            assert!(!changed.same_state(&ledger), "part {part}");
        }
    }

    #[test]
    fn value_from_nowhere_breaks_its_column() {
        for all in [false, true] {
            let (mut ledger, mut journal) = ledger();
            let more = Amount::new(101);
            let at = ledger.at(AccountId(2), AssetId(1)).unwrap();
            ledger.write(at, &mut journal, |_| Ok(more)).unwrap();
            assert_eq!(ledger.broken_column(all), Some((AssetId(1), Amount::new(301).0)));
            // Nor is it forgotten.
            assert_eq!(ledger.broken_column(all), Some((AssetId(1), Amount::new(301).0)));
        }
        let (mut ledger, _) = ledger();
        ledger.minted[0] = Amount::new(299);
        assert_eq!(ledger.broken_column(false), Some((AssetId(0), Amount::new(300).0)));
    }

    #[test]
    fn every_balance_is_looked_at_from_time_to_time() {
        let (mut ledger, _) = ledger();
        assert_eq!(ledger.broken_column(true), None);
        // A write that went around the ledger's own.
        ledger.balances[0] = Amount::new(7);
        let found = Some((AssetId(0), Amount::new(207).0));
        // Not every audit looks at everything.
        let when = (0..=FULL_AUDIT_EVERY).find(|_| ledger.broken_column(false) == found);
        assert_eq!(when, Some(FULL_AUDIT_EVERY));
        assert_eq!(ledger.broken_column(true), found);
    }
}
