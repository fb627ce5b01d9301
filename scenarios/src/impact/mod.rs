//! Who is hit: accounts and dollars that a change of parameters or a price shock makes liquidatable.
//!
//! The population is a chain; before and after are copies of it that differ in the market's parameters
//! and in what its oracles say, and in nothing else. Health is the market's own integer function, and
//! the bad debt is what remains after everybody liquidatable has been liquidated by the market's own
//! calls ([`clear`]). There is no time between shock and liquidation, and no price moves by it: what a
//! cascade adds is for a played episode to say.

mod clear;
mod frontier;
mod plot;
mod shock;
mod text;

pub use clear::{Cleared, clear};
pub use frontier::{Frontier, FrontierPoint};
pub use plot::svg;
pub use shock::{Shock, ShockError};
pub use text::text;

use crate::genesis;
use crate::schema::{MarketSpec, Scenario};
use markets::oracle::OracleError;
use markets::units::{AccountId, Bps, MarketId, U256, Wad};
use protocols::lending::LendingError;
use protocols::reserve::ReserveConfig;
use serde::Serialize;
use sim::chain::Chain;
use std::collections::BTreeSet;

/// USD·10⁸ in USD.
const BASE: f64 = 1e8;
/// Upper ends of the health-factor buckets, in hundredths; the last bucket has none.
const EDGES_PERCENT: [u64; 8] = [95, 100, 105, 110, 125, 150, 200, 300];

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImpactError {
    /// What was changed is not a parameter of the market.
    #[error(
        "`{0}` changes more than the market's parameters: before and after must have the same accounts. \
         `--set` takes market.reserves.ASSET.… and market.close_factor_bps; what holds before and after \
         goes to `--assume`"
    )]
    NotAParameter(String),
    /// A shock of an asset that the market does not list.
    #[error("--shock {asset}: the market does not list it; it lists {listed}")]
    NotListed {
        /// The asset.
        asset: String,
        /// What is listed.
        listed: String,
    },
    /// An oracle is silent.
    #[error("{asset}: {reason}")]
    Oracle {
        /// The asset.
        asset: String,
        /// Why.
        reason: OracleError,
    },
    /// The market's own function does not answer.
    #[error("{account}: {reason}")]
    Health {
        /// The account.
        account: String,
        /// Why.
        reason: LendingError,
    },
    /// The picture.
    #[error("the plot cannot be drawn: {0}")]
    Plot(String),
}

/// The parameters of a market that decide who is liquidatable and at what cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    reserves: Vec<ReserveConfig>,
    close_factor: Bps,
}

impl Parameters {
    /// Those of a scenario.
    #[must_use]
    pub fn of(market: &MarketSpec) -> Self {
        Self {
            reserves: market.reserves.iter().map(genesis::config).collect(),
            close_factor: Bps(market.close_factor_bps),
        }
    }
}

/// Parameters of `after` where it is `before` but for them.
///
/// # Errors
/// [`ImpactError::NotAParameter`]; `said` is what the user wrote.
pub fn changed(before: &Scenario, after: &Scenario, said: &str) -> Result<Parameters, ImpactError> {
    let mut same = after.clone();
    same.market.close_factor_bps = before.market.close_factor_bps;
    let symbols = |s: &Scenario| -> Vec<String> {
        s.market.reserves.iter().map(|r| r.asset.clone()).collect()
    };
    if symbols(before) == symbols(after) {
        same.market.reserves = before.market.reserves.clone();
    }
    if same == *before {
        Ok(Parameters::of(&after.market))
    } else {
        Err(ImpactError::NotAParameter(said.to_owned()))
    }
}

/// A population, and what is asked about it.
#[derive(Debug)]
pub struct Question<'a> {
    /// The chain with the population.
    pub chain: &'a Chain,
    /// The market.
    pub market: MarketId,
    /// Its parameters after; `None` where they stay.
    pub after: Option<&'a Parameters>,
    /// What happens to prices.
    pub shocks: &'a [Shock],
}

