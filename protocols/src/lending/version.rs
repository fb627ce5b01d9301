//! Which generation of the deployed contracts a market equals, and every rule in which the two differ:
//! one method per rule. What is not here is the same in both.
//!
//! Sources: Aave v3.0.2 (`aave-v3-core` 1.19.3) and v3.6 (`aave-v3-origin` 3.6.0), named per rule.

use crate::health::Health;
use crate::interest::{Rates, binomial, exponential};
use crate::math::{BY_BPS, percent_mul, ray_div, ray_mul, wad_div};
use crate::number::Number;
use crate::reserve::ReserveConfig;
use markets::math::Rounding;
use markets::narrow::{narrow, widen};
use markets::units::{Amount, BPS, Bps, Ray, U256, Wad};
use serde::{Deserialize, Serialize};

/// A generation of the contracts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// Aave v3.0.2, as of January 2023: half-up rounding, the underlying at hand is what the market
    /// holds, a borrow is checked before it is booked, bad debt stays with the borrower.
    V3_0_2,
    /// Aave v3.6, as of late 2025: rounding in the protocol's favour, a virtual balance, a borrow is
    /// checked after it is booked, no dust, bad debt goes to the reserve's deficit.
    #[default]
    V3_6,
}
use Version::{V3_0_2, V3_6};

/// How shares and assets convert (3.0.2 `rayMul` and `rayDiv`; 3.6 `TokenMath`).
impl Version {
    /// The protocol's favour, where the version knows it.
    #[inline]
    const fn favour(self, rounding: Rounding) -> Rounding {
        match self {
            V3_0_2 => Rounding::HalfUp,
            V3_6 => rounding,
        }
    }
    /// Supply shares minted for assets: floor, in favour of the other suppliers.
    #[inline]
    #[must_use]
    pub fn shares_minted_from_supply(self, assets: Amount, liquidity_index: Ray) -> Option<Amount> {
        ray_div(assets.0, liquidity_index.0, self.favour(Rounding::Floor)).map(Amount)
    }
    /// Supply shares burned for assets withdrawn: ceil, in favour of the other suppliers.
    #[inline]
    #[must_use]
    pub fn shares_burned_from_withdrawal(
        self,
        assets: Amount,
        liquidity_index: Ray,
    ) -> Option<Amount> {
        ray_div(assets.0, liquidity_index.0, self.favour(Rounding::Ceil)).map(Amount)
    }
    /// Assets that supply shares are worth: floor, in the protocol's favour.
    #[inline]
    #[must_use]
    pub fn supply_from_shares(self, shares: Amount, liquidity_index: Ray) -> Option<Amount> {
        ray_mul(shares.0, liquidity_index.0, self.favour(Rounding::Floor)).map(Amount)
    }
    /// Debt shares minted for assets borrowed: ceil, in the protocol's favour.
    #[inline]
    #[must_use]
    pub fn shares_minted_from_borrow(self, assets: Amount, borrow_index: Ray) -> Option<Amount> {
        ray_div(assets.0, borrow_index.0, self.favour(Rounding::Ceil)).map(Amount)
    }
    /// Debt shares burned for assets repaid: floor, in the protocol's favour.
    #[inline]
    #[must_use]
    pub fn shares_burned_from_repayment(self, assets: Amount, borrow_index: Ray) -> Option<Amount> {
        ray_div(assets.0, borrow_index.0, self.favour(Rounding::Floor)).map(Amount)
    }
    /// Assets that debt shares owe: ceil, in the protocol's favour.
    #[inline]
    #[must_use]
    pub fn debt_from_shares(self, shares: Amount, borrow_index: Ray) -> Option<Amount> {
        ray_mul(shares.0, borrow_index.0, self.favour(Rounding::Ceil)).map(Amount)
    }
}

