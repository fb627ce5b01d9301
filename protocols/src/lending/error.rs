//! Why a market refuses.

use markets::oracle::OracleError;
use serde::{Deserialize, Serialize};

/// Why a market refuses, one variant per rule; names after Aave's `Errors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LendingError {
    /// No such reserve.
    #[error("no such reserve")]
    AssetNotListed,
    /// The amount is zero, worth no share, or more than the reserve's supply.
    #[error("amount is zero, worth no share, or more than the reserve's supply")]
    InvalidAmount,
    /// The amount is so small that it burns no share.
    #[error("amount burns no share")]
    InvalidBurnAmount,
    /// The amount is so small that it mints no share.
    #[error("amount mints no share")]
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
    /// No collateral.
    #[error("no collateral")]
    CollateralBalanceIsZero,
    /// No collateral, or its LTV is zero; or a collateral of LTV zero must be withdrawn first.
    #[error("no collateral of LTV above zero, or collateral of LTV zero must be withdrawn first")]
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
    /// The whole of another account's debt cannot be repaid without saying how much.
    #[error("no explicit amount to repay on behalf of another account")]
    NoExplicitAmountToRepayOnBehalf,
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
    /// The reserve cannot be collateral: its LTV is zero.
    #[error("reserve cannot be collateral")]
    UserInIsolationModeOrLtvZero,
    /// Debt against the isolated collateral would exceed its ceiling.
    #[error("debt ceiling exceeded")]
    DebtCeilingExceeded,
    /// The reserve cannot be borrowed against an isolated collateral.
    #[error("asset cannot be borrowed in isolation")]
    AssetNotBorrowableInIsolation,
    /// A siloed debt stands alone.
    #[error("siloed borrowing violation")]
    SiloedBorrowingViolation,
    /// There is no such e-mode; or, in 3.0.2, a debt does not belong to it.
    #[error("inconsistent e-mode category")]
    InconsistentEModeCategory,
    /// The account's e-mode does not let this be borrowed.
    #[error("asset cannot be borrowed in the account's e-mode")]
    NotBorrowableInEMode,
    /// The account has a debt that the e-mode does not allow.
    #[error("a debt is not of the e-mode")]
    InvalidDebtInEmode,
    /// The account has a collateral whose LTV would be zero in the e-mode.
    #[error("a collateral would have LTV zero in the e-mode")]
    InvalidCollateralInEmode,
    /// The market's design refuses liquidations past the toxic frontier.
    #[error("past the toxic frontier: a liquidation would raise the position's loan to value")]
    PastToxicFrontier,
    /// A reserve is in its time of grace.
    #[error("the reserve's grace period has not passed")]
    LiquidationGraceSentinelCheckFailed,
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
    /// A share balance would become negative: checked arithmetic refuses it.
    #[error("arithmetic underflow")]
    Underflow,
    /// 256-bit arithmetic overflowed.
    #[error("arithmetic overflow")]
    Overflow,
}
