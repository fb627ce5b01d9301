//! A liquidator that learns, beside the scripted one whose seat it takes: the same worlds, the same rivals, the same
//! risk policy, and what each of them earns there.

use crate::arena::{self, MakePolicy, PathChoice, WorldAddress};
use crate::assemble::Worlds;
use crate::evaluate::Group;
use crate::reproduction::BrokenWorld;
use crate::statics::StaticParams;
use crate::stats::{Estimate, crossed_bootstrap, mean};
use agents::frozen::FrozenPolicy;
use agents::scripted::liquidator::lane::{LiquidationLane, NoLiquidator, Outcome};
use agents::scripted::liquidator::seat::{BIDS, HEADS, SIZES};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sim::lanes::Lanes;

/// Instances of the worlds that choose among what was learned: training counts from zero.
const VALIDATION_INSTANCES: u64 = 1 << 44;

/// Why a liquidator cannot be played, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum LiquidationError {
    /// Nobody to take the seat.
    #[error(transparent)]
    Nobody(#[from] NoLiquidator),
    /// A broken invariant: a fault of the simulator.
    #[error(transparent)]
    Broken(#[from] Box<BrokenWorld>),
}

/// Who bids from the seat.
#[derive(Clone, Debug)]
pub enum Bidder {
    /// The scenario's own liquidator, by its own rules.
    AsWritten,
    /// The same offer and size for every chance, by their choices ([`BIDS`] from 1, [`SIZES`] from 0).
    Constant {
        /// Choice of the offer.
        offer: u8,
        /// Choice of the size.
        size: u8,
    },
    /// A policy of its own.
    Learned(Box<FrozenPolicy>),
}

impl Bidder {
    /// Every constant one.
    #[must_use]
    pub fn constants() -> Vec<Self> {
        let offers = 1..=BIDS.len() as u8;
        let each = |offer| (0..SIZES.len() as u8).map(move |size| Self::Constant { offer, size });
        offers.flat_map(each).collect()
    }

    /// What it is called in a report.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::AsWritten => "scripted".to_owned(),
            Self::Constant { offer, size } => {
                let share = BIDS.get(usize::from(*offer).wrapping_sub(1)).copied().unwrap_or(0.0);
                let part = SIZES.get(usize::from(*size)).copied().unwrap_or(1.0);
                format!("best constant: offers {share}, repays {part} of what it may")
            }
            Self::Learned(_) => "learned (PPO)".to_owned(),
        }
    }

    fn decide(&mut self, row: &[f32], mask: &[f32], action: &mut [f32]) {
        match self {
            Self::AsWritten => action.fill(0.0),
            Self::Constant { offer, size } => {
                for heads in action.chunks_exact_mut(HEADS.len()) {
                    heads.copy_from_slice(&[f32::from(*offer), f32::from(*size)]);
                }
            }
            Self::Learned(policy) => policy.act(row, mask, action),
        }
    }
}

/// How often a liquidator is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Blocks played.
    pub blocks: u64,
    /// Turns in them.
    pub turns: u64,
}

impl Pace {
    /// Blocks between two turns, on average.
    #[must_use]
    pub fn blocks_per_turn(self) -> f64 {
        self.blocks as f64 / self.turns.max(1) as f64
    }
}

/// The worlds of a scenario in which a policy manages risk and liquidators compete.
pub struct Floor<'a> {
    /// The worlds.
    pub worlds: &'a Worlds,
    /// What the risk policy is called.
    pub name: String,
    /// Makes it. It decides from observation and mask alone.
    pub policy: MakePolicy<'a>,
}