/// Accounts and what they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Crowd {
    /// How many.
    pub accounts: u64,
    /// Value of their collateral at the oracles' prices, in USD.
    pub collateral_usd: f64,
    /// Value of their debt, in USD.
    pub debt_usd: f64,
}

impl Crowd {
    fn add(&mut self, account: &Account) {
        self.accounts += 1;
        self.collateral_usd += account.collateral_usd;
        self.debt_usd += account.debt_usd;
    }
}

/// A figure before and after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Pair<T> {
    /// With the parameters and prices as they are.
    pub before: T,
    /// With the change.
    pub after: T,
}

/// Accounts in a range of health factors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bucket {
    /// From this health factor on.
    pub from: f64,
    /// Below this one; none for the last.
    pub below: Option<f64>,
    /// Who is in it.
    pub crowd: Pair<Crowd>,
}

/// One asset of accounts that are liquidatable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OfAsset {
    /// Symbol.
    pub asset: String,
    /// Oracle price, in USD.
    pub price_usd: Pair<f64>,
    /// Of it as their collateral, in USD.
    pub collateral_usd: Pair<f64>,
    /// Of it as their debt, in USD.
    pub debt_usd: Pair<f64>,
}

/// Who is hit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Impact {
    /// Block of the population.
    pub block: u64,
    /// Everybody with debt.
    pub borrowers: Pair<Crowd>,
    /// Whoever is liquidatable.
    pub liquidatable: Pair<Crowd>,
    /// Liquidatable after and not before.
    pub newly: Crowd,
    /// Liquidatable before and not after.
    pub saved: Crowd,
    /// What liquidating everybody comes to.
    pub cleared: Pair<Cleared>,
    /// By health factor.
    pub buckets: Vec<Bucket>,
    /// By asset, of those who are liquidatable.
    pub assets: Vec<OfAsset>,
    /// By how far prices fall.
    pub frontier: Frontier,
}

/// An account with debt.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Account {
    id: AccountId,
    health_factor: Wad,
    collateral_usd: f64,
    debt_usd: f64,
}

/// A copy of the chain with these parameters and prices.
fn what_if(q: &Question<'_>, shocks: &[Shock], is_after: bool) -> Result<Chain, ImpactError> {
    let mut chain = q.chain.clone();
    if let (Some(after), true) = (q.after, is_after)
        && let Some(pooled) = chain.genesis_market(q.market)
    {
        pooled.state.close_factor = after.close_factor;
        for (reserve, config) in pooled.reserves.iter_mut().zip(&after.reserves) {
            reserve.config = *config;
        }
    }
    for shock in shocks {
        shock.apply(&mut chain, q.market)?;
    }
    Ok(chain)
}

/// Everybody with debt, by account id.
fn borrowers(chain: &Chain, market: MarketId) -> Result<Vec<Account>, ImpactError> {
    let pooled = chain.pooled(market);
    let mut found = Vec::new();
    for (i, position) in pooled.positions.iter().enumerate() {
        if !position.is_borrowing_any() {
            continue;
        }
        let id = AccountId(i as u32);
        let health = chain.health(market, id).map_err(|reason| ImpactError::Health {
            account: chain.accounts()[i].clone(),
            reason,
        })?;
        found.push(Account {
            id,
            health_factor: health.health_factor,
            collateral_usd: usd(health.collateral_base),
            debt_usd: usd(health.debt_base),
        });
    }
    Ok(found)
}

fn usd(base: U256) -> f64 {
    markets::units::Amount(base).to_f64() / BASE
}

fn crowd<'a>(accounts: impl IntoIterator<Item = &'a Account>) -> Crowd {
    let mut crowd = Crowd::default();
    for account in accounts {
        crowd.add(account);
    }
    crowd
}

