//! What only an isolated market in Morpho's shape understands.

use serde::{Deserialize, Serialize};

/// What only an isolated market in Morpho's shape understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IsolatedCall {}

impl IsolatedCall {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match *self {}
    }
    /// Gas, its body not included.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match *self {}
    }
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match *self {}
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<markets::units::AccountId> {
        match *self {}
    }
}
