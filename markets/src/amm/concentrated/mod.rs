//! The concentrated-liquidity pool as Uniswap v3 deploys it.
//!
//! Source: Uniswap v3 Core (Adams, Zinsmeister, Salem, Keefer, Robinson 2021); names, units, the order of
//! checks and the directions of rounding are those of `UniswapV3Pool` 1.0.1. √prices are Q64.96, growths
//! Q128.128; products go through 384 or 512 bits; what wraps in the contract wraps here: growths modulo
//! 2²⁵⁶, owed tokens and protocol fees modulo 2¹²⁸, tick cumulatives at 56 bits, seconds per liquidity at
//! 160 and time at 32.
//!
//! A call is a quote into a [`Change`] (fallible, pure), flows for the ledger, and
//! [`Concentrated::apply`] (infallible).

mod change;
mod error;
mod flash;
mod limbs;
mod liquidity;
pub mod observation;
pub mod periphery;
mod position;
pub mod sqrt_price;
mod swap;
pub mod swap_step;
mod tick;
pub mod tick_math;

pub use change::{Change, PositionWrite, TickWrite};
pub use error::ConcentratedError;
pub use flash::FlashOpened;
pub use observation::Observation;
pub use position::Position;
pub use tick::{Globals, Outside, Tick};

use crate::units::{AccountId, AssetId, Pips, U256, deserialize_u256, serialize_u256};
use observation::Present;
use serde::{Deserialize, Serialize};

/// What one value per pool is: price, liquidity, growths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// √(`token1` per `token0`), Q64.96; zero before initialisation.
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub sqrt_price: U256,
    /// The highest tick at or below the price, or one below that after a fall that ended on a tick.
    pub tick: i32,
    /// The observation last written.
    pub observation_index: u16,
    /// Observations in use.
    pub observation_cardinality: u16,
    /// Observations in use once the ring next comes round.
    pub observation_cardinality_next: u16,
    /// Denominators of the protocol's part of the fees: of `token0` in the low four bits, of `token1` in
    /// the high ones; zero is none.
    pub fee_protocol: u8,
    /// Whether the pool may be called: initialised, and in no call with a body.
    pub unlocked: bool,
    /// Liquidity in range.
    pub liquidity: u128,
    /// Fees of `token0` per unit of liquidity, Q128.128, modulo 2²⁵⁶ (`feeGrowthGlobal0X128`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth0: U256,
    /// Fees of `token1` per unit of liquidity, Q128.128, modulo 2²⁵⁶ (`feeGrowthGlobal1X128`).
    #[serde(serialize_with = "serialize_u256", deserialize_with = "deserialize_u256")]
    pub fee_growth1: U256,
    /// `token0` that the protocol may collect, smallest units, modulo 2¹²⁸.
    pub protocol_fees0: u128,
    /// `token1` that the protocol may collect, smallest units, modulo 2¹²⁸.
    pub protocol_fees1: u128,
}

/// A concentrated-liquidity pool. Its reserves are its account's balances on the ledger.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concentrated {
    /// The first asset.
    pub token0: AssetId,
    /// The second asset.
    pub token1: AssetId,
    /// The ledger account that holds the reserves.
    pub account: AccountId,
    /// Who sets and collects the protocol's fees (the factory's owner); usually nobody.
    pub owner: Option<AccountId>,
    /// Swap fee on the input, in millionths.
    pub fee: Pips,
    /// Positions end at multiples of this many ticks.
    pub tick_spacing: i32,
    /// The most liquidity that may refer to one tick.
    pub max_liquidity_per_tick: u128,
    /// Price, liquidity, growths.
    pub state: State,
    /// Initialised ticks, ascending.
    pub ticks: Vec<Tick>,
    /// Every position ever opened, by (owner, lower, upper).
    pub positions: Vec<Position>,
    /// The observation ring, reserved slots included.
    pub observations: Vec<Observation>,
}

