//! One whole token in its smallest unit, and quotients by it.

use markets::math::{Rounding, mul_div};
use markets::narrow::{self, narrow, widen};
use markets::reciprocal::Divisor;
use markets::units::U256;

/// A power of ten with its reciprocal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    one: u128,
    /// Of the power, where it fits 64 bits.
    by: Option<Divisor>,
}

impl Unit {
    /// Of a token of so many decimals.
    ///
    /// # Panics
    /// Where they exceed 38.
    #[inline]
    #[must_use]
    pub fn of_decimals(decimals: u8) -> &'static Self {
        &UNITS[usize::from(decimals)]
    }
    /// The power.
    #[inline]
    #[must_use]
    pub const fn get(&self) -> U256 {
        widen(self.one)
    }
    /// [`mul_div`] by the unit: what so much of a token is worth at a price of a whole one.
    #[inline]
    #[must_use]
    pub fn mul_div(&self, amount: U256, price: U256, rounding: Rounding) -> Option<U256> {
        if let (Some(by), Some(a), Some(b)) = (self.by, narrow(amount), narrow(price))
            && let Ok(b) = u64::try_from(b)
            && let Some(value) = narrow::mul_div_by(a, b, by, rounding)
        {
            return Some(widen(value));
        }
        mul_div(amount, price, self.get(), rounding)
    }
}

/// By exponent.
static UNITS: [Unit; 39] = {
    let mut units = [Unit { one: 1, by: Some(Divisor::new(1)) }; 39];
    let mut i = 1;
    while i < units.len() {
        let one = units[i - 1].one * 10;
        let by = if one >> 64 == 0 { Some(Divisor::new(one as u64)) } else { None };
        units[i] = Unit { one, by };
        i += 1;
    }
    units
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn a_value_is_the_general_quotient(
            limbs in any::<[u64; 4]>(),
            price in any::<u128>(),
            shift in 0_usize..256,
            price_shift in 0_u32..128,
            decimals in 0_u8..39,
        ) {
            let (amount, price) = (U256::from_limbs(limbs) >> shift, widen(price >> price_shift));
            let unit = Unit::of_decimals(decimals);
            prop_assert_eq!(unit.get(), U256::from(10).pow(U256::from(decimals)));
            for rounding in [Rounding::Floor, Rounding::Ceil, Rounding::HalfUp] {
                let expected = mul_div(amount, price, unit.get(), rounding);
                prop_assert_eq!(unit.mul_div(amount, price, rounding), expected);
            }
        }
    }
}
