//! From a checked scenario to worlds: a [`LaneSetup`] per (path, static parameters).

use crate::among::turn;
use crate::arena::{PathChoice, WorldAddress};
use crate::factors::Series;
use crate::genesis::{AssembleError, Genesis, genesis};
use crate::load::Loaded;
use crate::paths::{Path, Paths};
use crate::positions::{Placing, Snapshot, Tending, place};
use crate::problem::Problem;
use crate::schema::{AssetSpec, PositionsSpec, Scenario, TrainSpec};
use crate::statics::StaticParams;
use agents::attack::mind::{Mind, drawn};
use agents::attack::{Assailant, Template, Templates};
use agents::partner::Partner;
use agents::scripted::borrower;
use agents::scripted::liquidator::mind;
use bevy_ecs::prelude::*;
use markets::units::MarketId;
use protocols::lending::Pooled;
use sim::action::Side;
use sim::audit::Depth;
use sim::chain::Chain;
use sim::config::{AttackerAccounts, Config, Episode};
use sim::environment::Environment;
use sim::exchange::{Exchange, Listing};
use sim::further::FurtherMarkets;
use sim::lane::{EpisodePlan, Lane, LaneSetup};
use sim::lanes::Lanes;
use sim::perpetuals::Perpetuals;
use sim::prices::{FairPrices, PriceSource};
use sim::rng::Streams;
use sim::snapshot::SnapshotRegistry;
use std::sync::Arc;

/// All worlds of a scenario.
#[derive(Clone, Debug)]
pub struct Worlds {
    shared: Arc<Shared>,
    /// Scenarios whose worlds are drawn among its own.
    among: Arc<[Arc<Shared>]>,
    deployed: Arc<Pooled>,
    audit: Depth,
    opponents: Option<Arc<Opponents>>,
    liquidator: Option<Arc<mind::Mind>>,
    templates: Templates,
}

/// Who may sit in the attackers' seat; one is drawn for each episode.
#[derive(Debug)]
struct Opponents {
    /// Chances, which sum to one, and who.
    mixture: Vec<(f64, Assailant)>,
    idle_blocks: u64,
}

impl Opponents {
    /// The one that the episode's address names.
    fn met(&self, plan: &EpisodePlan, world: &World) -> Option<&Assailant> {
        let chances = self.mixture.iter().map(|(chance, _)| *chance);
        let met = drawn(world.resource::<Streams>(), plan.episode, chances);
        self.mixture.get(met).map(|(_, assailant)| assailant)
    }

    /// Lets it enter the world.
    fn enter(&self, plan: &EpisodePlan, world: &mut World) {
        if let Some(assailant) = self.met(plan, world) {
            Mind::enter(world, assailant, self.idle_blocks);
        }
    }
}

#[derive(Debug)]
struct Shared {
    scenario: Scenario,
    paths: Paths,
    snapshots: Vec<Snapshot>,
    series: Vec<Series>,
    /// Who holds the heads that the policy leaves.
    partner: Option<Partner>,
}

impl Shared {
    fn new(loaded: &Loaded) -> Arc<Self> {
        let (scenario, snapshots) = (loaded.scenario.clone(), loaded.snapshots.clone());
        let series = loaded.series.clone();
        let partner = loaded.other.as_ref().map(|o| Partner::new(o.policy.clone(), o.side));
        Arc::new(Self { scenario, paths: Paths::new(loaded), snapshots, series, partner })
    }
}

/// What a lane of this scenario is built from.
#[derive(Clone, Debug)]
struct Setup {
    shared: Arc<Shared>,
    among: Arc<[Arc<Shared>]>,
    path: PathChoice,
    statics: StaticParams,
    record_metrics: bool,
    opponents: Option<Arc<Opponents>>,
    /// Who takes the place of the first liquidator.
    liquidator: Option<Arc<mind::Mind>>,
    templates: Templates,
}

impl Worlds {
    /// The worlds of a scenario; one is built on trial, so that a lane cannot fail later.
    ///
    /// # Errors
    /// What the checks could not see: prices that overflow, a pool that cannot be filled.
    pub fn new(loaded: &Loaded) -> Result<Self, AssembleError> {
        let shared = Shared::new(loaded);
        let streams = Streams::new(0, 0);
        let mut deployed = None;
        let windows = (0..loaded.windows.len()).map(PathChoice::Window);
        for choice in [PathChoice::Drawn].into_iter().chain(windows) {
            let setup = Setup {
                shared: Arc::clone(&shared),
                among: Arc::new([]),
                path: choice,
                statics: StaticParams::default(),
                record_metrics: false,
                opponents: None,
                liquidator: None,
                templates: Templates::default(),
            };
            let mut world = World::new();
            world.insert_resource(streams.clone());
            let plan = EpisodePlan { run_seed: 0, instance: 0, episode: 0 };
            let market = setup.try_build(&plan, &mut world)?;
            deployed.get_or_insert(market);
        }
        let deployed = deployed.expect("the first choice was built");
        let (deployed, audit) = (Arc::new(deployed), Depth::default());
        let among = loaded.among.iter().map(Shared::new).collect();
        let (liquidator, templates) =
            (loaded.liquidator.clone().map(Arc::new), Templates::default());
        Ok(Self { shared, among, deployed, audit, opponents: None, liquidator, templates })
    }

