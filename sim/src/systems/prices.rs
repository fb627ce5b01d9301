//! Prices: the joint process moves.

use crate::config::Episode;
use crate::prices::{FairPrices, PriceSource};
use crate::rng::{Purpose, Streams};
use bevy_ecs::prelude::*;

/// Steps the joint price process, quantised to 10⁻⁸.
pub fn step_prices(
    streams: Res<Streams>,
    episode: Res<Episode>,
    mut source: ResMut<PriceSource>,
    mut prices: ResMut<FairPrices>,
) {
    let mut rng = streams.at(Purpose::Prices, 0, episode.number, episode.block);
    source.joint.step(&mut rng);
    prices.take(&source);
}
