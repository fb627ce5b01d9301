//! Worlds to be searched for attacks: a scenario's lane after some blocks, or an incident's stage.
//!
//! A scenario's own attackers are put to sleep (they find nothing for a million hours): what is searched is
//! a world in which nobody has attacked. The first of their accounts is the searcher's; where there are
//! none, one is enrolled with gas money only.

mod sentence;
mod staged;
pub mod steps;

pub use sentence::sentence;
pub use staged::{Setting, Staged, Struck};

use crate::arena::{PathChoice, WorldAddress};
use crate::assemble::Worlds;
use crate::episode::{EpisodeError, Recorded, tape_header, totals};
use crate::load::{Loaded, from_text, load};
use crate::problem::Rejected;
use crate::receipts::Receipts;
use crate::schema::Scenario;
use crate::statics::StaticParams;
use agents::attack::play::{Ground, Part};
use markets::units::AccountId;
use sim::actor::{Actor, GasBid, Outbox, Wallet};
use sim::chain::Chain;
use sim::chain::call::{Outcome, Transaction, TxBuffer};
use sim::config::AttackerAccounts;
use sim::lane::Lane;
use sim::metrics::Metrics;
use sim::prices::FairPrices;
use sim::worth::Fair;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

/// Blocks between two snapshots on a tape.
const SNAPSHOT_EVERY_BLOCKS: u64 = 600;
/// What the searcher offers the builder above the base fee, in wei per gas: first among those that pay.
const TIP: u64 = 100_000_000_000;

/// Pending transactions that a search sees.
const MOST_PENDING: usize = 8;

/// What a transaction pays the builder per gas, in wei; `None` where it offers less than the base fee.
fn tip(chain: &Chain, tx: &Transaction<'_>) -> Option<u64> {
    let header = tx.header;
    let fee = chain.effective_fee(header.max_fee_per_gas, header.max_priority_fee_per_gas)?;
    Some(fee - chain.clock().base_fee)
}

/// Loads a scenario with its attackers asleep, and with one where it has none; with `contract` the searcher has a
/// second account, whatever the scenario says.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn quiet(path: &Path, overrides: &[String], contract: bool) -> Result<Loaded, Rejected> {
    let loaded = load(path, overrides)?;
    let mut set = overrides.to_vec();
    set.extend(asleep(&loaded.scenario));
    set.extend(contract.then(|| "agents.attackers.0.contract=true".to_owned()));
    load(path, &set)
}

/// The same of a scenario that is loaded.
pub(crate) fn quieted(loaded: &Loaded) -> Result<Loaded, Rejected> {
    from_text(&loaded.path, &loaded.text, &asleep(&loaded.scenario))
}

/// The overrides that put a scenario's attackers to sleep, and one in where it has none. Held-out worlds are left
/// out: nobody is judged, and what they keep from training may be an attacker.
fn asleep(s: &Scenario) -> Vec<String> {
    let held_out = !s.evaluate.held_out.is_empty();
    let all = held_out.then(|| "evaluate.held_out=[]".to_owned()).into_iter();
    let attackers = s.agents.attackers.len();
    if attackers > 0 {
        let asleep = |i| format!("agents.attackers.{i}.discovery_hours=1000000.0");
        return all.chain((0..attackers).map(asleep)).collect();
    }
    let symbols: Vec<&str> = s.market.reserves.iter().map(|r| r.asset.as_str()).collect();
    // A collateral without a pool's price is nothing that the scripted one could attack.
    let (first, other) = (symbols.first(), symbols.get(1).or(symbols.first()));
    let searcher = first.zip(other).map(|(collateral, loot)| {
        format!(
            "agents.attackers=[(cohort: \"searcher\", collateral: \"{collateral}\", loot: \
             [\"{loot}\"], accounts: 1, capital_tokens: 0.0, discovery_hours: 1000000.0)]"
        )
    });
    all.chain(searcher).collect()
}

/// A lane that has been played up to the block to search, half open.
pub struct Hunt {
    lane: Lane,
    actor: Actor,
    account: AccountId,
    receipts: Receipts,
    start: sim::chain::Digest,
}

impl Hunt {
    /// Plays a scenario's world for so many blocks, taped, and opens the next.
    ///
    /// # Errors
    /// A tape that cannot be written.
    pub fn begin(
        worlds: &Worlds,
        loaded: &Loaded,
        seed: u64,
        blocks: u64,
        tape: &Path,
    ) -> Result<Self, EpisodeError> {
        let mut hunt = Self::at_start(worlds, seed, true);
        let header = tape_header(&loaded.scenario.name, &loaded.hash, None, "hold");
        let sink = BufWriter::new(File::create(tape)?);
        hunt.lane.record_to(Box::new(sink), header, SNAPSHOT_EVERY_BLOCKS)?;
        hunt.play(blocks);
        hunt.open();
        Ok(hunt)
    }

    /// The same, with nothing recorded.
    #[must_use]
    pub fn untaped(worlds: &Worlds, seed: u64, blocks: u64) -> Self {
        let mut hunt = Self::at_start(worlds, seed, false);
        hunt.play(blocks);
        hunt.open();
        hunt
    }

