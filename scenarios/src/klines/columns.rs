//! Which column is which.

use super::times;
use crate::dates::Utc;
use markets::price::Bar;

/// Positions of a candle's values in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    time: usize,
    open: usize,
    high: usize,
    low: usize,
    close: usize,
    /// Cells that a row has at least.
    cells: usize,
}

/// Names of columns in small letters and digits only, units cut off; earlier ones are preferred.
const TIME: &[&str] =
    &["opentime", "opentimestamp", "unix", "timestamp", "datetime", "time", "date", "ts", "t"];
const OPEN: &[&str] = &["open", "openprice", "o"];
const HIGH: &[&str] = &["high", "highprice", "h"];
const LOW: &[&str] = &["low", "lowprice", "l"];
const CLOSE: &[&str] = &["close", "closeprice", "c"];

/// Columns by a file's first row, and whether that row is a header. A first row of a time and four numbers
/// has Binance's order: open time, open, high, low, close.
pub(super) fn find(first: &[String]) -> Result<(Columns, bool), String> {
    let cells = first.len();
    let by_position = Columns { time: 0, open: 1, high: 2, low: 3, close: 4, cells: 5 };
    let is_number = |cell: &String| cell.trim().parse::<f64>().is_ok();
    if cells >= 5 && first[1..5].iter().all(is_number) && times::parse(&first[0]).is_some() {
        return Ok((by_position, false));
    }
    let names: Vec<String> = first.iter().map(|cell| plain(cell)).collect();
    let position = |what: &str, wanted: &[&str]| {
        let found = wanted.iter().find_map(|name| names.iter().position(|n| n == name));
        found.ok_or_else(|| {
            format!(
                "no column for the {what} (looked for {}) among: {}",
                wanted.join(", "),
                first.join(", ")
            )
        })
    };
    let columns = Columns {
        time: position("opening time", TIME)?,
        open: position("open", OPEN)?,
        high: position("high", HIGH)?,
        low: position("low", LOW)?,
        close: position("close", CLOSE)?,
        cells: 0,
    };
    let Columns { time, open, high, low, close, cells: _ } = columns;
    let cells = time.max(open).max(high).max(low).max(close) + 1;
    Ok((Columns { cells, ..columns }, true))
}

/// `Open time (UTC)` and `open_time_utc` are `opentime`.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_ascii_alphanumeric());
    let mut plain = letters.collect::<String>().to_ascii_lowercase();
    for unit in ["usdt", "usd", "utc"] {
        if let Some(stem) = plain.strip_suffix(unit).filter(|stem| !stem.is_empty()) {
            plain = stem.to_owned();
        }
    }
    plain
}

impl Columns {
    /// The candle of a row.
    pub(super) fn candle(&self, row: &[String]) -> Result<(Utc, Bar), String> {
        if row.len() < self.cells {
            return Err(format!("{} cells, at least {} are needed", row.len(), self.cells));
        }
        let time = row[self.time].trim();
        let utc = times::parse(time).ok_or_else(|| {
            format!("`{time}` is no time: write 2020-03-12T00:00:00Z, or seconds since 1970")
        })?;
        let price = |at: usize| {
            let cell = row[at].trim();
            match cell.parse::<f64>() {
                Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
                _ => Err(format!("`{cell}` is not a positive price")),
            }
        };
        let bar = Bar {
            open: price(self.open)?,
            high: price(self.high)?,
            low: price(self.low)?,
            close: price(self.close)?,
        };
        if !bar.is_valid() {
            return Err("open and close must lie between low and high".to_owned());
        }
        Ok((utc, bar))
    }
}
