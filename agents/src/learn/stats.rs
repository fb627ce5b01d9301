//! Running mean and variance, merged batch by batch (Chan, Golub and LeVeque, 1979), in f64 and in
//! index order.

use serde::{Deserialize, Serialize};

use crate::frozen::Normaliser;

/// Mean and variance of vectors seen so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunningStats {
    count: f64,
    mean: Vec<f64>,
    /// Sum of squared deviations.
    squares: Vec<f64>,
}

impl RunningStats {
    /// Nothing seen: mean 0, variance 1.
    #[must_use]
    pub fn new(dim: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; dim], squares: vec![0.0; dim] }
    }

    /// Adds `rows` `[n, dim]`.
    pub fn update(&mut self, rows: &[f32]) {
        let dim = self.mean.len();
        let n = (rows.len() / dim) as f64;
        if n == 0.0 {
            return;
        }
        let total = self.count + n;
        for i in 0..dim {
            let column = || rows.iter().skip(i).step_by(dim).map(|x| f64::from(*x));
            let mean = column().sum::<f64>() / n;
            let squares = column().map(|x| (x - mean) * (x - mean)).sum::<f64>();
            let delta = mean - self.mean[i];
            self.mean[i] += delta * n / total;
            self.squares[i] += squares + delta * delta * self.count * n / total;
        }
        self.count = total;
    }

    /// Vectors seen.
    #[must_use]
    pub fn count(&self) -> f64 {
        self.count
    }
    /// Mean of component `i`.
    #[must_use]
    pub fn mean(&self, i: usize) -> f64 {
        self.mean[i]
    }
    /// Variance of component `i`; 1 before anything was seen.
    #[must_use]
    pub fn var(&self, i: usize) -> f64 {
        if self.count > 0.0 { self.squares[i] / self.count } else { 1.0 }
    }

    /// The observation normaliser of this moment.
    #[must_use]
    pub fn normaliser(&self, epsilon: f32, clip: f32) -> Normaliser {
        Normaliser {
            mean: self.mean.iter().map(|m| *m as f32).collect(),
            var: (0..self.mean.len()).map(|i| self.var(i) as f32).collect(),
            epsilon,
            clip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_merge_into_the_moments_of_the_whole() {
        let rows: Vec<f32> = (0..60).map(|i| ((i * 37) % 11) as f32 + 1e4).collect();
        let mut parts = RunningStats::new(2);
        for part in rows.chunks(14) {
            parts.update(part);
        }
        for i in 0..2 {
            let column: Vec<f64> = rows.iter().skip(i).step_by(2).map(|x| f64::from(*x)).collect();
            let mean = column.iter().sum::<f64>() / 30.0;
            let var = column.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 30.0;
            assert!((parts.mean(i) - mean).abs() < 1e-9);
            assert!((parts.var(i) - var).abs() < 1e-9);
        }
        assert_eq!(RunningStats::new(1).var(0), 1.0);
    }
}
