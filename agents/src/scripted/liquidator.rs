//! Liquidators: compete for positions under water, with capital, for a profit after gas.
//!
//! - **Gate.** Where nobody's health is below one the block costs nothing; where somebody's is, the
//!   bonus on what there is to seize, against the gas, decides before anything is quoted.
//! - **Pair and size.** For each (collateral, debt) pair of the borrower the market itself is asked what
//!   a liquidation within the liquidator's means would seize. Collateral that has a pool with the debt
//!   asset can be sold in the same transaction; there the size is the closed form at which the pool's
//!   marginal output has fallen to what the collateral costs.
//! - **Means.** Own inventory first. Where it does not reach and the collateral can be sold in the pool,
//!   a flash loan of the market, repaid from the sale.
//! - **Bids.** A share of the profit is offered as the tip; whoever offers more is first, the others
//!   revert and pay for it. About 74 % of liquidations in 2019–2021 paid above-average gas (Qin et al.
//!   2021), and builders end up with most of the bonus.
//! - **Selling.** What was seized and not sold in the pool goes to the exchange a block later and moves
//!   it: that is how a cascade feeds itself.
//!
//! Not every liquidator sees every chance: `attention` is the probability of looking in a block with
//! positions at risk. What else goes wrong and how else they bid is in [`Conduct`]; by default nothing
//! does, and they bid as above.
//!
//! One of them may take orders instead ([`seat`]), from a learner ([`lane`]) or from what one has learned ([`mind`]).

mod conduct;
pub mod lane;
pub mod mind;
pub mod seat;

pub(crate) use conduct::health_at;
pub use conduct::{Conduct, TipRule};

use super::arbitrageur::bid;
use super::{
    Listed, SpawnError, Token, Treasury, Wants, endow, enrol, gas_bid, gas_of, next_actor_id,
};
use bevy_ecs::prelude::*;
use conduct::Luck;
use markets::price::draw;
use markets::units::{AccountId, Amount, FeedId, MarketId, PoolId};
use protocols::position::MAX_RESERVES;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{AmountExpr, Call};
use sim::config::{Config, Episode};
use sim::exchange::Exchange;
use sim::further::FurtherMarkets;
use sim::prices::FairPrices;
use sim::rng::{Purpose, Streams, actor_key};
use sim::views::{MarketViews, PositionViews, ReserveView};

/// Most attempts of one liquidator in a block.
const MAX_ATTEMPTS: usize = 4;
/// What is offered to repay, over what the quote takes.
const HEADROOM: f64 = 1.02;
/// Gas of a liquidation alone.
const GAS_PLAIN: u64 = gas_of::TRANSACTION + gas_of::LIQUIDATE;
/// Gas of one whose collateral is sold in a pool, with marks and guard.
const GAS_SELL: u64 = GAS_PLAIN + gas_of::SWAP + 3 * gas_of::MARK;
/// Gas of one that borrows what it repays.
const GAS_FLASH: u64 = GAS_SELL + gas_of::FLASH_LOAN;

/// A cohort of liquidators of one market.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LiquidatorConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// How many.
    pub count: u32,
    /// Symbol of the asset that capital is held in; every other asset of the market is sold for it.
    pub cash: String,
    /// Capital of each, in USD.
    pub capital_usd: f64,
    /// Symbols of further assets held to repay debts in them, besides cash.
    pub inventory: Vec<String>,
    /// Inventory of each of these, in USD.
    pub inventory_usd: f64,
    /// Smallest profit after gas, in USD.
    pub min_profit_usd: f64,
    /// Smallest share of the profit offered as the tip.
    pub bid_share_min: f64,
    /// Largest share of the profit offered as the tip.
    pub bid_share_max: f64,
    /// Probability of looking in a block with positions at risk.
    pub attention: f64,
    /// Whether flash loans are used.
    pub flash_loans: bool,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
    /// Outages, failures, tips, speculation, limits.
    pub conduct: Conduct,
}

