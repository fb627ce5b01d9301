//! Plays a stage's timeline, block by block, and keeps what figures are read from.

use super::act::{On, translate};
use super::names::{Refusal, price};
use super::place::{Placed, succeeded};
use super::schema::{Event, Moment, Stage};
use crate::check::Checker;
use markets::units::{AccountId, Amount, AssetId, FeedId};
use sim::chain::Chain;
use sim::chain::call::{Call, Log, Outcome, Transaction, TxHeader};
use sim::worth::Fair;
use std::sync::Arc;

/// A stage after its timeline.
#[derive(Clone, Debug)]
pub struct Played {
    /// The chain and fair prices at the start, after the setup.
    pub before: Placed,
    /// The chain and fair prices at the end.
    pub after: Placed,
    /// Transactions, in order.
    pub transactions: Vec<Done>,
    /// The lowest and highest that each feed said between transactions, in USD; `None` where it never had a
    /// price.
    pub seen: Vec<Option<(f64, f64)>>,
    /// Every log, with the fair prices of its time.
    pub logs: Vec<(Log, Arc<Fair>)>,
}

/// A transaction that was played.
#[derive(Clone, Debug)]
pub struct Done {
    /// Its name in the file.
    pub label: String,
    /// Whose.
    pub by: AccountId,
    /// The sender's balances before, by asset.
    pub before: Vec<Amount>,
    /// And after.
    pub after: Vec<Amount>,
    /// What each feed said after it, in USD.
    pub prices: Vec<Option<f64>>,
}

/// Plays the timeline; problems go to the checker, each at its place.
pub(crate) fn play(
    stage: &Stage,
    placed: Placed,
    at: &str,
    checker: &mut Checker<'_>,
) -> Option<Played> {
    let mut run = Run {
        stage,
        played: Played {
            before: placed.clone(),
            seen: vec![None; placed.chain.feeds().len()],
            after: placed,
            transactions: Vec::new(),
            logs: Vec::new(),
        },
        elapsed: 0,
    };
    run.played.look();
    let mut last = 0;
    for (i, moment) in stage.timeline.iter().enumerate() {
        let path = format!("{at}timeline.{i}");
        if moment.at_secs < last {
            checker.refuse(&path, "this is earlier than what stands before it", "sort by at_secs");
            return None;
        }
        if moment.at_secs > LAST_SECS {
            checker.refuse(
                &path,
                format!("{} s is later than a stage plays", moment.at_secs),
                "write seconds since the stage's start, ten years (315360000) at most",
            );
            return None;
        }
        last = moment.at_secs;
        if let Err((message, help)) = run.moment(moment) {
            checker.refuse(&path, message, help);
            return None;
        }
    }
    Some(run.played)
}

/// Most seconds from a stage's start to what happens there: ten years.
const LAST_SECS: u64 = 10 * 365 * 86_400;

struct Run<'a> {
    stage: &'a Stage,
    played: Played,
    /// Seconds from the start to the block that is open.
    elapsed: u64,
}

impl Run<'_> {
    fn moment(&mut self, moment: &Moment) -> Result<(), Refusal> {
        self.advance(moment.at_secs);
        let names = &self.played.after.names;
        match &moment.event {
            Event::Fair { asset, usd } => {
                let asset = names.asset(asset)?;
                price(*usd)?;
                self.played.after.fair[asset.index()] = *usd;
            }
            Event::Push { feed, usd } => {
                let (feed, by) = (names.feed(feed)?, names.world);
                self.run(by, &[Call::PushPrice { feed, price: price(*usd)? }])?;
                self.played.look();
            }
            Event::Transaction { label, by, calls: acts } => {
                let by = names.account(by)?;
                let mut calls = Vec::new();
                translate(On { chain: &self.played.after.chain, names, by }, acts, &mut calls)?;
                let before = balances(&self.played.after.chain, by);
                self.run(by, &calls)?;
                let prices = self.played.look();
                let chain = &self.played.after.chain;
                self.played.transactions.push(Done {
                    label: label.clone(),
                    by,
                    before,
                    after: balances(chain, by),
                    prices,
                });
            }
        }
        Ok(())
    }

    /// Opens the first block that is not earlier than a moment.
    fn advance(&mut self, at_secs: u64) {
        let secs = u64::from(self.stage.block_secs);
        let blocks = at_secs.saturating_sub(self.elapsed).div_ceil(secs);
        if blocks > 0 {
            self.played.skip(blocks, secs);
            self.elapsed += blocks * secs;
        }
    }

    fn run(&mut self, by: AccountId, calls: &[Call]) -> Result<(), Refusal> {
        succeeded(self.played.try_run(by, calls), calls)
    }
}

impl Played {
    /// Opens the block `blocks` on, each of `secs`; the ones in between hold nothing of interest, but markets
    /// that count blocks count them.
    fn skip(&mut self, blocks: u64, secs: u64) {
        let clock = self.after.chain.clock();
        let (block, timestamp) = (clock.block + blocks, clock.timestamp + blocks * secs);
        self.after.chain.begin_block_at(block, timestamp, 0);
    }

    /// Opens the next block, `secs` later.
    pub(crate) fn next(&mut self, secs: u32) {
        self.skip(1, u64::from(secs));
    }

    /// Executes, and keeps the logs.
    pub(crate) fn try_run(&mut self, by: AccountId, calls: &[Call]) -> Outcome {
        let after = &mut self.after;
        let seen = after.chain.logs().len();
        let outcome =
            after.chain.execute(Transaction { header: &TxHeader::free(by), calls }).outcome;
        let new = &after.chain.logs()[seen..];
        if !new.is_empty() {
            let fair = Arc::new(Fair::with_shares(&after.chain, &after.fair));
            self.logs.extend(new.iter().map(|log| (*log, Arc::clone(&fair))));
        }
        outcome
    }

    /// Looks at every feed; what each says.
    pub(crate) fn look(&mut self) -> Vec<Option<f64>> {
        let chain = &self.after.chain;
        let now: Vec<Option<f64>> = (0..chain.feeds().len())
            .map(|i| chain.price(FeedId(i as u16)).ok().map(markets::units::Price::usd))
            .collect();
        for (seen, now) in self.seen.iter_mut().zip(&now) {
            if let Some(now) = now {
                let (low, high) = seen.unwrap_or((*now, *now));
                *seen = Some((low.min(*now), high.max(*now)));
            }
        }
        now
    }
}

fn balances(chain: &Chain, account: AccountId) -> Vec<Amount> {
    let assets = (0..chain.assets().len()).map(|i| AssetId(i as u16));
    assets.map(|asset| chain.balance(account, asset)).collect()
}
