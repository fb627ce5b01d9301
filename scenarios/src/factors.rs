//! Exogenous streams of a scenario: what they are, their files, their checks, their start.

use crate::check::Checker;
use crate::dates::Utc;
use crate::klines::{parse_time, table_rows};
use crate::schema::Scenario;
use markets::price::Reversion;
use markets::price::ou::vol_per_sqrt_year;
use serde::{Deserialize, Serialize};
use sim::factors::{Factor, FactorSource, Factors};
use std::path::Path;

const HOUR_SECS: f64 = 3_600.0;

/// An exogenous stream that agents can see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorSpec {
    /// Name, unique among the streams.
    pub name: String,
    /// What its value is divided by in observations; positive.
    #[serde(default = "one")]
    pub scale: f64,
    /// How it moves.
    pub source: StreamSpec,
}

const fn one() -> f64 {
    1.0
}

/// How a stream moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum StreamSpec {
    /// Around a mean, where it starts: an Ornstein–Uhlenbeck process.
    Reverting {
        /// The mean.
        mean: f64,
        /// Standard deviation in the long run.
        sd: f64,
        /// Half-life of a deviation, in hours.
        half_life_hours: f64,
    },
    /// Values, each from so many hours after the start of the episode on.
    Steps {
        /// Hours and value, in order of time; the first holds from the start.
        hours_and_values: Vec<(f64, f64)>,
    },
    /// A file of times and values.
    File {
        /// CSV or Parquet with the columns `time` and `value`, relative to the scenario. Its times are those of
        /// the calendar where the episode begins between the first and the last of them; otherwise the
        /// first is the start of the episode.
        csv: String,
    },
}

/// Times and values of a stream's file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Unix time and value, in order of time.
    pub points: Vec<(u64, f64)>,
    /// Hash of the file, in hexadecimal; empty where a stream has none.
    pub file_hash: String,
}

impl Series {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that says what is wrong, and where.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let rows = table_rows(&bytes).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut rows = rows.into_iter();
        let header: Vec<String> = rows
            .next()
            .map(|(_, cells)| cells)
            .unwrap_or_default()
            .iter()
            .map(|c| c.to_lowercase())
            .collect();
        let column = |name: &str| {
            header.iter().position(|c| c == name).ok_or_else(|| {
                format!("{}: no column `{name}`; the first row names the columns", path.display())
            })
        };
        let (time, value) = (column("time")?, column("value")?);
        let mut points: Vec<(u64, f64)> = Vec::new();
        for (line, cells) in rows {
            let at = |what: &str| format!("{}:{line}: {what}", path.display());
            let cell = |i: usize| cells.get(i).map_or("", String::as_str);
            let Utc(secs) = parse_time(cell(time))
                .ok_or_else(|| at("no time: write ISO 8601 or whole seconds since 1970"))?;
            let number: Option<f64> =
                cell(value).trim().parse().ok().filter(|v: &f64| v.is_finite());
            let number = number.ok_or_else(|| at("no finite number under `value`"))?;
            if points.last().is_some_and(|(before, _)| *before >= secs) {
                return Err(at("not later than the row before: sort by time, each time once"));
            }
            points.push((secs, number));
        }
        if points.is_empty() {
            return Err(format!("{}: no rows below the header", path.display()));
        }
        Ok(Self { points, file_hash: blake3::hash(&bytes).to_hex().to_string() })
    }
}

