//! A world from the attacker's side: a learner tells a seated attacker what to do, and a risk policy that no
//! longer learns decides as it always does. The attacker sees what the policy sees, what it would decide on
//! that now, and what waits to take effect: it attacks a glass box.
//!
//! It is asked in the last block before each of the policy's decisions and in the first after it: what is
//! done in the one is what the policy reads, what it decided is what the other finds.

use super::Attacker;
use super::mind::{Mind, drawn};
use super::seat::{self, Order, Seat};
use super::spot_oracle::Sight;
use super::template::Templates;
use crate::account::Account;
use crate::policy::{RiskPolicy, close_block};
use serde::{Deserialize, Serialize};
use sim::chain::Chain;
use sim::config::{Config, Episode};
use sim::environment::{Environment, Rows, Spec, StepOut};
use sim::exchange::Exchange;
use sim::lane::Lane;
use sim::observe::Observations;
use sim::prices::FairPrices;
use sim::reproduce::Broken;
use sim::reward::{EpisodeTotals, Objective};
use sim::rng::Streams;
use sim::snapshot::LaneSnapshot;
use sim::views::MarketViews;

/// What an attacker is after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goal {
    /// Its own profit, in USD.
    Profit,
    /// The protocol's largest loss, in USD, whatever it costs the attacker.
    Loss,
    /// The scenario's objective, in USD, the other way round: the opposite of what a risk policy is after.
    Ruin,
}

impl Goal {
    /// How far it has got.
    #[must_use]
    pub fn reached_usd(self, totals: &EpisodeTotals, objective: &Objective) -> f64 {
        match self {
            Self::Ruin => -objective.value(totals),
            Self::Profit => totals.attacker_profit_usd,
            Self::Loss => totals.largest_protocol_loss_usd,
        }
    }
}

/// What an attacker is after, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pursuit {
    /// What for.
    pub goal: Goal,
    /// Blocks of an episode in which it does nothing: the head start of the policy.
    pub idle_blocks: u64,
    /// Whether it sees what the policy would decide now; if not, it sees that the policy holds.
    pub sees_through: bool,
}

/// Risk policies and their chances, which sum to one: one of them is met in each episode.
pub type Defenders = Vec<(f64, Box<dyn RiskPolicy>)>;

/// Why a world has no attacker's side.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PursuitError {
    /// Nobody to take the seat.
    #[error(
        "no attacker of this scenario has a collateral whose oracle reads a pool, so nobody can take \
         orders; add one under `agents.attackers`"
    )]
    NoAttacker,
    /// Nothing is left of the episode.
    #[error("the attacker would begin after {idle} blocks, and an episode has {blocks}")]
    TooLate {
        /// Blocks before the attacker begins.
        idle: u64,
        /// Blocks of the episode.
        blocks: u64,
    },
}

/// A world that an attacker plays.
pub struct AttackLane {
    lane: Lane,
    defenders: Defenders,
    /// Who is met in this episode.
    met: usize,
    pursuit: Pursuit,
    spec: Spec,
    templates: Templates,
    /// Scratch: what the policy would decide.
    foreseen: Vec<f32>,
    account: Account,
    summary: Vec<(&'static str, f64)>,
}

impl std::fmt::Debug for AttackLane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AttackLane")
            .field("lane", &self.lane)
            .field("defender", &self.defenders[self.met].1.name())
            .field("pursuit", &self.pursuit)
            .finish_non_exhaustive()
    }
}

impl AttackLane {
    /// The attacker's side of a lane at the start of an episode. `defenders`, at least one, are asked more often
    /// than their decisions are used ([`RiskPolicy::foresee`]).
    ///
    /// # Errors
    /// [`PursuitError`].
    pub fn new(
        mut lane: Lane,
        defenders: Defenders,
        pursuit: Pursuit,
    ) -> Result<Self, PursuitError> {
        let mut attackers = lane.world_mut().query::<&Attacker>();
        if !attackers.iter(lane.world()).any(Attacker::has_ground) {
            return Err(PursuitError::NoAttacker);
        }
        let (idle, blocks) = (pursuit.idle_blocks, lane.config().episode_blocks);
        if idle + 2 * u64::from(lane.config().decision_every_blocks) >= blocks {
            return Err(PursuitError::TooLate { idle, blocks });
        }
        let heads = lane.spec().action.dim();
        let templates = lane.world().get_resource::<Templates>().cloned().unwrap_or_default();
        let count = templates.0.len();
        let obs_dim = lane.spec().obs_dim + heads + seat::fields(count);
        // The policy's row comes first. An attacker's action is about no reserve.
        let lane_rows = lane.spec().rows.map(|rows| Rows { heads: 0, ..rows });
        let episode = lane.plan().episode;
        let mut side = Self {
            lane,
            defenders,
            met: 0,
            pursuit,
            spec: Spec { rows: lane_rows, ..Spec::new(obs_dim, seat::space(count)) },
            templates,
            foreseen: vec![sim::action::HOLD as f32; heads],
            account: Account::default(),
            summary: Vec::new(),
        };
        side.begin(episode);
        Ok(side)
    }

    /// The world.
    #[must_use]
    pub const fn lane(&self) -> &Lane {
        &self.lane
    }
    /// The world, to be recorded, or played among others.
    pub const fn lane_mut(&mut self) -> &mut Lane {
        &mut self.lane
    }
    /// The reserve whose collateral is attacked.
    #[must_use]
    pub fn collateral_reserve(&mut self) -> usize {
        let mut attackers = self.lane.world_mut().query::<&Attacker>();
        let grounds = attackers.iter(self.lane.world()).filter_map(|a| a.ground);
        grounds.map(|g| usize::from(g.tail_reserve)).next().unwrap_or(0)
    }
    /// Puts other risk policies in place of those that decide, in the middle of an episode.
    pub fn set_defenders(&mut self, defenders: Defenders) {
        self.defenders = defenders;
        self.meet();
    }
    /// What broke, in this episode or in one before it.
    #[must_use]
    pub fn broken(&self) -> Option<Box<Broken>> {
        self.account.broken(&self.lane)
    }

