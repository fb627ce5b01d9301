//! Perpetual markets: how their calls are executed, and the common verbs on them.
//!
//! A call keeps the old values of all that it may write, then lets the mechanism write: what the mechanism
//! refuses reverts the transaction, which puts them back.

use super::super::call::{AmountExpr, Log, PerpetualCall, PerpetualLog, Revert};
use super::super::undo::Undo;
use super::super::undo::perpetual::PerpetualUndo;
use super::super::{Chain, Market};
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, Flow, MarketId};
use protocols::perpetual::{PerpetualError, PerpetualMarket, PerpetualOffer};

impl Chain {
    /// A call without a body.
    pub(super) fn perpetual_call(
        &mut self,
        call: &PerpetualCall,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            PerpetualCall::Offer { market, lots, tick } => {
                let offer = (lots != 0).then_some(PerpetualOffer { lots, tick });
                self.perpetual_offer(market, by, offer)?;
            }
            PerpetualCall::Take { market, maker, lots } => {
                self.perpetual_take(market, by, maker, lots)?;
            }
            PerpetualCall::Liquidate { market, account, lots } => {
                self.perpetual_liquidate(market, by, account, lots)?;
            }
            PerpetualCall::Deleverage { market, account } => {
                self.perpetual_deleverage(market, account)?;
            }
            PerpetualCall::Touch { market } => self.perpetual_touch(market)?,
        }
        Ok(())
    }

    /// Undoes one entry.
    pub(super) fn perpetual_undo(&mut self, entry: PerpetualUndo) {
        let (PerpetualUndo::Books { market }
        | PerpetualUndo::Account { market, .. }
        | PerpetualUndo::Offer { market, .. }) = entry;
        let Some(perpetual) = self.markets[market.index()].perpetual_mut() else { return };
        let stacks = &mut self.journal.perpetuals;
        match entry {
            PerpetualUndo::Books { .. } => {
                if let Some(old) = stacks.books.pop() {
                    perpetual.contract.restore(old);
                }
            }
            PerpetualUndo::Account { account, .. } => {
                if let Some(old) = stacks.accounts.pop() {
                    perpetual.contract.accounts[account.index()] = old;
                }
            }
            PerpetualUndo::Offer { account, old, .. } => {
                perpetual.set_offer(account, old);
            }
        }
    }

    /// Keeps the books' old values.
    fn keep_books(&mut self, market: MarketId) -> Result<(), Revert> {
        let old = perpetual_in(&self.markets, market)?.contract.books();
        self.journal.perpetuals.books.push(old);
        self.journal.push(Undo::Perpetual(PerpetualUndo::Books { market }));
        Ok(())
    }
    /// Keeps an account's.
    fn keep_account(&mut self, market: MarketId, account: AccountId) -> Result<(), Revert> {
        let old = *perpetual_in(&self.markets, market)?.contract.account(account.index())?;
        self.journal.perpetuals.accounts.push(old);
        self.journal.push(Undo::Perpetual(PerpetualUndo::Account { market, account }));
        Ok(())
    }
    /// Keeps those of everybody who has a position.
    fn keep_positions(&mut self, market: MarketId) -> Result<(), Revert> {
        let perpetual = perpetual_in(&self.markets, market)?;
        for (i, old) in perpetual.contract.accounts.iter().enumerate() {
            if old.lots != 0 {
                let account = AccountId(i as u32);
                self.journal.perpetuals.accounts.push(*old);
                self.journal.push(Undo::Perpetual(PerpetualUndo::Account { market, account }));
            }
        }
        Ok(())
    }

    /// A perpetual market as its next call finds it: at the feed's price now, funding paid where it is due.
    ///
    /// # Errors
    /// The feed has no price, or one that ticks cannot count.
    pub fn touched(&self, perpetual: &PerpetualMarket) -> Result<PerpetualMarket, Revert> {
        let mut touched = perpetual.clone();
        touched.touch(self.perpetual_index(perpetual)?, self.clock.timestamp)?;
        Ok(touched)
    }

    /// What a market's feed says now, in its ticks.
    ///
    /// # Errors
    /// The feed has no price, or one that ticks cannot count.
    pub fn perpetual_index(&self, perpetual: &PerpetualMarket) -> Result<u64, Revert> {
        let decimals = |asset: AssetId| self.decimals[asset.index()];
        let places = (decimals(perpetual.underlying), decimals(perpetual.quote));
        Ok(perpetual.index_ticks(self.price(perpetual.feed)?, places)?)
    }

    /// Reads the feed and pays funding that is due; the books' old values are kept.
    fn perpetual_touch(&mut self, market: MarketId) -> Result<(), Revert> {
        let perpetual = perpetual_in(&self.markets, market)?;
        let (index, now) = (self.perpetual_index(perpetual)?, self.clock.timestamp);
        let is_due = perpetual.contract.clock.due_secs <= now;
        self.keep_books(market)?;
        if is_due {
            self.keep_positions(market)?;
        }
        if let Some(rate_e8) = perpetual_mut(&mut self.markets, market)?.touch(index, now)? {
            let funding = PerpetualLog::Funding { market, rate_e8, mark: index };
            self.logs.push(Log::Perpetual(funding));
        }
        Ok(())
    }

    fn perpetual_offer(
        &mut self,
        market: MarketId,
        by: AccountId,
        offer: Option<PerpetualOffer>,
    ) -> Result<(), Revert> {
        self.perpetual_touch(market)?;
        let perpetual = perpetual_mut(&mut self.markets, market)?;
        if let Some(offer) = &offer {
            perpetual.check_offer(by, offer)?;
        }
        let old = perpetual.set_offer(by, offer);
        self.journal.push(Undo::Perpetual(PerpetualUndo::Offer { market, account: by, old }));
        Ok(())
    }

    fn perpetual_take(
        &mut self,
        market: MarketId,
        by: AccountId,
        maker: AccountId,
        lots: u64,
    ) -> Result<(), Revert> {
        self.perpetual_touch(market)?;
        for account in [by, maker] {
            self.keep_account(market, account)?;
        }
        let perpetual = perpetual_mut(&mut self.markets, market)?;
        let old = perpetual.offer_of(maker);
        let (buyer, seller, tick) = perpetual.take(by, maker, lots)?;
        self.journal.push(Undo::Perpetual(PerpetualUndo::Offer { market, account: maker, old }));
        let trade = PerpetualLog::Trade { market, buyer, seller, lots, tick };
        self.logs.push(Log::Perpetual(trade));
        Ok(())
    }

    /// Reports what was taken over as repaid, the fee as seized, and what the fund paid as bad debt.
    fn perpetual_liquidate(
        &mut self,
        market: MarketId,
        by: AccountId,
        borrower: AccountId,
        lots: u64,
    ) -> Result<(), Revert> {
        self.perpetual_touch(market)?;
        for account in [by, borrower] {
            self.keep_account(market, account)?;
        }
        let perpetual = perpetual_mut(&mut self.markets, market)?;
        let (tick, quote) = (perpetual.contract.mark, perpetual.quote);
        let is_long = perpetual.contract.account(borrower.index())?.lots > 0;
        let closed = perpetual.contract.liquidate(borrower.index(), by.index(), lots, tick)?;
        let notional = i128::from(lots) * i128::from(tick);
        let [seized, repaid, bad_debt] =
            [closed.fee, notional, closed.covered].map(|units| perpetual.amount(units));
        let (buyer, seller) = if is_long { (by, borrower) } else { (borrower, by) };
        let trade = PerpetualLog::Trade { market, buyer, seller, lots, tick };
        self.logs.push(Log::Perpetual(trade));
        let (collateral, debt) = (quote, quote);
        self.logs.push(Log::Liquidation {
            market,
            by,
            borrower,
            collateral,
            debt,
            seized,
            repaid,
            bad_debt,
        });
        if !bad_debt.is_zero() {
            self.logs.push(Log::BadDebt { market, borrower, asset: quote, amount: bad_debt });
        }
        Ok(())
    }

    /// Reports what the other side bore as bad debt. Where it had less, it owes the rest.
    fn perpetual_deleverage(
        &mut self,
        market: MarketId,
        borrower: AccountId,
    ) -> Result<(), Revert> {
        self.perpetual_touch(market)?;
        self.keep_positions(market)?;
        let perpetual = perpetual_mut(&mut self.markets, market)?;
        let (asset, before) = (perpetual.quote, perpetual.contract.uncovered());
        let lots = perpetual.contract.deleverage(borrower.index())?.lots;
        let borne = before - perpetual.contract.uncovered();
        let amount = perpetual.amount(borne);
        let deleveraged = PerpetualLog::Deleveraged { market, account: borrower, lots };
        self.logs.push(Log::Perpetual(deleveraged));
        self.logs.push(Log::BadDebt { market, borrower, asset, amount });
        Ok(())
    }

    /// Pays in whole quote units; what is left over stays in the wallet.
    pub(super) fn perpetual_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount(amount, asset, context)?;
        let perpetual = margined_in(&self.markets, market, asset)?;
        let (to, units) = (perpetual.account, perpetual.whole_units(amount)?);
        let amount = perpetual.amount(i128::from(units));
        self.perpetual_touch(market)?;
        self.keep_account(market, by)?;
        self.ledger.perform(&Flow::Move { from: by, to, asset, amount }, &mut self.journal)?;
        perpetual_mut(&mut self.markets, market)?.contract.deposit(by.index(), units)?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn perpetual_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        margined_in(&self.markets, market, asset)?;
        self.perpetual_touch(market)?;
        self.keep_account(market, by)?;
        let perpetual = perpetual_mut(&mut self.markets, market)?;
        let units = if amount == Amount::MAX {
            perpetual.contract.withdrawable(by.index())
        } else {
            perpetual.whole_units(amount)?
        };
        if units == 0 {
            return Err(PerpetualError::OutOfRange.into());
        }
        perpetual.contract.withdraw(by.index(), units)?;
        let (from, amount) = (perpetual.account, perpetual.amount(i128::from(units)));
        self.ledger.perform(&Flow::Move { from, to: by, asset, amount }, &mut self.journal)?;
        self.logs.push(Log::Withdraw { market, by, asset, amount });
        Ok(())
    }
}

/// The perpetual market of an id.
fn perpetual_in(markets: &[Market], id: MarketId) -> Result<&PerpetualMarket, Revert> {
    markets.get(id.index()).and_then(Market::perpetual).ok_or(Revert::UnknownId)
}
fn perpetual_mut(markets: &mut [Market], id: MarketId) -> Result<&mut PerpetualMarket, Revert> {
    markets.get_mut(id.index()).and_then(Market::perpetual_mut).ok_or(Revert::UnknownId)
}
/// The same, where it is margined in an asset.
fn margined_in(
    markets: &[Market],
    id: MarketId,
    asset: AssetId,
) -> Result<&PerpetualMarket, Revert> {
    let perpetual = perpetual_in(markets, id)?;
    if asset == perpetual.quote { Ok(perpetual) } else { Err(PerpetualError::UnknownAsset.into()) }
}