    /// The same worlds, with so much looked at after every block of every lane.
    #[must_use]
    pub fn with_audit(mut self, audit: Depth) -> Self {
        self.audit = audit;
        self
    }

    /// The same worlds, where one of these, drawn by its chance for each episode, sits in the attackers' seat
    /// after `idle_blocks`.
    #[must_use]
    pub fn against(mut self, mixture: Vec<(f64, Assailant)>, idle_blocks: u64) -> Self {
        self.opponents = Some(Arc::new(Opponents { mixture, idle_blocks }));
        self
    }

    /// The same worlds, where this liquidator takes the place of the first.
    #[must_use]
    pub fn liquidated_by(mut self, liquidator: mind::Mind) -> Self {
        self.liquidator = Some(Arc::new(liquidator));
        self
    }

    /// The same worlds, where whoever sits in the attackers' seat may choose among these templates.
    #[must_use]
    pub fn with_templates(mut self, templates: impl IntoIterator<Item = Template>) -> Self {
        self.templates = Templates(templates.into_iter().collect());
        self
    }

    /// The templates of the attackers' seat.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        &self.templates.0
    }

    /// The same attackers, the same liquidator and the same looks in the worlds of another scenario, and of no further ones.
    #[must_use]
    pub fn varied(&self, loaded: &Loaded) -> Self {
        Self { shared: Shared::new(loaded), among: Arc::new([]), ..self.clone() }
    }

    /// The market as deployed, before its first block.
    #[must_use]
    pub fn deployed_market(&self) -> &Pooled {
        &self.deployed
    }

    /// What they are worlds of.
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.shared.scenario
    }

    /// Which heads policies hold.
    #[must_use]
    pub fn held_side(&self) -> Side {
        self.shared.scenario.side()
    }

    /// Blocks between two decisions of the risk policy.
    #[must_use]
    pub fn decision_every_blocks(&self) -> u32 {
        self.shared.scenario.decision_every_blocks
    }

    /// The position of a window by name.
    #[must_use]
    pub fn window(&self, name: &str) -> Option<usize> {
        self.shared.paths.window(name)
    }

    /// The setup of lanes on a path with given parameters.
    #[must_use]
    pub fn setup(
        &self,
        path: PathChoice,
        statics: StaticParams,
        record_metrics: bool,
    ) -> Arc<dyn LaneSetup> {
        let (shared, opponents) = (Arc::clone(&self.shared), self.opponents.clone());
        let (among, templates) = (Arc::clone(&self.among), self.templates.clone());
        let liquidator = self.liquidator.clone();
        Arc::new(Setup {
            shared,
            among,
            path,
            statics,
            record_metrics,
            opponents,
            liquidator,
            templates,
        })
    }

    /// A lane at the start of a world's episode.
    #[must_use]
    pub fn lane(&self, world: WorldAddress, statics: StaticParams, record_metrics: bool) -> Lane {
        let setup = self.setup(world.path, statics, record_metrics);
        let WorldAddress { seed, instance, path: _ } = world;
        self.begin(setup, EpisodePlan { run_seed: seed, instance, episode: 0 })
    }

    fn begin(&self, setup: Arc<dyn LaneSetup>, plan: EpisodePlan) -> Lane {
        let mut lane = Lane::new(setup, plan);
        lane.set_audit(self.audit);
        lane
    }

    /// Lanes that play drawn paths, instance by instance.
    #[must_use]
    pub fn training_lanes(&self, seed: u64, lanes: u32) -> Lanes<Lane> {
        let setup = self.setup(PathChoice::Drawn, StaticParams::default(), false);
        let lane = |instance: u64| {
            let plan = EpisodePlan { run_seed: seed, instance, episode: 0 };
            self.taught(self.begin(Arc::clone(&setup), plan))
        };
        Lanes::new((0..u64::from(lanes)).map(lane).collect(), true)
    }

    /// Lets whoever sits in these worlds' attackers' seat ([`Worlds::against`]), and their liquidator
    /// ([`Worlds::liquidated_by`]), take over in lanes that learn among others: in the episodes that they are in, and in
    /// all that follow, on drawn paths with the parameters as deployed.
    pub fn relieve<'a>(&self, lanes: impl Iterator<Item = &'a mut Lane>) {
        let setup = self.setup(PathChoice::Drawn, StaticParams::default(), false);
        for lane in lanes {
            if let Some(opponents) = &self.opponents
                && let Some(assailant) = opponents.met(&lane.plan(), lane.world())
            {
                Mind::relieve(lane.world_mut(), assailant);
            }
            if let Some(liquidator) = &self.liquidator {
                liquidator.enter(lane.world_mut());
            }
            lane.set_setup(Arc::clone(&setup));
        }
    }

    /// A lane as its learner plays it: by choices, or by numbers where the scenario trains such a policy.
    #[must_use]
    pub(crate) fn taught(&self, lane: Lane) -> Lane {
        let by_numbers = self.scenario().train.as_ref().is_some_and(TrainSpec::by_numbers);
        if by_numbers { lane.by_numbers() } else { lane }
    }

    /// Shapes of every lane that a policy learns in.
    #[must_use]
    pub fn spec(&self) -> sim::environment::Spec {
        let world = WorldAddress { seed: 0, instance: 0, path: PathChoice::Drawn };
        self.taught(self.lane(world, StaticParams::default(), false)).spec().clone()
    }
}