impl Floor<'_> {
    /// The same policy in other worlds.
    #[must_use]
    pub fn moved_to<'a>(&'a self, worlds: &'a Worlds) -> Floor<'a> {
        Floor { worlds, name: self.name.clone(), policy: Box::new(|| (self.policy)()) }
    }

    /// A world from the seat.
    fn side(&self, world: WorldAddress, taken: bool) -> Result<LiquidationLane, NoLiquidator> {
        let lane = self.worlds.lane(world, StaticParams::default(), false);
        LiquidationLane::new(lane, (self.policy)(), taken)
    }

    /// So many drawn worlds to learn in.
    ///
    /// # Errors
    /// [`NoLiquidator`].
    pub fn lanes(&self, seed: u64, lanes: u32) -> Result<Lanes<LiquidationLane>, NoLiquidator> {
        let worlds = arena::worlds(seed, 0, lanes, PathChoice::Drawn);
        let lanes: Result<Vec<_>, _> =
            worlds.into_iter().map(|world| self.side(world, true)).collect();
        Ok(Lanes::new(lanes?, true))
    }

    /// What a bidder earns in an episode.
    ///
    /// # Errors
    /// [`LiquidationError`].
    pub fn play(&self, bidder: &Bidder, world: WorldAddress) -> Result<Outcome, LiquidationError> {
        let mut side = self.side(world, !matches!(bidder, Bidder::AsWritten))?;
        let mut mine = bidder.clone();
        let outcome = side.play(&mut |row, mask, action| mine.decide(row, mask, action));
        held(&side, world.path, &self.name)?;
        Ok(outcome)
    }

    /// What it earns in several, in their order.
    ///
    /// # Errors
    /// [`LiquidationError`].
    pub fn play_all(
        &self,
        bidder: &Bidder,
        worlds: &[WorldAddress],
    ) -> Result<Vec<Outcome>, LiquidationError> {
        worlds.par_iter().map(|world| self.play(bidder, *world)).collect()
    }

    /// Blocks and turns in a seed's validation worlds of a liquidator that takes every chance.
    ///
    /// # Errors
    /// [`LiquidationError`].
    pub fn pace(&self, seed: u64, paths: u32) -> Result<Pace, LiquidationError> {
        let middle = Bidder::Constant { offer: 4, size: 2 };
        let played = self.play_all(&middle, &validation_worlds(seed, paths))?;
        let sum = |of: fn(&Outcome) -> u64| played.iter().map(of).sum();
        Ok(Pace { blocks: sum(|o| o.blocks), turns: sum(|o| o.turns) })
    }

    /// The best of the constant bidders on a seed's validation worlds, and the blocks that it took to find.
    ///
    /// # Errors
    /// [`LiquidationError`].
    pub fn best_constant(&self, seed: u64, paths: u32) -> Result<(Bidder, u64), LiquidationError> {
        let worlds = validation_worlds(seed, paths);
        let (mut best, mut blocks) = (None, 0);
        for bidder in Bidder::constants() {
            let outcomes = self.play_all(&bidder, &worlds)?;
            blocks += outcomes.iter().map(|o| o.blocks).sum::<u64>();
            let earned = profit(&outcomes);
            if best.as_ref().is_none_or(|(most, _)| earned > *most) {
                best = Some((earned, bidder));
            }
        }
        Ok((best.map_or(Bidder::AsWritten, |(_, bidder)| bidder), blocks))
    }
}

/// Refuses a lane that stopped at a broken invariant.
///
/// # Errors
/// The world, and what broke.
pub fn held(
    side: &LiquidationLane,
    path: PathChoice,
    policy: &str,
) -> Result<(), Box<BrokenWorld>> {
    let Some(broken) = side.broken() else { return Ok(()) };
    let policy = format!("{policy}, beside a liquidator who takes orders");
    Err(Box::new(BrokenWorld::of(*broken, path, policy)))
}

/// The worlds that choose among what a seed has learned.
#[must_use]
pub fn validation_worlds(seed: u64, paths: u32) -> Vec<WorldAddress> {
    arena::worlds(seed, VALIDATION_INSTANCES, paths, PathChoice::Drawn)
}

/// Mean profit of episodes, in USD.
#[must_use]
pub fn profit(outcomes: &[Outcome]) -> f64 {
    mean(&outcomes.iter().map(|o| o.profit_usd).collect::<Vec<_>>())
}

/// What a bidder came to on a group of unseen worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Who.
    pub bidder: String,
    /// Profit per episode, in USD.
    pub profit_usd: Estimate,
    /// What it is more than the scripted one's on the same worlds, in USD; none of itself.
    pub more_usd: Option<Estimate>,
    /// Mean times that it was asked; none where it takes no orders.
    pub turns: Option<f64>,
}

/// The rows of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Name of the group.
    pub group: String,
    /// What it is.
    pub about: String,
    /// How many worlds.
    pub paths: usize,
    /// The scripted liquidator first, the learned one last.
    pub rows: Vec<Row>,
}

