//! Pooled lending in Aave v3's shape: what only it understands, and the common verbs on it.

use super::super::call::pooled::MAX_FLASH_ASSETS;
use super::super::call::{AmountExpr, Log, PooledCall, Revert};
use super::super::undo::Undo;
use super::super::{Chain, Market};
use super::body::Opened;
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, MarketId};
use protocols::lending::{Change, LendingError, LiquidationCall, Pooled, RepayCall};
use protocols::position::Position;

/// What a liquidator asks for.
pub(super) struct Offer {
    pub(super) borrower: AccountId,
    pub(super) collateral: AssetId,
    pub(super) debt: AssetId,
    pub(super) amount: AmountExpr,
    pub(super) receive_shares: bool,
}

/// A flash loan of several assets that runs now.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlashLoans {
    market: MarketId,
    loans: u8,
    assets: [AssetId; MAX_FLASH_ASSETS],
    amounts: [u128; MAX_FLASH_ASSETS],
    keep: u8,
}

impl FlashLoans {
    /// Asset, amount, and whether it stays as debt.
    fn each(self) -> impl Iterator<Item = (AssetId, Amount, bool)> {
        (0..usize::from(self.loans))
            .map(move |i| (self.assets[i], Amount::new(self.amounts[i]), self.keep >> i & 1 == 1))
    }
    fn names_an_asset_twice(&self) -> bool {
        let named = &self.assets[..usize::from(self.loans)];
        named.iter().enumerate().any(|(i, asset)| named[..i].contains(asset))
    }
}

