//! What an update did.

use std::collections::BTreeMap;
use std::time::Instant;

use super::error::LearnError;

/// What one update did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpdateLog {
    /// Update, from 1.
    pub update: u64,
    /// Updates in the whole run.
    pub updates: u64,
    /// Decisions so far, all lanes.
    pub decisions: u64,
    /// Episodes that ended in this rollout.
    pub episodes: u64,
    /// Their mean undiscounted return, unscaled; NaN if none ended.
    pub episode_return: f64,
    /// Their mean length in decisions; NaN if none ended.
    pub episode_decisions: f64,
    /// Means of their summaries, by name.
    pub summary: Vec<(&'static str, f64)>,
    /// Mean of the tail that is learned, cost or return; NaN where none is.
    pub tail_mean: f64,
    /// Its value at risk, or the cap; NaN where none is known.
    pub tail_at_risk: f64,
    /// Multiplier of the tail's budget; NaN where there is none.
    pub tail_multiplier: f64,
    /// What rewards were multiplied by.
    pub reward_scale: f64,
    /// Mean policy loss.
    pub policy_loss: f64,
    /// Mean value loss (half the squared error).
    pub value_loss: f64,
    /// Mean entropy, summed over heads or numbers, in nats; of numbers the differential one, in their units (soft
    /// actor-critic: of the numbers that are read, between −1 and 1).
    pub entropy: f64,
    /// Mean deviation of an action's numbers, before they are squashed; NaN where actions are choices.
    pub deviation: f64,
    /// Mean KL divergence from the collecting policy, estimated.
    pub approx_kl: f64,
    /// Share of ratios beyond the clip.
    pub clip_fraction: f64,
    /// Share of the returns' variance that values explain.
    pub explained_variance: f64,
    /// Mean norm of the gradient before clipping.
    pub grad_norm: f64,
    /// Passes made before the KL target stopped them.
    pub epochs: usize,
    /// Mean cross-entropy to what the teacher would have done, summed over heads, in nats; NaN where nobody
    /// teaches.
    pub teacher_loss: f64,
    /// Its weight.
    pub teacher_weight: f64,
    /// Mean KL divergence from the reference, summed over heads, in nats; NaN where there is none.
    pub reference_kl: f64,
    /// Learning rate used.
    pub learning_rate: f64,
    /// Clip used.
    pub clip: f64,
    /// Entropy weight used.
    pub entropy_weight: f64,
    /// Largest |ratio − 1| of the first minibatch: rounding only, or collection and update disagree.
    pub first_ratio_error: f64,
    /// Clip fraction of the first minibatch: 0.
    pub first_clip_fraction: f64,
    /// Decisions per second, all included.
    pub decisions_per_second: f64,
    /// Time of the update.
    pub seconds: f64,
    /// Its part in environments.
    pub environment_secs: f64,
    /// Its part in choosing actions.
    pub forward_secs: f64,
    /// Its part in passes over the rollout.
    pub train_secs: f64,
}

impl UpdateLog {
    /// How fast it went, and where the time goes, for people.
    #[must_use]
    pub fn pace(&self) -> String {
        let share = |secs: f64| 100.0 * secs / self.seconds;
        format!(
            "{:.0} decisions/s (worlds {:.0} %, forward {:.0} %, train {:.0} %)",
            self.decisions_per_second,
            share(self.environment_secs),
            share(self.forward_secs),
            share(self.train_secs)
        )
    }

    /// Every number under its TensorBoard tag; those that are not finite are left out.
    #[must_use]
    pub fn scalars(&self) -> Vec<(String, f64)> {
        let mut all: Vec<(String, f64)> = [
            ("episode/return", self.episode_return),
            ("episode/decisions", self.episode_decisions),
            ("tail/mean", self.tail_mean),
            ("tail/at_risk", self.tail_at_risk),
            ("tail/multiplier", self.tail_multiplier),
            ("losses/policy", self.policy_loss),
            ("losses/value", self.value_loss),
            ("losses/entropy", self.entropy),
            ("losses/deviation", self.deviation),
            ("losses/approx_kl", self.approx_kl),
            ("losses/clip_fraction", self.clip_fraction),
            ("losses/explained_variance", self.explained_variance),
            ("losses/grad_norm", self.grad_norm),
            ("losses/teacher", self.teacher_loss),
            ("losses/reference_kl", self.reference_kl),
            ("checks/first_ratio_error", self.first_ratio_error),
            ("checks/first_clip_fraction", self.first_clip_fraction),
            ("schedule/teacher_weight", self.teacher_weight),
            ("schedule/epochs", self.epochs as f64),
            ("schedule/learning_rate", self.learning_rate),
            ("schedule/clip", self.clip),
            ("schedule/entropy_weight", self.entropy_weight),
            ("schedule/reward_scale", self.reward_scale),
            ("speed/decisions_per_second", self.decisions_per_second),
            ("speed/environment_secs", self.environment_secs),
            ("speed/forward_secs", self.forward_secs),
            ("speed/train_secs", self.train_secs),
        ]
        .map(|(tag, value)| (tag.to_owned(), value))
        .to_vec();
        all.extend(self.summary.iter().map(|(name, value)| (format!("episode/{name}"), *value)));
        all.retain(|(_, value)| value.is_finite());
        all
    }
}

/// Episodes that ended in a rollout.
#[derive(Clone, Debug, Default)]
pub struct Episodes {
    count: u64,
    returns: f64,
    decisions: u64,
    summary: BTreeMap<&'static str, (f64, u64)>,
}

impl Episodes {
    /// Counts an episode.
    pub fn add(&mut self, reward: f64, decisions: u64, summary: &[(&'static str, f64)]) {
        self.count += 1;
        self.returns += reward;
        self.decisions += decisions;
        for (name, value) in summary {
            let (sum, count) = self.summary.entry(name).or_default();
            *sum += value;
            *count += 1;
        }
    }
    /// Writes the means.
    pub fn report(&self, log: &mut UpdateLog) {
        let count = self.count as f64;
        log.episodes = self.count;
        log.episode_return = self.returns / count;
        log.episode_decisions = self.decisions as f64 / count;
        log.summary =
            self.summary.iter().map(|(name, (sum, count))| (*name, sum / *count as f64)).collect();
    }
}

/// The stopwatch of the log; nothing else depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(clippy::disallowed_methods, reason = "time spent is reported, never acted on")]
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
    /// Seconds since.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Refuses NaN and infinity in what the lanes returned, `[lanes, width]`.
///
/// # Errors
/// [`LearnError::NotFinite`] with the place.
pub fn check_finite(
    update: u64,
    step: usize,
    values: &[f32],
    width: usize,
    what: &str,
) -> Result<(), LearnError> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(i) => Err(LearnError::NotFinite {
            update,
            step,
            lane: i / width,
            what: format!("{what}[{}]", i % width),
            value: f64::from(values[i]),
            checkpoint: None,
        }),
    }
}
