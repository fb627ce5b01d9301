//! The observation table: name, unit, scale, visibility and extractor of every field.
//!
//! A learner's row is `[globals | reserve 0 | reserve 1 | … | book 0 | … | perpetual 0 | … | factor 0 | … | design |
//! oracle of a reserve with two | …]`, the books being those of the exchange and the factors the scenario's exogenous
//! streams, in worlds that have any;
//! each value divided by its field's scale and clamped to ±[`CLAMP`]. A risk policy sees the public fields only: what a real one could read from
//! the chain, from exchanges and from its own market.

use crate::action::{Heads, RESERVE_ACTIONS};
use crate::chain::Chain;
use crate::config::{Config, Episode};
use crate::environment::Rows;
use crate::exchange::{BookVenue, Exchange};
use crate::factors::Factors;
use crate::perpetuals::{PerpetualView, Perpetuals};
use crate::prices::FairPrices;
use crate::views::{Belief, MarketViews, OtherOracleView, PositionViews};
use bevy_ecs::prelude::Resource;
use markets::units::SECONDS_PER_YEAR;
use protocols::risk_params::RiskParam;
use serde::{Deserialize, Serialize};

/// Largest magnitude of a scaled value.
pub const CLAMP: f64 = 10.0;

/// Who may see a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Visibility {
    /// Anybody, in production too.
    Public,
    /// Only the simulator: for diagnosis, never for a policy.
    Hidden,
}

/// What an extractor reads.
#[derive(Debug)]
pub struct Sight<'a> {
    /// The chain, before the block's transactions.
    pub chain: &'a Chain,
    /// Episode constants.
    pub config: &'a Config,
    /// The market.
    pub market: &'a MarketViews,
    /// Positions.
    pub positions: &'a PositionViews,
    /// The exchange.
    pub exchange: &'a Exchange,
    /// Prices; of these only the mid is public.
    pub prices: &'a FairPrices,
    /// Perpetual futures.
    pub perpetuals: &'a Perpetuals,
    /// Exogenous streams: all public.
    pub factors: &'a Factors,
    /// Debt by bucket of health factor, as shares of all debt.
    pub health: HealthShares,
}

/// Upper edges of the health-factor buckets; the last bucket is open.
pub const HEALTH_EDGES: [f64; 7] = [1.0, 1.05, 1.1, 1.2, 1.4, 1.7, 2.2];
/// Shares of debt by bucket of health factor.
pub type HealthShares = [f64; HEALTH_EDGES.len() + 1];

/// A field of the market.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Unit before scaling.
    pub unit: &'static str,
    /// What is divided by.
    pub scale: f64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Reads it.
    pub extract: fn(&Sight<'_>) -> f64,
}

