//! What can be asked of a market without changing it. Everything is projected to now.

use super::{LendingError, Pooled};
use crate::LendingView;
use crate::health::{Health, health};
use crate::interest::{Rates, utilisation};
use crate::liquidation::{Liquidation, Terms, max_repayable, size};
use crate::reserve::{Reserve, debt_from_shares, shares_burned_from_repayment, supply_from_shares};
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, AssetId, Ray, U256};

impl Pooled {
    /// The reserve of an underlying asset.
    #[inline]
    #[must_use]
    pub fn reserve_of(&self, underlying: AssetId) -> Option<u16> {
        self.reserves.iter().position(|r| r.underlying == underlying).map(|i| i as u16)
    }
    /// Whether an asset is a share of this market: a supply share moves only with a health check,
    /// a debt share never.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        self.reserves.iter().any(|r| r.a_token == asset || r.debt_token == asset)
    }
    /// An account's health.
    ///
    /// # Errors
    /// An oracle has no usable price.
    pub fn health(
        &self,
        view: &impl LendingView,
        account: AccountId,
    ) -> Result<Health, LendingError> {
        health(self, view, account, self.position(account), None)
    }
    /// What an account has supplied to a reserve, with interest; zero where there is no such reserve.
    #[must_use]
    pub fn supplied(&self, view: &impl LendingView, account: AccountId, reserve: u16) -> Amount {
        self.reserve(reserve)
            .map_or(Amount::ZERO, |r| supply_at(r, view.balance(account, r.a_token), view.now()))
    }
    /// What an account owes in a reserve, with interest; zero where there is no such reserve.
    #[must_use]
    pub fn debt(&self, view: &impl LendingView, account: AccountId, reserve: u16) -> Amount {
        self.reserve(reserve)
            .map_or(Amount::ZERO, |r| debt_at(r, view.balance(account, r.debt_token), view.now()))
    }
    /// All that is supplied to a reserve, with interest, the treasury's unminted share left out.
    #[must_use]
    pub fn total_supplied(&self, view: &impl LendingView, reserve: u16) -> Amount {
        self.reserve(reserve)
            .map_or(Amount::ZERO, |r| supply_at(r, view.total_supply(r.a_token), view.now()))
    }
    /// All that is owed in a reserve, with interest.
    #[must_use]
    pub fn total_debt(&self, view: &impl LendingView, reserve: u16) -> Amount {
        self.reserve(reserve)
            .map_or(Amount::ZERO, |r| debt_at(r, view.total_supply(r.debt_token), view.now()))
    }
    /// Debt over debt and liquidity at hand.
    #[must_use]
    pub fn utilisation(&self, view: &impl LendingView, reserve: u16) -> Ray {
        self.reserve(reserve)
            .ok()
            .and_then(|r| utilisation(r.virtual_balance, self.total_debt(view, reserve)))
            .unwrap_or(Ray::ZERO)
    }
    /// The rates that an operation would set now. Until somebody touches the reserve the stored ones
    /// stay in force.
    #[must_use]
    pub fn rates(&self, view: &impl LendingView, reserve: u16) -> Rates {
        self.reserve(reserve)
            .ok()
            .and_then(|r| {
                let debt = self.total_debt(view, reserve);
                r.config.rates.rates(r.virtual_balance, debt, r.deficit, r.config.reserve_factor)
            })
            .unwrap_or_default()
    }
    /// The most that an account can borrow from a reserve now: an amount that `borrow` accepts, zero
    /// where it accepts none. Bounded by the collateral, the liquidity, the cap and the flags.
    #[must_use]
    pub fn max_borrow(&self, view: &impl LendingView, account: AccountId, reserve: u16) -> Amount {
        self.try_max_borrow(view, account, reserve).unwrap_or(Amount::ZERO)
    }
    fn try_max_borrow(
        &self,
        view: &impl LendingView,
        account: AccountId,
        index: u16,
    ) -> Option<Amount> {
        let reserve = self.reserve(index).ok()?;
        super::require_open(reserve).ok()?;
        let health = self.health(view, account).ok()?;
        let room_base = health.available_borrows_base();
        if !reserve.config.borrowing_enabled || room_base.is_zero() {
            return None;
        }
        let now = view.now();
        let price = U256::from(view.price(reserve.feed).ok()?.0);
        let borrow_index = reserve.borrow_index_at(now)?;
        // The account's debt here may grow to what it is now and the room that the LTV leaves. Every
        // limit becomes debt shares, floored, and the shares become assets, floored: what those
        // assets mint and owe stays within every limit.
        let held = view.balance(account, reserve.debt_token);
        let owed = debt_from_shares(held, borrow_index)?;
        let owed_base = mul_div(owed.0, price, reserve.unit(), Rounding::Ceil)?;
        let most_base = owed_base.checked_add(room_base)?;
        let most = Amount(mul_div(most_base, reserve.unit(), price, Rounding::Floor)?);
        let by_collateral = shares_burned_from_repayment(most, borrow_index)?.saturating_sub(held);
        let supplied = supply_at(reserve, view.total_supply(reserve.a_token), now);
        let at_hand = reserve.virtual_balance.min(supplied);
        let mut shares = shares_burned_from_repayment(at_hand, borrow_index)?.min(by_collateral);
        if reserve.config.borrow_cap != 0 {
            let cap = U256::from(reserve.config.borrow_cap).checked_mul(reserve.unit())?;
            let most = shares_burned_from_repayment(Amount(cap), borrow_index)?;
            shares = shares.min(most.saturating_sub(view.total_supply(reserve.debt_token)));
        }
        supply_from_shares(shares, borrow_index)
    }
    /// What `liquidate` would do now, without doing it.
    ///
    /// # Errors
    /// The rules of the operation, but for the liquidator's own means.
    pub fn quote_liquidation(
        &self,
        view: &impl LendingView,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
        amount: Amount,
    ) -> Result<Liquidation, LendingError> {
        size(&self.liquidation_terms(view, borrower, collateral, debt, amount)?.0)
    }
    /// The most debt that one liquidation may repay, before the collateral's limit; zero where the
    /// position cannot be liquidated.
    #[must_use]
    pub fn max_repayable(
        &self,
        view: &impl LendingView,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
    ) -> Amount {
        self.liquidation_terms(view, borrower, collateral, debt, Amount::MAX)
            .ok()
            .and_then(|(terms, _)| max_repayable(&terms))
            .unwrap_or(Amount::ZERO)
    }
    /// Checks a liquidation and gathers what decides its size
    /// (`ValidationLogic.validateLiquidationCall`).
    pub(crate) fn liquidation_terms(
        &self,
        view: &impl LendingView,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
        offered: Amount,
    ) -> Result<(Terms, Health), LendingError> {
        let (of_collateral, of_debt) = (self.reserve(collateral)?, self.reserve(debt)?);
        super::require_running(of_collateral)?;
        super::require_running(of_debt)?;
        let position = self.position(borrower);
        let health = health(self, view, borrower, position, None)?;
        if !health.is_liquidatable() {
            return Err(LendingError::HealthFactorNotBelowThreshold);
        }
        if of_collateral.config.liquidation_threshold.0 == 0
            || !position.uses_as_collateral(collateral)
        {
            return Err(LendingError::CollateralCannotBeLiquidated);
        }
        let now = view.now();
        let debt_balance = debt_at(of_debt, view.balance(borrower, of_debt.debt_token), now);
        if debt_balance.is_zero() {
            return Err(LendingError::SpecifiedCurrencyNotBorrowedByUser);
        }
        let shares = view.balance(borrower, of_collateral.a_token);
        let terms = Terms {
            offered,
            collateral_balance: supply_at(of_collateral, shares, now),
            debt_balance,
            collateral_price: U256::from(view.price(of_collateral.feed)?.0),
            debt_price: U256::from(view.price(of_debt.feed)?.0),
            collateral_unit: of_collateral.unit(),
            debt_unit: of_debt.unit(),
            total_debt_base: health.debt_base,
            health_factor: health.health_factor,
            close_factor: self.state.close_factor,
            bonus: of_collateral.config.liquidation_bonus,
            protocol_fee: of_collateral.config.liquidation_protocol_fee,
        };
        Ok((terms, health))
    }
}

/// Assets of supply shares now; the largest value where 256 bits overflow.
fn supply_at(reserve: &Reserve, shares: Amount, now: u64) -> Amount {
    if shares.is_zero() {
        return Amount::ZERO;
    }
    reserve
        .liquidity_index_at(now)
        .and_then(|index| supply_from_shares(shares, index))
        .unwrap_or(Amount::MAX)
}

/// Assets that debt shares owe now; the largest value where 256 bits overflow.
fn debt_at(reserve: &Reserve, shares: Amount, now: u64) -> Amount {
    if shares.is_zero() {
        return Amount::ZERO;
    }
    reserve
        .borrow_index_at(now)
        .and_then(|index| debt_from_shares(shares, index))
        .unwrap_or(Amount::MAX)
}
