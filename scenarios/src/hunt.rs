//! Worlds to be searched for attacks: a scenario's lane after some blocks, or an incident's stage.
//!
//! A scenario's own attackers are put to sleep (they find nothing for a million hours): what is searched is
//! a world in which nobody has attacked. The first of their accounts is the searcher's; where there are
//! none, one is enrolled with gas money only.

use crate::arena::{PathChoice, WorldAddress};
use crate::assemble::Worlds;
use crate::episode::{EpisodeError, Recorded, tape_header, totals};
use crate::incident;
use crate::load::{Loaded, load};
use crate::problem::Rejected;
use crate::receipts::Receipts;
use crate::statics::StaticParams;
use agents::attack::play::{Ground, Part};
use markets::units::AccountId;
use sim::actor::{Actor, GasBid, Outbox, Wallet};
use sim::chain::call::{Outcome, TxBuffer};
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

/// Loads a scenario with its attackers asleep, and with one where it has none.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn quiet(path: &Path, overrides: &[String]) -> Result<Loaded, Rejected> {
    let loaded = load(path, overrides)?;
    let mut set = overrides.to_vec();
    let attackers = loaded.scenario.agents.attackers.len();
    set.extend((0..attackers).map(|i| format!("agents.attackers.{i}.discovery_hours=1000000.0")));
    if attackers == 0 {
        let symbols: Vec<&str> =
            loaded.scenario.market.reserves.iter().map(|r| r.asset.as_str()).collect();
        // A collateral without a pool's price is nothing that the scripted one could attack.
        let (first, other) = (symbols.first(), symbols.get(1).or(symbols.first()));
        if let (Some(collateral), Some(loot)) = (first, other) {
            set.push(format!(
                "agents.attackers=[(cohort: \"searcher\", collateral: \"{collateral}\", loot: \
                 [\"{loot}\"], accounts: 1, capital_tokens: 0.0, discovery_hours: 1000000.0)]"
            ));
        }
    }
    load(path, &set)
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
        let world = WorldAddress { seed, instance: 0, path: PathChoice::Drawn };
        let mut lane = worlds.lane(world, StaticParams::default(), true);
        let start = lane.digest();
        let header = tape_header(&loaded.scenario.name, &loaded.hash, None, "hold");
        let sink = BufWriter::new(File::create(tape)?);
        lane.record_to(Box::new(sink), header, SNAPSHOT_EVERY_BLOCKS)?;
        let account = lane.world().get_resource::<AttackerAccounts>();
        let account = account.and_then(|accounts| accounts.0.first()).copied();
        let account = account.expect("Invariant: a quiet scenario has an attacker");
        // Nobody's: it orders ties behind everybody's.
        let actor = Actor { id: u32::MAX - 1, key: 0 };
        let mut hunt = Self { lane, actor, account, receipts: Receipts::default(), start };
        hunt.play(blocks);
        hunt.lane.open_block();
        Ok(hunt)
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

    /// What is searched: the chain as participants see it in the open block.
    #[must_use]
    pub fn ground(&self) -> Ground {
        let chain = self.lane.chain().clone();
        let fair = Fair::new(&chain, &self.lane.world().resource::<FairPrices>().fair);
        Ground {
            fair,
            attacker: self.account,
            pending: TxBuffer::default(),
            block_secs: u64::from(self.lane.config().block_secs),
            wait_blocks: 0,
            chain,
        }
    }

    /// Submits an attack's transactions in the open block and closes it; whether all of them succeeded.
    pub fn strike(&mut self, parts: &[Part]) -> bool {
        let base_fee = self.lane.chain().clock().base_fee;
        let (actor, account) = (self.actor, self.account);
        let mut outbox = self.lane.world_mut().resource_mut::<Outbox>();
        for part in parts {
            let gas = GasBid {
                // Liquidity that others take in the same block can make a call dearer.
                limit: part.gas + part.gas / 5,
                max_fee_per_gas: base_fee + TIP,
                max_priority_fee_per_gas: TIP,
            };
            outbox.submit(&actor, Wallet(account), gas, &part.calls);
        }
        self.lane.close_block(None);
        self.receipts.collect(0, 0, self.lane.chain(), self.lane.block());
        let mine = self.lane.block().included().filter(|(tx, _)| tx.header.sender == account);
        mine.filter(|(_, receipt)| receipt.outcome == Outcome::Success).count() == parts.len()
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
            metric_names: Metrics::names(&symbols),
            further: crate::episode::further(&self.lane, &loaded.scenario),
            receipts: self.receipts,
        })
    }
}

/// An incident's stage as it stood before anybody moved, its attacker the searcher; the name of the
/// incident beside it.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn stage(path: &Path, overrides: &[String]) -> Result<(String, Ground), Rejected> {
    let (incident, placed) = incident::stage(path, overrides)?;
    let named = incident.stage.attacker.as_deref();
    let found = named.and_then(|name| placed.names.account(name).ok());
    let attacker = found.unwrap_or_else(|| placed.names.world());
    let fair = Fair::new(&placed.chain, &placed.fair);
    let ground = Ground {
        chain: placed.chain,
        attacker,
        fair,
        pending: TxBuffer::default(),
        block_secs: u64::from(incident.stage.block_secs),
        wait_blocks: 0,
    };
    Ok((incident.id, ground))
}
