//! Every kind of lending market, as one closed enum.

use markets::units::AssetId;
use protocols::lending::Pooled;
use serde::{Deserialize, Serialize};

/// A lending market.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Market {
    /// Pooled lending in Aave v3's shape.
    Pooled(Pooled),
}

impl Market {
    /// The pooled market, where it is one.
    #[inline]
    #[must_use]
    pub const fn pooled(&self) -> Option<&Pooled> {
        match self {
            Self::Pooled(market) => Some(market),
        }
    }
    pub(super) const fn pooled_mut(&mut self) -> Option<&mut Pooled> {
        match self {
            Self::Pooled(market) => Some(market),
        }
    }
    /// Whether an asset is one of the market's shares, which move only with its consent.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        match self {
            Self::Pooled(market) => market.is_share(asset),
        }
    }
    /// Room for what the market keeps per account, so that no block grows a vector.
    pub(super) fn size_accounts(&mut self, accounts: usize) {
        match self {
            Self::Pooled(market) => market.positions.resize(accounts, Default::default()),
        }
    }
}

impl Clone for Market {
    fn clone(&self) -> Self {
        match self {
            Self::Pooled(market) => Self::Pooled(market.clone()),
        }
    }
    /// Reuses the memory of a market of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Pooled(mine), Self::Pooled(theirs)) => mine.clone_from(theirs),
        }
    }
}
