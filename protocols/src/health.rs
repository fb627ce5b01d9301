//! Health: what an account owns and owes in a market.
//!
//! Source: Aave v3 `GenericLogic.calculateUserAccountData`; how the two generations round is in
//! [`Version`](crate::lending::Version).

use crate::LendingView;
use crate::interest::product;
use crate::lending::{LendingError, Pooled};
use crate::position::Position;
use crate::reserve::Reserve;
use markets::math::{Rounding, percent_mul};
use markets::narrow::{narrow, widen};
use markets::units::{AccountId, Amount, Bps, Ray, U256, Wad};
use serde::{Deserialize, Serialize};

/// What an account owns and owes, at a moment (Aave `getUserAccountData`). Base currency: USD·10⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Value of the collateral, in USD·10⁸.
    pub collateral_base: U256,
    /// Value of the debt, in USD·10⁸.
    pub debt_base: U256,
    /// Value-weighted LTV of the collateral.
    pub avg_ltv: Bps,
    /// Value-weighted liquidation threshold of the collateral.
    pub avg_threshold: Bps,
    /// Collateral at the threshold over debt; the largest value without debt.
    pub health_factor: Wad,
    /// Whether some collateral has LTV zero: it must be withdrawn first.
    pub has_zero_ltv_collateral: bool,
}

impl Health {
    /// Of an account that the market has never seen.
    pub const EMPTY: Self = Self {
        collateral_base: U256::ZERO,
        debt_base: U256::ZERO,
        avg_ltv: Bps(0),
        avg_threshold: Bps(0),
        health_factor: Wad::MAX,
        has_zero_ltv_collateral: false,
    };
    /// Whether the position can be liquidated: health factor below one.
    #[must_use]
    pub fn is_liquidatable(&self) -> bool {
        self.health_factor < Wad::ONE
    }
    /// What more can be borrowed, in USD·10⁸ (`calculateAvailableBorrows`; floor: no more than any
    /// version grants).
    #[must_use]
    pub fn available_borrows_base(&self) -> U256 {
        percent_mul(self.collateral_base, self.avg_ltv.0, Rounding::Floor)
            .unwrap_or(U256::ZERO)
            .saturating_sub(self.debt_base)
    }
}

/// What an operation will leave behind in one reserve: its book, and share balances that differ from the
/// ledger's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moved<'a> {
    /// Which reserve.
    pub(crate) reserve: u16,
    /// Its book after: accrual leaves another borrow index than a projection where there was no debt.
    pub(crate) book: &'a Reserve,
    /// Supply shares after, where they change.
    pub(crate) supply: Option<Amount>,
    /// Debt shares after, where they change.
    pub(crate) debt: Option<Amount>,
}

/// Indexes projected to now before, each with its reserve: they are not projected again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// A liquidity index.
    pub(crate) liquidity: Option<(u16, Ray)>,
    /// A borrow index.
    pub(crate) borrow: Option<(u16, Ray)>,
}

impl Known {
    /// A reserve's liquidity index, where it is known.
    #[inline]
    pub(crate) fn liquidity_index(&self, reserve: u16) -> Option<Ray> {
        self.liquidity.filter(|(of, _)| *of == reserve).map(|(_, index)| index)
    }
    /// A reserve's borrow index, where it is known.
    #[inline]
    pub(crate) fn borrow_index(&self, reserve: u16) -> Option<Ray> {
        self.borrow.filter(|(of, _)| *of == reserve).map(|(_, index)| index)
    }
}

/// An account's health with these flags and, in one reserve, other balances.
pub(crate) fn health(
    pooled: &Pooled,
    view: &impl LendingView,
    account: AccountId,
    position: Position,
    moved: Option<Moved<'_>>,
) -> Result<Health, LendingError> {
    health_knowing(pooled, view, account, position, moved, &Known::default())
}

