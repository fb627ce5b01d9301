//! Observations as networks see them.

use crate::frozen::Normaliser;

/// A [`Normaliser`] made ready for rows.
pub(super) struct Normalise {
    normaliser: Normaliser,
    inverse_std: Vec<f32>,
}

impl Normalise {
    pub(super) fn new(normaliser: Normaliser) -> Self {
        Self { inverse_std: normaliser.inverse_std(), normaliser }
    }
    /// Of `raw` `[n, D]` into `out` `[n, D]`, as [`crate::frozen::FrozenPolicy::logits`] does it.
    pub(super) fn rows(&self, raw: &[f32], out: &mut [f32]) {
        let d = self.inverse_std.len();
        let clip = self.normaliser.clip;
        for (raw, out) in raw.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            for (((y, x), mean), inverse) in
                out.iter_mut().zip(raw).zip(&self.normaliser.mean).zip(&self.inverse_std)
            {
                *y = ((x - mean) * inverse).clamp(-clip, clip);
            }
        }
    }
}
