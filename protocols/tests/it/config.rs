//! Which figures of a reserve fit together: at every bound, and one beyond it.

use crate::common::config;
use markets::units::Bps;
use protocols::reserve::{ConfigError, ReserveConfig};

fn checked(change: impl FnOnce(&mut ReserveConfig)) -> Result<(), ConfigError> {
    let mut config = config();
    change(&mut config);
    config.check()
}

#[test]
fn the_kink_lies_between_one_basis_point_and_everything() {
    for bps in [1, 10_000] {
        assert_eq!(checked(|c| c.rates.optimal_usage_bps = Bps(bps)), Ok(()));
    }
    for bps in [0, 10_001] {
        let refused = Err(ConfigError::OptimalUsage { bps });
        assert_eq!(checked(|c| c.rates.optimal_usage_bps = Bps(bps)), refused);
    }
}

#[test]
fn a_rate_curve_never_falls_at_its_kink_and_ends_at_ten_times_a_year() {
    let curve = |base, slope1, slope2| {
        checked(|c| {
            c.rates.base_bps = Bps(base);
            c.rates.slope1_bps = Bps(slope1);
            c.rates.slope2_bps = Bps(slope2);
        })
    };
    assert_eq!(curve(0, 400, 400), Ok(()));
    assert_eq!(curve(0, 401, 400), Err(ConfigError::RateCurve));
    assert_eq!(curve(10_000, 40_000, 50_000), Ok(()));
    assert_eq!(curve(10_001, 40_000, 50_000), Err(ConfigError::RateCurve));
    assert_eq!(curve(10_000, 40_001, 50_000), Err(ConfigError::RateCurve));
    assert_eq!(curve(10_000, 40_000, 50_001), Err(ConfigError::RateCurve));
}

#[test]
fn ltv_threshold_and_bonus_fit_together() {
    let figures = |ltv, threshold, bonus| {
        checked(|c| {
            c.ltv = Bps(ltv);
            c.liquidation_threshold = Bps(threshold);
            c.liquidation_bonus = Bps(bonus);
        })
    };
    assert_eq!(figures(8_000, 8_000, 2_500), Ok(()));
    let above = ConfigError::LtvAboveThreshold { ltv: 8_001, threshold: 8_000 };
    assert_eq!(figures(8_001, 8_000, 2_500), Err(above));
    let large = ConfigError::BonusTooLarge { threshold: 8_000, bonus: 2_501 };
    assert_eq!(figures(8_000, 8_000, 2_501), Err(large));
}

#[test]
fn no_share_is_above_one() {
    for set in [
        |c: &mut ReserveConfig, bps| c.liquidation_protocol_fee = bps,
        |c: &mut ReserveConfig, bps| c.reserve_factor = bps,
    ] {
        assert_eq!(checked(|c| set(c, Bps(10_000))), Ok(()));
        let refused = checked(|c| set(c, Bps(10_001)));
        assert!(matches!(refused, Err(ConfigError::ShareAboveOne { bps: 10_001, .. })));
    }
}
