//! Oracles made of oracles: each reads other feeds by id and adds one rule.
//!
//! A price is read at once and changes nothing; what a rule remembers (a delayed price, a snapshot, a
//! trip) changes only by calls.

use super::anchored::AnchoredFeed;
use super::breaker::BreakerFeed;
use super::capped::CappedFeed;
use super::delayed::DelayedFeed;
use super::fallback::FallbackFeed;
use super::median::MedianFeed;
use crate::units::AccountId;
use serde::{Deserialize, Serialize};

/// An oracle made of oracles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ComposedFeed {
    /// The median of several, of which enough must have a price.
    Median(MedianFeed),
    /// A base price times a ratio whose growth is capped.
    Capped(CappedFeed),
    /// Yesterday's price, in effect: an hour's delay.
    Delayed(DelayedFeed),
    /// What a reporter says, as long as an anchor agrees.
    Anchored(AnchoredFeed),
    /// The second where the first has no price.
    Fallback(FallbackFeed),
    /// No price after one that moved too far.
    Breaker(BreakerFeed),
}

impl ComposedFeed {
    /// The account that may steer it; nobody where there is nothing to steer.
    #[must_use]
    pub const fn manager(&self) -> Option<AccountId> {
        match self {
            Self::Median(_) | Self::Fallback(_) => None,
            Self::Capped(feed) => Some(feed.manager),
            Self::Delayed(feed) => Some(feed.manager),
            Self::Anchored(feed) => Some(feed.manager),
            Self::Breaker(feed) => Some(feed.manager),
        }
    }
}
