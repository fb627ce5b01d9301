//! Pools, oracles and the lending market.

use super::{Checker, symbols};
use crate::schema::{DesignSpec, MarketSpec, OracleSpec, PoolSpec, ReserveSpec, Scenario};
use markets::amm::constant_product::MAX_RESERVE;
use protocols::position::MAX_RESERVES;
use protocols::risk_params::RiskParam;

/// Least and most that one side of a pool is worth, in USD. All the world's pools together hold less
/// than the most.
const POOL_SIDE_USD: (f64, f64) = (1.0, 1e11);
/// The largest cap: Aave's reserve configuration gives it 36 bits.
const MAX_CAP_TOKENS: u64 = (1 << 36) - 1;

impl Checker<'_> {
    pub(super) fn pools(&mut self, s: &Scenario) {
        let symbols = symbols(s);
        self.unique("pools", "name", s.pools.iter().map(|p| p.name.as_str()));
        for (i, pool) in s.pools.iter().enumerate() {
            let at = format!("pools.{i}");
            self.known(&format!("{at}.base"), "asset", &pool.base, &symbols);
            self.known(&format!("{at}.quote"), "asset", &pool.quote, &symbols);
            if pool.base == pool.quote {
                self.refuse(&format!("{at}.quote"), "a pool needs two assets", "name another");
            }
            let reserve = format!("{at}.quote_reserve_tokens");
            self.within(&reserve, pool.quote_reserve_tokens, 1e-6, 1e12);
            self.within(&format!("{at}.fee_pips"), f64::from(pool.fee_pips), 0.0, 999_999.0);
            self.pool_size(&reserve, s, pool);
        }
    }

    /// Both sides of a pool must be money that can exist, and fit the 112 bits of a reserve.
    fn pool_size(&mut self, at: &str, s: &Scenario, pool: &PoolSpec) {
        let find = |symbol: &str| s.assets.iter().find(|a| a.symbol == symbol);
        let (Some(base), Some(quote)) = (find(&pool.base), find(&pool.quote)) else { return };
        let side_usd = pool.quote_reserve_tokens * quote.start_price_usd;
        if !(POOL_SIDE_USD.0..=POOL_SIDE_USD.1).contains(&side_usd) {
            let (least, most) = POOL_SIDE_USD;
            self.refuse(
                at,
                format!(
                    "{} {} at {} USD make a side of {side_usd:e} USD: a pool has from {least:e} to \
                     {most:e} USD a side",
                    pool.quote_reserve_tokens, pool.quote, quote.start_price_usd
                ),
                format!(
                    "write from {:e} to {:e} tokens",
                    least / quote.start_price_usd,
                    most / quote.start_price_usd
                ),
            );
            return;
        }
        for asset in [base, quote] {
            let units =
                side_usd / asset.start_price_usd * libm::pow(10.0, f64::from(asset.decimals));
            if units > MAX_RESERVE as f64 {
                self.refuse(
                    at,
                    format!(
                        "the pool would hold {units:e} smallest units of {}; a reserve has at most \
                         2¹¹² − 1",
                        asset.symbol
                    ),
                    "write a smaller pool, fewer decimals or a higher start_price_usd",
                );
            }
        }
    }

    pub(super) fn oracles(&mut self, s: &Scenario) {
        self.oracles_at("oracles", &s.oracles, s);
        self.oracles_at("market.other_oracles", &s.market.other_oracles, s);
        for (i, other) in s.market.other_oracles.iter().enumerate() {
            let at = format!("market.other_oracles.{i}");
            let asset = other.asset();
            if !s.market.reserves.iter().any(|r| r.asset == asset) {
                self.refuse(
                    &at,
                    format!("{asset} is no reserve of the market"),
                    "name one that is",
                );
            }
            if s.oracles.contains(other) {
                let hint = "give it another source, window or node";
                self.refuse(&at, format!("{asset}'s second oracle is its first"), hint);
            }
        }
    }

    /// Feeds that stand at `list`; pool feeds quote in a push feed among them or among the scenario's.
    fn oracles_at(&mut self, list: &str, oracles: &[OracleSpec], s: &Scenario) {
        let symbols = symbols(s);
        let pools: Vec<&str> = s.pools.iter().map(|p| p.name.as_str()).collect();
        self.unique(list, "asset", oracles.iter().map(OracleSpec::asset));
        for (i, oracle) in oracles.iter().enumerate() {
            let at = format!("{list}.{i}");
            self.known(&format!("{at}.asset"), "asset", oracle.asset(), &symbols);
            if let Some(pool) = oracle.pool() {
                self.known(&format!("{at}.pool"), "pool", pool, &pools);
                if let Some(found) = s.pools.iter().find(|p| p.name == pool) {
                    let other = if found.base == oracle.asset() {
                        &found.quote
                    } else if found.quote == oracle.asset() {
                        &found.base
                    } else {
                        self.refuse(
                            &format!("{at}.pool"),
                            format!("pool \"{pool}\" does not trade {}", oracle.asset()),
                            "name a pool that does",
                        );
                        continue;
                    };
                    let pushed = oracles.iter().chain(&s.oracles).any(|o| {
                        o.asset() == other.as_str() && matches!(o, OracleSpec::Push { .. })
                    });
                    if !pushed {
                        self.refuse(
                            &at,
                            format!("{other}, the pool's other asset, has no push feed"),
                            format!("add Push(asset: \"{other}\", …) to `oracles`"),
                        );
                    }
                }
            }
            match oracle {
                OracleSpec::Spot { .. } => {}
                OracleSpec::Twap { window_secs, .. } => {
                    self.within(&format!("{at}.window_secs"), f64::from(*window_secs), 1.0, 1e8);
                }
                OracleSpec::Push {
                    heartbeat_secs, deviation_bps, lag_secs, max_age_secs, ..
                } => {
                    let secs = *heartbeat_secs as f64;
                    self.within(&format!("{at}.heartbeat_secs"), secs, 1.0, 1e8);
                    let bps = f64::from(*deviation_bps);
                    self.within(&format!("{at}.deviation_bps"), bps, 1.0, 1e4);
                    self.within(&format!("{at}.lag_secs"), *lag_secs as f64, 0.0, 86_400.0);
                    if *max_age_secs > 0 && max_age_secs < heartbeat_secs {
                        self.refuse(
                            &format!("{at}.max_age_secs"),
                            "reports go stale before the heartbeat renews them",
                            "raise max_age_secs above heartbeat_secs, or set 0 for never",
                        );
                    }
                }
            }
        }
    }

    pub(super) fn market(&mut self, s: &Scenario) {
        self.market_at("market", &s.market, &[], s);
        self.unique("markets", "name", s.markets.iter().map(|m| m.name.as_str()));
        for (i, further) in s.markets.iter().enumerate() {
            let at = format!("markets.{i}");
            if further.name.trim().is_empty() {
                self.refuse(&format!("{at}.name"), "a market needs a name", "for example \"fork\"");
            }
            self.oracles_at(&format!("{at}.oracles"), &further.oracles, s);
            self.market_at(&format!("{at}.market"), &further.market, &further.oracles, s);
            if !further.market.other_oracles.is_empty() {
                self.refuse(
                    &format!("{at}.market.other_oracles"),
                    "nobody manages this market's risk, so nobody would ever switch its oracles",
                    "remove them, or put the feed that it shall read among its `oracles`",
                );
            }
        }
    }

    /// A market that stands at `at`, its prices from `own` feeds or the scenario's.
    fn market_at(&mut self, at: &str, m: &MarketSpec, own: &[OracleSpec], s: &Scenario) {
        let symbols = symbols(s);
        self.within(&format!("{at}.flash_premium_bps"), f64::from(m.flash_premium_bps), 0.0, 1e4);
        self.within(&format!("{at}.close_factor_bps"), f64::from(m.close_factor_bps), 1.0, 1e4);
        if let Some(DesignSpec { toxic_stop: _, bonus_at_line_bps, full_bonus_at_bps }) = m.design {
            let at = format!("{at}.design");
            self.within(&format!("{at}.bonus_at_line_bps"), f64::from(bonus_at_line_bps), 0.0, 1e4);
            let bps = f64::from(full_bonus_at_bps);
            self.within(&format!("{at}.full_bonus_at_bps"), bps, 1.0, 9_999.0);
        }
        let params: Vec<String> = m.rules.iter().map(|r| format!("{:?}", r.param)).collect();
        self.unique(&format!("{at}.rules"), "param", params.iter().map(String::as_str));
        for (i, over) in m.rules.iter().enumerate() {
            let most = match over.param {
                RiskParam::SupplyCap | RiskParam::BorrowCap => f64::MAX,
                RiskParam::Frozen | RiskParam::Oracle | RiskParam::ToxicStop => 1.0,
                RiskParam::Ltv
                | RiskParam::LiquidationThreshold
                | RiskParam::LiquidationBonus
                | RiskParam::CloseFactor
                | RiskParam::BonusAtLine => 1e4,
                // As in `design`: below one.
                RiskParam::FullBonusAt => 9_999.0,
            };
            self.within(&format!("{at}.rules.{i}.rule.ceil"), over.rule.ceil as f64, 0.0, most);
            if over.rule.floor > over.rule.ceil {
                self.refuse(
                    &format!("{at}.rules.{i}.rule.floor"),
                    format!("floor {} is above ceil {}", over.rule.floor, over.rule.ceil),
                    "swap the two",
                );
            }
        }
        if m.reserves.is_empty() {
            self.refuse(
                &format!("{at}.reserves"),
                "a market needs reserves",
                "add one per asset lent",
            );
        }
        if m.reserves.len() > MAX_RESERVES {
            self.refuse(
                &format!("{at}.reserves"),
                format!("{} reserves: a market lists at most {MAX_RESERVES}", m.reserves.len()),
                "move some of them to a market of their own (`markets`)",
            );
        }
        self.unique(
            &format!("{at}.reserves"),
            "asset",
            m.reserves.iter().map(|r| r.asset.as_str()),
        );
        for (i, reserve) in m.reserves.iter().enumerate() {
            let at = format!("{at}.reserves.{i}");
            self.known(&format!("{at}.asset"), "asset", &reserve.asset, &symbols);
            let priced = own.iter().chain(&s.oracles).any(|o| o.asset() == reserve.asset);
            if !priced && symbols.contains(&reserve.asset.as_str()) {
                self.refuse(
                    &format!("{at}.asset"),
                    format!("{} has no oracle", reserve.asset),
                    format!("add a feed with asset: \"{}\" to `oracles`", reserve.asset),
                );
            }
            self.reserve(&at, reserve);
        }
    }

    fn reserve(&mut self, at: &str, r: &ReserveSpec) {
        if r.threshold_bps < r.ltv_bps {
            self.refuse(
                &format!("{at}.threshold_bps"),
                format!(
                    "{}: the liquidation threshold ({} bps) is below the LTV ({} bps), so a loan \
                     could be liquidated as it is made",
                    r.asset, r.threshold_bps, r.ltv_bps
                ),
                format!("raise threshold_bps to at least {}, or lower ltv_bps", r.ltv_bps),
            );
        }
        let product = u64::from(r.threshold_bps) * (10_000 + u64::from(r.bonus_bps));
        if product > 100_000_000 {
            self.refuse(
                &format!("{at}.bonus_bps"),
                format!(
                    "{}: threshold × (1 + bonus) is {:.4}, above 1: a liquidation at the threshold \
                     would need more collateral than there is",
                    r.asset,
                    product as f64 / 1e8
                ),
                "lower the bonus or the threshold",
            );
        }
        if r.threshold_bps > 0 && r.bonus_bps == 0 {
            self.refuse(
                &format!("{at}.bonus_bps"),
                format!("{} is collateral but pays no liquidation bonus", r.asset),
                "write a bonus above zero (500 is 5 %)",
            );
        }
        for (field, value) in [
            ("ltv_bps", r.ltv_bps),
            ("threshold_bps", r.threshold_bps),
            ("bonus_bps", r.bonus_bps),
            ("protocol_fee_bps", r.protocol_fee_bps),
            ("reserve_factor_bps", r.reserve_factor_bps),
        ] {
            self.within(&format!("{at}.{field}"), f64::from(value), 0.0, 1e4);
        }
        for (field, cap) in
            [("supply_cap_tokens", r.supply_cap_tokens), ("borrow_cap_tokens", r.borrow_cap_tokens)]
        {
            if cap > MAX_CAP_TOKENS {
                self.refuse(
                    &format!("{at}.{field}"),
                    format!(
                        "{}: `{field}` is {cap}; a cap has 36 bits, so at most {MAX_CAP_TOKENS} whole \
                         tokens",
                        r.asset
                    ),
                    "write the cap in whole tokens, not in smallest units; 0 is no cap",
                );
            }
        }
        let optimal = f64::from(r.rates.optimal_bps);
        self.within(&format!("{at}.rates.optimal_bps"), optimal, 100.0, 9_900.0);
        for (field, value) in [
            ("base_bps", r.rates.base_bps),
            ("slope1_bps", r.rates.slope1_bps),
            ("slope2_bps", r.rates.slope2_bps),
        ] {
            self.within(&format!("{at}.rates.{field}"), f64::from(value), 0.0, 1e5);
        }
    }
}
