//! The push oracle: a price on chain that only its reporter moves.
//!
//! The rule by which a node decides to report is the public one of Chainlink's data feeds: a deviation
//! threshold or a heartbeat, whichever comes first.

use super::OracleError;
use crate::units::{AccountId, Price};
use serde::{Deserialize, Serialize};

/// A reported price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushFeed {
    /// The account that may report.
    pub reporter: AccountId,
    /// The last report.
    pub price: Price,
    /// When it was made, in seconds.
    pub updated_at: u64,
    /// Longest time between reports, in seconds; 0 for none.
    pub heartbeat_secs: u64,
    /// Smallest relative move that is reported, in basis points of the last report.
    pub deviation_bps: u32,
    /// Oldest report that still counts, in seconds; 0 where a report never goes stale.
    pub max_age_secs: u64,
}

impl PushFeed {
    /// Whether a node that observes `observed` USD at `now` should report it.
    #[must_use]
    pub fn should_push(&self, observed: f64, now: u64) -> bool {
        let late =
            self.heartbeat_secs > 0 && now.saturating_sub(self.updated_at) >= self.heartbeat_secs;
        let last = self.price.usd();
        late || (observed - last).abs() >= last * f64::from(self.deviation_bps) / 1e4
    }

    /// Takes a report.
    pub fn push(&mut self, price: Price, now: u64) {
        self.price = price;
        self.updated_at = now;
    }

    /// The last report, where it still counts.
    ///
    /// # Errors
    /// [`OracleError::ZeroPrice`], [`OracleError::Stale`].
    #[inline]
    pub fn price(&self, now: u64) -> Result<Price, OracleError> {
        if self.price.0 == 0 {
            return Err(OracleError::ZeroPrice);
        }
        if self.max_age_secs > 0 && now.saturating_sub(self.updated_at) > self.max_age_secs {
            return Err(OracleError::Stale);
        }
        Ok(self.price)
    }
}
