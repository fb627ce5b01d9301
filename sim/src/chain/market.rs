//! Every kind of lending market, as one closed enum.

use super::Chain;
use markets::units::{AccountId, AssetId, FeedId, MarketId, PriceMantissa};
use protocols::compound::{Compound, CompoundView};
use protocols::isolated::Isolated;
use protocols::lending::Pooled;
use protocols::margin_desk::MarginDesk;
use protocols::perpetual::PerpetualMarket;
use protocols::vault::Vault;
use serde::{Deserialize, Serialize};

/// A lending market.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "a chain has a few, and a box is a miss in every call"
)]
pub enum Market {
    /// Pooled lending in Aave v3's shape.
    Pooled(Pooled),
    /// Compound v2: a comptroller and its cTokens.
    Compound(Compound),
    /// A margin-trading desk in bZx's shape.
    MarginDesk(MarginDesk),
    /// An isolated market in Morpho Blue's shape.
    Isolated(Isolated),
    /// Vaults and their liquidation auctions in Maker's shape.
    Vault(Vault),
    /// A perpetual future.
    Perpetual(PerpetualMarket),
}

impl Market {
    /// The pooled market, where it is one.
    #[inline]
    #[must_use]
    pub const fn pooled(&self) -> Option<&Pooled> {
        if let Self::Pooled(market) = self { Some(market) } else { None }
    }
    #[inline]
    pub(super) const fn pooled_mut(&mut self) -> Option<&mut Pooled> {
        if let Self::Pooled(market) = self { Some(market) } else { None }
    }
    /// The Compound market, where it is one.
    #[inline]
    #[must_use]
    pub const fn compound(&self) -> Option<&Compound> {
        if let Self::Compound(market) = self { Some(market) } else { None }
    }
    #[inline]
    pub(super) const fn compound_mut(&mut self) -> Option<&mut Compound> {
        if let Self::Compound(market) = self { Some(market) } else { None }
    }
    /// The margin desk, where it is one.
    #[must_use]
    pub const fn margin_desk(&self) -> Option<&MarginDesk> {
        if let Self::MarginDesk(desk) = self { Some(desk) } else { None }
    }
    pub(super) const fn margin_desk_mut(&mut self) -> Option<&mut MarginDesk> {
        if let Self::MarginDesk(desk) = self { Some(desk) } else { None }
    }
    /// The isolated market, where it is one.
    #[must_use]
    pub const fn isolated(&self) -> Option<&Isolated> {
        if let Self::Isolated(market) = self { Some(market) } else { None }
    }
    /// The vaults, where it is them.
    #[must_use]
    pub const fn vault(&self) -> Option<&Vault> {
        if let Self::Vault(market) = self { Some(market) } else { None }
    }
    /// The perpetual market, where it is one.
    #[must_use]
    pub const fn perpetual(&self) -> Option<&PerpetualMarket> {
        if let Self::Perpetual(market) = self { Some(market) } else { None }
    }
    pub(super) const fn perpetual_mut(&mut self) -> Option<&mut PerpetualMarket> {
        if let Self::Perpetual(market) = self { Some(market) } else { None }
    }
    /// Whether an asset is one of the market's shares, which move only with its consent.
    #[must_use]
    pub fn is_share(&self, asset: AssetId) -> bool {
        match self {
            Self::Pooled(market) => market.is_share(asset),
            Self::Compound(market) => market.token_of_share(asset).is_some(),
            // A desk's pool shares are plain tokens; a perpetual market has none.
            Self::MarginDesk(_) | Self::Perpetual(_) => false,
            Self::Isolated(market) => market.is_share(asset),
            Self::Vault(market) => market.is_share(asset),
        }
    }
    /// Whether an account holds the market's tokens, which move only by its books.
    #[must_use]
    pub fn is_custodian(&self, account: AccountId) -> bool {
        match self {
            Self::Pooled(market) => market.account == account,
            Self::Compound(market) => market.tokens.iter().any(|token| token.account == account),
            Self::MarginDesk(desk) => desk.account == account,
            Self::Isolated(market) => market.account == account,
            Self::Vault(market) => market.account == account,
            Self::Perpetual(market) => market.account == account,
        }
    }
    /// Room for what the market keeps per account, so that no block grows a vector.
    pub(super) fn size_accounts(&mut self, accounts: usize) {
        match self {
            Self::Pooled(market) => market.positions.resize(accounts, Default::default()),
            Self::Compound(market) => market.resize_accounts(accounts),
            Self::MarginDesk(_) => {}
            Self::Isolated(_) | Self::Vault(_) => {}
            Self::Perpetual(market) => {
                market.contract.accounts.resize(accounts, Default::default());
            }
        }
    }
}

impl Clone for Market {
    fn clone(&self) -> Self {
        match self {
            Self::Pooled(market) => Self::Pooled(market.clone()),
            Self::Compound(market) => Self::Compound(market.clone()),
            Self::MarginDesk(desk) => Self::MarginDesk(desk.clone()),
            Self::Isolated(market) => Self::Isolated(*market),
            Self::Vault(market) => Self::Vault(market.clone()),
            Self::Perpetual(market) => Self::Perpetual(market.clone()),
        }
    }
    /// Reuses the memory of a market of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::Pooled(mine), Self::Pooled(theirs)) => mine.clone_from(theirs),
            (Self::Compound(mine), Self::Compound(theirs)) => mine.clone_from(theirs),
            (Self::MarginDesk(mine), Self::MarginDesk(theirs)) => mine.clone_from(theirs),
            (Self::Vault(mine), Self::Vault(theirs)) => mine.clone_from(theirs),
            (Self::Perpetual(mine), Self::Perpetual(theirs)) => mine.clone_from(theirs),
            (mine, theirs) => *mine = theirs.clone(),
        }
    }
}

impl Chain {
    /// A Compound market.
    ///
    /// # Panics
    /// Where there is no such market.
    #[inline]
    #[must_use]
    pub fn compound_market(&self, id: MarketId) -> &Compound {
        self.markets[id.index()].compound().expect("Invariant: the market is a Compound one")
    }
}

impl CompoundView for Chain {
    #[inline]
    fn block(&self) -> u64 {
        self.clock.block
    }
    #[inline]
    fn price_mantissa(&self, feed: FeedId, decimals: u8) -> PriceMantissa {
        self.mantissa_of(feed, decimals)
    }
}
