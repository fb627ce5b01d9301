//! Masked choices over several heads: their softmax, in plain numbers, for drawing and for learning. libtorch
//! computes the network alone: heads of a few choices each are slow as tensors.

use std::ops::Range;

use wide::f32x8;

use crate::frozen::LEGAL_ABOVE;

/// The heads of a policy.
#[derive(Debug)]
pub struct Heads {
    /// Where each head's choices lie among all.
    ranges: Vec<Range<usize>>,
    /// Whether every head has three.
    threes: bool,
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
        Self { ranges: ranges.collect(), threes: choices.iter().all(|n| *n == 3) }
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
        }
        if self.threes {
            threes(all, probabilities, entropies);
            return;
        }
        for all in all.chunks_exact_mut(l) {
            self.ranges.iter().for_each(|range| below_the_best(&mut all[range.clone()]));
        }
        eight_by_eight(all, probabilities, |x| x.exp());
        for (p, sums) in probabilities.chunks_exact(l).zip(sums.chunks_exact_mut(k)) {
            for (range, sum) in self.ranges.iter().zip(sums) {
                *sum = p[range.clone()].iter().sum();
            }
        }
        eight_by_eight(sums, entropies, |x| x.ln());
        let each = probabilities.chunks_exact_mut(l).zip(all.chunks_exact_mut(l));
        let heads = sums.chunks_exact(k).zip(entropies.chunks_exact_mut(k));
        for ((p, all), (sums, entropies)) in each.zip(heads) {
            for ((range, sum), entropy) in self.ranges.iter().zip(sums).zip(entropies) {
                *entropy = divided(&mut p[range.clone()], &mut all[range.clone()], *sum, *entropy);
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
    ///
    /// # Panics
    /// The slopes have no room for as many logits.
    pub fn slopes(
        &self,
        softmax: &Softmax,
        drawn: &[f32],
        rows: &[i64],
        pull: Pull<'_>,
        along_logits: &mut [f32],
    ) -> (f64, f64) {
        let (l, k, m) = (self.logits(), self.ranges.len(), rows.len() as f64);
        assert_eq!(along_logits.len(), rows.len() * l, "Invariant: room for every logit's slope");
        let (mut cross_entropy, mut divergence) = (0.0, 0.0);
        let per_decision = |weight: f64| (weight / m) as f32;
        let entropy_weight = per_decision(pull.entropy);
        let only_drawn =
            entropy_weight == 0.0 && pull.teacher.is_none() && pull.reference.is_none();
        for (i, row) in rows.iter().enumerate() {
            let row = *row as usize;
            let (drawn, along_log_prob) = (&drawn[row * k..][..k], pull.along_log_probs[i]);
            let taught =
                pull.teacher.map(|(weight, taught)| (per_decision(weight), &taught[row * k..]));
            let decision = i * l..(i + 1) * l;
            let (p, slopes) =
                (&softmax.probabilities[decision.clone()], &mut along_logits[decision]);
            // All of a decision at once; the entropy's part comes head by head, if it is to rise.
            for (slope, p) in slopes.iter_mut().zip(p) {
                *slope = p * -along_log_prob;
            }
            if only_drawn {
                for (range, choice) in self.ranges.iter().zip(drawn) {
                    slopes[range.start + *choice as usize] += along_log_prob;
                }
                continue;
            }
            let theirs =
                pull.reference.map(|(weight, all)| (per_decision(weight), &all[row * l..]));
            for (head, range) in self.ranges.iter().enumerate() {
                let cells = i * l + range.start..i * l + range.end;
                let (all, p) = (&softmax.all[cells.clone()], &softmax.probabilities[cells.clone()]);
                let slopes = &mut along_logits[cells];
                let entropy = softmax.entropies[i * k + head];
                let pulls = (entropy_weight, entropy, along_log_prob);
                match slopes.len() {
                    _ if entropy_weight == 0.0 => {}
                    3 => pulled(&mut slopes[..3], &p[..3], &all[..3], pulls),
                    _ => pulled(slopes, p, all, pulls),
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

/// The highest of a head's numbers taken from each.
fn below_the_best(head: &mut [f32]) {
    let highest = head.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for y in head {
        *y -= highest;
        // What is not finite stays so: a learner that diverged is to be noticed.
        *y = if *y < NEVER && y.is_finite() { NEVER } else { *y };
    }
}

/// A head's exponentials divided by their sum, whose logarithm is taken from theirs; its entropy.
fn divided(p: &mut [f32], ln_p: &mut [f32], sum: f32, ln_sum: f32) -> f32 {
    let share = 1.0 / sum;
    let each = p.iter_mut().zip(ln_p).map(|(p, ln_p)| {
        *ln_p -= ln_sum;
        *p *= share;
        -*p * *ln_p
    });
    each.sum()
}

/// The same for heads of three choices each, down, hold and up, as nearly all are: logits in `all` `[·, 3]` become
/// logarithms of `probabilities`, eight heads at a time. To the bit what heads of other sizes are given.
fn threes(all: &mut [f32], probabilities: &mut [f32], entropies: &mut [f32]) {
    let (all, rest) = all.as_chunks_mut::<24>();
    let (probabilities, rest_p) = probabilities.as_chunks_mut::<24>();
    let (entropies, rest_entropies) = entropies.as_chunks_mut::<8>();
    for ((all, p), entropies) in all.iter_mut().zip(probabilities).zip(entropies) {
        eight_heads(all, p, entropies);
    }
    let (mut last, mut last_p, mut last_entropies) = ([0.0; 24], [0.0; 24], [0.0; 8]);
    last[..rest.len()].copy_from_slice(rest);
    eight_heads(&mut last, &mut last_p, &mut last_entropies);
    rest.copy_from_slice(&last[..rest.len()]);
    rest_p.copy_from_slice(&last_p[..rest_p.len()]);
    rest_entropies.copy_from_slice(&last_entropies[..rest_entropies.len()]);
}

/// Eight heads of three: the first choices of all side by side, then the second, then the third.
fn eight_heads(all: &mut [f32; 24], probabilities: &mut [f32; 24], entropies: &mut [f32; 8]) {
    let logits =
        [0, 1, 2].map(|choice| f32x8::new(std::array::from_fn(|head| all[3 * head + choice])));
    let highest = logits[0].fast_max(logits[1]).fast_max(logits[2]);
    let below = logits.map(|logits| {
        let y = logits - highest;
        (y.simd_lt(f32x8::splat(NEVER)) & y.is_finite()).select(f32x8::splat(NEVER), y)
    });
    // The best choice is 0 below itself, and its exponential 1: that leaves two. (What is no number stays none.)
    let [first, second] = [below[0], below[1]].map(|y| y.simd_eq(f32x8::ZERO));
    let (one, other) =
        (first.select(below[1], below[0]), (first | second).select(below[2], below[1]));
    let (one, other) = (one.exp(), other.exp());
    let best = below.map(|y| f32x8::ONE + y);
    let exponentials = [
        first.select(best[0], one),
        first.select(one, second.select(best[1], other)),
        (first | second).select(other, best[2]),
    ];
    let sum = exponentials[0] + exponentials[1] + exponentials[2];
    let (share, ln_sum) = (f32x8::ONE / sum, sum.ln());
    let p = exponentials.map(|exponential| exponential * share);
    let ln_p = below.map(|below| below - ln_sum);
    *entropies = (-p[0] * ln_p[0] + -p[1] * ln_p[1] + -p[2] * ln_p[2]).to_array();
    for (choice, (p, ln_p)) in p.into_iter().zip(ln_p).enumerate() {
        let each = p.to_array().into_iter().zip(ln_p.to_array()).enumerate();
        each.for_each(|(head, (p, ln_p))| {
            (probabilities[3 * head + choice], all[3 * head + choice]) = (p, ln_p);
        });
    }
}

/// A head's slopes along its logits, but for the choice that was drawn: of probabilities `p` and their logarithms, with
/// the entropy's weight, the entropy, and the slope along the log-probability of what was drawn.
#[inline(always)]
fn pulled(
    slopes: &mut [f32],
    p: &[f32],
    ln_p: &[f32],
    (weight, entropy, along_log_prob): (f32, f32, f32),
) {
    for ((slope, p), ln_p) in slopes.iter_mut().zip(p).zip(ln_p) {
        *slope = p * (weight * (ln_p + entropy) - along_log_prob);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_three_are_given_to_the_bit_what_others_are() {
        let together = Heads::new(&[3; 29]);
        let apart = Heads { threes: false, ..Heads::new(&[3; 29]) };
        assert!(together.threes && !Heads::new(&[3, 2, 3]).threes);
        // Seven decisions of 87 choices fill no eights.
        let (rows, l) = ([4, 0, 6, 2, 1, 3, 5], 87);
        let logits: Vec<f32> = (0..rows.len() * l)
            .map(|i| match i % 97 {
                13 => 400.0,
                14 => -3e4,
                cell => libm::sinf(cell as f32 * 1.7) * 9.0,
            })
            .collect();
        let mask: Vec<f32> =
            (0..rows.len() * l).map(|i| f32::from(u8::from(i % 11 != 5))).collect();
        let illegal = Illegal::new(&mask, l);
        let (mut fast, mut plain) = (Softmax::default(), Softmax::default());
        together.softmax(&logits, &illegal, &rows, &mut fast);
        apart.softmax(&logits, &illegal, &rows, &mut plain);
        let bits = |of: &[f32]| of.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for (fast, plain) in [
            (&fast.all, &plain.all),
            (&fast.probabilities, &plain.probabilities),
            (&fast.entropies, &plain.entropies),
        ] {
            assert_eq!(bits(fast), bits(plain));
        }
        assert!(fast.probabilities.iter().filter(|p| **p == 0.0).count() > 50);
        // What is not a number is noticed.
        let broken: Vec<f32> =
            logits.iter().enumerate().map(|(i, y)| if i == 100 { f32::NAN } else { *y }).collect();
        together.softmax(&broken, &illegal, &rows, &mut fast);
        assert!(fast.entropies.iter().any(|entropy| entropy.is_nan()));
    }
}
