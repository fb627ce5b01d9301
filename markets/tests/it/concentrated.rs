//! A concentrated pool's own rules; swaps and positions are replayed from the contracts in `sim`.

use markets::amm::concentrated::periphery::quote_at_sqrt_price;
use markets::amm::concentrated::tick_math::sqrt_ratio_at_tick;
use markets::amm::concentrated::{Change, Concentrated, ConcentratedError};
use markets::units::{AccountId, Amount, AssetId, Pips, U256};

const OWNER: AccountId = AccountId(7);

fn pool() -> Concentrated {
    let (token0, token1, account) = (AssetId(0), AssetId(1), AccountId(0));
    Concentrated::new(token0, token1, account, Some(OWNER), Pips(3_000), 60)
}

fn at(limbs: [u64; 3]) -> Concentrated {
    let mut pool = pool();
    pool.state.sqrt_price = U256::from_limbs([limbs[0], limbs[1], limbs[2], 0]);
    pool.state.unlocked = true;
    pool
}

#[test]
fn a_spot_price_is_the_square_of_the_root_whichever_limbs_hold_it() {
    let two = |n: i32| libm::exp2(f64::from(n));
    // √price in units of 2⁻⁹⁶, and what it squares to: powers of two and 1.5 of them are exact.
    let cases = [
        ([0, 1 << 32, 0], 1.0),
        ([0, 1 << 33, 0], 4.0),
        ([1 << 60, 0, 0], two(-72)),
        ([0, 0, 4], two(68)),
        ([0, 1 << 63, 1], 2.25 * two(64)),
        ([1 << 63, 1, 0], 2.25 * two(-64)),
    ];
    for (limbs, price) in cases {
        let pool = at(limbs);
        assert_eq!(pool.spot_price(pool.token0), price, "{limbs:?}");
        assert_eq!(pool.spot_price(pool.token1), 1.0 / price, "{limbs:?}");
        assert!(pool.spot_price(AssetId(2)).is_nan());
    }
    assert!(pool().spot_price(AssetId(0)).is_nan() && pool().spot_price(AssetId(1)).is_nan());
}

#[test]
fn a_pool_s_other_asset_is_the_other_of_two() {
    let pool = pool();
    assert_eq!(pool.other(AssetId(0)), Some(AssetId(1)));
    assert_eq!(pool.other(AssetId(1)), Some(AssetId(0)));
    assert_eq!(pool.other(AssetId(2)), None);
}

#[test]
fn the_factory_bounds_spacing_and_fee() {
    let new = |fee: u32, spacing: i32| {
        let build = move || {
            Concentrated::new(AssetId(0), AssetId(1), AccountId(0), None, Pips(fee), spacing)
        };
        std::panic::catch_unwind(build).is_ok()
    };
    for (fee, spacing, allowed) in [
        (0, 1, true),
        (999_999, 16_383, true),
        (1_000_000, 1, false),
        (0, 0, false),
        (0, -1, false),
        (0, 16_384, false),
    ] {
        assert_eq!(new(fee, spacing), allowed, "{fee} {spacing}");
    }
}

#[test]
fn a_pool_is_initialised_once_and_has_one_observation() {
    let (mut pool, mut change) = (pool(), Change::default());
    let one = U256::from(1) << 96;
    assert_eq!(pool.quote_increase_cardinality(2, &mut change), Err(ConcentratedError::Locked));
    pool.quote_initialize(one, 1_000, &mut change).unwrap();
    pool.apply(&change);
    let state = pool.state;
    assert_eq!((state.sqrt_price, state.tick, state.unlocked), (one, 0, true));
    assert_eq!((state.observation_cardinality, state.observation_cardinality_next), (1, 1));
    assert_eq!(pool.observations.len(), 1);
    assert_eq!((pool.observations[0].timestamp, pool.observations[0].initialized), (1_000, true));
    let again = pool.quote_initialize(one, 1_001, &mut change);
    assert_eq!(again, Err(ConcentratedError::AlreadyInitialized));
    // Slots are reserved, never given up; they are in use once the ring comes round.
    for (asked, reserved) in [(3, 3), (2, 3), (4, 4)] {
        pool.quote_increase_cardinality(asked, &mut change).unwrap();
        pool.apply(&change);
        assert_eq!(pool.observations.len(), reserved);
        assert_eq!(usize::from(pool.state.observation_cardinality_next), reserved);
    }
    assert_eq!(pool.state.observation_cardinality, 1);
}

