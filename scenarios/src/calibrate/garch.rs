//! GARCH(1,1) by maximum likelihood.
//!
//! rₜ = m + √hₜ·zₜ, hₜ₊₁ = ω + α·(rₜ − m)² + β·hₜ; returns in percent, m the sample's mean. Each run of
//! consecutive returns starts from the sample's variance. Gaussian quasi-likelihood: −½·Σ(ln h + e²/h)
//! (Bollerslev and Wooldridge, Econometric Reviews 11, 1992); Student-t of unit variance (Bollerslev,
//! Review of Economics and Statistics 69, 1987). Searched by the simplex of Nelder and Mead (`argmin`) in
//! logistic and logarithmic coordinates, in which every point is admissible; standard errors are those of
//! the sandwich H⁻¹·S·H⁻¹ with numerical derivatives, right where the likelihood is not.

use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::neldermead::NelderMead;
use serde::Serialize;

/// Squared surprises of consecutive returns, percent²; a new run after each gap.
pub(super) type Runs = Vec<Vec<f64>>;

/// A figure with its standard error; none where the optimum stands at a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub standard_error: Option<f64>,
}

/// A fitted GARCH(1,1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GarchFit {
    /// ω, percent² a bar.
    pub omega: Estimate,
    /// α.
    pub alpha: Estimate,
    /// β.
    pub beta: Estimate,
    /// ν; `None` for the Gaussian likelihood.
    pub nu: Option<Estimate>,
    /// The logarithm of the likelihood, constants included.
    pub log_likelihood: f64,
    /// Whether α + β stands at its bound, so that the variance has no mean.
    pub at_bound: bool,
}

impl GarchFit {
    /// α + β.
    #[must_use]
    pub fn persistence(&self) -> f64 {
        self.alpha.value + self.beta.value
    }
}

/// α + β is searched below this.
const BOUND: f64 = 0.99999;
/// An optimum this near to the bound stands at it.
const NEAR_BOUND: f64 = 0.9998;
/// ν is searched above this: at 2 the variance is infinite.
const LEAST_NU: f64 = 2.05;

/// Parameters in their own units.
#[derive(Clone, Copy, Debug)]
struct Point {
    omega: f64,
    alpha: f64,
    beta: f64,
    nu: Option<f64>,
}

/// By Gaussian quasi-likelihood.
pub(super) fn quasi_likelihood(runs: &Runs, variance: f64) -> Result<GarchFit, Error> {
    let start = vec![logit(0.985), logit(0.08), libm::log(variance * 0.015)];
    free(runs, variance, start)
}

/// By Student-t likelihood, all four parameters at once.
pub(super) fn student(runs: &Runs, variance: f64) -> Result<GarchFit, Error> {
    let start = vec![logit(0.99), logit(0.08), libm::log(variance * 0.01), libm::log(1.5)];
    free(runs, variance, start)
}

/// As a scenario uses it: Gaussian quasi-likelihood with ω = variance·(1 − α − β) and α + β at most `cap`;
/// then ν by maximum likelihood with that filter held fixed.
pub(super) fn targeted(runs: &Runs, variance: f64, cap: f64) -> Result<GarchFit, Error> {
    let unpack = |x: &[f64]| {
        let persistence = cap * logistic(x[0]);
        let alpha = persistence * logistic(x[1]);
        let omega = variance * (1.0 - persistence);
        Point { omega, alpha, beta: persistence - alpha, nu: None }
    };
    let cost = |x: &[f64]| cost(runs, variance, &unpack(x));
    let (x, _) = minimise(&cost, vec![logit(0.97), logit(0.08)])?;
    let filter = unpack(&x);
    let with_nu = |x: &[f64]| Point { nu: Some(LEAST_NU + libm::exp(x[0])), ..filter };
    let nu_cost = |x: &[f64]| self::cost(runs, variance, &with_nu(x));
    let (x, least) = minimise(&nu_cost, vec![libm::log(1.5)])?;
    let at = with_nu(&x);
    // Of ω nothing is estimated: the errors are those of α, β and ν given the variance.
    let natural = |v: &[f64]| Point {
        omega: variance * (1.0 - v[0] - v[1]),
        alpha: v[0],
        beta: v[1],
        nu: None,
    };
    let at_bound = at.alpha + at.beta > cap - (1.0 - NEAR_BOUND);
    let errors =
        if at_bound { None } else { sandwich(runs, variance, &[at.alpha, at.beta], &natural) };
    let nu = at.nu.unwrap_or(f64::NAN);
    let nu_errors =
        sandwich(runs, variance, &[nu], &|v: &[f64]| Point { nu: Some(v[0]), ..filter });
    let error = |errors: &Option<Vec<f64>>, i: usize| errors.as_ref().map(|e| e[i]);
    let estimate = |value, standard_error| Estimate { value, standard_error };
    Ok(GarchFit {
        omega: estimate(at.omega, None),
        alpha: estimate(at.alpha, error(&errors, 0)),
        beta: estimate(at.beta, error(&errors, 1)),
        nu: Some(estimate(nu, error(&nu_errors, 0))),
        log_likelihood: -least,
        at_bound,
    })
}

