//! Every kind of pool, as one closed enum.

use markets::amm::constant_product::ConstantProduct;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};

/// An AMM.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Uniswap v2's pair.
    ConstantProduct(ConstantProduct),
}

impl Pool {
    /// The constant-product pool, where it is one.
    #[inline]
    #[must_use]
    pub const fn constant_product(&self) -> Option<&ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
        }
    }
    #[inline]
    pub(super) const fn constant_product_mut(&mut self) -> Option<&mut ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
        }
    }
    /// The account that holds its reserves.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        match self {
            Self::ConstantProduct(pool) => pool.account,
        }
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        match self {
            Self::ConstantProduct(pool) => Self::ConstantProduct(*pool),
        }
    }
    /// Reuses the memory of a pool of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::ConstantProduct(mine), Self::ConstantProduct(theirs)) => *mine = *theirs,
        }
    }
}
