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
//! - **Departure.** After an exponential holding time (an average Compound loan lasted about 31 days)
//!   they repay all, withdraw all and are away for an exponential time; then a new borrower, with new
//!   draws, takes the account.
//!
//! They look every `every_blocks` blocks, staggered by index, so that the cost of a block is even.

use super::{
    Listed, NextLook, SizeLaw, SpawnError, Token, before_genesis, endow, enrol, gas_bid,
    next_actor_id, transfer, uniform, waiting_blocks, wei,
};
use bevy_ecs::prelude::*;
use libm::{exp, log};
use markets::units::{AccountId, MarketId};
use protocols::reserve::Reserve;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::rng::{Purpose, Streams};

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 600_000;
/// Share of what LTV allows that they use at most: a loan at the very limit is refused by rounding.
const LTV_USE: f64 = 0.98;
/// Relative change of desired debt that makes the rate worth a transaction.
const RATE_BAND: f64 = 0.1;
/// Smallest adjustment, in USD.
const MIN_MOVE_USD: f64 = 50.0;

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
            errand_probability: 0.5,
            errand_max_ratio: 0.03,
            rate_reference_percent: 4.0,
            rate_semi_elasticity_per_percent: 0.03,
            holding_days: 31.0,
            absence_days: 1.0,
            every_blocks: 50,
            gas_purse_tokens: 3.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// What a cohort's members have in common.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Habits {
    market: MarketId,
    collateral: Listed,
    debt: Listed,
    /// Gas money, in whole tokens of the gas asset: neither supplied nor paid out.
    purse: f64,
    gas: Token,
    size: SizeLaw,
    health: (f64, f64),
    never_react_share: f64,
    top_up_share: f64,
    trigger: (f64, f64),
    savings_ratio: f64,
    releverage: f64,
    errand_probability: f64,
    errand_max_ratio: f64,
    rate_reference: f64,
    rate_semi_elasticity: f64,
    holding_blocks: f64,
    absence_blocks: f64,
    every_blocks: u64,
    priority_fee_wei: u64,
}

/// What one borrower drew on arrival.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Temper {
    debt_usd: f64,
    health_target: f64,
    /// Share of the way from health 1 to the target.
    trigger: f64,
    reacts: bool,
    tops_up: bool,
    savings_usd: f64,
    /// Desired debt, relative to the reference rate, when it was last acted upon.
    rate_factor: f64,
    leaves_at: u64,
}

/// Whether the account has a borrower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Phase {
    Away { returns_at: u64 },
    In(Temper),
}

/// A borrower: its habits and where it stands.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Borrower {
    habits: Habits,
    phase: Phase,
}

/// What a borrower sees: whole tokens, USD at oracle prices, ratios.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sight {
    collateral: f64,
    collateral_usd: f64,
    debt: f64,
    debt_usd: f64,
    ltv: f64,
    threshold: f64,
    /// Borrow rate per year.
    rate: f64,
    /// Room for new supply, in whole tokens.
    supply_room: f64,
    /// Room for new debt, in whole tokens.
    borrow_room: f64,
}

/// What a borrower does, in whole tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Decision {
    Stay,
    Forget,
    Open { collateral: f64, debt: f64 },
    Borrow { debt: f64 },
    Repay { debt: f64 },
    TopUp { collateral: f64 },
    Leave,
}

impl Habits {
    fn new(
        chain: &Chain,
        market: MarketId,
        block_secs: u32,
        config: &BorrowerConfig,
    ) -> Result<Self, SpawnError> {
        let collateral = Listed::of(chain, market, &config.collateral)?;
        let blocks_per_day = 86_400.0 / f64::from(block_secs);
        Ok(Self {
            market,
            collateral,
            debt: Listed::of(chain, market, &config.debt)?,
            purse: config.gas_purse_tokens,
            gas: Token::of_id(chain, chain.gas_asset()),
            size: config.debt_size,
            health: (config.health_target_min, config.health_target_max),
            never_react_share: config.never_react_share,
            top_up_share: config.top_up_share,
            trigger: (config.trigger_min, config.trigger_max),
            savings_ratio: config.savings_ratio,
            releverage: config.releverage_band,
            errand_probability: config.errand_probability,
            errand_max_ratio: config.errand_max_ratio,
            rate_reference: config.rate_reference_percent,
            rate_semi_elasticity: config.rate_semi_elasticity_per_percent,
            holding_blocks: config.holding_days * blocks_per_day,
            absence_blocks: config.absence_days * blocks_per_day,
            every_blocks: u64::from(config.every_blocks.max(1)),
            priority_fee_wei: wei(config.priority_fee_gwei),
        })
    }