impl Default for LiquidatorConfig {
    /// Four that split what the 70 of April 2024 had between them (judgement); builders and the
    /// protocol kept a fifth to nearly all of the bonus in backrun auctions, hence the spread of bids.
    fn default() -> Self {
        Self {
            cohort: "liquidators".to_owned(),
            count: 4,
            cash: "USDC".to_owned(),
            capital_usd: 2_000_000.0,
            inventory: vec!["WETH".to_owned()],
            inventory_usd: 500_000.0,
            min_profit_usd: 10.0,
            bid_share_min: 0.2,
            bid_share_max: 0.8,
            attention: 0.8,
            flash_loans: true,
            gas_purse_tokens: 50.0,
            conduct: Conduct::default(),
        }
    }
}

/// A liquidator of one market.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Liquidator {
    market: MarketId,
    gas: Token,
    purse: f64,
    min_profit_usd: f64,
    bid_share: (f64, f64),
    attention: f64,
    flash_loans: bool,
    treasury: Treasury,
    conduct: Conduct,
    /// Address of what the cohort shares.
    cohort_key: u64,
}

/// Where the repaid debt comes from and the collateral goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// Own inventory; the collateral waits for the exchange.
    Exchange,
    /// Own inventory; the collateral is sold in the pool at once.
    Pool(PoolId),
    /// A flash loan; the collateral is sold in the pool at once.
    Flash(PoolId),
}

/// A liquidation worth trying.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Attempt {
    borrower: AccountId,
    collateral: u16,
    debt: u16,
    repay: Amount,
    route: Route,
    /// Before gas, in USD.
    profit_usd: f64,
    /// What the sale of the collateral brings less than its fair value, as a share of it.
    slippage: f64,
}

/// What a liquidator looks at.
struct Scene<'a> {
    chain: &'a Chain,
    exchange: &'a Exchange,
    prices: &'a FairPrices,
    views: &'a MarketViews,
    positions: &'a PositionViews,
    /// USD per gas at the base fee.
    gas_usd: f64,
}

impl Scene<'_> {
    /// What liquidating a borrower pays beyond par in a collateral, as a ratio.
    fn bonus(&self, borrower: AccountId, collateral: usize) -> f64 {
        if self.views.design.is_none() {
            return self.views.reserves[collateral].bonus;
        }
        self.views.bonus(collateral, self.positions.belief(borrower).health_factor)
    }
}

impl Liquidator {
    /// Leaves the inventory as it is until a block.
    pub(crate) const fn hold(&mut self, until_block: u64) {
        self.treasury.hold(until_block);
    }

    /// The best pair, route and size for one borrower; `None` where no one pays.
    fn best_attempt(
        &self,
        scene: &Scene<'_>,
        borrower: AccountId,
        means: &[Amount; MAX_RESERVES],
    ) -> Option<Attempt> {
        let pooled = scene.chain.pooled(self.market);
        let position = pooled.position(borrower);
        let mut best: Option<Attempt> = None;
        for collateral in position.collateral_reserves() {
            for debt in position.borrowed_reserves() {
                if !self.is_worth_quoting(scene, borrower, collateral, debt) {
                    continue;
                }
                let own = means.get(usize::from(debt)).copied().unwrap_or(Amount::ZERO);
                let routes = self.routes(scene, collateral, debt, own);
                for route in routes.into_iter().flatten() {
                    let attempt = self.quote(scene, borrower, (collateral, debt), route, own, None);
                    if let Some(attempt) = attempt
                        && best.is_none_or(|b| attempt.profit_usd > b.profit_usd)
                    {
                        best = Some(attempt);
                    }
                }
            }
        }
        best
    }

