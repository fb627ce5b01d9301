//! Record: metrics, digest, tape.

use crate::chain::Chain;
use crate::config::{BlockGas, Config, Episode};
use crate::mempool::Mempool;
use crate::metrics::{BlockMetrics, Metrics};
use crate::perpetuals::Perpetuals;
use crate::prices::FairPrices;
use crate::record::{BlockDigest, BlockHeader};
use crate::reward::{EpisodeTotals, RewardState};
use crate::tape::Tape;
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::*;

/// Extends the digest and the tape.
#[expect(clippy::too_many_arguments, reason = "a system's arguments are what it looks at")]
pub fn record_block(
    config: Res<Config>,
    episode: Res<Episode>,
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mempool: Res<Mempool>,
    scored: Scored<'_>,
    mut digest: ResMut<BlockDigest>,
    mut tape: ResMut<Tape>,
    mut metrics: ResMut<BlockMetrics>,
    mut columns: ResMut<Metrics>,
) {
    let header = BlockHeader::of(chain.clock(), scored.gas.background_gas);
    digest.advance(header, mempool.included());
    tape.block(&chain, &prices, &digest);
    let (last, reverted) = (metrics.totals, scored.totals.reverted);
    *metrics = BlockMetrics {
        block: episode.block,
        timestamp: header.timestamp,
        base_fee_wei: header.base_fee,
        gas_used: chain.clock().gas_used,
        transactions: mempool.executed.len() as u64,
        reverted: reverted - last.reverted,
        dropped: u64::from(mempool.dropped),
        liquidations: scored.totals.liquidations - last.liquidations,
        at_risk: scored.positions.at_risk.len() as u64,
        supplied_usd: scored.market.supplied_usd(),
        borrowed_usd: scored.market.borrowed_usd(),
        totals: *scored.totals,
        objective_usd: scored.reward.objective_usd,
    };
    let every = u64::from(config.metrics_every_blocks.max(1));
    if config.record_metrics && episode.block.is_multiple_of(every) {
        columns.push(&metrics, &scored.market, &scored.perpetuals);
    }
}

/// What the block came to.
#[derive(bevy_ecs::system::SystemParam)]
pub struct Scored<'w> {
    gas: Res<'w, BlockGas>,
    totals: Res<'w, EpisodeTotals>,
    reward: Res<'w, RewardState>,
    market: Res<'w, MarketViews>,
    perpetuals: Res<'w, Perpetuals>,
    positions: Res<'w, PositionViews>,
}
