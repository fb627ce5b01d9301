//! Supply, withdraw, and what counts as collateral (Aave v3 `SupplyLogic`).

use super::{Change, LendingError, Pooled, Version, require_open, require_running};
use crate::LendingView;
use crate::health::Moved;
use crate::reserve::Reserve;
use markets::units::{AccountId, Amount, Flow, U256};

impl Pooled {
    /// Supplies `amount` of a reserve's asset (`MAX`: the whole wallet) for supply shares. A first
    /// supply becomes collateral where the reserve's LTV and the account's isolation let it.
    ///
    /// # Errors
    /// Inactive, paused or frozen; nothing to mint; the supply cap.
    pub fn supply(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let version = self.version;
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let amount = if amount == Amount::MAX { view.balance(by, book.underlying) } else { amount };
        let shares = version
            .shares_minted_from_supply(amount, book.liquidity_index)
            .ok_or(LendingError::Overflow)?;
        if version.is_nothing(amount, shares) {
            return Err(LendingError::InvalidAmount);
        }
        require_open(book)?;
        if book.config.supply_cap != 0 {
            let issued = view
                .total_supply(book.a_token)
                .checked_add(book.accrued_to_treasury)
                .ok_or(LendingError::Overflow)?;
            let index = book.liquidity_index;
            let total = match version {
                Version::V3_0_2 => {
                    version.supply_from_shares(issued, index).and_then(|x| x.checked_add(amount))
                }
                Version::V3_6 => issued
                    .checked_add(shares)
                    .and_then(|shares| version.supply_from_shares(shares, index)),
            }
            .ok_or(LendingError::Overflow)?;
            if total.0 > U256::from(book.config.supply_cap).saturating_mul(book.unit()) {
                return Err(LendingError::SupplyCapExceeded);
            }
        }
        self.settle(view, book, view.total_supply(book.debt_token), amount, Amount::ZERO)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidMintAmount);
        }
        let (underlying, a_token) = (book.underlying, book.a_token);
        if view.balance(by, a_token).is_zero() {
            let before = self.position(by);
            if self.becomes_collateral(before, reserve, book) {
                out.set_position(by, before, before.with_collateral(reserve, true));
            }
        }
        out.flow(Flow::Move { from: by, to: self.account, asset: underlying, amount });
        out.flow(Flow::Mint { to: by, asset: a_token, amount: shares });
        out.amount = amount;
        Ok(())
    }

    /// Withdraws `amount` of a reserve's asset (`MAX`: the whole supply) and burns supply shares. What
    /// still backs a debt stays.
    ///
    /// # Errors
    /// Inactive or paused; more than was supplied or is at hand; the health factor would fall below
    /// one; a collateral of LTV zero must go first.
    pub fn withdraw(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let version = self.version;
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let held = view.balance(by, book.a_token);
        let index = book.liquidity_index;
        let supplied = version.supply_from_shares(held, index).ok_or(LendingError::Overflow)?;
        let (amount, shares) = if amount == Amount::MAX {
            (supplied, held)
        } else if version == Version::V3_0_2 && amount > supplied {
            return Err(LendingError::NotEnoughAvailableUserBalance);
        } else {
            let burned = version.shares_burned_from_withdrawal(amount, index);
            (amount, burned.ok_or(LendingError::Overflow)?)
        };
        if version.is_nothing(amount, shares) {
            return Err(LendingError::InvalidAmount);
        }
        if version == Version::V3_6 && shares > held {
            return Err(LendingError::NotEnoughAvailableUserBalance);
        }
        require_running(book)?;
        self.settle(view, book, view.total_supply(book.debt_token), Amount::ZERO, amount)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidBurnAmount);
        }
        let left = held.checked_sub(shares).ok_or(LendingError::Underflow)?;
        let (underlying, a_token) = (book.underlying, book.a_token);
        let before = self.position(by);
        if before.uses_as_collateral(reserve) {
            let emptied = version.is_emptied(supplied, amount, left);
            let after = before.with_collateral(reserve, !emptied);
            if before.is_borrowing_any() {
                let left = left_supply(reserve, book, left);
                self.require_healthy(view, by, after, reserve, left)?;
            }
            out.set_position(by, before, after);
        }
        out.flow(Flow::Burn { from: by, asset: a_token, amount: shares });
        out.flow(Flow::Move { from: self.account, to: by, asset: underlying, amount });
        out.amount = amount;
        Ok(())
    }

    /// Switches a supply on or off as collateral. No change where it already is so.
    ///
    /// # Errors
    /// Inactive or paused; nothing supplied; LTV zero or isolation; switching off would leave a debt
    /// uncovered.
    pub fn set_collateral(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        enabled: bool,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let book = self.reserve(reserve)?;
        let nothing = view.balance(by, book.a_token).is_zero();
        if nothing && self.version == Version::V3_0_2 {
            return Err(LendingError::UnderlyingBalanceZero);
        }
        require_running(book)?;
        let before = self.position(by);
        if before.uses_as_collateral(reserve) == enabled {
            return Ok(());
        }
        let after = before.with_collateral(reserve, enabled);
        if enabled {
            if nothing {
                return Err(LendingError::UnderlyingBalanceZero);
            }
            if !self.may_be_collateral(before, reserve, book) {
                return Err(LendingError::UserInIsolationModeOrLtvZero);
            }
        } else {
            self.require_healthy(view, by, after, reserve, None)?;
        }
        out.set_position(by, before, after);
        Ok(())
    }
}

/// What is left of a supply after it moved, in a book as it will be.
pub(super) fn left_supply(reserve: u16, book: &Reserve, shares: Amount) -> Option<Moved<'_>> {
    Some(Moved { reserve, book, supply: Some(shares), debt: None })
}
