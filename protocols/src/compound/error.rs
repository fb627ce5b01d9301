//! How a Compound market says no: by a code that undoes nothing, or by a revert.

use super::rate_model::RateError;
use serde::{Deserialize, Serialize};

/// A code that a cToken returns without reverting (`TokenErrorReporter.Error`). The discriminants
/// are the contract's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum TokenCode {
    /// The caller may not do this.
    Unauthorized = 1,
    /// An argument is out of range.
    BadInput = 2,
    /// The comptroller refused.
    ComptrollerRejection = 3,
    /// A liquidator liquidates itself.
    InvalidAccountPair = 6,
    /// A liquidation of nothing, or of "all".
    InvalidCloseAmountRequested = 7,
    /// Checked arithmetic failed.
    MathError = 9,
    /// The cToken holds too little of its underlying.
    InsufficientCash = 14,
}

/// A code that the comptroller returns (`ComptrollerErrorReporter.Error`). The discriminants are the
/// contract's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[repr(u8)]
pub enum ComptrollerCode {
    /// The caller may not do this.
    Unauthorized = 1,
    /// The borrower is not under water.
    InsufficientShortfall = 3,
    /// It would leave the account under water.
    InsufficientLiquidity = 4,
    /// A collateral factor above 90 %.
    InvalidCollateralFactor = 6,
    /// The account owes in the market that it would leave.
    NonzeroBorrowBalance = 12,
    /// A price is missing.
    PriceError = 13,
    /// Leaving would leave the account under water.
    Rejection = 14,
    /// An account's balances cannot be computed.
    SnapshotError = 15,
    /// More than the close factor allows.
    TooMuchRepay = 17,
}

/// A call that was refused by a code. What happened before the refusal stays: interest was accrued,
/// and a borrower has entered the market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// The cToken's own code.
    #[error("cToken code {number} ({code:?})", number = *.0 as u8, code = .0)]
    Token(TokenCode),
    /// The cToken's `COMPTROLLER_REJECTION`, with the comptroller's code behind it, which the contract
    /// only logs.
    #[error("cToken code 3: comptroller code {number} ({code:?})", number = *.0 as u8, code = .0)]
    Rejected(ComptrollerCode),
    /// The comptroller's own code.
    #[error("comptroller code {number} ({code:?})", number = *.0 as u8, code = .0)]
    Comptroller(ComptrollerCode),
}

impl Refusal {
    /// The number that the contract returns.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Token(code) => code as u8,
            Self::Rejected(_) => TokenCode::ComptrollerRejection as u8,
            Self::Comptroller(code) => code as u8,
        }
    }
}

