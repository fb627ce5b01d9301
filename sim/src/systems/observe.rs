//! Observe: one row per due learner.

use crate::action::{Heads, Side};
use crate::chain::Chain;
use crate::config::{Config, Episode};
use crate::exchange::Exchange;
use crate::factors::Factors;
use crate::observe::{
    Observations, Sight, Visibility, book_dim, dim, heads_columns, health_shares, perpetual_dim,
    write_row,
};
use crate::perpetuals::Perpetuals;
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
    perpetuals: Res<'w, Perpetuals>,
    factors: Res<'w, Factors>,
    side: Option<Res<'w, Side>>,
}

impl Seen<'_> {
    /// Values of a public row.
    #[must_use]
    pub fn dim(&self) -> usize {
        let public = Visibility::Public;
        let books = book_dim(self.exchange.books().len(), public);
        let perpetuals = perpetual_dim(self.perpetuals.views().len(), public);
        let market =
            dim(self.market.reserves.len(), public) + heads_columns(self.heads(), public).count();
        market + books + perpetuals + self.factors.0.len()
    }
    /// The heads of the market's action table.
    #[must_use]
    pub fn heads(&self) -> Heads {
        Heads::of(self.chain.pooled(self.market.market))
    }
    /// Writes the public row of this moment, `[Seen::dim]`.
    pub fn write_row(&self, row: &mut [f32]) {
        write_row(&self.sight(), Visibility::Public, row);
    }
    fn sight(&self) -> Sight<'_> {
        Sight {
            chain: &self.chain,
            config: &self.config,
            market: &self.market,
            positions: &self.positions,
            exchange: &self.exchange,
            prices: &self.prices,
            perpetuals: &self.perpetuals,
            factors: &self.factors,
            health: health_shares(&self.positions),
        }
    }
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
    observations.write(&seen.sight());
    if let Some(side) = &seen.side {
        side.mask(seen.heads(), &mut observations.mask);
    }
}