#[test]
fn the_owner_sets_a_quarter_to_a_tenth_or_nothing() {
    let (pool, mut change) = (at([0, 1 << 32, 0]), Change::default());
    for fee in 0..=16 {
        let allowed = matches!(fee, 0 | 4..=10);
        for (fee0, fee1) in [(fee, 4), (4, fee)] {
            let set = pool.quote_set_fee_protocol(OWNER, fee0, fee1, &mut change);
            if allowed {
                assert_eq!(set, Ok(()));
                assert_eq!(change.state.fee_protocol, fee0 + 16 * fee1);
            } else {
                assert_eq!(set, Err(ConcentratedError::FeeProtocol), "{fee0} {fee1}");
            }
        }
    }
    let other = pool.quote_set_fee_protocol(AccountId(8), 4, 4, &mut change);
    assert_eq!(other, Err(ConcentratedError::NotOwner));
}

#[test]
fn the_protocol_s_last_unit_stays() {
    let (mut pool, mut change) = (at([0, 1 << 32, 0]), Change::default());
    (pool.state.protocol_fees0, pool.state.protocol_fees1) = (10, 1);
    for (max, paid0, paid1) in [(u128::MAX, 9, 0), (10, 9, 0), (9, 9, 0), (3, 3, 0), (0, 0, 0)] {
        pool.quote_collect_protocol(OWNER, max, max, &mut change).unwrap();
        assert_eq!((change.amount0, change.amount1), (U256::from(paid0), U256::from(paid1)));
        let left = (change.state.protocol_fees0, change.state.protocol_fees1);
        assert_eq!(left, (10 - paid0, 1 - paid1), "{max}");
    }
    let other = pool.quote_collect_protocol(AccountId(8), 1, 1, &mut change);
    assert_eq!(other, Err(ConcentratedError::NotOwner));
    pool.state.unlocked = false;
    let locked = pool.quote_collect_protocol(OWNER, 1, 1, &mut change);
    assert_eq!(locked, Err(ConcentratedError::Locked));
}

/// Two positions about a price of one, 600 ticks to either side and 60.
fn filled() -> Concentrated {
    let (mut pool, mut change) = (pool(), Change::default());
    pool.quote_initialize(U256::from(1) << 96, 1_000, &mut change).unwrap();
    pool.apply(&change);
    for (width, liquidity) in [(600, 1_000_000_000_000), (60, 5_000_000_000_000)] {
        pool.quote_mint(AccountId(3), -width, width, liquidity, 1_000, &mut change).unwrap();
        pool.apply(&change);
    }
    pool
}

#[test]
fn a_swap_that_stops_at_a_tick_has_crossed_it() {
    let pool = filled();
    for (zero_for_one, tick) in [(true, -60), (false, 60)] {
        let mut change = Change::default();
        let limit = sqrt_ratio_at_tick(tick).unwrap();
        let all = U256::from(10).pow(U256::from(20));
        pool.quote_swap(zero_for_one, true, all, limit, 1_000, &mut change).unwrap();
        assert_eq!(change.state.sqrt_price, limit);
        assert_eq!(change.state.liquidity, 1_000_000_000_000, "the narrow position is left");
        // One unit of the price before it is within.
        let one = U256::from(1);
        let before = if zero_for_one { limit + one } else { limit - one };
        pool.quote_swap(zero_for_one, true, all, before, 1_000, &mut change).unwrap();
        assert_eq!(change.state.liquidity, 6_000_000_000_000);
    }
}

#[test]
fn a_flash_loan_may_be_of_all_that_there_is() {
    let pool = filled();
    let open = |amount0, amount1| {
        let (amounts, held) = ([amount0, amount1].map(Amount::new), Amount::new(1_000));
        let mut change = Change::default();
        pool.quote_flash_open(amounts[0], amounts[1], held, held, &mut change).map(|_| ())
    };
    assert_eq!(open(1_000, 1_000), Ok(()));
    for (amount0, amount1) in [(1_001, 0), (0, 1_001), (0, 2_000)] {
        assert_eq!(open(amount0, amount1), Err(ConcentratedError::Transfer));
    }
}

#[test]
fn a_quote_at_a_price_beyond_2_to_the_32_is_exact() {
    // √price of 2³², where the square needs 257 bits, and above and below it.
    for (root, price) in [(127_usize, 62_usize), (128, 64), (129, 66), (130, 68), (159, 126)] {
        let quoted = quote_at_sqrt_price(U256::from(1) << root, 5, true).unwrap();
        assert_eq!(quoted, U256::from(5) << price, "2^{root}");
        let back = quote_at_sqrt_price(U256::from(1) << root, 3 << 126, false).unwrap();
        assert_eq!(back, U256::from(3) << (126 - price), "2^{root}");
    }
}
