//! The StableSwap pool: closed forms, a solution of the invariant by bisection in 1,024 bits, and what must
//! hold of every call.

use markets::amm::stable_math::{A_PRECISION, balance_at, invariant};
use markets::amm::stable_swap::{Coins, FEE_DENOMINATOR, MAX_A, StableSwap, StableSwapError};
use markets::units::{AccountId, Amount, AssetId, U256, WAD};
use proptest::prelude::*;
use ruint::Uint;

type Wide = Uint<1024, 16>;

const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;
const A: AssetId = AssetId(3);
const B: AssetId = AssetId(4);
const C: AssetId = AssetId(5);
const OWNER: AccountId = AccountId(7);
const NOW: u64 = 1_700_000_000;

fn pool(coins: &[(AssetId, u8)], a: u64, fee: u64, balances: &[u128]) -> StableSwap {
    let half = FEE_DENOMINATOR / 2;
    let mut pool = StableSwap::new(coins, AssetId(9), AccountId(1), OWNER, a, fee, half);
    for (slot, balance) in pool.balances.iter_mut().zip(balances) {
        *slot = Amount::new(*balance);
    }
    pool
}
fn two(a: u64, fee: u64, balances: [u128; 2]) -> StableSwap {
    pool(&[(A, 18), (B, 18)], a, fee, &balances)
}
/// DAI, USDC, USDT and their decimals.
fn three(a: u64, fee: u64, balances: [u128; 3]) -> StableSwap {
    pool(&[(A, 18), (B, 6), (C, 6)], a, fee, &balances)
}
fn coins(amounts: &[u128]) -> Coins {
    std::array::from_fn(|i| Amount::new(amounts.get(i).copied().unwrap_or(0)))
}
fn wide(x: U256) -> Wide {
    Wide::from_limbs_slice(x.as_limbs())
}

/// Both sides of the invariant times 100·nⁿ·Πx, as (grows faster with D, the other).
fn sides(xp: &[U256], d: U256, ann: U256) -> (Wide, Wide) {
    let n = xp.len();
    let (d, ann, precision) = (wide(d), wide(ann), Wide::from(A_PRECISION));
    let total: Wide = xp.iter().map(|x| wide(*x)).fold(Wide::ZERO, |a, b| a + b);
    let product = xp.iter().fold(Wide::from(n.pow(n as u32)), |p, x| p * wide(*x));
    let power = d.pow(Wide::from(n as u64 + 1));
    (precision * power + ann * d * product, product * (precision * d + ann * total))
}
/// ⌊D⌋ of the real solution.
fn exact_d(xp: &[U256], ann: U256) -> U256 {
    let total = xp.iter().fold(U256::ZERO, |a, b| a + b);
    let (mut low, mut high) = (U256::ZERO, total + U256::from(1));
    while high - low > U256::from(1) {
        let middle = (low + high) >> 1;
        let (left, right) = sides(xp, middle, ann);
        if left <= right { low = middle } else { high = middle }
    }
    low
}
/// ⌈y⌉ of the real solution at which D is `d`.
fn exact_y(xp: &[U256], j: usize, d: U256, ann: U256) -> U256 {
    let mut xp = xp.to_vec();
    // The root of y² + (b − D)·y = c is below D·(1 + D/others) at most; double until past it.
    let (mut low, mut high) = (U256::ZERO, U256::from(1));
    let enough = |xp: &mut Vec<U256>, y: U256| {
        xp[j] = y;
        let (left, right) = sides(xp, d, ann);
        left <= right
    };
    while !enough(&mut xp, high) {
        high <<= 1;
    }
    while high - low > U256::from(1) {
        let middle = (low + high) >> 1;
        if enough(&mut xp, middle) { high = middle } else { low = middle }
    }
    high
}
fn scaled(pool: &StableSwap) -> Vec<U256> {
    let unit = |i: usize| U256::from(10).pow(U256::from(18 - pool.decimals[i]));
    (0..pool.n()).map(|i| pool.balances[i].0 * unit(i)).collect()
}
fn ann_of(pool: &StableSwap) -> U256 {
    U256::from(pool.amplification(NOW)) * U256::from(pool.n())
}
/// ⌊D⌋ of the real solution, in 10⁻⁹ of a unit of 10⁻¹⁸: finer than anything the pool counts in.
fn fine_d(pool: &StableSwap) -> U256 {
    let fine: Vec<U256> = scaled(pool).iter().map(|x| x * U256::from(1_000_000_000)).collect();
    exact_d(&fine, ann_of(pool))
}