impl Chain {
    /// A call without a body.
    pub(super) fn pooled_call(
        &mut self,
        call: &PooledCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            PooledCall::Repay { market, borrower, asset, amount, with_shares } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
                    let call = RepayCall { borrower, reserve, amount, with_shares };
                    pooled.repay_with(chain, by, call, change)
                })?;
                self.logs.push(Log::Repay { market, by, asset, amount });
            }
            PooledCall::Liquidate {
                market,
                borrower,
                collateral,
                debt,
                amount,
                receive_shares,
            } => {
                let offer = Offer { borrower, collateral, debt, amount, receive_shares };
                self.pooled_liquidate(market, offer, context)?;
            }
            PooledCall::TransferShares { market, to, asset, amount } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.transfer_supply(chain, by, to, reserve, amount, change)
                })?;
            }
            PooledCall::SetEMode { market, category } => {
                self.whole_market(market, |pooled, chain, change| {
                    pooled.set_e_mode(chain, by, category, change).map_err(Revert::from)
                })?;
            }
            PooledCall::MintToTreasury { market, asset } => {
                self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.mint_to_treasury_of(chain, 1 << reserve, change)
                })?;
            }
            PooledCall::FlashLoan { .. } => return Err(Revert::MalformedBody.into()),
        }
        Ok(())
    }

    /// Opens a call with a body.
    pub(super) fn pooled_open(
        &mut self,
        call: &PooledCall,
        context: &mut Context,
    ) -> Result<Opened, Stop> {
        let PooledCall::FlashLoan { market, loans, assets, amounts, keep, .. } = *call else {
            return Err(Revert::MalformedBody.into());
        };
        let by = context.sender;
        let loan = FlashLoans { market, loans, assets, amounts, keep };
        if usize::from(loans) > MAX_FLASH_ASSETS || loan.names_an_asset_twice() {
            return Err(Revert::BadAmount.into());
        }
        for (asset, amount, _) in loan.each() {
            self.lending(market, asset, |pooled, chain, reserve, change| {
                pooled.flash_open(chain, by, reserve, amount, change)
            })?;
        }
        Ok(Opened::FlashLoans(loan))
    }

    /// Closes a flash loan of several assets, in order: each is pulled back or stays as debt.
    pub(super) fn pooled_close(&mut self, loan: FlashLoans, context: &Context) -> Result<(), Stop> {
        let (by, market) = (context.sender, loan.market);
        for (asset, amount, keep) in loan.each() {
            if keep {
                self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.flash_keep(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::Borrow { market, by, asset, amount });
                continue;
            }
            let pooled = pooled_in(&self.markets, market)?;
            let premium = pooled.flash_premium_of(amount).ok_or(Revert::Overflow)?;
            let owed = amount.checked_add(premium).ok_or(Revert::Overflow)?;
            if self.ledger.balance(by, asset) < owed {
                return Err(Revert::FlashLoanNotRepaid.into());
            }
            self.lending(market, asset, |pooled, chain, reserve, change| {
                pooled.flash_close(chain, by, reserve, amount, change)
            })?;
            self.logs.push(Log::FlashLoan { market, by, asset, amount, premium });
        }
        Ok(())
    }

    pub(super) fn restore_reserve(&mut self, market: MarketId, reserve: u16) {
        if let (Some(pooled), Some(old)) =
            (self.markets[market.index()].pooled_mut(), self.journal.reserves.pop())
        {
            pooled.reserves[usize::from(reserve)] = old;
        }
    }
    pub(super) fn restore_position(&mut self, market: MarketId, account: AccountId, old: Position) {
        if let Some(pooled) = self.markets[market.index()].pooled_mut() {
            pooled.positions[account.index()] = old;
        }
    }
    pub(super) fn restore_state(&mut self, market: MarketId) {
        if let (Some(pooled), Some(old)) =
            (self.markets[market.index()].pooled_mut(), self.journal.states.pop())
        {
            pooled.state = old;
        }
    }

    /// Quotes against a pooled market, moves the flows, applies the change. Returns the actual amount.
    #[inline]
    pub(super) fn lending(
        &mut self,
        market: MarketId,
        asset: AssetId,
        quote: impl FnOnce(&Pooled, &Self, u16, &mut Change) -> Result<(), LendingError>,
    ) -> Result<Amount, Revert> {
        let pooled = pooled_in(&self.markets, market)?;
        let reserve = pooled.reserve_of(asset).ok_or(Revert::UnknownId)?;
        let mut change = self.scratch.take().unwrap_or_default();
        change.clear();
        let result = quote(pooled, self, reserve, &mut change)
            .map_err(Revert::from)
            .and_then(|()| self.commit(market, &change));
        let amount = change.amount;
        self.scratch = Some(change);
        result.map(|()| amount)
    }

    /// Moves a change's flows and stores its new values, each old one journalled.
    fn commit(&mut self, market: MarketId, change: &Change) -> Result<(), Revert> {
        for flow in &change.flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        let Some(pooled) = self.markets[market.index()].pooled_mut() else {
            return Err(Revert::UnknownId);
        };
        for (index, new) in &change.reserves {
            let slot = &mut pooled.reserves[usize::from(*index)];
            // One copy, where `push` makes two.
            self.journal.reserves.extend_from_slice(std::slice::from_ref(slot));
            self.journal.push(Undo::Reserve { market, reserve: *index });
            *slot = *new;
        }
        for (account, new) in &change.positions {
            let slot = &mut pooled.positions[account.index()];
            self.journal.push(Undo::Position { market, account: *account, old: *slot });
            *slot = *new;
        }
        if let Some(new) = &change.state {
            self.journal.states.push(std::mem::replace(&mut pooled.state, new.clone()));
            self.journal.push(Undo::State { market });
        }
        Ok(())
    }

    /// A call on a market as a whole.
    pub(super) fn whole_market<E>(
        &mut self,
        market: MarketId,
        quote: impl FnOnce(&Pooled, &Self, &mut Change) -> Result<(), E>,
    ) -> Result<(), Revert>
    where
        Revert: From<E>,
    {
        let pooled = pooled_in(&self.markets, market)?;
        let mut change = self.scratch.take().unwrap_or_default();
        change.clear();
        let result = quote(pooled, self, &mut change)
            .map_err(Revert::from)
            .and_then(|()| self.commit(market, &change));
        if result.is_ok() {
            for applied in &change.risk_applied {
                self.logs.push(Log::RiskChanged { market, change: *applied });
            }
        }
        self.scratch = Some(change);
        result
    }

    pub(super) fn pooled_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount(amount, asset, context)?;
        let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.supply(chain, by, reserve, amount, change)
        })?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn pooled_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.withdraw(chain, by, reserve, amount, change)
        })?;
        self.logs.push(Log::Withdraw { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn pooled_borrow(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = match amount {
            AmountExpr::MaxBorrow => {
                let pooled = pooled_in(&self.markets, market)?;
                let reserve = pooled.reserve_of(asset).ok_or(Revert::UnknownId)?;
                pooled.max_borrow(self, by, reserve)
            }
            AmountExpr::AvailableBorrows => {
                let pooled = pooled_in(&self.markets, market)?;
                let reserve = pooled.reserve_of(asset).ok_or(Revert::UnknownId)?;
                pooled.available_borrows(self, by, reserve)?
            }
            other => self.amount(other, asset, context)?,
        };
        let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.borrow(chain, by, reserve, amount, change)
        })?;
        self.logs.push(Log::Borrow { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn pooled_repay(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.repay(chain, by, reserve, amount, change)
        })?;
        self.logs.push(Log::Repay { market, by, asset, amount });
        Ok(())
    }

    pub(super) fn pooled_set_collateral(
        &mut self,
        market: MarketId,
        asset: AssetId,
        enabled: bool,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.set_collateral(chain, by, reserve, enabled, change)
        })
        .map(|_| ())
    }

    pub(super) fn cover_deficit(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let amount = self.amount_or_max(amount, asset, context)?;
        self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.cover_deficit(chain, by, reserve, amount, change)
        })
        .map(|_| ())
    }

    pub(super) fn pooled_liquidate(
        &mut self,
        market: MarketId,
        offer: Offer,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let Offer { borrower, collateral, debt, amount, receive_shares } = offer;
        let amount = self.amount_or_max(amount, debt, context)?;
        let pooled = pooled_in(&self.markets, market)?;
        let collateral_reserve = pooled.reserve_of(collateral).ok_or(Revert::UnknownId)?;
        let repaid = self.lending(market, debt, |pooled, chain, debt_reserve, change| {
            let call = LiquidationCall {
                borrower,
                collateral: collateral_reserve,
                debt: debt_reserve,
                amount,
                receive_shares,
            };
            pooled.liquidate_with(chain, by, call, change)
        })?;
        let change = self.scratch.take().unwrap_or_default();
        let seized = change.seized;
        let mut written_off = Amount::ZERO;
        for (reserve, bad) in &change.bad_debt {
            let asset = self.pooled(market).reserves[usize::from(*reserve)].underlying;
            if asset == debt {
                written_off = *bad;
            }
            self.logs.push(Log::BadDebt { market, borrower, asset, amount: *bad });
        }
        self.scratch = Some(change);
        self.logs.push(Log::Liquidation {
            market,
            by,
            borrower,
            collateral,
            debt,
            seized,
            repaid,
            bad_debt: written_off,
        });
        Ok(())
    }
}

/// The pooled market of an id.
fn pooled_in(markets: &[Market], market: MarketId) -> Result<&Pooled, Revert> {
    markets.get(market.index()).and_then(Market::pooled).ok_or(Revert::UnknownId)
}
