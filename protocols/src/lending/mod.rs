//! A pooled lending market in Aave v3's shape, with the rules of v3.6.

use crate::LendingView;
use crate::health::Health;
use crate::position::Position;
use crate::reserve::Reserve;
use crate::risk_params::{PendingChange, RiskChange, RiskError, RiskRegime};
use arrayvec::ArrayVec;
use markets::oracle::OracleError;
use markets::units::{AccountId, Amount, AssetId, Bps, Flow};
use serde::{Deserialize, Serialize};

/// Most risk changes that can wait at once.
pub const MAX_PENDING: usize = 16;

/// What changes in a market besides its reserves and positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketState {
    /// Share of a debt that one liquidation may repay while the position is neither small nor far
    /// below the line.
    pub close_factor: Bps,
    /// Unix time at which a risk change last moved the close factor; zero: never.
    pub close_factor_changed_at: u64,
    /// Risk changes that wait for their delay to pass, oldest first.
    pub pending: ArrayVec<PendingChange, MAX_PENDING>,
}

/// A lending market: its reserves, everybody's flags, and its own state.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooled {
    /// The books, by reserve index.
    pub reserves: Vec<Reserve>,
    /// Flags by account id; an account beyond the end has none.
    pub positions: Vec<Position>,
    /// Close factor and queued risk changes.
    pub state: MarketState,
    /// Holds the underlying.
    pub account: AccountId,
    /// Receives the protocol's share.
    pub treasury: AccountId,
    /// The only account that may propose risk changes.
    pub risk_manager: AccountId,
    /// Charged on flash loans, all of it for the treasury.
    pub flash_premium: Bps,
    /// What the risk manager may do.
    pub regime: RiskRegime,
}

/// What an operation wants done: state to store and money to move. Reused: `clear` keeps its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Reserves after, by index.
    pub reserves: Vec<(u16, Reserve)>,
    /// Positions after.
    pub positions: Vec<(AccountId, Position)>,
    /// The market's own state after, where it changed.
    pub state: Option<MarketState>,
    /// Money to move, in order.
    pub flows: Vec<Flow>,
    /// What really moved, in the underlying of the operation's (debt) reserve.
    pub amount: Amount,
    /// Collateral seized by a liquidation, the protocol's fee included, in its underlying.
    pub seized: Amount,
    /// The part of `seized` that the treasury took, in the collateral's underlying.
    pub protocol_fee: Amount,
    /// Written off, by reserve, in its underlying.
    pub bad_debt: Vec<(u16, Amount)>,
    /// Risk changes that took effect.
    pub risk: Vec<RiskChange>,
}

impl Change {
    /// Forgets all, keeps the memory.
    pub fn clear(&mut self) {
        let Self { reserves, positions, state, flows, amount, seized, protocol_fee, bad_debt, risk } =
            self;
        reserves.clear();
        positions.clear();
        *state = None;
        flows.clear();
        *amount = Amount::ZERO;
        *seized = Amount::ZERO;
        *protocol_fee = Amount::ZERO;
        bad_debt.clear();
        risk.clear();
    }
}

