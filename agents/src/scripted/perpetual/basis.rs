//! Basis traders: short the perpetual future and long the spot while funding pays for it.
//!
//! Longs pay funding while the contract trades above its index. Whoever is short as much as it holds of the
//! underlying earns it without a stake in the price. A basis trader holds a share of its capital so, larger the
//! more funding pays beyond what its money costs, and keeps both legs equal: the spot leg at the exchange, a block
//! later.
//!
//! The trade and its returns: Christin, Routledge, Soska and Zetlin-Jones (2023), "The crypto carry trade".

use super::super::{
    NextLook, SpawnError, Token, before_genesis, endow, gas_bid, next_actor_id, wei,
};
use super::{Contract, MARGIN_USE, Sight, refill};
use bevy_ecs::prelude::*;
use markets::units::MarketId;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::Call;
use sim::prices::FairPrices;

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 600_000;
/// Share of the capital that is margin of the short; the rest buys the spot.
const MARGIN_SHARE: f64 = 0.4;

/// A cohort of basis traders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BasisTradersConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// How many.
    pub count: u32,
    /// Capital of each, in USD: two fifths margin, three fifths for the spot.
    pub capital_usd: f64,
    /// Funding below which nothing is held, in percent per year: what the money costs.
    pub floor_percent: f64,
    /// Funding at which everything is held, likewise.
    pub full_percent: f64,
    /// Smallest change of the position, as a share of the largest.
    pub band: f64,
    /// Worst price at which the contract is traded, in basis points of the index.
    pub most_slippage_bps: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei.
    pub priority_fee_gwei: f64,
}

impl Default for BasisTradersConfig {
    /// Judgement: nothing below 15 % a year, everything at 60 %; interest alone, 0.01 % for eight hours, is 11 %.
    fn default() -> Self {
        Self {
            cohort: "basis traders".to_owned(),
            count: 2,
            capital_usd: 2_000_000.0,
            floor_percent: 15.0,
            full_percent: 60.0,
            band: 0.1,
            most_slippage_bps: 30.0,
            every_blocks: 25,
            gas_purse_tokens: 5.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// A basis trader.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BasisTrader {
    contract: Contract,
    gas: Token,
    /// Largest value of each leg, in USD.
    most_usd: f64,
    /// Funding per year at which nothing and everything is held.
    funding: (f64, f64),
    band: f64,
    most_slippage: f64,
    every_blocks: u64,
    purse: f64,
    priority_fee_wei: u64,
    /// No order at the exchange before this block: the last one has not settled.
    busy_until: u64,
}

impl BasisTrader {
    /// Lots wanted short, at the funding that the present premium would pay if it held; the present ones while the
    /// gap is within the band.
    fn wanted_short(&self, sight: &Sight<'_>, short: i64) -> i64 {
        let premium = sight.perpetual.premium_e8(sight.index);
        let per_year = sight.perpetual.contract.terms.funding.per_year(premium);
        let (floor, full) = self.funding;
        let share = ((per_year - floor) / (full - floor)).clamp(0.0, 1.0);
        let most = self.most_lots(sight);
        let wanted = (share * most as f64) as i64;
        let is_small = (wanted - short).abs() < (self.band * most as f64) as i64;
        if is_small && wanted > 0 { short } else { wanted }
    }

    /// The largest short, in lots: as much as is bought.
    fn most_lots(&self, sight: &Sight<'_>) -> i64 {
        sight.contract.lots(self.most_usd, sight.index)
    }
}

/// Puts a cohort into a world.
///
/// # Errors
/// [`SpawnError`].
pub(super) fn spawn(
    world: &mut World,
    market: MarketId,
    config: &BasisTradersConfig,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let mut chain = world.resource_mut::<Chain>();
    let contract = Contract::of(&chain, market)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let block = chain.clock().block;
    let every_blocks = u64::from(config.every_blocks.max(1));
    let margin_usd = MARGIN_SHARE * config.capital_usd;
    let spot_usd =
        (config.capital_usd - margin_usd).min(MARGIN_USE * margin_usd / contract.initial);
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let (actor, wallet) =
            super::super::enrol(&mut chain, first_id + index, &config.cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        endow(&mut chain, wallet.0, contract.quote, config.capital_usd)?;
        before_genesis(&mut chain, wallet.0, &[contract.pay_in(margin_usd)]);
        let trader = BasisTrader {
            contract,
            gas,
            most_usd: MARGIN_USE * spot_usd,
            funding: (config.floor_percent / 100.0, config.full_percent / 100.0),
            band: config.band,
            most_slippage: config.most_slippage_bps / 1e4,
            every_blocks,
            purse: config.gas_purse_tokens,
            priority_fee_wei: wei(config.priority_fee_gwei),
            busy_until: 0,
        };
        let next = NextLook { block: block + 1 + u64::from(index) % every_blocks };
        members.push((actor, wallet, next, trader));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets basis traders change their short, and lead the spot to it.
pub fn trade_basis(
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mut outbox: ResMut<Outbox>,
    mut traders: Query<(&mut NextLook, &Actor, &Wallet, &mut BasisTrader)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, mut trader) in &mut traders {
        let contract = trader.contract;
        let Some(sight) = contract.look(&chain) else { continue };
        let lots = sight.account(wallet.0).lots;
        if clock.block >= next.block {
            next.block = clock.block + trader.every_blocks;
            let change = -trader.wanted_short(&sight, -lots) - lots;
            buffer.clear();
            if sight.take(wallet.0, change, trader.most_slippage, &mut buffer) != 0 {
                refill(&chain, &mut outbox, wallet.0, trader.gas, trader.purse);
                let gas = gas_bid(&clock, GAS_LIMIT, trader.priority_fee_wei);
                outbox.submit(actor, *wallet, gas, &buffer);
            }
        }
        if clock.block < trader.busy_until {
            continue;
        }
        let Contract { quote, underlying, .. } = contract;
        let purse = if underlying == trader.gas { trader.purse } else { 0.0 };
        let held = (underlying.held(&chain, wallet.0) - purse).max(0.0);
        let gap = held + lots as f64 * contract.lot_tokens;
        let usd = gap.abs() * prices.usd(underlying.asset);
        if usd < 0.5 * trader.band * trader.most_usd {
            continue;
        }
        let (sell, buy, tokens) = if gap > 0.0 {
            (underlying, quote, gap)
        } else {
            let cost = usd / prices.usd(quote.asset).max(1e-9);
            (quote, underlying, cost.min(quote.held(&chain, wallet.0)))
        };
        outbox.order(ExchangeOrder {
            trader: wallet.0,
            actor: actor.id,
            sell: sell.asset,
            buy: buy.asset,
            amount: sell.amount(tokens),
        });
        trader.busy_until = clock.block + 2;
    }
}
