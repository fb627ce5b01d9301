//! The rate strategy of 3.0.2 in full, loans at a stable rate included.
//!
//! Source: Aave v3.0.2 `DefaultReserveInterestRateStrategy.calculateInterestRates`. The markets here
//! lend at a variable rate only (as all deployed ones do since 2023), so this function stands beside
//! them; they share its variable curve and its overall rate. Every product rounds half up.

use crate::interest::kinked;
use crate::math::{BY_WAD, percent_mul, ray_div, ray_from_wad, ray_mul};
use markets::math::Rounding;
use markets::narrow::{narrow, widen};
use markets::units::{Amount, Bps, RAY, Ray, U256};
use serde::{Deserialize, Serialize};

/// A strategy's constants, all rates per year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableRateStrategy {
    /// Utilisation at the kink.
    pub optimal_usage: Ray,
    /// Variable rate at zero utilisation.
    pub base: Ray,
    /// Rise of the variable rate up to the kink.
    pub slope1: Ray,
    /// Further rise above it.
    pub slope2: Ray,
    /// Rise of the stable rate up to the kink.
    pub stable_slope1: Ray,
    /// Further rise above it.
    pub stable_slope2: Ray,
    /// What the stable rate starts with above `slope1`.
    pub stable_offset: Ray,
    /// What an excess of stable debt adds to the stable rate.
    pub stable_excess_offset: Ray,
    /// Share of stable debt in all debt above which there is an excess.
    pub optimal_stable_ratio: Ray,
}

/// What the strategy looks at (`DataTypes.CalculateInterestRatesParams`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableBook {
    /// Underlying that the market holds.
    pub cash: Amount,
    /// About to come in.
    pub added: Amount,
    /// About to go out.
    pub taken: Amount,
    /// Owed at the variable rate.
    pub variable_debt: Amount,
    /// Owed at stable rates.
    pub stable_debt: Amount,
    /// Average of the stable rates.
    pub average_stable_rate: Ray,
    /// Supplied by a bridge without underlying.
    pub unbacked: Amount,
    /// The treasury's share of the interest.
    pub reserve_factor: Bps,
}

/// Rates with stable debt, per year.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StableRates {
    /// Earned by suppliers.
    pub liquidity: Ray,
    /// Paid on new stable debt.
    pub stable: Ray,
    /// Paid on variable debt.
    pub variable: Ray,
}

impl StableRateStrategy {
    /// The rates at a state of the book. `None` where the contract reverts: 256 bits overflow, more is
    /// taken than is there, or a kink lies at zero.
    #[must_use]
    pub fn rates(&self, book: &StableBook) -> Option<StableRates> {
        let half_up = Rounding::HalfUp;
        let debt = book.stable_debt.0.checked_add(book.variable_debt.0)?;
        let stable_base = self.slope1.0.checked_add(self.stable_offset.0)?;
        if debt.is_zero() {
            // The quotient by the kink is taken all the same.
            if self.optimal_usage.is_zero() {
                return None;
            }
            return Some(StableRates {
                liquidity: Ray::ZERO,
                stable: Ray(stable_base),
                variable: self.base,
            });
        }
        let stable_share = ray_div(book.stable_debt.0, debt, half_up)?;
        let available = book.cash.0.checked_add(book.added.0)?.checked_sub(book.taken.0)?;
        let all = available.checked_add(debt)?;
        let usage = ray_div(debt, all, half_up)?;
        let supply_usage = ray_div(debt, all.checked_add(book.unbacked.0)?, half_up)?;
        let optimal = self.optimal_usage.0;
        let variable = kinked(usage, optimal, self.base.0, self.slope1.0, self.slope2.0)?;
        let mut stable =
            kinked(usage, optimal, stable_base, self.stable_slope1.0, self.stable_slope2.0)?;
        let optimal_share = self.optimal_stable_ratio.0;
        if stable_share > optimal_share {
            let excess = ray_div(stable_share - optimal_share, RAY - optimal_share, half_up)?;
            stable = stable.checked_add(ray_mul(self.stable_excess_offset.0, excess, half_up)?)?;
        }
        let overall = overall_borrow_rate(
            book.variable_debt.0,
            variable,
            book.stable_debt.0,
            book.average_stable_rate.0,
        )?;
        let gross = ray_mul(overall, supply_usage, half_up)?;
        let kept = Bps::ONE.0.checked_sub(book.reserve_factor.0)?;
        let liquidity = percent_mul(gross, kept, half_up)?;
        Some(StableRates {
            liquidity: Ray(liquidity),
            stable: Ray(stable),
            variable: Ray(variable),
        })
    }
}

