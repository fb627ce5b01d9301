//! Borrowers: lever to a target, defend it or not, pay heed to the rate, leave, come anew.
//!
//! - **Arrival.** A debt size from a lognormal body with a Pareto tail (no published exponent exists:
//!   1.0 to 1.3 is the stated prior) and a target health factor in [1.2, 2.9] (debt over assets of
//!   0.29 to 0.47 at a threshold of 0.83 is 1.8 to 2.9; more active users run higher: BIS WP 1171).
//!   The collateral is paid in, the debt is paid out: what they buy with it is not modelled, so their
//!   own flows move no venue.
//! - **Leverage.** Where prices have lifted health beyond the target by a band, or an LTV cut no
//!   longer binds, they borrow back to the target, as far as LTV, caps and liquidity allow. The target
//!   is never closer than LTV lets a new loan be.
//! - **Defence.** Below a personal trigger they repay or top up to the target, out of savings that are
//!   a stated share of the debt and run out. A share of them never reacts.
//! - **Errands.** At a look they otherwise let pass they may need a little money or have some to spare:
//!   they borrow or repay a small random share of the debt, with mean zero, where they are well. An
//!   account stands for many real ones: by default 256 of them send about two transactions a block
//!   (judgement).
//! - **Elasticity.** Desired debt is proportional to `exp(−k · rate)`; they repay when it has fallen
//!   by a tenth and may borrow when it has risen by one.
//! - **Mood.** Where an [`Appetite`] is stated, an exogenous stream `v` moves the target health factor `H` to
//!   `1 + (H − 1) · exp(−k · v)`: who is confident levers more, who is afraid sooner defends.
//! - **Departure.** After an exponential holding time (an average Compound loan lasted about 31 days)
//!   they repay all, withdraw all and are away for an exponential time; then a new borrower, with new
//!   draws, takes the account.
//!
//! They look every `every_blocks` blocks, staggered by index, so that the cost of a block is even.

mod mind;

use super::{
    NextLook, SizeLaw, SpawnError, Token, before_genesis, endow, enrol, gas_bid, next_actor_id,
    transfer,
};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use mind::{Decision, Habits, Phase, Sight};
use protocols::reserve::Reserve;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::factors::Factors;
use sim::rng::{Purpose, Streams, actor_key};

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 600_000;
/// Health factor that whoever has been found in the market aims at at least.
pub const ADOPTED_HEALTH: f64 = 1.05;

/// How leverage follows an exogenous stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Appetite {
    /// The stream's name.
    pub factor: String,
    /// Relative fall of the distance of the target health factor from 1, per unit of the stream (as an
    /// exponent): 0.3 makes it 26 % smaller at a value of 1, and 35 % larger at −1.
    pub leverage_per_unit: f64,
}

/// A cohort of borrowers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BorrowerConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// Symbol of what they supply.
    pub collateral: String,
    /// Symbol of what they borrow.
    pub debt: String,
    /// How many.
    pub count: u32,
    /// Debt of a newcomer.
    pub debt_size: SizeLaw,
    /// Smallest health factor aimed at.
    pub health_target_min: f64,
    /// Largest health factor aimed at.
    pub health_target_max: f64,
    /// Share of borrowers who never react to falling health.
    pub never_react_share: f64,
    /// Share of those who react by topping up rather than repaying.
    pub top_up_share: f64,
    /// Nearest trigger, as a share of the way from health 1 to the target.
    pub trigger_min: f64,
    /// Farthest trigger, as a share of the way from health 1 to the target.
    pub trigger_max: f64,
    /// Savings for the defence, as a share of the debt.
    pub savings_ratio: f64,
    /// Rise of health beyond the target, as a ratio, that makes them borrow more.
    pub releverage_band: f64,
    /// Probability of an errand at a look.
    pub errand_probability: f64,
    /// Largest errand, as a share of the debt.
    pub errand_max_ratio: f64,
    /// Borrow rate at which a newcomer wants exactly its drawn size, in percent per year.
    pub rate_reference_percent: f64,
    /// Fall of desired debt per percentage point of the rate, as a ratio.
    pub rate_semi_elasticity_per_percent: f64,
    /// How leverage follows an exogenous stream; by default it follows none.
    pub appetite: Option<Appetite>,
    /// Mean time that a loan lasts, in days.
    pub holding_days: f64,
    /// Mean time until a new borrower takes the place, in days.
    pub absence_days: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset; refilled from outside when it runs low.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei; tripled in defence.
    pub priority_fee_gwei: f64,
}

