//! The margin-trading desk: lends to a trader who never touches the money, and buys for them through a
//! pool.
//!
//! Source: bZx's Fulcrum as of February 2020, in the notation of Qin, Zhou, Livshits, Gervais, Attacking
//! the DeFi Ecosystem with Flash Loans for Fun and Profit (FC 2021), §5.1: a margin of p2 opens a position
//! of p2·ℓ/ocr, of which the desk's own lending pool pays what exceeds the margin, so that
//! p2·ℓ/ocr ≤ w + p2. The whole position is sold to an AMM. Whether the price it got is compared with an
//! oracle's is [`MarginDesk::price_check`]; in the incident it was not ([`None`]).
//!
//! Opening and closing are *open* (quote, pay in) → *swap* (the pool's affair) → *close on what came out*.
//! A position lives in the desk's own records, one per account; the lending pool's shares are a ledger
//! asset. Interest is linear at a constant rate between touches and raised, in the pool's favour.

use arrayvec::ArrayVec;
use markets::math::{Rounding, mul_div};
use markets::units::{
    AccountId, Amount, AssetId, BPS, Bps, FeedId, Flow, PoolId, Price, RAY, Ray, SECONDS_PER_YEAR,
    U256,
};
use serde::{Deserialize, Serialize};

/// Every property that [`MarginDesk::check`] looks at: id and sentence.
pub const INVARIANTS: [(&str, &str); 4] = [
    ("desk-holds-cash", "a margin desk's account holds at least the cash of its lending pool"),
    ("desk-holds-positions", "a margin desk's account holds at least what its positions hold"),
    ("desk-debts-sum", "the scaled debts of a desk's positions add up to its books'"),
    ("desk-index-at-least-one", "a desk's borrow index is at least one"),
];

/// Why a desk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum DeskError {
    /// Nothing was offered, or it is worth nothing.
    #[error("amount is zero")]
    ZeroAmount,
    /// The desk lends another asset.
    #[error("the desk does not lend this asset")]
    UnknownAsset,
    /// The lending pool has less than would leave it.
    #[error("the desk's lending pool has too little")]
    InsufficientLiquidity,
    /// There are shares of the lending pool, and bad debt has taken all that was behind them.
    #[error("the desk's shares are worth nothing")]
    WorthlessShares,
    /// The account has no position.
    #[error("no position")]
    NoPosition,
    /// The pool gave too little for the oracle's price.
    #[error("the pool's price is too far from the oracle's")]
    SlippageTooHigh,
    /// The amounts exceed 256 bits.
    #[error("arithmetic overflow")]
    Overflow,
}

/// A check of the pool's price against oracles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceCheck {
    /// Prices the lent asset.
    pub loan_feed: FeedId,
    /// Prices the asset bought.
    pub position_feed: FeedId,
    /// Most that the value bought may lie below the value sold, in basis points.
    pub max_slippage: Bps,
}

/// One account's position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskPosition {
    /// What the trader has put in, in the lent asset.
    pub margin: Amount,
    /// Debt to the lending pool, divided by the borrow index.
    pub scaled_debt: Amount,
    /// What the desk holds for it, in the asset bought.
    pub held: Amount,
}

/// The lending pool's books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskBooks {
    /// Lendable cash, in the lent asset. Donations to the account do not count.
    pub cash: Amount,
    /// Sum of the positions' scaled debts.
    pub scaled_debt: Amount,
    /// What one unit of scaled debt owes.
    pub borrow_index: Ray,
    /// When the index was last moved, Unix seconds.
    pub updated_at: u64,
}

/// A margin desk with its lending pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarginDesk {
    /// The ledger account that holds cash and positions.
    pub account: AccountId,
    /// The lending pool's share, a ledger asset.
    pub share: AssetId,
    /// The asset lent, and posted as margin.
    pub loan: AssetId,
    /// The asset bought.
    pub position: AssetId,
    /// The pool that it buys from.
    pub pool: PoolId,
    /// ℓ: leverage, in basis points of one.
    pub leverage: Bps,
    /// ocr: over-collateral ratio, in basis points of one; at most the leverage.
    pub over_collateral_ratio: Bps,
    /// Interest per year.
    pub rate_per_year: Bps,
    /// Whether, and against which prices, a trade is checked. `None` is the incident's desk.
    pub price_check: Option<PriceCheck>,
    /// The lending pool's books.
    pub books: DeskBooks,
    /// Open positions, by account.
    pub positions: Vec<(AccountId, DeskPosition)>,
}

