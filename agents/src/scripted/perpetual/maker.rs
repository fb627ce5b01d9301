//! Makers of a perpetual future: offer both sides around the index, and lay off at the exchange what they take
//! on.
//!
//! - **Quotes.** Both sides are centred on `index · (1 − skew · q / q_max)`, `q` being the position, so that a
//!   maker who is short quotes above the index: the premium that funding follows. Each side is half a spread
//!   away, and as large as `quote_usd` or what is left to `q_max`.
//! - **Two accounts.** The contract has one offer an account. Of a maker's two the longer one sells and the
//!   other buys: their positions lead towards each other, and no margin is bound twice.
//! - **Hedge.** The spot inventory is `base − hedge_ratio · position`, so a maker bears the basis and not the
//!   price. Inventories are traded at the exchange, where they move the price.
//!
//! Quotes that lean against the inventory are those of Avellaneda and Stoikov (2008), "High-frequency trading in
//! a limit order book", section 2.3, in linear form with a bound.

use super::super::{
    SpawnError, Token, before_genesis, endow, gas_bid, next_actor_id, transfer, wei,
};
use super::{Contract, Sight, refill};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use protocols::perpetual::PerpetualOffer;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::Call;
use sim::prices::FairPrices;

/// Gas that a new quote may use, money paid in included.
const GAS_LIMIT: u64 = 400_000;
/// Spot and cash of a maker, as a multiple of its largest position.
const INVENTORY: f64 = 1.5;

/// Makers of a perpetual future.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerpetualMakersConfig {
    /// How many.
    pub count: u32,
    /// Half the spread, in basis points.
    pub half_spread_bps: f64,
    /// Largest offer on each side, in USD.
    pub quote_usd: f64,
    /// Largest position of each, either way, in USD.
    pub most_usd: f64,
    /// Shift of both sides at the largest position, in basis points.
    pub skew_bps: f64,
    /// Change of a price that is quoted anew, in basis points.
    pub requote_bps: f64,
    /// Share of the position that is laid off at the exchange.
    pub hedge_ratio: f64,
    /// Smallest gap of the spot inventory that is traded, in USD.
    pub hedge_min_usd: f64,
    /// Margin that is kept, as a share of the position with both offers filled.
    pub margin_ratio: f64,
    /// Gas money at the start of each account, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei.
    pub priority_fee_gwei: f64,
}

impl Default for PerpetualMakersConfig {
    /// Judgement: three makers who carry 15 million dollars each; at the largest position they quote a premium of
    /// 0.3 %, at which funding for eight hours is 0.25 %.
    fn default() -> Self {
        Self {
            count: 3,
            half_spread_bps: 3.0,
            quote_usd: 1_000_000.0,
            most_usd: 15_000_000.0,
            skew_bps: 30.0,
            requote_bps: 5.0,
            hedge_ratio: 1.0,
            hedge_min_usd: 20_000.0,
            margin_ratio: 0.2,
            gas_purse_tokens: 20.0,
            priority_fee_gwei: 2.0,
        }
    }
}

/// A maker.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerpetualMaker {
    contract: Contract,
    gas: Token,
    /// The second account; the first is the wallet, which has the spot inventory.
    second: AccountId,
    habits: Habits,
    /// Spot inventory without a position, in whole tokens.
    base_tokens: f64,
    /// No order at the exchange before this block: the last one has not settled.
    busy_until: u64,
}

/// What a maker's quotes follow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Habits {
    half_spread: f64,
    quote_usd: f64,
    most_usd: f64,
    skew: f64,
    requote: f64,
    hedge_ratio: f64,
    hedge_min_usd: f64,
    margin_ratio: f64,
    purse: f64,
    priority_fee_wei: u64,
}

