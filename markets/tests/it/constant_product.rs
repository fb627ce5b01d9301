//! The constant-product pool: hand-computed cases, and what must hold for all of them.

use markets::amm::PoolError;
use markets::amm::constant_product::{ConstantProduct, MAX_RESERVE, amount_in, amount_out};
use markets::units::{AccountId, Amount, AssetId, Pips, U256};
use proptest::prelude::*;

const A: AssetId = AssetId(3);
const B: AssetId = AssetId(5);

fn pool_of(reserve0: u128, reserve1: u128, fee: Pips) -> ConstantProduct {
    let mut pool = ConstantProduct::new(A, B, AssetId(9), AccountId(1), fee);
    pool.update(Amount::new(reserve0), Amount::new(reserve1), 1_000).unwrap();
    pool
}

fn k(reserve0: u128, reserve1: u128) -> U256 {
    U256::from(reserve0) * U256::from(reserve1)
}

#[test]
fn output_is_floored_and_input_is_raised() {
    // 100 · 997 · 2000 / (1000 · 1000 + 100 · 997) = 181.32…
    let pool = pool_of(1_000, 2_000, Pips(3_000));
    let sold = pool.quote_exact_in(A, Amount::new(100)).unwrap();
    assert_eq!(sold.amount_out, Amount::new(181));
    assert_eq!((sold.new_reserve0, sold.new_reserve1), (1_100, 1_819));
    // 1000 · 181 · 1000 / ((2000 − 181) · 997) = 99.80… → 99 + 1
    let bought = pool.quote_exact_out(A, Amount::new(181)).unwrap();
    assert_eq!(bought.amount_in, Amount::new(100));
    // One is added even where the division is exact: 1000 · 1000 / (2000 − 1000) = 1000 → 1001.
    let free = pool_of(1_000, 2_000, Pips(0));
    assert_eq!(free.quote_exact_out(A, Amount::new(1_000)).unwrap().amount_in, Amount::new(1_001));
}

#[test]
fn the_direction_is_the_asset_sold() {
    let pool = pool_of(1_000, 2_000, Pips(3_000));
    let sold = pool.quote_exact_in(B, Amount::new(100)).unwrap();
    // 100 · 997 · 1000 / (2000 · 1000 + 99700) = 47.48…
    assert_eq!(sold.amount_out, Amount::new(47));
    assert_eq!((sold.new_reserve0, sold.new_reserve1), (953, 2_100));
    assert_eq!(pool.other(A), Ok(B));
    assert_eq!(pool.other(AssetId(4)), Err(PoolError::UnknownAsset));
    assert!((pool.spot_price(A) - 2.0).abs() < 1e-15);
}

#[test]
fn refusals_name_the_rule() {
    let pool = pool_of(1_000, 2_000, Pips(3_000));
    let sell = |amount| pool.quote_exact_in(A, amount).unwrap_err();
    assert_eq!(sell(Amount::ZERO), PoolError::InsufficientInput);
    assert_eq!(sell(Amount::MAX), PoolError::MulOverflow);
    assert_eq!(sell(Amount::new(MAX_RESERVE)), PoolError::Overflow);
    // 1 · 997 · 1000 / (2000 · 1000 + 997) = 0.49…
    let dust = pool.quote_exact_in(B, Amount::new(1));
    assert_eq!(dust, Err(PoolError::InsufficientOutput));
    let buy = |amount| pool.quote_exact_out(A, amount).unwrap_err();
    assert_eq!(buy(Amount::ZERO), PoolError::InsufficientOutput);
    assert_eq!(buy(Amount::new(2_000)), PoolError::DivisionByZero);
    assert_eq!(buy(Amount::new(2_001)), PoolError::SubUnderflow);
    assert_eq!(buy(Amount::new(MAX_RESERVE + 1)), PoolError::SubUnderflow);
    assert_eq!(buy(Amount::MAX), PoolError::MulOverflow);
    let empty = pool_of(0, 0, Pips(3_000));
    assert_eq!(empty.quote_exact_in(A, Amount::new(1)), Err(PoolError::InsufficientLiquidity));
    // What costs more than any reserve can be is refused, not wrapped.
    let thin = pool_of(MAX_RESERVE, 1_000, Pips(999_999));
    assert_eq!(thin.quote_exact_out(A, Amount::new(999)), Err(PoolError::Overflow));
    let closed = pool_of(1_000, 1_000, Pips(1_000_000));
    assert!(closed.quote_exact_in(A, Amount::new(10)).is_err());
    assert!(closed.quote_exact_out(A, Amount::new(10)).is_err());
}

