//! A lane: one world, its two schedules, and an episode.

use crate::action::{self, Heads, Side};
use crate::actor::{Actor, Outbox};
use crate::audit::{Depth, PANIC, Stopped};
use crate::builder::Builder;
use crate::chain::{Chain, Digest, Fork, Violation};
use crate::config::{AttackerAccounts, BlockGas, Config, Episode};
use crate::environment::{ActionSpace, Environment, Spec, StepOut};
use crate::exchange::Exchange;
use crate::factors::Factors;
use crate::further::FurtherMarkets;
use crate::mempool::Mempool;
use crate::metrics::{BlockMetrics, Metrics};
use crate::observe::{Observations, Visibility, reserve_rows};
use crate::perpetuals::Perpetuals;
use crate::prices::{FairPrices, PriceSource};
use crate::record::BlockDigest;
use crate::reproduce::{Broken, Decisions};
use crate::reward::{EpisodeTotals, RewardState};
use crate::rng::Streams;
use crate::schedule::{close_block, open_block};
use crate::score::{AttackerBooks, TreasuryBook};
use crate::snapshot::{LaneSnapshot, SnapshotRegistry};
use crate::systems;
use crate::systems::act::PendingAction;
use crate::tape::{Tape, TapeHeader};
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::*;
use std::any::Any;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Decisions that an episode makes room for at its beginning; further ones grow it.
const MOST_DECISIONS: u64 = 1 << 16;

/// Which episode of which world is to be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpisodePlan {
    /// The run's seed.
    pub run_seed: u64,
    /// The world: names luck, not the lane that plays it.
    pub instance: u64,
    /// The episode.
    pub episode: u64,
}

/// What a scenario gives a lane: how to build an episode, who acts, what must be saved.
pub trait LaneSetup: Send + Sync {
    /// Builds an episode in a world without participants.
    ///
    /// Must insert [`Config`], [`Chain`], [`PriceSource`] and [`Exchange`], and spawn the participants;
    /// may insert [`Builder`] (default: priority fee), [`FurtherMarkets`], [`Perpetuals`], [`Factors`],
    /// [`crate::config::RiskSeat`], [`Side`] and [`AttackerAccounts`]. [`Streams`] is there already. The world may hold resources of the last
    /// episode (their memory is worth reusing): everything that differs between episodes must be
    /// written. Equal plans give equal worlds.
    fn build(&self, plan: &EpisodePlan, world: &mut World);
    /// Adds the participants' systems to [`crate::schedule::OpenSystems::Oracles`] and
    /// [`crate::schedule::CloseSystems::Act`].
    fn install(&self, open: &mut Schedule, close: &mut Schedule);
    /// Registers the participants' components and resources that change during an episode.
    fn register(&self, registry: &mut SnapshotRegistry);
}

/// A risk policy of a scripted run: reads an observation `[obs_dim]` and a mask of choices `[heads · 3]`, writes an
/// action `[dim]`.
pub type Decide<'a> = &'a mut dyn FnMut(&[f32], &[f32], &mut [f32]);

