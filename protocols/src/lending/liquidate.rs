//! Liquidate: repay another's debt, seize its collateral, write off what nothing backs any more
//! (Aave v3 `LiquidationLogic.executeLiquidationCall`).

use super::{Change, LendingError, Pooled};
use crate::LendingView;
use crate::health::Known;
use crate::liquidation::{Liquidation, size};
use crate::position::Position;
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
    known: Known,
    /// The borrower's flags so far.
    flags: Position,
}

impl Pooled {
    /// Repays up to `amount` of a borrower's debt (`MAX`: all that is allowed) and seizes collateral
    /// with the bonus, as underlying. `out.amount` is what was repaid, `out.seized` what the borrower
    /// lost, the treasury's `out.protocol_fee` included. In v3.6, where no collateral is left, every
    /// debt of the borrower is written off to its reserve's deficit and listed in `out.bad_debt`.
    ///
    /// # Errors
    /// The position is healthy; not its collateral, not its debt; dust would remain (v3.6); the reserve
    /// has too little at hand to pay the collateral out.
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
        if by == borrower && !self.version.allows_self_liquidation() {
            return Err(LendingError::SelfLiquidation);
        }
        let known = self.known_for_liquidation(view, collateral, debt)?;
        let (terms, health) =
            self.liquidation_terms(view, borrower, collateral, debt, amount, &known)?;
        let sized = size(&terms)?;
        let seized = sized.seized().ok_or(LendingError::Overflow)?;
        let before = self.position(borrower);
        let mut job = Liquidating { pooled: self, view, by, call, known, flags: before };
        job.touch(out)?;
        if seized == terms.collateral_balance {
            job.flags = job.flags.with_collateral(collateral, false);
        }
        // As deployed, by value: a collateral worth nothing does not count as left.
        let nothing_left =
            self.version.writes_off_bad_debt() && health.collateral_base == sized.seized_base;
        let debt_shares =
            job.burn_debt(debt, terms.debt_balance, sized.repaid, nothing_left, out)?;
        job.free_isolated(debt, sized.repaid, out)?;
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
    /// Accrues the books. Where they are one, v3.6 as deployed reads it into two caches before it
    /// updates either, and so books that call's treasury share twice; so do we, to the wei, and
    /// remember how much nothing backs ([`Reserve::booked_twice`](crate::reserve::Reserve)).
    fn touch(&self, out: &mut Change) -> Result<(), LendingError> {
        let version = self.pooled.version;
        let (pooled, view, known) = (self.pooled, self.view, &self.known);
        let at = out.touch_knowing(pooled, view, self.call.debt, known)?;
        if self.call.debt != self.call.collateral {
            if version.accrues_shares_handed_over() || !self.call.receive_shares {
                out.touch_knowing(pooled, view, self.call.collateral, known)?;
            }
        } else if version.books_treasury_twice() {
            let before = self.pooled.reserve(self.call.debt)?.borrow_index;
            let book = &mut out.reserves[at].1;
            let shares = self.view.total_supply(book.debt_token);
            let again =
                book.treasury_shares(version, shares, before).ok_or(LendingError::Overflow)?;
            for booked in [&mut book.accrued_to_treasury, &mut book.booked_twice] {
                *booked = booked.checked_add(again).ok_or(LendingError::Overflow)?;
            }
        }
        Ok(())
    }

    /// Frees isolated debt: in 3.0.2 while the collateral is still flagged, in v3.6 wherever the
    /// collateral is an isolated one (what is written off stays counted).
    fn free_isolated(
        &self,
        debt: u16,
        repaid: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let pooled = self.pooled;
        let isolated = if pooled.version.frees_isolated_debt_by_collateral() {
            let ceiling = pooled.reserve(self.call.collateral)?.config.debt_ceiling;
            (ceiling != 0).then_some(self.call.collateral)
        } else {
            pooled.isolation(self.flags).map(|(collateral, _)| collateral)
        };
        let Some(collateral) = isolated else { return Ok(()) };
        let units = pooled.reserve(debt)?.isolated_units(repaid).ok_or(LendingError::Overflow)?;
        pooled.free_isolated_debt(collateral, units, out)
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
        let version = self.pooled.version;
        let burned = if nothing_left { owed } else { repaid };
        let shares = version
            .shares_burned_from_repayment(burned, book.borrow_index)
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
        if version.is_emptied(owed, burned, left) {
            self.flags = self.flags.with_borrowing(reserve, false);
        }
        self.pooled.settle(self.view, book, total, repaid, Amount::ZERO)?;
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
        let (pooled, version) = (self.pooled, self.pooled.version);
        let stored = pooled.reserve(collateral)?;
        let (asset, underlying) = (stored.a_token, stored.underlying);
        // The same whether the reserve has accrued or not.
        let index = self
            .known
            .liquidity_index(collateral)
            .or_else(|| stored.liquidity_index_at(self.view.now()))
            .ok_or(LendingError::Overflow)?;
        // Ceil in v3.6: the borrower never keeps a share that was paid out.
        let shares = version
            .shares_burned_from_withdrawal(sized.received, index)
            .ok_or(LendingError::Overflow)?;
        let left = self
            .view
            .balance(borrower, asset)
            .checked_sub(shares)
            .ok_or(LendingError::Underflow)?;
        if receive_shares {
            if version.transfer_becomes_collateral() && borrower != self.by {
                pooled.receive_supply(self.view, self.by, collateral, out);
            }
            out.flow(Flow::Move { from: borrower, to: self.by, asset, amount: shares });
        } else {
            let at = out.touch(pooled, self.view, collateral)?;
            let book = &mut out.reserves[at].1;
            let total = if collateral == debt {
                debt_shares
            } else {
                self.view.total_supply(book.debt_token)
            };
            pooled.settle(self.view, book, total, Amount::ZERO, sized.received)?;
            if shares.is_zero() {
                return Err(LendingError::InvalidBurnAmount);
            }
            out.flow(Flow::Burn { from: borrower, asset, amount: shares });
            let (from, to, amount) = (pooled.account, self.by, sized.received);
            out.flow(Flow::Move { from, to, asset: underlying, amount });
        }
        // Never more than is left (one share of imprecision).
        let fee = version
            .shares_burned_from_withdrawal(sized.protocol_fee, index)
            .ok_or(LendingError::Overflow)?
            .min(left);
        let to = pooled.treasury;
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
            let owed = self
                .pooled
                .version
                .debt_from_shares(shares, book.borrow_index)
                .ok_or(LendingError::Overflow)?;
            self.burn_debt(reserve, owed, Amount::ZERO, true, out)?;
        }
        Ok(())
    }
}
