//! Recorded price windows: read from candles, split by date, kept apart by an embargo.

use crate::dates::{DAY_SECS, Utc};
use crate::klines::{self, Flaw, KlineError, Klines};
use crate::schema::Role;
use markets::price::Bar;
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
    /// Other assets, by symbol, each with as many bars, in USD.
    pub others: Vec<Other>,
}

/// Another asset's record over a window.
#[derive(Clone, Debug)]
pub struct Other {
    /// Its symbol.
    pub asset: String,
    /// Its bars, one for each of the window's, in USD.
    pub bars: Arc<[Bar]>,
    /// Hash of the file, in hexadecimal.
    pub file_hash: String,
}

/// What is wrong with a window's price file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It is no file of candles.
    #[error(transparent)]
    File(#[from] KlineError),
    /// Bars are missing, doubled or out of order: a window is played bar after bar.
    #[error("{file}:{}", listed(flaws))]
    Flawed {
        /// Which file.
        file: String,
        /// What is wrong, place by place.
        flaws: Vec<Flaw>,
    },
    /// Another asset's file does not have the window's bars.
    #[error(
        "{file} has bars of {bar_secs} s from {start} to {end}, and the window has bars of {wanted_secs} s \
         from {wanted_start} to {wanted_end}"
    )]
    OtherBars {
        /// Which file.
        file: String,
        /// Length of its bars, in seconds.
        bar_secs: u32,
        /// When its first bar opens.
        start: Utc,
        /// When its last bar closes.
        end: Utc,
        /// Length of the window's bars, in seconds.
        wanted_secs: u32,
        /// When the window's first bar opens.
        wanted_start: Utc,
        /// When its last bar closes.
        wanted_end: Utc,
    },
}

/// The first flaws, and how many more there are.
fn listed(flaws: &[Flaw]) -> String {
    const MOST: usize = 3;
    let first: Vec<String> = flaws.iter().take(MOST).map(Flaw::to_string).collect();
    let mut text = first.join("; ");
    if flaws.len() > MOST {
        text += &format!("; and {} more", flaws.len() - MOST);
    }
    text
}

impl Window {
    /// Reads a window from candles in any layout that [`klines::read`] knows.
    ///
    /// # Errors
    /// The file is no such thing, or bars are missing, doubled or out of order.
    pub fn read(name: &str, role: Role, path: &Path) -> Result<Self, WindowError> {
        let Klines { file, hash, times, bars, bar_secs, flaws } = klines::read(path)?;
        if !flaws.is_empty() {
            return Err(WindowError::Flawed { file, flaws });
        }
        let start = times.first().copied().unwrap_or(Utc(0));
        Ok(Self {
            name: name.to_owned(),
            role,
            start,
            end: Utc(start.0 + bar_secs * bars.len() as u64),
            bar_secs: u32::try_from(bar_secs).unwrap_or(u32::MAX),
            bars: bars.into(),
            file_hash: hash,
            others: Vec::new(),
        })
    }

    /// Reads what another asset did in this window.
    ///
    /// # Errors
    /// As [`Self::read`], and where the file does not have all of the window's bars.
    pub fn read_other(&mut self, asset: &str, path: &Path) -> Result<(), WindowError> {
        let other = Self::read(asset, self.role, path)?;
        let bar_secs = u64::from(self.bar_secs.max(1));
        let before = self.start.0.checked_sub(other.start.0);
        let first = before.filter(|b| b.is_multiple_of(bar_secs)).map(|b| (b / bar_secs) as usize);
        let bars = first
            .filter(|_| other.bar_secs == self.bar_secs)
            .and_then(|first| other.bars.get(first..first + self.bars.len()));
        let Some(bars) = bars else {
            return Err(WindowError::OtherBars {
                file: path.display().to_string(),
                bar_secs: other.bar_secs,
                start: other.start,
                end: other.end,
                wanted_secs: self.bar_secs,
                wanted_start: self.start,
                wanted_end: self.end,
            });
        };
        let (asset, bars) = (asset.to_owned(), bars.into());
        self.others.push(Other { asset, bars, file_hash: other.file_hash });
        Ok(())
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
