//! Arrivals in continuous time: Poisson, and mutually exciting ones (Hawkes, Biometrika 58, 1971) of two
//! kinds, buys and sells.
//!
//! Intensities are λ_i(t) = μ + Σ_j Σ_{t_k of kind j} α_ij·e^(−β·(t − t_k)), with α_ij = β·`self_ratio`
//! where i = j and β·`cross_ratio` elsewhere: a ratio is the mean number of arrivals that one arrival
//! causes. Simulation is exact, by thinning (Ogata, IEEE Trans. Inf. Theory 27, 1981): between arrivals
//! the intensity only falls, so its present value bounds it. Exponential decay makes the state Markov: a
//! stretch of time may be cut anywhere without a change of law.

use crate::price::draw;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// A process of arrivals of two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointProcess {
    /// Intensity of each kind without any past, per second.
    pub base_per_sec: f64,
    /// Mean number of arrivals of the same kind that an arrival causes directly.
    pub self_ratio: f64,
    /// Mean number of the other kind; with `self_ratio` below 1.
    pub cross_ratio: f64,
    /// How fast excitement is forgotten, per second.
    pub decay_per_sec: f64,
}

/// What is left of the past's excitement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Excitement {
    /// Intensity beyond the base, by kind, per second.
    pub per_sec: [f64; 2],
}

impl PointProcess {
    /// Arrivals that do not heed each other.
    #[must_use]
    pub const fn poisson(base_per_sec: f64) -> Self {
        Self { base_per_sec, self_ratio: 0.0, cross_ratio: 0.0, decay_per_sec: 1.0 }
    }

    /// The long-run intensity of each kind, per second.
    #[must_use]
    pub fn mean_per_sec(&self) -> f64 {
        self.base_per_sec / (1.0 - self.self_ratio - self.cross_ratio)
    }

    /// Lets `secs` pass; `arrive` hears the time in seconds and the kind of each arrival, in order.
    pub fn run(
        &self,
        excitement: &mut Excitement,
        secs: f64,
        rng: &mut impl Rng,
        mut arrive: impl FnMut(f64, usize),
    ) {
        let [mut first, mut second] = excitement.per_sec;
        let mut now = 0.0;
        loop {
            let bound = 2.0 * self.base_per_sec + first + second;
            let wait =
                if bound > 0.0 { draw::exponential(rng.next_u64()) / bound } else { f64::INFINITY };
            let step = wait.min(secs - now);
            let kept = libm::exp(-self.decay_per_sec * step);
            first *= kept;
            second *= kept;
            now += step;
            if wait > step {
                break;
            }
            // A point of the bounding process is kept with the ratio of intensities; where it falls
            // below says of which kind it is.
            let point = draw::uniform(rng.next_u64()) * bound;
            let of_first = self.base_per_sec + first;
            let kind = if point < of_first {
                0
            } else if point < of_first + self.base_per_sec + second {
                1
            } else {
                continue;
            };
            let (same, other) =
                (self.decay_per_sec * self.self_ratio, self.decay_per_sec * self.cross_ratio);
            first += if kind == 0 { same } else { other };
            second += if kind == 1 { same } else { other };
            arrive(now, kind);
        }
        excitement.per_sec = [first, second];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Arrivals of a long time, which is played in pieces of `piece` seconds.
    fn arrivals(process: &PointProcess, secs: f64, piece: f64, seed: u64) -> Vec<(f64, usize)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut excitement = Excitement::default();
        let (mut list, mut start) = (Vec::new(), 0.0);
        while start < secs {
            process.run(&mut excitement, piece, &mut rng, |t, kind| list.push((start + t, kind)));
            start += piece;
        }
        list
    }