/// The average of two rates weighted by their debts, through wads, as 3.0.2 takes it
/// (`_getOverallBorrowRate`). Debts are not both zero.
#[inline]
pub(crate) fn overall_borrow_rate(
    variable_debt: U256,
    variable_rate: U256,
    stable_debt: U256,
    stable_rate: U256,
) -> Option<U256> {
    let weigh = |debt: U256, rate: U256| {
        if debt.is_zero() {
            return Some(U256::ZERO);
        }
        ray_mul(ray_from_wad(debt)?, rate, Rounding::HalfUp)
    };
    let weighted =
        weigh(variable_debt, variable_rate)?.checked_add(weigh(stable_debt, stable_rate)?)?;
    let debt = variable_debt.checked_add(stable_debt)?;
    ray_div(weighted, ray_from_wad(debt)?, Rounding::HalfUp)
}

/// [`overall_borrow_rate`] of variable debt alone. The way through wads gives the rate back but for an
/// error of less than half a wad over the debt.
#[inline]
pub(crate) fn overall_rate_of_one(debt: U256, rate: u128) -> Option<u128> {
    const WAD: i64 = 10_i64.pow(18);
    // So small that no step of the contract's overflows.
    if let Some(small) = narrow(debt)
        && small >> 120 == 0
        && rate >> 97 == 0
        && small != 0
    {
        // With D = debt, r = rate: the weighted rate is m = (D·r + 10¹⁸/2 − ρ) / 10¹⁸, where ρ is the
        // rest of that division, and the result ⌊(2·10¹⁸·m + D) / 2D⌋ = r + ⌊(10¹⁸ − 2ρ + D) / 2D⌋.
        let Some(small) = i64::try_from(small).ok().filter(|small| *small <= WAD) else {
            return Some(rate); // |10¹⁸ − 2ρ| ≤ 10¹⁸ < D
        };
        let digits = u128::from(BY_WAD.div(rate).1) * small as u128;
        let rest = BY_WAD.div(digits + WAD as u128 / 2).1 as i64;
        let off = (WAD - 2 * rest + small).div_euclid(2 * small);
        return rate.checked_add_signed(i128::from(off));
    }
    narrow(overall_borrow_rate(debt, widen(rate), U256::ZERO, U256::ZERO)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_that_overflows_the_contract_s_way_is_refused() {
        let (debt, rate) = (1_u128 << 119, 1_u128 << 127);
        assert_eq!(overall_borrow_rate(widen(debt), widen(rate), U256::ZERO, U256::ZERO), None);
        assert_eq!(overall_rate_of_one(widen(debt), rate), None);
    }

    #[test]
    fn all_debt_may_be_stable() {
        let percent = |x: u64| Ray(RAY / U256::from(100) * U256::from(x));
        let strategy = StableRateStrategy {
            optimal_usage: percent(80),
            base: Ray::ZERO,
            slope1: percent(4),
            slope2: percent(60),
            stable_slope1: percent(1),
            stable_slope2: percent(60),
            stable_offset: percent(1),
            stable_excess_offset: percent(8),
            optimal_stable_ratio: Ray::ONE,
        };
        let book = StableBook {
            cash: Amount::new(900),
            added: Amount::ZERO,
            taken: Amount::ZERO,
            variable_debt: Amount::ZERO,
            stable_debt: Amount::new(100),
            average_stable_rate: percent(5),
            unbacked: Amount::ZERO,
            reserve_factor: Bps(0),
        };
        assert!(strategy.rates(&book).is_some(), "there is no excess over all of it");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn one_debt_at_one_rate_is_the_average_of_both(
            debt in any::<u128>(),
            debt_shift in 0_u32..128,
            near in 0_u8..4,
            rate in any::<u128>(),
            rate_shift in 0_u32..128,
        ) {
            let debt = match near {
                0 => 10_u128.pow(18) - 2 + debt % 5,
                1 => (1 << 120) - 2 + debt % 5,
                _ => (debt >> debt_shift).max(1),
            };
            let rate = if near == 2 { (1 << 97) - 2 + rate % 5 } else { rate >> rate_shift };
            let slow = overall_borrow_rate(widen(debt), widen(rate), U256::ZERO, U256::ZERO);
            prop_assert_eq!(overall_rate_of_one(widen(debt), rate), slow.and_then(narrow));
        }
    }
}
