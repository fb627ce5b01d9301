//! Reserves: one asset's book in a market.
//!
//! Shares are scaled by an index: `assets = shares · index`. Every conversion rounds in the
//! protocol's favour (Aave v3.5+ `TokenMath`), so that no sequence of conversions earns a unit.

use crate::interest::{RateStrategy, Rates, compounded_interest, linear_interest};
use crate::lending::LendingError;
use crate::risk_params::RiskParam;
use markets::math::{Rounding, percent_mul, ray_div, ray_mul};
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
    /// Unix time at which a risk change last touched a parameter, by [`RiskParam::index`]; zero:
    /// never.
    pub last_changed_at: [u64; RiskParam::COUNT],
}

impl Reserve {
    /// An empty book at time `now`, in seconds.
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
        Self {
            underlying,
            a_token,
            debt_token,
            feed,
            decimals,
            config,
            liquidity_index: Ray::ONE,
            borrow_index: Ray::ONE,
            rates: Rates {
                liquidity: Ray::ZERO,
                borrow: Ray::from_bps(u64::from(config.rates.base_bps.0)),
            },
            last_update: now,
            virtual_balance: Amount::ZERO,
            accrued_to_treasury: Amount::ZERO,
            booked_twice: Amount::ZERO,
            deficit: Amount::ZERO,
            last_changed_at: [0; RiskParam::COUNT],
        }
    }
    /// One whole token in the smallest unit.
    ///
    /// # Panics
    /// Where the decimals exceed 38.
    #[inline]
    #[must_use]
    pub fn unit(&self) -> U256 {
        Amount::new(10_u128.pow(u32::from(self.decimals))).0
    }
    /// The LTV in force: zero while frozen (v3.6 `setReserveFreeze` sets the reserve to LTV 0; there
    /// the configured value returns by a second call, here with the unfreezing).
    #[inline]
    #[must_use]
    pub fn effective_ltv(&self) -> Bps {
        if self.config.frozen { Bps(0) } else { self.config.ltv }
    }
    /// Underlying per supply share, projected (`getNormalizedIncome`; half up).
    #[inline]
    #[must_use]
    pub fn liquidity_index_at(&self, now: u64) -> Option<Ray> {
        let elapsed = now.saturating_sub(self.last_update);
        if elapsed == 0 || self.rates.liquidity.is_zero() {
            return Some(self.liquidity_index);
        }
        let growth = linear_interest(self.rates.liquidity, elapsed)?;
        ray_mul(growth.0, self.liquidity_index.0, Rounding::HalfUp).map(Ray)
    }
    /// Debt per debt share, projected (`getNormalizedDebt`; half up).
    #[inline]
    #[must_use]
    pub fn borrow_index_at(&self, now: u64) -> Option<Ray> {
        let elapsed = now.saturating_sub(self.last_update);
        if elapsed == 0 || self.rates.borrow.is_zero() {
            return Some(self.borrow_index);
        }
        let growth = compounded_interest(self.rates.borrow, elapsed)?;
        ray_mul(growth.0, self.borrow_index.0, Rounding::HalfUp).map(Ray)
    }
    /// The book with interest booked up to now (`ReserveLogic.updateState`). `debt_shares` is all
    /// that exists of the debt token: without debt the borrow index stands still.
    #[must_use]
    pub fn accrued(&self, debt_shares: Amount, now: u64) -> Option<Self> {
        let mut next = *self;
        if now <= self.last_update {
            return Some(next);
        }
        next.liquidity_index = self.liquidity_index_at(now)?;
        if !debt_shares.is_zero() {
            next.borrow_index = self.borrow_index_at(now)?;
            let minted = self.treasury_shares(debt_shares, &next)?;
            next.accrued_to_treasury = next.accrued_to_treasury.checked_add(minted)?;
        }
        next.last_update = now;
        Some(next)
    }
    /// The treasury's part of the interest between two states, in supply shares
    /// (`ReserveLogic._accrueToTreasury`): interest and shares floor, against the treasury.
    pub(crate) fn treasury_shares(&self, debt_shares: Amount, next: &Self) -> Option<Amount> {
        let factor = self.config.reserve_factor;
        let growth = next.borrow_index.checked_sub(self.borrow_index)?;
        if factor.0 == 0 || growth.is_zero() {
            return Some(Amount::ZERO);
        }
        let interest = ray_mul(debt_shares.0, growth.0, Rounding::Floor)?;
        let share = percent_mul(interest, factor.0, Rounding::HalfUp)?;
        shares_minted_from_supply(Amount(share), next.liquidity_index)
    }
    /// What the book has and what it owes, in underlying, at its own indexes: `(at hand, lent and written
    /// off, owned by suppliers and treasury)`. Debt is ceiled and claims floored, as repayment and
    /// withdrawal round them. The first covers the second, as conversions round in the protocol's favour
    /// and only debt compounds; indexes and the treasury's part round half up, which may cost a unit.
    /// What was booked twice does not count as owed: nobody ever paid it.
    #[must_use]
    pub fn solvency(&self, supply_shares: Amount, debt_shares: Amount) -> Option<(Amount, Amount)> {
        let lent = debt_from_shares(debt_shares, self.borrow_index)?;
        let has = self.virtual_balance.checked_add(lent)?.checked_add(self.deficit)?;
        let shares = supply_shares.checked_add(self.accrued_to_treasury)?;
        let owed =
            supply_from_shares(shares.saturating_sub(self.booked_twice), self.liquidity_index)?;
        Some((has, owed))
    }
    /// Books liquidity in and out, and sets the rates that follow
    /// (`updateInterestRatesAndVirtualBalance`). `debt_shares` is all that will exist of the debt
    /// token after the operation.
    ///
    /// # Errors
    /// More is taken than is at hand.
    pub(crate) fn settle(
        &mut self,
        debt_shares: Amount,
        added: Amount,
        taken: Amount,
    ) -> Result<(), LendingError> {
        self.virtual_balance = self
            .virtual_balance
            .checked_add(added)
            .ok_or(LendingError::Overflow)?
            .checked_sub(taken)
            .ok_or(LendingError::InvalidLiquidity)?;
        let debt =
            debt_from_shares(debt_shares, self.borrow_index).ok_or(LendingError::Overflow)?;
        self.rates = self
            .config
            .rates
            .rates(self.virtual_balance, debt, self.deficit, self.config.reserve_factor)
            .ok_or(LendingError::Overflow)?;
        Ok(())
    }
}

