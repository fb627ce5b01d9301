//! What every chain has: transfers, marks, settlement of exchange orders.

use super::super::Chain;
use super::super::call::{AmountExpr, Log, Revert};
use super::Context;
use markets::units::{AccountId, Amount, AssetId, Flow};

impl Chain {
    pub(super) fn transfer(
        &mut self,
        to: AccountId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        self.require_transferable(asset)?;
        let amount = self.amount(amount, asset, context)?;
        self.ledger.transfer(context.sender, to, asset, amount, &mut self.journal)
    }

    /// Refuses a market's shares: a debt handed to a stranger, or collateral given away, would leave the
    /// market uncovered; what shares do is the market's business.
    fn require_transferable(&self, asset: AssetId) -> Result<(), Revert> {
        if self.markets.iter().any(|market| market.is_share(asset)) {
            return Err(Revert::NotTransferable);
        }
        Ok(())
    }

    /// Whether an account holds a pool's or a market's tokens.
    fn is_custodian(&self, account: AccountId) -> bool {
        self.pools.iter().any(|pool| pool.account() == account)
            || self.markets.iter().any(|market| market.is_custodian(account))
    }

    pub(super) fn mark(
        &self,
        mark: u8,
        asset: AssetId,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let slot = context.marks.get_mut(usize::from(mark)).ok_or(Revert::BadAmount)?;
        *slot = Some((asset, self.ledger.balance(context.sender, asset)));
        Ok(())
    }

    pub(super) fn require_gain(
        &self,
        mark: u8,
        asset: AssetId,
        min_gain: Amount,
        context: &Context,
    ) -> Result<(), Revert> {
        let before = marked(context, mark, asset)?;
        let floor = before.checked_add(min_gain).ok_or(Revert::Overflow)?;
        if self.ledger.balance(context.sender, asset) < floor {
            return Err(Revert::GainTooSmall);
        }
        Ok(())
    }

    pub(super) fn settle(
        &mut self,
        by: AccountId,
        trader: AccountId,
        (pays_asset, pays): (AssetId, Amount),
        (receives_asset, receives): (AssetId, Amount),
    ) -> Result<(), Revert> {
        // What a mechanism holds is its users': its books would not follow.
        if by != self.outside || self.is_custodian(trader) {
            return Err(Revert::NotAuthorised);
        }
        self.require_transferable(pays_asset)?;
        self.require_transferable(receives_asset)?;
        let flows = [
            Flow::Move { from: trader, to: by, asset: pays_asset, amount: pays },
            Flow::Move { from: by, to: trader, asset: receives_asset, amount: receives },
        ];
        for flow in &flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        self.logs.push(Log::Settled { trader, pays_asset, pays, receives_asset, receives });
        Ok(())
    }
}

/// The balance remembered under a mark, for this asset.
pub(super) fn marked(context: &Context, mark: u8, asset: AssetId) -> Result<Amount, Revert> {
    match context.marks.get(usize::from(mark)) {
        Some(Some((marked, balance))) if *marked == asset => Ok(*balance),
        _ => Err(Revert::BadAmount),
    }
}
