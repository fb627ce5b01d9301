//! Who sits in an attacker's seat: nobody, a written plan, or a policy that no longer learns.

use super::seat::{Act, FIELDS, SIZES, fields, logits};
use super::template::{TEMPLATE_FIELDS, Template};
use crate::frozen::FrozenPolicy;
use rand::Rng;
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

/// What the bytes of an attacker that has templates begin with; others are their policy's alone.
const WITH_TEMPLATES: &[u8] = b"ballast attacker with templates 1\n";

/// Who attacks.
#[derive(Clone, Debug)]
pub enum Assailant {
    /// Nobody: what a world costs by itself.
    Nobody,
    /// The world's own attackers, who look for themselves.
    AsWritten,
    /// One that strikes at every turn where it pays, with everything.
    EveryTurn,
    /// One that makes, at every turn where one pays, the template that earns most, at the size at which it does.
    BestTemplate,
    /// One that knows the back door ([`super::BackDoor`]): moves the pool before the policy looks, strikes
    /// after.
    Insider,
    /// Orders turn by turn.
    Sequence(Sequence),
    /// A policy of its own.
    Learned(Box<FrozenPolicy>),
    /// One that draws what it does, as it does while it learns ([`Assailant::by_chance`]).
    Stochastic(Box<FrozenPolicy>),
}

impl Assailant {
    /// A policy as bytes, with the templates that it chooses among; `None` where it was not learned.
    #[must_use]
    pub fn stored(&self, templates: &[Template]) -> Option<Vec<u8>> {
        let Self::Learned(policy) = self else { return None };
        let mut bytes = Vec::new();
        if !templates.is_empty() {
            bytes.extend_from_slice(WITH_TEMPLATES);
            bytes.extend(
                postcard::to_stdvec(templates).expect("moves and numbers always serialise"),
            );
        }
        bytes.extend(policy.to_bytes());
        Some(bytes)
    }

    /// Its name in a report.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::AsWritten => "as in the scenario",
            Self::EveryTurn => "strikes at every turn",
            Self::BestTemplate => "the best template at every turn",
            Self::Insider => "insider",
            Self::Sequence(_) => "evolved sequence",
            Self::Learned(_) => "learned (PPO)",
            Self::Stochastic(_) => "learning (PPO)",
        }
    }

    /// Its order at a turn, from its row and mask ([`super::AttackLane`]).
    pub fn decide(&mut self, turn: usize, row: &[f32], mask: &[f32], action: &mut [f32]) {
        let order = |act: Act| Act::ALL.iter().position(|a| *a == act).unwrap_or(0) as f32;
        let everything = (SIZES.len() - 1) as f32;
        let templates = mask.len() - logits(0);
        let (own, of_templates) = row[row.len() - fields(templates)..].split_at(FIELDS.len());
        let seen = |name: &str| FIELDS.iter().position(|f| *f == name).map_or(0.0, |i| own[i]);
        action[1] = everything;
        action[0] = match self {
            Self::Nobody | Self::AsWritten => order(Act::Wait),
            Self::EveryTurn => order(Act::Strike),
            Self::BestTemplate => {
                let seen = of_templates.chunks_exact(TEMPLATE_FIELDS).zip(&mask[Act::ALL.len()..]);
                let paying = seen.enumerate().filter(|(_, (_, possible))| **possible > 0.0);
                let best = paying.max_by(|(_, (a, _)), (_, (b, _))| a[0].total_cmp(&b[0]));
                let Some((number, (seen, _))) = best else { return action.fill(0.0) };
                let size = SIZES.iter().position(|size| *size as f32 == seen[1]);
                action[1] = size.map_or(everything, |size| size as f32);
                (Act::ALL.len() + number) as f32
            }
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
            Self::Learned(policy) | Self::Stochastic(policy) => {
                return policy.act(row, mask, action);
            }
        };
    }

    /// The same by chance, where it draws what it does: `rng` is the turn's own.
    pub fn by_chance(
        &mut self,
        turn: usize,
        row: &[f32],
        mask: &[f32],
        action: &mut [f32],
        rng: &mut dyn Rng,
    ) {
        match self {
            Self::Stochastic(policy) => policy.draw(row, mask, action, rng),
            _ => self.decide(turn, row, mask, action),
        }
    }
}

/// An attacker that was stored ([`Assailant::stored`]), before it is known where it plays.
#[derive(Clone, Debug)]
pub struct StoredAttacker {
    templates: Vec<Template>,
    policy: FrozenPolicy,
}

impl StoredAttacker {
    /// Reads one.
    ///
    /// # Errors
    /// A sentence: not a policy.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let (templates, bytes) = match bytes.strip_prefix(WITH_TEMPLATES) {
            None => (Vec::new(), bytes),
            Some(rest) => postcard::take_from_bytes(rest)
                .map_err(|error| format!("not an attacker's templates: {error}"))?,
        };
        Ok(Self { templates, policy: FrozenPolicy::from_bytes(bytes)? })
    }

    /// The same in the seat of a world whose risk policy sees `obs_dim` values and has `heads` heads and whose seat has
    /// these templates.
    ///
    /// # Errors
    /// A sentence: one of another world, or one that was made with other templates.
    pub fn seated(
        &self,
        obs_dim: usize,
        heads: usize,
        templates: &[Template],
    ) -> Result<Assailant, String> {
        let Self { templates: known, policy } = self;
        if known != templates {
            return Err(format!(
                "an attacker with {}, and this scenario's seat has {}: give `agents.templates`, and all else \
                 that the search sees of the scenario, what it was made with, or make one here with `ballast exploit`",
                counted(known.len()),
                if known.len() == templates.len() {
                    "others".to_owned()
                } else {
                    counted(templates.len())
                }
            ));
        }
        let (needed, choices) = (obs_dim + heads + fields(known.len()), logits(known.len()));
        if policy.obs_dim() != needed || policy.logits_dim() != choices || policy.bounds().is_some()
        {
            return Err(format!(
                "an attacker of another world: it sees {} values and chooses among {}, here there are \
                 {needed} and {choices}; train one in this scenario with `ballast exploit`",
                policy.obs_dim(),
                policy.logits_dim()
            ));
        }
        Ok(Assailant::Learned(Box::new(policy.clone())))
    }
}

/// So many templates, in words.
fn counted(templates: usize) -> String {
    match templates {
        0 => "no templates of attack".to_owned(),
        1 => "one template of attack".to_owned(),
        n => format!("{n} templates of attack"),
    }
}
