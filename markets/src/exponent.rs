//! eˣ and ln x in fixed point, with proven bounds: for prices on an exponential curve, where value may not
//! pass through a float.
//!
//! Numbers are Q128: an integer n stands for n / 2¹²⁸. Inside, 192 fractional bits; one unit there, 2⁻¹⁹²,
//! is written u. Every step rounds down and every term is positive, so results are lower bounds by
//! construction; how far below is argued at each function and tested against wider arithmetic.

use crate::units::U256;
use ruint::aliases::U512;

/// One, in Q128.
pub const ONE_Q128: U256 = U256::from_limbs([0, 0, 1, 0]);

const FRACTION: usize = 192;
/// One, in Q192.
const ONE: U256 = U256::from_limbs([0, 0, 0, 1]);
/// ⌊ln 2 · 2¹⁹²⌋.
const LN_2: U256 =
    U256::from_limbs([0x40f3_4326_7298_b62d, 0xc9e3_b398_03f2_f6af, 0xb172_17f7_d1cf_79ab, 0]);
/// The argument is halved this often before the series, and the result squared as often.
const HALVINGS: usize = 8;

/// ⌊a · b / 2¹⁹²⌋ for a product below 2⁴⁴⁸.
#[inline]
fn mul_q192(a: U256, b: U256) -> U256 {
    let product: U512 = a.widening_mul(b);
    let l = product.as_limbs();
    U256::from_limbs([l[3], l[4], l[5], l[6]])
}

/// Bounds on eˣ, both Q128: `lower ≤ eˣ · 2¹²⁸ < upper`, with `upper − lower` = 3 + `lower` / 2¹⁷⁷. `None`
/// from x = 127 · ln 2 ≈ 88 on.
///
/// With L the integer just above ln 2 · 2¹⁹², x = k·L + r, so eˣ ≥ 2ᵏ·eʳ, and the shortfall of kL's excess
/// is below 127u, relatively. s = ⌊r / 256⌋ falls short by less than u; in the series of eˢ (s < 2⁻⁸) each
/// term is floored twice and the tail is below three units, together less than 45u for 20 terms; eight
/// squarings, each floored, make of 46u at most 46·256u + 255u. The sum is below 2¹⁴u = 2⁻¹⁷⁸ of eˣ; the
/// last shift to Q128 floors once more.
#[must_use]
pub fn exp_bounds(x: U256) -> Option<(U256, U256)> {
    if x.bit_len() > 128 + 7 {
        return None;
    }
    let (k, r) = (x << (FRACTION - 128)).div_rem(LN_2 + U256::from(1));
    let k = usize::try_from(k).ok().filter(|k| *k < 127)?;
    let s = r >> HALVINGS;
    let (mut power, mut term, mut n) = (ONE, ONE, 0_u64);
    while !term.is_zero() {
        n += 1;
        term = mul_q192(term, s) / U256::from(n);
        power += term;
    }
    for _ in 0..HALVINGS {
        power = mul_q192(power, power);
    }
    let shift = FRACTION - 128;
    let lower = if k < shift { power >> (shift - k) } else { power << (k - shift) };
    Some((lower, lower + (lower >> 177) + U256::from(3)))
}

