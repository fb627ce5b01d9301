//! What a liquidity provider's share is worth: the naive way, and the fair one.
//!
//! Naive: what the reserves would fetch at the coins' prices, per share. The reserves are the pool's this
//! instant, so one swap inside a transaction moves it: the pattern of Warp Finance (December 2020). Fair,
//! for a constant product: 2·√(k·p0·p1) per share (Alpha Homora's formula, cmichel, Pricing LP tokens,
//! 2021): what the reserves would be worth at the coins' prices once arbitrage is done; a swap does not
//! move it, but for its fee. For a StableSwap pool: virtual price times the cheapest coin, the convention of
//! the lending markets that take Curve shares.
//!
//! Prices are USD per whole share, scaled by 10⁸, floored.

use super::OracleError;
use crate::amm::constant_product::ConstantProduct;
use crate::amm::stable_swap::{MAX_COINS, StableSwap};
use crate::math::{Rounding, mul_div};
use crate::units::{Amount, FeedId, PoolId, Price, U256, WAD};
use ruint::aliases::U512;
use serde::{Deserialize, Serialize};

/// A feed of a pool's share: the pool, and a feed for each coin in the pool's order, `None` where a coin is
/// taken for USD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LpFeed {
    /// The pool whose share is priced.
    pub pool: PoolId,
    /// The coins' feeds, in the pool's order.
    pub coins: [Option<FeedId>; MAX_COINS],
}

/// Σ reserve · price / supply, for whole coins and a whole share; the division floored once.
///
/// # Errors
/// [`OracleError::NoLiquidity`] where there are no shares, [`OracleError::ZeroPrice`],
/// [`OracleError::Overflow`].
pub fn naive(
    reserves: &[Amount],
    decimals: &[u8],
    prices: &[Price],
    supply: Amount,
    share_decimals: u8,
) -> Result<Price, OracleError> {
    if supply.is_zero() {
        return Err(OracleError::NoLiquidity);
    }
    // Over the largest decimals, so that each coin counts exactly.
    let top = decimals.iter().copied().max().unwrap_or(0);
    let mut worth = U256::ZERO;
    for ((reserve, decimals), price) in reserves.iter().zip(decimals).zip(prices) {
        let scaled = reserve
            .0
            .checked_mul(power_of_ten(top - decimals)?)
            .and_then(|x| x.checked_mul(U256::from(price.0)));
        worth = scaled.and_then(|x| worth.checked_add(x)).ok_or(OracleError::Overflow)?;
    }
    let denominator = supply.0.checked_mul(power_of_ten(top)?).ok_or(OracleError::Overflow)?;
    let price = mul_div(worth, power_of_ten(share_decimals)?, denominator, Rounding::Floor);
    nonzero(price)
}

/// 2·√(reserve0 · reserve1 · price0 · price1) / supply, for whole coins and a whole share. The root is
/// floored after as many bits as 512 hold, then the quotient: at most one unit below the exact value.
///
/// # Errors
/// [`OracleError::NoLiquidity`] where there are no shares, [`OracleError::ZeroPrice`],
/// [`OracleError::Overflow`].
pub fn fair(
    pool: &ConstantProduct,
    decimals: [u8; 2],
    prices: [Price; 2],
    supply: Amount,
    share_decimals: u8,
) -> Result<Price, OracleError> {
    if supply.is_zero() {
        return Err(OracleError::NoLiquidity);
    }
    // Reserves have at most 112 bits, so 2⁴⁸⁰ bounds the product of all four, and 2⁴⁸⁴ that with the ten.
    let k = U256::from(pool.reserve0) * U256::from(pool.reserve1);
    let p = U256::from(prices[0].0).widening_mul::<256, 4, 512, 8>(U256::from(prices[1].0));
    let mut radicand = U512::from_limbs_slice(k.as_limbs()) * p;
    let places = u32::from(decimals[0]) + u32::from(decimals[1]);
    if places % 2 == 1 {
        radicand *= U512::from(10);
    }
    // As many fraction bits as fit, an even number of them.
    let spare = (512 - radicand.bit_len()) / 2;
    let root = sqrt_floor(radicand << (2 * spare));
    // A root has at most 256 bits and a power of ten here 128.
    let scaled = root * U512::from_limbs_slice(power_of_ten(share_decimals)?.as_limbs());
    let unit = U512::from(10).pow(U512::from(places.div_ceil(2)));
    let supply = U512::from_limbs_slice(supply.0.as_limbs());
    let denominator = supply.checked_mul(unit).ok_or(OracleError::Overflow)?;
    // Twice the root: one bit less is shifted out. There are at least 14 to spare.
    let price = (scaled >> (spare - 1)) / denominator;
    nonzero(U256::checked_from_limbs_slice(price.as_limbs()))
}

/// D per share times the cheapest coin's price, floored twice.
///
/// # Errors
/// [`OracleError::NoLiquidity`] where there are no shares or a coin is missing, [`OracleError::ZeroPrice`],
/// [`OracleError::Overflow`].
pub fn fair_stable(
    pool: &StableSwap,
    prices: &[Price],
    supply: Amount,
    now: u64,
) -> Result<Price, OracleError> {
    let virtual_price =
        pool.virtual_price(supply, now).map_err(|_no_invariant| OracleError::NoLiquidity)?;
    let lowest = prices.iter().take(pool.n()).min().ok_or(OracleError::NoLiquidity)?;
    nonzero(mul_div(virtual_price, U256::from(lowest.0), WAD, Rounding::Floor))
}

fn power_of_ten(decimals: u8) -> Result<U256, OracleError> {
    super::power_of_ten(decimals).map(U256::from)
}

fn nonzero(price: Option<U256>) -> Result<Price, OracleError> {
    super::nonzero(price.and_then(|price| u128::try_from(price).ok()))
}

/// ⌊√n⌋ by Newton's method from above, integers only.
fn sqrt_floor(n: U512) -> U512 {
    if n.is_zero() {
        return n;
    }
    // From the first 106 bits the start is right to 2⁻⁵⁰ and not below the root, so that four steps do; each
    // stays at or above the root until it stops falling.
    let bits = n.bit_len();
    let drop = bits.saturating_sub(106) & !1;
    let head: U512 = n >> drop;
    let l = head.as_limbs();
    let head_root = (u128::from(l[0]) | (u128::from(l[1]) << 64)).isqrt();
    let mut root = U512::from(head_root + 1) << (drop / 2);
    loop {
        let next: U512 = (root + n / root) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}