/// Checks the streams and reads their files: one series for each, empty where it has no file.
pub(crate) fn check(s: &Scenario, base: &Path, checker: &mut Checker<'_>) -> Vec<Series> {
    checker.once(|i| format!("factors.{i}.name"), s.factors.iter().map(|f| f.name.as_str()));
    let mut series = Vec::with_capacity(s.factors.len());
    for (i, factor) in s.factors.iter().enumerate() {
        let at = format!("factors.{i}");
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if factor.name.is_empty() || !factor.name.chars().all(is_name) {
            let help = "for example \"sentiment\"";
            checker.refuse(&format!("{at}.name"), "a name is letters, digits and `_`", help);
        }
        checker.within(&format!("{at}.scale"), factor.scale, 1e-12, 1e12);
        let mut read = Series::default();
        match &factor.source {
            StreamSpec::Reverting { mean, sd, half_life_hours } => {
                checker.within(&format!("{at}.source.mean"), *mean, -1e12, 1e12);
                checker.within(&format!("{at}.source.sd"), *sd, 0.0, 1e12);
                checker.within(
                    &format!("{at}.source.half_life_hours"),
                    *half_life_hours,
                    1e-3,
                    1e6,
                );
            }
            StreamSpec::Steps { hours_and_values } => {
                let list = format!("{at}.source.hours_and_values");
                let sound = |(hours, value): &(f64, f64)| {
                    (0.0..=1e6).contains(hours) && value.abs() <= 1e12
                };
                let sorted = hours_and_values.windows(2).all(|w| w[0].0 < w[1].0);
                if hours_and_values.is_empty() || !hours_and_values.iter().all(sound) || !sorted {
                    checker.refuse(
                        &list,
                        "a list of (hours, value), hours from 0 to 1000000 and each later than the last",
                        "for example [(0.0, 1.0), (6.0, -1.0)]",
                    );
                }
            }
            StreamSpec::File { csv } => match Series::read(&base.join(csv)) {
                Ok(series) => read = series,
                Err(error) => checker.refuse(
                    &format!("{at}.source.csv"),
                    error,
                    "files are named relative to the scenario file; columns `time` and `value`",
                ),
            },
        }
        series.push(read);
    }
    series
}

/// The streams at the start of an episode that begins at the Unix time `start`.
pub(crate) fn begin(s: &Scenario, series: &[Series], start: u64) -> Factors {
    let of = |(spec, series): (&FactorSpec, &Series)| Factor {
        name: spec.name.clone(),
        scale: spec.scale,
        source: source(&spec.source, &series.points, s.block_secs, start),
    };
    Factors(s.factors.iter().zip(series).map(of).collect())
}

fn source(spec: &StreamSpec, points: &[(u64, f64)], block_secs: u32, start: u64) -> FactorSource {
    let mut steps: Vec<(u64, f64)> = match spec {
        StreamSpec::Reverting { mean, sd, half_life_hours } => {
            let half_life_secs = half_life_hours * HOUR_SECS;
            let vol = vol_per_sqrt_year(*sd, half_life_secs);
            let step = Reversion::new(half_life_secs, vol, block_secs)
                .expect("a checked half-life is positive and a checked deviation not negative");
            return FactorSource::Reverting { mean: *mean, deviation: 0.0, step };
        }
        StreamSpec::Steps { hours_and_values } => hours_and_values
            .iter()
            .map(|(hours, value)| (start + (hours * HOUR_SECS) as u64, *value))
            .collect(),
        StreamSpec::File { .. } => points.to_vec(),
    };
    if let (StreamSpec::File { .. }, Some((first, _)), Some((last, _))) =
        (spec, points.first(), points.last())
        && !(*first..=*last).contains(&start)
    {
        for (time, _) in &mut steps {
            *time = start + (*time - first);
        }
    }
    let at = steps.iter().rposition(|(time, _)| *time <= start).unwrap_or(0);
    FactorSource::Steps { steps, at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_by_the_calendar_or_from_the_start() {
        let points = [(1_000, 1.0), (2_000, 2.0), (3_000, 3.0)];
        let spec = StreamSpec::File { csv: String::new() };
        let within = source(&spec, &points, 12, 2_500);
        assert_eq!(within, FactorSource::Steps { steps: points.to_vec(), at: 1 });
        let FactorSource::Steps { steps, at } = source(&spec, &points, 12, 9_000) else {
            panic!("steps");
        };
        assert_eq!((steps[2], at), ((11_000, 3.0), 0));
    }

    #[test]
    fn a_file_says_where_it_is_wrong() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("mood.csv");
        let error = |text: &str| {
            std::fs::write(&path, text).expect("writes");
            Series::read(&path).expect_err("refused")
        };
        assert!(error("time,value\n2024-04-12,1\n2024-04-12,2\n").contains(":3: not later"));
        assert!(error("time,value\n2024-04-12,x\n").contains(":2: no finite number"));
        assert!(error("when,value\n1,2\n").contains("no column `time`"));
        assert!(error("time,value\n").contains("no rows"));
        std::fs::write(&path, "value,time\n0.5,2024-04-12\n-1,2024-04-13\n").expect("writes");
        let read = Series::read(&path).expect("reads");
        assert_eq!(read.points, [(1_712_880_000, 0.5), (1_712_966_400, -1.0)]);
    }
}
