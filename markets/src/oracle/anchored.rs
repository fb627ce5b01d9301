//! A reported price that counts only while an anchor agrees with it.
//!
//! Source: Compound's open price feed (`UniswapAnchoredView`): a report is stored where the anchor is
//! within a band of it (±20 % as deployed), else the last one stays; the owner may fail over to the
//! anchor.

use super::OracleError;
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, FeedId, Price, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// A stored price, checked against an anchor when it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchoredFeed {
    /// Reports.
    pub reporter: FeedId,
    /// Is asked whether the report can be right.
    pub anchor: FeedId,
    /// How far the anchor may be from the report, as a share of the report (0.2 as deployed).
    pub tolerance: Wad,
    /// The last report that passed; zero before the first.
    pub stored: Price,
    /// Whether the anchor's price is stored instead.
    pub failover: bool,
    /// May fail over and back.
    pub manager: AccountId,
}

impl AnchoredFeed {
    /// Whether an anchor's price is within the band around a report: their ratio, floored, is between
    /// one less and one plus the tolerance (`isWithinAnchor`).
    #[must_use]
    pub fn is_within(&self, report: Price, anchor: Price) -> bool {
        let (report, anchor) = (U256::from(report.0), U256::from(anchor.0));
        let ratio = mul_div(anchor, WAD, report, Rounding::Floor);
        // At a tolerance of one or more the least ratio is the smallest that there is.
        let least = WAD.saturating_sub(self.tolerance.0).max(U256::from(1));
        let most = WAD.saturating_add(self.tolerance.0);
        ratio.is_some_and(|ratio| ratio >= least && ratio <= most)
    }

    /// The feed after a poke: the report stored where it passes, unchanged where it does not; the anchor
    /// stored while failing over.
    ///
    /// # Errors
    /// The anchor has no price; the reporter has none and is asked.
    pub fn poked(
        &self,
        report: Result<Price, OracleError>,
        anchor: Result<Price, OracleError>,
    ) -> Result<Self, OracleError> {
        let anchor = anchor?;
        if self.failover {
            return Ok(Self { stored: anchor, ..*self });
        }
        let report = report?;
        let stored = if self.is_within(report, anchor) { report } else { self.stored };
        Ok(Self { stored, ..*self })
    }

    /// The stored price.
    ///
    /// # Errors
    /// [`OracleError::NotReady`] before the first report that passed.
    pub const fn price(&self) -> Result<Price, OracleError> {
        if self.stored.0 == 0 { Err(OracleError::NotReady) } else { Ok(self.stored) }
    }
}
