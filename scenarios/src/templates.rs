//! Templates of attack for the attackers' seat: what a search finds in the scenario's own world while nobody
//! attacks, once, before anybody learns there ([`agents::attack::Template`]).

use crate::AssembleError;
use crate::assemble::Worlds;
use crate::hunt::{Hunt, quieted, sentence};
use crate::load::Loaded;
use crate::problem::Rejected;
use agents::attack::Template;
use agents::attack::synthesis::{Attack, Options, several};
use serde::{Deserialize, Serialize};
use sim::chain::Chain;

/// Least profit of a template where it is found, in USD.
const LEAST_USD: f64 = 1_000.0;

/// How templates of attack are searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TemplatesSpec {
    /// Candidates that the search simulates; every template gets a twentieth of them more.
    pub simulations: u64,
    /// Most templates: the best of each kind, by the lenders, pools and reserves that they need.
    pub most: u32,
    /// Blocks that the world is played before the search.
    pub blocks: u64,
    /// Names the world and the search's draws.
    pub seed: u64,
}

impl Default for TemplatesSpec {
    fn default() -> Self {
        Self { simulations: 100_000, most: 4, blocks: 50, seed: 1 }
    }
}

/// A template, and what the search says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What to do.
    pub template: Template,
    /// What it is known as.
    pub description: Description,
}

/// A template in words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What it earned where it was found, gas at the base fee paid, in USD.
    pub profit_usd: f64,
    /// Its calls there.
    pub steps: Vec<String>,
}

impl Description {
    /// As an item of a list; the first number is 0.
    #[must_use]
    pub fn sentence(&self, number: usize) -> String {
        let (number, steps) = (number + 1, self.steps.join("; "));
        format!("{number}. earns {:.0} USD: {steps}", self.profit_usd)
    }
}

/// Why there are no templates.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// The scenario without its attackers is none.
    #[error(transparent)]
    Rejected(#[from] Rejected),
    /// It cannot be built.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

impl Found {
    fn of(chain: &Chain, attack: &Attack) -> Option<Self> {
        let calls = attack.record.parts.iter().flat_map(|part| &part.calls);
        let steps = calls.map(|call| sentence(chain, call)).collect();
        let description = Description { profit_usd: attack.record.played.profit_usd, steps };
        Some(Self { template: Template::of(attack)?, description })
    }
}

/// The templates that a scenario asks for under `agents.templates`, best first; none where it asks for none,
/// or where none pays.
///
/// # Errors
/// [`TemplatesError`].
pub fn find(loaded: &Loaded) -> Result<Vec<Found>, TemplatesError> {
    let Some(spec) = loaded.scenario.agents.templates else { return Ok(Vec::new()) };
    let worlds = Worlds::new(&quieted(loaded)?)?;
    let ground = Hunt::untaped(&worlds, spec.seed, spec.blocks).ground(0, false);
    let options = Options { simulations: spec.simulations, seed: spec.seed, ..Options::default() };
    let attacks = several(&ground, &options, spec.most as usize, LEAST_USD);
    Ok(attacks.iter().filter_map(|attack| Found::of(&ground.chain, attack)).collect())
}
