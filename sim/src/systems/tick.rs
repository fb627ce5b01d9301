//! Tick: the next block begins.

use crate::chain::Chain;
use crate::config::{Config, Episode};
use crate::views::PositionViews;
use bevy_ecs::prelude::*;

/// Advances block and time, clears scratch.
pub fn tick(
    config: Res<Config>,
    mut chain: ResMut<Chain>,
    mut episode: ResMut<Episode>,
    mut positions: ResMut<PositionViews>,
) {
    let timestamp = chain.clock().timestamp + u64::from(config.block_secs);
    chain.begin_block(timestamp, config.background_gas);
    episode.block += 1;
    positions.clear_touched();
}
