//! Scripted participants, one behaviour per file.
//!
//! Each file has a plain configuration, a component that holds the whole state of one participant, a
//! `spawn` that puts a cohort into a world, and a thin system. A system gathers what the participant
//! can see, asks a pure function for a decision, and appends to the [`Outbox`](sim::actor::Outbox):
//! nobody here can touch the chain.
//!
//! Money comes from the outside world's account: what a participant holds elsewhere (savings, a bank)
//! arrives and leaves as plain transfers of that account, submitted as transactions of the world, so
//! that the tape has them. Only trades at the exchange or in a pool move a price.

pub mod arbitrageur;
pub mod book;
pub mod borrower;
pub mod farmer;
pub mod lender;
pub mod liquidator;
pub mod looper;
pub mod oracle_node;
pub mod perpetual;
pub mod risk_manager;
mod treasury;

pub(crate) use treasury::{Treasury, Wants};

use bevy_ecs::prelude::*;
use libm::{exp, log, pow};
use markets::price::draw;
use markets::units::{AccountId, Amount, AssetId, MarketId};
use rand::Rng;
use serde::{Deserialize, Serialize};
use sim::actor::{Actor, GasBid, Wallet};
use sim::chain::call::{AmountExpr, Call, Outcome, Revert, Transaction, TxHeader};
use sim::chain::{Chain, Clock};
use sim::rng::{Purpose, Streams, actor_key};

/// Why a participant cannot be put into a world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpawnError {
    /// The chain has no asset of this symbol.
    #[error("no asset is called `{0}`")]
    UnknownAsset(String),
    /// The market does not list the asset.
    #[error("the market does not list `{0}`")]
    NotListed(String),
    /// The pool does not hold the asset.
    #[error("the pool does not hold `{0}`")]
    NotInPool(String),
    /// The world has no lending market of this name.
    #[error("no market is called `{0}`")]
    UnknownMarket(String),
    /// The world has no exogenous stream of this name.
    #[error("no factor is called `{0}`")]
    UnknownFactor(String),
    /// The feed is not of the kind that this participant serves.
    #[error("the feed is not of the kind that this participant serves")]
    WrongFeed,
    /// The market is no perpetual future.
    #[error("the market is no perpetual future")]
    NotPerpetual,
    /// More is to be borrowed in one attack than its bundle has room for.
    #[error("an attack borrows at most {most} assets, and {asked} are listed as loot")]
    TooMuchLoot {
        /// The limit.
        most: usize,
        /// How many are listed.
        asked: usize,
    },
    /// The chain refused an opening balance.
    #[error("opening balances: {0}")]
    Chain(#[from] Revert),
}

/// The block in which a participant looks next. A column of its own: those who wait cost one
/// comparison a block.
#[derive(Component, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextLook {
    /// Block number.
    pub block: u64,
}

/// An asset as participants handle it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Which.
    pub asset: AssetId,
    /// Smallest units of a whole token.
    pub unit: f64,
}

impl Token {
    /// The token of a symbol.
    ///
    /// # Errors
    /// [`SpawnError::UnknownAsset`].
    pub fn of(chain: &Chain, symbol: &str) -> Result<Self, SpawnError> {
        let asset = chain
            .asset_by_symbol(symbol)
            .ok_or_else(|| SpawnError::UnknownAsset(symbol.to_owned()))?;
        Ok(Self::of_id(chain, asset))
    }
    /// The token of an id.
    #[must_use]
    pub fn of_id(chain: &Chain, asset: AssetId) -> Self {
        Self { asset, unit: pow(10.0, f64::from(chain.asset(asset).decimals)) }
    }
    /// Whole tokens of an amount.
    #[inline]
    #[must_use]
    pub fn tokens(self, amount: Amount) -> f64 {
        amount.to_f64() / self.unit
    }
    /// The amount of whole tokens, floored; zero where negative or not a number.
    #[inline]
    #[must_use]
    pub fn amount(self, tokens: f64) -> Amount {
        Amount::from_f64_floor(tokens * self.unit)
    }
    /// What an account holds, in whole tokens.
    #[inline]
    #[must_use]
    pub fn held(self, chain: &Chain, account: AccountId) -> f64 {
        self.tokens(chain.balance(account, self.asset))
    }
}

/// A token that a market lists.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The token.
    pub token: Token,
    /// Its reserve's index.
    pub reserve: u16,
}

impl Listed {
    /// The listing of a symbol.
    ///
    /// # Errors
    /// [`SpawnError::UnknownAsset`], [`SpawnError::NotListed`].
    pub fn of(chain: &Chain, market: MarketId, symbol: &str) -> Result<Self, SpawnError> {
        let token = Token::of(chain, symbol)?;
        let reserve = chain
            .pooled(market)
            .reserve_of(token.asset)
            .ok_or_else(|| SpawnError::NotListed(symbol.to_owned()))?;
        Ok(Self { token, reserve })
    }
}

