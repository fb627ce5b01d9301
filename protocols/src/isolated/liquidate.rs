//! Liquidation: a debt repaid for collateral at a discount that the threshold alone decides, and bad
//! debt that suppliers bear at once.

use super::shares::{assets_from_shares, product, shares_from_assets, wad_mul_down};
use super::{Change, Isolated, IsolatedError, ORACLE_PRICE_SCALE, Quantity, narrow, sub};
use crate::LendingView;
use markets::math::{Rounding, mul_div, wad_div};
use markets::units::{AccountId, Amount, Flow, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// How much of the room above the threshold the incentive takes: 0.3 (`LIQUIDATION_CURSOR`).
pub const LIQUIDATION_CURSOR: Wad = Wad(U256::from_limbs([300_000_000_000_000_000, 0, 0, 0]));
/// Most that a liquidator receives per unit repaid: 1.15 (`MAX_LIQUIDATION_INCENTIVE_FACTOR`).
pub const MAX_LIQUIDATION_INCENTIVE_FACTOR: Wad =
    Wad(U256::from_limbs([1_150_000_000_000_000_000, 0, 0, 0]));

/// How a liquidation is sized: the contract takes exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seize {
    /// By the collateral to take.
    Collateral(Amount),
    /// By the debt shares to repay.
    RepaidShares(Amount),
}

impl Isolated {
    /// Collateral received per unit of debt repaid: `min(1.15, 1 / (1 − 0.3·(1 − LLTV)))`, floored.
    #[must_use]
    pub fn liquidation_incentive_factor(&self) -> Wad {
        let room = WAD.saturating_sub(self.lltv.0);
        let taken = mul_div(LIQUIDATION_CURSOR.0, room, WAD, Rounding::Floor).unwrap_or_default();
        wad_div(WAD, WAD.saturating_sub(taken), Rounding::Floor)
            .map_or(MAX_LIQUIDATION_INCENTIVE_FACTOR, Wad)
            .min(MAX_LIQUIDATION_INCENTIVE_FACTOR)
    }

    /// Liquidates an unhealthy position. By collateral: its value and the debt it repays are ceiled. By
    /// shares: the collateral is floored. What is pulled is ceiled. Where no collateral is left, the debt
    /// that is left is written off: suppliers lose it.
    ///
    /// # Errors
    /// Nothing is seized, the position is healthy, or it has less collateral or debt than named.
    pub fn liquidate(
        &self,
        view: &impl LendingView,
        by: AccountId,
        borrower: AccountId,
        seize: Seize,
    ) -> Result<Change, IsolatedError> {
        let (Seize::Collateral(named) | Seize::RepaidShares(named)) = seize;
        if named.is_zero() {
            return Err(IsolatedError::InconsistentInput);
        }
        let (mut change, totals) = self.begin(view)?;
        let price = self.collateral_price(view)?;
        let debt = view.balance(borrower, self.debt_share);
        let collateral = view.balance(borrower, self.collateral_share);
        let (state, total_shares) = (change.state, totals.borrow_shares);
        if self.is_healthy_with(view, &state, total_shares, debt, collateral)? {
            return Err(IsolatedError::HealthyPosition);
        }
        let factor = self.liquidation_incentive_factor().0;
        let total = state.total_borrow_assets.0;
        let (seized, shares) = match seize {
            Seize::Collateral(seized) => {
                let value = product(seized.0, price, ORACLE_PRICE_SCALE, Rounding::Ceil)?;
                let worth = product(value, WAD, factor, Rounding::Ceil)?;
                (seized.0, shares_from_assets(worth, total, total_shares.0, Rounding::Ceil)?)
            }
            Seize::RepaidShares(shares) => {
                let worth = assets_from_shares(shares.0, total, total_shares.0, Rounding::Floor)?;
                let value = wad_mul_down(worth, factor)?;
                (product(value, ORACLE_PRICE_SCALE, price, Rounding::Floor)?, shares.0)
            }
        };
        let repaid = assets_from_shares(shares, total, total_shares.0, Rounding::Ceil)?;
        (change.seized, change.shares) = (narrow(seized)?, narrow(shares)?);
        change.assets = narrow(repaid)?;
        let left_debt = sub(debt, change.shares)?;
        let left_collateral = sub(collateral, change.seized)?;
        change.state.total_borrow_assets = state.total_borrow_assets.saturating_sub(change.assets);
        if left_collateral.is_zero() && !left_debt.is_zero() {
            let others_and_left = sub(total_shares, change.shares)?;
            Self::write_off(&mut change, others_and_left, left_debt)?;
        }
        let burned =
            change.shares.checked_add(change.bad_debt_shares).ok_or(IsolatedError::Arithmetic)?;
        change.flow(Flow::Burn { from: borrower, asset: self.debt_share, amount: burned });
        let amount = change.seized;
        change.flow(Flow::Burn { from: borrower, asset: self.collateral_share, amount });
        let account = self.account;
        change.flow(Flow::Move { from: account, to: by, asset: self.collateral, amount });
        let (asset, amount) = (self.loan, change.assets);
        change.flow(Flow::Move { from: by, to: account, asset, amount });
        Ok(change)
    }

    /// Writes off what is left of a debt: at most all debt there is, ceiled, from the borrowers' total and
    /// the suppliers' alike.
    fn write_off(
        change: &mut Change,
        total_shares: Amount,
        shares: Amount,
    ) -> Result<(), IsolatedError> {
        let total = change.state.total_borrow_assets;
        let owed = assets_from_shares(shares.0, total.0, total_shares.0, Rounding::Ceil)?;
        let bad = total.min(Amount(owed));
        change.state.total_borrow_assets = sub(total, bad)?;
        change.state.total_supply_assets = sub(change.state.total_supply_assets, bad)?;
        (change.bad_debt, change.bad_debt_shares) = (bad, shares);
        Ok(())
    }

    /// The sizing of a call that names a most to repay, in assets: all the shares it pays for, but no
    /// more than the borrower has, and no more than the collateral covers (then all of the collateral).
    ///
    /// # Errors
    /// No usable price, or arithmetic overflowed.
    pub fn seize_for(
        &self,
        view: &impl LendingView,
        borrower: AccountId,
        most: Amount,
    ) -> Result<Seize, IsolatedError> {
        let (change, totals) = self.begin(view)?;
        let (total, total_shares) = (change.state.total_borrow_assets.0, totals.borrow_shares.0);
        let debt = view.balance(borrower, self.debt_share);
        // No debt is worth more than all of it, and a product with "all" would overflow.
        let most = most.0.min(assets_from_shares(debt.0, total, total_shares, Rounding::Ceil)?);
        let shares = shares_from_assets(most, total, total_shares, Rounding::Floor)?.min(debt.0);
        let price = self.collateral_price(view)?;
        let worth = assets_from_shares(shares, total, total_shares, Rounding::Floor)?;
        let value = wad_mul_down(worth, self.liquidation_incentive_factor().0)?;
        let seized = product(value, ORACLE_PRICE_SCALE, price, Rounding::Floor)?;
        let collateral = view.balance(borrower, self.collateral_share);
        Ok(if seized > collateral.0 {
            Seize::Collateral(collateral)
        } else {
            Seize::RepaidShares(Amount(shares))
        })
    }

    /// The quantity that repays all of a borrower's debt.
    #[must_use]
    pub fn whole_debt(&self, view: &impl LendingView, borrower: AccountId) -> Quantity {
        Quantity::Shares(view.balance(borrower, self.debt_share))
    }
}
