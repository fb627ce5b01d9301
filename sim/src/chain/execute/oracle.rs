//! Oracles: reports and checkpoints.

use super::super::call::{Log, OracleCall, Revert};
use super::super::undo::Undo;
use super::super::undo::oracle::OracleUndo;
use super::super::{Chain, Feed, Pool};
use super::{Context, Stop};
use markets::oracle::composed::ComposedFeed;
use markets::units::{AccountId, FeedId, PoolId, Price};

impl Chain {
    pub(super) fn push_price(
        &mut self,
        by: AccountId,
        feed: FeedId,
        price: Price,
    ) -> Result<(), Revert> {
        let slot = self.feeds.get_mut(feed.index()).ok_or(Revert::UnknownId)?;
        let Feed::Push(push) = slot else { return Err(Revert::UnknownId) };
        if push.reporter != by {
            return Err(Revert::NotAuthorised);
        }
        let mut new = *push;
        new.push(price, self.clock.timestamp);
        self.store_feed(feed, Feed::Push(new));
        self.logs.push(Log::PricePushed { feed, price });
        Ok(())
    }

    pub(super) fn checkpoint_feed(&mut self, feed: FeedId) -> Result<(), Revert> {
        let now = self.clock.timestamp;
        let pair = |pool: PoolId| {
            let pool = self.pools.get(pool.index()).and_then(Pool::constant_product);
            pool.ok_or(Revert::UnknownId)
        };
        match self.feeds.get_mut(feed.index()).ok_or(Revert::UnknownId)? {
            Feed::Twap(twap) => {
                let mut new = *twap;
                if new.checkpoint(pair(twap.pool)?, now)? {
                    self.store_feed(feed, Feed::Twap(new));
                }
            }
            Feed::Window(window) => {
                if let Some(new) = window.quote_checkpoint(pair(window.pool)?, now)? {
                    let replaced = window.record(new);
                    self.journal.push(Undo::Oracle(OracleUndo::Checkpoint { feed, replaced }));
                }
            }
            _ => return Err(Revert::UnknownId),
        }
        Ok(())
    }

    /// Stores a feed's new value, the old one journalled.
    pub(super) fn store_feed(&mut self, feed: FeedId, new: Feed) {
        let slot = &mut self.feeds[feed.index()];
        self.journal.feeds.push(std::mem::replace(slot, new));
        self.journal.push(Undo::Feed { feed });
    }
    pub(super) fn restore_feed(&mut self, feed: FeedId) {
        if let Some(old) = self.journal.feeds.pop() {
            self.feeds[feed.index()] = old;
        }
    }

    /// A call without a body.
    pub(super) fn oracle_call(
        &mut self,
        call: &OracleCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            OracleCall::Report { feed, price } => self.report(by, feed, price)?,
            OracleCall::Poke { feed } => {
                let new = self.poked(self.composed(feed)?)?;
                self.store_composed(feed, new);
            }
            OracleCall::Halt { feed } => {
                let new = match self.managed(by, feed)? {
                    ComposedFeed::Delayed(delayed) => ComposedFeed::Delayed(delayed.halted()),
                    ComposedFeed::Breaker(breaker) => {
                        ComposedFeed::Breaker(breaker.halted(self.clock.timestamp))
                    }
                    _ => return Err(Revert::UnknownId.into()),
                };
                self.store_composed(feed, new);
            }
            OracleCall::Lift { feed } => {
                let new = match self.managed(by, feed)? {
                    ComposedFeed::Delayed(delayed) => ComposedFeed::Delayed(delayed.reset()),
                    ComposedFeed::Breaker(breaker) => {
                        let seen = self.price(breaker.source);
                        ComposedFeed::Breaker(breaker.reset(seen, self.clock.timestamp)?)
                    }
                    _ => return Err(Revert::UnknownId.into()),
                };
                self.store_composed(feed, new);
            }
            OracleCall::SetFailover { feed, on } => {
                let ComposedFeed::Anchored(mut anchored) = self.managed(by, feed)? else {
                    return Err(Revert::UnknownId.into());
                };
                anchored.failover = on;
                self.store_composed(feed, ComposedFeed::Anchored(anchored));
            }
            OracleCall::SetSnapshot { feed, snapshot } => {
                let ComposedFeed::Capped(capped) = self.managed(by, feed)? else {
                    return Err(Revert::UnknownId.into());
                };
                let new = capped.with_snapshot(snapshot, self.clock.timestamp)?;
                self.store_composed(feed, ComposedFeed::Capped(new));
            }
        }
        Ok(())
    }

    /// A report to a median: a push to the source that is the sender's.
    fn report(&mut self, by: AccountId, feed: FeedId, price: Price) -> Result<(), Revert> {
        let ComposedFeed::Median(median) = self.composed(feed)? else {
            return Err(Revert::UnknownId);
        };
        let is_theirs = |id: &&FeedId| matches!(self.feeds.get(id.index()), Some(Feed::Push(push)) if push.reporter == by);
        let source = median.sources().iter().find(is_theirs).copied();
        self.push_price(by, source.ok_or(Revert::NotAuthorised)?, price)
    }

    /// What a poke makes of a feed.
    fn poked(&self, feed: ComposedFeed) -> Result<ComposedFeed, Revert> {
        let now = self.clock.timestamp;
        Ok(match feed {
            ComposedFeed::Delayed(delayed) => {
                ComposedFeed::Delayed(delayed.poked(self.price(delayed.source), now)?)
            }
            ComposedFeed::Anchored(anchored) => {
                let (report, anchor) = (self.price(anchored.reporter), self.price(anchored.anchor));
                ComposedFeed::Anchored(anchored.poked(report, anchor)?)
            }
            ComposedFeed::Breaker(breaker) => {
                ComposedFeed::Breaker(breaker.poked(self.price(breaker.source), now)?)
            }
            ComposedFeed::Median(_) | ComposedFeed::Capped(_) | ComposedFeed::Fallback(_) => {
                return Err(Revert::UnknownId);
            }
        })
    }

    /// A composed feed.
    fn composed(&self, feed: FeedId) -> Result<ComposedFeed, Revert> {
        match self.feeds.get(feed.index()) {
            Some(Feed::Composed(composed)) => Ok(*composed),
            _ => Err(Revert::UnknownId),
        }
    }

    /// A composed feed that the sender manages.
    fn managed(&self, by: AccountId, feed: FeedId) -> Result<ComposedFeed, Revert> {
        let composed = self.composed(feed)?;
        match composed.manager() {
            None => Err(Revert::UnknownId),
            Some(manager) if manager == by => Ok(composed),
            Some(_) => Err(Revert::NotAuthorised),
        }
    }

    /// Stores a composed feed where it changed.
    fn store_composed(&mut self, feed: FeedId, new: ComposedFeed) {
        if self.feeds[feed.index()] != Feed::Composed(new) {
            self.store_feed(feed, Feed::Composed(new));
        }
    }

    /// Undoes one entry.
    pub(super) fn oracle_undo(&mut self, entry: OracleUndo) {
        match entry {
            OracleUndo::Checkpoint { feed, replaced } => {
                if let Feed::Window(window) = &mut self.feeds[feed.index()] {
                    window.forget(replaced);
                }
            }
        }
    }
}