/// What learning came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario.
    pub scenario: String,
    /// Its hash.
    pub scenario_hash: String,
    /// Who manages risk.
    pub policy: String,
    /// Facts of the run: name and value.
    pub facts: Vec<(String, String)>,
    /// By group of worlds.
    pub standings: Vec<Standing>,
}

/// Plays a group: the scripted liquidator, a constant one, and what was learned, one per seed.
///
/// # Errors
/// [`LiquidationError`].
pub fn stand(
    floor: &Floor<'_>,
    group: &Group,
    constant: &Bidder,
    learned: &[FrozenPolicy],
    (resamples, seed): (u32, u64),
) -> Result<Standing, LiquidationError> {
    let worlds = &group.worlds;
    let scripted = floor.play_all(&Bidder::AsWritten, worlds)?;
    let earned = |outcomes: &[Outcome]| outcomes.iter().map(|o| o.profit_usd).collect::<Vec<_>>();
    let base = earned(&scripted);
    let estimate = |values: &[Vec<f64>]| crossed_bootstrap(values, resamples, seed, mean);
    let row = |bidder: &Bidder, played: &[Vec<Outcome>]| {
        let profits: Vec<Vec<f64>> = played.iter().map(|row| earned(row)).collect();
        let more = |row: &Vec<f64>| row.iter().zip(&base).map(|(a, b)| a - b).collect();
        let more: Vec<Vec<f64>> = profits.iter().map(more).collect();
        let turns: Vec<f64> = played.iter().flatten().map(|o| o.turns as f64).collect();
        let takes_orders = !matches!(bidder, Bidder::AsWritten);
        Row {
            bidder: bidder.name(),
            profit_usd: estimate(&profits),
            more_usd: takes_orders.then(|| estimate(&more)),
            turns: takes_orders.then(|| mean(&turns)),
        }
    };
    let mut rows = vec![row(&Bidder::AsWritten, std::slice::from_ref(&scripted))];
    rows.push(row(constant, &[floor.play_all(constant, worlds)?]));
    let bidders: Vec<Bidder> =
        learned.iter().map(|policy| Bidder::Learned(Box::new(policy.clone()))).collect();
    let played: Result<Vec<_>, _> =
        bidders.iter().map(|bidder| floor.play_all(bidder, worlds)).collect();
    if let Some(first) = bidders.first() {
        rows.push(row(first, &played?));
    }
    let (group, about) = (group.name.clone(), group.about.clone());
    Ok(Standing { group, about, paths: worlds.len(), rows })
}

impl Standing {
    /// Whether the learned liquidator earns more than the scripted one, in a word.
    #[must_use]
    pub fn verdict(&self) -> &'static str {
        match self.rows.last().and_then(|row| row.more_usd) {
            Some(more) if more.low > 0.0 => "better than scripted",
            Some(more) if more.high < 0.0 => "worse than scripted",
            _ => "no better than scripted",
        }
    }
}

impl Report {
    /// The report as Markdown.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text = format!(
            "# Liquidator learned in {}\n\nRisk policy: {}. Profit per episode in USD at fair prices, gas paid, \
             beyond holding what it began with; intervals are 95 %, over training seeds and paths.\n",
            self.scenario, self.policy
        );
        let dollars = |e: &Estimate| format!("{:.0} ({:.0} to {:.0})", e.mean, e.low, e.high);
        let mut line = |line: String| {
            text += &line;
            text.push('\n');
        };
        for standing in &self.standings {
            line(format!("\n## {}: {}\n", standing.group, standing.verdict()));
            line(format!("{} ({} paths)\n", standing.about, standing.paths));
            line("| bidder | profit | more than scripted | turns |\n|---|---|---|---|".to_owned());
            for row in &standing.rows {
                let more = row.more_usd.as_ref().map_or("–".to_owned(), dollars);
                let turns = row.turns.map_or("–".to_owned(), |turns| format!("{turns:.0}"));
                let profit = dollars(&row.profit_usd);
                line(format!("| {} | {profit} | {more} | {turns} |", row.bidder));
            }
        }
        line(String::new());
        for (name, value) in &self.facts {
            line(format!("- {name}: {value}"));
        }
        text
    }
}
