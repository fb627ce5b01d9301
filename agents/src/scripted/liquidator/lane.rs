//! A world from a liquidator's side: a learner tells the seat's liquidator what to bid, and a risk policy that does
//! not learn here decides as it always does. Everybody else acts as ever, the other liquidators among them.
//!
//! It is asked in the first block of an episode and in every block with a chance in it. What it is after is its own
//! profit, gas paid: what it holds beyond what it began with, at the fair prices of the moment. What it began with
//! may rise and fall as it likes.

use super::mind::Mind;
use super::seat::{self, Chances, Desk, Members, OBS_DIM, Order};
use crate::account::Account;
use crate::policy::{RiskPolicy, close_block};
use bevy_ecs::prelude::*;
use sim::environment::{Environment, Spec, StepOut};
use sim::lane::{Decide, Lane};
use sim::prices::FairPrices;
use sim::reproduce::Broken;
use sim::snapshot::LaneSnapshot;

/// Nobody to take the seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scenario's market has no liquidator; add a cohort under `agents.liquidators`")]
pub struct NoLiquidator;

/// What an episode came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The liquidator's profit, in USD.
    pub profit_usd: f64,
    /// Times that it was asked.
    pub turns: u64,
    /// Blocks played.
    pub blocks: u64,
}

/// Names of the figures of an episode, for the learner's log.
const SUMMARY: [&str; 3] = ["liquidator_profit_usd", "turns", "liquidated_usd"];

