//! Compound's price: a mantissa that an admin posts (`SimplePriceOracle`).

use super::OracleError;
use crate::units::{AccountId, Price, PriceMantissa};
use serde::{Deserialize, Serialize};

/// A posted price. Never stale: it is what was last posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MantissaFeed {
    /// The account that may post.
    pub reporter: AccountId,
    /// Decimals of the asset that it prices.
    pub decimals: u8,
    /// The last price; zero for none.
    pub mantissa: PriceMantissa,
}

impl MantissaFeed {
    /// The last price, per whole token, floored.
    ///
    /// # Errors
    /// [`OracleError::ZeroPrice`] where there is none or it rounds to nothing,
    /// [`OracleError::Overflow`] where it exceeds 128 bits.
    pub fn price(&self) -> Result<Price, OracleError> {
        match self.mantissa.to_price(self.decimals) {
            None => Err(OracleError::Overflow),
            Some(Price(0)) => Err(OracleError::ZeroPrice),
            Some(price) => Ok(price),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(decimals: u8, mantissa: u128) -> MantissaFeed {
        MantissaFeed { reporter: AccountId(0), decimals, mantissa: PriceMantissa::new(mantissa) }
    }

    #[test]
    fn a_mantissa_is_usd_per_smallest_unit_at_36_less_decimals() {
        // 2,000 USD at 18 decimals, 1 USD at 6.
        assert_eq!(feed(18, 2_000 * 10_u128.pow(18)).price(), Ok(Price::from_usd(2_000.0)));
        assert_eq!(feed(6, 10_u128.pow(30)).price(), Ok(Price::ONE));
        assert_eq!(
            PriceMantissa::from_price(Price::ONE, 6),
            Some(PriceMantissa::new(10_u128.pow(30)))
        );
        assert_eq!(PriceMantissa::from_price(Price::ONE, 37), None);
    }

    #[test]
    fn a_price_floors_and_a_missing_one_is_an_error() {
        assert_eq!(feed(18, 2 * 10_u128.pow(10) - 1).price(), Ok(Price(1)));
        assert_eq!(feed(18, 10_u128.pow(10) - 1).price(), Err(OracleError::ZeroPrice));
        assert_eq!(feed(18, 0).price(), Err(OracleError::ZeroPrice));
    }
}
