//! Loopers: borrow against a collateral to buy more of it, while that pays.
//!
//! - **Leverage.** The target is a health factor, drawn uniform in its logarithm; at a threshold t the debt
//!   over assets is t over it, so that 1.0364 at t = 0.95 is a loop of twelve times. It is never nearer
//!   than LTV lets a new loan be. E-mode loops were hit by a fall of 2.85 % at 34 accounts with 27.1 M USD
//!   (Chaos Labs), which is a health factor of 1.029.
//! - **Carry.** Per year and dollar of equity `L · (y + s) − (L − 1) · b`: leverage L, the yield y of the
//!   collateral itself (staking, say; stated, and not paid in the market), the supply rate s, the borrow
//!   rate b. Below the exit they unwind all of it; above the entry they lever back up; between the two
//!   they keep what they have.
//! - **Defence.** Below a trigger, a share of the way from health 1 to the target, they unwind to the
//!   target. They have no other savings: it is the collateral that pays.
//! - **Route.** Where a constant-product pool trades the pair, one transaction: a flash loan of the debt
//!   asset, swapped, supplied and repaid by a new loan; or repaid with withdrawn collateral that is sold.
//!   A bundle that would slip by more than stated is not sent. Where there is no such pool, by rounds of
//!   the exchange: borrow, buy, and supply what has arrived at the next look; or withdraw, sell, repay. That
//!   moves prices, as the pool's way does.
//!
//! What they open with comes from outside, as borrowers' positions do.

use super::borrower::room;
use super::{
    Listed, NextLook, SizeLaw, SpawnError, Token, before_genesis, endow, enrol, gas_bid,
    next_actor_id, uniform, wei,
};
use bevy_ecs::prelude::*;
use libm::{exp, log};
use markets::units::{AccountId, Amount, MarketId, PoolId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::call::{AmountExpr, Call};
use sim::chain::{Chain, Pool};
use sim::config::Episode;
use sim::rng::{Purpose, Streams};

/// Gas that any of their transactions may use.
const GAS_LIMIT: u64 = 1_200_000;
/// Share of what LTV allows that they use at most.
const LTV_USE: f64 = 0.98;
/// Smallest step, in USD.
const MIN_MOVE_USD: f64 = 100.0;
/// Health factor that a withdrawal for the exchange keeps.
const KEEP_HEALTH: f64 = 1.01;

/// A cohort of loopers of one pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LooperConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// Symbol of what they supply.
    pub collateral: String,
    /// Symbol of what they borrow.
    pub debt: String,
    /// How many.
    pub count: u32,
    /// Own money of each.
    pub equity: SizeLaw,
    /// Smallest health factor aimed at.
    pub health_target_min: f64,
    /// Largest health factor aimed at.
    pub health_target_max: f64,
    /// Where they defend, as a share of the way from health 1 to the target.
    pub trigger: f64,
    /// Yield of the collateral itself, in percent per year.
    pub yield_percent: f64,
    /// Carry per equity below which they unwind, in percent per year.
    pub carry_exit_percent: f64,
    /// Carry per equity above which they lever up, in percent per year.
    pub carry_entry_percent: f64,
    /// Smallest step, as a share of the debt that is aimed at.
    pub band: f64,
    /// Most that a pool's price may slip in one step, in basis points.
    pub most_slippage_bps: f64,
    /// Blocks between two looks.
    pub every_blocks: u32,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Tip, in gwei; three times as much in defence.
    pub priority_fee_gwei: f64,
}

impl Default for LooperConfig {
    /// Judgement, but for the yield: what staked ETH earned in 2023 and 2024 (about 3.2 %; recalled, 0.8).
    fn default() -> Self {
        Self {
            cohort: "loopers".to_owned(),
            collateral: "WETH".to_owned(),
            debt: "USDC".to_owned(),
            count: 8,
            equity: SizeLaw {
                median_usd: 50_000.0,
                log_sd: 1.0,
                tail_share: 0.0,
                tail_from_usd: 250_000.0,
                tail_exponent: 1.15,
                cap_usd: 2_000_000.0,
            },
            health_target_min: 1.06,
            health_target_max: 1.25,
            trigger: 0.3,
            yield_percent: 3.2,
            carry_exit_percent: 0.0,
            carry_entry_percent: 1.0,
            band: 0.05,
            most_slippage_bps: 100.0,
            every_blocks: 50,
            gas_purse_tokens: 3.0,
            priority_fee_gwei: 1.0,
        }
    }
}

