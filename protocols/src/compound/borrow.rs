//! Borrowing and repaying.

use super::account::Hypothesis;
use super::{
    Change, Compound, CompoundError, CompoundView, ComptrollerCode, Loan, Stop, TokenCode,
};
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, Flow, U256, WAD};

impl Compound {
    /// Lends `amount` of the underlying (`borrow`). The borrower enters the market first, and stays in
    /// it when a code refuses the rest.
    ///
    /// # Errors
    /// Reverts where borrowing is paused, the cap is reached or accrual fails; codes where a price is
    /// missing, the account would be under water, or the market has too little cash.
    pub fn borrow(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        let listed = self.token(token)?;
        self.borrow_allowed(view, by, token, amount, change).map_err(Stop::through_token)?;
        if listed.cash(view) < amount {
            return Err(TokenCode::InsufficientCash.into());
        }
        let book = *self.book(change, token);
        let owed = self.loan(by, token).balance(book.borrow_index);
        let principal = owed.and_then(|owed| owed.checked_add(amount));
        let principal = principal.ok_or(TokenCode::MathError)?;
        let total = book.total_borrows.checked_add(amount).ok_or(TokenCode::MathError)?;
        change.book_mut(self, token).total_borrows = total;
        change.loan = Some((by, token, Loan { principal, interest_index: book.borrow_index }));
        let (from, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from, to: by, asset, amount });
        change.amount = amount;
        Ok(())
    }

    /// The comptroller's part of a borrow (`borrowAllowed`).
    fn borrow_allowed(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let listed = self.token(token)?;
        if listed.config.borrow_paused {
            return Err(CompoundError::BorrowPaused.into());
        }
        self.enter_market(by, token, change)?;
        if view.price_mantissa(listed.feed, listed.decimals).is_zero() {
            return Err(ComptrollerCode::PriceError.into());
        }
        let cap = listed.config.borrow_cap;
        if !cap.is_zero() {
            let total = self.book(change, token).total_borrows.checked_add(amount);
            if total.ok_or(CompoundError::AdditionOverflow)? >= cap {
                return Err(CompoundError::BorrowCapReached.into());
            }
        }
        let hypothesis = Hypothesis { token, redeem_tokens: Amount::ZERO, borrow_amount: amount };
        let after = self.liquidity_in(view, change, by, Some(hypothesis))?;
        if after.shortfall.is_zero() {
            Ok(())
        } else {
            Err(ComptrollerCode::InsufficientLiquidity.into())
        }
    }

    /// Repays `amount` of a borrower's debt, `Amount::MAX` for all of it (`repayBorrow`,
    /// `repayBorrowBehalf`).
    ///
    /// # Errors
    /// Reverts where more is repaid than is owed, by the account or by the market's own sum, or the
    /// payer has too little; a code where the debt cannot be computed.
    pub fn repay(
        &self,
        view: &impl CompoundView,
        payer: AccountId,
        borrower: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        self.repay_fresh(view, payer, borrower, token, amount, change)
    }

    /// The same in an accrued market (`repayBorrowFresh`).
    pub(super) fn repay_fresh(
        &self,
        view: &impl CompoundView,
        payer: AccountId,
        borrower: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let listed = self.token(token)?;
        let book = *self.book(change, token);
        let owed =
            self.loan(borrower, token).balance(book.borrow_index).ok_or(TokenCode::MathError)?;
        let amount = if amount == Amount::MAX { owed } else { amount };
        if view.balance(payer, listed.underlying) < amount {
            return Err(CompoundError::TransferExceedsBalance.into());
        }
        let principal = owed
            .checked_sub(amount)
            .ok_or(CompoundError::RepayBorrowNewAccountBorrowBalanceCalculationFailed)?;
        let total = book
            .total_borrows
            .checked_sub(amount)
            .ok_or(CompoundError::RepayBorrowNewTotalBalanceCalculationFailed)?;
        change.book_mut(self, token).total_borrows = total;
        let interest_index = book.borrow_index;
        change.loan = Some((borrower, token, Loan { principal, interest_index }));
        let (to, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from: payer, to, asset, amount });
        change.amount = amount;
        Ok(())
    }

    /// The most that an account could borrow now: what its liquidity, the market's cash and the cap
    /// leave, exactly. Zero where it cannot be told.
    #[must_use]
    pub fn max_borrow(&self, view: &impl CompoundView, by: AccountId, token: u16) -> Amount {
        let largest = || {
            let mut change = Change::default();
            self.touch(view, token, &mut change).ok()?;
            self.borrow_allowed(view, by, token, Amount::ZERO, &mut change).ok()?;
            let listed = self.token(token).ok()?;
            let after = self.liquidity_in(view, &change, by, None).ok()?;
            // floor(price · x / 10¹⁸) ≤ liquidity ⇔ price · x < (liquidity + 1) · 10¹⁸
            let price = view.price_mantissa(listed.feed, listed.decimals).0;
            let above = after.liquidity.checked_add(U256::ONE)?;
            let affordable = mul_div(above, WAD, price, Rounding::Ceil)?.checked_sub(U256::ONE)?;
            let mut most = Amount(affordable).min(listed.cash(view));
            let cap = listed.config.borrow_cap;
            if !cap.is_zero() {
                let room = cap.checked_sub(self.book(&change, token).total_borrows)?;
                most = most.min(room.checked_sub(Amount::new(1))?);
            }
            Some(most)
        };
        largest().unwrap_or_default()
    }
}
