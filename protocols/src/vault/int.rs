//! A signed 256-bit integer, as the contracts' `int256`.

use markets::units::{Amount, U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// A signed amount in two's complement, as an `int256` argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Int(
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")] U256,
);

impl Int {
    /// Zero.
    pub const ZERO: Self = Self(U256::ZERO);

    /// `+amount`; `None` at 2²⁵⁵ and above.
    #[must_use]
    pub fn plus(amount: Amount) -> Option<Self> {
        (!amount.0.bit(255)).then_some(Self(amount.0))
    }
    /// `−amount`; `None` above 2²⁵⁵.
    #[must_use]
    pub fn minus(amount: Amount) -> Option<Self> {
        let value = Self(amount.0.wrapping_neg());
        (amount.is_zero() || value.is_negative()).then_some(value)
    }
    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0.bit(255)
    }
    /// Its absolute value.
    #[must_use]
    pub fn magnitude(self) -> Amount {
        Amount(if self.is_negative() { self.0.wrapping_neg() } else { self.0 })
    }
    /// `amount + self`, where that is neither negative nor beyond 256 bits.
    #[must_use]
    pub fn add_to(self, amount: Amount) -> Option<Amount> {
        if self.is_negative() {
            amount.checked_sub(self.magnitude())
        } else {
            amount.checked_add(self.magnitude())
        }
    }
}
