//! Uniswap v2's pair: what only it understands, and the common verbs on it.

use super::super::call::{AmountExpr, Log, PairCall, Revert};
use super::super::undo::Undo;
use super::super::{Chain, Pool};
use super::body::Opened;
use super::{Context, Stop};
use markets::amm::constant_product::{ConstantProduct, MINIMUM_LIQUIDITY};
use markets::amm::{MintQuote, PoolError, SwapQuote};
use markets::units::{AccountId, Amount, AssetId, Flow, PoolId};

impl Chain {
    /// A call without a body.
    #[inline]
    pub(super) fn pair_call(&mut self, call: &PairCall, context: &mut Context) -> Result<(), Stop> {
        match *call {
            PairCall::Mint { pool, to } => self.pair_mint(pool, to, context)?,
            PairCall::Burn { pool, to } => self.pair_burn(pool, to, context)?,
            PairCall::Swap { pool, out0, out1, to, .. } => {
                self.pair_pay_out(pool, out0, out1, to, context)?;
                self.pair_collect(context.sender, pool, out0, out1)?;
            }
            PairCall::Sync { pool } => {
                unlocked(&self.pools, pool, context)?;
                self.update_pool(pool)?;
            }
            PairCall::Skim { pool, to } => self.pair_skim(pool, to, context)?,
        }
        Ok(())
    }
    /// Opens a call with a body.
    pub(super) fn pair_open(
        &mut self,
        call: &PairCall,
        context: &mut Context,
    ) -> Result<Opened, Stop> {
        let PairCall::Swap { pool, out0, out1, to, .. } = *call else {
            return Err(Revert::MalformedBody.into());
        };
        let pair = *unlocked(&self.pools, pool, context)?;
        self.pair_pay_out(pool, out0, out1, to, context)?;
        let owed = pair.flash_debt(out0, out1);
        Ok(Opened::PairSwap { pool, out0, out1, owed })
    }

    pub(super) fn restore_pair(&mut self, id: PoolId) {
        if let (Some(slot), Some(old)) =
            (self.pools[id.index()].constant_product_mut(), self.journal.pairs.pop())
        {
            *slot = old;
        }
    }

    /// The pair's `mint`.
    fn pair_mint(&mut self, id: PoolId, to: AccountId, context: &Context) -> Result<(), Revert> {
        let pool = *unlocked(&self.pools, id, context)?;
        let (held0, held1) = self.pair_balances(&pool);
        let quote = pool.quote_mint_from(self.ledger.total_supply(pool.share), held0, held1)?;
        self.pair_issue(&pool, to, &quote)?;
        self.update_pool_and_k(id)
    }

    /// The shares of a mint: the protocol's first, then those that stay locked in the pool's own
    /// account, then the minter's.
    fn pair_issue(
        &mut self,
        pool: &ConstantProduct,
        to: AccountId,
        quote: &MintQuote,
    ) -> Result<(), Revert> {
        let asset = pool.share;
        let protocol = pool.fee_to.unwrap_or(pool.account);
        for (to, amount) in
            [(protocol, quote.protocol_shares), (pool.account, quote.locked), (to, quote.shares)]
        {
            self.ledger.perform(&Flow::Mint { to, asset, amount }, &mut self.journal)?;
        }
        Ok(())
    }

    /// The pair's `burn`: of the shares at the pool's account, all but those locked there for ever.
    fn pair_burn(&mut self, id: PoolId, to: AccountId, context: &Context) -> Result<(), Revert> {
        let pool = *unlocked(&self.pools, id, context)?;
        let held = self.ledger.balance(pool.account, pool.share);
        let sent = held.saturating_sub(Amount::new(MINIMUM_LIQUIDITY));
        self.pair_redeem(id, pool, pool.account, sent, to)
    }

