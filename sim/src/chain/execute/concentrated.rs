//! What only a Uniswap v3 pool understands: how it is executed.

use super::super::call::concentrated::{ConcentratedCall, ConcentratedLog};
use super::super::call::{Log, Revert};
use super::super::undo::Undo;
use super::super::undo::concentrated::ConcentratedUndo;
use super::super::{Chain, Pool};
use super::body::Opened;
use super::{Context, Stop};
use markets::amm::PoolError;
use markets::amm::concentrated::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO};
use markets::amm::concentrated::{
    Change, Concentrated, ConcentratedError, FlashOpened, PositionWrite, TickWrite,
};
use markets::units::{AccountId, Amount, AssetId, PoolId, U256};

/// A call on a concentrated pool whose body runs now. The pool is locked meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConcentratedOpened {
    /// A flash loan.
    Flash { pool: PoolId, lent0: Amount, lent1: Amount, opened: FlashOpened },
    /// A swap: the pool must find `owed` more of `asset` than it had.
    Swap { pool: PoolId, asset: AssetId, before: Amount, owed: Amount },
    /// A mint: the pool must find these more than it had.
    Mint { pool: PoolId, before: [Amount; 2], owed: [Amount; 2] },
}

impl ConcentratedOpened {
    /// What [`super::AmountExpr::FlashDebt`] stands for inside the body: what is owed, where it is owed in
    /// one token.
    pub(super) fn debt(&self) -> Option<Amount> {
        let one = |owed0: Amount, owed1: Amount| match (owed0.is_zero(), owed1.is_zero()) {
            (_, true) => Some(owed0),
            (true, false) => Some(owed1),
            (false, false) => None,
        };
        match self {
            Self::Flash { lent0, lent1, opened, .. } => {
                one(lent0.checked_add(opened.fee0)?, lent1.checked_add(opened.fee1)?)
            }
            Self::Swap { owed, .. } => Some(*owed),
            Self::Mint { owed: [owed0, owed1], .. } => one(*owed0, *owed1),
        }
    }
}

impl Chain {
    /// A call without a body.
    pub(super) fn concentrated_call(
        &mut self,
        call: &ConcentratedCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        let now = self.clock.timestamp;
        match *call {
            ConcentratedCall::Initialize { pool, sqrt_price } => {
                self.concentrated(pool, |pool, change| {
                    pool.quote_initialize(sqrt_price, now, change)
                })?;
            }
            ConcentratedCall::Mint { pool, owner, lower, upper, liquidity, body: None } => {
                let (amount0, amount1) = self.concentrated(pool, |pool, change| {
                    pool.quote_mint(owner, lower, upper, liquidity, now, change)
                })?;
                self.pay_pool(by, pool, amount0, amount1)?;
                let log = ConcentratedLog::Mint { pool, owner, amount0, amount1 };
                self.logs.push(Log::Concentrated(log));
            }
            ConcentratedCall::Burn { pool, lower, upper, liquidity } => {
                let (amount0, amount1) = self.concentrated(pool, |pool, change| {
                    pool.quote_burn(by, lower, upper, liquidity, now, change)
                })?;
                let log = ConcentratedLog::Burn { pool, owner: by, amount0, amount1 };
                self.logs.push(Log::Concentrated(log));
            }
            ConcentratedCall::Collect { pool, lower, upper, max0, max1 } => {
                let (amount0, amount1) = self.concentrated(pool, |pool, change| {
                    pool.quote_collect(by, lower, upper, max0, max1, change)
                })?;
                self.pool_pays(by, pool, amount0, amount1)?;
                let log = ConcentratedLog::Collect { pool, owner: by, amount0, amount1 };
                self.logs.push(Log::Concentrated(log));
            }
            ConcentratedCall::Swap {
                pool,
                zero_for_one,
                exact_out,
                amount,
                sqrt_price_limit,
                body: None,
            } => {
                let specified = self.specified(pool, zero_for_one, exact_out)?;
                let amount = self.amount(amount, specified, context)?;
                let sale =
                    Sale { by, pool, zero_for_one, exact_out, amount, limit: sqrt_price_limit };
                let asset_in = self.specified(pool, zero_for_one, false)?;
                let (paid, got) = self.concentrated_trade(&sale, context)?;
                self.log_swap(pool, by, asset_in, paid, got);
            }
            ConcentratedCall::SetFeeProtocol { pool, fee0, fee1 } => {
                self.concentrated(pool, |pool, change| {
                    pool.quote_set_fee_protocol(by, fee0, fee1, change)
                })?;
            }
            ConcentratedCall::CollectProtocol { pool, max0, max1 } => {
                let (amount0, amount1) = self.concentrated(pool, |pool, change| {
                    pool.quote_collect_protocol(by, max0, max1, change)
                })?;
                self.pool_pays(by, pool, amount0, amount1)?;
                let log = ConcentratedLog::CollectProtocol { pool, by, amount0, amount1 };
                self.logs.push(Log::Concentrated(log));
            }
            ConcentratedCall::IncreaseCardinality { pool, cardinality } => {
                self.concentrated(pool, |pool, change| {
                    pool.quote_increase_cardinality(cardinality, change)
                })?;
            }
            ConcentratedCall::Mint { .. }
            | ConcentratedCall::Swap { .. }
            | ConcentratedCall::Flash { .. } => return Err(Revert::MalformedBody.into()),
        }
        Ok(())
    }

