//! Interest: kinked rates, and how an index grows.
//!
//! Sources: Aave v3.6 `DefaultReserveInterestRateStrategyV2.calculateInterestRates`,
//! `MathUtils.calculateLinearInterest` and `calculateCompoundedInterest`; for 3.0.2 the same functions
//! there and `DefaultReserveInterestRateStrategy` ([`crate::stable_rates`]). Ray and percent products
//! here round half up, as deployed: a rate is nobody's money yet.

use crate::math::{BY_BPS, ray_div, ray_mul};
use crate::number::{Number, either};
use crate::stable_rates::overall_rate_of_one;
use markets::math::Rounding;
use markets::narrow::{self, narrow};
use markets::reciprocal::Divisor;
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
        if debt.is_zero() {
            return Some(Rates { liquidity: Ray::ZERO, borrow: Ray::new(rays(self.base_bps)) });
        }
        let book = available.0.checked_add(debt.0)?;
        let usage = usage(debt.0, book)?;
        let supply_usage = if deficit.is_zero() {
            usage
        } else {
            self::usage(debt.0, book.checked_add(deficit.0)?)?
        };
        let borrow = self.borrow_rate(usage)?;
        Self::split(borrow, borrow, supply_usage, reserve_factor)
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
            let base = (self.optimal_usage_bps.0 != 0).then(|| rays(self.base_bps))?;
            return Some(Rates { liquidity: Ray::ZERO, borrow: Ray::new(base) });
        }
        let usage = usage(debt.0, available.0.checked_add(debt.0)?)?;
        let borrow = self.borrow_rate(usage)?;
        let overall = overall_rate_of_one(debt.0, borrow)?;
        Self::split(borrow, overall, usage, reserve_factor)
    }
    /// Both rates: the suppliers' is the used share of what is paid, less the reserve factor.
    #[inline]
    fn split(borrow: u128, paid: u128, usage: u128, reserve_factor: Bps) -> Option<Rates> {
        let gross = narrow::ray_mul(paid, usage, Rounding::HalfUp)?;
        let kept = Bps::ONE.0.checked_sub(reserve_factor.0)?;
        let liquidity = gross.percent_mul(kept)?;
        Some(Rates { liquidity: Ray::new(liquidity), borrow: Ray::new(borrow) })
    }
    /// The borrow rate at a utilisation of at most one, in rays: [`kinked`] of bps, with numerators and
    /// divisors shortened by 10²³, so that every product fits.
    #[inline]
    fn borrow_rate(&self, usage: u128) -> Option<u128> {
        let times = |slope: Bps, share: u128| {
            narrow::mul_div_by(share, u64::from(slope.0), BY_BPS, Rounding::HalfUp)
        };
        let over = |rays: u128, bps: u32| {
            let bps = u128::from(bps);
            (rays * 10_000 + bps / 2).checked_div(bps)
        };
        let optimal = rays(self.optimal_usage_bps);
        let rise = if usage > optimal {
            let excess = over(usage - optimal, Bps::ONE.0 - self.optimal_usage_bps.0)?;
            rays(self.slope1_bps) + times(self.slope2_bps, excess)?
        } else {
            over(times(self.slope1_bps, usage)?, self.optimal_usage_bps.0)?
        };
        Some(rays(self.base_bps) + rise)
    }
    /// The borrow rate at full utilisation (`getMaxVariableBorrowRate`).
    #[must_use]
    pub fn max_borrow_rate(&self) -> Ray {
        Ray::new(rays(self.base_bps) + rays(self.slope1_bps) + rays(self.slope2_bps))
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

/// The share of the debt in the book, at most one. Half up.
#[inline]
fn usage(debt: U256, book: U256) -> Option<u128> {
    narrow(ray_div(debt, book, Rounding::HalfUp)?)
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
    either([rate.0], |[r]| linear(r, elapsed_secs), |[r]| linear(r, elapsed_secs)).map(Ray)
}
/// [`linear_interest`] in either number.
#[inline]
pub(crate) fn linear<N: Number>(rate: N, elapsed_secs: u64) -> Option<N> {
    N::of(narrow::RAY).plus(rate.share(elapsed_secs, YEAR)?)
}

/// Growth of a borrower's index: the first terms of the exponential,
/// `1 + x + x·(x/2 + x·(x/6))` with `x = rate · elapsed / year` (v3.6's form).
#[must_use]
pub fn compounded_interest(rate: Ray, elapsed_secs: u64) -> Option<Ray> {
    either([rate.0], |[r]| exponential(r, elapsed_secs), |[r]| exponential(r, elapsed_secs))
        .map(Ray)
}
/// [`compounded_interest`] in either number.
#[inline]
pub(crate) fn exponential<N: Number>(rate: N, elapsed_secs: u64) -> Option<N> {
    let x = rate.share(elapsed_secs, YEAR)?;
    let cubic = x.ray_mul(x.sixth(), Rounding::HalfUp)?;
    let tail = x.ray_mul(x.half().plus(cubic)?, Rounding::HalfUp)?;
    N::of(narrow::RAY).plus(x)?.plus(tail)
}

/// The same in the form of 3.0.2: the first three terms of the binomial series of
/// `(1 + rate/year)^elapsed`, `1 + n·r + n(n−1)/2·r² + n(n−1)(n−2)/6·r³` with `r` per second, the powers
/// of `r` floored before they are multiplied.
#[must_use]
pub fn compounded_interest_binomial(rate: Ray, elapsed_secs: u64) -> Option<Ray> {
    either([rate.0], |[r]| binomial(r, elapsed_secs), |[r]| binomial(r, elapsed_secs)).map(Ray)
}
/// [`compounded_interest_binomial`] in either number.
#[inline]
pub(crate) fn binomial<N: Number>(rate: N, elapsed_secs: u64) -> Option<N> {
    if elapsed_secs == 0 {
        return Some(N::of(narrow::RAY));
    }
    let n = u128::from(elapsed_secs);
    let less = |by: u128| n.saturating_sub(by);
    let square = rate
        .ray_mul(rate, Rounding::HalfUp)?
        .over(const { Divisor::new(SECONDS_PER_YEAR * SECONDS_PER_YEAR) });
    let cube = square.ray_mul(rate, Rounding::HalfUp)?.over(YEAR);
    let first = rate.times(n)?.over(YEAR);
    let second = square.times(n.checked_mul(less(1))?)?.half();
    let third = cube.times(n.checked_mul(less(1))?.checked_mul(less(2))?)?.sixth();
    N::of(narrow::RAY).plus(first)?.plus(second)?.plus(third)
}

/// A year in seconds.
const YEAR: Divisor = Divisor::new(SECONDS_PER_YEAR);

/// A product, by hardware where it is narrow.
#[inline]
pub(crate) fn product(x: U256, by: u128) -> Option<U256> {
    match u128::try_from(x).ok().and_then(|x| x.checked_mul(by)) {
        Some(narrow) => Some(Amount::new(narrow).0),
        None => x.checked_mul(Amount::new(by).0),
    }
}

/// A bps figure in rays: 10⁴ bps are 10²⁷.
#[inline]
fn rays(bps: Bps) -> u128 {
    u128::from(bps.0) * 10_u128.pow(23)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;
    use markets::narrow::widen;
    use proptest::prelude::*;

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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_curve_in_bps_is_the_curve_in_rays(
            [base, slope1, slope2] in prop::array::uniform3(0_u32..200_000),
            optimal in 0_u32..=10_000,
            debt in any::<u128>(),
            available in any::<u128>(),
            shifts in prop::array::uniform2(0_u32..128),
            huge in any::<bool>(),
        ) {
            let most = if huge { u32::MAX } else { 0 };
            let [base, slope1, slope2] = [base, slope1, slope2].map(|bps| Bps(bps | most));
            let optimal = Bps(optimal);
            let strategy = RateStrategy {
                optimal_usage_bps: optimal,
                base_bps: base,
                slope1_bps: slope1,
                slope2_bps: slope2,
            };
            let (debt, available) = ((debt >> shifts[0]).max(1), available >> shifts[1]);
            let book = widen(debt) + widen(available);
            for usage in [usage(widen(debt), book).unwrap(), rays(optimal), 0, 1, narrow::RAY] {
                let [u, o, b, s1, s2] =
                    [usage, rays(optimal), rays(base), rays(slope1), rays(slope2)].map(widen);
                let slow = kinked(u, o, b, s1, s2);
                prop_assert_eq!(strategy.borrow_rate(usage).map(widen), slow);
            }
        }
        #[test]
        fn growth_in_128_bits_is_growth_in_256(
            rate in any::<u128>(),
            shift in 0_u32..128,
            secs in any::<u64>(),
            fewer in 0_u32..64,
        ) {
            let (rate, secs) = (rate >> shift, secs >> fewer);
            if let Some(growth) = linear(rate, secs) {
                prop_assert_eq!(linear(widen(rate), secs), Some(widen(growth)));
            }
            if let Some(growth) = exponential(rate, secs) {
                prop_assert_eq!(exponential(widen(rate), secs), Some(widen(growth)));
            }
            if let Some(growth) = binomial(rate, secs) {
                prop_assert_eq!(binomial(widen(rate), secs), Some(widen(growth)));
            }
        }
    }
}
