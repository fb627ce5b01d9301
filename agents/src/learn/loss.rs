//! PPO's loss in plain numbers: its parts, and its slope along each log-probability and each value. The network's
//! gradient needs no more than the slopes, so libtorch sees none of the loss ([`super::towers`]), or one product per term
//! in place of a graph of small tensors, where there is more to a network than towers.

/// What a minibatch's loss is made of, `[M]` each.
#[derive(Clone, Copy, Debug)]
pub struct LossInput<'a> {
    /// Log-probabilities of what was drawn, now.
    pub log_probs: &'a [f32],
    /// The same when it was drawn.
    pub old_log_probs: &'a [f32],
    /// Values now.
    pub values: &'a [f32],
    /// Values when it was drawn.
    pub old_values: &'a [f32],
    /// Advantages.
    pub advantages: &'a [f32],
    /// What values should have been.
    pub returns: &'a [f32],
    /// Largest change of a ratio that is rewarded.
    pub clip: f64,
    /// The same for a value that moves toward its return, if at all.
    pub value_clip: Option<f64>,
    /// Weight of the value loss.
    pub value_weight: f64,
    /// Shift and scale advantages to mean 0, deviation 1.
    pub normalise_advantages: bool,
}

/// What nobody comes back from, as a multiple of what is usual.
pub(super) const BEYOND: f64 = 1e6;

/// The parts of a minibatch's loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Losses {
    /// The clipped surrogate, to be descended.
    pub policy: f64,
    /// Half the squared error of values.
    pub value: f64,
    /// Mean entropy.
    pub entropy: f64,
    /// Mean cross-entropy to the teacher's choices; 0 where nobody teaches.
    pub teacher: f64,
    /// Mean divergence from the reference; 0 where there is none.
    pub reference_kl: f64,
    /// Mean KL divergence from the collecting policy, estimated.
    pub approx_kl: f64,
    /// Share of ratios beyond the clip.
    pub clip_fraction: f64,
    /// Largest |ratio − 1|.
    pub ratio_error: f64,
}

impl Losses {
    /// The first part, by name, that is NaN, infinite, or beyond what a learner comes back from: half a squared error
    /// of values beyond a million times the mean `square` of the returns (of 1, where that is less), a policy whose
    /// ratios to the one that collected have left every measure.
    #[must_use]
    pub fn diverged(&self, square: f64) -> Option<(&'static str, f64)> {
        let parts = [
            ("the policy loss", self.policy),
            ("the value loss", self.value),
            ("the entropy", self.entropy),
            ("the cross-entropy to the teacher", self.teacher),
            ("the divergence from the reference", self.reference_kl),
            ("the KL divergence", self.approx_kl),
        ];
        let lost = [
            ("the value loss", self.value, BEYOND * square.max(1.0)),
            ("the KL divergence", self.approx_kl, BEYOND),
        ];
        let lost = lost.into_iter().find(|(_, value, most)| value > most);
        let broken = parts.into_iter().find(|(_, value)| !value.is_finite());
        broken.or(lost.map(|(what, value, _)| (what, value)))
    }

    /// Adds up, but for the largest error.
    pub fn add(&mut self, other: &Self) {
        self.policy += other.policy;
        self.value += other.value;
        self.entropy += other.entropy;
        self.teacher += other.teacher;
        self.reference_kl += other.reference_kl;
        self.approx_kl += other.approx_kl;
        self.clip_fraction += other.clip_fraction;
    }
}

