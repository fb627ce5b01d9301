//! Why an isolated market refuses.

use markets::oracle::OracleError;
use serde::{Deserialize, Serialize};

/// Why an isolated market refuses, one variant per rule; names after Morpho Blue's `ErrorsLib`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum IsolatedError {
    /// Not exactly one of assets and shares is zero.
    #[error("inconsistent input")]
    InconsistentInput,
    /// No assets were named where some must be.
    #[error("zero assets")]
    ZeroAssets,
    /// The asset is neither the loan asset nor, where it would do, the collateral.
    #[error("the asset is not this market's")]
    UnknownAsset,
    /// Only the owner may.
    #[error("not owner")]
    NotOwner,
    /// The value is already set.
    #[error("already set")]
    AlreadySet,
    /// The fee would exceed a quarter of the interest.
    #[error("max fee exceeded")]
    MaxFeeExceeded,
    /// The debt would exceed what the collateral carries.
    #[error("insufficient collateral")]
    InsufficientCollateral,
    /// More would be lent than is supplied.
    #[error("insufficient liquidity")]
    InsufficientLiquidity,
    /// The position is healthy.
    #[error("position is healthy")]
    HealthyPosition,
    /// An amount exceeds 128 bits.
    #[error("max uint128 exceeded")]
    MaxUint128Exceeded,
    /// Checked arithmetic overflowed or went below zero: also more shares than the account has.
    #[error("arithmetic overflow or underflow")]
    Arithmetic,
    /// The oracle has no usable price.
    #[error("oracle: {0}")]
    Oracle(#[from] OracleError),
}