impl Clone for Concentrated {
    fn clone(&self) -> Self {
        let mut new = Self::new(
            self.token0,
            self.token1,
            self.account,
            self.owner,
            self.fee,
            self.tick_spacing,
        );
        new.clone_from(self);
        new
    }
    fn clone_from(&mut self, source: &Self) {
        let Self {
            token0,
            token1,
            account,
            owner,
            fee,
            tick_spacing,
            max_liquidity_per_tick,
            state,
            ticks,
            positions,
            observations,
        } = source;
        self.token0 = *token0;
        self.token1 = *token1;
        self.account = *account;
        self.owner = *owner;
        self.fee = *fee;
        self.tick_spacing = *tick_spacing;
        self.max_liquidity_per_tick = *max_liquidity_per_tick;
        self.state = *state;
        self.ticks.clone_from(ticks);
        self.positions.clone_from(positions);
        self.observations.clone_from(observations);
    }
}

/// The factory's fee tiers as (fee in pips, tick spacing); the governance added the first in 2021.
pub const FEE_TIERS: [(u32, i32); 4] = [(100, 1), (500, 10), (3_000, 60), (10_000, 200)];

impl Concentrated {
    /// A pool without a price: nothing but [`Self::quote_initialize`] works on it yet.
    ///
    /// # Panics
    /// Where the spacing is not between 1 and 16,383 or the fee is not below one, as the factory requires.
    #[must_use]
    pub fn new(
        token0: AssetId,
        token1: AssetId,
        account: AccountId,
        owner: Option<AccountId>,
        fee: Pips,
        tick_spacing: i32,
    ) -> Self {
        assert!((1..16_384).contains(&tick_spacing), "tick spacing {tick_spacing} is out of range");
        assert!(fee.0 < 1_000_000, "a fee of {} pips is out of range", fee.0);
        Self {
            token0,
            token1,
            account,
            owner,
            fee,
            tick_spacing,
            max_liquidity_per_tick: tick_math::max_liquidity_per_tick(tick_spacing),
            state: State::default(),
            ticks: Vec::new(),
            positions: Vec::new(),
            observations: Vec::new(),
        }
    }

    /// The pool's other asset; `None` where `asset` is neither.
    #[must_use]
    #[inline]
    pub fn other(&self, asset: AssetId) -> Option<AssetId> {
        if asset == self.token0 {
            Some(self.token1)
        } else if asset == self.token1 {
            Some(self.token0)
        } else {
            None
        }
    }

    /// A position, where it was ever opened.
    #[must_use]
    pub fn position(&self, owner: AccountId, lower: i32, upper: i32) -> Option<&Position> {
        self.find_position(owner, lower, upper).ok().map(|at| &self.positions[at])
    }
    fn find_position(&self, owner: AccountId, lower: i32, upper: i32) -> Result<usize, usize> {
        self.positions.binary_search_by_key(&(owner, lower, upper), Position::key)
    }

    /// An initialised tick.
    #[must_use]
    pub fn tick(&self, tick: i32) -> Option<&Tick> {
        self.find_tick(tick).ok().map(|at| &self.ticks[at])
    }
    #[inline]
    fn find_tick(&self, tick: i32) -> Result<usize, usize> {
        self.ticks.binary_search_by_key(&tick, |t| t.tick)
    }

    /// Marginal price of `asset` in the other asset, in smallest units of it per smallest unit, before the
    /// fee: a belief. NaN where the pool has no price or does not hold the asset.
    #[must_use]
    pub fn spot_price(&self, asset: AssetId) -> f64 {
        let limbs = self.state.sqrt_price.as_limbs();
        let (two_64, two_96) =
            (18_446_744_073_709_551_616.0, 79_228_162_514_264_337_593_543_950_336.0);
        let sqrt =
            ((limbs[2] as f64 * two_64 + limbs[1] as f64) * two_64 + limbs[0] as f64) / two_96;
        if asset == self.token0 && sqrt > 0.0 {
            sqrt * sqrt
        } else if asset == self.token1 && sqrt > 0.0 {
            1.0 / (sqrt * sqrt)
        } else {
            f64::NAN
        }
    }