/// Gas of the calls that bundles are made of, as the chain charges it.
pub(crate) mod gas_of {
    use markets::units::{AccountId, Amount, AssetId, MarketId, PoolId};
    use sim::chain::call::{AmountExpr, Call};
    use sim::chain::gas;

    const MARKET: MarketId = MarketId(0);
    const ASSET: AssetId = AssetId(0);
    const ALL: AmountExpr = AmountExpr::All;

    pub(crate) const TRANSACTION: u64 = gas::TRANSACTION;
    pub(crate) const SWAP: u64 = gas::of(&Call::Swap {
        pool: PoolId(0),
        asset_in: ASSET,
        amount: ALL,
        min_out: Amount::ZERO,
    });
    pub(crate) const SUPPLY: u64 =
        gas::of(&Call::Supply { market: MARKET, asset: ASSET, amount: ALL });
    pub(crate) const BORROW: u64 =
        gas::of(&Call::Borrow { market: MARKET, asset: ASSET, amount: ALL });
    pub(crate) const LIQUIDATE: u64 = gas::of(&Call::Liquidate {
        market: MARKET,
        borrower: AccountId(0),
        collateral: ASSET,
        debt: ASSET,
        amount: ALL,
    });
    pub(crate) const FLASH_LOAN: u64 =
        gas::of(&Call::FlashLoan { market: MARKET, asset: ASSET, amount: Amount::ZERO, body: 0 });
    /// A mark or a guard.
    pub(crate) const MARK: u64 = gas::of(&Call::Mark { mark: 0, asset: ASSET });
}

/// The id that the next participant gets: ids are dense, in spawn order.
pub fn next_actor_id(world: &mut World) -> u32 {
    world.query::<&Actor>().iter(world).count() as u32
}

/// A new participant `index` of a cohort, with an account of its own.
pub(crate) fn enrol(chain: &mut Chain, id: u32, cohort: &str, index: u32) -> (Actor, Wallet) {
    let account = chain.add_account(&format!("{cohort}:{index}"));
    (Actor { id, key: actor_key(cohort, index.into()) }, Wallet(account))
}

/// All participants of a cohort and what each weighs in it, log-normal of deviation `log_sd`; and the sum of
/// the weights.
pub(crate) fn enrol_weighted(
    chain: &mut Chain,
    first_id: u32,
    (cohort, count): (&str, u32),
    log_sd: f64,
    (streams, episode): (&Streams, u64),
) -> (Vec<(Actor, Wallet, f64)>, f64) {
    let mut enrolled = Vec::with_capacity(count as usize);
    let mut weights = 0.0;
    for index in 0..count {
        let (actor, wallet) = enrol(chain, first_id + index, cohort, index);
        let mut rng = streams.at(Purpose::Setup, actor.key, episode, 0);
        let weight = exp(log_sd * draw::normal(rng.next_u64()));
        weights += weight;
        enrolled.push((actor, wallet, weight));
    }
    (enrolled, weights)
}

/// What the outside world holds at least of every asset that participants handle, in whole tokens:
/// exchanges settle from it, savings arrive from it.
const OUTSIDE_TOKENS: f64 = 1e12;

/// An opening balance of `tokens` whole tokens; the outside world gets its own on the way.
pub(crate) fn endow(
    chain: &mut Chain,
    to: AccountId,
    token: Token,
    tokens: f64,
) -> Result<(), SpawnError> {
    let outside = chain.outside();
    if token.held(chain, outside) < OUTSIDE_TOKENS {
        chain.genesis_mint(outside, token.asset, token.amount(OUTSIDE_TOKENS))?;
    }
    chain.genesis_mint(to, token.asset, token.amount(tokens)).map_err(SpawnError::from)
}

/// Does something before the first block, without gas. Returns whether it succeeded.
pub(crate) fn before_genesis(chain: &mut Chain, sender: AccountId, calls: &[Call]) -> bool {
    let header = TxHeader::free(sender);
    chain.execute(Transaction { header: &header, calls }).outcome == Outcome::Success
}

/// An offer for gas that survives six full blocks in a row (2 ≈ 1.125⁶), with this tip.
#[inline]
pub(crate) fn gas_bid(clock: &Clock, limit: u64, priority_fee_wei: u64) -> GasBid {
    GasBid {
        limit,
        max_fee_per_gas: clock.base_fee.saturating_mul(2).saturating_add(priority_fee_wei),
        max_priority_fee_per_gas: priority_fee_wei,
    }
}

