//! A pool's share, priced naively and fairly.

use markets::amm::constant_product::ConstantProduct;
use markets::amm::stable_swap::StableSwap;
use markets::oracle::OracleError;
use markets::oracle::lp::{fair, fair_stable, naive};
use markets::units::{AccountId, Amount, AssetId, Pips, Price, U256};
use proptest::prelude::*;
use ruint::Uint;

type Wide = Uint<1024, 16>;
const E18: u128 = 1_000_000_000_000_000_000;
const E6: u128 = 1_000_000;
const ETH: AssetId = AssetId(0);
const USD: AssetId = AssetId(1);

fn pool(eth: u128, usd: u128) -> ConstantProduct {
    let mut pool = ConstantProduct::new(ETH, USD, AssetId(2), AccountId(1), Pips(0));
    pool.update(Amount::new(eth), Amount::new(usd), 1_000).unwrap();
    pool
}
fn naive_of(
    pool: &ConstantProduct,
    prices: [Price; 2],
    supply: Amount,
) -> Result<Price, OracleError> {
    let reserves = [Amount::new(pool.reserve0), Amount::new(pool.reserve1)];
    naive(&reserves, &[18, 6], &prices, supply, 18)
}

#[test]
fn at_the_market_price_both_are_the_reserves_worth() {
    // 100 ETH at 2,000 and 200,000 USD behind 4,000 shares: 100 USD each.
    let pool = pool(100 * E18, 200_000 * E6);
    let prices = [Price(2_000 * 100_000_000), Price::ONE];
    let supply = Amount::new(4_000 * E18);
    let hundred = Price(100 * 100_000_000);
    assert_eq!(naive_of(&pool, prices, supply), Ok(hundred));
    assert_eq!(fair(&pool, [18, 6], prices, supply, 18), Ok(hundred));
}

#[test]
fn a_swap_moves_the_naive_price_and_leaves_the_fair_one() {
    let before = pool(100 * E18, 200_000 * E6);
    let prices = [Price(2_000 * 100_000_000), Price::ONE];
    let supply = Amount::new(4_000 * E18);
    let pumped = before.quote_exact_in(USD, Amount::new(600_000 * E6)).unwrap();
    let after = pool(pumped.new_reserve0, pumped.new_reserve1);
    // 25 ETH and 800,000 USD: 850,000 against 400,000.
    assert_eq!(naive_of(&after, prices, supply), Ok(Price(21_250_000_000)));
    assert_eq!(fair(&after, [18, 6], prices, supply, 18), Ok(Price(10_000_000_000)));
}

#[test]
fn shares_without_a_pool_have_no_price() {
    let prices = [Price::ONE, Price::ONE];
    let empty = pool(0, 0);
    assert_eq!(naive_of(&empty, prices, Amount::ZERO), Err(OracleError::NoLiquidity));
    assert_eq!(fair(&empty, [18, 6], prices, Amount::ZERO, 18), Err(OracleError::NoLiquidity));
    assert_eq!(fair(&empty, [18, 6], prices, Amount::new(1), 18), Err(OracleError::ZeroPrice));
}

#[test]
fn a_stable_share_is_worth_the_cheapest_coin() {
    let coins = [(ETH, 18), (USD, 6)];
    let mut pool = StableSwap::new(&coins, AssetId(2), AccountId(1), AccountId(2), 100, 0, 0);
    pool.balances[0] = Amount::new(1_000 * E18);
    pool.balances[1] = Amount::new(1_000 * E6);
    let prices = [Price(99_000_000), Price(100_000_000)];
    // D is 2,000 behind 1,000 shares: virtual price 2, at 0.99.
    assert_eq!(fair_stable(&pool, &prices, Amount::new(1_000 * E18), 0), Ok(Price(198_000_000)));
    let none = fair_stable(&pool, &prices, Amount::ZERO, 0);
    assert_eq!(none, Err(OracleError::NoLiquidity));
}

proptest! {
    /// price ≤ the exact value < price + 2, by squares: (price·supply·10^…)² against 4·k·p0·p1·….
    #[test]
    fn the_fair_price_is_the_root_floored(
        x in 1_u128..1 << 112, y in 1_u128..1 << 112, p in 1_u128..1 << 70, q in 1_u128..1 << 70,
        supply in 1_u128..1 << 112, odd in any::<bool>(),
    ) {
        let decimals = if odd { [18, 5] } else { [18, 6] };
        let got = fair(&pool(x, y), decimals, [Price(p), Price(q)], Amount::new(supply), 18);
        prop_assume!(got != Err(OracleError::ZeroPrice) && got != Err(OracleError::Overflow));
        let got = got.unwrap().0;
        let w = |x: u128| Wide::from_limbs_slice(U256::from(x).as_limbs());
        let ten = |n: u64| Wide::from(10).pow(Wide::from(n));
        let right = w(x) * w(y) * w(p) * w(q) * Wide::from(4) * ten(36);
        let left = |price: Wide| {
            let side = price * w(supply);
            side * side * ten(u64::from(decimals[0] + decimals[1]))
        };
        prop_assert!(left(w(got)) <= right);
        prop_assert!(left(w(got) + Wide::from(2)) > right);
    }

    /// No trade, however large, makes a share look cheaper or dearer by more than rounding.
    #[test]
    fn the_fair_price_survives_any_swap(paid in 1_u128..10_000_000 * E6) {
        let before = pool(100 * E18, 200_000 * E6);
        let prices = [Price(2_000 * 100_000_000), Price::ONE];
        let supply = Amount::new(4_000 * E18);
        let swap = before.quote_exact_in(USD, Amount::new(paid)).unwrap();
        let after = pool(swap.new_reserve0, swap.new_reserve1);
        let value = fair(&after, [18, 6], prices, supply, 18).unwrap();
        // The product never falls, and one wei of 25 ETH at most is rounded into it.
        prop_assert!(value >= Price(10_000_000_000) && value <= Price(10_000_000_010), "{:?}", value);
    }
}
