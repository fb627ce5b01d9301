//! Learning what the worst episodes do: a budget for the tail of a cost, and returns capped for the tail
//! of the return. Both change rewards as they are collected; the learner need not know.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::error::{LearnError, Rule};

/// What of the worst episodes is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Tail {
    /// The conditional value at risk of a cost is held to a budget by a multiplier (Ying et al., 2022,
    /// arXiv:2206.04436, after Rockafellar and Uryasev, 2000): an episode that costs more than the value at
    /// risk pays `λ·(cost − VaR) / (1 − level)` at its end. The multiplier follows the excess over the
    /// budget as a PID controller (Stooke et al., 2020, arXiv:2007.03964); `proportional` and
    /// `derivative` 0 make it the plain dual ascent of PPO-Lagrangian (Ray et al., 2019).
    Budget {
        /// A figure of the environment's episode summary, such as `bad_debt`.
        cost: String,
        /// Share of episodes below the tail: 0.95 looks at the worst twentieth.
        level: f64,
        /// What the tail may cost on average, in the cost's unit; above 0.
        budget: f64,
        /// λ per unit of excess, the excess in budgets.
        #[serde(default = "proportional")]
        proportional: f64,
        /// λ per unit of excess and update.
        #[serde(default = "integral")]
        integral: f64,
        /// λ per unit by which the excess grew over an update.
        #[serde(default = "derivative")]
        derivative: f64,
        /// Episodes that the tail is estimated from.
        #[serde(default = "window")]
        window: usize,
    },
    /// The conditional value at risk of the return is raised by capping what an episode can earn near the
    /// value at risk of the present policy (return capping, Mead et al., 2025, arXiv:2504.20887): the
    /// episodes above it no longer tell the policy anything, and none is thrown away.
    ReturnCap {
        /// Share of episodes in the tail: 0.2 looks at the worst fifth.
        share: f64,
        /// Share of the way that the cap goes to the value at risk at an update.
        step: f64,
        /// The cap never falls below this.
        floor: f64,
        /// Episodes that the value at risk is estimated from.
        #[serde(default = "window")]
        window: usize,
    },
}

const fn proportional() -> f64 {
    0.1
}
const fn integral() -> f64 {
    0.01
}
const fn derivative() -> f64 {
    0.01
}
const fn window() -> usize {
    512
}

impl Tail {
    /// Refuses settings that mean nothing.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        let inner = |v: f64| v > 0.0 && v < 1.0;
        let weight = |v: f64| v.is_finite() && v >= 0.0;
        let rules: Vec<Rule> = match self {
            Self::Budget { level, budget, proportional, integral, derivative, window, .. } => vec![
                ("tail.level", inner(*level), "between 0 and 1"),
                ("tail.budget", budget.is_finite() && *budget > 0.0, "above 0"),
                ("tail.proportional", weight(*proportional), "0 or more"),
                ("tail.integral", weight(*integral), "0 or more"),
                ("tail.derivative", weight(*derivative), "0 or more"),
                ("tail.window", *window > 0, "at least 1"),
            ],
            Self::ReturnCap { share, step, floor, window } => vec![
                ("tail.share", inner(*share), "between 0 and 1"),
                ("tail.step", *step > 0.0 && *step <= 1.0, "above 0, at most 1"),
                ("tail.floor", !floor.is_nan(), "a number"),
                ("tail.window", *window > 0, "at least 1"),
            ],
        };
        LearnError::refuse(rules)
    }
}

/// The tail as it is known so far; part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TailState {
    /// Costs or returns of the last episodes.
    recent: VecDeque<f64>,
    /// The multiplier λ.
    multiplier: f64,
    sum: f64,
    excess: f64,
    /// Value at risk: of the cost, or the cap of the return; nothing before the first episodes.
    at_risk: Option<f64>,
    /// Mean of the tail.
    mean: f64,
}

impl TailState {
    /// The multiplier λ of a budget; 0 elsewhere.
    #[must_use]
    pub fn multiplier(&self) -> f64 {
        self.multiplier
    }
    /// The mean of the tail, cost or return, over the last episodes; 0 before there are any.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }
    /// The present value at risk, or cap.
    #[must_use]
    pub fn at_risk(&self) -> Option<f64> {
        self.at_risk
    }

    /// What a decision is paid: `reward`, the episode having earned `before` until then.
    #[must_use]
    pub fn paid(&self, tail: &Tail, before: f64, reward: f64) -> f64 {
        match (tail, self.at_risk) {
            (Tail::ReturnCap { .. }, Some(cap)) => (before + reward).min(cap) - before.min(cap),
            _ => reward,
        }
    }