/// Gwei as wei per gas.
#[inline]
pub(crate) fn wei(gwei: f64) -> u64 {
    (gwei * 1e9) as u64
}

/// A transfer of whole tokens from the sender.
#[inline]
pub(crate) fn transfer(to: AccountId, token: Token, tokens: f64) -> Call {
    Call::Transfer { to, asset: token.asset, amount: AmountExpr::Exact(token.amount(tokens)) }
}

/// A uniform draw in [low, high).
pub(crate) fn uniform(rng: &mut impl Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * draw::uniform(rng.next_u64())
}

/// An exponential waiting time, in blocks, at least one.
pub(crate) fn waiting_blocks(rng: &mut impl Rng, mean_blocks: f64) -> u64 {
    (draw::exponential(rng.next_u64()) * mean_blocks) as u64 + 1
}

/// Sizes with a lognormal body and a Pareto tail, in USD.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeLaw {
    /// Median of the body, in USD.
    pub median_usd: f64,
    /// Standard deviation of the body's logarithm.
    pub log_sd: f64,
    /// Share of sizes that come from the tail.
    pub tail_share: f64,
    /// Where the tail begins, in USD.
    pub tail_from_usd: f64,
    /// Exponent of the tail: P(size > x) ∝ x^−exponent.
    pub tail_exponent: f64,
    /// Largest size, in USD.
    pub cap_usd: f64,
}

impl SizeLaw {
    /// So many sizes, in USD, that lie evenly in the law, each with its weight; the weights sum to one. The
    /// body's come first.
    pub fn quantiles(&self, each: u32) -> impl Iterator<Item = (f64, f64)> {
        let law = *self;
        let u = move |i: u32| (f64::from(i) + 0.5) / f64::from(each);
        let body = (0..each).map(move |i| {
            let size = exp(log(law.median_usd) + law.log_sd * draw::inverse_normal(u(i)));
            (size.min(law.cap_usd), (1.0 - law.tail_share) / f64::from(each))
        });
        let tail = (0..each).map(move |i| {
            let size = law.tail_from_usd * pow(u(i), -1.0 / law.tail_exponent);
            (size.min(law.cap_usd), law.tail_share / f64::from(each))
        });
        body.chain(tail)
    }

    /// Draws a size, in USD; always takes two words.
    pub fn sample(&self, rng: &mut impl Rng) -> f64 {
        let (pick, word) = (draw::uniform(rng.next_u64()), rng.next_u64());
        let size = if pick < self.tail_share {
            self.tail_from_usd * pow(draw::uniform(word), -1.0 / self.tail_exponent)
        } else {
            exp(log(self.median_usd) + self.log_sd * draw::normal(word))
        };
        size.min(self.cap_usd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law() -> SizeLaw {
        SizeLaw {
            median_usd: 10_000.0,
            log_sd: 1.0,
            tail_share: 0.1,
            tail_from_usd: 100_000.0,
            tail_exponent: 1.2,
            cap_usd: 5e6,
        }
    }

    #[test]
    fn quantiles_have_the_mean_of_the_draws() {
        let law = law();
        let mean: f64 = law.quantiles(20_000).map(|(size, weight)| size * weight).sum();
        // 0.9 · 10⁴ · e^½ and 0.1 · 10⁵ · (1 + (1 − 50^−0.2) / 0.2), the mean of a Pareto capped at 50 times its
        // beginning.
        let exact = 9e3 * exp(0.5) + 1e4 * (1.0 + (1.0 - pow(50.0, -0.2)) / 0.2);
        assert!((mean / exact - 1.0).abs() < 1e-3, "{mean} {exact}");
        let weights: f64 = law.quantiles(100).map(|(_, weight)| weight).sum();
        assert!((weights - 1.0).abs() < 1e-12);
    }

    #[test]
    fn sizes_have_the_stated_median_and_tail() {
        let law = law();
        let mut rng = Streams::new(1, 1).at(Purpose::Test, 0, 0, 0);
        let mut sizes: Vec<f64> = (0..20_000).map(|_| law.sample(&mut rng)).collect();
        sizes.sort_by(f64::total_cmp);
        // A body of median m, a tenth of the mass far above: the median is the body's 55.6 % quantile.
        assert!((sizes[10_000] / 10_000.0 - exp(0.1397)).abs() < 0.05, "{}", sizes[10_000]);
        // P(size > 400,000) is 0.1 · 4^−1.2 = 0.0189 from the tail, and next to nothing from the body.
        let far = sizes.iter().filter(|s| **s > 400_000.0).count() as f64 / 20_000.0;
        assert!((far - 0.0190).abs() < 0.004, "{far}");
        assert!(sizes[19_999] <= 5e6);
    }
}
