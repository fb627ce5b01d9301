//! A calibration as a table for people.

use super::{Calibration, Estimate, GarchFit, TAIL_SHARE};
use std::fmt::Write;

/// As many flaws are shown; the JSON has all.
const MOST_FLAWS: usize = 10;

impl Calibration {
    /// Every figure with its standard error.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _written = writeln!(text, "{name:<42} {value}");
        };
        let Self { file, hash, bar_secs, returns, jumps, .. } = self;
        line("file", file.clone());
        line("hash (BLAKE3)", hash.chars().take(16).collect());
        for (start, end) in &self.fitted_on {
            line("fitted on", format!("{start} to {end}"));
        }
        let (gaps, missing) = self.gaps();
        line("bars", format!("{bar_secs} s; {gaps} gaps that miss {missing} bars in the file"));
        line("returns (log, percent a bar)", returns.to_string());
        line("mean", estimate(&self.mean_percent));
        line("standard deviation", number(self.sd_percent));
        line("skew, excess kurtosis", format!("{:.2}, {:.1}", self.skew, self.excess_kurtosis));
        let memory =
            format!("{:.3}, {:.3}", self.return_autocorrelation, self.magnitude_autocorrelation);
        line("autocorrelation of returns, of magnitudes", memory);
        for (name, fit) in [
            ("GARCH(1,1), Gaussian", &self.gaussian),
            ("GARCH(1,1), Student-t", &self.student),
            ("GARCH(1,1), variance held", &self.targeted),
        ] {
            garch(name, fit, &mut line);
        }
        let rule =
            format!("jumps (|r| > {} x {} bars' bipower)", jumps.threshold, jumps.window_bars);
        line(&rule, format!("{} ({:.2} % of bars)", jumps.count, 100.0 * jumps.share));
        line("  a year", estimate(&jumps.per_year));
        line("  mean, %", estimate(&jumps.mean_percent));
        line("  standard deviation, %", number(jumps.sd_percent));
        line("  median magnitude, %", number(jumps.median_size_percent));
        line("  falls among them", format!("{:.0} %", 100.0 * jumps.negative_share));
        line("  standard deviation of the rest", number(jumps.rest_sd_percent));
        match &self.merton {
            None => line("Merton's jump diffusion, by likelihood", "nothing jumps".to_owned()),
            Some(merton) => {
                let likelihood = format!("log likelihood {:.1}", merton.log_likelihood);
                line("Merton's jump diffusion, by likelihood", likelihood);
                line("  jumps a year", estimate(&merton.per_year));
                line("  mean of a jump, %", estimate(&merton.mean_percent));
                line("  standard deviation of jumps, %", estimate(&merton.sd_percent));
                line("  standard deviation of the rest", estimate(&merton.rest_sd_percent));
            }
        }
        let tail = |tail: &Option<Estimate>| tail.as_ref().map_or("none".to_owned(), estimate);
        let share = 100.0 * TAIL_SHARE;
        line(&format!("Hill index, left (top {share} %)"), tail(&self.left_tail));
        line(&format!("Hill index, right (top {share} %)"), tail(&self.right_tail));
        for flaw in self.flaws.iter().take(MOST_FLAWS) {
            line("note", format!("{file}:{flaw}"));
        }
        if self.flaws.len() > MOST_FLAWS {
            let more = self.flaws.len() - MOST_FLAWS;
            line("note", format!("and {more} more; --json lists all"));
        }
        text
    }
}

fn garch(name: &str, fit: &GarchFit, line: &mut impl FnMut(&str, String)) {
    let bound = if fit.at_bound { "; α + β stands at its bound, no standard errors" } else { "" };
    line(name, format!("log likelihood {:.1}{bound}", fit.log_likelihood));
    line("  omega, %²", estimate(&fit.omega));
    line("  alpha", estimate(&fit.alpha));
    line("  beta", estimate(&fit.beta));
    line("  alpha + beta", number(fit.persistence()));
    if let Some(nu) = &fit.nu {
        line("  nu", estimate(nu));
    }
}

fn estimate(estimate: &Estimate) -> String {
    match estimate.standard_error {
        Some(error) => format!("{} (± {})", number(estimate.value), number(error)),
        None => number(estimate.value),
    }
}

/// Five digits.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    let decimals = (4 - magnitude).clamp(0, 12) as usize;
    format!("{value:.decimals$}")
}