/// A looper: what it wants and knows of its way.
#[derive(Component, Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Looper {
    market: MarketId,
    collateral: Listed,
    debt: Listed,
    /// The pool that trades the pair; without one, the exchange.
    pool: Option<PoolId>,
    gas: Token,
    purse: f64,
    health_target: f64,
    trigger: f64,
    own_yield: f64,
    /// Exit and entry, per year.
    carry: (f64, f64),
    band: f64,
    most_slippage: f64,
    every_blocks: u64,
    priority_fee_wei: u64,
}

/// What a looper sees: USD at oracle prices, rates per year.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sight {
    collateral_usd: f64,
    debt_usd: f64,
    collateral_price: f64,
    debt_price: f64,
    ltv: f64,
    threshold: f64,
    supply_rate: f64,
    borrow_rate: f64,
    /// Room for new debt, in USD.
    borrow_room_usd: f64,
    /// Room for new supply, in USD.
    supply_room_usd: f64,
    /// What the market has of the debt asset, in USD: no flash loan is larger.
    at_hand_usd: f64,
}

/// A step, in USD of debt.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Stay,
    LeverUp(f64),
    Unwind { usd: f64, is_defence: bool },
}

impl Looper {
    /// Debt over assets that is aimed at.
    fn ratio(&self, sight: &Sight) -> f64 {
        (sight.threshold / self.health_target).min(sight.ltv * LTV_USE)
    }

    /// What the loop earns at the target, per year and dollar of equity.
    fn carry(&self, sight: &Sight) -> f64 {
        let leverage = 1.0 / (1.0 - self.ratio(sight));
        leverage * (self.own_yield + sight.supply_rate) - (leverage - 1.0) * sight.borrow_rate
    }

    fn decide(&self, sight: &Sight) -> Step {
        let Sight { collateral_usd, debt_usd, ltv, threshold, .. } = *sight;
        let equity = collateral_usd - debt_usd;
        if equity <= 0.0 || threshold <= 0.0 {
            return Step::Stay;
        }
        // Debt buys collateral, or collateral pays debt: equity stays.
        let ratio = self.ratio(sight);
        let aim = equity * ratio / (1.0 - ratio);
        let least = (self.band * aim).max(MIN_MOVE_USD);
        let carry = self.carry(sight);
        if carry < self.carry.0 && debt_usd > MIN_MOVE_USD {
            return Step::Unwind { usd: debt_usd, is_defence: false };
        }
        let health = collateral_usd * threshold / debt_usd;
        if debt_usd > 0.0 && health < 1.0 + self.trigger * (self.health_target - 1.0) {
            // As much as brings it to the target, however little.
            let usd = debt_usd - aim;
            return if usd > 0.0 { Step::Unwind { usd, is_defence: true } } else { Step::Stay };
        }
        let most = (0.9 * sight.borrow_room_usd).min(0.9 * sight.supply_room_usd);
        let more = (aim - debt_usd).min(most);
        if carry >= self.carry.1 && ltv > 0.0 && more > least {
            return Step::LeverUp(more);
        }
        Step::Stay
    }

