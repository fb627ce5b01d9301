//! Ticks and √prices: √1.0001^tick as Q64.96, and back.
//!
//! Source: Uniswap v3 Core (Adams, Zinsmeister, Salem, Keefer, Robinson 2021) §6.1; `TickMath` and
//! `Tick.tickSpacingToMaxLiquidityPerTick` for the order of the roundings.

use super::error::ConcentratedError;
use crate::units::U256;
use crate::wide;

/// The lowest tick: log₁.₀₀₀₁ 2⁻¹²⁸.
pub const MIN_TICK: i32 = -887_272;
/// The highest tick.
pub const MAX_TICK: i32 = 887_272;
/// √price at [`MIN_TICK`], Q64.96.
pub const MIN_SQRT_RATIO: U256 = U256::from_limbs([4_295_128_739, 0, 0, 0]);
/// √price at [`MAX_TICK`], Q64.96 (1461446703485210103287273052203988822378723970342).
pub const MAX_SQRT_RATIO: U256 =
    U256::from_limbs([0x5d95_1d52_6398_8d26, 0xefd1_fc6a_5064_8849, 0xfffd_8963, 0]);

/// 2¹²⁸ · 1.0001^(−2ⁱ/2), to the nearest integer.
const FACTORS: [u128; 20] = [
    0xfffc_b933_bd6f_ad37_aa2d_162d_1a59_4001,
    0xfff9_7272_373d_4132_59a4_6990_580e_213a,
    0xfff2_e50f_5f65_6932_ef12_357c_f3c7_fdcc,
    0xffe5_caca_7e10_e4e6_1c36_24ea_a094_1cd0,
    0xffcb_9843_d60f_6159_c9db_5883_5c92_6644,
    0xff97_3b41_fa98_c081_472e_6896_dfb2_54c0,
    0xff2e_a164_66c9_6a38_43ec_78b3_26b5_2861,
    0xfe5d_ee04_6a99_a2a8_11c4_61f1_969c_3053,
    0xfcbe_86c7_900a_88ae_dcff_c83b_479a_a3a4,
    0xf987_a725_3ac4_1317_6f2b_074c_f781_5e54,
    0xf339_2b08_22b7_0005_940c_7a39_8e4b_70f3,
    0xe715_9475_a2c2_9b74_43b2_9c7f_a6e8_89d9,
    0xd097_f3bd_fd20_22b8_845a_d8f7_92aa_5825,
    0xa9f7_4646_2d87_0fdf_8a65_dc1f_90e0_61e5,
    0x70d8_69a1_56d2_a1b8_90bb_3df6_2baf_32f7,
    0x31be_135f_97d0_8fd9_8123_1505_542f_cfa6,
    0x09aa_508b_5b7a_84e1_c677_de54_f3e9_9bc9,
    0x005d_6af8_dedb_8119_6699_c329_225e_e604,
    0x0000_2216_e584_f5fa_1ea9_2604_1bed_fe98,
    0x0000_0000_048a_1703_91f7_dc42_444e_8fa2,
];

/// √1.0001^tick, Q64.96, rounded up so that [`tick_at_sqrt_ratio`] of it is `tick`
/// (`TickMath.getSqrtRatioAtTick`).
///
/// # Errors
/// [`ConcentratedError::Tick`].
pub fn sqrt_ratio_at_tick(tick: i32) -> Result<U256, ConcentratedError> {
    let mut bits = tick.unsigned_abs();
    if bits > MAX_TICK.unsigned_abs() {
        return Err(ConcentratedError::Tick);
    }
    if bits == 0 {
        return Ok(U256::from_limbs([0, 1 << 32, 0, 0]));
    }
    // 1.0001^(−|tick|/2) as Q128.128: below one, so 128 bits hold it.
    let mut ratio = FACTORS[bits.trailing_zeros() as usize];
    bits &= bits - 1;
    while bits != 0 {
        ratio = wide::mul(ratio, FACTORS[bits.trailing_zeros() as usize]).0;
        bits &= bits - 1;
    }
    let (high, low) = if tick < 0 {
        (0, ratio)
    } else {
        let (high, rest) = (u128::MAX / ratio, u128::MAX % ratio);
        (high, wide::div(rest, u128::MAX, ratio).0)
    };
    // From Q128.128 to Q64.96, up.
    let up = u128::from(low & 0xffff_ffff != 0);
    let (sum, carry) = ((high << 96) | (low >> 32)).overflowing_add(up);
    let top = (high >> 32) + u128::from(carry);
    Ok(U256::from_limbs([sum as u64, (sum >> 64) as u64, top as u64, (top >> 64) as u64]))
}