    /// Desired debt relative to that at the reference rate.
    fn rate_factor(&self, rate: f64) -> f64 {
        exp(-self.rate_semi_elasticity * (rate * 100.0 - self.rate_reference))
    }

    /// The health factor aimed at: the drawn one, but no closer than LTV lets a new loan be.
    fn target(&self, temper: &Temper, sight: &Sight) -> f64 {
        temper.health_target.max(sight.threshold / (sight.ltv * LTV_USE))
    }

    /// A newcomer's draws: always eight words.
    fn arrive(&self, rng: &mut impl Rng, block: u64) -> Temper {
        let debt_usd = self.size.sample(rng);
        // Uniform in the logarithm: more borrowers near the line than far from it.
        let health_target = exp(uniform(rng, log(self.health.0), log(self.health.1)));
        let trigger = uniform(rng, self.trigger.0, self.trigger.1);
        let reacts = uniform(rng, 0.0, 1.0) >= self.never_react_share;
        let tops_up = uniform(rng, 0.0, 1.0) < self.top_up_share;
        Temper {
            debt_usd,
            health_target,
            trigger,
            reacts,
            tops_up,
            savings_usd: self.savings_ratio * debt_usd,
            rate_factor: 1.0,
            leaves_at: block + waiting_blocks(rng, self.holding_blocks),
        }
    }

    /// What a newcomer opens with; nothing where the market takes less than a tenth of it.
    fn opening(&self, temper: &Temper, sight: &Sight, prices: (f64, f64)) -> Decision {
        if sight.ltv <= 0.0 || sight.threshold <= 0.0 {
            return Decision::Stay;
        }
        let wanted_usd = temper.debt_usd * self.rate_factor(sight.rate);
        let health = self.target(temper, sight);
        let collateral_of_debt = health / sight.threshold;
        let most_usd =
            (sight.borrow_room * prices.1).min(sight.supply_room * prices.0 / collateral_of_debt);
        let debt_usd = wanted_usd.min(0.9 * most_usd);
        if debt_usd < 0.1 * wanted_usd || debt_usd < MIN_MOVE_USD {
            return Decision::Stay;
        }
        Decision::Open {
            collateral: debt_usd * collateral_of_debt / prices.0,
            debt: debt_usd / prices.1,
        }
    }

    /// What a borrower does who is in.
    fn tend(&self, temper: &Temper, sight: &Sight, block: u64) -> Decision {
        let Sight { collateral, collateral_usd, debt, debt_usd, ltv, threshold, .. } = *sight;
        if debt_usd <= 0.0 {
            return if collateral_usd > 0.0 { Decision::Leave } else { Decision::Forget };
        }
        if block >= temper.leaves_at {
            return Decision::Leave;
        }
        if threshold <= 0.0 || collateral_usd <= 0.0 {
            return Decision::Stay;
        }
        let tokens_of_debt = debt / debt_usd;
        let health = collateral_usd * threshold / debt_usd;
        if health < 1.0 + temper.trigger * (temper.health_target - 1.0) {
            if !temper.reacts || temper.savings_usd < MIN_MOVE_USD {
                return Decision::Stay;
            }
            let missing_collateral_usd = (temper.health_target * debt_usd / threshold
                - collateral_usd)
                .min(temper.savings_usd);
            let top_up = missing_collateral_usd * collateral / collateral_usd;
            if temper.tops_up && ltv > 0.0 && top_up < sight.supply_room {
                return Decision::TopUp { collateral: top_up };
            }
            let excess_usd = debt_usd - collateral_usd * threshold / temper.health_target;
            return Decision::Repay { debt: excess_usd.min(temper.savings_usd) * tokens_of_debt };
        }
        let factor = self.rate_factor(sight.rate);
        if temper.reacts && factor < temper.rate_factor * (1.0 - RATE_BAND) {
            return Decision::Repay { debt: debt * (1.0 - factor / temper.rate_factor) };
        }
        if ltv <= 0.0 {
            return Decision::Stay;
        }
        let target = self.target(temper, sight);
        let rate_allows = factor >= temper.rate_factor * (1.0 - RATE_BAND);
        if health > target * (1.0 + self.releverage) && rate_allows {
            // Desired debt at the target, less what the rate takes off.
            let desired_usd = collateral_usd * threshold / target * factor.min(1.0);
            let limit_usd = collateral_usd * ltv * LTV_USE;
            let more_usd = desired_usd.min(limit_usd) - debt_usd;
            let more = (more_usd * tokens_of_debt).min(0.9 * sight.borrow_room);
            if more > 0.02 * debt && more_usd > MIN_MOVE_USD {
                return Decision::Borrow { debt: more };
            }
        }
        Decision::Stay
    }
}

