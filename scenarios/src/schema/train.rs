//! How a risk policy is trained: alone, in a population or a league, in self-play, on a curriculum.

use crate::among::Among;
use agents::learn::game_theory::matrix::MetaSolver;
use agents::learn::levels::{Method, Scale, Settings, Span};
use agents::learn::{Kickstart, PpoConfig, SacConfig};
use serde::{Deserialize, Serialize};
use sim::action::Side;

/// How the risk policy is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainSpec {
    /// Training seeds; one policy each.
    pub seeds: Vec<u64>,
    /// Worlds played at once.
    pub lanes: u32,
    /// Simulated blocks per seed; the number of updates follows.
    pub budget_blocks: u64,
    /// Updates between checkpoints.
    pub checkpoint_every_updates: u64,
    /// Worlds that training does not play, on which the policy is scored at each checkpoint; the best is kept.
    #[serde(default = "validation_paths")]
    pub validation_paths: u32,
    /// Added to the first logit of "hold": a policy that starts by mostly holding. One of numbers starts in the middle,
    /// which holds; how far from it, `ppo.initial_log_std` says.
    pub hold_bias: f32,
    /// Settings of PPO, which trains policies and attackers; `seed`, `updates`, `initial_logit_bias` and `kickstart`
    /// follow from the above.
    pub ppo: PpoConfig,
    /// Answer with numbers, which say how much of its step each head moves, in place of choices
    /// ([`sim::action::Heads::numbers`]).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub numbers: bool,
    /// Train the policy by soft actor-critic in place of PPO: it answers with numbers. Attackers stay `ppo`'s. `seed` and
    /// `updates` follow from the above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sac: Option<SacConfig>,
    /// Play beside each world its twin, in which the policy moves nothing, and learn from the difference
    /// ([`agents::learn::twin`]). The twin's blocks count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twin: bool,
    /// Who shows the policy what to do at first; without it, rewards alone teach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherSpec>,
    /// Train against a population of attackers that is trained in turn; without it, against the scenario's
    /// own.
    #[serde(default)]
    pub population: Option<PopulationSpec>,
    /// Train among an attacker, a liquidator or both that learn at the same time; without it, among the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_play: Option<SelfPlaySpec>,
    /// Change the world from episode to episode; without it, every episode is the scenario as it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curriculum: Option<CurriculumSpec>,
    /// Other scenarios whose worlds are drawn among this one's, in turn: in training, validation and searches, and where
    /// fresh worlds judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub among: Vec<Among>,
    /// Which heads the policy holds; the others hold, or are [`TrainSpec::other`]'s.
    #[serde(default, skip_serializing_if = "Side::is_both")]
    pub side: Side,
    /// A bundle (a folder, from the scenario's) whose policy, frozen, holds the other heads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
    /// A liquidator (a file, from the scenario's) that `ballast liquidate` or self-play has stored: it takes the place of the
    /// first scripted one, here and in every evaluation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub liquidator: Option<String>,
    /// An attacker that was learned before, and against whom policies and liquidators learn; without it, against the
    /// scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attacker: Option<FrozenAttacker>,
}

impl TrainSpec {
    /// Whether the policy answers with numbers.
    #[must_use]
    pub const fn by_numbers(&self) -> bool {
        self.numbers || self.sac.is_some()
    }

    /// Whether the policy meets attackers that learn, or have learned.
    #[must_use]
    pub fn meets_learned_attackers(&self) -> bool {
        self.population.is_some()
            || self.self_play.is_some_and(|rules| rules.attacker)
            || self.attacker.is_some()
    }

    /// Decisions of each lane in an update.
    #[must_use]
    pub fn rollout_steps(&self) -> usize {
        self.sac.as_ref().map_or(self.ppo.rollout_steps, |sac| sac.rollout_steps)
    }

    /// What a report says of how its policies were trained, beside the settings of the learner.
    #[must_use]
    pub fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![("training seeds".to_owned(), format!("{:?}", self.seeds))];
        if let Some(TeacherSpec { policy, weight, share }) = self.teacher {
            let text =
                format!("{policy:?}, weight {weight} falling to 0 over {share} of the updates");
            facts.push(("teacher".to_owned(), text));
        }
        if self.sac.is_some() {
            facts.push(("learner".to_owned(), "soft actor-critic".to_owned()));
        }
        if self.by_numbers() {
            let text = "numbers: how much of its step each head moves";
            facts.push(("answers".to_owned(), text.to_owned()));
        }
        if self.ppo.set_width > 0 {
            let text = "read as a set, each asked by the same heads";
            facts.push(("reserves".to_owned(), text.to_owned()));
        }
        if !self.among.is_empty() {
            let name = |a: &Among| {
                let set = a.set.iter().map(|set| format!("; {set}"));
                std::iter::once(a.scenario.display().to_string()).chain(set).collect::<String>()
            };
            let names: Vec<String> = self.among.iter().map(name).collect();
            facts.push(("drawn worlds, in turn with".to_owned(), names.join(", ")));
        }
        if let Some(rules) = &self.self_play {
            facts.push(("self-play".to_owned(), rules.fact(&self.ppo)));
        }
        facts.extend(self.attacker.as_ref().map(FrozenAttacker::fact));
        if self.twin {
            let text = "rewards are differences to a world with the same luck in which the policy moves nothing";
            facts.push(("twins".to_owned(), text.to_owned()));
        }
        facts
    }
}

