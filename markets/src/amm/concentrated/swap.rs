//! Swaps: step by step through ranges of constant liquidity.
//!
//! Source: Uniswap v3 Core §6.2.3 and §6.3.1; `UniswapV3Pool.swap`. Like the contract, a step looks no
//! further than one word of the tick bitmap, and so rounds at a word's end even where no tick is there.

use super::observation::next_write;
use super::position::low_128;
use super::sqrt_price::Q128;
use super::swap_step::{Fee, swap_step};
use super::tick::{Globals, add_delta, next_within_one_word};
use super::tick_math::{MAX_SQRT_RATIO, MIN_SQRT_RATIO, tick_at_sqrt_ratio};
use super::{Change, Concentrated, ConcentratedError};
use crate::math::{Rounding, mul_div};
use crate::units::U256;
use crate::wide;

impl Concentrated {
    /// What a swap would do (`swap`): sells `token0` where `zero_for_one`, else `token1`; `amount` is of the
    /// input where `exact_in`, else of the output; the price stops at `limit`. Afterwards the change's
    /// amounts are what the input side pays and what the output side gets, each in its own token.
    ///
    /// # Errors
    /// [`ConcentratedError`]: `AS`, `LOK`, `SPL`, or an amount above 255 bits.
    pub fn quote_swap(
        &self,
        zero_for_one: bool,
        exact_in: bool,
        amount: U256,
        limit: U256,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        use ConcentratedError::{AmountSpecified, Overflow, PriceLimit};
        let start = &self.state;
        if amount.is_zero() {
            return Err(AmountSpecified);
        }
        self.unlocked()?;
        let in_range = if zero_for_one {
            limit < start.sqrt_price && limit > MIN_SQRT_RATIO
        } else {
            limit > start.sqrt_price && limit < MAX_SQRT_RATIO
        };
        if !in_range {
            return Err(PriceLimit);
        }
        if above_255_bits(amount) {
            return Err(Overflow);
        }
        change.begin(*start);
        match (zero_for_one, exact_in) {
            (true, true) => self.run_swap::<true, true>(amount, limit, now, change),
            (true, false) => self.run_swap::<true, false>(amount, limit, now, change),
            (false, true) => self.run_swap::<false, true>(amount, limit, now, change),
            (false, false) => self.run_swap::<false, false>(amount, limit, now, change),
        }
    }

    /// The steps of a swap that may take place, of a change that begins from the state.
    fn run_swap<const ZERO_FOR_ONE: bool, const EXACT_IN: bool>(
        &self,
        amount: U256,
        limit: U256,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        let (zero_for_one, exact_in) = (ZERO_FOR_ONE, EXACT_IN);
        let start = &self.state;
        let crossed = &mut change.crossed;
        let (mut price, mut price_tick, mut liquidity) =
            (start.sqrt_price, start.tick, start.liquidity);
        let fee_protocol =
            if zero_for_one { start.fee_protocol & 15 } else { start.fee_protocol >> 4 };
        let mut growth = if zero_for_one { start.fee_growth0 } else { start.fee_growth1 };
        let mut protocol_fees = 0_u128;
        let (mut remaining, mut calculated) = (amount, U256::ZERO);
        let mut below = self.ticks.partition_point(|t| t.tick <= start.tick);
        let mut globals: Option<Globals> = None;
        let pool_fee = Fee::new(self.fee);
        while !remaining.is_zero() && price != limit {
            let before = price;
            let next = next_within_one_word(
                &self.ticks,
                below,
                price_tick,
                self.tick_spacing,
                zero_for_one,
            )?;
            let beyond =
                if zero_for_one { next.sqrt_price < limit } else { next.sqrt_price > limit };
            let target = if beyond { limit } else { next.sqrt_price };
            let step = swap_step::<ZERO_FOR_ONE, EXACT_IN>(
                before, target, liquidity, remaining, &pool_fee,
            )?;
            price = step.sqrt_price;
            let paid = step.amount_in + step.fee;
            let (specified, other) =
                if exact_in { (paid, step.amount_out) } else { (step.amount_out, paid) };
            remaining = remaining.wrapping_sub(specified);
            calculated = calculated
                .checked_add(other)
                .filter(|sum| !above_255_bits(*sum))
                .ok_or(ConcentratedError::Overflow)?;
            let mut fee = step.fee;
            if fee_protocol > 0 {
                let part = divided(fee, fee_protocol);
                fee -= part;
                protocol_fees = protocol_fees.wrapping_add(low_128(part));
            }
            if liquidity > 0 && !fee.is_zero() {
                growth = growth.wrapping_add(growth_of(fee, liquidity)?);
            }
            if step.reached && !beyond {
                if let Some(at) = next.initialized {
                    let globals = match &mut globals {
                        Some(globals) => globals,
                        None => globals.insert(self.globals(now)?),
                    };
                    if zero_for_one {
                        globals.fee_growth0 = growth;
                    } else {
                        globals.fee_growth1 = growth;
                    }
                    let tick = &self.ticks[at];
                    crossed.push((at as u32, tick.outside.crossed(globals)));
                    // The lowest net liquidity is above −2¹²⁷: gross liquidity fits 128 bits less a spacing.
                    let net = if zero_for_one { -tick.net } else { tick.net };
                    liquidity = add_delta(liquidity, net)?;
                    below = if zero_for_one { at } else { at + 1 };
                }
                price_tick = if zero_for_one { next.tick - 1 } else { next.tick };
            } else if price != before {
                price_tick = tick_at_sqrt_ratio(price)?;
            }
        }
        let state = &mut change.state;
        (state.sqrt_price, state.tick, state.liquidity) = (price, price_tick, liquidity);
        if zero_for_one {
            state.fee_growth0 = growth;
            state.protocol_fees0 = state.protocol_fees0.wrapping_add(protocol_fees);
        } else {
            state.fee_growth1 = growth;
            state.protocol_fees1 = state.protocol_fees1.wrapping_add(protocol_fees);
        }
        let specified = amount.wrapping_sub(remaining);
        let (paid, got) = if exact_in { (specified, calculated) } else { (calculated, specified) };
        (change.amount0, change.amount1) = if zero_for_one { (paid, got) } else { (got, paid) };
        if change.state.tick != start.tick {
            self.write_observation(now, change);
        }
        Ok(())
    }

