//! Interest-rate models: what a block's borrowing costs, as a function of utilisation.
//!
//! Compound `WhitePaperInterestRateModel`, `JumpRateModel` and `JumpRateModelV2`: a line, and two
//! lines that meet at the kink. The two jump models differ only in what their constructors make of
//! the yearly slope: V2 takes it as the rate that is added on the way to the kink. Every division
//! truncates.

use markets::units::{Amount, U256, WAD, Wad};
use serde::{Deserialize, Serialize};

/// Blocks in a year as the models count them: one every 15 seconds (`blocksPerYear`).
pub const BLOCKS_PER_YEAR: u64 = 2_102_400;

/// Why a rate model reverts (Compound `SafeMath`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum RateError {
    /// A sum above 256 bits.
    #[error("SafeMath: addition overflow")]
    AdditionOverflow,
    /// A negative difference: reserves above cash and borrows, or a reserve factor above one.
    #[error("SafeMath: subtraction underflow")]
    SubtractionUnderflow,
    /// A product above 256 bits.
    #[error("SafeMath: multiplication overflow")]
    MultiplicationOverflow,
    /// Borrows without anything that they could be a share of, or a V2 kink of zero.
    #[error("SafeMath: division by zero")]
    DivisionByZero,
}

/// What a model's constructor is given: mantissas per year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YearlyRates {
    /// Rate at zero utilisation, a year.
    pub base: Wad,
    /// Slope below the kink, a year.
    pub multiplier: Wad,
    /// Slope above the kink, a year.
    pub jump_multiplier: Wad,
    /// Utilisation at which the slope changes.
    pub kink: Wad,
}

/// A rate model, with its slopes per block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateModel {
    /// One line.
    WhitePaper {
        /// Rate at zero utilisation, a block.
        base: Wad,
        /// Slope, a block.
        multiplier: Wad,
    },
    /// Two lines that meet at the kink.
    Jump {
        /// Rate at zero utilisation, a block.
        base: Wad,
        /// Slope below the kink, a block.
        multiplier: Wad,
        /// Slope above the kink, a block.
        jump_multiplier: Wad,
        /// Utilisation at which the slope changes.
        kink: Wad,
    },
}

impl RateModel {
    /// `WhitePaperInterestRateModel` from a rate and a slope a year.
    #[must_use]
    pub fn white_paper(base: Wad, multiplier: Wad) -> Self {
        Self::WhitePaper { base: per_block(base), multiplier: per_block(multiplier) }
    }
    /// `JumpRateModel` from yearly figures.
    #[must_use]
    pub fn jump(yearly: YearlyRates) -> Self {
        let YearlyRates { base, multiplier, jump_multiplier, kink } = yearly;
        Self::Jump {
            base: per_block(base),
            multiplier: per_block(multiplier),
            jump_multiplier: per_block(jump_multiplier),
            kink,
        }
    }
    /// `JumpRateModelV2` from yearly figures: `multiplier` is what the way to the kink adds.
    ///
    /// # Errors
    /// The kink is zero, or a product exceeds 256 bits.
    pub fn jump_v2(yearly: YearlyRates) -> Result<Self, RateError> {
        let YearlyRates { base, multiplier, jump_multiplier, kink } = yearly;
        let scaled = safe_mul(multiplier.0, WAD)?;
        let blocks_to_kink = safe_mul(U256::from(BLOCKS_PER_YEAR), kink.0)?;
        Ok(Self::Jump {
            base: per_block(base),
            multiplier: Wad(safe_div(scaled, blocks_to_kink)?),
            jump_multiplier: per_block(jump_multiplier),
            kink,
        })
    }
    /// What a block costs a borrower, per unit owed (`getBorrowRate`).
    ///
    /// # Errors
    /// The first operation that fails.
    pub fn borrow_rate(
        &self,
        cash: Amount,
        borrows: Amount,
        reserves: Amount,
    ) -> Result<Wad, RateError> {
        let used = utilization(cash, borrows, reserves)?;
        match *self {
            Self::WhitePaper { base, multiplier } => line(used.0, multiplier, base.0),
            Self::Jump { base, multiplier, .. } if used <= self.kink() => {
                line(used.0, multiplier, base.0)
            }
            Self::Jump { base, multiplier, jump_multiplier, kink } => {
                let normal = line(kink.0, multiplier, base.0)?;
                line(used.0 - kink.0, jump_multiplier, normal.0)
            }
        }
    }
    /// What a block earns a supplier, per unit supplied (`getSupplyRate`).
    ///
    /// # Errors
    /// The first operation that fails.
    pub fn supply_rate(
        &self,
        cash: Amount,
        borrows: Amount,
        reserves: Amount,
        reserve_factor: Wad,
    ) -> Result<Wad, RateError> {
        let left = safe_sub(WAD, reserve_factor.0)?;
        let rate = self.borrow_rate(cash, borrows, reserves)?;
        let to_pool = safe_mul(rate.0, left)? / WAD;
        let used = utilization(cash, borrows, reserves)?;
        Ok(Wad(safe_mul(used.0, to_pool)? / WAD))
    }
    const fn kink(&self) -> Wad {
        match self {
            Self::WhitePaper { .. } => Wad::MAX,
            Self::Jump { kink, .. } => *kink,
        }
    }
}

