//! Order: from the outbox to a total order.

use crate::actor::Outbox;
use crate::builder::Builder;
use crate::chain::Chain;
use crate::config::Episode;
use crate::mempool::Mempool;
use crate::rng::Streams;
use bevy_ecs::prelude::*;

/// Checks offers against the base fee and lets the builder order the block.
pub fn order_block(
    chain: Res<Chain>,
    streams: Res<Streams>,
    episode: Res<Episode>,
    builder: Res<Builder>,
    mut outbox: ResMut<Outbox>,
    mut mempool: ResMut<Mempool>,
) {
    mempool.collect(&mut outbox, builder.0.as_ref(), &chain, &streams, episode.number);
}
