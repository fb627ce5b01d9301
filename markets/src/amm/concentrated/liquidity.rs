//! Opening, closing and collecting positions.
//!
//! Source: Uniswap v3 Core §6.2.2 and §6.4; `UniswapV3Pool.mint`, `burn`, `collect`, `_modifyPosition`.

use super::change::{PositionWrite, TickWrite};
use super::position::low_128;
use super::sqrt_price::{amount0_delta, amount1_delta};
use super::tick::{Globals, Tick, add_delta, fee_growth_inside};
use super::tick_math::{MAX_TICK, MIN_TICK, sqrt_ratio_at_tick};
use super::{Change, Concentrated, ConcentratedError, Position};
use crate::math::Rounding;
use crate::units::{AccountId, U256};

impl Concentrated {
    /// What adding `liquidity` between two ticks would do (`mint`). The payer owes the change's amounts,
    /// rounded up, in the pool's favour.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`, `TLU`, `TLM`, `TUM`, `LO`, `LA`; no liquidity; off the spacing.
    pub fn quote_mint(
        &self,
        owner: AccountId,
        lower: i32,
        upper: i32,
        liquidity: u128,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        if liquidity == 0 {
            return Err(ConcentratedError::ZeroLiquidity);
        }
        let delta = i128::try_from(liquidity).map_err(|_above| ConcentratedError::Overflow)?;
        self.quote_modify(owner, lower, upper, delta, now, change)
    }

    /// What removing `liquidity` from a position would do; zero is a poke (`burn`). The change's amounts,
    /// rounded down, and the fees since the last touch are credited to the position, to be collected: no
    /// token moves.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`, `TLU`, `TLM`, `TUM`, `LS`, `NP`.
    pub fn quote_burn(
        &self,
        owner: AccountId,
        lower: i32,
        upper: i32,
        liquidity: u128,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        let delta = i128::try_from(liquidity).map_err(|_above| ConcentratedError::Overflow)?;
        self.quote_modify(owner, lower, upper, -delta, now, change)?;
        let (amount0, amount1) = (low_128(change.amount0), low_128(change.amount1));
        if let Some(PositionWrite::Insert(_, position) | PositionWrite::Set(_, position)) =
            &mut change.position
        {
            position.owed0 = position.owed0.wrapping_add(amount0);
            position.owed1 = position.owed1.wrapping_add(amount1);
        }
        Ok(())
    }

    /// What collecting at most these of a position's owed tokens would do (`collect`). The pool pays the
    /// change's amounts.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`.
    pub fn quote_collect(
        &self,
        owner: AccountId,
        lower: i32,
        upper: i32,
        max0: u128,
        max1: u128,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        change.begin(self.state);
        let Ok(at) = self.find_position(owner, lower, upper) else { return Ok(()) };
        let mut position = self.positions[at];
        let (amount0, amount1) = (max0.min(position.owed0), max1.min(position.owed1));
        position.owed0 -= amount0;
        position.owed1 -= amount1;
        change.position = Some(PositionWrite::Set(at as u32, position));
        change.amount0 = U256::from(amount0);
        change.amount1 = U256::from(amount1);
        Ok(())
    }

    /// A change of a position's liquidity: its two ticks, its fees, the liquidity in range, and what the
    /// liquidity is worth.
    fn quote_modify(
        &self,
        owner: AccountId,
        lower: i32,
        upper: i32,
        delta: i128,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        if lower >= upper {
            return Err(ConcentratedError::TickOrder);
        }
        if lower < MIN_TICK {
            return Err(ConcentratedError::TickTooLow);
        }
        if upper > MAX_TICK {
            return Err(ConcentratedError::TickTooHigh);
        }
        change.begin(self.state);
        let current = self.state.tick;
        let globals = self.globals(now)?;
        let (lower_at, upper_at) = (self.find_tick(lower), self.find_tick(upper));
        let mut ends = [self.tick_or_new(lower, lower_at), self.tick_or_new(upper, upper_at)];
        if delta != 0 {
            let flipped = self.update_ends(&mut ends, delta, &globals)?;
            // Where the upper tick is depends on what the lower one did.
            let (lower_write, shift) = write_of(lower_at, 0, flipped[0], &ends[0]);
            let (upper_write, _) = write_of(upper_at, shift, flipped[1], &ends[1]);
            change.ticks.push(lower_write);
            change.ticks.push(upper_write);
        }
        let inside = fee_growth_inside(&ends[0], &ends[1], current, &globals);
        let found = self.find_position(owner, lower, upper);
        let mut position =
            found.map_or_else(|_at| Position::new(owner, lower, upper), |at| self.positions[at]);
        position.update(delta, inside)?;
        change.position = Some(match found {
            Ok(at) => PositionWrite::Set(at as u32, position),
            Err(at) => PositionWrite::Insert(at as u32, position),
        });
        if delta == 0 {
            return Ok(());
        }
        let (below, above) = (ends[0].sqrt_price, ends[1].sqrt_price);
        let price = self.state.sqrt_price;
        let size = delta.unsigned_abs();
        let rounding = if delta > 0 { Rounding::Ceil } else { Rounding::Floor };
        if current < lower {
            change.amount0 = amount0_delta(below, above, size, rounding)?;
        } else if current < upper {
            self.write_observation(now, change);
            change.amount0 = amount0_delta(price, above, size, rounding)?;
            change.amount1 = amount1_delta(below, price, size, rounding)?;
            change.state.liquidity = add_delta(self.state.liquidity, delta)?;
        } else {
            change.amount1 = amount1_delta(below, above, size, rounding)?;
        }
        Ok(())
    }

    /// An initialised tick, or what it would begin as.
    fn tick_or_new(&self, tick: i32, at: Result<usize, usize>) -> Tick {
        at.map_or_else(|_at| Tick { tick, ..Tick::default() }, |at| self.ticks[at])
    }

    /// Changes what refers to a position's ends, and says which of them became initialised or ceased to be.
    fn update_ends(
        &self,
        ends: &mut [Tick; 2],
        delta: i128,
        globals: &Globals,
    ) -> Result<[bool; 2], ConcentratedError> {
        let mut flipped = [false; 2];
        for (i, end) in ends.iter_mut().enumerate() {
            let upper = i == 1;
            let most = self.max_liquidity_per_tick;
            let new = end.updated(delta, upper, self.state.tick, globals, most)?;
            flipped[i] = (end.gross == 0) != (new.gross == 0);
            *end = new;
        }
        for (end, flipped) in ends.iter_mut().zip(flipped) {
            if flipped && end.tick % self.tick_spacing != 0 {
                return Err(ConcentratedError::TickSpacing);
            }
            if end.sqrt_price.is_zero() {
                end.sqrt_price = sqrt_ratio_at_tick(end.tick)?;
            }
        }
        Ok(flipped)
    }
}

/// The write that stores an updated tick, and by how many places it moves the ticks above.
fn write_of(
    at: Result<usize, usize>,
    shift: isize,
    flipped: bool,
    tick: &Tick,
) -> (TickWrite, isize) {
    let place = |at: usize| (at as isize + shift) as u32;
    match at {
        Ok(at) if flipped => (TickWrite::Remove(place(at)), shift - 1),
        Ok(at) => (TickWrite::Set(place(at), *tick), shift),
        Err(at) => (TickWrite::Insert(place(at), *tick), shift + 1),
    }
}
