//! Liquidations, in every market that has them: seen as they happen.

use super::{Family, Invariant, no_step, nothing};
use crate::chain::call::{Call, IsolatedCall, Log, PerpetualCall, PooledCall, VaultCall};
use crate::chain::{Chain, Market};
use markets::units::{AccountId, Amount, AssetId, BPS, MarketId, U256, Wad};

const LINE: Invariant =
    Invariant::new("liquidation-below-the-line", "nobody is liquidated whose collateral suffices");
const DEBT: Invariant = Invariant::new(
    "liquidation-lowers-debt",
    "a liquidation raises neither the borrower's debt nor the collateral",
);
const SEIZED: Invariant = Invariant::new(
    "liquidation-bonus-bounded",
    "a liquidation takes at most the repaid value with the bonus, at the oracle's prices",
);
const WRITTEN_OFF: Invariant = Invariant::new(
    "liquidation-bad-debt-is-last",
    "bad debt is written off only of who has no collateral of any value left",
);

pub(super) const FAMILY: Family = Family {
    name: "liquidations",
    catalogue: &[&[LINE, DEBT, SEIZED, WRITTEN_OFF]],
    state: nothing,
    whole: nothing,
    step: no_step,
};

/// A liquidation about to happen.
#[derive(Clone, Copy, Debug)]
pub(in crate::chain) struct Target {
    market: MarketId,
    borrower: AccountId,
    collateral: AssetId,
    debt: AssetId,
    /// Whether the collateral suffices; `None` where it cannot be told beforehand.
    pub(super) covered: Option<bool>,
    owed: U256,
    owned: U256,
    logs: usize,
}

impl Chain {
    /// Whom a call would liquidate.
    pub(in crate::chain) fn target_of(&self, call: &Call) -> Option<Target> {
        let (market, borrower, collateral, debt) = match *call {
            Call::Liquidate { market, borrower, collateral, debt, .. }
            | Call::Pooled(PooledCall::Liquidate { market, borrower, collateral, debt, .. }) => {
                (market, borrower, collateral, debt)
            }
            Call::Isolated(IsolatedCall::Liquidate { market, borrower, .. }) => {
                let isolated = self.markets.get(market.index())?.isolated()?;
                (market, borrower, isolated.collateral, isolated.loan)
            }
            Call::Vault(
                VaultCall::Bark { market, ilk, urn } | VaultCall::Bite { market, ilk, urn },
            ) => {
                let vault = self.markets.get(market.index())?.vault()?;
                (market, urn, vault.ilk(ilk).ok()?.token, vault.dai)
            }
            Call::Perpetual(PerpetualCall::Liquidate { market, account, .. }) => {
                let quote = self.markets.get(market.index())?.perpetual()?.quote;
                (market, account, quote, quote)
            }
            _ => return None,
        };
        let covered = self.covered(market, borrower, collateral, debt);
        let (owed, owned) = self.owed_and_owned(market, borrower, collateral, debt)?;
        let logs = self.logs.len();
        Some(Target { market, borrower, collateral, debt, covered, owed, owned, logs })
    }

    pub(super) fn covered(
        &self,
        market: MarketId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
    ) -> Option<bool> {
        match self.markets.get(market.index())? {
            Market::Pooled(pooled) => {
                Some(pooled.health(self, borrower).ok()?.health_factor >= Wad::ONE)
            }
            Market::Compound(compound) => {
                // It accrues both markets first: told only where nothing is left to accrue.
                let accrued = [collateral, debt].iter().all(|asset| {
                    compound.token_of(*asset).is_some_and(|token| {
                        let listed = &compound.tokens[usize::from(token)];
                        listed.book.accrual_block == self.clock.block && !listed.is_deprecated()
                    })
                });
                let liquidity = compound.account_liquidity(self, borrower).ok()?;
                accrued.then_some(liquidity.shortfall.is_zero())
            }
            Market::Isolated(isolated) => isolated.is_healthy(self, borrower).ok(),
            Market::Vault(vault) => {
                let ilk = vault.ilk(vault.ilk_of(collateral)?).ok()?;
                let (ink, art) = (self.balance(borrower, ilk.ink), self.balance(borrower, ilk.art));
                let carried = ink.0.checked_mul(ilk.spot.0)?;
                Some(carried >= art.0.checked_mul(ilk.rate.0)?)
            }
            Market::MarginDesk(_) => None,
            Market::Perpetual(market) => {
                let contract = self.touched(market).ok()?.contract;
                Some(!contract.is_liquidatable(contract.account(borrower.index()).ok()?))
            }
        }
    }

