//! What the pair does on its own account: it looks at what it holds, not at what a router says it sent.
//!
//! Source: Uniswap v2 Core, §3.2 and §3.3 (`UniswapV2Pair.mint`, `burn`, `swap`, `skim`). A call is
//! *open* (outputs checked and paid out at once) → *body* (a flash swap's callback) → *close* on the
//! balances that the ledger then shows.

use super::constant_product::ConstantProduct;
use super::formulas::{fee_fraction, mul, to_reserve};
use super::{BurnQuote, MintQuote, PoolError};
use crate::math::{Rounding, mul_div};
use crate::units::{Amount, U256};
use crate::wide;
use ruint::aliases::U512;

impl ConstantProduct {
    /// Whether a swap may pay out these amounts, before anything has come in (`swap`, its opening).
    ///
    /// # Errors
    /// [`PoolError::InsufficientOutput`] where both are zero, [`PoolError::InsufficientLiquidity`]
    /// where one is all of its reserve or more.
    #[inline]
    pub fn check_outputs(&self, out0: Amount, out1: Amount) -> Result<(), PoolError> {
        if out0.is_zero() && out1.is_zero() {
            return Err(PoolError::InsufficientOutput);
        }
        if out0 >= Amount::new(self.reserve0) || out1 >= Amount::new(self.reserve1) {
            return Err(PoolError::InsufficientLiquidity);
        }
        Ok(())
    }

    /// What of the same asset pays for a flash swap of one asset: ⌈out · 1000/997⌉ at v2's fee, rounded
    /// in the pool's favour. `None` where both assets are taken, neither, or the fee is everything.
    #[must_use]
    pub fn flash_debt(&self, out0: Amount, out1: Amount) -> Option<Amount> {
        let out = match (out0.is_zero(), out1.is_zero()) {
            (false, true) => out0,
            (true, false) => out1,
            _ => return None,
        };
        let (keep, one) = fee_fraction(self.fee);
        mul_div(out.0, U256::from(one), U256::from(keep), Rounding::Ceil).map(Amount)
    }

    /// What of the other asset pays for a flash swap of one asset of which `back` comes back: the least that
    /// keeps the product, rounded in the pool's favour. `None` as for [`Self::flash_debt`], and where nothing
    /// would.
    #[must_use]
    pub fn flash_debt_in_other(&self, out0: Amount, out1: Amount, back: Amount) -> Option<Amount> {
        let (out, reserve, other) = match (out0.is_zero(), out1.is_zero()) {
            (false, true) => (out0, self.reserve0, self.reserve1),
            (true, false) => (out1, self.reserve1, self.reserve0),
            _ => return None,
        };
        let (keep, one) = fee_fraction(self.fee);
        let (keep, one, fee) = (U256::from(keep), U256::from(one), U256::from(one - keep));
        let (reserve, other) = (U256::from(reserve), mul(U256::from(other), one).ok()?);
        let balance = reserve.checked_sub(out.0)?.checked_add(back.0)?;
        let adjusted = mul(balance, one).ok()?.checked_sub(mul(back.0, fee).ok()?)?;
        // (one · balance − fee · back) · (one · other + keep · paid) ≥ one² · reserve · other
        let needed = mul_div(mul(reserve, one).ok()?, other, adjusted, Rounding::Ceil)?;
        mul_div(needed.saturating_sub(other), U256::from(1), keep, Rounding::Ceil).map(Amount)
    }

