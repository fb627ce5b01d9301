//! From a move and a share to calls on the chain.

use super::super::moves::{Lender, Move};
use super::super::outcome::{max_borrow, offered, supplied};
use super::{Hand, Player, Record, Sized, Step};
use markets::math::{Rounding, mul_div};
use markets::units::{Amount, AssetId, MarketId, PoolId, U256, WAD};
use sim::chain::call::{
    AmountExpr, Call, CompoundCall, ConcentratedCall, DeskCall, OracleCall, PairCall,
    PerpetualCall, StableSwapCall,
};
use sim::chain::{Chain, Market, Pool};

impl<'a> Player<'a> {
    /// A move within a transaction.
    pub(super) fn perform(
        &mut self,
        chain: &mut Chain,
        hand: &mut Hand,
        step: &Step,
        record: &mut Option<Record>,
    ) -> Option<Sized> {
        let by = self.ground.attacker;
        if let Move::Flash(lender) = step.action {
            let size = self.lend(chain, hand, lender, step)?;
            if let Some(record) = record {
                record.flash_usd += size.used * self.ground.fair.unit_usd(lender.asset());
            }
            return Some(size);
        }
        let held = match step.action {
            Move::Withdraw { market, asset } => supplied(chain, market, by, asset),
            Move::Borrow { market, asset } => max_borrow(chain, market, by, asset),
            Move::TakeOffer { market, maker } => offered(chain, market, maker),
            Move::AddLiquidity { .. } | Move::ClosePosition { .. } => Amount::MAX,
            other => other.spends().map_or(Amount::MAX, |asset| chain.balance(by, asset)),
        };
        if held.is_zero() {
            return None;
        }
        let amount = step.amount(held);
        if amount.is_zero() {
            return None;
        }
        let size = self.size(step.action, held, amount);
        let exact = AmountExpr::Exact(amount);
        let whole = step.share >= 1.0;
        let session = &mut hand.session;
        let mut call = |call| session.call(chain, call);
        match step.action {
            Move::Swap { pool, from, to } => {
                call(swap(self.pool(pool), pool, from, to, amount)).ok()?
            }
            Move::Supply { market, asset } => {
                call(Call::Supply { market, asset, amount: exact }).ok()?;
                if self.ground.chain.markets()[market.index()].compound().is_some() {
                    call(Call::SetCollateral { market, asset, enabled: true }).ok()?;
                }
            }
            Move::Withdraw { market, asset } => {
                let amount = if whole { AmountExpr::All } else { exact };
                call(Call::Withdraw { market, asset, amount }).ok()?;
            }
            Move::Borrow { market, asset } => {
                call(Call::Borrow { market, asset, amount: exact }).ok()?;
            }
            Move::Repay { market, asset } => {
                let all = Call::Repay { market, asset, amount: AmountExpr::All };
                if !whole || call(all).is_err() {
                    call(Call::Repay { market, asset, amount: exact }).ok()?;
                }
            }
            Move::OpenPosition { market, .. } => {
                call(Call::Desk(DeskCall::Open { market, margin: exact })).ok()?;
            }
            Move::ClosePosition { market } => {
                call(Call::Desk(DeskCall::Close { market })).ok()?;
            }
            Move::TakeOffer { market, maker } => {
                let lots = u64::try_from(amount.0).ok()?;
                call(Call::Perpetual(PerpetualCall::Take { market, maker, lots })).ok()?;
            }
            Move::AddLiquidity { pool, .. } => {
                let pair = self.pool(pool).constant_product()?;
                let [max0, max1] = [pair.token0, pair.token1]
                    .map(|asset| Step { scale: None, ..*step }.amount(chain.balance(by, asset)));
                session.call(chain, Call::AddLiquidity { pool, max0, max1 }).ok()?;
            }
            Move::RemoveLiquidity { pool, .. } => {
                call(Call::RemoveLiquidity { pool, shares: exact }).ok()?;
            }
            Move::AddCoin { pool, asset } => {
                let stable = self.pool(pool).stable_swap()?;
                let mut amounts = markets::amm::stable_swap::Coins::default();
                amounts[stable.index_of(asset).ok()?] = amount;
                let min_shares = Amount::ZERO;
                call(Call::StableSwap(StableSwapCall::AddLiquidity { pool, amounts, min_shares }))
                    .ok()?;
            }
            Move::RemoveCoin { pool, asset, .. } => {
                call(Call::StableSwap(StableSwapCall::RemoveLiquidityOneCoin {
                    pool,
                    shares: exact,
                    asset_out: asset,
                    min_out: Amount::ZERO,
                }))
                .ok()?;
            }
            Move::DonateToPair { pool, asset } => {
                let to = self.pool(pool).account();
                call(Call::Transfer { to, asset, amount: exact }).ok()?;
                call(Call::Pair(PairCall::Sync { pool })).ok()?;
            }
            Move::DonateToVault { pool, asset } => {
                let to = self.pool(pool).account();
                call(Call::Transfer { to, asset, amount: exact }).ok()?;
            }
            Move::DonateToMarket { to, asset, .. } => {
                call(Call::Transfer { to, asset, amount: exact }).ok()?;
            }
            Move::FirstVaultShares { pool, asset } => {
                let Pool::ShareVault(vault) = self.pool(pool) else { return None };
                call(swap(self.pool(pool), pool, asset, vault.share, FIRST_SHARES)).ok()?;
            }
            Move::FirstMarketShares { market, asset } => {
                let (amount, surplus) = first_supply(&self.ground.chain, market, asset)?;
                call(Call::Supply { market, asset, amount }).ok()?;
                if let Some(tokens) = surplus {
                    call(Call::Compound(CompoundCall::Redeem { market, asset, tokens })).ok()?;
                }
                call(Call::SetCollateral { market, asset, enabled: true }).ok()?;
            }
            Move::Liquidate { market, borrower, collateral, debt } => {
                let liquidate =
                    |amount| Call::Liquidate { market, borrower, collateral, debt, amount };
                if !whole || call(liquidate(AmountExpr::All)).is_err() {
                    call(liquidate(exact)).ok()?;
                }
            }
            Move::BorrowApart { market, collateral, debt } => {
                self.borrow_apart(chain, hand, market, (collateral, amount), debt)?;
            }
            Move::DealApart { market, long, .. } => {
                self.deal_apart(chain, hand, market, amount, long)?;
            }
            Move::Poke { feed } => call(Call::Oracle(OracleCall::Poke { feed })).ok()?,
            Move::Checkpoint { feed } => call(Call::Checkpoint { feed }).ok()?,
            Move::ExecuteRisk { market } => call(Call::ExecuteRisk { market }).ok()?,
            Move::Flash(_) | Move::LetPass { .. } | Move::Wait { .. } => return None,
        }
        Some(size)
    }