impl Habits {
    /// The offers wanted of a position at an index: bid, ask. None where a side is at its limit.
    fn quotes(&self, sight: &Sight<'_>, position: i64) -> [Option<PerpetualOffer>; 2] {
        let (index, held_usd) = (sight.index as f64, sight.usd(position));
        let lean = (held_usd / self.most_usd).clamp(-1.0, 1.0);
        let mid = index * (1.0 - self.skew * lean);
        let side = |sign: i64, room_usd: f64, tick: f64| {
            let tick = tick.max(1.0) as u64;
            let lots = sight.contract.lots(self.quote_usd.min(room_usd), sight.index);
            (lots > 0).then_some(PerpetualOffer { lots: sign * lots, tick })
        };
        let bid = libm::floor(mid * (1.0 - self.half_spread));
        let ask = libm::ceil(mid * (1.0 + self.half_spread));
        [side(1, self.most_usd - held_usd, bid), side(-1, self.most_usd + held_usd, ask)]
    }

    /// Whether a quote is to be replaced: there is none or it should not be, it is on the other side, its price is
    /// off, or less than half of it is left.
    fn is_stale(&self, now: Option<PerpetualOffer>, wanted: Option<PerpetualOffer>) -> bool {
        let (Some(now), Some(wanted)) = (now, wanted) else { return now != wanted };
        let off = (now.tick as f64 / wanted.tick as f64 - 1.0).abs();
        let left = now.lots as f64 / wanted.lots as f64;
        off > self.requote || !(0.5..=1.5).contains(&left)
    }
}

/// Makers before the first block, and how they may be traded with.
#[derive(Debug)]
pub(super) struct Makers {
    members: Vec<(Actor, Wallet, PerpetualMaker)>,
    next: usize,
}

impl Makers {
    /// How many there are; they enter the world after those who trade with them.
    pub(super) fn count(&self) -> u32 {
        self.members.len() as u32
    }
    /// Offers so many lots at the index, to be taken: bought from below zero, sold to above. Returns who offers;
    /// `None` where no maker has room.
    pub(super) fn offer(&mut self, chain: &mut Chain, lots: i64) -> Option<AccountId> {
        for _ in 0..self.members.len() {
            let at = self.next % self.members.len();
            self.next += 1;
            let (_, wallet, maker) = &self.members[at];
            let sight = maker.contract.look(chain)?;
            let [first, second] = [wallet.0, maker.second].map(|a| sight.account(a).lots);
            let after = sight.usd(first + second - lots).abs();
            if after > maker.habits.most_usd {
                continue;
            }
            // As later on: the longer account sells.
            let by = if (first >= second) == (lots > 0) { wallet.0 } else { maker.second };
            let offer = maker.contract.offer(PerpetualOffer { lots: -lots, tick: sight.index });
            if before_genesis(chain, by, &[offer]) {
                return Some(by);
            }
        }
        None
    }
    /// Withdraws an offer that nobody took.
    pub(super) fn withdraw(chain: &mut Chain, contract: &Contract, maker: AccountId) {
        let none = contract.offer(PerpetualOffer { lots: 0, tick: 0 });
        before_genesis(chain, maker, &[none]);
    }
}

/// Gives the makers of a contract accounts and margin.
///
/// # Errors
/// [`SpawnError`].
pub(super) fn enrol(
    world: &mut World,
    market: MarketId,
    symbol: &str,
    config: &PerpetualMakersConfig,
) -> Result<Makers, SpawnError> {
    let first_id = next_actor_id(world);
    let mut chain = world.resource_mut::<Chain>();
    let contract = Contract::of(&chain, market)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let habits = Habits {
        half_spread: config.half_spread_bps / 1e4,
        quote_usd: config.quote_usd,
        most_usd: config.most_usd,
        skew: config.skew_bps / 1e4,
        requote: config.requote_bps / 1e4,
        hedge_ratio: config.hedge_ratio,
        hedge_min_usd: config.hedge_min_usd,
        margin_ratio: config.margin_ratio,
        purse: config.gas_purse_tokens,
        priority_fee_wei: wei(config.priority_fee_gwei),
    };
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let cohort = format!("perpetual maker {symbol}");
        let (actor, wallet) = super::super::enrol(&mut chain, first_id + index, &cohort, index);
        let second = chain.add_account(&format!("{cohort}:{index}:second"));
        let margin_usd = config.margin_ratio * (config.most_usd + config.quote_usd);
        for account in [wallet.0, second] {
            endow(&mut chain, account, gas, config.gas_purse_tokens)?;
            endow(&mut chain, account, contract.quote, margin_usd)?;
            before_genesis(&mut chain, account, &[contract.pay_in(margin_usd)]);
        }
        let maker =
            PerpetualMaker { contract, gas, second, habits, base_tokens: 0.0, busy_until: 0 };
        members.push((actor, wallet, maker));
    }
    Ok(Makers { members, next: 0 })
}

