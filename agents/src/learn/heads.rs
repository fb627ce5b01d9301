//! Masked choices over several heads: their softmax, in plain numbers, for drawing and for learning. libtorch
//! differentiates the network alone: heads of a few choices each are slow as tensors.

use crate::frozen::LEGAL_ABOVE;

/// The heads of a policy.
#[derive(Debug)]
pub struct Heads {
    pub(super) choices: Vec<u32>,
    /// Choices of all heads, `L`.
    logits: usize,
}

/// What a policy says at `M` decisions.
#[derive(Debug, Default)]
pub struct Softmax {
    /// Log-probability of every choice, `[M, L]`; 0 where it is illegal.
    pub all: Vec<f32>,
    /// Its probability, `[M, L]`; 0 where it is illegal.
    pub probabilities: Vec<f32>,
    /// Entropy of every head, `[M, K]`.
    pub entropies: Vec<f32>,
}

/// What a loss asks of the heads, beside the choices that were drawn; per decision, so divided by `M`.
#[derive(Clone, Copy, Debug)]
pub struct Pull<'a> {
    /// Slope along the log-probability of what was drawn, `[M]`.
    pub along_log_probs: &'a [f32],
    /// Weight of the entropy, which is to rise.
    pub entropy: f64,
    /// Weight of the cross-entropy to a teacher's choices, and these, `[B, K]`.
    pub teacher: Option<(f64, &'a [f32])>,
    /// Weight of the divergence from a reference, and its log-probabilities, `[B, L]`.
    pub reference: Option<(f64, &'a [f32])>,
}

impl Heads {
    /// Heads of so many choices each.
    #[must_use]
    pub fn new(choices: &[u32]) -> Self {
        let logits = choices.iter().map(|n| *n as usize).sum();
        Self { choices: choices.to_vec(), logits }
    }

    /// The softmax of each head's legal choices at the decisions `rows` `[M]` of `B`: of `logits` `[M, L]` with `mask`
    /// `[B, L]`.
    pub fn softmax(&self, logits: &[f32], mask: &[f32], rows: &[i64], out: &mut Softmax) {
        let (l, k) = (self.logits, self.choices.len());
        for (cells, width) in
            [(&mut out.all, l), (&mut out.probabilities, l), (&mut out.entropies, k)]
        {
            cells.clear();
            cells.resize(rows.len() * width, 0.0);
        }
        let Softmax { all, probabilities, entropies } = out;
        for (i, row) in rows.iter().enumerate() {
            let mask = &mask[*row as usize * l..][..l];
            let here = i * l..(i + 1) * l;
            let (logits, all) = (&logits[here.clone()], &mut all[here.clone()]);
            let (probabilities, mut start) = (&mut probabilities[here], 0);
            for (n, entropy) in self.choices.iter().zip(&mut entropies[i * k..]) {
                let end = start + *n as usize;
                let legal = || (start..end).filter(|c| mask[*c] > LEGAL_ABOVE);
                let highest = legal().map(|c| logits[c]).fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for c in legal() {
                    all[c] = logits[c] - highest;
                    probabilities[c] = libm::expf(all[c]);
                    sum += probabilities[c];
                }
                let (ln_sum, share) = (libm::logf(sum), 1.0 / sum);
                for c in legal() {
                    all[c] -= ln_sum;
                    probabilities[c] *= share;
                    *entropy -= probabilities[c] * all[c];
                }
                start = end;
            }
        }
    }

    /// Log-probabilities of the choices `drawn` `[B, K]` at the decisions `rows` `[M]`, summed over heads, `[M]`.
    pub fn log_probs<'a>(
        &'a self,
        softmax: &'a Softmax,
        drawn: &'a [f32],
        rows: &'a [i64],
    ) -> impl Iterator<Item = f32> + 'a {
        let k = self.choices.len();
        rows.iter().zip(softmax.all.chunks_exact(self.logits)).map(move |(row, all)| {
            let mut start = 0;
            let each = self.choices.iter().zip(&drawn[*row as usize * k..]).map(|(n, choice)| {
                let chosen = all[start + *choice as usize];
                start += *n as usize;
                chosen
            });
            each.sum()
        })
    }

    /// Slopes along the logits, `[M, L]`, of what `pull` asks at the decisions `rows` `[M]` of `B`, where `drawn`
    /// `[B, K]` was chosen. With probabilities p of a head, the slope of ln p_a is 1_a − p, of the entropy H
    /// −p (ln p + H), and of the divergence D from a reference q p (ln p − ln q − D). Returns the mean
    /// cross-entropy to the teacher and the mean divergence from the reference; 0 where there is none.
    pub fn slopes(
        &self,
        softmax: &Softmax,
        drawn: &[f32],
        rows: &[i64],
        pull: Pull<'_>,
        along_logits: &mut Vec<f32>,
    ) -> (f64, f64) {
        let (l, k, m) = (self.logits, self.choices.len(), rows.len() as f64);
        along_logits.clear();
        along_logits.resize(rows.len() * l, 0.0);
        let (mut cross_entropy, mut divergence) = (0.0, 0.0);
        let per_decision = |weight: f64| (weight / m) as f32;
        let entropy_weight = per_decision(pull.entropy);
        for (i, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let (drawn, along_log_prob) = (&drawn[row * k..][..k], pull.along_log_probs[i]);
            let taught =
                pull.teacher.map(|(weight, taught)| (per_decision(weight), &taught[row * k..]));
            let theirs =
                pull.reference.map(|(weight, all)| (per_decision(weight), &all[row * l..]));
            let mut start = 0;
            for (head, n) in self.choices.iter().enumerate() {
                let (at, end) = (i * l + start, start + *n as usize);
                let cells = at..i * l + end;
                let (all, p) = (&softmax.all[cells.clone()], &softmax.probabilities[cells.clone()]);
                let slopes = &mut along_logits[cells];
                let entropy = softmax.entropies[i * k + head];
                for ((slope, p), ln_p) in slopes.iter_mut().zip(p).zip(all) {
                    *slope = p * (entropy_weight * (ln_p + entropy) - along_log_prob);
                }
                slopes[drawn[head] as usize] += along_log_prob;
                if let Some((weight, taught)) = taught {
                    let choice = taught[head] as usize;
                    cross_entropy -= f64::from(all[choice]);
                    for (slope, p) in slopes.iter_mut().zip(p) {
                        *slope += weight * p;
                    }
                    slopes[choice] -= weight;
                }
                if let Some((weight, theirs)) = theirs {
                    let apart = || p.iter().zip(all).zip(&theirs[start..end]);
                    let head: f32 = apart().map(|((p, ours), theirs)| p * (ours - theirs)).sum();
                    divergence += f64::from(head);
                    for (slope, ((p, ours), theirs)) in slopes.iter_mut().zip(apart()) {
                        *slope += weight * p * (ours - theirs - head);
                    }
                }
                start = end;
            }
        }
        (cross_entropy / m, divergence / m)
    }
}

