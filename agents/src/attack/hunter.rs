//! Liquidation hunting on thin books: sells a collateral that it holds into what is left of the bids, so that
//! the price that oracles report puts others' loans below the line; liquidates them behind that report; and
//! buys back when the book has refilled.
//!
//! Incidents: Compound's DAI of November 2020 (one exchange's thin book, reported, liquidated loans that were
//! sound anywhere else), YieldBlox of February 2026 (a market maker had gone, one small trade was the price).
//!
//! It is a liquidator that reads the reports that wait for a block, and that every so often asks what a sale
//! would do: seven sizes, each with the mid that it would leave on the book as it stands, the loans that a
//! report of that mid would put below the line, what liquidating them is worth at the mid of before, and what
//! the sale and the purchase back cost. The best is sold if it earns enough; the prey may still defend itself,
//! and others may be faster.

use crate::scripted::liquidator::{self, Conduct, Liquidator, LiquidatorConfig, health_at};
use crate::scripted::{Listed, SpawnError, Token};
use bevy_ecs::prelude::*;
use markets::units::{AccountId, MarketId};
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, ExchangeOrder, Outbox, Wallet};
use sim::chain::{Chain, Feed};
use sim::exchange::Exchange;
use sim::prices::FairPrices;
use sim::views::{MarketViews, PositionViews, ReserveView};
use std::cell::OnceCell;

/// Shares of the inventory whose sale is considered.
const SIZES: [f64; 7] = [0.015625, 0.03125, 0.0625, 0.125, 0.25, 0.5, 1.0];
/// Health factor above which nobody is looked at: no book moves that far.
const FAR: f64 = 1.5;
/// Health factor below which all of a debt may be repaid (Aave v3's `CLOSE_FACTOR_HF_THRESHOLD`).
const ALL_BELOW: f64 = 0.95;

/// A cohort of liquidation hunters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HunterConfig {
    /// Name of the cohort: the address of its randomness.
    pub cohort: String,
    /// How many.
    pub count: u32,
    /// Symbol of the collateral that is sold down; its oracle reports the exchange's price.
    pub prey: String,
    /// Symbol of what loans are repaid in, and what the collateral is sold for.
    pub cash: String,
    /// Cash of each, in USD.
    pub capital_usd: f64,
    /// Of the collateral, in USD.
    pub inventory_usd: f64,
    /// Smallest profit that a hunt must promise, in USD.
    pub min_profit_usd: f64,
    /// Share of the liquidations that it counts on winning.
    pub won_share: f64,
    /// Blocks until it buys back.
    pub patience_blocks: u64,
    /// Blocks of rest after a hunt.
    pub rest_blocks: u64,
    /// Blocks between two looks.
    pub every_blocks: u64,
    /// Gas money at the start, in whole tokens of the gas asset.
    pub gas_purse_tokens: f64,
}

impl Default for HunterConfig {
    /// Judgement throughout: no hunter has published its books.
    fn default() -> Self {
        Self {
            cohort: "hunters".to_owned(),
            count: 1,
            prey: "TAIL".to_owned(),
            cash: "USDC".to_owned(),
            capital_usd: 1_000_000.0,
            inventory_usd: 500_000.0,
            min_profit_usd: 500.0,
            won_share: 0.5,
            patience_blocks: 25,
            rest_blocks: 150,
            every_blocks: 5,
            gas_purse_tokens: 20.0,
        }
    }
}

/// A liquidation hunter; it is a [`Liquidator`] besides.
#[derive(Component, Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hunter {
    market: MarketId,
    prey: Listed,
    cash: Token,
    min_profit_usd: f64,
    won_share: f64,
    patience_blocks: u64,
    rest_blocks: u64,
    every_blocks: u64,
    next_look: u64,
    /// Hunts begun.
    pub hunts: u32,
    /// Sold in them, in USD at the mid of before.
    pub sold_usd: f64,
    /// What they promised, in USD.
    pub promised_usd: f64,
}

/// What a sale promises.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Promise {
    /// To be sold, in whole tokens.
    tokens: f64,
    profit_usd: f64,
}

/// A loan that only a lower report of the prey's price can put below the line.
struct Loan {
    borrower: AccountId,
    /// Of the prey, in whole tokens.
    held: f64,
    debt_usd: f64,
}

/// What a hunter looks at.
struct Scene<'a> {
    chain: &'a Chain,
    exchange: &'a Exchange,
    prices: &'a FairPrices,
    views: &'a MarketViews,
    positions: &'a PositionViews,
}

impl Hunter {
    /// The best sale of those that pay.
    fn best(&self, scene: &Scene<'_>, account: AccountId) -> Option<Promise> {
        let held = self.prey.token.held(scene.chain, account);
        // The same for every size, and needed only where a report would follow.
        let loans = OnceCell::new();
        let promise = |size: &f64| self.promise(scene, account, size * held, &loans);
        let promises = SIZES.iter().filter_map(promise);
        let paying = promises.filter(|promise| promise.profit_usd >= self.min_profit_usd);
        paying.max_by(|a, b| a.profit_usd.total_cmp(&b.profit_usd))
    }

    /// The health factor of a borrower if the prey's price were reported as `usd`.
    fn health_if(&self, scene: &Scene<'_>, borrower: AccountId, usd: f64) -> f64 {
        let prey = usize::from(self.prey.reserve);
        let reported = |r: usize, view: &ReserveView| if r == prey { usd } else { view.oracle_usd };
        health_at(scene.views, scene.positions, borrower, reported)
    }

