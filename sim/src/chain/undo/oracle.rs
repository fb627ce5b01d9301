//! What only composed oracles understand: what its writes leave behind to be undone.

use markets::oracle::twap::Observation;
use markets::units::FeedId;

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OracleUndo {
    /// *Action*: a window feed's checkpoint was written. *Revert*: take it out and put back the one that
    /// it replaced.
    Checkpoint { feed: FeedId, replaced: Option<Observation> },
}
