//! Settle: the world's keepers, each by a taped call of its own.

use crate::chain::call::Call;
use crate::chain::{Chain, Feed};
use crate::config::Config;
use crate::further::FurtherMarkets;
use crate::mempool::Mempool;
use crate::views::PositionViews;
use bevy_ecs::prelude::*;
use markets::units::FeedId;

/// Checkpoints averages that are due, applies risk changes whose delay has passed, and re-reads the
/// accounts that the block touched.
pub fn settle_block(
    config: Res<Config>,
    mut chain: ResMut<Chain>,
    mut mempool: ResMut<Mempool>,
    mut positions: ResMut<PositionViews>,
    mut further: ResMut<FurtherMarkets>,
) {
    let now = chain.clock().timestamp;
    let keeper = chain.outside();
    for i in 0..chain.feeds().len() {
        let feed = FeedId(i as u16);
        if matches!(chain.feed(feed), Feed::Twap(twap) if twap.is_due(now)) {
            mempool.execute_system(&mut chain, keeper, &[Call::Checkpoint { feed }], |_| ());
        }
    }
    let market = config.market;
    if chain.pooled(market).state.pending.iter().any(|p| p.ready_at <= now) {
        mempool.execute_system(&mut chain, keeper, &[Call::ExecuteRisk { market }], |_| ());
    }
    positions.settle(&chain);
    further.settle(&chain);
}