    /// A liquidation that the market would not quote yet, of a borrower who will have this health: the largest collateral against the largest debt,
    /// half of it at most, out of own means, the collateral for the exchange.
    fn guess(
        &self,
        scene: &Scene<'_>,
        (borrower, health): (AccountId, f64),
        means: &[Amount; MAX_RESERVES],
    ) -> Option<Attempt> {
        let position = scene.chain.pooled(self.market).position(borrower);
        let usd = |tokens: f64, r: u16| tokens * scene.views.reserves[usize::from(r)].mid_usd;
        let has = |r: u16| {
            usd(scene.positions.collateral_tokens(scene.views, borrower, usize::from(r)), r)
        };
        let owes =
            |r: u16| usd(scene.positions.debt_tokens(scene.views, borrower, usize::from(r)), r);
        let collateral =
            position.collateral_reserves().max_by(|a, b| has(*a).total_cmp(&has(*b)))?;
        let debt = position.borrowed_reserves().max_by(|a, b| owes(*a).total_cmp(&owes(*b)))?;
        let of_d = &scene.views.reserves[usize::from(debt)];
        let of_c = &scene.views.reserves[usize::from(collateral)];
        let bonus = scene.views.bonus(usize::from(collateral), health);
        let owned: f64 = position.collateral_reserves().map(has).sum();
        let owed: f64 = position.borrowed_reserves().map(owes).sum();
        if scene.views.refuses(owed, owned, bonus) {
            return None;
        }
        let wanted = 0.5 * owes(debt).min(has(collateral) / (1.0 + bonus)) / of_d.mid_usd;
        let own = means.get(usize::from(debt)).copied().unwrap_or(Amount::ZERO);
        let repay = Amount::from_f64_floor(wanted / of_d.unit).min(own);
        let cost = scene.exchange.cost_ratio(of_c.asset) + scene.exchange.cost_ratio(of_d.asset);
        let profit_usd = repay.to_f64() * of_d.unit * of_d.mid_usd * (bonus - cost);
        let route = Route::Exchange;
        (!repay.is_zero() && collateral != debt).then_some(Attempt {
            borrower,
            collateral,
            debt,
            repay,
            route,
            profit_usd,
            slippage: cost,
        })
    }

    /// The gate: the bonus on all there is to seize or repay pays for the gas.
    fn is_worth_quoting(
        &self,
        scene: &Scene<'_>,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
    ) -> bool {
        let (c, d) = (usize::from(collateral), usize::from(debt));
        let (of_c, of_d) = (&scene.views.reserves[c], &scene.views.reserves[d]);
        let held_usd =
            scene.positions.collateral_tokens(scene.views, borrower, c) * of_c.oracle_usd;
        let owed_usd = scene.positions.debt_tokens(scene.views, borrower, d) * of_d.oracle_usd;
        // What a dollar at the oracle's price brings at the exchange's.
        let edge = (1.0 + scene.bonus(borrower, c))
            * (of_c.mid_usd.max(of_c.pool_usd) / of_c.oracle_usd)
            * (of_d.oracle_usd / of_d.mid_usd)
            - 1.0;
        let most_usd = owed_usd.min(held_usd) * edge;
        most_usd > scene.gas_usd * GAS_PLAIN as f64 + self.min_profit_usd
    }

    fn routes(
        &self,
        scene: &Scene<'_>,
        collateral: u16,
        debt: u16,
        own: Amount,
    ) -> [Option<Route>; 3] {
        let debt_asset = scene.views.reserves[usize::from(debt)].asset;
        let pool = scene.views.reserves[usize::from(collateral)].pool.filter(|pool| {
            let pair = scene.chain.pair(*pool);
            collateral != debt && pair.other(debt_asset).is_ok()
        });
        let has_means = !own.is_zero();
        [
            has_means.then_some(Route::Exchange),
            pool.filter(|_| has_means).map(Route::Pool),
            pool.filter(|_| self.flash_loans).map(Route::Flash),
        ]
    }

