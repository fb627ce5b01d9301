//! How much of a debt a liquidation may repay, at each threshold and a unit beside it.

use markets::units::{Amount, Bps, U256, Wad};
use protocols::lending::{LendingError, Version};
use protocols::liquidation::{Terms, max_repayable, size};
use protocols::unit::Unit;

const USD: u64 = 100_000_000;
const E6: u128 = 1_000_000;
/// A health factor just below one.
const LOW: Wad = Wad::new(999_999_999_999_999_999);

/// Collateral of 6 decimals and a debt of 6 decimals, both at one dollar; half may be repaid.
fn terms(version: Version, collateral: u128, debt: u128) -> Terms {
    Terms {
        version,
        offered: Amount::MAX,
        collateral_balance: Amount::new(collateral),
        debt_balance: Amount::new(debt),
        collateral_price: U256::from(USD),
        debt_price: U256::from(USD),
        collateral_unit: Unit::of_decimals(6),
        debt_unit: Unit::of_decimals(6),
        total_debt_base: U256::from(debt * 100),
        health_factor: LOW,
        close_factor: Bps(5_000),
        bonus: Bps(500),
        protocol_fee: Bps(1_000),
    }
}

#[test]
fn at_a_health_factor_of_just_0_95_all_may_be_repaid() {
    let all = Amount::new(10_000 * E6);
    let half = Amount::new(5_000 * E6);
    for version in [Version::V3_0_2, Version::V3_6] {
        let at = |wei: u128| {
            let health_factor = Wad::new(950_000_000_000_000_000 + wei);
            max_repayable(&Terms { health_factor, ..terms(version, 11_000 * E6, 10_000 * E6) })
        };
        assert_eq!((at(0), at(1)), (Some(all), Some(half)), "{version:?}");
    }
}

#[test]
fn a_side_of_just_two_thousand_dollars_is_not_small() {
    let max = |collateral, debt| {
        let terms = terms(Version::V3_6, collateral, debt);
        max_repayable(&terms).map(|max| max == Amount::new(debt))
    };
    // Of two thousand dollars half, of a millionth less all.
    assert_eq!(max(2_000 * E6, 10_000 * E6), Some(false));
    assert_eq!(max(2_000 * E6 - 1, 10_000 * E6), Some(true));
    assert_eq!(max(10_000 * E6, 2_000 * E6), Some(false));
    assert_eq!(max(10_000 * E6, 2_000 * E6 - 1), Some(true));
    // Both small, and 3.0.2 knows no small positions.
    assert_eq!(max(1_000 * E6, 1_000 * E6), Some(true));
    let old = terms(Version::V3_0_2, 1_000 * E6, 1_000 * E6);
    assert_eq!(max_repayable(&old), Some(Amount::new(500 * E6)));
}

#[test]
fn collateral_that_just_suffices_is_seized_whole_for_what_was_offered() {
    for version in [Version::V3_0_2, Version::V3_6] {
        // 1,000 of debt take 1,050 of collateral, of which a tenth of the bonus is the treasury's.
        let just = Terms {
            health_factor: Wad::new(900_000_000_000_000_000),
            ..terms(version, 1_050 * E6, 1_000 * E6)
        };
        let sized = size(&just).unwrap();
        assert_eq!(sized.repaid, Amount::new(1_000 * E6), "{version:?}");
        assert_eq!(
            (sized.received, sized.protocol_fee),
            (Amount::new(1_045 * E6), Amount::new(5 * E6))
        );
        assert_eq!(sized.seized(), Some(just.collateral_balance));
        assert_eq!(sized.seized_base, U256::from(1_050 * USD));
        // A unit less does not reach: what is repaid is its worth without the bonus, in 3.6 rounded up.
        let less = Terms { collateral_balance: Amount::new(1_050 * E6 - 1), ..just };
        let sized = size(&less).unwrap();
        let repaid = if version == Version::V3_6 { 1_000 * E6 } else { 1_000 * E6 - 1 };
        assert_eq!(sized.repaid, Amount::new(repaid), "{version:?}");
        assert_eq!(sized.seized(), Some(less.collateral_balance));
    }
}

#[test]
fn just_a_thousand_dollars_may_be_left_on_either_side() {
    let left = |collateral: u128, debt: u128, repaid: u128| {
        let offered = Amount::new(repaid);
        let health_factor = Wad::new(900_000_000_000_000_000);
        let terms = Terms { offered, health_factor, ..terms(Version::V3_6, collateral, debt) };
        size(&terms).map(|sized| sized.repaid)
    };
    let dust = Err(LendingError::MustNotLeaveDust);
    // Of 3,000 of debt 2,000 are repaid.
    assert_eq!(left(10_000 * E6, 3_000 * E6, 2_000 * E6), Ok(Amount::new(2_000 * E6)));
    assert_eq!(left(10_000 * E6, 3_000 * E6, 2_000 * E6 + 1), dust);
    // 2,000 of debt take 2,100 of 3,100 of collateral.
    assert_eq!(left(3_100 * E6, 10_000 * E6, 2_000 * E6), Ok(Amount::new(2_000 * E6)));
    assert_eq!(left(3_100 * E6 - 1, 10_000 * E6, 2_000 * E6), dust);
}

#[test]
fn collateral_that_just_suffices_pays_for_the_debt_as_offered() {
    // 10 units and their bonus of 5 % are 10.5, rounded to 11: all of the collateral. One unit less is worth
    // 10 of debt, and 9.52 without the bonus, which 3.6 rounds up.
    let repaid = |collateral| {
        let offered = Amount::new(10);
        let terms = Terms { offered, ..terms(Version::V3_6, collateral, 10) };
        size(&terms).map(|sized| sized.repaid)
    };
    assert_eq!(repaid(11), Ok(Amount::new(10)));
    assert_eq!(repaid(10), Ok(Amount::new(10)));
    assert_eq!(repaid(9), Ok(Amount::new(9)));
}