#[test]
fn first_deposit_locks_a_thousand_shares_and_later_ones_are_proportional() {
    let pool = pool_of(0, 0, Pips(3_000));
    let first = pool.quote_mint(Amount::new(4_000_000), Amount::new(1_000_000), Amount::ZERO);
    let first = first.unwrap();
    assert_eq!((first.shares, first.locked), (Amount::new(1_999_000), Amount::new(1_000)));
    let pool = pool_of(4_000_000, 1_000_000, Pips(3_000));
    let total = Amount::new(2_000_000);
    let next = pool.quote_mint(Amount::new(1_003), Amount::new(1_000_000), total).unwrap();
    // 1003 / 4 = 250.75 → 250 in the other asset; 250 · 2 = 500 shares, fewer than 501.5 by the first.
    assert_eq!((next.amount0, next.amount1), (Amount::new(1_003), Amount::new(250)));
    assert_eq!((next.shares, next.locked), (Amount::new(500), Amount::ZERO));
    let burn = pool.quote_burn(Amount::new(501), total).unwrap();
    assert_eq!((burn.amount0, burn.amount1), (Amount::new(1_002), Amount::new(250)));
    assert!(pool.quote_burn(Amount::new(2_000_001), total).is_err());
}

#[test]
fn the_pair_judges_by_what_it_holds() {
    let pool = pool_of(1_000_000, 2_000_000, Pips(3_000));
    let a = Amount::new;
    // 1,000 in: 997 · 2·10⁶ / (10⁹ + 997·10³) · 10³ = 1992.01…; one more would let the product fall.
    let close = |out1, balance0| pool.check_swap(a(0), a(out1), a(balance0), a(2_000_000 - out1));
    assert_eq!(close(1_992, 1_001_000), Ok((a(1_000), a(0))));
    assert_eq!(close(1_993, 1_001_000), Err(PoolError::ProductFell));
    assert_eq!(close(1_990, 1_000_999), Ok((a(999), a(0))));
    assert_eq!(close(1_991, 1_000_999), Err(PoolError::ProductFell));
    assert_eq!(close(1_992, 1_000_000), Err(PoolError::InsufficientInput));
    // A flash swap of one asset costs a little over 0.3 %: 997 of each 1,000 paid back count.
    let flash = |back: u128| pool.check_swap(a(100_000), a(0), a(900_000 + back), a(2_000_000));
    assert_eq!(flash(100_301), Ok((a(100_301), a(0))));
    assert_eq!(flash(100_300), Err(PoolError::ProductFell));
    assert_eq!(pool.check_outputs(a(0), a(0)), Err(PoolError::InsufficientOutput));
    assert_eq!(pool.check_outputs(a(1_000_000), a(0)), Err(PoolError::InsufficientLiquidity));
    // The product is taken in 256 bits before the reserves are.
    let much = Amount(U256::from(1) << 140_usize);
    assert_eq!(pool.check_swap(a(1), a(0), much, much), Err(PoolError::MulOverflow));
    assert_eq!(pool.check_swap(a(1), a(0), a(1 << 112), a(2_000_000)), Err(PoolError::Overflow));
    assert_eq!(pool.surplus(a(1_000_007), a(2_000_000)), Ok((a(7), a(0))));
    assert_eq!(pool.surplus(a(999_999), a(2_000_000)), Err(PoolError::SubUnderflow));
}

