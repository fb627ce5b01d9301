//! Masked choices over several heads: their softmax, in plain numbers, for drawing and for learning. libtorch
//! differentiates the network alone: heads of a few choices each are slow as tensors.

use std::ops::Range;

use wide::f32x8;

use crate::frozen::LEGAL_ABOVE;

/// The heads of a policy.
#[derive(Debug)]
pub struct Heads {
    /// Where each head's choices lie among all.
    ranges: Vec<Range<usize>>,
}

/// What a policy says at `M` decisions.
#[derive(Debug, Default)]
pub struct Softmax {
    /// Log-probability of every choice, `[M, L]`; some −200 where it is less or the choice is illegal.
    pub all: Vec<f32>,
    /// Its probability, `[M, L]`; 0 where it is illegal.
    pub probabilities: Vec<f32>,
    /// Entropy of every head, `[M, K]`.
    pub entropies: Vec<f32>,
    /// Sum of a head's exponentials, `[M, K]`.
    sums: Vec<f32>,
}

/// A logarithm whose exponential is 0.
const NEVER: f32 = -200.0;

/// The illegal choices of `B` decisions: few among many, so what is read of a decision is little.
#[derive(Debug, Default)]
pub struct Illegal {
    /// Where each decision's end in `choices`, `[B + 1]` with a 0 in front.
    ends: Vec<usize>,
    /// Among `L`.
    choices: Vec<u32>,
}

impl Illegal {
    /// Of `mask` `[B, L]`, with `logits` choices `L` at each decision.
    #[must_use]
    pub fn new(mask: &[f32], logits: usize) -> Self {
        let (mut ends, mut choices) = (vec![0], Vec::new());
        for mask in mask.chunks_exact(logits) {
            let illegal = (0..).zip(mask).filter(|(_, m)| **m <= LEGAL_ABOVE);
            choices.extend(illegal.map(|(choice, _)| choice));
            ends.push(choices.len());
        }
        Self { ends, choices }
    }