/// The lent share of what suppliers own (`utilizationRate`): nothing without borrows.
///
/// # Errors
/// Reserves above cash and borrows, nothing to divide by, or an overflow.
pub fn utilization(cash: Amount, borrows: Amount, reserves: Amount) -> Result<Wad, RateError> {
    if borrows.is_zero() {
        return Ok(Wad::ZERO);
    }
    let scaled = safe_mul(borrows.0, WAD)?;
    let total = cash.checked_add(borrows).ok_or(RateError::AdditionOverflow)?;
    safe_div(scaled, safe_sub(total.0, reserves.0)?).map(Wad)
}

/// `x · slope + at_zero`, the product truncated.
fn line(x: U256, slope: Wad, at_zero: U256) -> Result<Wad, RateError> {
    let risen = safe_mul(x, slope.0)? / WAD;
    risen.checked_add(at_zero).map(Wad).ok_or(RateError::AdditionOverflow)
}

fn per_block(yearly: Wad) -> Wad {
    Wad(yearly.0 / U256::from(BLOCKS_PER_YEAR))
}
fn safe_mul(a: U256, b: U256) -> Result<U256, RateError> {
    a.checked_mul(b).ok_or(RateError::MultiplicationOverflow)
}
fn safe_sub(a: U256, b: U256) -> Result<U256, RateError> {
    a.checked_sub(b).ok_or(RateError::SubtractionUnderflow)
}
fn safe_div(a: U256, b: U256) -> Result<U256, RateError> {
    a.checked_div(b).ok_or(RateError::DivisionByZero)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    const PERCENT: u128 = 10_000_000_000_000_000;

    fn yearly() -> YearlyRates {
        YearlyRates {
            base: Wad::new(2 * PERCENT),
            multiplier: Wad::new(10 * PERCENT),
            jump_multiplier: Wad::new(300 * PERCENT),
            kink: Wad::new(80 * PERCENT),
        }
    }
    fn a(x: u128) -> Amount {
        Amount::new(x)
    }

    #[test]
    fn utilisation_truncates_and_counts_reserves_as_not_lent() {
        assert_eq!(utilization(a(0), a(0), a(5)), Ok(Wad::ZERO));
        // 2 / (1 + 2 − 0) = 0.666…
        assert_eq!(utilization(a(1), a(2), a(0)), Ok(Wad::new(666_666_666_666_666_666)));
        // 2 / (1 + 2 − 1) = 1
        assert_eq!(utilization(a(1), a(2), a(1)), Ok(Wad::ONE));
        assert_eq!(utilization(a(1), a(2), a(3)), Err(RateError::DivisionByZero));
        assert_eq!(utilization(a(1), a(2), a(4)), Err(RateError::SubtractionUnderflow));
        assert_eq!(utilization(a(1), Amount::MAX, a(0)), Err(RateError::MultiplicationOverflow));
        let third = Amount(U256::MAX / WAD);
        assert_eq!(utilization(Amount::MAX, third, a(0)), Err(RateError::AdditionOverflow));
    }

    #[test]
    fn yearly_rates_become_blockly_ones() {
        // 0.02e18 / 2102400 = 9512937595.129…
        let RateModel::Jump { base, multiplier, .. } = RateModel::jump(yearly()) else {
            unreachable!("a jump model")
        };
        assert_eq!(base, Wad::new(9_512_937_595));
        assert_eq!(multiplier, Wad::new(47_564_687_975)); // 0.1e18 / 2102400 = …975.6
        let RateModel::Jump { multiplier, .. } = RateModel::jump_v2(yearly()).unwrap() else {
            unreachable!("a jump model")
        };
        assert_eq!(multiplier, Wad::new(59_455_859_969)); // 0.1e36 / (2102400 · 0.8e18) = …969.5
        let no_kink = YearlyRates { kink: Wad::ZERO, ..yearly() };
        assert_eq!(RateModel::jump_v2(no_kink), Err(RateError::DivisionByZero));
    }

    #[test]
    fn a_jump_model_bends_at_its_kink() {
        let model = RateModel::jump(yearly());
        let RateModel::Jump { base, multiplier, jump_multiplier, .. } = model else {
            unreachable!("a jump model")
        };
        let at = |borrows| model.borrow_rate(a(100 - borrows), a(borrows), a(0)).unwrap().0;
        assert_eq!(at(0), base.0);
        assert_eq!(at(80), base.0 + multiplier.0 * U256::from(80) / U256::from(100));
        assert_eq!(at(90), at(80) + jump_multiplier.0 / U256::from(10));
        assert_eq!(
            RateModel::white_paper(Wad::new(2 * PERCENT), Wad::new(10 * PERCENT))
                .borrow_rate(a(10), a(90), a(0))
                .unwrap()
                .0,
            base.0 + multiplier.0 * U256::from(9) / U256::from(10)
        );
    }

    #[test]
    fn a_reserve_factor_above_one_reverts_the_supply_rate_only() {
        let model = RateModel::jump(yearly());
        let above = Wad(WAD + U256::from(1));
        assert!(model.borrow_rate(a(1), a(1), a(0)).is_ok());
        let rate = model.supply_rate(a(1), a(1), a(0), above);
        assert_eq!(rate, Err(RateError::SubtractionUnderflow));
        assert_eq!(model.supply_rate(a(1), a(1), a(0), Wad::ONE), Ok(Wad::ZERO));
    }

    proptest! {
        #[test]
        fn suppliers_never_earn_more_than_borrowers_pay(
            cash in 0_u128..1 << 100, borrows in 0_u128..1 << 100, factor in 0_u128..=100
        ) {
            let model = RateModel::jump_v2(yearly()).unwrap();
            let (cash, borrows, none) = (a(cash), a(borrows), Amount::ZERO);
            let paid = model.borrow_rate(cash, borrows, none).unwrap();
            let factor = Wad::new(factor * PERCENT);
            let earned = model.supply_rate(cash, borrows, none, factor).unwrap();
            prop_assert!(earned <= paid);
        }

        #[test]
        fn the_rate_never_falls_with_what_is_borrowed(
            total in 1_u128..1 << 100, x in 0.0_f64..1.0, y in 0.0_f64..1.0
        ) {
            let model = RateModel::jump(yearly());
            let lent = |share: f64| ((total as f64 * share) as u128).min(total);
            let (less, more) = (lent(x.min(y)), lent(x.max(y)));
            let rate = |lent| model.borrow_rate(a(total - lent), a(lent), a(0)).unwrap();
            prop_assert!(rate(less) <= rate(more));
        }
    }
}
