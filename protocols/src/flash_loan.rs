//! Flash loans: lent for the length of a transaction.
//!
//! A flash loan is a call with a body: *open* lends, the body runs, *close* pulls principal and
//! premium (Aave v3 `FlashLoanLogic`). Between the two the reserve has less at hand, and nothing has
//! accrued.

use crate::LendingView;
use crate::lending::{Change, LendingError, Pooled};
use crate::math::{percent_mul, ray_div, ray_from_wad, ray_mul};
use crate::reserve::Reserve;
use markets::math::Rounding;
use markets::units::{AccountId, Amount, Flow, RAY, Ray};

impl Pooled {
    /// What a flash loan of `amount` costs: ceil, in the protocol's favour, in v3.6; half up in 3.0.2.
    #[must_use]
    pub fn flash_premium_of(&self, amount: Amount) -> Option<Amount> {
        let rounding = self.version.premium_rounding();
        percent_mul(amount.0, self.flash_premium.0, rounding).map(Amount)
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
        if self.version.bounds_loans_by_supply() {
            let index = book.liquidity_index_at(view.now()).ok_or(LendingError::Overflow)?;
            let supplied = self
                .version
                .supply_from_shares(view.total_supply(book.a_token), index)
                .ok_or(LendingError::Overflow)?;
            if amount > supplied {
                return Err(LendingError::InvalidAmount);
            }
        }
        out.amount = self.flash_premium_of(amount).ok_or(LendingError::Overflow)?;
        book.virtual_balance = if self.version.has_virtual_balance() {
            book.virtual_balance.checked_sub(amount).ok_or(LendingError::InvalidLiquidity)?
        } else {
            book.virtual_balance.saturating_sub(amount)
        };
        let (from, to, asset) = (self.account, by, book.underlying);
        out.reserves.push((reserve, book));
        out.flow(Flow::Move { from, to, asset, amount });
        Ok(())
    }

    /// Pulls back `amount` and its premium. In v3.6 the premium is the treasury's, in supply shares,
    /// floored; in 3.0.2 the suppliers get their part by a rise of the liquidity index. `out.amount` is
    /// what was pulled.
    ///
    /// # Errors
    /// 256-bit arithmetic overflowed, or there is nobody to give the premium to.
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
        self.book_premium(view, book, premium).ok_or(LendingError::Overflow)?;
        self.settle(view, book, view.total_supply(book.debt_token), owed, Amount::ZERO)?;
        let (from, to, asset) = (by, self.account, book.underlying);
        out.flow(Flow::Move { from, to, asset, amount: owed });
        out.amount = owed;
        Ok(())
    }

    /// Closes a flash loan by leaving it as debt of the sender, without premium (`flashLoan` with an
    /// interest mode).
    ///
    /// # Errors
    /// Those of a borrow.
    pub fn flash_keep(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        self.borrow_releasing(view, by, reserve, amount, false, out)
    }

    /// Splits a premium between the suppliers (`cumulateToLiquidityIndex`, through wads) and the
    /// treasury.
    fn book_premium(
        &self,
        view: &impl LendingView,
        book: &mut Reserve,
        premium: Amount,
    ) -> Option<()> {
        let mut to_protocol = premium;
        if self.version.suppliers_share_premium() {
            let share = self.flash_premium_to_protocol.0;
            to_protocol = percent_mul(premium.0, share, Rounding::HalfUp).map(Amount)?;
            let to_suppliers = premium.checked_sub(to_protocol)?;
            let index = book.liquidity_index;
            let supplied = |shares| self.version.supply_from_shares(shares, index);
            let all = supplied(view.total_supply(book.a_token))?
                .checked_add(supplied(book.accrued_to_treasury)?)?;
            let rise =
                ray_div(ray_from_wad(to_suppliers.0)?, ray_from_wad(all.0)?, Rounding::HalfUp)?;
            let grown = ray_mul(rise.checked_add(RAY)?, index.0, Rounding::HalfUp)?;
            book.liquidity_index = Ray(grown);
        }
        let shares = self.version.shares_minted_from_supply(to_protocol, book.liquidity_index)?;
        book.accrued_to_treasury = book.accrued_to_treasury.checked_add(shares)?;
        Some(())
    }
}
