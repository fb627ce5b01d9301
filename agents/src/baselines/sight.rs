//! What a written policy reads off the public row, in dollars.

use super::head_of;
use crate::policy::{offset_of, seen, seen_of_market};
use libm::{exp, expm1, log, pow, sqrt};
use markets::units::SECONDS_PER_YEAR;
use protocols::risk_params::{Direction, RiskParam, Rule};
use sim::action::stepped;

/// ln 1.01: the displacement that an exchange's depth stands for.
pub(super) const ONE_PERCENT: f64 = 0.009_950_330_853_168_083;

/// Dollars from a field of `log10(1 + USD) − less`.
pub(super) fn dollars(log10: f64, less: f64) -> f64 {
    pow(10.0, log10 + less) - 1.0
}

/// A field of the market of `log10(1 + USD) − 6`, in USD; zero where the row has none.
pub(super) fn market_usd(obs: &[f32], name: &str) -> f64 {
    seen_of_market(obs, name).map_or(0.0, |log10| dollars(log10, 6.0))
}

/// A time in years.
pub(super) fn years(secs: f64) -> f64 {
    secs / SECONDS_PER_YEAR as f64
}

/// The head that steps a reserve's parameter.
pub(super) fn head_for(reserve: usize, param: RiskParam) -> Option<usize> {
    offset_of(param).map(|offset| head_of(reserve, offset))
}

/// Where one policy step takes a cap, as a multiple of what it is: the row shows caps in dollars, and no price to
/// count their tokens by. Exact for relative steps; an absolute one counts as its share of the cap as deployed.
pub(super) fn cap_step(rule: &Rule, deployed_tokens: u64, direction: Direction) -> f64 {
    if deployed_tokens == 0 {
        return 1.0;
    }
    stepped(rule, deployed_tokens, direction) as f64 / deployed_tokens as f64
}

/// A reserve as the public row shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Seen {
    /// Supplied, in USD.
    pub(super) supplied_usd: f64,
    /// Borrowed, in USD.
    pub(super) borrowed_usd: f64,
    /// Supplied and used as collateral, in USD.
    pub(super) collateral_usd: f64,
    /// Part of the supply cap that is used; 0 where there is no cap.
    pub(super) supply_cap_used: f64,
    /// Part of the borrow cap that is used; 0 where there is no cap.
    pub(super) borrow_cap_used: f64,
    /// USD that move the exchange's price by one percent.
    pub(super) exchange_depth_usd: f64,
    /// Value of the pool's other side, in USD.
    pub(super) pool_depth_usd: f64,
    /// Volatility, per √year: the larger of the hour's and the day's.
    pub(super) volatility: f64,
    /// ln of the oracle's price over the exchange's.
    pub(super) oracle_gap: f64,
    /// Loan to value.
    pub(super) ltv: f64,
    /// Liquidation threshold.
    pub(super) threshold: f64,
    /// Liquidation bonus beyond par.
    pub(super) bonus: f64,
    /// Whether new supply and borrowing are off.
    pub(super) frozen: bool,
}

impl Seen {
    /// Reads a reserve.
    pub(super) fn read(obs: &[f32], reserve: usize) -> Self {
        let of = |name: &str| seen(obs, reserve, name).unwrap_or(0.0);
        let exchange_depth_usd = dollars(of("exchange_depth"), 5.0).max(0.0);
        // "collateral_over_depth" is log10((1 + collateral) / (1 + depth)).
        let collateral = pow(10.0, of("collateral_over_depth")) * (1.0 + exchange_depth_usd) - 1.0;
        Self {
            supplied_usd: market_usd(obs, "supplied").max(0.0) * of("supplied"),
            borrowed_usd: market_usd(obs, "borrowed").max(0.0) * of("borrowed"),
            collateral_usd: collateral.max(0.0),
            supply_cap_used: of("supply_cap_used"),
            borrow_cap_used: of("borrow_cap_used"),
            exchange_depth_usd,
            pool_depth_usd: dollars(of("pool_depth"), 5.0).max(0.0),
            volatility: of("volatility_1h").max(of("volatility_24h")),
            oracle_gap: of("oracle_gap"),
            ltv: of("ltv"),
            threshold: of("threshold"),
            bonus: of("bonus"),
            frozen: of("frozen") > 0.5,
        }
    }

