//! What only a Uniswap v3 pool understands.

use super::AmountExpr;
use markets::units::{AccountId, Amount, PoolId, U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// What only a Uniswap v3 pool understands. A call with a body pays the pool in it, as the contract's
/// callbacks do; where `body` is `None` the sender pays what it owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a call's sentence names its fields")]
pub enum ConcentratedCall {
    /// Gives the pool its first √price, Q64.96.
    Initialize {
        pool: PoolId,
        #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
        sqrt_price: U256,
    },
    /// Adds liquidity between two ticks to a position of `owner`.
    Mint {
        pool: PoolId,
        owner: AccountId,
        lower: i32,
        upper: i32,
        liquidity: u128,
        body: Option<u16>,
    },
    /// Takes liquidity out of the sender's position, to be collected; zero pokes its fees.
    Burn { pool: PoolId, lower: i32, upper: i32, liquidity: u128 },
    /// Collects at most these of what the sender's position is owed.
    Collect { pool: PoolId, lower: i32, upper: i32, max0: u128, max1: u128 },
    /// Sells `token0` where `zero_for_one`, else `token1`; `amount` is of the output where `exact_out`,
    /// else of the input. Stops at a √price, Q64.96.
    Swap {
        pool: PoolId,
        zero_for_one: bool,
        exact_out: bool,
        amount: AmountExpr,
        #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
        sqrt_price_limit: U256,
        body: Option<u16>,
    },
    /// Lends from the reserves for the next `body` calls, which return it with a fee.
    Flash { pool: PoolId, amount0: Amount, amount1: Amount, body: u16 },
    /// Sets the protocol's parts of the fees, one in so many; zero is none (the owner only).
    SetFeeProtocol { pool: PoolId, fee0: u8, fee1: u8 },
    /// Collects at most these of the protocol's fees (the owner only).
    CollectProtocol { pool: PoolId, max0: u128, max1: u128 },
    /// Reserves observation slots.
    IncreaseCardinality { pool: PoolId, cardinality: u16 },
}

/// What a Uniswap v3 pool reports besides swaps; amounts in the tokens' smallest units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a log's sentence names its fields")]
pub enum ConcentratedLog {
    /// Liquidity was added, for these amounts.
    Mint { pool: PoolId, owner: AccountId, amount0: Amount, amount1: Amount },
    /// Liquidity was taken out, and these are owed for it.
    Burn { pool: PoolId, owner: AccountId, amount0: Amount, amount1: Amount },
    /// These were collected.
    Collect { pool: PoolId, owner: AccountId, amount0: Amount, amount1: Amount },
    /// A flash loan was repaid, with these fees.
    Flash { pool: PoolId, by: AccountId, paid0: Amount, paid1: Amount },
    /// These of the protocol's fees were collected.
    CollectProtocol { pool: PoolId, by: AccountId, amount0: Amount, amount1: Amount },
}

impl ConcentratedCall {
    /// How many of the following calls are this call's body; `None` where it has none.
    #[must_use]
    pub const fn body(&self) -> Option<usize> {
        match *self {
            Self::Flash { body, .. }
            | Self::Mint { body: Some(body), .. }
            | Self::Swap { body: Some(body), .. } => Some(body as usize),
            Self::Initialize { .. }
            | Self::Mint { .. }
            | Self::Burn { .. }
            | Self::Collect { .. }
            | Self::Swap { .. }
            | Self::SetFeeProtocol { .. }
            | Self::CollectProtocol { .. }
            | Self::IncreaseCardinality { .. } => None,
        }
    }
    /// Gas, its body and crossed ticks ([`Self::GAS_PER_TICK`] each) not included: a swap as measured on
    /// the deployed bytecode (102,158 a transaction), the rest typical for mainnet.
    #[must_use]
    pub const fn gas(&self) -> u64 {
        match *self {
            Self::Initialize { .. } => 60_000,
            Self::Mint { .. } => 240_000,
            Self::Burn { .. } => 110_000,
            Self::Collect { .. } => 60_000,
            Self::Swap { .. } => Self::GAS_OF_SWAP,
            Self::Flash { .. } => 80_000,
            Self::SetFeeProtocol { .. } => 15_000,
            Self::CollectProtocol { .. } => 60_000,
            // A cold storage slot each.
            Self::IncreaseCardinality { cardinality, .. } => 10_000 + 22_100 * cardinality as u64,
        }
    }
    /// Gas of a swap that crosses no tick.
    pub const GAS_OF_SWAP: u64 = 81_000;
    /// Gas of a crossed tick: 381,996 a transaction with ten.
    pub const GAS_PER_TICK: u64 = 28_000;
    /// Its name in receipts.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match *self {
            Self::Initialize { .. } => "initialize",
            Self::Mint { .. } => "mint",
            Self::Burn { .. } => "burn",
            Self::Collect { .. } => "collect",
            Self::Swap { .. } => "concentrated_swap",
            Self::Flash { .. } => "flash",
            Self::SetFeeProtocol { .. } => "set_fee_protocol",
            Self::CollectProtocol { .. } => "collect_protocol",
            Self::IncreaseCardinality { .. } => "increase_cardinality",
        }
    }
    /// The account besides the sender whose position it may change.
    #[must_use]
    pub const fn touches(&self) -> Option<AccountId> {
        match *self {
            Self::Mint { owner, .. } => Some(owner),
            _ => None,
        }
    }
}
