//! Flash loans: lent for the length of a transaction.
//!
//! A flash loan is a call with a body: *open* lends, the body runs, *close* pulls principal and
//! premium (Aave v3.6 `FlashLoanLogic.executeFlashLoanSimple`). Between the two the virtual balance
//! is down, and nothing has accrued.

use crate::LendingView;
use crate::lending::{Change, LendingError, Pooled};
use crate::reserve::{shares_minted_from_supply, supply_from_shares};
use markets::math::{Rounding, percent_mul};
use markets::units::{AccountId, Amount, Flow};

impl Pooled {
    /// What a flash loan of `amount` costs: ceil, in the protocol's favour.
    #[must_use]
    pub fn flash_premium_of(&self, amount: Amount) -> Option<Amount> {
        percent_mul(amount.0, self.flash_premium.0, Rounding::Ceil).map(Amount)
    }

    /// Lends `amount` to the sender. `out.amount` is the premium that closing will ask for.
    ///
    /// # Errors
    /// Paused, inactive or not flash-borrowable; more than is supplied or at hand.
    pub fn flash_open(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let mut book = *self.reserve(reserve)?;
        if book.config.paused {
            return Err(LendingError::ReservePaused);
        }
        if !book.config.active {
            return Err(LendingError::ReserveInactive);
        }
        if !book.config.flash_loan_enabled {
            return Err(LendingError::FlashloanDisabled);
        }
        let index = book.liquidity_index_at(view.now()).ok_or(LendingError::Overflow)?;
        let supplied = supply_from_shares(view.total_supply(book.a_token), index)
            .ok_or(LendingError::Overflow)?;
        if amount > supplied {
            return Err(LendingError::InvalidAmount);
        }
        out.amount = self.flash_premium_of(amount).ok_or(LendingError::Overflow)?;
        book.virtual_balance =
            book.virtual_balance.checked_sub(amount).ok_or(LendingError::InvalidLiquidity)?;
        let (from, to, asset) = (self.account, by, book.underlying);
        out.reserves.push((reserve, book));
        out.flow(Flow::Move { from, to, asset, amount });
        Ok(())
    }

    /// Pulls back `amount` and its premium; the premium is the treasury's, in supply shares, floored.
    /// `out.amount` is what was pulled.
    ///
    /// # Errors
    /// 256-bit arithmetic overflowed.
    pub fn flash_close(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let premium = self.flash_premium_of(amount).ok_or(LendingError::Overflow)?;
        let owed = amount.checked_add(premium).ok_or(LendingError::Overflow)?;
        book.accrued_to_treasury = shares_minted_from_supply(premium, book.liquidity_index)
            .and_then(|shares| book.accrued_to_treasury.checked_add(shares))
            .ok_or(LendingError::Overflow)?;
        book.settle(view.total_supply(book.debt_token), owed, Amount::ZERO)?;
        let (from, to, asset) = (by, self.account, book.underlying);
        out.flow(Flow::Move { from, to, asset, amount: owed });
        out.amount = owed;
        Ok(())
    }
}