    #[test]
    fn arrivals_are_these() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let (mut excitement, mut list) = (Excitement::default(), Vec::new());
        HAWKES.run(&mut excitement, 20.0, &mut rng, |t, kind| list.push((t, kind)));
        assert_eq!(list.len(), 15);
        let known = [(4.008022092, 1), (4.278262775, 1), (5.085406219, 0), (5.095821832, 1)];
        for ((t, kind), (known, of_kind)) in list.iter().zip(known) {
            assert!((t - known).abs() < 1e-8 && *kind == of_kind, "{list:?}");
        }
        let last = [0.347_433_843, 0.860_541_139];
        assert!(excitement.per_sec.iter().zip(last).all(|(a, b)| (a - b).abs() < 1e-8));
        let none = PointProcess { base_per_sec: 0.0, ..HAWKES };
        none.run(&mut Excitement::default(), 20.0, &mut rng, |_, _| unreachable!("nothing begins"));
    }

    const HAWKES: PointProcess =
        PointProcess { base_per_sec: 0.2, self_ratio: 0.5, cross_ratio: 0.2, decay_per_sec: 0.5 };

    #[test]
    fn poisson_counts_have_equal_mean_and_variance() {
        let process = PointProcess::poisson(0.3);
        let list = arrivals(&process, 400_000.0, 12.0, 1);
        let mut counts = vec![0.0; 4_000];
        for (t, _) in &list {
            counts[(t / 100.0) as usize % 4_000] += 1.0;
        }
        let n = counts.len() as f64;
        let mean = counts.iter().sum::<f64>() / n;
        let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / n;
        // Two kinds at 0.3 a second: 60 in 100 seconds. Four standard errors each.
        assert!((mean - 60.0).abs() < 4.0 * (60.0 / n).sqrt(), "{mean}");
        assert!((variance / mean - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{variance} {mean}");
    }

    /// By the change of time (Papangelou), the compensator between arrivals is a standard exponential:
    /// mean 1, second moment 2. It holds only for an exact simulation.
    #[test]
    fn hawkes_arrivals_are_exponential_in_their_own_time() {
        for piece in [12.0, 1e6] {
            let list = arrivals(&HAWKES, 1e6, piece, 2);
            let kind = 0;
            let mut excitement = [0.0, 0.0];
            let (mut last, mut grown) = (0.0, 0.0);
            let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for (t, arrived) in &list {
                let kept = libm::exp(-HAWKES.decay_per_sec * (t - last));
                grown += HAWKES.base_per_sec * (t - last)
                    + excitement[kind] * (1.0 - kept) / HAWKES.decay_per_sec;
                for (i, e) in excitement.iter_mut().enumerate() {
                    let ratio = if i == *arrived { HAWKES.self_ratio } else { HAWKES.cross_ratio };
                    *e = *e * kept + HAWKES.decay_per_sec * ratio;
                }
                last = *t;
                if *arrived == kind {
                    n += 1.0;
                    sum += grown;
                    squares += grown * grown;
                    grown = 0.0;
                }
            }
            // Standard errors: 1/√n of the mean, √(20/n) of the second moment (24 − 4).
            assert!((sum / n - 1.0).abs() < 4.0 / f64::sqrt(n), "{}", sum / n);
            assert!((squares / n - 2.0).abs() < 4.0 * f64::sqrt(20.0 / n), "{}", squares / n);
        }
    }

    #[test]
    fn hawkes_arrivals_cluster_around_their_stated_mean() {
        let secs = 1e6;
        let list = arrivals(&HAWKES, secs, 12.0, 3);
        let rate = list.len() as f64 / secs / 2.0;
        // μ / (1 − n) = 0.667; counts have (1 − n)⁻² times a Poisson's variance.
        let error = (2.0 * HAWKES.mean_per_sec() / secs).sqrt() / 2.0 / 0.3;
        assert!((rate - HAWKES.mean_per_sec()).abs() < 4.0 * error, "{rate}");
        let mut counts = vec![0.0; 10_000];
        for (t, _) in &list {
            counts[(t / 100.0) as usize % 10_000] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 1e4;
        let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / 1e4;
        assert!(variance > 7.0 * mean, "{variance} {mean}");
    }
}
