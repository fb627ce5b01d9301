//! Price files as exchanges give them: candles from CSV or Parquet, whatever their columns are called and
//! however their times are written. What is missing, doubled or out of order is reported with its place.

mod columns;
mod rows;
mod times;

use crate::dates::Utc;
use markets::price::Bar;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
pub(crate) use times::parse as parse_time;

/// Candles in the order of time, with what was wrong about their file.
#[derive(Clone, Debug)]
pub struct Klines {
    /// The file, as named by the caller.
    pub file: String,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// When each bar opens.
    pub times: Vec<Utc>,
    /// The bars, in the file's unit.
    pub bars: Vec<Bar>,
    /// Length of a bar, in seconds: the most common distance between two.
    pub bar_secs: u64,
    /// What is wrong and could be mended.
    pub flaws: Vec<Flaw>,
}

/// What was wrong with a row and could be mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flaw {
    /// Line of a CSV, row of a Parquet file, from 1.
    pub place: usize,
    /// When its bar opens.
    pub time_utc: String,
    /// What is wrong.
    pub kind: FlawKind,
}

/// Kinds of flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FlawKind {
    /// Bars are missing before this one.
    Gap {
        /// Seconds between the end of the bar before it and its own start.
        missing_secs: u64,
    },
    /// The same bar again; the first one counts.
    Duplicate,
    /// Another bar of the same time; the first one counts.
    Conflict,
    /// It stands after a later one; rows were sorted.
    OutOfOrder,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, time_utc, kind } = self;
        match kind {
            FlawKind::Gap { missing_secs } => {
                write!(f, "{place}: a gap of {missing_secs} s before {time_utc}")
            }
            FlawKind::Duplicate => write!(f, "{place}: {time_utc} again"),
            FlawKind::Conflict => {
                write!(f, "{place}: {time_utc} again, with other prices: the first ones count")
            }
            FlawKind::OutOfOrder => write!(f, "{place}: {time_utc} stands after a later bar"),
        }
    }
}