    /// Notes the price and liquidity that stood until now, where this second has no observation yet.
    pub(super) fn write_observation(&self, now: u64, change: &mut Change) {
        let written = next_write(
            &self.observations,
            &self.present(now),
            self.state.observation_cardinality_next,
        );
        if let Some((index, cardinality, observation)) = written {
            change.state.observation_index = index;
            change.state.observation_cardinality = cardinality;
            change.observation = Some((index, observation));
        }
    }
}

/// Whether a signed integer of 256 bits cannot hold it.
#[inline]
const fn above_255_bits(x: U256) -> bool {
    x.as_limbs()[3] >> 63 != 0
}

/// `fee / denominator`, floored.
#[inline]
fn divided(fee: U256, denominator: u8) -> U256 {
    let limbs = fee.as_limbs();
    if (limbs[1] | limbs[2] | limbs[3]) == 0 {
        U256::from(limbs[0] / u64::from(denominator))
    } else {
        fee / U256::from(denominator)
    }
}

/// `fee · 2¹²⁸ / liquidity`, floored.
#[inline]
pub(super) fn growth_of(fee: U256, liquidity: u128) -> Result<U256, ConcentratedError> {
    let limbs = fee.as_limbs();
    if (limbs[2] | limbs[3]) == 0 {
        let fee = low_128(fee);
        let (whole, rest) =
            if fee < liquidity { (0, fee) } else { (fee / liquidity, fee % liquidity) };
        let part = wide::div(rest, 0, liquidity).0;
        return Ok(U256::from_limbs([
            part as u64,
            (part >> 64) as u64,
            whole as u64,
            (whole >> 64) as u64,
        ]));
    }
    mul_div(fee, Q128, U256::from(liquidity), Rounding::Floor).ok_or(ConcentratedError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signed_integer_ends_at_255_bits() {
        let one = U256::from(1);
        for (x, above) in [
            (U256::MAX, true),
            (one << 255, true),
            ((one << 255) - one, false),
            (one << 192, false),
        ] {
            assert_eq!(above_255_bits(x), above, "{x}");
        }
    }

    #[test]
    fn a_part_of_a_wide_fee_is_a_part_of_all_of_it() {
        for limbs in
            [[9, 0, 0, 0], [9, 1, 0, 0], [9, 1, 1, 0], [9, 0, 1, 1], [9, 1, 0, 1], [9, 0, 0, 7]]
        {
            let fee = U256::from_limbs(limbs);
            assert_eq!(divided(fee, 4), fee / U256::from(4), "{limbs:?}");
        }
    }

    /// Fees of more than 128 bits too, whichever upper limbs they have.
    #[test]
    fn growth_is_fee_by_liquidity() {
        for limbs in [[7, 9, 0, 0], [7, 9, 1, 0], [7, 9, 0, 1], [7, 9, 1, 1]] {
            let fee = U256::from_limbs(limbs);
            assert_eq!(growth_of(fee, 1 << 127), Ok(fee << 1));
        }
    }
}
