//! Liquidation: how much debt may be repaid, and what it seizes.
//!
//! Source: Aave v3 `LiquidationLogic.executeLiquidationCall`, `_calculateDebt` (3.0.2) and
//! `_calculateAvailableCollateralToLiquidate`. Sizing is a function of numbers; the market applies it.

use crate::lending::{LendingError, Version};
use crate::math::{percent_div, percent_mul};
use crate::unit::Unit;
use markets::math::{Rounding, mul_div};
use markets::units::{Amount, Bps, U256, Wad};
use serde::{Deserialize, Serialize};

/// At or below this health factor the whole debt may be repaid at once: 0.95.
pub const CLOSE_FACTOR_HF_THRESHOLD: Wad =
    Wad(U256::from_limbs([950_000_000_000_000_000, 0, 0, 0]));
/// A collateral or debt below this value may be closed at once: 2,000 USD, in USD·10⁸.
pub const MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD: U256 = U256::from_limbs([200_000_000_000, 0, 0, 0]);
/// Least that must remain on both sides of a position that is not closed: 1,000 USD, in USD·10⁸.
pub const MIN_LEFTOVER_BASE: U256 = U256::from_limbs([100_000_000_000, 0, 0, 0]);

/// Everything that decides the size of a liquidation. Balances are in smallest units of their asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whose rules.
    pub version: Version,
    /// What the liquidator offers to repay; the largest value for all that is allowed.
    pub offered: Amount,
    /// The borrower's supply of the collateral.
    pub collateral_balance: Amount,
    /// The borrower's debt in the asset to repay.
    pub debt_balance: Amount,
    /// Price of the collateral, in USD·10⁸ per whole token.
    pub collateral_price: U256,
    /// Price of the debt asset, in USD·10⁸ per whole token.
    pub debt_price: U256,
    /// One whole token of the collateral.
    pub collateral_unit: &'static Unit,
    /// One whole token of the debt asset.
    pub debt_unit: &'static Unit,
    /// Value of all the borrower's debt, in USD·10⁸.
    pub total_debt_base: U256,
    /// The borrower's health factor.
    pub health_factor: Wad,
    /// Share of all debt that one call may repay while the position is neither small nor far below
    /// the line.
    pub close_factor: Bps,
    /// Beyond par.
    pub bonus: Bps,
    /// The treasury's share of the bonus.
    pub protocol_fee: Bps,
}

/// The size of a liquidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Liquidation {
    /// Debt to repay.
    pub repaid: Amount,
    /// Collateral for the liquidator.
    pub received: Amount,
    /// Collateral for the treasury.
    pub protocol_fee: Amount,
    /// Value of all the collateral taken, in USD·10⁸.
    pub seized_base: U256,
}

impl Liquidation {
    /// All the collateral that the borrower loses.
    #[must_use]
    pub fn seized(&self) -> Option<Amount> {
        self.received.checked_add(self.protocol_fee)
    }
}

/// How much debt one call may repay: all of it where the position is far below the line (health factor
/// at most 0.95), else the close factor: in 3.0.2 of the debt in this reserve, half up; in 3.6 of all
/// debt, but a small position (either side below 2,000 USD) may be closed.
#[must_use]
pub fn max_repayable(terms: &Terms) -> Option<Amount> {
    let t = terms;
    if !t.version.knows_small_positions() {
        return if t.health_factor > CLOSE_FACTOR_HF_THRESHOLD {
            percent_mul(t.debt_balance.0, t.close_factor.0, Rounding::HalfUp).map(Amount)
        } else {
            Some(t.debt_balance)
        };
    }
    let debt_base = t.debt_unit.mul_div(t.debt_balance.0, t.debt_price, Rounding::Ceil)?;
    let collateral_base =
        t.collateral_unit.mul_div(t.collateral_balance.0, t.collateral_price, Rounding::Floor)?;
    if collateral_base < MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD
        || debt_base < MIN_BASE_MAX_CLOSE_FACTOR_THRESHOLD
        || t.health_factor <= CLOSE_FACTOR_HF_THRESHOLD
    {
        return Some(t.debt_balance);
    }
    let allowed_base = percent_mul(t.total_debt_base, t.close_factor.0, Rounding::HalfUp)?;
    if debt_base <= allowed_base {
        return Some(t.debt_balance);
    }
    // Floor: never more than the factor allows.
    mul_div(allowed_base, t.debt_unit.get(), t.debt_price, Rounding::Floor).map(Amount)
}

