//! What a training run may set.

use serde::{Deserialize, Serialize};

use super::error::{LearnError, Rule};
use super::kickstart::Kickstart;
use super::reference::Reference;
use super::tail::Tail;

/// What one factor of `gamma` spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Discount {
    /// One decision, however long.
    #[default]
    PerDecision,
    /// One block: a decision that took `n` blocks is discounted by `gamma^n` (a semi-Markov process).
    PerBlock,
}

/// Settings of `learn::ppo` (Schulman et al., 2017, arXiv:1707.06347, with the details of Huang et
/// al., 2022, "The 37 implementation details of PPO").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PpoConfig {
    /// Names all noise of the learner.
    pub seed: u64,
    /// Updates in the whole run; annealing ends there.
    pub updates: u64,
    /// Decisions per lane and update.
    pub rollout_steps: usize,
    /// Passes over each rollout.
    pub epochs: usize,
    /// Least decisions per minibatch; a rollout is cut into as many equal parts as this allows.
    pub minibatch: usize,
    /// Widths of the hidden tanh layers, the same for actor and critic.
    pub hidden: Vec<usize>,
    /// Values that two layers make of each row of entities in an observation, before mean and maximum over the
    /// rows take the rows' place (Zaheer et al., 2017); 0: rows are seen as they lie. What is learned then knows
    /// no row from another.
    pub set_width: usize,
    /// Values that a gated recurrent unit before those layers remembers from decision to decision; 0 for a
    /// policy without memory. Passes then run over whole lanes, from the rollout's first decision on.
    pub memory: usize,
    /// Adam's step.
    pub learning_rate: f64,
    /// Let the learning rate fall linearly to 0.
    pub anneal_learning_rate: bool,
    /// Adam's epsilon.
    pub adam_epsilon: f64,
    /// Discount.
    pub gamma: f64,
    /// What one `gamma` spans.
    pub discount: Discount,
    /// λ of generalised advantage estimation, per decision.
    pub gae_lambda: f64,
    /// Largest change of a probability ratio that is rewarded.
    pub clip: f64,
    /// Let the clip fall linearly to 0.
    pub anneal_clip: bool,
    /// Reward no larger change of a value either: in the value's own units (Huang et al., detail 9).
    pub clip_value: bool,
    /// Weight of the entropy bonus.
    pub entropy_weight: f64,
    /// Let the entropy weight fall linearly to 0.
    pub anneal_entropy: bool,
    /// Weight of the value loss.
    pub value_weight: f64,
    /// Gradients are scaled down to this norm.
    pub max_grad_norm: f64,
    /// Stop an update's passes once their mean KL divergence is above this.
    pub target_kl: Option<f64>,
    /// Shift and scale observations by their running mean and deviation.
    pub normalise_observations: bool,
    /// Largest magnitude of an observation, normalised or not, that reaches the network.
    pub observation_clip: f32,
    /// Added to a field's variance: a field that hardly moved in training cannot explode later.
    pub observation_epsilon: f32,
    /// Divide rewards by the running deviation of the discounted return.
    pub normalise_returns: bool,
    /// Largest magnitude of a divided reward. `None` keeps tails whole, which a tail risk needs.
    pub reward_clip: Option<f64>,
    /// Shift and scale advantages to mean 0, deviation 1, in each minibatch.
    pub normalise_advantages: bool,
    /// What of the worst episodes is learned; `None`: the mean alone.
    pub tail: Option<Tail>,
    /// How a teacher draws at first, where choices are learned; `None`: rewards alone teach.
    pub kickstart: Option<Kickstart>,
    /// A reference near which the policy is held, where choices are learned without memory; `None`: none.
    pub reference: Option<Reference>,
    /// Added to the first logits, or to the first means of numbers, `[logits]`, or empty: a policy that starts
    /// by mostly holding.
    pub initial_logit_bias: Vec<f32>,
    /// First logarithm of the deviation of an action's numbers, before they are squashed into their bounds; 0
    /// where actions are choices.
    pub initial_log_std: f32,
}

impl Default for PpoConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            updates: 100,
            rollout_steps: 128,
            epochs: 4,
            minibatch: 512,
            hidden: vec![64, 64],
            set_width: 0,
            memory: 0,
            learning_rate: 3e-4,
            anneal_learning_rate: true,
            adam_epsilon: 1e-5,
            gamma: 0.99,
            discount: Discount::PerDecision,
            gae_lambda: 0.95,
            clip: 0.2,
            anneal_clip: false,
            clip_value: false,
            entropy_weight: 0.01,
            anneal_entropy: false,
            value_weight: 0.5,
            max_grad_norm: 0.5,
            target_kl: None,
            normalise_observations: true,
            observation_clip: 10.0,
            observation_epsilon: 1e-4,
            normalise_returns: true,
            reward_clip: None,
            normalise_advantages: true,
            tail: None,
            kickstart: None,
            reference: None,
            initial_logit_bias: Vec::new(),
            initial_log_std: 0.0,
        }
    }
}

impl PpoConfig {
    /// Refuses settings that cannot train.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let unit = |v: f64| (0.0..=1.0).contains(&v);
        let rules: [Rule; 18] = [
            ("updates", (1..1 << 32).contains(&self.updates), "between 1 and 2^32"),
            ("rollout_steps", (1..1 << 24).contains(&self.rollout_steps), "between 1 and 2^24"),
            ("epochs", self.epochs > 0, "at least 1"),
            ("minibatch", self.minibatch > 0, "at least 1"),
            ("hidden", !self.hidden.is_empty() && !self.hidden.contains(&0), "one or more widths"),
            ("hidden", self.hidden.windows(2).all(|w| w[0] == w[1]), "layers of one width"),
            ("learning_rate", positive(self.learning_rate), "above 0"),
            ("adam_epsilon", positive(self.adam_epsilon), "above 0"),
            ("gamma", unit(self.gamma), "between 0 and 1"),
            ("gae_lambda", unit(self.gae_lambda), "between 0 and 1"),
            ("clip", positive(self.clip), "above 0"),
            ("entropy_weight", self.entropy_weight.is_finite(), "a number"),
            (
                "value_weight",
                self.value_weight.is_finite() && self.value_weight >= 0.0,
                "0 or more",
            ),
            ("max_grad_norm", positive(self.max_grad_norm), "above 0"),
            ("target_kl", self.target_kl.is_none_or(positive), "above 0, or none"),
            ("observation_clip", positive(f64::from(self.observation_clip)), "above 0"),
            ("reward_clip", self.reward_clip.is_none_or(positive), "above 0, or none"),
            ("initial_log_std", self.initial_log_std.abs() <= 20.0, "between −20 and 20"),
        ];
        LearnError::refuse(rules)?;
        self.kickstart.as_ref().map_or(Ok(()), Kickstart::check)?;
        self.reference.as_ref().map_or(Ok(()), Reference::check)?;
        self.tail.as_ref().map_or(Ok(()), Tail::check)
    }
}
