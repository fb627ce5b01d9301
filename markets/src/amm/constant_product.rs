//! The constant-product pool, `x · y = k`, as Uniswap v2 deploys it.
//!
//! Source: Uniswap v2 Core (Adams, Zinsmeister, Robinson 2020); `UniswapV2Pair`, `UniswapV2Library` and
//! `UniswapV2OracleLibrary`. Quotes equal the contracts' to the wei; the fee is generalised from 0.3 %
//! to any number of pips, and 3,000 pips is exactly v2's 997/1000. Every rounding favours the pool,
//! that is, those who stay in it.

use super::{BurnQuote, MintQuote, PoolError, SwapQuote};
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, Amount, AssetId, Pips, U256, deserialize_u256, serialize_u256};
use crate::wide;
use ruint::aliases::U512;
use serde::{Deserialize, Serialize};

/// Shares that the first deposit leaves locked for ever (`MINIMUM_LIQUIDITY`), so that one share can
/// never be made expensive cheaply.
pub const MINIMUM_LIQUIDITY: u128 = 1_000;
/// The largest reserve: 2¹¹² − 1, so that a price fits UQ112x112.
pub const MAX_RESERVE: u128 = (1 << 112) - 1;

/// A constant-product pool: handles, fee, reserves and the oracle accumulators.
///
/// Reserves are what the pool last *saw*; its balances are the ledger's. They differ after a plain
/// transfer to the pool until the next [`ConstantProduct::update`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstantProduct {
    /// The first asset.
    pub token0: AssetId,
    /// The second asset.
    pub token1: AssetId,
    /// The pool's own share, a ledger asset.
    pub share: AssetId,
    /// The ledger account that holds the reserves.
    pub account: AccountId,
    /// Who receives a sixth of the fees as shares (v2's `feeTo`); usually nobody.
    pub fee_to: Option<AccountId>,
    /// Swap fee on the input, in millionths.
    pub fee: Pips,
    /// Reserve of `token0`, smallest units, at most [`MAX_RESERVE`].
    pub reserve0: u128,
    /// Reserve of `token1`, smallest units, at most [`MAX_RESERVE`].
    pub reserve1: u128,
    /// Timestamp of the last update, in seconds modulo 2³².
    pub timestamp_last: u32,
    /// Σ price of `token0` in `token1` · seconds, UQ112x112, modulo 2²⁵⁶ (`price0CumulativeLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub price0_cumulative: U256,
    /// Σ price of `token1` in `token0` · seconds, UQ112x112, modulo 2²⁵⁶ (`price1CumulativeLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub price1_cumulative: U256,
    /// Product of the reserves after the last mint or burn, where `fee_to` is set (`kLast`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub k_last: U256,
}

impl ConstantProduct {
    /// An empty pool.
    #[must_use]
    pub const fn new(
        token0: AssetId,
        token1: AssetId,
        share: AssetId,
        account: AccountId,
        fee: Pips,
    ) -> Self {
        Self {
            token0,
            token1,
            share,
            account,
            fee_to: None,
            fee,
            reserve0: 0,
            reserve1: 0,
            timestamp_last: 0,
            price0_cumulative: U256::ZERO,
            price1_cumulative: U256::ZERO,
            k_last: U256::ZERO,
        }
    }

    /// The pool's other asset.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`] where `asset` is neither.
    #[inline]
    pub fn other(&self, asset: AssetId) -> Result<AssetId, PoolError> {
        if asset == self.token0 {
            Ok(self.token1)
        } else if asset == self.token1 {
            Ok(self.token0)
        } else {
            Err(PoolError::UnknownAsset)
        }
    }

    /// Reserves as (of `asset`, of the other), smallest units.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`].
    #[inline]
    pub fn reserves_from(&self, asset: AssetId) -> Result<(u128, u128), PoolError> {
        if asset == self.token0 {
            Ok((self.reserve0, self.reserve1))
        } else if asset == self.token1 {
            Ok((self.reserve1, self.reserve0))
        } else {
            Err(PoolError::UnknownAsset)
        }
    }

