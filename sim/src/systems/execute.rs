//! Execute: each transaction atomically.

use crate::chain::Chain;
use crate::further::FurtherMarkets;
use crate::mempool::Mempool;
use crate::views::PositionViews;
use bevy_ecs::prelude::*;

/// Executes the ordered block and remembers whom it touched.
pub fn execute_block(
    mut chain: ResMut<Chain>,
    mut mempool: ResMut<Mempool>,
    mut positions: ResMut<PositionViews>,
    mut further: ResMut<FurtherMarkets>,
) {
    mempool.execute(&mut chain, |account| {
        positions.touch(account);
        further.touch(account);
    });
}
