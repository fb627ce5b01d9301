//! Steps of a √price where limbs cancel or products overflow; the usual ones are replayed from the contracts.

use markets::amm::concentrated::ConcentratedError;
use markets::amm::concentrated::sqrt_price::{
    Q96, Q128, amount0_delta, amount1_delta, next_sqrt_price_from_input,
    next_sqrt_price_from_output,
};
use markets::amm::concentrated::swap_step::{Step, compute_swap_step};
use markets::math::Rounding;
use markets::narrow::narrow;
use markets::units::{Pips, U256};
use proptest::prelude::*;
use ruint::Uint;

#[test]
fn a_price_above_160_bits_overflows_whatever_its_limbs() {
    assert_eq!((Q96, Q128), (U256::from(1) << 96, U256::from(1) << 128));
    for limbs in [[0, 0, 1 << 32, 0], [0, 0, 1 << 32, 1], [0, 0, 0, 1], [7, 7, 5 << 32, 5]] {
        let price = U256::from_limbs(limbs);
        let moved = amount1_delta(U256::ZERO, price, 1, Rounding::Floor);
        assert_eq!(moved, Err(ConcentratedError::Overflow), "{limbs:?}");
    }
    assert_eq!(amount1_delta(U256::ZERO, most(), 1, Rounding::Floor), Ok(U256::from(u64::MAX)));
}

#[test]
fn any_rest_rounds_up() {
    // 5 · (2⁶⁴ + 1) is 5 in both of its lowest limbs, and nothing of it is left of 2⁹⁶.
    let b = (U256::from(1) << 64) + U256::from(1);
    assert_eq!(amount1_delta(U256::ZERO, b, 5, Rounding::Ceil), Ok(U256::from(1)));
    assert_eq!(amount1_delta(b, U256::ZERO, 5, Rounding::Floor), Ok(U256::ZERO));
    // 2⁹⁶ itself leaves nothing.
    assert_eq!(amount1_delta(U256::ZERO, Q96, 5, Rounding::Ceil), Ok(U256::from(5)));
}

#[test]
fn either_order_of_two_prices_is_the_same_amount() {
    let (a, b) = (Q96, Q96 << 1_usize);
    for rounding in [Rounding::Floor, Rounding::Ceil] {
        // 3 · (1 − 1/2), and 3 · (2 − 1).
        let half = U256::from(if rounding == Rounding::Ceil { 2 } else { 1 });
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(amount0_delta(a, b, 3, rounding), Ok(half));
            assert_eq!(amount1_delta(a, b, 3, rounding), Ok(U256::from(3)));
        }
    }
}

#[test]
fn an_input_whose_product_overflows_takes_the_less_exact_way() {
    // ⌈(L · 2⁹⁶) / (⌊L · 2⁹⁶ / √P⌋ + Δ)⌉ of L = 2¹²⁸ − 1, √P = 2¹⁶⁰ − 1 and Δ = 2¹⁰⁰, by long division.
    let next = next_sqrt_price_from_input(most(), u128::MAX, U256::from(1) << 100, true);
    assert_eq!(next, Ok(U256::from(21_267_647_932_249_168_956_644_071_495_404_814_336_u128)));
}

#[test]
fn no_price_and_no_liquidity_take_nothing() {
    let one = U256::from(1);
    assert!(next_sqrt_price_from_input(U256::ZERO, 1, one, true).is_err());
    assert!(next_sqrt_price_from_input(Q96, 0, one, true).is_err());
    assert!(next_sqrt_price_from_input(Q96, 0, one, false).is_err());
    assert!(next_sqrt_price_from_input(Q96, 1, one, true).is_ok());
}

#[test]
fn what_needs_more_than_128_bits_is_not_narrow() {
    assert_eq!(narrow(U256::from_limbs([7, 9, 0, 0])), Some(7 | 9 << 64));
    for limbs in [[7, 9, 1, 0], [7, 9, 0, 1], [7, 9, 1, 1]] {
        assert_eq!(narrow(U256::from_limbs(limbs)), None, "{limbs:?}");
    }
}

