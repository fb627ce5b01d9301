//! The answer as text.

use super::{Bucket, Crowd, Impact, Pair};

/// Dollars, short.
pub(super) fn dollars(usd: f64) -> String {
    let (value, unit) = match usd.abs() {
        size if size >= 999_500_000.0 => (usd / 1e9, "G"),
        size if size >= 999_500.0 => (usd / 1e6, "M"),
        size if size >= 999.5 => (usd / 1e3, "k"),
        _ => return format!("{usd:.0}"),
    };
    let places = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$}{unit}")
}

/// A health-factor range.
pub(super) fn range(bucket: &Bucket) -> String {
    match bucket.below {
        Some(below) => format!("{:.2} to {below:.2}", bucket.from),
        None => format!("{:.2} and up", bucket.from),
    }
}

fn crowds(of: &Pair<Crowd>) -> String {
    let one = |c: &Crowd| {
        format!("{:>8} {:>11} {:>11}", c.accounts, dollars(c.collateral_usd), dollars(c.debt_usd))
    };
    format!("{} | {}", one(&of.before), one(&of.after))
}

fn percent(fall: Option<f64>) -> String {
    fall.map_or_else(|| "none up to 99 %".to_owned(), |f| format!("{:.4} %", f * 100.0))
}

/// The tables; `said` is what was changed, in the user's words.
#[must_use]
pub fn text(impact: &Impact, said: &str) -> String {
    let mut t = format!("block {}; change: {said}\n\n", impact.block);
    let columns = format!("{:>8} {:>11} {:>11}", "accounts", "collateral", "debt");
    t += &format!("{:<16} {:^32} | {:^32}\n", "USD", "before", "after");
    t += &format!("{:<16} {columns} | {columns}\n", "");
    t += &format!("{:<16} {}\n", "with debt", crowds(&impact.borrowers));
    t += &format!("{:<16} {}\n\n", "liquidatable", crowds(&impact.liquidatable));
    for (name, crowd) in [("made liquidatable", impact.newly), ("made safe", impact.saved)] {
        t += &format!(
            "{name}: {} accounts, collateral {}, debt {}\n",
            crowd.accounts,
            dollars(crowd.collateral_usd),
            dollars(crowd.debt_usd)
        );
    }
    for (name, c) in [("before", impact.cleared.before), ("after", impact.cleared.after)] {
        t += &format!(
            "all liquidated, {name}: {} calls on {} accounts repay {} and take {}; bad debt {} of {} \
             accounts\n",
            c.calls,
            c.accounts,
            dollars(c.repaid_usd),
            dollars(c.seized_usd),
            dollars(c.bad_debt_usd),
            c.insolvent
        );
    }
    t += &format!("\n{:<16} {columns} | {columns}\n", "health factor");
    for bucket in &impact.buckets {
        t += &format!("{:<16} {}\n", range(bucket), crowds(&bucket.crowd));
    }
    t += &format!(
        "\n{:<10} {:>12} {:>12} | {:>11} {:>11} | {:>11} {:>11}\n",
        "liquidatable", "price before", "after", "coll. before", "after", "debt before", "after"
    );
    for a in &impact.assets {
        t += &format!(
            "{:<12} {:>12.4} {:>12.4} | {:>12} {:>11} | {:>11} {:>11}\n",
            a.asset,
            a.price_usd.before,
            a.price_usd.after,
            dollars(a.collateral_usd.before),
            dollars(a.collateral_usd.after),
            dollars(a.debt_usd.before),
            dollars(a.debt_usd.after)
        );
    }
    let f = &impact.frontier;
    t += &format!(
        "\nfall of {:<10} {:>11} {:>11} | {:>11} {:>11}\n",
        f.assets.join(", "),
        "liq. before",
        "after",
        "bad before",
        "after"
    );
    for p in &f.points {
        let [l, b] = [p.liquidatable_debt_usd, p.bad_debt_usd];
        t += &format!(
            "{:>16.1} % {:>11} {:>11} | {:>11} {:>11}\n",
            p.fall * 100.0,
            dollars(l[0]),
            dollars(l[1]),
            dollars(b[0]),
            dollars(b[1])
        );
    }
    let [l, b] = [f.first_liquidatable_fall, f.first_bad_debt_fall];
    t += &format!("first liquidatable: {} before, {} after\n", percent(l[0]), percent(l[1]));
    t += &format!("first bad debt: {} before, {} after\n", percent(b[0]), percent(b[1]));
    t
}

#[cfg(test)]
mod tests {
    use super::dollars;

    #[test]
    fn dollars_are_short() {
        let written = [0.4, 999.4, 1_234.0, 999_600.0, 14_600_000.0, 2.5e9].map(dollars);
        assert_eq!(written, ["0", "999", "1.23k", "1.00M", "14.6M", "2.50G"]);
    }
}