/// ω, α, β and, where `start` has a fourth coordinate, ν.
fn free(runs: &Runs, variance: f64, start: Vec<f64>) -> Result<GarchFit, Error> {
    let unpack = |x: &[f64]| {
        let persistence = logistic(x[0]) * BOUND;
        let alpha = persistence * logistic(x[1]);
        let nu = x.get(3).map(|x| LEAST_NU + libm::exp(*x));
        Point { omega: libm::exp(x[2]), alpha, beta: persistence - alpha, nu }
    };
    let cost = |x: &[f64]| cost(runs, variance, &unpack(x));
    let (x, least) = minimise(&cost, start)?;
    let Point { omega, alpha, beta, nu } = unpack(&x);
    let at_bound = alpha + beta > NEAR_BOUND;
    let mut values = vec![omega, alpha, beta];
    values.extend(nu);
    let natural = |v: &[f64]| Point { omega: v[0], alpha: v[1], beta: v[2], nu: v.get(3).copied() };
    let errors = if at_bound { None } else { sandwich(runs, variance, &values, &natural) };
    let estimate = |i: usize| Estimate {
        value: values[i],
        standard_error: errors.as_ref().map(|errors| errors[i]),
    };
    Ok(GarchFit {
        omega: estimate(0),
        alpha: estimate(1),
        beta: estimate(2),
        nu: nu.map(|_| estimate(3)),
        log_likelihood: -least,
        at_bound,
    })
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x.clamp(-40.0, 40.0)))
}

fn logit(p: f64) -> f64 {
    libm::log(p / (1.0 - p))
}

/// Minus the logarithm of the likelihood.
fn cost(runs: &Runs, variance: f64, at: &Point) -> f64 {
    let mut total = 0.0;
    each_cost(runs, variance, at, |cost| total += cost);
    if total.is_nan() { f64::INFINITY } else { total }
}

/// Minus the logarithm of each return's likelihood, in order.
fn each_cost(runs: &Runs, variance: f64, at: &Point, mut take: impl FnMut(f64)) {
    let Point { omega, alpha, beta, nu } = *at;
    let gaussian = 0.5 * libm::log(2.0 * std::f64::consts::PI);
    let student = nu.map(|nu| {
        let constant = libm::lgamma((nu + 1.0) / 2.0)
            - libm::lgamma(nu / 2.0)
            - 0.5 * libm::log(std::f64::consts::PI * (nu - 2.0));
        ((nu + 1.0) / 2.0, 1.0 / (nu - 2.0), constant)
    });
    for run in runs {
        let mut h = variance;
        for e2 in run {
            let tail = match student {
                None => gaussian + 0.5 * e2 / h,
                Some((power, scale, constant)) => power * libm::log1p(e2 / h * scale) - constant,
            };
            take(0.5 * libm::log(h) + tail);
            h = omega + alpha * e2 + beta * h;
        }
    }
}

struct Problem<'a>(&'a dyn Fn(&[f64]) -> f64);

impl CostFunction for Problem<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, Error> {
        Ok((self.0)(x))
    }
}

/// The least value and where it is: a simplex from `start`, then smaller ones from where the last one ended,
/// until one gains nothing. A simplex that has collapsed is found out that way.
fn minimise(cost: &dyn Fn(&[f64]) -> f64, start: Vec<f64>) -> Result<(Vec<f64>, f64), Error> {
    let (mut best, mut least) = (start.clone(), cost(&start));
    for round in 0..6 {
        let size = 0.5 / f64::from(1 + round);
        let mut corners = vec![best.clone()];
        for i in 0..best.len() {
            let mut corner = best.clone();
            corner[i] += size;
            corners.push(corner);
        }
        let solver =
            NelderMead::new(corners).with_sd_tolerance(1e-9 * (1.0 + least.abs()) / 1e3)?;
        let configured =
            |state: argmin::core::IterState<Vec<f64>, (), (), (), (), f64>| state.max_iters(2_000);
        let result = Executor::new(Problem(cost), solver).configure(configured).run()?;
        let state = result.state();
        let found = state.get_best_cost();
        let gained = least - found;
        if let Some(x) = state.get_best_param().filter(|_| found < least) {
            (best, least) = (x.clone(), found);
        }
        if round > 0 && gained < 1e-6 {
            break;
        }
    }
    Ok((best, least))
}

