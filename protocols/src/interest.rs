//! Interest: kinked rates, and how an index grows.
//!
//! Sources: Aave v3.6 `DefaultReserveInterestRateStrategyV2.calculateInterestRates`,
//! `MathUtils.calculateLinearInterest` and `calculateCompoundedInterest`; for 3.0.2 the same functions
//! there and `DefaultReserveInterestRateStrategy` ([`crate::stable_rates`]). Ray and percent products
//! here round half up, as deployed: a rate is nobody's money yet.

use crate::math::{percent_mul, ray_div, ray_mul};
use crate::stable_rates::overall_borrow_rate;
use markets::math::{Rounding, mul_div};
use markets::units::{Amount, Bps, RAY, Ray, SECONDS_PER_YEAR, U256};
use serde::{Deserialize, Serialize};

/// A kinked rate curve, per year, in the unit in which Aave v3.1 and later store it
/// (`IDefaultInterestRateStrategyV2.InterestRateData`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateStrategy {
    /// Utilisation at the kink, above zero; 100 % means that there is no second slope.
    pub optimal_usage_bps: Bps,
    /// Borrow rate at zero utilisation.
    pub base_bps: Bps,
    /// Rise of the borrow rate from zero utilisation to the kink.
    pub slope1_bps: Bps,
    /// Further rise from the kink to full utilisation.
    pub slope2_bps: Bps,
}

/// What a reserve pays and charges, per year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Earned by suppliers.
    pub liquidity: Ray,
    /// Paid by borrowers.
    pub borrow: Ray,
}

impl RateStrategy {
    /// The rates at a state of the book.
    ///
    /// `available` is the underlying at hand, `debt` what is owed with interest, `deficit` what was
    /// written off and not covered (it dilutes the suppliers' rate, not the borrowers'). With
    /// utilisation `u` and kink `u*`: base + slope1·u/u* up to the kink, base + slope1 +
    /// slope2·(u − u*)/(1 − u*) above it; suppliers earn the borrow rate times the used share of all
    /// claims, less the reserve factor.
    ///
    /// `None` where 256 bits overflow or the kink is at zero.
    #[must_use]
    pub fn rates(
        &self,
        available: Amount,
        debt: Amount,
        deficit: Amount,
        reserve_factor: Bps,
    ) -> Option<Rates> {
        let base = ray_from_bps(self.base_bps);
        if debt.is_zero() {
            return Some(Rates { liquidity: Ray::ZERO, borrow: Ray(base) });
        }
        let book = available.0.checked_add(debt.0)?;
        let usage = ray_div(debt.0, book, Rounding::HalfUp)?;
        let supply_usage = if deficit.is_zero() {
            usage
        } else {
            ray_div(debt.0, book.checked_add(deficit.0)?, Rounding::HalfUp)?
        };
        let borrow = self.borrow_rate(usage)?;
        let gross = ray_mul(borrow, supply_usage, Rounding::HalfUp)?;
        let kept = Bps::ONE.0.checked_sub(reserve_factor.0)?;
        let liquidity = percent_mul(gross, kept, Rounding::HalfUp)?;
        Some(Rates { liquidity: Ray(liquidity), borrow: Ray(borrow) })
    }
    /// The rates as 3.0.2 has them while nobody borrows at a stable rate: the suppliers' is taken from
    /// the overall borrow rate, which goes through wads and back and so ends in other digits. Without
    /// debt `available` is not asked.
    ///
    /// `None` where 256 bits overflow or the kink is at zero.
    #[must_use]
    pub fn rates_through_overall_rate(
        &self,
        available: Amount,
        debt: Amount,
        reserve_factor: Bps,
    ) -> Option<Rates> {
        if debt.is_zero() {
            // The quotient by the kink is taken all the same.
            let base = (self.optimal_usage_bps.0 != 0).then(|| ray_from_bps(self.base_bps))?;
            return Some(Rates { liquidity: Ray::ZERO, borrow: Ray(base) });
        }
        let usage = ray_div(debt.0, available.0.checked_add(debt.0)?, Rounding::HalfUp)?;
        let borrow = self.borrow_rate(usage)?;
        let overall = overall_borrow_rate(debt.0, borrow, U256::ZERO, U256::ZERO)?;
        let gross = ray_mul(overall, usage, Rounding::HalfUp)?;
        let kept = Bps::ONE.0.checked_sub(reserve_factor.0)?;
        let liquidity = percent_mul(gross, kept, Rounding::HalfUp)?;
        Some(Rates { liquidity: Ray(liquidity), borrow: Ray(borrow) })
    }
    /// The borrow rate at a utilisation, in rays.
    #[inline]
    fn borrow_rate(&self, usage: U256) -> Option<U256> {
        kinked(
            usage,
            ray_from_bps(self.optimal_usage_bps),
            ray_from_bps(self.base_bps),
            ray_from_bps(self.slope1_bps),
            ray_from_bps(self.slope2_bps),
        )
    }
    /// The borrow rate at full utilisation (`getMaxVariableBorrowRate`).
    #[must_use]
    pub fn max_borrow_rate(&self) -> Ray {
        Ray(ray_from_bps(self.base_bps)
            + ray_from_bps(self.slope1_bps)
            + ray_from_bps(self.slope2_bps))
    }
}

