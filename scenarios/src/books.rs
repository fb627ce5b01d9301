//! Limit order books of a scenario's listings: what a file says, its checks, and the book that it makes.

use crate::check::Checker;
use crate::schema::{Listing, Scenario};
use agents::scripted::book::BookCrowd;
use agents::scripted::book::market_maker::MarketMakerConfig;
use agents::scripted::book::noise_trader::NoiseTradersConfig;
use agents::scripted::book::trend_follower::TrendFollowersConfig;
use agents::scripted::book::whale::WhalesConfig;
use bevy_ecs::prelude::World;
use markets::book::Fees;
use markets::units::{Amount, AssetId, U256};
use serde::{Deserialize, Serialize};
use sim::exchange::{BookTerms, Exchange};

/// A limit order book in place of the dealer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BookSpec {
    /// Tick, in basis points of the price at the start of the episode.
    pub tick_bps: f64,
    /// Worth of a lot at the start at most, in USD: a lot is a power of ten of tokens.
    pub lot_usd: f64,
    /// Maker fee, in basis points; negative for a rebate.
    pub maker_fee_bps: f64,
    /// Time from the block's price to the arrival of the chain's traders, in milliseconds.
    pub latency_ms: f64,
    /// Depth is multiplied by this at full stress.
    pub depth_shrink: f64,
    /// Half-life of what is missing of the depth, in seconds.
    pub recovery_half_life_secs: f64,
    /// Move of the price within the window that is full stress, in percent.
    pub stress_move_percent: f64,
    /// The window, in seconds.
    pub stress_window_secs: f64,
    /// Market makers.
    pub makers: MarketMakerConfig,
    /// Noise traders.
    pub noise: NoiseTradersConfig,
    /// Trend followers.
    pub trend: TrendFollowersConfig,
    /// Whales.
    pub whales: WhalesConfig,
}

impl Default for BookSpec {
    /// Shrinkage in the middle of what is recorded (docs/exchanges.md); the rest is judgement.
    fn default() -> Self {
        Self {
            tick_bps: 0.5,
            lot_usd: 1.0,
            maker_fee_bps: 0.0,
            latency_ms: 200.0,
            depth_shrink: 0.05,
            recovery_half_life_secs: 1_800.0,
            stress_move_percent: 4.0,
            stress_window_secs: 600.0,
            makers: MarketMakerConfig::default(),
            noise: NoiseTradersConfig::default(),
            trend: TrendFollowersConfig::default(),
            whales: WhalesConfig::default(),
        }
    }
}

/// The listings that are books, in order.
fn listed(s: &Scenario) -> impl Iterator<Item = (&Listing, &BookSpec)> {
    s.exchange.listings.iter().filter_map(|l| Some((l, l.book.as_ref()?)))
}

/// Symbols of the assets that have a book, in order: those of the observation table.
#[must_use]
pub fn symbols(s: &Scenario) -> Vec<&str> {
    listed(s).map(|(listing, _)| listing.asset.as_str()).collect()
}

/// Basis points as millionths.
fn pips(bps: f64) -> f64 {
    (bps * 100.0).round()
}

/// The terms of a listing's book; prices and decimals are the asset's at the start.
fn terms(
    listing: &Listing,
    spec: &BookSpec,
    (asset, decimals, usd): (AssetId, u8, f64),
) -> BookTerms {
    // Whole tokens of a lot are 10⁻ⁿ, of at least one smallest unit.
    let power = libm::ceil(libm::log10(usd / spec.lot_usd)).clamp(0.0, f64::from(decimals)) as u8;
    BookTerms {
        asset,
        tick_usd: usd * spec.tick_bps / 1e4,
        lot: Amount(U256::from(10).pow(U256::from(decimals - power))),
        lot_tokens: libm::pow(10.0, -f64::from(power)),
        fees: Fees {
            maker_pips: pips(spec.maker_fee_bps) as i32,
            taker_pips: pips(listing.taker_fee_bps) as u32,
        },
        latency_us: (spec.latency_ms * 1e3) as u64,
        depth_usd: listing.depth_usd,
        depth_shrink: spec.depth_shrink,
        recovery_half_life_secs: spec.recovery_half_life_secs,
        stress_move: libm::log1p(spec.stress_move_percent / 100.0),
        stress_window_secs: spec.stress_window_secs,
    }
}

/// Lists the books at the exchange. `assets` and `prices` are the scenario's assets', in order.
pub(crate) fn list(s: &Scenario, assets: &[AssetId], prices: &[f64], exchange: &mut Exchange) {
    for (listing, spec) in listed(s) {
        let Some(i) = s.assets.iter().position(|a| a.symbol == listing.asset) else { continue };
        let terms = terms(listing, spec, (assets[i], s.assets[i].decimals, prices[i]));
        exchange.list_book(terms, s.block_secs, prices[i]);
    }
}

/// Puts the books' participants into a world.
pub(crate) fn spawn(s: &Scenario, world: &mut World) {
    for (place, (listing, spec)) in listed(s).enumerate() {
        let crowd = BookCrowd {
            makers: spec.makers.clone(),
            noise: spec.noise.clone(),
            trend: spec.trend.clone(),
            whales: spec.whales.clone(),
        };
        let half_spread = listing.half_spread_bps / 1e4;
        agents::scripted::book::spawn(world, place, &listing.asset, half_spread, &crowd);
    }
}