/// What a call on a desk would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskChange {
    /// What moves, in order.
    pub flows: ArrayVec<Flow, 2>,
    /// The books afterwards.
    pub books: DeskBooks,
    /// The position that changes, and what becomes of it.
    pub position: Option<(AccountId, Option<DeskPosition>)>,
    /// In the lent asset: supplied, withdrawn; sold on opening; repaid on closing.
    pub amount: Amount,
    /// Closing: debt that the position could not repay, borne by the suppliers.
    pub bad_debt: Amount,
}

impl MarginDesk {
    /// A desk without money. Two assets, ℓ and ocr as ratios.
    ///
    /// # Panics
    /// Where the leverage is below the over-collateral ratio, or that is zero: nothing would be lent.
    #[must_use]
    pub fn new(
        account: AccountId,
        share: AssetId,
        (loan, position): (AssetId, AssetId),
        pool: PoolId,
        leverage: Bps,
        over_collateral_ratio: Bps,
        now: u64,
    ) -> Self {
        assert!(over_collateral_ratio.0 > 0, "the over-collateral ratio is above zero");
        assert!(leverage >= over_collateral_ratio, "a desk lends");
        Self {
            account,
            share,
            loan,
            position,
            pool,
            leverage,
            over_collateral_ratio,
            rate_per_year: Bps(0),
            price_check: None,
            books: DeskBooks {
                cash: Amount::ZERO,
                scaled_debt: Amount::ZERO,
                borrow_index: Ray::ONE,
                updated_at: now,
            },
            positions: Vec::new(),
        }
    }

    /// An account's position.
    #[must_use]
    pub fn position_of(&self, account: AccountId) -> Option<&DeskPosition> {
        let found = self.positions.binary_search_by_key(&account, |(owner, _)| *owner);
        found.ok().map(|i| &self.positions[i].1)
    }
    /// Writes an account's position, or ends it; returns the old one.
    pub fn set_position(
        &mut self,
        account: AccountId,
        new: Option<DeskPosition>,
    ) -> Option<DeskPosition> {
        let found = self.positions.binary_search_by_key(&account, |(owner, _)| *owner);
        match (found, new) {
            (Ok(i), Some(new)) => Some(std::mem::replace(&mut self.positions[i].1, new)),
            (Ok(i), None) => Some(self.positions.remove(i).1),
            (Err(i), Some(new)) => {
                self.positions.insert(i, (account, new));
                None
            }
            (Err(_), None) => None,
        }
    }

    /// The books with interest up to `now`: the index raised, in the pool's favour.
    ///
    /// # Errors
    /// [`DeskError::Overflow`].
    pub fn accrued(&self, now: u64) -> Result<DeskBooks, DeskError> {
        let elapsed = now.saturating_sub(self.books.updated_at);
        let year = BPS * U256::from(SECONDS_PER_YEAR);
        let grown = year + U256::from(self.rate_per_year.0) * U256::from(elapsed);
        let index = mul_div(self.books.borrow_index.0, grown, year, Rounding::Ceil);
        Ok(DeskBooks {
            borrow_index: index.map(Ray).ok_or(DeskError::Overflow)?,
            updated_at: now,
            ..self.books
        })
    }
    /// What the suppliers own, in the lent asset: cash and debt, floored in the desk's favour.
    ///
    /// # Errors
    /// [`DeskError::Overflow`].
    pub fn assets(books: &DeskBooks) -> Result<Amount, DeskError> {
        let debt = mul_div(books.scaled_debt.0, books.borrow_index.0, RAY, Rounding::Floor);
        let debt = debt.map(Amount).ok_or(DeskError::Overflow)?;
        books.cash.checked_add(debt).ok_or(DeskError::Overflow)
    }
    const fn unchanged(books: DeskBooks) -> DeskChange {
        DeskChange {
            flows: ArrayVec::new_const(),
            books,
            position: None,
            amount: Amount::ZERO,
            bad_debt: Amount::ZERO,
        }
    }