#[test]
fn a_balanced_pool_is_worth_its_sum_at_any_amplification() {
    for a in [1, 2, 100, 2_000, 999_999] {
        let pool = two(a, 0, [5_000 * E18, 5_000 * E18]);
        assert_eq!(pool.d(NOW), Ok(U256::from(10_000 * E18)));
        let pool = three(a, 0, [1_000 * E18, 1_000 * E6, 1_000 * E6]);
        assert_eq!(pool.d(NOW), Ok(U256::from(3_000 * E18)));
    }
    assert_eq!(three(100, 0, [0; 3]).d(NOW), Ok(U256::ZERO));
}

#[test]
fn without_bound_on_a_the_sum_is_constant() {
    // From the invariant, S − D = D·(F − 1)/a with F = Dⁿ/(nⁿΠx) and a = Ann/100: at 3,000 and 1,000, F is
    // 4/3 and a is 1,999,998, hence 1/3 · 4,000/1,999,998 of a whole coin short of the sum.
    let pool = two(999_999, 0, [3_000 * E18, 1_000 * E18]);
    let short = U256::from(4_000 * E18) - pool.d(NOW).unwrap();
    let expected = 4_000.0 / 3.0 / 1_999_998.0 * 1e18;
    assert!((Amount(short).to_f64() / expected - 1.0).abs() < 1e-5, "{short} against {expected}");
    let sold = pool.quote_exchange(A, B, Amount::new(100 * E18), NOW).unwrap();
    let out = sold.received[1].to_f64() / 1e20;
    assert!((out - 1.0).abs() < 1e-5, "{out}");
}

#[test]
fn without_amplification_the_product_is_constant() {
    // F − 1 = a·(S/D − 1) → 0, where F = Dⁿ/(nⁿΠx): D → n·ⁿ√Πx. Halving a halves the distance.
    let xp = [U256::from(4_000 * E18), U256::from(1_000 * E18)];
    let geometric = 4_000.0e18;
    let distance = |raw: u64| {
        let d = invariant(&xp, U256::from(raw)).unwrap();
        assert!(d.abs_diff(exact_d(&xp, U256::from(raw))) <= U256::from(2));
        Amount(d).to_f64() / geometric - 1.0
    };
    for raw in [1, 2, 4, 8] {
        let (d, a) = (1.0 + distance(raw), raw as f64 / 100.0);
        let residual = d * d - 1.0 - a * (1.25 / d - 1.0);
        assert!(residual.abs() < 1e-12, "{raw}: {residual}");
    }
    assert!(distance(1) < 0.0013 && distance(1) > 0.0);
    assert!((distance(2) / distance(1) - 2.0).abs() < 0.03);
    // Ann = 0 is the constant product itself: D = 2·√(4,000 · 1,000) = 4,000.
    let d = invariant(&xp, U256::ZERO).unwrap();
    assert!(d.abs_diff(U256::from(4_000 * E18)) <= U256::from(1), "{d}");
}

#[test]
fn the_first_deposit_is_minted_its_invariant_and_needs_every_coin() {
    let pool = three(2_000, 4_000_000, [0; 3]);
    let some = coins(&[1_000 * E18, 1_000 * E6, 1_000 * E6]);
    let first = pool.quote_add(&some, Amount::ZERO, NOW).unwrap();
    assert_eq!(first.minted, Amount::new(3_000 * E18));
    assert_eq!((first.paid, first.balances), (some, some));
    let lacking = coins(&[E18, 0, E6]);
    let refused = pool.quote_add(&lacking, Amount::ZERO, NOW);
    assert_eq!(refused, Err(StableSwapError::InitialDepositRequiresAllCoins));
    let filled = StableSwap { balances: first.balances, ..pool };
    assert_eq!(filled.virtual_price(first.minted, NOW), Ok(WAD));
    assert_eq!(filled.virtual_price(Amount::ZERO, NOW), Err(StableSwapError::NoLiquidity));
}

