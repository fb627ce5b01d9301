//! Perpetual futures: linear contracts margined in dollars, with funding, a mark price, maintenance margin,
//! liquidation, an insurance fund and auto-deleveraging.
//!
//! Prices are ticks and sizes lots, as in [`markets::book`]; money is quote units, a lot at a tick. A
//! position's value is `collateral + lots · mark − cost`, cost being what its lots were bought for less what
//! they were sold for, so nothing is rounded until funding is paid. Rates are in 10⁻⁸.
//!
//! The rules are those that large exchanges publish: premium index, clamp and eight-hour interval as in
//! BitMEX's "Funding" and Binance's "Introduction to funding rates"; the mark price as in Binance's "Mark
//! price"; the ranking of deleveraging by profit and leverage as in both.

mod check;
mod funding;
mod liquidation;
mod mark;
mod market;

pub use check::{INVARIANTS, MARKET_INVARIANTS};
pub use funding::{FundingClock, FundingTerms, premium_e8};
pub use liquidation::Closed;
pub use mark::{Basis, mark_tick};
pub use market::{PerpetualMarket, PerpetualOffer};

use ruint::aliases::U256;
use serde::{Deserialize, Serialize};

/// One, in rates.
pub const E8: i64 = 100_000_000;
/// Most lots of a position, and most ticks of a price: values then fit 128 bits with room.
pub const MOST: u64 = 1 << 40;

/// Why a contract refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PerpetualError {
    /// No account has this number.
    #[error("no account has this number")]
    UnknownAccount,
    /// Size, price or amount is none, or beyond [`MOST`].
    #[error("size, price or amount out of range")]
    OutOfRange,
    /// What would be left does not cover the initial margin.
    #[error("the margin would be {equity}, below the {required} that the position needs")]
    Margin {
        /// Equity afterwards, in quote units.
        equity: i128,
        /// Initial margin, in quote units.
        required: i128,
    },
    /// The account covers its maintenance margin.
    #[error("the account covers its maintenance margin")]
    Healthy,
    /// The account is not bankrupt.
    #[error("the account is not bankrupt")]
    Solvent,
    /// More than the position, or the other way.
    #[error("a liquidation closes at most the position")]
    TooMuch,
    /// Nothing is offered, or less than is wanted.
    #[error("{left} lots are offered")]
    Offer {
        /// What is offered, in lots.
        left: u64,
    },
    /// Depositors have paid in less than would leave.
    #[error("the venue has {left} that is not its fund's")]
    Liquidity {
        /// Paid in less paid out, the insurance fund's money left out, in quote units.
        left: i128,
    },
    /// The contract is margined in another asset.
    #[error("the contract is not margined in this asset")]
    UnknownAsset,
    /// Buyer and seller are the same.
    #[error("buyer and seller are the same")]
    SameAccount,
}

/// What a contract asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerpetualTerms {
    /// Margin that opening a position takes, in basis points of its value at the mark.
    pub initial_margin_bps: u32,
    /// Margin below which it is liquidated; smaller.
    pub maintenance_margin_bps: u32,
    /// What a liquidation pays to the insurance fund, in basis points of what it closes, as far as the
    /// account has it.
    pub liquidation_fee_bps: u32,
    /// Funding.
    pub funding: FundingTerms,
    /// Whether an account may withdraw against profit that it has not realised, as far as its equity at the
    /// mark covers the initial margin: it then owes the other depositors, and its collateral is below zero.
    /// Else collateral alone is paid out.
    ///
    /// Source: Mango v3's cross margin, whose account health counts a perpetual position at the oracle's price
    /// ("Health", docs.mango.markets/mango-v3), and whose withdrawals are borrowings where the balance ends.
    pub profit_backs_withdrawals: bool,
}

/// An account's position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerpetualAccount {
    /// Paid in and realised, in quote units.
    pub collateral: i128,
    /// Long if positive, short if negative.
    pub lots: i64,
    /// Paid for the lots less received for them, in quote units.
    pub cost: i128,
}

impl PerpetualAccount {
    /// What would be left if the position were closed at a price, in quote units.
    #[must_use]
    pub const fn equity(&self, tick: u64) -> i128 {
        self.collateral + self.lots as i128 * tick as i128 - self.cost
    }
    /// Size of the position at a price, in quote units.
    #[must_use]
    pub const fn notional(&self, tick: u64) -> i128 {
        (self.lots.unsigned_abs() as i128) * tick as i128
    }
    /// Profit of the position at a price, in quote units.
    #[must_use]
    pub const fn profit(&self, tick: u64) -> i128 {
        self.lots as i128 * tick as i128 - self.cost
    }

    /// Adds bought lots and what was paid for them; what is closed entirely is realised.
    fn add(&mut self, lots: i64, notional: i128) {
        self.lots += lots;
        self.cost += notional;
        if self.lots == 0 {
            self.collateral -= std::mem::take(&mut self.cost);
        }
    }
}

