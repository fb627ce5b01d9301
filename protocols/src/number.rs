//! A formula written once and evaluated in 128 bits, where nearly everything fits, or in the contracts'
//! 256.
//!
//! What a formula gives in 128 bits it gives in 256 too. Where 128 bits do not hold a step it gives
//! `None`, and 256 bits decide: [`either`].

use crate::math;
use markets::math::Rounding;
use markets::narrow::{self, widen};
use markets::reciprocal::Divisor;
use markets::units::U256;

/// An integer with Aave's products; each is `None` where the integer's bits do not hold it.
pub(crate) trait Number: Copy + PartialEq {
    /// From 128 bits.
    fn of(x: u128) -> Self;
    /// Sum.
    fn plus(self, other: Self) -> Option<Self>;
    /// Difference.
    fn less(self, other: Self) -> Option<Self>;
    /// Product by a plain number.
    fn times(self, by: u128) -> Option<Self>;
    /// Floored quotient.
    fn over(self, by: Divisor) -> Self;
    /// Floored half.
    fn half(self) -> Self;
    /// Floored sixth.
    fn sixth(self) -> Self;
    /// `self · by / d`, floored, the product not bounded.
    fn share(self, by: u64, d: Divisor) -> Option<Self>;
    /// `self · other / 10²⁷`.
    fn ray_mul(self, other: Self, rounding: Rounding) -> Option<Self>;
    /// `self · 10²⁷ / other`.
    fn ray_div(self, other: Self, rounding: Rounding) -> Option<Self>;
    /// `self · bps / 10⁴`, half up.
    fn percent_mul(self, bps: u32) -> Option<Self>;
}

impl Number for u128 {
    #[inline]
    fn of(x: u128) -> Self {
        x
    }
    #[inline]
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    #[inline]
    fn less(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }
    #[inline]
    fn times(self, by: u128) -> Option<Self> {
        self.checked_mul(by)
    }
    #[inline]
    fn over(self, by: Divisor) -> Self {
        by.div(self).0
    }
    #[inline]
    fn half(self) -> Self {
        self / 2
    }
    #[inline]
    fn sixth(self) -> Self {
        self / 6
    }
    #[inline]
    fn share(self, by: u64, d: Divisor) -> Option<Self> {
        narrow::mul_div_by(self, by, d, Rounding::Floor)
    }
    #[inline]
    fn ray_mul(self, other: Self, rounding: Rounding) -> Option<Self> {
        narrow::ray_mul(self, other, rounding)
    }
    #[inline]
    fn ray_div(self, other: Self, rounding: Rounding) -> Option<Self> {
        narrow::ray_div(self, other, rounding)
    }
    #[inline]
    fn percent_mul(self, bps: u32) -> Option<Self> {
        narrow::mul_div_by(self, u64::from(bps), math::BY_BPS, Rounding::HalfUp)
    }
}

impl Number for U256 {
    fn of(x: u128) -> Self {
        widen(x)
    }
    fn plus(self, other: Self) -> Option<Self> {
        self.checked_add(other)
    }
    fn less(self, other: Self) -> Option<Self> {
        self.checked_sub(other)
    }
    fn times(self, by: u128) -> Option<Self> {
        self.checked_mul(widen(by))
    }
    fn over(self, by: Divisor) -> Self {
        self / Self::from(by.get())
    }
    fn half(self) -> Self {
        self >> 1
    }
    fn sixth(self) -> Self {
        self / Self::from(6)
    }
    fn share(self, by: u64, d: Divisor) -> Option<Self> {
        markets::math::mul_div(self, Self::from(by), Self::from(d.get()), Rounding::Floor)
    }
    fn ray_mul(self, other: Self, rounding: Rounding) -> Option<Self> {
        math::ray_mul(self, other, rounding)
    }
    fn ray_div(self, other: Self, rounding: Rounding) -> Option<Self> {
        math::ray_div(self, other, rounding)
    }
    fn percent_mul(self, bps: u32) -> Option<Self> {
        math::percent_mul(self, bps, Rounding::HalfUp)
    }
}

/// A formula of some numbers, in 128 bits where it goes.
#[inline]
pub(crate) fn either<const N: usize>(
    numbers: [U256; N],
    in_128: impl FnOnce([u128; N]) -> Option<u128>,
    in_256: impl FnOnce([U256; N]) -> Option<U256>,
) -> Option<U256> {
    let mut narrowed = [0; N];
    let mut fit = true;
    for (small, number) in narrowed.iter_mut().zip(numbers) {
        match narrow::narrow(number) {
            Some(number) => *small = number,
            None => fit = false,
        }
    }
    if fit && let Some(result) = in_128(narrowed) {
        return Some(widen(result));
    }
    in_256(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Integers of every magnitude, with runs of ones and zeros.
    fn any_size() -> impl Strategy<Value = u128> {
        (any::<u128>(), 0_u32..128, any::<bool>())
            .prop_map(|(x, shift, ones)| if ones { u128::MAX >> shift } else { x >> shift })
    }
    /// Whether what 128 bits give, if anything, is what 256 give.
    fn agree(in_128: Option<u128>, in_256: Option<U256>) -> bool {
        in_128.is_none_or(|result| in_256 == Some(widen(result)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_step_in_128_bits_is_the_step_in_256(a in any_size(), b in any_size()) {
            let (x, y) = (widen(a), widen(b));
            prop_assert!(agree(a.plus(b), x.plus(y)));
            prop_assert!(agree(a.less(b), x.less(y)));
            prop_assert!(agree(a.times(b), x.times(b)));
            prop_assert!(agree(Some(a.half()), Some(x.half())));
            prop_assert!(agree(Some(a.sixth()), Some(x.sixth())));
            let digit = Divisor::new((b as u64).max(1));
            prop_assert!(agree(Some(a.over(digit)), Some(x.over(digit))));
            prop_assert!(agree(a.share(b as u64, digit), x.share(b as u64, digit)));
            prop_assert!(agree(a.share(7, digit), x.share(7, digit)));
            prop_assert!(agree(a.percent_mul(b as u32), x.percent_mul(b as u32)));
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfUp] {
                prop_assert!(agree(a.ray_mul(b, rounding), x.ray_mul(y, rounding)));
                prop_assert!(agree(a.ray_div(b, rounding), x.ray_div(y, rounding)));
            }
        }
    }
}
