//! Every kind of pool, as one closed enum.

use markets::amm::concentrated::Concentrated;
use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::share_vault::ShareVault;
use markets::amm::stable_swap::StableSwap;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};

/// A pool.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Uniswap v2's pair.
    ConstantProduct(ConstantProduct),
    /// Uniswap v3's pool.
    Concentrated(Concentrated),
    /// Curve's StableSwap pool of two or three coins.
    StableSwap(StableSwap),
    /// An exponential-curve reserve in Kyber's shape.
    Exponential(Exponential),
    /// A fixed-price depot in Synthetix's shape.
    FixedPrice(FixedPrice),
    /// A vault of one asset, that mints and redeems shares (EIP-4626).
    ShareVault(ShareVault),
}

impl Pool {
    /// The pair, where it is one.
    #[inline]
    #[must_use]
    pub const fn constant_product(&self) -> Option<&ConstantProduct> {
        if let Self::ConstantProduct(pool) = self { Some(pool) } else { None }
    }
    #[inline]
    pub(super) const fn constant_product_mut(&mut self) -> Option<&mut ConstantProduct> {
        if let Self::ConstantProduct(pool) = self { Some(pool) } else { None }
    }
    /// The concentrated-liquidity pool, where it is one.
    #[inline]
    #[must_use]
    pub const fn concentrated(&self) -> Option<&Concentrated> {
        if let Self::Concentrated(pool) = self { Some(pool) } else { None }
    }
    #[inline]
    pub(super) const fn concentrated_mut(&mut self) -> Option<&mut Concentrated> {
        if let Self::Concentrated(pool) = self { Some(pool) } else { None }
    }
    /// The StableSwap pool, where it is one.
    #[must_use]
    pub const fn stable_swap(&self) -> Option<&StableSwap> {
        if let Self::StableSwap(pool) = self { Some(pool) } else { None }
    }
    pub(super) const fn stable_swap_mut(&mut self) -> Option<&mut StableSwap> {
        if let Self::StableSwap(pool) = self { Some(pool) } else { None }
    }
    /// The vault of shares, if it is one.
    #[must_use]
    pub const fn share_vault(&self) -> Option<&ShareVault> {
        if let Self::ShareVault(vault) = self { Some(vault) } else { None }
    }
    /// The account that holds its reserves.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        match self {
            Self::ConstantProduct(pool) => pool.account,
            Self::Concentrated(pool) => pool.account,
            Self::StableSwap(pool) => pool.account,
            Self::Exponential(pool) => pool.account,
            Self::FixedPrice(pool) => pool.account,
            Self::ShareVault(vault) => vault.account,
        }
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        match self {
            Self::ConstantProduct(pool) => Self::ConstantProduct(*pool),
            Self::Concentrated(pool) => Self::Concentrated(pool.clone()),
            Self::StableSwap(pool) => Self::StableSwap(*pool),
            Self::Exponential(pool) => Self::Exponential(*pool),
            Self::FixedPrice(pool) => Self::FixedPrice(*pool),
            Self::ShareVault(vault) => Self::ShareVault(*vault),
        }
    }
    /// Reuses the memory of a pool of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::ConstantProduct(mine), Self::ConstantProduct(theirs)) => *mine = *theirs,
            (Self::Concentrated(mine), Self::Concentrated(theirs)) => mine.clone_from(theirs),
            (mine, theirs) => *mine = theirs.clone(),
        }
    }
}