    /// Opens a call with a body.
    pub(super) fn concentrated_open(
        &mut self,
        call: &ConcentratedCall,
        context: &mut Context,
    ) -> Result<Opened, Stop> {
        let by = context.sender;
        let now = self.clock.timestamp;
        let opened = match *call {
            ConcentratedCall::Flash { pool, amount0, amount1, .. } => {
                let [balance0, balance1] = self.pool_balances(pool)?;
                let mut opened = None;
                self.concentrated(pool, |pool, change| {
                    let quote =
                        pool.quote_flash_open(amount0, amount1, balance0, balance1, change)?;
                    opened = Some(quote);
                    Ok(())
                })?;
                self.pool_pays(by, pool, amount0, amount1)?;
                let opened = opened.ok_or(Revert::MalformedBody)?;
                ConcentratedOpened::Flash { pool, lent0: amount0, lent1: amount1, opened }
            }
            ConcentratedCall::Mint { pool, owner, lower, upper, liquidity, .. } => {
                let before = self.pool_balances(pool)?;
                let (amount0, amount1) = self.concentrated(pool, |pool, change| {
                    pool.quote_mint(owner, lower, upper, liquidity, now, change)
                })?;
                let log = ConcentratedLog::Mint { pool, owner, amount0, amount1 };
                self.logs.push(Log::Concentrated(log));
                self.set_unlocked(pool, false)?;
                ConcentratedOpened::Mint { pool, before, owed: [amount0, amount1] }
            }
            ConcentratedCall::Swap {
                pool,
                zero_for_one,
                exact_out,
                amount,
                sqrt_price_limit,
                ..
            } => {
                let specified = self.specified(pool, zero_for_one, exact_out)?;
                let amount = self.amount(amount, specified, context)?;
                let sale =
                    Sale { by, pool, zero_for_one, exact_out, amount, limit: sqrt_price_limit };
                let [before0, before1] = self.pool_balances(pool)?;
                let before = if zero_for_one { before0 } else { before1 };
                let (asset, owed, got) = self.quote_and_send(&sale, context)?;
                self.log_swap(pool, by, asset, owed, got);
                self.set_unlocked(pool, false)?;
                ConcentratedOpened::Swap { pool, asset, before, owed }
            }
            _ => return Err(Revert::MalformedBody.into()),
        };
        Ok(Opened::Concentrated(opened))
    }