    /// What supplying `amount` to the lending pool would do. Shares are floored, in the favour of those
    /// who hold some; the first are one to one.
    ///
    /// # Errors
    /// [`DeskError::ZeroAmount`] where it buys no share; [`DeskError::WorthlessShares`];
    /// [`DeskError::Overflow`].
    pub fn quote_supply(
        &self,
        by: AccountId,
        amount: Amount,
        supply: Amount,
        now: u64,
    ) -> Result<DeskChange, DeskError> {
        let mut books = self.accrued(now)?;
        let assets = Self::assets(&books)?;
        let shares = if supply.is_zero() {
            amount
        } else if assets.is_zero() {
            return Err(DeskError::WorthlessShares);
        } else {
            let shares = mul_div(amount.0, supply.0, assets.0, Rounding::Floor);
            shares.map(Amount).ok_or(DeskError::Overflow)?
        };
        if shares.is_zero() {
            return Err(DeskError::ZeroAmount);
        }
        books.cash = books.cash.checked_add(amount).ok_or(DeskError::Overflow)?;
        let mut change = Self::unchanged(books);
        change.amount = amount;
        change.flows.push(Flow::Move { from: by, to: self.account, asset: self.loan, amount });
        change.flows.push(Flow::Mint { to: by, asset: self.share, amount: shares });
        Ok(change)
    }

    /// What withdrawing `amount` from the lending pool would do; [`Amount::MAX`] is all that `held` shares
    /// are worth. Shares burned are raised, a whole withdrawal floored, in the favour of those who stay.
    ///
    /// # Errors
    /// [`DeskError::ZeroAmount`]; [`DeskError::InsufficientLiquidity`] where the cash is lent out;
    /// [`DeskError::Overflow`].
    pub fn quote_withdraw(
        &self,
        by: AccountId,
        amount: Amount,
        held: Amount,
        supply: Amount,
        now: u64,
    ) -> Result<DeskChange, DeskError> {
        let mut books = self.accrued(now)?;
        let assets = Self::assets(&books)?;
        let (shares, amount) = if amount == Amount::MAX {
            let worth = mul_div(held.0, assets.0, supply.0, Rounding::Floor);
            (held, worth.map(Amount).ok_or(DeskError::ZeroAmount)?)
        } else {
            let shares = mul_div(amount.0, supply.0, assets.0, Rounding::Ceil);
            (shares.map(Amount).ok_or(DeskError::InsufficientLiquidity)?, amount)
        };
        if amount.is_zero() {
            return Err(DeskError::ZeroAmount);
        }
        books.cash = books.cash.checked_sub(amount).ok_or(DeskError::InsufficientLiquidity)?;
        let mut change = Self::unchanged(books);
        change.amount = amount;
        change.flows.push(Flow::Burn { from: by, asset: self.share, amount: shares });
        change.flows.push(Flow::Move { from: self.account, to: by, asset: self.loan, amount });
        Ok(change)
    }

    /// The first half of opening: the trader pays the margin, the lending pool the rest of
    /// ⌊margin · ℓ / ocr⌋, which is `amount`, to be sold to the pool.
    ///
    /// # Errors
    /// [`DeskError::ZeroAmount`]; [`DeskError::InsufficientLiquidity`] where the lending pool has too
    /// little; [`DeskError::Overflow`].
    pub fn quote_open(
        &self,
        by: AccountId,
        margin: Amount,
        now: u64,
    ) -> Result<DeskChange, DeskError> {
        if margin.is_zero() {
            return Err(DeskError::ZeroAmount);
        }
        let overflow = DeskError::Overflow;
        let (leverage, ratio) = (self.leverage.0, self.over_collateral_ratio.0);
        let sold = mul_div(margin.0, U256::from(leverage), U256::from(ratio), Rounding::Floor);
        let sold = Amount(sold.ok_or(overflow)?);
        let borrowed = sold.saturating_sub(margin);
        let mut books = self.accrued(now)?;
        books.cash = books.cash.checked_sub(borrowed).ok_or(DeskError::InsufficientLiquidity)?;
        // Raised, in the lending pool's favour.
        let scaled = mul_div(borrowed.0, RAY, books.borrow_index.0, Rounding::Ceil);
        let scaled = Amount(scaled.ok_or(overflow)?);
        books.scaled_debt = books.scaled_debt.checked_add(scaled).ok_or(overflow)?;
        let old = self.position_of(by).copied().unwrap_or_default();
        let position = DeskPosition {
            margin: old.margin.checked_add(margin).ok_or(overflow)?,
            scaled_debt: old.scaled_debt.checked_add(scaled).ok_or(overflow)?,
            held: old.held,
        };
        let mut change = Self::unchanged(books);
        change.position = Some((by, Some(position)));
        change.amount = sold;
        let (to, asset) = (self.account, self.loan);
        change.flows.push(Flow::Move { from: by, to, asset, amount: margin });
        Ok(change)
    }

