//! Why vaults refuse.

use crate::auction::AuctionError;
use markets::oracle::OracleError;
use serde::{Deserialize, Serialize};

/// Why vaults refuse, one variant per rule; names after the require strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum VaultError {
    /// No such collateral type (`Vat/ilk-not-init`).
    #[error("no such collateral type")]
    IlkNotInit,
    /// No such auction.
    #[error("no such auction")]
    NoSuchAuction,
    /// The collateral type is liquidated by the other kind of auction.
    #[error("the collateral type is liquidated by the other kind of auction")]
    WrongAuctionKind,
    /// Only the owner may.
    #[error("not authorised")]
    NotAuthorised,
    /// The parameter does not exist for this collateral type, or is out of range.
    #[error("no such parameter, or out of range")]
    UnrecognizedParam,
    /// The fee must be collected before it is changed (`Jug/rho-not-updated`).
    #[error("collect the fee first")]
    RhoNotUpdated,
    /// `Vat/ceiling-exceeded`.
    #[error("debt ceiling exceeded")]
    CeilingExceeded,
    /// `Vat/not-safe`.
    #[error("the vault would not be safe")]
    NotSafe,
    /// `Vat/dust`.
    #[error("the debt would be dust")]
    Dust,
    /// `Cat/not-unsafe`, `Dog/not-unsafe`.
    #[error("the vault is not unsafe")]
    NotUnsafe,
    /// `Cat/liquidation-limit-hit`, `Dog/liquidation-limit-hit`.
    #[error("liquidation limit hit")]
    LiquidationLimitHit,
    /// `Cat/null-auction`, `Dog/null-auction`.
    #[error("nothing would be auctioned")]
    NullAuction,
    /// `Dog/dusty-auction-from-partial-liquidation`.
    #[error("a partial liquidation's auction would be dust")]
    DustyAuctionFromPartialLiquidation,
    /// `Vow/insufficient-surplus`.
    #[error("insufficient surplus")]
    InsufficientSurplus,
    /// `Vow/insufficient-debt`.
    #[error("insufficient debt")]
    InsufficientDebt,
    /// `Clipper/system-locked`: a purchase from this house is under way.
    #[error("a purchase from this house is under way")]
    SystemLocked,
    /// The auction refused.
    #[error("auction: {0}")]
    Auction(#[from] AuctionError),
    /// The oracle has no usable price (`Clipper/invalid-price`).
    #[error("oracle: {0}")]
    Oracle(#[from] OracleError),
    /// Checked arithmetic overflowed or went below zero: also a balance too small.
    #[error("arithmetic overflow or underflow")]
    Arithmetic,
}