/// The contract's statements (`SqrtPriceMath`, `SwapMath`) in integers wide enough for every product; `None`
/// where it reverts.
mod schoolbook {
    use super::*;

    type Wide = Uint<1024, 16>;

    fn wide(x: U256) -> Wide {
        Wide::from_limbs_slice(x.as_limbs())
    }
    fn fits(x: Wide, bits: usize) -> Option<U256> {
        (x.bit_len() <= bits).then(|| U256::from_limbs_slice(&x.as_limbs()[..4]))
    }
    fn div(n: Wide, d: Wide, up: bool) -> Option<Wide> {
        let (quotient, rest) = (!d.is_zero()).then(|| n.div_rem(d))?;
        Some(quotient + Wide::from(u64::from(up && !rest.is_zero())))
    }
    fn is_price(x: U256) -> Option<Wide> {
        (x.bit_len() <= 160).then(|| wide(x))
    }

    pub(super) fn amount0(a: U256, b: U256, l: u128, up: bool) -> Option<U256> {
        let (a, b) = (is_price(a.min(b))?, is_price(a.max(b))?);
        fits(div((Wide::from(l) << 96) * (b - a), a * b, up)?, 256)
    }
    pub(super) fn amount1(a: U256, b: U256, l: u128, up: bool) -> Option<U256> {
        let (a, b) = (is_price(a.min(b))?, is_price(a.max(b))?);
        fits(div(Wide::from(l) * (b - a), Wide::from(1) << 96, up)?, 256)
    }
    pub(super) fn next(p: U256, l: u128, amount: U256, token0: bool, add: bool) -> Option<U256> {
        if p.is_zero() || l == 0 {
            return None;
        }
        let (price, amount, l) = (is_price(p)?, wide(amount), Wide::from(l));
        let scaled = l << 96;
        if token0 && amount.is_zero() {
            Some(p)
        } else if token0 && add {
            let moved = fits(amount * price, 256).and_then(|m| fits(scaled + wide(m), 256));
            fits(
                match moved {
                    Some(denominator) => div(scaled * price, wide(denominator), true)?,
                    None => div(scaled, wide(fits(scaled / price + amount, 256)?), true)?,
                },
                160,
            )
        } else if token0 {
            let moved = wide(fits(amount * price, 256)?);
            fits(div(scaled * price, (scaled > moved).then(|| scaled - moved)?, true)?, 160)
        } else if add {
            fits(price + wide(fits(div(amount << 96, l, false)?, 256)?), 160)
        } else {
            let moved = wide(fits(div(amount << 96, l, true)?, 256)?);
            fits((price > moved).then(|| price - moved)?, 160)
        }
    }

    pub(super) fn step(
        current: U256,
        target: U256,
        l: u128,
        remaining: U256,
        exact_in: bool,
        fee: u32,
    ) -> Option<Step> {
        let down = current >= target;
        let input =
            |to| if down { amount0(to, current, l, true) } else { amount1(current, to, l, true) };
        let output =
            |to| if down { amount1(to, current, l, false) } else { amount0(current, to, l, false) };
        let kept = Wide::from(1_000_000 - fee);
        let sqrt_price = if exact_in {
            let less_fee = fits(wide(remaining) * kept / Wide::from(1_000_000), 256)?;
            if less_fee >= input(target)? {
                target
            } else {
                next(current, l, less_fee, down, true)?
            }
        } else if remaining >= output(target)? {
            target
        } else {
            next(current, l, remaining, !down, false)?
        };
        let reached = sqrt_price == target;
        let (amount_in, out) = (input(sqrt_price)?, output(sqrt_price)?);
        let amount_out = if exact_in { out } else { out.min(remaining) };
        let fee = if exact_in && !reached {
            remaining - amount_in
        } else {
            fits(div(wide(amount_in) * Wide::from(fee), kept, true)?, 256)?
        };
        Some(Step { sqrt_price, reached, amount_in, amount_out, fee })
    }
}

