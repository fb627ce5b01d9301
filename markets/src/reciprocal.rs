//! Quotients by known divisors: two or three products a digit, where a hardware division costs more.
//!
//! Source: Möller and Granlund, Improved division by invariant integers, IEEE Transactions on Computers
//! 60 (2011), algorithm 4. Digits have 64 bits; a divisor is shifted until its top bit is set.

use crate::wide::{both, digit, reciprocal};

/// A divisor below 2⁶⁴ with its reciprocal. Made once, as a constant: making one costs a division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divisor {
    shifted: u64,
    reciprocal: u64,
    shift: u32,
}

impl Divisor {
    /// A divisor.
    ///
    /// # Panics
    /// Where it is zero.
    #[must_use]
    pub const fn new(divisor: u64) -> Self {
        assert!(divisor != 0, "Invariant: nothing is divided by zero");
        let shift = divisor.leading_zeros();
        let shifted = divisor << shift;
        Self { shifted, reciprocal: reciprocal(shifted), shift }
    }
    /// The divisor.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u64 {
        self.shifted >> self.shift
    }
    /// Quotient and rest.
    #[must_use]
    #[inline(always)]
    pub const fn div(self, x: u128) -> (u128, u64) {
        self.two_digits(0, x)
    }
    /// Quotient and rest of the 192-bit integer `high · 2¹²⁸ + low`; `None` where the quotient exceeds
    /// 128 bits.
    #[must_use]
    #[inline(always)]
    pub(crate) const fn div_wide(self, high: u64, low: u128) -> Option<(u128, u64)> {
        if high < self.get() { Some(self.two_digits(high, low)) } else { None }
    }
    /// The same of a `high` below the divisor.
    #[inline(always)]
    pub(crate) const fn two_digits(self, high: u64, low: u128) -> (u128, u64) {
        // A shift by 128 is undefined, hence in two steps.
        let head = (high << self.shift) | (low >> 1 >> (127 - self.shift)) as u64;
        let rest = low << self.shift;
        let (q1, head) = digit(head, (rest >> 64) as u64, self.shifted, self.reciprocal);
        let (q0, rest) = digit(head, rest as u64, self.shifted, self.reciprocal);
        (both(q1, q0), rest >> self.shift)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;
    use crate::wide::tests::any_size;
    use proptest::prelude::*;
    use ruint::aliases::U256;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn a_divisor_divides(high in any_size(), x in any_size(), d in any_size()) {
            let d = (d as u64).max(1);
            let by = Divisor::new(d);
            prop_assert_eq!(by.get(), d);
            let d = u128::from(d);
            prop_assert_eq!(by.div(x), (x / d, (x % d) as u64));
            for high in [high as u64, (high % d) as u64, (d - 1) as u64, 0] {
                let n: U256 = (U256::from(high) << 128_usize) | U256::from(x);
                let expected = (u128::from(high) < d).then(|| {
                    let (quotient, rest) = n.div_rem(U256::from(d));
                    (u128::try_from(quotient).unwrap(), u64::try_from(rest).unwrap())
                });
                prop_assert_eq!(by.div_wide(high, x), expected);
            }
        }
    }
}
