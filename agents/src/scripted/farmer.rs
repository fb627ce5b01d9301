//! Yield farmers: suppliers who take their money to wherever it earns most.
//!
//! - **Places.** A farmer knows a list of reserves, of one market or of several, and has all its money in one
//!   of them, its home.
//! - **Choice.** At a look it compares what a year at each place would earn at the present supply rate; of a
//!   place where it is not yet, at the rate times `supplied / (supplied + own)`, since its own money lowers
//!   the utilisation. It moves where the best is better than home by a stated margin, and by what moving
//!   costs, spread over the time that it expects to stay.
//! - **Delay.** After a move it stays for a stated time, whatever rates do.
//! - **Way.** Between markets of the same asset, one transaction: withdraw, supply. To another asset: withdraw,
//!   sell at the exchange, supply what has arrived; a look for each. Where less is at hand than it has, it takes
//!   what there is and comes back for the rest: farmers are a run when a rate falls behind.
//!
//! What they begin with comes from outside; they bring no more later.

use super::borrower::room;
use super::{
    Listed, NextLook, SpawnError, Token, before_genesis, endow, enrol_weighted, gas_bid,
    next_actor_id, wei,
};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::rng::Streams;

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 800_000;
/// Most places that a cohort knows.
pub const MAX_PLACES: usize = 8;
/// Share of a farmer's money that is not worth a transaction.
const DUST: f64 = 1e-3;
const DAYS_PER_YEAR: f64 = 365.0;

/// A reserve of a market.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Name of the market; the scenario's first one where it is left out.
    #[serde(default)]
    pub market: Option<String>,
    /// Symbol of what is supplied.
    pub asset: String,
}

/// A cohort of yield farmers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FarmerConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// Where they may be; they begin at the first.
    pub places: Vec<Place>,
    /// How many.
    pub count: u32,
    /// Money of the whole cohort at the start, in USD.
    pub total_usd: f64,
    /// Standard deviation of the logarithm of a farmer's share.
    pub size_log_sd: f64,
    /// What a place must earn more than home, in percent per year.
    pub margin_percent: f64,
    /// What moving costs, in basis points of the money moved.
    pub switching_cost_bps: f64,
    /// Time that a farmer expects to stay, in days: the cost of moving is spread over it.
    pub horizon_days: f64,
    /// Time after a move before the next, in hours.
    pub rest_hours: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei.
    pub priority_fee_gwei: f64,
}

impl Default for FarmerConfig {
    /// Judgement throughout.
    fn default() -> Self {
        Self {
            cohort: "farmers".to_owned(),
            places: Vec::new(),
            count: 8,
            total_usd: 4_000_000.0,
            size_log_sd: 1.0,
            margin_percent: 0.5,
            switching_cost_bps: 2.0,
            horizon_days: 7.0,
            rest_hours: 1.0,
            every_blocks: 50,
            gas_purse_tokens: 3.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// A yield farmer: what it knows and where its money is.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Farmer {
    places: Vec<(MarketId, Listed)>,
    home: usize,
    /// Rate by which another place must be better, per year.
    advantage: f64,
    rest_blocks: u64,
    rests_until: u64,
    every_blocks: u64,
    priority_fee_wei: u64,
    gas: Token,
    purse: f64,
}

/// What a farmer sees of a place: whole tokens, rates per year.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sight {
    /// Its own, supplied.
    own: f64,
    /// Its own, in the wallet.
    idle: f64,
    /// Everybody's.
    supplied: f64,
    at_hand: f64,
    room: f64,
    rate: f64,
    price_usd: f64,
}

/// What a farmer does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Stay,
    /// Supplies what is idle at home.
    Supply {
        tokens: f64,
    },
    /// Sells what is idle for what home takes.
    Sell {
        from: usize,
    },
    /// Withdraws from a place that is not home: all, or what is at hand.
    Leave {
        from: usize,
        tokens: Option<f64>,
    },
}