/// The loss's parts, but for the entropy, the teacher and the reference, and its slopes: into `along_log_probs` and `along_values`, `[M]`.
pub fn slopes(
    input: &LossInput<'_>,
    along_log_probs: &mut [f32],
    along_values: &mut [f32],
) -> Losses {
    let m = input.log_probs.len() as f64;
    let (mut shift, mut scale) = (0.0, 1.0);
    if input.normalise_advantages {
        let all = || input.advantages.iter().map(|a| f64::from(*a));
        shift = all().sum::<f64>() / m;
        let variance = all().map(|a| (a - shift) * (a - shift)).sum::<f64>() / m;
        scale = 1.0 / (variance.sqrt() + 1e-8);
    }
    let mut sums = Losses::default();
    for i in 0..input.log_probs.len() {
        let advantage = (f64::from(input.advantages[i]) - shift) * scale;
        let log_ratio = f64::from(input.log_probs[i]) - f64::from(input.old_log_probs[i]);
        let ratio = libm::exp(log_ratio);
        let unclipped = advantage * ratio;
        let clipped = advantage * ratio.clamp(1.0 - input.clip, 1.0 + input.clip);
        sums.policy -= unclipped.min(clipped);
        // d ratio / d log-probability is the ratio; where the clipped part is the less, it is flat.
        let slope = if unclipped <= clipped { -unclipped / m } else { 0.0 };
        along_log_probs[i] = slope as f32;
        // k3 of Schulman's note on approximating KL: unbiased and never negative.
        sums.approx_kl += ratio - 1.0 - log_ratio;
        let distance = (ratio - 1.0).abs();
        sums.clip_fraction += f64::from(u8::from(distance > input.clip));
        // NaN stays NaN.
        sums.ratio_error = if distance <= sums.ratio_error { sums.ratio_error } else { distance };

        let (value, old) = (f64::from(input.values[i]), f64::from(input.old_values[i]));
        let target = f64::from(input.returns[i]);
        let mut error = value - target;
        let mut slope = error;
        if let Some(clip) = input.value_clip {
            let held = old + (value - old).clamp(-clip, clip) - target;
            if held.abs() > error.abs() {
                (error, slope) = (held, 0.0);
            }
        }
        sums.value += 0.5 * error * error;
        along_values[i] = (input.value_weight * slope / m) as f32;
    }
    Losses {
        policy: sums.policy / m,
        value: sums.value / m,
        entropy: 0.0,
        teacher: 0.0,
        reference_kl: 0.0,
        approx_kl: sums.approx_kl / m,
        clip_fraction: sums.clip_fraction / m,
        ratio_error: sums.ratio_error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [f32; 6] = [-0.5, -1.0, -2.0, -0.1, -1.5, -0.7];
    const LOG_PROBS: [f32; 6] = [-0.45, -1.4, -1.5, -0.15, -1.5, -0.2];
    const VALUES: [f32; 6] = [1.0, 2.5, -0.5, 0.0, 3.0, 1.0];

    fn parts(
        log_probs: &[f32],
        values: &[f32],
        value_clip: Option<f64>,
    ) -> (f64, Vec<f32>, Vec<f32>) {
        let input = LossInput {
            log_probs,
            old_log_probs: &OLD,
            values,
            old_values: &[1.1, 2.0, 0.5, 0.05, 2.0, 1.0],
            advantages: &[1.0, -2.0, 0.5, -0.3, 2.0, -1.0],
            returns: &[2.0, 1.0, -1.0, 0.5, 2.2, -1.0],
            clip: 0.2,
            value_clip,
            value_weight: 0.5,
            normalise_advantages: true,
        };
        let (mut along_log_probs, mut along_values) = (vec![0.0; 6], vec![0.0; 6]);
        let losses = slopes(&input, &mut along_log_probs, &mut along_values);
        (losses.policy + 0.5 * losses.value, along_log_probs, along_values)
    }

    #[test]
    fn slopes_are_those_of_the_loss() {
        for value_clip in [None, Some(0.2)] {
            let (_, along_log_probs, along_values) = parts(&LOG_PROBS, &VALUES, value_clip);
            let step = 1.0 / 1024.0;
            for i in 0..6 {
                let nudged = |of: &[f32; 6], by: f32| {
                    let mut of = *of;
                    of[i] += by;
                    of
                };
                let at = |by| parts(&nudged(&LOG_PROBS, by), &VALUES, value_clip).0;
                let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                assert!((slope - f64::from(along_log_probs[i])).abs() < 1e-4, "{i}: {slope}");
                let at = |by| parts(&LOG_PROBS, &nudged(&VALUES, by), value_clip).0;
                let slope = (at(step) - at(-step)) / (2.0 * f64::from(step));
                assert!((slope - f64::from(along_values[i])).abs() < 1e-4, "{i}: {slope}");
            }
        }
        let (_, along_log_probs, _) = parts(&LOG_PROBS, &VALUES, None);
        let flat: Vec<usize> = (0..6).filter(|i| along_log_probs[*i] == 0.0).collect();
        assert_eq!(
            flat,
            [1, 2],
            "a bad choice made rarer, a good one made likelier, by more than the clip"
        );
        let (_, _, along_values) = parts(&LOG_PROBS, &VALUES, Some(0.2));
        assert!(
            along_values[2] == 0.0 && along_values[0] != 0.0,
            "toward its return by more than the clip"
        );
    }

    #[test]
    fn what_is_finite_and_lost_has_diverged() {
        let usual = Losses { value: 40.0, approx_kl: 0.02, ..Losses::default() };
        assert_eq!(usual.diverged(0.5), None);
        let parts = [
            (Losses { value: 2e6, ..usual }, 1.0, Some("the value loss")),
            (Losses { value: 2e6, ..usual }, 100.0, None),
            (Losses { approx_kl: 1e20, ..usual }, 1.0, Some("the KL divergence")),
            (Losses { entropy: f64::NAN, ..usual }, 1.0, Some("the entropy")),
        ];
        for (losses, square, what) in parts {
            assert_eq!(losses.diverged(square).map(|(name, _)| name), what, "{losses:?}");
        }
    }

    #[test]
    fn nothing_is_clipped_where_nothing_has_changed() {
        let input = LossInput {
            log_probs: &OLD,
            old_log_probs: &OLD,
            values: &VALUES,
            old_values: &VALUES,
            advantages: &[1.0, -2.0, 0.5, -0.3, 2.0, -1.0],
            returns: &VALUES,
            clip: 0.2,
            value_clip: None,
            value_weight: 0.5,
            normalise_advantages: false,
        };
        let (mut along_log_probs, mut along_values) = ([0.0; 6], [0.0; 6]);
        let losses = slopes(&input, &mut along_log_probs, &mut along_values);
        assert_eq!((losses.ratio_error, losses.clip_fraction, losses.approx_kl), (0.0, 0.0, 0.0));
        assert!((losses.policy + 0.2 / 6.0).abs() < 1e-7, "{}", losses.policy);
        assert_eq!(along_values, [0.0; 6]);
        assert!((along_log_probs[1] - 2.0 / 6.0).abs() < 1e-7);
    }
}