#[test]
fn accumulators_gather_the_price_that_stood_and_survive_the_clock_wrap() {
    let mut pool = pool_of(1_000, 2_000, Pips(3_000));
    let two: U256 = U256::from(2) << 112;
    let half: U256 = U256::from(1) << 111;
    // Within the same second a new price has stood for no time.
    pool.update(Amount::new(5_000), Amount::new(5_000), 1_000).unwrap();
    assert_eq!(pool.cumulatives(1_000), (U256::ZERO, U256::ZERO));
    let mut pool = pool_of(1_000, 2_000, Pips(3_000));
    pool.update(Amount::new(1_000), Amount::new(1_000), 1_012).unwrap();
    assert_eq!(pool.price0_cumulative, two * U256::from(12));
    assert_eq!(pool.price1_cumulative, half * U256::from(12));
    // 2³² seconds is 0 again: ten seconds before to five after are fifteen.
    let mut pool = pool_of(0, 0, Pips(3_000));
    pool.update(Amount::new(1_000), Amount::new(2_000), (1 << 32) - 10).unwrap();
    assert_eq!(pool.cumulatives((1 << 32) + 5).0, two * U256::from(15));
    // And the sum wraps at 2²⁵⁶ without complaint.
    pool.price0_cumulative = U256::MAX;
    pool.update(Amount::new(1_000), Amount::new(2_000), (1 << 32) + 5).unwrap();
    assert_eq!(pool.price0_cumulative, two * U256::from(15) - U256::from(1));
    assert_eq!(pool.timestamp_last, 5);
}

#[test]
fn a_state_survives_both_kinds_of_file() {
    let mut pool = pool_of(MAX_RESERVE, 12_345, Pips(500));
    pool.price0_cumulative = U256::MAX;
    pool.fee_to = Some(AccountId(4));
    let text = serde_json::to_string(&pool).unwrap();
    assert_eq!(serde_json::from_str::<ConstantProduct>(&text).unwrap(), pool);
    let bytes = postcard::to_stdvec(&pool).unwrap();
    assert_eq!(postcard::from_bytes::<ConstantProduct>(&bytes).unwrap(), pool);
}

/// Integers of every magnitude up to 2^bits.
fn sized(bits: u32) -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..bits).prop_map(move |(x, shift)| (x >> (128 - bits) >> shift).max(1))
}