/// The highest √price that 160 bits hold.
fn most() -> U256 {
    (U256::from(1) << 160) - U256::from(1)
}

/// Integers of every magnitude up to so many bits; runs of zeros and of ones too.
fn up_to(bits: usize) -> impl Strategy<Value = U256> {
    (any::<[u64; 4]>(), 0..bits, 0_u8..8).prop_map(move |(limbs, shift, kind)| {
        let x = match kind {
            0 => U256::MAX,
            1 => U256::from(1) << 255,
            2 => U256::from_limbs([limbs[0], 0, 0, limbs[3]]),
            _ => U256::from_limbs(limbs),
        };
        x >> (256 - bits + shift)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn amounts_between_prices_are_those_of_the_schoolbook(
        a in up_to(160), b in up_to(160), l in up_to(128), off in 0_u64..3, up in any::<bool>()
    ) {
        let l = u128::try_from(l).unwrap();
        let rounding = if up { Rounding::Ceil } else { Rounding::Floor };
        let near = [a.saturating_add(U256::from(off)), a.saturating_add(a >> 20)];
        for b in [b, near[0].min(most()), near[1].min(most())] {
            prop_assert_eq!(amount0_delta(a, b, l, rounding).ok(), schoolbook::amount0(a, b, l, up));
            prop_assert_eq!(amount1_delta(a, b, l, rounding).ok(), schoolbook::amount1(a, b, l, up));
        }
    }

    #[test]
    fn prices_after_an_amount_are_those_of_the_schoolbook(
        price in up_to(160), l in up_to(128), amount in up_to(256), parts in 0_u64..=1_000, down in any::<bool>()
    ) {
        let l = u128::try_from(l).unwrap();
        // What the pool has of either token below or above the price, and parts of it.
        let has0 = Uint::<512, 8>::from(l) << 96_usize;
        let has0 = has0.checked_div(Uint::from_limbs_slice(price.as_limbs())).unwrap_or_default();
        let has = [U256::from_limbs_slice(&has0.as_limbs()[..4]), (U256::from(l) * (price >> 64)) >> 32];
        let of = |has: U256| (has >> 10) * U256::from(parts);
        for amount in [amount, has[0], has[1], of(has[0]), of(has[1]), U256::ZERO] {
            let paid = next_sqrt_price_from_input(price, l, amount, down);
            prop_assert_eq!(paid.ok(), schoolbook::next(price, l, amount, down, true));
            let taken = next_sqrt_price_from_output(price, l, amount, down);
            prop_assert_eq!(taken.ok(), schoolbook::next(price, l, amount, !down, false));
        }
    }

    #[test]
    fn a_step_of_a_swap_is_that_of_the_schoolbook(
        current in up_to(160), other in up_to(160), near in 0_u32..40, l in up_to(128), fee in 0_u32..1_000_000,
        remaining in up_to(256), parts in 0_u64..1_500, exact_in in any::<bool>(), usual in any::<bool>()
    ) {
        let one = U256::from(1);
        let (current, l) = (current.max(one), u128::try_from(l).unwrap().max(1));
        let fee = if usual { fee % 10_001 } else { fee };
        let targets = [other.max(one), (current - (current >> near.max(1))).max(one),
            current.saturating_add(current >> near).min(most())];
        for target in targets {
            let whole = if (current >= target) == exact_in {
                schoolbook::amount0(current, target, l, exact_in)
            } else {
                schoolbook::amount1(current, target, l, exact_in)
            };
            let whole = whole.unwrap_or_default();
            for remaining in [remaining, (whole >> 10) * U256::from(parts), whole] {
                let step = compute_swap_step(current, target, l, remaining, exact_in, Pips(fee));
                let expected = schoolbook::step(current, target, l, remaining, exact_in, fee);
                prop_assert_eq!(step.ok(), expected);
            }
        }
    }
}
