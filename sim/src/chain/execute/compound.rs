//! Compound v2 markets: what only they understand, and the common verbs on them.
//!
//! A code that refuses commits what the verb had done by then (accrued interest, an entered market)
//! and stops the transaction there; inside a body (a flash loan's) it undoes everything.

use super::super::call::compound::CompoundCall;
use super::super::call::{AmountExpr, Log, Revert};
use super::super::undo::Undo;
use super::super::undo::compound::CompoundUndo;
use super::super::{Chain, Feed, Market};
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, FeedId, MarketId, PriceMantissa};
use protocols::compound::{self, Change, Compound, Governance, Liquidation};

impl Chain {
    /// A call without a body.
    pub(super) fn compound_call(
        &mut self,
        call: &CompoundCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            CompoundCall::Redeem { market, asset, tokens } => {
                let share = self.c_token(market, asset)?;
                let tokens = self.amount(tokens, share, context)?;
                self.compound_redeem(market, asset, tokens, by)
            }
            CompoundCall::RepayBehalf { market, asset, borrower, amount } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                self.compound_repay_for(market, asset, borrower, amount, by)
            }
            CompoundCall::Transfer { market, asset, to, tokens } => {
                let share = self.c_token(market, asset)?;
                let tokens = self.amount(tokens, share, context)?;
                self.compound(market, asset, |compound, chain, token, change| {
                    compound.transfer(chain, by, to, token, tokens, change)
                })?;
                Ok(())
            }
            CompoundCall::Accrue { market, asset } => {
                self.compound(market, asset, |compound, chain, token, change| {
                    compound.accrue(chain, token, change)
                })?;
                Ok(())
            }
            CompoundCall::AddReserves { market, asset, amount } => {
                let amount = self.amount(amount, asset, context)?;
                self.compound(market, asset, |compound, chain, token, change| {
                    compound.add_reserves(chain, by, token, amount, change)
                })?;
                Ok(())
            }
            CompoundCall::ReduceReserves { market, asset, amount } => {
                self.compound(market, asset, |compound, chain, token, change| {
                    compound.reduce_reserves(chain, by, token, amount, change)
                })?;
                Ok(())
            }
            CompoundCall::Govern { market, governance } => {
                self.compound_govern(market, governance, by)
            }
            CompoundCall::PostPrice { feed, mantissa } => Ok(self.post_price(by, feed, mantissa)?),
        }
    }
    /// Undoes one entry.
    pub(super) fn compound_undo(&mut self, entry: CompoundUndo) {
        let (CompoundUndo::Book { market, .. }
        | CompoundUndo::Loan { market, .. }
        | CompoundUndo::Membership { market, .. }
        | CompoundUndo::Config { market, .. }
        | CompoundUndo::Policy { market }) = entry;
        let Some(compound) = self.markets[market.index()].compound_mut() else { return };
        let stacks = &mut self.journal.compound;
        match entry {
            CompoundUndo::Book { token, .. } => {
                if let Some(old) = stacks.books.pop() {
                    compound.tokens[usize::from(token)].book = old;
                }
            }
            CompoundUndo::Loan { account, token, .. } => {
                if let Some(old) = stacks.loans.pop() {
                    let at = compound.loan_index(account, token);
                    compound.loans[at] = old;
                }
            }
            CompoundUndo::Membership { account, old, .. } => {
                compound.members[account.index()] = old;
            }
            CompoundUndo::Config { token, .. } => {
                if let Some(old) = stacks.configs.pop() {
                    compound.tokens[usize::from(token)].config = old;
                }
            }
            CompoundUndo::Policy { .. } => {
                if let Some(old) = stacks.policies.pop() {
                    compound.policy = old;
                }
            }
        }
    }

    /// Quotes against the cToken of an underlying, moves the flows, applies the change.
    #[inline]
    fn compound(
        &mut self,
        market: MarketId,
        asset: AssetId,
        quote: impl FnOnce(&Compound, &Self, u16, &mut Change) -> Result<(), compound::Stop>,
    ) -> Result<Change, Stop> {
        let compound = compound_in(&self.markets, market)?;
        let token = compound.token_of(asset).ok_or(Revert::UnknownId)?;
        let mut change = Change::default();
        let quoted = quote(compound, self, token, &mut change);
        self.settle_quote(market, quoted, &change)?;
        Ok(change)
    }

    /// Commits what a quote asks for: all of it, or what came before a code.
    fn settle_quote(
        &mut self,
        market: MarketId,
        quoted: Result<(), compound::Stop>,
        change: &Change,
    ) -> Result<(), Stop> {
        match quoted {
            Ok(()) => Ok(self.commit_compound(market, change)?),
            Err(compound::Stop::Reverted(reason)) => Err(Stop::Revert(reason.into())),
            Err(compound::Stop::Refused(code)) => {
                self.commit_compound(market, change)?;
                Err(Stop::Refuse(code.into()))
            }
        }
    }

    /// Moves a change's flows and stores its new values, each old one journalled.
    fn commit_compound(&mut self, market: MarketId, change: &Change) -> Result<(), Revert> {
        for flow in &change.flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        let compound = self.markets[market.index()].compound_mut().ok_or(Revert::UnknownId)?;
        let journal = &mut self.journal;
        for (token, new) in &change.books {
            let slot = &mut compound.tokens[usize::from(*token)].book;
            journal.compound.books.push(std::mem::replace(slot, *new));
            journal.push(Undo::Compound(CompoundUndo::Book { market, token: *token }));
        }
        if let Some((account, token, new)) = change.loan {
            let at = compound.loan_index(account, token);
            let slot = compound.loans.get_mut(at).ok_or(Revert::UnknownId)?;
            journal.compound.loans.push(std::mem::replace(slot, new));
            journal.push(Undo::Compound(CompoundUndo::Loan { market, account, token }));
        }
        if let Some((account, new)) = change.membership {
            let slot = compound.members.get_mut(account.index()).ok_or(Revert::UnknownId)?;
            let old = std::mem::replace(slot, new);
            journal.push(Undo::Compound(CompoundUndo::Membership { market, account, old }));
        }
        if let Some((token, new)) = change.config {
            let slot = &mut compound.tokens[usize::from(token)].config;
            journal.compound.configs.push(std::mem::replace(slot, new));
            journal.push(Undo::Compound(CompoundUndo::Config { market, token }));
        }
        if let Some(new) = change.policy {
            journal.compound.policies.push(std::mem::replace(&mut compound.policy, new));
            journal.push(Undo::Compound(CompoundUndo::Policy { market }));
        }
        Ok(())
    }

    /// The supply share of an underlying.
    fn c_token(&self, market: MarketId, asset: AssetId) -> Result<AssetId, Revert> {
        let compound = compound_in(&self.markets, market)?;
        let token = compound.token_of(asset).ok_or(Revert::UnknownId)?;
        Ok(compound.tokens[usize::from(token)].c_token)
    }

    fn compound_govern(
        &mut self,
        market: MarketId,
        governance: Governance,
        by: AccountId,
    ) -> Result<(), Stop> {
        let compound = compound_in(&self.markets, market)?;
        let mut change = Change::default();
        let quoted = compound.govern(self, by, governance, &mut change);
        self.settle_quote(market, quoted, &change)
    }

    fn post_price(
        &mut self,
        by: AccountId,
        feed: FeedId,
        mantissa: PriceMantissa,
    ) -> Result<(), Revert> {
        let slot = self.feeds.get(feed.index()).ok_or(Revert::UnknownId)?;
        let Feed::Mantissa(mut posted) = *slot else { return Err(Revert::UnknownId) };
        if posted.reporter != by {
            return Err(Revert::NotAuthorised);
        }
        posted.mantissa = mantissa;
        self.store_feed(feed, Feed::Mantissa(posted));
        let price = posted.price().unwrap_or_default();
        self.logs.push(Log::PricePushed { feed, price });
        Ok(())
    }

    pub(super) fn compound_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let amount = self.amount(amount, asset, context)?;
        self.compound(market, asset, |compound, chain, token, change| {
            compound.mint(chain, by, token, amount, change)
        })?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    /// By underlying (`redeemUnderlying`); all of it by cTokens, which leaves none behind.
    pub(super) fn compound_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        if amount == AmountExpr::All {
            let tokens = self.ledger.balance(by, self.c_token(market, asset)?);
            return self.compound_redeem(market, asset, tokens, by);
        }
        let amount = self.amount(amount, asset, context)?;
        self.compound(market, asset, |compound, chain, token, change| {
            compound.redeem_underlying(chain, by, token, amount, change)
        })?;
        self.logs.push(Log::Withdraw { market, by, asset, amount });
        Ok(())
    }

    fn compound_redeem(
        &mut self,
        market: MarketId,
        asset: AssetId,
        tokens: Amount,
        by: AccountId,
    ) -> Result<(), Stop> {
        let change = self.compound(market, asset, |compound, chain, token, change| {
            compound.redeem(chain, by, token, tokens, change)
        })?;
        self.logs.push(Log::Withdraw { market, by, asset, amount: change.amount });
        Ok(())
    }

    pub(super) fn compound_borrow(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let amount = match amount {
            AmountExpr::MaxBorrow => {
                let compound = compound_in(&self.markets, market)?;
                let token = compound.token_of(asset).ok_or(Revert::UnknownId)?;
                compound.max_borrow(self, by, token)
            }
            other => self.amount(other, asset, context)?,
        };
        self.compound(market, asset, |compound, chain, token, change| {
            compound.borrow(chain, by, token, amount, change)
        })?;
        self.logs.push(Log::Borrow { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn compound_repay(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        self.compound_repay_for(market, asset, by, amount, by)
    }

    /// The log names the payer.
    fn compound_repay_for(
        &mut self,
        market: MarketId,
        asset: AssetId,
        borrower: AccountId,
        amount: Amount,
        by: AccountId,
    ) -> Result<(), Stop> {
        let change = self.compound(market, asset, |compound, chain, token, change| {
            compound.repay(chain, by, borrower, token, amount, change)
        })?;
        self.logs.push(Log::Repay { market, by, asset, amount: change.amount });
        Ok(())
    }

    pub(super) fn compound_set_collateral(
        &mut self,
        market: MarketId,
        asset: AssetId,
        enabled: bool,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        self.compound(market, asset, |compound, chain, token, change| {
            if enabled {
                Ok(compound.enter_market(by, token, change)?)
            } else {
                compound.exit_market(chain, by, token, change)
            }
        })?;
        Ok(())
    }

    /// `All` is the most that close factor and collateral allow; the contract's own "all" is refused
    /// by a code, as `Exact` of 2²⁵⁶ − 1 is here.
    pub(super) fn compound_liquidate(
        &mut self,
        market: MarketId,
        borrower: AccountId,
        (collateral, debt): (AssetId, AssetId),
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let compound = compound_in(&self.markets, market)?;
        let token = |asset| compound.token_of(asset).ok_or(Revert::UnknownId);
        let (liquidator, collateral_token) = (by, token(collateral)?);
        let call =
            Liquidation { liquidator, borrower, debt: token(debt)?, collateral: collateral_token };
        let amount = match amount {
            AmountExpr::All => compound.max_liquidation(self, call),
            other => self.amount(other, debt, context)?,
        };
        let change = self.compound(market, debt, |compound, chain, _debt, change| {
            compound.liquidate(chain, call, amount, change)
        })?;
        self.logs.push(Log::Liquidation {
            market,
            by,
            borrower,
            collateral,
            debt,
            seized: change.seized,
            repaid: change.amount,
            bad_debt: Amount::ZERO,
        });
        Ok(())
    }
}

/// The Compound market of an id.
fn compound_in(markets: &[Market], market: MarketId) -> Result<&Compound, Revert> {
    markets.get(market.index()).and_then(Market::compound).ok_or(Revert::UnknownId)
}
