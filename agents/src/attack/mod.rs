//! Attackers: search for an atomic bundle that costs the protocol money, and submit it when it pays.
//!
//! Every block an O(1) gate bounds what the attack could earn; only where the bound pays is a fork of
//! the chain synchronised and a bundle sized by search against it. Between searches that found nothing
//! the attacker rests. The bundle is one transaction: it succeeds as a whole, guarded by the gain that
//! was simulated, or costs its gas.
//!
//! One file per family of attacks, each citing its incidents: `spot_oracle`, [`hunter`].
//!
//! Beside these scripted families stands a search that knows none: [`synthesis`] looks for the bundle that
//! earns most in any world, from the calls that are available in it ([`moves`]). What it finds, whoever sits in
//! an attacker's seat can make again ([`Template`]).

mod assailant;
mod back_door;
pub mod control;
pub mod hunter;
mod lane;
pub mod mind;
pub mod moves;
mod optimise;
pub mod outcome;
pub mod play;
mod search;
pub mod seat;
mod skeleton;
mod spot_oracle;
pub mod synthesis;
mod template;
mod venue;

use crate::scripted::arbitrageur::bid;
use crate::scripted::{Listed, SpawnError, Token, endow, enrol, next_actor_id, waiting_blocks};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use seat::{Act, Order, Seat};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::call::Call;
use sim::chain::{Chain, Feed, Fork};
use sim::config::{AttackerAccounts, Config, Episode};
use sim::exchange::Exchange;
use sim::prices::FairPrices;
use sim::rng::{Purpose, Streams};
use sim::views::MarketViews;
use sim::worth::entries;
use spot_oracle::{GAS, Sight, Target, best_by_simulation};

pub use assailant::{Assailant, Sequence, StoredAttacker};
pub use back_door::BackDoor;
pub use lane::{AttackLane, Defenders, Goal, Pursuit, PursuitError};
pub use spot_oracle::MAX_LOOT;
pub use template::{TEMPLATE_FIELDS, Template, Templates};

/// An attacker of a collateral whose oracle reads a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttackerConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// Symbol of the collateral. Where its feed does not read a pool there is nothing to attack.
    pub collateral: String,
    /// Symbols of what is borrowed, the first first; at most four. The pool's other asset is moved to
    /// the front where it is among them.
    pub loot: Vec<String>,
    /// Accounts, one per attack: each leaves its debt behind, and can attack again once that has been
    /// liquidated or written off.
    pub accounts: u32,
    /// Own capital of each account in the pool's other asset, in whole tokens.
    pub capital_tokens: f64,
    /// Own collateral of each account, in whole tokens.
    pub seed_tokens: f64,
    /// Smallest profit after gas, in USD.
    pub min_profit_usd: f64,
    /// Share of the profit offered as the tip.
    pub bid_share: f64,
    /// Blocks of rest after a search that found nothing or a bundle that failed.
    pub rest_blocks: u64,
    /// Gas money of each account, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Mean time until it finds the hole, in hours; 0 where it knows from the start.
    pub discovery_hours: f64,
    /// Whether each account has a contract, which is a second account in its transactions: a search then
    /// looks for attacks that take two ([`moves::Move::BorrowApart`]).
    pub contract: bool,
}

impl Default for AttackerConfig {
    /// Capital is what flash loans make unnecessary: it only pays for what the loan cannot.
    fn default() -> Self {
        Self {
            cohort: "attacker".to_owned(),
            collateral: "TAIL".to_owned(),
            loot: ["USDC", "WETH", "WBTC"].map(str::to_owned).into(),
            accounts: 4,
            capital_tokens: 50_000.0,
            seed_tokens: 0.0,
            min_profit_usd: 1_000.0,
            bid_share: 0.1,
            rest_blocks: 25,
            gas_purse_tokens: 20.0,
            discovery_hours: 0.0,
            contract: false,
        }
    }
}

/// An attacker.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attacker {
    /// What it looks at by itself.
    target: Option<Target>,
    /// What it may be told to attack: the same, or a collateral whose feed averages its pool.
    ground: Option<Target>,
    gas: Token,
    purse: f64,
    accounts: Vec<AccountId>,
    /// Which account is next.
    current: usize,
    min_profit_usd: f64,
    bid_share: f64,
    rest_blocks: u64,
    resting_until: u64,
    /// The last block's bundle waits for its verdict.
    submitted: bool,
    /// Bundles that succeeded.
    pub attacks: u32,
    /// Bundles simulated in searches, looks at templates left out.
    pub simulations: u64,
    /// Profit that the last successful bundle was expected to make, in USD.
    pub last_expected_usd: f64,
}