    /// Loans that are not far from the line; whoever the next report catches anyway is no reason to sell.
    fn loans(&self, scene: &Scene<'_>) -> Vec<Loan> {
        let reserve = usize::from(self.prey.reserve);
        let mid = scene.prices.usd(self.prey.token.asset);
        let anyway = mid.min(scene.views.reserves[reserve].oracle_usd);
        let beliefs = scene.positions.beliefs().enumerate();
        let near = beliefs.filter(|(_, belief)| (1.0..FAR).contains(&belief.health_factor));
        near.filter_map(|(i, belief)| {
            let borrower = AccountId(i as u32);
            let held = scene.positions.collateral_tokens(scene.views, borrower, reserve);
            let is_prey = held > 0.0 && self.health_if(scene, borrower, anyway) >= 1.0;
            is_prey.then_some(Loan { borrower, held, debt_usd: belief.debt_usd })
        })
        .collect()
    }

    /// What selling so many tokens promises; `None` where no report would follow.
    fn promise(
        &self,
        scene: &Scene<'_>,
        account: AccountId,
        tokens: f64,
        loans: &OnceCell<Vec<Loan>>,
    ) -> Option<Promise> {
        let Scene { chain, exchange, prices, views, positions: _ } = *scene;
        let asset = self.prey.token.asset;
        let view = &views.reserves[usize::from(self.prey.reserve)];
        let Feed::Push(feed) = chain.feed(view.feed) else { return None };
        let mid = prices.usd(asset);
        let after = exchange.mid_after_sale(prices, asset, tokens)?;
        let now = chain.clock().timestamp;
        if mid <= 0.0 || after >= view.oracle_usd || !feed.should_push(after, now) {
            return None;
        }
        let raised = exchange.expected_tokens(prices, asset, self.cash.asset, tokens)?;
        let raised_usd = raised * prices.usd(self.cash.asset);
        // Bought back at the mid of before.
        let cost_usd = tokens * mid * (1.0 + exchange.cost_ratio(asset)) - raised_usd;
        let mut left_usd = self.cash.held(chain, account) * prices.usd(self.cash.asset);
        let mut won_usd = 0.0;
        for loan in loans.get_or_init(|| self.loans(scene)) {
            let health = self.health_if(scene, loan.borrower, after);
            if health >= 1.0 {
                continue;
            }
            let close = if health < ALL_BELOW { 1.0 } else { views.close_factor };
            let bonus = 1.0 + views.bonus(usize::from(self.prey.reserve), health);
            let most = (loan.debt_usd * close).min(loan.held * after / bonus);
            let repaid = most.min(left_usd).max(0.0);
            left_usd -= repaid;
            // What is seized at the reported price is worth the mid of before.
            won_usd += repaid * (bonus * mid / after - 1.0);
        }
        Some(Promise { tokens, profit_usd: won_usd * self.won_share - cost_usd })
    }
}

/// Puts a cohort into a world, with its capital.
///
/// # Errors
/// [`SpawnError`]: an asset that does not exist or is not listed.
pub fn spawn(world: &mut World, market: MarketId, config: &HunterConfig) -> Result<(), SpawnError> {
    let (prey, cash) = {
        let chain = world.resource::<Chain>();
        (Listed::of(chain, market, &config.prey)?, Listed::of(chain, market, &config.cash)?.token)
    };
    let liquidators = LiquidatorConfig {
        cohort: config.cohort.clone(),
        count: config.count,
        cash: config.cash.clone(),
        capital_usd: config.capital_usd,
        inventory: vec![config.prey.clone()],
        inventory_usd: config.inventory_usd,
        attention: 1.0,
        gas_purse_tokens: config.gas_purse_tokens,
        conduct: Conduct { behind_reports: true, ..Conduct::default() },
        ..LiquidatorConfig::default()
    };
    for (actor, wallet, liquidator) in liquidator::enlist(world, market, &liquidators)? {
        let hunter = Hunter {
            market,
            prey,
            cash,
            min_profit_usd: config.min_profit_usd,
            won_share: config.won_share,
            patience_blocks: config.patience_blocks,
            rest_blocks: config.rest_blocks,
            every_blocks: config.every_blocks.max(1),
            next_look: 0,
            hunts: 0,
            sold_usd: 0.0,
            promised_usd: 0.0,
        };
        world.spawn((actor, wallet, liquidator, hunter));
    }
    Ok(())
}

/// Lets every hunter look and, where a sale pays, sell.
pub fn hunt_liquidations(
    chain: Res<Chain>,
    exchange: Res<Exchange>,
    prices: Res<FairPrices>,
    views: Res<MarketViews>,
    positions: Res<PositionViews>,
    mut outbox: ResMut<Outbox>,
    mut hunters: Query<(&Actor, &Wallet, &mut Hunter, &mut Liquidator)>,
) {
    let block = chain.clock().block;
    for (actor, wallet, mut hunter, mut liquidator) in &mut hunters {
        if block < hunter.next_look || hunter.market != views.market {
            continue;
        }
        hunter.next_look = block + hunter.every_blocks;
        let scene = Scene {
            chain: &chain,
            exchange: &exchange,
            prices: &prices,
            views: &views,
            positions: &positions,
        };
        let Some(promise) = hunter.best(&scene, wallet.0) else { continue };
        outbox.order(ExchangeOrder {
            trader: wallet.0,
            actor: actor.id,
            sell: hunter.prey.token.asset,
            buy: hunter.cash.asset,
            amount: hunter.prey.token.amount(promise.tokens),
        });
        let until = block + hunter.patience_blocks;
        liquidator.hold(until);
        hunter.next_look = until + hunter.rest_blocks;
        hunter.hunts += 1;
        hunter.sold_usd += promise.tokens * prices.usd(hunter.prey.token.asset);
        hunter.promised_usd += promise.profit_usd;
    }
}