    /// What selling exactly `amount_in` of `asset_in` would give (`getAmountOut`).
    ///
    /// The output is floored, in the pool's favour.
    ///
    /// # Errors
    /// [`PoolError`]: unknown asset, zero input or output, empty reserves, reserve above 112 bits.
    #[inline]
    pub fn quote_exact_in(
        &self,
        asset_in: AssetId,
        amount_in: Amount,
    ) -> Result<SwapQuote, PoolError> {
        let (reserve_in, reserve_out) = self.reserves_from(asset_in)?;
        let paid = to_reserve(amount_in)?;
        let got = amount_out_112(paid, reserve_in, reserve_out, self.fee)?;
        if got == 0 {
            return Err(PoolError::InsufficientOutput);
        }
        self.swapped(asset_in, paid, got)
    }

    /// What buying exactly `amount_out` of the other asset costs in `asset_in` (`getAmountIn`).
    ///
    /// The input is floored and one is added, in the pool's favour.
    ///
    /// # Errors
    /// As [`Self::quote_exact_in`]; also where the pool has no more than `amount_out`.
    #[inline]
    pub fn quote_exact_out(
        &self,
        asset_in: AssetId,
        amount_out: Amount,
    ) -> Result<SwapQuote, PoolError> {
        let (reserve_in, reserve_out) = self.reserves_from(asset_in)?;
        let got = match to_reserve(amount_out) {
            Ok(got) if got < reserve_out => got,
            _ => return Err(PoolError::InsufficientLiquidity),
        };
        let paid = amount_in_112(got, reserve_in, reserve_out, self.fee)?;
        self.swapped(asset_in, paid, got)
    }

    fn swapped(&self, asset_in: AssetId, paid: u128, got: u128) -> Result<SwapQuote, PoolError> {
        let (new_reserve0, new_reserve1) = if asset_in == self.token0 {
            (self.reserve0.saturating_add(paid), self.reserve1 - got)
        } else {
            (self.reserve0 - got, self.reserve1.saturating_add(paid))
        };
        if new_reserve0 > MAX_RESERVE || new_reserve1 > MAX_RESERVE {
            return Err(PoolError::Overflow);
        }
        Ok(SwapQuote {
            amount_in: Amount::new(paid),
            amount_out: Amount::new(got),
            new_reserve0,
            new_reserve1,
        })
    }

    /// What a deposit of at most these amounts would take and mint (the router's `addLiquidity`).
    ///
    /// The counter-amount is floored; see [`Self::quote_mint_exact`] for the shares. The first deposit
    /// sets the price and takes both amounts.
    ///
    /// # Errors
    /// [`PoolError`]: zero amounts, too small a deposit, reserves above 112 bits.
    pub fn quote_mint(
        &self,
        amount0_max: Amount,
        amount1_max: Amount,
        total_shares: Amount,
    ) -> Result<MintQuote, PoolError> {
        if amount0_max.is_zero() || amount1_max.is_zero() {
            return Err(PoolError::InsufficientInput);
        }
        if self.reserve0 == 0 && self.reserve1 == 0 {
            return self.quote_mint_exact(amount0_max, amount1_max, total_shares);
        }
        let (reserve0, reserve1) = (U256::from(self.reserve0), U256::from(self.reserve1));
        let (amount0, amount1) = proportional(amount0_max.0, amount1_max.0, reserve0, reserve1)?;
        self.quote_mint_exact(Amount(amount0), Amount(amount1), total_shares)
    }

    /// What depositing exactly these amounts mints (the pair's `mint`): the smaller of the two parts,
    /// floored, so that the deposit is worth at least what is minted for it; what is over in the other
    /// asset is a gift to the pool. The first deposit locks [`MINIMUM_LIQUIDITY`].
    ///
    /// # Errors
    /// [`PoolError`]: too small a deposit, reserves above 112 bits.
    pub fn quote_mint_exact(
        &self,
        amount0: Amount,
        amount1: Amount,
        total_shares: Amount,
    ) -> Result<MintQuote, PoolError> {
        let protocol_shares = self.protocol_shares(total_shares);
        let overflow = PoolError::Overflow;
        let total = total_shares.0.checked_add(protocol_shares.0).ok_or(overflow)?;
        let (shares, locked);
        if total.is_zero() {
            let product = amount0.0.checked_mul(amount1.0).ok_or(overflow)?;
            locked = U256::from(MINIMUM_LIQUIDITY);
            let root = sqrt_floor(product);
            shares = root.checked_sub(locked).ok_or(PoolError::InsufficientLiquidityMinted)?;
        } else {
            let part = |amount: Amount, reserve: u128| {
                mul_div(amount.0, total, U256::from(reserve), Rounding::Floor).ok_or(overflow)
            };
            locked = U256::ZERO;
            shares = part(amount0, self.reserve0)?.min(part(amount1, self.reserve1)?);
        }
        if shares.is_zero() {
            return Err(PoolError::InsufficientLiquidityMinted);
        }
        for (reserve, amount) in [(self.reserve0, amount0), (self.reserve1, amount1)] {
            if reserve + to_reserve(amount)? > MAX_RESERVE {
                return Err(overflow);
            }
        }
        Ok(MintQuote {
            amount0,
            amount1,
            shares: Amount(shares),
            locked: Amount(locked),
            protocol_shares,
        })
    }

