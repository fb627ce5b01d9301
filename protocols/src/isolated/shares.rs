//! Shares and assets of an isolated market.
//!
//! Source: Morpho Blue `SharesMathLib`: a million virtual shares and one virtual asset stand beside the
//! real ones, so that the first depositor cannot inflate the price of a share. Every product must fit
//! 256 bits, as in the contract, whose intermediates are no wider.

use super::IsolatedError;
use crate::fixed::mul_div_256;
use markets::math::Rounding;
use markets::units::{U256, WAD};

/// Shares that exist from the start (`VIRTUAL_SHARES`).
pub const VIRTUAL_SHARES: U256 = U256::from_limbs([1_000_000, 0, 0, 0]);
/// Assets that exist from the start (`VIRTUAL_ASSETS`).
pub const VIRTUAL_ASSETS: U256 = U256::from_limbs([1, 0, 0, 0]);

/// `a · b / d` where the contract's 256-bit product fits (`MathLib.mulDivDown`, `mulDivUp`).
pub(super) fn product(
    a: U256,
    b: U256,
    d: U256,
    rounding: Rounding,
) -> Result<U256, IsolatedError> {
    mul_div_256(a, b, d, rounding).ok_or(IsolatedError::Arithmetic)
}

/// `a · b / 10¹⁸`, floored (`wMulDown`).
pub(super) fn wad_mul_down(a: U256, b: U256) -> Result<U256, IsolatedError> {
    product(a, b, WAD, Rounding::Floor)
}

/// The shares that `assets` are worth (`toSharesDown`, `toSharesUp`).
///
/// # Errors
/// A product exceeds 256 bits.
pub fn shares_from_assets(
    assets: U256,
    total_assets: U256,
    total_shares: U256,
    rounding: Rounding,
) -> Result<U256, IsolatedError> {
    let (numerator, denominator) = virtual_totals(total_assets, total_shares)?;
    product(assets, numerator, denominator, rounding)
}

/// The assets that `shares` are worth (`toAssetsDown`, `toAssetsUp`).
///
/// # Errors
/// A product exceeds 256 bits.
pub fn assets_from_shares(
    shares: U256,
    total_assets: U256,
    total_shares: U256,
    rounding: Rounding,
) -> Result<U256, IsolatedError> {
    let (denominator, numerator) = virtual_totals(total_assets, total_shares)?;
    product(shares, numerator, denominator, rounding)
}

/// Shares and assets with the virtual ones.
fn virtual_totals(assets: U256, shares: U256) -> Result<(U256, U256), IsolatedError> {
    shares
        .checked_add(VIRTUAL_SHARES)
        .zip(assets.checked_add(VIRTUAL_ASSETS))
        .ok_or(IsolatedError::Arithmetic)
}
