//! An incident's stage as a world to be searched: nobody is there but the searcher, and time goes by.

use super::SNAPSHOT_EVERY_BLOCKS;
use crate::episode::{EpisodeError, hex};
use crate::incident::{self, Incident};
use crate::manifest::{Build, DateSplit, MANIFEST_SCHEMA, Manifest, RunKind};
use crate::problem::Rejected;
use crate::stage::Placed;
use agents::attack::play::{Ground, Part};
use markets::units::AccountId;
use sim::chain::call::{Outcome, Receipt, Transaction, TxBuffer, TxHeader};
use sim::chain::{Chain, Digest};
use sim::prices::FairPrices;
use sim::record::{BlockDigest, BlockHeader};
use sim::tape::{Tape, TapeHeader};
use sim::worth::Fair;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

/// An incident's stage, some blocks after it was set.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The incident.
    pub id: String,
    /// Hash of its text, overrides applied, in hexadecimal.
    pub hash: String,
    /// What is searched; the incident's attacker is the searcher.
    pub ground: Ground,
    /// Its text, overrides applied, where it stands, and the overrides.
    text: String,
    path: PathBuf,
    overrides: Vec<String>,
    /// The stage as it was set.
    set: Chain,
    prices: Vec<f64>,
    blocks: u64,
}

/// Who and what is on a stage, whatever happens there.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who attacks.
    pub attacker: AccountId,
    /// What things are worth, as the stage was set.
    pub fair: Fair,
    /// Names of the feeds, by id.
    pub feeds: Vec<String>,
}

impl Setting {
    /// That of a taped attack, from the text that its manifest carries.
    ///
    /// # Errors
    /// Everything that is wrong with the text.
    pub fn recorded(manifest: &Manifest) -> Result<Self, Rejected> {
        let (path, text) = (&manifest.scenario_path, &manifest.scenario_text);
        let (incident, placed, _) = incident::stage_of(path, text, &[])?;
        Self::of(path, &incident, &placed)
    }

    fn of(path: &Path, incident: &Incident, placed: &Placed) -> Result<Self, Rejected> {
        let named = incident.stage.attacker.as_deref();
        let attacker = named.and_then(|name| placed.names.account(name).ok()).ok_or_else(|| {
            Rejected::whole(
                path,
                "the stage names nobody who attacks",
                "write one of its accounts as `attacker`, or give `--set 'stage.attacker=\"NAME\"'`",
            )
        })?;
        Ok(Self {
            attacker,
            fair: Fair::with_pair_shares(&placed.chain, &placed.fair),
            feeds: placed.names.feeds().to_vec(),
        })
    }
}

/// What came of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Whether all of its transactions succeeded.
    pub succeeded: bool,
    /// The last block.
    pub block: u64,
    /// The digest after it.
    pub digest: Digest,
}

impl Staged {
    /// Sets the stage of an incident file and lets so many blocks go by, at least one. An attack may let
    /// `wait_blocks` blocks go by at a time, if any; with `contract` the attacker has a second account.
    ///
    /// # Errors
    /// Everything that is wrong with the file.
    pub fn load(
        path: &Path,
        overrides: &[String],
        blocks: u64,
        wait_blocks: u32,
        contract: bool,
    ) -> Result<Self, Rejected> {
        let (incident, placed, text) = incident::stage(path, overrides)?;
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let Setting { attacker, fair, .. } = Setting::of(path, &incident, &placed)?;
        let block_secs = u64::from(incident.stage.block_secs);
        let (mut set, blocks) = (placed.chain, blocks.max(1));
        if contract {
            set.add_contract(attacker);
        }
        let mut chain = set.clone();
        (0..blocks).for_each(|_| next_block(&mut chain, block_secs));
        let pending = TxBuffer::default();
        let ground = Ground { chain, attacker, fair, pending, block_secs, wait_blocks };
        Ok(Self {
            id: incident.id,
            hash,
            ground,
            text,
            path: path.to_owned(),
            overrides: overrides.to_vec(),
            set,
            prices: placed.fair,
            blocks,
        })
    }

    /// What is to be said of a search here, and of an attack if one was played.
    #[must_use]
    pub fn manifest(&self, seed: u64, struck: Option<&Struck>, build: Build) -> Manifest {
        let set = self.set.clock().block;
        Manifest {
            schema: MANIFEST_SCHEMA,
            kind: RunKind::StagedAttack,
            scenario: self.id.clone(),
            scenario_hash: self.hash.clone(),
            scenario_text: self.text.clone(),
            scenario_path: self.path.clone(),
            overrides: self.overrides.clone(),
            seed,
            window: None,
            episode: 0,
            threads: 1,
            build,
            dates: DateSplit::default(),
            held_out: Vec::new(),
            templates: Vec::new(),
            start_digest: hex(&self.set.state_hash()),
            end_digest: struck.map_or_else(String::new, |struck| hex(&struck.digest)),
            blocks: struck.map_or(0, |struck| struck.block - set),
            files: Vec::new(),
        }
    }

    /// Submits an attack's transactions on the stage, taped from when it was set.
    ///
    /// # Errors
    /// A tape that cannot be written.
    pub fn strike(&self, parts: &[Part], tape: &Path) -> Result<Struck, EpisodeError> {
        let mut chain = self.set.clone();
        let mut history = BlockDigest::starting_at(chain.state_hash());
        let mut prices = FairPrices::default();
        prices.fair.clone_from(&self.prices);
        prices.fair.resize(chain.assets().len(), 0.0);
        let header = TapeHeader {
            scenario: self.id.clone(),
            scenario_hash: self.hash.clone(),
            block_secs: self.ground.block_secs as u32,
            notes: vec![("policy".to_owned(), "nobody".to_owned())],
            ..TapeHeader::default()
        };
        let sink = Box::new(BufWriter::new(File::create(tape)?));
        let every = SNAPSHOT_EVERY_BLOCKS;
        let mut tape = Tape::begin(sink, &header, every, &chain, &prices, history.digest)?;
        let mut close = |chain: &Chain, sent: &TxBuffer, receipts: &[Receipt]| {
            let header = BlockHeader::of(chain.clock(), 0);
            history.advance(header, sent.iter().zip(receipts));
            tape.block(chain, &prices, &history);
        };
        let (mut sent, mut receipts) = (TxBuffer::default(), Vec::new());
        let mut wait = self.blocks;
        let mut parts = parts.iter().peekable();
        while parts.peek().is_some() {
            for ahead in (0..wait).rev() {
                next_block(&mut chain, self.ground.block_secs);
                if ahead > 0 {
                    close(&chain, &TxBuffer::default(), &[]);
                }
            }
            let from = receipts.len();
            sent.clear();
            for part in parts.by_ref() {
                let header = TxHeader::free(self.ground.attacker);
                receipts.push(chain.execute(Transaction { header: &header, calls: &part.calls }));
                sent.push(header, &part.calls);
                wait = u64::from(part.then_wait);
                if wait > 0 {
                    break;
                }
            }
            close(&chain, &sent, &receipts[from..]);
        }
        tape.finish()?;
        let succeeded = receipts.iter().all(|receipt| receipt.outcome == Outcome::Success);
        Ok(Struck { succeeded, block: chain.clock().block, digest: history.digest })
    }
}

fn next_block(chain: &mut Chain, block_secs: u64) {
    let now = chain.clock().timestamp;
    chain.begin_block(now + block_secs, 0);
}