#[test]
fn a_fee_is_taken_from_the_output_and_half_of_it_leaves_the_balances() {
    let free = two(100, 0, [1_000 * E18, 1_000 * E18]);
    let paid = two(100, 4_000_000, [1_000 * E18, 1_000 * E18]);
    let dx = Amount::new(10 * E18);
    let gross = free.quote_exchange(A, B, dx, NOW).unwrap().received[1];
    let change = paid.quote_exchange(A, B, dx, NOW).unwrap();
    // 0.04 %, floored, off the output; half of that, floored, is the owner's.
    let fee = gross.0 * U256::from(4_000_000) / U256::from(FEE_DENOMINATOR);
    assert_eq!(change.received[1].0, gross.0 - fee);
    let left = U256::from(1_000 * E18) - change.received[1].0 - (fee >> 1);
    assert_eq!(change.balances[1].0, left);
    assert_eq!(change.balances[0], Amount::new(1_010 * E18));
}

#[test]
fn a_proportional_deposit_pays_no_fee_and_a_lopsided_one_does() {
    let pool = two(100, 4_000_000, [1_000 * E18, 1_000 * E18]);
    let supply = Amount::new(2_000 * E18);
    let even = pool.quote_add(&coins(&[E18, E18]), supply, NOW).unwrap();
    assert_eq!(even.minted, Amount::new(2 * E18));
    // Two coins of one: each is one away from proportion, and fee · 2/4 of that is taken from each: 0.02 %
    // of two coins in all, but for the curve, which takes less than it here.
    let odd = pool.quote_add(&coins(&[2 * E18, 0]), supply, NOW).unwrap();
    let no_fee = pool.calc_token_amount(&coins(&[2 * E18, 0]), true, supply, NOW).unwrap();
    let fee = (no_fee.to_f64() - odd.minted.to_f64()) / 1e18;
    assert!((fee / (2.0 * 0.000_2) - 1.0).abs() < 1e-3, "{fee}");
    let none = pool.quote_add(&coins(&[0, 0]), supply, NOW);
    assert_eq!(none, Err(StableSwapError::InvariantNotRaised));
}

#[test]
fn refusals_name_the_rule() {
    let pool = three(100, 0, [E18, E6, E6]);
    let one = Amount::new(E18);
    assert_eq!(pool.quote_exchange(A, A, one, NOW), Err(StableSwapError::SameCoin));
    assert_eq!(pool.quote_exchange(A, AssetId(8), one, NOW), Err(StableSwapError::UnknownCoin));
    assert_eq!(pool.quote_exchange(A, B, Amount::ZERO, NOW), Err(StableSwapError::Overflow));
    assert_eq!(pool.quote_exchange(A, B, Amount::MAX, NOW), Err(StableSwapError::Overflow));
    assert_eq!(pool.other(A), Err(StableSwapError::SameCoin));
    let empty = three(100, 0, [0, E6, E6]);
    assert_eq!(empty.quote_exchange(A, B, one, NOW), Err(StableSwapError::NoLiquidity));
    let supply = Amount::new(3 * E18);
    // Leaving needs no invariant.
    assert!(empty.quote_remove(one, supply).is_ok());
    assert_eq!(pool.quote_remove(one, Amount::ZERO), Err(StableSwapError::NoLiquidity));
    assert_eq!(pool.quote_remove(Amount::new(4 * E18), supply), Err(StableSwapError::Overflow));
    let nothing = pool.quote_remove_imbalance(&coins(&[0, 0, 0]), supply, NOW);
    assert_eq!(nothing, Err(StableSwapError::ZeroBurned));
}

#[test]
fn amplification_moves_on_a_straight_line_within_its_bounds() {
    let mut pool = two(100, 0, [E18, E18]);
    let day = 86_400;
    assert_eq!(pool.ramp_a(AccountId(1), 200, NOW + day, NOW), Err(StableSwapError::OnlyOwner));
    let short = pool.ramp_a(OWNER, 200, NOW + day - 1, NOW);
    assert_eq!(short, Err(StableSwapError::InsufficientTime));
    for a in [0, 9, 1_001, 1_000_000] {
        let far = pool.ramp_a(OWNER, a, NOW + day, NOW);
        assert_eq!(far, Err(StableSwapError::AmplificationOutOfBounds), "{a}");
    }
    pool.ramp_a(OWNER, 1_000, NOW + day, NOW).unwrap();
    assert_eq!(pool.amplification(NOW), 10_000);
    assert_eq!(pool.amplification(NOW + day / 4), 32_500);
    assert_eq!(pool.amplification(NOW + day / 2 + 1), 55_001);
    assert_eq!(pool.amplification(NOW + 2 * day), 100_000);
    assert_eq!(pool.ramp_a(OWNER, 500, NOW + 2 * day, NOW + 1), Err(StableSwapError::RampTooSoon));
    pool.stop_ramp_a(OWNER, NOW + day / 4).unwrap();
    assert_eq!(pool.amplification(NOW + day), 32_500);
    // Downwards too, tenfold at most.
    let later = NOW + 3 * day;
    pool.ramp_a(OWNER, 33, later + day, later).unwrap();
    assert_eq!(pool.amplification(later + day / 2), 32_500 - (32_500 - 3_300) / 2);
}

