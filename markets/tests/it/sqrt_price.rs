//! Steps of a √price where limbs cancel or products overflow; the usual ones are replayed from the contracts.

use markets::amm::concentrated::ConcentratedError;
use markets::amm::concentrated::sqrt_price::{
    Q96, amount0_delta, amount1_delta, next_sqrt_price_from_input,
};
use markets::math::Rounding;
use markets::narrow::narrow;
use markets::units::U256;

#[test]
fn a_price_above_160_bits_overflows_whatever_its_limbs() {
    assert_eq!(Q96, U256::from(1) << 96);
    for limbs in [[0, 0, 1 << 32, 0], [0, 0, 1 << 32, 1], [0, 0, 0, 1], [7, 7, 5 << 32, 5]] {
        let price = U256::from_limbs(limbs);
        let moved = amount1_delta(U256::ZERO, price, 1, Rounding::Floor);
        assert_eq!(moved, Err(ConcentratedError::Overflow), "{limbs:?}");
    }
    let most = (U256::from(1) << 160) - U256::from(1);
    assert_eq!(amount1_delta(U256::ZERO, most, 1, Rounding::Floor), Ok(U256::from(u64::MAX)));
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
    let price = (U256::from(1) << 160) - U256::from(1);
    let next = next_sqrt_price_from_input(price, u128::MAX, U256::from(1) << 100, true);
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
