//! Times as exchanges write them.

use crate::dates::Utc;

/// An ISO time with or without fraction and offset, or whole seconds, milliseconds, microseconds or
/// nanoseconds since 1970, told apart by their size: below 10¹¹ (the year 5138 in seconds), 10¹⁴ and 10¹⁷.
/// Milliseconds of before March 1973 would be taken for seconds.
pub(crate) fn parse(text: &str) -> Option<Utc> {
    let text = text.trim();
    let digits = text.strip_suffix(".0").unwrap_or(text);
    if let Ok(number) = digits.parse::<u64>() {
        return epoch(number);
    }
    // Exponents: what a spreadsheet makes of milliseconds.
    if let Ok(number) = text.parse::<f64>() {
        let whole = (0.0..9e15).contains(&number) && number.fract() == 0.0;
        return whole.then(|| epoch(number as u64)).flatten();
    }
    iso(text)
}

fn epoch(number: u64) -> Option<Utc> {
    let per_second = match number {
        0..100_000_000_000 => 1,
        100_000_000_000..100_000_000_000_000 => 1_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000_000,
        _ => 1_000_000_000,
    };
    // A candle opens on a second.
    number.is_multiple_of(per_second).then_some(Utc(number / per_second))
}

fn iso(text: &str) -> Option<Utc> {
    let text = text.trim_end_matches("UTC").trim_end().trim_end_matches('Z');
    // An offset stands after the time, where a date has no sign.
    let (local, offset) = match text.char_indices().skip(11).find(|(_, c)| matches!(c, '+' | '-')) {
        Some((at, sign)) => (&text[..at], offset(&text[at + 1..], sign == '-')?),
        None => (text, 0),
    };
    let (local, fraction) = local.split_once('.').unwrap_or((local, "0"));
    if !fraction.chars().all(|c| c == '0') {
        return None;
    }
    let local = if local.len() == 16 { format!("{local}:00") } else { local.to_owned() };
    let Utc(secs) = Utc::parse(&local)?;
    secs.checked_add_signed(-offset).map(Utc)
}

/// Seconds that a zone is ahead of UTC: `01:00`, `0100` or `01`.
fn offset(text: &str, behind: bool) -> Option<i64> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 =
        digits.get(2..).filter(|m| !m.is_empty()).map_or(Some(0), |m| m.parse().ok())?;
    let secs = hours * 3_600 + minutes * 60;
    (hours < 15 && minutes < 60).then_some(if behind { -secs } else { secs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_time() {
        let black_thursday = Utc(1_583_971_200);
        for text in [
            "2020-03-12",
            "2020-03-12 00:00",
            "2020-03-12 00:00:00",
            "2020-03-12T00:00:00Z",
            "2020-03-12 00:00:00 UTC",
            "2020-03-12T00:00:00.000Z",
            "2020-03-12T02:00:00+02:00",
            "2020-03-11 19:00:00-0500",
            "1583971200",
            "1583971200.0",
            "1583971200000",
            "1583971200000000",
            "1583971200000000000",
            "1.5839712e12",
        ] {
            assert_eq!(parse(text), Some(black_thursday), "{text}");
        }
        for bad in ["", "x", "2020-03-12T00:00:00.5Z", "1583971200001", "-5", "12/03/2020", "nan"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