/// Worlds that select among checkpoints, where a scenario does not say.
const fn validation_paths() -> u32 {
    8
}

/// A baseline whose choices the policy is drawn to, less and less ([`agents::learn::kickstart`]).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeacherSpec {
    /// Who.
    pub policy: TeacherPolicy,
    /// Weight of the cross-entropy to what it would do, at first.
    #[serde(default = "weight")]
    pub weight: f64,
    /// Share of the updates over which the weight falls linearly to 0.
    #[serde(default = "half")]
    pub share: f64,
}

/// A baseline that can teach: it chooses by what it sees at the moment and remembers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TeacherPolicy {
    /// The best single step by a formula ([`agents::baselines::Greedy`]).
    Greedy,
    /// Caps steered to what liquidations could sell ([`agents::baselines::GauntletCaps`]).
    GauntletCaps,
    /// Every reserve frozen ([`agents::policy::FreezeAll`]).
    FreezeAll,
}

impl TeacherSpec {
    /// The same for the learner.
    #[must_use]
    pub const fn kickstart(&self) -> Kickstart {
        Kickstart { weight: self.weight, share: self.share }
    }
}

/// Weight of a teacher, where a scenario does not say.
const fn weight() -> f64 {
    1.0
}

/// Share of the updates with a teacher, where a scenario does not say.
const fn half() -> f64 {
    0.5
}

/// Policies and attackers trained in turn, each against a mixture of all of the other side's so far
/// (policy-space response oracles: Lanctot et al., 2017, arXiv:1711.00832, with learned responses).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PopulationSpec {
    /// Policies and attackers that are added. The training budget is spread evenly over the policies.
    pub rounds: u32,
    /// How a side's members are mixed for the other side to learn against; not where there is a league.
    pub solver: MetaSolver,
    /// Simulated blocks for each attacker.
    pub attacker_blocks: u64,
    /// Hours of each episode that the policy has to itself.
    pub head_start_hours: f64,
    /// Worlds on which each policy meets each attacker for the matrix of payoffs.
    pub paths: u32,
    /// Let the mixture of policies that an attacker learns against follow it while it learns, in place of a
    /// fixed one (anytime PSRO: McAleer et al., 2022, arXiv:2201.07700); not where there is a league.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub anytime: bool,
    /// Let a league say who meets whom, in place of a mixture by `solver`.
    pub league: Option<LeagueSpec>,
}

/// A league (Vinyals et al., 2019; [`agents::learn::league`]): the policy is its main agent, its exploiters are
/// attackers. In each round every exploiter learns, then the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeagueSpec {
    /// What an attack must cost in an episode to have won outright, in USD. A policy's score against an attacker
    /// is 1 less the share of it that is lost: to the same world's objective under the parameters as deployed
    /// with nobody attacking, between 0 and 1, on average over `paths` worlds.
    pub stake_usd: f64,
    /// Attackers that learn against the policy of the moment.
    #[serde(default = "one")]
    pub main_exploiters: u32,
    /// Attackers that learn against all policies so far.
    #[serde(default = "one")]
    pub league_exploiters: u32,
    /// Rounds after which a player leaves a snapshot in the league at the latest.
    #[serde(default = "patience_rounds")]
    pub patience_rounds: u32,
}

impl LeagueSpec {
    /// Attackers that learn.
    #[must_use]
    pub const fn exploiters(&self) -> u32 {
        self.main_exploiters + self.league_exploiters
    }
}

/// Exploiters of a kind, where a scenario does not say.
const fn one() -> u32 {
    1
}

/// Rounds until a snapshot, where a scenario does not say.
const fn patience_rounds() -> u32 {
    2
}

impl Default for PopulationSpec {
    fn default() -> Self {
        Self {
            rounds: 4,
            solver: MetaSolver::Nash,
            attacker_blocks: 500_000,
            head_start_hours: 1.0,
            paths: 8,
            anytime: false,
            league: None,
        }
    }
}

/// An attacker that no longer learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenAttacker {
    /// A file (from where the scenario lies) that `ballast exploit`, `ballast liquidate`, self-play or population training has
    /// stored.
    pub file: String,
    /// Hours of each episode that the policy has to itself.
    #[serde(default = "head_start_hours")]
    pub head_start_hours: f64,
}

