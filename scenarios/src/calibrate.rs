//! Fits of price processes to a record: GARCH, jumps, tails, with standard errors, and what of them a
//! scenario can take over.

mod fragment;
mod garch;
mod merton;
mod table;

pub use garch::{Estimate, GarchFit};
pub use merton::Merton;

use crate::dates::{DAY_SECS, Utc};
use crate::klines::{Flaw, FlawKind, Klines};
use markets::price::facts::{self, JumpRule, Moments, TailIndex};
use serde::Serialize;

/// Largest α + β of the fit that scenarios take: beyond it paths of several weeks explode.
pub const PERSISTENCE_CAP: f64 = 0.99;
/// Share of the largest returns that the tail index is measured on.
pub const TAIL_SHARE: f64 = 0.01;
/// Fewer returns are too few to fit anything to.
const FEWEST_RETURNS: usize = 500;
const YEAR_SECS: f64 = 365.0 * DAY_SECS as f64;

/// A half-open stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// First moment in it.
    pub start: Utc,
    /// First moment after it.
    pub end: Utc,
}

/// Which part of a record to fit.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only bars that open at this moment or later.
    pub from: Option<Utc>,
    /// Only bars that open before this moment.
    pub to: Option<Utc>,
    /// Stretches left out: test windows and their embargo, say.
    pub without: Vec<Range>,
}

/// Jumps by the rule of docs/calibration.md.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Jumps {
    /// How many deviations a jump is beyond.
    pub threshold: f64,
    /// Bars whose bipower deviation it is held against.
    pub window_bars: usize,
    /// How many were found.
    pub count: usize,
    /// Share of the bars that could be judged.
    pub share: f64,
    /// A year, with √count/time as its error.
    pub per_year: Estimate,
    /// Mean, percent.
    pub mean_percent: Estimate,
    /// Standard deviation, percent.
    pub sd_percent: f64,
    /// Median magnitude, percent.
    pub median_size_percent: f64,
    /// Share that are falls.
    pub negative_share: f64,
    /// Standard deviation of the returns that are no jumps, percent a bar.
    pub rest_sd_percent: f64,
}

/// What was found in a record.
#[derive(Clone, Debug, Serialize)]
pub struct Calibration {
    /// The record.
    pub file: String,
    /// Its hash (BLAKE3), in hexadecimal.
    pub hash: String,
    /// Length of a bar, seconds.
    pub bar_secs: u64,
    /// Stretches of consecutive bars that were seen, `[start, end)` in UTC.
    pub fitted_on: Vec<(String, String)>,
    /// Close-to-close log returns seen.
    pub returns: usize,
    /// Mean, percent a bar.
    pub mean_percent: Estimate,
    /// Standard deviation, percent a bar.
    pub sd_percent: f64,
    /// Skewness.
    pub skew: f64,
    /// Excess kurtosis.
    pub excess_kurtosis: f64,
    /// Autocorrelation of returns after one bar.
    pub return_autocorrelation: f64,
    /// Autocorrelation of their magnitudes after one bar.
    pub magnitude_autocorrelation: f64,
    /// Gaussian quasi-likelihood.
    pub gaussian: GarchFit,
    /// Student-t likelihood.
    pub student: GarchFit,
    /// Variance held at the sample's, persistence capped: what the fragment has.
    pub targeted: GarchFit,
    /// Jumps.
    pub jumps: Jumps,
    /// Merton's jump diffusion; `None` where nothing jumps.
    pub merton: Option<Merton>,
    /// Hill index of falls.
    pub left_tail: Option<Estimate>,
    /// Hill index of rises.
    pub right_tail: Option<Estimate>,
    /// What was wrong with the file, within the selection or not.
    pub flaws: Vec<Flaw>,
}

/// Why nothing was fitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrateError {
    /// Too few returns.
    #[error(
        "{file}: {returns} returns between consecutive bars of the selection; at least {FEWEST_RETURNS} are needed"
    )]
    TooFew {
        /// Which file.
        file: String,
        /// How many.
        returns: usize,
    },
    /// Prices stand still.
    #[error("{file}: the price does not move")]
    Still {
        /// Which file.
        file: String,
    },
    /// The optimiser failed.
    #[error("{file}: the likelihood could not be maximised: {reason}")]
    Optimiser {
        /// Which file.
        file: String,
        /// Its reason.
        reason: String,
    },
}