    /// What a route would earn, sized to the means, to what its venue takes and to `most`.
    fn quote(
        &self,
        scene: &Scene<'_>,
        borrower: AccountId,
        (collateral, debt): (u16, u16),
        route: Route,
        own: Amount,
        most: Option<Amount>,
    ) -> Option<Attempt> {
        let pooled = scene.chain.pooled(self.market);
        let (c, d) = (
            &scene.views.reserves[usize::from(collateral)],
            &scene.views.reserves[usize::from(debt)],
        );
        // Smallest units of collateral received per unit of debt repaid, after the protocol's fee.
        let fee = pooled.reserves[usize::from(collateral)].config.liquidation_protocol_fee.ratio();
        let bonus = scene.bonus(borrower, usize::from(collateral));
        let received = d.oracle_usd / c.oracle_usd * (1.0 + bonus * (1.0 - fee)) * d.unit / c.unit;
        let mut offered = match route {
            Route::Exchange | Route::Pool(_) => own,
            Route::Flash(_) => pooled.available(scene.chain, &pooled.reserves[usize::from(debt)]),
        };
        if let Route::Pool(pool) | Route::Flash(pool) = route {
            let pair = scene.chain.pair(pool);
            let most = pair.optimal_in(c.asset, 1.0 / received) / received;
            offered = offered.min(Amount::from_f64_floor(most));
        }
        offered = most.map_or(offered, |most| offered.min(most));
        if offered.is_zero() {
            return None;
        }
        let size =
            pooled.quote_liquidation(scene.chain, borrower, collateral, debt, offered).ok()?;
        let repaid = size.repaid.to_f64() * d.unit;
        let proceeds = match route {
            Route::Exchange if collateral == debt => size.received.to_f64() * c.unit,
            Route::Exchange => scene.exchange.expected_tokens(
                scene.prices,
                c.asset,
                d.asset,
                size.received.to_f64() * c.unit,
            )?,
            Route::Pool(pool) | Route::Flash(pool) => {
                let pair = scene.chain.pair(pool);
                pair.quote_exact_in(c.asset, size.received).ok()?.amount_out.to_f64() * d.unit
            }
        };
        let premium = match route {
            Route::Flash(_) => repaid * pooled.flash_premium.ratio(),
            Route::Exchange | Route::Pool(_) => 0.0,
        };
        let profit_usd = (proceeds - repaid - premium) * d.mid_usd;
        let fair_usd = size.received.to_f64() * c.unit * c.mid_usd;
        let slippage = if fair_usd > 0.0 { 1.0 - proceeds * d.mid_usd / fair_usd } else { 0.0 };
        // The market takes no more than it needs. Somewhat more is offered, so that a price that moves
        // before execution does not leave dust, which would revert.
        let repay = Amount::from_f64_floor(size.repaid.to_f64() * HEADROOM).max(size.repaid);
        let repay = repay.min(offered);
        (profit_usd > 0.0).then_some(Attempt {
            borrower,
            collateral,
            debt,
            repay,
            route,
            profit_usd,
            slippage,
        })
    }

    /// Value of what it holds beyond its targets, in USD: collateral not sold yet.
    fn unsold_usd(&self, scene: &Scene<'_>, account: AccountId) -> f64 {
        if self.conduct.inventory_limit_usd == 0.0 {
            return 0.0;
        }
        self.treasury.surplus_usd(scene.chain, scene.prices, account)
    }

    /// The bundle of an attempt. Returns its gas.
    fn bundle(&self, views: &MarketViews, attempt: &Attempt, out: &mut Vec<Call>) -> u64 {
        let market = self.market;
        let collateral = views.reserves[usize::from(attempt.collateral)].asset;
        let debt = views.reserves[usize::from(attempt.debt)].asset;
        let liquidate = Call::Liquidate {
            market,
            borrower: attempt.borrower,
            collateral,
            debt,
            amount: AmountExpr::Exact(attempt.repay),
        };
        let sell = |pool| Call::Swap {
            pool,
            asset_in: collateral,
            amount: AmountExpr::DeltaSince(1),
            min_out: Amount::ZERO,
        };
        let marks =
            [Call::Mark { mark: 0, asset: debt }, Call::Mark { mark: 1, asset: collateral }];
        // At least a unit more than before: the sale paid for the debt.
        let guard = Call::RequireGain { mark: 0, asset: debt, min_gain: Amount::new(1) };
        out.clear();
        match attempt.route {
            Route::Exchange => {
                out.push(liquidate);
                GAS_PLAIN
            }
            Route::Pool(pool) => {
                out.extend(marks);
                out.extend([liquidate, sell(pool), guard]);
                GAS_SELL
            }
            Route::Flash(pool) => {
                out.extend(marks);
                let loan = Call::FlashLoan { market, asset: debt, amount: attempt.repay, body: 2 };
                out.extend([loan, liquidate, sell(pool), guard]);
                GAS_FLASH
            }
        }
    }
}

/// Puts a cohort into a world, with its capital.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn spawn(
    world: &mut World,
    market: MarketId,
    config: &LiquidatorConfig,
) -> Result<(), SpawnError> {
    let members = enlist(world, market, config)?;
    world.spawn_batch(members);
    Ok(())
}

