//! Oracles: reports and checkpoints.

use super::super::call::{Log, OracleCall, Revert};
use super::super::undo::Undo;
use super::super::undo::oracle::OracleUndo;
use super::super::{Chain, Feed, Pool};
use super::body::Opened;
use super::{Context, Stop};
use markets::units::{AccountId, FeedId, Price};

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
        let slot = self.feeds.get(feed.index()).ok_or(Revert::UnknownId)?;
        let Feed::Twap(twap) = slot else { return Err(Revert::UnknownId) };
        let pool = self.pools.get(twap.pool.index()).and_then(Pool::constant_product);
        let mut new = *twap;
        if new.checkpoint(pool.ok_or(Revert::UnknownId)?, self.clock.timestamp)? {
            self.store_feed(feed, Feed::Twap(new));
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
        match entry {}
    }
}
