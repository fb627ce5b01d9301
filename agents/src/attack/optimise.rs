//! Maximisers without derivatives for amounts: few dimensions, kinks, ridges along constraints, and regions
//! where nothing is feasible.
//!
//! [`evolve`] is CMA-ES ([`Evolution`]): it learns the direction of a ridge. [`climb`] is a compass search
//! (Kolda, Lewis and Torczon, SIAM Review 45(3), 2003) with random directions besides the axes: it walks up to
//! a boundary to any precision. What is not feasible has a value below everything that is, the worse the
//! earlier it fails, so that both find the way in.
//!
//! Written here because it must be the same on every platform: addressed draws, `libm`'s logarithm and
//! exponential, sums in a fixed order.

use crate::evolution::Evolution;
use libm::sqrt;
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
    let lambda = Evolution::default_population(n);
    let mut evolution = Evolution::new(start.at.clone(), step, lambda);
    let mut asked = 0;
    while asked + lambda as u64 <= evaluations && evolution.step() > precision {
        let mut worth = |x: &Vec<f64>| {
            let value = f(x);
            best.consider(x, value);
            value
        };
        let points = evolution.ask(|| normal(rng.next_u64()));
        let values: Vec<f64> = points.iter().map(&mut worth).collect();
        evolution.tell(&values);
        asked += lambda as u64;
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
}
