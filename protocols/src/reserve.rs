//! Reserves: one asset's book in a market.
//!
//! Shares are scaled by an index: `assets = shares · index`; which way they convert is the
//! [`Version`]'s.

use crate::interest::{RateStrategy, Rates, linear};
use crate::lending::{LendingError, Version};
use crate::number::{Number, either};
use crate::risk_params::RiskParam;
use crate::unit::Unit;
use markets::math::Rounding;
use markets::units::{Amount, AssetId, Bps, FeedId, Ray, U256};
use serde::{Deserialize, Serialize};

/// What governance sets for a reserve (Aave `DataTypes.ReserveConfigurationMap`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveConfig {
    /// Most that can be borrowed against the collateral, as a share of its value. Zero: it backs no
    /// new debt.
    pub ltv: Bps,
    /// Share of the collateral's value above which debt is liquidatable. Zero: not collateral.
    pub liquidation_threshold: Bps,
    /// What a liquidator receives beyond par: 500 is 5 % (Aave stores 10,500).
    pub liquidation_bonus: Bps,
    /// The treasury's share of the liquidation bonus.
    pub liquidation_protocol_fee: Bps,
    /// The treasury's share of the interest.
    pub reserve_factor: Bps,
    /// Most that can be supplied, in whole tokens. Zero: no cap.
    pub supply_cap: u64,
    /// Most that can be borrowed, in whole tokens. Zero: no cap.
    pub borrow_cap: u64,
    /// The rate curve.
    pub rates: RateStrategy,
    /// Whether it is listed at all.
    pub active: bool,
    /// No new supply or borrow, and it backs no new debt; repaying, withdrawing and liquidating go
    /// on.
    pub frozen: bool,
    /// Nothing goes on.
    pub paused: bool,
    /// Whether it can be borrowed.
    pub borrowing_enabled: bool,
    /// Whether it can be flash-borrowed.
    pub flash_loan_enabled: bool,
    /// Isolation: above zero, it is collateral alone or not at all, and all debt against it is at most
    /// this much, in hundredths of a USD.
    #[serde(default)]
    pub debt_ceiling: u64,
    /// Whether it can be borrowed against an isolated collateral.
    #[serde(default)]
    pub borrowable_in_isolation: bool,
    /// Whether who borrows it can borrow nothing else.
    #[serde(default)]
    pub siloed_borrowing: bool,
}

/// What is wrong with a reserve's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// LTV above the liquidation threshold.
    #[error("ltv {ltv} bps is above the liquidation threshold {threshold} bps")]
    LtvAboveThreshold {
        /// The LTV, in bps.
        ltv: u32,
        /// The threshold, in bps.
        threshold: u32,
    },
    /// A liquidation at the line would leave bad debt.
    #[error("liquidation threshold {threshold} bps times (1 + bonus {bonus} bps) is above 100 %")]
    BonusTooLarge {
        /// The threshold, in bps.
        threshold: u32,
        /// The bonus beyond par, in bps.
        bonus: u32,
    },
    /// A share above 100 %.
    #[error("{name} is {bps} bps, above 100 %")]
    ShareAboveOne {
        /// Which share.
        name: &'static str,
        /// Its value, in bps.
        bps: u32,
    },
    /// The kink lies outside (0, 100 %].
    #[error("optimal usage {bps} bps is not within 1 and 10000")]
    OptimalUsage {
        /// The kink, in bps.
        bps: u32,
    },
    /// The curve falls at the kink, or its top is above 1,000 % a year.
    #[error("slope2 is below slope1, or the rates sum to more than 1000 % a year")]
    RateCurve,
}

