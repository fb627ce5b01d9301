//! Who sits in an attacker's seat: nobody, a written plan, or a policy that no longer learns.

use super::seat::{Act, FIELDS, LOGITS, SIZES};
use crate::frozen::FrozenPolicy;
use serde::{Deserialize, Serialize};

/// Orders, one a turn: choices of both heads. A longer episode waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence(pub Vec<[u8; 2]>);

impl Sequence {
    /// The order of a turn.
    #[must_use]
    pub fn at(&self, turn: usize) -> [u8; 2] {
        self.0.get(turn).copied().unwrap_or([0, 0])
    }
}

/// Who attacks.
#[derive(Clone, Debug)]
pub enum Assailant {
    /// Nobody: what a world costs by itself.
    Nobody,
    /// The world's own attackers, who look for themselves.
    AsWritten,
    /// One that strikes at every turn where it pays, with everything.
    EveryTurn,
    /// One that knows the back door ([`super::BackDoor`]): moves the pool before the policy looks, strikes
    /// after.
    Insider,
    /// Orders turn by turn.
    Sequence(Sequence),
    /// A policy of its own.
    Learned(Box<FrozenPolicy>),
}

impl Assailant {
    /// A policy that was stored as bytes, for a world whose risk policy sees `obs_dim` values and has `heads`
    /// heads.
    ///
    /// # Errors
    /// A sentence: not a policy, or one of another world.
    pub fn learned(bytes: &[u8], obs_dim: usize, heads: usize) -> Result<Self, String> {
        let policy = FrozenPolicy::from_bytes(bytes)?;
        let needed = obs_dim + heads + FIELDS.len();
        if policy.obs_dim() != needed || policy.logits_dim() != LOGITS || policy.bounds().is_some()
        {
            return Err(format!(
                "an attacker of another world: it sees {} values and chooses among {}, here there are \
                 {needed} and {LOGITS}; train one in this scenario with `ballast exploit`",
                policy.obs_dim(),
                policy.logits_dim()
            ));
        }
        Ok(Self::Learned(Box::new(policy)))
    }

    /// Its name in a report.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::AsWritten => "as in the scenario",
            Self::EveryTurn => "strikes at every turn",
            Self::Insider => "insider",
            Self::Sequence(_) => "evolved sequence",
            Self::Learned(_) => "learned (PPO)",
        }
    }

    /// Its order at a turn, from its row and mask ([`super::AttackLane`]).
    pub fn decide(&mut self, turn: usize, row: &[f32], mask: &[f32], action: &mut [f32]) {
        let order = |act: Act| Act::ALL.iter().position(|a| *a == act).unwrap_or(0) as f32;
        let everything = (SIZES.len() - 1) as f32;
        let own = &row[row.len() - FIELDS.len()..];
        let seen = |name: &str| FIELDS.iter().position(|f| *f == name).map_or(0.0, |i| own[i]);
        action[1] = everything;
        action[0] = match self {
            Self::Nobody | Self::AsWritten => order(Act::Wait),
            Self::EveryTurn => order(Act::Strike),
            Self::Insider if seen("policy_next") > 0.5 => {
                let buys = seen("cash") >= seen("collateral_held");
                order(if buys { Act::Buy } else { Act::Sell })
            }
            Self::Insider => order(Act::Strike),
            Self::Sequence(sequence) => {
                let [act, size] = sequence.at(turn);
                action[1] = f32::from(size);
                f32::from(act)
            }
            Self::Learned(policy) => return policy.act(row, mask, action),
        };
    }
}
