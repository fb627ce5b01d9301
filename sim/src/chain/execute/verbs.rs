//! The verbs that every kind of pool or market understands in its own way.

use super::super::call::{AmountExpr, Log, Revert};
use super::super::{Chain, Market, Pool};
use super::pooled::Offer;
use super::{Context, Stop};
use markets::amm::reserve::{ReserveError, Trade};
use markets::amm::share_vault::ShareVault;
use markets::units::{AccountId, Amount, AssetId, Flow, MarketId, PoolId};

impl Chain {
    pub(super) fn swap(
        &mut self,
        pool: PoolId,
        asset_in: AssetId,
        amount: AmountExpr,
        min_out: Amount,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let amount = self.amount(amount, asset_in, context)?;
        self.swap_for(context.sender, pool, asset_in, amount, min_out, context)
    }

    /// A swap for an account's own money, whoever sent the transaction: a desk trades for its clients.
    pub(super) fn swap_for(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        amount: Amount,
        min_out: Amount,
        context: &mut Context,
    ) -> Result<(), Revert> {
        match self.pools.get(id.index()).ok_or(Revert::UnknownId)? {
            Pool::ConstantProduct(_) => self.pair_swap(by, id, asset_in, amount, min_out, context),
            Pool::Concentrated(_) => {
                self.concentrated_swap(by, id, asset_in, amount, min_out, context)
            }
            Pool::StableSwap(pool) => {
                let asset_out = pool.other(asset_in)?;
                self.stable_exchange(by, id, asset_in, asset_out, amount, min_out)
            }
            Pool::Exponential(pool) => {
                let base = self.ledger.balance(pool.account, pool.base);
                let quote = self.ledger.balance(pool.account, pool.quote);
                let trade = pool.quote_exact_in(asset_in, amount, base, quote)?;
                let (account, assets) = (pool.account, (asset_in, pool.other(asset_in)?));
                self.reserve_swap(by, id, assets, account, trade, min_out)
            }
            Pool::FixedPrice(pool) => {
                let base = self.ledger.balance(pool.account, pool.base);
                let trade = pool.quote_exact_in(asset_in, amount, base)?;
                let (account, assets) = (pool.account, (asset_in, pool.other(asset_in)?));
                self.reserve_swap(by, id, assets, account, trade, min_out)
            }
            Pool::ShareVault(vault) => {
                let (vault, holdings) = (*vault, self.holdings(vault)?);
                let trade = vault.quote(asset_in, amount, holdings)?;
                self.vault_swap(by, id, &vault, asset_in, trade, min_out)
            }
        }
    }

    /// A deposit in a vault or a redemption: money one way, shares minted or burned the other.
    fn vault_swap(
        &mut self,
        by: AccountId,
        pool: PoolId,
        vault: &ShareVault,
        asset_in: AssetId,
        trade: Trade,
        min_out: Amount,
    ) -> Result<(), Revert> {
        let Trade { amount_in, amount_out } = trade;
        if amount_out < min_out {
            return Err(ReserveError::TooLittleReceived.into());
        }
        let ShareVault { asset, share, account, .. } = *vault;
        let flows = if asset_in == asset {
            [
                Flow::Move { from: by, to: account, asset, amount: amount_in },
                Flow::Mint { to: by, asset: share, amount: amount_out },
            ]
        } else {
            [
                Flow::Burn { from: by, asset: share, amount: amount_in },
                Flow::Move { from: account, to: by, asset, amount: amount_out },
            ]
        };
        for flow in &flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        self.logs.push(Log::Swap { pool, by, asset_in, amount_in, amount_out });
        Ok(())
    }

    pub(super) fn swap_exact_out(
        &mut self,
        pool: PoolId,
        asset_out: AssetId,
        amount: AmountExpr,
        max_in: Amount,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let amount = self.amount(amount, asset_out, context)?;
        match self.pools.get(pool.index()).ok_or(Revert::UnknownId)? {
            Pool::ConstantProduct(_) => {
                self.pair_swap_exact_out(pool, asset_out, amount, max_in, context)
            }
            Pool::Concentrated(_) => {
                self.concentrated_swap_exact_out(pool, asset_out, amount, max_in, context)
            }
            // Their contracts sell an exact amount in, only.
            Pool::StableSwap(_)
            | Pool::Exponential(_)
            | Pool::FixedPrice(_)
            | Pool::ShareVault(_) => Err(Revert::Unsupported),
        }
    }

