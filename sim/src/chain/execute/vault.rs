//! What only vaults and their liquidation auctions in Maker's shape understand: how it is executed.

use super::super::Chain;
use super::super::call::vault::VaultCall;
use super::super::undo::vault::VaultUndo;
use super::body::Opened;
use super::{Context, Stop};

impl Chain {
    /// A call without a body.
    pub(super) fn vault_call(
        &mut self,
        call: &VaultCall,
        _context: &mut Context,
    ) -> Result<(), Stop> {
        match *call {}
    }
    /// Opens a call with a body.
    pub(super) fn vault_open(
        &mut self,
        call: &VaultCall,
        _context: &mut Context,
    ) -> Result<Opened, Stop> {
        match *call {}
    }
    /// Undoes one entry.
    pub(super) fn vault_undo(&mut self, entry: VaultUndo) {
        match entry {}
    }
}