    /// Ends a call with a body on the balances that the pool then has.
    pub(super) fn concentrated_close(
        &mut self,
        opened: &ConcentratedOpened,
        by: AccountId,
    ) -> Result<(), Revert> {
        let covered = |before: Amount, owed: Amount, after: Amount| {
            before.checked_add(owed).is_some_and(|floor| floor <= after)
        };
        match opened {
            ConcentratedOpened::Flash { pool, opened, .. } => {
                let [balance0, balance1] = self.pool_balances(*pool)?;
                let (paid0, paid1) = self.concentrated(*pool, |pool, change| {
                    pool.quote_flash_close(opened, balance0, balance1, change)
                })?;
                let log = ConcentratedLog::Flash { pool: *pool, by, paid0, paid1 };
                self.logs.push(Log::Concentrated(log));
                Ok(())
            }
            ConcentratedOpened::Swap { pool, asset, before, owed } => {
                let account = self.concentrated_in(*pool)?.account;
                if !covered(*before, *owed, self.ledger.balance(account, *asset)) {
                    return Err(ConcentratedError::InsufficientInput.into());
                }
                self.set_unlocked(*pool, true)
            }
            ConcentratedOpened::Mint { pool, before, owed } => {
                let after = self.pool_balances(*pool)?;
                if !covered(before[0], owed[0], after[0]) {
                    return Err(ConcentratedError::Mint0.into());
                }
                if !covered(before[1], owed[1], after[1]) {
                    return Err(ConcentratedError::Mint1.into());
                }
                self.set_unlocked(*pool, true)
            }
        }
    }

    /// Sells exactly `amount_in` (less where the pool runs out) for at least `min_out`: the common verb.
    pub(super) fn concentrated_swap(
        &mut self,
        by: AccountId,
        id: PoolId,
        asset_in: AssetId,
        amount_in: Amount,
        min_out: Amount,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let pool = self.concentrated_in(id)?;
        pool.other(asset_in).ok_or(PoolError::UnknownAsset)?;
        let zero_for_one = asset_in == pool.token0;
        let sale = Sale::without_limit(by, id, zero_for_one, false, amount_in);
        let (paid, got) = self.concentrated_trade(&sale, context)?;
        if got < min_out {
            return Err(PoolError::TooLittleReceived.into());
        }
        self.log_swap(id, by, asset_in, paid, got);
        Ok(())
    }

    /// Buys exactly `amount_out` for at most `max_in`: the common verb.
    pub(super) fn concentrated_swap_exact_out(
        &mut self,
        id: PoolId,
        asset_out: AssetId,
        amount_out: Amount,
        max_in: Amount,
        context: &mut Context,
    ) -> Result<(), Revert> {
        let pool = self.concentrated_in(id)?;
        let asset_in = pool.other(asset_out).ok_or(PoolError::UnknownAsset)?;
        let zero_for_one = asset_in == pool.token0;
        let sale = Sale::without_limit(context.sender, id, zero_for_one, true, amount_out);
        let (paid, got) = self.concentrated_trade(&sale, context)?;
        if got < amount_out {
            return Err(PoolError::TooLittleReceived.into());
        }
        if paid > max_in {
            return Err(PoolError::ExcessiveInput.into());
        }
        self.log_swap(id, context.sender, asset_in, paid, got);
        Ok(())
    }

    /// A swap paid from what the sender holds. Returns what was paid in and what was sent.
    fn concentrated_trade(
        &mut self,
        sale: &Sale,
        context: &mut Context,
    ) -> Result<(Amount, Amount), Revert> {
        let (asset, paid, got) = self.quote_and_send(sale, context)?;
        let to = self.concentrated_in(sale.pool)?.account;
        self.ledger.transfer(sale.by, to, asset, paid, &mut self.journal)?;
        Ok((paid, got))
    }

    /// Quotes and applies a swap, and sends the output to the sender. Returns the asset paid in, what is
    /// owed of it, and what was sent.
    fn quote_and_send(
        &mut self,
        sale: &Sale,
        context: &mut Context,
    ) -> Result<(AssetId, Amount, Amount), Revert> {
        let Sale { by, pool: id, zero_for_one, exact_out, amount, limit } = *sale;
        let now = self.clock.timestamp;
        let mut crossed = 0;
        let (amount0, amount1) = self.concentrated(id, |pool, change| {
            pool.quote_swap(zero_for_one, !exact_out, amount.0, limit, now, change)?;
            crossed = change.crossed.len();
            Ok(())
        })?;
        context.gas += ConcentratedCall::GAS_PER_TICK * crossed as u64;
        if context.gas > context.gas_limit {
            return Err(Revert::OutOfGas);
        }
        let pool = self.concentrated_in(id)?;
        let (from, token0, token1) = (pool.account, pool.token0, pool.token1);
        let (asset_in, paid, asset, got) = if zero_for_one {
            (token0, amount0, token1, amount1)
        } else {
            (token1, amount1, token0, amount0)
        };
        self.ledger.transfer(from, by, asset, got, &mut self.journal)?;
        Ok((asset_in, paid, got))
    }