/// Fits a record.
///
/// # Errors
/// [`CalibrateError`]: too little of it, or nothing that moves.
pub fn calibrate(klines: &Klines, selection: &Selection) -> Result<Calibration, CalibrateError> {
    let stretches = stretches(klines, selection);
    let file = || klines.file.clone();
    let runs: Vec<Vec<f64>> = stretches.iter().map(|bars| returns(klines, bars)).collect();
    let all: Vec<f64> = runs.concat();
    if all.len() < FEWEST_RETURNS {
        return Err(CalibrateError::TooFew { file: file(), returns: all.len() });
    }
    let Moments { count, mean, sd, skew, excess_kurtosis } = facts::moments(&all);
    if sd == 0.0 {
        return Err(CalibrateError::Still { file: file() });
    }
    let squares: garch::Runs =
        runs.iter().map(|run| run.iter().map(|r| (r - mean) * (r - mean)).collect()).collect();
    let variance = sd * sd;
    let failed = |error: argmin::core::Error| CalibrateError::Optimiser {
        file: file(),
        reason: error.to_string(),
    };
    let magnitudes: Vec<f64> = all.iter().map(|r| (r - mean).abs()).collect();
    let tail = |sign: f64| {
        let tail = facts::hill(all.iter().map(|r| sign * (r - mean)), TAIL_SHARE)?;
        let TailIndex { index, standard_error, used: _ } = tail;
        Some(Estimate { value: index, standard_error: Some(standard_error) })
    };
    Ok(Calibration {
        file: file(),
        hash: klines.hash.clone(),
        bar_secs: klines.bar_secs,
        fitted_on: stretches.iter().map(|bars| dates(klines, bars)).collect(),
        returns: count,
        mean_percent: Estimate { value: mean, standard_error: Some(sd / (count as f64).sqrt()) },
        sd_percent: sd,
        skew,
        excess_kurtosis,
        return_autocorrelation: facts::autocorrelation(&all, 1),
        magnitude_autocorrelation: facts::autocorrelation(&magnitudes, 1),
        gaussian: garch::quasi_likelihood(&squares, variance).map_err(failed)?,
        student: garch::student(&squares, variance).map_err(failed)?,
        targeted: garch::targeted(&squares, variance, PERSISTENCE_CAP).map_err(failed)?,
        jumps: jumps(&runs, klines.bar_secs),
        merton: merton::merton(&all, YEAR_SECS / klines.bar_secs as f64),
        left_tail: tail(-1.0),
        right_tail: tail(1.0),
        flaws: klines.flaws.clone(),
    })
}

/// Positions of consecutive bars of the selection, stretch by stretch; each has at least two.
fn stretches(klines: &Klines, selection: &Selection) -> Vec<std::ops::Range<usize>> {
    let Selection { from, to, without } = selection;
    let chosen = |time: &Utc| {
        from.is_none_or(|from| *time >= from)
            && to.is_none_or(|to| *time < to)
            && !without.iter().any(|out| *time >= out.start && *time < out.end)
    };
    let mut found = Vec::new();
    let mut start = None;
    for (i, time) in klines.times.iter().enumerate() {
        let follows = i > 0 && time.0 - klines.times[i - 1].0 == klines.bar_secs;
        if let Some(first) = start.filter(|_| !follows || !chosen(time)) {
            found.push(first..i);
            start = None;
        }
        if chosen(time) && start.is_none() {
            start = Some(i);
        }
    }
    found.extend(start.map(|first| first..klines.times.len()));
    found.retain(|bars| bars.len() > 1);
    found
}

/// Close-to-close log returns of a stretch, percent.
fn returns(klines: &Klines, bars: &std::ops::Range<usize>) -> Vec<f64> {
    let closes = klines.bars[bars.clone()].windows(2);
    closes.map(|pair| 100.0 * libm::log(pair[1].close / pair[0].close)).collect()
}

fn dates(klines: &Klines, bars: &std::ops::Range<usize>) -> (String, String) {
    let end = Utc(klines.times[bars.end - 1].0 + klines.bar_secs);
    (klines.times[bars.start].to_string(), end.to_string())
}

/// More than four bipower deviations of the week before; of days, of the thirty before.
fn jumps(runs: &[Vec<f64>], bar_secs: u64) -> Jumps {
    let window = if bar_secs >= DAY_SECS { 30 } else { (7 * DAY_SECS / bar_secs) as usize };
    let rule = JumpRule { threshold: 4.0, window };
    let (mut sizes, mut rest, mut judged) = (Vec::new(), Vec::new(), 0_usize);
    for run in runs {
        let found = facts::jumps(run, rule);
        judged += run.len().saturating_sub(window);
        let mut next = found.iter().copied().peekable();
        for (i, r) in run.iter().enumerate() {
            let is_jump = next.next_if_eq(&i).is_some();
            if is_jump { sizes.push(*r) } else { rest.push(*r) }
        }
    }
    let years = judged as f64 * bar_secs as f64 / YEAR_SECS;
    let count = sizes.len() as f64;
    let per = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
    let Moments { mean, sd, .. } = facts::moments(&sizes);
    let magnitudes: Vec<f64> = sizes.iter().map(|size| size.abs()).collect();
    let falls = sizes.iter().filter(|size| **size < 0.0).count();
    Jumps {
        threshold: rule.threshold,
        window_bars: window,
        count: sizes.len(),
        share: per(count, judged as f64),
        per_year: Estimate {
            value: per(count, years),
            standard_error: Some(per(count.sqrt(), years)),
        },
        mean_percent: Estimate { value: mean, standard_error: Some(per(sd, count.sqrt())) },
        sd_percent: sd,
        median_size_percent: facts::quantile(&magnitudes, 0.5),
        negative_share: per(falls as f64, count),
        rest_sd_percent: facts::moments(&rest).sd,
    }
}

impl Calibration {
    /// Gaps among the flaws, and the bars that they miss.
    #[must_use]
    pub fn gaps(&self) -> (usize, u64) {
        let missing = self.flaws.iter().filter_map(|flaw| match flaw.kind {
            FlawKind::Gap { missing_secs } => Some(missing_secs / self.bar_secs),
            FlawKind::Duplicate | FlawKind::Conflict | FlawKind::OutOfOrder => None,
        });
        missing.fold((0, 0), |(gaps, bars), missing| (gaps + 1, bars + missing))
    }
}
