//! Exchanges: books learn the price and match, displacements decay, the last block's orders fill.

use crate::actor::Outbox;
use crate::chain::Chain;
use crate::exchange::Exchange;
use crate::prices::FairPrices;
use bevy_ecs::prelude::*;

/// Tells books the new price, before their participants are asked.
pub fn open_books(prices: Res<FairPrices>, mut exchange: ResMut<Exchange>) {
    exchange.open_books(&prices);
}

/// Requotes around the replayed prices and fills the orders of the last block; books trade before and after.
pub fn fill_orders(
    chain: Res<Chain>,
    mut exchange: ResMut<Exchange>,
    mut prices: ResMut<FairPrices>,
    mut outbox: ResMut<Outbox>,
) {
    exchange.requote(&mut prices);
    exchange.fill(&chain, &mut prices, &mut outbox);
    exchange.close_books(&mut prices);
}