impl ReserveConfig {
    /// Lent and flash-lent, without interest, caps or isolation, and no collateral: what a configuration
    /// begins from that says only what is its own.
    pub const OPEN: Self = Self {
        ltv: Bps(0),
        liquidation_threshold: Bps(0),
        liquidation_bonus: Bps(0),
        liquidation_protocol_fee: Bps(0),
        reserve_factor: Bps(0),
        supply_cap: 0,
        borrow_cap: 0,
        rates: RateStrategy {
            optimal_usage_bps: Bps(8_000),
            base_bps: Bps(0),
            slope1_bps: Bps(0),
            slope2_bps: Bps(0),
        },
        active: true,
        frozen: false,
        paused: false,
        borrowing_enabled: true,
        flash_loan_enabled: true,
        debt_ceiling: 0,
        borrowable_in_isolation: false,
        siloed_borrowing: false,
    };
    /// Checks that the figures fit together (Aave `PoolConfigurator.configureReserveAsCollateral`,
    /// `DefaultReserveInterestRateStrategyV2.setInterestRateParams`).
    ///
    /// # Errors
    /// The first rule broken.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (ltv, threshold) = (self.ltv.0, self.liquidation_threshold.0);
        let bonus = self.liquidation_bonus.0;
        if ltv > threshold {
            return Err(ConfigError::LtvAboveThreshold { ltv, threshold });
        }
        if !threshold_covers_bonus(self.liquidation_threshold, self.liquidation_bonus) {
            return Err(ConfigError::BonusTooLarge { threshold, bonus });
        }
        for (name, share) in [
            ("liquidation_protocol_fee", self.liquidation_protocol_fee),
            ("reserve_factor", self.reserve_factor),
        ] {
            if share > Bps::ONE {
                return Err(ConfigError::ShareAboveOne { name, bps: share.0 });
            }
        }
        let RateStrategy { optimal_usage_bps: optimal, base_bps, slope1_bps, slope2_bps } =
            self.rates;
        if optimal.0 == 0 || optimal > Bps::ONE {
            return Err(ConfigError::OptimalUsage { bps: optimal.0 });
        }
        let top = u64::from(base_bps.0) + u64::from(slope1_bps.0) + u64::from(slope2_bps.0);
        if slope2_bps < slope1_bps || top > 100_000 {
            return Err(ConfigError::RateCurve);
        }
        Ok(())
    }
}

/// Whether a liquidation exactly at the threshold is covered by the collateral:
/// threshold · (1 + bonus) ≤ 100 %.
#[must_use]
pub(crate) fn threshold_covers_bonus(threshold: Bps, bonus: Bps) -> bool {
    u64::from(threshold.0) * (10_000 + u64::from(bonus.0)) <= 100_000_000
}

/// A second feed of a reserve, which may stand in for the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherOracle {
    /// The feed that is not read now.
    pub feed: FeedId,
    /// Whether the second feed is the one that is read.
    pub is_read: bool,
}

/// One asset's book. Indexes and rates are as of `last_update`: views project, calls accrue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reserve {
    /// The token.
    pub underlying: AssetId,
    /// Supply shares, in scaled units.
    pub a_token: AssetId,
    /// Debt shares, in scaled units.
    pub debt_token: AssetId,
    /// Where its price comes from.
    pub feed: FeedId,
    /// Another feed that a risk change may put in place of the first.
    pub other_oracle: Option<OtherOracle>,
    /// The token's decimals, at most 38.
    pub decimals: u8,
    /// What governance set.
    pub config: ReserveConfig,
    /// Underlying per supply share, at `last_update`.
    pub liquidity_index: Ray,
    /// Debt per debt share, at `last_update`.
    pub borrow_index: Ray,
    /// Rates since `last_update`.
    pub rates: Rates,
    /// Unix time of the last accrual, in seconds.
    pub last_update: u64,
    /// Underlying at hand by the market's own books: donations do not count.
    pub virtual_balance: Amount,
    /// Supply shares owed to the treasury, in scaled units.
    pub accrued_to_treasury: Amount,
    /// The part of the treasury's shares, owed or minted, that was booked twice and that nothing backs,
    /// in scaled units: v3.6 does so where a liquidation repays and seizes in one reserve.
    pub booked_twice: Amount,
    /// Bad debt written off and not yet covered, in underlying units.
    pub deficit: Amount,
    /// Debt against this reserve as an isolated collateral, in hundredths of a USD at par.
    pub isolated_debt: u128,
    /// Unix time up to which it is not liquidated, in seconds.
    pub grace_until: u64,
    /// Unix time at which a risk change last touched a parameter, by [`RiskParam::index`]; zero:
    /// never.
    pub last_changed_at: [u64; RiskParam::OF_RESERVES],
}

