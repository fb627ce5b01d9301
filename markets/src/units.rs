//! Units: every quantity that has one carries it in its type.
//!
//! Value moves in integers ([`Amount`], [`Wad`], [`Ray`], [`Bps`]); beliefs are `f64`. Conversions
//! between the two live in this file only.

pub use ruint::aliases::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;

/// 10¹⁸, the scale of a [`Wad`].
pub const WAD: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// 10²⁷, the scale of a [`Ray`].
pub const RAY: U256 = U256::from_limbs([0x9fd0_803c_e800_0000, 0x033b_2e3c, 0, 0]);
/// 10⁴, the scale of [`Bps`].
pub const BPS: U256 = U256::from_limbs([10_000, 0, 0, 0]);
/// Seconds in a year of 365 days, as Aave and Compound use it.
pub const SECONDS_PER_YEAR: u64 = 365 * 24 * 60 * 60;

macro_rules! integer_unit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[repr(transparent)]
        pub struct $name(pub U256);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(U256::ZERO);
            /// The largest value, which contracts use for "all".
            pub const MAX: Self = Self(U256::MAX);

            /// From a 128-bit integer.
            #[inline]
            #[must_use]
            pub const fn new(value: u128) -> Self {
                Self(U256::from_limbs([value as u64, (value >> 64) as u64, 0, 0]))
            }
            /// Whether this is zero.
            #[inline]
            #[must_use]
            pub const fn is_zero(self) -> bool {
                let l = self.0.as_limbs();
                (l[0] | l[1] | l[2] | l[3]) == 0
            }
            /// Sum, or `None` where 256 bits overflow.
            #[inline]
            #[must_use]
            pub fn checked_add(self, other: Self) -> Option<Self> {
                self.0.checked_add(other.0).map(Self)
            }
            /// Difference, or `None` where it would be negative.
            #[inline]
            #[must_use]
            pub fn checked_sub(self, other: Self) -> Option<Self> {
                self.0.checked_sub(other.0).map(Self)
            }
            /// Difference, zero where it would be negative.
            #[inline]
            #[must_use]
            pub fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
            /// The nearest `f64`: a belief, never to be owed.
            #[must_use]
            pub fn to_f64(self) -> f64 {
                let l = self.0.as_limbs();
                if (l[2] | l[3]) == 0 {
                    (u128::from(l[0]) | (u128::from(l[1]) << 64)) as f64
                } else {
                    ((l[3] as f64 * TWO_64 + l[2] as f64) * TWO_64 + l[1] as f64) * TWO_64
                        + l[0] as f64
                }
            }
            /// The integer part of a belief, clamped to `[0, 2¹²⁸)`; NaN gives zero.
            #[must_use]
            pub fn from_f64_floor(value: f64) -> Self {
                Self::new(value as u128)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl From<U256> for $name {
            fn from(value: U256) -> Self {
                Self(value)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                serialize_u256(&self.0, s)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                deserialize_u256(d).map(Self)
            }
        }
    };
}

const TWO_64: f64 = 18_446_744_073_709_551_616.0;

integer_unit! {
    /// An amount of one asset in its smallest unit (wei, 10⁻⁶ USDC, one share).
    Amount
}
integer_unit! {
    /// A ratio scaled by 10¹⁸ (health factors).
    Wad
}
integer_unit! {
    /// A ratio scaled by 10²⁷ (indexes, rates per year).
    Ray
}

integer_unit! {
    /// An oracle price as Compound has it: USD per smallest unit, scaled by 10^(36 − decimals), so that
    /// a price times an amount is USD · 10¹⁸ · 10¹⁸.
    PriceMantissa
}

impl Wad {
    /// One.
    pub const ONE: Self = Self(WAD);
    /// The ratio as a belief.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.to_f64() / 1e18
    }
}
impl Ray {
    /// One.
    pub const ONE: Self = Self(RAY);
    /// The ratio as a belief.
    #[must_use]
    pub fn ratio(self) -> f64 {
        self.to_f64() / 1e27
    }
    /// From basis points, exactly.
    #[must_use]
    pub fn from_bps(bps: u64) -> Self {
        Self(U256::from(bps) * (RAY / BPS))
    }
}

/// Serialises a 256-bit integer: a decimal string for people, trimmed little-endian bytes for files.
///
/// # Errors
/// Those of the serialiser.
pub fn serialize_u256<S: Serializer>(value: &U256, s: S) -> Result<S::Ok, S::Error> {
    if s.is_human_readable() {
        s.collect_str(value)
    } else {
        let bytes: [u8; 32] = value.to_le_bytes();
        let len = 32 - bytes.iter().rev().take_while(|b| **b == 0).count();
        s.serialize_bytes(&bytes[..len])
    }
}

