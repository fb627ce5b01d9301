//! A liquidation design beyond Aave v3's: a bonus that grows as health falls, and a stop where a liquidation
//! would leave a position worse than it found it. A market without one pays the whole bonus always.

use crate::health::Health;
use markets::math::{Rounding, mul_div, percent_mul};
use markets::units::{Bps, U256, Wad};
use serde::{Deserialize, Serialize};

/// How a market's liquidations are designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiquidationDesign {
    /// Whether liquidations past the toxic frontier are refused.
    pub stops_when_toxic: bool,
    /// Share of a reserve's bonus that is paid just below a health factor of one: 100 % for a flat bonus.
    pub bonus_at_line: Bps,
    /// Health factor at and below which the whole bonus is paid. Of one or more: it always is.
    pub full_bonus_at: Bps,
    /// Unix times at which a risk change last moved the stop, the share and the health factor; zero: never.
    pub changed_at: [u64; 3],
}

impl LiquidationDesign {
    /// Aave v3's own: no stop, the whole bonus always.
    #[must_use]
    pub const fn flat(full_bonus_at: Bps) -> Self {
        Self { stops_when_toxic: false, bonus_at_line: Bps::ONE, full_bonus_at, changed_at: [0; 3] }
    }

    /// The bonus at a health factor below one: linear from its least at the line to the whole of it, both
    /// parts floored (Aave v4 `LiquidationLogic.calculateLiquidationBonus`, where the share is the
    /// `liquidationBonusFactor` and the health factor the `healthFactorForMaxBonus`). As a position gets worse its
    /// price falls until somebody takes it: a Dutch auction whose clock is the health factor.
    #[must_use]
    pub fn bonus(&self, whole: Bps, health_factor: Wad) -> Bps {
        // A basis point of a health factor is 10¹⁴.
        let range = U256::from(Bps::ONE.0.saturating_sub(self.full_bonus_at.0))
            * U256::from(10_u128.pow(14));
        let below = Wad::ONE.0.saturating_sub(health_factor.0);
        if below >= range {
            return whole;
        }
        let least = percent_mul(U256::from(whole.0), self.bonus_at_line.0, Rounding::Floor)
            .map_or(whole.0, |bps| bps.saturating_to::<u32>().min(whole.0));
        let grown = mul_div(U256::from(whole.0 - least), below, range, Rounding::Floor);
        Bps(least + grown.map_or(0, |bps| bps.saturating_to::<u32>()))
    }

    /// Whether a liquidation at this bonus is refused. Past the toxic frontier, debt (1 + bonus) ≥ collateral, it
    /// takes more collateral than its share: the loan to value of what remains rises, and with it the loss
    /// (Warmuz, Chaudhary, Pinna, "Toxic Liquidation Spirals", 2022, arXiv:2212.07306).
    #[must_use]
    pub fn refuses(&self, health: &Health, bonus: Bps) -> bool {
        self.stops_when_toxic && is_toxic(health.debt_base, health.collateral_base, bonus)
    }
}

/// Whether liquidating a position of these values, in one currency, does not lower its loan to value.
#[must_use]
pub fn is_toxic(debt: U256, collateral: U256, bonus: Bps) -> bool {
    let with_bonus = U256::from(Bps::ONE.0).saturating_add(U256::from(bonus.0));
    debt.saturating_mul(with_bonus) >= collateral.saturating_mul(U256::from(Bps::ONE.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wad(percent: u128) -> Wad {
        Wad::new(percent * 10_u128.pow(16))
    }

    #[test]
    fn the_bonus_grows_from_its_share_at_the_line_to_the_whole() {
        let design =
            LiquidationDesign { bonus_at_line: Bps(2_000), ..LiquidationDesign::flat(Bps(9_000)) };
        let at = |percent| design.bonus(Bps(1_000), wad(percent)).0;
        // 200 at the line, 80 more for every point of health.
        assert_eq!(
            [at(100), at(99), at(95), at(91), at(90), at(50)],
            [200, 280, 600, 920, 1_000, 1_000]
        );
        // Floors: 3 bps at 20 % is 0; 3 · 5/10 is 1.
        assert_eq!([100, 95].map(|p| design.bonus(Bps(3), wad(p)).0), [0, 1]);
        let flat = LiquidationDesign::flat(Bps(9_000));
        assert_eq!([100, 95, 20].map(|p| flat.bonus(Bps(1_000), wad(p)).0), [1_000; 3]);
    }

    #[test]
    fn the_toxic_frontier_is_where_a_liquidation_no_longer_lowers_the_loan_to_value() {
        // 1 / 1.05 = 0.95238…, 1 / 1.08 = 0.92592…, 1 / 1.1 = 0.90909…
        for (bonus, safe, toxic) in
            [(500, 95_238, 95_239), (800, 92_592, 92_593), (1_000, 90_909, 90_910)]
        {
            let at = |ltv: u64| is_toxic(U256::from(ltv), U256::from(100_000), Bps(bonus));
            assert!(!at(safe) && at(toxic), "{bonus}");
        }
        // At the frontier itself a liquidation changes nothing: 100 of debt, 110 of collateral, 10 %.
        assert!(is_toxic(U256::from(100), U256::from(110), Bps(1_000)));
    }
}
