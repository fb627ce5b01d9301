//! Tick: the next block begins.

use crate::chain::Chain;
use crate::chain::gas::next_base_fee;
use crate::config::{BlockGas, Config, Episode};
use crate::further::FurtherMarkets;
use crate::views::PositionViews;
use bevy_ecs::prelude::*;

/// Advances block and time, clears scratch.
pub fn tick(
    config: Res<Config>,
    mut chain: ResMut<Chain>,
    mut gas: ResMut<BlockGas>,
    mut episode: ResMut<Episode>,
    mut positions: ResMut<PositionViews>,
    mut further: ResMut<FurtherMarkets>,
) {
    let clock = chain.clock();
    let base_fee = next_base_fee(clock.base_fee, clock.gas_used, clock.gas_limit);
    gas.background_gas = gas.demand(&config, base_fee).min(clock.gas_limit);
    chain.begin_block(clock.timestamp + u64::from(config.block_secs), gas.background_gas);
    episode.block += 1;
    positions.clear_touched();
    further.clear_touched();
}
