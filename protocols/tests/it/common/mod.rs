//! A tiny ledger and a market on it, for tests.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by several test binaries")]

use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, Bps, FeedId, Flow, Price, U256};
use protocols::LendingView;
use protocols::interest::RateStrategy;
use protocols::lending::{Change, LendingError, Pooled};
use protocols::reserve::{Reserve, ReserveConfig};
use protocols::risk_params::{RiskError, RiskRegime};
use std::collections::BTreeMap;

/// The world that the market sees: balances, supplies, prices and time.
#[derive(Clone, Default)]
pub struct Ledger {
    pub balances: BTreeMap<(AccountId, AssetId), U256>,
    pub supplies: BTreeMap<AssetId, U256>,
    pub prices: Vec<u128>,
    pub now: u64,
}

impl LendingView for Ledger {
    fn balance(&self, account: AccountId, asset: AssetId) -> Amount {
        Amount(self.balances.get(&(account, asset)).copied().unwrap_or_default())
    }
    fn total_supply(&self, asset: AssetId) -> Amount {
        Amount(self.supplies.get(&asset).copied().unwrap_or_default())
    }
    fn price(&self, feed: FeedId) -> Result<Price, OracleError> {
        Ok(Price(self.prices[feed.index()]))
    }
    fn now(&self) -> u64 {
        self.now
    }
}

impl Ledger {
    fn take(&mut self, from: AccountId, asset: AssetId, amount: Amount) -> bool {
        let slot = self.balances.entry((from, asset)).or_default();
        match slot.checked_sub(amount.0) {
            Some(left) => {
                *slot = left;
                true
            }
            None => false,
        }
    }
    fn give(&mut self, to: AccountId, asset: AssetId, amount: Amount) {
        *self.balances.entry((to, asset)).or_default() += amount.0;
    }
    /// Performs a flow; false where the balance is too small.
    pub fn perform(&mut self, flow: &Flow) -> bool {
        match *flow {
            Flow::Move { from, to, asset, amount } => {
                let done = self.take(from, asset, amount);
                if done {
                    self.give(to, asset, amount);
                }
                done
            }
            Flow::Mint { to, asset, amount } => {
                *self.supplies.entry(asset).or_default() += amount.0;
                self.give(to, asset, amount);
                true
            }
            Flow::Burn { from, asset, amount } => {
                *self.supplies.entry(asset).or_default() -= amount.0;
                self.take(from, asset, amount)
            }
        }
    }
}

/// What an operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Lending(LendingError),
    Risk(RiskError),
    Balance,
}
impl From<LendingError> for Refused {
    fn from(e: LendingError) -> Self {
        Self::Lending(e)
    }
}
impl From<RiskError> for Refused {
    fn from(e: RiskError) -> Self {
        Self::Risk(e)
    }
}

/// A market and its ledger.
#[derive(Clone)]
pub struct World {
    pub ledger: Ledger,
    pub market: Pooled,
    pub change: Change,
}

pub const POOL: AccountId = AccountId(0);
pub const TREASURY: AccountId = AccountId(1);
pub const MANAGER: AccountId = AccountId(2);
/// The reserves of [`World::three`].
pub const WETH: u16 = 0;
pub const USDC: u16 = 1;
pub const TAIL: u16 = 2;
/// What a call that lending refuses comes to.
pub fn refused(error: LendingError) -> Result<Amount, Refused> {
    Err(Refused::Lending(error))
}
/// A price of so many USD, scaled by 10⁸.
pub const fn usd(dollars: u128) -> u128 {
    dollars * 100_000_000
}

/// First of the users.
pub const USER: u32 = 3;

pub const fn underlying(i: u16) -> AssetId {
    AssetId(3 * i)
}
pub const fn a_token(i: u16) -> AssetId {
    AssetId(3 * i + 1)
}
pub const fn debt_token(i: u16) -> AssetId {
    AssetId(3 * i + 2)
}

/// A plain configuration: WETH's of October 2023, no caps.
pub fn config() -> ReserveConfig {
    ReserveConfig {
        ltv: Bps(8050),
        liquidation_threshold: Bps(8300),
        liquidation_bonus: Bps(500),
        liquidation_protocol_fee: Bps(1000),
        reserve_factor: Bps(1500),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(8000),
            base_bps: Bps(0),
            slope1_bps: Bps(280),
            slope2_bps: Bps(8000),
        },
        ..ReserveConfig::OPEN
    }
}

