//! Lenders: supply, chase rates, and run when utilisation traps them.
//!
//! - **Rates.** Desired supply is the lender's base times `(1 + e · (r − r₀) / r₀)`, within bounds; a
//!   stated share of the gap is closed per look, and gaps below a band are left alone. `r` is the
//!   supply rate, `r₀` the reference.
//! - **Fear.** Above a trap utilisation a lender wants out: it withdraws what is at hand, look after
//!   look, until nothing is left, and returns after a rest once utilisation is back below a calm level.
//!   That is a bank run where many do it: they race for what is at hand.
//!
//! Money comes from and returns to the outside world; see [`scripted`](super).

use super::{
    Listed, NextLook, SpawnError, Token, before_genesis, endow, enrol_weighted, gas_bid,
    next_actor_id, transfer, wei,
};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::rng::Streams;

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 400_000;

/// A cohort of lenders of one asset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LenderConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// Symbol of what they supply.
    pub asset: String,
    /// How many.
    pub count: u32,
    /// Supply of the whole cohort at the start, in USD.
    pub total_usd: f64,
    /// Standard deviation of the logarithm of a lender's share.
    pub size_log_sd: f64,
    /// Supply rate at which a lender wants exactly its base, in percent per year.
    pub rate_reference_percent: f64,
    /// Elasticity of desired supply to the rate, relative to the reference.
    pub rate_elasticity: f64,
    /// Smallest desired supply, relative to the base.
    pub desired_min_ratio: f64,
    /// Largest desired supply, relative to the base.
    pub desired_max_ratio: f64,
    /// Smallest gap that is acted upon, as a ratio.
    pub band: f64,
    /// Share of the gap that is closed per look.
    pub speed: f64,
    /// Utilisation above which a lender wants out, in percent.
    pub trap_utilisation_percent: f64,
    /// Utilisation below which one who left may return, in percent.
    pub calm_utilisation_percent: f64,
    /// Time that one who left stays away at least, in hours.
    pub rest_hours: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei; five times as much when running.
    pub priority_fee_gwei: f64,
}

impl Default for LenderConfig {
    /// Judgement throughout; the reference rate is what a USDC supplier earned around utilisation
    /// 80 % on the curve of October 2023 (3.1 % · 0.8 · 0.9 ≈ 2.2 %).
    fn default() -> Self {
        Self {
            cohort: "lenders".to_owned(),
            asset: "USDC".to_owned(),
            count: 8,
            total_usd: 20_000_000.0,
            size_log_sd: 1.0,
            rate_reference_percent: 2.2,
            rate_elasticity: 0.3,
            desired_min_ratio: 0.5,
            desired_max_ratio: 1.5,
            band: 0.1,
            speed: 0.25,
            trap_utilisation_percent: 97.0,
            calm_utilisation_percent: 88.0,
            rest_hours: 2.0,
            every_blocks: 50,
            gas_purse_tokens: 3.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// A lender: what it wants and where it stands.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lender {
    market: MarketId,
    listed: Listed,
    /// Whole tokens at the reference rate.
    base: f64,
    rate_reference: f64,
    rate_elasticity: f64,
    ratio: (f64, f64),
    band: f64,
    speed: f64,
    trap: f64,
    calm: f64,
    rest_blocks: u64,
    every_blocks: u64,
    priority_fee_wei: u64,
    purse: f64,
    /// Running, or gone: since or until which block.
    flight: Flight,
}

/// Whether a lender trusts the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Flight {
    Calm,
    Running,
    Gone { until: u64 },
}

/// What a lender sees, in whole tokens and ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sight {
    supplied: f64,
    at_hand: f64,
    utilisation: f64,
    rate: f64,
    room: f64,
}

/// What a lender does, in whole tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decision {
    Stay,
    Supply(f64),
    Withdraw(f64),
    WithdrawAll,
}

impl Lender {
    fn desired(&self, rate: f64) -> f64 {
        let change = self.rate_elasticity * (rate - self.rate_reference) / self.rate_reference;
        self.base * (1.0 + change).clamp(self.ratio.0, self.ratio.1)
    }