/// Interest and the reserve's books.
impl Version {
    /// A new reserve's borrow rate and time of accrual: zeros until its first touch in 3.0.2.
    pub(crate) const fn initial(self, base_rate: Ray, now: u64) -> (Ray, u64) {
        match self {
            V3_0_2 => (Ray::ZERO, 0),
            V3_6 => (base_rate, now),
        }
    }
    /// Growth of a borrower's index (`MathUtils.calculateCompoundedInterest`).
    #[inline]
    pub(crate) fn growth<N: Number>(self, rate: N, elapsed_secs: u64) -> Option<N> {
        match self {
            V3_0_2 => binomial(rate, elapsed_secs),
            V3_6 => exponential(rate, elapsed_secs),
        }
    }
    /// The rates at a state of the book (3.0.2 `DefaultReserveInterestRateStrategy`; 3.6
    /// `DefaultReserveInterestRateStrategyV2`, where a deficit dilutes the suppliers' rate).
    #[inline]
    pub(crate) fn rates(
        self,
        config: &ReserveConfig,
        available: Amount,
        debt: Amount,
        deficit: Amount,
    ) -> Option<Rates> {
        let factor = config.reserve_factor;
        match self {
            V3_0_2 => config.rates.rates_through_overall_rate(available, debt, factor),
            V3_6 => config.rates.rates(available, debt, deficit, factor),
        }
    }
    /// Whether the underlying at hand is what the market's books say (donations do not count) rather
    /// than what its account holds.
    #[inline]
    #[must_use]
    pub const fn has_virtual_balance(self) -> bool {
        matches!(self, V3_6)
    }
    /// The treasury's part of the interest between two borrow indexes, in supply shares
    /// (`_accrueToTreasury`). The interest is the difference of two rounded debts in 3.0.2, the shares
    /// times the difference of the indexes, floored, in 3.6.
    #[inline]
    pub(crate) fn treasury_part<N: Number>(
        self,
        factor: Bps,
        [debt_shares, from, to, liquidity_index]: [N; 4],
    ) -> Option<N> {
        let interest = match self {
            V3_0_2 => debt_shares
                .ray_mul(to, Rounding::HalfUp)?
                .less(debt_shares.ray_mul(from, Rounding::HalfUp)?)?,
            V3_6 => debt_shares.ray_mul(to.less(from)?, Rounding::Floor)?,
        };
        interest.percent_mul(factor.0)?.ray_div(liquidity_index, self.favour(Rounding::Floor))
    }
    /// Whether a liquidation that repays and seizes in one reserve books that call's treasury share
    /// twice: 3.6 reads the reserve into two caches before it updates either.
    pub(crate) const fn books_treasury_twice(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether freezing a reserve takes its LTV (3.1 and later `PoolConfigurator.setReserveFreeze`).
    pub(crate) const fn freezing_takes_ltv(self) -> bool {
        matches!(self, V3_6)
    }
}

/// Health (`GenericLogic.calculateUserAccountData`).
impl Version {
    /// How a debt's value rounds: down in 3.0.2, against the borrower in 3.6.
    #[inline]
    pub(crate) const fn debt_value_rounding(self) -> Rounding {
        match self {
            V3_0_2 => Rounding::Floor,
            V3_6 => Rounding::Ceil,
        }
    }
    /// The health factor of an account with debt: from the averaged threshold in 3.0.2, from the
    /// weighted sum in 3.6.
    #[inline]
    pub(crate) fn health_factor(
        self,
        collateral: U256,
        average_threshold: Bps,
        at_threshold: U256,
        debt: U256,
    ) -> Option<Wad> {
        match self {
            V3_0_2 => {
                let covered = percent_mul(collateral, average_threshold.0, Rounding::HalfUp)?;
                wad_div(covered, debt, Rounding::HalfUp).map(Wad)
            }
            V3_6 => {
                let scaled = wad_div(at_threshold, debt, Rounding::HalfUp)?;
                let ratio = match narrow(scaled) {
                    Some(scaled) => widen(BY_BPS.div(scaled).0),
                    None => scaled / BPS,
                };
                Some(Wad(ratio))
            }
        }
    }
    /// What more can be borrowed, in USD·10⁸, as `getUserAccountData` reports it: half up in 3.0.2,
    /// where borrowing just that may be refused; floor in 3.6.
    #[must_use]
    pub fn available_borrows_base(self, health: &Health) -> U256 {
        percent_mul(health.collateral_base, health.avg_ltv.0, self.favour(Rounding::Floor))
            .unwrap_or(U256::ZERO)
            .saturating_sub(health.debt_base)
    }
    /// Whether the collateral's price within an e-mode may come from a source of the category's own
    /// (until 3.1).
    pub(crate) const fn e_mode_has_price(self) -> bool {
        matches!(self, V3_0_2)
    }
    /// Whether an e-mode gives a reserve its LTV and threshold even where it has none outside of it.
    pub(crate) const fn e_mode_stands_alone(self) -> bool {
        matches!(self, V3_6)
    }
}

/// Supplying, borrowing and repaying.
impl Version {
    /// Whether an amount is refused as nothing: by its assets in 3.0.2, by its shares in 3.6.
    #[inline]
    pub(crate) const fn is_nothing(self, assets: Amount, shares: Amount) -> bool {
        match self {
            V3_0_2 => assets.is_zero(),
            V3_6 => shares.is_zero(),
        }
    }
    /// Whether a withdrawal leaves nothing, and so ends the supply's use as collateral: where all
    /// assets go in 3.0.2, where no share is left in 3.6.
    #[inline]
    pub(crate) fn is_emptied(self, held: Amount, moved: Amount, shares_left: Amount) -> bool {
        match self {
            V3_0_2 => held == moved,
            V3_6 => shares_left.is_zero(),
        }
    }
    /// Whether a borrow is checked against the collateral before it is booked (3.0.2
    /// `validateBorrow`) rather than after (3.6 `validateHFAndLtv`).
    #[inline]
    pub(crate) const fn checks_collateral_first(self) -> bool {
        matches!(self, V3_0_2)
    }
    /// Whether lending out more than is supplied is refused by name (3.2 and later).
    #[inline]
    pub(crate) const fn bounds_loans_by_supply(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether a received transfer becomes collateral by itself, where it could (until 3.4).
    #[inline]
    pub(crate) const fn transfer_becomes_collateral(self) -> bool {
        matches!(self, V3_0_2)
    }
    /// Whether the collateral flag falls when repaying with supply shares takes the last of them.
    pub(crate) const fn repaying_with_shares_clears_collateral(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether paying with supply shares must leave a healthy position (3.5 and later).
    pub(crate) const fn checks_health_on_repaying_with_shares(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether an e-mode lends by its own list alone, whatever the reserve says outside of it.
    pub(crate) const fn e_mode_lends_alone(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether leaving an e-mode is checked like entering one: debts that can be borrowed outside, no
    /// collateral of LTV zero there.
    pub(crate) const fn checks_leaving_e_mode(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether choosing the e-mode that the account is in is no choice, and not checked.
    pub(crate) const fn ignores_own_e_mode(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether entering an e-mode is checked against the account's health even from outside of any.
    pub(crate) const fn checks_health_on_entering_e_mode(self) -> bool {
        matches!(self, V3_6)
    }
}

/// Flash loans (`FlashLoanLogic`).
impl Version {
    /// The premium's rounding: half up in 3.0.2, against the borrower in 3.6.
    pub(crate) const fn premium_rounding(self) -> Rounding {
        self.favour(Rounding::Ceil)
    }
    /// Whether suppliers get their part of the premium: in 3.6 it is all the treasury's.
    pub(crate) const fn suppliers_share_premium(self) -> bool {
        matches!(self, V3_0_2)
    }
}

/// Liquidation (`LiquidationLogic`).
impl Version {
    /// Whether a borrower may liquidate itself (until 3.3).
    pub(crate) const fn allows_self_liquidation(self) -> bool {
        matches!(self, V3_0_2)
    }
    /// Whether a small position may be closed at once, and no dust may be left (3.3 and later).
    pub(crate) const fn knows_small_positions(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether debt that no collateral backs is written off to the reserve's deficit (3.3 and later);
    /// before, it stays with the borrower and grows.
    pub(crate) const fn writes_off_bad_debt(self) -> bool {
        matches!(self, V3_6)
    }
    /// Rounding of the debt that all of the collateral pays for.
    pub(crate) const fn debt_needed_rounding(self) -> Rounding {
        self.favour(Rounding::Ceil)
    }
    /// Whether both reserves accrue even where the collateral is handed over in shares.
    pub(crate) const fn accrues_shares_handed_over(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether a liquidation frees isolated debt by the collateral's debt ceiling alone, even where it
    /// takes the last of the collateral.
    pub(crate) const fn frees_isolated_debt_by_collateral(self) -> bool {
        matches!(self, V3_6)
    }
    /// Whether a reserve may be given a time in which it is not liquidated (3.1 and later).
    pub(crate) const fn has_grace_period(self) -> bool {
        matches!(self, V3_6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_conversion_of_3_6_rounds_in_the_protocols_favour() {
        let index = Ray::from_bps(15_000); // 1.5 assets a share
        let (a, v) = (Amount::new, V3_6);
        assert_eq!(v.shares_minted_from_supply(a(2), index), Some(a(1))); // 1.33 down
        assert_eq!(v.shares_burned_from_withdrawal(a(2), index), Some(a(2))); // 1.33 up
        assert_eq!(v.supply_from_shares(a(1), index), Some(a(1))); // 1.5 down
        assert_eq!(v.shares_minted_from_borrow(a(2), index), Some(a(2))); // 1.33 up
        assert_eq!(v.shares_burned_from_repayment(a(2), index), Some(a(1))); // 1.33 down
        assert_eq!(v.debt_from_shares(a(1), index), Some(a(2))); // 1.5 up
    }

    #[test]
    fn every_conversion_of_3_0_2_rounds_half_up() {
        let index = Ray::from_bps(15_000);
        let (a, v) = (Amount::new, V3_0_2);
        assert_eq!(v.shares_minted_from_supply(a(4), index), Some(a(3))); // 2.67
        assert_eq!(v.shares_burned_from_withdrawal(a(2), index), Some(a(1))); // 1.33
        assert_eq!(v.supply_from_shares(a(1), index), Some(a(2))); // 1.5
        assert_eq!(v.shares_minted_from_borrow(a(2), index), Some(a(1))); // 1.33
        assert_eq!(v.shares_burned_from_repayment(a(4), index), Some(a(3))); // 2.67
        assert_eq!(v.debt_from_shares(a(1), index), Some(a(2))); // 1.5
    }

    /// What the two deployments do, beside each other: (rule, in 3.0.2, in 3.6).
    #[test]
    fn every_rule_is_that_of_its_deployment() {
        type Rule = (fn(Version) -> bool, bool, bool);
        let rules: &[Rule] = &[
            (Version::has_virtual_balance, false, true),
            (Version::books_treasury_twice, false, true),
            (Version::freezing_takes_ltv, false, true),
            (Version::e_mode_has_price, true, false),
            (Version::e_mode_stands_alone, false, true),
            (Version::checks_collateral_first, true, false),
            (Version::bounds_loans_by_supply, false, true),
            (Version::transfer_becomes_collateral, true, false),
            (Version::repaying_with_shares_clears_collateral, false, true),
            (Version::checks_health_on_repaying_with_shares, false, true),
            (Version::e_mode_lends_alone, false, true),
            (Version::checks_leaving_e_mode, false, true),
            (Version::ignores_own_e_mode, false, true),
            (Version::checks_health_on_entering_e_mode, false, true),
            (Version::suppliers_share_premium, true, false),
            (Version::allows_self_liquidation, true, false),
            (Version::knows_small_positions, false, true),
            (Version::writes_off_bad_debt, false, true),
            (Version::accrues_shares_handed_over, false, true),
            (Version::frees_isolated_debt_by_collateral, false, true),
            (Version::has_grace_period, false, true),
            (|v| v.is_nothing(Amount::ZERO, Amount::new(1)), true, false),
            (|v| v.is_nothing(Amount::new(1), Amount::ZERO), false, true),
            (|v| v.is_emptied(Amount::new(7), Amount::new(7), Amount::new(1)), true, false),
            (|v| v.is_emptied(Amount::new(7), Amount::new(6), Amount::ZERO), false, true),
        ];
        for (i, (rule, old, new)) in rules.iter().enumerate() {
            assert_eq!((rule(V3_0_2), rule(V3_6)), (*old, *new), "rule {i}");
        }
        let roundings =
            |v: Version| (v.debt_value_rounding(), v.premium_rounding(), v.debt_needed_rounding());
        assert_eq!(roundings(V3_0_2), (Rounding::Floor, Rounding::HalfUp, Rounding::HalfUp));
        assert_eq!(roundings(V3_6), (Rounding::Ceil, Rounding::Ceil, Rounding::Ceil));
        let (base, now) = (Ray::from_bps(50), 1_700_000_000);
        assert_eq!(V3_0_2.initial(base, now), (Ray::ZERO, 0));
        assert_eq!(V3_6.initial(base, now), (base, now));
        let health = Health {
            collateral_base: U256::from(1_001),
            debt_base: U256::from(100),
            avg_ltv: Bps(7_500),
            ..Health::EMPTY
        };
        // 75 % of 1,001 is 750.75.
        assert_eq!(V3_0_2.available_borrows_base(&health), U256::from(651));
        assert_eq!(V3_6.available_borrows_base(&health), U256::from(650));
    }

    /// Ten per cent for a year: 1 + x + x²/2 + x³/6, with the digits that each form's roundings leave.
    #[test]
    fn growth_and_rates_are_of_the_version_s_own_form() {
        let rate = 10_u128.pow(26);
        let year = markets::units::SECONDS_PER_YEAR;
        assert_eq!(V3_6.growth(rate, year), Some(1_105_166_666_666_666_666_666_666_667));
        // n(n − 1) and n(n − 1)(n − 2) for n² and n³, over powers of r that are floored.
        assert_eq!(V3_0_2.growth(rate, year), Some(1_105_162_042_821_782_412_575_504_000));
        let config = ReserveConfig {
            reserve_factor: Bps(1_000),
            rates: crate::interest::RateStrategy {
                optimal_usage_bps: Bps(9_000),
                base_bps: Bps(0),
                slope1_bps: Bps(350),
                slope2_bps: Bps(6_000),
            },
            ..ReserveConfig::OPEN
        };
        // A deficit of as much as the book halves what suppliers earn in 3.6.
        let rates =
            |v: Version| v.rates(&config, Amount::new(10), Amount::new(90), Amount::new(100));
        let earned = Ray::from_bps(28_350).0 / U256::from(100);
        let borrow = Ray::from_bps(350);
        assert_eq!(rates(V3_0_2), Some(Rates { liquidity: Ray(earned), borrow }));
        let halved = Ray(earned / U256::from(2));
        assert_eq!(rates(V3_6), Some(Rates { liquidity: halved, borrow }));
    }

    /// Debt shares whose index rises from 1.5 to 1.9, the suppliers' at one.
    #[test]
    fn a_treasury_s_part_is_rounded_once_or_thrice() {
        let ray = |tenths: u128| tenths * 10_u128.pow(26);
        let terms = |shares: u128| [shares, ray(15), ray(19), ray(10)];
        // 3 · 1.9 = 5.7 → 6, less 3 · 1.5 = 4.5 → 5; half of 1, half up.
        assert_eq!(V3_0_2.treasury_part(Bps(5_000), terms(3)), Some(1));
        // 3 · 0.4 = 1.2 → 1; half of 1, half up.
        assert_eq!(V3_6.treasury_part(Bps(5_000), terms(3)), Some(1));
        // 5 · 1.9 = 9.5 → 10, less 5 · 1.5 = 7.5 → 8; but 5 · 0.4 = 2.
        assert_eq!(V3_0_2.treasury_part(Bps(10_000), terms(5)), Some(2));
        // 4 · 1.9 = 7.6 → 8, less 6; but 4 · 0.4 = 1.6 → 1.
        assert_eq!(V3_0_2.treasury_part(Bps(10_000), terms(4)), Some(2));
        assert_eq!(V3_6.treasury_part(Bps(10_000), terms(4)), Some(1));
        assert_eq!(V3_6.treasury_part(Bps(10_000), [4, ray(19), ray(15), ray(10)]), None);
    }

    #[test]
    fn a_health_factor_is_of_the_average_or_of_the_sum() {
        let u = |x: u128| Amount::new(x).0;
        // Collateral of 1,000 at 80.005 %, whose average in bps is 80 %: 800 over 400, and 800.05 over 400.
        let of = |v: Version| v.health_factor(u(1_000), Bps(8_000), u(8_000_500), u(400));
        assert_eq!(of(V3_0_2), Some(Wad::new(2_000_000_000_000_000_000)));
        assert_eq!(of(V3_6), Some(Wad::new(2_000_125_000_000_000_000)));
        // Beyond 128 bits on the way.
        let vast = V3_6.health_factor(u(1), Bps(1), u(10_u128.pow(38)), u(1));
        assert_eq!(vast, Some(Wad(U256::from(10).pow(U256::from(52)))));
    }
}