/// One world, its two schedules, and an episode.
pub struct Lane {
    world: World,
    open: Schedule,
    close: Schedule,
    setup: Arc<dyn LaneSetup>,
    /// What comes after this episode; the next of the same world where nothing is said.
    next: Option<(Arc<dyn LaneSetup>, EpisodePlan)>,
    registry: SnapshotRegistry,
    plan: EpisodePlan,
    is_open: bool,
    spec: Spec,
    /// What a scripted policy writes to, `[heads]`.
    action: Vec<f32>,
    summary: Vec<(&'static str, f64)>,
    /// What broke in an episode that has ended since: the first.
    broken: Option<Box<Broken>>,
    /// Whether the open block ended in a panic.
    panicked: bool,
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane")
            .field("plan", &self.plan)
            .field("is_open", &self.is_open)
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// A lane at the start of an episode.
    #[must_use]
    pub fn new(setup: Arc<dyn LaneSetup>, plan: EpisodePlan) -> Self {
        let (mut open, mut close) = (open_block(), close_block());
        systems::install(&mut open, &mut close);
        setup.install(&mut open, &mut close);
        let mut registry = SnapshotRegistry::default();
        register_world(&mut registry);
        setup.register(&mut registry);
        let mut lane = Self {
            world: World::new(),
            open,
            close,
            setup,
            next: None,
            registry,
            plan,
            is_open: false,
            spec: Spec::new(0, Heads::plain(0).space()),
            action: Vec::new(),
            summary: Vec::new(),
            broken: None,
            panicked: false,
        };
        lane.begin(plan.episode);
        let reserves = lane.world.resource::<MarketViews>().reserves.len();
        let obs_dim = lane.world.resource::<Observations>().row.len();
        let heads = Heads::of(lane.chain().pooled(lane.config().market));
        lane.spec =
            Spec::new(obs_dim, heads.space()).with_rows(reserve_rows(reserves, Visibility::Public));
        lane.action = vec![action::HOLD as f32; lane.spec.action.dim()];
        lane
    }

    /// Takes numbers from its learner: how far each head moves, in place of a choice ([`Heads::numbers`]). Whoever
    /// decides in a scripted run answers as before.
    #[must_use]
    pub fn by_numbers(mut self) -> Self {
        self.spec.action = Heads::of(self.chain().pooled(self.config().market)).numbers();
        self
    }

    /// Begins an episode; a tape in progress is abandoned.
    pub fn begin(&mut self, episode: u64) {
        self.plan.episode = episode;
        self.is_open = false;
        self.panicked = false;
        let mut participants = self.world.query_filtered::<Entity, With<Actor>>();
        let old: Vec<Entity> = participants.iter(&self.world).collect();
        for entity in old {
            self.world.despawn(entity);
        }
        self.world.insert_resource(Streams::new(self.plan.run_seed, self.plan.instance));
        self.setup.build(&self.plan, &mut self.world);
        prepare(&mut self.world, episode);
    }

    /// Begins the same world's episode in another instance.
    pub fn begin_instance(&mut self, instance: u64, episode: u64) {
        self.plan.instance = instance;
        self.begin(episode);
    }

    /// Says what follows the present episode, in place of the next one of the same world. Its observations and
    /// actions must have the same shapes.
    pub fn set_next(&mut self, setup: Arc<dyn LaneSetup>, plan: EpisodePlan) {
        self.next = Some((setup, plan));
    }

    /// Says what this world's further episodes are built from. Their observations and actions must have the same shapes.
    pub fn set_setup(&mut self, setup: Arc<dyn LaneSetup>) {
        self.setup = setup;
    }

    /// Sets how much is looked at after every block, this one and all further episodes; begins with a
    /// look at the state as it is.
    pub fn set_audit(&mut self, depth: Depth) {
        self.world.insert_resource(depth);
        look(&mut self.world);
    }

    /// Records the rest of the episode to a tape, with a snapshot every so many blocks.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn record_to(
        &mut self,
        sink: Box<dyn Write + Send + Sync>,
        mut header: TapeHeader,
        snapshot_every_blocks: u64,
    ) -> io::Result<()> {
        header.run_seed = self.plan.run_seed;
        header.instance = self.plan.instance;
        header.episode = self.plan.episode;
        header.block_secs = self.config().block_secs;
        let (chain, prices) = (self.chain(), self.world.resource::<FairPrices>());
        let tape = Tape::begin(sink, &header, snapshot_every_blocks, chain, prices, self.digest())?;
        self.world.insert_resource(tape);
        Ok(())
    }

    /// Closes the tape.
    ///
    /// # Errors
    /// Those of the sink since recording began.
    pub fn finish_tape(&mut self) -> io::Result<()> {
        self.world.resource_mut::<Tape>().finish()
    }

    /// The first half of a block, up to the observations.
    pub fn open_block(&mut self) {
        if !self.is_open {
            self.open.run(&mut self.world);
            self.is_open = true;
        }
    }

    /// The second half of a block, with the risk policy's action if it takes one.
    pub fn close_block(&mut self, action: Option<&[f32]>) {
        self.open_block();
        if let Some(action) = action {
            let side = self.world.get_resource::<Side>().copied();
            let heads = Heads::of(self.chain().pooled(self.config().market));
            let mut pending = self.world.resource_mut::<PendingAction>();
            pending.values.clear();
            pending.values.extend_from_slice(action);
            pending.waits = true;
            // Heads that are not this side's are not moved from here.
            if let Some(side) = side {
                side.keep(heads, &mut pending.values);
            }
            let block = self.episode_state().block;
            self.world.resource_mut::<Decisions>().push(block, action);
        }
        self.close.run(&mut self.world);
        self.is_open = false;
    }

    /// A whole block without a decision of the risk policy.
    pub fn run_block(&mut self) {
        self.close_block(None);
    }