    /// Burns shares of one account and pays both assets out to another.
    fn pair_redeem(
        &mut self,
        id: PoolId,
        pool: ConstantProduct,
        holder: AccountId,
        shares: Amount,
        to: AccountId,
    ) -> Result<(), Revert> {
        let from = pool.account;
        let (held0, held1) = self.pair_balances(&pool);
        let total = self.ledger.total_supply(pool.share);
        let quote = pool.quote_burn_from(shares, total, held0, held1)?;
        let flows = [
            Flow::Mint {
                to: pool.fee_to.unwrap_or(from),
                asset: pool.share,
                amount: quote.protocol_shares,
            },
            Flow::Burn { from: holder, asset: pool.share, amount: shares },
            Flow::Move { from, to, asset: pool.token0, amount: quote.amount0 },
            Flow::Move { from, to, asset: pool.token1, amount: quote.amount1 },
        ];
        for flow in &flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        self.update_pool_and_k(id)
    }

    /// The pair's `swap` up to its callback: outputs leave before anything is known to have come in.
    #[inline]
    fn pair_pay_out(
        &mut self,
        id: PoolId,
        out0: Amount,
        out1: Amount,
        to: AccountId,
        context: &Context,
    ) -> Result<(), Revert> {
        let pool = unlocked(&self.pools, id, context)?;
        pool.check_outputs(out0, out1)?;
        let (from, token0, token1) = (pool.account, pool.token0, pool.token1);
        self.ledger.transfer(from, to, token0, out0, &mut self.journal)?;
        self.ledger.transfer(from, to, token1, out1, &mut self.journal)
    }

    /// The pair's `swap` from its callback on: what the pair holds now must keep the product.
    #[inline]
    pub(super) fn pair_collect(
        &mut self,
        by: AccountId,
        id: PoolId,
        out0: Amount,
        out1: Amount,
    ) -> Result<(), Revert> {
        let pool = pair_in(&self.pools, id)?;
        let (held0, held1) = self.pair_balances(pool);
        let (in0, in1) = pool.check_inputs(out0, out1, held0, held1)?;
        let one_way = match (in0.is_zero(), in1.is_zero(), out0.is_zero(), out1.is_zero()) {
            (false, true, true, false) => Some((pool.token0, in0, out1)),
            (true, false, false, true) => Some((pool.token1, in1, out0)),
            _ => None,
        };
        self.update_held(id, held0, held1)?;
        self.logs.push(match one_way {
            Some((asset_in, amount_in, amount_out)) => {
                Log::Swap { pool: id, by, asset_in, amount_in, amount_out }
            }
            None => Log::PairSwap { pool: id, by, ins: [in0, in1], outs: [out0, out1] },
        });
        Ok(())
    }

    /// The pair's `skim`.
    fn pair_skim(&mut self, id: PoolId, to: AccountId, context: &Context) -> Result<(), Revert> {
        let pool = *unlocked(&self.pools, id, context)?;
        let (held0, held1) = self.pair_balances(&pool);
        let (over0, over1) = pool.surplus(held0, held1)?;
        let from = pool.account;
        for (asset, amount) in [(pool.token0, over0), (pool.token1, over1)] {
            self.ledger.perform(&Flow::Move { from, to, asset, amount }, &mut self.journal)?;
        }
        Ok(())
    }

    /// Takes balances for a pool's reserves, in place, the old value journalled.
    #[inline]
    fn update_held(&mut self, id: PoolId, held0: Amount, held1: Amount) -> Result<(), Revert> {
        if let Some(slot) = self.pools[id.index()].constant_product_mut() {
            self.journal.pairs.push(*slot);
            self.journal.push(Undo::ConstantProduct { pool: id });
            slot.update(held0, held1, self.clock.timestamp)?;
        }
        Ok(())
    }

    /// What a pool's account holds of both assets.
    #[inline]
    fn pair_balances(&self, pool: &ConstantProduct) -> (Amount, Amount) {
        let held = |asset| self.ledger.balance(pool.account, asset);
        (held(pool.token0), held(pool.token1))
    }

    /// Sells an exact amount, as the router does.
    pub(super) fn pair_swap(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        amount_in: Amount,
        min_out: Amount,
        context: &Context,
    ) -> Result<(), Revert> {
        let pool = *unlocked(&self.pools, id, context)?;
        let quote = pool.quote_exact_in(asset_in, amount_in)?;
        if quote.amount_out < min_out {
            return Err(PoolError::TooLittleReceived.into());
        }
        self.pair_trade(by, id, &pool, asset_in, &quote)
    }

