//! Audit: invariants by id.

use crate::audit::{Audited, Depth, Stopped, check};
use crate::chain::Chain;
use crate::config::{Config, Episode};
use crate::mempool::Mempool;
use crate::prices::{FairPrices, PriceSource};
use crate::reward::RewardState;
use crate::views::PositionViews;
use bevy_ecs::prelude::*;

/// Checks every invariant; the first that is broken stops the lane.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it looks at")]
pub fn audit_block(
    config: Res<Config>,
    episode: Res<Episode>,
    source: Res<PriceSource>,
    prices: Res<FairPrices>,
    mempool: Res<Mempool>,
    positions: Res<PositionViews>,
    reward: Res<RewardState>,
    depth: Res<Depth>,
    mut chain: ResMut<Chain>,
    mut stopped: ResMut<Stopped>,
) {
    let audited = Audited {
        config: &config,
        episode: &episode,
        source: &source,
        prices: &prices,
        mempool: &mempool,
        positions: &positions,
        reward: &reward,
    };
    if let Err(violation) = check(&mut chain, *depth, &audited) {
        stopped.0.get_or_insert(violation);
    }
}