impl Attacker {
    /// After a bundle: counts it, sends the loot to the exchange, and turns to an account without debt.
    fn settle(&mut self, chain: &Chain, actor: &Actor, outbox: &mut Outbox) {
        if !std::mem::take(&mut self.submitted) {
            return;
        }
        let Some(target) = self.ground else { return };
        let account = self.accounts[self.current];
        let block = chain.clock().block;
        if !owes(chain, account) {
            self.resting_until = block + self.rest_blocks;
            return;
        }
        self.attacks += 1;
        for (token, _) in target.loot.into_iter().flatten().filter(|(t, _)| *t != target.quote) {
            let kept = if token == self.gas { self.purse } else { 0.0 };
            let amount = token.amount(token.held(chain, account) - kept);
            if !amount.is_zero() {
                let (sell, buy) = (token.asset, target.quote.asset);
                outbox.order(ExchangeOrder { trader: account, actor: actor.id, sell, buy, amount });
            }
        }
        self.turn(chain);
    }

    /// Turns to the next account without debt; rests where there is none.
    fn turn(&mut self, chain: &Chain) {
        let n = self.accounts.len();
        let free =
            (1..=n).map(|i| (self.current + i) % n).find(|i| !owes(chain, self.accounts[*i]));
        match free {
            Some(next) => self.current = next,
            None => self.resting_until = chain.clock().block + self.rest_blocks,
        }
    }
}

/// Whether an account, or its contract, owes anything to any market.
fn owes(chain: &Chain, account: AccountId) -> bool {
    let mut owes = false;
    for account in std::iter::once(account).chain(chain.contract_of(account)) {
        for id in 0..chain.markets().len() {
            entries(chain, MarketId(id as u16), account, |entry| owes |= entry.owed);
        }
    }
    owes
}

/// The reserve whose feed reads a pool, now or on average, and what can be borrowed against it; and whether
/// it reads it now.
fn find_ground(
    chain: &Chain,
    market: MarketId,
    config: &AttackerConfig,
) -> Result<Option<(Target, bool)>, SpawnError> {
    let tail = Listed::of(chain, market, &config.collateral)?;
    let feed = chain.pooled(market).reserves[usize::from(tail.reserve)].feed;
    let (pool, reads_now) = match chain.feed(feed) {
        Feed::Spot(spot) => (spot.pool, true),
        Feed::Twap(twap) => (twap.pool, false),
        _ => return Ok(None),
    };
    let pair = chain.pair(pool);
    let other = pair
        .other(tail.token.asset)
        .map_err(|_not_in_pool| SpawnError::NotInPool(config.collateral.clone()))?;
    let quote = Token::of_id(chain, other);
    let mut listed = Vec::new();
    for symbol in &config.loot {
        let found = Listed::of(chain, market, symbol)?;
        if found.token == quote {
            listed.insert(0, found);
        } else if found.token != tail.token {
            listed.push(found);
        }
    }
    if listed.len() > MAX_LOOT {
        return Err(SpawnError::TooMuchLoot { most: MAX_LOOT, asked: listed.len() });
    }
    let mut loot = [None; MAX_LOOT];
    for (slot, found) in loot.iter_mut().zip(listed) {
        *slot = Some((found.token, found.reserve));
    }
    let (tail, tail_reserve) = (tail.token, tail.reserve);
    Ok(Some((Target { market, pool, tail, tail_reserve, quote, loot }, reads_now)))
}