    /// The borrower's debt and collateral, in shares where there are shares.
    fn owed_and_owned(
        &self,
        market: MarketId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
    ) -> Option<(U256, U256)> {
        let balance = |asset| self.balance(borrower, asset).0;
        match self.markets.get(market.index())? {
            Market::Pooled(pooled) => {
                let of = |asset| pooled.reserve(pooled.reserve_of(asset)?).ok();
                Some((balance(of(debt)?.debt_token), balance(of(collateral)?.a_token)))
            }
            Market::Compound(compound) => {
                let owed = compound.token_of(debt)?;
                let owned = compound.tokens[usize::from(compound.token_of(collateral)?)].c_token;
                let owed = compound.borrow_balance_current(self, borrower, owed).ok()?;
                Some((owed.0, balance(owned)))
            }
            Market::Isolated(isolated) => {
                Some((balance(isolated.debt_share), balance(isolated.collateral_share)))
            }
            Market::Vault(vault) => {
                let ilk = vault.ilk(vault.ilk_of(collateral)?).ok()?;
                Some((balance(ilk.art), balance(ilk.ink)))
            }
            Market::MarginDesk(_) => None,
            // What is owed at the mark, and the position.
            Market::Perpetual(market) => {
                let contract = self.touched(market).ok()?.contract;
                let account = contract.account(borrower.index()).ok()?;
                let owed = (-account.equity(contract.mark)).max(0).unsigned_abs();
                Some((U256::from(owed), U256::from(account.lots.unsigned_abs())))
            }
        }
    }

    /// It happened.
    pub(in crate::chain) fn witness_liquidation(&mut self, target: &Target) {
        if target.covered == Some(true) {
            self.watch.witness(&LINE, format!("{target:?}"));
        }
        let Target { market, borrower, collateral, debt, .. } = *target;
        let after = self.owed_and_owned(market, borrower, collateral, debt);
        if after.is_some_and(|(owed, owned)| owed > target.owed || owned > target.owned) {
            self.watch.witness(&DEBT, format!("{target:?}, then {after:?}"));
        }
        for at in target.logs..self.logs.len() {
            match self.logs[at] {
                Log::Liquidation { seized, repaid, .. } if self.exceeds(target, seized, repaid) => {
                    self.watch.witness(&SEIZED, format!("{target:?}: {seized} for {repaid}"));
                }
                Log::BadDebt { borrower, amount, .. } if self.has_collateral(market, borrower) => {
                    self.watch.witness(&WRITTEN_OFF, format!("{target:?}: {amount} written off"));
                }
                _ => {}
            }
        }
    }

    /// Whether an account has collateral of any value in a pooled or isolated market.
    pub(super) fn has_collateral(&self, market: MarketId, account: AccountId) -> bool {
        match self.markets.get(market.index()) {
            // Dust that is worth nothing in the base currency does not count, as deployed.
            Some(Market::Pooled(pooled)) => {
                pooled.health(self, account).is_ok_and(|health| !health.collateral_base.is_zero())
            }
            Some(Market::Isolated(isolated)) => {
                !self.balance(account, isolated.collateral_share).is_zero()
            }
            _ => false,
        }
    }

    /// Whether a pooled liquidation took more than the whole of its bonus allows, but for a smallest unit of each asset.
    pub(super) fn exceeds(&self, target: &Target, seized: Amount, repaid: Amount) -> bool {
        let exceeds = || {
            let pooled = self.markets.get(target.market.index())?.pooled()?;
            let of = |asset| pooled.reserve(pooled.reserve_of(asset)?).ok();
            let (collateral, debt) = (of(target.collateral)?, of(target.debt)?);
            let modes = pooled.e_modes.iter().map(|mode| mode.liquidation_bonus.0);
            let bonus = modes.fold(collateral.config.liquidation_bonus.0, u32::max);
            if pooled.e_modes.iter().any(|mode| mode.price_feed.is_some()) {
                return None; // another price than the reserves'
            }
            let price = |feed| self.price(feed).ok().map(|price| U256::from(price.0));
            let unit = U256::from(1);
            // Both in debt units times collateral units times bps.
            let taken = seized
                .0
                .checked_sub(unit + unit)?
                .checked_mul(price(collateral.feed)?)?
                .checked_mul(debt.unit())?
                .checked_mul(BPS)?;
            let given = repaid
                .0
                .checked_add(unit + unit)?
                .checked_mul(price(debt.feed)?)?
                .checked_mul(collateral.unit())?
                .checked_mul(BPS + U256::from(bonus))?;
            Some(taken > given)
        };
        exceeds().unwrap_or(false)
    }
}
