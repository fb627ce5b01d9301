//! The comparison as a table.

use super::{Episode, Population, Record, Verdict};

fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2}M", value / 1e6),
        size if size >= 1e4 => format!("{:.1}k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

/// The tables.
#[must_use]
pub fn text(p: &Population, e: Option<&Episode>, records: &[Record]) -> String {
    let three = |[low, median, high]: [f64; 3]| format!("{low:.3} / {median:.3} / {high:.3}");
    let mut t = format!(
        "{} accounts with debt: collateral {}, debt {} USD (median {}, mean {})\n\
         percentiles 10 / 50 / 90: leverage {}, debt over assets {}, health factor {}\n",
        p.accounts,
        figure(p.collateral_usd),
        figure(p.debt_usd),
        figure(p.debt_median_usd),
        figure(p.debt_mean_usd),
        three(p.leverage),
        three(p.debt_ratio),
        three(p.health_factor),
    );
    if let Some(e) = e {
        t += &format!(
            "{} blocks: {} liquidations of {} accounts repay {} USD, {:.1} % of all debt at the start\n\
             {} falls below the line, {:.0} % liquidated, after {:.0} s in the mean and {:.0} s at the \
             ninetieth percentile\n\
             of the transactions that tried {:.0} % failed; {} liquidators, the largest repaid {:.0} %, \
             concentration {:.2}\n",
            e.blocks,
            e.events,
            e.accounts,
            figure(e.repaid_usd),
            e.repaid_share * 100.0,
            e.falls,
            e.falls_liquidated * 100.0,
            e.wait_mean_secs,
            e.wait_p90_secs,
            e.failed_share * 100.0,
            e.liquidators,
            e.largest_liquidator_share * 100.0,
            e.concentration,
        );
    }
    t += &format!("\n{:<46} {:>10} {:>19} {:>8}\n", "", "model", "record", "error");
    for r in records {
        let [low, high] = r.record.map(figure);
        let range = if low == high { low } else { format!("{low} to {high}") };
        let (error, verdict) = match r.verdict {
            Verdict::Within => (format!("{:.1} %", r.error * 100.0), "within"),
            Verdict::Outside => (format!("{:.1} %", r.error * 100.0), "OUTSIDE"),
            Verdict::Beside => (String::new(), "beside"),
            Verdict::Nothing => (String::new(), "too few"),
        };
        t += &format!(
            "{:<46} {:>10} {range:>19} {error:>8} {verdict:<8} {}\n",
            r.what,
            figure(r.model),
            r.source
        );
    }
    t
}