    /// Decides, and updates whether it runs.
    fn decide(&mut self, sight: &Sight, block: u64) -> Decision {
        match self.flight {
            Flight::Calm if sight.utilisation > self.trap && sight.supplied > 0.0 => {
                self.flight = Flight::Running;
            }
            Flight::Running if sight.supplied <= 1e-3 * self.base => {
                self.flight = Flight::Gone { until: block + self.rest_blocks };
            }
            Flight::Gone { until } if block >= until && sight.utilisation < self.calm => {
                self.flight = Flight::Calm;
            }
            Flight::Calm | Flight::Running | Flight::Gone { .. } => {}
        }
        match self.flight {
            Flight::Gone { .. } => Decision::Stay,
            Flight::Running if sight.at_hand >= sight.supplied * 1.001 => Decision::WithdrawAll,
            // The last percent is left to interest that is booked meanwhile.
            Flight::Running if sight.at_hand > 0.01 * self.base => {
                Decision::Withdraw(sight.at_hand * 0.99)
            }
            Flight::Running => Decision::Stay,
            Flight::Calm => {
                let gap = self.desired(sight.rate) - sight.supplied;
                if gap.abs() < self.band * self.base {
                    Decision::Stay
                } else if gap > 0.0 {
                    let more = (gap * self.speed).min(sight.room);
                    if more > 1e-3 * self.base { Decision::Supply(more) } else { Decision::Stay }
                } else {
                    let less = (-gap * self.speed).min(0.9 * sight.at_hand);
                    if less > 1e-3 * self.base { Decision::Withdraw(less) } else { Decision::Stay }
                }
            }
        }
    }

    fn look(&self, chain: &Chain, account: AccountId) -> Option<Sight> {
        let pooled = chain.pooled(self.market);
        let reserve = pooled.reserves.get(usize::from(self.listed.reserve))?;
        let token = self.listed.token;
        let index = reserve.liquidity_index.ratio();
        let debt = token.tokens(chain.ledger().total_supply(reserve.debt_token))
            * reserve.borrow_index.ratio();
        let at_hand = token.tokens(pooled.available(chain, reserve));
        let total = token.tokens(chain.ledger().total_supply(reserve.a_token)) * index;
        Some(Sight {
            supplied: token.tokens(chain.balance(account, reserve.a_token)) * index,
            at_hand,
            utilisation: if debt > 0.0 { debt / (debt + at_hand) } else { 0.0 },
            rate: reserve.rates.liquidity.ratio(),
            room: super::borrower::room(reserve, reserve.config.supply_cap, total),
        })
    }

    fn call(&self, decision: Decision) -> Option<Call> {
        let (market, token) = (self.market, self.listed.token);
        let asset = token.asset;
        let exact = |tokens| AmountExpr::Exact(token.amount(tokens));
        match decision {
            Decision::Stay => None,
            Decision::Supply(tokens) => Some(Call::Supply { market, asset, amount: exact(tokens) }),
            Decision::Withdraw(tokens) => {
                Some(Call::Withdraw { market, asset, amount: exact(tokens) })
            }
            Decision::WithdrawAll => {
                Some(Call::Withdraw { market, asset, amount: AmountExpr::All })
            }
        }
    }
}