#[test]
fn everything_out_leaves_nothing() {
    let pool = three(2_000, 4_000_000, [1_234 * E18 + 5, 777 * E6 + 1, 3]);
    let supply = Amount::new(2_000 * E18);
    let all = pool.quote_remove(supply, supply).unwrap();
    assert_eq!(all.received, pool.balances);
    assert_eq!(all.balances, coins(&[0, 0, 0]));
}

/// A pool of three, coins at most a thousandfold apart, of ordinary fees.
fn pools() -> impl Strategy<Value = StableSwap> {
    (1_u64..10_000, 0_u64..20_000_000, [1_u64..1_000, 1..1_000, 1..1_000], 0_u32..7, any::<bool>())
        .prop_map(|(a, fee, [x, y, z], size, pair)| {
            let size = 10_u128.pow(size);
            let (x, y, z) = (u128::from(x) * size, u128::from(y) * size, u128::from(z) * size);
            if pair {
                two(a, fee, [x * E18 + 12_345, y * E18 + 678])
            } else {
                three(a, fee, [x * E18 + 12_345, y * E6 + 17, z * E6 + 3])
            }
        })
}
fn share(x: Amount, parts: u32) -> Amount {
    Amount(x.0 * U256::from(parts) / U256::from(1_000_000))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn newton_finds_the_root_of_the_invariant(pool in pools()) {
        let (xp, ann) = (scaled(&pool), ann_of(&pool));
        let (found, exact) = (invariant(&xp, ann).unwrap(), exact_d(&xp, ann));
        prop_assert!(found.abs_diff(exact) <= U256::from(2), "{} against {}", found, exact);
        let y = balance_at(&xp, 0, found, ann).unwrap();
        let exact = exact_y(&xp, 0, found, ann);
        // Of three coins the constant term is floored twice before the root is.
        prop_assert!(y.abs_diff(exact) <= U256::from(2), "{} {}", y, exact);
    }

    /// D of the real solution, to 10⁻²⁷ of a coin: what providers own does not fall by a trade.
    #[test]
    fn a_swap_never_lowers_the_invariant(
        pool in pools(), parts in 1_u32..2_000_000, forth in any::<bool>(),
    ) {
        let (sold, bought) = if forth { (0, 1) } else { (1, 0) };
        let dx = share(pool.balances[sold], parts);
        let quote = pool.quote_exchange(pool.coins[sold], pool.coins[bought], dx, NOW);
        prop_assume!(quote.is_ok());
        let after = StableSwap { balances: quote.unwrap().balances, ..pool };
        prop_assert!(fine_d(&after) >= fine_d(&pool));
    }

    #[test]
    fn a_round_trip_never_gains(pool in pools(), parts in 1_u32..2_000_000) {
        let dx = share(pool.balances[0], parts);
        let forth = pool.quote_exchange(pool.coins[0], pool.coins[1], dx, NOW);
        prop_assume!(forth.is_ok());
        let forth = forth.unwrap();
        let after = StableSwap { balances: forth.balances, ..pool };
        let back = after.quote_exchange(pool.coins[1], pool.coins[0], forth.received[1], NOW);
        prop_assume!(back.is_ok());
        prop_assert!(back.unwrap().received[0] <= dx);
    }

    /// In by any door and out by any other: never more of what came in, never fewer shares burned.
    #[test]
    fn shares_and_assets_never_gain(
        pool in pools(), parts in [0_u32..2_000_000, 0..2_000_000, 0..2_000_000], one in 0_usize..2,
    ) {
        let supply = Amount(pool.d(NOW).unwrap());
        let amounts: Coins = std::array::from_fn(|i| share(pool.balances[i], parts[i]));
        let added = pool.quote_add(&amounts, supply, NOW);
        prop_assume!(added.is_ok());
        let added = added.unwrap();
        let after = StableSwap { balances: added.balances, ..pool };
        let supply = Amount(supply.0 + added.minted.0);
        if let Ok(back) = after.quote_remove_imbalance(&amounts, supply, NOW) {
            prop_assert!(back.burned >= added.minted);
        }
        // A deposit of one coin alone, and out in the same coin.
        let mut alone = [Amount::ZERO; 3];
        alone[one] = amounts[one];
        let single = pool.quote_add(&alone, Amount(pool.d(NOW).unwrap()), NOW);
        if let Ok(single) = single {
            let after = StableSwap { balances: single.balances, ..pool };
            let supply = Amount(pool.d(NOW).unwrap() + single.minted.0);
            let out = after.quote_remove_one_coin(single.minted, pool.coins[one], supply, NOW);
            if let Ok(out) = out {
                prop_assert!(out.received[one] <= alone[one]);
            }
            // What the others' shares are worth has not fallen.
            let per_share = |pool: &StableSwap, supply: Amount| pool.virtual_price(supply, NOW);
            let before = per_share(&pool, Amount(pool.d(NOW).unwrap())).unwrap();
            prop_assert!(per_share(&after, supply).unwrap() + U256::from(1) >= before);
        }
    }

    #[test]
    fn a_proportional_exit_is_at_most_the_share(pool in pools(), parts in 0_u32..1_000_000) {
        let supply = Amount(pool.d(NOW).unwrap());
        let out = pool.quote_remove(share(supply, parts), supply).unwrap();
        for i in 0..pool.n() {
            prop_assert!(out.received[i].0 * U256::from(1_000_000) <= pool.balances[i].0 * U256::from(parts));
        }
        let after = StableSwap { balances: out.balances, ..pool };
        if after.balances[..pool.n()].iter().all(|b| *b > Amount::new(1_000)) {
            let left = Amount(supply.0 - out.burned.0);
            prop_assert!(after.virtual_price(left, NOW).unwrap() + U256::from(1) >= WAD);
        }
    }
}

