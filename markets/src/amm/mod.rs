//! Automated market makers: pure quotes over plain values.
//!
//! A swap is *quote* (fallible, here) → *move money* (the ledger) → *update* (here, from the balances
//! that the ledger then shows). A pool never holds or moves a balance itself.

pub mod concentrated;
pub mod constant_product;
pub mod exponential;
pub mod fixed_price;
mod formulas;
mod liquidity;
mod pair;
pub mod reserve;
pub mod share_vault;
pub mod stable_math;
pub mod stable_swap;

pub(crate) use formulas::uq112;

use crate::units::Amount;
use serde::{Deserialize, Serialize};

/// Why a pool refuses. Names follow the require strings of Uniswap v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum PoolError {
    /// The asset is not one of the pool's two (`INVALID_TOKEN`).
    #[error("the asset is not in this pool")]
    UnknownAsset,
    /// A quote of nothing (`INSUFFICIENT_AMOUNT`).
    #[error("amount is zero")]
    InsufficientAmount,
    /// Nothing was offered (`INSUFFICIENT_INPUT_AMOUNT`).
    #[error("input amount is zero")]
    InsufficientInput,
    /// Nothing would come out (`INSUFFICIENT_OUTPUT_AMOUNT`).
    #[error("output amount is zero")]
    InsufficientOutput,
    /// A reserve is empty, or smaller than what is asked of it (`INSUFFICIENT_LIQUIDITY`).
    #[error("not enough liquidity")]
    InsufficientLiquidity,
    /// The deposit is worth less than one share (`INSUFFICIENT_LIQUIDITY_MINTED`).
    #[error("deposit is worth less than one share")]
    InsufficientLiquidityMinted,
    /// The shares are worth less than one unit of an asset (`INSUFFICIENT_LIQUIDITY_BURNED`).
    #[error("shares are worth less than one unit of an asset")]
    InsufficientLiquidityBurned,
    /// Less would come out than the trader's minimum.
    #[error("output below the trader's minimum")]
    TooLittleReceived,
    /// More would be paid than the trader's maximum (`EXCESSIVE_INPUT_AMOUNT`).
    #[error("input above the trader's maximum")]
    ExcessiveInput,
    /// The product of the fee-adjusted balances would fall (`K`).
    #[error("the product of the reserves would fall")]
    ProductFell,
    /// A reserve would exceed 2¹¹² − 1 (`OVERFLOW`).
    #[error("a reserve would exceed 112 bits")]
    Overflow,
    /// The pool is in the middle of a swap (`LOCKED`).
    #[error("the pool is locked by a swap in progress")]
    Locked,
    /// A product exceeds 256 bits (`ds-math-mul-overflow`).
    #[error("a product exceeds 256 bits")]
    MulOverflow,
    /// A sum exceeds 256 bits (`ds-math-add-overflow`).
    #[error("a sum exceeds 256 bits")]
    AddOverflow,
    /// A difference would be negative (`ds-math-sub-underflow`): more is asked for than there is.
    #[error("a difference would be negative")]
    SubUnderflow,
    /// A quotient by zero, an invalid opcode to compilers of the time: all of a reserve is asked for.
    #[error("division by zero")]
    DivisionByZero,
}

/// What a swap would do: amounts in the assets' smallest units, reserves after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapQuote {
    /// What the trader pays in.
    pub amount_in: Amount,
    /// What the trader gets.
    pub amount_out: Amount,
    /// Reserve of `token0` afterwards.
    pub new_reserve0: u128,
    /// Reserve of `token1` afterwards.
    pub new_reserve1: u128,
}

/// What adding liquidity would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MintQuote {
    /// What the provider pays in `token0`.
    pub amount0: Amount,
    /// What the provider pays in `token1`.
    pub amount1: Amount,
    /// Shares minted to the provider.
    pub shares: Amount,
    /// Shares minted to nobody, for ever: the first deposit's minimum liquidity, else zero. The ledger
    /// credits them to the pool's own account, which cannot spend.
    pub locked: Amount,
    /// Shares minted to the pool's `fee_to` first (its sixth of the fees since the last mint or burn);
    /// zero where there is no `fee_to`.
    pub protocol_shares: Amount,
}

/// What removing liquidity would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnQuote {
    /// Shares burned.
    pub shares: Amount,
    /// What the provider gets of `token0`.
    pub amount0: Amount,
    /// What the provider gets of `token1`.
    pub amount1: Amount,
    /// Shares minted to the pool's `fee_to` first; see [`MintQuote::protocol_shares`].
    pub protocol_shares: Amount,
}
