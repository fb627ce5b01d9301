//! What only a Compound v2 market understands: how it is executed.

use super::super::Chain;
use super::super::call::compound::CompoundCall;
use super::super::undo::compound::CompoundUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn compound_call(
        &mut self,
        call: &CompoundCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn compound_open(
        &mut self,
        call: &CompoundCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn compound_undo(&mut self, entry: CompoundUndo) {
        match entry {}
    }
}
