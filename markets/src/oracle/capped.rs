//! A price whose ratio to another may grow only so fast: for tokens that accrue (staked ether, vault
//! shares), whose ratio an attacker may donate upwards.
//!
//! Source: Aave's correlated-assets price oracle (CAPO): a snapshot of the ratio, and a largest yearly
//! growth since. Its steward may move the snapshot by so much per period: the rule that held the cap below
//! the true ratio, and liquidated the healthy, when a snapshot's time and value were moved apart.

use super::OracleError;
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, BPS, FeedId, Price, SECONDS_PER_YEAR, U256};
use serde::{Deserialize, Serialize};

/// A base price times a capped ratio.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CappedFeed {
    /// Prices the asset that the ratio is in.
    pub base: FeedId,
    /// Says the ratio, as a whole number of `10^-ratio_decimals`.
    pub ratio: FeedId,
    /// Decimals of the ratio, at most 38.
    pub ratio_decimals: u8,
    /// The ratio at the snapshot.
    pub snapshot_ratio: u128,
    /// When the snapshot was, in seconds.
    pub snapshot_at: u64,
    /// Largest growth of the ratio per year, in basis points of the snapshot.
    pub max_yearly_growth_bps: u32,
    /// May move the snapshot.
    pub manager: AccountId,
    /// How old a snapshot must be when it is set, in seconds (seven days as deployed).
    pub min_snapshot_age_secs: u64,
    /// Most that one update may change the snapshot's ratio or the growth, in basis points of the old
    /// value (3 %); zero for no limit.
    pub max_change_bps: u32,
    /// Least time between two updates, in seconds (three days).
    pub update_delay_secs: u64,
    /// When the snapshot was last set, in seconds.
    pub updated_at: u64,
}

/// A new snapshot and growth limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The ratio then.
    pub ratio: u128,
    /// When, in seconds.
    pub at: u64,
    /// Largest growth per year, in basis points.
    pub max_yearly_growth_bps: u32,
}

impl CappedFeed {
    /// The largest ratio that counts: the snapshot, and a growth per second that is floored twice, in the
    /// lender's favour. `None` where it exceeds 256 bits.
    #[must_use]
    pub fn max_ratio(&self, now: u64) -> Option<U256> {
        let snapshot = U256::from(self.snapshot_ratio);
        let yearly =
            mul_div(snapshot, U256::from(self.max_yearly_growth_bps), BPS, Rounding::Floor)?;
        let per_second = yearly / U256::from(SECONDS_PER_YEAR);
        let since = U256::from(now.saturating_sub(self.snapshot_at));
        snapshot.checked_add(per_second.checked_mul(since)?)
    }

    /// Whether a ratio is above the cap.
    #[must_use]
    pub fn is_capped(&self, ratio: Price, now: u64) -> bool {
        self.max_ratio(now).is_some_and(|most| U256::from(ratio.0) > most)
    }

    /// The base price times the ratio, at most the cap; floored.
    ///
    /// # Errors
    /// A price of zero or above 128 bits.
    pub fn price(&self, base: Price, ratio: Price, now: u64) -> Result<Price, OracleError> {
        let most = self.max_ratio(now).ok_or(OracleError::Overflow)?;
        let ratio = U256::from(ratio.0).min(most);
        let scale = U256::from(super::power_of_ten(self.ratio_decimals)?);
        let price = mul_div(U256::from(base.0), ratio, scale, Rounding::Floor);
        super::nonzero(price.and_then(|price| u128::try_from(price).ok()))
    }

    /// The feed with a new snapshot: younger than the last, old enough to be settled, and not too far
    /// from it.
    ///
    /// # Errors
    /// [`OracleError::TooEarly`], [`OracleError::OutOfRange`], a ratio of zero.
    pub fn with_snapshot(&self, new: Snapshot, now: u64) -> Result<Self, OracleError> {
        if now < self.updated_at.saturating_add(self.update_delay_secs) {
            return Err(OracleError::TooEarly);
        }
        if new.ratio == 0 {
            return Err(OracleError::ZeroPrice);
        }
        let settled = new.at.saturating_add(self.min_snapshot_age_secs) <= now;
        if new.at <= self.snapshot_at || !settled {
            return Err(OracleError::OutOfRange);
        }
        let growth =
            (u128::from(self.max_yearly_growth_bps), u128::from(new.max_yearly_growth_bps));
        if !self.is_small(self.snapshot_ratio, new.ratio) || !self.is_small(growth.0, growth.1) {
            return Err(OracleError::OutOfRange);
        }
        Ok(Self {
            snapshot_ratio: new.ratio,
            snapshot_at: new.at,
            max_yearly_growth_bps: new.max_yearly_growth_bps,
            updated_at: now,
            ..*self
        })
    }

    /// Whether a change is within the limit.
    fn is_small(&self, old: u128, new: u128) -> bool {
        let moved = U256::from(old.abs_diff(new)) * BPS;
        self.max_change_bps == 0 || moved <= U256::from(old) * U256::from(self.max_change_bps)
    }
}
