//! Published figures beside the model's, each with its source, how far to trust it, and the error.

use super::{Episode, Population};
use serde::Serialize;

/// Whether a figure is as the record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Within the record's range, or within the stated error of a single figure.
    Within,
    /// Not.
    Outside,
    /// The market is not the record's: the two stand side by side only.
    Beside,
    /// The episode had too little to measure: fewer than ten liquidations.
    Nothing,
}

/// A figure of the model beside a published one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// What is measured.
    pub what: &'static str,
    /// The model's.
    pub model: f64,
    /// The record's: from, to.
    pub record: [f64; 2],
    /// Distance from the nearer end of the record, as a share of it; zero within.
    pub error: f64,
    /// What an error may be.
    pub tolerance: f64,
    /// The comparison.
    pub verdict: Verdict,
    /// Where the record is from. `R` was read there, `D` follows from what was, `K` is recalled or judged,
    /// with the confidence.
    pub source: &'static str,
}

/// Relative error that a single published figure may be missed by.
const OF_A_POINT: f64 = 0.25;
/// Relative error that the end of a published range may be missed by.
const OF_A_RANGE: f64 = 0.05;

/// Fewer liquidations than this measure nothing.
const LEAST_EVENTS: u64 = 10;

const BIS: &str = "R: BIS Working Paper 1171, wallets overall";
const BIS_DERIVED: &str = "D: from BIS Working Paper 1171";
const SIZES: &str = "K 0.5: prior, no published fit";
const APRIL: &str = "R: Chaos Labs, Aave, 13-14 April 2024";
const APRIL_DERIVED: &str = "D: from Chaos Labs, Aave, 13-14 April 2024";

struct Row(&'static str, f64, [f64; 2], bool, &'static str);

fn record(Row(what, model, record, is_comparable, source): Row, is_empty: bool) -> Record {
    let [low, high] = record;
    let off = |end: f64| if end == 0.0 { 0.0 } else { (model - end).abs() / end };
    let error = if model < low {
        off(low)
    } else if model > high {
        off(high)
    } else {
        0.0
    };
    let tolerance = if low < high { OF_A_RANGE } else { OF_A_POINT };
    let verdict = match (is_empty, is_comparable) {
        (true, _) => Verdict::Nothing,
        (false, false) => Verdict::Beside,
        (false, true) if error <= tolerance => Verdict::Within,
        (false, true) => Verdict::Outside,
    };
    Record { what, model, record, error, tolerance, verdict, source }
}

/// All of them; those of an episode where one was played.
#[must_use]
pub fn records(p: &Population, e: Option<&Episode>) -> Vec<Record> {
    let of_population = [
        Row("leverage, assets over equity, overall", p.leverage_overall, [1.4, 1.9], true, BIS),
        Row("debt over assets, overall", p.debt_ratio_overall, [0.29, 0.47], true, BIS_DERIVED),
        Row("health factor, median", p.health_factor[1], [1.8, 2.9], true, BIS_DERIVED),
        Row("share of debt of the largest hundredth", p.top_percent_share, [0.6, 1.0], true, SIZES),
        Row("tail exponent of debts (Hill)", p.hill_exponent, [1.0, 1.3], true, SIZES),
    ];
    let none = p.accounts == 0;
    let mut all: Vec<Record> = of_population.map(|row| record(row, none)).into();
    let Some(e) = e else { return all };
    let of_episode = [
        Row("liquidations", e.events as f64, [4_250.0; 2], false, APRIL),
        Row("liquidated accounts", e.accounts as f64, [1_858.0; 2], false, APRIL),
        Row("debt repaid, USD", e.repaid_usd, [65e6; 2], false, APRIL),
        Row(
            "liquidations per account",
            e.events_per_account,
            [4_250.0 / 1_858.0; 2],
            true,
            APRIL_DERIVED,
        ),
        Row(
            "debt repaid per liquidation, USD",
            e.event_mean_usd,
            [65e6 / 4_250.0; 2],
            true,
            APRIL_DERIVED,
        ),
        Row("liquidators", e.liquidators as f64, [70.0; 2], false, APRIL),
        Row(
            "share liquidated in the first block possible",
            e.immediate_share,
            [0.7, 1.0],
            true,
            "R: Perez et al., arXiv 2009.13235, Compound, September 2020",
        ),
        Row(
            "bonus over debt repaid, gross",
            e.bonus_ratio,
            [9.34 / 193.12; 2],
            true,
            "D: Aave, February 2026",
        ),
        Row(
            "bonus over debt repaid, net of gas",
            e.bonus_net_of_gas_ratio,
            [63.59 / 807.46; 2],
            false,
            "R: Qin et al., arXiv 2106.06389, 2019-2021, bonuses of 5 to 15 %",
        ),
        Row(
            "share of liquidations that tip above average",
            e.above_average_tip_share,
            [0.74; 2],
            true,
            "K 0.85: Qin et al., arXiv 2106.06389",
        ),
        Row(
            "tips as a share of the bonus",
            e.tips_of_bonus,
            [0.8, 0.99],
            true,
            "K 0.6: backrun auctions, Aave SVR and UMA Oval",
        ),
        Row(
            "bad debt over debt repaid",
            e.deficit_ratio,
            [0.0, 0.000_16],
            false,
            "D: Aave, February 2026",
        ),
    ];
    let nothing = e.events < LEAST_EVENTS;
    all.extend(of_episode.map(|row| record(row, nothing)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_measured_from_the_nearer_end() {
        let of = |model, range| record(Row("x", model, range, true, ""), false);
        assert_eq!(of(1.5, [1.4, 1.9]).verdict, Verdict::Within);
        let above = of(2.09, [1.4, 1.9]);
        assert!((above.error - 0.1).abs() < 1e-12);
        assert_eq!(above.verdict, Verdict::Outside);
        // A range is missed by a twentieth at most, a single figure by a quarter.
        assert_eq!(of(1.94, [1.4, 1.9]).verdict, Verdict::Within);
        assert_eq!(of(80.0, [100.0; 2]).verdict, Verdict::Within);
        assert_eq!(of(70.0, [100.0; 2]).verdict, Verdict::Outside);
        assert_eq!(record(Row("x", 0.0, [1.0; 2], true, ""), true).verdict, Verdict::Nothing);
    }
}