impl FrozenAttacker {
    /// What a report says of it.
    #[must_use]
    pub fn fact(&self) -> (String, String) {
        let Self { file, head_start_hours } = self;
        let text = format!("{file}, after {head_start_hours} hours of an episode");
        ("trained against".to_owned(), text)
    }
}

/// Head start, where a scenario does not say.
fn head_start_hours() -> f64 {
    PopulationSpec::default().head_start_hours
}

/// Regularised self-play: the policy and others learn at the same time, one update each in turn, among each other as
/// they stand. What keeps them from circling is `ppo`'s entropy bonus and, where it has one, its reference.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelfPlaySpec {
    /// Whether an attacker learns.
    pub attacker: bool,
    /// Whether a liquidator learns.
    pub liquidator: bool,
    /// Hours of each episode that the policy has to itself before the attacker begins.
    pub head_start_hours: f64,
    /// Worlds on which every kept policy meets everybody who was kept, at the end.
    pub paths: u32,
    /// How the policy plays where the others learn.
    pub policy_plays: PolicyPlays,
}

/// How a policy that still learns plays against whoever learns against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyPlays {
    /// What is most likely, as it does once it is handed out.
    #[default]
    Likeliest,
    /// What it draws by its probabilities, as it does where it learns.
    Drawn,
}

impl SelfPlaySpec {
    /// Most moments at which everybody is kept: every policy meets the others of every moment.
    pub const MOST_KEPT: u64 = 64;

    /// How many learn beside the policy.
    #[must_use]
    pub fn others(&self) -> u64 {
        u64::from(self.attacker) + u64::from(self.liquidator)
    }

    /// What a report says of it.
    fn fact(&self, learner: &PpoConfig) -> String {
        let Self { head_start_hours, paths, .. } = self;
        let PpoConfig { entropy_weight, reference, .. } = learner;
        let near = reference.as_ref().map_or("no reference".to_owned(), |r| {
            format!("reference of weight {}, new every {} updates", r.weight, r.refresh_updates)
        });
        let meet = match self.policy_plays {
            PolicyPlays::Likeliest => "the policy's likeliest choices",
            PolicyPlays::Drawn => "choices that the policy draws",
        };
        let attacker = format!("an attacker, after {head_start_hours} hours of an episode,");
        let who = match (self.attacker, self.liquidator) {
            (true, true) => format!("{attacker} and a liquidator learn"),
            (false, true) => "a liquidator learns".to_owned(),
            _ => format!("{attacker} learns"),
        };
        format!(
            "{who} at the same time, from {meet}; entropy weight {entropy_weight}, {near}; {paths} worlds for each \
             meeting of those kept"
        )
    }
}

impl Default for SelfPlaySpec {
    fn default() -> Self {
        let PopulationSpec { head_start_hours, paths, .. } = PopulationSpec::default();
        let policy_plays = PolicyPlays::default();
        Self { attacker: true, liquidator: false, head_start_hours, paths, policy_plays }
    }
}

/// Levels of a curriculum ([`agents::learn::levels`]): in each episode, values for parameters of the scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurriculumSpec {
    /// How levels are chosen.
    pub method: Method,
    /// Parameters that change from level to level.
    pub parameters: Vec<ParameterSpec>,
    /// Most levels that are kept to be replayed; replay begins when half of it is full.
    #[serde(default = "buffer")]
    pub buffer: u32,
    /// Chance that a level is a replay.
    #[serde(default = "replay")]
    pub replay: f64,
    /// Chances of replay go by the rank of the score to the power of minus one over this.
    #[serde(default = "three_tenths")]
    pub temperature: f64,
    /// Part of the chances of replay that goes by how long a level was not played.
    #[serde(default = "three_tenths")]
    pub staleness: f64,
}

impl CurriculumSpec {
    /// The same for the learner.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let span = |p: &ParameterSpec| Span { low: p.low, high: p.high, scale: p.scale };
        Settings {
            method: self.method,
            buffer: self.buffer,
            replay: self.replay,
            temperature: self.temperature,
            staleness: self.staleness,
            spans: self.parameters.iter().map(span).collect(),
        }
    }
}

/// A parameter of the scenario and its range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpec {
    /// Where it is, as `--set` takes it: `exchange.listings.TAIL.depth_usd`.
    pub path: String,
    /// Least value, in the parameter's unit.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// How values are spread over the range.
    #[serde(default)]
    pub scale: Scale,
}

impl ParameterSpec {
    /// A value as an override.
    #[must_use]
    pub fn set(&self, value: f64) -> String {
        match self.scale {
            Scale::Whole => format!("{}={value:.0}", self.path),
            Scale::Linear | Scale::Logarithmic => format!("{}={value:?}", self.path),
        }
    }
}

/// Levels that are kept, where a scenario does not say.
const fn buffer() -> u32 {
    4_000
}

/// Chance of a replay, where a scenario does not say.
const fn replay() -> f64 {
    0.8
}

/// Temperature and staleness, where a scenario does not say.
const fn three_tenths() -> f64 {
    0.3
}
