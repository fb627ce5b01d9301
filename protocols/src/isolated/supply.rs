//! Supplying and withdrawing, the loan asset and the collateral; the free flash loan.

use super::shares::{assets_from_shares, shares_from_assets};
use super::{Change, Isolated, IsolatedError, Quantity, add, narrow, sub};
use crate::LendingView;
use markets::math::Rounding;
use markets::units::{AccountId, Amount, AssetId, Flow};

impl Isolated {
    /// Supplies the loan asset for `on_behalf`: by assets, shares are floored; by shares, assets are
    /// ceiled. Both in the other suppliers' favour.
    ///
    /// # Errors
    /// Nothing is supplied, or arithmetic overflowed.
    pub fn supply(
        &self,
        view: &impl LendingView,
        by: AccountId,
        on_behalf: AccountId,
        quantity: Quantity,
    ) -> Result<Change, IsolatedError> {
        let quantity = quantity.nonzero()?;
        let (mut change, totals) = self.begin(view)?;
        let (total, shares) = (change.state.total_supply_assets.0, totals.supply_shares.0);
        let (assets, shares) = match quantity {
            Quantity::Assets(assets) => {
                (assets.0, shares_from_assets(assets.0, total, shares, Rounding::Floor)?)
            }
            Quantity::Shares(wanted) => {
                (assets_from_shares(wanted.0, total, shares, Rounding::Ceil)?, wanted.0)
            }
        };
        (change.assets, change.shares) = (narrow(assets)?, narrow(shares)?);
        add(totals.supply_shares, change.shares)?;
        change.state.total_supply_assets = add(change.state.total_supply_assets, change.assets)?;
        change.flow(Flow::Mint { to: on_behalf, asset: self.supply_share, amount: change.shares });
        let (to, asset, amount) = (self.account, self.loan, change.assets);
        change.flow(Flow::Move { from: by, to, asset, amount });
        Ok(change)
    }

    /// Withdraws the loan asset: by assets, shares are ceiled; by shares, assets are floored.
    ///
    /// # Errors
    /// Nothing is withdrawn, the account has fewer shares, or more would be lent than is supplied.
    pub fn withdraw(
        &self,
        view: &impl LendingView,
        by: AccountId,
        quantity: Quantity,
    ) -> Result<Change, IsolatedError> {
        let quantity = quantity.nonzero()?;
        let (mut change, totals) = self.begin(view)?;
        let (total, shares) = (change.state.total_supply_assets.0, totals.supply_shares.0);
        let (assets, shares) = match quantity {
            Quantity::Assets(assets) => {
                (assets.0, shares_from_assets(assets.0, total, shares, Rounding::Ceil)?)
            }
            Quantity::Shares(burned) => {
                (assets_from_shares(burned.0, total, shares, Rounding::Floor)?, burned.0)
            }
        };
        (change.assets, change.shares) = (narrow(assets)?, narrow(shares)?);
        // The fee recipient's shares may be this accrual's.
        let mut owned = view.balance(by, self.supply_share);
        if by == change.state.fee_recipient {
            owned = add(owned, sub(totals.supply_shares, view.total_supply(self.supply_share))?)?;
        }
        sub(owned, change.shares)?;
        change.state.total_supply_assets = sub(change.state.total_supply_assets, change.assets)?;
        Self::require_liquidity(&change.state)?;
        change.flow(Flow::Burn { from: by, asset: self.supply_share, amount: change.shares });
        let (from, asset, amount) = (self.account, self.loan, change.assets);
        change.flow(Flow::Move { from, to: by, asset, amount });
        Ok(change)
    }

    /// Withdraws all of the account's shares; a fee that this very accrual mints stays.
    ///
    /// # Errors
    /// As [`Self::withdraw`].
    pub fn withdraw_all(
        &self,
        view: &impl LendingView,
        by: AccountId,
    ) -> Result<Change, IsolatedError> {
        self.withdraw(view, by, Quantity::Shares(view.balance(by, self.supply_share)))
    }

    /// Deposits collateral for `on_behalf`. Accrues nothing: collateral earns nothing.
    ///
    /// # Errors
    /// Zero assets, or arithmetic overflowed.
    pub fn supply_collateral(
        &self,
        view: &impl LendingView,
        by: AccountId,
        on_behalf: AccountId,
        assets: Amount,
    ) -> Result<Change, IsolatedError> {
        if assets.is_zero() {
            return Err(IsolatedError::ZeroAssets);
        }
        let mut change = Change::new(self.state);
        change.assets = narrow(assets.0)?;
        add(view.balance(on_behalf, self.collateral_share), assets)?;
        change.flow(Flow::Mint { to: on_behalf, asset: self.collateral_share, amount: assets });
        let (to, asset) = (self.account, self.collateral);
        change.flow(Flow::Move { from: by, to, asset, amount: assets });
        Ok(change)
    }

    /// Withdraws collateral; the position must stay healthy.
    ///
    /// # Errors
    /// Zero assets, more than is deposited, or the debt would not be covered.
    pub fn withdraw_collateral(
        &self,
        view: &impl LendingView,
        by: AccountId,
        assets: Amount,
    ) -> Result<Change, IsolatedError> {
        if assets.is_zero() {
            return Err(IsolatedError::ZeroAssets);
        }
        let (mut change, totals) = self.begin(view)?;
        change.assets = narrow(assets.0)?;
        let left = sub(view.balance(by, self.collateral_share), assets)?;
        let debt = view.balance(by, self.debt_share);
        if !self.is_healthy_with(view, &change.state, totals.borrow_shares, debt, left)? {
            return Err(IsolatedError::InsufficientCollateral);
        }
        change.flow(Flow::Burn { from: by, asset: self.collateral_share, amount: assets });
        let (from, asset) = (self.account, self.collateral);
        change.flow(Flow::Move { from, to: by, asset, amount: assets });
        Ok(change)
    }

    /// Lends any of the account's assets for the length of a call, free of charge: the flow that opens
    /// it. [`Self::flash_close`] is the one that ends it.
    ///
    /// # Errors
    /// Zero assets.
    pub fn flash_open(
        &self,
        by: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<Flow, IsolatedError> {
        if amount.is_zero() {
            return Err(IsolatedError::ZeroAssets);
        }
        Ok(Flow::Move { from: self.account, to: by, asset, amount })
    }

    /// Takes a flash loan back.
    #[must_use]
    pub const fn flash_close(&self, by: AccountId, asset: AssetId, amount: Amount) -> Flow {
        Flow::Move { from: by, to: self.account, asset, amount }
    }
}
