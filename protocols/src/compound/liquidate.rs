//! Liquidation: repaying another's debt and seizing its cTokens.

use super::exponential::checked;
use super::{
    Change, Compound, CompoundError, CompoundView, ComptrollerCode, PROTOCOL_SEIZE_SHARE, Stop,
    TokenCode,
};
use markets::math::{Rounding, mul_div};
use markets::units::{AccountId, Amount, Flow, U256, WAD, Wad};

/// Who repays whose debt, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidation {
    /// Pays, and receives the collateral.
    pub liquidator: AccountId,
    /// Whose debt it is.
    pub borrower: AccountId,
    /// The market of the debt.
    pub debt: u16,
    /// The market whose cTokens are seized.
    pub collateral: u16,
}

impl Compound {
    /// Repays `amount` of the debt and seizes cTokens worth it and the incentive; 2.8 % of them are
    /// burned, and what backed them is added to the collateral market's reserves
    /// (`liquidateBorrow`, `seize`).
    ///
    /// # Errors
    /// Codes: the borrower is not under water, more than the close factor, nothing or "all" is
    /// repaid, liquidator and borrower are one. Reverts: more would be seized than there is, seizing
    /// is paused, the payer has too little, a price is missing.
    pub fn liquidate(
        &self,
        view: &impl CompoundView,
        call: Liquidation,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let Liquidation { liquidator, borrower, debt, collateral } = call;
        self.touch(view, debt, change)?;
        self.touch(view, collateral, change)?;
        self.liquidation_allowed(view, borrower, debt, amount, change)
            .map_err(Stop::through_token)?;
        if borrower == liquidator {
            return Err(TokenCode::InvalidAccountPair.into());
        }
        if amount.is_zero() || amount == Amount::MAX {
            return Err(TokenCode::InvalidCloseAmountRequested.into());
        }
        self.repay_fresh(view, liquidator, borrower, debt, amount, change)?;
        let seized = self.seize_tokens(view, change, debt, collateral, amount)?;
        let listed = self.token(collateral)?;
        if view.balance(borrower, listed.c_token) < seized {
            return Err(CompoundError::LiquidateSeizeTooMuch.into());
        }
        self.seize(view, call, seized, change)
    }

    /// The comptroller's part (`liquidateBorrowAllowed`).
    fn liquidation_allowed(
        &self,
        view: &impl CompoundView,
        borrower: AccountId,
        debt: u16,
        amount: Amount,
        change: &Change,
    ) -> Result<(), Stop> {
        let listed = self.token(debt)?;
        let index = self.book(change, debt).borrow_index;
        let owed = self.loan(borrower, debt).balance(index);
        let owed = owed.ok_or(CompoundError::BorrowBalanceStoredFailed)?;
        if listed.is_deprecated() {
            if owed < amount {
                return Err(CompoundError::RepayMoreThanTotalBorrow.into());
            }
            return Ok(());
        }
        let now = self.liquidity_in(view, change, borrower, None)?;
        if now.shortfall.is_zero() {
            return Err(ComptrollerCode::InsufficientShortfall.into());
        }
        if amount.0 > checked::mul_scalar_truncate(self.policy.close_factor, owed.0)? {
            return Err(ComptrollerCode::TooMuchRepay.into());
        }
        Ok(())
    }

    /// cTokens that a repayment is worth, incentive included, truncated in the borrower's favour
    /// (`liquidateCalculateSeizeTokens`).
    fn seize_tokens(
        &self,
        view: &impl CompoundView,
        change: &Change,
        debt: u16,
        collateral: u16,
        repaid: Amount,
    ) -> Result<Amount, Stop> {
        let ratio = match self.seize_ratio(view, change, debt, collateral) {
            Err(Stop::Refused(_)) => {
                return Err(CompoundError::LiquidateComptrollerCalculateAmountSeizeFailed.into());
            }
            other => other?,
        };
        Ok(Amount(checked::mul_scalar_truncate(ratio, repaid.0)?))
    }

