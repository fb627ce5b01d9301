//! Liquidate: repay another's debt, seize its collateral, write off what nothing backs any more
//! (Aave v3.6 `LiquidationLogic.executeLiquidationCall`).

use super::{Change, LendingError, Pooled};
use crate::LendingView;
use crate::liquidation::{Liquidation, size};
use crate::position::Position;
use crate::reserve::{
    debt_from_shares, shares_burned_from_repayment, shares_burned_from_withdrawal,
};
use markets::units::{AccountId, Amount, Flow};

/// What a liquidator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationCall {
    /// Whose debt.
    pub borrower: AccountId,
    /// The reserve to seize from.
    pub collateral: u16,
    /// The reserve to repay in.
    pub debt: u16,
    /// The most to repay; `MAX`: all that is allowed.
    pub amount: Amount,
    /// Whether to take supply shares instead of the underlying: needs no liquidity in the
    /// collateral's reserve.
    pub receive_shares: bool,
}

/// A liquidation under way.
struct Liquidating<'a, V> {
    pooled: &'a Pooled,
    view: &'a V,
    by: AccountId,
    call: LiquidationCall,
    /// The borrower's flags so far.
    flags: Position,
}

impl Pooled {
    /// Repays up to `amount` of a borrower's debt (`MAX`: all that is allowed) and seizes collateral
    /// with the bonus, as underlying. `out.amount` is what was repaid, `out.seized` what the borrower
    /// lost, the treasury's `out.protocol_fee` included. Where no collateral is left, every debt of
    /// the borrower is written off to its reserve's deficit and listed in `out.bad_debt`.
    ///
    /// # Errors
    /// The position is healthy; not its collateral, not its debt; dust would remain; the reserve has
    /// too little at hand to pay the collateral out.
    #[expect(clippy::too_many_arguments, reason = "the operation has that many, as deployed")]
    pub fn liquidate(
        &self,
        view: &impl LendingView,
        by: AccountId,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let call = LiquidationCall { borrower, collateral, debt, amount, receive_shares: false };
        self.liquidate_with(view, by, call, out)
    }

    /// [`Pooled::liquidate`] with every choice of the deployed call.
    ///
    /// # Errors
    /// As there.
    pub fn liquidate_with(
        &self,
        view: &impl LendingView,
        by: AccountId,
        call: LiquidationCall,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let LiquidationCall { borrower, collateral, debt, amount, receive_shares: _ } = call;
        if by == borrower {
            return Err(LendingError::SelfLiquidation);
        }
        let (terms, health) = self.liquidation_terms(view, borrower, collateral, debt, amount)?;
        let sized = size(&terms)?;
        let seized = sized.seized().ok_or(LendingError::Overflow)?;
        let before = self.position(borrower);
        let mut job = Liquidating { pooled: self, view, by, call, flags: before };
        job.touch(out)?;
        if seized == terms.collateral_balance {
            job.flags = job.flags.with_collateral(collateral, false);
        }
        // As deployed, by value: a collateral worth nothing does not count as left.
        let nothing_left = health.collateral_base == sized.seized_base;
        let debt_shares =
            job.burn_debt(debt, terms.debt_balance, sized.repaid, nothing_left, out)?;
        job.pay_out(&sized, debt_shares, out)?;
        if nothing_left {
            job.write_off(out)?;
        }
        out.set_position(borrower, before, job.flags);
        let asset = self.reserve(debt)?.underlying;
        out.flow(Flow::Move { from: by, to: self.account, asset, amount: sized.repaid });
        out.amount = sized.repaid;
        out.seized = seized;
        Ok(())
    }
}

