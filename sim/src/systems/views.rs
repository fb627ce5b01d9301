//! Views: what everybody may know, projected to now.

use crate::chain::Chain;
use crate::further::FurtherMarkets;
use crate::perpetuals::Perpetuals;
use crate::prices::FairPrices;
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::*;

/// Projects the markets, re-weights positions, asks exactly for whoever is near the line.
pub fn refresh_views(
    chain: Res<Chain>,
    prices: Res<FairPrices>,
    mut market: ResMut<MarketViews>,
    mut positions: ResMut<PositionViews>,
    mut further: ResMut<FurtherMarkets>,
    mut perpetuals: ResMut<Perpetuals>,
) {
    market.project(&chain, &prices);
    market.track();
    positions.sweep(&market);
    positions.find_at_risk(&chain);
    further.refresh(&chain, &prices);
    perpetuals.refresh(&chain);
}
