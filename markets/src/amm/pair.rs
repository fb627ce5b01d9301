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
        let (reserve0, reserve1) = (Amount::new(self.reserve0), Amount::new(self.reserve1));
        let in0 = balance0.saturating_sub(reserve0.saturating_sub(out0));
        let in1 = balance1.saturating_sub(reserve1.saturating_sub(out1));
        if in0.is_zero() && in1.is_zero() {
            return Err(PoolError::InsufficientInput);
        }
        let (keep, one) = fee_fraction(self.fee);
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
    #[inline]
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
        // Inputs are no more than balances, so nothing here is negative; 2¹¹² · 10³ is below 2¹²⁸.
        if let (Ok(balance0), Ok(balance1), 1_000) =
            (to_reserve(balance0), to_reserve(balance1), one)
        {
            let (in0, in1) = (to_reserve(in0)?, to_reserve(in1)?);
            let (fee, one) = (u128::from(fee), u128::from(one));
            let after = wide::mul(balance0 * one - in0 * fee, balance1 * one - in1 * fee);
            return Ok(after < wide::mul(self.reserve0 * one, self.reserve1 * one));
        }
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
