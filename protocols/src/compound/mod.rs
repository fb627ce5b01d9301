//! Compound v2: a comptroller and the cTokens that it lists.
//!
//! One [`Compound`] is a comptroller with its markets; each cToken has an account of its own that
//! holds its cash, and its shares are a ledger column. Debt is kept as the contract keeps it: a
//! principal and the borrow index of the day it was written ([`Loan`]).
//!
//! Two things set it apart from the pooled market. Interest is simple *per block*, and only the
//! markets that a call touches accrue: account liquidity is computed from stored balances, the
//! account's other markets unaccrued. And most rules refuse by a *code*, without reverting: what
//! happened before stays (see [`Refusal`]). A verb therefore returns [`Stop`], and after
//! [`Stop::Refused`] its [`Change`] is still to be committed.
//!
//! Source: the public behaviour of Comptroller and CErc20 as of March 2022 (Proposal 65), which the
//! recorded vectors hold to the wei. Not here: COMP rewards, cETH, delegated (upgradable) cTokens,
//! tokens that take a fee on transfer, approvals.

mod account;
mod borrow;
mod c_token;
mod error;
mod exponential;
mod govern;
mod liquidate;
mod rate_model;
mod supply;

pub use account::Liquidity;
pub use c_token::{Book, CToken, Loan, TokenConfig};
pub use error::{CompoundError, ComptrollerCode, Refusal, Stop, TokenCode};
pub use govern::Governance;
pub use liquidate::Liquidation;
pub use rate_model::{BLOCKS_PER_YEAR, RateError, RateModel, YearlyRates, utilization};

use crate::LendingView;
use arrayvec::ArrayVec;
use markets::units::{AccountId, Amount, AssetId, FeedId, Flow, PriceMantissa, Wad};
use serde::{Deserialize, Serialize};

/// Most markets that a comptroller lists: one bit each in an account's membership.
pub const MAX_TOKENS: usize = 32;
/// Highest borrow rate per block that accrual accepts (`borrowRateMaxMantissa`).
pub const MAX_BORROW_RATE: Wad = Wad::new(5_000_000_000_000);
/// Highest collateral factor (`collateralFactorMaxMantissa`).
pub const MAX_COLLATERAL_FACTOR: Wad = Wad::new(900_000_000_000_000_000);
/// The market's part of what a liquidation seizes (`protocolSeizeShareMantissa`).
pub const PROTOCOL_SEIZE_SHARE: Wad = Wad::new(28_000_000_000_000_000);

/// What a Compound market may know of the world.
pub trait CompoundView: LendingView {
    /// The block's number, which interest counts.
    fn block(&self) -> u64;
    /// What a feed says of one smallest unit: USD · 10^(36 − decimals); zero where it has no usable
    /// price (`PriceOracle.getUnderlyingPrice`).
    fn price_mantissa(&self, feed: FeedId, decimals: u8) -> PriceMantissa;
}

/// What governance sets for the comptroller as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Most of a debt that one liquidation may repay.
    pub close_factor: Wad,
    /// What a liquidator's repayment is worth in collateral: 1.08 is a bonus of 8 %.
    pub liquidation_incentive: Wad,
    /// No cToken is transferred.
    pub transfer_paused: bool,
    /// No cToken is seized.
    pub seize_paused: bool,
}

/// A comptroller, its markets, and what it knows of accounts.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compound {
    /// The markets, by index.
    pub tokens: Vec<CToken>,
    /// Bit `i`: the account has entered market `i`. By account id; none beyond the end.
    pub members: Vec<u32>,
    /// Debts by account, then market.
    pub loans: Vec<Loan>,
    /// What governance set for all markets.
    pub policy: Policy,
    /// May change everything, and receives withdrawn reserves.
    pub admin: AccountId,
    /// May pause, and only the admin unpauses.
    pub pause_guardian: AccountId,
    /// May set borrow caps.
    pub borrow_cap_guardian: AccountId,
}

/// What an operation wants done: state to store and money to move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Books after, by market.
    pub books: ArrayVec<(u16, Book), 2>,
    /// A debt after.
    pub loan: Option<(AccountId, u16, Loan)>,
    /// An account's memberships after.
    pub membership: Option<(AccountId, u32)>,
    /// A market's configuration after.
    pub config: Option<(u16, TokenConfig)>,
    /// The comptroller's policy after.
    pub policy: Option<Policy>,
    /// Money to move, in order.
    pub flows: ArrayVec<Flow, 4>,
    /// What really moved, in the underlying.
    pub amount: Amount,
    /// cTokens that were minted, burned or moved; in a liquidation all that the borrower lost.
    pub tokens: Amount,
    /// The liquidator's part of `tokens`.
    pub to_liquidator: Amount,
    /// What the liquidator's part is worth in the collateral's underlying, truncated.
    pub seized: Amount,
}

