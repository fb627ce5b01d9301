//! Adding and removing liquidity of a [`ConstantProduct`] pool, and the protocol's share of its fees.

use super::constant_product::{ConstantProduct, MAX_RESERVE, MINIMUM_LIQUIDITY};
use super::formulas::{add, mul, proportional, sqrt_floor, to_reserve};
use super::{BurnQuote, MintQuote, PoolError};
use crate::math::{Rounding, mul_div};
use crate::units::{Amount, U256};

impl ConstantProduct {
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
    /// [`PoolError::SubUnderflow`] where a first deposit is smaller than what it must lock,
    /// [`PoolError::InsufficientLiquidityMinted`] where nothing would be minted, reserves above 112
    /// bits, [`PoolError::MulOverflow`].
    pub fn quote_mint_exact(
        &self,
        amount0: Amount,
        amount1: Amount,
        total_shares: Amount,
    ) -> Result<MintQuote, PoolError> {
        let protocol_shares = self.protocol_shares(total_shares);
        let total = add(total_shares.0, protocol_shares.0)?;
        let (shares, locked);
        if total.is_zero() {
            locked = U256::from(MINIMUM_LIQUIDITY);
            let root = sqrt_floor(mul(amount0.0, amount1.0)?);
            shares = root.checked_sub(locked).ok_or(PoolError::SubUnderflow)?;
        } else {
            locked = U256::ZERO;
            let part = |amount: Amount, reserve: u128| {
                let product = mul(amount.0, total)?;
                product.checked_div(U256::from(reserve)).ok_or(PoolError::DivisionByZero)
            };
            shares = part(amount0, self.reserve0)?.min(part(amount1, self.reserve1)?);
        }
        if shares.is_zero() {
            return Err(PoolError::InsufficientLiquidityMinted);
        }
        for (reserve, amount) in [(self.reserve0, amount0), (self.reserve1, amount1)] {
            if reserve + to_reserve(amount)? > MAX_RESERVE {
                return Err(PoolError::Overflow);
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

    /// Remembers the product for the next protocol fee; call it after the update of a mint or a burn.
    pub fn remember_k(&mut self) {
        self.k_last = if self.fee_to.is_some() {
            U256::from(self.reserve0) * U256::from(self.reserve1)
        } else {
            U256::ZERO
        };
    }
}
