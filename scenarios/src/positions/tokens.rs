//! An amount as a file writes it: whole tokens in decimals, kept exactly.

use markets::units::{Amount, U256};

/// Whole tokens: `digits · 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    digits: U256,
    exponent: i32,
}

/// A number has at most so many digits: more do not fit 256 bits with an asset's decimals.
const MOST_DIGITS: usize = 45;

impl Tokens {
    /// None.
    pub const ZERO: Self = Self { digits: U256::ZERO, exponent: 0 };

    /// Reads `12`, `12.5` or `1.25e1`; an empty text is zero.
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let none = || format!("is `{text}`, no number");
        if text.is_empty() {
            return Ok(Self::ZERO);
        }
        if let Some(rest) = text.strip_prefix('-') {
            let number = Self::parse(rest).is_ok_and(|t| !rest.is_empty() && !t.is_zero());
            return Err(if number {
                format!("is {text}: it must not be negative")
            } else {
                none()
            });
        }
        let text = text.strip_prefix('+').unwrap_or(text);
        let (number, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || whole.len() + fraction.len() == 0 {
            return Err(none());
        }
        let power: i32 = power.parse().map_err(|_not_a_number| none())?;
        // Zeros at the end of the fraction say nothing.
        let fraction = fraction.trim_end_matches('0');
        let digits = [whole, fraction].concat();
        let digits = digits.trim_start_matches('0');
        if digits.len() > MOST_DIGITS || power.unsigned_abs() > 100 {
            return Err(format!("is `{text}`: more than {MOST_DIGITS} digits"));
        }
        let digits =
            digits.bytes().fold(U256::ZERO, |sum, b| sum * U256::from(10) + U256::from(b - b'0'));
        Ok(Self { digits, exponent: power - fraction.len() as i32 })
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.digits.is_zero()
    }

    /// In smallest units, floored; `None` where that does not fit 128 bits.
    #[must_use]
    pub fn amount(self, decimals: u8) -> Option<Amount> {
        let power = self.exponent + i32::from(decimals);
        let mut units = self.digits;
        let ten = U256::from(10);
        for _ in 0..power.unsigned_abs() {
            if units.is_zero() {
                break;
            }
            units = if power > 0 { units.checked_mul(ten)? } else { units / ten };
        }
        (units <= U256::from(u128::MAX)).then_some(Amount(units))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_digits_below_the_smallest_unit_are_cut() {
        let units = |text: &str, decimals| {
            Tokens::parse(text).expect("a number").amount(decimals).expect("fits").to_string()
        };
        assert_eq!(units("123456789.123456789123456789", 18), "123456789123456789123456789");
        assert_eq!(units("0.1234569", 6), "123456");
        assert_eq!(units("1.25e1", 6), "12500000");
        assert_eq!(units("5E-7", 6), "0");
        assert_eq!(units(".5", 0), "0");
        assert_eq!(units("1.50000000000000000000000000000000000000000000000000", 2), "150");
        assert_eq!(units("", 18), "0");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["x", "1,5", "1e", "e5", ".", "--1", "nan", "inf", "1e999", "1 000", "-", "-x"]
        {
            assert!(Tokens::parse(text).is_err(), "{text}");
        }
        assert!(Tokens::parse("-0.5").is_err_and(|e| e.contains("negative")));
        assert_eq!(Tokens::parse("1e60").expect("a number").amount(18), None);
    }
}
