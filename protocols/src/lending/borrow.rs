//! Borrow and repay (Aave v3.6 `BorrowLogic`, `ValidationLogic.validateBorrow`).

use super::{Change, LendingError, Pooled, require_open, require_running};
use crate::LendingView;
use crate::health::{Moved, health};
use crate::position::Position;
use crate::reserve::{
    debt_from_shares, shares_burned_from_repayment, shares_minted_from_borrow, supply_from_shares,
};
use markets::math::{Rounding, percent_div};
use markets::units::{AccountId, Amount, Flow, U256};

impl Pooled {
    /// Borrows `amount` of a reserve's asset (`MAX`: what [`Pooled::max_borrow`] says) and mints debt
    /// shares, ceiled.
    ///
    /// # Errors
    /// Inactive, paused, frozen or not borrowable; the borrow cap; the liquidity; no collateral or LTV
    /// zero, a health factor below one, or the collateral does not carry the debt.
    pub fn borrow(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let amount =
            if amount == Amount::MAX { self.max_borrow(view, by, reserve) } else { amount };
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let shares =
            shares_minted_from_borrow(amount, book.borrow_index).ok_or(LendingError::Overflow)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        require_open(book)?;
        if !book.config.borrowing_enabled {
            return Err(LendingError::BorrowingNotEnabled);
        }
        let owed = debt_from_shares(shares, book.borrow_index).ok_or(LendingError::Overflow)?;
        let supplied = supply_from_shares(view.total_supply(book.a_token), book.liquidity_index)
            .ok_or(LendingError::Overflow)?;
        if owed > supplied {
            return Err(LendingError::InvalidAmount);
        }
        let total_shares =
            view.total_supply(book.debt_token).checked_add(shares).ok_or(LendingError::Overflow)?;
        if book.config.borrow_cap != 0 {
            let total =
                debt_from_shares(total_shares, book.borrow_index).ok_or(LendingError::Overflow)?;
            if total.0 > U256::from(book.config.borrow_cap).saturating_mul(book.unit()) {
                return Err(LendingError::BorrowCapExceeded);
            }
        }
        book.settle(total_shares, Amount::ZERO, amount)?;
        let (underlying, debt_token) = (book.underlying, book.debt_token);
        let debt = view.balance(by, debt_token).checked_add(shares);
        let before = self.position(by);
        let after = before.with_borrowing(reserve, true);
        self.require_covered(view, by, after, Moved { reserve, supply: None, debt })?;
        out.set_position(by, before, after);
        out.flow(Flow::Mint { to: by, asset: debt_token, amount: shares });
        out.flow(Flow::Move { from: self.account, to: by, asset: underlying, amount });
        out.amount = amount;
        Ok(())
    }

    /// Refuses a debt that the collateral does not carry at its LTV
    /// (`ValidationLogic.validateHFAndLtv`, on the state after the borrow).
    fn require_covered(
        &self,
        view: &impl LendingView,
        account: AccountId,
        position: Position,
        moved: Moved,
    ) -> Result<(), LendingError> {
        let health = health(self, view, account, position, Some(moved))?;
        if health.avg_ltv.0 == 0 {
            return Err(LendingError::LtvValidationFailed);
        }
        if health.is_liquidatable() {
            return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
        }
        // Ceil, in the protocol's favour.
        let needed = percent_div(health.debt_base, health.avg_ltv.0, Rounding::Ceil)
            .ok_or(LendingError::Overflow)?;
        if needed > health.collateral_base {
            return Err(LendingError::CollateralCannotCoverNewBorrow);
        }
        Ok(())
    }

    /// Repays up to `amount` of the sender's own debt (`MAX`: all of it) and burns debt shares,
    /// floored.
    ///
    /// # Errors
    /// Inactive or paused; no debt there; so little that it burns no share.
    pub fn repay(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        self.repay_on_behalf(view, by, by, reserve, amount, out)
    }

    /// [`Pooled::repay`] of another's debt.
    ///
    /// # Errors
    /// As there, and `MAX` for a debt that is not the sender's own.
    pub fn repay_on_behalf(
        &self,
        view: &impl LendingView,
        by: AccountId,
        borrower: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        if amount == Amount::MAX && by != borrower {
            return Err(LendingError::NoExplicitAmountToRepayOnBehalf);
        }
        let at = out.touch(self, view, reserve)?;
        let (amount, total) = self.burn_own_debt(view, borrower, at, amount, out)?;
        let book = &mut out.reserves[at].1;
        book.settle(total, amount, Amount::ZERO)?;
        let (to, asset) = (self.account, book.underlying);
        out.flow(Flow::Move { from: by, to, asset, amount });
        Ok(())
    }

    /// Burns up to `amount` of an account's debt in the touched reserve at `at`, floored. Returns what
    /// it comes to, and what remains of the debt token.
    fn burn_own_debt(
        &self,
        view: &impl LendingView,
        borrower: AccountId,
        at: usize,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(Amount, Amount), LendingError> {
        let (reserve, book) = &out.reserves[at];
        let (reserve, asset) = (*reserve, book.debt_token);
        if amount.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        require_running(book)?;
        let held = view.balance(borrower, asset);
        if held.is_zero() {
            return Err(LendingError::NoDebtOfSelectedType);
        }
        let owed = debt_from_shares(held, book.borrow_index).ok_or(LendingError::Overflow)?;
        let repaid = amount.min(owed);
        let shares = shares_burned_from_repayment(repaid, book.borrow_index)
            .ok_or(LendingError::Overflow)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidBurnAmount);
        }
        let left = held.checked_sub(shares).ok_or(LendingError::Overflow)?;
        let total = view.total_supply(asset).checked_sub(shares).ok_or(LendingError::Overflow)?;
        let before = self.position(borrower);
        out.set_position(borrower, before, before.with_borrowing(reserve, !left.is_zero()));
        out.flow(Flow::Burn { from: borrower, asset, amount: shares });
        out.amount = repaid;
        Ok((repaid, total))
    }
}
