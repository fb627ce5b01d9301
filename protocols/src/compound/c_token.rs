//! One market: its cash, its book, its shares' price.

use super::exponential::{get_exp, mul_scalar_truncate, mul_scalar_truncate_add};
use super::rate_model::{RateError, RateModel};
use super::{Change, Compound, CompoundError, CompoundView, MAX_BORROW_RATE, Stop, TokenCode};
use markets::units::{AccountId, Amount, AssetId, FeedId, U256, Wad};
use serde::{Deserialize, Serialize};

/// What governance sets for a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The rate curve.
    pub rate_model: RateModel,
    /// The reserves' share of the interest.
    pub reserve_factor: Wad,
    /// Most that can be owed against the collateral, as a share of its value: the line for borrowing
    /// and for liquidation alike.
    pub collateral_factor: Wad,
    /// Borrows stay below this, in the underlying. Zero: no cap.
    pub borrow_cap: Amount,
    /// Nothing is minted.
    pub mint_paused: bool,
    /// Nothing is borrowed.
    pub borrow_paused: bool,
}

/// What moves with every touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Block of the last accrual.
    pub accrual_block: u64,
    /// What a unit owed since the start has become.
    pub borrow_index: Wad,
    /// Owed by all, as of the last accrual, in the underlying.
    pub total_borrows: Amount,
    /// The protocol's part of what suppliers would otherwise own, in the underlying.
    pub total_reserves: Amount,
}

/// A debt as it was last written (`BorrowSnapshot`). The default is no debt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    /// Owed when it was written, in the underlying.
    pub principal: Amount,
    /// The market's borrow index then.
    pub interest_index: Wad,
}

/// A listed market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CToken {
    /// The token that is lent.
    pub underlying: AssetId,
    /// The supply share.
    pub c_token: AssetId,
    /// The contract's own account: what it holds of the underlying is the market's cash, donations
    /// included.
    pub account: AccountId,
    /// Where the underlying's price comes from.
    pub feed: FeedId,
    /// The underlying's decimals.
    pub decimals: u8,
    /// Underlying per cToken while there is none.
    pub initial_exchange_rate: Wad,
    /// What governance set.
    pub config: TokenConfig,
    /// What moves with every touch.
    pub book: Book,
}

impl Book {
    /// An empty book at a block.
    #[must_use]
    pub const fn new(block: u64) -> Self {
        Self {
            accrual_block: block,
            borrow_index: Wad::ONE,
            total_borrows: Amount::ZERO,
            total_reserves: Amount::ZERO,
        }
    }
}

impl CToken {
    /// The market's underlying at hand (`getCash`).
    #[inline]
    #[must_use]
    pub fn cash(&self, view: &impl CompoundView) -> Amount {
        view.balance(self.account, self.underlying)
    }
    /// What a block costs a borrower now, per unit owed (`borrowRatePerBlock`).
    ///
    /// # Errors
    /// The model's arithmetic fails.
    pub fn borrow_rate(&self, view: &impl CompoundView) -> Result<Wad, RateError> {
        let Book { total_borrows, total_reserves, .. } = self.book;
        self.config.rate_model.borrow_rate(self.cash(view), total_borrows, total_reserves)
    }
    /// What a block earns a supplier now, per unit supplied (`supplyRatePerBlock`).
    ///
    /// # Errors
    /// The model's arithmetic fails.
    pub fn supply_rate(&self, view: &impl CompoundView) -> Result<Wad, RateError> {
        let Book { total_borrows, total_reserves, .. } = self.book;
        let TokenConfig { rate_model, reserve_factor, .. } = self.config;
        rate_model.supply_rate(self.cash(view), total_borrows, total_reserves, reserve_factor)
    }
    /// A book with simple interest booked for the blocks since its last accrual (`accrueInterest`).
    /// Interest truncates, in the borrowers' favour, and so does the reserves' share of it; the index
    /// truncates apart from the sum of borrows, so that debts need not add up to it.
    ///
    /// # Errors
    /// The rate is absurd or its model fails (reverts); a sum overflows (a code).
    pub fn accrued(&self, book: &Book, cash: Amount, block: u64) -> Result<Book, Stop> {
        let Book { accrual_block, borrow_index, total_borrows, total_reserves } = *book;
        if block == accrual_block {
            return Ok(*book);
        }
        let rate = self
            .config
            .rate_model
            .borrow_rate(cash, total_borrows, total_reserves)
            .map_err(CompoundError::from)?;
        if rate > MAX_BORROW_RATE {
            return Err(CompoundError::BorrowRateAbsurdlyHigh.into());
        }
        let blocks = block.checked_sub(accrual_block).ok_or(CompoundError::BlockDelta)?;
        let grown = || {
            let factor = rate.0.checked_mul(U256::from(blocks)).map(Wad)?;
            let interest = mul_scalar_truncate(factor, total_borrows.0)?;
            let to_reserves = self.config.reserve_factor;
            Some(Book {
                accrual_block: block,
                total_borrows: Amount(interest.checked_add(total_borrows.0)?),
                total_reserves: mul_scalar_truncate_add(to_reserves, interest, total_reserves.0)
                    .map(Amount)?,
                borrow_index: mul_scalar_truncate_add(factor, borrow_index.0, borrow_index.0)
                    .map(Wad)?,
            })
        };
        grown().ok_or(TokenCode::MathError.into())
    }
    /// Underlying per cToken, truncated: `(cash + borrows − reserves) / supply`
    /// (`exchangeRateStoredInternal`).
    #[must_use]
    pub fn exchange_rate(&self, book: &Book, cash: Amount, supply: Amount) -> Option<Wad> {
        if supply.is_zero() {
            return Some(self.initial_exchange_rate);
        }
        let owned = cash.checked_add(book.total_borrows)?.checked_sub(book.total_reserves)?;
        get_exp(owned.0, supply.0)
    }
}

