//! CMA-ES (Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, the default parameters of its
//! table 1, without negative weights): a maximiser without derivatives that learns the direction of a ridge.
//!
//! It asks for the values of a whole generation at once, so that whoever uses it may find them in parallel.
//! Written here because it must be the same on every platform: the caller's own draws, `libm`'s logarithm and
//! exponential, sums in a fixed order.

use libm::{exp, log, sqrt};

/// A candidate of the present generation.
#[derive(Clone, Debug)]
struct Drawn {
    /// y = (x − mean)/σ.
    y: Vec<f64>,
    /// C^(−1/2)·y, which is the draw itself turned back.
    white: Vec<f64>,
}

/// A search under way: mean, step and covariance of the next generation.
#[derive(Clone, Debug)]
pub struct Evolution {
    population: usize,
    weights: Vec<f64>,
    mu_eff: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    chi_n: f64,
    mean: Vec<f64>,
    sigma: f64,
    c: Vec<Vec<f64>>,
    p_sigma: Vec<f64>,
    p_c: Vec<f64>,
    generation: i32,
    drawn: Vec<Drawn>,
    points: Vec<Vec<f64>>,
}

impl Evolution {
    /// The tutorial's candidates per generation for `n` dimensions: 4 + ⌊3 ln n⌋.
    #[must_use]
    pub fn default_population(n: usize) -> usize {
        4 + (3.0 * log(n.max(1) as f64)) as usize
    }

    /// From a mean and a step (standard deviation of each coordinate), with so many candidates per generation,
    /// at least two.
    #[must_use]
    pub fn new(mean: Vec<f64>, step: f64, population: usize) -> Self {
        let n = mean.len();
        let nf = n as f64;
        let lambda = population.max(2);
        let mu = lambda / 2;
        let raw: Vec<f64> =
            (0..mu).map(|i| log((lambda as f64 + 1.0) / 2.0) - log(i as f64 + 1.0)).collect();
        let sum: f64 = raw.iter().sum();
        let weights: Vec<f64> = raw.iter().map(|w| w / sum).collect();
        let mu_eff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let c_sigma = (mu_eff + 2.0) / (nf + mu_eff + 5.0);
        let c_1 = 2.0 / ((nf + 1.3) * (nf + 1.3) + mu_eff);
        let c_mu = (2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((nf + 2.0) * (nf + 2.0) + mu_eff))
            .min(1.0 - c_1);
        Self {
            population: lambda,
            weights,
            mu_eff,
            c_sigma,
            d_sigma: 1.0 + 2.0 * (sqrt((mu_eff - 1.0) / (nf + 1.0)) - 1.0).max(0.0) + c_sigma,
            c_c: (4.0 + mu_eff / nf) / (nf + 4.0 + 2.0 * mu_eff / nf),
            c_1,
            c_mu,
            chi_n: sqrt(nf) * (1.0 - 1.0 / (4.0 * nf) + 1.0 / (21.0 * nf * nf)),
            mean,
            sigma: step,
            c: identity(n),
            p_sigma: vec![0.0; n],
            p_c: vec![0.0; n],
            generation: 0,
            drawn: Vec::with_capacity(lambda),
            points: Vec::with_capacity(lambda),
        }
    }

    /// The present mean: the best guess where values are noisy.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }
    /// The present step.
    #[must_use]
    pub const fn step(&self) -> f64 {
        self.sigma
    }
    /// Keeps the mean within a box, for a caller whose coordinates mean nothing beyond it.
    pub fn confine(&mut self, low: f64, high: f64) {
        for x in &mut self.mean {
            *x = x.clamp(low, high);
        }
    }

    /// The points of a new generation; `normal` draws a standard normal.
    pub fn ask(&mut self, mut normal: impl FnMut() -> f64) -> &[Vec<f64>] {
        let n = self.mean.len();
        let (values, vectors) = eigen(&self.c);
        let scales: Vec<f64> = values.iter().map(|v| sqrt(v.max(1e-30))).collect();
        self.drawn.clear();
        self.points.clear();
        for _ in 0..self.population {
            let z: Vec<f64> = (0..n).map(|_| normal()).collect();
            let turned = |scaled: bool, row: usize| -> f64 {
                (0..n).map(|k| vectors[row][k] * z[k] * if scaled { scales[k] } else { 1.0 }).sum()
            };
            let y: Vec<f64> = (0..n).map(|row| turned(true, row)).collect();
            let white: Vec<f64> = (0..n).map(|row| turned(false, row)).collect();
            self.points.push((0..n).map(|i| self.mean[i] + self.sigma * y[i]).collect());
            self.drawn.push(Drawn { y, white });
        }
        &self.points
    }