    /// The accumulators as they stood each number of seconds ago: (tick cumulative, seconds per liquidity)
    /// (`observe`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `I`, `OLD`.
    pub fn observe(&self, now: u64, seconds_ago: u32) -> Result<(i64, U256), ConcentratedError> {
        observation::observe(&self.observations, &self.present(now), seconds_ago)
    }

    #[inline]
    const fn present(&self, now: u64) -> Present {
        Present {
            time: now as u32,
            tick: self.state.tick,
            liquidity: self.state.liquidity,
            index: self.state.observation_index,
            cardinality: self.state.observation_cardinality,
        }
    }

    /// The accumulators now.
    #[inline]
    fn globals(&self, now: u64) -> Result<Globals, ConcentratedError> {
        let (tick_cumulative, seconds_per_liquidity) = self.observe(now, 0)?;
        Ok(Globals {
            fee_growth0: self.state.fee_growth0,
            fee_growth1: self.state.fee_growth1,
            seconds_per_liquidity,
            tick_cumulative,
            time: now as u32,
        })
    }

    #[inline]
    const fn unlocked(&self) -> Result<(), ConcentratedError> {
        if self.state.unlocked { Ok(()) } else { Err(ConcentratedError::Locked) }
    }

    /// Gives the pool its first price (`initialize`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `AI`, `R`.
    pub fn quote_initialize(
        &self,
        sqrt_price: U256,
        now: u64,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        if !self.state.sqrt_price.is_zero() {
            return Err(ConcentratedError::AlreadyInitialized);
        }
        let tick = tick_math::tick_at_sqrt_ratio(sqrt_price)?;
        change.begin(State {
            sqrt_price,
            tick,
            observation_cardinality: 1,
            observation_cardinality_next: 1,
            unlocked: true,
            ..State::default()
        });
        change.slots = 1;
        change.observation = Some((
            0,
            Observation { timestamp: now as u32, initialized: true, ..Observation::default() },
        ));
        Ok(())
    }

    /// Reserves observation slots, to be used once the ring next comes round
    /// (`increaseObservationCardinalityNext`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`.
    pub fn quote_increase_cardinality(
        &self,
        cardinality: u16,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        change.begin(self.state);
        let next = self.state.observation_cardinality_next.max(cardinality);
        change.state.observation_cardinality_next = next;
        change.slots = next;
        Ok(())
    }

    /// Sets the protocol's part of the fees: one `fee0`-th of those in `token0`, one `fee1`-th of those in
    /// `token1`, zero for none (`setFeeProtocol`).
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`; not the owner; not zero nor between 4 and 10.
    pub fn quote_set_fee_protocol(
        &self,
        by: AccountId,
        fee0: u8,
        fee1: u8,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        self.owned(by)?;
        let allowed = |fee: u8| fee == 0 || (4..=10).contains(&fee);
        if !allowed(fee0) || !allowed(fee1) {
            return Err(ConcentratedError::FeeProtocol);
        }
        change.begin(self.state);
        change.state.fee_protocol = fee0 | (fee1 << 4);
        Ok(())
    }

    /// Takes at most these of the protocol's fees (`collectProtocol`); the last unit of each stays, as the
    /// contract leaves it. What is paid is [`Change::amount0`] and [`Change::amount1`].
    ///
    /// # Errors
    /// [`ConcentratedError`]: `LOK`; not the owner.
    pub fn quote_collect_protocol(
        &self,
        by: AccountId,
        max0: u128,
        max1: u128,
        change: &mut Change,
    ) -> Result<(), ConcentratedError> {
        self.unlocked()?;
        self.owned(by)?;
        change.begin(self.state);
        let take = |max: u128, fees: &mut u128| {
            let amount = max.min(*fees);
            let amount = if amount == *fees { amount.saturating_sub(1) } else { amount };
            *fees -= amount;
            U256::from(amount)
        };
        change.amount0 = take(max0, &mut change.state.protocol_fees0);
        change.amount1 = take(max1, &mut change.state.protocol_fees1);
        Ok(())
    }

    fn owned(&self, by: AccountId) -> Result<(), ConcentratedError> {
        if self.owner == Some(by) { Ok(()) } else { Err(ConcentratedError::NotOwner) }
    }
}
