//! Playing candidates on a fork: moves become calls, open ends are closed, and the result is measured.
//!
//! A candidate is a list of [`Step`]s. Each becomes one or two calls whose amount is read off the chain at
//! that moment. Where a flash loan is open at the end, what was gained is sold for what it must be repaid
//! with, wherever that brings most: as much as is needed, and where it brings more than it is worth. That is the
//! only rule of thumb here, and it holds for every candidate alike.

mod contract;
mod measure;
mod perform;
mod settle;

use super::moves::{Lender, Move};
use super::outcome::{Books, Owner, vaults, written_off_usd};
use markets::units::{AccountId, Amount, AssetId};
use measure::prices;
use serde::{Deserialize, Serialize};
use sim::chain::call::{Call, TxBuffer};
use sim::chain::{Chain, Session};
use sim::worth::Fair;

/// Progress of a candidate whose steps all went through, and that could not be closed; more than any has steps.
const CLOSING: f64 = 1e3;

/// Where an attack is searched: any world, an account in it, and what things are worth.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The chain, in the block that the attack would be in.
    pub chain: Chain,
    /// Who attacks; what it owns is its own capital.
    pub attacker: AccountId,
    /// What things are worth.
    pub fair: Fair,
    /// Transactions that wait in the mempool, in order: a bundle can stand around them.
    pub pending: TxBuffer,
    /// Seconds between two blocks.
    pub block_secs: u64,
    /// Blocks that an attack may let go by at a time; 0 where all is to happen in one block.
    pub wait_blocks: u32,
}

/// A move and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What.
    pub action: Move,
    /// Share of [`Self::scale`], or of what is at hand where there is none; 1 is all that is at hand.
    pub share: f64,
    /// What a share of one is, in smallest units: amounts then do not depend on one another.
    pub scale: Option<f64>,
}

impl Step {
    /// A share of what is at hand.
    #[must_use]
    pub const fn of(action: Move, share: f64) -> Self {
        Self { action, share, scale: None }
    }
    /// How much, of what is at hand.
    fn amount(&self, hand: Amount) -> Amount {
        if self.share >= 1.0 {
            return hand;
        }
        let wanted = self.share * self.scale.unwrap_or_else(|| hand.to_f64());
        Amount::from_f64_floor(wanted).min(hand)
    }
}

/// What a candidate came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Played {
    /// What the attacker gained, gas at the base fee paid, in USD; −∞ where the bundle fails.
    pub profit_usd: f64,
    /// What it could gain by taking the most that one market would lend now, in USD: at fair prices, or as it
    /// came out where it was tried and came to more. It ranks unfinished candidates.
    pub potential_usd: f64,
    /// What lenders are short of now and were not before, in USD.
    pub bad_debt_usd: f64,
    /// The same, and what others' shares of vaults are worth less, in USD.
    pub loss_usd: f64,
    /// How far it got: steps that went through, and the part of the loans that could be repaid.
    pub progress: f64,
    /// How far oracles and prices of shares were moved before open ends were closed: the sum of |ln| of the prices
    /// over those before; what was silenced, or began to speak, counts as one.
    pub distortion: f64,
    /// A name of the state that it led to, before open ends were closed.
    pub state: u64,
    /// The loans that pay best after it, where these were looked for and some go through.
    pub ahead: [Option<Move>; measure::LOANS_AHEAD],
}

impl Played {
    const FAILED: Self = Self {
        profit_usd: f64::NEG_INFINITY,
        potential_usd: f64::NEG_INFINITY,
        bad_debt_usd: 0.0,
        loss_usd: 0.0,
        progress: 0.0,
        distortion: 0.0,
        state: 0,
        ahead: [None; measure::LOANS_AHEAD],
    };
    /// Whether it went through.
    #[must_use]
    pub fn is_feasible(&self) -> bool {
        self.profit_usd > f64::NEG_INFINITY
    }
    /// The number of the step that failed, where one did.
    pub(super) fn stopped_at(&self) -> Option<usize> {
        let failed = !self.is_feasible() && self.progress < CLOSING;
        failed.then_some(self.progress as usize)
    }
    /// What the attacker gave up for good, gas included, in USD.
    #[must_use]
    pub fn spent_usd(&self) -> f64 {
        (-self.profit_usd).max(0.0)
    }
}

