//! What only an isolated market in Morpho's shape understands: how it is executed.

use super::super::Chain;
use super::super::call::isolated::IsolatedCall;
use super::super::undo::isolated::IsolatedUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn isolated_call(
        &mut self,
        call: &IsolatedCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn isolated_open(
        &mut self,
        call: &IsolatedCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn isolated_undo(&mut self, entry: IsolatedUndo) {
        match entry {}
    }
}
