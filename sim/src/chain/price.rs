//! What oracles made of oracles say now.

use super::Chain;
use arrayvec::ArrayVec;
use markets::oracle::OracleError;
use markets::oracle::composed::ComposedFeed;
use markets::units::{FeedId, Price};

impl Chain {
    /// A composed feed's price; what it reads is at most `depth` feeds deep.
    pub(super) fn composed_price(
        &self,
        feed: &ComposedFeed,
        depth: u8,
    ) -> Result<Price, OracleError> {
        let depth = depth.checked_sub(1).ok_or(OracleError::BrokenReference)?;
        let read = |id: FeedId| self.price_through(id, depth);
        let now = self.clock.timestamp;
        match feed {
            ComposedFeed::Median(median) => {
                let answers: ArrayVec<Price, _> =
                    median.sources().iter().filter_map(|source| read(*source).ok()).collect();
                median.price(answers)
            }
            ComposedFeed::Capped(capped) => {
                capped.price(read(capped.base)?, read(capped.ratio)?, now)
            }
            ComposedFeed::Delayed(delayed) => delayed.price(),
            ComposedFeed::Anchored(anchored) => anchored.price(),
            ComposedFeed::Fallback(fallback) => fallback.price(read),
            ComposedFeed::Breaker(breaker) => breaker.price(read(breaker.source), now),
        }
    }
}
