//! A recording: a tape, executed again without its participants.

use super::recorder::{Moment, Recorder};
use crate::frame::{Frame, Origin};
use crate::worker::Source;
use sim::chain::call::Call;
use sim::config::{AttackerAccounts, Config};
use sim::lane::Lane;
use sim::mempool::{Executed, Mempool};
use sim::prices::FairPrices;
use sim::reward::EpisodeTotals;
use sim::score::{AttackerBooks, TreasuryBook, score};
use sim::tape::{Player, TapeReader};
use sim::views::{MarketViews, PositionViews};
use std::collections::{BTreeMap, BTreeSet};

/// What a tape does not say about its world: the constants of the episode.
#[derive(Debug)]
pub struct TapeWorld {
    config: Config,
    prices: FairPrices,
    attackers: AttackerAccounts,
}

impl TapeWorld {
    /// From a lane of the scenario that was recorded, at the start of the recorded episode.
    #[must_use]
    pub fn of(lane: &Lane) -> Self {
        let world = lane.world();
        Self {
            config: lane.config().clone(),
            prices: world.resource::<FairPrices>().clone(),
            attackers: world.get_resource::<AttackerAccounts>().cloned().unwrap_or_default(),
        }
    }
}

/// A tape that is played. Totals are scored anew from the replayed blocks by the functions that scored
/// the run, to within rounding: usage misses the interest of the block that is being scored.
pub struct TapeSource {
    player: Player<'static>,
    genesis: u64,
    world: TapeWorld,
    score: Score,
    recorder: Recorder,
    /// Blocks after which the tape has a snapshot.
    snapshots: BTreeSet<u64>,
    /// The score after those of them that have been played.
    kept: BTreeMap<u64, Score>,
}

impl std::fmt::Debug for TapeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TapeSource").field("block", &self.player.block()).finish_non_exhaustive()
    }
}

/// The books that totals are kept in.
#[derive(Clone)]
struct Score {
    market: MarketViews,
    positions: PositionViews,
    treasury: TreasuryBook,
    attackers: AttackerBooks,
    totals: EpisodeTotals,
    objective_usd: f64,
}

impl TapeSource {
    /// Plays a tape from its genesis; `policy` names who managed the risk parameters.
    ///
    /// # Errors
    /// The tape's first snapshot does not decode.
    pub fn new(tape: TapeReader, mut world: TapeWorld, policy: &str) -> Result<Self, String> {
        let header = tape.header().clone();
        let genesis = tape.first_block();
        let last = tape.last_block() - genesis;
        let snapshots = tape.snapshot_blocks().map(|block| block - genesis).collect();
        let player = tape.into_player().map_err(|error| error.to_string())?;
        world.prices.fair.clone_from(&player.record().prices);
        world.config.episode_blocks = last;
        let score = Score::open(&player, &world);
        let frame = Frame {
            scenario: header.scenario,
            policy: policy.to_owned(),
            episode: header.episode,
            ..Frame::default()
        };
        let recorder = Recorder::new(&moment(&player, &world, &score), frame);
        let kept = BTreeMap::from([(0, score.clone())]);
        Ok(Self { player, genesis, world, score, recorder, snapshots, kept })
    }
}

fn moment<'a>(player: &'a Player<'static>, world: &'a TapeWorld, score: &'a Score) -> Moment<'a> {
    Moment {
        chain: player.chain(),
        prices: &world.prices,
        config: &world.config,
        attackers: &world.attackers,
        totals: &score.totals,
        objective_usd: score.objective_usd,
    }
}

impl Score {
    fn open(player: &Player<'static>, world: &TapeWorld) -> Self {
        let TapeWorld { config, prices, attackers } = world;
        let chain = player.chain();
        let market = MarketViews::new(chain, config.market, prices, config.block_secs);
        let mut positions = PositionViews::default();
        positions.rebuild(chain, market.market);
        positions.sweep(&market);
        let treasury = TreasuryBook::open(chain, &market, positions.shortfall_total_usd);
        let attackers = AttackerBooks::open(chain, prices, &attackers.0);
        let totals = EpisodeTotals::default();
        Self { market, positions, treasury, attackers, totals, objective_usd: 0.0 }
    }

    /// Adds the block that was just played.
    fn block(&mut self, player: &Player<'static>, world: &TapeWorld) {
        let TapeWorld { config, prices, attackers: _ } = world;
        let chain = player.chain();
        let Self { market, positions, treasury, attackers, totals, objective_usd } = self;
        let mut block = Mempool { pending: player.transactions().clone(), ..Mempool::default() };
        for (index, receipt) in player.receipts().iter().enumerate() {
            block.executed.push(Executed { index: index as u32, receipt: *receipt });
        }
        // Usage counts what was owed before the block's transactions, at the block's prices.
        for view in &mut market.reserves {
            view.mid_usd = prices.usd(view.asset);
        }
        score(config, chain, prices, &block, market, totals);
        market.project(chain, prices);
        // Everybody is read anew: a window has the time.
        positions.rebuild(chain, market.market);
        positions.sweep(market);
        for (transaction, _) in block.included() {
            positions.touch(transaction.header.sender);
            for call in transaction.calls {
                if let Call::Settle { trader: account, .. } | Call::Transfer { to: account, .. } =
                    call
                {
                    positions.touch(*account);
                }
            }
        }
        totals.latent_bad_debt_usd = positions.shortfall_total_usd - treasury.latent_at_start_usd;
        totals.revenue_usd += treasury.collect(chain, market);
        totals.attacker_profit_usd += attackers.settle(chain, prices, market, positions);
        totals.mark_equity();
        *objective_usd = config.objective.value(totals);
    }
}

impl Source for TapeSource {
    fn step(&mut self) -> Result<bool, String> {
        if !self.player.step().map_err(|error| error.to_string())? {
            return Ok(false);
        }
        let block = self.block();
        self.world.prices.fair.clone_from(&self.player.record().prices);
        self.score.block(&self.player, &self.world);
        let moment = moment(&self.player, &self.world, &self.score);
        let included = self.player.transactions().iter().zip(self.player.receipts());
        self.recorder.block(&moment, block, included);
        if self.snapshots.contains(&block) {
            self.kept.entry(block).or_insert_with(|| self.score.clone());
        }
        Ok(true)
    }

    fn rewind(&mut self, block: u64) -> Result<(), String> {
        let last = self.player.tape().last_block() - self.genesis;
        let (block, now) = (block.min(last), self.block());
        let Some((at, score)) = self.kept.range(..=block).next_back() else {
            return Err("there is no state to go back to".to_owned());
        };
        if now <= block && *at <= now {
            return Ok(());
        }
        self.player.rewind(self.genesis + at).map_err(|error| error.to_string())?;
        self.world.prices.fair.clone_from(&self.player.record().prices);
        self.score = score.clone();
        self.recorder.go_to(&moment(&self.player, &self.world, &self.score), *at);
        Ok(())
    }

    fn block(&self) -> u64 {
        self.player.block() - self.genesis
    }

    fn inspect(&mut self, account: Option<u32>) {
        self.recorder.inspect(account);
    }

    fn frame(&mut self) -> Frame {
        self.recorder.frame(self.player.chain(), Origin::Recording)
    }
}