impl World {
    pub fn new(now: u64, regime: RiskRegime) -> Self {
        Self {
            ledger: Ledger { now, ..Ledger::default() },
            market: Pooled::new(POOL, TREASURY, MANAGER, regime),
            change: Change::default(),
        }
    }
    /// WETH at 2,000 USD (18 decimals), USDC at 1 USD (6 decimals), and a thin token at 5 USD.
    pub fn three(regime: RiskRegime) -> Self {
        let mut world = Self::new(1_700_000_000, regime);
        world.list(18, usd(2_000), config());
        let usdc = ReserveConfig {
            ltv: Bps(7700),
            liquidation_threshold: Bps(8000),
            liquidation_bonus: Bps(450),
            reserve_factor: Bps(1000),
            ..config()
        };
        world.list(6, usd(1), usdc);
        let tail = ReserveConfig {
            ltv: Bps(4000),
            liquidation_threshold: Bps(5000),
            liquidation_bonus: Bps(1000),
            reserve_factor: Bps(2000),
            ..config()
        };
        world.list(18, usd(5), tail);
        world
    }
    pub fn list(&mut self, decimals: u8, price: u128, config: ReserveConfig) -> u16 {
        let i = self.market.reserves.len() as u16;
        self.ledger.prices.push(price);
        let (feed, now) = (FeedId(i), self.ledger.now);
        self.market.add_reserve(Reserve::new(
            underlying(i),
            a_token(i),
            debt_token(i),
            feed,
            decimals,
            config,
            now,
        ))
    }
    pub fn fund(&mut self, account: AccountId, reserve: u16, amount: u128) {
        let (to, asset, amount) = (account, underlying(reserve), Amount::new(amount));
        assert!(self.ledger.perform(&Flow::Mint { to, asset, amount }));
    }
    /// Quotes, performs the flows and stores the change; all or nothing, as the chain does it.
    pub fn act<E: Into<Refused>>(
        &mut self,
        op: impl FnOnce(&Pooled, &Ledger, &mut Change) -> Result<(), E>,
    ) -> Result<Amount, Refused> {
        self.change.clear();
        op(&self.market, &self.ledger, &mut self.change).map_err(Into::into)?;
        let before = self.ledger.clone();
        for flow in &self.change.flows {
            if !self.ledger.perform(flow) {
                self.ledger = before;
                return Err(Refused::Balance);
            }
        }
        for (i, reserve) in &self.change.reserves {
            self.market.reserves[usize::from(*i)] = *reserve;
        }
        for (account, position) in &self.change.positions {
            if self.market.positions.len() <= account.index() {
                self.market.positions.resize(account.index() + 1, Default::default());
            }
            self.market.positions[account.index()] = *position;
        }
        if let Some(state) = &self.change.state {
            self.market.state = state.clone();
        }
        Ok(self.change.amount)
    }
    pub fn supply(&mut self, by: AccountId, r: u16, amount: Amount) -> Result<Amount, Refused> {
        self.act(|m, v, c| m.supply(v, by, r, amount, c))
    }
    pub fn withdraw(&mut self, by: AccountId, r: u16, amount: Amount) -> Result<Amount, Refused> {
        self.act(|m, v, c| m.withdraw(v, by, r, amount, c))
    }
    pub fn borrow(&mut self, by: AccountId, r: u16, amount: Amount) -> Result<Amount, Refused> {
        self.act(|m, v, c| m.borrow(v, by, r, amount, c))
    }
    pub fn repay(&mut self, by: AccountId, r: u16, amount: Amount) -> Result<Amount, Refused> {
        self.act(|m, v, c| m.repay(v, by, r, amount, c))
    }
    pub fn liquidate(
        &mut self,
        by: AccountId,
        borrower: AccountId,
        collateral: u16,
        debt: u16,
        amount: Amount,
    ) -> Result<Amount, Refused> {
        self.act(|m, v, c| m.liquidate(v, by, borrower, collateral, debt, amount, c))
    }
    pub fn wallet(&self, account: AccountId, reserve: u16) -> U256 {
        self.ledger.balance(account, underlying(reserve)).0
    }
}