    /// Runs up to `blocks` blocks, asking `policy` wherever a decision is due; stops at the episode's
    /// end or at a broken invariant. Returns how many blocks ran.
    pub fn run(&mut self, blocks: u64, mut policy: Option<Decide<'_>>) -> u64 {
        for ran in 0..blocks {
            if self.is_over() {
                return ran;
            }
            self.run_decided(policy.as_mut().map(|p| &mut **p as Decide<'_>));
        }
        blocks
    }

    /// One block, `policy` deciding if it is due.
    pub fn run_decided(&mut self, policy: Option<Decide<'_>>) {
        self.open_block();
        let observations = self.world.resource::<Observations>();
        match policy {
            Some(policy) if observations.due => {
                let mut action = std::mem::take(&mut self.action);
                action::hold(&mut action);
                policy(&observations.row, &observations.mask, &mut action);
                self.close_block(Some(&action));
                self.action = action;
            }
            _ => self.close_block(None),
        }
    }

    /// Whether the episode has no further block to close.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let closed = self.episode_state().block - u64::from(self.is_open);
        self.violation().is_some() || closed >= self.config().episode_blocks
    }
    /// The invariant that broke, if one did.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.world.resource::<Stopped>().0.as_ref()
    }
    /// What broke, in this episode or in one before it that a learner played.
    #[must_use]
    pub fn broken(&self) -> Option<Box<Broken>> {
        self.broken.clone().or_else(|| self.broken_now())
    }

    fn broken_now(&self) -> Option<Box<Broken>> {
        let violation = self.violation()?.clone();
        let EpisodePlan { run_seed, instance, episode } = self.plan;
        // An open block is one after what was audited, but for one that a panic left open.
        let open = u64::from(self.is_open && !self.panicked);
        Some(Box::new(Broken {
            violation,
            block: self.chain().clock().block - open,
            episode_block: self.episode_state().block - open,
            digest: self.digest(),
            run_seed,
            instance,
            episode,
            depth: *self.world.resource::<Depth>(),
            decisions: self.world.resource::<Decisions>().clone(),
        }))
    }

    /// Does something that plays blocks, and takes a panic for what it is: a broken invariant, found in the
    /// block that was open. The lane stops there.
    pub fn guard(&mut self, play: impl FnOnce(&mut Self)) {
        let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(self))) else { return };
        let (id, sentence) = PANIC;
        let violation =
            Violation { id: id.to_owned(), sentence: sentence.to_owned(), detail: said(&*panic) };
        self.panicked = true;
        self.world.resource_mut::<Stopped>().0.get_or_insert(violation);
    }

    /// Plays an episode's blocks from where it stands, with decisions that were taken once, up to and
    /// including `episode_block`; stops where an invariant breaks.
    pub fn rerun(&mut self, decisions: &Decisions, episode_block: u64) {
        self.guard(|lane| {
            while !lane.is_over() && lane.episode_state().block < episode_block {
                lane.open_block();
                lane.close_block(decisions.at(lane.episode_state().block));
            }
        });
    }

    /// Everything about the lane's world.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }
    /// Everything about the lane's world, to be changed: a what-if.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }
    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        self.world.resource::<Chain>()
    }
    /// The episode's constants.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.world.resource::<Config>()
    }
    /// Where the episode is.
    #[must_use]
    pub fn episode_state(&self) -> &Episode {
        self.world.resource::<Episode>()
    }
    /// What the episode has come to.
    #[must_use]
    pub fn totals(&self) -> &EpisodeTotals {
        self.world.resource::<EpisodeTotals>()
    }
    /// The last block's figures.
    #[must_use]
    pub fn metrics(&self) -> &BlockMetrics {
        self.world.resource::<BlockMetrics>()
    }
    /// The last block's transactions and receipts.
    #[must_use]
    pub fn block(&self) -> &Mempool {
        self.world.resource::<Mempool>()
    }
    /// The digest after the last block.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.world.resource::<BlockDigest>().digest
    }
    /// Which episode of which world this is.
    #[must_use]
    pub const fn plan(&self) -> EpisodePlan {
        self.plan
    }
    /// The figures of a report, of the episode so far.
    #[must_use]
    pub fn report(&self) -> [(&'static str, f64); 15] {
        self.totals().summary(&self.config().objective)
    }

    /// The whole state as one value.
    pub fn snapshot(&self) -> LaneSnapshot {
        LaneSnapshot {
            instance: self.plan.instance,
            run_seed: self.plan.run_seed,
            episode: self.plan.episode,
            open: self.is_open,
            entries: self.registry.save(&self.world),
        }
    }

    /// Puts a snapshot's state in place of this lane's.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn restore(&mut self, snapshot: &LaneSnapshot) -> Result<(), String> {
        self.plan.run_seed = snapshot.run_seed;
        self.plan.instance = snapshot.instance;
        self.begin(snapshot.episode);
        self.registry.load(&mut self.world, &snapshot.entries)?;
        self.is_open = snapshot.open;
        self.world.resource_scope(|world, mut positions: Mut<'_, PositionViews>| {
            let views = world.resource::<MarketViews>();
            let chain = world.resource::<Chain>();
            positions.rebuild(chain, views.market);
            positions.sweep(views);
            positions.find_at_risk(chain);
        });
        self.world.resource_scope(|world, mut further: Mut<'_, FurtherMarkets>| {
            further.rebuild(world.resource::<Chain>());
        });
        if let Some(mut fork) = self.world.get_resource_mut::<Fork>().map(|f| f.0.clone()) {
            fork.clone_from(self.chain());
            self.world.insert_resource(Fork(fork));
        }
        Ok(())
    }

    /// Ends the episode: keeps its figures, begins the next.
    fn next_episode(&mut self) {
        self.broken = self.broken.take().or_else(|| self.broken_now());
        self.summary.clear();
        let report = self.report();
        self.summary.extend_from_slice(&report);
        match self.next.take() {
            Some((setup, plan)) => {
                (self.setup, self.plan) = (setup, plan);
                self.begin(plan.episode);
            }
            None => self.begin(self.plan.episode + 1),
        }
    }

    fn write_rows(&self, obs: &mut [f32], mask: &mut [f32]) {
        let observations = self.world.resource::<Observations>();
        obs.copy_from_slice(&observations.row);
        match self.spec.action {
            ActionSpace::MultiDiscrete { .. } => mask.copy_from_slice(&observations.mask),
            ActionSpace::Continuous { .. } => action::write_number_mask(&observations.mask, mask),
        }
    }

    /// Writes the observation row and mask of the risk policy as of now, whether or not a decision is due.
    pub fn look_now(&mut self) {
        // A one-off run of a system costs its initialisation; only at the end of an episode.
        self.world
            .run_system_cached(systems::observe::look_now)
            .expect("the world has what an observation reads");
    }
}