/// What of a contract is nobody's position: its mark, its clock, its fund and all that was paid in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerpetualBooks {
    insurance: i128,
    deposits: i128,
    mark: u64,
    clock: FundingClock,
}

/// A perpetual contract and everybody's positions in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Perpetual {
    /// What it asks for.
    pub terms: PerpetualTerms,
    /// Positions, by account.
    pub accounts: Vec<PerpetualAccount>,
    /// What covers bankrupt accounts, in quote units.
    pub insurance: i128,
    /// Paid in less paid out, in quote units.
    pub deposits: i128,
    /// The mark price, in ticks.
    pub mark: u64,
    /// When funding is due.
    pub clock: FundingClock,
}

/// `part · of / per`, rounded up, all positive.
const fn ceil(part: i128, of: i128, per: i128) -> i128 {
    let product = part * of;
    product / per + (product % per != 0) as i128
}

/// Margin of a position by basis points, at a mark, rounded against its account.
fn margin_at(account: &PerpetualAccount, mark: u64, bps: u32) -> i128 {
    ceil(account.notional(mark), i128::from(bps), 10_000)
}

impl Perpetual {
    /// A contract without positions, so many accounts, at a mark price.
    ///
    /// # Errors
    /// [`PerpetualError::OutOfRange`].
    pub fn new(
        terms: PerpetualTerms,
        accounts: usize,
        mark: u64,
        now_secs: u64,
    ) -> Result<Self, PerpetualError> {
        let PerpetualTerms { initial_margin_bps, maintenance_margin_bps, .. } = terms;
        let margins = maintenance_margin_bps <= initial_margin_bps && initial_margin_bps <= 10_000;
        let fee = terms.liquidation_fee_bps <= 10_000;
        if mark == 0 || mark > MOST || !margins || !fee || !terms.funding.is_possible() {
            return Err(PerpetualError::OutOfRange);
        }
        let clock = FundingClock::new(&terms.funding, now_secs);
        let accounts = vec![PerpetualAccount::default(); accounts];
        Ok(Self { terms, accounts, insurance: 0, deposits: 0, mark, clock })
    }

    /// An account.
    ///
    /// # Errors
    /// [`PerpetualError::UnknownAccount`].
    pub fn account(&self, account: usize) -> Result<&PerpetualAccount, PerpetualError> {
        self.accounts.get(account).ok_or(PerpetualError::UnknownAccount)
    }
    fn account_mut(&mut self, account: usize) -> Result<&mut PerpetualAccount, PerpetualError> {
        self.accounts.get_mut(account).ok_or(PerpetualError::UnknownAccount)
    }

    /// All long lots; as many are short.
    #[must_use]
    pub fn open_interest_lots(&self) -> u64 {
        self.accounts.iter().map(|a| a.lots.max(0).unsigned_abs()).sum()
    }

    /// Margin of an account's position by basis points, at the mark, rounded against the account.
    fn margin(&self, account: &PerpetualAccount, bps: u32) -> i128 {
        margin_at(account, self.mark, bps)
    }
    /// Whether an account is to be liquidated at the mark.
    #[must_use]
    pub fn is_liquidatable(&self, account: &PerpetualAccount) -> bool {
        self.is_liquidatable_at(account, self.mark)
    }
    /// Whether it were at another.
    #[must_use]
    pub fn is_liquidatable_at(&self, account: &PerpetualAccount, mark: u64) -> bool {
        let required = margin_at(account, mark, self.terms.maintenance_margin_bps);
        account.lots != 0 && account.equity(mark) < required
    }

    /// What is nobody's position, to be restored.
    #[must_use]
    pub const fn books(&self) -> PerpetualBooks {
        let Self { insurance, deposits, mark, clock, .. } = *self;
        PerpetualBooks { insurance, deposits, mark, clock }
    }
    /// Puts back what [`Self::books`] said.
    pub const fn restore(&mut self, books: PerpetualBooks) {
        let PerpetualBooks { insurance, deposits, mark, clock } = books;
        (self.insurance, self.deposits, self.mark, self.clock) = (insurance, deposits, mark, clock);
    }

    /// What accounts owe at the mark beyond what they have, in quote units.
    #[must_use]
    pub fn uncovered(&self) -> i128 {
        self.accounts.iter().map(|account| (-account.equity(self.mark)).max(0)).sum()
    }

    /// Pays into an account.
    ///
    /// # Errors
    /// [`PerpetualError::UnknownAccount`]; [`PerpetualError::OutOfRange`] where it would have more than the
    /// largest position is worth, [`MOST`] squared.
    pub fn deposit(&mut self, account: usize, amount: u64) -> Result<(), PerpetualError> {
        let account = self.account_mut(account)?;
        let collateral = account.collateral + i128::from(amount);
        if collateral > i128::from(MOST) * i128::from(MOST) {
            return Err(PerpetualError::OutOfRange);
        }
        account.collateral = collateral;
        self.deposits += i128::from(amount);
        Ok(())
    }

