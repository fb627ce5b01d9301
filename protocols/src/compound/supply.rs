//! Minting, redeeming and transferring cTokens.

use super::exponential::{div_scalar_by_exp_truncate, mul_scalar_truncate};
use super::{Change, Compound, CompoundError, CompoundView, Stop, TokenCode};
use markets::units::{AccountId, Amount, Flow};

/// What a redemption is asked for in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Redemption {
    /// So many cTokens.
    Tokens(Amount),
    /// So much of the underlying.
    Underlying(Amount),
}

impl Compound {
    /// Supplies `amount` of the underlying for cTokens, truncated in the market's favour (`mint`).
    ///
    /// # Errors
    /// Reverts where minting is paused, the payer has too little, or arithmetic fails; a code where
    /// the exchange rate cannot be computed.
    pub fn mint(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        let listed = self.token(token)?;
        if listed.config.mint_paused {
            return Err(CompoundError::MintPaused.into());
        }
        let rate = self.exchange_rate_in(view, change, token).ok_or(TokenCode::MathError)?;
        if view.balance(by, listed.underlying) < amount {
            return Err(CompoundError::TransferExceedsBalance.into());
        }
        let tokens = div_scalar_by_exp_truncate(amount.0, rate)
            .map(Amount)
            .ok_or(CompoundError::MintExchangeCalculationFailed)?;
        view.total_supply(listed.c_token)
            .checked_add(tokens)
            .ok_or(CompoundError::MintNewTotalSupplyCalculationFailed)?;
        let (to, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from: by, to, asset, amount });
        change.flows.push(Flow::Mint { to: by, asset: listed.c_token, amount: tokens });
        (change.amount, change.tokens) = (amount, tokens);
        Ok(())
    }

    /// Burns cTokens for the underlying, truncated in the market's favour (`redeem`).
    ///
    /// # Errors
    /// Codes: the comptroller refuses, the account has too few, the market has too little cash. A
    /// revert where accrual fails.
    pub fn redeem(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        tokens: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        // The contract reads zero cTokens as "by underlying": none for none.
        let redemption = if tokens.is_zero() {
            Redemption::Underlying(Amount::ZERO)
        } else {
            Redemption::Tokens(tokens)
        };
        self.redeem_as(view, by, token, redemption, change)
    }

    /// Takes `amount` of the underlying out for cTokens, these truncated in the *redeemer's* favour
    /// (`redeemUnderlying`).
    ///
    /// # Errors
    /// As [`Self::redeem`], and a revert where it would cost no cToken.
    pub fn redeem_underlying(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.redeem_as(view, by, token, Redemption::Underlying(amount), change)
    }

    fn redeem_as(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        redemption: Redemption,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        let listed = self.token(token)?;
        let rate = self.exchange_rate_in(view, change, token).ok_or(TokenCode::MathError)?;
        let (tokens, amount) = match redemption {
            Redemption::Tokens(tokens) => {
                let amount = mul_scalar_truncate(rate, tokens.0).map(Amount);
                (tokens, amount.ok_or(TokenCode::MathError)?)
            }
            Redemption::Underlying(amount) => {
                let tokens = div_scalar_by_exp_truncate(amount.0, rate).map(Amount);
                (tokens.ok_or(TokenCode::MathError)?, amount)
            }
        };
        self.redeem_allowed(view, change, by, token, tokens).map_err(Stop::through_token)?;
        let supply = view.total_supply(listed.c_token);
        if supply < tokens || view.balance(by, listed.c_token) < tokens {
            return Err(TokenCode::MathError.into());
        }
        if listed.cash(view) < amount {
            return Err(TokenCode::InsufficientCash.into());
        }
        if tokens.is_zero() && !amount.is_zero() {
            return Err(CompoundError::RedeemTokensZero.into());
        }
        let (from, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from, to: by, asset, amount });
        change.flows.push(Flow::Burn { from: by, asset: listed.c_token, amount: tokens });
        (change.amount, change.tokens) = (amount, tokens);
        Ok(())
    }

    /// Moves cTokens to another account, unless that leaves the sender under water (`transfer`).
    /// Nothing accrues.
    ///
    /// # Errors
    /// A revert where transfers are paused; codes where the comptroller refuses, the sender has too
    /// few, or sends to itself (the contract answers `false` to all three).
    pub fn transfer(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        to: AccountId,
        token: u16,
        tokens: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let listed = self.token(token)?;
        if self.policy.transfer_paused {
            return Err(CompoundError::TransferPaused.into());
        }
        self.redeem_allowed(view, change, by, token, tokens).map_err(Stop::through_token)?;
        if by == to {
            return Err(TokenCode::BadInput.into());
        }
        if view.balance(by, listed.c_token) < tokens {
            return Err(TokenCode::MathError.into());
        }
        change.flows.push(Flow::Move { from: by, to, asset: listed.c_token, amount: tokens });
        change.tokens = tokens;
        Ok(())
    }
}