    /// Begins an episode; the attacker takes orders in it.
    fn begin(&mut self, episode: u64) {
        self.account.begin(&self.lane);
        self.lane.begin(episode);
        self.lane.world_mut().remove_resource::<Mind>();
        self.meet();
        self.lane.world_mut().insert_resource(Seat { taken: true, order: None });
    }

    /// Meets the policy of this episode.
    fn meet(&mut self) {
        let chances = self.defenders.iter().map(|(chance, _)| *chance);
        let streams = self.lane.world().resource::<Streams>();
        self.met = drawn(streams, self.lane.plan().episode, chances);
        self.defenders[self.met].1.reset();
    }

    /// Whether the attacker is asked in the open block.
    fn is_due(&self) -> bool {
        let every = self.lane.config().decision_every_blocks;
        seat::is_turn(self.lane.episode_state(), every, self.pursuit.idle_blocks)
    }

    fn close_block(&mut self) {
        close_block(&mut self.lane, self.defenders[self.met].1.as_mut());
    }

    /// Plays on to the next block in which the attacker is asked, and leaves it open; `false` at the end of
    /// the episode. `each` sees every block that was closed.
    fn advance(&mut self, each: &mut dyn FnMut(&Lane)) -> bool {
        while !self.lane.is_over() {
            self.lane.open_block();
            if self.is_due() {
                return true;
            }
            self.close_block();
            each(&self.lane);
        }
        false
    }

    fn obey(&mut self, action: &[f32]) {
        let order = Some(Order::of(action));
        self.lane.world_mut().insert_resource(Seat { taken: true, order });
        self.close_block();
    }

    /// Writes the attacker's row and mask.
    fn write_rows(&mut self, row: &mut [f32], mask: &mut [f32]) {
        self.lane.look_now();
        let world = self.lane.world_mut();
        let mut attackers = world.query::<&Attacker>();
        let world = self.lane.world();
        let seen = world.resource::<Observations>();
        if self.pursuit.sees_through {
            let defender = &mut self.defenders[self.met].1;
            defender.foresee(&seen.row, &seen.mask, &mut self.foreseen);
        }
        let (public, rest) = row.split_at_mut(seen.row.len());
        let (foreseen, own) = rest.split_at_mut(self.foreseen.len());
        public.copy_from_slice(&seen.row);
        for (slot, choice) in foreseen.iter_mut().zip(&self.foreseen) {
            *slot = sim::action::share(*choice);
        }
        let (chain, prices) = (world.resource::<Chain>(), world.resource::<FairPrices>());
        let sight = Sight {
            chain,
            exchange: world.resource::<Exchange>(),
            prices,
            views: world.resource::<MarketViews>(),
            gas_price_usd: prices.usd(chain.gas_asset()),
        };
        let of = (world.resource::<Episode>(), world.resource::<Config>());
        if let Some(attacker) = attackers.iter(world).find(|a| a.has_ground()) {
            attacker.look(&sight, of, &self.templates.0, (own, mask));
        }
    }

    /// Plays a whole episode, `decide` giving the orders (row, mask, action); `each` sees every block that
    /// was closed.
    pub fn play(
        &mut self,
        decide: sim::lane::Decide<'_>,
        each: &mut dyn FnMut(&Lane),
    ) -> EpisodeTotals {
        let (mut row, mut mask) =
            (vec![0.0; self.spec.obs_dim], vec![0.0; self.spec.action.logits()]);
        let mut action = vec![0.0; self.spec.action.dim()];
        while self.advance(each) {
            self.write_rows(&mut row, &mut mask);
            decide(&row, &mask, &mut action);
            self.obey(&action);
            each(&self.lane);
        }
        *self.lane.totals()
    }
}

impl Environment for AttackLane {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.begin(episode);
        self.advance(&mut |_| ());
        self.write_rows(obs, action_mask);
    }

    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        self.obey(action);
        let goes_on = self.advance(&mut |_| ());
        let objective = self.lane.config().objective;
        let reached = self.pursuit.goal.reached_usd(self.lane.totals(), &objective);
        self.account.settle(&self.lane, reached, goes_on, &mut out);
        if !goes_on {
            // The last block is closed: what is seen now is what would have been decided on.
            self.lane.open_block();
            self.write_rows(out.final_obs, out.action_mask);
            self.summary.clear();
            self.summary.extend_from_slice(&self.lane.report());
            self.begin(self.lane.plan().episode + 1);
            self.advance(&mut |_| ());
        }
        self.write_rows(out.obs, out.action_mask);
    }

    fn save(&self) -> Vec<u8> {
        let summary: Vec<f64> = self.summary.iter().map(|(_, value)| *value).collect();
        let mine = (self.lane.snapshot(), summary, self.account.saved());
        postcard::to_stdvec(&mine).expect("a snapshot is plain data")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (snapshot, summary, account): (LaneSnapshot, Vec<f64>, (f64, u64)) =
            postcard::from_bytes(bytes).map_err(|e| format!("not an attacker's world: {e}"))?;
        self.lane.restore(&snapshot)?;
        self.lane.world_mut().remove_resource::<Mind>();
        self.meet();
        self.lane.world_mut().insert_resource(Seat { taken: true, order: None });
        self.summary = EpisodeTotals::SUMMARY.iter().copied().zip(summary).collect();
        self.account.restore(account);
        Ok(())
    }

    fn episode(&self) -> u64 {
        self.lane.plan().episode
    }

    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}
