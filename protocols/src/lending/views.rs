//! What can be asked of a market without changing it. Everything is projected to now.

use super::{LendingError, Pooled};
use crate::LendingView;
use crate::health::{Health, Known, health, health_knowing};
use crate::liquidation::{Liquidation, Terms, max_repayable, size};
use crate::math::{ray_div, ray_mul};
use crate::reserve::Reserve;
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
        self.reserve(reserve).map_or(Amount::ZERO, |r| {
            self.supply_at(r, view.balance(account, r.a_token), view.now())
        })
    }
    /// What an account owes in a reserve, with interest; zero where there is no such reserve.
    #[must_use]
    pub fn debt(&self, view: &impl LendingView, account: AccountId, reserve: u16) -> Amount {
        self.reserve(reserve).map_or(Amount::ZERO, |r| {
            self.debt_at(r, view.balance(account, r.debt_token), view.now())
        })
    }
    /// All that is owed in a reserve, with interest.
    #[must_use]
    pub fn total_debt(&self, view: &impl LendingView, reserve: u16) -> Amount {
        self.reserve(reserve)
            .map_or(Amount::ZERO, |r| self.debt_at(r, view.total_supply(r.debt_token), view.now()))
    }
    /// What `getUserAccountData` reports that an account can borrow, in a reserve's asset at its price,
    /// floored, and at most what is at hand. [`Pooled::max_borrow`] is what `borrow` accepts.
    ///
    /// # Errors
    /// No such reserve, or a feed without a price.
    pub fn available_borrows(
        &self,
        view: &impl LendingView,
        account: AccountId,
        reserve: u16,
    ) -> Result<Amount, LendingError> {
        let room_base = self.version.available_borrows_base(&self.health(view, account)?);
        let book = self.reserve(reserve)?;
        let feed = self.feed_within(self.position(account), reserve, book);
        let price = U256::from(view.price(feed)?.0);
        let room = mul_div(room_base, book.unit(), price, Rounding::Floor);
        let room = Amount(room.ok_or(LendingError::Overflow)?);
        Ok(room.min(self.available(view, book)))
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
        let position = self.position(account);
        let by_mode = position.e_mode != 0 && self.version.e_mode_lends_alone();
        if !(reserve.config.borrowing_enabled || by_mode) || room_base.is_zero() {
            return None;
        }
        self.require_silo(position, index).ok()?;
        let (now, version) = (view.now(), self.version);
        let price = U256::from(view.price(self.feed_within(position, index, reserve)).ok()?.0);
        let borrow_index = reserve.borrow_index_at(version, now)?;
        // The account's debt here may grow to what it is now and the room that the LTV leaves. Every
        // limit becomes debt shares, floored, and the shares become assets, floored: what those
        // assets mint and owe stays within every limit.
        let shares_of =
            |assets: Amount| ray_div(assets.0, borrow_index.0, Rounding::Floor).map(Amount);
        let held = view.balance(account, reserve.debt_token);
        let owed = ray_mul(held.0, borrow_index.0, Rounding::Ceil)?;
        let owed_base = mul_div(owed, price, reserve.unit(), Rounding::Ceil)?;
        let most_base = owed_base.checked_add(room_base)?;
        let most = Amount(mul_div(most_base, reserve.unit(), price, Rounding::Floor)?);
        let by_collateral = shares_of(most)?.saturating_sub(held);
        let supplied = self.supply_at(reserve, view.total_supply(reserve.a_token), now);
        let at_hand = self.available(view, reserve).min(supplied);
        let mut shares = shares_of(at_hand)?.min(by_collateral);
        if reserve.config.borrow_cap != 0 {
            let cap = U256::from(reserve.config.borrow_cap).checked_mul(reserve.unit())?;
            let most = shares_of(Amount(cap))?;
            shares = shares.min(most.saturating_sub(view.total_supply(reserve.debt_token)));
        }
        if let Some((collateral, ceiling)) = self.isolation(position) {
            let room =
                u128::from(ceiling).saturating_sub(self.reserve(collateral).ok()?.isolated_debt);
            let unit = 10_u128.pow(u32::from(reserve.decimals.saturating_sub(2)));
            if !reserve.config.borrowable_in_isolation {
                return None;
            }
            shares = shares.min(shares_of(Amount::new(room.checked_mul(unit)?))?);
        }
        if position.e_mode != 0 && !self.e_mode(position.e_mode)?.lends(index) {
            return None;
        }
        ray_mul(shares.0, borrow_index.0, Rounding::Floor).map(Amount)
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
        let known = self.known_for_liquidation(view, collateral, debt)?;
        size(&self.liquidation_terms(view, borrower, collateral, debt, amount, &known)?.0)
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
        self.known_for_liquidation(view, collateral, debt)
            .and_then(|known| {
                self.liquidation_terms(view, borrower, collateral, debt, Amount::MAX, &known)
            })
            .ok()
            .and_then(|(terms, _)| max_repayable(&terms))
            .unwrap_or(Amount::ZERO)
    }
    /// The two indexes that a liquidation asks for again and again, projected once.
    pub(crate) fn known_for_liquidation(
        &self,
        view: &impl LendingView,
        collateral: u16,
        debt: u16,
    ) -> Result<Known, LendingError> {
        let now = view.now();
        let liquidity = self.reserve(collateral)?.liquidity_index_at(now);
        let borrow = self.reserve(debt)?.borrow_index_at(self.version, now);
        Ok(Known {
            liquidity: liquidity.map(|index| (collateral, index)),
            borrow: borrow.map(|index| (debt, index)),
        })
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
        known: &Known,
    ) -> Result<(Terms, Health), LendingError> {
        let (of_collateral, of_debt) = (self.reserve(collateral)?, self.reserve(debt)?);
        super::require_running(of_collateral)?;
        super::require_running(of_debt)?;
        let (now, version) = (view.now(), self.version);
        let position = self.position(borrower);
        let health = health_knowing(self, view, borrower, position, None, known)?;
        if !health.is_liquidatable() {
            return Err(LendingError::HealthFactorNotBelowThreshold);
        }
        if version.has_grace_period() && of_collateral.grace_until.max(of_debt.grace_until) >= now {
            return Err(LendingError::LiquidationGraceSentinelCheckFailed);
        }
        let category = self.e_mode(position.e_mode);
        let (_, threshold) = self.terms_of(collateral, of_collateral, category);
        if threshold.0 == 0 || !position.uses_as_collateral(collateral) {
            return Err(LendingError::CollateralCannotBeLiquidated);
        }
        let (liquidity_index, borrow_index) =
            (known.liquidity_index(collateral), known.borrow_index(debt));
        let debt_balance =
            self.debt_of(view.balance(borrower, of_debt.debt_token), || borrow_index);
        if debt_balance.is_zero() {
            return Err(LendingError::SpecifiedCurrencyNotBorrowedByUser);
        }
        let shares = view.balance(borrower, of_collateral.a_token);
        let feed_of = |index, reserve| self.feed_within(position, index, reserve);
        let whole = match category.filter(|mode| mode.takes(collateral)) {
            Some(mode) => mode.liquidation_bonus,
            None => of_collateral.config.liquidation_bonus,
        };
        let bonus = match &self.state.design {
            Some(design) => {
                let bonus = design.bonus(whole, health.health_factor);
                if design.refuses(&health, bonus) {
                    return Err(LendingError::PastToxicFrontier);
                }
                bonus
            }
            None => whole,
        };
        let terms = Terms {
            version,
            offered,
            collateral_balance: self.supply_of(shares, || liquidity_index),
            debt_balance,
            collateral_price: U256::from(view.price(feed_of(collateral, of_collateral))?.0),
            debt_price: U256::from(view.price(feed_of(debt, of_debt))?.0),
            collateral_unit: of_collateral.token(),
            debt_unit: of_debt.token(),
            total_debt_base: health.debt_base,
            health_factor: health.health_factor,
            close_factor: self.state.close_factor,
            bonus,
            protocol_fee: of_collateral.config.liquidation_protocol_fee,
        };
        Ok((terms, health))
    }

    /// Assets of supply shares now; the largest value where 256 bits overflow.
    fn supply_at(&self, reserve: &Reserve, shares: Amount, now: u64) -> Amount {
        self.supply_of(shares, || reserve.liquidity_index_at(now))
    }
    /// Assets that debt shares owe now; the largest value where 256 bits overflow.
    fn debt_at(&self, reserve: &Reserve, shares: Amount, now: u64) -> Amount {
        self.debt_of(shares, || reserve.borrow_index_at(self.version, now))
    }
    /// Assets of supply shares at an index, if any; the largest value where 256 bits overflow.
    #[inline]
    fn supply_of(&self, shares: Amount, index: impl FnOnce() -> Option<Ray>) -> Amount {
        if shares.is_zero() {
            return Amount::ZERO;
        }
        index()
            .and_then(|index| self.version.supply_from_shares(shares, index))
            .unwrap_or(Amount::MAX)
    }
    /// Assets that debt shares owe at an index, if any; the largest value where 256 bits overflow.
    #[inline]
    fn debt_of(&self, shares: Amount, index: impl FnOnce() -> Option<Ray>) -> Amount {
        if shares.is_zero() {
            return Amount::ZERO;
        }
        index()
            .and_then(|index| self.version.debt_from_shares(shares, index))
            .unwrap_or(Amount::MAX)
    }
}
