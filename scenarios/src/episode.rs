//! Playing one episode: to its totals, or to the full record of a run.

use crate::aim::Aim;
use crate::arena::{Arena, PathChoice, WorldAddress};
use crate::assemble::Worlds;
use crate::load::Loaded;
use crate::receipts::Receipts;
use crate::reproduction::BrokenWorld;
use crate::schema::{FurtherMarketSpec, PerpetualSpec, Scenario};
use crate::statics::StaticParams;
use crate::table::{Table, Values};
use crate::totals::Totals;
use agents::attack::Attacker;
use agents::policy::RiskPolicy;
use protocols::lending::Pooled;
use serde::Serialize;
use sim::action::Side;
use sim::chain::Digest;
use sim::further::{FurtherMarkets, MarketTotals};
use sim::lane::Lane;
use sim::metrics::Metrics;
use sim::perpetuals::{PerpetualTotals, PerpetualView, Perpetuals};
use sim::tape::TapeHeader;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

/// Blocks between two snapshots on a tape.
const SNAPSHOT_EVERY_BLOCKS: u64 = 600;

/// Why an episode stopped before its end.
#[derive(Debug, thiserror::Error)]
pub enum EpisodeError {
    /// A broken invariant: a fault of the simulator.
    #[error(transparent)]
    Broken(#[from] Box<BrokenWorld>),
    /// The tape could not be written.
    #[error("tape: {0}")]
    Tape(#[from] io::Error),
}

/// What a recorded episode leaves besides its tape.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Sums.
    pub totals: Totals,
    /// Digest before the first block.
    pub start: Digest,
    /// Digest after the last.
    pub end: Digest,
    /// Metrics, a row per block, with lane and episode.
    pub metrics: Vec<Vec<f64>>,
    /// Names of the metrics' columns.
    pub metric_names: Vec<String>,
    /// Receipts.
    pub receipts: Receipts,
    /// What happened in the further markets, in the scenario's order.
    pub further: Vec<FurtherTotals>,
    /// What happened at the perpetual futures, likewise.
    pub perpetuals: Vec<PerpetualRecord>,
}

/// What happened in a lending market beside the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FurtherTotals {
    /// Its name.
    pub market: String,
    /// Liquidations.
    pub liquidations: u64,
    /// Debt that they repaid, in USD.
    pub liquidated_usd: f64,
    /// Debt that no collateral covers at the end, written off or not, in USD.
    pub bad_debt_usd: f64,
}

/// What has happened so far in a lane's markets beside the first.
#[must_use]
pub fn further(lane: &Lane, scenario: &Scenario) -> Vec<FurtherTotals> {
    let markets = lane.world().resource::<FurtherMarkets>();
    let of = |(i, (spec, totals)): (usize, (&FurtherMarketSpec, &MarketTotals))| FurtherTotals {
        market: spec.name.clone(),
        liquidations: totals.liquidations,
        liquidated_usd: totals.liquidated_usd,
        bad_debt_usd: totals.written_off_usd + markets.shortfall_usd(i),
    };
    scenario.markets.iter().zip(markets.totals()).enumerate().map(of).collect()
}

/// What happened at a perpetual future.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PerpetualRecord {
    /// What it is on.
    pub asset: String,
    /// Traded, in USD.
    pub traded_usd: f64,
    /// Largest open interest, in USD.
    pub peak_open_interest_usd: f64,
    /// Liquidations.
    pub liquidations: u64,
    /// What they took over, in USD.
    pub liquidated_usd: f64,
    /// Positions closed against the other side.
    pub deleveraged: u64,
    /// What bankrupt accounts owed, in USD: paid by the insurance fund, borne by the other side, or open at the end.
    pub deficit_usd: f64,
    /// Funding that longs paid to shorts, less what shorts paid to longs, in USD.
    pub funding_usd: f64,
    /// The insurance fund at the end, in USD.
    pub insurance_usd: f64,
}

