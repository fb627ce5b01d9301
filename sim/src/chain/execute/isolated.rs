//! Isolated markets in Morpho's shape: what only they understand, and the common verbs on them.

use super::super::call::isolated::IsolatedCall;
use super::super::call::{AmountExpr, Log, Revert};
use super::super::undo::Undo;
use super::super::undo::isolated::IsolatedUndo;
use super::super::{Chain, Market};
use super::body::Opened;
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, MarketId};
use protocols::isolated::{Change, Isolated, IsolatedError, Quantity, Seize};

impl Chain {
    /// A call without a body.
    pub(super) fn isolated_call(
        &mut self,
        call: &IsolatedCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            IsolatedCall::Supply { market, on_behalf, quantity } => {
                self.isolated_supply_loan(market, by, on_behalf, quantity)?;
            }
            IsolatedCall::Withdraw { market, quantity } => {
                self.isolated_withdraw_loan(market, by, quantity)?;
            }
            IsolatedCall::Borrow { market, quantity } => {
                self.isolated_borrow_loan(market, by, quantity)?;
            }
            IsolatedCall::Repay { market, borrower, quantity } => {
                self.isolated_repay_loan(market, by, borrower, quantity)?;
            }
            IsolatedCall::SupplyCollateral { market, on_behalf, amount } => {
                self.isolated_supply_collateral(market, on_behalf, amount, context)?;
            }
            IsolatedCall::WithdrawCollateral { market, amount } => {
                self.isolated_withdraw_collateral(market, amount, context)?;
            }
            IsolatedCall::Liquidate { market, borrower, seize } => {
                self.isolated_seize(market, by, borrower, seize)?;
            }
            IsolatedCall::Accrue { market } => {
                self.isolate(market, |isolated, chain| isolated.accrue(chain))?;
            }
            IsolatedCall::SetFee { market, fee } => {
                self.isolate(market, |isolated, chain| isolated.set_fee(chain, by, fee))?;
            }
            IsolatedCall::SetFeeRecipient { market, recipient } => {
                self.isolate(market, |isolated, _| isolated.set_fee_recipient(by, recipient))?;
            }
        }
        Ok(())
    }

    /// Lends any asset of the market's account, free of charge.
    pub(super) fn isolated_flash_open(
        &mut self,
        market: MarketId,
        by: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<Opened, Revert> {
        let lent = isolated_in(&self.markets, market)?.flash_open(by, asset, amount)?;
        self.ledger.perform(&lent, &mut self.journal)?;
        Ok(Opened::IsolatedLoan { market, asset, amount })
    }

    /// Takes it back.
    pub(super) fn isolated_flash_close(
        &mut self,
        market: MarketId,
        by: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Revert> {
        let back = isolated_in(&self.markets, market)?.flash_close(by, asset, amount);
        let repaid = self.ledger.perform(&back, &mut self.journal);
        repaid.map_err(|reason| match reason {
            Revert::InsufficientBalance => Revert::FlashLoanNotRepaid,
            other => other,
        })?;
        self.logs.push(Log::FlashLoan { market, by, asset, amount, premium: Amount::ZERO });
        Ok(())
    }

    /// Undoes one entry.
    pub(super) fn isolated_undo(&mut self, entry: IsolatedUndo) {
        match entry {
            IsolatedUndo::State { market } => {
                if let (Some(Market::Isolated(isolated)), Some(old)) =
                    (self.markets.get_mut(market.index()), self.journal.isolated.pop())
                {
                    isolated.state = old;
                }
            }
        }
    }

    /// Quotes against an isolated market, moves the flows, stores its state.
    fn isolate(
        &mut self,
        market: MarketId,
        quote: impl FnOnce(&Isolated, &Self) -> Result<Change, IsolatedError>,
    ) -> Result<Change, Revert> {
        let change = quote(isolated_in(&self.markets, market)?, self)?;
        for flow in &change.flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        if let Some(Market::Isolated(isolated)) = self.markets.get_mut(market.index())
            && isolated.state != change.state
        {
            self.journal.isolated.push(std::mem::replace(&mut isolated.state, change.state));
            self.journal.push(Undo::Isolated(IsolatedUndo::State { market }));
        }
        Ok(change)
    }

    fn isolated_supply_loan(
        &mut self,
        market: MarketId,
        by: AccountId,
        on_behalf: AccountId,
        quantity: Quantity,
    ) -> Result<(), Revert> {
        let asset = isolated_in(&self.markets, market)?.loan;
        let change = self.isolate(market, |m, chain| m.supply(chain, by, on_behalf, quantity))?;
        self.logs.push(Log::Supply { market, by, asset, amount: change.assets });
        Ok(())
    }

    fn isolated_withdraw_loan(
        &mut self,
        market: MarketId,
        by: AccountId,
        quantity: Quantity,
    ) -> Result<(), Revert> {
        let asset = isolated_in(&self.markets, market)?.loan;
        let change = self.isolate(market, |m, chain| m.withdraw(chain, by, quantity))?;
        self.logs.push(Log::Withdraw { market, by, asset, amount: change.assets });
        Ok(())
    }

    fn isolated_borrow_loan(
        &mut self,
        market: MarketId,
        by: AccountId,
        quantity: Quantity,
    ) -> Result<(), Revert> {
        let asset = isolated_in(&self.markets, market)?.loan;
        let change = self.isolate(market, |m, chain| m.borrow(chain, by, quantity))?;
        self.logs.push(Log::Borrow { market, by, asset, amount: change.assets });
        Ok(())
    }

    fn isolated_repay_loan(
        &mut self,
        market: MarketId,
        by: AccountId,
        borrower: AccountId,
        quantity: Quantity,
    ) -> Result<(), Revert> {
        let asset = isolated_in(&self.markets, market)?.loan;
        let change = self.isolate(market, |m, chain| m.repay(chain, by, borrower, quantity))?;
        self.logs.push(Log::Repay { market, by, asset, amount: change.assets });
        Ok(())
    }

    fn isolated_supply_collateral(
        &mut self,
        market: MarketId,
        on_behalf: AccountId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let asset = isolated_in(&self.markets, market)?.collateral;
        let amount = self.amount(amount, asset, context)?;
        self.isolate(market, |m, chain| m.supply_collateral(chain, by, on_behalf, amount))?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    fn isolated_withdraw_collateral(
        &mut self,
        market: MarketId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let isolated = isolated_in(&self.markets, market)?;
        let (asset, share) = (isolated.collateral, isolated.collateral_share);
        let amount = match amount {
            AmountExpr::All => self.ledger.balance(by, share),
            other => self.amount(other, asset, context)?,
        };
        self.isolate(market, |m, chain| m.withdraw_collateral(chain, by, amount))?;
        self.logs.push(Log::Withdraw { market, by, asset, amount });
        Ok(())
    }

    fn isolated_seize(
        &mut self,
        market: MarketId,
        by: AccountId,
        borrower: AccountId,
        seize: Seize,
    ) -> Result<(), Revert> {
        let isolated = isolated_in(&self.markets, market)?;
        let (collateral, debt) = (isolated.collateral, isolated.loan);
        let change = self.isolate(market, |m, chain| m.liquidate(chain, by, borrower, seize))?;
        let (seized, repaid, bad_debt) = (change.seized, change.assets, change.bad_debt);
        if !bad_debt.is_zero() {
            self.logs.push(Log::BadDebt { market, borrower, asset: debt, amount: bad_debt });
        }
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
        Ok(())
    }

    // The common verbs.

    pub(super) fn isolated_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let isolated = isolated_in(&self.markets, market)?;
        if asset == isolated.loan {
            let amount = self.amount(amount, asset, context)?;
            self.isolated_supply_loan(market, by, by, Quantity::Assets(amount))
        } else if asset == isolated.collateral {
            self.isolated_supply_collateral(market, by, amount, context)
        } else {
            Err(IsolatedError::UnknownAsset.into())
        }
    }

    pub(super) fn isolated_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let isolated = isolated_in(&self.markets, market)?;
        if asset == isolated.loan {
            let quantity = match amount {
                AmountExpr::All => Quantity::Shares(self.ledger.balance(by, isolated.supply_share)),
                other => Quantity::Assets(self.amount(other, asset, context)?),
            };
            self.isolated_withdraw_loan(market, by, quantity)
        } else if asset == isolated.collateral {
            self.isolated_withdraw_collateral(market, amount, context)
        } else {
            Err(IsolatedError::UnknownAsset.into())
        }
    }

    pub(super) fn isolated_borrow(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let isolated = isolated_in(&self.markets, market)?;
        if asset != isolated.loan {
            return Err(IsolatedError::UnknownAsset.into());
        }
        let amount = match amount {
            AmountExpr::MaxBorrow => isolated.max_borrow(self, by),
            other => self.amount(other, asset, context)?,
        };
        self.isolated_borrow_loan(market, by, Quantity::Assets(amount))
    }

    pub(super) fn isolated_repay(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let isolated = isolated_in(&self.markets, market)?;
        if asset != isolated.loan {
            return Err(IsolatedError::UnknownAsset.into());
        }
        let quantity = match amount {
            AmountExpr::All => isolated.whole_debt(self, by),
            other => Quantity::Assets(self.amount(other, asset, context)?),
        };
        self.isolated_repay_loan(market, by, by, quantity)
    }

    pub(super) fn isolated_liquidate(
        &mut self,
        market: MarketId,
        borrower: AccountId,
        (collateral, debt): (AssetId, AssetId),
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let isolated = isolated_in(&self.markets, market)?;
        if (collateral, debt) != (isolated.collateral, isolated.loan) {
            return Err(IsolatedError::UnknownAsset.into());
        }
        let most = self.amount_or_max(amount, debt, context)?;
        let seize = isolated.seize_for(self, borrower, most)?;
        self.isolated_seize(market, context.sender, borrower, seize)
    }
}

/// The isolated market of an id.
fn isolated_in(markets: &[Market], market: MarketId) -> Result<&Isolated, Revert> {
    markets.get(market.index()).and_then(Market::isolated).ok_or(Revert::UnknownId)
}