/// The inverse of [`serialize_u256`].
///
/// # Errors
/// A string that is not a decimal integer, or more than 32 bytes.
pub fn deserialize_u256<'de, D: Deserializer<'de>>(d: D) -> Result<U256, D::Error> {
    struct Visit;
    impl de::Visitor<'_> for Visit {
        type Value = U256;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a non-negative integer of at most 256 bits")
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<U256, E> {
            U256::from_str_radix(&v.replace('_', ""), 10)
                .map_err(|_e| E::custom(format!("`{v}` is not a non-negative integer")))
        }
        fn visit_u64<E: de::Error>(self, v: u64) -> Result<U256, E> {
            Ok(U256::from(v))
        }
        fn visit_u128<E: de::Error>(self, v: u128) -> Result<U256, E> {
            Ok(U256::from(v))
        }
        fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<U256, E> {
            U256::try_from_le_slice(v).ok_or_else(|| E::custom("more than 256 bits"))
        }
    }
    if d.is_human_readable() { d.deserialize_any(Visit) } else { d.deserialize_bytes(Visit) }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);
        impl $name {
            /// The id as an index into dense storage.
            #[inline]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}
id! {
    /// A ledger column: a token, or a share of something.
    AssetId(u16)
}
id! {
    /// A ledger row: a person, a contract, or the outside world.
    AccountId(u32)
}
id! {
    /// An AMM pool.
    PoolId(u16)
}
id! {
    /// A lending market.
    MarketId(u16)
}
id! {
    /// An oracle feed.
    FeedId(u16)
}

/// A ratio in hundredths of a percent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Bps(pub u32);

impl Bps {
    /// 100 %.
    pub const ONE: Self = Self(10_000);
    /// The ratio as a belief.
    #[must_use]
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e4
    }
}

/// A ratio in millionths (Uniswap's fee unit).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Pips(pub u32);

/// An oracle price: USD per whole token, scaled by 10⁸ (Aave's base currency unit).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Price(pub u128);

impl Price {
    /// Scale: 10⁸ is one USD.
    pub const ONE: Self = Self(100_000_000);
    /// Quantised from a belief, half away from zero; non-finite and negative beliefs give zero.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        Self((usd * 1e8 + 0.5) as u128)
    }
    /// As a belief, in USD.
    #[must_use]
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e8
    }
}

impl PriceMantissa {
    /// From a price of a whole token of so many decimals, exactly; `None` above 36 decimals or 256 bits.
    #[must_use]
    pub fn from_price(price: Price, decimals: u8) -> Option<Self> {
        // 10^(36 − decimals) = 10^(28 − decimals) · 10⁸
        let scale = U256::from(10).checked_pow(U256::from(36_u8.checked_sub(decimals)?))?;
        U256::from(price.0).checked_mul(scale).map(|scaled| Self(scaled / U256::from(Price::ONE.0)))
    }
    /// The price of a whole token of so many decimals, floored; `None` above 36 decimals or 128 bits.
    #[must_use]
    pub fn to_price(self, decimals: u8) -> Option<Price> {
        let scale = U256::from(10).checked_pow(U256::from(36_u8.checked_sub(decimals)?))?;
        let price = self.0.checked_mul(U256::from(Price::ONE.0))? / scale;
        u128::try_from(price).ok().map(Price)
    }
}

/// What a ledger column holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asset {
    /// Symbol, unique in a world (`WETH`, `aWETH`, `vdUSDC`, `LP-TAIL-USDC`).
    pub symbol: String,
    /// Decimals of the smallest unit.
    pub decimals: u8,
}

/// A movement of an asset that a mechanism asks for and the ledger performs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flow {
    /// From one account to another.
    Move {
        /// Debited.
        from: AccountId,
        /// Credited.
        to: AccountId,
        /// Which asset.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// New shares of a protocol.
    Mint {
        /// Credited.
        to: AccountId,
        /// Which share.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
    /// Shares of a protocol that cease to exist.
    Burn {
        /// Debited.
        from: AccountId,
        /// Which share.
        asset: AssetId,
        /// How much.
        amount: Amount,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wide(#[serde(deserialize_with = "deserialize_u256")] U256);

    #[test]
    fn a_wide_integer_is_read_from_text_and_from_numbers() {
        let read = |text: &str| serde_json::from_str::<Wide>(text);
        assert_eq!(read("7").expect("a number"), Wide(U256::from(7)));
        assert_eq!(read("\"1_000\"").expect("a string"), Wide(U256::from(1_000)));
        let refused = read("true").expect_err("no number").to_string();
        assert!(refused.contains("a non-negative integer of at most 256 bits"), "{refused}");
        let of_128 = de::value::U128Deserializer::<de::value::Error>::new(u128::MAX);
        assert_eq!(deserialize_u256(of_128), Ok(U256::from(u128::MAX)));
    }
}
