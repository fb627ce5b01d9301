//! Recorded price windows: read from CSV, split by date, kept apart by an embargo.

use crate::dates::{DAY_SECS, Utc};
use crate::schema::Role;
use markets::price::Bar;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A recorded window: consecutive bars of equal length.
#[derive(Clone, Debug)]
pub struct Window {
    /// Its name in the scenario.
    pub name: String,
    /// Whether training may see it.
    pub role: Role,
    /// When its first bar opens.
    pub start: Utc,
    /// When its last bar closes.
    pub end: Utc,
    /// Length of a bar, in seconds.
    pub bar_secs: u32,
    /// The bars, in USD.
    pub bars: Arc<[Bar]>,
    /// Hash of the file, in hexadecimal.
    pub file_hash: String,
}

/// What is wrong with a price file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The file cannot be read.
    #[error("cannot read the price file {file}: {reason}")]
    Unreadable {
        /// Which file.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// A line is not what it should be.
    #[error("{file}:{line}: {reason}")]
    Line {
        /// Which file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Fewer than two bars.
    #[error("{file}: {bars} bars; a window needs at least two")]
    TooShort {
        /// Which file.
        file: String,
        /// How many there are.
        bars: usize,
    },
}

impl Window {
    /// Reads `open_time_utc,open_usd,high_usd,low_usd,close_usd` with `#` comments.
    ///
    /// # Errors
    /// The file cannot be read, has a malformed or inconsistent row, or unequal steps.
    pub fn read(name: &str, role: Role, path: &Path) -> Result<Self, WindowError> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| WindowError::Unreadable {
            file: file.clone(),
            reason: error.to_string(),
        })?;
        let mut bars = Vec::new();
        let mut times: Vec<u64> = Vec::new();
        let mut header = false;
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad =
                |reason: String| WindowError::Line { file: file.clone(), line: i + 1, reason };
            if !header {
                header = true;
                if line != HEADER {
                    return Err(bad(format!("expected the header `{HEADER}`, found `{line}`")));
                }
                continue;
            }
            let (time, bar) = row(line).map_err(bad)?;
            if let [.., a, b] = times[..] {
                if time != b + (b - a) {
                    return Err(bad(format!("a gap: expected {}", Utc(b + (b - a)))));
                }
            } else if times.last().is_some_and(|last| time <= *last) {
                return Err(bad("times must increase".to_owned()));
            }
            times.push(time);
            bars.push(bar);
        }
        let [first, second, ..] = times[..] else {
            return Err(WindowError::TooShort { file, bars: bars.len() });
        };
        let bar_secs = second - first;
        Ok(Self {
            name: name.to_owned(),
            role,
            start: Utc(first),
            end: Utc(first + bar_secs * bars.len() as u64),
            bar_secs: u32::try_from(bar_secs).unwrap_or(u32::MAX),
            bars: bars.into(),
            file_hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
        })
    }

    /// Length in seconds.
    #[must_use]
    pub const fn duration_secs(&self) -> u64 {
        self.end.0 - self.start.0
    }

    /// Whether two windows are nearer to each other than the embargo.
    #[must_use]
    pub const fn clashes(&self, other: &Self, embargo_days: u32) -> bool {
        let gap = embargo_days as u64 * DAY_SECS;
        self.start.0 < other.end.0 + gap && other.start.0 < self.end.0 + gap
    }
}

const HEADER: &str = "open_time_utc,open_usd,high_usd,low_usd,close_usd";

fn row(line: &str) -> Result<(u64, Bar), String> {
    let cells: Vec<&str> = line.split(',').collect();
    let [time, open, high, low, close] = cells[..] else {
        return Err(format!("expected 5 cells, found {}", cells.len()));
    };
    let time = Utc::parse(time).ok_or_else(|| format!("`{time}` is not a UTC time"))?;
    let price = |cell: &str| match cell.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err(format!("`{cell}` is not a positive price")),
    };
    let bar =
        Bar { open: price(open)?, high: price(high)?, low: price(low)?, close: price(close)? };
    if bar.low > bar.open.min(bar.close) || bar.high < bar.open.max(bar.close) {
        return Err("open and close must lie between low and high".to_owned());
    }
    Ok((time.0, bar))
}
