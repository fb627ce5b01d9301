//! Plays steps, looks whether everything holds, and makes a failing sequence small.

use super::generate::{Generator, Rng, Step};
use super::world::{World, header};
use markets::units::{Amount, AssetId};
use sim::chain::call::{
    Call, ConcentratedCall, Log, Outcome, PairCall, PooledCall, Transaction, TxHeader, VaultCall,
};
use sim::chain::{Chain, Fork};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Transactions of an episode; each begins with the same world.
pub(crate) const EPISODE: u64 = 2_000;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) transactions: u64,
    pub(crate) succeeded: u64,
    pub(crate) refused: u64,
    pub(crate) reverted: u64,
    pub(crate) invalid: u64,
    pub(crate) calls: u64,
    pub(crate) blocks: u64,
    pub(crate) forced_reverts: u64,
    pub(crate) liquidations: u64,
    pub(crate) flash_loans: u64,
    /// Calls of transactions that succeeded, by kind.
    pub(crate) kinds: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.transactions += other.transactions;
        self.succeeded += other.succeeded;
        self.refused += other.refused;
        self.reverted += other.reverted;
        self.invalid += other.invalid;
        self.calls += other.calls;
        self.blocks += other.blocks;
        self.forced_reverts += other.forced_reverts;
        self.liquidations += other.liquidations;
        self.flash_loans += other.flash_loans;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind).or_default() += count;
        }
    }
}

/// A chain under test, with the fork that transactions are undone on.
#[derive(Debug)]
pub(crate) struct Player {
    chain: Chain,
    fork: Fork,
    /// Every so many transactions are also undone at every call.
    undo_every: u64,
    pub(crate) counts: Counts,
}

impl Player {
    pub(crate) fn new(world: &World, undo_every: u64) -> Self {
        let chain = world.chain.clone();
        let fork = Fork(world.chain.clone());
        Self { chain, fork, undo_every, counts: Counts::default() }
    }

