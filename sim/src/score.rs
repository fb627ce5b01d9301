//! Scoring a block: what its logs and the books say happened, in USD at fair prices.

use crate::chain::Chain;
use crate::chain::call::{Log, Outcome};
use crate::config::Config;
use crate::mempool::Mempool;
use crate::prices::FairPrices;
use crate::reward::EpisodeTotals;
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::Resource;
use markets::units::{AccountId, Amount, AssetId};
use serde::{Deserialize, Serialize};

/// Adds what the block's transactions and the logs of the scored market report.
pub fn score(
    config: &Config,
    chain: &Chain,
    prices: &FairPrices,
    mempool: &Mempool,
    market: &mut MarketViews,
    totals: &mut EpisodeTotals,
) {
    totals.blocks += 1;
    totals.dropped += u64::from(mempool.dropped);
    totals.transactions += mempool.executed.len() as u64;
    let reverted =
        |e: &&crate::mempool::Executed| matches!(e.receipt.outcome, Outcome::Reverted { .. });
    totals.reverted += mempool.executed.iter().filter(reverted).count() as u64;
    totals.usage_usd_years += market.borrowed_usd() * config.block_years();
    for log in chain.logs() {
        match *log {
            Log::Liquidation { market: of, collateral, debt, seized, repaid, .. }
                if of == config.market =>
            {
                let repaid = prices.value_usd(debt, repaid);
                let seized = prices.value_usd(collateral, seized);
                totals.liquidations += 1;
                totals.liquidated_usd += repaid;
                totals.borrower_losses_usd += (seized - repaid).max(0.0);
                market.liquidated_24h_usd += repaid;
            }
            Log::BadDebt { market: of, asset, amount, .. } if of == config.market => {
                totals.written_off_usd += prices.value_usd(asset, amount);
            }
            Log::RiskChanged { market: of, .. } if of == config.market => totals.changes += 1,
            _ => {}
        }
    }
}

/// What the treasury owned when it was last looked at, in shares as whole tokens by reserve.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TreasuryBook {
    shares: Vec<f64>,
    /// Shortfall of positions at the start of the episode, in USD.
    pub latent_at_start_usd: f64,
}

impl TreasuryBook {
    /// The treasury's holdings now.
    #[must_use]
    pub fn open(chain: &Chain, market: &MarketViews, latent_at_start_usd: f64) -> Self {
        let n = market.reserves.len();
        let shares = (0..n).map(|r| treasury_shares(chain, market, r)).collect();
        Self { shares, latent_at_start_usd }
    }

    /// Value of what the treasury gained since it was last looked at, at fair prices.
    pub fn collect(&mut self, chain: &Chain, market: &MarketViews) -> f64 {
        let mut gained = 0.0;
        for (r, held) in self.shares.iter_mut().enumerate() {
            let now = treasury_shares(chain, market, r);
            let view = &market.reserves[r];
            gained += (now - *held) * view.liquidity_index * view.mid_usd;
            *held = now;
        }
        gained
    }
}

/// Shares that are the treasury's, minted or accrued, as whole tokens.
fn treasury_shares(chain: &Chain, market: &MarketViews, reserve: usize) -> f64 {
    let pooled = chain.pooled(market.market);
    let book = &pooled.reserves[reserve];
    let held = chain.balance(pooled.treasury, book.a_token).to_f64();
    (held + book.accrued_to_treasury.to_f64()) * market.reserves[reserve].unit
}

/// What attackers owned when they last moved.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackerBooks {
    books: Vec<AttackerBook>,
    scratch: Vec<f64>,
}

/// One attacker's holdings, in whole tokens by ledger column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct AttackerBook {
    account: AccountId,
    /// Its contract, which is counted as one with it.
    contract: Option<AccountId>,
    holdings: Vec<f64>,
}

impl AttackerBooks {
    /// The holdings of these accounts now.
    #[must_use]
    pub fn open(chain: &Chain, prices: &FairPrices, accounts: &[AccountId]) -> Self {
        let open = |account: &AccountId| {
            let (account, contract) = (*account, chain.contract_of(*account));
            let mut holdings = vec![0.0; chain.assets().len()];
            read_holdings(chain, prices, (account, contract), &mut holdings);
            AttackerBook { account, contract, holdings }
        };
        Self {
            books: accounts.iter().map(open).collect(),
            scratch: vec![0.0; chain.assets().len()],
        }
    }

    /// What the touched accounts' transactions earned: new holdings less old, both at present prices.
    pub fn settle(
        &mut self,
        chain: &Chain,
        prices: &FairPrices,
        market: &MarketViews,
        positions: &PositionViews,
    ) -> f64 {
        let Self { books, scratch } = self;
        let mut earned = 0.0;
        let is_touched = |account: &AccountId| positions.touched.contains(account);
        let is_of =
            |b: &&mut AttackerBook| is_touched(&b.account) || b.contract.iter().any(is_touched);
        for book in books.iter_mut().filter(is_of) {
            read_holdings(chain, prices, (book.account, book.contract), scratch);
            let wealth = |holdings: &[f64]| wealth_usd(chain, prices, market, holdings);
            earned += wealth(scratch) - wealth(&book.holdings);
            book.holdings.copy_from_slice(scratch);
        }
        earned
    }
}

/// What an account and its contract hold.
fn read_holdings(
    chain: &Chain,
    prices: &FairPrices,
    (account, contract): (AccountId, Option<AccountId>),
    holdings: &mut [f64],
) {
    for (i, slot) in holdings.iter_mut().enumerate() {
        let asset = AssetId(i as u16);
        *slot = prices.tokens(asset, chain.balance(account, asset));
        if let Some(contract) = contract {
            *slot += prices.tokens(asset, chain.balance(contract, asset));
        }
    }
}

/// Value of holdings in USD: tokens and pool shares at fair prices, a lending position at its
/// collateral less its debt or nothing.
fn wealth_usd(chain: &Chain, prices: &FairPrices, market: &MarketViews, holdings: &[f64]) -> f64 {
    let mut usd: f64 = holdings.iter().zip(&prices.fair).map(|(held, price)| held * price).sum();
    for pool in chain.pools() {
        let Some(pool) = pool.constant_product() else { continue };
        let held = holdings[pool.share.index()];
        if held > 0.0 {
            let total = prices.tokens(pool.share, chain.ledger().total_supply(pool.share));
            let value = [(pool.token0, pool.reserve0), (pool.token1, pool.reserve1)]
                .map(|(token, reserve)| prices.value_usd(token, Amount::new(reserve)));
            usd += held / total * (value[0] + value[1]);
        }
    }
    usd + lending_equity_usd(chain, prices, market, holdings).max(0.0)
}

fn lending_equity_usd(
    chain: &Chain,
    prices: &FairPrices,
    market: &MarketViews,
    holdings: &[f64],
) -> f64 {
    let books = chain.pooled(market.market).reserves.iter().zip(&market.reserves);
    books
        .map(|(book, view)| {
            let tokens = |share: AssetId, index: f64| {
                // Shares have the decimals of their own column, the view's unit is the token's.
                holdings[share.index()] * index * (view.unit / prices.unit(share))
            };
            let supplied = tokens(book.a_token, view.liquidity_index);
            (supplied - tokens(book.debt_token, view.borrow_index)) * view.mid_usd
        })
        .sum()
}