    /// The pool, as it is for good: kind, account and assets do not change.
    pub(super) fn pool(&self, id: PoolId) -> &'a Pool {
        self.ground.chain.pool(id)
    }

    fn size(&mut self, action: Move, held: Amount, used: Amount) -> Sized {
        let Some(asset) = action.spends().filter(|_| action.is_sized()) else {
            return Sized::default();
        };
        let peak = &mut self.peak[asset.index()];
        *peak = (*peak).max(held);
        Sized { hand: held.to_f64(), peak: peak.to_f64(), used: used.to_f64() }
    }

    /// Opens a flash loan; only at the beginning of a transaction.
    fn lend(
        &mut self,
        chain: &mut Chain,
        hand: &mut Hand,
        lender: Lender,
        step: &Step,
    ) -> Option<Sized> {
        let only_loans = hand.session.calls().len() == hand.session.depth();
        if !only_loans || hand.loans.iter().any(|(other, _)| *other == lender) {
            return None;
        }
        let (asset, one) = (lender.asset(), Amount::new(1));
        let to = self.ground.attacker;
        let available = match lender {
            Lender::Market { market, asset } => match &chain.markets()[market.index()] {
                Market::Pooled(pooled) => {
                    pooled.available(chain, pooled.reserve(pooled.reserve_of(asset)?).ok()?)
                }
                Market::Isolated(isolated) => chain.balance(isolated.account, asset),
                _ => return None,
            },
            Lender::Pair { pool, asset } => {
                let (reserve, _) = self.fork_pair(chain, pool, asset)?;
                Amount::new(reserve).saturating_sub(one)
            }
            Lender::Concentrated { pool, asset } => {
                chain.balance(self.pool(pool).account(), asset).saturating_sub(one)
            }
        };
        let amount = step.amount(available);
        if amount.is_zero() {
            return None;
        }
        let zero = Amount::ZERO;
        // The length of the body is written when it is closed.
        let call = match lender {
            Lender::Market { market, asset } => Call::FlashLoan { market, asset, amount, body: 1 },
            Lender::Pair { pool, asset } => {
                let first = self.pool(pool).constant_product()?.token0 == asset;
                let (out0, out1) = if first { (amount, zero) } else { (zero, amount) };
                Call::Pair(PairCall::Swap { pool, out0, out1, to, body: 1 })
            }
            Lender::Concentrated { pool, asset } => {
                let first = self.pool(pool).concentrated()?.token0 == asset;
                let (amount0, amount1) = if first { (amount, zero) } else { (zero, amount) };
                Call::Concentrated(ConcentratedCall::Flash { pool, amount0, amount1, body: 1 })
            }
        };
        hand.session.open(chain, call).ok()?;
        hand.loans.push((lender, amount));
        let held = chain.balance(to, asset);
        self.peak[asset.index()] = self.peak[asset.index()].max(held);
        Some(Sized { hand: available.to_f64(), peak: 0.0, used: amount.to_f64() })
    }

    fn fork_pair(&self, chain: &Chain, pool: PoolId, asset: AssetId) -> Option<(u128, u128)> {
        chain.pool(pool).constant_product()?.reserves_from(asset).ok()
    }
}

