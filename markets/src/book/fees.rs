//! Fees on notional, in millionths.

use serde::{Deserialize, Serialize};

const MILLION: u64 = 1_000_000;

/// What trading costs, in millionths of the notional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fees {
    /// Of whoever rests; negative for a rebate.
    pub maker_pips: i32,
    /// Of whoever arrives.
    pub taker_pips: u32,
}

impl Fees {
    /// The maker's fee on a notional in quote units, rounded up, that is against the maker.
    #[inline]
    #[must_use]
    pub fn maker(&self, notional: u64) -> i64 {
        let pips = self.maker_pips.unsigned_abs();
        if self.maker_pips >= 0 {
            share(notional, pips, true) as i64
        } else {
            -(share(notional, pips, false) as i64)
        }
    }
    /// The taker's fee on a notional in quote units, rounded up, that is against the taker.
    #[inline]
    #[must_use]
    pub fn taker(&self, notional: u64) -> u64 {
        share(notional, self.taker_pips, true)
    }
}

/// `notional · pips / 10⁶`, rounded up or down.
#[inline]
fn share(notional: u64, pips: u32, up: bool) -> u64 {
    if pips == 0 {
        return 0;
    }
    let round = if up { MILLION - 1 } else { 0 };
    // A product that fits 64 bits is the usual case, and a tenth of the time of the other.
    match notional.checked_mul(u64::from(pips)).and_then(|p| p.checked_add(round)) {
        Some(product) => product / MILLION,
        None => {
            let product = u128::from(notional) * u128::from(pips) + u128::from(round);
            (product / u128::from(MILLION)) as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fee_rounds_against_its_payer() {
        let fees = Fees { maker_pips: -100, taker_pips: 500 };
        // 0.5005 and 0.1001 of a unit.
        assert_eq!((fees.taker(1_001), fees.maker(1_001)), (1, 0));
        assert_eq!((fees.taker(2_000), fees.maker(10_000)), (1, -1));
        assert_eq!((fees.taker(2_001), fees.maker(19_999)), (2, -1));
        let charged = Fees { maker_pips: 100, taker_pips: 0 };
        assert_eq!((charged.maker(1), charged.taker(u64::MAX)), (1, 0));
    }

    #[test]
    fn wide_products_are_exact() {
        let fees = Fees { maker_pips: 0, taker_pips: 999_999 };
        let notional = 1_u64 << 60;
        let exact = (u128::from(notional) * 999_999).div_ceil(1_000_000);
        assert_eq!(u128::from(fees.taker(notional)), exact);
    }
}
