//! What the one-maker reserves share: a trade, why it is refused, and who holds what.
//!
//! An [`super::exponential`] reserve and a [`super::fixed_price`] depot have no state of their own: what
//! they quote depends on their account's balances, as deployed.

use crate::units::{Amount, U256};
use serde::{Deserialize, Serialize};

/// Why a reserve refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ReserveError {
    /// The asset is not one of the reserve's two.
    #[error("the asset is not in this reserve")]
    UnknownAsset,
    /// Nothing was offered.
    #[error("input amount is zero")]
    ZeroInput,
    /// Nothing would come out.
    #[error("output amount is zero")]
    ZeroOutput,
    /// The reserve holds less than it would pay out.
    #[error("the reserve holds too little")]
    InsufficientInventory,
    /// The price afterwards would be above the reserve's maximum.
    #[error("price above the reserve's maximum")]
    PriceOutOfBounds,
    /// The depot sells only.
    #[error("the depot does not buy")]
    OneWay,
    /// Less would come out than the trader's minimum.
    #[error("output below the trader's minimum")]
    TooLittleReceived,
    /// 256 bits overflow, or a price is beyond what the arithmetic is proven for.
    #[error("arithmetic overflow")]
    Overflow,
}

/// What a swap with a reserve would do, in smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// What the trader pays in.
    pub amount_in: Amount,
    /// What the trader gets.
    pub amount_out: Amount,
}

/// 10ⁿ.
pub(super) fn power_of_ten(decimals: u8) -> Result<U256, ReserveError> {
    U256::from(10).checked_pow(U256::from(decimals)).ok_or(ReserveError::Overflow)
}
