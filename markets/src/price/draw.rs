//! Draws: words to uniforms, normals, exponentials and Student-t mixing variances.
//!
//! A normal is the inverse of its distribution function at one uniform (Wichura, AS 241, 1988, relative
//! error about 10⁻¹⁶), so it takes exactly one word and no other draw moves when it changes. Elementary
//! functions are `libm`'s; square roots are IEEE's: the same bits on every platform.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A word as a uniform in the open interval (0, 1), symmetric about ½, in steps of 2⁻⁵².
#[must_use]
#[inline]
pub fn uniform(word: u64) -> f64 {
    const STEP: f64 = 1.0 / (1_u64 << 52) as f64;
    ((word >> 12) as f64 + 0.5) * STEP
}

/// A word as a standard normal; at most 8.3 in magnitude.
#[must_use]
#[inline]
pub fn normal(word: u64) -> f64 {
    inverse_normal(uniform(word))
}

/// A word as a standard exponential.
#[must_use]
#[inline]
pub fn exponential(word: u64) -> f64 {
    -libm::log(uniform(word))
}

/// A short stream grown from one shared word: equal words and salts give equal streams.
#[must_use]
pub(crate) fn stream(word: u64, salt: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(word ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A word of its own for each salt, from one shared word: the output function of SplitMix64 (Steele,
/// Lea and Flood, OOPSLA 2014), a bijection.
#[must_use]
#[inline]
pub(crate) fn derived(word: u64, salt: u64) -> u64 {
    let z = word ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The variance of a period by which normal innovations become Student-t of `nu` degrees of freedom and
/// *unit variance*: (ν − 2) / χ²_ν, of mean one. Needs ν > 2.
///
/// One such draw for an hour makes the hour's return exactly t, however many blocks it has.
#[must_use]
pub fn student_variance(rng: &mut impl Rng, nu: f64) -> f64 {
    (nu - 2.0) / (2.0 * gamma(rng, nu / 2.0))
}

/// A standard gamma of shape above one (Marsaglia and Tsang, ACM TOMS 26, 2000).
fn gamma(rng: &mut impl Rng, shape: f64) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = normal(rng.next_u64());
        let u = uniform(rng.next_u64());
        let t = 1.0 + c * z;
        let v = t * t * t;
        if v > 0.0 && libm::log(u) < 0.5 * z * z + d * (1.0 - v + libm::log(v)) {
            return d * v;
        }
    }
}

/// Φ⁻¹ by Wichura's algorithm AS 241 (PPND16), for p in (0, 1).
#[must_use]
#[inline]
pub fn inverse_normal(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    inverse_normal_tail(p, q)
}

#[cold]
fn inverse_normal_tail(p: f64, q: f64) -> f64 {
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let z = if r <= 5.0 { ratio(r - 1.6, &TAIL) } else { ratio(r - 5.0, &FAR_TAIL) };
    if q < 0.0 { -z } else { z }
}

/// Numerator and denominator coefficients, constant term first.
type Rational = ([f64; 8], [f64; 8]);

#[inline]
fn ratio(r: f64, (numerator, denominator): &Rational) -> f64 {
    let horner = |c: &[f64; 8]| c.iter().rev().fold(0.0, |sum, c| sum * r + c);
    horner(numerator) / horner(denominator)
}

const CENTRE: Rational = (
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
);
const TAIL: Rational = (
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        7.745_450_142_783_414e-4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        5.475_938_084_995_345e-4,
        1.050_750_071_644_416_9e-9,
    ],
);
const FAR_TAIL: Rational = (
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        1.242_660_947_388_078_4e-3,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        7.868_691_311_456_133e-4,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_8e-15,
    ],
);

#[cfg(test)]
mod tests {
    use super::*;

    const N: u32 = 400_000;

    #[test]
    fn quantiles_equal_the_tables() {
        let table = [
            (0.5, 0.0),
            (0.6, 0.253_347_103_135_799_7),
            (0.975, 1.959_963_984_540_054),
            (0.001, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (1e-15, -7.941_345_326_170_997),
        ];
        for (p, z) in table {
            assert!((inverse_normal(p) - z).abs() <= 4e-15 * z.abs(), "{p}");
        }
    }

    #[test]
    fn extreme_words_are_finite_and_symmetric() {
        assert!(uniform(0) > 0.0 && uniform(u64::MAX) < 1.0);
        assert!((normal(0) + normal(u64::MAX)).abs() < 1e-9);
        assert!(normal(0) > -8.3 && exponential(0) > 0.0 && exponential(u64::MAX) >= 0.0);
    }

    /// Standard errors of the moments of n normals: 1/√n, √(2/n), √(24/n).
    #[test]
    fn normals_have_normal_moments() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let (mut m1, mut m2, mut m4) = (0.0, 0.0, 0.0);
        for _ in 0..N {
            let z = normal(rng.next_u64());
            m1 += z;
            m2 += z * z;
            m4 += z * z * z * z;
        }
        let n = f64::from(N);
        assert!((m1 / n).abs() < 4.0 / n.sqrt());
        assert!((m2 / n - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        // The fourth moment's own standard error is √(96/n).
        assert!((m4 / n - 3.0).abs() < 4.0 * (96.0 / n).sqrt());
    }

    /// Mixed by ν = 4, normals are Student-t over √2: the t table says 5 % beyond 2.776445 and 1 %
    /// beyond 4.604095.
    #[test]
    fn mixed_normals_are_student_t_of_unit_variance() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let (mut beyond5, mut beyond1, mut variance) = (0_u32, 0_u32, 0.0);
        for _ in 0..N {
            let w = student_variance(&mut rng, 4.0);
            let t = normal(rng.next_u64()) * w.sqrt() * std::f64::consts::SQRT_2;
            beyond5 += u32::from(t.abs() > 2.776_445);
            beyond1 += u32::from(t.abs() > 4.604_095);
            variance += student_variance(&mut rng, 10.0);
        }
        let n = f64::from(N);
        let within = |count: u32, p: f64| {
            (f64::from(count) / n - p).abs() < 4.0 * (p * (1.0 - p) / n).sqrt()
        };
        assert!(within(beyond5, 0.05) && within(beyond1, 0.01), "{beyond5} {beyond1}");
        // At ν = 10 the mixing variance has mean 1 and variance 2/(ν − 4) = 1/3.
        assert!((variance / n - 1.0).abs() < 4.0 * (1.0 / (3.0 * n)).sqrt());
    }
}