/// Standard errors at the optimum `values`, or `None` where the likelihood is not curved there.
fn sandwich(
    runs: &Runs,
    variance: f64,
    values: &[f64],
    natural: &dyn Fn(&[f64]) -> Point,
) -> Option<Vec<f64>> {
    let n = values.len();
    let steps: Vec<f64> = values.iter().map(|v| 1e-4 * v.abs().max(1e-6)).collect();
    let moved = |moves: &[(usize, f64)]| {
        let mut at = values.to_vec();
        for (i, times) in moves {
            at[*i] += times * steps[*i];
        }
        natural(&at)
    };
    let total = |moves: &[(usize, f64)]| cost(runs, variance, &moved(moves));
    let mut hessian = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..=i {
            let corners = total(&[(i, 1.0), (j, 1.0)])
                - total(&[(i, 1.0), (j, -1.0)])
                - total(&[(i, -1.0), (j, 1.0)])
                + total(&[(i, -1.0), (j, -1.0)]);
            hessian[i][j] = corners / (4.0 * steps[i] * steps[j]);
            hessian[j][i] = hessian[i][j];
        }
    }
    let count = runs.iter().map(Vec::len).sum();
    let each = |at: Point| {
        let mut costs = Vec::with_capacity(count);
        each_cost(runs, variance, &at, |cost| costs.push(cost));
        costs
    };
    let mut scores = Vec::with_capacity(n);
    for (i, step) in steps.iter().enumerate().take(n) {
        let (above, below) = (each(moved(&[(i, 1.0)])), each(moved(&[(i, -1.0)])));
        let slope = |(a, b): (&f64, &f64)| (a - b) / (2.0 * step);
        scores.push(above.iter().zip(&below).map(slope).collect::<Vec<f64>>());
    }
    let inverse = inverse(hessian)?;
    let mut middle = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..n {
            middle[i][j] = scores[i].iter().zip(&scores[j]).map(|(a, b)| a * b).sum();
        }
    }
    let error = |i: usize| {
        let mut sum = 0.0;
        for j in 0..n {
            for k in 0..n {
                sum += inverse[i][j] * middle[j][k] * inverse[k][i];
            }
        }
        (sum > 0.0).then(|| sum.sqrt())
    };
    (0..n).map(error).collect()
}

/// The inverse of a small symmetric matrix by Gauss and Jordan; `None` unless every pivot is positive, as a
/// minimum's are.
pub(super) fn inverse(mut a: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let n = a.len();
    let mut b: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for k in 0..n {
        let pivot = a[k][k];
        if pivot.is_nan() || pivot <= 0.0 {
            return None;
        }
        for j in 0..n {
            a[k][j] /= pivot;
            b[k][j] /= pivot;
        }
        for i in (0..n).filter(|i| *i != k) {
            let factor = a[i][k];
            for j in 0..n {
                a[i][j] -= factor * a[k][j];
                b[i][j] -= factor * b[k][j];
            }
        }
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inverse_times_its_matrix_is_one() {
        let a = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, 0.2], vec![0.5, 0.2, 2.0]];
        let b = inverse(a.clone()).expect("positive definite");
        for (i, row) in a.iter().enumerate() {
            for j in 0..3 {
                let product: f64 = row.iter().zip(&b).map(|(x, column)| x * column[j]).sum();
                assert!((product - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
        assert!(inverse(vec![vec![1.0, 2.0], vec![2.0, 1.0]]).is_none());
    }

    #[test]
    fn the_likelihoods_are_those_of_the_densities() {
        // One return of 1 % at a variance of 2 %²: φ(1/√2)/√2; t of 4 of unit variance at the same place.
        let runs = vec![vec![1.0]];
        let point = |nu| Point { omega: 0.1, alpha: 0.1, beta: 0.8, nu };
        let normal = libm::exp(-cost(&runs, 2.0, &point(None)));
        assert!((normal - 0.219_695_644_733_861_3).abs() < 1e-15, "{normal}");
        // f(t) = (3/8)·(1 + t²/4)^(−5/2) for four degrees of freedom, t = z·√2, z = 1/√2.
        let student = libm::exp(-cost(&runs, 2.0, &point(Some(4.0))));
        let expected = 0.375 * libm::pow(1.25, -2.5) * std::f64::consts::SQRT_2 / 2_f64.sqrt();
        assert!((student - expected).abs() < 1e-14, "{student} {expected}");
    }
}
