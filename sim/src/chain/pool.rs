//! Every kind of pool, as one closed enum.

use markets::amm::constant_product::ConstantProduct;
use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::stable_swap::StableSwap;
use markets::units::AccountId;
use serde::{Deserialize, Serialize};

/// An AMM.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pool {
    /// Uniswap v2's pair.
    ConstantProduct(ConstantProduct),
    /// Curve's StableSwap pool of two or three coins.
    StableSwap(StableSwap),
    /// An exponential-curve reserve in Kyber's shape.
    Exponential(Exponential),
    /// A fixed-price depot in Synthetix's shape.
    FixedPrice(FixedPrice),
}

impl Pool {
    /// The constant-product pool, where it is one.
    #[inline]
    #[must_use]
    pub const fn constant_product(&self) -> Option<&ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
            Self::StableSwap(_) | Self::Exponential(_) | Self::FixedPrice(_) => None,
        }
    }
    /// The StableSwap pool, where it is one.
    #[must_use]
    pub const fn stable_swap(&self) -> Option<&StableSwap> {
        match self {
            Self::StableSwap(pool) => Some(pool),
            Self::ConstantProduct(_) | Self::Exponential(_) | Self::FixedPrice(_) => None,
        }
    }
    pub(super) const fn stable_swap_mut(&mut self) -> Option<&mut StableSwap> {
        match self {
            Self::StableSwap(pool) => Some(pool),
            Self::ConstantProduct(_) | Self::Exponential(_) | Self::FixedPrice(_) => None,
        }
    }
    #[inline]
    pub(super) const fn constant_product_mut(&mut self) -> Option<&mut ConstantProduct> {
        match self {
            Self::ConstantProduct(pool) => Some(pool),
            Self::StableSwap(_) | Self::Exponential(_) | Self::FixedPrice(_) => None,
        }
    }
    /// The account that holds its reserves.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        match self {
            Self::ConstantProduct(pool) => pool.account,
            Self::StableSwap(pool) => pool.account,
            Self::Exponential(pool) => pool.account,
            Self::FixedPrice(pool) => pool.account,
        }
    }
}

impl Clone for Pool {
    fn clone(&self) -> Self {
        match self {
            Self::ConstantProduct(pool) => Self::ConstantProduct(*pool),
            Self::StableSwap(pool) => Self::StableSwap(*pool),
            Self::Exponential(pool) => Self::Exponential(*pool),
            Self::FixedPrice(pool) => Self::FixedPrice(*pool),
        }
    }
    /// Reuses the memory of a pool of the same kind: a fork is synced every block.
    fn clone_from(&mut self, source: &Self) {
        match (self, source) {
            (Self::ConstantProduct(mine), Self::ConstantProduct(theirs)) => *mine = *theirs,
            (mine, theirs) => *mine = theirs.clone(),
        }
    }
}