/// Puts makers into a world, their positions laid off.
///
/// # Errors
/// [`SpawnError`].
pub(super) fn open(world: &mut World, mut makers: Makers) -> Result<(), SpawnError> {
    let mut chain = world.resource_mut::<Chain>();
    for (_, wallet, maker) in &mut makers.members {
        let contract = maker.contract;
        let (position, index_usd) = match contract.look(&chain) {
            Some(sight) => {
                let lots = [wallet.0, maker.second].map(|a| sight.account(a).lots);
                (lots[0] + lots[1], sight.index_usd())
            }
            None => continue,
        };
        maker.base_tokens = INVENTORY * maker.habits.most_usd / index_usd;
        let spot = maker.wanted_tokens(position);
        endow(&mut chain, wallet.0, contract.underlying, spot)?;
        endow(&mut chain, wallet.0, contract.quote, INVENTORY * maker.habits.most_usd)?;
    }
    world.spawn_batch(makers.members);
    Ok(())
}

impl PerpetualMaker {
    /// Spot inventory wanted with a position, in whole tokens.
    fn wanted_tokens(&self, position: i64) -> f64 {
        let hedge = self.habits.hedge_ratio * position as f64 * self.contract.lot_tokens;
        (self.base_tokens - hedge).max(0.0)
    }

    /// Margin that an account lacks, in USD: brought up to what is kept where half of it is left.
    fn lacks_usd(&self, sight: &Sight<'_>, account: AccountId) -> f64 {
        let position = sight.account(account);
        let size_usd = sight.usd(position.lots).abs() + self.habits.quote_usd;
        let wanted = self.habits.margin_ratio * size_usd;
        let equity = sight.equity_usd(&position);
        if equity < 0.5 * wanted { wanted - equity } else { 0.0 }
    }