    /// Learns of an episode that ended; returns what its end is paid beside.
    ///
    /// # Errors
    /// The environment's summary has no figure of the cost's name.
    pub fn ended(
        &mut self,
        tail: &Tail,
        earned: f64,
        summary: &[(&'static str, f64)],
    ) -> Result<f64, LearnError> {
        let (value, window, fine) = match tail {
            Tail::Budget { cost, level, window, .. } => {
                let Some((_, value)) = summary.iter().find(|(name, _)| name == cost) else {
                    return Err(LearnError::NoFigure {
                        name: cost.clone(),
                        known: summary.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", "),
                    });
                };
                let above = self.at_risk.map_or(0.0, |var| (value - var).max(0.0));
                (*value, *window, -self.multiplier * above / (1.0 - level))
            }
            Tail::ReturnCap { window, .. } => (earned, *window, 0.0),
        };
        if self.recent.len() == window {
            self.recent.pop_front();
        }
        self.recent.push_back(value);
        Ok(fine)
    }

    /// After a rollout: estimates the tail anew and moves the multiplier or the cap.
    pub fn update(&mut self, tail: &Tail) {
        if self.recent.is_empty() {
            return;
        }
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let count = sorted.len();
        let in_tail = |share: f64| ((share * count as f64).ceil() as usize).clamp(1, count);
        match tail {
            Tail::Budget { level, budget, proportional, integral, derivative, .. } => {
                let worst = &sorted[count - in_tail(1.0 - level)..];
                self.mean = worst.iter().sum::<f64>() / worst.len() as f64;
                self.at_risk = Some(worst[0]);
                let excess = self.mean / budget - 1.0;
                self.sum = (self.sum + integral * excess).max(0.0);
                let growth = (excess - self.excess).max(0.0);
                self.multiplier = (proportional * excess + self.sum + derivative * growth).max(0.0);
                self.excess = excess;
            }
            Tail::ReturnCap { share, step, floor, .. } => {
                let worst = &sorted[..in_tail(*share)];
                self.mean = worst.iter().sum::<f64>() / worst.len() as f64;
                let var = worst[worst.len() - 1];
                let cap = self.at_risk.map_or(var, |cap| cap + step * (var - cap));
                self.at_risk = Some(cap.max(*floor));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capped_pay_adds_up_to_the_capped_return() {
        let tail = Tail::ReturnCap { share: 0.5, step: 1.0, floor: f64::NEG_INFINITY, window: 9 };
        let mut state = TailState::default();
        for earned in [4.0, 1.0, 3.0, 2.0] {
            state.ended(&tail, earned, &[]).expect("no figure is needed");
        }
        state.update(&tail);
        assert_eq!((state.at_risk(), state.mean()), (Some(2.0), 1.5));
        let mut earned = 0.0;
        let mut paid = 0.0;
        for reward in [1.0, 3.0, -3.5, 5.0] {
            paid += state.paid(&tail, earned, reward);
            earned += reward;
        }
        assert_eq!((earned, paid), (5.5, 2.0));
    }

    #[test]
    fn only_costs_beyond_the_value_at_risk_are_fined_and_the_multiplier_follows_the_excess() {
        let tail = Tail::Budget {
            cost: "loss".into(),
            level: 0.8,
            budget: 2.0,
            proportional: 0.1,
            integral: 0.01,
            derivative: 0.0,
            window: 10,
        };
        let mut state = TailState::default();
        for cost in 0..10 {
            let fine = state.ended(&tail, 0.0, &[("loss", f64::from(cost))]).expect("a figure");
            assert_eq!(fine, 0.0, "nothing is known yet");
        }
        state.update(&tail);
        // The worst fifth: 8 and 9. Excess (8.5 − 2)/2 = 3.25.
        assert_eq!((state.at_risk(), state.mean()), (Some(8.0), 8.5));
        assert!((state.multiplier() - 3.25 * 0.11).abs() < 1e-12);
        let fine = state.ended(&tail, 0.0, &[("loss", 10.0)]).expect("a figure");
        assert!((fine + 3.25 * 0.11 * 2.0 / 0.2).abs() < 1e-9, "{fine}");
        assert_eq!(state.ended(&tail, 0.0, &[("loss", 7.0)]).expect("a figure"), 0.0);
        let error = state.ended(&tail, 0.0, &[("gain", 1.0)]).expect_err("no such figure");
        assert!(error.to_string().contains("`loss`") && error.to_string().contains("gain"));
    }
}
