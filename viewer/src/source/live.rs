//! A world that is simulated now, block by block.

use super::recorder::{Moment, Recorder};
use crate::frame::{Frame, Origin};
use crate::worker::Source;
use agents::policy::RiskPolicy;
use sim::config::AttackerAccounts;
use sim::lane::Lane;
use sim::prices::FairPrices;
use sim::snapshot::LaneSnapshot;
use std::collections::BTreeMap;

/// Snapshots that an episode is given to seek by.
const SNAPSHOTS: u64 = 48;
/// Fewest blocks between two of them.
const LEAST_BETWEEN: u64 = 50;

/// A lane that is simulated as it is watched. Seeking restores the nearest snapshot and simulates the
/// rest again; decisions of the risk policy are remembered, so that one with a memory decides alike.
pub struct LiveSource {
    lane: Lane,
    policy: Option<Box<dyn RiskPolicy>>,
    /// What the policy decided, by block.
    decisions: BTreeMap<u64, Vec<f32>>,
    recorder: Recorder,
    snapshots: BTreeMap<u64, LaneSnapshot>,
    every_blocks: u64,
    no_attackers: AttackerAccounts,
}

impl std::fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveSource").field("lane", &self.lane).finish_non_exhaustive()
    }
}

impl LiveSource {
    /// Watches a lane from the start of its episode. Without a policy nobody moves the parameters.
    #[must_use]
    pub fn new(mut lane: Lane, scenario: &str, mut policy: Option<Box<dyn RiskPolicy>>) -> Self {
        let plan = lane.plan();
        lane.begin(plan.episode);
        if let Some(policy) = &mut policy {
            policy.reset();
        }
        let frame = Frame {
            scenario: scenario.to_owned(),
            policy: policy.as_ref().map_or_else(String::new, |p| p.name().to_owned()),
            episode: plan.episode,
            ..Frame::default()
        };
        let no_attackers = AttackerAccounts::default();
        let every_blocks = (lane.config().episode_blocks / SNAPSHOTS).max(LEAST_BETWEEN);
        let recorder = Recorder::new(&moment(&lane, &no_attackers), frame);
        let snapshots = BTreeMap::from([(0, lane.snapshot())]);
        Self {
            lane,
            policy,
            decisions: BTreeMap::new(),
            recorder,
            snapshots,
            every_blocks,
            no_attackers,
        }
    }
}

/// The lane at the end of a block.
fn moment<'a>(lane: &'a Lane, no_attackers: &'a AttackerAccounts) -> Moment<'a> {
    let world = lane.world();
    Moment {
        chain: lane.chain(),
        prices: world.resource::<FairPrices>(),
        config: lane.config(),
        attackers: world.get_resource::<AttackerAccounts>().unwrap_or(no_attackers),
        totals: lane.totals(),
        objective_usd: lane.metrics().objective_usd,
    }
}

impl Source for LiveSource {
    fn step(&mut self) -> Result<bool, String> {
        if let Some(violation) = self.lane.violation() {
            return Err(format!("The lane stopped at a broken invariant: {violation}"));
        }
        if self.lane.is_over() {
            return Ok(false);
        }
        let block = self.lane.episode_state().block + 1;
        let Self { lane, policy, decisions, .. } = self;
        match policy {
            Some(policy) => {
                let mut decide = |obs: &[f32], mask: &[f32], action: &mut [f32]| {
                    let known = decisions.entry(block).or_insert_with(|| {
                        policy.act(obs, mask, action);
                        action.to_vec()
                    });
                    action.copy_from_slice(known);
                };
                lane.run_decided(Some(&mut decide));
            }
            None => lane.run_decided(None),
        }
        let moment = moment(&self.lane, &self.no_attackers);
        self.recorder.block(&moment, block, self.lane.block().included());
        if block.is_multiple_of(self.every_blocks) && !self.snapshots.contains_key(&block) {
            self.snapshots.insert(block, self.lane.snapshot());
        }
        if let Some(violation) = self.lane.violation() {
            return Err(format!("The lane stopped at a broken invariant: {violation}"));
        }
        Ok(true)
    }

    fn rewind(&mut self, block: u64) -> Result<(), String> {
        let Some((at, snapshot)) = self.snapshots.range(..=block).next_back() else {
            return Err("there is no snapshot to go back to".to_owned());
        };
        let now = self.block();
        if now <= block && *at <= now {
            return Ok(());
        }
        self.lane.restore(snapshot)?;
        self.recorder.go_to(&moment(&self.lane, &self.no_attackers), *at);
        Ok(())
    }

    fn block(&self) -> u64 {
        self.lane.episode_state().block
    }

    fn inspect(&mut self, account: Option<u32>) {
        self.recorder.inspect(account);
    }

    fn frame(&mut self) -> Frame {
        self.recorder.frame(self.lane.chain(), Origin::Live)
    }
}