    fn look(&self, chain: &Chain, account: AccountId) -> Option<Sight> {
        let pooled = chain.pooled(self.market);
        let c = pooled.reserves.get(usize::from(self.collateral.reserve))?;
        let d = pooled.reserves.get(usize::from(self.debt.reserve))?;
        let (cp, dp) = (chain.price(c.feed).ok()?.usd(), chain.price(d.feed).ok()?.usd());
        let (ct, dt) = (self.collateral.token, self.debt.token);
        let of_c = |shares| ct.tokens(shares) * c.liquidity_index.ratio();
        let of_d = |shares| dt.tokens(shares) * d.borrow_index.ratio();
        let supplied = of_c(chain.ledger().total_supply(c.a_token));
        let borrowed = of_d(chain.ledger().total_supply(d.debt_token));
        let at_hand = dt.tokens(pooled.available(chain, d));
        let borrow_room = if d.config.borrowing_enabled {
            room(d, d.config.borrow_cap, borrowed).min(at_hand)
        } else {
            0.0
        };
        Some(Sight {
            collateral_usd: of_c(chain.balance(account, c.a_token)) * cp,
            debt_usd: of_d(chain.balance(account, d.debt_token)) * dp,
            collateral_price: cp,
            debt_price: dp,
            ltv: c.effective_ltv(pooled.version).ratio(),
            threshold: c.config.liquidation_threshold.ratio(),
            supply_rate: c.rates.liquidity.ratio(),
            borrow_rate: d.rates.borrow.ratio(),
            borrow_room_usd: borrow_room * dp,
            supply_room_usd: room(c, c.config.supply_cap, supplied) * cp,
            at_hand_usd: at_hand * dp,
        })
    }

    /// A step through the pool in one transaction. False where it would slip too far.
    fn flash(
        &self,
        chain: &Chain,
        sight: &Sight,
        pool: PoolId,
        step: Step,
        out: &mut Vec<Call>,
    ) -> bool {
        let (market, c, d) = (self.market, self.collateral.token, self.debt.token);
        let pair = chain.pair(pool);
        out.clear();
        match step {
            Step::Stay => false,
            Step::LeverUp(usd) => {
                let amount = d.amount(usd / sight.debt_price);
                let fair = usd / sight.collateral_price * (1.0 - self.most_slippage);
                let Ok(quote) = pair.quote_exact_in(d.asset, amount) else { return false };
                if c.tokens(quote.amount_out) < fair {
                    return false;
                }
                out.extend([
                    Call::Mark { mark: 0, asset: c.asset },
                    Call::FlashLoan { market, asset: d.asset, amount, body: 3 },
                    Call::Swap {
                        pool,
                        asset_in: d.asset,
                        amount: AmountExpr::Exact(amount),
                        min_out: c.amount(fair),
                    },
                    Call::Supply { market, asset: c.asset, amount: AmountExpr::DeltaSince(0) },
                    Call::Borrow { market, asset: d.asset, amount: AmountExpr::FlashDebt },
                ]);
                true
            }
            Step::Unwind { usd, .. } => {
                // In a squeeze the loan is what there is; what it repays is there for the next one.
                let usd = usd.min(0.9 * sight.at_hand_usd);
                if usd < MIN_MOVE_USD.min(sight.debt_usd) {
                    return false;
                }
                let is_all = usd >= sight.debt_usd;
                // Interest since the last touch: the whole debt is a little more.
                let tokens = usd / sight.debt_price * if is_all { 1.001 } else { 1.0 };
                let amount = d.amount(tokens);
                // A flash loan's premium and the pool's fee come on top.
                let sold = usd / sight.collateral_price * (1.0 + self.most_slippage) * 1.002;
                let max_in = c.amount(sold);
                let whole = if is_all { AmountExpr::All } else { AmountExpr::Exact(amount) };
                let held = sold * sight.collateral_price < 0.999 * sight.collateral_usd;
                if !held
                    || pair
                        .quote_exact_in(c.asset, max_in)
                        .is_ok_and(|q| d.tokens(q.amount_out) < tokens)
                {
                    return false;
                }
                out.extend([
                    Call::Mark { mark: 0, asset: c.asset },
                    Call::Mark { mark: 1, asset: d.asset },
                    Call::FlashLoan { market, asset: d.asset, amount, body: 3 },
                    Call::Repay { market, asset: d.asset, amount: whole },
                    Call::Withdraw { market, asset: c.asset, amount: AmountExpr::Exact(max_in) },
                    Call::SwapExactOut {
                        pool,
                        asset_out: d.asset,
                        amount: AmountExpr::FlashDebt,
                        max_in,
                    },
                    Call::Supply { market, asset: c.asset, amount: AmountExpr::DeltaSince(0) },
                ]);
                true
            }
        }
    }

