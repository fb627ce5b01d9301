//! The comptroller's view of an account: what it has entered, and whether it is covered.

use super::exponential::checked;
use super::{Change, Compound, CompoundError, CompoundView, ComptrollerCode, Stop};
use markets::units::{AccountId, Amount, U256, Wad};

/// By how much an account is covered or not, in USD · 10¹⁸; at most one of the two is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liquidity {
    /// Borrowing power left.
    pub liquidity: U256,
    /// What is missing: above zero the account may be liquidated.
    pub shortfall: U256,
}

/// What an account would do in a market, to be judged beforehand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hypothesis {
    pub(crate) token: u16,
    pub(crate) redeem_tokens: Amount,
    pub(crate) borrow_amount: Amount,
}

impl Compound {
    /// The markets that an account has entered, with what a change has made of them.
    pub(crate) fn membership_in(&self, change: &Change, account: AccountId) -> u32 {
        match change.membership {
            Some((changed, bits)) if changed == account => bits,
            _ => self.membership(account),
        }
    }
    /// An account's liquidity after a hypothesis (`getHypotheticalAccountLiquidityInternal`): stored
    /// balances and indices, but for the books that the change has touched. Every product truncates,
    /// the collateral's (against the account) and the debt's (in its favour).
    ///
    /// Markets are visited in the order of their indices, not of entering: the order decides only
    /// which of two failures is reported.
    pub(crate) fn liquidity_in(
        &self,
        view: &impl CompoundView,
        change: &Change,
        account: AccountId,
        hypothesis: Option<Hypothesis>,
    ) -> Result<Liquidity, Stop> {
        let (mut collateral, mut debt) = (U256::ZERO, U256::ZERO);
        let mut left = self.membership_in(change, account);
        while left != 0 {
            let token = left.trailing_zeros() as u16;
            left &= left - 1;
            let listed = self.token(token)?;
            let index = self.book(change, token).borrow_index;
            let (owed, rate) = self
                .loan(account, token)
                .balance(index)
                .zip(self.exchange_rate_in(view, change, token))
                .ok_or(ComptrollerCode::SnapshotError)?;
            let price = Wad(view.price_mantissa(listed.feed, listed.decimals).0);
            if price.is_zero() {
                return Err(ComptrollerCode::PriceError.into());
            }
            let per_share = checked::mul(listed.config.collateral_factor, rate)?;
            let per_share = checked::mul(per_share, price)?;
            let shares = view.balance(account, listed.c_token);
            collateral = checked::mul_scalar_truncate_add(per_share, shares.0, collateral)?;
            debt = checked::mul_scalar_truncate_add(price, owed.0, debt)?;
            if let Some(then) = hypothesis.filter(|h| h.token == token) {
                let redeemed = then.redeem_tokens.0;
                debt = checked::mul_scalar_truncate_add(per_share, redeemed, debt)?;
                debt = checked::mul_scalar_truncate_add(price, then.borrow_amount.0, debt)?;
            }
        }
        Ok(Liquidity {
            liquidity: collateral.saturating_sub(debt),
            shortfall: debt.saturating_sub(collateral),
        })
    }
    /// An account's liquidity from stored balances (`getAccountLiquidity`).
    ///
    /// # Errors
    /// A code where a price is missing or a balance cannot be computed; a revert where a product
    /// overflows.
    pub fn account_liquidity(
        &self,
        view: &impl CompoundView,
        account: AccountId,
    ) -> Result<Liquidity, Stop> {
        self.liquidity_in(view, &Change::default(), account, None)
    }
    /// Whether an account may give up cTokens (`redeemAllowedInternal`): always where they are not
    /// its collateral.
    pub(crate) fn redeem_allowed(
        &self,
        view: &impl CompoundView,
        change: &Change,
        account: AccountId,
        token: u16,
        tokens: Amount,
    ) -> Result<(), Stop> {
        if self.membership_in(change, account) >> token & 1 == 0 {
            return Ok(());
        }
        let hypothesis = Hypothesis { token, redeem_tokens: tokens, borrow_amount: Amount::ZERO };
        let after = self.liquidity_in(view, change, account, Some(hypothesis))?;
        if after.shortfall.is_zero() {
            Ok(())
        } else {
            Err(ComptrollerCode::InsufficientLiquidity.into())
        }
    }
    /// Makes a market's cTokens collateral, and its debt count (`enterMarkets`).
    ///
    /// # Errors
    /// No such market.
    pub fn enter_market(&self, by: AccountId, token: u16, change: &mut Change) -> Result<(), Stop> {
        self.token(token)?;
        let bits = self.membership_in(change, by);
        if bits >> token & 1 == 0 {
            change.membership = Some((by, bits | 1 << token));
        }
        Ok(())
    }
    /// Takes a market's cTokens out of the collateral (`exitMarket`), by stored balances.
    ///
    /// # Errors
    /// A code where the account owes in the market, or would be under water without it.
    pub fn exit_market(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let listed = self.token(token)?;
        let owed = self
            .borrow_balance_stored(by, token)
            .filter(|_| self.exchange_rate_in(view, change, token).is_some())
            .ok_or(CompoundError::ExitMarketSnapshotFailed)?;
        if !owed.is_zero() {
            return Err(ComptrollerCode::NonzeroBorrowBalance.into());
        }
        let shares = view.balance(by, listed.c_token);
        match self.redeem_allowed(view, change, by, token, shares) {
            Err(Stop::Refused(_)) => return Err(ComptrollerCode::Rejection.into()),
            other => other?,
        }
        let bits = self.membership_in(change, by);
        if bits >> token & 1 == 1 {
            change.membership = Some((by, bits & !(1 << token)));
        }
        Ok(())
    }
}