impl Setup {
    /// Which scenario an episode is of; a recorded window is its own.
    fn drawn(&self, plan: &EpisodePlan) -> &Shared {
        match (self.path, turn(plan.instance, plan.episode, self.among.len())) {
            (PathChoice::Window(_), _) | (PathChoice::Drawn, 0) => &self.shared,
            (PathChoice::Drawn, turn) => &self.among[turn - 1],
        }
    }

    /// Builds the world; returns the market as it stands before the first block.
    fn try_build(&self, plan: &EpisodePlan, world: &mut World) -> Result<Pooled, AssembleError> {
        let (streams, shared) = (world.resource::<Streams>(), self.drawn(plan));
        let path = shared.paths.path(self.path, streams, plan.episode)?;
        let (s, snapshots) = (&shared.scenario, &shared.snapshots);
        let scale = scale(s, path.joint.start_prices());
        let is_held = !scale.is_empty() || !self.statics.0.is_empty();
        let place =
            |world: &mut World, market| place_all(s, snapshots, (&scale, is_held), market, world);
        self.try_build_with(path, plan, world, place)
    }

    /// As [`Setup::try_build`], on prices that are known; `place` enters what is there before the
    /// borrowers come.
    fn try_build_with(
        &self,
        path: Path,
        plan: &EpisodePlan,
        world: &mut World,
        place: impl FnOnce(&mut World, MarketId) -> Result<(), AssembleError>,
    ) -> Result<Pooled, AssembleError> {
        let shared = self.drawn(plan);
        let s = &shared.scenario;
        let Genesis { chain, market, assets, pools, feeds, other_feeds, further, perpetuals } =
            genesis(s, &path, &self.statics)?;
        let pooled = chain.pooled(market).clone();
        let listings: Vec<Listing> = s
            .exchange
            .listings
            .iter()
            .filter_map(|l| {
                Some(Listing {
                    asset: chain.asset_by_symbol(&l.asset)?,
                    half_spread_bps: l.half_spread_bps,
                    taker_fee_bps: l.taker_fee_bps,
                    depth_usd: l.depth_usd,
                })
            })
            .collect();
        let background = s.gas.background_percent / 100.0 * chain.clock().gas_limit as f64;
        world.insert_resource(Config {
            block_secs: s.block_secs,
            episode_blocks: path.blocks,
            decision_every_blocks: s.decision_every_blocks,
            background_gas: background as u64,
            market,
            objective: s.objective,
            record_metrics: self.record_metrics,
            metrics_every_blocks: 1,
        });
        world.insert_resource(Episode {
            number: plan.episode,
            genesis_block: chain.clock().block,
            block: 0,
        });
        let mut exchange = Exchange::new(
            &listings,
            chain.assets().len(),
            s.exchange.impact_half_life_secs,
            s.block_secs,
            s.exchange.impact_enabled,
        );
        crate::books::list(s, &assets, path.joint.start_prices(), &mut exchange);
        world.insert_resource(exchange);
        let source = PriceSource { joint: path.joint, assets };
        world.insert_resource(FairPrices::new(&source, chain.assets()));
        world.insert_resource(source);
        world.insert_resource(chain);
        // The last episode may have been another scenario's.
        world.insert_resource(AttackerAccounts::default());
        world.insert_resource(crate::factors::begin(s, &shared.series, path.start));
        world.insert_resource(FurtherMarkets::new(further.iter().map(|f| f.market).collect()));
        world.insert_resource(Perpetuals::new(perpetuals.clone()));
        let handles = crate::cohorts::Handles {
            market,
            pools: &pools,
            feeds: &feeds,
            other_feeds: &other_feeds,
            further: &further,
        };
        crate::cohorts::spawn(s, &handles, world, place)?;
        crate::books::spawn(s, world);
        crate::perpetuals::spawn(s, &perpetuals, world)?;
        world.insert_resource(s.side());
        if let Some(partner) = &shared.partner {
            world.insert_resource(partner.clone());
        }
        if let Some(liquidator) = &self.liquidator {
            liquidator.enter(world);
        }
        world.insert_resource(self.templates.clone());
        if let Some(opponents) = &self.opponents {
            opponents.enter(plan, world);
        }
        Ok(pooled)
    }
}

