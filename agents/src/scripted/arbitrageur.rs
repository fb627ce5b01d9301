//! Arbitrageurs: keep a pool's price at the exchange's, less what it costs to bring it there.
//!
//! The size is the closed form of a constant-product pool (`ConstantProduct::optimal_in`): sell until
//! the marginal output, fee included, equals the price at which the exchange takes the inventory back,
//! its spread, fee and own impact included. The trade is guarded by its minimum output, so that a pool
//! that moved first costs gas, not money. Inventory goes back to its targets at the exchange, a block
//! later: the risk between is the arbitrageur's.

use super::{SpawnError, Token, Treasury, Wants, endow, enrol, gas_bid, gas_of, next_actor_id};
use bevy_ecs::prelude::*;
use markets::amm::constant_product::ConstantProduct;
use markets::units::{Amount, PoolId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, GasBid, Outbox, Wallet};
use sim::chain::call::{AmountExpr, Call};
use sim::chain::{Chain, Clock};
use sim::exchange::Exchange;
use sim::prices::FairPrices;

/// Gas of a trade: one swap.
const GAS: u64 = gas_of::TRANSACTION + gas_of::SWAP;

/// Arbitrageurs of one pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArbitrageurConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// How many; they compete by tips, and losers pay for failed trades.
    pub count: u32,
    /// Inventory of each of the pool's two assets, in USD.
    pub capital_usd: f64,
    /// Smallest profit after gas, in USD.
    pub min_profit_usd: f64,
    /// Share of the profit offered as the tip.
    pub bid_share: f64,
    /// Gap of an inventory from its target that is traded back, as a ratio.
    pub inventory_band: f64,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
}

impl Default for ArbitrageurConfig {
    /// Judgement; capital of the order of a small pool's reserves.
    fn default() -> Self {
        Self {
            cohort: "arbitrageurs".to_owned(),
            count: 1,
            capital_usd: 500_000.0,
            min_profit_usd: 5.0,
            bid_share: 0.3,
            inventory_band: 0.1,
            gas_purse_tokens: 30.0,
        }
    }
}

/// An arbitrageur of one pool.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arbitrageur {
    pool: PoolId,
    tokens: [Token; 2],
    gas: Token,
    min_profit_usd: f64,
    bid_share: f64,
    treasury: Treasury,
}

/// A trade worth making.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Trade {
    sell: Token,
    amount_in: Amount,
    min_out: Amount,
    /// Before gas, in USD.
    profit_usd: f64,
}

/// Whole tokens of `buy`'s counter-asset that a trip back over the exchange costs: the price of one
/// token of `sell` there, in tokens of `buy`, when `usd` are traded.
fn price_back(exchange: &Exchange, prices: &FairPrices, sell: Token, buy: Token, usd: f64) -> f64 {
    let costs = exchange.cost_ratio(sell.asset) + exchange.cost_ratio(buy.asset);
    let half_impact = |token: Token| {
        let depth = exchange.depth_usd(token.asset);
        if exchange.impact_enabled() && depth > 0.0 { 0.005 * usd / depth } else { 0.0 }
    };
    let slip = half_impact(sell) + half_impact(buy);
    prices.usd(sell.asset) / prices.usd(buy.asset) * (1.0 + costs + slip)
}

/// The best sale of `sell` to the pool, to be bought back at the exchange; `None` where it does not
/// pay before gas. One division decides the usual case.
fn best_sale(
    pool: &ConstantProduct,
    exchange: &Exchange,
    prices: &FairPrices,
    (sell, buy): (Token, Token),
    capital: Amount,
) -> Option<Trade> {
    let keep = 1.0 - f64::from(pool.fee.0) / 1e6;
    let small = buy.unit / sell.unit;
    let mut back = price_back(exchange, prices, sell, buy, 0.0) * small;
    if pool.spot_price(sell.asset) * keep <= back {
        return None;
    }
    let mut size = 0.0;
    // The exchange's price depends on the size; two rounds settle it.
    for _ in 0..2 {
        size = pool.optimal_in(sell.asset, back);
        let usd = size / sell.unit * prices.usd(sell.asset);
        back = price_back(exchange, prices, sell, buy, usd) * small;
    }
    let size = size.min(pool.optimal_in(sell.asset, back));
    let amount_in = Amount::from_f64_floor(size).min(capital);
    let quote = pool.quote_exact_in(sell.asset, amount_in).ok()?;
    let cost = amount_in.to_f64() * back;
    let profit = quote.amount_out.to_f64() - cost;
    Some(Trade {
        sell,
        amount_in,
        // Half of the profit may be lost to whoever moves the pool first.
        min_out: Amount::from_f64_floor(cost + 0.5 * profit.max(0.0)),
        profit_usd: profit / buy.unit * prices.usd(buy.asset),
    })
}

