//! A concentrated pool's own rules; swaps and positions are replayed from the contracts in `sim`.

use markets::amm::concentrated::{Change, Concentrated, ConcentratedError};
use markets::units::{AccountId, AssetId, Pips, U256};

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
