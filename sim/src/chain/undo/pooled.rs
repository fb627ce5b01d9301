//! What only a pooled market in Aave v3's shape understands: what its writes leave behind to be undone.

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PooledUndo {}