/// The offer for gas of somebody who expects `profit_usd`, and what is left after paying it; the tip is
/// a share of what remains after the base fee, within what the purse can pay.
pub(crate) fn bid(
    clock: &Clock,
    gas_used: u64,
    profit_usd: f64,
    bid_share: f64,
    gas_price_usd: f64,
    purse_tokens: f64,
) -> Option<(GasBid, f64)> {
    let base_usd = gas_used as f64 * clock.base_fee as f64 * 1e-18 * gas_price_usd;
    let surplus_usd = profit_usd - base_usd;
    if surplus_usd <= 0.0 {
        return None;
    }
    let tip_usd = bid_share * surplus_usd;
    let wanted = tip_usd / gas_price_usd * 1e18 / gas_used as f64;
    // Inclusion needs the whole limit at the whole fee in the wallet.
    let limit = gas_used + gas_used / 4;
    let affordable = purse_tokens * 0.9e18 / limit as f64 - 2.0 * clock.base_fee as f64;
    if affordable < 0.0 {
        return None;
    }
    let tip = wanted.min(affordable) as u64;
    Some((gas_bid(clock, limit, tip), surplus_usd - tip_usd))
}

/// Puts a pool's arbitrageurs into a world, with their inventories.
///
/// # Errors
/// [`SpawnError::Chain`].
pub fn spawn(
    world: &mut World,
    pool: PoolId,
    config: &ArbitrageurConfig,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let prices = world.resource::<FairPrices>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let pair = *chain.pair(pool);
    let tokens = [Token::of_id(&chain, pair.token0), Token::of_id(&chain, pair.token1)];
    let gas = Token::of_id(&chain, chain.gas_asset());
    // Cash is the second asset by convention; gas money counts as inventory where it trades.
    let target = |token: Token| Wants {
        token,
        tokens: config.capital_usd / prices.usd(token.asset)
            + if token.asset == gas.asset { config.gas_purse_tokens } else { 0.0 },
    };
    let mut wants = vec![target(tokens[1]), target(tokens[0])];
    if tokens.iter().all(|token| token.asset != gas.asset) {
        // Bought back from earnings: who cannot pay for gas leaves the pool to itself.
        wants.push(Wants { token: gas, tokens: config.gas_purse_tokens });
    }
    let treasury = Treasury::new(wants.clone(), 100.0, config.inventory_band);
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let (actor, wallet) = enrol(&mut chain, first_id + index, &config.cohort, index);
        for want in &wants {
            endow(&mut chain, wallet.0, want.token, want.tokens)?;
        }
        let arbitrageur = Arbitrageur {
            pool,
            tokens,
            gas,
            min_profit_usd: config.min_profit_usd,
            bid_share: config.bid_share,
            treasury: treasury.clone(),
        };
        members.push((actor, wallet, arbitrageur));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets every arbitrageur compare its pool with the exchange.
pub fn arbitrage_pools(
    chain: Res<Chain>,
    exchange: Res<Exchange>,
    prices: Res<FairPrices>,
    mut outbox: ResMut<Outbox>,
    mut arbitrageurs: Query<(&Actor, &Wallet, &mut Arbitrageur)>,
) {
    let clock = chain.clock();
    for (actor, wallet, mut arbitrageur) in &mut arbitrageurs {
        let arb = &mut *arbitrageur;
        arb.treasury.rebalance(&chain, &prices, actor, wallet.0, &mut outbox);
        let pool = chain.pair(arb.pool);
        let [a, b] = arb.tokens;
        let sale = |sell: Token, buy: Token| {
            let capital = chain.balance(wallet.0, sell.asset);
            best_sale(pool, &exchange, &prices, (sell, buy), capital)
        };
        let Some(trade) = sale(a, b).or_else(|| sale(b, a)) else { continue };
        let purse = arb.gas.held(&chain, wallet.0);
        let gas_price = prices.usd(arb.gas.asset);
        let offer = bid(&clock, GAS, trade.profit_usd, arb.bid_share, gas_price, purse);
        let Some((gas, left_usd)) = offer else { continue };
        if left_usd < arb.min_profit_usd {
            continue;
        }
        let swap = Call::Swap {
            pool: arb.pool,
            asset_in: trade.sell.asset,
            amount: AmountExpr::Exact(trade.amount_in),
            min_out: trade.min_out,
        };
        outbox.submit(actor, *wallet, gas, &[swap]);
    }
}