/// The members of a cohort, with their accounts and capital.
pub(crate) fn enlist(
    world: &mut World,
    market: MarketId,
    config: &LiquidatorConfig,
) -> Result<Vec<(Actor, Wallet, Liquidator)>, SpawnError> {
    let first_id = next_actor_id(world);
    let prices = world.resource::<FairPrices>().clone();
    let mut chain = world.resource_mut::<Chain>();
    let gas = Token::of_id(&chain, chain.gas_asset());
    let cash = Listed::of(&chain, market, &config.cash)?.token;
    let purse_of = |token: Token| if token == gas { config.gas_purse_tokens } else { 0.0 };
    let usd = |token: Token, usd: f64| usd / prices.usd(token.asset);
    let mut wants =
        vec![Wants { token: cash, tokens: usd(cash, config.capital_usd) + purse_of(cash) }];
    let mut kept = Vec::new();
    for symbol in &config.inventory {
        kept.push(Listed::of(&chain, market, symbol)?.token);
    }
    for reserve in &chain.pooled(market).reserves {
        let token = Token::of_id(&chain, reserve.underlying);
        if token != cash {
            let held = if kept.contains(&token) { usd(token, config.inventory_usd) } else { 0.0 };
            wants.push(Wants { token, tokens: held + purse_of(token) });
        }
    }
    let mut members = Vec::with_capacity(config.count as usize);
    for index in 0..config.count {
        let (actor, wallet) = enrol(&mut chain, first_id + index, &config.cohort, index);
        for want in &wants {
            endow(&mut chain, wallet.0, want.token, want.tokens)?;
        }
        if !wants.iter().any(|want| want.token == gas) {
            endow(&mut chain, wallet.0, gas, config.gas_purse_tokens)?;
        }
        let liquidator = Liquidator {
            market,
            gas,
            purse: config.gas_purse_tokens,
            min_profit_usd: config.min_profit_usd,
            bid_share: (config.bid_share_min, config.bid_share_max),
            attention: config.attention,
            flash_loans: config.flash_loans,
            treasury: Treasury::new(wants.clone(), 500.0, 0.05),
            conduct: config.conduct,
            cohort_key: actor_key(&config.cohort, conduct::SHARED),
        };
        members.push((actor, wallet, liquidator));
    }
    Ok(members)
}

/// What a liquidator can repay with, by reserve: its wallet, gas money left out.
fn means(liquidator: &Liquidator, scene: &Scene<'_>, account: AccountId) -> [Amount; MAX_RESERVES] {
    let mut means = [Amount::ZERO; MAX_RESERVES];
    for (slot, view) in means.iter_mut().zip(&scene.views.reserves) {
        *slot = scene.chain.balance(account, view.asset);
        if view.asset == liquidator.gas.asset {
            *slot = slot.saturating_sub(liquidator.gas.amount(liquidator.purse));
        }
    }
    means
}

/// Bids of a block: who bids, what is left to repay with, and how many there were.
struct Bidding<'a> {
    actor: &'a Actor,
    wallet: Wallet,
    luck: &'a Luck<'a>,
    means: [Amount; MAX_RESERVES],
    sent: u64,
    /// Gas money for one bid, in whole tokens.
    purse: f64,
    /// Whether offers are tipped as they are told, not by the liquidator's own rule.
    keeps_offers: bool,
}

impl<'a> Bidding<'a> {
    fn new(
        liquidator: &Liquidator,
        scene: &Scene<'_>,
        (actor, wallet): (&'a Actor, Wallet),
        luck: &'a Luck<'a>,
    ) -> Self {
        let means = means(liquidator, scene, wallet.0);
        let purse = liquidator.gas.held(scene.chain, wallet.0).min(liquidator.purse);
        let purse = purse / MAX_ATTEMPTS as f64;
        Self { actor, wallet, luck, means, sent: 0, purse, keeps_offers: false }
    }
}

impl Liquidator {
    /// USD of a unit of gas at the base fee.
    fn gas_usd(&self, chain: &Chain, prices: &FairPrices) -> f64 {
        chain.clock().base_fee as f64 * 1e-18 * prices.usd(self.gas.asset)
    }

