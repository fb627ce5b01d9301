//! The exponential-curve reserve and the fixed-price depot: published parameters, wide arithmetic, and
//! what must hold of every trade.

use markets::amm::exponential::Exponential;
use markets::amm::fixed_price::FixedPrice;
use markets::amm::reserve::{ReserveError, Trade};
use markets::units::{AccountId, Amount, AssetId, U256, Wad};
use proptest::prelude::*;
use ruint::Uint;

type Wide = Uint<2048, 32>;

const E18: u128 = 1_000_000_000_000_000_000;
const SUSD: AssetId = AssetId(1);
const ETH: AssetId = AssetId(2);
/// k_X of the bZx-2 model: 0.90658 ETH.
const INVENTORY: u128 = 906_580_000_000_000_000;
const PLENTY: Amount = Amount::new(10_000_000 * E18);

/// Kyber's reserve in the model of Qin et al.: lr 0.00252, minP 0.0037, maxP 0.0148.
fn kyber() -> Exponential {
    Exponential {
        base: SUSD,
        quote: ETH,
        base_decimals: 18,
        quote_decimals: 18,
        account: AccountId(1),
        liquidity_rate: Wad::new(2_520_000_000_000_000),
        min_price: Wad::new(3_700_000_000_000_000),
        max_price: Wad::new(14_800_000_000_000_000),
    }
}
fn buy(eth: u128) -> Result<Amount, ReserveError> {
    let trade = kyber().quote_exact_in(ETH, Amount::new(eth), PLENTY, Amount::new(INVENTORY));
    trade.map(|trade| trade.amount_out)
}

/// e^(numerator / denominator) at 512 fractional bits, by the plain series from 2⁻¹⁶ of it.
fn exp_wide(numerator: Wide, denominator: Wide) -> Wide {
    let one = Wide::from(1) << 512;
    let s = (numerator << 496) / denominator;
    let (mut sum, mut term) = (one, one);
    for n in 1_u64..120 {
        term = ((term * s) >> 512) / Wide::from(n);
        sum += term;
    }
    for _ in 0..16 {
        sum = (sum * sum) >> 512;
    }
    sum
}
/// ⌊tokens⌋ of (1 − e^(−lr·p)) / (lr·minP·e^(lr·k)), exactly.
fn exact_tokens(paid: u128, inventory: u128) -> U256 {
    let unit = Wide::from(10).pow(Wide::from(36));
    let rate = Wide::from(2_520_000_000_000_000_u64);
    let one = Wide::from(1) << 512;
    let grown = exp_wide(rate * Wide::from(paid), unit);
    let factor = exp_wide(rate * Wide::from(inventory), unit);
    let bought = one - (one << 512) / grown;
    // 10¹⁸ tokens · 10³⁶ of scale / (lr · minP), both in 10⁻¹⁸.
    let scale = Wide::from(10).pow(Wide::from(54));
    let numerator = bought * scale;
    let denominator = rate * Wide::from(3_700_000_000_000_000_u64) * factor;
    let exact: Wide = numerator / denominator;
    U256::from_limbs_slice(&exact.as_limbs()[..4])
}

#[test]
fn the_published_model_comes_out() {
    // In floating point: (1 − e^(−0.00252·546.80)) / (0.00252·0.0037·e^(0.00252·0.90658)).
    let out = buy(546_800_000_000_000_000_000).unwrap().to_f64() / 1e18;
    let expected =
        -libm::expm1(-0.002_52 * 546.80) / (0.002_52 * 0.003_7 * libm::exp(0.002_52 * 0.906_58));
    assert!((out / expected - 1.0).abs() < 1e-14, "{out} against {expected}");
    let price = kyber().price_at(Amount::new(INVENTORY)).unwrap().to_f64() / 1e18;
    assert!((price - 0.003_7 * libm::exp(0.002_52 * 0.906_58)).abs() < 1e-15);
}

#[test]
fn the_price_stops_at_its_maximum() {
    // maxP is four times minP: k + p = ln 4 / 0.00252 = 550.1168099682…
    let room = 549_210_229_968_210_000_000;
    assert!(buy(room).is_ok());
    assert_eq!(buy(room + 2_000_000), Err(ReserveError::PriceOutOfBounds));
    assert_eq!(buy(1_000 * E18), Err(ReserveError::PriceOutOfBounds));
    // Beyond what the exponential is proven for.
    assert_eq!(buy(100_000 * E18), Err(ReserveError::Overflow));
}

#[test]
fn a_reserve_refuses_by_name() {
    let sell = |asset, amount, base, quote| {
        kyber().quote_exact_in(asset, Amount::new(amount), Amount::new(base), Amount::new(quote))
    };
    assert_eq!(sell(AssetId(9), 1, 1, 1), Err(ReserveError::UnknownAsset));
    assert_eq!(sell(ETH, 0, 1, 1), Err(ReserveError::ZeroInput));
    // One wei of sUSD is worth 0.0037 wei of ETH.
    assert_eq!(sell(SUSD, 1, 0, E18), Err(ReserveError::ZeroOutput));
    assert_eq!(sell(ETH, E18, E18, E18), Err(ReserveError::InsufficientInventory));
    // Tokens beyond what the quote inventory pays for: the price would fall below its minimum.
    assert_eq!(sell(SUSD, 1_000_000 * E18, 0, E18), Err(ReserveError::InsufficientInventory));
}

fn depot() -> FixedPrice {
    FixedPrice {
        base: SUSD,
        quote: ETH,
        base_decimals: 18,
        account: AccountId(1),
        price: Amount::new(3_727_190_000_000_000),
    }
}

