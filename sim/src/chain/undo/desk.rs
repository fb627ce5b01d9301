//! What only a margin-trading desk in bZx's shape understands: what its writes leave behind to be undone.

use markets::units::MarketId;

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum DeskUndo {
    /// *Action*: a desk's books changed. *Revert*: pop the old ones from the desks' stack.
    Books { market: MarketId },
    /// *Action*: a position changed, began or ended. *Revert*: pop the old one, or its absence, from the
    /// positions' stack.
    Position { market: MarketId },
}