    /// Whether a swap that has paid out `out0` and `out1` and left these balances is paid for (`swap`,
    /// its close). Returns what came in, as (of `token0`, of `token1`).
    ///
    /// The product of the fee-adjusted balances may not fall, by so much as one: in the pool's favour.
    /// The outputs must have passed [`Self::check_outputs`].
    ///
    /// # Errors
    /// [`PoolError::InsufficientInput`], [`PoolError::MulOverflow`], [`PoolError::ProductFell`], in the
    /// contract's order; balances above 112 bits are refused by [`ConstantProduct::update`], after it.
    #[inline]
    pub fn check_inputs(
        &self,
        out0: Amount,
        out1: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<(Amount, Amount), PoolError> {
        let (keep, one) = fee_fraction(self.fee);
        // Below 2¹¹², times 10³, is below 2¹²⁸; no more came in than there is, so nothing is negative.
        if let (Ok(balance0), Ok(balance1), Ok(out0), Ok(out1), 1_000) =
            (to_reserve(balance0), to_reserve(balance1), to_reserve(out0), to_reserve(out1), one)
        {
            let in0 = balance0.saturating_sub(self.reserve0.saturating_sub(out0));
            let in1 = balance1.saturating_sub(self.reserve1.saturating_sub(out1));
            if in0 == 0 && in1 == 0 {
                return Err(PoolError::InsufficientInput);
            }
            let adjusted = |balance: u128, paid: u128| {
                let (one, fee) = (u128::from(one), u128::from(one - keep));
                balance.wrapping_mul(one).wrapping_sub(paid.wrapping_mul(fee))
            };
            let after = wide::mul(adjusted(balance0, in0), adjusted(balance1, in1));
            if after < wide::mul(adjusted(self.reserve0, 0), adjusted(self.reserve1, 0)) {
                return Err(PoolError::ProductFell);
            }
            return Ok((Amount::new(in0), Amount::new(in1)));
        }
        let (reserve0, reserve1) = (Amount::new(self.reserve0), Amount::new(self.reserve1));
        let in0 = balance0.saturating_sub(reserve0.saturating_sub(out0));
        let in1 = balance1.saturating_sub(reserve1.saturating_sub(out1));
        if in0.is_zero() && in1.is_zero() {
            return Err(PoolError::InsufficientInput);
        }
        if self.product_fell(balance0, in0, balance1, in1, keep, one)? {
            return Err(PoolError::ProductFell);
        }
        Ok((in0, in1))
    }

    /// Both ends of a swap at once: [`Self::check_outputs`], [`Self::check_inputs`], and that the
    /// balances are reserves.
    ///
    /// # Errors
    /// As these two; [`PoolError::Overflow`] where a balance exceeds 112 bits.
    pub fn check_swap(
        &self,
        out0: Amount,
        out1: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<(Amount, Amount), PoolError> {
        self.check_outputs(out0, out1)?;
        let ins = self.check_inputs(out0, out1, balance0, balance1)?;
        to_reserve(balance0)?;
        to_reserve(balance1)?;
        Ok(ins)
    }

    /// Whether (one · balance0 − fee · in0) · (one · balance1 − fee · in1) is less than the product of
    /// the reserves, times one².
    #[inline(never)]
    fn product_fell(
        &self,
        balance0: Amount,
        in0: Amount,
        balance1: Amount,
        in1: Amount,
        keep: u64,
        one: u64,
    ) -> Result<bool, PoolError> {
        let fee = one - keep;
        let adjusted = |balance: Amount, paid: Amount| {
            let whole = mul(balance.0, U256::from(one))?;
            whole.checked_sub(mul(paid.0, U256::from(fee))?).ok_or(PoolError::SubUnderflow)
        };
        let (adjusted0, adjusted1) = (adjusted(balance0, in0)?, adjusted(balance1, in1)?);
        if one == 1_000 {
            mul(adjusted0, adjusted1)?;
        }
        // Finer fees than v2's need more than the contract's 256 bits here.
        let after: U512 = adjusted0.widening_mul(adjusted1);
        let scaled = |reserve: u128| U256::from(reserve) * U256::from(one);
        let before: U512 = scaled(self.reserve0).widening_mul(scaled(self.reserve1));
        Ok(after < before)
    }

    /// What the pool's account holds beyond the reserves: what was sent since the last update, and what
    /// `skim` pays out.
    ///
    /// # Errors
    /// [`PoolError::SubUnderflow`] where it holds less, which plain assets never make it.
    #[inline]
    pub fn surplus(
        &self,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<(Amount, Amount), PoolError> {
        let over = |balance: Amount, reserve: u128| {
            balance.checked_sub(Amount::new(reserve)).ok_or(PoolError::SubUnderflow)
        };
        Ok((over(balance0, self.reserve0)?, over(balance1, self.reserve1)?))
    }

    /// What the pair mints for what it was sent (`mint`).
    ///
    /// # Errors
    /// As [`Self::surplus`] and [`Self::quote_mint_exact`].
    pub fn quote_mint_from(
        &self,
        total_shares: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<MintQuote, PoolError> {
        let (amount0, amount1) = self.surplus(balance0, balance1)?;
        self.quote_mint_exact(amount0, amount1, total_shares)
    }

    /// What burning `shares` of `total_shares` gives, from the pool's actual balances (`burn`): shares
    /// include their part of what was donated since the last update. Both amounts are floored, in
    /// favour of those who stay.
    ///
    /// # Errors
    /// [`PoolError::MulOverflow`]; [`PoolError::DivisionByZero`] where there are no shares at all;
    /// [`PoolError::InsufficientLiquidityBurned`] where an amount would be zero or `shares` exceed the
    /// total.
    pub fn quote_burn_from(
        &self,
        shares: Amount,
        total_shares: Amount,
        balance0: Amount,
        balance1: Amount,
    ) -> Result<BurnQuote, PoolError> {
        let protocol_shares = self.protocol_shares(total_shares);
        let total = total_shares.checked_add(protocol_shares).ok_or(PoolError::AddOverflow)?;
        let part = |balance: Amount| {
            let product = mul(shares.0, balance.0)?;
            product.checked_div(total.0).map(Amount).ok_or(PoolError::DivisionByZero)
        };
        let (amount0, amount1) = (part(balance0)?, part(balance1)?);
        if amount0.is_zero() || amount1.is_zero() || shares > total_shares {
            return Err(PoolError::InsufficientLiquidityBurned);
        }
        Ok(BurnQuote { shares, amount0, amount1, protocol_shares })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{AccountId, AssetId, Pips};
    use proptest::prelude::*;

    /// Integers of every magnitude up to 113 bits.
    fn any_size() -> impl Strategy<Value = u128> {
        (any::<u128>(), 15_u32..128).prop_map(|(x, shift)| x >> shift)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn the_other_asset_pays_for_what_does_not_come_back_and_a_unit_less_does_not(
            reserves in (any_size(), any_size()), out in any_size(), back in any_size(),
            fee in 0_u32..999_999, second in any::<bool>()
        ) {
            let ids = [0, 1, 2].map(AssetId);
            let mut pair = ConstantProduct::new(ids[0], ids[1], ids[2], AccountId(0), Pips(fee));
            let most = (1 << 112) - 1;
            let [a, b] = [reserves.0, reserves.1].map(|reserve| (reserve & most).max(2));
            (pair.reserve0, pair.reserve1) = if second { (b, a) } else { (a, b) };
            let out = (out % a).max(1);
            let back = back % (2 * out);
            let turned = |x: u128, y: u128| {
                let (x, y) = if second { (y, x) } else { (x, y) };
                (Amount::new(x), Amount::new(y))
            };
            let (out0, out1) = turned(out, 0);
            let paid = pair.flash_debt_in_other(out0, out1, Amount::new(back));
            prop_assume!(paid.is_some_and(|paid| paid < Amount::new(most)));
            let paid = u128::try_from(paid.unwrap_or_default().0).expect("below 2¹¹²");
            let enough = |paid: u128| {
                let (held0, held1) = turned(a - out + back, b + paid);
                pair.check_inputs(out0, out1, held0, held1).is_ok()
            };
            prop_assert!(enough(paid) || back + paid == 0);
            prop_assert!(paid == 0 || !enough(paid - 1));
        }
        /// Balances around those that keep the product, too.
        #[test]
        fn what_pays_for_a_swap_is_what_the_general_product_says(
            reserves in (any_size(), any_size()), paid in (any_size(), any_size()),
            out in (any_size(), any_size()), thousandths in 0_u32..=1_000, off in 0_u128..3
        ) {
            let ids = [0, 1, 2].map(AssetId);
            let fee = Pips(thousandths * 1_000);
            let mut pair = ConstantProduct::new(ids[0], ids[1], ids[2], AccountId(0), fee);
            (pair.reserve0, pair.reserve1) = ((reserves.0 >> 1).max(2), (reserves.1 >> 1).max(2));
            let out = (out.0 % pair.reserve0, out.1 % pair.reserve1);
            let just = (|| {
                let got = pair.reserve1.checked_sub(out.1)?.checked_sub(1)?;
                let (keep, one) = fee_fraction(fee);
                let (keep, one) = (u128::from(keep), u128::from(one));
                crate::wide::mul_div_floor(pair.reserve0, out.1.checked_mul(one)?, got.checked_mul(keep)?)
            })();
            let just = just.unwrap_or(paid.0).saturating_add(off);
            for (paid, out) in [(paid, out), ((just, 0), (0, out.1)), ((0, 0), out)] {
                let (out0, out1) = (Amount::new(out.0), Amount::new(out.1));
                let held0 = Amount::new((pair.reserve0 - out.0).saturating_add(paid.0));
                let held1 = Amount::new((pair.reserve1 - out.1).saturating_add(paid.1));
                let (in0, in1) = (Amount::new(paid.0), Amount::new(paid.1));
                let (keep, one) = fee_fraction(fee);
                let expected = if in0.is_zero() && in1.is_zero() {
                    Err(PoolError::InsufficientInput)
                } else {
                    match pair.product_fell(held0, in0, held1, in1, keep, one) {
                        Ok(true) => Err(PoolError::ProductFell),
                        Ok(false) => Ok((in0, in1)),
                        Err(reason) => Err(reason),
                    }
                };
                prop_assert_eq!(pair.check_inputs(out0, out1, held0, held1), expected);
            }
        }
    }
}
