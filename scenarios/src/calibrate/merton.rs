//! Merton's jump diffusion by maximum likelihood.
//!
//! A bar's log return is normal, and has a Poisson number of jumps besides, each normal too (Merton, Journal of
//! Financial Economics 3, 1976; the likelihood as Ball and Torous, Journal of Financial and Quantitative Analysis 18,
//! 1983; here with up to three jumps a bar). Fitted by expectation and maximisation (Dempster, Laird, Rubin, 1977), the
//! jumps being what is not seen; standard errors from the outer product of the scores. Unlike a count of what is beyond a
//! threshold this misses no jump for being small, and takes no large move of the diffusion for one. A record with fat
//! tails or changing volatility is not Merton's, and then its jumps are whatever moves more than usual.

use super::garch::{Estimate, inverse};
use markets::price::facts;
use serde::Serialize;
use std::f64::consts::TAU;

/// A fitted jump diffusion; sizes in percent (log).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Merton {
    /// Jumps a year.
    pub per_year: Estimate,
    /// Mean of a jump.
    pub mean_percent: Estimate,
    /// Standard deviation of jumps.
    pub sd_percent: Estimate,
    /// Standard deviation of a bar without its jumps.
    pub rest_sd_percent: Estimate,
    /// The logarithm of the likelihood, constants included.
    pub log_likelihood: f64,
}

/// Most jumps in a bar.
const MOST_JUMPS: usize = 3;
/// Most rounds of the search.
const MOST_ROUNDS: usize = 2_000;
/// The search ends where a round adds less than this to the likelihood's logarithm, per return.
const LEAST_GAIN: f64 = 1e-10;
/// Median magnitude of a standard normal.
const NORMAL_QUARTILE: f64 = 0.674_489_75;

/// The process, per bar.
#[derive(Clone, Copy, Debug)]
struct Process {
    /// Jumps a bar.
    rate: f64,
    /// Mean without jumps, and of a jump.
    mean: f64,
    jump: f64,
    /// Variance without jumps, and of a jump.
    quiet: f64,
    jump_variance: f64,
}

/// How probable each number of jumps in a bar is.
type Counts = [f64; MOST_JUMPS + 1];

/// Fits returns in percent, `bars_per_year` of them a year. `None` where nothing jumps.
pub(super) fn merton(returns: &[f64], bars_per_year: f64) -> Option<Merton> {
    let mut at = Process::start(returns)?;
    let (n, mut reached) = (returns.len() as f64, f64::NEG_INFINITY);
    for _ in 0..MOST_ROUNDS {
        let (next, likelihood) = at.round(returns);
        let gain = likelihood - reached;
        (at, reached) = (next, likelihood);
        if gain.abs() < LEAST_GAIN * n {
            break;
        }
    }
    // Three parameters more than a plain diffusion has must be worth it (Schwarz's criterion).
    let variance = facts::moments(returns).sd.powi(2);
    let plain = -0.5 * n * (libm::log(TAU * variance) + 1.0);
    if 2.0 * (reached - plain) <= 3.0 * libm::log(n) {
        return None;
    }
    let errors = at.covariance(returns).map(|v| [0, 2, 3, 4].map(|i| v[i][i]));
    let error = |i: usize| errors.map(|v| v[i]).filter(|v| *v > 0.0).map(f64::sqrt);
    let estimate = |value, standard_error: Option<f64>| Estimate { value, standard_error };
    let (rest, size) = (at.quiet.sqrt(), at.jump_variance.sqrt());
    Some(Merton {
        per_year: estimate(at.rate * bars_per_year, error(0).map(|e| e * bars_per_year)),
        mean_percent: estimate(at.jump, error(1)),
        sd_percent: estimate(size, error(3).map(|e| e / (2.0 * size))),
        rest_sd_percent: estimate(rest, error(2).map(|e| e / (2.0 * rest))),
        log_likelihood: reached,
    })
}