/// Puts an attacker into a world, with its accounts; their gains count as attacker profit.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed, or too many.
pub fn spawn(
    world: &mut World,
    market: MarketId,
    config: &AttackerConfig,
) -> Result<(), SpawnError> {
    let id = next_actor_id(world);
    let block_secs = f64::from(world.resource::<Config>().block_secs);
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let found = find_ground(&chain, market, config)?;
    let ground = found.map(|(ground, _)| ground);
    let target = found.filter(|(_, reads_now)| *reads_now).map(|(ground, _)| ground);
    let gas = Token::of_id(&chain, chain.gas_asset());
    let mut accounts = Vec::with_capacity(config.accounts as usize);
    let mut first = None;
    for index in 0..config.accounts.max(1) {
        let (actor, wallet) = enrol(&mut chain, id, &config.cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        if let Some(target) = ground {
            endow(&mut chain, wallet.0, target.quote, config.capital_tokens)?;
            endow(&mut chain, wallet.0, target.tail, config.seed_tokens)?;
        }
        if config.contract {
            chain.add_contract(wallet.0);
        }
        first = first.or(Some((actor, wallet)));
        accounts.push(wallet.0);
    }
    let Some((actor, wallet)) = first else { return Ok(()) };
    let mut rng = streams.at(Purpose::Setup, actor.key, episode, 0);
    let mean_blocks = config.discovery_hours * 3_600.0 / block_secs;
    let finds_at = chain.clock().block + waiting_blocks(&mut rng, mean_blocks);
    let mut counted = world.get_resource_or_insert_with(AttackerAccounts::default);
    // The world may be one that an earlier episode was played in.
    for account in &accounts {
        if !counted.0.contains(account) {
            counted.0.push(*account);
        }
    }
    world.init_resource::<Seat>();
    let attacker = Attacker {
        target,
        ground,
        gas,
        purse: config.gas_purse_tokens,
        accounts,
        current: 0,
        min_profit_usd: config.min_profit_usd,
        bid_share: config.bid_share,
        rest_blocks: config.rest_blocks,
        resting_until: finds_at,
        submitted: false,
        attacks: 0,
        simulations: 0,
        last_expected_usd: 0.0,
    };
    world.spawn((actor, wallet, attacker));
    Ok(())
}

/// Lets every attacker look through its gate and, where that is open, search and submit.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it reads")]
pub fn attack_markets(
    chain: Res<Chain>,
    exchange: Res<Exchange>,
    prices: Res<FairPrices>,
    views: Res<MarketViews>,
    seat: Option<ResMut<Seat>>,
    templates: Option<Res<Templates>>,
    mut outbox: ResMut<Outbox>,
    mut attackers: Query<(&Actor, &mut Attacker)>,
    mut fork: Local<Option<Fork>>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    let told = seat.filter(|seat| seat.taken).map(|mut seat| seat.order.take());
    let mut seat_is_free = true;
    for (actor, mut attacker) in &mut attackers {
        let attacker = &mut *attacker;
        attacker.settle(&chain, actor, &mut outbox);
        let gas_price_usd = prices.usd(attacker.gas.asset);
        let sight = Sight {
            chain: &chain,
            exchange: &exchange,
            prices: &prices,
            views: &views,
            gas_price_usd,
        };
        let (target, size) = match told {
            None if clock.block < attacker.resting_until => continue,
            None => (attacker.target, 1.0),
            Some(order) => {
                let mine = order.filter(|_| seat_is_free && attacker.has_ground());
                seat_is_free &= !attacker.has_ground();
                match mine {
                    Some(Order { act: Act::Strike, size }) => (attacker.ground, size),
                    Some(Order { act: Act::Template(number), size }) => {
                        let found = templates.as_ref().and_then(|t| t.0.get(usize::from(number)));
                        if let Some(template) = found {
                            attacker.make(template, size, &sight, (actor, &mut outbox));
                        }
                        continue;
                    }
                    Some(order) => {
                        attacker.obey(order, &sight, actor, &mut outbox);
                        continue;
                    }
                    None => continue,
                }
            }
        };
        let Some(target) = target else { continue };
        let account = attacker.accounts[attacker.current];
        let Some(setting) = target.setting(&sight, account).map(|s| s.limited(size)) else {
            continue;
        };
        if setting.bound_usd() < attacker.min_profit_usd {
            continue;
        }
        let fork = match &mut *fork {
            Some(fork) => {
                fork.sync(&chain);
                fork
            }
            none => none.insert(Fork(chain.clone())),
        };
        let (plan, gains, simulations) =
            best_by_simulation(&target, &setting, fork, account, &mut buffer);
        attacker.simulations += u64::from(simulations);
        let purse = attacker.gas.held(&chain, account).min(attacker.purse);
        // The simulation paid the base fee already: the offer counts it once.
        let before_gas_usd = gains.profit_usd + setting.gas_usd();
        let offer = bid(&clock, GAS, before_gas_usd, attacker.bid_share, gas_price_usd, purse);
        match offer {
            Some((gas, left_usd)) if left_usd >= attacker.min_profit_usd => {
                target.bundle(&plan, &mut buffer);
                target.guard(&gains, &mut buffer);
                outbox.submit(actor, Wallet(account), gas, &buffer);
                attacker.submitted = true;
                attacker.last_expected_usd = left_usd;
            }
            _ => attacker.resting_until = clock.block + attacker.rest_blocks,
        }
    }
}