fn any_pool() -> impl Strategy<Value = ConstantProduct> {
    let fee = prop_oneof![Just(3_000_u32), Just(0), Just(500), 0..100_000_u32];
    (sized(112), sized(112), fee).prop_map(|(r0, r1, fee)| pool_of(r0, r1, Pips(fee)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn k_never_falls(pool in any_pool(), amount in sized(112), first: bool, exact_in: bool) {
        let asset_in = if first { A } else { B };
        let quote = if exact_in {
            pool.quote_exact_in(asset_in, Amount::new(amount))
        } else {
            pool.quote_exact_out(asset_in, Amount::new(amount))
        };
        if let Ok(quote) = quote {
            let (new0, new1) = (quote.new_reserve0, quote.new_reserve1);
            prop_assert!(k(new0, new1) >= k(pool.reserve0, pool.reserve1));
            // The contract's own check, fee included, agrees.
            let (out0, out1) = if first {
                (Amount::ZERO, quote.amount_out)
            } else {
                (quote.amount_out, Amount::ZERO)
            };
            let checked = pool.check_swap(out0, out1, Amount::new(new0), Amount::new(new1));
            let paid = checked.map(|(in0, in1)| if first { in0 } else { in1 });
            prop_assert_eq!(paid, Ok(quote.amount_in));
        }
    }

    #[test]
    fn a_round_trip_never_gains(pool in any_pool(), amount in sized(112)) {
        if let Ok(there) = pool.quote_exact_in(A, Amount::new(amount)) {
            let mut after = pool;
            let (new0, new1) = (Amount::new(there.new_reserve0), Amount::new(there.new_reserve1));
            after.update(new0, new1, 1_000).unwrap();
            if let Ok(back) = after.quote_exact_in(B, there.amount_out) {
                prop_assert!(back.amount_out <= there.amount_in);
            }
        }
    }

    #[test]
    fn buying_what_a_sale_gave_costs_no_more_than_the_sale(pool in any_pool(), amount in sized(112)) {
        if let Ok(sale) = pool.quote_exact_in(A, Amount::new(amount))
            && let Ok(purchase) = pool.quote_exact_out(A, sale.amount_out)
        {
            // The smallest sufficient input, plus the one that the contract adds.
            prop_assert!(purchase.amount_in.0 <= sale.amount_in.0 + U256::from(1));
            let resold = pool.quote_exact_in(A, purchase.amount_in).unwrap();
            prop_assert!(resold.amount_out >= sale.amount_out);
        }
    }

    #[test]
    fn fast_quotes_equal_schoolbook_ones(pool in any_pool(), amount in sized(112)) {
        let (r0, r1) = (U256::from(pool.reserve0), U256::from(pool.reserve1));
        let amount_256 = U256::from(amount);
        if let Ok(quote) = pool.quote_exact_in(A, Amount::new(amount)) {
            prop_assert_eq!(Ok(quote.amount_out.0), amount_out(amount_256, r0, r1, pool.fee));
        }
        if let Ok(quote) = pool.quote_exact_out(A, Amount::new(amount)) {
            prop_assert_eq!(Ok(quote.amount_in.0), amount_in(amount_256, r0, r1, pool.fee));
        }
    }

    #[test]
    fn mint_then_burn_never_gains(
        pool in any_pool(), total in sized(112), max0 in sized(112), max1 in sized(112),
    ) {
        let total = Amount::new(total);
        if let Ok(mint) = pool.quote_mint(Amount::new(max0), Amount::new(max1), total) {
            prop_assert!(mint.amount0 <= Amount::new(max0) && mint.amount1 <= Amount::new(max1));
            let mut after = pool;
            let sum = |reserve, amount| Amount::new(reserve).checked_add(amount).unwrap();
            let (b0, b1) = (sum(pool.reserve0, mint.amount0), sum(pool.reserve1, mint.amount1));
            after.update(b0, b1, 1_000).unwrap();
            let total = total.checked_add(mint.shares).unwrap();
            if let Ok(burn) = after.quote_burn(mint.shares, total) {
                prop_assert!(burn.amount0 <= mint.amount0 && burn.amount1 <= mint.amount1);
            }
        }
    }

    #[test]
    fn the_closed_form_size_is_a_maximum(
        r0 in 1e6..1e24_f64, r1 in 1e6..1e24_f64, fee in 0..10_000_u32, gap in 0.5..0.98_f64,
    ) {
        let pool = pool_of(r0 as u128, r1 as u128, Pips(fee));
        let price = pool.spot_price(A) * gap;
        let keep = 1.0 - f64::from(fee) / 1e6;
        let profit = |x: f64| r1 * keep * x / (r0 + keep * x) - price * x;
        let best = pool.optimal_in(A, price);
        if gap < keep {
            prop_assert!(best > 0.0);
            prop_assert!(profit(best) >= profit(best * 1.02) && profit(best) >= profit(best * 0.98));
        } else {
            prop_assert_eq!(best, 0.0);
        }
    }
}

#[test]
fn balances_above_112_bits_overflow_whatever_their_limbs() {
    let most = (1_u128 << 112) - 1;
    assert_eq!(MAX_RESERVE, most);
    let pool =
        || ConstantProduct::new(AssetId(0), AssetId(1), AssetId(2), AccountId(0), Pips(3_000));
    let update = |amount: U256| pool().update(Amount(amount), Amount::new(1), 0).is_ok();
    assert!(update(U256::from(most)));
    assert!(!update(U256::from(most + 1)));
    for limbs in [[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 1, 1]] {
        assert!(!update(U256::from_limbs(limbs)), "{limbs:?}");
    }
}

#[test]
fn a_reserve_may_be_filled_to_the_last_unit() {
    const PART: u128 = 1 << 90;
    for (asset, [reserve0, reserve1]) in
        [(A, [MAX_RESERVE - PART, 1 << 100]), (B, [1 << 100, MAX_RESERVE - PART])]
    {
        let pool = pool_of(reserve0, reserve1, Pips(0));
        let sold = |amount| pool.quote_exact_in(asset, Amount::new(amount));
        let filled = sold(PART).unwrap();
        assert_eq!(filled.new_reserve0.max(filled.new_reserve1), MAX_RESERVE);
        assert_eq!(sold(PART + 1), Err(PoolError::Overflow));
        let deposit = |amount| {
            let (amount, all) = (Amount::new(amount), Amount::new(1 << 111));
            pool.quote_mint_exact(amount, amount, all).map(|quote| quote.locked)
        };
        assert_eq!(deposit(PART), Ok(Amount::ZERO));
        assert_eq!(deposit(PART + 1), Err(PoolError::Overflow));
    }
}

#[test]
fn a_deposit_of_one_asset_or_into_half_a_pool_is_none() {
    let mint = |pool: &ConstantProduct, a: u128, b: u128| {
        pool.quote_mint(Amount::new(a), Amount::new(b), Amount::new(1_000)).err()
    };
    let (full, empty) = (pool_of(1_000, 2_000, Pips(3_000)), pool_of(0, 0, Pips(3_000)));
    for pool in [&full, &empty] {
        for (a, b) in [(0, 5), (5, 0), (0, 0)] {
            assert_eq!(mint(pool, a, b), Some(PoolError::InsufficientInput), "{a} {b}");
        }
    }
    for (a, b) in [(0, 2_000), (1_000, 0)] {
        let half = pool_of(a, b, Pips(3_000));
        assert_eq!(mint(&half, 5, 5), Some(PoolError::InsufficientLiquidity), "{a} {b}");
    }
}

#[test]
fn the_protocol_is_due_nothing_unless_it_asks_and_something_was_seen() {
    let shares = Amount::new(1_000_000);
    let mut pool = pool_of(2_000_000, 2_000_000, Pips(3_000));
    pool.k_last = k(1_000_000, 1_000_000);
    assert_eq!(pool.protocol_shares(shares), Amount::ZERO);
    pool.fee_to = Some(AccountId(4));
    // 10⁶ · (2 − 1) / (5 · 2 + 1).
    assert_eq!(pool.protocol_shares(shares), Amount::new(90_909));
    pool.k_last = U256::ZERO;
    assert_eq!(pool.protocol_shares(shares), Amount::ZERO);
}

#[test]
fn a_flash_swap_of_either_asset_is_owed_with_the_fee() {
    let pool = pool_of(1_000_000, 1_000_000, Pips(3_000));
    let (none, some) = (Amount::ZERO, Amount::new(997));
    assert_eq!(pool.flash_debt(some, none), Some(Amount::new(1_000)));
    assert_eq!(pool.flash_debt(none, some), Some(Amount::new(1_000)));
    assert_eq!(pool.flash_debt(some, some), None);
    assert_eq!(pool.flash_debt(none, none), None);
}

#[test]
fn a_product_may_stay_as_it_is_and_all_shares_may_be_burned() {
    let pool = pool_of(1_000, 1_000, Pips(0));
    let of = Amount::new;
    let paid = |in0: u128| pool.check_inputs(of(0), of(500), of(1_000 + in0), of(500));
    assert_eq!(paid(1_000), Ok((of(1_000), of(0))));
    assert_eq!(paid(999), Err(PoolError::ProductFell));
    // With a fee in millionths: (1 + 2,000 · 0.9995) · 1 = 1 · 2,000.
    let fine = pool_of(1, 2_000, Pips(500));
    let paid = |in0: u128| fine.check_inputs(of(0), of(1_999), of(1 + in0), of(1));
    assert_eq!(paid(2_000), Ok((of(2_000), of(0))));
    assert_eq!(paid(1_999), Err(PoolError::ProductFell));
    let burn = |shares| pool.quote_burn(of(shares), of(1_000)).map(|quote| quote.amount0);
    assert_eq!(burn(1_000), Ok(of(1_000)));
    assert_eq!(burn(1_001), Err(PoolError::InsufficientLiquidityBurned));
}

#[test]
fn nobody_sells_where_the_first_unit_loses() {
    let pool = pool_of(1_000_000, 2_000_000, Pips(3_000));
    assert_eq!(pool.optimal_in(A, 5.0), 0.0);
    assert_eq!(pool.optimal_in(A, 0.0), 0.0, "a price of nothing has no size");
    assert!(pool.optimal_in(A, 1.0) > 0.0);
}
