//! Self-play and attackers that no longer learn: what they need, and what they do not go together with.

use super::Checker;
use crate::schema::{FrozenAttacker, PolicyPlays, Scenario, SelfPlaySpec, TrainSpec};

impl Checker<'_> {
    pub(super) fn self_play(&mut self, spec: &SelfPlaySpec, t: &TrainSpec, s: &Scenario) {
        if spec.attacker {
            self.head_start("train.self_play.head_start_hours", spec.head_start_hours, s);
        }
        self.within("train.self_play.paths", f64::from(spec.paths), 1.0, 10_000.0);
        if spec.others() == 0 {
            self.refuse(
                "train.self_play.attacker",
                "nobody would learn beside the policy",
                "leave out `self_play`, or let an attacker or a `liquidator` learn",
            );
        }
        if spec.liquidator {
            if !s.has_liquidators() {
                self.refuse(
                    "train.self_play.liquidator",
                    "there is no scripted liquidator whose place it could take",
                    "add a cohort under `agents.liquidators`, or leave `liquidator` out",
                );
            }
            if t.liquidator.is_some() {
                self.refuse(
                    "train.liquidator",
                    "the liquidator learns, or is one that no longer does, not both",
                    "leave out `liquidator` here or in `self_play`",
                );
            }
        }
        let takes_no_part = [
            (
                "population",
                t.population.is_some(),
                "others learn in rounds or at the same time as the policy, not both",
            ),
            (
                "curriculum",
                t.curriculum.is_some(),
                "the others learn in the scenario's worlds, and levels are others",
            ),
            ("twin", t.twin, "worlds in which others learn have no twins yet"),
            ("sac", t.sac.is_some(), "all make updates of PPO in turn"),
            (
                "numbers",
                t.numbers && spec.policy_plays == PolicyPlays::Drawn,
                "a policy of numbers is frozen without its deviation, and cannot be drawn from",
            ),
            ("among", !t.among.is_empty(), "self-play plays one scenario"),
            (
                "ppo.tail",
                t.ppo.tail.is_some(),
                "meetings choose by the mean objective, and the policy would raise something else",
            ),
            (
                "ppo.memory",
                t.ppo.memory > 0,
                "the others meet another policy after every update, which would remember nothing of a running episode",
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
                format!("{kept} policies would meet as many others; self-play keeps {most} of each at most"),
                format!("write at least {}", updates.div_ceil(most)),
            );
        }
    }

    /// An attacker that no longer learns.
    pub(super) fn frozen_attacker(
        &mut self,
        attacker: &FrozenAttacker,
        t: &TrainSpec,
        s: &Scenario,
    ) {
        self.head_start("train.attacker.head_start_hours", attacker.head_start_hours, s);
        if t.self_play.is_some_and(|rules| rules.attacker) {
            self.refuse(
                "train.attacker",
                "the attacker learns, or is one that no longer does, not both",
                "leave out `attacker` here, or write `attacker: false` in `self_play`",
            );
        }
        for (field, is_there, why) in [
            ("population", t.population.is_some(), "attackers learn in rounds, and each meets all"),
            ("among", !t.among.is_empty(), "an attacker is of one scenario"),
        ] {
            if is_there {
                let help = format!("leave out `{field}` or `attacker`");
                self.refuse(&format!("train.{field}"), why, help);
            }
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