    /// A step by a round of the exchange; what the last round brought is supplied or repaid first. Returns
    /// the order, if the round needs one.
    fn round(
        &self,
        sight: &Sight,
        idle: (f64, f64),
        step: Step,
        out: &mut Vec<Call>,
    ) -> Option<(Token, Token, Amount)> {
        let (market, c, d) = (self.market, self.collateral.token, self.debt.token);
        out.clear();
        if idle.1 * sight.debt_price > MIN_MOVE_USD
            && sight.debt_usd > 0.0
            && !matches!(step, Step::LeverUp(_))
        {
            let whole = idle.1 * sight.debt_price >= sight.debt_usd * 1.0001;
            let part = AmountExpr::Exact(d.amount(idle.1));
            let amount = if whole { AmountExpr::All } else { part };
            out.push(Call::Repay { market, asset: d.asset, amount });
            return None;
        }
        if idle.0 * sight.collateral_price > MIN_MOVE_USD {
            let amount = AmountExpr::Exact(c.amount(idle.0));
            out.push(Call::Supply { market, asset: c.asset, amount });
            return None;
        }
        match step {
            Step::Stay => None,
            Step::LeverUp(usd) => {
                let limit = sight.collateral_usd * sight.ltv * LTV_USE - sight.debt_usd;
                let amount = d.amount(usd.min(limit) / sight.debt_price);
                if usd.min(limit) < MIN_MOVE_USD {
                    return None;
                }
                let exact = AmountExpr::Exact(amount);
                out.push(Call::Borrow { market, asset: d.asset, amount: exact });
                Some((d, c, amount))
            }
            Step::Unwind { usd, .. } => {
                let free = sight.collateral_usd - KEEP_HEALTH * sight.debt_usd / sight.threshold;
                let usd = (usd * 1.003).min(free);
                if usd < MIN_MOVE_USD {
                    return None;
                }
                let amount = c.amount(usd / sight.collateral_price);
                let exact = AmountExpr::Exact(amount);
                out.push(Call::Withdraw { market, asset: c.asset, amount: exact });
                Some((c, d, amount))
            }
        }
    }
}

/// The first constant-product pool of a pair.
fn pool_of(chain: &Chain, a: Token, b: Token) -> Option<PoolId> {
    let trades = |pool: &Pool| {
        pool.constant_product()
            .is_some_and(|p| p.other(a.asset).is_ok_and(|other| other == b.asset))
    };
    chain.pools().iter().position(trades).map(|i| PoolId(i as u16))
}

/// Puts a cohort into a world, each levered to its target as far as the market takes it.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn spawn(world: &mut World, market: MarketId, config: &LooperConfig) -> Result<(), SpawnError> {
    let first_id = next_actor_id(world);
    let episode = world.resource::<Episode>().number;
    let streams = world.resource::<Streams>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let collateral = Listed::of(&chain, market, &config.collateral)?;
    let debt = Listed::of(&chain, market, &config.debt)?;
    let gas = Token::of_id(&chain, chain.gas_asset());
    let (outside, block) = (chain.outside(), chain.clock().block);
    let every_blocks = u64::from(config.every_blocks.max(1));
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let (actor, wallet) = enrol(&mut chain, first_id + index, &config.cohort, index);
        let mut rng = streams.at(Purpose::Setup, actor.key, episode, 0);
        let equity_usd = config.equity.sample(&mut rng);
        let (low, high) = (log(config.health_target_min), log(config.health_target_max));
        let looper = Looper {
            market,
            collateral,
            debt,
            pool: pool_of(&chain, collateral.token, debt.token),
            gas,
            purse: config.gas_purse_tokens,
            health_target: exp(uniform(&mut rng, low, high)),
            trigger: config.trigger,
            own_yield: config.yield_percent / 100.0,
            carry: (config.carry_exit_percent / 100.0, config.carry_entry_percent / 100.0),
            band: config.band,
            most_slippage: config.most_slippage_bps / 1e4,
            every_blocks,
            priority_fee_wei: wei(config.priority_fee_gwei),
        };
        endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        if let Some(sight) = looper.look(&chain, wallet.0) {
            open(&mut chain, &looper, wallet.0, &sight, equity_usd, outside)?;
        }
        let next = NextLook { block: block + 1 + u64::from(index) % every_blocks };
        members.push((actor, wallet, next, looper));
    }
    world.spawn_batch(members);
    Ok(())
}

