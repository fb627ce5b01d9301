//! Positions: liquidity between two ticks, and the fees that it has earned.
//!
//! Source: Uniswap v3 Core §6.4; the library `Position`.

use super::error::ConcentratedError;
use super::sqrt_price::Q128;
use super::tick::add_delta;
use crate::math::{Rounding, mul_div};
use crate::units::{AccountId, U256, deserialize_u256, serialize_u256};
use serde::{Deserialize, Serialize};

/// Liquidity of one owner between two ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Whose.
    pub owner: AccountId,
    /// The lower tick.
    pub lower: i32,
    /// The upper tick.
    pub upper: i32,
    /// How much.
    pub liquidity: u128,
    /// Fees of `token0` per unit of liquidity inside the ticks when it was last touched, Q128.128.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth_inside0: U256,
    /// The same of `token1`.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth_inside1: U256,
    /// `token0` that the owner may collect, smallest units, modulo 2¹²⁸.
    pub owed0: u128,
    /// `token1` that the owner may collect, smallest units, modulo 2¹²⁸.
    pub owed1: u128,
}

impl Position {
    /// A position that was never touched.
    #[must_use]
    pub const fn new(owner: AccountId, lower: i32, upper: i32) -> Self {
        Self {
            owner,
            lower,
            upper,
            liquidity: 0,
            fee_growth_inside0: U256::ZERO,
            fee_growth_inside1: U256::ZERO,
            owed0: 0,
            owed1: 0,
        }
    }

    /// What positions are found by.
    #[must_use]
    pub const fn key(&self) -> (AccountId, i32, i32) {
        (self.owner, self.lower, self.upper)
    }

    /// Credits the fees since the last touch, floored, in the pool's favour, and changes the liquidity; a
    /// change of zero is a poke (`Position.update`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `NP` where an empty position is poked, `LS`, `LA`.
    pub fn update(&mut self, delta: i128, inside: (U256, U256)) -> Result<(), ConcentratedError> {
        if delta == 0 && self.liquidity == 0 {
            return Err(ConcentratedError::NoPosition);
        }
        let after = add_delta(self.liquidity, delta)?;
        let (owed0, owed1) = self.fees(inside);
        self.owed0 = self.owed0.wrapping_add(owed0);
        self.owed1 = self.owed1.wrapping_add(owed1);
        (self.fee_growth_inside0, self.fee_growth_inside1) = inside;
        self.liquidity = after;
        Ok(())
    }

    /// Fees earned since the last touch, of (`token0`, `token1`), modulo 2¹²⁸.
    #[must_use]
    pub fn fees(&self, inside: (U256, U256)) -> (u128, u128) {
        let since = |now: U256, then: U256| {
            let growth = now.wrapping_sub(then);
            let fees = mul_div(growth, U256::from(self.liquidity), Q128, Rounding::Floor)
                .expect("256 bits · 128 bits / 2¹²⁸ fits 256 bits");
            low_128(fees)
        };
        (since(inside.0, self.fee_growth_inside0), since(inside.1, self.fee_growth_inside1))
    }
}

/// The integer modulo 2¹²⁸.
#[inline]
#[must_use]
pub(super) const fn low_128(x: U256) -> u128 {
    let l = x.as_limbs();
    (l[0] as u128) | ((l[1] as u128) << 64)
}
