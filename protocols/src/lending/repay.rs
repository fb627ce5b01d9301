//! Repay (Aave v3 `BorrowLogic.executeRepay`).

use super::{Change, LendingError, Pooled, require_running};
use crate::LendingView;
use crate::health::{Moved, health};
use markets::units::{AccountId, Amount, Flow, Wad};

/// What a repayment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepayCall {
    /// Whose debt.
    pub borrower: AccountId,
    /// The reserve of the debt.
    pub reserve: u16,
    /// The most to repay; `MAX`: all of it, or all that the sender's supply there pays.
    pub amount: Amount,
    /// Whether to pay with the sender's supply of the same reserve rather than the underlying.
    pub with_shares: bool,
}

impl Pooled {
    /// Repays up to `amount` of the sender's own debt (`MAX`: all of it) and burns debt shares.
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
        let call = RepayCall { borrower: by, reserve, amount, with_shares: false };
        self.repay_with(view, by, call, out)
    }

    /// [`Pooled::repay`] with every choice of the deployed calls.
    ///
    /// # Errors
    /// As there; paying with shares, fewer are held, or (v3.6) the position is not healthy after.
    pub fn repay_with(
        &self,
        view: &impl LendingView,
        by: AccountId,
        call: RepayCall,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let RepayCall { borrower, reserve, amount, with_shares } = call;
        let version = self.version;
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        if amount.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        if amount == Amount::MAX && by != borrower {
            return Err(LendingError::NoExplicitAmountToRepayOnBehalf);
        }
        require_running(book)?;
        let held = view.balance(borrower, book.debt_token);
        if held.is_zero() {
            return Err(LendingError::NoDebtOfSelectedType);
        }
        let owed =
            version.debt_from_shares(held, book.borrow_index).ok_or(LendingError::Overflow)?;
        let supply = view.balance(by, book.a_token);
        let offered = if with_shares && amount == Amount::MAX {
            version
                .supply_from_shares(supply, book.liquidity_index)
                .ok_or(LendingError::Overflow)?
        } else {
            amount
        };
        let repaid = offered.min(owed);
        let shares = version
            .shares_burned_from_repayment(repaid, book.borrow_index)
            .ok_or(LendingError::Overflow)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidBurnAmount);
        }
        let debt_token = book.debt_token;
        let left = held.checked_sub(shares).ok_or(LendingError::Underflow)?;
        let total =
            view.total_supply(debt_token).checked_sub(shares).ok_or(LendingError::Underflow)?;
        let added = if with_shares { Amount::ZERO } else { repaid };
        self.settle(view, book, total, added, Amount::ZERO)?;
        let before = self.position(borrower);
        let cleared = version.is_emptied(owed, repaid, left);
        let mut after = before.with_borrowing(reserve, !cleared);
        out.flow(Flow::Burn { from: borrower, asset: debt_token, amount: shares });
        let book = &out.reserves[at].1;
        let (a_token, underlying, index) = (book.a_token, book.underlying, book.liquidity_index);
        if let Some((collateral, _)) = self.isolation(before) {
            let units = book.isolated_units(repaid).ok_or(LendingError::Overflow)?;
            self.free_isolated_debt(collateral, units, out)?;
        }
        if with_shares {
            let burned = version
                .shares_burned_from_withdrawal(repaid, index)
                .ok_or(LendingError::Overflow)?;
            if burned.is_zero() {
                return Err(LendingError::InvalidBurnAmount);
            }
            let left = supply.checked_sub(burned).ok_or(LendingError::Underflow)?;
            out.flow(Flow::Burn { from: by, asset: a_token, amount: burned });
            if version.repaying_with_shares_clears_collateral() && left.is_zero() && by == borrower
            {
                after = after.with_collateral(reserve, false);
            }
            if version.checks_health_on_repaying_with_shares() {
                let book = &out.reserves[at].1;
                let debt = held.checked_sub(shares);
                let moved = Moved { reserve, book, supply: Some(left), debt };
                if health(self, view, borrower, after, Some(moved))?.health_factor < Wad::ONE {
                    return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
                }
            }
        } else {
            out.flow(Flow::Move { from: by, to: self.account, asset: underlying, amount: repaid });
        }
        out.set_position(borrower, before, after);
        out.amount = repaid;
        Ok(())
    }
}