/// The same where some indexes of the stored books are known.
pub(crate) fn health_knowing(
    pooled: &Pooled,
    view: &impl LendingView,
    account: AccountId,
    position: Position,
    moved: Option<Moved<'_>>,
    known: &Known,
) -> Result<Health, LendingError> {
    if position.is_empty() {
        return Ok(Health::EMPTY);
    }
    let (now, version) = (view.now(), pooled.version);
    let category = pooled.e_mode(position.e_mode);
    let (mut collateral, mut debt) = (U256::ZERO, U256::ZERO);
    let (mut at_ltv, mut at_threshold) = (U256::ZERO, U256::ZERO);
    let mut has_zero_ltv_collateral = false;
    for index in position.reserves() {
        let here = moved.filter(|m| m.reserve == index);
        let stored = pooled.reserves.get(usize::from(index));
        let Some(reserve) = here.map(|m| m.book).or(stored) else { continue };
        let feed = pooled.feed_within(position, index, reserve);
        let price = Amount::new(view.price(feed)?.0).0;
        let unit = reserve.token();
        let (ltv, threshold) = pooled.terms_of(index, reserve, category);
        if threshold.0 != 0 && position.uses_as_collateral(index) {
            let shares = here
                .and_then(|m| m.supply)
                .unwrap_or_else(|| view.balance(account, reserve.a_token));
            // Floored, to understate the collateral.
            let value = known
                .liquidity_index(index)
                .or_else(|| reserve.liquidity_index_at(now))
                .and_then(|at| version.supply_from_shares(shares, at))
                .and_then(|assets| unit.mul_div(assets.0, price, Rounding::Floor))
                .ok_or(LendingError::Overflow)?;
            has_zero_ltv_collateral |= ltv.0 == 0;
            collateral = add(collateral, value)?;
            at_ltv = add(at_ltv, weigh(value, ltv)?)?;
            at_threshold = add(at_threshold, weigh(value, threshold)?)?;
        }
        if position.borrows(index) {
            let shares = here
                .and_then(|m| m.debt)
                .unwrap_or_else(|| view.balance(account, reserve.debt_token));
            let value = known
                .borrow_index(index)
                .or_else(|| reserve.borrow_index_at(version, now))
                .and_then(|at| version.debt_from_shares(shares, at))
                .and_then(|assets| unit.mul_div(assets.0, price, version.debt_value_rounding()))
                .ok_or(LendingError::Overflow)?;
            debt = add(debt, value)?;
        }
    }
    let avg_threshold = average(at_threshold, collateral);
    let health_factor = if debt.is_zero() {
        Wad::MAX
    } else {
        version
            .health_factor(collateral, avg_threshold, at_threshold, debt)
            .ok_or(LendingError::Overflow)?
    };
    Ok(Health {
        collateral_base: collateral,
        debt_base: debt,
        avg_ltv: average(at_ltv, collateral),
        avg_threshold,
        health_factor,
        has_zero_ltv_collateral,
    })
}

#[inline]
fn add(a: U256, b: U256) -> Result<U256, LendingError> {
    a.checked_add(b).ok_or(LendingError::Overflow)
}
#[inline]
fn weigh(value: U256, share: Bps) -> Result<U256, LendingError> {
    product(value, u128::from(share.0)).ok_or(LendingError::Overflow)
}
/// A weighted sum over its weight, floored; zero without weight.
#[inline]
fn average(sum: U256, weight: U256) -> Bps {
    let average = match (narrow(sum), narrow(weight)) {
        (_, Some(0)) => return Bps(0),
        (Some(sum), Some(weight)) => widen(sum / weight),
        _ => sum / weight,
    };
    Bps(average.saturating_to::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_taken_at_any_width() {
        let u = U256::from::<u64>;
        assert_eq!(average(u(17), u(5)), Bps(3));
        assert_eq!(average(u(17), u(0)), Bps(0));
        let wide = U256::from(1) << 200;
        assert_eq!(average(wide * u(17), wide * u(5)), Bps(3));
        assert_eq!(average(wide, u(1)), Bps(u32::MAX));
    }
}