impl Environment for Lane {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, episode: u64, obs: &mut [f32], action_mask: &mut [f32]) {
        self.begin(episode);
        self.open_block();
        self.write_rows(obs, action_mask);
    }

    fn step(&mut self, action: &[f32], out: StepOut<'_>) {
        let mut decided = Some(action);
        let (terminated, truncated) = loop {
            let action = decided.take();
            self.guard(|lane| lane.close_block(action));
            let terminated = self.violation().is_some();
            let truncated = !terminated && self.is_over();
            self.open_block();
            if terminated || truncated {
                break (terminated, truncated);
            }
            if self.world.resource::<Observations>().due {
                break (false, false);
            }
        };
        let objective = self.config().objective;
        let (reward, elapsed) = self.world.resource_mut::<RewardState>().collect(&objective);
        *out.reward = reward;
        *out.elapsed_blocks = elapsed;
        *out.terminated = terminated;
        *out.truncated = truncated;
        if terminated || truncated {
            self.look_now();
            out.final_obs.copy_from_slice(&self.world.resource::<Observations>().row);
            self.next_episode();
            self.open_block();
        }
        self.write_rows(out.obs, out.action_mask);
    }

    fn save(&self) -> Vec<u8> {
        let summary: Vec<f64> = self.summary.iter().map(|(_, value)| *value).collect();
        postcard::to_stdvec(&(self.snapshot(), summary)).expect("a snapshot is plain data")
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (snapshot, summary): (LaneSnapshot, Vec<f64>) =
            postcard::from_bytes(bytes).map_err(|e| format!("not a lane's state: {e}"))?;
        self.restore(&snapshot)?;
        let names = EpisodeTotals::SUMMARY.iter().copied();
        self.summary = names.zip(summary).collect();
        Ok(())
    }

    fn episode(&self) -> u64 {
        self.plan.episode
    }

    fn episode_summary(&self) -> &[(&'static str, f64)] {
        &self.summary
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The world's own state that changes during an episode.
fn register_world(registry: &mut SnapshotRegistry) {
    registry.resource::<Chain>("chain");
    registry.resource::<Config>("config");
    registry.resource::<Episode>("episode");
    registry.resource::<BlockGas>("gas");
    registry.resource::<PriceSource>("price source");
    registry.resource::<FairPrices>("fair prices");
    registry.resource::<Exchange>("exchange");
    registry.resource::<Outbox>("outbox");
    registry.resource::<Mempool>("mempool");
    registry.resource::<MarketViews>("market views");
    registry.resource::<FurtherMarkets>("further markets");
    registry.resource::<Perpetuals>("perpetuals");
    registry.resource::<Factors>("factors");
    registry.resource::<Observations>("observations");
    registry.resource::<EpisodeTotals>("totals");
    registry.resource::<RewardState>("reward");
    registry.resource::<TreasuryBook>("treasury");
    registry.resource::<AttackerBooks>("attackers");
    registry.resource::<BlockMetrics>("block metrics");
    registry.resource::<Metrics>("metrics");
    registry.resource::<Stopped>("stopped");
    registry.resource::<BlockDigest>("digest");
    registry.resource::<Decisions>("decisions");
}

/// Derives everything else from what the setup inserted.
fn prepare(world: &mut World, episode: u64) {
    let (chain, config) = (world.resource::<Chain>(), world.resource::<Config>());
    let source = world.resource::<PriceSource>();
    let prices = FairPrices::new(source, chain.assets());
    let market = MarketViews::new(chain, config.market, &prices, config.block_secs);
    let state = Episode { number: episode, genesis_block: chain.clock().block, block: 0 };
    let gas = BlockGas { reference_base_fee: chain.clock().base_fee, background_gas: 0 };
    let attackers = world.get_resource::<AttackerAccounts>();
    let attackers = AttackerBooks::open(chain, &prices, attackers.map_or(&[], |a| &a.0));
    let mut genesis = blake3::Hasher::new_derive_key("ballast genesis v1");
    genesis.update(&chain.state_hash());
    genesis.update(&episode.to_le_bytes());
    let digest = BlockDigest::starting_at(*genesis.finalize().as_bytes());
    let (reserves, heads) = (market.reserves.len(), Heads::of(chain.pooled(market.market)));
    let columns = if config.record_metrics {
        let every = u64::from(config.metrics_every_blocks.max(1));
        let contracts = world.get_resource::<Perpetuals>().map_or(0, |p| p.ids().len());
        let rows = (config.episode_blocks / every + 1) as usize;
        Metrics::with_capacity(reserves, contracts, rows)
    } else {
        Metrics::default()
    };
    let mut positions = PositionViews::default();
    positions.rebuild(chain, market.market);
    positions.sweep(&market);
    let treasury = TreasuryBook::open(chain, &market, positions.shortfall_total_usd);
    let block_secs = config.block_secs;
    world.init_resource::<FurtherMarkets>();
    world.resource_scope(|world, mut further: Mut<'_, FurtherMarkets>| {
        further.open(world.resource::<Chain>(), &prices, block_secs);
    });
    world.init_resource::<Perpetuals>();
    world.resource_scope(|world, mut perpetuals: Mut<'_, Perpetuals>| {
        perpetuals.open(world.resource::<Chain>(), block_secs);
    });
    world.insert_resource(prices);
    world.insert_resource(market);
    world.insert_resource(state);
    world.insert_resource(gas);
    world.insert_resource(attackers);
    world.insert_resource(digest);
    world.insert_resource(columns);
    world.insert_resource(positions);
    world.insert_resource(treasury);
    let books = world.resource::<Exchange>().books().len();
    world.init_resource::<Factors>();
    let factors = world.resource::<Factors>().0.len();
    let perpetuals = world.resource::<Perpetuals>().views().len();
    world.insert_resource(Observations::new(heads, books, perpetuals, factors));
    world.insert_resource(EpisodeTotals::default());
    world.insert_resource(RewardState::default());
    world.insert_resource(BlockMetrics::default());
    world.insert_resource(Stopped::default());
    world.insert_resource(PendingAction::default());
    world.insert_resource(Outbox::default());
    world.insert_resource(Mempool::default());
    world.insert_resource(Tape::default());
    world.init_resource::<Builder>();
    world.init_resource::<Depth>();
    let mut decisions = world.remove_resource::<Decisions>().unwrap_or_default();
    let config = world.resource::<Config>();
    let every = u64::from(config.decision_every_blocks.max(1));
    let most = (config.episode_blocks / every + 1).min(MOST_DECISIONS) as usize;
    decisions.begin(most, heads.count());
    world.insert_resource(decisions);
    look(world);
}

/// Looks at everything about the state as it is, where everything is looked at: the first block then has
/// a state before it.
fn look(world: &mut World) {
    if *world.resource::<Depth>() == Depth::Everything
        && let Err(violation) = world.resource_mut::<Chain>().audit_all()
    {
        world.resource_mut::<Stopped>().0.get_or_insert(violation);
    }
}