    /// What burning `shares` of `total_shares` would give, from the reserves (`burn`).
    ///
    /// Both amounts are floored, in favour of those who stay.
    ///
    /// # Errors
    /// [`PoolError::InsufficientLiquidityBurned`] where an amount would be zero or `shares` exceed the
    /// total.
    pub fn quote_burn(&self, shares: Amount, total_shares: Amount) -> Result<BurnQuote, PoolError> {
        self.quote_burn_from(
            shares,
            total_shares,
            Amount::new(self.reserve0),
            Amount::new(self.reserve1),
        )
    }

    /// [`Self::quote_burn`] from the pool's actual balances, as the contract does it: shares include
    /// their part of what was donated since the last update.
    ///
    /// # Errors
    /// As [`Self::quote_burn`].
    pub fn quote_burn_from(
        &self,
        shares: Amount,
        total_shares: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<BurnQuote, PoolError> {
        let protocol_shares = self.protocol_shares(total_shares);
        let total = total_shares.0.checked_add(protocol_shares.0).ok_or(PoolError::Overflow)?;
        if shares.0 > total_shares.0 {
            return Err(PoolError::InsufficientLiquidityBurned);
        }
        let part = |balance: Amount| {
            mul_div(shares.0, balance.0, total, Rounding::Floor)
                .filter(|amount| !amount.is_zero())
                .ok_or(PoolError::InsufficientLiquidityBurned)
        };
        let (amount0, amount1) = (part(balance0)?, part(balance1)?);
        Ok(BurnQuote {
            shares,
            amount0: Amount(amount0),
            amount1: Amount(amount1),
            protocol_shares,
        })
    }

    /// Shares that `fee_to` is due: a sixth of the growth of √k since the last mint or burn
    /// (`_mintFee`), floored in the providers' favour.
    #[must_use]
    pub fn protocol_shares(&self, total_shares: Amount) -> Amount {
        if self.fee_to.is_none() || self.k_last.is_zero() {
            return Amount::ZERO;
        }
        let root = sqrt_floor(U256::from(self.reserve0) * U256::from(self.reserve1));
        let root_last = sqrt_floor(self.k_last);
        if root <= root_last {
            return Amount::ZERO;
        }
        // root < 2¹¹³, so neither the sum nor the product with the shares' 2¹¹³ overflows.
        let denominator = root * U256::from(5) + root_last;
        Amount(
            mul_div(total_shares.0, root - root_last, denominator, Rounding::Floor)
                .unwrap_or_default(),
        )
    }

    /// Whether a swap that has already paid out `out0` and `out1` and left these balances is paid for:
    /// the pair's own `swap`, for raw and flash swaps. Returns what came in, as (of `token0`, of
    /// `token1`).
    ///
    /// The product of the fee-adjusted balances may not fall, by so much as one: in the pool's favour.
    ///
    /// # Errors
    /// [`PoolError`], in the contract's order: zero output, too much output, zero input,
    /// [`PoolError::ProductFell`], balances above 112 bits.
    pub fn check_swap(
        &self,
        out0: Amount,
        out1: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<(Amount, Amount), PoolError> {
        if out0.is_zero() && out1.is_zero() {
            return Err(PoolError::InsufficientOutput);
        }
        let (reserve0, reserve1) = (Amount::new(self.reserve0), Amount::new(self.reserve1));
        if out0 >= reserve0 || out1 >= reserve1 {
            return Err(PoolError::InsufficientLiquidity);
        }
        let in0 = balance0.saturating_sub(reserve0.saturating_sub(out0));
        let in1 = balance1.saturating_sub(reserve1.saturating_sub(out1));
        if in0.is_zero() && in1.is_zero() {
            return Err(PoolError::InsufficientInput);
        }
        let (keep, one) = fee_fraction(self.fee);
        let adjusted = |balance: Amount, paid: Amount| {
            let whole = balance.0.checked_mul(U256::from(one))?;
            whole.checked_sub(paid.0.checked_mul(U256::from(one - keep))?)
        };
        let adjusted0 = adjusted(balance0, in0).ok_or(PoolError::Overflow)?;
        let adjusted1 = adjusted(balance1, in1).ok_or(PoolError::Overflow)?;
        // Finer fees than v2's need more than the contract's 256 bits here.
        let after: U512 = adjusted0.widening_mul(adjusted1);
        let before: U512 =
            (reserve0.0 * U256::from(one)).widening_mul(reserve1.0 * U256::from(one));
        if after < before {
            return Err(PoolError::ProductFell);
        }
        to_reserve(balance0)?;
        to_reserve(balance1)?;
        Ok((in0, in1))
    }

    /// Takes the pool's balances for its reserves and, where time has passed, lets the accumulators
    /// gather the price that stood until now (`_update`). `now` is in seconds; only its low 32 bits
    /// count, and the wrap is harmless because differences are taken modulo 2³².
    ///
    /// # Errors
    /// [`PoolError::Overflow`] where a balance exceeds [`MAX_RESERVE`]; nothing is changed then.
    #[inline]
    pub fn update(
        &mut self,
        balance0: Amount,
        balance1: Amount,
        now: u64,
    ) -> Result<(), PoolError> {
        let (balance0, balance1) = (to_reserve(balance0)?, to_reserve(balance1)?);
        let timestamp = now as u32;
        if timestamp != self.timestamp_last {
            (self.price0_cumulative, self.price1_cumulative) = self.cumulatives(now);
            self.timestamp_last = timestamp;
        }
        (self.reserve0, self.reserve1) = (balance0, balance1);
        Ok(())
    }

    /// Remembers the product for the next protocol fee; call it after the update of a mint or a burn.
    pub fn remember_k(&mut self) {
        self.k_last = if self.fee_to.is_some() {
            U256::from(self.reserve0) * U256::from(self.reserve1)
        } else {
            U256::ZERO
        };
    }

    /// Both accumulators as an update at `now` would leave them (`currentCumulativePrices`).
    #[must_use]
    pub fn cumulatives(&self, now: u64) -> (U256, U256) {
        let elapsed = (now as u32).wrapping_sub(self.timestamp_last);
        (
            extended(self.price0_cumulative, self.reserve1, self.reserve0, elapsed),
            extended(self.price1_cumulative, self.reserve0, self.reserve1, elapsed),
        )
    }

    /// The accumulator of `asset`'s price in the other asset, extended to `now`.
    ///
    /// # Errors
    /// [`PoolError::UnknownAsset`].
    pub fn cumulative_of(&self, asset: AssetId, now: u64) -> Result<U256, PoolError> {
        let (reserve, other) = self.reserves_from(asset)?;
        let elapsed = (now as u32).wrapping_sub(self.timestamp_last);
        let first = asset == self.token0;
        let cumulative = if first { self.price0_cumulative } else { self.price1_cumulative };
        Ok(extended(cumulative, other, reserve, elapsed))
    }

    /// Marginal price of `asset` in the other asset, in smallest units of it per smallest unit,
    /// before the fee: a belief. NaN where the pool is empty or does not hold the asset.
    #[must_use]
    #[inline]
    pub fn spot_price(&self, asset: AssetId) -> f64 {
        match self.reserves_from(asset) {
            Ok((reserve, other)) => other as f64 / reserve as f64,
            Err(_) => f64::NAN,
        }
    }

    /// How much of `asset_in` an arbitrageur should sell here when a unit of it costs `price` units of
    /// the other asset elsewhere (both smallest units): the size at which the marginal output per
    /// input, fee included, has fallen to `price`. Zero where the first unit already loses.
    ///
    /// With γ = 1 − fee it solves γ·R_in·R_out / (R_in + γx)² = `price` for x. A belief: round it down
    /// and quote it.
    #[must_use]
    #[inline]
    pub fn optimal_in(&self, asset_in: AssetId, price: f64) -> f64 {
        let Ok((reserve_in, reserve_out)) = self.reserves_from(asset_in) else { return 0.0 };
        let keep = 1.0 - f64::from(self.fee.0) / 1e6;
        let (reserve_in, reserve_out) = (reserve_in as f64, reserve_out as f64);
        // Grouped so that no product of reserves overflows or loses range.
        let size =
            (reserve_in * (keep * (reserve_out / reserve_in) / price).sqrt() - reserve_in) / keep;
        if size.is_finite() && size > 0.0 { size } else { 0.0 }
    }
}

/// `UniswapV2Library.getAmountOut` for any fee: floored, in the pool's favour.
///
/// # Errors
/// [`PoolError::InsufficientInput`], [`PoolError::InsufficientLiquidity`], [`PoolError::Overflow`].
pub fn amount_out(
    amount_in: U256,
    reserve_in: U256,
    reserve_out: U256,
    fee: Pips,
) -> Result<U256, PoolError> {
    if amount_in.is_zero() {
        return Err(PoolError::InsufficientInput);
    }
    if reserve_in.is_zero() || reserve_out.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    let overflow = PoolError::Overflow;
    let paid = amount_in.checked_mul(U256::from(keep)).ok_or(overflow)?;
    let numerator = paid.checked_mul(reserve_out).ok_or(overflow)?;
    let denominator = reserve_in.checked_mul(U256::from(one)).ok_or(overflow)?;
    Ok(numerator / denominator.checked_add(paid).ok_or(overflow)?)
}

/// `UniswapV2Library.getAmountIn` for any fee: floored plus one, in the pool's favour.
///
/// # Errors
/// [`PoolError::InsufficientOutput`], [`PoolError::InsufficientLiquidity`], [`PoolError::Overflow`].
pub fn amount_in(
    amount_out: U256,
    reserve_in: U256,
    reserve_out: U256,
    fee: Pips,
) -> Result<U256, PoolError> {
    if amount_out.is_zero() {
        return Err(PoolError::InsufficientOutput);
    }
    if reserve_in.is_zero() || reserve_out <= amount_out {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    let overflow = PoolError::Overflow;
    let numerator = reserve_in.checked_mul(amount_out).ok_or(overflow)?;
    let numerator = numerator.checked_mul(U256::from(one)).ok_or(overflow)?;
    let denominator = (reserve_out - amount_out).checked_mul(U256::from(keep)).ok_or(overflow)?;
    if denominator.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    (numerator / denominator).checked_add(U256::from(1)).ok_or(overflow)
}

/// `UniswapV2Library.quote`: the counter-amount at the reserves' ratio, floored.
///
/// # Errors
/// [`PoolError::InsufficientInput`], [`PoolError::InsufficientLiquidity`], [`PoolError::Overflow`].
pub fn counter_amount(amount: U256, reserve: U256, reserve_other: U256) -> Result<U256, PoolError> {
    if amount.is_zero() {
        return Err(PoolError::InsufficientInput);
    }
    if reserve.is_zero() || reserve_other.is_zero() {
        return Err(PoolError::InsufficientLiquidity);
    }
    let product = amount.checked_mul(reserve_other).ok_or(PoolError::Overflow)?;
    Ok(product / reserve)
}

/// [`amount_out`] for arguments of at most 112 bits, where nothing can overflow.
#[inline]
fn amount_out_112(
    amount_in: u128,
    reserve_in: u128,
    reserve_out: u128,
    fee: Pips,
) -> Result<u128, PoolError> {
    if amount_in == 0 {
        return Err(PoolError::InsufficientInput);
    }
    if reserve_in == 0 || reserve_out == 0 {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    // 10⁶ < 2²⁰: the sum could need 2¹¹² · 2²⁰, so the widest arguments take the long way.
    if (amount_in | reserve_in) >> 106 == 0 {
        let paid = amount_in * u128::from(keep);
        let denominator = reserve_in * u128::from(one) + paid;
        return wide::mul_div_floor(paid, reserve_out, denominator).ok_or(PoolError::Overflow);
    }
    amount_out(U256::from(amount_in), U256::from(reserve_in), U256::from(reserve_out), fee)
        .map(low_128)
}

/// [`amount_in`] for arguments of at most 112 bits with `amount_out < reserve_out`. What it costs may
/// exceed 112 bits.
#[inline]
fn amount_in_112(
    amount_out: u128,
    reserve_in: u128,
    reserve_out: u128,
    fee: Pips,
) -> Result<u128, PoolError> {
    if amount_out == 0 {
        return Err(PoolError::InsufficientOutput);
    }
    if reserve_in == 0 {
        return Err(PoolError::InsufficientLiquidity);
    }
    let (keep, one) = fee_fraction(fee);
    if (reserve_in | reserve_out) >> 106 == 0 {
        let wanted = amount_out * u128::from(one);
        let denominator = (reserve_out - amount_out) * u128::from(keep);
        if denominator == 0 {
            return Err(PoolError::InsufficientLiquidity);
        }
        let paid = wide::mul_div_floor(reserve_in, wanted, denominator);
        return paid.and_then(|paid| paid.checked_add(1)).ok_or(PoolError::Overflow);
    }
    let (reserve_in, reserve_out) = (U256::from(reserve_in), U256::from(reserve_out));
    let paid = amount_in(U256::from(amount_out), reserve_in, reserve_out, fee)?;
    u128::try_from(paid).map_err(|_above_128_bits| PoolError::Overflow)
}

/// Of each unit of input what counts, and the unit: 997/1000 for v2's fee, in its own terms.
#[inline]
const fn fee_fraction(fee: Pips) -> (u64, u64) {
    if fee.0.is_multiple_of(1_000) {
        (1_000_u64.saturating_sub(fee.0 as u64 / 1_000), 1_000)
    } else {
        (1_000_000_u64.saturating_sub(fee.0 as u64), 1_000_000)
    }
}

/// The amounts of at most these maxima at the reserves' ratio, the counter-amount floored
/// (`_addLiquidity`).
fn proportional(
    max0: U256,
    max1: U256,
    reserve0: U256,
    reserve1: U256,
) -> Result<(U256, U256), PoolError> {
    let optimal1 = counter_amount(max0, reserve0, reserve1)?;
    if optimal1 <= max1 {
        return Ok((max0, optimal1));
    }
    Ok((counter_amount(max1, reserve1, reserve0)?, max1))
}

/// An accumulator after `elapsed` more seconds at the price `numerator / denominator`, modulo 2²⁵⁶; as
/// it is where a reserve is empty.
#[inline]
fn extended(cumulative: U256, numerator: u128, denominator: u128, elapsed: u32) -> U256 {
    if elapsed == 0 || numerator == 0 || denominator == 0 {
        return cumulative;
    }
    // Floored, as UQ112x112.uqdiv; overflow of the sum is meant.
    cumulative.wrapping_add(uq112(numerator, denominator).wrapping_mul(U256::from(elapsed)))
}

/// `numerator / denominator` as UQ112x112, floored. Arguments of at most 112 bits.
#[inline]
pub(crate) fn uq112(numerator: u128, denominator: u128) -> U256 {
    let (high, low) = wide::shl_112_div(numerator, denominator);
    U256::from_limbs([low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64])
}

#[inline]
fn to_reserve(amount: Amount) -> Result<u128, PoolError> {
    let limbs = amount.0.as_limbs();
    let value = u128::from(limbs[0]) | (u128::from(limbs[1]) << 64);
    if (limbs[2] | limbs[3]) != 0 || value > MAX_RESERVE {
        return Err(PoolError::Overflow);
    }
    Ok(value)
}

#[inline]
fn low_128(value: U256) -> u128 {
    let limbs = value.as_limbs();
    u128::from(limbs[0]) | (u128::from(limbs[1]) << 64)
}

/// ⌊√n⌋ by Newton's method from above, integers only (`Math.sqrt`).
fn sqrt_floor(n: U256) -> U256 {
    if n.is_zero() {
        return n;
    }
    // 2^⌈bits/2⌉ ≥ √n; each step stays at or above the root until it stops falling.
    let mut root = U256::from(1) << n.bit_len().div_ceil(2);
    loop {
        let next: U256 = (root + n / root) >> 1;
        if next >= root {
            return root;
        }
        root = next;
    }
}