impl Loan {
    /// What the debt has become at a borrow index, truncated (`borrowBalanceStoredInternal`).
    #[inline]
    #[must_use]
    pub fn balance(&self, borrow_index: Wad) -> Option<Amount> {
        if self.principal.is_zero() {
            return Some(Amount::ZERO);
        }
        let scaled = self.principal.0.checked_mul(borrow_index.0)?;
        if self.interest_index == Wad::ONE && borrow_index == Wad::ONE {
            return Some(self.principal);
        }
        scaled.checked_div(self.interest_index.0).map(Amount)
    }
}

impl Compound {
    /// Underlying per cToken with the book as a change has it; the cash is the ledger's.
    pub(crate) fn exchange_rate_in(
        &self,
        view: &impl CompoundView,
        change: &Change,
        token: u16,
    ) -> Option<Wad> {
        let listed = self.tokens.get(usize::from(token))?;
        let supply = view.total_supply(listed.c_token);
        listed.exchange_rate(self.book(change, token), listed.cash(view), supply)
    }
    /// Underlying per cToken, unaccrued (`exchangeRateStored`).
    #[must_use]
    pub fn exchange_rate_stored(&self, view: &impl CompoundView, token: u16) -> Option<Wad> {
        self.exchange_rate_in(view, &Change::default(), token)
    }
    /// An account's debt, unaccrued (`borrowBalanceStored`).
    #[must_use]
    pub fn borrow_balance_stored(&self, account: AccountId, token: u16) -> Option<Amount> {
        let listed = self.tokens.get(usize::from(token))?;
        self.loan(account, token).balance(listed.book.borrow_index)
    }
    /// An account's debt as it would be if the market accrued now (`borrowBalanceCurrent`).
    ///
    /// # Errors
    /// Accrual or arithmetic fails.
    pub fn borrow_balance_current(
        &self,
        view: &impl CompoundView,
        account: AccountId,
        token: u16,
    ) -> Result<Amount, Stop> {
        let mut change = Change::default();
        self.touch(view, token, &mut change)?;
        let index = self.book(&change, token).borrow_index;
        self.loan(account, token).balance(index).ok_or(TokenCode::MathError.into())
    }
    /// Underlying per cToken as it would be if the market accrued now (`exchangeRateCurrent`).
    ///
    /// # Errors
    /// Accrual or arithmetic fails.
    pub fn exchange_rate_current(&self, view: &impl CompoundView, token: u16) -> Result<Wad, Stop> {
        let mut change = Change::default();
        self.touch(view, token, &mut change)?;
        self.exchange_rate_in(view, &change, token)
            .ok_or(CompoundError::ExchangeRateStoredFailed.into())
    }
}