/// A lower bound on ln x, Q128, for x ≥ 1 (Q128): below ln x by less than two units of 2⁻¹²⁸. `None` below
/// one.
///
/// x = m·2ᵏ with 1 ≤ m < 2, ln m = 2·artanh t with t = (m − 1)/(m + 1) < 1/3: at most 62 terms, each
/// floored thrice, and k·⌊ln 2⌋: together less than 2¹⁰u, and one unit for the shift to Q128.
#[must_use]
pub fn ln_floor(x: U256) -> Option<U256> {
    if x < ONE_Q128 {
        return None;
    }
    let k = x.bit_len() - 129;
    // Exact up to k = 64; above, floored by less than u relatively.
    let m = if k <= 64 { x << (64 - k) } else { x >> (k - 64) };
    // (m − 1) has at most 192 bits: divided in two steps of 64 and 128 bits it stays within 256.
    let (numerator, denominator) = (m - ONE, m + ONE);
    let wide: U512 = U512::from_limbs_slice(numerator.as_limbs()) << FRACTION;
    let t = wide / U512::from_limbs_slice(denominator.as_limbs());
    let t = U256::from_limbs_slice(&t.as_limbs()[..4]);
    let square = mul_q192(t, t);
    let (mut power, mut total, mut n) = (t, U256::ZERO, 1_u64);
    while !power.is_zero() {
        total += power / U256::from(n);
        power = mul_q192(power, square);
        n += 2;
    }
    Some(((total << 1) + LN_2 * U256::from(k)) >> (FRACTION - 128))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use proptest::prelude::*;
    use ruint::Uint;

    type Wide = Uint<1024, 16>;
    const BITS: usize = 384;

    fn wide(x: U256) -> Wide {
        Wide::from_limbs_slice(x.as_limbs())
    }
    /// eˣ at 384 fractional bits by the plain series from x / 2¹⁶, for comparison: right to 2⁻³⁰⁰.
    fn exp_wide(x: U256) -> Wide {
        let one = Wide::from(1) << BITS;
        let s = (wide(x) << (BITS - 128)) >> 16;
        let (mut sum, mut term) = (one, one);
        for n in 1_u64..200 {
            term = ((term * s) >> BITS) / Wide::from(n);
            sum += term;
        }
        for _ in 0..16 {
            sum = (sum * sum) >> BITS;
        }
        sum
    }

    fn assert_bounds(x: U256) {
        let (lower, upper) = exp_bounds(x).unwrap();
        let exact = exp_wide(x) >> (BITS - 128);
        assert!(wide(lower) <= exact, "{x}: {lower} above {exact}");
        assert!(exact < wide(upper), "{x}: {upper} not above {exact}");
    }

    /// The documented steps in integers without bounds, by another program.
    #[test]
    fn large_exponents_have_their_digits() {
        for (x, lower) in [
            (
                "0x1e00000000000000000000000000000000",
                "0x9b823857614764f43e201f73a542cacc14a2103be86",
            ),
            (
                "0x5000000000000000000000000000000000",
                "0xaabbcdcc279f59e45281da5471244ecc3691bd26997be8198000000000000",
            ),
            (
                "0x2b525ada00b9273470ca17589cf6d139c9",
                "0x5a827999fcef32422cbec4d9baa55f4f6e67fdc20d2e6ff4",
            ),
            (
                "0x5700cd613ed8f16adf91b7584a2265b1f5",
                "0x2ddabd074ffcacb4304cb087aff5ec9127190e78ae462a0d8000000000000000",
            ),
            (
                "0x5500000000000000000000000000003039",
                "0x62fb1d40f291dd6226be9bba1074711ce739b7b1648b3b34800000000000000",
            ),
        ] {
            let [x, lower]: [U256; 2] = [x, lower].map(|digits| digits.parse().unwrap());
            assert_eq!(exp_bounds(x).unwrap().0, lower, "{x}");
            assert_bounds(x);
        }
    }

    #[test]
    fn exponents_end_at_127_times_ln_2() {
        let first: U256 = "0x580799e3f115ed5c3927f61869f58860f2".parse().unwrap();
        assert!(exp_bounds(first - U256::from(1)).is_some());
        assert_eq!(exp_bounds(first), None);
        for bits in [135, 136, 160, 191, 192, 200, 255] {
            assert_eq!(exp_bounds(U256::from(1) << bits), None, "{bits}");
        }
    }

    #[test]
    fn e_has_its_digits() {
        // e = 2.71828182845904523536028747135266249775724709369995…
        let (lower, _) = exp_bounds(ONE_Q128).unwrap();
        let digits: Wide = (wide(lower) * Wide::from(10_u64).pow(Wide::from(36))) >> 128;
        assert_eq!(digits.to_string(), "2718281828459045235360287471352662497");
        // ln 10 = 2.30258509299404568401799145468436420760110148862877…
        let ln = ln_floor(ONE_Q128 * U256::from(10)).unwrap();
        let digits: Wide = (wide(ln) * Wide::from(10_u64).pow(Wide::from(36))) >> 128;
        assert_eq!(digits.to_string(), "2302585092994045684017991454684364207");
    }

    #[test]
    fn the_ends_of_the_range_are_bounded_too() {
        assert_eq!(exp_bounds(U256::ZERO).unwrap().0, ONE_Q128);
        for x in
            [U256::from(1), LN_2 >> 64, (LN_2 >> 64) + U256::from(1), ONE_Q128 * U256::from(40)]
        {
            assert_bounds(x);
        }
        assert!(exp_bounds(ONE_Q128 * U256::from(88)).is_some());
        assert_eq!(exp_bounds(ONE_Q128 * U256::from(89)), None);
        assert_eq!(exp_bounds(U256::MAX), None);
        assert_eq!(ln_floor(ONE_Q128), Some(U256::ZERO));
        assert_eq!(ln_floor(ONE_Q128 - U256::from(1)), None);
        assert!(ln_floor(U256::MAX).is_some());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn exp_lies_between_its_bounds(whole in 0_u64..20, low in any::<u128>(), shift in 0_usize..128) {
            assert_bounds(ONE_Q128 * U256::from(whole) + U256::from(low >> shift));
        }
        /// Through the exponential: e^(ln x) ≤ x < e^(ln x + 2 units).
        #[test]
        fn ln_is_just_below(high in 1_u64.., low in any::<u128>(), shift in 0_u32..63) {
            let x = ONE_Q128 * U256::from((high >> shift).max(1)) + U256::from(low);
            let ln = ln_floor(x).unwrap();
            prop_assert!(exp_wide(ln) <= wide(x) << (BITS - 128));
            prop_assert!(exp_wide(ln + U256::from(2)) > wide(x) << (BITS - 128));
        }
    }
}
