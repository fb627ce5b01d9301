//! Borrow (Aave v3 `BorrowLogic.executeBorrow`, `ValidationLogic.validateBorrow`).

use super::{Change, LendingError, Pooled, Version, require_open};
use crate::LendingView;
use crate::health::{Known, Moved, health, health_knowing};
use crate::math::percent_div;
use crate::position::Position;
use crate::reserve::Reserve;
use markets::math::Rounding;
use markets::units::{AccountId, Amount, Flow, U256, Wad};

impl Pooled {
    /// Borrows `amount` of a reserve's asset (`MAX`: what [`Pooled::max_borrow`] says) and mints debt
    /// shares.
    ///
    /// # Errors
    /// Inactive, paused, frozen or not borrowable; the borrow cap; isolation, e-mode, silo; the
    /// liquidity; no collateral or LTV zero, a health factor below one, or the collateral does not carry
    /// the debt.
    pub fn borrow(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        self.borrow_releasing(view, by, reserve, amount, true, out)
    }

    /// [`Pooled::borrow`] that hands the tokens out only if asked: a flash loan that stays as debt has
    /// done so before.
    pub(crate) fn borrow_releasing(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        amount: Amount,
        release: bool,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let version = self.version;
        let amount =
            if amount == Amount::MAX { self.max_borrow(view, by, reserve) } else { amount };
        let at = out.touch(self, view, reserve)?;
        let book = &out.reserves[at].1;
        let shares = version
            .shares_minted_from_borrow(amount, book.borrow_index)
            .ok_or(LendingError::Overflow)?;
        if version.is_nothing(amount, shares) {
            return Err(LendingError::InvalidAmount);
        }
        let before = self.position(by);
        let total_shares = self.require_lendable(view, before, book, amount, shares)?;
        self.require_allowed(before, reserve, book, amount)?;
        if version.checks_collateral_first() {
            self.require_room(view, by, before, reserve, book, amount)?;
        }
        self.require_silo(before, reserve)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidMintAmount);
        }
        if let Some((collateral, ceiling)) = self.isolation(before) {
            let units = book.isolated_units(amount).ok_or(LendingError::Overflow)?;
            self.add_isolated_debt(collateral, ceiling, units, out)?;
        }
        let book = &mut out.reserves[at].1;
        let taken = if release { amount } else { Amount::ZERO };
        self.settle(view, book, total_shares, Amount::ZERO, taken)?;
        let (underlying, debt_token) = (book.underlying, book.debt_token);
        let after = before.with_borrowing(reserve, true);
        if !version.checks_collateral_first() {
            let debt = view.balance(by, debt_token).checked_add(shares);
            let moved = Moved { reserve, book, supply: None, debt };
            self.require_covered(view, by, after, moved)?;
        }
        out.set_position(by, before, after);
        out.flow(Flow::Mint { to: by, asset: debt_token, amount: shares });
        out.flow(Flow::Move { from: self.account, to: by, asset: underlying, amount: taken });
        out.amount = amount;
        Ok(())
    }

    /// Checks flags, supply and cap; what will exist of the debt token.
    fn require_lendable(
        &self,
        view: &impl LendingView,
        position: Position,
        book: &Reserve,
        amount: Amount,
        shares: Amount,
    ) -> Result<Amount, LendingError> {
        let version = self.version;
        require_open(book)?;
        let by_mode = position.e_mode != 0 && version.e_mode_lends_alone();
        if !book.config.borrowing_enabled && !by_mode {
            return Err(LendingError::BorrowingNotEnabled);
        }
        if version.bounds_loans_by_supply() {
            let owed = version
                .debt_from_shares(shares, book.borrow_index)
                .ok_or(LendingError::Overflow)?;
            let supplied = version
                .supply_from_shares(view.total_supply(book.a_token), book.liquidity_index)
                .ok_or(LendingError::Overflow)?;
            if owed > supplied {
                return Err(LendingError::InvalidAmount);
            }
        }
        let issued = view.total_supply(book.debt_token);
        let total_shares = issued.checked_add(shares).ok_or(LendingError::Overflow)?;
        if book.config.borrow_cap != 0 {
            let total = match version {
                Version::V3_0_2 => version
                    .debt_from_shares(issued, book.borrow_index)
                    .and_then(|x| x.checked_add(amount)),
                Version::V3_6 => version.debt_from_shares(total_shares, book.borrow_index),
            }
            .ok_or(LendingError::Overflow)?;
            if total.0 > U256::from(book.config.borrow_cap).saturating_mul(book.unit()) {
                return Err(LendingError::BorrowCapExceeded);
            }
        }
        Ok(total_shares)
    }

    /// Checks what isolation and e-mode allow.
    fn require_allowed(
        &self,
        position: Position,
        reserve: u16,
        book: &Reserve,
        amount: Amount,
    ) -> Result<(), LendingError> {
        if let Some((collateral, ceiling)) = self.isolation(position) {
            if !book.config.borrowable_in_isolation {
                return Err(LendingError::AssetNotBorrowableInIsolation);
            }
            // In 3.6 the ceiling is checked as the debt is booked; the order shows in the reason alone.
            if self.version.checks_collateral_first() {
                let total = book
                    .isolated_units(amount)
                    .and_then(|x| x.checked_add(self.reserve(collateral).ok()?.isolated_debt))
                    .ok_or(LendingError::Overflow)?;
                if total > u128::from(ceiling) {
                    return Err(LendingError::DebtCeilingExceeded);
                }
            }
        }
        if position.e_mode != 0
            && self.e_mode(position.e_mode).is_none_or(|mode| !mode.lends(reserve))
        {
            return Err(match self.version {
                Version::V3_0_2 => LendingError::InconsistentEModeCategory,
                Version::V3_6 => LendingError::NotBorrowableInEMode,
            });
        }
        Ok(())
    }

    /// Refuses a new debt that the collateral does not carry at its LTV, on the state before it
    /// (3.0.2 `validateBorrow`: the new debt's value is floored, the quotient rounds half up).
    fn require_room(
        &self,
        view: &impl LendingView,
        by: AccountId,
        position: Position,
        reserve: u16,
        book: &Reserve,
        amount: Amount,
    ) -> Result<(), LendingError> {
        let known = Known {
            liquidity: Some((reserve, book.liquidity_index)),
            // Without debt the index stands still, and a projection does not.
            borrow: (!view.total_supply(book.debt_token).is_zero())
                .then_some((reserve, book.borrow_index)),
        };
        let health = health_knowing(self, view, by, position, None, &known)?;
        if health.collateral_base.is_zero() {
            return Err(LendingError::CollateralBalanceIsZero);
        }
        if health.avg_ltv.0 == 0 {
            return Err(LendingError::LtvValidationFailed);
        }
        if health.health_factor <= Wad::ONE {
            return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
        }
        // Within an e-mode only its assets can be borrowed, so they have its price.
        let feed = self.feed_within(position, reserve, book);
        let price = Amount::new(view.price(feed)?.0).0;
        let needed = book
            .token()
            .mul_div(amount.0, price, Rounding::Floor)
            .and_then(|value| value.checked_add(health.debt_base))
            .and_then(|debt| percent_div(debt, health.avg_ltv.0, Rounding::HalfUp))
            .ok_or(LendingError::Overflow)?;
        if needed > health.collateral_base {
            return Err(LendingError::CollateralCannotCoverNewBorrow);
        }
        Ok(())
    }

    /// Refuses a debt that the collateral does not carry at its LTV
    /// (3.6 `ValidationLogic.validateHFAndLtv`, on the state after the borrow).
    fn require_covered(
        &self,
        view: &impl LendingView,
        account: AccountId,
        position: Position,
        moved: Moved<'_>,
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
}