/// A field that each reserve has.
#[derive(Clone, Copy, Debug)]
pub struct ReserveField {
    /// Name, without the reserve's symbol.
    pub name: &'static str,
    /// Unit before scaling.
    pub unit: &'static str,
    /// What is divided by.
    pub scale: f64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Reads it for reserve `i`.
    pub extract: fn(&Sight<'_>, usize) -> f64,
}

/// A field that each book of the exchange has.
#[derive(Clone, Copy, Debug)]
pub struct BookField {
    /// Name, without the symbol of the book's asset.
    pub name: &'static str,
    /// Unit before scaling.
    pub unit: &'static str,
    /// What is divided by.
    pub scale: f64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Reads it.
    pub extract: fn(&BookVenue) -> f64,
}

/// A field that each perpetual future has.
#[derive(Clone, Copy, Debug)]
pub struct PerpetualField {
    /// Name, without the symbol of the contract's underlying.
    pub name: &'static str,
    /// Unit before scaling.
    pub unit: &'static str,
    /// What is divided by.
    pub scale: f64,
    /// Who may see it.
    pub visibility: Visibility,
    /// Reads it.
    pub extract: fn(&Sight<'_>, &PerpetualView) -> f64,
}

use Visibility::{Hidden, Public};

macro_rules! fields {
    ($kind:ident: $(($name:expr, $unit:literal, $scale:expr, $visibility:ident, $extract:expr)),* $(,)?) => {
        &[$($kind {
            name: $name, unit: $unit, scale: $scale, visibility: $visibility, extract: $extract,
        }),*]
    };
}

/// Fields of the market as a whole.
pub const GLOBAL_FIELDS: &[Field] = fields!(Field:
    ("base_fee", "ln gwei", 3.0, Public, |s| ln(s.chain.clock().base_fee as f64 / 1e9)),
    ("supplied", "log10(1 + USD) − 6", 3.0, Public, |s| log10(1.0 + supplied_usd(s)) - 6.0),
    ("borrowed", "log10(1 + USD) − 6", 3.0, Public, |s| log10(1.0 + borrowed_usd(s)) - 6.0),
    ("close_factor", "ratio", 1.0, Public, |s| s.market.close_factor),
    ("debt_hf_below_1", "share of debt", 1.0, Public, |s| s.health[0]),
    ("debt_hf_1_1.05", "share of debt", 1.0, Public, |s| s.health[1]),
    ("debt_hf_1.05_1.1", "share of debt", 1.0, Public, |s| s.health[2]),
    ("debt_hf_1.1_1.2", "share of debt", 1.0, Public, |s| s.health[3]),
    ("debt_hf_1.2_1.4", "share of debt", 1.0, Public, |s| s.health[4]),
    ("debt_hf_1.4_1.7", "share of debt", 1.0, Public, |s| s.health[5]),
    ("debt_hf_1.7_2.2", "share of debt", 1.0, Public, |s| s.health[6]),
    ("at_risk", "accounts", 10.0, Public, |s| s.positions.at_risk.len() as f64),
    ("liquidated_24h", "share of debt", 0.1, Public,
        |s| share(s.market.liquidated_24h_usd, borrowed_usd(s))),
    ("deficit", "share of supply", 0.01, Public, |s| share(deficit_usd(s), supplied_usd(s))),
    ("pending_changes", "count", 4.0, Public, |s| f64::from(s.market.pending_changes)),
    ("shortfall", "share of debt", 0.01, Hidden,
        |s| share(s.positions.shortfall_total_usd, borrowed_usd(s))),
);

/// Fields of each reserve.
pub const RESERVE_FIELDS: &[ReserveField] = fields!(ReserveField:
    ("return_1h", "log", 0.05, Public,
        |s, i| ln_ratio(s.market.reserves[i].mid_usd, s.market.tracks[i].mean_1h_usd)),
    ("return_24h", "log", 0.1, Public,
        |s, i| ln_ratio(s.market.reserves[i].mid_usd, s.market.tracks[i].mean_24h_usd)),
    ("drawdown", "log", 0.2, Public,
        |s, i| ln_ratio(s.market.reserves[i].mid_usd, s.market.tracks[i].high_usd)),
    ("volatility_1h", "per √year", 1.0, Public, |s, i| per_year(s, s.market.tracks[i].variance_1h)),
    ("volatility_24h", "per √year", 1.0, Public, |s, i| per_year(s, s.market.tracks[i].variance_24h)),
    ("oracle_gap", "log", 0.02, Public,
        |s, i| ln_ratio(s.market.reserves[i].oracle_usd, s.market.reserves[i].mid_usd)),
    ("oracle_usable", "0 or 1", 1.0, Public,
        |s, i| f64::from(u8::from(s.market.reserves[i].oracle_usable))),
    ("pool_gap", "log", 0.02, Public,
        |s, i| ln_ratio(s.market.reserves[i].pool_usd, s.market.reserves[i].mid_usd)),
    ("pool_depth", "log10(1 + USD) − 5", 3.0, Public,
        |s, i| log10(1.0 + s.market.reserves[i].pool_depth_usd) - 5.0),
    ("exchange_depth", "log10(1 + USD) − 5", 3.0, Public,
        |s, i| log10(1.0 + s.exchange.depth_usd(s.market.reserves[i].asset).min(1e12)) - 5.0),
    ("utilisation", "ratio", 1.0, Public, |s, i| s.market.reserves[i].utilisation),
    ("borrow_rate", "per year", 0.2, Public, |s, i| s.market.reserves[i].borrow_rate),
    ("supply_rate", "per year", 0.2, Public, |s, i| s.market.reserves[i].supply_rate),
    ("supplied", "share of market", 1.0, Public, |s, i| {
        let view = &s.market.reserves[i];
        share(view.supplied * view.mid_usd, supplied_usd(s))
    }),
    ("borrowed", "share of market", 1.0, Public, |s, i| {
        let view = &s.market.reserves[i];
        share(view.borrowed * view.mid_usd, borrowed_usd(s))
    }),
    ("collateral_over_depth", "log10", 2.0, Public, |s, i| {
        let view = &s.market.reserves[i];
        let collateral = s.positions.collateral_shares(i) * view.liquidity_index * view.mid_usd;
        log10((1.0 + collateral) / (1.0 + s.exchange.depth_usd(view.asset).min(1e12)))
    }),
    ("supply_cap_used", "ratio", 1.0, Public,
        |s, i| share(s.market.reserves[i].supplied, s.market.reserves[i].supply_cap)),
    ("borrow_cap_used", "ratio", 1.0, Public,
        |s, i| share(s.market.reserves[i].borrowed, s.market.reserves[i].borrow_cap)),
    ("ltv", "ratio", 1.0, Public, |s, i| s.market.reserves[i].ltv),
    ("threshold", "ratio", 1.0, Public, |s, i| s.market.reserves[i].threshold),
    ("bonus", "ratio", 0.1, Public, |s, i| s.market.reserves[i].bonus),
    ("frozen", "0 or 1", 1.0, Public, |s, i| f64::from(u8::from(s.market.reserves[i].frozen))),
    ("since_change", "days, at most 10", 3.0, Public, since_change),
    ("impact", "log", 0.02, Hidden, |s, i| s.exchange.impact(s.market.reserves[i].asset)),
    ("replayed_gap", "log", 0.02, Hidden, |s, i| {
        let view = &s.market.reserves[i];
        ln_ratio(s.prices.replayed[view.asset.index()], view.mid_usd)
    }),
);

/// Fields of each book, as of the end of the last block.
pub const BOOK_FIELDS: &[BookField] = fields!(BookField:
    ("book_depth_0.5", "log10(1 + USD) − 5, within ±0.5 %", 3.0, Public,
        |b| log10(1.0 + b.telemetry().depth_usd(0)) - 5.0),
    ("book_depth_1", "log10(1 + USD) − 5, within ±1 %", 3.0, Public,
        |b| log10(1.0 + b.telemetry().depth_usd(1)) - 5.0),
    ("book_depth_2", "log10(1 + USD) − 5, within ±2 %", 3.0, Public,
        |b| log10(1.0 + b.telemetry().depth_usd(2)) - 5.0),
    ("book_imbalance", "bids − asks over both, within ±1 %", 1.0, Public,
        |b| b.telemetry().imbalance()),
    ("book_spread", "share of mid", 0.01, Public, |b| b.telemetry().spread),
    ("book_velocity", "log10(1 + USD per minute) − 4", 3.0, Public,
        |b| log10(1.0 + b.telemetry().velocity_usd_per_min) - 4.0),
    ("book_slippage", "share of value traded", 0.005, Public, |b| b.telemetry().slippage),
    ("book_depth_factor", "share of depth without stress", 1.0, Hidden, |b| b.stress().depth_factor),
);

/// Fields of each perpetual future, before the block's transactions.
pub const PERPETUAL_FIELDS: &[PerpetualField] = fields!(PerpetualField:
    ("perp_premium", "share of index", 0.005, Public, |_, p| p.premium),
    ("perp_funding", "per year", 0.5, Public, |_, p| p.funding_per_year),
    ("perp_open_interest", "log10(1 + USD) − 6", 3.0, Public,
        |_, p| log10(1.0 + p.open_interest_usd) - 6.0),
    ("perp_over_depth", "log10, open interest over exchange depth", 2.0, Public, |s, p| {
        log10((1.0 + p.open_interest_usd) / (1.0 + s.exchange.depth_usd(p.underlying).min(1e12)))
    }),
    ("perp_imbalance", "longs − shorts over both, accounts", 1.0, Public, |_, p| p.imbalance()),
    ("perp_long_leverage", "times", 10.0, Public, |_, p| p.long_leverage()),
    ("perp_near_longs", "share of open interest, liquidatable 5 % below", 1.0, Public,
        |_, p| p.share(p.near_usd[0])),
    ("perp_near_shorts", "share of open interest, liquidatable 5 % above", 1.0, Public,
        |_, p| p.share(p.near_usd[1])),
    ("perp_liquidated_24h", "share of open interest", 0.1, Public,
        |_, p| p.share(p.liquidated_24h_usd)),
    ("perp_insurance", "share of open interest", 0.1, Public, |_, p| p.share(p.insurance_usd)),
    ("perp_uncovered", "share of open interest", 0.01, Hidden, |_, p| p.share(p.uncovered_usd)),
);

/// Fields of a market whose liquidations have a design.
pub const DESIGN_FIELDS: &[Field] = fields!(Field:
    ("toxic_stop", "0 or 1", 1.0, Public,
        |s| s.market.design.map_or(0.0, |d| f64::from(u8::from(d.stops_when_toxic)))),
    ("bonus_at_line", "share of the bonus", 1.0, Public,
        |s| s.market.design.map_or(1.0, |d| d.bonus_at_line.ratio())),
    ("full_bonus_at", "1 − health factor", 0.1, Public,
        |s| s.market.design.map_or(0.0, |d| 1.0 - d.full_bonus_at.ratio())),
);

/// Fields of each reserve that has two oracles.
pub const ORACLE_FIELDS: &[ReserveField] = fields!(ReserveField:
    ("oracle", "0 or 1: which of the two is read", 1.0, Public,
        |s, i| other(s, i, |o| f64::from(u8::from(o.second_is_read)))),
    ("other_oracle_gap", "log", 0.02, Public,
        |s, i| other(s, i, |o| ln_ratio(o.usd, s.market.reserves[i].mid_usd))),
    ("other_oracle_usable", "0 or 1", 1.0, Public,
        |s, i| other(s, i, |o| f64::from(u8::from(o.usable)))),
);

fn other(s: &Sight<'_>, i: usize, of: impl Fn(&OtherOracleView) -> f64) -> f64 {
    s.market.reserves[i].other_oracle.as_ref().map_or(0.0, of)
}
fn ln(x: f64) -> f64 {
    libm::log(x.max(1e-300))
}
fn log10(x: f64) -> f64 {
    libm::log10(x.max(1e-300))
}
fn ln_ratio(a: f64, b: f64) -> f64 {
    if a > 0.0 && b > 0.0 { libm::log(a / b) } else { 0.0 }
}
fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
fn per_year(s: &Sight<'_>, variance_per_block: f64) -> f64 {
    (variance_per_block * SECONDS_PER_YEAR as f64 / f64::from(s.config.block_secs)).sqrt()
}
fn supplied_usd(s: &Sight<'_>) -> f64 {
    s.market.supplied_usd()
}
fn borrowed_usd(s: &Sight<'_>) -> f64 {
    s.market.borrowed_usd()
}
fn deficit_usd(s: &Sight<'_>) -> f64 {
    s.market.reserves.iter().map(|r| r.deficit * r.mid_usd).sum()
}
fn since_change(s: &Sight<'_>, i: usize) -> f64 {
    let reserve = &s.chain.pooled(s.market.market).reserves[i];
    let params = [RiskParam::Ltv, RiskParam::LiquidationThreshold, RiskParam::LiquidationBonus];
    let last = params.iter().map(|p| reserve.last_changed_at[p.index()]).max().unwrap_or(0);
    let days = s.chain.clock().timestamp.saturating_sub(last) as f64 / 86_400.0;
    days.min(10.0)
}

/// Debt by bucket of health factor, as shares.
#[must_use]
pub fn health_shares(positions: &PositionViews) -> HealthShares {
    let mut shares = HealthShares::default();
    let mut total = 0.0;
    for Belief { health_factor, debt_usd, .. } in positions.beliefs() {
        if debt_usd > 0.0 {
            let bucket = HEALTH_EDGES.iter().take_while(|edge| **edge <= health_factor).count();
            shares[bucket] += debt_usd;
            total += debt_usd;
        }
    }
    if total > 0.0 {
        shares.iter_mut().for_each(|s| *s /= total);
    }
    shares
}

/// Values in a row that may see up to `visibility`.
#[must_use]
pub fn dim(reserves: usize, visibility: Visibility) -> usize {
    let globals = GLOBAL_FIELDS.iter().filter(|f| f.visibility <= visibility).count();
    let each = RESERVE_FIELDS.iter().filter(|f| f.visibility <= visibility).count();
    globals + reserves * each
}

/// Names of the values of a row, `symbols` being those of the reserves.
#[must_use]
pub fn names(symbols: &[&str], visibility: Visibility) -> Vec<String> {
    let seen = GLOBAL_FIELDS.iter().filter(|f| f.visibility <= visibility);
    let mut names: Vec<String> = seen.map(|f| f.name.to_owned()).collect();
    for symbol in symbols {
        let seen = RESERVE_FIELDS.iter().filter(|f| f.visibility <= visibility);
        names.extend(seen.map(|f| format!("{symbol}_{}", f.name)));
    }
    names
}

/// Further values in a row of a world with so many books.
#[must_use]
pub fn book_dim(books: usize, visibility: Visibility) -> usize {
    books * BOOK_FIELDS.iter().filter(|f| f.visibility <= visibility).count()
}

/// Names of these, `symbols` being those of the books' assets.
#[must_use]
pub fn book_names(symbols: &[&str], visibility: Visibility) -> Vec<String> {
    let seen = BOOK_FIELDS.iter().filter(|f| f.visibility <= visibility);
    symbols.iter().flat_map(|s| seen.clone().map(move |f| format!("{s}_{}", f.name))).collect()
}

/// Further values in a row of a world with so many perpetual futures.
#[must_use]
pub fn perpetual_dim(perpetuals: usize, visibility: Visibility) -> usize {
    perpetuals * PERPETUAL_FIELDS.iter().filter(|f| f.visibility <= visibility).count()
}

/// Names of these, `symbols` being those of the contracts' underlyings.
#[must_use]
pub fn perpetual_names(symbols: &[&str], visibility: Visibility) -> Vec<String> {
    let seen = PERPETUAL_FIELDS.iter().filter(|f| f.visibility <= visibility);
    symbols.iter().flat_map(|s| seen.clone().map(move |f| format!("{s}_{}", f.name))).collect()
}

/// A column that a market has for its design, or a reserve for its second oracle.
#[derive(Clone, Copy, Debug)]
pub struct HeadsColumn {
    /// The reserve; none for the market.
    pub reserve: Option<usize>,
    /// Name, without the reserve's symbol.
    pub name: &'static str,
    /// Unit before scaling.
    pub unit: &'static str,
    /// What is divided by.
    pub scale: f64,
}

/// The further columns in a row of a market with such heads: of its design, and of its second oracles.
pub fn heads_columns(heads: Heads, visibility: Visibility) -> impl Iterator<Item = HeadsColumn> {
    let design =
        DESIGN_FIELDS.iter().filter(move |f| heads.has_design() && f.visibility <= visibility);
    let design =
        design.map(|f| HeadsColumn { reserve: None, name: f.name, unit: f.unit, scale: f.scale });
    let oracles = heads.with_two_oracles().flat_map(move |reserve| {
        let seen = ORACLE_FIELDS.iter().filter(move |f| f.visibility <= visibility);
        seen.map(move |f| HeadsColumn {
            reserve: Some(reserve),
            name: f.name,
            unit: f.unit,
            scale: f.scale,
        })
    });
    design.chain(oracles)
}

/// The name of a factor's column.
#[must_use]
pub fn factor_name(factor: &str) -> String {
    format!("factor_{factor}")
}

/// The reserves in a learner's row: all of them, from the episode's first block on.
#[must_use]
pub fn reserve_rows(reserves: usize, visibility: Visibility) -> Rows {
    let (start, with_one) = (dim(0, visibility), dim(1, visibility));
    let heads = RESERVE_ACTIONS.len();
    Rows { start, room: reserves, width: with_one - start, present: None, heads }
}

/// Writes a row, `[dim(reserves, visibility) + book_dim(books, visibility) + perpetual_dim(perpetuals, visibility) +
/// factors + those of [`heads_columns`]]`.
pub fn write_row(sight: &Sight<'_>, visibility: Visibility, row: &mut [f32]) {
    let mut slots = row.iter_mut();
    let mut put = |value: f64, scale: f64| {
        if let Some(slot) = slots.next() {
            let scaled = (value / scale).clamp(-CLAMP, CLAMP);
            *slot = if scaled.is_nan() { 0.0 } else { scaled as f32 };
        }
    };
    for field in GLOBAL_FIELDS.iter().filter(|f| f.visibility <= visibility) {
        put((field.extract)(sight), field.scale);
    }
    for reserve in 0..sight.market.reserves.len() {
        for field in RESERVE_FIELDS.iter().filter(|f| f.visibility <= visibility) {
            put((field.extract)(sight, reserve), field.scale);
        }
    }
    for book in sight.exchange.books() {
        for field in BOOK_FIELDS.iter().filter(|f| f.visibility <= visibility) {
            put((field.extract)(book), field.scale);
        }
    }
    for view in sight.perpetuals.views() {
        for field in PERPETUAL_FIELDS.iter().filter(|f| f.visibility <= visibility) {
            put((field.extract)(sight, view), field.scale);
        }
    }
    for factor in &sight.factors.0 {
        put(factor.value(), factor.scale);
    }
    if sight.market.design.is_some() {
        for field in DESIGN_FIELDS.iter().filter(|f| f.visibility <= visibility) {
            put((field.extract)(sight), field.scale);
        }
    }
    for (reserve, view) in sight.market.reserves.iter().enumerate() {
        let fields = ORACLE_FIELDS.iter().filter(|f| f.visibility <= visibility);
        for field in fields.filter(|_| view.other_oracle.is_some()) {
            put((field.extract)(sight, reserve), field.scale);
        }
    }
}

/// The risk policy's row and mask of the open block.
#[derive(Resource, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observations {
    /// `[obs_dim]`, as of the last decision that was due.
    pub row: Vec<f32>,
    /// `[logits]`, likewise.
    pub mask: Vec<f32>,
    /// Whether the policy decides in the open block.
    pub due: bool,
}

impl Observations {
    /// Zeros for a market with these heads, at an exchange with this many books, in a world with this many perpetual
    /// futures and factors.
    #[must_use]
    pub fn new(heads: Heads, books: usize, perpetuals: usize, factors: usize) -> Self {
        let public = Visibility::Public;
        let market = dim(heads.reserves(), public) + heads_columns(heads, public).count();
        let venues = book_dim(books, public) + perpetual_dim(perpetuals, public);
        Self {
            row: vec![0.0; market + venues + factors],
            mask: vec![0.0; heads.choices()],
            due: false,
        }
    }
    /// Whether a decision is due in the open block.
    #[must_use]
    pub const fn is_due(episode: &Episode, config: &Config) -> bool {
        episode.decision_due(config.decision_every_blocks)
    }
    /// Fills row and mask.
    pub fn write(&mut self, sight: &Sight<'_>) {
        write_row(sight, Visibility::Public, &mut self.row);
        let pooled = sight.chain.pooled(sight.market.market);
        crate::action::write_mask(pooled, sight.chain.clock().timestamp, &mut self.mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_sees_public_fields_only() {
        let names = names(&["A"], Visibility::Public);
        assert_eq!(names.len(), dim(1, Visibility::Public));
        for hidden in ["shortfall", "A_impact", "A_replayed_gap"] {
            assert!(!names.iter().any(|n| n == hidden), "{hidden}");
        }
        assert!(dim(1, Visibility::Hidden) > dim(1, Visibility::Public));
        let names = book_names(&["A", "B"], Visibility::Public);
        assert_eq!(names.len(), book_dim(2, Visibility::Public));
        assert!(!names.iter().any(|n| n == "A_book_depth_factor"));
        let names = perpetual_names(&["A", "B"], Visibility::Public);
        assert_eq!(names.len(), perpetual_dim(2, Visibility::Public));
        assert!(!names.iter().any(|n| n == "A_perp_uncovered"));
    }

    #[test]
    fn names_are_unique_and_scales_positive() {
        let mut names = names(&["A", "B"], Visibility::Hidden);
        names.extend(book_names(&["A", "B"], Visibility::Hidden));
        names.extend(perpetual_names(&["A", "B"], Visibility::Hidden));
        let n = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n);
        assert!(GLOBAL_FIELDS.iter().all(|f| f.scale > 0.0));
        assert!(RESERVE_FIELDS.iter().all(|f| f.scale > 0.0));
        assert!(BOOK_FIELDS.iter().all(|f| f.scale > 0.0));
        assert!(PERPETUAL_FIELDS.iter().all(|f| f.scale > 0.0));
    }
}