    fn at(&self, row: usize) -> &[u32] {
        &self.choices[self.ends[row]..self.ends[row + 1]]
    }
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
        let ranges = choices.iter().scan(0, |start, n| {
            let range = *start..*start + *n as usize;
            *start = range.end;
            Some(range)
        });
        Self { ranges: ranges.collect() }
    }

    /// Choices of all heads, `L`.
    fn logits(&self) -> usize {
        self.ranges.last().map_or(0, |last| last.end)
    }

    /// The first head whose choice in `action` `[K]` is not one that `mask` `[L]` leaves.
    #[must_use]
    pub fn illegal(&self, mask: &[f32], action: &[f32]) -> Option<usize> {
        self.ranges.iter().zip(action).position(|(range, choice)| {
            let mut mask = (0..).zip(&mask[range.clone()]);
            !mask.any(|(c, m): (u32, &f32)| c as f32 == *choice && *m > LEGAL_ABOVE)
        })
    }

    /// Draws one choice per head from masked `logits` `[L]` into `action` `[K]`; returns the sum of the
    /// heads' log-probabilities.
    ///
    /// # Errors
    /// The first head without a legal choice.
    pub fn sample(
        &self,
        logits: &[f32],
        mask: &[f32],
        action: &mut [f32],
        mut uniform: impl FnMut() -> f64,
    ) -> Result<f32, usize> {
        let mut log_prob = 0.0;
        for (head, range) in self.ranges.iter().enumerate() {
            let legal = || {
                let legal = range.clone().filter(|i| mask[*i] > LEGAL_ABOVE);
                legal.map(|i| (i, f64::from(logits[i])))
            };
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
            action[head] = (index - range.start) as f32;
            log_prob += logit - highest - libm::log(sum);
        }
        Ok(log_prob as f32)
    }

    /// The softmax of each head's legal choices at the decisions `rows` `[M]` of `B`: of `logits` `[M, L]` without
    /// what is `illegal` of the `B`.
    pub fn softmax(&self, logits: &[f32], illegal: &Illegal, rows: &[i64], out: &mut Softmax) {
        let (l, k) = (self.logits(), self.ranges.len());
        let Softmax { all, probabilities, entropies, sums } = out;
        for (cells, width) in
            [(&mut *all, l), (&mut *probabilities, l), (&mut *entropies, k), (&mut *sums, k)]
        {
            cells.resize(rows.len() * width, 0.0);
        }
        // How far below the best legal choice of its head each is.
        all.copy_from_slice(logits);
        for (row, all) in rows.iter().zip(all.chunks_exact_mut(l)) {
            for choice in illegal.at(*row as usize) {
                all[*choice as usize] = f32::MIN;
            }
            for range in &self.ranges {
                match &mut all[range.clone()] {
                    three if three.len() == 3 => below_the_best(&mut three[..3]),
                    head => below_the_best(head),
                }
            }
        }
        eight_by_eight(all, probabilities, |x| x.exp());
        for (p, sums) in probabilities.chunks_exact(l).zip(sums.chunks_exact_mut(k)) {
            for (range, sum) in self.ranges.iter().zip(sums) {
                *sum = match &p[range.clone()] {
                    three if three.len() == 3 => three[..3].iter().sum(),
                    head => head.iter().sum(),
                };
            }
        }
        eight_by_eight(sums, entropies, |x| x.ln());
        let each = probabilities.chunks_exact_mut(l).zip(all.chunks_exact_mut(l));
        let heads = sums.chunks_exact(k).zip(entropies.chunks_exact_mut(k));
        for ((p, all), (sums, entropies)) in each.zip(heads) {
            for ((range, sum), entropy) in self.ranges.iter().zip(sums).zip(entropies) {
                let (p, all) = (&mut p[range.clone()], &mut all[range.clone()]);
                let ln_sum = *entropy;
                *entropy = match p.len() {
                    3 => divided(&mut p[..3], &mut all[..3], *sum, ln_sum),
                    _ => divided(p, all, *sum, ln_sum),
                };
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
        let k = self.ranges.len();
        rows.iter().zip(softmax.all.chunks_exact(self.logits())).map(move |(row, all)| {
            let drawn = &drawn[*row as usize * k..];
            let each = self.ranges.iter().zip(drawn);
            each.map(|(range, choice)| all[range.start + *choice as usize]).sum()
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
        let (l, k, m) = (self.logits(), self.ranges.len(), rows.len() as f64);
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
            for (head, range) in self.ranges.iter().enumerate() {
                let cells = i * l + range.start..i * l + range.end;
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
                    let apart = || p.iter().zip(all).zip(&theirs[range.clone()]);
                    let head: f32 = apart().map(|((p, ours), theirs)| p * (ours - theirs)).sum();
                    divergence += f64::from(head);
                    for (slope, ((p, ours), theirs)) in slopes.iter_mut().zip(apart()) {
                        *slope += weight * p * (ours - theirs - head);
                    }
                }
            }
        }
        (cross_entropy / m, divergence / m)
    }
}

// Most heads have three choices, down, hold and up: inlined where that is known, these take no loop. (With the list of
// illegal choices, a learner of 29 such heads keeps 74 % in place of 69 of what libtorch alone would do.)

/// The highest of a head's numbers taken from each.
#[inline(always)]
fn below_the_best(head: &mut [f32]) {
    let highest = head.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for y in head {
        *y -= highest;
        // What is not finite stays so: a learner that diverged is to be noticed.
        *y = if *y < NEVER && y.is_finite() { NEVER } else { *y };
    }
}

/// A head's exponentials divided by their sum, whose logarithm is taken from theirs; its entropy.
#[inline(always)]
fn divided(p: &mut [f32], ln_p: &mut [f32], sum: f32, ln_sum: f32) -> f32 {
    let share = 1.0 / sum;
    let each = p.iter_mut().zip(ln_p).map(|(p, ln_p)| {
        *ln_p -= ln_sum;
        *p *= share;
        -*p * *ln_p
    });
    each.sum()
}

/// `of` each number of `from` into `to`, eight at a time.
fn eight_by_eight(from: &[f32], to: &mut [f32], of: impl Fn(f32x8) -> f32x8) {
    let (from, rest) = from.as_chunks::<8>();
    let (to, rest_to) = to.as_chunks_mut::<8>();
    for (from, to) in from.iter().zip(to) {
        *to = of(f32x8::from(*from)).to_array();
    }
    let mut last = [1.0; 8];
    last[..rest.len()].copy_from_slice(rest);
    rest_to.copy_from_slice(&of(f32x8::from(last)).to_array()[..rest.len()]);
}