/// Sizes a liquidation: repays at most what is offered and allowed, seizes its worth and the bonus;
/// where the collateral does not reach, all of it is seized and less is repaid.
///
/// # Errors
/// What would remain is dust on either side, or 256 bits overflow.
pub fn size(terms: &Terms) -> Result<Liquidation, LendingError> {
    let max = max_repayable(terms).ok_or(LendingError::Overflow)?;
    let repaid = terms.offered.min(max);
    let sized = seize(terms, repaid).ok_or(LendingError::Overflow)?;
    let seized = sized.seized().ok_or(LendingError::Overflow)?;
    if terms.version.knows_small_positions()
        && sized.repaid < terms.debt_balance
        && seized < terms.collateral_balance
    {
        leaves_enough(terms, sized.repaid, seized)
            .ok_or(LendingError::Overflow)?
            .then_some(())
            .ok_or(LendingError::MustNotLeaveDust)?;
    }
    Ok(sized)
}

/// What repaying `debt` seizes (`_calculateAvailableCollateralToLiquidate`).
fn seize(t: &Terms, debt: Amount) -> Option<Liquidation> {
    let bonus = Bps::ONE.0.checked_add(t.bonus.0)?;
    // Collateral of the same value: floor, in the borrower's favour.
    let par = mul_div(
        t.debt_price.checked_mul(debt.0)?,
        t.collateral_unit.get(),
        t.collateral_price.checked_mul(t.debt_unit.get())?,
        Rounding::Floor,
    )?;
    let wanted = percent_mul(par, bonus, Rounding::HalfUp)?;
    let (taken, repaid) = if wanted > t.collateral_balance.0 {
        let worth = mul_div(
            t.collateral_price.checked_mul(t.collateral_balance.0)?,
            t.debt_unit.get(),
            t.debt_price.checked_mul(t.collateral_unit.get())?,
            Rounding::Floor,
        )?;
        // In 3.6 the liquidator pays at least the value.
        let needed = percent_div(worth, bonus, t.version.debt_needed_rounding())?;
        (t.collateral_balance.0, needed)
    } else {
        (wanted, debt.0)
    };
    let seized_base = t.collateral_unit.mul_div(taken, t.collateral_price, Rounding::Floor)?;
    let fee = if t.protocol_fee.0 == 0 {
        U256::ZERO
    } else {
        let at_par = percent_div(taken, bonus, Rounding::HalfUp)?;
        percent_mul(taken.checked_sub(at_par)?, t.protocol_fee.0, Rounding::HalfUp)?
    };
    Some(Liquidation {
        repaid: Amount(repaid),
        received: Amount(taken.checked_sub(fee)?),
        protocol_fee: Amount(fee),
        seized_base,
    })
}

