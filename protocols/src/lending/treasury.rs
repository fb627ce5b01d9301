//! The protocol's own money: fees to the treasury, and covering what was written off.

use super::{Change, LendingError, Pooled};
use crate::LendingView;
use crate::reserve::Reserve;
use markets::units::{AccountId, Amount, Flow};

impl Pooled {
    /// Mints every active reserve's accrued fees to the treasury, as supply shares (Aave v3
    /// `PoolLogic.executeMintToTreasury`; the way of 3.0.2 over assets comes to the same shares).
    /// Nothing accrues by it.
    ///
    /// # Errors
    /// None today.
    pub fn mint_to_treasury(
        &self,
        view: &impl LendingView,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        self.mint_to_treasury_of(view, u32::MAX, out)
    }

    /// The same for the reserves in a map, bit `i` for reserve `i`.
    ///
    /// # Errors
    /// None today.
    pub fn mint_to_treasury_of(
        &self,
        _view: &impl LendingView,
        reserves: u32,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        for (index, reserve) in self.reserves.iter().enumerate() {
            let amount = reserve.accrued_to_treasury;
            if reserves >> index & 1 == 0 || !reserve.config.active || amount.is_zero() {
                continue;
            }
            let minted = Reserve { accrued_to_treasury: Amount::ZERO, ..*reserve };
            out.reserves.push((index as u16, minted));
            out.flow(Flow::Mint { to: self.treasury, asset: reserve.a_token, amount });
        }
        Ok(())
    }

    /// Covers up to `amount` (`MAX`: all) of a reserve's deficit by burning the sender's supply there,
    /// ceiled (Aave v3.3+ `executeEliminateDeficit`; there only Umbrella may, here whoever pays).
    ///
    /// # Errors
    /// Inactive; no deficit; the sender has debt, or too little supply.
    pub fn cover_deficit(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        if amount.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        if self.reserve(reserve)?.deficit.is_zero() {
            return Err(LendingError::ReserveNotInDeficit);
        }
        let before = self.position(by);
        if before.is_borrowing_any() {
            return Err(LendingError::UserCannotHaveDebt);
        }
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        if !book.config.active {
            return Err(LendingError::ReserveInactive);
        }
        let covered = amount.min(book.deficit);
        let shares = self
            .version
            .shares_burned_from_withdrawal(covered, book.liquidity_index)
            .ok_or(LendingError::Overflow)?;
        let left = view
            .balance(by, book.a_token)
            .checked_sub(shares)
            .ok_or(LendingError::NotEnoughAvailableUserBalance)?;
        book.deficit = book.deficit.saturating_sub(covered);
        let debt_shares = view.total_supply(book.debt_token);
        self.settle(view, book, debt_shares, Amount::ZERO, Amount::ZERO)?;
        let asset = book.a_token;
        out.flow(Flow::Burn { from: by, asset, amount: shares });
        if left.is_zero() {
            out.set_position(by, before, before.with_collateral(reserve, false));
        }
        out.amount = covered;
        Ok(())
    }

    /// What a reserve has and what it owes, in underlying, projected to now ([`Reserve::solvency`]).
    #[must_use]
    pub fn solvency(&self, view: &impl LendingView, reserve: u16) -> Option<(Amount, Amount)> {
        let mut book = *self.reserve(reserve).ok()?;
        let debt_shares = view.total_supply(book.debt_token);
        book.accrue(self.version, debt_shares, view.now())?;
        book.solvency(view.total_supply(book.a_token), debt_shares)
    }
}
