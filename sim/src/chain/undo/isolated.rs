//! What an isolated market's writes leave behind to be undone.

use markets::units::MarketId;

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IsolatedUndo {
    /// *Action*: a market's state changed. *Revert*: pop the old one from the isolated markets' stack.
    State { market: MarketId },
}