fn liquidatable(accounts: &[Account]) -> impl Iterator<Item = &Account> {
    accounts.iter().filter(|a| a.health_factor < Wad::ONE)
}

/// Answers a question.
///
/// # Errors
/// [`ImpactError`]: a shock of what is not listed, an oracle that is silent.
pub fn impact(q: &Question<'_>) -> Result<Impact, ImpactError> {
    let chains = [what_if(q, &[], false)?, what_if(q, q.shocks, true)?];
    let sides = [borrowers(&chains[0], q.market)?, borrowers(&chains[1], q.market)?];
    let at_risk = sides
        .each_ref()
        .map(|side| liquidatable(side).map(|account| account.id).collect::<BTreeSet<AccountId>>());
    let only = |here: usize, there: usize| {
        crowd(liquidatable(&sides[here]).filter(|a| !at_risk[there].contains(&a.id)))
    };
    let pair = |of: &dyn Fn(usize) -> Crowd| Pair { before: of(0), after: of(1) };
    Ok(Impact {
        block: q.chain.clock().block,
        borrowers: pair(&|i| crowd(&sides[i])),
        liquidatable: pair(&|i| crowd(liquidatable(&sides[i]))),
        newly: only(1, 0),
        saved: only(0, 1),
        cleared: Pair { before: clear(&chains[0], q.market), after: clear(&chains[1], q.market) },
        buckets: buckets(&sides),
        assets: by_asset(&chains, q.market, &sides)?,
        frontier: frontier::frontier(q)?,
    })
}

fn buckets(sides: &[Vec<Account>; 2]) -> Vec<Bucket> {
    let edge = |percent: u64| Wad::new(u128::from(percent) * 10_u128.pow(16));
    let mut from = 0;
    let mut buckets = Vec::with_capacity(EDGES_PERCENT.len() + 1);
    for below in EDGES_PERCENT.into_iter().map(Some).chain([None]) {
        let inside = |a: &&Account| {
            a.health_factor >= edge(from) && below.is_none_or(|b| a.health_factor < edge(b))
        };
        let of = |i: usize| crowd(sides[i].iter().filter(inside));
        buckets.push(Bucket {
            from: from as f64 / 100.0,
            below: below.map(|b| b as f64 / 100.0),
            crowd: Pair { before: of(0), after: of(1) },
        });
        from = below.unwrap_or(from);
    }
    buckets
}

fn by_asset(
    chains: &[Chain; 2],
    market: MarketId,
    sides: &[Vec<Account>; 2],
) -> Result<Vec<OfAsset>, ImpactError> {
    let mut assets = Vec::new();
    for (r, reserve) in chains[0].pooled(market).reserves.iter().enumerate() {
        let asset = chains[0].asset(reserve.underlying).symbol.clone();
        let mut prices = [0.0; 2];
        let mut sums = [[0.0; 2]; 2];
        for (i, chain) in chains.iter().enumerate() {
            let price = chain
                .price(reserve.feed)
                .map_err(|reason| ImpactError::Oracle { asset: asset.clone(), reason })?;
            prices[i] = price.usd();
            let pooled = chain.pooled(market);
            let unit = sim::prices::unit(reserve.decimals);
            for account in liquidatable(&sides[i]) {
                let position = pooled.position(account.id);
                if position.uses_as_collateral(r as u16) {
                    let tokens = pooled.supplied(chain, account.id, r as u16).to_f64() * unit;
                    sums[0][i] += tokens * prices[i];
                }
                let tokens = pooled.debt(chain, account.id, r as u16).to_f64() * unit;
                sums[1][i] += tokens * prices[i];
            }
        }
        let pair = |[before, after]: [f64; 2]| Pair { before, after };
        assets.push(OfAsset {
            asset,
            price_usd: pair(prices),
            collateral_usd: pair(sums[0]),
            debt_usd: pair(sums[1]),
        });
    }
    Ok(assets)
}