/// A world that a liquidator plays.
pub struct LiquidationLane {
    lane: Lane,
    policy: Box<dyn RiskPolicy>,
    /// Whether its liquidator takes orders; else it follows its own rules, and is only measured.
    taken: bool,
    spec: Spec,
    members: Members,
    /// What there is to bid for in the open block.
    chances: Chances,
    /// What its liquidator began the episode with, in whole tokens by asset.
    opening: Vec<f64>,
    /// Scratch of the same kind.
    holdings: Vec<f64>,
    turns: u64,
    /// Blocks closed, in all episodes.
    played: u64,
    account: Account,
    summary: Vec<(&'static str, f64)>,
}

impl std::fmt::Debug for LiquidationLane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiquidationLane")
            .field("lane", &self.lane)
            .field("policy", &self.policy.name())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl LiquidationLane {
    /// The liquidator's side of a lane at the start of an episode, in which `policy` manages the market's risk.
    ///
    /// # Errors
    /// [`NoLiquidator`].
    pub fn new(
        mut lane: Lane,
        policy: Box<dyn RiskPolicy>,
        taken: bool,
    ) -> Result<Self, NoLiquidator> {
        let mut members = lane.world_mut().query();
        seat::seated(&mut members, lane.world()).ok_or(NoLiquidator)?;
        let episode = lane.plan().episode;
        let mut side = Self {
            lane,
            policy,
            taken,
            spec: seat::spec(),
            members,
            chances: Chances::default(),
            opening: Vec::new(),
            holdings: Vec::new(),
            turns: 0,
            played: 0,
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
    /// The world, to be played among others.
    pub const fn lane_mut(&mut self) -> &mut Lane {
        &mut self.lane
    }
    /// Blocks that were played, in all episodes.
    #[must_use]
    pub const fn blocks_played(&self) -> u64 {
        self.played
    }
    /// Puts another risk policy in place of the one that decides, in the middle of an episode.
    pub fn set_policy(&mut self, policy: Box<dyn RiskPolicy>) {
        self.policy = policy;
        self.policy.reset();
    }
    /// What broke, in this episode or in one before it.
    #[must_use]
    pub fn broken(&self) -> Option<Box<Broken>> {
        self.account.broken(&self.lane)
    }

    fn begin(&mut self, episode: u64) {
        self.account.begin(&self.lane);
        self.lane.begin(episode);
        self.policy.reset();
        self.lane.world_mut().remove_resource::<Mind>();
        self.lane.world_mut().insert_resource(Desk { taken: self.taken, order: None });
        if let Some((_, wallet, _)) = seat::seated(&mut self.members, self.lane.world()) {
            seat::holdings(self.lane.world(), wallet.0, &mut self.opening);
        }
        self.turns = 0;
    }

    /// What its liquidator has earned in the episode so far, in USD.
    fn profit_usd(&mut self) -> f64 {
        let world = self.lane.world();
        let Some((_, wallet, _)) = seat::seated(&mut self.members, world) else { return 0.0 };
        seat::holdings(world, wallet.0, &mut self.holdings);
        let fair = &world.resource::<FairPrices>().fair;
        let more = self.holdings.iter().zip(&self.opening).map(|(now, then)| now - then);
        more.zip(fair).map(|(more, usd)| more * usd).sum()
    }

    fn close_block(&mut self) {
        close_block(&mut self.lane, self.policy.as_mut());
        self.played += 1;
    }

    /// Plays on to the next block in which the liquidator is asked, and leaves it open; `false` at the end of
    /// the episode.
    fn advance(&mut self) -> bool {
        while !self.lane.is_over() {
            self.lane.open_block();
            if self.taken {
                let has_turn = self.look();
                if has_turn || self.lane.episode_state().block == 1 {
                    self.turns += 1;
                    return true;
                }
            }
            self.close_block();
        }
        false
    }

    /// Takes note of the chances of the open block; whether there is a turn in it.
    fn look(&mut self) -> bool {
        let found = seat::turn(&mut self.members, self.lane.world());
        self.chances = found.unwrap_or_default();
        found.is_some()
    }

    fn obey(&mut self, action: &[f32]) {
        let order = Some((Order::of(action), self.chances));
        self.lane.world_mut().insert_resource(Desk { taken: self.taken, order });
        self.close_block();
    }

    fn write_rows(&mut self, row: &mut [f32], mask: &mut [f32]) {
        let world = self.lane.world();
        if let Some((_, wallet, liquidator)) = seat::seated(&mut self.members, world) {
            liquidator.look(world, *wallet, &self.chances, row, mask);
        }
    }

    /// Plays the episode to its end, `decide` giving the orders (row, mask, action) if the seat is taken.
    pub fn play(&mut self, decide: Decide<'_>) -> Outcome {
        let (mut row, mut mask) = (vec![0.0; OBS_DIM], vec![0.0; seat::LOGITS]);
        let mut action = vec![0.0; self.spec.action.dim()];
        while self.advance() {
            self.write_rows(&mut row, &mut mask);
            decide(&row, &mask, &mut action);
            self.obey(&action);
        }
        let (profit_usd, blocks) = (self.profit_usd(), self.lane.totals().blocks);
        Outcome { profit_usd, turns: self.turns, blocks }
    }
}

impl Environment for LiquidationLane {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.begin(episode);
        self.advance();
        self.write_rows(obs, action_mask);
    }

    fn step(&mut self, action: &[f32], mut out: StepOut<'_>) {
        self.obey(action);
        let goes_on = self.advance();
        let earned = self.profit_usd();
        self.account.settle(&self.lane, earned, goes_on, &mut out);
        if !goes_on {
            // The last block is closed: what is seen now is what would have been decided on.
            self.lane.open_block();
            self.look();
            self.write_rows(out.final_obs, out.action_mask);
            let values = [earned, self.turns as f64, self.lane.totals().liquidated_usd];
            self.summary.clear();
            self.summary.extend(SUMMARY.into_iter().zip(values));
            self.begin(self.lane.plan().episode + 1);
            self.advance();
        }
        self.write_rows(out.obs, out.action_mask);
    }

    fn save(&self) -> Vec<u8> {
        let summary: Vec<f64> = self.summary.iter().map(|(_, value)| *value).collect();
        let done = (self.turns, self.played, self.account.saved());
        let mine = (self.lane.snapshot(), summary, &self.opening, done);
        postcard::to_stdvec(&mine).expect("a snapshot is plain data")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        type Saved = (LaneSnapshot, Vec<f64>, Vec<f64>, (u64, u64, (f64, u64)));
        let (snapshot, summary, opening, (turns, played, account)): Saved =
            postcard::from_bytes(bytes).map_err(|e| format!("not a liquidator's world: {e}"))?;
        self.lane.restore(&snapshot)?;
        self.lane.world_mut().remove_resource::<Mind>();
        self.lane.world_mut().insert_resource(Desk { taken: self.taken, order: None });
        self.look();
        self.summary = SUMMARY.into_iter().zip(summary).collect();
        self.opening = opening;
        (self.turns, self.played) = (turns, played);
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
