//! How prices move: sources, kinds of path, correlations.

use super::Checker;
use super::symbols;
use crate::paths::correlation_matrix;
use crate::process;
use crate::schema::{CorrelationSpec, DepegSpec, PathKind, PriceSource, Role, Scenario};
use markets::price::Cholesky;

impl Checker<'_> {
    pub(super) fn assets(&mut self, s: &Scenario) {
        if s.assets.is_empty() {
            self.refuse("assets", "a scenario needs assets", "add at least the gas asset");
            return;
        }
        self.unique("assets", "symbol", s.assets.iter().map(|a| a.symbol.as_str()));
        if s.assets[0].decimals != 18 {
            self.refuse(
                "assets.0.decimals",
                "the first asset pays for gas and needs 18 decimals",
                "put WETH first",
            );
        }
        let recorded = s.assets.iter().filter(|a| a.price == PriceSource::Paths).count();
        if recorded != 1 {
            self.refuse(
                "assets",
                format!("{recorded} assets follow `Paths`; exactly one must"),
                "give the others a price of their own, for example Beta or Stable",
            );
        }
        for (i, asset) in s.assets.iter().enumerate() {
            let at = format!("assets.{i}");
            self.within(&format!("{at}.decimals"), f64::from(asset.decimals), 0.0, 24.0);
            self.within(&format!("{at}.start_price_usd"), asset.start_price_usd, 1e-8, 1e9);
            self.source(s, i);
        }
    }

    fn source(&mut self, s: &Scenario, i: usize) {
        let at = format!("assets.{i}.price");
        let price = &s.assets[i].price;
        let earlier: Vec<&str> = s.assets[..i].iter().map(|a| a.symbol.as_str()).collect();
        if let Some(process) = process::of_source(price) {
            process.check(&at, self);
        }
        match price {
            PriceSource::Beta { on, beta, residual_percent_per_sqrt_hour, residual_nu } => {
                self.known(&format!("{at}.on"), "earlier asset", on, &earlier);
                self.within(&format!("{at}.beta"), *beta, -10.0, 10.0);
                let residual = format!("{at}.residual_percent_per_sqrt_hour");
                self.within(&residual, *residual_percent_per_sqrt_hour, 0.0, 100.0);
                self.within(&format!("{at}.residual_nu"), *residual_nu, 2.01, 1e3);
            }
            PriceSource::Stable { half_life_hours, shock_percent_per_sqrt_hour }
            | PriceSource::Pegged { half_life_hours, shock_percent_per_sqrt_hour, .. } => {
                let shock = format!("{at}.shock_percent_per_sqrt_hour");
                self.within(&format!("{at}.half_life_hours"), *half_life_hours, 1e-3, 1e6);
                self.within(&shock, *shock_percent_per_sqrt_hour, 0.0, 100.0);
            }
            PriceSource::Paths
            | PriceSource::Gbm { .. }
            | PriceSource::Garch { .. }
            | PriceSource::JumpDiffusion { .. }
            | PriceSource::RegimeSwitching { .. } => {}
        }
        if let PriceSource::Pegged { to, growth_percent_per_year, depeg, .. } = price {
            self.within(
                &format!("{at}.growth_percent_per_year"),
                *growth_percent_per_year,
                -100.0,
                1e3,
            );
            if let Some(to) = to {
                self.known(&format!("{at}.to"), "earlier asset", to, &earlier);
            } else if *growth_percent_per_year != 0.0 {
                self.refuse(
                    &format!("{at}.growth_percent_per_year"),
                    "a dollar does not grow",
                    "leave it out, or name an asset in `to`",
                );
            }
            if let Some(DepegSpec { per_year, mean_fall_percent, half_life_hours }) = depeg {
                self.within(&format!("{at}.depeg.per_year"), *per_year, 0.0, 1e6);
                self.within(
                    &format!("{at}.depeg.mean_fall_percent"),
                    *mean_fall_percent,
                    0.0,
                    300.0,
                );
                self.within(&format!("{at}.depeg.half_life_hours"), *half_life_hours, 1e-3, 1e9);
            }
        }
    }

    pub(super) fn paths(&mut self, s: &Scenario) {
        if s.paths.train.is_empty() {
            self.refuse("paths.train", "no kind of path", "add at least one, for example Garch(…)");
        }
        let has_train = s.windows.iter().any(|w| w.role == Role::Train);
        for (i, kind) in s.paths.train.iter().enumerate() {
            let at = format!("paths.train.{i}");
            self.within(&format!("{at}.weight"), kind.weight(), 0.0, 1e6);
            if let Some(process) = process::of_path(kind) {
                process.check(&at, self);
            }
            match kind {
                PathKind::Window { scale_min, scale_max, .. }
                | PathKind::Bootstrap { scale_min, scale_max, .. } => {
                    self.within(&format!("{at}.scale_min"), *scale_min, 0.0, 10.0);
                    self.within(&format!("{at}.scale_max"), *scale_max, *scale_min, 10.0);
                    if !has_train {
                        self.refuse(&at, "no training window to draw from", "add one to `windows`");
                    }
                }
                PathKind::Garch { .. }
                | PathKind::Gbm { .. }
                | PathKind::JumpDiffusion { .. }
                | PathKind::RegimeSwitching { .. } => {}
            }
            if let PathKind::Bootstrap { block_bars, .. } = kind {
                self.within(&format!("{at}.block_bars"), f64::from(*block_bars), 1.0, 1e4);
            }
        }
        if s.paths.train.iter().map(PathKind::weight).sum::<f64>() <= 0.0 {
            self.refuse("paths.train", "all weights are zero", "give one kind a weight");
        }
    }

    pub(super) fn correlation(&mut self, s: &Scenario) {
        let symbols = symbols(s);
        let before = self.problems.len();
        for (i, pair) in s.correlation.iter().enumerate() {
            let at = format!("correlation.{i}");
            self.known(&format!("{at}.first"), "asset", &pair.first, &symbols);
            self.known(&format!("{at}.second"), "asset", &pair.second, &symbols);
            self.within(&format!("{at}.ratio"), pair.ratio, -1.0, 1.0);
            let same = |other: &CorrelationSpec| {
                let (a, b) = (&other.first, &other.second);
                (a, b) == (&pair.first, &pair.second) || (b, a) == (&pair.first, &pair.second)
            };
            if pair.first == pair.second {
                let message = format!("{} is correlated with itself", pair.first);
                self.refuse(&at, message, "name two assets");
            } else if s.correlation[..i].iter().any(same) {
                let message = format!("{} and {} appear twice", pair.first, pair.second);
                self.refuse(&at, message, "keep one of the two");
            }
        }
        if self.problems.len() > before {
            return;
        }
        if let Some(Err(error)) = correlation_matrix(s).as_deref().map(Cholesky::new) {
            let rows = symbols.iter().enumerate().map(|(i, symbol)| format!("{i} {symbol}"));
            let rows: Vec<String> = rows.collect();
            self.refuse(
                "correlation",
                error.to_string(),
                format!("rows are the assets: {}; pairs not listed count as 0", rows.join(", ")),
            );
        }
    }
}