    /// Pays out of an account what its position does not need, collateral alone unless
    /// [`PerpetualTerms::profit_backs_withdrawals`], and no more than depositors have paid in.
    ///
    /// # Errors
    /// [`PerpetualError::UnknownAccount`], [`PerpetualError::Margin`], [`PerpetualError::Liquidity`].
    pub fn withdraw(&mut self, account: usize, amount: u64) -> Result<(), PerpetualError> {
        let mut after = *self.account(account)?;
        after.collateral -= i128::from(amount);
        self.covered(&after)?;
        if after.collateral < 0 && !self.terms.profit_backs_withdrawals {
            // Profit that is not realised backs a position; it is not paid out.
            return Err(PerpetualError::Margin { equity: after.collateral, required: 0 });
        }
        let left = self.deposits - self.insurance;
        if i128::from(amount) > left {
            return Err(PerpetualError::Liquidity { left });
        }
        self.accounts[account] = after;
        self.deposits -= i128::from(amount);
        Ok(())
    }

    /// The most that [`Self::withdraw`] pays an account at the mark, in quote units.
    #[must_use]
    pub fn withdrawable(&self, account: usize) -> u64 {
        let Ok(account) = self.account(account) else { return 0 };
        let required = self.margin(account, self.terms.initial_margin_bps);
        let mut most = (account.equity(self.mark) - required).min(self.deposits - self.insurance);
        if !self.terms.profit_backs_withdrawals {
            most = most.min(account.collateral);
        }
        most.clamp(0, i128::from(u64::MAX)) as u64
    }

    /// Pays into the insurance fund.
    pub fn insure(&mut self, amount: u64) {
        self.insurance += i128::from(amount);
        self.deposits += i128::from(amount);
    }

    fn covered(&self, account: &PerpetualAccount) -> Result<(), PerpetualError> {
        let required = self.margin(account, self.terms.initial_margin_bps);
        let equity = account.equity(self.mark);
        if equity < required { Err(PerpetualError::Margin { equity, required }) } else { Ok(()) }
    }

    /// Two accounts trade. Whoever ends with a larger position than before, or on the other side, must cover
    /// its initial margin. Whoever makes it smaller may also have less, if it owes nothing at the mark and has
    /// no less of the position's value behind it than before: nobody leaves a debt by closing at a bad price.
    /// Source: dYdX, `P1Trade._verifyAccountsFinalBalances`.
    ///
    /// # Errors
    /// [`PerpetualError`]; nothing has then happened.
    pub fn trade(
        &mut self,
        buyer: usize,
        seller: usize,
        lots: u64,
        tick: u64,
    ) -> Result<(), PerpetualError> {
        self.exchange(buyer, seller, lots, tick, None)
    }

    /// A trade in which `liquidated` may be left with a debt.
    fn exchange(
        &mut self,
        buyer: usize,
        seller: usize,
        lots: u64,
        tick: u64,
        liquidated: Option<usize>,
    ) -> Result<(), PerpetualError> {
        if buyer == seller {
            return Err(PerpetualError::SameAccount);
        }
        if lots == 0 || lots > MOST || tick == 0 || tick > MOST {
            return Err(PerpetualError::OutOfRange);
        }
        let lots = lots as i64;
        let bought = self.after(buyer, lots, tick, liquidated == Some(buyer))?;
        let sold = self.after(seller, -lots, tick, liquidated == Some(seller))?;
        (self.accounts[buyer], self.accounts[seller]) = (bought, sold);
        Ok(())
    }

    /// An account after it bought (or, below zero, sold) lots at a price.
    ///
    /// # Errors
    /// [`PerpetualError::UnknownAccount`]; [`PerpetualError::OutOfRange`]; [`PerpetualError::Margin`], not of
    /// who is `liquidated`.
    fn after(
        &self,
        who: usize,
        lots: i64,
        tick: u64,
        liquidated: bool,
    ) -> Result<PerpetualAccount, PerpetualError> {
        let before = *self.account(who)?;
        let mut account = before;
        account.add(lots, i128::from(lots) * i128::from(tick));
        let size = account.lots.unsigned_abs();
        if size > MOST {
            return Err(PerpetualError::OutOfRange);
        }
        let turned = (account.lots > 0) != (before.lots > 0) && account.lots != 0;
        let larger = size > before.lots.unsigned_abs() || turned;
        if larger || (!liquidated && !self.is_safer(&before, &account)) {
            self.covered(&account)?;
        }
        Ok(account)
    }

    /// Whether an account owes nothing at the mark, and has no less of its position's value than before.
    fn is_safer(&self, before: &PerpetualAccount, after: &PerpetualAccount) -> bool {
        let of = |account: &PerpetualAccount| account.equity(self.mark);
        let product = |equity: i128, notional: i128| {
            U256::from(equity.unsigned_abs()) * U256::from(notional.unsigned_abs())
        };
        of(after) >= 0
            && (of(before) < 0
                || product(of(after), before.notional(self.mark))
                    >= product(of(before), after.notional(self.mark)))
    }
}