/// Shares that a first deposit is to mint: of one alone nothing can be redeemed while something stays.
const FIRST_SHARES: Amount = Amount(U256::from_limbs([2, 0, 0, 0]));

/// The least of an asset for which an empty reserve mints its first shares, and what it mints beyond them.
fn first_supply(
    chain: &Chain,
    market: MarketId,
    asset: AssetId,
) -> Option<(AmountExpr, Option<AmountExpr>)> {
    let compound = chain.markets()[market.index()].compound()?;
    let rate = compound.tokens[usize::from(compound.token_of(asset)?)].initial_exchange_rate;
    let amount = mul_div(FIRST_SHARES.0, rate.0, WAD, Rounding::Ceil)?;
    let minted = Amount(mul_div(amount, WAD, rate.0, Rounding::Floor)?);
    let surplus = minted.saturating_sub(FIRST_SHARES);
    let surplus = (!surplus.is_zero()).then_some(AmountExpr::Exact(surplus));
    Some((AmountExpr::Exact(Amount(amount)), surplus))
}

/// Whether a pool sells `to` for `from`.
pub(super) fn trades(pool: &Pool, from: AssetId, to: AssetId) -> bool {
    match pool {
        Pool::ConstantProduct(pair) => pair.other(from) == Ok(to),
        Pool::Concentrated(pool) => pool.other(from) == Some(to),
        Pool::StableSwap(pool) => pool.coins().contains(&from) && pool.coins().contains(&to),
        Pool::Exponential(pool) => pool.other(from) == Ok(to),
        Pool::FixedPrice(pool) => pool.other(from) == Ok(to),
        Pool::ShareVault(vault) => vault.other(from) == Ok(to),
    }
}

/// The call that sells one asset to a pool for another.
pub(super) fn swap(kind: &Pool, pool: PoolId, from: AssetId, to: AssetId, amount: Amount) -> Call {
    let (amount, min_out) = (AmountExpr::Exact(amount), Amount::ZERO);
    match kind {
        Pool::StableSwap(_) => Call::StableSwap(StableSwapCall::Exchange {
            pool,
            asset_in: from,
            asset_out: to,
            amount,
            min_out,
        }),
        _ => Call::Swap { pool, asset_in: from, amount, min_out },
    }
}
