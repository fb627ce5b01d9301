//! Merton's jump diffusion by maximum likelihood.
//!
//! A bar's log return is normal, and with a small probability has one jump besides, normal too: the mixture that
//! Ball and Torous take for Merton's process over short bars (Journal of Financial and Quantitative Analysis 18, 1983;
//! two jumps in one bar are left out, in an hour one in a hundred bars with a jump at 200 jumps a year). Fitted by
//! expectation and maximisation (Dempster, Laird, Rubin, 1977); standard errors from the outer product of the scores.
//! Unlike a count of what is beyond a threshold this misses no jump for being small, and takes no large move of the
//! diffusion for one. A record with fat tails or changing volatility is not Merton's, and then the mixture's second
//! part is whatever moves more than usual.

use super::garch::{Estimate, inverse};
use markets::price::facts;
use serde::Serialize;

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

/// The mixture of two normals: both means, both variances, and how probable the second is.
#[derive(Clone, Copy, Debug)]
struct Mixture {
    /// Probability of a jump in a bar.
    share: f64,
    /// Mean without a jump, and what a jump adds.
    mean: f64,
    jump: f64,
    /// Variance without a jump, and with one.
    quiet: f64,
    stirred: f64,
}

/// Most rounds of the search.
const MOST_ROUNDS: usize = 3_000;
/// The search ends where a round adds less than this to the likelihood's logarithm, per return.
const LEAST_GAIN: f64 = 1e-11;
/// Median magnitude of a standard normal.
const NORMAL_QUARTILE: f64 = 0.674_489_75;

/// Fits returns in percent, `bars_per_year` of them a year. `None` where nothing jumps.
pub(super) fn merton(returns: &[f64], bars_per_year: f64) -> Option<Merton> {
    let mut at = Mixture::start(returns)?;
    let mut reached = f64::NEG_INFINITY;
    for _ in 0..MOST_ROUNDS {
        let (next, likelihood) = at.round(returns);
        let gain = likelihood - reached;
        (at, reached) = (next, likelihood);
        if gain.abs() < LEAST_GAIN * returns.len() as f64 {
            break;
        }
    }
    let (n, jump_variance) = (returns.len() as f64, at.stirred - at.quiet);
    // Three parameters more than a plain diffusion has must be worth it (Schwarz's criterion).
    let sd = facts::moments(returns).sd;
    let plain = -0.5 * n * (libm::log(std::f64::consts::TAU * sd * sd) + 1.0);
    let is_worth_it = 2.0 * (reached - plain) > 3.0 * libm::log(n);
    if !(is_worth_it && jump_variance > 0.0 && at.share < 0.5) {
        return None;
    }
    let errors = at.covariance(returns);
    let sd = |of: &dyn Fn(&[Vec<f64>]) -> f64| {
        errors.as_ref().map(|v| of(v)).filter(|v| *v > 0.0).map(f64::sqrt)
    };
    let estimate = |value, standard_error: Option<f64>| Estimate { value, standard_error };
    let (size, rest) = (jump_variance.sqrt(), at.quiet.sqrt());
    // A bar has a jump with probability 1 − exp(−rate).
    let rate = -libm::log1p(-at.share) * bars_per_year;
    Some(Merton {
        per_year: estimate(rate, sd(&|v| v[0][0]).map(|e| e * bars_per_year / (1.0 - at.share))),
        mean_percent: estimate(at.jump, sd(&|v| v[2][2])),
        sd_percent: estimate(
            size,
            sd(&|v| v[3][3] + v[4][4] - 2.0 * v[3][4]).map(|e| e / (2.0 * size)),
        ),
        rest_sd_percent: estimate(rest, sd(&|v| v[3][3]).map(|e| e / (2.0 * rest))),
        log_likelihood: reached,
    })
}

impl Mixture {
    /// A hundredth of the bars with a jump of five quiet deviations, the quiet one by the median magnitude.
    fn start(returns: &[f64]) -> Option<Self> {
        let magnitudes: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
        let quiet = facts::quantile(&magnitudes, 0.5) / NORMAL_QUARTILE;
        let quiet = quiet * quiet;
        (quiet > 0.0).then_some(Self {
            share: 0.01,
            mean: 0.0,
            jump: 0.0,
            quiet,
            stirred: 26.0 * quiet,
        })
    }

    /// Densities of a return without a jump and with one, each times its probability.
    fn parts(&self, r: f64) -> (f64, f64) {
        let normal = |off: f64, variance: f64| {
            libm::exp(-0.5 * off * off / variance) / (std::f64::consts::TAU * variance).sqrt()
        };
        let quiet = (1.0 - self.share) * normal(r - self.mean, self.quiet);
        (quiet, self.share * normal(r - self.mean - self.jump, self.stirred))
    }

    /// How probable it is that a return has a jump in it, and the logarithm of its density.
    fn posterior(&self, r: f64) -> (f64, f64) {
        let (quiet, stirred) = self.parts(r);
        let all = quiet + stirred;
        // Beyond what a double holds a return is a jump for certain.
        if all > 0.0 {
            (stirred / all, libm::log(all))
        } else {
            (1.0, libm::log(f64::MIN_POSITIVE))
        }
    }

    /// One round of the search, and the likelihood that it set out from.
    fn round(&self, returns: &[f64]) -> (Self, f64) {
        let (mut quiet, mut stirred) = (Sums::default(), Sums::default());
        let mut likelihood = 0.0;
        for r in returns {
            let (p, log) = self.posterior(*r);
            likelihood += log;
            quiet.add(1.0 - p, *r);
            stirred.add(p, *r);
        }
        let quiet_variance = quiet.variance();
        let next = Self {
            share: stirred.weight / returns.len() as f64,
            mean: quiet.mean(),
            jump: stirred.mean() - quiet.mean(),
            quiet: quiet_variance,
            stirred: stirred.variance().max(quiet_variance),
        };
        (next, likelihood)
    }

    /// Covariance of share, mean, jump, quiet and stirred variance; `None` where it is singular.
    fn covariance(&self, returns: &[f64]) -> Option<Vec<Vec<f64>>> {
        let mut information = vec![vec![0.0; 5]; 5];
        for r in returns {
            let (p, _) = self.posterior(*r);
            let (off, jump_off) = (r - self.mean, r - self.mean - self.jump);
            let (by_quiet, by_stirred) = (off / self.quiet, jump_off / self.stirred);
            let score = [
                p / self.share - (1.0 - p) / (1.0 - self.share),
                (1.0 - p) * by_quiet + p * by_stirred,
                p * by_stirred,
                0.5 * (1.0 - p) * (by_quiet * by_quiet - 1.0 / self.quiet),
                0.5 * p * (by_stirred * by_stirred - 1.0 / self.stirred),
            ];
            for (row, a) in information.iter_mut().zip(score) {
                for (cell, b) in row.iter_mut().zip(score) {
                    *cell += a * b;
                }
            }
        }
        inverse(information)
    }
}

/// Weighted sums of returns.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    weight: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, r: f64) {
        self.weight += weight;
        self.sum += weight * r;
        self.squares += weight * r * r;
    }
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
    fn variance(&self) -> f64 {
        (self.squares / self.weight - self.mean() * self.mean()).max(f64::MIN_POSITIVE)
    }
}