/// Whether both sides keep the minimum.
fn leaves_enough(t: &Terms, repaid: Amount, seized: Amount) -> Option<bool> {
    let debt = t.debt_balance.checked_sub(repaid)?;
    let collateral = t.collateral_balance.checked_sub(seized)?;
    let debt_base = t.debt_unit.mul_div(debt.0, t.debt_price, Rounding::Ceil)?;
    let collateral_base =
        t.collateral_unit.mul_div(collateral.0, t.collateral_price, Rounding::Floor)?;
    Some(debt_base >= MIN_LEFTOVER_BASE && collateral_base >= MIN_LEFTOVER_BASE)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
mod tests {
    use super::*;

    /// 10 WETH at 2,000 USD against 16,800 USDC: health factor 0.988 at threshold 83 %.
    fn terms() -> Terms {
        Terms {
            version: Version::V3_6,
            offered: Amount::MAX,
            collateral_balance: Amount::new(10 * 10_u128.pow(18)),
            debt_balance: Amount::new(16_800 * 10_u128.pow(6)),
            collateral_price: U256::from(2_000_u64 * 100_000_000),
            debt_price: U256::from(100_000_000_u64),
            collateral_unit: Unit::of_decimals(18),
            debt_unit: Unit::of_decimals(6),
            total_debt_base: U256::from(16_800_u64 * 100_000_000),
            health_factor: Wad::new(988_095_238_095_238_095),
            close_factor: Bps(5000),
            bonus: Bps(500),
            protocol_fee: Bps(1000),
        }
    }

    #[test]
    fn half_the_debt_by_hand() {
        let l = size(&terms()).unwrap();
        assert_eq!(l.repaid, Amount::new(8_400_000_000));
        // 8,400 USD is 4.2 WETH at par, 4.41 with the bonus; a tenth of 0.21 is the treasury's.
        assert_eq!(l.received, Amount::new(4_389_000_000_000_000_000));
        assert_eq!(l.protocol_fee, Amount::new(21_000_000_000_000_000));
        assert_eq!(l.seized_base, U256::from(8_820_u64 * 100_000_000));
    }

    #[test]
    fn far_below_the_line_everything_may_be_repaid() {
        let t = Terms { health_factor: CLOSE_FACTOR_HF_THRESHOLD, ..terms() };
        assert_eq!(max_repayable(&t), Some(t.debt_balance));
        let above = Wad(CLOSE_FACTOR_HF_THRESHOLD.0 + U256::from(1));
        let t = Terms { health_factor: above, ..terms() };
        assert_eq!(max_repayable(&t), Some(Amount::new(8_400_000_000)));
    }

    #[test]
    fn a_small_position_may_be_closed_at_once() {
        let t = Terms { debt_balance: Amount::new(1_999_999_999), ..terms() };
        assert_eq!(max_repayable(&t), Some(t.debt_balance));
    }

    #[test]
    fn where_collateral_runs_out_less_is_repaid_rounded_up() {
        let t = Terms {
            collateral_balance: Amount::new(10_u128.pow(18)),
            health_factor: Wad::new(1),
            ..terms()
        };
        let l = size(&t).unwrap();
        assert_eq!(l.seized(), Some(t.collateral_balance));
        // 2,000 / 1.05 = 1,904.761904…
        assert_eq!(l.repaid, Amount::new(1_904_761_905));
    }

    #[test]
    fn a_liquidation_may_not_leave_dust() {
        let t = Terms {
            health_factor: Wad::new(1),
            offered: Amount::new(15_900 * 10_u128.pow(6)),
            ..terms()
        };
        assert_eq!(size(&t), Err(LendingError::MustNotLeaveDust));
        let t = Terms { offered: Amount::new(15_800 * 10_u128.pow(6)), ..t };
        assert!(size(&t).is_ok());
    }

    #[test]
    fn in_3_0_2_half_of_the_debt_rounds_up_and_nothing_is_small() {
        let t =
            Terms { version: Version::V3_0_2, debt_balance: Amount::new(1_999_999_999), ..terms() };
        assert_eq!(max_repayable(&t), Some(Amount::new(1_000_000_000)));
        let t = Terms { offered: Amount::new(999_999_999), ..t };
        assert!(size(&t).is_ok(), "dust may be left");
    }

    #[test]
    fn a_larger_close_factor_repays_more() {
        let t = Terms { close_factor: Bps(7500), ..terms() };
        assert_eq!(max_repayable(&t), Some(Amount::new(12_600_000_000)));
    }
}
