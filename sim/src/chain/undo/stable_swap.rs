//! What only a StableSwap pool understands: what its writes leave behind to be undone.

use markets::units::PoolId;

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StableSwapUndo {
    /// *Action*: a pool changed. *Revert*: pop the old one from the StableSwap pools' stack.
    Pool { pool: PoolId },
}
