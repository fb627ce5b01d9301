//! What only a StableSwap pool understands: how it is executed.

use super::super::Chain;
use super::super::call::stable_swap::StableSwapCall;
use super::super::undo::stable_swap::StableSwapUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn stable_swap_call(
        &mut self,
        call: &StableSwapCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn stable_swap_open(
        &mut self,
        call: &StableSwapCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn stable_swap_undo(&mut self, entry: StableSwapUndo) {
        match entry {}
    }
}
