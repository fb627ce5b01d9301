//! What a bundle says of its policy beside the numbers: `metadata.json`.

use std::collections::BTreeMap;

use crate::bounds::Bounds;
use protocols::risk_params::Rule;
use serde::{Deserialize, Serialize};
use sim::action::Side;
use sim::environment::Rows;

/// One row of the observation table, as exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservationField {
    /// Name, with the entity that it belongs to.
    pub name: String,
    /// Unit of the raw value.
    pub unit: String,
    /// What the raw value was divided by: the policy is given scaled values.
    pub scale: f64,
    /// Who may see it.
    pub visibility: String,
}

/// One head of the action table, as exported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionHead {
    /// Name, with the reserve that it belongs to.
    pub name: String,
    /// Unit of the parameter moved.
    pub unit: String,
    /// What each choice does, in order. A policy of numbers answers with one between 0 (the first) and 2 (the
    /// last): within a third of 1 it holds, from there on the step grows evenly to the whole at either end; a brake or a
    /// switch is thrown at half a step.
    pub choices: Vec<String>,
    /// Bounds, largest move, least interval and delay, in that unit.
    pub rule: Rule,
}

/// What there was in the worlds that a policy was trained in, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Places to trade or borrow at: `dealer WETH`, `book TAIL`, `pool TAIL/USDC`.
    pub venues: Vec<String>,
    /// Families of attacks: `flash-loan attackers`.
    pub attacks: Vec<String>,
    /// Kinds of oracles: `Spot on TAIL`.
    pub oracles: Vec<String>,
}

/// Worlds that training, validation and searches never played.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldOutWorlds {
    /// Name in reports.
    pub name: String,
    /// What of them is new: `Venue`, `Attack` or `Oracle`.
    pub kind: String,
    /// What is new, by name.
    pub new: Vec<String>,
    /// How they differ from the scenario, as `--set` takes it.
    pub set: Vec<String>,
}

/// Where a policy comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Scenario's name.
    pub scenario: String,
    /// Names the scenario: a hash over its text and its price files, hexadecimal.
    pub scenario_hash: String,
    /// Training seeds; the first is this policy's own.
    pub seeds: Vec<u64>,
    /// Ranges of recorded prices seen in training, as dates.
    pub train_windows: Vec<String>,
    /// What there was in training; none in bundles that do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What was kept out of training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out: Vec<HeldOutWorlds>,
    /// Updates until this policy.
    pub updates: u64,
    /// Decisions until this policy.
    pub decisions: u64,
    /// The source's commit.
    pub commit: String,
    /// The source had uncommitted changes.
    pub dirty: bool,
    /// Versions of Ballast, the toolchain, libtorch, …
    pub versions: BTreeMap<String, String>,
}

/// What a policy is for; everything but the numbers of its network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyCard {
    /// What it is called.
    pub name: String,
    /// The rights it was trained with.
    pub regime: String,
    /// Which heads it holds: the others hold whatever it answers.
    #[serde(default, skip_serializing_if = "Side::is_both")]
    pub side: Side,
    /// Blocks between decisions.
    pub decision_every_blocks: u32,
    /// Seconds per block.
    pub block_secs: u32,
    /// The observation table, one entry per value.
    pub observations: Vec<ObservationField>,
    /// The action table, one entry per head.
    pub actions: Vec<ActionHead>,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Where a tensor lies in `weights.bin`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorEntry {
    /// `normaliser.mean`, `normaliser.var`, with a set `set.layers.<0, 1>` and, where its rows have heads, `set.heads.<0,
    /// 1>`, each `.weight` `[outputs, inputs]` and `.bias`, with memory `memory.input_weight` `[3·memory, inputs]`, `memory.state_weight`,
    /// `memory.input_bias` and `memory.state_bias` (gates in the order reset, update, new), then
    /// `layers.<i>.weight` `[outputs, inputs]`, `layers.<i>.bias`.
    pub name: String,
    /// Row-major shape.
    pub shape: Vec<usize>,
    /// Bytes before it.
    pub offset_bytes: usize,
}

/// How to read `weights.bin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Choices per head; none where the policy answers with numbers.
    pub heads: Vec<u32>,
    /// Where the numbers of an answer lie; none where it is choices. Each is `(high + low)/2 + (high − low)/2 ·
    /// tanh(mean)`, `mean` being what the last layer gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bounds: Option<Bounds>,
    /// How far from the middle a number of a risk policy still holds ([`sim::action::HOLDS_WITHIN`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds_within: Option<f32>,
    /// Function between layers: `tanh` or `relu`.
    pub activation: String,
    /// Which values are rows of entities that are read as a set ([`crate::set::SetEncoder`]); none where they are seen as
    /// they lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// The normaliser's clip.
    pub observation_clip: f32,
    /// The normaliser's epsilon.
    pub observation_epsilon: f32,
    /// The tensors, in order.
    pub tensors: Vec<TensorEntry>,
}

/// The contents of `metadata.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// [`super::bundle::FORMAT`].
    pub format: u32,
    /// Version of the writer.
    pub ballast: String,
    /// What the policy is for.
    pub policy: PolicyCard,
    /// How to read its numbers.
    pub network: Network,
}