    pub(crate) const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Does a step; at a block's end everything is audited.
    ///
    /// # Errors
    /// What does not hold.
    pub(crate) fn play(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Block { secs, gas } => {
                self.audit()?;
                let now = self.chain.clock().timestamp;
                self.chain.begin_block(now + secs, *gas);
                self.counts.blocks += 1;
            }
            Step::Send { sender, pays, gas_limit, calls } => {
                self.counts.transactions += 1;
                self.counts.calls += calls.len() as u64;
                let mut header = TxHeader { gas_limit: *gas_limit, ..header(*sender) };
                // A builder leaves out what does not fit the block.
                let clock = self.chain.clock();
                if let Some(fee) = pays
                    && clock.gas_used + gas_limit <= clock.gas_limit
                {
                    header.system = false;
                    header.max_fee_per_gas = *fee;
                    header.max_priority_fee_per_gas = 1_000_000_000;
                }
                if self.counts.transactions.is_multiple_of(self.undo_every) {
                    self.undo_everywhere(&header, calls)?;
                }
                let logs = self.chain.logs().len();
                let outcome = self.chain.execute(Transaction { header: &header, calls }).outcome;
                match outcome {
                    Outcome::Success => {
                        self.counts.succeeded += 1;
                        for call in calls {
                            *self.counts.kinds.entry(call.kind()).or_default() += 1;
                        }
                    }
                    Outcome::Refused(_) => self.counts.refused += 1,
                    Outcome::Reverted { .. } => self.counts.reverted += 1,
                    Outcome::Invalid => self.counts.invalid += 1,
                }
                for log in &self.chain.logs()[logs..] {
                    match log {
                        Log::Liquidation { .. } => self.counts.liquidations += 1,
                        Log::FlashLoan { .. } => self.counts.flash_loans += 1,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// What does not hold.
    pub(crate) fn audit(&mut self) -> Result<(), String> {
        self.chain.audit_all().map_err(|violation| violation.to_string())
    }

    /// Fails a transaction at every call on a fork: nothing may be left of it.
    fn undo_everywhere(&mut self, header: &TxHeader, calls: &[Call]) -> Result<(), String> {
        self.fork.sync(&self.chain);
        let before = self.fork.0.state_hash();
        // No gas, so that a revert may change nothing at all.
        let header = TxHeader { system: true, gas_limit: u64::MAX, ..*header };
        let mut broken = Vec::with_capacity(calls.len() + 1);
        for cut in 0..=calls.len() {
            broken.clear();
            broken.extend_from_slice(&calls[..cut]);
            for (at, call) in broken.iter_mut().enumerate() {
                shorten(call, (cut - at) as u16);
            }
            // No such mark was ever set.
            let min_gain = Amount::MAX;
            broken.push(Call::RequireGain { mark: 3, asset: AssetId(0), min_gain });
            let tx = Transaction { header: &header, calls: &broken };
            let outcome = self.fork.0.execute(tx).outcome;
            self.counts.forced_reverts += 1;
            match outcome {
                Outcome::Reverted { .. } => {
                    let after = self.fork.0.state_hash();
                    if after != before || !self.fork.0.logs().is_empty() {
                        return Err(format!("a revert at call {cut} leaves a trace of {calls:?}"));
                    }
                }
                // A code stays where it stood.
                Outcome::Refused(_) => self.fork.sync(&self.chain),
                Outcome::Success | Outcome::Invalid => {
                    return Err(format!("no revert at call {cut}: {outcome:?} of {broken:?}"));
                }
            }
        }
        let whole = Transaction { header: &header, calls };
        let (receipt, seen) = self.fork.0.simulate(whole, |chain, _| chain.state_hash());
        if self.fork.0.state_hash() != before {
            return Err(format!("a simulation leaves a trace of {calls:?}"));
        }
        let reverted = matches!(receipt.outcome, Outcome::Reverted { .. });
        if reverted && seen != before {
            return Err(format!("a revert leaves a trace of {calls:?}"));
        }
        Ok(())
    }
}

/// A body that is cut short ends with the call that fails.
fn shorten(call: &mut Call, left: u16) {
    match call {
        Call::FlashLoan { body, .. }
        | Call::By { body, .. }
        | Call::Concentrated(
            ConcentratedCall::Flash { body, .. }
            | ConcentratedCall::Swap { body: Some(body), .. }
            | ConcentratedCall::Mint { body: Some(body), .. },
        )
        | Call::Pooled(PooledCall::FlashLoan { body, .. })
        | Call::Pair(PairCall::Swap { body, .. })
        | Call::Vault(VaultCall::Take { body, .. }) => *body = (*body).min(left),
        _ => {}
    }
}

/// An episode that failed, at which step, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) steps: Vec<Step>,
    pub(crate) why: String,
}

/// Plays an episode of a seed.
///
/// # Errors
/// Where something does not hold.
pub(crate) fn episode(world: &World, seed: u64, undo_every: u64) -> Result<Counts, Box<Failed>> {
    let mut steps = Vec::new();
    let mut generator = Generator::new(world, Rng::new(seed));
    let mut player = Player::new(world, undo_every);
    let played = catch_unwind(AssertUnwindSafe(|| {
        while player.counts.transactions < EPISODE {
            let step = generator.step(player.chain());
            steps.push(step);
            player.play(&steps[steps.len() - 1])?;
        }
        player.audit()
    }));
    match flatten(played) {
        Ok(()) => Ok(player.counts),
        Err(why) => Err(Box::new(Failed { steps, why })),
    }
}

fn flatten(played: std::thread::Result<Result<(), String>>) -> Result<(), String> {
    played.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panicked: {}", text.unwrap_or("without a word")))
    })
}

/// Plays recorded steps.
///
/// # Errors
/// Where something does not hold.
pub(crate) fn replay(world: &World, steps: &[Step], undo_every: u64) -> Result<(), String> {
    let mut player = Player::new(world, undo_every);
    flatten(catch_unwind(AssertUnwindSafe(|| {
        for step in steps {
            player.play(step)?;
        }
        player.audit()
    })))
}

/// What kind of failure: the id of the property, or the first words.
pub(crate) fn kind(why: &str) -> &str {
    why.split(':').next().unwrap_or(why)
}

/// The least that still fails in the same way, at every call undone.
pub(crate) fn shrink(world: &World, failed: &Failed) -> Vec<Step> {
    let same =
        |steps: &[Step]| replay(world, steps, 1).is_err_and(|why| kind(&why) == kind(&failed.why));
    smallest(&failed.steps, same)
}

/// Drops whatever a failure does not need: halves, quarters, … single steps, then single calls.
pub(crate) fn smallest(steps: &[Step], same: impl Fn(&[Step]) -> bool) -> Vec<Step> {
    let mut steps = steps.to_vec();
    if !same(&steps) {
        return steps; // not a failure of the steps alone: the whole story then
    }
    let mut part = steps.len().div_ceil(2);
    loop {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps[..at].to_vec();
            fewer.extend_from_slice(&steps[(at + part).min(steps.len())..]);
            if same(&fewer) {
                steps = fewer;
            } else {
                at += part;
            }
        }
        if part == 1 {
            break;
        }
        part = part.div_ceil(2);
    }
    for at in 0..steps.len() {
        let Step::Send { calls, .. } = &steps[at] else { continue };
        for call in (0..calls.len()).rev() {
            let mut fewer = steps.clone();
            let Step::Send { calls, .. } = &mut fewer[at] else { unreachable!() };
            calls.remove(call);
            if same(&fewer) {
                steps = fewer;
            }
        }
    }
    steps
}

/// Writes steps, a JSON line each, and returns the file's path.
pub(crate) fn write(steps: &[Step], seed: u64) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("sequence-{seed}.jsonl"));
    let lines: Vec<String> =
        steps.iter().map(|step| serde_json::to_string(step).expect("plain values")).collect();
    std::fs::write(&path, lines.join("\n")).expect("the target folder can be written");
    path
}

/// Reads what [`write`] wrote.
pub(crate) fn read(path: &std::path::Path) -> Vec<Step> {
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_str(line).expect("a step a line")).collect()
}