    pub(super) fn add_liquidity(
        &mut self,
        pool: PoolId,
        max0: Amount,
        max1: Amount,
        context: &Context,
    ) -> Result<(), Revert> {
        match self.pools.get(pool.index()).ok_or(Revert::UnknownId)? {
            Pool::ConstantProduct(_) => self.pair_add_liquidity(pool, max0, max1, context),
            // Its positions have owners and a range; the others have calls of their own, or none.
            Pool::Concentrated(_)
            | Pool::StableSwap(_)
            | Pool::Exponential(_)
            | Pool::FixedPrice(_)
            | Pool::ShareVault(_) => Err(Revert::Unsupported),
        }
    }

    pub(super) fn remove_liquidity(
        &mut self,
        pool: PoolId,
        shares: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        match self.pools.get(pool.index()).ok_or(Revert::UnknownId)? {
            Pool::ConstantProduct(_) => self.pair_remove_liquidity(pool, shares, context),
            // Its positions have owners and a range; the others have calls of their own, or none.
            Pool::Concentrated(_)
            | Pool::StableSwap(_)
            | Pool::Exponential(_)
            | Pool::FixedPrice(_)
            | Pool::ShareVault(_) => Err(Revert::Unsupported),
        }
    }

    pub(super) fn supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => Ok(self.pooled_supply(market, asset, amount, context)?),
            Market::Compound(_) => self.compound_supply(market, asset, amount, context),
            Market::MarginDesk(_) => Ok(self.desk_supply(market, asset, amount, context)?),
            Market::Isolated(_) => Ok(self.isolated_supply(market, asset, amount, context)?),
            Market::Vault(_) => Ok(self.vault_supply(market, asset, amount, context)?),
            Market::Perpetual(_) => Ok(self.perpetual_supply(market, asset, amount, context)?),
        }
    }

    pub(super) fn withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => Ok(self.pooled_withdraw(market, asset, amount, context)?),
            Market::Compound(_) => self.compound_withdraw(market, asset, amount, context),
            Market::MarginDesk(_) => Ok(self.desk_withdraw(market, asset, amount, context)?),
            Market::Isolated(_) => Ok(self.isolated_withdraw(market, asset, amount, context)?),
            Market::Vault(_) => Ok(self.vault_withdraw(market, asset, amount, context)?),
            Market::Perpetual(_) => Ok(self.perpetual_withdraw(market, asset, amount, context)?),
        }
    }

    pub(super) fn borrow(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => Ok(self.pooled_borrow(market, asset, amount, context)?),
            Market::Compound(_) => self.compound_borrow(market, asset, amount, context),
            Market::MarginDesk(_) | Market::Perpetual(_) => Err(Revert::Unsupported.into()),
            Market::Isolated(_) => Ok(self.isolated_borrow(market, asset, amount, context)?),
            Market::Vault(_) => Ok(self.vault_borrow(market, asset, amount, context)?),
        }
    }

    pub(super) fn repay(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => Ok(self.pooled_repay(market, asset, amount, context)?),
            Market::Compound(_) => self.compound_repay(market, asset, amount, context),
            Market::MarginDesk(_) | Market::Perpetual(_) => Err(Revert::Unsupported.into()),
            Market::Isolated(_) => Ok(self.isolated_repay(market, asset, amount, context)?),
            Market::Vault(_) => Ok(self.vault_repay(market, asset, amount, context)?),
        }
    }

    pub(super) fn set_collateral(
        &mut self,
        market: MarketId,
        asset: AssetId,
        enabled: bool,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => Ok(self.pooled_set_collateral(market, asset, enabled, context)?),
            Market::Compound(_) => self.compound_set_collateral(market, asset, enabled, context),
            Market::MarginDesk(_) | Market::Perpetual(_) => Err(Revert::Unsupported.into()),
            // What is deposited is collateral, always.
            Market::Isolated(_) | Market::Vault(_) => Err(Revert::Unsupported.into()),
        }
    }

    pub(super) fn liquidate(
        &mut self,
        market: MarketId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
        amount: AmountExpr,
        context: &mut Context,
    ) -> Result<(), Stop> {
        match self.markets.get(market.index()).ok_or(Revert::UnknownId)? {
            Market::Pooled(_) => {
                let receive_shares = false;
                let offer = Offer { borrower, collateral, debt, amount, receive_shares };
                Ok(self.pooled_liquidate(market, offer, context)?)
            }
            Market::Compound(_) => {
                self.compound_liquidate(market, borrower, (collateral, debt), amount, context)
            }
            Market::MarginDesk(_) | Market::Perpetual(_) => Err(Revert::Unsupported.into()),
            Market::Isolated(_) => {
                let assets = (collateral, debt);
                Ok(self.isolated_liquidate(market, borrower, assets, amount, context)?)
            }
            Market::Vault(_) => {
                Ok(self.vault_liquidate(market, borrower, (collateral, debt), context)?)
            }
        }
    }
}
