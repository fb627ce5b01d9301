//! Executing transactions: quote (fallible, pure), move money (journalled), apply (infallible).

use super::call::{
    AmountExpr, Call, FlashDebts, Log, MAX_DEPTH, Marks, Outcome, Receipt, Revert, Transaction,
};
use super::undo::{Checkpoint, Undo};
use super::{Chain, Feed, Market, Pool, gas};
use markets::amm::PoolError;
use markets::amm::constant_product::ConstantProduct;
use markets::units::{AccountId, Amount, AssetId, Flow, MarketId, PoolId, U256};
use protocols::lending::{Change, LendingError, Pooled};

/// What a transaction carries while it runs.
struct Context {
    sender: AccountId,
    marks: Marks,
    flash_debts: FlashDebts,
    gas: u64,
    gas_limit: u64,
}

impl Chain {
    /// Executes a transaction: in full, or not at all but for the gas it paid. Never fails: what
    /// went wrong is in the receipt.
    pub fn execute(&mut self, tx: Transaction<'_>) -> Receipt {
        if self.open_checkpoints == 0 {
            self.journal.clear();
        }
        let header = tx.header;
        let fee = if header.system {
            0
        } else {
            let Some(fee) =
                self.effective_fee(header.max_fee_per_gas, header.max_priority_fee_per_gas)
            else {
                return INVALID;
            };
            let worst =
                Amount::new(u128::from(header.gas_limit) * u128::from(header.max_fee_per_gas));
            if self.ledger.balance(header.sender, self.gas_asset) < worst {
                return INVALID;
            }
            fee
        };
        let checkpoint = self.checkpoint();
        let mut context = Context {
            sender: header.sender,
            marks: Marks::default(),
            flash_debts: FlashDebts::new(),
            gas: if header.system { 0 } else { gas::TRANSACTION },
            gas_limit: header.gas_limit,
        };
        let outcome = match self.run(tx.calls, 0, tx.calls.len(), &mut context) {
            Ok(()) => Outcome::Success,
            Err((call, reason)) => {
                self.rollback(checkpoint);
                Outcome::Reverted { call: call as u16, reason }
            }
        };
        let gas_used = if header.system { 0 } else { context.gas.min(header.gas_limit) };
        let gas_paid = self.charge_gas(header.sender, gas_used, fee);
        self.clock.gas_used += gas_used;
        Receipt { outcome, gas_used, gas_paid }
    }

    /// Executes a transaction, looks at the result, and undoes it.
    pub fn simulate<R>(
        &mut self,
        tx: Transaction<'_>,
        look: impl FnOnce(&Self, &Receipt) -> R,
    ) -> (Receipt, R) {
        if self.open_checkpoints == 0 {
            self.journal.clear();
        }
        let (checkpoint, gas_used) = (self.checkpoint(), self.clock.gas_used);
        self.open_checkpoints += 1;
        let receipt = self.execute(tx);
        let seen = look(self, &receipt);
        self.open_checkpoints -= 1;
        self.rollback(checkpoint);
        self.clock.gas_used = gas_used;
        (receipt, seen)
    }

    /// What a sender pays per gas (EIP-1559), or `None` where the offer is below the base fee.
    #[must_use]
    pub fn effective_fee(&self, max_fee: u64, max_priority_fee: u64) -> Option<u64> {
        (max_fee >= self.clock.base_fee)
            .then(|| max_fee.min(self.clock.base_fee.saturating_add(max_priority_fee)))
    }

    /// Burns the base fee and pays the rest to the builder.
    fn charge_gas(&mut self, sender: AccountId, gas_used: u64, fee: u64) -> Amount {
        let paid = u128::from(gas_used) * u128::from(fee);
        let burned = u128::from(gas_used) * u128::from(self.clock.base_fee.min(fee));
        let asset = self.gas_asset;
        let flows = [
            Flow::Burn { from: sender, asset, amount: Amount::new(burned) },
            Flow::Move {
                from: sender,
                to: self.builder,
                asset,
                amount: Amount::new(paid - burned),
            },
        ];
        for flow in &flows {
            if self.ledger.perform(flow, &mut self.journal).is_err() {
                // A body moved the gas money away after the check at inclusion: the sender pays what
                // is left. (Contracts buy gas up front; the difference is at most one transaction's.)
                let left = self.ledger.balance(sender, asset);
                let rest = Flow::Burn { from: sender, asset, amount: left };
                let done = self.ledger.perform(&rest, &mut self.journal);
                debug_assert!(done.is_ok());
                return left;
            }
        }
        Amount::new(paid)
    }