    /// The second half of opening: what the pool gave is held for the trader.
    ///
    /// # Errors
    /// [`DeskError::NoPosition`]; [`DeskError::Overflow`].
    pub fn quote_bought(&self, by: AccountId, bought: Amount) -> Result<DeskChange, DeskError> {
        let mut position = *self.position_of(by).ok_or(DeskError::NoPosition)?;
        position.held = position.held.checked_add(bought).ok_or(DeskError::Overflow)?;
        let mut change = Self::unchanged(self.books);
        change.position = Some((by, Some(position)));
        Ok(change)
    }

    /// Whether `bought` is worth `sold` at the oracles' prices, less the slippage allowed. Decimals and
    /// prices as (of the lent asset, of the asset bought).
    ///
    /// # Errors
    /// [`DeskError::SlippageTooHigh`]; [`DeskError::Overflow`].
    pub fn check_price(
        check: &PriceCheck,
        sold: Amount,
        bought: Amount,
        decimals: (u8, u8),
        prices: (Price, Price),
    ) -> Result<(), DeskError> {
        // bought · p / 10^d ≥ sold · q / 10^e · (1 − slippage), in the desk's favour where it rounds.
        let value = |amount: Amount, price: Price, decimals: u8, rounding| {
            let unit = U256::from(10).checked_pow(U256::from(decimals))?;
            mul_div(amount.0, U256::from(price.0), unit, rounding)
        };
        let paid = value(sold, prices.0, decimals.0, Rounding::Ceil).ok_or(DeskError::Overflow)?;
        let got =
            value(bought, prices.1, decimals.1, Rounding::Floor).ok_or(DeskError::Overflow)?;
        let keep = BPS.saturating_sub(U256::from(check.max_slippage.0));
        let least = mul_div(paid, keep, BPS, Rounding::Ceil).ok_or(DeskError::Overflow)?;
        if got < least { Err(DeskError::SlippageTooHigh) } else { Ok(()) }
    }

    /// What an account owes at these books, raised in the lending pool's favour.
    ///
    /// # Errors
    /// [`DeskError::NoPosition`]; [`DeskError::Overflow`].
    pub fn debt_of(&self, account: AccountId, books: &DeskBooks) -> Result<Amount, DeskError> {
        let position = self.position_of(account).ok_or(DeskError::NoPosition)?;
        let debt = mul_div(position.scaled_debt.0, books.borrow_index.0, RAY, Rounding::Ceil);
        debt.map(Amount).ok_or(DeskError::Overflow)
    }

    /// Closing, once the pool has given `proceeds` for all that the position held: the debt is repaid as
    /// far as they go, the rest is the trader's, and a shortfall is the suppliers' loss.
    ///
    /// # Errors
    /// [`DeskError::NoPosition`]; [`DeskError::Overflow`].
    pub fn quote_close(
        &self,
        by: AccountId,
        proceeds: Amount,
        now: u64,
    ) -> Result<DeskChange, DeskError> {
        let mut books = self.accrued(now)?;
        let position = self.position_of(by).ok_or(DeskError::NoPosition)?;
        let debt = self.debt_of(by, &books)?;
        let repaid = debt.min(proceeds);
        books.cash = books.cash.checked_add(repaid).ok_or(DeskError::Overflow)?;
        books.scaled_debt = books.scaled_debt.saturating_sub(position.scaled_debt);
        let mut change = Self::unchanged(books);
        change.position = Some((by, None));
        change.amount = repaid;
        change.bad_debt = debt.saturating_sub(repaid);
        let amount = proceeds.saturating_sub(repaid);
        change.flows.push(Flow::Move { from: self.account, to: by, asset: self.loan, amount });
        Ok(change)
    }

    /// Checks every property in [`INVARIANTS`]: what the desk's account has of the lent asset and of the
    /// asset bought.
    ///
    /// # Errors
    /// The index of the first that is broken, and the figures.
    pub fn check(&self, loan_held: Amount, position_held: Amount) -> Result<(), (usize, String)> {
        let books = &self.books;
        if loan_held < books.cash {
            return Err((0, format!("holds {loan_held}, cash {}", books.cash)));
        }
        let (mut held, mut scaled) = (U256::ZERO, U256::ZERO);
        for (_, position) in &self.positions {
            held = held.saturating_add(position.held.0);
            scaled = scaled.saturating_add(position.scaled_debt.0);
        }
        if position_held.0 < held {
            return Err((1, format!("holds {position_held}, positions {held}")));
        }
        if scaled != books.scaled_debt.0 {
            return Err((2, format!("positions owe {scaled}, books {}", books.scaled_debt)));
        }
        if books.borrow_index < Ray::ONE {
            return Err((3, format!("index {}", books.borrow_index)));
        }
        Ok(())
    }
}
