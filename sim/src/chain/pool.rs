//! Every kind of pool, as one closed enum.

use markets::amm::concentrated::Concentrated;
use markets::amm::constant_product::ConstantProduct;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};

/// An AMM.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Uniswap v2's pair.
    ConstantProduct(ConstantProduct),
    /// Uniswap v3's pool.
    Concentrated(Concentrated),
}

impl Pool {
    /// The constant-product pool, where it is one.
    #[inline]
    #[must_use]
    pub const fn constant_product(&self) -> Option<&ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
            Self::Concentrated(_) => None,
        }
    }
    #[inline]
    pub(super) const fn constant_product_mut(&mut self) -> Option<&mut ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
            Self::Concentrated(_) => None,
        }
    }
    /// The concentrated-liquidity pool, where it is one.
    #[inline]
    #[must_use]
    pub const fn concentrated(&self) -> Option<&Concentrated> {
        match self {
            Self::Concentrated(pool) => Some(pool),
            Self::ConstantProduct(_) => None,
        }
    }
    #[inline]
    pub(super) const fn concentrated_mut(&mut self) -> Option<&mut Concentrated> {
        match self {
            Self::Concentrated(pool) => Some(pool),
            Self::ConstantProduct(_) => None,
        }
    }
    /// The account that holds its reserves.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        match self {
            Self::ConstantProduct(pool) => pool.account,
            Self::Concentrated(pool) => pool.account,
        }
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        match self {
            Self::ConstantProduct(pool) => Self::ConstantProduct(*pool),
            Self::Concentrated(pool) => Self::Concentrated(pool.clone()),
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
