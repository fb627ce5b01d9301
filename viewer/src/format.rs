//! Numbers as people read them.

/// An integer with thousands separators.
#[must_use]
pub fn integer(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number in three or four significant digits with a k, M or B.
#[must_use]
pub fn short(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    let (scaled, suffix) = if magnitude >= 1e9 {
        (value / 1e9, " B")
    } else if magnitude >= 1e6 {
        (value / 1e6, " M")
    } else if magnitude >= 1e4 {
        (value / 1e3, " k")
    } else {
        (value, "")
    };
    let decimals = match scaled.abs() {
        0.0 => 0,
        s if s < 0.01 => 5,
        s if s < 1.0 => 4,
        s if s < 100.0 => 2,
        s if s < 1000.0 => 1,
        _ => 0,
    };
    let text = format!("{:.decimals$}", scaled.abs());
    let text = if suffix.is_empty() && scaled.abs() >= 1000.0 {
        integer(scaled.abs().round() as u64)
    } else {
        text
    };
    let sign = if scaled < 0.0 { "−" } else { "" };
    format!("{sign}{text}{suffix}")
}

/// An amount of USD.
#[must_use]
pub fn usd(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let text = short(value.abs());
    if value < 0.0 { format!("−${text}") } else { format!("${text}") }
}

/// An amount of USD on an axis: no digits that say nothing.
#[must_use]
pub fn usd_mark(value: f64) -> String {
    let text = usd(value);
    let (number, suffix) = match text.split_once(' ') {
        Some((number, suffix)) => (number, format!(" {suffix}")),
        None => (text.as_str(), String::new()),
    };
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    };
    format!("{number}{suffix}")
}

/// A ratio as a percentage.
#[must_use]
pub fn percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        return "–".to_owned();
    }
    let text = format!("{:.2} %", (ratio * 100.0).abs());
    if ratio < 0.0 && text != "0.00 %" { format!("−{text}") } else { text }
}

/// Elapsed time, in the two largest units that are not zero.
#[must_use]
pub fn elapsed(secs: u64) -> String {
    let (days, hours, minutes, seconds) =
        (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60);
    if days > 0 {
        format!("{days} d {hours:02}:{minutes:02}")
    } else if seconds != 0 {
        format!("{hours:02}:{minutes:02}:{seconds:02}")
    } else {
        format!("{hours:02}:{minutes:02}")
    }
}

/// Elapsed time to the second.
#[must_use]
pub fn clock(secs: u64) -> String {
    let days = match secs / 86_400 {
        0 => String::new(),
        days => format!("{days}d "),
    };
    format!("{days}{:02}:{:02}:{:02}", secs / 3600 % 24, secs / 60 % 60, secs % 60)
}

/// A Unix time as date and time of day, in UTC (civil-from-days, Howard Hinnant's
/// `chrono`-compatible date algorithms).
#[must_use]
pub fn utc(timestamp: u64) -> String {
    let days = (timestamp / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let secs = timestamp % 86_400;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        secs / 3600,
        secs / 60 % 60,
        secs % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(integer(0), "0");
        assert_eq!(integer(1_234_567), "1,234,567");
        assert_eq!(usd(1_834.2), "$1,834");
        assert_eq!(usd(-12_345_678.0), "−$12.35 M");
        assert_eq!(usd(0.0), "$0");
        assert_eq!(usd(0.998), "$0.9980");
        assert_eq!(short(f64::NAN), "–");
        assert_eq!(usd_mark(50.0e6), "$50 M");
        assert_eq!(usd_mark(0.0), "$0");
        assert_eq!(usd_mark(1200.0), "$1,200");
        assert_eq!(percent(0.8312), "83.12 %");
        assert_eq!(percent(-0.000_001), "0.00 %");
        assert_eq!(percent(-0.05), "−5.00 %");
    }

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(elapsed(0), "00:00");
        assert_eq!(elapsed(3_612), "01:00:12");
        assert_eq!(elapsed(90_000), "1 d 01:00");
        assert_eq!(clock(86_400 + 3_612), "1d 01:00:12");
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(1_583_971_199), "2020-03-11 23:59:59 UTC");
        assert_eq!(utc(1_709_208_000), "2024-02-29 12:00:00 UTC");
    }
}