/// Puts a cohort into a world, its base supplied.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn spawn(world: &mut World, market: MarketId, config: &LenderConfig) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let block_secs = f64::from(world.resource::<Config>().block_secs);
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let listed = Listed::of(&chain, market, &config.asset)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let feed = chain.pooled(market).reserves[usize::from(listed.reserve)].feed;
    let price = chain.price(feed).map_err(|e| SpawnError::Chain(e.into()))?.usd();
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
        let lender = Lender {
            market,
            listed,
            base: config.total_usd * weight / weights / price,
            rate_reference: config.rate_reference_percent / 100.0,
            rate_elasticity: config.rate_elasticity,
            ratio: (config.desired_min_ratio, config.desired_max_ratio),
            band: config.band,
            speed: config.speed,
            trap: config.trap_utilisation_percent / 100.0,
            calm: config.calm_utilisation_percent / 100.0,
            rest_blocks: (config.rest_hours * 3_600.0 / block_secs) as u64,
            every_blocks,
            priority_fee_wei: wei(config.priority_fee_gwei),
            purse: if gas.asset == listed.token.asset { config.gas_purse_tokens } else { 0.0 },
            flight: Flight::Calm,
        };
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        endow(&mut chain, wallet.0, listed.token, lender.base)?;
        if let Some(call) = lender.call(Decision::Supply(lender.base)) {
            // Refused by a cap: the lender tries again when it looks.
            before_genesis(&mut chain, wallet.0, &[call]);
        }
        let next = NextLook { block: block + 1 + index as u64 % every_blocks };
        members.push((actor, wallet, next, lender));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets the lenders look whose turn it is.
pub fn tend_lenders(
    chain: Res<Chain>,
    mut outbox: ResMut<Outbox>,
    mut lenders: Query<(&mut NextLook, &Actor, &Wallet, &mut Lender)>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, mut lender) in &mut lenders {
        if clock.block < next.block {
            continue;
        }
        next.block = clock.block + lender.every_blocks;
        let Some(sight) = lender.look(&chain, wallet.0) else { continue };
        let decision = lender.decide(&sight, clock.block);
        let Some(call) = lender.call(decision) else { continue };
        let token = lender.listed.token;
        if let Decision::Supply(tokens) = decision {
            let idle = (token.held(&chain, wallet.0) - lender.purse).max(0.0);
            if idle < tokens {
                outbox.submit_system(chain.outside(), &[transfer(wallet.0, token, tokens - idle)]);
            }
        }
        let tip = lender.priority_fee_wei * if lender.flight == Flight::Calm { 1 } else { 5 };
        outbox.submit(actor, *wallet, gas_bid(&clock, GAS_LIMIT, tip), &[call]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::AssetId;

    fn lender() -> Lender {
        let token = Token { asset: AssetId(2), unit: 1e6 };
        Lender {
            market: MarketId(0),
            listed: Listed { token, reserve: 2 },
            base: 1_000.0,
            rate_reference: 0.02,
            rate_elasticity: 0.5,
            ratio: (0.5, 1.5),
            band: 0.1,
            speed: 0.5,
            trap: 0.97,
            calm: 0.9,
            rest_blocks: 10,
            every_blocks: 50,
            priority_fee_wei: 1,
            purse: 0.0,
            flight: Flight::Calm,
        }
    }

    const CALM: Sight =
        Sight { supplied: 1_000.0, at_hand: 5_000.0, utilisation: 0.8, rate: 0.02, room: 1e9 };

    #[test]
    fn supply_follows_the_rate() {
        assert_eq!(lender().decide(&CALM, 1), Decision::Stay);
        // Twice the reference rate: half more desired, half of the gap at once.
        let rich = Sight { rate: 0.04, ..CALM };
        assert_eq!(lender().decide(&rich, 1), Decision::Supply(250.0));
        let poor = Sight { rate: 0.0, ..CALM };
        assert_eq!(lender().decide(&poor, 1), Decision::Withdraw(250.0));
    }

    #[test]
    fn a_trapped_lender_takes_what_is_at_hand_and_returns_when_it_is_calm() {
        let mut lender = lender();
        let trapped = Sight { at_hand: 200.0, utilisation: 0.98, ..CALM };
        assert_eq!(lender.decide(&trapped, 1), Decision::Withdraw(198.0));
        let freed = Sight { supplied: 800.0, at_hand: 5_000.0, ..CALM };
        assert_eq!(lender.decide(&freed, 2), Decision::WithdrawAll);
        let out = Sight { supplied: 0.0, ..CALM };
        assert_eq!(lender.decide(&out, 3), Decision::Stay);
        assert_eq!(lender.decide(&out, 12), Decision::Stay);
        assert_eq!(lender.decide(&out, 13), Decision::Supply(500.0));
    }
}