/// Supplies own money, levered where that pays and the market lends.
fn open(
    chain: &mut Chain,
    looper: &Looper,
    account: AccountId,
    sight: &Sight,
    equity_usd: f64,
    outside: AccountId,
) -> Result<(), SpawnError> {
    let own = Sight { collateral_usd: equity_usd, ..*sight };
    let debt_usd = match looper.decide(&own) {
        Step::LeverUp(usd) => usd,
        Step::Stay | Step::Unwind { .. } => 0.0,
    };
    let (market, c, d) = (looper.market, looper.collateral.token, looper.debt.token);
    let supply = |usd: f64| {
        let amount = AmountExpr::Exact(c.amount(usd / sight.collateral_price));
        Call::Supply { market, asset: c.asset, amount }
    };
    endow(chain, account, c, (equity_usd + debt_usd) / sight.collateral_price)?;
    let borrowed = AmountExpr::Exact(d.amount(debt_usd / sight.debt_price));
    let calls = [
        supply(equity_usd + debt_usd),
        Call::Mark { mark: 0, asset: d.asset },
        Call::Borrow { market, asset: d.asset, amount: borrowed },
        Call::Transfer { to: outside, asset: d.asset, amount: AmountExpr::DeltaSince(0) },
    ];
    let is_levered = debt_usd > 0.0 && before_genesis(chain, account, &calls);
    if !is_levered {
        // Refused by a cap, it waits with its own money.
        before_genesis(chain, account, &[supply(equity_usd)]);
    }
    Ok(())
}

