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
        // A debt handed to a stranger, or collateral given away, would leave the market uncovered;
        // what shares do is the market's business.
        if self.markets.iter().any(|market| market.is_share(asset)) {
            return Err(Revert::NotTransferable);
        }
        let amount = self.amount(amount, asset, context)?;
        let flow = Flow::Move { from: context.sender, to, asset, amount };
        self.ledger.perform(&flow, &mut self.journal)
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
        if by != self.outside {
            return Err(Revert::NotAuthorised);
        }
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
