//! Supply that changes hands (Aave v3 `AToken.transfer`, `SupplyLogic.executeFinalizeTransfer`).

use super::supply::left_supply;
use super::{Change, LendingError, Pooled};
use crate::LendingView;
use markets::units::{AccountId, Amount, Flow};

impl Pooled {
    /// Moves supply worth `amount` (`MAX`: all of it) to another account, in shares. Nothing accrues. In
    /// 3.0.2 a first supply received becomes collateral where it can; in 3.6 the receiver's flags stay.
    ///
    /// # Errors
    /// Paused; more than is held; the sender's debt would be uncovered.
    pub fn transfer_supply(
        &self,
        view: &impl LendingView,
        by: AccountId,
        to: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let version = self.version;
        let book = self.reserve(reserve)?;
        let held = view.balance(by, book.a_token);
        let index = book.liquidity_index_at(view.now()).ok_or(LendingError::Overflow)?;
        let supplied = version.supply_from_shares(held, index).ok_or(LendingError::Overflow)?;
        let (amount, shares) = if amount == Amount::MAX {
            (supplied, held)
        } else {
            let moved = version.shares_burned_from_withdrawal(amount, index);
            (amount, moved.ok_or(LendingError::Overflow)?)
        };
        let left = held.checked_sub(shares).ok_or(LendingError::Underflow)?;
        if book.config.paused {
            return Err(LendingError::ReservePaused);
        }
        out.amount = version.supply_from_shares(shares, index).ok_or(LendingError::Overflow)?;
        if by != to && !version.is_nothing(amount, shares) {
            let before = self.position(by);
            if before.uses_as_collateral(reserve) {
                if before.is_borrowing_any() {
                    let left = left_supply(reserve, book, left);
                    self.require_healthy(view, by, before, reserve, left)?;
                }
                let emptied = version.is_emptied(supplied, amount, left);
                out.set_position(by, before, before.with_collateral(reserve, !emptied));
            }
            if version.transfer_becomes_collateral() {
                self.receive_supply(view, to, reserve, out);
            }
        }
        out.flow(Flow::Move { from: by, to, asset: book.a_token, amount: shares });
        Ok(())
    }

    /// Makes a first supply that an account receives its collateral, where it can be.
    pub(super) fn receive_supply(
        &self,
        view: &impl LendingView,
        to: AccountId,
        reserve: u16,
        out: &mut Change,
    ) {
        let Ok(book) = self.reserve(reserve) else { return };
        let before = self.position(to);
        if view.balance(to, book.a_token).is_zero()
            && self.becomes_collateral(before, reserve, book)
        {
            out.set_position(to, before, before.with_collateral(reserve, true));
        }
    }
}
