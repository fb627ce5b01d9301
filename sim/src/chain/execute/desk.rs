//! Margin desks and the reserves without state of their own: how their calls are executed.

use super::super::call::desk::DeskCall;
use super::super::call::{AmountExpr, Log, Revert};
use super::super::undo::Undo;
use super::super::undo::desk::DeskUndo;
use super::super::{Chain, Market};
use super::{Context, Stop};
use markets::amm::reserve::{ReserveError, Trade};
use markets::units::{AccountId, Amount, AssetId, Flow, MarketId, PoolId};
use protocols::margin_desk::{DeskChange, DeskError, MarginDesk};

impl Chain {
    /// A call without a body.
    pub(super) fn desk_call(&mut self, call: &DeskCall, context: &mut Context) -> Result<(), Stop> {
        match *call {
            DeskCall::Open { market, margin } => self.open_position(market, margin, context)?,
            DeskCall::Close { market } => self.close_position(market, context)?,
        }
        Ok(())
    }
    /// Undoes one entry.
    pub(super) fn desk_undo(&mut self, entry: DeskUndo) {
        match entry {
            DeskUndo::Books { market } => {
                let desk = self.markets[market.index()].margin_desk_mut();
                if let (Some(desk), Some(old)) = (desk, self.journal.desk_books.pop()) {
                    desk.books = old;
                }
            }
            DeskUndo::Position { market } => {
                let desk = self.markets[market.index()].margin_desk_mut();
                if let (Some(desk), Some((account, old))) =
                    (desk, self.journal.desk_positions.pop())
                {
                    desk.set_position(account, old);
                }
            }
        }
    }

    /// Moves a change's flows and stores its new values, each old one journalled.
    fn commit_desk(&mut self, market: MarketId, change: &DeskChange) -> Result<(), Revert> {
        for flow in &change.flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        let Some(desk) = self.markets[market.index()].margin_desk_mut() else { return Ok(()) };
        self.journal.desk_books.push(std::mem::replace(&mut desk.books, change.books));
        self.journal.push(Undo::Desk(DeskUndo::Books { market }));
        if let Some((account, new)) = change.position {
            self.journal.desk_positions.push((account, desk.set_position(account, new)));
            self.journal.push(Undo::Desk(DeskUndo::Position { market }));
        }
        Ok(())
    }

    fn open_position(
        &mut self,
        market: MarketId,
        margin: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let (by, now) = (context.sender, self.clock.timestamp);
        let desk = desk_in(&self.markets, market)?;
        let margin = self.amount(margin, desk.loan, context)?;
        let change = desk.quote_open(by, margin, now)?;
        let (account, pool, check) = (desk.account, desk.pool, desk.price_check);
        let (loan, asset) = (desk.loan, desk.position);
        self.commit_desk(market, &change)?;
        let sold = change.amount;
        let bought = self.desk_swap(account, pool, loan, asset, sold, context)?;
        if let Some(check) = check {
            let decimals = (self.decimals[loan.index()], self.decimals[asset.index()]);
            let prices = (self.price(check.loan_feed)?, self.price(check.position_feed)?);
            MarginDesk::check_price(&check, sold, bought, decimals, prices)?;
        }
        let change = desk_in(&self.markets, market)?.quote_bought(by, bought)?;
        self.commit_desk(market, &change)?;
        let amount = sold.saturating_sub(margin);
        self.logs.push(Log::Borrow { market, by, asset: loan, amount });
        Ok(())
    }

    fn close_position(&mut self, market: MarketId, context: &mut Context) -> Result<(), Revert> {
        let by = context.sender;
        let desk = desk_in(&self.markets, market)?;
        let held = desk.position_of(by).ok_or(DeskError::NoPosition)?.held;
        let (account, pool, loan, asset) = (desk.account, desk.pool, desk.loan, desk.position);
        let proceeds = self.desk_swap(account, pool, asset, loan, held, context)?;
        let desk = desk_in(&self.markets, market)?;
        let change = desk.quote_close(by, proceeds, self.clock.timestamp)?;
        self.commit_desk(market, &change)?;
        self.logs.push(Log::Repay { market, by, asset: loan, amount: change.amount });
        if !change.bad_debt.is_zero() {
            let amount = change.bad_debt;
            self.logs.push(Log::BadDebt { market, borrower: by, asset: loan, amount });
        }
        Ok(())
    }

    /// Sells for the desk's own account, at whatever price, and says what came of it.
    fn desk_swap(
        &mut self,
        account: AccountId,
        pool: PoolId,
        asset_in: AssetId,
        asset_out: AssetId,
        amount: Amount,
        context: &mut Context,
    ) -> Result<Amount, Revert> {
        let before = self.ledger.balance(account, asset_out);
        self.swap_for(account, pool, asset_in, amount, Amount::ZERO, context)?;
        Ok(self.ledger.balance(account, asset_out).saturating_sub(before))
    }

    pub(super) fn desk_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount(amount, asset, context)?;
        let desk = desk_in(&self.markets, market)?;
        if asset != desk.loan {
            return Err(DeskError::UnknownAsset.into());
        }
        let supply = self.ledger.total_supply(desk.share);
        let change = desk.quote_supply(by, amount, supply, self.clock.timestamp)?;
        self.commit_desk(market, &change)?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn desk_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        let desk = desk_in(&self.markets, market)?;
        if asset != desk.loan {
            return Err(DeskError::UnknownAsset.into());
        }
        let held = self.ledger.balance(by, desk.share);
        let supply = self.ledger.total_supply(desk.share);
        let change = desk.quote_withdraw(by, amount, held, supply, self.clock.timestamp)?;
        self.commit_desk(market, &change)?;
        self.logs.push(Log::Withdraw { market, by, asset, amount: change.amount });
        Ok(())
    }

    /// A trade with a reserve that holds no state besides its balances.
    pub(super) fn reserve_swap(
        &mut self,
        by: AccountId,
        pool: PoolId,
        (asset_in, asset_out): (AssetId, AssetId),
        account: AccountId,
        trade: Trade,
        min_out: Amount,
    ) -> Result<(), Revert> {
        let Trade { amount_in, amount_out } = trade;
        if amount_out < min_out {
            return Err(ReserveError::TooLittleReceived.into());
        }
        let pay = Flow::Move { from: by, to: account, asset: asset_in, amount: amount_in };
        self.ledger.perform(&pay, &mut self.journal)?;
        let receive = Flow::Move { from: account, to: by, asset: asset_out, amount: amount_out };
        self.ledger.perform(&receive, &mut self.journal)?;
        self.logs.push(Log::Swap { pool, by, asset_in, amount_in, amount_out });
        Ok(())
    }
}

/// The desk of an id.
fn desk_in(markets: &[Market], id: MarketId) -> Result<&MarginDesk, Revert> {
    markets.get(id.index()).and_then(Market::margin_desk).ok_or(Revert::UnknownId)
}