/// Lets the loopers look whose turn it is.
pub fn tend_loopers(
    chain: Res<Chain>,
    mut outbox: ResMut<Outbox>,
    mut loopers: Query<(&mut NextLook, &Actor, &Wallet, &Looper)>,
    mut buffer: Local<Vec<Call>>,
) {
    let clock = chain.clock();
    for (mut next, actor, wallet, looper) in &mut loopers {
        if clock.block < next.block {
            continue;
        }
        next.block = clock.block + looper.every_blocks;
        let Some(sight) = looper.look(&chain, wallet.0) else { continue };
        let step = looper.decide(&sight);
        let sends = match looper.pool {
            Some(pool) => looper.flash(&chain, &sight, pool, step, &mut buffer),
            None => {
                let idle = |token: Token| {
                    let purse = if token == looper.gas { looper.purse } else { 0.0 };
                    (token.held(&chain, wallet.0) - purse).max(0.0)
                };
                let idle = (idle(looper.collateral.token), idle(looper.debt.token));
                let order = looper.round(&sight, idle, step, &mut buffer);
                if let Some((sell, buy, amount)) = order {
                    outbox.order(ExchangeOrder {
                        trader: wallet.0,
                        actor: actor.id,
                        sell: sell.asset,
                        buy: buy.asset,
                        amount,
                    });
                }
                !buffer.is_empty()
            }
        };
        if sends {
            let urgent = matches!(step, Step::Unwind { is_defence: true, .. });
            let tip = looper.priority_fee_wei * if urgent { 3 } else { 1 };
            outbox.submit(actor, *wallet, gas_bid(&clock, GAS_LIMIT, tip), &buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use markets::units::AssetId;

    fn looper() -> Looper {
        let listed =
            |asset, unit, reserve| Listed { token: Token { asset: AssetId(asset), unit }, reserve };
        Looper {
            market: MarketId(0),
            collateral: listed(0, 1e18, 0),
            debt: listed(1, 1e6, 1),
            pool: None,
            gas: Token { asset: AssetId(0), unit: 1e18 },
            purse: 3.0,
            health_target: 0.95 * 12.0 / 11.0,
            trigger: 0.5,
            own_yield: 0.03,
            carry: (0.0, 0.01),
            band: 0.05,
            most_slippage: 0.01,
            every_blocks: 50,
            priority_fee_wei: 1,
        }
    }

    /// A loop of twelve times: 1,200 USD against 1,100.
    const SIGHT: Sight = Sight {
        collateral_usd: 1_200.0 * 100.0,
        debt_usd: 1_100.0 * 100.0,
        collateral_price: 2_000.0,
        debt_price: 1.0,
        ltv: 0.94,
        threshold: 0.95,
        supply_rate: 0.0,
        borrow_rate: 0.02,
        borrow_room_usd: 1e9,
        supply_room_usd: 1e9,
        at_hand_usd: 1e9,
    };

    #[test]
    fn the_carry_is_what_leverage_earns_and_pays() {
        // 12 · 3 % − 11 · 2 % = 14 % of equity.
        assert!((looper().carry(&SIGHT) - 0.14).abs() < 1e-12);
        assert_eq!(looper().decide(&SIGHT), Step::Stay);
        // At 3.28 % it is −0.08 %.
        let dear = Sight { borrow_rate: 0.032_8, ..SIGHT };
        assert_eq!(looper().decide(&dear), Step::Unwind { usd: 110_000.0, is_defence: false });
        // Between exit and entry nobody levers up.
        let own = Sight { debt_usd: 0.0, collateral_usd: 10_000.0, ..SIGHT };
        let hardly = Sight { borrow_rate: 0.032_2, ..own };
        assert_eq!(looper().decide(&hardly), Step::Stay);
        let Step::LeverUp(usd) = looper().decide(&own) else { panic!("levers up") };
        assert!((usd - 110_000.0).abs() < 1e-6, "{usd}");
    }

    #[test]
    fn a_fall_is_answered_by_unwinding_to_the_target() {
        // Health 1.01045, below the trigger 1.01818: equity 7,000 at the target carries 77,000.
        let fallen = Sight { collateral_usd: 117_000.0, ..SIGHT };
        let Step::Unwind { usd, is_defence: true } = looper().decide(&fallen) else {
            panic!("defends");
        };
        assert!((usd - 33_000.0).abs() < 1e-6, "{usd}");
        let gone = Sight { collateral_usd: 109_000.0, ..SIGHT };
        assert_eq!(looper().decide(&gone), Step::Stay);
    }

    #[test]
    fn leverage_is_bound_by_ltv_and_room() {
        let own = Sight { debt_usd: 0.0, collateral_usd: 10_000.0, ltv: 0.5, ..SIGHT };
        let Step::LeverUp(usd) = looper().decide(&own) else { panic!("levers up") };
        assert!((usd - 10_000.0 * 0.49 / 0.51).abs() < 1e-6, "{usd}");
        let tight = Sight { borrow_room_usd: 1_000.0, ..own };
        assert_eq!(looper().decide(&tight), Step::LeverUp(900.0));
        assert_eq!(looper().decide(&Sight { ltv: 0.0, ..own }), Step::Stay);
    }

    #[test]
    fn a_round_puts_what_has_arrived_to_work_before_the_next() {
        let looper = looper();
        let mut out = Vec::new();
        let order = looper.round(&SIGHT, (0.0, 0.0), Step::LeverUp(500.0), &mut out);
        // 120,000 · 0.94 · 0.98 − 110,000 = 544 USD are left to borrow.
        assert_eq!(order.map(|(_, _, amount)| amount), Some(Amount::new(500_000_000)));
        assert!(matches!(out[..], [Call::Borrow { .. }]));
        assert_eq!(looper.round(&SIGHT, (1.0, 0.0), Step::LeverUp(500.0), &mut out), None);
        assert!(matches!(out[..], [Call::Supply { .. }]));
        let unwind = Step::Unwind { usd: 3_000.0, is_defence: true };
        // 120,000 − 1.01 · 110,000 / 0.95 = 3,052 USD may leave; 3,009 do.
        let (sell, _, amount) = looper.round(&SIGHT, (0.0, 0.0), unwind, &mut out).expect("sells");
        assert_eq!(sell, looper.collateral.token);
        assert!((sell.tokens(amount) - 3_009.0 / 2_000.0).abs() < 1e-9);
        assert_eq!(looper.round(&SIGHT, (0.0, 2_990.0), unwind, &mut out), None);
        assert!(matches!(out[..], [Call::Repay { .. }]));
    }
}
