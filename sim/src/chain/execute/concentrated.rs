//! What only a Uniswap v3 pool understands: how it is executed.

use super::super::Chain;
use super::super::call::concentrated::ConcentratedCall;
use super::super::undo::concentrated::ConcentratedUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn concentrated_call(
        &mut self,
        call: &ConcentratedCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn concentrated_open(
        &mut self,
        call: &ConcentratedCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn concentrated_undo(&mut self, entry: ConcentratedUndo) {
        match entry {}
    }
}
