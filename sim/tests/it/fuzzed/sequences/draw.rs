//! Transactions drawn from bytes: whatever calls there are, without naming one.
//!
//! A [`Draw`] is a serde deserializer. It takes an enum's variant, a number, an id from the next bytes, and
//! shapes them by type and field: an id is one that the chain has (or, rarely, one beyond), an amount has an
//! interesting size. A new mechanism's calls are drawn the day they exist.

use super::world::TICK_OF_2000;
use markets::amm::concentrated::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO, sqrt_ratio_at_tick};
use markets::units::U256;
use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, SeqAccess, VariantAccess, Visitor,
};
use sim::chain::Chain;
use sim::chain::call::Call;
use std::fmt;

/// Bytes, and the shape of the chain that calls are drawn for.
#[derive(Debug)]
pub(crate) struct Draw<'a> {
    bytes: &'a [u8],
    accounts: u32,
    assets: u32,
    pools: u32,
    markets: u32,
    feeds: u32,
    now: u64,
    /// The field that is being drawn.
    field: &'static str,
}

/// There is no such value: an enum without variants.
#[derive(Debug)]
pub(crate) struct Nothing;

impl fmt::Display for Nothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such value")
    }
}
impl std::error::Error for Nothing {}
impl de::Error for Nothing {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'a> Draw<'a> {
    pub(crate) fn new(bytes: &'a [u8], chain: &Chain) -> Self {
        Self {
            bytes,
            accounts: chain.accounts().len() as u32,
            assets: chain.assets().len() as u32,
            pools: chain.pools().len() as u32,
            markets: chain.markets().len() as u32,
            feeds: chain.feeds().len() as u32,
            now: chain.clock().timestamp,
            field: "",
        }
    }
    /// Whether the bytes are spent: further draws are zeros.
    pub(crate) const fn is_spent(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Time went on.
    pub(crate) const fn now(&mut self, now: u64) {
        self.now = now;
    }
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        *first
    }
    /// A call; `None` where the bytes name one that has no value.
    pub(crate) fn call(&mut self) -> Option<Call> {
        Call::deserialize(self).ok()
    }