    /// Bids for an attempt, a share of its profit offered as the tip, where that leaves enough.
    fn place(
        &self,
        attempt: &Attempt,
        share: f64,
        scene: &Scene<'_>,
        bidding: &mut Bidding<'_>,
        outbox: &mut Outbox,
        buffer: &mut Vec<Call>,
    ) {
        let clock = scene.chain.clock();
        let gas_price = scene.prices.usd(self.gas.asset);
        let gas_used = self.bundle(scene.views, attempt, buffer);
        let offer = bid(&clock, gas_used, attempt.profit_usd, share, gas_price, bidding.purse);
        let Some((mut gas, mut left_usd)) = offer else { return };
        if !bidding.keeps_offers || self.conduct.inside {
            (gas, left_usd) = self.conduct.tip(&clock, gas, left_usd, gas_used, gas_price);
        }
        if left_usd < self.min_profit_usd {
            return;
        }
        bidding.sent += 1;
        if !matches!(attempt.route, Route::Flash(_))
            && let Some(slot) = bidding.means.get_mut(usize::from(attempt.debt))
        {
            *slot = slot.saturating_sub(attempt.repay);
        }
        if !self.conduct.fails(bidding.luck, bidding.actor.key, bidding.sent) {
            outbox.submit(bidding.actor, bidding.wallet, gas, buffer);
        }
    }
}

/// Bids on whoever is below the line at fair prices and not yet at the oracles': the bid is good if an
/// oracle's report comes before it in this block, and reverts otherwise. It tips less than a report does.
fn speculate(
    liquidator: &Liquidator,
    scene: &Scene<'_>,
    who: (&Actor, Wallet),
    luck: &Luck<'_>,
    outbox: &mut Outbox,
    buffer: &mut Vec<Call>,
) {
    let conduct = &liquidator.conduct;
    let moved = |r: &ReserveView| (r.mid_usd / r.oracle_usd - 1.0).abs() > conduct::MOVED;
    if scene.views.reserves.iter().any(moved) && conduct.speculates(luck, who.0.key) {
        let tip = super::wei(conduct.speculative_tip_gwei);
        wager(liquidator, scene, who, tip, |_, view| view.mid_usd, outbox, buffer);
    }
}

/// Feed and price in USD of a transaction that is an oracle's report.
fn reported(calls: &[Call]) -> Option<(FeedId, f64)> {
    match calls {
        [Call::PushPrice { feed, price }] => Some((*feed, price.usd())),
        _ => None,
    }
}

/// Bids behind the reports that wait for this block on whoever they put below the line.
fn follow(
    liquidator: &Liquidator,
    scene: &Scene<'_>,
    who: (&Actor, Wallet),
    outbox: &mut Outbox,
    buffer: &mut Vec<Call>,
) {
    let mut prices = [0.0; MAX_RESERVES];
    for (slot, view) in prices.iter_mut().zip(&scene.views.reserves) {
        *slot = view.oracle_usd;
    }
    let mut least_tip: Option<u64> = None;
    for tx in outbox.transactions.iter() {
        let Some((feed, usd)) = reported(tx.calls) else { continue };
        for (slot, view) in prices.iter_mut().zip(&scene.views.reserves) {
            if view.feed == feed {
                *slot = usd;
                let tip = tx.header.max_priority_fee_per_gas;
                least_tip = Some(least_tip.map_or(tip, |least| least.min(tip)));
            }
        }
    }
    let Some(tip) = least_tip else { return };
    let price = |r: usize, _: &ReserveView| prices[r];
    wager(liquidator, scene, who, tip.saturating_sub(1), price, outbox, buffer);
}

/// Bids, with a tip in wei per gas, on whoever is above the line at the oracles' prices and below it at these.
fn wager(
    liquidator: &Liquidator,
    scene: &Scene<'_>,
    (actor, wallet): (&Actor, Wallet),
    tip: u64,
    usd: impl Fn(usize, &ReserveView) -> f64,
    outbox: &mut Outbox,
    buffer: &mut Vec<Call>,
) {
    let clock = scene.chain.clock();
    let mut means = means(liquidator, scene, wallet.0);
    let mut sent = 0;
    for (i, belief) in scene.positions.beliefs().enumerate() {
        let near = belief.health_factor >= 1.0 && belief.health_factor < conduct::NEAR;
        let borrower = AccountId(i as u32);
        if sent == MAX_ATTEMPTS || !near {
            continue;
        }
        let health = health_at(scene.views, scene.positions, borrower, &usd);
        if health >= 1.0 {
            continue;
        }
        let guess = liquidator.guess(scene, (borrower, health), &means);
        let Some(attempt) = guess else { continue };
        let gas_used = liquidator.bundle(scene.views, &attempt, buffer);
        let gas = gas_bid(&clock, gas_used + gas_used / 4, tip);
        let cost_usd = scene.gas_usd * gas_used as f64;
        if attempt.profit_usd < cost_usd + liquidator.min_profit_usd {
            continue;
        }
        if let Some(slot) = means.get_mut(usize::from(attempt.debt)) {
            *slot = slot.saturating_sub(attempt.repay);
        }
        sent += 1;
        outbox.submit(actor, wallet, gas, buffer);
    }
}

/// Lets every liquidator tidy its inventory and, where positions are at risk, bid for them.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it reads")]
pub fn liquidate_positions(
    chain: Res<Chain>,
    exchange: Res<Exchange>,
    prices: Res<FairPrices>,
    (views, positions): (Res<MarketViews>, Res<PositionViews>),
    further: Res<FurtherMarkets>,
    streams: Res<Streams>,
    (config, episode): (Res<Config>, Res<Episode>),
    mut outbox: ResMut<Outbox>,
    mut desk: Option<ResMut<seat::Desk>>,
    mut liquidators: Query<(&Actor, &Wallet, &mut Liquidator)>,
    mut buffer: Local<Vec<Call>>,
) {
    let order = desk.as_mut().and_then(|desk| desk.order.take());
    let seated = desk
        .filter(|desk| desk.taken)
        .and_then(|_| seat::first(liquidators.iter(), views.market))
        .map(|(actor, _, _)| actor.id);
    for (actor, wallet, mut liquidator) in &mut liquidators {
        liquidator.treasury.rebalance(&chain, &prices, actor, wallet.0, &mut outbox);
        // The market that it works in: the one watched, or one beside it.
        let (views, positions): (&MarketViews, &PositionViews) =
            if liquidator.market == views.market {
                (&*views, &*positions)
            } else if let Some(found) = further.of(liquidator.market) {
                found
            } else {
                continue;
            };
        let scene = Scene {
            chain: &chain,
            exchange: &exchange,
            prices: &prices,
            views,
            positions,
            gas_usd: liquidator.gas_usd(&chain, &prices),
        };
        let luck = Luck { streams: &streams, episode: &episode, block_secs: config.block_secs };
        if Some(actor.id) == seated {
            if let Some(order) = &order {
                let mut bidding = Bidding::new(&liquidator, &scene, (actor, *wallet), &luck);
                bidding.keeps_offers = true;
                liquidator.obey(order, &scene, &mut bidding, &mut outbox, &mut buffer);
            }
            continue;
        }
        let conduct = liquidator.conduct;
        let waits = conduct.speculation == 0.0 && !conduct.behind_reports;
        if positions.at_risk.is_empty() && waits {
            continue;
        }
        if conduct.is_out(&luck, liquidator.cohort_key, actor.key) {
            continue;
        }
        if conduct.speculation > 0.0 {
            speculate(&liquidator, &scene, (actor, *wallet), &luck, &mut outbox, &mut buffer);
        }
        if conduct.behind_reports {
            follow(&liquidator, &scene, (actor, *wallet), &mut outbox, &mut buffer);
        }
        if positions.at_risk.is_empty() {
            continue;
        }
        let mut rng = streams.at(Purpose::Behaviour, actor.key, episode.number, episode.block);
        if draw::uniform(rng.next_u64()) >= liquidator.attention {
            continue;
        }
        let is_full = conduct.is_full(liquidator.unsold_usd(&scene, wallet.0));
        let share = super::uniform(&mut rng, liquidator.bid_share.0, liquidator.bid_share.1);
        // Everybody starts elsewhere in the list, or all would fight for the first few.
        let at_risk = &positions.at_risk;
        let start = (rng.next_u64() % at_risk.len() as u64) as usize;
        let mut bidding = Bidding::new(&liquidator, &scene, (actor, *wallet), &luck);
        for i in 0..at_risk.len() {
            if bidding.sent == MAX_ATTEMPTS as u64 {
                break;
            }
            let borrower = at_risk[(start + i) % at_risk.len()];
            let attempt = liquidator.best_attempt(&scene, borrower, &bidding.means);
            // No room for more collateral that waits for the exchange.
            let attempt = attempt.filter(|a| !(is_full && a.route == Route::Exchange));
            let Some(attempt) = attempt else { continue };
            liquidator.place(&attempt, share, &scene, &mut bidding, &mut outbox, &mut buffer);
        }
    }
}