    /// Learns from the values of the points that were asked for, in their order; of equals the first counts as
    /// better.
    pub fn tell(&mut self, values: &[f64]) {
        assert_eq!(values.len(), self.drawn.len(), "Invariant: a value for each point");
        let n = self.mean.len();
        self.generation += 1;
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let (weights, drawn) = (&self.weights, &self.drawn);
        let best_first = || weights.iter().zip(order.iter().map(|at| &drawn[*at]));
        let y_w: Vec<f64> =
            (0..n).map(|i| best_first().map(|(w, Drawn { y, .. })| w * y[i]).sum()).collect();
        let white_w: Vec<f64> = (0..n)
            .map(|i| best_first().map(|(w, Drawn { white, .. })| w * white[i]).sum())
            .collect();
        let (c_sigma, c_c, c_1, c_mu) = (self.c_sigma, self.c_c, self.c_1, self.c_mu);
        for i in 0..n {
            self.mean[i] += self.sigma * y_w[i];
            self.p_sigma[i] = (1.0 - c_sigma) * self.p_sigma[i]
                + sqrt(c_sigma * (2.0 - c_sigma) * self.mu_eff) * white_w[i];
        }
        let norm = sqrt(self.p_sigma.iter().map(|p| p * p).sum::<f64>());
        let settled = 1.0 - libm::pow(1.0 - c_sigma, 2.0 * f64::from(self.generation));
        let h = norm / sqrt(settled) / self.chi_n < 1.4 + 2.0 / (n as f64 + 1.0);
        for (p, y) in self.p_c.iter_mut().zip(&y_w) {
            let gain = if h { sqrt(c_c * (2.0 - c_c) * self.mu_eff) * y } else { 0.0 };
            *p = (1.0 - c_c) * *p + gain;
        }
        let lost = if h { 0.0 } else { c_1 * c_c * (2.0 - c_c) };
        for i in 0..n {
            for j in 0..n {
                let rank_mu: f64 = best_first().map(|(w, Drawn { y, .. })| w * y[i] * y[j]).sum();
                self.c[i][j] = (1.0 - c_1 - c_mu + lost) * self.c[i][j]
                    + c_1 * self.p_c[i] * self.p_c[j]
                    + c_mu * rank_mu;
            }
        }
        self.sigma *= exp((c_sigma / self.d_sigma) * (norm / self.chi_n - 1.0)).min(exp(1.0));
    }
}

fn identity(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| f64::from(u8::from(i == j))).collect()).collect()
}

/// Eigenvalues of a symmetric matrix, and eigenvectors as columns (Jacobi's method, cyclic).
fn eigen(matrix: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    let (mut a, mut v) = (matrix.to_vec(), identity(n));
    for _ in 0..32 {
        let off: f64 =
            (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        if off < 1e-24 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                if a[p][q].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = theta.signum() / (theta.abs() + sqrt(theta * theta + 1.0));
                let t = if theta == 0.0 { 1.0 } else { t };
                let cos = 1.0 / sqrt(t * t + 1.0);
                let sin = t * cos;
                for row in a.iter_mut() {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (cos * x - sin * y, sin * x + cos * y);
                }
                #[expect(clippy::needless_range_loop, reason = "two rows of one matrix at once")]
                for k in 0..n {
                    let (x, y) = (a[p][k], a[q][k]);
                    (a[p][k], a[q][k]) = (cos * x - sin * y, sin * x + cos * y);
                }
                for row in &mut v {
                    let (x, y) = (row[p], row[q]);
                    (row[p], row[q]) = (cos * x - sin * y, sin * x + cos * y);
                }
            }
        }
    }
    ((0..n).map(|i| a[i][i]).collect(), v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_tutorials() {
        // n = 10: λ = 4 + ⌊3 · 2.3026⌋, μ = 5, μ_eff and the rates by its table 1.
        assert_eq!(Evolution::default_population(10), 10);
        let evolution = Evolution::new(vec![0.0; 10], 1.0, 10);
        assert_eq!((evolution.population, evolution.weights.len()), (10, 5));
        assert!((evolution.mu_eff - 3.167_299).abs() < 1e-6, "{}", evolution.mu_eff);
        assert!((evolution.c_sigma - 5.167_299 / 18.167_299).abs() < 1e-6);
        assert!((evolution.c_1 - 2.0 / (11.3 * 11.3 + 3.167_299)).abs() < 1e-9);
    }

    #[test]
    fn the_mean_goes_where_values_are_high_and_no_farther_than_it_may() {
        // Draws 1, −1, 2, −2 in one dimension; the higher the better: weights by ln 2.5 and ln 1.25.
        let mut draws = [1.0, -1.0, 2.0, -2.0].into_iter();
        let mut evolution = Evolution::new(vec![0.5], 0.1, 4);
        let points = evolution.ask(|| draws.next().expect("a draw")).to_vec();
        assert_eq!(points, [[0.6], [0.4], [0.7], [0.3]]);
        evolution.tell(&[0.6, 0.4, 0.7, 0.3]);
        let (first, second) = (log(2.5), log(1.25));
        let expected = 0.5 + 0.1 * (2.0 * first + second) / (first + second);
        assert!((evolution.mean()[0] - expected).abs() < 1e-12, "{:?}", evolution.mean());
        assert!(evolution.step() > 0.1, "all the best lie far out on one side");
        evolution.confine(0.0, 0.6);
        assert_eq!(evolution.mean(), [0.6]);
    }

    #[test]
    fn eigenvectors_diagonalise() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, -0.7], vec![0.5, -0.7, 2.0]];
        let (values, vectors) = eigen(&matrix);
        for (k, value) in values.iter().enumerate() {
            for i in 0..3 {
                let product: f64 = (0..3).map(|j| matrix[i][j] * vectors[j][k]).sum();
                assert!((product - value * vectors[i][k]).abs() < 1e-10);
            }
        }
    }
}