    fn log_swap(
        &mut self,
        pool: PoolId,
        by: AccountId,
        asset_in: AssetId,
        amount_in: Amount,
        amount_out: Amount,
    ) {
        self.logs.push(Log::Swap { pool, by, asset_in, amount_in, amount_out });
    }

    /// The asset that a swap's amount is of.
    fn specified(
        &self,
        pool: PoolId,
        zero_for_one: bool,
        exact_out: bool,
    ) -> Result<AssetId, Revert> {
        let pool = self.concentrated_in(pool)?;
        Ok(if zero_for_one == exact_out { pool.token1 } else { pool.token0 })
    }

    fn concentrated_in(&self, id: PoolId) -> Result<&Concentrated, Revert> {
        self.pools.get(id.index()).and_then(Pool::concentrated).ok_or(Revert::UnknownId)
    }

    fn pool_balances(&self, id: PoolId) -> Result<[Amount; 2], Revert> {
        let pool = self.concentrated_in(id)?;
        Ok([pool.token0, pool.token1].map(|token| self.ledger.balance(pool.account, token)))
    }

    /// Moves both tokens from the pool.
    fn pool_pays(
        &mut self,
        to: AccountId,
        id: PoolId,
        amount0: Amount,
        amount1: Amount,
    ) -> Result<(), Revert> {
        let pool = self.concentrated_in(id)?;
        let (from, tokens) = (pool.account, [pool.token0, pool.token1]);
        self.move_both(from, to, tokens, [amount0, amount1])
    }

    /// Moves both tokens to the pool.
    fn pay_pool(
        &mut self,
        from: AccountId,
        id: PoolId,
        amount0: Amount,
        amount1: Amount,
    ) -> Result<(), Revert> {
        let pool = self.concentrated_in(id)?;
        let (to, tokens) = (pool.account, [pool.token0, pool.token1]);
        self.move_both(from, to, tokens, [amount0, amount1])
    }

    fn move_both(
        &mut self,
        from: AccountId,
        to: AccountId,
        tokens: [AssetId; 2],
        amounts: [Amount; 2],
    ) -> Result<(), Revert> {
        for (asset, amount) in tokens.into_iter().zip(amounts) {
            self.ledger.transfer(from, to, asset, amount, &mut self.journal)?;
        }
        Ok(())
    }

    fn set_unlocked(&mut self, id: PoolId, unlocked: bool) -> Result<(), Revert> {
        let Some(pool) = self.pools.get_mut(id.index()).and_then(Pool::concentrated_mut) else {
            return Err(Revert::UnknownId);
        };
        self.journal.concentrated.states.push(pool.state);
        self.journal.push(Undo::Concentrated(ConcentratedUndo::State { pool: id }));
        pool.state.unlocked = unlocked;
        Ok(())
    }

    /// Quotes against a concentrated pool and stores the new values, each old one journalled. Returns the
    /// quote's amounts; whoever asked moves them.
    #[inline]
    fn concentrated(
        &mut self,
        id: PoolId,
        quote: impl FnOnce(&Concentrated, &mut Change) -> Result<(), ConcentratedError>,
    ) -> Result<(Amount, Amount), Revert> {
        let mut change = self.journal.concentrated.change.take().unwrap_or_default();
        let result = match self.pools.get_mut(id.index()).and_then(Pool::concentrated_mut) {
            None => Err(Revert::UnknownId),
            Some(pool) => match quote(pool, &mut change) {
                Err(reason) => Err(reason.into()),
                Ok(()) => {
                    self.store_concentrated(id, &change);
                    Ok((Amount(change.amount0), Amount(change.amount1)))
                }
            },
        };
        self.journal.concentrated.change = Some(change);
        result
    }