    /// What must be sold, in USD at the present price, until it has fallen by `displacement` (a logarithm, above
    /// zero) at the exchange, whose book is linear, and in the pool, whose price goes by the square of its reserve.
    pub(super) fn usd_to_displace(&self, displacement: f64) -> f64 {
        let at_exchange = self.exchange_depth_usd * displacement / ONE_PERCENT;
        at_exchange + self.pool_depth_usd * expm1(0.5 * displacement)
    }
    /// What can be sold, in USD, until a seller's average loss to the venues is `slippage` (a ratio below 1). At
    /// both the average price is displaced by half of what the last one is.
    pub(super) fn usd_within(&self, slippage: f64) -> f64 {
        if slippage <= 0.0 { 0.0 } else { self.usd_to_displace(-2.0 * log(1.0 - slippage)) }
    }
    /// How far selling so many USD displaces the price, as a logarithm, at most 1; linear in the size.
    pub(super) fn displacement(&self, usd: f64) -> f64 {
        if usd <= 0.0 {
            return 0.0;
        }
        (ONE_PERCENT * usd / self.usd_to_displace(ONE_PERCENT)).min(1.0)
    }
    /// Standard deviation of the price over a time.
    pub(super) fn deviation(&self, secs: f64) -> f64 {
        self.volatility * sqrt(years(secs))
    }
    /// What a token is worth at the exchange for each dollar that the oracle says.
    pub(super) fn fair_over_oracle(&self) -> f64 {
        exp(-self.oracle_gap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baselines::tests::{RULE, row};
    use protocols::risk_params::Step;

    #[test]
    fn a_row_is_read_in_dollars() {
        let row = row(&[
            ("supplied", 1.0),
            ("borrowed", 0.0),
            ("B_supplied", 0.25),
            ("B_borrowed", 0.5),
            ("B_exchange_depth", 0.0),
            ("B_pool_depth", 1.0),
            ("B_collateral_over_depth", 1.0),
            ("B_volatility_1h", 1.5),
            ("B_volatility_24h", 0.5),
            ("B_supply_cap_used", 0.5),
            ("B_frozen", 1.0),
        ]);
        let seen = Seen::read(&row, 1);
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-4;
        assert!(near(seen.supplied_usd, 2.5e6) && near(seen.borrowed_usd, 0.5e6), "{seen:?}");
        assert!(near(seen.exchange_depth_usd, 1e5) && near(seen.pool_depth_usd, 1e6), "{seen:?}");
        assert!(near(seen.collateral_usd, 1e6) && near(seen.volatility, 1.5), "{seen:?}");
        assert!(seen.frozen && seen.supply_cap_used == 0.5 && seen.borrow_cap_used == 0.0);
        assert_eq!(Seen::read(&row, 0).supplied_usd, 0.0);
    }

    #[test]
    fn what_venues_take_by_hand() {
        let exchange = Seen { exchange_depth_usd: 1e6, ..Seen::default() };
        assert!((exchange.usd_to_displace(ONE_PERCENT) - 1e6).abs() < 1e-3);
        // −2 ln 0.95 / ln 1.01 = 0.1025866 / 0.0099503.
        assert!((exchange.usd_within(0.05) - 10.309_864e6).abs() < 20.0);
        assert_eq!(exchange.usd_within(-0.01), 0.0);
        // A price that falls by 1.21 takes 1.1 times the tokens that are there: 10 % more.
        let pool = Seen { pool_depth_usd: 2e6, ..Seen::default() };
        assert!((pool.usd_to_displace(log(1.21)) - 0.2e6).abs() < 1e-3);
        // An average loss of 1/11 is the same sale: 0.2 M at 1/1.1 of the price.
        assert!((pool.usd_within(1.0 / 11.0) - 0.2e6).abs() < 1e-3);
        assert!((exchange.displacement(2e6) - 2.0 * ONE_PERCENT).abs() < 1e-12);
        assert_eq!(Seen::default().displacement(1.0), 1.0, "nobody buys");
        assert_eq!(Seen::default().displacement(0.0), 0.0);
    }

    #[test]
    fn steps_of_a_cap_are_shares_of_it() {
        let quarter = Rule { max_raise: Step::RelativeBps(10_000), ..relative(2_500) };
        assert_eq!(cap_step(&quarter, 4_000, Direction::Up), 1.25);
        assert_eq!(cap_step(&relative(5_000), 4_000, Direction::Down), 0.5);
        assert_eq!(cap_step(&RULE, 1_000, Direction::Down), 0.95, "absolute: 50 tokens of 1,000");
        assert_eq!(cap_step(&quarter, 0, Direction::Up), 1.0);
    }

    fn relative(bps: u32) -> Rule {
        let step = Step::RelativeBps(bps);
        Rule { ceil: u64::MAX, max_raise: step, max_cut: step, policy_step: step, ..RULE }
    }
}