    /// A point to return to.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint { entries: self.journal.entries.len(), logs: self.logs.len() }
    }

    /// Undoes everything since a checkpoint, latest first.
    pub fn rollback(&mut self, to: Checkpoint) {
        while self.journal.entries.len() > to.entries {
            let Some(entry) = self.journal.entries.pop() else { break };
            match entry {
                Undo::Balance { index, old } => self.ledger.restore_balance(index, old),
                Undo::Minted { asset, old } => self.ledger.restore_minted(asset, old),
                Undo::Burned { asset, old } => self.ledger.restore_burned(asset, old),
                Undo::Pool { pool } => {
                    if let Some(old) = self.journal.pools.pop() {
                        self.pools[pool.index()] = old;
                    }
                }
                Undo::Reserve { market, reserve } => {
                    if let Some(old) = self.journal.reserves.pop() {
                        self.pooled_mut(market).reserves[usize::from(reserve)] = old;
                    }
                }
                Undo::Position { market, account, old } => {
                    self.pooled_mut(market).positions[account.index()] = old;
                }
                Undo::State { market } => {
                    if let Some(old) = self.journal.states.pop() {
                        self.pooled_mut(market).state = old;
                    }
                }
                Undo::Feed { feed } => {
                    if let Some(old) = self.journal.feeds.pop() {
                        self.feeds[feed.index()] = old;
                    }
                }
            }
        }
        self.logs.truncate(to.logs);
    }

    fn pooled_mut(&mut self, market: MarketId) -> &mut Pooled {
        self.markets[market.index()].pooled_mut()
    }

    /// Runs `calls[from..to]`, bodies nested. The error names the call that failed.
    fn run(
        &mut self,
        calls: &[Call],
        from: usize,
        to: usize,
        context: &mut Context,
    ) -> Result<(), (usize, Revert)> {
        let mut next = from;
        while next < to {
            let call = &calls[next];
            context.gas += gas::of(call);
            if context.gas > context.gas_limit {
                return Err((next, Revert::OutOfGas));
            }
            let body = call.body();
            if body > 0 || matches!(call, Call::FlashLoan { .. }) {
                let end = next + 1 + body;
                if end > to || context.flash_debts.len() == MAX_DEPTH {
                    return Err((next, Revert::MalformedBody));
                }
                self.with_body(calls, next, end, context)?;
                next = end;
            } else {
                self.plain(call, context).map_err(|reason| (next, reason))?;
                next += 1;
            }
        }
        Ok(())
    }

    /// A call with a body: open, body, close on actual balances.
    fn with_body(
        &mut self,
        calls: &[Call],
        at: usize,
        end: usize,
        context: &mut Context,
    ) -> Result<(), (usize, Revert)> {
        let Call::FlashLoan { market, asset, amount, .. } = calls[at] else {
            return Err((at, Revert::MalformedBody));
        };
        let by = context.sender;
        let opened = self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.flash_open(chain, by, reserve, amount, change)
        });
        let premium = opened.map_err(|reason| (at, reason))?;
        let owed = amount.checked_add(premium).ok_or((at, Revert::Overflow))?;
        context.flash_debts.push(owed);
        self.run(calls, at + 1, end, context)?;
        context.flash_debts.pop();
        if self.ledger.balance(by, asset) < owed {
            return Err((at, Revert::FlashLoanNotRepaid));
        }
        self.lending(market, asset, |pooled, chain, reserve, change| {
            pooled.flash_close(chain, by, reserve, amount, change)
        })
        .map_err(|reason| (at, reason))?;
        self.logs.push(Log::FlashLoan { market, by, asset, amount, premium });
        Ok(())
    }

    /// Quotes against a pooled market, moves the flows, applies the change. Returns the actual amount.
    #[inline]
    fn lending(
        &mut self,
        market: MarketId,
        asset: AssetId,
        quote: impl FnOnce(&Pooled, &Self, u16, &mut Change) -> Result<(), LendingError>,
    ) -> Result<Amount, Revert> {
        let pooled = self.markets.get(market.index()).ok_or(Revert::UnknownId)?.pooled();
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
        let Market::Pooled(pooled) = &mut self.markets[market.index()];
        for (index, new) in &change.reserves {
            let slot = &mut pooled.reserves[usize::from(*index)];
            self.journal.reserves.push(*slot);
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

    /// A call without a body.
    fn plain(&mut self, call: &Call, context: &mut Context) -> Result<(), Revert> {
        let by = context.sender;
        match *call {
            Call::Transfer { to, asset, amount } => {
                // A debt handed to a stranger, or collateral given away, would leave the market
                // uncovered; what shares do is the market's business.
                if self.markets.iter().any(|m| m.pooled().is_share(asset)) {
                    return Err(Revert::NotTransferable);
                }
                let amount = self.amount(amount, asset, context)?;
                self.ledger.perform(&Flow::Move { from: by, to, asset, amount }, &mut self.journal)
            }
            Call::Swap { pool, asset_in, amount, min_out } => {
                let amount = self.amount(amount, asset_in, context)?;
                self.swap(by, pool, asset_in, amount, min_out)
            }
            Call::AddLiquidity { pool, max0, max1 } => self.add_liquidity(by, pool, max0, max1),
            Call::RemoveLiquidity { pool, shares } => {
                let share = self.pools.get(pool.index()).ok_or(Revert::UnknownId)?;
                let shares = self.amount(shares, share.constant_product().share, context)?;
                self.remove_liquidity(by, pool, shares)
            }
            Call::Supply { market, asset, amount } => {
                let amount = self.amount(amount, asset, context)?;
                let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.supply(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::Supply { market, by, asset, amount });
                Ok(())
            }
            Call::Withdraw { market, asset, amount } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.withdraw(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::Withdraw { market, by, asset, amount });
                Ok(())
            }
            Call::Borrow { market, asset, amount } => {
                let amount = match amount {
                    AmountExpr::MaxBorrow => {
                        let pooled =
                            self.markets.get(market.index()).ok_or(Revert::UnknownId)?.pooled();
                        let reserve = pooled.reserve_of(asset).ok_or(Revert::UnknownId)?;
                        pooled.max_borrow(self, by, reserve)
                    }
                    other => self.amount(other, asset, context)?,
                };
                let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.borrow(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::Borrow { market, by, asset, amount });
                Ok(())
            }
            Call::Repay { market, asset, amount } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                let amount = self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.repay(chain, by, reserve, amount, change)
                })?;
                self.logs.push(Log::Repay { market, by, asset, amount });
                Ok(())
            }
            Call::SetCollateral { market, asset, enabled } => self
                .lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.set_collateral(chain, by, reserve, enabled, change)
                })
                .map(|_| ()),
            Call::Liquidate { market, borrower, collateral, debt, amount } => {
                let amount = self.amount_or_max(amount, debt, context)?;
                self.liquidate(market, by, borrower, collateral, debt, amount)
            }
            Call::FlashLoan { .. } => Err(Revert::MalformedBody),
            Call::Mark { mark, asset } => {
                let slot = context.marks.get_mut(usize::from(mark)).ok_or(Revert::BadAmount)?;
                *slot = Some((asset, self.ledger.balance(by, asset)));
                Ok(())
            }
            Call::RequireGain { mark, asset, min_gain } => {
                let before = marked(context, mark, asset)?;
                let floor = before.checked_add(min_gain).ok_or(Revert::Overflow)?;
                if self.ledger.balance(by, asset) < floor {
                    return Err(Revert::GainTooSmall);
                }
                Ok(())
            }
            Call::PushPrice { feed, price } => {
                let slot = self.feeds.get_mut(feed.index()).ok_or(Revert::UnknownId)?;
                let Feed::Push(push) = slot else { return Err(Revert::UnknownId) };
                if push.reporter != by {
                    return Err(Revert::NotAuthorised);
                }
                let mut new = *push;
                new.push(price, self.clock.timestamp);
                self.journal.feeds.push(std::mem::replace(slot, Feed::Push(new)));
                self.journal.push(Undo::Feed { feed });
                self.logs.push(Log::PricePushed { feed, price });
                Ok(())
            }
            Call::Checkpoint { feed } => {
                let slot = self.feeds.get_mut(feed.index()).ok_or(Revert::UnknownId)?;
                let Feed::Twap(twap) = slot else { return Err(Revert::UnknownId) };
                let pool = self.pools.get(twap.pool.index()).ok_or(Revert::UnknownId)?;
                let mut new = *twap;
                if !new.checkpoint(pool.constant_product(), self.clock.timestamp)? {
                    return Ok(());
                }
                self.journal.feeds.push(std::mem::replace(slot, Feed::Twap(new)));
                self.journal.push(Undo::Feed { feed });
                Ok(())
            }
            Call::ProposeRisk { market, change: proposed } => self
                .whole_market(market, |pooled, chain, change| {
                    pooled.propose_risk(chain, by, proposed, change)
                }),
            Call::ExecuteRisk { market } => self
                .whole_market(market, |pooled, chain, change| pooled.execute_risk(chain, change)),
            Call::Settle { trader, pays_asset, pays, receives_asset, receives } => {
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
            Call::MintToTreasury { market } => {
                self.whole_market(market, |pooled, chain, change| {
                    pooled.mint_to_treasury(chain, change).map_err(Revert::from)
                })
            }
            Call::CoverDeficit { market, asset, amount } => {
                let amount = self.amount_or_max(amount, asset, context)?;
                self.lending(market, asset, |pooled, chain, reserve, change| {
                    pooled.cover_deficit(chain, by, reserve, amount, change)
                })
                .map(|_| ())
            }
        }
    }

    /// A call on a market as a whole.
    fn whole_market<E>(
        &mut self,
        market: MarketId,
        quote: impl FnOnce(&Pooled, &Self, &mut Change) -> Result<(), E>,
    ) -> Result<(), Revert>
    where
        Revert: From<E>,
    {
        let pooled = self.markets.get(market.index()).ok_or(Revert::UnknownId)?.pooled();
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

    /// Evaluates an amount.
    fn amount(
        &self,
        expr: AmountExpr,
        asset: AssetId,
        context: &Context,
    ) -> Result<Amount, Revert> {
        match expr {
            AmountExpr::Exact(amount) => Ok(amount),
            AmountExpr::All => Ok(self.ledger.balance(context.sender, asset)),
            AmountExpr::DeltaSince(mark) => {
                let before = marked(context, mark, asset)?;
                Ok(self.ledger.balance(context.sender, asset).saturating_sub(before))
            }
            AmountExpr::FlashDebt => context.flash_debts.last().copied().ok_or(Revert::BadAmount),
            AmountExpr::MaxBorrow => Err(Revert::BadAmount),
        }
    }

    /// The same where `All` means the whole position rather than the wallet.
    fn amount_or_max(
        &self,
        expr: AmountExpr,
        asset: AssetId,
        context: &Context,
    ) -> Result<Amount, Revert> {
        match expr {
            AmountExpr::All => Ok(Amount::MAX),
            other => self.amount(other, asset, context),
        }
    }

    /// Stores a pool's new value, the old one journalled.
    fn store_pool(&mut self, id: PoolId, new: Pool) {
        let slot = &mut self.pools[id.index()];
        self.journal.pools.push(std::mem::replace(slot, new));
        self.journal.push(Undo::Pool { pool: id });
    }

    fn swap(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        amount_in: Amount,
        min_out: Amount,
    ) -> Result<(), Revert> {
        let Some(Pool::ConstantProduct(pool)) = self.pools.get(id.index()) else {
            return Err(Revert::UnknownId);
        };
        let mut pool = *pool;
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
        self.store_pool(id, Pool::ConstantProduct(*pool));
        Ok(())
    }

    /// [`Self::update_pool`] after a mint or burn, which also remember the product for the protocol
    /// fee (Uniswap v2 `kLast`).
    fn update_pool_and_k(&mut self, id: PoolId, pool: &mut ConstantProduct) -> Result<(), Revert> {
        let balance0 = self.ledger.balance(pool.account, pool.token0);
        let balance1 = self.ledger.balance(pool.account, pool.token1);
        pool.update(balance0, balance1, self.clock.timestamp)?;
        pool.remember_k();
        self.store_pool(id, Pool::ConstantProduct(*pool));
        Ok(())
    }

    fn add_liquidity(
        &mut self,
        by: AccountId,
        id: PoolId,
        max0: Amount,
        max1: Amount,
    ) -> Result<(), Revert> {
        let Some(Pool::ConstantProduct(pool)) = self.pools.get(id.index()) else {
            return Err(Revert::UnknownId);
        };
        let mut pool = *pool;
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

    fn remove_liquidity(
        &mut self,
        by: AccountId,
        id: PoolId,
        shares: Amount,
    ) -> Result<(), Revert> {
        let Some(Pool::ConstantProduct(pool)) = self.pools.get(id.index()) else {
            return Err(Revert::UnknownId);
        };
        let mut pool = *pool;
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

    fn liquidate(
        &mut self,
        market: MarketId,
        by: AccountId,
        borrower: AccountId,
        collateral: AssetId,
        debt: AssetId,
        amount: Amount,
    ) -> Result<(), Revert> {
        let pooled = self.markets.get(market.index()).ok_or(Revert::UnknownId)?.pooled();
        let collateral_reserve = pooled.reserve_of(collateral).ok_or(Revert::UnknownId)?;
        let repaid = self.lending(market, debt, |pooled, chain, debt_reserve, change| {
            pooled.liquidate(chain, by, borrower, collateral_reserve, debt_reserve, amount, change)
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

const INVALID: Receipt =
    Receipt { outcome: Outcome::Invalid, gas_used: 0, gas_paid: Amount(U256::ZERO) };

/// The balance remembered under a mark, for this asset.
fn marked(context: &Context, mark: u8, asset: AssetId) -> Result<Amount, Revert> {
    match context.marks.get(usize::from(mark)) {
        Some(Some((marked, balance))) if *marked == asset => Ok(*balance),
        _ => Err(Revert::BadAmount),
    }
}
