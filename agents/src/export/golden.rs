//! Golden vectors: what the policy answered when it was exported, to hold every later copy to.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::frozen::{FrozenPolicy, numbers_read};

/// Cases made up at export, besides those that were observed.
pub(super) const MADE_UP_CASES: usize = 32;
/// At most so many observed cases are kept.
const OBSERVED_CASES: usize = 64;

/// An answer of a policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// One choice per head, `[heads]`.
    Choices(Vec<u32>),
    /// Numbers within their bounds.
    Numbers(Vec<f32>),
}

impl Answer {
    /// How many values.
    pub(super) fn len(&self) -> usize {
        self.values().count()
    }
    /// The values, choices by their numbers.
    pub(super) fn values(&self) -> impl Iterator<Item = f32> + '_ {
        let (choices, numbers): (&[u32], &[f32]) = match self {
            Self::Choices(choices) => (choices, &[]),
            Self::Numbers(numbers) => (&[], numbers),
        };
        choices.iter().map(|choice| *choice as f32).chain(numbers.iter().copied())
    }
}

/// One question and the policy's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCase {
    /// Observation, as the policy is given it, `[obs_dim]`.
    pub observation: Vec<f32>,
    /// What it remembers before it, `[memory]`; empty without memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<f32>,
    /// 1 = legal, or read, `[logits]`.
    pub action_mask: Vec<f32>,
    /// Masked logits, or the means of numbers before they are squashed, `[logits]`.
    pub logits: Vec<f32>,
    /// What it answered.
    pub action: Answer,
    /// What it remembers after it, `[memory]`; empty without memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub next_memory: Vec<f32>,
}

/// The contents of `golden.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenCases {
    /// At least 32.
    pub cases: Vec<GoldenCase>,
}

/// The policy's answers to up to 64 of `observed` (observation, mask), evenly spread,
/// and to 32 of its own: zeros, the mean, far beyond the clip on either side, single
/// fields at their extremes, random ones; under masks that allow all, one choice per head, and random. A policy with
/// memory is asked them one after the other, as if they were an episode.
pub fn golden_cases(policy: &mut FrozenPolicy, observed: &[(Vec<f32>, Vec<f32>)]) -> GoldenCases {
    let kept = observed.len().min(OBSERVED_CASES);
    let questions: Vec<(Vec<f32>, Vec<f32>)> = (0..kept)
        .map(|i| observed[i * observed.len() / kept].clone())
        .map(|(obs, mask)| (obs, own_mask(policy, mask)))
        .chain((0..MADE_UP_CASES).map(|i| made_up(policy, i)))
        .collect();
    let mut memory = vec![0.0; policy.remembered().len()];
    let cases = questions.into_iter().map(|(observation, action_mask)| {
        let case = answer(policy, &memory, observation, action_mask);
        memory.clone_from(&case.next_memory);
        case
    });
    GoldenCases { cases: cases.collect() }
}

/// The policy's answer to one question, when it remembers `memory`; it forgets all of it again.
pub(super) fn answer(
    policy: &mut FrozenPolicy,
    memory: &[f32],
    observation: Vec<f32>,
    action_mask: Vec<f32>,
) -> GoldenCase {
    policy.recall(memory);
    let logits = policy.logits(&observation, &action_mask).to_vec();
    let next_memory = policy.remembered().to_vec();
    let mut action = vec![0.0; policy.action_dim()];
    policy.recall(memory);
    policy.act(&observation, &action_mask, &mut action);
    policy.forget();
    GoldenCase {
        memory: memory.to_vec(),
        next_memory,
        observation,
        action_mask,
        logits,
        action: match policy.bounds() {
            None => Answer::Choices(action.iter().map(|a| *a as u32).collect()),
            Some(_) => Answer::Numbers(action),
        },
    }
}

/// A mask as the policy's graph takes it: that of numbers says of each whether it is read.
fn own_mask(policy: &FrozenPolicy, mask: Vec<f32>) -> Vec<f32> {
    if policy.bounds().is_none() {
        return mask;
    }
    let mut read = vec![0.0; policy.action_dim()];
    numbers_read(&mask, &mut read);
    read
}

fn made_up(policy: &FrozenPolicy, case: usize) -> (Vec<f32>, Vec<f32>) {
    let mut rng = ChaCha8Rng::seed_from_u64(case as u64);
    let mut uniform = move || (rng.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
    let normaliser = policy.normaliser();
    let std: Vec<f32> = normaliser.inverse_std().iter().map(|s| 1.0 / s).collect();
    let observation = normaliser
        .mean
        .iter()
        .zip(&std)
        .enumerate()
        .map(|(i, (mean, std))| {
            let far = (2.0 * normaliser.clip * std).min(1e6);
            match case {
                0 => 0.0,
                1 => *mean,
                2 => mean + far,
                3 => mean - far,
                4 => 1e6,
                5 => -1e6,
                6 => 1e6 * (1.0 - 2.0 * (i % 2) as f32),
                7..16 if i % 9 == case - 7 => mean + far * (1.0 - 2.0 * (i % 2) as f32),
                7..16 => *mean,
                _ => mean + std * (6.0 * uniform() - 3.0),
            }
        })
        .collect();
    let mut action_mask = Vec::with_capacity(policy.logits_dim());
    for n in policy.heads() {
        // Every head keeps at least one legal choice.
        let kept = (uniform() * *n as f32) as u32 % n;
        action_mask.extend((0..*n).map(|choice| match case % 4 {
            0 | 2 => 1.0,
            1 => f32::from(u8::from(choice == kept)),
            _ => f32::from(u8::from(choice == kept || uniform() < 0.5)),
        }));
    }
    for _ in 0..policy.bounds().map_or(0, Bounds::len) {
        action_mask.push(f32::from(u8::from(case.is_multiple_of(2) || uniform() < 0.5)));
    }
    (observation, action_mask)
}
