//! What only a margin-trading desk in bZx's shape understands: how it is executed.

use super::super::Chain;
use super::super::call::desk::DeskCall;
use super::super::undo::desk::DeskUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn desk_call(
        &mut self,
        call: &DeskCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn desk_open(
        &mut self,
        call: &DeskCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn desk_undo(&mut self, entry: DeskUndo) {
        match entry {}
    }
}