    /// cTokens per unit repaid: `incentive · price of debt / (price of collateral · exchange rate)`.
    /// A repayment into the collateral's own market moves cash and borrows alike, so the rate may be
    /// read before it.
    fn seize_ratio(
        &self,
        view: &impl CompoundView,
        change: &Change,
        debt: u16,
        collateral: u16,
    ) -> Result<Wad, Stop> {
        let price = |token| {
            let listed = self.token(token)?;
            Ok::<_, CompoundError>(Wad(view.price_mantissa(listed.feed, listed.decimals).0))
        };
        let (of_debt, of_collateral) = (price(debt)?, price(collateral)?);
        if of_debt.is_zero() || of_collateral.is_zero() {
            return Err(ComptrollerCode::PriceError.into());
        }
        let rate = self
            .before_repayment(view, change, debt, collateral)
            .ok_or(CompoundError::ExchangeRateStoredFailed)?;
        let worth = checked::mul(self.policy.liquidation_incentive, of_debt)?;
        let cost = checked::mul(of_collateral, rate)?;
        Ok(checked::div(worth, cost)?)
    }

    /// The collateral's exchange rate. In its own market the change has already taken the repayment
    /// off the borrows, while the cash is still to come.
    fn before_repayment(
        &self,
        view: &impl CompoundView,
        change: &Change,
        debt: u16,
        collateral: u16,
    ) -> Option<Wad> {
        let listed = self.tokens.get(usize::from(collateral))?;
        let mut cash = listed.cash(view);
        if debt == collateral {
            cash = cash.checked_add(change.amount)?;
        }
        let supply = view.total_supply(listed.c_token);
        listed.exchange_rate(self.book(change, collateral), cash, supply)
    }

    /// Moves the liquidator's part and burns the market's, against reserves (`seizeInternal`).
    fn seize(
        &self,
        view: &impl CompoundView,
        call: Liquidation,
        seized: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let Liquidation { liquidator, borrower, debt, collateral } = call;
        if self.policy.seize_paused {
            return Err(CompoundError::SeizePaused.into());
        }
        let listed = self.token(collateral)?;
        let to_market = checked::mul_scalar_truncate(PROTOCOL_SEIZE_SHARE, seized.0)?;
        let to_liquidator = Amount(checked::sub(seized.0, to_market)?);
        let rate = self
            .before_repayment(view, change, debt, collateral)
            .ok_or(CompoundError::ExchangeRateMathError)?;
        let added = checked::mul_scalar_truncate(rate, to_market)?;
        let reserves = self.book(change, collateral).total_reserves;
        let reserves = Amount(checked::add(reserves.0, added)?);
        checked::sub(view.total_supply(listed.c_token).0, to_market)?;
        change.book_mut(self, collateral).total_reserves = reserves;
        let (from, to, asset) = (borrower, liquidator, listed.c_token);
        change.flows.push(Flow::Move { from, to, asset, amount: to_liquidator });
        change.flows.push(Flow::Burn { from, asset, amount: Amount(to_market) });
        (change.tokens, change.to_liquidator) = (seized, to_liquidator);
        change.seized = Amount(checked::mul_scalar_truncate(rate, to_liquidator.0)?);
        Ok(())
    }

    /// The most that a liquidation could repay now: what the close factor and the borrower's cTokens
    /// allow, exactly. Zero where it cannot be told or the borrower is covered.
    #[must_use]
    pub fn max_liquidation(&self, view: &impl CompoundView, call: Liquidation) -> Amount {
        let largest = || {
            let Liquidation { borrower, debt, collateral, .. } = call;
            let mut change = Change::default();
            self.touch(view, debt, &mut change).ok()?;
            self.touch(view, collateral, &mut change).ok()?;
            self.liquidation_allowed(view, borrower, debt, Amount::ZERO, &change).ok()?;
            let owed = self.loan(borrower, debt).balance(self.book(&change, debt).borrow_index)?;
            let closable = if self.token(debt).ok()?.is_deprecated() {
                owed.0
            } else {
                checked::mul_scalar_truncate(self.policy.close_factor, owed.0).ok()?
            };
            // floor(ratio · x / 10¹⁸) ≤ shares ⇔ ratio · x < (shares + 1) · 10¹⁸
            let ratio = self.seize_ratio(view, &change, debt, collateral).ok()?;
            let shares = view.balance(borrower, self.token(collateral).ok()?.c_token);
            let above = shares.0.checked_add(U256::ONE)?;
            let most = mul_div(above, WAD, ratio.0, Rounding::Ceil)
                .map_or(U256::MAX, |x| x.saturating_sub(U256::ONE));
            Some(Amount(closable.min(most)))
        };
        largest().unwrap_or_default()
    }
}

impl super::CToken {
    /// Whether everybody's debt may be liquidated at will: no collateral factor, no borrowing, and
    /// all interest for the reserves (`isDeprecated`).
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        let config = &self.config;
        config.collateral_factor.is_zero()
            && config.borrow_paused
            && config.reserve_factor == Wad::ONE
    }
}
