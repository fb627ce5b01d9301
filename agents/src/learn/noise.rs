//! The learner's randomness: addressed, never consumed. What a draw returns depends on the seed and
//! its address alone, so a resumed run draws what an uninterrupted one would have.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// First weights; `lane` is the tensor.
    Weights = 1,
    /// Choice of actions.
    Action = 2,
    /// Order of a rollout's decisions; `lane` is the epoch.
    Shuffle = 3,
    /// Transitions of a minibatch.
    Minibatch = 4,
    /// Normals behind the actions that a loss looks at.
    Reparameterise = 5,
    /// Whether a player of a league begins anew; `lane` is the player.
    League = 6,
    /// Levels of a curriculum; `update` is the pick.
    Level = 7,
}

/// Opens streams by address.
#[derive(Clone, Debug)]
pub struct Noise {
    root: ChaCha8Rng,
}

impl Noise {
    /// The noise of one run.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let key = blake3::derive_key("ballast 2026 learner noise", &seed.to_le_bytes());
        Self { root: ChaCha8Rng::from_seed(key) }
    }

    /// The stream at (purpose, update, step, lane): 2¹² words, 2³⁶ where `step` is 0 throughout.
    #[must_use]
    pub fn at(&self, draw: Draw, update: u64, step: u64, lane: u64) -> ChaCha8Rng {
        assert!(update < 1 << 32, "Invariant: update fits its 32 bits");
        assert!(step < 1 << 24, "Invariant: step fits its 24 bits");
        assert!(lane < 1 << 56, "Invariant: lane fits its 56 bits");
        let mut rng = self.root.clone();
        rng.set_stream((draw as u64) << 56 | lane);
        rng.set_word_pos(u128::from(update) << 36 | u128::from(step) << 12);
        rng
    }
}

/// Uniform in [0, 1), 53 bits.
pub fn uniform(rng: &mut impl Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Two independent standard normals (Box and Muller, 1958).
pub fn normals(rng: &mut impl Rng) -> [f64; 2] {
    let radius = (-2.0 * libm::log(1.0 - uniform(rng))).sqrt();
    let angle = 2.0 * std::f64::consts::PI * uniform(rng);
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

/// A uniform order of `0..n` (Fisher and Yates).
pub fn shuffled(rng: &mut impl Rng, n: usize) -> Vec<i64> {
    let mut order: Vec<i64> = (0..n as i64).collect();
    for i in (1..n).rev() {
        // 64 random bits scaled by i + 1 ≤ 2³²: bias below 2⁻³².
        let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
        order.swap(i, j as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_always_opens_the_same_stream_and_no_other() {
        let noise = Noise::new(7);
        let first = |n: &Noise, d, u, s, l| n.at(d, u, s, l).next_u64();
        let here = first(&noise, Draw::Action, 1, 2, 3);
        assert_eq!(here, first(&Noise::new(7), Draw::Action, 1, 2, 3));
        for other in [
            first(&Noise::new(8), Draw::Action, 1, 2, 3),
            first(&noise, Draw::Shuffle, 1, 2, 3),
            first(&noise, Draw::Action, 2, 2, 3),
            first(&noise, Draw::Action, 1, 3, 3),
            first(&noise, Draw::Action, 1, 2, 4),
        ] {
            assert_ne!(here, other);
        }
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_normals_are_normal() {
        let mut rng = Noise::new(1).at(Draw::Shuffle, 0, 0, 0);
        let mut order = shuffled(&mut rng, 1000);
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(i, v)| i as i64 == *v));
        let draws: Vec<f64> = (0..10_000).flat_map(|_| normals(&mut rng)).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let var = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
        assert!(mean.abs() < 0.03 && (var - 1.0).abs() < 0.05, "{mean} {var}");
    }
}