    /// Replaces an account's offer where it is stale, and brings margin that it lacks.
    fn quote(
        &self,
        (chain, sight): (&Chain, &Sight<'_>),
        (actor, account): (&Actor, AccountId),
        wanted: Option<PerpetualOffer>,
        outbox: &mut Outbox,
        buffer: &mut Vec<Call>,
    ) {
        let lacks = self.lacks_usd(sight, account);
        let is_stale = self.habits.is_stale(sight.perpetual.offer_of(account), wanted);
        buffer.clear();
        if lacks > 0.0 {
            // Margin comes from outside: the wallet's cash is the hedge's.
            let pay = transfer(account, self.contract.quote, lacks);
            outbox.submit_system(chain.outside(), &[pay]);
            buffer.push(self.contract.pay_in(lacks));
        }
        if is_stale {
            let offer = wanted.unwrap_or(PerpetualOffer { lots: 0, tick: 0 });
            buffer.push(self.contract.offer(offer));
        }
        if !buffer.is_empty() {
            refill(chain, outbox, account, self.gas, self.habits.purse);
            let gas = gas_bid(&chain.clock(), GAS_LIMIT, self.habits.priority_fee_wei);
            outbox.submit(actor, Wallet(account), gas, buffer);
        }
    }

    /// An order that leads the spot inventory to where it should be; `None` where the gap is small or the last
    /// order has not settled.
    fn hedge(
        &mut self,
        (chain, prices): (&Chain, &FairPrices),
        (actor, wallet): (&Actor, AccountId),
        position: i64,
    ) -> Option<ExchangeOrder> {
        let block = chain.clock().block;
        let Contract { quote, underlying, .. } = self.contract;
        let purse = if underlying == self.gas { self.habits.purse } else { 0.0 };
        let gap = underlying.held(chain, wallet) - purse - self.wanted_tokens(position);
        let usd = gap.abs() * prices.usd(underlying.asset);
        if block < self.busy_until || usd < self.habits.hedge_min_usd {
            return None;
        }
        let (sell, buy, tokens) = if gap > 0.0 {
            (underlying, quote, gap)
        } else {
            let cost = usd / prices.usd(quote.asset).max(1e-9);
            (quote, underlying, cost.min(quote.held(chain, wallet)))
        };
        self.busy_until = block + 2;
        Some(ExchangeOrder {
            trader: wallet,
            actor: actor.id,
            sell: sell.asset,
            buy: buy.asset,
            amount: sell.amount(tokens),
        })
    }
}

/// Lets makers quote anew where the index or their position has moved, and lay off what they took on.
pub fn make_perpetuals(
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mut outbox: ResMut<Outbox>,
    mut makers: Query<(&Actor, &Wallet, &mut PerpetualMaker)>,
    mut buffer: Local<Vec<Call>>,
) {
    for (actor, wallet, mut maker) in &mut makers {
        let Some(sight) = maker.contract.look(&chain) else { continue };
        let accounts = [wallet.0, maker.second];
        let lots = accounts.map(|account| sight.account(account).lots);
        let position = lots[0] + lots[1];
        let [bid, ask] = maker.habits.quotes(&sight, position);
        let offers = if lots[0] >= lots[1] { [ask, bid] } else { [bid, ask] };
        for (account, wanted) in accounts.into_iter().zip(offers) {
            maker.quote((&chain, &sight), (actor, account), wanted, &mut outbox, &mut buffer);
        }
        if let Some(order) = maker.hedge((&chain, &prices), (actor, wallet.0), position) {
            outbox.order(order);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{INDEX, market, sight};
    use super::*;

    fn habits() -> Habits {
        Habits {
            half_spread: 0.001,
            quote_usd: 100_000.0,
            most_usd: 1_000_000.0,
            skew: 0.01,
            requote: 0.000_5,
            hedge_ratio: 1.0,
            hedge_min_usd: 1_000.0,
            margin_ratio: 0.2,
            purse: 1.0,
            priority_fee_wei: 1,
        }
    }

    #[test]
    fn quotes_lean_against_the_position_and_end_at_its_limit() {
        let market = market(&[]);
        let sight = sight(&market, INDEX);
        // A lot is two dollars.
        let flat = habits().quotes(&sight, 0);
        let offer = |lots, tick| Some(PerpetualOffer { lots, tick });
        assert_eq!(flat, [offer(50_000, 199_800), offer(-50_000, 200_200)]);
        // Half of the largest position short: half a percent higher, a premium. Floats floor a lot or a tick off.
        let short = habits().quotes(&sight, -250_000);
        assert_eq!(short.map(|o| o.map_or(0, |o| o.tick)), [200_798, 201_201]);
        let long = habits().quotes(&sight, 490_000);
        assert_eq!(long.map(|o| o.map_or(0, |o| o.lots)), [9_999, -50_000]);
        assert_eq!(habits().quotes(&sight, 500_000)[0], None);
    }

    #[test]
    fn a_quote_is_stale_by_price_by_size_and_by_side() {
        let offer = |lots, tick| Some(PerpetualOffer { lots, tick });
        let wanted = offer(100, 200_000);
        let is_stale = |now| habits().is_stale(now, wanted);
        assert!(!is_stale(offer(100, 200_090)) && is_stale(offer(100, 200_110)));
        assert!(!is_stale(offer(50, 200_000)) && is_stale(offer(49, 200_000)));
        assert!(is_stale(offer(-100, 200_000)) && is_stale(None));
        assert!(!habits().is_stale(None, None) && habits().is_stale(wanted, None));
    }
}