    /// Buys an exact amount, as the router does.
    pub(super) fn pair_swap_exact_out(
        &mut self,
        id: PoolId,
        asset_out: AssetId,
        amount_out: Amount,
        max_in: Amount,
        context: &Context,
    ) -> Result<(), Revert> {
        let pool = *unlocked(&self.pools, id, context)?;
        let asset_in = pool.other(asset_out)?;
        let quote = pool.quote_exact_out(asset_in, amount_out)?;
        if quote.amount_in > max_in {
            return Err(PoolError::ExcessiveInput.into());
        }
        self.pair_trade(context.sender, id, &pool, asset_in, &quote)
    }

    /// Moves what a quote says and updates the pool.
    #[inline]
    fn pair_trade(
        &mut self,
        by: AccountId,
        id: PoolId,
        pool: &ConstantProduct,
        asset_in: AssetId,
        quote: &SwapQuote,
    ) -> Result<(), Revert> {
        let SwapQuote { amount_in, amount_out, .. } = *quote;
        let (to, out) = (pool.account, pool.other(asset_in)?);
        self.ledger.transfer(by, to, asset_in, amount_in, &mut self.journal)?;
        self.ledger.transfer(to, by, out, amount_out, &mut self.journal)?;
        self.update_pool(id)?;
        self.logs.push(Log::Swap { pool: id, by, asset_in, amount_in, amount_out });
        Ok(())
    }

    /// Sets a pool's reserves to what its account holds (Uniswap v2 `_update`).
    #[inline]
    fn update_pool(&mut self, id: PoolId) -> Result<(), Revert> {
        let (held0, held1) = self.pair_balances(pair_in(&self.pools, id)?);
        self.update_held(id, held0, held1)
    }

    /// [`Self::update_pool`] after a mint or burn, which also remember the product for the protocol
    /// fee (Uniswap v2 `kLast`).
    fn update_pool_and_k(&mut self, id: PoolId) -> Result<(), Revert> {
        self.update_pool(id)?;
        // Journalled by the update.
        if let Some(pool) = self.pools[id.index()].constant_product_mut() {
            pool.remember_k();
        }
        Ok(())
    }

    pub(super) fn pair_add_liquidity(
        &mut self,
        id: PoolId,
        max0: Amount,
        max1: Amount,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let pool = *unlocked(&self.pools, id, context)?;
        let quote = pool.quote_mint(max0, max1, self.ledger.total_supply(pool.share))?;
        for (asset, amount) in [(pool.token0, quote.amount0), (pool.token1, quote.amount1)] {
            let pay = Flow::Move { from: by, to: pool.account, asset, amount };
            self.ledger.perform(&pay, &mut self.journal)?;
        }
        self.pair_issue(&pool, by, &quote)?;
        self.update_pool_and_k(id)
    }

    pub(super) fn pair_remove_liquidity(
        &mut self,
        id: PoolId,
        shares: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let pool = *unlocked(&self.pools, id, context)?;
        let shares = self.amount(shares, pool.share, context)?;
        self.pair_redeem(id, pool, by, shares, by)
    }
}

/// The constant-product pool of an id.
#[inline]
fn pair_in(pools: &[Pool], id: PoolId) -> Result<&ConstantProduct, Revert> {
    pools.get(id.index()).and_then(Pool::constant_product).ok_or(Revert::UnknownId)
}

/// The constant-product pool of an id, where no swap of it is in progress: inside a flash swap's body
/// the pair refuses every call of its own.
#[inline]
fn unlocked<'a>(
    pools: &'a [Pool],
    id: PoolId,
    context: &Context,
) -> Result<&'a ConstantProduct, Revert> {
    let locks = |opened: &Opened| matches!(opened, Opened::PairSwap { pool, .. } if *pool == id);
    if context.opened.iter().any(locks) {
        return Err(PoolError::Locked.into());
    }
    pair_in(pools, id)
}