/// A kinked rate, all in rays: `base + slope1·u/u*` up to the kink, `base + slope1 +
/// slope2·(u − u*)/(1 − u*)` above it. Half up.
#[inline]
pub(crate) fn kinked(
    usage: U256,
    optimal: U256,
    base: U256,
    slope1: U256,
    slope2: U256,
) -> Option<U256> {
    let rise = if usage > optimal {
        let excess = ray_div(usage - optimal, RAY - optimal, Rounding::HalfUp)?;
        slope1.checked_add(ray_mul(slope2, excess, Rounding::HalfUp)?)?
    } else {
        ray_div(ray_mul(slope1, usage, Rounding::HalfUp)?, optimal, Rounding::HalfUp)?
    };
    base.checked_add(rise)
}

/// `debt / (available + debt)`; zero without debt. Half up.
#[must_use]
pub fn utilisation(available: Amount, debt: Amount) -> Option<Ray> {
    if debt.is_zero() {
        return Some(Ray::ZERO);
    }
    ray_div(debt.0, available.0.checked_add(debt.0)?, Rounding::HalfUp).map(Ray)
}

/// Growth of a supplier's index: `1 + rate · elapsed / year`, floored.
#[must_use]
pub fn linear_interest(rate: Ray, elapsed_secs: u64) -> Option<Ray> {
    RAY.checked_add(rate_over(rate, elapsed_secs)?).map(Ray)
}

/// Growth of a borrower's index: the first terms of the exponential,
/// `1 + x + x·(x/2 + x·(x/6))` with `x = rate · elapsed / year` (v3.6's form).
#[must_use]
pub fn compounded_interest(rate: Ray, elapsed_secs: u64) -> Option<Ray> {
    let x = rate_over(rate, elapsed_secs)?;
    if x.is_zero() {
        return Some(Ray::ONE);
    }
    let cubic = ray_mul(x, half_and_sixth(x).1, Rounding::HalfUp)?;
    let tail = ray_mul(x, half_and_sixth(x).0.checked_add(cubic)?, Rounding::HalfUp)?;
    RAY.checked_add(x)?.checked_add(tail).map(Ray)
}

/// The same in the form of 3.0.2: the first three terms of the binomial series of
/// `(1 + rate/year)^elapsed`, `1 + n·r + n(n−1)/2·r² + n(n−1)(n−2)/6·r³` with `r` per second, the powers
/// of `r` floored before they are multiplied.
#[must_use]
pub fn compounded_interest_binomial(rate: Ray, elapsed_secs: u64) -> Option<Ray> {
    if elapsed_secs == 0 {
        return Some(Ray::ONE);
    }
    let (n, year) = (u128::from(elapsed_secs), u128::from(SECONDS_PER_YEAR));
    let less = |by: u128| n.saturating_sub(by);
    let square = quotient(ray_mul(rate.0, rate.0, Rounding::HalfUp)?, year * year);
    let cube = quotient(ray_mul(square, rate.0, Rounding::HalfUp)?, year);
    let first = quotient(product(rate.0, n)?, year);
    let second = quotient(product(square, n.checked_mul(less(1))?)?, 2);
    let third = quotient(product(cube, n.checked_mul(less(1))?.checked_mul(less(2))?)?, 6);
    RAY.checked_add(first)?.checked_add(second)?.checked_add(third).map(Ray)
}

/// A floored quotient, by hardware where the numerator is narrow. `by` is not zero.
#[inline]
fn quotient(x: U256, by: u128) -> U256 {
    match u128::try_from(x) {
        Ok(x) => Amount::new(x / by).0,
        Err(_) => x / Amount::new(by).0,
    }
}
/// A product, by hardware where it is narrow.
#[inline]
pub(crate) fn product(x: U256, by: u128) -> Option<U256> {
    match u128::try_from(x).ok().and_then(|x| x.checked_mul(by)) {
        Some(narrow) => Some(Amount::new(narrow).0),
        None => x.checked_mul(Amount::new(by).0),
    }
}