/// One transaction of an attack, and what comes after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Its calls, amounts exact.
    pub calls: Vec<Call>,
    /// Gas that it uses.
    pub gas: u64,
    /// The pending transaction that is let pass after it.
    pub then_pending: Option<u32>,
    /// Blocks that go by after it.
    pub then_wait: u32,
}

/// Everything about a candidate: its transactions and its measures.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its transactions.
    pub parts: Vec<Part>,
    /// What it came to.
    pub played: Played,
    /// Own money that was in it at one time or another, in USD.
    pub own_capital_usd: f64,
    /// Flash-borrowed, in USD.
    pub flash_usd: f64,
    /// Gas at the base fee, in USD.
    pub gas_usd: f64,
    /// By step: what was at hand, the largest that the asset's balance had been, and what was used, in
    /// smallest units. Zeros where the step has no amount.
    pub sizes: Vec<Sized>,
}

/// How much a step moved.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sized {
    /// What was at hand.
    pub hand: f64,
    /// The largest balance of the asset in its transaction so far.
    pub peak: f64,
    /// What was used.
    pub used: f64,
}

/// Plays candidates on a fork of a ground, and counts them.
#[derive(Debug)]
pub struct Player<'a> {
    ground: &'a Ground,
    /// The attacker, and its second account where it has one.
    owner: Owner,
    /// The copy that is played on; out of its place only while it is.
    fork: Option<Chain>,
    before: Books,
    /// Vaults' shares before: how many are others', in smallest units, and what stands behind one, in USD.
    entrusted: Vec<(AssetId, f64, f64)>,
    /// Wallet before, by asset.
    wallet: Vec<Amount>,
    /// The largest balance in the open transaction, by asset.
    peak: Vec<Amount>,
    /// What feeds said before, and what shares redeemed for.
    prices: Vec<f64>,
    calls: Vec<Call>,
    /// Candidates played so far.
    pub simulations: u64,
}

/// A transaction in the making, and its open loans.
struct Hand {
    session: Session,
    /// Assets lent and to whom they go back, innermost last.
    loans: Vec<(Lender, Amount)>,
    gas: u64,
    written_off_usd: f64,
}

impl<'a> Player<'a> {
    /// At the beginning.
    #[must_use]
    pub fn new(ground: &'a Ground) -> Self {
        let chain = &ground.chain;
        let assets = (0..chain.assets().len()).map(|i| AssetId(i as u16));
        let wallet: Vec<Amount> = assets.map(|a| chain.balance(ground.attacker, a)).collect();
        let owner = Owner::of(chain, ground.attacker, &ground.fair);
        Self {
            ground,
            fork: Some(chain.clone()),
            before: owner.books(chain, &ground.fair),
            entrusted: vaults(chain, &ground.fair)
                .map(|(share, usd)| {
                    let held = owner.accounts().map(|of| chain.balance(of, share).to_f64());
                    let own: f64 = held.sum();
                    (share, chain.ledger().total_supply(share).to_f64() - own, usd)
                })
                .collect(),
            peak: wallet.clone(),
            wallet,
            prices: prices(chain).collect(),
            owner,
            calls: Vec::new(),
            simulations: 0,
        }
    }