/// What has happened so far at a lane's perpetual futures.
#[must_use]
pub fn perpetuals(lane: &Lane, scenario: &Scenario) -> Vec<PerpetualRecord> {
    let perpetuals = lane.world().resource::<Perpetuals>();
    let now = perpetuals.views().iter().zip(perpetuals.totals());
    let of =
        |(spec, (view, t)): (&PerpetualSpec, (&PerpetualView, &PerpetualTotals))| PerpetualRecord {
            asset: spec.asset.clone(),
            traded_usd: t.traded_usd,
            peak_open_interest_usd: t.peak_open_interest_usd,
            liquidations: t.liquidations,
            liquidated_usd: t.liquidated_usd,
            deleveraged: t.deleveraged,
            deficit_usd: t.deficit_usd + view.uncovered_usd,
            funding_usd: t.funding_usd,
            insurance_usd: view.insurance_usd,
        };
    scenario.perpetuals.iter().zip(now).map(of).collect()
}

impl Arena for Worlds {
    fn play(
        &self,
        world: WorldAddress,
        statics: &StaticParams,
        policy: &mut dyn RiskPolicy,
    ) -> Result<Totals, Box<BrokenWorld>> {
        let mut lane = self.lane(world, statics.clone(), false);
        policy.reset();
        lane.guard(|lane| {
            lane.run(u64::MAX, Some(&mut |obs, mask, action| policy.act(obs, mask, action)));
        });
        held(&lane, world.path, statics, policy.name())?;
        Ok(totals(&lane))
    }

    fn deployed(&self) -> &Pooled {
        self.deployed_market()
    }

    fn side(&self) -> Side {
        self.held_side()
    }

    fn aim(&self) -> Aim {
        Aim::of(self.scenario())
    }
}

/// Refuses a lane that stopped at a broken invariant.
fn held(
    lane: &Lane,
    path: PathChoice,
    statics: &StaticParams,
    policy: &str,
) -> Result<(), Box<BrokenWorld>> {
    let Some(broken) = lane.broken() else { return Ok(()) };
    let world = BrokenWorld::of(*broken, path, policy.to_owned());
    Err(Box::new(BrokenWorld { statics: statics.clone(), ..world }))
}

/// The totals of a lane's episode so far.
#[must_use]
pub fn totals(lane: &Lane) -> Totals {
    let t = lane.totals();
    Totals {
        objective_usd: lane.config().objective.value(t),
        bad_debt_usd: t.bad_debt_usd(),
        attacker_profit_usd: t.attacker_profit_usd,
        largest_loss_usd: t.largest_protocol_loss_usd,
        liquidated_usd: t.liquidated_usd,
        borrower_loss_usd: t.borrower_losses_usd,
        borrow_usage_usd_years: t.usage_usd_years,
        revenue_usd: t.revenue_usd,
        changes: t.changes as f64,
        blocks: t.blocks,
        transactions: t.transactions,
        reverted: t.reverted,
        liquidations: t.liquidations,
        simulations: simulations(lane),
    }
}

/// Bundles that attackers have simulated in a lane's episode, looks at templates left out.
fn simulations(lane: &Lane) -> u64 {
    let Some(mut query) = lane.world().try_query::<&Attacker>() else { return 0 };
    query.iter(lane.world()).map(|attacker| attacker.simulations).sum()
}

/// What the tape of a scenario's lane says about itself; `window` is the recorded window that is played.
pub(crate) fn tape_header(
    scenario: &str,
    hash: &str,
    window: Option<&str>,
    policy: &str,
) -> TapeHeader {
    let notes = [("path", window.unwrap_or("drawn")), ("policy", policy)];
    TapeHeader {
        scenario: scenario.to_owned(),
        scenario_hash: hash.to_owned(),
        notes: notes.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..TapeHeader::default()
    }
}

/// An episode that is being recorded.
#[derive(Debug)]
pub struct Record {
    start: Digest,
    receipts: Receipts,
}

impl Record {
    /// Begins to record a lane at the start of `world`'s episode; the tape goes to `tape`.
    ///
    /// # Errors
    /// The tape cannot be written.
    pub fn begin(
        lane: &mut Lane,
        loaded: &Loaded,
        world: WorldAddress,
        policy: &str,
        tape: &Path,
    ) -> io::Result<Self> {
        let window = match world.path {
            PathChoice::Drawn => None,
            PathChoice::Window(i) => Some(loaded.windows[i].name.as_str()),
        };
        let header = tape_header(&loaded.scenario.name, &loaded.hash, window, policy);
        let start = lane.digest();
        let sink = BufWriter::new(File::create(tape)?);
        lane.record_to(Box::new(sink), header, SNAPSHOT_EVERY_BLOCKS)?;
        Ok(Self { start, receipts: Receipts::default() })
    }