impl Farmer {
    /// Decides, and updates where home is.
    fn decide(&mut self, sights: &[Sight], block: u64) -> Step {
        let usd = |s: &Sight, tokens: f64| tokens * s.price_usd;
        // One wallet holds one balance per asset: places of the same asset share it.
        let wallet: f64 = sights
            .iter()
            .enumerate()
            .filter(|(i, _)| !self.is_seen_before(*i))
            .map(|(_, s)| usd(s, s.idle))
            .sum();
        let money: f64 = wallet + sights.iter().map(|s| usd(s, s.own)).sum::<f64>();
        let dust = DUST * money;
        let Some(home) = sights.get(self.home) else { return Step::Stay };
        if usd(home, home.idle.min(home.room)) > dust {
            return Step::Supply { tokens: home.idle.min(home.room) };
        }
        let asset = self.places[self.home].1.token;
        for (i, sight) in sights.iter().enumerate() {
            if self.places[i].1.token != asset && usd(sight, sight.idle) > dust {
                return Step::Sell { from: i };
            }
        }
        if block >= self.rests_until {
            let earns = |i: usize, s: &Sight| {
                let own = if s.price_usd > 0.0 { money / s.price_usd } else { 0.0 };
                let diluted = if s.supplied > 0.0 { s.supplied / (s.supplied + own) } else { 0.0 };
                if i == self.home { s.rate } else { s.rate * diluted }
            };
            let has_room = |s: &Sight| usd(s, s.room) > 0.5 * money;
            let best = (0..sights.len())
                .filter(|i| *i != self.home && has_room(&sights[*i]))
                .max_by(|a, b| earns(*a, &sights[*a]).total_cmp(&earns(*b, &sights[*b])));
            if let Some(best) = best
                && earns(best, &sights[best]) > home.rate + self.advantage
            {
                self.home = best;
                self.rests_until = block + self.rest_blocks;
            }
        }
        for (i, sight) in sights.iter().enumerate() {
            if i == self.home || usd(sight, sight.own) <= dust {
                continue;
            }
            if sight.at_hand >= sight.own * 1.001 {
                return Step::Leave { from: i, tokens: None };
            }
            // The last percent is left to interest that is booked meanwhile.
            let tokens = sight.at_hand * 0.99;
            if usd(sight, tokens) > dust {
                return Step::Leave { from: i, tokens: Some(tokens) };
            }
        }
        Step::Stay
    }

    fn is_seen_before(&self, place: usize) -> bool {
        let token = self.places[place].1.token;
        self.places[..place].iter().any(|(_, listed)| listed.token == token)
    }

    /// Looks at a place; `None` while its oracle is silent.
    fn look(&self, chain: &Chain, account: AccountId, place: usize) -> Option<Sight> {
        let (market, Listed { token, reserve }) = self.places[place];
        let pooled = chain.pooled(market);
        let reserve = pooled.reserves.get(usize::from(reserve))?;
        let index = reserve.liquidity_index.ratio();
        let supplied = token.tokens(chain.ledger().total_supply(reserve.a_token)) * index;
        let kept = if token == self.gas { self.purse } else { 0.0 };
        Some(Sight {
            own: token.tokens(chain.balance(account, reserve.a_token)) * index,
            idle: (token.held(chain, account) - kept).max(0.0),
            supplied,
            at_hand: token.tokens(pooled.available(chain, reserve)),
            room: room(reserve, reserve.config.supply_cap, supplied),
            rate: reserve.rates.liquidity.ratio(),
            price_usd: chain.price(reserve.feed).ok()?.usd(),
        })
    }

    /// The transaction of a step.
    fn calls(&self, step: Step, out: &mut Vec<Call>) {
        out.clear();
        let (market, Listed { token, .. }) = self.places[self.home];
        let supply = |amount| Call::Supply { market, asset: token.asset, amount };
        match step {
            Step::Stay | Step::Sell { .. } => {}
            Step::Supply { tokens } => out.push(supply(AmountExpr::Exact(token.amount(tokens)))),
            Step::Leave { from, tokens } => {
                let (source, Listed { token: left, .. }) = self.places[from];
                let amount = tokens.map_or(AmountExpr::All, |t| AmountExpr::Exact(left.amount(t)));
                let withdraw = Call::Withdraw { market: source, asset: left.asset, amount };
                if left == token {
                    let mark = Call::Mark { mark: 0, asset: token.asset };
                    out.extend([mark, withdraw, supply(AmountExpr::DeltaSince(0))]);
                } else {
                    out.push(withdraw);
                }
            }
        }
    }
}

