//! What only a Compound v2 market understands: what its writes leave behind to be undone.

/// One write that can be undone; old values beyond 64 bytes lie on side stacks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CompoundUndo {}