/// The highest tick whose √price is at most `sqrt_price` (`TickMath.getTickAtSqrtRatio`).
///
/// A logarithm in floating point says which, and the integers decide wherever its error might.
///
/// # Errors
/// [`ConcentratedError::SqrtPrice`] outside [[`MIN_SQRT_RATIO`], [`MAX_SQRT_RATIO`]).
pub fn tick_at_sqrt_ratio(sqrt_price: U256) -> Result<i32, ConcentratedError> {
    // Ticks per unit of ln √price: 2 / ln 1.0001.
    const TICKS: f64 = 20_000.999_983_334_167;
    // A √price near the lowest tick is rounded up by as much as 2⁻³², which is 4.7·10⁻⁶ of a tick; the
    // logarithm, the product and the conversion add less than 10⁻⁹.
    const MARGIN: f64 = 1e-5;
    if sqrt_price < MIN_SQRT_RATIO || sqrt_price >= MAX_SQRT_RATIO {
        return Err(ConcentratedError::SqrtPrice);
    }
    let limbs = sqrt_price.as_limbs();
    let (two_64, two_96) = (18_446_744_073_709_551_616.0, 79_228_162_514_264_337_593_543_950_336.0);
    let ratio = ((limbs[2] as f64 * two_64 + limbs[1] as f64) * two_64 + limbs[0] as f64) / two_96;
    let ticks = libm::log(ratio) * TICKS;
    let floor = libm::floor(ticks);
    let (tick, above) = (floor as i32, ticks - floor);
    let reached = |tick: i32| sqrt_ratio_at_tick(tick).is_ok_and(|ratio| ratio <= sqrt_price);
    if above < MARGIN {
        Ok(if reached(tick) { tick } else { tick - 1 })
    } else if above > 1.0 - MARGIN {
        Ok(if reached(tick + 1) { tick + 1 } else { tick })
    } else {
        Ok(tick)
    }
}

/// The most liquidity that may refer to one tick, so that the sum over all of them fits 128 bits
/// (`tickSpacingToMaxLiquidityPerTick`).
#[must_use]
pub const fn max_liquidity_per_tick(tick_spacing: i32) -> u128 {
    let ticks = 2 * (MAX_TICK / tick_spacing) + 1;
    u128::MAX / ticks as u128
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_tick_is_the_tick_of_its_own_price_and_not_of_the_one_below() {
        assert_eq!(sqrt_ratio_at_tick(MIN_TICK).unwrap(), MIN_SQRT_RATIO);
        assert_eq!(sqrt_ratio_at_tick(MAX_TICK).unwrap(), MAX_SQRT_RATIO);
        assert_eq!(sqrt_ratio_at_tick(MAX_TICK + 1), Err(ConcentratedError::Tick));
        assert_eq!(sqrt_ratio_at_tick(i32::MIN), Err(ConcentratedError::Tick));
        let one = U256::from(1);
        assert_eq!(tick_at_sqrt_ratio(MIN_SQRT_RATIO - one), Err(ConcentratedError::SqrtPrice));
        assert_eq!(tick_at_sqrt_ratio(MAX_SQRT_RATIO), Err(ConcentratedError::SqrtPrice));
        let mut last = U256::ZERO;
        for tick in MIN_TICK..MAX_TICK {
            let ratio = sqrt_ratio_at_tick(tick).unwrap();
            assert!(ratio > last, "{tick}");
            last = ratio;
            assert_eq!(tick_at_sqrt_ratio(ratio), Ok(tick));
            if tick > MIN_TICK {
                assert_eq!(tick_at_sqrt_ratio(ratio - one), Ok(tick - 1));
            }
        }
    }

    #[test]
    fn a_tick_is_within_a_billionth_of_its_power() {
        for tick in (MIN_TICK..MAX_TICK).step_by(997) {
            let ratio = sqrt_ratio_at_tick(tick).unwrap();
            let exact = libm::pow(1.0001, f64::from(tick) / 2.0) * libm::pow(2.0, 96.0);
            let limbs = ratio.as_limbs();
            let two_64 = libm::pow(2.0, 64.0);
            let got = (limbs[2] as f64 * two_64 + limbs[1] as f64) * two_64 + limbs[0] as f64;
            assert!((got / exact - 1.0).abs() < 1e-9, "{tick}: {got} {exact}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_tick_of_any_price_is_the_highest_at_or_below_it(
            limbs in any::<[u64; 2]>(), top in any::<u32>(), shift in 0_usize..128
        ) {
            let price = U256::from_limbs([limbs[0], limbs[1], u64::from(top), 0]) >> shift;
            if let Ok(tick) = tick_at_sqrt_ratio(price) {
                prop_assert!(sqrt_ratio_at_tick(tick).unwrap() <= price);
                prop_assert!(sqrt_ratio_at_tick(tick + 1).unwrap() > price);
            }
        }
    }
}
