//! Observe: one row per due learner.

use crate::chain::Chain;
use crate::config::{Config, Episode};
use crate::exchange::Exchange;
use crate::factors::Factors;
use crate::observe::{Observations, Sight, health_shares};
use crate::prices::FairPrices;
use crate::views::{MarketViews, PositionViews};
use bevy_ecs::prelude::*;

/// What an observation reads.
#[derive(bevy_ecs::system::SystemParam)]
pub struct Seen<'w> {
    chain: Res<'w, Chain>,
    config: Res<'w, Config>,
    market: Res<'w, MarketViews>,
    positions: Res<'w, PositionViews>,
    exchange: Res<'w, Exchange>,
    prices: Res<'w, FairPrices>,
    factors: Res<'w, Factors>,
}

/// Writes the row and mask of the risk policy where it decides in this block.
pub fn observe(seen: Seen<'_>, episode: Res<Episode>, mut observations: ResMut<Observations>) {
    observations.due = Observations::is_due(&episode, &seen.config);
    if observations.due {
        look(&seen, &mut observations);
    }
}

/// Writes the row and mask whether or not a decision is due: an episode's final observation.
pub fn look_now(seen: Seen<'_>, mut observations: ResMut<Observations>) {
    look(&seen, &mut observations);
}

fn look(seen: &Seen<'_>, observations: &mut Observations) {
    let sight = Sight {
        chain: &seen.chain,
        config: &seen.config,
        market: &seen.market,
        positions: &seen.positions,
        exchange: &seen.exchange,
        prices: &seen.prices,
        factors: &seen.factors,
        health: health_shares(&seen.positions),
    };
    observations.write(&sight);
}