impl Habits {
    /// A small need or surplus of money; always two words. None where LTV, health or liquidity would
    /// not let the need be met.
    fn errand(&self, temper: &Temper, sight: &Sight, rng: &mut impl Rng) -> Decision {
        let happens = uniform(rng, 0.0, 1.0) < self.errand_probability;
        let share = uniform(rng, -self.errand_max_ratio, self.errand_max_ratio);
        let (tokens, usd) = (share.abs() * sight.debt, share.abs() * sight.debt_usd);
        if !happens || usd < MIN_MOVE_USD {
            return Decision::Stay;
        }
        let after_usd = sight.debt_usd + usd;
        // Halfway between the trigger and the target at least: an errand is no gamble.
        let floor = 1.0 + 0.5 * (1.0 + temper.trigger) * (temper.health_target - 1.0);
        let healthy = sight.collateral_usd * sight.threshold > floor * after_usd;
        let covered = sight.collateral_usd * sight.ltv * LTV_USE > after_usd;
        // Who could not borrow does not repay either: else errands would deleverage whoever is in need.
        if !healthy || !covered || tokens > 0.5 * sight.borrow_room {
            Decision::Stay
        } else if share > 0.0 {
            Decision::Borrow { debt: tokens }
        } else {
            Decision::Repay { debt: tokens }
        }
    }
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
fn look(chain: &Chain, habits: &Habits, account: AccountId) -> Option<(Sight, (f64, f64))> {
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
    let at_hand = habits.debt.token.tokens(d.virtual_balance);
    let borrow_room = room(d, d.config.borrow_cap, borrowed).min(at_hand);
    let sight = Sight {
        collateral,
        collateral_usd: collateral * prices.0,
        debt,
        debt_usd: debt * prices.1,
        ltv: c.effective_ltv().ratio(),
        threshold: c.config.liquidation_threshold.ratio(),
        rate: d.rates.borrow.ratio(),
        supply_room: room(c, c.config.supply_cap, supplied),
        borrow_room: if d.config.borrowing_enabled { borrow_room } else { 0.0 },
    };
    Some((sight, prices))
}

impl Borrower {
    /// Decides, and updates what the borrower remembers.
    fn decide(
        &mut self,
        sight: &Sight,
        prices: (f64, f64),
        block: u64,
        rng: impl Fn() -> ChaCha8Rng,
    ) -> Decision {
        let habits = self.habits;
        match &mut self.phase {
            Phase::Away { returns_at } if block < *returns_at => Decision::Stay,
            Phase::Away { .. } => {
                if sight.collateral_usd > 0.0 || sight.debt_usd > 0.0 {
                    // The last departure failed: liquidity was short.
                    return Decision::Leave;
                }
                let mut temper = habits.arrive(&mut rng(), block);
                let decision = habits.opening(&temper, sight, prices);
                if matches!(decision, Decision::Open { .. }) {
                    temper.rate_factor = habits.rate_factor(sight.rate);
                    self.phase = Phase::In(temper);
                }
                decision
            }
            Phase::In(temper) => {
                let decision = habits.tend(temper, sight, block);
                if decision == Decision::Stay && habits.errand_probability > 0.0 {
                    return habits.errand(temper, sight, &mut rng());
                }
                let spent_usd = match decision {
                    Decision::Repay { debt } => debt * prices.1,
                    Decision::TopUp { collateral } => collateral * prices.0,
                    Decision::Borrow { .. } | Decision::Stay | Decision::Open { .. } => 0.0,
                    Decision::Forget | Decision::Leave => {
                        let mut rng = rng();
                        let returns_at = block + waiting_blocks(&mut rng, habits.absence_blocks);
                        self.phase = Phase::Away { returns_at };
                        return decision;
                    }
                };
                temper.savings_usd = (temper.savings_usd - spent_usd).max(0.0);
                if matches!(decision, Decision::Repay { .. } | Decision::Borrow { .. }) {
                    temper.rate_factor = habits.rate_factor(sight.rate);
                }
                decision
            }
        }
    }
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
    let mut chain = world.resource_mut::<Chain>();
    let habits = Habits::new(&chain, market, block_secs, config)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let (outside, block) = (chain.outside(), chain.clock().block);
    let mut members = Vec::with_capacity(config.count as usize);
    let mut buffer = Vec::new();
    for index in 0..config.count {
        let (actor, wallet) = enrol(&mut chain, first_id + index, &config.cohort, index);
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        let mut borrower = Borrower { habits, phase: Phase::Away { returns_at: block } };
        if let Some((sight, prices)) = look(&chain, &habits, wallet.0) {
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

/// Lets the borrowers look whose turn it is.
pub fn tend_borrowers(
    chain: Res<Chain>,
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
        let Some((sight, prices)) = look(&chain, &habits, wallet.0) else { continue };
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
