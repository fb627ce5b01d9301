//! Exchanges: displacements decay, the last block's orders fill.

use crate::actor::Outbox;
use crate::chain::Chain;
use crate::exchange::Exchange;
use crate::prices::FairPrices;
use bevy_ecs::prelude::*;

/// Requotes around the replayed prices and fills the orders of the last block.
pub fn fill_orders(
    chain: Res<Chain>,
    mut exchange: ResMut<Exchange>,
    mut prices: ResMut<FairPrices>,
    mut outbox: ResMut<Outbox>,
) {
    exchange.requote(&mut prices);
    exchange.fill(&chain, &mut prices, &mut outbox);
}