#[test]
fn a_depot_sells_at_its_price_until_it_is_empty() {
    let inventory = Amount::new(943_837_590_000_000_000_000_000);
    let sell = |eth| depot().quote_exact_in(ETH, Amount::new(eth), inventory);
    // 756.5 / 0.00372719, floored.
    let out = sell(756_500_000_000_000_000_000).unwrap().amount_out;
    assert_eq!(out, Amount::new(202_967_919_531_872_536_683_131));
    // All of it costs 3,517.86202707…, raised to the wei; more is not taken.
    let all =
        Trade { amount_in: Amount::new(3_517_862_027_072_100_000_000), amount_out: inventory };
    assert_eq!(sell(4_000 * E18), Ok(all));
    assert_eq!(sell(3_517_862_027_072_100_000_000), Ok(all));
    assert_eq!(sell(0), Err(ReserveError::ZeroInput));
    let none = depot().quote_exact_in(ETH, Amount::new(1), Amount::ZERO);
    assert_eq!(none, Err(ReserveError::InsufficientInventory));
    let back = depot().quote_exact_in(SUSD, Amount::new(1), inventory);
    assert_eq!(back, Err(ReserveError::OneWay));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Never above the exact value, and at most one smallest unit below its floor.
    #[test]
    fn tokens_bought_are_the_exact_floor_or_one_less(
        paid in 1_u128..540 * E18, shift in 0_u32..69, inventory in 0_u128..9 * E18,
    ) {
        let paid = (paid >> shift).max(1);
        let quote = kyber().quote_exact_in(ETH, Amount::new(paid), PLENTY, Amount::new(inventory));
        let exact = exact_tokens(paid, inventory);
        let got = quote.map_or(U256::ZERO, |trade| trade.amount_out.0);
        prop_assert!(got <= exact, "{} above {}", got, exact);
        prop_assert!(got + U256::from(1) >= exact, "{} below {}", got, exact);
    }

    #[test]
    fn there_and_back_never_gains(paid in 1_u128..540 * E18, inventory in 0_u128..9 * E18) {
        let bought = kyber().quote_exact_in(ETH, Amount::new(paid), PLENTY, Amount::new(inventory));
        prop_assume!(bought.is_ok());
        let tokens = bought.unwrap().amount_out;
        let after = Amount::new(inventory + paid);
        let back = kyber().quote_exact_in(SUSD, tokens, PLENTY, after).unwrap().amount_out;
        prop_assert!(back <= Amount::new(paid));
        // And loses at most what one smallest token is worth, and the roundings.
        prop_assert!(back.0 + U256::from(2) >= U256::from(paid), "{} of {}", back, paid);
    }

    #[test]
    fn back_and_there_never_gains(tokens in 1_u128..100_000 * E18, inventory in 500 * E18..550 * E18) {
        let sold = kyber().quote_exact_in(SUSD, Amount::new(tokens), PLENTY, Amount::new(inventory));
        prop_assume!(sold.is_ok());
        let eth = sold.unwrap().amount_out;
        let left = Amount(U256::from(inventory) - eth.0);
        let back = kyber().quote_exact_in(ETH, eth, PLENTY, left);
        prop_assume!(back.is_ok());
        prop_assert!(back.unwrap().amount_out <= Amount::new(tokens));
    }

    /// The curve has no memory: one trade or two, but for the floors.
    #[test]
    fn a_split_order_never_gains(first in 1_u128..250 * E18, second in 1_u128..250 * E18) {
        let whole = buy(first + second).unwrap();
        let part = buy(first).unwrap();
        let after = Amount::new(INVENTORY + first);
        let rest = kyber().quote_exact_in(ETH, Amount::new(second), PLENTY, after).unwrap();
        prop_assert!(part.0 + rest.amount_out.0 <= whole.0 + U256::from(1));
    }

    #[test]
    fn a_depot_never_sells_below_its_price(eth in 1_u128..10_000 * E18, inventory in 1_u128..2_000_000 * E18) {
        let trade = depot().quote_exact_in(ETH, Amount::new(eth), Amount::new(inventory));
        if let Ok(Trade { amount_in, amount_out }) = trade {
            prop_assert!(amount_in <= Amount::new(eth) && amount_out <= Amount::new(inventory));
            let unit = U256::from(E18);
            prop_assert!(amount_in.0 * unit >= amount_out.0 * U256::from(3_727_190_000_000_000_u64));
        }
    }
}

#[test]
fn a_reserve_sells_all_that_it_has_and_up_to_its_highest_price() {
    let plenty = kyber().quote_exact_in(ETH, Amount::new(E18), PLENTY, Amount::new(INVENTORY));
    let out = plenty.unwrap().amount_out;
    let sell = |reserve: &Exponential, held: Amount| {
        reserve.quote_exact_in(ETH, Amount::new(E18), held, Amount::new(INVENTORY))
    };
    assert_eq!(sell(&kyber(), out).map(|trade| trade.amount_out), Ok(out));
    let less = out.checked_sub(Amount::new(1)).unwrap();
    assert_eq!(sell(&kyber(), less), Err(ReserveError::InsufficientInventory));
    // The price after the trade.
    let reached = kyber().price_at(Amount::new(INVENTORY + E18)).unwrap();
    let up_to = |max_price| Exponential { max_price, ..kyber() };
    assert!(sell(&up_to(reached), PLENTY).is_ok());
    let lower = Wad(reached.0 - U256::from(1));
    assert_eq!(sell(&up_to(lower), PLENTY), Err(ReserveError::PriceOutOfBounds));
}
