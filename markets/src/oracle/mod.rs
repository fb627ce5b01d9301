//! Price oracles: what a lending market believes an asset is worth.
//!
//! Three kinds, and their differences are the attack surface (a [`composed`] feed reads others): a [`spot`] feed reads a pool as it is
//! *now*, mid-transaction; a [`twap`] feed averages a pool's accumulators over a window; a [`push`] feed
//! moves only when its reporter says so. Prices are USD per whole token, scaled by 10⁸, floored as the
//! deployed integer divisions are.

pub mod anchored;
pub mod breaker;
pub mod capped;
pub mod composed;
pub mod concentrated;
pub mod delayed;
pub mod fallback;
pub mod lowest;
pub mod lp;
pub mod mantissa;
pub mod median;
pub mod push;
pub mod share;
pub mod spot;
pub mod twap;
pub mod window;

use crate::amm::PoolError;
use crate::math::{Rounding, mul_div};
use crate::units::{Price, U256};
use crate::wide;
use serde::{Deserialize, Serialize};

/// Why a feed has no usable price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum OracleError {
    /// The price is zero, or rounds to it.
    #[error("price is zero")]
    ZeroPrice,
    /// The last report is older than the feed allows.
    #[error("price is stale")]
    Stale,
    /// No checkpoint is as old as the window yet.
    #[error("no checkpoint is as old as the window")]
    WindowTooShort,
    /// The pool is empty.
    #[error("pool is empty")]
    NoLiquidity,
    /// The pool does not hold the asset.
    #[error("the asset is not in the pool")]
    UnknownAsset,
    /// The feed refers to a pool or feed that does not exist, or refers to itself.
    #[error("feed refers to nothing")]
    BrokenReference,
    /// The price exceeds 128 bits.
    #[error("price overflows")]
    Overflow,
    /// Too few sources have a price.
    #[error("too few sources have a price")]
    NoQuorum,
    /// Nothing has been stored yet.
    #[error("no price has been stored yet")]
    NotReady,
    /// The feed takes no update yet.
    #[error("too early for an update")]
    TooEarly,
    /// The feed is stopped, or its circuit breaker has tripped.
    #[error("the feed is halted")]
    Halted,
    /// An update is outside what the feed allows.
    #[error("the update is out of range")]
    OutOfRange,
}

impl From<PoolError> for OracleError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::UnknownAsset => Self::UnknownAsset,
            PoolError::Overflow => Self::Overflow,
            _ => Self::NoLiquidity,
        }
    }
}

/// USD per whole asset from a ratio of smallest units `numerator / denominator` (quote per asset) and
/// the quote asset's price: `n · 10^asset_decimals · quote / (d · 10^quote_decimals)`, floored.
pub(crate) fn price_from_ratio(
    numerator: U256,
    denominator: U256,
    asset_decimals: u8,
    quote_decimals: u8,
    quote_price: Price,
) -> Result<Price, OracleError> {
    let asset_unit = U256::from(power_of_ten(asset_decimals)?);
    let quote_unit = U256::from(power_of_ten(quote_decimals)?);
    let scale = asset_unit.checked_mul(U256::from(quote_price.0)).ok_or(OracleError::Overflow)?;
    let denominator = denominator.checked_mul(quote_unit).ok_or(OracleError::Overflow)?;
    let price = mul_div(numerator, scale, denominator, Rounding::Floor);
    nonzero(price.and_then(|price| u128::try_from(price).ok()))
}

/// [`price_from_ratio`] of 128-bit integers, which spares the 256-bit division where the scaled ones
/// fit too.
pub(crate) fn price_from_reserves(
    numerator: u128,
    denominator: u128,
    asset_decimals: u8,
    quote_decimals: u8,
    quote_price: Price,
) -> Result<Price, OracleError> {
    let scale = power_of_ten(asset_decimals)?.checked_mul(quote_price.0);
    let scaled = denominator.checked_mul(power_of_ten(quote_decimals)?);
    if let Some((scale, scaled)) = scale.zip(scaled) {
        return nonzero(wide::mul_div_floor(numerator, scale, scaled));
    }
    let (numerator, denominator) = (U256::from(numerator), U256::from(denominator));
    price_from_ratio(numerator, denominator, asset_decimals, quote_decimals, quote_price)
}

fn nonzero(price: Option<u128>) -> Result<Price, OracleError> {
    match price {
        None => Err(OracleError::Overflow),
        Some(0) => Err(OracleError::ZeroPrice),
        Some(price) => Ok(Price(price)),
    }
}

/// 10ⁿ for the decimals that tokens have.
fn power_of_ten(decimals: u8) -> Result<u128, OracleError> {
    POWERS_OF_TEN.get(usize::from(decimals)).copied().ok_or(OracleError::Overflow)
}

const POWERS_OF_TEN: [u128; 39] = {
    let mut powers = [1; 39];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amm::concentrated::ConcentratedError;

    #[test]
    fn powers_of_ten_are_those_of_128_bits() {
        for n in 0..39 {
            assert_eq!(power_of_ten(n), Ok(10_u128.pow(u32::from(n))));
        }
        assert_eq!(power_of_ten(39), Err(OracleError::Overflow));
    }

    #[test]
    fn a_pools_errors_keep_their_meaning() {
        assert_eq!(OracleError::from(PoolError::UnknownAsset), OracleError::UnknownAsset);
        assert_eq!(OracleError::from(PoolError::Overflow), OracleError::Overflow);
        assert_eq!(OracleError::from(PoolError::InsufficientInput), OracleError::NoLiquidity);
        assert_eq!(OracleError::from(ConcentratedError::Overflow), OracleError::Overflow);
        assert_eq!(OracleError::from(ConcentratedError::TooOld), OracleError::WindowTooShort);
        assert_eq!(OracleError::from(ConcentratedError::Tick), OracleError::NoLiquidity);
    }
}