    fn at_start(worlds: &Worlds, seed: u64, record_metrics: bool) -> Self {
        let world = WorldAddress { seed, instance: 0, path: PathChoice::Drawn };
        let lane = worlds.lane(world, StaticParams::default(), record_metrics);
        let start = lane.digest();
        let account = lane.world().get_resource::<AttackerAccounts>();
        let account = account.and_then(|accounts| accounts.0.first()).copied();
        let account = account.expect("Invariant: a quiet scenario has an attacker");
        // Nobody's: it orders ties behind everybody's.
        let actor = Actor { id: u32::MAX - 1, key: 0 };
        Self { lane, actor, account, receipts: Receipts::default(), start }
    }

    /// Opens the next block, to be searched.
    pub fn open(&mut self) {
        self.lane.open_block();
    }

    /// Plays whole blocks, unless the episode ends before.
    pub fn play(&mut self, blocks: u64) {
        for _ in 0..blocks {
            if self.lane.is_over() {
                return;
            }
            self.lane.run_block();
            self.receipts.collect(0, 0, self.lane.chain(), self.lane.block());
        }
    }

    /// What is searched: the chain as participants see it in the open block. An attack may let `wait_blocks`
    /// blocks go by at a time, if any; with `mempool` it sees the transactions that wait for this block
    /// (the dearest eight) and may stand before and behind them.
    #[must_use]
    pub fn ground(&self, wait_blocks: u32, mempool: bool) -> Ground {
        let chain = self.lane.chain().clone();
        let fair = Fair::new(&chain, &self.lane.world().resource::<FairPrices>().fair);
        Ground {
            fair,
            attacker: self.account,
            pending: if mempool { self.waiting() } else { TxBuffer::default() },
            block_secs: u64::from(self.lane.config().block_secs),
            wait_blocks,
            chain,
        }
    }

    /// What waits for the open block and can be stood before: the world's own transactions come first anyway.
    fn waiting(&self) -> TxBuffer {
        let chain = self.lane.chain();
        let all = self.lane.world().resource::<Outbox>().transactions.iter();
        let mut bids: Vec<(u64, Transaction<'_>)> = all
            .filter(|tx| !tx.header.system)
            .filter_map(|tx| Some((tip(chain, &tx)?, tx)))
            .collect();
        // Stable: of equal bids in the order of submission.
        bids.sort_by_key(|(tip, _)| std::cmp::Reverse(*tip));
        let mut waiting = TxBuffer::default();
        for (_, tx) in bids.into_iter().take(MOST_PENDING) {
            waiting.push(*tx.header, tx.calls);
        }
        waiting
    }

    /// Submits an attack's transactions, those that come first in the open block, and closes it, and as many
    /// blocks as it waits; whether all of them succeeded. `pending` is what the attack saw: what comes behind
    /// one of these offers as much as it does.
    pub fn strike(&mut self, parts: &[Part], pending: &TxBuffer) -> bool {
        let (mut succeeded, mut bid) = (0, TIP);
        for (i, part) in parts.iter().enumerate() {
            let base_fee = self.lane.chain().clock().base_fee;
            let gas = GasBid {
                // Liquidity that others take in the same block can make a call dearer.
                limit: part.gas + part.gas / 5,
                max_fee_per_gas: base_fee + bid,
                max_priority_fee_per_gas: bid,
            };
            let (actor, account) = (self.actor, self.account);
            let mut outbox = self.lane.world_mut().resource_mut::<Outbox>();
            outbox.submit(&actor, Wallet(account), gas, &part.calls);
            if let Some(passed) = part.then_pending {
                let passed = tip(self.lane.chain(), &pending.get(passed as usize));
                bid = bid.min(passed.unwrap_or_default());
            }
            if part.then_wait > 0 && i + 1 < parts.len() {
                succeeded += self.close();
                self.play(u64::from(part.then_wait) - 1);
                if self.lane.is_over() {
                    return false;
                }
                self.open();
                bid = TIP;
            }
        }
        succeeded += self.close();
        succeeded == parts.len()
    }

    /// Closes the open block; how many of the searcher's transactions succeeded in it.
    fn close(&mut self) -> usize {
        self.lane.close_block(None);
        self.receipts.collect(0, 0, self.lane.chain(), self.lane.block());
        let mine = self.lane.block().included().filter(|(tx, _)| tx.header.sender == self.account);
        mine.filter(|(_, receipt)| receipt.outcome == Outcome::Success).count()
    }

    /// The lane.
    #[must_use]
    pub const fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Closes the tape and gives what a run's tables are made of.
    ///
    /// # Errors
    /// A tape that cannot be written.
    pub fn finish(mut self, loaded: &Loaded) -> Result<Recorded, EpisodeError> {
        self.lane.finish_tape()?;
        let symbols: Vec<&str> =
            loaded.scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        Ok(Recorded {
            totals: totals(&self.lane),
            start: self.start,
            end: self.lane.digest(),
            metrics: self.lane.world().resource::<Metrics>().columns.clone(),
            metric_names: Metrics::names(&symbols, &crate::perpetuals::symbols(&loaded.scenario)),
            further: crate::episode::further(&self.lane, &loaded.scenario),
            perpetuals: crate::episode::perpetuals(&self.lane, &loaded.scenario),
            receipts: self.receipts,
        })
    }
}