/// Checks the books: that every number is one that can be.
pub(crate) fn check(s: &Scenario, checker: &mut Checker<'_>) {
    for (i, listing) in s.exchange.listings.iter().enumerate() {
        let Some(book) = &listing.book else { continue };
        let at = format!("exchange.listings.{i}.book");
        if !s.exchange.impact_enabled {
            checker.refuse(
                &at,
                "a book without impact: trades at a book move its price",
                "set exchange.impact_enabled to true, or drop the book",
            );
        }
        let (makers, noise, trend, whales) = (&book.makers, &book.noise, &book.trend, &book.whales);
        let ratios = 0.999 - noise.self_ratio;
        let ranges = [
            ("tick_bps", book.tick_bps, 1e-2, 100.0),
            ("lot_usd", book.lot_usd, 1e-3, 1e4),
            ("maker_fee_bps", book.maker_fee_bps, -listing.taker_fee_bps, 1_000.0),
            ("latency_ms", book.latency_ms, 0.0, f64::from(s.block_secs) * 1e3 - 1.0),
            ("depth_shrink", book.depth_shrink, 1e-4, 1.0),
            ("recovery_half_life_secs", book.recovery_half_life_secs, 1.0, 1e7),
            ("stress_move_percent", book.stress_move_percent, 0.01, 100.0),
            ("stress_window_secs", book.stress_window_secs, 1.0, 1e6),
            ("makers.count", f64::from(makers.count), 1.0, 100.0),
            ("makers.levels", f64::from(makers.levels), 1.0, 100.0),
            ("makers.reach_percent", makers.reach_percent, 0.01, 50.0),
            ("makers.risk_aversion", makers.risk_aversion, 0.0, 1e6),
            ("makers.horizon_secs", makers.horizon_secs, 0.0, 1e6),
            ("makers.latency_ms", makers.latency_ms, 0.0, 1e4),
            ("makers.latency_step_ms", makers.latency_step_ms, 0.0, 1e3),
            ("makers.inventory_half_life_secs", makers.inventory_half_life_secs, 1.0, 1e9),
            ("makers.max_inventory_quotes", makers.max_inventory_quotes, 0.1, 1e9),
            ("noise.poisson_per_hour", noise.poisson_per_hour, 0.0, 36_000.0),
            ("noise.hawkes_per_hour", noise.hawkes_per_hour, 0.0, 36_000.0),
            ("noise.self_ratio", noise.self_ratio, 0.0, 0.99),
            ("noise.cross_ratio", noise.cross_ratio, 0.0, ratios),
            ("noise.decay_secs", noise.decay_secs, 0.01, 1e6),
            ("noise.latency_ms", noise.latency_ms, 0.0, 1e4),
            ("trend.count", f64::from(trend.count), 0.0, 100.0),
            ("trend.max_usd", trend.max_usd, 0.0, 1e12),
            ("trend.fast_secs", trend.fast_secs, 1.0, 1e7),
            ("trend.slow_secs", trend.slow_secs, trend.fast_secs, 1e7),
            ("trend.full_at_percent", trend.full_at_percent, 1e-3, 1e3),
            ("trend.band", trend.band, 1e-3, 10.0),
            ("trend.every_blocks", f64::from(trend.every_blocks), 1.0, 1e6),
            ("trend.latency_ms", trend.latency_ms, 0.0, 1e4),
            ("whales.per_day", whales.per_day, 0.0, 1e4),
            ("whales.min_usd", whales.min_usd, 1.0, 1e12),
            ("whales.exponent", whales.exponent, 0.1, 100.0),
            ("whales.cap_usd", whales.cap_usd, whales.min_usd, 1e12),
            ("whales.slices", f64::from(whales.slices), 1.0, 1e5),
            ("whales.latency_ms", whales.latency_ms, 0.0, 1e4),
        ];
        checker.ranges(&at, &ranges);
        checker.size(&format!("{at}.noise.size"), &noise.size);
        let depth = format!("exchange.listings.{i}.depth_usd");
        checker.within(&depth, listing.depth_usd, 1.0, 1e10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lot_is_a_power_of_ten_below_its_worth() {
        let listing = |asset: &str| Listing {
            asset: asset.to_owned(),
            half_spread_bps: 1.0,
            taker_fee_bps: 5.0,
            depth_usd: 1e6,
            book: None,
        };
        let spec = BookSpec { maker_fee_bps: -0.25, ..BookSpec::default() };
        for (decimals, usd, units, tokens) in
            [(18, 1_800.0, 10_u128.pow(14), 1e-4), (8, 34_500.0, 1_000, 1e-5), (2, 1e6, 1, 1e-2)]
        {
            let terms = terms(&listing("A"), &spec, (AssetId(3), decimals, usd));
            assert_eq!(terms.lot, Amount::new(units), "{usd}");
            assert!((terms.lot_tokens / tokens - 1.0).abs() < 1e-12);
            assert!((terms.tick_usd / usd - 0.5e-4).abs() < 1e-12);
            assert_eq!((terms.fees.maker_pips, terms.fees.taker_pips), (-25, 500));
        }
    }
}
