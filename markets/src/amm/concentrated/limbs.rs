//! Products of 64-bit limbs and quotients through 384 bits, wide enough for liquidity · √price · 2⁹⁶.

use super::error::ConcentratedError;
use crate::math::Rounding;
use crate::units::U256;
use crate::wide::{both, digit2, reciprocal2, shifted};
use ruint::Uint;

/// 384 bits.
pub(super) type U384 = Uint<384, 6>;

/// The product; `N` is at least `A + B`, or the product is known to fit it.
#[inline(always)]
pub(super) fn product<const A: usize, const B: usize, const N: usize>(
    a: [u64; A],
    b: [u64; B],
) -> [u64; N] {
    let mut out = [0_u64; N];
    for (i, &x) in a.iter().enumerate() {
        let mut carry = 0_u64;
        for (j, &y) in b.iter().enumerate() {
            if i + j < N {
                (out[i + j], carry) = x.carrying_mul_add(y, out[i + j], carry);
            }
        }
        if i + B < N {
            out[i + B] = carry;
        }
    }
    out
}

/// The limbs of a 128-bit integer.
#[inline(always)]
pub(super) const fn two(x: u128) -> [u64; 2] {
    [x as u64, (x >> 64) as u64]
}

/// The limbs of a √price.
///
/// # Errors
/// [`ConcentratedError::Overflow`] above 160 bits.
#[inline(always)]
pub(super) fn three(price: U256) -> Result<[u64; 3], ConcentratedError> {
    let l = price.as_limbs();
    if (l[3] | (l[2] >> 32)) == 0 {
        Ok([l[0], l[1], l[2]])
    } else {
        Err(ConcentratedError::Overflow)
    }
}

/// `x · 2⁹⁶`, for an `x` of 288 bits.
#[inline(always)]
pub(super) const fn shl_96(x: [u64; 5]) -> [u64; 6] {
    [
        0,
        x[0] << 32,
        (x[1] << 32) | (x[0] >> 32),
        (x[2] << 32) | (x[1] >> 32),
        (x[3] << 32) | (x[2] >> 32),
        (x[4] << 32) | (x[3] >> 32),
    ]
}

/// The quotient, `None` where it exceeds 256 bits. The denominator is not zero.
#[inline(always)]
pub(super) fn quotient(
    numerator: [u64; 6],
    denominator: [u64; 6],
    rounding: Rounding,
) -> Option<U256> {
    let [_, _, d2, d3, d4, d5] = denominator;
    let found = match (d2, d3, d4 | d5) {
        (_, 1.., 0) => by_limbs::<4>(numerator, denominator),
        (1.., 0, 0) => by_limbs::<3>(numerator, denominator),
        _ => None,
    };
    let Some((floor, exact)) = found else {
        return general_quotient(numerator, denominator, rounding);
    };
    let floor = U256::from_limbs(floor);
    if rounding == Rounding::Floor || exact {
        Some(floor)
    } else {
        floor.checked_add(U256::from(1))
    }
}

/// The quotient, floored, and whether nothing is left over, by Knuth's algorithm D for a denominator of
/// `D` limbs, three or four; `None` in the rare case that a digit of the quotient cannot be guessed from
/// two limbs of the denominator.
#[inline]
fn by_limbs<const D: usize>(
    numerator: [u64; 6],
    denominator: [u64; 6],
) -> Option<([u64; 4], bool)> {
    let shift = denominator[D - 1].leading_zeros() & 63;
    let mut d = [0_u64; D];
    d[0] = denominator[0] << shift;
    for i in 1..D {
        d[i] = shifted(denominator[i], denominator[i - 1], shift);
    }
    let mut n = [0_u64; 7];
    n[0] = numerator[0] << shift;
    for i in 1..6 {
        n[i] = shifted(numerator[i], numerator[i - 1], shift);
    }
    n[6] = shifted(0, numerator[5], shift);
    let head = both(d[D - 1], d[D - 2]);
    let reciprocal = reciprocal2(head);
    let mut quotient = [0_u64; 4];
    // The loop by hand, so that every limb has a register.
    let head = (head, reciprocal);
    let guessed = (D > 3 || next_digit(&mut n, &d, head, 3, &mut quotient))
        && next_digit(&mut n, &d, head, 2, &mut quotient)
        && next_digit(&mut n, &d, head, 1, &mut quotient)
        && next_digit(&mut n, &d, head, 0, &mut quotient);
    guessed.then(|| (quotient, n[..D].iter().all(|limb| *limb == 0)))
}