#[test]
fn each_invariant_holds_to_the_unit_and_no_further() {
    let pool = three(100, 4_000_000, [1_000 * E18, 1_000 * E6, 1_000 * E6]);
    let supply = Amount::new(3_000 * E18);
    let broken = |pool: &StableSwap, held: &Coins, supply| {
        pool.check(held, supply, NOW).err().map(|(index, _)| index)
    };
    assert_eq!(broken(&pool, &pool.balances, supply), None);
    for i in 0..3 {
        let mut held = pool.balances;
        held[i] = Amount(held[i].0 + U256::from(1));
        assert_eq!(broken(&pool, &held, supply), None, "fees and donations are no breach");
        held[i] = Amount(held[i].0 - U256::from(2));
        assert_eq!(broken(&pool, &held, supply), Some(0));
        assert_eq!(broken(&pool, &held, Amount::ZERO), Some(0));
        let mut drained = pool;
        drained.balances[i] = Amount::ZERO;
        assert_eq!(broken(&drained, &pool.balances, supply), Some(1));
        assert_eq!(broken(&drained, &pool.balances, Amount::ZERO), None, "no shares, no claims");
    }
    let at = |a: u64| {
        let mut pool = pool;
        (pool.initial_a, pool.future_a) = (a, a);
        broken(&pool, &pool.balances, supply)
    };
    let above = MAX_A * A_PRECISION;
    assert_eq!([at(0), at(1), at(above - 1), at(above)], [Some(2), None, None, Some(2)]);
    // No 256 bits hold the product of these.
    let mut vast = pool;
    vast.balances = [Amount(U256::MAX >> 1); 3];
    assert_eq!(broken(&vast, &vast.balances, supply), Some(3));
}

/// Shares of 3,100 · 10¹⁸ of a pool of DAI, USDC and USDT, and of 2,500 · 10¹⁸ of one of two coins, both off
/// balance and with uneven last units.
fn worked() -> [(StableSwap, Amount); 2] {
    let three = three(200, 4_000_000, [1_000 * E18 + 7, 1_500 * E6 + 3, 700 * E6 + 1]);
    let two = two(50, 30_000_000, [1_000 * E18 + 7, 1_500 * E18 + 3]);
    [(three, Amount::new(3_100 * E18)), (two, Amount::new(3_100 * E18))]
}

