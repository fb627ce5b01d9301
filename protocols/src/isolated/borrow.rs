//! Borrowing, repaying, and what keeps a position healthy.

use super::shares::{assets_from_shares, shares_from_assets, wad_mul_down};
use super::{Change, Isolated, IsolatedError, Quantity, State, add, narrow, quoted, sub};
use crate::LendingView;
use markets::math::Rounding;
use markets::units::{AccountId, Amount, Flow, U256};

/// An account's position, with interest up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PositionView {
    /// What it supplied is worth, floored, in the loan asset.
    pub supplied: Amount,
    /// What it owes, ceiled, in the loan asset.
    pub borrowed: Amount,
    /// Collateral deposited.
    pub collateral: Amount,
    /// The most that its collateral carries, floored, in the loan asset.
    pub max_borrow: Amount,
}

impl Isolated {
    /// Borrows against the collateral: by assets, shares are ceiled; by shares, assets are floored.
    ///
    /// # Errors
    /// Nothing is borrowed, the collateral does not carry it, or there is not enough at hand.
    pub fn borrow(
        &self,
        view: &impl LendingView,
        by: AccountId,
        quantity: Quantity,
    ) -> Result<Change, IsolatedError> {
        let quantity = quantity.nonzero()?;
        let (mut change, totals) = self.begin(view)?;
        let (total, shares) = (change.state.total_borrow_assets.0, totals.borrow_shares.0);
        let (assets, shares) = match quantity {
            Quantity::Assets(assets) => {
                (assets.0, shares_from_assets(assets.0, total, shares, Rounding::Ceil)?)
            }
            Quantity::Shares(minted) => {
                (assets_from_shares(minted.0, total, shares, Rounding::Floor)?, minted.0)
            }
        };
        (change.assets, change.shares) = (narrow(assets)?, narrow(shares)?);
        let total_shares = add(totals.borrow_shares, change.shares)?;
        change.state.total_borrow_assets = add(change.state.total_borrow_assets, change.assets)?;
        let debt = add(view.balance(by, self.debt_share), change.shares)?;
        let collateral = view.balance(by, self.collateral_share);
        if !self.is_healthy_with(view, &change.state, total_shares, debt, collateral)? {
            return Err(IsolatedError::InsufficientCollateral);
        }
        Self::require_liquidity(&change.state)?;
        change.flow(Flow::Mint { to: by, asset: self.debt_share, amount: change.shares });
        let (from, asset, amount) = (self.account, self.loan, change.assets);
        change.flow(Flow::Move { from, to: by, asset, amount });
        Ok(change)
    }

    /// Repays a borrower's debt: by assets, shares are floored; by shares, assets are ceiled. (Ceiling
    /// may repay one unit more than is owed: the total stops at zero.)
    ///
    /// # Errors
    /// Nothing is repaid, or more shares than the borrower has.
    pub fn repay(
        &self,
        view: &impl LendingView,
        by: AccountId,
        borrower: AccountId,
        quantity: Quantity,
    ) -> Result<Change, IsolatedError> {
        let quantity = quantity.nonzero()?;
        let (mut change, totals) = self.begin(view)?;
        let (total, shares) = (change.state.total_borrow_assets.0, totals.borrow_shares.0);
        let (assets, shares) = match quantity {
            Quantity::Assets(assets) => {
                (assets.0, shares_from_assets(assets.0, total, shares, Rounding::Floor)?)
            }
            Quantity::Shares(burned) => {
                (assets_from_shares(burned.0, total, shares, Rounding::Ceil)?, burned.0)
            }
        };
        (change.assets, change.shares) = (narrow(assets)?, narrow(shares)?);
        sub(view.balance(borrower, self.debt_share), change.shares)?;
        change.state.total_borrow_assets =
            change.state.total_borrow_assets.saturating_sub(change.assets);
        change.flow(Flow::Burn { from: borrower, asset: self.debt_share, amount: change.shares });
        let (to, asset, amount) = (self.account, self.loan, change.assets);
        change.flow(Flow::Move { from: by, to, asset, amount });
        Ok(change)
    }

    /// Whether a debt in shares is within what a collateral carries (`_isHealthy`): the debt is ceiled,
    /// its limit floored, so rounding speaks against the borrower. No debt is healthy without a price.
    pub(super) fn is_healthy_with(
        &self,
        view: &impl LendingView,
        state: &State,
        total_borrow_shares: Amount,
        debt_shares: Amount,
        collateral: Amount,
    ) -> Result<bool, IsolatedError> {
        if debt_shares.is_zero() {
            return Ok(true);
        }
        let price = self.collateral_price(view)?;
        let total = state.total_borrow_assets.0;
        let borrowed =
            assets_from_shares(debt_shares.0, total, total_borrow_shares.0, Rounding::Ceil)?;
        Ok(self.limit(collateral, price)? >= borrowed)
    }

    /// The most that a collateral carries, floored twice.
    pub(super) fn limit(&self, collateral: Amount, price: U256) -> Result<U256, IsolatedError> {
        wad_mul_down(quoted(collateral, price)?, self.lltv.0)
    }

    /// An account's position, projected to now.
    ///
    /// # Errors
    /// No usable price, or arithmetic overflowed.
    pub fn position(
        &self,
        view: &impl LendingView,
        account: AccountId,
    ) -> Result<PositionView, IsolatedError> {
        let (change, totals) = self.begin(view)?;
        let state = change.state;
        let collateral = view.balance(account, self.collateral_share);
        let max_borrow = if collateral.is_zero() {
            U256::ZERO
        } else {
            self.limit(collateral, self.collateral_price(view)?)?
        };
        let supplied = assets_from_shares(
            view.balance(account, self.supply_share).0,
            state.total_supply_assets.0,
            totals.supply_shares.0,
            Rounding::Floor,
        )?;
        let borrowed = assets_from_shares(
            view.balance(account, self.debt_share).0,
            state.total_borrow_assets.0,
            totals.borrow_shares.0,
            Rounding::Ceil,
        )?;
        Ok(PositionView {
            supplied: Amount(supplied),
            borrowed: Amount(borrowed),
            collateral,
            max_borrow: Amount(max_borrow),
        })
    }

    /// Whether a position is healthy, projected to now.
    ///
    /// # Errors
    /// It has debt and there is no usable price, or arithmetic overflowed.
    pub fn is_healthy(
        &self,
        view: &impl LendingView,
        account: AccountId,
    ) -> Result<bool, IsolatedError> {
        let (change, totals) = self.begin(view)?;
        let debt = view.balance(account, self.debt_share);
        let collateral = view.balance(account, self.collateral_share);
        self.is_healthy_with(view, &change.state, totals.borrow_shares, debt, collateral)
    }

    /// The most that an account can borrow now: what its collateral still carries, less one unit that
    /// rounding may take, and no more than is at hand.
    #[must_use]
    pub fn max_borrow(&self, view: &impl LendingView, account: AccountId) -> Amount {
        let Ok(position) = self.position(view, account) else { return Amount::ZERO };
        let Ok((state, _)) = self.accrued(view) else { return Amount::ZERO };
        let at_hand = state.total_supply_assets.saturating_sub(state.total_borrow_assets);
        let carried = position.max_borrow.saturating_sub(position.borrowed);
        carried.saturating_sub(Amount::new(1)).min(at_hand)
    }
}
