//! Keepers of a perpetual future: the venue's own liquidation engine.
//!
//! A keeper takes over, at the mark, the positions of accounts that do not cover their maintenance margin, as far
//! as its own margin carries them, and trades them away against makers' offers. It earns nothing by it: the fee is
//! the insurance fund's, so a keeper stands for the venue (Binance's and dYdX's engines), not for a searcher. Where
//! the fund cannot cover what an account owes, it closes the account against the other side.

use super::super::{SpawnError, Token, before_genesis, endow, gas_bid, next_actor_id, wei};
use super::{Contract, MARGIN_USE, Sight, fund, refill};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{Call, PerpetualCall};

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 600_000;

/// Keepers of a perpetual future; they share the accounts among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerpetualKeepersConfig {
    /// How many.
    pub count: u32,
    /// Margin of each at the start, in USD; the venue pays in what is lost of it.
    pub margin_usd: f64,
    /// Most accounts that one liquidates in a block.
    pub most_per_block: u32,
    /// Worst price at which a position is traded away, in basis points of the index.
    pub most_slippage_bps: f64,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei.
    pub priority_fee_gwei: f64,
}

impl Default for PerpetualKeepersConfig {
    /// Judgement: a keeper that carries twenty million dollars of positions at an initial margin of 5 %.
    fn default() -> Self {
        Self {
            count: 1,
            margin_usd: 1_000_000.0,
            most_per_block: 16,
            most_slippage_bps: 300.0,
            gas_purse_tokens: 20.0,
            priority_fee_gwei: 3.0,
        }
    }
}

/// A keeper.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerpetualKeeper {
    contract: Contract,
    gas: Token,
    /// Looks after the accounts whose number leaves this rest.
    share: (u32, u32),
    margin_usd: f64,
    most_per_block: u32,
    most_slippage: f64,
    purse: f64,
    priority_fee_wei: u64,
}

/// What a keeper can still take over in a block.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Means {
    /// Its own position, in lots.
    lots: i64,
    /// Largest position that its margin carries, in lots.
    most: i64,
    /// The insurance fund, in quote units.
    fund: i128,
}

impl Means {
    /// The call that deals with an account at the index; `None` where it covers its margin, or where nothing is
    /// left to take it over with.
    fn deal(&mut self, sight: &Sight<'_>, account: AccountId) -> Option<PerpetualCall> {
        let market = sight.contract.market;
        let position = sight.account(account);
        if !sight.perpetual.contract.is_liquidatable_at(&position, sight.index) {
            return None;
        }
        let equity = position.equity(sight.index);
        if -equity > self.fund {
            return Some(PerpetualCall::Deleverage { market, account });
        }
        // It ends with both positions in one: the same side adds up.
        let room = (self.most - position.lots.signum() * self.lots).max(0);
        let lots = position.lots.unsigned_abs().min(room.unsigned_abs());
        if lots == 0 {
            return None;
        }
        self.lots += position.lots.signum() * lots as i64;
        self.fund -= (-equity).max(0);
        Some(PerpetualCall::Liquidate { market, account, lots })
    }
}

/// Puts keepers into a world.
///
/// # Errors
/// [`SpawnError`].
pub(super) fn spawn(
    world: &mut World,
    market: MarketId,
    symbol: &str,
    config: &PerpetualKeepersConfig,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let mut chain = world.resource_mut::<Chain>();
    let contract = Contract::of(&chain, market)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let cohort = format!("perpetual keeper {symbol}");
        let (actor, wallet) = super::super::enrol(&mut chain, first_id + index, &cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        endow(&mut chain, wallet.0, contract.quote, config.margin_usd)?;
        before_genesis(&mut chain, wallet.0, &[contract.pay_in(config.margin_usd)]);
        let keeper = PerpetualKeeper {
            contract,
            gas,
            share: (index, config.count),
            margin_usd: config.margin_usd,
            most_per_block: config.most_per_block,
            most_slippage: config.most_slippage_bps / 1e4,
            purse: config.gas_purse_tokens,
            priority_fee_wei: wei(config.priority_fee_gwei),
        };
        members.push((actor, wallet, keeper));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets keepers liquidate, and trade away what they took over.
pub fn keep_perpetuals(
    chain: Res<Chain>,
    mut outbox: ResMut<Outbox>,
    keepers: Query<(&Actor, &Wallet, &PerpetualKeeper)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (actor, wallet, keeper) in &keepers {
        let contract = keeper.contract;
        let Some(sight) = contract.look(&chain) else { continue };
        let own = sight.account(wallet.0);
        let equity_usd = sight.equity_usd(&own);
        let gas = gas_bid(&clock, GAS_LIMIT, keeper.priority_fee_wei);
        let mut means = Means {
            lots: own.lots,
            most: contract.lots(MARGIN_USE * equity_usd / contract.initial, sight.index),
            fund: sight.perpetual.contract.insurance,
        };
        let mut sent = 0;
        for (i, position) in sight.perpetual.contract.accounts.iter().enumerate() {
            let account = AccountId(i as u32);
            let is_mine = account.0 % keeper.share.1 == keeper.share.0;
            if position.lots == 0 || account == wallet.0 || !is_mine {
                continue;
            }
            let Some(call) = means.deal(&sight, account) else { continue };
            // One transaction each: who has paid in by then spoils only its own.
            outbox.submit(actor, *wallet, gas, &[Call::Perpetual(call)]);
            sent += 1;
            if sent == keeper.most_per_block {
                break;
            }
        }
        buffer.clear();
        if equity_usd < 0.5 * keeper.margin_usd {
            let lacks = keeper.margin_usd - equity_usd;
            fund(&chain, &mut outbox, wallet.0, &contract, lacks);
            buffer.push(contract.pay_in(lacks));
        }
        sight.take(wallet.0, -own.lots, keeper.most_slippage, &mut buffer);
        if !buffer.is_empty() {
            outbox.submit(actor, *wallet, gas, &buffer);
        }
        if sent > 0 || !buffer.is_empty() {
            refill(&chain, &mut outbox, wallet.0, keeper.gas, keeper.purse);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{INDEX, market, sight};
    use super::*;

    #[test]
    fn positions_are_taken_over_as_far_as_margin_and_fund_go() {
        // Longs of 2,000 dollars with 100, 59 and 10 behind them, a short with 59, one without a position.
        let accounts = [(100.0, 1_000), (59.0, 1_000), (10.0, 1_000), (59.0, -1_000), (5.0, 0)];
        let market = market(&accounts);
        let deals = |most, fund_usd: f64, index| {
            let mut means = Means { lots: 0, most, fund: (fund_usd * 1e5) as i128 };
            let sight = sight(&market, index);
            [0, 1, 2, 3, 4].map(|i| means.deal(&sight, AccountId(i)))
        };
        let over = |i, lots| {
            let (market, account) = (MarketId(0), AccountId(i));
            Some(PerpetualCall::Liquidate { market, account, lots })
        };
        // Three percent are 60 dollars. What is left of the means takes part of a position; the short frees room.
        let now = deals(1_500, 0.0, INDEX);
        assert_eq!(now, [None, over(1, 1_000), over(2, 500), over(3, 1_000), None]);
        // One percent lower the third owes 10: the fund has that, or the other side bears it.
        let lower = deals(9_000, 10.0, INDEX * 99 / 100);
        assert_eq!(lower, [None, over(1, 1_000), over(2, 1_000), None, None]);
        let deleveraged = PerpetualCall::Deleverage { market: MarketId(0), account: AccountId(2) };
        assert_eq!(deals(9_000, 9.0, INDEX * 99 / 100)[2], Some(deleveraged));
    }
}
