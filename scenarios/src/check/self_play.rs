//! Self-play: what it needs, and what it cannot be trained together with.

use super::Checker;
use crate::schema::{PolicyPlays, Scenario, SelfPlaySpec, TrainSpec};

impl Checker<'_> {
    pub(super) fn self_play(&mut self, spec: &SelfPlaySpec, t: &TrainSpec, s: &Scenario) {
        self.head_start("train.self_play.head_start_hours", spec.head_start_hours, s);
        self.within("train.self_play.paths", f64::from(spec.paths), 1.0, 10_000.0);
        let takes_no_part = [
            (
                "population",
                t.population.is_some(),
                "attackers learn in rounds or at the same time as the policy, not both",
            ),
            (
                "curriculum",
                t.curriculum.is_some(),
                "the attacker learns in the scenario's worlds, and levels are others",
            ),
            ("twin", t.twin, "worlds whose attacker learns have no twins yet"),
            ("sac", t.sac.is_some(), "both sides make updates of PPO in turn"),
            (
                "numbers",
                t.numbers && spec.policy_plays == PolicyPlays::Drawn,
                "a policy of numbers is frozen without its deviation, and cannot be drawn from",
            ),
            ("among", !t.among.is_empty(), "self-play plays one scenario"),
            (
                "ppo.tail",
                t.ppo.tail.is_some(),
                "the attacker lowers the mean objective, and the policy would raise something else",
            ),
            (
                "ppo.memory",
                t.ppo.memory > 0,
                "the attacker meets another policy after every update, which would remember nothing of a running episode",
            ),
        ];
        for (field, is_there, why) in takes_no_part {
            if is_there {
                let help = format!("leave out `{field}` or `self_play`");
                self.refuse(&format!("train.{field}"), why, help);
            }
        }
        let falls = t.ppo.entropy_weight <= 0.0 || t.ppo.anneal_entropy;
        if falls && t.ppo.reference.is_none() {
            self.refuse(
                "train.ppo.entropy_weight",
                "self-play circles where nothing damps it",
                "write a weight above 0 that is not annealed, or `train.ppo.reference`",
            );
        }
        let each = u64::from(t.lanes.max(1)) * u64::from(s.decision_every_blocks.max(1));
        let per_update = (t.ppo.rollout_steps as u64).saturating_mul(each);
        let updates = t.budget_blocks.div_ceil(per_update.max(1));
        let kept = updates.div_ceil(t.checkpoint_every_updates.max(1));
        if kept > SelfPlaySpec::MOST_KEPT {
            let most = SelfPlaySpec::MOST_KEPT;
            self.refuse(
                "train.checkpoint_every_updates",
                format!("{kept} policies would meet as many attackers; self-play keeps {most} of either at most"),
                format!("write at least {}", updates.div_ceil(most)),
            );
        }
    }

    /// Two of the policy's decisions must be left to attack in.
    pub(super) fn head_start(&mut self, at: &str, hours: f64, s: &Scenario) {
        let decisions =
            2.0 * f64::from(s.decision_every_blocks) * f64::from(s.block_secs) / 3_600.0;
        let most = (f64::from(s.episode_hours) - decisions).max(0.0);
        self.within(at, hours, 0.0, most);
    }
}
