//! StableSwap pools: what only they understand, and the common verbs on them.

use super::super::call::stable_swap::StableSwapCall;
use super::super::call::{Log, Revert};
use super::super::undo::Undo;
use super::super::undo::stable_swap::StableSwapUndo;
use super::super::{Chain, Pool};
use super::{Context, Stop};
use markets::amm::stable_swap::{StableChange, StableSwap, StableSwapError};
use markets::units::{AccountId, Amount, AssetId, Flow, PoolId};

impl Chain {
    /// A call without a body.
    pub(super) fn stable_swap_call(
        &mut self,
        call: &StableSwapCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let now = self.clock.timestamp;
        match *call {
            StableSwapCall::Exchange { pool, asset_in, asset_out, amount, min_out } => {
                let amount = self.amount(amount, asset_in, context)?;
                self.stable_exchange(by, pool, asset_in, asset_out, amount, min_out)?;
            }
            StableSwapCall::AddLiquidity { pool, amounts, min_shares } => {
                let (stable, supply) = self.stable_and_supply(pool)?;
                let change = stable.quote_add(&amounts, supply, now)?;
                if change.minted < min_shares {
                    return Err(StableSwapError::Slippage.into());
                }
                self.commit_stable(by, pool, &change)?;
            }
            StableSwapCall::RemoveLiquidity { pool, shares, min_amounts } => {
                let (stable, supply) = self.stable_and_supply(pool)?;
                let shares = self.amount(shares, stable.share, context)?;
                let change = stable.quote_remove(shares, supply)?;
                let n = stable.n();
                if change.received[..n].iter().zip(&min_amounts[..n]).any(|(got, min)| got < min) {
                    return Err(StableSwapError::FewerCoinsThanExpected.into());
                }
                self.commit_stable(by, pool, &change)?;
            }
            StableSwapCall::RemoveLiquidityOneCoin { pool, shares, asset_out, min_out } => {
                let (stable, supply) = self.stable_and_supply(pool)?;
                let shares = self.amount(shares, stable.share, context)?;
                let change = stable.quote_remove_one_coin(shares, asset_out, supply, now)?;
                if change.received[stable.index_of(asset_out)?] < min_out {
                    return Err(StableSwapError::FewerCoinsThanExpected.into());
                }
                self.commit_stable(by, pool, &change)?;
            }
            StableSwapCall::RemoveLiquidityImbalance { pool, amounts, max_shares } => {
                let (stable, supply) = self.stable_and_supply(pool)?;
                let change = stable.quote_remove_imbalance(&amounts, supply, now)?;
                if change.burned > max_shares {
                    return Err(StableSwapError::Slippage.into());
                }
                self.commit_stable(by, pool, &change)?;
            }
            StableSwapCall::RampA { pool, future_a, future_time } => {
                let mut stable = *stable_in(&self.pools, pool)?;
                stable.ramp_a(by, future_a, future_time, now)?;
                self.store_stable(pool, stable);
            }
            StableSwapCall::StopRampA { pool } => {
                let mut stable = *stable_in(&self.pools, pool)?;
                stable.stop_ramp_a(by, now)?;
                self.store_stable(pool, stable);
            }
            StableSwapCall::WithdrawAdminFees { pool } => self.withdraw_admin_fees(by, pool)?,
        }
        Ok(())
    }
    /// Undoes one entry.
    pub(super) fn stable_swap_undo(&mut self, entry: StableSwapUndo) {
        let StableSwapUndo::Pool { pool } = entry;
        if let (Some(slot), Some(old)) =
            (self.pools[pool.index()].stable_swap_mut(), self.journal.stable_swaps.pop())
        {
            *slot = old;
        }
    }

    fn stable_and_supply(&self, id: PoolId) -> Result<(StableSwap, Amount), Revert> {
        let stable = *stable_in(&self.pools, id)?;
        Ok((stable, self.ledger.total_supply(stable.share)))
    }

    /// Stores a pool's new value, the old one journalled.
    fn store_stable(&mut self, id: PoolId, new: StableSwap) {
        if let Some(slot) = self.pools[id.index()].stable_swap_mut() {
            self.journal.stable_swaps.push(std::mem::replace(slot, new));
            self.journal.push(Undo::StableSwap(StableSwapUndo::Pool { pool: id }));
        }
    }

    /// Moves what a change pays, mints, burns and gives, and stores the balances.
    fn commit_stable(
        &mut self,
        by: AccountId,
        id: PoolId,
        change: &StableChange,
    ) -> Result<(), Revert> {
        let mut pool = *stable_in(&self.pools, id)?;
        let (account, share) = (pool.account, pool.share);
        for (asset, amount) in pool.coins().iter().zip(change.paid) {
            let flow = Flow::Move { from: by, to: account, asset: *asset, amount };
            self.ledger.perform(&flow, &mut self.journal)?;
        }
        let mint = Flow::Mint { to: by, asset: share, amount: change.minted };
        self.ledger.perform(&mint, &mut self.journal)?;
        let burn = Flow::Burn { from: by, asset: share, amount: change.burned };
        self.ledger.perform(&burn, &mut self.journal)?;
        for (asset, amount) in pool.coins().iter().zip(change.received) {
            let flow = Flow::Move { from: account, to: by, asset: *asset, amount };
            self.ledger.perform(&flow, &mut self.journal)?;
        }
        pool.balances = change.balances;
        self.store_stable(id, pool);
        Ok(())
    }

    pub(super) fn stable_exchange(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        asset_out: AssetId,
        amount_in: Amount,
        min_out: Amount,
    ) -> Result<(), Revert> {
        let pool = stable_in(&self.pools, id)?;
        let change = pool.quote_exchange(asset_in, asset_out, amount_in, self.clock.timestamp)?;
        let amount_out = change.received[pool.index_of(asset_out)?];
        if amount_out < min_out {
            return Err(StableSwapError::FewerCoinsThanExpected.into());
        }
        self.commit_stable(by, id, &change)?;
        self.logs.push(Log::Swap { pool: id, by, asset_in, amount_in, amount_out });
        Ok(())
    }

    fn withdraw_admin_fees(&mut self, by: AccountId, id: PoolId) -> Result<(), Revert> {
        let pool = *stable_in(&self.pools, id)?;
        if by != pool.owner {
            return Err(StableSwapError::OnlyOwner.into());
        }
        for (asset, balance) in pool.coins().iter().zip(pool.balances) {
            let held = self.ledger.balance(pool.account, *asset);
            let amount = held.saturating_sub(balance);
            let flow = Flow::Move { from: pool.account, to: by, asset: *asset, amount };
            self.ledger.perform(&flow, &mut self.journal)?;
        }
        Ok(())
    }
}

/// The StableSwap pool of an id.
fn stable_in(pools: &[Pool], id: PoolId) -> Result<&StableSwap, Revert> {
    pools.get(id.index()).and_then(Pool::stable_swap).ok_or(Revert::UnknownId)
}
