//! Every kind of lending market, as one closed enum.

use markets::units::AssetId;
use protocols::lending::Pooled;
use protocols::margin_desk::MarginDesk;
use serde::{Deserialize, Serialize};

/// A lending market.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Market {
    /// Pooled lending in Aave v3's shape.
    Pooled(Pooled),
    /// A margin-trading desk in bZx's shape.
    MarginDesk(MarginDesk),
}

impl Market {
    /// The pooled market, where it is one.
    #[inline]
    #[must_use]
    pub const fn pooled(&self) -> Option<&Pooled> {
        match self {
            Self::Pooled(market) => Some(market),
            Self::MarginDesk(_) => None,
        }
    }
    /// The margin desk, where it is one.
    #[must_use]
    pub const fn margin_desk(&self) -> Option<&MarginDesk> {
        match self {
            Self::MarginDesk(desk) => Some(desk),
            Self::Pooled(_) => None,
        }
    }
    pub(super) const fn margin_desk_mut(&mut self) -> Option<&mut MarginDesk> {
        match self {
            Self::MarginDesk(desk) => Some(desk),
            Self::Pooled(_) => None,
        }
    }
    pub(super) const fn pooled_mut(&mut self) -> Option<&mut Pooled> {
        match self {
            Self::Pooled(market) => Some(market),
            Self::MarginDesk(_) => None,
        }
    }
    /// Whether an asset is one of the market's shares, which move only with its consent.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        match self {
            Self::Pooled(market) => market.is_share(asset),
            // A desk's pool shares are plain tokens.
            Self::MarginDesk(_) => false,
        }
    }
    /// Room for what the market keeps per account, so that no block grows a vector.
    pub(super) fn size_accounts(&mut self, accounts: usize) {
        match self {
            Self::Pooled(market) => market.positions.resize(accounts, Default::default()),
            Self::MarginDesk(_) => {}
        }
    }
}

impl Clone for Market {
    fn clone(&self) -> Self {
        match self {
            Self::Pooled(market) => Self::Pooled(market.clone()),
            Self::MarginDesk(desk) => Self::MarginDesk(desk.clone()),
        }
    }
    /// Reuses the memory of a market of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Pooled(mine), Self::Pooled(theirs)) => mine.clone_from(theirs),
            (Self::MarginDesk(mine), Self::MarginDesk(theirs)) => mine.clone_from(theirs),
            (mine, theirs) => *mine = theirs.clone(),
        }
    }
}
