//! Flash loans from the pool's reserves.
//!
//! Source: Uniswap v3 Core §6.2.5 (flash); `UniswapV3Pool.flash`. The fee is the swap fee, and anything
//! paid beyond it is a fee too.

use super::position::low_128;
use super::swap::growth_of;
use super::{Change, Concentrated, ConcentratedError};
use crate::math::{Rounding, mul_div};
use crate::units::{Amount, U256};

/// A flash loan under way: what must be found again when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashOpened {
    /// The pool's balance of `token0` before it lent.
    pub balance0: Amount,
    /// The pool's balance of `token1` before it lent.
    pub balance1: Amount,
    /// The fee in `token0`, rounded up, in the pool's favour.
    pub fee0: Amount,
    /// The fee in `token1`, rounded up, in the pool's favour.
    pub fee1: Amount,
    /// The liquidity in range, which earns the fees.
    pub liquidity: u128,
}

impl Concentrated {
    /// Lends from the pool, whose balances are given, and locks it until [`Self::quote_flash_close`]. The
    /// pool pays the change's amounts.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`, `L`, `TF`.
    pub fn quote_flash_open(
        &self,
        amount0: Amount,
        amount1: Amount,
        balance0: Amount,
        balance1: Amount,
        change: &mut Change,
    ) -> Result<FlashOpened, ConcentratedError> {
        self.unlocked()?;
        if self.state.liquidity == 0 {
            return Err(ConcentratedError::NoLiquidity);
        }
        let fee = |amount: Amount| {
            let (fee, one) = (U256::from(self.fee.0), U256::from(1_000_000));
            mul_div(amount.0, fee, one, Rounding::Ceil)
                .map(Amount)
                .ok_or(ConcentratedError::Overflow)
        };
        let (fee0, fee1) = (fee(amount0)?, fee(amount1)?);
        if amount0 > balance0 || amount1 > balance1 {
            return Err(ConcentratedError::Transfer);
        }
        change.begin(self.state);
        change.state.unlocked = false;
        (change.amount0, change.amount1) = (amount0.0, amount1.0);
        Ok(FlashOpened { balance0, balance1, fee0, fee1, liquidity: self.state.liquidity })
    }

    /// Ends a flash loan on the balances that the pool then has: all that came beyond what was lent is a
    /// fee. The change's amounts are what was paid.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `F0`, `F1`.
    pub fn quote_flash_close(
        &self,
        opened: &FlashOpened,
        balance0: Amount,
        balance1: Amount,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        let FlashOpened { balance0: before0, balance1: before1, fee0, fee1, liquidity } = *opened;
        let paid = |before: Amount, fee: Amount, after: Amount| {
            let floor = before.checked_add(fee)?;
            (floor <= after).then(|| after.saturating_sub(before).0)
        };
        let paid0 = paid(before0, fee0, balance0).ok_or(ConcentratedError::Flash0)?;
        let paid1 = paid(before1, fee1, balance1).ok_or(ConcentratedError::Flash1)?;
        change.begin(self.state);
        let state = &mut change.state;
        state.unlocked = true;
        let split = |paid: U256, denominator: u8, fees: &mut u128, growth: &mut U256| {
            if paid.is_zero() {
                return Ok(());
            }
            let protocol = match denominator {
                0 => U256::ZERO,
                denominator => paid / U256::from(denominator),
            };
            *fees = fees.wrapping_add(low_128(protocol));
            *growth = growth.wrapping_add(growth_of(paid - protocol, liquidity)?);
            Ok::<(), ConcentratedError>(())
        };
        let denominators = state.fee_protocol;
        split(paid0, denominators & 15, &mut state.protocol_fees0, &mut state.fee_growth0)?;
        split(paid1, denominators >> 4, &mut state.protocol_fees1, &mut state.fee_growth1)?;
        (change.amount0, change.amount1) = (paid0, paid1);
        Ok(())
    }
}