    fn raw(&mut self, n: usize) -> u128 {
        (0..n).fold(0, |value, _| value << 8 | u128::from(self.byte()))
    }
    /// An id below a count; one in 64 lies beyond.
    fn id(&mut self, count: u32) -> u64 {
        let byte = u32::from(self.byte());
        u64::from(match byte {
            252.. => count + byte - 252,
            // Tokens come before the shares in them.
            0..160 => byte % count.clamp(1, 6),
            _ => byte % count.max(1),
        })
    }
    /// A size: tokens of usual decimals, or anything.
    fn size(&mut self) -> U256 {
        let kind = self.byte();
        // Limits are mostly wide: what they refuse is refused soon enough.
        if self.field.starts_with("min") && !kind.is_multiple_of(4) {
            return U256::ZERO;
        }
        if self.field.starts_with("max") && !kind.is_multiple_of(4) {
            return U256::from(u128::MAX >> 16);
        }
        let ten = |exponent: u64| U256::from(10).pow(U256::from(exponent));
        match kind % 8 {
            0 => U256::from(self.byte()),
            1 => U256::from(self.raw(2)) * ten(18),
            2 => U256::from(self.raw(2)) * ten(6),
            3 => U256::from(self.raw(2)) * ten(16),
            4 => U256::from(self.raw(3)) * ten(u64::from(self.byte() % 24)),
            5 => U256::from(self.raw(8)),
            6 => U256::from(self.raw(2)) << usize::from(self.byte()),
            _ if kind >= 0xf8 => U256::MAX - U256::from(self.byte()),
            _ => U256::from(self.raw(2)) * ten(12),
        }
    }
    fn sqrt_price(&mut self) -> U256 {
        match self.byte() % 8 {
            0 => MIN_SQRT_RATIO + U256::ONE,
            1 => MAX_SQRT_RATIO - U256::ONE,
            2 => U256::from(self.raw(16)),
            _ => sqrt_ratio_at_tick(self.tick()).unwrap_or(U256::ONE),
        }
    }
    fn tick(&mut self) -> i32 {
        let steps = i32::from(self.byte() as i8) * 60;
        match self.byte() {
            0..=3 => steps * 116,
            4..=31 => steps,
            32..=39 => TICK_OF_2000 + i32::from(self.byte()),
            _ => TICK_OF_2000 / 60 * 60 + steps,
        }
    }
    fn number(&mut self) -> u64 {
        match self.field {
            "body" => u64::from(self.byte() % 4),
            "future_time" => self.now + 43_200 * u64::from(self.byte()),
            _ => {
                let small = self.byte().is_multiple_of(2);
                if small { u64::from(self.byte()) } else { self.raw(3) as u64 }
            }
        }
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
            visitor.$visit(self.number() as $type)
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Draw<'_> {
    type Error = Nothing;

    fn is_human_readable(&self) -> bool {
        false
    }
    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Nothing> {
        Err(Nothing)
    }
    numbers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
    }
    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        let sign = if self.byte().is_multiple_of(2) { 1 } else { -1 };
        visitor.visit_i64(sign * self.number() as i64)
    }
    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_i32(self.tick())
    }
    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        let size = self.size();
        visitor.visit_u128(u128::try_from(size).unwrap_or(u128::MAX))
    }
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_bool(!self.byte().is_multiple_of(2))
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        let price = self.field.starts_with("sqrt_price");
        let value = if price { self.sqrt_price() } else { self.size() };
        visitor.visit_bytes(&value.to_le_bytes::<32>())
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        self.deserialize_bytes(visitor)
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        if self.byte().is_multiple_of(4) { visitor.visit_some(self) } else { visitor.visit_none() }
    }
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        visitor.visit_unit()
    }
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_unit()
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        let count = match name {
            "AccountId" => self.accounts,
            "AssetId" => self.assets,
            "PoolId" => self.pools,
            "MarketId" => self.markets,
            "FeedId" => self.feeds,
            _ => return visitor.visit_newtype_struct(self),
        };
        let id = self.id(count);
        visitor.visit_newtype_struct(de::value::U64Deserializer::new(id))
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Nothing> {
        let len = usize::from(self.byte() % 4);
        self.deserialize_tuple(len, visitor)
    }
    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_seq(Fields { draw: self, names: &[], at: 0, len })
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        self.deserialize_tuple(len, visitor)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_seq(Fields { draw: self, names, at: 0, len: names.len() })
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        if variants.is_empty() {
            return Err(Nothing);
        }
        let byte = usize::from(self.byte());
        // Most amounts are said outright, or all there is.
        let variant = match name {
            "AmountExpr" if byte < 160 => 0,
            "AmountExpr" if byte < 220 => 1,
            _ => byte % variants.len(),
        };
        visitor.visit_enum(Chosen { draw: self, variant: variant as u32 })
    }
    serde::forward_to_deserialize_any! {
        i128 f32 f64 char str string map identifier ignored_any
    }
}

/// Values in order, each under the name of its field.
struct Fields<'d, 'a> {
    draw: &'d mut Draw<'a>,
    names: &'static [&'static str],
    at: usize,
    len: usize,
}

impl<'de> SeqAccess<'de> for Fields<'_, '_> {
    type Error = Nothing;
    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Nothing> {
        if self.at == self.len {
            return Ok(None);
        }
        if let Some(name) = self.names.get(self.at) {
            self.draw.field = name;
        }
        self.at += 1;
        seed.deserialize(&mut *self.draw).map(Some)
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.len - self.at)
    }
}

struct Chosen<'d, 'a> {
    draw: &'d mut Draw<'a>,
    variant: u32,
}

impl<'de> EnumAccess<'de> for Chosen<'_, '_> {
    type Error = Nothing;
    type Variant = Self;
    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), Nothing> {
        let index = de::value::U32Deserializer::<Nothing>::new(self.variant);
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_, '_> {
    type Error = Nothing;
    fn unit_variant(self) -> Result<(), Nothing> {
        Ok(())
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Nothing> {
        seed.deserialize(self.draw)
    }
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Nothing> {
        self.draw.deserialize_tuple(len, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(
        self,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Nothing> {
        visitor.visit_seq(Fields { draw: self.draw, names, at: 0, len: names.len() })
    }
}