/// Supply shares minted for assets: floor, in favour of the other suppliers.
#[inline]
#[must_use]
pub fn shares_minted_from_supply(assets: Amount, liquidity_index: Ray) -> Option<Amount> {
    ray_div(assets.0, liquidity_index.0, Rounding::Floor).map(Amount)
}
/// Supply shares burned for assets withdrawn: ceil, in favour of the other suppliers.
#[inline]
#[must_use]
pub fn shares_burned_from_withdrawal(assets: Amount, liquidity_index: Ray) -> Option<Amount> {
    ray_div(assets.0, liquidity_index.0, Rounding::Ceil).map(Amount)
}
/// Assets that supply shares are worth: floor, in the protocol's favour.
#[inline]
#[must_use]
pub fn supply_from_shares(shares: Amount, liquidity_index: Ray) -> Option<Amount> {
    ray_mul(shares.0, liquidity_index.0, Rounding::Floor).map(Amount)
}
/// Debt shares minted for assets borrowed: ceil, in the protocol's favour.
#[inline]
#[must_use]
pub fn shares_minted_from_borrow(assets: Amount, borrow_index: Ray) -> Option<Amount> {
    ray_div(assets.0, borrow_index.0, Rounding::Ceil).map(Amount)
}
/// Debt shares burned for assets repaid: floor, in the protocol's favour.
#[inline]
#[must_use]
pub fn shares_burned_from_repayment(assets: Amount, borrow_index: Ray) -> Option<Amount> {
    ray_div(assets.0, borrow_index.0, Rounding::Floor).map(Amount)
}
/// Assets that debt shares owe: ceil, in the protocol's favour.
#[inline]
#[must_use]
pub fn debt_from_shares(shares: Amount, borrow_index: Ray) -> Option<Amount> {
    ray_mul(shares.0, borrow_index.0, Rounding::Ceil).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conversion_rounds_in_the_protocols_favour() {
        let index = Ray::from_bps(15_000); // 1.5 assets a share
        let a = Amount::new;
        assert_eq!(shares_minted_from_supply(a(2), index), Some(a(1))); // 1.33 down
        assert_eq!(shares_burned_from_withdrawal(a(2), index), Some(a(2))); // 1.33 up
        assert_eq!(supply_from_shares(a(1), index), Some(a(1))); // 1.5 down
        assert_eq!(shares_minted_from_borrow(a(2), index), Some(a(2))); // 1.33 up
        assert_eq!(shares_burned_from_repayment(a(2), index), Some(a(1))); // 1.33 down
        assert_eq!(debt_from_shares(a(1), index), Some(a(2))); // 1.5 up
    }

    #[test]
    fn a_reserve_is_small_enough_to_copy() {
        assert!(size_of::<Reserve>() <= 512, "{}", size_of::<Reserve>());
    }
}
