//! Sets of entities, in plain Rust: each row through the same two layers, then mean and maximum over the rows
//! that are there (Zaheer et al., 2017, "Deep Sets", arXiv:1703.06114), beside what is no row. The order of the
//! rows changes nothing but rounding.

use serde::{Deserialize, Serialize};
use sim::environment::Rows;

use crate::frozen::{Dense, Normaliser};

/// Reads the rows of an observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetEncoder {
    /// Where the rows lie.
    pub rows: Rows,
    /// Two tanh layers, from a row's values to what is pooled.
    pub layers: [Dense; 2],
}

/// Values after an observation of `obs_dim` is read by a set encoder of this width: what is no row, the mean, the
/// maximum.
#[must_use]
pub const fn joined(obs_dim: usize, rows: &Rows, width: usize) -> usize {
    obs_dim - rows.room * rows.width + 2 * width
}

impl SetEncoder {
    /// Values that come out of each row, and of each way to pool.
    #[must_use]
    pub fn width(&self) -> usize {
        self.layers[1].outputs
    }

    /// What is no row of `obs` `[obs_dim]`, then the mean and the maximum over its rows, into `out`. Of no rows
    /// the mean is 0 and the maximum −1. `scratch` is scratch.
    pub(crate) fn read(&self, obs: &[f32], out: &mut Vec<f32>, scratch: &mut Vec<f32>) {
        let cells = self.rows.cells();
        out.clear();
        out.extend_from_slice(&obs[..cells.start]);
        out.extend_from_slice(&obs[cells.end..]);
        let (mean, width) = (out.len(), self.width());
        out.resize(mean + width, 0.0);
        out.resize(mean + 2 * width, -1.0);
        let mut count = 0.0f32;
        for row in obs[cells].chunks_exact(self.rows.width) {
            if self.rows.present.is_some_and(|flag| row[flag] <= 0.0) {
                continue;
            }
            count += 1.0;
            scratch.clear();
            dense(&self.layers[0], row, scratch);
            let hidden = scratch.len();
            // The second layer reads the front of what it appends to.
            let [_, second] = &self.layers;
            for (weights, bias) in second.weight.chunks_exact(hidden).zip(&second.bias) {
                let sum = weights.iter().zip(&scratch[..hidden]).fold(*bias, |s, (w, x)| s + w * x);
                scratch.push(libm::tanhf(sum));
            }
            let (sums, most) = out[mean..].split_at_mut(width);
            for ((sum, top), value) in sums.iter_mut().zip(most).zip(&scratch[hidden..]) {
                *sum += value;
                *top = top.max(*value);
            }
        }
        for sum in &mut out[mean..mean + width] {
            *sum /= count.max(1.0);
        }
    }
}

fn dense(layer: &Dense, row: &[f32], out: &mut Vec<f32>) {
    for (weights, bias) in layer.weight.chunks_exact(layer.inputs).zip(&layer.bias) {
        out.push(libm::tanhf(weights.iter().zip(row).fold(*bias, |s, (w, x)| s + w * x)));
    }
}

/// Gives all rows the same statistics, field by field, so that their order stays without meaning: the moments
/// over all rows, absent ones included as the zeros that they are. What says that a row is there is left as it is.
pub fn tie(normaliser: &mut Normaliser, rows: &Rows) {
    for field in 0..rows.width {
        let cells = || (0..rows.room).map(|row| rows.start + row * rows.width + field);
        let (mut mean, mut var) = (0.0f64, 1.0f64);
        if rows.present != Some(field) {
            let moment =
                |of: &dyn Fn(usize) -> f64| cells().map(of).sum::<f64>() / rows.room as f64;
            mean = moment(&|i| f64::from(normaliser.mean[i]));
            // Variance within the rows' places, and between them.
            var = moment(&|i| {
                let off = f64::from(normaliser.mean[i]) - mean;
                f64::from(normaliser.var[i]) + off * off
            });
        }
        for i in cells() {
            (normaliser.mean[i], normaliser.var[i]) = (mean as f32, var as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoder() -> SetEncoder {
        let dense = |inputs: usize, outputs: usize| Dense {
            inputs,
            outputs,
            weight: (0..inputs * outputs).map(|i| (i % 5) as f32 / 4.0 - 0.5).collect(),
            bias: (0..outputs).map(|i| i as f32 / 10.0).collect(),
        };
        let rows = Rows { start: 1, room: 3, width: 2, present: Some(0) };
        SetEncoder { rows, layers: [dense(2, 4), dense(4, 3)] }
    }

    #[test]
    fn order_changes_nothing_and_absent_rows_count_for_nothing() {
        let (mut out, mut scratch) = (Vec::new(), Vec::new());
        let mut read = |obs: &[f32; 8]| {
            encoder().read(obs, &mut out, &mut scratch);
            out.clone()
        };
        let one = read(&[0.5, 1.0, 0.3, 1.0, -0.8, 0.0, 0.0, 0.25]);
        assert_eq!(one.len(), joined(8, &encoder().rows, 3));
        assert_eq!(one[..2], [0.5, 0.25], "what is no row");
        for other in [
            [0.5, 1.0, -0.8, 1.0, 0.3, 0.0, 0.0, 0.25],
            [0.5, 0.0, 0.0, 1.0, -0.8, 1.0, 0.3, 0.25],
            [0.5, 1.0, 0.3, 0.0, 9.0, 1.0, -0.8, 0.25],
        ] {
            let other = read(&other);
            assert!(one.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-6), "{one:?} {other:?}");
        }
        assert!(one != read(&[0.5, 1.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.25]));
        let none = read(&[0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.25]);
        assert_eq!(none[2..], [0.0, 0.0, 0.0, -1.0, -1.0, -1.0]);
    }

    #[test]
    fn tied_statistics_are_those_of_all_rows_together() {
        let mut normaliser = Normaliser {
            mean: vec![7.0, 0.5, 1.0, 0.1, 3.0, 0.0, 5.0, 9.0],
            var: vec![2.0, 0.2, 1.0, 0.1, 1.0, 0.0, 4.0, 3.0],
            epsilon: 0.0,
            clip: 10.0,
        };
        tie(&mut normaliser, &encoder().rows);
        // Means 1, 3, 5 and variances 1, 1, 4: within 2, between 8/3.
        let var = (2.0f64 + 8.0 / 3.0) as f32;
        assert_eq!(normaliser.mean, [7.0, 0.0, 3.0, 0.0, 3.0, 0.0, 3.0, 9.0]);
        assert_eq!(normaliser.var, [2.0, 1.0, var, 1.0, var, 1.0, var, 3.0]);
    }
}