impl Default for BorrowerConfig {
    /// Ordinary times; sources in the module's text, the rest is judgement. A mean liquidation of
    /// 15,300 USD at a close factor of one half (April 2024) suggests debts of some 10,000 USD and
    /// more; the tail makes the top percent of borrowers owe more than half.
    fn default() -> Self {
        Self {
            cohort: "borrowers".to_owned(),
            collateral: "WETH".to_owned(),
            debt: "USDC".to_owned(),
            count: 64,
            debt_size: SizeLaw {
                median_usd: 20_000.0,
                log_sd: 1.2,
                tail_share: 0.05,
                tail_from_usd: 250_000.0,
                tail_exponent: 1.15,
                cap_usd: 5_000_000.0,
            },
            health_target_min: 1.2,
            health_target_max: 2.9,
            never_react_share: 0.3,
            top_up_share: 0.5,
            trigger_min: 0.15,
            trigger_max: 0.6,
            savings_ratio: 0.4,
            releverage_band: 0.15,
            errand_probability: 0.8,
            errand_max_ratio: 0.03,
            rate_reference_percent: 4.0,
            rate_semi_elasticity_per_percent: 0.03,
            appetite: None,
            holding_days: 31.0,
            absence_days: 1.0,
            every_blocks: 50,
            gas_purse_tokens: 3.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// A borrower: its habits and where it stands.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Borrower {
    habits: Habits,
    phase: Phase,
}

/// Room below a cap in whole tokens, unbounded where there is none; none where the reserve is shut.
pub(super) fn room(reserve: &Reserve, cap: u64, used: f64) -> f64 {
    let config = &reserve.config;
    if !config.active || config.frozen || config.paused {
        0.0
    } else if cap == 0 {
        f64::INFINITY
    } else {
        // A thousandth of slack for interest that accrues before the call.
        (cap as f64 * 0.999 - used).max(0.0)
    }
}

/// What the borrower sees, and the two oracle prices in USD; `None` while an oracle is silent.
fn look(
    chain: &Chain,
    factors: &Factors,
    habits: &Habits,
    account: AccountId,
) -> Option<(Sight, (f64, f64))> {
    let pooled = chain.pooled(habits.market);
    let c = pooled.reserves.get(usize::from(habits.collateral.reserve))?;
    let d = pooled.reserves.get(usize::from(habits.debt.reserve))?;
    let prices = (chain.price(c.feed).ok()?.usd(), chain.price(d.feed).ok()?.usd());
    // Indexes as last touched: seconds of interest do not change a mind.
    let of_c = |shares| habits.collateral.token.tokens(shares) * c.liquidity_index.ratio();
    let of_d = |shares| habits.debt.token.tokens(shares) * d.borrow_index.ratio();
    let collateral = of_c(chain.balance(account, c.a_token));
    let debt = of_d(chain.balance(account, d.debt_token));
    let supplied = of_c(chain.ledger().total_supply(c.a_token));
    let borrowed = of_d(chain.ledger().total_supply(d.debt_token));
    let at_hand = habits.debt.token.tokens(pooled.available(chain, d));
    let borrow_room = room(d, d.config.borrow_cap, borrowed).min(at_hand);
    let sight = Sight {
        collateral,
        collateral_usd: collateral * prices.0,
        debt,
        debt_usd: debt * prices.1,
        ltv: c.effective_ltv(pooled.version).ratio(),
        threshold: c.config.liquidation_threshold.ratio(),
        rate: d.rates.borrow.ratio(),
        supply_room: room(c, c.config.supply_cap, supplied),
        borrow_room: if d.config.borrowing_enabled { borrow_room } else { 0.0 },
        caution: habits.caution(factors),
    };
    Some((sight, prices))
}

/// What the outside world must pay in for a decision to succeed.
fn deposit(habits: &Habits, sight: &Sight, decision: Decision) -> Option<(Token, f64)> {
    match decision {
        Decision::Open { collateral, .. } | Decision::TopUp { collateral } => {
            Some((habits.collateral.token, collateral))
        }
        Decision::Repay { debt } => Some((habits.debt.token, debt)),
        // Interest since the last touch: the rest comes back.
        Decision::Leave if sight.debt > 0.0 => Some((habits.debt.token, sight.debt * 1.001)),
        Decision::Leave | Decision::Stay | Decision::Forget | Decision::Borrow { .. } => None,
    }
}

/// The transaction of a decision; `None` where there is nothing to do.
fn calls(
    habits: &Habits,
    sight: &Sight,
    outside: AccountId,
    decision: Decision,
    out: &mut Vec<Call>,
) -> bool {
    let Habits { market, collateral, debt, .. } = *habits;
    let (c, d) = (collateral.token, debt.token);
    let exact = |token: Token, tokens| AmountExpr::Exact(token.amount(tokens));
    let pay_out = |token: Token, mark| Call::Transfer {
        to: outside,
        asset: token.asset,
        amount: AmountExpr::DeltaSince(mark),
    };
    let mark = |token: Token, mark| Call::Mark { mark, asset: token.asset };
    let supply = |tokens| Call::Supply { market, asset: c.asset, amount: exact(c, tokens) };
    let borrow = |tokens| Call::Borrow { market, asset: d.asset, amount: exact(d, tokens) };
    out.clear();
    match decision {
        Decision::Stay | Decision::Forget => return false,
        Decision::Open { collateral, debt } => {
            out.extend([supply(collateral), mark(d, 0), borrow(debt), pay_out(d, 0)]);
        }
        Decision::Borrow { debt } => out.extend([mark(d, 0), borrow(debt), pay_out(d, 0)]),
        Decision::Repay { debt } => {
            out.push(Call::Repay { market, asset: d.asset, amount: exact(d, debt) });
        }
        Decision::TopUp { collateral } => out.push(supply(collateral)),
        Decision::Leave => {
            if sight.debt > 0.0 {
                out.push(Call::Repay { market, asset: d.asset, amount: AmountExpr::All });
            }
            if sight.collateral > 0.0 {
                let all = AmountExpr::All;
                let withdraw = Call::Withdraw { market, asset: c.asset, amount: all };
                out.extend([mark(c, 0), withdraw, pay_out(c, 0)]);
            }
            // What was paid in beyond the debt goes back, unless gas money is in the same purse.
            if sight.debt > 0.0 && d.asset != c.asset && d.asset != habits.gas.asset {
                let all = AmountExpr::All;
                out.push(Call::Transfer { to: outside, asset: d.asset, amount: all });
            }
        }
    }
    !out.is_empty()
}

/// Puts a cohort into a world, each with an open position as far as the market takes it. The chain
/// must have its market, its feeds, and lenders.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn spawn(
    world: &mut World,
    market: MarketId,
    config: &BorrowerConfig,
) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let block_secs = world.resource::<Config>().block_secs;
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let factors = world.get_resource::<Factors>().cloned().unwrap_or_default();
    let mut chain = world.resource_mut::<Chain>();
    let habits = Habits::new(&chain, &factors, market, block_secs, config)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let (outside, block) = (chain.outside(), chain.clock().block);
    let mut members = Vec::with_capacity(config.count as usize);
    let mut buffer = Vec::new();
    for index in 0..config.count {
        let (actor, wallet) = enrol(&mut chain, first_id + index, &config.cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        let mut borrower = Borrower { habits, phase: Phase::Away { returns_at: block } };
        if let Some((sight, prices)) = look(&chain, &factors, &habits, wallet.0) {
            let rng = || streams.at(Purpose::Setup, actor.key, episode, 0);
            let decision = borrower.decide(&sight, prices, block, rng);
            if let Some((token, tokens)) = deposit(&habits, &sight, decision) {
                endow(&mut chain, wallet.0, token, tokens)?;
            }
            if calls(&habits, &sight, outside, decision, &mut buffer)
                && !before_genesis(&mut chain, wallet.0, &buffer)
            {
                borrower.phase = Phase::Away { returns_at: block };
            }
        }
        let next = NextLook { block: block + 1 + u64::from(index) % habits.every_blocks };
        members.push((actor, wallet, next, borrower));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Gives a borrower to each of these accounts that has one collateral and one debt: its target is the
/// health factor that it has now (at least [`ADOPTED_HEALTH`]), its savings follow from its debt, and
/// everything else is drawn. Who follows it once it has left is a newcomer of the cohort. The others
/// stay without one. `collateral`, `debt` and `count` of the cohort do not count.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn adopt(
    world: &mut World,
    market: MarketId,
    config: &BorrowerConfig,
    accounts: &[AccountId],
) -> Result<(), SpawnError> {
    let mut id = next_actor_id(world);
    let block_secs = world.resource::<Config>().block_secs;
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let factors = world.get_resource::<Factors>().cloned().unwrap_or_default();
    let mut chain = world.resource_mut::<Chain>();
    let gas = Token::of_id(&chain, chain.gas_asset());
    let block = chain.clock().block;
    let mut members = Vec::with_capacity(accounts.len());
    for (index, account) in accounts.iter().enumerate() {
        let position = chain.pooled(market).position(*account);
        let Some((c, d)) = position.only_collateral().zip(position.only_debt()) else { continue };
        let symbol = |reserve: u16| {
            let reserve = &chain.pooled(market).reserves[usize::from(reserve)];
            chain.asset(reserve.underlying).symbol.clone()
        };
        let config = BorrowerConfig { collateral: symbol(c), debt: symbol(d), ..config.clone() };
        let habits = Habits::new(&chain, &factors, market, block_secs, &config)?;
        let Some((sight, _)) = look(&chain, &factors, &habits, *account) else { continue };
        endow(&mut chain, *account, gas, config.gas_purse_tokens)?;
        let actor = Actor { id, key: actor_key(&config.cohort, index as u64) };
        id += 1;
        let mut rng = streams.at(Purpose::Setup, actor.key, episode, 0);
        let borrower =
            Borrower { habits, phase: Phase::In(habits.settled(&sight, &mut rng, block)) };
        let next = NextLook { block: block + 1 + index as u64 % habits.every_blocks };
        members.push((actor, Wallet(*account), next, borrower));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Lets the borrowers look whose turn it is.
pub fn tend_borrowers(
    chain: Res<Chain>,
    factors: Res<Factors>,
    streams: Res<Streams>,
    episode: Res<Episode>,
    mut outbox: ResMut<Outbox>,
    mut borrowers: Query<(&mut NextLook, &Actor, &Wallet, &mut Borrower)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, mut borrower) in &mut borrowers {
        if clock.block < next.block {
            continue;
        }
        let habits = borrower.habits;
        next.block = clock.block + habits.every_blocks;
        let Some((sight, prices)) = look(&chain, &factors, &habits, wallet.0) else { continue };
        let rng = || streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        let decision = borrower.decide(&sight, prices, clock.block, rng);
        if let Some((token, tokens)) = deposit(&habits, &sight, decision) {
            let purse = if token == habits.gas { habits.purse } else { 0.0 };
            let idle = (token.held(&chain, wallet.0) - purse).max(0.0);
            if idle < tokens {
                outbox.submit_system(chain.outside(), &[transfer(wallet.0, token, tokens - idle)]);
            }
        }
        if calls(&habits, &sight, chain.outside(), decision, &mut buffer) {
            if habits.gas.held(&chain, wallet.0) < 0.2 * habits.purse {
                let refill = transfer(wallet.0, habits.gas, habits.purse);
                outbox.submit_system(chain.outside(), &[refill]);
            }
            let urgent = matches!(decision, Decision::Repay { .. } | Decision::TopUp { .. });
            let tip = habits.priority_fee_wei * if urgent { 3 } else { 1 };
            outbox.submit(actor, *wallet, gas_bid(&clock, GAS_LIMIT, tip), &buffer);
        }
    }
}