/// A call that reverted; the text is the contract's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum CompoundError {
    /// The rate model's arithmetic failed.
    #[error(transparent)]
    RateModel(#[from] RateError),
    /// More than [`super::MAX_BORROW_RATE`] a block.
    #[error("borrow rate is absurdly high")]
    BorrowRateAbsurdlyHigh,
    /// The block lies before the last accrual.
    #[error("could not calculate block delta")]
    BlockDelta,
    /// Minting is paused in this market.
    #[error("mint is paused")]
    MintPaused,
    /// Borrowing is paused in this market.
    #[error("borrow is paused")]
    BorrowPaused,
    /// Transfers of cTokens are paused.
    #[error("transfer is paused")]
    TransferPaused,
    /// Seizing is paused.
    #[error("seize is paused")]
    SeizePaused,
    /// All borrows would reach the cap.
    #[error("market borrow cap reached")]
    BorrowCapReached,
    /// The minted cTokens cannot be computed.
    #[error("MINT_EXCHANGE_CALCULATION_FAILED")]
    MintExchangeCalculationFailed,
    /// The supply of cTokens overflows.
    #[error("MINT_NEW_TOTAL_SUPPLY_CALCULATION_FAILED")]
    MintNewTotalSupplyCalculationFailed,
    /// Underlying for no cToken.
    #[error("redeemTokens zero")]
    RedeemTokensZero,
    /// More repaid than the account owes.
    #[error("REPAY_BORROW_NEW_ACCOUNT_BORROW_BALANCE_CALCULATION_FAILED")]
    RepayBorrowNewAccountBorrowBalanceCalculationFailed,
    /// More repaid than all accounts owe by the market's sum, whose rounding is not theirs.
    #[error("REPAY_BORROW_NEW_TOTAL_BALANCE_CALCULATION_FAILED")]
    RepayBorrowNewTotalBalanceCalculationFailed,
    /// More than the debt, in a deprecated market.
    #[error("Can not repay more than the total borrow")]
    RepayMoreThanTotalBorrow,
    /// A price is missing.
    #[error("LIQUIDATE_COMPTROLLER_CALCULATE_AMOUNT_SEIZE_FAILED")]
    LiquidateComptrollerCalculateAmountSeizeFailed,
    /// More cTokens than the borrower has.
    #[error("LIQUIDATE_SEIZE_TOO_MUCH")]
    LiquidateSeizeTooMuch,
    /// The exchange rate cannot be computed.
    #[error("exchangeRateStored: exchangeRateStoredInternal failed")]
    ExchangeRateStoredFailed,
    /// The debt cannot be computed.
    #[error("borrowBalanceStored: borrowBalanceStoredInternal failed")]
    BorrowBalanceStoredFailed,
    /// The exchange rate cannot be computed while seizing.
    #[error("exchange rate math error")]
    ExchangeRateMathError,
    /// The account's balances cannot be computed.
    #[error("exitMarket: getAccountSnapshot failed")]
    ExitMarketSnapshotFailed,
    /// Reserves overflow.
    #[error("add reserves unexpected overflow")]
    AddReservesOverflow,
    /// A sum above 256 bits.
    #[error("addition overflow")]
    AdditionOverflow,
    /// A negative difference.
    #[error("subtraction underflow")]
    SubtractionUnderflow,
    /// A product above 256 bits.
    #[error("multiplication overflow")]
    MultiplicationOverflow,
    /// A division by zero.
    #[error("divide by zero")]
    DivideByZero,
    /// The payer has too little of the underlying (the token's own revert).
    #[error("ERC20: transfer amount exceeds balance")]
    TransferExceedsBalance,
    /// Only the admin sets the close factor.
    #[error("only admin can set close factor")]
    OnlyAdminSetsCloseFactor,
    /// Only the admin and the borrow-cap guardian set borrow caps.
    #[error("only admin or borrow cap guardian can set borrow caps")]
    OnlyAdminOrGuardianSetsBorrowCaps,
    /// Only the admin and the pause guardian pause.
    #[error("only pause guardian and admin can pause")]
    OnlyGuardianAndAdminPause,
    /// Only the admin unpauses.
    #[error("only admin can unpause")]
    OnlyAdminUnpauses,
    /// The comptroller lists no such market.
    #[error("cannot pause a market that is not listed")]
    NotListed,
}

/// Why a verb went no further: refused, and what the change holds by then stays; or reverted, and
/// the change is garbage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// A code; effects so far stay.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A revert; nothing stays.
    #[error(transparent)]
    Reverted(#[from] CompoundError),
}

impl From<TokenCode> for Stop {
    fn from(code: TokenCode) -> Self {
        Self::Refused(Refusal::Token(code))
    }
}
impl From<ComptrollerCode> for Stop {
    fn from(code: ComptrollerCode) -> Self {
        Self::Refused(Refusal::Comptroller(code))
    }
}
impl Stop {
    /// The comptroller's refusal as the cToken passes it on.
    pub(crate) const fn through_token(self) -> Self {
        match self {
            Self::Refused(Refusal::Comptroller(code)) => Self::Refused(Refusal::Rejected(code)),
            other => other,
        }
    }
}