impl Process {
    /// A jump of five quiet deviations in a hundredth of the bars, the quiet one by the median magnitude.
    fn start(returns: &[f64]) -> Option<Self> {
        let magnitudes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        let quiet = (facts::quantile(&magnitudes, 0.5) / NORMAL_QUARTILE).powi(2);
        let jump_variance = 25.0 * quiet;
        (quiet > 0.0).then_some(Self { rate: 0.01, mean: 0.0, jump: 0.0, quiet, jump_variance })
    }

    /// What a return is off the mean of a bar with so many jumps, and that bar's variance.
    fn off(&self, r: f64, jumps: usize) -> (f64, f64) {
        let k = jumps as f64;
        (r - self.mean - k * self.jump, self.quiet + k * self.jump_variance)
    }

    /// How probable so many jumps are in a bar with this return, and the logarithm of its density.
    fn posterior(&self, r: f64) -> (Counts, f64) {
        let mut weight = libm::exp(-self.rate);
        let mut counts = Counts::default();
        for (k, count) in counts.iter_mut().enumerate() {
            let (off, variance) = self.off(r, k);
            *count = weight * libm::exp(-0.5 * off * off / variance) / (TAU * variance).sqrt();
            weight *= self.rate / (k + 1) as f64;
        }
        let all: f64 = counts.iter().sum();
        if all > 0.0 {
            counts.iter_mut().for_each(|count| *count /= all);
            (counts, libm::log(all))
        } else {
            // Beyond what a double holds there are as many jumps as there can be.
            let mut most = Counts::default();
            most[MOST_JUMPS] = 1.0;
            (most, libm::log(f64::MIN_POSITIVE))
        }
    }

    /// One round of the search, and the likelihood that it set out from.
    fn round(&self, returns: &[f64]) -> (Self, f64) {
        let (mut likelihood, mut number, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
        let (mut rest, mut rest_squares) = (0.0, 0.0);
        for r in returns {
            let (counts, log) = self.posterior(*r);
            likelihood += log;
            for (k, p) in counts.into_iter().enumerate() {
                let jumps = k as f64;
                let (off, variance) = self.off(*r, k);
                // The sum of a bar's jumps, given its return: normal.
                let share = jumps * self.jump_variance / variance;
                let mean = jumps * self.jump + share * off;
                let spread = share * self.quiet;
                number += p * jumps;
                sum += p * mean;
                if k > 0 {
                    let within = (jumps - 1.0) * self.jump_variance;
                    squares += p * ((mean * mean + spread) / jumps + within);
                }
                rest += p * (r - mean);
                rest_squares += p * ((r - mean) * (r - mean) + spread);
            }
        }
        let n = returns.len() as f64;
        let (jump, mean) = (sum / number, rest / n);
        let next = Self {
            rate: number / n,
            mean,
            jump,
            quiet: (rest_squares / n - mean * mean).max(f64::MIN_POSITIVE),
            jump_variance: (squares / number - jump * jump).max(f64::MIN_POSITIVE),
        };
        (next, likelihood)
    }

    /// Covariance of rate, mean, jump, quiet and jumps' variance; `None` where it is singular.
    fn covariance(&self, returns: &[f64]) -> Option<Vec<Vec<f64>>> {
        let mut information = vec![vec![0.0; 5]; 5];
        for r in returns {
            let (counts, _) = self.posterior(*r);
            let mut score = [0.0; 5];
            for (k, p) in counts.into_iter().enumerate() {
                let jumps = k as f64;
                let (off, variance) = self.off(*r, k);
                let by = off / variance;
                let by_variance = 0.5 * (by * by - 1.0 / variance);
                let each =
                    [jumps / self.rate - 1.0, by, jumps * by, by_variance, jumps * by_variance];
                score.iter_mut().zip(each).for_each(|(s, e)| *s += p * e);
            }
            for (row, a) in information.iter_mut().zip(score) {
                row.iter_mut().zip(score).for_each(|(cell, b)| *cell += a * b);
            }
        }
        inverse(information)
    }
}