/// Why a market refuses, one variant per rule; names after Aave's `Errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LendingError {
    /// No such reserve.
    #[error("no such reserve")]
    AssetNotListed,
    /// The amount is zero.
    #[error("amount is zero")]
    InvalidAmount,
    /// The amount is so small that it is worth no share.
    #[error("amount is worth no share")]
    InvalidMintAmount,
    /// The reserve is not active.
    #[error("reserve is not active")]
    ReserveInactive,
    /// The reserve is frozen.
    #[error("reserve is frozen")]
    ReserveFrozen,
    /// The reserve is paused.
    #[error("reserve is paused")]
    ReservePaused,
    /// The reserve cannot be borrowed.
    #[error("borrowing is not enabled")]
    BorrowingNotEnabled,
    /// The reserve cannot be flash-borrowed.
    #[error("flash loans are not enabled")]
    FlashloanDisabled,
    /// The supply cap would be exceeded.
    #[error("supply cap exceeded")]
    SupplyCapExceeded,
    /// The borrow cap would be exceeded.
    #[error("borrow cap exceeded")]
    BorrowCapExceeded,
    /// The account supplied less than it would withdraw.
    #[error("not enough available user balance")]
    NotEnoughAvailableUserBalance,
    /// The reserve has less at hand.
    #[error("not enough liquidity in the reserve")]
    InvalidLiquidity,
    /// There is no collateral.
    #[error("collateral balance is zero")]
    CollateralBalanceIsZero,
    /// Every collateral has LTV zero.
    #[error("LTV is zero")]
    LtvValidationFailed,
    /// The collateral does not carry the new debt.
    #[error("collateral cannot cover the new borrow")]
    CollateralCannotCoverNewBorrow,
    /// The health factor would fall below one.
    #[error("health factor below the liquidation threshold")]
    HealthFactorLowerThanLiquidationThreshold,
    /// The health factor is not below one.
    #[error("health factor not below the threshold")]
    HealthFactorNotBelowThreshold,
    /// The account has no debt in the reserve.
    #[error("no debt of the selected type")]
    NoDebtOfSelectedType,
    /// The borrower's supply in the reserve is not collateral.
    #[error("collateral cannot be liquidated")]
    CollateralCannotBeLiquidated,
    /// The borrower does not borrow that reserve.
    #[error("specified currency not borrowed by the user")]
    SpecifiedCurrencyNotBorrowedByUser,
    /// What would remain on both sides is dust.
    #[error("liquidation must not leave dust")]
    MustNotLeaveDust,
    /// The account supplied nothing there.
    #[error("underlying balance is zero")]
    UnderlyingBalanceZero,
    /// The reserve cannot be collateral: its LTV or threshold is zero.
    #[error("reserve cannot be collateral")]
    UserInIsolationModeOrLtvZero,
    /// A borrower cannot liquidate itself.
    #[error("a borrower cannot liquidate itself")]
    SelfLiquidation,
    /// The reserve has no deficit.
    #[error("reserve has no deficit")]
    ReserveNotInDeficit,
    /// An account with debt cannot cover a deficit.
    #[error("account has debt")]
    UserCannotHaveDebt,
    /// The oracle has no usable price.
    #[error("oracle: {0}")]
    Oracle(#[from] OracleError),
    /// A risk change is refused.
    #[error("risk change: {0}")]
    Risk(#[from] RiskError),
    /// 256-bit arithmetic overflowed.
    #[error("arithmetic overflow")]
    Overflow,
}

impl Pooled {
    /// The reserve of an underlying asset.
    #[must_use]
    pub fn reserve_of(&self, underlying: AssetId) -> Option<u16> {
        self.reserves.iter().position(|r| r.underlying == underlying).map(|i| i as u16)
    }
    /// An account's flags.
    #[must_use]
    pub fn position(&self, account: AccountId) -> Position {
        self.positions.get(account.index()).copied().unwrap_or_default()
    }
    /// An account's health, projected to now.
    ///
    /// # Errors
    /// An oracle has no usable price.
    pub fn health(&self, view: &impl LendingView, account: AccountId) -> Result<Health, LendingError> {
        let _ = (view, account);
        Err(LendingError::AssetNotListed)
    }
}

impl Clone for Pooled {
    fn clone(&self) -> Self {
        let Self {
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            regime,
        } = self;
        Self {
            reserves: reserves.clone(),
            positions: positions.clone(),
            state: state.clone(),
            account: *account,
            treasury: *treasury,
            risk_manager: *risk_manager,
            flash_premium: *flash_premium,
            regime: *regime,
        }
    }
    /// Reuses the vectors' memory: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        let Self {
            reserves,
            positions,
            state,
            account,
            treasury,
            risk_manager,
            flash_premium,
            regime,
        } = source;
        self.reserves.clone_from(reserves);
        self.positions.clone_from(positions);
        self.state.clone_from(state);
        self.account = *account;
        self.treasury = *treasury;
        self.risk_manager = *risk_manager;
        self.flash_premium = *flash_premium;
        self.regime = *regime;
    }
}