    /// The ground.
    #[must_use]
    pub const fn ground(&self) -> &'a Ground {
        self.ground
    }

    /// Plays a candidate.
    pub fn play(&mut self, steps: &[Step]) -> Played {
        self.simulations += 1;
        self.staged(steps, |player, chain, hand, run| {
            let Err(at) = run else { return player.finish(chain, hand, &mut None) };
            Played { progress: at as f64, ..Played::FAILED }
        })
    }

    /// Plays a candidate, and what it would come to with a loan more.
    fn play_ahead(&mut self, steps: &[Step]) -> Played {
        self.simulations += 1;
        self.staged(steps, |player, chain, hand, run| match run {
            Ok(()) => player.finish_ahead(chain, hand),
            Err(at) => Played { progress: at as f64, ..Played::FAILED },
        })
    }

    /// Plays a candidate's steps, then every child: the same with one more. `visit` hears what each
    /// child came to, and what it would with a loan more. Children that fail at once are counted, as others are.
    pub fn expand(
        &mut self,
        steps: &[Step],
        children: &mut dyn Iterator<Item = Step>,
        visit: &mut dyn FnMut(Step, Played),
    ) {
        if children_need_time(steps) {
            // Time cannot be undone step by step: each child from the beginning.
            let mut whole = steps.to_vec();
            for child in children {
                whole.push(child);
                let played = self.play_ahead(&whole);
                visit(child, played);
                whole.pop();
            }
            return;
        }
        let mut timed = Vec::new();
        self.staged(steps, |player, chain, hand, run| {
            if run.is_err() {
                return;
            }
            for child in children {
                if matches!(child.action, Move::Wait { .. }) {
                    timed.push(child);
                    continue;
                }
                player.simulations += 1;
                let mark = hand.session.mark(chain);
                let (loans, gas, lost) = (hand.loans.clone(), hand.gas, hand.written_off_usd);
                let whole = child.action.ends_transaction().then(|| hand.session.clone());
                let played = match player.step(chain, hand, &child, &mut None) {
                    Some(()) => player.finish_ahead(chain, hand),
                    None => Played { progress: steps.len() as f64, ..Played::FAILED },
                };
                if let Some(session) = whole {
                    // Another transaction had begun.
                    hand.session = session;
                }
                hand.session.back(chain, &mark);
                (hand.loans, hand.gas, hand.written_off_usd) = (loans, gas, lost);
                visit(child, played);
            }
        });
        for child in timed {
            let mut whole = steps.to_vec();
            whole.push(child);
            let played = self.play_ahead(&whole);
            visit(child, played);
        }
    }

    /// Plays a candidate and keeps everything about it; `None` where it fails.
    pub fn record(&mut self, steps: &[Step]) -> Option<Record> {
        let mut record = Some(Record {
            parts: Vec::new(),
            played: Played::FAILED,
            own_capital_usd: 0.0,
            flash_usd: 0.0,
            gas_usd: 0.0,
            sizes: Vec::with_capacity(steps.len()),
        });
        let played = self.on_fork(steps, |player, chain| {
            let mut hand = player.begin();
            for step in steps {
                player.step(chain, &mut hand, step, &mut record)?;
            }
            let played = player.finish(chain, &mut hand, &mut record);
            if let Some(record) = &mut record {
                record.gas_usd = player.ground.fair.gas_usd(&player.ground.chain, hand.gas);
            }
            Some(played)
        })?;
        let mut record = record?;
        record.played = played;
        played.is_feasible().then_some(record)
    }

    /// Begins a transaction.
    fn begin(&mut self) -> Hand {
        self.peak.clone_from(&self.wallet);
        let session = Session::begin(self.ground.attacker, std::mem::take(&mut self.calls));
        Hand { session, loans: Vec::new(), gas: 0, written_off_usd: 0.0 }
    }

    /// Runs the steps on the fork and gives what follows the hand and how far they went.
    fn staged<R>(
        &mut self,
        steps: &[Step],
        then: impl FnOnce(&mut Self, &mut Chain, &mut Hand, Result<(), usize>) -> R,
    ) -> R {
        self.on_fork(steps, |player, chain| {
            let mut hand = player.begin();
            let mut run = Ok(());
            for (i, step) in steps.iter().enumerate() {
                if player.step(chain, &mut hand, step, &mut None).is_none() {
                    run = Err(i);
                    break;
                }
            }
            let result = then(player, chain, &mut hand, run);
            player.calls = hand.session.into_calls();
            result
        })
    }

    /// Does something on the fork and leaves it as it was.
    fn on_fork<R>(&mut self, steps: &[Step], play: impl FnOnce(&mut Self, &mut Chain) -> R) -> R {
        // The fork is lent out, so that the rest of the player can be used beside it.
        let mut fork = self.fork.take().expect("Invariant: one play at a time");
        let result = if children_need_time(steps) {
            let result = play(self, &mut fork);
            fork.clone_from(&self.ground.chain);
            result
        } else {
            fork.what_if(|chain| play(self, chain))
        };
        self.fork = Some(fork);
        result
    }

    /// One step; `None` where it fails.
    fn step(
        &mut self,
        chain: &mut Chain,
        hand: &mut Hand,
        step: &Step,
        record: &mut Option<Record>,
    ) -> Option<()> {
        match step.action {
            Move::LetPass { pending } => {
                self.end_transaction(chain, hand, Some(pending), 0, record)?;
                let waiting = &self.ground.pending;
                if pending as usize >= waiting.len() {
                    return None;
                }
                chain.execute(waiting.get(pending as usize));
                self.push_size(record, Sized::default());
                return Some(());
            }
            Move::Wait { blocks } => {
                self.end_transaction(chain, hand, None, blocks, record)?;
                let clock = chain.clock();
                let secs = u64::from(blocks) * self.ground.block_secs;
                chain.begin_block_at(clock.block + u64::from(blocks), clock.timestamp + secs, 0);
                self.push_size(record, Sized::default());
                return Some(());
            }
            _ => {}
        }
        let size = self.perform(chain, hand, step, record)?;
        if let Some(record) = record {
            self.note_capital(chain, hand, record);
        }
        self.push_size(record, size);
        Some(())
    }

    fn push_size(&self, record: &mut Option<Record>, size: Sized) {
        if let Some(record) = record {
            record.sizes.push(size);
        }
    }

    /// Own money in the bundle: what the wallet is short of, loans not counted.
    fn note_capital(&self, chain: &Chain, hand: &Hand, record: &mut Record) {
        let mut usd = 0.0;
        for (i, own) in self.wallet.iter().enumerate() {
            let asset = AssetId(i as u16);
            let unit_usd = self.ground.fair.unit_usd(asset);
            if unit_usd > 0.0 && !own.is_zero() {
                let lent: f64 = hand
                    .loans
                    .iter()
                    .filter(|(lender, _)| lender.asset() == asset)
                    .map(|(_, amount)| amount.to_f64())
                    .sum();
                let mine = chain.balance(self.ground.attacker, asset).to_f64() - lent;
                usd += (own.to_f64() - mine).clamp(0.0, own.to_f64()) * unit_usd;
            }
        }
        record.own_capital_usd = record.own_capital_usd.max(usd);
    }

    /// Closes what is open and begins the next transaction.
    fn end_transaction(
        &mut self,
        chain: &mut Chain,
        hand: &mut Hand,
        then_pending: Option<u32>,
        then_wait: u32,
        record: &mut Option<Record>,
    ) -> Option<()> {
        self.settle(chain, hand).ok()?;
        hand.gas += hand.session.gas();
        if then_wait > 0 {
            // The next block begins with empty logs.
            hand.written_off_usd += written_off_usd(chain, &self.ground.fair);
        }
        if let Some(record) = record {
            let calls = hand.session.calls().to_vec();
            let gas = hand.session.gas();
            record.parts.push(Part { calls, gas, then_pending, then_wait });
        }
        hand.session = Session::begin(self.ground.attacker, Vec::new());
        Some(())
    }
}

/// Whether a candidate lets time go by, which cannot be undone.
fn children_need_time(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step.action, Move::Wait { .. }))
}