/// Worked out with the contract's statements (`SwapTemplateBase`) in integers without bound.
#[test]
fn worked_examples_are_equal_to_the_unit() {
    let [(three, supply), (two, _)] = worked();
    let amount = Amount::new;
    assert_eq!(three.d(NOW), Ok(U256::from(3_199_173_855_946_043_972_443_u128)));
    let swaps = [
        (&three, A, B, 123 * E18 + 5, 123_134_591, [1_123 * E18 + 12, 1_376_840_776, 700_000_001]),
        (&three, B, C, 50_000_011, 49_722_881, [1_000 * E18 + 7, 1_550_000_014, 650_267_172]),
        (
            &three,
            C,
            A,
            77_000_003,
            77_115_631_876_396_267_913,
            [922_868_938_825_509_215_034, 1_500_000_003, 777_000_004],
        ),
        (
            &three,
            B,
            A,
            999_999_999,
            941_838_849_299_332_404_186,
            [57_972_707_553_548_881_855, 2_500_000_002, 700_000_001],
        ),
        (
            &two,
            A,
            B,
            100 * E18,
            100_361_575_142_163_656_618,
            [1_100 * E18 + 7, 1_399_487_429_509_076_819_328, 0],
        ),
        (
            &two,
            B,
            A,
            100 * E18,
            98_651_050_026_531_802_679,
            [901_200_528_132_906_715_178, 1_600 * E18 + 3, 0],
        ),
    ];
    for (pool, sold, bought, paid, out, balances) in swaps {
        let change = pool.quote_exchange(sold, bought, amount(paid), NOW).unwrap();
        let (i, j) = (pool.index_of(sold).unwrap(), pool.index_of(bought).unwrap());
        assert_eq!((change.paid[i], change.received[j]), (amount(paid), amount(out)));
        assert_eq!(change.balances, coins(&balances));
    }

    let some = coins(&[10 * E18, 0, 333_333_333]);
    let added = three.quote_add(&some, supply, NOW).unwrap();
    assert_eq!((added.paid, added.minted), (some, amount(333_116_678_603_468_441_455)));
    let left = [1_009_992_688_907_998_336_572, 1_499_987_912, 1_033_313_977];
    assert_eq!(added.balances, coins(&left));
    let taken = three.quote_remove_imbalance(&some, supply, NOW).unwrap();
    assert_eq!((taken.received, taken.burned), (some, amount(334_643_337_990_767_269_659)));
    let left = [989_992_655_618_180_365_497, 1_499_987_862, 366_647_335];
    assert_eq!(taken.balances, coins(&left));
    let estimate = |deposit| three.calc_token_amount(&some, deposit, supply, NOW);
    assert_eq!(estimate(true), Ok(amount(333_191_802_735_421_989_753)));
    assert_eq!(estimate(false), Ok(amount(334_567_781_878_226_434_710)));
    let alone = two.quote_add(&coins(&[100 * E18, 0]), supply, NOW).unwrap();
    assert_eq!(alone.minted, amount(124_326_402_894_166_860_275));
    let left = [1_099_955_133_043_226_404_262, 1_499_954_800_435_160_393_622];
    assert_eq!(alone.balances, coins(&left));

    let exits = [
        (&three, A, 55 * E18 + 9, 56_733_902_102_837_359_849, 943_260_247_873_207_244_350),
        (&three, B, 55 * E18 + 9, 56_855_511, 1_443_139_955),
        (&three, C, 55 * E18 + 9, 56_573_060, 643_420_318),
        (&two, B, 100 * E18, 80_801_550_261_114_173_513, 1_419_149_697_238_620_169_330),
    ];
    for (pool, coin, shares, out, left) in exits {
        let change = pool.quote_remove_one_coin(amount(shares), coin, supply, NOW).unwrap();
        let i = pool.index_of(coin).unwrap();
        assert_eq!((change.burned, change.received[i]), (amount(shares), amount(out)));
        let mut balances = pool.balances;
        balances[i] = amount(left);
        assert_eq!(change.balances, balances);
    }
}

