//! The lowest of two feeds: a lender's caution, and what the model of bZx-2 takes for its oracle.

use crate::units::FeedId;
use serde::{Deserialize, Serialize};

/// Says the lower of two prices; an error of either is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LowestFeed {
    /// The two.
    pub feeds: [FeedId; 2],
}
