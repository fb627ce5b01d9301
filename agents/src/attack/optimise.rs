//! Maximisers without derivatives for amounts: few dimensions, kinks, ridges along constraints, and regions
//! where nothing is feasible.
//!
//! [`evolve`] is CMA-ES (Hansen, The CMA Evolution Strategy: A Tutorial, arXiv 1604.00772, the default
//! parameters of its table 1, without negative weights): it learns the direction of a ridge. [`climb`] is a
//! compass search (Kolda, Lewis and Torczon, SIAM Review 45(3), 2003) with random directions besides the
//! axes: it walks up to a boundary to any precision. What is not feasible has a value below everything that
//! is, the worse the earlier it fails, so that both find the way in.
//!
//! Written here because it must be the same on every platform: addressed draws, `libm`'s logarithm and
//! exponential, sums in a fixed order.

use libm::{exp, log, sqrt};
use markets::price::draw::normal;
use rand::Rng;

/// A point and its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Peak {
    /// Where.
    pub(super) at: Vec<f64>,
    /// How high.
    pub(super) value: f64,
}

impl Peak {
    fn consider(&mut self, at: &[f64], value: f64) -> bool {
        let higher = value > self.value;
        if higher {
            self.at.clear();
            self.at.extend_from_slice(at);
            self.value = value;
        }
        higher
    }
}

/// CMA-ES from a start whose value is known. Asks `f` at most `evaluations` times; stops early where the
/// steps have become smaller than `precision`.
#[expect(clippy::many_single_char_names, reason = "the tutorial's names")]
pub(super) fn evolve(
    start: &Peak,
    step: f64,
    precision: f64,
    evaluations: u64,
    rng: &mut impl Rng,
    mut f: impl FnMut(&[f64]) -> f64,
) -> Peak {
    let n = start.at.len();
    let mut best = start.clone();
    if n == 0 {
        return best;
    }
    let nf = n as f64;
    let lambda = 4 + (3.0 * log(nf)) as usize;
    let mu = lambda / 2;
    let raw: Vec<f64> =
        (0..mu).map(|i| log((lambda as f64 + 1.0) / 2.0) - log(i as f64 + 1.0)).collect();
    let sum: f64 = raw.iter().sum();
    let weights: Vec<f64> = raw.iter().map(|w| w / sum).collect();
    let mu_eff = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    let c_sigma = (mu_eff + 2.0) / (nf + mu_eff + 5.0);
    let d_sigma = 1.0 + 2.0 * (sqrt((mu_eff - 1.0) / (nf + 1.0)) - 1.0).max(0.0) + c_sigma;
    let c_c = (4.0 + mu_eff / nf) / (nf + 4.0 + 2.0 * mu_eff / nf);
    let c_1 = 2.0 / ((nf + 1.3) * (nf + 1.3) + mu_eff);
    let c_mu =
        (2.0 * (mu_eff - 2.0 + 1.0 / mu_eff) / ((nf + 2.0) * (nf + 2.0) + mu_eff)).min(1.0 - c_1);
    let chi_n = sqrt(nf) * (1.0 - 1.0 / (4.0 * nf) + 1.0 / (21.0 * nf * nf));
    let (mut mean, mut sigma) = (start.at.clone(), step);
    let mut c = identity(n);
    let (mut p_sigma, mut p_c) = (vec![0.0; n], vec![0.0; n]);
    let mut asked = 0;
    let mut generation = 0_i32;
    // Candidates: value, y = (x − mean)/σ, and C^(−1/2)·y, which is the draw itself turned back.
    while asked + lambda as u64 <= evaluations && sigma > precision {
        generation += 1;
        let (values, vectors) = eigen(&c);
        let scales: Vec<f64> = values.iter().map(|v| sqrt(v.max(1e-30))).collect();
        let mut drawn: Vec<(f64, Vec<f64>, Vec<f64>)> = Vec::with_capacity(lambda);
        for _ in 0..lambda {
            let z: Vec<f64> = (0..n).map(|_| normal(rng.next_u64())).collect();
            let turned = |scaled: bool, row: usize| -> f64 {
                (0..n).map(|k| vectors[row][k] * z[k] * if scaled { scales[k] } else { 1.0 }).sum()
            };
            let y: Vec<f64> = (0..n).map(|row| turned(true, row)).collect();
            let white: Vec<f64> = (0..n).map(|row| turned(false, row)).collect();
            let x: Vec<f64> = (0..n).map(|i| mean[i] + sigma * y[i]).collect();
            let value = f(&x);
            asked += 1;
            best.consider(&x, value);
            drawn.push((value, y, white));
        }
        drawn.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best_first = || weights.iter().zip(&drawn);
        let y_w: Vec<f64> =
            (0..n).map(|i| best_first().map(|(w, (_, y, _))| w * y[i]).sum()).collect();
        let white_w: Vec<f64> =
            (0..n).map(|i| best_first().map(|(w, (_, _, white))| w * white[i]).sum()).collect();
        for i in 0..n {
            mean[i] += sigma * y_w[i];
            p_sigma[i] = (1.0 - c_sigma) * p_sigma[i]
                + sqrt(c_sigma * (2.0 - c_sigma) * mu_eff) * white_w[i];
        }
        let norm = sqrt(p_sigma.iter().map(|p| p * p).sum::<f64>());
        let settled = 1.0 - libm::pow(1.0 - c_sigma, 2.0 * f64::from(generation));
        let h = norm / sqrt(settled) / chi_n < 1.4 + 2.0 / (nf + 1.0);
        for i in 0..n {
            let gain = if h { sqrt(c_c * (2.0 - c_c) * mu_eff) * y_w[i] } else { 0.0 };
            p_c[i] = (1.0 - c_c) * p_c[i] + gain;
        }
        let lost = if h { 0.0 } else { c_1 * c_c * (2.0 - c_c) };
        for i in 0..n {
            for j in 0..n {
                let rank_mu: f64 = best_first().map(|(w, (_, y, _))| w * y[i] * y[j]).sum();
                c[i][j] =
                    (1.0 - c_1 - c_mu + lost) * c[i][j] + c_1 * p_c[i] * p_c[j] + c_mu * rank_mu;
            }
        }
        sigma *= exp((c_sigma / d_sigma) * (norm / chi_n - 1.0)).min(exp(1.0));
    }
    best
}