    /// Keeps the receipts of the block that was closed.
    pub fn block(&mut self, lane: &Lane) {
        let plan = lane.plan();
        self.receipts.collect(plan.instance, plan.episode, lane.chain(), lane.block());
    }

    /// Closes the tape.
    ///
    /// # Errors
    /// It could not be written.
    pub fn finish(self, lane: &mut Lane, loaded: &Loaded) -> io::Result<Recorded> {
        lane.finish_tape()?;
        let symbols: Vec<&str> =
            loaded.scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        Ok(Recorded {
            totals: totals(lane),
            start: self.start,
            end: lane.digest(),
            metrics: lane.world().resource::<Metrics>().columns.clone(),
            metric_names: Metrics::names(&symbols, &crate::perpetuals::symbols(&loaded.scenario)),
            receipts: self.receipts,
            further: further(lane, &loaded.scenario),
            perpetuals: perpetuals(lane, &loaded.scenario),
        })
    }
}

/// Plays an episode with everything recorded; the tape goes to `tape`. `progress` hears every block.
///
/// # Errors
/// A broken invariant, or a tape that cannot be written.
pub fn record(
    worlds: &Worlds,
    loaded: &Loaded,
    world: WorldAddress,
    policy: &mut dyn RiskPolicy,
    tape: &Path,
    progress: &dyn Fn(u64),
) -> Result<Recorded, EpisodeError> {
    let mut lane = worlds.lane(world, StaticParams::default(), true);
    let mut record = Record::begin(&mut lane, loaded, world, policy.name(), tape)?;
    policy.reset();
    lane.guard(|lane| {
        while !lane.is_over() {
            lane.run_decided(Some(&mut |obs, mask, action| policy.act(obs, mask, action)));
            record.block(lane);
            progress(1);
        }
    });
    held(&lane, world.path, &StaticParams::default(), policy.name())?;
    Ok(record.finish(&mut lane, loaded)?)
}

/// The metrics of several lanes as one table, sorted by (lane, block).
#[must_use]
pub fn metrics_table(lanes: &[Recorded]) -> Table {
    let rows = |r: &Recorded| r.metrics.first().map_or(0, Vec::len);
    let ids = lanes.iter().enumerate();
    let lane: Vec<i64> = ids.flat_map(|(i, r)| std::iter::repeat_n(i as i64, rows(r))).collect();
    let episode = vec![0; lane.len()];
    let mut table = Table::default()
        .with("lane", Values::Integers(lane))
        .with("episode", Values::Integers(episode));
    let Some(first) = lanes.first() else { return table };
    for (column, name) in first.metric_names.iter().enumerate() {
        let values = lanes.iter().flat_map(|r| r.metrics[column].iter().copied()).collect();
        table = table.with(name, Values::Numbers(values));
    }
    table
}

/// Receipts of several lanes as one table.
#[must_use]
pub fn receipts_table(lanes: &[Recorded]) -> Table {
    let mut all = Receipts::default();
    for lane in lanes {
        all.append(lane.receipts.clone());
    }
    all.into_table()
}

/// Writes the metrics and receipts of a run.
///
/// # Errors
/// Those of the file system and the writer.
pub fn write_tables(folder: &Path, lanes: &[Recorded]) -> Result<(), crate::manifest::RunError> {
    for (name, table) in
        [("metrics.parquet", metrics_table(lanes)), ("receipts.parquet", receipts_table(lanes))]
    {
        let path = folder.join(name);
        table
            .write(&path)
            .map_err(|source| crate::manifest::RunError::Table { path: path.clone(), source })?;
    }
    Ok(())
}

/// A digest in hexadecimal.
#[must_use]
pub fn hex(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}

/// One digest over several lanes, in lane order; of one lane it is the lane's own.
#[must_use]
pub fn joint_digest(lanes: &[Digest]) -> Digest {
    match lanes {
        [one] => *one,
        many => {
            let mut hasher = blake3::Hasher::new_derive_key("ballast lanes v1");
            for digest in many {
                hasher.update(digest);
            }
            *hasher.finalize().as_bytes()
        }
    }
}