/// Whole tokens for one of a snapshot, where an episode does not open at the scenario's prices.
fn scale(s: &Scenario, opening: &[f64]) -> Vec<(String, f64)> {
    let of = |(asset, opening): (&AssetSpec, &f64)| {
        (asset.symbol.clone(), asset.start_price_usd / opening)
    };
    let scale: Vec<_> = s.assets.iter().zip(opening).map(of).collect();
    if scale.iter().all(|(_, scale)| *scale == 1.0) { Vec::new() } else { scale }
}

/// How a snapshot enters.
fn placing<'a>(
    spec: &'a PositionsSpec,
    snapshot: &'a Snapshot,
    scale: &'a [(String, f64)],
    is_held: bool,
) -> Placing<'a> {
    Placing { name: &spec.name, snapshot, above_ltv: spec.above_ltv, scale, is_held }
}

/// Enters all snapshots; those of one that are to be tended get a borrower each.
fn place_all(
    s: &Scenario,
    snapshots: &[Snapshot],
    (scale, is_held): (&[(String, f64)], bool),
    market: MarketId,
    world: &mut World,
) -> Result<(), AssembleError> {
    for (spec, snapshot) in s.positions.iter().zip(snapshots) {
        let placing = placing(spec, snapshot, scale, is_held);
        let placed = place(&mut world.resource_mut::<Chain>(), market, &placing);
        let accounts = placed.map_err(|refused| {
            let first = refused[0];
            AssembleError::Positions {
                file: spec.csv.clone(),
                line: snapshot.rows[first.row].line,
                reason: first.reason,
            }
        })?;
        if let Tending::Borrowers(config) = &spec.behaviour {
            borrower::adopt(world, market, config, &accounts)?;
        }
    }
    Ok(())
}

/// What the market does not take of the scenario's positions at its start prices, as problems of their
/// files.
pub(crate) fn refused_positions(loaded: &Loaded) -> Vec<Problem> {
    if loaded.snapshots.is_empty() {
        return Vec::new();
    }
    let shared = Shared::new(loaded);
    let Ok(path) = shared.paths.opening() else { return Vec::new() };
    let setup = Setup {
        shared,
        among: Arc::new([]),
        path: PathChoice::Drawn,
        statics: StaticParams::default(),
        record_metrics: false,
        opponents: None,
        liquidator: None,
        templates: Templates::default(),
    };
    let s = &setup.shared.scenario;
    let mut world = World::new();
    world.insert_resource(Streams::new(0, 0));
    let plan = EpisodePlan { run_seed: 0, instance: 0, episode: 0 };
    let mut problems = Vec::new();
    let scale = scale(s, path.joint.start_prices());
    // One after the other, each on what the ones before it left.
    let built = setup.try_build_with(path, &plan, &mut world, |world, market| {
        for (spec, snapshot) in s.positions.iter().zip(&setup.shared.snapshots) {
            let placing = placing(spec, snapshot, &scale, false);
            if let Err(refused) = place(&mut world.resource_mut::<Chain>(), market, &placing) {
                problems.extend(snapshot.explain(&refused));
            }
        }
        Ok(())
    });
    // What else keeps a world from being built is `Worlds::new`'s to say.
    drop(built);
    problems
}

impl LaneSetup for Setup {
    fn build(&self, plan: &EpisodePlan, world: &mut World) {
        if let Err(error) = self.try_build(plan, world) {
            panic!("Invariant: a checked scenario builds: {error}");
        }
    }
    fn install(&self, open: &mut Schedule, close: &mut Schedule) {
        agents::install(open, close);
    }
    fn register(&self, registry: &mut SnapshotRegistry) {
        agents::register(registry);
    }
}
