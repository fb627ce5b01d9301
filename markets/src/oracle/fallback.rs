//! A second source for when the first has no price: stale, empty, tripped (the shape of Aave's
//! `AaveOracle` with its fallback oracle).

use super::OracleError;
use crate::units::{FeedId, Price};
use serde::{Deserialize, Serialize};

/// The first source that has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackFeed {
    /// Asked first.
    pub primary: FeedId,
    /// Asked where the first has no price.
    pub secondary: FeedId,
}

impl FallbackFeed {
    /// The first price that there is.
    ///
    /// # Errors
    /// The second source's.
    pub fn price(
        &self,
        mut read: impl FnMut(FeedId) -> Result<Price, OracleError>,
    ) -> Result<Price, OracleError> {
        read(self.primary).or_else(|_| read(self.secondary))
    }
}