/// The first head whose choice in `action` `[K]` is not one that `mask` `[L]` leaves.
pub fn illegal(heads: &[u32], mask: &[f32], action: &[f32]) -> Option<usize> {
    let mut start = 0;
    heads.iter().zip(action).position(|(n, choice)| {
        let legal = (0..*n as usize).any(|c| c as f32 == *choice && mask[start + c] > LEGAL_ABOVE);
        start += *n as usize;
        !legal
    })
}

/// Draws one choice per head from masked `logits` `[L]` into `action` `[K]`; returns the sum of the
/// heads' log-probabilities.
///
/// # Errors
/// The first head without a legal choice.
pub fn sample(
    heads: &[u32],
    logits: &[f32],
    mask: &[f32],
    action: &mut [f32],
    mut uniform: impl FnMut() -> f64,
) -> Result<f32, usize> {
    let mut log_prob = 0.0;
    let mut start = 0;
    for (head, n) in heads.iter().enumerate() {
        let end = start + *n as usize;
        let legal =
            || (start..end).filter(|i| mask[*i] > LEGAL_ABOVE).map(|i| (i, f64::from(logits[i])));
        let highest = legal().map(|(_, x)| x).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = legal().map(|(_, x)| libm::exp(x - highest)).sum();
        let mut left = uniform() * sum;
        let mut chosen = None;
        for (i, x) in legal() {
            chosen = Some((i, x));
            left -= libm::exp(x - highest);
            if left < 0.0 {
                break;
            }
        }
        // Rounding may leave a rest: then the last legal choice stands.
        let (index, logit) = chosen.ok_or(head)?;
        action[head] = (index - start) as f32;
        log_prob += logit - highest - libm::log(sum);
        start = end;
    }
    Ok(log_prob as f32)
}