/// What is wrong with a price file and cannot be mended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KlineError {
    /// The file cannot be read.
    #[error("cannot read the price file {file}: {reason}")]
    Unreadable {
        /// Which file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// A row is not what it should be.
    #[error("{file}:{place}: {reason}")]
    Row {
        /// Which file.
        file: String,
        /// Line of a CSV, row of a Parquet file, from 1.
        place: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Fewer than two bars.
    #[error("{file}: {bars} bars; at least two are needed")]
    TooShort {
        /// Which file.
        file: String,
        /// How many there are.
        bars: usize,
    },
}

/// A row with its place.
type Placed = (usize, Utc, Bar);

/// Reads candles from a CSV or Parquet file; Parquet is known by its first bytes.
///
/// # Errors
/// [`KlineError`]: unreadable, no such columns, a row that is no candle, fewer than two bars.
pub fn read(path: &Path) -> Result<Klines, KlineError> {
    let file = path.display().to_string();
    let unreadable = |reason: String| KlineError::Unreadable { file: file.clone(), reason };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    from_bytes(&file, &bytes)
}

/// As [`read`], for a file's bytes.
///
/// # Errors
/// As [`read`].
pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Klines, KlineError> {
    let table = table_rows(bytes);
    let unreadable = |reason| KlineError::Unreadable { file: file.to_owned(), reason };
    let rows = table.map_err(unreadable)?;
    let mut placed = Vec::with_capacity(rows.len());
    let mut columns: Option<columns::Columns> = None;
    for (place, cells) in rows {
        let bad = |reason| KlineError::Row { file: file.to_owned(), place, reason };
        let known = match &columns {
            Some(known) => known,
            None => {
                let (found, is_header) = columns::find(&cells).map_err(bad)?;
                let found = columns.insert(found);
                if is_header {
                    continue;
                }
                found
            }
        };
        let (time, bar) = known.candle(&cells).map_err(bad)?;
        placed.push((place, time, bar));
    }
    let hash = blake3::hash(bytes).to_hex().to_string();
    in_order(file, hash, placed)
}

/// Sorts, drops doubles, finds the length of a bar and the gaps.
fn in_order(file: &str, hash: String, mut rows: Vec<Placed>) -> Result<Klines, KlineError> {
    let mut flaws = Vec::new();
    let flaw = |place: usize, time: Utc, kind| Flaw { place, time_utc: time.to_string(), kind };
    // Newest first is an order too.
    if rows.first().zip(rows.last()).is_some_and(|(first, last)| first.1 > last.1) {
        rows.reverse();
    }
    let mut latest = Utc(0);
    for (place, time, _) in &rows {
        if *time < latest {
            flaws.push(flaw(*place, *time, FlawKind::OutOfOrder));
        }
        latest = latest.max(*time);
    }
    rows.sort_by_key(|(_, time, _)| *time);
    let mut kept: Vec<Placed> = Vec::with_capacity(rows.len());
    for (place, time, bar) in rows {
        match kept.last() {
            Some((_, last, same)) if *last == time => {
                let kind = if *same == bar { FlawKind::Duplicate } else { FlawKind::Conflict };
                flaws.push(flaw(place, time, kind));
            }
            _ => kept.push((place, time, bar)),
        }
    }
    if kept.len() < 2 {
        return Err(KlineError::TooShort { file: file.to_owned(), bars: kept.len() });
    }
    let mut steps: BTreeMap<u64, usize> = BTreeMap::new();
    for pair in kept.windows(2) {
        *steps.entry(pair[1].1.0 - pair[0].1.0).or_default() += 1;
    }
    // The most common step; of equally common ones the shortest.
    let most = steps.values().copied().max().unwrap_or(0);
    let bar_secs = steps.iter().find(|(_, count)| **count == most).map_or(1, |(step, _)| *step);
    for pair in kept.windows(2) {
        let step = pair[1].1.0 - pair[0].1.0;
        if step != bar_secs {
            let missing_secs = step.saturating_sub(bar_secs);
            flaws.push(flaw(pair[1].0, pair[1].1, FlawKind::Gap { missing_secs }));
        }
    }
    flaws.sort_by_key(|flaw| flaw.place);
    Ok(Klines {
        file: file.to_owned(),
        hash,
        times: kept.iter().map(|(_, time, _)| *time).collect(),
        bars: kept.iter().map(|(_, _, bar)| *bar).collect(),
        bar_secs,
        flaws,
    })
}

/// Rows of a CSV or a Parquet file with their places, the header first.
pub(crate) fn table_rows(bytes: &[u8]) -> Result<Vec<(usize, Vec<String>)>, String> {
    if bytes.starts_with(b"PAR1") { rows::parquet(bytes) } else { rows::csv(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Result<Klines, KlineError> {
        from_bytes("x.csv", text.as_bytes())
    }

    #[test]
    fn layouts_of_exchanges_read_alike() {
        let own = "# source\nopen_time_utc,open_usd,high_usd,low_usd,close_usd\n\
                   2020-03-12T00:00:00Z,1,3,0.5,2\n2020-03-12T01:00:00Z,2,4,1,3\n";
        let bare = "1583971200000,1,3,0.5,2,9,1583974799999,0,1,0,0,0\n\
                    1583974800000,2,4,1,3,9,1583978399999,0,1,0,0,0\n";
        let micro = bare.replace("00000,", "00000000,").replace("799999,", "799999999,");
        let named = "Volume;Close;Low;High;Open;Open time\n\
                     9;2;0.5;3;1;2020-03-12 00:00:00\n9;3;1;4;2;2020-03-12 01:00:00\n";
        let newest_first = "https://example.org\nunix,date,symbol,open,high,low,close\n\
                            1583974800.0,2020-03-12 01:00:00,ETH,2,4,1,3\n\
                            1583971200.0,2020-03-12 00:00:00,ETH,1,3,0.5,2\n";
        let zoned = "\"timestamp\",open,high,low,close\n2020-03-12T01:00:00.000+01:00,1,3,0.5,2\n\
                     2020-03-12T01:00:00+00:00,2,4,1,3\n";
        let expected = text(own).expect("our own");
        assert_eq!(expected.bar_secs, 3_600);
        for other in [bare, &micro, named, newest_first, zoned] {
            let found = text(other).unwrap_or_else(|e| panic!("{e}\n{other}"));
            assert_eq!((&found.times, &found.bars), (&expected.times, &expected.bars), "{other}");
            assert_eq!(found.flaws, []);
        }
    }

    #[test]
    fn gaps_doubles_and_disorder_have_their_places() {
        let found = text(
            "time,open,high,low,close\n0,1,1,1,1\n3600,1,1,1,1\n3600,1,1,1,1\n14400,1,1,1,1\n\
             7200,1,1,1,1\n7200,2,2,2,2\n18000,1,1,1,1\n",
        )
        .expect("mended");
        assert_eq!(found.times.len(), 5);
        let flaws: Vec<(usize, FlawKind)> = found.flaws.iter().map(|f| (f.place, f.kind)).collect();
        let expected = [
            (4, FlawKind::Duplicate),
            (5, FlawKind::Gap { missing_secs: 3_600 }),
            (6, FlawKind::OutOfOrder),
            (7, FlawKind::OutOfOrder),
            (7, FlawKind::Conflict),
        ];
        assert_eq!(flaws, expected);
        assert_eq!(found.bars[2].open, 1.0);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let header = "time,open,high,low,close\n";
        for (rows, place, words) in [
            ("time,open,high,low\n0,1,1,1\n", 1, "close"),
            (&*format!("{header}0,1,1,1,1\nyesterday,1,1,1,1\n"), 3, "yesterday"),
            (&*format!("{header}0,1,1,1,x\n"), 2, "`x` is not a positive price"),
            (&*format!("{header}0,1,1,1,-1\n"), 2, "`-1`"),
            (&*format!("{header}0,1,2,1.5,1.7\n"), 2, "between low and high"),
            (&*format!("{header}0,1,1\n"), 2, "3 cells"),
        ] {
            match text(rows).expect_err(words) {
                KlineError::Row { place: found, reason, .. } => {
                    assert_eq!(found, place, "{rows}");
                    assert!(reason.contains(words), "{reason}");
                }
                other => panic!("{other}"),
            }
        }
        assert!(matches!(
            text("time,open,high,low,close\n0,1,1,1,1\n"),
            Err(KlineError::TooShort { .. })
        ));
        assert!(matches!(text(""), Err(KlineError::TooShort { bars: 0, .. })));
        assert!(from_bytes("x", b"PAR1 nothing").is_err());
        assert!(from_bytes("x", &[0xff, 0xfe, b'\n']).is_err());
    }
}
