//! Sets of entities, in plain Rust: each row through the same two layers, then mean and maximum over the rows
//! that are there (Zaheer et al., 2017, "Deep Sets", arXiv:1703.06114), beside what is no row. The order of the
//! rows changes nothing but rounding. Where each row has heads of its own, two further layers give them, the same for all
//! rows: they see what the row came to and what the network says of the whole, so what is learned of one reserve goes for
//! any, in a market of any number of them.

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
    /// Where rows have heads: from what a row came to, then what the last hidden layer says of the whole, a tanh layer, and one
    /// to the row's logits or means.
    pub heads: Option<[Dense; 2]>,
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
    /// the mean is 0 and the maximum −1. What each row came to is left in `each`, `[rows, width]`. `scratch` is scratch.
    pub(crate) fn read(
        &self,
        obs: &[f32],
        out: &mut Vec<f32>,
        each: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) {
        let cells = self.rows.cells();
        out.clear();
        each.clear();
        out.extend_from_slice(&obs[..cells.start]);
        out.extend_from_slice(&obs[cells.end..]);
        let (mean, width) = (out.len(), self.width());
        out.resize(mean + width, 0.0);
        out.resize(mean + 2 * width, -1.0);
        let mut count = 0.0f32;
        for row in obs[cells].chunks_exact(self.rows.width) {
            let [first, second] = &self.layers;
            scratch.clear();
            scratch.extend(tanh_layer(first, row.iter()));
            let from = each.len();
            each.extend(tanh_layer(second, scratch.iter()));
            if self.rows.present.is_some_and(|flag| row[flag] <= 0.0) {
                continue;
            }
            count += 1.0;
            let (sums, most) = out[mean..].split_at_mut(width);
            for ((sum, top), value) in sums.iter_mut().zip(most).zip(&each[from..]) {
                *sum += value;
                *top = top.max(*value);
            }
        }
        for sum in &mut out[mean..mean + width] {
            *sum /= count.max(1.0);
        }
    }

    /// Logits or means of the heads of all rows, one row after the other, into `out`: of what `each` row came to, `[rows,
    /// width]`, and what is said of the whole. `scratch` is scratch.
    pub(crate) fn answer(
        &self,
        each: &[f32],
        whole: &[f32],
        out: &mut Vec<f32>,
        scratch: &mut Vec<f32>,
    ) {
        let Some([joint, last]) = &self.heads else { return };
        for row in each.chunks_exact(self.width()) {
            scratch.clear();
            scratch.extend(tanh_layer(joint, row.iter().chain(whole)));
            out.extend(layer(last, scratch.iter()));
        }
    }

    /// Its layers by name, in the order in which a bundle has them.
    pub(crate) fn named_layers(&self) -> impl Iterator<Item = (String, &Dense)> {
        let named =
            |part: &'static str| move |(i, layer): (usize, _)| (format!("set.{part}.{i}"), layer);
        let heads = self.heads.iter().flatten().enumerate().map(named("heads"));
        self.layers.iter().enumerate().map(named("layers")).chain(heads)
    }

    /// The same for observations with so many rows.
    #[must_use]
    pub(crate) const fn with_room(mut self, room: usize) -> Self {
        self.rows.room = room;
        self
    }
}

/// A layer's outputs before any function, of `inputs` `[inputs]`.
fn layer<'a>(
    layer: &'a Dense,
    inputs: impl Iterator<Item = &'a f32> + Clone + 'a,
) -> impl Iterator<Item = f32> + 'a {
    let each = layer.weight.chunks_exact(layer.inputs.max(1)).zip(&layer.bias);
    each.map(move |(weights, bias)| {
        weights.iter().zip(inputs.clone()).fold(*bias, |sum, (w, x)| sum + w * x)
    })
}

/// The same after tanh.
fn tanh_layer<'a>(
    of: &'a Dense,
    inputs: impl Iterator<Item = &'a f32> + Clone + 'a,
) -> impl Iterator<Item = f32> + 'a {
    layer(of, inputs).map(libm::tanhf)
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
        let rows = Rows { start: 1, room: 3, width: 2, present: Some(0), heads: 0 };
        SetEncoder { rows, layers: [dense(2, 4), dense(4, 3)], heads: None }
    }

    #[test]
    fn order_changes_nothing_and_absent_rows_count_for_nothing() {
        let (mut out, mut each, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        let mut read = |obs: &[f32; 8]| {
            encoder().read(obs, &mut out, &mut each, &mut scratch);
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
