//! A policy that draws its choices, as the learner whose policy it was does.

use super::FrozenPolicy;
use crate::policy::RiskPolicy;
use markets::price::draw;
use rand::Rng;

impl FrozenPolicy {
    /// A legal choice of each head by its probability, into `action` `[action_dim]`; one word of `rng` for each head.
    /// Numbers are those of [`FrozenPolicy::act`]: what is frozen has no deviation.
    pub fn draw(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32], rng: &mut dyn Rng) {
        if self.bounds.is_some() {
            return self.act(obs, mask, action);
        }
        assert_eq!(action.len(), self.action_dim(), "Invariant: action width");
        self.logits(obs, mask);
        let mut start = 0;
        for (choice, n) in action.iter_mut().zip(&self.heads) {
            let head = &self.front[start..start + *n as usize];
            *choice = drawn(head, draw::uniform(rng.next_u64())) as f32;
            start += head.len();
        }
    }
}

/// The choice by the softmax of `logits` where a uniform number in (0, 1) falls; an illegal one has no chance.
fn drawn(logits: &[f32], uniform: f64) -> usize {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = |logit: &f32| libm::exp(f64::from(logit - most));
    let mut left = uniform * logits.iter().map(weight).sum::<f64>();
    let mut chosen = 0;
    for (choice, weight) in logits.iter().map(weight).enumerate() {
        if weight > 0.0 {
            chosen = choice;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
    }
    chosen
}

/// A policy that draws ([`FrozenPolicy::draw`]) where it is given randomness.
#[derive(Clone, Debug)]
pub struct Stochastic(pub FrozenPolicy);

impl RiskPolicy for Stochastic {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn reset(&mut self) {
        self.0.forget();
    }
    fn act(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.0.act(obs, mask, action);
    }
    fn foresee(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32]) {
        self.0.foresee(obs, mask, action);
    }
    fn decide(&mut self, obs: &[f32], mask: &[f32], action: &mut [f32], rng: &mut dyn Rng) {
        self.0.draw(obs, mask, action, rng);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frozen::MASKED_LOGIT;

    #[test]
    fn choices_are_drawn_by_their_probabilities_and_illegal_ones_never() {
        // Weights 1, 3 and 4 of 8, an illegal one between them and one at the end.
        let ln = |x: f64| libm::log(x) as f32;
        let logits = [ln(1.0), ln(3.0), MASKED_LOGIT, ln(4.0), MASKED_LOGIT];
        let mut count = [0; 5];
        for i in 0..800 {
            count[drawn(&logits, (f64::from(i) + 0.5) / 800.0)] += 1;
        }
        assert_eq!(count, [100, 300, 0, 400, 0]);
        assert_eq!(drawn(&logits, 1.0), 3, "at the very end too");
    }
}