/// The digit `j` of the quotient; what is left over replaces the numerator. `head` is the upper two limbs of
/// the denominator and their reciprocal. `false` where they do not tell the digit.
#[inline(always)]
fn next_digit<const D: usize>(
    n: &mut [u64; 7],
    d: &[u64; D],
    (head, reciprocal): (u128, u64),
    j: usize,
    quotient: &mut [u64; 4],
) -> bool {
    let top = both(n[j + D], n[j + D - 1]);
    if top >= head {
        return false;
    }
    if n[j + D] == 0 && n[j + D - 1] < d[D - 1] {
        return true;
    }
    let (mut q, rest) = digit2(top, n[j + D - 2], head, reciprocal);
    // What the guess left over, less the digit times the lower limbs.
    let mut borrow = 0_u64;
    for i in 0..D - 2 {
        let (low, high) = q.carrying_mul(d[i], borrow);
        let under;
        (n[j + i], under) = n[j + i].overflowing_sub(low);
        borrow = high.wrapping_add(u64::from(under));
    }
    let (mut rest, under) = rest.overflowing_sub(u128::from(borrow));
    if under {
        // One too many.
        q = q.wrapping_sub(1);
        let mut carry = false;
        for i in 0..D - 2 {
            (n[j + i], carry) = n[j + i].carrying_add(d[i], carry);
        }
        rest = rest.wrapping_add(head).wrapping_add(u128::from(carry));
    }
    (n[j + D - 1], n[j + D - 2]) = ((rest >> 64) as u64, rest as u64);
    quotient[j] = q;
    true
}

/// [`quotient`] of any limbs.
#[cold]
#[inline(never)]
fn general_quotient(
    numerator: [u64; 6],
    denominator: [u64; 6],
    rounding: Rounding,
) -> Option<U256> {
    let (quotient, rest) = U384::from_limbs(numerator).div_rem(U384::from_limbs(denominator));
    let q = quotient.as_limbs();
    if (q[4] | q[5]) != 0 {
        return None;
    }
    let floor = U256::from_limbs([q[0], q[1], q[2], q[3]]);
    if rounding == Rounding::Floor || rest.is_zero() {
        Some(floor)
    } else {
        floor.checked_add(U256::from(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Limbs with runs of zeros and ones, some of them none.
    fn limbs() -> impl Strategy<Value = [u64; 6]> {
        let limb = prop_oneof![
            any::<u64>(),
            Just(0),
            Just(u64::MAX),
            Just(1),
            Just(1 << 63),
            any::<u64>().prop_map(|x| x >> (x & 63)),
        ];
        (proptest::array::uniform6(limb), 0_usize..384)
            .prop_map(|(limbs, shift)| (U384::from_limbs(limbs) >> shift).into_limbs())
    }

    fn or_one(d: [u64; 6]) -> [u64; 6] {
        if d == [0; 6] { [1, 0, 0, 0, 0, 0] } else { d }
    }

    fn check(n: [u64; 6], d: [u64; 6]) -> Result<(), TestCaseError> {
        for rounding in [Rounding::Floor, Rounding::Ceil] {
            prop_assert_eq!(quotient(n, d, rounding), general_quotient(n, d, rounding));
        }
        Ok(())
    }

    #[test]
    fn a_quotient_above_256_bits_is_none() {
        let one = [1, 0, 0, 0, 0, 0];
        for (n, fits) in [
            ([0, 0, 0, 1, 0, 0], true),
            ([0, 0, 0, 0, 1, 0], false),
            ([0, 0, 0, 0, 0, 1], false),
            ([0, 0, 0, 0, 1, 1], false),
            ([0, 0, 0, 0, 3, 1], false),
        ] {
            assert_eq!(general_quotient(n, one, Rounding::Floor).is_some(), fits, "{n:?}");
        }
    }

    /// Denominators of three and of four limbs whose top limb is not full, and numerators beside their
    /// multiples.
    #[test]
    fn quotients_by_shifted_limbs_are_those_of_the_general_way() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut word = move || {
            seed = crate::price::draw::derived(seed, 1);
            seed
        };
        for round in 0..20_000_u32 {
            let shift = round % 64;
            let mut d = [word(), word(), word(), 0, 0, 0];
            if round % 2 == 0 {
                d[3] = (word() >> shift).max(1);
            } else {
                d[2] = (d[2] >> shift).max(1);
            }
            let q = [word(), word() >> (round % 61), 0, 0, 0, 0];
            let near = U384::from_limbs(q).wrapping_mul(U384::from_limbs(d));
            for n in [near, near.wrapping_sub(U384::from(1)), U384::from_limbs([word(); 6]) >> 128]
            {
                check(n.into_limbs(), d).expect("one quotient");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]
        #[test]
        fn the_quotient_equals_the_general_one(n in limbs(), d in limbs()) {
            check(n, or_one(d))?;
        }
        #[test]
        fn nor_does_it_err_around_whole_multiples(q in limbs(), d in limbs(), off in -2_i8..=2) {
            let d = or_one(d);
            let near = U384::from_limbs(q).wrapping_mul(U384::from_limbs(d));
            let off = if off < 0 {
                U384::ZERO.wrapping_sub(U384::from(off.unsigned_abs()))
            } else {
                U384::from(off.unsigned_abs())
            };
            check(near.wrapping_add(off).into_limbs(), d)?;
        }
    }
}
