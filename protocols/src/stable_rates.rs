//! The rate strategy of 3.0.2 in full, loans at a stable rate included.
//!
//! Source: Aave v3.0.2 `DefaultReserveInterestRateStrategy.calculateInterestRates`. The markets here
//! lend at a variable rate only (as all deployed ones do since 2023), so this function stands beside
//! them; they share its variable curve and its overall rate. Every product rounds half up.

use crate::interest::kinked;
use crate::math::{percent_mul, ray_div, ray_from_wad, ray_mul};
use markets::math::Rounding;
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
