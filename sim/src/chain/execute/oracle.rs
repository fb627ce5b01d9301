//! Oracles: reports and checkpoints.

use super::super::call::{Log, OracleCall, Revert};
use super::super::undo::Undo;
use super::super::undo::oracle::OracleUndo;
use super::super::{Chain, Feed, Pool};
use super::body::Opened;
use super::{Context, Stop};
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
    pub(super) fn oracle_call(&mut self, call: &OracleCall, _: &mut Context) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn oracle_open(
        &mut self,
        call: &OracleCall,
        _: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
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