/// Puts a cohort into a world, its money at the first of its places; `market_of` finds a market by name.
///
/// # Errors
/// [`SpawnError`]: no place, a market or an asset that does not exist or is not listed.
pub fn spawn(
    world: &mut World,
    market_of: impl Fn(Option<&str>) -> Option<MarketId>,
    config: &FarmerConfig,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let block_secs = f64::from(world.resource::<Config>().block_secs);
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let mut places = Vec::with_capacity(config.places.len());
    for place in config.places.iter().take(MAX_PLACES) {
        let name = place.market.as_deref();
        let unknown = || SpawnError::UnknownMarket(name.unwrap_or_default().to_owned());
        let market = market_of(name).ok_or_else(unknown)?;
        places.push((market, Listed::of(&chain, market, &place.asset)?));
    }
    let Some((market, listed)) = places.first().copied() else { return Ok(()) };
    let gas = Token::of_id(&chain, chain.gas_asset());
    let feed = chain.pooled(market).reserves[usize::from(listed.reserve)].feed;
    let price = chain.price(feed).map_err(|e| SpawnError::Chain(e.into()))?.usd();
    let cost = config.switching_cost_bps / 1e4 * DAYS_PER_YEAR / config.horizon_days;
    let (enrolled, weights) = enrol_weighted(
        &mut chain,
        first_id,
        (&config.cohort, config.count),
        config.size_log_sd,
        (&streams, episode),
    );
    let every_blocks = u64::from(config.every_blocks.max(1));
    let block = chain.clock().block;
    let mut members = Vec::with_capacity(enrolled.len());
    for (index, (actor, wallet, weight)) in enrolled.into_iter().enumerate() {
        let tokens = config.total_usd * weight / weights / price;
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        endow(&mut chain, wallet.0, listed.token, tokens)?;
        let farmer = Farmer {
            places: places.clone(),
            home: 0,
            advantage: config.margin_percent / 100.0 + cost,
            rest_blocks: (config.rest_hours * 3_600.0 / block_secs) as u64,
            rests_until: 0,
            every_blocks,
            priority_fee_wei: wei(config.priority_fee_gwei),
            gas,
            purse: config.gas_purse_tokens,
        };
        let amount = AmountExpr::Exact(listed.token.amount(tokens));
        let supply = Call::Supply { market, asset: listed.token.asset, amount };
        // Refused by a cap: it supplies what fits when it looks.
        before_genesis(&mut chain, wallet.0, &[supply]);
        let next = NextLook { block: block + 1 + index as u64 % every_blocks };
        members.push((actor, wallet, next, farmer));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets the farmers look whose turn it is.
pub fn tend_farmers(
    chain: Res<Chain>,
    mut outbox: ResMut<Outbox>,
    mut farmers: Query<(&mut NextLook, &Actor, &Wallet, &mut Farmer)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, mut farmer) in &mut farmers {
        if clock.block < next.block {
            continue;
        }
        next.block = clock.block + farmer.every_blocks;
        let mut sights = [Sight::default(); MAX_PLACES];
        let known = farmer.places.len().min(MAX_PLACES);
        let mut silent = false;
        for (place, slot) in sights.iter_mut().enumerate().take(known) {
            match farmer.look(&chain, wallet.0, place) {
                Some(sight) => *slot = sight,
                None => silent = true,
            }
        }
        // Who does not know what its money is worth waits.
        if silent {
            continue;
        }
        let step = farmer.decide(&sights[..known], clock.block);
        if let Step::Sell { from } = step {
            let sell = farmer.places[from].1.token;
            outbox.order(ExchangeOrder {
                trader: wallet.0,
                actor: actor.id,
                sell: sell.asset,
                buy: farmer.places[farmer.home].1.token.asset,
                amount: sell.amount(sights[from].idle),
            });
        }
        farmer.calls(step, &mut buffer);
        if !buffer.is_empty() {
            let gas = gas_bid(&clock, GAS_LIMIT, farmer.priority_fee_wei);
            outbox.submit(actor, *wallet, gas, &buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::AssetId;

    fn place(market: u16, asset: u16) -> (MarketId, Listed) {
        let token = Token { asset: AssetId(asset), unit: 1e6 };
        (MarketId(market), Listed { token, reserve: asset })
    }

    /// Two markets of asset 1, and asset 2 of the first.
    fn farmer() -> Farmer {
        Farmer {
            places: vec![place(0, 1), place(1, 1), place(0, 2)],
            home: 0,
            advantage: 0.01,
            rest_blocks: 10,
            rests_until: 0,
            every_blocks: 50,
            priority_fee_wei: 1,
            gas: Token { asset: AssetId(0), unit: 1e18 },
            purse: 1.0,
        }
    }

    const HOME: Sight = Sight {
        own: 1_000.0,
        idle: 0.0,
        supplied: 100_000.0,
        at_hand: 50_000.0,
        room: 1e9,
        rate: 0.02,
        price_usd: 1.0,
    };
    const ELSEWHERE: Sight = Sight { own: 0.0, ..HOME };

    #[test]
    fn money_goes_where_it_earns_more_by_the_margin_and_the_cost() {
        let mut same = farmer();
        let little = Sight { rate: 0.03, ..ELSEWHERE };
        // 0.03 · 100,000 / 101,000 is below 0.02 + 0.01.
        assert_eq!(same.decide(&[HOME, little, ELSEWHERE], 1), Step::Stay);
        let much = Sight { rate: 0.031, ..ELSEWHERE };
        let step = same.decide(&[HOME, much, ELSEWHERE], 1);
        assert_eq!((step, same.home), (Step::Leave { from: 0, tokens: None }, 1));
        let mut calls = Vec::new();
        same.calls(step, &mut calls);
        assert!(matches!(calls[1], Call::Withdraw { market: MarketId(0), .. }), "{calls:?}");
        assert!(matches!(calls[2], Call::Supply { market: MarketId(1), .. }), "{calls:?}");
    }

    #[test]
    fn a_move_is_followed_by_a_rest() {
        let mut farmer = farmer();
        let much = Sight { rate: 0.05, ..ELSEWHERE };
        assert_ne!(farmer.decide(&[HOME, much, ELSEWHERE], 1), Step::Stay);
        let there = Sight { rate: 0.01, ..HOME };
        let back = Sight { rate: 0.09, ..ELSEWHERE };
        assert_eq!(farmer.decide(&[back, there, ELSEWHERE], 10), Step::Stay);
        assert_ne!(farmer.decide(&[back, there, ELSEWHERE], 11), Step::Stay);
    }

    #[test]
    fn another_asset_is_reached_through_the_exchange() {
        let mut farmer = farmer();
        let much = Sight { rate: 0.05, ..ELSEWHERE };
        let left = Step::Leave { from: 0, tokens: None };
        assert_eq!(farmer.decide(&[HOME, ELSEWHERE, much], 1), left);
        let mut calls = Vec::new();
        farmer.calls(left, &mut calls);
        assert_eq!(calls.len(), 1, "{calls:?}");
        let out = Sight { own: 0.0, idle: 1_000.0, ..HOME };
        assert_eq!(farmer.decide(&[out, out, much], 2), Step::Sell { from: 0 });
        let arrived = Sight { idle: 999.0, ..much };
        let step = farmer.decide(&[ELSEWHERE, ELSEWHERE, arrived], 3);
        assert_eq!(step, Step::Supply { tokens: 999.0 });
    }

    #[test]
    fn who_is_trapped_takes_what_is_at_hand() {
        let mut farmer = farmer();
        let trapped = Sight { at_hand: 200.0, ..HOME };
        let much = Sight { rate: 0.05, ..ELSEWHERE };
        let step = farmer.decide(&[trapped, much, ELSEWHERE], 1);
        assert_eq!(step, Step::Leave { from: 0, tokens: Some(198.0) });
        // And comes back for the rest, rest or not.
        let rest = Sight { own: 802.0, ..HOME };
        let there = Sight { own: 198.0, ..much };
        let step = farmer.decide(&[rest, there, ELSEWHERE], 2);
        assert_eq!(step, Step::Leave { from: 0, tokens: None });
    }
}
