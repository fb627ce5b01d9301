//! Prices: the joint process moves, and with it the exogenous streams.

use crate::chain::Chain;
use crate::config::Episode;
use crate::factors::Factors;
use crate::prices::{FairPrices, PriceSource};
use crate::rng::{Purpose, Streams};
use bevy_ecs::prelude::*;

/// Steps the joint price process, quantised to 10⁻⁸.
pub fn step_prices(
    chain: Res<Chain>,
    streams: Res<Streams>,
    episode: Res<Episode>,
    mut source: ResMut<PriceSource>,
    mut prices: ResMut<FairPrices>,
    mut factors: ResMut<Factors>,
) {
    let mut rng = streams.at(Purpose::Prices, 0, episode.number, episode.block);
    source.joint.step(&mut rng);
    prices.take(&source);
    if !factors.0.is_empty() {
        let mut rng = streams.at(Purpose::Factors, 0, episode.number, episode.block);
        factors.step(chain.clock().timestamp, &mut rng);
    }
}
