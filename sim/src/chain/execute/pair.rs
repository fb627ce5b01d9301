//! Uniswap v2's pair: what only it understands, and the common verbs on it.

use super::super::call::{AmountExpr, Log, PairCall, Revert};
use super::super::undo::Undo;
use super::super::undo::pair::PairUndo;
use super::super::{Chain, Pool};
use super::body::Opened;
use super::{Context, Stop};
use markets::amm::PoolError;
use markets::amm::constant_product::ConstantProduct;
use markets::units::{AccountId, Amount, AssetId, Flow, PoolId};

impl Chain {
    /// A call without a body.
    pub(super) fn pair_call(&mut self, call: &PairCall, _: &mut Context) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn pair_open(&mut self, call: &PairCall, _: &mut Context) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn pair_undo(&mut self, entry: PairUndo) {
        match entry {}
    }

    /// Stores a pair's new value, the old one journalled.
    fn store_pair(&mut self, id: PoolId, new: &ConstantProduct) {
        if let Some(slot) = self.pools[id.index()].constant_product_mut() {
            self.journal.pairs.push(std::mem::replace(slot, *new));
            self.journal.push(Undo::ConstantProduct { pool: id });
        }
    }
    pub(super) fn restore_pair(&mut self, id: PoolId) {
        if let (Some(slot), Some(old)) =
            (self.pools[id.index()].constant_product_mut(), self.journal.pairs.pop())
        {
            *slot = old;
        }
    }

    pub(super) fn pair_swap(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        amount_in: Amount,
        min_out: Amount,
    ) -> Result<(), Revert> {
        let mut pool = *pair_in(&self.pools, id)?;
        let quote = pool.quote_exact_in(asset_in, amount_in)?;
        if quote.amount_out < min_out {
            return Err(PoolError::TooLittleReceived.into());
        }
        let out = pool.other(asset_in)?;
        let (to, amount_out) = (pool.account, quote.amount_out);
        let pay = Flow::Move { from: by, to, asset: asset_in, amount: amount_in };
        self.ledger.perform(&pay, &mut self.journal)?;
        let receive = Flow::Move { from: to, to: by, asset: out, amount: amount_out };
        self.ledger.perform(&receive, &mut self.journal)?;
        self.update_pool(id, &mut pool)?;
        self.logs.push(Log::Swap { pool: id, by, asset_in, amount_in, amount_out });
        Ok(())
    }

    /// Sets a pool's reserves to what its account holds (Uniswap v2 `_update`) and stores it.
    fn update_pool(&mut self, id: PoolId, pool: &mut ConstantProduct) -> Result<(), Revert> {
        let balance0 = self.ledger.balance(pool.account, pool.token0);
        let balance1 = self.ledger.balance(pool.account, pool.token1);
        pool.update(balance0, balance1, self.clock.timestamp)?;
        self.store_pair(id, pool);
        Ok(())
    }

    /// [`Self::update_pool`] after a mint or burn, which also remember the product for the protocol
    /// fee (Uniswap v2 `kLast`).
    fn update_pool_and_k(&mut self, id: PoolId, pool: &mut ConstantProduct) -> Result<(), Revert> {
        let balance0 = self.ledger.balance(pool.account, pool.token0);
        let balance1 = self.ledger.balance(pool.account, pool.token1);
        pool.update(balance0, balance1, self.clock.timestamp)?;
        pool.remember_k();
        self.store_pair(id, pool);
        Ok(())
    }

    pub(super) fn add_liquidity(
        &mut self,
        by: AccountId,
        id: PoolId,
        max0: Amount,
        max1: Amount,
    ) -> Result<(), Revert> {
        let mut pool = *pair_in(&self.pools, id)?;
        let quote = pool.quote_mint(max0, max1, self.ledger.total_supply(pool.share))?;
        let to = pool.account;
        let flows = [
            Flow::Move { from: by, to, asset: pool.token0, amount: quote.amount0 },
            Flow::Move { from: by, to, asset: pool.token1, amount: quote.amount1 },
            Flow::Mint { to: by, asset: pool.share, amount: quote.shares },
            // The first minter's minimum liquidity is locked in the pool's own account.
            Flow::Mint { to, asset: pool.share, amount: quote.locked },
            Flow::Mint {
                to: pool.fee_to.unwrap_or(to),
                asset: pool.share,
                amount: quote.protocol_shares,
            },
        ];
        for flow in &flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        self.update_pool_and_k(id, &mut pool)
    }

    pub(super) fn remove_liquidity(
        &mut self,
        id: PoolId,
        shares: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let mut pool = *pair_in(&self.pools, id)?;
        let shares = self.amount(shares, pool.share, context)?;
        let from = pool.account;
        let quote = pool.quote_burn_from(
            shares,
            self.ledger.total_supply(pool.share),
            self.ledger.balance(from, pool.token0),
            self.ledger.balance(from, pool.token1),
        )?;
        let flows = [
            Flow::Mint {
                to: pool.fee_to.unwrap_or(from),
                asset: pool.share,
                amount: quote.protocol_shares,
            },
            Flow::Burn { from: by, asset: pool.share, amount: shares },
            Flow::Move { from, to: by, asset: pool.token0, amount: quote.amount0 },
            Flow::Move { from, to: by, asset: pool.token1, amount: quote.amount1 },
        ];
        for flow in &flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        self.update_pool_and_k(id, &mut pool)
    }
}

/// The constant-product pool of an id.
fn pair_in(pools: &[Pool], id: PoolId) -> Result<&ConstantProduct, Revert> {
    pools.get(id.index()).and_then(Pool::constant_product).ok_or(Revert::UnknownId)
}