/// `x/2` and `x/6`, floored, on one limb pair where it fits.
#[inline]
fn half_and_sixth(x: U256) -> (U256, U256) {
    let l = x.as_limbs();
    if (l[2] | l[3]) == 0 {
        let x = u128::from(l[0]) | (u128::from(l[1]) << 64);
        (Amount::new(x / 2).0, Amount::new(x / 6).0)
    } else {
        (x / U256::from(2), x / U256::from(6))
    }
}

fn rate_over(rate: Ray, elapsed_secs: u64) -> Option<U256> {
    if elapsed_secs == 0 || rate.is_zero() {
        return Some(U256::ZERO);
    }
    mul_div(rate.0, U256::from(elapsed_secs), U256::from(SECONDS_PER_YEAR), Rounding::Floor)
}

/// A bps figure as a ray, by one 128-bit product (10⁴ bps = 10²⁷).
#[inline]
fn ray_from_bps(bps: Bps) -> U256 {
    Amount::new(bps.0 as u128 * 100_000_000_000_000_000_000_000).0
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;

    fn usdc() -> RateStrategy {
        RateStrategy {
            optimal_usage_bps: Bps(9000),
            base_bps: Bps(0),
            slope1_bps: Bps(350),
            slope2_bps: Bps(6000),
        }
    }
    fn amount(x: u128) -> Amount {
        Amount::new(x)
    }

    #[test]
    fn an_idle_reserve_charges_the_base_rate_and_pays_nothing() {
        let s = RateStrategy { base_bps: Bps(25), ..usdc() };
        let r = s.rates(amount(100), amount(0), amount(0), Bps(1000)).unwrap();
        assert_eq!(r, Rates { liquidity: Ray::ZERO, borrow: Ray::from_bps(25) });
    }

    #[test]
    fn at_the_kink_the_rate_is_base_plus_slope_one() {
        let r = usdc().rates(amount(10), amount(90), amount(0), Bps(1000)).unwrap();
        assert_eq!(r.borrow, Ray::from_bps(350));
        // 3.5 % · 90 % · (1 − 10 %) = 2.835 %
        assert_eq!(r.liquidity, Ray(Ray::from_bps(28_350).0 / U256::from(100)));
    }

    #[test]
    fn halfway_above_the_kink_adds_half_of_slope_two() {
        let r = usdc().rates(amount(5), amount(95), amount(0), Bps(0)).unwrap();
        assert_eq!(r.borrow, Ray::from_bps(350 + 3000));
    }

    #[test]
    fn full_utilisation_charges_the_maximum() {
        let r = usdc().rates(amount(0), amount(7), amount(0), Bps(0)).unwrap();
        assert_eq!(r.borrow, usdc().max_borrow_rate());
        assert_eq!(r.liquidity, r.borrow);
    }

    #[test]
    fn a_kink_at_one_hundred_percent_has_no_second_slope() {
        let s = RateStrategy { optimal_usage_bps: Bps(10_000), ..usdc() };
        let r = s.rates(amount(0), amount(7), amount(0), Bps(0)).unwrap();
        assert_eq!(r.borrow, Ray::from_bps(350));
    }

    #[test]
    fn a_deficit_dilutes_suppliers_only() {
        let clean = usdc().rates(amount(10), amount(90), amount(0), Bps(0)).unwrap();
        let holed = usdc().rates(amount(10), amount(90), amount(100), Bps(0)).unwrap();
        assert_eq!(holed.borrow, clean.borrow);
        assert_eq!(holed.liquidity.0 * U256::from(2), clean.liquidity.0);
    }

    #[test]
    fn interest_over_a_year_by_hand() {
        // 10 %: linear 1.1; compounded 1 + 0.1 + 0.005 + 0.000166… (x/6 floors, products round half up)
        let rate = Ray::from_bps(1000);
        assert_eq!(linear_interest(rate, SECONDS_PER_YEAR).unwrap(), Ray::from_bps(11_000));
        assert_eq!(
            compounded_interest(rate, SECONDS_PER_YEAR).unwrap().to_string(),
            "1105166666666666666666666667"
        );
    }

    #[test]
    fn no_time_or_no_rate_leaves_an_index_alone() {
        assert_eq!(linear_interest(Ray::from_bps(1000), 0), Some(Ray::ONE));
        assert_eq!(compounded_interest(Ray::from_bps(1000), 0), Some(Ray::ONE));
        assert_eq!(compounded_interest(Ray::ZERO, 1_000_000), Some(Ray::ONE));
    }

    #[test]
    fn utilisation_is_debt_over_the_book() {
        assert_eq!(utilisation(amount(5), amount(0)), Some(Ray::ZERO));
        assert_eq!(utilisation(amount(10), amount(90)), Some(Ray::from_bps(9000)));
    }
}
