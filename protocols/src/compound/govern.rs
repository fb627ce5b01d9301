//! What admin and guardians may do, and reserves.

use super::{
    Change, Compound, CompoundError, CompoundView, ComptrollerCode, MAX_COLLATERAL_FACTOR, Policy,
    Stop, TokenCode, TokenConfig,
};
use markets::units::{AccountId, Amount, Flow, Wad};
use serde::{Deserialize, Serialize};

/// A change that governance makes; `token` is a market's index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a change's sentence names its fields")]
pub enum Governance {
    /// Sets the part of a debt that one liquidation may repay (`_setCloseFactor`).
    CloseFactor(Wad),
    /// Sets what a repayment is worth in collateral (`_setLiquidationIncentive`).
    LiquidationIncentive(Wad),
    /// Sets a market's collateral factor (`_setCollateralFactor`).
    CollateralFactor { token: u16, factor: Wad },
    /// Sets the reserves' share of the interest, from now on (`_setReserveFactor`).
    ReserveFactor { token: u16, factor: Wad },
    /// Sets a market's borrow cap, zero for none (`_setMarketBorrowCaps`).
    BorrowCap { token: u16, cap: Amount },
    /// Stops or resumes minting (`_setMintPaused`).
    PauseMint { token: u16, paused: bool },
    /// Stops or resumes borrowing (`_setBorrowPaused`).
    PauseBorrow { token: u16, paused: bool },
    /// Stops or resumes transfers (`_setTransferPaused`).
    PauseTransfer(bool),
    /// Stops or resumes seizing (`_setSeizePaused`).
    PauseSeize(bool),
}

impl Compound {
    /// Makes a change (the comptroller's and the cTokens' setters).
    ///
    /// # Errors
    /// The caller may not, or the value is out of range: a code or a revert, as the contract has it.
    pub fn govern(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        governance: Governance,
        change: &mut Change,
    ) -> Result<(), Stop> {
        let config = |token: u16| self.token(token).map(|listed| listed.config);
        let policy = self.policy;
        match governance {
            Governance::CloseFactor(close_factor) => {
                if by != self.admin {
                    return Err(CompoundError::OnlyAdminSetsCloseFactor.into());
                }
                change.policy = Some(Policy { close_factor, ..policy });
            }
            Governance::LiquidationIncentive(liquidation_incentive) => {
                if by != self.admin {
                    return Err(ComptrollerCode::Unauthorized.into());
                }
                change.policy = Some(Policy { liquidation_incentive, ..policy });
            }
            Governance::CollateralFactor { token, factor } => {
                if by != self.admin {
                    return Err(ComptrollerCode::Unauthorized.into());
                }
                let listed = self.token(token)?;
                if factor > MAX_COLLATERAL_FACTOR {
                    return Err(ComptrollerCode::InvalidCollateralFactor.into());
                }
                let price = view.price_mantissa(listed.feed, listed.decimals);
                if !factor.is_zero() && price.is_zero() {
                    return Err(ComptrollerCode::PriceError.into());
                }
                let config = TokenConfig { collateral_factor: factor, ..listed.config };
                change.config = Some((token, config));
            }
            Governance::ReserveFactor { token, factor } => {
                self.touch(view, token, change)?;
                if by != self.admin {
                    return Err(TokenCode::Unauthorized.into());
                }
                if factor > Wad::ONE {
                    return Err(TokenCode::BadInput.into());
                }
                let config = TokenConfig { reserve_factor: factor, ..config(token)? };
                change.config = Some((token, config));
            }
            Governance::BorrowCap { token, cap } => {
                if by != self.admin && by != self.borrow_cap_guardian {
                    return Err(CompoundError::OnlyAdminOrGuardianSetsBorrowCaps.into());
                }
                change.config = Some((token, TokenConfig { borrow_cap: cap, ..config(token)? }));
            }
            Governance::PauseMint { token, paused } => {
                let config = config(token)?;
                self.may_pause(by, paused)?;
                change.config = Some((token, TokenConfig { mint_paused: paused, ..config }));
            }
            Governance::PauseBorrow { token, paused } => {
                let config = config(token)?;
                self.may_pause(by, paused)?;
                change.config = Some((token, TokenConfig { borrow_paused: paused, ..config }));
            }
            Governance::PauseTransfer(transfer_paused) => {
                self.may_pause(by, transfer_paused)?;
                change.policy = Some(Policy { transfer_paused, ..policy });
            }
            Governance::PauseSeize(seize_paused) => {
                self.may_pause(by, seize_paused)?;
                change.policy = Some(Policy { seize_paused, ..policy });
            }
        }
        Ok(())
    }

    /// The guardian pauses; only the admin unpauses.
    fn may_pause(&self, by: AccountId, paused: bool) -> Result<(), CompoundError> {
        if by == self.admin {
            return Ok(());
        }
        if by != self.pause_guardian {
            return Err(CompoundError::OnlyGuardianAndAdminPause);
        }
        if paused { Ok(()) } else { Err(CompoundError::OnlyAdminUnpauses) }
    }

    /// Gives to a market's reserves (`_addReserves`).
    ///
    /// # Errors
    /// Reverts where the payer has too little.
    pub fn add_reserves(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        let listed = self.token(token)?;
        if view.balance(by, listed.underlying) < amount {
            return Err(CompoundError::TransferExceedsBalance.into());
        }
        let reserves = self.book(change, token).total_reserves.checked_add(amount);
        let reserves = reserves.ok_or(CompoundError::AddReservesOverflow)?;
        change.book_mut(self, token).total_reserves = reserves;
        let (to, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from: by, to, asset, amount });
        change.amount = amount;
        Ok(())
    }

    /// Pays reserves out to the admin (`_reduceReserves`).
    ///
    /// # Errors
    /// Codes: the caller is not the admin, the market has too little cash, or too small reserves.
    pub fn reduce_reserves(
        &self,
        view: &impl CompoundView,
        by: AccountId,
        token: u16,
        amount: Amount,
        change: &mut Change,
    ) -> Result<(), Stop> {
        self.touch(view, token, change)?;
        let listed = self.token(token)?;
        if by != self.admin {
            return Err(TokenCode::Unauthorized.into());
        }
        if listed.cash(view) < amount {
            return Err(TokenCode::InsufficientCash.into());
        }
        let reserves = self.book(change, token).total_reserves.checked_sub(amount);
        let reserves = reserves.ok_or(TokenCode::BadInput)?;
        change.book_mut(self, token).total_reserves = reserves;
        let (from, asset) = (listed.account, listed.underlying);
        change.flows.push(Flow::Move { from, to: self.admin, asset, amount });
        change.amount = amount;
        Ok(())
    }
}