/// Compass search from a start whose value is known: steps along the axes and along random directions;
/// where none goes up, the steps are halved, down to `precision`.
pub(super) fn climb(
    start: &Peak,
    step: f64,
    precision: f64,
    evaluations: u64,
    rng: &mut impl Rng,
    mut f: impl FnMut(&[f64]) -> f64,
) -> Peak {
    let n = start.at.len();
    let (mut best, mut step, mut asked) = (start.clone(), step, 0);
    let mut last: Option<Vec<f64>> = None;
    while n > 0 && step > precision && asked < evaluations {
        let axis = |i: usize| -> Vec<f64> { (0..n).map(|j| f64::from(u8::from(i == j))).collect() };
        let mut directions: Vec<Vec<f64>> = last.take().into_iter().collect();
        directions.extend((0..n).map(axis));
        if n > 1 {
            for _ in 0..n {
                let drawn: Vec<f64> = (0..n).map(|_| normal(rng.next_u64())).collect();
                let norm = sqrt(drawn.iter().map(|d| d * d).sum::<f64>()).max(1e-12);
                directions.push(drawn.iter().map(|d| d / norm).collect());
            }
        }
        let mut went_up = false;
        'directions: for direction in &directions {
            for sign in [1.0, -1.0] {
                // As long as it goes up, in strides that double.
                let mut stride = sign * step;
                while asked < evaluations {
                    let at: Vec<f64> =
                        best.at.iter().zip(direction).map(|(x, d)| x + stride * d).collect();
                    asked += 1;
                    if !best.consider(&at, f(&at)) {
                        break;
                    }
                    went_up = true;
                    last = Some(direction.clone());
                    stride *= 2.0;
                }
                if asked >= evaluations {
                    break 'directions;
                }
                if last.as_ref() == Some(direction) {
                    break;
                }
            }
        }
        if !went_up {
            step *= 0.5;
        }
    }
    best
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
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn from(at: &[f64], f: &dyn Fn(&[f64]) -> f64) -> Peak {
        Peak { at: at.to_vec(), value: f(at) }
    }

    #[test]
    fn a_turned_valley_is_climbed_to_its_top() {
        // A thousand times steeper across than along a diagonal.
        let f = |x: &[f64]| {
            let (along, across) = (x[0] + x[1] - 1.0, x[0] - x[1]);
            -(along * along + 1e3 * across * across)
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let found = evolve(&from(&[0.9, 0.1], &f), 0.2, 1e-9, 3_000, &mut rng, f);
        assert!(found.value > -1e-9, "{found:?}");
    }

    #[test]
    fn a_ridge_along_a_kink_is_followed() {
        // min of two prices less what both cost: the top is where the budget ends, on the kink.
        let f = |x: &[f64]| {
            if x[0] < 0.0 || x[1] < 0.0 || x[0] + x[1] > 1.0 {
                return -1e30;
            }
            x[0].min(2.0 * x[1]) * 3.0 - x[0] - x[1]
        };
        let top = 3.0 * 2.0 / 3.0 - 1.0;
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let found = evolve(&from(&[0.1, 0.1], &f), 0.2, 1e-9, 2_000, &mut rng, f);
        assert!(found.value > 0.99 * top, "{found:?}");
        let closer = climb(&found, 0.05, 1e-9, 4_000, &mut rng, f);
        assert!(closer.value > 0.999 * top && closer.value >= found.value, "{closer:?}");
    }

    #[test]
    fn a_boundary_is_walked_up_to() {
        let f = |x: &[f64]| if x[0] > 0.123_456_789 { -1e30 } else { x[0] };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let found = climb(&from(&[0.01], &f), 0.3, 1e-12, 500, &mut rng, f);
        assert!(found.value <= 0.123_456_789 && found.value > 0.123_456_788, "{found:?}");
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