impl<V: LendingView> Liquidating<'_, V> {
    /// Accrues both books. Where they are one, the deployed contract reads it into two caches before
    /// it updates either, and so books that call's treasury share twice; so do we, to the wei, and
    /// remember how much nothing backs ([`Reserve::booked_twice`](crate::reserve::Reserve)).
    fn touch(&self, out: &mut Change) -> Result<(), LendingError> {
        out.touch(self.pooled, self.view, self.call.debt)?;
        let at = out.touch(self.pooled, self.view, self.call.collateral)?;
        if self.call.debt == self.call.collateral {
            let stored = self.pooled.reserve(self.call.debt)?;
            let book = &mut out.reserves[at].1;
            let shares = self.view.total_supply(book.debt_token);
            let again = stored.treasury_shares(shares, book).ok_or(LendingError::Overflow)?;
            for booked in [&mut book.accrued_to_treasury, &mut book.booked_twice] {
                *booked = booked.checked_add(again).ok_or(LendingError::Overflow)?;
            }
        }
        Ok(())
    }

    /// Burns the debt that is repaid, or all of it where nothing backs it any more (the rest becomes
    /// the reserve's deficit). Returns what remains of the debt token.
    fn burn_debt(
        &mut self,
        reserve: u16,
        owed: Amount,
        repaid: Amount,
        nothing_left: bool,
        out: &mut Change,
    ) -> Result<Amount, LendingError> {
        let borrower = self.call.borrower;
        let at = out.touch(self.pooled, self.view, reserve)?;
        let book = &mut out.reserves[at].1;
        let burned = if nothing_left { owed } else { repaid };
        let shares = shares_burned_from_repayment(burned, book.borrow_index)
            .ok_or(LendingError::Overflow)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidBurnAmount);
        }
        let asset = book.debt_token;
        let left =
            self.view.balance(borrower, asset).checked_sub(shares).ok_or(LendingError::Overflow)?;
        let total =
            self.view.total_supply(asset).checked_sub(shares).ok_or(LendingError::Overflow)?;
        let unpaid = owed.checked_sub(repaid).ok_or(LendingError::Overflow)?;
        if nothing_left && !unpaid.is_zero() {
            book.deficit = book.deficit.checked_add(unpaid).ok_or(LendingError::Overflow)?;
            out.bad_debt.push((reserve, unpaid));
        }
        if left.is_zero() {
            self.flags = self.flags.with_borrowing(reserve, false);
        }
        book.settle(total, repaid, Amount::ZERO)?;
        out.flow(Flow::Burn { from: borrower, asset, amount: shares });
        Ok(total)
    }

    /// Hands the collateral to the liquidator and the fee to the treasury. `debt_shares` is what
    /// remains of the repaid reserve's debt token.
    fn pay_out(
        &self,
        sized: &Liquidation,
        debt_shares: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let LiquidationCall { borrower, collateral, debt, receive_shares, .. } = self.call;
        let at = out.touch(self.pooled, self.view, collateral)?;
        let book = &mut out.reserves[at].1;
        let (asset, underlying, index) = (book.a_token, book.underlying, book.liquidity_index);
        // Ceil: the borrower never keeps a share that was paid out.
        let shares =
            shares_burned_from_withdrawal(sized.received, index).ok_or(LendingError::Overflow)?;
        let left =
            self.view.balance(borrower, asset).checked_sub(shares).ok_or(LendingError::Overflow)?;
        if receive_shares {
            out.flow(Flow::Move { from: borrower, to: self.by, asset, amount: shares });
        } else {
            if shares.is_zero() {
                return Err(LendingError::InvalidBurnAmount);
            }
            let total = if collateral == debt {
                debt_shares
            } else {
                self.view.total_supply(book.debt_token)
            };
            book.settle(total, Amount::ZERO, sized.received)?;
            out.flow(Flow::Burn { from: borrower, asset, amount: shares });
            let (from, to, amount) = (self.pooled.account, self.by, sized.received);
            out.flow(Flow::Move { from, to, asset: underlying, amount });
        }
        // Ceil, but never more than is left (one share of imprecision).
        let fee = shares_burned_from_withdrawal(sized.protocol_fee, index)
            .ok_or(LendingError::Overflow)?
            .min(left);
        let to = self.pooled.treasury;
        out.flow(Flow::Move { from: borrower, to, asset, amount: fee });
        out.protocol_fee = sized.protocol_fee;
        Ok(())
    }

    /// Writes off every debt that remains (`_burnBadDebt`).
    fn write_off(&mut self, out: &mut Change) -> Result<(), LendingError> {
        for reserve in self.flags.borrowed_reserves() {
            let at = out.touch(self.pooled, self.view, reserve)?;
            let book = &out.reserves[at].1;
            if !book.config.active {
                continue;
            }
            let shares = self.view.balance(self.call.borrower, book.debt_token);
            let owed = debt_from_shares(shares, book.borrow_index).ok_or(LendingError::Overflow)?;
            self.burn_debt(reserve, owed, Amount::ZERO, true, out)?;
        }
        Ok(())
    }
}
