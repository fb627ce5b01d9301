//! Why a concentrated-liquidity pool refuses, by the contract's own require strings.

use serde::{Deserialize, Serialize};

/// Why a call reverts. [`ConcentratedError::code`] is the string that Uniswap v3's contracts revert with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ConcentratedError {
    /// The amount of a swap is zero (`AS`).
    #[error("the amount specified is zero")]
    AmountSpecified,
    /// The pool is inside another call, or was never initialised (`LOK`).
    #[error("the pool is locked")]
    Locked,
    /// The price limit is on the wrong side of the price, or out of range (`SPL`).
    #[error("the price limit is out of range")]
    PriceLimit,
    /// A swap was not paid for (`IIA`).
    #[error("the swap was not paid for")]
    InsufficientInput,
    /// A mint was not paid for in `token0` (`M0`).
    #[error("token0 of the mint was not paid")]
    Mint0,
    /// A mint was not paid for in `token1` (`M1`).
    #[error("token1 of the mint was not paid")]
    Mint1,
    /// A flash loan's `token0` did not come back with its fee (`F0`).
    #[error("token0 of the flash loan was not repaid")]
    Flash0,
    /// A flash loan's `token1` did not come back with its fee (`F1`).
    #[error("token1 of the flash loan was not repaid")]
    Flash1,
    /// A flash loan while no liquidity is in range (`L`).
    #[error("no liquidity is in range")]
    NoLiquidity,
    /// The tick is beyond ±887,272 (`T`).
    #[error("the tick is out of range")]
    Tick,
    /// The √price is outside the range of ticks (`R`).
    #[error("the square-root price is out of range")]
    SqrtPrice,
    /// The lower tick is not below the upper one (`TLU`).
    #[error("the lower tick is not below the upper one")]
    TickOrder,
    /// The lower tick is below the lowest (`TLM`).
    #[error("the lower tick is below the lowest")]
    TickTooLow,
    /// The upper tick is above the highest (`TUM`).
    #[error("the upper tick is above the highest")]
    TickTooHigh,
    /// Liquidity would fall below zero (`LS`).
    #[error("more liquidity than there is")]
    LiquiditySubtract,
    /// Liquidity would exceed 128 bits (`LA`).
    #[error("liquidity above 128 bits")]
    LiquidityAdd,
    /// A tick would refer to more liquidity than the spacing allows (`LO`).
    #[error("more liquidity than a tick may hold")]
    LiquidityOverflow,
    /// A position without liquidity was poked (`NP`).
    #[error("the position has no liquidity")]
    NoPosition,
    /// The observation asked for is older than the oldest (`OLD`).
    #[error("older than the oldest observation")]
    TooOld,
    /// The pool was never initialised (`I`).
    #[error("the pool is not initialised")]
    NotInitialized,
    /// The pool was initialised before (`AI`).
    #[error("the pool is already initialised")]
    AlreadyInitialized,
    /// The pool has less of a token than it should send (`TF`).
    #[error("the pool cannot send that much")]
    Transfer,
    /// An average over no time (`BP`).
    #[error("an average over zero seconds")]
    ZeroPeriod,
    /// A mint of no liquidity (no string).
    #[error("no liquidity was asked for")]
    ZeroLiquidity,
    /// A tick that is not a multiple of the spacing (no string).
    #[error("the tick is not a multiple of the spacing")]
    TickSpacing,
    /// A protocol fee that is neither off nor between a quarter and a tenth (no string).
    #[error("the protocol fee is out of range")]
    FeeProtocol,
    /// The caller is not the factory's owner (no string).
    #[error("not the owner")]
    NotOwner,
    /// A quotient, an amount or a price exceeds its type, or a denominator is zero (no string).
    #[error("arithmetic overflow")]
    Overflow,
}

impl ConcentratedError {
    /// The require string; empty where the contract gives none.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AmountSpecified => "AS",
            Self::Locked => "LOK",
            Self::PriceLimit => "SPL",
            Self::InsufficientInput => "IIA",
            Self::Mint0 => "M0",
            Self::Mint1 => "M1",
            Self::Flash0 => "F0",
            Self::Flash1 => "F1",
            Self::NoLiquidity => "L",
            Self::Tick => "T",
            Self::SqrtPrice => "R",
            Self::TickOrder => "TLU",
            Self::TickTooLow => "TLM",
            Self::TickTooHigh => "TUM",
            Self::LiquiditySubtract => "LS",
            Self::LiquidityAdd => "LA",
            Self::LiquidityOverflow => "LO",
            Self::NoPosition => "NP",
            Self::TooOld => "OLD",
            Self::NotInitialized => "I",
            Self::AlreadyInitialized => "AI",
            Self::Transfer => "TF",
            Self::ZeroPeriod => "BP",
            Self::ZeroLiquidity
            | Self::TickSpacing
            | Self::FeeProtocol
            | Self::NotOwner
            | Self::Overflow => "",
        }
    }
}
