//! The median of several feeds, with a quorum.
//!
//! The shape of the medianised oracles of Maker and Chainlink: no single reporter moves the price, and
//! half of them must agree to move it far.

use super::OracleError;
use crate::units::{FeedId, Price};
use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// Most sources of a median.
pub const MAX_SOURCES: usize = 15;

/// The median of the sources that have a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MedianFeed {
    sources: [FeedId; MAX_SOURCES],
    count: u8,
    /// Fewest sources that must have a price.
    pub quorum: u8,
}

impl MedianFeed {
    /// A median of these feeds; `None` where there are none or more than [`MAX_SOURCES`], or the quorum is
    /// zero or more than there are.
    #[must_use]
    pub fn new(sources: &[FeedId], quorum: u8) -> Option<Self> {
        let count = u8::try_from(sources.len()).ok()?;
        let fits = sources.len() <= MAX_SOURCES && quorum > 0 && quorum <= count;
        fits.then(|| {
            let mut all = [FeedId(0); MAX_SOURCES];
            all[..sources.len()].copy_from_slice(sources);
            Self { sources: all, count, quorum }
        })
    }

    /// The feeds it reads.
    #[must_use]
    pub fn sources(&self) -> &[FeedId] {
        &self.sources[..usize::from(self.count)]
    }

    /// The median of the answers; of an even number, the mean of the middle two, floored.
    ///
    /// # Errors
    /// [`OracleError::NoQuorum`] where too few sources have a price.
    pub fn price(&self, mut answers: ArrayVec<Price, MAX_SOURCES>) -> Result<Price, OracleError> {
        let n = answers.len();
        if n < usize::from(self.quorum) || n == 0 {
            return Err(OracleError::NoQuorum);
        }
        answers.sort_unstable();
        let (low, high) = (answers[(n - 1) / 2].0, answers[n / 2].0);
        Ok(Price(low + (high - low) / 2))
    }
}