    fn store_concentrated(&mut self, id: PoolId, change: &Change) {
        let Some(pool) = self.pools[id.index()].concentrated_mut() else { return };
        let journal = &mut self.journal;
        let mut note = |entry| journal.entries.push(Undo::Concentrated(entry));
        let stacks = &mut journal.concentrated;
        stacks.states.push(pool.state);
        note(ConcentratedUndo::State { pool: id });
        pool.state = change.state;
        let slots = pool.observations.len() as u16;
        if change.slots > slots {
            note(ConcentratedUndo::Slots { pool: id, old: slots });
            pool.reserve_slots(change.slots);
        }
        if let Some((index, observation)) = change.observation {
            let slot = &mut pool.observations[usize::from(index)];
            stacks.observations.push(std::mem::replace(slot, observation));
            note(ConcentratedUndo::Observation { pool: id, index });
        }
        for (tick, outside) in &change.crossed {
            let slot = &mut pool.ticks[*tick as usize].outside;
            stacks.outsides.push(std::mem::replace(slot, *outside));
            note(ConcentratedUndo::Crossed { pool: id, tick: *tick });
        }
        for write in &change.ticks {
            match *write {
                TickWrite::Insert(tick, _) => {
                    note(ConcentratedUndo::TickInserted { pool: id, tick });
                }
                TickWrite::Set(tick, _) => {
                    stacks.ticks.push(pool.ticks[tick as usize]);
                    note(ConcentratedUndo::Tick { pool: id, tick });
                }
                TickWrite::Remove(tick) => {
                    stacks.ticks.push(pool.ticks[tick as usize]);
                    note(ConcentratedUndo::TickRemoved { pool: id, tick });
                }
            }
            pool.write_tick(write);
        }
        if let Some(write) = &change.position {
            match *write {
                PositionWrite::Insert(position, _) => {
                    note(ConcentratedUndo::PositionInserted { pool: id, position });
                }
                PositionWrite::Set(position, _) => {
                    stacks.positions.push(pool.positions[position as usize]);
                    note(ConcentratedUndo::Position { pool: id, position });
                }
            }
            pool.write_position(write);
        }
    }

    /// Undoes one entry.
    pub(super) fn concentrated_undo(&mut self, entry: ConcentratedUndo) {
        use ConcentratedUndo as U;
        let (U::State { pool: id }
        | U::Observation { pool: id, .. }
        | U::Slots { pool: id, .. }
        | U::Crossed { pool: id, .. }
        | U::Tick { pool: id, .. }
        | U::TickInserted { pool: id, .. }
        | U::TickRemoved { pool: id, .. }
        | U::Position { pool: id, .. }
        | U::PositionInserted { pool: id, .. }) = entry;
        let Some(pool) = self.pools[id.index()].concentrated_mut() else { return };
        let stacks = &mut self.journal.concentrated;
        match entry {
            U::State { .. } => restore(&mut pool.state, stacks.states.pop()),
            U::Observation { index, .. } => {
                restore(&mut pool.observations[usize::from(index)], stacks.observations.pop());
            }
            U::Slots { old, .. } => pool.observations.truncate(old.into()),
            U::Crossed { tick, .. } => {
                restore(&mut pool.ticks[tick as usize].outside, stacks.outsides.pop());
            }
            U::Tick { tick, .. } => restore(&mut pool.ticks[tick as usize], stacks.ticks.pop()),
            U::TickInserted { tick, .. } => {
                pool.ticks.remove(tick as usize);
            }
            U::TickRemoved { tick, .. } => {
                if let Some(old) = stacks.ticks.pop() {
                    pool.ticks.insert(tick as usize, old);
                }
            }
            U::Position { position, .. } => {
                restore(&mut pool.positions[position as usize], stacks.positions.pop());
            }
            U::PositionInserted { position, .. } => {
                pool.positions.remove(position as usize);
            }
        }
    }
}

/// A swap as it is asked for.
struct Sale {
    by: AccountId,
    pool: PoolId,
    zero_for_one: bool,
    exact_out: bool,
    amount: Amount,
    limit: U256,
}

impl Sale {
    /// As far as the pool's prices go.
    fn without_limit(
        by: AccountId,
        pool: PoolId,
        zero_for_one: bool,
        exact_out: bool,
        amount: Amount,
    ) -> Self {
        let one = U256::from(1);
        let limit = if zero_for_one { MIN_SQRT_RATIO + one } else { MAX_SQRT_RATIO - one };
        Self { by, pool, zero_for_one, exact_out, amount, limit }
    }
}

fn restore<T>(slot: &mut T, old: Option<T>) {
    if let Some(old) = old {
        *slot = old;
    }
}
