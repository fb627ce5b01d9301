//! Generalised advantage estimation, right at death and at the cut.

/// What [`advantages`] reads: `[T, N]`, but `last_values` `[N]`.
#[derive(Clone, Copy, Debug)]
pub struct GaeInput<'a> {
    /// Rewards.
    pub rewards: &'a [f64],
    /// Value of the observation decided on.
    pub values: &'a [f32],
    /// Value of the last observation of an episode, where truncated.
    pub final_values: &'a [f32],
    /// Value of the observation after the last decision.
    pub last_values: &'a [f32],
    /// The episode ended here: nothing follows.
    pub terminated: &'a [bool],
    /// The episode was cut here: `final_values` follows.
    pub truncated: &'a [bool],
    /// Discount over the decision, γ^elapsed.
    pub discounts: &'a [f64],
    /// λ.
    pub lambda: f64,
}

/// Generalised advantage estimation (Schulman et al., 2016, arXiv:1506.02438): advantages and
/// returns (their targets for the value), `[T, N]`.
#[must_use]
pub fn advantages(input: &GaeInput<'_>) -> (Vec<f32>, Vec<f32>) {
    let n = input.last_values.len();
    let total = input.rewards.len();
    let mut advantages = vec![0.0; total];
    let mut returns = vec![0.0; total];
    let mut ahead = vec![0.0f64; n];
    for i in (0..total).rev() {
        let lane = i % n;
        let (terminated, truncated) = (input.terminated[i], input.truncated[i]);
        let next = match (terminated, truncated) {
            (true, _) => 0.0,
            (false, true) => input.final_values[i],
            (false, false) if i + n < total => input.values[i + n],
            (false, false) => input.last_values[lane],
        };
        let value = f64::from(input.values[i]);
        let delta = input.rewards[i] + input.discounts[i] * f64::from(next) - value;
        let later = if terminated || truncated { 0.0 } else { ahead[lane] };
        ahead[lane] = delta + input.discounts[i] * input.lambda * later;
        advantages[i] = ahead[lane] as f32;
        returns[i] = (ahead[lane] + value) as f32;
    }
    (advantages, returns)
}

/// 1 − Var(returns − values) / Var(returns); NaN where returns do not vary.
#[must_use]
pub fn explained_variance(values: &[f32], returns: &[f32]) -> f64 {
    let variance = |of: &dyn Fn(usize) -> f64| {
        let n = values.len() as f64;
        let mean = (0..values.len()).map(of).sum::<f64>() / n;
        (0..values.len()).map(|i| (of(i) - mean) * (of(i) - mean)).sum::<f64>() / n
    };
    let all = variance(&|i| f64::from(returns[i]));
    let rest = variance(&|i| f64::from(returns[i]) - f64::from(values[i]));
    1.0 - rest / all
}