/// The ratio of the invariant's derivatives; a millionth of a coin sold without a fee says the same.
#[test]
fn a_marginal_price_is_what_a_small_trade_pays() {
    let [(three, _), (two, _)] = worked();
    let cases = [
        (&three, B, A, 997_959_861_881_963_855_u128),
        (&three, C, A, 1_002_623_034_700_206_548),
        (&two, A, B, 1_008_522_161_669_588_126),
        (&two, B, A, 991_549_851_859_001_432),
    ];
    for (pool, coin, other, price) in cases {
        assert_eq!(pool.price_of(coin, NOW), Ok(U256::from(price)));
        assert_eq!(pool.priced_in(coin), Ok(other));
    }
    let free = StableSwap { fee: 0, ..two };
    let small = Amount::new(E18 / 1_000_000);
    let out = free.quote_exchange(A, B, small, NOW).unwrap().received[1];
    assert!((out.to_f64() / 1_008_522_161_669.588 - 1.0).abs() < 1e-8, "{out}");
    assert_eq!(three.price_of(A, NOW), Err(StableSwapError::SameCoin));
    assert_eq!(three.priced_in(A), Err(StableSwapError::SameCoin));
}

#[test]
fn a_pool_that_cannot_be_deployed_is_none() {
    let deployed = |n: usize, decimals: u8, a: u64, fee: u64, admin: u64| {
        let build = move || {
            let coins: Vec<_> = (0..n).map(|i| (AssetId(i as u16), decimals)).collect();
            StableSwap::new(&coins, AssetId(9), AccountId(1), OWNER, a, fee, admin)
        };
        std::panic::catch_unwind(build).is_ok()
    };
    let (fee, admin) = (FEE_DENOMINATOR / 2, FEE_DENOMINATOR);
    for (n, decimals, a, fee, admin, allowed) in [
        (2, 18, 1, fee, admin, true),
        (3, 0, MAX_A - 1, 0, 0, true),
        (1, 18, 1, 0, 0, false),
        (4, 18, 1, 0, 0, false),
        (2, 19, 1, 0, 0, false),
        (2, 18, 0, 0, 0, false),
        (2, 18, MAX_A, 0, 0, false),
        (2, 18, 1, fee + 1, 0, false),
        (2, 18, 1, 0, admin + 1, false),
    ] {
        assert_eq!(
            deployed(n, decimals, a, fee, admin),
            allowed,
            "{n} {decimals} {a} {fee} {admin}"
        );
    }
}

#[test]
fn a_ramp_may_be_a_day_after_the_last_a_day_long_and_tenfold() {
    let day = 86_400;
    let mut pool = two(100, 0, [E18, E18]);
    pool.initial_a_time = NOW;
    assert_eq!(
        pool.ramp_a(OWNER, 10, NOW + 3 * day, NOW + day - 1),
        Err(StableSwapError::RampTooSoon)
    );
    for a in [10, 1_000] {
        let mut pool = pool;
        pool.ramp_a(OWNER, a, NOW + 2 * day, NOW + day).unwrap();
        assert_eq!((pool.initial_a, pool.future_a), (10_000, a * 100));
        assert_eq!((pool.initial_a_time, pool.future_a_time), (NOW + day, NOW + 2 * day));
        assert_eq!(pool.stop_ramp_a(AccountId(1), NOW), Err(StableSwapError::OnlyOwner));
    }
    let mut high = two(200_000, 0, [E18, E18]);
    let most = high.ramp_a(OWNER, MAX_A, NOW + day, NOW);
    assert_eq!(most, Err(StableSwapError::AmplificationOutOfBounds));
    high.ramp_a(OWNER, MAX_A - 1, NOW + day, NOW).unwrap();
}

/// Sound states that look unsound: off balance, and where Newton's method goes round in a circle.
#[test]
fn a_pool_far_from_balance_is_sound() {
    let [(three, supply), (two, _)] = worked();
    for pool in [three, two] {
        assert_eq!(pool.check(&pool.balances, supply, NOW), Ok(()));
    }
    let circle = pool(&[(A, 18), (B, 18)], 2, 0, &[500_000 * E18, E18 / 100]);
    assert_eq!(circle.d(NOW), Err(StableSwapError::NotConverged));
    assert_eq!(circle.check(&circle.balances, supply, NOW), Ok(()));
}