impl Reserve {
    /// An empty book at time `now`, in seconds, of a market of v3.6.
    #[must_use]
    pub fn new(
        underlying: AssetId,
        a_token: AssetId,
        debt_token: AssetId,
        feed: FeedId,
        decimals: u8,
        config: ReserveConfig,
        now: u64,
    ) -> Self {
        let version = Version::V3_6;
        Self::of_version(version, underlying, a_token, debt_token, feed, decimals, config, now)
    }
    /// An empty book at time `now`, in seconds.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "a reserve has that many facts")]
    pub fn of_version(
        version: Version,
        underlying: AssetId,
        a_token: AssetId,
        debt_token: AssetId,
        feed: FeedId,
        decimals: u8,
        config: ReserveConfig,
        now: u64,
    ) -> Self {
        let base = Ray::from_bps(u64::from(config.rates.base_bps.0));
        let (borrow, last_update) = version.initial(base, now);
        Self {
            underlying,
            a_token,
            debt_token,
            feed,
            other_oracle: None,
            decimals,
            config,
            liquidity_index: Ray::ONE,
            borrow_index: Ray::ONE,
            rates: Rates { liquidity: Ray::ZERO, borrow },
            last_update,
            virtual_balance: Amount::ZERO,
            accrued_to_treasury: Amount::ZERO,
            booked_twice: Amount::ZERO,
            deficit: Amount::ZERO,
            isolated_debt: 0,
            grace_until: 0,
            last_changed_at: [0; RiskParam::OF_RESERVES],
        }
    }
    /// Reads the price from the second feed, or from the first again; nothing where there is no second.
    pub fn read_other_oracle(&mut self, other: bool) {
        if let Some(second) = &mut self.other_oracle
            && second.is_read != other
        {
            second.is_read = other;
            std::mem::swap(&mut self.feed, &mut second.feed);
        }
    }
    /// One whole token in the smallest unit.
    ///
    /// # Panics
    /// Where the decimals exceed 38.
    #[inline]
    #[must_use]
    pub fn unit(&self) -> U256 {
        self.token().get()
    }
    /// The same, to divide by.
    ///
    /// # Panics
    /// Where the decimals exceed 38.
    #[inline]
    #[must_use]
    pub fn token(&self) -> &'static Unit {
        Unit::of_decimals(self.decimals)
    }
    /// The LTV in force outside of any e-mode. In v3.6 it is zero while frozen (`setReserveFreeze` sets
    /// it so; there the configured value returns by a second call, here with the unfreezing).
    #[inline]
    #[must_use]
    pub fn effective_ltv(&self, version: Version) -> Bps {
        if self.config.frozen && version.freezing_takes_ltv() { Bps(0) } else { self.config.ltv }
    }
    /// An amount in hundredths of a USD at par, floored: what isolated debt is counted in.
    #[must_use]
    pub(crate) fn isolated_units(&self, amount: Amount) -> Option<u128> {
        let unit = 10_u128.pow(u32::from(self.decimals.saturating_sub(2)));
        u128::try_from(amount.0 / Amount::new(unit).0).ok()
    }
    /// Underlying per supply share, projected (`getNormalizedIncome`; half up).
    #[inline]
    #[must_use]
    pub fn liquidity_index_at(&self, now: u64) -> Option<Ray> {
        let elapsed = now.saturating_sub(self.last_update);
        if elapsed == 0 || self.rates.liquidity.is_zero() {
            return Some(self.liquidity_index);
        }
        either(
            [self.rates.liquidity.0, self.liquidity_index.0],
            |[rate, index]| linear(rate, elapsed)?.ray_mul(index, Rounding::HalfUp),
            |[rate, index]| linear(rate, elapsed)?.ray_mul(index, Rounding::HalfUp),
        )
        .map(Ray)
    }
    /// Debt per debt share, projected (`getNormalizedDebt`; half up).
    #[inline]
    #[must_use]
    pub fn borrow_index_at(&self, version: Version, now: u64) -> Option<Ray> {
        let elapsed = now.saturating_sub(self.last_update);
        if elapsed == 0 || self.rates.borrow.is_zero() {
            return Some(self.borrow_index);
        }
        either(
            [self.rates.borrow.0, self.borrow_index.0],
            |[rate, index]| version.growth(rate, elapsed)?.ray_mul(index, Rounding::HalfUp),
            |[rate, index]| version.growth(rate, elapsed)?.ray_mul(index, Rounding::HalfUp),
        )
        .map(Ray)
    }
    /// Books the interest up to now (`ReserveLogic.updateState`). `debt_shares` is all that exists of
    /// the debt token: without debt the borrow index stands still. `None` where 256 bits overflow.
    #[must_use]
    pub fn accrue(&mut self, version: Version, debt_shares: Amount, now: u64) -> Option<()> {
        self.accrue_knowing(version, debt_shares, now, None, None)
    }
    /// The same where somebody has projected one of the indexes, or both.
    pub(crate) fn accrue_knowing(
        &mut self,
        version: Version,
        debt_shares: Amount,
        now: u64,
        liquidity_index: Option<Ray>,
        borrow_index: Option<Ray>,
    ) -> Option<()> {
        if now <= self.last_update {
            return Some(());
        }
        let liquidity_index = liquidity_index.or_else(|| self.liquidity_index_at(now))?;
        if !debt_shares.is_zero() {
            let before = self.borrow_index;
            self.borrow_index = borrow_index.or_else(|| self.borrow_index_at(version, now))?;
            self.liquidity_index = liquidity_index;
            let minted = self.treasury_shares(version, debt_shares, before)?;
            self.accrued_to_treasury = self.accrued_to_treasury.checked_add(minted)?;
        }
        self.liquidity_index = liquidity_index;
        self.last_update = now;
        Some(())
    }
    /// The treasury's part of the interest since the borrow index was `before`, in supply shares at
    /// today's index (`ReserveLogic._accrueToTreasury`): floored, against the treasury, in v3.6.
    pub(crate) fn treasury_shares(
        &self,
        version: Version,
        debt_shares: Amount,
        before: Ray,
    ) -> Option<Amount> {
        let factor = self.config.reserve_factor;
        if factor.0 == 0 || self.borrow_index == before {
            return Some(Amount::ZERO);
        }
        either(
            [debt_shares.0, before.0, self.borrow_index.0, self.liquidity_index.0],
            |numbers| version.treasury_part(factor, numbers),
            |numbers| version.treasury_part(factor, numbers),
        )
        .map(Amount)
    }
    /// What the book has and what it owes, in underlying, at its own indexes: `(at hand, lent and written
    /// off, owned by suppliers and treasury)`. Debt is ceiled and claims floored, as repayment and
    /// withdrawal round them. The first covers the second, as conversions round in the protocol's favour
    /// and only debt compounds; indexes and the treasury's part round half up, which may cost a unit.
    /// What was booked twice does not count as owed: nobody ever paid it.
    #[must_use]
    pub fn solvency(&self, supply_shares: Amount, debt_shares: Amount) -> Option<(Amount, Amount)> {
        let version = Version::V3_6;
        let lent = version.debt_from_shares(debt_shares, self.borrow_index)?;
        let has = self.virtual_balance.checked_add(lent)?.checked_add(self.deficit)?;
        let shares = supply_shares.checked_add(self.accrued_to_treasury)?;
        let owed = version
            .supply_from_shares(shares.saturating_sub(self.booked_twice), self.liquidity_index)?;
        Some((has, owed))
    }
    /// Books liquidity in and out, and sets the rates that follow (3.0.2 `updateInterestRates`, 3.6
    /// `updateInterestRatesAndVirtualBalance`). `cash` is what the market holds before; `debt_shares`
    /// all that will exist of the debt token after the operation.
    ///
    /// # Errors
    /// More is taken than is at hand.
    pub(crate) fn settle(
        &mut self,
        version: Version,
        cash: Amount,
        debt_shares: Amount,
        added: Amount,
        taken: Amount,
    ) -> Result<(), LendingError> {
        let debt = version
            .debt_from_shares(debt_shares, self.borrow_index)
            .ok_or(LendingError::Overflow)?;
        let booked = self.virtual_balance.checked_add(added).ok_or(LendingError::Overflow)?;
        let available = if version.has_virtual_balance() {
            self.virtual_balance =
                booked.checked_sub(taken).ok_or(LendingError::InvalidLiquidity)?;
            self.virtual_balance
        } else {
            self.virtual_balance = booked.saturating_sub(taken);
            // Without debt nobody looks at what is at hand.
            match cash.checked_add(added).and_then(|x| x.checked_sub(taken)) {
                Some(available) => available,
                None if debt.is_zero() => Amount::ZERO,
                None => return Err(LendingError::InvalidLiquidity),
            }
        };
        self.rates = version
            .rates(&self.config, available, debt, self.deficit)
            .ok_or(LendingError::Overflow)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_looks_at_what_is_at_hand_without_debt() {
        let (id, feed) = (AssetId(0), FeedId(0));
        let open = Reserve::new(id, id, id, feed, 6, ReserveConfig::OPEN, 0);
        let take = |debt| {
            let (cash, added, taken) = (Amount::new(3), Amount::new(1), Amount::new(5));
            { open }.settle(Version::V3_0_2, cash, Amount::new(debt), added, taken)
        };
        assert_eq!(take(0), Ok(()));
        assert_eq!(take(1), Err(LendingError::InvalidLiquidity));
    }

    #[test]
    fn a_reserve_is_small_enough_to_copy() {
        assert!(size_of::<Reserve>() <= 512, "{}", size_of::<Reserve>());
    }
}