impl Change {
    /// A book to write to, copied on first touch.
    pub(crate) fn book_mut(&mut self, market: &Compound, token: u16) -> &mut Book {
        let at = self.books.iter().position(|(i, _)| *i == token).unwrap_or_else(|| {
            self.books.push((token, market.tokens[usize::from(token)].book));
            self.books.len() - 1
        });
        &mut self.books[at].1
    }
}

impl Compound {
    /// A comptroller without markets; every guardian is the admin.
    #[must_use]
    pub fn new(admin: AccountId, policy: Policy) -> Self {
        Self {
            tokens: Vec::new(),
            members: Vec::new(),
            loans: Vec::new(),
            policy,
            admin,
            pause_guardian: admin,
            borrow_cap_guardian: admin,
        }
    }
    /// Lists a market and returns its index (`_supportMarket`). Before the first borrow.
    ///
    /// # Panics
    /// Where [`MAX_TOKENS`] are listed already.
    pub fn add_token(&mut self, token: CToken) -> u16 {
        assert!(self.tokens.len() < MAX_TOKENS, "a comptroller lists at most {MAX_TOKENS} markets");
        self.tokens.push(token);
        self.loans = vec![Loan::default(); self.members.len() * self.tokens.len()];
        (self.tokens.len() - 1) as u16
    }
    /// Makes room for accounts, so that no block grows a vector.
    pub fn resize_accounts(&mut self, accounts: usize) {
        self.members.resize(accounts, 0);
        self.loans.resize(accounts * self.tokens.len(), Loan::default());
    }
    /// A market by index.
    ///
    /// # Errors
    /// There is none.
    pub fn token(&self, token: u16) -> Result<&CToken, CompoundError> {
        self.tokens.get(usize::from(token)).ok_or(CompoundError::NotListed)
    }
    /// The market of an underlying.
    #[must_use]
    pub fn token_of(&self, underlying: AssetId) -> Option<u16> {
        self.tokens.iter().position(|t| t.underlying == underlying).map(|i| i as u16)
    }
    /// The market whose shares an asset is.
    #[must_use]
    pub fn token_of_share(&self, share: AssetId) -> Option<u16> {
        self.tokens.iter().position(|t| t.c_token == share).map(|i| i as u16)
    }
    /// The markets that an account has entered, as bits.
    #[must_use]
    pub fn membership(&self, account: AccountId) -> u32 {
        self.members.get(account.index()).copied().unwrap_or_default()
    }
    /// Whether an account has entered a market (`checkMembership`).
    #[must_use]
    pub fn is_member(&self, account: AccountId, token: u16) -> bool {
        self.membership(account) >> token & 1 == 1
    }
    /// Where an account's debt in a market lies among the loans.
    #[must_use]
    pub fn loan_index(&self, account: AccountId, token: u16) -> usize {
        account.index() * self.tokens.len() + usize::from(token)
    }
    /// An account's debt in a market, as it was last written.
    #[must_use]
    pub fn loan(&self, account: AccountId, token: u16) -> Loan {
        self.loans.get(self.loan_index(account, token)).copied().unwrap_or_default()
    }
    /// A market's book with what a change has made of it.
    pub(crate) fn book<'a>(&'a self, change: &'a Change, token: u16) -> &'a Book {
        change
            .books
            .iter()
            .find(|(i, _)| *i == token)
            .map_or_else(|| &self.tokens[usize::from(token)].book, |(_, book)| book)
    }
    /// Accrues a market to this block, on first touch (`accrueInterest`).
    pub(crate) fn touch(
        &self,
        view: &impl CompoundView,
        token: u16,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let listed = self.token(token)?;
        let before = self.book(change, token);
        if before.accrual_block != view.block() {
            let after = listed.accrued(before, listed.cash(view), view.block())?;
            *change.book_mut(self, token) = after;
        }
        Ok(())
    }
    /// Accrues a market to this block and does nothing else (`accrueInterest`).
    ///
    /// # Errors
    /// The rate is absurd, or arithmetic fails.
    pub fn accrue(
        &self,
        view: &impl CompoundView,
        token: u16,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)
    }
}

impl Clone for Compound {
    fn clone(&self) -> Self {
        Self {
            tokens: self.tokens.clone(),
            members: self.members.clone(),
            loans: self.loans.clone(),
            policy: self.policy,
            admin: self.admin,
            pause_guardian: self.pause_guardian,
            borrow_cap_guardian: self.borrow_cap_guardian,
        }
    }
    /// Reuses the vectors' memory: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        let Self { tokens, members, loans, policy, admin, pause_guardian, borrow_cap_guardian } =
            source;
        self.tokens.clone_from(tokens);
        self.members.clone_from(members);
        self.loans.clone_from(loans);
        self.policy = *policy;
        self.admin = *admin;
        self.pause_guardian = *pause_guardian;
        self.borrow_cap_guardian = *borrow_cap_guardian;
    }
}
