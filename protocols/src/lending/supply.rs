//! Supply, withdraw, and what counts as collateral (Aave v3.6 `SupplyLogic`).

use super::{Change, LendingError, Pooled, require_open, require_running};
use crate::LendingView;
use crate::health::{Moved, health};
use crate::position::Position;
use crate::reserve::{
    shares_burned_from_withdrawal, shares_minted_from_supply, supply_from_shares,
};
use markets::units::{AccountId, Amount, Flow, U256, Wad};

impl Pooled {
    /// Supplies `amount` of a reserve's asset (`MAX`: the whole wallet) for supply shares, floored. A
    /// first supply becomes collateral where the reserve's LTV is above zero.
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
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let amount = if amount == Amount::MAX { view.balance(by, book.underlying) } else { amount };
        let shares = shares_minted_from_supply(amount, book.liquidity_index)
            .ok_or(LendingError::Overflow)?;
        if shares.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        require_open(book)?;
        if book.config.supply_cap != 0 {
            let total = view
                .total_supply(book.a_token)
                .checked_add(shares)
                .and_then(|s| s.checked_add(book.accrued_to_treasury))
                .and_then(|s| supply_from_shares(s, book.liquidity_index))
                .ok_or(LendingError::Overflow)?;
            if total.0 > U256::from(book.config.supply_cap).saturating_mul(book.unit()) {
                return Err(LendingError::SupplyCapExceeded);
            }
        }
        book.settle(view.total_supply(book.debt_token), amount, Amount::ZERO)?;
        let (underlying, a_token) = (book.underlying, book.a_token);
        let becomes_collateral = view.balance(by, a_token).is_zero() && book.effective_ltv().0 != 0;
        out.flow(Flow::Move { from: by, to: self.account, asset: underlying, amount });
        out.flow(Flow::Mint { to: by, asset: a_token, amount: shares });
        if becomes_collateral {
            let before = self.position(by);
            out.set_position(by, before, before.with_collateral(reserve, true));
        }
        out.amount = amount;
        Ok(())
    }

    /// Withdraws `amount` of a reserve's asset (`MAX`: the whole supply) and burns supply shares,
    /// ceiled. What still backs a debt stays.
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
        let at = out.touch(self, view, reserve)?;
        let book = &mut out.reserves[at].1;
        let held = view.balance(by, book.a_token);
        let index = book.liquidity_index;
        let (amount, shares) = if amount == Amount::MAX {
            (supply_from_shares(held, index).ok_or(LendingError::Overflow)?, held)
        } else {
            (amount, shares_burned_from_withdrawal(amount, index).ok_or(LendingError::Overflow)?)
        };
        if shares.is_zero() {
            return Err(LendingError::InvalidAmount);
        }
        let left = held.checked_sub(shares).ok_or(LendingError::NotEnoughAvailableUserBalance)?;
        require_running(book)?;
        book.settle(view.total_supply(book.debt_token), Amount::ZERO, amount)?;
        let (underlying, a_token) = (book.underlying, book.a_token);
        let before = self.position(by);
        if before.uses_as_collateral(reserve) {
            let after = before.with_collateral(reserve, !left.is_zero());
            if before.is_borrowing_any() {
                self.require_healthy(view, by, after, reserve, left_supply(reserve, left))?;
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
    /// Inactive or paused; nothing supplied; LTV zero; switching off would leave a debt uncovered.
    pub fn set_collateral(
        &self,
        view: &impl LendingView,
        by: AccountId,
        reserve: u16,
        enabled: bool,
        out: &mut Change,
    ) -> Result<(), LendingError> {
        let book = self.reserve(reserve)?;
        require_running(book)?;
        let before = self.position(by);
        if before.uses_as_collateral(reserve) == enabled {
            return Ok(());
        }
        let after = before.with_collateral(reserve, enabled);
        if enabled {
            if view.balance(by, book.a_token).is_zero() {
                return Err(LendingError::UnderlyingBalanceZero);
            }
            if book.effective_ltv().0 == 0 {
                return Err(LendingError::UserInIsolationModeOrLtvZero);
            }
        } else {
            self.require_healthy(view, by, after, reserve, None)?;
        }
        out.set_position(by, before, after);
        Ok(())
    }

    /// Moves supply worth `amount` (`MAX`: all of it) to another account, in shares, ceiled
    /// (`SupplyLogic.executeFinalizeTransfer`). The receiver's flags stay as they are.
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
        let book = self.reserve(reserve)?;
        if book.config.paused {
            return Err(LendingError::ReservePaused);
        }
        let held = view.balance(by, book.a_token);
        let index = book.liquidity_index_at(view.now()).ok_or(LendingError::Overflow)?;
        let shares = if amount == Amount::MAX {
            held
        } else {
            shares_burned_from_withdrawal(amount, index).ok_or(LendingError::Overflow)?
        };
        let left = held.checked_sub(shares).ok_or(LendingError::NotEnoughAvailableUserBalance)?;
        out.amount = supply_from_shares(shares, index).ok_or(LendingError::Overflow)?;
        let before = self.position(by);
        if by != to && !shares.is_zero() && before.uses_as_collateral(reserve) {
            if before.is_borrowing_any() {
                self.require_healthy(view, by, before, reserve, left_supply(reserve, left))?;
            }
            out.set_position(by, before, before.with_collateral(reserve, !left.is_zero()));
        }
        out.flow(Flow::Move { from: by, to, asset: book.a_token, amount: shares });
        Ok(())
    }

    /// Refuses what would leave a debt uncovered (`ValidationLogic.validateHFAndLtvzero`).
    pub(crate) fn require_healthy(
        &self,
        view: &impl LendingView,
        account: AccountId,
        position: Position,
        reserve: u16,
        moved: Option<Moved>,
    ) -> Result<(), LendingError> {
        let health = health(self, view, account, position, moved)?;
        if health.health_factor < Wad::ONE {
            return Err(LendingError::HealthFactorLowerThanLiquidationThreshold);
        }
        if health.has_zero_ltv_collateral && self.reserve(reserve)?.effective_ltv().0 != 0 {
            return Err(LendingError::LtvValidationFailed);
        }
        Ok(())
    }
}

fn left_supply(reserve: u16, shares: Amount) -> Option<Moved> {
    Some(Moved { reserve, supply: Some(shares), debt: None })
}
